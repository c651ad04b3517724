"""The site of topology.py with both families: every host has an IPv6 address beside its IPv4 one.

    client 2001:db8:51::100 ─┐                           ┌── web1 fd00:1::11
                             ├─ outside ═ dir-a ═ inside ├── web2 fd00:1::12
    router 2001:db8:51::254 ─┘         ═ dir-b ═         ├── web3 fd00:1::13
           fd00:1::254 ──────────────────────────────────┘

The VIP 2001:db8:51::10 and, for nat, the servers' gateway fd00:1::1, for fullnat the source fd00:1::100, move with the IPv4 ones.
"""

from topology import DIRECTORS, SERVERS, SOURCE, VIP, Site, translates
from world import wait_until

VIP6 = "2001:db8:51::10"
GATEWAY6 = "fd00:1::1"
SOURCE6 = "fd00:1::100"  # of fullnat
CLIENT6 = "2001:db8:51::100"
ROUTER6 = "2001:db8:51::254"
INSIDE_ROUTER6 = "fd00:1::254"
SERVERS6 = {name: f"fd00:1::{address.rsplit('.', 1)[1]}" for name, address in SERVERS.items()}


# Nobody else has the addresses of a lab; a host whose own link-local one is not settled yet cannot ask for a neighbour.
NO_DAD = {"net/ipv6/conf/default/accept_dad": 0, "net/ipv6/conf/all/accept_dad": 0}


def of_family(family):
    """(the VIP, the servers' addresses, fullnat's source)"""
    return (VIP, SERVERS, SOURCE) if family == 4 else (VIP6, SERVERS6, SOURCE6)


def give(host, address, device):
    host.ip("addr", "add", address, "dev", device, "nodad")


class DualSite(Site):
    """web6 is web in IPv6. `servers_family`: that of web6's servers."""

    def __init__(self, *words, servers_family=6, **more):
        self.servers_family = servers_family
        super().__init__(*words, **more)

    def _wire(self):
        super()._wire()
        hosts = self.world.hosts
        give(self.client, f"{CLIENT6}/64", "eth0")
        router = hosts["router"]
        give(router, f"{ROUTER6}/64", "eth0")
        give(router, f"{INSIDE_ROUTER6}/64", "eth1")
        router.sysctl(**{"net/ipv6/conf/all/forwarding": 1})
        for name, last in DIRECTORS.items():
            give(hosts[name], f"2001:db8:51::{last}/64", "eth0")
            give(hosts[name], f"fd00:1::{last}/64", "eth1")
            hosts[name].sysctl(**{"net/ipv6/conf/all/forwarding": 1})
        for name, address in SERVERS6.items():
            give(hosts[name], f"{address}/64", "eth0")
            if not translates(self.method):
                give(hosts[name], f"{VIP6}/128", "lo")  # neighbour discovery on eth0 does not know it
            if self.method != "fullnat":
                hosts[name].ip("-6", "route", "add", "default", "via", GATEWAY6 if self.method == "nat" else INSIDE_ROUTER6)

    def _document(self, key):
        document = super()._document(key)
        addresses = document["virtual_routers"]["web"]["addresses"]
        addresses.append(f"{VIP6}/64")
        of_inside = {"nat": GATEWAY6, "fullnat": SOURCE6}
        if self.method in of_inside:
            addresses.append({"address": f"{of_inside[self.method]}/64", "interface": "eth1"})
        web = document["services"]["web"]
        servers = of_family(self.servers_family)[1]
        document["services"]["web6"] = {**web, "address": VIP6, "servers": {
            name: {**server, "address": servers[name]} for name, server in web["servers"].items()}}
        if self.method == "fullnat":
            document["services"]["web6"]["source_pool"] = SOURCE6
        return document

    def wait_settled(self, active="dir-a", seconds=20):
        super().wait_settled(active, seconds)
        for director in self.directors.values():
            wait_until(f"web6 up on {director.name}", lambda d=director: all(
                (d.server(name, "web6") or {}).get("up") for name in SERVERS6), seconds)
