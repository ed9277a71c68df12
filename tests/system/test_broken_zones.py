# SPDX-License-Identifier: Apache-2.0
"""A zone that is broken at a start: the others are served, it answers SERVFAIL, all of it. A reload
stays whole or nothing."""
import os

import dns.rcode

import harness

HEAD = """\
$TTL 300
@ IN SOA ns1 hostmaster 1 3600 900 1209600 60
@ IN NS ns1
ns1 IN A 192.0.2.53
"""
GOOD = HEAD + "www IN A 192.0.2.1\n"
YAML = """\
zone: bad.test
soa: {mname: ns1, rname: hostmaster}
records:
  "@": {NS: ns1}
  ns1: {A: 192.0.2.53}
  www: {A: 192.0.2.7}
"""
MENDED = YAML

# What is in zones/ besides two good zones: file -> text. All are of bad.test.
FAULTS = {
    "address": {"bad.test.zone": HEAD + "x IN A 1.2.3\n"},
    "no SOA": {"bad.test.zone": "$TTL 60\n@ IN NS ns1\nns1 IN A 192.0.2.1\n"},
    "no NS": {"bad.test.zone": "$TTL 60\n@ IN SOA a b 1 2 3 4 5\n"},
    "CNAME and other data": {"bad.test.zone": GOOD + "www IN CNAME ns1\n"},
    "outside": {"bad.test.zone": GOOD + "x.example. IN A 192.0.2.1\n"},
    "unknown pool": {"bad.test.zone": GOOD + "p IN POOL nowhere\n"},
    "include": {"bad.test.zone": GOOD + "$INCLUDE gone.inc\n"},
    "empty": {"bad.test.zone": ""},
    "binary": {"bad.test.zone": "\x01\x02\x00\x7f" * 300},
    "by $ORIGIN": {"x.zone": "$ORIGIN bad.test.\n" + HEAD + "x IN A 1.2.3\n"},
    "syntax before the SOA": {"x.zone": "$ORIGIN bad.test.\n(\n"},
    "dump": {"bad.test.zone": "$ORIGIN .\nbad.test 60 IN A 1.2.3\n"},
    "YAML": {"bad.test.yaml": "zone: [\n"},
    "YAML by its key": {"x.yml": YAML.replace("192.0.2.7", "[") + "\n"},
    "YAML that is quoted": {"x.yaml": YAML.replace("bad.test", '"bad.test."') + "\tx: y\n"},
    "YAML data": {"x.yaml": YAML.replace("192.0.2.7", "1.2.3")},
    "YAML without SOA": {"x.yaml": "zone: bad.test\nrecords: {}\n"},
    "twice": {"bad.test.zone": GOOD, "x.yaml": YAML},
    "directory": {"bad.test.zone/x": ""},
}
# Of these nobody can know whose zone they are.
NAMELESS = {
    "root": {"%%.zone": "$ORIGIN .\n. 60 IN A 1.2.3\n"},
    "no name": {"%%.yaml": "[\n"},
}


class Broken(harness.TestCase):
    def world(self, files):
        zones = {"g1.test.zone": GOOD, "g3.test.zone": GOOD, **files}
        return self.daemon(zones=zones, start=False)

    def check_others(self, d):
        for name in ("www.g1.test", "www.g3.test"):
            self.assertEqual(d.addresses(name), ["192.0.2.1"])

    def errors(self, d):
        return [p["text"] for p in d.ctl_json("status")["problems"] if p["severity"] == "error"]

    def mend(self, d, files):
        for name in files:
            path = os.path.join(d.dir, "zones", name)
            os.remove(path)
            if "/" in name:
                os.rmdir(os.path.dirname(path))
        d.write("zones/bad.test.yaml", MENDED)

    def test_says_that_it_is_not_ready(self):
        """RFC 8914 4.15, and only to those who have EDNS."""
        d = self.world(FAULTS["address"]).start()
        for name, codes in (("www.bad.test", [14]), ("bad.test", [14]), ("www.g1.test", [])):
            for tcp in (False, True):
                r = d.query(name, tcp=tcp, use_edns=0)
                self.assertEqual(r.rcode(), dns.rcode.SERVFAIL if codes else dns.rcode.NOERROR)
                self.assertEqual([o.code for o in r.options if o.otype == 15], codes)
            self.assertEqual(d.query(name).options, ())

    def test_every_kind(self):
        for kind, files in FAULTS.items():
            with self.subTest(kind):
                d = self.world(files)
                self.assertEqual(d.check().returncode, 1)
                d.start()
                self.check_others(d)
                for name in ("bad.test", "www.bad.test", "a.b.c.bad.test"):
                    for rdtype in ("A", "SOA", "DS", "ANY"):
                        answer = d.query(name, rdtype)
                        self.assertEqual(answer.rcode(), dns.rcode.SERVFAIL, (name, rdtype))
                        self.assertEqual(answer.flags & dns.flags.AA, 0)
                self.assertEqual(d.query("test").rcode(), dns.rcode.REFUSED)
                self.assertEqual(d.query("notbad.test").rcode(), dns.rcode.REFUSED)
                self.assertTrue(any("zone bad.test. is broken" in e for e in self.errors(d)),
                                self.errors(d))
                self.assertRegex(d.log(), r"error: zone bad.test. is broken")
                self.assertIn("broken", d.ctl_json("explain", "www.bad.test")["explanation"]
                              if "explanation" in d.ctl_json("explain", "www.bad.test")
                              else str(d.ctl_json("explain", "www.bad.test")))
                self.assertEqual(d.reload(check=False).returncode, 1)  # whole or nothing
                self.check_others(d)
                self.mend(d, files)
                d.reload()
                self.assertEqual(d.addresses("www.bad.test"), ["192.0.2.7"])
                self.assertEqual([e for e in self.errors(d) if "broken" in e], [])
                self.check_others(d)
                d.stop()

    def test_nameless(self):
        for kind, files in NAMELESS.items():
            with self.subTest(kind):
                d = self.world(files)
                self.assertEqual(d.check().returncode, 1)
                d.start()
                self.check_others(d)
                self.assertEqual(d.query("bad.test").rcode(), dns.rcode.REFUSED)
                self.assertTrue(any("is broken, and not served" in e for e in self.errors(d)))
                self.assertIn("the name of its zone is not known", d.log())
                d.stop()

    def test_all_of_them(self):
        d = self.daemon(zones={"a.test.zone": "x\n", "b.test.yaml": "x\n"})
        for name in ("a.test", "www.b.test"):
            self.assertEqual(d.query(name).rcode(), dns.rcode.SERVFAIL)

    def test_parents_and_children(self):
        """Zones within each other are compiled together: only the one at fault is broken."""
        child = HEAD + "www IN A 192.0.2.3\n"
        parent = GOOD + "sub IN NS ns1.sub\nsub IN DS 1 8 2 " + "ab" * 32 + \
            "\nns1.sub IN A 192.0.2.53\nalias IN CNAME www.sub\n"
        bad = {"records": HEAD + "x IN A 1.2.3\n", "lint": HEAD + "ns1 IN CNAME x\n"}
        for kind, text in bad.items():
            with self.subTest(kind + " of the parent"):
                d = self.daemon(zones={"p.test.zone": text, "sub.p.test.zone": child,
                                       "x.y.p.test.zone": child})
                self.assertEqual(d.addresses("www.sub.p.test"), ["192.0.2.3"])
                self.assertEqual(d.addresses("www.x.y.p.test"), ["192.0.2.3"])
                for name in ("p.test", "www.p.test", "y.p.test", "a.y.p.test"):
                    self.assertEqual(d.query(name).rcode(), dns.rcode.SERVFAIL, name)
                self.assertEqual(d.query("no.sub.p.test").rcode(), dns.rcode.NXDOMAIN)
            with self.subTest(kind + " of the child"):
                d = self.daemon(zones={"p.test.zone": parent, "sub.p.test.zone": text})
                self.assertEqual(d.addresses("www.p.test"), ["192.0.2.1"])
                for name in ("sub.p.test", "www.sub.p.test"):
                    self.assertEqual(d.query(name).rcode(), dns.rcode.SERVFAIL, name)
                # What the parent has authority over, it answers.
                answer = d.query("sub.p.test", "DS")
                self.assertEqual((answer.rcode(), len(answer.answer)), (0, 1))
                # An alias that leads there is an answer as far as it goes.
                answer = d.query("alias.p.test")
                self.assertEqual((answer.rcode(), len(answer.answer)), (0, 1))

    def test_other_mistakes_refuse_the_start(self):
        d = self.daemon(zones={"a.test.zone": GOOD}, pools="pools: {p: {}}\n", start=False)
        d.start(ready=False)
        self.assertEqual(d.process.wait(90), 1)


if __name__ == "__main__":
    harness.main()
