# SPDX-License-Identifier: Apache-2.0
"""Two sites behind one router announce the same prefixes; clients ask all the time. They move to the
other site when one is drained, and no query is lost; when its loadstard dies, within a second; and
they come back. A pool that flaps does not make the announcement flap. Two pairs of sites, so that
each speaker is the one that goes."""
import sys
import time

import anycast_lab
from anycast_lab import PATIENCE, each, ms
import harness

# The site with the lower router id is preferred, all else being equal: the first.
PAIRS = {"192.0.2.53": ("bird", "exabgp"), "192.0.2.54": ("exabgp", "bird"),
         "192.0.2.55": ("frr", "gobgp"), "192.0.2.56": ("gobgp", "frr")}

SETS = """
anycast:
  dns: {{prefixes: [{v4}/32, "{v6}/128"], speaker: local, self: false, rise: 1s, drain_time: 15s}}
  web:
    prefixes: [{web}/32]
    speaker: local
    self: false
    when: {{pools: {{www: {{min_up: 100%}}}}}}
    rise: 1s
    fall: 2s
    drain_time: 1s
"""

POOLS = """
sites: {{{site}: {{}}}}
checks:
  web: {{type: tcp, interval: 200ms, timeout: 150ms, rise: 1, fall: 1}}
pools:
  www: {{checks: [web], sites: {{{site}: [{{address: 127.0.1.1, port: 8080}}]}}}}
"""


class Pair:
    """Two sites with one anycast address, and who asks it."""

    def __init__(self, test, lab, n, address, speakers):
        self.test, self.lab, self.router, self.name = test, lab, lab.router, f"pair {n}"
        self.v4, self.v6 = address, f"2001:db8::{address.rpartition('.')[2]}"
        self.prefix, self.prefix6 = self.v4 + "/32", self.v6 + "/128"
        self.sites = [lab.site(f"{speaker}{n}", speaker) for speaker in speakers]
        for i, site in enumerate(self.sites):
            web = f"198.51.100.{n * 2 + i}"
            site.web_prefix = web + "/32"
            site.backend = site.listener("127.0.1.1", 8080)
            site.loadstar(SETS.format(v4=self.v4, v6=self.v6, web=web),
                          pools=POOLS.format(site=site.name),
                          listen=[f"{self.v4}:53", f"[{self.v6}]:53", f"{web}:53"])

    def report(self):
        return "\n".join(site.report() for site in self.sites)

    def say(self, text):
        print(f"{self.sites[0].name}, {self.sites[1].name}: {text}", file=sys.stderr, flush=True)

    def start(self):
        for site in self.sites:
            site.start_speaker()
            site.d.start()
        for site in self.sites:
            for prefix in (self.prefix, self.prefix6):
                self.router.wait_route(prefix, site.name)


class TwoSites(harness.TestCase):

    def setUp(self):
        self.lab = anycast_lab.Lab(self.addCleanup)
        self.pairs = [Pair(self, self.lab, n, address, speakers)
                      for n, (address, speakers) in enumerate(PAIRS.items(), 1)]
        self.lab.client  # before threads may want it

    def test_clients_move(self):
        each(self.pairs, self.whole)

    def whole(self, pair):
        pair.start()
        first, second = pair.sites
        with pair.lab.client.asker(pair.v4, timeout=20) as asker, pair.lab.client.asker(pair.v6, timeout=20) as asker6:
            both = (asker, asker6)
            for a in both:
                a.wait_where(first.name)
            self.drained(pair, both)
            for a in both:
                self.assertEqual(a.lost(), [], f"{pair.name}: lost by a drain")
            self.killed(pair, both)
        self.flaps(pair)

    def drained(self, pair, askers):
        first, second = pair.sites
        at = time.time()
        first.d.ctl("set", "anycast:dns", "drain")
        for a in askers:
            a.wait_where(second.name)
        moved = max(max(x.sent for x in a.answers if x.where == first.name) for a in askers)
        pair.say(f"drained: the last query to the first {ms(moved - at)} after the order")
        pair.router.wait_gone(pair.prefix, first.name)
        first.d.ctl("set", "anycast:dns", "auto")
        for a in askers:
            a.wait_where(first.name)
        time.sleep(0.5)  # what is under way to the second

    def killed(self, pair, askers):
        first, second = pair.sites
        first.d.kill()
        for a in askers:
            a.wait_where(second.name)
        outage = max(a.outage() for a in askers)
        lost = sum(len(a.lost()) for a in askers)
        pair.say(f"kill -9: {lost} queries lost, for {ms(outage)}")
        self.assertLess(outage, 30)  # 1 s, of a machine that has nothing else to do
        first.d.start()
        for a in askers:
            a.wait_where(first.name)

    def flaps(self, pair):
        site = pair.sites[0]
        pair.router.wait_route(site.web_prefix, site.name)
        mark = pair.router.mark()
        long = 0  # times of which it may be seen that they were as long as `fall`
        for _ in range(4):
            at = time.monotonic()
            site.backend.refuse()
            time.sleep(1)
            site.backend.ok()
            long += time.monotonic() - at > 1.5
            time.sleep(1)
        told = [u.what for u in pair.router.updates(mark, site.web_prefix, site.name)]
        pair.say(f"a pool that flaps each second, for 8 s: {len(told)} updates")
        self.assertLessEqual(told.count("removed"), 2 + long)
        for prefix in (pair.prefix, pair.prefix6):
            self.assertEqual(pair.router.updates(mark, prefix, site.name), [])
        pair.router.wait_route(site.web_prefix, site.name)


if __name__ == "__main__":
    harness.main()
