"""Ethernet frames in and out for tests beside a kernel: builders that leave every field open to be wrong, and a reader that tells
every field. Plain struct: scapy takes half a minute to load where the processor is emulated."""

import socket
import struct

TCP, UDP, ICMP, IPIP = 6, 17, 1, 4
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128
DF, MF = 0x4000, 0x2000


def total(data):
    """The folded ones' complement sum: 0xffff where a checksum that is part of it is right."""
    data = bytes(data) + b"\0" * (len(data) % 2)
    result = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while result >> 16:
        result = (result & 0xFFFF) + (result >> 16)
    return result


def checksum(data):
    return ~total(data) & 0xFFFF


def spoiled(value, by):
    return value ^ 0x5A5A if by else value


def ethernet(destination, source, payload, kind=0x0800):
    return bytes.fromhex(destination.replace(":", "")) + bytes.fromhex(source.replace(":", "")) + struct.pack("!H", kind) + payload


def ipv4(source, destination, protocol, payload, tos=0, id=0x1234, flags=DF, offset=0, ttl=63, options=b"", bad=False,
         length=None, header_words=None, version=4):
    header_length = 20 + len(options)
    words = header_length // 4 if header_words is None else header_words
    header = struct.pack("!BBHHHBBH4s4s", version << 4 | words, tos, header_length + len(payload) if length is None else length, id,
                         flags | offset // 8, ttl, protocol, 0, socket.inet_aton(source), socket.inet_aton(destination)) + options
    return header[:10] + struct.pack("!H", spoiled(checksum(header), bad)) + header[12:] + payload


def pseudo(source, destination, protocol, length):
    return socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!BBH", 0, protocol, length)


def tcp(source, destination, source_port, destination_port, flags=SYN, sequence=1000, acknowledgment=0, window=8192, urgent=0,
        options=b"", payload=b"", bad=False, words=None):
    words = 5 + len(options) // 4 if words is None else words
    segment = struct.pack("!HHIIBBHHH", source_port, destination_port, sequence, acknowledgment, words << 4, flags, window, 0,
                          urgent) + options + payload
    value = spoiled(checksum(pseudo(source, destination, TCP, len(segment)) + segment), bad)
    return segment[:16] + struct.pack("!H", value) + segment[18:]


def udp(source, destination, source_port, destination_port, payload=b"", bad=False, none=False, length=None):
    datagram = struct.pack("!HHHH", source_port, destination_port, 8 + len(payload) if length is None else length, 0) + payload
    value = spoiled(checksum(pseudo(source, destination, UDP, len(datagram)) + datagram) or 0xFFFF, bad)
    return datagram[:6] + struct.pack("!H", 0 if none else value) + datagram[8:]


def icmp(kind, code, rest, payload=b"", bad=False):
    message = struct.pack("!BBHI", kind, code, 0, rest) + payload
    return message[:2] + struct.pack("!H", spoiled(checksum(message), bad)) + message[4:]


def tell_transport(protocol, source, destination, data):
    """TCP's, UDP's or ICMP's fields. `source` and `destination` are the packet's addresses as four bytes."""
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
    elif protocol == ICMP and len(data) >= 8:
        fields["type"], fields["code"], _, fields["rest"] = struct.unpack_from("!BBHI", data)
        fields["checksum error"] = total(data) ^ 0xFFFF
        if fields["type"] in (3, 4, 5, 11, 12):
            fields |= {f"quoted {name}": value for name, value in tell_ipv4(data[8:], quoted=True).items()}
        else:
            fields["payload"] = data[8:].hex()
    else:
        fields["bytes"] = data.hex()
    return fields


def tell_ipv4(packet, quoted=False):
    """Every field of an IPv4 packet. A quoted one may be cut short, so its transport is told as far as it goes."""
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
    if quoted:
        ports = struct.unpack_from("!HH", data) if len(data) >= 4 else None
        # What the quoted checksum is off by can be told only of a packet that is quoted whole.
        whole = len(packet) >= length and tell_transport(protocol, source, destination, data)
        return fields | {"ports": ports, "bytes behind": len(data), "bytes": data[4:16].hex(),
                         "checksum error": whole and whole.get("checksum error")}
    if protocol == IPIP:
        return fields | {f"inner {name}": value for name, value in tell_ipv4(data).items()}
    return fields | tell_transport(protocol, source, destination, data)


def tell_frame(frame):
    """Every field of a frame that holds IPv4, by name."""
    length = struct.unpack_from("!H", frame, 16)[0]
    fields = {"to mac": frame[:6].hex(":"), "from mac": frame[6:12].hex(":"), "type": frame[12:14].hex(),
              "bytes behind the packet": len(frame) - 14 - length}
    return fields | tell_ipv4(frame[14:])


def put_together(frames):
    """Frames with the fragments of each datagram put together, in order of arrival of its first piece. Pieces must not overlap."""
    result, open_ = [], {}
    for frame in frames:
        fragment = struct.unpack_from("!H", frame, 20)[0]
        if not fragment & (MF | 0x1FFF):
            result.append(frame)
            continue
        key = frame[:14], frame[18:20], frame[23], frame[26:34]
        if key not in open_:
            open_[key] = len(result)
            result.append([])
        result[open_[key]].append(frame)
    return [whole_of(entry) if isinstance(entry, list) else entry for entry in result]


def whole_of(pieces):
    """One frame of a datagram's pieces, or the first piece when some are missing."""
    parts = {}
    for piece in pieces:
        header = (piece[14] & 15) * 4
        length, fragment = struct.unpack_from("!H", piece, 16)[0], struct.unpack_from("!H", piece, 20)[0]
        parts[(fragment & 0x1FFF) * 8] = piece[14 + header:14 + length], bool(fragment & MF), piece[14:14 + header], piece[:14]
    data, place = b"", 0
    while place in parts:
        part, more, _, _ = parts[place]
        data += part
        place += len(part)
        if not more:
            break
    else:
        return pieces[0]
    _, _, header, link = parts[0]
    header = header[:2] + struct.pack("!HHH", len(header) + len(data), struct.unpack_from("!H", header, 4)[0], 0) + header[8:10] + b"\0\0" + header[12:]
    return link + header[:10] + struct.pack("!H", checksum(header)) + header[12:] + data
