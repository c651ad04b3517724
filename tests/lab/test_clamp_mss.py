"""clamp_mss: SYNs that say less than their ends would, and downloads over ways that carry less than their ends know, where nobody is told."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from ends import ALL_FRAMES, arrived, frames  # noqa: E402
from frames import ACK, SYN, tell_frame  # noqa: E402
from test_forwarding import Bench, counted  # noqa: E402
from topology import VIP  # noqa: E402

MSS, OWN = 1200, 1460  # what the director is to say, and what an MTU of 1500 makes
NARROW = 1300  # bytes of IP


def clamp(bench):
    bench.stop()
    for name in ("web", "bulk"):
        bench.site.document["services"][name]["clamp_mss"] = MSS
    bench.site.write()
    bench.start()


def said_in(frame):
    """(flags, the MSS option) of a SYN, in a tunnel or not; None of another frame."""
    fields = tell_frame(frame) if frame[12:14] == b"\x08\0" and len(frame) >= 34 else {}
    inner = "inner " if "inner flags" in fields else ""
    if not fields.get(inner + "flags", 0) & SYN:
        return None
    assert fields[inner + "checksum error"] == 0 or not inner, "the checksum follows"
    options = bytes.fromhex(fields[inner + "options and payload"])
    assert options[:2] == b"\2\4", "the first option of Linux"
    return fields[inner + "flags"] & (SYN | ACK), int.from_bytes(options[2:4], "big")


def black_hole(bench):
    """The router's way out to the clients takes packets of NARROW bytes, and nobody is told of larger ones."""
    router = bench.world.hosts["router"]
    router.ip("link", "set", "eth0", "mtu", NARROW)
    deaf_and_dumb(router, "output")


def deaf_and_dumb(host, hook):
    host.run("nft", f"add table ip lab; add chain ip lab errors {{ type filter hook {hook} priority 0; }}; "
             "add rule ip lab errors icmp type destination-unreachable drop")


@pytest.mark.parametrize("method", ["tun", "nat"])
def test_the_ends_hear_of_less(world, method):  # noqa: F811
    bench = Bench(world, method)
    clamp(bench)
    servers = [frames(server.host, "eth0", ALL_FRAMES) for server in bench.site.servers.values()]
    client = frames(bench.client, "eth0", 0x0800)
    assert bench.get("who").strip() in bench.site.servers
    # The health checks' SYNs are the director's own: forwarder_alone makes none.
    assert [said for _, frame in arrived(servers) if (said := said_in(frame))] == [(SYN, MSS)]
    # By tun the server's answer goes past the director, and so does what it says.
    answers = {said for _, frame in arrived([client]) if (said := said_in(frame))}
    assert answers == {(SYN | ACK, MSS if method == "nat" else OWN)}
    assert counted(bench)["mss_clamped"] == (2 if method == "nat" else 1)


def test_a_download_over_a_black_hole_works_with_it_alone(world):  # noqa: F811
    bench = Bench(world, "tun")
    black_hole(bench)
    assert bench.get("who").strip() in bench.site.servers, "what is small passes"
    with pytest.raises(RuntimeError, match="timed out"):
        bench.client.run("curl", "-sS", "-m", 4, "-o", "/dev/null", f"http://{VIP}/big")
    clamp(bench)
    bench.fetch(1000, 20 << 20)


def test_an_upload_into_a_tunnel_is_bounded_by_what_the_server_says(world):  # noqa: F811
    """The client never hears what fits into the tunnel."""
    bench = Bench(world, "tun")
    clamp(bench)
    deaf_and_dumb(bench.client, "input")
    with pytest.raises(RuntimeError):
        bench.client.run("timeout", 4, *bench.fetching(2 << 20, 1000))
    for server in bench.site.servers.values():
        server.host.ip("route", "replace", "default", "via", "10.0.1.254", "advmss", MSS)
    bench.fetch(2 << 20, 1000)
