"""Virtual MAC addresses (RFC 9568, 7.3): what answers for the VIP is the same before and after every change."""

import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "drills"))

from link import VIP, VIP6, Link, Tandem  # noqa: E402
from world import World, require_root, wait_until  # noqa: E402

MAC4, MAC6 = "00:00:5e:00:01:33", "00:00:5e:00:02:33"


@pytest.fixture
def link():
    require_root()
    with World() as world:
        link = Link(world, os.environ["TANDEM_BIN"], Tandem, 0.2)
        link.make_dual_stack(virtual_mac=True)
        yield link


def devices(box):
    return [line.split(":")[1].split("@")[0].strip() for line in box.host.ip("-o", "link").splitlines() if "vrrp" in line]


def test_arp_and_neighbour_discovery_are_answered_with_it_through_handover_and_crash(link):
    link.start()
    link.probe()
    begin = time.monotonic()
    for _ in range(2):
        link.client.run("ping", "-6", "-c", "1", "-W", "2", VIP6)
        assert MAC6 in link.client.ip("-6", "neigh", "show", VIP6)
        link.a.ctl("handover")
        link.settle(link.b)
        link.client.run("ping", "-6", "-c", "1", "-W", "2", VIP6)
        assert MAC6 in link.client.ip("-6", "neigh", "show", VIP6)
        link.b.ctl("handover")
        link.settle(link.a)
    planned = time.monotonic()
    link.a.kill()
    link.a.after_crash()
    assert devices(link.a) == []
    wait_until("dir-b takes over", link.b.is_active, 5)
    time.sleep(0.5)
    record = link.stop_probe()
    answers = {row[2] for row in record.of("arp", begin=begin)}
    assert answers == {MAC4}, "nothing else answers for the address"
    assert {row[2] for row in record.of("advert", begin=begin) if row[2].startswith("00:00:5e")} == {MAC4}
    print("pings lost in four planned changes:", len(record.lost(begin, planned)))
    # The switch learns of the move from the first frame of the new one, which may be on its way while a ping passes it.
    assert record.gap(begin, planned) < 0.02
    assert MAC4 in link.client.ip("neigh", "show", VIP)
    assert link.b.stop() == 0
    assert devices(link.b) == []


def test_a_killed_room_goes_on_with_its_device(link):
    link.start()
    link.probe()
    begin = time.monotonic()
    link.a.kill_vrrp()
    time.sleep(2)
    end = time.monotonic()
    record = link.stop_probe()
    assert link.a.is_active() and not link.b.is_active()
    assert record.lost(begin, end - 0.1) == []
    assert sorted(devices(link.a)) == ["vrrp4-51", "vrrp6-51"]


def test_services_are_forwarded_by_it(make_site):
    def with_virtual_mac(document):
        document["virtual_routers"]["web"].update(virtual_mac=True, advert_interval="200ms", start_hold_down="0s")
    site = make_site(change=with_virtual_mac)
    site.start()

    def ask():
        return site.client.run("curl", "-s", "-m", "3", f"http://{VIP}/who")
    assert ask().startswith("web")
    assert MAC4 in site.client.ip("neigh", "show", VIP)
    site.directors["dir-a"].ctl("handover")
    site.wait_settled(active="dir-b")
    for _ in range(20):
        assert ask().startswith("web")
    assert MAC4 in site.client.ip("neigh", "show", VIP)
