"""`./dev bench checks`: what checking ten thousand servers costs and how late checks are, Tandem beside keepalived.

Parts (--what), each as the median of its rounds:
  cost     CPU of a core, time a check and memory (PSS) of the process that checks; every 10 s both at once in worlds of their
           own, every second in turn
  parse    to read and validate the file: `tandemctl check`, `keepalived -t`
  reload   every second, one server's weight is changed: the longest time without any check, and how late the latest check is
           (against an interval and its tenth); the longest time between two VRRP adverts, which are due every 100 ms
  dead     the same while half of the servers never answer, each a timeout of one interval
  startup  50,000 servers every 10 s: when the last had its first check, and the busiest tenth of a second
Where the kernel has no IPVS, keepalived is told that its tables were filled (no_ipvs.cc), and saves what that would cost.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from checks_world import ADVERTS, Keepalived, Tandem, Track, timed  # noqa: E402  (it finds the lab)
from world import World, require_root, wait_until  # noqa: E402

PARTS = ("cost", "parse", "reload", "dead", "startup")


def tell(what, who, words):
    print(f"{what:<28} {who:<10} {words}", flush=True)


def middle(values):
    return statistics.median(values)


class Bench:
    def __init__(self, options, world):
        self.options, self.servers = options, options.servers
        self.contestants = []
        for kind in (Keepalived, Tandem):
            self.contestants.append(kind(Track(world, kind.title[0].lower())))

    def begin(self, contestant, kind, interval, servers=None, dead=0, near=False):
        contestant.track.plant(interval, near)
        contestant.write(kind, servers or self.servers, interval, dead)
        contestant.start()

    @staticmethod
    def end(*contestants):
        for contestant in contestants:
            contestant.stop()
            contestant.track.uproot()

    # ---- cost
    @staticmethod
    def window(contestants, seconds):
        """Of each: share of a core, us a check, MB, share of a core of the whole daemon."""
        before = [(c.track.seen(), c.spent()) for c in contestants]
        time.sleep(seconds)
        figures = []
        for contestant, (_, spent) in zip(contestants, before):
            seen, now = contestant.track.seen(), contestant.spent()
            cpu, whole = (b - a for a, b in zip(spent, now))
            figures.append((cpu / seen["seconds"] * 100, cpu / max(seen["checks"], 1) * 1e6, contestant.memory(),
                            whole / seen["seconds"] * 100, seen["checks"] / seen["seconds"]))
        return figures

    def cost(self):
        for kind in ("tcp", "http"):
            for interval in (10, 1):
                figures = {c.title: [] for c in self.contestants}
                if interval == 10:
                    for contestant in self.contestants:
                        self.begin(contestant, kind, interval, near=True)
                    time.sleep(interval + 3)
                    for _ in range(self.options.rounds):
                        for contestant, each in zip(self.contestants, self.window(self.contestants, self.options.seconds)):
                            figures[contestant.title].append(each)
                    self.end(*self.contestants)
                else:
                    for _ in range(self.options.rounds):
                        for contestant in self.contestants:
                            self.begin(contestant, kind, interval, near=True)
                            time.sleep(4 * interval)
                            figures[contestant.title] += self.window([contestant], self.options.seconds)
                            self.end(contestant)
                middles = {title: [middle(column) for column in zip(*rows)] for title, rows in figures.items()}
                for title, (cpu, us, mb, whole, rate) in middles.items():
                    tell(f"{kind} every {interval} s", title, f"{cpu:.1f} % of a core, {us:.1f} us a check, {mb:.1f} MB "
                         f"(the whole daemon {whole:.1f} %; {rate:.0f} checks/s)")
                tell("", "a check, Tandem to keepalived", f"{middles['Tandem'][1] / middles['keepalived'][1]:.2f}")

    # ---- parse
    def parse(self):
        for kind in ("tcp", "http"):
            took = {c.title: [] for c in self.contestants}
            for contestant in self.contestants:
                contestant.write(kind, self.servers, 10)
            for _ in range(max(5, self.options.rounds)):
                for contestant in self.contestants:
                    took[contestant.title].append(timed(contestant.parse()))
            middles = {title: middle(values) for title, values in took.items()}
            for title, seconds in middles.items():
                tell(f"{kind} file read and validated", title, f"{seconds * 1000:.0f} ms")
            tell("", "Tandem to keepalived", f"{middles['Tandem'] / middles['keepalived']:.2f}")

    # ---- lateness
    @staticmethod
    def lateness(what, title, seen, more=""):
        values = [[s[key] for s in seen] for key in ("pause_ms", "late_ms", "again_within_ms", "advert_pause_ms")]
        pause, late, most, adverts = ((middle(v), max(v)) for v in values)
        tell(what, title, f"no check for {pause[0]:.0f} (at most {pause[1]:.0f}) ms; the latest is late by {late[0]:.0f} ({late[1]:.0f}) ms, "
             f"of a thousand 999 by {most[0]:.0f} ms; adverts by {adverts[0] - ADVERTS * 1000:.0f} ({adverts[1] - ADVERTS * 1000:.0f}) "
             f"ms{more}")

    def watch(self, contestant, seconds, patience=60):
        """What is seen in so many seconds, and then until the checks go on."""
        begin, seen = time.monotonic(), []
        while True:
            time.sleep(1)
            seen.append(contestant.track.seen())
            passed = time.monotonic() - begin
            if passed > patience or (passed > seconds and seen[-1]["checks"] > self.servers / 2):
                return {key: max(s[key] for s in seen) for key in seen[0]}

    def reload(self):
        for kind in ("tcp", "http"):
            for contestant in self.contestants:
                self.begin(contestant, kind, 1)
                time.sleep(5)
                contestant.track.seen()
                undisturbed = self.watch(contestant, 3)
                seen = []
                for number in range(self.options.rounds):
                    contestant.write(kind, self.servers, 1, weight=2 + number)
                    time.sleep(1.5)  # writing the file took a whole processor
                    contestant.track.seen()
                    contestant.reload()
                    seen.append(self.watch(contestant, 4))
                    self.watch(contestant, 1)
                self.end(contestant)
                self.lateness(f"{kind} reload", contestant.title, seen,
                              f" (before it {undisturbed['pause_ms']:.0f}, {undisturbed['late_ms']:.0f} ms)")

    def dead(self):
        for kind in ("tcp", "http"):
            for contestant in self.contestants:
                self.begin(contestant, kind, 1, dead=self.servers // 2)
                time.sleep(8)  # everybody has been found out
                contestant.track.seen()
                seen = []
                for _ in range(self.options.rounds):
                    time.sleep(self.options.seconds)
                    seen.append(contestant.track.seen())
                cpu = self.window([contestant], 2)[0]
                self.end(contestant)
                self.lateness(f"{kind} half of the servers dead", contestant.title, seen, f"; {cpu[0]:.0f} % of a core, {cpu[2]:.1f} MB")

    # ---- startup
    def startup(self):
        servers, interval = 5 * self.servers, 10
        for contestant in self.contestants:
            begun, last, busiest, heard, memory, up = [], [], [], [], [], []
            for _ in range(max(1, self.options.rounds // 2)):
                begin = time.monotonic()
                self.begin(contestant, "tcp", interval, servers)
                wait_until("a first check", lambda c=contestant: c.track.seen()["checks"], 60)
                begun.append(time.monotonic() - begin)
                time.sleep(interval + 1)
                seen = contestant.track.seen()
                last.append(seen["new_s"])
                busiest.append(seen["busiest"])
                heard.append(seen["servers"])
                memory.append(contestant.memory())
                if isinstance(contestant, Tandem):
                    up.append(sum(m["up"] for m in contestant.messages("ServerHealth")))
                self.end(contestant)
            tell(f"{servers} servers start", contestant.title,
                 f"first check {middle(begun):.1f} s after the start, the last server's first {middle(last):.1f} s later; "
                 f"{min(heard)} servers asked within {interval + 1} s" + (f", {min(up)} up" if up else "") +
                 f"; busiest tenth of a second {max(busiest)} (evenly {servers * 0.1 / interval:.0f}); {middle(memory):.1f} MB")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bin", type=Path, required=True)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=3, help="that a cost is measured over")
    options.add_argument("--servers", type=int, default=10000)
    options.add_argument("--what", nargs="*", choices=PARTS, default=PARTS)
    options = options.parse_args()
    require_root()
    with World() as world:
        world.bin = options.bin.resolve()
        bench = Bench(options, world)
        for part in options.what:
            getattr(bench, part)()


if __name__ == "__main__":
    main()
