#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Records whose data is not that of their type: a running server refuses them, and goes on."""
import signal

import harness

ZONE = """\
$TTL 300
@ SOA ns1 hostmaster 1 3600 900 604800 300
@ NS ns1
ns1 A 192.0.2.1
"""
# lines that a server must survive, and the column of what is wrong
WRONG = [
    (r"x MX \# 0", 6), (r"x SRV \# 2 c000", 7), (r"_s._tcp SRV \# 4 0000c000", 13), (r"@ NS \# 0", 6),
    (r"@ SOA \# 0", 7), (r"c CNAME \# 0", 9), (r"*.w CNAME \# 0", 11), (r"d DNAME \# 0", 9), (r"s NS \# 2 c000", 6),
    (r"a A \# 0", 5), (r"a AAAA \# 4 c0000201", 8), (r"h HTTPS \# 2 c000", 9), (r"l LOC \# 1 05", 7),
    (r"m MX \# 4 000ac00c", 6), (r"r RRSIG \# 3 000000", 9), (r"$GENERATE 1-2 h$ MX \# 0", 15),
    ("h HTTPS 1 . port=65536", 18), ("d DS 1 8 2 00", 12),
]
RIGHT = """\
a HTTPS 1 . alpn="h2,h3" ipv4hint="192.0.2.1"
i IPSECKEY 10 0 0 .
i IPSECKEY 10 3 2 mygw AQID
l LOC 52 22 N 4 E 0m
p APL \\# 0
t AMTRELAY 10 0 3 relay
w WALLET BTC x
n NULL \\# 0
"""


class Rdata(harness.TestCase):
    def test_wrong_data_is_refused_while_the_zone_is_served(self):
        d = self.daemon(zones={"g.test.zone": ZONE})
        for line, column in WRONG:
            d.write("zones/g.test.zone", ZONE + line + "\n")
            done = d.reload(check=False)
            self.assertNotEqual(done.returncode, 0, line)
            self.assertIn(f"g.test.zone:5:{column}: ", done.stdout + done.stderr, line)
            self.assertEqual(harness.rdata(d.query("ns1.g.test", "A"), "A"), ["192.0.2.1"])
        d.process.send_signal(signal.SIGHUP)
        d.wait_for(lambda: d.log().count("reload failed") > len(WRONG), 60)
        d.write("zones/g.test.zone", ZONE + RIGHT)
        d.reload()
        for owner, kind in (("a", "HTTPS"), ("i", "IPSECKEY"), ("l", "LOC"), ("p", "APL"), ("w", "WALLET")):
            response = d.query(f"{owner}.g.test", kind if kind != "WALLET" else "TYPE262")
            self.assertEqual(len(response.answer), 1, kind)
        for owner, kind, text in (("a", "HTTPS", '1 . alpn="h2,h3" ipv4hint=192.0.2.1'), ("i", "IPSECKEY", "10 0 0 ."),
                                  ("p", "APL", "\\# 0"), ("t", "AMTRELAY", "10 0 3 relay.g.test."),
                                  ("l", "LOC", "52 22 0.000 N 4 0 0.000 E 0.00m 1.00m 10000.00m 10.00m"),
                                  ("w", "WALLET", '"BTC" "x"'), ("n", "NULL", "\\# 0")):
            self.assertIn(text, d.ctl_json("explain", f"{owner}.g.test", kind)["answers"])


if __name__ == "__main__":
    harness.main()
