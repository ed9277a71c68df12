# SPDX-License-Identifier: Apache-2.0
"""What drivers have to do alike, against real speakers with a router behind them."""
import os
import socket
import statistics
import subprocess
import sys
import time

import anycast_lab
from anycast_host import PATIENCE, SBIN, SITE_AS
import harness
from speaker_tool import Tool

V4, V6 = "192.0.2.53/32", "2001:db8::53/128"
BOTH = (V4, V6)
GSHUT = (65535, 0)
PRESENT = {V4: ("present", False), V6: ("present", False)}
ABSENT = {V4: ("absent", False), V6: ("absent", False)}


def carry_out(will):
    """As the guard does."""
    if "socket" in will:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(will["socket"])
            lines = ["enable", *will["text"].splitlines()]
            s.sendall(b"".join(line.encode() + b"\0" for line in lines))
            file = s.makefile("rb")
            for _ in lines:
                nuls = 0
                while nuls < 3:
                    nuls = nuls + 1 if file.read(1) == b"\0" else 0
                file.read(1)
    for argv in [will[key] for key in ("argv",) if key in will] + will.get("then", []):
        subprocess.run(argv, check=True, env=dict(os.environ, PATH=SBIN), stdout=subprocess.DEVNULL)


class Common:
    """Mixed into a TestCase that has `router`, and dns(): a tool that has a set of both prefixes."""

    goal_ms = 20  # from the decision to the router's table, of a machine with nothing else to do: told beside what it was
    set_words, drain_words = "", ""  # of each set; besides the community

    def log_of(self, mark):
        return [(u.what, u.prefix) for u in self.router.updates(mark)]

    def wait_both(self, **attributes):
        for prefix in BOTH:
            self.router.wait_route(prefix, "ams", **attributes)

    def wait_gone(self):
        for prefix in BOTH:
            self.router.wait_gone(prefix)

    def replace_attributes(self, tool):
        tool.do("announce dns prepend=2 med=250 communities=65001:9")
        self.wait_both(path=[SITE_AS] * 3, med=250, communities={(65001, 9)})
        self.assertEqual(tool.real(), PRESENT)

    def withdraw_dns(self, tool):
        tool.do("withdraw dns")
        self.wait_gone()
        self.assertEqual(tool.real(), ABSENT)

    def stage_two_hundred(self, tool):
        """Prefixes of twenty sets, s0 and so on."""
        for i in range(20):
            words = [f"198.51.{i}.{k}/32" for k in range(5)] + [f"2001:db8:{i:x}::{k}/128"
                                                                for k in range(1, 6)]
            tool.tell(f"set s{i} {' '.join(words)} {self.set_words}")
            tool.tell(f"stage announce s{i} communities=65001:{i},65535:0 prepend=3")

    def apply_two_hundred(self, tool):
        """What was staged arrives, in 5 s if there is nothing else to do; returns what is read back of all prefixes."""
        began = time.time()
        tool.do("apply")
        harness.wait_for(lambda: len(self.router.routes()) == 200, PATIENCE)
        took = time.time() - began
        print(f"{type(self).__name__}: 200 prefixes in {took:.2f} s (5 asked)", file=sys.stderr)
        real = tool.real().values()
        self.assertEqual(sum(of == ("present", False) for of in real), 200)
        return real

    def withdraw_two_hundred(self, tool):
        for i in range(20):
            tool.tell(f"stage withdraw s{i}")
        tool.do("apply")
        harness.wait_for(lambda: not self.router.routes(), PATIENCE)

    def test_graceful_shutdown_replaces_the_route(self):
        tool = self.dns()
        tool.do("announce dns communities=65001:1")
        self.wait_both()
        mark = self.router.mark()
        tool.do(f"announce dns communities=65001:1,65535:0 {self.drain_words}")
        self.wait_both(communities={(65001, 1), GSHUT}, local_pref=0)
        tool.do("announce dns communities=65001:1")
        self.wait_both(communities={(65001, 1)}, local_pref=100)
        updates = self.log_of(mark)
        self.assertEqual({what for what, _ in updates}, {"added"})
        self.assertEqual(sorted(prefix for _, prefix in updates), [V4, V4, V6, V6])

    def test_from_the_decision_to_the_routers_table(self):
        tool = self.dns()
        took = {"added": [], "removed": []}
        for _ in range(10):
            for line, what in (("announce dns communities=65001:1", "added"),
                               ("withdraw dns", "removed")):
                mark, at = self.router.mark(), time.time()
                tool.do(line)
                for prefix in BOTH:
                    took[what].append((self.router.wait_update(mark, what, prefix).at - at) * 1000)
        for what, times in took.items():
            print(f"{type(self).__name__} {what}: median {statistics.median(times):.1f} ms, worst "
                  f"{max(times):.1f} ms ({self.goal_ms} asked)", file=sys.stderr)
            # No period is waited for: those of speakers are 10 s and more.
            self.assertLess(min(times), 5000)


class Driver(Common):
    """What the drivers of FRR and GoBGP have to do alike. `kind`, `goal_ms`, arguments() and by_client(): of the speaker."""

    kind, goal_ms = None, None
    hang_ms = 5000  # how long one that hangs is waited for: longer than a command takes on a busy machine
    drain_words = "med=5 prepend=1"

    @classmethod
    def setUpClass(cls):
        cls.lab = anycast_lab.Lab(cls.addClassCleanup)
        cls.site = cls.lab.site("ams", cls.kind)
        cls.speaker = cls.site.speaker
        cls.site.start_speaker()
        cls.router = cls.lab.router

    def setUp(self):
        if not self.speaker.main.is_alive():
            self.speaker.start()
        self.state = self.site.path("state-" + self._testMethodName)
        os.mkdir(self.state)
        self.clean()
        self.router.wait_sessions("ams")
        harness.wait_for(lambda: not self.router.routes(), PATIENCE)

    def clean(self):
        """What the test before has left goes: it is of no set."""
        tool = self.tool()
        tool.wait_look()
        tool.do("apply")
        tool.close()

    def tool(self, *more, arguments=None, **kw):
        return Tool(self.addCleanup, self.kind, *(arguments or self.arguments()), f"as={SITE_AS}",
                    f"state={self.state}", *more, host=self.site.host, **kw)

    def dns(self, words="", look=True, **kw):
        tool = self.tool(**kw)
        tool.tell(f"set dns {V4} {V6} {words}")
        if look:
            tool.do("look")
        return tool

    # What it announces

    def test_attributes_arrive_and_are_read_back(self):
        tool = self.dns("large=65001:1:2,4294967295:0:7")
        tool.do("announce dns communities=65001:100,65001:200")
        self.wait_both(path=[SITE_AS], communities={(65001, 100), (65001, 200)},
                       large={(65001, 1, 2), (4294967295, 0, 7)})
        self.assertEqual(tool.real(), PRESENT)
        self.replace_attributes(tool)
        tool.tell("stage announce dns prepend=3 med=250 communities=65001:9")
        self.assertEqual(tool.real(), {V4: ("present", True), V6: ("present", True)})
        self.withdraw_dns(tool)

    def test_well_known_communities(self):
        tool = self.dns()
        words = "65001:53,65535:0,65535:666,65535:77"
        tool.do(f"announce dns communities={words}")
        self.wait_both(communities={(65001, 53), GSHUT, (65535, 666), (65535, 77)})
        self.assertEqual(tool.real(), PRESENT)

    def test_a_next_hop_of_its_own(self):
        tool = self.dns("next_hop_v4=10.98.1.77 next_hop_v6=fd98:1::77")
        tool.do("announce dns")
        self.router.wait_route(V4, "ams", next_hop="10.98.1.77")
        self.router.wait_route(V6, "ams", next_hop="fd98:1::77")
        self.assertEqual(tool.real(), PRESENT)

    def test_a_change_of_one_set_touches_no_other(self):
        tool = self.dns()
        tool.tell("set www 198.51.100.1/32")
        tool.do("announce dns communities=65001:1")
        tool.do("announce www med=10")
        self.wait_both()
        self.router.wait_route("198.51.100.1/32", "ams")
        mark = self.router.mark()
        tool.do("announce www med=20")
        self.router.wait_route("198.51.100.1/32", "ams", med=20)
        tool.tell("forget www")
        self.assertEqual(tool.real()["198.51.100.1/32"], ("present", False))
        tool.do("apply")
        self.router.wait_gone("198.51.100.1/32")
        tool.tell("forget dns")
        tool.tell(f"set renamed {V4} {V6}")
        tool.tell("stage announce renamed communities=65001:1")
        tool.do("apply")
        self.assertEqual(tool.real(), PRESENT)
        tool.do("announce renamed communities=65001:2")
        self.wait_both(communities={(65001, 2)})
        self.assertEqual(sorted(self.log_of(mark)),
                         [("added", V4), ("added", "198.51.100.1/32"), ("added", V6),
                          ("removed", "198.51.100.1/32")])

    def test_two_hundred_prefixes(self):
        tool = self.tool()
        self.stage_two_hundred(tool)
        tool.do("look")
        real = self.apply_two_hundred(tool)
        self.assertEqual(set(real), {("present", False)})
        carry_out(tool.ask("will"))
        harness.wait_for(lambda: not self.router.routes(), PATIENCE)

    # What goes on around it

    def test_a_restart_of_ours_leaves_it_alone(self):
        tool = self.dns()
        tool.do("announce dns communities=65001:1")
        self.wait_both()
        mark = self.router.mark()
        tool.kill()
        tool = self.dns()
        tool.tell("stage announce dns communities=65001:1")
        self.assertEqual(tool.real(), PRESENT)
        tool.do("apply")
        tool.do("announce dns communities=65001:2")
        self.wait_both(communities={(65001, 2)})
        self.assertEqual(sorted(self.log_of(mark)), [("added", V4), ("added", V6)])

    def test_leftovers_of_a_set_that_is_no_more_are_withdrawn(self):
        tool = self.dns()
        tool.do("announce dns")
        self.wait_both()
        tool.kill()
        self.by_client("198.51.100.77/32")
        self.router.wait_route("198.51.100.77/32", "ams")
        tool = self.tool()
        tool.tell("set other 198.51.100.1/32")
        tool.tell("stage announce other")
        self.assertEqual(tool.real(), {**PRESENT, "198.51.100.1/32": ("absent", False)})
        tool.do("apply")
        self.wait_gone()
        self.router.wait_route("198.51.100.1/32", "ams")
        self.assertIsNotNone(self.router.route("198.51.100.77/32"))
        self.by_client("198.51.100.77/32", there=False)

    def test_the_will_withdraws_it(self):
        tool = self.dns()
        tool.tell("set other 198.51.100.1/32")
        tool.do("announce dns")
        self.wait_both()
        will = tool.ask("will")
        self.assertNotIn("198.51.100.1", str(will))
        tool.kill()
        carry_out(will)
        self.wait_gone()

    def test_a_restart_of_the_speaker_is_seen(self):
        tool = self.dns()
        tool.do("announce dns")
        self.wait_both()
        self.assertFalse(tool.do("look")["restarted"])
        self.speaker.restart()
        seen = tool.wait_look()
        self.assertTrue(seen["restarted"])
        self.assertEqual({route["real"] for route in seen["routes"]}, {"absent"})
        tool.do("apply")
        self.router.wait_sessions("ams")
        self.wait_both()
        self.assertEqual(tool.real(), PRESENT)
        self.assertFalse(tool.do("look")["restarted"])

    def test_a_speaker_that_hangs(self):
        tool = self.dns("", False)
        tool.do("look")
        tool.do("announce dns")
        self.wait_both()
        tool.close()
        tool = self.tool(f"timeout_ms={self.hang_ms}")
        tool.tell(f"set dns {V4} {V6}")
        tool.wait_look()
        self.speaker.pause()
        self.addCleanup(self.speaker.resume)
        tool.fails("look", self.hangs)
        tool.fails("withdraw dns", self.hangs)
        self.speaker.resume()
        tool.wait_look()
        tool.wait_do("withdraw dns")
        self.wait_gone()

    def test_without_a_speaker(self):
        tool = self.dns()
        self.speaker.stop()
        self.assertIn(self.missing, tool.fails("look", "unreachable"))
        self.assertIn(self.missing, tool.fails("announce dns", "unreachable"))
        self.speaker.start()
        tool.wait_look()
        tool.do("announce dns")
        self.router.wait_sessions("ams")
        self.wait_both()

    def test_without_the_right_to_the_socket(self):
        tool = self.dns("", False, user="nobody")
        self.assertIn(self.right, tool.fails("look", "denied"))
        self.assertIn(self.right, tool.fails("announce dns", "denied"))
