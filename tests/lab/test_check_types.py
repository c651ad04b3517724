"""Every type of check against the real thing from Debian's packages, on loopback, and against what only looks like it.

A service that is not installed is skipped with that reason; `./dev test` installs them all.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from certificates import Certificates
from hostile import Hostile, endless, reset, say_and_close, say_and_hold, silent, slow
from test_checkers import free_port, probe, wait_for_listener

POSTGRES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"))), None)


def needs(program):
    if shutil.which(str(program), path=f"{os.environ['PATH']}:/usr/sbin:/usr/lib/postfix/sbin") is None:
        pytest.skip(f"{program} is not installed")


@pytest.fixture
def served(tmp_path):
    """Starts programs and ends them with the test."""
    running = []

    def start(port, *words, **more):
        log = open(tmp_path / f"{len(running)}.log", "wb")
        process = subprocess.Popen([str(w) for w in words], stdout=log, stderr=log, start_new_session=True, **more)
        running.append(process)
        if port:
            try:
                wait_for_listener(port, process)
            except Exception:
                print((tmp_path / f"{len(running) - 1}.log").read_text()[-2000:])
                raise
        return process
    yield start
    for process in running:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def eventually(check, seconds=20):
    """A server that listens may still be starting."""
    end = time.monotonic() + seconds
    while True:
        result = check()
        if result.verdict == "ok" or time.monotonic() > end:
            return result
        time.sleep(0.1)


# ---- databases


def test_redis_pings_logs_in_and_says_why_not(served, tmp_path):
    needs("redis-server")
    port = free_port()
    served(port, "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", tmp_path, "--requirepass", "sesame")
    assert probe("redis", port, "--password", "sesame").words == "PONG"
    assert probe("redis", port).words == "the server says: NOAUTH Authentication required."
    assert "WRONGPASS" in probe("redis", port, "--password", "wrong").words


def test_mariadb_lets_the_check_in_and_is_not_filled_with_broken_log_ins(served, tmp_path):
    needs("mariadbd")
    data, port = tmp_path / "data", free_port()
    subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
                    "--skip-test-db", "--user=root"], check=True, capture_output=True, timeout=120)
    served(port, "mariadbd", "--no-defaults", f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1", "--user=root",
           f"--socket={tmp_path}/sock", "--max-connect-errors=3")
    sql = ["mariadb", "--no-defaults", f"--socket={tmp_path}/sock", "-uroot", "-e"]
    subprocess.run([*sql, "create user lb@'%' identified by 's e'; create user nobody@'%'"], check=True, timeout=20)
    result = probe("mysql", port, "--user", "lb", "--password", "s e")
    assert result.verdict == "ok" and "MariaDB" in result.words, result
    assert probe("mysql", port, "--user", "nobody").verdict == "ok"
    assert "1045 Access denied" in probe("mysql", port, "--user", "lb", "--password", "other").words
    for _ in range(8):  # more than max_connect_errors
        assert probe("mysql", port).verdict == "ok"
    assert probe("mysql", port, "--user", "lb", "--password", "s e").verdict == "ok", "the host was not blocked"
    subprocess.run([*sql, "set global max_connections=10"], check=True, timeout=20)


def test_postgresql_is_ready_for_a_log_in(served, tmp_path):
    if POSTGRES is None:
        pytest.skip("postgresql is not installed")
    data, port = tmp_path / "data", free_port()
    data.mkdir()
    shutil.chown(data, "postgres")
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    subprocess.run([*as_postgres, POSTGRES / "initdb", "-D", data, "-A", "trust"], check=True, capture_output=True, timeout=60,
                   cwd="/")
    with open(data / "pg_hba.conf", "w") as rules:
        rules.write("host all app 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n")
    served(port, *as_postgres, POSTGRES / "postgres", "-D", data, "-p", port, "-k", "", "-h", "127.0.0.1", cwd="/")
    assert eventually(lambda: probe("pgsql", port, "--user", "postgres")).verdict == "ok"
    assert probe("pgsql", port, "--user", "app").verdict == "ok"  # it asks for a password: it is ready
    assert "answers" in probe("pgsql", port).words
    stranger = probe("pgsql", port, "--user", "stranger")
    assert stranger.verdict == "failed" and "(28000)" in stranger.words, stranger


# ---- dns


def test_dns_asks_for_a_record_and_for_its_data(served):
    needs("dnsmasq")
    port = free_port()
    served(port, "dnsmasq", "-k", "-p", port, "--listen-address=127.0.0.1", "--bind-interfaces", "-R", "-h", "-C", "/dev/null",
           "--pid-file", "--user=root", "--local=/example/", "--host-record=www.example,192.0.2.1,2001:db8::1",
           "--txt-record=t.example,hello there", "--mx-host=example,mail.example,10", "--cname=alias.example,www.example",
           "--srv-host=_http._tcp.example,www.example,80,1,2")
    assert probe("dns", port, "--name", "www.example").words == "A 192.0.2.1"
    assert probe("dns", port, "--name", "www.example", "--type", "AAAA").words == "AAAA 2001:db8::1"
    assert probe("dns", port, "--name", "www.example", "--answer", "192.0.2.1").verdict == "ok"
    assert probe("dns", port, "--name", "www.example", "--answer", "192.0.2.2").words == (
        "no answer: expected 192.0.2.2, found 192.0.2.1")
    assert probe("dns", port, "--name", "t.example", "--type", "TXT", "--answer", "hello there").verdict == "ok"
    assert probe("dns", port, "--name", "example", "--type", "MX").words == "MX 10 mail.example"
    assert probe("dns", port, "--name", "_http._tcp.example", "--type", "SRV").words == "SRV 1 2 80 www.example"
    assert probe("dns", port, "--name", "www.example", "--type", "MX").words == "no answer: there is no MX of www.example"
    assert probe("dns", port, "--name", "none.example").words == "the server says: NXDOMAIN"
    assert probe("dns", port, "--name", "www.elsewhere").words == "the server says: REFUSED"


def test_a_port_that_is_closed_refuses_a_datagram_at_once():
    for kind in ("dns", "udp"):
        result = probe(kind, free_port(), "--name", "x.example")
        assert result.words == "connection refused" and result.seconds < 0.5, result


@pytest.fixture
def datagrams():
    """A server that answers each datagram with what the test says."""
    import threading
    sockets = []

    def serve(reply):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 0))
        sockets.append(server)

        def run():
            while True:
                try:
                    data, source = server.recvfrom(65535)
                except OSError:
                    return
                if data == b"quit":
                    return
                for each in reply(data):
                    server.sendto(each, source)
        threading.Thread(target=run, daemon=True).start()
        return server.getsockname()[1]
    yield serve
    for server in sockets:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"quit", server.getsockname())
        server.close()


@pytest.mark.parametrize("answer, words", [
    (lambda q: [b"\0"], "timed out"),                                            # no header: not an answer
    (lambda q: [b"\xff\xff" + q[2:]], "timed out"),                              # somebody else's
    (lambda q: [q], "a question instead of an answer"),
    (lambda q: [q[:2] + b"\x81\x82" + q[4:]], "SERVFAIL"),
    (lambda q: [q[:2] + b"\x81\x80\0\1\xff\xff\0\0\0\0" + q[12:]], "no DNS message"),
    (lambda q: [q[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + q[12:] + b"\xc0\x0c\0\1\0\1\0\0\0\1\0\2ab"], "A ?"),
    (lambda q: [q[:2] + b"\x81\x80\0\1\0\0\0\0\0\0" + q[12:]], "there is no A of x.example"),
])
def test_dns_answers_that_are_none(datagrams, answer, words):
    result = probe("dns", datagrams(answer), "--name", "x.example", timeout_ms=300)
    assert words in result.words, result
    assert result.seconds < 0.6


def test_udp_sends_its_payload_and_judges_the_reply(datagrams):
    port = datagrams(lambda data: [b"pong " + data])
    assert probe("udp", port, "--payload", "ping", "--answer", "pong ping").words == "a reply of 9 bytes"
    assert probe("udp", port, "--payload", "ping", "--answer", "well").words == "the server says: pong ping"
    assert "timed out" in probe("udp", datagrams(lambda data: []), "--payload", "x", timeout_ms=200).words


# ---- mail


SMTP_SERVER = """
import asyncio, ssl, sys
from aiosmtpd.smtp import SMTP
from aiosmtpd.handlers import Sink
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
async def main():
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(Sink(), hostname="mail.example", tls_context=context), "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()
asyncio.run(main())
"""


def test_smtp_greets_and_starts_tls(served, tmp_path):
    pytest.importorskip("aiosmtpd")
    made, port = Certificates(tmp_path), free_port()
    certificate, key = made.leaf("mail", san="DNS:mail.example")
    served(port, "/usr/bin/python3", "-c", SMTP_SERVER, port, certificate, key)
    assert probe("smtp", port, "--name", "lb.example").verdict == "ok"
    secured = probe("smtp", port, "--starttls", "--host", "mail.example", "--ca", made.ca)
    assert secured.verdict == "ok", secured
    other = probe("smtp", port, "--starttls", "--host", "other.example", "--ca", made.ca)
    assert "certificate is for another name" in other.words, other


@pytest.mark.parametrize("kind, greeting, words", [
    ("smtp", b"421 4.3.2 overloaded\r\n", "the server says: 421 4.3.2 overloaded"),
    ("smtp", b"554 no\r\n", "the server says: 554 no"),
    ("smtp", b"HTTP/1.1 400 Bad Request\r\n", "the answer is not what this service says"),
    ("mysql", b"HTTP/1.1 400 Bad Request\r\n\r\n", "the answer is not what this service says"),
    ("mysql", b"\x17\0\0\0\xff\x10\x04Too many connections", "the server says: 1040 Too many connections"),
])
def test_services_that_speak_first_and_are_not_well(kind, greeting, words):
    with Hostile(say_and_hold(greeting)) as server:
        result = probe(kind, server.port)
    assert result.verdict == "failed" and words in result.words, result


BEHAVIOURS = {
    "silent": silent, "slow": slow(b"+OK 220 " + b"x" * 100), "reset": reset(),
    "reset at once": reset(wait_for_request=False), "close": say_and_close(b""), "close at once": say_and_close(b"", wait_for_request=False),
    "endless": endless(b"", b"x" * 4096), "endless lines": endless(b"", b"220-x\r\n" * 512),
    "endless body": endless(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", b"x" * 65536),
    "endless zeros": endless(b"", bytes(4096)), "garbage TLS": endless(b"", b"\x16\x03\x03\x40\x00" + b"\x02" * 16384),
    "alerts": endless(b"", b"\x15\x03\x03\x00\x02\x01\x00" * 512), "every byte": endless(b"", bytes(range(256)) * 16),
}


@pytest.mark.parametrize("kind, options", [
    ("smtp", ()), ("smtp", ("--starttls",)), ("mysql", ("--user", "lb", "--password", "x")), ("pgsql", ()), ("redis", ()), ("agent", ()),
    ("tls", ()), ("http", ("--body", "never")), ("http", ("--expect", "404-404")), ("https", ()), ("https", ("--no-verify",)),
    ("grpc", ()), ("grpc", ("--tls", "--no-verify")),
], ids=lambda value: value if isinstance(value, str) else "-".join(value).replace("--", "") or "plain")
def test_whatever_a_server_does_there_is_a_verdict_in_time_and_in_bounded_memory(kind, options):
    for name, behaviour in BEHAVIOURS.items():
        with Hostile(behaviour) as server:
            result = probe(kind, server.port, *options, timeout_ms=400)
        assert result.verdict == "failed", (name, result)
        assert result.seconds < 0.8, (name, result)
        assert result.memory_kb < 40_000, (name, result)


@pytest.mark.parametrize("kind, options", [("dns", ("--name", "x.example")), ("udp", ("--payload", "x", "--answer", "never"))])
def test_whatever_is_sent_back_by_udp_there_is_a_verdict_in_time_and_in_bounded_memory(datagrams, kind, options):
    for replies in ([], [b""], [b"x"] * 2000, [bytes(65000)] * 20, [bytes(range(256)) * 200] * 20):
        result = probe(kind, datagrams(lambda data, replies=replies: replies), *options, timeout_ms=400)
        assert result.verdict == "failed" and result.seconds < 0.8 and result.memory_kb < 40_000, (replies[:1], result)


# ---- http bodies


@pytest.mark.parametrize("options, words", [
    (("--body", "ready: yes"), "HTTP 200"),
    (("--body", "ready: no"), "HTTP 200, but its body does not contain 'ready: no'"),
    (("--body-regex", r"ready:\s+\w+"), "HTTP 200"),
    (("--body-regex", r"^no"), "HTTP 200, but its body does not match ^no"),
    (("--body-sha256", "7d9bd8bd0b7dbc7d3b6c1b0b4fc1ad2a8bd1b2e0b0e4f6a0b1e2d3c4b5a69788"), "has the SHA-256"),
])
@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\nstate\nready: yes\n\n",
                                  b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nstate\nrea\r\n9\r\ndy: yes\n\n\r\n0\r\n\r\n",
                                  b"HTTP/1.0 200 OK\r\n\r\nstate\nready: yes\n\n"])
def test_the_body_is_judged_however_it_comes(head, options, words):
    with Hostile(say_and_close(head)) as server:
        result = probe("http", server.port, *options)
    assert words in result.words, result


def test_an_expression_that_never_ends_ends():
    body = b"a" * 40 + b"!"
    with Hostile(say_and_close(b"HTTP/1.0 200 OK\r\n\r\n" + body)) as server:
        result = probe("http", server.port, "--body-regex", "^(a+)+$", timeout_ms=2000)
    assert "takes too long" in result.words and result.seconds < 1, result


def test_a_body_beyond_a_megabyte_is_not_waited_for():
    with Hostile(say_and_hold(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nready" + b"x" * 1_200_000)) as server:
        result = probe("http", server.port, "--body", "ready", timeout_ms=2000)
    assert result.verdict == "ok" and result.seconds < 1.5, result


def test_method_and_headers_are_sent():
    seen = []

    def listen(connection, _):
        seen.append(connection.recv(65535))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    with Hostile(listen) as server:
        assert probe("http", server.port, "--method", "HEAD", "--header", "X-Check: tandem").verdict == "ok"
    assert seen[0].startswith(b"HEAD / HTTP/1.1\r\n") and b"\r\nX-Check: tandem\r\n" in seen[0]


# ---- this box, and the link


def test_exec_takes_keepaliveds_exit_codes_and_ends_a_hung_group(tmp_path):
    def script(text):
        path = tmp_path / "check"
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return "--command", path
    assert probe("exec", 1, *script("echo fine")).words == "fine"
    down = probe("exec", 1, *script("echo disk full >&2; exit 1"))
    assert (down.verdict, down.words) == ("failed", "exit code 1: disk full")
    assert probe("exec", 1, *script("exit 52")).words == "exit code 52"
    # Of much that is said the end is kept, where the reason is.
    long = probe("exec", 1, *script("for i in $(seq 100); do echo line $i of the log; done; echo out of disk; exit 1"))
    assert long.words.startswith("exit code 1: ... ") and long.words.endswith("line 100 of the log out of disk"), long
    killed = probe("exec", 1, *script("for i in $(seq 100); do echo line $i; done; echo waits for the lock; sleep 9"), timeout_ms=300)
    assert killed.words.startswith("the script: did not end in time and was killed: ... ") and (
        killed.words.endswith("waits for the lock")), killed
    marker = f"93{os.getpid()}"
    hung = probe("exec", 1, *script(f"sleep {marker} & sleep {marker}"), timeout_ms=300)
    assert hung.verdict == "failed" and "the script" in hung.words and hung.seconds < 0.8, hung
    assert subprocess.run(["pgrep", "-f", f"sleep {marker}"], capture_output=True).returncode == 1
    assert probe("exec", 1, *script("yes chatter | head -c 100000000; exit 1"), timeout_ms=5000).memory_kb < 40_000
    assert probe("exec", 1, "--command", tmp_path / "none").verdict == "failed"


def test_file_says_what_an_agent_would(tmp_path):
    path = tmp_path / "state"
    assert "No such file" in probe("file", 1, "--file", path).words
    for text, verdict, words in (("", "ok", "the file is there"), ("up 50%\n", "ok", "up 50%"), ("drain", "ok", "drain"),
                                 ("maint # until noon\n", "failed", "the server says: maint # until noon")):
        path.write_text(text)
        result = probe("file", 1, "--file", path)
        assert (result.verdict, result.words) == (verdict, words)


def test_agent_says_how_it_is():
    with Hostile(say_and_close(b"up 75%\n", wait_for_request=False)) as server:
        assert probe("agent", server.port).words == "up 75%"
    with Hostile(say_and_close(b"down # no\n", wait_for_request=False)) as server:
        assert probe("agent", server.port).words == "the server says: down # no"


def test_ping_echoes_in_both_families_and_times_out_where_nobody_is():
    assert probe("ping", 0).words == "echo"
    done = subprocess.run([os.path.join(os.environ["TANDEM_BIN"], "tandem-probe"), "ping", "::1:0"], capture_output=True, text=True)
    assert done.stdout.startswith("ok"), done.stdout + done.stderr


def test_tls_is_the_handshake_alone(tmp_path):
    made = Certificates(tmp_path)
    certificate, key = made.leaf("www", san="DNS:www.example")
    port = free_port()
    server = subprocess.Popen(["openssl", "s_server", "-accept", str(port), "-cert", certificate, "-key", key, "-quiet"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        wait_for_listener(port, server)
        assert probe("tls", port, "--host", "www.example", "--ca", made.ca).words == "TLS handshake done"
        assert "issuer is not in the trust store" in probe("tls", port, "--host", "www.example").words
    finally:
        server.kill()
        server.wait()
