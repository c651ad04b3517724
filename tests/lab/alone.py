"""forwarder_alone between real clients and servers, in either family or across."""

import json
import os
import signal
import time
from pathlib import Path

from dual import GATEWAY6, VIP6, DualSite, give, of_family
from topology import GATEWAY, VIP, translates
from world import run, wait_until

PROGRAM = Path(os.environ["TANDEM_BIN"]) / "forwarder_alone"
BULK = Path(__file__).parent / "bulk.py"
PYTHON = "/usr/bin/python3"
ALL = {"web1", "web2", "web3"}


class Running:
    """What a forwarder_alone tells when it is asked. `process` and `log` are its own."""

    def _ask(self, number, answer):
        said = self.log.count(f"{answer}\n")
        self.process.send_signal(number)
        wait_until(answer, lambda: self.log.count(f"{answer}\n") > said, 10, every=0.01)

    def counters(self):
        """As they are, without ending it."""
        time.sleep(0.25)  # the worker's are as of 100 ms ago
        self._ask(signal.SIGUSR2, "counters")
        block = self.log.rpartition("counters\n")[0].rpartition("counters begin\n")[2]
        return {words[0]: int(words[1]) for words in map(str.split, block.splitlines()) if len(words) == 2}

    def flow_lines(self):
        """The flows there are, as words."""
        before = len(self.log)
        self._ask(signal.SIGUSR1, "flows")
        return [words for words in map(str.split, self.log[before:].splitlines()) if words[:1] == ["flow"]]

    def states(self):
        """Of the flows there are, by the client's port."""
        return {int(words[3]): words[6] for words in self.flow_lines()}

    def reload(self):
        self._ask(signal.SIGHUP, "reloaded")


class Bench(Running):
    """A DualSite in which dir-a owns the VIPs by hand and runs forwarder_alone. `clients` and `servers`: 4 or 6.
    `before(bench)` is done before the program starts; `starter`: the words before its own."""

    def __init__(self, world, method, clients=6, servers=6, kernel_forwards=1, change=None, finished=False,
                 before=None, starter=()):
        self.world, self.method = world, method
        self.vip = of_family(clients)[0]
        self.url = f"http://{f'[{self.vip}]' if clients == 6 else self.vip}/"

        def services(document):
            del document["peer_link"]
            inside = lambda outside, number: number if translates(method) else outside  # noqa: E731
            addresses, source = of_family(servers)[1:]
            document["services"] = {
                name: {"address": self.vip, "port": outside, "protocol": protocol, "forward": method, "scheduler": "rr",
                       "check": "none", **({"source_pool": source} if method == "fullnat" else {}),
                       "servers": {each: {"address": address, "port": inside(outside, number)}
                                   for each, address in addresses.items()}}
                for name, protocol, outside, number in (
                    ("web", "tcp", 80, 8080), ("bulk", "tcp", 9000, 9001), ("echo", "udp", 7, 5007),
                    ("void", "udp", 9, 5009), ("dns", "udp", 53, 53))}
            if change:
                change(document)

        self.site = DualSite(world, PROGRAM.parent, method, change=services)
        self.client, self.director = world.hosts["client"], world.hosts["dir-a"]
        self.director.sysctl(**{"net/ipv4/ip_forward": kernel_forwards,
                                "net/ipv6/conf/all/forwarding": kernel_forwards})
        self.director.ip("addr", "add", f"{VIP}/24", "dev", "eth0")
        give(self.director, f"{VIP6}/64", "eth0")
        if method == "nat":
            self.director.ip("addr", "add", f"{GATEWAY}/24", "dev", "eth1")
            give(self.director, f"{GATEWAY6}/64", "eth1")
        if method == "fullnat":
            give(self.director, f"{of_family(servers)[2]}/{24 if servers == 4 else 64}", "eth1")
        if finished:
            # Ends of the wire finish their frames themselves, as real cards' traffic is.
            for host in (self.client, *(server.host for server in self.site.servers.values())):
                host.run("ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        self.site.start_servers()
        for server in self.site.servers.values():
            ports = ("9001", "5007") if translates(method) else ("9000", "7")
            server.host.start(PYTHON, BULK, "serve", ports[0], log=f"{server.name}.bulk.log")
            server.host.start(PYTHON, BULK, "echo", ports[1], log=f"{server.name}.echo.log")
        self.pcap = world.folder / "client.pcap"
        self.client.start("tcpdump", "-U", "--immediate-mode", "-s", "100", "-i", "eth0", "-w", self.pcap, log="tcpdump.log")
        wait_until("tcpdump listens", lambda: "listening" in (world.folder / "tcpdump.log").read_text(), 10)
        (world.folder / "alone").mkdir()
        self.process, self.starter = None, starter
        if before:
            before(self)
        self.start()

    def start(self):
        ready = self.log.count("ready\n") if self.process else 0
        self.process = self.director.start(*self.starter, PROGRAM, self.site.file, self.world.folder / "alone", log="alone.log")
        wait_until("forwarding ready", lambda: self.log.count("ready\n") > ready, 10, every=0.01)

    @property
    def log(self):
        return (self.world.folder / "alone.log").read_text()

    def get(self, path, *more):
        return self.client.run("curl", "-sS", "-m", 5, *more, self.url + path)

    def who(self, count=12, *more):
        return {self.get("who", *more).strip() for _ in range(count)}

    def fetch(self, up, down, host=None):
        return json.loads((host or self.client).run(PYTHON, BULK, "fetch", self.vip, 9000, up, down))

    def echo(self, text):
        family = "socket.AF_INET6" if ":" in self.vip else "socket.AF_INET"
        code = (f"import socket,sys; s=socket.socket({family},socket.SOCK_DGRAM); s.settimeout(3); "
                f"s.sendto(sys.argv[1].encode(),('{self.vip}',7)); print(s.recv(9000).decode())")
        return self.client.run(PYTHON, "-c", code, text).strip()

    def seen(self, expression):
        """Packets at the client's cable that a tcpdump expression selects."""
        time.sleep(0.3)  # what is on its way to the file
        return run("tcpdump", "-n", "-r", self.pcap, expression).splitlines()

    def no_kernel_interference(self):
        # tcp[tcpflags] knows IPv4 alone.
        assert self.seen("tcp[tcpflags] & tcp-rst != 0 or (ip6 proto 6 and ip6[53] & 4 != 0)") == []
        if translates(self.method):
            assert self.seen("src net 10.0.1.0/24 or src net fd00:1::/64") == []

    def stop(self):
        """Ends it in order and returns its counters."""
        time.sleep(0.3)  # the worker's counters are as of 100 ms ago
        self.process.terminate()
        assert self.process.wait(timeout=10) == 0
        assert "netdev tandem" not in self.director.run("nft", "list", "tables")
        return {words[0]: int(words[1]) for words in map(str.split, self.log.splitlines())
                if len(words) == 2 and words[1].isdigit()}
