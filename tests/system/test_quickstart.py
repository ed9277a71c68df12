#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The quick start as a newcomer runs it: in a fresh copy of the tree, with the commands it prints."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

ALONE = "its ports are those that the README names"
ROOT = pathlib.Path(__file__).resolve().parents[2]
SITES = {"127.0.1.11": "ams", "127.0.2.11": "iad", "127.0.3.11": "sin"}


def ports_taken():
    taken = []
    for addr, port in (("127.0.0.1", 5300), ("127.0.0.1", 8053), ("127.0.1.11", 5380)):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((addr, port))
            except OSError:
                taken.append(f"{addr}:{port}")
    return taken


def files_of_the_tree():
    """As a checkout has them; without git, or outside of a repository, all but what builds leave."""
    done = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "-c", "-o",
                           "--exclude-standard"], cwd=ROOT, capture_output=True)
    if done.returncode == 0:
        return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    paths = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return [str(path) for path in paths
            if not path.parts[0].startswith(("build", ".git", "autom4te")) or
            path.name == ".gitignore"]


class QuickStart(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if taken := ports_taken():
            raise unittest.SkipTest(f"the quick start's ports are in use: {' '.join(taken)}")
        cls.top = pathlib.Path(tempfile.mkdtemp(prefix="loadstar-quickstart-"))
        cls.tree = cls.top / "loadstar"
        for name in files_of_the_tree():
            source, target = ROOT / name, cls.tree / name
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        cls.out = open(cls.top / "out", "w+")
        env = {k: v for k, v in os.environ.items() if k not in ("BUILD", "MAKEFLAGS")}
        start = time.monotonic()
        cls.process = subprocess.Popen(["sh", "contrib/quickstart.sh"], cwd=cls.tree, stdout=cls.out, env=env,
                                   stderr=subprocess.STDOUT)
        while "Ctrl-C stops" not in cls.text() and cls.process.poll() is None:
            if time.monotonic() - start > 800:
                break
            time.sleep(0.1)
        cls.seconds = time.monotonic() - start
        if "Ctrl-C stops" not in cls.text():
            text = cls.text()
            cls.tearDownClass()
            raise AssertionError(f"the quick start did not come up:\n{text}")
        with open(f"/proc/{cls.process.pid}/stat") as file:
            ticks = sum(map(int, file.read().rsplit(")", 1)[1].split()[13:15]))  # of what it has run
        cls.busy = ticks / os.sysconf("SC_CLK_TCK") / os.cpu_count()

    @classmethod
    def tearDownClass(cls):
        if cls.process.poll() is None:
            cls.process.send_signal(signal.SIGTERM)
            cls.process.wait(60)
        cls.out.close()
        shutil.rmtree(cls.top, ignore_errors=True)

    @classmethod
    def text(cls):
        return (cls.top / "out").read_text()

    def printed(self, pattern):
        """The first printed command that matches."""
        return next(line.strip() for line in self.text().splitlines() if re.search(pattern, line))

    def sh(self, command, want=0):
        done = subprocess.run(command, shell=True, cwd=self.tree, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, want, f"{command}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def ctl(self, words, want=0):
        return self.sh(f"build/loadstarctl -s contrib/quickstart/run/control.sock {words}", want)

    def site(self, pattern):
        answer = self.sh(self.printed(pattern))
        return SITES[answer.split()[4]]

    def wait_site(self, pattern, site, seconds):
        start = time.monotonic()
        while (got := self.site(pattern)) != site:
            self.assertLess(time.monotonic() - start, seconds, f"still {got}, not {site}")
            time.sleep(0.02)
        return time.monotonic() - start

    def test_1_first_answer_within_five_minutes(self):
        self.assertLess(min(self.seconds, self.busy), 300)  # on a machine that does nothing else

    def test_2_three_places_three_sites(self):
        self.assertEqual([self.site("81.169.144.0/24 www"), self.site("12.0.1.0/24"), self.site("202.166.0.0/24")],
                         ["ams", "iad", "sin"])

    def test_3_a_stopped_back_end_moves_its_answers(self):
        self.sh("sh contrib/quickstart.sh stop ams")
        self.wait_site("81.169.144.0/24 www", "iad", 60)  # two probes; the unit tests know it exactly
        why = self.sh(self.printed("explain www"))
        self.assertIn("refused", why)
        self.sh("sh contrib/quickstart.sh start ams")
        self.wait_site("81.169.144.0/24 www", "ams", 60)

    def test_4_drain_then_auto(self):
        self.assertEqual(self.site("202.166.0.0/24"), "sin")
        self.sh(self.printed("set sin drain"))
        self.wait_site("202.166.0.0/24", "ams", 60)
        self.assertIn("new switch", self.ctl("explain www.example.com --client 202.166.0.1"))
        self.sh(self.printed("set sin auto"))
        self.wait_site("202.166.0.0/24", "sin", 60)

    def test_5_a_broken_edit_keeps_serving(self):
        pools = self.tree / "contrib/quickstart/pools.yaml"
        good = pools.read_text()
        line = next(i for i, text in enumerate(good.splitlines(), 1) if "steer: nearest" in text)
        pools.write_text(good.replace("steer: nearest", "stear: nearest"))
        out = self.sh(self.printed("ctl.* reload"), want=1)
        self.assertRegex(out, rf"pools\.yaml:{line}:5: .*stear.*steer")
        self.assertIn("pools.yaml", self.ctl("status"))
        self.assertEqual(self.site("81.169.144.0/24 www"), "ams")
        pools.write_text(good)
        self.sh(self.printed("ctl.* reload"))
        self.assertNotIn("stear", self.ctl("status"))

    def test_6_every_printed_command_works(self):
        commands = [line.strip() for line in self.text().splitlines()
                    if re.match(r"  (dig|build/loadstarctl|sh contrib)", line)]
        self.assertGreaterEqual(len(commands), 11)
        for command in commands:
            with self.subTest(command):
                self.sh(command)

    def test_7_second_run_is_refused_while_it_runs(self):
        self.assertIn("runs already", self.sh("sh contrib/quickstart.sh", want=1))


if __name__ == "__main__":
    unittest.main()
