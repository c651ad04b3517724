"""Forwarding while its surroundings change under a download, in both families: several uplinks; neighbours, routes and interfaces."""

import json
import re
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from paths import DIRECTOR_INSIDE, FAMILIES, SOURCE, VIP, WAY, WAYS, Download, of, paths, quietly  # noqa: E402,F401
from world import require_root, wait_until  # noqa: E402

require_root()


# Several uplinks

def test_clients_of_several_uplinks_are_served_at_once(paths):
    downloads = [Download(paths, WAY[f"nat-near-{family}"], client) for client in ("client", "client2") for family in FAMILIES]
    for way in WAYS:
        assert paths.who(way, "client2") == way.server, way
        assert paths.ask(way, client="client2"), way
    for download in downloads:
        download.end()


def sent_by(host, interface):
    """Bytes so far."""
    return json.loads(host.ip("-s", "-j", "link", "show", interface))[0]["stats64"]["tx"]["bytes"]


def move_route(paths, family):
    """What is under way to the client leaves by eth2 from now on. Ways are forgotten once a second, so a change right behind another
    has to wait for its turn."""
    director = paths.world.hosts["director"]
    before = sent_by(director, "eth2")
    director.ip("route", "replace", of(family, "203.0.113.0/24"), "via", of(family, "192.0.2.254"))
    wait_until("answers leave by eth2", lambda: sent_by(director, "eth2") > before + 100_000, 10)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_client_that_is_reached_by_another_uplink_now_is_followed(paths, family):
    director = paths.world.hosts["director"]
    download = Download(paths, WAY[f"nat-near-{family}"])
    move_route(paths, family)
    before = sent_by(director, "eth0")
    download.end()
    paths.restore_routes("director")
    assert sent_by(director, "eth0") - before < 100_000, "answers went on leaving by eth0"
    paths.download(download.way)


# Neighbours

fresh_mac = (f"02:00:00:00:55:{number:02x}" for number in range(1, 255)).__next__


def change_mac(paths, name, interface):
    paths.world.hosts[name].ip("link", "set", interface, "address", fresh_mac())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("way,name,interface", [("nat-near", "near", "eth0"), ("dr-near", "near", "eth0"), ("tun-far", "r2", "eth0"),
                                                ("nat-far", "r2", "eth0"), ("nat-near", "r1", "eth1")])
def test_a_neighbour_that_changes_its_mac_address_and_says_so_is_followed(paths, way, name, interface, family):
    download = Download(paths, WAY[f"{way}-{family}"])
    change_mac(paths, name, interface)
    paths.announce(name, interface, paths.cables[name][interface][1].partition("/")[0])
    download.end()
    paths.download(download.way)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_neighbour_that_changes_its_mac_address_in_silence_is_followed(paths, family):
    director, near, way = paths.world.hosts["director"], paths.world.hosts["near"], WAY[f"nat-near-{family}"]
    director.sysctl(**{f"net/ipv{family}/neigh/eth1/{knob}": value for knob, value in (
        ("base_reachable_time_ms", 1000), ("retrans_time_ms", 200), ("delay_first_probe_time", 1))})
    director.ip(f"-{family}", "neigh", "flush", "dev", "eth1")  # what was confirmed before keeps its old half a minute
    assert paths.who(way) == "near"
    near.sysctl(**{"net/ipv4/conf/eth0/arp_notify": 0, "net/ipv6/conf/eth0/ndisc_notify": 0})
    change_mac(paths, "near", "eth0")
    wait_until("served again", lambda: quietly(paths.ask, way, "who.lab", "A", "client", 0.5), 10)
    paths.download(way)


# Interfaces

CHANGES = {
    "down and up": lambda paths, i: (link(paths, i, "down"), time.sleep(0.4), link(paths, i, "up"), paths.restore_routes("director")),
    "smaller mtu": lambda paths, i: set_mtu_around(paths, i, 1400),
    "larger mtu": lambda paths, i: set_mtu_around(paths, i, 9000),
    "another mac address": lambda paths, i: (change_mac(paths, "director", i), announce(paths, i)),
    "deleted and made again": lambda paths, i: (link(paths, i, "delete"), time.sleep(0.4), plug_in_again(paths, i)),
    "renamed": lambda paths, i: rename(paths, i),
    "no carrier for a moment": lambda paths, i: (paths.world.plug(paths.world.hosts["director"], i, "down"), time.sleep(0.4),
                                                 paths.world.plug(paths.world.hosts["director"], i, "up"), paths.restore_routes("director")),
}


def link(paths, interface, *words):
    director = paths.world.hosts["director"]
    director.ip("link", *(["delete", interface] if words == ("delete",) else ["set", interface, *words]))


def set_mtu_around(paths, interface, mtu):
    """Of all that is plugged into the same switch: a veth pair takes nothing in that is longer than its own MTU."""
    switch = paths.cables["director"][interface][0]
    for name, interfaces in paths.cables.items():
        for each, (where, _) in interfaces.items():
            if where == switch:
                paths.world.hosts[name].ip("link", "set", each, "mtu", mtu)
                paths.world.switches.ip("link", "set", f"{name}.{each}", "mtu", mtu)


def announce(paths, interface):
    for address in ("198.51.100.2", VIP) if interface == "eth0" else (DIRECTOR_INSIDE, SOURCE):
        paths.announce("director", interface, address)


def plug_in_again(paths, interface):
    director = paths.world.hosts["director"]
    switch, address = paths.cables["director"][interface]
    paths.world.cable(director, interface, switch)
    paths.give("director", interface, address)
    paths.give("director", interface, f"{VIP if interface == 'eth0' else SOURCE}/24")
    paths.restore_routes("director")
    announce(paths, interface)


def rename(paths, interface):
    """Linux renames an interface that is up only since 6.1 or so; this one is taken down for it, as udev does."""
    director = paths.world.hosts["director"]
    for now, then in ((interface, "lan7"), ("lan7", interface)):
        director.ip("link", "set", now, "down")
        director.ip("link", "set", now, "name", then)
        # The filters go by names. Until they know the new one the kernel would answer there.
        wait_until("the filters know it", lambda: re.search(rf"\b{then}\b", director.run("nft", "list", "chains", "netdev")), 5)
        director.ip("link", "set", then, "up")
        paths.restore_routes("director")
        time.sleep(0.4)


@pytest.mark.parametrize("interface", ["eth0", "eth1"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_download_survives_an_interface(paths, change, interface):
    """In both families at once, by their own address and by a tunnel."""
    downloads = [Download(paths, WAY[f"{way}-{family}"]) for way in ("nat-near", "tun-near") for family in FAMILIES]
    CHANGES[change](paths, interface)
    for download in downloads:
        download.end()
    if "mtu" in change:
        set_mtu_around(paths, interface, 1500)
        paths.forget_path_mtus()
    for way in ("nat-near", "dr-near", "tun-far", "fullnat-far"):
        for family in FAMILIES:
            paths.download(WAY[f"{way}-{family}"])
            assert paths.ask(WAY[f"{way}-{family}"])
