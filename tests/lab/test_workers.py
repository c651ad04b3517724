"""Several packet workers: who gets which packet, and what a reload makes of their number; AF_XDP queues that somebody has."""

import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from test_forwarding import BULK, PYTHON, VIP, Bench, counted, finished_frames  # noqa: E402
from world import require_root, wait_until  # noqa: E402

require_root()
CLIENTS = [f"198.51.100.{number}" for number in range(120, 152)]
# Takes queue 0 of an interface by an AF_XDP socket of its own, and says so.
HOLDER = """
import ctypes, mmap, socket, struct, sys, time
plug = socket.socket(44, socket.SOCK_RAW)
memory = mmap.mmap(-1, 64 * 4096)
where = ctypes.addressof(ctypes.c_char.from_buffer(memory))
plug.setsockopt(283, 4, struct.pack("QQIIII", where, 64 * 4096, 4096, 0, 0, 0))
for ring in (5, 6, 3): plug.setsockopt(283, ring, 64)
address = struct.pack("HHIII", 44, 2, socket.if_nametoindex(sys.argv[1]), 0, 0)
assert ctypes.CDLL(None, use_errno=True).bind(plug.fileno(), address, len(address)) == 0, ctypes.get_errno()
print("held", flush=True)
time.sleep(60)
"""


def with_workers(world, method, number, **more):
    bench = Bench(world, method, **more)
    for address in CLIENTS:
        bench.client.ip("addr", "add", f"{address}/24", "dev", "eth0")
    set_workers(bench, number)
    return bench


def set_workers(bench, number):
    reloads = bench.log.count("reloaded")
    bench.site.document["workers"] = number
    bench.site.write()
    bench.process.send_signal(signal.SIGHUP)
    wait_until("reloaded", lambda: bench.log.count("reloaded") > reloads, 10)


def ask_from(bench, address):
    return bench.client.run("curl", "-sS", "-m", "5", "--interface", address, f"http://{VIP}/who").strip()


@pytest.mark.parametrize("method", ["nat", "dr", "tun"])
def test_clients_are_divided_and_every_byte_arrives(world, method):
    bench = with_workers(world, method, 3)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda address: ask_from(bench, address), CLIENTS)) == {"web1", "web2", "web3"}
    bench.fetch(20 << 20, 20 << 20)
    bench.no_kernel_interference()
    counters = counted(bench)
    received = [counters[f"worker_{number}_received"] for number in range(3)]
    assert all(received), received
    # No frame goes to two of them.
    fast = counters["fast_to_servers"] + counters["fast_to_clients"]
    assert counters["frames"] - fast == sum(received) == counters["port_received"]


def test_both_ways_of_a_client_meet_one_worker(world):
    bench = with_workers(world, "nat", 4)
    bench.fetch(10 << 20, 10 << 20)
    counters = counted(bench)
    received = sorted(counters[f"worker_{number}_received"] for number in range(4))
    assert received[2] == 0 < counters["to_client"], received


def test_workers_come_and_go_with_a_reload_and_connections_stay(world):
    bench = with_workers(world, "nat", 1)
    download = bench.client.start(PYTHON, BULK, "fetch", VIP, 9000, 1000, 100 << 20, log="download.log")
    for number in (4, 2, 3, 1):
        set_workers(bench, number)
        assert ask_from(bench, CLIENTS[number]) in {"web1", "web2", "web3"}
    assert download.wait(timeout=60) == 0, (world.folder / "download.log").read_text()
    bench.no_kernel_interference()
    counters = counted(bench)
    assert "worker_1_received" not in counters
    # What workers counted that are gone is still counted.
    assert counters["port_received"] > counters["worker_0_received"]


def test_workers_share_the_queue_of_an_interface(world):
    bench = with_workers(world, "nat", 3, fast_path="off")
    finished_frames(bench)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda address: ask_from(bench, address), CLIENTS)) == {"web1", "web2", "web3"}
    bench.fetch(5 << 20, 5 << 20)
    counters = counted(bench)
    assert counters["port_sent_by_xdp"] > counters["port_sent"] * 9 // 10
    assert counters["port_send_dropped"] == 0


def test_an_interface_that_was_down_is_served_by_all_workers_again(world):
    bench = with_workers(world, "nat", 3)
    bench.director.ip("link", "set", "eth0", "down")
    time.sleep(0.5)
    bench.director.ip("link", "set", "eth0", "up")
    wait_until("served again", lambda: bench.client.run("curl", "-s", "-m", "1", f"http://{VIP}/who", check=False), 5)
    for address in CLIENTS:
        assert ask_from(bench, address) in {"web1", "web2", "web3"}
    bench.no_kernel_interference(client_gave_up=True)


def test_a_queue_that_somebody_has_is_taken_when_it_is_free(world):
    bench = Bench(world, "nat", fast_path="off")
    finished_frames(bench)
    bench.stop()
    holder = bench.director.start(PYTHON, "-c", HOLDER, "eth1", log="holder.log")
    wait_until("the queue is held", lambda: "held" in (world.folder / "holder.log").read_text(), 10)
    bench.start()
    assert "eth1: Packets of this interface are served; all leave by the packet socket: another AF_XDP socket has its queue 0." in bench.log
    bench.fetch(1 << 20, 1 << 20)
    holder.kill()
    holder.wait()
    wait_until("AF_XDP is used", lambda: "eth1: Packets of this interface are served; finished frames leave by AF_XDP" in bench.log, 10)
    bench.fetch(1 << 20, 1 << 20)
    bench.no_kernel_interference()
    assert counted(bench)["port_sent_by_xdp"] > 0
