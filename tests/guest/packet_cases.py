"""What packets.py sends: each case is a client of its own and a few packets that belong together, told as steps."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))
from frames import (ACK, FIN, ICMP, IPIP, MF, PSH, RST, SYN, TCP, UDP, URG, checksum, ethernet, icmp, ipv4, pseudo, tcp, udp)

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


def all_cases():
    for make in (ordinary, time_to_live, ip_options, errors_about_answers, errors_about_questions, echo, bad_checksums, wrong_lengths,
                 strange_sources, strange_segments, large, fragments):
        make()
    return CASES
