"""What nobody should send by IPv4: every kind is counted by its reason, where an operator sees it, and nothing malformed reaches a server."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from frames import ACK, FIN, MF, RST, SYN, TCP, UDP, checksum, icmp, ipv4, tcp, udp  # noqa: E402
from odd import counted_and_held_back, odd, survives_noise  # noqa: E402,F401
from topology import VIP  # noqa: E402
from world import require_root  # noqa: E402

require_root()
CLIENT = "198.51.100.100"


def syn(source=CLIENT, port=0, **more):
    """`more` is the IP header's, but for what begins with tcp_."""
    mine = {name[4:]: more.pop(name) for name in list(more) if name.startswith("tcp_")}
    flags = mine.pop("flags", SYN)
    return ipv4(source, VIP, TCP, tcp(source, VIP, port, 80, flags, **mine), **more)


def question(source=CLIENT, port=0, payload=b"question", **more):
    mine = {name[4:]: more.pop(name) for name in list(more) if name.startswith("udp_")}
    return ipv4(source, VIP, UDP, udp(source, VIP, port, 53, payload, **mine), **more)


def piece(packet, begin, end, more, place=None):
    """A fragment of an IPv4 packet."""
    header, part = packet[:20], packet[20:][begin:end]
    header = header[:2] + (20 + len(part)).to_bytes(2, "big") + header[4:6] + ((MF if more else 0) | (begin if place is None else place) // 8).to_bytes(2, "big") + header[8:10] + b"\0\0" + header[12:]
    return header[:10] + checksum(header).to_bytes(2, "big") + header[12:] + part


# As counted_and_held_back() takes them.
CASES = {
    "total length beyond the frame": (lambda p: [syn(port=p, length=400)], {"drop_bad_length": 1}, 0),
    "total length within the IP header": (lambda p: [syn(port=p, length=19)], {"drop_bad_length": 1}, 0),
    "total length within the TCP header": (lambda p: [syn(port=p, length=38)], {"drop_bad_length": 1}, 0),
    "header length of four words": (lambda p: [syn(port=p, header_words=4)], {"drop_bad_length": 1}, 0),
    "header length beyond the packet": (lambda p: [syn(port=p, header_words=15)], {"drop_bad_length": 1}, 0),
    "TCP's data offset beyond the packet": (lambda p: [syn(port=p, tcp_words=15)], {"drop_bad_length": 1}, 0),
    "TCP's data offset within its header": (lambda p: [syn(port=p, tcp_words=4)], {"drop_bad_length": 1}, 0),
    "UDP's length beyond the packet": (lambda p: [question(port=p, udp_length=99)], {"drop_bad_length": 1}, 0),
    "UDP's length within its header": (lambda p: [question(port=p, udp_length=7)], {"drop_bad_length": 1}, 0),
    "a frame cut within the IP header": (lambda p: [syn(port=p)[:19]], {}, 0),
    "a frame cut within the TCP header": (lambda p: [syn(port=p)[:36]], {"drop_bad_length": 1}, 0),
    "another version of IP": (lambda p: [syn(port=p, version=5)], {}, 0),
    "bytes behind the packet": (lambda p: [syn(port=p) + b"\xee" * 20], {"new_flows": 1}, 1),
    "IP options that fill the header": (lambda p: [syn(port=p, options=b"\x01" * 40)], {"new_flows": 1}, 1),
    "TCP options that fill the header": (lambda p: [syn(port=p, tcp_options=b"\x01" * 40)], {"new_flows": 1}, 1),
    "a TTL of 1": (lambda p: [syn(port=p, ttl=1)], {"drop_ttl": 1}, 0),
    "a TTL of 0": (lambda p: [syn(port=p, ttl=0)], {"drop_ttl": 1}, 0),
    "an ACK out of nowhere": (lambda p: [syn(port=p, tcp_flags=ACK)], {"drop_out_of_state": 1}, 0),
    "a reset out of nowhere": (lambda p: [syn(port=p, tcp_flags=RST)], {"drop_out_of_state": 1}, 0),
    "every flag at once": (lambda p: [syn(port=p, tcp_flags=0x3F)], {"drop_out_of_state": 1}, 0),
    "no flag": (lambda p: [syn(port=p, tcp_flags=0)], {"drop_out_of_state": 1}, 0),
    "SYN and FIN": (lambda p: [syn(port=p, tcp_flags=SYN | FIN)], {"drop_out_of_state": 1}, 0),
    "a wrong checksum of IP": (lambda p: [syn(port=p, bad=True)], {"drop_bad_checksum": 1}, 0),
    "an IP option of no length": (lambda p: [syn(port=p, options=b"\x94\0\0\0")], {"drop_bad_options": 1}, 0),
    "an IP option beyond the header": (lambda p: [syn(port=p, options=b"\x94\x28\0\0")], {"drop_bad_options": 1}, 0),
    "a source route": (lambda p: [syn(port=p, options=b"\x83\7\4\xc6\x33\x64\xfe\0")], {"drop_bad_options": 1}, 0),
    "a source that is the VIP": (lambda p: [syn(VIP, p)], {"drop_spoofed_source": 1}, 0),
    "a source and a port that are the service's": (lambda p: [syn(VIP, 80)], {"drop_spoofed_source": 1}, 0),
    "a source that is the director": (lambda p: [question("198.51.100.2", p)], {"drop_spoofed_source": 1}, 0),
    "a source that is loopback": (lambda p: [syn("127.0.0.1", p)], {"drop_spoofed_source": 1}, 0),
    "a source that is multicast": (lambda p: [syn("224.0.0.5", p)], {"drop_spoofed_source": 1}, 0),
    "no source": (lambda p: [question("0.0.0.0", p)], {"drop_spoofed_source": 1}, 0),
    "an ICMP error with a wrong checksum": (
        lambda p: [ipv4(CLIENT, VIP, 1, icmp(3, 3, 0, ipv4(VIP, CLIENT, TCP, tcp(VIP, CLIENT, 80, p)), bad=True))],
        {"drop_bad_checksum": 1}, 0),
    "a first fragment shorter than the TCP header": (lambda p: [piece(syn(port=p, flags=0), 0, 8, True)], {"drop_fragment": 1}, 0),
    "a fragment that ends beyond 65,535 bytes": (
        lambda p: [piece(question(port=p, payload=b"x" * 992, flags=0, id=p), 0, 1000, False, place=65528)], {"drop_fragment": 1}, 0),
    "an ICMP error about nobody's flow": (lambda p: [ipv4(CLIENT, VIP, 1, icmp(3, 3, 0, ipv4(VIP, CLIENT, TCP, tcp(VIP, CLIENT, 80, p))))],
                                          {"drop_icmp_error_without_flow": 1}, 0),
    "an ICMP error that quotes too little": (lambda p: [ipv4(CLIENT, VIP, 1, icmp(3, 3, 0, ipv4(VIP, CLIENT, TCP, tcp(VIP, CLIENT, 80, p))[:22]))],
                                             {"not_ours": 1}, 0),
}


@pytest.mark.parametrize("name", CASES)
def test_is_counted_by_its_reason_and_reaches_a_server_only_when_well(odd, name):  # noqa: F811
    counted_and_held_back(odd, 4, CASES[name])


def test_a_flood_of_noise_does_not_end_it(odd):  # noqa: F811
    survives_noise(odd, 4, syn(port=1))
