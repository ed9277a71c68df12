# SPDX-License-Identifier: Apache-2.0
"""The driver for GoBGP against a real gobgpd with a router behind it: what it announces and how,
what it reads back, and what it does when gobgpd restarts, hangs, is not there, or has other ideas."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from anycast_driver import Driver, PRESENT, V4, V6  # noqa: E402
from anycast_host import PATIENCE  # noqa: E402
import harness  # noqa: E402


class GobgpTest(Driver, unittest.TestCase):
    # A client that waits for a gobgpd that hangs ends by its own time, of 1 s.
    kind, goal_ms, hangs, hang_ms = "gobgp", 50, "timeout", 700
    right, missing = "right to write to this socket", "does gobgpd run"

    def clean(self):
        self.tool().wait_look()
        for family in ("ipv4", "ipv6"):
            self.gobgp("global", "rib", "del", "all", "-a", family)
        os.chmod(self.site.path("gobgp.sock"), 0o700)

    def arguments(self):
        return [f"command={' '.join(self.speaker.client)}", f"next_hop_v6={self.site.address6}"]

    def gobgp(self, *words):
        return subprocess.run([*self.speaker.client, *words], check=True, stdout=subprocess.PIPE,
                              text=True).stdout

    def by_client(self, prefix, there=True):
        self.gobgp("global", "rib", "add" if there else "del", prefix, "-a", "ipv4")

    def record(self):
        with open(os.path.join(self.state, "speaker.local.json")) as file:
            return set(json.load(file)["prefixes"])

    def test_the_record_follows(self):
        tool = self.dns()
        self.assertEqual(self.record(), {V4, V6})
        tool.do("announce dns")
        self.wait_both()
        tool.tell("forget dns")
        tool.tell("set other 198.51.100.1/32")
        tool.do("apply")
        self.wait_gone()
        tool.do("look")
        self.assertEqual(self.record(), {"198.51.100.1/32"})

    def test_what_somebody_else_changes_is_seen(self):
        tool = self.dns()
        tool.do("announce dns communities=65001:1")
        self.wait_both()
        self.by_client(V4)
        self.router.wait_route(V4, "ams", communities=set())
        self.assertEqual(tool.real(), {V4: ("present", True), V6: ("present", False)})
        tool.do("apply")
        self.wait_both(communities={(65001, 1)})
        self.assertEqual(tool.real(), PRESENT)

    def test_another_as_is_refused(self):
        tool = self.tool("as=65009")
        self.assertIn("65009", tool.fails("look", "rejected"))

    def test_without_sessions_it_is_said(self):
        tool = self.dns()
        peer = f"10.98.{self.site.n}.1"
        for address in (peer, f"fd98:{self.site.n}::1"):
            self.gobgp("neighbor", address, "disable")
        harness.wait_for(lambda: "no session" in tool.do("look")["note"], PATIENCE)
        for address in (peer, f"fd98:{self.site.n}::1"):
            self.gobgp("neighbor", address, "enable")
        self.router.wait_sessions("ams")

    def test_a_gobgp_that_is_missing(self):
        tool = self.tool(arguments=["command=/nonexistent/gobgp"])
        self.assertIn("install gobgpd", tool.fails("look", "unreachable"))


if __name__ == "__main__":
    unittest.main()
