# SPDX-License-Identifier: Apache-2.0
"""Nothing comes out raw: what a back end, a file or an operator says reaches no terminal, log or page
as it is. Every character of the kinds that drive a terminal, turn a line round or hide in it, and
every byte that is no UTF-8, through every way out."""
import http.client
import json
import os
import re
import subprocess

import harness

# The kinds, by their code points (Unicode), apart from the table of the program.
UNSAFE = ([*range(1, 0x20), *range(0x7f, 0xa0), 0x61c, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f,
           0x2028, 0x2029, *range(0x202a, 0x202f), 0x2060, *range(0x2066, 0x206a), 0xfeff,
           0xe0001, 0xe0041, 0xe007f])
SAFE = "aZ~ üñ€漢😀"
SHOWN = {9: " ", 10: " ", 13: " "}  # what a reason makes of blanks
PER_REASON = 14
FORM = {4: "\\x%02x", 6: "\\u%04x", 10: "\\U%08x"}


def escaped(code):
    if code in (9, 10, 13):
        return {9: "\\t", 10: "\\n", 13: "\\r"}[code]
    return FORM[4 if code < 0x80 else 6 if code < 0x10000 else 10] % code


def chunks(items, n):
    return [items[i:i + n] for i in range(0, len(items), n)]


def unsafe_in(text, allowed="\n"):
    return sorted({hex(ord(c)) for c in text if ord(c) in UNSAFE and c not in allowed})


ZONE = """\
zone: example.test
ttl: 1h
soa: {mname: ns1, rname: hostmaster}
records:
  "@": {NS: [ns1]}
  ns1: {A: 192.0.2.53}
  www: {POOL: www}
"""
POOLS = """\
sites: {ams: {}, iad: {}}
checks:
  says:
    type: exec
    command: [/bin/sh, -c, "cat '%s'/$LOADSTAR_NAME; exit 1"]
    interval: 2m
    timeout: 2m
    fall: 1
pools:
  www:
    checks: [says]
    steer: {order: [ams, iad]}
    sites:
      ams: [%s]
      iad: [198.51.100.11]
"""


class Outlets(harness.TestCase):
    """One endpoint a payload: its check prints it and fails."""

    @classmethod
    def setUpClass(cls):
        cls.payloads = {}
        codes = [c for c in UNSAFE if c not in (10,)]
        for i, some in enumerate(chunks(codes, PER_REASON)):
            cls.payloads[f"c{i}"] = ("<" + "".join(map(chr, some)) + ">").encode()
        for i, some in enumerate(chunks(list(range(0x80, 0x100)), 32)):
            cls.payloads[f"raw{i}"] = b"<" + b"|".join(bytes([b]) for b in some) + b">"
        cls.payloads["safe"] = f"<{SAFE}>".encode()
        d = cls.d = harness.Daemon(zones={"example.test.yaml": ZONE}, pools="", http=True,
                                   server="panic: off")  # all of them fail at once
        for name, payload in cls.payloads.items():
            d.write(os.path.join("says", name), payload)
        ends = ", ".join(f"{{address: 192.0.2.{i + 1}, name: {name}}}"
                         for i, name in enumerate(cls.payloads))
        d.write("pools.yaml", POOLS % (os.path.join(d.dir, "says"), ends))
        d.start()
        harness.wait_for(lambda: all(e["state"].startswith("down")
                                     for e in d.ctl_json("endpoints")["endpoints"]
                                     if e["name"] in cls.payloads), 120, 0.1)
        d.ctl("set", "www/iad", "drain", "--reason", "because \u202e\u009b" + SAFE)

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def http(self, path):
        c = http.client.HTTPConnection("127.0.0.1", self.d.http_port, timeout=60)
        c.request("GET", path)
        body = c.getresponse().read().decode()
        c.close()
        return body

    def test_reasons_in_tables(self):
        table = self.d.ctl("endpoints").stdout
        self.assertEqual(unsafe_in(table), [])
        self.assertIn(f"<{SAFE}>", table)
        for code in UNSAFE:
            if code not in SHOWN:
                self.assertIn(escaped(code), table)
        for byte in range(0x80, 0xff):  # the last may be cut off
            self.assertIn(f"\\x{byte:02x}|", table.replace(">", "|"))

    def test_every_command(self):
        for command in (["status"], ["pools"], ["endpoints"], ["sites"], ["checks"], ["events"],
                        ["explain", "www.example.test"], ["geo", "192.0.2.1"]):
            text = self.d.ctl(*command).stdout
            self.assertEqual(unsafe_in(text), [], command)
            text = self.d.ctl("--json", *command).stdout
            self.assertEqual(unsafe_in(text), [], command)
            json.loads(text)

    def test_json_keeps_the_text(self):
        rows = json.loads(self.d.ctl("--json", "status").stdout)["overrides"]
        self.assertEqual([r["reason"] for r in rows], ["because \u202e\u009b" + SAFE])

    def test_pages(self):
        for path in ("/metrics", "/healthz", "/api/v1/status", "/api/v1/pools",
                     "/api/v1/endpoints", "/api/v1/sites", "/api/v1/checks", "/api/v1/events",
                     "/api/v1/explain?name=www.example.test", "/api/v1/endpoints?pool=%C2%9B",
                     "/%C2%9B", "/api/v1/explain?name=%E2%80%AE&type=%C2%9B"):
            self.assertEqual(unsafe_in(self.http(path)), [], path)

    def test_log(self):
        with open(self.d.log_path, "rb") as file:
            text = file.read().decode()  # UTF-8 throughout
        self.assertEqual(unsafe_in(text), [])
        for line in text.splitlines():
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\S+Z \w+: ")

    def test_what_was_typed(self):
        for code in UNSAFE:
            for args in (["endpoints", chr(code)], ["explain", chr(code)], ["no" + chr(code)],
                         ["set", chr(code), "down"], ["set", "www", chr(code)],
                         ["--op" + chr(code)], ["explain", "a", "--cl" + chr(code), "b"])[code % 7:][:2]:
                done = self.d.ctl(*args, check=False)
                self.assertEqual(unsafe_in(done.stdout + done.stderr), [], args)

    def test_the_page_escapes_the_same(self):
        """The class of characters in the dashboard, tried by Python's `re`, which reads it too."""
        page = self.http("/")
        found = re.search(r"const UNSAFE = /(\[[^/]*\])/gu;", page)[1]
        unsafe = re.compile(re.sub(r"\\u\{([0-9a-f]+)\}", lambda m: f"\\U{int(m[1], 16):08x}", found))
        for code in UNSAFE:
            self.assertTrue(unsafe.fullmatch(chr(code)), hex(code))
        self.assertIsNone(unsafe.search(SAFE))
        self.assertIn('typeof value === "string" ? shown(value)', page)


class Files(harness.TestCase):
    """Messages about files that quote them, on stderr, in the log, and in a reload's reply."""

    def test_messages(self):
        d = self.daemon(zones={"example.test.yaml": ZONE}, pools=POOLS % ("/nowhere", "192.0.2.1"))
        for some in chunks([c for c in UNSAFE if c >= 0x80], 40) + [[0x80]]:
            text = "".join(map(chr, some)) + SAFE
            d.write("zones/a.test.zone", f"$TTL 1h\n@ SOA ns h 1 2 3 4 5\n@ A \"{text}\"\n@ {text} x\n")
            d.write("zones/b.test.zone", b"$TTL 1h\n@ SOA ns h 1 2 3 4 5\n@ A \x1b[31m\x9b\x07\x7f\x08\n")
            for out in (d.check().stderr, d.ctl("reload", check=False).stderr):
                self.assertEqual(unsafe_in(out), [])
                self.assertIn(escaped(some[0]), out)
                self.assertIn("\\x1b[31m\\x9b\\x07\\x7f\\x08", out)
        for code in UNSAFE:
            if code == 0:
                continue
            d.write("zones/c.test.yaml", f'zone: c.test\n"x{chr(92)}U{code:08x}y": 1\n')
            out = d.check().stderr
            self.assertEqual(unsafe_in(out), [], hex(code))
            self.assertIn(escaped(code) + "y", out)
        self.assertEqual(unsafe_in(d.log()), [])

    def test_names_of_files(self):
        d = self.daemon(zones={"example.test.yaml": ZONE}, start=False)
        d.write("zones/a\x1b\u202e.zone", "x\n")
        out = d.check().stderr
        self.assertEqual(unsafe_in(out), [])
        self.assertIn("a\\x1b\\u202e.zone:1", out)


if __name__ == "__main__":
    harness.main()
