# SPDX-License-Identifier: Apache-2.0
"""Root and the control socket's directory: an unprivileged attacker who swaps what is in it."""
import os
import pwd
import shutil
import subprocess
import tempfile
import unittest

import harness
from test_ctl import POOLS, ZONE

CONFIG = {"zones": {"example.test.yaml": ZONE}, "pools": POOLS}
ROUNDS = 25


@unittest.skipIf(os.geteuid() != 0, "root is missing: only it has rights that could be abused")
class Race(harness.TestCase):
    def setUp(self):
        self.user = pwd.getpwnam("nobody")
        self.place = tempfile.mkdtemp(prefix="ls-race-")
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        os.chmod(self.place, 0o755)
        self.victim = os.path.join(self.place, "victim")
        with open(self.victim, "w") as file:
            file.write("root's own")
        os.chmod(self.victim, 0o600)
        self.before = self.look()

    def look(self):
        with open(self.victim) as file:
            st = os.lstat(self.victim)
            return st.st_uid, st.st_gid, st.st_mode, st.st_nlink, file.read()

    def racer(self, directory, name):
        """As nobody: swaps a link to the victim into the place of `name` as soon as it appears."""
        link = os.path.join(directory, "link")
        os.symlink(self.victim, link)
        os.lchown(link, self.user.pw_uid, self.user.pw_gid)
        program = os.path.join(os.environ["BUILD"], "tests", "system", "racer")
        racer = subprocess.Popen(
            ["setpriv", "--reuid", "nobody", "--regid", str(self.user.pw_gid), "--clear-groups",
             program, directory, name, "link"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(racer.stdout.close)
        self.assertEqual(racer.stdout.readline(), "ready\n")
        return racer

    def start_in(self, directory, server="user: nobody"):
        """One start; returns the daemon, which serves, and what is in the socket's place."""
        d = self.daemon(**CONFIG, server=server, start=False)
        os.chmod(d.dir, 0o755)
        os.chown(os.path.join(d.dir, "state"), self.user.pw_uid, self.user.pw_gid)
        d.socket = os.path.join(directory, "c.sock")
        d.write("loadstar.yaml",
                d.read("loadstar.yaml").replace("control: control.sock", "control: " + d.socket))
        d.start(ready=False)
        d.wait_for(lambda: "ready after" in d.log() or d.process.poll() is not None, 60)
        return d

    def race(self, directory, **kw):
        swapped = n = 0
        while n < ROUNDS or (swapped <= ROUNDS // 2 and n < 10 * ROUNDS):  # on a busy machine it is slower
            n += 1
            racer = self.racer(directory, "c.sock")
            d = self.start_in(directory, **kw)
            d.close()
            out = racer.communicate("")[0]
            swapped += "swapped" in out
            self.assertEqual(self.look(), self.before)
            for name in ("link", "c.sock"):
                if os.path.lexists(os.path.join(directory, name)):
                    os.unlink(os.path.join(directory, name))
        self.assertGreater(swapped, ROUNDS // 2, "the attacker was never fast enough: no test")

    def test_directory_of_the_user(self):
        directory = os.path.join(self.place, "run")
        os.mkdir(directory, 0o755)
        os.chown(directory, self.user.pw_uid, self.user.pw_gid)
        self.race(directory)

    def test_directory_that_a_start_has_made(self):
        directory = os.path.join(self.place, "made")
        d = self.start_in(directory)
        self.assertEqual(d.stop(), 0)
        self.assertEqual(os.stat(directory).st_uid, self.user.pw_uid)
        self.race(directory)

    def test_root_for_good_in_a_directory_of_somebody_else(self):
        directory = os.path.join(self.place, "theirs")
        os.mkdir(directory, 0o755)
        os.chown(directory, self.user.pw_uid, self.user.pw_gid)
        self.race(directory, server="")

    def test_directory_that_everybody_may_write_to(self):
        directory = os.path.join(self.place, "everybody")
        os.mkdir(directory)
        os.chmod(directory, 0o777)
        self.race(directory)
        self.race(directory, server="")

    def test_directory_above_is_swapped(self):
        """The parent is the attacker's: root's directory in it can be replaced by a link to another
        one of root's, in which nothing may appear or go."""
        theirs, precious = (os.path.join(self.place, n) for n in ("theirs", "precious"))
        for name in (theirs, precious):
            os.mkdir(name, 0o755)
        with open(os.path.join(precious, "c.sock"), "w") as file:
            file.write("precious")
        os.mkdir(os.path.join(theirs, "run"), 0o755)
        os.chown(theirs, self.user.pw_uid, self.user.pw_gid)
        d = self.start_in(os.path.join(theirs, "run"), server="")
        self.assertEqual(d.ctl_json("status")["generation"], 1)
        os.rename(os.path.join(theirs, "run"), os.path.join(theirs, "old"))
        os.symlink(precious, os.path.join(theirs, "run"))
        self.assertEqual(d.stop(), 0)
        self.assertEqual(os.listdir(precious), ["c.sock"])
        self.assertEqual(os.listdir(os.path.join(theirs, "old")), [])

    def test_nobody_else_can_hold_the_lock(self):
        """Anybody may open a directory like /run/loadstar, and lock it."""
        directory = os.path.join(self.place, "open")
        os.mkdir(directory, 0o755)
        locker = subprocess.Popen(
            ["setpriv", "--reuid", "nobody", "--regid", str(self.user.pw_gid), "--clear-groups",
             "flock", directory, "sh", "-c", "echo locked; exec cat"],  # until its input ends
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(locker.communicate)
        self.assertEqual(locker.stdout.readline(), "locked\n")
        d = self.start_in(directory, server="")
        self.assertEqual(d.ctl_json("status")["generation"], 1)
        self.assertEqual(sorted(os.listdir(directory)), ["c.sock"])


if __name__ == "__main__":
    harness.main()
