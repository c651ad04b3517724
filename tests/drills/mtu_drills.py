"""Paths that carry less than the client and the peer believe: frames of 9,000 bytes at the ends, 1,500 in between."""

import json
import subprocess
import time
from pathlib import Path

from drill import drill
from link import wait_until
from mixed import METHODS, VIP, VIP6, MixedSite, Flows  # it finds the lab

LAB = Path(__file__).parent.parent / "lab"
PYTHON = "/usr/bin/python3"
WIDE, NARROW = 9000, 1500
OVERHEAD = {4: 20, 6: 40}
MEGABYTE = 1 << 20
FLOWS = 2000


def mtu(host, interface, size, switch_end=None):
    host.ip("link", "set", interface, "mtu", size)
    host.world.switches.ip("link", "set", f"{host.name}.{interface}", "mtu", switch_end or size)


def whole_frames(host, interface):
    """As on a real wire: no frame is larger than its MTU."""
    host.run("ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off")


class NarrowSite(MixedSite):
    """The real servers of tun are behind a router whose far side carries 1,500 bytes, and believe in 9,000."""

    def _wire(self):
        super()._wire()
        world = self.world
        for name in ("client", "router"):
            mtu(world.hosts[name], "eth0", WIDE)
        mtu(world.hosts["router"], "eth1", WIDE)
        for name in ("dir-a", "dir-b"):
            for interface in ("eth0", "eth1"):
                mtu(world.hosts[name], interface, WIDE)
                whole_frames(world.hosts[name], interface)
        whole_frames(self.client, "eth0")
        hop, far = world.host("hop"), world.switch("far")
        world.cable(hop, "eth0", "inside")
        world.cable(hop, "eth1", far)
        mtu(hop, "eth0", WIDE)
        for family in self.families:
            four = family == 4
            hop.ip("addr", "add", "10.0.1.253/24" if four else "2001:db8:1::253/64", "dev", "eth0", *([] if four else ["nodad"]))
            hop.ip("addr", "add", "10.0.2.1/24" if four else "2001:db8:2::1/64", "dev", "eth1", *([] if four else ["nodad"]))
            hop.ip(*([] if four else ["-6"]), "route", "add", "default", "via", "10.0.1.254" if four else "2001:db8:1::254")
        hop.sysctl(**{"net/ipv4/ip_forward": 1, "net/ipv6/conf/all/forwarding": 1, "net/ipv4/conf/all/rp_filter": 0,
                      "net/ipv4/conf/eth0/rp_filter": 0, "net/ipv4/conf/eth1/rp_filter": 0})
        first = METHODS["tun"][2]
        for i in (0, 1):
            server = world.hosts[f"tun{i + 1}"]
            world.switches.ip("link", "set", f"{server.name}.eth0", "master", far)
            whole_frames(server, "eth0")
            server.ip("addr", "flush", "dev", "eth0", "scope", "global")
            for family in self.families:
                four = family == 4
                own = f"10.0.2.{first + i}/24" if four else f"2001:db8:2::{first + i}/64"
                server.ip("addr", "add", own, "dev", "eth0", *([] if four else ["nodad"]))
                words = ["route", "replace", "default", "via", "10.0.2.1" if four else "2001:db8:2::1", "advmss", WIDE - 80]
                server.ip(*([] if four else ["-6"]), *words)
            server.start(PYTHON, "-B", LAB / "bulk.py", "serve", 84, log=f"{server.name}.bulk.log")
            server.start(PYTHON, "-B", LAB / "bulk.py", "echo", 85, log=f"{server.name}.echo.log")
        for name in ("dir-a", "dir-b", "router"):
            for family in self.families:
                if family == 4:
                    world.hosts[name].ip("route", "add", "10.0.2.0/24", "via", "10.0.1.253")
                else:
                    world.hosts[name].ip("-6", "route", "add", "2001:db8:2::/64", "via", "2001:db8:1::253")

    def _document(self):
        document = super()._document()
        for family in self.families:
            for i in (0, 1):
                address = f"10.0.2.{METHODS['tun'][2] + i}" if family == 4 else f"2001:db8:2::{METHODS['tun'][2] + i}"
                document["services"][f"tun{family}"]["servers"][f"tun{i + 1}"]["address"] = address
            for name, port, protocol in (("bulk", 84, "tcp"), ("echo", 85, "udp")):
                service = json.loads(json.dumps(document["services"][f"tun{family}"]))
                service.update(port=port, protocol=protocol, check="none")
                for server in service["servers"].values():
                    server["port"] = port
                document["services"][f"{name}{family}"] = service
        return document


def ask(site, family, size):
    """One datagram whose IP packet has so many bytes."""
    headers = 28 if family == 4 else 48
    return json.loads(site.client.run(PYTHON, "-B", Path(__file__).parent / "one_datagram.py", VIP if family == 4 else VIP6, 85,
                                      size - headers))


def look(run, site, label, family, fits, largest):
    """A packet that just fits is answered; one byte more, and the largest that comes so far, are told at once what fits."""
    just = ask(site, family, fits)
    run.must(f"{label}: {fits} bytes pass: {just}", just["answer"] is not None and not just["errors"])
    for size in (fits + 1, largest):
        said = ask(site, family, size)
        address, port = said["local"]
        wanted = [address, port, VIP if family == 4 else VIP6, 85]
        error = (said["errors"] or [{}])[0]
        run.must(f"{label}: {size} bytes are told of with the first packet: {said}", said["errors"] and said["sent"] == 1)
        run.must(f"{label}: and what fits: {error}", error.get("mtu") == fits)
        run.must(f"{label}: with the client's own packet in it: {error}, not {wanted}", error.get("quote") == wanted)
    # What the client's kernel has learnt from that is forgotten: the transfer learns it for itself.
    site.client.ip("route", "flush", "cache")
    site.client.ip("-6", "route", "flush", "cache")
    begin = time.monotonic()
    done = subprocess.run([*site.client.enter(), PYTHON, "-B", LAB / "bulk.py", "fetch", VIP if family == 4 else VIP6, "84",
                           str(MEGABYTE), str(MEGABYTE)], capture_output=True, text=True, timeout=60, check=False)
    run.must(f"{label}: a megabyte each way: {done.stderr[-300:]}", done.returncode == 0)
    run.note(f"{label}: a megabyte each way took", time.monotonic() - begin, at_most=5.0)


@drill(39, "9,000 bytes at the ends and 1,500 in between: the way into the tunnel, and the peer link")
def mismatch(run, world):
    site = NarrowSite(world, run.options.bin, run.interval, families=run.options.families, methods=("nat", "tun"))
    run.current = site
    site.start()
    for family in run.options.families:
        # The router behind the director says that the tunnel's packet is too big; the director tells the client.
        look(run, site, f"IPv{family}, a router on the way", family, NARROW - OVERHEAD[family], WIDE - OVERHEAD[family])
    # The director's own wire.
    for name in ("dir-a", "dir-b"):
        mtu(world.hosts[name], "eth1", NARROW)
    time.sleep(1)
    for family in run.options.families:
        look(run, site, f"IPv{family}, the director's own wire", family, NARROW - OVERHEAD[family], WIDE)
    # The peer link: both ends believe in 9,000, the switch carries 1,500 and says nothing.
    for name in ("dir-a", "dir-b"):
        mtu(world.hosts[name], "eth1", WIDE, switch_end=NARROW)
    site.b.stop()
    flows = Flows(site)
    opened = flows.open(METHODS["nat"][0], 4, FLOWS, 1000)
    run.must(f"all stand: {opened}", opened["failed"] == 0)
    begin = time.monotonic()
    site.b.start()
    wait_until("in step over the narrow link", lambda: site.b.in_step() and site.a.in_step(), 20)
    run.note("in step over the narrow peer link after", time.monotonic() - begin, at_most=5.0)
    wait_until("it has the flows", lambda: sum(m["flows_received"] for m in site.b.messages("SyncStatus")) >= FLOWS, 10)
    time.sleep(3)
    lost = [line for d in site.directors.values() for line in d.log().splitlines() if "PEER_LOST" in line]
    run.must(f"the link stays: {lost[-2:]}", len(lost) <= 1)  # the one of the stop
