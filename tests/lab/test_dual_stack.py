"""A whole site with both families: two directors, one virtual router, services of IPv4 and of IPv6."""

import re
import time

import pytest

from client import Client
from dual import CLIENT6, GATEWAY6, SERVERS6, VIP6, give
from topology import DIRECTORS, VIP
from world import wait_until

TAKEOVER_SECONDS = 3 + (256 - 100) / 256 + 0.5  # RFC 9568, 6.1, and half a second for a busy machine


def has6(director, address):
    return address in director.host.ip("-6", "addr", "show")


@pytest.mark.parametrize("method,servers_family", [("nat", 6), ("fullnat", 6), ("dr", 6), ("tun", 6), ("tun", 4)])
def test_a_killed_director_costs_one_takeover_and_no_connection_of_either_family(make_dual_site, method, servers_family):
    site = make_dual_site(method=method, servers_family=servers_family)
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    site.start()
    clients = [Client(site, vip, rate=50, seconds=60) for vip in (VIP, VIP6)]
    for client in clients:
        wait_until("traffic", lambda: len(client.requests) > 50 and client.download_state()[0] > 0, 10)
    wait_until("the peer has the IPv6 download", lambda: "ESTABLISHED" in b.ctl("flows", "--service", "web6").stdout, 5)

    killed = time.monotonic()
    a.kill()
    wait_until("dir-b active", b.is_active, TAKEOVER_SECONDS)
    for client in clients:
        outage = client.wait_gone_on(killed)
        print(f"{method}: outage {outage:.0f} ms")
        assert outage <= TAKEOVER_SECONDS * 1000

    a.start()
    wait_until("dir-a active again", a.is_active, 30)
    wait_until("dir-b backup", lambda: not b.is_active(), 5)
    time.sleep(1.5)
    for client in clients:
        client.stop()
        assert client.failed(0, killed) == []
        assert client.failed(killed + outage / 1000 + 0.1) == []
        assert client.download_state()[1] == ""
    assert not has6(b, VIP6) and not has6(b, GATEWAY6)


def test_an_ipv6_client_stays_with_its_server_over_a_failover_and_is_found_by_its_address(make_dual_site):
    def persistent(document):
        document["services"]["web6"] |= {"persistence": {"ipv6_prefix": 64}, "scheduler": "rr"}

    site = make_dual_site(change=persistent)
    second = "2001:db8:51::101"
    give(site.client, f"{second}/64", "eth0")
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    site.start()

    def servers_of(address):
        return {site.client.run("curl", "-s", "-m", "5", "--interface", address, f"http://[{VIP6}]/who").strip()
                for _ in range(6)}

    mine = servers_of(CLIENT6)
    assert len(mine) == 1 and servers_of(second) == mine
    assert "[2001:db8:51::10]:80/tcp nat" in a.ctl("status").stdout
    listed = a.ctl("flows", "--client", f"{CLIENT6}/128").stdout
    assert f"[{CLIENT6}]:" in listed and second not in listed and min(mine) in listed
    assert "web6" in a.ctl("stats").stdout
    wait_until("the peer knows the template", lambda: b.ctl("flows", "--state", "TEMPLATE", "--count").stdout == "1\n", 5)
    told = b.ctl("trace", CLIENT6).stdout
    assert "persistence: 2001:db8:51::/64 stays with " + min(mine) in told
    assert f"([{SERVERS6[min(mine)]}]:8080" in told and "web:" not in told
    assert a.stop() == 0
    wait_until("dir-b active", b.is_active, 5)
    assert servers_of(CLIENT6) == mine and servers_of(second) == mine
    assert "flows ended" in b.ctl("flows", "--kill", "--client", "2001:db8:51::/64").stdout


def test_the_peer_link_goes_by_ipv6_as_well(make_dual_site):
    """Each director's address for the other is one of IPv6, and so are both ends of the connection."""
    def by_ipv6(document):
        for name, last in DIRECTORS.items():
            document["directors"][name]["peer_address"] = f"fd00:1::{last}"

    site = make_dual_site(change=by_ipv6)
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    site.start()
    peers = a.host.run("ss", "-tnH", "state", "established")
    assert re.search(r"\[fd00:1::2\]\S+ +\[fd00:1::3\]", peers) and ":8421" in peers, peers
    clients = [Client(site, vip, rate=50, seconds=60) for vip in (VIP, VIP6)]
    for client, service in zip(clients, ("web", "web6")):
        wait_until("traffic", lambda: len(client.requests) > 50 and client.download_state()[0] > 0, 10)
        wait_until("the peer has the download", lambda: "ESTABLISHED" in b.ctl("flows", "--service", service).stdout, 5)
    for mine, other in (("dir-a", "dir-b"), ("dir-b", "dir-a")):
        assert [m["peer"] for m in site.directors[mine].messages("SyncStatus")] == [other]
    killed = time.monotonic()
    a.kill()
    wait_until("dir-b active", b.is_active, TAKEOVER_SECONDS)
    for client in clients:
        assert client.wait_gone_on(killed) <= TAKEOVER_SECONDS * 1000
    # It is taken up again when the other comes back, which waits until it is in step.
    a.start()
    wait_until("dir-a active again", a.is_active, 30)
    wait_until("in step", lambda: a.in_step() and b.in_step(), 5)
    for client in clients:
        at = client.download_state()[0]
        wait_until("the download goes on", lambda: client.download_state()[0] > at + 100_000, 10)
        client.stop()
        assert client.download_state()[1] == ""


def test_ipv6_servers_are_checked_and_leave(make_dual_site):
    site = make_dual_site()
    a = site.directors["dir-a"]
    site.start()
    site.servers["web1"].stop()
    wait_until("web1 is down in both", lambda: not a.server("web1")["up"] and not a.server("web1", "web6")["up"], 10)
    answered = {site.client.run("curl", "-s", "-m", "5", f"http://[{VIP6}]/who").strip() for _ in range(9)}
    assert answered == {"web2", "web3"}


def test_a_file_that_mixes_families_changes_nothing_and_says_why(make_dual_site):
    site = make_dual_site()
    a = site.directors["dir-a"]
    site.start()
    site.document["services"]["web6"]["servers"]["web1"]["address"] = "10.0.1.11"
    site.write()
    said = a.ctl("reload", check=False)
    assert said.returncode != 0
    assert "expected IPv6, as the service's (forward: nat does not cross families; tun does), found 10.0.1.11" in said.stdout + said.stderr
    assert site.client.run("curl", "-s", "-m", "5", f"http://[{VIP6}]/who").strip() in SERVERS6
