# SPDX-License-Identifier: Apache-2.0
"""A reload reads and compiles what has changed, and nothing else."""
import ctypes
import os
import time

import dns.rcode

import harness

HEAD = """\
$TTL 300
@ IN SOA ns1 hostmaster %d 3600 900 1209600 60
@ IN NS ns1
ns1 IN A 192.0.2.53
"""
POOLS = """\
sites:
  ams: {location: [52.31, 4.76]}
pools:
  www:
    ttl: %s
    steer: all
    pick: all
    sites: {ams: [192.0.2.10, 192.0.2.11]}
"""
LARGE = 50000
SETTLED = 0.05  # longer than the clock tick within which a change could be missed


def small(n, address):
    return HEAD % n + f"www IN A 192.0.2.{address}\n"


class Opens:
    """Counts how often a file is opened, by inotify."""
    IN_OPEN = 0x20

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0 or libc.inotify_add_watch(self.fd, self.path.encode(), self.IN_OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def count(self):
        """Since the last count. An event without a name is 16 bytes long; equal ones that follow
        each other are told as one."""
        try:
            return len(os.read(self.fd, 65536)) // 16
        except BlockingIOError:
            return 0


class Parts(harness.TestCase):
    def world(self):
        zones = {f"z{i}.test.zone": small(1, i) for i in range(18)}
        zones["large.test.zone"] = HEAD % 1 + "".join(
            f"h{i} IN A 10.{i >> 16}.{i >> 8 & 255}.{i & 255}\n" for i in range(LARGE))
        zones["warned.test.zone"] = small(1, 9) + "m IN MX 10 nowhere\n"
        files = {"zones/" + name: text for name, text in zones.items()}
        files["pools.yaml"] = POOLS % "30s"
        d = self.daemon(files=files, pools=POOLS % "30s", start=False)
        time.sleep(SETTLED)
        d.start()
        return d

    def reloads(self, d, read, kept):
        """Reloads, and says what was read; another one reads nothing."""
        time.sleep(SETTLED)
        result = d.ctl_json("reload")
        self.assertEqual((result["zones_read"], result["zones_kept"]), (read, kept))
        return result

    def refused(self, d, name):
        return d.query(name).rcode() == dns.rcode.REFUSED

    def answers(self, d):
        self.assertEqual(d.addresses("h49999.large.test"), ["10.0.195.79"])
        self.assertEqual(d.query("nothing.large.test").rcode(), dns.rcode.NXDOMAIN)
        self.assertEqual(d.addresses("www.z7.test"), ["192.0.2.7"])
        self.assertTrue(self.refused(d, "www.elsewhere.test"))

    def test_small_beside_large(self):
        d = self.world()
        self.answers(d)
        for n in range(2, 12):
            d.write("zones/z3.test.zone", small(n, 100 + n))
            result = self.reloads(d, 1, 19)
            self.assertEqual(d.addresses("www.z3.test"), [f"192.0.2.{100 + n}"])
            self.assertEqual(len(result["warnings"]), 1)
            self.assertIn("warned.test.zone:6", result["warnings"][0])
            self.answers(d)
        self.assertIn("zones: 1 read, 19 kept", d.log())
        counts = d.ctl_json("status")["counts"]
        self.assertEqual((counts["zones"], counts["zones_read"], counts["zones_kept"]), (20, 1, 19))
        self.assertEqual(counts["records"], LARGE + 3 + 18 * 4 + 5)

    def test_large_is_not_opened(self):
        d = self.world()
        with Opens(os.path.join(d.dir, "zones/large.test.zone")) as opens:
            d.write("zones/z3.test.zone", small(2, 33))
            self.reloads(d, 1, 19)
            self.reloads(d, 0, 20)
            self.assertEqual(opens.count(), 0)
            os.chmod(opens.path, 0o640)  # another ctime is reason enough to look
            self.reloads(d, 1, 19)
            self.assertEqual(opens.count(), 1)
        self.answers(d)

    def test_removed_and_added(self):
        d = self.world()
        os.unlink(os.path.join(d.dir, "zones/z5.test.zone"))
        self.reloads(d, 0, 19)
        self.assertTrue(self.refused(d, "www.z5.test"))
        self.answers(d)
        d.write("zones/new.test.zone", small(1, 77))
        self.reloads(d, 1, 19)
        self.assertEqual(d.addresses("www.new.test"), ["192.0.2.77"])
        self.answers(d)

    def test_relatives(self):
        """A zone inside another one is compiled with it, when it comes and when it goes."""
        d = self.world()
        d.write("zones/sub.z7.test.zone", small(1, 88))
        self.reloads(d, 2, 19)
        self.assertEqual(d.addresses("www.sub.z7.test"), ["192.0.2.88"])
        self.answers(d)
        d.write("zones/sub.z7.test.zone", small(2, 89))
        self.reloads(d, 2, 19)
        self.assertEqual(d.addresses("www.sub.z7.test"), ["192.0.2.89"])
        os.unlink(os.path.join(d.dir, "zones/sub.z7.test.zone"))
        self.reloads(d, 1, 19)
        self.assertEqual(d.query("www.sub.z7.test").rcode(), dns.rcode.NXDOMAIN)
        self.answers(d)

    def test_include(self):
        d = self.world()
        d.write("part.inc", "inc IN A 192.0.2.1\n")
        d.write("zones/z4.test.zone", small(2, 4) + "$INCLUDE ../part.inc\n")
        self.reloads(d, 1, 19)
        self.assertEqual(d.addresses("inc.z4.test"), ["192.0.2.1"])
        d.write("part.inc", "inc IN A 192.0.2.2\n")
        self.reloads(d, 1, 19)
        self.assertEqual(d.addresses("inc.z4.test"), ["192.0.2.2"])
        self.reloads(d, 0, 20)

    def test_pools(self):
        """What changes in a pool is told to the zones that name pools, if it concerns them."""
        d = self.world()
        d.write("zones/z6.test.zone", small(2, 6) + "dyn IN POOL www\n")
        self.reloads(d, 1, 19)
        self.assertEqual(d.query("dyn.z6.test").answer[0].ttl, 30)
        d.write("pools.yaml", POOLS % "20s")
        self.reloads(d, 1, 19)
        self.assertEqual(d.query("dyn.z6.test").answer[0].ttl, 20)
        d.write("pools.yaml", (POOLS % "20s").replace(", 192.0.2.11", ""))
        self.reloads(d, 0, 20)
        self.assertEqual(d.addresses("dyn.z6.test"), ["192.0.2.10"])
        self.answers(d)

    def test_broken_keeps_all(self):
        d = self.world()
        d.write("zones/z2.test.zone", "www IN A 192.0.2.300\n")
        time.sleep(SETTLED)
        self.assertEqual(d.reload(check=False).returncode, 1)
        self.assertEqual(d.addresses("www.z2.test"), ["192.0.2.2"])
        self.answers(d)
        d.write("zones/z2.test.zone", small(3, 22))
        self.reloads(d, 1, 19)
        self.assertEqual(d.addresses("www.z2.test"), ["192.0.2.22"])


if __name__ == "__main__":
    harness.main()
