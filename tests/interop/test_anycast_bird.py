# SPDX-License-Identifier: Apache-2.0
"""The driver for BIRD against a real one with a router behind it: what it announces and how, what it
reads back, and what it does when BIRD refuses, restarts, hangs, is not there, or its file is not
ours."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import anycast_lab  # noqa: E402
from anycast_driver import ABSENT, Common, PRESENT, V4, V6  # noqa: E402
from anycast_host import PATIENCE, SITE_AS  # noqa: E402
from anycast_speakers import BirdSpeaker  # noqa: E402
import harness  # noqa: E402
from speaker_tool import Tool  # noqa: E402

TUN = r"""
import fcntl, os, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH", sys.argv[1].encode(), 0x1001))  # TUNSETIFF
os.system("ip link set " + sys.argv[1] + " up")
fcntl.ioctl(fd, 0x400454e2, struct.pack("i", 0))  # TUNSETCARRIER
print("ready", flush=True)
for line in sys.stdin:
    fcntl.ioctl(fd, 0x400454e2, struct.pack("i", int(line)))
"""


class Tun:
    """An interface with a carrier, as the guard holds it."""

    def __init__(self, cleanup, host, name):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", host.name, sys.executable, "-c", TUN, name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        cleanup(self.close)
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError("no TUN")

    def carrier(self, up):
        self.process.stdin.write(f"{int(up)}\n")
        self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


class BirdTest(Common, unittest.TestCase):
    set_words = "hold=none"

    @classmethod
    def setUpClass(cls):
        cls.lab = anycast_lab.Lab(cls.addClassCleanup)
        cls.site = cls.lab.site("ams", "bird")
        cls.bird = cls.site.speaker
        cls.bird.write(BirdSpeaker.EXPORT)
        cls.site.start_speaker()
        cls.router = cls.lab.router

    def setUp(self):
        if not self.bird.main.is_alive():
            self.bird.start()
        self.bird.write(BirdSpeaker.EXPORT)
        self.remove_files()
        self.bird.bird.ask("configure")
        self.router.wait_sessions("ams")
        self.wait_gone()

    def remove_files(self):
        for name in os.listdir(os.path.dirname(self.bird.file)):
            os.unlink(os.path.join(os.path.dirname(self.bird.file), name))

    def tool(self, *more, **kw):
        return Tool(self.addCleanup, "bird", f"socket={self.bird.socket}", f"file={self.bird.file}",
                    f"as={SITE_AS}", *more, host=self.site.host, **kw)

    def dns(self, words="hold=none", **kw):
        tool = self.tool(**kw)
        tool.tell(f"set dns {V4} {V6} {words}")
        return tool

    def read(self, suffix=""):
        with open(self.bird.file + suffix) as file:
            return file.read()

    def configured(self):
        """How many times BIRD has read its configuration anew."""
        with open(self.site.path("bird.log")) as file:
            return file.read().count("Reconfigured")

    # What it announces

    def test_attributes_arrive_and_are_read_back(self):
        tool = self.dns("hold=none large=65001:1:2,4294967295:0:7")
        tool.do("announce dns communities=65001:100,65001:200")
        self.wait_both(path=[SITE_AS], med=None, communities={(65001, 100), (65001, 200)},
                       large={(65001, 1, 2), (4294967295, 0, 7)})
        self.assertEqual(tool.real(), PRESENT)
        self.bird.call_functions()
        self.router.wait_sessions("ams")
        self.replace_attributes(tool)
        self.withdraw_dns(tool)

    def test_a_next_hop_of_its_own(self):
        tool = self.dns("hold=none next_hop_v4=10.98.1.77 next_hop_v6=fd98:1::77")
        with open(self.site.path("bird.conf")) as file:
            text = file.read().replace(" next hop self;", "")
        tool.do("announce dns")
        self.site.write("bird.conf", text)
        self.bird.bird.ask("configure")
        self.addCleanup(self.bird.bird.ask, "configure")
        self.addCleanup(self.bird.write, BirdSpeaker.EXPORT)
        with open(self.site.path("bird.conf"), "w") as file:
            file.write(text.replace(BirdSpeaker.EXPORT, BirdSpeaker.CALLS))
        self.bird.bird.ask("configure")
        self.router.wait_route(V4, "ams", next_hop="10.98.1.77")
        self.router.wait_route(V6, "ams", next_hop="fd98:1::77")
        self.assertEqual(tool.real(), PRESENT)

    def test_a_change_of_one_set_touches_no_other(self):
        """Nor does a MED: the function that filters call does not change, so nothing is exported
        anew."""
        self.dns().do("announce dns")
        self.bird.call_functions()
        tool = self.dns()
        tool.tell("set www 198.51.100.1/32 hold=none")
        tool.tell("set third 198.51.100.2/32 hold=none")
        tool.do("announce dns")
        tool.do("announce www med=10")
        self.router.wait_route("198.51.100.1/32", "ams", med=10)
        mark = self.router.mark()
        tool.do("announce www med=20")
        self.router.wait_route("198.51.100.1/32", "ams", med=20)
        tool.do("announce third")
        self.router.wait_route("198.51.100.2/32", "ams")
        tool.tell("forget third")
        tool.do("apply")
        self.router.wait_gone("198.51.100.2/32")
        self.assertEqual(self.log_of(mark), [("added", "198.51.100.1/32"), ("added", "198.51.100.2/32"),
                                             ("removed", "198.51.100.2/32")])
        self.bird.write(BirdSpeaker.EXPORT)

    def test_with_a_tun_the_carrier_announces(self):
        tun = Tun(self.addCleanup, self.site.host, "ls-dns")
        tool = self.dns("hold=tun")
        tool.do("announce dns communities=65001:1")
        # The kernel may tell of its carrier, which was up when it was made, a second later.
        harness.wait_for(lambda: tool.real() == ABSENT, PATIENCE)
        self.router.wait_gone(V4)
        tun.carrier(True)
        self.wait_both(communities={(65001, 1)})
        self.assertEqual(tool.real(), PRESENT)
        mark = self.router.mark()
        before = self.read()
        tool.do("withdraw dns communities=65001:1")
        self.assertEqual(self.read(), before)
        tool.do("announce dns communities=65001:1,65535:0")
        self.wait_both(local_pref=0)
        self.assertEqual({what for what, _ in self.log_of(mark)}, {"added"})
        tun.carrier(False)
        self.wait_gone()
        tun.carrier(True)
        self.router.wait_route(V4, "ams")
        tun.process.kill()
        self.wait_gone()

    def test_names_with_a_dash_and_an_underline(self):
        tool = self.tool()
        for i, name in enumerate(("a-b", "a_b", "a_4", "-")):
            tool.tell(f"set {name} 198.51.100.{i}/32 hold=none")
            tool.do(f"announce {name}")
        for i in range(4):
            self.router.wait_route(f"198.51.100.{i}/32", "ams")
        tool.do("withdraw a-b")
        self.router.wait_gone("198.51.100.0/32")
        self.assertEqual([real for real, _ in tool.real().values()],
                         ["absent", "present", "present", "present"])

    def test_two_hundred_prefixes(self):
        tool = self.tool()
        self.stage_two_hundred(tool)
        real = self.apply_two_hundred(tool)
        self.assertEqual(set(real), {("present", False)})
        self.withdraw_two_hundred(tool)

    # What goes wrong

    def test_a_restart_is_noticed_and_nothing_has_to_be_told(self):
        tool = self.dns()
        tool.do("announce dns")
        self.assertFalse(tool.do("look")["restarted"])
        self.bird.restart()
        self.router.wait_sessions("ams")
        seen = tool.do("look")
        self.assertTrue(seen["restarted"])
        self.assertFalse(tool.do("look")["restarted"])
        self.router.wait_route(V4, "ams")

    def test_a_restart_of_ours_leaves_it_alone(self):
        self.dns().do("announce dns communities=65001:1")
        self.router.wait_route(V4, "ams")
        mark = self.router.mark()
        configured = self.configured()
        tool = self.dns()
        tool.tell("stage announce dns communities=65001:1")
        tool.do("look")
        tool.do("apply")
        self.assertEqual(self.configured(), configured)
        self.assertEqual(self.log_of(mark), [])

    def test_what_an_operator_has_undone_is_done_again(self):
        tool = self.dns()
        tool.do("announce dns communities=65001:1")
        tool.do("announce dns communities=65001:2")
        self.bird.bird.ask("configure undo")
        self.router.wait_route(V4, "ams", communities={(65001, 1)})
        self.assertEqual(tool.real(), {V4: ("present", True), V6: ("present", True)})
        tool.do("apply")
        self.router.wait_route(V4, "ams", communities={(65001, 2)})

    def test_what_the_guard_disabled_is_enabled(self):
        tool = self.dns()
        tool.do("announce dns")
        self.router.wait_route(V4, "ams")
        will = tool.ask("will")
        self.assertEqual(will["argv"][0], "birdc")
        subprocess.run(will["argv"], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin"))
        self.wait_gone()
        self.assertEqual(tool.real(), ABSENT)
        tool.do("apply")
        self.wait_both()

    def test_of_sets_with_a_tun_nothing_is_left_to_the_guard(self):
        tool = self.dns("hold=tun")
        tool.do("announce dns")
        self.assertNotIn("argv", tool.ask("will"))

    def test_a_configuration_that_is_refused(self):
        """Somebody has broken BIRD's own: ours is put back, and said why."""
        tool = self.dns()
        tool.do("announce dns communities=65001:1")
        good = self.read()
        self.assertEqual(self.read(".good"), good)
        with open(self.site.path("bird.conf"), "a") as file:
            file.write("nonsense;\n")
        text = tool.fails("announce dns communities=65001:2", "rejected")
        self.assertIn("syntax error", text)
        self.assertEqual(self.read(), good)
        self.router.wait_route(V4, "ams", communities={(65001, 1)})
        self.bird.write(BirdSpeaker.EXPORT)
        tool.do("announce dns communities=65001:2")
        self.router.wait_route(V4, "ams", communities={(65001, 2)})

    def test_an_untested_file_is_put_back_first(self):
        tool = self.dns()
        tool.do("announce dns")
        tool.close()
        good = self.read(".good")
        with open(self.bird.file, "w") as file:
            file.write(good.replace("192.0.2.53", "192.0.2.54"))
        self.dns().do("look")
        self.assertEqual(self.read(), good)

    def test_a_file_of_others_is_left_alone(self):
        for content, words in (("protocol static x { ipv4; }\n", "was not written by Loadstar"),
                               ("# loadstar node=other speaker=local sum=0; written by loadstard, "
                                "edits are undone\n", "the node other")):
            with self.subTest(content=content):
                with open(self.bird.file, "w") as file:
                    file.write(content)
                tool = self.dns()
                self.assertIn(words, tool.fails("announce dns", "foreign"))
                self.assertEqual(self.read(), content)

    def test_a_link_is_not_followed(self):
        target = self.site.path("elsewhere")
        with open(target, "w") as file:
            file.write("# kept\n")
        os.symlink(target, self.bird.file)
        tool = self.dns()
        self.assertIn("link", tool.fails("announce dns", "disk"))
        with open(target) as file:
            self.assertEqual(file.read(), "# kept\n")

    def test_a_file_for_bird_to_start_with_is_taken(self):
        example = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                               "../../contrib/example/anycast/bird-loadstar.conf")
        with open(example) as source, open(self.bird.file, "w") as file:
            file.write(source.read())
        self.bird.call_functions()
        tool = self.dns()
        tool.do("announce dns med=7")
        self.router.wait_route(V4, "ams", med=7)
        self.bird.write(BirdSpeaker.EXPORT)

    def test_the_example_is_one_that_bird_takes(self):
        examples = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../../contrib/example/anycast")
        with open(os.path.join(examples, "bird.conf")) as file:
            path = self.site.write("example.conf", file.read().replace(
                "/etc/bird/loadstar.conf", os.path.join(examples, "bird-loadstar.conf")))
        subprocess.run(["bird", "-p", "-c", path], check=True,
                       env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin"))

    def test_a_bird_that_does_not_include_the_file(self):
        path = self.site.path("bird.conf")
        with open(path) as file:
            text = file.read()
        self.site.write("bird.conf", "\n".join(line for line in text.splitlines()
                                               if not line.startswith("include")))
        tool = self.dns()
        self.assertIn('needs `include "' + self.bird.file, tool.fails("announce dns", "rejected"))
        self.assertIn("needs `include", tool.do("look")["note"])

    def test_a_directory_that_cannot_be_written(self):
        """What is announced can be withdrawn all the same, and what is right stays so."""
        tool = self.dns()
        tool.do("announce dns")
        self.router.wait_route(V4, "ams")
        directory = os.path.dirname(self.bird.file)
        mark = self.router.mark()
        subprocess.run(["mount", "--bind", directory, directory], check=True)
        self.addCleanup(subprocess.run, ["umount", directory], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", directory], check=True)
        tool.close()
        other = self.dns()  # whose directory cannot be written
        other.do("look")
        other.do("announce dns")
        self.assertEqual(self.log_of(mark), [])
        self.assertIn("ReadWritePaths=", other.fails("withdraw dns", "denied"))
        self.router.wait_gone(V4)
        other.close()

    def test_without_the_right_to_the_socket(self):
        os.chmod(self.bird.socket, 0o600)
        tool = self.dns(user="nobody")
        self.assertIn("in the group of BIRD's socket", tool.fails("look", "denied"))

    def test_without_a_bird(self):
        tool = self.dns()
        tool.do("announce dns")
        self.bird.stop()
        self.assertIn("not running", tool.fails("look", "unreachable"))
        self.assertIn("not running", tool.fails("withdraw dns", "unreachable"))
        self.assertNotIn("192.0.2.53", self.read(), "it would announce when it is back")
        self.bird.start()
        self.router.wait_sessions("ams")
        tool.do("look")
        tool.do("apply")
        self.assertIsNone(self.router.route(V4))
        tool.do("announce dns")
        self.router.wait_route(V4, "ams")

    def test_a_bird_that_hangs(self):
        tool = self.tool("timeout_ms=700")
        tool.tell(f"set dns {V4} {V6} hold=none")
        tool.wait_do("announce dns")
        self.bird.pause()
        self.addCleanup(self.bird.resume)
        self.assertIn("hangs", tool.fails("look", "timeout"))
        self.assertIn("hangs", tool.fails("withdraw dns", "timeout"))
        self.bird.resume()
        tool.wait_look()
        tool.wait_do("apply")
        self.router.wait_gone(V4)

    def test_no_session_is_noted(self):
        tool = self.dns()
        harness.wait_for(lambda: tool.do("look")["note"] == "", PATIENCE, step=0.05)
        self.bird.bird.ask("disable up4")
        self.bird.bird.ask("disable up6")
        self.assertIn("no BGP session is established", tool.do("look")["note"])
        self.bird.bird.ask("enable up4")
        self.bird.bird.ask("enable up6")


if __name__ == "__main__":
    unittest.main()
