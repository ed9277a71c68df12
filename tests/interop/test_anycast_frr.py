# SPDX-License-Identifier: Apache-2.0
"""The driver for FRR against a real bgpd with a router behind it: what it announces and how, what it
reads back, and what it does when bgpd refuses, restarts, hangs, is not there, or has other ideas."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import anycast_lab  # noqa: E402
from anycast_driver import ABSENT, BOTH, Driver, PRESENT, V4, carry_out  # noqa: E402
from anycast_host import PATIENCE, SITE_AS, find  # noqa: E402
import harness  # noqa: E402


class Frr(Driver):
    kind, goal_ms, hangs = "frr", 150, "timeout"
    right, missing = "frrvty", "does bgpd run?"

    def by_client(self, prefix, there=True):
        self.speaker.vty.ask("configure terminal", f"router bgp {SITE_AS}",
                             "address-family ipv4 unicast", f"{'' if there else 'no '}network {prefix}")

    def test_a_next_hop_of_its_own(self):
        """Without zebra bgpd does not know that it shares a network with the neighbour, and would
        put its own address in its place."""
        def neighbours(word):
            for family, peer in (("ipv4", f"10.98.{self.site.n}.1"), ("ipv6", f"fd98:{self.site.n}::1")):
                self.speaker.vty.ask("configure terminal", f"router bgp {SITE_AS}",
                                     f"address-family {family} unicast",
                                     f"{word}neighbor {peer} attribute-unchanged next-hop")
        neighbours("")
        self.addCleanup(neighbours, "no ")
        self.router.wait_sessions("ams")
        super().test_a_next_hop_of_its_own()

    def config(self):
        return self.speaker.vty.ask("show running-config")


class VtyTest(Frr, unittest.TestCase):
    """By its vty socket."""

    def arguments(self):
        return [f"socket={self.speaker.vty.path}"]

    def test_nothing_is_left_and_nothing_is_saved(self):
        with open(self.site.path("bgpd.conf")) as file:
            saved = file.read()
        before = self.config()
        tool = self.dns()
        tool.do("announce dns communities=65001:1 med=3")
        self.wait_both()
        self.assertIn("LOADSTAR-dns-", self.config())
        tool.do("withdraw dns")
        self.wait_gone()
        self.assertEqual(self.config(), before)
        with open(self.site.path("bgpd.conf")) as file:
            self.assertEqual(file.read(), saved)

    def test_bgpd_does_not_follow_later(self):
        """After its `route-map delay-timer`, here as short as can be, no update is due."""
        self.speaker.vty.ask("configure terminal", "bgp route-map delay-timer 1")
        tool = self.dns()
        tool.do("announce dns communities=65001:1")
        self.wait_both()
        mark = self.router.mark()
        tool.do("announce dns communities=65001:2")
        self.wait_both(communities={(65001, 2)})
        tool.tell("set late 198.51.100.1/32")
        # The timer of a later change ends after that of the one before.
        self.speaker.vty.ask("configure terminal", "route-map OTHER permit 10", "set metric 7", "exit",
                             f"router bgp {SITE_AS}", "address-family ipv4 unicast",
                             "network 198.51.100.7/32 route-map OTHER")
        self.speaker.vty.ask("configure terminal", "route-map OTHER permit 10", "set metric 8")
        self.router.wait_route("198.51.100.7/32", "ams", med=8)
        self.assertEqual(sorted(update for update in self.log_of(mark) if update[1] in BOTH),
                         sorted(("added", prefix) for prefix in BOTH))
        self.by_client("198.51.100.7/32", there=False)
        self.speaker.vty.ask("configure terminal", "no bgp route-map delay-timer 1",
                             "no route-map OTHER")

    def test_a_route_map_that_somebody_edits_is_replaced(self):
        tool = self.dns()
        tool.do("announce dns communities=65001:1")
        self.wait_both()
        name = next(line.split()[1] for line in self.config().splitlines()
                    if line.startswith("route-map LOADSTAR-"))
        self.speaker.vty.ask("configure terminal", "bgp route-map delay-timer 1",
                             f"route-map {name} permit 10", "set metric 77")
        self.wait_both(med=77)
        mark = self.router.mark()
        self.assertTrue(tool.real()[V4][1])
        tool.do("apply")
        self.wait_both(med=0)
        self.assertEqual(tool.real(), PRESENT)
        self.assertEqual({what for what, _ in self.log_of(mark)}, {"added"})
        self.speaker.vty.ask("configure terminal", "no bgp route-map delay-timer 1")

    def test_a_network_of_the_operators_is_left_alone(self):
        self.by_client(V4)
        self.router.wait_route(V4, "ams")
        tool = self.dns("large=65001:1:2")
        self.assertIn("not Loadstar's", tool.do("look")["note"])
        self.assertIn(f"no network {V4}", tool.fails("announce dns", "foreign"))
        self.router.wait_route("2001:db8::53/128", "ams", large={(65001, 1, 2)})
        self.router.wait_route(V4, "ams", large=set())
        carry_out(tool.ask("will"))
        self.router.wait_gone("2001:db8::53/128")
        self.assertIsNotNone(self.router.route(V4))
        tool.do("withdraw dns")
        self.assertIsNotNone(self.router.route(V4))
        self.by_client(V4, there=False)
        self.router.wait_gone(V4)

    def test_another_as_is_refused(self):
        tool = self.tool("as=65009")
        self.assertIn("65009", tool.fails("look", "rejected"))

    def test_the_end_of_bgpd_is_seen_at_once(self):
        tool = self.dns()
        nudges = tool.nudges
        self.speaker.kill()
        harness.wait_for(lambda: tool.nudges > nudges, PATIENCE)
        self.speaker.start()
        tool.wait_look()

    def test_what_is_no_vty(self):
        tool = self.tool(arguments=[f"socket={self.lab.router.bird.path}", "timeout_ms=3000"])
        self.assertIn("no vty of FRR", tool.fails("look", "rejected"))


class VtyshTest(Frr, unittest.TestCase):
    """By vtysh: where the way matters."""

    goal_ms = 200
    test_a_next_hop_of_its_own = test_well_known_communities = None
    test_a_restart_of_the_speaker_is_seen = test_a_restart_of_ours_leaves_it_alone = None

    def arguments(self):
        return [f"command={find('vtysh')} --vty_socket {self.site.dir}"]

    def test_it_stands_in_for_a_socket_that_is_not_reached(self):
        away = self.speaker.vty.path + ".away"
        tool = self.tool(arguments=[f"socket={away}", *self.arguments()])
        tool.tell(f"set dns {V4}")
        tool.do("look")
        tool.do("announce dns")
        self.assertIn("argv", tool.ask("will"))
        self.router.wait_route(V4, "ams")
        os.link(self.speaker.vty.path, away)
        self.addCleanup(os.unlink, away)
        self.assertEqual(tool.real(), {V4: ("present", False)})
        self.assertEqual(tool.ask("will")["socket"], away)
        tool.do("withdraw dns")
        self.router.wait_gone(V4)

    def test_a_vtysh_that_is_missing(self):
        tool = self.tool(arguments=["command=/nonexistent/vtysh"])
        self.assertIn("install frr", tool.fails("look", "unreachable"))


class ImportCheckTest(unittest.TestCase):
    """With zebra, and import-check: what is not in the kernel is not announced, and it is said."""

    def test_a_network_that_is_not_in_the_kernel(self):
        lab = anycast_lab.Lab(self.addCleanup)
        site = lab.site("ams", "frr", zebra=True)
        site.start_speaker()
        from speaker_tool import Tool
        tool = Tool(self.addCleanup, "frr", f"socket={site.speaker.vty.path}", f"as={SITE_AS}",
                    host=site.host)
        tool.tell(f"set dns {' '.join(BOTH)}")
        tool.do("look")
        tool.do("announce dns")
        seen = tool.do("look")
        self.assertEqual({route["real"] for route in seen["routes"]}, {"absent"})
        self.assertIn("import-check", seen["note"])
        for prefix in BOTH:
            site.host.run("ip", "addr", "add", prefix, "dev", "lo")
        for prefix in BOTH:
            lab.router.wait_route(prefix, "ams")
        self.assertEqual(tool.real(), PRESENT)
        site.host.run("ip", "addr", "del", V4, "dev", "lo")
        lab.router.wait_gone(V4)
        tool.do("withdraw dns")
        for prefix in BOTH:
            lab.router.wait_gone(prefix)
        self.assertEqual(tool.real(), ABSENT)


if __name__ == "__main__":
    unittest.main()
