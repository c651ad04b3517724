"""The fast path on longer ways, in both families: at several MTUs, with the ends' offloads on and off; and while neighbours and routes
change under a download."""

import contextlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fast import fast_frames, nearly_all_fast  # noqa: E402
from paths import FAMILIES, WAY, Download, mtu_of, paths  # noqa: E402,F401
from test_path_changes import change_mac, move_route, sent_by  # noqa: E402
from world import require_root  # noqa: E402

require_root()
LENGTH = 8 << 20


@pytest.mark.parametrize("offloads", ["on", "off"])
@pytest.mark.parametrize("mtu", [1500, 1400, 9000])
def test_bulk_takes_it_whatever_the_mtu(paths, mtu, offloads):
    paths.set_offloads(offloads)
    try:
        with mtu_of(paths, mtu):
            for way in (WAY[f"{way}-{family}"] for way in ("nat-near", "nat-far", "dr-near") for family in FAMILIES):
                with nearly_all_fast(paths, least=100):
                    paths.upload(way, LENGTH, down=LENGTH)
                paths.download(way)
    finally:
        paths.set_offloads("on")


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_too_long_for_the_way_goes_up(paths, family):
    """A narrow way from the director on: the engine tells the sender, and what fits then takes the fast path."""
    way = WAY[f"nat-far-{family}"]
    paths.set_offloads("off")
    paths.set_route_mtus(("director", "eth1"), 1400)
    try:
        with nearly_all_fast(paths, least=1000):
            paths.upload(way, LENGTH, down=1000)
    finally:
        paths.set_route_mtus(("director", "eth1"), 0)
        paths.set_offloads("on")
        paths.forget_path_mtus()


@contextlib.contextmanager
def download_by_fast_path(paths, way):
    """A download under way, in which something changes: it ends well, and most of it goes by the fast path, before and behind."""
    download = Download(paths, way)
    before = paths.counters()
    yield
    download.end()
    after = paths.counters()
    fast, by_engine = fast_frames(after) - fast_frames(before), after["port_received"] - before["port_received"]
    assert fast > 3 * by_engine, f"{fast} frames by the fast path, {by_engine} by the engine"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("way,name,interface", [("nat-near", "r1", "eth1"), ("nat-near", "near", "eth0"), ("nat-far", "r2", "eth0"), ("dr-near", "near", "eth0")])
def test_a_neighbour_with_another_mac_address_is_followed(paths, way, name, interface, family):
    """The clients' gateway, a server, the servers' gateway."""
    with download_by_fast_path(paths, WAY[f"{way}-{family}"]):
        change_mac(paths, name, interface)
        paths.announce(name, interface, paths.cables[name][interface][1].partition("/")[0])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_client_behind_another_interface_now_is_followed(paths, family):
    director = paths.world.hosts["director"]
    try:
        with download_by_fast_path(paths, WAY[f"nat-near-{family}"]):
            move_route(paths, family)
            before = sent_by(director, "eth0")
        assert sent_by(director, "eth0") - before < 100_000, "answers went on leaving by eth0"
    finally:
        paths.restore_routes("director")
