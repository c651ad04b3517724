"""A thousand hostile servers beside good ones: verdicts in time, memory that stays, and nobody else's check is late.

The checkers room alone, as a process, in a namespace in which 10.77.0.0/16 is here.
"""

import resource
import subprocess
import threading
import time
from pathlib import Path

import drill as settings
from certificates import Certificates
from drill import drill
from supervisor import RoomProcess
from world import entered

INTERVAL, TIMEOUT, CROWD = 2.0, 1.0, 1000
IN_TIME = ("silent", "slow", "tls-stall")
# What each is asked, and what must be said of it.
HOSTILE = {
    "silent": ("http: {}", "timed out after 1s while waiting for the answer's header"),
    "slow": ("http: {}", "timed out after 1s while waiting for the answer's header"),
    "header": ("http: {}", "the answer's header is too large"),
    "body": ("http: { expect: 404 }", "HTTP 200, expected 404"),
    "tls-stall": ("https: {}", "timed out after 1s while in the TLS handshake"),
    "tls-garbage": ("https: {}", "TLS: the server sends without end"),
    "reset": ("http: {}", "connection reset while waiting for the answer's header"),
    "close": ("http: {}", "the server closed the connection while waiting for the answer's header"),
    "self-signed": ("https: {}", "TLS: certificate is self-signed and not in the trust store"),
}


def site(ports, crowd):
    text = "site: drill\ndirectors:\n  dir-a: { peer_address: 192.0.2.11 }\nservices:\n"
    number = 0

    def service(name, check, port, servers, interval):
        nonlocal number
        lines = (f"  {name}:\n    address: 198.51.100.10\n    port: {8000 + number}\n    forward: nat\n"
                 f"    check: {{ {check}, interval: {interval}, timeout: 1s }}\n    servers:\n")
        for i in range(servers):
            lines += f"      {name}{i}: {{ address: 10.77.{number}.{i + 1}, port: {port} }}\n"
        number += 1
        return lines
    text += service("good", "http: {}", ports["good"], 1, "200ms")
    for name, (check, _) in HOSTILE.items():
        text += service(name, check, ports[name], crowd // len(HOSTILE), "2s")
    return text


def read_ports(process):
    ports = {}
    for line in process.stdout:
        words = line.split()
        if words == ["ready"]:
            return ports
        if len(words) == 2:
            ports[words[0]] = int(words[1])
    raise RuntimeError("the hostile servers did not begin")


def lateness(log, begin, end):
    """By how much the good one was asked later than its interval and the jitter allow."""
    times = [float(line.split()[2]) for line in log.read_text().splitlines() if line.startswith("good at ")]
    times = [t for t in times if begin <= t <= end]
    gaps = [b - a for a, b in zip(times, times[1:])]
    return max(0.0, max(gaps) - 0.2 * 1.1), len(gaps)


@drill(30, "a thousand hostile servers")
def hostile(run, world):
    host = world.host("checkers")
    host.ip("link", "set", "lo", "up")
    host.ip("route", "add", "local", "10.77.0.0/16", "dev", "lo")
    certificate, key = Certificates(world.folder).leaf("self", signer="self", san="IP:10.77.9.1")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    crowd_program = Path(__file__).with_name("hostile_crowd.py")

    def start_crowd():
        process = subprocess.Popen([*host.enter(), "/usr/bin/python3", "-B", str(crowd_program), str(certificate), str(key)],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        world.processes.append(process)
        return process
    good_crowd, bad_crowd = start_crowd(), start_crowd()  # the good one is not to wait for the bad ones' program
    ports = {**read_ports(bad_crowd), "good": read_ports(good_crowd)["good"]}
    log = world.folder / "good.log"

    def keep():
        with open(log, "w") as out:
            for line in good_crowd.stdout:
                out.write(line)
                out.flush()
    threading.Thread(target=keep, daemon=True).start()
    threading.Thread(target=lambda: [None for _ in bad_crowd.stdout], daemon=True).start()
    seconds = 60 if run.options.long else 12
    with entered(host.ns):
        room = RoomProcess(Path(run.options.bin) / "tandem-checkers-room", site(ports, 0))
    with room:
        room.listen(3)
        begin = time.monotonic()
        room.listen(5)
        alone, _ = lateness(log, begin, time.monotonic())
        memory = room.memory_kb()
        room.say_site(site(ports, CROWD), 2)
        room.listen(2 * INTERVAL + TIMEOUT)  # every one was asked once
        begin = time.monotonic()
        mark = len(room.heard)
        room.listen(seconds)
        late, asked = lateness(log, begin, time.monotonic())
        last = {m["server"]: m for kind, m in room.heard if kind == "ServerHealth"}
        run.note("hostile servers", sum(1 for name in last if not name.startswith("good")), at_least=CROWD // 9 * 9)
        run.note("memory grew by KB", room.memory_kb() - memory, at_most=20_000)
        run.note("the good one, alone, was asked late by", alone)
        run.note("the good one, beside them, was asked late by", late, at_most=alone + 0.1 + settings.noise)
        run.note("times it was asked", asked, at_least=round(seconds / 0.22 * 0.9))
        run.must("the good one is up", last["good0"]["up"])
        run.must("no strain is told", "CHECK_STRAINED" not in room.events())
        shortest, longest = 99.0, 0.0
        for name, (_, words) in HOSTILE.items():
            theirs = [m for server, m in last.items() if server.startswith(name) and server[len(name):].isdigit()]
            wrong = {m["checks"][0]["recent"][-1]["words"] for m in theirs if not m["checks"][0]["recent"][-1]["words"].startswith(words)}
            run.must(f"every {name} is down for its reason, not {sorted(wrong)[:3]}", not wrong and not any(m["up"] for m in theirs))
            if name in IN_TIME:
                took = [m["last_duration_us"] / 1e6 for kind, m in room.heard[mark:]
                        if kind == "ServerHealth" and m["service"] == name]
                shortest, longest = min([shortest, *took]), max([longest, *took])
        run.note("the shortest timeout", shortest, at_least=TIMEOUT * 0.9)
        run.note("the longest timeout", longest, at_most=TIMEOUT * 1.1 + settings.noise)
