"""`./dev bench overload`: one processor of a director is offered more packets than it can forward; how many come through, plain
forwarding beside Tandem, in turn. A second processor sends; everything that the director does is bound to the first.

Frames are handed to the director's processor as a card hands them over, in soft interrupts, which take all of it if nobody
stops them (receive livelock).
"""

import argparse
import os
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import tracks  # noqa: E402  (finds the lab)
from tracks import Kernel, Tandem, Track  # noqa: E402
from world import World, require_root, run  # noqa: E402

DIRECTOR, SENDER = "2", "1"  # masks


class TandemAtNice0(Tandem):
    title = "Tandem at nice 0"

    def start(self):
        Tandem.start(self)
        for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
            run("renice", "-n", "0", "-p", thread.name)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bin", type=Path, required=True)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--seconds", type=float, default=2)
    options.add_argument("--flows", type=int, default=1000)
    options.add_argument("--rates", type=int, nargs="*", default=[200_000, 400_000, 0], help="packets a second; 0: all it can")
    options = options.parse_args()
    require_root()
    if os.cpu_count() < 2:
        sys.exit("two processors are needed")
    with World() as world:
        world.bin = options.bin.resolve()
        tracks.CPU = DIRECTOR  # what the director's programs are bound to
        pairs = []
        for number, make in enumerate([Kernel, Tandem, TandemAtNice0]):
            track = Track(world, f"t{number}")
            contestant = make(track)
            if hasattr(contestant, "bind"):
                contestant.bind = ["taskset", DIRECTOR]
            contestant.start()
            # Of the way to the server, soft interrupts run on the director's processor.
            track.director.run("sh", "-c", f"echo {DIRECTOR} > /sys/class/net/eth0/queues/rx-0/rps_cpus")
            track.swallow()
            pairs.append((track, contestant))
        tracks.CPU = SENDER
        for method in ("nat", "dr"):
            for track, _ in pairs[1:]:
                track.load("open", method, options.flows, 600, rate=20_000)
            for rate in options.rates:
                arrived, sent = ({c.title: [] for _, c in pairs} for _ in range(2))
                for _ in range(options.runs):
                    for track, contestant in pairs:
                        figures = track.load("data", method, options.flows, options.seconds, rate=rate)
                        arrived[contestant.title].append(figures["arrived"])
                        sent[contestant.title].append(figures["sent"])
                words = "   ".join(f"{title} {statistics.median(values):8.0f} of {statistics.median(sent[title]):8.0f}/s"
                                   for title, values in arrived.items())
                print(f"{method:3} {words}", flush=True)
        for _, contestant in pairs:
            contestant.stop()


if __name__ == "__main__":
    main()
