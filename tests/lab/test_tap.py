"""Taps that know many addresses, on kernels that give a socket little room for its program: 20,480 bytes before Linux 6.9."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from alone import ALL, Bench  # noqa: E402
from dual import NO_DAD, give  # noqa: E402
from world import World, require_root, wait_until  # noqa: E402

require_root()
OPTMEM = "net/core/optmem_max"


@pytest.fixture
def world():
    with World(**NO_DAD) as made:
        yield made


def vip(number):
    return f"2001:db8:51::a:{number}"


def add_services(document, numbers):
    for number in numbers:
        document["services"][f"web-{number}"] = {**document["services"]["web"], "address": vip(number)}


@pytest.mark.parametrize("room,by_address", [(20480, True), (4096, False)])
def test_every_service_is_served_whatever_the_kernel_has_room_for(world, room, by_address):
    def many(document):
        director = world.hosts["dir-a"]
        if not director.run("sh", "-c", f"ls /proc/sys/{OPTMEM} 2>/dev/null", check=False):
            pytest.skip("the room for programs is not a namespace's own here")
        director.sysctl(**{OPTMEM: room})
        add_services(document, range(60))

    bench = Bench(world, "dr", change=many)
    last = 90
    for host in (bench.director, *(server.host for server in bench.site.servers.values())):
        for number in (59, last):
            give(host, f"{vip(number)}/{64 if host is bench.director else 128}", "eth0" if host is bench.director else "lo")

    def who(number):
        return bench.client.run("curl", "-sS", "-m", "3", f"http://[{vip(number)}]/who", check=False).strip()

    assert bench.who() == ALL and {who(59) for _ in range(6)} == ALL
    # The next program comes while the one before still takes its room.
    add_services(bench.site.document, range(60, last + 1))
    bench.site.write()
    bench.process.send_signal(1)
    wait_until("reloaded", lambda: "reloaded" in bench.log, 10)
    assert {who(last) for _ in range(6)} == ALL and {who(59) for _ in range(6)} == ALL
    bench.fetch(1 << 20, 1 << 20)
    bench.no_kernel_interference()
    assert ("FORWARDING_TAP " not in bench.log) == by_address, bench.log
