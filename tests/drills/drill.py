"""What every drill is made of: its figures, its bounds, and what it does to the world."""

import time
from pathlib import Path

from link import PRIORITY, Link, Tandem, master_down

DRILLS = {}  # by number: the title and what is done
noise = 0.05  # seconds that a shared machine may add to what is timed


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


def replay(link, capture, *words, wait=True):
    process = link.stranger.start("/usr/bin/python3", "-B", Path(__file__).parent / "replay.py", "eth0", capture, *words,
                                  log="replay.log")
    if wait and process.wait(timeout=120) != 0:
        raise RuntimeError((link.world.folder / "replay.log").read_text())
    return process
