"""Datagrams in pieces that no kernel would send: backwards, over each other, beyond the end.

    fragments.py backwards HOST PORT BYTES   the last part first; prints the echo's length
    fragments.py overlap HOST PORT           the second part writes over the first; prints the echo's length or "silence"
    fragments.py death HOST PORT             a part that ends beyond 65,535 bytes, and a first part without a whole header
"""

import os
import socket
import struct
import sys

PIECE = 1480


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Sender:
    def __init__(self, host, port):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, port))
            own = probe.getsockname()[0]
        # Not connected: a server of dr answers by its own address.
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.settimeout(2)
        self.udp.bind((own, 0))
        self.source, self.host = self.udp.getsockname(), (host, port)
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.identification = int.from_bytes(os.urandom(2), "big") | 1  # the kernel puts its own for 0

    def datagram(self, payload):
        source, destination = socket.inet_aton(self.source[0]), socket.inet_aton(self.host[0])
        head = struct.pack("!HHHH", self.source[1], self.host[1], 8 + len(payload), 0)
        pseudo = source + destination + struct.pack("!BBH", 0, 17, 8 + len(payload))
        return head[:6] + struct.pack("!H", checksum(pseudo + head + payload) or 0xffff) + payload

    def part(self, content, offset, more, protocol=17):
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(content), self.identification,
                             offset // 8 | (0x2000 if more else 0), 64, protocol, 0, socket.inet_aton(self.source[0]),
                             socket.inet_aton(self.host[0]))
        self.raw.sendto(header + content, (self.host[0], 0))

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
    sender.part(b"x" * 8, 0, True, protocol=6)


def main():
    sender = Sender(sys.argv[2], int(sys.argv[3]))
    if sys.argv[1] == "backwards":
        backwards(sender, int(sys.argv[4]))
    elif sys.argv[1] == "overlap":
        overlap(sender)
    elif sys.argv[1] == "death":
        death(sender)


main()
