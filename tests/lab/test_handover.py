"""Planned changes: a client that asks two hundred times a second notices none of them."""

import time

from client import Client
from topology import GATEWAY, VIP
from world import wait_until


def begin(site):
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    site.start()
    wait_until("both in step", lambda: a.in_step() and b.in_step(), 15)
    client = Client(site, VIP, rate=200, seconds=60)
    wait_until("traffic", lambda: len(client.requests) > 50 and client.download_state()[0] > 0, 10)
    return a, b, client


def undisturbed(client, since, what):
    time.sleep(0.5)
    print(f"{what}: longest time between two answers {client.outage_ms(since):.0f} ms")
    assert client.failed() == [], what
    assert client.download_state()[1] == "", what


def transitions(director):
    return [(step["from"], step["to"]) for message in director.messages("InstanceState") if message["router"] == "web"
            for step in message["history"]]


def test_a_router_is_handed_over_and_back_and_stays_where_it_was_put(make_site):
    site = make_site()
    a, b, client = begin(site)

    began = time.monotonic()
    said = a.ctl("handover", "web").stdout
    took = time.monotonic() - began
    assert "dir-b has it after" in said, said
    assert b.is_active() and not a.is_active()
    print(f"tandemctl handover: {said.strip()}, the command took {took * 1000:.0f} ms")
    wait_until("the address moved", lambda: b.holds(VIP) and not a.holds(VIP) and not a.holds(GATEWAY), 1)
    time.sleep(4.5)  # longer than a down interval: dir-a is higher and preempts, but not what was handed over
    assert b.is_active() and not a.is_active()
    undisturbed(client, began, "handover")
    why = a.ctl("why", "web").stdout
    assert "handed over" in why and "active" in why, why

    began = time.monotonic()
    b.ctl("handover")
    assert a.is_active() and not b.is_active()
    undisturbed(client, began, "handover back")
    client.stop()


def test_who_has_nothing_to_hand_over_says_so(make_site):
    site = make_site()
    site.start()
    b = site.directors["dir-b"]
    refused = b.ctl("handover", "web", check=False)
    assert refused.returncode == 1 and "not active here" in refused.stderr
    refused = b.ctl("handover", "wep", check=False)
    assert refused.returncode == 1 and "no such router" in refused.stderr
    refused = b.ctl("why", "wep", check=False)
    assert refused.returncode == 1 and "there are the routers web" in refused.stderr


def test_an_orderly_stop_and_the_return_cost_nothing(make_site):
    site = make_site()
    a, b, client = begin(site)

    began = time.monotonic()
    assert a.stop() == 0
    assert b.is_active()
    undisturbed(client, began, "orderly stop")
    assert not a.holds(VIP) and not a.holds(GATEWAY)

    began = time.monotonic()
    a.start()
    wait_until("dir-a active again", a.is_active, 30)
    wait_until("dir-b backup", lambda: not b.is_active(), 5)
    undisturbed(client, began, "preempt-back")
    client.stop()


def test_maintenance_keeps_a_director_out_until_nobody_else_is_there(make_site):
    site = make_site()
    a, b, client = begin(site)
    began = time.monotonic()
    a.ctl("maintenance", "on")
    wait_until("dir-b active", b.is_active, 2)
    time.sleep(4.5)
    assert not a.is_active()
    assert "maintenance" in a.ctl("why", "web").stdout or "handed over" in a.ctl("why", "web").stdout
    undisturbed(client, began, "maintenance on")
    client.stop()
    # Never nobody: the last one serves, maintenance or not.
    b.kill()
    wait_until("dir-a active from silence", a.is_active, 5)
    assert transitions(a)[-1] == ("backup", "active")
