"""The grpc check against gRPC's own server (grpcio), and against servers that speak HTTP/2 wrongly or not at all."""

from pathlib import Path

import pytest

from certificates import Certificates
from hostile import Hostile, endless, reset, say_and_close, say_and_hold, silent, slow
from test_check_types import served  # noqa: F401  a fixture
from test_checkers import TlsServer, free_port, probe

SERVER = Path(__file__).with_name("grpc_health_server.py")
NOT_THIS = "the answer is not what this service says: "


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def field(name, value):
    """A literal header field without indexing (RFC 7541, 6.2.2); both shorter than 127 bytes."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


SETTINGS = frame(4, 0, 0, b"")
HEADERS = frame(1, 4, 1, b"\x88" + field(b"content-type", b"application/grpc"))  # 0x88: ":status: 200"
SERVING = frame(0, 0, 1, b"\0\0\0\0\2\x08\x01")
TRAILERS = frame(1, 5, 1, field(b"grpc-status", b"0"))


@pytest.fixture
def health_server(served):  # noqa: F811
    pytest.importorskip("grpc")

    def start(*words):
        port = free_port()
        more = ["without-health", port] if words == ("without-health",) else [port, *words]
        served(port, "/usr/bin/python3", "-B", SERVER, *more)
        return port
    return start


def test_every_status_of_the_health_protocol(health_server):
    port = health_server()
    assert probe("grpc", port).words == "SERVING"
    assert [a[0] for a in probe("grpc", port, "--count", 50).attempts] == ["ok"] * 50
    says = "the server says: "
    for service, verdict, words in [
        ("up", "ok", "SERVING (service up)"),
        ("down", "failed", says + "NOT_SERVING (service down)"),
        ("new", "failed", says + "UNKNOWN, its health is not known yet (service new)"),
        ("empty", "failed", says + "UNKNOWN, its health is not known yet (service empty)"),
        ("other", "failed", says + "gRPC status 5 NOT_FOUND (service other): unknown service other"),
        ("hung-up", "failed", says + "gRPC status 14 UNAVAILABLE (service hung-up): no database, no cart"),
    ]:
        result = probe("grpc", port, "--service", service)
        assert (result.verdict, result.words) == (verdict, words), result
    slow_one = probe("grpc", port, "--service", "slow", timeout_ms=400)
    # grpc-timeout tells the server, which gives up in the same moment: either word is right.
    assert "timed out after 400ms while waiting for the answer" == slow_one.words or "DEADLINE_EXCEEDED" in slow_one.words
    assert 0.36 <= slow_one.seconds <= 0.6, slow_one


def test_a_server_without_the_health_protocol_says_so(health_server):
    result = probe("grpc", health_server("without-health"))
    assert result.words.startswith("the server says: gRPC status 12 UNIMPLEMENTED"), result


def test_over_tls_the_certificate_is_verified(health_server, tmp_path):
    made = Certificates(tmp_path)
    certificate, key = made.leaf("cart", san="DNS:cart.example")
    port = health_server(certificate, key)
    trusted = ("--tls", "--ca", made.ca)
    assert probe("grpc", port, *trusted, "--host", "cart.example").words == "SERVING"
    assert probe("grpc", port, *trusted, "--host", "cart.example", "--service", "down").words == (
        "the server says: NOT_SERVING (service down)")
    assert probe("grpc", port, *trusted, "--host", "shop.example").words == (
        "TLS: certificate is for another name: cart.example")
    assert probe("grpc", port, "--tls", "--ca", made.other_ca, "--host", "cart.example").words.startswith(
        "TLS: certificate's issuer is not in the trust store")
    assert probe("grpc", port, "--tls", "--no-verify").words == "SERVING"
    assert probe("grpc", port).verdict == "failed"  # in plain text to a TLS port


def test_over_tls_a_server_that_does_not_choose_http2_is_told_from_one_that_does(tmp_path):
    made = Certificates(tmp_path)
    with TlsServer(*made.leaf("http1")) as server:
        result = probe("grpc", server.port, "--tls", "--ca", made.ca)
    assert result.words == "TLS: no common protocol or cipher: the server does not choose h2 by ALPN"


@pytest.mark.parametrize("said, verdict, words", [
    (SETTINGS + HEADERS + SERVING + TRAILERS, "ok", "SERVING"),
    (SETTINGS + frame(1, 4, 1, b"\x08\x03103") + HEADERS + SERVING + TRAILERS, "ok", "SERVING"),  # early hints
    (SETTINGS + HEADERS + frame(0, 0, 1, b"\0\0\0\0\2\x08\x02") + TRAILERS, "failed", "the server says: NOT_SERVING"),
    (SETTINGS + HEADERS + TRAILERS, "failed", NOT_THIS + "there is no message in it"),
    (SETTINGS + HEADERS + frame(0, 1, 1, b"\0\0\0\0\2\x08\x01"), "failed", NOT_THIS + "it ends without grpc-status"),
    (SETTINGS + frame(1, 5, 1, b"\x8d"), "failed", NOT_THIS + "HTTP status 404 instead of gRPC's"),  # 0x8d: ":status: 404"
    (SETTINGS + frame(1, 5, 1, b"\x88" + field(b"content-type", b"text/html")), "failed",
     NOT_THIS + "content-type text/html instead of gRPC's"),
    (SETTINGS + frame(3, 0, 1, (7).to_bytes(4, "big")), "failed", "the server says: it breaks the call off: HTTP/2 REFUSED_STREAM"),
    (SETTINGS + frame(7, 0, 0, bytes(4) + (11).to_bytes(4, "big") + b"too many pings"), "failed",
     "the server says: it breaks the call off: HTTP/2 REFUSED_STREAM"),
    (SETTINGS + frame(1, 5, 1, b"\xff\xff\xff\xff\xff\xff"), "failed", NOT_THIS),  # no HPACK
    (SETTINGS + frame(5, 4, 1, (2).to_bytes(4, "big") + b"\x82") + HEADERS + SERVING + TRAILERS, "ok",
     "SERVING"),  # a push, before the server can know that it is not wanted: it is refused, the call goes on
    (frame(0, 0, 1, b"before any settings"), "failed", NOT_THIS),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "failed", NOT_THIS + "it speaks HTTP/1"),
    (b"220 mail.example ESMTP\r\n", "failed", NOT_THIS + "it is not HTTP/2"),
    (bytes(range(256)) * 8, "failed", NOT_THIS + "it is not HTTP/2"),
], ids=["serving", "early-hints", "not-serving", "no-message", "no-status", "404", "html", "refused-stream", "goaway", "hpack",
        "push", "no-settings", "http1", "smtp", "garbage"])
def test_what_is_said_by_http2_and_what_is_not(said, verdict, words):
    with Hostile(say_and_hold(said)) as server:
        result = probe("grpc", server.port)
    assert result.verdict == verdict and result.words.startswith(words), result


PING = frame(6, 0, 0, bytes(8))


@pytest.mark.parametrize("behave, words, in_time", [
    (silent, "timed out after 500ms while waiting for the answer", True),
    (say_and_hold(SETTINGS + HEADERS + SERVING), "timed out after 500ms while waiting for the answer", True),
    (slow(SETTINGS + HEADERS + SERVING + TRAILERS), "timed out after 500ms while waiting for the answer", True),
    (reset(), "connection reset while waiting for the answer", False),
    (say_and_close(b""), "the server closed the connection while waiting for the answer", False),
    (endless(SETTINGS, PING * 64), NOT_THIS, False),
    (endless(SETTINGS, SETTINGS * 64), NOT_THIS, False),
    (endless(SETTINGS + frame(1, 0, 1, b"\x88"), frame(9, 0, 1, b"")), NOT_THIS, False),  # CONTINUATION without end
    (endless(SETTINGS + frame(1, 0, 1, b"\x88"), frame(9, 0, 1, field(b"x", b"y" * 100) * 100)), NOT_THIS, False),
    (endless(SETTINGS + HEADERS, frame(0, 0, 1, bytes(8192))), NOT_THIS, False),
    (endless(b"", b"x" * 4096), NOT_THIS + "it is not HTTP/2", False),
], ids=["silent", "half", "slow", "reset", "close", "pings", "settings", "empty-continuations", "continuations", "data", "garbage"])
def test_hostile_servers_get_a_verdict_in_time_and_no_memory(behave, words, in_time):
    with Hostile(behave) as server:
        result = probe("grpc", server.port, timeout_ms=500)
    assert result.verdict == "failed" and result.words.startswith(words), result
    if in_time:
        assert 0.45 <= result.seconds <= 0.65, result
    else:
        assert result.seconds <= 0.45, result
    assert result.memory_kb < 20_000, result


def test_a_thousand_silent_servers_at_once():
    with Hostile(silent) as server:
        one = probe("grpc", server.port, timeout_ms=300)
        many = probe("grpc", server.port, "--count", 1000, "--parallel", 1000, timeout_ms=4000)
    assert len(many.attempts) == 1000 and all(a[2].startswith("timed out after 4s") for a in many.attempts)
    print(f"grpc: {many.memory_kb - one.memory_kb} KB for 1,000 hanging attempts")
    assert many.memory_kb - one.memory_kb < 40_000


def test_the_call_is_as_grpc_over_http2_wants_it():
    seen = []
    body = b"\0\0\0\0\5\n\3a.B"

    def remember(connection, stop):
        connection.sendall(SETTINGS)
        while body not in b"".join(seen):
            piece = connection.recv(4096)
            if not piece:
                return
            seen.append(piece)
        connection.sendall(HEADERS + SERVING + TRAILERS)
        stop.wait(5)

    with Hostile(remember) as server:
        assert probe("grpc", server.port, "--service", "a.B", "--host", "cart.example").verdict == "ok"
    said = b"".join(seen)
    assert said.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), said  # RFC 9113, section 3.4
    assert frame(0, 1, 1, body) in said, said  # the body ends the request
