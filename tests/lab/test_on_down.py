"""What becomes of connections whose server goes down (action_on_down), and servers that fail real clients while their checks pass
(passive), with real packets through a director."""

import re
import time

import pytest

from client import Client
from topology import VIP
from world import wait_until


def alone(document, **more):
    """One director, no peer link; the service with more keys."""
    del document["directors"]["dir-b"], document["peer_link"]
    document["services"]["web"].update(more)


def start(site):
    site.start_servers()
    director = site.directors["dir-a"]
    director.start()
    wait_until("all servers up", lambda: all((director.server(name) or {}).get("up") for name in site.servers), 20)
    wait_until("active", director.is_active, 20)
    return director


def server_of_the_download(director):
    """The only one with an established connection that stays."""
    def busy():
        names = {}
        for _ in range(4):
            for m in director.messages("ServerStats"):
                if m["active_connections"] > 0:
                    names[m["server"]] = names.get(m["server"], 0) + 1
            time.sleep(0.3)
        return [name for name, count in names.items() if count == 4]
    wait_until("one server with the download", lambda: len(busy()) == 1, 20)
    return busy()[0]


@pytest.mark.parametrize("action", ["keep", "reset", "reselect"])
def test_the_connections_of_a_server_that_goes_down(make_site, action):
    site = make_site(change=lambda document: alone(document, action_on_down=action))
    director = start(site)
    client = Client(site, VIP, rate=1, seconds=90)
    wait_until("the download", lambda: client.download_state()[0] > 100_000, 20)
    name = server_of_the_download(director)
    before, began = client.download_state()[0], time.monotonic()
    director.ctl("server", "set", name, "disable")
    if action == "keep":
        wait_until("it goes on", lambda: client.download_state()[0] > before + 500_000, 20)
        assert client.download_state()[1] == "", "a server that is only taken out still serves what it has"
    else:
        # The client acknowledges all the time: its next segment ends the connection, by us or by the other server.
        wait_until("the client learns it", lambda: "ConnectionReset" in client.download_state()[1], 10, every=0.01)
        print(f"{action}: the client was reset {time.monotonic() - began:.3f} s after the server was taken out")
    assert director.server(name)["dead"]
    client.stop()


def fails_real_clients(server, how):
    """The director's checks come from 10.0.1.x; clients from 198.51.100.x get silence or a refusal."""
    server.host.run("nft", "add table ip lab; add chain ip lab in { type filter hook input priority 0; }; "
                    f"add rule ip lab in ip saddr 198.51.100.0/24 tcp dport 8080 tcp flags syn {how}")


def is_well_again(server):
    server.host.run("nft", "delete table ip lab")


@pytest.mark.parametrize("how, word", [("drop", "not answered"), ("reject with tcp reset", "reset")])
def test_a_server_that_fails_real_clients_goes_down_although_its_checks_pass(make_site, how, word):
    # The lab's client has one address.
    passive = {"minimum": 10, "clients": 1, "window": "10s", "hold": "3s", "failures": "30%"}
    site = make_site(change=lambda document: alone(document, passive=passive, scheduler="rr"))
    director = start(site)
    client = Client(site, VIP, rate=60, seconds=90, download=False)
    wait_until("traffic", lambda: len(client.requests) > 60, 10)
    fails_real_clients(site.servers["web1"], how)
    began = time.monotonic()
    wait_until("web1 down", lambda: not director.server("web1")["up"], 20, every=0.05)
    print(f"{how}: down {time.monotonic() - began:.2f} s after it began to fail its clients")
    down = director.server("web1")
    assert down["reason"].startswith("clients: ") and "failed within 10s" in down["reason"], down["reason"]
    assert not re.search(rf"\b0 {word}", down["reason"]), down["reason"]
    assert down["checks"][0]["recent"][-1]["passed"], "its check saw nothing"
    assert "clients: " in director.ctl("why", "web1").stdout
    since = time.monotonic() + 1.5  # SYNs on their way are sent again, to another server
    time.sleep(2.5)
    assert client.failed(since) == []
    is_well_again(site.servers["web1"])
    wait_until("web1 back by its checks", lambda: director.server("web1")["up"], 15)
    client.stop()
    assert all(director.server(name)["up"] for name in site.servers)


def test_one_client_alone_takes_no_server_down(make_site):
    site = make_site(change=lambda document: alone(document, passive={}, scheduler="rr"))
    director = start(site)
    fails_real_clients(site.servers["web1"], "reject with tcp reset")
    client = Client(site, VIP, rate=60, seconds=30, download=False)
    wait_until("many failures", lambda: len(client.failed()) > 100, 20)
    assert director.server("web1")["up"], "five different clients are wanted, and there is one"
    client.stop()
