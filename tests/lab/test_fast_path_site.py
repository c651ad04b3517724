"""The fast path in the whole daemon: what becomes of connections that it carries when their server goes down, and what stays when the
daemon ends."""

import os
import signal

import pytest

from ends import connect, counters, flows, listen, with_hold
from fast import Stream
from topology import SERVERS, VIP
from world import wait_until

OURS = "fast_forward"


class Held:
    """A site of one director with a service `hold`, whose both ends the test holds."""

    def __init__(self, make_site, method, **more):
        def change(document):
            del document["directors"]["dir-b"], document["peer_link"]
            with_hold(document, VIP, SERVERS["web1"], forward=method, **more)
            if method == "dr":
                document["services"]["hold"]["servers"]["web1"]["port"] = 9000

        self.site = make_site(method=method, change=change)
        self.site.start_servers()
        self.director = self.site.directors["dir-a"]
        self.director.start()
        wait_until("active", self.director.is_active, 20)
        wait_until("the server is in", lambda: (self.director.server("web1", "hold") or {}).get("up"), 20)
        self.client, self.vip = self.site.client, VIP
        self.listener = listen(self.site.servers["web1"].host, 9000 if method == "dr" else 9001)

    def connect(self):
        mine = connect(self.client, VIP, 9000)
        return mine, self.listener.accept()[0]

    def under_way(self):
        """A stream of the client's that takes the fast path."""
        stream = Stream(self, up=True)
        wait_until("the fast path is taken", lambda: counters(self.director)["fast_to_servers"] > 100, 20, every=0.1)
        return stream

    def take_out(self):
        self.director.ctl("server", "set", "hold/web1", "disable")
        wait_until("it is out", lambda: self.director.server("web1", "hold")["dead"], 10)

    def filters(self):
        return "".join(self.director.host.run("tc", "filter", "show", "dev", interface, "ingress") for interface in ("eth0", "eth1"))


both = pytest.mark.parametrize("method", ["nat", "dr"])


@both
def test_connections_of_a_server_that_goes_down_are_reset_where_it_is_so_said(make_site, method):
    held = Held(make_site, method, action_on_down="reset")
    stream = held.under_way()
    held.take_out()
    wait_until("the client learns it", lambda: stream.errors, 10)
    assert isinstance(stream.errors[0], ConnectionResetError)


@both
def test_connections_of_a_server_that_goes_down_are_kept_where_it_is_so_said(make_site, method):
    held = Held(make_site, method, action_on_down="keep")
    stream = held.under_way()
    held.take_out()
    stream.moves(8 << 20)
    held.director.ctl("server", "set", "hold/web1", "enable")
    wait_until("it is in", lambda: not held.director.server("web1", "hold")["dead"], 10)
    stream.moves(8 << 20)
    stream.end()


def test_a_connection_that_is_killed_ends(make_site):
    held = Held(make_site, "nat")
    stream = held.under_way()
    port = stream.ends[0].getsockname()[1]
    assert [flow["state"] for flow in flows(held.director, "--client-port", port)] == ["ESTABLISHED"]
    held.director.ctl("flows", "--client-port", port, "--kill")
    wait_until("the client learns it", lambda: stream.errors, 10)
    assert isinstance(stream.errors[0], ConnectionResetError)


def test_the_end_of_the_daemon_leaves_no_filter(make_site):
    held = Held(make_site, "nat")
    assert held.filters().count(f"handle 0x7464 {OURS}") == 2
    held.under_way()
    assert held.director.stop() == 0
    assert "clsact" not in held.director.host.run("tc", "qdisc", "show")


def test_a_killed_forwarding_room_takes_the_fast_path_up_again_and_the_cleaner_takes_what_is_left(make_site):
    held = Held(make_site, "nat")
    stream = held.under_way()
    room = held.director.room_pid("forwarding")
    os.kill(room, signal.SIGKILL)
    wait_until("another one", lambda: held.director.room_pid("forwarding") not in (None, 0, room), 10)
    stream.moves()
    stream.end()
    held.under_way()
    held.director.kill()
    assert OURS in held.filters()
    held.director.after_crash()
    assert "clsact" not in held.director.host.run("tc", "qdisc", "show")
