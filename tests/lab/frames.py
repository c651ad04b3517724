"""Ethernet frames in and out for tests beside a kernel: builders that leave every field open to be wrong, and a reader that tells
every field. Plain struct: scapy takes half a minute to load where the processor is emulated."""

import socket
import struct

TCP, UDP, ICMP, IPIP, ICMP6, IP6IP, SCTP, ESP, AH = 6, 17, 1, 4, 58, 41, 132, 50, 51
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128
DF, MF = 0x4000, 0x2000
IPV4, IPV6 = 0x0800, 0x86DD
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS, NO_NEXT_HEADER = 0, 43, 44, 60, 59  # RFC 8200, 4


def total(data):
    """The folded ones' complement sum: 0xffff where a checksum that is part of it is right."""
    data = bytes(data) + b"\0" * (len(data) % 2)
    result = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while result >> 16:
        result = (result & 0xFFFF) + (result >> 16)
    return result


def checksum(data):
    return ~total(data) & 0xFFFF


def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC32C = crc32c_table()


def crc32c(data):
    """SCTP's checksum, as the four bytes of its header (RFC 9260, appendix A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 0xFF]
    return struct.pack("<I", crc ^ 0xFFFFFFFF)


def spoiled(value, by):
    return value ^ 0x5A5A if by else value


def packed(address):
    """The bytes of an address of either family."""
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def ethernet(destination, source, payload, kind=None):
    """Around an IP packet, whose first half byte says which; or around whatever `kind` is said to be."""
    if kind is None:
        kind = IPV6 if payload[:1] and payload[0] >> 4 == 6 else IPV4
    return bytes.fromhex(destination.replace(":", "")) + bytes.fromhex(source.replace(":", "")) + struct.pack("!H", kind) + payload


def ipv4(source, destination, protocol, payload, tos=0, id=0x1234, flags=DF, offset=0, ttl=63, options=b"", bad=False,
         length=None, header_words=None, version=4):
    header_length = 20 + len(options)
    words = header_length // 4 if header_words is None else header_words
    header = struct.pack("!BBHHHBBH4s4s", version << 4 | words, tos, header_length + len(payload) if length is None else length, id,
                         flags | offset // 8, ttl, protocol, 0, packed(source), packed(destination)) + options
    return header[:10] + struct.pack("!H", spoiled(checksum(header), bad)) + header[12:] + payload


def ipv6(source, destination, protocol, payload, tos=0, flow=0, ttl=63, extensions=(), length=None, version=6):
    """`extensions`: (which, its bytes), whose first byte is written here. `length`: of the whole packet, as IPv4 counts it."""
    kinds = [kind for kind, _ in extensions] + [protocol]
    behind = b"".join(bytes([after]) + data[1:] for (_, data), after in zip(extensions, kinds[1:])) + payload
    return struct.pack("!IHBB", version << 28 | tos << 20 | flow, len(behind) if length is None else max(length - 40, 0), kinds[0],
                       ttl) + packed(source) + packed(destination) + behind


def options(kind=HOP_BY_HOP, content=b"\x01\x04\0\0\0\0", words=None):
    """An extension: a header of options, those in `content`; it says that `words` of eight bytes follow the first ones."""
    assert len(content) % 8 == 6
    return kind, bytes([0, len(content) // 8 if words is None else words]) + content


def routing(kind, segments_left, *addresses):
    return ROUTING, struct.pack("!BBBBI", 0, 2 * len(addresses), kind, segments_left, 0) + b"".join(map(packed, addresses))


def part(offset, more, id=0x1234):
    """A fragment header."""
    return FRAGMENT, struct.pack("!BBHI", 0, 0, offset | more, id)


def pseudo(source, destination, protocol, length):
    """What sums up as the pseudo-header does, of either family."""
    return packed(source) + packed(destination) + struct.pack("!BBH", 0, protocol, length)


def tcp(source, destination, source_port, destination_port, flags=SYN, sequence=1000, acknowledgment=0, window=8192, urgent=0,
        options=b"", payload=b"", bad=False, words=None):
    words = 5 + len(options) // 4 if words is None else words
    segment = struct.pack("!HHIIBBHHH", source_port, destination_port, sequence % 2**32, acknowledgment % 2**32, words << 4, flags,
                          window, 0, urgent) + options + payload
    value = spoiled(checksum(pseudo(source, destination, TCP, len(segment)) + segment), bad)
    return segment[:16] + struct.pack("!H", value) + segment[18:]


def udp(source, destination, source_port, destination_port, payload=b"", bad=False, none=False, length=None):
    datagram = struct.pack("!HHHH", source_port, destination_port, 8 + len(payload) if length is None else length, 0) + payload
    value = spoiled(checksum(pseudo(source, destination, UDP, len(datagram)) + datagram) or 0xFFFF, bad)
    return datagram[:6] + struct.pack("!H", 0 if none else value) + datagram[8:]


def sctp(source_port, destination_port, chunks, tag=0x7777, bad=False):
    """`chunks`: (type, value) each."""
    packet = struct.pack("!HHII", source_port, destination_port, tag, 0) + b"".join(
        struct.pack("!BBH", kind, 0, 4 + len(value)) + value + b"\0" * (-len(value) % 4) for kind, value in chunks)
    crc = crc32c(packet)
    return packet[:8] + (bytes([crc[0] ^ 0x5A]) + crc[1:] if bad else crc) + packet[12:]


def icmp(kind, code, rest, payload=b"", bad=False, around=b""):
    """`around`: what else is summed, the pseudo-header of ICMPv6."""
    message = struct.pack("!BBHI", kind, code, 0, rest) + payload
    return message[:2] + struct.pack("!H", spoiled(checksum(around + message), bad)) + message[4:]


def icmp6(source, destination, kind, code, rest, payload=b"", bad=False):
    return icmp(kind, code, rest, payload, bad, pseudo(source, destination, ICMP6, 8 + len(payload)))


def is_icmp_error(protocol, kind):
    return kind in (3, 4, 5, 11, 12) if protocol == ICMP else protocol == ICMP6 and kind < 128


def tell_transport(protocol, source, destination, data):
    """TCP's, UDP's, SCTP's or ICMP's fields. `source` and `destination` are the packet's addresses as bytes."""
    fields = {}
    around = source + destination + struct.pack("!BBH", 0, protocol, len(data))
    if protocol == TCP and len(data) >= 20:
        (fields["source port"], fields["destination port"], fields["sequence"], fields["acknowledgment"], words, fields["flags"],
         fields["window"], _, fields["urgent"]) = struct.unpack_from("!HHIIBBHHH", data)
        fields["data offset"] = words
        fields["checksum error"] = total(around + data) ^ 0xFFFF
        fields["options and payload"] = data[20:].hex()
    elif protocol == UDP and len(data) >= 8:
        fields["source port"], fields["destination port"], fields["length"], value = struct.unpack_from("!HHHH", data)
        fields["checksum error"] = "none made" if value == 0 else total(around + data) ^ 0xFFFF
        fields["payload"] = data[8:].hex()
    elif protocol == SCTP and len(data) >= 12:
        fields["source port"], fields["destination port"], fields["tag"] = struct.unpack_from("!HHI", data)
        right, is_ = crc32c(data[:8] + b"\0\0\0\0" + data[12:]), data[8:12]
        fields["checksum error"] = int.from_bytes(right, "big") ^ int.from_bytes(is_, "big")
        fields["chunks"] = data[12:].hex()
    elif protocol in (ICMP, ICMP6) and len(data) >= 8:
        fields["type"], fields["code"], _, fields["rest"] = struct.unpack_from("!BBHI", data)
        fields["checksum error"] = total((around if protocol == ICMP6 else b"") + data) ^ 0xFFFF
        if is_icmp_error(protocol, fields["type"]):
            fields |= {f"quoted {name}": value for name, value in tell_ip(data[8:], quoted=True).items()}
        else:
            fields["payload"] = data[8:].hex()
    else:
        fields["bytes"] = data.hex()
    return fields


def tell_content(protocol, source, destination, data, quoted, whole):
    """What stands behind the IP header. A quoted packet may be cut short, so its transport is told as far as it goes."""
    if quoted:
        # What the quoted checksum is off by can be told only of a packet that is quoted whole.
        told = whole and tell_transport(protocol, source, destination, data)
        return {"ports": struct.unpack_from("!HH", data) if len(data) >= 4 else None, "bytes behind": len(data),
                "bytes": data[4:16].hex(), "checksum error": whole and told.get("checksum error")}
    if protocol in (IPIP, IP6IP):
        return {f"inner {name}": value for name, value in tell_ip(data).items()}
    return tell_transport(protocol, source, destination, data)


def tell_ipv4(packet, quoted=False):
    """Every field of an IPv4 packet."""
    if len(packet) < 20:
        return {"bytes": packet.hex()}
    fields = {}
    first, fields["tos"], length, fields["id"], fragment, fields["ttl"], protocol, _, source, destination = struct.unpack_from(
        "!BBHHHBBH4s4s", packet)
    header_length = (first & 15) * 4
    fields["version and header"] = first
    fields["total length"] = length
    fields["df"], fields["mf"], fields["offset"] = bool(fragment & DF), bool(fragment & MF), (fragment & 0x1FFF) * 8
    fields["protocol"] = protocol
    fields["header checksum error"] = total(packet[:header_length]) ^ 0xFFFF
    fields["source"], fields["destination"] = socket.inet_ntoa(source), socket.inet_ntoa(destination)
    fields["options"] = packet[20:header_length].hex()
    data = packet[header_length:length]
    if fields["offset"] or fields["mf"]:
        return fields | {"bytes": data.hex()}
    return fields | tell_content(protocol, source, destination, data, quoted, len(packet) >= length)


def walk(packet):
    """Of an IPv6 packet: the protocol behind its extension headers, where it begins, and, of a piece of a datagram, where its fragment
    header stands and where the byte that names it."""
    kind, at, named = packet[6], 40, 6
    while kind in (HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS) and at + 8 <= len(packet):
        length = 8 if kind == FRAGMENT else 8 * (packet[at + 1] + 1)
        # One that is neither preceded nor followed by others is a whole packet (RFC 6946).
        if kind == FRAGMENT and struct.unpack_from("!H", packet, at + 2)[0] & 0xFFF9:
            return packet[at], at + length, (at, named)
        kind, named, at = packet[at], at, at + length
    return kind, at, None


def tell_ipv6(packet, quoted=False):
    """Every field of an IPv6 packet."""
    if len(packet) < 40:
        return {"bytes": packet.hex()}
    first, length, _, hops = struct.unpack_from("!IHBB", packet)
    protocol, at, fragment = walk(packet)
    source, destination = packet[8:24], packet[24:40]
    fields = {"tos": first >> 20 & 0xFF, "flow label": first & 0xFFFFF, "version and header": first >> 28, "total length": 40 + length,
              "ttl": hops, "protocol": protocol, "source": socket.inet_ntop(socket.AF_INET6, source),
              "destination": socket.inet_ntop(socket.AF_INET6, destination), "options": packet[40:at].hex()}
    data = packet[at:40 + length]
    if fragment is not None:
        return fields | {"bytes": data.hex()}
    return fields | tell_content(protocol, source, destination, data, quoted, len(packet) >= 40 + length)


def tell_ip(packet, quoted=False):
    return (tell_ipv6 if packet[:1] and packet[0] >> 4 == 6 else tell_ipv4)(packet, quoted)


def tell_frame(frame):
    """Every field of a frame that holds IP, by name."""
    packet = frame[14:]
    length = 40 + struct.unpack_from("!H", packet, 4)[0] if frame[12:14] == IPV6.to_bytes(2, "big") else struct.unpack_from("!H", packet, 2)[0]
    return {"to mac": frame[:6].hex(":"), "from mac": frame[6:12].hex(":"), "type": frame[12:14].hex(),
            "bytes behind the packet": len(packet) - length} | tell_ip(packet)


def piece_of(frame):
    """Of a fragment: (its datagram's name, its offset, whether more follow, the header that the whole one has, its data). None of a
    whole packet."""
    packet = frame[14:]
    if frame[12:14] == IPV6.to_bytes(2, "big"):
        protocol, at, fragment = walk(packet)
        if fragment is None:
            return None
        place, named = fragment
        field, id_ = struct.unpack_from("!HI", packet, place + 2)
        header = packet[:named] + bytes([protocol]) + packet[named + 1:place]
        return (frame[:14], packet[8:40], id_), field & 0xFFF8, bool(field & 1), header, packet[at:40 + struct.unpack_from("!H", packet, 4)[0]]
    fragment = struct.unpack_from("!H", packet, 6)[0]
    if not fragment & (MF | 0x1FFF):
        return None
    at, length = (packet[0] & 15) * 4, struct.unpack_from("!H", packet, 2)[0]
    return (frame[:14], packet[9], packet[12:20], packet[4:6]), (fragment & 0x1FFF) * 8, bool(fragment & MF), packet[:at], packet[at:length]


def put_together(frames):
    """Frames with the fragments of each datagram put together, in order of arrival of its first piece. Pieces must not overlap."""
    result, open_ = [], {}
    for frame in frames:
        piece = piece_of(frame)
        if piece is None:
            result.append(frame)
            continue
        if piece[0] not in open_:
            open_[piece[0]] = len(result)
            result.append([])
        result[open_[piece[0]]].append((frame, *piece[1:]))
    return [whole_of(entry) if isinstance(entry, list) else entry for entry in result]


def whole_of(pieces):
    """One frame of a datagram's pieces, or the first piece when some are missing."""
    parts = {offset: (data, more) for _, offset, more, _, data in pieces}
    headers = {offset: header for _, offset, _, header, _ in pieces}
    data, place = b"", 0
    while place in parts:
        part, more = parts[place]
        data += part
        place += len(part)
        if not more:
            break
    else:
        return pieces[0][0]
    header, link = headers[0], pieces[0][0][:14]
    if header[0] >> 4 == 6:
        return link + header[:4] + struct.pack("!H", len(header) - 40 + len(data)) + header[6:] + data
    header = header[:2] + struct.pack("!HHH", len(header) + len(data), struct.unpack_from("!H", header, 4)[0], 0) + header[8:10] + b"\0\0" + header[12:]
    return link + header[:10] + struct.pack("!H", checksum(header)) + header[12:] + data


def pieces(packet, sizes, id=0x51525354):
    """The packet's fragments, whose data are so long: of IPv6 with a fragment header, whose protocol every one of them names."""
    at, place, result = (40 if packet[0] >> 4 == 6 else 20), 0, []
    header, data = packet[:at], packet[at:]
    for number, size in enumerate(sizes):
        more, part = number < len(sizes) - 1, data[place:place + size]
        if at == 40:
            behind = struct.pack("!BBHI", header[6], 0, place | more, id) + part
            result.append(header[:4] + struct.pack("!HB", len(behind), FRAGMENT) + header[7:] + behind)
        else:
            piece = header[:2] + struct.pack("!H", 20 + len(part)) + header[4:6] + struct.pack("!H", (MF if more else 0) | place // 8) + header[8:10] + b"\0\0" + header[12:]
            result.append(piece[:10] + struct.pack("!H", checksum(piece)) + piece[12:] + part)
        place += size
    return result
