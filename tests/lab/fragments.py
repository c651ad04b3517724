"""Datagrams in pieces that no kernel would send: backwards, over each other, beyond the end. HOST is of either family.

    fragments.py backwards HOST PORT BYTES   the last part first; prints the echo's length
    fragments.py overlap HOST PORT           the second part writes over the first; prints the echo's length or "silence"
    fragments.py death HOST PORT             a part that ends beyond 65,535 bytes, and a first part without a whole header
"""

import os
import socket
import sys

from frames import MF, TCP, UDP, ipv4, ipv6, part, udp

PIECE = 1400  # fits into a tunnel


class Sender:
    def __init__(self, host, port):
        self.six = ":" in host
        family = socket.AF_INET6 if self.six else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((host, port))
            self.own = probe.getsockname()[0]
        # Not connected: a server of dr answers by its own address.
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.settimeout(2)
        self.udp.bind((self.own, 0))
        self.own_port, self.host, self.port = self.udp.getsockname()[1], host, port
        self.raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.identification = int.from_bytes(os.urandom(2), "big") | 1  # the kernel puts its own for 0

    def datagram(self, payload):
        return udp(self.own, self.host, self.own_port, self.port, payload)

    def part(self, content, offset, more, protocol=UDP):
        if self.six:
            packet = ipv6(self.own, self.host, protocol, content, extensions=[part(offset, more, self.identification)])
        else:
            packet = ipv4(self.own, self.host, protocol, content, id=self.identification, flags=MF if more else 0, offset=offset)
        self.raw.sendto(packet, (self.host, 0))

    def answer(self):
        try:
            return self.udp.recv(65535)
        except TimeoutError:
            return None


def backwards(sender, size):
    payload = os.urandom(size)
    whole = sender.datagram(payload)
    for offset in reversed(range(0, len(whole), PIECE)):
        sender.part(whole[offset:offset + PIECE], offset, offset + PIECE < len(whole))
    answer = sender.answer()
    assert answer == payload, answer and len(answer)
    print(len(answer))


def overlap(sender):
    whole = sender.datagram(os.urandom(2000))
    sender.part(whole[:PIECE], 0, True)
    sender.part(whole[PIECE - 80:], PIECE - 80, False)
    answer = sender.answer()
    print(len(answer) if answer else "silence")


def death(sender):
    sender.part(b"x" * 1000, 65528, False)
    sender.part(b"x" * 8, 0, True, protocol=TCP)


def main():
    sender = Sender(sys.argv[2], int(sys.argv[3]))
    if sys.argv[1] == "backwards":
        backwards(sender, int(sys.argv[4]))
    elif sys.argv[1] == "overlap":
        overlap(sender)
    elif sys.argv[1] == "death":
        death(sender)


main()
