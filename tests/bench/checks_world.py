"""The world of `./dev bench checks`: a contestant's director, and a farm of servers that it checks, each in a namespace.

    director eth0 192.0.2.1 ════ 192.0.2.2 farm eth0     10.1.0.0/16 all answer; 10.200.0.0/16 nobody does

What the farm's half of a connection costs in soft interrupts is charged to whoever sends: to both contestants alike. Where the cost of
checking is measured, the farm stands on the director's own loopback: there Tandem's packet engine does not look at the checks'
frames (which costs it a tenth more), as keepalived's, the kernel, is not there either.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "lab"))

import yaml  # noqa: E402

from topology import Director  # noqa: E402
from world import _die_with_parent, run, wait_until  # noqa: E402

VIP = "198.51.100.10"
PORT = {"tcp": 8080, "http": 8081}
OF_A_SERVICE = 100  # servers
ADVERTS = 0.1  # seconds


def addresses(servers, dead=0):
    """Of so many servers; the last `dead` of them never answer."""
    for i in range(servers):
        network = 200 if i >= servers - dead else 1
        yield f"10.{network}.{i // 200}.{1 + i % 200}"


class Track:
    """A director's namespace and its farm's."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.director, self.servers = world.host(f"{name}-d"), world.host(f"{name}-s")
        self.servers.ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", self.director.ns)
        for host, last in ((self.director, 1), (self.servers, 2)):
            host.ip("link", "set", "eth0", "up")
            host.ip("addr", "add", f"192.0.2.{last}/24", "dev", "eth0")
        self.director.ip("route", "add", "10.0.0.0/8", "via", "192.0.2.2")
        self.servers.ip("route", "add", "local", "10.1.0.0/16", "dev", "lo")
        for host in (self.director, self.servers):
            host.sysctl(**{"net/core/somaxconn": 16384, "net/ipv4/tcp_max_syn_backlog": 16384})
        self.farm = None

    def plant(self, interval, near=False):
        """Starts the farm anew; `near`: on the director's loopback."""
        self.uproot()
        self.director.ip("route", "flush", "table", "local", "10.1.0.0/16")
        if near:
            self.director.ip("route", "add", "local", "10.1.0.0/16", "dev", "lo")
        self.farm = subprocess.Popen(
            [*(self.director if near else self.servers).enter(), self.world.bin / "farm", *map(str, (PORT["tcp"], PORT["http"], "eth0", round(interval * 1000)))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=_die_with_parent)
        self.world.processes.append(self.farm)
        self.seen()

    def uproot(self):
        if self.farm:
            self.farm.kill()
            self.farm.wait()
            self.farm = None

    def seen(self):
        """What the farm saw since it was asked last (farm.cc)."""
        self.farm.stdin.write("\n")
        self.farm.stdin.flush()
        return json.loads(self.farm.stdout.readline())


def cpu_seconds(pid):
    """Of all threads, soft interrupts in their time included."""
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            pass
    return total * 1e-9


def memory_mb(pid):
    """Its proportional share, so that what is mapped by several is not counted several times."""
    words = Path(f"/proc/{pid}/smaps_rollup").read_text().split()
    return int(words[words.index("Pss:") + 1]) / 1024


class Contestant:
    def __init__(self, track):
        self.track, self.world, self.host = track, track.world, track.director
        self.file = self.world.folder / f"{track.name}.site"

    def write(self, kind, servers, interval, dead=0, weight=1):
        """`weight` is the first server's: what a reload changes."""
        self.file.write_text(self.text(kind, list(addresses(servers, dead)), interval, weight))

    def spent(self):
        """Seconds of the checking process, and of the whole daemon, so far."""
        farm = self.track.farm.pid
        return cpu_seconds(self.checker()), sum(cpu_seconds(pid) for pid in self.host.pids() if pid != farm)

    def memory(self):
        return memory_mb(self.checker())

    def reload(self):
        self.process.send_signal(signal.SIGHUP)


class Tandem(Director, Contestant):
    title = "Tandem"

    def __init__(self, track):
        Contestant.__init__(self, track)
        self.world.hosts["dir-a"] = self.host  # how Director finds its namespace
        self.bin, self.site = self.world.bin, self
        Director.__init__(self, self, "dir-a")
        del self.world.hosts["dir-a"]

    def text(self, kind, servers, interval, weight):
        check = {"tcp": {"tcp": {}}, "http": {"http": {"path": "/"}}}[kind]
        services = {}
        for i in range(0, len(servers), OF_A_SERVICE):
            some = {f"web{i + n}": {"address": address, "port": PORT[kind]}
                    for n, address in enumerate(servers[i : i + OF_A_SERVICE])}
            services[f"s{i // OF_A_SERVICE}"] = {
                "address": VIP, "port": 1000 + i // OF_A_SERVICE, "forward": "nat",
                "check": {**check, "interval": f"{interval}s", "timeout": f"{interval}s"}, "servers": some}
        services["s0"]["servers"]["web0"]["weight"] = weight
        site = {"site": "bench", "directors": {"dir-a": {"priority": 150, "peer_address": "192.0.2.1"}},
                "virtual_routers": {"web": {"interface": "eth0", "id": 51, "addresses": [f"{VIP}/24"],
                                            "advert_interval": f"{round(ADVERTS * 1000)}ms", "start_hold_down": "0s"}},
                "services": services}
        # As people write it: a server a line.
        return yaml.dump(site, sort_keys=False, default_flow_style=None, width=200, Dumper=yaml.CSafeDumper)

    def checker(self):
        return self.room_pid("checkers")

    def start(self):
        Director.start(self)
        wait_until("the rooms run", self.checker, 20)

    def parse(self):
        return [self.bin / "tandemctl", "check", self.file]


class Keepalived(Contestant):
    title = "keepalived"

    def __init__(self, track):
        super().__init__(track)
        self.pids = {name: self.world.folder / f"{track.name}.{name}.pid" for name in ("main", "vrrp", "checkers")}

    def text(self, kind, servers, interval, weight):
        timeout = f"connect_timeout {interval}"
        check = {"tcp": f"TCP_CHECK {{\n{timeout}\n}}",
                 "http": f"HTTP_GET {{\nurl {{\npath /\nstatus_code 200\n}}\n{timeout}\n}}"}[kind]
        parts = ["global_defs {\nvrrp_version 3\n}\nvrrp_instance web {\nstate MASTER\ninterface eth0\nvirtual_router_id 51\n"
                 f"priority 150\nadvert_int {ADVERTS:g}\nvirtual_ipaddress {{\n{VIP}/24\n}}\n}}\n"]
        for i in range(0, len(servers), OF_A_SERVICE):
            parts.append(f"virtual_server {VIP} {1000 + i // OF_A_SERVICE} {{\ndelay_loop {interval}\nlb_algo rr\nlb_kind NAT\n"
                         "protocol TCP\n")
            for n, address in enumerate(servers[i : i + OF_A_SERVICE]):
                parts.append(f"real_server {address} {PORT[kind]} {{\nweight {weight if i + n == 0 else 1}\n{check}\n}}\n")
            parts.append("}\n")
        return "".join(parts)

    def checker(self):
        return int(self.pids["checkers"].read_text())

    def start(self):
        for file in self.pids.values():
            file.unlink(missing_ok=True)
        # -G: a daemon that logs ten thousand lines to a slow console measures the console.
        preload = [] if Path("/proc/net/ip_vs").exists() else [f"LD_PRELOAD={self.world.bin / 'no_ipvs.so'}"]
        self.process = self.host.start(
            "env", *preload, "keepalived", "-n", "-G", "-f", self.file, "-p", self.pids["main"], "-r", self.pids["vrrp"],
            "-c", self.pids["checkers"], log="keepalived.log")
        wait_until("keepalived's checkers run", self.pids["checkers"].exists, 20)
        time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)

    def parse(self):
        return ["keepalived", "-t", "-f", self.file]


def timed(words):
    """Seconds of the clock until a program has done its work well."""
    begin = time.monotonic()
    run(*words)
    return time.monotonic() - begin
