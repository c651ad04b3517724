"""./dev drill N: one failover drill, with what it must show and what it showed.

    drills.py --bin FOLDER NUMBER... [--runs N] [--interval SECONDS] [--long] [--ipv6]

Times are in milliseconds, bounds hold for the longest of the runs. --long takes the soaks' full time.
"""

import argparse
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import drill as settings  # noqa: E402
from drill import DRILLS, Drill  # noqa: E402
import box_drills, flow_drills, hostile_drills, link_drills, mtu_drills  # noqa: E401, E402, F401
import script_drills, server_drills, stranger_drills  # noqa: E401, E402, F401
from world import World, require_root  # noqa: E402


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
    options.add_argument("--ipv6", dest="families", action="store_const", const=(4, 6), default=(4,),
                         help="connections by IPv6 as well as by IPv4 (38, 39)")
    options = options.parse_args()
    settings.noise = options.slack
    require_root()
    numbers = list(DRILLS) if "all" in options.numbers else [int(n) for n in options.numbers]
    unknown = [n for n in numbers if n not in DRILLS]
    if unknown or not numbers:
        sys.exit(f"there is no drill {unknown}; there are {', '.join(map(str, DRILLS))}")
    good = [perform(options, number) for number in numbers]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
