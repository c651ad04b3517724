"""Plays the supervisor to one room: a socket pair, length-prefixed JSON frames, retained messages (daemon/bus/codec.hpp)."""

import json
import os
import select
import socket
import struct
import subprocess
import time


class RoomProcess:
    """A room under test. `retained`: messages it is handed at start, as {kind: fields}."""

    def __init__(self, program, site_text, retained=(), generation=1, before=None):
        self.ours, theirs = socket.socketpair()
        self.heard = []  # (kind, fields), in order
        self.buffer = b""
        self.process = subprocess.Popen([program, str(theirs.fileno())], pass_fds=[theirs.fileno()], preexec_fn=before)
        theirs.close()
        subscribed = self.wait_for(lambda kind, m: kind == "Subscribe", 10)[1]["kinds"]
        assert set(subscribed) == {"SiteText", "ServerHealth", "ServiceHealth", "Override", "Forget", "PassiveHealth",
                                   "ExecResult"}
        self.say_site(site_text, generation)
        for message in retained:
            self.say(message)
        self.say({"CaughtUp": {}})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ours.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def say(self, message):
        text = json.dumps(message).encode()
        self.ours.sendall(struct.pack("!I", len(text)) + text)

    def say_site(self, text, generation):
        self.say({"SiteText": {"text": text, "path": "/etc/tandem/tandem.yaml", "director": "dir-a", "digest": "0" * 64,
                               "generation": generation}})

    def listen(self, seconds):
        """Hears for a time; returns what came."""
        before, end = len(self.heard), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self._hear(left):
            pass
        return self.heard[before:]

    def wait_for(self, wanted, seconds, start=0):
        """The first (kind, fields) from `start` on with wanted(kind, fields); hears until it comes."""
        end = time.monotonic() + seconds
        while True:
            for kind, message in self.heard[start:]:
                if wanted(kind, message):
                    return kind, message
            start = len(self.heard)
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"not heard within {seconds} s; heard: {self.heard[-10:]}")
            if not self._hear(left) and self.process.poll() is not None:
                raise RuntimeError(f"the room ended: {self.process.returncode}")

    def _hear(self, seconds):
        if not select.select([self.ours], [], [], seconds)[0]:
            return False
        piece = self.ours.recv(1 << 20)
        if not piece:
            return False
        self.buffer += piece
        while len(self.buffer) >= 4:
            size = struct.unpack("!I", self.buffer[:4])[0]
            if len(self.buffer) < 4 + size:
                break
            ((kind, fields),) = json.loads(self.buffer[4 : 4 + size]).items()
            self.heard.append((kind, fields))
            self.buffer = self.buffer[4 + size :]
        return True

    def event(self, identifier, seconds, subject=None, start=0):
        return self.wait_for(lambda kind, m: kind == "Event" and m["id"] == identifier and subject in (None, m["subject"]),
                             seconds, start)[1]

    def events(self):
        return [m["id"] for kind, m in self.heard if kind == "Event"]

    def cpu_seconds(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_kb(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0
