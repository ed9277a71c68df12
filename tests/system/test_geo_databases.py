#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Databases in the running daemon: the one that is shipped, several at once, one replaced on disk,
broken ones, and what loadstarctl geo says."""
import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import mmdb

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
COUNTRY = os.path.join(TOP, "geoip/country.mmdb")

ZONE = """zone: example.com
soa: {mname: ns1, rname: hostmaster}
records: {"@": {NS: [ns1]}, ns1: {A: 192.0.2.53}, www: {POOL: www}, near: {POOL: near}}
"""
POOLS = """sites:
  ams: {location: [52.31, 4.76]}
  iad: {location: [38.95, -77.45]}
  sin: {location: [1.35, 103.99]}
maps:
  world: {default: [iad], continents: {EU: [ams], AS: [sin]}, subdivisions: {US-CA: [sin]},
          asns: {64500: [ams]}}
pools:
  www: {steer: {map: world}, sites: {ams: [192.0.2.1], iad: [192.0.2.2], sin: [192.0.2.3]}}
  near: {steer: nearest, sites: {ams: [192.0.2.1], iad: [192.0.2.2], sin: [192.0.2.3]}}
"""
AMS, IAD, SIN = ["192.0.2.1"], ["192.0.2.2"], ["192.0.2.3"]


def flat(*entries):
    return mmdb.build(entries, database_type="country")


class Test(harness.TestCase):
    def with_geo(self, geo, **files):
        return self.daemon(zones={"example.com.yaml": ZONE}, pools=POOLS,
                           files={name.replace("_", "."): data for name, data in files.items()},
                           main=f"geo: {geo}\n")

    def test_shipped_database(self):
        d = self.with_geo(f"{{databases: [{COUNTRY}]}}")
        for client, site in (("81.2.69.160/24", AMS), ("8.8.8.8/24", IAD), ("2001:4860::/32", IAD),
                             ("103.6.148.0/24", SIN)):
            self.assertEqual(d.addresses("near.example.com", ecs=client), site, client)
        self.assertEqual(d.addresses("www.example.com", ecs="81.2.69.160/24"), AMS)

    def test_geo_command(self):
        d = self.with_geo("{databases: [a.mmdb], networks: networks.yaml}",
                          a_mmdb=flat(("198.51.100.0/24", {"country_code": "DE"})),
                          networks_yaml="198.51.100.128/25: {tag: lab}\n")
        text = d.ctl("geo", "198.51.100.200").stdout
        for word in ("DE", "EU", "lab", "networks", "198.51.100.128/25"):
            self.assertIn(word, text)
        self.assertIn("a.mmdb", d.ctl("geo", "198.51.100.1").stdout)
        self.assertIn(d.ctl("geo", "198.51.100", check=False).returncode, (1, 2))

    def test_later_database_adds(self):
        d = self.with_geo("{databases: [a.mmdb, b.mmdb]}",
                          a_mmdb=flat(("198.51.100.0/24", {"country_code": "US"})),
                          b_mmdb=flat(("198.51.100.0/25", {"country_code": "US", "state1": "CA"}),
                                      ("203.0.113.0/24", {"autonomous_system_number": 64500})))
        self.assertEqual(d.addresses("www.example.com", ecs="198.51.100.1"), SIN)
        self.assertEqual(d.addresses("www.example.com", ecs="198.51.100.129"), IAD)
        self.assertEqual(d.addresses("www.example.com", ecs="203.0.113.1"), AMS)

    def test_replaced_on_disk_under_load(self):
        """Every answer is that of the old or the new database; after the reload, the new one's."""
        d = self.with_geo("{databases: [a.mmdb]}",
                          a_mmdb=flat(("198.51.100.0/24", {"country_code": "DE"})))
        stop, seen, lost = threading.Event(), [], []

        def ask():
            while not stop.is_set():
                try:
                    seen.append(d.addresses("www.example.com", ecs="198.51.100.1"))
                except Exception as e:
                    lost.append(e)
        thread = threading.Thread(target=ask)
        thread.start()
        for i in range(10):
            country, site = [("SG", SIN), ("DE", AMS)][i % 2]
            d.write("a.mmdb", flat(("198.51.100.0/24", {"country_code": country})))
            d.hup()
            self.assertEqual(d.addresses("www.example.com", ecs="198.51.100.1"), site)
        stop.set()
        thread.join()
        self.assertEqual(lost, [])
        self.assertTrue(seen)
        self.assertTrue(all(answer in (AMS, SIN) for answer in seen))

    def test_broken_one_keeps_the_old_tables(self):
        good = flat(("198.51.100.0/24", {"country_code": "DE"}))
        d = self.with_geo("{databases: [a.mmdb]}", a_mmdb=good)
        useless = mmdb.build({"198.51.100.0/24": {"isp": "Example"}})
        for data, reason in ((b"", "a.mmdb: is empty"), (good[:60], "a.mmdb: is cut off"),
                             (good[40:], "MaxMind DB"), (useless, "useless geo database")):
            d.write("a.mmdb", data)
            done = d.reload(check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("a.mmdb: ", done.stderr + done.stdout)
            self.assertIn(reason, done.stderr + done.stdout)
            self.assertEqual(d.addresses("www.example.com", ecs="198.51.100.1"), AMS)
            check = d.check()
            self.assertEqual(check.returncode, 1)
            self.assertIn(reason, check.stderr)
        os.unlink(os.path.join(d.dir, "a.mmdb"))
        self.assertIn("No such file", d.reload(check=False).stderr)
        self.assertEqual(d.addresses("www.example.com", ecs="198.51.100.1"), AMS)
        d.write("a.mmdb", good)
        d.reload()

    def test_useless_database_says_which_keys(self):
        d = self.daemon(start=False, zones={"example.com.yaml": ZONE}, pools=POOLS,
                        files={"a.mmdb": mmdb.build({"10.0.0.0/8": {"isp": "x"}})},
                        main="geo: {databases: [a.mmdb]}\n")
        error = d.check().stderr
        for word in ("country_code", "country.iso_code", "Found: isp"):
            self.assertIn(word, error)


if __name__ == "__main__":
    unittest.main()
