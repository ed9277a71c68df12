#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs test files as run.py does, with the daemons on another host that answers by AF_XDP.

    over_xdp.py FILE...

The tests, and the peers that they start, are on the client host of a veth pair (tests/system/netns.py);
a daemon that does not come up with AF_XDP fails its test. For tests that ask questions only: back
ends and HTTP are not reached across the pair. Where there are no namespaces, or loadstard was built
without AF_XDP, all is skipped, with one line that says so."""
import os
import subprocess
import sys
import unittest

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "system"))
import harness
import netns


class Run(harness.TestCase):
    def test_all(self):
        pair = netns.Pair(self)
        d = pair.daemon(zones={"z.test.zone": "@ 60 SOA a a 1 2 3 4 5\n@ 60 NS a\na 60 A 192.0.2.1\n"},
                        server="xdp: {interfaces: veth-s}")
        if "notice: AF_XDP on" not in d.log():
            self.skipTest("no AF_XDP to be had: " + d.log().splitlines()[0])
        d.stop()
        env = dict(os.environ, LOADSTAR_XDP=f"10.98.0.1 veth-s {pair.server.name}")
        done = subprocess.run(["ip", "netns", "exec", pair.client.name, sys.executable,
                               os.path.join(here, "run.py"), *files], env=env)
        self.assertEqual(done.returncode, 0)


files = sys.argv[1:]
unittest.main(argv=sys.argv[:1], verbosity=2)
