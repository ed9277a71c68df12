# SPDX-License-Identifier: Apache-2.0
"""What operators see and order of prefix sets: `anycast`, `explain`, `set anycast:NAME`, drains, `healthy`, the HTTP
API with its long poll, metrics, alert rules, problems, the dashboard. The speaker is a command that keeps what it is
told in a file."""
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
from harness import wait_for

LONG = "a minute of holds"

ZONE = """\
zone: example.test
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s}
records:
  "@": {NS: [ns1]}
  ns1: {A: 192.0.2.53}
  www: {POOL: web}
"""
POOLS = """\
sites:
  ams: {location: [52.31, 4.76]}
  iad: {location: [38.9, -77.4]}
pools:
  web:
    ttl: 2s
    sites:
      ams: [{name: a, address: 127.0.0.1}, {name: b, address: 127.0.0.2}]
      iad: [{name: c, address: 127.0.0.3}]
"""
# dns follows the pool; other hangs on nothing, and on no site's orders but iad's.
ANYCAST = """\
anycast:
  dns: {prefixes: [192.0.2.53/32, "2001:db8::53/128"], speaker: local, site: ams, self: false, hold: none,
        when: {pools: {web: {min_up: 30%%, site: ams}}}, full: {pools: {web: {min_up: 70%%, site: ams}}},
        degraded: {prepend: 2, med: 200}, communities: ["65001:7"],
        rise: %(rise)s, fall: 1s, drain_time: %(drain)s}
  other: {prefixes: [198.51.100.0/24], speaker: local, site: iad, self: false, hold: none, rise: 1s,
          drain_time: 1s}
speakers:
  local: {type: exec, command: [/bin/sh, -c, "%(command)s"], interval: 1s, as: 65001}
"""
RULES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../contrib/prometheus")


class TestCase(harness.TestCase):
    drain, rise = "4s", "1s"

    def setUp(self):
        super().setUp()
        self.d = self.daemon(zones={"example.test.yaml": ZONE}, pools=POOLS, http=True,
                             main="anycast: anycast.yaml\n", start=False)
        self.told = os.path.join(self.d.dir, "told.json")
        self.fails = os.path.join(self.d.dir, "fails")
        command = (f"test ! -e {self.fails} || {{ echo no peer >&2; exit 1; }}; "
                   f"test -n $LOADSTAR_WITHDRAW && exit 0; cat >{self.told}.new && mv {self.told}.new {self.told}")
        command = command.replace("test -n $LOADSTAR_WITHDRAW", "test -n \\\"$LOADSTAR_WITHDRAW\\\"")
        self.d.write("anycast.yaml", ANYCAST % {"rise": self.rise, "drain": self.drain, "command": command})
        self.d.start()
        self.addCleanup(self.d.ctl, "stop", "--now", check=False)  # not with a drain before it

    def get(self, path, timeout=90):
        request = urllib.request.Request(f"http://127.0.0.1:{self.d.http_port}{path}")
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.read().decode()

    def document(self, path, **kw):
        return json.loads(self.get(path, **kw))

    def set_of(self, name="dns"):
        return self.d.ctl_json("anycast", name)["sets"][0]

    def wait_state(self, state, name="dns", real=None):
        def reached():
            found = self.set_of(name)
            return found["state"] == state and (real is None or found["real"] == real)
        wait_for(reached, 60)
        return self.set_of(name)

    def up(self):
        self.wait_state("announced", "dns", "present")
        self.wait_state("announced", "other", "present")

    def announced(self, name):
        """What the speaker was told of a set: its attributes; None: to withdraw it."""
        with open(self.told) as f:
            sets = {s["name"]: s for s in json.load(f)["sets"]}
        return sets[name]["attributes"] if name in sets and sets[name]["announced"] else None

    def problems(self, name):
        return [(p["severity"], p["text"]) for p in self.d.ctl_json("status")["problems"] if p.get("set") == name]

    def drains(self, target, *options):
        """`set TARGET drain --wait`, in the background."""
        return subprocess.Popen(
            [harness.program("LOADSTARCTL", "loadstarctl"), "-s", self.d.socket, "set", target, "drain", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ended(self, process, timeout=300):
        out, err = process.communicate(timeout=timeout)
        return process.returncode, out, err


class Anycast(TestCase):
    def test_document(self):
        self.up()
        found = self.document("/api/v1/anycast")
        self.assertEqual([s["name"] for s in found["sets"]], ["dns", "other"])
        dns = found["sets"][0]
        self.assertEqual([dns[k] for k in ("state", "real", "speaker", "site", "order", "prefixes")],
                         ["announced", "present", "local", "ams", "auto", ["192.0.2.53/32", "2001:db8::53/128"]])
        self.assertEqual([(r["prefix"], r["real"]) for r in dns["routes"]],
                         [("192.0.2.53/32", "present"), ("2001:db8::53/128", "present")])
        self.assertTrue(dns["inputs"])
        self.assertTrue(all(i["ok"] is True and i["name"] and isinstance(i["reason"], str) for i in dns["inputs"]))
        self.assertEqual((dns["attributes"]["prepend"], dns["attributes"]["communities"]), (0, ["65001:7"]))
        self.assertNotIn("med", dns["attributes"])
        self.assertEqual(dns["timers"], [])
        speaker = found["speakers"][0]
        self.assertEqual([speaker[k] for k in ("name", "type", "up", "error")], ["local", "exec", True, ""])
        one = self.document("/api/v1/anycast?name=other")
        self.assertEqual(([s["name"] for s in one["sets"]], len(one["speakers"])), (["other"], 1))
        page = self.document("/api/v1/anycast?limit=1")
        self.assertEqual(self.document(f"/api/v1/anycast?limit=1&after={page['next']}")["sets"][0]["name"], "other")
        text = self.d.ctl("anycast").stdout
        self.assertRegex(text, r"(?m)^dns +announced +\S+.* present +local +all holds$")
        self.assertRegex(text, r"(?m)^local +exec +up ")
        self.assertRegex(self.d.ctl("anycast", "dns").stdout, r"(?m)^2001:db8::53/128 +present$")
        self.assertTrue(all(len(line) <= 80 for line in text.splitlines()), text)
        self.assertIn("anycast    2 of 2 prefix sets announced; 1 of 1 speaker up\n", self.d.ctl("status").stdout)
        done = self.d.ctl("anycast", "dsn", check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("there is no prefix set 'dsn', did you mean 'dns'?", done.stderr)
        with self.assertRaises(urllib.error.HTTPError) as e:
            self.get("/api/v1/anycast?name=dsn&wait=30")
        self.assertEqual(e.exception.code, 404)
        e.exception.close()

    def test_long_poll(self):
        self.up()
        before = self.document("/api/v1/anycast?name=dns")["version"]
        now = self.document(f"/api/v1/anycast?name=dns&wait=60&after={before + 1000}")["version"] # at once
        self.assertLess(now, before + 1000)
        got = []
        poller = threading.Thread(
            target=lambda: got.append(self.document(f"/api/v1/anycast?name=dns&wait=60&after={now}")))
        poller.start()
        began = time.monotonic()
        self.d.ctl("set", "anycast:dns", "withdraw")
        poller.join(60)
        self.assertLess(time.monotonic() - began, 45)
        self.assertNotEqual(got[0]["version"], now)

    def test_follows_a_pool(self):
        self.up()
        self.d.ctl("set", "web/ams/a", "down")  # 50 %: not full
        found = self.wait_state("degraded")
        wait_for(lambda: (self.announced("dns") or {}).get("prepend") == 2, 60)
        self.assertEqual((found["attributes"]["prepend"], found["attributes"]["med"]), (2, 200))
        self.assertIn("web", found["why"])
        self.assertTrue(any(t.startswith("anycast dns is degraded") for s, t in self.problems("dns") if s == "warning"))
        self.d.ctl("set", "web/ams/b", "down")
        found = self.wait_state("down", real="absent")
        self.assertTrue([i for i in found["inputs"] if i["ok"] is False])
        self.assertEqual(found["attributes"], {})
        self.assertIsNone(self.announced("dns"))
        self.assertIsNotNone(self.announced("other"))
        self.assertTrue(any("anycast dns is down, not announced" in t for s, t in self.problems("dns") if s == "error"))
        text = self.d.ctl("explain", "192.0.2.53/32").stdout
        self.assertRegex(text, r"^anycast:dns is down, for ")
        self.assertRegex(text, r"(?m)^  because +.*web")
        self.assertEqual(self.d.ctl("explain", "2001:db8::53").stdout.splitlines()[0].split(",")[0], "anycast:dns is down")
        # announce beats pools.
        reply = self.d.ctl("set", "anycast:dns", "announce", "--reason", "only one left").stdout
        self.assertIn("anycast dns: is announced whatever its pools and checks say", reply)
        self.wait_state("announced", real="present")
        self.assertRegex(self.d.ctl("explain", "anycast:dns").stdout, r"(?m)^  orders +@\d+ anycast:dns announce by .*only one left: decides$")

    def test_speaker_fails(self):
        self.up()
        with open(self.fails, "w"):
            pass
        self.d.ctl("set", "anycast:dns", "withdraw")
        wait_for(lambda: self.d.ctl_json("anycast")["speakers"][0]["up"] is False, 60)
        speaker = self.d.ctl_json("anycast")["speakers"][0]
        self.assertTrue(speaker["error"] and speaker["error_kind"], speaker)
        wait_for(lambda: any(p["text"].startswith("speaker local does not do what it is told")
                             for p in self.d.ctl_json("status")["problems"]), 60)
        wait_for(lambda: 'loadstar_speaker_up{speaker="local"} 0\n' in self.get("/metrics"), 60)
        os.unlink(self.fails)
        self.wait_state("down", real="absent")
        wait_for(lambda: self.d.ctl_json("anycast")["speakers"][0]["up"], 60)


class Orders(TestCase):
    drain = "15s"  # all of what is looked at in between

    def test_words(self):
        self.up()
        for args, words in ((("anycast:dns", "up"), "of a prefix set expected announce, withdraw, drain or auto"),
                            (("web/ams", "announce"), "announce and withdraw are of prefix sets"),
                            (("anycast:dns", "drain", "--force"), "force: only with announce")):
            done = self.d.ctl("set", *args, check=False)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertIn(words, done.stderr)
        done = self.d.ctl("set", "anycast:dsn", "drain", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("did you mean 'dns'?", done.stderr)
        self.assertIn("nothing is changed", self.d.ctl("set", "anycast:*", "withdraw", "--dry-run").stdout)
        self.assertEqual(self.d.ctl_json("orders")["orders"], [])
        text = self.d.ctl("set", "anycast:dns", "announce", "--force").stdout
        self.assertIn("warning: forced: dns stays announced even when nothing answers", text)
        order = self.d.ctl_json("orders")["orders"][0]
        self.assertEqual([order[k] for k in ("target", "state", "forced", "prefix_sets")],
                         ["anycast:dns", "announce", True, 1])
        self.assertTrue(self.set_of()["forced"])
        self.d.ctl("set", "@1", "auto")
        self.assertEqual(self.d.ctl_json("orders")["orders"], [])

    def test_layers_restart_and_a_reload(self):
        self.up()
        self.d.ctl("set", "anycast:*", "withdraw", "--reason", "works")
        self.d.ctl("set", "anycast:dns", "announce", "--for", "1h")
        self.wait_state("down", "other", "absent")
        self.wait_state("announced", "dns", "present")
        self.d.stop()
        self.d.start()
        self.wait_state("down", "other", "absent")
        self.wait_state("announced", "dns", "present")
        self.assertEqual(self.d.ctl_json("anycast", "other")["sets"][0]["why"].split(" of ")[0],
                         "withdraw is ordered (@1")
        with open(os.path.join(self.d.dir, "anycast.yaml")) as f:
            text = f.read()
        self.d.write("anycast.yaml", text.replace("  dns:", "  bind:"))
        self.assertIn("matches no prefix set any more", self.d.ctl("reload").stdout)
        self.assertTrue(any("matches no prefix set of this configuration" in p["text"]
                            for p in self.d.ctl_json("status")["problems"]))
        self.wait_state("down", "bind")  # of anycast:*
        self.d.ctl("set", "anycast:*", "auto")
        self.assertEqual(self.d.ctl_json("orders")["orders"], [])
        self.wait_state("announced", "bind", "present")

    def test_drain_of_a_site(self):
        self.up()
        waits = self.drains("ams", "--wait=80s")
        found = self.wait_state("draining")
        self.assertIn("65535:0", found["attributes"]["communities"])
        found = self.document("/api/v1/drain?target=ams")
        self.assertEqual((found["anycast"][0]["name"], found["anycast"][0]["left"]), ("dns", True))
        self.wait_healthy(1)
        code, out, err = self.ended(waits)
        self.assertEqual(code, 0, (out, err))
        self.assertIn("drained: nothing is left\n", out)
        self.assertIn("anycast dns: ", err)
        self.assertEqual(self.set_of()["real"], "absent")
        self.assertEqual(self.set_of("other")["state"], "announced")
        self.assertRegex(self.set_of()["why"], r"drain is ordered \(@\d+ for site ams of ")
        self.d.ctl("set", "ams", "auto")
        self.wait_state("announced", "dns", "present")
        self.wait_healthy(0)

    def wait_healthy(self, code):
        """It asks for 0.9 s only, and cannot tell when a busy machine takes longer."""
        wait_for(lambda: self.d.ctl("healthy", "anycast:dns", check=False).returncode == code, 60)

    def test_drain_that_is_taken_back(self):
        self.up()
        waits = self.drains("anycast:dns", "--wait=80s")
        wait_for(lambda: self.set_of()["state"] == "draining", 60)
        self.d.ctl("set", "anycast:dns", "auto")
        code, out, err = self.ended(waits)
        self.assertEqual(code, 1, (out, err))
        self.assertIn("anycast:dns is not drained any more", out)
        self.assertEqual(self.wait_state("announced")["real"], "present")
        self.assertEqual(self.d.ctl("drain", "x", check=False).returncode, 2)  # no command of its own


class LongDrain(TestCase):
    drain = "10m"

    def test_interrupted_and_too_short(self):
        self.up()
        code, out, err = self.ended(self.drains("anycast:dns", "--wait=2s"))
        self.assertEqual(code, 1, (out, err))
        self.assertIn("anycast dns (draining, routes present)", out)
        waits = self.drains("anycast:dns", "--wait")
        self.assertTrue(waits.stderr.readline())
        waits.send_signal(signal.SIGINT)
        self.assertEqual(self.ended(waits)[0], 130)
        self.assertEqual(self.set_of()["state"], "draining")
        timers = self.set_of()["timers"]
        self.assertEqual(timers[0]["name"], "drain")
        self.assertTrue(0 < timers[0]["left_s"] <= 600, timers)

    def test_metrics_and_rules(self):
        self.up()
        self.d.ctl("set", "anycast:dns", "drain")
        self.wait_state("draining")
        text = self.get("/metrics")
        for line in ('loadstar_anycast_state{set="dns",state="draining"} 1', 'loadstar_anycast_state{set="dns",state="down"} 0',
                     'loadstar_anycast_state{set="other",state="announced"} 1', 'loadstar_anycast_real{set="dns"} 1',
                     'loadstar_speaker_up{speaker="local"} 1', 'loadstar_anycast_frozen{set="dns"} 0'):
            self.assertIn(line + "\n", text)
        self.assertGreaterEqual(int(re.search(r'loadstar_anycast_transitions_total\{set="dns"\} (\d+)', text)[1]), 2)
        promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
        if not promtool:
            self.skipTest("promtool is missing: it is in Debian's package prometheus")
        for args, given in ((["check", "metrics"], text), (["check", "rules", f"{RULES}/anycast.rules.yml"], None),
                            (["test", "rules", f"{RULES}/anycast.rules.test.yml"], None)):
            done = subprocess.run([promtool, *args], input=given, capture_output=True, text=True, timeout=300)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_dashboard_in_a_browser(self):
        self.up()
        self.d.ctl("set", "anycast:dns", "drain", "--reason", "<b>&router swap")
        self.wait_state("draining")
        names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
        browser = next(filter(None, map(shutil.which, names)), None)
        if not browser:
            self.skipTest("chromium is missing: Debian has it in chromium-headless-shell")
        url = f"http://127.0.0.1:{self.d.http_port}/#name=anycast:dns&type=A"
        done = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000",
             "--window-size=390,844", "--user-data-dir=" + os.path.join(self.d.dir, "browser"), "--dump-dom", url],
            capture_output=True, text=True, timeout=300)
        page = re.sub(r"(?s)<script>.*?</script>", "", done.stdout)
        text = re.sub(r"<[^>]+>", " ", page)
        for words in ("Anycast", "draining", "192.0.2.53/32", "2001:db8::53/128", "&lt;b&gt;&amp;router swap",
                      "prepend 0", "drain: ", "1 prefix set", "all holds", "exec"):
            self.assertIn(words, text)
        for words in ("undefined", "NaN", "[object", "no answer from loadstard"):
            self.assertNotIn(words, text)


class Completion(TestCase):
    def test_names_for_completion(self):
        self.up()
        out = subprocess.run(
            ["bash", "-c", f'. {os.path.dirname(RULES)}/completion/loadstarctl; _loadstarctl_socket={self.d.socket}; '
             'cur=anycast: ; _loadstarctl_targets; _loadstarctl_sets; target=anycast:dns; _loadstarctl_states'],
            capture_output=True, text=True, timeout=60,
            env={**os.environ, "PATH": os.path.dirname(harness.program("LOADSTARCTL", "loadstarctl")) + ":" + os.environ["PATH"]})
        self.assertEqual(out.stdout.split(), ["anycast:dns", "anycast:other", "dns", "other",
                                              "announce", "withdraw", "drain", "auto"], out.stderr)


if __name__ == "__main__":
    harness.main()
