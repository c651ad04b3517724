"""The connections that either director has, read and told in the same words. Templates of persistence are left out."""

import ipaddress
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))
from world import entered

# What /proc/net/ip_vs_conn calls the states of SCTP, where it says less than Tandem.
SHORT = {"C-SENT": "COOKIE_SENT", "C-REPLIED": "COOKIE_REPLIED", "C-WAIT": "COOKIE_WAIT", "C-ECHOED": "COOKIE_ECHOED", "S-SENT": "SHUTDOWN_SENT",
         "S-RECEIVED": "SHUTDOWN_RECEIVED", "S-ACK-SENT": "SHUTDOWN_ACK_SENT"}


@dataclass(frozen=True)
class Connection:
    protocol: str
    client: str
    client_port: int
    state: str
    seconds: int  # IPVS: that are left; Tandem: that it lasts after a packet
    server: str  # IPVS: address; Tandem: name
    port: int = 0  # of the service, as IPVS says it
    service: str = ""  # name, as Tandem says it


def connections_of_ipvs(namespace):
    address = lambda text: str(ipaddress.ip_address(text if ":" in text else int(text, 16)))  # noqa: E731
    with entered(namespace), open("/proc/thread-self/net/ip_vs_conn") as table:
        lines = table.readlines()[1:]
    found = []
    for line in lines:
        protocol, client, client_port, _, port, server, _, state, seconds = line.split()[:9]
        # A template has no client port; a question of UDP may come from port 0.
        if client_port != "0000" or protocol == "UDP":
            found.append(Connection(protocol.lower(), address(client), int(client_port, 16),
                                    f"SCTP_{SHORT.get(state, state)}" if protocol == "SCTP" and state != "NONE" else state, int(seconds),
                                    address(server), port=int(port, 16)))
    return found


def flows_of_tandem(process):
    """Of a forwarder_alone."""
    process.send_signal(signal.SIGUSR1)
    found = []
    for line in process.stdout:
        if line == "flows\n":
            return found
        _, protocol, client, client_port, service, server, state, seconds = line.split()
        if state != "TEMPLATE":
            found.append(Connection(protocol, str(ipaddress.ip_address(client)), int(client_port), state, int(seconds), server, service=service))
    raise RuntimeError("forwarder_alone ended")
