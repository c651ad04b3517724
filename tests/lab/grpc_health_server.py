"""A gRPC health server, as a program: grpc_health_server.py PORT [CERTIFICATE KEY [CLIENTS-CA]].

Debian has grpcio, but not the package with health.proto's generated code: the two messages are so small that they are written
here by hand. The service asked about says what is answered: "" and "up" are SERVING, "down" NOT_SERVING, "new" UNKNOWN,
"empty" no status at all, "slow" nothing for a minute, "hung-up" an abort; any other is not found.
"""

import sys
import time
from concurrent import futures

import grpc

STATUSES = {"": b"\x08\x01", "up": b"\x08\x01", "down": b"\x08\x02", "new": b"\x08\x00", "empty": b""}


def service_of(request):
    """HealthCheckRequest: field 1, a string."""
    if not request:
        return ""
    assert request[0] == 0x0A and request[1] == len(request) - 2, request
    return request[2:].decode()


def check(request, context):
    service = service_of(request)
    if service == "slow":
        time.sleep(60)
    if service == "hung-up":
        context.abort(grpc.StatusCode.UNAVAILABLE, "no database, no cart")
    if service not in STATUSES:
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service " + service)
    return STATUSES[service]


def main(port, certificate=None, key=None, clients_ca=None, *, methods=True):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    if methods:
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
            "grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check)}),))
    if certificate:
        ca = open(clients_ca, "rb").read() if clients_ca else None
        pair = (open(key, "rb").read(), open(certificate, "rb").read())
        server.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([pair], ca, ca is not None))
    else:
        server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    if sys.argv[1] == "without-health":
        main(sys.argv[2], methods=False)
    else:
        main(*sys.argv[1:])
