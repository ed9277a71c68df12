# SPDX-License-Identifier: Apache-2.0
"""`relay: sockhash`: connections that the kernel relays lose, mix and hold back nothing, whatever becomes of them."""
import ctypes
import hashlib
import os
import random
import re
import select
import socket
import struct
import threading
import time
import unittest

import harness
import l4_world
from l4_world import web

WARM = 12  # questions and answers after which the kernel relays
WINDOW = 65536
PATIENCE = 120  # seconds, for all of a sendall()


class Pair:
    """A client and a member of one connection, as sockets, with nothing between their bytes and the test's."""

    def __init__(self, test, forwarder, listener):
        self.client = forwarder.connect(timeout=PATIENCE)
        listener.settimeout(PATIENCE)
        self.member, _ = listener.accept()
        self.member.settimeout(PATIENCE)
        for s in (self.client, self.member):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            test.addCleanup(s.close)

    asked = 0

    def ask(self, question=b"question\n", answer=b"answer\n"):
        self.asked += 1
        self.client.sendall(question)
        assert take(self.member, len(question)) == question
        self.member.sendall(answer)
        assert take(self.client, len(answer)) == answer

    def warm(self):
        for _ in range(WARM):
            self.ask()
        return self


def take(s, n):
    """Exactly n bytes."""
    got = b""
    while len(got) < n:
        part = s.recv(min(n - len(got), 1 << 20))
        if not part:
            raise AssertionError(f"ended after {len(got)} of {n} bytes")
        got += part
    return got


def take_all(s):
    """Until the end."""
    parts = []
    while part := s.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def in_thread(what, *args):
    """Runs it beside; the result by .join_result()."""
    def run():
        try:
            thread.result = what(*args)
        except BaseException as e:  # told by who waits for it
            thread.result = e
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def result_of(test, thread):
    thread.join(2 * PATIENCE)
    test.assertFalse(thread.is_alive(), "it hangs")
    if isinstance(thread.result, BaseException):
        raise thread.result
    return thread.result


class Base(l4_world.TestCase):
    def setUp(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.addCleanup(self.listener.close)
        self.place = "127.0.0.1:%d" % self.listener.getsockname()[1]

    def hashed(self, **kw):
        """A forwarder with sockhash; or the test is skipped with what the forwarder says."""
        service = dict({"relay": "sockhash"}, **kw.pop("service", {}))
        f = self.forwarder(web(members=[self.place], **service), **kw)
        for problem in f.request(command="status")["result"]["problems"]:
            if "sockhash" in problem:
                self.skipTest(problem)
        return f

    def until(self, condition, _what):
        harness.wait_for(condition, 60)

    def flow(self, f, pair):
        """What `flows` says of a pair; None: nothing any more."""
        place = "%s:%d" % pair.client.getsockname()[:2]
        return next((x for x in f.request(command="flows")["result"]["flows"] if x["client"] == place), None)

    def in_kernel(self, f):
        return f.request(command="services")["result"]["services"][0]["in_kernel"]

    def look_at(self, pid):
        """A process that has taken over."""

    def pair(self, f):
        return Pair(self, f, self.listener)

    def warm(self, f):
        """Both sides have to be quiet for a moment: on a busy machine it may take some more."""
        pair = self.pair(f).warm()
        self.ask_until_relayed(f, pair)
        return pair

    def ask_until_relayed(self, f, pair):
        until = time.monotonic() + 60
        while self.flow(f, pair)["relay"] != "sockhash":
            self.assertLess(time.monotonic(), until, "the kernel does not relay: " + str(self.flow(f, pair)))
            pair.ask()

    def pid_of(self, f):
        """Of the process that answers; None between two."""
        try:
            return f.request(command="status")["result"]["pid"]
        except OSError:
            return None

    def replace_while_it_relays(self):
        """Connections of the old process go on in the kernel; the new one has the maps, without the rights."""
        f = self.hashed()
        old = self.warm(f)
        stop = threading.Event()
        asking = in_thread(self.keep_asking, old, stop)
        reply = f.request(command="replace")
        self.assertTrue(reply["ok"], reply)
        first, f.process = f.process, l4_world.Process(reply["result"]["pid"])
        self.addCleanup(first.wait, 30)
        self.addCleanup(first.kill)
        self.until(lambda: self.pid_of(f) == reply["result"]["pid"], "the new one answers")
        self.assertEqual(f.request(command="status")["result"]["problems"], [])
        self.look_at(reply["result"]["pid"])
        new = self.warm(f)
        self.until(lambda: self.in_kernel(f) == 1, "one is there")
        stop.set()
        self.assertGreater(result_of(self, asking), 0)
        new.ask()
        data = os.urandom(4 << 20)
        for p in (old, new):
            sender = in_thread(p.member.sendall, data)
            self.assertEqual(digest(take(p.client, len(data))), digest(data))
            result_of(self, sender)

    @staticmethod
    def keep_asking(pair, stop):
        n = 0
        while not stop.is_set():
            pair.ask()
            n += 1
        return n


class Test(Base):
    # ---- bytes ----

    def test_questions_and_answers_of_many_sizes(self):
        f = self.hashed()
        p = self.warm(f)
        rng = random.Random(56)
        for i in range(300):
            p.ask(rng.randbytes(rng.choice([1, 2, 100, 1000, 5000, 20000])),
                  rng.randbytes(rng.choice([1, 7, 500, 1448, 30000])))
        self.ask_until_relayed(f, p)  # the last large ones may have been more than a socket took
        self.assertEqual(self.in_kernel(f), 1)

    def test_bulk_of_both_ways_at_once(self):
        f = self.hashed()
        for _ in range(3):
            p = self.warm(f)
            up, down = os.urandom(6 << 20), os.urandom(9 << 20)
            threads = [in_thread(p.client.sendall, up), in_thread(p.member.sendall, down)]
            got = in_thread(take, p.member, len(up)), in_thread(take, p.client, len(down))
            self.assertEqual(digest(result_of(self, got[0])), digest(up))
            self.assertEqual(digest(result_of(self, got[1])), digest(down))
            for thread in threads:
                result_of(self, thread)
            p.ask()
        self.until(lambda: self.in_kernel(f) == 0, "none is left there")

    def test_full_stop_in_one_way_holds_nothing_of_the_other_up(self):
        """A client that sends all it has before it reads anything."""
        p = self.warm(self.hashed())
        down, up = os.urandom(32 << 20), os.urandom(24 << 20)
        sender = in_thread(p.member.sendall, down)
        receiver = in_thread(take, p.member, len(up))
        p.client.sendall(up)
        self.assertEqual(digest(result_of(self, receiver)), digest(up))
        self.assertEqual(digest(take(p.client, len(down))), digest(down))
        result_of(self, sender)

    def test_early_data(self):
        """What the client sends before there is a member comes first."""
        f = self.hashed()
        with f.connect() as c:
            c.sendall(b"early")
            self.listener.settimeout(30)
            member, _ = self.listener.accept()
            with member:
                self.assertEqual(take(member, 5), b"early")

    def test_a_byte_at_a_time(self):
        p = self.warm(self.hashed())
        data = os.urandom(3 << 20)
        sender = in_thread(p.member.sendall, data)
        got = b"".join(p.client.recv(1) for _ in range(3000))
        got += take(p.client, len(data) - len(got))
        self.assertEqual(digest(got), digest(data))
        result_of(self, sender)

    def test_urgent_data(self):
        """It comes in its place."""
        p = self.warm(self.hashed())
        p.member.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        p.client.sendall(b"before ")
        p.client.send(b"!", socket.MSG_OOB)
        p.client.sendall(b" behind")
        self.assertEqual(take(p.member, 15), b"before ! behind")
        p.ask()

    def test_random_life(self):
        """Sizes, pauses, readers that stop for a while, both ways, and at last an end of each way."""
        f = self.hashed()
        for seed in range(6):
            p = self.warm(f)
            rng = random.Random(seed)
            data = [b"".join(rng.randbytes(rng.choice([1, 50, 900, 9000, 70000])) for _ in range(400)) for _ in range(2)]
            threads = []
            for s, out, other, rest in ((p.client, data[0], p.member, data[1]), (p.member, data[1], p.client, data[0])):
                threads.append(in_thread(self.dribble, s, out, random.Random(seed * 2 + (s is p.client))))
                threads.append(in_thread(self.sip, s, random.Random(seed * 3 + (s is p.client))))
            for i, thread in enumerate(threads):
                got = result_of(self, thread)
                if i % 2:
                    self.assertEqual(digest(got), digest(data[1 if i == 1 else 0]), f"seed {seed}, {i}")

    @staticmethod
    def dribble(s, data, rng):
        at = 0
        while at < len(data):
            n = rng.choice([1, 100, 2000, 60000, 200000])
            s.sendall(data[at:at + n])
            at += n
            if rng.random() < 0.05:
                time.sleep(0.005)
        s.shutdown(socket.SHUT_WR)

    @staticmethod
    def sip(s, rng):
        parts = []
        while part := s.recv(rng.choice([1, 100, 5000, 1 << 18])):
            parts.append(part)
            if rng.random() < 0.02:
                time.sleep(0.02)
        return b"".join(parts)

    # ---- memory ----

    def test_reader_that_stops(self):
        """The sender is stopped as well; what the kernel holds is bounded; nothing is lost."""
        f = self.hashed()
        p = self.warm(f)
        data = os.urandom(64 << 20)
        p.member.setblocking(False)
        sent, until = 0, time.monotonic() + 60
        while sent < len(data) and select.select([], [p.member], [], 3)[1] and time.monotonic() < until:
            try:
                sent += p.member.send(data[sent:sent + (1 << 20)])
            except BlockingIOError:
                continue
        self.assertLess(sent, len(data), "the kernel takes without end")
        got = in_thread(take, p.client, len(data))
        p.member.settimeout(PATIENCE)
        p.member.sendall(data[sent:])
        self.assertEqual(digest(result_of(self, got)), digest(data))

    # ---- ends ----

    def test_half_close_both_ways(self):
        f = self.hashed()
        for first in ("client", "member"):
            p = self.warm(f)
            a, b = (p.client, p.member) if first == "client" else (p.member, p.client)
            a.sendall(b"last words")
            a.shutdown(socket.SHUT_WR)
            self.assertEqual(take_all(b), b"last words")
            answer = os.urandom(1 << 20)
            sender = in_thread(b.sendall, answer)
            self.assertEqual(digest(take(a, len(answer))), digest(answer))
            result_of(self, sender)
            b.shutdown(socket.SHUT_WR)
            self.assertEqual(a.recv(1), b"")
        self.until(lambda: f.request(command="flows")["result"]["total"] == 0, "both have ended")

    def test_end_right_behind_bytes(self):
        """Much, and the end at once: all of it comes before the end."""
        f = self.hashed()
        for size in [1, 1000, WINDOW - 1, WINDOW, WINDOW + 1, 300000, 3 << 20] * 3:
            p = self.warm(f)
            data = os.urandom(size)
            got = in_thread(take_all, p.client)
            p.member.sendall(data)
            p.member.close()
            self.assertEqual(digest(result_of(self, got)), digest(data))
            p.client.close()

    def test_reset_both_ways(self):
        f = self.hashed()
        for first in ("client", "member"):
            p = self.warm(f)
            a, b = (p.client, p.member) if first == "client" else (p.member, p.client)
            a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            a.close()
            with self.assertRaises(ConnectionResetError):
                b.recv(1)
        self.until(lambda: f.request(command="flows")["result"]["total"] == 0, "both have ended")
        self.until(lambda: self.in_kernel(f) == 0, "none is left there")

    def test_bytes_before_a_reset(self):
        f = self.hashed()
        p = self.warm(f)
        p.member.sendall(b"still to come")
        self.assertEqual(take(p.client, 13), b"still to come")
        p.member.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        p.member.close()
        with self.assertRaises(ConnectionResetError):
            p.client.recv(1)

    def test_idle(self):
        """Traffic that user space does not see keeps a connection; its end ends it."""
        f = self.hashed(service={"idle_timeout": "5s"})
        p = self.warm(f)
        until = time.monotonic() + 12
        while time.monotonic() < until:
            p.ask()
            time.sleep(0.1)
        self.until(lambda: self.in_kernel(f) == 1 or self.flow(f, p) is None, "it is there still")
        self.assertEqual(p.client.recv(1), b"")
        self.until(lambda: self.in_kernel(f) == 0, "none is left there")

    # ---- what is told ----

    def test_bytes_are_counted(self):
        f = self.hashed()
        p = self.warm(f)
        for _ in range(100):
            p.ask(b"q" * 100, b"a" * 5000)
        p.asked -= 100
        up, down = p.asked * 9 + 100 * 100, p.asked * 7 + 100 * 5000
        said = lambda flow: (flow["bytes_in"], flow["bytes_out"], flow["relay"])
        self.until(lambda: said(self.flow(f, p)) == (up, down, "sockhash"), "the bytes of the kernel")
        bulk = os.urandom(2 << 20)
        sender = in_thread(p.member.sendall, bulk)
        take(p.client, len(bulk))
        result_of(self, sender)
        p.client.close()
        p.member.close()
        self.until(lambda: f.request(command="flows")["result"]["total"] == 0, "it has ended")
        want = {"in": up, "out": down + len(bulk)}
        self.until(lambda: {w: f.metrics()['loadstar_l4_bytes_total{service="web",direction="%s"}' % w]
                            for w in want} == want, "the bytes of its whole life")
        self.until(lambda: f.metrics()['loadstar_l4_in_kernel{service="web"}'] == 0, "none is left there")
        service = f.request(command="services")["result"]["services"][0]
        self.assertEqual((service["relay"], service["in_kernel"]), ("sockhash", 0))

    def entries(self, f):
        """Of each map of the process: {name: entries}, as bpftool would count them."""
        out = {}
        for fd in os.listdir(f"/proc/{f.process.pid}/fdinfo"):
            try:
                with open(f"/proc/{f.process.pid}/fdinfo/{fd}") as file:
                    found = re.search(r"map_id:\s*(\d+)", file.read())
            except FileNotFoundError:  # closed meanwhile
                continue
            if found:
                out[found[1]] = count_entries(int(found[1]))
        return out

    def test_entries_go_with_connections(self):
        f = self.hashed()
        kept = self.warm(f)
        for _ in range(60):
            p = self.pair(f).warm()
            p.client.close()
            p.member.close()
        self.until(lambda: self.in_kernel(f) == 1, "one is there")
        self.until(lambda: set(self.entries(f).values()) == {2}, "the entries of one pair in each of the maps")
        self.assertEqual(len(self.entries(f)), 4)
        kept.ask()

    # ---- members, and processes ----

    def test_member_that_is_left(self):
        f = self.hashed()
        p = self.warm(f)
        self.assertTrue(f.request(command="set", target=f"web/{self.place}", state="down")["ok"])
        p.ask()  # on_down: keep
        self.until(lambda: self.in_kernel(f) == 1, "it is there still")

    def test_stop_ends_them(self):
        f = self.hashed()
        p = self.warm(f)
        f.request(command="stop", now=True)
        with self.assertRaises(ConnectionResetError):
            while p.client.recv(1):
                pass

    def test_replaced_while_it_relays(self):
        self.replace_while_it_relays()


def count_entries(map_id):
    """By bpf(2): the keys of the map of that number."""
    libc = ctypes.CDLL(None, use_errno=True)

    def bpf(command, attr):
        attr = ctypes.create_string_buffer(attr.ljust(128, b"\0"))
        return libc.syscall({"x86_64": 321, "aarch64": 280}[os.uname().machine], command, attr, 128)
    fd = bpf(14, struct.pack("I", map_id))  # BPF_MAP_GET_FD_BY_ID
    if fd < 0:
        raise OSError(ctypes.get_errno(), "BPF_MAP_GET_FD_BY_ID")
    key, after, n = None, ctypes.create_string_buffer(8), 0
    while bpf(4, struct.pack("IxxxxQQ", fd, ctypes.addressof(key) if key else 0, ctypes.addressof(after))) == 0:
        n += 1  # BPF_MAP_GET_NEXT_KEY
        key = ctypes.create_string_buffer(after.raw, 8)
    os.close(fd)
    return n


DROP_IN = "bpf,+net_admin,+perfmon"  # contrib/systemd/l4-sockhash.conf


class AsTheDropIn(Base):
    """A user who has these capabilities at the start, and none from then on."""

    def hashed(self, **kw):
        if os.geteuid() != 0:
            self.skipTest("to give rights up takes root")
        f = self.forwarder(web(members=[self.place], relay="sockhash", **kw.pop("service", {})), start=False,
                           wrap=["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=-all,+" + DROP_IN,
                                 "--ambient-caps=-all,+" + DROP_IN, "--bounding-set=-all,+" + DROP_IN])
        os.chmod(f.dir, 0o777)
        os.chmod(os.path.join(f.dir, "state"), 0o777)
        os.chmod(f.path, 0o644)
        open(f.log_path, "a").close()
        f.start()
        for problem in f.request(command="status")["result"]["problems"]:
            if "sockhash" in problem:
                self.skipTest(problem)
        self.look_at(f.process.pid)
        return f

    def look_at(self, pid):
        for task in os.listdir(f"/proc/{pid}/task"):
            try:
                with open(f"/proc/{pid}/task/{task}/status") as file:
                    text = file.read()
            except (FileNotFoundError, ProcessLookupError):  # it has ended
                continue
            for of in ("Inh", "Prm", "Eff", "Amb"):
                self.assertRegex(text, rf"(?m)^Cap{of}:\t0+$")

    def test_rights_are_gone_and_maps_are_there(self):
        f = self.hashed()
        self.warm(f).ask()

    def test_replaced_while_it_relays(self):
        self.replace_while_it_relays()


class WithoutRights(l4_world.TestCase):
    def test_splice_instead(self):
        """It says so at the load, in `status` and in `services`; and forwards."""
        if os.geteuid() != 0:
            self.skipTest("to give rights up takes root")
        a = self.member("a")
        f = self.forwarder(web(members=[a], relay="sockhash"),
                           wrap=["setpriv", "--bounding-set=-bpf,-sys_admin", "--inh-caps=-all"])
        self.assertEqual(f.ask(), "a")
        problems = f.request(command="status")["result"]["problems"]
        self.assertEqual(len(problems), 1)
        self.assertRegex(problems[0], r"^web: relay sockhash is not to be had, it is splice instead: .*CAP_BPF")
        self.assertEqual(f.request(command="services")["result"]["services"][0]["relay"], "splice")
        self.assertRegex(f.log(), r"warning: .*relay sockhash is not to be had")

    def test_a_reload_says_that_it_takes_a_restart(self):
        a = self.member("a")
        f = self.forwarder(web(members=[a]))
        f.configure(web(members=[a], relay="sockhash"))
        self.assertTrue(f.request(command="reload")["ok"])
        self.assertIn("maps are made at a start", f.request(command="status")["result"]["problems"][0])
        self.assertEqual(f.ask(), "a")


if __name__ == "__main__":
    unittest.main()
