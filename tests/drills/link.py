"""The world of the VRRP drills: two directors, a client that probes, and somebody else, on one switch.

    client 198.51.100.100 ── switch ── dir-a .2   (priority 150)
    watcher .150 ──────────────┤ └─── dir-b .3   (priority 100)      dir-a ── peers ── dir-b   (10.0.1.2, .3)
    stranger .200 ─────────────┘

A director is a Tandem or a Keepalived; both have the same handles, so that every drill can be measured on both.
"""

import bisect
import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "lab"))

import yaml  # noqa: E402

from topology import Director  # noqa: E402
from world import World, wait_until  # noqa: E402

VIP = "198.51.100.10"
VIP6 = "2001:db8::10"
DUAL_STACK = {"addresses": [f"{VIP}/24", f"{VIP6}/64"]}  # a virtual router's key
DIRECTORS = {"dir-a": 2, "dir-b": 3}
PRIORITY = {"dir-a": 150, "dir-b": 100}
VRID = 51


def skew(interval, priority):
    return (256 - priority) / 256 * interval


def master_down(interval, priority):
    """RFC 9568, 6.1: the backup's Active_Down_Interval in seconds."""
    return 3 * interval + skew(interval, priority)


class Tandem(Director):
    """tandemd with one virtual router and no service."""
    kind = "tandem"

    def __init__(self, link, name):
        self.bin = link.bin
        self.site = self  # what Director asks its site for
        self.world = link.world
        self.link = link
        self.file = link.world.folder / f"{name}.yaml"
        Director.__init__(self, self, name)

    def configure(self, change=None, **router):
        key = self.link.world.folder / "peer.key"
        if not key.exists():
            key.write_text(os.urandom(32).hex() + "\n")
            key.chmod(0o600)
        interval = self.link.interval
        web = {"interface": "eth0", "id": VRID, "addresses": [f"{VIP}/24"],
               "advert_interval": f"{round(interval * 1000)}ms", "start_hold_down": "0s", **router}
        document = {
            "site": "drill",
            "directors": {n: {"priority": PRIORITY[n], "peer_address": f"10.0.1.{o}"} for n, o in DIRECTORS.items()},
            "peer_link": {"key_file": str(key)}, "virtual_routers": {"web": web}}
        if not self.link.peer_link:
            del document["peer_link"]
        if change:
            change(document)
        self.file.write_text(yaml.safe_dump(document, sort_keys=False))

    def start(self, **more):
        if not self.file.exists():
            self.configure()
        Director.start(self, **more)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def vrrp_process(self):
        return self.room_pid("vrrp")

    def kill_vrrp(self):
        os.kill(self.vrrp_process(), signal.SIGKILL)

    def state(self):
        states = self.messages("InstanceState")
        return states[0]["state"] if states else None

    def transitions(self):
        """Every change of state there is, with its reason."""
        states = self.messages("InstanceState")
        return states[0]["history"] if states else []

    def counter(self, name):
        for state in self.messages("InstanceState"):
            for counter in state["counters"]:
                if counter["name"] == name:
                    return counter["value"]
        return 0

    def tracked(self, name):
        """How a tracked thing stands, in words; empty when it is not known."""
        for state in self.messages("InstanceState"):
            for line in state["tracked"]:
                if f"'{name}'" in line:
                    return line
        return ""

    def events(self, name=None):
        found = [line for line in self.log().splitlines() if name is None or name in line]
        return found

    def ready(self):
        if self.state() not in ("active", "backup"):
            return False
        return not self.link.peer_link or self.link.alone or self.in_step()

    def systemd_after_death(self):
        """What systemd does once the main process is gone: the rest is ended, ExecStopPost, and the unit starts again."""
        self.host.kill_all(signal.SIGTERM)
        end = time.monotonic() + 5
        while self.host.pids() and time.monotonic() < end:
            time.sleep(0.005)
        self.host.kill_all(signal.SIGKILL)
        self.process.wait()
        self.after_crash()
        time.sleep(0.1)  # RestartSec
        self.start()


class Keepalived:
    kind = "keepalived"

    def __init__(self, link, name):
        self.link, self.name = link, name
        self.host = link.world.hosts[name]
        self.folder = link.world.folder / f"{name}.keepalived"
        self.folder.mkdir()
        self.process = None

    def configure(self, extra="", routers=None):
        routers = routers or [(VRID, VIP)]
        text = "global_defs {\n  vrrp_version 3\n}\n"
        for vrid, address in routers:
            text += (f"vrrp_instance v{vrid} {{\n  state BACKUP\n  interface eth0\n  virtual_router_id {vrid}\n"
                     f"  priority {PRIORITY[self.name]}\n  advert_int {self.link.interval:g}\n{extra}"
                     f"  virtual_ipaddress {{ {address}/24 }}\n}}\n")
        (self.folder / "keepalived.conf").write_text(text)

    def start(self):
        if not (self.folder / "keepalived.conf").exists():
            self.configure()
        for old in ("main.pid", "vrrp.pid"):
            (self.folder / old).unlink(missing_ok=True)
        self.process = self.host.start("keepalived", "-n", "-P", "-l", "-D", "-f", self.folder / "keepalived.conf",
                                       "-p", self.folder / "main.pid", "-r", self.folder / "vrrp.pid",
                                       log=f"{self.name}.keepalived.log")

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=10)

    def kill(self):
        self.host.kill_all(signal.SIGKILL)
        self.process.wait()

    def after_crash(self):
        pass

    def systemd_after_death(self):
        self.host.kill_all(signal.SIGTERM)
        time.sleep(0.2)
        self.host.kill_all(signal.SIGKILL)
        self.process.wait()
        self.start()

    def vrrp_process(self):
        try:
            return int((self.folder / "vrrp.pid").read_text())
        except (OSError, ValueError):
            return None

    def kill_vrrp(self):
        os.kill(self.vrrp_process(), signal.SIGKILL)

    def holds(self, address):
        return any(entry.split("/")[0] == address for entry in self.host.addresses())

    def is_active(self):
        return self.holds(VIP)

    def ready(self):
        return self.vrrp_process() is not None


class Record:
    """What the probes wrote down, in order, times in seconds of the monotonic clock."""

    def __init__(self, paths):
        self.rows = []
        for path in paths:
            for line in path.read_text().splitlines():
                words = line.split()
                if len(words) >= 2:
                    self.rows.append((int(words[0]) / 1e9, words[1], *words[2:]))
        self.rows.sort()

    def of(self, what, mac=None, begin=0.0, end=1e18):
        at = {"arp": 2, "ping": 3, "advert": 2, "announce": 2}.get(what)
        return [row for row in self.rows
                if row[1] == what and begin <= row[0] <= end and (mac is None or (len(row) > at and row[at] == mac))]

    def lost(self, begin, end):
        """Pings that nobody answered."""
        answered = {row[2] for row in self.of("ping", begin=begin)}
        return [row for row in self.of("sent", begin=begin, end=end) if row[2] not in answered]

    def gap(self, begin, end):
        """The longest time in seconds in which pings were sent and none of them was answered."""
        missing = [row[0] for row in self.lost(begin, end)]
        if not missing:
            return 0.0
        answers = sorted(row[0] for row in self.of("ping", begin=begin - 1))
        longest = 0.0
        for first in missing:
            at = bisect.bisect_right(answers, first)
            before = answers[at - 1] if at else first
            after = answers[at] if at < len(answers) else end
            longest = max(longest, after - before)
        return longest

    def dual(self, a, b, begin, end):
        """For how long in seconds both boxes answered ARP for the address: the 1 ms rounds in which both did."""
        rounds_of = {row[0] // 0.001 for row in self.of("arp", a, begin, end)}
        return sum(1 for row in self.of("arp", b, begin, end) if row[0] // 0.001 in rounds_of) * 0.001

    def first(self, what, mac, begin):
        rows = self.of(what, mac, begin)
        return rows[0][0] if rows else None


class Link:
    def __init__(self, world: World, bin_folder, kind=Tandem, interval=1.0, peer_link=True, alone=False):
        self.world, self.bin = world, Path(bin_folder).resolve()
        self.interval, self.peer_link, self.alone = interval, peer_link and kind is Tandem, alone
        os.chmod(world.folder, 0o755)
        outside, peers = world.switch("outside"), world.switch("peers")
        self.client, self.stranger = world.host("client"), world.host("stranger")
        world.cable(self.client, "eth0", outside, "198.51.100.100/24")
        self.watcher = world.host("watcher")
        world.cable(self.watcher, "eth0", outside, "198.51.100.150/24")
        world.cable(self.stranger, "eth0", outside, "198.51.100.200/24")
        for name, octet in DIRECTORS.items():
            host = world.host(name)
            world.cable(host, "eth0", outside, f"198.51.100.{octet}/24")
            world.cable(host, "eth1", peers, f"10.0.1.{octet}/24")
        self.a, self.b = (kind(self, name) for name in DIRECTORS)
        self.probing = []
        self.probes = 0

    def make_dual_stack(self, **router):
        """IPv6 addresses of their own for the client and the directors, a VIP of each family, and more keys for the router."""
        for host, last in ((self.client, "100"), (self.a.host, "2"), (self.b.host, "3")):
            host.ip("addr", "add", f"2001:db8::{last}/64", "dev", "eth0", "nodad")
        for box in (self.a, self.b):
            box.configure(**DUAL_STACK, **router)

    def mac(self, box):
        return json.loads(box.host.ip("-j", "link", "show", "eth0"))[0]["address"]

    def start(self):
        for box in (self.a, self.b):
            box.start()
        self.settle()

    def settle(self, active=None, seconds=30):
        """Both ready, the named one (dir-a) active, the other not."""
        active = active or self.a
        other = self.b if active is self.a else self.a
        wait_until(f"{active.name} active", lambda: active.is_active() and active.holds(VIP), seconds)
        if not self.alone:
            wait_until("both ready", lambda: self.a.ready() and self.b.ready(), seconds)
            wait_until(f"{other.name} backup", lambda: not other.is_active() and not other.holds(VIP), seconds)

    def probe(self):
        self.probes += 1
        self.probing = []
        for host, address, means in ((self.client, "198.51.100.100", "ping"), (self.watcher, "198.51.100.150", "arp")):
            out = self.world.folder / f"probe.{self.probes}.{means}"
            self.probing.append((out, host.start("env", f"PROBE_ADDRESS={address}", "/usr/bin/python3", "-B",
                                                 Path(__file__).parent / "probe.py", "eth0", VIP, out, means,
                                                 log="probe.log")))
        time.sleep(0.3)

    def stop_probe(self):
        for _, process in self.probing:
            process.terminate()
        for _, process in self.probing:
            process.wait(timeout=20)
        return Record([out for out, _ in self.probing])
