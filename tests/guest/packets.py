"""Side by side with IPVS: the same packets through Linux's IPVS and through Tandem, and what comes out compared field by field.

    tests/guest/guest -- /usr/bin/python3 -B tests/guest/packets.py BIN-FOLDER [WORD]      (./dev packets; WORD: cases with it)

Runs inside the guest. Two directors in namespaces of their own, alike to the last MAC address, and one namespace without any
address around them, from which raw sockets play the client's router and the servers: each step of a case is one packet that goes
to both directors, and what either sends, to either side, is read and told in fields (frames.py). After each step the connections
that either has of the case's client are compared as well: state and timeout. MTUs: 1500 outside, 1400 inside.

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
import packet_cases
import plays
import protocol_cases
from chosen import CHOSEN
from connections import connections_of_ipvs, flows_of_tandem
from frames import ICMP, ICMP6, IPV4, IPV6, ethernet, put_together, tell_frame
from namespaces import run, start_forwarder, within
from sides import CASES, CLIENT_MAC, FAMILIES, FIRST_PORT, INSIDE_MAC, OUTSIDE_MAC, WAYS
from world import entered

LOST_S, GRACE_S = 20, 0.05  # after which a mark is not waited for any more; for what left beside it
# Cases that are played together. Where a connection's time was over before its next step, the machine was too busy, and the case is
# played once more, among fewer.
TOGETHER = (80, 20, 4)
TOGETHER_SCTP = 20  # at most: its first state lasts 4 s
SHORTEST_S, LONG_S = {"tcp": 10, "sctp": 4}, 60  # that a connection may last which is gone by the time it is looked for


# The wires

MARKER = "192.0.2.251"  # no case's client


class Ends:
    """The two directors' wires, and the raw sockets at their other ends."""

    def __init__(self):
        run("ip", "netns", "add", "ends")
        run(*within("ends", "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"))
        for name in ("ipvs", "tandem"):
            self.make_director(name)
        self.marks = 0
        self.plugs = {(side, name): plug for (side, name), plug in zip(
            [(side, name) for name in ("ipvs", "tandem") for side in ("client", "server")], open_plugs())}

    @staticmethod
    def make_director(name):
        run("ip", "netns", "add", name)
        run(*within(name, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
                    "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.default.send_redirects=0", "net.ipv6.conf.all.forwarding=1",
                    "net.ipv6.conf.default.accept_dad=0", "net.ipv6.icmp.ratelimit=0"))
        run(*within(name, "ip", "link", "set", "lo", "up"))
        for side, device, mac, mtu in (("client", "eth0", OUTSIDE_MAC, 1500), ("server", "eth1", INSIDE_MAC, 1400)):
            run("ip", "link", "add", f"{side}-{name}", "netns", "ends", "type", "veth", "peer", "name", device, "netns", name)
            run(*within("ends", "ip", "link", "set", f"{side}-{name}", "up", "promisc", "on"))
            run(*within(name, "ip", "link", "set", device, "address", mac, "mtu", mtu, "up"))
            # What the director itself makes leaves finished, as by a card.
            run(*within(name, "ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off"))
        for family in FAMILIES:
            for device, addresses in (("eth0", [family.director_outside, *family.vips]), ("eth1", [family.director_inside])):
                for address in addresses:
                    run(*within(name, "ip", "addr", "add", f"{address}/{family.prefix}", "dev", device))
            # Nobody answers for the neighbours.
            run(*within(name, "ip", "neigh", "add", family.gateway, "lladdr", CLIENT_MAC, "dev", "eth0"))
            run(*within(name, "ip", "route", "add", "default", "via", family.gateway))
            for server, mac in {family.server(way): each.mac for way, each in WAYS.items()}.items():
                run(*within(name, "ip", "neigh", "add", server, "lladdr", mac, "dev", "eth1"))

    def send(self, side, frame):
        for name in ("ipvs", "tandem"):
            self.plugs[side, name].send(frame)

    def receive(self, seconds=0):
        """What either director sent, [(name, side, frame)], until nothing has come for so long."""
        seen = []
        while readable := select.select(list(self.plugs.values()), [], [], seconds)[0]:
            for (at, name), plug in self.plugs.items():
                if plug in readable:
                    data, (_, kind, packet_type, *_) = plug.recvfrom(65536)
                    # What a director says to many is its own reports and questions about its neighbourhood.
                    if packet_type not in (socket.PACKET_OUTGOING, socket.PACKET_MULTICAST) and kind in (IPV4, IPV6):
                        seen.append((name, at, data))
        return seen

    def settle(self):
        """What either director has still to send of what it got: all that comes before a mark which is sent after it, on either side."""
        self.marks += 1
        family, mark = FAMILIES[0], f"mark {self.marks}".encode()
        out, back = WAYS["once dr"], WAYS["once nat"]
        self.send("client", ethernet(OUTSIDE_MAC, CLIENT_MAC, family.udp(MARKER, family.vip, FIRST_PORT - 1, out.port, mark)))
        self.send("server", ethernet(INSIDE_MAC, back.mac, family.udp(family.server("once nat"), MARKER, back.server_port, FIRST_PORT - 1, mark)))
        seen, marks, deadline = [], set(), time.monotonic() + LOST_S
        while len(marks) < len(self.plugs) and time.monotonic() < deadline:
            for name, at, data in self.receive(0.01):
                if data.endswith(mark):
                    marks.add((name, at))
                else:
                    seen.append((name, at, data))
        assert len(marks) == len(self.plugs), f"of {mark} only {marks} came"
        return seen + self.receive(GRACE_S)


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


def services():
    """Of both directors: (name, family, protocol, way)."""
    return [(f"{way.replace(' ', '-')}-{protocol}{family.suffix}", family, protocol, way)
            for family in FAMILIES for way, each in WAYS.items() for protocol in each.protocols]


def start_ipvs():
    run("modprobe", "ip_vs")
    options = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service", "nat": "-m", "dr": "-g", "tun": "-i"}
    for _, family, protocol, way in services():
        each = WAYS[way]
        end = "[{}]:{}" if family.six else "{}:{}"
        service = options[protocol], end.format(family.vip_of(way), each.port)
        run(*within("ipvs", "ipvsadm", "-A", *service, "-s", "rr", *(["-o"] if each.one_packet else [])))
        run(*within("ipvs", "ipvsadm", "-a", *service, "-r", end.format(family.server(way), each.server_port), options[each.forward]))


def start_tandem(folder, programs):
    document = {name: {
        "address": family.vip_of(way), "port": WAYS[way].port, "protocol": protocol, "forward": WAYS[way].forward, "scheduler": "rr",
        "check": "none", "servers": {"only": {"address": family.server(way), "port": WAYS[way].server_port}},
        **({"one_packet": True} if WAYS[way].one_packet else {})} for name, family, protocol, way in services()}
    site = folder / "site.yaml"
    # One worker: what comes after a mark has come after everything.
    site.write_text(json.dumps({"site": "guest", "directors": {"d": {}}, "workers": 1, "services": document}))
    # TCP that no flow knows is answered only some seconds after a service became active.
    return start_forwarder("tandem", programs, site, folder, settle_s=6)


# Comparing

def told(side_and_frames):
    """What a director sent, as dicts of fields."""
    return [{"to the": side, **tell_frame(frame)} for side, frame in side_and_frames]


def compare(ipvs, tandem):
    """{place: (IPVS's, Tandem's)} of what differs; the place "packets" when they are not even of the same kind and number."""
    of_icmp = lambda p: p.get("type") if p.get("protocol") in (ICMP, ICMP6) else None  # noqa: E731
    kinds = lambda packets: [(p["to the"], p.get("protocol"), of_icmp(p)) for p in packets]  # noqa: E731
    if kinds(ipvs) != kinds(tandem):
        brief = lambda packets: [f"to the {p['to the']}: {p.get('source')} -> {p.get('destination')} protocol {p.get('protocol')}"  # noqa: E731
                                 f"{'' if of_icmp(p) is None else f' type {of_icmp(p)}'}" for p in packets]
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


def compare_connections(ipvs, tandem, elapsed):
    """The same of the connections of a case's client, `elapsed` seconds after the first packet that may have moved them. A connection
    whose time may be over by then is not missed."""
    mine = {(each.protocol, each.client, each.client_port, name_of_service(each)): each for each in ipvs}
    ours = {(each.protocol, each.client, each.client_port, each.service): each for each in tandem}
    result = {}
    for key in dict.fromkeys([*mine, *ours]):
        one, other = mine.get(key), ours.get(key)
        if one is None or other is None:
            if elapsed + 1 < (one or other).seconds:
                result["connection"] = one and one.state, other and other.state
        elif one.state != other.state:
            result["state"] = one.state, other.state
        elif not other.seconds - elapsed - 1 <= one.seconds <= other.seconds:
            result["timeout"] = f"{one.seconds} left after at most {elapsed:.0f}", other.seconds
    return result


def name_of_service(connection):
    """Of IPVS's."""
    six = "6" if ":" in connection.client else ""
    return next((name for name, family, protocol, way in services()
                 if (protocol, family.suffix, WAYS[way].port, family.server(way)) == (connection.protocol, six, connection.port, connection.server)), "")


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


def rounds(ends, cases, tandem):
    """Every case's first packet, then every case's second, and so on: {(case, step): ({director: [(side, frame)]}, differences of the
    connections)}, what belongs to no case, and the names of the cases that came too late for their own connections."""
    by_client, by_port = {each.client: each for each in cases}, {each.port: each for each in cases if each.port >= FIRST_PORT}
    result, strays, late = {}, [], set()
    began, before, lasts = {}, {}, {}
    for number in range(max(len(each.steps) for each in cases)):
        seen = []
        playing = [each for each in cases if number < len(each.steps)]
        for each in playing:
            now = time.monotonic()
            began.setdefault(each.name, now)
            name, side, frames = each.steps[number]
            result[each.name, name] = {"ipvs": [], "tandem": []}
            for frame in frames:
                ends.send(side, frame)
                seen += ends.receive()
            if time.monotonic() - before.get(each.name, now) > lasts.get(each.name, LONG_S) - 1:
                late.add(each.name)
            before[each.name] = now
        seen += ends.settle()
        tables = connections_of_ipvs("ipvs"), flows_of_tandem(tandem)
        for each in playing:
            of_case = [[one for one in table if each.client == one.client or each.port == one.client_port >= FIRST_PORT] for table in tables]
            result[each.name, each.steps[number][0]]["connections"] = compare_connections(*of_case, time.monotonic() - began[each.name])
            lasts[each.name] = min((one.seconds for one in of_case[1]), default=SHORTEST_S.get(each.name.split()[0].rstrip("6"), LONG_S))
        # A later fragment does not say whose it is.
        whole = [(name, side, frame) for name in ("ipvs", "tandem") for side in ("client", "server")
                 for frame in put_together([data for who, at, data in seen if (who, at) == (name, side)])]
        for name, side, frame in whole:
            owner = owner_of(frame, by_client, by_port)
            if owner is None or number >= len(owner.steps):
                strays.append((name, frame))
            else:
                result[owner.name, owner.steps[number][0]][name].append((side, frame))
    return result, strays, late


def play(ends, tandem, wanted):
    """All the cases of which wanted(name) is true: the cases, what was seen of them as rounds() has it, and who never came in time."""
    played, seen, strays = {}, {}, []
    makers = [(make, family) for family in FAMILIES for make in (*packet_cases.GROUPS, *protocol_cases.GROUPS, *plays.GROUPS)]
    made_by = {}
    for together in TOGETHER:
        cases = [each for maker in makers for each in fresh_cases(maker, made_by) if wanted(each.name)]
        played |= {each.name: each for each in cases}
        too_late = set()
        for some in batches(cases, together):
            of_some = rounds(ends, some, tandem)
            seen |= of_some[0]
            strays += of_some[1]
            too_late |= of_some[2]
        if not too_late:
            break
        print(f"{len(too_late)} of {len(cases)} cases came too late for their own connections", flush=True)
        wanted = too_late.__contains__
        makers = list(dict.fromkeys(made_by[name] for name in too_late))
    return list(played.values()), seen, strays, too_late


def fresh_cases(maker, made_by):
    """Those that it makes, every time with other clients."""
    first = len(CASES)
    make, family = maker
    make(family)
    made_by |= dict.fromkeys([each.name for each in CASES[first:]], maker)
    return CASES[first:]


def batches(cases, together):
    """Those of like length beside each other: none waits for another's steps."""
    is_sctp = lambda each: each.name.startswith("sctp")  # noqa: E731
    for some, most in (([each for each in cases if not is_sctp(each)], together),
                       ([each for each in cases if is_sctp(each)], min(together, TOGETHER_SCTP))):
        some.sort(key=lambda each: len(each.steps))
        for first in range(0, len(some), most):
            yield some[first:first + most]


def main(programs, word=""):
    folder = Path("/run/packets")
    folder.mkdir()
    # The flow table takes what there is room for: a small one is soon looked through, which is done after each step.
    run("mount", "-t", "tmpfs", "-o", "size=32m", "packets", folder)
    ends = Ends()
    # The kernel's limit on the errors that it sends is for all namespaces.
    run("sysctl", "-q", "-w", "net.ipv4.icmp_msgs_per_sec=100000", "net.ipv4.icmp_msgs_burst=10000")
    start_ipvs()
    # Nobody is told of missing fragments: that would be when other cases are playing.
    run(*within("ipvs", "sysctl", "-q", "-w", "net.ipv4.ipfrag_time=3600", "net.netfilter.nf_conntrack_frag6_timeout=3600"))
    process = start_tandem(folder, programs)
    begin = time.monotonic()
    cases, seen, strays, too_late = play(ends, process, lambda name: word in name)
    took = time.monotonic() - begin
    wrong, equal, chosen_steps = len(too_late), 0, 0
    for name in too_late:
        print(f"WRONG  {name}: this machine is too slow for it")
    used = set()
    for each in cases:
        for step, _, _ in each.steps if each.name not in too_late else ():
            of_step = seen[each.name, step]
            differences = compare(told(of_step["ipvs"]), told(of_step["tandem"])) | of_step["connections"]
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
    print(f"{len(cases)} cases in {took:.0f} s: {equal} steps alike, {chosen_steps} differ as chosen, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), *sys.argv[2:]))
