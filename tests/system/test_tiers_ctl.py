# SPDX-License-Identifier: Apache-2.0
"""What operators and other tools see and ask of tiers: `tiers`, `healthy`, `set ... drain --wait`, the HTTP API with
its long poll, metrics, problems. The balancer is a stand-in for HAProxy's command line (fake_haproxy.py)."""
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import harness
from fake_haproxy import DRAIN, Fakes, Server
from harness import wait_for

LONG = "drains and polls take their time"

ZONE = """\
zone: example.test
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s}
records:
  "@": {NS: [ns1]}
  ns1: {A: 192.0.2.53}
  www: {POOL: front}
"""
# web: what the tier balances, and no name answers with. front: what names answer with.
POOLS = """\
sites:
  ams: {location: [52.31, 4.76]}
  iad: {location: [38.9, -77.4]}
pools:
  web:
    sites:
      ams: [{name: a, address: 127.0.0.1, port: 8081}, {name: b, address: 127.0.0.2, port: 8081}]
  front:
    ttl: 8s
    sites:
      ams: [{name: vip, address: 127.0.0.10, port: 8080}]
      iad: [{name: vip, address: 127.0.0.11, port: 8080}]
"""
TIERS = """\
tiers:
  edge: {type: haproxy, pool: web, site: ams, backend: be_web, adopt: true, interval: %s, socket: %s/edge.sock,
         behind: ["front/ams/*"], drain: {timeout: 1m}}
"""
RULES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../contrib/prometheus")


def servers():
    return [Server("ams-a", "127.0.0.1", 8081), Server("ams-b", "127.0.0.2", 8081)]


class TestCase(harness.TestCase):
    interval = "30s"

    def setUp(self):
        super().setUp()
        self.fakes = Fakes()
        self.addCleanup(self.fakes.close)
        self.d = self.daemon(zones={"example.test.yaml": ZONE}, pools=POOLS, http=True,
                             main="tiers: tiers.yaml\n", start=False)
        self.d.write("tiers.yaml", TIERS % (self.interval, self.d.dir))
        self.edge = self.fakes.add(f"{self.d.dir}/edge.sock", "be_web", servers())
        self.d.start()
        wait_for(lambda: self.tier()["state"] == "ok", 60)

    def get(self, path, timeout=90, headers=()):
        request = urllib.request.Request(f"http://127.0.0.1:{self.d.http_port}{path}", headers=dict(headers))
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.read().decode()

    def document(self, path, **kw):
        return json.loads(self.get(path, **kw))

    def tier(self):
        return self.d.ctl_json("tiers", "edge")["tiers"][0]

    def drains(self, target, *options):
        """`set TARGET drain --wait`, in the background."""
        return subprocess.Popen(
            [harness.program("LOADSTARCTL", "loadstarctl"), "-s", self.d.socket, "set", target, "drain", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ended(self, process, timeout=300):
        out, err = process.communicate(timeout=timeout)
        return process.returncode, out, err

    def progress(self, process, begin):
        """What it has told so far, once it tells of this."""
        told = ""
        while line := process.stderr.readline():
            told += line
            if line.startswith(begin):
                break
        return told

    def await_sessions(self):
        wait_for(lambda: self.d.ctl("tiers", "--diff", check=False).returncode == 0
                 and self.tier()["members"][0]["observed"].get("active") == 7, 60)


class Tiers(TestCase):
    interval = "1h"  # who looks is the test alone

    def test_document(self):
        self.edge.servers["ams-a"].set(sessions=7)
        self.await_sessions()
        tier = self.tier()
        self.assertEqual([tier[k] for k in ("name", "type", "pool", "site", "state", "held", "diff")],
                         ["edge", "haproxy", "web", "ams", "ok", False, []])
        a = tier["members"][0]
        self.assertEqual([a[k] for k in ("key", "address", "port", "wanted")],
                         ["web/ams/a", "127.0.0.1", 8081, {"serves": "ready", "weight": 100}])
        self.assertEqual(a["observed"]["state"], "ready")
        text = self.d.ctl("tiers").stdout
        self.assertRegex(text, r"(?m)^edge +haproxy +web +ams +ok +2/2 +7 ")
        self.assertRegex(text, r"(?m)^web/ams/a +127.0.0.1:8081 +ready 100 ")
        endpoints = {e["target"]: e for e in self.d.ctl_json("endpoints")["endpoints"]}
        self.assertEqual(endpoints["web/ams/a"]["sessions"], 7)
        self.assertEqual(endpoints["front/ams/vip"]["sessions"], 7)  # of all that stands behind it
        self.assertNotIn("sessions", endpoints["front/iad/vip"])
        self.assertEqual(self.document("/api/v1/tiers?name=edge")["tiers"][0]["members"][0]["key"], "web/ams/a")
        with self.assertRaises(urllib.error.HTTPError) as e:
            self.get("/api/v1/tiers?name=edgy&wait=30")
        self.assertEqual(e.exception.code, 404)
        self.assertIn("did you mean edge?", e.exception.read().decode())
        self.assertIn("tiers      1 of 1 ok; 2 members", self.d.ctl("status").stdout)

    def test_diff(self):
        done = self.d.ctl("tiers", "--diff")
        self.assertEqual((done.returncode, done.stdout), (0, "edge (haproxy): nothing to do\n"))
        self.edge.servers["ams-b"].set(admin=DRAIN)  # somebody else
        done = self.d.ctl("tiers", "--diff", check=False)
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertRegex(done.stdout, r"edge \(haproxy\): 1 change\n  ~ ams-b 127.0.0.2:8081 drain -> ready 100\n")
        self.assertEqual(self.edge.commands, [])  # it has only looked
        self.edge.fault = "closes"
        self.fakes.unlisten(self.edge)
        done = self.d.ctl("tiers", "--diff", check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        wait_for(lambda: any(p.get("tier") == "edge" and p["severity"] == "error"
                             for p in self.d.ctl_json("status")["problems"]), 60)
        self.assertEqual(self.d.ctl("tiers", "nothing", "--diff", check=False).returncode, 1)

    def test_long_poll(self):
        def unchanged():
            now, began = self.document("/api/v1/tiers")["version"], time.monotonic()
            same = self.document(f"/api/v1/tiers?wait=1&after={now}")["version"] == now
            return same and (now, time.monotonic() - began)
        now, took = wait_for(unchanged, 60)
        self.assertGreaterEqual(took, 0.9)
        self.assertEqual(self.document(f"/api/v1/tiers?wait=60&after={now + 1000}")["version"], now)  # at once
        got = []
        pollers = [threading.Thread(target=lambda p=path: got.append(self.document(p)))
                   for path in (f"/api/v1/tiers?wait=60&after={now}", f"/api/v1/tiers?name=edge&wait=60&after={now}",
                                "/api/v1/tiers?wait=60")]
        for p in pollers:
            p.start()
        time.sleep(0.3)
        self.assertEqual(got, [])
        began = time.monotonic()
        while len(got) < 3 and time.monotonic() - began < 55:  # one may ask only after a change, and wait for the next
            self.d.ctl("set", "web/ams/b", "auto" if self.d.ctl_json("orders")["orders"] else "down")
            pollers[-1].join(2)
        self.assertLess(time.monotonic() - began, 45)
        self.assertEqual(len(got), 3)
        self.assertTrue(all(document["version"] > now for document in got))
        for path, words in (("wait=61", "from 0 to 60"), ("wait=5&after=1:edge", "after is a version"),
                            ("wait=x", "expected a number")):
            with self.assertRaises(urllib.error.HTTPError) as e:
                self.get(f"/api/v1/tiers?{path}")
            self.assertEqual(e.exception.code, 400)
            self.assertIn(words, e.exception.read().decode())
        late = threading.Thread(target=lambda: self.get("/api/v1/tiers?wait=60"))
        late.start()
        time.sleep(0.3)
        self.d.stop()  # does not wait for them
        late.join(40)
        self.assertFalse(late.is_alive())

    def test_metrics(self):
        self.edge.servers["ams-a"].set(sessions=7)
        self.await_sessions()
        self.d.ctl("set", "ams", "drain")
        text = self.get("/metrics")
        for line in ('loadstar_tier_up{tier="edge"} 1', 'loadstar_tier_member_sessions{tier="edge",member="ams-a",'
                     'address="127.0.0.1:8081"} 7', 'loadstar_tier_errors_total{tier="edge",reason="disk"} 0'):
            self.assertIn(line + "\n", text)
        left = float(re.search(r'loadstar_drain_left_seconds\{target="ams"\} (\S+)', text)[1])
        self.assertTrue(0 < left <= 13 + 60 + 1, left)
        promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
        if not promtool:
            self.skipTest("promtool is missing: it is in Debian's package prometheus")
        for args, given in ((["check", "metrics"], text), (["check", "rules", f"{RULES}/tiers.rules.yml"], None),
                            (["test", "rules", f"{RULES}/tiers.rules.test.yml"], None)):
            done = subprocess.run([promtool, *args], input=given, capture_output=True, text=True, timeout=300)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Healthy(TestCase):
    def code(self, *args):
        done = self.d.ctl("healthy", *args, check=False)
        return done.returncode, done.stdout, done.stderr

    def told(self, *args):
        """Likewise, once loadstard has answered: it is asked for 0.9 s only."""
        return wait_for(lambda: (lambda told: told[0] != 3 and told)(self.code(*args)), 60)

    def test_exit_codes(self):
        self.assertEqual(self.told("web"), (0, "", ""))
        wait_for(lambda: self.code("front/iad", "--unknown", "down") == (0, "", ""), 60)
        self.d.ctl("set", "web/ams/*", "down")
        self.assertEqual(self.told("web/ams"), (1, "", ""))
        code, out, err = self.told("web/ams", "--verbose")
        self.assertEqual((code, out, err), (1, "web/ams: not healthy, down, 0 of 2 endpoints serve\n", ""))
        self.assertFalse(json.loads(self.told("--json", "web")[1])["healthy"])
        self.assertEqual(self.document("/api/v1/healthy?target=front")["healthy"], True)
        for wrong in (["wen"], ["web/nowhere"], ["web/ams/a"], [], ["web", "--unknown", "maybe"]):
            code, out, err = self.told(*wrong)
            self.assertEqual((code, out), (2, ""), wrong)
            self.assertTrue(err)
        self.assertIn("did you mean web?", self.told("wen")[2])

    def test_cannot_tell(self):
        os.kill(self.d.process.pid, signal.SIGSTOP)
        began = time.monotonic()
        self.assertEqual(self.code("web"), (3, "", ""))
        self.assertLess(time.monotonic() - began, 25)  # 0.9 s, and not the 30 s of other commands
        self.assertEqual(self.code("web", "--unknown", "up")[0], 0)
        self.assertEqual(self.code("web", "--unknown", "down")[0], 1)
        os.kill(self.d.process.pid, signal.SIGCONT)
        wait_for(lambda: self.code("web")[0] == 0, 60)
        self.d.stop()
        self.assertEqual(self.code("web"), (3, "", ""))
        code, _, err = self.code("web", "--verbose")
        self.assertEqual(code, 3)
        self.assertIn("is loadstard running?", err)


class Drains(TestCase):
    def observed(self, name):
        return str(self.edge.servers[name]).split("=")[1]

    def test_members(self):
        self.edge.servers["ams-a"].set(sessions=3)
        process = self.drains("web/ams/a", "--wait=5m", "--reason", "kernel")
        wait_for(lambda: self.observed("ams-a") == "drain", 60)
        document = wait_for(lambda: (lambda d: d if d["stage"] == "tiers" and d["tiers"][0].get("active") == 3
                                     else None)(self.document("/api/v1/drain?target=web/ams/a")), 60)
        self.assertEqual((document["drained"], document["dns_left_s"]), (1, 0))
        told = self.progress(process, "tiers: edge: ")
        self.assertIsNone(process.poll())
        self.edge.servers["ams-a"].set(sessions=0)
        code, out, err = self.ended(process)
        self.assertEqual(code, 0, out + err)
        self.assertIn("drained: nothing is left", out)
        self.assertRegex(told, r"(?m)^tiers: edge: ")
        self.assertEqual(self.observed("ams-a"), "drain")

    def test_time_over(self):
        self.edge.servers["ams-a"].set(sessions=1)
        self.d.ctl("set", "web/ams/a", "drain")
        wait_for(lambda: self.tier()["state"] == "ok" and self.observed("ams-a") == "drain"
                 and self.tier()["members"][0]["observed"].get("active") == 1, 60)
        code, out, err = self.ended(self.drains("web/ams/a", "--wait=2s"))
        self.assertEqual(code, 1)
        self.assertRegex(out, r"time is over, the order stays in force: still there: edge \(ok, 1 sessions\)")
        self.assertEqual(self.observed("ams-a"), "drain")
        self.assertIn("has not ended in time", self.d.log())

    def test_taken_back(self):
        self.edge.servers["ams-a"].set(sessions=1)
        process = self.drains("web/ams/*", "--wait")
        wait_for(lambda: self.observed("ams-b") == "drain", 60)
        self.d.ctl("set", "web/ams/b", "auto")
        code, out, _ = self.ended(process)
        self.assertEqual(code, 1)
        self.assertRegex(out, r"web/ams/b is not drained any more")

    def test_interrupted(self):
        self.edge.servers["ams-a"].set(sessions=1)
        process = self.drains("web/ams/a", "--wait")
        wait_for(lambda: self.observed("ams-a") == "drain", 60)
        wait_for(lambda: self.document("/api/v1/drain?target=web/ams/a")["stage"] == "tiers", 60)
        process.stderr.readline()  # its first line of progress: the order is in force
        process.send_signal(signal.SIGINT)
        code, _, err = self.ended(process)
        self.assertEqual(code, 130)
        self.assertIn("the order stays in force: loadstarctl set 'web/ams/a' auto takes it back", err)
        self.assertEqual(self.d.ctl_json("orders")["orders"][0]["target"], "web/ams/a")

    def test_whole_site(self):
        """DNS first, while members serve on; then they get no new sessions."""
        self.edge.servers["ams-a"].set(sessions=2)
        self.assertEqual(self.d.addresses("www.example.test"), ["127.0.0.10"])
        began = time.monotonic()
        process = self.drains("ams", "--wait=5m")
        wait_for(lambda: self.d.addresses("www.example.test") == ["127.0.0.11"], 60)
        document = self.document("/api/v1/drain?target=ams")
        self.assertEqual(document["stage"], "dns")
        self.assertTrue(0 < document["dns_left_s"] <= 13, document)  # TTL 8 s, and 5 s
        self.assertEqual(self.observed("ams-a"), "ready 100")
        wait_for(lambda: self.observed("ams-a") == "drain" and self.observed("ams-b") == "drain", 60)
        self.assertGreater(time.monotonic() - began, 12)
        wait_for(lambda: self.document("/api/v1/drain?target=ams")["dns_left_s"] == 0, 60)
        told = self.progress(process, "tiers: ")
        self.assertIsNone(process.poll())
        self.edge.servers["ams-a"].set(sessions=0)
        code, out, err = self.ended(process)
        self.assertEqual(code, 0, out + err)
        self.assertRegex(told, r"(?s)^dns: answers for .*\ntiers: ")

    def test_without_tiers(self):
        """It is about DNS as well: an answer with it may live for its TTL, and 5 s more."""
        began = time.monotonic()
        code, out, err = self.ended(self.drains("front/iad", "--wait"))
        self.assertEqual(code, 0, out + err)
        self.assertGreater(time.monotonic() - began, 12)

    def test_wrong(self):
        for args in (("web", "down", "--wait"), ("web/ams", "drain", "--wait=0"), ("web/ams", "drain", "--wait=soon"),
                     ("web/ams", "drain", "--wait", "--dry-run")):
            self.assertEqual(self.d.ctl("set", *args, check=False).returncode, 2, args)
        self.assertEqual(self.d.ctl("set", "nowhere", "drain", "--wait", check=False).returncode, 1)
        with self.assertRaises(urllib.error.HTTPError) as e:
            self.get("/api/v1/drain?target=nowhere")
        self.assertEqual(e.exception.code, 404)


if __name__ == "__main__":
    harness.main()
