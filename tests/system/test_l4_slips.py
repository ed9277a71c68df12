# SPDX-License-Identifier: Apache-2.0
"""Slips of who operates loadstar-l4: what --check, a start and a reload say of what this host has not got, and
what a second one is told that would share an address."""
import os
import re
import shutil

import harness
import l4_world
from l4_world import web


class TheHost(l4_world.TestCase):
    """Each is refused by --check, by a start and, where it is new there, by a reload, in the same words."""

    def refused(self, line, said, services=None):
        services = services or web(members=["127.0.0.1:1"])
        f = self.forwarder(services, start=False)
        f.write("pools.txt", "")
        f.head = f.head.replace("control: control.sock\n", line.replace("DIR", f.dir))
        f.configure(services)
        done = f.check()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, said)
        with self.assertRaises(AssertionError):
            f.start()
        self.assertRegex(f.log(), said)
        other = self.forwarder(services)
        other.head = other.head.replace("control: control.sock\n", line.replace("DIR", f.dir))
        other.configure(services)
        done = other.reload(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, said)

    def test_the_place_of_the_control_socket(self):
        for path, said in (
                ("no/such/c.sock", r"l4\.yaml:1:10: 'control': its directory '.*no/such' cannot be made: No such"),
                (".", r"l4\.yaml:1:10: 'control': '.*' is there and no socket, expected none or a socket"),
                ("DIR/pools.txt", r"l4\.yaml:1:10: 'control': '.*pools\.txt' is there and no socket"),
                ("DIR/pools.txt/c.sock", r"l4\.yaml:1:10: 'control': its directory '.*' cannot be used: Not a dir"),
                ("x" * 120, r"l4\.yaml:1:10: 'control' is a path of \d+ bytes, expected at most 107: ")):
            with self.subTest(path):
                self.refused(f"control: {path}\n", said)

    def test_the_longest_path(self):
        f = self.forwarder(web(members=["127.0.0.1:1"]), start=False)
        for length, code in ((107, 0), (108, 1)):
            name = "s" * (length - len(f.dir) - 1)
            f.head = re.sub("control: .*", f"control: {name}", f.head)
            f.configure(web(members=["127.0.0.1:1"]))
            self.assertEqual(f.check().returncode, code, f.check().stderr)

    def test_a_process_that_takes_over_is_handed_its_socket(self):
        """In a directory where its user could not make one."""
        if os.geteuid() != 0:
            self.skipTest("needs root, to become another user")
        a, = self.members(1)
        f = self.forwarder(web(members=[a]), main="user: nobody\n", start=False)
        os.chmod(f.dir, 0o755)
        os.chmod(os.path.join(f.dir, "state"), 0o777)
        program = shutil.copy(f.command()[0], f.dir)
        f.command = lambda *args: [program, *args]
        f.start()
        self.assertIn("forwards now", f.ctl("replace").stdout)
        self.assertEqual(f.ask(), "a")
        f.ctl("stop", "--now")

    def test_the_user(self):
        self.refused("user: nobodyatall\ncontrol: control.sock\n",
                     r"l4\.yaml:1:7: there is no user 'nobodyatall' on this machine, expected one to run as")

    def test_files_that_the_user_cannot_read(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to become another user")
        f = self.forwarder(web(members=["127.0.0.1:1"]), main="user: nobody\npools: pools.yaml\n", start=False,
                           files={"pools.yaml": "sites: {here: {}}\n"})
        os.chmod(f.dir, 0o755)
        os.chmod(os.path.join(f.dir, "state"), 0o777)
        self.assertEqual(f.check().returncode, 0, f.check().stderr)
        os.chmod(os.path.join(f.dir, "pools.yaml"), 0o600)
        done = f.check()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"l4\.yaml:\d+:8: cannot read '.*pools\.yaml': Permission denied")
        with self.assertRaises(AssertionError):
            f.start()
        self.assertIn("pools.yaml': Permission denied", f.log())


class Said(l4_world.TestCase):
    def test_warnings(self):
        f = self.forwarder(web(), main="log: {sample: 10}\n", start=False)
        f.configure({"tls": {"listen": ["127.0.0.1:{port}"], "limits": {"connections": 9},
                             "tls": {"sni": {"a.example": "p", "defualt": "p", "db": "p"}}}})
        done = f.check()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"l4\.yaml:\d+:\d+: warning: 'defualt' is the name of a host here, did you mean")
        self.assertRegex(done.stderr, r"l4\.yaml:\d+:15: warning: 'sample' has no effect: nothing is logged without")
        self.assertEqual(done.stderr.count("warning"), 2, done.stderr)

    def test_options_of_loadstard(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        done = f.ctl("set", f"web/{a.place}", "drain", "--wait", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn('set takes no argument "wait" of loadstar-l4, expected: target, state, for, reason, volatile',
                      done.stderr)
        done = f.ctl("stop", "--keep-announced", check=False)
        self.assertIn('stop takes no argument "keep_announced" of loadstar-l4, expected: now', done.stderr)
        self.assertEqual(f.members_of()[a.place]["state"], "up")

    def test_nobody_is_there(self):
        f = self.forwarder(web(members=["127.0.0.1:1"]), start=False)
        f.socket = f.path
        self.assertIn("l4.yaml: it is no socket; -s takes what is `control` in the configuration of loadstar-l4",
                      f.ctl("status", check=False).stderr)
        f.socket = os.path.join(f.dir, "no.sock")
        self.assertIn("no such file; is loadstar-l4 running?", f.ctl("status", check=False).stderr)


class TwoOfThem(l4_world.TestCase):
    """SO_REUSEPORT would have the kernel share out connections between them, unseen."""

    def second(self, services):
        f = self.forwarder(services, start=False)
        with self.assertRaises(AssertionError):
            f.start()
        return f

    def test_another_forwarder_has_the_address(self):
        a, = self.members(1)
        for protocol in ("tcp", "udp"):
            with self.subTest(protocol):
                first = self.forwarder(web(members=[a], protocol=protocol))
                second = self.second(web(port=first.port, members=[a], protocol=protocol))
                self.assertRegex(second.log(), rf"l4\.yaml:\d+:\d+: cannot listen on 127\.0\.0\.1:{first.port}: "
                                 r"(?i:address already in use)")

    def test_another_one_within_all_addresses(self):
        a, = self.members(1)
        first = self.forwarder(web(members=[a]))
        services = web(members=[a], listen=[f"0.0.0.0:{first.port}"])
        self.assertRegex(self.second(services).log(), rf"cannot listen on 0\.0\.0\.0:{first.port}: ")

    def test_its_own_may_lie_within_each_other(self):
        a, b = self.members(2)
        services = dict(web(members=[a]), all=dict(web(members=[b])["web"], listen=["0.0.0.0:{port}"]))
        f = self.forwarder(services)
        self.assertEqual(f.ask(), "a")
        f.stop()
        f.start()
        self.assertEqual(f.ask(), "a")

    def test_connections_of_before_do_not_hold_an_address(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        with f.connect() as s:
            s.sendall(b"x\n")
            self.assertTrue(s.makefile().readline())
            f.ctl("stop", "--now")
            f.process.wait(60)
            f.start()
            self.assertEqual(f.ask(), "a")


POOLS = """\
sites: {ams: {}}
pools: {web: {sites: {ams: [{address: 127.0.0.1, port: %d, name: a}]}}}
"""


class Orders(l4_world.TestCase):
    def world(self):
        """A service whose member is of a pool, and one that has a list."""
        a, b = self.members(2)
        services = dict(web(members={"pool": "web"}), api=web(port=harness.free_port(), members=[b])["web"])
        return b, self.forwarder(services, main="pools: pools.yaml\n", files={"pools.yaml": POOLS % a.port})

    def states(self, f):
        return {m["key"]: m["state"] for m in f.request(command="members")["result"]["members"]}

    def test_one_for_all_is_for_lists_and_pools(self):
        b, f = self.world()
        self.assertIn("* drain: 2 members", f.ctl("set", "*", "drain").stdout)
        f.wait_for(lambda: self.states(f) == {"web/ams/a": "drain", b.place: "drain"}, 60)
        self.assertIn("* auto: 2 members", f.ctl("set", "*", "auto").stdout)
        f.wait_for(lambda: self.states(f) == {"web/ams/a": "up", b.place: "up"}, 60)

    def test_each_is_for_its_own(self):
        b, f = self.world()
        for target, said in ((f"api/{b.place}", "drain: 1 member; in memory only"), ("api", "drain: 1 member"),
                             ("web/ams/a", "drain: 1 member"), ("web/*", "drain: 1 member"), ("ams", "drain: 1 member")):
            with self.subTest(target):
                self.assertIn(f"{target} {said}", f.ctl("set", target, "drain").stdout)
                self.assertIn(f"{target} auto: 1 member", f.ctl("set", target, "auto").stdout)
        self.assertIn("set ams auto, by ", f.log())
        f.ctl("set", "ams", "drain")
        order = re.findall(r"(@\d+): ams drain", f.log())[-1]
        self.assertIn(f"{order} auto: 1 member", f.ctl("set", order, "auto").stdout)

    def test_what_is_refused_is_not_logged_as_done(self):
        b, f = self.world()
        for target in ("nope", "web", "web/ams/x", "api/127.0.0.1:1", "@17", "anycast:x", "a//b"):
            with self.subTest(target):
                done = f.ctl("set", target, "drain", check=False)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, "matches no member, expected |is no target, expected |cannot be ordered that")
        self.assertNotIn("by root", f.log())

    def test_status_counts(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]), workers=1)
        self.assertIn("1 service, 1 of 1 member up, 0 flows open, 1 worker\n", f.ctl("status").stdout)


class Status(l4_world.TestCase):
    """What it says is what a reader takes in at a glance, however many services have it."""

    def problems(self, f):
        return f.ctl_json("status")["problems"]

    def test_a_member_that_is_down(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=[a, b]))
        f.ctl("set", f"web/{a.place}", "down")
        f.wait_for(lambda: self.problems(f) == ["web (1 of 2 down): members are down"], 60)
        f.ctl("set", f"web/{b.place}", "down")
        f.wait_for(lambda: self.problems(f) == ["web (2 of 2 down): no member is up: connections are refused"], 60)
        f.ctl("set", "*", "drain")
        f.wait_for(lambda: self.problems(f) == ["web (0 of 2 down): no member is up: connections are refused"], 60)
        f.ctl("set", "*", "auto")
        f.wait_for(lambda: self.problems(f) == [], 60)

    def test_many_services_of_one_cause(self):
        services = {f"s{i}": web(port=harness.free_port(), members={"pool": "p"})["web"] for i in range(5)}
        f = self.forwarder(services)
        f.wait_for(lambda: self.problems(f), 60)
        said = "no members: loadstard has told none (tier type l4), and none are saved"
        self.assertEqual(self.problems(f), [f"s0, s1, s2 and 2 more: {said}"])

    def test_a_reload_with_many_mistakes(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        f.configure(web(members=[a], balance="best", relay="none", protocol="tpc", idle_timeout="1", on_down="fly"))
        self.assertEqual(f.reload(check=False).returncode, 1)
        problem, = self.problems(f)
        self.assertRegex(problem, r"^the last reload was refused: (\S+l4\.yaml:\d+:\d+: [^;]+; ){3}and [12] more$")
        self.assertEqual(f.ctl("status").stdout.count("\n"), 4)


if __name__ == "__main__":
    harness.main()
