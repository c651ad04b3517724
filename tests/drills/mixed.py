"""The site of the drills about connections: two directors, and real servers behind them by NAT, direct routing and tunnelling at once,
in both families.

    client 198.51.100.100-… ── outside ═ dir-a ═ inside ── nat1 nat2   10.0.1.11 .12   gateway: the directors' address
                                       ═ dir-b ═        ── dr1 dr2     10.0.1.21 .22   the VIP on lo, answers by the router
    router 198.51.100.254, 10.0.1.254 ─────────────────── ── tun1 tun2   10.0.1.31 .32   the same, behind a tunnel's end

IPv6 is the same with 2001:db8::/64 outside and 2001:db8:1::/64 inside, the last parts being the same numbers.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "lab"))

from topology import DIRECTORS, GATEWAY, PRIORITY, VIP, Director, write_site  # noqa: E402
from world import World, _die_with_parent, wait_until  # noqa: E402

VIP6 = "2001:db8::10"
GATEWAY6 = "2001:db8:1::1"
METHODS = {"nat": (80, 8080, 11), "dr": (81, 81, 21), "tun": (82, 82, 31)}  # the service's port, the servers', the first's address
SERVERS_EACH = 2
SOURCES = 20


def outside6(last):
    return f"2001:db8::{last}"


def inside6(last):
    return f"2001:db8:1::{last}"


class MixedSite:
    """families: (4,) or (4, 6). `change(document)` may edit the site file's data. Servers listen on `more_ports` as well."""

    def __init__(self, world: World, bin_folder, interval, families=(4,), change=None, methods=tuple(METHODS), more_ports=()):
        self.world, self.bin = world, Path(bin_folder).resolve()
        self.interval, self.families, self.methods, self.more_ports = interval, families, methods, more_ports
        os.chmod(world.folder, 0o755)
        self.file = world.folder / "tandem.yaml"
        self.key = world.folder / "peer.key"
        self.key.write_text(os.urandom(32).hex() + "\n")
        self.key.chmod(0o600)
        self._wire()
        self.document = self._document()
        if change:
            change(self.document)
        self.write()
        self.directors = {name: Director(self, name) for name in DIRECTORS}
        self.a, self.b = self.directors.values()

    def _address(self, host, interface, last, side):
        if 4 in self.families:
            host.ip("addr", "add", f"{'198.51.100' if side == 'outside' else '10.0.1'}.{last}/24", "dev", interface)
        if 6 in self.families:
            six = outside6(last) if side == "outside" else inside6(last)
            host.ip("addr", "add", f"{six}/64", "dev", interface, "nodad")

    def _wire(self):
        world = self.world
        outside, inside = world.switch("outside"), world.switch("inside")
        self.client = world.host("client")
        world.cable(self.client, "eth0", outside)
        for source in range(SOURCES):
            self._address(self.client, "eth0", 100 + source, "outside")
        router = world.host("router")
        world.cable(router, "eth0", outside)
        world.cable(router, "eth1", inside)
        self._address(router, "eth0", 254, "outside")
        self._address(router, "eth1", 254, "inside")
        # The servers' answers carry the VIP as source and come from inside: no reverse path filter here.
        router.sysctl(**{"net/ipv4/ip_forward": 1, "net/ipv6/conf/all/forwarding": 1, "net/ipv4/conf/all/rp_filter": 0,
                         "net/ipv4/conf/eth1/rp_filter": 0})
        for name, last in DIRECTORS.items():
            director = world.host(name)
            world.cable(director, "eth0", outside)
            world.cable(director, "eth1", inside)
            self._address(director, "eth0", last, "outside")
            self._address(director, "eth1", last, "inside")
            director.sysctl(**{"net/ipv4/ip_forward": 1, "net/ipv6/conf/all/forwarding": 1})
        number = 0
        for method in self.methods:
            _, port, first = METHODS[method]
            for i in range(SERVERS_EACH):
                number += 1
                server = world.host(f"{method}{i + 1}")
                world.cable(server, "eth0", inside)
                self._address(server, "eth0", first + i, "inside")
                if method == "nat":
                    self._gateway(server, GATEWAY, GATEWAY6)
                else:
                    self._hold_vip(server)
                    self._gateway(server, "10.0.1.254", inside6(254))
                if method == "tun":
                    server.start(self.bin / "flows", "tunnel", "tunend0", log=f"{server.name}.tunnel.log")
                server.start(self.bin / "flows", "serve", number, port, *self.more_ports, log=f"{server.name}.log")

    def _gateway(self, host, four, six):
        if 4 in self.families:
            host.ip("route", "add", "default", "via", four)
        if 6 in self.families:
            host.ip("-6", "route", "add", "default", "via", six)

    def _hold_vip(self, server):
        """The VIP on lo, silent on the wire."""
        server.sysctl(**{"net/ipv4/conf/all/arp_ignore": 1, "net/ipv4/conf/all/arp_announce": 2,
                         "net/ipv4/conf/all/rp_filter": 0, "net/ipv4/conf/eth0/rp_filter": 0})
        if 4 in self.families:
            server.ip("addr", "add", f"{VIP}/32", "dev", "lo")
        if 6 in self.families:
            server.ip("addr", "add", f"{VIP6}/128", "dev", "lo", "nodad")

    def services(self):
        """(name, method, family) of each service."""
        return [(f"{method}{family}", method, family) for family in self.families for method in self.methods]

    def _document(self):
        addresses = []
        if 4 in self.families:
            addresses += [f"{VIP}/24", {"address": f"{GATEWAY}/24", "interface": "eth1"}]
        if 6 in self.families:
            addresses += [f"{VIP6}/64", {"address": f"{GATEWAY6}/64", "interface": "eth1"}]
        document = {
            "site": "drill",
            "directors": {name: {"priority": PRIORITY[name],
                                 "peer_address": f"10.0.1.{last}" if 4 in self.families else inside6(last)}
                          for name, last in DIRECTORS.items()},
            "peer_link": {"key_file": str(self.key)},
            "virtual_routers": {"web": {"interface": "eth0", "id": 51, "advert_interval": f"{round(self.interval * 1000)}ms",
                                        "start_hold_down": "0s", "addresses": addresses}},
            "services": {}}
        for name, method, family in self.services():
            outer, port, first = METHODS[method]
            document["services"][name] = {
                "address": VIP if family == 4 else VIP6, "port": outer, "forward": method, "scheduler": "rr",
                "persistence": {"timeout": "300s"},
                "check": {"tcp": {}, "interval": "500ms", "timeout": "500ms", "rise": 1, "fall": 3},
                "servers": {f"{method}{i + 1}": {
                    "address": f"10.0.1.{first + i}" if family == 4 else inside6(first + i), "port": port}
                    for i in range(SERVERS_EACH)}}
        return document

    def write(self):
        write_site(self.file, self.document)

    def start(self):
        """Both on; returns once dir-a is active, every server is up on both and both are in step."""
        for director in self.directors.values():
            director.start()
        self.wait_settled()

    def up(self, director):
        return sum(1 for m in director.messages("ServerHealth") if m["up"])

    def wait_settled(self, active=None, seconds=30):
        active = active or self.a
        wanted = sum(len(service["servers"]) for service in self.document["services"].values())
        for director in self.directors.values():
            wait_until(f"all servers up on {director.name}", lambda d=director: self.up(d) == wanted, seconds)
            wait_until(f"{director.name} in step", director.in_step, seconds)
        wait_until(f"{active.name} active", active.is_active, seconds)

    def sources(self, family):
        return [f"198.51.100.{100 + s}" if family == 4 else outside6(100 + s) for s in range(SOURCES)]

    def flows(self):
        return Flows(self)


class Flows:
    """`flows load` in the client's namespace."""

    def __init__(self, site):
        self.site = site
        self.process = subprocess.Popen([*site.client.enter(), site.bin / "flows", "load"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, preexec_fn=_die_with_parent)
        site.world.processes.append(self.process)

    def say(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def open(self, port, family, count, interval_ms):
        return self.say("open", VIP if family == 4 else VIP6, port, count, interval_ms, *self.site.sources(family))

    def report(self):
        return self.say("report")

    def again(self):
        return self.say("again")


class Resets:
    """The TCP resets that come to the client, by both families; not its own."""

    def __init__(self, site):
        self.path = site.world.folder / "resets.pcap"
        log = site.world.folder / "resets.log"
        self.process = site.client.start("tcpdump", "-U", "--immediate-mode", "-s", "120", "-i", "eth0", "-w", self.path,
                                         f"(src host {VIP} and tcp[tcpflags] & tcp-rst != 0) or "
                                         f"(ip6 and src host {VIP6} and ip6[6] == 6 and ip6[53] & 4 != 0)",
                                         log="resets.log")
        wait_until("tcpdump listens", lambda: "listening" in log.read_text(), 10)

    def lines(self):
        """What was seen; it goes on looking."""
        done = subprocess.run(["tcpdump", "-n", "-r", str(self.path)], capture_output=True, text=True, check=False)
        return done.stdout.splitlines()
