# SPDX-License-Identifier: Apache-2.0
"""Zonemaster's whole test suite against a zone of Loadstar, in a network namespace.

The namespace has no way out. NSD serves a root and a top-level domain in it, with reverse zones;
Loadstar serves the delegated zone, with static and dynamic names, on two addresses. Addresses are
taken out of public ranges, which is harmless in here and keeps Zonemaster from complaining of them.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import peers
from peers import harness

ROOT, TLD = "198.41.0.4", "192.5.6.30"
NS1, NS2 = "185.49.140.10", "193.0.9.10"

ROOT_ZONE = f"""$TTL 86400
.          SOA a.root-servers.net. nstld.a.root-servers.net. 2026010101 1800 900 604800 86400
.          NS  a.root-servers.net.
a.root-servers.net. A {ROOT}
lab.       NS  a.nic.lab.
a.nic.lab. A   {TLD}
10.140.49.185.in-addr.arpa. PTR ns1.site.lab.
10.9.0.193.in-addr.arpa.    PTR ns2.site.lab.
"""

TLD_ZONE = f"""$TTL 86400
@         SOA a.nic hostmaster.nic 2026010101 1800 900 604800 86400
@         NS  a.nic
a.nic     A   {TLD}
site      NS  ns1.site
site      NS  ns2.site
ns1.site  A   {NS1}
ns2.site  A   {NS2}
"""

SITE_ZONE = f"""
zone: site.lab
ttl: 1h
soa: {{mname: ns1, rname: hostmaster, refresh: 4h, retry: 1h, expire: 2w, minimum: 1h, serial: 2026010101}}
records:
  "@":  {{NS: [ns1, ns2], MX: ["10 mail"], TXT: "v=spf1 mx -all", POOL: www}}
  ns1:  {{A: {NS1}}}
  ns2:  {{A: {NS2}}}
  mail: {{A: 185.49.140.25}}
  www:  {{POOL: www}}
"""

POOLS = """
sites:
  ams: {location: [52.31, 4.76]}
  iad: {location: [38.95, -77.45]}
pools:
  www:
    ttl: 30s
    steer: nearest
    sites: {ams: [185.49.140.80], iad: [193.0.9.80]}
"""

# What the laboratory lacks and no server can mend, by message tag.
NOT_OF_THE_SERVER = {
    "NEITHER_DNSKEY_NOR_DS",  # the zone is not signed
    "NOT_SIGNED",
    "NO_IPV6_NS_CHILD",       # the laboratory has IPv4 only
    "NO_IPV6_NS_DEL",
}


def run_inside():
    """Within the namespace: servers up, Zonemaster over them, its messages to stdout."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (ROOT, TLD, NS1, NS2):
        subprocess.run(["ip", "address", "add", address + "/32", "dev", "lo"], check=True)
    with tempfile.TemporaryDirectory(prefix="ls-zm-") as directory:
        def write(name, text):
            path = os.path.join(directory, name)
            with open(path, "w") as file:
                file.write(text)
            return path

        hints = write("hints", f". 3600 NS a.root-servers.net.\na.root-servers.net. 3600 A {ROOT}\n")
        closing = []
        try:
            for zone, text, address in ((".", ROOT_ZONE, ROOT), ("lab", TLD_ZONE, TLD)):
                closing.append(peers.Nsd({zone: write(f"{zone}zone", text)}, address, 53))
            server = harness.Daemon(zones={"site.lab.yaml": SITE_ZONE}, pools=POOLS,
                                    listen=[f"{NS1}:53", f"{NS2}:53"])
            closing.append(server)
            server.start()
            subprocess.run(["zonemaster-cli", "--hints", hints, "--no-ipv6", "--level=INFO",
                            "--json", "--no-progress", "--locale=C", "site.lab"],
                           timeout=700, check=True, stdin=subprocess.DEVNULL)
        finally:
            for each in reversed(closing):
                each.close()


class Zonemaster(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        harness.program("LOADSTARD", "loadstard")
        path = os.environ["PATH"] + ":/usr/sbin:/sbin"
        for tool in ("zonemaster-cli", "nsd", "ip", "unshare"):
            if shutil.which(tool, path=path) is None:
                self.skipTest(f"{tool} is missing")
        if subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode != 0:
            self.skipTest("CAP_SYS_ADMIN is missing: no network namespace can be made")

    def test_zone_is_clean(self):
        done = subprocess.run(["unshare", "-n", sys.executable, os.path.abspath(__file__),
                               "--inside"], capture_output=True, text=True, timeout=800)
        self.assertEqual(done.returncode, 0, done.stderr)
        messages = [m for m in json.loads(done.stdout)
                    if m["tag"] not in NOT_OF_THE_SERVER]
        modules = {m["module"].upper() for m in json.loads(done.stdout)}
        self.assertLessEqual({"BASIC", "CONSISTENCY", "DELEGATION", "NAMESERVER", "SYNTAX", "ZONE"},
                             modules, "not all test modules ran")
        complaints = [m for m in messages if m["level"] in ("NOTICE", "WARNING", "ERROR",
                                                            "CRITICAL")]
        self.assertEqual(complaints, [])


if __name__ == "__main__":
    if "--inside" in sys.argv:
        run_inside()
    else:
        harness.main()
