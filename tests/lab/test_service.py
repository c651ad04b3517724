"""The daemon as a service: stop, reload, and what is said about it."""

import json
import signal
import socket
import subprocess
import time

from client import Client
from topology import GATEWAY, SERVERS, VIP
from world import wait_until


def test_an_orderly_stop_hands_over_at_once_and_leaves_nothing_behind(make_site):
    site = make_site()
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    site.start()
    client = Client(site, VIP, rate=100, seconds=60)
    wait_until("traffic", lambda: len(client.requests) > 100 and client.download_state()[0] > 0, 10)
    assert "table netdev tandem" in a.host.run("nft", "list", "ruleset")
    stopped = time.monotonic()
    assert a.stop() == 0
    # Priority 0 was sent: dir-b waits one skew time, (256 - 100) / 256 s, not three intervals.
    wait_until("dir-b active", b.is_active, 1.5)
    assert not a.holds(VIP) and not a.holds(GATEWAY)
    assert a.host.run("nft", "list", "ruleset").strip() == ""
    assert a.host.pids() == []
    assert not (a.run_folder / "control.sock").exists()
    time.sleep(1)
    client.stop()
    print(f"orderly stop: outage {client.outage_ms(stopped):.0f} ms")
    assert client.outage_ms(stopped) < 1500
    assert client.failed() == []
    assert client.download_state()[1] == ""


def test_ctrl_c_is_an_orderly_stop(make_site):
    site = make_site()
    a = site.directors["dir-a"]
    site.start()
    a.process.send_signal(signal.SIGINT)
    assert a.process.wait(timeout=10) == 0
    assert not a.holds(VIP) and a.host.pids() == []


def test_a_reload_applies_the_difference_and_disturbs_nothing_else(make_site):
    site = make_site()
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    site.start()
    client = Client(site, VIP, rate=50, seconds=60)
    wait_until("traffic", lambda: len(client.requests) > 50 and client.download_state()[0] > 0, 10)
    before = a.messages("InstanceState")[0]
    site.document["services"]["web"]["servers"]["web3"]["weight"] = 3
    site.document["virtual_routers"]["web"]["addresses"].append("198.51.100.11/24")
    site.write()
    answer = a.ctl("reload")
    assert "web3" in answer.stdout and "198.51.100.11" in answer.stdout, answer.stdout
    b.process.send_signal(signal.SIGHUP)
    wait_until("weight 3", lambda: a.server("web3")["weight"] == 3 and b.server("web3")["weight"] == 3, 5)
    wait_until("the new address", lambda: a.holds("198.51.100.11"), 2)
    time.sleep(2.5)
    client.stop()
    after = a.messages("InstanceState")[0]
    assert after["transitions"] == before["transitions"] and after["since_unix_ms"] == before["since_unix_ms"]
    assert not b.holds(VIP)
    assert client.failed() == [] and client.download_state()[1] == ""
    assert "nothing changed" in a.ctl("reload").stdout


def test_a_reload_of_an_invalid_file_changes_nothing_and_says_why(make_site):
    site = make_site()
    a = site.directors["dir-a"]
    site.start()
    before = (a.status()["generation"], a.server("web1")["weight"])
    good = site.file.read_text()
    site.file.write_text(good.replace("scheduler: wlc", "schedular: wlc").replace("id: 51", "id: 300"))
    refused = a.ctl("reload", check=False)
    assert refused.returncode == 1
    assert "schedular" in refused.stderr and "scheduler" in refused.stderr and "300" in refused.stderr
    assert f"{site.file}:" in refused.stderr
    assert (a.status()["generation"], a.server("web1")["weight"]) == before
    assert a.is_active()
    assert "refused" in a.ctl("status").stdout
    site.file.unlink()
    assert a.ctl("reload", check=False).returncode == 1
    assert a.is_active()


def test_status_is_a_table_and_json_and_metrics(make_site):
    site = make_site()
    a = site.directors["dir-a"]
    site.start()
    table = a.ctl("status").stdout
    for word in ("web1", "web2", "web3", "active", VIP, "in step", "vrrp", "checkers", "forwarding", "control"):
        assert word in table, table
    status = json.loads(a.ctl("status", "--json").stdout)
    assert status["director"] == "dir-a" and len(status["ServerHealth"]) == len(SERVERS)
    with socket.socket(socket.AF_UNIX) as plug:
        plug.connect(str(a.run_folder / "control.sock"))
        plug.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        text = b"".join(iter(lambda: plug.recv(65536), b"")).decode()
    assert 'tandem_router_state{router="web",state="active"} 1' in text
    assert text.count("# TYPE tandem_server_up gauge") == 1
    assert a.ctl("top", "--rounds", "1").stdout.count("web1") >= 1
    nobody = subprocess.run([site.bin / "tandemctl", "--socket", "/nonexistent/x.sock", "status"], capture_output=True,
                            text=True, timeout=10, check=False)
    assert nobody.returncode == 3 and "does not run" in nobody.stderr


def test_no_server_left_is_answered_with_a_reset_at_once(make_site):
    site = make_site()
    a = site.directors["dir-a"]
    site.start()
    for server in site.servers.values():
        server.stop()
    wait_until("all down", lambda: all(not a.server(name)["up"] for name in SERVERS), 5)
    time.sleep(0.1)
    began = time.monotonic()
    answer = site.client.run("/usr/bin/python3", "-c", f"""
import socket
try:
    socket.create_connection(("{VIP}", 80), timeout=5)
    print("connected")
except OSError as problem:
    print(type(problem).__name__)
""").strip()
    assert answer == "ConnectionRefusedError"
    assert time.monotonic() - began < 1
    site.servers["web2"].start()
    wait_until("web2 up", lambda: a.server("web2")["up"], 5)
    assert site.client.run("curl", "-sS", "-m", "5", f"http://{VIP}/who").strip() == "web2"


def test_a_second_daemon_on_the_same_run_folder_is_refused(make_site):
    site = make_site()
    a = site.directors["dir-a"]
    site.start()
    second = a.host.start(site.bin / "tandemd", "--config", site.file, "--run-dir", a.run_folder, "--state-dir",
                          a.state_folder, "--director", "dir-a", log="second.log")
    assert second.wait(timeout=5) != 0
    assert "already" in (site.world.folder / "second.log").read_text()
    assert a.is_active()
