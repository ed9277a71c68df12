# SPDX-License-Identifier: Apache-2.0
"""BIRD, ExaBGP, FRR (with and without zebra) and GoBGP announce to a router by what Loadstar knows:
after `rise`, with the attributes of degraded and draining sets, and withdraw on each cause. Each
cause has a prefix set of its own, so that the hold which grows with withdrawals stays short."""
import sys
import threading
import time

import anycast_lab
from anycast_lab import PATIENCE, each, ms
import harness

RISE = 1.0

POOLS = """
sites: {{{site}: {{}}}}
checks:
  web: {{type: tcp, interval: 500ms, timeout: 450ms, rise: 1, fall: 2}}
  uplink: {{type: tcp, port: {port}, interval: 500ms, timeout: 450ms, rise: 1, fall: 2}}
pools:
  www:
    checks: [web]
    sites:
      {site}:
        - {{address: 127.0.1.1, port: {port}}}
        - {{address: 127.0.1.2, port: {port}}}
        - {{address: 127.0.1.3, port: {port}}}
        - {{address: 127.0.1.4, port: {port}}}
"""

# NAME at 192.0.2.N and 2001:db8::N. A drain is as long as GoBGP, which is told by a command for each prefix,
# may take on a busy machine to be told of all of them; and `self`, which a worker without a processor for 1.3 s
# does not answer, withdraws but the set that is to be withdrawn so.
SETS = {"dns": 53, "self": 60, "pool": 61, "check": 62, "order": 63}

ANYCAST = """
anycast:
  dns: {{prefixes: [192.0.2.53/32, "2001:db8::53/128"], speaker: local, self: false, rise: 1s, drain_time: 15s}}
  self: {{prefixes: [192.0.2.60/32, "2001:db8::60/128"], speaker: local, rise: 1s, fall: 5s,
         drain_time: 15s}}
  pool:
    prefixes: [192.0.2.61/32, "2001:db8::61/128"]
    speaker: local
    when: {{pools: {{www: {{min_up: 50%}}}}}}
    full: {{pools: {{www: {{min_up: 100%}}}}}}
    degraded: {{prepend: 2, {med}communities: ["65001:7"]}}
    communities: ["65001:1"]
    large_communities: ["65001:2:3"]
    self: false
    rise: 1s
    fall: 500ms
    drain_time: 15s
  check:
    prefixes: [192.0.2.62/32, "2001:db8::62/128"]
    speaker: local
    when: {{checks: [{{check: uplink, address: 127.0.2.1}}]}}
    self: false
    rise: 1s
    fall: 500ms
    drain_time: 15s
  order: {{prefixes: [192.0.2.63/32, "2001:db8::63/128"], speaker: local, self: false, rise: 1s, drain_time: 15s}}
"""

GSHUT = (65535, 0)


def prefixes(name):
    n = SETS[name]
    return [f"192.0.2.{n}/32", f"2001:db8::{n}/128"]


class Case:
    """A site with back ends, its loadstard, and steps that look at the router."""

    def __init__(self, test, lab, name, speaker, **kw):
        self.test, self.router = test, lab.router
        self.site = lab.site(name, speaker, **kw)
        self.name, self.report = name, self.site.report
        port = 8000 + self.site.n
        self.web = [self.site.listener(f"127.0.1.{i}", port) for i in range(1, 5)]
        self.uplink = self.site.listener("127.0.2.1", port)
        listen = [text for n in SETS.values() for text in (f"192.0.2.{n}:53", f"[2001:db8::{n}]:53")]
        self.d = self.site.loadstar(ANYCAST.format(med="med: 200, "), listen=listen,
                                    pools=POOLS.format(site=name, port=port))

    def start(self):
        self.site.start_speaker()
        self.mark = self.router.mark()
        self.started = time.time()
        self.d.start()
        for name in SETS:
            self.present(name)
        self.site.speaker.call_functions()

    def present(self, name, **attributes):
        return [self.router.wait_route(p, self.name, **attributes) for p in prefixes(name)]

    def gone(self, name):
        for p in prefixes(name):
            self.router.wait_gone(p, self.name)

    def updates(self, name, mark):
        """What of each prefix of a set: {prefix: ["added", ...]}"""
        return {p: [u.what for u in self.router.updates(mark, p, self.name)] for p in prefixes(name)}

    def replaced(self, name, mark):
        """That there was no withdrawal."""
        for p, what in self.updates(name, mark).items():
            self.test.assertNotIn("removed", what, (self.name, p))

    def withdrawn_at(self, name, mark):
        return max(self.router.wait_update(mark, "removed", p, self.name).at for p in prefixes(name))


class Causes(harness.TestCase):

    def setUp(self):
        self.lab = anycast_lab.Lab(self.addCleanup)
        self.cases = [Case(self, self.lab, *words, **kw) for words, kw in (
            (("bird", "bird"), {}), (("exabgp", "exabgp"), {}), (("frr", "frr"), {}),
            (("frrz", "frr"), {"zebra": True}), (("gobgp", "gobgp"), {}))]
        self.said, self.lock = [], threading.Lock()

    def say(self, case, text):
        with self.lock:
            print(f"{case.name}: {text}", file=sys.stderr, flush=True)

    def test_each_speaker(self):
        each(self.cases, self.whole)

    def whole(self, case):
        case.start()
        self.after_rise(case)
        self.by_order(case)
        self.by_pool(case)
        self.by_check(case)
        self.by_self(case)
        self.by_stop(case)

    def after_rise(self, case):
        first = min(u.at for u in case.router.updates(case.mark, site=case.name))
        self.assertGreater(first - case.started, RISE)
        for name in SETS:
            for p, what in case.updates(name, case.mark).items():
                self.assertEqual(what[:1], ["added"], (case.name, p))
                self.assertNotIn("removed", what, (case.name, p))
            view = case.site.wait_view(name, state="announced", real="present")
            self.assertTrue(all(i["ok"] for i in view["inputs"]), view)
        route, route6 = case.present("pool")
        for r in (route, route6):
            self.assertEqual((r.path, r.communities, r.large),
                             ([65001], {(65001, 1)}, {(65001, 2, 3)}), case.name)
        # GoBGP and the like have to be told a next hop: that it is this site is what counts.
        self.assertEqual(route.next_hop, case.site.address)
        self.assertEqual(route6.next_hop, case.site.address6)

    def by_order(self, case):
        mark = case.router.mark()
        case.d.ctl("set", "anycast:order", "drain")
        case.present("order", local_pref=0)
        self.assertIn(GSHUT, case.present("order")[0].communities)
        since = {p: case.router.wait_update(mark, "added", p, case.name).at
                 for p in prefixes("order")}
        case.site.wait_view("order", state="draining")
        for p, at in since.items():
            self.assertGreater(case.router.wait_update(mark, "removed", p, case.name).at - at, 1.5)
        for what in case.updates("order", mark).values():
            self.assertEqual(what[-1], "removed")
            self.assertEqual(what.count("removed"), 1)
        case.site.wait_view("order", state="down", real="absent")
        case.d.ctl("set", "anycast:order", "auto")
        case.present("order", local_pref=100)
        mark = case.router.mark()
        at = time.time()
        case.d.ctl("set", "anycast:order", "withdraw")
        self.say(case, f"order to upstream {ms(case.withdrawn_at('order', mark) - at)}, "
                 "loadstarctl's start included")
        view = case.site.wait_view("order", state="down", real="absent")
        self.assertTrue(any("order" in i["name"] and not i["ok"] for i in view["inputs"]), view)
        case.d.ctl("set", "anycast:order", "auto")
        for name in ("dns", "self", "pool", "check"):  # nobody else has noticed
            for p, what in case.updates(name, mark).items():
                self.assertEqual(what, [], (case.name, p))

    def by_pool(self, case):
        mark = case.router.mark()
        case.web[0].refuse()
        route = case.present("pool", path=[65001] * 3, med=200)[0]
        self.assertEqual(route.communities, {(65001, 1), (65001, 7)})
        case.site.wait_view("pool", state="degraded", real="present")
        case.replaced("pool", mark)
        case.web[0].ok()
        case.present("pool", path=[65001])
        case.replaced("pool", mark)
        for backend in case.web[:3]:
            backend.refuse()
        case.withdrawn_at("pool", mark)
        case.site.wait_view("pool", state="down", real="absent")
        # It answers all the same: what is withdrawn is not dead.
        self.assertTrue(case.site.answers("192.0.2.61"))
        for backend in case.web[:3]:
            backend.ok()
        case.present("pool", path=[65001])

    def by_check(self, case):
        mark = case.router.mark()
        case.uplink.refuse()
        case.withdrawn_at("check", mark)
        # `announce` is stronger than a check.
        case.d.ctl("set", "anycast:check", "announce")
        case.present("check")
        case.d.ctl("set", "anycast:check", "auto")
        case.gone("check")
        case.uplink.ok()

    def by_self(self, case):
        mark = case.router.mark()
        rule = ["INPUT", "-d", "192.0.2.60", "-p", "udp", "--dport", "53", "-j", "DROP"]
        at = time.time()
        case.site.host.run("iptables", "-I", *rule)
        took = case.withdrawn_at("self", mark) - at
        self.say(case, f"without an answer to itself, withdrawn after {took:.1f} s")
        view = case.site.wait_view("self", state="down")
        self.assertFalse(next(i for i in view["inputs"] if i["name"] == "self")["ok"])
        case.d.ctl("set", "anycast:self", "announce", check=False)
        time.sleep(2 * RISE)
        self.assertIsNone(case.router.route("192.0.2.60/32", case.name))
        case.d.ctl("set", "anycast:self", "auto")
        case.site.host.run("iptables", "-D", *rule)
        case.present("self")

    def by_stop(self, case):
        for name in SETS:
            case.site.wait_view(name, state="announced", real="present")
        case.present("dns")
        mark = case.router.mark()
        case.d.process.terminate()
        case.present("dns", local_pref=0)
        self.assertTrue(case.site.answers())  # while it drains
        self.assertIsNone(case.d.process.poll())
        gone = case.withdrawn_at("dns", mark)
        at = min(case.router.wait_update(mark, "added", p, case.name).at for p in prefixes("dns"))
        self.assertGreater(gone - at, 1.5)
        self.assertEqual(case.d.process.wait(PATIENCE), 0)
        for name in SETS:
            case.gone(name)
        self.say(case, f"stopped: drained for {gone - at:.2f} s")


if __name__ == "__main__":
    harness.main()
