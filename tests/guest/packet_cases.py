"""What packets.py sends, in either family: each case is a client of its own and a few packets that belong together, told as steps.
Here the packets of TCP, UDP and ICMP; protocol_cases.py has other protocols, plays.py whole lives of connections."""

from frames import (ACK, DESTINATION_OPTIONS, FIN, FRAGMENT, HOP_BY_HOP, PSH, ROUTING, RST, SYN, UDP, URG, checksum, ethernet, pieces, pseudo)
from sides import CLIENT_MAC, METHODS, WAYS, case


def ordinary(family):
    options = bytes.fromhex("020405b40402080a0000000a000000000103030a")
    for method in METHODS:
        c = case(family, f"tcp {method} a connection")
        c.tcp("syn", method, SYN, tcp_options=options)
        if method == "nat":
            c.tcp_back("syn-ack", SYN | ACK, acknowledgment=1001, tcp_options=options)
        c.tcp("ack", method, ACK, sequence=1001, acknowledgment=501)
        c.tcp("odd bytes", method, PSH | ACK, sequence=1001, acknowledgment=501, payload=b"GET / HTTP/1.0\r\n\r")
        if method == "nat":
            c.tcp_back("answer", PSH | ACK, sequence=501, acknowledgment=1018, payload=bytes(range(256)) * 5)
        c.tcp("urgent, ecn", method, ACK | URG | 0x40 | 0x80, sequence=1018, urgent=3, payload=b"abc", tos=0x2E << 2 | 3)
        if family.six:
            c.tcp("flow label", method, ACK, sequence=1021, flow=0x54321, payload=b"x")
        else:
            c.tcp("no df, id", method, ACK, sequence=1021, flags=0, id=77, payload=b"x")
        c.tcp("fin", method, FIN | ACK, sequence=1022)
        if method == "nat":
            c.tcp_back("fin back", FIN | ACK, sequence=1781)
            c.tcp("last ack", method, ACK, sequence=1023, acknowledgment=1782)
        c.tcp("syn again after the end", method, SYN, sequence=99000)

        c = case(family, f"udp {method} a question")
        c.udp("question", method)
        c.udp("odd", method, b"odd")
        c.udp("empty", method, b"")
        c.udp("without a checksum", method, none=True)
        c.udp("whose checksum is 0xffff", method, payload_with_checksum_zero(*c.ends(method)))
        c.udp("whose checksum becomes 0xffff", method, payload_with_checksum_zero(
            c.client, family.server("nat"), c.port, WAYS["nat"].server_port))
        if not family.six:
            c.udp("no df", method, flags=0)
        if method == "nat":
            c.udp_back("answer")
            c.udp_back("answer without a checksum", none=True)
            c.udp_back("answer whose checksum becomes 0xffff", payload_with_checksum_zero(*c.ends_of_answer("nat")))

        c = case(family, f"tcp {method} refused at once")
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


def time_to_live(family):
    for method in METHODS:
        for protocol in ("tcp", "udp"):
            for ttl in (1, 2):
                c = case(family, f"{protocol} {method} ttl {ttl}")
                c.tcp("first", method, SYN, ttl=ttl) if protocol == "tcp" else c.udp("first", method, ttl=ttl)
        c = case(family, f"tcp {method} ttl 1 within a connection")
        c.tcp("syn", method, SYN)
        c.tcp("ttl 1", method, ACK, sequence=1001, payload=b"x" * 700, ttl=1)
    c = case(family, "tcp nat ttl 1 back")
    c.tcp("syn", "nat", SYN)
    c.tcp_back("ttl 1", SYN | ACK, acknowledgment=1001, ttl=1)


OPTIONS = {"router alert": "94040000", "nothing": "01010100", "record route": "070704000000000000000000"[:24],
           "timestamp": "440c050000000000000000000000"[:24], "loose source route": "830704c633640a00", "unknown": "9e040000",
           "length beyond the header": "94400000", "length 0": "94000000", "security": "8204000000000000"[:8]}
PADDING = "0000010400000000"
EXTENSIONS = {
    "hop-by-hop": [(HOP_BY_HOP, PADDING)], "router alert": [(HOP_BY_HOP, "0000050200000100")],
    "destination options": [(DESTINATION_OPTIONS, PADDING)],
    "of every kind": [(HOP_BY_HOP, PADDING), (DESTINATION_OPTIONS, "0001" + "010c" + "00" * 12), (ROUTING, "0002000000000000" + "20010db8" + "00" * 12),
                      (DESTINATION_OPTIONS, PADDING)],
    "atomic fragment": [(FRAGMENT, "0000000012345678")],
    "routing done": [(ROUTING, "0002000000000000" + "20010db8" + "00" * 12)],
    "routing with farther to go": [(ROUTING, "0002000100000000" + "20010db8" + "00" * 12)],
    "unknown hop-by-hop option to be skipped": [(HOP_BY_HOP, "00001e0400000000")],
    "unknown hop-by-hop option to be dropped": [(HOP_BY_HOP, "00005e0400000000")],
    "unknown destination option to be dropped": [(DESTINATION_OPTIONS, "00005e0400000000")],
    "length beyond the packet": [(DESTINATION_OPTIONS, "00ff010400000000")],
    "option beyond its header": [(HOP_BY_HOP, "0000010900000000")],
    "hop-by-hop not first": [(DESTINATION_OPTIONS, PADDING), (HOP_BY_HOP, PADDING)],
}


def ip_options(family):
    for method in METHODS:
        for name, text in [] if family.six else OPTIONS.items():
            c = case(family, f"udp {method} option {name}")
            c.udp("packet", method, options=bytes.fromhex(text))
        for name, extensions in EXTENSIONS.items() if family.six else []:
            headers = [(kind, bytes.fromhex(text)) for kind, text in extensions]
            c = case(family, f"udp {method} extension {name}")
            c.udp("packet", method, extensions=headers)
            c = case(family, f"tcp {method} extension {name}")
            c.tcp("syn", method, SYN)
            c.tcp("packet", method, PSH | ACK, sequence=1001, payload=b"behind", extensions=headers)
    if family.six:
        c = case(family, "tcp nat extension back")
        c.tcp("syn", "nat", SYN)
        c.tcp_back("syn-ack", SYN | ACK, acknowledgment=1001, extensions=[(DESTINATION_OPTIONS, bytes.fromhex(PADDING))])


# What an error says: (type, code, the four bytes behind the checksum)
ERRORS = {"fragmentation needed": (3, 4, 1300), "port unreachable": (3, 3, 0), "time exceeded": (11, 0, 0), "host unreachable": (3, 1, 0),
          "parameter problem": (12, 0, 0x08000000), "source quench": (4, 0, 0), "redirect": (5, 1, 0xC6336401)}
ERRORS6 = {"fragmentation needed": (2, 0, 1300), "port unreachable": (1, 4, 0), "time exceeded": (3, 0, 0), "host unreachable": (1, 3, 0),
           "parameter problem": (4, 0, 6), "error of no known type": (100, 0, 0)}


def errors_of(family):
    return ERRORS6 if family.six else ERRORS


def errors_about_answers(family):
    """From the client's side: ICMP errors about what the server sent, as the client saw it (VIP -> client)."""
    unreachable = errors_of(family)["port unreachable"]
    for method in METHODS:
        for name, error in errors_of(family).items():
            c = case(family, f"tcp {method} client's {name}")
            c.tcp("syn", method, SYN)
            answer = family.tcp(*c.ends_of_answer(method), ACK, payload=b"y" * 1200)
            c.from_client("eight bytes quoted", family.icmp(family.gateway, family.vip, *error, answer[:family.header + 8], flags=0))
            c.from_client("much quoted", family.icmp(family.gateway, family.vip, *error, answer[:family.header + 528], flags=0))
        c = case(family, f"udp {method} client's port unreachable")
        c.udp("question", method)
        answer = family.udp(*c.ends_of_answer(method), b"answer")
        say = lambda quoted, **more: family.icmp(c.client, family.vip, *unreachable, quoted, flags=0, **more)  # noqa: E731, B023
        c.from_client("all quoted", say(answer))
        c.from_client("a bad checksum", say(answer, bad=True))
        c.from_client("quoting too little", say(answer[:family.header + 2]))
        c.from_client("quoting nothing", say(b""))
        c.from_client("ttl 1", say(answer, ttl=1))
        if family.six:
            c.from_client("quoting an extension", say(family.udp(*c.ends_of_answer(method), b"answer", extensions=[
                (DESTINATION_OPTIONS, bytes.fromhex(PADDING))])))
        c = case(family, f"udp {method} client's error about nobody's flow")
        c.from_client("error", family.icmp(c.client, family.vip, *unreachable, family.udp(*c.ends_of_answer(method), b"answer"), flags=0))


def errors_about_questions(family):
    """From the inside: ICMP errors about what the director sent."""
    errors = errors_of(family)
    server = family.server("nat")
    for name in ("port unreachable", "fragmentation needed", "time exceeded", "host unreachable", "parameter problem"):
        c = case(family, f"udp nat server's {name}")
        c.udp("question", "nat")
        sent = family.udp(c.client, server, c.port, WAYS["nat"].server_port, b"question", ttl=62)
        c.from_server("all quoted", family.icmp(server, c.client, *errors[name], sent, flags=0))
        c.from_server("eight bytes quoted", family.icmp(family.inner_router, c.client, *errors[name], sent[:family.header + 8], flags=0))
    c = case(family, "tcp nat server's fragmentation needed")
    c.tcp("syn", "nat", SYN)
    sent = family.tcp(c.client, server, c.port, WAYS["nat"].server_port, ACK, payload=b"z" * 1300, ttl=62)
    c.from_server("much quoted", family.icmp(family.inner_router, c.client, *errors["fragmentation needed"][:2], 1280,
                                             sent[:family.header + 528], flags=0))
    narrow = family.server("narrow")
    for name in ("fragmentation needed", "host unreachable", "time exceeded"):
        c = case(family, f"udp tun router's {name}")
        c.udp("question", "narrow", b"q" * 200)
        inner = family.udp(*c.ends("narrow"), b"q" * 200, ttl=62)
        outer = family.ip(family.director_inside, narrow, family.within_tunnel, inner, ttl=62)
        say = lambda quoted: family.icmp(narrow, family.director_inside, *errors[name], quoted, flags=0)  # noqa: E731, B023
        c.from_server("all quoted", say(outer), way="narrow")
        c.from_server("28 bytes quoted", say(outer[:family.header + 8]), way="narrow")


def echo(family):
    c = case(family, "icmp echo")
    request = 128 if family.six else 8
    c.from_client("echo", family.icmp(c.client, family.vip, request, 0, 0x00010001, b"ping" * 10))
    c.from_client("a bad checksum", family.icmp(c.client, family.vip, request, 0, 0x00010001, b"ping" * 10, bad=True))


def bad_checksums(family):
    for method in METHODS:
        c = case(family, f"tcp {method} bad checksum")
        c.tcp("syn", method, SYN, bad=True)
        c.tcp("good syn", method, SYN)
        c.tcp("payload", method, ACK, sequence=1001, payload=b"x" * 99, bad=True)
        c = case(family, f"udp {method} bad checksum")
        c.udp("first", method, bad=True)
        c.udp("good", method)
        c.udp("later", method, bad=True)
        if not family.six:
            c = case(family, f"udp {method} bad header checksum")
            c.udp("first", method, bad_header=True)
            c.udp("good", method)
            c.udp("later", method, bad_header=True)
    c = case(family, "tcp nat bad checksums back")
    c.tcp("syn", "nat", SYN)
    c.tcp_back("transport", SYN | ACK, acknowledgment=1001, bad=True)
    if not family.six:
        c.tcp_back("header", SYN | ACK, acknowledgment=1001, bad_header=True)


def wrong_lengths(family):
    for method in METHODS:
        c = case(family, f"udp {method} wrong lengths")
        c.udp("question", method)
        c.udp("total length beyond the frame", method, length=family.header + 180)
        c.udp("total length within udp's header", method, length=family.header + 4)
        c.udp("total length within ip's header", method, length=16)
        if not family.six:
            c.udp("header length 4 words", method, header_words=4)
            c.udp("header length beyond the packet", method, header_words=15)
        c.udp("version 5", method, version=5)
        c.udp("udp length beyond the packet", method, udp_length=400)
        c.udp("udp length shorter than the packet", method, udp_length=10)
        c.udp("udp length 4", method, udp_length=4)
        packet = family.udp(*c.ends(method), b"padded")
        c.from_client("bytes behind the packet", packet + b"\xee" * 30)
        c.from_client("nothing of ip", b"")
        c.from_client("ten bytes of ip", packet[:10])
        c = case(family, f"tcp {method} wrong lengths")
        c.tcp("syn", method, SYN)
        c.tcp("data offset beyond the packet", method, ACK, tcp_words=15, sequence=1001)
        c.tcp("data offset 4", method, ACK, tcp_words=4, sequence=1001)
        c.tcp("total length within tcp's header", method, ACK, length=family.header + 12, sequence=1001)
        packet = family.tcp(*c.ends(method), ACK, sequence=1001)
        c.from_client("cut within tcp's header", packet[:family.header + 10])


def strange_sources(family):
    sources = {"the vip": family.vip, "the director": family.director_inside}
    if family.six:
        sources |= {"unspecified": "::", "loopback": "::1", "multicast": "ff02::5", "its own link": "fe80::77", "ipv4 in ipv6": "::ffff:192.0.2.1"}
    else:
        sources |= {"unspecified": "0.0.0.0", "loopback": "127.0.0.1", "multicast": "224.0.0.5", "broadcast": "255.255.255.255",
                    "reserved": "240.0.0.1"}
    for method in METHODS:
        for name, source in [*sources.items(), ("the server", family.server(method))]:
            c = case(family, f"tcp {method} from {name}")
            c.from_client("syn", family.tcp(source, family.vip, c.port, WAYS[method].port, SYN))
            # In IPv6 IPVS lets it pass, and nothing in it would say whose it is.
            if name == "the vip" and not family.six:
                c.from_client("land", family.tcp(source, family.vip, WAYS[method].port, WAYS[method].port, SYN))
        c = case(family, f"udp {method} from port 0")
        c.from_client("question", family.udp(c.client, family.vip, 0, WAYS[method].port, b"question"))


def strange_segments(family):
    for method in METHODS:
        for name, flags in (("ack", ACK), ("reset", RST), ("fin", FIN | ACK), ("syn-ack", SYN | ACK), ("nothing", 0), ("all", 0x3F),
                            ("syn-fin", SYN | FIN), ("syn-rst", SYN | RST)):
            c = case(family, f"tcp {method} out of nowhere {name}")
            c.tcp(name, method, flags, acknowledgment=7777)
        c = case(family, f"tcp {method} syn with data")
        c.tcp("syn", method, SYN, payload=b"early")
    c = case(family, "tcp nat answer out of nowhere")
    c.tcp_back("syn-ack", SYN | ACK, acknowledgment=1001)
    c = case(family, "udp nat answer out of nowhere")
    c.udp_back("answer")
    c = case(family, "tcp a port of the vip that is no service")
    c.from_client("syn", family.tcp(c.client, family.vip, c.port, 9999, SYN))
    c = case(family, "udp a port of the vip that is no service")
    c.from_client("question", family.udp(c.client, family.vip, c.port, 9999, b"?"))
    for name, mac in (("broadcast frame", "ff:ff:ff:ff:ff:ff"), ("another's mac address", "02:00:00:00:77:77")):
        c = case(family, f"tcp {name}")
        c.step("syn", "client", ethernet(mac, CLIENT_MAC, family.tcp(*c.ends("nat"), SYN)))


def large(family):
    for method in METHODS:
        most = 1400 - family.header - 8 - (family.header if method == "tun" else 0)
        c = case(family, f"udp {method} larger than the inside's mtu")
        c.udp("question", method)
        c.udp("with df", method, b"L" * (1478 - family.header))
        if not family.six:
            c.udp("without df", method, b"L" * 1450, flags=0, id=0x4242)
        c.udp("just fits", method, b"L" * most)
        c.udp("a byte more", method, b"L" * (most + 1))
        c = case(family, f"tcp {method} larger than the inside's mtu")
        c.tcp("syn", method, SYN)
        c.tcp("with df", method, ACK, sequence=1001, payload=b"L" * (1460 - family.header))
        if not family.six:
            c.tcp("without df", method, ACK, sequence=1001, payload=b"L" * 1440, flags=0, id=0x4343)


def fragments(family):
    for method in METHODS:
        for name, order in (("in order", (0, 1, 2)), ("last first", (2, 1, 0)), ("first last", (1, 2, 0))):
            c = case(family, f"udp {method} fragments {name}")
            c.udp("question", method)
            parts = pieces(family.udp(*c.ends(method), bytes(range(250)) * 10, flags=0, id=0x5151), (1000, 1000, 508))
            c.from_client("all", *[parts[place] for place in order])
        c = case(family, f"udp {method} a fragment of nothing")
        c.from_client("piece", pieces(family.udp(*c.ends(method), b"n" * 2000, flags=0), (1000, 1008))[1])
        c = case(family, f"tcp {method} first fragment shorter than its header")
        c.from_client("piece", pieces(family.tcp(*c.ends(method), SYN, payload=b"n" * 100, flags=0), (8, 112))[0])
    c = case(family, "udp nat fragments back")
    c.udp("question", "nat")
    c.from_server("all", *pieces(family.udp(*c.ends_back("nat"), bytes(range(250)) * 10, flags=0, id=0x6161), (1200, 1200, 108)))


GROUPS = (ordinary, time_to_live, ip_options, errors_about_answers, errors_about_questions, echo, bad_checksums, wrong_lengths, strange_sources,
          strange_segments, large, fragments)
