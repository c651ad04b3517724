"""A real peer: Debian's keepalived is the other router of the group, VRRPv3 over IPv4 multicast, election both ways."""

import pytest

from topology import VIP
from world import wait_until

CONFIG = """
global_defs {{ router_id b
  vrrp_version 3
  script_user root }}
vrrp_instance V1 {{
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority {priority}
  advert_int 1
  virtual_ipaddress {{ {vip}/24 }}
}}
"""


def start_keepalived(site, priority):
    host = site.world.hosts["dir-b"]
    folder = site.world.folder
    (folder / "keepalived.conf").write_text(CONFIG.format(priority=priority, vip=VIP))
    return host.start("keepalived", "-f", folder / "keepalived.conf", "-n", "-l", "-D", "-P", "-p", folder / "ka.pid",
                      "-r", folder / "ka.vrrp.pid", log="keepalived.log")


def holds(host, address):
    return any(entry.split("/")[0] == address for entry in host.addresses())


@pytest.fixture
def site(make_site):
    def alone(document):
        del document["peer_link"]
        document["virtual_routers"]["web"]["addresses"] = [f"{VIP}/24"]
        document["services"]["web"]["forward"] = "nat"
    return make_site(change=alone)


def test_the_higher_priority_wins_whoever_it_is_and_priority_0_is_understood_both_ways(site):
    a, other = site.directors["dir-a"], site.world.hosts["dir-b"]
    keepalived = start_keepalived(site, priority=100)
    wait_until("keepalived is master", lambda: holds(other, VIP), 8)

    a.start()  # priority 150: preempts
    wait_until("tandem preempts", a.is_active, 12)
    wait_until("keepalived gives way", lambda: not holds(other, VIP), 2)
    assert a.holds(VIP)

    assert a.stop() == 0  # priority 0: keepalived needs one skew time only
    wait_until("keepalived takes over", lambda: holds(other, VIP), 2)
    assert not a.holds(VIP)

    a.start()
    wait_until("tandem preempts again", a.is_active, 12)
    a.kill()  # no priority 0: three intervals and the skew
    wait_until("keepalived takes over", lambda: holds(other, VIP), 5)
    keepalived.terminate()
    keepalived.wait(timeout=5)


def test_tandem_backs_a_higher_keepalived_and_takes_over_when_it_goes(site):
    a, other = site.directors["dir-a"], site.world.hosts["dir-b"]
    keepalived = start_keepalived(site, priority=200)
    wait_until("keepalived is master", lambda: holds(other, VIP), 8)
    a.start()
    wait_until("tandem is backup", lambda: any(m["state"] == "backup" and m["adverts_received"] >= 2
                                              for m in a.messages("InstanceState")), 10)
    assert not a.holds(VIP)
    assert a.messages("InstanceState")[0]["active_address"] == "198.51.100.3"
    keepalived.terminate()  # sends priority 0
    keepalived.wait(timeout=5)
    wait_until("tandem takes over", a.is_active, 2)
    keepalived = start_keepalived(site, priority=200)
    wait_until("keepalived preempts", lambda: holds(other, VIP), 8)
    wait_until("tandem gives way", lambda: not a.holds(VIP), 2)
    keepalived.kill()
    keepalived.wait()
