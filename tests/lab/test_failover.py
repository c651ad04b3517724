"""The main job: the active director dies, and no connection does."""

import time

import pytest

from client import Client
from topology import GATEWAY, VIP
from world import wait_until

# RFC 9568, 6.1: three advertisement intervals and the backup's skew; half a second for a busy machine.
TAKEOVER_SECONDS = 3 + (256 - 100) / 256 + 0.5


@pytest.mark.parametrize("method", ["nat", "fullnat", "dr", "tun"])
def test_a_killed_director_costs_one_takeover_and_no_connection(make_site, method):
    site = make_site(method=method)
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    site.start()
    client = Client(site, VIP, rate=50, seconds=60)
    wait_until("traffic", lambda: len(client.requests) > 50 and client.download_state()[0] > 0, 10)

    killed = time.monotonic()
    a.kill()
    wait_until("dir-b active", b.is_active, TAKEOVER_SECONDS)
    outage = client.wait_gone_on(killed)
    print(f"{method}: outage {outage:.0f} ms")
    assert outage <= TAKEOVER_SECONDS * 1000

    returned = time.monotonic()
    a.start()
    wait_until("dir-a active again", a.is_active, 30)
    wait_until("dir-b backup", lambda: not b.is_active(), 5)
    time.sleep(1.5)
    client.stop()
    assert client.failed(killed + outage / 1000 + 0.1) == []
    assert client.failed(0, killed) == []
    assert client.download_state()[1] == ""
    print(f"{method}: preempt-back outage {client.outage_ms(returned):.0f} ms")
    assert not b.holds(VIP) and not b.holds(GATEWAY)


def test_a_crash_that_is_announced_costs_one_skew_time_and_leaves_nothing_behind(make_site):
    site = make_site()
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    site.start()
    client = Client(site, VIP, rate=200, seconds=60)
    wait_until("traffic", lambda: len(client.requests) > 50 and client.download_state()[0] > 0, 10)

    killed = time.monotonic()
    a.kill()
    a.after_crash()
    cleaned = time.monotonic()
    assert not a.holds(VIP) and not a.holds(GATEWAY)
    assert a.host.run("nft", "list", "tables").strip() == ""
    wait_until("dir-b active", b.is_active, 2)  # never three intervals: the peer was told
    wait_until("answers again", lambda: client.requests[-1]["start"] > killed + 0.2 and client.requests[-1]["ok"], 3)
    time.sleep(0.5)
    outage = client.outage_ms(killed)
    print(f"announced crash: cleaned after {(cleaned - killed) * 1000:.0f} ms, outage {outage:.0f} ms")
    at_kill = client.download_state()[0]
    wait_until("the download goes on", lambda: client.download_state()[0] > at_kill, 5)
    client.stop()
    assert client.download_state()[1] == ""


def test_a_pulled_cable_moves_everything_and_the_box_that_lost_it_gives_up_at_once(make_site):
    site = make_site()
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    site.start()
    site.world.plug(a.host, "eth0", "down")
    wait_until("dir-a gives up", lambda: not a.holds(VIP) and not a.holds(GATEWAY), 1)
    wait_until("dir-b active", b.is_active, TAKEOVER_SECONDS)
    assert b.holds(VIP) and b.holds(GATEWAY)
    assert any(m["state"] == "fault" for m in a.messages("InstanceState"))
    site.world.plug(a.host, "eth0", "up")
    wait_until("dir-a active again", a.is_active, 15)
    wait_until("dir-b gave up", lambda: not b.holds(VIP), 2)
