"""A director that is one of the servers of its own service: some connections go to a program of its own, the others on as ever."""

import sys

import pytest

from dual import of_family
from world import wait_until

PROGRAM = """
import http.server, socket, socketserver, sys
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        body = bytes(16 << 20) if self.path == '/big' else (sys.argv[1] + '\\n').encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        left = int(self.headers['Content-Length'])
        total = left
        while left > 0:
            left -= len(self.rfile.read(min(left, 1 << 16)))
        body = f'{sys.argv[1]} {total}\\n'.encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    address_family = socket.AF_INET6  # and IPv4 with it
Server(('::', 80), Answer).serve_forever()
"""


LOOPBACK = {4: "127.0.0.1", 6: "::1"}
SERVICE = {4: "web", 6: "web6"}


def with_itself(family):
    def change(document):
        web = document["services"][SERVICE[family]]
        web["scheduler"] = "rr"
        web["servers"]["self"] = {"address": LOOPBACK[family], "port": 80, "forward": "local"}
    return change


def start_own(director):
    return director.host.start(sys.executable, "-c", PROGRAM, director.name, log=f"{director.name}.own.log")


def is_up(director, family):
    return (director.server("self", SERVICE[family]) or {}).get("up")


def ask(site, family, path, *more):
    vip = of_family(family)[0]
    url = f"http://[{vip}]/{path}" if family == 6 else f"http://{vip}/{path}"
    return site.client.run("curl", "-sS", "-m", "20", *more, url).strip()


@pytest.mark.parametrize("family,strict", [(4, 0), (4, 1), (6, 0)])
def test_a_director_serves_its_share_itself(make_dual_site, family, strict):
    site = make_dual_site(change=with_itself(family))
    own = [start_own(director) for director in site.directors.values()]
    a = site.directors["dir-a"]
    a.host.sysctl(**{"net/ipv4/conf/all/rp_filter": strict})
    site.start()
    wait_until("itself up", lambda: is_up(a, family), 10)
    answers = [ask(site, family, "who") for _ in range(12)]
    assert {name: answers.count(name) for name in ("web1", "web2", "web3", "dir-a")} == dict.fromkeys(
        ("web1", "web2", "web3", "dir-a"), 3)
    # Whole packets both ways: what comes in super-packets with unfilled checksums, and what leaves past the engine.
    up = site.world.folder / "up"
    up.write_bytes(bytes(8 << 20))
    sent = [ask(site, family, "up", "--data-binary", f"@{up}") for _ in range(4)]
    assert f"dir-a {8 << 20}" in sent, sent
    sizes = [ask(site, family, "big", "-o", "/dev/null", "-w", "%{size_download}") for _ in range(4)]
    assert sorted(sizes) == [str(16 << 20)] + [str(32 << 20)] * 3
    stats = a.ctl("stats").stdout
    assert "self (local)" in stats, stats
    # A program that ends is left like any other server.
    own[0].terminate()
    wait_until("itself down", lambda: not is_up(a, family), 10)
    assert set(ask(site, family, "who") for _ in range(8)) == {"web1", "web2", "web3"}


def test_a_reload_that_takes_the_local_server_away_takes_its_device_too(make_dual_site):
    site = make_dual_site(change=with_itself(4))
    start_own(site.directors["dir-a"])
    a = site.directors["dir-a"]
    site.start()
    wait_until("itself up", lambda: is_up(a, 4), 10)
    assert "tandem-local" in a.host.run("ip", "link")
    del site.document["services"]["web"]["servers"]["self"]
    site.write()
    a.ctl("reload")
    wait_until("the device is gone", lambda: "tandem-local" not in a.host.run("ip", "link"), 5)
    assert set(ask(site, 4, "who") for _ in range(8)) == {"web1", "web2", "web3"}
