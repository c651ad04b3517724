"""A flood of SYNs at a bounded rate: what stands goes on, new clients get in, the director's memory stays; and limits keep it from the servers."""

import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from test_forwarding import PYTHON, Bench, counted  # noqa: E402
from topology import VIP  # noqa: E402

FLOOD = Path(__file__).parent / "flood.py"
PER_SECOND, SECONDS = 4000, 6

# A connection that says something every 50 ms and wants its answer: the longest wait, or the failure.
STANDING = """
import http.client, sys, time
connection = http.client.HTTPConnection(sys.argv[1], timeout=5)
end, worst, count = time.monotonic() + float(sys.argv[2]), 0, 0
while time.monotonic() < end:
    begin = time.monotonic()
    connection.request("GET", "/who")
    connection.getresponse().read()
    worst, count = max(worst, time.monotonic() - begin), count + 1
    time.sleep(0.05)
print(count, int(worst * 1000))
"""

# New connections one after the other: how many there were, and how many were answered within two seconds.
NEW = """
import socket, sys, time
end, tried, answered = time.monotonic() + float(sys.argv[2]), 0, 0
while time.monotonic() < end:
    tried += 1
    try:
        with socket.create_connection((sys.argv[1], 80), timeout=2) as plug:
            plug.sendall(b"GET /who HTTP/1.0\\r\\n\\r\\n")
            answered += b"200" in plug.recv(100)
    except OSError:
        pass
    time.sleep(0.02)
print(tried, answered)
"""


def private_kilobytes(bench):
    return int(re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{bench.process.pid}/status").read_text())[1])


def flood(bench):
    """Returns (requests of the standing connection, its longest ms), (new tried, answered), kilobytes more."""
    standing = bench.client.start(PYTHON, "-c", STANDING, VIP, SECONDS + 1, log="standing.log")
    time.sleep(0.5)
    before = private_kilobytes(bench)
    new = bench.client.start(PYTHON, "-c", NEW, VIP, SECONDS - 1, log="new.log")
    sent = int(bench.client.run(PYTHON, FLOOD, VIP, 80, PER_SECOND, SECONDS))
    assert sent > PER_SECOND * SECONDS / 3, "the flood itself did not come about"
    more = private_kilobytes(bench) - before
    assert standing.wait(timeout=20) == 0 and new.wait(timeout=20) == 0
    words = [tuple(map(int, (bench.world.folder / name).read_text().split())) for name in ("standing.log", "new.log")]
    print(f"{sent} SYNs in {SECONDS} s: standing connection {words[0][0]} answers, longest {words[0][1]} ms; "
          f"new connections {words[1][1]} of {words[1][0]}; {more} KB more")
    return *words, more


def test_a_flood_leaves_standing_and_new_connections_and_memory_alone(world):  # noqa: F811
    bench = Bench(world, "nat")
    standing, new, more = flood(bench)
    assert standing[0] > 20 and standing[1] < 3000
    assert new[1] >= new[0] * 9 // 10 and new[0] > 10
    assert more < 8 << 10
    assert counted(bench)["new_flows"] > PER_SECOND * SECONDS / 3


def test_a_limit_keeps_a_flood_from_the_servers(world):  # noqa: F811
    bench = Bench(world, "nat")
    bench.stop()
    bench.site.document["services"]["web"]["limits"] = {"per_second": 200}
    bench.site.write()
    bench.start()
    standing, new, more = flood(bench)
    assert standing[0] > 20 and standing[1] < 3000, "what stands is not limited"
    counters = counted(bench)
    assert counters["new_flows"] <= 200 * (SECONDS + 8)
    assert counters["drop_limit_rate"] > PER_SECOND * SECONDS / 4
    assert more < 8 << 10


def test_one_clients_flood_takes_nothing_from_others(world):  # noqa: F811
    bench = Bench(world, "nat")
    bench.stop()
    bench.site.document["services"]["web"]["limits"] = {"client_per_second": 20, "ipv4_prefix": 15}
    bench.site.write()
    bench.start()
    # All of 198.18.0.0/15 is one client; the honest one, 198.51.100.100, is another.
    standing, new, _ = flood(bench)
    counters = counted(bench)
    assert counters["drop_limit_client_rate"] > PER_SECOND * SECONDS / 4
    assert standing[0] > 20
    assert new[1] > 10, new
