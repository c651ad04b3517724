"""What happens to a director: it is killed, stopped, frozen, starved, or set up differently from its peer."""

import os
import signal
import subprocess
import time
from pathlib import Path

from drill import advert_gaps, changes, drill, freeze
import drill as settings
from link import PRIORITY, VIP, master_down, wait_until
from world import World


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
    run.note("takeover", record.first("arp", link.mac(link.b), begin) - begin, at_most=run.down() + settings.noise)
    run.note("dual", record.dual(link.mac(link.a), link.mac(link.b), begin, begin + 5), at_most=settings.noise)
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
    run.note("takeover", record.first("arp", link.mac(link.b), begin) - begin, at_most=settings.noise)


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
    run.note("takeover", record.first("announce", b, begin) - begin, at_most=run.down() + settings.noise)
    run.must("wakes up as a backup first", any(t["to"] == "backup" and "slept" in t["reason"] for t in link.a.transitions()))
    run.note("dual after it resumed, before it preempts again", record.dual(a, b, resumed, resumed + run.interval / 2),
             at_most=settings.noise)
    run.note("transitions of dir-a", changes(link.a) - 2, at_most=2)
    run.note("transitions of dir-b", changes(link.b) - 1, at_most=2)


@drill(5, "freeze for 10 s and resume, not preempting")
def freeze_nopreempt(run, world):
    link, record, begin, resumed = freeze_and_resume(run, world, False)
    run.must("dir-b keeps it", link.b.is_active() and not link.a.is_active())
    run.note("pings lost after it resumed", len(record.lost(resumed + settings.noise, resumed + 2.5)), at_most=0)
    run.note("gap around the resumption", record.gap(resumed, resumed + 2.5), at_most=settings.noise)


@drill(6, "pause under 10 ms adverts: the queue is not answered with a burst")
def stale_queue(run, world):
    link, record, begin, resumed = freeze_and_resume(run, world, True, 60.0 if run.options.long else 8.0, 0.01)
    a = link.mac(link.a)
    first = [row for row in record.of("advert", a, resumed, resumed + 0.01)]
    run.note("adverts in the first interval after it resumed", len(first), at_most=3)
    run.note("transitions of dir-a", changes(link.a) - 2, at_most=2)
    run.note("dual after it resumed", record.dual(a, link.mac(link.b), resumed, resumed + 0.2), at_most=0.1)


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
                 at_most=run.interval + settings.noise)
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
    run.note("longest time between adverts, of an interval", max(gaps) / run.interval, at_most=1.05 + settings.noise / run.interval)
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
