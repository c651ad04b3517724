"""The site that the demo and most lab tests raise: a client, two directors, three real servers, a router.

    client 198.51.100.100 ──┐                          ┌── web1 10.0.1.11
                            ├─ outside ═ dir-a ═ inside ├── web2 10.0.1.12
    router 198.51.100.254 ──┘         ═ dir-b ═        ├── web3 10.0.1.13
           10.0.1.254 ─────────────────────────────────┘

The VIP 198.51.100.10 and, for nat, the servers' gateway 10.0.1.1, for fullnat the source 10.0.1.100, move between the directors
as one virtual router. For dr and tun the servers answer the client through the router, past the directors; for fullnat they have no
route to it at all.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import yaml

from world import World, wait_until

VIP = "198.51.100.10"
GATEWAY = "10.0.1.1"
SOURCE = "10.0.1.100"  # of fullnat
SERVERS = {"web1": "10.0.1.11", "web2": "10.0.1.12", "web3": "10.0.1.13"}
DIRECTORS = {"dir-a": 2, "dir-b": 3}  # last octet outside and inside
PRIORITY = {"dir-a": 150, "dir-b": 100}

NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; default_type text/plain; sendfile on; keepalive_timeout 65; keepalive_requests 100000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    {listen}
    location = /healthz {{ return 200 "ok\\n"; }}
    location = /who {{ return 200 "{name}\\n"; }}
    location = /slow {{ alias {big}; limit_rate {rate}; }}
    location = /big {{ alias {big}; }}
  }}
}}
"""


def translates(method):
    """Whether servers have ports of their own, and answer by the director."""
    return method in ("nat", "fullnat")


def listen_on(*ports):
    """What NGINX says of these ports, in both families."""
    return " ".join(f"listen {port} backlog=4096; listen [::]:{port} backlog=4096;" for port in ports)


def write_site(file, document):
    """At once, as an editor does: nobody reads half of it."""
    temporary = file.with_suffix(".new")
    temporary.write_text(yaml.safe_dump(document, sort_keys=False))
    temporary.rename(file)


class WebServer:
    """A real server: nginx in a namespace of its own."""

    def __init__(self, site, name):
        self.site, self.name = site, name
        self.host = site.world.hosts[name]
        self.folder = site.world.folder / name
        self.folder.mkdir()
        self.config = self.folder / "nginx.conf"
        self.config.write_text(NGINX.format(folder=self.folder, listen=listen_on(site.port_of(name)), name=name, big=site.big_file,
                                            rate=site.slow_rate))
        self.process = None

    def start(self):
        self.process = self.host.start("nginx", "-c", self.config, log=f"{self.name}.log")

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Director:
    """One director box: a namespace with the real tandemd in it."""

    def __init__(self, site, name):
        self.site, self.name = site, name
        self.host = site.world.hosts[name]
        self.run_folder = site.world.folder / name / "run"
        self.state_folder = site.world.folder / name / "state"
        for folder in (self.run_folder, self.state_folder):
            folder.mkdir(parents=True)
        self.process = None

    def start(self, **more):
        self.process = self.host.start(
            self.site.bin / "tandemd", "--config", self.site.file, "--run-dir", self.run_folder,
            "--state-dir", self.state_folder, "--director", self.name, log=f"{self.name}.log", **more)

    def stop(self, seconds=15):
        """The orderly way; returns the exit status."""
        self.process.terminate()
        return self.process.wait(timeout=seconds)

    def kill(self):
        """Every process of the box at once, as a crash would."""
        self.host.kill_all(signal.SIGKILL)
        self.process.wait()

    def after_crash(self):
        """What systemd's ExecStopPost runs once every process of the unit is gone."""
        self.host.run(self.site.bin / "tandemd", "--after-crash", "--run-dir", self.run_folder)

    def log(self):
        return (self.site.world.folder / f"{self.name}.log").read_text(errors="replace")

    def ctl(self, *words, check=True):
        return subprocess.run([self.site.bin / "tandemctl", "--socket", self.run_folder / "control.sock", *map(str, words)],
                              capture_output=True, text=True, timeout=20, check=check)

    def status(self):
        """The board as /v1/status tells it, or None while the daemon does not answer."""
        try:
            with socket.socket(socket.AF_UNIX) as plug:
                plug.settimeout(2)
                plug.connect(str(self.run_folder / "control.sock"))
                http_connection = http.client.HTTPConnection("tandem")
                http_connection.sock = plug
                http_connection.request("GET", "/v1/status", headers={"Connection": "close"})
                return json.loads(http_connection.getresponse().read())
        except (OSError, ValueError, http.client.HTTPException):
            return None

    def messages(self, kind):
        return (self.status() or {}).get(kind, [])

    def is_active(self, router="web"):
        return any(m["router"] == router and m["state"] == "active" for m in self.messages("InstanceState"))

    def in_step(self):
        return any(m["in_step"] for m in self.messages("SyncStatus"))

    def server(self, name, service="web"):
        for message in self.messages("ServerHealth"):
            if message["service"] == service and message["server"] == name:
                return message
        return None

    def room_pid(self, room):
        for message in self.messages("RoomStatus"):
            if message["room"] == room:
                return message["pid"]
        return None

    def holds(self, address):
        return any(entry.split("/")[0] == address for entry in self.host.addresses())


class Site:
    """method: nat, fullnat, dr or tun; methods: of single servers, by name. bin: the folder of tandemd and tandemctl. `change(document)` may edit the site file's data."""

    def __init__(self, world: World, bin_folder, method="nat", change=None, slow_rate="300k", protocol="tcp", methods=None):
        self.world, self.bin, self.method = world, Path(bin_folder).resolve(), method
        os.chmod(world.folder, 0o755)  # the checkers run as a user of their own
        self.methods = methods or {}
        self.slow_rate = slow_rate
        self.big_file = world.folder / "big"
        write_pattern(self.big_file, 32 << 20)
        self._wire()
        self.servers = {name: WebServer(self, name) for name in SERVERS}
        self.file = world.folder / "tandem.yaml"
        key = world.folder / "peer.key"
        key.write_text(os.urandom(32).hex() + "\n")
        key.chmod(0o600)
        self.document = self._document(str(key))
        if change:
            change(self.document)
        self.write()
        self.directors = {name: Director(self, name) for name in DIRECTORS}

    def _wire(self):
        world = self.world
        outside, inside = world.switch("outside"), world.switch("inside")
        self.client = world.host("client")
        world.cable(self.client, "eth0", outside, "198.51.100.100/24")
        router = world.host("router")
        world.cable(router, "eth0", outside, "198.51.100.254/24")
        world.cable(router, "eth1", inside, "10.0.1.254/24")
        # The servers' answers carry the VIP as source and come from inside: no reverse path filter here.
        router.sysctl(**{"net/ipv4/ip_forward": 1, "net/ipv4/conf/all/rp_filter": 0, "net/ipv4/conf/eth1/rp_filter": 0})
        for name, octet in DIRECTORS.items():
            director = world.host(name)
            world.cable(director, "eth0", outside, f"198.51.100.{octet}/24")
            world.cable(director, "eth1", inside, f"10.0.1.{octet}/24")
            director.sysctl(**{"net/ipv4/ip_forward": 1})
        for name, address in SERVERS.items():
            server = world.host(name)
            world.cable(server, "eth0", inside, f"{address}/24")
            method = self.method_of(name)
            if method == "nat":
                server.ip("route", "add", "default", "via", GATEWAY)
            if translates(method):
                continue
            # The VIP on lo, silent on the wire; answers leave through the router.
            server.sysctl(**{"net/ipv4/conf/all/arp_ignore": 1, "net/ipv4/conf/all/arp_announce": 2,
                             "net/ipv4/conf/all/rp_filter": 0, "net/ipv4/conf/eth0/rp_filter": 0})
            server.ip("addr", "add", f"{VIP}/32", "dev", "lo")
            server.ip("route", "add", "default", "via", "10.0.1.254")
            if method == "tun":
                server.start("/usr/bin/python3", Path(__file__).parent / "tunnel_end.py", log=f"{name}.tunnel.log")

    def _document(self, key):
        addresses = [f"{VIP}/24"]
        if "nat" in self.all_methods():
            addresses.append({"address": f"{GATEWAY}/24", "interface": "eth1"})
        if "fullnat" in self.all_methods():
            addresses.append({"address": f"{SOURCE}/24", "interface": "eth1"})
        return {
            "site": "lab",
            "directors": {name: {"priority": PRIORITY[name], "peer_address": f"10.0.1.{octet}"}
                          for name, octet in DIRECTORS.items()},
            "peer_link": {"key_file": key},
            "virtual_routers": {"web": {"interface": "eth0", "id": 51, "advert_interval": "1s", "addresses": addresses}},
            "services": {"web": {
                "address": VIP, "port": 80, "forward": self.method, "scheduler": "wlc", **self._sources(),
                "check": {"http": {"path": "/healthz", "expect": "200-299"}, "interval": "500ms", "timeout": "500ms",
                          "rise": 2, "fall": 2},
                "servers": {name: {"address": address, "port": self.port_of(name), "weight": 10, **self._own_method(name)}
                            for name, address in SERVERS.items()}}},
        }

    def method_of(self, name):
        return self.methods.get(name, self.method)

    def all_methods(self):
        return {self.method_of(name) for name in SERVERS}

    def port_of(self, name):
        return 8080 if translates(self.method_of(name)) else 80

    def _own_method(self, name):
        return {"forward": self.methods[name]} if name in self.methods else {}

    def _sources(self):
        return {"source_pool": SOURCE} if "fullnat" in self.all_methods() else {}

    def write(self):
        write_site(self.file, self.document)

    def start_servers(self):
        for server in self.servers.values():
            server.start()

    def start(self):
        """Everything on; returns once dir-a is active, all servers are up on both boxes and the boxes are in step."""
        self.start_servers()
        for director in self.directors.values():
            director.start()
        self.wait_settled()

    def wait_settled(self, active="dir-a", seconds=20):
        for director in self.directors.values():
            wait_until(f"all servers up on {director.name}",
                       lambda d=director: all((d.server(name) or {}).get("up") for name in SERVERS), seconds)
            if "peer_link" in self.document:
                wait_until(f"{director.name} in step", director.in_step, seconds)
        wait_until(f"{active} active", self.directors[active].is_active, seconds)

    def active(self):
        for director in self.directors.values():
            if director.is_active():
                return director
        return None


def write_pattern(path, size):
    """A file in which every 8 bytes tell their own place, so that a reader can prove it has every byte."""
    with open(path, "wb") as out:
        step = 1 << 17
        for start in range(0, size // 8, step):
            out.write(b"".join(number.to_bytes(8, "big") for number in range(start, start + step)))
    path.chmod(0o644)
