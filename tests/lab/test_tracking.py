"""What a virtual router tracks, by the real daemon with the rights its room has left."""

import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "drills"))

from link import Link, Tandem  # noqa: E402
from world import World, require_root, wait_until  # noqa: E402


@pytest.fixture
def link():
    require_root()
    with World() as world:
        yield Link(world, os.environ["TANDEM_BIN"], Tandem, 0.2, peer_link=False, alone=True)


def priority(box):
    return next((state["priority"] for state in box.messages("InstanceState")), None)


def test_scripts_run_as_their_user_and_are_killed_with_what_they_started(link):
    hang = link.world.folder / "hang"
    hang.write_text("#!/bin/sh\necho begins; sleep 4711 & sleep 4711\n")
    hang.chmod(0o755)
    link.a.configure(track={"checks": {
        "who": {"script": "/usr/bin/id -un", "user": "nobody", "weight": -5},
        "hang": {"script": str(hang), "user": "nobody", "weight": -7, "interval": "300ms", "timeout": "200ms"}}})
    link.a.start()
    wait_until("it runs as nobody", lambda: "is well (+0): exit code 0: nobody" in link.a.tracked("who"), 10)
    wait_until("the one that hangs is killed", lambda: "did not end in time and was killed: begins" in link.a.tracked("hang"), 10)
    assert priority(link.a) == 150 - 7
    link.a.stop()
    assert link.a.host.pids() == []


def test_processes_of_other_users_are_seen(link):
    name = "sleep" + str(os.getpid())[-6:]
    program = link.world.folder / name
    program.symlink_to("/usr/bin/sleep")
    link.a.configure(track={"checks": {"app": {"process": name, "weight": 20, "interval": "100ms"}}})
    link.a.start()
    wait_until("it is missed", lambda: priority(link.a) == 150, 10)
    process = link.client.start("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(program), "60")
    wait_until("it is found", lambda: priority(link.a) == 170, 5)
    process.kill()
    process.wait()
    wait_until("it is missed again", lambda: priority(link.a) == 150, 5)


def test_a_file_lowers_the_priority_and_the_peer_takes_over(link):
    number = link.world.folder / "number"
    number.write_text("0\n")
    link.alone = False
    link.a.configure(track={"checks": {"load": {"file": str(number), "weight": 1, "interval": "100ms"}}})
    link.start()
    number.write_text("-100\n")
    wait_until("dir-b takes over", link.b.is_active, 5)
    assert priority(link.a) == 50
    number.write_text("nonsense\n")
    wait_until("what is no number is said", lambda: "holds no whole number" in link.a.tracked("load"), 3)
    number.write_text("0\n")
    link.settle()


def test_routes_are_gone_after_a_crash(link):
    link.a.configure(routes={"out": {"to": "203.0.113.0/24", "via": "198.51.100.254"}},
                     rules={"mine": {"from": "198.51.100.10/32", "table": 100, "priority": 4711}})
    link.a.start()
    wait_until("active", link.a.is_active, 10)
    wait_until("the route is there", lambda: "203.0.113.0/24 via 198.51.100.254" in link.a.host.ip("route"), 3)
    assert "4711:" in link.a.host.ip("rule")
    link.a.kill()
    link.a.after_crash()
    assert "203.0.113.0" not in link.a.host.ip("route")
    assert "4711:" not in link.a.host.ip("rule")
    time.sleep(0.05)
    assert not link.a.holds("198.51.100.10")
