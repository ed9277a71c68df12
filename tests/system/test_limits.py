#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Spoofed floods between two network namespaces: what reaches the victims, counted on the wire, and who
is answered meanwhile; of ours, and of Knot with its rate limiting beside it. And limits and cookies as
operators see and set them. The floods need root and namespaces; skipped where there are none."""
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode

import harness
import netns
import peers

LONG = "a minute of floods"

ZONE = """$TTL 300
@ SOA ns1 hostmaster 1 3600 900 604800 300
@ NS ns1
ns1 A 10.98.0.1
www A 192.0.2.1
""" + "".join(f"big MX {i} mail-exchanger-number-{i}.example.net.\n" for i in range(20)) + "".join(
    f"mid AAAA 2001:db8::{i + 1:x}\n" for i in range(20))
ZONES = {"example.test.zone": ZONE}
COOKIE = 10
V4_VICTIMS = [("203.0.113.0/24", "big.example.test", "MX"), ("203.0.112.0/24", "nope.example.test", "A"),
              ("203.0.111.0/24", "mid.example.test", "AAAA")]
V6_VICTIMS = [("2001:db8:1:100::/56", "big.example.test", "MX")]
OWN = "203.0.113.77"          # in the first victim's network
OTHERS = ["198.51.100.10", "192.0.2.200"]
KNOT_RRL = """
mod-rrl:
  - id: default
    rate-limit: 200
    slip: 2
template:
  - id: default
    global-module: mod-rrl/default
"""


def packet(name, rdtype):
    return dns.message.make_query(name, rdtype, use_edns=0, payload=1232).to_wire()


# The defaults: what answers to a network may have more than their queries in 10 s, with the half of an allowed query
# that no truncated answer stands for, and the share of the others that is answered truncated.
ALLOWANCE, SLIP = 10 * 65536 * 1.05, 2


def seconds_of(bins):
    return [sum(bins[i:i + 10]) for i in range(len(bins) - 9)]


def is_steady(sent, received):
    """On a busy machine a flood pauses, or the server does, and has lost what came meanwhile: a network that has paused
    has some of its allowance back. Of what the server takes in, the truncated answers come back at least."""
    sent, received = seconds_of(sent), seconds_of(received)
    return min(sent) >= 0.8 * max(sent) and min(received) >= 0.8 * max(sent) / SLIP


def allowed(sent, steady):
    """No more than was sent; of a flood that is too thin for that to follow, on a busy machine, what the limit lets by:
    all of the allowance at once, and again what comes back of it meanwhile."""
    return max(sent, ALLOWANCE + sent / SLIP) if steady else sent + 2 * ALLOWANCE


def windows(bins, before=0):
    """Sums over any 10 s after the first second, and over so many tenths of a second before each."""
    return [sum(bins[i - before:i + 100]) for i in range(10, len(bins) - 99)]


def cookie_of(message):
    return next((bytes(o.data) for o in message.options if o.otype == COOKIE), None)


class Client(threading.Thread):
    """Asks, one question after another, from an address of the client host, until stopped."""

    def __init__(self, pair, source, port, ask):
        super().__init__()
        self.pair, self.source, self.port, self.ask = pair, source, port, ask
        self.asked = self.answered = 0
        self.stopping = False

    def run(self):
        self.pair.client._switch(f"/run/netns/{self.pair.client.name}")  # this thread, for good
        while not self.stopping:
            self.asked += 1
            try:
                self.answered += bool(self.ask(self.source, self.port))
            except (OSError, dns.exception.DNSException):
                pass
            time.sleep(0.02)

    def stop(self):
        self.stopping = True
        self.join()
        return self.asked, self.answered


def by_udp(source, port):
    query = dns.message.make_query("www.example.test", "A", use_edns=0)
    for last in (False, False, True):  # as resolvers do, when a socket was full
        try:
            reply = dns.query.udp(query, "10.98.0.1", port=port, source=source, timeout=3)
        except dns.exception.Timeout:
            if last:
                raise
            continue
        return reply.answer and not reply.flags & dns.flags.TC


def by_tcp(source, port):
    query = dns.message.make_query("big.example.test", "MX", use_edns=0)
    return dns.query.tcp(query, "10.98.0.1", port=port, source=source, timeout=30).answer


class WithCookie:
    """As a resolver does: takes the server's cookie from whatever has one, and asks again."""

    def __init__(self):
        self.cookie = os.urandom(8)

    def __call__(self, source, port):
        for _ in range(20):
            query = dns.message.make_query("big.example.test", "MX", use_edns=0, payload=1232,
                                           options=[dns.edns.GenericOption(COOKIE, self.cookie)])
            try:
                reply = dns.query.udp(query, "10.98.0.1", port=port, source=source, timeout=0.4)
            except dns.exception.Timeout:
                continue
            self.cookie = cookie_of(reply) or self.cookie
            if reply.rcode() != dns.rcode.BADCOOKIE:
                return reply.answer and not reply.flags & dns.flags.TC
        return False


class Flood(harness.TestCase):
    def setUp(self):
        self.flood = harness.built("tests/system/flood")
        self.pair = netns.Pair(self)
        self.pair.server.run("ip", "route", "add", "default", "via", "10.98.0.2")
        self.pair.server.run("ip", "-6", "route", "add", "default", "via", "fd98::2")
        for address in [OWN, *OTHERS]:
            self.pair.client.add(address + "/32")
        link = self.pair.server.run("ip", "link", "show", "veth-s")
        self.mac = re.search(r"link/ether ([0-9a-f:]{17})", link).group(1)

    def spoof(self, server, port, victims, seconds, rate):
        """Floods; returns {network: (sent, received)} in tenths of a second."""
        done = self.pair.client.run(self.flood, "veth-c", self.mac, server, str(port), str(seconds),
                                    str(rate), *(f"{n}={packet(q, t).hex()}" for n, q, t in victims))
        result = {}
        for line in done.splitlines():
            network, sent, received = line.split()
            result[network] = [[int(x) for x in bins.split(",")] for bins in (sent, received)]
        self.assertEqual(len(result), len(victims))
        return result

    def ratios(self, flood):
        return {network: max(r / s for s, r in zip(windows(sent), windows(received)))
                for network, (sent, received) in flood.items()}

    def assert_limited(self, flood):
        """What comes first in a window may answer what was sent in the tenth of a second before it."""
        for network, (sent, received) in flood.items():
            steady = is_steady(sent, received)
            for s, r in zip(windows(sent, before=1), windows(received)):
                self.assertLessEqual(r, allowed(s, steady), network)

    def flood_all(self, server, port, victims, clients=()):
        for c in clients:
            c.start()
        flood = self.spoof(server, port, victims, 12, 3000)
        answered = [c.stop() for c in clients]
        if port == 53:
            self.assert_limited(flood)
        return self.ratios(flood), answered

    def knot(self):
        binary = shutil.which("knotd", path=peers.SBIN)
        if binary is None:
            self.skipTest("knotd is missing: install knot")
        directory = os.path.join(self.pair_dir, "knot")
        os.makedirs(directory)
        with open(os.path.join(directory, "zone"), "w") as f:
            f.write(ZONE)
        with open(os.path.join(directory, "conf"), "w") as f:
            f.write(peers.KNOT_CONF.format(dir=directory, address="10.98.0.1", port=5300)
                    .replace("template:\n  - id: default\n", KNOT_RRL.lstrip("\n"))
                    .replace("    listen: 10.98.0.1@5300", "    listen: [10.98.0.1@5300, fd98::1@5300]")
                    + f"  - domain: example.test\n    file: {directory}/zone\n")
        log = open(os.path.join(directory, "log"), "w+")
        self.addCleanup(log.close)
        process = subprocess.Popen(["ip", "netns", "exec", self.pair.server.name, binary, "-c",
                                    os.path.join(directory, "conf")], stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)

        def answers():
            if process.poll() is not None:
                log.seek(0)
                raise AssertionError("knotd ended: " + log.read()[-2000:])
            try:
                with self.pair.client:
                    return by_udp("10.98.0.2", 5300)
            except (OSError, dns.exception.DNSException):
                return False
        harness.wait_for(answers, 60)

    def test_floods(self):
        d = self.pair.daemon(zones=ZONES)
        self.pair_dir = d.dir
        with self.pair.client:
            self.assertTrue(by_udp("10.98.0.2", 53))
        cookie = WithCookie()
        clients = [*(Client(self.pair, source, 53, by_udp) for source in OTHERS),
                   Client(self.pair, OWN, 53, by_tcp), Client(self.pair, OWN, 53, cookie)]
        ours, answered = self.flood_all("10.98.0.1", 53, V4_VICTIMS, clients)
        # Status and log say so while it goes on or just after.
        status = d.ctl_json("status")
        self.assertGreater(status["rate_limit"]["dropped"], 1000)
        self.assertTrue(any("203.0.113.0/24" in p["text"] for p in status["problems"]), status["problems"])
        self.assertRegex(d.log(), r"rate limit: .*203\.0\.11[123]\.0/24")
        ours.update(self.flood_all("fd98::1", 53, V6_VICTIMS)[0])
        self.knot()
        knot = self.flood_all("10.98.0.1", 5300, V4_VICTIMS)[0]
        knot.update(self.flood_all("fd98::1", 5300, V6_VICTIMS)[0])
        print("\nbytes at the victim for each that the spoofer sent, at most in any 10 s after the first:")
        for network, name, rdtype in V4_VICTIMS + V6_VICTIMS:
            print(f"  {network:22} {name} {rdtype:5} loadstar {ours[network]:6.2f}  knot {knot[network]:6.2f}")
        for c, (asked, got) in zip(clients, answered):
            print(f"  {c.source} {getattr(c.ask, '__name__', 'with_cookie')}: {got} of {asked} answered")
        for c, (asked, got) in zip(clients, answered):
            self.assertGreater(asked, 20)
            self.assertGreaterEqual(got, asked * 0.99, c.source)

    def test_off_and_log_only(self):
        """The same flood amplifies when told to let it: the meter can tell."""
        for setting in ("rate_limit: off", "rate_limit: {log_only: true}", "rate_limit: {exempt: 203.0.113.0/24}"):
            with self.subTest(setting):
                d = self.pair.daemon(zones=ZONES, server=setting)
                sent, received = self.spoof("10.98.0.1", 53, V4_VICTIMS[:1], 2, 1000)["203.0.113.0/24"]
                self.assertGreater(sum(received), 5 * sum(sent))
                limits = d.ctl_json("status")["rate_limit"]
                self.assertEqual(limits["dropped"] + limits["truncated"], 0)
                self.assertEqual(limits["would_drop"] > 100, "log_only" in setting)
                d.stop()


class Loopback(harness.TestCase):
    """Clients of this host: exempt unless listed."""

    def flood(self, d, n, **kw):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect((d.address, d.port))
            for i in range(n):
                s.send(packet("big.example.test", "MX"))
                if i % 16 == 15:
                    time.sleep(0.001)

    def flood_until(self, d, ended):
        while not ended.wait(0.1):
            self.flood(d, 500)

    def limited(self, d):
        return d.ctl_json("status")["rate_limit"]

    def test_exempt_unless_listed(self):
        d = self.daemon(zones=ZONES, server="rate_limit: {exempt: [192.0.2.0/24]}")
        self.flood(d, 1000)
        self.assertEqual(self.limited(d)["dropped"], 0)
        self.assertIn("exempt", d.ctl("explain", "www.example.test", "--client", "127.0.0.1").stdout)
        d.write("loadstar.yaml", d.read("loadstar.yaml").replace("exempt:", "include: [127.0.0.0/8], exempt:"))
        d.reload()
        ended = threading.Event()
        thread = threading.Thread(target=self.flood_until, args=(d, ended))
        self.addCleanup(thread.join)
        self.addCleanup(ended.set)
        thread.start()
        d.wait_for(lambda: self.limited(d)["dropped"] > 300, 60)
        d.wait_for(lambda: self.limited(d)["networks"], 60)
        text = d.ctl("status").stdout
        self.assertIn("127.0.0.0/24", text)
        self.assertIn("over its allowance",
                      d.ctl("explain", "www.example.test", "--client", "127.0.0.7").stdout)
        got = d.ctl_json("explain", "www.example.test", "--client", "127.0.0.7")["rate_limit"]
        self.assertEqual((got["network"], got["limited"]), ("127.0.0.0/24", True))
        ended.set()
        # TCP is answered as ever.
        self.assertEqual(len(d.query("big.example.test", "MX", tcp=True).answer[0]), 20)

    def test_cookies_of_two_nodes(self):
        """One secret file: the cookie of one is good at the other, through all steps of a change."""
        secrets = "active: " + "00" * 16 + "\n"
        nodes = [self.daemon(zones=ZONES, files={"cookies.yaml": secrets}, start=False,
                             server="cookies: {secrets: cookies.yaml}") for _ in range(2)]
        for d in nodes:
            os.chmod(os.path.join(d.dir, "cookies.yaml"), 0o600)
            d.start()

        def ask(d, cookie):
            return cookie_of(d.query("www.example.test", options=[dns.edns.GenericOption(COOKIE, cookie)]))

        def valid(d):
            text = d.ctl_json("status")["cookies"]
            return text["valid"]
        steps = ["active: {0}\n", "active: {0}\nnext: {1}\n", "active: {1}\nold: {0}\n", "active: {1}\n"]
        n = 0
        for before, after in zip(steps, steps[1:] + steps[-1:]):
            for a, b in (nodes, nodes[::-1]):
                cookie = ask(a, os.urandom(8))
                self.assertEqual(len(cookie), 24)
                was = valid(b)
                ask(b, cookie)
                b.wait_for(lambda: valid(b) == was + 1, 60)
            for i, d in enumerate(nodes):
                path = d.write("cookies.yaml", after.format("00" * 16, "11" * 16))
                os.chmod(path, 0o600)
                d.reload()
                if i == 0 and after != steps[-1]:
                    cookie = ask(nodes[0], os.urandom(8))
                    was = valid(nodes[1])
                    ask(nodes[1], cookie)
                    nodes[1].wait_for(lambda: valid(nodes[1]) == was + 1, 60)
                n += 1
        self.assertEqual(n, 8)

    def test_broken_secrets(self):
        d = self.daemon(zones=ZONES, files={"cookies.yaml": "active: " + "00" * 16 + "\n"}, start=False,
                        server="cookies: {secrets: cookies.yaml}")
        path = os.path.join(d.dir, "cookies.yaml")
        os.chmod(path, 0o600)
        d.start()
        for text, mode, said in (("active: 00\n", 0o600, "cookies.yaml:1:9: 'active' is no secret"),
                                 ("next: " + "00" * 16 + "\n", 0o600, "has no 'active'"),
                                 ("active: " + "00" * 16 + "\n", 0o644, "open to everybody")):
            d.write("cookies.yaml", text)
            os.chmod(path, mode)
            done = d.ctl("reload", check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(said, done.stdout + done.stderr)
            self.assertEqual(d.addresses("www.example.test"), ["192.0.2.1"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
