"""RSTs and FINs by hand in the name of a connection's ends: out of the window they move nothing, in the window they are what they say."""

import select

import pytest

from ends import ALL_FRAMES, counters, flows, frames, listen, mac_of, pair, talk, with_hold
from frames import ACK, FIN, RST, TCP, ethernet, ipv4, tcp, tell_frame
from topology import SERVERS, VIP
from world import wait_until

FAR = 10_000_000  # bytes, beyond any window here
MINE = "02:00:00:00:00:66"  # the forger's MAC address


class Forgery:
    """A site with one standing connection, by `method`, and frames in the name of either end."""

    def __init__(self, make_site, method):
        def change(document):
            with_hold(document, VIP, SERVERS["web1"])
            if method == "dr":
                document["services"]["hold"]["servers"]["web1"]["port"] = 9000
            document["services"]["hold"]["forward"] = method

        self.site = make_site(method=method, change=change)
        self.site.start()
        self.director, self.peer = self.site.directors.values()
        self.listener = listen(self.site.servers["web1"].host, 9000 if method == "dr" else 9001)
        self.ear = frames(self.site.client, "eth0", ALL_FRAMES)  # what goes out as well
        self.ear.settimeout(5)
        self.client_side = frames(self.site.client, "eth0")
        self.server_side = frames(self.site.servers["web2"].host, "eth0")
        self.outside, self.inside = mac_of(self.director.host, "eth0"), mac_of(self.director.host, "eth1")
        self.connect()

    def connect(self):
        self.ends = pair(self.site.client, self.listener, VIP)
        self.address, self.port = self.ends[0].getsockname()
        wait_until("its flow stands", lambda: self.state(self.director) == "ESTABLISHED", 5)
        wait_until("the peer knows it", lambda: self.state(self.peer) == "ESTABLISHED", 5)

    def numbers(self):
        """The next sequence numbers of (client, server): something is said, and its segment looked at."""
        while select.select([self.ear], [], [], 0)[0]:
            self.ear.recv(70000)
        self.ends[0].sendall(b"12345")
        assert self.ends[1].recv(100) == b"12345"
        while True:
            frame = self.ear.recv(70000)
            fields = tell_frame(frame) if frame[12:14] == b"\x08\0" else {}
            if fields.get("source port") == self.port and fields["options and payload"].endswith(b"12345".hex()):
                return fields["sequence"] + 5, fields["acknowledgment"]

    def as_client(self, flags, by=0):
        own, other = self.numbers()
        segment = tcp(self.address, VIP, self.port, 9000, flags, (own + by) % 2**32, other)
        self.client_side.send(ethernet(self.outside, MINE, ipv4(self.address, VIP, TCP, segment)))

    def as_server(self, flags, by=0):
        """The way a nat server's answers come."""
        other, own = self.numbers()
        segment = tcp(SERVERS["web1"], self.address, 9001, self.port, flags, (own + by) % 2**32, other)
        self.server_side.send(ethernet(self.inside, MINE, ipv4(SERVERS["web1"], self.address, TCP, segment)))

    def state(self, director):
        return next((f["state"] for f in flows(director, "--client-port", self.port)), None)


@pytest.mark.parametrize("method", ["nat", "dr"])
def test_an_end_out_of_the_window_moves_nothing(make_site, method):
    forgery = Forgery(make_site, method)
    disbelieved = lambda: counters(forgery.director)["ends_not_believed"]  # noqa: E731
    for number, (flags, by) in enumerate([(RST, FAR), (RST, -FAR), (RST | ACK, FAR), (FIN | ACK, FAR), (FIN | ACK, -FAR)], 1):
        forgery.as_client(flags, by)
        wait_until("it is counted", lambda: disbelieved() == number, 5)
        talk(forgery.ends)
    if method == "nat":
        for number, (flags, by) in enumerate([(RST, FAR), (FIN | ACK, -FAR)], number + 1):
            forgery.as_server(flags, by)
            wait_until("it is counted", lambda: disbelieved() == number, 5)
            talk(forgery.ends)
    assert forgery.state(forgery.director) == "ESTABLISHED"
    assert forgery.state(forgery.peer) == "ESTABLISHED"


@pytest.mark.parametrize("method, closing", [("nat", "CLOSE_WAIT"), ("dr", "FIN_WAIT")])
def test_an_end_in_the_window_is_one(make_site, method, closing):
    forgery = Forgery(make_site, method)
    forgery.as_client(RST | ACK)
    wait_until("the flow is over", lambda: forgery.state(forgery.director) == "CLOSE", 5)
    wait_until("the peer knows", lambda: forgery.state(forgery.peer) == "CLOSE", 5)
    with pytest.raises(ConnectionResetError):
        forgery.ends[1].recv(1)
    forgery.connect()
    forgery.as_client(FIN | ACK)
    wait_until("the flow is half closed", lambda: forgery.state(forgery.director) == closing, 5)
    assert forgery.ends[1].recv(1) == b""
    if method == "nat":
        forgery.connect()
        forgery.as_server(RST | ACK)
        wait_until("the flow is over", lambda: forgery.state(forgery.director) == "CLOSE", 5)
        with pytest.raises(ConnectionResetError):
            forgery.ends[0].recv(1)
    assert counters(forgery.director)["ends_not_believed"] == 0
