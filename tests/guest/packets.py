"""Side by side with IPVS: the same packets through Linux's IPVS and through Tandem, and what comes out compared field by field.

    tests/guest/guest -- /usr/bin/python3 -B tests/guest/packets.py BIN-FOLDER [WORD]      (./dev packets; WORD: cases with it)

Runs inside the guest. Two directors in namespaces of their own, alike to the last MAC address, and one namespace without any
address around them, from which raw sockets play the client's router and the servers: each step of a case is one packet that goes
to both directors, and what either sends, to either side, is read and told in fields (frames.py). MTUs: 1500 outside, 1400 inside.

What differs on purpose stands in chosen.py with its reason; all else must be equal. A difference that is no more is an error
too: the list is to stay true. Exit status 1: something differs.
"""

import fnmatch
import json
import select
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))
from chosen import CHOSEN
from frames import ICMP, put_together, tell_frame
from namespaces import run, start_forwarder, within
from packet_cases import (CLIENT_MAC, GATEWAY, INSIDE, INSIDE_MAC, OUTSIDE_MAC, PORTS, SERVER_MACS, SERVER_PORTS, SERVERS, VIP,
                          all_cases)
from world import entered

BETWEEN_S, AFTER_S = 0.004, 0.7  # packets, and the last one of a round: an emulated processor is slow


# The wires

class Ends:
    """The two directors' wires, and the raw sockets at their other ends."""

    def __init__(self):
        run("ip", "netns", "add", "ends")
        run(*within("ends", "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"))
        for name in ("ipvs", "tandem"):
            self.make_director(name)
        self.plugs = {(side, name): plug for (side, name), plug in zip(
            [(side, name) for name in ("ipvs", "tandem") for side in ("client", "server")], open_plugs())}

    @staticmethod
    def make_director(name):
        run("ip", "netns", "add", name)
        run(*within(name, "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1",
                    "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
                    "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.default.send_redirects=0"))
        run(*within(name, "ip", "link", "set", "lo", "up"))
        for side, device, mac, mtu, addresses in (("client", "eth0", OUTSIDE_MAC, 1500, ["198.51.100.2/24", f"{VIP}/24"]),
                                                  ("server", "eth1", INSIDE_MAC, 1400, [f"{INSIDE}/24"])):
            run("ip", "link", "add", f"{side}-{name}", "netns", "ends", "type", "veth", "peer", "name", device, "netns", name)
            run(*within("ends", "ip", "link", "set", f"{side}-{name}", "up", "promisc", "on"))
            run(*within(name, "ip", "link", "set", device, "address", mac, "mtu", mtu, "up"))
            # What the director itself makes leaves finished, as by a card.
            run(*within(name, "ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off"))
            for address in addresses:
                run(*within(name, "ip", "addr", "add", address, "dev", device))
        run(*within(name, "ip", "neigh", "add", GATEWAY, "lladdr", CLIENT_MAC, "dev", "eth0"))
        run(*within(name, "ip", "route", "add", "default", "via", GATEWAY))
        for method, server in SERVERS.items():
            run(*within(name, "ip", "neigh", "add", server, "lladdr", SERVER_MACS[method], "dev", "eth1"))

    def send(self, side, frame):
        for name in ("ipvs", "tandem"):
            self.plugs[side, name].send(frame)

    def receive(self, seconds):
        """What either director sent, [(name, side, frame)], until nothing has come for so long."""
        seen = []
        while readable := select.select(list(self.plugs.values()), [], [], seconds)[0]:
            for (at, name), plug in self.plugs.items():
                if plug in readable:
                    data, (_, kind, packet_type, *_) = plug.recvfrom(65536)
                    if packet_type != socket.PACKET_OUTGOING and kind == 0x0800:
                        seen.append((name, at, data))
        return seen


def open_plugs():
    """Packet sockets stay in the namespace in which they are made."""
    plugs = []
    with entered("ends"):
        for name in ("ipvs", "tandem"):
            for side in ("client", "server"):
                plug = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
                plug.bind((f"{side}-{name}", 3))
                plugs.append(plug)
    return plugs


def start_ipvs():
    run("modprobe", "ip_vs")
    for method, letter in (("nat", "-m"), ("dr", "-g"), ("tun", "-i"), ("narrow", "-i")):
        for protocol in ("-t", "-u"):
            run(*within("ipvs", "ipvsadm", "-A", protocol, f"{VIP}:{PORTS[method]}", "-s", "rr"))
            run(*within("ipvs", "ipvsadm", "-a", protocol, f"{VIP}:{PORTS[method]}", "-r",
                        f"{SERVERS[method]}:{SERVER_PORTS[method]}", letter))


def start_tandem(folder, programs):
    services = {f"{method}-{protocol}": {
        "address": VIP, "port": PORTS[method], "protocol": protocol, "forward": "tun" if method == "narrow" else method, "scheduler": "rr", "check": "none",
        "servers": {"only": {"address": SERVERS[method], "port": SERVER_PORTS[method]}}}
        for method in PORTS for protocol in ("tcp", "udp")}
    site = folder / "site.yaml"
    site.write_text(json.dumps({"site": "guest", "directors": {"d": {}}, "services": services}))
    # TCP that no flow knows is answered only some seconds after a service became active.
    return start_forwarder("tandem", programs, site, folder, settle_s=6)


# Comparing

def told(side_and_frames):
    """What a director sent, as dicts of fields."""
    return [{"to the": side, **tell_frame(frame)} for side, frame in side_and_frames]


def compare(ipvs, tandem):
    """{place: (IPVS's, Tandem's)} of what differs; the place "packets" when they are not even of the same kind and number."""
    kinds = lambda packets: [(p["to the"], p.get("protocol"), p.get("type") if p.get("protocol") == ICMP else None) for p in packets]  # noqa: E731
    if kinds(ipvs) != kinds(tandem):
        brief = lambda packets: [f"to the {p['to the']}: {p.get('source')} -> {p.get('destination')} protocol {p.get('protocol')}"  # noqa: E731
                                 f"{' type ' + str(p['type']) if p.get('protocol') == ICMP else ''}" for p in packets]
        return {"packets": (brief(ipvs), brief(tandem))}
    result = {}
    for ours, theirs in zip(tandem, ipvs):
        for name in dict.fromkeys([*theirs, *ours]):
            if ours.get(name) != theirs.get(name):
                result[name] = theirs.get(name), ours.get(name)
    return result


def matches(pattern, text):
    return any(fnmatch.fnmatchcase(text, each.strip()) for each in pattern.split("|"))


def judge(case_, step, differences, used):
    """The differences of a step that nobody chose."""
    left = {}
    for place, values in differences.items():
        for number, (cases, places, _) in enumerate(CHOSEN):
            if matches(cases, case_.name) and matches(places, f"{step}: {place}"):
                used.add(number)
                break
        else:
            left[place] = values
    return left


def owner_of(frame, by_client, by_port):
    """The case that a frame belongs to: its client's address or port stands in it, within another packet as well."""
    fields = tell_frame(frame)
    ends = [str(value) for name, value in fields.items() if name.endswith(("source", "destination"))]
    numbers = [value for name, value in fields.items() if name.endswith((" port", "ports"))]
    for number in numbers:
        for port in number if isinstance(number, tuple) else (number,):
            if port in by_port:
                return by_port[port]
    return next((by_client[end] for end in ends if end in by_client), None)


def rounds(ends, cases):
    """Every case's first packet, then every case's second, and so on: {(case, step): {director: [(side, frame)]}}."""
    by_client, by_port = {each.client: each for each in cases}, {each.port: each for each in cases}
    result, strays = {}, []
    for number in range(max(len(each.steps) for each in cases)):
        seen = []
        for each in cases:
            if number < len(each.steps):
                name, side, frames = each.steps[number]
                result[each.name, name] = {"ipvs": [], "tandem": []}
                for frame in frames:
                    ends.send(side, frame)
                    seen += ends.receive(BETWEEN_S)
        seen += ends.receive(AFTER_S)
        # A later fragment does not say whose it is.
        whole = [(name, side, frame) for name in ("ipvs", "tandem") for side in ("client", "server")
                 for frame in put_together([data for who, at, data in seen if (who, at) == (name, side)])]
        for name, side, frame in whole:
            owner = owner_of(frame, by_client, by_port)
            if owner is None or number >= len(owner.steps):
                strays.append((name, frame))
            else:
                result[owner.name, owner.steps[number][0]][name].append((side, frame))
    return result, strays


def main(programs, word=""):
    folder = Path("/run/packets")
    folder.mkdir()
    cases = [each for each in all_cases() if word in each.name]
    ends = Ends()
    # The kernel's limit on the errors that it sends is for all namespaces.
    run("sysctl", "-q", "-w", "net.ipv4.icmp_msgs_per_sec=100000", "net.ipv4.icmp_msgs_burst=10000")
    start_ipvs()
    process = start_tandem(folder, programs)
    begin = time.monotonic()
    seen, strays = rounds(ends, cases)
    took = time.monotonic() - begin
    wrong = equal = chosen_steps = 0
    used = set()
    for each in cases:
        for step, _, _ in each.steps:
            of_step = seen[each.name, step]
            differences = compare(told(of_step["ipvs"]), told(of_step["tandem"]))
            left = judge(each, step, differences, used)
            equal += not differences
            chosen_steps += bool(differences) and not left
            wrong += bool(left)
            for place, (ipvs, tandem) in left.items():
                print(f"WRONG  {each.name}, {step}: {place}: IPVS {ipvs}, Tandem {tandem}", flush=True)
    for name, frame in strays:
        wrong += 1
        print(f"WRONG  {name} sent what belongs to no case: {tell_frame(frame)}")
    if not word:
        for number, (of_cases, places, _) in enumerate(CHOSEN):
            if number not in used:
                wrong += 1
                print(f"WRONG  no difference any more: {of_cases}: {places}")
    process.terminate()
    print(process.communicate()[0])
    print(f"{len(cases)} cases in {took:.0f} s: {equal} packets alike, {chosen_steps} differ as chosen, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), *sys.argv[2:]))
