"""What nobody should send, sent by hand: a site of one director, in both families, whose servers' wires are listened to."""

import http.client
import json
import os
import random
import select
import socket
import time

import pytest

from dual import SERVERS6, VIP6, DualSite
from frames import ICMP6, IPV4, IPV6, SYN, TCP, UDP, ethernet, is_icmp_error, packed, tell_frame, walk
from topology import SERVERS, VIP
from world import World, entered, wait_until

VIPS = {4: VIP, 6: VIP6}
KINDS = {4: IPV4, 6: IPV6}
TIMES = 5  # each packet


class Odd:
    def __init__(self, world, programs):
        def change(document):
            del document["peer_link"], document["directors"]["dir-b"]
            services = document["services"]
            services["web"]["check"] = services["web6"]["check"] = "none"
            for name, vip, servers in (("names", VIP, SERVERS), ("names6", VIP6, SERVERS6)):
                services[name] = {"address": vip, "port": 53, "protocol": "udp", "check": "none", "servers": {
                    each: {"address": address, "port": 5353} for each, address in servers.items()}}
            document["virtual_routers"]["web"]["start_hold_down"] = "0s"

        self.site = DualSite(world, programs, change=change)
        self.site.start_servers()
        self.director = self.site.directors["dir-a"]
        self.director.start()
        wait_until("dir-a active", self.director.is_active, 15)
        self.mac = json.loads(world.hosts["dir-a"].ip("-j", "link", "show", "eth0"))[0]["address"]
        # The client asks nobody whether the VIP is still there: that would be counted as not ours.
        self.site.client.ip("-6", "neigh", "replace", VIP6, "lladdr", self.mac, "dev", "eth0", "nud", "permanent")
        for vip in VIPS.values():
            wait_until("served", lambda v=vip: self.site.client.run("curl", "-s", "-m", "1", f"http://{http_host(v)}/who", check=False), 10)
        # Standing ones, because new ones would be counted.
        self.connections = {family: http.client.HTTPConnection(vip, 80, timeout=5) for family, vip in VIPS.items()}
        with entered(self.site.client.ns):
            for connection in self.connections.values():
                connection.connect()
            self.plug = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.plug.bind(("eth0", 0))
        self.wires = []
        for name in SERVERS:
            with entered(world.hosts[name].ns):
                wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
                wire.bind(("eth0", 3))
            self.wires.append(wire)
        self.port = 20000
        self.pid = self.director.room_pid("forwarding")

    def goes_on(self, family):
        self.connections[family].request("GET", "/who")
        assert self.connections[family].getresponse().read().decode().strip() in SERVERS
        assert self.director.room_pid("forwarding") == self.pid, "it died"

    def frame(self, packet, family):
        return ethernet(self.mac, "02:00:00:00:00:99", packet, KINDS[family])

    def send(self, packet, family):
        self.plug.send(self.frame(packet, family))

    def counters(self):
        """The engine's, as tandemctl stats tells them."""
        stats = json.loads(self.director.ctl("stats", "--json").stdout)
        return {each["name"]: each["value"] for each in stats["EngineStats"][0]["counters"]}

    def arrived(self, seconds=0.05):
        """Frames that came to a server of ours since the last call: TCP, UDP, parts of datagrams, ICMPv6 errors."""
        frames = []
        while readable := select.select(self.wires, [], [], seconds)[0]:
            for wire in readable:
                data, (_, kind, packet_type, *_) = wire.recvfrom(70000)
                if packet_type != socket.PACKET_OUTGOING and is_traffic(data, kind):
                    frames.append(data)
        return frames

    def told(self):
        return [tell_frame(frame) for frame in self.arrived()]


def http_host(address):
    return f"[{address}]" if ":" in address else address


def is_traffic(data, kind):
    if kind == KINDS[4]:
        return data[23] in (TCP, UDP)
    if kind != KINDS[6]:
        return False
    protocol, place, fragment = walk(data[14:])
    return fragment is not None or protocol in (TCP, UDP) or (protocol == ICMP6 and is_icmp_error(ICMP6, data[14 + place]))


@pytest.fixture(scope="module")
def odd():
    with World() as world:
        made = Odd(world, os.environ["TANDEM_BIN"])
        yield made
        print(made.director.log())


def counted_and_held_back(odd, family, case):
    """Of a case (make, reasons, reach): what it sends is counted by its reasons, what reaches a server is as it should be, and others
    are served. make(p) gives the packets of one flow from client port p, `reasons` the counters that grow by so many with each
    flow, and `reach` how many of its packets reach a server."""
    make, reasons, reach = case
    odd.arrived()
    before, sent = odd.counters(), []
    for _ in range(TIMES):
        odd.port += 1
        sent += make(odd.port)
        for packet in make(odd.port):
            odd.send(packet, family)

    def grown():
        after = odd.counters()
        return {reason: after[reason] - before[reason] for reason in reasons}

    expected = {reason: each * TIMES for reason, each in reasons.items()}
    end = time.monotonic() + 5
    while grown() != expected and time.monotonic() < end:
        time.sleep(0.1)
    assert grown() == expected
    # The client's kernel knows nothing of the connections and resets them.
    arrived = [fields for fields in odd.told() if fields.get("flags", SYN) & SYN]
    assert len(arrived) == TIMES * reach, arrived
    # What is wrong in a way that is the server's to see stays exactly as wrong.
    errors = {tell_frame(odd.frame(packet, family)).get("checksum error") for packet in sent} if reach else set()
    for fields in arrived:
        assert fields.get("header checksum error", 0) == 0 and fields["bytes behind the packet"] == 0, fields
        assert fields.get("checksum error") in errors, fields
    odd.goes_on(family)


def survives_noise(odd, family, well):
    """Bytes that begin as the packet `well` to a service does, and go on as they like."""
    dice = random.Random(4)
    place, vip = (16, packed(VIP)) if family == 4 else (24, packed(VIP6))
    for _ in range(5000):
        packet = bytearray(well + dice.randbytes(dice.randrange(200)))
        for _ in range(dice.randrange(6)):
            packet[dice.randrange(len(packet))] = dice.randrange(256)
        packet[place:place + len(vip)] = vip
        odd.send(bytes(packet[:dice.randrange(1, len(packet) + 1)]), family)
    time.sleep(0.2)
    odd.goes_on(family)
    for frame in odd.arrived():
        fields = tell_frame(frame)
        assert len(frame) - 14 >= fields["total length"] >= (40 if family == 4 else 60) or fields["protocol"] != TCP, fields
