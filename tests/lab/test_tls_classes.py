"""Every class of bad (and unusual) TLS server of the table in checkers/README.md, with verification and without: OpenSSL's own
server, each with certificates made for it. The reason is asserted as people read it.

Then what a check brings itself: its own certificate, revocation lists, and the warning before a certificate's end.
"""

import datetime
import ssl
import subprocess

import pytest

from certificates import Certificates
from hostile import Hostile, answer, endless, reset, say_and_close, say_and_hold, silent
from test_checkers import TlsServer, probe

UP = "HTTP 200 over TLS"
NAME = "DNS:www.site.example"
WEAKEST = ("-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")
RSA = ("rsa:2048",)


def days_from_now(days):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days, hours=-1 if days < 0 else 1)
    return when.strftime("%Y%m%d%H%M%SZ")


def names(count):
    return ",".join([NAME] + [f"DNS:name{i}.example" for i in range(count - 1)])


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    made = Certificates(tmp_path_factory.mktemp("classes"))
    made.intermediate()
    return made


def both(server, certificates, *options):
    """The words with verification and without."""
    common = ("--host", "www.site.example", *options)
    return (probe("https", server.port, *common, "--ca", certificates.ca, timeout_ms=3000).words,
            probe("https", server.port, *common, "--no-verify", timeout_ms=3000).words)


# Name, how its certificate is made, options of s_server, the words with verification. Without it every one is up.
CERTIFICATES = [
    ("good", {}, (), UP),
    ("self-signed", {"signer": "self"}, (), "TLS: certificate is self-signed and not in the trust store"),
    ("untrusted-root", {"signer": "other-ca"}, (),
     "TLS: certificate's issuer is not in the trust store: CN=Tandem test other-ca"),
    ("incomplete-chain", {"signer": "middle"}, (), "TLS: certificate's issuer is not in the trust store: CN=Tandem test middle"),
    ("complete-chain", {"signer": "middle"}, ("-cert_chain", "middle.pem"), UP),
    ("expired", {"end": days_from_now(-3)}, (), "TLS: certificate expired 3 days ago"),
    ("not-yet-valid", {"start": days_from_now(3)}, (), "TLS: certificate is valid only in 3 days"),
    ("wrong-host", {"san": "DNS:mail.example"}, (), "TLS: certificate is for another name: mail.example"),
    ("cn-only", {"san": None}, (),
     "TLS: certificate is for another name: CN=www.site.example (and it has no subjectAltName)"),
    ("rsa-512", {"key_type": ("rsa:512",)}, ("-tls1_2", *WEAKEST), "TLS: certificate is too weak"),
    ("rsa-1024", {"key_type": ("rsa:1024",)}, WEAKEST, "TLS: certificate is too weak"),
    ("sha-1", {"digest": "sha1", "key_type": RSA}, WEAKEST, "TLS: certificate is too weak"),
    ("thousand-names", {"san": names(1000)}, (), UP),
    ("ten-thousand-names", {"san": names(10000)}, (), UP),
    ("rsa-8192", {"key_type": ("rsa:8192",)}, (), UP),
    ("ecc-384", {"key_type": ("ec", "-pkeyopt", "ec_paramgen_curve:P-384")}, (), UP),
]


@pytest.mark.parametrize("name, made, options, verified", CERTIFICATES, ids=[c[0] for c in CERTIFICATES])
def test_certificates(certificates, name, made, options, verified):
    if name == "rsa-8192":  # makes for minutes now and then; a key is only a key
        made = {**made, "key_file": eight_thousand_bits(certificates)}
    certificate, key = certificates.leaf(name, **made)
    options = [certificates.folder / o if str(o).endswith(".pem") else o for o in options]
    with TlsServer(certificate, key, *options) as server:
        words, unverified = both(server, certificates)
    assert words.startswith(verified), words
    assert unverified == UP


def eight_thousand_bits(certificates):
    path = certificates.folder / "eight.key"
    if not path.exists():
        subprocess.run(["openssl", "genrsa", "-out", path, "8192"], check=True, capture_output=True, timeout=300)
    return path


# What the session itself is made of: no verification makes it better.
SESSIONS = [
    ("tls-1.0", ("-tls1", *WEAKEST)),
    ("tls-1.1", ("-tls1_1", *WEAKEST)),
    ("null", ("-tls1_2", "-cipher", "NULL-SHA256:@SECLEVEL=0")),
    ("null-3des-rc4", ("-tls1_2", "-cipher", "NULL:3DES:RC4:@SECLEVEL=0")),
]


@pytest.mark.parametrize("name, options", SESSIONS, ids=[s[0] for s in SESSIONS])
def test_weak_sessions_are_down_with_and_without_verification(certificates, name, options):
    certificate, key = certificates.leaf(name, key_type=RSA)
    with TlsServer(certificate, key, *options) as server:
        words, unverified = both(server, certificates)
    assert words.startswith("TLS: no common protocol or cipher"), words
    assert unverified == words


@pytest.mark.parametrize("bits", [1024, 1536])
def test_a_weak_diffie_hellman_group_is_down_with_and_without_verification(certificates, bits):
    """By Python's server: s_server takes no group that is below its own level, and no server made with OpenSSL one of 512 bits."""
    certificate, key = certificates.leaf(f"dh-{bits}", key_type=RSA)
    group = certificates.folder / f"dh{bits}.pem"
    subprocess.run(["openssl", "dhparam", "-dsaparam", "-out", group, str(bits)], check=True, capture_output=True, timeout=120)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
    context.load_cert_chain(certificate, key)
    context.load_dh_params(group)
    with Hostile(answer(b"HTTP/1.1 200 OK"), tls_context=context) as server:
        words, unverified = both(server, certificates)
    assert words.startswith("TLS: no common protocol or cipher: dh key too small"), words
    assert unverified == words


# ---- handshakes that go wrong

IN_HANDSHAKE = "while in the TLS handshake"


def half_a_server_hello(connection, stop):
    """Reads the ClientHello, begins an answer, goes away in the middle of it."""
    connection.recv(4096)
    connection.sendall(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + b"r" * 20)


@pytest.mark.parametrize("verify", [(), ("--no-verify",)], ids=["verified", "unverified"])
@pytest.mark.parametrize("behave, words, in_time", [
    (silent, f"timed out after 500ms {IN_HANDSHAKE}", True),
    (half_a_server_hello, f"the server closed the connection {IN_HANDSHAKE}", False),
    (say_and_close(b""), f"the server closed the connection {IN_HANDSHAKE}", False),
    (reset(), f"connection reset {IN_HANDSHAKE}", False),
    (say_and_hold(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "TLS: the server does not speak TLS on this port", False),
    (endless(b"", b"\x16\x03\x03\x40\x00" + b"\x02" * 16384), "TLS: the server sends without end", False),
], ids=["stall", "half", "close", "reset", "plain-http", "endless"])
def test_handshakes_that_go_wrong(behave, words, in_time, verify):
    with Hostile(behave) as server:
        result = probe("https", server.port, *verify, timeout_ms=500)
    assert result.words == words, result
    if in_time:
        assert 0.45 <= result.seconds <= 0.65, result
    else:
        assert result.seconds <= 0.45, result


def test_session_tickets_without_end_end(certificates):
    """After the handshake a server may send tickets as it likes: s_server sends at most 255, which are no answer."""
    certificate, key = certificates.leaf("tickets")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.num_tickets = 255
    with Hostile(silent, tls_context=context) as server:
        result = probe("https", server.port, "--ca", certificates.ca, timeout_ms=500)
    assert result.words == "timed out after 500ms while waiting for the answer's header"
    assert 0.45 <= result.seconds <= 0.65 and result.memory_kb < 20_000, result


# ---- the check's own certificate


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("verify", [True, False], ids=["verified", "unverified"])
def test_a_server_that_asks_who_the_check_is(certificates, version, verify):
    certificate, key = certificates.leaf(f"asks{version}{verify}")
    ours, our_key = certificates.leaf(f"me{version}{verify}", san="DNS:lb.example", subject="/CN=lb.example")
    stranger, strangers_key = certificates.leaf(f"stranger{version}{verify}", signer="other-ca")
    wanted = ("-Verify", "1", "-verify_return_error", "-CAfile", certificates.ca, version)
    options = ("--host", "www.site.example", *(("--ca", certificates.ca) if verify else ("--no-verify",)))
    with TlsServer(certificate, key, *wanted) as server:
        assert probe("https", server.port, *options, "--certificate", ours, "--key", our_key).words == UP
        together = certificates.folder / "together.pem"
        together.write_text(ours.read_text() + our_key.read_text())
        assert probe("https", server.port, *options, "--certificate", together).words == UP
        assert probe("https", server.port, *options).words == (
            "TLS: the server refused the handshake: it wants a client certificate")
        refused = probe("https", server.port, *options, "--certificate", stranger, "--key", strangers_key).words
        assert refused.startswith("TLS: the server refused the handshake: ") and "unknown ca" in refused, refused
    with TlsServer(certificate, key, "-verify", "1", "-CAfile", certificates.ca, version) as server:  # asks, does not insist
        assert probe("https", server.port, *options).words == UP


def test_a_certificate_of_ours_that_cannot_be_used_says_why(certificates):
    certificate, key = certificates.leaf("ours-unusable")
    _, other_key = certificates.leaf("ours-other")
    locked = certificates.folder / "locked.key"
    subprocess.run(["openssl", "ec", "-in", key, "-aes128", "-passout", "pass:x", "-out", locked], check=True, capture_output=True)

    with TlsServer(certificate, key) as server:
        def words(*options):
            return probe("https", server.port, "--no-verify", *options).words
        start = "TLS: trust store unusable: "
        assert words("--certificate", "/no/me.pem") == start + "/no/me.pem: No such file or directory"
        assert words("--certificate", certificate, "--key", other_key).startswith(f"{start}{other_key} holds no key of")
        assert words("--certificate", certificate, "--key", locked).startswith(f"{start}{locked} holds no key of")
        assert words("--certificate", key).startswith(f"{start}{key} holds no certificate in PEM")


# ---- revocation


def test_a_revoked_certificate_is_down_where_a_list_is_given(certificates):
    revoked, revoked_key = certificates.leaf("revoked")
    good, good_key = certificates.leaf("not-revoked")
    listed = certificates.revocation_list("revoked")
    with TlsServer(revoked, revoked_key) as server:
        words, unverified = both(server, certificates, "--crl", listed)
        assert words.startswith("TLS: certificate was revoked ") and words.endswith(" ago"), words
        assert unverified == UP
        assert both(server, certificates)[0] == UP  # nobody is asked
        stale = certificates.revocation_list("revoked", days=-3, name="stale-revoked")
        assert both(server, certificates, "--crl", stale)[0].startswith("TLS: certificate was revoked")
    with TlsServer(good, good_key) as server:
        assert both(server, certificates, "--crl", listed) == (UP, UP)
        stale = certificates.revocation_list(days=-3, name="stale")
        assert both(server, certificates, "--crl", stale)[0] == UP + "; the revocation list is out of date since 3 days"
        of_another = certificates.revocation_list(signer="other-ca", name="other-list")
        assert both(server, certificates, "--crl", of_another)[0] == (
            "TLS: certificate refused: crl_file has no list of its issuer, CN=Tandem test ca")
        assert both(server, certificates, "--crl", good)[0].startswith(
            f"TLS: trust store unusable: {good} holds no revocation list in PEM")


# ---- the end that comes


def test_a_certificate_that_ends_soon_is_up_and_warned_of(certificates):
    certificate, key = certificates.leaf("ends-soon", end=days_from_now(3))
    with TlsServer(certificate, key) as server:
        assert both(server, certificates) == (UP + "; its certificate expires in 3 days", UP)
        assert both(server, certificates, "--warn-before", 86400)[0] == UP
        assert both(server, certificates, "--warn-before", 0)[0] == UP
        assert probe("tls", server.port, "--host", "www.site.example", "--ca", certificates.ca).words == (
            "TLS handshake done; its certificate expires in 3 days")
    middle = certificates.intermediate("short-middle", end=days_from_now(2))
    certificate, key = certificates.leaf("long-leaf", signer="short-middle")
    with TlsServer(certificate, key, "-cert_chain", middle) as server:
        assert both(server, certificates)[0] == UP + "; a certificate that vouches for its own expires in 2 days"
