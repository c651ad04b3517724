"""Services of several ports and of ranges of ports on real traffic, by each method; the kernel keeps silent about all of them."""

import time

import pytest

from ends import flows
from topology import VIP
from world import wait_until

PYTHON = "/usr/bin/python3"
SECOND = "198.51.100.11"
# Says its own port and the peer's address on every port given.
SERVER = """
import socket, selectors, sys
waiting = selectors.DefaultSelector()
for port in map(int, sys.argv[1:]):
    listener = socket.create_server(("0.0.0.0", port), backlog=64)
    waiting.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in waiting.select():
        connection, peer = key.fileobj.accept()
        connection.sendall(f"{key.fileobj.getsockname()[1]} {peer[0]}\\n".encode())
        connection.close()
"""
CLIENT = """
import socket, sys
plug = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
print(plug.makefile().readline().strip())
"""


def ask(site, address, port):
    return site.client.run(PYTHON, "-c", CLIENT, address, port).strip()


@pytest.mark.parametrize("method", ["nat", "dr", "tun"])
def test_a_service_of_several_addresses_and_a_range_of_ports(make_site, method):
    def change(document):
        document["virtual_routers"]["web"]["addresses"].append(f"{SECOND}/24")
        servers = document["services"]["web"]["servers"]
        document["services"]["many"] = {
            "address": [VIP, SECOND], "port": [7001, "7100-7110"], "forward": method, "scheduler": "rr", "persistence": None,
            "check": {"tcp": None, "port": 7001, "interval": "500ms"},
            "servers": {name: {"address": server["address"]} for name, server in servers.items()}}

    site = make_site(method=method, change=change)
    a = site.directors["dir-a"]
    for server in site.servers.values():
        if method != "nat":
            server.host.ip("addr", "add", f"{SECOND}/32", "dev", "lo")
        server.host.start(PYTHON, "-c", SERVER, 7001, 7100, 7105, 7110, 7111, log=f"{server.name}.many.log")
    site.start()
    wait_until("many is up", lambda: all((a.server(name, "many") or {}).get("up") for name in site.servers), 10)
    for address in (VIP, SECOND):
        for port in (7001, 7100, 7105, 7110):
            assert ask(site, address, port) == f"{port} 198.51.100.100", (address, port)
    # One client, one server, whatever it asked for; each flow says what that was.
    told = [flow for flow in flows(a, "--service", "many") if flow["state"] != "TEMPLATE"]
    assert len({flow["server"] for flow in told}) == 1, told
    assert {(flow["virtual_address"], flow["virtual_port"], flow["virtual_last_port"]) for flow in told} == {
        (address, *ports) for address in (VIP, SECOND) for ports in ((7001, 7001), (7100, 7110))}, told
    text = a.ctl("flows", "--virtual", SECOND, "--virtual-port", 7105).stdout
    assert f" {SECOND}:7100-7110 " in text and "7001" not in text and VIP + ":" not in text, text
    # Beyond the range the kernel answers, as for any port nobody listens on.
    started = time.monotonic()
    with pytest.raises(RuntimeError, match="Connection refused"):
        ask(site, VIP, 7111)
    assert time.monotonic() - started < 2
    # Another range, by a reload, while connections come.
    site.document["services"]["many"]["port"] = [7001, "7100-7111"]
    site.write()
    a.ctl("reload")
    assert ask(site, VIP, 7111) == "7111 198.51.100.100"
    assert f"many: {VIP}:7001" in a.ctl("trace", "198.51.100.100", "--service", "many").stdout
    assert f"{VIP},{SECOND}:7001,7100-7111/tcp" in a.ctl("status").stdout
