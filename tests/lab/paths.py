"""Longer ways than the Site's: routers before and behind the director, two uplinks, servers on the link and behind a gateway.

    client 203.0.113.2 ── r1 ─┬─ outside ── eth0 director eth1 ── inside ─┬─ near 10.0.1.11
                              │    │           eth2                       ├─ r2 ── far 10.0.2.11
                              └────┼── side ────┤                         │
                                   │            └─ client2 192.0.2.7      │
                                   └────────────── back ──────────────────┘

The director owns the VIP by hand and runs forwarder_alone. A service for each method and server, by TCP and by UDP; what dr and
tun servers answer goes by the router `back`, past the director.
"""

import hashlib
import json
import os
import signal
import socket
import struct
import sys
import time
from pathlib import Path

import yaml

from topology import NGINX, listen_on, write_pattern
from world import World, entered, wait_until

VIP = "198.51.100.10"
DIRECTOR_INSIDE = "10.0.1.1"
SERVERS = {"near": "10.0.1.11", "far": "10.0.2.11"}
# A way is (method, server); its number is in the ports of its services.
WAYS = {"nat-near": 1, "nat-far": 2, "dr-near": 3, "tun-near": 4, "tun-far": 5}
BIG = 4 << 20
PYTHON = "/usr/bin/python3"
BULK = Path(__file__).parent / "bulk.py"
TUNNEL_END = Path(__file__).parent / "tunnel_end.py"
LARGE_TEXT = "x" * 240


def method_of(way):
    return way.split("-")[0]


def port_of(kind, way):
    """Where clients connect to: kind is http, bulk or dns."""
    return {"http": 8000, "bulk": 9000, "dns": 5300}[kind] + WAYS[way]


def server_port_of(kind, way):
    return {"http": 80, "bulk": 9000, "dns": 53}[kind] if method_of(way) == "nat" else port_of(kind, way)


class Paths:
    def __init__(self, world: World, programs):
        self.world, self.program = world, Path(programs) / "forwarder_alone"
        os.chmod(world.folder, 0o755)
        self.big = world.folder / "big"
        write_pattern(self.big, BIG)
        self.digest = hashlib.blake2b(self.big.read_bytes()).digest()
        self._wire()
        for name in SERVERS:
            self._serve(world.hosts[name])
        self.file = world.folder / "site.yaml"
        self.file.write_text(yaml.safe_dump({"site": "lab", "directors": {"director": {}}, "services": self._services()}))
        (world.folder / "alone").mkdir()
        self.process = None
        self.start()

    def _wire(self):
        world = self.world
        street, outside, side, inside_, beyond = map(world.switch, ("street", "outside", "side", "inside", "beyond"))
        self.cables = {
            "client": {"eth0": (street, "203.0.113.2/24")},
            "client2": {"eth0": (side, "192.0.2.7/24")},
            "r1": {"eth0": (street, "203.0.113.1/24"), "eth1": (outside, "198.51.100.254/24"), "eth2": (side, "192.0.2.254/24")},
            "director": {"eth0": (outside, "198.51.100.2/24"), "eth1": (inside_, f"{DIRECTOR_INSIDE}/24"), "eth2": (side, "192.0.2.1/24")},
            "back": {"eth0": (outside, "198.51.100.253/24"), "eth1": (inside_, "10.0.1.253/24")},
            "near": {"eth0": (inside_, "10.0.1.11/24")},
            "r2": {"eth0": (inside_, "10.0.1.254/24"), "eth1": (beyond, "10.0.2.254/24")},
            "far": {"eth0": (beyond, "10.0.2.11/24")},
        }
        for name, interfaces in self.cables.items():
            host = world.host(name)
            host.sysctl(**{"net/ipv4/conf/all/rp_filter": 0, "net/ipv4/conf/default/rp_filter": 0, "net/ipv4/ip_forward": 1,
                           "net/ipv4/conf/all/send_redirects": 0, "net/ipv4/conf/default/send_redirects": 0})
            for interface, (switch, address) in interfaces.items():
                world.cable(host, interface, switch, address)
        routes = {"client": ["default via 203.0.113.1"], "client2": ["default via 192.0.2.1"], "far": ["default via 10.0.2.254"],
                  "director": ["203.0.113.0/24 via 198.51.100.254", "10.0.2.0/24 via 10.0.1.254"],
                  "back": ["203.0.113.0/24 via 198.51.100.254", "192.0.2.0/24 via 198.51.100.254", "10.0.2.0/24 via 10.0.1.254"],
                  "near": [f"default via {DIRECTOR_INSIDE}", "default via 10.0.1.253 table 100", "10.0.2.0/24 via 10.0.1.254"],
                  "r2": [f"default via {DIRECTOR_INSIDE}", "default via 10.0.1.253 table 100"], "r1": []}
        for name, lines in routes.items():
            self.batch(world.hosts[name], [f"route replace {line}" for line in lines])
        self.routes = routes
        for name in ("near", "r2"):
            world.hosts[name].ip("rule", "add", "from", VIP, "lookup", "100")
        world.hosts["director"].ip("addr", "add", f"{VIP}/24", "dev", "eth0")
        for name in SERVERS:
            server = world.hosts[name]
            server.sysctl(**{"net/ipv4/conf/all/arp_ignore": 1, "net/ipv4/conf/all/arp_announce": 2})
            server.ip("addr", "add", f"{VIP}/32", "dev", "lo")

    @staticmethod
    def batch(host, lines):
        """Commands of `ip`, in one go."""
        host.run("ip", "-batch", "-", input="\n".join(lines) + "\n")

    def _serve(self, server):
        folder = self.world.folder / server.name
        folder.mkdir()
        ports = lambda kind: sorted({server_port_of(kind, way) for way in WAYS if way.endswith(server.name)})  # noqa: E731
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, listen=listen_on(*ports("http")), name=server.name,
                                       big=self.big, rate="1500k"))
        server.start("nginx", "-c", config, log=f"{server.name}.nginx.log")
        server.start(PYTHON, "-B", TUNNEL_END, log=f"{server.name}.tunnel.log")
        server.start(PYTHON, "-B", BULK, "serve", *ports("bulk"), log=f"{server.name}.bulk.log")
        for port in ports("dns"):
            server.start("dnsmasq", "-k", "-C", "/dev/null", "-p", port, "-R", "-h", "-u", "root", "-x", "", "--edns-packet-max=4096",
                         "--host-record=who.lab," + SERVERS[server.name],
                         *(f"--txt-record=large.lab,{number:02}{LARGE_TEXT}" for number in range(12)), log=f"{server.name}.dns.log")

    def _services(self):
        return {f"{kind}-{way}": {
            "address": VIP, "port": port_of(kind, way), "protocol": "udp" if kind == "dns" else "tcp", "forward": method_of(way),
            "scheduler": "rr", "check": "none",
            "servers": {way.split("-")[1]: {"address": SERVERS[way.split("-")[1]], "port": server_port_of(kind, way)}}}
            for kind in ("http", "bulk", "dns") for way in WAYS}

    # The director

    @property
    def log(self):
        return (self.world.folder / "alone.log").read_text()

    def start(self):
        ready = self.log.count("ready\n") if self.process else 0
        self.process = self.world.hosts["director"].start(self.program, self.file, self.world.folder / "alone", log="alone.log")
        wait_until("forwarding ready", lambda: self.log.count("ready\n") > ready, 10, every=0.002)

    def counters(self):
        """The counters as they are, without ending it."""
        done = self.log.count("counters\n")
        time.sleep(0.25)  # the worker's are as of 100 ms ago
        self.process.send_signal(signal.SIGUSR2)
        wait_until("counters", lambda: self.log.count("counters\n") > done, 5, every=0.01)
        block = self.log.rpartition("counters\n")[0].rpartition("counters begin\n")[2]
        return {words[0]: int(words[1]) for words in map(str.split, block.splitlines()) if len(words) == 2}

    # What clients do

    def download(self, way, client="client", path="big", seconds=10):
        """nginx's file through `way`; every byte is right, or an exception."""
        with entered(self.world.hosts[client].ns):
            plug = socket.create_connection((VIP, port_of("http", way)), timeout=seconds)
        return self.read_file(plug, path)

    def read_file(self, plug, path, then=lambda bytes_read: None):
        digest, length = hashlib.blake2b(), 0
        with plug:
            plug.sendall(f"GET /{path} HTTP/1.0\r\nHost: lab\r\n\r\n".encode())
            stream = plug.makefile("rb")
            assert b" 200 " in stream.readline()
            while stream.readline() not in (b"\r\n", b""):
                pass
            while block := stream.read1(1 << 18):
                digest.update(block)
                length += len(block)
                then(length)
        assert length == BIG and digest.digest() == self.digest, f"{length} of {BIG} bytes"

    def who(self, way, client="client"):
        with entered(self.world.hosts[client].ns):
            plug = socket.create_connection((VIP, port_of("http", way)), timeout=5)
        with plug:
            plug.sendall(b"GET /who HTTP/1.0\r\n\r\n")
            return plug.makefile("rb").read().rpartition(b"\n\r\n")[2].decode().strip()

    def upload(self, way, length=1 << 20, client="client", down=0):
        """Sends bytes; the server has proved that it got them."""
        sys.path.insert(0, str(Path(__file__).parent))
        import bulk
        with entered(self.world.hosts[client].ns):
            return bulk.fetch(VIP, port_of("bulk", way), length, down)

    def ask(self, way, name="who.lab", kind="A", client="client", seconds=3):
        """Asks the DNS server; the answer's bytes behind its header and question."""
        number = os.urandom(2)
        question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0" + struct.pack(
            "!HH", {"A": 1, "TXT": 16}[kind], 1)
        edns = b"\0" + struct.pack("!HHIH", 41, 4096, 0, 0)
        with entered(self.world.hosts[client].ns):
            plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with plug:
            plug.settimeout(seconds)
            plug.connect((VIP, port_of("dns", way)))
            plug.send(number + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 1) + question + edns)
            answer = plug.recv(8192)
        assert answer[:2] == number and answer[3] & 15 == 0 and answer[12:12 + len(question)] == question, answer
        return answer[12 + len(question):]

    def trace(self, way, ttl, client="client"):
        """One datagram with this TTL: (who answered, what); what is "answer" or (ICMP type, code)."""
        IP_RECVERR, MSG_ERRQUEUE = 11, 0x2000
        with entered(self.world.hosts[client].ns):
            plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with plug:
            plug.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            plug.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            plug.settimeout(2)
            plug.connect((VIP, port_of("dns", way)))
            plug.send(b"\0\1\1\0\0\1\0\0\0\0\0\0\3who\3lab\0\0\1\0\1")
            try:
                return (plug.getpeername()[0], "answer") if plug.recv(2000) else None
            except TimeoutError:
                return None, "nothing"
            except OSError:
                _, ancillary, _, _ = plug.recvmsg(2000, 512, MSG_ERRQUEUE)
                data = next(data for level, kind, data in ancillary if (level, kind) == (socket.IPPROTO_IP, IP_RECVERR))
                # struct sock_extended_err and the offender's address behind it
                kind, code = data[5], data[6]
                return socket.inet_ntoa(data[20:24]), (kind, code)

    # What the world does

    def set_mtu(self, mtu):
        """Of every interface and every switch's port."""
        for name, interfaces in self.cables.items():
            self.batch(self.world.hosts[name], [f"link set {interface} mtu {mtu}" for interface in interfaces])
        self.batch(self.world.switches, [f"link set {name}.{interface} mtu {mtu}"
                                         for name, interfaces in self.cables.items() for interface in interfaces])

    def set_route_mtus(self, where, mtu):
        """Of all of a host's routes out of one interface: a narrow link, whose other direction is as wide as ever. 0: as wide."""
        name, interface = where
        host = self.world.hosts[name]
        routes = [line.partition(" mtu ")[0].replace(" linkdown", "") for line in host.ip("route", "show", "dev", interface).splitlines()]
        self.batch(host, [f"route replace {route} dev {interface}" + (f" mtu {mtu}" if mtu else "") for route in routes])

    def announce(self, name, interface, address):
        """A gratuitous ARP, as after a change of the MAC address."""
        host = self.world.hosts[name]
        mac = bytes.fromhex(json.loads(host.ip("-j", "link", "show", interface))[0]["address"].replace(":", ""))
        ip = socket.inet_aton(address)
        with entered(host.ns), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as plug:
            plug.bind((interface, 0))
            plug.send(b"\xff" * 6 + mac + b"\x08\x06\0\1\x08\0\6\4\0\1" + mac + ip + b"\0" * 6 + ip)

    def set_offloads(self, state):
        """Of all ends: whether they leave checksums and segmentation to the card, and put segments together."""
        for name in ("client", "client2", "near", "far"):
            self.world.hosts[name].run("ethtool", "-K", "eth0", *(word for what in ("tx", "tso", "gso", "gro") for word in (what, state)))

    def forget_path_mtus(self):
        for name, host in self.world.hosts.items():
            if name != "switches":
                host.run("sh", "-c", "ip route flush cache; ip tcp_metrics flush all 2> /dev/null || true")
