"""Longer ways than the Site's: routers before and behind the director, two uplinks, servers on the link and behind a gateway.

    client 203.0.113.2 ── r1 ─┬─ outside ── eth0 director eth1 ── inside ─┬─ near 10.0.1.11
                              │    │           eth2                       ├─ r2 ── far 10.0.2.11
                              └────┼── side ────┤                         │
                                   │            └─ client2 192.0.2.7      │
                                   └────────────── back ──────────────────┘

Everybody has an IPv6 address beside each of IPv4, with the same last number: six(). The director owns the VIPs by hand and runs
forwarder_alone. A service for each way and kind of traffic, by TCP and by UDP; what dr and tun servers answer goes by the router
`back`, past the director.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import socket
import struct
import sys
import threading
from pathlib import Path

import pytest
import yaml

from alone import Running
from frames import ICMP6, icmp6, ipv6
from topology import NGINX, listen_on, write_pattern
from world import World, entered, wait_until

VIP = "198.51.100.10"
DIRECTOR_INSIDE = "10.0.1.1"
SOURCE = "10.0.1.100"  # of fullnat
SERVERS = {"near": "10.0.1.11", "far": "10.0.2.11"}
NETWORKS6 = {"203.0.113": "2001:db8:113", "198.51.100": "2001:db8:51", "192.0.2": "2001:db8:2", "10.0.1": "fd00:1", "10.0.2": "fd00:2"}
FAMILIES = (4, 6)
BIG = 4 << 20
PYTHON = "/usr/bin/python3"
BULK = Path(__file__).parent / "bulk.py"
TUNNEL_END = Path(__file__).parent / "tunnel_end.py"
LARGE_TEXT = "x" * 240


def six(text):
    """The same in IPv6: every address of the drawing in it, with the length of its network if it has one."""
    lengths = {None: "", "24": "/64", "32": "/128"}
    return re.sub(r"(\d+\.\d+\.\d+)\.(\d+)(?:/(\d+))?", lambda m: f"{NETWORKS6[m[1]]}::{m[2]}{lengths[m[3]]}", text)


def of(family, text):
    return six(text) if family == 6 else text


@dataclasses.dataclass(frozen=True)
class Way:
    """How packets go: by a method, to a server, in the clients' family and the servers'."""
    method: str
    server: str
    clients: int
    servers: int
    number: int  # in the ports of its services; ways of one number differ in the VIP

    def __str__(self):
        across = "" if self.clients == self.servers else f"in{self.servers}"
        return f"{self.method}-{self.server}-{self.clients}{across}"

    @property
    def vip(self):
        return of(self.clients, VIP)

    def port(self, kind):
        """Where clients connect to: kind is http, bulk or dns."""
        return {"http": 8000, "bulk": 9000, "dns": 5300}[kind] + self.number

    def server_port(self, kind):
        if self.method in ("nat", "fullnat"):
            return {"http": 80, "bulk": 9000, "dns": 53}[kind]
        return self.port(kind)


WAYS = [Way(method, server, family, family, number) for family in FAMILIES for number, (method, server) in enumerate(
    [("nat", "near"), ("nat", "far"), ("dr", "near"), ("tun", "near"), ("tun", "far"), ("fullnat", "far")], 1)] + [
    Way("tun", server, clients, 10 - clients, number) for clients in FAMILIES for number, server in ((7, "near"), (8, "far"))]
WAY = {str(way): way for way in WAYS}


class Paths(Running):
    def __init__(self, world: World, programs):
        self.world, self.program = world, Path(programs) / "forwarder_alone"
        os.chmod(world.folder, 0o755)
        self.big = world.folder / "big"
        write_pattern(self.big, BIG)
        self.digest = hashlib.blake2b(self.big.read_bytes()).digest()
        self._wire()
        for name in SERVERS:
            self._serve(world.hosts[name])
        self.file = world.folder / "site.yaml"
        self.file.write_text(yaml.safe_dump({"site": "lab", "directors": {"director": {}}, "services": self._services()}))
        (world.folder / "alone").mkdir()
        self.process = None
        self.start()

    def _wire(self):
        world = self.world
        street, outside, side, inside_, beyond = map(world.switch, ("street", "outside", "side", "inside", "beyond"))
        self.cables = {
            "client": {"eth0": (street, "203.0.113.2/24")},
            "client2": {"eth0": (side, "192.0.2.7/24")},
            "r1": {"eth0": (street, "203.0.113.1/24"), "eth1": (outside, "198.51.100.254/24"), "eth2": (side, "192.0.2.254/24")},
            "director": {"eth0": (outside, "198.51.100.2/24"), "eth1": (inside_, f"{DIRECTOR_INSIDE}/24"), "eth2": (side, "192.0.2.1/24")},
            "back": {"eth0": (outside, "198.51.100.253/24"), "eth1": (inside_, "10.0.1.253/24")},
            "near": {"eth0": (inside_, "10.0.1.11/24")},
            "r2": {"eth0": (inside_, "10.0.1.254/24"), "eth1": (beyond, "10.0.2.254/24")},
            "far": {"eth0": (beyond, "10.0.2.11/24")},
        }
        for name, interfaces in self.cables.items():
            host = world.host(name)
            for interface, (switch, address) in interfaces.items():
                world.cable(host, interface, switch)
                self.give(name, interface, address)
        routes = {"client": ["default via 203.0.113.1"], "client2": ["default via 192.0.2.1"], "far": ["default via 10.0.2.254"],
                  "director": ["203.0.113.0/24 via 198.51.100.254", "10.0.2.0/24 via 10.0.1.254"],
                  "back": ["203.0.113.0/24 via 198.51.100.254", "192.0.2.0/24 via 198.51.100.254", "10.0.2.0/24 via 10.0.1.254"],
                  "near": [f"default via {DIRECTOR_INSIDE}", "default via 10.0.1.253 table 100", "10.0.2.0/24 via 10.0.1.254"],
                  "r2": [f"default via {DIRECTOR_INSIDE}", "default via 10.0.1.253 table 100"], "r1": []}
        self.routes = routes
        for name in routes:
            self.restore_routes(name)
        for name in ("near", "r2"):
            for family in FAMILIES:
                world.hosts[name].ip(f"-{family}", "rule", "add", "from", of(family, VIP), "lookup", "100")
        self.give("director", "eth0", f"{VIP}/24")
        self.give("director", "eth1", f"{SOURCE}/24")
        for name in SERVERS:
            world.hosts[name].sysctl(**{"net/ipv4/conf/all/arp_ignore": 1, "net/ipv4/conf/all/arp_announce": 2})
            self.give(name, "lo", f"{VIP}/32")

    @staticmethod
    def batch(host, lines, family=4):
        """Commands of `ip`, in one go."""
        host.run("ip", f"-{family}", "-batch", "-", input="\n".join(lines) + "\n")

    def give(self, name, interface, address):
        """An address, and the one of IPv6 beside it."""
        for family in FAMILIES:
            self.world.hosts[name].ip("addr", "add", of(family, address), "dev", interface)

    def restore_routes(self, name):
        for family in FAMILIES:
            self.batch(self.world.hosts[name], [f"route replace {of(family, line)}" for line in self.routes[name]], family)

    def _serve(self, server):
        folder = self.world.folder / server.name
        folder.mkdir()
        ports = lambda kind: sorted({way.server_port(kind) for way in WAYS if way.server == server.name})  # noqa: E731
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, listen=listen_on(*ports("http")), name=server.name,
                                       big=self.big, rate="1500k"))
        server.start("nginx", "-c", config, log=f"{server.name}.nginx.log")
        server.start(PYTHON, "-B", TUNNEL_END, log=f"{server.name}.tunnel.log")
        server.start(PYTHON, "-B", BULK, "serve", *ports("bulk"), log=f"{server.name}.bulk.log")
        for port in ports("dns"):
            server.start("dnsmasq", "-k", "-C", "/dev/null", "-p", port, "-R", "-h", "-u", "root", "-x", "", "--edns-packet-max=4096",
                         "--host-record=who.lab," + SERVERS[server.name],
                         *(f"--txt-record=large.lab,{number:02}{LARGE_TEXT}" for number in range(12)), log=f"{server.name}.dns.log")

    def _services(self):
        return {f"{kind}-{way}": {
            "address": way.vip, "port": way.port(kind), "protocol": "udp" if kind == "dns" else "tcp", "forward": way.method,
            "scheduler": "rr", "check": "none", **({"source_pool": of(way.servers, SOURCE)} if way.method == "fullnat" else {}),
            "servers": {way.server: {"address": of(way.servers, SERVERS[way.server]), "port": way.server_port(kind)}}}
            for kind in ("http", "bulk", "dns") for way in WAYS}

    # The director

    @property
    def log(self):
        return (self.world.folder / "alone.log").read_text()

    def start(self):
        ready = self.log.count("ready\n") if self.process else 0
        self.process = self.world.hosts["director"].start(self.program, self.file, self.world.folder / "alone", log="alone.log")
        wait_until("forwarding ready", lambda: self.log.count("ready\n") > ready, 10, every=0.002)

    # What clients do

    def download(self, way, client="client", path="big", seconds=10):
        """nginx's file through `way`; every byte is right, or an exception."""
        with entered(self.world.hosts[client].ns):
            plug = socket.create_connection((way.vip, way.port("http")), timeout=seconds)
        return self.read_file(plug, path)

    def read_file(self, plug, path, then=lambda bytes_read: None):
        digest, length = hashlib.blake2b(), 0
        with plug:
            plug.sendall(f"GET /{path} HTTP/1.0\r\nHost: lab\r\n\r\n".encode())
            stream = plug.makefile("rb")
            assert b" 200 " in stream.readline()
            while stream.readline() not in (b"\r\n", b""):
                pass
            while block := stream.read1(1 << 18):
                digest.update(block)
                length += len(block)
                then(length)
        assert length == BIG and digest.digest() == self.digest, f"{length} of {BIG} bytes"

    def who(self, way, client="client"):
        with entered(self.world.hosts[client].ns):
            plug = socket.create_connection((way.vip, way.port("http")), timeout=5)
        with plug:
            plug.sendall(b"GET /who HTTP/1.0\r\n\r\n")
            return plug.makefile("rb").read().rpartition(b"\n\r\n")[2].decode().strip()

    def upload(self, way, length=1 << 20, client="client", down=0):
        """Sends bytes; the server has proved that it got them."""
        sys.path.insert(0, str(Path(__file__).parent))
        import bulk
        with entered(self.world.hosts[client].ns):
            return bulk.fetch(way.vip, way.port("bulk"), length, down)

    def ask(self, way, name="who.lab", kind="A", client="client", seconds=3):
        """Asks the DNS server; the answer's bytes behind its header and question."""
        number = os.urandom(2)
        question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0" + struct.pack(
            "!HH", {"A": 1, "TXT": 16}[kind], 1)
        edns = b"\0" + struct.pack("!HHIH", 41, 4096, 0, 0)
        with self.datagrams(way, client) as plug:
            plug.settimeout(seconds)
            plug.send(number + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 1) + question + edns)
            answer = plug.recv(8192)
        assert answer[:2] == number and answer[3] & 15 == 0 and answer[12:12 + len(question)] == question, answer
        return answer[12 + len(question):]

    def datagrams(self, way, client):
        with entered(self.world.hosts[client].ns):
            plug = socket.socket(socket.AF_INET6 if way.clients == 6 else socket.AF_INET, socket.SOCK_DGRAM)
        plug.connect((way.vip, way.port("dns")))
        return plug

    def trace(self, way, ttl, client="client"):
        """One datagram with this TTL or hop limit: (who answered, what); what is "answer" or (ICMP type, code)."""
        MSG_ERRQUEUE = 0x2000
        # IP_RECVERR and IPV6_RECVERR; where the offender's address lies behind struct sock_extended_err
        level, receive_errors, limit, place = {
            4: (socket.IPPROTO_IP, 11, socket.IP_TTL, slice(20, 24)),
            6: (socket.IPPROTO_IPV6, 25, socket.IPV6_UNICAST_HOPS, slice(24, 40))}[way.clients]
        with self.datagrams(way, client) as plug:
            plug.setsockopt(level, receive_errors, 1)
            plug.setsockopt(level, limit, ttl)
            plug.settimeout(2)
            plug.send(b"\0\1\1\0\0\1\0\0\0\0\0\0\3who\3lab\0\0\1\0\1")
            try:
                return (plug.getpeername()[0], "answer") if plug.recv(2000) else None
            except TimeoutError:
                return None, "nothing"
            except OSError:
                _, ancillary, _, _ = plug.recvmsg(2000, 512, MSG_ERRQUEUE)
                data = next(data for *kind, data in ancillary if kind == [level, receive_errors])
                return socket.inet_ntop(plug.family, data[place]), (data[5], data[6])

    def ping(self, family, ttl, client="client"):
        """One echo request to the VIP: (who answered, what he said)."""
        said = self.world.hosts[client].run("ping", f"-{family}", "-n", "-c1", "-W2", "-t", ttl, of(family, VIP), check=False)
        found = re.search(r"[Ff]rom (\S+?):? (icmp_seq=1.*)", said)
        assert found, said
        return found[1], "exceeded" if "exceeded" in found[2] else "answer" if "time=" in found[2] else found[2]

    # What the world does

    def set_mtu(self, mtu):
        """Of every interface and every switch's port."""
        for name, interfaces in self.cables.items():
            self.batch(self.world.hosts[name], [f"link set {interface} mtu {mtu}" for interface in interfaces])
        self.batch(self.world.switches, [f"link set {name}.{interface} mtu {mtu}"
                                         for name, interfaces in self.cables.items() for interface in interfaces])

    def set_route_mtus(self, where, mtu):
        """Of all of a host's routes out of one interface: a narrow link, whose other direction is as wide as ever. 0: as wide."""
        name, interface = where
        host = self.world.hosts[name]
        # What IPv6 forwards minds a route's MTU only when it is locked.
        words = {4: "mtu", 6: "mtu lock"}
        for family in FAMILIES:
            lines = host.ip(f"-{family}", "route", "show", "dev", interface).splitlines()
            routes = [re.sub(r" linkdown| mtu .*| pref \w+", "", line) for line in lines]
            self.batch(host, [f"route replace {route} dev {interface}" + (f" {words[family]} {mtu}" if mtu else "") for route in routes], family)

    def announce(self, name, interface, address):
        """What is said after a change of the MAC address: a gratuitous ARP, and an unsolicited neighbour advertisement (RFC 4861, 4.4)."""
        host = self.world.hosts[name]
        mac = bytes.fromhex(json.loads(host.ip("-j", "link", "show", interface))[0]["address"].replace(":", ""))
        ip = socket.inet_aton(address)
        arp = b"\xff" * 6 + mac + b"\x08\x06\0\1\x08\0\6\4\0\1" + mac + ip + b"\0" * 6 + ip
        target, override = socket.inet_pton(socket.AF_INET6, six(address)), 1 << 29
        advertisement = icmp6(six(address), "ff02::1", 136, 0, override, target + b"\2\1" + mac)
        with entered(host.ns), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as plug:
            plug.bind((interface, 0))
            plug.send(arp)
            plug.send(b"\x33\x33\0\0\0\1" + mac + b"\x86\xdd" + ipv6(six(address), "ff02::1", ICMP6, advertisement, ttl=255))

    def set_offloads(self, state):
        """Of all ends: whether they leave checksums and segmentation to the card, and put segments together."""
        for name in ("client", "client2", "near", "far"):
            self.world.hosts[name].run("ethtool", "-K", "eth0", *(word for what in ("tx", "tso", "gso", "gro") for word in (what, state)))

    def forget_path_mtus(self):
        """Nobody remembers how narrow a way was."""
        for name in ("client", "client2", "near", "far", "director"):
            self.world.hosts[name].run("sh", "-c", "ip route flush cache; ip -6 route flush cache; ip tcp_metrics flush all 2> /dev/null || true")
        self.restore_routes("near")  # IPv6's flush leaves what other tables learnt


# For the tests of several files

@pytest.fixture(scope="module")
def paths():
    """One world for all of a file's tests: each puts back what it changed."""
    everywhere = {f"net/ipv4/conf/{which}/{knob}": 0 for which in ("all", "default") for knob in ("rp_filter", "send_redirects")}
    # Nobody else has these addresses; and they stay where an interface goes down, as IPv4's do.
    everywhere |= {f"net/ipv6/conf/{which}/{knob}": value for which in ("all", "default")
                   for knob, value in (("accept_dad", 0), ("keep_addr_on_down", 1), ("forwarding", 1))}
    # A traceroute by every way in turn is more than a router tells one client a second.
    everywhere |= {"net/ipv4/ip_forward": 1, "net/ipv4/icmp_ratelimit": 0, "net/ipv6/icmp/ratelimit": 0}
    with World(**everywhere) as world:
        made = Paths(world, os.environ["TANDEM_BIN"])
        for way in WAYS:
            wait_until(f"nginx answers by {way}", lambda w=way: quietly(made.who, w), 10)
            wait_until(f"dnsmasq answers by {way}", lambda w=way: quietly(made.ask, w), 10)
        yield made


def quietly(ask, *words):
    try:
        return ask(*words)
    except (OSError, AssertionError):
        return None


@contextlib.contextmanager
def mtu_of(paths, mtu):
    paths.set_mtu(mtu)
    try:
        yield
    finally:
        paths.set_mtu(1500)
        paths.forget_path_mtus()


class Download(threading.Thread):
    """A download of nginx's limited file (about two and a half seconds) beside the test. Its socket is made by the test's thread."""

    def __init__(self, paths, way, client="client"):
        super().__init__(daemon=True)
        self.paths, self.way, self.length, self.error = paths, way, 0, None
        with entered(paths.world.hosts[client].ns):
            self.plug = socket.create_connection((way.vip, way.port("http")), timeout=15)
        self.start()
        wait_until("the download began", lambda: self.length > 0 or self.error, 5)

    def run(self):
        try:
            self.paths.read_file(self.plug, "slow", self.at)
        except (OSError, AssertionError) as error:
            self.error = error

    def at(self, length):
        self.length = length

    def end(self, seconds=15):
        """It ends well."""
        at_least = self.length
        self.join(timeout=seconds)
        assert not self.is_alive(), f"{self.way}: stands at {self.length} of {BIG} bytes, was at {at_least}"
        assert self.error is None, f"{self.way}: {self.error}"
