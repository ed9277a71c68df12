# SPDX-License-Identifier: Apache-2.0
"""loadstar-l4 alone: members of lists and of pools that it checks itself, and what it shows."""
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import harness
import l4_world
from l4_world import web

POOLS = """\
sites: {ams: {}, iad: {}}
checks:
  alive: {type: tcp, interval: 2s, timeout: 2s, rise: 1, fall: 2}
pools:
  web:
    checks: [alive]
    sites:
      ams: [{address: 127.0.0.1, port: %d, name: a}]
      iad: [{address: 127.0.0.1, port: %d, name: b}]
"""


class Lists(l4_world.TestCase):
    def test_connections_are_spread(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=[a, b]), workers=1)
        self.assertEqual(sorted(f.ask() for _ in range(8)), ["a"] * 4 + ["b"] * 4)

    def test_orders_are_kept_in_memory(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=[a, b]))
        done = f.ctl("set", f"web/{a.place}", "drain", "--reason", "works")
        self.assertIn("1 member; in memory only", done.stdout)
        f.wait_for(lambda: f.members_of()[a.place]["state"] == "drain", 60)
        self.assertEqual({f.ask() for _ in range(6)}, {"b"})
        f.reload()
        self.assertEqual({f.ask() for _ in range(6)}, {"b"})
        f.ctl("set", f"web/{a.place}", "auto")
        f.ctl("weight", f"web/{b.place}", "0")
        f.wait_for(lambda: f.members_of()[b.place]["weight"] == 0, 60)
        self.assertEqual({f.ask() for _ in range(6)}, {"a"})
        f.ctl("weight", "web/*", "auto")
        f.wait_for(lambda: f.members_of()[b.place]["weight"] == 1, 60)
        self.assertEqual({f.ask() for _ in range(6)}, {"a", "b"})
        self.assertIn("set web/", f.log())

    def test_an_order_with_an_end_ends(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=[a, b]))
        f.ctl("set", f"web/{a.place}", "down", "--for", "10m")
        f.wait_for(lambda: f.members_of()[a.place]["state"] == "down", 60)
        f.ctl("set", f"web/{a.place}", "down", "--for", "1s")
        f.wait_for(lambda: f.members_of()[a.place]["state"] == "up", 60)

    def test_a_dead_member_is_stepped_over(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=[a, b]))
        a.refuse()
        self.assertEqual([f.ask() for _ in range(20)], ["b"] * 20)
        self.assertGreaterEqual(f.members_of()[a.place]["refused"], 1)

    def test_a_drained_member_is_left_in_time(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=[a, b], drain={"timeout": "1s"}))
        ends = [f.connect() for _ in range(4)]
        for s in ends:
            self.addCleanup(s.close)
            s.sendall(b"x\n")
        by_name = {}
        for s in ends:
            by_name.setdefault(s.makefile().readline()[0], []).append(s)
        f.ctl("set", f"web/{a.place}", "drain")
        for s in by_name["a"]:
            s.settimeout(60)
            try:
                self.assertEqual(s.recv(1), b"")
            except ConnectionResetError:
                pass
        for s in by_name["b"]:
            s.sendall(b"y\n")
            self.assertEqual(s.makefile().readline(), "b y\n")
        f.wait_for(lambda: f.members_of()[a.place]["active"] == 0, 60) # a client sees its end first


class Pools(l4_world.TestCase):
    def world(self, **kw):
        a, b = self.members(2)
        f = self.forwarder(web(members={"pool": "web"}), main="pools: pools.yaml\n",
                           files={"pools.yaml": POOLS % (a.port, b.port)}, **kw)
        return a, b, f

    def test_a_member_that_dies(self):
        a, b, f = self.world()
        self.assertEqual({f.ask() for _ in range(6)}, {"a", "b"})
        a.refuse()
        for _ in range(30):
            self.assertEqual(f.ask(), "b")
            time.sleep(0.02)
        f.wait_for(lambda: f.members_of()["web/ams/a"]["state"] == "down", 60)
        a.open()
        f.wait_for(lambda: f.members_of()["web/ams/a"]["state"] == "up", 60)
        f.wait_for(lambda: f.ask() == "a", 60)
        self.assertRegex(f.log(), r"web/ams/a: up -> down")

    def test_a_failure_hastens_a_probe(self):
        """Checks look every 10 minutes: it is the connection that was refused which has them look now."""
        a, b, c = self.members(3)
        pools = ("sites: {ams: {}}\nchecks: {slow: {type: tcp, interval: 10m, timeout: 2s, rise: 1, fall: 2}}\n"
                 "pools: {web: {checks: [slow], sites: {ams: [%s]}}}\n")
        endpoints = lambda *members: pools % ", ".join(f"{{address: 127.0.0.1, port: {m.port}, name: {m.name}}}" for m in members)
        f = self.forwarder(web(members={"pool": "web"}), main="pools: pools.yaml\n", files={"pools.yaml": endpoints(a, b, c)})
        self.assertEqual({f.ask() for _ in range(6)}, {"a", "b", "c"})

        def dies(member, others):
            key = f"web/ams/{member.name}"
            member.refuse()
            for _ in range(6):
                self.assertIn(f.ask(), others)
            f.wait_for(lambda: f.members_of()[key]["state"] == "down", 60)
            told = f"{key}: up -> up: service web met a failure: it is probed now"
            self.assertIn(told, f.log())
            self.assertGreater(f.log().index(f"{key}: up -> down"), f.log().index(told))
        dies(c, "ab")
        f.write("pools.yaml", endpoints(b, a, c)) # the same, by other numbers
        f.reload()
        dies(a, "b")
        self.assertEqual({f.ask() for _ in range(4)}, {"b"})

    def test_all_are_down(self):
        """As on_all_down says: all serve on as far as they can, or connections are refused at once."""
        a, b, f = self.world()
        c = self.member("c")
        problems = lambda: " ".join(f.ctl_json("status")["problems"])
        for policy, serves in (("serve_all", True), ("nodata", False)):
            # Checks look where nobody is; connections go to those that are there.
            f.write("pools.yaml", (POOLS % (a.port, b.port)).replace("checks: [alive]", f"checks: [alive]\n    on_all_down: {policy}")
                    .replace("name:", "probe: {port: 1}, name:"))
            f.reload()
            if serves:
                f.wait_for(lambda: "all members are down" in problems(), 60)
                self.assertEqual({f.ask() for _ in range(8)}, {"a", "b"})
                f.ctl("set", "web/ams/a", "down")
                f.wait_for(lambda: f.members_of()["web/ams/a"]["state"] == "down", 60)
                self.assertEqual({f.ask() for _ in range(6)}, {"b"})
                f.ctl("set", "web/ams/a", "auto")
            else:
                f.wait_for(lambda: "no member is up" in problems(), 60)
                self.assertEqual({m["state"] for m in f.members_of().values()}, {"down"})
        f.write("pools.yaml", POOLS % (a.port, b.port))
        f.reload()
        f.wait_for(lambda: problems() == "", 60)
        self.assertEqual({f.ask() for _ in range(6)}, {"a", "b"})

    def test_orders_are_the_checkers(self):
        a, b, f = self.world()
        done = f.ctl("set", "ams", "drain")
        self.assertNotIn("memory", done.stdout)
        f.wait_for(lambda: f.members_of()["web/ams/a"]["state"] == "drain", 60)
        self.assertEqual({f.ask() for _ in range(6)}, {"b"})
        f.stop()
        f.start()
        self.assertEqual(f.members_of()["web/ams/a"]["state"], "drain")
        f.ctl("set", "web/ams/a", "auto")
        f.ctl("weight", "web/iad/b", "7")
        f.wait_for(lambda: f.members_of()["web/iad/b"]["weight"] == 7, 60)
        refused = f.ctl("set", "web/nowhere/x", "down", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("matches no member", refused.stderr)

    def test_one_site_of_a_pool(self):
        a, b = self.members(2)
        f = self.forwarder(web(members={"pool": "web", "site": "iad"}), main="pools: pools.yaml\n",
                           files={"pools.yaml": POOLS % (a.port, b.port)})
        self.assertEqual(list(f.members_of()), ["web/iad/b"])
        self.assertEqual({f.ask() for _ in range(4)}, {"b"})

    def test_a_reload_changes_them(self):
        a, b, f = self.world()
        c = self.member("c")
        f.write("pools.yaml", POOLS % (a.port, c.port))
        f.reload()
        f.wait_for(lambda: {f.ask() for _ in range(6)} == {"a", "c"}, 60)


class Shown(l4_world.TestCase):
    def test_documents(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=[a, b]))
        with f.connect() as s:
            s.sendall(b"x\n")
            self.assertTrue(s.makefile().readline())
            flows = f.ctl_json("flows")
            self.assertEqual(len(flows["flows"]), 1)
            flow = flows["flows"][0]
            self.assertEqual((flow["service"], flow["protocol"]), ("web", "tcp"))
            self.assertEqual(flow["client"], "127.0.0.1:%d" % s.getsockname()[1])
            self.assertIn(flow["member"], (a.place, b.place))
            self.assertIn(flow["client"], f.ctl("flows").stdout)
            status = f.ctl_json("status")
            self.assertEqual((status["program"], status["flows"], status["members_up"]),
                             ("loadstar-l4", 1, 2))
            self.assertEqual(status["problems"], [])
        f.wait_for(lambda: f.ctl_json("status")["flows"] == 0, 60) # the last count that falls
        member = f.members_of()[flow["member"]]
        self.assertEqual(set(member) - {"ejected"},
                         {"service", "key", "address", "port", "weight", "state", "active", "total",
                          "refused", "timeouts", "connect_ms", "rtt_ms"})
        self.assertEqual((member["total"], member["active"]), (1, 0))
        self.assertGreater(member["connect_ms"]["p99"], 0)
        service = f.ctl_json("services")["services"][0]
        self.assertEqual(service["results"]["ok"], 1)
        self.assertEqual((service["bytes_in"], service["bytes_out"]), (2, 4))
        for words, expected in ((["services"], "round_robin"), (["members"], a.place),
                                (["members", "web"], "up"), (["status"], "no problems"),
                                (["rtt"], ""), (["flows"], "no flows")):
            self.assertIn(expected, f.ctl(*words).stdout)

    def test_rates(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))

        def rate():
            f.ask()
            return f.ctl_json("services")["services"][0]["per_second"]
        f.wait_for(lambda: rate()["connections"] > 0, 60)
        f.wait_for(lambda: f.ctl_json("services")["services"][0]["per_second"] ==
                   {"connections": 0.0, "bytes_in": 0.0, "bytes_out": 0.0}, 60)

    def test_pages_of_flows(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        clients = [f.connect() for _ in range(7)]
        for s in clients:
            self.addCleanup(s.close)
        f.wait_for(lambda: f.ctl_json("status")["flows"] == 7, 60)
        seen, after = [], None
        while True:
            page = f.request(command="flows", limit=2, **({"after": after} if after else {}))["result"]
            self.assertLessEqual(len(page["flows"]), 2)
            seen += [flow["client"] for flow in page["flows"]]
            after = page.get("next")
            if not after:
                break
        self.assertEqual(sorted(seen), sorted("127.0.0.1:%d" % s.getsockname()[1] for s in clients))
        self.assertEqual(len(f.ctl_json("flows")["flows"]), 7)

    def walk(self, f, limit):
        """All flows by pages, over a connection of its own: whose they are."""
        seen, after = [], {}
        with f.control() as c:
            while True:
                page = c.ask(command="flows", limit=limit, **after)["result"]
                self.assertLessEqual(len(page["flows"]), limit)
                seen += [flow["client"] for flow in page["flows"]]
                if "next" not in page:
                    return seen
                after = {"after": page["next"]}

    def test_many_ask_for_flows_at_once(self):
        """50 that page through all that is open, again and again: each sees every flow that stays, once, and
        connections are forwarded all the while."""
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        clients = [f.connect() for _ in range(150)]
        for s in clients:
            self.addCleanup(s.close)
        f.wait_for(lambda: f.ctl_json("status")["flows"] == 150, 60)
        stay = {"127.0.0.1:%d" % s.getsockname()[1] for s in clients}
        wrong = []

        def ask(nth):
            for limit in (nth + 1, 1000):
                seen = self.walk(f, limit)
                if len(seen) != len(set(seen)) or stay - set(seen):
                    wrong.append((limit, len(seen), len(stay - set(seen))))
        threads = [threading.Thread(target=ask, args=(i,)) for i in range(50)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self.assertEqual(f.ask(), "a")
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_metrics_are_prometheus(self):
        promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
        if not promtool:
            self.skipTest("promtool is missing: it is in Debian's package prometheus")
        a, b = self.members(2)
        f = self.forwarder(web(members=[a, b], balance="maglev"))
        f.ask()
        f.metrics()
        done = subprocess.run([promtool, "check", "metrics"], input=f.metrics_text, capture_output=True, text=True,
                              timeout=60)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""), f.metrics_text)

    def test_metrics(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=[a, b]))
        for _ in range(4):
            f.ask()
        f.wait_for(lambda: f.ctl_json("status")["flows"] == 0, 60)
        m = f.metrics()
        self.assertEqual(m['loadstar_l4_connections_total{service="web",result="ok"}'], 4)
        self.assertEqual(m['loadstar_l4_bytes_total{service="web",direction="in"}'], 24)
        self.assertEqual(m[f'loadstar_l4_active{{service="web",member="{a.place}"}}'], 0)
        self.assertGreater(
            m[f'loadstar_l4_connect_seconds{{service="web",member="{a.place}",quantile="0.99"}}'], 0)
        of = [f'{{service="web",member="{member.place}"}}' for member in (a, b)]
        self.assertEqual(sum(m["loadstar_l4_connect_seconds_count" + labels] for labels in of), 4)
        self.assertGreater(m["loadstar_l4_connect_seconds_sum" + of[0]], 0)
        self.assertEqual(m['loadstar_l4_members{service="web",state="up"}'], 2)
        for line in f.metrics_text.splitlines():
            self.assertRegex(line, r"^(# (HELP|TYPE) loadstar_l4_\w+ \S|loadstar_l4_\w+(\{.*\})? \S+$)")
        for path, status in (("/", 404), ("/metrics/x", 404)):
            with self.assertRaises(urllib.error.HTTPError) as e:
                urllib.request.urlopen(f"http://127.0.0.1:{f.metrics_port}{path}", timeout=60)
            self.assertEqual(e.exception.code, status)
        for bad in (b"x\r\n\r\n", b"GET /metrics HTTP/1.1\n\n", b"POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
                    b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", f.metrics_port), 60) as s:
                s.sendall(bad)
                self.assertRegex(s.makefile("rb").readline(), rb"HTTP/1.1 4\d\d ")

    def test_log_of_connections(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]), main="log: {connections: true, sample: 2}\n", workers=1)
        for _ in range(6):
            f.ask()
        lines = f.wait_for(lambda: [line for line in f.log().splitlines() if line.startswith("{")][2:]
                           and [line for line in f.log().splitlines() if line.startswith("{")], 60)
        self.assertEqual(len(lines), 3)
        line = json.loads(lines[0])
        self.assertEqual((line["service"], line["member"], line["result"], line["bytes_in"]),
                         ("web", a.place, "ok", 6))

    def test_which_daemon_a_command_is_for(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        for command in ("pools", "tiers", "explain x"):
            done = f.ctl(*command.split(), check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("is a command of loadstard", done.stderr)
        d = self.daemon(zones={"example.test.yaml": "zone: example.test\nttl: 60\nsoa: {mname: ns1, "
                               "rname: h, serial: 1}\nrecords: {\"@\": {NS: ns1}, ns1: {A: 192.0.2.1}}\n"})
        for command in ("services", "members", "flows"):
            done = d.ctl(command, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("is a command of loadstar-l4", done.stderr)

    def test_hostile_requests(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        for raw, expected in (
                (b"{}", "command: expected one of status, services"),
                (b"[]", "expected a JSON object"),
                (b'{"command": "members", "x": 1}', 'takes no argument "x"'),
                (b'{"command": "members", "service": ""}', "service: expected"),
                (b'{"command": "members", "service": "nope"}', "there is no service nope"),
                (b'{"command": "flows", "limit": 0}', "limit: expected"),
                (b'{"command": "flows", "limit": -1}', "limit: expected"),
                (b'{"command": "flows", "after": "7:0"}', "after: expected"),
                (b'{"command": "flows", "after": "0:0x"}', "after: expected"),
                (b'{"command": "flows", "after": "0:"}', "after: expected"),
                (b'{"command": "flows", "after": "0"}', "after: expected"),
                (b'{"command": "flows", "after": "0:-1"}', "after: expected"),
                (b'{"command": "flows", "after": "0:18446744073709551616"}', "after: expected"),
                (b'{"command": "flows", "limit": 10001}', "limit: expected"),
                (b'{"command": "rtt", "after": "0:nonsense"}', "after: expected"),
                (b'{"command": "set", "target": "web", "state": "sideways"}', "state: expected up"),
                (b'{"command": "set", "state": "up"}', "target: is missing"),
                (b'{"command": "set", "target": "' + b"x" * 2000 + b'", "state": "up"}', "too long"),
                (b'{"command": "weight", "target": "web", "weight": 1000001}', "weight: expected"),
                (b'{"command": "set", "target": "web", "state": "up", "for": "1ms"}', "for: expected"),
                (b'{"command": "stop", "now": 1}', "now: expected true or false"),
                (b'{"command": "replaces"}', "command: expected one of")):
            with self.subTest(raw[:60]):
                with f.control() as c:
                    reply = c.ask(raw)
                    self.assertFalse(reply["ok"])
                    self.assertIn(expected, reply["error"])
        self.assertEqual(f.ask(), "a")


class ThePrograms(l4_world.TestCase):
    def test_command_line(self):
        f = self.forwarder(web(members=["127.0.0.1:1"]), start=False)
        run = lambda *args: subprocess.run(f.command(*args), capture_output=True, text=True, timeout=60)
        self.assertRegex(run("--version").stdout, r"^loadstar-l4 \d")
        self.assertIn("usage: loadstar-l4 -c FILE", run("--help").stdout)
        for args in ((), ("--nonsense",), ("-c", f.path, "x"), ("-c",)):
            self.assertEqual(run(*args).returncode, 2, args)
        done = f.check()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("ok, 1 service", done.stdout)

    def test_wrong_configurations(self):
        f = self.forwarder(web(members=["127.0.0.1:1"], balance="best"), start=False)
        done = f.check()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"l4\.yaml:\d+:\d+: ")
        with self.assertRaises(AssertionError):
            f.start()
        self.assertEqual(f.process.returncode, 1)
        self.assertIn("cannot start: 1 error", f.log())

    def test_an_address_that_is_taken(self):
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        port = taken.getsockname()[1]
        f = self.forwarder(web(port=port, members=["127.0.0.1:1"]), start=False)
        with self.assertRaises(AssertionError):
            f.start()
        self.assertRegex(f.log(), rf"l4\.yaml:\d+:\d+: cannot listen on 127.0.0.1:{port}: ")

    def test_a_second_one_is_refused(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        other = subprocess.run(f.command("-c", f.path), capture_output=True, text=True, timeout=60)
        self.assertEqual(other.returncode, 1)
        self.assertIn(f"another loadstar-l4 is running on {f.socket}", other.stderr)
        self.assertEqual(f.ask(), "a")


if __name__ == "__main__":
    harness.main()
