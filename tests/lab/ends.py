"""Both ends of a connection in the test's own hands. A socket stays in the namespace it was made in, whoever uses it."""

import json
import select
import socket
import threading

from world import entered

ALL_FRAMES = 3
SO_RCVBUFFORCE = 33


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listen(host, port, address="0.0.0.0", seconds=10):
    with entered(host.ns):
        plug = socket.create_server((address, port), family=family_of(address), backlog=64)
    plug.settimeout(seconds)
    return plug


def connect(host, address, port, seconds=10, source=None):
    with entered(host.ns):
        return socket.create_connection((address, port), timeout=seconds, source_address=(source, 0) if source else None)


def datagrams(host, address="0.0.0.0", port=0, seconds=10):
    with entered(host.ns):
        plug = socket.socket(family_of(address), socket.SOCK_DGRAM)
    plug.bind((address, port))
    plug.settimeout(seconds)
    return plug


def echo(plug, word=b""):
    """Answers every datagram with itself and a word, as long as the test runs."""
    def answer():
        while True:
            data, sender = plug.recvfrom(65535)
            plug.sendto(data + word, sender)
    plug.settimeout(None)
    threading.Thread(target=answer, daemon=True).start()


def frames(host, interface, kind=0):
    """Frames by hand, out of an interface; with `kind` (an Ethernet type, or ALL_FRAMES) also those that pass it."""
    with entered(host.ns):
        plug = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind))
        plug.bind((interface, kind))
    return plug


def deep_ear(host, interface="eth0"):
    """All frames that pass it; many may wait to be read."""
    plug = frames(host, interface, ALL_FRAMES)
    plug.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    return plug


def arrived(plugs, seconds=0.1):
    """Of frames(..., kind): (which plug, frame) of what has come in, until nothing comes for so long."""
    came = []
    while readable := select.select(plugs, [], [], seconds)[0]:
        for plug in readable:
            data, (_, _, packet_type, *_) = plug.recvfrom(70000)
            if packet_type != socket.PACKET_OUTGOING:
                came.append((plug, data))
    return came


def mac_of(host, interface):
    return json.loads(host.ip("-j", "link", "show", interface))[0]["address"]


def flows(director, *conditions):
    """As tandemctl lists them."""
    return json.loads(director.ctl("flows", "--json", *conditions).stdout)["flows"]


def counters(director):
    """The engine's, as tandemctl stats tells them."""
    stats = json.loads(director.ctl("stats", "--json").stdout)
    return {each["name"]: each["value"] for each in stats["EngineStats"][0]["counters"]}


def closed_for_good(plug):
    """Ends a connection by a reset: nothing of it is left at the other end."""
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    plug.close()


def with_hold(document, vip, server, **more):
    """A service `hold`, vip:9000 to the server's 9001, for connections whose other end the test holds as well."""
    document["services"]["hold"] = {"address": vip, "port": 9000, "check": "none",
                                    "servers": {"web1": {"address": server, "port": 9001}}, **more}


def pair(client, server_plug, vip, source=None):
    """A connection to the service `hold`: (client's end, server's end)."""
    mine = connect(client, vip, 9000, source=source)
    return mine, server_plug.accept()[0]


def talk(pair_of_ends):
    """Something goes each way; fails when the connection is gone."""
    for sender, receiver in (pair_of_ends, pair_of_ends[::-1]):
        sender.sendall(b"hello")
        receiver.settimeout(10)
        assert receiver.recv(100) == b"hello"
