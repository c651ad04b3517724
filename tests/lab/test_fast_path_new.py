"""New connections that the kernel places by picks dealt in advance: none is lost or told twice, and the servers get what the scheduler says."""

import socket
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from dual import NO_DAD  # noqa: E402
from ends import deep_ear, frames, mac_of  # noqa: E402
from fast import FastBench  # noqa: E402
from frames import ACK, FIN, SYN, TCP, ethernet, ipv4, ipv6, tcp, tell_frame  # noqa: E402
from world import World, entered, require_root, wait_until  # noqa: E402

require_root()
all_ways = pytest.mark.parametrize("method,family", [("nat", 4), ("nat", 6), ("dr", 4), ("dr", 6)])
CROWD = 4000  # connections


@pytest.fixture
def world():
    with World(**NO_DAD) as made:
        yield made


class Crowd:
    """Clients that nobody answers, all on one wire: what they send is sent as fast as can be."""

    def __init__(self, bench, method, family):
        self.bench, self.family = bench, family
        self.plug, self.to = frames(bench.client, "eth0"), mac_of(bench.director, "eth0")
        self.ears = {name: deep_ear(server.host) for name, server in bench.site.servers.items()}
        self.port = 8080 if method == "nat" else 80
        for server in bench.site.servers.values():
            server.host.run("nft", "add table inet quiet; add chain inet quiet out { type filter hook output priority 0; }; "
                            f"add rule inet quiet out tcp sport {self.port} drop")

    def client(self, number):
        address = f"192.0.2.{1 + number % 200}" if self.family == 4 else f"2001:db8:77::{1 + number % 200:x}"
        return address, 1024 + number // 200

    def send(self, numbers, flags, sequence):
        for number in numbers:
            address, port = self.client(number)
            segment = tcp(address, self.bench.vip, port, 80, flags, sequence)
            self.plug.send(ethernet(self.to, "02:00:00:00:00:66",
                                    (ipv4 if self.family == 4 else ipv6)(address, self.bench.vip, TCP, segment)))

    def heard(self):
        """Of each server: the clients whose SYN it got, and how often."""
        found = {}
        for name, ear in self.ears.items():
            ear.setblocking(False)
            found[name] = Counter()
            try:
                while frame := ear.recv(2000):
                    fields = tell_frame(frame) if frame[12:14] in (b"\x08\0", b"\x86\xdd") else {}
                    if fields.get("protocol") == TCP and fields["destination port"] == self.port and fields["flags"] == SYN:
                        found[name][fields["source"], fields["source port"]] += 1
            except BlockingIOError:
                pass
        return found


@all_ways
def test_every_syn_of_a_crowd_begins_one_connection_and_goes_to_one_server(world, method, family):
    bench = FastBench(world, method, family)
    crowd = Crowd(bench, method, family)
    before = bench.counters()
    grown = lambda name: bench.counters().get(name, 0) - before.get(name, 0)  # noqa: E731
    heard = {name: Counter() for name in crowd.ears}
    for first in range(0, CROWD, 500):  # no more than an ear holds
        crowd.send(range(first, first + 500), SYN, 1000)
        wait_until("each is known", lambda last=first + 500: grown("new_flows") == last, 20)
        for name, those in crowd.heard().items():
            heard[name] += those
    assert grown("fast_new_flows") > CROWD / 8, bench.counters()
    everybody = sum(heard.values(), Counter())
    assert len(everybody) == CROWD and set(everybody.values()) == {1}
    # Round robin: some were placed by the engine beside those that were dealt.
    assert all(abs(len(each) - CROWD / len(heard)) < CROWD / 15 for each in heard.values()), {name: len(each) for name, each in heard.items()}
    # Those that come again go where they went.
    crowd.send(range(100), SYN, 1000)
    wait_until("they come again", lambda: grown("to_server") >= CROWD + 100, 10)
    for name, again in crowd.heard().items():
        assert set(again) <= set(heard[name])
    crowd.send(range(CROWD), ACK, 1001)
    wait_until("all are established", lambda: bench.count_states() == {"ESTABLISHED": CROWD}, 20, every=0.3)
    crowd.send(range(CROWD), FIN | ACK, 1001)
    wait_until("all have ended", lambda: bench.count_states() == {"CLOSE_WAIT" if method == "nat" else "FIN_WAIT": CROWD}, 20, every=0.3)
    assert grown("new_flows") == CROWD


@all_ways
def test_real_clients_in_a_crowd_are_all_served(world, method, family):
    bench = FastBench(world, method, family)
    before = bench.counters()

    def visits(_):
        answered = Counter()
        with entered(bench.client.ns):
            for _ in range(150):
                with socket.create_connection((bench.vip, 80), timeout=10) as plug:
                    plug.sendall(b"GET /who HTTP/1.0\r\n\r\n")
                    data = b""
                    while more := plug.recv(1000):
                        data += more
                    answered[data.split(b"\r\n\r\n")[1].strip()] += 1
        return answered

    with ThreadPoolExecutor(8) as pool:
        answered = sum(pool.map(visits, range(8)), Counter())
    assert sum(answered.values()) == 8 * 150
    assert all(abs(answered[name.encode()] - 8 * 150 / len(bench.site.servers)) < 8 * 10 for name in bench.site.servers), answered
    # A port that is used again goes on in the flow there is.
    wait_until("each is known", lambda: 8 * 150 * 0.9 <= bench.counters()["new_flows"] - before.get("new_flows", 0) <= 8 * 150, 10)
    wait_until("each has ended", lambda: not {"ESTABLISHED", "SYN_RECV"} & set(bench.count_states()), 10, every=0.3)
