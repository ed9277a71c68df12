# SPDX-License-Identifier: Apache-2.0
"""The quick start of contrib/doc/anycast.md, as it stands there, and the examples beside it."""
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

from anycast_host import PATIENCE, SBIN, find
from anycast_router import Bird
import harness
import netns

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "contrib/example/anycast"
HOME = "/run/anycast"


class QuickStart(unittest.TestCase):

    def setUp(self):
        for name in ("bird", "birdc", "dig"):
            find(name)
        if reason := netns.why_not():
            raise unittest.SkipTest(reason)
        taken = [name for name in ("site", "router") if os.path.exists("/run/netns/" + name)]
        if taken or os.path.exists(HOME):
            raise unittest.SkipTest(f"the names of the quick start are in use: {taken or HOME}")
        text = (ROOT / "contrib/doc/anycast.md").read_text()
        section = re.search(r"^## Quick start$(.*?)^## ", text, re.M | re.S)[1]
        self.blocks = re.findall(r"^```sh$(.*?)^```$", section, re.M | re.S)
        self.assertEqual(len(self.blocks), 5)
        # As it is installed: the programs beside each other, the examples where Debian has them.
        programs = {os.path.dirname(harness.program(*p)) for p in (("LOADSTARD", "loadstard"),
                                                                   ("LOADSTARCTL", "loadstarctl"))}
        self.env = dict(os.environ, PATH=":".join([*programs, SBIN]))
        self.addCleanup(self.away)

    def away(self):
        for name in ("bird.pid", "router.pid", "loadstard.pid"):
            try:
                with open(f"{HOME}/{name}") as file:
                    os.kill(int(file.read()), signal.SIGKILL)
            except (OSError, ValueError):
                pass
        for name in ("site", "router"):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        subprocess.run(["rm", "-rf", HOME])

    def paste(self, block):
        """What the commands print."""
        block = block.replace("/usr/share/doc/loadstar/examples/anycast", str(EXAMPLES))
        with tempfile.TemporaryFile("w+") as out:
            done = subprocess.run(["sh", "-e", "-c", block], env=self.env, stdout=out,
                                  stderr=subprocess.STDOUT, timeout=120, stdin=subprocess.DEVNULL,
                                  cwd=HOME if os.path.exists(HOME) else "/")
            out.seek(0)
            text = out.read()
        self.assertEqual(done.returncode, 0, text)
        return text

    def routes(self):
        try:
            text = "\n".join(Bird(HOME + "/router.ctl").ask("show route all"))
        except OSError:
            return {}
        return {p: "(65535,0)" in text for p in ("192.0.2.53/32", "2001:db8::53/128") if p in text}

    def wait(self, predicate):
        try:
            harness.wait_for(predicate, PATIENCE, step=0.05)
        except AssertionError:
            with open(HOME + "/log") as file:
                raise AssertionError(f"not so, but {self.routes()}\n{file.read()}") from None

    def test_it_works_when_pasted(self):
        start, look, drain, kill, away = self.blocks
        self.paste(start)
        self.wait(lambda: len(self.routes()) == 2)
        told = self.paste(look)
        self.assertIn('"ams1"', told)
        self.assertRegex(told, r"dns +announced")
        order, show, back = (line for line in drain.strip().splitlines())
        self.paste(order)
        self.wait(lambda: self.routes().get("192.0.2.53/32"))
        self.assertIn("(65535,0)", self.paste(show))
        self.wait(lambda: not self.routes())
        self.paste(back)
        self.wait(lambda: self.routes() == dict.fromkeys(("192.0.2.53/32", "2001:db8::53/128"), False))
        self.paste(kill.splitlines()[1])
        self.wait(lambda: not self.routes())
        self.assertIn("> removed [", self.paste(kill.splitlines()[2]))
        self.paste(away)
        self.assertFalse(os.path.exists(HOME))


class Examples(unittest.TestCase):

    def test_routers_take_their_files(self):
        done = subprocess.run([find("bird"), "-p", "-c", EXAMPLES / "router-bird.conf"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run([find("bgpd"), "-S", "-C", "-f", EXAMPLES / "router-frr.conf",
                                   "--vty_socket", directory, "-i", directory + "/pid"],
                                  capture_output=True, text=True, timeout=60)
        said = [line for line in (done.stdout + done.stderr).splitlines()
                if "reset this peer" not in line]
        self.assertEqual((done.returncode, said), (0, []))


if __name__ == "__main__":
    harness.main()
