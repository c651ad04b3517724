"""The checkers room as a process, with a test as its supervisor and real servers.

The tests move into a network namespace of their own, in which 10.77.0.0/16 is here: a site file takes no loopback address
for a server. The namespace goes with the process.
"""

import ctypes
import datetime
import os
import resource
import socket
import ssl
import time
from pathlib import Path

import pytest

from certificates import Certificates
from everybody import for_everybody
from hostile import Hostile, answer, silent
from supervisor import RoomProcess
from world import run

ROOM = Path(os.environ.get("TANDEM_BIN", "/nonexistent")) / "tandem-checkers-room"


CLONE_NEWNET = 0x40000000


@pytest.fixture(scope="module", autouse=True)
def own_network():
    if os.geteuid() != 0:
        pytest.skip("makes a network namespace, which only root may")
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    assert libc.unshare(CLONE_NEWNET) == 0
    run("ip", "link", "set", "lo", "up")
    run("ip", "route", "add", "local", "10.77.0.0/16", "dev", "lo")
    yield
    assert libc.setns(home, CLONE_NEWNET) == 0
    os.close(home)


def site(servers, check="tcp: {}, interval: 200ms, timeout: 200ms, rise: 2, fall: 3"):
    """servers: {name: port}; the first has the address 10.77.0.1, and so on."""
    lines = [f"      {name}: {{ address: 10.77.{i >> 8}.{i & 255}, port: {port} }}\n"
             for i, (name, port) in enumerate(servers.items(), start=1)]
    return ("site: lab\ndirectors:\n  dir-a: { peer_address: 192.0.2.11 }\n"
            "services:\n  web:\n    address: 198.51.100.10\n    port: 80\n    forward: nat\n"
            f"    check: {{ {check} }}\n    servers:\n" + "".join(lines))


def listener(behave=silent):
    return Hostile(behave, host="0.0.0.0")


def server_is(name, up):
    return lambda kind, m: kind == "ServerHealth" and m["server"] == name and m["known"] and m["up"] is up


def test_a_cold_start_brings_up_who_answers_and_says_so():
    with listener() as well, socket.create_server(("0.0.0.0", 0)) as closed:
        dead = closed.getsockname()[1]
        closed.close()
        with RoomProcess(ROOM, site({"a": well.port, "b": dead})) as room:
            assert room.wait_for(lambda kind, _: kind == "RoomReady", 5)[1] == {"room": "checkers", "generation": 1}
            up = room.wait_for(server_is("a", True), 5)[1]
            assert (up["weight"], up["reason"], up["attempts"], up["failures"]) == (1, "connected", 1, 0)
            assert abs(up["since_unix_ms"] / 1000 - time.time()) < 5
            down = room.wait_for(server_is("b", False), 5)[1]
            assert (down["weight"], down["reason"]) == (0, "connection refused")
            room.wait_for(lambda kind, m: kind == "ServiceHealth" and m["up"] and m["servers_up"] == 1
                          and m["servers_total"] == 2, 5)
            assert room.event("CHECK_SERVER_UP", 5)["text"] == "a of web is up: connected"
            assert "connection refused" in room.event("CHECK_SERVER_DOWN", 5, "web/b")["text"]
            assert room.event("CHECK_SERVICE_UP", 5)["subject"] == "web"


def test_before_the_first_answer_everybody_is_down():
    with listener() as well, RoomProcess(ROOM, site({"a": well.port})) as room:
        first = room.wait_for(lambda kind, _: kind == "ServerHealth", 5)[1]
        assert (first["up"], first["known"], first["reason"]) == (False, False, "waiting for its first check")


def test_a_server_that_dies_is_down_after_fall_intervals_and_back_after_rise():
    with listener() as well, RoomProcess(ROOM, site({"a": well.port})) as room:
        room.wait_for(server_is("a", True), 5)
        begin, mark = time.monotonic(), len(room.heard)
        well.close()
        down = room.wait_for(server_is("a", False), 5, mark)[1]
        took = time.monotonic() - begin
        assert down["reason"] == "connection refused (3 in a row)"
        assert 0.3 <= took <= 1.2, took  # 2 to 3 intervals of 200 ms +-10 %, and what a loaded machine adds
        assert room.event("CHECK_SERVICE_DOWN", 5, start=mark)["severity"] == "error"
        mark = len(room.heard)
        with socket.create_server(("0.0.0.0", well.port)):
            assert room.wait_for(server_is("a", True), 5, mark)[1]["reason"] == "connected (2 in a row)"


def test_a_restarted_room_stands_where_it_stood():
    with listener() as well:
        with RoomProcess(ROOM, site({"a": well.port})) as room:
            room.wait_for(server_is("a", True), 5)
            room.wait_for(lambda kind, m: kind == "ServiceHealth" and m["up"], 5)
            room.listen(0.5)
            last = {}
            for kind, message in room.heard:
                if kind in ("ServerHealth", "ServiceHealth"):
                    last[kind] = {kind: message}
        gone = {"ServerHealth": dict(last["ServerHealth"]["ServerHealth"], server="gone")}
        with RoomProcess(ROOM, site({"a": well.port}), retained=[*last.values(), gone]) as room:
            heard = room.listen(2)
            assert ("Forget", {"kind": "ServerHealth", "of_key": "web/gone"}) in heard
            assert "ServiceHealth" not in [kind for kind, _ in heard]
            assert not room.events()
            later = room.wait_for(lambda kind, _: kind == "ServerHealth", 8)[1]
            assert later["up"] and later["attempts"] > 5
            assert later["since_unix_ms"] == last["ServerHealth"]["ServerHealth"]["since_unix_ms"]


def test_a_reload_touches_only_what_changed():
    with listener() as one, listener() as two:
        with RoomProcess(ROOM, site({"a": one.port, "b": two.port})) as room:
            room.wait_for(server_is("a", True), 5)
            room.wait_for(server_is("b", True), 5)
            room.listen(0.3)
            mark = len(room.heard)
            room.say_site(site({"a": one.port}), 2)
            room.wait_for(lambda kind, m: kind == "RoomReady" and m["generation"] == 2, 5)
            kinds = [kind for kind, _ in room.heard[mark:]]
            assert ("Forget", {"kind": "ServerHealth", "of_key": "web/b"}) in room.heard[mark:]
            assert [m for kind, m in room.heard[mark:] if kind == "ServerHealth" and m["reason"] != "connected"] == []
            assert "Event" not in kinds
            mark = len(room.heard)
            room.say_site(site({"a": two.port}), 3)  # another port: another server
            assert not room.wait_for(lambda kind, _: kind == "ServerHealth", 5, mark)[1]["known"]
            room.wait_for(server_is("a", True), 5, mark)


def test_an_http_check_says_what_was_wrong():
    with listener(answer(b"HTTP/1.1 503 Busy")) as busy:
        text = site({"a": busy.port}, "http: { path: /healthz, expect: 200-299 }, interval: 200ms, timeout: 200ms")
        with RoomProcess(ROOM, text) as room:
            down = room.event("CHECK_SERVER_DOWN", 5)
            assert down["text"] == "a of web is down and gets no connections: HTTP 503, expected 200-299"


def test_an_unreadable_trust_store_is_said_once_and_clearly(tmp_path):
    with listener() as well:
        text = site({"a": well.port}, f"https: {{ ca_file: {tmp_path}/none.pem }}, interval: 200ms, timeout: 200ms")
        with RoomProcess(ROOM, text) as room:
            said = room.event("CHECK_TRUST_UNUSABLE", 5)
            assert f"{tmp_path}/none.pem: No such file or directory" in said["text"]
            assert "trust store unusable" in room.event("CHECK_SERVER_DOWN", 5)["text"]


def test_a_certificate_that_ends_soon_is_warned_of_once_and_the_server_stays_up(tmp_path):
    made = Certificates(tmp_path)
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3, hours=1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*made.leaf("soon", end=soon.strftime("%Y%m%d%H%M%SZ")))
    with Hostile(answer(b"HTTP/1.1 200 OK"), tls_context=context, host="0.0.0.0") as server:
        text = site({"a": server.port}, f"https: {{ host: www.site.example, ca_file: {made.ca} }}, interval: 200ms, timeout: 1s")
        with RoomProcess(ROOM, text) as room:
            said = room.event("CHECK_CERTIFICATE_WARNING", 5)
            assert said["text"] == "a of web (check) is up, but its certificate expires in 3 days"
            up = room.wait_for(server_is("a", True), 5)[1]
            assert up["reason"] == "HTTP 200 over TLS; its certificate expires in 3 days"
            mark = len(room.heard)
            room.listen(1)
            assert "CHECK_CERTIFICATE_WARNING" not in [m["id"] for kind, m in room.heard[mark:] if kind == "Event"]
            context.load_cert_chain(*made.leaf("renewed"))
            room.event("CHECK_CERTIFICATE_WELL", 5, start=mark)


def test_the_room_needs_no_right_at_all():
    def become_nobody():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

    with (for_everybody(ROOM) as program, listener() as well,
          RoomProcess(program, site({"a": well.port}), before=become_nobody) as room):
        room.wait_for(server_is("a", True), 5)
        status = open(f"/proc/{room.process.pid}/status").read()
        assert "CapEff:\t0000000000000000" in status


def test_without_descriptors_checks_degrade_and_nobody_is_taken_down():
    with listener() as well:
        servers = {f"s{i}": well.port for i in range(200)}
        with RoomProcess(ROOM, site(servers, "tcp: {}, interval: 500ms, timeout: 500ms")) as room:
            room.wait_for(lambda kind, m: kind == "ServiceHealth" and m["servers_up"] == 200, 20)
            mark, cpu = len(room.heard), room.cpu_seconds()
            usual = resource.prlimit(room.process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(room.process.pid, resource.RLIMIT_NOFILE, (3, usual[1]))
            said = room.event("CHECK_STRAINED", 5, start=mark)
            assert "file descriptors" in said["text"]
            room.listen(3)
            assert room.cpu_seconds() - cpu < 0.4  # nothing spins
            assert "CHECK_SERVER_DOWN" not in room.events()[room.events().index("CHECK_STRAINED"):]
            resource.prlimit(room.process.pid, resource.RLIMIT_NOFILE, usual)
            room.listen(3)
            accepted = well.accepted
            room.listen(2)
            assert well.accepted - accepted > 400  # the full pace again


def test_a_program_with_a_user_is_the_supervisors_to_run():
    """The room says which check it is, and nothing of what is to be run."""
    check = "exec: { command: /bin/true --secret, user: nobody }, interval: 200ms, timeout: 300ms, rise: 1, fall: 1"
    with RoomProcess(ROOM, site({"a": 80}, check)) as room:
        def asked(mark):
            return room.wait_for(lambda kind, m: kind == "ExecRequest" and not m["cancel"], 5, mark)[1]

        def answer(request, end, code=0, output=""):
            room.say({"ExecResult": {"id": request["id"], "end": end, "exit_code": code, "output": output}})

        request = asked(0)
        assert request == {"id": request["id"], "cancel": False, "service": "web", "server": "a", "check": "check"}
        for turn, (end, code, output, up, words) in enumerate((
                ("exited", 0, "well", True, "well"),
                ("exited", 1, "ill", False, "exit code 1: ill"),
                ("exited", 12, "half", True, "half"),
                ("timed_out", 0, "slow", False, "the script: did not end in time and was killed: slow"),
                ("exited", 0, "", True, "exit code 0"),
                ("killed", 9, "", False, "the script: ended by signal 9"),
                ("exited", 0, "well", True, "well"),
                ("not_started", 0, "failed to execute", False, "the script: could not be started: failed to execute"))):
            mark = len(room.heard)
            answer(request, end, code, output)
            said = room.wait_for(server_is("a", up), 5, mark)[1]
            assert said["reason"] == words, turn
            if up:
                assert said["checks"][0]["weight"] == ("10" if code == 12 else ""), turn
            request = asked(mark)
        # Not run: nothing was learnt. An answer that nobody waits for is left alone.
        mark = len(room.heard)
        answer(request, "not_run", output="too many")
        answer({"id": 12345}, "exited")
        later = asked(mark)
        # No answer at all: the room gives up a second after its time, and asks again.
        cancelled = room.wait_for(lambda kind, m: kind == "ExecRequest" and m["cancel"], 5, mark)[1]
        assert cancelled["id"] == later["id"]
        assert not [m for kind, m in room.heard[mark:] if kind == "ServerHealth" and m["up"]]
        last = room.wait_for(lambda kind, m: kind == "ExecRequest" and not m["cancel"] and m["id"] > later["id"], 5, mark)[1]
        # A server that is taken away is not asked any more.
        room.say_site(site({"b": 80}, check), 2)
        room.wait_for(lambda kind, m: kind == "ExecRequest" and m["cancel"] and m["id"] == last["id"], 5, mark)
        room.wait_for(lambda kind, m: kind == "ExecRequest" and m["server"] == "b", 5, mark)


def test_it_ends_when_told_to():
    with listener() as well, RoomProcess(ROOM, site({"a": well.port})) as room:
        room.wait_for(server_is("a", True), 5)
        begin = time.monotonic()
        room.say({"Stop": {}})
        assert room.process.wait(timeout=5) == 0
        assert time.monotonic() - begin < 0.5
