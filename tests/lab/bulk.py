"""Bulk data both ways with proof: what was sent is what arrived.

    bulk.py serve PORT...              TCP: reads a request, then so many bytes, answers their hash and so many bytes
    bulk.py fetch HOST PORT UP DOWN    sends UP bytes, wants DOWN bytes; prints {"up_s", "down_s"} and fails when a byte is wrong
    bulk.py echo PORT                  UDP: sends every datagram back
"""

import hashlib
import json
import socket
import struct
import sys
import threading
import time

BLOCK = b"".join(struct.pack("!Q", n) for n in range(1 << 15))  # 256 KB


def blocks(length):
    while length > 0:
        yield BLOCK[:length] if length < len(BLOCK) else BLOCK
        length -= len(BLOCK)


def read_hash(plug, length):
    digest = hashlib.blake2b()
    buffer = bytearray(1 << 20)
    while length > 0:
        got = plug.recv_into(buffer, min(length, len(buffer)))
        if got == 0:
            raise EOFError(f"{length} bytes missing")
        digest.update(memoryview(buffer)[:got])
        length -= got
    return digest.digest()


def hash_of(length):
    digest = hashlib.blake2b()
    for block in blocks(length):
        digest.update(block)
    return digest.digest()


def read_exactly(plug, length):
    data = b""
    while len(data) < length:
        piece = plug.recv(length - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def answer(plug):
    with plug:
        up, down = struct.unpack("!QQ", read_exactly(plug, 16))
        plug.sendall(read_hash(plug, up))
        for block in blocks(down):
            plug.sendall(block)


def serve(port):
    with socket.create_server(("::", port), family=socket.AF_INET6, backlog=1024, dualstack_ipv6=True) as listener:
        while True:
            plug, _ = listener.accept()
            threading.Thread(target=answer, args=(plug,), daemon=True).start()


def fetch(host, port, up, down):
    with socket.create_connection((host, port), timeout=20) as plug:
        start = time.monotonic()
        plug.sendall(struct.pack("!QQ", up, down))
        for block in blocks(up):
            plug.sendall(block)
        assert read_exactly(plug, 64) == hash_of(up), "the server got something else"
        middle = time.monotonic()
        assert read_hash(plug, down) == hash_of(down), "something else came back"
        return {"up_s": middle - start, "down_s": time.monotonic() - middle}


def echo(port):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as plug:
        plug.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        plug.bind(("::", port))
        while True:
            data, peer = plug.recvfrom(65536)
            plug.sendto(data, peer)


def main(words):
    if words[0] == "serve":
        for port in words[2:]:
            threading.Thread(target=serve, args=(int(port),), daemon=True).start()
        serve(int(words[1]))
    elif words[0] == "echo":
        echo(int(words[1]))
    else:
        print(json.dumps(fetch(words[1], *map(int, words[2:5]))))


if __name__ == "__main__":
    main(sys.argv[1:])
