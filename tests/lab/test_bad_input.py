"""Bad site files: a clear error with its place, from tandemctl check and from the daemon alike, and nothing lost."""

import os
import subprocess

import pytest
import yaml

GOOD = {
    "site": "lab",
    "directors": {"dir-a": {"priority": 150, "peer_address": "192.0.2.11"},
                  "dir-b": {"priority": 100, "peer_address": "192.0.2.12"}},
    "virtual_routers": {"web": {"interface": "eth0", "id": 51, "addresses": ["198.51.100.10/24"]}},
    "services": {
        "web": {"address": "198.51.100.10", "port": 80, "servers": {"web1": {"address": "10.0.1.11"}}},
        "api": {"address": "198.51.100.10", "port": 81, "servers": {"api1": {"address": "10.0.1.11"}}}},
}


def spoiled(**changes):
    """GOOD with 'a/b/c' paths set to other values."""
    document = yaml.safe_load(yaml.safe_dump(GOOD))
    for path, value in changes.items():
        *way, last = path.split("/")
        place = document
        for step in way:
            place = place[step]
        place[last] = value
    return yaml.safe_dump(document, sort_keys=False, width=1000)


CASES = {
    "a tab": ("site: lab\ndirectors:\n\tdir-a: {}\n", ["tab"]),
    "an unknown key": (spoiled(**{"virtual_routers/web/interfaec": "eth0"}), ["interfaec", "interface"]),
    "VRID 300": (spoiled(**{"virtual_routers/web/id": 300}), ["300", "1", "255"]),
    "two services on one address and port": (spoiled(**{"services/api/port": 80}), ["198.51.100.10", "80", "api"]),
    "a VIP of the wrong family": (spoiled(**{"services/web/address": "2001:db8::10"}), ["expected IPv6", "families", "10.0.1.11"]),
    "an address of the wrong family in a router": (
        spoiled(**{"virtual_routers/web/addresses": ["2001:db8::10/640"]}), ["2001:db8::10", "1 to 128"]),
}


def check(programs, path):
    return subprocess.run([programs / "tandemctl", "check", path], capture_output=True, text=True, timeout=10)


def start(programs, path, tmp_path):
    return subprocess.run([programs / "tandemd", "--config", path, "--run-dir", tmp_path / "run", "--state-dir",
                           tmp_path / "state", "--director", "dir-a"], capture_output=True, text=True, timeout=10)


def test_the_file_these_are_made_from_is_valid(programs, tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(spoiled())
    done = check(programs, path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("case", CASES)
def test_is_refused_with_its_place(programs, tmp_path, case):
    text, words = CASES[case]
    path = tmp_path / "site.yaml"
    path.write_text(text)
    for done in (check(programs, path), start(programs, path, tmp_path)):
        assert done.returncode == 1, done
        assert any(line.startswith(f"{path}:") and line.split(":")[1].isdigit() and line.split(":")[2].isdigit()
                   for line in (done.stderr + done.stdout).replace("error: ", "").splitlines()), done
        for word in words:
            assert word in done.stderr, (word, done.stderr)


def test_a_missing_file_is_named(programs, tmp_path):
    path = tmp_path / "nothing.yaml"
    for done in (check(programs, path), start(programs, path, tmp_path)):
        assert done.returncode == 1
        assert str(path) in done.stderr and "does not exist" in done.stderr, done


def test_a_key_file_that_others_can_read_is_refused(programs, tmp_path):
    key = tmp_path / "peer.key"
    key.write_text(os.urandom(32).hex())
    key.chmod(0o644)
    path = tmp_path / "site.yaml"
    path.write_text(spoiled(peer_link={"key_file": str(key)}))
    for done in (check(programs, path), start(programs, path, tmp_path)):
        assert done.returncode == 1
        assert str(key) in done.stderr and "chmod 600" in done.stderr, done.stderr
    key.chmod(0o600)
    assert check(programs, path).returncode == 0


def test_all_errors_are_told_at_once(programs, tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(spoiled(**{"virtual_routers/web/id": 300, "services/web/schedular": "rr", "services/api/port": 70000}))
    done = check(programs, path)
    assert done.returncode == 1
    assert len([line for line in done.stderr.splitlines() if line.startswith(f"{path}:")]) >= 3, done.stderr


def test_a_box_that_the_site_does_not_name_is_told_the_names(programs, tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(spoiled())
    done = subprocess.run([programs / "tandemd", "--config", path, "--run-dir", tmp_path / "run", "--state-dir",
                           tmp_path / "state", "--director", "dir-c"], capture_output=True, text=True, timeout=10)
    assert done.returncode == 1
    assert "dir-c" in done.stderr and "dir-a" in done.stderr and "dir-b" in done.stderr


SCRIPTS = {
    "does not exist": None, "is a directory": "directory", "is not executable": 0o644, "can be changed by others than root": 0o777,
    "can be changed by others": 0o775,
}


@pytest.mark.parametrize("words", SCRIPTS, ids=lambda w: w.replace(" ", "-"))
def test_a_checks_program_is_looked_at_before_it_is_ever_run(programs, tmp_path, words):
    script, mode = tmp_path / "ask", SCRIPTS[words]
    if mode == "directory":
        script.mkdir()
    elif mode is not None:
        script.write_text("#!/bin/sh\n")
        script.chmod(mode)
    path = tmp_path / "site.yaml"
    path.write_text(spoiled(**{"services/web/check": {"exec": {"command": f"{script} --now"}}}))
    line = 1 + path.read_text()[:path.read_text().index("command:")].count("\n")
    done = check(programs, path)
    assert done.returncode != 0
    assert f"{path}:{line}:" in done.stderr + done.stdout
    assert f"command: {script} {words}" in done.stderr + done.stdout, done


def test_a_checks_program_in_a_folder_of_others_is_refused(programs, tmp_path):
    """Whoever may change the folder may put another program in its place; so may who owns what a link goes through."""
    folder = tmp_path / "open"
    folder.mkdir()
    script = folder / "ask"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    link = tmp_path / "link"
    link.symlink_to(script)
    path = tmp_path / "site.yaml"
    for mode, refused in ((0o755, False), (0o777, True), (0o775, True), (0o1777, False)):
        folder.chmod(mode)
        for program in (script, link):
            path.write_text(spoiled(**{"services/web/check": {"exec": {"command": str(program)}}}))
            done = check(programs, path)
            assert (done.returncode != 0) is refused, (oct(mode), done)
            if refused:
                assert f"command: {program} lies in a folder that others than root can change" in done.stderr + done.stdout


def test_what_a_check_cannot_be_is_refused_with_its_line(programs, tmp_path):
    checks = {"a": {"gopher": {}}, "b": {"http": {"body_regex": "ready("}}, "c": {"https": {"ca_file": "/no/ca.pem"}},
              "d": {"https": {"certificate": "/no/me.pem", "key": "/no/me.key"}}, "e": {"tls": {"crl_file": "/no/crl.pem"}},
              "f": {"grpc": {"tls": True, "ca_file": str(tmp_path)}}}
    path = tmp_path / "site.yaml"
    path.write_text(spoiled(**{"services/web/checks": checks}))
    done = check(programs, path)
    said = done.stderr + done.stdout
    assert done.returncode != 0
    for words in ("unknown key 'gopher'", "body_regex: it does not compile: missing closing parenthesis",
                  "ca_file: /no/ca.pem does not exist", "certificate: /no/me.pem does not exist", "key: /no/me.key does not exist",
                  "crl_file: /no/crl.pem does not exist", f"ca_file: {tmp_path} is a directory"):
        key = words.split(":")[0].replace("unknown key '", "").rstrip("'")
        lines = [number for number, line in enumerate(path.read_text().splitlines(), 1) if line.strip().startswith(f"{key}:")]
        assert any(f"{path}:{number}:" in line and words in line for line in said.splitlines() for number in lines), (words, said)
