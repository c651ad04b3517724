"""Datagrams larger than the wire on real traffic, in both families: clients' and servers' kernels cut them and put them together, the director does neither."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from alone import BULK, PYTHON, Bench  # noqa: E402
from dual import CLIENT6, VIP6  # noqa: E402
from test_forwarding6 import world  # noqa: E402,F401  a fixture
from topology import VIP  # noqa: E402
from world import wait_until  # noqa: E402

FRAGMENTS = Path(__file__).parent / "fragments.py"

ECHO = """
import hashlib, os, socket, sys
plug = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
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
plug = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
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


def echo(bench, host, port, *sizes, check=True):
    return bench.client.run(PYTHON, "-c", ECHO, host, port, *sizes, check=check).strip()


# How the ways to servers go: method, the clients' family, the servers'.
METHODS = [("nat", 4, 4), ("dr", 4, 4), ("tun", 4, 4), ("nat", 6, 6), ("dr", 6, 6), ("tun", 6, 6), ("tun", 6, 4), ("tun", 4, 6)]


def learn_what_fits(bench, ask):
    """By IPv6 nobody cuts a client's packets but the client, which is told so when the first one does not fit into its tunnel."""
    if bench.method == "tun" and ":" in bench.vip:
        ask()


@pytest.mark.parametrize("method,clients,servers,kernel_forwards",
                         [("nat", 4, 4, 0), ("nat", 6, 6, 0)] + [(*way, 1) for way in METHODS])
def test_datagrams_of_many_parts_arrive_both_ways(world, method, clients, servers, kernel_forwards):  # noqa: F811
    bench = Bench(world, method, clients, servers, kernel_forwards)
    learn_what_fits(bench, lambda: echo(bench, bench.vip, 7, 1473, check=False))
    for _ in range(3):
        assert echo(bench, bench.vip, 7, 1473, 2000, 4000, 8900, 30000, 65000) == "all came back"
    bench.no_kernel_interference()
    # Parts that came before the first: a network of several ways brings them so.
    assert bench.client.run(PYTHON, FRAGMENTS, "backwards", bench.vip, 7, 4000).strip() == "4000"
    counters = bench.stop()
    assert counters["fragments_held"] == 2
    assert not any(name.startswith("drop_fragment") for name in counters), counters  # what is zero is not printed


@pytest.mark.parametrize("method,clients,servers", METHODS)
def test_a_name_server_answers_in_parts(world, method, clients, servers):  # noqa: F811
    bench = Bench(world, method, clients, servers)
    texts = [f"--txt-record=big.test,{number:02d}{'x' * 100}" for number in range(30)]
    for server in bench.site.servers.values():
        server.host.start("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
                          "--pid-file=", "--edns-packet-max=4096", *texts, log=f"{server.name}.dns.log")
    for server in bench.site.servers.values():
        wait_until("dnsmasq listens", lambda s=server: ":53 " in s.host.run("ss", "-uln"), 10)
    for _ in range(6):
        answers, length = map(int, bench.client.run(PYTHON, "-c", ASK, bench.vip, 53).split())
        assert answers == 30 and length > 3000
    bench.no_kernel_interference()
    assert "drop_fragment" not in bench.stop()


@pytest.mark.parametrize("family", [4, 6])
def test_what_overlaps_or_ends_beyond_the_end_is_dropped_and_counted(world, family):  # noqa: F811
    bench = Bench(world, "nat", family, family)
    assert bench.client.run(PYTHON, FRAGMENTS, "overlap", bench.vip, 7).strip() == "silence"
    bench.client.run(PYTHON, FRAGMENTS, "death", bench.vip, 7)
    bench.client.run(PYTHON, FRAGMENTS, "death", bench.vip, 80)
    assert echo(bench, bench.vip, 7, 3000) == "all came back"
    assert bench.get("who")
    counters = bench.stop()
    assert counters["drop_fragment"] == 5, "one that overlaps, two beyond the end, two without a whole TCP header"


@pytest.mark.parametrize("vip,outside,inside,client,network", [
    (VIP, "198.51.100.2", "10.0.1.2", "198.51.100.100", "10.0.1.0/24"), (VIP6, "2001:db8:51::2", "fd00:1::2", CLIENT6, "fd00:1::/64")],
    ids=["4", "6"])
def test_the_directors_own_sockets_still_get_theirs(world, vip, outside, inside, client, network):  # noqa: F811
    """Later parts have no ports: what is silenced must be known by more than the address."""
    family = 6 if vip == VIP6 else 4
    bench = Bench(world, "nat", family, family)
    serve_echo(bench.director, "5599", "own.echo.log")
    server = bench.site.servers["web1"].host
    for _ in range(3):
        # Between the service's: from the same client, of the same protocol, to the same address.
        assert echo(bench, vip, 7, 4000) == "all came back"
        assert echo(bench, vip, 5599, 4000, 8000) == "all came back"
        assert echo(bench, outside, 5599, 4000) == "all came back"
        # A NAT server talks to the director itself, and through it to others from ports of its own.
        assert server.run(PYTHON, "-c", ECHO, inside, "5599", "4000").strip() == "all came back"
    serve_echo(bench.client, "5600", "client.echo.log")
    bench.client.ip("route", "add", network, "via", outside)
    assert server.run(PYTHON, "-c", ECHO, client, "5600", "4000").strip() == "all came back"
    assert bench.client.run("ping", "-c1", "-W2", "-s", "4000", vip)
    assert "drop_fragment" not in bench.stop()
