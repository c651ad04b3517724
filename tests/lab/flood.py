"""SYNs from random addresses of 198.18.0.0/15 (RFC 2544), at a bounded rate.

    flood.py HOST PORT PER_SECOND SECONDS    prints how many were sent
"""

import random
import socket
import struct
import sys
import time


def folded(total):
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def main(host, port, per_second, seconds):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    destination = socket.inet_aton(host)
    fixed = sum(struct.unpack("!2H", destination)) + 6 + 20 + port + 0x5002 + 64240
    begin, sent = time.monotonic(), 0
    while (elapsed := time.monotonic() - begin) < seconds:
        for _ in range(max(0, min(int(elapsed * per_second) - sent, 200))):
            source = (0xc612 << 16) + random.getrandbits(17)
            source_port, sequence = random.randrange(1024, 65536), random.getrandbits(32)
            total = fixed + (source >> 16) + (source & 0xffff) + source_port + (sequence >> 16) + (sequence & 0xffff)
            raw.sendto(struct.pack("!BBHHHBBHI4sHHIIHHHH", 0x45, 0, 40, 0, 0, 64, 6, 0, source, destination, source_port, port,
                                   sequence, 0, 0x5002, 64240, ~folded(total) & 0xffff, 0), (host, 0))
            sent += 1
        time.sleep(0.001)
    print(sent)


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
