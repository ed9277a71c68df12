# SPDX-License-Identifier: Apache-2.0
"""Health, seen from outside: what answers do when back ends or operators do something."""
import json
import os
import random
import signal
import subprocess
import threading
import time
import unittest

import dns.exception

import harness

LONG = "a minute of probes"

ZONE = """\
zone: example.test
ttl: 1h
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s, serial: 1}
records:
  "@": {NS: [ns1]}
  ns1: {A: 192.0.2.53}
  www: {POOL: www}
"""
INTERVAL = 0.5
WAIT = 60  # seconds; nothing here asserts how fast a machine is, the unit tests know it exactly
# A back end that answers late four times in a row is none that a busy machine has held up.
# Back ends are on two addresses of loopback, in two sites; ams comes first.
POOLS = """\
sites:
  ams: {{location: [52.31, 4.76]}}
  iad: {{location: [38.95, -77.45]}}
checks:
  web: {{type: http, port: {port}, path: /healthz, expect: {{status: 200-299, body: ready}},
         interval: 500ms, timeout: 500ms, rise: 2, fall: 4}}
pools:
  www:
    ttl: {ttl}
    checks: [web]
    steer: {{order: [ams, iad]}}
    sites: {{ams: [127.0.2.1], iad: [127.0.2.2]}}
"""
AMS, IAD = "127.0.2.1", "127.0.2.2"
NAME = "www.example.test"


class Case(harness.TestCase):
    def pair(self, ttl="5s", **kw):
        """A daemon over one back end in ams and one in iad, both up."""
        self.ams = self.backend(AMS)
        self.iad = self.backend(IAD, port=self.ams.port)
        self.d = self.daemon(zones={"example.test.yaml": ZONE},
                             pools=POOLS.format(port=self.ams.port, ttl=ttl), **kw)
        self.assert_moves(AMS)  # a first result may be bad when the machine is busy
        return self.d

    def answer(self, d=None):
        return (d or self.d).addresses(NAME)

    def endpoint(self, target, d=None):
        for e in (d or self.d).ctl_json("endpoints")["endpoints"]:
            if e["target"] == target:
                return e
        raise AssertionError(f"no endpoint {target}")

    def assert_moves(self, to):
        """The answer becomes [to]."""
        self.d.wait_for(lambda: self.answer() == [to], WAIT)

    def assert_is(self, target, state, why, d=None):
        """It becomes so: of probes that all fail, one may have failed by the time that it took."""
        def found():
            e = self.endpoint(target, d)
            return (e["state"], e["why"]) == (state, why)
        try:
            harness.wait_for(found, WAIT)
        except AssertionError:
            e = self.endpoint(target, d)
            self.assertEqual((e["state"], e["why"]), (state, why))


class Failover(Case):
    def test_refused(self):
        self.pair()
        self.ams.refuse()
        self.assert_moves(IAD)
        self.assert_is(f"www/ams/{AMS}", "down", "web: connect refused")
        self.ams.ok()
        self.assert_moves(AMS)

    def test_wrong_status(self):
        self.pair()
        self.ams.fail(503)
        self.assert_moves(IAD)
        self.assert_is(f"www/ams/{AMS}", "down", "web: status 503, expected 200-299")

    def test_wrong_body(self):
        self.pair()
        self.ams.body = "warming up"
        self.assert_moves(IAD)
        self.assert_is(f"www/ams/{AMS}", "down", 'web: body does not contain "ready" (10 bytes read)')

    def test_hang(self):
        self.pair()
        self.ams.hang()
        self.assert_moves(IAD)
        self.assert_is(f"www/ams/{AMS}", "down", "web: timeout after 500ms waiting for the response header")

    def test_one_failure_changes_nothing(self):
        self.pair()
        self.ams.once.append(500)
        self.d.wait_for(lambda: not self.ams.once, WAIT)
        end = time.monotonic() + 6 * INTERVAL
        while time.monotonic() < end:
            self.assertEqual(self.answer(), [AMS])

    def test_all_down_serves_all(self):
        self.pair()
        self.ams.refuse()
        self.iad.refuse()
        self.d.wait_for(lambda: self.endpoint(f"www/iad/{IAD}")["state"] == "down", WAIT)
        self.d.wait_for(lambda: self.endpoint(f"www/ams/{AMS}")["state"] == "down", WAIT)
        self.assertEqual({self.answer()[0] for _ in range(50)} - {AMS, IAD}, set())


class Elsewhere(Case):
    """Probed where it is not answered, and by checks of its own."""

    def test_probe(self):
        self.ams = self.backend(AMS)
        self.d = self.daemon(zones={"example.test.yaml": ZONE}, pools=f"""\
sites: {{ams: {{}}, iad: {{}}}}
defaults: {{check: {{interval: 300ms, fall: 2}}, pool: {{checks: [web], steer: {{order: [ams, iad]}}}}}}
checks:
  web: {{type: http, path: /healthz}}
  never: {{type: tcp, port: 9}}
pools:
  www:
    sites:
      ams: [{{address: 192.0.2.1, probe: {{address: {AMS}, port: {self.ams.port}}}}},
            {{address: 192.0.2.2, checks: [never], probe: {{address: 127.0.2.9}}}}]
      iad: [{{address: 192.0.2.3, checks: []}}]
""")
        self.d.wait_for(lambda: self.answer() == ["192.0.2.1"], WAIT)
        at = f"{AMS}:{self.ams.port}"
        first, second, third = self.d.ctl_json("endpoints")["endpoints"]
        self.assertEqual((first["address"], first["probed"]), ("192.0.2.1", at))
        self.assertNotIn("checks", first)
        self.assertEqual((second["probed"], second["checks"]), ("127.0.2.9", ["never"]))
        self.assertEqual((third["checks"], third["why"]), ([], "no checks"))
        self.assertNotIn("probed", third)
        probed = {(c["check"], c["address"], c["port"]) for c in self.d.ctl_json("checks")["checks"]}
        self.assertEqual(probed, {("web", AMS, self.ams.port), ("never", "127.0.2.9", 9)})
        explained = self.d.ctl_json("explain", NAME)
        self.assertEqual([e.get("probed") for e in explained["endpoints"]],
                         [at, "127.0.2.9", None])
        self.assertIn(f"(probed: {at})", self.d.ctl("explain", NAME).stdout)
        self.ams.refuse()
        self.d.wait_for(lambda: self.answer() == ["192.0.2.3"], WAIT)
        # Another address is another probe: what was known of the first says nothing of it.
        other = self.backend("127.0.2.3")
        self.d.write("pools.yaml", self.d.read("pools.yaml").replace(
            at.replace(":", ", port: "), f"127.0.2.3, port: {other.port}"))
        self.d.reload()
        self.d.wait_for(lambda: self.answer() == ["192.0.2.1"], WAIT)


class Events(Case):
    """What is told of pools and sites, beside their endpoints."""

    def told(self, target):
        return [(e["severity"], e["from"], e["to"]) for e in self.d.ctl_json("events")["events"]
                if e["target"] == target]

    def test_down_and_back(self):
        self.pair()
        self.ams.refuse()
        self.d.wait_for(lambda: ("warning", "up", "degraded") in self.told("pool www"), WAIT)
        self.d.wait_for(lambda: ("error", "up", "down") in self.told("site ams"), WAIT)
        self.iad.refuse()
        self.d.wait_for(lambda: ("error", "degraded", "down") in self.told("pool www"), WAIT)
        log = self.d.log()
        self.assertRegex(log, r"(?m)warning: event \d+: pool www: up -> degraded: ams: 1 endpoint down: ")
        self.assertRegex(log, r"(?m)error: event \d+: pool www: degraded -> down: ")
        self.d.ctl("set", "www/*", "up")
        self.d.wait_for(lambda: ("notice", "down", "up") in self.told("pool www"), WAIT)


class Start(Case):
    def test_first_answer_is_right(self):
        """A back end that is dead at the start is not in the very first answer."""
        iad = self.backend(IAD)
        d = self.daemon(zones={"example.test.yaml": ZONE},
                        pools=POOLS.format(port=iad.port, ttl="5s").replace("500ms", "2s"), start=False)
        for _ in range(5):
            d.start(ready=False)
            while True:
                try:
                    first = d.query(NAME, timeout=0.05)
                    break
                except (dns.exception.Timeout, OSError):
                    self.assertIsNone(d.process.poll())
            self.assertEqual(harness.rdata(first, "A"), [IAD])
            d.stop()
            os.unlink(os.path.join(d.dir, "state", "health.json"))

    def test_saved_health_bridges_a_restart(self):
        """Until its first result an endpoint is taken as it was when the server stopped."""
        d = self.pair()
        self.ams.refuse()
        self.assert_moves(IAD)
        since = self.endpoint(f"www/ams/{AMS}")["since"]
        d.stop()
        saved = json.loads(d.read("state/health.json"))
        self.assertEqual(saved["endpoints"][f"www/ams/{AMS}"][0], "down")
        d.start()
        self.assertEqual(self.answer(), [IAD])
        d.wait_for(lambda: self.endpoint(f"www/ams/{AMS}")["health"] == "down", WAIT)
        self.assertEqual(self.endpoint(f"www/ams/{AMS}")["since"], since)

    def test_probes_stop_with_their_check(self):
        d = self.pair()
        d.write("pools.yaml", POOLS.format(port=self.ams.port, ttl="5s")
                .replace("checks: [web]", "checks: []"))
        d.reload()

        def nobody_asks():  # what was under way may come late
            seen = self.ams.requests
            time.sleep(3 * INTERVAL)
            return self.ams.requests == seen
        d.wait_for(nobody_asks, WAIT)
        self.assertEqual(self.endpoint(f"www/ams/{AMS}")["state"], "up")

    def test_reload_keeps_states(self):
        d = self.pair()
        self.ams.refuse()
        self.assert_moves(IAD)
        since = self.endpoint(f"www/ams/{AMS}")["since"]
        for _ in range(5):
            d.reload()
            self.assertEqual(self.answer(), [IAD])
        self.assertEqual(self.endpoint(f"www/ams/{AMS}")["since"], since)


class Overrides(Case):
    def test_each_state(self):
        d = self.pair()
        for state in ("drain", "down"):
            d.ctl("set", "www/ams", state, "--reason", "maintenance")
            self.assertEqual(self.answer(), [IAD])
            e = self.endpoint(f"www/ams/{AMS}")
            self.assertEqual((e["state"], e["why"]), (state + "!", "maintenance"))
        d.ctl("set", "www/ams", "auto")
        self.assertEqual(self.answer(), [AMS])
        self.ams.refuse()
        self.assert_moves(IAD)
        d.ctl("set", f"www/*/{AMS}", "up")
        self.assertEqual(self.answer(), [AMS])

    def test_weight(self):
        d = self.pair()
        d.ctl("weight", "www/ams", "0")
        self.assertEqual(self.answer(), [IAD])
        d.ctl("weight", "www/ams", "auto")
        self.assertEqual(self.answer(), [AMS])

    def test_expiry(self):
        d = self.pair()
        start = time.monotonic()
        d.ctl("set", "ams", "drain", "--for", "5s")
        self.assertEqual(self.answer(), [IAD])
        self.d.wait_for(lambda: self.answer() == [AMS], WAIT)
        self.assertGreater(time.monotonic() - start, 4.9)
        d.wait_for(lambda: d.ctl_json("status")["overrides"] == [], WAIT)

    def test_restart_keeps_them(self):
        d = self.pair()
        d.ctl("set", "ams", "drain", "--reason", "disk")
        d.ctl("set", "iad", "down", "--for", "1s")
        d.ctl("weight", "www/iad", "7")
        d.stop()
        time.sleep(1.1)
        d.start()
        self.assertEqual(self.answer(), [IAD])
        self.assertEqual(self.endpoint(f"www/ams/{AMS}")["why"], "disk")
        self.assertEqual(self.endpoint(f"www/iad/{IAD}")["weight"], 7)

    def test_no_match_is_refused(self):
        d = self.pair()
        for target in ("nowhere", "www/sin", "www/ams/192.0.2.9"):
            self.assertEqual(d.ctl("set", target, "down", check=False).returncode, 1)

    def test_new_endpoint_gets_the_rule(self):
        d = self.pair()
        d.ctl("set", "www/a*", "drain")
        d.write("pools.yaml", POOLS.format(port=self.ams.port, ttl="5s")
                .replace("ams: [127.0.2.1]", "ams: [127.0.2.1, 127.0.2.3]"))
        d.reload()
        self.assertEqual(self.endpoint("www/ams/127.0.2.3")["state"], "drain!")

    def test_corrupt_file_is_kept_and_reported(self):
        d = self.pair()
        d.ctl("set", "ams", "drain")
        d.stop()
        path = os.path.join(d.dir, "state", "overrides.json")
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text[:-10])
        d.start()
        self.assertIn(path + ":", d.log())
        with open(path + ".corrupt") as file:
            self.assertEqual(file.read(), text[:-10])
        self.assertTrue(any("overrides.json.corrupt" in p["text"]
                            for p in d.ctl_json("status")["problems"]))

    def test_kill_while_writing(self):
        """After kill -9 at a random moment, the last acknowledged override is in force."""
        d = self.pair()
        rng = random.Random(1)
        for _ in range(50):
            acknowledged, asked, stop = [None], [None], threading.Event()

            def write():
                i = 0
                while not stop.is_set():
                    i += 1
                    asked[0] = f"round {i}"
                    if d.ctl("set", "ams", ("drain", "down")[i % 2], "--reason", asked[0],
                             check=False).returncode:
                        return
                    acknowledged[0] = asked[0]

            writer = threading.Thread(target=write)
            writer.start()
            time.sleep(rng.uniform(0.0, 0.08))
            d.kill()
            stop.set()
            writer.join()
            d.start()
            self.assertNotIn("error", [line.split(" ")[1] for line in d.log().splitlines()
                                       if "overrides" in line and " " in line])
            e = self.endpoint(f"www/ams/{AMS}")
            # What was asked but not acknowledged may be in force as well.
            if acknowledged[0]:
                self.assertIn(e["why"], (acknowledged[0], asked[0]))
            self.assertFalse(os.path.exists(
                os.path.join(d.dir, "state", "overrides.json.corrupt")))


class Ttl(Case):
    def ttl(self):
        return self.d.query(NAME).answer[0].ttl

    def test_follows_the_soonest_flip(self):
        """3 results of 2 s each are needed to fall: 6; one failure later 4, then 2."""
        self.ams = self.backend(AMS)
        self.iad = self.backend(IAD, port=self.ams.port)
        pools = (POOLS.format(port=self.ams.port, ttl="{min: 1s, max: 60s}")
                 .replace("500ms", "2s").replace("fall: 4", "fall: 3"))
        self.d = self.daemon(zones={"example.test.yaml": ZONE}, pools=pools)
        self.d.wait_for(lambda: self.answer() == [AMS] and self.ttl() == 6, WAIT)
        self.ams.refuse()
        seen = [6]
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            answer = self.d.query(NAME)
            if harness.rdata(answer, "A") != [AMS]:
                break
            if answer.answer[0].ttl != seen[-1]:
                seen.append(answer.answer[0].ttl)
        # A busy machine may miss one; none comes back, and none comes too soon.
        self.assertEqual(seen, sorted({6, *seen} & {6, 4, 2}, reverse=True))
        self.assertGreater(len(seen), 1)

    def test_clamped(self):
        self.pair(ttl="{min: 7s, max: 9s}")
        self.assertEqual(self.ttl(), 7)

    def test_expiring_override_caps_it(self):
        self.pair(ttl="30s")
        self.assertEqual(self.ttl(), 30)
        self.d.ctl("set", "ams", "drain", "--for", "20s")
        self.assertLessEqual(self.ttl(), 20)


class Suspicion(Case):
    def eight(self, ams, iad):
        return """\
sites: {{ams: {{location: [52, 4]}}, iad: {{location: [38, -77]}}}}
checks: {{c: {{type: http, port: {port}, interval: 1s, timeout: 1s}}}}
pools:
  www:
    checks: [c]
    steer: {{order: [ams, iad]}}
    pick: all
    on_all_down: nodata
    sites: {{ams: [{ams}], iad: [{iad}]}}
""".format(port=self.backends[0].port, ams=", ".join(ams), iad=", ".join(iad))

    def test_panic_guard(self):
        """When all of eight in two sites fall silent at once, states stay as they were; when they
        refuse, that is their own word."""
        ams = [f"127.0.3.{i}" for i in range(1, 5)]
        iad = [f"127.0.3.{i}" for i in range(5, 9)]
        first = self.backend(ams[0])
        self.backends = [first] + [self.backend(a, port=first.port) for a in ams[1:] + iad]
        d = self.daemon(zones={"example.test.yaml": ZONE}, pools=self.eight(ams, iad))
        d.wait_for(lambda: d.addresses(NAME) == ams, WAIT)
        for b in self.backends:
            b.hang()

        def panics():
            self.assertEqual(d.addresses(NAME), ams)
            return any("panic" in p["text"] for p in d.ctl_json("status")["problems"])
        d.wait_for(panics, WAIT)
        self.assertIn("panic guard", d.log())
        end = time.monotonic() + 3
        while time.monotonic() < end:
            self.assertEqual(d.addresses(NAME), ams)
        for b in self.backends:
            b.ok()
        d.wait_for(lambda: not panics(), WAIT, step=0.1)
        self.assertEqual(d.addresses(NAME), ams)
        # One site alone that goes down is believed.
        for b in self.backends[:4]:
            b.hang()
        d.wait_for(lambda: d.addresses(NAME) == iad, WAIT)
        for b in self.backends:
            b.refuse()
        d.wait_for(lambda: d.addresses(NAME) == [], WAIT)
        d.wait_for(lambda: d.ctl_json("status")["endpoints"]["frozen"] == 0, WAIT)

    def test_stall_is_said_and_healed(self):
        d = self.pair()
        d.process.send_signal(signal.SIGSTOP)
        time.sleep(6)
        d.process.send_signal(signal.SIGCONT)
        d.wait_for(lambda: "the checker did not run for" in d.log(), WAIT)
        self.assertEqual(self.answer(), [AMS])
        d.wait_for(lambda: not self.endpoint(f"www/ams/{AMS}")["stale"], WAIT)
        self.assertEqual(self.endpoint(f"www/ams/{AMS}")["state"], "up")


class Exec(Case):
    def test_reason_and_environment(self):
        pools = """\
sites: {ams: {location: [52, 4]}}
checks:
  c: {type: exec, interval: 2s, timeout: 2s, rise: 1, fall: 1, command: [./check.sh, "{address}"]}
pools:
  www: {checks: [c], sites: {ams: [{address: 192.0.2.7, name: web7}]}}
"""
        script = ("#!/bin/sh\n[ -e flag ] && exit 0\n"
                  'echo "no flag for $1 $LOADSTAR_POOL/$LOADSTAR_SITE/$LOADSTAR_NAME" >&2\nexit 2\n')
        d = self.daemon(zones={"example.test.yaml": ZONE}, start=False)
        path = d.write("check.sh", script.replace("flag ]", os.path.join(d.dir, "flag") + " ]"))
        os.chmod(path, 0o755)
        d.write("pools.yaml", pools.replace("./check.sh", path))
        d.write("loadstar.yaml", d.read("loadstar.yaml") + "pools: pools.yaml\n")
        d.start()
        self.assert_is("www/ams/web7", "down", "c: exec exited 2: no flag for 192.0.2.7 www/ams/web7", d)
        d.write("flag", "")
        d.wait_for(lambda: self.endpoint("www/ams/web7", d)["state"] == "up", WAIT)


if __name__ == "__main__":
    harness.main()
