# SPDX-License-Identifier: Apache-2.0
"""Prefix sets by the real daemon, with a speaker of type exec: what is announced when, over failures, orders, reloads,
restarts; what hooks are told; where the addresses are."""
import json
import os
import re
import signal
import socket
import time
import unittest

import dns.message

import harness
import netns
from harness import wait_for

LONG = "holds and drains take their time"

ZONES = {"example.test.zone": "$TTL 60\n@ SOA ns1 hostmaster 1 3600 900 604800 60\n@ NS ns1\nns1 A 127.0.0.1\n"
                              "www POOL www\n"}
POOLS = """\
sites: {{ams: {{location: [52.31, 4.76]}}}}
checks: {{web: {{type: http, path: /, interval: 1s, timeout: 1s, rise: 1, fall: 2}}}}
pools:
  www:
    checks: [web]
    sites:
      ams: [{{name: a, address: 127.0.0.2, port: {a}}}, {{name: b, address: 127.0.0.3, port: {b}}}]
"""
SPEAKER = """\
#!/bin/sh
if [ "$LOADSTAR_WITHDRAW" ]; then echo '{"sets": []}'; else cat; fi >"$1/wish.new"
cat "$1/wish.new" >>"$1/wishes"
echo >>"$1/wishes"
"""
HOOK = """\
#!/bin/sh
echo "$LOADSTAR_CHANGE $LOADSTAR_SET $LOADSTAR_PREFIXES" >>"$1/hooks"
if [ -e "$1/fail" ]; then echo "no such thing"; exit 3; fi
"""
DNS = "192.0.2.53/32"
SET = "{prefixes: [192.0.2.53/32], speaker: push, hold: none, interface: lo, rise: 200ms, fall: 100ms, drain_time: 2s%s}"
GSHUT = "65535:0"


class Anycast(harness.TestCase):
    def world(self, sets=None, addresses=("192.0.2.53",)):
        self.host = netns.Pair(self).server
        with self.host:
            self.a, self.b = self.backend("127.0.0.2"), self.backend("127.0.0.3")
        d = self.daemon(zones=ZONES, pools=POOLS.format(a=self.a.port, b=self.b.port), main="anycast: anycast.yaml\n",
                        listen=[f"{address}:5300" for address in ("127.0.0.1", *addresses)],
                        wrap=["ip", "netns", "exec", self.host.name], start=False)
        self.d = d
        for name, text in (("push", SPEAKER), ("hook", HOOK)):
            os.chmod(d.write(name, text), 0o755)
        self.configure(sets or {"dns": SET % ""})
        return d.start()

    def configure(self, sets):
        lines = ["anycast:"] + [f"  {name}: {text}" for name, text in sets.items()]
        lines += ["speakers:", f"  push: {{type: exec, command: [{self.d.dir}/push, {self.d.dir}]}}"]
        self.d.write("anycast.yaml", "\n".join(lines) + "\n")

    def lines(self, name):
        try:
            return self.d.read(name).splitlines()
        except FileNotFoundError:
            return []

    def wishes(self):
        """What the speaker was told so far: {prefix: communities} of what is announced, each time."""
        try:
            whole = self.d.read("wishes").split("\n")[:-1]  # the last one may come just now
        except FileNotFoundError:
            whole = []
        return [{prefix: s["attributes"] for s in json.loads(line)["sets"] if s["announced"] for prefix in s["prefixes"]}
                for line in whole if line]

    def wish(self):
        return (self.wishes() or [{}])[-1]

    def announced(self, *prefixes, timeout=60):
        wait_for(lambda: set(self.wish()) == set(prefixes), timeout)

    def states(self, name="dns"):
        return re.findall(rf"event \d+: anycast {name}: (\w+ -> \w+)", self.d.log())

    def moved(self, change, name="dns", timeout=60):
        wait_for(lambda: change in self.states(name), timeout)

    def present(self):
        """Whether a look at the speaker came before it was told, or not."""
        wait_for(lambda: any(change.endswith("-> present") for change in self.states()), 60)

    def never_without(self, prefix):
        seen = [prefix in wish for wish in self.wishes()]
        self.assertIn(True, seen)
        self.assertNotIn(False, seen[seen.index(True):], seen)

    # Over time

    def test_announced_while_it_answers(self):
        d = self.world()
        self.announced(DNS)
        self.present()
        wait_for(lambda: [s for s in self.states() if "present" not in s] == ["down -> holding", "holding -> announced"], 60)
        self.host.run("ip", "addr", "del", DNS, "dev", "lo")
        self.announced()
        self.moved("announced -> down")
        self.assertIn("192.0.2.53 is not an address of this host", d.log())
        self.host.run("ip", "addr", "add", DNS, "dev", "lo")
        self.announced(DNS)
        d.stop()
        self.assertEqual(self.wish(), {})
        self.assertNotIn(DNS, self.host.run("ip", "addr", "show", "dev", "lo"))

    def test_a_flood_in_the_name_of_neighbours_withdraws_nothing(self):
        """Answers to the network of the address itself are over their allowance, those to ourselves are not."""
        d = self.world()
        self.announced(DNS)
        self.host.run("ip", "addr", "add", "192.0.2.99/32", "dev", "lo")
        query = dns.message.make_query("example.test", "SOA", use_edns=0).to_wire()
        n = len(self.wishes())
        with self.host, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("192.0.2.99", 0))
            s.connect(("192.0.2.53", 5300))
            end = time.monotonic() + 4
            while time.monotonic() < end:
                for _ in range(50):
                    s.send(query)
                time.sleep(0.001)
        self.assertGreater(d.ctl_json("status")["rate_limit"]["dropped"], 1000)
        self.assertEqual(len(self.wishes()), n)
        self.announced(DNS)

    def test_pools_withdraw_and_degrade(self):
        self.world({"dns": SET % (", when: {pools: {www: {min_up: 30%}}}, full: {pools: {www: {min_up: 70%, site: ams}}}"
                                  ", degraded: {prepend: 2}")})
        self.announced(DNS)
        wait_for(lambda: self.wish()[DNS]["prepend"] == 0, 60)
        self.a.fail()
        self.moved("announced -> degraded")
        wait_for(lambda: self.wish()[DNS]["prepend"] == 2, 60)
        self.never_without(DNS)
        self.assertIn("50 % of the weight is up, at least 70 % is needed", self.d.log())
        self.b.fail()
        self.moved("degraded -> down")
        self.announced()
        self.a.ok()
        self.b.ok()
        self.announced(DNS)
        wait_for(lambda: self.wish()[DNS]["prepend"] == 0, 60)

    def test_own_checks_withdraw(self):
        d = self.world({"dns": SET % ", when: {checks: [{check: web, address: 127.0.0.2}]}"})
        d.write("pools.yaml", d.read("pools.yaml").replace("path: /,", f"path: /, port: {self.a.port},"))
        d.reload()
        self.announced(DNS)
        self.a.fail()
        self.announced()
        self.a.ok()
        self.announced(DNS)

    def test_orders(self):
        d = self.world({"dns": SET % ", when: {pools: {www: {min_up: 1%}}}"})
        self.announced(DNS)
        d.ctl("set", "anycast:dns", "drain", "--reason", "router swap")
        wait_for(lambda: any(wish.get(DNS, {}).get("communities") == [GSHUT] for wish in self.wishes()), 60)
        self.announced()
        self.moved("draining -> down")
        self.assertRegex(d.log(), r"notice: event \d+: anycast dns: announced -> draining: order @\d+ of .*: drain, router swap")
        self.assertNotIn("error: event", d.log())
        d.ctl("set", "anycast:dns", "auto")
        self.announced(DNS)
        d.ctl("set", "anycast:dns", "withdraw")
        self.announced()
        self.a.fail()
        self.b.fail()
        d.ctl("set", "anycast:dns", "announce")
        self.announced(DNS)
        self.assertIn("order @", d.log())

    # Configurations

    def test_reloads_touch_only_what_changes(self):
        other = SET.replace("192.0.2.53", "192.0.2.54") % ""
        d = self.world(addresses=("192.0.2.53", "192.0.2.54"))
        self.announced(DNS)
        n = len(self.wishes())
        self.configure({"other": other, "dns": SET % ""})
        d.reload()
        self.announced(DNS, "192.0.2.54/32")
        self.configure({"renamed": SET % "", "other": other})
        d.reload()
        self.moved("down -> announced", "renamed")
        self.configure({"renamed": SET % ""})
        d.reload()
        self.announced(DNS)
        self.never_without(DNS)
        self.assertTrue(any(GSHUT in wish.get("192.0.2.54/32", {}).get("communities", []) for wish in self.wishes()[n:]))
        wait_for(lambda: "192.0.2.54" not in self.host.run("ip", "addr", "show", "dev", "lo"), 60)
        self.configure({"renamed": SET % ""})
        n = len(self.wishes())
        for _ in range(3):
            d.reload()
        self.assertEqual(len(self.wishes()), n)

    def test_many(self):
        """200 prefixes in 20 sets."""
        sets = {f"s{i}": "{prefixes: [%s], self: false, speaker: push, hold: none, rise: 200ms, drain_time: 2s}" %
                ", ".join(f"10.{i}.0.{k}/32" for k in range(10)) for i in range(20)}
        d = self.world(sets)
        self.announced(*(f"10.{i}.0.{k}/32" for i in range(20) for k in range(10)))
        n = len(self.wishes())
        del sets["s7"]
        self.configure(sets)
        d.reload()
        wait_for(lambda: len(self.wish()) == 190, 60)
        self.assertTrue(all(len(wish) >= 190 for wish in self.wishes()[n:]))

    def test_a_kill_withdraws(self):
        d = self.world()
        self.announced(DNS)
        self.present()
        d.kill()
        self.announced() # by the guard
        d.start()
        self.announced(DNS)
        wait_for(lambda: self.states().count("holding -> announced") == 2, 60)

    def test_what_is_announced_at_a_start_is_adopted(self):
        """Killed together with its guard, nobody has withdrawn."""
        d = self.world()
        self.announced(DNS)
        self.present()
        with open(f"/proc/{d.process.pid}/task/{d.process.pid}/children") as file:
            guard = int(file.read().split()[0])
        n = d.log().count("unknown -> present")
        os.kill(guard, signal.SIGKILL)
        d.kill()
        d.start()
        wait_for(lambda: d.log().count("unknown -> present") == n + 1, 60)
        self.moved("down -> announced")
        self.never_without(DNS)

    # Hooks

    def test_hooks_run_around_each_change(self):
        d = self.world({"dns": SET % (", on_announce: {command: [HOOK], required: true}, on_withdraw: {command: [HOOK]}"
                                      .replace("HOOK", "/bin/false"))})
        hook = f"[{d.dir}/hook, {d.dir}]"
        wait_for(lambda: "on_announce exited with 1" in d.log(), 60)
        self.announced()
        with open(os.path.join(d.dir, "fail"), "w"):
            pass
        self.configure({"dns": SET % f", on_announce: {{command: {hook}, required: true}}, on_withdraw: {{command: {hook}}}"})
        d.reload()
        wait_for(lambda: "on_announce exited with 3: no such thing" in d.log(), 60)
        self.announced()
        os.unlink(os.path.join(d.dir, "fail"))
        self.announced(DNS, timeout=60)
        self.assertEqual(set(self.lines("hooks")), {f"announce dns {DNS}"})
        self.host.run("ip", "addr", "del", DNS, "dev", "lo")
        self.announced()
        wait_for(lambda: self.lines("hooks")[-1:] == [f"withdraw dns {DNS}"], 60)

    # The hold

    def test_a_tun_carries_the_address(self):
        d = self.world({"dns": SET.replace("hold: none, interface: lo, ", "") % ", when: {pools: {www: {min_up: 30%}}}"})
        self.announced(DNS)
        link = self.host.run("ip", "-d", "link", "show", "ls-dns")
        self.assertIn("tun", link)
        self.assertNotIn("NO-CARRIER", link)
        self.assertIn("192.0.2.53", self.host.run("ip", "addr", "show", "dev", "ls-dns"))
        self.a.fail()
        self.b.fail()
        self.announced()
        wait_for(lambda: "NO-CARRIER" in self.host.run("ip", "link", "show", "ls-dns"), 60)
        self.a.ok()
        self.announced(DNS)
        wait_for(lambda: "NO-CARRIER" not in self.host.run("ip", "link", "show", "ls-dns"), 60)
        self.configure({"name": SET.replace("hold: none, interface: lo, ", "") % ""})
        n = len(self.wishes())
        d.reload()
        wait_for(lambda: "ls-dns" not in self.host.run("ip", "link", "show"), 60)
        self.assertTrue(all(DNS in wish for wish in self.wishes()[n:]))
        self.assertIn("192.0.2.53", self.host.run("ip", "addr", "show", "dev", "ls-name"))
        d.kill()
        wait_for(lambda: "ls-name" not in self.host.run("ip", "link", "show"), 60)


if __name__ == "__main__":
    harness.main()
