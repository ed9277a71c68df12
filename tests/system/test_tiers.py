# SPDX-License-Identifier: Apache-2.0
"""Tiers as a whole, by the real daemon: restarts, kills, reloads, drains, and balancers that are dead or hostile.

What drives them is HAProxy's command line, which a stand-in answers (fake_haproxy.py): here it is about what is
done when; what the real balancers make of it is tested with each of them."""
import os
import re
import socket
import threading
import time

import harness
from fake_haproxy import Fakes, Server
from harness import wait_for

LONG = "drains and polls take their time"

ZONE = """\
zone: example.test
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s}
records:
  "@": {NS: [ns1]}
  ns1: {A: 192.0.2.53}
  www: {POOL: web}
"""
POOLS = """\
sites:
  ams: {location: [52.31, 4.76]}
  iad: {location: [38.9, -77.4]}
pools:
  web:
    ttl: %s
    sites:
      ams: [{name: a, address: 127.0.0.1, port: 8081}, {name: b, address: 127.0.0.2, port: 8081}]
      iad: [{name: c, address: 127.0.0.3, port: 8081}]
"""
RIGHT = "ams-a=ready 100 ams-b=ready 100 iad-c=ready 100"


def servers():
    return [Server("ams-a", "127.0.0.1", 8081), Server("ams-b", "127.0.0.2", 8081),
            Server("iad-c", "127.0.0.3", 8081)]


class Tiers(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.fakes = Fakes()
        self.addCleanup(self.fakes.close)

    def world(self, tiers, ttl="1s", start=True, **kw):
        """A daemon, not started with start=False, with HAProxy's sockets in its directory as DIR."""
        d = harness.Daemon(zones={"example.test.yaml": ZONE}, pools=POOLS % ttl, main="tiers: tiers.yaml\n", **kw)
        self.addCleanup(d.close)
        self.tiers(d, tiers)
        if start:
            d.start()
        return d

    def tiers(self, d, names, more="", **each):
        lines = ["tiers:"] if names else ["tiers: {}"]
        for name in names:
            lines.append(f"  {name}: {{type: haproxy, pool: web, backend: be_{name}, adopt: true, interval: 1s, "
                         f"socket: {d.dir}/{name}.sock{each.get(name, more)}}}")
        d.write("tiers.yaml", "\n".join(lines) + "\n")

    def fake(self, d, name, with_servers=True):
        return self.fakes.add(f"{d.dir}/{name}.sock", f"be_{name}", servers() if with_servers else [])

    def becomes(self, fake, text, timeout=60):
        try:
            wait_for(lambda: fake.text() == text, timeout)
        except AssertionError:
            self.assertEqual(fake.text(), text)

    # ---- starts and ends ----

    def test_starts_and_kills_change_nothing_that_is_right(self):
        d = self.world(["a"], start=False)
        a = self.fake(d, "a")
        d.start()
        looks = lambda n: wait_for(lambda: a.connections >= n, 60)
        looks(2)
        self.assertEqual(a.commands, [])
        d.ctl("set", "web/ams/a", "down")
        self.becomes(a, "ams-a=maint ams-b=ready 100 iad-c=ready 100")
        a.commands.clear()
        for end in (d.stop, d.kill, d.kill):
            end()
            before = a.connections
            d.start()
            looks(before + 4)
        self.assertEqual(a.commands, [])
        self.assertEqual(a.text(), "ams-a=maint ams-b=ready 100 iad-c=ready 100")

    def test_killed_while_it_makes(self):
        """What was made before a kill is known as ours after it, and removed when it is to be."""
        d = self.world(["a"], start=False)
        a = self.fake(d, "a", with_servers=False)
        for _ in range(5):
            d.start()
            deadline = time.monotonic() + 20
            while not a.servers and time.monotonic() < deadline:
                time.sleep(0.001)
            d.kill()
        os.truncate(d.log_path, 0)
        d.start()
        self.becomes(a, RIGHT)
        self.assertNotIn("was there before", d.log())
        self.tiers(d, [])
        d.reload()
        wait_for(lambda: not a.servers, 60)

    # ---- reloads ----

    def test_reloads_while_members_drain(self):
        d = self.world(["a", "b"], start=False)
        a, b = self.fake(d, "a", with_servers=False), self.fake(d, "b")
        d.start()
        self.becomes(a, RIGHT)
        for server in a.servers.values():
            server.sessions = 1
        d.ctl("set", "web/ams/b", "drain")
        self.becomes(a, "ams-a=ready 100 ams-b=drain iad-c=ready 100")
        self.becomes(b, "ams-a=ready 100 ams-b=drain iad-c=ready 100")
        end = time.monotonic() + 3
        names = ["a", "b"]
        while time.monotonic() < end: # one goes and comes back, all the time
            names = ["b"] if "a" in names else ["a", "b"]
            self.tiers(d, names)
            d.reload()
        self.assertEqual(b.text(), "ams-a=ready 100 ams-b=drain iad-c=ready 100")
        self.tiers(d, ["b"])
        d.reload()
        self.becomes(a, "ams-a=drain ams-b=drain iad-c=drain")
        a.servers["ams-a"].sessions = 0
        self.becomes(a, "ams-b=drain iad-c=drain")
        self.assertEqual(a.commands[-1], "del server be_a/ams-a")
        for server in a.servers.values():
            server.sessions = 0
        wait_for(lambda: not a.servers, 60)

        def nobody_asks():
            connections = a.connections
            time.sleep(1.5) # it would each second
            return a.connections == connections
        wait_for(nobody_asks, 60)

    def test_what_was_adopted_is_left(self):
        d = self.world(["a"], start=False)
        a = self.fake(d, "a")
        d.start()
        wait_for(lambda: a.connections >= 2, 60)
        self.tiers(d, [])
        d.reload()
        wait_for(lambda: "is left" in d.log(), 60)
        time.sleep(0.5)
        self.assertEqual((a.text(), a.commands), (RIGHT, []))

    # ---- drains ----

    def test_a_site_is_drained_once_no_answer_is_left(self):
        d = self.world(["a"], ttl="2s", start=False)
        a = self.fake(d, "a")
        d.start()
        wait_for(lambda: a.connections >= 2, 60)
        began = time.monotonic()
        d.ctl("set", "ams", "drain")
        wait_for(lambda: d.addresses("www.example.test") == ["127.0.0.3"], 60)
        while time.monotonic() < began + 5: # 2 s, and 5
            self.assertEqual(a.text(), RIGHT)
            time.sleep(0.05)
        self.becomes(a, "ams-a=drain ams-b=drain iad-c=ready 100")
        self.assertGreater(time.monotonic() - began, 6)
        d.ctl("set", "ams", "auto")
        self.becomes(a, RIGHT)
        d.write("pools.yaml", POOLS % "5m")
        d.reload()
        began = time.monotonic()
        d.ctl("set", "web/ams/a", "drain") # on a member itself: at once
        self.becomes(a, "ams-a=drain ams-b=ready 100 iad-c=ready 100")
        self.assertLess(time.monotonic() - began, 100)

    def test_load_moves_weights(self):
        d = self.world(["a"], start=False)
        d.write("pools.yaml", (POOLS % "1s").replace("  web:\n", "  web:\n    weight_from: {tier: a, target_sessions: 10}\n"))
        a = self.fake(d, "a")
        a.servers["ams-a"].sessions = 200
        d.start()
        weight = lambda name: a.servers[name].weight
        wait_for(lambda: weight("ams-a") < 100, 60) # some of its clients go elsewhere, by DNS and by the tier
        self.assertEqual((weight("ams-b"), weight("iad-c")), (100, 100))
        least = weight("ams-a")
        d.reload() # forgets nothing
        time.sleep(1)
        self.assertLessEqual(weight("ams-a"), least)
        d.write("pools.yaml", POOLS % "1s") # follows nothing any more
        d.reload()
        self.becomes(a, RIGHT)

    # ---- the dead and the hostile ----

    def test_the_dead_hold_up_nobody(self):
        names = ["good", "silent", "garbage", "endless", "trickle", "gone"]
        d = self.world(names, start=False)
        fakes = {name: self.fake(d, name) for name in names}
        for name in names[1:5]:
            fakes[name].fault = name
        self.fakes.unlisten(fakes["gone"])
        d.start()
        for state, text in (("down", "ams-a=maint"), ("auto", "ams-a=ready 100")) * 3:
            began = time.monotonic()
            d.ctl("set", "web/ams/a", state)
            self.becomes(fakes["good"], f"{text} ams-b=ready 100 iad-c=ready 100")
            print(f"{(time.monotonic() - began) * 1e3:.0f} ms", end=" ", flush=True)
        wait_for(lambda: all(re.search(rf"error: tier {n}: ", d.log()) for n in names[1:4] + ["gone"]), 120)
        for name in names[1:]: # one line each, however often it is tried
            self.assertLessEqual(len(re.findall(rf"error: tier {name}: ", d.log())), 2, d.log())
        for name in names[1:5]:
            fakes[name].fault = None
        self.fakes.listen(fakes["gone"])
        d.ctl("set", "web/ams/a", "down")
        for name in names:
            self.becomes(fakes[name], "ams-a=maint ams-b=ready 100 iad-c=ready 100", 60)
        began = time.monotonic()
        fakes["silent"].fault = "silent"
        self.assertEqual(d.stop(), 0)
        self.assertLess(time.monotonic() - began, 60)

    def test_restarted_and_changed_by_others(self):
        d = self.world(["a"], start=False)
        a = self.fake(d, "a")
        d.start()
        wait_for(lambda: a.connections >= 2, 60)
        d.ctl("set", "web/ams/a", "down")
        self.becomes(a, "ams-a=maint ams-b=ready 100 iad-c=ready 100")
        a.servers["ams-b"].set(weight=7)
        self.becomes(a, "ams-a=maint ams-b=ready 100 iad-c=ready 100")
        self.assertIn("changed by somebody else", d.log())
        a.restart(servers())
        self.becomes(a, "ams-a=maint ams-b=ready 100 iad-c=ready 100")
        a.fault = "closes" # carries out the first command, and is gone
        d.ctl("set", "ams", "down")
        self.becomes(a, "ams-a=maint ams-b=maint iad-c=ready 100")

    def test_records_that_cannot_be_written(self):
        d = self.world(["a"], start=False)
        a = self.fake(d, "a", with_servers=False)
        os.makedirs(os.path.join(d.dir, "state", "tiers", "in", "the", "way"))
        d.start()
        self.becomes(a, RIGHT) # it goes on without
        wait_for(lambda: "/tiers: " in d.log(), 60)
        self.assertEqual(d.log().count("/tiers: "), 1, d.log())

    # ---- races ----

    def test_everything_at_once(self):
        names = ["a", "b", "c"]
        d = self.world(names, start=False)
        fakes = [self.fake(d, name, with_servers=name != "a") for name in names]
        d.start()
        stop = threading.Event()

        def orders(target):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(d.socket)
                file = s.makefile("rw")
                while not stop.is_set():
                    for state in ("drain", "down", "auto"):
                        file.write(f'{{"command": "set", "target": "{target}", "state": "{state}"}}\n')
                        file.flush()
                        file.readline()

        threads = [threading.Thread(target=orders, args=(t,)) for t in ("web/ams/a", "iad", "web/*/b")]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 4
        i = 0
        while time.monotonic() < end:
            i += 1
            self.tiers(d, [n for k, n in enumerate(names) if k != i % 4])
            fakes[i % 3].fault = (None, "closes", None, "garbage")[i % 4]
            d.reload()
        stop.set()
        for thread in threads:
            thread.join(120)
            self.assertFalse(thread.is_alive())
        for fake in fakes:
            fake.fault = None
        for target in ("web/ams/a", "iad", "web/*/b"):
            d.ctl("set", target, "auto")
        self.tiers(d, names)
        d.reload()
        for fake in fakes:
            self.becomes(fake, RIGHT, 60)
        self.assertEqual(d.stop(), 0)


if __name__ == "__main__":
    harness.main()
