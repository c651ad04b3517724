"""A tunnel's end for real servers whose kernel has no tunnel devices: takes IP-in-IP off, IPv4 and IPv6 inside and outside
(RFC 2003, RFC 2473, RFC 4213), and GRE (RFC 2784) and GUE, and hands the inner packets in.

Outer packets come through raw sockets, so the kernel has already put fragments of them together and says nothing back; inner
packets go in through a TUN device, as if they had come by a wire. The VIP must be an address of this host, and reverse path
filtering off on all interfaces. Only packets to addresses of this host pass, and of GRE those whose checksum, if there is one, is right;
UDP's the kernel looks at.

    tunnel_end.py [DEVICE]      GUE at port 6080
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
IPPROTO_IPIP, IPPROTO_IPV6, IPPROTO_GRE = 4, 41, 47
GUE_PORT = 6080
UDP_NO_CHECK6_RX = 102  # RFC 6935: around IPv6 too, UDP may have none
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


def sums_up(data):
    """Whether the checksum in it is right (RFC 1071)."""
    return sum(struct.unpack(f"!{(len(data) + 1) // 2}H", bytes(data) + bytes(len(data) % 2))) % 0xffff == 0


def behind_gre(data):
    """(version of IP, the packet) of a GRE header without key and sequence number, or None."""
    flags, kind = struct.unpack_from("!HH", data)
    version = {0x0800: 4, 0x86dd: 6}.get(kind)
    if flags & ~0x8000 or version is None or (flags and not sums_up(data)):
        return None
    return version, data[8 if flags else 4:]


def behind_gue(data):
    """The same of a GUE header without any options."""
    version = {IPPROTO_IPIP: 4, IPPROTO_IPV6: 6}.get(data[1])
    return (version, data[4:]) if version and not data[0] and not any(data[2:4]) else None


def listen(family, protocol):
    if protocol == socket.IPPROTO_UDP:
        end = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            end.setsockopt(socket.IPPROTO_UDP, UDP_NO_CHECK6_RX, 1)
        end.bind(("", GUE_PORT))
    else:
        end = socket.socket(family, socket.SOCK_RAW, protocol)
    end.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    return end


UNWRAP = {IPPROTO_IPIP: lambda data: (4, data), IPPROTO_IPV6: lambda data: (6, data), IPPROTO_GRE: behind_gre,
          socket.IPPROTO_UDP: behind_gue}


def main():
    tun = open_tun(sys.argv[1] if len(sys.argv) > 1 else "tunend0")
    ends = {listen(family, protocol): (family, protocol)
            for family in (socket.AF_INET, socket.AF_INET6) for protocol in UNWRAP}
    buffer = bytearray(65536)
    view = memoryview(buffer)
    while True:
        for end in select.select(list(ends), [], [])[0]:
            family, protocol = ends[end]
            length = end.recv_into(buffer)
            # A raw socket of IPv4 has the outer header as well, one of IPv6 has not.
            has_header = family == socket.AF_INET and protocol != socket.IPPROTO_UDP
            carried = view[(buffer[0] & 15) * 4 if has_header else 0:length]
            version, inner = (len(carried) >= 8 and UNWRAP[protocol](carried)) or (0, b"")
            if is_packet(inner, version):
                os.write(tun, inner)


if __name__ == "__main__":
    main()
