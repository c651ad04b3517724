"""Servers of one service that are reached by different methods, and a reload that changes one's."""

from ends import flows
from topology import SOURCE, VIP
from world import wait_until

METHODS = {"web1": "nat", "web2": "dr", "web3": "fullnat"}


def answers(site, times=12):
    return [site.client.run("curl", "-sS", "-m", "5", f"http://{VIP}/who").strip() for _ in range(times)]


def rr(document):
    document["services"]["web"]["scheduler"] = "rr"


def test_each_server_of_a_service_is_reached_by_its_own_method(make_site):
    site = make_site(methods=METHODS, change=rr)
    a = site.directors["dir-a"]
    site.start()
    assert {name: answers(site, 9).count(name) for name in METHODS} == dict.fromkeys(METHODS, 3)
    sizes = [int(site.client.run("curl", "-sS", "-m", "20", "-o", "/dev/null", "-w", "%{size_download}", f"http://{VIP}/big"))
             for _ in range(3)]
    assert sizes == [32 << 20] * 3
    told = {}

    def all_told():
        told.update({m["server"]: m for m in a.messages("ServerStats") if m["service"] == "web"})
        return len(told) == 3 and all(m["packets_in"] > 20 for m in told.values()) \
            and all(told[name]["packets_out"] > 20 for name in ("web1", "web3"))
    wait_until("counted, both ways where there are two", all_told, 5)
    assert {name: m["method"] for name, m in told.items()} == METHODS
    assert told["web2"]["packets_out"] == 0
    text = a.ctl("stats").stdout
    assert "(dr+fullnat+nat)" in text and "web2 (dr)" in text, text


def test_a_trace_says_the_method_and_the_source(make_site):
    site = make_site(method="fullnat", change=rr)
    a = site.directors["dir-a"]
    site.start()
    site.client.start("curl", "-s", "-m", "20", "--limit-rate", "100k", "-o", "/dev/null", f"http://{VIP}/big", log="curl.log")
    wait_until("a flow", lambda: "ESTABLISHED" in a.ctl("flows").stdout, 5)
    text = a.ctl("trace", "198.51.100.100").stdout
    assert f", from {SOURCE}:" in text, text
    flow = flows(a, "--state", "established")[0]
    assert flow["source_address"] == SOURCE and f" {SOURCE}:{flow['source_port']} " in a.ctl("flows").stdout
    assert f"from {SOURCE}:{flow['source_port']}" in text
    seen = "".join(server.host.run("ss", "-tnH", "state", "established") for server in site.servers.values())
    assert f"{SOURCE}:{flow['source_port']}" in seen, "the very one its server sees"


def test_a_reload_that_changes_a_servers_method_leaves_the_others_connections_alone(make_site):
    site = make_site(methods={"web1": "nat", "web2": "nat", "web3": "fullnat"}, change=rr)
    a = site.directors["dir-a"]
    site.start()
    downloads = [site.client.start("curl", "-sS", "-m", "40", "--limit-rate", "4M", "-o", "/dev/null",
                                   f"http://{VIP}/big", log=f"curl{n}.log") for n in range(3)]
    wait_until("three flows", lambda: len(flows(a, "--state", "established")) >= 3, 5)
    # web2 had no way back but the director, and needs none from now on.
    site.document["services"]["web"]["servers"]["web2"]["forward"] = "fullnat"
    site.document["services"]["web"]["source_pool"] = [SOURCE]
    site.write()
    text = a.ctl("reload").stdout
    assert site.directors["dir-b"].ctl("reload").returncode == 0
    ended = [download.wait(timeout=60) for download in downloads]
    assert sorted(code == 0 for code in ended) == [False, True, True], (ended, text)
    assert set(answers(site)) == {"web1", "web2", "web3"}
