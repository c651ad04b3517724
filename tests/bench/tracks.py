"""One track a contestant: who sends, the director, who receives. All of it runs on one processor, which a gauge of what is left
of it measures; what the sender costs is measured by a track whose director drops, and taken off.

    sender c ════ eth0 director eth1 ════ s receiver
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent / "lab"))

from world import run, wait_until  # noqa: E402

VIP, SENDER, OUTSIDE = "198.51.100.10", "198.51.100.100", "198.51.100.2"
SERVER, INSIDE, GATEWAY = "10.0.1.11", "10.0.1.2", "10.0.1.1"
CLIENTS = "10.64.0.1"  # the first of many
PORT = {"nat": 1001, "dr": 1002, "tun": 1003}
NAT_PORT = 2001
# The processor that everything is bound to: its mask for taskset, and its number.
CPU, SPARE = ("2", "1") if os.cpu_count() > 1 else ("1", "0")


class Track:
    """The links of a contestant. `name` is short: namespaces carry it."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.sender, self.director, self.receiver = (world.host(f"{name}-{end}") for end in ("c", "d", "s"))
        for host, end, near in ((self.sender, "c", "eth0"), (self.receiver, "s", "eth1")):
            host.ip("link", "add", end, "type", "veth", "peer", "name", near, "netns", self.director.ns)
            host.ip("link", "set", end, "up")
            self.director.ip("link", "set", near, "up")
        self.sender.ip("addr", "add", f"{SENDER}/24", "dev", "c")
        self.director.ip("addr", "add", f"{OUTSIDE}/24", "dev", "eth0")
        self.director.ip("addr", "add", f"{VIP}/24", "dev", "eth0")
        self.director.ip("addr", "add", f"{INSIDE}/24", "dev", "eth1")
        self.receiver.ip("addr", "add", f"{SERVER}/24", "dev", "s")
        self.receiver.ip("route", "add", "default", "via", INSIDE)
        self.director.ip("route", "add", "10.64.0.0/10", "via", SENDER)
        self.mac = {}
        for host, interface in ((self.sender, "c"), (self.director, "eth0"), (self.director, "eth1"), (self.receiver, "s")):
            self.mac[interface] = host.ip("-o", "link", "show", interface).split("link/ether ")[1].split()[0]
        for host, address, mac, interface in (
                (self.director, SENDER, "c", "eth0"), (self.director, SERVER, "s", "eth1"),
                (self.sender, OUTSIDE, "eth0", "c"), (self.sender, VIP, "eth0", "c"), (self.receiver, INSIDE, "eth1", "s")):
            host.ip("neigh", "replace", address, "lladdr", self.mac[mac], "nud", "permanent", "dev", interface)
        self.director.sysctl(**{"net/ipv4/conf/all/rp_filter": 0, "net/ipv4/conf/default/rp_filter": 0,
                                "net/ipv4/conf/eth0/rp_filter": 0, "net/ipv4/conf/eth1/rp_filter": 0})

    def swallow(self):
        """What arrives at either end is counted and goes no further."""
        for host, interface in ((self.sender, "c"), (self.receiver, "s")):
            host.run("nft", "add table netdev sink; add chain netdev sink everything "
                     f"{{ type filter hook ingress device \"{interface}\" priority 0; policy drop; }}")

    def load(self, what, method, flows, seconds, rate=0, protocol="tcp", first=CLIENTS, idle=None):
        """Sends; returns what was sent and what arrived, packets a second, connections a second, the share lost, and,
        if `idle` tells the spare turns of the idle processor, the microseconds of it that each packet sent has cost."""
        answers = what == "answers"
        sender, near, receiver, far = ((self.receiver, "s", self.sender, "c") if answers else
                                       (self.sender, "c", self.receiver, "s"))
        to = f"{SERVER}:{NAT_PORT}" if answers else f"{VIP}:{PORT[method]}"
        before = received(receiver, far)
        gauge = None
        if idle:
            gauge = subprocess.Popen([self.world.bin / "spare", SPARE, str(seconds - 0.4)], stdout=subprocess.PIPE, text=True,
                                     preexec_fn=lambda: time.sleep(0.2))
        words = sender.run("taskset", CPU, self.world.bin / "load", "--interface", near, "--to-mac",
                           self.mac["eth1" if answers else "eth0"], "--from", first, "--flows", flows, "--to", to, "--protocol",
                           protocol, "--what", what, "--rate", rate, "--seconds", seconds)
        spare = float(gauge.communicate()[0]) if gauge else None
        time.sleep(0.3)
        got = received(receiver, far) - before
        sent, _refused, connections, took = re.match(
            r"sent (\d+) refused (\d+) connections (\d+) seconds ([0-9.]+)", words).groups()
        took = float(took)
        figures = {"sent": int(sent) / took, "arrived": got / took, "connections": int(connections) / took,
                   "lost": 1 - got / max(int(sent), 1)}
        if idle:
            figures["us"] = (1 - spare / idle) * 1e6 / figures["sent"]
        return figures

    def idle(self, seconds=0.5):
        """Spare turns of the processor while nothing is sent."""
        return float(run("taskset", CPU, self.world.bin / "spare", SPARE, seconds))


class Ipvs:
    title = "IPVS"

    def __init__(self, track):
        self.track = track

    def start(self):
        run("modprobe", "-a", "ip_vs", "ip_vs_rr", check=False)
        self.track.director.sysctl(**{"net/ipv4/ip_forward": 1})
        for protocol in ("-t", "-u"):
            for method, flag in (("nat", "-m"), ("dr", "-g"), ("tun", "-i")):
                port = NAT_PORT if method == "nat" else PORT[method]
                self.track.director.run("ipvsadm", "-A", protocol, f"{VIP}:{PORT[method]}", "-s", "rr")
                self.track.director.run("ipvsadm", "-a", protocol, f"{VIP}:{PORT[method]}", "-r", f"{SERVER}:{port}", flag)

    def stop(self):
        self.track.director.run("ipvsadm", "-C")


class Kernel:
    """Plain forwarding, for what the kernel needs when nobody chooses a server."""
    title = "plain forwarding"

    def __init__(self, track):
        self.track = track

    def start(self):
        self.track.director.sysctl(**{"net/ipv4/ip_forward": 1})
        self.track.director.ip("addr", "del", f"{VIP}/24", "dev", "eth0")
        self.track.director.ip("route", "add", f"{VIP}/32", "via", SERVER, "dev", "eth1")

    def stop(self):
        pass


class Nobody:
    """Drops all: what sending costs."""
    title = "sending alone"

    def __init__(self, track):
        self.track = track

    def start(self):
        self.track.director.run("nft", "add table netdev sink; add chain netdev sink everything "
                                "{ type filter hook ingress device \"eth0\" priority 0; policy drop; }; "
                                "add chain netdev sink answers "
                                "{ type filter hook ingress device \"eth1\" priority 0; policy drop; }")

    def stop(self):
        pass


class Tandem:
    title = "Tandem"

    def __init__(self, track, program="forwarder_alone", more=None, bound=True):
        self.track, self.program, self.more = track, program, more or {}
        self.bind = ["taskset", CPU] if bound else []
        self.folder = track.world.folder / track.name
        self.folder.mkdir(exist_ok=True)

    def start(self):
        services = {}
        for protocol in ("tcp", "udp"):
            for method, port in PORT.items():
                services[f"{method}-{protocol}"] = {
                    "address": VIP, "port": port, "protocol": protocol, "forward": method, "scheduler": "rr", "check": "none",
                    "servers": {"web1": {"address": SERVER, "port": NAT_PORT if method == "nat" else port}}}
        site = {"site": "bench", "directors": {"dir-a": {"priority": 150, "peer_address": INSIDE}}, "services": services,
                **self.more}
        (self.folder / "site.yaml").write_text(yaml.safe_dump(site, sort_keys=False))
        log = f"{self.track.name}.log"
        self.process = self.track.director.start(*self.bind, self.track.world.bin / self.program, self.folder / "site.yaml",
                                                 self.folder, log=log)
        wait_until("forwarding ready", lambda: "ready\n" in (self.track.world.folder / log).read_text(), 60)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)

    def log(self):
        return (self.track.world.folder / f"{self.track.name}.log").read_text()


class Engine(Tandem):
    title = "its engine alone"

    def __init__(self, track):
        super().__init__(track, more={"fast_path": "off"})


def received(host, interface):
    """Packets that have come in there."""
    for line in host.run("cat", "/proc/self/net/dev").splitlines():
        if line.strip().startswith(f"{interface}:"):
            return int(line.split(":")[1].split()[1])
    raise LookupError(interface)
