# SPDX-License-Identifier: Apache-2.0
"""100 reloads under full-speed load: no query is lost, no answer is wrong.

Two configurations take turns. They differ in zones, records, pools, endpoints and client tables; the
load generator knows what either may answer, and refuses an answer that is half of each. LOAD_RELOADS
sets another number (the run under ThreadSanitizer takes fewer, as it is slower)."""
import json
import os
import subprocess
import time

import harness

ALONE = "what it counts as lost a full machine would lose, too"
RELOADS = int(os.environ.get("LOAD_RELOADS", "100"))
STATIC = 500  # names, so that compiling takes a while

NETWORKS = """\
192.0.2.0/24: {{site: {first}}}
198.51.100.0/24: {{site: {second}}}
"""
POOLS = """\
sites:
  ams: {{location: [52.31, 4.76]}}
  iad: {{location: [38.95, -77.45]}}
maps:
  world:
    default: [{default}]
    networks: {{203.0.113.0/24: [iad]}}
pools:
  flat: {{steer: all, pick: all, sites: {{ams: [10.{n}.0.1, 10.{n}.0.2]}}}}
  geo: {{steer: {{map: world}}, sites: {{ams: [10.{n}.1.1, 10.{n}.1.2], iad: [10.{n}.2.1]}}}}
  sticky: {{steer: nearest, pick: sticky, sites: {{ams: [10.{n}.3.1, 10.{n}.3.2], iad: [10.{n}.4.1]}}}}
"""
ZONE = """\
zone: example.test
ttl: 1h
soa: {{mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s, serial: {n}}}
records:
  "@": {{NS: [ns1]}}
  ns1: {{A: 10.{n}.9.9}}
  www: {{A: [10.{n}.5.1, 10.{n}.5.2], AAAA: "2001:db8:{n}::1"}}
  flat: {{POOL: flat}}
  geo: {{POOL: geo}}
  sticky: {{POOL: sticky}}
  "*.wild": {{POOL: flat}}
"""


def files(n):
    """The configuration of one of the two kinds."""
    zone = ZONE.format(n=n)
    zone += "".join(f"  s{i}: {{A: 10.{n}.{6 + i // 250}.{i % 250}}}\n" for i in range(STATIC))
    other = ("$TTL 60\n@ IN SOA ns1 hostmaster 1 2 3 4 5\n@ IN NS ns1\nns1 IN A 10.0.0.1\n"
             f"www IN A 10.{n}.8.1\n")
    result = {"zones/example.test.yaml": zone, "zones/other.test.zone": other,
              "pools.yaml": POOLS.format(n=n, default=["ams, iad", "iad, ams"][n - 1]),
              "networks.yaml": NETWORKS.format(first=["ams", "iad"][n - 1],
                                               second=["iad", "ams"][n - 1])}
    if n == 2:
        result["zones/third.test.zone"] = other
    return result


def questions():
    lines = ["www.example.test A 0 10.1.5.1,10.1.5.2|10.2.5.1,10.2.5.2 -",
             "www.example.test AAAA 0 2001:db8:1::1|2001:db8:2::1 -",
             "www.other.test A 0 10.1.8.1|10.2.8.1 -",
             "flat.example.test A 0 10.1.0.1,10.1.0.2|10.2.0.1,10.2.0.2 -",
             "a.b.wild.example.test A 0 10.1.0.1,10.1.0.2|10.2.0.1,10.2.0.2 -",
             "nothing.example.test A 3 - -", "flat.example.test AAAA 0 - -"]
    for network in ("192.0.2.0", "198.51.100.0", "203.0.113.0", "8.8.8.0"):
        lines.append("sticky.example.test A 0 "
                     f"10.1.3.1,10.1.3.2,10.1.4.1|10.2.3.1,10.2.3.2,10.2.4.1 {network}")
    # By the default order, generation 1 answers Amsterdam's and generation 2 the other's.
    lines.append("geo.example.test A 0 10.1.1.1,10.1.1.2|10.2.2.1 8.8.8.0")
    lines.append("geo.example.test A 0 10.1.2.1|10.2.2.1 203.0.113.0")
    for i in range(0, STATIC, 7):
        lines.append(f"s{i}.example.test A 0 "
                     f"10.1.{6 + i // 250}.{i % 250}|10.2.{6 + i // 250}.{i % 250} -")
    return "\n".join(lines) + "\n"


class Load:
    """The generator, running until finish()."""

    def __init__(self, d, window=128, sockets=8):
        path = d.write("questions", questions())
        self.process = subprocess.Popen(
            [harness.built("tests/system/load"), str(d.port), str(window), str(sockets), path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def finish(self):
        out, _ = self.process.communicate(timeout=120)
        return json.loads(out)


class ReloadUnderLoad(harness.TestCase):
    def run_load(self, server=""):
        text = files(1)
        d = self.daemon(main="geo: {networks: networks.yaml}\n", pools=text.pop("pools.yaml"),
                        files=text, server=server)
        load = Load(d)
        self.addCleanup(load.process.kill)
        return d, load

    def put(self, d, n):
        for name, text in files(n).items():
            d.write(name, text)
        if n == 1 and os.path.exists(os.path.join(d.dir, "zones/third.test.zone")):
            os.unlink(os.path.join(d.dir, "zones/third.test.zone"))

    def conclude(self, d, load):
        result = load.finish()
        print(f"{result['sent']} queries in {result['ms']} ms", end=" ", flush=True)
        self.assertEqual(result["wrong"], 0, result["first_wrong"])
        self.assertEqual(result["lost"], 0)
        self.assertEqual(result["answered"], result["sent"])
        self.assertGreater(result["sent"], 1000)

    def test_reloads(self):
        d, load = self.run_load()
        for i in range(RELOADS):
            n = 2 - i % 2
            self.put(d, n)
            d.reload()
            self.assertEqual(d.addresses("www.other.test"), [f"10.{n}.8.1"])
            self.assertEqual(d.query("www.third.test").rcode(), 0 if n == 2 else 5)
            time.sleep(0.02)
        self.conclude(d, load)
        self.assertEqual(d.stop(), 0)

    def test_reload_of_addresses(self):
        """Listen addresses come and go beside the one that is asked."""
        d, load = self.run_load()
        port = harness.free_port()
        text = d.read("loadstar.yaml")
        for i in range(RELOADS // 5):
            extra = f', "127.0.0.2:{port}", "[::1]:{port}"' if i % 2 == 0 else ""
            d.write("loadstar.yaml", text.replace(f':{d.port}"]', f':{d.port}"{extra}]'))
            d.reload()
            if extra:
                self.assertTrue(d.addresses("www.example.test", address="127.0.0.2", port=port))
                self.assertTrue(d.addresses("www.example.test", address="::1", port=port, tcp=True))
        self.conclude(d, load)

    def test_overrides(self):
        """Views swapped one by one, as fast as the operator can."""
        d, load = self.run_load()
        for i in range(RELOADS // 2):
            d.ctl("set", "flat/ams/10.1.0.1", "auto" if i % 2 else "drain")
            d.ctl("set", "geo/ams/10.1.1.1", "down" if i % 2 else "auto")
        self.conclude(d, load)


if __name__ == "__main__":
    harness.main()
