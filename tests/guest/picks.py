"""Side by side with IPVS: the same client segments to Linux's IPVS and to Tandem, and the same choices are asked for.

    tests/guest/guest -- /usr/bin/python3 -B tests/guest/picks.py BIN-FOLDER      (./dev picks)

Runs inside the guest. Two directors in namespaces of their own, one link each to a client that sends every segment twice, once
to either; half-way one server is drained in both. Servers are addresses behind a dummy interface: nobody answers, which the choice does not depend on. For each
scheduler a service; what was chosen is read from /proc/net/ip_vs_conn and from forwarder_alone. Exit status 1: they differ.
"""

import json
import random
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from connections import connections_of_ipvs, flows_of_tandem
from namespaces import run, start_forwarder, within

VIP = "198.51.100.10"
SERVERS = ("10.9.0.1", "10.9.0.2", "10.9.0.3", "10.9.0.4")
WEIGHTS = (3, 1, 2, 5)
DRAINED = 1  # the place of the server that takes nothing more
BEFORE, AFTER = 40, 25  # clients before and after that

# name: (IPVS's scheduler and options, the site file's keys, server options of IPVS, of the site file)
FLAGS = {"port": {"port": True}, "fallback": {"fallback": True}, "both": {"port": True, "fallback": True}}
SERVICES = {name: ([name], {"scheduler": name}, [], {})
            for name in ("rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "dh", "lblc", "lblcr", "fo", "ovf", "twos")}
SERVICES["mh"] = (["mh"], {"scheduler": "mh", "scheduler_options": {"table_size": 4093, "keep_slots": True}}, [], {})
for kind in ("sh", "mh"):
    for flags, options in FLAGS.items():
        words = ",".join(f"{kind}-{flag}" for flag in options)
        keys = dict(options, table_size=4093, keep_slots=True) if kind == "mh" else dict(options)
        SERVICES[f"{kind}-{flags}"] = ([kind, "-b", words], {"scheduler": kind, "scheduler_options": keys}, [], {})
SERVICES["persistent"] = (["wrr", "-p", "300"], {"scheduler": "wrr", "persistence": {"timeout": "300s", "keep_drained": True}}, [], {})
SERVICES["persistent-24"] = (["wrr", "-p", "300", "-M", "255.255.255.0"],
                             {"scheduler": "wrr", "persistence": {"timeout": "300s", "keep_drained": True, "ipv4_prefix": 24}}, [], {})
SERVICES["thresholds"] = (["wlc"], {"scheduler": "wlc"}, ["-x", "20", "-y", "10"],
                          {"upper_threshold": 20, "lower_threshold": 10})
SERVICES["thresholds-upper"] = (["rr"], {"scheduler": "rr"}, ["-x", "16"], {"upper_threshold": 16})
# Nobody else's dice fall as ours: of this one only the shares are compared.
RANDOM = {"twos"}


class Ends:
    """The client's two links; sends a TCP segment to both directors."""

    def __init__(self):
        for name in ("client", "ipvs", "tandem"):
            run("ip", "netns", "add", name)
            run(*within(name, "ip", "link", "set", "lo", "up"))
        self.plugs = []
        for number, name in enumerate(("ipvs", "tandem")):
            ours, theirs = f"to-{name}", "eth0"
            run("ip", "link", "add", ours, "netns", "client", "address", f"02:00:00:00:0{number}:01", "type", "veth",
                "peer", "name", theirs, "netns", name, "address", f"02:00:00:00:0{number}:02")
            run(*within("client", "ip", "link", "set", ours, "up"))
            run(*within(name, "ip", "link", "set", theirs, "up"))
            run(*within(name, "ip", "addr", "add", f"{VIP}/24", "dev", theirs))
            run(*within(name, "ip", "route", "add", "default", "via", "198.51.100.1"))
            run(*within(name, "ip", "neigh", "add", "198.51.100.1", "lladdr", f"02:00:00:00:0{number}:01", "dev", theirs))
            run(*within(name, "ip", "link", "add", "servers", "type", "dummy"))
            run(*within(name, "ip", "link", "set", "servers", "up"))
            run(*within(name, "ip", "addr", "add", "10.9.0.254/24", "dev", "servers"))
            for server in SERVERS:
                run(*within(name, "ip", "neigh", "add", server, "lladdr", "02:00:00:00:09:09", "dev", "servers"))
            for setting in ("net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.eth0.rp_filter=0"):
                run(*within(name, "sysctl", "-q", "-w", setting))
        self.frames = [bytes.fromhex(f"02000000 0{n}02 02000000 0{n}01 0800".replace(" ", "")) for n in range(2)]

    def open(self):
        """Raw sockets are made by a child in the client's namespace, which sends what it is told."""
        self.child = subprocess.Popen(within("client", sys.executable, "-B", __file__, "send"), stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)

    def settle(self):
        """Everything has been sent, and dealt with."""
        self.child.stdin.write("[]\n")
        self.child.stdin.flush()
        self.child.stdout.readline()
        time.sleep(2)

    def send(self, client, client_port, port, flags):
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, socket.inet_aton(client), socket.inet_aton(VIP))
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        tcp = struct.pack("!HHIIBBHHH", client_port, port, 1000, 0, 0x50, flags, 8192, 0, 0)
        pseudo = ip[12:20] + struct.pack("!BBH", 0, 6, len(tcp))
        tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
        self.child.stdin.write(json.dumps([(frame + ip + tcp).hex() for frame in self.frames]) + "\n")
        self.child.stdin.flush()


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def send_all():
    plugs = []
    for name in ("to-ipvs", "to-tandem"):
        plug = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        plug.bind((name, 0))
        plugs.append(plug)
    for line in sys.stdin:
        if line == "[]\n":
            print("sent", flush=True)
        for plug, frame in zip(plugs, json.loads(line)):
            plug.send(bytes.fromhex(frame))
        time.sleep(0.008)  # an emulated processor is slow, and nothing may be lost


def start_ipvs(ports):
    run("modprobe", "ip_vs")
    for name in list(SERVICES):
        scheduler = SERVICES[name][0][0]
        if subprocess.run(["modprobe", f"ip_vs_{scheduler}"], capture_output=True).returncode != 0:
            print(f"{name:18} not compared: this kernel's IPVS has no {scheduler}")
            del SERVICES[name]
    for name, (words, _, server_words, _) in SERVICES.items():
        service = f"{VIP}:{ports[name]}"
        run(*within("ipvs", "ipvsadm", "-A", "-t", service, "-s", *words))
        for server, weight in zip(SERVERS, WEIGHTS):
            run(*within("ipvs", "ipvsadm", "-a", "-t", service, "-r", f"{server}:80", "-m", "-w", weight, *server_words))


def write_site(site, ports, weights):
    services = {}
    for name, (_, keys, _, server_keys) in SERVICES.items():
        services[name] = {"address": VIP, "port": ports[name], "check": "none", **keys, "servers": {
            server.replace(".", "-"): {"address": server, "port": 80, "weight": weight, **server_keys}
            for server, weight in zip(SERVERS, weights)}}
    site.write_text(json.dumps({"site": "guest", "directors": {"d": {}}, "services": services}))


def start_tandem(folder, programs, ports):
    site = folder / "site.yaml"
    write_site(site, ports, WEIGHTS)
    return start_forwarder("tandem", programs, site, folder)


def drain(process, folder, ports):
    for name, (_, _, server_words, _) in SERVICES.items():
        run(*within("ipvs", "ipvsadm", "-e", "-t", f"{VIP}:{ports[name]}", "-r", f"{SERVERS[DRAINED]}:80", "-m", "-w", 0, *server_words))
    write_site(folder / "site.yaml", ports, [0 if i == DRAINED else weight for i, weight in enumerate(WEIGHTS)])
    process.send_signal(signal.SIGHUP)
    assert process.stdout.readline() == "reloaded\n"


def of_ipvs(ports):
    """(service, client, port) -> server"""
    services = {port: name for name, port in ports.items()}
    return {(services[each.port], each.client, each.client_port): each.server for each in connections_of_ipvs("ipvs")}


def of_tandem(process):
    return {(each.service, each.client, each.client_port): each.server.replace("-", ".") for each in flows_of_tandem(process)}


SYN, ACK, FIN_ACK = 0x02, 0x10, 0x11


def main(programs):
    folder = Path("/run/picks")
    folder.mkdir()
    ports = {name: 8001 + i for i, name in enumerate(SERVICES)}
    ends = Ends()
    start_ipvs(ports)
    process = start_tandem(folder, programs, ports)
    ends.open()
    dice = random.Random(1)
    clients = [(f"192.0.{2 + dice.randrange(4)}.{dice.randrange(1, 255)}", 1024 + dice.randrange(60000)) for _ in range(BEFORE + AFTER)]
    for number, (client, first_port) in enumerate(dict.fromkeys(clients)):
        if number == BEFORE:
            ends.settle()
            drain(process, folder, ports)
        # Another port for each service: flows of one client port share two buckets of eight places in Tandem's table.
        for client_port, port in enumerate(ports.values(), first_port):
            ends.send(client, client_port, port, SYN)
            # Established, so that they outlive the test, and some begin to end: counts move.
            ends.send(client, client_port, port, ACK)
            if number % 5 == 4:
                ends.send(client, client_port, port, FIN_ACK)
    ends.settle()
    ipvs, tandem = of_ipvs(ports), of_tandem(process)
    process.terminate()
    print(process.communicate()[0])
    wrong = 0
    for name in SERVICES:
        shares = [Counter(server for (service, *_), server in picks.items() if service == name) for picks in (ipvs, tandem)]
        keys = {key for picks in (ipvs, tandem) for key in picks if key[0] == name}
        differ = [key for key in keys if ipvs.get(key) != tandem.get(key)]
        words = " ".join(f"{server[-1]}:{shares[0][server]}/{shares[1][server]}" for server in SERVERS)
        bad = bool(differ) and name not in RANDOM
        print(f"{name:18} {len(keys):4} connections, {len(differ):3} differ; IPVS/Tandem {words}{'   WRONG' if bad else ''}")
        for key in differ[:3] if bad else []:
            print(f"    {key[1]}:{key[2]} IPVS {ipvs.get(key)} Tandem {tandem.get(key)}")
        wrong += bad or (name in RANDOM and any(abs(shares[0][s] - shares[1][s]) > (BEFORE + AFTER) / 6 for s in SERVERS))
        wrong += not keys
    print("the same choices" if not wrong else f"{wrong} services differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send_all()
    else:
        sys.exit(main(Path(sys.argv[1]).resolve()))
