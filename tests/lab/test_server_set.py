"""`tandemctl server set`: an operator drains, disables and weighs servers under load; it outlives the daemon, and a disk that
takes nothing is said once."""

import signal
import time

from client import Client
from topology import VIP
from world import wait_until


def ever(director, server):
    return next((m["connections"] for m in director.messages("ServerStats") if m["server"] == server), 0)


def settled(director, server):
    """The connections of a server that gets no new ones any more; stats are told every second."""
    before = ever(director, server)
    time.sleep(2.5)
    return ever(director, server) == before


def test_an_operators_word_is_done_under_load_and_outlives_the_daemon(make_site):
    site = make_site()
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    site.start()
    client = Client(site, VIP, rate=100, seconds=120)
    wait_until("traffic on every server", lambda: all(ever(a, name) > 10 for name in site.servers), 20)
    wait_until("the download", lambda: client.download_state()[0] > 0, 10)
    begin = time.monotonic()

    said = a.ctl("server", "set", "web/web1", "drain").stdout
    assert said == "web/web1: drained; it gets no new connections and keeps those it has\n"
    wait_until("web1 gets nothing new", lambda: settled(a, "web1"), 15)
    drained = a.server("web1")
    assert (drained["up"], drained["weight"], drained["override"]) == (True, 0, "drain")
    assert "drained" in a.ctl("status").stdout and "1 server set by the operator" in a.ctl("status").stdout
    assert "drained by the operator" in a.ctl("why", "web1").stdout
    assert "web1" in a.ctl("why", "web").stdout
    assert b.server("web1")["weight"] == 10, "on this director alone"

    a.ctl("server", "set", "web2", "weight", 1)
    wait_until("web2's weight", lambda: a.server("web2")["weight"] == 1, 5)
    assert client.failed(begin) == [], "nothing of this breaks a request"

    # The same after a restart of the room, and of the daemon: no connection to a server that was taken out.
    a.host.run("kill", "-9", a.room_pid("checkers"))
    wait_until("checkers back", lambda: a.messages("RoomStatus") and all(m["phase"] == "running" for m in a.messages("RoomStatus")), 10)
    time.sleep(1)
    assert a.server("web1")["weight"] == 0 and settled(a, "web1")
    a.ctl("server", "set", "web1", "disable")
    wait_until("web1 disabled", lambda: not a.server("web1")["up"], 5)
    assert a.server("web1")["dead"]
    a.stop()
    wait_until("dir-b active", b.is_active, 10)
    a.start()
    wait_until("dir-a has web2 up", lambda: (a.server("web2") or {}).get("up"), 15)
    assert (a.server("web1")["up"], a.server("web1")["reason"]) == (False, "disabled by the operator")
    assert a.server("web2")["weight"] == 1
    assert a.server("web1")["override_since_unix_ms"] > 0

    a.ctl("server", "set", "web/web1", "enable")
    a.ctl("server", "set", "web/web2", "enable")
    wait_until("as the file says", lambda: all(a.server(name)["weight"] == 10 for name in site.servers), 10)
    wait_until("nothing is kept any more", lambda: (a.state_folder / "overrides").read_text() == "", 5)
    client.stop()


def test_who_is_not_there_cannot_be_set_and_a_word_ends_with_its_server(make_site):
    site = make_site()
    a = site.directors["dir-a"]
    site.start_servers()
    a.start()
    wait_until("web1 up", lambda: (a.server("web1") or {}).get("up"), 15)
    for words, error in ((("web9", "drain"), "no service has a server 'web9'"),
                         (("web/web9", "drain"), "service 'web' has no server 'web9'; it has web1"),
                         (("wep/web1", "drain"), "there is no service 'wep' here; there are web")):
        refused = a.ctl("server", "set", *words, check=False)
        assert refused.returncode == 1 and error in refused.stderr, refused
    assert a.ctl("server", "set", "web1", "weight", check=False).returncode == 2
    assert a.ctl("server", "set", "web1", "drain", 5, check=False).returncode == 2

    # A disk that takes nothing: the word holds, and it is said once.
    (a.state_folder / "overrides.new").mkdir()
    for what in ("drain", "disable", "drain"):
        a.ctl("server", "set", "web1", what)
        wait_until(what, lambda w=what: a.server("web1")["override"] == w, 5)
        time.sleep(0.3)
    assert a.log().count("OVERRIDES_NOT_KEPT") == 1
    (a.state_folder / "overrides.new").rmdir()
    a.ctl("server", "set", "web2", "drain")
    wait_until("kept again", lambda: "OVERRIDES_KEPT" in a.log(), 5)
    assert '"web1"' in (a.state_folder / "overrides").read_text()

    del site.document["services"]["web"]["servers"]["web1"]
    site.write()
    a.ctl("reload")
    wait_until("forgotten", lambda: "OVERRIDE_FORGOTTEN" in a.log(), 5)
    assert '"web1"' not in (a.state_folder / "overrides").read_text() or wait_until(
        "written", lambda: '"web1"' not in (a.state_folder / "overrides").read_text(), 5)
    assert '"web2"' in (a.state_folder / "overrides").read_text()

    # What another version wrote is left out and named; the rest is in force.
    a.stop()
    with open(a.state_folder / "overrides", "a") as file:
        file.write("rubbish\n")
    a.start()
    wait_until("web2 drained", lambda: (a.server("web2") or {}).get("override") == "drain", 15)
    assert "overrides:2: no word of this version, left out" in a.log()
    a.process.send_signal(signal.SIGTERM)
    assert a.process.wait(timeout=15) == 0
