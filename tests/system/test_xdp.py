#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""AF_XDP over a veth pair: the same answers as by sockets, everything else passed, and nothing left
behind however the daemon ends. Needs root and a kernel with AF_XDP; skipped where it lacks."""
import os
import pwd
import random
import re
import shutil
import socket
import struct
import sys
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode

import harness
import netns

ZONE = """$TTL 300
@ SOA ns1 hostmaster 1 3600 900 604800 300
@ NS ns1
ns1 A 10.98.0.1
www A 192.0.2.1
www AAAA 2001:db8::1
alias CNAME www
*.wild TXT "anything"
sub NS ns.sub
ns.sub A 192.0.2.9
dn DNAME www
""" + "".join(f"big TXT \"{i:03d} {'x' * 200}\"\n" for i in range(8)) + "".join(
    f"h{i} A 10.0.{i // 256}.{i % 256}\n" for i in range(500))

ZONES = {"example.test.zone": ZONE}


def fold(n):
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return n


class Xdp(harness.TestCase):
    def setUp(self):
        self.pair = netns.Pair(self)

    def start(self, xdp="interfaces: veth-s", server="", **kw):
        kw.setdefault("zones", ZONES)
        d = self.pair.daemon(server=f"xdp: {{{xdp}}}\n{server}", http=True, **kw)
        if "built without it" in d.log():
            self.skipTest("loadstard was built without AF_XDP")
        if "not permitted" in d.log():
            self.skipTest("the kernel lets us have no AF_XDP")
        return d

    def metrics(self, d):
        with self.pair.server:
            with urllib.request.urlopen(f"http://127.0.0.1:{d.http_port}/metrics", timeout=60) as reply:
                text = reply.read().decode()
        return {name: float(value) for name, value in
                re.findall(r"^loadstar_(\w+) ([\d.e+]+)$", text, re.M)}

    def ask(self, d, name="www.example.test", rdtype="A", **kw):
        with self.pair.client:
            return d.query(name, rdtype, **kw)

    def taken(self, d, ask):
        """How many frames AF_XDP and the UDP sockets received while ask() ran."""
        before = self.metrics(d)
        ask()
        after = self.metrics(d)
        return tuple(int(after[k] - before[k]) for k in ("xdp_received_total", "udp_received_total"))

    def expect_taken(self, d, by_xdp, by_sockets, ask):
        self.assertEqual(self.taken(d, ask), (by_xdp, by_sockets))

    def test_answers_in_each_mode(self):
        for mode, shown in (("auto", "copy"), ("copy", "copy"), ("generic", "generic")):
            with self.subTest(mode):
                d = self.start(f"interfaces: veth-s, mode: {mode}")
                self.assertIn(f"AF_XDP on veth-s: {shown}, 1 queue", d.log())

                def ask():
                    for address in ("10.98.0.1", "fd98::1"):
                        got = self.ask(d, address=address)
                        self.assertEqual(harness.rdata(got, "A"), ["192.0.2.1"])
                self.expect_taken(d, 2, 0, ask)
                self.expect_taken(d, 0, 0, lambda: self.assertEqual(
                    harness.rdata(self.ask(d, tcp=True), "A"), ["192.0.2.1"]))
                status = d.ctl_json("status")
                self.assertEqual(status["xdp"],
                                 [{"interface": "veth-s", "mode": shown, "queues": 1}])
                self.assertIn(f"veth-s {shown}, 1 queue", d.ctl("status").stdout)
                self.assertEqual(d.stop(), 0)
                self.assertFalse(self.pair.programs())

    def test_the_same_bytes_as_by_sockets(self):
        d = self.start(listen=["10.98.0.1:53", "127.0.0.1:53", "[fd98::1]:53", "[::1]:53"])
        rng = random.Random(1)
        names = ["www", "WwW", "alias", "a.wild", "x.y.sub", "nope", "big", "dn", "q.dn", "@", "h77"]
        total = 0
        for i in range(600):
            name = rng.choice(names)
            name = "example.test" if name == "@" else f"{name}.example.test"
            if rng.random() < 0.1:
                name = "elsewhere.invalid"
            kw = {}
            if rng.random() < 0.7:
                kw = dict(use_edns=0, payload=rng.choice([512, 900, 1232, 4096]),
                          want_dnssec=rng.random() < 0.3)
                if rng.random() < 0.5:
                    kw["options"] = [dns.edns.ECSOption("203.0.113.0", 24)]
            packet = dns.message.make_query(
                name, rng.choice(["A", "AAAA", "TXT", "NS", "SOA", "ANY", "MX"]), **kw).to_wire()
            if rng.random() < 0.1:
                at = rng.randrange(2, len(packet))
                packet = packet[:at] + bytes([rng.randrange(256)]) + packet[at + 1:]
            if packet[2] & 0x80:
                continue
            v6 = i % 2
            with self.pair.client:
                by_xdp = d.raw(packet, address="fd98::1" if v6 else "10.98.0.1")
            with self.pair.server:
                by_socket = d.raw(packet, address="::1" if v6 else "127.0.0.1")
            self.assertIsNotNone(by_xdp)
            self.assertEqual(by_xdp, by_socket)
            total += 1
        self.assertEqual(self.metrics(d)["xdp_sent_total"], total)

    def test_fragments_other_ports_and_tcp_take_the_usual_way(self):
        d = self.start(listen=["10.98.0.1:53"])
        long = dns.message.make_query("www.example.test", "A", use_edns=0, request_payload=65535,
                                      options=[dns.edns.GenericOption(12, b"\0" * 2000)])

        def fragments():
            with self.pair.client:
                self.assertIsNotNone(d.raw(long.to_wire(max_size=65535)))
        self.expect_taken(d, 0, 1, fragments)
        with self.pair.server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("10.98.0.1", 5353))
            other.settimeout(60)
            with self.pair.client, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.sendto(dns.message.make_query("www.example.test", "A").to_wire(),
                         ("10.98.0.1", 5353))
            self.assertGreater(len(other.recv(512)), 12)

    def frame(self, message, good=True):
        """A frame to the server with the whole UDP checksum, or one that is wrong."""
        mac = [bytes.fromhex(h.run("cat", f"/sys/class/net/{h.device}/address").strip()
                             .replace(":", "")) for h in (self.pair.server, self.pair.client)]
        source, to = socket.inet_aton("10.98.0.2"), socket.inet_aton("10.98.0.1")
        udp = struct.pack("!HHHH", 40000, 53, 8 + len(message), 0)
        summed = source + to + struct.pack("!HH", 17, 8 + len(message)) + udp + message
        summed += b"\0" * (len(summed) % 2)
        checksum = fold(sum(struct.unpack(f"!{len(summed) // 2}H", summed))) ^ 0xffff
        udp = udp[:6] + struct.pack("!H", checksum if good else checksum ^ 0x40)
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(message), 0, 0x4000, 64, 17, 0) + source + to
        ip = ip[:10] + struct.pack("!H", fold(sum(struct.unpack("!10H", ip))) ^ 0xffff) + ip[12:]
        return mac[0] + mac[1] + b"\x08\x00" + ip + udp + message

    def test_a_wrong_checksum_gets_no_answer(self):
        d = self.start()
        message = dns.message.make_query("www.example.test", "A").to_wire()
        good, bad = self.frame(message), self.frame(message, good=False)
        with self.pair.client:
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with s:
            s.bind(("veth-c", 0))
            before = self.metrics(d)
            s.send(bad)
            s.send(good)
            harness.wait_for(lambda: self.metrics(d)["xdp_sent_total"] ==
                             before["xdp_sent_total"] + 1, 60)
        after = self.metrics(d)
        self.assertEqual(after["xdp_invalid_total"] - before["xdp_invalid_total"], 1)
        self.assertEqual(after["xdp_received_total"] - before["xdp_received_total"], 2)

    def test_falls_back_to_sockets_and_says_why(self):
        d = self.start("interfaces: veth-s, mode: zero-copy")
        self.assertEqual(len(re.findall(r"loadstar.yaml:\d+:\d+: no AF_XDP on \w+.*"
                                        "the driver, or its settings", d.log())), 1, d.log())
        self.expect_taken(d, 0, 1, lambda: self.assertEqual(
            harness.rdata(self.ask(d), "A"), ["192.0.2.1"]))
        self.assertEqual(d.ctl_json("status")["xdp"], [])
        d.stop()
        self.assertFalse(self.pair.programs())

    def start_as_nobody(self, *rights):
        """Never root; with these capabilities alone."""
        d = self.start(start=False, listen=["10.98.0.1:5353"])
        for path in (d.dir, os.path.join(d.dir, "state")):
            os.chmod(path, 0o777)
        shutil.chown(os.path.join(d.dir, "api.token"), "nobody")
        caps = ",".join("+" + right for right in rights)
        d.wrap += ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
        if rights:
            d.wrap += [f"--inh-caps={caps}", f"--ambient-caps={caps}"]
        d.wrap += ["--no-new-privs"]
        return d.start()

    def test_says_that_it_lacks_the_rights(self):
        d = self.start_as_nobody()
        self.assertIn("no AF_XDP on veth-s: cannot attach to it: not permitted", d.log())
        self.expect_taken(d, 0, 1, lambda: self.ask(d, port=5353))

    def test_needs_no_more_than_three_capabilities(self):
        # ipc_lock stands for a limit of locked memory that is high enough.
        d = self.start_as_nobody("net_admin", "net_raw", "bpf", "ipc_lock")
        self.assertIn("AF_XDP on veth-s: copy", d.log())
        self.expect_taken(d, 1, 0, lambda: self.ask(d, port=5353))

    def test_several_queues(self):
        self.pair.server.run("ethtool", "-L", "veth-s", "rx", "2", "tx", "2")
        self.pair.client.run("ethtool", "-L", "veth-c", "rx", "2", "tx", "2")
        d = self.start()
        self.assertIn("AF_XDP on veth-s: copy, 2 queues", d.log())
        self.expect_taken(d, 200, 0, lambda: [self.ask(d) for _ in range(200)])

    def test_leaves_another_program_alone(self):
        first = self.start()
        second = self.pair.daemon(zones=ZONES, server="xdp: {interfaces: veth-s}",
                                  listen=["10.98.0.1:54"])
        self.assertIn("another XDP program or AF_XDP socket is on it", second.log())
        second.stop()
        self.expect_taken(first, 1, 0, lambda: self.ask(first))

    def test_nothing_stays_after_a_kill(self):
        for _ in range(3):
            d = self.start()
            self.assertTrue(self.pair.programs())
            self.expect_taken(d, 1, 0, lambda: self.ask(d))
            d.kill()
            harness.wait_for(lambda: not self.pair.programs(), 60)

    def is_silent(self, d, address):
        with self.pair.client:
            try:
                d.query("www.example.test", address=address, timeout=2)
            except (OSError, dns.exception.Timeout):
                return True
        return False

    def test_follows_this_hosts_addresses(self):
        d = self.start(listen=["0.0.0.0:53", "[::]:53"])
        for address in ("10.98.0.9", "fd98::9"):
            prefix = address + ("/64" if ":" in address else "/24")
            self.pair.server.add(prefix)
            harness.wait_for(lambda: self.taken(
                d, lambda: self.ask(d, address=address)) == (1, 0), 60)
            self.pair.server.remove(prefix)
            harness.wait_for(lambda: self.is_silent(d, address), 60) # once it has heard of it
            self.expect_taken(d, 1, 0, lambda: self.ask(d))

    def test_follows_a_reload_without_roots_rights(self):
        d = self.start(server="user: nobody", listen=["10.98.0.1:53"], start=False)
        os.chmod(d.dir, 0o777)
        os.chmod(os.path.join(d.dir, "state"), 0o777)
        os.chown(os.path.join(d.dir, "api.token"), pwd.getpwnam("nobody").pw_uid, -1)
        d.start()
        self.expect_taken(d, 1, 0, lambda: self.ask(d))
        text = d.read("loadstar.yaml")
        d.write("loadstar.yaml", text.replace("10.98.0.1:53", "10.98.0.1:5353"))
        d.reload()
        self.expect_taken(d, 1, 0, lambda: self.ask(d, port=5353))
        harness.wait_for(lambda: self.is_silent(d, "10.98.0.1"), 60)
        d.write("loadstar.yaml", d.read("loadstar.yaml").replace("xdp: {interfaces: veth-s}", ""))
        d.reload()
        self.assertIn("server.xdp takes effect at the next restart", d.log())
        self.expect_taken(d, 1, 0, lambda: self.ask(d, port=5353))

    def test_vlans(self):
        for host, number in ((self.pair.server, 1), (self.pair.client, 2)):
            try:
                host.run("ip", "link", "add", "link", host.device, "name", "v5", "type", "vlan",
                         "id", "5")
            except AssertionError as e:
                self.skipTest(f"no VLAN interface to be had: {e} (tests/unit/io/test_xdp.c sends "
                              "tagged frames)")
            host.run("ethtool", "-K", host.device, "txvlan", "off")
            host.run("ip", "addr", "add", f"10.97.0.{number}/24", "dev", "v5")
            host.run("ip", "link", "set", "v5", "up")
        d = self.start(listen=["10.98.0.1:53", "10.97.0.1:53"])
        self.expect_taken(d, 2, 0, lambda: (self.ask(d), self.ask(d, address="10.97.0.1")))


if __name__ == "__main__":
    harness.main()
