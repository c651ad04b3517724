"""The fast path on real traffic: what takes it, and what arrives of it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from alone import ALL  # noqa: E402
from dual import NO_DAD  # noqa: E402
from ends import arrived, deep_ear, mac_of, talk  # noqa: E402
from fast import HOLD, SAY, FastBench, Stream, fast_frames, nearly_all_fast, none_fast, say_until_fast  # noqa: E402
from frames import tell_frame, udp  # noqa: E402
from topology import translates  # noqa: E402
from world import World, require_root, wait_until  # noqa: E402

require_root()
SO_NO_CHECK = 11
# Every value of each, not every pair: what the programs do to a packet is compared with the engine elsewhere (fast_agreement_test).
both = pytest.mark.parametrize("method,family", [("nat", 4), ("dr", 6)])


@pytest.fixture
def world():
    with World(**NO_DAD) as made:
        yield made


# What takes it

@pytest.mark.parametrize("method,family,finished", [("nat", 4, False), ("nat", 6, True), ("dr", 4, True), ("dr", 6, False)])
def test_bulk_arrives_byte_for_byte_and_nearly_all_of_it_by_the_fast_path(world, method, family, finished):
    bench = FastBench(world, method, family, finished=finished)
    assert bench.who() == ALL
    with nearly_all_fast(bench):
        bench.fetch(20 << 20, 20 << 20)
    bench.no_kernel_interference()
    assert bench.stop()["port_send_dropped"] == 0


@pytest.mark.parametrize("method", ["tun", "fullnat"])
def test_what_only_the_engine_does_takes_the_engine(world, method):
    bench = FastBench(world, method)
    none_fast(bench, lambda: bench.fetch(2 << 20, 2 << 20))


@both
def test_datagrams_take_it(world, method, family):
    bench = FastBench(world, method, family)
    mine, server = bench.datagrams()
    say_until_fast(bench, mine, server)
    with nearly_all_fast(bench):
        for number in range(400):
            word = bytes([number % 256]) * (number * 3)
            mine.send(word)
            data, sender = server.recvfrom(2000)
            assert data == word
            server.sendto(word, sender)
            assert mine.recv(2000) == word
    bench.no_kernel_interference()


def test_two_workers_share_the_work_that_is_left(world):
    def two(document):
        document["workers"] = 2

    bench = FastBench(world, "nat", more_change=two)
    with nearly_all_fast(bench):
        streams = [Stream(bench, up=number % 2 == 0) for number in range(6)]
        for stream in streams:
            stream.moves(4 << 20)
        for stream in streams:
            stream.end()
    assert bench.who() == ALL
    bench.no_kernel_interference()


# What arrives

def finish_where(bench, where):
    """Who sums up checksums and cuts super-packets: the ends themselves, or the cards of the director (and of the router, by which the
    answers of dr come)."""
    ends, router = (bench.client, bench.web1), bench.world.hosts["router"]
    for host, interface in [(end, "eth0") for end in ends] if where == "ends" else [
            (bench.director, "eth0"), (bench.director, "eth1"), (router, "eth0")]:
        host.run("ethtool", "-K", interface, "tx", "off", "tso", "off", "gso", "off")
    for host in ends:
        host.run("ethtool", "-K", "eth0", "gro", "off")


def seen_at(bench, plugs, do):
    """The frames of the test's services that came to the client's and the server's cable meanwhile: (of the client, of the server)."""
    do()
    at = {plug: [] for plug in plugs}
    for plug, frame in arrived(plugs):
        if frame[12:14] in (b"\x08\0", b"\x86\xdd"):
            fields = tell_frame(frame)
            if {HOLD, SAY, bench.hold_port, bench.say_port} & {fields.get("source port"), fields.get("destination port")}:
                at[plug].append(fields)
    return [at[plug] for plug in plugs]


@pytest.mark.parametrize("method,family,finished_by", [("nat", 4, "ends"), ("nat", 6, "director"), ("nat", 4, "director"), ("dr", 6, "ends")])
def test_what_leaves_is_right_on_the_wire(world, method, family, finished_by):
    bench = FastBench(world, method, family)
    finish_where(bench, finished_by)
    taps = [deep_ear(bench.client), deep_ear(bench.web1)]
    pair = bench.connect()
    mine, server = bench.datagrams()
    talk(pair)
    say_until_fast(bench, mine, server)
    arrived(taps)

    def speak():
        for number in range(150):
            word = bytes(range(256)) * 12
            for sender, receiver in (pair, pair[::-1]):
                sender.sendall(word[:1 + number * 17])
                left = 1 + number * 17
                while left:
                    left -= len(receiver.recv(left))
            mine.send(word[:number * 9])
            data, client = server.recvfrom(2000)
            server.sendto(data, client)
            assert mine.recv(2000) == word[:number * 9]

    with nearly_all_fast(bench, least=300):
        at_client, at_server = seen_at(bench, taps, speak)
    assert len(at_server) >= 300 and len(at_client) >= 300  # a word and a datagram each time, and what is acknowledged alone
    # A dr server's answers come past the director, by a router.
    for fields in (*at_server, *at_client):
        assert fields["checksum error"] == 0 and fields.get("header checksum error", 0) == 0, fields
        assert fields["ttl"] == 63, fields
    inside, server_address = mac_of(bench.director, "eth1"), bench.server_address if translates(method) else bench.vip
    for fields in at_server:
        assert fields["from mac"] == inside and fields["destination"] == server_address, fields
    for fields in at_client:
        assert fields["source"] == bench.vip and fields["source port"] in (HOLD, SAY)


@pytest.mark.parametrize("family", [4, 6])
def test_a_checksum_that_sums_up_to_nothing_does_not_mean_none(world, family):
    """UDP's 0 says that there is none, so it is sent as 0xffff; and where there is none, none is made."""
    bench = FastBench(world, "nat", family)
    finish_where(bench, "ends")
    taps = [deep_ear(bench.client), deep_ear(bench.web1)]
    mine, server = bench.datagrams()
    say_until_fast(bench, mine, server)
    client_address, client_port = mine.getsockname()[:2]
    nothing_at = {}
    for to, ends in (("server", (client_address, bench.server_address, client_port, bench.say_port)),
                     ("client", (bench.vip, client_address, SAY, client_port))):
        nothing_at[to] = udp(*ends, b"\0\0")[6:8]  # this word for a payload, and all words are 0xffff together
        assert udp(*ends, nothing_at[to])[6:8] == b"\xff\xff"
    arrived(taps)

    def speak():
        for _ in range(20):
            mine.send(nothing_at["server"])
            server.sendto(nothing_at["client"], server.recvfrom(100)[1])
            assert mine.recv(100) == nothing_at["client"]

    before = bench.counters()
    at_client, at_server = seen_at(bench, taps, speak)
    after = bench.counters()
    assert fast_frames(after) - fast_frames(before) == 40
    assert [fields["checksum error"] for fields in at_client] == [0] * 20
    assert [fields["checksum error"] for fields in at_server] == [0] * 20
    if family == 4:
        mine.setsockopt(1, SO_NO_CHECK, 1)
        at_client, at_server = seen_at(bench, taps, speak)
        assert [fields["checksum error"] for fields in at_server] == ["none made"] * 20
        assert fast_frames(bench.counters()) - fast_frames(after) == 40


@both
def test_what_has_no_hop_left_goes_up(world, method, family):
    """The engine tells the sender."""
    bench = FastBench(world, method, family)
    mine, server = bench.datagrams()
    say_until_fast(bench, mine, server)
    level, option = (0, 2) if family == 4 else (41, 16)
    mine.setsockopt(level, option, 1)
    none_fast(bench, lambda: mine.send(b"too far"))
    wait_until("the client is told", lambda: bench.seen(f"{'icmp[0] == 11' if family == 4 else 'icmp6 and ip6[40] == 3'}"), 5)
