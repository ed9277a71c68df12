#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""DNS cookies with clients of others: dig, kdig and BIND's resolver, over loopback; also while the
client's network is over its allowance, when who has no cookie of ours is asked for one."""
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import unittest

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "../system")]
import dns.message

import harness
import peers

ZONES = {"example.test.zone": "$TTL 60\n@ SOA ns1 hostmaster 1 3600 900 604800 60\n@ NS ns1\n"
         "ns1 A 127.0.0.1\nwww A 192.0.2.1\n* A 192.0.2.2\n" +
         "".join(f"big MX {i} mail-exchanger-number-{i}.example.net.\n" for i in range(20))}

NAMED = """options {{
  directory "{dir}"; pid-file "{dir}/pid"; session-keyfile "{dir}/session.key";
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion yes; allow-query {{ any; }}; dnssec-validation no; send-cookie yes;
  require-server-cookie no; query-source address 127.0.0.1; empty-zones-enable no;
}};
controls {{ }};
server 127.0.0.1 {{ send-cookie yes; edns yes; }};
zone "example.test" {{ type forward; forward only; forwarders {{ 127.0.0.1 port {upstream}; }}; }};
"""


class Named(peers.Process):
    def __init__(self, upstream):
        if shutil.which("named", path=peers.SBIN) is None:
            raise unittest.SkipTest("named is missing: install bind9")
        super().__init__("ls-named-")
        config = os.path.join(self.dir, "conf")
        with open(config, "w") as f:
            f.write(NAMED.format(dir=self.dir, port=self.port, upstream=upstream))
        self.launch(["named", "-g", "-c", config, "-n", "1"], "www.example.test", "A")


def tool(name, *args):
    if shutil.which(name) is None:
        raise unittest.SkipTest(f"{name} is missing")
    return subprocess.run([name, *args], capture_output=True, text=True, timeout=120).stdout


class Cookies(harness.TestCase):
    def counts(self, d):
        status = d.ctl_json("status")
        return {**status["cookies"], "badcookie": status["rate_limit"]["badcookie"]}

    def press(self, d):
        """Puts 127.0.0.0/24 over its allowance, and keeps it there for some seconds."""
        query = dns.message.make_query("big.example.test", "MX", use_edns=0, payload=1232).to_wire()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect((d.address, d.port))
            for i in range(600):
                s.send(query)
                if i % 16 == 15:
                    time.sleep(0.001)

    def server(self, **kw):
        return self.daemon(zones=ZONES, server="rate_limit: {include: 127.0.0.0/8, burst: 1M, "
                           "bytes_per_second: 64k, slip: 1}\ncookies: {secrets: cookies.yaml}", **kw)

    def start(self):
        d = self.server(files={"cookies.yaml": "active: " + "ab" * 16 + "\n"}, start=False)
        os.chmod(os.path.join(d.dir, "cookies.yaml"), 0o600)
        return d.start()

    def test_dig(self):
        d = self.start()
        at = ["@" + d.address, "-p", str(d.port), "www.example.test", "+tries=1", "+time=60"]
        text = tool("dig", *at, "+cookie")
        self.assertIn("status: NOERROR", text)
        cookie = re.search(r"COOKIE: ([0-9a-f]{48}) \(good\)", text).group(1)
        was = self.counts(d)["valid"]
        self.assertIn(f"COOKIE: {cookie} (good)", tool("dig", *at, "+cookie=" + cookie))
        d.wait_for(lambda: self.counts(d)["valid"] == was + 1, 60)
        # No question, but a cookie.
        text = tool("dig", *at[:3], "+header-only", "+cookie", *at[4:])
        self.assertIn("status: NOERROR", text)
        self.assertIn("(good)", text)
        # Without pressure a wrong one is no reason to refuse.
        wrong = cookie[:-2] + ("00" if cookie[-2:] != "00" else "11")
        self.assertIn("status: NOERROR", tool("dig", *at, "+cookie=" + wrong, "+nobadcookie"))

    def test_dig_under_pressure(self):
        d = self.start()
        at = ["@" + d.address, "-p", str(d.port), "www.example.test", "+tries=3", "+time=3"]
        cookie = re.search(r"COOKIE: ([0-9a-f]{48})", tool("dig", *at, "+cookie")).group(1)
        self.press_hard(d)
        text = tool("dig", *at, "+cookie", "+nobadcookie")
        self.assertIn("status: BADCOOKIE", text)
        self.press_hard(d)
        text = tool("dig", *at, "+cookie", "+badcookie")  # takes the server's, and asks again
        self.assertIn("status: NOERROR", text)
        self.assertIn("192.0.2.1", text)
        self.press_hard(d)
        text = tool("dig", *at, "+cookie=" + cookie, "+nobadcookie")
        self.assertIn("status: NOERROR", text)
        self.press_hard(d)
        text = tool("dig", *at, "+nocookie", "+ignore")
        self.assertIn("flags: qr tc", text)
        self.assertNotIn("192.0.2.1", text)
        self.press_hard(d)
        self.assertIn("192.0.2.1", tool("dig", *at, "+nocookie"))  # by TCP

    def press_hard(self, d):
        def over():
            self.press(d)
            return d.ctl_json("explain", "www.example.test", "--client", "127.0.0.1")["rate_limit"]["level"] > 1.6
        harness.wait_for(over, 60)
        for _ in range(8):  # behind all that waits for either worker: sockets have room again
            d.query("www.example.test")

    def test_kdig(self):
        d = self.start()
        at = ["@" + d.address, "-p", str(d.port), "www.example.test", "+retry=0", "+time=60"]
        text = tool("kdig", *at, "+cookie")
        self.assertIn("status: NOERROR", text)
        cookie = "".join(re.search(r"COOKIE: ([0-9A-Fa-f ]+)", text).group(1).split())
        self.assertEqual(len(cookie), 48)
        was = self.counts(d)["valid"]
        self.assertIn("192.0.2.1", tool("kdig", *at, "+cookie=" + cookie))
        d.wait_for(lambda: self.counts(d)["valid"] == was + 1, 60)
        self.press_hard(d)
        self.assertIn("192.0.2.1", tool("kdig", *at, "+cookie=" + cookie))
        self.press_hard(d)
        self.assertIn("192.0.2.1", tool("kdig", *at, "+cookie", "+badcookie=3"))

    def test_named(self):
        d = self.start()
        named = Named(d.port)
        self.addCleanup(named.close)
        was = self.counts(d)["valid"]
        for i in range(20):
            self.assertTrue(named.query(f"n{i}.example.test").answer)
        # From the second query on it has our cookie.
        d.wait_for(lambda: self.counts(d)["valid"] >= was + 19, 60)
        self.press_hard(d)
        for i in range(20):
            self.assertTrue(named.query(f"m{i}.example.test").answer)
        self.assertGreaterEqual(self.counts(d)["valid"], was + 39)
        # One that starts while it is limited takes the cookie of a BADCOOKIE.
        fresh = Named(d.port)
        self.addCleanup(fresh.close)
        self.press_hard(d)
        self.assertTrue(fresh.query("f.example.test", timeout=60).answer)


if __name__ == "__main__":
    unittest.main(verbosity=2)
