"""Programs of checks that run as another user: the whole daemon, real scripts."""

import pwd
import subprocess
import time

import pytest

from world import wait_until

CHECK = {"interval": "300ms", "timeout": "300ms", "rise": 1, "fall": 1}


@pytest.fixture
def boxed(make_site):
    """boxed(command, user, ...): dir-a alone, web1 asked by that program. boxed.script(name, text) makes one."""
    site = make_site(change=lambda document: document["services"]["web"].pop("check"))
    a = site.directors["dir-a"]

    class Boxed:
        director, folder = a, site.world.folder

        @staticmethod
        def script(name, text, mode=0o755):
            path = site.world.folder / name
            path.write_text("#!/bin/sh\n" + text)
            path.chmod(mode)
            return path

        @staticmethod
        def ask(**exec_check):
            more = {key: exec_check.pop(key) for key in list(exec_check) if key in ("timeout", "interval")}
            web = site.document["services"]["web"]
            web["servers"] = {"web1": web["servers"]["web1"]}
            web["check"] = {"exec": {key: str(value) for key, value in exec_check.items()}, **CHECK, **more}
            site.write()

        file = site.file
    return Boxed()


def reason(director):
    return (director.server("web1") or {}).get("reason", "")


def users_with_other_groups():
    for user in ("postgres", "nobody"):
        try:
            yield pwd.getpwnam(user).pw_name
        except KeyError:
            pass


def test_a_program_runs_as_its_user_with_its_groups_and_no_power(boxed):
    user = next(users_with_other_groups())
    script = boxed.script("ask", 'echo "$(id -un) $(id -G) $(grep CapEff /proc/self/status | cut -f 2) $*"\nexit 7\n')
    boxed.ask(command=f"{script} one two", user=user)
    a = boxed.director
    a.start()
    wait_until("web1 up", lambda: (a.server("web1") or {}).get("up"), 15)
    groups = subprocess.run(["id", "-G", user], capture_output=True, text=True, check=True).stdout.strip()
    assert reason(a) == f"{user} {groups} 0000000000000000 one two"
    assert a.server("web1")["weight"] == 5, "and its exit code is a weight"
    assert f"{user} {groups}" in a.ctl("why", "web1").stdout


def test_without_a_user_it_runs_as_the_checks_do(boxed):
    boxed.ask(command=boxed.script("ask", "id -un\n"))
    boxed.director.start()
    wait_until("web1 up", lambda: (boxed.director.server("web1") or {}).get("up"), 15)
    assert reason(boxed.director) in ("tandem", "nobody")


def test_one_that_hangs_is_killed_with_what_it_started_and_another_life_of_the_room_leaves_none_behind(boxed):
    a = boxed.director

    def words_of(pid):
        try:
            return open(f"/proc/{pid}/cmdline", "rb").read()
        except OSError:
            return b""

    def sleepers():
        return [pid for pid in a.host.pids() if b"sleep\x004711" in words_of(pid)]
    boxed.ask(command=boxed.script("ask", "echo waits; sleep 4711 & sleep 4711\n"), user="nobody")
    a.start()
    wait_until("killed", lambda: reason(a) == "the script: did not end in time and was killed: waits", 15)
    boxed.ask(command=boxed.script("long", "sleep 4711\n"), user="nobody", timeout="60s")
    a.ctl("reload")
    wait_until("the long one runs", lambda: len(sleepers()) == 1, 10)
    time.sleep(1)
    assert len(sleepers()) == 1, "one at a time"
    before = sleepers()
    a.host.run("kill", "-9", a.room_pid("checkers"))
    wait_until("the next life has one of its own", lambda: len(sleepers()) == 1 and sleepers() != before, 10)
    assert a.stop() == 0
    assert a.host.pids() == []


def test_the_room_cannot_choose_what_is_run_and_a_reload_is_in_force_at_once(boxed):
    a = boxed.director
    boxed.ask(command=boxed.script("one", "echo one\n"), user="nobody")
    a.start()
    wait_until("one", lambda: reason(a) == "one", 15)
    boxed.ask(command=boxed.script("two", "echo two; exit 1\n"), user="nobody")
    a.ctl("reload")
    wait_until("two", lambda: reason(a) == "exit code 1: two", 10)
    status = open(f"/proc/{a.room_pid('checkers')}/status").read()
    assert "CapEff:\t0000000000002000" in status, "CAP_NET_RAW alone"


@pytest.mark.parametrize("how", ["unknown user", "others may write", "the users own", "another users own"])
def test_who_it_runs_as_and_who_may_change_it_is_looked_at_before(boxed, how):
    a = boxed.director
    script = boxed.script("ask", "echo old\n")
    boxed.ask(command=script, user="nobody")
    a.start()
    wait_until("old", lambda: reason(a) == "old", 15)
    other = boxed.script("other", "id -un\n", 0o777 if how == "others may write" else 0o755)
    if how.endswith("users own"):
        subprocess.run(["chown", "nobody" if how == "the users own" else "daemon", other], check=True)
    boxed.ask(command=other, user="no-such-user" if how == "unknown user" else "nobody")
    text = boxed.file.read_text()
    done = a.ctl("check", boxed.file, check=False)
    if how == "the users own":
        assert done.returncode == 0, done
        a.ctl("reload")
        wait_until("the new one", lambda: reason(a) == "old" and "nobody" in a.ctl("why", "web1").stdout, 10)
        return
    key = "user" if how == "unknown user" else "command"
    line = 1 + text[:text.index(f"{key}: ", text.index("exec:"))].count("\n")
    words = {"unknown user": "user: there is no user 'no-such-user' on this box"}.get(
        how, f"command: {other} can be changed by others than root")
    assert done.returncode == 1 and f"{boxed.file}:{line}:" in done.stderr + done.stdout and words in done.stderr + done.stdout
    assert a.ctl("reload", check=False).returncode != 0
    time.sleep(1)
    assert reason(a) == "old" and a.server("web1")["up"], "the running configuration stays"
