"""Forwarding on longer ways: every method and both protocols by real servers, at several MTUs and with the ends' offloads on and
off; traceroute and path-MTU discovery through routers on both sides; several uplinks; neighbours, routes and interfaces that change
under a download. One world for all: each test puts back what it changed."""

import contextlib
import os
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from paths import BIG, DIRECTOR_INSIDE, VIP, WAYS, Paths, method_of, port_of  # noqa: E402
from world import World, entered, require_root, wait_until  # noqa: E402

require_root()


@pytest.fixture(scope="module")
def paths():
    with World() as world:
        made = Paths(world, os.environ["TANDEM_BIN"])
        for way in WAYS:
            wait_until(f"nginx answers by {way}", lambda w=way: quietly(made.who, w), 10)
            wait_until(f"dnsmasq answers by {way}", lambda w=way: quietly(made.ask, w), 10)
        yield made


def quietly(ask, *words):
    try:
        return ask(*words)
    except (OSError, AssertionError):
        return None


@contextlib.contextmanager
def mtu_of(paths, mtu):
    paths.set_mtu(mtu)
    try:
        yield
    finally:
        paths.set_mtu(1500)
        paths.forget_path_mtus()


class Download(threading.Thread):
    """A download of nginx's limited file (about two and a half seconds) beside the test. Its socket is made by the test's thread."""

    def __init__(self, paths, way, client="client"):
        super().__init__(daemon=True)
        self.paths, self.length, self.error = paths, 0, None
        with entered(paths.world.hosts[client].ns):
            self.plug = socket.create_connection((VIP, port_of("http", way)), timeout=15)
        self.start()
        wait_until("the download began", lambda: self.length > 0 or self.error, 5)

    def run(self):
        try:
            self.paths.read_file(self.plug, "slow", self.at)
        except (OSError, AssertionError) as error:
            self.error = error

    def at(self, length):
        self.length = length

    def end(self, seconds=15):
        """It ends well."""
        at_least = self.length
        self.join(timeout=seconds)
        assert not self.is_alive(), f"stands at {self.length} of {BIG} bytes, was at {at_least}"
        assert self.error is None, self.error


# Methods, protocols, MTUs, offloads

@pytest.mark.parametrize("offloads", ["on", "off"])
@pytest.mark.parametrize("mtu", [1500, 1400, 9000])
def test_every_way_carries_files_and_names(paths, mtu, offloads):
    paths.set_offloads(offloads)
    with mtu_of(paths, mtu):
        for way in WAYS:
            assert paths.who(way) == way.split("-")[1]
            paths.download(way)
            paths.upload(way)
            assert paths.ask(way)
            if mtu == 9000:  # in one piece
                assert len(paths.ask(way, "large.lab", "TXT")) > 2900
    paths.set_offloads("on")


# Routers on the way

# What a router behind the director says comes from the VIP, as with IPVS: the inside has no addresses that a client knows.
TRACES = {
    "nat-near": [("203.0.113.1", (11, 0)), (VIP, (11, 0)), (VIP, "answer")],
    "nat-far": [("203.0.113.1", (11, 0)), (VIP, (11, 0)), (VIP, (11, 0)), (VIP, "answer")],
    "dr-near": [("203.0.113.1", (11, 0)), (VIP, (11, 0)), (VIP, "answer")],
    "tun-near": [("203.0.113.1", (11, 0)), (VIP, (11, 0)), (VIP, "answer")],
    "tun-far": [("203.0.113.1", (11, 0)), (VIP, (11, 0)), (VIP, "answer")],
}


@pytest.mark.parametrize("way", WAYS)
def test_traceroute_sees_the_routers_and_the_vip(paths, way):
    """The kernel hands an error to the client's socket only when what it quotes is that socket's own packet."""
    assert [paths.trace(way, ttl) for ttl in range(1, len(TRACES[way]) + 1)] == TRACES[way]


NARROW = {"before the client": ("r1", "eth0"), "behind the director": ("director", "eth1"), "before the far server": ("r2", "eth1"),
          "before the director's clients": ("director", "eth0")}


@pytest.mark.parametrize("where", NARROW)
@pytest.mark.parametrize("way", WAYS)
def test_a_narrow_link_is_discovered(paths, way, where):
    """Neither end is told of it but by ICMP; everything has DF set. Without offloads: the director cuts super-packets smaller and says nothing."""
    paths.set_offloads("off")
    before = paths.counters()
    paths.set_route_mtus(NARROW[where], 1300)
    try:
        paths.download(way)
        paths.upload(way, down=1 << 20)
    finally:
        paths.set_route_mtus(NARROW[where], 0)
        paths.forget_path_mtus()
        paths.set_offloads("on")
    after = paths.counters()
    said = lambda name: after.get(name, 0) - before.get(name, 0)  # noqa: E731
    if where == "before the client":
        assert said("icmp_errors_relayed") > 0, "the server was told"
    elif where == "behind the director" or (where == "before the director's clients" and method_of(way) == "nat"):
        assert said("fragmentation_needed_made") > 0, "the director said it"
    elif where == "before the far server" and way.endswith("far"):
        assert said("icmp_errors_relayed") > 0, "the client was told"


# Several uplinks

def test_clients_of_several_uplinks_are_served_at_once(paths):
    first, second = Download(paths, "nat-near"), Download(paths, "nat-near", client="client2")
    for way in WAYS:
        assert paths.who(way, "client2") == way.split("-")[1]
        assert paths.ask(way, client="client2")
    first.end()
    second.end()


def test_a_client_that_is_reached_by_another_uplink_now_is_followed(paths):
    director = paths.world.hosts["director"]
    download = Download(paths, "nat-near")
    director.ip("route", "replace", "203.0.113.0/24", "via", "192.0.2.254")
    counted = lambda: int(director.run("cat", "/sys/class/net/eth0/statistics/tx_packets"))  # noqa: E731
    time.sleep(0.2)
    before = counted()
    download.end()
    director.ip("route", "replace", "203.0.113.0/24", "via", "198.51.100.254")
    assert counted() - before < 100, "answers went on leaving by eth0"
    paths.download("nat-near")


# Neighbours

fresh_mac = (f"02:00:00:00:55:{number:02x}" for number in range(1, 255)).__next__


def change_mac(paths, name, interface):
    paths.world.hosts[name].ip("link", "set", interface, "address", fresh_mac())


@pytest.mark.parametrize("way,name,interface", [("nat-near", "near", "eth0"), ("dr-near", "near", "eth0"), ("tun-far", "r2", "eth0"),
                                                ("nat-far", "r2", "eth0"), ("nat-near", "r1", "eth1")])
def test_a_neighbour_that_changes_its_mac_address_and_says_so_is_followed(paths, way, name, interface):
    download = Download(paths, way)
    change_mac(paths, name, interface)
    paths.announce(name, interface, paths.cables[name][interface][1].partition("/")[0])
    download.end()
    paths.download(way)


def test_a_neighbour_that_changes_its_mac_address_in_silence_is_followed(paths):
    director, near = paths.world.hosts["director"], paths.world.hosts["near"]
    director.sysctl(**{"net/ipv4/neigh/eth1/base_reachable_time_ms": 1000, "net/ipv4/neigh/eth1/retrans_time_ms": 200,
                       "net/ipv4/neigh/eth1/delay_first_probe_time": 1})
    director.ip("neigh", "flush", "dev", "eth1")  # what was confirmed before keeps its old half a minute
    assert paths.who("nat-near") == "near"
    near.sysctl(**{"net/ipv4/conf/eth0/arp_notify": 0})
    change_mac(paths, "near", "eth0")
    wait_until("served again", lambda: quietly(paths.ask, "nat-near", "who.lab", "A", "client", 0.5), 10)
    paths.download("nat-near")


# Interfaces

CHANGES = {
    "down and up": lambda paths, i: (link(paths, i, "down"), time.sleep(0.4), link(paths, i, "up"), restore_routes(paths)),
    "smaller mtu": lambda paths, i: set_mtu_around(paths, i, 1400),
    "larger mtu": lambda paths, i: set_mtu_around(paths, i, 9000),
    "another mac address": lambda paths, i: (change_mac(paths, "director", i), announce(paths, i)),
    "deleted and made again": lambda paths, i: (link(paths, i, "delete"), time.sleep(0.4), plug_in_again(paths, i)),
    "renamed": lambda paths, i: rename(paths, i),
    "no carrier for a moment": lambda paths, i: (paths.world.plug(paths.world.hosts["director"], i, "down"), time.sleep(0.4),
                                                 paths.world.plug(paths.world.hosts["director"], i, "up"), restore_routes(paths)),
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


def restore_routes(paths):
    director = paths.world.hosts["director"]
    paths.batch(director, [f"route replace {line}" for line in paths.routes["director"]])


def announce(paths, interface):
    for address in ("198.51.100.2", VIP) if interface == "eth0" else (DIRECTOR_INSIDE,):
        paths.announce("director", interface, address)


def plug_in_again(paths, interface):
    director = paths.world.hosts["director"]
    switch, address = paths.cables["director"][interface]
    paths.world.cable(director, interface, switch, address)
    if interface == "eth0":
        director.ip("addr", "add", f"{VIP}/24", "dev", "eth0")
    restore_routes(paths)
    announce(paths, interface)


def rename(paths, interface):
    """Linux renames an interface that is up only since 6.1 or so; this one is taken down for it, as udev does."""
    director = paths.world.hosts["director"]
    for now, then in ((interface, "lan7"), ("lan7", interface)):
        director.ip("link", "set", now, "down")
        director.ip("link", "set", now, "name", then)
        director.ip("link", "set", then, "up")
        restore_routes(paths)
        time.sleep(0.4)


@pytest.mark.parametrize("interface", ["eth0", "eth1"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_download_survives_an_interface(paths, change, interface):
    download = Download(paths, "nat-near")
    tunnelled = Download(paths, "tun-near")
    CHANGES[change](paths, interface)
    download.end()
    tunnelled.end()
    if "mtu" in change:
        set_mtu_around(paths, interface, 1500)
        paths.forget_path_mtus()
    for way in ("nat-near", "dr-near", "tun-far"):
        paths.download(way)
        assert paths.ask(way)
