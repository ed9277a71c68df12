# SPDX-License-Identifier: Apache-2.0
"""When the checker's own network is gone: a server host and, behind a cable, its targets."""
import os
import shutil
import socket
import struct
import threading
import time
import unittest

import harness
import netns

LONG = "a minute of faults and of what comes after them"

NAME = "www.example.test"
ZONE = """\
zone: example.test
ttl: 1h
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s, serial: 1}
records:
  "@": {NS: [ns1]}
  ns1: {A: 192.0.2.53}
  www: {POOL: www}
"""
PORT = 8099
TARGETS = [f"10.98.1.{i}" for i in range(1, 6)], [f"10.98.2.{i}" for i in range(1, 6)]
POOLS = """\
sites: {{ams: {{location: [52, 4]}}, iad: {{location: [38, -77]}}}}
checks: {{c: {{type: tcp, port: {port}, interval: 1s, timeout: 900ms, fall: 3, rise: 1}}}}
pools:
  www:
    checks: [c]
    pick: all
    steer: all
    on_all_down: nodata
    sites: {{ams: [{ams}], iad: [{iad}]}}
""".format(port=PORT, ams=", ".join(TARGETS[0]), iad=", ".join(TARGETS[1]))
ALL = sorted(TARGETS[0] + TARGETS[1])
WAIT = 120


def listen(address):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, PORT))
    s.listen(128)
    return s


def checksum(data):
    n = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return ~n & 0xffff


class Doubt(harness.TestCase):
    def setUp(self):
        self.pair = netns.Pair(self)
        self.listeners = {}
        for address in ALL:
            self.pair.client.add(address + "/32")
        for net in ("10.98.1.0/24", "10.98.2.0/24"):
            self.pair.server.run("ip", "route", "add", net, "via", "10.98.0.2")
        with self.pair.client:
            for address in ALL:
                self.listeners[address] = listen(address)
        for s in self.listeners.values():
            self.addCleanup(s.close)
        self.d = self.pair.daemon(zones={"example.test.yaml": ZONE}, pools=POOLS)
        self.wait("up")

    def states(self):
        return {e["name"]: e["state"] for e in self.d.ctl_json("endpoints")["endpoints"]}

    def wait(self, state, of=ALL):
        self.d.wait_for(lambda: all(self.states()[a] == state for a in of), WAIT, step=0.1)

    def frozen(self):
        return self.d.ctl_json("status")["endpoints"]["frozen"]

    def answer(self):
        with self.pair.server:
            return self.d.addresses(NAME)

    def cable(self, up):
        self.pair.client.run("ip", "link", "set", "veth-c", "up" if up else "down")

    def assert_frozen(self):
        self.d.wait_for(lambda: self.frozen() == len(ALL), WAIT, step=0.1)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            self.assertEqual(self.answer(), ALL)
            time.sleep(0.05)  # well below the limit of answers for a client

    def test_cable_is_pulled(self):
        self.cable(up=False)
        self.assert_frozen()
        for command in ("pools", "sites", "endpoints"):
            self.assertIn("up, frozen", self.d.ctl(command).stdout, command)
        explained = self.d.ctl("explain", NAME).stdout
        self.assertIn("up, frozen", explained)
        self.assertIn("(frozen: the checker suspects itself)", " ".join(explained.split()))
        self.cable(up=True)
        self.d.wait_for(lambda: self.frozen() == 0, WAIT, step=0.1)
        self.assertEqual(self.answer(), ALL)
        self.assertNotIn(" down", self.d.ctl("events").stdout)

    def test_target_dies(self):
        dead = ALL[3]
        self.listeners[dead].close()
        self.wait("down", [dead])
        self.assertEqual(self.answer(), [a for a in ALL if a != dead])
        self.assertEqual(self.frozen(), 0)

    def test_start_without_the_cable(self):
        """From the saved states, and from none."""
        dead = ALL[0]
        self.listeners[dead].close()
        self.wait("down", [dead])
        saved = os.path.join(self.d.dir, "state", "health.json")
        for what in ("fresh", "none"):
            with self.subTest(what):
                self.d.stop()
                self.cable(up=False)
                if what == "none":
                    os.unlink(saved)
                self.d.start()
                self.d.wait_for(lambda: self.frozen() == len(ALL), WAIT, step=0.1)
                self.assertEqual(self.answer(), ALL[1:] if what == "fresh" else ALL)
                self.d.stop()  # what was saved is not forgotten by starts without a word
                self.d.start()
                self.d.wait_for(lambda: self.frozen() == len(ALL), WAIT, step=0.1)
                self.assertEqual(self.answer(), ALL[1:] if what == "fresh" else ALL)
                self.cable(up=True)
                self.d.wait_for(lambda: self.frozen() == 0, WAIT, step=0.1)
                self.wait("up", ALL[1:])
                self.wait("down", [dead])

    def test_no_route(self):
        """What we lack is no evidence: nothing is frozen, and nothing changes."""
        for net in ("10.98.1.0/24", "10.98.2.0/24"):
            self.pair.server.run("ip", "route", "del", net)
        self.d.wait_for(lambda: "no route from here" in self.d.ctl("endpoints").stdout, WAIT)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            self.assertEqual(self.answer(), ALL)
            time.sleep(0.05)  # well below the limit of answers for a client
        self.assertEqual(self.frozen(), 0)

    def refuse_by_icmp(self):
        """The targets' host is a router now, that answers with "port unreachable"."""
        client = self.pair.client
        for address in ALL:
            client.remove(address + "/32")
        client.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        client.run("ip", "route", "add", "blackhole", "10.98.0.0/16")
        with client:
            tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
            out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        tap.bind(("veth-c", 0x0800))
        ended = threading.Event()

        def run():
            tap.settimeout(0.1)
            while not ended.is_set():
                try:
                    packet, where = tap.recvfrom(2048)
                except OSError:
                    continue
                if packet[9] != socket.IPPROTO_TCP or socket.inet_ntoa(packet[16:20]) not in ALL:
                    continue
                body = struct.pack("!BBHI", 3, 3, 0, 0) + packet[:28]
                body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
                out.sendto(body, (socket.inet_ntoa(packet[12:16]), 0))

        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(lambda: (ended.set(), thread.join(), tap.close(), out.close()))

    def test_refused_by_icmp(self):
        self.refuse_by_icmp()
        self.assert_frozen()
        self.assertIn("connect refused by ICMP", self.d.ctl("endpoints").stdout)

    @unittest.skipUnless(shutil.which("iptables-legacy"), "no iptables")
    def test_refused_by_our_own_firewall(self):
        for how in ("tcp-reset", "icmp-port-unreachable", "icmp-admin-prohibited"):
            with self.subTest(how):
                rule = ["OUTPUT", "-p", "tcp", "--dport", str(PORT), "-j", "REJECT",
                        "--reject-with", how]
                try:
                    self.pair.server.run("iptables-legacy", "-A", *rule)
                except AssertionError as error:
                    self.skipTest(f"this kernel has no such rule: {error}")
                self.assert_frozen()
                why = self.d.ctl("endpoints").stdout
                if how == "tcp-reset":
                    self.assertIn("connect refused by this host", why)
                self.pair.server.run("iptables-legacy", "-D", *rule)
                self.d.wait_for(lambda: self.frozen() == 0, WAIT, step=0.1)
                self.wait("up")


if __name__ == "__main__":
    unittest.main()
