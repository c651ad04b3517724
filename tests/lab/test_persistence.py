"""Persistence on two directors: a client stays with its server, over a failover too, and leaves it when that is drained."""

from client import Client
from topology import VIP
from world import wait_until

SECOND = "198.51.100.101"


def persistent(**keys):
    def change(document):
        document["services"]["web"]["persistence"] = keys or None
        document["services"]["web"]["scheduler"] = "rr"
    return change


def servers_of(site, address, count=6):
    """Who answered `count` connections from that address of the client."""
    return {site.client.run("curl", "-s", "-m", "5", "--interface", address, f"http://{VIP}/who").strip()
            for _ in range(count)}


def test_a_client_stays_with_its_server_over_a_failover(make_site):
    site = make_site(change=persistent())
    site.client.ip("addr", "add", f"{SECOND}/24", "dev", "eth0")
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    site.start()
    first, second = servers_of(site, "198.51.100.100"), servers_of(site, SECOND)
    assert len(first) == 1 and len(second) == 1 and first != second
    client = Client(site, VIP, rate=50, seconds=60)
    wait_until("the peer knows both", lambda: b.ctl("flows", "--state", "TEMPLATE", "--count").stdout == "2\n", 5)
    assert "stays with " + min(second) in b.ctl("trace", SECOND).stdout
    assert a.stop() == 0
    wait_until("dir-b active", b.is_active, 5)
    assert servers_of(site, "198.51.100.100") == first and servers_of(site, SECOND) == second
    client.stop()
    assert {r["server"] for r in client.requests if r["ok"]} == first

    # Drained, the server loses its client for good; the other client notices nothing.
    name = min(second)
    site.document["services"]["web"]["servers"][name]["weight"] = 0
    site.write()
    b.ctl("reload")
    moved = servers_of(site, SECOND)
    assert len(moved) == 1 and moved != second
    site.document["services"]["web"]["servers"][name]["weight"] = 10
    site.write()
    b.ctl("reload")
    assert servers_of(site, SECOND) == moved and servers_of(site, "198.51.100.100") == first


def test_clients_of_one_network_are_one(make_site):
    site = make_site(change=persistent(ipv4_prefix=24, timeout="2s"))
    site.client.ip("addr", "add", f"{SECOND}/24", "dev", "eth0")
    a = site.directors["dir-a"]
    site.start()
    assert len(servers_of(site, "198.51.100.100") | servers_of(site, SECOND)) == 1
    assert a.ctl("flows", "--state", "TEMPLATE", "--count").stdout == "1\n"
    # The flows of the requests last two minutes (FIN_WAIT), and as long the template.
    a.ctl("flows", "--kill", "--state", "FIN_WAIT")
    a.ctl("flows", "--kill", "--state", "TIME_WAIT")
    wait_until("the template is over", lambda: a.ctl("flows", "--state", "TEMPLATE", "--count").stdout == "0\n", 30, 0.5)
