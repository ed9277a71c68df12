#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""IPVS in a real kernel: Debian's, in a guest under qemu, as the kernel of a test machine may have
none. ipvsadm plays everybody else."""
import os
import re
import sys
import unittest

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "guest"), os.path.join(here, "../system")]
import guest
import harness

LONG = "a guest that is emulated"

SCHEDULERS = ["ip_vs_" + name for name in "rr wrr lc wlc lblc sh mh".split()]
NETWORK = "veth bridge ipip ip_gre fou sctp sch_netem".split()

CONFIG = {
    "loadstar.yaml": """\
server:
  listen: ["127.0.0.1:53"]
  user: nobody
  state_dir: /var/lib/loadstar
  identity: guest
control: /run/loadstar/control.sock
pools: pools.yaml
tiers: tiers.yaml
zones: zones/
""",
    "zones/example.test.yaml": """\
zone: example.test
ttl: 1h
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s, serial: 1}
records:
  "@": {NS: [ns1]}
  ns1: {A: 192.0.2.53}
""",
    # b4 has no server. Weights in tiers: 50 100 50 50, the largest being 100.
    "pools.yaml": """\
sites: {ams: {}}
checks:
  up: {type: tcp, port: 8080, interval: 500ms, timeout: 500ms, rise: 1, fall: 3}
pools:
  web:
    ttl: 5s
    checks: [up]
    sites:
      ams:
        - {name: b1, address: 10.0.1.11, weight: 5}
        - {name: b2, address: 10.0.1.12, weight: 10}
        - {name: b3, address: 10.0.1.13, weight: 5}
        - {name: b4, address: 10.0.1.14, weight: 5}
  web6:
    ttl: 5s
    checks: [up]
    sites: {ams: ["2001:db8:1::11", "2001:db8:1::12", "2001:db8:1::14"]}
""",
    "tiers.yaml": """\
tiers:
  nat: {type: ipvs, pool: web, port: 8080, service: {address: 198.51.100.10, port: 80, scheduler: wrr},
        forward: nat, interval: 2s, drain: {timeout: 5m}}
  dr: {type: ipvs, pool: web, service: {address: 198.51.100.11, port: 80, scheduler: rr}, forward: dr,
       interval: 2s}
  ipip: {type: ipvs, pool: web, service: {address: 198.51.100.12, port: 80, scheduler: rr},
         forward: tunnel, interval: 2s}
  gue: {type: ipvs, pool: web, service: {address: 198.51.100.13, port: 80, scheduler: rr},
        forward: {tunnel: gue, port: 6080}, interval: 2s}
  gre: {type: ipvs, pool: web, service: {address: 198.51.100.14, port: 80, scheduler: rr},
        forward: {tunnel: gre}, interval: 2s}
  nat6: {type: ipvs, pool: web6, port: 8080, interval: 2s,
         service: {address: "2001:db8:ffff::10", port: 80, scheduler: wlc}}
  udp: {type: ipvs, pool: web, port: 5353, interval: 2s,
        service: {address: 198.51.100.10, port: 53, protocol: udp, scheduler: rr, persistence: 1m}}
  sctp: {type: ipvs, pool: web, interval: 2s,
         service: {address: 198.51.100.10, port: 2905, protocol: sctp, scheduler: rr}}
  mark: {type: ipvs, pool: web, port: 8080, interval: 2s, service: {fwmark: 10, scheduler: mh},
         forward: nat}
""",
}
N_TIERS = 9


class Driver(unittest.TestCase):
    """The driver through the interface that the engine uses (guest/ipvs_kernel.c)."""

    def test_against_the_kernel(self):
        program = harness.built("tests/interop/guest/ipvs_kernel")
        machine = guest.Guest()
        out = machine.run("ipvs_kernel", ["ip", "ipvsadm", (program, "usr/bin/ipvs_kernel")],
                          SCHEDULERS)
        self.assertRegex(out, r"(?m)^all shown$", out)
        self.assertNotIn("FAILED", out)
        print(f"{machine.seconds:.1f} s", *(line for line in out.splitlines() if " ms" in line))


def counts(text):
    """{"b1": 4, ...} of what `peer get` wrote."""
    return {name: int(n) for name, n in re.findall(r"^(\w+) (\d+)$", text, re.M)}


class Daemon(unittest.TestCase):
    """loadstard in the guest (guest/ipvs_daemon.sh), with back ends in namespaces of it."""

    @classmethod
    def setUpClass(cls):
        with open(os.path.join(here, "guest/ipvs_daemon.sh")) as file:
            script = file.read()
        programs = ["ip", "tc", "ipvsadm", "setpriv",
                    (harness.built("tests/interop/guest/peer"), "usr/bin/peer"),
                    (harness.program("LOADSTARD", "loadstard"), "usr/bin/loadstard"),
                    (harness.program("LOADSTARCTL", "loadstarctl"), "usr/bin/loadstarctl")]
        files = {f"etc/loadstar/{name}": text for name, text in CONFIG.items()}
        files["etc/passwd"] = "root:x:0:0::/:/bin/dash\nnobody:x:65534:65534::/:/bin/dash\n"
        files["etc/group"] = "root:x:0:\nnogroup:x:65534:\n"
        machine = guest.Guest()
        cls.text = machine.run(script, programs, SCHEDULERS + NETWORK, files)
        cls.said = guest.sections(cls.text)
        print(f"{machine.seconds:.1f} s")

    def section(self, name):
        self.assertIn(name, self.said, self.text[-6000:])
        text = self.said[name]
        self.assertNotIn("not within its time", text, text + self.said.get("log", "")[-3000:])
        return text

    def services(self, text):
        """{"TCP 198.51.100.10:80": {"10.0.1.11:8080": (forward, weight)}} of `ipvsadm -Ln`."""
        out, name = {}, None
        for line in text.splitlines():
            if head := re.match(r"(TCP|UDP|SCTP|FWM) +(\S+)", line):
                name = " ".join(head.groups())
                out[name] = {}
            elif dest := re.match(r"  -> (\S+) +(\w+) +(\d+) +(\d+) +(\d+)", line):
                out[name][dest[1]] = (dest[2], int(dest[3]))
        return out

    def test_as_configured(self):
        text = self.section("start")
        v4 = {n: w for n, w in zip(("11", "12", "13", "14"), (50, 100, 50, 0))}
        def dests(port, forward):
            return {f"10.0.1.{n}:{port}": (forward, w) for n, w in v4.items()}
        self.assertEqual(self.services(text), {
            "TCP 198.51.100.10:80": dests(8080, "Masq"),
            "TCP 198.51.100.11:80": dests(80, "Route"),
            "TCP 198.51.100.12:80": dests(80, "Tunnel"),
            "TCP 198.51.100.13:80": dests(80, "Tunnel"),
            "TCP 198.51.100.14:80": dests(80, "Tunnel"),
            "UDP 198.51.100.10:53": dests(5353, "Masq"),
            "SCTP 198.51.100.10:2905": dests(2905, "Masq"),
            "TCP [2001:db8:ffff::10]:80": {"[2001:db8:1::11]:8080": ("Masq", 100),
                                           "[2001:db8:1::12]:8080": ("Masq", 100),
                                           "[2001:db8:1::14]:8080": ("Masq", 0)},
            "FWM 10": dests(8080, "Masq")}, text)
        self.assertIn("UDP  198.51.100.10:53 rr persistent 60", text)
        self.assertIn(f"tiers: {N_TIERS} changed: {N_TIERS}\n", text)

    def test_document(self):
        self.assertEqual(self.section("document").split(), ["same", "same"], self.text[:4000])

    def test_rights(self):
        text = self.section("rights")
        self.assertRegex(text, r"Uid:\s+65534\s+65534\s+65534\s+65534")
        for effective in re.findall(r"^\s*([0-9a-f]{16})$", text, re.M):
            self.assertEqual(int(effective, 16) & ~(1 << 12 | 1 << 10), 0, text)

    def test_traffic_reaches_only_what_is_up(self):
        for way, n in dict(nat=24, dr=12, ipip=12, gue=12, gre=12, nat6=12).items():
            with self.subTest(way):
                seen = counts(self.section(way))
                self.assertEqual(sum(seen.values()), n, seen)
                self.assertEqual(set(seen), {"b1", "b2"} if way == "nat6" else {"b1", "b2", "b3"})
        self.assertEqual(counts(self.section("nat")), {"b1": 6, "b2": 12, "b3": 6})
        udp = counts(self.section("udp"))  # it persists
        self.assertEqual((len(udp), sum(udp.values())), (1, 12))
        self.assertNotIn("failed", udp)
        sctp = counts(self.section("sctp"))
        self.assertEqual((set(sctp) <= {"b1", "b2", "b3"}, sum(sctp.values())), (True, 6))

    def test_counted(self):
        self.assertRegex(self.section("counted"), r"-> 10\.0\.1\.12:8080 +12 +\d+ +\d+ +\d+ +\d+")

    def test_a_killed_back_end_leaves(self):
        text = self.section("kill")
        left_ms = int(re.search(r"left after (\d+) ms", text)[1])
        # Three failures, 500 ms apart; but a machine may be busy, and the guest is emulated.
        self.assertLess(left_ms, 15000, text)
        load = re.search(r"ok (\d+) failed (\d+) gap_ms (\d+)", text)
        self.assertGreater(int(load[1]), 20)
        self.assertLess(int(load[3]), left_ms + 5000, text)
        self.assertEqual(set(counts(text)), {"b2", "b3"})

    def test_a_drain_lets_connections_finish(self):
        text = self.section("drain")
        active = int(re.search(r"active before (\d+)", text)[1])
        self.assertGreater(active, 0)
        self.assertEqual(set(counts(text)), {"b1", "b3"}, text)
        self.assertIn(f"still there: weight 0 active {active}", text)
        held = self.section("drained")
        echoes = [int(n) for n in re.findall(r"^held b\d echoes (\d+)$", held, re.M)]
        self.assertEqual(len(echoes), 6, held)
        self.assertEqual(len(re.findall(r"^held b2", held, re.M)), active)
        self.assertGreater(min(echoes), 20, held)
        self.assertIn("removed", held)
        self.assertIn("back", self.section("undrained"))

    def test_a_restart_changes_nothing(self):
        for signal, status in ("TERM", 0), ("KILL", 137):
            with self.subTest(signal):
                text = self.section(f"restart {signal}")
                self.assertIn(f"ended {status}", text)
                load = re.search(r"ok (\d+) failed (\d+)", text)
                self.assertGreater(int(load[1]), 20)
                self.assertEqual(int(load[2]), 0, text)
                self.assertRegex(text, r"held b\d echoes \d\d+")
                self.assertIn("tables seen: 1\n", text)
                self.assertIn(f"tiers: {N_TIERS} changed: 0\n", text)

    def test_what_others_change_is_set_back(self):
        text = self.section("others")
        for what in ("weight reverted", "scheduler reverted", "stranger kept", "service back",
                     "all back"):
            self.assertIn(what, text)
        self.assertEqual(len(self.services(text)), N_TIERS)

    def test_a_slow_path(self):
        self.assertEqual(self.section("slow").split("\n")[:2], ["left", "came back"])

    def test_without_the_right(self):
        text = self.section("denied")
        self.assertIn("CAP_NET_ADMIN", text)
        self.assertIn("table untouched", text)


if __name__ == "__main__":
    unittest.main()
