"""The fast path and what befalls it: operators at its filter, other people's filters, a killed forwarder, a kernel that refuses, reloads."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from dual import NO_DAD  # noqa: E402
from fast import SOMEBODY_ELSE, FastBench, Stream, nearly_all_fast, none_fast, wait_until_fast  # noqa: E402
from topology import translates  # noqa: E402
from world import World, require_root, wait_until  # noqa: E402

require_root()
OURS = "fast_forward"
# A classic program: this verdict for IPv4 and IPv6, and for ARP none.
VERDICT = "5,40 0 0 12,21 1 0 2048,21 0 1 34525,6 0 0 {},6 0 0 4294967295"
VERDICTS = {"drops": 2, "lets pass": 0, "steals": 4}
# So root itself may not load programs, even where everybody may load a socket's filter.
WITHOUT_BPF = ("setpriv", "--bounding-set", "-bpf,-sys_admin", "--")
U32 = ("u32", "match", "ip", "protocol", "6", "0xff", "flowid", "1:1")
methods = pytest.mark.parametrize("method,family", [("nat", 6), ("dr", 4)])


@pytest.fixture
def world():
    with World(**NO_DAD) as made:
        yield made


def streams_of(bench):
    """One each way."""
    streams = [Stream(bench), Stream(bench, up=True)]
    for stream in streams:
        stream.moves()
    return streams


def end(bench, streams):
    for stream in streams:
        stream.moves()
    for stream in streams:
        stream.end()
    bench.no_kernel_interference()


def tc(bench, *words):
    return bench.director.run("tc", *words)


# Somebody at the filter

@pytest.mark.parametrize("method,family,interface", [("nat", 4, "eth0"), ("nat", 6, "eth1"), ("dr", 4, "eth0")])
def test_a_clsact_that_somebody_deletes_is_put_back(world, method, family, interface):
    bench = FastBench(world, method, family)
    streams = streams_of(bench)
    wait_until_fast(bench)
    tc(bench, "qdisc", "del", "dev", interface, "clsact")
    if interface == "eth0" or translates(method):
        wait_until("it is said", lambda: bench.said(f"{interface}: Somebody took the fast path's filter away"), 20)
        wait_until("it is back", lambda: OURS in bench.filters(interface), 5)
    wait_until_fast(bench)
    end(bench, streams)


@pytest.mark.parametrize("method,family,what", [("nat", 4, "drops"), ("nat", 6, "lets pass"), ("dr", 4, "steals")])
def test_who_takes_the_frames_first_has_the_engine_forward_all(world, method, family, what):
    bench = FastBench(world, method, family)
    streams = streams_of(bench)
    wait_until_fast(bench)
    tc(bench, "filter", "add", "dev", "eth0", "ingress", "protocol", "all", "prio", "1", "handle", "1", "bpf",
       "direct-action", "bytecode", VERDICT.format(VERDICTS[what]))
    wait_until("it is said", lambda: bench.said(f"eth0: {SOMEBODY_ELSE}"), 20)
    wait_until("in the end for good", lambda: bench.said("all packets go by the engine from now on"), 30)
    none_fast(bench, lambda: [stream.moves(4 << 20) for stream in streams])
    end(bench, streams)


@pytest.mark.parametrize("interface", ["eth0", "eth1"])
def test_a_filter_that_has_the_fast_path_s_place_leaves_all_to_the_engine(world, interface):
    def before(bench):
        tc(bench, "qdisc", "add", "dev", interface, "clsact")
        tc(bench, "filter", "add", "dev", interface, "ingress", "protocol", "ip", "prio", "1", *U32)

    bench = FastBench(world, "nat", before=before)
    assert bench.said(f"{interface}: All packets of this interface go by the engine")
    before = bench.counters()
    bench.fetch(5 << 20, 5 << 20)
    after = bench.counters()
    taken = {name: after[name] - before[name] for name in ("fast_to_servers", "fast_to_clients")}
    assert taken["fast_to_servers" if interface == "eth0" else "fast_to_clients"] == 0 < max(taken.values())
    bench.no_kernel_interference()
    bench.stop()
    assert "u32" in bench.filters(interface) and OURS not in bench.filters(interface)


def test_an_operator_s_own_filters_stay(world):
    def before(bench):
        tc(bench, "qdisc", "add", "dev", "eth0", "clsact")
        for where in ("ingress", "egress"):
            tc(bench, "filter", "add", "dev", "eth0", where, "prio", "7", *U32)

    bench = FastBench(world, "nat", before=before)
    # One that comes later, to a qdisc that is ours.
    tc(bench, "filter", "add", "dev", "eth1", "egress", "prio", "7", *U32)
    with nearly_all_fast(bench):
        bench.fetch(10 << 20, 10 << 20)
    bench.stop()
    for interface, where in (("eth0", "ingress"), ("eth0", "egress"), ("eth1", "egress")):
        assert "u32" in bench.filters(interface, where)
    assert all(OURS not in bench.filters(interface) for interface in ("eth0", "eth1"))


def test_an_empty_clsact_of_an_operator_stays(world):
    bench = FastBench(world, "nat", before=lambda bench: tc(bench, "qdisc", "add", "dev", "eth0", "clsact"))
    bench.stop()
    assert "clsact" in tc(bench, "qdisc", "show", "dev", "eth0") and "clsact" not in tc(bench, "qdisc", "show", "dev", "eth1")


# The forwarder's coming and going

def test_a_stop_leaves_nothing(world):
    bench = FastBench(world, "nat")
    assert all(OURS in bench.filters(interface) for interface in ("eth0", "eth1")) and "clsact" in bench.qdiscs()
    bench.fetch(1 << 20, 1 << 20)
    bench.stop()
    assert "clsact" not in bench.qdiscs()
    assert all(not bench.filters(interface, where).strip() for interface in ("eth0", "eth1") for where in ("ingress", "egress"))


@methods
def test_a_killed_forwarder_takes_the_fast_path_up_again(world, method, family):
    bench = FastBench(world, method, family)
    streams = streams_of(bench)
    for _ in range(3):
        wait_until_fast(bench)
        bench.process.kill()
        bench.process.wait()
        bench.start()
        for stream in streams:
            stream.moves()
    wait_until_fast(bench)
    end(bench, streams)
    for interface in ("eth0", "eth1"):
        assert bench.filters(interface).count(f"handle 0x7464 {OURS}") == 1, bench.filters(interface)
    bench.stop()
    assert "clsact" not in bench.qdiscs(), "that of the killed one is known"


@methods
def test_where_the_kernel_refuses_the_engine_forwards_all(world, method, family):
    bench = FastBench(world, method, family, starter=WITHOUT_BPF)
    assert bench.said("There is no fast path, so every packet goes by the engine") == 1
    assert "clsact" not in bench.qdiscs()
    streams = streams_of(bench)
    none_fast(bench, lambda: [stream.moves(8 << 20) for stream in streams])
    end(bench, streams)
    bench.stop()


# Reloads

def test_a_reload_changes_nothing_for_who_stays(world):
    bench = FastBench(world, "nat")
    streams = streams_of(bench)
    for number in range(3):
        wait_until_fast(bench)
        bench.site.document["services"]["web"]["servers"]["web2"]["weight"] = 2 + number
        bench.site.document["workers"] = 1 + number % 2
        bench.site.write()
        bench.reload()
    wait_until_fast(bench)
    end(bench, streams)


@pytest.mark.parametrize("family", [4, 6])
def test_workers_that_are_new_follow_a_client_whose_mac_address_changes(world, family):
    bench = FastBench(world, "nat", family)
    stream = Stream(bench)
    wait_until_fast(bench)
    bench.site.document["workers"] = 3
    bench.site.write()
    bench.reload()
    wait_until_fast(bench)
    bench.client.sysctl(**{"net/ipv4/conf/eth0/arp_notify": 1, "net/ipv6/conf/eth0/ndisc_notify": 1})
    bench.client.ip("link", "set", "eth0", "address", "02:00:00:00:77:01")
    stream.moves()
    wait_until_fast(bench)
    stream.end()


def outcome(stream):
    """What the receiver meets within a few seconds: "goes on", or what it fails with."""
    try:
        stream.moves(seconds=8)
        return "goes on"
    except TimeoutError:
        return "stands"
    except AssertionError:
        return type(stream.errors[0]).__name__


@pytest.mark.parametrize("method,what,fast_path", [("nat", "service", "auto"), ("dr", "server", "auto"), ("nat", "server", "off")])
def test_what_a_reload_removes_takes_no_way_any_more(world, method, what, fast_path):
    """The same with the fast path and without."""
    def wish(document):
        document["fast_path"] = fast_path

    bench = FastBench(world, method, more_change=wish)
    stream = Stream(bench, up=True)
    stream.moves()
    if fast_path == "auto":
        wait_until_fast(bench)
    services = bench.site.document["services"]
    if what == "service":
        del services["hold"]
    else:
        # Another comes in its place, and may have its number.
        services["hold"]["servers"] = {"web2": {**services["hold"]["servers"]["web1"], "address": "10.0.1.12"}}
    bench.site.write()
    bench.reload()
    assert outcome(stream) == "ConnectionResetError"
    if what == "service":
        with pytest.raises(ConnectionRefusedError):
            bench.connect()
