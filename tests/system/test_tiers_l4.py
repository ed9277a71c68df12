# SPDX-License-Identifier: Apache-2.0
"""Tiers of type l4, by the real daemon and a stand-in for loadstar-l4 (fake_l4.py): sets that follow states, failures
that hasten probes and decide nothing, sessions that drains wait for, restarts on either side, and lines that are none."""
import socket
import subprocess
import threading
import time

import harness
from fake_l4 import Fake
from harness import wait_for

LONG = "drains and polls take their time"

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
    ttl: 1s
    sites:
      ams: [{name: a, address: 127.0.0.1, port: 8081}, {name: b, address: 127.0.0.2, port: 8081}]
      iad: [{name: c, address: 127.0.0.3, port: 8081}]
"""
CHECKED = """\
sites: {ams: {location: [52.31, 4.76]}}
checks: {open: {type: tcp, interval: 10m, timeout: 2s, rise: 1, fall: 2}}
pools:
  web:
    ttl: 1s
    checks: [open]
    steer: all
    sites:
      ams: [{name: a, address: 127.0.0.1, port: %d}, {name: b, address: 127.0.0.1, port: %d}]
"""
RIGHT = "a=up 100 b=up 100 c=up 100"


class BackEnd:
    """Counts who connects."""

    def __init__(self):
        self.n = 0
        self.port = harness.free_port()  # which nobody else gets once it is closed
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.n += 1
            connection.close()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()


class TiersL4(harness.TestCase):
    def world(self, pools=POOLS, more="", services=("web",), tiers=None):
        d = harness.Daemon(zones={"example.test.yaml": ZONE}, pools=pools, main="tiers: tiers.yaml\n")
        self.addCleanup(d.close)
        d.write("tiers.yaml", tiers or f"tiers:\n  edge: {{type: l4, pool: web, socket: {d.dir}/l4.sock, service: web, "
                                       f"interval: 1s{more}}}\n")
        fake = Fake(f"{d.dir}/l4.sock", *services)
        self.addCleanup(fake.close)
        return d, fake

    def becomes(self, fake, text, timeout=60):
        try:
            wait_for(lambda: fake.text() == text, timeout)
        except AssertionError:
            self.assertEqual(fake.text(), text)

    def tier(self, d):
        return d.ctl_json("tiers")["tiers"][0]

    def state_becomes(self, d, state):
        wait_for(lambda: self.tier(d)["state"] == state, 60, step=0.1)

    # ---- states ----

    def test_states(self):
        d, fake = self.world()
        d.start()
        self.becomes(fake, RIGHT)
        self.assertEqual([m["key"] for m in fake.told[-1]["members"]], ["web/ams/a", "web/ams/b", "web/iad/c"])
        self.assertEqual(fake.told[-1]["members"][1], {"key": "web/ams/b", "address": "127.0.0.2", "port": 8081,
                                                       "weight": 100, "state": "up"})
        self.state_becomes(d, "ok")
        n = len(fake.told)
        d.ctl("set", "web/ams/a", "down")
        self.becomes(fake, "a=down b=up 100 c=up 100")
        d.ctl("set", "web/ams/a", "auto")
        d.ctl("set", "web/ams/b", "drain")
        self.becomes(fake, "a=up 100 b=drain c=up 100")
        d.ctl("set", "web/ams/b", "auto")
        d.ctl("weight", "web/iad/c", "0")
        self.becomes(fake, "a=up 100 b=up 100 c=up 0")
        self.assertLess(len(fake.told), n + 8)
        self.assertEqual(fake.connections, 1)
        self.state_becomes(d, "ok")
        # What somebody else tells it is set right.
        fake.sets["web"]["members"][0]["state"] = "drain"
        self.becomes(fake, "a=up 100 b=up 100 c=up 0")

    def test_members_come_and_go(self):
        d, fake = self.world()
        d.start()
        self.becomes(fake, RIGHT)
        fake.sessions["web/ams/a"] = 1
        d.write("pools.yaml", POOLS.replace("{name: a, address: 127.0.0.1, port: 8081}, ", "")
                .replace("{name: c,", "{name: d, address: 127.0.0.4, port: 8081}, {name: c,"))
        d.reload()
        # What has left is drained while it has sessions, under the key that it had.
        self.becomes(fake, "b=up 100 d=up 100 c=up 100 a=drain")
        self.assertEqual(fake.sets["web"]["members"][-1]["key"], "web/ams/a")
        self.assertEqual(fake.connections, 1)
        fake.sessions.clear()
        self.becomes(fake, "b=up 100 d=up 100 c=up 100")
        # A tier that leaves stays as it is.
        d.write("tiers.yaml", "tiers: {}\n")
        d.reload()
        wait_for(lambda: "is left" in d.log(), 60)
        time.sleep(0.5)
        self.assertEqual(fake.text(), "b=up 100 d=up 100 c=up 100")

    def test_restarts_on_either_side(self):
        d, fake = self.world()
        d.start()
        self.becomes(fake, RIGHT)
        for end in (d.stop, d.kill):
            end()
            n = len(fake.told)
            d.start()
            # Told again, as it tells of failures only who told it; the version rises, which the fake asserts.
            wait_for(lambda: len(fake.told) > n, 60)
            self.assertEqual(fake.text(), RIGHT)
        for _ in range(3):  # also without what it had
            fake.close()
            fake.sets["web"]["members"] = []
            fake.open()
            self.becomes(fake, RIGHT)
        self.state_becomes(d, "ok")

    # ---- drains ----

    def test_a_drain_waits_for_sessions(self):
        d, fake = self.world()
        d.start()
        self.becomes(fake, RIGHT)
        fake.sessions["web/ams/a"] = 3
        waiting = subprocess.Popen([harness.program("LOADSTARCTL", "loadstarctl"), "-s", d.socket, "set", "web/ams/a",
                                    "drain", "--wait"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.becomes(fake, "a=drain b=up 100 c=up 100")
        wait_for(lambda: self.tier(d)["members"][0].get("drain", {}).get("active") == 3, 60, step=0.1)
        self.assertIsNone(waiting.poll())
        fake.sessions["web/ams/a"] = 1
        wait_for(lambda: self.tier(d)["members"][0].get("drain", {}).get("active") == 1, 60, step=0.1)
        self.assertIsNone(waiting.poll())
        fake.sessions["web/ams/a"] = 0
        fake.event(event="sessions", service="web", members=[{"key": "web/ams/a", "active": 0}])
        output, _ = waiting.communicate(timeout=60)
        self.assertEqual(waiting.returncode, 0, output)

    # ---- failures ----

    def checked(self):
        a, b = BackEnd(), BackEnd()
        self.addCleanup(a.close)
        self.addCleanup(b.close)
        d, fake = self.world(CHECKED % (a.port, b.port))
        d.start()
        self.becomes(fake, "a=up 100 b=up 100")
        self.state_becomes(d, "ok")
        return d, fake, a, b

    def test_a_failure_hastens_a_probe(self):
        d, fake, _a, b = self.checked()
        self.assertEqual(len(d.addresses("www.example.test")), 1)
        b.close()
        time.sleep(0.3)
        self.assertEqual(fake.text(), "a=up 100 b=up 100")  # nobody has looked for minutes
        fake.failed("web/ams/b")  # one word: what confirms it are probes
        self.becomes(fake, "a=up 100 b=down")
        self.assertIn("connect refused", d.ctl("endpoints", "web").stdout)
        events = [(e["target"], e["from"], e["to"], e["reason"]) for e in d.ctl_json("events")["events"]
                  if e["target"] == "web/ams/b"][-2:]
        self.assertEqual(events[0], ("web/ams/b", "up", "up", "tier edge met a failure: it is probed now"))
        self.assertEqual(events[1][1:3], ("up", "down"))

    def test_failures_decide_nothing(self):
        d, fake, a, b = self.checked()
        n, other = a.n, b.n
        began = time.monotonic()
        for _ in range(60):
            fake.failed("web/ams/a", what="timeout")
            fake.failed("web/ams/nobody")
            fake.failed("web/ams/b", service="another")
            time.sleep(0.05)
        wait_for(lambda: a.n > n, 60)
        time.sleep(1.5)
        self.assertEqual(fake.text(), "a=up 100 b=up 100")
        # One a second and the last; besides, a probe's place within its interval of 10 minutes may be now.
        self.assertLessEqual(a.n - n, time.monotonic() - began + 3)
        self.assertLessEqual(b.n - other, 1)
        wait_for(lambda: "was not told" in self.tier(d).get("note", ""), 60, step=0.1)

    # ---- what goes wrong ----

    def test_a_service_that_is_not_there(self):
        d, fake = self.world(services=("other",))
        d.start()
        self.state_becomes(d, "refused")
        self.assertIn("the service web is not there", self.tier(d)["last_error"])
        fake.sets["web"] = {"version": 0, "members": []}
        self.becomes(fake, RIGHT)
        self.state_becomes(d, "ok")

    def test_nobody_there_at_first(self):
        d, fake = self.world()
        fake.close()
        d.start()
        self.state_becomes(d, "unreachable")
        told = lambda: [(e["severity"], e["from"], e["to"]) for e in d.ctl_json("events")["events"] if e["target"] == "tier edge"]
        wait_for(lambda: told() == [("error", "unknown", "unreachable")], 60, step=0.1)
        event = [e for e in d.ctl_json("events")["events"] if e["target"] == "tier edge"][0]
        self.assertIn("cannot connect", event["reason"])
        self.assertRegex(d.log(), "event [0-9]+: tier edge: unknown -> unreachable: ")
        fake.open()
        self.becomes(fake, RIGHT)
        wait_for(lambda: told()[1:] == [("notice", "unreachable", "ok")], 60, step=0.1)

    def test_it_misbehaves(self):
        d, fake = self.world()
        d.start()
        self.becomes(fake, RIGHT)
        errors = {"silent": "no answer in 5 s", "garbage": "this is not the command line of loadstar-l4",
                  "long": "a line that is too long", "closes": "closed the connection"}
        for fault in ("silent", "garbage", "long", "endless", "closes"):
            fake.fault = fault
            wait_for(lambda: self.tier(d)["state"] == "stale", 60, step=0.1)
            if fault in errors:
                self.assertIn(errors[fault], self.tier(d)["last_error"])
            self.assertEqual(sorted(d.addresses("www.example.test"))[0][:8], "127.0.0.")
            fake.fault = None
            self.state_becomes(d, "ok")
            d.ctl("set", "web/ams/a", "drain")
            self.becomes(fake, "a=drain b=up 100 c=up 100")
            d.ctl("set", "web/ams/a", "auto")
            self.becomes(fake, RIGHT)
        fake.fault = "refuses"
        d.ctl("set", "web/ams/a", "drain")
        wait_for(lambda: "loadstar-l4 refuses" in self.tier(d).get("last_error", ""), 60, step=0.1)
        self.assertNotIn("\x1b", d.log())
        fake.fault = "another"
        wait_for(lambda: "another set" in self.tier(d).get("last_error", ""), 60, step=0.1)
        fake.fault = None
        self.becomes(fake, "a=drain b=up 100 c=up 100")


if __name__ == "__main__":
    harness.main()
