"""Hostile servers by the hundred, as one program: hostile_crowd.py CERTIFICATE KEY.

Says "NAME PORT" for each kind, one a line, and serves until it is ended. Then it says of every request to the good one when it
came, in seconds of the monotonic clock.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
import time

OK = b"HTTP/1.1 200 OK\r\n"


async def good(reader, writer):
    print(f"good at {time.monotonic():.6f}", flush=True)
    await reader.read(4096)
    writer.write(OK + b"Content-Length: 0\r\n\r\n")
    await writer.drain()


async def silent(reader, writer):
    await asyncio.sleep(30)


async def one_byte_a_second(reader, writer):
    for byte in OK + b"X: " + b"y" * 30:
        writer.write(bytes([byte]))
        await asyncio.sleep(1)


def endless(start, piece, most):
    async def serve(reader, writer):
        await reader.read(4096)
        writer.write(start)
        for _ in range(most // len(piece)):
            if writer.is_closing():
                return
            writer.write(piece)
            await writer.drain()
    return serve


async def reset(reader, writer):
    await reader.read(4096)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def close(reader, writer):
    await reader.read(4096)  # unread, the close would be a reset


KINDS = {
    "good": good, "silent": silent, "slow": one_byte_a_second,
    "header": endless(OK + b"X: ", b"y" * 4096, 10 << 20),
    "body": endless(OK + b"Content-Length: 1073741824\r\n\r\n", b"y" * 65536, 1 << 30),
    "tls-stall": silent, "tls-garbage": endless(b"", b"\x16\x03\x03\x40\x00" + b"\x02" * 16384, 4 << 20),
    "reset": reset, "close": close, "self-signed": good,
}


async def main(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    servers = []
    for name, behave in KINDS.items():
        async def serve(reader, writer, behave=behave):
            with contextlib.suppress(OSError, ssl.SSLError, asyncio.CancelledError):
                await behave(reader, writer)
            writer.close()
        server = await asyncio.start_server(serve, "0.0.0.0", 0, backlog=4096,
                                            ssl=context if name == "self-signed" else None)
        servers.append(server)
        print(name, server.sockets[0].getsockname()[1], flush=True)
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
