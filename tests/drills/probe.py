"""The client's side of a drill: asks for the VIP every millisecond and writes down every answer, until SIGTERM.

    probe.py INTERFACE VIP OUT arp|ping

By ping through the kernel, which goes where the client's ARP table says: only a box that holds the address and has told the
client so answers that. By ARP, as a broadcast that every box which claims the address answers: from another host than the
pings, whose kernel would learn from these answers what no client hears. The ARP side writes advertisements and gratuitous
ARP down as well.

Lines of OUT: "<monotonic ns> <what> <detail>": sent SEQUENCE; arp MAC; ping SEQUENCE; advert MAC PRIORITY; announce MAC.
"""

import ctypes
import os
import select
import signal
import socket
import struct
import sys
import time

ETH_P_ALL, ETH_P_ARP, ETH_P_IP = 3, 0x0806, 0x0800
PERIOD = 1_000_000


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def main():
    interface, vip, out_file, means = sys.argv[1:]
    target = socket.inet_aton(vip)
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    wire.bind((interface, ETH_P_ALL))
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    wire.setblocking(False)
    mac = wire.getsockname()[4]
    own_address = socket.inet_aton(os.environ["PROBE_ADDRESS"])
    request = (b"\xff" * 6 + mac + struct.pack("!HHHBBH", ETH_P_ARP, 1, 0x0800, 6, 4, 1) + mac + own_address + b"\0" * 6 + target)
    ping = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    ping.setblocking(False)
    mark = os.getpid() & 0xffff
    lines = []
    running = True

    def stop(*_):
        nonlocal running
        running = False
    signal.signal(signal.SIGTERM, stop)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)

    def heard(frame, now):
        kind = struct.unpack_from("!H", frame, 12)[0]
        if (means == "ping") != (kind == ETH_P_IP and frame[23] == 1):
            return
        source = frame[6:12].hex(":")
        if kind == ETH_P_ARP and len(frame) >= 42:
            operation = struct.unpack_from("!H", frame, 20)[0]
            sender, asked = frame[28:32], frame[38:42]
            if sender != target:
                return
            if operation == 2 and asked == own_address:
                lines.append(f"{now} arp {source}")
            elif asked == target:
                lines.append(f"{now} announce {source}")
        elif kind == ETH_P_IP and len(frame) >= 42:
            header = (frame[14] & 15) * 4
            if frame[23] == 112 and len(frame) >= 14 + header + 8:
                lines.append(f"{now} advert {source} {frame[14 + header + 2]}")
            elif frame[23] == 1 and frame[26:30] == target and frame[14 + header] == 0:
                identity, sequence = struct.unpack_from("!HH", frame, 14 + header + 4)
                if identity == mark:
                    lines.append(f"{now} ping {sequence} {source}")

    sequence = 0
    due = time.monotonic_ns()
    poller = select.poll()
    poller.register(wire, select.POLLIN)
    while running:
        now = time.monotonic_ns()
        while due <= now:
            due += PERIOD
            sequence = (sequence + 1) & 0xffff
            body = struct.pack("!BBHHH", 8, 0, 0, mark, sequence)
            body = struct.pack("!BBHHH", 8, 0, checksum(body), mark, sequence)
            try:
                if means == "arp":
                    wire.send(request)
                else:
                    ping.sendto(body, (vip, 0))
                    lines.append(f"{time.monotonic_ns()} sent {sequence}")
            except OSError:
                lines.append(f"{time.monotonic_ns()} sent {sequence}")  # no ARP entry: nobody answers
        poller.poll(max(0, (due - time.monotonic_ns()) / 1e6))
        while True:
            try:
                frame, origin = wire.recvfrom(2048)
            except BlockingIOError:
                break
            if origin[2] != socket.PACKET_OUTGOING:
                heard(frame, time.monotonic_ns())
        try:
            while True:
                ping.recv(2048)  # the same answers again
        except BlockingIOError:
            pass
    with open(out_file, "w") as out:
        out.write("\n".join(lines) + "\n")


main()
