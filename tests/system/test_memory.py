# SPDX-License-Identifier: Apache-2.0
"""A reload that cannot fit into memory is refused before it begins, not a death in the midst."""
import os
import random
import re
import signal
import subprocess
import time

import harness

HEAD = """\
$TTL 300
@ IN SOA ns1 hostmaster 1 3600 900 1209600 60
@ IN NS ns1
ns1 IN A 192.0.2.53
"""
GOOD = HEAD + "www IN A 192.0.2.1\n"
MB = 1 << 20
LIMIT = 1700 * MB  # of addresses; some 1.3 GB of them are used by an idle server


def records(n):
    """They need far less than the estimate: all are of few names."""
    return HEAD + "".join(f"h{i >> 6} A 10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}\n"
                          for i in range(n))


def has_sanitizer():
    with open(harness.program("LOADSTARD", "loadstard"), "rb") as file:
        return any(word in file.read() for word in (b"__asan_init", b"__tsan_init", b"__msan_init"))


class Memory(harness.TestCase):
    def setUp(self):
        if has_sanitizer():
            self.skipTest("a sanitizer is in the binary: it needs addresses without limit")

    def limited(self, limit=LIMIT, **kw):
        return self.daemon(wrap=["prlimit", f"--as={limit}"], **kw)

    def refused(self, d):
        done = d.reload(check=False)
        self.assertEqual(done.returncode, 1)
        told = re.search(r"loadstar.yaml: the files need about (\d+) MB of memory, more than 70% of "
                         r"the (\d+) MB that are available \((.*)\): not loaded; .*--force",
                         done.stderr)
        self.assertTrue(told, done.stderr)
        self.assertEqual(d.addresses("www.a.test"), ["192.0.2.1"])
        return int(told[1]), int(told[2]), told[3]

    def test_reload(self):
        d = self.limited(zones={"a.test.zone": GOOD})
        path = d.write("zones/big.test.zone", HEAD)
        with open(path, "r+b") as file:  # no bytes on the disk
            file.truncate(3000 * MB)
        needed, room, limit = self.refused(d)
        self.assertGreater(needed, 9000)
        self.assertIn("RLIMIT_AS", limit)
        self.assertIn("the files need about", d.log())
        # One that would fit, though the estimate is above 70 %.
        n = int(0.85 * room * MB / (250 + 3 * 17))
        d.write("zones/big.test.zone", records(n))
        needed, room, limit = self.refused(d)
        d.hup()
        self.assertNotEqual(d.addresses("h0.big.test")[:1], ["10.0.0.0"])
        time.sleep(0.05)  # a file that has just changed is read once more by the load after
        done = d.ctl("reload", "--force", timeout=600)
        self.assertIn("may be ended by the system", done.stdout)
        self.assertEqual(len(d.addresses("h0.big.test", tcp=True)), 64)
        # What is kept costs nothing.
        d.write("zones/a.test.zone", GOOD.replace("192.0.2.1\n", "192.0.2.2\n"))
        d.reload()
        self.assertEqual(d.addresses("www.a.test"), ["192.0.2.2"])
        self.assertEqual(d.stop(), 0)

    def test_within_the_share_is_never_refused(self):
        d = self.limited(zones={"a.test.zone": GOOD})
        path = d.write("zones/big.test.zone", HEAD)
        with open(path, "r+b") as file:
            file.truncate(3000 * MB)
        _, room, _ = self.refused(d)
        d.write("zones/big.test.zone", records(int(0.55 * room * MB / (250 + 3 * 17))))
        # Threads that meet at malloc() take 64 MB of addresses each: then it is too much of what is left.
        while d.reload(check=False).returncode != 0:
            needed, less, _ = self.refused(d)
            self.assertLess(less, room)
            self.assertGreater(needed, 0.7 * less - 1)
            room = less
            d.write("zones/big.test.zone", records(int(0.55 * room * MB / (250 + 3 * 17))))
        self.assertEqual(len(d.addresses("h0.big.test", tcp=True)), 64)

    def test_other_files(self):
        """YAML is no cheaper than zones, and databases count."""
        d = self.limited(zones={"a.test.zone": GOOD},
                         pools="sites: {a: {}}\npools: {p: {steer: all, sites: {a: [192.0.2.1]}}}\n")
        before = d.read("pools.yaml")
        path = d.write("pools.yaml", before)
        with open(path, "r+b") as file:
            file.truncate(200 * MB)
        self.refused(d)
        d.write("pools.yaml", before)
        path = d.write("big.mmdb", "")
        with open(path, "r+b") as file:
            file.truncate(900 * MB)
        d.write("loadstar.yaml", d.read("loadstar.yaml") + "geo: {databases: big.mmdb}\n")
        self.refused(d)

    def test_start_and_check(self):
        d = self.limited(zones={"a.test.zone": GOOD, "big.test.zone": records(2000000)}, start=False)
        checked = d.check()
        self.assertEqual(checked.returncode, 1)
        self.assertIn("MB of memory, more than 70%", checked.stderr)
        d.start(600)  # nothing is lost by trying
        self.assertIn("warning: ", d.log())
        self.assertIn("may be ended by the system", d.log())
        self.assertEqual(d.addresses("www.a.test"), ["192.0.2.1"])

    def test_too_few_addresses(self):
        """An error with the reason, not an abort."""
        for limit in (300, 350, 400):
            d = self.limited(limit * MB, zones={"a.test.zone": GOOD}, start=False)
            for _ in ("check", "start"):
                done = d.check()
                self.assertNotIn(done.returncode, (-signal.SIGABRT, -signal.SIGSEGV), done.stderr)
            if done.returncode == 1:
                self.assertIn("addresses", done.stderr)
            d.start(ready=False)
            code = d.process.poll()
            harness.wait_for(lambda: d.process.poll() is not None or "ready after" in d.log(), 120)
            code = d.process.poll()
            self.assertIn(code, (None, 1), d.log())


class Tables(harness.TestCase):
    POOLS, SITES = 400, 500

    def test_a_set_of_sites_for_every_pool(self):
        """Tables of clients share what they have in common: by itself each would have 7 MB."""
        rng = random.Random(9)
        sites = "".join(f"  s{i}: {{location: [{rng.uniform(-50, 65):.2f}, {rng.uniform(-170, 170):.2f}]}}\n"
                        for i in range(self.SITES))
        pools = "".join(
            f"  p{p}: {{sites: {{" + ", ".join(f"s{s}: [10.1.{p >> 8}.{p & 255}]"
                                               for s in rng.sample(range(self.SITES), 4)) + "}}\n"
            for p in range(self.POOLS))
        country = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../geoip/country.mmdb")
        d = self.daemon(zones={"a.test.zone": GOOD}, start=False,
                        pools=f"sites:\n{sites}pools:\n{pools}",
                        main=f"geo: {{databases: [{country}]}}\n")
        process = subprocess.Popen(d.command("-c", d.path, "--check"), stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        said = process.stdout.read().decode()
        process.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0, said)
        self.assertLess(usage.ru_maxrss, 700 << 10, said)


if __name__ == "__main__":
    harness.main()
