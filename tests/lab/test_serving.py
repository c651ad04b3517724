"""Who gets new connections, as the checkers room says it: several checks a server, quorum and sorry server, spares, shares of
weights, the operator's word, and all of it over a restart of the room. Real servers, in a network namespace of their own.
"""

import time

from hostile import silent
from supervisor import RoomProcess
from test_checkers_room import ROOM, listener, own_network  # noqa: F401 (a fixture)


def site(servers, more="", checks="check: { tcp: {}, interval: 100ms, timeout: 100ms, rise: 2, fall: 2 }"):
    """servers: {name: (port, more keys)}; the first has the address 10.77.0.1, and so on."""
    lines = [f"      {name}: {{ address: 10.77.0.{i}, port: {port}{', ' if keys else ''}{keys} }}\n"
             for i, (name, (port, keys)) in enumerate(servers.items(), start=1)]
    return ("site: lab\ndirectors:\n  dir-a: { peer_address: 192.0.2.11 }\n"
            "services:\n  web:\n    address: 198.51.100.10\n    port: 80\n    forward: nat\n"
            f"    {checks}\n{more}    servers:\n" + "".join(lines))


def server_is(name, **wanted):
    return lambda kind, m: (kind == "ServerHealth" and m["server"] == name
                            and all(m[key] == value for key, value in wanted.items()))


def service_is(**wanted):
    return lambda kind, m: kind == "ServiceHealth" and all(m[key] == value for key, value in wanted.items())


def last_words(room):
    said = {}
    for kind, m in room.heard:
        if kind in ("ServerHealth", "ServiceHealth"):
            said[kind, m["service"], m.get("server")] = {kind: m}
    return list(said.values())


def test_a_sorry_server_stands_in_while_the_quorum_is_gone():
    with listener() as one, listener() as two, listener() as sorry:
        servers = {"a": (one.port, ""), "b": (two.port, ""), "sorry": (sorry.port, "sorry: true")}
        with RoomProcess(ROOM, site(servers, "    quorum: 2\n")) as room:
            room.wait_for(server_is("a", in_rotation=True, weight=1), 5)
            room.wait_for(server_is("b", in_rotation=True, weight=1), 5)
            room.wait_for(service_is(up=True, sorry_in_use=False, quorum_has=2, quorum_total=2, quorum=2), 5)
            assert "CHECK_SORRY_IN_USE" not in room.events(), "a start is no emergency"
            mark, begin = len(room.heard), time.monotonic()
            two.close()
            room.wait_for(server_is("sorry", in_rotation=True, weight=1), 5, mark)
            print(f"the sorry server is in use {time.monotonic() - begin:.3f} s after a server died")
            assert room.wait_for(server_is("a", in_rotation=False, up=True, dead=False, weight=0), 5, mark)
            down = room.event("CHECK_SERVICE_DOWN", 5, start=mark)
            assert down["text"] == "web has lost its quorum (weight up: 1 of 2, quorum 2)"
            room.event("CHECK_SORRY_IN_USE", 5, start=mark)
            # A restarted room stands where it stood.
            words = last_words(room)
        with RoomProcess(ROOM, site(servers, "    quorum: 2\n"), retained=words) as room:
            room.listen(1)
            assert [m for kind, m in room.heard if kind == "ServiceHealth"] == []
            assert room.events() == []
            mark = len(room.heard)
            with listener(silent) as again:
                servers["b"] = (again.port, "")
                room.say_site(site(servers, "    quorum: 2\n"), 2)
                room.wait_for(server_is("sorry", in_rotation=False, weight=0), 5, mark)
                room.wait_for(server_is("a", in_rotation=True, weight=1), 5, mark)
                room.event("CHECK_SORRY_OVER", 5, start=mark)


def test_every_check_of_a_server_is_told_by_name():
    checks = ("checks: { app: { tcp: {}, interval: 100ms, fall: 1 }, "
              "cache: { tcp: {}, port: PORT, interval: 100ms, fall: 1, weight_when_down: 50% } }")
    with listener() as app, listener() as cache:
        text = site({"a": (app.port, "weight: 4")}, checks=checks.replace("PORT", str(cache.port)))
        with RoomProcess(ROOM, text) as room:
            room.wait_for(server_is("a", weight=400, scale=100), 5)
            cache.close()
            half = room.wait_for(server_is("a", weight=200, share=50, up=True), 5)[1]
            assert [(c["name"], c["type"], c["up"]) for c in half["checks"]] == [("app", "tcp", True), ("cache", "tcp", False)]
            assert half["checks"][1]["reason"] == "connection refused"
            mark = len(room.heard)
            app.close()
            assert room.wait_for(server_is("a", up=False), 5, mark)[1]["reason"] == "connection refused"


def test_a_spare_serves_only_while_it_must():
    with listener() as one, listener() as spare:
        servers = {"a": (one.port, ""), "s": (spare.port, "group: 2")}
        with RoomProcess(ROOM, site(servers)) as room:
            room.wait_for(server_is("s", up=True, in_rotation=False), 5)
            mark = len(room.heard)
            one.close()
            room.wait_for(server_is("s", up=True, in_rotation=True, weight=1), 5, mark)
            assert room.event("CHECK_GROUPS", 5, start=mark)["text"] == "web serves from groups 1 to 2"
            room.wait_for(service_is(up=True, groups_in_use=2), 5, mark)


def test_a_server_that_comes_back_grows_slowly_also_over_a_restart():
    with listener() as one:
        text = site({"a": (one.port, "")}, "    slow_start: 3s\n")
        with RoomProcess(ROOM, text) as room:
            room.wait_for(server_is("a", weight=100), 5)
            port = one.port
            one.close()
            room.wait_for(server_is("a", up=False, known=True), 5)
            mark = len(room.heard)
            with listener() as other:
                room.say_site(site({"a": (other.port, "")}, "    slow_start: 3s\n"), 2)
                first = room.wait_for(server_is("a", up=True), 5, mark)[1]
                assert (first["weight"], first["share"]) == (10, 10), port
                room.wait_for(server_is("a", weight=20), 5, mark)
                words = last_words(room)
                with RoomProcess(ROOM, site({"a": (other.port, "")}, "    slow_start: 3s\n"), retained=words) as again:
                    grown = []
                    again.wait_for(lambda kind, m: kind == "ServerHealth" and (grown.append(m["weight"]) or m["weight"] == 100), 8)
                    assert grown == sorted(grown) and grown[0] >= 20, grown


def test_the_operators_word_is_done_and_taken_back():
    with listener() as one:
        override = {"service": "web", "server": "a", "kind": "drain", "weight": 0, "since_unix_ms": 1234}
        with RoomProcess(ROOM, site({"a": (one.port, "")}), retained=[{"Override": override}]) as room:
            said = room.wait_for(server_is("a", up=True, weight=0, in_rotation=True), 5)[1]
            assert (said["override"], said["override_since_unix_ms"]) == ("drain", 1234)
            room.say({"Override": dict(override, kind="weight", weight=7)})
            room.wait_for(server_is("a", weight=7), 5)
            room.say({"Override": dict(override, kind="disable")})
            down = room.wait_for(server_is("a", up=False, dead=True, weight=0), 5)[1]
            assert down["reason"] == "disabled by the operator"
            mark = len(room.heard)
            room.say({"Forget": {"kind": "Override", "of_key": "web/a"}})
            room.wait_for(server_is("a", up=True, weight=1, override="none"), 5, mark)


def test_what_clients_met_takes_a_server_down_and_its_checks_bring_it_back():
    with listener() as one, listener() as two:
        text = site({"a": (one.port, ""), "b": (two.port, "")}, "    passive: { hold: 1s }\n")
        with RoomProcess(ROOM, text) as room:
            room.wait_for(server_is("a", up=True), 5)
            room.wait_for(server_is("b", up=True), 5)
            report = {"service": "web", "server": "a", "opened": 40, "unanswered": 30, "resets": 0, "client_marks": 1}
            room.say({"PassiveHealth": report})
            assert not [m for kind, m in room.listen(0.5) if kind == "ServerHealth" and not m["up"]], "one client alone"
            mark, begin = len(room.heard), time.monotonic()
            room.say({"PassiveHealth": dict(report, client_marks=0x0123456789abcdef)})
            down = room.wait_for(server_is("a", up=False), 5, mark)[1]
            assert down["reason"].startswith("clients: 60 of 80 connections of "), down["reason"]
            room.say({"PassiveHealth": dict(report, server="b", client_marks=0x0123456789abcdef)})
            room.event("CHECK_PASSIVE_SPARED", 5, "web/b", mark)
            room.wait_for(server_is("a", up=True), 10, mark)
            assert time.monotonic() - begin >= 1
