"""./dev bench failover: what a client sees of every kind of failover, Tandem and keepalived in turn.

A client asks for the VIP every millisecond, by ARP and by ping, and a sniffer writes the adverts down. For each event and each
daemon: the median and the maximum over the runs of
  gap       the longest time without an answer to a ping, ms
  lost      pings without an answer
  takeover  from the event to the first answer of the other box, ms (where it should take over)
  formula   for a power loss: takeover measured against the last advert heard plus the RFC's Active_Down_Interval, ms
  dual      how long both boxes answered for the address, ms
"""

import argparse
import os
import signal
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from link import PRIORITY, VIP, Keepalived, Link, Tandem, master_down, wait_until  # noqa: E402
from world import World, require_root  # noqa: E402


def power_loss(link):
    # Stopped first: a daemon that sees its cables go would tell the peer, and a box without power tells nobody anything.
    link.a.host.kill_all(signal.SIGSTOP)
    link.world.plug(link.a.host, "eth0", "down")
    link.world.plug(link.a.host, "eth1", "down")
    link.a.kill()


def power_back(link):
    link.a.host.ip("addr", "flush", "dev", "eth0", "scope", "global")
    link.a.host.ip("addr", "add", "198.51.100.2/24", "dev", "eth0")
    if isinstance(link.a, Tandem):
        link.a.after_crash()
    for interface in ("eth0", "eth1"):
        link.world.plug(link.a.host, interface, "up")
    link.a.start()


def start_again(link):
    link.a.start()


def kill_all_restart(link):
    link.a.kill()
    link.a.after_crash()
    time.sleep(0.1)
    link.a.start()


def kill_main(link):
    os.kill(link.a.process.pid, signal.SIGKILL)
    link.a.systemd_after_death()


def link_down(link):
    link.world.plug(link.a.host, "eth0", "down")


def link_up(link):
    link.world.plug(link.a.host, "eth0", "up")


def stop(link):
    link.a.stop()


def nothing(_link):
    pass


def handover(link):
    if isinstance(link.a, Tandem):
        link.a.ctl("handover")
    else:
        link.a.stop()  # it knows no other way


def hand_back(link):
    if isinstance(link.a, Tandem):
        link.b.ctl("handover")
    else:
        link.a.start()


# name: (what happens, how it ends, does the other take over, advert intervals)
EVENTS = {
    "power loss": (power_loss, power_back, True, (1.0, 0.1, 0.01)),
    "kill -9 of everything": (kill_all_restart, nothing, None, (1.0,)),
    "kill -9 of the VRRP process": (lambda link: link.a.kill_vrrp(), nothing, None, (1.0, 0.1)),
    "kill -9 of the main process": (kill_main, nothing, None, (1.0,)),
    "link down": (link_down, link_up, True, (1.0, 0.1)),
    "orderly stop": (stop, start_again, True, (1.0, 0.1)),
    "planned handover": (handover, hand_back, True, (1.0,)),
}


def one_run(link, event, undo, takes_over):
    link.settle()
    link.probe()
    time.sleep(0.2)
    begin = time.monotonic()
    event(link)
    time.sleep(max(0.0, begin + 5.5 * link.interval + 0.7 - time.monotonic()))
    watched = time.monotonic()
    back_begin = time.monotonic()
    if undo is not nothing:
        undo(link)
    link.settle()
    time.sleep(0.3)
    end = time.monotonic()
    record = link.stop_probe()
    a, b = link.mac(link.a), link.mac(link.b)
    figures = {"gap": record.gap(begin - 0.05, watched) * 1000, "lost": len(record.lost(begin - 0.05, watched - 0.05)),
               "dual": record.dual(a, b, begin - 0.05, watched) * 1000}
    if takes_over:
        first = record.first("arp", b, begin)
        figures["takeover"] = (first - begin) * 1000 if first else float("nan")
        last = record.of("advert", a, 0, begin + 0.05)
        if event is power_loss and first and last:
            figures["formula"] = (first - last[-1][0] - master_down(link.interval, PRIORITY["dir-b"])) * 1000
    else:
        first = record.first("arp", b, begin)
        figures["takeover"] = (first - begin) * 1000 if first else 0.0
    if undo is not nothing:
        figures["back gap"] = record.gap(back_begin, end - 0.05) * 1000
        figures["back lost"] = len(record.lost(back_begin, end - 0.1))
    return figures


COLUMNS = ("gap", "lost", "takeover", "formula", "dual", "back gap", "back lost")


def bench_event(options, name, interval):
    event, undo, takes_over, _ = EVENTS[name]
    results = {}
    worlds = {kind: World() for kind in (Tandem, Keepalived)}
    try:
        links = {kind: Link(world, options.bin, kind, interval) for kind, world in worlds.items()}
        for link in links.values():
            link.start()
        runs = {kind: [] for kind in links}
        never_settled = 0
        for number in range(options.runs):
            for kind, link in links.items():  # in turn, so that a busy minute hits both
                try:
                    runs[kind].append(one_run(link, event, undo, takes_over))
                except TimeoutError as problem:
                    if kind is Tandem:
                        raise TimeoutError(f"{name}, {kind.kind}, run {number + 1}: {problem}") from problem
                    # A daemon that never came back to one active: told, and started anew for the next run.
                    never_settled += 1
                    link.stop_probe()
                    for box in (link.a, link.b):
                        box.kill()
                        box.host.ip("addr", "flush", "dev", "eth0", "to", VIP)
                    link.start()
        for kind, figures in runs.items():
            results[kind.kind] = {c: [f[c] for f in figures if c in f] for c in COLUMNS}
    finally:
        for world in worlds.values():
            world.close()
    label = f"{name}, adverts every {interval:g} s"
    for kind, columns in results.items():
        words = [f"{c} {statistics.median(v):.1f}/{max(v):.1f}" for c, v in columns.items() if v]
        print(f"{label:<48} {kind:<11} {'  '.join(words)}", flush=True)
    if never_settled:
        print(f"{label:<48} keepalived  in {never_settled} of {options.runs} runs there was never one active again", flush=True)
    return results


def cpu(options):
    """CPU of the whole daemon while it is active, in percent of one core."""
    for count, interval in ((100, 1.0), (20, 0.01)):
        used, room = {Tandem: [], Keepalived: []}, []
        for _ in range(max(3, options.runs // 4)):
            for kind in (Tandem, Keepalived):
                with World() as world:
                    link = Link(world, options.bin, kind, interval, peer_link=False, alone=True)
                    routers = [(n + 1, f"198.51.100.{n + 110}") for n in range(count)]
                    if kind is Tandem:
                        def many(document):
                            document["virtual_routers"] = {
                                f"v{vrid}": {"interface": "eth0", "id": vrid, "addresses": [f"{address}/24"],
                                             "advert_interval": f"{round(interval * 1000)}ms", "start_hold_down": "0s"}
                                for vrid, address in routers}
                        link.a.configure(many)
                    else:
                        link.a.configure(routers=routers)
                    link.a.start()
                    wait_until("all active", lambda: sum(link.a.holds(address) for _, address in routers) == count, 20)
                    time.sleep(8)  # the second announcement is over

                    def of_process(pid):
                        """Seconds on a processor so far, of all threads; ticks of 10 ms would be too coarse."""
                        total = 0
                        for task in Path(f"/proc/{pid}/task").iterdir():
                            try:
                                total += int((task / "schedstat").read_text().split()[0])
                            except OSError:
                                pass
                        return total / 1e9

                    def spent():
                        return sum(of_process(pid) for pid in link.a.host.pids() if Path(f"/proc/{pid}/task").exists())

                    def of_room():
                        return of_process(link.a.vrrp_process())
                    before, room_before, begin = spent(), of_room(), time.monotonic()
                    time.sleep(10)
                    if kind is Tandem:
                        room.append((of_room() - room_before) / (time.monotonic() - begin) * 100)
                    used[kind].append((spent() - before) / (time.monotonic() - begin) * 100)
        t, k = (statistics.median(used[kind]) for kind in (Tandem, Keepalived))
        print(f"CPU of {count} routers, adverts every {interval:g} s: tandem {t:.2f} % (its VRRP room "
              f"{statistics.median(room):.2f} %), keepalived's VRRP process {k:.2f} %, ratio "
              f"{t / k if k else float('nan'):.2f} (room {statistics.median(room) / k if k else float('nan'):.2f})", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bin", type=Path, required=True)
    options.add_argument("--runs", type=int, default=12)
    options.add_argument("--only", help="the events whose name contains this; 'cpu' for the last table")
    options = options.parse_args()
    require_root()
    print(f"median/maximum of {options.runs} runs, ms; VIP {VIP}, priorities 150 and 100", flush=True)
    for name, (_, _, _, intervals) in EVENTS.items():
        if not options.only or options.only in name:
            for interval in intervals:
                bench_event(options, name, interval)
    if not options.only or options.only == "cpu":
        cpu(options)


if __name__ == "__main__":
    main()
