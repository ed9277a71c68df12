#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Unbound's subnet cache in front: whatever was asked before, every client gets its own site. A
scope that is too short anywhere shows here as another network's answer out of the cache.

Clients are told by ECS in the queries to Unbound, which forwards it. Names are used for one order
of queries each, so that every order begins with an empty cache. A query is not sent again before a
server that a busy machine holds up has answered: what comes in shows what the cache had."""
import ipaddress
import os
import random
import re
import shutil
import sys
import unittest
import urllib.request

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "../system")]
import dns.rcode

import geo_world
import harness
import peers

ORDERS = 12

CONFIG = """server:
  interface: 127.0.0.1@{port}
  access-control: 127.0.0.0/8 allow
  chroot: ""
  username: ""
  pidfile: ""
  directory: "{dir}"
  use-syslog: no
  do-not-query-localhost: no
  num-threads: 1
  qname-minimisation: no
  infra-cache-min-rtt: 5000
  module-config: "subnetcache iterator"
  send-client-subnet: 127.0.0.1
  client-subnet-always-forward: yes
  max-client-subnet-ipv4: {max4}
  max-client-subnet-ipv6: {max6}
  local-zone: "test." nodefault
remote-control:
  control-enable: no
stub-zone:
  name: "example.com"
  stub-addr: 127.0.0.1@{upstream}
stub-zone:
  name: "cdn.test"
  stub-addr: 127.0.0.1@{upstream}
"""

POOLS = """sites: {ams: {}, iad: {}, sin: {}, gru: {}}
maps:
  nets:
    default: [gru]
    networks:
      11.0.0.0/8: [ams]
      11.1.0.0/16: [iad]
      11.1.1.0/24: [sin]
      11.1.1.128/26: [ams]
      11.200.0.0/13: [gru]
      "2a00::/12": [ams]
      "2a00:1::/32": [iad]
      "2a00:1:1:100::/56": [sin]
pools:
  both:
    steer: {map: nets}
    sites:
      ams: [192.0.2.1, "2001:db8::1"]
      iad: [192.0.2.2, "2001:db8::2"]
      sin: [192.0.2.3, "2001:db8::3"]
      gru: [192.0.2.4, "2001:db8::4"]
  v4only:
    steer: {map: nets}
    sites: {ams: [192.0.2.1], iad: [192.0.2.2], sin: [192.0.2.3], gru: [192.0.2.4]}
  mixed:
    steer: {map: nets}
    sites: {ams: [192.0.2.1], iad: [192.0.2.2, "2001:db8::2"], sin: ["2001:db8::3"], gru: [192.0.2.4]}
  cdn:
    steer: {map: nets}
    sites:
      ams: [{cname: ams.cdn.test}]
      iad: [{cname: iad.cdn.test}]
      sin: [{cname: sin.cdn.test}]
      gru: [{cname: gru.cdn.test}]
"""

SITES = ["ams", "iad", "sin", "gru"]
V4 = dict(zip(SITES, ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]))
V6 = dict(zip(SITES, ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"]))

# Of every network one client or more, beside each, and of none.
CLIENTS = {
    "11.0.0.1": "ams", "11.2.3.4": "ams", "11.1.0.1": "iad", "11.1.1.1": "sin", "11.1.2.1": "iad",
    "11.1.1.130": "ams", "11.1.1.200": "sin", "11.1.255.255": "iad", "11.255.0.1": "ams",
    "11.200.9.9": "gru", "10.255.255.255": "gru", "12.0.0.1": "gru", "8.8.8.8": "gru",
    "203.0.113.1": "gru", "2a00::1": "ams", "2a00:1::1": "iad", "2a00:1:1:100::1": "sin",
    "2a00:1:1:1ff::1": "sin", "2a00:1:1:200::1": "iad", "2a0f:ffff::1": "ams", "2a10::1": "gru",
    "2001:db8::1": "gru", "::ffff:11.1.1.1": "sin", "2002:b01:101::1": "sin",
    "2002:b02:101::1": "ams",
}


def zone():
    head = 'zone: example.com\nsoa: {mname: ns1, rname: h}\nrecords:\n  "@": {NS: [ns1]}\n' \
           "  ns1: {A: 192.0.2.53}\n"
    for i in range(ORDERS):
        for pool in ("both", "v4only", "mixed", "cdn"):
            head += f"  {pool}{i}: {{POOL: {pool}}}\n"
    return head + '  "*.wild": {POOL: both}\n'


CDN_ZONE = "zone: cdn.test\nsoa: {mname: ns1, rname: h}\nrecords:\n" \
           '  "@": {NS: [ns1]}\n  ns1: {A: 192.0.2.53}\n' + \
           "".join(f'  {site}: {{A: {V4[site]}, AAAA: "{V6[site]}"}}\n' for site in SITES)


class Unbound(peers.Process):
    def __init__(self, upstream, max4=32, max6=128):
        super().__init__("unbound-")
        path = os.path.join(self.dir, "unbound.conf")
        with open(path, "w") as file:
            file.write(CONFIG.format(port=self.port, dir=self.dir, upstream=upstream, max4=max4,
                                     max6=max6))
        self.launch([program(), "-d", "-p", "-c", path], "ns1.example.com", "A")


def program():
    return shutil.which("unbound") or "/usr/sbin/unbound"


@unittest.skipUnless(os.access(program(), os.X_OK), "unbound is missing: its cache is the judge")
class Test(harness.TestCase):
    def unbound(self, upstream, **kw):
        peer = Unbound(upstream, **kw)
        self.addCleanup(peer.close)
        return peer

    def setUp(self):
        self.server = self.daemon(zones={"example.com.yaml": zone(), "cdn.test.yaml": CDN_ZONE},
                                  pools=POOLS, http=True)

    def asked(self):
        """How many queries with ECS the daemon has had."""
        url = f"http://127.0.0.1:{self.server.http_port}/metrics"
        with urllib.request.urlopen(url, timeout=60) as reply:
            return int(re.search(r"^loadstar_dns_ecs_queries_total (\d+)", reply.read().decode(),
                                 re.M)[1])

    def orders(self):
        """Clients, each twice, in random order; the first order asks those of no network first, the
        second last."""
        rng = random.Random(1)
        clients = list(CLIENTS) * 2
        for i in range(ORDERS):
            rng.shuffle(clients)
            if i < 2:
                clients.sort(key=lambda c: (CLIENTS[c] == "gru") == (i == 1))
            yield i, clients

    def expect(self, peer, name, rdtype, client, want):
        response = peer.query(name, rdtype, ecs=client)
        self.assertEqual(response.rcode(), dns.rcode.NOERROR, f"{name} {rdtype} {client}")
        self.assertEqual(harness.rdata(response, rdtype), want, f"{name} {rdtype} {client}")

    def test_nested_networks_in_any_order(self):
        """Half of the queries at least are answered from the cache, or this would show nothing."""
        peer = self.unbound(self.server.port)
        before = self.asked()
        for i, clients in self.orders():
            for client in clients:
                rdtype, table = random.Random(client + str(i)).choice([("A", V4), ("AAAA", V6)])
                self.expect(peer, f"both{i}.example.com", rdtype, client, [table[CLIENTS[client]]])
        came, sent = self.asked() - before, ORDERS * 2 * len(CLIENTS)
        self.assertLessEqual(came, sent / 2)
        self.assertGreater(came, ORDERS * 8)

    def test_wildcard(self):
        peer = self.unbound(self.server.port)
        for i, clients in self.orders():
            for client in clients:
                self.expect(peer, f"n{i}.wild.example.com", "A", client, [V4[CLIENTS[client]]])

    def test_family_that_does_not_exist(self):
        """NODATA for one client must hold for every client, and hide no address. Resolvers take it
        for everybody's whatever its scope is (RFC 7871 7.4)."""
        nodata = self.server.query("v4only0.example.com", "AAAA", ecs="11.1.1.1")
        self.assertEqual((nodata.rcode(), nodata.answer, harness.ecs_scope(nodata)),
                         (dns.rcode.NOERROR, [], 0))
        peer = self.unbound(self.server.port)
        for i, clients in self.orders():
            for k, client in enumerate(clients):
                if k % 2 == i % 2:
                    self.expect(peer, f"v4only{i}.example.com", "AAAA", client, [])
                self.expect(peer, f"v4only{i}.example.com", "A", client, [V4[CLIENTS[client]]])

    def test_family_that_some_sites_lack(self):
        """It is taken from the next site: of the client's, then of the default, else of any."""
        first = {c: self.server.query("mixed0.example.com", "AAAA", ecs=c) for c in CLIENTS}
        want = {c: harness.rdata(r, "AAAA") for c, r in first.items()}
        self.assertEqual({len(addresses) for addresses in want.values()}, {1})
        peer = self.unbound(self.server.port)
        for i, clients in self.orders():
            for client in clients:
                self.expect(peer, f"mixed{i}.example.com", "AAAA", client, want[client])
                if CLIENTS[client] != "sin":
                    self.expect(peer, f"mixed{i}.example.com", "A", client, [V4[CLIENTS[client]]])

    def test_cname_pool(self):
        peer = self.unbound(self.server.port)
        for i, clients in self.orders():
            for client in clients:
                response = peer.query(f"cdn{i}.example.com", "A", ecs=client)
                site = CLIENTS[client]
                self.assertEqual((harness.rdata(response, "CNAME"), harness.rdata(response, "A")),
                                 ([f"{site}.cdn.test."], [V4[site]]), f"order {i}, {client}")

    def test_name_that_does_not_exist(self):
        peer = self.unbound(self.server.port)
        for client in ("11.1.1.1", "8.8.8.8", "2a00::1"):
            response = peer.query("nope.example.com", ecs=client)
            self.assertEqual(response.rcode(), dns.rcode.NXDOMAIN)

    def test_truncated_clients(self):
        """With Unbound's own limits of /24 and /56 for what it forwards, a client whose network is
        longer gets what the prefix around it begins with; nobody else is touched by it."""
        peer = self.unbound(self.server.port, max4=24, max6=56)
        for i, clients in self.orders():
            for client in clients:
                if not client.startswith("11.1.1.1") and ":ffff:" not in client:
                    self.expect(peer, f"both{i}.example.com", "A", client, [V4[CLIENTS[client]]])

    def test_random_worlds(self):
        """Databases, networks and maps at random; the reference says what each client gets."""
        rng = random.Random(2)
        for seed in range(3000, 3015):
            world = geo_world.World(random.Random(seed))
            names = "".join(f"  w{seed}-{i}: {{POOL: www-map}}\n" for i in range(3))
            databases = ", ".join(f"db{i}.mmdb" for i in range(len(world.databases)))
            files = dict(world.files(), **{"zones/example.com.yaml": zone().split("  both0")[0] +
                                           names})
            pools = files.pop("pools.yaml")
            server = self.daemon(zones={}, pools=pools, files=files, main=f"geo:\n  databases: "
                                 f"[{databases}]\n  networks: networks.yaml\n")
            peer = self.unbound(server.port)
            clients = [world.client() for _ in range(25)]
            for i in range(3):
                for bits, address in clients:
                    self.ask_random(peer, world, f"w{seed}-{i}.example.com", bits, address)
                rng.shuffle(clients)
            peer.close()
            server.close()

    def ask_random(self, peer, world, name, bits, address):
        sites, unplaced, _ = world.lookup("www", "map", bits, address)
        if unplaced:  # the resolver's own address decides
            sites, _, _ = world.lookup("www", "map", 32, 0x7f000001)
        kind = ipaddress.IPv4Address if bits == 32 else ipaddress.IPv6Address
        self.expect(peer, name, "A", str(kind(address)), [geo_world.ADDRESSES[sites[0]]])


if __name__ == "__main__":
    unittest.main()
