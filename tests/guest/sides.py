"""Who sends and receives in packets.py: the addresses of both families, the ways to the servers, and packets between them."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))
from frames import ICMP, ICMP6, IP6IP, IPIP, IPV4, IPV6, SCTP, TCP, UDP, ethernet, icmp, icmp6, ipv4, ipv6, sctp, tcp, udp

CLIENT_MAC, OUTSIDE_MAC, INSIDE_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"


@dataclass(frozen=True)
class Way:
    """A service of either director with its only server. `server` and `vip` are the last numbers of the addresses."""
    forward: str
    server: int
    port: int
    server_port: int
    vip: int = 10
    protocols: tuple = ("tcp", "udp")
    one_packet: bool = False

    @property
    def mac(self):
        return f"02:00:00:00:09:{self.server:02x}"


METHODS = ("nat", "dr", "tun")
WAYS = {
    "nat": Way("nat", 1, 8001, 80, protocols=("tcp", "udp", "sctp")),
    "dr": Way("dr", 2, 8002, 8002, protocols=("tcp", "udp", "sctp")),
    "tun": Way("tun", 3, 8003, 8003, protocols=("tcp", "udp", "sctp")),
    # A second tunnel, to which a router says that its way is narrow: IPVS's director remembers that.
    "narrow": Way("tun", 4, 8004, 8004),
    "once nat": Way("nat", 1, 8011, 81, protocols=("udp",), one_packet=True),
    "once dr": Way("dr", 2, 8012, 8012, protocols=("udp",), one_packet=True),
    "once tun": Way("tun", 3, 8013, 8013, protocols=("udp",), one_packet=True),
    # The key exchange that AH and ESP follow.
    "ipsec nat": Way("nat", 1, 500, 500, vip=21, protocols=("udp",)),
    "ipsec dr": Way("dr", 2, 500, 500, vip=22, protocols=("udp",)),
    "ipsec tun": Way("tun", 3, 500, 500, vip=23, protocols=("udp",)),
}


class Family:
    """The addresses of one family, and packets between any two of them. What has no place in its header is left out."""

    def __init__(self, six):
        self.six = six
        self.suffix = "6" if six else ""
        self.kind = IPV6 if six else IPV4
        self.header = 40 if six else 20
        self.icmp_protocol, self.within_tunnel = (ICMP6, IP6IP) if six else (ICMP, IPIP)
        outside, inside = ("2001:db8:1::", "fd00:9::") if six else ("198.51.100.", "10.9.0.")
        self.outside, self.inside = outside, inside
        self.gateway, self.director_outside, self.director_inside = f"{outside}1", f"{outside}2", f"{inside}254"
        self.vip = f"{outside}10"
        self.vips = list(dict.fromkeys(f"{outside}{way.vip}" for way in WAYS.values()))
        self.prefix = 64 if six else 24
        self.inner_router = "fd00:77::1" if six else "10.77.0.1"

    def client(self, number):
        return f"2001:db8:c::{number + 1:x}" if self.six else f"192.0.{2 + number // 250}.{1 + number % 250}"

    def vip_of(self, way):
        return f"{self.outside}{WAYS[way].vip}"

    def server(self, way):
        return f"{self.inside}{WAYS[way].server}"

    def ip(self, source, destination, protocol, payload, **words):
        if not self.six:
            return ipv4(source, destination, protocol, payload, **words)
        return ipv6(source, destination, protocol, payload, **{name: value for name, value in words.items() if name not in ("flags", "id")})

    def icmp(self, source, destination, kind, code, rest, payload=b"", bad=False, **words):
        message = icmp6(source, destination, kind, code, rest, payload, bad) if self.six else icmp(kind, code, rest, payload, bad)
        return self.ip(source, destination, self.icmp_protocol, message, **words)

    def tcp(self, source, destination, source_port, destination_port, tcp_flags, tcp_options=b"", tcp_words=None, **more):
        words = ip_words(more)
        return self.ip(source, destination, TCP, tcp(source, destination, source_port, destination_port, tcp_flags, options=tcp_options,
                                                     words=tcp_words, **more), **words)

    def udp(self, source, destination, source_port, destination_port, payload, udp_length=None, **more):
        words = ip_words(more)
        return self.ip(source, destination, UDP, udp(source, destination, source_port, destination_port, payload, length=udp_length, **more),
                       **words)

    def sctp(self, source, destination, source_port, destination_port, chunks, **more):
        words = ip_words(more)
        return self.ip(source, destination, SCTP, sctp(source_port, destination_port, chunks, **more), **words)


FAMILIES = (Family(six=False), Family(six=True))
IP_WORDS = ("tos", "id", "flags", "offset", "ttl", "options", "length", "header_words", "version", "bad_header", "extensions", "flow")


def ip_words(more):
    """Of keyword arguments those that are the IP header's, taken out."""
    words = {name: more.pop(name) for name in IP_WORDS if name in more}
    if "bad_header" in words:
        words["bad"] = words.pop("bad_header")
    return words


@dataclass
class Case:
    """A client of its own, and steps: (name, side it comes from, frames)."""
    name: str
    family: Family
    client: str
    port: int
    steps: list = field(default_factory=list)

    def step(self, name, side, *frames):
        assert name not in [each for each, _, _ in self.steps], f"{self.name}: {name} twice"
        self.steps.append((name, side, list(frames)))

    def from_client(self, name, *packets):
        self.step(name, "client", *[ethernet(OUTSIDE_MAC, CLIENT_MAC, packet, self.family.kind) for packet in packets])

    def from_server(self, name, *packets, way="nat"):
        self.step(name, "server", *[ethernet(INSIDE_MAC, WAYS[way].mac, packet, self.family.kind) for packet in packets])

    # Packets of this client and of its server, by a way

    def ends(self, way):
        return self.client, self.family.vip_of(way), self.port, WAYS[way].port

    def ends_back(self, way):
        return self.family.server(way), self.client, WAYS[way].server_port, self.port

    def ends_of_answer(self, way):
        """An answer as the client sees it."""
        return self.family.vip_of(way), self.client, WAYS[way].port, self.port

    def tcp(self, name, way, tcp_flags, **more):
        self.from_client(name, self.family.tcp(*self.ends(way), tcp_flags, **more))

    def udp(self, name, way, payload=b"question", **more):
        self.from_client(name, self.family.udp(*self.ends(way), payload, **more))

    def sctp(self, name, way, *chunks, **more):
        self.from_client(name, self.family.sctp(*self.ends(way), chunks, **more))

    def tcp_back(self, name, tcp_flags, way="nat", **more):
        self.from_server(name, self.family.tcp(*self.ends_back(way), tcp_flags, **more), way=way)

    def udp_back(self, name, payload=b"answer", way="nat", **more):
        self.from_server(name, self.family.udp(*self.ends_back(way), payload, **more), way=way)

    def sctp_back(self, name, *chunks, way="nat", **more):
        self.from_server(name, self.family.sctp(*self.ends_back(way), chunks, **more), way=way)


CASES = []
FIRST_PORT = 40000  # of the clients whose port is their own


def case(family, name, port=None):
    """A new one; its name begins with the protocol, of IPv6 with a 6 behind it."""
    protocol, _, rest = name.partition(" ")
    number = len(CASES)
    CASES.append(Case(f"{protocol}{family.suffix} {rest}", family, family.client(number), port or FIRST_PORT + number))
    return CASES[-1]
