# SPDX-License-Identifier: Apache-2.0
"""loadstar-l4 from start to stop: reloads under load, drains, rights, limits of files, and what the
service manager is told."""
import os
import random
import select
import shutil
import signal
import socket
import threading
import time

import harness
import l4_world
from l4_world import web
from test_l4_udp import Echo
from test_process import rights


class Load:
    """Clients that ask all the time, each question over a connection of its own."""

    def __init__(self, f, n=4):
        self.f, self.n_asked, self.failed = f, 0, []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(n)]
        for t in self.threads:
            t.start()

    def run(self):
        while not self.stopping.is_set():
            try:
                ok = self.f.ask() != ""
                why = "no answer"
            except OSError as e:
                ok, why = False, str(e)
            with self.lock:
                self.n_asked += 1
                if not ok:
                    self.failed.append(why)

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join(120)
        return self.failed


class Reloads(l4_world.TestCase):
    def test_under_load(self):
        a, b, c = self.members(3)
        f = self.forwarder(web(members=[a, b]))
        other = harness.free_port()
        load = Load(f)
        for i in range(5):
            services = web(members=[a, b] if i % 2 else [b, c])
            services["web"]["listen"] = [f"127.0.0.1:{f.port}"] + ([f"127.0.0.1:{other}"] if i % 2 == 0 else [])
            f.configure(services)
            before = load.n_asked
            f.hup() if i % 2 else f.reload()
            # A worker that waits for its turn has not heard of it yet.
            f.wait_for(lambda: {f.ask() for _ in range(40)} == ({"a", "b"} if i % 2 else {"b", "c"}), 60)
            f.wait_for(lambda: load.n_asked > before + 20, 60)
            if i % 2 == 0:
                self.assertIn(f.ask(port=other), ("b", "c"))
            else:
                f.wait_for(lambda: self.is_refused(other), 60)
        self.assertEqual(load.stop(), [])
        self.assertEqual(f.ctl_json("status")["reloads"], 5)

    def is_refused(self, port):
        try:
            socket.create_connection(("127.0.0.1", port), 60).close()
        except ConnectionRefusedError:
            return True
        return False

    def test_addresses_come_and_go(self):
        """Of TCP and UDP, from service to service, for some workers: each address is answered by whom it belongs to."""
        n, order = 6, random.Random(1)
        members = {"tcp": self.members(n), "udp": [Echo(f"u{i}") for i in range(n)]}
        for member in members["udp"]:
            self.addCleanup(member.close)
        places = [(protocol, harness.free_port()) for protocol in members for _ in range(n)]
        def given():
            """{place: service number}, and l4.yaml: of each protocol some addresses, some of which have changed hands."""
            whose = {place: order.randrange(n) for place in order.sample(places, 8)}
            services = {}
            for (protocol, port), i in whose.items():
                service = services.setdefault(f"{protocol}{i}", dict(
                    web(members=[members[protocol][i].place], limits={"connections": 99})["web"], listen=[], protocol=protocol))
                service["listen"].append(f"127.0.0.1:{port}")
            return whose, dict(order.sample(sorted(services.items()), len(services)))
        def answers(f, protocol, port):
            try:
                if protocol == "tcp":
                    return f.ask(port=port)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                    s.settimeout(1)
                    s.connect(("127.0.0.1", port))
                    s.send(b"x")
                    return s.recv(99).split()[0].decode()
            except OSError:
                return None
        for workers in (1, 3):
            whose, services = given()
            f = self.forwarder(services, workers=workers)
            for _ in range(12):
                for (protocol, port), i in whose.items():
                    # A worker that waits for its turn has not heard of a reload yet.
                    f.wait_for(lambda: answers(f, protocol, port) == members[protocol][i].name, 60)
                whose, services = given()
                f.configure(services)
                f.reload()
            f.stop()

    def test_flows_stay_while_addresses_come_and_go(self):
        class Tells(Echo):
            """A member that answers with the port that a flow comes from."""
            def _serve(self):
                while not self.stop:
                    if select.select([self.socket], [], [], 0.1)[0]:
                        client = self.socket.recvfrom(99)[1]
                        self.socket.sendto(b"%d" % client[1], client)
        order, member, n = random.Random(2), Tells("m"), 16
        self.addCleanup(member.close)
        ports = [harness.free_port() for _ in range(n)]
        def services(of):
            return {f"u{i}": dict(web(port=ports[i], members=[member.place])["web"], protocol="udp", idle_timeout="5m",
                                  drain={"timeout": "1s"}, limits={"connections": 99}) for i in of}
        f = self.forwarder(services(range(n)), workers=1)
        clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in ports]
        for client, port in zip(clients, ports):
            self.addCleanup(client.close)
            client.settimeout(1)
            client.connect(("127.0.0.1", port))
        def ask(client):
            """As resolvers do, again: a socket may be full, or the address new to its worker."""
            for _ in range(60):
                try:
                    client.send(b"x")
                    return client.recv(99)
                except (TimeoutError, ConnectionRefusedError):
                    time.sleep(0.01)
        before = {}
        for _ in range(15):
            these = order.sample(range(n), n // 2)
            f.configure(services(these))
            f.reload()
            now = {i: ask(clients[i]) for i in these}
            self.assertNotIn(None, now.values())
            for i in set(before) & set(now):
                self.assertEqual(now[i], before[i], i)
            before = now

    def test_open_connections_go_on(self):
        a, b = self.members(2)
        f = self.forwarder(web(members=[a]))
        with f.connect() as s:
            lines = s.makefile()
            s.sendall(b"1\n")
            self.assertEqual(lines.readline(), "a 1\n")
            f.configure(web(members=[b]))
            f.reload()
            f.wait_for(lambda: f.ask() == "b", 60)
            s.sendall(b"2\n")
            self.assertEqual(lines.readline(), "a 2\n")

    def test_a_mistake_changes_nothing(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        f.configure(web(members=[a], balance="best"))
        done = f.reload(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"l4\.yaml:\d+:\d+: ")
        self.assertEqual(f.ask(), "a")
        self.assertIn("last reload was refused", " ".join(f.ctl_json("status")["problems"]))
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        f.configure(dict(web(members=[a]), other=web(port=taken.getsockname()[1], members=[a])["web"]))
        done = f.reload(check=False)
        self.assertIn("cannot listen on", done.stderr)
        self.assertEqual(f.ask(), "a")
        f.configure(web(members=[a]))
        f.reload()
        self.assertEqual(f.ctl_json("status")["problems"], [])

    def test_what_needs_a_restart_is_said(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        f.head = f.head.replace("workers: 2", "workers: 3")
        f.configure(web(members=[a]))
        self.assertIn("workers takes effect at the next restart, or replace", f.reload().stdout)
        self.assertEqual(f.ctl_json("status")["workers"], 2)

    def test_metrics_move(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        f.metrics()
        before, after = f.metrics_port, harness.free_port()
        f.head = f.head.replace(str(before), str(after))
        f.configure(web(members=[a]))
        f.reload()
        f.metrics_port = after
        f.metrics()
        f.wait_for(lambda: self.is_refused(before), 60)


class Stops(l4_world.TestCase):
    def test_flows_end_first(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        with f.connect() as s, s.makefile() as lines:
            s.sendall(b"1\n")
            lines.readline()
            f.process.send_signal(signal.SIGTERM)
            f.wait_for(lambda: f.ctl_json("status")["state"] == "draining", 60)
            with self.assertRaises(OSError):
                while True: # until the socket is gone
                    socket.create_connection((f.address, f.port), 60).close()
                    time.sleep(0.02)
            s.sendall(b"2\n")
            self.assertEqual(lines.readline(), "a 2\n")
            self.assertIsNone(f.process.poll())
        self.assertEqual(f.process.wait(90), 0)

    def test_after_the_drain_time_they_are_closed(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a], drain={"timeout": "1s"}))
        with f.connect() as s:
            s.sendall(b"1\n")
            s.makefile().readline()
            self.assertEqual(f.stop(60), 0)

    def test_the_second_time_at_once(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        with f.connect() as s:
            s.sendall(b"1\n")
            s.makefile().readline()
            f.process.send_signal(signal.SIGTERM)
            f.wait_for(lambda: "draining 1 flow" in f.log(), 60)
            self.assertEqual(f.stop(), 0)

    def test_by_command(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]))
        with f.connect() as s:
            s.sendall(b"1\n")
            s.makefile().readline()
            self.assertIn("loadstar-l4", f.ctl("stop", "--now").stdout)
            self.assertEqual(f.process.wait(90), 0)


class Rights(l4_world.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to give it up")
        if not shutil.which("setpriv"):
            self.skipTest("needs setpriv")

    def world(self, main="", wrap=()):
        a, = self.members(1)
        f = self.forwarder(web(members=[a]), main=main, wrap=wrap, start=False)
        os.chmod(f.dir, 0o777)
        os.chmod(f.path, 0o644)
        os.chmod(os.path.join(f.dir, "state"), 0o777)
        open(f.log_path, "a").close()
        return f.start()

    def expect_nothing(self, f):
        tasks = f"/proc/{f.process.pid}/task"
        n = 0
        for task in os.listdir(tasks):
            try:
                with open(f"{tasks}/{task}/status") as file:
                    text = file.read()
            except (FileNotFoundError, ProcessLookupError):  # it has ended
                continue
            have = rights(text)
            with self.subTest(text.split("\n")[0]):
                for field in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                    self.assertEqual(have[field], 0, field)
                self.assertEqual(have["NoNewPrivs"], 1)
                self.assertNotIn("\nUid:\t0", text)
            n += 1
        self.assertGreaterEqual(n, 3)
        self.assertEqual(f.ask(), "a")

    def test_after_user(self):
        self.expect_nothing(self.world(main="user: nobody\n"))

    def test_as_the_unit_starts_it(self):
        words = "+net_bind_service"
        self.expect_nothing(self.world(wrap=[
            "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
            f"--inh-caps=-all,{words}", f"--ambient-caps=-all,{words}", f"--bounding-set=-all,{words}"]))

    def test_reloads_and_orders_need_none(self):
        f = self.world(main="user: nobody\n")
        f.reload()
        f.ctl("set", "web/*", "up")
        self.expect_nothing(f)


class Files(l4_world.TestCase):
    LIMIT = 2000

    def wrap(self):
        if not shutil.which("prlimit") or not shutil.which("setpriv"):
            self.skipTest("needs prlimit and setpriv")
        if os.geteuid() != 0:
            return ["prlimit", f"--nofile={self.LIMIT}:{self.LIMIT}"]
        return ["prlimit", f"--nofile={self.LIMIT}:{self.LIMIT}", "setpriv", "--reuid=nobody",
                "--regid=nogroup", "--clear-groups", "--inh-caps=-all"]

    def test_more_connections_than_files(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a], limits={"connections": 5000}), wrap=self.wrap(), start=False)
        os.chmod(f.dir, 0o777)
        os.chmod(os.path.join(f.dir, "state"), 0o777)
        open(f.log_path, "a").close()
        with self.assertRaises(AssertionError):
            f.start()
        self.assertRegex(f.log(), r"l4\.yaml:\d+:\d+: limits.connections .* need \d+ open files, .*"
                         r"may have 2000: .*\('web' has the highest, 5000\).*LimitNOFILE=")
        done = f.check()
        self.assertEqual(done.returncode, 0)
        self.assertIn("warning: limits.connections", done.stderr)
        f.configure(web(members=[a], limits={"connections": 100}))
        f.start()
        self.assertEqual(f.ask(), "a")
        f.configure(web(members=[a], limits={"connections": 5000}))
        self.assertEqual(f.reload(check=False).returncode, 1)
        self.assertEqual(f.ask(), "a")


if __name__ == "__main__":
    harness.main()
