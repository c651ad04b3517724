"""What the checkers room costs: processor, memory and lateness for many servers. Run by hand, as root:

    bench_checkers.py FOLDER-OF-PROGRAMS [SERVERS [INTERVAL-SECONDS [SECONDS [tcp|http|silent]]]]

The servers are one process on every address of 10.0.0.0/8, in a network namespace of their own. `silent` accepts and says
nothing to an http check, so that every attempt hangs until its timeout.
"""

import json
import multiprocessing
import socket
import sys
import time
from pathlib import Path

from supervisor import RoomProcess
from test_checkers_room import CLONE_NEWNET, ctypes
from world import run


def serve(listener, kind):
    held = []
    while True:
        connection, _ = listener.accept()
        if kind == "http":
            connection.recv(4096)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        if kind == "silent":
            held.append(connection)
            if len(held) > 18000:
                held.pop(0).close()
        else:
            connection.close()


def site(servers, port, kind, interval):
    check = {"tcp": "tcp: {}", "http": "http: { path: / }", "silent": "http: { path: / }"}[kind]
    text = ["site: bench\ndirectors:\n  dir-a: { peer_address: 192.0.2.11 }\nservices:\n"]
    for i in range(servers):
        if i % 100 == 0:  # a hundred servers a service
            text.append(f"  s{i // 100}:\n    address: 198.51.100.10\n    port: {1000 + i // 100}\n    forward: nat\n"
                        f"    check: {{ {check}, interval: {interval}s, timeout: {interval}s }}\n    servers:\n")
        text.append(f"      r{i}: {{ address: 10.{1 + i // 60000}.{i % 60000 // 200}.{1 + i % 200}, port: {port} }}\n")
    return "".join(text)


def attempts_made():
    """Connections this namespace has opened since it was made."""
    names, values = [line.split() for line in open("/proc/self/net/snmp") if line.startswith("Tcp:")]
    return int(values[names.index("ActiveOpens")])


def main():
    programs = Path(sys.argv[1])
    servers, interval, seconds = (int(w) for w in (*sys.argv[2:5], *("10000", "1", "20")[len(sys.argv[2:5]):]))
    kind = sys.argv[5] if len(sys.argv) > 5 else "tcp"
    assert ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) == 0
    run("ip", "link", "set", "lo", "up")
    run("ip", "route", "add", "local", "10.0.0.0/8", "dev", "lo")
    listener = socket.create_server(("0.0.0.0", 0), backlog=4096)
    for _ in range(2):
        multiprocessing.Process(target=serve, args=(listener, kind), daemon=True).start()
    text = site(servers, listener.getsockname()[1], kind, interval)
    begin = time.monotonic()
    with RoomProcess(programs / "tandem-checkers-room", text) as room:
        room.wait_for(lambda message, _: message == "RoomReady", 60)
        ready = time.monotonic() - begin
        room.listen(2 * interval + 2)
        room.heard.clear()
        cpu, begin, before = room.cpu_seconds(), time.monotonic(), attempts_made()
        room.listen(seconds)
        checks = attempts_made() - before
        cpu, took = room.cpu_seconds() - cpu, time.monotonic() - begin
        messages = len(room.heard)
        sockets = open("/proc/net/sockstat").read().splitlines()
        reload_begin = time.monotonic()
        room.say_site(text.replace("weight: 1", "weight: 2"), 2)
        room.wait_for(lambda message, fields: message == "RoomReady" and fields["generation"] == 2, 60)
        print(json.dumps({"servers": servers, "interval_s": interval, "kind": kind, "ready_s": round(ready, 2),
                          "checks_per_s": round(checks / took), "cores": round(cpu / took, 3),
                          "us_per_check": round(cpu * 1e6 / checks, 1),
                          "memory_mb": round(room.memory_kb() / 1024, 1), "messages_per_s": round(messages / took),
                          "reload_s": round(time.monotonic() - reload_begin, 2),
                          "events": sorted(set(room.events())), "tcp": [s for s in sockets if s.startswith("TCP:")][0]}))


if __name__ == "__main__":
    main()
