"""The probes against real servers on loopback: nginx, openssl s_server, and servers that answer wrongly on purpose.

What a verdict must be is written down in checkers/README.md; here it is measured, through the test program tandem-probe.
"""

import datetime
import os
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from certificates import Certificates
from everybody import for_everybody
from hostile import Hostile, answer, endless, reset, say_and_close, say_and_hold, silent, slow

BIN = Path(os.environ.get("TANDEM_BIN", "/nonexistent"))
OK = b"HTTP/1.1 200 OK"


class Answer:
    def __init__(self, lines, exit_code):
        *attempts, memory = lines
        self.exit_code = exit_code
        self.attempts = [line.split(" ", 2) for line in attempts]
        self.verdict, took, self.words = self.attempts[-1]
        self.seconds = int(took) / 1e6
        self.memory_kb = int(memory.split()[1])

    def __repr__(self):
        return f"{self.verdict} after {self.seconds:.3f} s: {self.words}"


def probe(kind, port, *options, timeout_ms=1000, before=None, program=BIN / "tandem-probe"):
    done = subprocess.run([program, kind, f"127.0.0.1:{port}", "--timeout", str(timeout_ms), *map(str, options)],
                          capture_output=True, text=True, timeout=60, preexec_fn=before)
    assert done.returncode in (0, 1), done.stderr
    return Answer(done.stdout.splitlines(), done.returncode)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_for_listener(port, process):
    for _ in range(200):
        assert process.poll() is None, process.stdout.read() if process.stdout else "it ended"
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on {port}")


# ---- tcp


def test_tcp_connects():
    with Hostile(silent) as server:
        assert probe("tcp", server.port).words == "connected"


def test_tcp_is_refused_where_nobody_listens():
    result = probe("tcp", free_port())
    assert (result.verdict, result.words) == ("failed", "connection refused")


def test_tcp_times_out_where_nobody_accepts():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        held = []
        for _ in range(4):  # fills the accept queue, after which the kernel drops SYNs
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(full.getsockname())
            held.append(one)
        time.sleep(0.1)
        result = probe("tcp", full.getsockname()[1], timeout_ms=400)
        for one in held:
            one.close()
    assert result.words == "timed out after 400ms while connecting"
    assert 0.36 <= result.seconds <= 0.6


def test_tcp_closes_without_a_reset():
    with Hostile(say_and_close(b"220 mail.example ESMTP\r\n", wait_for_request=False)) as server:
        for _ in range(20):
            assert probe("tcp", server.port).verdict == "ok"
        time.sleep(0.1)
        assert server.accepted == 20
        assert server.resets_seen == 0


# ---- http


@pytest.mark.parametrize("head, options, verdict, words", [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0", (), "ok", "HTTP 200"),
    (b"HTTP/1.0 204 No Content", (), "ok", "HTTP 204"),
    (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0", (), "failed", "HTTP 503, expected 200-299"),
    (b"HTTP/1.1 301 Moved\r\nLocation: /x", (), "failed", "HTTP 301, expected 200-299"),
    (b"HTTP/1.1 401 Unauthorized", ("--expect", "401-401"), "ok", "HTTP 401"),
    (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK", (), "ok", "HTTP 200"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000", (), "ok", "HTTP 200"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", (), "ok", "HTTP 200"),
    (b"SSH-2.0-OpenSSH_9.2", (), "failed", "the answer is not HTTP"),
    (b"HTTP/1.1 2x0 OK", (), "failed", "the answer is not HTTP"),
    (b"HTTP/9.9 200 OK", (), "failed", "the answer is not HTTP"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: -5", (), "failed", "the answer is not HTTP"),
])
def test_http_status_decides(head, options, verdict, words):
    with Hostile(answer(head)) as server:
        result = probe("http", server.port, *options)
    assert result.verdict == verdict, result
    assert result.words.startswith(words), result


def test_http_sends_host_and_path():
    seen = []

    def remember(connection, stop):
        seen.append(connection.recv(4096).decode())
        connection.sendall(OK + b"\r\n\r\n")

    with Hostile(remember) as server:
        probe("http", server.port, "--host", "www.site.example", "--path", "/healthz?full=1")
        probe("http", server.port)
    assert seen[0].startswith("GET /healthz?full=1 HTTP/1.1\r\nHost: www.site.example\r\n")
    assert f"\r\nHost: 127.0.0.1:{server.port}\r\n" in seen[1]
    assert "Connection: close\r\n" in seen[0]


def test_http_asks_nginx(tmp_path):
    port = free_port()
    config = tmp_path / "nginx.conf"
    config.write_text(f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log info;\n"
                      f"events {{}} http {{ access_log off; server {{ listen 127.0.0.1:{port};\n"
                      f"location / {{ return 200 'well\\n'; }} location /gone {{ return 410; }} }} }}\n")
    with subprocess.Popen(["nginx", "-c", config, "-p", tmp_path, "-e", tmp_path / "error.log"]) as nginx:
        try:
            wait_for_listener(port, nginx)
            good = probe("http", port, "--count", 200)
            assert [a[0] for a in good.attempts] == ["ok"] * 200
            assert probe("http", port, "--path", "/gone").words == "HTTP 410, expected 200-299"
        finally:
            nginx.terminate()
    assert "reset" not in (tmp_path / "error.log").read_text()


# ---- hostile: every one gets its verdict in time, and costs no memory

HEADER = "timed out after 500ms while waiting for the answer's header"
HANDSHAKE = "timed out after 500ms while in the TLS handshake"


@pytest.mark.parametrize("kind, behave, words, in_time", [
    ("http", silent, HEADER, True),
    ("http", slow(OK + b"\r\nX: " + b"y" * 500), HEADER, True),
    ("http", endless(OK + b"\r\n", b"X: " + b"y" * 1021 + b"\r\n"), "the answer's header is too large", False),
    ("http", endless(b"", b"y" * 1024), "the answer is not HTTP", False),
    ("http", endless(OK + b"\r\nX: ", b"y" * 1024), "the answer's header is too large", False),
    ("http", endless(OK + b"\r\nContent-Length: 1073741824\r\n\r\n", b"y" * 65536), "HTTP 200", False),
    ("http", endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 40), "the answer's header is too large", False),
    ("http", reset(), "connection reset while waiting for the answer's header", False),
    ("http", reset(after=b"HTTP/1.1 2"), "connection reset while waiting for the answer's header", False),
    ("http", say_and_close(b""), "the server closed the connection while waiting for the answer's header", False),
    ("http", say_and_close(b"HTTP/1.1 200"), "the server closed the connection while waiting for the answer's header", False),
    ("https", silent, HANDSHAKE, True),
    ("https", slow(b"\x16\x03\x03\x40\x00" + b"\x02" * 500), HANDSHAKE, True),
    ("https", reset(), "connection reset while in the TLS handshake", False),
    ("https", say_and_close(b""), "the server closed the connection while in the TLS handshake", False),
    ("https", say_and_hold(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "TLS: the server does not speak TLS on this port", False),
    ("https", say_and_hold(b"220 mail.example ESMTP\r\n"), "TLS: the server does not speak TLS on this port", False),
    ("https", say_and_hold(bytes(range(256)) * 64), "TLS: the server does not speak TLS on this port", False),
    ("https", endless(b"", b"\x16\x03\x03\x40\x00" + b"\x02" * 16384), "TLS: the server sends without end", False),
])
def test_hostile_servers_get_a_verdict_in_time_and_no_memory(kind, behave, words, in_time):
    with Hostile(behave) as server:
        result = probe(kind, server.port, timeout_ms=500)
    assert result.words.startswith(words), result
    if in_time:  # +-10 %, and what a loaded machine adds
        assert 0.45 <= result.seconds <= 0.65, result
    else:
        assert result.seconds <= 0.45, result
    assert result.memory_kb < 20_000


@pytest.mark.parametrize("kind, growth_kb", [("tcp", 4_000), ("http", 8_000), ("https", 70_000)])
def test_a_thousand_silent_servers_at_once(kind, growth_kb):
    with Hostile(silent) as server:
        one = probe(kind, server.port, timeout_ms=3000 if kind == "tcp" else 300)
        many = probe(kind, server.port, "--count", 1000, "--parallel", 1000, timeout_ms=4000)
    assert len(many.attempts) == 1000
    if kind != "tcp":
        assert all(a[2].startswith("timed out after 4s") for a in many.attempts), many
        assert max(int(a[1]) for a in many.attempts) < 4_500_000
    print(f"{kind}: {many.memory_kb - one.memory_kb} KB for 1,000 hanging attempts")
    assert many.memory_kb - one.memory_kb < growth_kb


def test_without_descriptors_nothing_is_said_of_the_server():
    import resource

    with Hostile(silent) as server:
        result = probe("http", server.port, "--count", 40, "--parallel", 40, timeout_ms=500,
                       before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16)))
    verdicts = [a[0] for a in result.attempts]
    assert "none" in verdicts and "failed" in verdicts
    assert any(a[2].startswith("not attempted: Too many open files") for a in result.attempts), result.attempts


# ---- TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


def stamp(days):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days, hours=-1 if days < 0 else 1)
    return when.strftime("%Y%m%d%H%M%SZ")


class TlsServer:
    """openssl s_server -www: a real TLS server that answers HTTP."""

    def __init__(self, certificate, key, *options):
        self.port = free_port()
        self.process = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{self.port}", "-cert", certificate, "-key",
                                         key, "-www", "-quiet", *options], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        wait_for_listener(self.port, self.process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=5)


RSA = ("rsa:2048",)
# name, how its certificate is made, options of s_server, verdict and words with verification, and without
TLS_CLASSES = [
    ("good", {}, (), "HTTP 200 over TLS", "HTTP 200 over TLS"),
    ("rsa", {"key_type": RSA}, (), "HTTP 200 over TLS", "HTTP 200 over TLS"),
    ("expired", {"end": stamp(-3)}, (), "TLS: certificate expired 3 days ago", "HTTP 200 over TLS"),
    ("future", {"start": stamp(3)}, (), "TLS: certificate is valid only in 3 days", "HTTP 200 over TLS"),
    ("self", {"signer": "self"}, (), "TLS: certificate is self-signed and not in the trust store", "HTTP 200 over TLS"),
    ("stranger", {"signer": "other-ca"}, (),
     "TLS: certificate's issuer is not in the trust store: CN=Tandem test other-ca", "HTTP 200 over TLS"),
    ("wrong-name", {"san": "DNS:mail.example,DNS:smtp.example"}, (),
     "TLS: certificate is for another name: mail.example, smtp.example", "HTTP 200 over TLS"),
    ("no-san", {"san": None}, (),
     "TLS: certificate is for another name: CN=www.site.example (and it has no subjectAltName)", "HTTP 200 over TLS"),
    ("wildcard", {"san": "DNS:*.site.example"}, (), "HTTP 200 over TLS", "HTTP 200 over TLS"),
    ("rsa1024", {"key_type": ("rsa:1024",)}, ("-cipher", "DEFAULT@SECLEVEL=0"), "TLS: certificate is too weak",
     "HTTP 200 over TLS"),
    ("thousand-names", {"san": ",".join(["DNS:www.site.example"] + [f"DNS:n{i}.example" for i in range(1000)])}, (),
     "HTTP 200 over TLS", "HTTP 200 over TLS"),
    ("old-tls", {"key_type": RSA}, ("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"), "TLS: no common protocol or cipher",
     "TLS: no common protocol or cipher"),
    ("tls12", {}, ("-tls1_2",), "HTTP 200 over TLS", "HTTP 200 over TLS"),
    ("wants-certificate", {}, ("-Verify", "1", "-verify_return_error"), "TLS: the server refused the handshake",
     "TLS: the server refused the handshake"),
]


@pytest.mark.parametrize("name, made, options, verified, unverified", TLS_CLASSES, ids=[c[0] for c in TLS_CLASSES])
def test_tls_certificates(certificates, name, made, options, verified, unverified):
    certificate, key = certificates.leaf(name, **made)
    with TlsServer(certificate, key, *options) as server:
        result = probe("https", server.port, "--host", "www.site.example", "--ca", certificates.ca)
        assert result.words.startswith(verified), result
        result = probe("https", server.port, "--host", "www.site.example", "--no-verify")
        assert result.words.startswith(unverified), result


def test_tls_checks_the_address_when_there_is_no_host_name(certificates):
    certificate, key = certificates.leaf("address")
    with TlsServer(certificate, key) as server:
        assert probe("https", server.port, "--ca", certificates.ca).verdict == "ok"
    certificate, key = certificates.leaf("other-address", san="IP:127.0.0.9,DNS:www.site.example")
    with TlsServer(certificate, key) as server:
        result = probe("https", server.port, "--ca", certificates.ca)
        assert result.words == "TLS: certificate is for another name: 127.0.0.9, www.site.example"


def test_tls_names_itself_by_sni(certificates):
    certificate, key = certificates.leaf("sni")
    seen = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.sni_callback = lambda _connection, name, _context: seen.append(name)
    with Hostile(answer(OK), tls_context=context) as server:
        assert probe("https", server.port, "--host", "www.site.example", "--ca", certificates.ca).verdict == "ok"
        assert probe("https", server.port, "--ca", certificates.ca).verdict == "ok"
    assert seen == ["www.site.example", None]


def test_tls_a_silent_server_after_the_handshake_times_out(certificates):
    certificate, key = certificates.leaf("later-silent")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Hostile(silent, tls_context=context) as server:
        result = probe("https", server.port, "--ca", certificates.ca, timeout_ms=500)
    assert result.words == HEADER
    assert 0.45 <= result.seconds <= 0.65


def test_tls_endless_body_costs_nothing(certificates):
    certificate, key = certificates.leaf("endless")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Hostile(endless(OK + b"\r\n\r\n", b"y" * 65536), tls_context=context) as server:
        result = probe("https", server.port, "--ca", certificates.ca)
    assert result.words == "HTTP 200 over TLS"
    assert result.memory_kb < 20_000


def test_a_ca_file_that_cannot_be_read_is_named(certificates, tmp_path):
    certificate, key = certificates.leaf("trust")
    secret = tmp_path / "secret.pem"
    secret.write_text(certificates.ca.read_text())
    secret.chmod(0o600)
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    with TlsServer(certificate, key) as server:
        result = probe("https", server.port, "--ca", tmp_path / "missing.pem")
        assert result.words == f"TLS: trust store unusable: {tmp_path}/missing.pem: No such file or directory"
        result = probe("https", server.port, "--ca", empty)
        assert "empty.pem holds no certificate" in result.words
        if os.geteuid() == 0:
            secret.chmod(0o600)
            with for_everybody(BIN / "tandem-probe") as program:
                result = probe("https", server.port, "--ca", secret, before=lambda: os.setuid(65534), program=program)
            assert "Permission denied (checks run as a user of their own" in result.words
