"""`./dev bench bulk`: bulk TCP through a director with all offloads on, Tandem beside the kernel's own forwarding, in turn.

    iperf3 ════ eth0 director eth1 ════ iperf3 -s
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from tracks import NAT_PORT, PORT, VIP, Kernel, Tandem, Track  # noqa: E402  (tracks finds the lab)
from world import World, require_root, wait_until  # noqa: E402


def gbits(track, port, way, seconds, streams):
    words = track.sender.run("iperf3", "-c", VIP, "-p", port, "-t", seconds, "-P", streams, "-J", *way)
    return json.loads(words)["end"]["sum_received"]["bits_per_second"] / 1e9


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bin", type=Path, required=True)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--seconds", type=int, default=3)
    options.add_argument("--streams", type=int, default=1)
    options.add_argument("--methods", nargs="*", default=["nat", "dr"])
    options.add_argument("--workers", type=int, help="as `workers` of the site file")
    options = options.parse_args()
    require_root()
    with World() as world:
        world.bin = options.bin.resolve()
        kernel_track, tandem_track = Track(world, "t0"), Track(world, "t1")
        kernel = Kernel(kernel_track)
        tandem = Tandem(tandem_track, more={"workers": options.workers} if options.workers else {}, bound=False)
        for contestant in (kernel, tandem):
            track = contestant.track
            # Plain forwarding and direct routing bring packets to the VIP, and answers pass the director either way.
            track.receiver.ip("addr", "add", f"{VIP}/32", "dev", "lo")
            # A server's answer comes from the VIP, which is the director's own.
            track.director.sysctl(**{"net/ipv4/ip_forward": 1, "net/ipv4/conf/all/accept_local": 1})
            contestant.start()
            for port in (NAT_PORT, PORT["dr"]):
                log = f"{track.name}.{port}.log"
                track.receiver.start("iperf3", "-s", "-p", port, "--forceflush", log=log)
                wait_until("iperf3 listens", lambda: "listening" in (world.folder / log).read_text(), 10)
        for method in options.methods:
            inner = NAT_PORT if method == "nat" else PORT["dr"]
            for name, way in (("to the server", []), ("to the client", ["-R"])):
                plain, ours = [], []
                for _ in range(options.runs):
                    plain.append(gbits(kernel_track, inner, way, options.seconds, options.streams))
                    ours.append(gbits(tandem_track, PORT[method], way, options.seconds, options.streams))
                plain_median, our_median = statistics.median(plain), statistics.median(ours)
                print(f"{method:3} {name}  kernel {plain_median:6.2f} Gbit/s ({min(plain):.2f}-{max(plain):.2f})   "
                      f"Tandem {our_median:6.2f} ({min(ours):.2f}-{max(ours):.2f})   ratio {our_median / plain_median:.2f}", flush=True)
        tandem.stop()


if __name__ == "__main__":
    main()
