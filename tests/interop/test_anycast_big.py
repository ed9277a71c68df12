# SPDX-License-Identifier: Apache-2.0
"""200 prefixes in 20 sets of each speaker, and reloads that add, remove and rename sets while they
are announced: upstream hears nothing of what stays. GoBGP is told by a command for each prefix: on a busy
machine 200 of them take minutes."""
import sys
import time

import anycast_lab
from anycast_lab import PATIENCE, each, ms
import harness

N_SETS, EACH = 20, 10
LISTEN = ["0.0.0.0:53", "[::]:53"]


def prefixes(n):
    """Of set n: half of them IPv4."""
    return ([f"198.18.{n}.{i}/32" for i in range(1, EACH // 2 + 1)]
            + [f"2001:db8:{n:x}::{i}/128" for i in range(1, EACH // 2 + 1)])


def a_set(name, n):
    listed = ", ".join(f'"{p}"' for p in prefixes(n))
    return f"  {name}: {{prefixes: [{listed}], speaker: local, self: false, rise: 1s, drain_time: 1s}}\n"


def sets(numbers, names=None):
    return "anycast:\n" + "".join(a_set((names or {}).get(n, f"set{n}"), n) for n in numbers)


class Big(harness.TestCase):

    def setUp(self):
        self.lab = anycast_lab.Lab(self.addCleanup)
        self.router = self.lab.router
        self.sites = [self.lab.site(name, name) for name in ("bird", "exabgp", "frr", "gobgp")]
        for site in self.sites:
            site.loadstar(sets(range(1, N_SETS + 1)), listen=LISTEN)

    def test_200_prefixes(self):
        each(self.sites, self.whole)

    def count(self, site):
        return sum(1 for routes in self.router.routes().values() if site.name in routes)

    def wait_count(self, site, n):
        try:
            harness.wait_for(lambda: self.count(site) == n, 2 * PATIENCE, step=0.2)
        except AssertionError:
            raise AssertionError(f"upstream has {self.count(site)} prefixes of {site.name}, not "
                                 f"{n}") from None

    def whole(self, site):
        site.start_speaker()
        mark = self.router.mark()
        site.d.start()
        self.wait_count(site, N_SETS * EACH)
        added = [u.at for u in self.router.updates(mark, site=site.name) if u.what == "added"]
        self.say(site, f"{N_SETS * EACH} prefixes, from the first to the last: "
                       f"{ms(max(added) - min(added))}")
        for n in (1, N_SETS):
            site.wait_view(f"set{n}", state="announced", real="present")
        self.reloaded(site)
        self.ended(site)

    def say(self, site, text):
        print(f"{site.name}: {text}", file=sys.stderr, flush=True)

    def reloaded(self, site):
        """Set 1 is removed, 2 renamed, 3 moved to the end, 21 added; then as before."""
        rest = [n for n in range(2, N_SETS + 1) if n != 3]
        mark = self.router.mark()
        site.sets(sets([*rest, N_SETS + 1, 3], {2: "renamed"}))
        site.d.reload()
        for p in prefixes(1):
            self.router.wait_gone(p, site.name, timeout=2 * PATIENCE)
        for p in prefixes(N_SETS + 1):
            self.router.wait_route(p, site.name, timeout=2 * PATIENCE)
        site.wait_view("renamed", state="announced", real="present")
        self.wait_count(site, N_SETS * EACH)
        self.untouched(site, mark, range(3, N_SETS + 1))
        moved = [u for u in self.router.updates(mark, site=site.name) if u.prefix in prefixes(2)]
        self.assertNotIn("removed", [u.what for u in moved], site.name)
        mark = self.router.mark()
        site.sets(sets(range(1, N_SETS + 1)))
        site.d.reload()
        for p in prefixes(N_SETS + 1):
            self.router.wait_gone(p, site.name, timeout=2 * PATIENCE)
        site.wait_view("set1", state="announced", real="present", timeout=2 * PATIENCE)
        site.wait_view("set2", state="announced", real="present", timeout=2 * PATIENCE)
        self.wait_count(site, N_SETS * EACH)
        self.untouched(site, mark, range(3, N_SETS + 1))

    def untouched(self, site, mark, numbers):
        stay = {p for n in numbers for p in prefixes(n)}
        self.assertEqual([u for u in self.router.updates(mark, site=site.name) if u.prefix in stay],
                         [], site.name)

    def ended(self, site):
        mark, at = self.router.mark(), time.time()
        site.d.kill()
        self.wait_count(site, 0)
        gone = max(u.at for u in self.router.updates(mark, site=site.name) if u.what == "removed")
        self.say(site, f"kill -9 to all withdrawn: {ms(gone - at)}")


if __name__ == "__main__":
    harness.main()
