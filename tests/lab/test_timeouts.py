"""How long flows are remembered, by service and state: a reload changes it for the flows there are, on both directors."""

import socket
import time

import pytest

from ends import closed_for_good, connect, datagrams, flows, listen, pair, talk, with_hold
from topology import SERVERS, VIP
from world import entered, wait_until

NOBODY = "10.0.1.99"  # no host has it, so no SYN is answered
DEFAULTS = {"ESTABLISHED": 900, "SYN_RECV": 60, "FIN_WAIT": 120, "TIME_WAIT": 120, "CLOSE_WAIT": 60, "CLOSE": 40, "UDP": 300}
TICK = 0.135  # flow_table.h


def services(document):
    with_hold(document, VIP, SERVERS["web1"], timeouts={"close": "40s"})  # the state's own 10 s may be over too soon
    document["services"]["silent"] = {"address": VIP, "port": 9100, "check": "none", "servers": {"none": {"address": NOBODY, "port": 9100}}}
    document["services"]["names"] = {"address": VIP, "port": 53, "protocol": "udp", "check": "none",
                                     "servers": {"web1": {"address": SERVERS["web1"], "port": 5353}}}


class Ends:
    """A connection in each state, and who holds it."""

    def __init__(self, site):
        client, self.server = site.client, listen(site.servers["web1"].host, 9001)
        self.by_state = {state: pair(client, self.server, VIP) for state in ("ESTABLISHED", "FIN_WAIT", "TIME_WAIT", "CLOSE_WAIT", "CLOSE")}
        self.ports = {state: ends[0].getsockname()[1] for state, ends in self.by_state.items()}
        self.by_state["FIN_WAIT"][1].shutdown(socket.SHUT_WR)
        self.by_state["TIME_WAIT"][1].shutdown(socket.SHUT_WR)
        assert self.by_state["TIME_WAIT"][0].recv(1) == b""
        self.by_state["TIME_WAIT"][0].close()
        self.by_state["CLOSE_WAIT"][0].shutdown(socket.SHUT_WR)
        closed_for_good(self.by_state["CLOSE"][0])
        with entered(client.ns):
            self.asking = socket.socket()
        self.asking.setblocking(False)
        self.asking.connect_ex((VIP, 9100))
        self.ports["SYN_RECV"] = self.asking.getsockname()[1]
        self.questions = datagrams(client)
        self.questions.sendto(b"?", (VIP, 53))
        self.ports["UDP"] = self.questions.getsockname()[1]

    def lasting(self, director):
        """By state: how long its flow lasts from its last packet on, in seconds; None where there is no such flow now."""
        told = {flow["client_port"]: flow for flow in flows(director)}
        return {state: (told[port]["idle_ms"] + told[port]["expires_ms"]) / 1000 if told.get(port, {}).get("state") == state else None
                for state, port in self.ports.items()}


def near(lasting, expected):
    """Times are kept in ticks, and rounded where the peer is told."""
    return lasting.keys() == expected.keys() and all(
        lasting[state] is not None and abs(lasting[state] - expected[state]) < 4 * TICK for state in expected)


def test_a_reload_changes_the_timeouts_of_standing_flows_by_state(make_site):
    site = make_site(change=services)
    a, b = directors = list(site.directors.values())
    site.start()
    ends = Ends(site)
    wait_until("a flow in each state, with the states' own timeouts", lambda: near(ends.lasting(a), DEFAULTS), 5)
    web = connect(site.client, VIP, 80)
    site.document["services"]["hold"]["timeouts"] = {"established": "10m", "fin_wait": "90s", "time_wait": "80s", "close_wait": "70s", "close": "50s"}
    site.document["services"]["silent"]["timeouts"] = {"syn_recv": "110s"}
    site.document["services"]["names"]["timeouts"] = {"udp": "100s"}
    site.write()
    for director in directors:
        director.ctl("reload")
    expected = {"ESTABLISHED": 600, "FIN_WAIT": 90, "TIME_WAIT": 80, "CLOSE_WAIT": 70, "CLOSE": 50, "SYN_RECV": 110, "UDP": 100}
    assert near(ends.lasting(a), expected), ends.lasting(a)
    wait_until("the peer says the same", lambda: near(ends.lasting(b), expected), 5)
    other = flows(a, "--client-port", web.getsockname()[1])[0]
    assert abs(other["idle_ms"] + other["expires_ms"] - 900_000) < 1000, "another service keeps its own"
    talk(ends.by_state["ESTABLISHED"])


def test_what_is_idle_for_too_long_goes_and_what_is_used_stays(make_site):
    site = make_site(change=services)
    a, b = directors = list(site.directors.values())
    site.start()
    ends = Ends(site)
    used = pair(site.client, ends.server, VIP)
    site.document["services"]["hold"]["timeouts"] = {"established": "6s", "fin_wait": "2s", "time_wait": "1s", "close_wait": "2s", "close": "1s"}
    site.write()
    for director in directors:
        director.ctl("reload")
    port = used[0].getsockname()[1]

    def left(director):
        talk(used)
        return [flow["client_port"] for flow in flows(director, "--service", "hold")]
    for director in directors:
        wait_until(f"only the one in use is left on {director.name}", lambda: left(director) == [port], 20, every=0.5)
    begin = time.monotonic()
    while time.monotonic() < begin + 8:  # longer than it is remembered without a packet
        assert left(a) == left(b) == [port]
        time.sleep(0.5)
    # Whose flow is forgotten is reset, as the service says of what no flow knows.
    forgotten = ends.by_state["ESTABLISHED"][0]
    forgotten.settimeout(15)  # longer than the silence after a takeover
    forgotten.sendall(b"anybody?")
    with pytest.raises(ConnectionResetError):
        forgotten.recv(1)
