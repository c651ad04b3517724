"""What nobody should send by IPv6: as test_odd_packets.py, with the headers, the parts and the senders IPv4 does not have."""

import struct
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from dual import CLIENT6, VIP6  # noqa: E402
from frames import (ACK, DESTINATION_OPTIONS, FIN, HOP_BY_HOP, ICMP6, NO_NEXT_HEADER, RST, SYN, TCP, UDP, icmp6, ipv6, options,  # noqa: E402
                    part, routing, tcp, udp)
from odd import counted_and_held_back, odd, survives_noise  # noqa: E402,F401
from world import require_root  # noqa: E402

require_root()


def syn(source=CLIENT6, port=0, **more):
    """`more` is the IP header's, but for what begins with tcp_."""
    mine = {name[4:]: more.pop(name) for name in list(more) if name.startswith("tcp_")}
    flags = mine.pop("flags", SYN)
    return ipv6(source, VIP6, TCP, tcp(source, VIP6, port, 80, flags, **mine), **more)


def question(source=CLIENT6, port=0, payload=b"question", **more):
    mine = {name[4:]: more.pop(name) for name in list(more) if name.startswith("udp_")}
    return ipv6(source, VIP6, UDP, udp(source, VIP6, port, 53, payload, **mine), **more)


def behind(port, *extensions):
    """A SYN behind these headers."""
    return [syn(port=port, extensions=extensions)]


def piece(port, begin, end, more, first=(), place=None, payload=b"x" * 992):
    """A part of a datagram of UDP, 1,000 bytes of it; `first` are headers that are cut with it."""
    names = [number for number, _ in first] + [UDP]
    whole = b"".join(bytes([following]) + body[1:] for following, (_, body) in zip(names[1:], first)) + udp(CLIENT6, VIP6, port, 53, payload)
    return ipv6(CLIENT6, VIP6, names[0], whole[begin:end], extensions=[part(begin if place is None else place, more, port)])


def error(about, kind=1, code=4, bad=False):
    return ipv6(CLIENT6, VIP6, ICMP6, icmp6(CLIENT6, VIP6, kind, code, 0, about, bad=bad))


def answer(port, *extensions):
    """What the client may be thought to have got from the VIP."""
    return ipv6(VIP6, CLIENT6, TCP, tcp(VIP6, CLIENT6, 80, port, SYN | ACK), extensions=extensions)


def option(kind, data=b"\0\0\0\0"):
    return options(HOP_BY_HOP, bytes([kind, len(data)]) + data)


TO_SKIP, TO_DROP, TO_SAY, TO_SAY_TO_ONE = 0x1E, 0x5E, 0x9E, 0xDE  # options nobody knows, and what is to become of their packet
JUMBO = 0xC2
END = options(DESTINATION_OPTIONS)
# As counted_and_held_back() takes them.
CASES = {
    "a payload length beyond the frame": (lambda p: [syn(port=p, length=440)], {"drop_bad_length": 1}, 0),
    "the longest payload length in a short frame": (lambda p: [syn(port=p, length=65575)], {"drop_bad_length": 1}, 0),
    "a payload length within the TCP header": (lambda p: [syn(port=p, length=50)], {"drop_bad_length": 1}, 0),
    "a payload length of none": (lambda p: [syn(port=p, length=40)], {"drop_bad_length": 1}, 0),
    "a jumbo payload": (lambda p: [syn(port=p, length=40, extensions=[option(JUMBO, struct.pack("!I", 70000))])], {"drop_bad_length": 1}, 0),
    "a jumbo payload beside a payload length": (lambda p: behind(p, option(JUMBO, struct.pack("!I", 70000))), {"drop_bad_options": 1}, 0),
    "TCP's data offset beyond the packet": (lambda p: [syn(port=p, tcp_words=15)], {"drop_bad_length": 1}, 0),
    "TCP's data offset within its header": (lambda p: [syn(port=p, tcp_words=4)], {"drop_bad_length": 1}, 0),
    "UDP's length beyond the packet": (lambda p: [question(port=p, udp_length=99)], {"drop_bad_length": 1}, 0),
    "UDP's length within its header": (lambda p: [question(port=p, udp_length=7)], {"drop_bad_length": 1}, 0),
    "UDP's length of none": (lambda p: [question(port=p, udp_length=0)], {"drop_bad_length": 1}, 0),
    "a frame cut within the IP header": (lambda p: [syn(port=p)[:39]], {}, 0),
    "a frame cut within an extension header": (lambda p: [behind(p, END)[0][:44]], {"drop_bad_length": 1}, 0),
    "a frame cut within the TCP header": (lambda p: [syn(port=p)[:56]], {"drop_bad_length": 1}, 0),
    "another version of IP": (lambda p: [syn(port=p, version=5)], {}, 0),
    "version 4 behind IPv6's type": (lambda p: [syn(port=p, version=4)], {}, 0),
    "bytes behind the packet": (lambda p: [syn(port=p) + b"\xee" * 20], {"new_flows": 1}, 1),
    "TCP options that fill the header": (lambda p: [syn(port=p, tcp_options=b"\x01" * 40)], {"new_flows": 1}, 1),
    "a hop limit of 1": (lambda p: [syn(port=p, ttl=1)], {"drop_ttl": 1}, 0),
    "a hop limit of 0": (lambda p: [syn(port=p, ttl=0)], {"drop_ttl": 1}, 0),
    "an ACK out of nowhere": (lambda p: [syn(port=p, tcp_flags=ACK)], {"drop_out_of_state": 1}, 0),
    "a reset out of nowhere": (lambda p: [syn(port=p, tcp_flags=RST)], {"drop_out_of_state": 1}, 0),
    "every flag at once": (lambda p: [syn(port=p, tcp_flags=0x3F)], {"drop_out_of_state": 1}, 0),
    "no flag": (lambda p: [syn(port=p, tcp_flags=0)], {"drop_out_of_state": 1}, 0),
    "SYN and FIN": (lambda p: [syn(port=p, tcp_flags=SYN | FIN)], {"drop_out_of_state": 1}, 0),

    # Extension headers
    "hop-by-hop padding": (lambda p: behind(p, options()), {"new_flows": 1}, 1),
    "a hop-by-hop option to be skipped": (lambda p: behind(p, option(TO_SKIP)), {"new_flows": 1}, 1),
    "a hop-by-hop option to be dropped": (lambda p: behind(p, option(TO_DROP)), {"drop_bad_options": 1}, 0),
    "a hop-by-hop option to be complained of": (lambda p: behind(p, option(TO_SAY)), {"drop_bad_options": 1}, 0),
    "a hop-by-hop option to be complained of to one": (lambda p: behind(p, option(TO_SAY_TO_ONE)), {"drop_bad_options": 1}, 0),
    "a hop-by-hop option beyond its header": (lambda p: behind(p, options(content=b"\x1e\x09\0\0\0\0")), {"drop_bad_options": 1}, 0),
    "hop-by-hop padding that says something": (lambda p: behind(p, options(content=b"\x01\x04\0\0\0\x07")), {"drop_bad_options": 1}, 0),
    "hop-by-hop padding without end": (lambda p: behind(p, options(content=b"\0" * 14)), {"drop_bad_options": 1}, 0),
    "hop-by-hop options beyond the packet": (lambda p: behind(p, options(words=200)), {"drop_bad_length": 1}, 0),
    "destination options": (lambda p: behind(p, END), {"new_flows": 1}, 1),
    "a destination option to be dropped, which is the server's to do": (
        lambda p: behind(p, options(DESTINATION_OPTIONS, b"\x5e\x04\0\0\0\0")), {"new_flows": 1}, 1),
    "destination options beyond the packet": (lambda p: behind(p, options(DESTINATION_OPTIONS, words=200)), {"drop_bad_length": 1}, 0),
    "a source route at its end": (lambda p: behind(p, routing(0, 0, VIP6)), {"new_flows": 1}, 1),
    "a source route under way": (lambda p: behind(p, routing(0, 1, "fd00:1::11")), {"drop_bad_options": 1}, 0),
    "a source route with more left than there is": (lambda p: behind(p, routing(0, 255)), {"drop_bad_options": 1}, 0),
    "a segment route under way": (lambda p: behind(p, routing(4, 1, "fd00:1::11", VIP6)), {"drop_bad_options": 1}, 0),
    "a chain of every kind": (lambda p: behind(p, options(), END, routing(0, 0, VIP6), part(0, 0), END), {"new_flows": 1}, 1),
    "a chain of twenty headers": (lambda p: behind(p, *[END] * 20), {"drop_bad_options": 1}, 0),
    "a header nobody knows": (lambda p: behind(p, (253, b"\0" * 8)), {"not_ours": 1}, 0),
    "no next header": (lambda p: [ipv6(CLIENT6, VIP6, NO_NEXT_HEADER, b"")], {"not_ours": 1}, 0),
    "IPv6 in IPv6 to the VIP": (lambda p: [ipv6(CLIENT6, VIP6, 41, syn(port=p))], {"not_ours": 1}, 0),

    # Parts of datagrams
    "parts in order": (lambda p: [piece(p, 0, 504, 1), piece(p, 504, 1000, 0)], {"new_flows": 1, "drop_fragment": 0}, 2),
    "parts backwards": (lambda p: [piece(p, 504, 1000, 0), piece(p, 0, 504, 1)], {"new_flows": 1, "fragments_held": 1, "drop_fragment": 0}, 2),
    "parts backwards that begin with destination options": (
        lambda p: [piece(p, 504, 1008, 0, first=[END]), piece(p, 0, 504, 1, first=[END])], {"new_flows": 1, "fragments_held": 1}, 2),
    "an atomic fragment": (lambda p: behind(p, part(0, 0)), {"new_flows": 1}, 1),
    "atomic fragments of one name": (lambda p: behind(p, part(0, 0, 7)) + [syn(port=p, extensions=[part(0, 0, 7)])], {"new_flows": 1}, 2),
    "a part that overlaps the first, and one behind it": (
        lambda p: [piece(p, 0, 504, 1), piece(p, 496, 800, 1), piece(p, 800, 1000, 0)], {"new_flows": 1, "drop_fragment": 2}, 1),
    "a part that overlaps the next": (
        lambda p: [piece(p, 0, 200, 1), piece(p, 400, 800, 1), piece(p, 200, 408, 1), piece(p, 800, 1000, 0)],
        {"new_flows": 1, "drop_fragment": 2}, 2),
    "parts that overlap before the first": (
        lambda p: [piece(p, 504, 1000, 0), piece(p, 400, 600, 1), piece(p, 0, 400, 1)], {"new_flows": 0, "fragments_held": 1, "drop_fragment": 2}, 0),
    "a part twice": (lambda p: [piece(p, 0, 504, 1), piece(p, 504, 800, 1), piece(p, 504, 800, 1), piece(p, 800, 1000, 0)],
                     {"new_flows": 1, "drop_fragment_duplicate": 1}, 3),
    "a part behind the end": (lambda p: [piece(p, 0, 200, 1), piece(p, 504, 800, 0), piece(p, 800, 1000, 1)], {"drop_fragment": 1}, 2),
    "an end within what has come": (lambda p: [piece(p, 0, 200, 1), piece(p, 504, 800, 1), piece(p, 200, 504, 0)], {"drop_fragment": 1}, 2),
    "a part when all have come": (lambda p: [piece(p, 0, 504, 1), piece(p, 504, 1000, 0), piece(p, 504, 1000, 0)],
                                  {"drop_fragment": 0, "fragments_held": 1}, 2),
    "a part whose length is no multiple of eight": (lambda p: [piece(p, 0, 501, 1)], {"drop_fragment": 1}, 0),
    "an empty part": (lambda p: [piece(p, 0, 504, 1), piece(p, 504, 504, 1)], {"drop_fragment": 1}, 1),
    "a part that ends beyond 65,535 bytes": (lambda p: [piece(p, 0, 1000, 0, place=65528)], {"drop_fragment": 1}, 0),
    "a first part within the transport header": (
        lambda p: [ipv6(CLIENT6, VIP6, TCP, tcp(CLIENT6, VIP6, p, 80)[:8], extensions=[part(0, 1, p)])], {"drop_fragment": 1}, 0),
    "a first part without the transport header": (lambda p: [piece(p, 0, 8, 1, first=[END])], {"drop_fragment": 1}, 0),
    "a first part within an extension header": (
        lambda p: [piece(p, 0, 16, 1, first=[options(DESTINATION_OPTIONS, b"\x1e\x14" + b"\0" * 20)])], {"drop_fragment": 1}, 0),
    "a part of a part": (lambda p: behind(p, part(0, 1), part(0, 0)), {"drop_bad_options": 1}, 0),

    # Senders
    "a source that is the VIP": (lambda p: [syn(VIP6, p)], {"drop_spoofed_source": 1}, 0),
    "a source and a port that are the service's": (lambda p: [syn(VIP6, 80)], {"drop_spoofed_source": 1}, 0),
    "a source that is the director": (lambda p: [question("2001:db8:51::2", p)], {"drop_spoofed_source": 1}, 0),
    "a source that is the director's inside": (lambda p: [question("fd00:1::2", p)], {"drop_spoofed_source": 1}, 0),
    "a source that is loopback": (lambda p: [syn("::1", p)], {"drop_spoofed_source": 1}, 0),
    "a source that is multicast": (lambda p: [syn("ff02::1", p)], {"drop_spoofed_source": 1}, 0),
    "a source that is IPv4's": (lambda p: [syn("::ffff:198.51.100.100", p)], {"drop_spoofed_source": 1}, 0),
    "a source that is IPv4's loopback": (lambda p: [question("::ffff:127.0.0.1", p)], {"drop_spoofed_source": 1}, 0),
    "no source": (lambda p: [question("::", p)], {"drop_spoofed_source": 1}, 0),

    # Checksums: TCP's and UDP's are the server's to see
    "a wrong checksum of TCP": (lambda p: [syn(port=p, tcp_bad=True)], {"new_flows": 1}, 1),
    "a wrong checksum of UDP": (lambda p: [question(port=p, udp_bad=True)], {"new_flows": 1}, 1),
    "no checksum of UDP": (lambda p: [question(port=p, udp_none=True)], {"new_flows": 1}, 1),
    "an ICMPv6 error with a wrong checksum": (lambda p: [error(answer(p), bad=True)], {"drop_bad_checksum": 1}, 0),

    # ICMPv6 errors
    "an ICMPv6 error about nobody's flow": (lambda p: [error(answer(p))], {"drop_icmp_error_without_flow": 1}, 0),
    "an ICMPv6 error that quotes too little": (lambda p: [error(answer(p)[:42])], {"not_ours": 1}, 0),
    "an ICMPv6 error that quotes less than an extension header": (lambda p: [error(answer(p, END)[:44])], {"not_ours": 1}, 0),
    "an ICMPv6 error that quotes a later part": (lambda p: [error(answer(p, part(800, 0)))], {"not_ours": 1}, 0),
    "an ICMPv6 error that quotes a source route under way": (lambda p: [error(answer(p, routing(0, 1, CLIENT6)))], {"not_ours": 1}, 0),
    "an ICMPv6 error that quotes twenty headers": (lambda p: [error(answer(p, *[END] * 20))], {"not_ours": 1}, 0),
    "an ICMPv6 error that quotes an extension header": (
        lambda p: [syn(port=p), error(answer(p, END))], {"new_flows": 1, "icmp_errors_relayed": 1}, 2),
    "an ICMPv6 error that quotes a chain": (
        lambda p: [syn(port=p), error(answer(p, options(), END, routing(0, 0, CLIENT6), part(0, 0)), kind=2, code=0)],
        {"new_flows": 1, "icmp_errors_relayed": 1}, 2),
    "an ICMPv6 error behind extension headers": (
        lambda p: [syn(port=p), ipv6(CLIENT6, VIP6, ICMP6, icmp6(CLIENT6, VIP6, 1, 4, 0, answer(p)), extensions=[options(), END])],
        {"new_flows": 1, "icmp_errors_relayed": 1}, 2),
    "an ICMPv6 error cut within its header": (lambda p: [ipv6(CLIENT6, VIP6, ICMP6, icmp6(CLIENT6, VIP6, 1, 4, 0)[:6])], {"drop_bad_length": 1}, 0),
}


@pytest.mark.parametrize("name", CASES)
def test_is_counted_by_its_reason_and_reaches_a_server_only_when_well(odd, name):  # noqa: F811
    counted_and_held_back(odd, 6, CASES[name])


@pytest.mark.parametrize("extensions", [[], [options()], [END, END], [part(0, 1)], [part(8, 0)], [routing(0, 0, VIP6)]],
                         ids=["none", "hop-by-hop", "destination", "first part", "later part", "routing"])
def test_a_flood_of_noise_does_not_end_it(odd, extensions):  # noqa: F811
    survives_noise(odd, 6, syn(port=1, extensions=extensions))


def test_what_an_error_quotes_is_translated_behind_its_headers(odd):  # noqa: F811
    """The server hears of a packet it sent itself."""
    odd.port += 1
    odd.arrived()
    odd.send(syn(port=odd.port), 6)
    to_server = [tell for tell in odd.told() if tell["protocol"] == TCP][0]
    odd.send(error(answer(odd.port, options(), END), kind=2, code=0), 6)
    relayed = [tell for tell in odd.told() if tell["protocol"] == ICMP6][0]
    assert relayed["destination"] == relayed["quoted source"] == to_server["destination"]
    assert relayed["quoted ports"] == (to_server["destination port"], odd.port)
    assert relayed["source"] == relayed["quoted destination"] == CLIENT6
    assert relayed["checksum error"] == relayed["quoted checksum error"] == 0 and relayed["quoted options"] == answer(0, options(), END)[40:56].hex()
