"""The client's traffic: a stream of short requests, and a long download. Runs inside the client's namespace.

Prints one JSON line for every finished request and every 100 ms of the download:
    {"kind": "request", "start": s, "end": s, "ok": bool, "server": "web1", "error": ""}
    {"kind": "download", "at": s, "bytes": n, "connections": n, "error": ""}
Times are CLOCK_MONOTONIC seconds, which all processes of a machine share.

    traffic.py ADDRESS PORT --rate 100 [--download]
"""

import argparse
import asyncio
import json
import signal
import socket
import sys
import time

REQUEST_SECONDS = 10  # past that a request counts as failed
MOST_AT_ONCE = 2000


def say(**fields):
    sys.stdout.write(json.dumps(fields) + "\n")


async def request(address, port):
    start = time.monotonic()
    server, error = "", ""
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                writer.write(b"GET /who HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
                answer = await reader.read(65536)
                while chunk := await reader.read(65536):
                    answer += chunk
            finally:
                writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 200 "):
            server = body.decode().strip()
        else:
            error = "no valid answer" if answer else "closed without an answer"
    except (TimeoutError, OSError) as problem:
        error = f"{type(problem).__name__}: {problem}".rstrip(": ")
    say(kind="request", start=start, end=time.monotonic(), ok=not error, server=server, error=error)


async def download(address, port):
    """Reads /slow over and over, checks every byte, and says how far it is. Any error ends it: the connection was lost."""
    total, connections = 0, 0
    while True:
        connections += 1
        try:
            reader, writer = await asyncio.open_connection(address, port)
            writer.write(b"GET /slow HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head.split(b"\r\n")[0]:
                raise OSError("refused: " + head.decode(errors="replace").split("\r\n")[0])
            size = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")).split(b":")[1])
            place, left_over, said = 0, b"", 0.0
            while place < size:
                chunk = await reader.read(65536)
                if not chunk:
                    raise OSError(f"ended at {place} of {size} bytes")
                data = left_over + chunk
                whole = len(data) // 8 * 8
                first = (place - len(left_over)) // 8
                expected = b"".join(number.to_bytes(8, "big") for number in range(first, first + whole // 8))
                if data[:whole] != expected:
                    raise OSError(f"wrong bytes near {place}")
                left_over = data[whole:]
                place += len(chunk)
                total += len(chunk)
                if time.monotonic() - said > 0.1:
                    said = time.monotonic()
                    say(kind="download", at=said, bytes=total, connections=connections, error="")
            writer.close()
        except (OSError, asyncio.IncompleteReadError) as problem:
            say(kind="download", at=time.monotonic(), bytes=total, connections=connections,
                error=f"{type(problem).__name__}: {problem}")
            return


async def main():
    words = argparse.ArgumentParser()
    words.add_argument("address")
    words.add_argument("port", type=int)
    words.add_argument("--rate", type=float, default=100, help="requests per second")
    words.add_argument("--download", action="store_true")
    words.add_argument("--seconds", type=float, default=300, help="ends by itself after so long")
    given = words.parse_args()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    sys.stdout.reconfigure(line_buffering=True)
    reading = asyncio.create_task(download(given.address, given.port)) if given.download else None
    running = set()
    end = time.monotonic() + given.seconds
    due = time.monotonic()
    while not stop.is_set() and time.monotonic() < end:
        if len(running) < MOST_AT_ONCE:
            task = asyncio.create_task(request(given.address, given.port))
            running.add(task)
            task.add_done_callback(running.discard)
        due += 1 / given.rate
        await asyncio.sleep(max(0, due - time.monotonic()))
    if running:
        await asyncio.wait(running, timeout=REQUEST_SECONDS + 1)
    if reading:
        reading.cancel()


if __name__ == "__main__":
    socket.setdefaulttimeout(REQUEST_SECONDS)
    asyncio.run(main())
