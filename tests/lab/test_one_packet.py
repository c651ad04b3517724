"""Services that place every packet by itself (one_packet), and what goes beside a key exchange: AH and ESP."""

import pytest

from ends import ALL_FRAMES, arrived, counters, datagrams, echo, flows, frames, mac_of
from frames import AH, ESP, IPIP, UDP, ethernet, ipv4, tell_frame, udp
from topology import SERVERS, VIP
from world import wait_until

FIRST, SECOND = "198.51.100.100", "198.51.100.101"
ROUNDS = 4


def with_names(method, **more):
    def change(document):
        document["services"]["names"] = {
            "address": VIP, "port": 53, "protocol": "udp", "forward": method, "check": "none", "scheduler": "rr",
            "servers": {name: {"address": address, "port": 5353 if method == "nat" else 53} for name, address in SERVERS.items()}} | more
    return change


@pytest.mark.parametrize("method", ["nat", "dr", "tun"])
def test_every_datagram_of_one_client_port_goes_to_the_next_server(make_site, method):
    site = make_site(method=method, change=with_names(method, one_packet=True))
    a, b = site.directors["dir-a"], site.directors["dir-b"]
    for name, server in site.servers.items():
        echo(datagrams(server.host, *(("0.0.0.0", 5353) if method == "nat" else (VIP, 53))), b" " + name.encode())
    site.start()
    plug = datagrams(site.client, seconds=2)
    plug.connect((VIP, 53))  # an answer from anywhere else would not be heard

    def ask():
        plug.send(b"who")
        try:
            return plug.recv(100).decode().split()[1]
        except TimeoutError:
            return None
    wait_until("all answer", lambda: {ask() for _ in range(3)} == set(SERVERS), 20)
    assert sorted(ask() for _ in range(3 * ROUNDS)) == sorted([*SERVERS] * ROUNDS)
    assert flows(a, "--protocol", "udp") == [], "no flow is kept"
    # A server that is drained gets nothing from the next datagram on.
    a.ctl("server", "set", "names/web1", "drain")
    wait_until("no datagram goes to it", lambda: "web1" not in {ask() for _ in range(6)}, 5)
    # And without any flow a takeover is nothing to it.
    a.kill()
    wait_until("dir-b active", b.is_active, 15)
    wait_until("all answer: the word was said on dir-a alone", lambda: {ask() for _ in range(3)} == set(SERVERS), 20)


def beside(protocol, number, source=FIRST):
    """An ESP packet is its SPI, a number and noise; AH's header says its length and what follows (RFC 4303, RFC 4302)."""
    spi = b"\0\0\x11\x11" + number.to_bytes(4, "big")
    return ipv4(source, VIP, protocol, (spi if protocol == ESP else bytes([ESP, 4, 0, 0]) + spi + b"\0" * 12) + b"secret" * 10)


@pytest.mark.parametrize("method", ["dr", "tun"])
def test_ah_and_esp_follow_their_clients_key_exchange(make_site, method):
    site = make_site(method=method, change=with_names(method, port=500, servers={
        name: {"address": address, "port": 500} for name, address in SERVERS.items()}))
    a = site.directors["dir-a"]
    site.start()
    plug, mac = frames(site.client, "eth0"), mac_of(a.host, "eth0")
    wires = {frames(server.host, "eth0", ALL_FRAMES): name for name, server in site.servers.items()}

    def send(packet):
        plug.send(ethernet(mac, "02:00:00:00:00:99", packet))

    def came(protocol):
        """(server, source, what is behind the IP header) of the packets of a protocol that have come to servers."""
        seen = []
        for wire, frame in arrived([*wires]):
            fields = tell_frame(frame) if frame[12:14] == b"\x08\0" else {}
            inner = "inner " if method == "tun" and fields.get("protocol") == IPIP else ""
            if fields.get(inner + "protocol") == protocol and fields[inner + "destination"] == VIP:
                seen.append((wires[wire], fields[inner + "source"], fields.get(inner + "bytes")))
        return seen

    def key_exchange(source):
        """Which server it goes to; its client begins again until the next hop is known."""
        found = []

        def once():
            send(ipv4(source, VIP, UDP, udp(source, VIP, 500, 500, b"isakmp")))
            found.extend(name for name, sender, _ in came(UDP) if sender == source)
            return found
        wait_until("the key exchange reaches a server", once, 10)
        return found[0]

    servers = {source: key_exchange(source) for source in (FIRST, SECOND)}
    assert servers[FIRST] != servers[SECOND], "rr"
    came(UDP)
    for protocol in (ESP, AH):
        for source, server in servers.items():
            packets = [beside(protocol, number, source) for number in range(1, 6)]
            for packet in packets:
                send(packet)
            assert came(protocol) == [(server, source, packet[20:].hex()) for packet in packets], (protocol, source)
    # Without a key exchange it is dropped, and the director's own stack says nothing to it either.
    before = counters(a)["drop_out_of_state"]  # nothing of that kind has come yet, so it is up to date
    ear = frames(site.client, "eth0", 0x0800)
    for protocol in (ESP, AH):
        send(beside(protocol, 1, "198.51.100.102"))
    wait_until("it is counted", lambda: counters(a)["drop_out_of_state"] == before + 2, 5)
    assert came(ESP) == came(AH) == []
    said = [tell_frame(frame) for _, frame in arrived([ear])]
    assert [fields for fields in said if fields["destination"] == "198.51.100.102"] == []
    # When the key exchange's flow is ended, what goes beside it is stopped as well.
    assert a.ctl("flows", "--kill", "--client", FIRST, "--protocol", "udp").stdout == "1 flow ended\n"
    send(beside(ESP, 6))
    assert came(ESP) == []
