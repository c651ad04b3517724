"""./dev demo: a whole site on this machine, a drill, and a report.

Two directors (the real tandemd), three web servers (the real nginx), one client with a stream of short requests and one
long download, joined by bridges in network namespaces of their own. The drill: a web server is stopped and comes back; the
active director is ended with kill -9, all of it at once; it comes back. Leaves nothing behind, also after Ctrl-C.
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from board import Board  # noqa: E402
from client import Client  # noqa: E402
from topology import SERVERS, VIP, Site  # noqa: E402
from world import World, require_root, wait_until  # noqa: E402

# What a takeover may cost at 1 s adverts: three intervals and the backup's skew (RFC 9568, 6.1), and 50 ms of our own.
TAKEOVER_BOUND_MS = 3_000 + (256 - 100) / 256 * 1_000 + 50
# The check of the demo: every 500 ms, two failures in a row, each at most 500 ms; then 100 ms to carry the news.
NOTICE_SECONDS = 0.5 * 1.1 * 2 + 0.5 + 0.1


class Drill:
    def __init__(self, site, board, headless):
        self.site, self.board, self.headless = site, board, headless
        self.events = []
        self.client = None

    def event(self, name):
        self.events.append({"event": name, "at": time.monotonic()})
        self.board.say(name)
        return self.events[-1]

    def watch(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.board.draw(self.client)
            time.sleep(0.1)

    def until(self, what, condition, seconds):
        def look():
            self.board.draw(self.client)
            return condition()
        return wait_until(what, look, seconds, every=0.05)

    def run(self):
        site, a, b = self.site, self.site.directors["dir-a"], self.site.directors["dir-b"]
        self.event("the site comes up")
        site.start()
        self.client = Client(site, VIP, rate=100, seconds=120)
        self.board.start(self.client)
        self.until("the first answers", lambda: len(self.client.requests) > 50 and self.client.download, 10)
        self.event("all is well")
        self.watch(2)

        stopped = self.event("web1 is stopped")
        site.servers["web1"].stop()
        self.until("web1 noticed", lambda: all(not d.server("web1")["up"] for d in (a, b) if d.server("web1")), 10)
        stopped["noticed_ms"] = round((time.monotonic() - stopped["at"]) * 1000)
        self.watch(3)
        back = self.event("web1 is started again")
        site.servers["web1"].start()
        self.until("web1 back", lambda: all((d.server("web1") or {}).get("up") for d in (a, b)), 15)
        back["noticed_ms"] = round((time.monotonic() - back["at"]) * 1000)
        self.watch(2)

        killed = self.event("dir-a, the active director, is ended: kill -9 of every process")
        a.kill()
        self.until("dir-b active", b.is_active, 10)
        killed["takeover_ms"] = round((time.monotonic() - killed["at"]) * 1000)
        self.watch(3)
        returned = self.event("dir-a is started again")
        a.start()
        self.until("dir-a active again", a.is_active, 40)
        returned["active_ms"] = round((time.monotonic() - returned["at"]) * 1000)
        self.watch(3)
        self.event("the end")
        self.client.stop()

    def report(self):
        client, problems, rows = self.client, [], []
        for this, following in zip(self.events[1:], self.events[2:]):
            start, end = this["at"], following["at"]
            outage = client.outage_ms(start, end)
            failed = client.failed(start, end)
            row = {"event": this["event"], "outage_ms": round(outage),
                   "requests": sum(1 for r in client.requests if start <= r["start"] < end), "failed": len(failed)}
            row.update({key: value for key, value in this.items() if key.endswith("_ms")})
            rows.append(row)
            if "every process" in this["event"]:
                if outage > TAKEOVER_BOUND_MS:
                    problems.append(f"the takeover cost {outage:.0f} ms, more than {TAKEOVER_BOUND_MS:.0f}")
                late = [r for r in failed if r["start"] > start + outage / 1000 + 0.1]
            elif "stopped" in this["event"]:
                late = [r for r in failed if r["start"] > start + NOTICE_SECONDS]
            else:
                late = failed
            if late:
                problems.append(f"{this['event']}: {len(late)} requests failed that should not have: {late[0]['error']}")
        total, error = client.download_state()
        used = {r["server"] for r in client.requests if r["ok"]}
        if error:
            problems.append(f"the download was lost: {error}")
        if used != set(SERVERS):
            problems.append(f"only {sorted(used)} answered")
        return {
            "method": self.site.method,
            "events": rows,
            "requests": {"sent": len(client.requests), "failed": len(client.failed())},
            "download": {"bytes": total, "went_on": not error},
            "ok": not problems,
            "problems": problems,
        }


def print_report(report):
    print(f"\nTandem demo, method {report['method']}")
    print(f"  {'event':<66} {'outage':>9} {'requests':>9} {'failed':>7}")
    for row in report["events"]:
        more = "".join(f", {key[:-3].replace('_', ' ')} after {value} ms" for key, value in row.items()
                       if key.endswith("_ms") and key != "outage_ms")
        print(f"  {row['event']:<66} {row['outage_ms']:>6} ms {row['requests']:>9} {row['failed']:>7}{more}")
    requests, download = report["requests"], report["download"]
    print(f"  requests: {requests['sent']} sent, {requests['failed']} failed")
    print(f"  the long download through the killed director: "
          f"{'went on' if download['went_on'] else 'WAS LOST'}, {download['bytes'] / 1e6:.1f} MB, every byte checked")
    for problem in report["problems"]:
        print(f"  WRONG: {problem}")
    print("  all as it should be" if report["ok"] else "  not as it should be")


def main():
    words = argparse.ArgumentParser(prog="./dev demo", description="A whole site on this machine, a drill, and a report.")
    words.add_argument("--method", choices=["nat", "dr", "tun"], default="nat")
    words.add_argument("--headless", action="store_true", help="only the report; exit status 1 if anything went wrong")
    words.add_argument("--json", action="store_true", help="the report as JSON")
    words.add_argument("--bin", default="build/bin", help=argparse.SUPPRESS)
    given = words.parse_args()
    require_root()
    headless = given.headless or given.json or not sys.stdout.isatty()
    with World() as world:
        site = Site(world, given.bin, given.method)
        board = Board(site, quiet=headless)
        world.at_close.append(board.end)
        drill = Drill(site, board, headless)
        try:
            drill.run()
            report = drill.report()
        except (TimeoutError, RuntimeError) as problem:
            report = {"method": given.method, "ok": False, "problems": [str(problem)]}
            for director in site.directors.values():
                print(f"--- {director.name}, last lines of its log\n" + "\n".join(director.log().splitlines()[-15:]),
                      file=sys.stderr)
        finally:
            board.end()
    if given.json:
        print(json.dumps(report, indent=2))
    elif "events" in report:
        print_report(report)
    else:
        print("Tandem demo: " + report["problems"][0])
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
