"""Scripts that are told of changes: in order, one at a time, as their user, and to the last word."""

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
        yield Link(world, os.environ["TANDEM_BIN"], Tandem, 0.2)


def script(link, name, body):
    path = link.world.folder / name
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(0o755)
    return str(path)


def teller(link, pause="0", name="tell"):
    """Writes down what it is told, begin and end, and who it is."""
    log = link.world.folder / f"{name}.log"
    log.touch()
    log.chmod(0o666)
    return script(link, name, f'echo "begin $*" >> {log}\nsleep {pause}\necho "end $* $(id -un)" >> {log}\n'), log


def told(log):
    """The new state of each call that ended, with the one before and its number."""
    calls = [line.split() for line in log.read_text().splitlines() if line.startswith("end ")]
    return [(call[3], call[5], int(call[6])) for call in calls]


def test_every_change_is_told_in_order_as_its_user_and_the_stop_too(link):
    command, log = teller(link)
    link.a.configure(notify={"script": command, "user": "nobody"})
    link.start()
    link.settle(link.a)
    wait_until("active is told", lambda: told(log)[-1:] and told(log)[-1][0] == "active", 5)
    link.a.ctl("handover")
    link.settle(link.b)
    wait_until("backup is told", lambda: told(log)[-1][0] == "backup", 5)
    assert link.a.stop() == 0
    assert [call[0] for call in told(log)] == ["backup", "active", "backup", "stopped"]
    assert [call[1] for call in told(log)] == ["none", "backup", "active", "backup"]
    assert [call[2] for call in told(log)] == [1, 2, 3, 4]
    assert all(line.endswith(" nobody") for line in log.read_text().splitlines() if line.startswith("end "))


def test_a_slow_script_is_never_run_twice_at_a_time_and_is_told_what_is_true_in_the_end(link):
    command, log = teller(link, pause="0.7")
    link.a.configure(notify={"script": command})
    link.start()
    link.settle(link.a)
    for other, this in ((link.b, link.a), (link.a, link.b)):
        this.ctl("handover")
        link.settle(other)
    wait_until("it has been told that it is active", lambda: told(log)[-1:] and told(log)[-1][0] == "active", 10)
    time.sleep(1)
    lines = [line.split()[0] for line in log.read_text().splitlines()]
    assert lines == ["begin", "end"] * (len(lines) // 2), "one at a time"
    assert told(log)[-1][0] == "active"


def test_a_new_script_is_told_how_things_stand_and_one_that_fails_is_tried_again_and_named(link):
    link.start()
    link.settle(link.a)
    log = link.world.folder / "tries"
    bad = script(link, "bad", f'echo "$*" >> {log}; echo the cloud is away; exit 3\n')
    link.a.configure(notify={"script": bad + " eu-west", "attempts": 2, "timeout": "2s"})
    link.a.ctl("reload")
    wait_until("it has failed", lambda: "NOTIFY_FAILED" in link.a.log(), 10)
    assert log.read_text().splitlines() == ["eu-west router web active 150 none 1"] * 2
    assert "router web: was told active and did not end well: exit code 3: the cloud is away" in link.a.log()
    assert link.a.is_active(), "and nothing else has come of it"


def test_a_script_that_hangs_is_killed_with_what_it_started_and_holds_nothing_up(link):
    hang = script(link, "hang", "sleep 4712 & sleep 4712\n")
    link.a.configure(notify={"script": hang, "timeout": "500ms"})
    link.start()
    link.settle(link.a)
    wait_until("it is killed", lambda: "did not end in time and was killed" in link.a.log(), 10)
    begin = time.monotonic()
    assert link.a.stop() == 0
    assert time.monotonic() - begin < 8
    assert link.a.host.pids() == []
