# SPDX-License-Identifier: Apache-2.0
"""One drain that goes all the way, with a real HAProxy and real clients: an order on a site takes its front out of DNS
at once; clients that cache the answer for its whole TTL still come, and are served; then the members get no new
sessions; then those there are end. No connection fails."""
import os
import shutil
import socket
import subprocess
import threading
import time
import unittest

import dns.rdatatype
import harness
from harness import wait_for

ZONE = """\
zone: example.test
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s}
records:
  "@": {NS: [ns1]}
  ns1: {A: 192.0.2.53}
  www: {POOL: front}
"""
POOLS = """\
sites:
  ams: {{location: [52.31, 4.76]}}
  iad: {{location: [38.9, -77.4]}}
pools:
  web:
    sites:
      ams: [{{name: a, address: 127.0.0.1, port: {a}}}, {{name: b, address: 127.0.0.1, port: {b}}}]
  front:
    ttl: {ttl}s
    steer: {{order: [ams, iad]}}
    sites:
      ams: [{{name: vip, address: 127.0.0.10, port: {front}}}]
      iad: [{{name: vip, address: 127.0.0.11, port: {front}}}]
"""
TIERS = """\
tiers:
  edge: {{type: haproxy, pool: web, site: ams, backend: be_web, adopt: true, socket: {dir}/haproxy.sock,
         behind: ["front/ams/*"], drain: {{timeout: 1m}}}}
"""
HAPROXY = """\
global
  stats socket {dir}/haproxy.sock level admin
defaults
  mode tcp
  timeout connect 2s
  timeout client 1m
  timeout server 1m
frontend fe
  bind 127.0.0.10:{front}
  default_backend be_web
backend be_web
  server ams-a 127.0.0.1:{a} weight 100
  server ams-b 127.0.0.1:{b} weight 100
"""
TTL = 4
MARGIN = 5  # that dns_wait has beside the TTL


class Echo:
    """Says who it is, then gives each line back, until the client ends."""

    def __init__(self, address, name):
        self.name, self.connections = name, 0
        self.listener = socket.create_server((address[0], address[1]), backlog=256)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rw") as file:
            try:
                file.write(self.name + "\n")
                file.flush()
                for line in file:
                    file.write(line)
                    file.flush()
            except OSError:
                pass

    def close(self):
        self.listener.close()


class Client(threading.Thread):
    """Asks, keeps the answer for all of its TTL, and goes by it to its last moment: again and again."""

    def __init__(self, d, port):
        super().__init__(daemon=True)
        self.d, self.port = d, port
        self.ended, self.failed, self.served = threading.Event(), [], []  # (when it began, by whom)

    def run(self):
        address, until = None, 0
        while not self.ended.is_set():
            if time.monotonic() >= until:
                asked = time.monotonic()  # it lives from the moment in which it was given, at the earliest
                answer = self.d.query("www.example.test").answer[0]
                address = answer[0].to_text()
                until = asked + answer.ttl
            self.connect(address)
            time.sleep(0.02)

    def connect(self, address):
        began = time.monotonic()
        try:
            with socket.create_connection((address, self.port), timeout=60) as s, s.makefile("rw") as file:
                name = file.readline().strip()
                file.write("hello\n")
                file.flush()
                if not name or file.readline() != "hello\n":
                    raise OSError("no answer")
                self.served.append((began, name))
        except OSError as e:
            self.failed.append((time.monotonic(), address, str(e)))


@unittest.skipUnless(shutil.which("haproxy") or os.path.exists("/usr/sbin/haproxy"), "haproxy is missing")
class Drain(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.ports = {name: harness.free_port() for name in ("a", "b", "front")}
        self.d = self.daemon(zones={"example.test.yaml": ZONE}, pools=POOLS.format(ttl=TTL, **self.ports), http=True,
                             main="tiers: tiers.yaml\n", start=False)
        self.d.write("tiers.yaml", TIERS.format(dir=self.d.dir))
        for name, address in (("a", ("127.0.0.1", self.ports["a"])), ("b", ("127.0.0.1", self.ports["b"])),
                              ("iad", ("127.0.0.11", self.ports["front"]))):
            echo = Echo(address, name)
            self.addCleanup(echo.close)
        path = self.d.write("haproxy.cfg", HAPROXY.format(dir=self.d.dir, **self.ports))
        self.haproxy = subprocess.Popen([shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", path],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.haproxy.wait)
        self.addCleanup(self.haproxy.kill)
        wait_for(lambda: os.path.exists(f"{self.d.dir}/haproxy.sock"), 60)
        self.d.start()
        wait_for(lambda: self.d.ctl_json("tiers")["tiers"][0]["state"] == "ok", 60)

    def states(self):
        members = self.d.ctl_json("tiers")["tiers"][0]["members"]
        return [m.get("observed", {}).get("state") for m in members]

    def clients(self, n):
        clients = [Client(self.d, self.ports["front"]) for _ in range(n)]
        for c in clients:
            c.start()
        self.addCleanup(lambda: [c.ended.set() for c in clients])
        wait_for(lambda: all(len(c.served) > 3 for c in clients), 60)
        return clients

    def test_a_site_is_emptied(self):
        clients = self.clients(8)
        # Somebody stays on: the drain is not over before.
        stays = socket.create_connection(("127.0.0.10", self.ports["front"]), timeout=60)
        self.addCleanup(stays.close)
        file = stays.makefile("rw")
        self.assertIn(file.readline().strip(), "ab")
        ordered = time.monotonic()
        process = subprocess.Popen(
            [harness.program("LOADSTARCTL", "loadstarctl"), "-s", self.d.socket, "set", "ams", "drain", "--wait=5m"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: self.d.addresses("www.example.test") == ["127.0.0.11"], 60)
        states = self.states()
        if time.monotonic() - ordered < TTL + MARGIN:
            self.assertEqual(states, ["ready", "ready"])
        wait_for(lambda: self.states() == ["drain", "drain"], 60)
        drained = time.monotonic()
        self.assertGreaterEqual(drained - ordered, TTL)  # nobody's answer was alive any more
        self.assertIsNone(process.poll())
        file.write("still\n")
        file.flush()
        self.assertEqual(file.readline(), "still\n")  # who is there, stays
        stays.shutdown(socket.SHUT_RDWR)
        file.close()
        stays.close()
        out, err = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 0, out + err)
        self.assertIn("drained: nothing is left", out)
        for c in clients:
            c.ended.set()
        for c in clients:
            c.join(120)
        self.assertEqual([f for c in clients for f in c.failed], [])
        old = [when for c in clients for when, name in c.served if name in ("a", "b") and when > ordered]
        self.assertTrue(old, "nobody came by an old answer: this has shown nothing")
        self.assertLess(max(old), drained)
        # It all comes back.
        self.d.ctl("set", "ams", "auto")
        wait_for(lambda: self.states() == ["ready", "ready"], 60)
        back = self.clients(2)
        wait_for(lambda: all(c.served[-1][1] in ("a", "b") for c in back), 60)
        self.assertEqual([f for c in back for f in c.failed], [])

    def test_one_member_is_emptied_at_once(self):
        clients = self.clients(4)
        began = time.monotonic()
        done = self.d.ctl("set", "web/ams/a", "drain", "--wait=5m", check=False, timeout=400)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertLess(time.monotonic() - began, 100)  # and not for the 5 min
        self.assertEqual(self.states(), ["drain", "ready"])
        since = time.monotonic()
        wait_for(lambda: all(c.served[-1][0] > since for c in clients), 60)
        self.assertEqual({name for c in clients for when, name in c.served if when > since}, {"b"})
        self.assertEqual([f for c in clients for f in c.failed], [])


if __name__ == "__main__":
    harness.main()
