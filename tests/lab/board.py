"""The live board of the demo: who is active, VIPs, servers and weights, connections, requests per second, outage so far."""

import sys
import time

CLEAR, HOME, HIDE, SHOW = "\x1b[2J", "\x1b[H", "\x1b[?25l", "\x1b[?25h"
GREEN, RED, YELLOW, BOLD, OFF = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[0m"
COLOUR = {"active": GREEN, "backup": "", "fault": RED, "initialize": YELLOW}


class Board:
    def __init__(self, site, quiet):
        self.site, self.quiet = site, quiet
        self.began = time.monotonic()
        self.news = []
        self.drawn = 0.0
        self.client = None
        self.shown = False

    def say(self, text):
        self.news.append((time.monotonic() - self.began, text))
        if not self.quiet and not self.shown:
            print(f"{self.news[-1][0]:6.1f} s  {text}", flush=True)

    def start(self, client):
        self.client = client
        if not self.quiet:
            self.shown = True
            sys.stdout.write(CLEAR + HIDE)

    def draw(self, client):
        if self.quiet or not self.shown or time.monotonic() - self.drawn < 0.2:
            return
        self.drawn = time.monotonic()
        sys.stdout.write(HOME + "".join(line + "\x1b[K\n" for line in self.lines(client)) + "\x1b[J")
        sys.stdout.flush()

    def lines(self, client):
        yield f"{BOLD}Tandem demo{OFF}   method {self.site.method}   {time.monotonic() - self.began:5.1f} s"
        yield ""
        statuses = {name: director.status() for name, director in self.site.directors.items()}
        for name, status in statuses.items():
            if status is None:
                yield f"  {BOLD}{name}{OFF}  {RED}does not answer{OFF}"
                continue
            for router in status.get("InstanceState", []):
                state = router["state"]
                yield (f"  {BOLD}{name}{OFF}  {router['router']:<6} {COLOUR.get(state, '')}{state:<10}{OFF} priority "
                       f"{router['priority']:<4} {' '.join(router['addresses'])}")
            for peer in status.get("SyncStatus", []):
                yield f"         peer link to {peer['peer']}: {'in step' if peer['in_step'] else peer['reason']}"
        yield ""
        healthy = next((s for s in statuses.values() if s and any(
            r["state"] == "active" for r in s.get("InstanceState", []))), None)
        if healthy:
            stats = {s["server"]: s for s in healthy.get("ServerStats", [])}
            yield f"  {'server':<8} {'state':<7} {'weight':>6} {'active':>7} {'ever':>8}"
            for server in healthy.get("ServerHealth", []):
                numbers = stats.get(server["server"], {})
                state = f"{GREEN}up{OFF}     " if server["up"] else f"{RED}down{OFF}   "
                yield (f"  {server['server']:<8} {state} {server['weight']:>6} {numbers.get('active_connections', 0):>7} "
                       f"{numbers.get('connections', 0):>8}   {'' if server['up'] else server['reason']}")
        else:
            yield f"  {RED}nobody is active{OFF}"
        yield ""
        last = next((r["end"] for r in reversed(client.requests) if r["ok"]), self.began)
        outage = max(0.0, time.monotonic() - last - 1 / client.rate)
        total, error = client.download_state()
        yield (f"  {client.per_second():5.0f} requests/s   {len(client.failed())} failed   outage now "
               f"{(RED if outage > 0.1 else '')}{outage * 1000:5.0f} ms{OFF}")
        yield f"  long download: {total / 1e6:6.1f} MB {RED + error + OFF if error else 'going on'}"
        yield ""
        for at, text in self.news[-8:]:
            yield f"  {at:6.1f} s  {text}"

    def end(self):
        if self.shown:
            self.shown = False
            sys.stdout.write(SHOW)
            sys.stdout.flush()
