#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""contrib/lab.sh: its story ends well beside another lab, the commands that it prints work, and nothing of it is
left however it ends."""
import glob
import os
import re
import signal
import subprocess
import tempfile
import unittest

from anycast_host import find
import harness
import netns

LONG = "two labs, each of which tells all of its story"

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
PATIENCE = 300  # s; for all of a lab to be up
LINE = re.compile(r" *\d+\.\d\d  (you|check|tier|node|BGP|DNS|client)  *(ams|iad|router|de|us|jp)")


def began(pid):
    """When a process began, in ticks since the boot: with it, its number is nobody else's. None: it has ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            words = file.read().rpartition(")")[2].split()
        return words[19] if words[0] != "Z" else None
    except OSError:
        return None


class Lab:
    """A lab.sh and what it has printed."""

    def __init__(self, test, word):
        for variable in ("LOADSTARD", "LOADSTARCTL"):
            harness.program(variable, variable.lower())
        self.out = tempfile.TemporaryFile("w+")
        test.addCleanup(self.out.close)
        env = dict(os.environ, BUILD=os.environ.get("BUILD") or os.path.dirname(os.environ["LOADSTARD"]))
        self.process = subprocess.Popen(["sh", os.path.join(ROOT, "contrib/lab.sh"), word], stdin=subprocess.DEVNULL,
                                        stdout=self.out, stderr=subprocess.STDOUT, env=env, start_new_session=True)
        self.stem = f"lab{self.process.pid}-"
        test.addCleanup(self.end, signal.SIGTERM)

    def text(self):
        return os.pread(self.out.fileno(), 1 << 20, 0).decode()

    def wait_text(self, text):
        def printed():
            if self.process.poll() is not None:
                raise AssertionError(f"lab.sh has ended with {self.process.returncode}:\n{self.text()}")
            return text in self.text()
        harness.wait_for(printed, PATIENCE, 0.2)

    def end(self, number):
        """Returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def namespaces(self):
        return [name for name in os.listdir("/run/netns") if name.startswith(self.stem)]

    def processes(self):
        """{process id: when it began}"""
        pids = {}
        for name in self.namespaces():
            pids.update((pid, began(pid)) for pid in netns.run("ip", "netns", "pids", name).split())
        return pids

    def directory(self):
        return re.search(r"its files are in (\S+)\.", self.text())[1]


class Test(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        if reason := netns.why_not():
            raise unittest.SkipTest(reason)
        for program in ("bird", "haproxy", "unbound", "named", "dig"):
            find(program)

    def wait_nothing_left(self, lab, processes):
        harness.wait_for(lambda: not lab.namespaces(), 60, 0.1)
        harness.wait_for(lambda: not any(at and began(pid) == at for pid, at in processes.items()), 60, 0.1)

    def test_the_story_beside_another_lab(self):
        other = Lab(self, "up")
        story = Lab(self, "story")
        self.assertEqual(story.process.wait(900), 0, story.text())
        text = story.text()
        self.assertEqual([line for line in text.splitlines() if len(line) > 100], [])
        told = {match[1] for match in map(LINE.match, text.splitlines()) if match}
        self.assertLessEqual({"you", "check", "tier", "node", "BGP", "DNS"}, told, text)
        for what in ("(l4)", "(haproxy)", "path 65001 65001 65001", "GRACEFUL_SHUTDOWN", "withdrawn", "-> drain", "now go to iad",
                     "answers move from ams to iad", "did you mean 'steer'?", "nothing is left there"):
            self.assertIn(what, text)
        self.assertRegex(text, r"\nall +[\d.]+ +[1-9]\d* +\d+ +0\n\nNo errors")
        self.assertEqual(story.namespaces(), [])
        other.wait_text("Ctrl-C takes all away")
        self.every_printed_command_works(other)
        processes, directory = other.processes(), other.directory()
        self.assertGreater(len(processes), 10)
        self.assertEqual(other.end(signal.SIGINT), 130)
        self.wait_nothing_left(other, processes)
        self.assertFalse(os.path.exists(directory))

    def every_printed_command_works(self, lab):
        commands = [line.strip() for line in lab.text().splitlines() if line.startswith("  ") and line[2:3] not in "# "]
        commands = [line for line in commands if not LINE.match("  " + line)]
        self.assertGreaterEqual(len(commands), 15)
        for command in commands:
            done = subprocess.run(command, shell=True, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=120)
            self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}{done.stderr}")

    def test_killed(self):
        """kill -9 of the script, while its parts come up and when they are."""
        for moment in ("Two sites", "Ctrl-C takes all away"):
            lab = Lab(self, "up")
            lab.wait_text(moment)
            harness.wait_for(lab.processes, PATIENCE, 0.1)
            processes = lab.processes()
            lab.end(signal.SIGKILL)
            self.wait_nothing_left(lab, processes)
            harness.wait_for(lambda: not glob.glob(os.path.join(tempfile.gettempdir(), f"lab-{lab.process.pid}-*")), 60)


if __name__ == "__main__":
    harness.main()
