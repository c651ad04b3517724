"""IPv6: tunnels into real ip6tnl, sit, gre, ip6gre and fou devices, where either end may be of the other family, and real SCTP.

    tests/guest/guest -- /usr/bin/python3 -B tests/guest/methods6.py BIN-FOLDER      (./dev methods6)

As methods.py, which has what is IPv4 alone. Names: the client's family in the server's.
"""

from tunnel_site import Tunnel, main

IPIP, GRE, GRE_SUM = {"type": "ipip"}, {"type": "gre"}, {"type": "gre", "checksum": True}
GUE_DEVICE = "encap gue encap-sport auto encap-dport"
GUE, GUE_SUM = {"type": "gue"}, {"type": "gue", "port": 5555, "checksum": True}
TUNNELS = {
    "6-in-6": Tunnel(6, 6, IPIP, 40, "ip6tnl mode ip6ip6"),
    "6-in-6-any": Tunnel(6, 6, IPIP, 40, "ip6tnl mode any"),
    "4-in-6": Tunnel(4, 6, IPIP, 40, "ip6tnl mode ipip6"),
    "4-in-6-any": Tunnel(4, 6, IPIP, 40, "ip6tnl mode any"),
    "6-in-4": Tunnel(6, 4, IPIP, 20, "sit"),
    "gre-6-in-6": Tunnel(6, 6, GRE, 44, "ip6gre"),
    "gre-checksum-6-in-6": Tunnel(6, 6, GRE_SUM, 48, "ip6gre icsum ocsum"),
    "gre-4-in-6": Tunnel(4, 6, GRE, 44, "ip6gre"),
    "gre-6-in-4": Tunnel(6, 4, GRE, 24, "gre"),
    "gue-6-in-6": Tunnel(6, 6, GUE, 52, f"ip6tnl mode ip6ip6 {GUE_DEVICE} 6080"),
    "gue-checksum-6-in-6": Tunnel(6, 6, GUE_SUM, 52, f"ip6tnl mode any {GUE_DEVICE} 5555"),
    "gue-4-in-6": Tunnel(4, 6, GUE, 52, f"ip6tnl mode ipip6 {GUE_DEVICE} 6080"),
    "gue-6-in-4": Tunnel(6, 4, GUE, 32, f"sit {GUE_DEVICE} 6080"),
}

if __name__ == "__main__":
    main(__doc__, TUNNELS, 6)
