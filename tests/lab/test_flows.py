"""tandemctl's flows and trace: what they say of real connections, and that a killed one ends."""

import json
import time

from client import Client
from topology import SERVERS, VIP
from world import wait_until

CLIENT = "198.51.100.100"


def listed(director, *words):
    return json.loads(director.ctl("flows", "--json", *words).stdout)


def lasting_port(director):
    """Of the connection that stays: the requests last milliseconds."""
    ports = lambda: {f["client_port"] for f in listed(director, "--state", "established")["flows"]}  # noqa: E731
    first = ports()
    time.sleep(1)
    lasting = first & ports()
    assert len(lasting) == 1, lasting
    return lasting.pop()


def test_flows_are_listed_counted_and_killed_on_both_directors(make_site):
    site = make_site()
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    site.start()
    client = Client(site, VIP, rate=20, seconds=120)
    wait_until("the download", lambda: client.download_state()[0] > 0, 10)
    wait_until("flows", lambda: listed(a)["matched"] > 20, 10)

    established = listed(a, "--state", "established", "--client", f"{CLIENT}/32")["flows"]
    assert established and all(f["client"] == CLIENT and f["service"] == "web" for f in established)
    wait_until("the peer knows it", lambda: listed(b, "--state", "established")["matched"] > 0, 5)
    assert listed(b, "--state", "established")["flows"][0]["learnt"] is True
    assert listed(a, "--client", "203.0.113.0/24")["matched"] == 0
    # As ipvsadm -Lnc has it: protocol, time left, state, source, virtual, destination.
    one = established[0]
    assert (one["protocol"], one["virtual_address"], one["virtual_port"]) == ("tcp", VIP, 80)
    assert (one["server_address"], one["server_port"]) == (SERVERS[one["server"]], 8080)
    assert 890_000 < one["expires_ms"] <= 900_000
    everything = listed(a, "--protocol", "tcp", "--virtual", VIP, "--virtual-port", "80")
    assert everything["matched"] > 20 and sum(s["value"] for s in everything["states"]) == everything["matched"]
    assert {"ESTABLISHED", "TIME_WAIT"} & {s["name"] for s in everything["states"]}
    for nothing in (("--protocol", "udp"), ("--virtual-port", "81"), ("--virtual", "198.51.100.11"),
                    ("--protocol", "tcp", "--server", "web1", "--virtual", "203.0.113.0/24")):
        assert listed(a, *nothing)["matched"] == 0, nothing
    assert listed(a, "--limit", "2")["flows"].__len__() == 2
    by_server = sum(int(a.ctl("flows", "--count", "--server", name).stdout) for name in site.servers)
    assert by_server > 0
    text = a.ctl("flows", "--limit", 1).stdout
    assert "CLIENT" in text and f"{VIP}:80 " in text and "1 of them listed" in text, text

    # The download's connection, and nothing else, is ended. Its client only receives: the server's next segment resets both.
    port = lasting_port(a)
    said = a.ctl("flows", "--kill", "--client", CLIENT, "--client-port", port).stdout
    assert said == "1 flow ended\n", said
    wait_until("the download ended", lambda: client.download_state()[1] != "", 5)
    assert "reset" in client.download_state()[1].lower(), client.download_state()
    assert client.failed() == []
    wait_until("the peer's copy is gone", lambda: listed(b, "--client-port", port)["matched"] == 0, 30)

    refused = a.ctl("flows", "--kill", check=False)
    assert refused.returncode == 1 and "all=1" in refused.stderr
    wrong = a.ctl("flows", "--client", "nonsense", check=False)
    assert wrong.returncode == 1 and "expected an address" in wrong.stderr
    client.stop()


def test_a_trace_tells_where_a_client_goes_and_why(make_site):
    site = make_site()
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    site.start()
    client = Client(site, VIP, rate=20, seconds=60)
    wait_until("the download", lambda: client.download_state()[0] > 0, 10)
    text = a.ctl("trace", CLIENT, "--service", "web").stdout
    assert f"web: {VIP}:80/tcp nat, scheduler wlc" in text
    assert "ESTABLISHED" in text and "its packets go to web" in text
    assert "a new connection: goes to web" in text and "the fewest connections for its weight" in text
    # What is told is what happens: the server of the next connection of a drained pool.
    for name in ("web1", "web2"):
        site.document["services"]["web"]["servers"][name]["weight"] = 0
    site.write()
    a.ctl("reload")
    assert "goes to web3" in a.ctl("trace", "203.0.113.9").stdout
    assert "not active for" in b.ctl("trace", "203.0.113.9").stdout
    assert "there is no service 'mail'" in a.ctl("trace", CLIENT, "--service", "mail").stdout
    assert a.ctl("trace", "nobody", check=False).returncode == 1
    client.stop()


def test_stats_tell_rates_and_drops_by_service(make_site):
    site = make_site()
    a = site.directors["dir-a"]
    site.start()
    client = Client(site, VIP, rate=50, seconds=60)
    of = lambda kind: {m["service"]: m for m in a.messages(kind)}  # noqa: E731
    wait_until("rates", lambda: of("ServiceStats").get("web", {}).get("rates", {}).get("connections", 0) > 20, 15)
    stats = of("ServiceStats")["web"]
    assert stats["method"] == "nat" and stats["packets_in"] > 0 and stats["bytes_out"] > stats["bytes_in"] > 0
    servers = [m for m in a.messages("ServerStats") if m["service"] == "web"]
    assert abs(sum(m["connections"] for m in servers) - of("ServiceStats")["web"]["connections"]) < 150
    client.stop()
    # A server that goes takes nothing of what its service has counted.
    before = of("ServiceStats")["web"]["connections"]
    for name in ("web1", "web2"):
        del site.document["services"]["web"]["servers"][name]
    site.document["services"]["web"]["servers"]["web3"]["weight"] = 0
    site.write()
    a.ctl("reload")
    wait_until("forgotten", lambda: len(a.messages("ServerStats")) == 1, 5)
    assert of("ServiceStats")["web"]["connections"] >= before
    # Nobody takes a connection: reset, and counted.
    site.client.run("curl", "-s", "-m", "2", f"http://{VIP}/who", check=False)
    drops = lambda: {d["name"]: d["value"] for d in of("ServiceStats")["web"]["drops"]}  # noqa: E731
    wait_until("the drop", lambda: drops().get("drop_no_server", 0) >= 1, 5)
    text = a.ctl("stats").stdout
    assert "(nat)" in text and "drop_no_server" in text, text
    wait_until("rates end", lambda: of("ServiceStats")["web"]["rates"]["connections"] == 0, 30)
