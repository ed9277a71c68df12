#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""HAProxy of Debian as a tier, with real traffic through it: by its socket, by agent checks, by both.
No request may fail when something is drained, added, moved or removed, nor when HAProxy is reloaded
or loadstard restarted; when a back end is killed, only until the check has noticed."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "../system")]
import harness
import haproxy
import traffic

LONG = "a minute of traffic"

NOTICED_S = 30  # 5 for interval, timeout and the tier, and a machine that is busy with something else
BEGUN_S = 10  # a request that began before its back end was killed may not have arrived there
OVER_S = 1  # what begins then is not sent to one of which it was noticed
BOTH = 'agent-check agent-inter 200ms agent-addr 127.0.0.1 agent-port {port} agent-send "{tier}/{name}\\n"'

MAIN = """
server: {workers: 1, state_dir: state}
control: control.sock
pools: pools.yaml
tiers: tiers.yaml
"""

POOLS = """
sites: {{ams: {{}}, fra: {{}}}}
checks: {{alive: {{type: tcp, interval: 2s, timeout: 2s, rise: 1, fall: 1}}}}
pools:
  web:
    checks: [alive]
    steer: {{order: [{order}]}}
    sites:
{sites}
"""


class Test(harness.TestCase):
    def setUp(self):
        self.webs = traffic.Webs()
        self.addCleanup(self.webs.close)
        self.web = {}

    def add_web(self, name, address):
        self.web[name] = self.webs.add(address)
        return self.web[name]

    def pools(self, names, **weights):
        """Endpoints of those back ends; of a name `SITE-LABEL`."""
        sites = {}
        for name in names:
            site, label = name.split("-", 1)
            web = self.web[name]
            sites.setdefault(site, []).append({"name": label, "address": web.address, "port": web.port,
                                               "weight": weights.get(label, 1)})
        return POOLS.format(order=", ".join(sites),
                            sites="\n".join(f"      {site}: {json.dumps(ends)}" for site, ends in sites.items()))

    def tier(self, **keys):
        return json.dumps({"tiers": {"vip": {"type": "haproxy", "pool": "web", "site": "*", "backend": "be_web",
                                             "drain": {"timeout": "30s"}, **keys}}})

    def world(self, names, servers, tier, start=True, **kw):
        """A daemon and its HAProxy, with these endpoints and these lines of servers."""
        d = self.daemon(pools=self.pools(names), config=MAIN, start=False)
        h = haproxy.Haproxy(d.dir, servers, **kw)
        self.addCleanup(h.stop)
        d.write("tiers.yaml", tier(h) if callable(tier) else tier)
        return (d.start() if start else d), h

    def line(self, name, more="", weight=100):
        web = self.web[name]
        return f"server {name} {web.name} weight {weight} {more}"

    def test_socket(self):
        """Drain, kill, add, move, remove, each under traffic."""
        for i, name in enumerate(("ams-web1", "ams-web2", "fra-web3"), 2):
            self.add_web(name, f"127.0.0.{i}")
        d, h = self.world(("ams-web1", "ams-web2", "fra-web3"), [self.line("ams-web1"), self.line("ams-web2", weight=7)],
                          lambda h: self.tier(socket=h.socket, adopt=True))
        full = {"ams-web1": "ready 100", "ams-web2": "ready 100", "fra-web3": "ready 100"}
        h.wait_shows(full)
        with traffic.Load("127.0.0.1", h.port) as load:
            held = traffic.Held("127.0.0.1", h.port)
            slow = harness.wait_for(lambda: next((n for n, w in self.web.items() if w.n_slow), None), 60)
            d.ctl("set", "web/" + slow.replace("-", "/"), "drain")
            h.wait_shows({**full, slow: "drain"})
            since = time.monotonic()
            harness.wait_for(lambda: sum(load.served_by(since).values()) > 50, 60)
            self.assertNotIn(self.web[slow].name, load.served_by(since))
            self.assertEqual(h.statistics()[slow]["scur"], "1")
            self.web[slow].let_go()
            self.assertEqual(held.result(), ("", self.web[slow].name))
            d.ctl("set", "web/" + slow.replace("-", "/"), "down")
            h.wait_shows({**full, slow: "maint"})
            d.ctl("set", "web/" + slow.replace("-", "/"), "auto")
            h.wait_shows(full)
            self.assertEqual(load.failed, [])

            killed = time.monotonic()
            self.web["ams-web2"].stop()
            h.wait_shows({**full, "ams-web2": "ready 0"})
            noticed = time.monotonic()
            self.assertLess(noticed - killed, NOTICED_S)
            since = time.monotonic()
            harness.wait_for(lambda: sum(load.served_by(since).values()) > 50, 60)
            self.assertEqual(load.failed_outside(killed - BEGUN_S, noticed + OVER_S), [])
            self.web["ams-web2"].start()
            h.wait_shows(full)

            self.add_web("ams-web4", "127.0.0.6")
            d.write("pools.yaml", self.pools(self.web))
            d.reload()
            h.wait_shows({**full, "ams-web4": "ready 100"})
            harness.wait_for(lambda: load.served_by()[self.web["ams-web4"].name] > 10, 60)

            old = self.web["ams-web4"]
            self.add_web("ams-web4", "127.0.0.7")
            d.write("pools.yaml", self.pools(self.web))
            d.reload()
            harness.wait_for(lambda: h.servers()["ams-web4"]["srv_addr"] == "127.0.0.7", 60)
            h.wait_shows({**full, "ams-web4": "ready 100"})
            moved = time.monotonic()
            harness.wait_for(lambda: load.served_by(moved)[self.web["ams-web4"].name] > 10, 60)
            self.assertNotIn(old.name, load.served_by(moved))

            names = [n for n in self.web if n != "ams-web4"]
            d.write("pools.yaml", self.pools(names))
            d.reload()
            h.wait_shows(full)
            since = time.monotonic()
            harness.wait_for(lambda: sum(load.served_by(since).values()) > 50, 60)
            self.assertEqual(load.failed_outside(killed - BEGUN_S, noticed + OVER_S), [])
        self.assertGreater(len(load.results), 300)

    def test_timeout(self):
        """A server that has left and still has a client is deleted after drain.timeout, and not before."""
        for i, name in enumerate(("ams-web1", "ams-web2"), 2):
            self.add_web(name, f"127.0.0.{i}")
        d, h = self.world(self.web, [], lambda h: self.tier(socket=h.socket, drain={"timeout": "10s"}))
        h.wait_shows({"ams-web1": "ready 100", "ams-web2": "ready 100"})
        held = traffic.Held("127.0.0.1", h.port)
        slow = harness.wait_for(lambda: next((n for n, w in self.web.items() if w.n_slow), None), 60)
        other = next(n for n in self.web if n != slow)
        begin = time.monotonic()
        d.write("pools.yaml", self.pools([other]))
        d.reload()
        h.wait_shows({slow: "drain", other: "ready 100"})
        h.wait_shows({other: "ready 100"})
        self.assertGreater(time.monotonic() - begin, 10)
        self.assertNotEqual(held.result()[0], "")
        d.wait_for(lambda: d.ctl_json("tiers")["tiers"][0]["state"] == "ok", 60)

    def test_denied(self):
        """Who may not open the socket is told how to be let in."""
        self.add_web("ams-web1", "127.0.0.2")
        d, h = self.world(self.web, [], lambda h: self.tier(socket=h.socket), start=False)
        os.chmod(h.socket, 0o600)
        os.chmod(d.dir, 0o755)
        d.write("loadstar.yaml", d.read("loadstar.yaml").replace("workers: 1", "workers: 1, user: nobody"))
        shutil.chown(os.path.join(d.dir, "state"), "nobody")
        d.start()
        harness.wait_for(lambda: "let the user of loadstard in" in d.log(), 60)
        self.assertIn("Permission denied", d.log())
        self.assertEqual(h.shows(), {})
        shutil.chown(h.socket, "nobody")
        h.wait_shows({"ams-web1": "ready 100"})

    def test_restarts(self):
        """HAProxy reloaded (what was added is lost, weights are as configured), ended and begun; loadstard
        stopped, killed and begun, which is nothing to HAProxy."""
        for i, name in enumerate(("ams-web1", "ams-web2", "ams-web3"), 2):
            self.add_web(name, f"127.0.0.{i}")
        d, h = self.world(self.web, [self.line("ams-web1", weight=3), self.line("ams-web2")],
                          lambda h: self.tier(socket=h.socket, adopt=True))
        d.ctl("set", "web/ams/web2", "drain")
        wanted = {"ams-web1": "ready 100", "ams-web2": "drain", "ams-web3": "ready 100"}
        h.wait_shows(wanted)
        with traffic.Load("127.0.0.1", h.port) as load:
            h.reload()
            self.assertLess(h.wait_shows(wanted), NOTICED_S)
            self.assertEqual(load.failed, [])
            time.sleep(1.1)  # srv_time_since_last_change is in seconds
            for stop in (d.stop, d.kill):
                before = h.ask("show info")
                since = {n: int(s["srv_time_since_last_change"]) for n, s in h.servers().items()}
                stop()
                d.start()
                d.wait_for(lambda: d.ctl_json("tiers")["tiers"][0]["state"] == "ok", 60)
                self.assertEqual(h.shows(), wanted)
                for name, s in h.servers().items():
                    self.assertGreaterEqual(int(s["srv_time_since_last_change"]), since[name], name)
                self.assertEqual([x for x in before.splitlines() if x.startswith("Pid")],
                                 [x for x in h.ask("show info").splitlines() if x.startswith("Pid")])
            self.assertEqual(load.failed, [])
        h.stop()
        d.wait_for(lambda: d.ctl_json("tiers")["tiers"][0]["state"] == "stale", 60)
        h.start()
        self.assertLess(h.wait_shows(wanted), NOTICED_S)
        with traffic.Load("127.0.0.1", h.port) as load:
            harness.wait_for(lambda: load.served_by()[self.web["ams-web3"].name] > 10, 60)
        self.assertEqual(load.failed, [])

    def agent_world(self, names, with_socket):
        port = harness.free_port()
        lines = [self.line(n, BOTH.format(port=port, tier="vip", name=n)) for n in names]
        keys = {"agent": {"listen": f"127.0.0.1:{port}"}}
        return self.world(names, lines, lambda h: self.tier(**keys, **({"socket": h.socket, "adopt": True} if with_socket else {})))

    def follow_agent(self, d, h):
        full = {"ams-web1": "ready 100", "ams-web2": "ready 100"}
        h.wait_shows(full)
        with traffic.Load("127.0.0.1", h.port) as load:
            held = traffic.Held("127.0.0.1", h.port)
            slow = harness.wait_for(lambda: next((n for n, w in self.web.items() if w.n_slow), None), 60)
            target = "web/" + slow.replace("-", "/")
            for order, shown in (("drain", "drain"), ("down", "maint"), ("auto", "ready 100")):
                d.ctl("set", target, order)
                h.wait_shows({**full, slow: shown})
            d.ctl("weight", target, "0")
            h.wait_shows({**full, slow: "ready 0"})
            d.ctl("weight", target, "auto")
            h.wait_shows(full)
            self.web[slow].let_go()
            self.assertEqual(held.result()[0], "")
            h.reload()
            h.wait_shows(full)
            d.kill()
            time.sleep(0.5)
            self.assertEqual(h.shows(), full)  # nobody answers: what HAProxy knows stays
            d.start()
            h.wait_shows(full)
            self.assertEqual(load.failed, [])
            killed = time.monotonic()
            self.web["ams-web2"].stop()
            harness.wait_for(lambda: "down" in h.statistics()["ams-web2"]["last_agt"], 60)
            noticed = time.monotonic()
            self.assertLess(noticed - killed, NOTICED_S)
            self.assertIn("refused", h.statistics()["ams-web2"]["last_agt"])
            harness.wait_for(lambda: load.results[-1].began > noticed + 0.5, 60)
            self.assertEqual(load.failed_outside(killed - BEGUN_S, noticed + OVER_S), [])
            self.web["ams-web2"].start()
            harness.wait_for(lambda: load.served_by(noticed)["%s" % self.web["ams-web2"].name] > 10, 60)
        h.wait_shows(full)

    def test_agent(self):
        """Without a right on the socket."""
        for i, name in enumerate(("ams-web1", "ams-web2"), 2):
            self.add_web(name, f"127.0.0.{i}")
        d, h = self.agent_world(self.web, with_socket=False)
        self.follow_agent(d, h)

    def test_both(self):
        """They do not contradict each other: nothing is found changed by somebody else."""
        for i, name in enumerate(("ams-web1", "ams-web2"), 2):
            self.add_web(name, f"127.0.0.{i}")
        d, h = self.agent_world(self.web, with_socket=True)
        self.follow_agent(d, h)
        d.wait_for(lambda: d.ctl_json("tiers")["tiers"][0]["state"] == "ok", 60)

    def test_rights_and_adoption(self):
        """What was there is not touched without `adopt`; a socket that may only be read is told of."""
        self.add_web("ams-web1", "127.0.0.2")
        d, h = self.world(self.web, [self.line("ams-web1", weight=7)], lambda h: self.tier(socket=h.socket))

        def tier():
            return d.ctl_json("tiers", check=False)["tiers"][0]
        d.wait_for(lambda: tier()["state"] == "refused", 60)
        self.assertIn("adopt: true", tier()["last_error"])
        self.assertEqual(h.shows(), {"ams-web1": "ready 7"})
        h.stop()
        h.level = "operator"
        h.write([self.line("ams-web1", weight=7)])
        h.start()
        d.write("tiers.yaml", self.tier(socket=h.socket, adopt=True))
        d.reload()
        d.wait_for(lambda: "level admin" in (tier()["last_error"] or ""), 60)
        self.assertEqual(h.shows(), {"ams-web1": "ready 7"})
        h.stop()
        h.level, h.balance = "admin", "static-rr"
        h.write([self.line("ams-web1", weight=7)])
        h.start()
        d.wait_for(lambda: "static LB algorithm" in (tier()["last_error"] or ""), 60)

    def test_names(self):
        """What an endpoint is called without a name has bytes that no server of HAProxy's has."""
        v4, v6 = self.add_web("ams-v4", "127.0.0.2"), self.add_web("ams-v6", "::1")
        d, h = self.world((), [], lambda h: self.tier(socket=h.socket), start=False)
        ends = [{"address": web.address, "port": web.port} for web in (v4, v6)]
        d.write("pools.yaml", POOLS.format(order="ams", sites="      ams: " + json.dumps(ends)))
        d.start()
        h.wait_shows({"ams-127.0.0.2": "ready 100", "ams-__1": "ready 100"})
        with traffic.Load("127.0.0.1", h.port) as load:
            harness.wait_for(lambda: len(load.served_by()) == 2, 60)
        self.assertEqual(load.failed, [])
        d.write("pools.yaml", POOLS.format(order="ams", sites="      ams: " + json.dumps([dict(ends[0], name="a;b\n")])))
        self.assertIn("letters, digits", d.check().stderr)

    def test_neighbours(self):
        """A socket that talks garbage, and one that never says anything, hold up nobody else."""
        self.add_web("ams-web1", "127.0.0.2")
        self.add_web("ams-web2", "127.0.0.3")
        d, h = self.world(self.web, [], lambda h: "tiers: {}\n", start=False)
        listeners = []
        for kind in ("silent", "garbage"):
            s = socket.socket(socket.AF_UNIX)
            s.bind(os.path.join(d.dir, kind))
            s.listen(64)
            self.addCleanup(s.close)
            listeners.append(s)
        with open("/dev/urandom", "rb") as file:
            noise = file.read(1 << 16)

        def babble():
            while True:
                try:
                    peer, _ = listeners[1].accept()
                    peer.sendall(noise)
                except OSError:
                    if listeners[1].fileno() < 0:
                        return
                    continue
                peer.close()
        threading.Thread(target=babble, daemon=True).start()
        tiers = {name: {"type": "haproxy", "pool": "web", "site": "*", "backend": "be_web", "socket": path}
                 for name, path in (("dead", os.path.join(d.dir, "silent")), ("noisy", os.path.join(d.dir, "garbage")),
                                    ("gone", os.path.join(d.dir, "nothing")), ("vip", h.socket))}
        d.write("tiers.yaml", json.dumps({"tiers": tiers}))
        d.start()
        h.wait_shows({"ams-web1": "ready 100", "ams-web2": "ready 100"})
        took = []
        for _ in range(5):
            for order, shown in (("drain", "drain"), ("auto", "ready 100")):
                d.ctl("set", "web/ams/web1", order)
                took.append(h.wait_shows({"ams-web1": shown, "ams-web2": "ready 100"}))
        self.assertLess(sorted(took)[2], 2)  # each would wait as long for the silent one
        def tiers():
            return {t["name"]: t for t in d.ctl_json("tiers", check=False)["tiers"]}
        d.wait_for(lambda: {n: t["state"] for n, t in tiers().items()} ==
                   {"dead": "unreachable", "noisy": "unreachable", "gone": "unreachable", "vip": "ok"}, 60, 0.2)
        self.assertIn("nothing came for 2 s", tiers()["dead"]["last_error"])
        self.assertIn("No such file", tiers()["gone"]["last_error"])

    def test_documented(self):
        """What the manual shows is a configuration that HAProxy takes."""
        with open(os.path.join(here, "../../contrib/doc/tiers.md")) as file:
            shown = re.findall(r"```haproxy\n(.*?)```", file.read(), re.S)
        self.assertEqual(len(shown), 2)
        for text in shown:
            with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
                file.write(text)
                file.flush()
                done = subprocess.run([haproxy.PROGRAM, "-c", "-f", file.name], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_scale(self):
        """4,000 servers of which 200 change each time: how long until HAProxy shows it. The bounds are
        generous, as the machine may be busy; the figures are printed."""
        ends = [{"name": f"w{i:04}", "address": f"127.1.{i >> 8}.{i & 255}", "port": 8080} for i in range(4000)]
        d = self.daemon(pools="sites: {ams: {}}\npools: {web: {sites: {ams: %s}}}\n" % json.dumps(ends), config=MAIN,
                        start=False)
        h = haproxy.Haproxy(d.dir, [f"server ams-{e['name']} {e['address']}:8080 weight 7" for e in ends[100:]])
        self.addCleanup(h.stop)
        d.write("tiers.yaml", self.tier(socket=h.socket, adopt=True))
        begin = time.monotonic()
        d.start()
        wanted = {f"ams-{e['name']}": "ready 100" for e in ends}
        h.wait_shows(wanted, 120)
        first, times = time.monotonic() - begin, []
        for order, shown in (("drain", "drain"), ("auto", "ready 100")) * 3:
            for hundred in ("07", "31"):
                d.ctl("set", f"web/ams/w{hundred}*", order)
                for i in range(100):
                    wanted[f"ams-w{hundred}{i:02}"] = shown
            times.append(h.wait_shows(wanted))
        print(f"4,000 servers: {first:.1f} s from the start to all adopted, 100 of them added; 200 changes in "
              f"{', '.join(f'{t * 1000:.0f}' for t in times)} ms")
        self.assertLess(min(times), 10)  # less than it takes to tell all 4,000
        h.reload()
        print(f"resynchronised {h.wait_shows(wanted):.1f} s after a reload")


if __name__ == "__main__":
    harness.main()
