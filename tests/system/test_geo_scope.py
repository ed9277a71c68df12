#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Address and ECS scope of every answer are exact: random databases of both schemas, networks, maps
and clients, through the real daemon, against the slow reference of geo_world.py.

GEO_WORLDS in the environment sets how many worlds (each of 8 questions), GEO_SEED the first."""
import ipaddress
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import geo_world
import harness

LONG = "two thousand questions, each with a slow reference"

WORLDS = int(os.environ.get("GEO_WORLDS", "250"))
SEED = int(os.environ.get("GEO_SEED", "1"))
NAMES = [(pool, steer) for pool in ("www", "part") for steer in ("map", "nearest")]

ZONE = """zone: example.com
soa: {mname: ns1, rname: hostmaster}
records:
  "@": {NS: [ns1]}
  ns1: {A: 192.0.2.53}
""" + "".join(f"  {pool}-{steer}: {{POOL: {pool}-{steer}}}\n" for pool, steer in NAMES)


def geo_section(world):
    databases = ", ".join(f"db{i}.mmdb" for i in range(len(world.databases)))
    return f"geo:\n  databases: [{databases}]\n  networks: networks.yaml\n"


class Test(harness.TestCase):
    def load(self, daemon, world):
        """Puts the world's files in place, the main file last."""
        files = world.files()
        for name, content in files.items():
            daemon.write(name, content)
        head = daemon.read("loadstar.yaml").split("geo:")[0]
        daemon.write("loadstar.yaml", head + geo_section(world))

    def ask(self, daemon, world, seed):
        bits, address = world.client()
        pool, steer = world.rng.choice(NAMES)
        source = world.rng.choice([bits, bits, 24 if bits == 32 else 56])
        address = geo_world.mask(bits, address, source)[1]
        sites, unplaced, scope = world.lookup(pool, steer, bits, address)
        if unplaced:  # the resolver's own address decides, 127.0.0.1
            sites, _, _ = world.lookup(pool, steer, 32, 0x7f000001)
            scope = source
        kind = ipaddress.IPv4Address if bits == 32 else ipaddress.IPv6Address
        ecs = f"{kind(address)}/{source}"
        response = daemon.query(f"{pool}-{steer}.example.com", ecs=ecs)
        self.assertEqual((harness.rdata(response, "A"), harness.ecs_scope(response)),
                         ([geo_world.ADDRESSES[sites[0]]], scope),
                         f"seed {seed}, {pool}-{steer}, client {ecs}, order {sites}")

    def test_random_worlds(self):
        daemon = None
        for seed in range(SEED, SEED + WORLDS):
            world = geo_world.World(random.Random(seed))
            if daemon is None:
                daemon = self.make_daemon(world)
            else:
                self.load(daemon, world)
                daemon.hup()
            for _ in range(8):
                self.ask(daemon, world, seed)

    def make_daemon(self, world):
        return self.daemon(zones={"example.com.yaml": ZONE}, pools=world.files()["pools.yaml"],
                           files=world.files(), main=geo_section(world))


if __name__ == "__main__":
    unittest.main()
