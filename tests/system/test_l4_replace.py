# SPDX-License-Identifier: Apache-2.0
"""loadstar-l4 replaced by the program on disk while it forwards: nothing is refused or cut, what was
told and counted goes on, and a new process that cannot take over changes nothing."""
import json
import os
import random
import signal
import socket
import threading
import time

import harness
import l4_world
from l4_world import web
from test_l4_life import Load
from test_l4_told import TOLD, told
from test_process import rights

REPLACEMENTS = int(os.environ.get("L4_REPLACEMENTS", 5)) # 50 in contrib/test.sh soak
POOLS = """\
sites: {ams: {}}
checks:
  alive: {type: tcp, interval: 2s, timeout: 2s, rise: 1, fall: 2}
pools:
  web:
    checks: [alive]
    sites:
      ams: [{address: 127.0.0.1, port: %d, name: a}, {address: 127.0.0.1, port: %d, name: b}]
"""


def parent_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


class Forwarder(l4_world.Forwarder):
    """Started by a link to the program, so that a test can put another one in its place."""

    def command(self, *args):
        real = super().command(*args)
        self.program = os.path.join(self.dir, "program")
        if not os.path.lexists(self.program):
            os.symlink(real[-len(args) - 1], self.program)
        return self.wrap + [self.program, *args]

    def install(self, script):
        """Another program."""
        path = self.write("stub", "#!/bin/sh\n" + script)
        os.chmod(path, 0o755)
        os.replace(path, self.program)


class TestCase(l4_world.TestCase):
    def forwarder(self, *args, start=True, **kw):
        f = Forwarder(*args, **kw)
        self._daemons().append(f)
        self.addCleanup(f.close)
        return f.start() if start else f

    def replace(self, f):
        """The old process; f has the new one then."""
        old = f.process
        for _ in range(10): # a busy machine may take longer than the 10 s that a new process has
            done = f.ctl("--json", "replace", check=False)
            if "was not ready after 10 s" not in done.stdout:
                break
        self.assertEqual(done.returncode, 0, done)
        reply = json.loads(done.stdout)
        self.assertEqual(reply["old_pid"], old.pid)
        self.assertNotEqual(reply["pid"], old.pid)
        f.process = l4_world.Process(reply["pid"])
        self.addCleanup(self.end, old)
        self.assertEqual(f.ctl_json("status")["pid"], f.process.pid)
        return old

    def end(self, process):
        if process.poll() is None:
            process.kill()
            process.wait(60)

    def hold(self, f, text="1\n", **kw):
        """A connection that has had an answer, as a file of lines."""
        s = f.connect(**kw)
        self.addCleanup(s.close)
        lines = s.makefile("rw", newline="\n")
        self.addCleanup(self.forget, lines)
        lines.hang_up = lambda: s.shutdown(socket.SHUT_RDWR)
        self.assertRegex(self.say(lines, text), "^[a-h] ")
        return lines

    def forget(self, lines):
        try:
            lines.close()
        except OSError:
            pass

    def is_cut(self, lines):
        try:
            return lines.readline() == ""
        except ConnectionResetError:
            return True

    def say(self, lines, text="again\n"):
        lines.write(text)
        lines.flush()
        return lines.readline()


class Replaced(TestCase):
    def test_under_load(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=[a, b]))
        f.metrics()
        held = [self.hold(f)]
        load, gone = Load(f), []
        for i in range(REPLACEMENTS):
            before = load.n_asked
            gone.append(self.replace(f))
            held.append(self.hold(f))
            f.reload()
            f.metrics()
            f.wait_for(lambda: load.n_asked > before + 20, 60)
        self.assertEqual(load.stop(), [])
        for lines in held:
            self.assertRegex(self.say(lines), "^[ab] again")
        status = f.ctl_json("status")
        self.assertEqual(status["problems"], [])
        elders = {e["pid"] for e in status["replaced"]}
        self.assertTrue({gone[0].pid} <= elders <= {p.pid for p in gone}, elders)
        text = f"process {gone[0].pid}, which was replaced, has 1 flow open"
        f.wait_for(lambda: text in f.ctl("status").stdout, 60) # what had just ended is told 50 ms later
        self.assertIsNone(gone[0].poll())
        for lines in held:
            lines.hang_up()
        for process in gone: # each with its last connection
            process.wait(60)
        f.wait_for(lambda: f.ctl_json("status")["replaced"] == [], 60)

    def test_the_manager_is_told(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        f._drain_notify()
        self.replace(f)
        f.notify.settimeout(30)
        seen = []
        while not any(b"READY=1" in m for m in seen):
            seen.append(f.notify.recv(4096))
        self.assertIn(f"MAINPID={f.process.pid}".encode(), seen[0])
        self.assertNotIn(b"STOPPING", b"".join(seen))

    def test_the_configuration_on_disk(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=[a]), workers=2)
        other = harness.free_port()
        services = web(members=[b])
        services["web"]["listen"] = [f"127.0.0.1:{f.port}", f"127.0.0.1:{other}"]
        for workers in (3, 1, 2):
            f.head = f.head.replace(f"workers: {f.ctl_json('status')['workers']}", f"workers: {workers}")
            f.configure(services)
            load = Load(f)
            self.replace(f)
            self.assertEqual({f.ask() for _ in range(20)}, {"b"})
            self.assertEqual({f.ask(port=other) for _ in range(20)}, {"b"})
            self.assertEqual(load.stop(), [])
            self.assertEqual(f.ctl_json("status")["workers"], workers)

    def test_an_address_that_is_gone_is_refused(self):
        a, = self.members(1)
        other = harness.free_port()
        services = web(members=[a])
        services["web"]["listen"] = [f"127.0.0.1:{f}" for f in ("{port}", other)]
        f = self.forwarder(services)
        self.hold(f)
        self.assertEqual(f.ask(port=other), "a")
        f.configure(web(members=[a]))
        old = self.replace(f)
        f.wait_for(lambda: self.is_refused(other), 60)
        self.assertIsNone(old.poll())

    def test_stops_with_what_it_replaced(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        lines = self.hold(f)
        old = self.replace(f)
        old.send_signal(signal.SIGTERM) # of a manager that means all: it drains already
        self.assertEqual(self.say(lines), "a again\n")
        f.process.send_signal(signal.SIGTERM)
        f.wait_for(lambda: "draining 1 flow" in f.log(), 60)
        f.wait_for(lambda: self.is_refused(f.port), 60)
        self.assertEqual(self.say(lines), "a again\n")
        f.ctl("stop", "--now")
        f.process.wait(60)
        old.wait(60)
        self.assertFalse(os.path.exists(f.socket))
        self.assertEqual(f.log().count("draining 1 flow"), 1) # the new one's

    def test_crashes_beside_what_it_replaced(self):
        """A manager restarts its own children, once nothing of the service is left."""
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        lines = self.hold(f)
        old = self.replace(f)
        pid = f.process.pid
        while pid > 1:
            pid = parent_of(pid)
            self.assertNotEqual(pid, old.pid)
        f.process.kill()
        f.wait_for(lambda: f"process {f.process.pid} has ended" in f.log(), 60)
        self.assertEqual(self.say(lines), "a again\n")
        old.send_signal(signal.SIGTERM)
        old.wait(60)

    def test_the_drain_time_ends_it(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a], drain={"timeout": "1s"}))
        lines = self.hold(f)
        old = self.replace(f)
        self.assertTrue(self.is_cut(lines))
        old.wait(60)

    def is_refused(self, port):
        try:
            socket.create_connection(("127.0.0.1", port), 60).close()
        except ConnectionRefusedError:
            return True
        return False


class Goes_on(TestCase):
    """A new process that cannot take over."""

    def refused(self, f, lines, words):
        done = f.ctl("replace", check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stderr, words)
        self.assertIn(f"this process ({f.process.pid}) goes on", done.stderr)
        self.assertEqual(f.ask(), "a")
        self.assertEqual(self.say(lines), "a again\n")
        status = f.ctl_json("status")
        self.assertEqual((status["pid"], status["state"], status["replaced"]),
                         (f.process.pid, "forwarding", []))

    def test_all_of_them(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        lines, good = self.hold(f), os.readlink(f.program)
        f.configure(web(members=[a], balance="best"))
        self.refused(f, lines, r"l4\.yaml:\d+:\d+: ")
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        f.configure(dict(web(members=[a]), other=web(port=taken.getsockname()[1], members=[a])["web"]))
        self.refused(f, lines, "cannot listen on")
        f.configure(web(members=[a]))
        for script, words in (("exit 7\n", "exit status 7"), ("kill -SEGV $$\n", "signal 11"),
                              ("exec sleep 600\n", "not ready after 10 s")):
            f.install(script)
            self.refused(f, lines, words)
        os.unlink(f.program)
        self.refused(f, lines, "no such file")
        os.symlink(good, f.program)
        self.replace(f)
        self.assertEqual(f.ask(), "a")
        self.assertEqual(self.say(lines), "a again\n")

    def test_a_right_that_cannot_be_handed_on(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to give it up")
        a, = self.members(1)
        f = self.forwarder(web(members=[a], transparent=True), main="user: nobody\n", start=False)
        for path, mode in ((f.dir, 0o777), (f.path, 0o644), (os.path.join(f.dir, "state"), 0o777)):
            os.chmod(path, mode)
        open(f.log_path, "a").close()
        f.start()
        done = f.ctl("replace", check=False)
        self.assertIn("a process that is replaced cannot hand that on unless it is root; restart it", done.stderr)
        self.assertEqual(f.ctl_json("status")["state"], "forwarding")

    def test_orders_wait_for_the_end(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        f.install("exec sleep 600\n")
        done = []
        t = threading.Thread(target=lambda: done.append(f.ctl("replace", check=False)))
        t.start()
        f.wait_for(lambda: "replace, by" in f.log(), 60)
        with f.control() as c: # which is quick: what hangs is waited for for 10 s
            for request in ({"command": "set", "target": f"web/{a.place}", "state": "drain"}, {"command": "reload"},
                            {"command": "replace"}):
                self.assertIn("is being replaced", c.ask(**request)["error"])
        f.process.send_signal(signal.SIGTERM) # also ends the one that hangs
        f.process.wait(60)
        t.join(60)
        self.assertIn("it is to stop", done[0].stderr)

    def processes(self, f):
        """Those that were started with this configuration."""
        found = set()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline") as file:
                    words = file.read().split("\0")
            except OSError:
                continue
            if f.path in words and "replace" not in words:
                found.add(int(pid))
        return found

    def one_that_hangs(self):
        """A forwarder, and a thread whose .done is what `replace` came to: the new one cannot write its first line."""
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        full = os.path.join(f.dir, "full")
        os.mkfifo(full)
        fd = os.open(full, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, fd)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(fd, b"x" * 4096)
        real = os.path.realpath(f.program)
        f.install(f'exec {real} "$@" 2>{full}\n')
        with open(f.path, "a") as file:
            file.write("nothing: 1\n")  # that there is a line
        def replace():
            t.done = f.ctl("replace", check=False)
        t = threading.Thread(target=replace)
        t.start()
        self.addCleanup(t.join)
        f.wait_for(lambda: len(self.processes(f)) == 3, 60)
        return f, t

    def test_nothing_is_left_of_one_that_hangs(self):
        """Of it, and of who stands between: nobody has heard from it."""
        f, _ = self.one_that_hangs()
        f.process.send_signal(signal.SIGTERM)
        f.process.wait(60)
        f.wait_for(lambda: not self.processes(f), 60)

    def test_one_that_is_ended_by_a_signal(self):
        """Who stands between ends as it did."""
        f, t = self.one_that_hangs()
        between = {parent_of(pid) for pid in self.processes(f)} & self.processes(f) - {f.process.pid}
        new, = (pid for pid in self.processes(f) if parent_of(pid) in between)
        os.kill(new, signal.SIGKILL)
        t.join(60)
        self.assertIn("the new one was ended by signal 9 (Killed)", t.done.stderr)
        self.assertEqual(self.processes(f), {f.process.pid})


class Handed_on(TestCase):
    def test_limits(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a], limits={"connections": 3}))
        held = [self.hold(f), self.hold(f)]
        self.replace(f)
        held.append(self.hold(f))
        self.assertFalse(self.is_let_in(f))
        self.replace(f)
        self.assertFalse(self.is_let_in(f))
        held[0].hang_up()
        f.wait_for(lambda: self.is_let_in(f), 60)

    def is_let_in(self, f):
        try:
            return f.ask() == "a"
        except OSError:
            return False

    def test_told_members(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=TOLD, on_down="reset"), start=False)
        f.start(ready=False)
        c = harness.wait_for(lambda: self.try_control(f), 60)
        self.assertTrue(c.ask(**told([a, b], 7, b={"state": "down"}))["ok"])
        f._wait_ready(60)
        lines = self.hold(f)
        first = self.replace(f)
        self.assertEqual({f.ask() for _ in range(6)}, {"a"}) # known at once
        self.assertEqual(f.request(command="members", service="web")["result"]["version"], 7)
        with self.assertRaises(ConnectionError):
            while True: # what was on its way, and then: whoever tells connects anew
                c.line()
        later = self.hold(f)
        self.replace(f)
        with f.control() as c:
            self.assertEqual(c.ask(**told([a, b], 6))["code"], "invalid")
            self.assertTrue(c.ask(**told([a, b], 8, a={"state": "down"}))["ok"])
            for old in (lines, later): # in both processes before
                self.assertTrue(self.is_cut(old))
            self.assertEqual({f.ask() for _ in range(6)}, {"b"})
        first.wait(60)

    def try_control(self, f):
        try:
            c = f.control()
        except OSError:
            return None
        self.addCleanup(c.close)
        return c

    def test_orders_of_lists(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=[a, b], drain={"timeout": "600s"}))
        f.ctl("set", f"web/{a.place}", "drain")
        f.ctl("weight", f"web/{b.place}", "7")
        self.replace(f)
        members = f.members_of()
        self.assertEqual((members[a.place]["state"], members[b.place]["weight"]), ("drain", 7))
        self.assertEqual({f.ask() for _ in range(6)}, {"b"})

    def test_pools_of_its_own(self):
        a, b = self.members(2)
        f = self.forwarder(web(members={"pool": "web"}), main="pools: pools.yaml\n",
                           files={"pools.yaml": POOLS % (a.port, b.port)})
        f.ctl("set", "web/ams/a", "drain")
        f.wait_for(lambda: {f.ask() for _ in range(4)} == {"b"}, 60)
        load = Load(f)
        lines = self.hold(f)
        self.replace(f)
        self.assertEqual({f.ask() for _ in range(6)}, {"b"})
        self.assertEqual(f.members_of()["web/ams/a"]["state"], "drain")
        self.assertEqual(load.stop(), [])
        f.ctl("set", "web/ams/a", "auto")
        f.wait_for(lambda: {f.ask() for _ in range(4)} == {"a", "b"}, 60)
        self.assertEqual(self.say(lines), "b again\n")

    def test_without_rights(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to give it up")
        a, = self.members(1)
        f = self.forwarder(web(members=[a], port=self.low_port()), main="user: nobody\n", start=False)
        f.port = self.low
        for path, mode in ((f.dir, 0o777), (f.path, 0o644), (os.path.join(f.dir, "state"), 0o777)):
            os.chmod(path, mode)
        open(f.log_path, "a").close()
        f.start()
        lines = self.hold(f)
        for _ in range(2):
            self.replace(f)
            self.assertEqual(f.ask(), "a")
            self.assertEqual(self.say(lines), "a again\n")
            with open(f"/proc/{f.process.pid}/status") as file:
                have = rights(file.read())
            self.assertEqual([have[k] for k in ("CapPrm", "CapEff", "CapAmb", "NoNewPrivs")], [0, 0, 0, 1])

    def low_port(self):
        """One that takes a right."""
        for self.low in random.sample(range(600, 1000), 400):
            with socket.socket() as s:
                try:
                    s.bind(("127.0.0.1", self.low))
                    return self.low
                except OSError:
                    continue
        self.skipTest("no port is free")


if __name__ == "__main__":
    harness.main()
