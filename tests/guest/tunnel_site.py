"""A client, a director that is forwarder_alone, and a server for each way to forward, in both families.

    client .100 --- outside === director .2, .2 --- middle --- .1 router .1 === behind --- s1, s2, ... .11 ...
                       \\________________________________________________________________/  (their answers)

The link behind the router carries 1,400 bytes: packets that are larger with their tunnel's headers come back as ICMP errors
about these headers. Each service has a VIP of its own, because a client keeps what it learnt of the path by the address.
"""

import json
import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))
from namespaces import run, start_forwarder, within
from transfer import DOWN, UP, fetch, serve
from world import entered

MODULES = ("ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6", "sctp")
NETS = {"outside": {4: "198.51.100.", 6: "2001:db8:51::"}, "middle": {4: "10.0.1.", 6: "fd00:1::"},
        "behind": {4: "10.0.2.", 6: "fd00:2::"}}
MTU = {"outside": 1500, "middle": 1500, "behind": 1400}
LENGTH = {4: 24, 6: 64}
HOST_LENGTH = {4: 32, 6: 128}
# method: port of the server
SCTP_METHODS = {"nat": 13868, "fullnat": 13868, "dr": 3868, "tun": 3868}
SCTP_TUNNEL = {4: "ipip", 6: "ip6tnl mode ip6ip6"}


class Tunnel(NamedTuple):
    clients: int  # 4 or 6
    servers: int
    setting: dict  # `tunnel` of the site file
    overhead: int  # bytes of headers before the client's packet
    device: str  # of the server: what `ip link add` needs beside its ends


def address(net, family, number):
    return f"{NETS[net][family]}{number}"


def route(net, via_net, number):
    """Lines of `ip`: what is beyond the router."""
    whole = {4: f"{NETS[net][4]}0/24", 6: f"{NETS[net][6]}/64"}
    return [f"route add {whole[family]} via {address(via_net, family, number)}" for family in (4, 6)]


def ip(namespace, *lines):
    """Many at once: in an emulated machine a program takes long to start."""
    run("ip", *(("-n", namespace) if namespace else ()), "-batch", "-", input="\n".join(lines) + "\n")


def host(name, cables, *lines, forwards=0):
    """cables: device: (net, number in it)"""
    ip(None, f"netns add {name}", *(
        line for device, (net, _) in cables.items() for line in (
            f"link add {name}-{device} mtu {MTU[net]} type veth peer name {device} mtu {MTU[net]} netns {name}",
            f"link set {name}-{device} master {net} up")))
    # rp_filter: the answers of servers carry the VIP as source. arp_*: a VIP on lo is silent on the wire. accept_dad: nobody
    # else has these addresses, and none waits until that is known.
    knobs = {f"net.ipv4.conf.{which}.rp_filter": 0 for which in ("all", "default", *cables)} | {
        "net.ipv4.conf.all.arp_ignore": 1, "net.ipv4.conf.all.arp_announce": 2, "net.ipv4.ip_forward": forwards,
        "net.ipv6.conf.all.forwarding": forwards} | {
        f"net.ipv6.conf.{which}.accept_dad": 0 for which in ("all", "default", *cables)}
    run(*within(name, "sysctl", "-q", "-w", *(f"{knob}={value}" for knob, value in knobs.items())))
    ip(name, "link set lo up",
       *(f"link set {device} up" for device in cables),
       *(f"addr add {address(net, family, number)}/{LENGTH[family]} dev {device}"
         for device, (net, number) in cables.items() for family in (4, 6)), *lines)


def speaks_sctp(name, device):
    # SCTP's super-packets are what the packet socket cannot tell (forwarding/README.md, Limits).
    run(*within(name, "ethtool", "-K", device, "tx-sctp-segmentation", "off"))


def tunnel_device(words, own, family):
    kind, *more = words.split()
    ends = f"local {own} remote {address('middle', family, 2)}"
    return [f"link add tunnel type {kind} {ends} {' '.join(more)}", "link set tunnel up"]


class Site:
    def __init__(self):
        run("modprobe", "-a", *MODULES)
        ip(None, *(line for net in NETS for line in (f"link add {net} mtu {MTU[net]} type bridge forward_delay 0", f"link set {net} up")))
        host("client", {"eth0": ("outside", 100)})
        host("router", {"eth0": ("middle", 1), "eth1": ("behind", 1)}, forwards=1)
        host("director", {"eth0": ("outside", 2), "eth1": ("middle", 2)}, *route("behind", "middle", 1), forwards=1)
        speaks_sctp("client", "eth0")
        self.services = {}

    def add(self, name, family, make, port, service):
        """make(number, vip): the server, which gets `port`."""
        number = len(self.services) + 1
        vip = address("outside", family, 10 + number)
        server, own = make(number, vip)
        with entered(server):
            serve(service.get("protocol", "tcp"), port)
        self.services[name] = {"address": vip, "check": "none", **service,
                               "servers": {server: {"address": own, "port": port}}}
        self.own("eth0", vip, family)

    def own(self, device, wanted, family):
        """As tandemd does it: of IPv6 the kernel would prefer the newest address to speak from, also as a tunnel's end."""
        ip("director", f"addr add {wanted}/{LENGTH[family]} dev {device}{' preferred_lft 0' if family == 6 else ''}")

    def add_tunnel(self, name, tunnel):
        def make(number, vip):
            own = address("behind", tunnel.servers, 10 + number)
            host(f"s{number}", {"eth0": ("behind", 10 + number), "eth1": ("outside", 150 + number)},
                 *route("middle", "behind", 1), *tunnel_device(tunnel.device, own, tunnel.servers),
                 f"addr add {vip}/{HOST_LENGTH[tunnel.clients]} dev lo")
            if tunnel.setting["type"] == "gue":
                run("ip", "-n", f"s{number}", f"-{tunnel.servers}", "fou", "add", "port", tunnel.setting.get("port", 6080), "gue")
            return f"s{number}", own
        self.add(name, tunnel.clients, make, 9000, {"port": 9000, "forward": "tun", "tunnel": tunnel.setting})

    def add_sctp(self, method, port, family):
        def make(number, vip):
            own = address("middle", family, 10 + number)
            cables, lines = {"eth0": ("middle", 10 + number)}, []
            if method == "nat":
                lines.append(f"route add default via {address('middle', family, 2)}")
            if method in ("dr", "tun"):
                cables["eth1"] = ("outside", 150 + number)  # its answers' way
                lines.append(f"addr add {vip}/{HOST_LENGTH[family]} dev lo")
            if method == "tun":
                lines += tunnel_device(SCTP_TUNNEL[family], own, family)
            host(f"sctp{number}", cables, *lines)
            for device in cables:
                speaks_sctp(f"sctp{number}", device)
            return f"sctp{number}", own
        service = {"port": 3868, "protocol": "sctp", "forward": method}
        if method == "fullnat":
            service["source_pool"] = address("middle", family, 100)
            self.own("eth1", service["source_pool"], family)
        self.add(f"sctp-{method}", family, make, port, service)

    def direct(self, programs):
        folder = Path("/run/methods")
        folder.mkdir()
        site = folder / "site.yaml"
        site.write_text(json.dumps({"site": "guest", "directors": {"d": {}}, "services": self.services}))
        return start_forwarder("director", programs, site, folder)

    def transfer(self, name):
        """What became of it, in words; and whether all arrived."""
        service = self.services[name]
        began = time.monotonic()
        try:
            with entered("client"):
                fetch(service.get("protocol", "tcp"), service["address"], service["port"])
        except (OSError, EOFError, ValueError) as wrong:
            return f"FAILED: {type(wrong).__name__}: {wrong}", False
        return f"{UP + DOWN} bytes in {time.monotonic() - began:.1f} s", True

    def learnt(self, name, tunnel):
        """Whether the client knows what the tunnel leaves of the path, in words and so."""
        known = " ".join(run("ip", "-n", "client", "route", "get", self.services[name]["address"]).split())
        left = MTU["behind"] - tunnel.overhead
        well = f" mtu {left} " in f"{known} "
        return f", path MTU {left}" + ("" if well else f" NOT LEARNT: {known}"), well


def carry(programs, tunnels, sctp_family):
    """A row for each tunnel, and one for SCTP by each method; returns an exit status."""
    began = time.monotonic()
    site = Site()
    for name, tunnel in tunnels.items():
        site.add_tunnel(name, tunnel)
    for method, port in SCTP_METHODS.items():
        site.add_sctp(method, port, sctp_family)
    director = site.direct(Path(programs).resolve())
    print(f"{len(site.services)} services after {time.monotonic() - began:.0f} s", flush=True)
    wrong = 0
    for name in site.services:
        result, well = site.transfer(name)
        if name in tunnels:
            words, known = site.learnt(name, tunnels[name])
            result, well = result + words, well and known
        print(f"{name:20} {result}", flush=True)
        wrong += not well
    director.terminate()
    print(director.communicate()[0])
    print(f"{wrong} went wrong" if wrong else "everything arrived", f"{time.monotonic() - began:.0f} s", flush=True)
    return 1 if wrong else 0


def main(doc, tunnels, sctp_family):
    sys.exit(carry(sys.argv[1], tunnels, sctp_family) if len(sys.argv) == 2 else doc)
