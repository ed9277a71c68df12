#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The state directory of a running server: what it may be, who may have been in it before, and
that a check, a start and a reload judge it alike."""
import hashlib
import json
import os
import pwd
import unittest

import harness

POOLS = """\
sites: {ams: {location: [52, 4]}, iad: {location: [39, -77]}}
pools: {www: {ttl: 5s, sites: {ams: [127.0.2.1], iad: [127.0.2.2]}}}
"""
ZONES = {"example.test.yaml": """\
zone: example.test
soa: {mname: ns1, rname: hostmaster}
records: {"@": {NS: [ns1]}, ns1: {A: 127.0.0.1}, www: {POOL: www}}
"""}
NAME = "www.example.test"
RULES = {"format": 1, "rules": [{"target": "www/ams", "state": "drain", "set_ms": 1}]}


class State(harness.TestCase):
    def make(self, **kw):
        return self.daemon(zones=ZONES, pools=POOLS, **kw)

    def path(self, *names):
        return os.path.join(self.d.dir, *names)

    def put(self, text, *names):
        with open(self.path(*names), "w") as file:
            file.write(text)

    def refusals(self, d):
        """What a check and a start say, of which neither may go on."""
        checked = d.check()
        self.assertEqual(checked.returncode, 1, checked.stdout + checked.stderr)
        d.start(ready=False)
        self.assertEqual(d.process.wait(90), 1)
        return checked.stderr, d.log()

    def test_broken_directories(self):
        """Each is refused at the key's place by a check, a start and a reload, in the same words."""
        broken = {
            "a file": (lambda: self.put("", "s"), "cannot be used: Not a directory"),
            "below a file": (lambda: self.put("", "s"), "cannot be used: Not a directory"),
            "no parent": (lambda: None, "cannot be made: No such file or directory"),
            "a link to nowhere": (lambda: os.symlink("nowhere", self.path("s")),
                                  "it is a link to nowhere"),
            "a directory for a file": (lambda: os.makedirs(self.path("s", "overrides.json")),
                                       "cannot be read: Is a directory"),
        }
        for what, (make, text) in broken.items():
            with self.subTest(what):
                name = {"below a file": "s/t", "no parent": "s/t/u"}.get(what, "s")
                d = self.d = self.make(start=False)
                make()
                good = d.read("loadstar.yaml")
                bad = good.replace("state_dir: state", f"state_dir: {name}")
                d.write("loadstar.yaml", bad)
                for said in self.refusals(d):
                    self.assertIn("loadstar.yaml:4:14: 'state_dir'", said)
                    self.assertIn(text, said)
                    self.assertIn(os.path.join(d.dir, name), said)
                d.write("loadstar.yaml", good)
                d.start()
                d.write("loadstar.yaml", bad)
                reply = d.ctl("reload", check=False)
                self.assertEqual(reply.returncode, 1)
                self.assertIn("loadstar.yaml:4:14: 'state_dir'", reply.stderr)
                self.assertIn(text, reply.stderr)
                self.assertEqual(len(d.addresses(NAME)), 1)
                d.write("loadstar.yaml", good)
                d.ctl("set", "ams", "drain")  # what was in force can still be written
                d.stop()

    def test_orders_that_the_user_may_not_read(self):
        """They hold all the same: no start without them, and the file stays."""
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        d = self.d = self.make(start=False, server="user: nobody")
        nobody = pwd.getpwnam("nobody")
        os.chmod(d.dir, 0o755)
        os.chown(self.path("state"), nobody.pw_uid, nobody.pw_gid)
        self.put(json.dumps(RULES), "state", "overrides.json")
        os.chmod(self.path("state", "overrides.json"), 0o640)
        for said in self.refusals(d):
            self.assertIn("loadstar.yaml:4:14: 'state_dir'", said)
            self.assertIn("state/overrides.json cannot be read by user 'nobody': Permission denied",
                          said)
        self.assertEqual(os.listdir(self.path("state")), ["overrides.json"])
        os.chown(self.path("state", "overrides.json"), nobody.pw_uid, nobody.pw_gid)
        d.start()
        self.assertEqual(d.addresses(NAME), ["127.0.2.2"])

    def test_nothing_in_the_way_stops_an_order(self):
        """FIFOs, links and devices in the place of the file that is written, or of its temporary
        name: orders go on, and what the links lead to is not touched."""
        d = self.d = self.make()
        self.put("precious", "victim")
        ways = {"FIFO": os.mkfifo, "link": lambda at: os.symlink(self.path("victim"), at),
                "loop": lambda at: os.symlink(at, at)}
        if os.geteuid() == 0:
            ways["device"] = lambda at: os.mknod(at, 0o20666, os.makedev(1, 7))
        for what, make in ways.items():
            for name in ("overrides.json", "overrides.json.tmp"):
                with self.subTest(f"{what} as {name}"):
                    at = self.path("state", name)
                    if os.path.lexists(at):
                        os.unlink(at)
                    try:
                        make(at)
                    except PermissionError as e:
                        self.skipTest(f"no device can be made here: {e}")
                    d.ctl("set", "ams", "drain", "--reason", what)
                    self.assertEqual(json.loads(d.read("state/overrides.json"))["orders"][0]
                                     ["reason"], what)
                    self.assertFalse(os.path.lexists(self.path("state", "overrides.json.tmp")))
        self.assertEqual(d.read("victim"), "precious")
        problems = [p["text"] for p in d.ctl_json("status")["problems"]]
        self.assertFalse([p for p in problems if "overrides" in p], problems)

    def test_a_directory_that_holds_orders(self):
        """A reload to it puts them aside, says so, and those in force go on, there as well."""
        d = self.d = self.make()
        d.ctl("set", "www/iad", "down")
        os.mkdir(self.path("other"))
        self.put(json.dumps(RULES), "other", "overrides.json")
        d.write("loadstar.yaml",
                d.read("loadstar.yaml").replace("state_dir: state", "state_dir: other"))
        reply = d.ctl("reload")
        self.assertIn("other/overrides.json.before", reply.stdout + reply.stderr)
        self.assertEqual(json.loads(d.read("other/overrides.json.before")), RULES)
        self.assertEqual(d.addresses(NAME), ["127.0.2.1"])
        d.kill()
        d.start()
        self.assertEqual(d.addresses(NAME), ["127.0.2.1"])

    def test_an_edited_file(self):
        """A file that was edited by hand is put aside, with the reason; without the checksum and as
        format 1 it is taken."""
        d = self.d = self.make()
        d.ctl("set", "www/iad", "down")
        d.stop()
        text = d.read("state/overrides.json")
        self.put(text.replace("www/iad", "www/ams"), "state", "overrides.json")
        d.start()
        problems = [p["text"] for p in d.ctl_json("status")["problems"]]
        self.assertTrue(any("edited by hand" in p and "overrides.json.corrupt" in p
                            for p in problems), problems)
        d.stop()
        edited = json.loads(text.replace("www/iad", "www/ams"))
        del edited["sha256"]
        canonical = json.dumps(edited, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        edited["sha256"] = hashlib.sha256(canonical.encode()).hexdigest()
        self.put(json.dumps(edited), "state", "overrides.json")
        d.start()
        self.assertEqual(d.addresses(NAME), ["127.0.2.2"])
        d.stop()
        edited = {"format": 1, "rules": [{"target": "www/ams", "state": "down", "set_ms": 1}]}
        self.put(json.dumps(edited), "state", "overrides.json")
        d.start()
        self.assertEqual(d.ctl_json("status")["problems"][0]["severity"], "warning")
        self.assertEqual(d.addresses(NAME), ["127.0.2.2"])


if __name__ == "__main__":
    unittest.main()
