# SPDX-License-Identifier: Apache-2.0
"""What vanishes from the configuration is noticed, and more of it than a share needs --force."""
import json
import os
import shutil
import signal
import time
import urllib.error
import urllib.request

import dns.rcode

import harness

ZONE = """\
$TTL 300
@ IN SOA ns1 hostmaster 1 3600 900 1209600 60
@ IN NS ns1
ns1 IN A 192.0.2.53
www IN A 192.0.2.%d
"""


def zones(n):
    return {f"z{i}.test.zone": ZONE % i for i in range(n)}


class Vanished(harness.TestCase):
    def served(self, d):
        return [i for i in range(4) if d.addresses(f"www.z{i}.test") == [f"192.0.2.{i}"]]

    def remove(self, d, *which):
        for i in which:
            os.rename(os.path.join(d.dir, "zones", f"z{i}.test.zone"),
                      os.path.join(d.dir, f"away{i}"))

    def put_back(self, d, *which):
        for i in which:
            os.rename(os.path.join(d.dir, f"away{i}"),
                      os.path.join(d.dir, "zones", f"z{i}.test.zone"))

    def problems(self, d):
        return [p["text"] for p in d.ctl_json("status")["problems"]]

    def test_one_is_told(self):
        d = self.daemon(zones=zones(4))
        self.remove(d, 2)
        warnings = d.ctl_json("reload")["warnings"]
        self.assertTrue(any("zone z2.test. is gone" in w for w in warnings), warnings)
        self.assertEqual(self.served_codes(d), [0, 0, 5, 0])
        self.assertIn("zone z2.test. is gone: a reload took it away, and it is not served any more",
                      self.problems(d))
        events = [(e["target"], e["to"]) for e in d.ctl_json("events")["events"]]
        self.assertIn(("zone z2.test.", "gone"), events)
        d.ctl_json("reload")  # still gone, however often it is reloaded
        self.assertTrue(any("z2.test. is gone" in p for p in self.problems(d)))
        self.put_back(d, 2)
        d.reload()
        self.assertFalse(any("is gone" in p for p in self.problems(d)))
        events = [(e["target"], e["to"]) for e in d.ctl_json("events")["events"]]
        self.assertIn(("zone z2.test.", "served"), events)
        self.assertEqual(self.served(d), [0, 1, 2, 3])

    def served_codes(self, d):
        return [d.query(f"www.z{i}.test").rcode() for i in range(4)]

    def test_too_many_need_force(self):
        d = self.daemon(zones=zones(4), http=True)
        self.remove(d, 0, 1)
        d.reload()  # half of them, as many as zones_gone_max allows
        self.put_back(d, 0, 1)
        d.reload()
        self.remove(d, 0, 1, 2)
        refused = d.reload(check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("3 of the 4 zones served would be gone", refused.stderr)
        self.assertIn("--force", refused.stderr)
        self.assertEqual(self.served(d), [0, 1, 2, 3])
        d.hup()  # a signal never insists
        self.assertEqual(self.served(d), [0, 1, 2, 3])
        self.assertEqual(self.post(d, b"")[0], 422)
        self.assertEqual(self.post(d, b'{"force": false}')[0], 422)
        self.assertEqual(self.post(d, b'{"force": 1}')[0], 400)
        self.assertEqual(self.post(d, b'{"forse": true}')[0], 400)
        self.assertEqual(self.post(d, b'[]')[0], 400)
        self.assertEqual(self.served(d), [0, 1, 2, 3])
        status, body = self.post(d, b'{"force": true}')
        self.assertEqual((status, len([w for w in body["warnings"] if "is gone" in w])), (200, 3))
        self.assertEqual(self.served(d), [3])
        self.put_back(d, 0, 1, 2)
        d.reload()
        self.remove(d, 0, 1, 2)
        d.ctl("reload", "--force")
        self.assertEqual(self.served(d), [3])

    def post(self, d, body):
        request = urllib.request.Request(
            f"http://127.0.0.1:{d.http_port}/api/v1/reload", data=body, method="POST",
            headers={"Authorization": "Bearer " + d.token})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as e:
            return e.code, json.load(e)

    def test_share_is_configured(self):
        d = self.daemon(zones=zones(4), server="zones_gone_max: 0")
        self.remove(d, 0)
        self.assertEqual(d.reload(check=False).returncode, 1)
        d.write("loadstar.yaml", d.read("loadstar.yaml").replace("gone_max: 0", "gone_max: 100%"))
        self.remove(d, 1, 2)
        d.reload()
        self.assertEqual(self.served(d), [3])

    def test_force_does_not_last(self):
        d = self.daemon(zones=zones(4))
        self.remove(d, 0, 1, 2)
        d.ctl("reload", "--force")
        self.put_back(d, 0, 1, 2)
        d.reload()
        self.remove(d, 0, 1, 2)
        self.assertEqual(d.reload(check=False).returncode, 1)

    def test_none_is_an_error(self):
        d = self.daemon(zones=zones(1))
        self.remove(d, 0)
        for result in (d.reload(check=False), d.ctl("reload", "--force", check=False), d.check()):
            self.assertEqual(result.returncode, 1)
            self.assertIn("'zones' yields no zone", result.stderr)
        self.assertEqual(d.addresses("www.z0.test"), ["192.0.2.0"])
        d.stop()
        self.assertEqual(self.start_fails(d), 1)
        self.assertIn("'zones' yields no zone", d.log())

    def start_fails(self, d):
        d.start(ready=False)
        return d.process.wait(60)

    def test_a_directory_that_is_not_mounted(self):
        d = self.daemon(zones=zones(1))
        shutil.rmtree(os.path.join(d.dir, "zones"))
        for result in (d.reload(check=False), d.check()):
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, r"loadstar.yaml:\d+:8: cannot find '.*zones/'")
        d.stop()
        self.assertEqual(self.start_fails(d), 1)

    def test_other_files_are_named(self):
        names = ["db.example.com", "e.zon", "sub/x.zone", "note.txt", "common.inc",
                 ".hidden", "z.zone~", "z.zone.bak", "z.zone.dpkg-old", "z.zone.rpmnew",
                 "z.zone.rpmsave", "z.zone.orig", ".z.zone.swp", "z.zone.swp", "#z.zone#"]
        d = self.daemon(zones={**zones(1), "a.test.zone": ZONE % 7 + "$INCLUDE common.inc\n",
                               "b.test.yml": "zone: b.test\nsoa: {mname: ns, rname: h}\n"
                                             'records: {"@": {NS: ns.a.test.}, ns: {A: 192.0.2.9}}\n',
                               **{name: "x IN A 192.0.2.3\n" for name in names}}, start=False)
        result = d.check()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("3 zones", result.stdout)
        told = sorted(name for name in [*names, "b.test.yml", "sub"]
                      if f"zones/{name}' is not read: expected" in result.stderr)
        self.assertEqual(told, ["db.example.com", "e.zon", "note.txt", "sub"])
        d.start()
        self.assertEqual(d.addresses("ns.b.test"), ["192.0.2.9"])
        self.assertEqual(d.addresses("x.a.test"), ["192.0.2.3"])

    def test_without_dns(self):
        config = """\
server: {%s}
control: control.sock
%s
pools: pools.yaml
"""
        pools = "sites: {a: {}}\npools: {p: {sites: {a: [192.0.2.1]}, steer: all}}\n"
        for server, main in (("workers: 1", ""), ("workers: 1, listen: []", "zones: zones/")):
            d = self.daemon(config=config % (server, main), pools=pools, zones=zones(1))
            self.assertTrue(any("no DNS is served" in p for p in self.problems(d)))
            self.assertIn("no DNS is served", d.log())
            self.assertEqual(len(d.ctl_json("pools")["pools"]), 1)
            d.reload()
            self.assertEqual(d.stop(), 0)

    def test_zones_key_that_vanishes(self):
        d = self.daemon(zones=zones(2))
        whole = d.read("loadstar.yaml")
        d.write("loadstar.yaml", whole.replace("zones: zones/\n", ""))
        self.assertEqual(d.reload(check=False).returncode, 1)
        d.ctl("reload", "--force")
        self.assertEqual(d.query("www.z0.test").rcode(), dns.rcode.REFUSED)
        d.write("loadstar.yaml", whole)
        d.reload()
        self.assertEqual(d.addresses("www.z0.test"), ["192.0.2.0"])


class StopDuringReload(harness.TestCase):
    def test_stop_is_the_last_word(self):
        """A reload that the stop overtakes has not failed, and nothing follows STOPPING=1."""
        big = ZONE % 1 + "".join(f"h{i} IN A 10.0.{i >> 8 & 255}.{i & 255}\n" for i in range(200000))
        d = self.daemon(zones={"z0.test.zone": ZONE % 0})
        d.write("zones/big.test.zone", big)
        d.notify.settimeout(0.2)
        d.process.send_signal(signal.SIGHUP)
        said = []
        end = time.monotonic() + 60
        while time.monotonic() < end and d.process.poll() is None:
            try:
                said += d.notify.recv(4096).decode().splitlines()
            except OSError:
                continue
            if any(line == "RELOADING=1" for line in said) and "sent" not in said:
                d.process.send_signal(signal.SIGTERM)
                said.append("sent")
        self.assertEqual(d.process.wait(60), 0)
        try:
            while True:
                said += d.notify.recv(4096).decode().splitlines()
        except OSError:
            pass
        self.assertIn("STOPPING=1", said)
        after = said[said.index("STOPPING=1"):]
        if "READY=1" in said[said.index("RELOADING=1"):said.index("STOPPING=1")]:
            self.skipTest("the reload was over before the signal came")
        self.assertFalse([line for line in after if line.startswith(("READY", "STATUS"))], said)
        self.assertNotIn("reload failed", d.log())


if __name__ == "__main__":
    harness.main()
