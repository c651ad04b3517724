"""A room that is killed is back within 100 ms, where it stood, and nobody notices."""

import os
import signal
import time
from pathlib import Path

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
    for times in range(1, 6):
        os.kill(a.room_pid(room), signal.SIGKILL)
        # One that dies over and over before it works loses what it held, on purpose.
        wait_until(f"{room} works again", lambda: a.log().count(f"ROOM_BACK {room}") == times, 5)
    wait_until("settled", lambda: a.is_active() and all((a.server(n) or {}).get("up") for n in site.servers), 5)
    assert a.holds(VIP)


def status_of(pid):
    return dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)


def test_rooms_that_hear_strangers_have_no_right_they_can_do_without(make_site):
    site = make_site()
    a = site.directors["dir-a"]
    site.start()
    for room, capabilities in (("checkers", 1 << 13), ("control", 0)):  # CAP_NET_RAW: ping, marks
        status = status_of(a.room_pid(room))
        assert status["Uid"].split()[0] != "0" and status["Gid"].split()[0] != "0", room
        assert [int(status[f"Cap{which}"], 16) for which in ("Inh", "Prm", "Eff", "Amb")] == [0, capabilities, capabilities, 0], room
        assert int(status["CapBnd"], 16) & ~capabilities == 0, room
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", room
    # What loads eBPF without fences could read the kernel's memory: it is given up before the first packet.
    for thread in Path(f"/proc/{a.room_pid('forwarding')}/task").iterdir():
        packets = status_of(f"{thread.parent.parent.name}/task/{thread.name}")
        assert [int(packets[f"Cap{which}"], 16) & 1 << 38 for which in ("Inh", "Prm", "Eff", "Amb")] == [0, 0, 0, 0], thread
    assert status_of(a.room_pid("vrrp"))["Seccomp"] == "0"  # it runs track scripts as their users


def test_a_program_asked_by_a_check_lives_under_the_rooms_filter(make_site, tmp_path):
    """It runs as the user of the checks, can use the network, and cannot make itself a world of its own."""
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    script = tmp_path / "ask"
    script.write_text("#!/bin/sh\nid -un\nunshare --user true && exit 1\nping -h >/dev/null 2>&1\necho under the filter\n")
    script.chmod(0o755)

    def ask_it(document):
        document["services"]["web"]["check"] = {"exec": {"command": str(script)}, "interval": "300ms", "timeout": "2s"}
    site = make_site(change=ask_it)
    a = site.directors["dir-a"]
    site.start()
    wait_until("it is asked", lambda: all("under the filter" in (a.server(n) or {}).get("reason", "") for n in site.servers), 10)
    reason = a.server(next(iter(site.servers)))["reason"]
    assert "Operation not permitted" in reason and reason.split()[0] in ("tandem", "nobody"), reason
