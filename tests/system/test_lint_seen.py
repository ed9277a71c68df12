# SPDX-License-Identifier: Apache-2.0
"""Lint as it reaches people: the line with its caret on a terminal and nowhere else, levels of log
lines, pools that just fit a message and those that do not, pools of thousands of endpoints."""
import os
import pty
import re
import subprocess

import dns.flags

import harness
import mmdb

ZONE = """\
zone: example.test
ttl: 1h
soa: {mname: ns1, rname: hostmaster}
records:
  "@": {NS: [ns1]}
  ns1: {A: 192.0.2.53}
  www: {POOL: www}
"""
A_MAX, AAAA_MAX = 4074, 2328  # addresses that a message of 65,535 bytes holds


def addresses(family, n):
    if family == 4:
        return [f"10.0.{i // 250}.{i % 250 + 1}" for i in range(n)]
    return [f'"2001:db8::{i + 1:x}"' for i in range(n)]


def pool(listed, keys="pick: all"):
    return (f"sites: {{ams: {{}}}}\npools:\n  www:\n    {keys}\n    steer: {{order: [ams]}}\n"
            f"    sites:\n      ams: [{', '.join(listed)}]\n")


class Caret(harness.TestCase):
    SLIP = ZONE.replace("www: {POOL: www}", "www: {POOL: wwww}")
    SHOWN = ["  7 |   www: {POOL: wwww}", "    |               ^"]

    def check_on(self, d, stderr_is_terminal):
        """What --check writes to stderr, a terminal or a pipe; stdout is the other of the two."""
        master, slave = pty.openpty()
        pipe = subprocess.PIPE
        process = subprocess.Popen(d.command("-c", d.path, "--check"), stdin=subprocess.DEVNULL,
                                   stdout=pipe if stderr_is_terminal else slave,
                                   stderr=slave if stderr_is_terminal else pipe)
        os.close(slave)
        said = b""
        try:
            while part := os.read(master, 4096):
                said += part
        except OSError:  # EIO: all that had the terminal are gone
            pass
        os.close(master)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)
        return (said if stderr_is_terminal else err).decode().replace("\r\n", "\n")

    def test_on_a_terminal_only(self):
        d = self.daemon(start=False, zones={"example.test.yaml": self.SLIP},
                        pools=pool(["192.0.2.1"]))
        lines = self.check_on(d, True).splitlines()
        self.assertRegex(lines[0], r"example\.test\.yaml:7:15: unknown pool 'wwww'")
        self.assertEqual(lines[1:3], self.SHOWN)
        plain = self.check_on(d, False).splitlines()
        self.assertEqual(plain[0], lines[0])
        self.assertEqual(len(plain), 2)
        self.assertNotIn("^", "".join(plain))

    def test_not_in_logs_nor_replies(self):
        d = self.daemon(zones={"example.test.yaml": ZONE}, pools=pool(["192.0.2.1"]))
        d.write("zones/example.test.yaml", self.SLIP)
        reply = d.reload(check=False)
        for text in (reply.stdout + reply.stderr, d.log()):
            self.assertIn("unknown pool 'wwww'", text)
            self.assertNotIn("    |  ", text)


class Levels(harness.TestCase):
    def test_once_in_a_line(self):
        """A warning at a start, a warning and an error at a reload."""
        d = self.daemon(zones={"example.test.yaml": ZONE + "  mail: {MX: ['10 nowhere']}\n"},
                        pools=pool(["192.0.2.1"]))
        d.reload()
        d.write("zones/example.test.yaml", ZONE + "  x: {POOL: none}\n")
        d.reload(check=False)
        lines = [line for line in d.log().splitlines() if "example.test.yaml:" in line]
        self.assertGreaterEqual(len(lines), 3)
        for line in lines:
            words = re.findall(r"\b(?:warning|error|notice)\b: ", line)
            self.assertEqual(len(words), 1, line)
            self.assertRegex(line, r"^\S+ (warning|error): ")
        self.assertIn(" error: ", lines[-1])


class Many(harness.TestCase):
    def check_family(self, family, rdtype, most):
        d = self.daemon(zones={"example.test.yaml": ZONE}, pools=pool(addresses(family, most)))
        answer = d.query("www.example.test", rdtype, tcp=True)
        self.assertFalse(answer.flags & dns.flags.TC)
        self.assertEqual(sum(len(rrset) for rrset in answer.answer), most)
        d.write("pools.yaml", pool(addresses(family, most + 1)))
        reply = d.reload(check=False)
        self.assertEqual(reply.returncode, 1)
        self.assertIn(f"pool 'www' may answer {most + 1} {rdtype} records, but a DNS message holds "
                      f"{most}:", reply.stdout + reply.stderr)
        self.assertEqual(d.check().returncode, 1)

    def test_a_message_full_of_a(self):
        self.check_family(4, "A", A_MAX)

    def test_a_message_full_of_aaaa(self):
        self.check_family(6, "AAAA", AAAA_MAX)

    def test_thousands_of_endpoints_and_those_there_twice(self):
        listed = addresses(4, 4000)
        good = pool(listed, "pick: weighted")
        d = self.daemon(start=False, zones={"example.test.yaml": ZONE}, pools=good)
        done = d.check()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        listed[3999] = listed[0]
        listed[2000] = listed[1999]
        listed[10] = "{address: 192.0.2.1, name: a}"
        listed[3000] = "{address: 192.0.2.2, name: a}"
        d.write("pools.yaml", pool(listed, "pick: weighted"))
        errors = d.check().stderr.splitlines()
        self.assertEqual(len(errors), 4, errors)
        self.assertIn("endpoint '10.0.7.250' is in this site twice, first at line 7, column", errors[0])
        self.assertIn("two endpoints of this site are called 'a'", errors[1])
        self.assertIn("endpoint '10.0.0.1' is in this site twice, first at line 7, column 13", errors[2])


class Networks(harness.TestCase):
    def test_a_country_beside_another_continent(self):
        """Clients that networks.yaml puts into Norway and Asia: maps find them by either."""
        pools = """\
sites: {ams: {}, osl: {}, sin: {}}
maps:
  both: {default: [ams], countries: {NO: [osl]}, continents: {AS: [sin]}}
  asia: {default: [ams], continents: {AS: [sin]}}
pools:
  www: {steer: {map: both}, sites: {ams: [192.0.2.1], osl: [192.0.2.2], sin: [192.0.2.3]}}
  cdn: {steer: {map: asia}, sites: {ams: [192.0.2.1], osl: [192.0.2.2], sin: [192.0.2.3]}}
"""
        d = self.daemon(zones={"example.test.yaml": ZONE + "  cdn: {POOL: cdn}\n"}, pools=pools,
                        files={"networks.yaml": "198.51.100.0/24: {country: NO, continent: AS}\n",
                               "a.mmdb": mmdb.build({"203.0.113.0/24": {"country_code": "DE"}})},
                        main="geo: {databases: [a.mmdb], networks: networks.yaml}\n")
        for name, expected in (("www", "192.0.2.2"), ("cdn", "192.0.2.3")):
            self.assertEqual(d.addresses(f"{name}.example.test", ecs="198.51.100.1"), [expected])
            self.assertEqual(d.addresses(f"{name}.example.test", ecs="203.0.113.1"), ["192.0.2.1"])
        place = d.ctl_json("geo", "198.51.100.1")
        self.assertEqual((place["country"], place["continent"]), ("NO", "AS"))
        self.assertGreater(place["latitude"], 57)  # where Norway is, not Asia
        shown = d.ctl("geo", "198.51.100.1").stdout
        self.assertRegex(shown, "NO")
        self.assertRegex(shown, "AS")
        for name, rule in (("www", "map both, country NO"), ("cdn", "map asia, continent AS")):
            told = d.ctl("explain", f"{name}.example.test", "--ecs", "198.51.100.1/32").stdout
            self.assertIn(rule, told)


if __name__ == "__main__":
    harness.main()
