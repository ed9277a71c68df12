# SPDX-License-Identifier: Apache-2.0
"""Many TCP connections at once: all are held, all answer, the oldest idle makes room, and UDP goes on.

50,000 where the limit of open files can be had; as many as it allows (10,000 at most) everywhere."""
import os
import random
import resource
import select
import socket
import struct
import subprocess
import sys
import threading
import urllib.request

import dns.message

import harness

ALONE = "it takes files and memory for 50,000 connections"
MANY, SOME = 50000, 10000
SPARE = 300  # files beside the connections
SOURCES = 250
IP_BIND_ADDRESS_NO_PORT = 24
ZONE = """\
zone: example.test
ttl: 1h
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s}
records:
  "@": {NS: [ns1]}
  ns1: {A: 192.0.2.53}
  www: {A: 192.0.2.1}
"""


def allow_files(n):
    """Raises the limit of open files, for the daemon too; returns what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in ((n, max(n, hard)), (min(n, hard), hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            return limit[0]
        except (ValueError, PermissionError):
            pass
    return soft


class UdpLoad:
    """Asks by UDP, 32 at a time, until it is stopped; nothing may be lost."""

    def __init__(self, daemon):
        self.query = daemon.message("www.example.test").to_wire()[2:]
        self.where = (daemon.address, daemon.port)
        self.asked = self.answered = 0
        self.stopping = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(60)
            s.connect(self.where)
            while not self.stopping:
                ids = {self.asked + i & 0xffff for i in range(32)}
                for i in ids:
                    s.send(struct.pack("!H", i) + self.query)
                self.asked += len(ids)
                try:
                    while ids:
                        ids.discard(struct.unpack("!H", s.recv(512)[:2])[0])
                        self.answered += 1
                except socket.timeout:
                    return

    def stop(self):
        self.stopping = True
        self.thread.join()
        return self.asked, self.answered


class Many(harness.TestCase):
    def setUp(self):
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
        self.conns = []
        self.addCleanup(lambda: [s.close() for s in self.conns])

    def connect(self, i):
        s = socket.socket()
        self.conns.append(s)
        s.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        s.bind((f"127.2.0.{1 + i % SOURCES}", 0))
        s.settimeout(60)
        s.connect((self.d.address, self.d.port))
        return s

    def send(self, s):
        s.sendall(self.www)

    def expect(self, s):
        r = dns.message.from_wire(harness.read_framed(s))
        self.assertEqual(harness.rdata(r, "A"), ["192.0.2.1"])

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.d.http_port}/metrics") as r:
            for line in r.read().decode().splitlines():
                if line.startswith(f"loadstar_{name} "):
                    return int(float(line.split()[1]))
        self.fail(f"no metric {name}")

    def check(self, n, workers):
        self.d = self.daemon(zones={"example.test.yaml": ZONE}, http=True, workers=workers, server=(
            f"tcp: {{max_connections: {n}, max_per_client: {n}, idle_timeout: 1h}}"))
        self.assertNotIn("open files", self.d.log())
        wire = self.d.message("www.example.test").to_wire()
        self.www = struct.pack("!H", len(wire)) + wire
        udp = UdpLoad(self.d)
        try:
            for i in range(n):
                self.connect(i)
            self.d.wait_for(lambda: self.metric("tcp_connections") == n, 60)
            sample = random.sample(self.conns[1:], n // 50)
            for s in sample:
                self.send(s)
            for s in sample:
                self.expect(s)
            self.assertEqual(self.metric("tcp_limited_total"), 0)
            self.assertEqual(self.metric("tcp_idle_closed_total"), 0)
        finally:
            asked, answered = udp.stop()
        self.assertEqual(asked, answered, "UDP queries were lost meanwhile")
        self.assertGreater(asked, 100)
        self.one_more(n, set(map(id, sample)))

    def one_more(self, n, asked):
        """The oldest idle one, of the worker that accepts, makes room."""
        one = self.connect(0)
        self.send(one)
        self.expect(one)
        self.d.wait_for(lambda: self.metric("tcp_connections") == n, 60)
        self.d.wait_for(lambda: self.metric("tcp_idle_closed_total") == 1, 60)
        gone = self.d.wait_for(lambda: self.closed(self.conns[:-1]), 60)
        self.assertEqual(len(gone), 1)
        self.assertNotIn(id(gone[0]), asked)
        self.assertIn(gone[0], self.conns[:64], "not one of the oldest")

    @staticmethod
    def closed(conns):
        poll = select.poll()
        for s in conns:
            poll.register(s, select.POLLIN)
        by_fd = {s.fileno(): s for s in conns}
        return [by_fd[fd] for fd, _ in poll.poll(0)]

    def files_or_skip(self, n):
        got = allow_files(n + SPARE)
        if got < n + SPARE:
            self.skipTest(f"the limit of open files is {got}, and may not be raised to {n + SPARE}")

    def test_some(self):
        n = min(SOME, allow_files(SOME + SPARE) - SPARE)
        self.assertGreater(n, 500, "no limit of open files is as low as that")
        self.check(n, 2)

    def test_fifty_thousand(self):
        self.files_or_skip(MANY)
        self.check(MANY, 2)

    def test_fifty_thousand_on_one_machine(self):
        """Over three daemons, each with as many as the limit lets it have."""
        each = MANY // 3 + 1
        self.files_or_skip(each)
        daemons = []
        for i in range(3):
            d = self.daemon(zones={"example.test.yaml": ZONE}, workers=2, server=(
                f"tcp: {{max_connections: {each}, max_per_client: {each}, idle_timeout: 1h}}"))
            daemons.append(d)
        udp = UdpLoad(daemons[0])
        try:
            # In processes of their own, for the same limit.
            children = [self.holder(d.port, each) for d in daemons]
            for child in children:
                self.assertEqual(child.stdout.readline().strip(), f"{each} open", child.stderr)
            for child in children:
                out, _ = child.communicate("go\n", timeout=300)
                self.assertEqual(out.strip(), "500 answered")
        finally:
            asked, answered = udp.stop()
        self.assertEqual(asked, answered, "UDP queries were lost meanwhile")

    def holder(self, port, n):
        child = subprocess.Popen([sys.executable, os.path.abspath(__file__), "hold", str(port),
                                  str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child


def hold(port, n):
    """Opens n connections; asks by 500 of them, and ends, when stdin says so."""
    many = Many()
    many.conns = []
    many.d = type("Daemon", (), {"address": "127.0.0.1", "port": port})
    wire = dns.message.make_query("www.example.test", "A").to_wire()
    many.www = struct.pack("!H", len(wire)) + wire
    for i in range(n):
        many.connect(i)
    print(n, "open", flush=True)
    sys.stdin.readline()
    sample = random.sample(many.conns, 500)
    for s in sample:
        many.send(s)
    for s in sample:
        many.expect(s)
    print(len(sample), "answered", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["hold"]:
        hold(int(sys.argv[2]), int(sys.argv[3]))
    else:
        harness.main()
