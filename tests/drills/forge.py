"""A stranger on the link who sends advertisements that nobody asked for.

    forge.py INTERFACE SOURCE [--priority N] [--interval-cs N] [--addresses A,B] [--vrid N] [--version N] [--kind N]
             [--ttl N] [--bad-checksum] [--count N] [--cut N] [--add N] [--times N] [--every SECONDS]

Or, with --claim ADDRESS, one who answers ARP for an address as if it were his.
"""

import argparse
import ctypes
import signal
import socket
import struct
import time


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def advert(options):
    addresses = [socket.inet_aton(a) for a in options.addresses.split(",") if a]
    count = options.count if options.count is not None else len(addresses)
    head = struct.pack("!BBBBH", options.version << 4 | options.kind, options.vrid, options.priority, count, options.interval_cs)
    rest = b"".join(addresses) + (b"\0" * 8 if options.version == 2 else b"")
    pseudo = b""
    if options.version == 3:
        pseudo = (socket.inet_aton(options.source) + socket.inet_aton("224.0.0.18") +
                  struct.pack("!HH", 112, len(head) + 2 + len(rest)))
    total = checksum(pseudo + head + b"\0\0" + rest)
    if options.bad_checksum:
        total ^= 0x5555
    message = head + struct.pack("!H", total) + rest
    return message[:len(message) - options.cut] + b"\0" * options.add


def claim(options):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    wire.bind((options.interface, 0))
    mac = wire.getsockname()[4]
    target = socket.inet_aton(options.claim)
    frame = b"\xff" * 6 + mac + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 2) + mac + target + b"\xff" * 6 + target
    for _ in range(options.times):
        wire.send(frame)
        time.sleep(options.every)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("interface")
    options.add_argument("source")
    options.add_argument("--claim")
    options.add_argument("--priority", type=int, default=200)
    options.add_argument("--interval-cs", type=int, default=100)
    options.add_argument("--addresses", default="198.51.100.10")
    options.add_argument("--vrid", type=int, default=51)
    options.add_argument("--version", type=int, default=3)
    options.add_argument("--kind", type=int, default=1)
    options.add_argument("--ttl", type=int, default=255)
    options.add_argument("--bad-checksum", action="store_true")
    options.add_argument("--count", type=int)
    options.add_argument("--cut", type=int, default=0)
    options.add_argument("--add", type=int, default=0)
    options.add_argument("--times", type=int, default=1)
    options.add_argument("--every", type=float, default=1.0)
    options = options.parse_args()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if options.claim:
        return claim(options)
    out = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
    out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, options.ttl)
    out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                   socket.inet_aton("0.0.0.0") + socket.inet_aton(options.source) +
                   struct.pack("@i", socket.if_nametoindex(options.interface)))
    message = advert(options)
    due = time.monotonic()
    for _ in range(options.times):
        out.sendto(message, ("224.0.0.18", 0))
        due += options.every
        time.sleep(max(0.0, due - time.monotonic()))


main()
