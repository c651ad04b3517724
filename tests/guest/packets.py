"""Side by side with IPVS: the same packets through Linux's IPVS and through Tandem, and what comes out compared field by field.

    tests/guest/guest -- /usr/bin/python3 -B tests/guest/packets.py BIN-FOLDER [WORD]      (./dev packets; WORD: cases with it)

Runs inside the guest. Two directors in namespaces of their own, alike to the last MAC address, and one namespace without any
address around them, from which raw sockets play the client's router and the servers: each step of a case is one packet that goes
to both directors, and what either sends, to either side, is read and told in fields (frames.py). MTUs: 1500 outside, 1400 inside.

What differs on purpose stands in chosen.py with its reason; all else must be equal. A difference that is no more is an error
too: the list is to stay true. Exit status 1: something differs.
"""

import ctypes
import fnmatch
import json
import os
import select
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))
from chosen import CHOSEN
from frames import (ACK, DF, FIN, ICMP, IPIP, MF, PSH, RST, SYN, TCP, UDP, URG, checksum, ethernet, icmp, ipv4, pseudo, put_together,
                    tcp, tell_frame, udp)

VIP, GATEWAY = "198.51.100.10", "198.51.100.1"
INSIDE = "10.9.0.254"  # the director's own
# "narrow" is a second tunnel, to which a router says that its way is narrow: IPVS's director remembers that.
SERVERS = {"nat": "10.9.0.1", "dr": "10.9.0.2", "tun": "10.9.0.3", "narrow": "10.9.0.4"}
PORTS = {"nat": 8001, "dr": 8002, "tun": 8003, "narrow": 8004}
SERVER_PORTS = {"nat": 80, "dr": 8002, "tun": 8003, "narrow": 8004}
CLIENT_MAC, OUTSIDE_MAC, INSIDE_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"
SERVER_MACS = {"nat": "02:00:00:00:09:01", "dr": "02:00:00:00:09:02", "tun": "02:00:00:00:09:03",
               "narrow": "02:00:00:00:09:04"}
METHODS = ("nat", "dr", "tun")
BETWEEN_S, AFTER_S = 0.004, 0.7  # packets, and the last one of a round: an emulated processor is slow


def run(*words, **more):
    return subprocess.run([str(w) for w in words], check=True, capture_output=True, text=True, **more).stdout


def inside(namespace, *words):
    return ["ip", "netns", "exec", namespace, *map(str, words)]


# The wires

class Ends:
    """The two directors' wires, and the raw sockets at their other ends."""

    def __init__(self):
        run("ip", "netns", "add", "ends")
        run(*inside("ends", "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"))
        for name in ("ipvs", "tandem"):
            self.make_director(name)
        self.plugs = {(side, name): plug for (side, name), plug in zip(
            [(side, name) for name in ("ipvs", "tandem") for side in ("client", "server")], open_plugs())}

    @staticmethod
    def make_director(name):
        run("ip", "netns", "add", name)
        run(*inside(name, "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1",
                    "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
                    "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.default.send_redirects=0"))
        run(*inside(name, "ip", "link", "set", "lo", "up"))
        for side, device, mac, mtu, addresses in (("client", "eth0", OUTSIDE_MAC, 1500, ["198.51.100.2/24", f"{VIP}/24"]),
                                                  ("server", "eth1", INSIDE_MAC, 1400, [f"{INSIDE}/24"])):
            run("ip", "link", "add", f"{side}-{name}", "netns", "ends", "type", "veth", "peer", "name", device, "netns", name)
            run(*inside("ends", "ip", "link", "set", f"{side}-{name}", "up", "promisc", "on"))
            run(*inside(name, "ip", "link", "set", device, "address", mac, "mtu", mtu, "up"))
            # What the director itself makes leaves finished, as by a card.
            run(*inside(name, "ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off"))
            for address in addresses:
                run(*inside(name, "ip", "addr", "add", address, "dev", device))
        run(*inside(name, "ip", "neigh", "add", GATEWAY, "lladdr", CLIENT_MAC, "dev", "eth0"))
        run(*inside(name, "ip", "route", "add", "default", "via", GATEWAY))
        for method, server in SERVERS.items():
            run(*inside(name, "ip", "neigh", "add", server, "lladdr", SERVER_MACS[method], "dev", "eth1"))

    def send(self, side, frame):
        for name in ("ipvs", "tandem"):
            self.plugs[side, name].send(frame)

    def receive(self, seconds):
        """What either director sent, [(name, side, frame)], until nothing has come for so long."""
        seen = []
        while readable := select.select(list(self.plugs.values()), [], [], seconds)[0]:
            for (at, name), plug in self.plugs.items():
                if plug in readable:
                    data, (_, kind, packet_type, *_) = plug.recvfrom(65536)
                    if packet_type != socket.PACKET_OUTGOING and kind == 0x0800:
                        seen.append((name, at, data))
        return seen


def open_plugs():
    """Packet sockets stay in the namespace in which they are made."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as home, open("/run/netns/ends") as ends:
        assert libc.setns(ends.fileno(), 0) == 0
        plugs = []
        for name in ("ipvs", "tandem"):
            for side in ("client", "server"):
                plug = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
                plug.bind((f"{side}-{name}", 3))
                plugs.append(plug)
        assert libc.setns(home.fileno(), 0) == 0
    return plugs


def start_ipvs():
    run("modprobe", "ip_vs")
    for method, letter in (("nat", "-m"), ("dr", "-g"), ("tun", "-i"), ("narrow", "-i")):
        for protocol in ("-t", "-u"):
            run(*inside("ipvs", "ipvsadm", "-A", protocol, f"{VIP}:{PORTS[method]}", "-s", "rr"))
            run(*inside("ipvs", "ipvsadm", "-a", protocol, f"{VIP}:{PORTS[method]}", "-r",
                        f"{SERVERS[method]}:{SERVER_PORTS[method]}", letter))


def start_tandem(folder, programs):
    services = {f"{method}-{protocol}": {
        "address": VIP, "port": PORTS[method], "protocol": protocol, "forward": "tun" if method == "narrow" else method, "scheduler": "rr", "check": "none",
        "servers": {"only": {"address": SERVERS[method], "port": SERVER_PORTS[method]}}}
        for method in PORTS for protocol in ("tcp", "udp")}
    site = folder / "site.yaml"
    site.write_text(json.dumps({"site": "guest", "directors": {"d": {}}, "services": services}))
    process = subprocess.Popen(inside("tandem", programs / "forwarder_alone", site, folder), stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    # Ports open at once after it; and TCP that no flow knows is answered only some seconds after a service became active.
    time.sleep(6)
    return process


# The cases

@dataclass
class Case:
    """Steps are (name, side it comes from, frames)."""
    name: str
    client: str
    port: int
    steps: list = field(default_factory=list)

    def from_client(self, name, packet):
        self.parts_from_client(name, [packet])

    def from_server(self, name, packet, method="nat"):
        self.parts_from_server(name, [packet], method)

    def parts_from_client(self, name, packets):
        self.steps.append((name, "client", [ethernet(OUTSIDE_MAC, CLIENT_MAC, packet) for packet in packets]))

    def parts_from_server(self, name, packets, method="nat"):
        self.steps.append((name, "server", [ethernet(INSIDE_MAC, SERVER_MACS[method], packet) for packet in packets]))

    def tcp(self, name, method, tcp_flags, **more):
        self.from_client(name, tcp_packet(self.client, VIP, self.port, PORTS[method], tcp_flags, **more))

    def udp(self, name, method, payload=b"question", **more):
        self.from_client(name, udp_packet(self.client, VIP, self.port, PORTS[method], payload, **more))

    def tcp_back(self, name, tcp_flags, **more):
        self.from_server(name, tcp_packet(SERVERS["nat"], self.client, SERVER_PORTS["nat"], self.port, tcp_flags, **more))

    def udp_back(self, name, payload=b"answer", **more):
        self.from_server(name, udp_packet(SERVERS["nat"], self.client, SERVER_PORTS["nat"], self.port, payload, **more))


IP_WORDS = ("tos", "id", "flags", "offset", "ttl", "options", "length", "header_words", "version", "bad_header")


def ip_words(more):
    """Of keyword arguments those that are the IP header's, taken out."""
    words = {name: more.pop(name) for name in IP_WORDS if name in more}
    if "bad_header" in words:
        words["bad"] = words.pop("bad_header")
    return words


def tcp_packet(source, destination, source_port, destination_port, tcp_flags, tcp_options=b"", tcp_words=None, **more):
    words = ip_words(more)
    return ipv4(source, destination, TCP, tcp(source, destination, source_port, destination_port, tcp_flags, options=tcp_options,
                                              words=tcp_words, **more), **words)


def udp_packet(source, destination, source_port, destination_port, payload, udp_length=None, **more):
    words = ip_words(more)
    return ipv4(source, destination, UDP, udp(source, destination, source_port, destination_port, payload, length=udp_length, **more),
                **words)


CASES = []


def case(name):
    number = len(CASES)
    CASES.append(Case(name, f"192.0.2.{1 + number}" if number < 250 else f"192.0.3.{number - 249}", 40000 + number))
    return CASES[-1]


def ordinary():
    options = bytes.fromhex("020405b40402080a0000000a000000000103030a")
    for method in METHODS:
        c = case(f"tcp {method} a connection")
        c.tcp("syn", method, SYN, tcp_options=options)
        if method == "nat":
            c.tcp_back("syn-ack", SYN | ACK, acknowledgment=1001, tcp_options=options)
        c.tcp("ack", method, ACK, sequence=1001, acknowledgment=501)
        c.tcp("odd bytes", method, PSH | ACK, sequence=1001, acknowledgment=501, payload=b"GET / HTTP/1.0\r\n\r")
        if method == "nat":
            c.tcp_back("answer", PSH | ACK, sequence=501, acknowledgment=1018, payload=bytes(range(256)) * 5)
        c.tcp("urgent, ecn", method, ACK | URG | 0x40 | 0x80, sequence=1018, urgent=3, payload=b"abc", tos=0x2E << 2 | 3)
        c.tcp("no df, id", method, ACK, sequence=1021, flags=0, id=77, payload=b"x")
        c.tcp("fin", method, FIN | ACK, sequence=1022)
        if method == "nat":
            c.tcp_back("fin back", FIN | ACK, sequence=1781)
            c.tcp("last ack", method, ACK, sequence=1023, acknowledgment=1782)
        c.tcp("syn again after the end", method, SYN, sequence=99000)

        c = case(f"udp {method} a question")
        c.udp("question", method)
        c.udp("odd", method, b"odd")
        c.udp("empty", method, b"")
        c.udp("without a checksum", method, none=True)
        c.udp("whose checksum is 0xffff", method, payload_with_checksum_zero(c.client, VIP, c.port, PORTS[method]))
        c.udp("whose checksum becomes 0xffff", method, payload_with_checksum_zero(
            c.client, SERVERS["nat"], c.port, SERVER_PORTS["nat"]))
        c.udp("no df", method, flags=0)
        if method == "nat":
            c.udp_back("answer")
            c.udp_back("answer without a checksum", none=True)
            c.udp_back("whose checksum becomes 0xffff", payload_with_checksum_zero(VIP, c.client, PORTS["nat"], c.port))

        c = case(f"tcp {method} refused at once")
        c.tcp("syn", method, SYN)
        if method == "nat":
            c.tcp_back("reset", RST | ACK, acknowledgment=1001)
        c.tcp("client's reset", method, RST, sequence=1001)


def payload_with_checksum_zero(source, destination, source_port, destination_port):
    """Two bytes that make UDP's sum 0, which is sent as 0xffff (RFC 768)."""
    rest = pseudo(source, destination, UDP, 10) + ports(source_port, destination_port) + b"\0\x0a\0\0"
    return checksum(rest).to_bytes(2, "big")


def ports(*numbers):
    return b"".join(number.to_bytes(2, "big") for number in numbers)


def time_to_live():
    for method in METHODS:
        for protocol in ("tcp", "udp"):
            for ttl in (1, 2):
                c = case(f"{protocol} {method} ttl {ttl}")
                c.tcp("first", method, SYN, ttl=ttl) if protocol == "tcp" else c.udp("first", method, ttl=ttl)
        c = case(f"tcp {method} ttl 1 within a connection")
        c.tcp("syn", method, SYN)
        c.tcp("ttl 1", method, ACK, sequence=1001, payload=b"x" * 700, ttl=1)
    c = case("tcp nat ttl 1 back")
    c.tcp("syn", "nat", SYN)
    c.tcp_back("ttl 1", SYN | ACK, acknowledgment=1001, ttl=1)


OPTIONS = {"router alert": "94040000", "nothing": "01010100", "record route": "070704000000000000000000"[:24],
           "timestamp": "440c050000000000000000000000"[:24], "loose source route": "830704c633640a00", "unknown": "9e040000",
           "length beyond the header": "94400000", "length 0": "94000000", "security": "8204000000000000"[:8]}


def ip_options():
    for method in METHODS:
        for name, text in OPTIONS.items():
            c = case(f"udp {method} option {name}")
            c.udp("packet", method, options=bytes.fromhex(text))


def errors_about_answers():
    """From the client's side: ICMP errors about what the server sent, as the client saw it (VIP -> client)."""
    kinds = {"fragmentation needed": (3, 4, 1300), "port unreachable": (3, 3, 0), "time exceeded": (11, 0, 0),
             "parameter problem": (12, 0, 0x08000000), "source quench": (4, 0, 0), "redirect": (5, 1, 0xC6336401),
             "host unreachable": (3, 1, 0)}
    for method in METHODS:
        for name, (kind, code, rest) in kinds.items():
            c = case(f"tcp {method} client's {name}")
            c.tcp("syn", method, SYN)
            answer = tcp_packet(VIP, c.client, PORTS[method], c.port, ACK, payload=b"y" * 1200)
            c.from_client("eight bytes quoted", ipv4(GATEWAY, VIP, ICMP, icmp(kind, code, rest, answer[:28]), flags=0))
            c.from_client("much quoted", ipv4(GATEWAY, VIP, ICMP, icmp(kind, code, rest, answer[:548]), flags=0))
        c = case(f"udp {method} client's port unreachable")
        c.udp("question", method)
        answer = udp_packet(VIP, c.client, PORTS[method], c.port, b"answer")
        c.from_client("all quoted", ipv4(c.client, VIP, ICMP, icmp(3, 3, 0, answer), flags=0))
        c.from_client("a bad checksum", ipv4(c.client, VIP, ICMP, icmp(3, 3, 0, answer, bad=True), flags=0))
        c.from_client("quoting too little", ipv4(c.client, VIP, ICMP, icmp(3, 3, 0, answer[:22]), flags=0))
        c.from_client("quoting nothing", ipv4(c.client, VIP, ICMP, icmp(3, 3, 0, b""), flags=0))
        c.from_client("ttl 1", ipv4(c.client, VIP, ICMP, icmp(3, 3, 0, answer), flags=0, ttl=1))
        c = case(f"udp {method} client's error about nobody's flow")
        c.from_client("error", ipv4(c.client, VIP, ICMP, icmp(3, 3, 0, udp_packet(VIP, c.client, PORTS[method], c.port, b"answer")), flags=0))


def errors_about_questions():
    """From the inside: ICMP errors about what the director sent."""
    inner_router = "10.9.0.1"
    for name, kind, code, rest in (("port unreachable", 3, 3, 0), ("fragmentation needed", 3, 4, 1300), ("time exceeded", 11, 0, 0),
                                   ("host unreachable", 3, 1, 0), ("parameter problem", 12, 0, 0)):
        c = case(f"udp nat server's {name}")
        c.udp("question", "nat")
        sent = udp_packet(c.client, SERVERS["nat"], c.port, SERVER_PORTS["nat"], b"question", ttl=62)
        c.from_server("all quoted", ipv4(inner_router, c.client, ICMP, icmp(kind, code, rest, sent), flags=0))
        c.from_server("eight bytes quoted", ipv4("10.77.0.1", c.client, ICMP, icmp(kind, code, rest, sent[:28]), flags=0))
    c = case("tcp nat server's fragmentation needed")
    c.tcp("syn", "nat", SYN)
    sent = tcp_packet(c.client, SERVERS["nat"], c.port, SERVER_PORTS["nat"], ACK, payload=b"z" * 1300, ttl=62)
    c.from_server("much quoted", ipv4("10.77.0.1", c.client, ICMP, icmp(3, 4, 1280, sent[:548]), flags=0))
    for name, kind, code, rest in (("fragmentation needed", 3, 4, 1300), ("host unreachable", 3, 1, 0), ("time exceeded", 11, 0, 0)):
        c = case(f"udp tun router's {name}")
        c.udp("question", "narrow", b"q" * 200)
        inner = udp_packet(c.client, VIP, c.port, PORTS["narrow"], b"q" * 200, ttl=62)
        outer = ipv4(INSIDE, SERVERS["narrow"], IPIP, inner, ttl=62)
        c.from_server("all quoted", ipv4("10.9.0.4", INSIDE, ICMP, icmp(kind, code, rest, outer), flags=0), "narrow")
        c.from_server("28 bytes quoted", ipv4("10.9.0.4", INSIDE, ICMP, icmp(kind, code, rest, outer[:28]), flags=0), "narrow")


def echo():
    c = case("icmp echo")
    c.from_client("echo", ipv4(c.client, VIP, ICMP, icmp(8, 0, 0x00010001, b"ping" * 10)))
    c.from_client("a bad checksum", ipv4(c.client, VIP, ICMP, icmp(8, 0, 0x00010001, b"ping" * 10, bad=True)))


def bad_checksums():
    for method in METHODS:
        c = case(f"tcp {method} bad checksum")
        c.tcp("syn", method, SYN, bad=True)
        c.tcp("good syn", method, SYN)
        c.tcp("payload", method, ACK, sequence=1001, payload=b"x" * 99, bad=True)
        c = case(f"udp {method} bad checksum")
        c.udp("first", method, bad=True)
        c.udp("good", method)
        c.udp("later", method, bad=True)
        c = case(f"udp {method} bad header checksum")
        c.udp("first", method, bad_header=True)
        c.udp("good", method)
        c.udp("later", method, bad_header=True)
    c = case("tcp nat bad checksums back")
    c.tcp("syn", "nat", SYN)
    c.tcp_back("transport", SYN | ACK, acknowledgment=1001, bad=True)
    c.tcp_back("header", SYN | ACK, acknowledgment=1001, bad_header=True)


def wrong_lengths():
    for method in METHODS:
        c = case(f"udp {method} wrong lengths")
        c.udp("question", method)
        c.udp("total length beyond the frame", method, length=200)
        c.udp("total length within udp's header", method, length=24)
        c.udp("total length within ip's header", method, length=16)
        c.udp("header length 4 words", method, header_words=4)
        c.udp("header length beyond the packet", method, header_words=15)
        c.udp("version 5", method, version=5)
        c.udp("udp length beyond the packet", method, udp_length=400)
        c.udp("udp length shorter than the packet", method, udp_length=10)
        c.udp("udp length 4", method, udp_length=4)
        packet = udp_packet(c.client, VIP, c.port, PORTS[method], b"padded")
        c.from_client("bytes behind the packet", packet + b"\xee" * 30)
        c.from_client("nothing of ip", b"")
        c.from_client("ten bytes of ip", packet[:10])
        c = case(f"tcp {method} wrong lengths")
        c.tcp("syn", method, SYN)
        c.tcp("data offset beyond the packet", method, ACK, tcp_words=15, sequence=1001)
        c.tcp("data offset 4", method, ACK, tcp_words=4, sequence=1001)
        c.tcp("total length within tcp's header", method, ACK, length=32, sequence=1001)
        packet = tcp_packet(c.client, VIP, c.port, PORTS[method], ACK, sequence=1001)
        c.from_client("cut within tcp's header", packet[:30])


def strange_sources():
    for method in METHODS:
        for name, source in (("the vip", VIP), ("the server", SERVERS[method]), ("the director", INSIDE), ("unspecified", "0.0.0.0"),
                             ("loopback", "127.0.0.1"), ("multicast", "224.0.0.5"), ("broadcast", "255.255.255.255"),
                             ("reserved", "240.0.0.1")):
            c = case(f"tcp {method} from {name}")
            c.from_client("syn", tcp_packet(source, VIP, c.port, PORTS[method], SYN))
            if name == "the vip":
                c.from_client("land", tcp_packet(source, VIP, PORTS[method], PORTS[method], SYN))
        c = case(f"udp {method} from port 0")
        c.from_client("question", udp_packet(c.client, VIP, 0, PORTS[method], b"question"))


def strange_segments():
    for method in METHODS:
        for name, flags in (("ack", ACK), ("reset", RST), ("fin", FIN | ACK), ("syn-ack", SYN | ACK), ("nothing", 0), ("all", 0x3F),
                            ("syn-fin", SYN | FIN), ("syn-rst", SYN | RST)):
            c = case(f"tcp {method} out of nowhere {name}")
            c.tcp(name, method, flags, acknowledgment=7777)
        c = case(f"tcp {method} syn with data")
        c.tcp("syn", method, SYN, payload=b"early")
    c = case("tcp nat answer out of nowhere")
    c.tcp_back("syn-ack", SYN | ACK, acknowledgment=1001)
    c = case("udp nat answer out of nowhere")
    c.udp_back("answer")
    c = case("tcp a port of the vip that is no service")
    c.from_client("syn", tcp_packet(c.client, VIP, c.port, 9999, SYN))
    c = case("udp a port of the vip that is no service")
    c.from_client("question", udp_packet(c.client, VIP, c.port, 9999, b"?"))
    c = case("tcp broadcast frame")
    c.steps.append(("syn", "client", [ethernet("ff:ff:ff:ff:ff:ff", CLIENT_MAC, tcp_packet(c.client, VIP, c.port, PORTS["nat"], SYN))]))
    c = case("tcp another's mac address")
    c.steps.append(("syn", "client", [ethernet("02:00:00:00:77:77", CLIENT_MAC, tcp_packet(c.client, VIP, c.port, PORTS["nat"], SYN))]))


def large():
    for method in METHODS:
        c = case(f"udp {method} larger than the inside's mtu")
        c.udp("question", method)
        c.udp("with df", method, b"L" * 1450)
        c.udp("without df", method, b"L" * 1450, flags=0, id=0x4242)
        c.udp("just fits", method, b"L" * (1400 - 28 - (20 if method == "tun" else 0)))
        c.udp("a byte more", method, b"L" * (1401 - 28 - (20 if method == "tun" else 0)))
        c = case(f"tcp {method} larger than the inside's mtu")
        c.tcp("syn", method, SYN)
        c.tcp("with df", method, ACK, sequence=1001, payload=b"L" * 1440)
        c.tcp("without df", method, ACK, sequence=1001, payload=b"L" * 1440, flags=0, id=0x4343)


def fragments():
    def pieces(packet, sizes):
        header, data, place, result = packet[:20], packet[20:], 0, []
        for number, size in enumerate(sizes):
            more = MF if number < len(sizes) - 1 else 0
            part = data[place:place + size]
            piece = header[:2] + (20 + len(part)).to_bytes(2, "big") + header[4:6] + (more | place // 8).to_bytes(2, "big") + header[8:10] + b"\0\0" + header[12:]
            result.append(piece[:10] + checksum(piece).to_bytes(2, "big") + piece[12:] + part)
            place += size
        return result

    for method in METHODS:
        for name, order in (("in order", (0, 1, 2)), ("last first", (2, 1, 0)), ("first last", (1, 2, 0))):
            c = case(f"udp {method} fragments {name}")
            c.udp("question", method)
            whole = udp_packet(c.client, VIP, c.port, PORTS[method], bytes(range(250)) * 10, flags=0, id=0x5151)
            parts = pieces(whole, (1000, 1000, 508))
            c.parts_from_client("all", [parts[place] for place in order])
        c = case(f"udp {method} a fragment of nothing")
        c.from_client("piece", pieces(udp_packet(c.client, VIP, c.port, PORTS[method], b"n" * 2000, flags=0), (1000, 1008))[1])
        c = case(f"tcp {method} first fragment shorter than its header")
        c.from_client("piece", pieces(tcp_packet(c.client, VIP, c.port, PORTS[method], SYN, payload=b"n" * 100, flags=0), (8, 112))[0])
    c = case("udp nat fragments back")
    c.udp("question", "nat")
    c.parts_from_server("all", pieces(udp_packet(SERVERS["nat"], c.client, SERVER_PORTS["nat"], c.port, bytes(range(250)) * 10,
                                                 flags=0, id=0x6161), (1200, 1200, 108)))


# Comparing

def told(side_and_frames):
    """What a director sent, as dicts of fields."""
    return [{"to the": side, **tell_frame(frame)} for side, frame in side_and_frames]


def compare(ipvs, tandem):
    """{place: (IPVS's, Tandem's)} of what differs; the place "packets" when they are not even of the same kind and number."""
    kinds = lambda packets: [(p["to the"], p.get("protocol"), p.get("type") if p.get("protocol") == ICMP else None) for p in packets]  # noqa: E731
    if kinds(ipvs) != kinds(tandem):
        brief = lambda packets: [f"to the {p['to the']}: {p.get('source')} -> {p.get('destination')} protocol {p.get('protocol')}"  # noqa: E731
                                 f"{' type ' + str(p['type']) if p.get('protocol') == ICMP else ''}" for p in packets]
        return {"packets": (brief(ipvs), brief(tandem))}
    result = {}
    for ours, theirs in zip(tandem, ipvs):
        for name in dict.fromkeys([*theirs, *ours]):
            if ours.get(name) != theirs.get(name):
                result[name] = theirs.get(name), ours.get(name)
    return result


def matches(pattern, text):
    return any(fnmatch.fnmatchcase(text, each.strip()) for each in pattern.split("|"))


def judge(case_, step, differences, used):
    """The differences of a step that nobody chose."""
    left = {}
    for place, values in differences.items():
        for number, (cases, places, _) in enumerate(CHOSEN):
            if matches(cases, case_.name) and matches(places, f"{step}: {place}"):
                used.add(number)
                break
        else:
            left[place] = values
    return left




def owner_of(frame, by_client, by_port):
    """The case that a frame belongs to: its client's address or port stands in it, within another packet as well."""
    fields = tell_frame(frame)
    ends = [str(value) for name, value in fields.items() if name.endswith(("source", "destination"))]
    numbers = [value for name, value in fields.items() if name.endswith((" port", "ports"))]
    for number in numbers:
        for port in number if isinstance(number, tuple) else (number,):
            if port in by_port:
                return by_port[port]
    return next((by_client[end] for end in ends if end in by_client), None)


def rounds(ends, cases):
    """Every case's first packet, then every case's second, and so on: {(case, step): {director: [(side, frame)]}}."""
    by_client, by_port = {each.client: each for each in cases}, {each.port: each for each in cases}
    result, strays = {}, []
    for number in range(max(len(each.steps) for each in cases)):
        seen = []
        for each in cases:
            if number < len(each.steps):
                name, side, frames = each.steps[number]
                result[each.name, name] = {"ipvs": [], "tandem": []}
                for frame in frames:
                    ends.send(side, frame)
                    seen += ends.receive(BETWEEN_S)
        seen += ends.receive(AFTER_S)
        # A later fragment does not say whose it is.
        whole = [(name, side, frame) for name in ("ipvs", "tandem") for side in ("client", "server")
                 for frame in put_together([data for who, at, data in seen if (who, at) == (name, side)])]
        for name, side, frame in whole:
            owner = owner_of(frame, by_client, by_port)
            if owner is None or number >= len(owner.steps):
                strays.append((name, frame))
            else:
                result[owner.name, owner.steps[number][0]][name].append((side, frame))
    return result, strays


def main(programs, word=""):
    folder = Path("/run/packets")
    folder.mkdir()
    for make in (ordinary, time_to_live, ip_options, errors_about_answers, errors_about_questions, echo, bad_checksums, wrong_lengths,
                 strange_sources, strange_segments, large, fragments):
        make()
    cases = [each for each in CASES if word in each.name]
    ends = Ends()
    # The kernel's limit on the errors that it sends is for all namespaces.
    run("sysctl", "-q", "-w", "net.ipv4.icmp_msgs_per_sec=100000", "net.ipv4.icmp_msgs_burst=10000")
    start_ipvs()
    process = start_tandem(folder, programs)
    begin = time.monotonic()
    seen, strays = rounds(ends, cases)
    took = time.monotonic() - begin
    wrong = equal = chosen_steps = 0
    used = set()
    for each in cases:
        for step, _, _ in each.steps:
            of_step = seen[each.name, step]
            differences = compare(told(of_step["ipvs"]), told(of_step["tandem"]))
            left = judge(each, step, differences, used)
            equal += not differences
            chosen_steps += bool(differences) and not left
            wrong += bool(left)
            for place, (ipvs, tandem) in left.items():
                print(f"WRONG  {each.name}, {step}: {place}: IPVS {ipvs}, Tandem {tandem}", flush=True)
    for name, frame in strays:
        wrong += 1
        print(f"WRONG  {name} sent what belongs to no case: {tell_frame(frame)}")
    if not word:
        for number, (of_cases, places, _) in enumerate(CHOSEN):
            if number not in used:
                wrong += 1
                print(f"WRONG  no difference any more: {of_cases}: {places}")
    process.terminate()
    print(process.communicate()[0])
    print(f"{len(cases)} cases in {took:.0f} s: {equal} packets alike, {chosen_steps} differ as chosen, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), *sys.argv[2:]))
