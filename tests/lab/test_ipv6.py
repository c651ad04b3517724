"""A dual-stack virtual router: both addresses move together, and a client's neighbour table follows."""

import os
import re
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "drills"))

from link import DUAL_STACK, VIP, VIP6, Link, Tandem  # noqa: E402
from world import World, require_root, wait_until  # noqa: E402



@pytest.fixture
def link():
    require_root()
    with World() as world:
        link = Link(world, os.environ["TANDEM_BIN"], Tandem, 0.2)
        link.make_dual_stack()
        yield link


def has6(box):
    return VIP6 in box.host.ip("-6", "addr", "show", "dev", "eth0")


def settle(link, active, other):
    link.settle(active, seconds=20)
    wait_until(f"{active.name} has both", lambda: has6(active) and not has6(other), 5)


def test_both_families_move_together_and_no_ping_is_lost_when_it_is_planned(link):
    link.start()
    settle(link, link.a, link.b)
    ping = link.client.start("ping", "-6", "-i", "0.01", "-c", "250", "-W", "1", VIP6, log="ping6")
    time.sleep(0.5)
    link.a.ctl("handover")
    settle(link, link.b, link.a)
    ping.wait(timeout=30)
    said = (link.world.folder / "ping6").read_text()
    assert re.search(r"250 packets transmitted, 250 received", said), said[-300:]
    assert link.mac(link.b) in link.client.ip("-6", "neigh", "show", VIP6)
    link.b.ctl("handover")
    settle(link, link.a, link.b)


def test_a_reload_that_adds_ipv6_where_no_link_local_address_is_leaves_ipv4_alone(link):
    """The family that is not ready is named in an alarm and joins when its address comes."""
    for box in (link.a, link.b):
        box.configure()
        for address in re.findall(r"inet6 (fe80\S+)", box.host.ip("-6", "addr", "show", "dev", "eth0")):
            box.host.ip("addr", "del", address, "dev", "eth0")
    link.start()
    link.settle(link.a, seconds=20)
    ping = link.client.start("ping", "-i", "0.01", "-c", "300", "-W", "1", VIP, log="ping4")
    for box in (link.b, link.a):
        box.configure(**DUAL_STACK)
        box.ctl("reload")
    wait_until("dir-a says that IPv6 is mute", lambda: "VRRP_LEG_MUTE" in link.a.log(), 5)
    wait_until("dir-a has both", lambda: has6(link.a), 5)
    ping.wait(timeout=30)
    said = (link.world.folder / "ping4").read_text()
    assert re.search(r"300 packets transmitted, 300 received", said), said[-300:]
    assert link.a.is_active() and not link.b.is_active()
    link.a.host.ip("addr", "add", "fe80::a/64", "dev", "eth0", "nodad")
    wait_until("dir-a says that IPv6 speaks", lambda: "VRRP_LEG_SPEAKS" in link.a.log(), 5)
    before = link.b.counter("ipv6: adverts_received")
    wait_until("dir-b hears it", lambda: link.b.counter("ipv6: adverts_received") > before, 5)


def test_a_crash_moves_both_families(link):
    link.start()
    settle(link, link.a, link.b)
    link.client.run("ping", "-6", "-c", "1", "-W", "2", VIP6)
    link.a.kill()
    link.a.after_crash()
    wait_until("dir-b has both", lambda: link.b.holds(VIP) and has6(link.b), 5)
    assert not has6(link.a) and not link.a.holds(VIP)
    wait_until("the client reaches it", lambda: "1 received" in link.client.run(
        "ping", "-6", "-c", "1", "-W", "1", VIP6, check=False), 5)
    assert link.mac(link.b) in link.client.ip("-6", "neigh", "show", VIP6)


def test_a_site_with_unicast_in_both_families_elects_and_hands_over(link):
    for box in (link.a, link.b):
        box.configure(**DUAL_STACK,
                      unicast={"dir-a": ["198.51.100.2", "2001:db8::2"], "dir-b": ["198.51.100.3", "2001:db8::3"]})
    link.start()
    settle(link, link.a, link.b)
    link.a.ctl("handover")
    settle(link, link.b, link.a)
    assert link.a.counter("adverts_rejected") == 0 and link.b.counter("adverts_rejected") == 0
