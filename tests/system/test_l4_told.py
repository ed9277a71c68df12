# SPDX-License-Identifier: Apache-2.0
"""loadstar-l4 with members that are told over its control socket, as loadstard does: whole sets with
rising versions, what comes back on the same connection, and what is left when nobody tells."""
import json
import os
import socket
import time

import harness
import l4_world
from l4_world import web

LONG = "a minute and a half of changes that are told"

TOLD = {"pool": "web"}


def told(members, version, service="web", **more):
    """A request that tells a set; more: {name: changes}."""
    return dict(command="members", service=service, version=version,
                members=[dict({"key": f"web/ams/{m.name}", "address": m.address, "port": m.port,
                               "weight": 1, "state": "up"}, **more.get(m.name, {})) for m in members])


class Told(l4_world.TestCase):
    def world(self, n=2, workers=2, **kw):
        """A forwarder, its members, and a connection that has told them."""
        members = self.members(n)
        f = self.forwarder(web(members=TOLD, **kw), workers=workers, start=False)
        f.start(ready=False)
        c = harness.wait_for(lambda: self.try_control(f), 60)
        reply = c.ask(**told(members, 1))
        self.assertTrue(reply["ok"], reply)
        f._wait_ready(60)
        return f, members, c

    def try_control(self, f):
        try:
            c = f.control()
        except OSError:
            return None
        self.addCleanup(c.close)
        return c

    def test_written_and_read_back(self):
        f, (a, b), c = self.world()
        reply = f.request(command="members", service="web")["result"]
        self.assertEqual(reply["version"], 1)
        self.assertEqual([(m["key"], m["address"], m["port"], m["weight"], m["state"])
                          for m in reply["members"]],
                         [(f"web/ams/{m.name}", "127.0.0.1", m.port, 1, "up") for m in (a, b)])
        self.assertEqual({f.ask() for _ in range(6)}, {"a", "b"})
        reply = c.ask(**told([a, b], 2, a={"state": "drain"}))
        self.assertEqual((reply["ok"], reply["result"]["version"], reply["result"]["changed"]),
                         (True, 2, True))
        f.wait_for(lambda: f.members_of()["web/ams/a"]["state"] == "drain", 60)
        self.assertEqual({f.ask() for _ in range(6)}, {"b"})
        c.ask(**told([a], 3))
        f.wait_for(lambda: list(f.members_of()) == ["web/ams/a"], 60)
        self.assertEqual({f.ask() for _ in range(6)}, {"a"})
        c.ask(**told([], 4))
        f.wait_for(lambda: not f.members_of(), 60)
        try: # nobody is there: ended at once
            with f.connect() as s:
                self.assertEqual(s.recv(1), b"")
        except ConnectionResetError:
            pass
        self.assertIn("no members", " ".join(f.ctl_json("status")["problems"]))

    def test_read_back_at_once(self):
        f, (a, b), c = self.world()
        read = lambda c: {m["key"][-1]: (m["state"], m["weight"]) for m in
                          c.ask(command="members", service="web")["result"]["members"]}
        for version, state in enumerate(["down", "drain", "up", "down"] * 5, 2):
            c.ask(**told([a, b], version, a={"state": state, "weight": version}))
            self.assertEqual(read(c), {"a": (state, version), "b": ("up", 1)})

    def test_read_back_before_all_are_told(self):
        """Of two services one has been told: what it was told is there, though nothing is forwarded yet."""
        (a,) = self.members(1)
        f = self.forwarder(dict(web(members=TOLD), **{"other": web(port=harness.free_port(), members=TOLD)["web"]}), start=False)
        f.start(ready=False)
        c = harness.wait_for(lambda: self.try_control(f), 60)
        self.assertTrue(c.ask(**told([a], 7))["ok"])
        reply = c.ask(command="members", service="web")["result"]
        self.assertEqual((reply["version"], [m["key"] for m in reply["members"]]), (7, ["web/ams/a"]))

    def test_versions(self):
        f, (a, b), c = self.world()
        self.assertTrue(c.ask(**told([a, b], 5))["ok"])
        for version in (5, 4, 1, 0):
            reply = c.ask(**told([a], version))
            self.assertEqual((reply["ok"], reply["code"]), (False, "invalid"), version)
        same = c.ask(**told([a, b], 5))
        self.assertEqual((same["ok"], same["result"]["changed"]), (True, False))
        self.assertEqual(c.ask(**told([a, b], 4))["code"], "invalid")
        self.assertEqual(len(f.members_of()), 2)
        self.assertEqual(c.ask(**told([a], 2 ** 62))["code"], "invalid")
        self.assertEqual(c.ask(**told([a], 2 ** 63 - 1))["code"], "invalid")
        self.assertEqual(c.ask(**told([a], 2 ** 64 - 1))["code"], "invalid")
        self.assertEqual(c.ask(**told([a], 2 ** 62 - 1))["code"], "invalid") # it goes round: that is before 5
        for version in (2 ** 61, 2 ** 62 - 1):
            self.assertTrue(c.ask(**told([a], version))["ok"])
        # Who has told the last number of all is followed by others all the same.
        self.assertEqual(c.ask(**told([b], 2 ** 62 - 2))["code"], "invalid")
        self.assertTrue(c.ask(**told([b], 1))["ok"])
        self.assertTrue(c.ask(**told([a, b], int(time.time() * 1000)))["ok"])
        self.assertEqual(len(f.members_of()), 2)

    def test_what_is_refused(self):
        f, (a, b), c = self.world()
        good = told([a, b], 9)
        for change, code in (({"service": "nope"}, "not_found"), ({"members": 7}, "invalid"),
                             ({"members": [7]}, "invalid"), ({"version": -1}, "invalid"),
                             ({"version": "9"}, "invalid"), ({"version": None}, "invalid"),
                             ({"members": good["members"] * 2}, "invalid")):
            reply = c.ask(**dict(good, **change))
            self.assertEqual((reply["ok"], reply["code"]), (False, code), (change, reply))
        for key, value in (("address", "x"), ("address", 7), ("port", 0), ("port", 65536),
                           ("weight", -1), ("weight", 1000001), ("state", "sideways"), ("key", ""),
                           ("key", "k" * 300), ("key", None)):
            reply = c.ask(**dict(good, members=[dict(good["members"][0], **{key: value})]))
            self.assertEqual((reply["ok"], reply["code"]), (False, "invalid"), (key, value, reply))
        self.assertEqual(f.request(command="members", service="web")["result"]["version"], 1)
        self.assertEqual({f.ask() for _ in range(6)}, {"a", "b"})

    def test_no_list_is_told(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=[a]))
        reply = f.request(**told([b], 1))
        self.assertEqual((reply["ok"], reply["code"]), (False, "invalid"))
        self.assertIn("members of its own", reply["error"])

    def test_orders_belong_to_loadstard(self):
        f, (a, b), c = self.world()
        done = f.ctl("set", "web/ams/a", "drain", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("order it there", done.stderr)
        self.assertEqual(f.members_of()["web/ams/a"]["state"], "up")

    def test_a_large_set(self):
        f, (a, b), c = self.world()
        many = [{"key": f"web/ams/{i}", "address": f"127.1.{i // 250}.{i % 250 + 1}", "port": 9,
                 "weight": 0, "state": "down"} for i in range(5000)]
        request = told([a], 2)
        request["members"] += many
        self.assertGreater(len(json.dumps(request)), 65536)
        self.assertTrue(c.ask(**request)["ok"])
        f.wait_for(lambda: len(f.members_of()) == 5001, 60)
        self.assertEqual({f.ask() for _ in range(4)}, {"a"})
        with f.control() as other:
            try:
                other.socket.sendall(b'{"command": "members", "x": "' + b"x" * (17 << 20))
            except (BrokenPipeError, ConnectionResetError): # it has been told already
                pass
            reply = json.loads(other.file.readline())
            self.assertIn("longer than 16777216 bytes", reply["error"])

    def test_failures_come_back(self):
        f, (a, b), c = self.world()
        a.refuse()
        began = time.monotonic()
        for _ in range(6):
            f.ask()
        event = c.event("failed")
        self.assertEqual(event, {"event": "failed", "service": "web", "key": "web/ams/a",
                                 "what": "refused"})
        for _ in range(50):
            f.ask()
            time.sleep(0.01)
        c.socket.settimeout(0.2)
        try:
            while True:
                c.events.append(c.line())
        except socket.timeout:
            pass
        # None but for a busy machine, which may have taken more than a second for all this.
        told = sum(e["event"] == "failed" for e in c.events)
        self.assertLessEqual(told, time.monotonic() - began, "one a second")

    def test_sessions_come_back(self):
        f, (a, b), c = self.world(workers=1) # which takes members in turn
        counts = lambda e: {m["key"]: m["active"] for m in e["members"]}
        self.assertEqual(counts(c.event("sessions")), {"web/ams/a": 0, "web/ams/b": 0})
        with f.connect() as one, f.connect() as two:
            for s in (one, two):
                s.sendall(b"x\n")
                s.makefile().readline()
            while counts(c.event("sessions")) != {"web/ams/a": 1, "web/ams/b": 1}:
                pass
        while counts(c.event("sessions")) != {"web/ams/a": 0, "web/ams/b": 0}:
            pass

    def test_round_trips_come_back(self):
        """In pieces; to who comes later all that is known, then what is new."""
        f, members, c = self.world()
        def client(i):
            with f.connect(source=(f"127.{1 + i // 250}.{i % 250}.1", 0)) as s, s.makefile() as lines:
                s.sendall(b"x\n")
                lines.readline()
        measured = lambda: {n["network"]: n for n in f.ctl_json("rtt")["networks"]}
        def all_measured(): # of those that end in one millisecond one is
            for i in set(range(300)) - {int(n.split(".")[1]) * 250 - 250 + int(n.split(".")[2]) for n in measured()}:
                client(i)
            return len(measured()) == 300
        f.wait_for(all_measured, 300)
        seen = set()
        while len(seen) < 300:
            seen |= {n["network"] for n in c.event("rtt")["networks"]}
        client(7) # and once more: what was seen a second before it is told is news the next time as well
        while "127.1.7.0/24" not in {n["network"] for n in c.event("rtt")["networks"] if n["samples"] > 1}:
            pass
        other = f.control()
        self.addCleanup(other.close)
        version = f.request(command="members", service="web")["result"]["version"]
        self.assertTrue(other.ask(**told(members, version + 1))["ok"])
        pieces = [other.event("rtt")["networks"] for _ in range(2)]
        self.assertEqual([len(p) for p in pieces], [256, 44])
        both = {n["network"]: n for n in pieces[0] + pieces[1]}
        without_age = lambda n: {k: v for k, v in n.items() if k != "age_s"}
        self.assertEqual({k: without_age(n) for k, n in both.items()},
                         {k: without_age(n) for k, n in measured().items()})
        self.assertEqual(pieces[0][0]["network"][-5:], ".0/24")
        ages = [n["age_s"] for n in pieces[0] + pieces[1]]
        self.assertEqual(ages, sorted(ages))
        samples = measured()["127.1.123.0/24"]["samples"]
        client(123)
        news = {}
        while "127.1.123.0/24" not in news:
            news.update((n["network"], n["samples"]) for n in other.event("rtt")["networks"])
        self.assertEqual(news.pop("127.1.123.0/24"), samples + 1)
        self.assertLessEqual(set(news), {"127.1.7.0/24"}) # which may have been seen a second before

    def test_round_trips_come_to_one_of_each(self):
        """Of the connections of one loadstard; when that one goes, or becomes another's, to another of them."""
        (a,), names = self.members(1), ("s0", "s1", "s2")
        f = self.forwarder({name: dict(web(port=harness.free_port(), members=TOLD)["web"]) for name in names}, start=False)
        f.start(ready=False)
        port = int(f.services[names[0]]["listen"][0].rsplit(":", 1)[1])
        c = [harness.wait_for(lambda: self.try_control(f), 60) for _ in names]
        for name, teller in zip(names, c):
            self.assertTrue(teller.ask(node="ams1", **told([a], 1, name))["ok"])
        f._wait_ready(60)
        def client():
            with f.connect(port=port) as s, s.makefile() as lines:
                s.sendall(b"x\n")
                lines.readline()
            return f.ctl_json("rtt")["networks"]
        f.wait_for(client, 60)
        hears = lambda i: [n["network"] for n in c[i].event("rtt")["networks"]]
        self.assertEqual(hears(0), ["127.0.0.0/24"])
        self.assertTrue(c[0].ask(node="iad1", **told([a], 2, names[0]))["ok"])
        self.assertEqual((hears(0), hears(2)), (["127.0.0.0/24"],) * 2)  # of another one, and the newest of the first
        c[1].ask(command="members", service=names[1])  # and what has come before it
        self.assertNotIn("rtt", [e["event"] for e in c[1].events])
        c[2].close()
        self.assertEqual(hears(1), ["127.0.0.0/24"])

    def test_sessions_are_told_again_after_a_reload(self):
        f, (a, b), c = self.world()
        c.event("sessions")
        f.reload()
        self.assertEqual({m["key"] for m in c.event("sessions")["members"]}, {"web/ams/a", "web/ams/b"})

    def test_one_that_reads_nothing_holds_up_nobody(self):
        f, (a, b), c = self.world()
        for version in range(2, 200):
            self.assertTrue(f.request(**told([a, b], version, a={"weight": version % 7 + 1}))["ok"])
        self.assertEqual(f.ask()[0] in "ab", True)
        self.assertTrue(f.ctl_json("status")["told_by"] >= 1)

    def test_few_are_told_and_the_oldest_goes(self):
        f, members, c = self.world()
        others = []
        for _ in range(70): # more than connections may be
            others.append(o := f.control())
            self.addCleanup(o.close)
            self.assertTrue(o.ask(**told(members, 1))["ok"])
        self.assertEqual(f.ctl_json("status")["told_by"], 32)
        with self.assertRaises(OSError):
            while True:
                c.line()
        self.assertTrue(others[-1].ask(command="members")["ok"])

    def test_each_is_told_of_what_it_told(self):
        """A connection for each of many services: all stay, and each hears of its own service alone."""
        n, (a,) = 100, self.members(1) # more than connections may be otherwise
        ports = [harness.free_port() for _ in range(n)]
        names = [f"s{i}" for i in range(n)]
        f = self.forwarder({name: dict(web(port=port, members=TOLD, limits={"connections": 9})["web"])
                            for name, port in zip(names, ports)}, workers=1, start=False)
        f.start(ready=False)
        tellers = [harness.wait_for(lambda: self.try_control(f), 30) for _ in names]
        for name, c in zip(names, tellers):
            reply = c.ask(node="ams1", **told([a], 1, name))
            self.assertTrue(reply["ok"], reply)
        f._wait_ready(30)
        self.assertEqual(f.ctl_json("status")["told_by"], n)
        for c in tellers:
            c.event("sessions")
        a.refuse()
        def refused(port):
            try:
                f.ask(port=port)
            except OSError:
                pass
        for port in ports[:3]:
            refused(port)
        self.assertEqual([c.event("failed")["service"] for c in tellers[:3]], names[:3])
        self.assertTrue(tellers[0].ask(node="ams1", **told([a], 1, names[1]))["ok"]) # tells two from now on
        self.assertEqual(tellers[0].event("sessions")["service"], names[1])
        time.sleep(1.1) # one a second is told
        refused(ports[1])
        self.assertEqual(tellers[0].event("failed")["service"], names[1])
        for name, c in zip(names, tellers):
            c.ask(command="members", service=name) # and what has come before it
            others = {e["service"] for e in c.events if e["event"] != "rtt"} - {name}
            self.assertLessEqual(others, {names[1]} if c is tellers[0] else set())
        tellers[0].close()
        f.wait_for(lambda: f.ctl_json("status")["told_by"] == n - 1, 20)

    def test_one_alone_tells(self):
        """Who says who it is holds the service while its connection is open: others are told whose it is."""
        f, (a, b), c = self.world()
        self.assertTrue(c.ask(**told([a], 2))["ok"])
        with f.control() as other: # nobody has said so far
            self.assertTrue(other.ask(node="ams1", **told([a, b], 3))["ok"])
            held = lambda: f.ctl_json("services")["services"][0]["sets"][0].get("told_by")
            self.assertEqual(held(), {"node": "ams1", "pid": os.getpid()})
            self.assertEqual(f.ctl_json("status")["problems"], [])
            for more in ({}, {"node": "iad1"}):
                reply = c.ask(**told([b], 9), **more)
                self.assertEqual((reply["ok"], reply["code"]), (False, "held"))
                self.assertIn(f"told its members by loadstard of ams1 (process {os.getpid()})", reply["error"])
            self.assertIn(f"web: loadstard of iad1 (process {os.getpid()}) wants to tell its members, too, and is refused",
                          f.ctl_json("status")["problems"])
            self.assertEqual(f.request(command="members", service="web")["result"]["version"], 3)
            self.assertTrue(other.ask(node="ams1", **told([a], 4))["ok"])
            with f.control() as again: # of the same one, whose first connection may be half dead
                self.assertTrue(again.ask(node="ams1", **told([a, b], 5))["ok"])
                self.assertTrue(other.ask(node="ams1", **told([a], 6))["ok"])
        f.wait_for(lambda: held() is None, 60)
        self.assertTrue(c.ask(node="iad1", **told([b], 7))["ok"])
        self.assertEqual(held()["node"], "iad1")
        for node in ("", "x" * 256, 7, "a\nb", None):
            self.assertEqual(c.ask(node=node, **told([b], 8))["code"], "invalid", node)

    def test_the_last_set_goes_on_without_it(self):
        f, (a, b), c = self.world()
        c.close()
        f.wait_for(lambda: f.ctl_json("status")["told_by"] == 0, 60)
        self.assertEqual({f.ask() for _ in range(6)}, {"a", "b"})


class Saved(l4_world.TestCase):
    def start_told(self, f, request):
        f.start(ready=False)
        harness.wait_for(lambda: os.path.exists(f.socket), 60)
        reply = harness.wait_for(lambda: self.tell(f, request), 60)
        self.assertTrue(reply["ok"], reply)
        f._wait_ready(60)

    def tell(self, f, request):
        try:
            return f.request(**request)
        except OSError:
            return None

    def test_after_a_restart(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=TOLD), start=False)
        self.start_told(f, told([a, b], 41, b={"state": "drain"}))
        path = os.path.join(f.dir, "state", "members.json")
        f.wait_for(lambda: os.path.exists(path), 60)
        self.assertEqual(json.loads(f.read("state/members.json"))["sets"][0]["version"], 41)
        f.kill()
        began = time.monotonic()
        f.start()
        self.assertGreaterEqual(time.monotonic() - began, 2.9)
        self.assertEqual({f.ask() for _ in range(4)}, {"a"})
        self.assertIn("saved", " ".join(f.ctl_json("status")["problems"]))
        self.assertEqual(f.ctl_json("services")["services"][0]["sets"][0]["from"], "saved")
        self.assertEqual(f.request(command="members", service="web")["result"]["version"], 41)
        self.assertEqual(f.request(**told([b], 41))["code"], "invalid")
        self.assertTrue(f.request(**told([b], 42))["ok"])
        f.wait_for(lambda: f.ask() == "b", 60)
        self.assertEqual(f.ctl_json("status")["problems"], [])

    def test_loadstard_that_is_there_comes_first(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=TOLD), start=False)
        self.start_told(f, told([a], 41))
        f.wait_for(lambda: os.path.exists(os.path.join(f.dir, "state", "members.json")), 60)
        for _ in range(10): # it waits 3 s for loadstard: we are to be as fast
            f.stop()
            n_ready = f.log().count("ready after")
            f.start(ready=False)
            reply = harness.wait_for(lambda: self.tell(f, dict(command="members", service="web")), 60)["result"]
            if f.log().count("ready after") == n_ready:
                break
        self.assertEqual((reply["version"], reply["members"]), (41, [])) # the next one is to be above
        for version in (3, 41):
            self.assertEqual(f.request(**told([b], version))["code"], "invalid")
        self.assertTrue(f.request(**told([b], 42))["ok"])
        f._wait_ready(60)
        self.assertEqual({f.ask() for _ in range(4)}, {"b"})

    def test_services_that_are_not_told_stay_saved(self):
        a, b = self.members(2)
        other = web(port=harness.free_port(), members=TOLD)["web"]
        f = self.forwarder(dict(web(members=TOLD), other=other), start=False)
        saved = lambda: {s["service"]: s["version"] for s in json.loads(f.read("state/members.json"))["sets"]}
        f.start(ready=False)
        harness.wait_for(lambda: self.tell(f, told([b], 7, service="other")), 60)
        self.assertTrue(f.request(**told([a], 41))["ok"])
        f._wait_ready(60)
        f.stop()
        self.assertEqual(saved(), {"web": 41, "other": 7})
        f.start(ready=False)
        harness.wait_for(lambda: self.tell(f, told([a], 42)), 60)
        f.stop()
        self.assertEqual(saved(), {"web": 42, "other": 7})
        f.configure(web(members=TOLD))
        f.start()
        f.configure(dict(web(members=TOLD), other=other))
        f.reload()
        self.assertEqual({m["service"] for m in f.request(command="members")["result"]["members"]}, {"web", "other"})

    def test_a_service_that_comes_back(self):
        """By reloads: an older set than it had is refused, though its service was not there meanwhile."""
        a, b = self.members(2)
        other = web(port=harness.free_port(), members=TOLD)["web"]
        f = self.forwarder(dict(web(members=TOLD), other=other), start=False)
        f.start(ready=False)
        harness.wait_for(lambda: self.tell(f, told([b], 41, service="other")), 60)
        self.assertTrue(f.request(**told([a], 7))["ok"])
        f._wait_ready(60)
        for between in (web(members=TOLD), dict(web(members=TOLD), other=dict(other, members=[a.place]))):
            f.configure(between)
            f.reload()
            self.assertTrue(f.request(**told([a], 8))["ok"])
            f.configure(dict(web(members=TOLD), other=other))
            f.reload()
            self.assertEqual(f.request(**told([a], 40, service="other"))["code"], "invalid")
            self.assertEqual([m["key"] for m in f.request(command="members", service="other")["result"]["members"]],
                             ["web/ams/b"])
        self.assertTrue(f.request(**told([a], 42, service="other"))["ok"])

    def test_a_file_that_cannot_be_read(self):
        a, = self.members(1)
        f = self.forwarder(web(members=TOLD), start=False)
        for text in ("nonsense", "[]", '{"sets": [7]}', '{"sets": [{"service": "web", "version": 1, '
                     '"members": [{"key": "k"}]}]}', '{"sets": [{"service": "gone", "version": 1, '
                     '"members": []}]}'):
            f.write("state/members.json", text)
            f.start()
            self.assertEqual(f.members_of(), {})
            self.assertTrue(f.request(**told([a], 1))["ok"])
            f.wait_for(lambda: f.members_of(), 60)
            self.assertEqual(f.ask(), "a")
            f.stop()


if __name__ == "__main__":
    harness.main()
