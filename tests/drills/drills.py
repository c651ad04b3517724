"""./dev drill N: one failover drill, with what it must show and what it showed.

    drills.py --bin FOLDER NUMBER... [--runs N] [--interval SECONDS] [--long]

Times are in milliseconds, bounds hold for the longest of the runs. --long takes the soaks' full time.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from link import PRIORITY, VIP, Link, Tandem, master_down, skew, wait_until  # noqa: E402
from world import World, require_root  # noqa: E402

DRILLS = {}
NOISE = 0.05  # what a shared machine may add to what is timed


def drill(number, title):
    def register(function):
        DRILLS[number] = (title, function)
        return function
    return register


class Drill:
    """One run: a link, its figures, and what was not as it must be."""

    def __init__(self, options, number):
        self.options, self.number = options, number
        self.interval = options.interval
        self.figures, self.wrong = {}, []

    def link(self, world, **more):
        self.current = Link(world, self.options.bin, Tandem, more.pop("interval", self.interval), **more)
        return self.current

    def note(self, name, value, at_most=None, at_least=None):
        self.figures[name] = value
        if at_most is not None and not value <= at_most:
            self.wrong.append(f"{name} {value:.3f}, at most {at_most:.3f}")
        if at_least is not None and not value >= at_least:
            self.wrong.append(f"{name} {value:.3f}, at least {at_least:.3f}")

    def must(self, what, holds):
        if not holds:
            self.wrong.append(f"not so: {what}")

    def down(self, priority=PRIORITY["dir-b"]):
        return master_down(self.interval, priority)


def changes(box):
    """Transitions after the first time it became backup or active."""
    return len(box.transitions())


def forge(link, *words, wait=True):
    process = link.stranger.start("/usr/bin/python3", "-B", Path(__file__).parent / "forge.py", "eth0", "198.51.100.200",
                                  *words, log="forge.log")
    if wait:
        process.wait(timeout=120)
    return process


def freeze(box, number):
    box.host.kill_all(number)


def drop(link, source=None, to=None, percent=100, what="ip protocol 112"):
    """Frames from one director's port to another's are lost in the switch."""
    rule = "numgen random mod 100 < %d " % percent if percent < 100 else ""
    ports = (f'iifname "{source.host.name}.eth0" ' if source else "") + (f'oifname "{to.host.name}.eth0" ' if to else "")
    link.world.switches.run("sh", "-c", "nft add table bridge cut; "
                            "nft 'add chain bridge cut f { type filter hook forward priority 0; }'; "
                            f"nft 'add rule bridge cut f {ports} {what} {rule} drop'")


def heal(link):
    link.world.switches.run("nft", "delete", "table", "bridge", "cut")


def advert_gaps(record, mac, begin, end):
    times = [row[0] for row in record.of("advert", mac, begin, end)]
    return [b - a for a, b in zip(times, times[1:])]


@drill(1, "whole daemon killed, systemd's ExecStopPost runs")
def whole_daemon_killed(run, world):
    link = run.link(world)
    link.start()
    link.probe()
    begin = time.monotonic()
    link.a.kill()
    link.a.after_crash()
    released = time.monotonic()
    run.must("no address left behind", not link.a.holds(VIP))
    run.note("addresses gone after", released - begin, at_most=1.0)
    wait_until("dir-b takes over", link.b.is_active, 10)
    time.sleep(0.3)
    record = link.stop_probe()
    run.note("takeover", record.first("arp", link.mac(link.b), begin) - begin, at_most=run.down() + NOISE)
    run.note("dual", record.dual(link.mac(link.a), link.mac(link.b), begin, begin + 5), at_most=NOISE)
    run.must("no nftables table left", "tandem" not in link.a.host.run("nft", "list", "tables"))


@drill(2, "VRRP room killed, the supervisor lives")
def room_killed(run, world):
    link = run.link(world)
    link.start()
    link.probe()
    before = changes(link.a), changes(link.b)
    begin = time.monotonic()
    link.a.kill_vrrp()
    time.sleep(4 * run.interval + 1)
    end = time.monotonic()
    record = link.stop_probe()
    mac = link.mac(link.a)
    run.note("gap of pings", record.gap(begin, end - 0.1), at_most=run.interval + 0.1)
    run.note("longest time between adverts", max(advert_gaps(record, mac, begin - 1, end)), at_most=run.interval + 0.1)
    run.must("nobody took over", not record.of("arp", link.mac(link.b)))
    run.must("no transition anywhere", (changes(link.a), changes(link.b)) == before)


@drill(3, "orderly stop, and start again")
def orderly(run, world):
    link = run.link(world)
    link.start()
    link.probe()
    begin = time.monotonic()
    run.must("exit status 0", link.a.stop() == 0)
    wait_until("dir-b active", link.b.is_active, 5)
    time.sleep(0.2)
    link.a.start()
    link.settle()
    time.sleep(0.2)
    end = time.monotonic()
    record = link.stop_probe()
    run.note("pings lost", len(record.lost(begin, end - 0.05)), at_most=0)
    run.note("takeover", record.first("arp", link.mac(link.b), begin) - begin, at_most=NOISE)


def freeze_and_resume(run, world, preempt, frozen=10.0, interval=None):
    link = run.link(world, interval=interval or run.interval)
    for box in (link.a, link.b):
        box.configure(preempt=preempt)
    link.a.start()
    wait_until("dir-a active", link.a.is_active, 15)
    link.b.start()
    link.settle()
    link.probe()
    begin = time.monotonic()
    freeze(link.a, signal.SIGSTOP)
    wait_until("dir-b active", link.b.is_active, 10)
    time.sleep(max(0.0, frozen - (time.monotonic() - begin)))
    resumed = time.monotonic()
    freeze(link.a, signal.SIGCONT)
    time.sleep(3)
    if preempt:
        link.settle()
    time.sleep(0.5)
    record = link.stop_probe()
    return link, record, begin, resumed


@drill(4, "freeze for 10 s and resume, preempting")
def freeze_preempt(run, world):
    link, record, begin, resumed = freeze_and_resume(run, world, True)
    a, b = link.mac(link.a), link.mac(link.b)
    run.note("takeover", record.first("announce", b, begin) - begin, at_most=run.down() + NOISE)
    run.must("wakes up as a backup first", any(t["to"] == "backup" and "slept" in t["reason"] for t in link.a.transitions()))
    run.note("dual after it resumed, before it preempts again", record.dual(a, b, resumed, resumed + run.interval / 2),
             at_most=NOISE)
    run.note("transitions of dir-a", changes(link.a) - 2, at_most=2)
    run.note("transitions of dir-b", changes(link.b) - 1, at_most=2)


@drill(5, "freeze for 10 s and resume, not preempting")
def freeze_nopreempt(run, world):
    link, record, begin, resumed = freeze_and_resume(run, world, False)
    run.must("dir-b keeps it", link.b.is_active() and not link.a.is_active())
    run.note("pings lost after it resumed", len(record.lost(resumed + NOISE, resumed + 2.5)), at_most=0)
    run.note("gap around the resumption", record.gap(resumed, resumed + 2.5), at_most=NOISE)


@drill(6, "pause under 10 ms adverts: the queue is not answered with a burst")
def stale_queue(run, world):
    link, record, begin, resumed = freeze_and_resume(run, world, True, 60.0 if run.options.long else 8.0, 0.01)
    a = link.mac(link.a)
    first = [row for row in record.of("advert", a, resumed, resumed + 0.01)]
    run.note("adverts in the first interval after it resumed", len(first), at_most=3)
    run.note("transitions of dir-a", changes(link.a) - 2, at_most=2)
    run.note("dual after it resumed", record.dual(a, link.mac(link.b), resumed, resumed + 0.2), at_most=0.1)


@drill(7, "the switch's port of the active one goes down")
def port_down(run, world):
    link = run.link(world)
    link.start()
    link.probe()
    begin = time.monotonic()
    world.plug(link.a.host, "eth0", "down")
    wait_until("fault", lambda: link.a.state() == "fault" and not link.a.holds(VIP), 3)
    run.note("fault, address gone after", time.monotonic() - begin, at_most=0.1 + NOISE)
    wait_until("dir-b active", link.b.is_active, 10)
    time.sleep(0.2)
    record = link.stop_probe()
    run.note("takeover", record.first("arp", link.mac(link.b), begin) - begin, at_most=run.down() + NOISE)


@drill(8, "the port comes back")
def port_up(run, world):
    link = run.link(world)
    link.start()
    world.plug(link.a.host, "eth0", "down")
    wait_until("dir-b active", link.b.is_active, 10)
    time.sleep(1)
    link.probe()
    begin = time.monotonic()
    world.plug(link.a.host, "eth0", "up")
    link.settle()
    time.sleep(0.3)
    end = time.monotonic()
    record = link.stop_probe()
    run.note("gap of the preemption", record.gap(begin, end - 0.05), at_most=NOISE)
    run.note("pings lost", len(record.lost(begin, end - 0.05)), at_most=0)


@drill(9, "one-way loss: the backup is deaf")
def backup_deaf(run, world):
    link = run.link(world)
    link.start()
    drop(link, link.a, link.b)
    begin = time.monotonic()
    wait_until("both active", lambda: link.b.is_active() and link.a.is_active(), 10)
    both = time.monotonic()
    wait_until("the alarm", lambda: link.a.events("VRRP_TWO_ACTIVE"), 10)
    run.note("alarm after both are active", time.monotonic() - both, at_most=3 * run.interval + 0.3)
    link.probe()
    healed = time.monotonic()
    heal(link)
    wait_until("one active", lambda: not link.b.is_active() and not link.b.holds(VIP), 10)
    run.note("one active again after", time.monotonic() - healed, at_most=run.interval + 0.2)
    time.sleep(1.3)
    record = link.stop_probe()
    run.must("the winner announces the address again", record.of("announce", link.mac(link.a), healed))
    run.figures["both active from"] = both - begin


@drill(10, "one-way loss: the active one is deaf")
def active_deaf(run, world):
    link = run.link(world)
    link.start()
    before = changes(link.a), changes(link.b)
    drop(link, link.b, link.a)
    time.sleep(60 if run.options.long else 6 * run.interval + 3)
    run.must("no transition", (changes(link.a), changes(link.b)) == before)


@drill(11, "random loss of 5 % and of 30 %")
def random_loss(run, world):
    link = run.link(world)
    link.start()
    before = changes(link.a), changes(link.b)
    drop(link, percent=5)
    time.sleep(600 if run.options.long else 20)
    run.note("transitions at 5 %", sum((changes(link.a), changes(link.b))) - sum(before), at_most=0)
    heal(link)
    drop(link, percent=30)
    time.sleep(120 if run.options.long else 20)
    run.figures["transitions at 30 %"] = sum((changes(link.a), changes(link.b))) - sum(before)
    heal(link)
    link.settle(seconds=run.interval * 2 + 2)


@drill(12, "the directors are cut apart for a while")
def partition(run, world):
    link = run.link(world)
    link.start()
    drop(link, link.a, link.b, what="")
    drop(link, link.b, link.a, what="")
    wait_until("both active", lambda: link.a.is_active() and link.b.is_active(), 10)
    time.sleep(60 if run.options.long else 3)
    link.probe()
    healed = time.monotonic()
    heal(link)
    wait_until("one active", lambda: not link.b.holds(VIP), 10)
    run.note("one active again after", time.monotonic() - healed, at_most=run.interval + NOISE + 0.05)
    time.sleep(1.5)
    record = link.stop_probe()
    run.note("announcements of the winner", len(record.of("announce", link.mac(link.a), healed)), at_least=3)
    run.must("dir-a has it", link.a.is_active())


def outsider(run, world, *words, seconds=None):
    """What a stranger's stream does to the active one's adverts."""
    link = run.link(world)
    link.start()
    link.probe()
    before = changes(link.a), changes(link.b)
    begin = time.monotonic()
    stream = forge(link, *words, wait=False)
    time.sleep(seconds or 20 * run.interval)
    end = time.monotonic()
    stream.kill()
    stream.wait()
    record = link.stop_probe()
    gaps = advert_gaps(record, link.mac(link.a), begin, end)
    run.note("longest time between adverts, of an interval", max(gaps) / run.interval, at_most=1.1 + NOISE / run.interval)
    run.must("no transition", (changes(link.a), changes(link.b)) == before)
    return link


@drill(13, "a stranger with our VRID and other addresses, priority 200")
def stranger_other_addresses(run, world):
    link = outsider(run, world, "--addresses", "198.51.100.77", "--every", run.interval, "--times", 1000)
    run.must("an alarm names it", any("198.51.100.200" in e for e in link.a.events("VRRP_VRID_CONFLICT")))
    run.note("alarms", len(link.a.events("VRRP_VRID_CONFLICT")), at_most=2)
    run.note("refused, counted", link.a.counter("rejected: advertises none of our addresses"), at_least=10)


@drill(14, "a stranger with our addresses, priority 255")
def stranger_255(run, world):
    link = run.link(world)
    link.start()
    forge(link, "--priority", 255, "--every", run.interval, "--interval-cs", round(run.interval * 100), "--times", 10)
    run.must("steps down, which is legal, and says to whom",
             any(t["to"] == "backup" and "higher" in t["reason"] for t in link.a.transitions()))
    link.settle(seconds=20)


MALFORMED = {
    "TTL 254": ("--ttl", 254), "bad checksum": ("--bad-checksum",), "version 1": ("--version", 1), "version 15": ("--version", 15),
    "type 2": ("--kind", 2), "count 0": ("--count", 0), "count 2 of 1": ("--count", 2), "cut": ("--cut", 4),
    "trailing bytes": ("--add", 20), "interval 0": ("--interval-cs", 0), "version 2": ("--version", 2), "VRID 0": ("--vrid", 0),
    "other VRID": ("--vrid", 99), "short": ("--cut", 8),
}


@drill(15, "every malformed advert, to both roles")
def malformed(run, world):
    link = run.link(world)
    link.start()
    link.probe()
    before = changes(link.a), changes(link.b)
    begin = time.monotonic()
    for words in MALFORMED.values():
        forge(link, *words, "--times", 4, "--every", run.interval * 0.45)
        run.figures["kinds"] = run.figures.get("kinds", 0) + 1
    end = time.monotonic()
    record = link.stop_probe()
    gaps = advert_gaps(record, link.mac(link.a), begin, end)
    run.note("longest time between adverts, of an interval", max(gaps) / run.interval, at_most=1.1 + NOISE / run.interval)
    run.must("no transition", (changes(link.a), changes(link.b)) == before)
    time.sleep(1.2)
    run.note("refused, counted by dir-a", link.a.counter("adverts_rejected"), at_least=4 * (len(MALFORMED) - 3))  # three of them name nobody of ours


@drill(16, "a flood and a trickle of wrong adverts")
def flood(run, world):
    link = outsider(run, world, "--bad-checksum", "--every", run.interval * 0.45, "--times", 100000)
    world.close()
    with World() as another:
        link = outsider(run, another, "--bad-checksum", "--every", 0.0001, "--times", 10_000_000,
                        seconds=60 if run.options.long else 8)
        seconds = 60 if run.options.long else 8
        run.note("log lines a second under the flood", len(link.a.events()) / seconds, at_most=10)
        time.sleep(1.2)
        run.figures["refused"] = link.a.counter("adverts_rejected")


@drill(17, "one forged advert says 40.95 s")
def forged_interval(run, world):
    link = run.link(world)
    link.start()
    begin = time.monotonic()
    forge(link, "--interval-cs", 4095)
    wait_until("dir-a gives way", lambda: not link.a.is_active(), 3)
    wait_until("somebody is active again", lambda: link.a.is_active() or link.b.is_active(), 20)
    run.note("nobody active for", time.monotonic() - begin,
             at_most=3 * 3 * run.interval + 3 * skew(run.interval, PRIORITY["dir-b"]) + 0.3)
    link.settle()


@drill(18, "a stream of forged priority 0")
def forged_release(run, world):
    link = run.link(world)
    link.start()
    stream = forge(link, "--priority", 0, "--every", run.interval * 0.45, "--times", 100000, wait=False)
    time.sleep(run.interval)
    begin = time.monotonic()
    world.plug(link.a.host, "eth0", "down")
    wait_until("dir-b takes over in spite of it", link.b.is_active, 20)
    run.note("takeover", time.monotonic() - begin, at_most=run.down() + NOISE + 0.05)
    stream.kill()
    stream.wait()


@drill(20, "the directors' intervals differ")
def other_interval(run, world):
    link = run.link(world)
    link.b.configure(advert_interval=f"{round(run.interval * 2000)}ms")
    begin = time.monotonic()
    link.start()
    wait_until("an alarm", lambda: link.b.events("VRRP_FOREIGN_INTERVAL"), 3 + 4 * run.interval)
    run.note("alarm after", time.monotonic() - begin, at_most=5 + 4 * run.interval)
    before = changes(link.a), changes(link.b)
    time.sleep(8 * run.interval)
    run.must("no flapping", (changes(link.a), changes(link.b)) == before)


@drill(21, "the directors' addresses, version or password differ")
def mismatch(run, world):
    link = run.link(world, interval=1.0, peer_link=False)
    link.start()
    for name, router, word in (("addresses", {"addresses": [f"{VIP}/24", "198.51.100.11/24"]}, "VRRP_FOREIGN_ADDRESSES"),
                               ("version", {"version": 2}, "VRRP_ADVERT_REJECTED"),
                               ("password", {"version": 2, "password": "other"}, "VRRP_ADVERT_REJECTED")):
        if name == "password":
            link.a.configure(version=2, password="secret")
            link.a.reload()
        link.b.configure(**router)
        seen = len(link.a.events(word)) + len(link.b.events(word))
        link.b.reload()
        begin = time.monotonic()
        wait_until(f"alarm about {name}", lambda w=word, s=seen: len(link.a.events(w)) + len(link.b.events(w)) > s, 12)
        run.note(f"alarm about the {name} after", time.monotonic() - begin, at_most=3 + master_down(1.0, 100))


@drill(22, "both start at once with equal priority")
def simultaneous(run, world):
    link = run.link(world)
    for _ in range(20 if run.options.long else 3):
        for box in (link.a, link.b):
            box.configure(priorities={"dir-a": 100, "dir-b": 100})
        link.probe()
        begin = time.monotonic()
        link.a.start()
        link.b.start()
        wait_until("one active", lambda: link.a.is_active() != link.b.is_active(), 20)
        time.sleep(2 * run.interval + 0.5)
        run.must("one and only one", link.a.is_active() != link.b.is_active())
        record = link.stop_probe()
        run.note("dual", max(run.figures.get("dual", 0), record.dual(link.mac(link.a), link.mac(link.b), begin, begin + 60)),
                 at_most=run.interval + NOISE)
        first = min(row[0] for row in record.of("arp", begin=begin))
        run.note("address answers after", max(run.figures.get("address answers after", 0), first - begin),
                 at_most=run.down() + run.interval + 1.5)
        link.a.stop()
        link.b.stop()


@drill(31, "the wall clock jumps by an hour, both ways")
def wall_clock(run, world):
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        raise RuntimeError("needs libfaketime")
    offset = world.folder / "offset"
    offset.write_text("+0")
    link = run.link(world)
    more = {"env": {**os.environ, "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1",
                    "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}}
    link.a.start(**more)
    link.b.start()
    link.settle()
    link.probe()
    before = changes(link.a), changes(link.b)
    begin = time.monotonic()
    for jump in ("+3600", "-3600", "+0"):
        offset.write_text(jump)
        time.sleep(6 * run.interval)
    end = time.monotonic()
    record = link.stop_probe()
    gaps = advert_gaps(record, link.mac(link.a), begin, end)
    run.note("longest time between adverts, of an interval", max(gaps) / run.interval, at_most=1.05 + NOISE / run.interval)
    run.must("no transition", (changes(link.a), changes(link.b)) == before)


@drill(34, "memory pressure")
def memory_pressure(run, world):
    link = run.link(world)
    link.start()
    link.probe()
    before = changes(link.a), changes(link.b)
    available = next(int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines()
                     if line.startswith("MemAvailable"))
    begin = time.monotonic()
    hog = subprocess.Popen(["/usr/bin/python3", "-c",
                            f"import time\nb = bytearray({int(available * 1024 * 0.6)})\n"
                            "for i in range(0, len(b), 4096): b[i] = 1\ntime.sleep(30)"])
    time.sleep(10)
    hog.kill()
    hog.wait()
    end = time.monotonic()
    record = link.stop_probe()
    gaps = sorted(advert_gaps(record, link.mac(link.a), begin, end))
    run.note("p99 between adverts, of an interval", gaps[int(len(gaps) * 0.99) - 1] / run.interval, at_most=1.5)
    run.must("no transition", (changes(link.a), changes(link.b)) == before)
    status = Path(f"/proc/{link.a.vrrp_process()}/status").read_text()
    locked = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmLck"))
    run.note("memory of the VRRP room that is locked, KiB", locked, at_least=1)


@drill(35, "eight busy loops for each core")
def starvation(run, world):
    for interval in (0.1, 0.01):
        with World() as another:
            link = run.link(another, interval=interval)
            link.start()
            before = changes(link.a), changes(link.b)
            loops = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(8 * os.cpu_count())]
            try:
                time.sleep(600 if run.options.long else 10)
            finally:
                for each in loops:
                    each.kill()
                    each.wait()
            run.note(f"transitions at {interval:g} s", sum((changes(link.a), changes(link.b))) - sum(before), at_most=0)


@drill(40, "the address is tampered with")
def tampering(run, world):
    link = run.link(world)
    link.start()
    begin = time.monotonic()
    link.a.host.ip("addr", "del", f"{VIP}/24", "dev", "eth0")
    wait_until("back", lambda: link.a.holds(VIP), 3)
    run.note("removed address back after", time.monotonic() - begin, at_most=1.0)
    begin = time.monotonic()
    forge(link, "--claim", VIP, "--times", 30, "--every", 0.1, wait=False)
    wait_until("an alarm", lambda: link.a.events("VRRP_ADDRESS_CONFLICT"), 5)
    run.note("alarm about the conflict after", time.monotonic() - begin, at_most=2.0)
    time.sleep(3)
    run.note("alarms", len(link.a.events("VRRP_ADDRESS_CONFLICT")), at_most=4)
    begin = time.monotonic()
    link.a.host.ip("link", "del", "eth0")
    wait_until("fault", lambda: link.a.state() == "fault", 3)
    run.note("fault after the interface is deleted", time.monotonic() - begin, at_most=1.0)
    wait_until("dir-b takes over", link.b.is_active, 10)
    world.cable(link.a.host, "eth0", "outside", "198.51.100.2/24")
    begin = time.monotonic()
    wait_until("in service again", lambda: link.a.state() in ("backup", "active"), 5)
    run.note("in service after it is made again", time.monotonic() - begin, at_most=2.0)
    link.settle()


def show(name, value):
    if "of an interval" in name or "a second" in name:
        return f"{value:.2f}"
    return f"{value * 1000:.0f} ms" if isinstance(value, float) else str(value)


def perform(options, number):
    title, function = DRILLS[number]
    print(f"drill {number}: {title}", flush=True)
    every, wrong = {}, []
    for _ in range(options.runs):
        run = Drill(options, number)
        with World() as world:
            try:
                function(run, world)
            except (TimeoutError, RuntimeError, StopIteration, TypeError, ValueError) as problem:
                run.wrong.append(str(problem) or traceback.format_exc())
            if run.wrong and options.verbose:
                for box in (run.current.a, run.current.b):
                    print(f"--- {box.name}\n{box.log()}")
        for name, value in run.figures.items():
            every.setdefault(name, []).append(value)
        wrong += run.wrong
    for name, values in every.items():
        words = " ".join(show(name, v) for v in values)
        print(f"  {name}: {words}", flush=True)
    for each in dict.fromkeys(wrong):
        print(f"  WRONG: {each}", flush=True)
    print("  as it must be" if not wrong else "  NOT as it must be", flush=True)
    return not wrong


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bin", type=Path, required=True)
    options.add_argument("numbers", nargs="*", help=f"of {', '.join(map(str, DRILLS))}; or all")
    options.add_argument("--runs", type=int, default=1)
    options.add_argument("--interval", type=float, default=0.2)
    options.add_argument("--slack", type=float, default=0.05, help="seconds that a busy machine may add")
    options.add_argument("--long", action="store_true")
    options.add_argument("--verbose", action="store_true")
    options = options.parse_args()
    global NOISE
    NOISE = options.slack
    require_root()
    numbers = list(DRILLS) if "all" in options.numbers else [int(n) for n in options.numbers]
    unknown = [n for n in numbers if n not in DRILLS]
    if unknown or not numbers:
        sys.exit(f"there is no drill {unknown}; there are {', '.join(map(str, DRILLS))}")
    good = [perform(options, number) for number in numbers]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
