"""An active director's interface gets another MAC address, as by a bond that fails over: its neighbours hear of it at once."""

from client import Client
from dual import GATEWAY6, VIP6
from ends import mac_of
from topology import GATEWAY, VIP
from world import wait_until

SECONDS = 9  # a second burst comes after 5 s, for hosts that have just been told something else; by themselves they ask after half a minute


def test_the_addresses_of_an_interface_are_announced_from_its_new_mac_address(make_dual_site):
    site = make_dual_site()
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    site.start()
    clients = [Client(site, vip, rate=20, seconds=120) for vip in (VIP, VIP6)]
    for client in clients:
        wait_until("traffic", lambda: len(client.requests) > 20 and client.download_state()[0] > 0, 10)
    inside = site.servers["web1"].host
    for interface, host, addresses in (("eth0", site.client, (VIP, VIP6)), ("eth1", inside, (GATEWAY, GATEWAY6))):
        before, after = mac_of(a.host, interface), f"02:00:00:00:0{interface[-1]}:aa"
        for address in addresses:
            assert before in host.ip("neigh", "show", address)
        a.host.ip("link", "set", interface, "address", after)
        for address in addresses:
            wait_until(f"{host.name} knows where {address} is", lambda: after in host.ip("neigh", "show", address), SECONDS)
        for client in clients:
            at = client.download_state()[0]
            wait_until("the download goes on", lambda: client.download_state()[0] > at + 100_000, 20)
    assert a.is_active() and not b.is_active()
    wait_until("it is said", lambda: a.log().count("VRRP_MAC_CHANGED") == 2, 5)
    for client in clients:
        client.stop()
        assert client.download_state()[1] == ""
