"""What becomes of connections: a reload that edits the site under them, and a director that dies with ten thousand of them."""

import subprocess
import time

import drill as settings
from drill import drill
from link import PRIORITY, master_down, wait_until
from mixed import METHODS, MixedSite, Resets  # it finds the lab
from server_drills import many_servers
from world import World, _die_with_parent

FLOWS = 10_000
MESSAGE_EVERY_MS = 2000
KEPT = 0.999


def rto_after(outage):
    """When TCP asks again at the latest after an outage that began with a segment: 200 ms after it, then twice as long each time.
    In front of them is a probe of the tail, and the host may be late."""
    at = rto = 0.2
    while at < outage:
        rto *= 2
        at += rto
    return at


def history(site):
    return {(d.name, m["router"]): len(m["history"]) for d in site.directors.values() for m in d.messages("InstanceState")}


def rooms_of(site):
    return {(d.name, m["room"]): m["pid"] for d in site.directors.values() for m in d.messages("RoomStatus")}


# ---- 24


PER_SERVICE = 100


def farm_service(number, servers):
    return {"address": "198.51.100.10", "port": 1000 + number, "forward": "nat",
            "check": {"tcp": {}, "interval": "10s", "timeout": "2s"},
            "servers": {f"f{number}-{i}": {"address": f"10.9.{number}.{i + 1}", "port": 8080} for i in range(servers)}}


def edits(document, shared):
    """One reload each: what it is called, and what it does to the site file's data."""
    services, routers = document["services"], document["virtual_routers"]

    def weigh(servers, weight):
        for server in servers:
            services["edited"]["servers"][server]["weight"] = weight
    return [
        ("a server comes, another goes", lambda: (
            services["s0"]["servers"].update(new={"address": "10.9.0.200", "port": 8080}), services["s1"]["servers"].pop("f1-0"))),
        ("a service comes", lambda: services.update(late=farm_service(200, 10))),
        ("a router comes", lambda: routers.update(second={
            "interface": "eth0", "id": 52, "advert_interval": shared, "start_hold_down": "0s", "addresses": ["198.51.100.20/24"]})),
        ("an address comes to it", lambda: routers["second"]["addresses"].append("198.51.100.21/24")),
        ("an address comes to the one in use", lambda: routers["web"]["addresses"].append("198.51.100.22/24")),
        ("and goes", lambda: routers["web"]["addresses"].remove("198.51.100.22/24")),
        ("a router goes", lambda: routers.pop("second")),
        ("a service goes", lambda: services.pop("late")),
        ("a server is drained", lambda: weigh(["nat1"], 0)),
        ("the drained server goes", lambda: services["edited"]["servers"].pop("nat1")),
    ]


@drill(24, "a reload with edits under load, with 1,000 and with 10,000 servers")
def reload_with_edits(run, world):
    for servers, bound in ((1000, 1.0), (10_000, 3.0)):
        reload_with(run, world if servers == 1000 else None, servers, bound)


def reload_with(run, world, servers, bound):
    if world is None:
        with World() as another:
            return reload_with(run, another, servers, bound)

    def change(document):
        document["services"]["edited"] = {
            **{k: v for k, v in document["services"]["nat4"].items() if k != "persistence"}, "port": 83,
            "servers": {f"nat{i}": {"address": f"10.0.1.{10 + i}", "port": 8083, "weight": 1} for i in (1, 2)}}
        for number in range(servers // PER_SERVICE):
            document["services"][f"s{number}"] = farm_service(number, PER_SERVICE)
    site = MixedSite(world, run.options.bin, run.interval, change=change, more_ports=(8083,))
    run.current = site
    directors = list(site.directors.values())
    farm = many_servers(world, "farm", [d.host for d in directors], "inside")
    world.processes.append(subprocess.Popen([*farm.enter(), site.bin / "farm", "8080", "8081", "eth0", "10000"],
                                            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, preexec_fn=_die_with_parent))
    for director in directors:
        director.start()
    site.wait_settled(seconds=60)
    label = f"{servers} servers: "
    untouched, edited = site.flows(), site.flows()
    for method in METHODS:
        untouched.open(METHODS[method][0], 4, 333, 500)
    run.must(label + "the edited service has its connections", edited.open(83, 4, 200, 500)["open"] == 200)
    time.sleep(3)
    before, rooms = history(site), rooms_of(site)
    took = []
    for name, edit in edits(site.document, f"{round(run.interval * 1000)}ms"):
        edit()
        site.write()
        for director in directors:
            begin = time.monotonic()
            said = director.ctl("reload", check=False)
            took.append(time.monotonic() - begin)
            run.must(f"{label}{name}: applied on {director.name}: {said.stderr}{said.stdout}"[:300], said.returncode == 0)
        if name == "a server is drained":
            opened = edited.say("open", "198.51.100.10", 83, 50, 500, *site.sources(4))
            time.sleep(1.5)
            report = edited.report()
            run.must(f"{label}a drained server keeps its connections: {report}", report["open"] == 250 and not report["lost"])
            flows = directors[0].ctl("flows", "--server", "nat1", "--json", check=False).stdout
            run.figures.setdefault(label + "flows of the drained one", flows.count('"client"'))
            run.must(f"{label}new ones go elsewhere: {opened}", opened["open"] == 250)
        time.sleep(0.5)
    time.sleep(2)
    run.note(label + "longest reload", max(took), at_most=bound + settings.noise)
    report = untouched.report()
    run.note(label + "untouched connections lost", sum(report["lost"].values()), at_most=0)
    run.note(label + "untouched connections", report["open"], at_least=999)
    run.note(label + "the longest one waited", report["longest_s"])
    gone = edited.report()
    # What README says of the flows of a removed server: a reset, not silence.
    run.note(label + "connections of the removed server that were told", sum(gone["lost"].values()), at_least=100, at_most=100)
    run.must(f"{label}by a reset: {gone['lost']}", set(gone["lost"]) == {"Connection reset by peer"})
    run.must(label + "the others of that service stay", gone["open"] == 150)
    after = history(site)
    run.must(f"{label}no transition of an untouched router: {before} {after}", all(after.get(k) == v for k, v in before.items()))
    run.must(label + "no room died", rooms_of(site) == rooms)
    for director in directors:
        downs = [line for line in director.log().splitlines() if "CHECK_SERVER_DOWN" in line]
        run.must(f"{label}no server was taken down: {downs[:2]}", not downs)


# ---- 38


@drill(38, "ten thousand connections by NAT, DR and TUN, and the active director is killed, or loses its cable")
def failover_under_load(run, world):
    site = MixedSite(world, run.options.bin, run.interval, families=run.options.families)
    run.current = site
    site.start()
    flows, resets = site.flows(), Resets(site)
    services = site.services()
    for _, method, family in services:
        opened = flows.open(METHODS[method][0], family, FLOWS // len(services), MESSAGE_EVERY_MS)
        run.must(f"all of {method} IPv{family} stand: {opened}", opened["failed"] == 0)
    count = opened["open"]
    time.sleep(MESSAGE_EVERY_MS / 1000 + 1)
    flows.report()
    time.sleep(2 * MESSAGE_EVERY_MS / 1000)
    run.note("in peace the longest one waited", flows.report()["longest_s"])
    down = master_down(run.interval, PRIORITY["dir-b"])
    bound = rto_after(down + settings.noise) + 0.1 + settings.noise

    def fail_over(name, injure, mend, winner):
        before = history(site)
        begin = time.monotonic()
        injure()
        wait_until("the other is active", winner.is_active, 10)
        run.note(f"{name}: active again after", time.monotonic() - begin, at_most=down + settings.noise)
        time.sleep(max(2 * MESSAGE_EVERY_MS / 1000, bound) + 1)
        report = flows.report()
        run.note(f"{name}: connections", report["open"])
        run.note(f"{name}: lost", sum(report["lost"].values()), at_most=count * (1 - KEPT))
        run.note(f"{name}: the longest one waited", report["longest_s"], at_most=bound)
        run.must(f"{name}: none still waits: {report}", report["waiting"] == 0)
        again = flows.again()
        run.must(f"{name}: clients come back to their server: {again}", again["other"] == 0 and again["failed"] == 0)
        run.must(f"{name}: one transition of the winner",
                 history(site)[winner.name, "web"] == before[winner.name, "web"] + 1)
        mend()
        site.wait_settled(site.a)
        time.sleep(1)
        report = flows.report()
        run.note(f"{name}, and back: lost", sum(report["lost"].values()), at_most=0)
        run.note(f"{name}, and back: the longest one waited", report["longest_s"])

    def kill():
        site.a.kill()
        site.a.after_crash()  # systemd's ExecStopPost
    fail_over("kill -9", kill, site.a.start, site.b)
    fail_over("cable", lambda: world.plug(site.a.host, "eth0", "down"), lambda: world.plug(site.a.host, "eth0", "up"), site.b)
    told = resets.lines()
    run.note("resets that came to the client", len(told), at_most=0)
    run.must(f"none at all: {told[:3]}", not told)
