# SPDX-License-Identifier: Apache-2.0
"""The driver for ExaBGP against a real one with a router behind it: by its process, which is
`loadstarctl exabgp`, and over its FIFOs."""
import os
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import anycast_lab  # noqa: E402
from anycast_driver import ABSENT, BOTH, Common, PRESENT, V4, V6  # noqa: E402
from anycast_host import HOLD, PATIENCE, SITE_AS, UPSTREAM_AS, children  # noqa: E402
import harness  # noqa: E402
from speaker_tool import Tool  # noqa: E402

FIFO_CONF = """
template {{ neighbor up {{
  local-as {site_as}; peer-as {upstream_as}; hold-time {hold}; router-id {v4};
}} }}
neighbor 10.98.{n}.1 {{ inherit up; local-address {v4}; family {{ ipv4 unicast; }} }}
neighbor fd98:{n}::1 {{ inherit up; local-address {v6}; family {{ ipv6 unicast; }} }}
"""


class Exabgp(Common):
    """What both ways have in common. The site of a class has an ExaBGP that is running."""

    @classmethod
    def setUpClass(cls):
        cls.lab = anycast_lab.Lab(cls.addClassCleanup)
        cls.site = cls.lab.site("ams", "exabgp")
        cls.exabgp = cls.site.speaker
        cls.router = cls.lab.router
        cls.prepare()
        cls.site.start_speaker()

    def setUp(self):
        self.start_exabgp()
        self.wait_gone()

    def start_exabgp(self):
        if not self.exabgp.main.is_alive():
            self.exabgp.start()
        self.router.wait_sessions("ams")

    def tool(self, *more, **kw):
        return Tool(self.addCleanup, "exabgp", *self.WAY, f"as={SITE_AS}", *more,
                    host=self.site.host, **kw)

    def dns(self, *more, words="", ready=True, **kw):
        tool = self.tool(*more, **kw)
        tool.tell(f"set dns {V4} {V6} {words}")
        if ready:
            tool.wait_look()
            self.addCleanup(self.withdraw, tool)
        return tool

    def withdraw(self, tool):
        """So that the next test begins with nothing."""
        if tool.process.poll() is None:
            tool.kill(signal.SIGCONT)
            tool.ask("withdraw dns")

    def test_attributes_arrive_and_are_read_back(self):
        tool = self.dns(words="large=65001:1:2,4294967295:0:7")
        tool.do("announce dns communities=65001:100,65535:65281")
        self.wait_both(path=[SITE_AS], med=None, communities={(65001, 100), (65535, 65281)},
                       large={(65001, 1, 2), (4294967295, 0, 7)})
        self.assertEqual(tool.real(), PRESENT)
        self.replace_attributes(tool)
        self.withdraw_dns(tool)

    def test_next_hops(self):
        tool = self.dns("next_hop_v4=10.98.1.77", words="next_hop_v6=fd98:1::77")
        tool.do("announce dns")
        # The address of the speaker is for sets that say `self`.
        self.router.wait_route(V6, "ams", next_hop="fd98:1::77")
        tool.tell("set www 198.51.100.1/32")
        tool.do("announce www")
        self.router.wait_route("198.51.100.1/32", "ams", next_hop="10.98.1.77")
        self.assertEqual(tool.real(), {**PRESENT, "198.51.100.1/32": ("present", False)})
        tool.do("withdraw www")
        self.router.wait_gone("198.51.100.1/32")

    def test_a_change_of_one_set_touches_no_other(self):
        tool = self.dns()
        tool.tell("set www 198.51.100.1/32")
        tool.do("announce dns")
        tool.do("announce www med=10")
        self.router.wait_route("198.51.100.1/32", "ams", med=10)
        mark = self.router.mark()
        tool.do("announce www med=20")
        self.router.wait_route("198.51.100.1/32", "ams", med=20)
        tool.do("apply")
        tool.tell("forget www")
        tool.do("apply")
        self.router.wait_gone("198.51.100.1/32")
        self.assertEqual(self.log_of(mark), [("added", "198.51.100.1/32"),
                                             ("removed", "198.51.100.1/32")])

    def test_two_hundred_prefixes(self):
        tool = self.dns()
        self.stage_two_hundred(tool)
        self.apply_two_hundred(tool)
        self.withdraw_two_hundred(tool)

    def test_a_restart_is_noticed_and_told_again(self):
        tool = self.dns()
        tool.do("announce dns")
        self.wait_both()
        self.exabgp.stop()
        self.wait_gone()
        self.exabgp.start()
        self.router.wait_sessions("ams")
        restarted = tool.wait_look()
        self.assertEqual({r["real"] for r in restarted["routes"]}, {"absent"})
        tool.do("apply")
        self.wait_both()

    def test_one_that_hangs(self):
        tool = self.dns("timeout_ms=700")
        tool.wait_do("announce dns")
        self.wait_both()
        self.exabgp.pause()
        self.addCleanup(self.exabgp.resume)
        for _ in range(4):
            self.assertIn("hangs, or is busy", tool.fails("look", "timeout"))
        self.assertIn("hangs, or is busy", tool.fails("withdraw dns", "timeout"))
        self.exabgp.resume()
        tool.wait_look()
        tool.wait_do("apply")
        self.wait_gone()

    def test_without_an_exabgp(self):
        tool = self.dns()
        self.exabgp.stop()
        self.assertIn("not running", tool.fails("look", "unreachable"))
        self.assertIn("not running", tool.fails("announce dns", "unreachable"))

    def test_one_that_does_not_acknowledge(self):
        self.exabgp.stop()
        self.exabgp.main.env["exabgp.api.ack"] = "false"
        self.addCleanup(self.exabgp.stop)
        self.addCleanup(self.exabgp.main.env.update, {"exabgp.api.ack": "true"})
        self.start_exabgp()
        tool = self.dns("timeout_ms=700", ready=False)

        def told():
            event = tool.ask("announce dns")
            return event["error"] == "timeout" and event["text"]
        self.assertIn("exabgp.api.ack=true", harness.wait_for(told, PATIENCE, step=0.1))

    def test_no_session_is_noted(self):
        tool = self.dns()
        harness.wait_for(lambda: tool.do("look")["note"] == "", PATIENCE, step=0.05)
        for family in "46":
            self.router.bird.ask(f"disable ams_{family}")
            self.addCleanup(self.router.bird.ask, f"enable ams_{family}")
        harness.wait_for(lambda: "no BGP session" in tool.do("look")["note"], PATIENCE, step=0.05)


class ProcessTest(Exabgp, unittest.TestCase):
    NAME = "ExaBGP by its process"

    @classmethod
    def prepare(cls):
        cls.WAY = ["via=process", f"socket={cls.exabgp.socket}"]

    def relay(self):
        """The id of ExaBGP's process."""
        return harness.wait_for(lambda: children(self.exabgp.main.pid), PATIENCE)[0]

    def test_killed_it_withdraws_at_once(self):
        took = []
        for _ in range(3):
            tool = self.dns()
            tool.do("announce dns")
            self.wait_both()
            mark, at = self.router.mark(), time.time()
            tool.kill()
            for prefix in BOTH:
                took.append(self.router.wait_update(mark, "removed", prefix).at - at)
            tool.process.wait()
        print(f"{self.NAME}, loadstard killed: withdrawn after {max(took) * 1000:.1f} ms at most",
              file=sys.stderr)
        self.assertLess(min(took), 1.5)  # 0.1 on a quiet machine, and not the 2 s of one that hangs

    def test_stopped_it_withdraws_and_is_told_anew_when_it_goes_on(self):
        tool = self.dns()
        tool.do("announce dns")
        self.wait_both()
        mark, at = self.router.mark(), time.time()
        tool.kill(signal.SIGSTOP)
        took = [self.router.wait_update(mark, "removed", prefix).at - at for prefix in BOTH]
        print(f"{self.NAME}, loadstard stopped: withdrawn after {max(took):.2f} s (3 asked)", file=sys.stderr)
        self.assertGreater(min(took), 1.5)
        tool.kill(signal.SIGCONT)
        seen = tool.wait_look()
        self.assertEqual({r["real"] for r in seen["routes"]}, {"absent"})
        self.assertIsNone(self.router.route(V4))
        tool.do("apply")
        self.wait_both()

    def test_a_quick_restart_touches_nothing(self):
        tool = self.dns()
        tool.do("announce dns communities=65001:1")
        self.wait_both()
        mark = self.router.mark()
        tool.close()
        tool = self.dns()
        tool.tell("stage announce dns communities=65001:1")
        self.assertEqual(tool.real(), PRESENT)
        tool.do("apply")
        self.assertEqual(self.log_of(mark), [])
        tool.do("announce dns communities=65001:2")
        self.wait_both(communities={(65001, 2)})

    def test_what_a_restart_has_left_is_withdrawn(self):
        tool = self.dns()
        tool.tell("set old 198.51.100.9/32")
        tool.do("announce old")
        self.router.wait_route("198.51.100.9/32", "ams")
        tool.close()
        tool = self.dns()
        left = [r for r in tool.do("look")["routes"] if r["set"] is None]
        self.assertEqual([(r["prefix"], r["real"]) for r in left], [("198.51.100.9/32", "present")])
        tool.do("apply")
        self.router.wait_gone("198.51.100.9/32")

    def test_what_others_announce_is_left_alone(self):
        """Of ExaBGP's own configuration."""
        self.exabgp.stop()
        self.addCleanup(self.exabgp.stop)
        self.exabgp.write()
        with open(self.exabgp.conf) as file:
            text = file.read().replace("family { ipv4 unicast; } }", "family { ipv4 unicast; } "
                                       "static { route 198.51.100.200/32 next-hop self; } }")
        with open(self.exabgp.conf, "w") as file:
            file.write(text)
        self.exabgp.main.start()
        self.router.wait_route("198.51.100.200/32", "ams")
        tool = self.dns()
        self.assertEqual(tool.real(), ABSENT)
        tool.do("announce dns")
        tool.do("withdraw dns")
        self.wait_gone()
        self.assertIsNotNone(self.router.route("198.51.100.200/32"))

    def test_the_relay_is_killed(self):
        """ExaBGP starts it anew, and keeps the routes meanwhile."""
        tool = self.dns()
        tool.do("announce dns")
        self.wait_both()
        mark = self.router.mark()
        nudges = tool.nudges
        os.kill(self.relay(), signal.SIGKILL)
        harness.wait_for(lambda: tool.nudges > nudges, PATIENCE)
        seen = tool.wait_look()
        self.assertTrue(seen["restarted"])
        self.assertEqual({r["real"] for r in seen["routes"]}, {"present"})
        self.assertEqual(self.log_of(mark), [])
        tool.do("withdraw dns")
        self.wait_gone()

    def test_the_first_to_connect_stays(self):
        tool = self.dns()
        with socket.socket(socket.AF_UNIX) as other:
            other.settimeout(PATIENCE)
            other.connect(self.exabgp.socket)
            self.assertEqual(other.recv(100), b"")
        tool.do("announce dns")
        self.wait_both()

    def test_one_that_is_no_relay(self):
        """Who connects and says nothing, or nonsense, is not talked to, and takes nobody's place."""
        path = self.site.path("hostile.sock")
        tool = self.tool(f"socket={path}")
        tool.fails("look", "unreachable")
        for said in (b"", b"hello 2 1\n", b"nonsense\n", b"hello 1 7\nsaid done\nnonsense\n",
                     b"hello 1 7\nhas nonsense\n", b"x" * 20000, b"hello 1 7\0\n",
                     b"hello 1 7\nready\nready\n"):
            with self.subTest(said=said[:30]), socket.socket(socket.AF_UNIX) as other:
                other.settimeout(PATIENCE)
                other.connect(path)
                try:
                    other.sendall(said)
                    while other.recv(4096):
                        pass
                except (BrokenPipeError, ConnectionResetError):
                    pass
        tool.fails("look", "unreachable")
        with socket.socket(socket.AF_UNIX) as other:
            other.connect(path)
            other.sendall(b"hello 1 7\nhas 192.0.2.1/32\nready\n")
            harness.wait_for(lambda: tool.ask("look").get("error") != "unreachable", PATIENCE)

    def test_the_socket_cannot_be_made(self):
        tool = self.tool("socket=/nowhere/exabgp.sock")
        self.assertIn("its directory has to be made", tool.fails("look", "unreachable"))
        tool = self.tool(f"socket={self.site.path('no.sock')}", user="nobody")
        self.assertIn("writable for server.user", tool.fails("look", "denied"))
        path = self.site.write("a-file", "kept")
        tool = self.tool(f"socket={path}")
        self.assertIn("another file", tool.fails("look", "unreachable"))
        with open(path) as file:
            self.assertEqual(file.read(), "kept")
        first = self.dns()
        second = self.tool()
        self.assertIn("another loadstard", second.fails("look", "unreachable"))
        first.do("look")

    def test_the_mode_of_the_socket(self):
        self.dns()
        self.assertEqual(os.stat(self.exabgp.socket).st_mode & 0o7777, 0o660)

    def test_a_socket_that_was_left_is_replaced(self):
        tool = self.dns()
        tool.kill()
        tool.process.wait()
        self.assertTrue(os.path.exists(self.exabgp.socket))
        self.dns().do("look")


class FifoTest(Exabgp, unittest.TestCase):
    @classmethod
    def prepare(cls):
        """ExaBGP looks for them where it wants to, by a name."""
        name = f"ls-test-{os.getpid()}"
        cls.to, cls.out = f"/run/{name}.in", f"/run/{name}.out"
        cls.make()
        cls.addClassCleanup(lambda: [os.unlink(path) for path in (cls.to, cls.out)])
        cls.WAY = ["via=fifo", f"to={cls.to}", f"from={cls.out}"]
        cls.exabgp.main.env.update({"exabgp.api.cli": "true", "exabgp.api.pipename": name})
        site = cls.site

        def write():
            site.write("exabgp.conf", FIFO_CONF.format(
                site_as=SITE_AS, upstream_as=UPSTREAM_AS, hold=HOLD, n=site.n, v4=site.address,
                v6=site.address6))
        cls.exabgp.write = write

    @classmethod
    def make(cls):
        for path in (cls.to, cls.out):
            os.mkfifo(path)

    def test_the_guards_command_withdraws(self):
        tool = self.dns()
        tool.do("announce dns")
        self.wait_both()
        argv = tool.ask("will")["argv"]
        tool.kill(signal.SIGSTOP)
        subprocess.run(argv, check=True, timeout=PATIENCE)
        self.wait_gone()
        tool.kill(signal.SIGCONT)
        self.assertEqual(tool.real(), ABSENT)
        tool.do("apply")
        self.wait_both()

    def test_nothing_announced_leaves_nothing_to_the_guard(self):
        self.assertNotIn("argv", self.dns().ask("will"))

    def test_after_a_crash_it_is_adopted_or_withdrawn(self):
        for line in ("announce dns", "withdraw dns"):
            tool = self.dns()
            tool.do("announce dns")
            self.wait_both()
            mark = self.router.mark()
            tool.kill()
            tool.process.wait()
            tool = self.dns()
            self.assertEqual(tool.real(), PRESENT)
            tool.do(line)
            if line == "withdraw dns":
                self.wait_gone()
            else:
                self.assertEqual(self.log_of(mark), [])
                tool.do("withdraw dns")
            tool.close()  # two would take each other's answers

    def test_fifos_that_cannot_be_used(self):
        path = self.site.write("no-fifo", "kept")
        tool = self.tool(f"to={path}")
        self.assertIn("no FIFO", tool.fails("look", "unreachable"))
        tool = self.tool(f"from={path}")
        self.assertIn("no FIFO", tool.fails("look", "unreachable"))
        tool = self.tool("to=/nowhere/in")
        self.assertIn("mkfifo", tool.fails("look", "unreachable"))
        os.chmod(self.to, 0o600)
        tool = self.tool(user="nobody")
        self.assertIn("needs to read and write it", tool.fails("look", "denied"))
        with open(path) as file:
            self.assertEqual(file.read(), "kept")


if __name__ == "__main__":
    unittest.main()
