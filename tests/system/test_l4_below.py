# SPDX-License-Identifier: Apache-2.0
"""loadstar-l4 below loadstard, both real: DNS answers with its members, tells them, is told of a failure, and a drain
empties both."""
import json
import threading
import time
import urllib.request

import harness
import l4_world
from l4_world import web

ZONE = """\
zone: example.test
ttl: 60
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s, serial: 1}
records:
  "@": {NS: ns1}
  ns1: {A: 192.0.2.53}
  www: {POOL: web}
"""
POOLS = """\
sites: {ams: {}}
checks: {open: {type: tcp, interval: 10m, timeout: 2s, rise: 1, fall: 3}}
pools:
  web:
    ttl: 1s
    checks: [open]
    steer: all
    pick: all
    sites:
      ams: [{name: a, address: 127.0.0.2, port: %d}, {name: b, address: 127.0.0.3, port: %d}]
"""
TIERS = "tiers:\n  edge: {type: l4, pool: web, service: web, socket: %s}\n"


class Below(l4_world.TestCase):
    def world(self, **kw):
        self.a, self.b = self.member("a", address="127.0.0.2"), self.member("b", address="127.0.0.3")
        self.f = self.forwarder(web(members={"pool": "web"}), start=False, **kw)
        self.f.start(ready=False)
        self.d = self.daemon(zones={"example.test.yaml": ZONE}, pools=POOLS % (self.a.port, self.b.port),
                             main="tiers: tiers.yaml\n", http=True,
                             files={"tiers.yaml": TIERS % self.f.socket})
        self.f._wait_ready(60)
        self.d.wait_for(lambda: {m["state"] for m in self.told()} == {"up"}, 60)

    def told(self):
        return self.f.request(command="members", service="web")["result"]["members"]

    def states(self):
        return {m["key"].split("/")[-1]: m["state"] for m in self.told()}

    def answers(self):
        return self.d.addresses("www.example.test")

    def test_a_back_end_dies(self):
        """Its check looks every 10 minutes: it is the forwarder that tells of the failure."""
        self.world()
        self.assertEqual(self.answers(), ["127.0.0.2", "127.0.0.3"])
        self.assertEqual({self.f.ask() for _ in range(8)}, {"a", "b"})
        began = time.monotonic()
        self.a.refuse()
        for _ in range(8):
            self.assertEqual(self.f.ask(), "b")
        self.d.wait_for(lambda: self.states()["a"] == "down", 60)
        self.d.wait_for(lambda: self.answers() == ["127.0.0.3"], 60)
        self.assertLess(time.monotonic() - began, 300) # three probes of its own would take 20 minutes
        events = self.d.ctl_json("events")["events"]
        of_a = [(e["from"], e["to"], e["reason"]) for e in events if e["target"] == "web/ams/a"]
        self.assertIn(("up", "up", "tier edge met a failure: it is probed now"), of_a)
        self.assertEqual(of_a[-1][:2], ("up", "down"))
        self.assertIn("connect refused", of_a[-1][2])
        tier = self.d.ctl_json("tiers")["tiers"][0]
        self.assertEqual((tier["state"], tier.get("note")), ("ok", None))
        # What the forwarder measured of its connects is with what was seen of each member.
        seen = lambda: {m["key"]: m["observed"] for m in self.d.ctl_json("tiers", "--diff")["tiers"][0]["members"]}
        self.d.wait_for(lambda: seen()["web/ams/a"]["refused"] > 0, 60)
        refused = lambda: self.f.members_of()["web/ams/a"]["refused"]
        self.d.wait_for(lambda: seen()["web/ams/a"]["refused"] == refused(), 60)
        a, b = seen()["web/ams/a"], seen()["web/ams/b"]
        self.assertEqual((b["refused"], b["timeouts"], a["timeouts"]), (0, 0, 0))
        self.assertGreater(b["connect_ms"]["p99"], 0)
        self.assertGreaterEqual(b["connect_ms"]["p99"], b["connect_ms"]["p50"])
        self.assertEqual({self.f.ask() for _ in range(8)}, {"b"})

    def test_a_drain_empties_it(self):
        self.world(workers=1) # a worker takes members in turn
        clients = [self.f.connect() for _ in range(4)]
        files = [s.makefile() for s in clients]
        names = []
        for s, lines in zip(clients, files):
            self.addCleanup(s.close)
            self.addCleanup(lines.close)
            s.sendall(b"x\n")
            names.append(lines.readline()[0])
        self.assertEqual(sorted(names), ["a", "a", "b", "b"])
        done = []
        thread = threading.Thread(target=lambda: done.append(
            self.d.ctl("set", "web/ams/a", "drain", "--wait=300s", check=False, timeout=400)))
        thread.start()
        self.addCleanup(thread.join)
        self.d.wait_for(lambda: self.states()["a"] == "drain", 60)
        self.assertEqual({self.f.ask() for _ in range(6)}, {"b"})
        time.sleep(1.5)
        self.assertEqual(done, [])
        for s, lines, name in zip(clients, files, names):
            if name == "a":
                lines.close()
                s.close()
        thread.join(400)
        self.assertEqual(done[0].returncode, 0, done[0].stderr)

    def test_round_trips_of_clients(self):
        """What the forwarder measured of its clients is there, by network: over the command line and HTTP."""
        self.world()
        self.assertIn("no networks", self.d.ctl("rtt").stdout)
        measured = lambda of: {n["network"]: (n["samples"], n["rtt_ms"], n["min_ms"])
                               for n in of.ctl_json("rtt")["networks"]}
        def ask(i):
            with self.f.connect(source=(f"127.0.{i}.1", 0)) as s, s.makefile() as lines:
                s.sendall(b"x\n")
                lines.readline()
            return f"127.0.{i}.0/24" in measured(self.f) # of those that end in one millisecond one is
        for i in (1, 7):
            self.f.wait_for(lambda: ask(i), 60)
        self.d.wait_for(lambda: measured(self.d) == measured(self.f), 60)
        networks = {n["network"]: n for n in self.d.ctl_json("rtt")["networks"]}
        self.assertLessEqual({"127.0.1.0/24", "127.0.7.0/24"}, set(networks))
        for n in networks.values():
            self.assertEqual(n["tier"], "edge")
            self.assertLess(n["age_s"], 600)
        self.assertGreater(networks["127.0.1.0/24"]["rtt_ms"], 0)
        shown = self.d.ctl("rtt", "--limit", "1").stdout.splitlines()
        self.assertRegex(shown[1], r"^edge +- +127\.0\.\d\.0/24 +\d+\.\dms +\d+\.\dms +\d+ ")
        with urllib.request.urlopen(f"http://127.0.0.1:{self.d.http_port}/api/v1/rtt?limit=1", timeout=60) as r:
            page = json.load(r)
        self.assertEqual([n["tier"] for n in page["networks"]], ["edge"])
        self.assertEqual(page["next"], "0:edge/" + page["networks"][0]["network"])
        tier = self.d.ctl_json("tiers")["tiers"][0]
        self.assertEqual((tier["state"], tier.get("note")), ("ok", None))

    def test_two_of_them(self):
        """The second is refused, and says who tells the members; when the first has gone it is the second's turn."""
        self.world()
        other = self.daemon(zones={"example.test.yaml": ZONE}, pools=POOLS % (self.b.port, self.a.port),
                            main="tiers: tiers.yaml\n", files={"tiers.yaml": TIERS % self.f.socket})
        tier = lambda d: d.ctl_json("tiers")["tiers"][0]
        other.wait_for(lambda: tier(other)["state"] == "refused", 60)
        pid = self.d.process.pid
        self.assertRegex(tier(other)["last_error"], rf"web is told its members by loadstard of \S+ \(process {pid}\)")
        self.assertIn(f"(process {other.process.pid}) wants to tell its members, too, and is refused",
                      " ".join(self.f.ctl_json("status")["problems"]))
        self.d.ctl("set", "web/ams/a", "drain") # the first goes on with it
        self.d.wait_for(lambda: self.states()["a"] == "drain", 60)
        self.d.wait_for(lambda: tier(self.d)["state"] == "ok", 60)
        self.assertEqual({m["port"] for m in self.told()}, {self.a.port, self.b.port})
        self.assertEqual(self.f.ctl_json("services")["services"][0]["sets"][0]["told_by"]["pid"], pid)
        self.d.kill()
        other.wait_for(lambda: tier(other)["state"] == "ok", 120)
        self.assertEqual(self.states(), {"a": "up", "b": "up"})

    def test_without_loadstard(self):
        """It goes on with the last set; a restart takes what was saved; loadstard comes back, and tells."""
        self.world()
        self.d.ctl("set", "web/ams/a", "drain")
        self.d.wait_for(lambda: self.states()["a"] == "drain", 60)
        self.d.stop()
        self.assertEqual({self.f.ask() for _ in range(4)}, {"b"})
        self.f.wait_for(lambda: '"drain"' in self.f.read("state/members.json"), 60) # written behind its back
        self.f.kill()
        self.f.start()
        self.assertEqual({self.f.ask() for _ in range(4)}, {"b"})
        self.d.start()
        self.d.ctl("set", "web/ams/a", "auto")
        self.d.wait_for(lambda: self.states()["a"] == "up", 60)
        self.assertEqual(self.f.ctl_json("status")["problems"], [])


if __name__ == "__main__":
    harness.main()
