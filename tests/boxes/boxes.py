"""./dev drill boxes: the packages as an operator meets them.

Two Debian 12 roots are booted with real systemd, the .deb is installed by apt in both, one site file. Then: start, stop on
the active, start again, reload, restart, kill -9 of the main process. The .rpm is installed into a scratch root. Needs root,
debootstrap, systemd-container, rpm; the first run makes a base root (about a minute), kept in build/boxes.
"""

import glob
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lab"))

from world import World, require_root, run, wait_until  # noqa: E402

FOLDER = ROOT / "build/boxes"
MIRROR = os.environ.get("TANDEM_DEBIAN_MIRROR", "http://deb.debian.org/debian")
IN_BOX = "systemd,systemd-sysv,dbus,iproute2,iputils-ping,procps,ca-certificates,nftables"
VIP = "192.0.2.100"
SITE = """
site: boxes
directors:
  dir-a: { priority: 150, peer_address: 192.0.2.11 }
  dir-b: { priority: 100, peer_address: 192.0.2.12 }
peer_link: { key_file: /etc/tandem/peer.key }
virtual_routers:
  web:
    interface: host0
    id: 51
    addresses: [192.0.2.100/24]
services:
  web:
    address: 192.0.2.100
    port: 80
    servers:
      web1: { address: 192.0.2.21 }
"""


class Box:
    def __init__(self, world, name, octet):
        self.world, self.name, self.octet = world, name, octet
        self.root = FOLDER / name
        self.leader = None

    def prepare(self, base, deb, key):
        shutil.rmtree(self.root, ignore_errors=True)
        run("cp", "-a", "--reflink=auto", base, self.root)
        shutil.copy(deb, self.root / "var/tmp/tandem.deb")
        (self.root / "etc/hostname").write_text(self.name + "\n")
        (self.root / "etc/machine-id").write_text("")
        run("mount", "--bind", "/proc", self.root / "proc")
        try:
            subprocess.run(["chroot", self.root, "apt-get", "-qq", "install", "-y", "/var/tmp/tandem.deb"], check=True,
                           stdout=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, timeout=600)
        finally:
            run("umount", self.root / "proc")
        (self.root / "etc/tandem/tandem.yaml").write_text(SITE)
        (self.root / "etc/tandem/peer.key").write_text(key)
        (self.root / "etc/tandem/peer.key").chmod(0o600)

    def cgroups(self):
        """A control group of its own in each hierarchy: two systemds in one would end each other's services."""
        root = Path("/sys/fs/cgroup")
        tops = [root] if (root / "cgroup.procs").exists() else [each for each in root.iterdir() if each.name != "cpuset"]
        return [top / f"tandem-boxes-{self.name}" for top in tops if (top / "cgroup.procs").exists()]

    def enter_cgroup(self):
        os.setsid()
        for group in self.cgroups():
            group.mkdir(exist_ok=True)
            (group / "cgroup.procs").write_text(str(os.getpid()))

    def remove_cgroups(self):
        for group in self.cgroups():
            for folder, _, _ in os.walk(group, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass  # somebody is still in it; the next run takes it over

    def boot(self):
        process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.world.switches.ns}", "systemd-nspawn", "--register=no", "--keep-unit", "-q",
             "-b", "-D", self.root, "--network-bridge=br0", "-M", self.name, "--console=pipe"],
            stdin=subprocess.DEVNULL, stdout=open(FOLDER / f"{self.name}.console", "wb"), stderr=subprocess.STDOUT,
            preexec_fn=self.enter_cgroup)
        self.world.processes.append(process)
        self.process = process
        self.leader = wait_until(f"{self.name} boots", lambda: run("pgrep", "-P", process.pid, check=False).strip(), 20)
        wait_until(f"{self.name} is up", lambda: self("systemctl", "is-system-running", check=False).strip()
                   in ("running", "degraded"), 60, every=0.5)
        self("ip", "link", "set", "host0", "up")
        self("ip", "addr", "add", f"192.0.2.{self.octet}/24", "dev", "host0")

    def __call__(self, *words, check=True):
        return run("nsenter", "-t", self.leader, "-a", *words, check=check)

    def holds_vip(self):
        return VIP in self("ip", "-4", "addr", "show", "host0")

    def off(self):
        if self.leader:
            os.kill(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.kill(int(self.leader), signal.SIGKILL)
            self.remove_cgroups()


def base_root():
    base = FOLDER / "base"
    if not (base / "etc/debian_version").exists():
        print("making the base root", flush=True)
        shutil.rmtree(base, ignore_errors=True)
        FOLDER.mkdir(parents=True, exist_ok=True)
        run_long = subprocess.run(["debootstrap", "--variant=minbase", f"--include={IN_BOX}", "bookworm", base, MIRROR],
                                  stdout=open(FOLDER / "debootstrap.log", "wb"), timeout=900)
        if run_long.returncode != 0:
            raise RuntimeError(f"debootstrap failed; see {FOLDER}/debootstrap.log")
    return base


def seen(what, began):
    print(f"  {time.monotonic() - began:6.2f} s  {what}", flush=True)


def drill(a, b):
    for box in (a, b):
        box("systemctl", "start", "tandem")
    began = time.monotonic()
    wait_until("VIP on dir-a", a.holds_vip, 20)
    seen("systemctl start: the VIP is up on dir-a", began)
    assert not b.holds_vip()
    wait_until("in step", lambda: "in step" in a("tandemctl", "status") and "in step" in b("tandemctl", "status"), 15)

    began = time.monotonic()
    a("systemctl", "stop", "tandem")
    wait_until("VIP on dir-b", b.holds_vip, 5)
    seen("systemctl stop on the active: the VIP is on dir-b", began)
    assert not a.holds_vip()
    assert "tandem" not in a("nft", "list", "ruleset")
    assert a("pgrep", "-x", "tandemd", check=False) == ""

    began = time.monotonic()
    a("systemctl", "start", "tandem")
    wait_until("VIP back on dir-a", a.holds_vip, 30)
    seen("systemctl start: the VIP is back on dir-a", began)
    wait_until("not on dir-b", lambda: not b.holds_vip(), 3)

    began = time.monotonic()
    (a.root / "etc/tandem/tandem.yaml").write_text(SITE.replace("web1: { address", "web2: { address"))
    a("systemctl", "reload", "tandem")
    wait_until("web2 known", lambda: "web2" in a("tandemctl", "status"), 5)
    seen("systemctl reload: the changed server is known", began)
    (a.root / "etc/tandem/tandem.yaml").write_text(SITE.replace("id: 51", "id: 300"))
    a("systemctl", "reload", "tandem", check=False)
    wait_until("refusal told", lambda: "refused" in a("tandemctl", "status"), 5)
    assert a.holds_vip() and a("systemctl", "is-active", "tandem").strip() == "active"
    seen("systemctl reload of a broken file: refused, nothing changed", began)
    (a.root / "etc/tandem/tandem.yaml").write_text(SITE)

    began = time.monotonic()
    a("systemctl", "restart", "tandem")
    assert a("systemctl", "is-active", "tandem").strip() == "active"
    wait_until("VIP back on dir-a", a.holds_vip, 30)
    seen("systemctl restart: the VIP is back on dir-a", began)

    began = time.monotonic()
    main = a("systemctl", "show", "-P", "MainPID", "tandem").strip()
    a("kill", "-9", main)
    wait_until("a new main process", lambda: a("systemctl", "show", "-P", "MainPID", "tandem").strip() not in ("0", main), 10)
    wait_until("VIP somewhere", lambda: a.holds_vip() != b.holds_vip(), 10)
    seen("kill -9 of the main process: systemd started it again", began)
    wait_until("VIP back on dir-a", a.holds_vip, 30)
    for box in (a, b):
        logs = box("journalctl", "-u", "tandem", "--no-pager", "-o", "cat")
        assert "VRRP_BECAME_ACTIVE" in logs, logs
        box("systemctl", "stop", "tandem")
        assert box("systemctl", "show", "-P", "Result", "tandem").strip() == "success"


def scratch_rpm(rpm):
    began = time.monotonic()
    scratch = FOLDER / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    run("rpm", "--root", scratch, "--initdb")
    # The scratch root holds nothing else: its dependencies are not to be had there, and no shell to run scripts with.
    run("rpm", "--root", scratch, "--nodeps", "--noscripts", "-i", rpm)
    for path in ("usr/sbin/tandemd", "usr/bin/tandemctl", "usr/lib/systemd/system/tandem.service", "etc/tandem/tandem.yaml"):
        assert (scratch / path).exists(), f"{path} is not in the .rpm"
    assert "tandem-" in run("rpm", "--root", scratch, "-q", "tandem")
    run("rpm", "--root", scratch, "-V", "--nodeps", "tandem")
    seen("the .rpm is installed into a scratch root, and verifies", began)
    shutil.rmtree(scratch)


def main():
    require_root()
    deb, rpm = sorted(glob.glob(str(ROOT / "out/*.deb"))), sorted(glob.glob(str(ROOT / "out/*.rpm")))
    if not deb or not rpm:
        sys.exit("no package in out/: run ./dev package first")
    base = base_root()
    with World() as world:
        world.switch("br0")
        key = os.urandom(32).hex() + "\n"
        boxes = [Box(world, "dir-a", 11), Box(world, "dir-b", 12)]
        try:
            for box in boxes:
                print(f"preparing {box.name}", flush=True)
                box.prepare(base, deb[-1], key)
                box.boot()
            drill(*boxes)
        except (AssertionError, TimeoutError, RuntimeError):
            for box in boxes:
                if box.leader:
                    print(f"--- {box.name}\n" + box("journalctl", "-u", "tandem", "--no-pager", "-n", "40", check=False))
            raise
        finally:
            for box in boxes:
                box.off()
                shutil.rmtree(box.root, ignore_errors=True)
    scratch_rpm(rpm[-1])
    print("boxes: all as it should be")


if __name__ == "__main__":
    main()
