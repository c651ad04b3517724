"""`./dev bench forwarding`: what a packet costs a director, Tandem beside IPVS in one guest, in turn.

In the guest time counts instructions (one is a nanosecond), so the figures barely move from run to run; they say nothing of caches
and memory. Where the kernel has no IPVS (--here), plain forwarding stands beside Tandem.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TANDEM_LAB_PATIENCE", "900")  # by the guest's clock, which runs while it waits for this machine's files
sys.path.insert(0, str(Path(__file__).parent))

from tracks import Engine, Ipvs, Kernel, Nobody, Tandem, Track  # noqa: E402  (tracks finds the lab)
from world import World, require_root  # noqa: E402


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bin", type=Path, required=True)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--seconds", type=float, default=1.2)
    options.add_argument("--rate", type=int, default=8000, help="packets a second")
    options.add_argument("--flows", type=int, nargs="*", default=[1000, 100_000])
    options.add_argument("--what", nargs="*", default=["data", "answers", "connections"])
    options.add_argument("--methods", nargs="*", default=["nat", "dr", "tun"])
    options.add_argument("--engine", action="store_true", help="Tandem with fast_path: off beside the others")
    options.add_argument("--here", action="store_true", help="no IPVS")
    options = options.parse_args()
    require_root()
    if not options.here:
        warm_up()
    contestants = [Nobody, Kernel, Tandem] if options.here else [Nobody, Kernel, Ipvs, Tandem]
    if options.engine:
        contestants.append(Engine)
    with World() as world:
        world.bin = options.bin.resolve()
        tracks = []
        for number, make in enumerate(contestants):
            track = Track(world, f"t{number}")
            contestant = make(track)
            contestant.start()
            track.swallow()
            tracks.append((track, contestant))
        for method in options.methods:
            for flows in options.flows:
                for track, contestant in tracks[2:]:
                    track.load("open", method, flows, 600, rate=options.rate / 2)
                for what in options.what:
                    if what == "answers" and method != "nat" or what == "connections" and flows != options.flows[0]:
                        continue
                    round_of(options, tracks, method, flows, what)
        for _, contestant in tracks:
            contestant.stop()


def warm_up():
    """The guest's clock goes on while it waits for this machine's files, so the first use of a module or program may seem to take
    a minute, which is what the lab gives a command."""
    subprocess.run(["modprobe", "-a", "veth", "nf_tables", "nf_conntrack", "ip_vs", "ip_vs_rr", "ip_vs_wlc", "sch_ingress", "cls_bpf", "ipip"], check=False)
    for program in ("ip", "nft", "tc", "sysctl", "ipvsadm"):
        subprocess.run([program, "-V"], check=False, capture_output=True)


def round_of(options, tracks, method, flows, what):
    cost = {contestant.title: [] for _, contestant in tracks}
    lost = {contestant.title: 0.0 for _, contestant in tracks}
    for run_number in range(options.runs):
        for track, contestant in tracks:
            if isinstance(contestant, Kernel) and what == "answers":
                continue
            # New connections need clients that nobody knows.
            first = f"10.{80 + run_number}.0.1" if what == "connections" else "10.64.0.1"
            known = 1_000_000 if what == "connections" else flows
            figures = track.load(what, method, known, options.seconds, rate=options.rate, first=first, idle=track.idle())
            cost[contestant.title].append(figures["us"])
            lost[contestant.title] = max(lost[contestant.title], figures["lost"])
    sending = statistics.median(cost[Nobody.title])
    more = {title: statistics.median(values) - sending for title, values in cost.items() if values and title != Nobody.title}
    line = "   ".join(f"{title} {us:6.2f} us" + (f" (lost {lost[title]:.1%})" if lost[title] > 0.001 else "")
                      for title, us in more.items())
    ratio = f"   {'connections' if what == 'connections' else 'packets'}/s Tandem to IPVS: {more[Ipvs.title] / more[Tandem.title]:.2f}" if Ipvs.title in more else ""
    print(f"{method:3} {flows:7} flows {what:11}  {line}{ratio}", flush=True)


if __name__ == "__main__":
    main()
