"""What the scripts in here share: commands, and the namespaces they run in."""

import subprocess
import time


def run(*words, **more):
    """Runs a command to its end and returns its output; its complaint becomes the exception's text."""
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def within(namespace, *words):
    """The words of a command that runs in a namespace."""
    return ["ip", "netns", "exec", namespace, *map(str, words)]


def start_forwarder(namespace, programs, site, folder, settle_s=2):
    """forwarder_alone with a site file; `folder` keeps its flows. "ready" is said when the filters stand; ports open at once after it."""
    process = subprocess.Popen(within(namespace, programs / "forwarder_alone", site, folder), stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    assert line == "ready\n", line
    time.sleep(settle_s)
    return process
