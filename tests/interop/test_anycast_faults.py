# SPDX-License-Identifier: Apache-2.0
"""What goes wrong at a site: the death and the hang of loadstard, of its guard and of the speaker, a
speaker that is not there, a directory that cannot be written. Nothing is announced that is not
served, DNS never stops, and all is right afterwards."""
import os
import signal
import subprocess
import sys
import time
import unittest

import anycast_lab
from anycast_client import Asker
from anycast_lab import PATIENCE, each, ms
import harness

LONG = "a minute of holds and patience"

SOON = PATIENCE  # of a machine with much else to do; else 2.5 s at most
P4, P6 = "192.0.2.53/32", "2001:db8::53/128"
SETS = f"""
anycast:
  dns: {{{{prefixes: [{P4}, "{P6}"], speaker: local, rise: 1s, drain_time: 1s{{more}}}}}}
"""
KINDS = ((("bird", "bird"), {}), (("exabgp", "exabgp"), {}), (("frr", "frr"), {}),
         (("frrz", "frr"), {"zebra": True}), (("gobgp", "gobgp"), {}))


def say(site, text):
    print(f"{site.name}: {text}", file=sys.stderr, flush=True)


class Lab5(harness.TestCase):
    """One site for each speaker, behind one router."""

    def setUp(self):
        self.lab = anycast_lab.Lab(self.addCleanup)
        self.router = self.lab.router
        self.sites = [self.lab.site(*words, **kw) for words, kw in KINDS]
        for site in self.sites:
            site.loadstar(SETS.format(more=""))

    def present(self, site, **attributes):
        for prefix in (P4, P6):
            self.router.wait_route(prefix, site.name, **attributes)

    def gone(self, site):
        for prefix in (P4, P6):
            self.router.wait_gone(prefix, site.name)

    def withdrawn_at(self, site, mark):
        return max(self.router.wait_update(mark, "removed", p, site.name).at for p in (P4, P6))

    def up(self, site):
        site.start_speaker()
        site.d.start()
        self.present(site)
        site.wait_view("dns", state="announced", real="present")


class Deaths(Lab5):
    """The announcement ends with what serves."""

    def test_of_loadstard_and_of_the_guard(self):
        each(self.sites, self.whole)

    def whole(self, site):
        self.up(site)
        self.killed(site)
        site.d.start()
        self.present(site)
        self.hangs(site)
        self.guard_killed(site)
        self.guard_hangs(site)

    def killed(self, site):
        mark, at = self.router.mark(), time.time()
        site.d.kill()
        took = self.withdrawn_at(site, mark) - at
        say(site, f"kill -9 of loadstard to withdrawn: {ms(took)}")
        self.assertLess(took, SOON)

    def hangs(self, site):
        mark, at = self.router.mark(), time.time()
        site.d.process.send_signal(signal.SIGSTOP)
        took = self.withdrawn_at(site, mark) - at
        say(site, f"SIGSTOP of loadstard to withdrawn: {took:.2f} s")
        self.assertLess(took, SOON)
        site.d.process.send_signal(signal.SIGCONT)
        self.present(site)
        site.wait_view("dns", state="announced", real="present")

    def guard_killed(self, site):
        guard = harness.wait_for(site.guards, PATIENCE)
        self.assertEqual(len(guard), 1)
        mark, at = self.router.mark(), time.time()
        os.kill(guard[0], signal.SIGKILL)
        took = self.withdrawn_at(site, mark) - at
        say(site, f"kill -9 of the guard to withdrawn: {ms(took)}")
        self.assertLess(took, SOON)
        self.assertIsNone(site.d.process.poll())
        site.wait_view("dns", state="down")
        self.assertTrue(site.answers(site.address))
        self.assertEqual(site.d.stop(), 0)
        site.d.start()
        self.present(site)

    def guard_hangs(self, site):
        guard = harness.wait_for(site.guards, PATIENCE)[0]
        mark, at = self.router.mark(), time.time()
        os.kill(guard, signal.SIGSTOP)
        took = self.withdrawn_at(site, mark) - at
        say(site, f"SIGSTOP of the guard to withdrawn: {took:.2f} s")
        self.assertLess(took, SOON)
        # It was killed for that, as nothing else takes its TUNs away.
        harness.wait_for(lambda: not site.guards(), PATIENCE)
        site.wait_view("dns", state="down", real="absent")
        self.assertTrue(site.answers(site.address))


class Speakers(Lab5):
    """The speaker restarts, hangs, or is not there: DNS goes on."""

    def test_the_speaker(self):
        each(self.sites, self.whole)

    def whole(self, site):
        self.missing_at_boot(site)
        with Asker(site, address=site.address, every=0.1, timeout=20) as asker:
            self.restarts(site)
            self.hangs(site)
        self.assertGreater(len(asker.answers), 20)
        self.assertEqual(asker.lost(), [], site.name)

    def missing_at_boot(self, site):
        site.d.start()
        harness.wait_for(site.answers, PATIENCE)
        view = site.wait_view("dns", real=("unknown", "absent"))
        self.assertNotEqual(view["real"], "present")
        harness.wait_for(lambda: any("speaker local" in text for text in problems(site)), PATIENCE,
                         step=0.1)
        site.start_speaker()
        self.present(site)
        site.wait_view("dns", state="announced", real="present")
        harness.wait_for(lambda: not problems(site), PATIENCE, step=0.1)

    def restarts(self, site):
        for how in (site.speaker.kill, site.speaker.stop):
            how()
            self.gone(site)
            site.speaker.stop()
            at = time.time()
            site.speaker.start()
            self.present(site)
            say(site, f"back {time.time() - at:.1f} s after the start of the speaker")
            site.wait_view("dns", state="announced", real="present")

    def hangs(self, site):
        site.speaker.pause()
        self.addCleanup(site.speaker.resume)
        # The order is taken, and what comes of it waits for the speaker.
        site.d.ctl("set", "anycast:dns", "withdraw")
        site.wait_view("dns", state="down")
        for _ in range(5):
            self.assertTrue(site.answers())
        site.speaker.resume()
        self.gone(site)
        site.wait_view("dns", state="down", real="absent")
        site.d.ctl("set", "anycast:dns", "auto")
        self.present(site)
        site.wait_view("dns", state="announced", real="present")


def problems(site):
    return [str(p) for p in site.d.ctl_json("status").get("problems", [])]


class Directory(harness.TestCase):

    def test_that_cannot_be_written(self):
        lab = anycast_lab.Lab(self.addCleanup)
        site = lab.site("bird", "bird")
        directory = os.path.dirname(site.speaker.file)
        self.mount(directory)
        subprocess.run(["mount", "-o", "remount,ro,bind", directory], check=True)
        site.loadstar(SETS.format(more=""))
        site.start_speaker()
        site.d.start()
        self.assertTrue(site.answers(site.address))
        self.wait_problem(site)
        self.assertIsNone(lab.router.route(P4))
        self.remount(site, "rw", directory)
        for prefix in (P4, P6):
            lab.router.wait_route(prefix)
        # And under announcement: what is announced stays.
        mark = lab.router.mark()
        self.remount(site, "ro", directory)
        site.sets(SETS.format(more=", communities: [\"65001:9\"]"))
        site.d.reload()
        self.wait_problem(site)
        self.assertTrue(site.answers())
        self.assertEqual(lab.router.updates(mark, P4), [])
        self.remount(site, "rw", directory)
        lab.router.wait_route(P4, communities={(65001, 9)})
        self.assertNotIn("removed", [u.what for u in lab.router.updates(mark, P4)])

    def wait_problem(self, site):
        harness.wait_for(lambda: any("Read-only file system" in text for text in problems(site)),
                         PATIENCE, step=0.1)

    def mount(self, directory):
        done = subprocess.run(["mount", "--bind", directory, directory], capture_output=True,
                              text=True)
        if done.returncode != 0:
            raise unittest.SkipTest("nothing can be mounted here: " + done.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", directory], capture_output=True)

    @staticmethod
    def remount(site, mode, directory):
        """As loadstard sees it: `ip netns exec` gives it mounts of its own. Busy while it writes."""
        command = ["nsenter", "-t", str(site.d.process.pid), "-m", "mount", "-o",
                   f"remount,{mode},bind", directory]
        harness.wait_for(lambda: subprocess.run(command).returncode == 0, PATIENCE, step=0.1)


class Stops(Lab5):
    """Ways to end loadstard."""

    def test_ways(self):
        each(self.sites, self.whole)

    def whole(self, site):
        self.up(site)
        site.d.stop()
        site.sets(SETS.format(more="").replace("drain_time: 1s", "drain_time: 10m"))
        for end in (self.by_two_signals, self.by_now):
            site.d.start()
            self.present(site)
            end(site)
            self.assertEqual(site.d.process.wait(PATIENCE), 0)
            self.gone(site)

        self.kept(site)

    def kept(self, site):
        """A TUN goes with loadstard. Without one, what is kept is adopted by the next start: upstream
        hears nothing."""
        site.d.start()
        done = site.d.ctl("stop", "--keep-announced", check=False)
        self.assertIn("hold: tun", done.stderr)
        site.d.ctl("stop", "--now")
        self.assertEqual(site.d.process.wait(PATIENCE), 0)
        site.sets(SETS.format(more=", hold: none, interface: lo, self: false"))
        site.d.start()
        self.present(site)
        site.wait_view("dns", state="announced", real="present")
        mark = self.router.mark()
        site.d.ctl("stop", "--keep-announced")
        self.assertEqual(site.d.process.wait(PATIENCE), 0)
        site.d.start()
        site.wait_view("dns", state="announced", real="present")
        self.assertEqual(self.router.updates(mark, site=site.name), [])

    def by_two_signals(self, site):
        site.d.process.terminate()
        self.present(site, local_pref=0)
        self.assertTrue(site.answers())
        site.wait_view("dns", state="draining")
        site.d.process.terminate()

    def by_now(self, site):
        site.d.ctl("stop", "--now")


if __name__ == "__main__":
    harness.main()
