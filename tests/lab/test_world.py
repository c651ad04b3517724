"""The lab's own promise: nothing is left behind, also after Ctrl-C or a kill -9 of its maker."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from world import run, sweep, wait_until

MAKER = textwrap.dedent("""
    import sys, time
    sys.path.insert(0, {folder!r})
    from world import World
    w = World()
    h = w.host("a")
    w.cable(h, "eth0", w.switch("s"), "192.0.2.1/24")
    h.start("sleep", "60")
    print("made", flush=True)
    time.sleep(60)
""")


def maker():
    process = subprocess.Popen([sys.executable, "-c", MAKER.format(folder=str(Path(__file__).parent))],
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "made\n"
    return process


def namespaces_of(pid):
    return [line for line in run("ip", "netns", "list").splitlines() if line.startswith(f"td{pid}-")]


def test_ctrl_c_leaves_nothing_behind():
    process = maker()
    assert namespaces_of(process.pid)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=10)
    assert process.returncode == -signal.SIGINT
    assert namespaces_of(process.pid) == []


def test_what_a_killed_maker_left_is_swept_by_the_next():
    process = maker()
    programs = []

    def are_in():
        # A program is begun outside and goes in on its own.
        programs[:] = [int(p) for line in namespaces_of(process.pid) for p in run("ip", "netns", "pids", line.split()[0]).split()]
        return programs
    try:
        wait_until("its programs are in their namespaces", are_in, 10)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    wait_until("programs end with their maker", lambda: not any(Path(f"/proc/{p}").exists() for p in programs), 2)
    sweep()
    assert namespaces_of(process.pid) == []
    assert list(Path("/tmp").glob(f"tandem-lab-{process.pid}-*")) == []
