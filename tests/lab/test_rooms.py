"""A room that is killed is back within 100 ms, where it stood, and nobody notices."""

import os
import signal
import time

import pytest

from client import Client
from topology import VIP
from world import wait_until

BACK_SECONDS = 1.0  # promised: 100 ms (printed below); the rest is for a busy machine


def test_kill_9_of_each_room_in_turn_under_load_loses_nothing(make_site):
    site = make_site()
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    site.start()
    before = {d.name: d.messages("InstanceState")[0]["transitions"] for d in (a, b)}
    client = Client(site, VIP, rate=100, seconds=90)
    wait_until("traffic", lambda: len(client.requests) > 100 and client.download_state()[0] > 0, 10)
    for room in ("vrrp", "checkers", "control", "forwarding"):
        old = a.room_pid(room)
        killed = time.monotonic()
        os.kill(old, signal.SIGKILL)

        def back():
            return any(m["room"] == room and m["pid"] not in (0, old) and m["phase"] == "running"
                       for m in a.messages("RoomStatus"))
        wait_until(f"{room} back", back, BACK_SECONDS, every=0.005)
        took = time.monotonic() - killed
        time.sleep(2.5)  # more than two advertisement intervals: a takeover by the peer would be seen
        print(f"{room}: back after {took * 1000:.0f} ms, longest gap between answers {client.outage_ms(killed):.0f} ms")
        assert client.failed(killed) == [], f"requests failed after kill -9 of {room}"
        assert client.download_state()[1] == ""
        assert a.is_active() and a.holds(VIP) and not b.holds(VIP)
    client.stop()
    after = {d.name: d.messages("InstanceState")[0]["transitions"] for d in (a, b)}
    assert after == before, "a room's death was a VRRP transition"
    assert all(a.server(name)["up"] for name in site.servers)


@pytest.mark.parametrize("room", ["vrrp", "checkers", "forwarding"])
def test_a_room_that_is_killed_again_and_again_comes_back_each_time(make_site, room):
    site = make_site()
    a = site.directors["dir-a"]
    site.start()
    for _ in range(5):
        old = a.room_pid(room)
        os.kill(old, signal.SIGKILL)
        wait_until(f"{room} back", lambda: a.room_pid(room) not in (None, 0, old), 2)
    wait_until("settled", lambda: a.is_active() and all((a.server(n) or {}).get("up") for n in site.servers), 5)
    assert a.holds(VIP)
