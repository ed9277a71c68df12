# SPDX-License-Identifier: Apache-2.0
"""What a new process of loadstar-l4 has of the one that it replaces, once clients come: members of flows of datagrams,
connections and tokens of clients, sessions that are told."""
import itertools
import os
import socket
import time

import harness
import test_l4_replace
from l4_world import web
from test_l4_kinds import Echo
from test_l4_told import TOLD, told


class Datagrams(test_l4_replace.TestCase):

    def echoes(self, n):
        members = [Echo("abcdefgh"[i]) for i in range(n)]
        for m in members:
            self.addCleanup(m.close)
        return members

    def client(self, f):
        c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(c.close)
        c.connect(("127.0.0.1", f.port))
        c.settimeout(2)
        return c

    asked = itertools.count()

    def ask(self, c, tries=30):
        """The member that answers just this; a busy machine may lose one."""
        for _ in range(tries):
            text = b"%d" % next(self.asked)
            try:
                c.send(text)
                while True:
                    name, echo = c.recv(2048).split(b" ")
                    if echo == text:
                        return name.decode()
            except (socket.timeout, ConnectionRefusedError):
                continue
        raise AssertionError("no answer")

    def forwarder(self, *args, **kw):
        f = super().forwarder(*args, **kw)
        self.addCleanup(f.ctl, "stop", "--now", check=False) # flows are not waited for
        return f

    def service(self, members, n, **more):
        return {"dns": dict({"listen": ["127.0.0.1:{port}"], "protocol": "udp", "members": [m.place for m in members],
                             "idle_timeout": "10m", "limits": {"connections": n}}, **more)}


class Flows(Datagrams):
    """Each client's go on with the member that they had."""

    def keeps(self, balance, workers=2):
        """As many flows as the service may have: those that go on are none too many."""
        members = self.echoes(5)
        f = self.forwarder(self.service(members, 40, balance=balance), workers=workers)
        clients = [self.client(f) for _ in range(40)]
        had = [self.ask(c) for c in clients]
        self.assertGreater(len(set(had)), 2)
        for _ in range(2):
            self.replace(f)
            self.assertEqual([self.ask(c) for c in clients], had)
        self.replace(f)
        self.replace(f) # what nobody has gone on with is handed on, too; in another order, to get what is their own
        self.assertEqual([self.ask(c) for c in reversed(clients)], had[::-1])
        return f, members, clients, had

    def test_round_robin(self):
        self.keeps("round_robin")

    def test_least_conn(self):
        self.keeps("least_conn")

    def test_maglev(self):
        self.keeps("maglev")

    def test_random2_and_down(self):
        """A member that is down since, or whose time is up, gets nothing."""
        f, members, clients, had = self.keeps("random2")
        gone = [m for m in members if m.name == had[0]][0]
        f.ctl("set", f"dns/{gone.place}", "down")
        self.replace(f)
        for c, name in zip(clients, had):
            answer = self.ask(c)
            self.assertEqual(answer == name, name != gone.name)

    def test_workers_that_change(self):
        """Whichever worker a client comes to."""
        members = self.echoes(5)
        f = self.forwarder(self.service(members, 40, balance="random2"), workers=2)
        clients = [self.client(f) for _ in range(40)]
        had = [self.ask(c) for c in clients]
        for workers in (3, 1, 2):
            f.head = f.head.replace(f"workers: {f.ctl_json('status')['workers']}", f"workers: {workers}")
            f.configure(self.service(members, 40, balance="random2"))
            self.replace(f)
            self.assertEqual([self.ask(c) for c in clients], had)
            self.assertEqual(self.sockets_at(f), 3) # the third one stays

    def sockets_at(self, f):
        """How many sockets at its address the process has, each of which the kernel deals out to."""
        inodes = set()
        with open("/proc/net/udp") as file:
            for line in file.readlines()[1:]:
                words = line.split()
                if words[1].endswith(":%04X" % f.port):
                    inodes.add(f"socket:[{words[9]}]")
        links = set()
        for number in os.listdir(f"/proc/{f.process.pid}/fd"):
            try:
                links.add(os.readlink(f"/proc/{f.process.pid}/fd/{number}"))
            except FileNotFoundError:
                pass # closed since
        return len(inodes & links)

    def test_one_that_is_drained_for_good(self):
        """A member that a list has no more keeps its flows for their drain time, in the next process as well."""
        members = self.echoes(2)
        f = self.forwarder(self.service(members, 40, balance="round_robin"))
        clients = [self.client(f) for _ in range(8)]
        had = [self.ask(c) for c in clients]
        self.assertEqual(set(had), {"a", "b"})
        f.configure(self.service(members[:1], 40, balance="round_robin"))
        f.reload()
        self.assertEqual([self.ask(c) for c in clients], had)
        self.replace(f)
        self.assertEqual([self.ask(c) for c in clients], had)
        self.assertEqual({self.ask(self.client(f)) for _ in range(8)}, {"a"})

    def test_those_that_go_on_take_no_token(self):
        """They were let in once, and count once: there is room for one more."""
        limits = {"connections": 4, "per_source": 4, "new_per_second": 3}
        f = self.forwarder(self.service(self.echoes(2), 40, balance="round_robin", limits=limits))
        clients = [self.client(f) for _ in range(3)]
        had = [self.ask(c) for c in clients]
        for _ in range(2):
            self.replace(f)
            self.assertEqual([self.ask(c) for c in clients], had)
            results = f.ctl_json("services")["services"][0]["results"]
            self.assertEqual((results["ok"], results["limited"], results["source_limited"]), (3, 0, 0))
        self.assertIn(self.ask(self.client(f)), "ab")

    def test_idle_ones_are_forgotten(self):
        members = self.echoes(2)
        f = self.forwarder(self.service(members, 40, balance="round_robin", idle_timeout="1s"))
        self.ask(self.client(f))
        self.replace(f)
        f.wait_for(lambda: f.ctl_json("status")["replaced"] == [], 30)
        f.wait_for(lambda: f.request(command="members", service="dns")["result"]["members"][0]["active"] == 0, 30)


READY = """\
import array, os, signal, socket
link = socket.socket(fileno=int(os.environ["LOADSTAR_L4_LINK"]))
link.shutdown(socket.SHUT_RD) # hears nothing any more
fd = os.memfd_create("packet")
os.write(fd, b'{"what": "ready"}')
os.lseek(fd, 0, os.SEEK_SET)
link.sendmsg([b"\\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
signal.pause()
"""


class Taken_back(Datagrams):
    """A new process that is gone when it should go."""

    def test_the_old_one_goes_on(self):
        a, = self.members(1)
        echoes = self.echoes(2)
        f = self.forwarder(dict(web(members=[a]), dns=dict(self.service(echoes, 40, balance="round_robin")["dns"],
                                                           listen=["127.0.0.1:{port}"])))
        clients = [self.client(f) for _ in range(6)]
        had = [self.ask(c) for c in clients]
        lines, good = self.hold(f), os.readlink(f.program)
        for _ in range(2):
            f.install(f"exec /usr/bin/python3 {f.write('ready.py', READY)} </dev/null\n")
            f._drain_notify()
            done = f.ctl("replace", check=False)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn("does not listen any more", done.stderr)
            self.assertIn(f"MAINPID={f.process.pid}", self.last_of_the_manager(f))
            self.assertEqual([self.ask(c) for c in clients], had)
            self.assertIn(self.ask(self.client(f)), "ab")
            self.assertEqual({f.ask() for _ in range(8)}, {"a"}) # of both workers
            self.assertEqual(self.say(lines), "a again\n")
        os.unlink(f.program)
        os.symlink(good, f.program)
        self.replace(f)
        self.assertEqual([self.ask(c) for c in clients], had)
        self.assertEqual(f.ask(), "a")

    def last_of_the_manager(self, f):
        f.notify.settimeout(30)
        heard = [f.notify.recv(4096).decode() for _ in range(2)] # the new one, and this one again
        return heard[-1]


class Clients(test_l4_replace.TestCase):
    def hold_soon(self, f):
        """Once what has just been closed is over there, too."""
        return f.wait_for(lambda: self.try_to_hold(f), 30)

    def try_to_hold(self, f):
        try:
            return self.hold(f)
        except (OSError, AssertionError): # not let in
            return None

    def is_let_in(self, f, source="127.0.0.1"):
        try:
            with socket.create_connection((f.address, f.port), 30, (source, 0)) as s:
                s.sendall(b"hello\n")
                return s.makefile().readline() == "a hello\n"
        except OSError:
            return False

    def test_connections_of_a_client(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a], limits={"connections": 100, "per_source": 3}))
        held = [self.hold(f), self.hold(f)]
        self.replace(f)
        held.append(self.hold(f))
        self.assertFalse(self.is_let_in(f))
        self.assertTrue(self.is_let_in(f, "127.0.0.2"))
        self.replace(f)
        self.assertFalse(self.is_let_in(f)) # two are in the first one, one in the second
        held.pop(0).hang_up()
        held.append(self.hold_soon(f))
        self.assertFalse(self.is_let_in(f))
        for lines in held:
            lines.hang_up()
        f.wait_for(lambda: f.ctl_json("status")["replaced"] == [], 30)
        held = [self.hold_soon(f) for _ in range(3)] # each was counted once, and is over once
        self.assertFalse(self.is_let_in(f))

    def test_a_process_that_ends_at_once(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a], limits={"connections": 100, "per_source": 1}))
        self.hold(f)
        old = self.replace(f)
        self.assertFalse(self.is_let_in(f))
        old.kill()
        old.wait(30)
        f.wait_for(lambda: self.is_let_in(f), 30)

    def test_tokens_of_a_second(self):
        """At most those of the time that it took, and a second's, whichever process took them."""
        a, = self.members(1)
        for limit in ("new_per_second", "per_source_new"):
            f = self.forwarder(web(members=[a], limits={"connections": 1000, limit: 20}))
            began, n = time.monotonic(), 0
            for _ in range(3):
                end = time.monotonic() + 20 # a slow machine would never take more than there are
                while time.monotonic() < end and self.is_let_in(f):
                    n += 1
                self.replace(f)
            self.assertLessEqual(n, 20 * (time.monotonic() - began + 1) + 1, limit)


class Sessions(test_l4_replace.TestCase):
    def test_those_of_both_are_told(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=TOLD, balance="round_robin"), workers=1, start=False)
        f.start(ready=False)
        with harness.wait_for(lambda: self.try_control(f), 30) as c:
            self.assertTrue(c.ask(**told([a, b], 1))["ok"])
        f._wait_ready(30)
        held = [self.hold(f) for _ in range(2)]
        self.replace(f)
        held.append(self.hold(f))
        with f.control() as c:
            self.assertTrue(c.ask(**told([a, b], 2, a={"state": "drain"}))["ok"])
            self.await_sessions(c, 3)
            held.pop(0).hang_up()
            self.await_sessions(c, 2)
            for lines in held:
                lines.hang_up()
            self.await_sessions(c, 0)

    def try_control(self, f):
        try:
            return f.control()
        except OSError:
            return None

    def await_sessions(self, c, n):
        while sum(m["active"] for m in c.event("sessions")["members"]) != n:
            pass


if __name__ == "__main__":
    harness.main()
