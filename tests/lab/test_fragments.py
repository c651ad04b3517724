"""Datagrams larger than the wire on real traffic: clients' and servers' kernels cut them and put them together, the director does neither."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from test_forwarding import BULK, PYTHON, Bench, counted  # noqa: E402
from topology import VIP  # noqa: E402
from world import wait_until  # noqa: E402

FRAGMENTS = Path(__file__).parent / "fragments.py"

ECHO = """
import hashlib, os, socket, sys
plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
plug.settimeout(3)
for size in map(int, sys.argv[3:]):
    data = os.urandom(size)
    plug.sendto(data, (sys.argv[1], int(sys.argv[2])))  # not connected: a server of dr answers by its own address
    assert plug.recv(65535) == data, size
print("all came back")
"""

# One name with thirty long texts, asked for with room for 4,096 bytes (RFC 6891).
ASK = """
import socket, struct, sys
plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
plug.settimeout(3)
plug.connect((sys.argv[1], int(sys.argv[2])))
question = b"\\x03big\\x04test\\0" + struct.pack("!HH", 16, 1)
plug.send(struct.pack("!6H", 7, 0x0100, 1, 0, 0, 1) + question + b"\\0" + struct.pack("!HHIH", 41, 4096, 0, 0))
answer = plug.recv(65535)
flags, answers = struct.unpack("!2xH2xH", answer[:8])
assert not flags & 0x0200, "truncated"
print(answers, len(answer))
"""


def serve_echo(host, port, log):
    host.start(PYTHON, BULK, "echo", port, log=log)
    wait_until("the echo listens", lambda: f":{port} " in host.run("ss", "-uln"), 10)


def echo(bench, host, port, *sizes):
    return bench.client.run(PYTHON, "-c", ECHO, host, port, *sizes).strip()


@pytest.mark.parametrize("method,kernel_forwards", [("nat", 0), ("nat", 1), ("dr", 1), ("tun", 1)])
def test_datagrams_of_many_parts_arrive_both_ways(world, method, kernel_forwards):  # noqa: F811
    bench = Bench(world, method, kernel_forwards)
    for _ in range(3):
        assert echo(bench, VIP, 7, 1473, 2000, 4000, 8900, 30000, 65000) == "all came back"
    bench.no_kernel_interference()
    # Parts that came before the first: a network of several ways brings them so.
    assert bench.client.run(PYTHON, FRAGMENTS, "backwards", VIP, 7, 4000).strip() == "4000"
    counters = counted(bench)
    assert counters["fragments_held"] == 2
    assert not any(name.startswith("drop_fragment") for name in counters), counters  # what is zero is not printed


@pytest.mark.parametrize("method", ["nat", "dr", "tun"])
def test_a_name_server_answers_in_parts(world, method):  # noqa: F811
    bench = Bench(world, method)
    texts = [f"--txt-record=big.test,{number:02d}{'x' * 100}" for number in range(30)]
    port = 5307 if method == "nat" else 53
    servers = bench.site.document["services"]["web"]["servers"]
    bench.site.document["services"]["dns"] = {
        "address": VIP, "port": 53, "protocol": "udp", "forward": method, "scheduler": "rr", "check": "none",
        "servers": {name: {"address": server["address"], "port": port} for name, server in servers.items()}}
    bench.site.write()
    for server in bench.site.servers.values():
        server.host.start("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
                          "--pid-file=", "--edns-packet-max=4096", f"--port={port}", *texts, log=f"{server.name}.dns.log")
    bench.stop()
    bench.start()
    for _ in range(6):
        answers, length = map(int, bench.client.run(PYTHON, "-c", ASK, VIP, 53).split())
        assert answers == 30 and length > 3000
    bench.no_kernel_interference()
    assert "drop_fragment" not in counted(bench)


def test_what_overlaps_or_ends_beyond_the_end_is_dropped_and_counted(world):  # noqa: F811
    bench = Bench(world, "nat")
    server_sees = bench.site.servers["web1"].host.start("tcpdump", "-U", "--immediate-mode", "-i", "eth0", "-w", world.folder / "web1.pcap",
                                                        "udp or tcp", log="web1.tcpdump.log")
    assert bench.client.run(PYTHON, FRAGMENTS, "overlap", VIP, 7).strip() == "silence"
    bench.client.run(PYTHON, FRAGMENTS, "death", VIP, 7)
    bench.client.run(PYTHON, FRAGMENTS, "death", VIP, 80)
    assert echo(bench, VIP, 7, 3000) == "all came back"
    assert bench.get("who")
    server_sees.terminate()
    counters = counted(bench)
    assert counters["drop_fragment"] == 5, "one that overlaps, two beyond the end, two without a whole TCP header"


def test_the_directors_own_sockets_still_get_theirs(world):  # noqa: F811
    """Later parts have no ports: what is silenced must be known by more than the address."""
    bench = Bench(world, "nat")
    serve_echo(bench.director, "5599", "own.echo.log")
    server = bench.site.servers["web1"].host
    for _ in range(3):
        # Between the service's: from the same client, of the same protocol, to the same address.
        assert echo(bench, VIP, 7, 4000) == "all came back"
        assert echo(bench, VIP, 5599, 4000, 8000) == "all came back"
        assert echo(bench, "198.51.100.2", 5599, 4000) == "all came back"
        # A NAT server talks to the director itself, and through it to others from ports of its own.
        assert server.run(PYTHON, "-c", ECHO, "10.0.1.2", "5599", "4000").strip() == "all came back"
    serve_echo(bench.client, "5600", "client.echo.log")
    bench.client.ip("route", "add", "10.0.1.0/24", "via", "198.51.100.2")
    assert server.run(PYTHON, "-c", ECHO, "198.51.100.100", "5600", "4000").strip() == "all came back"
    assert bench.client.run("ping", "-c1", "-W2", "-s", "4000", VIP)
    assert "drop_fragment" not in counted(bench)
