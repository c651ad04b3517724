"""Tunnels of each type and family, their ends in user space (tunnel_end.py); real devices are in tests/guest/methods*.py."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from alone import ALL, Bench  # noqa: E402
from dual import NO_DAD, give  # noqa: E402
from world import World, require_root, wait_until  # noqa: E402

require_root()
# name: (tunnel of the site file, bytes of it between the outer header and the client's packet)
TYPES = {"gre": ({"type": "gre"}, 4), "gre-checksum": ({"type": "gre", "checksum": True}, 8),
         "gue": ({"type": "gue"}, 12), "gue-checksum": ({"type": "gue", "checksum": True}, 12)}


@pytest.fixture
def world():
    with World(**NO_DAD) as made:
        yield made


@pytest.mark.parametrize("clients,servers", [(4, 4), (6, 6), (6, 4), (4, 6)])
@pytest.mark.parametrize("name", TYPES)
def test_a_tunnel_carries_every_byte_and_tells_what_fits(world, name, clients, servers):
    tunnel, more = TYPES[name]

    def wrapped(document):
        for service in document["services"].values():
            service["tunnel"] = tunnel

    bench = Bench(world, "tun", clients, servers, change=wrapped)
    assert bench.who() == ALL
    bench.fetch(3 << 20, 3 << 20)
    fits = 1500 - (20 if servers == 4 else 40) - more
    assert f"mtu {fits} " in bench.client.ip("route", "get", bench.vip).replace("\n", " ") + " "
    largest = "x" * (fits - (28 if clients == 4 else 48))
    assert bench.echo(largest) == largest
    bench.no_kernel_interference()
    counters = bench.stop()
    assert counters["drop_no_route"] == counters["drop_no_port"] == counters["drop_too_long"] == 0


def test_a_tunnel_comes_from_the_address_the_director_speaks_from_by_now(world):
    """The servers' devices know the director by it. No route changes with it."""
    bench = Bench(world, "tun")
    web1 = world.hosts["web1"]
    web1.start("tcpdump", "-l", "--immediate-mode", "-n", "-i", "eth0", "ip6 proto 41", log="outer.log")

    def comes_from(source):
        assert bench.who(3) == ALL
        lines = [line for line in (world.folder / "outer.log").read_text().splitlines() if " IP6 " in line]
        return lines and f" IP6 {source} > " in lines[-1]

    wait_until("its own address", lambda: comes_from("fd00:1::2"), 10)
    give(bench.director, "fd00:1::77/64", "eth1")  # of several, the kernel prefers the newest
    wait_until("another address", lambda: comes_from("fd00:1::77"), 10)
    bench.director.ip("addr", "change", "fd00:1::77/64", "dev", "eth1", "preferred_lft", "0")
    wait_until("its own address again", lambda: comes_from("fd00:1::2"), 10)
