# SPDX-License-Identifier: Apache-2.0
"""A real nginx whose upstreams follow the state: with traffic through it nothing fails but what a
back end's death costs until it is found."""
import os
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import harness  # noqa: E402
import nginx_peer  # noqa: E402
from nginx_peer import PATIENCE, upstream_lines  # noqa: E402


class Nginx(nginx_peer.Case):

    def test_nothing_fails_on_drains_adds_and_restarts(self):
        self.begin(n=3)
        seen = set(self.clients.wait_for_more(60))
        self.assertEqual(seen, {"b0", "b1", "b2"})
        # A drain, and its end.
        self.d.ctl("set", "web/ams/b1", "drain")
        self.settled({0: "weight=100", 1: "down", 2: "weight=100"})
        self.d.wait_for(lambda: set(self.clients.wait_for_more(30)) == {"b0", "b2"}, PATIENCE)
        self.d.ctl("set", "web/ams/b1", "auto")
        self.settled({i: "weight=100" for i in range(3)})
        self.d.wait_for(lambda: "b1" in self.clients.wait_for_more(30), PATIENCE)
        # A weight.
        self.d.ctl("weight", "web/ams/b2", "0")
        self.settled({0: "weight=100", 1: "weight=100", 2: "down"})
        self.d.ctl("weight", "web/ams/b2", "auto")
        # Another endpoint.
        self.web.append(self.backend("127.0.0.5", body="b3"))
        self.d.write("pools.yaml", self.pools())
        self.d.reload()
        self.settled({i: "weight=100" for i in range(4)})
        self.d.wait_for(lambda: "b3" in self.clients.wait_for_more(30), PATIENCE)
        # Somebody else reloads nginx.
        reloads = self.nginx.reloads()
        self.nginx.process.send_signal(signal.SIGHUP)
        self.d.wait_for(lambda: self.nginx.reloads() > reloads, PATIENCE)
        self.clients.wait_for_more()
        self.assertEqual(self.clients.failures(), [])
        # Restarts of loadstard, in order and not: nginx is not told anything.
        reloads = self.nginx.reloads()
        for end in (self.d.stop, self.d.kill):
            end()
            self.clients.wait_for_more()
            self.d.start()
            self.settled({i: "weight=100" for i in range(4)})
        self.assertEqual(self.nginx.reloads(), reloads)
        self.assertEqual(self.clients.failures(), [])
        # nginx itself: what it reads is right.
        self.nginx.stop()
        self.nginx.start()
        at = time.monotonic()
        self.clients.wait_for_more()
        self.assertEqual(self.clients.failures(since=at), [])
        self.assertEqual(set(self.clients.wait_for_more(60)), {"b0", "b1", "b2", "b3"})

    def test_a_death_costs_until_it_is_found(self):
        self.begin(n=3)
        died = time.monotonic()
        self.web[0].refuse()
        self.settled({0: "down", 1: "weight=100", 2: "weight=100"})
        # A worker of before may still begin with what it had taken.
        self.d.wait_for(lambda: set(self.clients.wait_for_more(30)) == {"b1", "b2"}, PATIENCE)
        found = time.monotonic()
        failures = self.clients.failures()
        self.assertTrue(failures, "nothing failed though nginx sent clients to a dead back end")
        self.assertGreaterEqual(min(failures), died - 10)  # it began before that
        self.assertLess(max(failures), found + 2)
        self.web[0].ok()
        self.settled({i: "weight=100" for i in range(3)})
        self.assertEqual(self.clients.failures(since=found + 2), [])
        # All of them: never an empty upstream; serve_all is the pool's default.
        for b in self.web:
            b.refuse()
        self.d.wait_for(lambda: self.d.ctl("tiers", check=False).returncode == 0, PATIENCE)
        self.assertEqual(len(upstream_lines(self.nginx.file("web"))), 3)

    def test_reloads_of_two_tiers_are_one_in_two_seconds(self):
        self.begin(n=3, names=("web", "raw"))
        before, began = self.nginx.reloads(), time.monotonic()
        for i in range(30):
            self.d.ctl("weight", "web/ams/b0", str(1 + i % 7))
            time.sleep(0.1)
        self.d.ctl("weight", "web/ams/b0", "auto")
        for name in self.nginx.names:
            self.settled({i: "weight=100" for i in range(3)}, name)
        took, reloads = time.monotonic() - began, self.nginx.reloads() - before
        self.assertGreaterEqual(reloads, 1)
        self.assertLessEqual(reloads, took / 2 + 2)  # one may have been asked for before, and come late
        self.assertEqual(self.clients.failures(), [])

    def test_a_session_of_a_stream_outlives_its_drain(self):
        ends = threading.Event()
        listener = socket.create_server(("127.0.0.1", 0))

        def echo():
            while not ends.is_set():
                connection, _ = listener.accept()
                threading.Thread(target=self.echo_one, args=(connection,), daemon=True).start()
        threading.Thread(target=echo, daemon=True).start()
        self.addCleanup(listener.close)
        self.addCleanup(ends.set)
        echoer = type("Echoer", (), {})()
        echoer.address, echoer.port = listener.getsockname()
        other = self.backend("127.0.0.9")
        self.set_up(backends=[echoer, other], names=("web", "raw"), drain={"timeout": "60s"})
        self.d.start()
        self.d.wait_for(lambda: all(os.path.exists(self.nginx.file(n)) for n in self.nginx.names),
                        PATIENCE)
        self.nginx.start()
        self.settled({0: "weight=100", 1: "weight=100"}, "raw")
        self.d.ctl("set", "web/ams/b1", "drain")
        self.settled({0: "weight=100", 1: "down"}, "raw")
        session = socket.create_connection(("127.0.0.1", self.nginx.raw_port), timeout=60)
        self.addCleanup(session.close)

        def works():
            session.sendall(b"ping\n")
            return session.recv(64) == b"ping\n"

        def member():
            return next(m for m in self.state("raw")["members"] if m["port"] == echoer.port)
        self.d.wait_for(works, PATIENCE)
        self.d.wait_for(lambda: member()["observed"]["active"] == 1, PATIENCE, step=0.1)
        self.d.ctl("set", "web/ams/b1", "auto")
        self.d.ctl("set", "web/ams/b0", "drain")
        self.settled({0: "down", 1: "weight=100"}, "raw")
        self.d.wait_for(lambda: member()["drain"]["phase"] == "wait", PATIENCE, step=0.1)
        self.assertTrue(works())
        session.close()
        self.d.wait_for(lambda: member()["drain"]["phase"] == "done", PATIENCE, step=0.1)
        self.assertEqual(member()["observed"]["active"], 0)

    @staticmethod
    def echo_one(connection):
        with connection:
            try:
                while data := connection.recv(4096):
                    connection.sendall(data)
            except OSError:
                pass  # a probe that has seen enough


if __name__ == "__main__":
    harness.main()
