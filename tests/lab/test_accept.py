"""accept: false: the active director answers ARP and neighbour discovery for its addresses, and nothing else."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "drills"))

from link import DUAL_STACK, VIP, VIP6, Link, Tandem  # noqa: E402
from world import World, require_root, wait_until  # noqa: E402


@pytest.fixture
def link():
    require_root()
    with World() as world:
        link = Link(world, os.environ["TANDEM_BIN"], Tandem, 0.2)
        link.make_dual_stack(accept=False)
        yield link


def answers(link, address):
    return "1 received" in link.client.run("ping", "-c", "1", "-W", "1", address, check=False)


def neighbour(link, address):
    return link.mac(link.a) in link.client.ip("neigh", "show", address)


def has_table(box):
    return "tandem_accept" in box.host.run("nft", "list", "tables")


def test_only_neighbours_are_answered_until_a_reload_accepts_and_nothing_is_left_behind(link):
    link.start()
    wait_until("IPv6 there too", lambda: VIP6 in link.a.host.ip("-6", "addr", "show", "dev", "eth0"), 5)
    for address in (VIP, VIP6):
        assert not answers(link, address)
        assert neighbour(link, address), link.client.ip("neigh")
    assert answers(link, "198.51.100.2")  # the box's own address is not concerned
    assert "1 received" in link.a.host.run("ping", "-c", "1", "-W", "1", VIP)  # nor is the box itself

    link.a.configure(**DUAL_STACK, accept=True)
    link.a.reload()
    wait_until("accepted", lambda: answers(link, VIP) and answers(link, VIP6), 5)
    assert not has_table(link.a)

    link.a.configure(**DUAL_STACK, accept=False)
    link.a.reload()
    wait_until("refused again", lambda: not answers(link, VIP), 5)
    link.a.stop()
    assert not has_table(link.a)
    link.b.kill()
    assert has_table(link.b)
    link.b.after_crash()
    assert not has_table(link.b)
