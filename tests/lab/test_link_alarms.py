"""What a director says about a link on which it hears nobody."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "drills"))

from link import Link, Tandem  # noqa: E402
from world import World, require_root, wait_until  # noqa: E402


@pytest.fixture
def link():
    require_root()
    with World() as world:
        yield Link(world, os.environ["TANDEM_BIN"], Tandem, 0.2, peer_link=False)


def test_who_is_active_without_ever_having_heard_anybody_says_so_once_and_who_heard_somebody_does_not(link):
    # One after the other: dir-b, if it were first, would be active for a moment, and heard.
    link.a.start()
    wait_until("dir-a active", link.a.is_active, 30)
    link.b.start()
    link.settle(link.a)
    wait_until("dir-a says that it hears nobody", lambda: link.a.events("VRRP_NEVER_HEARD"), 20)
    assert len(link.a.events("VRRP_NEVER_HEARD")) == 1
    assert link.b.counter("adverts from 198.51.100.2") > 10
    assert not link.b.events("VRRP_NEVER_HEARD")


def test_a_firewall_that_drops_everything_makes_no_second_active(link):
    for box in (link.a, link.b):
        box.host.run("nft", "table inet f { chain i { type filter hook input priority 0; policy drop; }; }")
    link.start()
    link.settle(link.a)
    assert not link.b.holds("198.51.100.10") and link.b.state() == "backup"
