"""Pings to the VIP are answered as the services say: always, while one is up, or never."""

from topology import VIP
from world import wait_until


def test_pings_are_answered_while_the_service_is_up(make_site):
    def change(document):
        document["services"]["web"]["ping"] = "up"

    site = make_site(change=change)
    site.start()

    def answers():
        return "1 received" in site.client.run("ping", "-c1", "-W1", VIP, check=False)

    assert answers()
    for server in site.servers.values():
        server.stop()
    wait_until("nobody is up, and no ping is answered", lambda: not answers(), 15)
    site.servers["web2"].start()
    wait_until("a server is up, and pings are answered", answers, 15)

    def reload(ping):
        site.document["services"]["web"]["ping"] = ping
        site.write()
        for director in site.directors.values():
            director.ctl("reload")

    reload("never")
    wait_until("no ping is answered", lambda: not answers(), 5)
    assert site.client.run("curl", "-sS", "-m", "5", f"http://{VIP}/who").strip() == "web2"
    reload("always")
    wait_until("pings are answered", answers, 5)
