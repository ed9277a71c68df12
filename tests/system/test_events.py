# SPDX-License-Identifier: Apache-2.0
"""The event log over restarts: what is kept, what a start and a stop say, who was it."""
import getpass
import os
import re

import harness

POOLS = """\
sites: {ams: {location: [52, 4]}, iad: {location: [38, -77]}}
pools:
  www:
    steer: {order: [ams, iad]}
    sites: {ams: [127.0.2.1], iad: [127.0.2.2]}
"""
ZONE = """\
zone: example.test
soa: {mname: ns1, rname: hostmaster, minimum: 60s}
records: {"@": {NS: [ns1]}, ns1: {A: 192.0.2.53}, www: {POOL: www}}
"""


class Case(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.d = self.daemon(zones={"example.test.yaml": ZONE}, pools=POOLS)

    def events(self, limit=1000):
        return self.d.ctl_json("events", "--limit", str(limit))["events"]

    def of_loadstar(self):
        return [(e["from"], e["to"], e["reason"], e.get("by", "")) for e in self.events()
                if e["target"] == "loadstar"]

    def in_memory_only(self):
        return any("events are kept in memory only" in p["text"]
                   for p in self.d.ctl_json("status")["problems"])

    def on_disk(self, text):
        path = os.path.join(self.d.dir, "state", "events.log")
        self.d.wait_for(lambda: os.path.exists(path) and text in open(path).read(), 60)


class Restarts(Case):
    def test_clean_stop(self):
        version = self.d.ctl_json("status")["version"]
        self.assertEqual(self.of_loadstar(), [("unknown", "started", f"version {version}", "")])
        self.d.ctl("set", "www/ams", "drain")
        self.d.wait_for(lambda: any(e["to"] == "drain!" for e in self.events()), 60)
        before = self.events()
        me = f"{getpass.getuser()} (uid {os.getuid()})"
        ordered = [e for e in before if e["to"] in ("order", "drain!")]
        self.assertEqual({e["by"] for e in ordered}, {me})
        self.assertEqual({e["target"] for e in ordered if e["to"] == "drain!"},
                         {e["target"] for e in ordered} - {"loadstar"})
        self.d.ctl("stop")
        self.d.process.wait(60)
        self.d.start()
        after = self.events()
        self.assertEqual(after[:len(before)], before)
        self.assertEqual(self.of_loadstar()[-2:], [
            ("started", "stopped", f"version {version}", me),
            ("stopped", "started", f"version {version}, after a clean stop", "")])
        ids = [e["id"] for e in after]
        self.assertEqual(ids, list(range(1, len(ids) + 1)))

    def test_killed(self):
        self.d.ctl("set", "www/ams", "drain")
        self.on_disk("drain!")
        last = self.events()[-1]["id"]
        self.d.kill()
        self.d.start()
        self.assertRegex(self.of_loadstar()[-1][2], "version .*, after an unclean end")
        self.assertTrue(any(e["to"] == "drain!" for e in self.events()))
        self.assertGreater(self.events()[-1]["id"], last)
        newest = self.events(limit=2)
        self.assertEqual(len(newest), 2)
        self.assertEqual(newest, self.events()[-2:])

    def test_signals(self):
        self.d.hup()
        self.assertEqual(self.of_loadstar()[-1], ("gen 1", "gen 2", "reloaded", "signal SIGHUP"))
        self.d.ctl("reload")
        self.assertRegex(self.of_loadstar()[-1][3], r"\(uid \d+\)")
        self.assertEqual(self.d.stop(), 0)
        self.d.start()
        self.assertEqual(self.of_loadstar()[-2][3], "signal SIGTERM")

    def test_damage(self):
        self.on_disk("started")
        self.d.kill()
        path = os.path.join(self.d.dir, "state", "events.log")
        with open(path, "ab") as file:
            file.write(b"0123456789abcdef\t9\tgarb\xffage\n\n0123")
        self.d.start()
        self.assertIn("events.log: 3 damaged lines are left out", self.d.log())
        self.assertEqual(self.events()[0]["to"], "started")
        self.assertEqual(self.d.ctl_json("status")["problems"], [])

    def test_what_cannot_be_written(self):
        self.d.stop()
        path = os.path.join(self.d.dir, "state", "events.log")
        os.unlink(path)
        os.mkdir(path)
        self.d.start()
        self.d.wait_for(self.in_memory_only, 60)
        self.d.ctl("set", "www/ams", "drain")
        self.d.wait_for(lambda: any(e["to"] == "drain!" for e in self.events()), 60)
        os.rmdir(path)
        self.on_disk("drain!")
        self.d.wait_for(lambda: not self.in_memory_only(), 60)

    def test_another_directory(self):
        self.on_disk("started")
        path = os.path.join(self.d.dir, "loadstar.yaml")
        text = self.d.read("loadstar.yaml")
        self.assertIn("state_dir: ", text)
        self.d.write("loadstar.yaml", re.sub("state_dir: [^ ,}\n]*", "state_dir: other", text))
        self.d.ctl("reload")
        moved = os.path.join(self.d.dir, "other", "events.log")
        self.d.wait_for(lambda: os.path.exists(moved) and "gen 2" in open(moved).read(), 60)
        self.assertIn("started", open(moved).read())
        self.assertTrue(os.path.exists(path))


if __name__ == "__main__":
    harness.main()
