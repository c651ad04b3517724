"""The smtp check against a real Postfix, with STARTTLS and every option of TLS that the site file has.

One Postfix with a configuration, a queue and ports of its own, in a network namespace of its own: nothing of the machine's is
read or written. Each port greets with another certificate.
"""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from certificates import Certificates
from everybody import folder_for_everybody
from supervisor import RoomProcess
from test_checkers import probe, wait_for_listener
from test_checkers_room import ROOM, own_network, server_is  # noqa: F401 (a fixture)
from test_tls_classes import days_from_now

MASTER = Path("/usr/lib/postfix/sbin/master")
MAIL = "mail.site.example"
SAN = f"DNS:{MAIL}"
UP = "250 CHUNKING"  # the last line of its answer to EHLO

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
myhostname = {name}
inet_protocols = all
alias_maps =
mydestination =
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
smtpd_tls_CAfile = {ca}
smtpd_tls_loglevel = 1
smtpd_peername_lookup = no
"""

PORT = """
{port} inet n - n - - smtpd
  -o smtpd_tls_security_level={level}
  -o smtpd_tls_cert_file={certificate}
  -o smtpd_tls_key_file={key}
  -o smtpd_tls_req_ccert={insists}
  -o smtpd_tls_ask_ccert={asks}
"""

SERVICES = """
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
cleanup unix n - n - 0 cleanup
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


@pytest.fixture(scope="module")
def mail(own_network):  # noqa: F811
    """A Postfix: mail.ports by name, mail.certificates."""
    if not MASTER.exists():
        pytest.skip("postfix is not installed")
    with folder_for_everybody() as folder:  # its workers run as user postfix
        yield from postfix_in(folder)


def postfix_in(folder):
    made = Certificates(folder)
    made.intermediate()
    ports = {name: 2500 + number for number, name in enumerate(
        ("plain", "good", "expired", "wrong-name", "self-signed", "unknown", "no-middle", "revoked", "soon", "asks", "insists"))}
    leaves = {
        "good": made.leaf("good", san=SAN), "expired": made.leaf("expired", san=SAN, end=days_from_now(-3)),
        "wrong-name": made.leaf("wrong-name", san="DNS:other.example"), "self-signed": made.leaf("self-signed", san=SAN, signer="self"),
        "unknown": made.leaf("unknown", san=SAN, signer="other-ca"), "no-middle": made.leaf("no-middle", san=SAN, signer="middle"),
        "revoked": made.leaf("revoked", san=SAN), "soon": made.leaf("soon", san=SAN, end=days_from_now(3))}
    (folder / "data").mkdir()
    shutil.chown(folder / "data", "postfix")
    conf = folder / "conf"
    conf.mkdir()
    (conf / "main.cf").write_text(MAIN.format(folder=folder, daemons=MASTER.parent, name=MAIL, ca=made.ca))
    lines = SERVICES
    for name, port in ports.items():
        certificate, key = leaves.get(name, leaves["good"])
        lines += PORT.format(port=port, certificate=certificate, key=key,
                             level={"plain": "none", "insists": "encrypt"}.get(name, "may"),
                             insists="yes" if name == "insists" else "no", asks="yes" if name == "asks" else "no")
    (conf / "master.cf").write_text(lines)
    (folder / "queue").mkdir()
    for name in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "pid", "private",
                 "public", "saved", "trace"):
        (folder / "queue" / name).mkdir()
        if name != "pid":
            shutil.chown(folder / "queue" / name, "postfix")
    process = subprocess.Popen([MASTER, "-c", conf, "-d"], start_new_session=True, stdin=subprocess.DEVNULL,
                               env={**os.environ, "MAIL_CONFIG": str(conf)})

    class Mail:
        pass
    Mail.ports, Mail.certificates, Mail.log = ports, made, folder / "log"
    try:
        wait_for_listener(ports["insists"], process)
        yield Mail
    except BaseException:
        print(Mail.log.read_text()[-3000:] if Mail.log.exists() else "no log")
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def ask(mail, name, *options):
    return probe("smtp", mail.ports[name], "--name", "lb.example", *options, timeout_ms=5000)


def secured(mail, name, *options):
    """The words with verification and without."""
    common = ("--starttls", "--host", MAIL, *options)
    return (ask(mail, name, *common, "--ca", mail.certificates.ca).words, ask(mail, name, *common, "--no-verify").words)


def test_it_greets_and_answers_ehlo(mail):
    for name in ("plain", "good"):
        result = ask(mail, name)
        assert (result.verdict, result.words) == ("ok", UP), result


def test_starttls_that_is_not_offered_is_a_failure(mail):
    result = ask(mail, "plain", "--starttls", "--no-verify")
    assert (result.verdict, result.words) == ("failed", "the server says: 502 5.5.1 Error: command not implemented"), result


@pytest.mark.parametrize("name, words", [
    ("good", UP),
    ("expired", "TLS: certificate expired 3 days ago"),
    ("wrong-name", "TLS: certificate is for another name: other.example"),
    ("self-signed", "TLS: certificate is self-signed and not in the trust store"),
    ("unknown", "TLS: certificate's issuer is not in the trust store: CN=Tandem test other-ca"),
    ("no-middle", "TLS: certificate's issuer is not in the trust store: CN=Tandem test middle"),
    ("soon", UP + "; its certificate expires in 3 days"),
])
def test_starttls_with_verification_and_without(mail, name, words):
    assert secured(mail, name) == (words, UP)


def test_starttls_wants_the_name_it_was_told(mail):
    other = ask(mail, "good", "--starttls", "--host", "other.example", "--ca", mail.certificates.ca)
    assert other.words == f"TLS: certificate is for another name: {MAIL}", other
    # Without a host the name is the address, which no certificate here is for.
    assert ask(mail, "good", "--starttls", "--ca", mail.certificates.ca).words == f"TLS: certificate is for another name: {MAIL}"


def test_starttls_believes_its_ca_file_and_not_the_systems(mail):
    assert ask(mail, "good", "--starttls", "--host", MAIL).words.startswith("TLS: certificate's issuer is not in the trust store")
    assert ask(mail, "unknown", "--starttls", "--host", MAIL, "--ca", mail.certificates.other_ca).words == UP


def test_starttls_asks_a_revocation_list(mail):
    listed = mail.certificates.revocation_list("revoked")
    words, unverified = secured(mail, "revoked", "--crl", listed)
    assert words.startswith("TLS: certificate was revoked ") and unverified == UP, words
    assert secured(mail, "revoked")[0] == UP, "nobody is asked"
    assert secured(mail, "good", "--crl", listed) == (UP, UP)
    stale = mail.certificates.revocation_list(days=-3, name="stale")
    assert secured(mail, "good", "--crl", stale)[0] == UP + "; the revocation list is out of date since 3 days"


def test_starttls_shows_the_checks_own_certificate(mail):
    ours, key = mail.certificates.leaf("us", san="DNS:lb.example", subject="/CN=lb.example")
    stranger, strangers_key = mail.certificates.leaf("stranger", signer="other-ca")
    mine = ("--certificate", ours, "--key", key)
    for name in ("asks", "insists"):
        assert secured(mail, name, *mine) == (UP, UP)
    assert secured(mail, "asks") == (UP, UP)
    # Postfix finishes the handshake with anybody; it is its SMTP that refuses who has shown nothing, or nothing good.
    start = f"the server says: 421 4.7.1 {MAIL} Error: "
    assert secured(mail, "insists") == (start + "No client certificate presented",) * 2
    theirs = ("--certificate", stranger, "--key", strangers_key)
    assert secured(mail, "insists", *theirs) == (start + "Client certificate not trusted",) * 2
    assert secured(mail, "asks", *theirs) == (UP, UP)


def test_the_rooms_check_takes_all_of_it_from_the_site_file(mail):
    listed = mail.certificates.revocation_list("revoked", name="room-list")
    ours, key = mail.certificates.leaf("room", san="DNS:lb.example", subject="/CN=lb.example")
    keys = f"host: {MAIL}, starttls: true, ca_file: {mail.certificates.ca}, crl_file: {listed}, certificate: {ours}, key: {key}"
    servers = "".join(f"      {name}: {{ address: 10.77.0.{i}, port: {mail.ports[name]} }}\n"
                      for i, name in enumerate(("good", "insists", "expired", "wrong-name", "revoked"), start=1))
    text = ("site: lab\ndirectors:\n  dir-a: { peer_address: 192.0.2.11 }\nservices:\n  mail:\n    address: 198.51.100.10\n"
            f"    port: 25\n    forward: nat\n    check: {{ smtp: {{ name: lb.example, {keys} }}, interval: 1s, timeout: 3s }}\n"
            f"    servers:\n{servers}")
    with RoomProcess(ROOM, text) as room:
        for name in ("good", "insists"):
            assert room.wait_for(server_is(name, True), 15)[1]["reason"] == UP
        for name, words in (("expired", "TLS: certificate expired"), ("wrong-name", "TLS: certificate is for another name"),
                            ("revoked", "TLS: certificate was revoked")):
            assert room.wait_for(server_is(name, False), 15)[1]["reason"].startswith(words)
