"""VLANs: a director whose client side is VLAN 10 of a card and whose server side is VLAN 30 of another, beside untagged traffic.

    tests/guest/guest -- /usr/bin/python3 -B tests/guest/vlan.py BIN-FOLDER      (tests/guest/beside vlan)

Runs inside the guest, whose kernel has VLAN devices. Exit status 1: something is not as it should be, and said.
"""

import json
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))
from frames import ACK, SYN, ethernet, ipv4, tcp, tell_ipv4
from namespaces import run, start_forwarder, within
from world import entered

TAGGED, UNTAGGED = "198.51.100.10", "203.0.113.10"  # VIPs
SERVER, INSIDE = "10.9.0.1", "10.9.0.254"
CLIENTS = {TAGGED: "198.51.100.7", UNTAGGED: "203.0.113.7"}
CLIENT_MAC, DIRECTOR_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
PORTS = (("client", "eth0"), ("director", "eth0"), ("director", "eth1"), ("server", "eth0"))
BULK = Path(__file__).parents[1] / "lab" / "bulk.py"
PYTHON = sys.executable


def commands(namespace, *lines):
    run(*within(namespace, "ip", "-batch", "-"), input="\n".join(lines) + "\n")


def wire():
    for name in ("client", "director", "server"):
        run("ip", "netns", "add", name)
        run(*within(name, "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1",
                    "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0", "net.ipv4.ip_forward=1"))
        commands(name, "link set lo up")
    run("ip", "link", "add", "eth0", "netns", "client", "address", CLIENT_MAC, "type", "veth", "peer", "name", "eth0", "netns", "director")
    run("ip", "link", "add", "eth1", "netns", "director", "type", "veth", "peer", "name", "eth0", "netns", "server")
    commands("client", "link set eth0 up", "link add link eth0 name eth0.10 type vlan id 10", "link set eth0.10 up",
             f"addr add {CLIENTS[TAGGED]}/24 dev eth0.10", f"addr add {CLIENTS[UNTAGGED]}/24 dev eth0")
    commands("director", f"link set eth0 address {DIRECTOR_MAC} up", "link set eth1 up",
             "link add link eth1 name eth1.30 type vlan id 30", "link set eth1.30 up",
             f"addr add {INSIDE}/24 dev eth1.30", f"addr add {UNTAGGED}/24 dev eth0")
    make_vlan()
    commands("server", "link set eth0 up", "link add link eth0 name eth0.30 type vlan id 30", "link set eth0.30 up",
             f"addr add {SERVER}/24 dev eth0.30", f"route add default via {INSIDE}")


def make_vlan():
    commands("director", "link add link eth0 name eth0.10 type vlan id 10", "link set eth0.10 up", f"addr add {TAGGED}/24 dev eth0.10")


# A device of VID 0 marks what the client sends; the director's answers have no tag and come by the card's own interface.
MARKED = {"priority alone": (UNTAGGED, {0, None})}


def mark_frames(yes):
    if not yes:
        return commands("client", "link delete eth0.0")
    commands("client", "link add link eth0 name eth0.0 type vlan id 0 egress-qos-map 0:5", "link set eth0.0 up",
             f"neigh add {UNTAGGED} lladdr {DIRECTOR_MAC} dev eth0.0 nud permanent",
             f"route add {UNTAGGED} dev eth0.0 src {CLIENTS[UNTAGGED]}")


class Director:
    def __init__(self, folder, programs):
        services = {f"{kind}-{number}": {
            "address": vip, "port": port, "protocol": protocol, "forward": "nat", "scheduler": "rr", "check": "none",
            "servers": {"only": {"address": SERVER, "port": inner}}}
            for number, vip in enumerate(CLIENTS) for kind, protocol, port, inner in (("bulk", "tcp", 9000, 9001), ("echo", "udp", 7, 5007))}
        site = folder / "site.yaml"
        # Each VIP has servers of its own to Tandem: a NAT server's address and port belong to one service.
        for name, service in services.items():
            service["servers"]["only"]["port"] += int(name[-1]) * 10
        site.write_text(json.dumps({"site": "guest", "directors": {"d": {}}, "services": services}))
        self.process = start_forwarder("director", programs, site, folder)

    def counters(self):
        time.sleep(0.5)
        self.process.send_signal(signal.SIGUSR2)
        counted = {}
        for line in self.process.stdout:
            if line == "counters\n":
                return counted
            words = line.split()
            if len(words) == 2 and words[1].isdigit():
                counted[words[0]] = int(words[1])
        raise RuntimeError("forwarder_alone ended")


def fetch(vip, up, down):
    import bulk
    with entered("client"):
        return bulk.fetch(vip, 9000, up, down)


def echo(vip, text, count=1):
    with entered("client"):
        plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with plug:
        plug.settimeout(5)
        plug.connect((vip, 7))
        for _ in range(count):
            plug.send(text)
            assert plug.recv(9000) == text


class Sniffer:
    """Frames from and to a VIP on the client's card, each with its VLAN tag, or None."""

    def __init__(self):
        SOL_PACKET, PACKET_AUXDATA = 263, 8
        with entered("client"):
            self.plug = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.plug.bind(("eth0", 3))
        self.plug.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.plug.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)

    def frames(self, seconds=0.5):
        """[(vlan or None, IPv4 packet's fields)] of what came since the last call."""
        result = []
        while select.select([self.plug], [], [], seconds)[0]:
            data, ancillary, _, _ = self.plug.recvmsg(70000, 256)
            vlan = None
            for _, kind, aux in ancillary:
                status = int.from_bytes(aux[0:4], sys.byteorder)
                if kind == 8 and status & 0x10:  # TP_STATUS_VLAN_VALID
                    vlan = int.from_bytes(aux[16:18], sys.byteorder) & 0xFFF
            kind, packet = data[12:14], data[14:]
            if kind == b"\x81\0":
                vlan, kind, packet = int.from_bytes(packet[:2], "big") & 0xFFF, packet[2:4], packet[4:]
            if kind == b"\x08\0":
                result.append((vlan, tell_ipv4(packet[:200])))
            seconds = 0.1
        return result


def check(what, condition, seen=""):
    print(f"{'holds' if condition else 'WRONG'}  {what}{'' if condition else f': {seen}'}", flush=True)
    check.wrong += not condition


check.wrong = 0


KINDS = {"VLAN 10": (TAGGED, {10}), "untagged": (UNTAGGED, {None})}


def carries(how, sniffer, director, kinds=KINDS):
    for kind, (vip, expected) in kinds.items():
        name = f"{how}: {kind}"
        sniffer.frames(0.1)
        before = director.counters()
        echo(vip, b"x" * 1000, 20)
        after = director.counters()
        grown = {each: after.get(each, 0) - before.get(each, 0) for each in ("frames", "to_server", "to_client", "not_ours")}
        check(f"{name}, UDP: each of 40 datagrams handled once", grown == {"frames": 40, "to_server": 20, "to_client": 20, "not_ours": 0}, grown)
        try:
            fetch(vip, 2 << 20, 2 << 20)
            check(f"{name}, TCP: two megabytes each way", True)
        except OSError as error:
            check(f"{name}, TCP: two megabytes each way", False, error)
        seen = sniffer.frames()
        tags = {vlan for vlan, fields in seen if vip in (fields.get("source"), fields.get("destination"))}
        check(f"{name}: all frames have this tag", tags == expected, tags)
        check(f"{name}: nothing of the server's own address", not any(fields.get("source") == SERVER for _, fields in seen))


def syn_by_hand(sniffer, vlan, priority, vip, port):
    """One SYN in a frame with a tag made by hand; the TCP flags of what came back to it."""
    source = CLIENTS[vip]
    packet = ipv4(source, vip, 6, tcp(source, vip, port, 9000, SYN))
    tag = (priority << 13 | vlan).to_bytes(2, "big") + b"\x08\0"
    sniffer.frames(0.1)
    with entered("client"):
        plug = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with plug:
        plug.bind(("eth0", 0))
        plug.send(ethernet(DIRECTOR_MAC, CLIENT_MAC, tag + packet, 0x8100))
    return [fields["flags"] for _, fields in sniffer.frames() if fields.get("source") == vip and fields.get("destination port") == port]


def main(programs):
    folder = Path("/run/vlan")
    folder.mkdir()
    run("modprobe", "8021q")
    wire()
    servers = [subprocess.Popen(within("server", PYTHON, "-B", BULK, *words)) for words in (
        ("serve", 9001, 9011), ("echo", 5007), ("echo", 5017))]
    director = Director(folder, programs)
    time.sleep(2)
    sniffer = Sniffer()
    carries("tags by the card", sniffer, director)
    for namespace, device in PORTS:
        run(*within(namespace, "ethtool", "-K", device, "rxvlan", "off", "txvlan", "off"))
    carries("tags in the frame", sniffer, director)

    # IEEE 802.1Q, table 9-2: VID 0 is a frame of no VLAN that has a priority; Linux hands it to the card's own interface.
    answers = syn_by_hand(sniffer, 0, 5, UNTAGGED, 45001)
    check("a priority-tagged SYN is answered by the server", answers == [SYN | ACK], answers)
    mark_frames(True)
    carries("tags in the frame", sniffer, director, MARKED)
    for namespace, device in PORTS:
        run(*within(namespace, "ethtool", "-K", device, "rxvlan", "on", "txvlan", "on"))
    carries("tags by the card", sniffer, director, MARKED)
    mark_frames(False)
    answers = syn_by_hand(sniffer, 99, 0, UNTAGGED, 45002)
    check("a frame of a VLAN that the director has not is served by nobody", answers == [], answers)

    commands("director", "link set eth0.10 down")
    time.sleep(0.5)
    commands("director", "link set eth0.10 up")
    time.sleep(1.5)
    echo(TAGGED, b"after down and up")
    check("served after the VLAN's interface was down", True)
    commands("director", "link delete eth0.10")
    time.sleep(0.5)
    make_vlan()
    commands("client", "neigh flush all")
    time.sleep(1.5)
    echo(TAGGED, b"after it was made again")
    fetch(TAGGED, 1 << 20, 1 << 20)
    check("served after the VLAN's interface was deleted and made again", True)
    for process in servers:
        process.kill()
    director.process.terminate()
    print(director.process.communicate()[0])
    print("VLANs are served" if not check.wrong else f"{check.wrong} things are wrong")
    return 1 if check.wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
