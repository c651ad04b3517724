"""What an operator's scripts do to a director: they flap, hang, fork, and say too much."""

import os
import time

import drill as settings
from drill import advert_gaps, changes, drill
from link import wait_until


def script(link, name, text):
    path = link.world.folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def children_of(pid):
    """The processes below one, as (pid, state)."""
    below, found = {pid}, []
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = open(f"/proc/{entry}/stat").read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(entry)] = (int(fields[1]), fields[0])
    for _ in range(8):
        for each, (parent, state) in parents.items():
            if parent in below and each not in below:
                below.add(each)
                found.append((each, state))
    return found


@drill(26, "a track script that flaps")
def flapping(run, world):
    """Its exit code alternates with the second, for 10 minutes (--long) or 20 s: damped by rise and fall, and undamped."""
    link = run.link(world)
    seconds = 600 if run.options.long else 20
    flap = script(link, "flap", "exit $(( $(date +%s) % 2 ))\n")
    link.a.configure(track={"checks": {
        "damped": {"script": flap, "user": "nobody", "weight": -100, "interval": "500ms", "rise": 3, "fall": 3},
        "plain": {"script": flap, "user": "nobody", "weight": -7, "interval": "100ms"}}})
    link.start()
    wait_until("it is tracked", lambda: "'damped'" in link.a.tracked("damped") and link.a.tracked("plain"), 10)
    link.probe()
    before, begin = changes(link.a), time.monotonic()
    time.sleep(seconds)
    end = time.monotonic()
    to_wall = time.time() - end
    record = link.stop_probe()
    # Two runs of half a second fall into each second, three in a row never do.
    run.note("transitions, damped", changes(link.a) - before, at_most=int((end - begin) / (6 * 0.5)))
    run.must("the damped one does not count", any("'damped' is well" in line for line in [link.a.tracked("damped")]))
    run.must("the active one stays", link.a.is_active())
    # The exit code turns with the second: a run of the script later the priority does, and with the next advert all know.
    mac = link.mac(link.a)
    adverts = [(row[0] + to_wall, int(row[3])) for row in record.of("advert", mac, begin, end)]
    turns = [at % 1 for (at, value), (_, former) in zip(adverts[1:], adverts) if value != former]
    run.note("priority changes, undamped, a second", len(turns) / (end - begin), at_least=0.9)
    run.note("the second's turn to the first advert with it", max(turns), at_most=0.1 + 1.1 * run.interval + 0.05 + settings.noise)
    gaps = advert_gaps(record, mac, begin, end)
    run.note("longest time between adverts, of an interval", max(gaps) / run.interval, at_most=1.1 + settings.noise / run.interval)


@drill(27, "track scripts that hang, fork and chatter")
def hanging(run, world):
    link = run.link(world)
    limit = 0.5
    hang = script(link, "hang", "sleep 4711\n")
    fork = script(link, "fork", "(sleep 4712 & sleep 4713 &) &\nsleep 4714\n")
    leave = script(link, "leave", "sleep 4715 &\nexit 0\n")  # ends well, and leaves somebody behind
    chatter = script(link, "chatter", "head -c 100000000 /dev/zero | tr '\\0' 'x'\necho; echo the end\n")
    common = {"user": "nobody", "interval": "1s", "timeout": f"{round(limit * 1000)}ms", "weight": -3}
    link.a.configure(track={"checks": {"hang": {"script": hang, **common}, "fork": {"script": fork, **common},
                                       "leave": {"script": leave, **common},
                                       "chatter": {"script": chatter, **common, "interval": "2s", "timeout": "2s"}}})
    link.start()
    wait_until("the hung one is killed", lambda: "did not end in time and was killed" in link.a.tracked("hang"), 15)
    wait_until("the chatty one is heard to its end", lambda: "the end" in link.a.tracked("chatter"), 15)
    room = link.a.vrrp_process()
    memory = resident_kb(room)
    link.probe()
    begin = time.monotonic()
    lived, zombies, first_seen = [], set(), {}
    while time.monotonic() < begin + (60 if run.options.long else 10):
        now = time.monotonic()
        processes = children_of(room)
        for pid, state in processes:
            if "hang" in command_of(pid):
                first_seen.setdefault(pid, now)
        for pid in [p for p in first_seen if p not in {each for each, _ in processes}]:
            lived.append(now - first_seen.pop(pid))
        zombies |= {pid for pid, state in processes if state == "Z" and zombie_for(pid, now) > 0.2}
        time.sleep(0.005)
    end = time.monotonic()
    record = link.stop_probe()
    run.note("the hung one lived at least", min(lived), at_least=limit - 0.1 - settings.noise)
    run.note("the hung one lived at most", max(lived), at_most=limit + 0.1 + settings.noise)
    gaps = advert_gaps(record, link.mac(link.a), begin, end)
    run.note("longest time between adverts, of an interval", max(gaps) / run.interval, at_most=1.1 + settings.noise / run.interval)
    run.note("zombies", len(zombies), at_most=0)
    run.note("memory of the room grew by KB", resident_kb(room) - memory, at_most=2000)
    link.a.stop()
    left = [pid for pid in link.a.host.pids() if "sleep" in command_of(pid)]
    run.note("left of what they started", len(left), at_most=0)


ZOMBIES = {}


def zombie_for(pid, now):
    """How long in seconds it has been one; every one is one for a moment."""
    return now - ZOMBIES.setdefault(pid, now)


def command_of(pid):
    try:
        return open(f"/proc/{pid}/cmdline").read().replace("\0", " ")
    except OSError:
        return ""


def resident_kb(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
