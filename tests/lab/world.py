"""A small world of network namespaces for tests and the demo: hosts, switches, cables, and the programs on them.

Everything a World makes carries its prefix (td<pid>-<n>-) and is removed by close(), which also runs on SIGINT, SIGTERM and at
exit. What a killed run left behind is swept by the next one, which finds namespaces whose maker is gone.
Needs root. Traffic stays inside the namespaces.
"""

import atexit
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


# Seconds for a command. In a guest whose clock runs while it waits for this machine a second may be none.
PATIENCE = float(os.environ.get("TANDEM_LAB_PATIENCE", 60))


def run(*words, check=True, **more):
    """Runs a command to its end and returns its output; its complaint becomes the exception's text."""
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=PATIENCE, **more)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


@contextlib.contextmanager
def entered(namespace):
    """This thread in a namespace, for the sockets it makes and the programs it starts meanwhile."""
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace}") as there:
        assert _libc.setns(there.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            yield
        finally:
            assert _libc.setns(home.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


def _die_with_parent():
    os.setpgid(0, 0)  # a Ctrl-C at the terminal is for us; we end our programs ourselves, in order
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_until(what, condition, seconds, every=0.02):
    """Polls `condition` until it is true and returns its value; says `what` did not happen otherwise."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"not seen within {seconds} s: {what}")
        time.sleep(every)


class Host:
    """One namespace. Interfaces are made by World.cable()."""

    def __init__(self, world, name):
        self.world = world
        self.name = name
        self.ns = f"{world.prefix}{name}"
        run("ip", "netns", "add", self.ns)
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *words, **more):
        return run(*self.enter(), *words, **more)

    def enter(self):
        """The words before a command that is to run here. Not `ip netns exec`: that one also mounts /sys anew, which needs a
        root that is a mount point, and a folder that one has changed root into is none."""
        return ["nsenter", f"--net=/run/netns/{self.ns}", "--"]

    def ip(self, *words, **more):
        return self.run("ip", *words, **more)

    def sysctl(self, **values):
        """Keys with '/' for '.', as in sysctl(**{'net/ipv4/ip_forward': 1})."""
        for key, value in values.items():
            self.run("sh", "-c", f"echo {value} > /proc/sys/{key}")

    def start(self, *words, log=None, **more):
        """Starts a program here; it ends with the world. `log` names a file for what it prints."""
        out = open(self.world.folder / log, "ab") if log else subprocess.DEVNULL
        if log:
            more.setdefault("stderr", subprocess.STDOUT)
        more.setdefault("stdout", out)
        more.setdefault("stderr", subprocess.DEVNULL)
        process = subprocess.Popen(
            [*self.enter(), *map(str, words)],
            stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent, **more)
        self.world.processes.append(process)
        return process

    def pids(self):
        return [int(pid) for pid in run("ip", "netns", "pids", self.ns, check=False).split()]

    def kill_all(self, signal_number=signal.SIGKILL):
        """Pulls the plug on everything that runs here."""
        for pid in self.pids():
            try:
                os.kill(pid, signal_number)
            except ProcessLookupError:
                pass

    def addresses(self):
        """Every IPv4 address as text with length, without lo's."""
        lines = self.ip("-o", "-4", "addr", "show").splitlines()
        return [line.split()[3] for line in lines if line.split()[1] != "lo"]


class World:
    made = 0
    open = []  # a drill may have several at a time; a signal ends them all

    def __init__(self, **sysctls):
        """`sysctls`: what each host has from its beginning, as Host.sysctl takes it."""
        sweep()
        World.made += 1
        self.sysctls = sysctls
        self.prefix = f"td{os.getpid()}-{World.made}-"
        self.folder = Path(tempfile.mkdtemp(prefix=f"tandem-lab-{os.getpid()}-"))
        self.at_close = []  # called first, however the world ends
        self.hosts = {}
        self.processes = []
        self.closed = False
        World.open.append(self)
        atexit.register(self.close)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        self.switches = self.host("switches")
        # Where the kernel has br_netfilter, bridges look into IPv4 and drop what is malformed; a switch does not.
        self.switches.run("sh", "-c", "for knob in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e $knob ] || echo 0 > $knob; done")

    @staticmethod
    def _on_signal(number, _frame):
        for world in list(World.open):
            world.close()
        # End the way the signal would have, so that whoever started us sees the truth.
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def host(self, name):
        self.hosts[name] = Host(self, name)
        self.hosts[name].sysctl(**self.sysctls)
        return self.hosts[name]

    def switch(self, name):
        """A bridge, in the switches' own namespace."""
        self.switches.ip("link", "add", name, "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        self.switches.ip("link", "set", name, "up")
        return name

    def cable(self, host, interface, switch, address=None, mac=None):
        """Plugs `interface` of `host` into `switch`; the switch's end is <host>.<interface> (see plug())."""
        port = f"{host.name}.{interface}"
        self.switches.ip("link", "add", port, "type", "veth", "peer", "name", interface, "netns", host.ns)
        self.switches.ip("link", "set", port, "master", switch, "up")
        if mac:
            host.ip("link", "set", interface, "address", mac)
        host.ip("link", "set", interface, "up")
        if address:
            host.ip("addr", "add", address, "dev", interface)

    def plug(self, host, interface, state):
        """Pulls (state 'down') or puts back ('up') a cable at the switch's end."""
        self.switches.ip("link", "set", f"{host.name}.{interface}", state)

    def close(self):
        if self.closed:
            return
        self.closed = True
        World.open.remove(self)
        for last_word in self.at_close:
            last_word()
        for host in self.hosts.values():
            host.kill_all()
        for process in self.processes:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
        for host in reversed(list(self.hosts.values())):
            run("ip", "netns", "del", host.ns, check=False)
        if not os.environ.get("TANDEM_LAB_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)


def sweep():
    """Removes namespaces (and what runs in them) and folders of worlds whose maker is gone."""
    for folder in Path(tempfile.gettempdir()).glob("tandem-lab-*-*"):
        maker = folder.name.split("-")[2]
        if maker.isdigit() and not Path(f"/proc/{maker}").exists() and not os.environ.get("TANDEM_LAB_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)
    for line in run("ip", "netns", "list", check=False).splitlines():
        name = line.split()[0]
        maker = name[2:].split("-")[0] if name.startswith("td") and "-" in name else ""
        if not maker.isdigit() or Path(f"/proc/{maker}").exists():
            continue
        for pid in run("ip", "netns", "pids", name, check=False).split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        run("ip", "netns", "del", name, check=False)


def require_root():
    if os.geteuid() != 0:
        sys.exit("the lab makes network namespaces, which only root may")
