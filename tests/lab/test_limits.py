"""Limits on new connections as real clients meet them: of each client, of a service in all, of TCP and of UDP."""

import select
import socket

import pytest

from dual import CLIENT6, VIP6, give
from ends import closed_for_good, connect, counters, datagrams, echo, listen, pair, talk, with_hold
from topology import SERVERS, VIP
from world import entered, wait_until

FIRST, SECOND = "198.51.100.100", "198.51.100.101"


def limited(make_site, **limits):
    """(site, director, the server's listener). One director, whose limits are of `hold` and of `names`."""
    def change(document):
        del document["peer_link"], document["directors"]["dir-b"]
        document["virtual_routers"]["web"]["start_hold_down"] = "0s"
        document["services"]["web"]["check"] = "none"
        with_hold(document, VIP, SERVERS["web1"], limits=limits)
        document["services"]["names"] = {"address": VIP, "port": 53, "protocol": "udp", "check": "none", "limits": limits,
                                         "servers": {"web1": {"address": SERVERS["web1"], "port": 5353}}}
    site = make_site(change=change)
    site.client.ip("addr", "add", f"{SECOND}/24", "dev", "eth0")
    site.start_servers()
    director = site.directors["dir-a"]
    director.start()
    wait_until("dir-a active", director.is_active, 15)
    return site, director, listen(site.servers["web1"].host, 9001)


def refused(site, source, address=VIP, port=9000):
    """Nothing answers: the client's stack goes on trying until its program has had enough."""
    with pytest.raises(TimeoutError):
        connect(site.client, address, port, seconds=1.5, source=source)


def counted(director, name, times):
    """It is told once a second."""
    wait_until(f"{name} is counted", lambda: counters(director)[name] >= times, 5)


def test_one_client_has_so_many_connections_and_others_as_many(make_site):
    site, director, listener = limited(make_site, client_connections=3)
    mine = [pair(site.client, listener, VIP, FIRST) for _ in range(3)]
    refused(site, FIRST)
    counted(director, "drop_limit_client_connections", 1)
    others = [pair(site.client, listener, VIP, SECOND) for _ in range(3)]
    refused(site, SECOND)
    assert "drop_limit_client_connections" in director.ctl("stats").stdout
    # What stands goes on, and what ends makes room: by a close as by a reset.
    for ends in mine + others:
        talk(ends)
    mine[0][0].close()
    mine[0][1].close()
    mine[0] = pair(site.client, listener, VIP, FIRST)
    closed_for_good(mine[1][0])
    mine[1] = pair(site.client, listener, VIP, FIRST)
    refused(site, FIRST)
    # A reload holds for who is here.
    site.document["services"]["hold"]["limits"] = {"client_connections": 4}
    site.write()
    director.ctl("reload")
    mine.append(pair(site.client, listener, VIP, FIRST))
    refused(site, FIRST)
    for ends in mine + others:
        talk(ends)


def test_a_service_has_so_many_connections_and_another_as_many_as_come(make_site):
    site, director, listener = limited(make_site, connections=4)
    standing = [pair(site.client, listener, VIP, source) for source in (FIRST, SECOND, FIRST, FIRST)]
    for source in (FIRST, SECOND):
        refused(site, source)
    counted(director, "drop_limit_connections", 2)
    assert site.client.run("curl", "-sS", "-m", "5", f"http://{VIP}/who").strip() in SERVERS
    closed_for_good(standing.pop()[0])
    standing.append(pair(site.client, listener, VIP, SECOND))
    for ends in standing:
        talk(ends)
    del site.document["services"]["hold"]["limits"]
    site.write()
    director.ctl("reload")
    talk(pair(site.client, listener, VIP, FIRST))


def test_a_client_that_comes_too_fast_waits_and_gets_in(make_site):
    site, director, listener = limited(make_site, client_per_second=4)
    plugs = []
    for _ in range(10):
        with entered(site.client.ns):
            plugs.append(socket.socket())
        plugs[-1].setblocking(False)
        plugs[-1].connect_ex((VIP, 9000))
    # Its stack tries again after a second, three and seven.
    waiting = list(plugs)

    def all_in():
        for plug in select.select([], waiting, [], 0)[1]:
            assert plug.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            waiting.remove(plug)
        return not waiting
    wait_until("all are in", all_in, 30)
    counted(director, "drop_limit_client_rate", 1)


def test_the_addresses_of_one_ipv6_network_are_one_client(make_dual_site):
    def change(document):
        document["services"]["web6"]["limits"] = {"client_connections": 2}
    site = make_dual_site(change=change)
    neighbour, stranger = "2001:db8:51::101", "2001:db8:52::1"
    give(site.client, f"{neighbour}/64", "eth0")
    give(site.client, f"{stranger}/128", "eth0")
    for director in site.directors.values():
        director.host.ip("-6", "route", "add", f"{stranger}/128", "dev", "eth0")
    site.start()
    standing = [connect(site.client, VIP6, 80, source=source) for source in (CLIENT6, neighbour, stranger, stranger)]
    for source in (CLIENT6, neighbour, stranger):
        refused(site, source, VIP6, 80)
    counted(site.directors["dir-a"], "drop_limit_client_connections", 3)
    closed_for_good(standing.pop(0))
    standing.append(connect(site.client, VIP6, 80, source=neighbour))


def test_a_udp_client_has_so_many_flows(make_site):
    site, director, _ = limited(make_site, client_connections=2)
    echo(datagrams(site.servers["web1"].host, port=5353))

    def answered(address):
        plug = datagrams(site.client, address, seconds=3)
        plug.sendto(b"?", (VIP, 53))
        try:
            return plug.recv(10) == b"?"
        except TimeoutError:
            return False
    # The first datagram of all may be lost while everybody asks where everybody is.
    site.client.ip("addr", "add", "198.51.100.102/24", "dev", "eth0")
    wait_until("names is served", lambda: answered("198.51.100.102"), 20)
    assert [answered(FIRST) for _ in range(4)] == [True, True, False, False]
    assert [answered(SECOND) for _ in range(3)] == [True, True, False]
    counted(director, "drop_limit_client_connections", 3)
