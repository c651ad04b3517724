"""Bytes both ways with proof, by TCP or by SCTP, in either family; every end in the namespace it is made in."""

import hashlib
import socket
import threading

SCTP = 132
UP, DOWN = 200_000, 200_000
BLOB = bytes(range(256)) * 800


def plug_of(protocol, family):
    return socket.socket(family, socket.SOCK_STREAM, SCTP if protocol == "sctp" else 0)


def read_all(plug, length):
    data = b""
    while len(data) < length:
        piece = plug.recv(65536)
        if not piece:
            raise EOFError(f"{length - len(data)} bytes missing")
        data += piece
    return data


def send(plug, data):
    for at in range(0, len(data), 1000):  # SCTP's messages: smaller than its path
        plug.sendall(data[at:at + 1000])


def answer(plug):
    with plug:
        plug.sendall(hashlib.sha256(read_all(plug, UP)).digest() + BLOB[:DOWN])


def serve(protocol, port):
    """From now on, in both families: the hash of what was sent, and DOWN bytes."""
    listener = plug_of(protocol, socket.AF_INET6)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind(("::", port))
    listener.listen(16)

    def accept():
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()


def fetch(protocol, address, port):
    """Sends UP bytes and wants the answer; raises when something does not come, or is wrong."""
    with plug_of(protocol, socket.AF_INET6 if ":" in address else socket.AF_INET) as plug:
        plug.settimeout(60)
        plug.connect((address, port))
        if protocol == "sctp":
            send(plug, BLOB[:UP])
        else:
            plug.sendall(BLOB[:UP])
        got = read_all(plug, 32 + DOWN)
    if got != hashlib.sha256(BLOB[:UP]).digest() + BLOB[:DOWN]:
        raise ValueError("other bytes arrived")
