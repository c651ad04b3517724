"""packets.py's cases of SCTP, of AH and ESP beside their key exchange, and of services where every packet is placed by itself."""

import struct

from frames import AH, ESP, TCP, UDP, tcp
from packet_cases import errors_of
from sides import METHODS, WAYS, case

DATA, INIT, INIT_ACK, SACK, HEARTBEAT, ABORT, SHUTDOWN, SHUTDOWN_ACK, ERROR, COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE = (
    0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 14)
SOME = b"sixteen bytes..."


def associations(family):
    for method in METHODS:
        nat = method == "nat"
        c = case(family, f"sctp {method} an association")
        c.sctp("init", method, (INIT, SOME), tag=0)
        if nat:
            c.sctp_back("init-ack", (INIT_ACK, SOME))
        c.sctp("cookie and data", method, (COOKIE_ECHO, b"cookie"), (DATA, SOME))
        if nat:
            c.sctp_back("cookie-ack", (COOKIE_ACK, b""))
        c.sctp("data", method, (DATA, SOME + b"question"))
        if nat:
            c.sctp_back("data back", (SACK, SOME), (DATA, SOME * 60))
        c.sctp("bad checksum", method, (DATA, SOME), bad=True)
        c.sctp("heartbeat", method, (HEARTBEAT, SOME))
        c.sctp("shutdown", method, (SHUTDOWN, b"\0\0\0\1"))
        if nat:
            c.sctp_back("shutdown-ack", (SHUTDOWN_ACK, b""))
        c.sctp("shutdown complete", method, (SHUTDOWN_COMPLETE, b""))
        c.sctp("init again", method, (INIT, SOME), tag=0)

        c = case(family, f"sctp {method} refused at once")
        c.sctp("init", method, (INIT, SOME), tag=0)
        if nat:
            c.sctp_back("abort", (ABORT, b""))
        c.sctp("client's abort", method, (ABORT, b""))

        c = case(family, f"sctp {method} ttl 1")
        c.sctp("ttl 1", method, (INIT, SOME), tag=0, ttl=1)

        for name, chunk in (("data", (DATA, SOME)), ("abort", (ABORT, b"")), ("cookie", (COOKIE_ECHO, SOME)), ("init-ack", (INIT_ACK, SOME)),
                            ("shutdown-ack", (SHUTDOWN_ACK, b"")), ("shutdown complete", (SHUTDOWN_COMPLETE, b""))):
            c = case(family, f"sctp {method} out of nowhere {name}")
            c.sctp(name, method, chunk)

        c = case(family, f"sctp {method} larger than the inside's mtu")
        c.sctp("init", method, (INIT, SOME), tag=0)
        c.sctp("with df", method, (DATA, b"L" * (1464 - family.header)))

        c = case(family, f"sctp {method} wrong lengths")
        c.sctp("init", method, (INIT, SOME), tag=0)
        c.sctp("no chunk", method)
        c.sctp("total length within sctp's header", method, (DATA, SOME), length=family.header + 8)
        c.sctp("half a chunk's header", method, (DATA, SOME), length=family.header + 14)

        c = case(family, f"sctp {method} client's port unreachable")
        c.sctp("init", method, (INIT, SOME), tag=0)
        answer = family.sctp(*c.ends_of_answer(method), [(INIT_ACK, SOME)])
        c.from_client("all quoted", family.icmp(c.client, family.vip, *errors_of(family)["port unreachable"], answer, flags=0))
    c = case(family, "sctp nat server's port unreachable")
    c.sctp("init", "nat", (INIT, SOME), tag=0)
    sent = family.sctp(c.client, family.server("nat"), c.port, WAYS["nat"].server_port, [(INIT, SOME)], tag=0, ttl=62)
    c.from_server("all quoted", family.icmp(family.server("nat"), c.client, *errors_of(family)["port unreachable"], sent, flags=0))
    c = case(family, "sctp nat answer out of nowhere")
    c.sctp_back("init-ack", (INIT_ACK, SOME))


def ah(next_header, carried):
    """RFC 4302, 2, with an integrity check value of 12 bytes."""
    return struct.pack("!BBHII", next_header, 4, 0, 0x1001, 1) + b"\x55" * 12 + carried


def esp():
    return struct.pack("!II", 0x2002, 1) + b"\xaa" * 80


def ipsec(family):
    """RFC 2409: the key exchange is between the two ports 500; AH and ESP have none (IPVS: ip_vs_proto_ah_esp.c)."""
    for method in METHODS:
        way = f"ipsec {method}"
        vip = family.vip_of(way)
        for name, exchanges in (("after a key exchange", True), ("without a key exchange", False)):
            c = case(family, f"esp {method} {name}", port=500)
            if exchanges:
                c.udp("key exchange", way, b"who are you?")
            c.from_client("esp", family.ip(c.client, vip, ESP, esp()))
            c.from_client("esp of ttl 1", family.ip(c.client, vip, ESP, esp(), ttl=1))
            c.from_client("ah around esp", family.ip(c.client, vip, AH, ah(ESP, esp())))
            c.from_client("ah around tcp", family.ip(c.client, vip, AH, ah(TCP, tcp(c.client, vip, 41000, 81))))
            c.from_client("ah around udp 500", family.ip(c.client, vip, AH, ah(UDP, b"\1\xf4\1\xf4\0\x08\0\0")))
        c = case(family, f"esp {method} larger than the inside's mtu", port=500)
        c.udp("key exchange", way, b"who are you?")
        c.from_client("with df", family.ip(c.client, vip, ESP, esp() * 16))
    c = case(family, "esp to the vip of no key exchange")
    c.from_client("esp", family.ip(c.client, family.vip, ESP, esp()))


def once(family):
    """Each packet is placed by itself, and no flow stays."""
    for method in METHODS:
        way = f"once {method}"
        c = case(family, f"udp {way} a question")
        c.udp("question", way)
        if method == "nat":
            c.udp_back("answer", way=way)
        c.udp("another", way, b"another one")
        c.udp("ttl 1", way, ttl=1)
        c.udp("bad checksum", way, bad=True)
        answer = family.udp(*c.ends_of_answer(way), b"answer")
        c.from_client("client's port unreachable", family.icmp(c.client, family.vip, *errors_of(family)["port unreachable"], answer, flags=0))
        c = case(family, f"udp {way} larger than the inside's mtu")
        c.udp("with df", way, b"L" * (1478 - family.header))


GROUPS = (associations, ipsec, once)
