#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Address and ECS scope as gdnsd has them: random databases, networks, maps and clients, both
servers asked the same, and the slow reference of geo_world.py as the judge.

GEO_WORLDS in the environment sets how many worlds (each of 8 questions), GEO_SEED the first."""
import ipaddress
import os
import random
import sys
import unittest

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "../system")]
import gdnsd
import geo_world
import harness

WORLDS = int(os.environ.get("GEO_WORLDS", "125"))
SEED = int(os.environ.get("GEO_SEED", "1"))
AT_ONCE = 25  # worlds in one gdnsd

ZONE = """zone: example.com
soa: {mname: ns1, rname: hostmaster}
records: {"@": {NS: [ns1]}, ns1: {A: 192.0.2.53}, www-map: {POOL: www-map},
          www-nearest: {POOL: www-nearest}}
"""
MAIN = "geo: {databases: [db0.mmdb], networks: networks.yaml}\n"


def make_world(seed, steer):
    """All private ranges are placed by the database: of those that are not, Loadstar takes the
    resolver's address instead (RFC 7871 11.3), which gdnsd does not."""
    world = geo_world.World(random.Random(seed), rich=False, located=steer == "nearest")
    loopback = geo_world.prefix("::1/128")  # in a database that is 0.0.0.1
    facts = {"continent": "EU", "country": "FR", "location": (48.9, 2.4)}
    placed = [(p, facts) for p in geo_world.PRIVATE if p != loopback]
    world.databases[0][:0] = placed
    world.reindex()
    return world


class Test(harness.TestCase):
    def load(self, world):
        for name, content in world.files().items():
            self.server.write(name, content)
        self.server.hup()

    def client(self, world):
        """Not in ::/64, the windows there apart: gdnsd takes ::/96 (IPv4-compatible, deprecated by
        RFC 4291 2.5.5.1) and ::ffff:0:0:0/96 (RFC 2765, obsolete) for IPv4, too."""
        while True:
            bits, address = world.client(windows=True)
            source = world.rng.choice([bits, bits, 24 if bits == 32 else 56])
            _, address, _ = geo_world.mask(bits, address, source)
            low = geo_world.covers(geo_world.prefix("::/64"), (bits, address, bits))
            if not low or geo_world.window_of((bits, address, bits)):
                return bits, address, source

    def ask(self, world, index, seed):
        bits, address, source = self.client(world)
        kind = ipaddress.IPv4Address if bits == 32 else ipaddress.IPv6Address
        ecs = f"{kind(address)}/{source}"
        sites, _, scope = world.lookup("www", self.steer, bits, address)
        want = ([geo_world.ADDRESSES[sites[0]]], scope)
        ours = self.server.query(f"www-{self.steer}.example.com", ecs=ecs)
        theirs = self.peer.query(f"w{index}.example.com", ecs=ecs)
        what = f"seed {seed}, client {ecs}, order {sites}"
        self.assertEqual((harness.rdata(ours, "A"), harness.ecs_scope(ours)), want, what)
        got = (harness.rdata(theirs, "A"), harness.ecs_scope(theirs))
        if self.is_finer(world, self.steer, bits, got, want):
            return
        self.assertEqual(got, want, "gdnsd: " + what)

    @staticmethod
    def is_finer(world, steer, bits, got, want):
        """Where all of IPv4 has one answer, a neighbour of 6to4's, Teredo's or the other windows
        that has it, too, shares a prefix with it. gdnsd never joins them: its scope is longer than
        it had to be, which is allowed (RFC 7871 7.2.1) but fills caches."""
        return (bits == 128 and world.uniform("www", steer, (32, 0, 0)) is not None and
                got[0] == want[0] and got[1] > want[1])

    def compare(self, steer):
        if not gdnsd.is_here():
            self.skipTest("gdnsd is missing: it is the peer that is compared with")
        self.steer = steer
        first = make_world(SEED, steer)
        self.server = self.daemon(zones={"example.com.yaml": ZONE}, files=first.files(), main=MAIN,
                                  pools=first.files()["pools.yaml"])
        for start in range(SEED, SEED + WORLDS, AT_ONCE):
            worlds = {seed: make_world(seed, steer) for seed in range(start, start + AT_ONCE)}
            self.peer = gdnsd.Gdnsd(list(worlds.values()))
            try:
                for index, (seed, world) in enumerate(worlds.items()):
                    self.load(world)
                    for _ in range(8):
                        self.ask(world, index, seed)
            finally:
                self.peer.close()

    def test_maps(self):
        self.compare("map")

    def test_distances(self):
        self.compare("nearest")


if __name__ == "__main__":
    unittest.main()
