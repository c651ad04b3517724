"""One datagram that must not be fragmented, and what comes back of it: prints a line of JSON.

    one_datagram.py ADDRESS PORT BYTES

{"answer": bytes of the echo, or null; "errors": [{"type", "code", "mtu", "from", "quote": [source, port, destination, port]}],
 "sent": how many were sent before an answer or an error came}
"""

import json
import socket
import struct
import sys
import time

IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3  # DF is set, and what the kernel has learnt does not hold it back
IPV6_MTU_DISCOVER = 23
ICMP_FILTER_ALL = struct.pack("I", 0)


def quoted(inner, six):
    """The addresses and ports of the packet that an error quotes."""
    if six:
        source, destination = inner[8:24], inner[24:40]
        ports = struct.unpack_from("!HH", inner, 40)
        family = socket.AF_INET6
    else:
        source, destination = inner[12:16], inner[16:20]
        ports = struct.unpack_from("!HH", inner, (inner[0] & 15) * 4)
        family = socket.AF_INET
    return [socket.inet_ntop(family, source), ports[0], socket.inet_ntop(family, destination), ports[1]]


def main():
    address, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    six = ":" in address
    family = socket.AF_INET6 if six else socket.AF_INET
    raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP)
    plug = socket.socket(family, socket.SOCK_DGRAM)
    if six:
        plug.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IP_PMTUDISC_PROBE)
    else:
        plug.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
    # Not connected: who is asked by direct routing or through a tunnel may answer in a name of its own.
    with socket.socket(family, socket.SOCK_DGRAM) as way:
        way.connect((address, port))
        plug.bind((way.getsockname()[0], 0))
    plug.setblocking(False)
    raw.setblocking(False)
    said = {"answer": None, "errors": [], "sent": 0, "local": list(plug.getsockname()[:2])}
    for _ in range(3):
        plug.sendto(bytes(size), (address, port))
        said["sent"] += 1
        end = time.monotonic() + 0.7
        while time.monotonic() < end and said["answer"] is None and not said["errors"]:
            try:
                said["answer"] = len(plug.recv(65536))
            except OSError:
                pass
            try:
                data, source = raw.recvfrom(65536)
            except OSError:
                time.sleep(0.002)
                continue
            at = 0 if six else (data[0] & 15) * 4
            kind, code = data[at], data[at + 1]
            if (kind, code) != ((2, 0) if six else (3, 4)):
                continue
            mtu = struct.unpack_from("!I" if six else "!H", data, at + (4 if six else 6))[0]
            said["errors"].append({"type": kind, "code": code, "mtu": mtu, "from": source[0], "quote": quoted(data[at + 8:], six)})
        if said["answer"] is not None or said["errors"]:
            break
    print(json.dumps(said))


if __name__ == "__main__":
    main()
