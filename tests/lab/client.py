"""The client as the demo and the tests see it: starts traffic.py in the client's namespace and keeps what it says."""

import json
import subprocess
import threading
import time
from pathlib import Path

from world import wait_until


class Client:
    def __init__(self, site, address, port=80, rate=100, download=True, seconds=300):
        words = ["/usr/bin/python3", Path(__file__).parent / "traffic.py", address, port, "--rate", rate, "--seconds", seconds]
        if download:
            words.append("--download")
        self.requests = []   # as traffic.py says them, in the order they ended
        self.download = []
        self.rate = rate
        self._process = site.client.start(*words, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            said = json.loads(line)
            (self.requests if said["kind"] == "request" else self.download).append(said)

    def stop(self):
        """Lets the requests under way end."""
        self._process.terminate()
        self._process.wait(timeout=20)
        self._reader.join(timeout=5)

    # What was seen -----------------------------------------------------------------------------------------------------

    def failed(self, since=0.0, until=float("inf")):
        """Requests that failed and were started in [since, until)."""
        return [r for r in list(self.requests) if not r["ok"] and since <= r["start"] < until]

    def outage_ms(self, since, until=None):
        """The longest time between two good answers in [since, until], less the distance the rate itself makes.

        Requests start every 1/rate seconds whatever became of the ones before, so the first one after an outage is
        answered at once: the figure is good to about 1/rate.
        """
        until = until or time.monotonic()
        ends = sorted(r["end"] for r in list(self.requests) if r["ok"] and since <= r["end"] <= until)
        points = [since, *ends, until]
        longest = max(after - before for before, after in zip(points, points[1:]))
        return max(0.0, (longest - 1 / self.rate) * 1000)

    def wait_gone_on(self, since, seconds=5):
        """Until requests are answered and the download moves again after what happened at `since`; returns the outage in ms."""
        wait_until("answers again", lambda: self.requests[-1]["start"] > since + 0.2 and self.requests[-1]["ok"], seconds)
        at = self.download_state()[0]
        wait_until("the download goes on", lambda: self.download_state()[0] > at, seconds)
        return self.outage_ms(since)

    def per_second(self, seconds=1.0):
        now = time.monotonic()
        recent = self.requests[-int(self.rate * seconds * 3) - 1:]
        return sum(1 for r in recent if r["ok"] and r["end"] > now - seconds) / seconds

    def download_state(self):
        """(bytes so far, error or '')"""
        if not self.download:
            return 0, ""
        return self.download[-1]["bytes"], next((d["error"] for d in self.download if d["error"]), "")
