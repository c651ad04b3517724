"""Forwarding on longer ways, in both families and across them: every method and protocol by real servers, at several MTUs and with the
ends' offloads on and off; traceroute and path-MTU discovery through routers on both sides."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from paths import FAMILIES, VIP, WAYS, mtu_of, of, paths  # noqa: E402,F401
from world import require_root  # noqa: E402

require_root()


# Methods, protocols, MTUs, offloads

@pytest.mark.parametrize("offloads", ["on", "off"])
@pytest.mark.parametrize("mtu", [1500, 1400, 9000])
def test_every_way_carries_files_and_names(paths, mtu, offloads):  # noqa: F811
    paths.set_offloads(offloads)
    with mtu_of(paths, mtu):
        for way in WAYS:
            assert paths.who(way) == way.server, way
            paths.download(way)
            paths.upload(way)
            assert paths.ask(way), way
            if mtu == 9000:  # in one piece
                assert len(paths.ask(way, "large.lab", "TXT")) > 2900, way
    paths.set_offloads("on")


# Routers on the way

EXCEEDED = {4: (11, 0), 6: (3, 0)}
# Whom a client hears of. What a router behind the director says comes from the VIP, as with IPVS: the inside has no addresses that a
# client knows. A tunnel is one hop.
HOPS = {"nat-near": ["203.0.113.1", VIP, VIP], "nat-far": ["203.0.113.1", VIP, VIP, VIP], "fullnat-far": ["203.0.113.1", VIP, VIP, VIP],
        "dr-near": ["203.0.113.1", VIP, VIP], "tun-near": ["203.0.113.1", VIP, VIP], "tun-far": ["203.0.113.1", VIP, VIP]}


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_traceroute_sees_the_routers_and_the_vip(paths, way):  # noqa: F811
    """The kernel hands an error to the client's socket only when what it quotes is that socket's own packet."""
    hops = [of(way.clients, hop) for hop in HOPS[f"{way.method}-{way.server}"]]
    expected = [(hop, EXCEEDED[way.clients]) for hop in hops[:-1]] + [(hops[-1], "answer")]
    assert [paths.trace(way, ttl) for ttl in range(1, len(hops) + 1)] == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_a_traceroute_by_ping_ends_at_the_director(paths, family):  # noqa: F811
    assert [paths.ping(family, ttl) for ttl in (1, 2)] == [(of(family, "203.0.113.1"), "exceeded"), (of(family, VIP), "answer")]


NARROW = {"before the client": ("r1", "eth0"), "behind the director": ("director", "eth1"), "before the far server": ("r2", "eth1"),
          "before the director's clients": ("director", "eth0")}
NARROW_MTU = 1340  # a tunnel of IPv6 takes 40 bytes, and IPv6 wants 1280


@pytest.fixture(scope="module", params=NARROW)
def narrow(request, paths):  # noqa: F811
    """Neither end is told of it but by ICMP. Without offloads: the director cuts super-packets smaller and says nothing."""
    paths.set_offloads("off")
    paths.set_route_mtus(NARROW[request.param], NARROW_MTU)
    yield request.param
    paths.set_route_mtus(NARROW[request.param], 0)
    paths.set_offloads("on")
    paths.forget_path_mtus()


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_narrow_link_is_discovered(paths, narrow, way):  # noqa: F811
    """Everything of TCP has DF set, or is IPv6."""
    paths.forget_path_mtus()
    before = paths.counters()
    paths.download(way)
    paths.upload(way, down=1 << 20)
    after = paths.counters()
    said = lambda name: after.get(name, 0) - before.get(name, 0)  # noqa: E731
    if narrow == "before the client":
        assert said("icmp_errors_relayed") > 0, "the server was told"
    elif narrow == "behind the director" or (narrow == "before the director's clients" and way.method in ("nat", "fullnat")):
        assert said("fragmentation_needed_made") > 0, "the director said it"
    elif narrow == "before the far server" and way.server == "far":
        # By the router, or at once by the director, which keeps what another way to that server has met.
        assert said("icmp_errors_relayed") + said("fragmentation_needed_made") > 0, "the client was told"
