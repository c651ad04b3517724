"""Forwarding alone on real traffic: a client, one director, real servers, by each method; kernel offloads as they come."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from alone import Running  # noqa: E402
from topology import GATEWAY, SOURCE, VIP, Site  # noqa: E402
from world import require_root, run, wait_until  # noqa: E402

require_root()
PROGRAM = Path(os.environ["TANDEM_BIN"]) / "forwarder_alone"
BULK = Path(__file__).parent / "bulk.py"
PYTHON = "/usr/bin/python3"


class Bench(Running):
    """A Site in which dir-a owns the VIP by hand and runs forwarder_alone."""

    def __init__(self, world, method, kernel_forwards=1, fast_path="auto"):
        def more_services(document):
            del document["peer_link"]
            document["fast_path"] = fast_path
            servers = document["services"]["web"]["servers"]
            port = lambda number: {name: {**server, "port": number} for name, server in servers.items()}  # noqa: E731
            translates = method in ("nat", "fullnat")
            inside = lambda outside, number: number if translates else outside  # noqa: E731
            for name, protocol, outside, number in (("bulk", "tcp", 9000, 9001), ("echo", "udp", 7, 5007),
                                                    ("void", "udp", 9, 5009)):
                document["services"][name] = {
                    "address": VIP, "port": outside, "protocol": protocol, "forward": method, "scheduler": "rr",
                    "check": "none", "servers": port(inside(outside, number)),
                    **({"source_pool": SOURCE} if method == "fullnat" else {})}

        self.world, self.method = world, method
        self.site = Site(world, PROGRAM.parent, method, change=more_services)
        self.client = world.hosts["client"]
        self.director = world.hosts["dir-a"]
        self.director.sysctl(**{"net/ipv4/ip_forward": kernel_forwards})
        self.director.ip("addr", "add", f"{VIP}/24", "dev", "eth0")
        if method == "nat":
            self.director.ip("addr", "add", f"{GATEWAY}/24", "dev", "eth1")
        if method == "fullnat":
            self.director.ip("addr", "add", f"{SOURCE}/24", "dev", "eth1")
        self.site.start_servers()
        for server in self.site.servers.values():
            ports = ("9001", "5007") if method in ("nat", "fullnat") else ("9000", "7")
            server.host.start(PYTHON, BULK, "serve", ports[0], log=f"{server.name}.bulk.log")
            server.host.start(PYTHON, BULK, "echo", ports[1], log=f"{server.name}.echo.log")
        self.run_folder = world.folder / "alone"
        self.run_folder.mkdir()
        self.process = None
        self.sniffer = self.client.start("tcpdump", "-U", "--immediate-mode", "-s", "100", "-i", "eth0", "-w", self.pcap, log="tcpdump.log")
        wait_until("tcpdump listens", lambda: "listening" in (world.folder / "tcpdump.log").read_text(), 10)
        self.start()

    @property
    def pcap(self):
        return self.world.folder / "client.pcap"

    @property
    def log(self):
        return (self.world.folder / "alone.log").read_text()

    def start(self):
        ready = self.log.count("ready\n") if self.process else 0
        self.process = self.director.start(PROGRAM, self.site.file, self.run_folder, log="alone.log")
        wait_until("forwarding ready", lambda: self.log.count("ready\n") > ready, 10, every=0.002)

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=10)

    def get(self, path, seconds=5):
        return self.client.run("curl", "-sS", "-m", seconds, f"http://{VIP}/{path}")

    @staticmethod
    def fetching(up, down):
        """The command that does."""
        return [PYTHON, BULK, "fetch", VIP, 9000, up, down]

    def fetch(self, up, down):
        return json.loads(self.client.run(*self.fetching(up, down)))

    def seen(self, expression):
        """Packets at the client's cable that a tcpdump expression selects."""
        time.sleep(0.3)  # what is on its way to the file
        return run("tcpdump", "-n", "-r", self.pcap, expression).splitlines()

    def no_kernel_interference(self, client_gave_up=False):
        # A client that gave up resets what is answered to it later.
        resets = self.seen("tcp[tcpflags] & tcp-rst != 0" + (f" and src host {VIP}" if client_gave_up else ""))
        assert resets == []
        if self.method in ("nat", "fullnat"):
            assert self.seen("src net 10.0.1.0/24") == []

    def processor_time(self):
        """Seconds of processor time the program has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def tables(self):
        return self.director.run("nft", "list", "tables")


def echo_once(bench, text):
    code = ("import socket,sys; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(3); "
            f"s.sendto(sys.argv[1].encode(),('{VIP}',7)); print(s.recv(9000).decode())")
    return bench.client.run(PYTHON, "-c", code, text).strip()


@pytest.mark.parametrize("method,kernel_forwards", [("nat", 0), ("nat", 1), ("fullnat", 0), ("fullnat", 1), ("dr", 0), ("dr", 1), ("tun", 0), ("tun", 1)])
def test_every_byte_arrives_and_the_kernel_keeps_silent(world, method, kernel_forwards):
    bench = Bench(world, method, kernel_forwards)
    answered = {bench.get("who").strip() for _ in range(12)}
    assert answered == {"web1", "web2", "web3"}
    bench.fetch(20 << 20, 20 << 20)
    assert echo_once(bench, "hello") == "hello"
    assert echo_once(bench, "x" * 1400) == "x" * 1400
    bench.no_kernel_interference()
    assert bench.client.run("ping", "-c1", "-W2", VIP)
    assert "netdev tandem" in bench.tables()
    assert bench.stop() == 0
    assert "netdev tandem" not in bench.tables()


@pytest.mark.parametrize("method", ["nat", "fullnat"])
def test_an_icmp_error_of_a_nat_server_comes_from_the_vip(world, method):
    bench = Bench(world, method)
    code = ("import socket; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(3); "
            f"s.connect(('{VIP}',9)); s.send(b'x');\n"
            "try: s.recv(10)\nexcept ConnectionRefusedError: print('refused')")
    assert bench.client.run(PYTHON, "-c", code).strip() == "refused"
    bench.no_kernel_interference()


def test_a_flushed_ruleset_is_put_back(world):
    bench = Bench(world, "nat")
    bench.director.run("nft", "flush", "ruleset")
    wait_until("filters are back", lambda: "netdev tandem" in bench.tables(), 2)
    assert bench.get("who").strip()
    bench.no_kernel_interference()


def test_a_killed_forwarder_comes_back_to_its_flows(world):
    bench = Bench(world, "nat")
    download = bench.client.start(PYTHON, BULK, "fetch", VIP, 9000, 1000, 150 << 20, log="download.log")
    for _ in range(5):
        bench.process.kill()
        bench.process.wait()
        assert "netdev tandem" in bench.tables()
        bench.start()
    assert "flows taken up" in bench.log
    assert download.wait(timeout=60) == 0, (world.folder / "download.log").read_text()
    bench.no_kernel_interference()


def test_a_server_that_changes_its_mac_address_is_followed(world):
    bench = Bench(world, "nat")
    for name in ("web1", "web2", "web3"):
        server = world.hosts[name]
        server.ip("link", "set", "eth0", "down")
        server.ip("link", "set", "eth0", "address", f"02:00:00:00:00:{name[-1]}{name[-1]}")
        server.ip("link", "set", "eth0", "up")
        server.ip("route", "add", "default", "via", GATEWAY)
        server.run("arping", "-U", "-c1", "-I", "eth0", "-S", server.addresses()[0].split("/")[0], GATEWAY, check=False)
        server.run("ping", "-c1", "-W2", GATEWAY)
    assert {bench.get("who").strip() for _ in range(12)} == {"web1", "web2", "web3"}


def test_an_interface_that_goes_and_comes_back_is_served_again(world):
    bench = Bench(world, "nat")
    assert bench.get("who")
    bench.director.ip("link", "set", "eth0", "down")
    before = bench.processor_time()
    time.sleep(1)
    assert bench.processor_time() - before < 0.3, "it spins"
    bench.director.ip("link", "set", "eth0", "up")
    wait_until("served again", lambda: bench.client.run("curl", "-s", "-m", "1", f"http://{VIP}/who", check=False), 5)
    # The very device may go, and another come under its name.
    opened = bench.log.count("FORWARDING_PORT_OPEN eth0")
    bench.director.ip("link", "del", "eth0")
    world.cable(bench.director, "eth0", "outside", "198.51.100.2/24")
    # The VIP comes later, as a virtual router brings it: until the new device has its filter, the kernel would answer there.
    wait_until("the new eth0 is served", lambda: bench.log.count("FORWARDING_PORT_OPEN eth0") > opened, 5)
    bench.director.ip("addr", "add", f"{VIP}/24", "dev", "eth0")
    bench.client.ip("neigh", "flush", "all")
    wait_until("served again", lambda: bench.client.run("curl", "-s", "-m", "1", f"http://{VIP}/who", check=False), 5)
    bench.no_kernel_interference(client_gave_up=True)


def test_a_reload_that_takes_a_service_away_gives_its_port_back(world):
    bench = Bench(world, "nat")
    assert bench.get("who")
    del bench.site.document["services"]["web"]
    bench.site.write()
    bench.process.send_signal(1)
    wait_until("reloaded", lambda: "reloaded" in bench.log, 5)
    refused = bench.client.run("curl", "-sS", "-m", "3", f"http://{VIP}/who", check=False)
    assert refused == ""
    assert bench.seen("tcp[tcpflags] & tcp-rst != 0 and src port 80"), "now the kernel answers"
    assert "9000" in bench.director.run("nft", "list", "table", "netdev", "tandem")


def finished_frames(bench):
    """Ends of the wire finish their frames themselves, as real cards' traffic is."""
    for host in (bench.client, *(server.host for server in bench.site.servers.values())):
        host.run("ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off", "gro", "off")


def counted(bench):
    time.sleep(0.3)  # the worker's counters are as of 100 ms ago
    bench.stop()
    return {words[0]: int(words[1]) for words in map(str.split, bench.log.splitlines()) if len(words) == 2 and words[1].isdigit()}


@pytest.mark.parametrize("method", ["nat", "dr", "tun"])
def test_finished_frames_leave_by_af_xdp(world, method):
    bench = Bench(world, method, fast_path="off")
    finished_frames(bench)
    assert bench.log.count("finished frames leave by AF_XDP") == 2
    bench.fetch(5 << 20, 5 << 20)
    assert echo_once(bench, "x" * 1400) == "x" * 1400
    bench.no_kernel_interference()
    counters = counted(bench)
    assert counters["port_sent_by_xdp"] > 3000
    assert counters["port_sent_by_xdp"] > counters["port_sent"] * 9 // 10
    assert counters["port_send_dropped"] == 0


def test_super_packets_between_finished_frames_stay_in_order(world):
    """The client sends super-packets with unfilled checksums, the servers finished frames: one director sends by both sockets."""
    bench = Bench(world, "nat", fast_path="off")
    for server in bench.site.servers.values():
        server.host.run("ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off", "gro", "off")
    bench.fetch(20 << 20, 20 << 20)
    counters = counted(bench)
    assert 0 < counters["port_sent_by_xdp"] < counters["port_sent"]
    assert counters["port_receive_malformed"] == 0


def test_the_site_file_may_want_the_packet_socket_and_change_its_mind(world):
    bench = Bench(world, "nat", fast_path="off")
    finished_frames(bench)
    bench.site.document["send_by"] = "packet_socket"
    bench.site.write()
    bench.process.send_signal(signal.SIGHUP)
    wait_until("reloaded", lambda: "reloaded" in bench.log, 10)
    assert bench.get("who")
    bench.site.document["send_by"] = "af_xdp"
    bench.site.write()
    before = bench.log.count("finished frames leave by AF_XDP")
    bench.process.send_signal(signal.SIGHUP)
    wait_until("AF_XDP again on both", lambda: bench.log.count("finished frames leave by AF_XDP") == before + 2, 10)
    bench.fetch(1 << 20, 1 << 20)
    assert counted(bench)["port_sent_by_xdp"] > 0


def test_the_site_file_may_switch_the_fast_path_off_and_on_under_a_connection_and_no_count_goes_back(world):
    bench = Bench(world, "nat")
    counts = [bench.counters()]
    assert counts[0]["fast_path"] == 1
    download = bench.client.start(*bench.fetching(1000, 200 << 20), log="download.log")
    wait_until("it is fast", lambda: bench.counters()["fast_to_clients"] > counts[0]["fast_to_clients"], 10)
    for wish in ("off", "auto", "off"):
        counts.append(bench.counters())
        bench.site.document["fast_path"] = wish
        bench.site.write()
        bench.reload()
        counts.append(bench.counters())
        assert counts[-1]["fast_path"] == (wish == "auto")
        assert bench.get("who")
    assert download.wait(timeout=60) == 0, (world.folder / "download.log").read_text()
    bench.fetch(1 << 20, 1 << 20)
    counts.append(bench.counters())
    for before, after in zip(counts, counts[1:]):
        for name in ("frames", "to_server", "to_client", "fast_to_servers", "fast_to_clients"):
            assert before.get(name, 0) <= after.get(name, 0), (name, counts)
    assert counts[-1]["fast_to_clients"] == counts[-2]["fast_to_clients"], "off"
    assert "clsact" not in bench.director.run("tc", "qdisc", "show")
    bench.no_kernel_interference()


def test_a_shaper_is_not_passed_by(world):
    bench = Bench(world, "nat")
    finished_frames(bench)
    bench.stop()
    bench.director.run("tc", "qdisc", "add", "dev", "eth1", "root", "tbf", "rate", "200mbit", "burst", "256k", "latency", "50ms")
    bench.start()
    assert "eth1: Packets of this interface are served; all leave by the packet socket: AF_XDP would pass by its queueing discipline tbf" in bench.log
    assert bench.get("who")
    bench.fetch(1 << 20, 1 << 20)


def test_af_xdp_is_used_again_after_the_interface_was_down_and_its_mtu_changed(world):
    bench = Bench(world, "nat", fast_path="off")
    finished_frames(bench)
    opened = bench.log.count("eth1: Packets of this interface are served; finished frames leave by AF_XDP")
    bench.director.ip("link", "set", "eth1", "down")
    time.sleep(0.3)
    bench.director.ip("link", "set", "eth1", "mtu", "1400")
    bench.director.ip("link", "set", "eth1", "up")
    wait_until("AF_XDP is used again", lambda: bench.log.count(
        "eth1: Packets of this interface are served; finished frames leave by AF_XDP") > opened, 10)
    wait_until("it answers again", lambda: bench.client.run(
        "curl", "-sS", "-m", "2", f"http://{VIP}/who", check=False).strip() in {"web1", "web2", "web3"}, 15)
    assert counted(bench)["port_sent_by_xdp"] > 0
