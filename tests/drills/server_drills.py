"""What happens to the real servers: they flap, they all go and come back, and the director runs out of descriptors to ask them."""

import json
import subprocess
import time
from pathlib import Path

import drill as settings
from drill import advert_gaps, changes, drill  # it finds the lab
from link import wait_until
from client import Client  # noqa: I001
from topology import SERVERS, VIP, Site
from world import _die_with_parent
from world import run as run_command

OTHER_VIP = "198.51.100.11"
FLAPPING = 200

FLAPPER = """
import select, socket, sys, time
addresses, port, period = [f"10.9.0.{i + 1}" for i in range(int(sys.argv[1]))], int(sys.argv[2]), 1.0
listeners, turn, begin = {}, 0, time.monotonic()
while True:
    for i, address in enumerate(addresses):
        # Each a little after the other, one period up and one down.
        up = int((time.monotonic() - begin) / period + i / len(addresses)) % 2 == 0
        if up and address not in listeners:
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((address, port)); s.listen(64); s.setblocking(False)
            listeners[address] = s
        elif not up and address in listeners:
            listeners.pop(address).close()
    for s in select.select(list(listeners.values()), [], [], 0.01)[0]:
        s.accept()[0].close()
"""


def memory_kb(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def cpu_seconds(pid):
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*")) * 1e-9


def many_servers(world, name, directors, switch):
    """A host with all of 10.9.0.0/16, which the directors reach."""
    host = world.host(name)
    world.cable(host, "eth0", switch, "10.0.1.100/24")
    host.ip("route", "add", "local", "10.9.0.0/16", "dev", "lo")
    for director in directors:
        director.ip("route", "add", "10.9.0.0/16", "via", "10.0.1.100")
    return host


def descriptors(pid, limit=None):
    """The soft limit of a process. As its own user: root may only with CAP_SYS_RESOURCE."""
    words = [f"--nofile={limit}:"] if limit else ["--nofile", "--raw", "--noheadings", "--output=SOFT"]
    user = Path(f"/proc/{pid}").stat()
    said = run_command("setpriv", f"--reuid={user.st_uid}", f"--regid={user.st_gid}", "--clear-groups", "prlimit", "--pid", pid,
                       *words)
    return None if limit else int(said)


class Sight:
    """What Drill shows of a run that went wrong."""

    def __init__(self, site):
        self.a, self.b = site.directors.values()


@drill(28, "two hundred servers flap, each a second up and a second down")
def flapping(run, world):
    interval = 0.2

    def change(document):
        document["services"]["flap"] = {
            "address": VIP, "port": 81, "forward": "nat",
            "check": {"tcp": {}, "interval": f"{interval}s", "timeout": f"{interval}s", "rise": 2, "fall": 2},
            "servers": {f"f{i}": {"address": f"10.9.0.{i + 1}", "port": 8080} for i in range(FLAPPING)}}
    site = Site(world, run.options.bin, change=change)
    run.current = Sight(site)
    flap = many_servers(world, "flap", [d.host for d in site.directors.values()], "inside")
    flap.start("/usr/bin/python3", "-c", FLAPPER, FLAPPING, 8080, log="flap.log")
    site.start()
    a = site.directors["dir-a"]
    traffic = Client(site, VIP, rate=100, seconds=3600)
    wait_until("traffic", lambda: len(traffic.requests) > 50 and traffic.download_state()[0] > 0, 10)
    time.sleep(5)
    transitions = [len(m["history"]) for m in a.messages("InstanceState")]
    room = a.room_pid("checkers")
    before, begin = memory_kb(room), time.monotonic()
    since = {}
    while time.monotonic() < begin + (600 if run.options.long else 15):
        for server in a.messages("ServerHealth"):
            if server["service"] == "flap":
                since.setdefault(server["server"], set()).add(server["since_unix_ms"])
        time.sleep(0.2)
    took, grown = time.monotonic() - begin, memory_kb(room) - before
    turned = {name: len(times) - 1 for name, times in since.items()}
    run.note("servers that turned", sum(1 for turns in turned.values() if turns), at_least=FLAPPING)
    # The server itself changes each second: no more turns than that.
    run.note("turns of the busiest server", max(turned.values()), at_most=took + 2)
    run.note("turns of all a second", sum(turned.values()) / took, at_most=1.2 * FLAPPING)
    run.note("memory grown, KiB", grown, at_most=4096)
    run.must("the room lives", a.room_pid("checkers") == room)
    run.note("requests to the other service that failed", len(traffic.failed()), at_most=0)
    run.must("its long connection is kept", traffic.download_state()[1] == "")
    run.must("no transition", [len(m["history"]) for m in a.messages("InstanceState")] == transitions)
    traffic.stop()


@drill(29, "all servers of a service go and come back: its sorry server, or its address, and nobody else's")
def all_down(run, world):
    interval = timeout = 0.5

    def change(document):
        check = {"http": {"path": "/healthz"}, "interval": f"{interval}s", "timeout": f"{timeout}s", "rise": 1, "fall": 1}
        web = document["services"]["web"]
        web["check"] = check
        keep = {"address": SERVERS["web3"], "port": 8080}
        del web["servers"]["web3"]
        web["servers"]["sorry"] = {**keep, "sorry": True}
        document["services"]["tracked"] = {"address": OTHER_VIP, "port": 80, "forward": "nat", "check": check,
                                           "servers": {n: {"address": SERVERS[n], "port": 8080} for n in ("web1", "web2")}}
        document["virtual_routers"]["other"] = {
            "interface": "eth0", "id": 52, "advert_interval": f"{round(run.interval * 1000)}ms", "addresses": [f"{OTHER_VIP}/24"],
            "start_hold_down": "0s", "track": {"checks": {"servers": {"service": "tracked"}}}}
    site = Site(world, run.options.bin, change=change)
    run.current = Sight(site)
    site.start_servers()
    directors = list(site.directors.values())
    for director in directors:
        director.start()
    a = directors[0]

    def holders(address):
        return [d.name for d in directors if d.holds(address)]

    def service(name):
        return next((m for m in a.messages("ServiceHealth") if m["service"] == name), {})
    wait_until("dir-a has both addresses", lambda: holders(VIP) == ["dir-a"] and holders(OTHER_VIP) == ["dir-a"], 20)
    wait_until("the service is up", lambda: service("web").get("up") and not service("web").get("sorry_in_use"), 10)
    web = [len(m["history"]) for d in directors for m in d.messages("InstanceState") if m["router"] == "web"]
    bound = 1.1 * interval + timeout + 0.2 + settings.noise
    begin = time.monotonic()
    for name in ("web1", "web2"):
        site.servers[name].stop()
    wait_until("the sorry server is in use", lambda: service("web").get("sorry_in_use"), 10)
    run.note("sorry server in use after", time.monotonic() - begin, at_most=bound)
    wait_until("nobody holds the other address", lambda: holders(OTHER_VIP) == [], 10)
    run.note("the address of the service without one is gone after", time.monotonic() - begin, at_most=bound)
    run.must("clients are served by the sorry server",
             site.client.run("curl", "-sS", "-m", "5", f"http://{VIP}/who").strip() == "web3")
    run.must("the other router's address stays", holders(VIP) == ["dir-a"])
    time.sleep(1)
    begin = time.monotonic()
    for name in ("web1", "web2"):
        site.servers[name].start()
    wait_until("the servers serve again", lambda: not service("web").get("sorry_in_use"), 10)
    run.note("servers in use again after", time.monotonic() - begin, at_most=bound)
    wait_until("the address is back", lambda: len(holders(OTHER_VIP)) == 1, 10)
    # From its fault a router becomes a backup, and active when nobody speaks for a down interval.
    run.note("the address is back after", time.monotonic() - begin, at_most=bound + run.down())
    run.must("clients are served again",
             site.client.run("curl", "-sS", "-m", "5", f"http://{VIP}/who").strip() in ("web1", "web2"))
    run.must("the other router did nothing",
             [len(m["history"]) for d in directors for m in d.messages("InstanceState") if m["router"] == "web"] == web)


@drill(33, "a thousand servers and 32 descriptors to ask them with")
def no_descriptors(run, world):
    interval, servers, dead = 1.0, 1000, 100
    drilled = run.link(world)
    host = many_servers(world, "farm", [drilled.a.host], "peers")
    # Those that never answer hold their descriptors for a second each.
    drilled.a.host.ip("route", "add", "10.8.0.0/16", "via", "10.0.1.100")
    farm = subprocess.Popen([*host.enter(), drilled.bin / "farm", "8080", "8081", "eth0", "1000"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True, preexec_fn=_die_with_parent)
    world.processes.append(farm)

    def asked():
        farm.stdin.write("\n")
        farm.stdin.flush()
        return json.loads(farm.stdout.readline())

    def change(document):
        document["services"] = {
            f"s{s}": {"address": VIP, "port": 1000 + s, "forward": "nat",
                      "check": {"tcp": {}, "interval": f"{interval:g}s", "timeout": "1s"},
                      "servers": {f"r{s}-{i}": {"address": f"10.{8 if s == 0 else 9}.{s}.{i + 1}", "port": 8080}
                                  for i in range(100)}}
            for s in range(servers // 100)}
    drilled.a.configure(change)
    drilled.start()

    def up():
        return sum(m["up"] for m in drilled.a.messages("ServerHealth"))
    wait_until("all that answer are up", lambda: up() == servers - dead, 20)
    time.sleep(3)
    drilled.probe()
    before = changes(drilled.a), changes(drilled.b)
    room = drilled.a.room_pid("checkers")
    begin = time.monotonic()
    limit_before = descriptors(room)
    descriptors(room, 32)
    time.sleep(1)
    cpu, mark = cpu_seconds(room), time.monotonic()
    asked()
    time.sleep(20 if run.options.long else 5)
    run.note("CPU of the checkers, of a core", round((cpu_seconds(room) - cpu) / (time.monotonic() - mark) * 100) / 100, at_most=0.1)
    short = asked()
    run.note("checks a second meanwhile", short["checks"] / short["seconds"])
    run.must("it says so", bool(drilled.a.events("CHECK_STRAINED")))
    run.must("it says so once", len(drilled.a.events("CHECK_STRAINED")) <= 2)
    run.must("no server is down for it", up() == servers - dead)
    descriptors(room, limit_before)
    asked()
    time.sleep(1.1 * interval + 0.1)
    run.note("servers not asked within an interval after", servers - dead - asked()["servers"], at_most=0)
    end = time.monotonic()
    record = drilled.stop_probe()
    gaps = advert_gaps(record, drilled.mac(drilled.a), begin, end)
    run.note("longest time between adverts", max(gaps), at_most=1.1 * run.interval + settings.noise)
    run.must("no transition", (changes(drilled.a), changes(drilled.b)) == before)
    # Half a minute of calm, so that it is not said each second while it goes to and fro.
    wait_until("it says that it is over", lambda: drilled.a.events("CHECK_STRAIN_OVER"), 45)
