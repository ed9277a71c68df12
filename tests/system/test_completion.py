# SPDX-License-Identifier: Apache-2.0
"""Completion of loadstarctl's arguments in a real bash on a terminal."""
import os
import pty
import re
import select
import shutil
import subprocess
import time
import unittest

import harness
import l4_world
from test_ctl import POOLS, ZONE

COMPLETION = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "../../contrib/completion/loadstarctl")


@unittest.skipUnless(shutil.which("bash"), "bash is missing")
class Bash(harness.TestCase):
    def setUp(self):
        pools = POOLS.replace("- 192.0.2.12", "- 192.0.2.12").replace(
            "      ams: [", '      ams: ["2001:db8:1::11", ')
        self.d = self.daemon(zones={"example.test.yaml": ZONE}, pools=pools)
        directory = os.path.dirname(os.environ["LOADSTARCTL"])
        pid, self.fd = pty.fork()
        if pid == 0:
            os.environ.update(PATH=directory + ":" + os.environ["PATH"], PS1="ready> ", TERM="dumb",
                              LOADSTAR_SOCKET=self.d.socket, INPUTRC="/dev/null", HISTFILE="")
            os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.close, self.fd)
        self.addCleanup(os.write, self.fd, b"\x15exit\n")
        self.screen = ""
        self.expect("ready> ")
        self.type(f"bind 'set enable-bracketed-paste off'; . {COMPLETION}; echo lo''aded\n")
        self.expect("loaded\r")

    def type(self, text):
        self.screen = ""
        os.write(self.fd, text.encode())

    def expect(self, words):
        end = time.monotonic() + 60
        while words not in self.screen:
            self.assertLess(time.monotonic(), end, (words, self.screen))
            if select.select([self.fd], [], [], 0.1)[0]:
                self.screen += os.read(self.fd, 65536).decode(errors="replace")

    def completed(self, typed, whole):
        """Types, with a tab at the end; then what the line is, is printed in one piece."""
        self.type(typed + "\t")
        self.expect(whole)
        self.type("\x15\n")
        self.expect("ready> ")

    def test_members_of_the_forwarder(self):
        a, = [l4_world.Member("a")]
        self.addCleanup(a.close)
        f = l4_world.Forwarder(l4_world.web(members=[a]))
        self._daemons().append(f)
        self.addCleanup(f.close)
        f.start()
        for typed, whole in (("members w", "members web"), ("set we", "set web/"), ("set web/", f"set web/{a.place}"),
                             ("weight web/127", f"weight web/{a.place}")):
            with self.subTest(typed):
                self.completed(f"loadstarctl -s {f.socket} {typed}", whole)

    def test_arguments(self):
        for typed, whole in (
                ("loadstarctl sta", "loadstarctl status"),
                ("loadstarctl endpoints spa", "endpoints spare"),
                ("loadstarctl set www/ams/2001:db", "set www/ams/2001:db8:1::11 "),
                ("loadstarctl set www/ams/2001:db8:1::11 dr", "2001:db8:1::11 drain"),
                ("loadstarctl set www/ams/2001:db8:1::11 drain --re", "drain --reason "),
                ("loadstarctl weight www/ams/2001:db8:1::11 a", "11 auto"),
                ("loadstarctl set --reason 'two words: a' www/iad/198", "iad/198.51.100.11"),
                ("loadstarctl set --reason 'two words: a' www/iad/198.51.100.11 au", "11 auto"),
                ("loadstarctl explain www.example.test AA", "test AAAA"),
                (f"loadstarctl --socket={self.d.socket} endpoints spa", "endpoints spare"),
                (f"loadstarctl -s {self.d.socket} set spare/iad/19", "iad/198.51.100.99")):
            self.completed(typed, whole)



def case(script, word):
    """What a shell's `case` does with the word, in one line; "" when it says nothing of it."""
    for line in script.splitlines():
        patterns, found, body = line.partition(") ")
        if found and word in [p.strip() for p in patterns.split("|")]:
            return body
    return ""


class InStep(harness.TestCase):
    """What loadstarctl can do is what its completion scripts and its manual say."""

    def test_every_command_and_option(self):
        program = harness.program("LOADSTARCTL", "loadstarctl")
        here = os.path.dirname(COMPLETION)
        with open(COMPLETION) as f:
            bash = f.read()
        with open(os.path.join(here, "_loadstarctl")) as f:
            zsh = f.read()
        zsh = zsh.replace("$order", re.search(r"\border=\((.*)\)", zsh)[1])
        with open(os.path.join(here, "../man/loadstarctl.8")) as f:
            manual = f.read().replace("\\-", "-")

        def ask(*args):
            return subprocess.run([program, *args], capture_output=True, text=True, check=True).stdout

        commands = re.findall(r"(?m)^  ([a-z]+) ", ask("--help").split("options:")[0])
        self.assertGreaterEqual(len(commands), 12)
        self.assertEqual(re.search(r'commands="(.*)"', bash)[1].split(), commands)
        self.assertEqual(re.findall(r"(?m)^    '([a-z]+):", zsh), commands)
        for command in commands:
            usage = ask(command, "--help").splitlines()[0].split(f"] {command}", 1)[1]
            options = re.findall("--([a-z-]+)", usage)
            known = set(re.findall("--([a-z-]+)", case(bash, command + ",-*"))) - {"json", "help"}
            self.assertEqual(known, set(options), command)
            known = set(re.findall(r"'--([a-z-]+)\[", case(zsh, command)))
            self.assertEqual(known, set(options), command)
            item = re.search(rf"(?m)^\.It Cm {command}\b(.*)", manual)
            self.assertEqual(set(re.findall(r"Fl -([a-z-]+)", item[1])), set(options), command)


if __name__ == "__main__":
    harness.main()
