"""TCP in the midst of a connection that no flow knows (out_of_state): what a client sees of each policy, after its flow was killed and
after a takeover by a director that was told of nothing."""

import http.client

import pytest

from ends import connect, counters, flows
from topology import VIP
from world import wait_until

POLICIES = ("reset", "drop", "accept")


def with_policy(policy, **more):
    def change(document):
        document["services"]["web"] |= {"out_of_state": policy, "scheduler": "mh", "scheduler_options": {"port": True},
                                        "timeouts": {"close": "1s"}, **more}
    return change


class Connection:
    """One that is kept, and which server is at its other end."""

    def __init__(self, site):
        self.http = http.client.HTTPConnection(VIP)
        self.http.sock = connect(site.client, VIP, 80)
        self.port = self.http.sock.getsockname()[1]
        self.server = self.ask()

    def ask(self, seconds=20):
        self.http.sock.settimeout(seconds)
        self.http.request("GET", "/who")
        return self.http.getresponse().read().decode().strip()


def sees(policy, connection, director):
    """The client goes on as if nothing had happened."""
    if policy == "accept":
        assert connection.ask() == connection.server, "the hash leads to the server it was on"
        assert [f["state"] for f in flows(director, "--client-port", connection.port)] == ["ESTABLISHED"]
    elif policy == "reset":
        with pytest.raises(ConnectionResetError):
            connection.ask()  # again and again, until a takeover is long enough ago
    else:
        before = counters(director)["resets_made"]
        with pytest.raises(TimeoutError):
            connection.ask(seconds=8)
        after = counters(director)
        assert after["resets_made"] == before and after["drop_out_of_state"] >= 3


@pytest.mark.parametrize("policy", POLICIES)
def test_a_client_whose_flow_was_killed(make_site, policy):
    site = make_site(change=with_policy(policy))
    a = site.directors["dir-a"]
    site.start()
    at_once, later = Connection(site), Connection(site)
    for connection in (at_once, later):
        assert a.ctl("flows", "--kill", "--client-port", connection.port).stdout == "1 flow ended\n"
        if connection is at_once:
            with pytest.raises(ConnectionResetError):  # killed is killed, whatever the policy
                connection.ask()
    wait_until("it is forgotten", lambda: flows(a, "--client-port", later.port) == [], 10)
    sees(policy, later, a)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_client_of_a_dead_director_whose_flows_nobody_was_told(make_site, policy):
    def change(document):
        with_policy(policy)(document)
        del document["peer_link"]

    site = make_site(change=change)
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    site.start()
    connection = Connection(site)
    a.kill()
    wait_until("dir-b active", b.is_active, 15)
    assert flows(b) == []
    sees(policy, connection, b)
    if policy == "reset":
        wait_until("the reset is counted", lambda: counters(b)["resets_made"] == 1, 5)
        assert counters(b)["drop_out_of_state"] >= 2, "silent in the first seconds"


def test_a_reload_changes_the_policy(make_site):
    site = make_site(change=with_policy("drop"))
    a = site.directors["dir-a"]
    site.start()
    connection = Connection(site)
    a.ctl("flows", "--kill", "--client-port", connection.port)
    wait_until("it is forgotten", lambda: flows(a, "--client-port", connection.port) == [], 10)
    site.document["services"]["web"]["out_of_state"] = "accept"
    site.write()
    a.ctl("reload")
    sees("accept", connection, a)
