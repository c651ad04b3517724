"""IPv4: tunnels into real ipip, gre and fou devices, and real SCTP: what the containers of the lab have no kernel modules for.

    tests/guest/guest -- /usr/bin/python3 -B tests/guest/methods.py BIN-FOLDER      (./dev methods)

Runs inside the guest, with forwarder_alone as the director, on the site of tunnel_site.py. Exit status 1: something did not
arrive, or a client did not learn what its tunnel leaves of the path.
"""

from tunnel_site import Tunnel, main

TUNNELS = {
    "ipip": Tunnel(4, 4, {"type": "ipip"}, 20, "ipip"),
    "gre": Tunnel(4, 4, {"type": "gre"}, 24, "gre"),
    "gre-checksum": Tunnel(4, 4, {"type": "gre", "checksum": True}, 28, "gre icsum ocsum"),
    "gue": Tunnel(4, 4, {"type": "gue"}, 32, "ipip encap gue encap-sport auto encap-dport 6080"),
    "gue-checksum": Tunnel(4, 4, {"type": "gue", "port": 5555, "checksum": True}, 32,
                           "ipip encap gue encap-sport auto encap-dport 5555"),
}

if __name__ == "__main__":
    main(__doc__, TUNNELS, 4)
