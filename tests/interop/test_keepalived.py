# SPDX-License-Identifier: Apache-2.0
"""Two real keepalived on two hosts: the VIP goes where the pool is healthy, by the file that
Loadstar writes, and by the exit code of `loadstarctl healthy`."""
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import harness  # noqa: E402
import netns  # noqa: E402

VIP = "10.98.0.100"
PATIENCE = 90

ZONE = """
zone: example.test
ttl: 5m
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s, serial: 1}
records:
  "@": {NS: ns1}
  ns1: {A: 192.0.2.1}
"""

POOLS = """
sites: {{ams: {{}}}}
checks:
  web: {{type: tcp, interval: 1s, timeout: 1s, rise: 1, fall: 2}}
pools:
  web:
    checks: [web]
    sites: {{ams: [{{address: 127.0.0.1, port: {port}}}]}}
"""

TIERS = """
tiers:
  vrrp: {{type: keepalived, pool: web, track_file: {dir}/run/web.track, weight_when_down: -50,
         interval: 2s}}
"""

CONF = """
global_defs {{
  router_id {name}
  script_user root
}}
{tracked}
vrrp_instance V {{
  state BACKUP
  interface {device}
  virtual_router_id 51
  priority {priority}
  advert_int 0.2
  version 3
  virtual_ipaddress {{
    {vip}/24
  }}
  {tracks}
}}
"""

BY_FILE = """
track_file pool {{
  file {dir}/run/web.track
  weight 1
}}
""", """
  track_file {
    pool weight 1
  }
"""

BY_SCRIPT = """
vrrp_script pool {{
  script "{ctl} -s {socket} healthy web/ams"
  interval 1
  timeout 2
  fall 1
  rise 1
  weight -50
}}
""", """
  track_script {
    pool
  }
"""


class Node:
    """One host with a back end, a loadstard that checks it, and a keepalived."""

    def __init__(self, test, host, name, priority):
        self.test, self.host, self.name, self.priority = test, host, name, priority
        with host:
            self.web = test.backend("127.0.0.1")
        self.d = test.daemon(start=False, zones={"example.test.yaml": ZONE},
                             pools=POOLS.format(port=self.web.port), listen=[],
                             server=f"node: {name}", main="tiers: tiers.yaml\n",
                             wrap=["ip", "netns", "exec", host.name])
        os.mkdir(os.path.join(self.d.dir, "run"))
        self.d.write("tiers.yaml", TIERS.format(dir=self.d.dir))
        self.track = os.path.join(self.d.dir, "run", "web.track")
        self.keepalived = None

    def start(self, tracked, tracks):
        self.d.start()
        self.d.wait_for(lambda: os.path.exists(self.track), PATIENCE)
        words = {"dir": self.d.dir, "socket": self.d.socket,
                 "ctl": harness.program("LOADSTARCTL", "loadstarctl")}
        conf = self.d.write("keepalived.conf", CONF.format(
            name=self.name, device=self.host.device, priority=self.priority, vip=VIP,
            tracked=tracked.format(**words), tracks=tracks))
        self.log = open(os.path.join(self.d.dir, "keepalived.log"), "w")
        self.keepalived = subprocess.Popen(
            ["ip", "netns", "exec", self.host.name, shutil.which("keepalived"), "-n", "-l", "-D",
             "-P", "-f", conf, "-p", conf + ".pid", "-r", conf + ".vrrp"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.test.addCleanup(self.stop)

    def stop(self):
        if self.keepalived.poll() is None:
            self.keepalived.send_signal(signal.SIGTERM)
            self.keepalived.wait(60)
        self.log.close()

    def number(self):
        with open(self.track) as file:
            return int(file.readline())

    def has_vip(self):
        return VIP in self.host.run("ip", "-4", "-o", "addr", "show", "dev", self.host.device)

    def up(self):
        with self.host:
            self.web.ok()


class Keepalived(harness.TestCase):

    def two(self, how):
        if not shutil.which("keepalived"):
            raise unittest.SkipTest("keepalived is missing")
        pair = netns.Pair(self)
        nodes = [Node(self, pair.server, "a", 110), Node(self, pair.client, "b", 100)]
        for node in nodes:
            node.start(*how)
        return nodes

    def vip_at(self, node, other, timeout=PATIENCE):
        harness.wait_for(lambda: node.has_vip() and not other.has_vip(), timeout, step=0.05)

    def test_the_vip_follows_the_file(self):
        a, b = self.two(BY_FILE)
        self.vip_at(a, b)
        self.assertEqual((a.number(), b.number()), (0, 0))
        a.web.refuse()
        self.d_is(a, -50)
        at = time.monotonic()
        self.vip_at(b, a)
        print(f"the VIP moved {time.monotonic() - at:.2f} s after the file", file=sys.stderr)
        a.up()
        self.d_is(a, 0)
        self.vip_at(a, b)
        # An order moves it as well, and the end of loadstard does not.
        a.d.ctl("set", "web/*", "drain")
        self.vip_at(b, a)
        a.d.ctl("set", "web/*", "auto")
        self.vip_at(a, b)
        self.assertEqual(a.d.stop(), 0)
        self.assertEqual(a.number(), 0)
        time.sleep(1)  # five adverts: long enough for a VIP that would go
        self.assertTrue(a.has_vip())
        # What a death leaves is told by the next start.
        a.web.refuse()
        a.d.start()
        self.vip_at(b, a)

    def d_is(self, node, number):
        node.d.wait_for(lambda: node.number() == number, PATIENCE)

    def test_the_vip_follows_the_exit_code(self):
        a, b = self.two(BY_SCRIPT)
        self.vip_at(a, b)
        a.web.refuse()
        self.vip_at(b, a)
        a.up()
        self.vip_at(a, b)


if __name__ == "__main__":
    harness.main()
