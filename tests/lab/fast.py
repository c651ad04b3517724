"""What the tests of the fast path share: connections whose both ends the test holds, streams that go on for as long as it wants, and
how many frames went which way."""

import contextlib
import hashlib
import os
import threading
import time
from collections import Counter

from alone import Bench
from dual import of_family
from ends import connect, datagrams, listen, talk
from topology import translates
from world import wait_until

HOLD, SAY = 9300, 9400  # the services' ports; a nat server's are one more
BLOCK = os.urandom(1 << 16)
TELL = "FORWARDING_FAST_PATH "
SOMEBODY_ELSE = "A program of somebody else's takes packets of this interface before the fast path does"


class FastBench(Bench):
    """A Bench with two more services, of web1 alone: `hold` is TCP's and `say` UDP's. `timeout`: of
    their flows at rest. `more_change(document)`: as Bench has it."""

    def __init__(self, world, method, family=4, timeout=None, more_change=None, **more):
        vip, addresses, source = of_family(family)
        inside = 1 if translates(method) else 0

        def change(document):
            for name, protocol, port in (("hold", "tcp", HOLD), ("say", "udp", SAY)):
                document["services"][name] = {
                    "address": vip, "port": port, "protocol": protocol, "forward": method, "check": "none",
                    "servers": {"web1": {"address": addresses["web1"], "port": port + inside}},
                    **({"source_pool": source} if method == "fullnat" else {}), **({"timeouts": {"established" if protocol == "tcp" else "udp": timeout}} if timeout else {})}
            if more_change:
                more_change(document)

        super().__init__(world, method, clients=family, servers=family, change=change, **more)
        self.any, self.web1, self.server_address = "::" if family == 6 else "0.0.0.0", world.hosts["web1"], addresses["web1"]
        self.hold_port, self.say_port = HOLD + inside, SAY + inside
        self.listener = listen(self.web1, self.hold_port, self.any)

    def connect(self):
        """A connection: (client's end, server's end)."""
        mine = connect(self.client, self.vip, HOLD)
        return mine, self.listener.accept()[0]

    def datagrams(self):
        """(a client's socket, the server's), and nothing was said yet."""
        mine = datagrams(self.client, self.any)
        # Bound to what it is asked by, because its answers come from there.
        server = datagrams(self.web1, self.server_address if translates(self.method) else self.vip, self.say_port)
        mine.connect((self.vip, SAY))
        return mine, server

    def state(self, plug):
        """Of the flow of a client's end; None: there is none."""
        return self.states().get(plug.getsockname()[1])

    def count_states(self):
        """How many flows have which state."""
        return dict(Counter(words[6] for words in self.flow_lines()))

    def filters(self, interface="eth0", where="ingress"):
        return self.director.run("tc", "filter", "show", "dev", interface, where, check=False)

    def qdiscs(self):
        return self.director.run("tc", "qdisc", "show")

    def said(self, text):
        """How often the fast path said so."""
        return sum(line.startswith(TELL) and text in line for line in self.log.splitlines())


def fast_frames(counters):
    return counters["fast_to_servers"] + counters["fast_to_clients"]


@contextlib.contextmanager
def nearly_all_fast(running, least=300):
    """Of what comes meanwhile."""
    before = running.counters()
    yield
    after = running.counters()
    fast, by_engine = fast_frames(after) - fast_frames(before), after["port_received"] - before["port_received"]
    assert fast >= least and by_engine * 10 < fast, f"{fast} frames by the fast path, {by_engine} by the engine"


def wait_until_fast(running, frames=100):
    """Traffic is under way, and takes the fast path."""
    before = fast_frames(running.counters())
    wait_until("the fast path is taken", lambda: fast_frames(running.counters()) > before + frames, 30)


def none_fast(running, during):
    before = fast_frames(running.counters())
    during()
    assert fast_frames(running.counters()) == before


class Stream:
    """A connection on which the server, or with `up` the client, sends until end(); every byte is looked at."""

    def __init__(self, bench, up=False):
        self.ends = bench.connect()
        self.sent, self.received, self.errors = hashlib.blake2b(), hashlib.blake2b(), []
        self.length, self.ending = 0, threading.Event()
        sender, receiver = self.ends if up else self.ends[::-1]
        for plug in self.ends:
            plug.settimeout(60)
        self.threads = [threading.Thread(target=self._do, args=(what, plug), daemon=True)
                        for what, plug in ((self._send, sender), (self._receive, receiver))]
        for thread in self.threads:
            thread.start()

    def _do(self, what, plug):
        try:
            what(plug)
        except OSError as error:
            self.errors.append(error)

    def _send(self, plug):
        number = 0
        while not self.ending.wait(0.002):
            block = number.to_bytes(8, "big") + BLOCK[8:]
            plug.sendall(block)
            self.sent.update(block)
            number += 1
        plug.shutdown(1)

    def _receive(self, plug):
        while data := plug.recv(1 << 18):
            self.received.update(data)
            self.length += len(data)

    def moves(self, by=1 << 20, seconds=30):
        goal = self.length + by
        wait_until(f"more than {self.length} bytes", lambda: self.length >= goal or self.errors, seconds)
        assert not self.errors, self.errors

    def end(self):
        """All that was sent has come; the connection stands, one side of it closed."""
        self.ending.set()
        for thread in self.threads:
            thread.join(timeout=60)
        assert not any(thread.is_alive() for thread in self.threads), f"stands at {self.length} bytes"
        assert not self.errors, self.errors
        assert self.sent.digest() == self.received.digest()


def say_until_fast(bench, mine, server, answer=True):
    """Datagrams until one takes the fast path. A flow of UDP may when it is a second old."""
    before = bench.counters()["fast_to_servers"]

    def one_is():
        for _ in range(3):
            mine.send(b"hello")
            data, sender = server.recvfrom(100)
            assert data == b"hello"
            if answer:
                server.sendto(data, sender)
                assert mine.recv(100) == b"hello"
        return bench.counters()["fast_to_servers"] > before
    wait_until("a datagram takes the fast path", one_is, 20)


def talk_for(pair, seconds, pause=0.1):
    """Something small each way, again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        talk(pair)
        time.sleep(pause)
