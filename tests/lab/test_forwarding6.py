"""IPv6 forwarding alone on real traffic: by each method, across the families, with real servers; kernel offloads as they come."""

import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from alone import ALL, PYTHON, Bench  # noqa: E402
from dual import CLIENT6, GATEWAY6, NO_DAD, ROUTER6, SERVERS6, VIP6, give  # noqa: E402
from world import World, require_root, wait_until  # noqa: E402

require_root()
WAYS = [("nat", 6, 6), ("fullnat", 6, 6), ("dr", 6, 6), ("tun", 6, 6), ("tun", 6, 4), ("tun", 4, 6)]


@pytest.fixture
def world():
    with World(**NO_DAD) as made:
        yield made


@pytest.mark.parametrize("kernel_forwards", [0, 1])
@pytest.mark.parametrize("method,clients,servers", WAYS)
def test_every_byte_arrives_and_the_kernel_keeps_silent(world, method, clients, servers, kernel_forwards):
    bench = Bench(world, method, clients, servers, kernel_forwards)
    assert bench.who() == ALL
    bench.fetch(20 << 20, 20 << 20)
    assert bench.echo("hello") == "hello"
    assert bench.echo("x" * 1400) == "x" * 1400
    bench.no_kernel_interference()
    assert "1 received" in bench.client.run("ping", "-c1", "-W2", bench.vip), "the kernel answers"
    counters = bench.stop()
    assert counters["drop_no_route"] == counters["drop_no_port"] == counters["drop_too_long"] == 0


@pytest.mark.parametrize("method,clients,servers", WAYS)
def test_finished_frames_leave_by_af_xdp(world, method, clients, servers):
    bench = Bench(world, method, clients, servers, finished=True, change=lambda document: document.update(fast_path="off"))
    bench.fetch(5 << 20, 5 << 20)
    assert bench.echo("x" * 1400) == "x" * 1400
    bench.no_kernel_interference()
    counters = bench.stop()
    assert counters["port_sent_by_xdp"] > counters["port_sent"] * 9 // 10
    assert counters["port_sent_by_xdp"] > 3000
    assert counters["port_send_dropped"] == 0


def test_neighbours_are_found_again_after_they_were_forgotten(world):
    bench = Bench(world, "nat")
    assert bench.who() == ALL
    for host in (bench.client, bench.director, *(server.host for server in bench.site.servers.values())):
        host.ip("-6", "neigh", "flush", "all", check=False)
    assert bench.who() == ALL
    # A server with another MAC address, which asks for its gateway.
    web1 = world.hosts["web1"]
    web1.ip("link", "set", "eth0", "down")
    web1.ip("link", "set", "eth0", "address", "02:00:00:00:00:11")
    web1.ip("link", "set", "eth0", "up")
    give(web1, f"{SERVERS6['web1']}/64", "eth0")
    web1.ip("-6", "route", "add", "default", "via", GATEWAY6)
    wait_until("web1 reaches its gateway", lambda: "1 received" in web1.run("ping", "-c1", "-W1", GATEWAY6, check=False), 10)
    wait_until("all serve", lambda: bench.who() == ALL, 10)


@pytest.mark.parametrize("method", ["nat", "fullnat"])
def test_an_icmp_error_of_a_nat_server_comes_from_the_vip(world, method):
    bench = Bench(world, method)
    code = ("import socket; s=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM); s.settimeout(3); "
            f"s.connect(('{VIP6}',9)); s.send(b'x');\n"
            "try: s.recv(10)\nexcept ConnectionRefusedError: print('refused')")
    assert bench.client.run(PYTHON, "-c", code).strip() == "refused"
    bench.no_kernel_interference()
    assert len(bench.seen("icmp6 and ip6[40] == 1")) == 1, "once, not by the kernel as well"


def test_a_service_without_servers_refuses_at_once(world):
    def no_servers(document):
        del document["services"]["web"]["servers"]
        del document["services"]["echo"]["servers"]

    bench = Bench(world, "nat", change=no_servers)
    begin = time.monotonic()
    assert "port 80 after" in bench.client.run("sh", "-c", f"curl -sS -m 3 '{bench.url}' 2>&1", check=False)
    assert time.monotonic() - begin < 2
    assert bench.seen("ip6 proto 6 and ip6[53] & 4 != 0 and src port 80")


def test_clients_of_one_ipv6_network_are_one(world):
    def persistent(document):
        document["services"]["web"]["persistence"] = {"ipv6_prefix": 64}

    bench = Bench(world, "nat", change=persistent)
    give(bench.client, "2001:db8:51::101/64", "eth0")
    give(bench.client, "2001:db8:52::1/128", "eth0")
    bench.director.ip("-6", "route", "add", "2001:db8:52::/64", "dev", "eth0")
    mine = bench.who(6, "--interface", CLIENT6)
    assert len(mine) == 1
    assert bench.who(6, "--interface", "2001:db8:51::101") == mine
    other = bench.who(6, "--interface", "2001:db8:52::1")
    assert len(other) == 1 and other != mine


QUERY = """
import socket, struct, sys
plug = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
plug.settimeout(3)
plug.connect((sys.argv[1], 53))
name = b"".join(bytes([len(p)]) + p for p in sys.argv[2].encode().split(b".")) + b"\\0"
plug.send(struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + name + struct.pack("!2H", 28, 1))
answer = plug.recv(4096)
assert struct.unpack_from("!4H", answer)[:1] == (7,) and struct.unpack_from("!4H", answer)[3] == 1, answer
print(socket.inet_ntop(socket.AF_INET6, answer[-16:]))
"""


@pytest.mark.parametrize("method,servers", [("nat", 6), ("fullnat", 6), ("dr", 6), ("tun", 6), ("tun", 4)])
def test_a_name_service_answers_over_udp(world, method, servers):
    bench = Bench(world, method, 6, servers)
    for number, server in enumerate(bench.site.servers.values(), 1):
        server.host.start("dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--pid-file=",
                          "--user=root", f"--address=/www.example/2001:db8:99::{number}", log=f"{server.name}.dns.log")
    ask = lambda: bench.client.run(PYTHON, "-c", QUERY, VIP6, "www.example", check=False).strip()  # noqa: E731
    wait_until("it answers", ask, 10)
    assert {ask() for _ in range(12)} == {f"2001:db8:99::{n}" for n in (1, 2, 3)}
    bench.no_kernel_interference()


def far_client(world, mtu=1500):
    """A client behind the router, whose link takes packets of `mtu` bytes from the router. It says nothing of it itself."""
    far = world.host("far")
    world.switch("away")
    world.cable(world.hosts["router"], "eth2", "away")
    world.cable(far, "eth0", "away")
    give(world.hosts["router"], "2001:db8:fa::1/64", "eth2")
    give(far, "2001:db8:fa::2/64", "eth0")
    far.ip("-6", "route", "add", "default", "via", "2001:db8:fa::1")
    world.hosts["router"].ip("link", "set", "eth2", "mtu", mtu)
    return far


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize("narrow", ["a router's link", "the director's route"])
def test_packet_too_big_on_the_way_to_the_client_reaches_the_server(world, finished, narrow):
    bench = Bench(world, "nat", finished=finished)
    far = far_client(world, 1300 if narrow == "a router's link" else 1500)
    bench.director.ip("-6", "route", "add", "2001:db8:fa::/64", "via", ROUTER6,
                      *(() if narrow == "a router's link" else ("mtu", "1300")))
    bench.fetch(1000, 2 << 20, host=far)
    learnt = [server.name for server in bench.site.servers.values()
              if "mtu 1300" in server.host.ip("-6", "route", "get", "2001:db8:fa::2")]
    if narrow == "a router's link" or finished:  # a super-packet is cut where it leaves, and nobody needs to know
        assert len(learnt) == 1, "the one that sent"
        assert bench.stop()["icmp_errors_relayed"] >= 1


class Behind(Bench):
    """web1 alone, moved behind a router whose link to it takes `mtu` bytes."""

    def __init__(self, world, method, mtu, servers=6):
        four = servers == 4
        to_near, near, to_far, far = (("10.0.1.99", 24, "10.0.9.1", "10.0.9.11") if four else
                                      ("fd00:1::99", 64, "fd00:9::1", "fd00:9::11"))

        def move(document):
            for service in document["services"].values():
                service["servers"] = {"web1": {**service["servers"]["web1"], "address": far}}

        super().__init__(world, method, servers=servers, change=move)
        inner, self.web1 = world.host("inner"), world.hosts["web1"]
        add = (lambda host, address, device: host.ip("addr", "add", address, "dev", device)) if four else give
        world.cable(inner, "eth0", "inside")
        world.switch("deep")
        world.cable(inner, "eth1", "deep")
        world.cable(self.web1, "eth1", "deep")
        add(inner, f"{to_near}/{near}", "eth0")
        add(inner, f"{to_far}/{near}", "eth1")
        add(self.web1, f"{far}/{near}", "eth1")
        inner.sysctl(**{"net/ipv4/ip_forward": 1, "net/ipv6/conf/all/forwarding": 1})
        inner.ip("link", "set", "eth1", "mtu", mtu)
        if method == "nat":
            inner.ip("-6", "route", "add", "default", "via", GATEWAY6)
            self.web1.ip("-6", "route", "replace", "default", "via", to_far)
        network = "10.0.9.0/24" if four else "fd00:9::/64"
        self.director.ip("-4" if four else "-6", "route", "add", network, "via", to_near)
        self.wait_for_web1()

    def wait_for_web1(self):
        wait_until("web1 answers", lambda: self.client.run("curl", "-s", "-m", 1, self.url + "who", check=False), 10)


def test_packet_too_big_on_the_way_to_a_server_reaches_the_client(world):
    bench = Behind(world, "nat", 1400)
    bench.fetch(2 << 20, 1000)
    assert "mtu 1400" in bench.client.ip("-6", "route", "get", VIP6)
    # The director's own link to the server may be the narrow one.
    bench.client.ip("-6", "route", "flush", "cache")
    bench.director.ip("link", "set", "eth1", "mtu", 1350)
    bench.wait_for_web1()
    bench.fetch(2 << 20, 1000)
    assert "mtu 1350" in bench.client.ip("-6", "route", "get", VIP6)
    assert bench.seen("src net fd00::/16") == []


@pytest.mark.parametrize("clients,servers,fits", [(6, 6, 1460), (6, 4, 1480)])
def test_a_tunnel_tells_an_ipv6_client_what_fits(world, clients, servers, fits):
    bench = Bench(world, "tun", clients, servers)
    bench.fetch(2 << 20, 1000)
    assert f"mtu {fits}" in bench.client.ip("-6", "route", "get", VIP6)


@pytest.mark.parametrize("servers,mtu", [(6, 1300), (4, 1290)])
def test_what_cannot_be_smaller_goes_through_a_narrow_tunnel_in_parts(world, servers, mtu):
    """1,280 bytes and the tunnel's header are more than the router's link takes, of which ICMP alone tells."""
    bench = Behind(world, "tun", mtu, servers)
    bench.fetch(2 << 20, 1000)
    assert "mtu 1280" in bench.client.ip("-6", "route", "get", VIP6)
    # Who knows nothing of it any more is told by the director, which does.
    bench.client.ip("-6", "route", "flush", "cache")
    bench.fetch(2 << 20, 1000)
    assert "mtu 1280" in bench.client.ip("-6", "route", "get", VIP6)
    counters = bench.stop()
    assert counters["path_mtu_learnt"] >= 1 and counters["packets_fragmented"] > 2000, counters
    assert counters["fragmentation_needed_made"] >= 2, counters


def test_a_gateway_may_have_a_link_local_address_alone(world):
    """Clients behind a router that is known by its link-local address; the interface towards it has no other either."""
    bench = Bench(world, "nat")
    assert bench.who() == ALL
    far, edge = world.host("far"), world.host("edge")
    world.switch("away")
    world.switch("between")
    world.cable(edge, "eth0", "between")
    world.cable(edge, "eth1", "away")
    world.cable(far, "eth0", "away")
    world.cable(bench.director, "eth2", "between")
    give(edge, "fe80::e/64", "eth0")
    give(bench.director, "fe80::d/64", "eth2")
    give(edge, "2001:db8:fa::1/64", "eth1")
    give(far, "2001:db8:fa::2/64", "eth0")
    far.ip("-6", "route", "add", "default", "via", "2001:db8:fa::1")
    edge.sysctl(**{"net/ipv6/conf/all/forwarding": 1})
    edge.ip("-6", "route", "add", "default", "via", "fe80::d", "dev", "eth0")
    bench.director.ip("-6", "route", "add", "2001:db8:fa::/64", "via", "fe80::e", "dev", "eth2")
    wait_until("the client far away is served", lambda: far.run("curl", "-s", "-m", 1, bench.url + "who", check=False).strip() in ALL, 10)
    bench.fetch(1 << 20, 1 << 20, host=far)


def test_both_families_of_services_come_and_go_with_a_reload(world):
    bench = Bench(world, "nat", 4, 4)
    assert bench.who() == ALL
    services = bench.site.document["services"]
    services["web6"] = {**services["web"], "address": VIP6, "servers": {
        name: {"address": address, "port": 8080} for name, address in SERVERS6.items()}}
    bench.site.write()
    bench.process.send_signal(1)
    wait_until("reloaded", lambda: bench.log.count("reloaded") == 1, 10)
    ask = lambda: bench.client.run("curl", "-sS", "-m", "3", f"http://[{VIP6}]/who", check=False).strip()  # noqa: E731
    assert {ask() for _ in range(12)} == ALL and bench.who() == ALL
    del services["web6"]
    bench.site.write()
    bench.process.send_signal(1)
    wait_until("reloaded", lambda: bench.log.count("reloaded") == 2, 10)
    assert ask() == "" and bench.who() == ALL
    assert bench.seen("ip6 proto 6 and ip6[53] & 4 != 0 and src port 80"), "now the kernel answers"
    assert VIP6 not in bench.director.run("nft", "list", "table", "netdev", "tandem")


@pytest.mark.parametrize("method,servers", [("nat", 6), ("fullnat", 6), ("dr", 6), ("tun", 6), ("tun", 4)])
def test_datagrams_in_parts_arrive_and_the_kernel_keeps_silent_about_them(world, method, servers):
    bench = Bench(world, method, 6, servers)
    for _ in range(3):
        assert bench.echo("hello") == "hello"  # three packets alone wait for a neighbour that has to be asked for
    if method == "tun":
        with pytest.raises(RuntimeError):  # it is told what fits, and sends smaller parts from then on
            bench.echo("x" * 6000)
    for _ in range(3):
        assert bench.echo("x" * 6000) == "x" * 6000
    assert bench.seen("ip6[6] == 44"), "they were in parts"
    bench.no_kernel_interference()
