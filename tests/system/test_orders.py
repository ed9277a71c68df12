#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Orders in layers as an operator meets them: what a temporary one leaves, what a reload and a
restart do to them, and a disk that is full or read-only."""
import ctypes
import os
import subprocess
import unittest

import harness

POOLS = """\
sites: {ams: {location: [52, 4]}, iad: {location: [39, -77]}}
pools:
  www: {ttl: 5s, steer: {order: [ams, iad]},
        sites: {ams: [{address: 127.0.2.1, name: w1}, {address: 127.0.2.2, name: w2}], iad: [127.0.2.3]}}
  two: {sites: {ams: [{address: 127.0.2.4, name: web7}, {address: "2001:db8::4", name: web7}]}}
"""
ZONES = {"example.test.yaml": """\
zone: example.test
soa: {mname: ns1, rname: hostmaster}
records: {"@": {NS: [ns1]}, ns1: {A: 127.0.0.1}, www: {POOL: www}, two: {POOL: two}}
"""}
NAME = "www.example.test"
CLONE_NEWNS, MS_REC, MS_PRIVATE, MS_RDONLY, MS_REMOUNT = 0x20000, 16384, 1 << 18, 1, 32
libc = ctypes.CDLL(None, use_errno=True)


def mount(source, target, kind, flags, options):
    if libc.mount(source, target, kind, flags, options) != 0:
        raise OSError(ctypes.get_errno(), "mount")


class Orders(harness.TestCase):
    def make(self, **kw):
        self.d = self.daemon(zones=ZONES, pools=POOLS, **kw)
        return self.d

    def orders(self):
        """{id: order}"""
        return {o["id"]: o for o in self.d.ctl_json("orders")["orders"]}

    def problems(self):
        return [p["text"] for p in self.d.ctl_json("status")["problems"]]

    def test_a_temporary_order_gives_way(self):
        d = self.make()
        d.ctl("set", "www/ams/w1", "down", "--reason", "broken disk")
        self.assertEqual(d.addresses(NAME), ["127.0.2.2"])
        done = d.ctl("set", "ams", "drain", "--for", "10m")
        self.assertIn("lies above @1 www/ams/w1 down: broken disk, which waits", done.stdout)
        self.assertEqual(d.addresses(NAME), ["127.0.2.3"])
        self.assertEqual(self.orders()["@1"]["why"], "covered by @2")
        d.ctl("set", "ams", "drain", "--for", "1s")
        harness.wait_for(lambda: list(self.orders()) == ["@1"], 60)
        harness.wait_for(lambda: d.addresses(NAME) == ["127.0.2.2"], 60)
        self.assertIn("uid", self.orders()["@1"]["by"])

    def test_how_long_old_answers_live(self):
        """As long as the longest TTL of any name, also of one that a reload keeps."""
        d = self.make()
        text = ZONES["example.test.yaml"].replace("example.test", "long.test")
        d.write("zones/long.test.yaml", text.replace("{POOL: www}", "{POOL: {pool: www, ttl: 7m}}"))
        for _ in range(2):
            d.reload()
            done = d.ctl("set", "--dry-run", "www/ams", "drain")
            self.assertIn("clients may come for up to 7m more (TTL)", done.stdout)

    def test_follows_over_reload_and_restart(self):
        d = self.make()
        d.ctl("set", "www/ams/w1", "down")
        d.ctl("set", "two/ams", "drain")
        d.write("pools.yaml", POOLS.replace("name: w1", "name: db1"))
        self.assertIn("order @1 (www/ams/w1 down) follows what it was about, which is called "
                      "www/ams/db1 now", d.ctl("reload").stdout)
        self.assertEqual(d.addresses(NAME), ["127.0.2.2"])
        d.stop()
        renamed = POOLS.replace("name: w1", "name: db1").replace("ams", "fra")
        d.write("pools.yaml", renamed)
        d.start()
        self.assertEqual(d.addresses(NAME), ["127.0.2.2"])
        self.assertEqual(self.orders()["@1"]["target"], "www/fra/db1")
        self.assertEqual(self.orders()["@2"]["target"], "two/fra")
        d.write("pools.yaml", renamed.replace("{address: 127.0.2.1, name: db1}, ", ""))
        self.assertIn("order @1 (www/fra/db1 down) matches no endpoint any more",
                      d.ctl("reload").stdout)
        self.assertTrue(any("(order @1) matches no endpoint" in p for p in self.problems()))
        d.ctl("set", "www/fra/db1", "auto")
        self.assertEqual(list(self.orders()), ["@2"])
        d.ctl("set", "@2", "auto")
        self.assertEqual(self.orders(), {})

    def test_one_name_for_both_families(self):
        d = self.make()
        done = d.ctl_json("set", "two/ams/web7", "drain")
        self.assertEqual(done["endpoints"], 2)
        self.assertEqual(done["matched"], ["two/ams/web7", "two/ams/2001:db8::4"])
        self.assertEqual(d.ctl_json("set", "two/ams/2001:db8::4", "up")["endpoints"], 1)

    def trouble(self, d, why, mend):
        """The directory cannot be written any more, and then it can again."""
        refused = d.ctl("set", "www/iad", "drain", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("nothing was changed", refused.stderr)
        self.assertIn(why, refused.stderr)
        self.assertTrue(any("cannot be written: " + why in p and "--volatile works" in p
                            for p in self.problems()), self.problems())
        done = d.ctl("set", "www/ams", "drain", "--volatile")
        self.assertIn("memory only", done.stdout)
        self.assertEqual(d.addresses(NAME), ["127.0.2.3"])
        self.assertTrue(list(self.orders().values())[0]["volatile"])
        mend()
        d.ctl("set", "two/ams", "drain")
        self.assertFalse(any("cannot be written" in p for p in self.problems()))
        d.stop()
        d.start()
        self.assertEqual(len(self.orders()), 1)

    @unittest.skipIf(os.geteuid() != 0, "needs root, to mount")
    def test_full_and_read_only_file_systems(self):
        if libc.unshare(CLONE_NEWNS) != 0:
            self.skipTest("no mount namespaces here")
        mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
        for how in "full", "read-only":
            with self.subTest(how):
                d = self.make(start=False)
                state = os.path.join(d.dir, "state")
                os.makedirs(state, exist_ok=True)
                mount(b"none", state.encode(), b"tmpfs", 0, b"size=64k")
                if how == "full":
                    d.start()
                    subprocess.run(["dd", "if=/dev/zero", f"of={state}/fill"],
                                   stderr=subprocess.DEVNULL, check=False)
                    self.trouble(d, "No space left on device", lambda: os.remove(f"{state}/fill"))
                else:
                    mount(b"none", state.encode(), None, MS_REMOUNT | MS_RDONLY, None)
                    d.start()  # answers need no disk
                    self.trouble(d, "Read-only file system",
                                 lambda: mount(b"none", state.encode(), None, MS_REMOUNT, None))
                d.stop()
                libc.umount2(state.encode(), 2)


if __name__ == "__main__":
    unittest.main()
