# SPDX-License-Identifier: Apache-2.0
"""Tiers of type exec by the real daemon: what a command is told, when, and what becomes of it."""
import json
import os
import time
import unittest

import harness
from harness import wait_for

ZONES = {"example.test.zone": "$TTL 60\n@ SOA ns1 hostmaster 1 3600 900 604800 60\n@ NS ns1\nns1 A 127.0.0.1\nwww POOL www\n"}
POOLS = """\
sites: {ams: {location: [52.31, 4.76]}}
pools:
  www:
    sites:
      ams: [{name: a, address: 127.0.0.1, port: 80, weight: 100},
            {name: b, address: 127.0.0.2, port: 80, weight: 50}]
"""
SCRIPT = """\
#!/bin/sh
# %s
cat >"$1/input.new" && mv "$1/input.new" "$1/input"
echo "$LOADSTAR_TIER began" >>"$1/runs"
while [ -e "$1/hang" ]; do sleep 0.05; done
if [ -e "$1/fail" ]; then echo "no such backend: "; exit 3; fi
echo "$LOADSTAR_TIER ended" >>"$1/runs"
"""
BOTH = {"a": ("ready", 100), "b": ("ready", 50)}


class Exec(harness.TestCase):
    def world(self):
        d = self.daemon(zones=ZONES, pools=POOLS, main="tiers: tiers.yaml\n", start=False)
        self.dir = d.dir
        d.write("push", SCRIPT % "tells")
        os.chmod(self.path("push"), 0o755)
        self.tiers(d)
        d.start()
        wait_for(lambda: self.members() == BOTH, 60)
        self.state(d, "ok")
        return d

    def tiers(self, d, more="", push=True):
        lines = ["tiers:"] if push or more else ["tiers: {}"]
        if push:
            lines.append(f"  push: {{type: exec, pool: www, command: [{self.dir}/push, {self.dir}], timeout: 60s, "
                         "drain: {timeout: 1s}}")
        d.write("tiers.yaml", "\n".join(lines) + "\n" + more)

    def path(self, name):
        return os.path.join(self.dir, name)

    def touch(self, name):
        with open(self.path(name), "w"):
            pass

    def runs(self):
        with open(self.path("runs")) as file:
            return file.read().splitlines()

    def input(self):
        try:
            with open(self.path("input")) as file:
                return json.load(file)
        except FileNotFoundError:
            return None

    def members(self):
        told = self.input()
        return told and {m["name"].split("-")[1]: (m["state"], m["weight"]) for m in told["members"]}

    def state(self, d, state):
        wait_for(lambda: d.ctl_json("tiers", "push")["tiers"][0]["state"] == state, 60)

    def test_told_once(self):
        d = self.world()
        self.assertEqual(self.runs(), ["push began", "push ended"])
        first = self.input()["version"]
        d.ctl("set", "www/ams/a", "drain")
        wait_for(lambda: self.members() == {**BOTH, "a": ("drain", 0)}, 60)
        self.assertGreater(self.input()["version"], first)
        wait_for(lambda: json.loads(d.read("state/tier.push.json")) == self.input(), 60)
        wait_for(lambda: self.runs() == ["push began", "push ended"] * 2, 60)
        self.state(d, "ok")
        n = len(self.runs())
        d.kill()
        d.start()
        self.state(d, "ok")
        d.stop()
        self.assertEqual(len(self.runs()), n) # it has taken that already

    def test_a_reload_ends_no_command(self):
        d = self.world()
        self.touch("hang")
        d.ctl("set", "www/ams/a", "drain")
        wait_for(lambda: len(self.runs()) == 3, 60)
        self.tiers(d, more=f"  other: {{type: keepalived, pool: www, track_file: {self.dir}/www.track}}\n")
        d.reload()
        os.unlink(self.path("hang"))
        wait_for(lambda: len(self.runs()) == 4, 60)
        self.state(d, "ok")
        self.assertEqual(self.runs(), ["push began", "push ended"] * 2)

    def test_a_failure_is_told_and_tried_again(self):
        d = self.world()
        self.touch("fail")
        d.ctl("set", "www/ams/b", "down")
        wait_for(lambda: "no such backend" in str(d.ctl_json("tiers", "push")), 60)
        self.assertNotEqual(d.ctl_json("tiers", "push")["tiers"][0]["state"], "ok")
        os.unlink(self.path("fail"))
        self.state(d, "ok")
        self.assertEqual(self.members(), {**BOTH, "b": ("maint", 0)})

    def test_it_leaves_the_configuration(self):
        """Its members are drained, then all that was kept of it goes; when it comes back it is told anew."""
        d = self.world()
        self.assertTrue(os.path.exists(self.path("state/tier.push.json")))
        self.tiers(d, push=False)
        d.reload()
        wait_for(lambda: all(m[0] == "drain" for m in self.members().values()), 60)
        wait_for(lambda: not os.path.exists(self.path("state/tier.push.json")), 60)
        wait_for(lambda: "push" not in d.read("state/tiers"), 60)
        n = len(self.runs())
        time.sleep(1)
        self.assertEqual(len(self.runs()), n)
        self.assertNotIn("by somebody else", d.log())
        self.tiers(d)
        d.reload()
        wait_for(lambda: self.members() == BOTH, 60)
        self.state(d, "ok")


if __name__ == "__main__":
    unittest.main()
