"""Tunnels into real ipip, gre and fou devices, and real SCTP: what the containers of the lab have no kernel modules for.

    tests/guest/guest -- /usr/bin/python3 -B tests/guest/methods.py BIN-FOLDER      (./dev methods)

Runs inside the guest, with forwarder_alone as the director.

    client 198.51.100.100 --- outside === director 198.51.100.2, 10.0.1.2 --- 10.0.1.1 router 10.0.2.1 === s1, s2, ... 10.0.2.11 ...
                                 \\______________________________________________________________________/  (their answers)

The link behind the router carries 1,400 bytes: packets that are larger with their tunnel's header come back as ICMP errors
about that header. Each service has a VIP of its own, because a client keeps what it learnt of the path by the address.
Exit status 1: something did not arrive.
"""

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from namespaces import run, start_forwarder, within

SCTP = 132
SMALL_MTU = 1400
UP, DOWN = 200_000, 200_000
BLOB = bytes(range(256)) * 800

# name: (tunnel of the site file, bytes of headers, device of the server)
TUNNELS = {
    "ipip": ({"type": "ipip"}, 20, ["type", "ipip"]),
    "gre": ({"type": "gre"}, 24, ["type", "gre"]),
    "gre-checksum": ({"type": "gre", "checksum": True}, 28, ["type", "gre", "icsum", "ocsum"]),
    "gue": ({"type": "gue"}, 32, ["type", "ipip", "encap", "gue", "encap-sport", "auto", "encap-dport", "6080"]),
    "gue-checksum": ({"type": "gue", "port": 5555, "checksum": True}, 32,
                     ["type", "ipip", "encap", "gue", "encap-sport", "auto", "encap-dport", "5555"]),
}
# name: port of the server
SCTP_METHODS = {"nat": 13868, "fullnat": 13868, "dr": 3868, "tun": 3868}


def ip(namespace, *words):
    return run("ip", "-n", namespace, *words)


def make(namespace, **settings):
    run("ip", "netns", "add", namespace)
    ip(namespace, "link", "set", "lo", "up")
    for knob in ("net.ipv4.conf.all.rp_filter", "net.ipv4.conf.default.rp_filter"):
        run(*within(namespace, "sysctl", "-q", "-w", f"{knob}=0"))
    for knob, value in settings.items():
        run(*within(namespace, "sysctl", "-q", "-w", f"{knob.replace('__', '.')}={value}"))


def cable(namespace, device, bridge, address, mtu=1500):
    outer = f"{namespace}-{device}"
    run("ip", "link", "add", outer, "mtu", mtu, "type", "veth", "peer", "name", device, "mtu", mtu, "netns", namespace)
    run("ip", "link", "set", outer, "master", bridge, "up")
    ip(namespace, "addr", "add", address, "dev", device)
    ip(namespace, "link", "set", device, "up")
    # SCTP's super-packets are what the packet socket cannot tell (forwarding/README.md, Limits).
    run(*within(namespace, "ethtool", "-K", device, "tx-sctp-segmentation", "off"))


class Site:
    def __init__(self):
        for module in ("ipip", "ip_gre", "fou", "sctp"):
            run("modprobe", module)
        for bridge in ("outside", "middle", "behind"):
            run("ip", "link", "add", bridge, "mtu", SMALL_MTU if bridge == "behind" else 1500, "type", "bridge")
            run("ip", "link", "set", bridge, "up")
        make("client")
        make("director", net__ipv4__ip_forward=1)
        make("router", net__ipv4__ip_forward=1)
        cable("client", "eth0", "outside", "198.51.100.100/24")
        cable("director", "eth0", "outside", "198.51.100.2/24")
        cable("director", "eth1", "middle", "10.0.1.2/24")
        cable("router", "eth0", "middle", "10.0.1.1/24")
        cable("router", "eth1", "behind", "10.0.2.1/24", SMALL_MTU)
        ip("director", "route", "add", "10.0.2.0/24", "via", "10.0.1.1")
        self.services = {}
        self.vips = 0

    def vip(self):
        self.vips += 1
        address = f"198.51.100.{10 + self.vips}"
        ip("director", "addr", "add", f"{address}/24", "dev", "eth0")
        return address

    def server(self, name, address, mtu, bridge, way_home):
        """way_home: answers leave towards the client by a link of their own."""
        make(name, net__ipv4__conf__all__arp_ignore=1, net__ipv4__conf__all__arp_announce=2)
        cable(name, "eth0", bridge, f"{address}/24", mtu)
        if way_home:
            cable(name, "eth1", "outside", f"198.51.100.{150 + self.vips}/24")

    def tunnel_server(self, number, name, tunnel, device):
        address, vip = f"10.0.2.{10 + number}", self.vip()
        host = f"s{number}"
        self.server(host, address, SMALL_MTU, "behind", True)
        ip(host, "route", "add", "10.0.1.0/24", "via", "10.0.2.1")
        if tunnel["type"] == "gue":
            ip(host, "fou", "add", "port", tunnel.get("port", 6080), "gue")
        ip(host, "link", "add", "tunnel", *device[:2], "local", address, "remote", "10.0.1.2", *device[2:])
        ip(host, "link", "set", "tunnel", "up")
        run(*within(host, "sysctl", "-q", "-w", "net.ipv4.conf.tunnel.rp_filter=0"))
        ip(host, "addr", "add", f"{vip}/32", "dev", "lo")
        self.services[name] = {"address": vip, "port": 9000, "forward": "tun", "tunnel": tunnel, "check": "none",
                               "servers": {host: {"address": address}}}
        self.start(host, "serve", "tcp", 9000)
        return vip

    def sctp_server(self, number, method, port):
        address, vip = f"10.0.1.{20 + number}", self.vip()
        host = f"sctp{number}"
        self.server(host, address, 1500, "middle", method in ("dr", "tun"))
        service = {"address": vip, "port": 3868, "protocol": "sctp", "forward": method, "check": "none",
                   "servers": {host: {"address": address, "port": port}}}
        if method == "nat":
            ip(host, "route", "add", "default", "via", "10.0.1.2")
        if method == "fullnat":
            ip("director", "addr", "add", "10.0.1.100/24", "dev", "eth1")
            service["source_pool"] = "10.0.1.100"
        if method in ("dr", "tun"):
            ip(host, "addr", "add", f"{vip}/32", "dev", "lo")
        if method == "tun":
            ip(host, "link", "add", "tunnel", "type", "ipip", "local", address, "remote", "10.0.1.2")
            ip(host, "link", "set", "tunnel", "up")
            run(*within(host, "sysctl", "-q", "-w", "net.ipv4.conf.tunnel.rp_filter=0"))
        self.services[f"sctp-{method}"] = service
        self.start(host, "serve", "sctp", port)
        return vip

    def start(self, namespace, *words):
        process = subprocess.Popen(within(namespace, sys.executable, "-B", __file__, *words), stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "serving\n"
        return process

    def direct(self, programs, folder):
        site = folder / "site.yaml"
        site.write_text(json.dumps({"site": "guest", "directors": {"d": {}}, "services": self.services}))
        return start_forwarder("director", programs, site, folder)


def plug_of(protocol):
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, SCTP if protocol == "sctp" else 0)


def read_all(plug, length):
    data = b""
    while len(data) < length:
        piece = plug.recv(65536)
        if not piece:
            raise EOFError(f"{length - len(data)} bytes missing")
        data += piece
    return data


def answer(plug):
    with plug:
        plug.sendall(hashlib.sha256(read_all(plug, UP)).digest() + BLOB[:DOWN])


def serve(protocol, port):
    listener = plug_of(protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen(16)
    print("serving", flush=True)
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def send(plug, data):
    for at in range(0, len(data), 1000):  # SCTP's messages: smaller than its path
        plug.sendall(data[at:at + 1000])


def fetch(protocol, vip, port):
    with plug_of(protocol) as plug:
        plug.settimeout(60)
        plug.connect((vip, port))
        if protocol == "sctp":
            send(plug, BLOB[:UP])
        else:
            plug.sendall(BLOB[:UP])
        got = read_all(plug, 32 + DOWN)
    assert got[:32] == hashlib.sha256(BLOB[:UP]).digest(), "what was sent did not arrive"
    assert got[32:] == BLOB[:DOWN], "what was answered did not arrive"


def main(programs):
    folder = Path("/run/methods")
    folder.mkdir()
    site = Site()
    vips = {}
    for number, (name, (tunnel, _, device)) in enumerate(TUNNELS.items(), 1):
        vips[name] = site.tunnel_server(number, name, tunnel, device)
    for number, (method, port) in enumerate(SCTP_METHODS.items(), 1):
        vips[f"sctp-{method}"] = site.sctp_server(number, method, port)
    director = site.direct(programs, folder)
    wrong = 0
    for name, vip in vips.items():
        protocol, port = ("sctp", 3868) if name.startswith("sctp") else ("tcp", 9000)
        began = time.monotonic()
        fetched = subprocess.run(within("client", sys.executable, "-B", __file__, "fetch", protocol, vip, port),
                                 capture_output=True, text=True)
        result = f"{UP + DOWN} bytes in {time.monotonic() - began:.1f} s" if fetched.returncode == 0 else "FAILED"
        if name in TUNNELS:
            route = ip("client", "route", "get", vip)
            left = SMALL_MTU - TUNNELS[name][1]
            learnt = f"mtu {left} " in route.replace("\n", " ") + " "
            result += f", path MTU {left}" + ("" if learnt else f" NOT LEARNT: {route!r}")
            wrong += not learnt
        print(f"{name:14} {result}")
        if fetched.returncode != 0:
            print("    " + (fetched.stderr.strip().splitlines() or [f"status {fetched.returncode}"])[-1])
            wrong += 1
    director.terminate()
    print(director.communicate()[0])
    print("everything arrived" if not wrong else f"{wrong} went wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", protocol, port]:
            serve(protocol, int(port))
        case ["fetch", protocol, vip, port]:
            fetch(protocol, vip, int(port))
        case [programs]:
            code = main(Path(programs).resolve())
            sys.stdout.flush()
            os._exit(code)  # the servers are not waited for: the guest ends with them
        case _:
            sys.exit(__doc__)
