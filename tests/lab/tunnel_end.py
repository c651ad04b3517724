"""A tunnel's end for real servers whose kernel has no tunnel devices: takes IP-in-IP off, IPv4 and IPv6 inside and outside
(RFC 2003, RFC 2473, RFC 4213), and hands the inner packets in.

Outer packets come through raw sockets, so the kernel has already put fragments of them together and says nothing back; inner
packets go in through a TUN device, as if they had come by a wire. The VIP must be an address of this host, and reverse path
filtering off on all interfaces. Only packets to addresses of this host pass.

    tunnel_end.py [DEVICE]
"""

import fcntl
import os
import select
import socket
import struct
import subprocess
import sys

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
IPPROTO_IPIP, IPPROTO_IPV6 = 4, 41
SO_RCVBUFFORCE = 33


def open_tun(name):
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    subprocess.run(["ip", "link", "set", name, "mtu", "65535", "up"], check=True)
    with open(f"/proc/sys/net/ipv4/conf/{name}/rp_filter", "w") as knob:
        knob.write("0")
    return tun


def is_packet(inner, version):
    """Whether this is a packet of that version of IP, and as long as it says."""
    if len(inner) < 20 or inner[0] >> 4 != version:
        return False
    if version == 4:
        return struct.unpack_from("!H", inner, 2)[0] <= len(inner)
    return len(inner) >= 40 and struct.unpack_from("!H", inner, 4)[0] + 40 <= len(inner)


def listen(family, protocol):
    raw = socket.socket(family, socket.SOCK_RAW, protocol)
    raw.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    return raw


def main():
    tun = open_tun(sys.argv[1] if len(sys.argv) > 1 else "tunend0")
    ends = {listen(family, protocol): (family, 4 if protocol == IPPROTO_IPIP else 6)
            for family in (socket.AF_INET, socket.AF_INET6) for protocol in (IPPROTO_IPIP, IPPROTO_IPV6)}
    buffer = bytearray(65536)
    view = memoryview(buffer)
    while True:
        for raw in select.select(list(ends), [], [])[0]:
            family, version = ends[raw]
            length = raw.recv_into(buffer)
            # A raw socket of IPv4 has the outer header as well, one of IPv6 has not.
            inner = view[(buffer[0] & 15) * 4 if family == socket.AF_INET else 0:length]
            if is_packet(inner, version):
                os.write(tun, inner)


if __name__ == "__main__":
    main()
