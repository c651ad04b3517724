"""Real servers that answer wrongly on purpose: each on a port of its own, each bounded in what it sends."""

import socket
import ssl
import struct
import threading
import time


class Hostile:
    """Serves every connection with `behave(connection, stop)`; stop is an Event set by close().

    What behave sends ends by itself, with the connection, or with stop. tls_context wraps connections before.
    """

    def __init__(self, behave, tls_context=None, backlog=2048, host="127.0.0.1"):
        self.behave = behave
        self.tls_context = tls_context
        self.stop = threading.Event()
        self.accepted = 0
        self.resets_seen = 0
        self.listener = socket.create_server((host, 0), backlog=backlog)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.stop.is_set():
            return
        self.stop.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(timeout=5)

    def _accept(self):
        while not self.stop.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            connection.settimeout(20)
            if self.tls_context:
                connection = self.tls_context.wrap_socket(connection, server_side=True)
            self.behave(connection, self.stop)
        except ConnectionResetError:
            self.resets_seen += 1
        except (OSError, ssl.SSLError):
            pass
        finally:
            connection.close()


def answer(head, body=b""):
    """Reads the request, answers `head` (bytes, without the empty line) and `body`, waits for the end."""

    def behave(connection, stop):
        connection.recv(4096)
        connection.sendall(head + b"\r\n\r\n" + body)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass

    return behave


def silent(connection, stop):
    """Accepts, reads, never says a word."""
    stop.wait(20)


def slow(text):
    """One byte every 100 ms."""

    def behave(connection, stop):
        for i in range(len(text)):
            connection.sendall(text[i : i + 1])
            if stop.wait(0.1):
                return

    return behave


def endless(start, piece, most=1 << 30):
    """`start`, then `piece` again and again: `most` bytes, if anybody takes them."""

    def behave(connection, stop):
        connection.recv(4096)
        connection.sendall(start)
        sent = 0
        while sent < most and not stop.is_set():
            connection.sendall(piece)
            sent += len(piece)

    return behave


def reset(after=b"", wait_for_request=True):
    """Says `after`, then resets."""

    def behave(connection, stop):
        if wait_for_request:
            connection.recv(4096)
        if after:
            connection.sendall(after)
            time.sleep(0.05)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return behave


def say_and_close(text, wait_for_request=True):
    def behave(connection, stop):
        if wait_for_request:
            connection.recv(4096)
        connection.sendall(text)

    return behave


def say_and_hold(text):
    """Says `text` without being asked and keeps the connection open."""

    def behave(connection, stop):
        connection.sendall(text)
        stop.wait(20)

    return behave
