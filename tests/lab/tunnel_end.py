"""A tunnel's end for real servers whose kernel has no ipip device: takes IP-in-IP (RFC 2003) off and hands the inner packets in.

Outer packets come through a raw socket, so the kernel has already put fragments of them together and says nothing back; inner
packets go in through a TUN device, as if they had come by a wire. The VIP must be an address of this host, and reverse path
filtering off on all interfaces. Only packets to addresses of this host pass.

    tunnel_end.py [DEVICE]
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
IPPROTO_IPIP = 4
SO_RCVBUFFORCE = 33


def open_tun(name):
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    subprocess.run(["ip", "link", "set", name, "mtu", "65535", "up"], check=True)
    with open(f"/proc/sys/net/ipv4/conf/{name}/rp_filter", "w") as knob:
        knob.write("0")
    return tun


def inner_packet(outer):
    """The packet inside, or None when this is not IPv4 in IPv4 or not as long as it says."""
    header = (outer[0] & 15) * 4
    inner = outer[header:]
    if len(inner) < 20 or inner[0] >> 4 != 4 or struct.unpack_from("!H", inner, 2)[0] > len(inner):
        return None
    return inner


def main():
    tun = open_tun(sys.argv[1] if len(sys.argv) > 1 else "tunend0")
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, IPPROTO_IPIP)
    raw.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    buffer = bytearray(65536)
    view = memoryview(buffer)
    while True:
        length = raw.recv_into(buffer)
        inner = inner_packet(view[:length])
        if inner is not None:
            os.write(tun, inner)


if __name__ == "__main__":
    main()
