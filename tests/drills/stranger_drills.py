"""What somebody else on the link does: adverts of his own, forged, malformed or old ones, and our address."""

import time
from pathlib import Path

from drill import advert_gaps, changes, drill, forge, replay
import drill as settings
from link import PRIORITY, VIP, master_down, skew, wait_until
from world import World


def outsider(run, world, *words, seconds=None):
    """What a stranger's stream does to the active one's adverts."""
    link = run.link(world)
    link.start()
    link.probe()
    before = changes(link.a), changes(link.b)
    begin = time.monotonic()
    stream = forge(link, *words, wait=False)
    time.sleep(seconds or 20 * run.interval)
    end = time.monotonic()
    stream.kill()
    stream.wait()
    record = link.stop_probe()
    gaps = advert_gaps(record, link.mac(link.a), begin, end)
    run.note("longest time between adverts, of an interval", max(gaps) / run.interval, at_most=1.1 + settings.noise / run.interval)
    run.must("no transition", (changes(link.a), changes(link.b)) == before)
    return link


@drill(13, "a stranger with our VRID and other addresses, priority 200")
def stranger_other_addresses(run, world):
    link = outsider(run, world, "--addresses", "198.51.100.77", "--every", run.interval, "--times", 1000)
    run.must("an alarm names it", any("198.51.100.200" in e for e in link.a.events("VRRP_VRID_CONFLICT")))
    run.must("it says which VRID is free", any("52 for one" in e for e in link.a.events("VRRP_VRID_CONFLICT")))
    run.note("alarms", len(link.a.events("VRRP_VRID_CONFLICT")), at_most=2)
    run.note("refused, counted", link.a.counter("rejected: advertises none of our addresses"), at_least=10)


@drill(14, "a stranger with our addresses, priority 255")
def stranger_255(run, world):
    link = run.link(world)
    link.start()
    forge(link, "--priority", 255, "--every", run.interval, "--interval-cs", round(run.interval * 100), "--times", 10)
    run.must("steps down, which is legal, and says to whom",
             any(t["to"] == "backup" and "higher" in t["reason"] for t in link.a.transitions()))
    link.settle(seconds=20)


MALFORMED = {
    "TTL 254": ("--ttl", 254), "bad checksum": ("--bad-checksum",), "version 1": ("--version", 1), "version 15": ("--version", 15),
    "type 2": ("--kind", 2), "count 0": ("--count", 0), "count 2 of 1": ("--count", 2), "cut": ("--cut", 4),
    "trailing bytes": ("--add", 20), "interval 0": ("--interval-cs", 0), "version 2": ("--version", 2), "VRID 0": ("--vrid", 0),
    "other VRID": ("--vrid", 99), "short": ("--cut", 8),
}


# The captured ones that are no more than a priority, an address list or an interval, and so are to be believed.
CAPTURES = Path(__file__).resolve().parents[3] / "shared" / "pcaps"
VALID = {1, 2, 3, 4, 5, 6, 22, 23, 30, 38, 39, 40}
VALID_V2 = {1, 2, 3, 4, 5, 6, 22, 30}


@drill(15, "every malformed advert, to both roles")
def malformed(run, world):
    schedule_kept(run, run.link(world), lambda link: [
        forge(link, *words, "--times", 4, "--every", run.interval * 0.45) for words in MALFORMED.values()])
    for version, capture, valid in ((3, "neg-v3-4.pcap", VALID), (2, "neg-v2.pcap", VALID_V2)):
        if not (CAPTURES / capture).exists():
            run.figures[f"{capture} is absent, skipped"] = 1
            continue
        cases = [n for n in range(1, 41) if n not in valid]
        with World() as another:
            link = run.link(another, interval=1.0 if version == 2 else run.interval)
            for box in (link.a, link.b):
                box.configure(version=version)
            schedule_kept(run, link, lambda link: replay(
                link, CAPTURES / capture, "--cases", ",".join(map(str, cases)), "--every", link.interval * 0.45,
                "--map", "10.99.0.9=198.51.100.200", "--map", "10.99.0.1=198.51.100.2", "--map", f"10.99.0.100={VIP}"))
            # Two name another VRID; seven the kernel drops: no VRRP header, cut, our own source, an off-link source, unicast
            # to another MAC address, a fragment, another group.
            run.note(f"captured ones of version {version}, refused and counted",
                     link.a.counter("adverts_rejected"), at_least=len(cases) - 9)


def schedule_kept(run, link, disturb):
    link.start()
    link.probe()
    before = changes(link.a), changes(link.b)
    begin = time.monotonic()
    disturb(link)
    end = time.monotonic()
    record = link.stop_probe()
    gaps = advert_gaps(record, link.mac(link.a), begin, end)
    run.note("longest time between adverts, of an interval", max(max(gaps) / link.interval, run.figures.get(
        "longest time between adverts, of an interval", 0)), at_most=1.1 + settings.noise / link.interval)
    run.must("no transition", (changes(link.a), changes(link.b)) == before)
    time.sleep(1.2)
    run.must("the malformed are counted", link.a.counter("adverts_rejected") > 10 and link.b.counter("adverts_rejected") > 10)


@drill(16, "a flood and a trickle of wrong adverts")
def flood(run, world):
    link = outsider(run, world, "--bad-checksum", "--every", run.interval * 0.45, "--times", 100000)
    world.close()
    with World() as another:
        link = outsider(run, another, "--bad-checksum", "--every", 0.0001, "--times", 10_000_000,
                        seconds=60 if run.options.long else 8)
        seconds = 60 if run.options.long else 8
        run.note("log lines a second under the flood", len(link.a.events()) / seconds, at_most=10)
        time.sleep(1.2)
        run.figures["refused"] = link.a.counter("adverts_rejected")


@drill(17, "one forged advert says 40.95 s")
def forged_interval(run, world):
    link = run.link(world)
    link.start()
    begin = time.monotonic()
    forge(link, "--interval-cs", 4095)
    wait_until("dir-a gives way", lambda: not link.a.is_active(), 3)
    wait_until("somebody is active again", lambda: link.a.is_active() or link.b.is_active(), 20)
    run.note("nobody active for", time.monotonic() - begin,
             at_most=3 * 3 * run.interval + 3 * skew(run.interval, PRIORITY["dir-b"]) + 0.3)
    link.settle()


@drill(18, "a stream of forged priority 0")
def forged_release(run, world):
    link = run.link(world)
    link.start()
    stream = forge(link, "--priority", 0, "--every", run.interval * 0.45, "--times", 100000, wait=False)
    time.sleep(run.interval)
    begin = time.monotonic()
    world.plug(link.a.host, "eth0", "down")
    wait_until("dir-b takes over in spite of it", link.b.is_active, 20)
    run.note("takeover", time.monotonic() - begin, at_most=run.down() + settings.noise + 0.05)
    stream.kill()
    stream.wait()


@drill(19, "old authenticated adverts are replayed: PASS does not protect, and it heals")
def replayed(run, world):
    link = run.link(world, interval=1.0)
    for box in (link.a, link.b):
        box.configure(version=2, password="secret")
    link.start()
    capture = world.folder / "old.pcap"
    replay(link, capture, "--record", 4)
    link.a.stop()
    wait_until("dir-b active", link.b.is_active, 10)
    stream = replay(link, capture, "--every", 0.5, "--times", 2, wait=False)
    wait_until("dir-b gives way to the dead", lambda: not link.b.is_active(), 5)
    stream.wait(timeout=30)
    begin = time.monotonic()
    wait_until("dir-b takes over again", link.b.is_active, 10)
    run.note("active again after the replay", time.monotonic() - begin, at_most=master_down(1.0, PRIORITY["dir-b"]) + 0.3)
    link.a.start()
    link.settle()
    before = changes(link.a)
    replay(link, capture, "--every", 0.5)
    time.sleep(1.2)
    run.must("its own old words do not move dir-a", changes(link.a) == before)


@drill(40, "the address is tampered with")
def tampering(run, world):
    link = run.link(world)
    link.start()
    begin = time.monotonic()
    link.a.host.ip("addr", "del", f"{VIP}/24", "dev", "eth0")
    wait_until("back", lambda: link.a.holds(VIP), 3)
    run.note("removed address back after", time.monotonic() - begin, at_most=1.0)
    begin = time.monotonic()
    forge(link, "--claim", VIP, "--times", 30, "--every", 0.1, wait=False)
    wait_until("an alarm", lambda: link.a.events("VRRP_ADDRESS_CONFLICT"), 5)
    run.note("alarm about the conflict after", time.monotonic() - begin, at_most=2.0)
    time.sleep(3)
    run.note("alarms", len(link.a.events("VRRP_ADDRESS_CONFLICT")), at_most=4)
    begin = time.monotonic()
    link.a.host.ip("link", "del", "eth0")
    wait_until("fault", lambda: link.a.state() == "fault", 3)
    run.note("fault after the interface is deleted", time.monotonic() - begin, at_most=1.0)
    wait_until("dir-b takes over", link.b.is_active, 10)
    world.cable(link.a.host, "eth0", "outside", "198.51.100.2/24")
    begin = time.monotonic()
    wait_until("in service again", lambda: link.a.state() in ("backup", "active"), 5)
    run.note("in service after it is made again", time.monotonic() - begin, at_most=2.0)
    link.settle()
