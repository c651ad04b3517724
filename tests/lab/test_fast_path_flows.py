"""What the engine knows of a flow whose packets take the fast path, and it does not see: that it is in use, where its ends are."""

import contextlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from dual import NO_DAD  # noqa: E402
from ends import closed_for_good, deep_ear, frames, mac_of, talk  # noqa: E402
from fast import HOLD, FastBench, Stream, fast_frames, say_until_fast, talk_for, wait_until_fast  # noqa: E402
from frames import ACK, RST, SYN, TCP, ethernet, ipv4, ipv6, tcp, tell_frame  # noqa: E402
from world import World, require_root, wait_until  # noqa: E402

require_root()
both = pytest.mark.parametrize("method,family", [("nat", 6), ("dr", 4)])


@pytest.fixture
def world():
    with World(**NO_DAD) as made:
        yield made


@both
def test_a_flow_in_use_by_the_fast_path_alone_stays_and_one_that_rests_expires(world, method, family):
    bench = FastBench(world, method, family, timeout="3s")
    pair, used = bench.connect(), bench.connect()
    mine, server = bench.datagrams()
    talk(pair)
    talk(used)
    say_until_fast(bench, mine, server)
    rests = bench.connect()
    talk(rests)
    before = bench.counters()
    for _ in range(9):
        talk_for(used, 1)
        mine.send(b"still here")  # one way alone
        assert server.recv(100) == b"still here"
    after = bench.counters()
    assert fast_frames(after) - fast_frames(before) > 100
    assert after["port_received"] - before["port_received"] < 10, "the engine saw it"
    states = bench.states()
    assert states.get(used[0].getsockname()[1]) == "ESTABLISHED" and states.get(mine.getsockname()[1]) == "UDP"
    assert pair[0].getsockname()[1] not in states and rests[0].getsockname()[1] not in states
    wait_until("what was used expires when it rests", lambda: bench.states() == {}, 20, every=0.5)


def first_numbers(ear):
    """By the client's port: the sequence numbers the client and the server began with."""
    ear.setblocking(False)
    numbers = {}
    with contextlib.suppress(BlockingIOError):
        while frame := ear.recv(70000):
            fields = tell_frame(frame) if frame[12:14] in (b"\x08\0", b"\x86\xdd") else {}
            if fields.get("protocol") == TCP and fields["flags"] & SYN and HOLD in (fields["source port"], fields["destination port"]):
                port = fields["destination port"] if fields["flags"] & ACK else fields["source port"]
                numbers.setdefault(port, []).append(fields["sequence"])
    return numbers


@both
def test_an_end_is_still_one_and_one_far_out_of_the_window_is_not(world, method, family):
    bench = FastBench(world, method, family)
    ear = deep_ear(bench.client)
    streams = up, down = Stream(bench, up=True), Stream(bench)
    numbers = first_numbers(ear)
    ear.close()
    for stream in streams:
        stream.moves(8 << 20)
    wait_until_fast(bench)
    disbelieved = lambda: bench.counters().get("ends_not_believed", 0)  # noqa: E731

    def forge(plug, to_mac, source, destination, source_port, destination_port, sequence):
        segment = tcp(source, destination, source_port, destination_port, RST, sequence)
        plug.send(ethernet(to_mac, "02:00:00:00:00:66", (ipv4 if family == 4 else ipv6)(source, destination, TCP, segment)))

    # As it would have been in the beginning.
    address, port = up.ends[0].getsockname()[:2]
    forge(frames(bench.client, "eth0"), mac_of(bench.director, "eth0"), address, bench.vip, port, HOLD, numbers[port][0] + 1)
    wait_until("it is not believed", lambda: disbelieved() == 1, 10)
    if method == "nat":
        port = down.ends[0].getsockname()[1]
        forge(frames(world.hosts["web2"], "eth0"), mac_of(bench.director, "eth1"), bench.server_address, address, bench.hold_port, port,
              numbers[port][1] + 1)
        wait_until("nor is a server's", lambda: disbelieved() == 2, 10)
    for stream in streams:
        stream.moves()
        assert bench.state(stream.ends[0]) == "ESTABLISHED"
        stream.end()
    # The client's FIN; the server's, which is not seen of dr; resets. Each is on its way when the engine hears of it.
    wait_until("the client's end", lambda: bench.state(up.ends[0]) == ("CLOSE_WAIT" if method == "nat" else "FIN_WAIT"), 5)
    wait_until("the server's end", lambda: bench.state(down.ends[0]) == ("FIN_WAIT" if method == "nat" else "ESTABLISHED"), 5)
    port = down.ends[0].getsockname()[1]
    closed_for_good(down.ends[0])
    wait_until("the reset ends it", lambda: bench.states().get(port) == "CLOSE", 5)
