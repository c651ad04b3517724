"""packets.py's cases that are whole lives of connections: segments by the dice, whose sequence numbers are those of two ends that
speak to each other. The seed is the case's name, so that a case is the same one in every run."""

import random

from frames import ACK, FIN, PSH, RST, SYN
from protocol_cases import (ABORT, COOKIE_ACK, COOKIE_ECHO, DATA, ERROR, HEARTBEAT, INIT, INIT_ACK, SACK, SHUTDOWN, SHUTDOWN_ACK,
                            SHUTDOWN_COMPLETE, SOME)
from sides import case

PLAYS, LENGTH = 12, 8
FAR = 2**30  # from any number that an end can be at
# What an end may say, the likely ones more than once.
SEGMENTS = {"ack": ACK, "another ack": ACK, "data": PSH | ACK, "more data": PSH | ACK, "fin": FIN | ACK, "another fin": FIN | ACK,
            "fin by itself": FIN, "reset": RST, "reset with ack": RST | ACK, "syn": SYN, "syn-ack": SYN | ACK, "nothing": 0}
CHUNKS = (DATA, INIT, INIT_ACK, SACK, HEARTBEAT, ABORT, SHUTDOWN, SHUTDOWN_ACK, ERROR, COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE)


class TwoEnds:
    """Where either end of a TCP connection is, as `remember` (tcp_window.hpp) follows it."""

    def __init__(self, c, way):
        self.case, self.way = c, way
        self.next = {"client": 1000, "server": 5000}

    def say(self, end, name, flags, beside=0):
        other = "server" if end == "client" else "client"
        payload = b"12345" if flags & PSH else b""
        words = {"sequence": self.next[end] + beside, "acknowledgment": self.next[other] if flags & ACK else 0, "payload": payload}
        number = len(self.case.steps) + 1
        if end == "client":
            self.case.tcp(f"{number} {name}", self.way, flags, **words)
        else:
            self.case.tcp_back(f"{number} server's {name}", flags, way=self.way, **words)
        if not flags & RST and not beside:
            self.next[end] += len(payload) + bool(flags & SYN) + bool(flags & FIN)


def of_tcp(family):
    for way in ("nat", "dr"):
        for number in range(PLAYS):
            c = case(family, f"tcp {way} play {number}")
            dice = random.Random(c.name)
            ends = TwoEnds(c, way)
            ends.say("client", "syn", SYN)
            if way == "nat" and dice.random() < 0.7:
                ends.say("server", "syn-ack", SYN | ACK)
            while len(c.steps) < LENGTH:
                name = dice.choice(list(SEGMENTS))
                ends.say("server" if way == "nat" and dice.random() < 0.5 else "client", name, SEGMENTS[name])
            if number % 2:
                name = dice.choice(["reset", "fin"])
                ends.say("client", f"far {name}", SEGMENTS[name], beside=FAR)


def of_sctp(family):
    for way in ("nat", "dr"):
        for number in range(PLAYS):
            c = case(family, f"sctp {way} play {number}")
            dice = random.Random(c.name)
            c.sctp("1 init", way, (INIT, SOME), tag=0)
            while len(c.steps) < LENGTH:
                chunks = [(dice.choice(CHUNKS), SOME) for _ in range(dice.choice((1, 1, 2)))]
                step = f"{len(c.steps) + 1} " + " ".join(str(kind) for kind, _ in chunks)
                if way == "nat" and dice.random() < 0.5:
                    c.sctp_back(f"{step} back", *chunks, way=way)
                else:
                    c.sctp(step, way, *chunks)


GROUPS = (of_tcp, of_sctp)
