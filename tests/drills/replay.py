"""A stranger who sends again what was captured.

    replay.py INTERFACE CAPTURE [--cases 7,8,9] [--map OLD=NEW ...] [--every SECONDS] [--times N]
    replay.py INTERFACE CAPTURE --record SECONDS

--map gives an IPv4 address another value, wherever it stands; checksums that were right stay right, wrong ones stay wrong.
"""

import argparse
import ctypes
import signal
import socket
import struct
import time

MAGIC = 0xa1b2c3d4


def total(data):
    if len(data) % 2:
        data += b"\0"
    value = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while value >> 16:
        value = (value & 0xffff) + (value >> 16)
    return value


def read(path):
    data, at = open(path, "rb").read(), 24
    frames = []
    while at + 16 <= len(data):
        length = struct.unpack("<I", data[at + 8:at + 12])[0]
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


def record(interface, path, seconds):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind((interface, 0))
    wire.settimeout(0.1)
    end = time.monotonic() + seconds
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", MAGIC, 2, 4, 0, 0, 65535, 1))
        while time.monotonic() < end:
            try:
                frame = wire.recv(65535)
            except TimeoutError:
                continue
            if frame[12:14] == b"\x08\x00" and frame[23] == 112:
                out.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def moved(frame, pairs):
    """The frame with other addresses."""
    ip = bytearray(frame[14:])
    header = (ip[0] & 15) * 4
    end = min(len(ip), struct.unpack("!H", ip[2:4])[0])

    def verifies(with_pseudo):
        message = bytes(ip[header:end])
        pseudo = bytes(ip[12:20]) + struct.pack("!HH", 112, len(message)) if with_pseudo else b""
        return total(pseudo + message) == 0xffff

    with_pseudo = verifies(True)
    right = len(ip) >= header + 8 and (with_pseudo or verifies(False))
    body = bytes(ip)
    for old, new in pairs:
        body = body.replace(old, new)
    ip = bytearray(body)
    ip[10:12] = b"\0\0"
    ip[10:12] = struct.pack("!H", ~total(bytes(ip[:header])) & 0xffff)
    if right:
        ip[header + 6:header + 8] = b"\0\0"
        message = bytes(ip[header:end])
        pseudo = bytes(ip[12:20]) + struct.pack("!HH", 112, len(message)) if with_pseudo else b""
        ip[header + 6:header + 8] = struct.pack("!H", ~total(pseudo + message) & 0xffff)
    return frame[:14] + bytes(ip)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("interface")
    options.add_argument("capture")
    options.add_argument("--record", type=float)
    options.add_argument("--cases", default="")
    options.add_argument("--map", action="append", default=[])
    options.add_argument("--every", type=float, default=1.0)
    options.add_argument("--times", type=int, default=1)
    options = options.parse_args()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if options.record:
        return record(options.interface, options.capture, options.record)
    frames = read(options.capture)
    if options.cases:
        frames = [frames[int(n) - 1] for n in options.cases.split(",")]
    pairs = [tuple(socket.inet_aton(a) for a in pair.split("=")) for pair in options.map]
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    wire.bind((options.interface, 0))
    due = time.monotonic()
    for _ in range(options.times):
        for frame in frames:
            wire.send(moved(frame, pairs))
            due += options.every
            time.sleep(max(0.0, due - time.monotonic()))


main()
