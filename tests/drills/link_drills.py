"""What happens to the link between the directors: it goes down, loses packets one way, at random, or altogether."""

import time

from drill import changes, drill, drop, heal
import drill as settings
from link import VIP, wait_until
from world import World


@drill(7, "the switch's port of the active one goes down")
def port_down(run, world):
    link = run.link(world)
    link.start()
    link.probe()
    begin = time.monotonic()
    world.plug(link.a.host, "eth0", "down")
    wait_until("fault", lambda: link.a.state() == "fault" and not link.a.holds(VIP), 3)
    run.note("fault, address gone after", time.monotonic() - begin, at_most=0.1 + settings.noise)
    wait_until("dir-b active", link.b.is_active, 10)
    time.sleep(0.2)
    record = link.stop_probe()
    run.note("takeover", record.first("arp", link.mac(link.b), begin) - begin, at_most=run.down() + settings.noise)


@drill(8, "the port comes back")
def port_up(run, world):
    link = run.link(world)
    link.start()
    world.plug(link.a.host, "eth0", "down")
    wait_until("dir-b active", link.b.is_active, 10)
    time.sleep(1)
    link.probe()
    begin = time.monotonic()
    world.plug(link.a.host, "eth0", "up")
    link.settle()
    time.sleep(0.3)
    end = time.monotonic()
    record = link.stop_probe()
    run.note("gap of the preemption", record.gap(begin, end - 0.05), at_most=settings.noise)
    run.note("pings lost", len(record.lost(begin, end - 0.05)), at_most=0)


@drill(9, "one-way loss: the backup is deaf")
def backup_deaf(run, world):
    link = run.link(world)
    link.start()
    drop(link, link.a, link.b)
    begin = time.monotonic()
    wait_until("both active", lambda: link.b.is_active() and link.a.is_active(), 10)
    both = time.monotonic()
    wait_until("the alarm", lambda: link.a.events("VRRP_TWO_ACTIVE"), 10)
    run.note("alarm after both are active", time.monotonic() - both, at_most=3 * run.interval + 0.3)
    link.probe()
    healed = time.monotonic()
    heal(link)
    wait_until("one active", lambda: not link.b.is_active() and not link.b.holds(VIP), 10)
    run.note("one active again after", time.monotonic() - healed, at_most=run.interval + 0.2)
    time.sleep(1.3)
    record = link.stop_probe()
    run.must("the winner announces the address again", record.of("announce", link.mac(link.a), healed))
    run.figures["both active from"] = both - begin

    with World() as another:
        link = run.link(another)
        for box in (link.a, link.b):
            box.configure(cross_check=True)
        link.start()
        before = changes(link.a), changes(link.b)
        drop(link, link.a, link.b)
        begin = time.monotonic()
        wait_until("dir-b says that it is deaf", lambda: link.b.events("VRRP_DEAF"), 10)
        run.note("with cross_check: alarm after", time.monotonic() - begin, at_most=run.down() + 0.3)
        time.sleep(4 * run.down())
        run.must("with cross_check: nobody takes over", (changes(link.a), changes(link.b)) == before)
        begin = time.monotonic()
        link.a.kill()
        wait_until("dir-b takes over from a dead one", link.b.is_active, 10)
        run.note("with cross_check: takeover from a dead one", time.monotonic() - begin, at_most=2 * run.down() + 0.3)


@drill(10, "one-way loss: the active one is deaf")
def active_deaf(run, world):
    link = run.link(world)
    link.start()
    before = changes(link.a), changes(link.b)
    drop(link, link.b, link.a)
    time.sleep(60 if run.options.long else 6 * run.interval + 3)
    run.must("no transition", (changes(link.a), changes(link.b)) == before)


@drill(11, "random loss of 5 % and of 30 %")
def random_loss(run, world):
    link = run.link(world)
    link.start()
    before = changes(link.a), changes(link.b)
    drop(link, percent=5)
    time.sleep(600 if run.options.long else 20)
    run.note("transitions at 5 %", sum((changes(link.a), changes(link.b))) - sum(before), at_most=0)
    heal(link)
    drop(link, percent=30)
    time.sleep(120 if run.options.long else 20)
    run.figures["transitions at 30 %"] = sum((changes(link.a), changes(link.b))) - sum(before)
    heal(link)
    link.settle(seconds=run.interval * 2 + 2)


@drill(12, "the directors are cut apart for a while")
def partition(run, world):
    link = run.link(world)
    link.start()
    drop(link, link.a, link.b, what="")
    drop(link, link.b, link.a, what="")
    wait_until("both active", lambda: link.a.is_active() and link.b.is_active(), 10)
    time.sleep(60 if run.options.long else 3)
    link.probe()
    healed = time.monotonic()
    heal(link)
    wait_until("one active", lambda: not link.b.holds(VIP), 10)
    run.note("one active again after", time.monotonic() - healed, at_most=run.interval + settings.noise + 0.05)
    time.sleep(1.5)
    record = link.stop_probe()
    run.note("announcements of the winner", len(record.of("announce", link.mac(link.a), healed)), at_least=3)
    run.must("dir-a has it", link.a.is_active())
    run.must("the peer link told of two", link.b.events("VRRP_TWO_ACTIVE"))
