# SPDX-License-Identifier: Apache-2.0
"""Steering end to end: every steer, pick, min_up and on_all_down over real queries with client
subnets, the rule of families, fallback pools, pools of names, and explain against the answers."""
import collections
import ipaddress
import random
import socket
import struct

import dns.rcode

import harness
import mmdb

SITES = """
sites:
  ams: {location: [52.31, 4.76]}
  iad: {location: [38.95, -77.45]}
  sin: {location: [1.35, 103.99]}
  lab: {}
"""

# Every site has two addresses of each family, told apart by their last number.
THREE = """
      ams: [192.0.2.11, 192.0.2.12, "2001:db8::11", "2001:db8::12"]
      iad: [192.0.2.21, 192.0.2.22, "2001:db8::21", "2001:db8::22"]
      sin: [192.0.2.31, 192.0.2.32, "2001:db8::31", "2001:db8::32"]
"""
WAIT = 60  # seconds, for what is soon so on any machine
SITE_OF = {"1": "ams", "2": "iad", "3": "sin"}

ZONE_HEAD = """
zone: example.test
ttl: 1h
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s}
records:
  "@": {NS: ns1}
  ns1: {A: 192.0.2.53}
"""

GERMANY = {"continent": {"code": "EU"}, "country": {"iso_code": "DE"},
           "location": {"latitude": 50.11, "longitude": 8.68}}
CALIFORNIA = {"continent": {"code": "NA"}, "country": {"iso_code": "US"},
              "subdivisions": [{"iso_code": "CA"}],
              "location": {"latitude": 37.77, "longitude": -122.42}}
OHIO = {"continent": {"code": "NA"}, "country": {"iso_code": "US"},
        "subdivisions": [{"iso_code": "OH"}],
        "location": {"latitude": 39.96, "longitude": -83.0}}
INDIA = {"continent": {"code": "AS"}, "country": {"iso_code": "IN"},
         "location": {"latitude": 19.07, "longitude": 72.88}}
JAPAN = {"continent": {"code": "AS"}, "country": {"iso_code": "JP"},
         "location": {"latitude": 35.68, "longitude": 139.69}}
GERMAN_AS = dict(GERMANY, autonomous_system_number=64500)

CLIENTS = {
    "20.1.0.0/16": GERMANY, "20.1.128.0/20": GERMAN_AS, "20.2.0.0/16": CALIFORNIA,
    "20.3.0.0/16": OHIO, "20.4.0.0/16": INDIA, "20.5.0.0/16": JAPAN,
    "2a10:1::/32": GERMANY, "2a10:2::/32": CALIFORNIA, "2a10:4::/32": INDIA,
}

NETWORKS = """
20.1.7.0/24: {site: sin}
20.9.0.0/16: {tag: office}
10.1.0.0/16: {country: IN}
"""


def zone(*names, extra=""):
    return ZONE_HEAD + "".join(f"  {name}: {{POOL: {name}}}\n" for name in names) + extra


def chi2_fits(seen, shares):
    """Pearson's test; a right generator fails once in 1,000,000,000 runs (Wilson and Hilferty)."""
    total = sum(seen.values())
    if set(seen) - {key for key, share in shares.items() if share > 0}:
        return False
    if len(shares) == 1:
        return True
    statistic = sum((seen.get(key, 0) - total * share) ** 2 / (total * share)
                    for key, share in shares.items() if share > 0)
    degrees = len(shares) - 1
    a = 2 / (9 * degrees)
    return statistic <= degrees * (1 - a + 5.9978 * a ** 0.5) ** 3


class Prober:
    """Many queries over one socket: dnspython is too slow for samples of thousands."""

    def __init__(self, daemon):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(WAIT)
        self.socket.connect((daemon.address, daemon.port))

    def close(self):
        self.socket.close()

    @staticmethod
    def query(name, rdtype, ecs):
        number = {"A": 1, "AAAA": 28}[rdtype]
        labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0"
        packet = struct.pack("!6H", 7, 0, 1, 0, 0, 1) + labels + struct.pack("!2H", number, 1)
        option = b""
        if ecs is not None:
            net = ipaddress.ip_network(ecs)
            address = net.network_address.packed[:(net.prefixlen + 7) // 8]
            option = struct.pack("!HBB", 1 if net.version == 4 else 2, net.prefixlen, 0) + address
            option = struct.pack("!2H", 8, len(option)) + option
        return packet + b"\0" + struct.pack("!2HIH", 41, 1232, 0, len(option)) + option

    def answers(self, name, rdtype="A", ecs=None):
        """Addresses in the order of the response: RRs follow the question with pointers."""
        packet = self.query(name, rdtype, ecs)
        self.socket.send(packet)
        response = self.socket.recv(4096)
        count = struct.unpack("!H", response[6:8])[0]
        at, size, out = 12 + len(name) + 2 + 4, {"A": 4, "AAAA": 16}[rdtype], []
        for _ in range(count):
            out.append(str(ipaddress.ip_address(response[at + 12:at + 12 + size])))
            at += 12 + size
        return out


class Steering(harness.TestCase):
    def steered(self, pools, *names, extra="", more=None, **kw):
        """A daemon with the test's database, where each name is steered to the pool of its name;
        `more` zones beside it."""
        d = self.daemon(zones={"example.test.yaml": zone(*names, extra=extra), **(more or {})},
                        pools=SITES + pools, files={"networks.yaml": NETWORKS},
                        main="geo: {databases: [city.mmdb], networks: networks.yaml}\n",
                        start=False, **kw)
        mmdb.write(d.dir + "/city.mmdb", CLIENTS)
        d.start()
        self.prober = Prober(d)
        self.addCleanup(self.prober.close)
        return d

    def site(self, d, name, client, rdtype="A"):
        """The site that a client is sent to."""
        found = {SITE_OF[a.replace(":", ".").split(".")[-1][0]]
                 for a in d.addresses(f"{name}.example.test", rdtype, ecs=client)}
        self.assertEqual(len(found), 1, f"{name} {rdtype} for {client}: {found}")
        return found.pop()

    def order(self, d, name, client):
        """The order of sites for a client: each is put down when it was seen first."""
        seen = []
        for _ in range(3):
            d.wait_for(lambda: self.site(d, name, client) not in seen, WAIT)
            seen.append(self.site(d, name, client))
            if len(seen) < 3:
                d.ctl("set", f"{name}/{seen[-1]}", "down")
        d.ctl("set", f"{name}/*", "auto")
        d.wait_for(lambda: self.site(d, name, client) == seen[0], WAIT)
        return seen

    def expect(self, d, name, addresses, rdtype="A", **kw):
        """Waits until a name has just these addresses: changes take up to 50 ms."""
        got = []

        def same():
            got[:] = d.addresses(f"{name}.example.test", rdtype, **kw)
            return got == sorted(addresses)
        try:
            d.wait_for(same, WAIT)
        except AssertionError:
            self.assertEqual(got, sorted(addresses))


class Places(Steering):
    def test_nearest_goes_by_great_circle(self):
        d = self.steered("pools:\n  www:\n    steer: nearest\n    sites:" + THREE, "www")
        self.assertEqual(self.order(d, "www", "20.1.0.0/24"), ["ams", "iad", "sin"])
        self.assertEqual(self.order(d, "www", "20.2.0.0/24"), ["iad", "ams", "sin"])
        self.assertEqual(self.order(d, "www", "20.4.0.0/24"), ["sin", "ams", "iad"])
        self.assertEqual(self.order(d, "www", "2a10:4::/48"), ["sin", "ams", "iad"])
        # geo.networks puts it at sin; an unknown client gets the order of the file.
        self.assertEqual(self.order(d, "www", "20.1.7.0/24"), ["sin", "ams", "iad"])
        self.assertEqual(self.order(d, "www", "99.1.2.0/24"), ["ams", "iad", "sin"])
        for embedded in "::ffff:20.4.0.0/120", "64:ff9b::20.4.0.0/120", "2002:1404::/32":
            self.assertEqual(self.site(d, "www", embedded), "sin", embedded)

    def test_the_most_specific_key_of_a_map_decides(self):
        d = self.steered("""
maps:
  world:
    default: [iad, ams]
    continents: {EU: [ams], AS: [sin, ams], NA: [iad]}
    countries: {IN: [ams, sin], US: [ams]}
    subdivisions: {US-CA: [sin]}
    asns: {64500: [iad, sin]}
    tags: {office: [sin]}
    networks: {20.1.128.0/24: [sin], 20.1.128.64/26: [ams], 2a10:1:2::/48: [sin]}
pools:
  www:
    steer: {map: world}
    sites:""" + THREE, "www")
        cases = {
            "99.1.2.0/24": ["iad", "ams"],          # default
            "20.1.0.0/24": ["ams", "iad"],          # continent EU, then what default has besides
            "20.5.0.0/24": ["sin", "ams", "iad"],   # continent AS
            "20.4.0.0/24": ["ams", "sin", "iad"],   # country IN before AS
            "20.3.0.0/24": ["ams", "iad"],          # country US: Ohio has no key of its own
            "20.2.0.0/24": ["sin", "iad", "ams"],   # subdivision US-CA
            "20.1.129.0/24": ["iad", "sin", "ams"],  # asn before country and continent
            "20.9.0.0/24": ["sin", "iad", "ams"],   # tag
            "20.1.128.0/26": ["sin", "iad", "ams"],  # network before asn
            "20.1.128.64/26": ["ams", "iad"],       # the longest network
            "2a10:1:1::/48": ["ams", "iad"],
            "2a10:1:2::/48": ["sin", "iad", "ams"],
            "10.1.2.0/24": ["ams", "sin", "iad"],   # geo.networks: country IN
            "20.1.7.0/24": ["sin", "ams", "iad"],   # geo.networks: site sin, then EU's
        }
        for client, sites in cases.items():
            explained = d.ctl_json("explain", "www.example.test", "--ecs", client)
            ranked = [s["site"] for s in explained["sites"] if s["rank"] is not None]
            self.assertEqual(ranked, sites, (client, explained["rule"]))
            self.assertEqual(self.site(d, "www", client), sites[0], client)
        self.assertEqual(self.order(d, "www", "20.4.0.0/24"), ["ams", "sin", "iad"])

    def test_scope_is_the_depth_of_the_leaf(self):
        d = self.steered("""
maps:
  world: {default: [iad], countries: {DE: [ams]}, networks: {20.1.128.0/25: [sin]}}
pools:
  www:
    steer: {map: world}
    sites:""" + THREE + """
  fixed:
    steer: {order: [iad, ams]}
    sites:""" + THREE, "www", "fixed")

        def scope(name, client):
            return harness.ecs_scope(d.query(name + ".example.test", ecs=client))
        self.assertEqual(scope("www", "20.1.128.0/24"), 25)
        self.assertEqual(scope("www", "20.1.128.128/25"), 25)
        self.assertEqual(scope("www", "20.1.129.0/24"), 24)
        self.assertEqual(scope("www", "20.1.0.0/24"), 22)  # 20.1.7.0/24 is another's
        self.assertEqual(scope("www", "20.0.0.0/24"), 16)
        self.assertEqual(scope("fixed", "20.1.128.0/24"), 0)

    def test_unplaced_subnets_leave_it_to_the_resolver(self):
        d = self.steered("""
maps:
  world: {default: [iad], countries: {IN: [sin]}, networks: {127.0.0.0/8: [ams]}}
pools:
  www:
    steer: {map: world}
    sites:""" + THREE, "www")
        for client, length in ("192.168.3.0/24", 24), ("10.77.0.0/16", 16), ("fd00::/40", 40):
            response = d.query("www.example.test", ecs=client)
            self.assertEqual(harness.ecs_scope(response), length, client)
            self.assertEqual(self.site(d, "www", client), "ams", client)
            explained = d.ctl_json("explain", "www.example.test", "--ecs", client)
            self.assertEqual((explained["source"], explained["site"], explained["ecs_scope"]),
                             ("resolver", "ams", length))
        self.assertEqual(self.site(d, "www", "10.1.0.0/24"), "sin")  # geo.networks places it
        self.assertEqual(self.site(d, "www", "99.0.0.0/24"), "iad")

    def test_order_all_and_split(self):
        d = self.steered("""
pools:
  order:
    steer: {order: [sin, ams]}
    sites:""" + THREE + """
  all:
    steer: all
    sites: {ams: [192.0.2.11, {address: 192.0.2.12, weight: 3}], sin: [{address: 192.0.2.31, weight: 4}]}
  split:
    steer: {split: {ams: 1, iad: 3, sin: 0}}
    sites:""" + THREE, "order", "all", "split")
        self.assertEqual(self.site(d, "order", "20.1.0.0/24"), "sin")
        d.ctl("set", "order/sin", "drain")
        d.wait_for(lambda: self.site(d, "order", "20.1.0.0/24") == "ams", WAIT)

        def shares(name):
            return collections.Counter(a for _ in range(8000)
                                       for a in self.prober.answers(name + ".example.test"))
        seen = shares("all")
        self.assertTrue(chi2_fits(seen, {"192.0.2.11": 1 / 8, "192.0.2.12": 3 / 8,
                                         "192.0.2.31": 1 / 2}), seen)
        seen = shares("split")
        self.assertTrue(chi2_fits(seen, {"192.0.2.11": 1 / 8, "192.0.2.12": 1 / 8,
                                         "192.0.2.21": 3 / 8, "192.0.2.22": 3 / 8}), seen)
        d.ctl("set", "split/iad", "down")
        d.wait_for(lambda: not {s["site"]: s["up"] for s in d.ctl_json(
            "explain", "split.example.test")["sites"]}["iad"], WAIT)
        self.assertEqual(set(shares("split")), {"192.0.2.11", "192.0.2.12"})
        # sin has no weight: it serves now that no other site is up
        effect = d.ctl("set", "split/ams", "down").stdout
        self.assertIn("sin takes 100%", effect)
        d.wait_for(lambda: self.site(d, "split", "20.1.0.0/24") == "sin", WAIT)
        explained = d.ctl_json("explain", "split.example.test")
        self.assertEqual(explained["reason"], "no site with a weight is up: sin is a reserve")


class Picks(Steering):
    WEIGHTS = [1, 2, 3, 10]

    def pools(self, **kw):
        """One pool per pick, both families weighted alike."""
        lines = ["pools:"]
        for pick in "weighted", "all", "ordered", "sticky":
            lines += [f"  {pick}:", "    steer: {order: [ams]}", f"    pick: {pick}"]
            lines += [f"    {key}: {value}" for key, value in kw.items()]
            lines += ["    sites:", "      ams:"]
            for i, weight in enumerate(self.WEIGHTS):
                lines += [f"        - {{address: 192.0.2.{i}, weight: {weight}}}",
                          f"        - {{address: \"2001:db8::{i + 1}\", weight: {weight}}}"]
        return "\n".join(lines) + "\n"

    def index(self, address):
        return int(address.split(".")[-1]) if "." in address else int(address[-1]) - 1

    def sample(self, pick, rdtype, n=6000):
        seen = collections.Counter()
        for i in range(n):
            client = f"{20 + i // 65536}.{i // 256 % 256}.{i % 256}.0/24"
            answer = self.prober.answers(f"{pick}.example.test", rdtype, ecs=client)
            seen[tuple(map(self.index, answer))] += 1
        return seen

    def test_first_answers_follow_the_weights(self):
        self.steered(self.pools(answers=1), "weighted", "all", "ordered", "sticky")
        by_weight = {(i,): w / sum(self.WEIGHTS) for i, w in enumerate(self.WEIGHTS)}
        expected = {"weighted": by_weight, "sticky": by_weight,
                    "all": {(i,): 1 / 4 for i in range(4)}, "ordered": {(0,): 1}}
        for pick, shares in expected.items():
            for rdtype in "A", "AAAA":
                seen = self.sample(pick, rdtype)
                self.assertTrue(chi2_fits(seen, shares), (pick, rdtype, seen))

    def test_several_answers(self):
        self.steered(self.pools(answers=2), "weighted", "all", "ordered", "sticky")
        total = sum(self.WEIGHTS)
        pairs = {(a, b): x / total * y / (total - x)
                 for a, x in enumerate(self.WEIGHTS) for b, y in enumerate(self.WEIGHTS) if a != b}
        # 10 of 16 is more than one in two: always in. The others share the second place.
        drawn = {(3, i): 10 / 16 * w / 6 for i, w in enumerate(self.WEIGHTS[:3])}
        drawn.update({(i, 3): 6 / 16 * w / 6 for i, w in enumerate(self.WEIGHTS[:3])})
        expected = {"weighted": drawn, "sticky": pairs,
                    "all": {(i, (i + 1) % 4): 1 / 4 for i in range(4)}, "ordered": {(0, 1): 1}}
        for pick, shares in expected.items():
            for rdtype in "A", "AAAA":
                seen = self.sample(pick, rdtype)
                self.assertTrue(chi2_fits(seen, shares), (pick, rdtype, seen))

    def test_sticky_moves_only_who_must(self):
        d = self.steered(self.pools(answers=1), "sticky")
        clients = [f"20.{i // 256}.{i % 256}.0/24" for i in range(4000)]

        def assigned():
            return [self.index(self.prober.answers("sticky.example.test", "A", ecs=c)[0])
                    for c in clients]
        before = assigned()
        self.assertEqual(assigned(), before)
        d.ctl("set", "sticky/ams/192.0.2.2", "drain")
        d.wait_for(lambda: 2 not in assigned(), WAIT)
        after = assigned()
        moved = sum(a != b for a, b in zip(after, before))
        self.assertAlmostEqual(moved / len(clients), 3 / sum(self.WEIGHTS), delta=0.02)
        self.assertTrue(all(a == b for a, b in zip(after, before) if b != 2))
        self.assertGreaterEqual(harness.ecs_scope(d.query("sticky.example.test",
                                                          ecs="20.0.0.0/16")), 24)
        self.assertEqual(harness.ecs_scope(d.query("sticky.example.test", ecs="2a10::/32")), 56)
        d.ctl("set", "sticky/ams/192.0.2.2", "auto")
        d.wait_for(lambda: assigned() == before, WAIT)

    def test_sticky_minds_addresses_and_seeds_alone(self):
        d = self.steered("""
pools:
  sticky:
    steer: all
    pick: sticky
    sites: {ams: [192.0.2.0, 192.0.2.1, 192.0.2.2], iad: [192.0.2.3, 192.0.2.4]}
""", "sticky")
        clients = [f"20.{i // 256}.{i % 256}.0/24" for i in range(1000)]

        def assigned():
            return [self.index(self.prober.answers("sticky.example.test", "A", ecs=c)[0])
                    for c in clients]

        def change(*pairs):
            text = d.read("pools.yaml")
            for old, new in pairs:
                self.assertIn(old, text)
                text = text.replace(old, new)
            d.write("pools.yaml", text)
            d.reload()
            return assigned()
        before = assigned()
        self.assertEqual(len(set(before)), 5)
        # Names of endpoints and sites, the order and the grouping move nobody.
        self.assertEqual(change(("[192.0.2.0,", "[{address: 192.0.2.0, name: w0},")), before)
        self.assertEqual(change(("192.0.2.2], iad: [192.0.2.3", "192.0.2.3], iad: [192.0.2.2")),
                         before)
        self.assertEqual(change(("ams: [{", "lab: [{"), ("iad: [1", "ams: [1")), before)
        # An address changes: by the old one as seed its clients stay, without they spread.
        self.assertEqual(change(("192.0.2.4]", "{address: 192.0.2.9, seed: 192.0.2.4}]")),
                         [9 if x == 4 else x for x in before])
        after = change((", seed: 192.0.2.4", ""))
        moved = sum(x != (9 if y == 4 else y) for x, y in zip(after, before))
        self.assertTrue(100 < moved < 700, moved)
        self.assertTrue(all(x == y or x == 9 for x, y in zip(after, before) if y != 4))
        # The pool by another name.
        text = d.read("pools.yaml").replace("  sticky:", "  other:\n    seed: sticky")
        d.write("pools.yaml", text)
        d.write("zones/example.test.yaml", zone(extra="  sticky: {POOL: other}\n"))
        d.reload()
        self.assertEqual(assigned(), after)

    def test_weights_by_order_count_at_once(self):
        d = self.steered(self.pools(answers=1), "weighted")
        for i, weight in enumerate((5, 0, 5, 0)):
            d.ctl("weight", f"weighted/ams/192.0.2.{i}", str(weight))
        d.wait_for(lambda: set(self.sample("weighted", "A", 200)) == {(0,), (2,)}, WAIT)
        seen = self.sample("weighted", "A")
        self.assertTrue(chi2_fits(seen, {(0,): 1 / 2, (2,): 1 / 2}), seen)


class Policies(Steering):
    def test_min_up(self):
        d = self.steered("""
pools:
  www:
    steer: {order: [ams, iad]}
    min_up: 50%
    answers: 9
    sites:
      ams: [{address: 192.0.2.11, weight: 6}, {address: 192.0.2.12, weight: 3}, 192.0.2.13]
      iad: [192.0.2.21, 192.0.2.22]
""", "www")
        ams = [f"192.0.2.1{i}" for i in (1, 2, 3)]
        self.expect(d, "www", ams)
        d.ctl("set", "www/ams/192.0.2.12", "down")
        self.expect(d, "www", [ams[0], ams[2]])  # 7 of 10
        d.ctl("set", "www/ams/192.0.2.11", "down")
        self.expect(d, "www", ["192.0.2.21", "192.0.2.22"])  # 1 of 10
        d.ctl("set", "www/iad", "down")
        self.expect(d, "www", [ams[2]])  # no site is up: the first with any
        explained = d.ctl_json("explain", "www.example.test")
        self.assertEqual([s["up"] for s in explained["sites"]], [False, False])
        self.assertIn("below min_up 50%", explained["sites"][0]["reason"])

    def test_on_all_down(self):
        dead = "      ams: [{address: 127.0.0.1, port: 1}, {address: \"::1\", port: 1}]\n"
        pools = "checks: {web: {type: tcp, interval: 200ms, timeout: 100ms, fall: 1}}\npools:\n"
        for policy in "serve_all", "nodata", "servfail", "{fallback: other}":
            name = policy.strip("{}").split(":")[0]
            pools += (f"  {name}:\n    checks: [web]\n    on_all_down: {policy}\n"
                      f"    sites:\n{dead}")
        pools += "  other: {sites: {iad: [192.0.2.21]}}\n"
        d = self.steered(pools, "serve_all", "nodata", "servfail", "fallback")

        def rcode(name, rdtype="A"):
            return d.query(name + ".example.test", rdtype).rcode()
        d.wait_for(lambda: rcode("servfail") == dns.rcode.SERVFAIL, WAIT)
        self.expect(d, "serve_all", ["127.0.0.1"])
        self.expect(d, "serve_all", ["::1"], "AAAA")
        self.expect(d, "nodata", [])
        self.assertEqual(rcode("nodata"), dns.rcode.NOERROR)
        self.expect(d, "fallback", ["192.0.2.21"])
        self.expect(d, "fallback", ["::1"], "AAAA")  # the other pool is not configured for it
        explained = d.ctl_json("explain", "fallback.example.test")
        self.assertEqual((explained["pool"], explained["answers"]), ("other", ["192.0.2.21"]))
        self.assertEqual(explained["fallback_from"][0]["pool"], "fallback")
        self.assertIn("falls back to other", explained["reason"])
        # The operator's word wins over serve_all, and can bring an endpoint up against its checks.
        d.ctl("set", "serve_all/ams/127.0.0.1", "drain")
        self.expect(d, "serve_all", [])
        d.ctl("set", "nodata/ams/127.0.0.1", "up")
        self.expect(d, "nodata", ["127.0.0.1"])

    def test_a_fallback_answers_by_its_own_settings(self):
        d = self.steered("""
pools:
  www:
    ttl: {min: 50s, max: 60s}
    pick: all
    on_all_down: {fallback: two}
    sites: {ams: [192.0.2.11, 192.0.2.12]}
  two: {ttl: 40s, on_all_down: {fallback: three}, sites: {iad: [192.0.2.21, 192.0.2.22]}}
  three: {ttl: 7s, pick: all, sites: {iad: [192.0.2.23, 192.0.2.24]}}
""", "www", extra="  own: {POOL: {pool: www, ttl: {min: 1s, max: 9s}, answers: 1}}\n")

        def seen(name):
            answer = d.query(name + ".example.test").answer[0]
            return answer.ttl, len(answer)
        self.assertEqual([seen("www"), seen("own")], [(60, 2), (9, 1)])
        d.ctl("set", "www/*", "down")
        d.wait_for(lambda: seen("www") == (40, 1) and seen("own") == (9, 1), WAIT)
        self.assertEqual(d.ctl_json("explain", "www.example.test")["ttl_reason"],
                         "40s fixed, of pool two")
        d.ctl("set", "two/*", "down")
        d.wait_for(lambda: seen("www") == (7, 2) and seen("own") == (9, 1), WAIT)

    def test_one_site_of_a_pool(self):
        d = self.steered("""
maps: {world: {default: [iad, ams], continents: {EU: [ams]}}}
pools:
  www:
    steer: {map: world}
    on_all_down: {fallback: sorry}
    sites: {ams: [192.0.2.11, 192.0.2.12], iad: [192.0.2.21, "2001:db8::21"]}
  sorry: {sites: {sin: [192.0.2.31]}}
""", "www", extra="  at-ams: {POOL: www/ams}\n  at-iad: {POOL: {pool: www/iad, ttl: 9s}}\n",
                         more={"more.test.zone": "@ 60 SOA ns1 h 1 2 3 4 5\n@ 60 NS ns1\n"
                                                 "ns1 60 A 192.0.2.53\n"
                                                 "ams POOL www/ams answers=2 ttl=2s-4s\n"})
        for client in "20.1.0.0/24", "20.2.0.0/24":
            self.expect(d, "at-iad", ["192.0.2.21"], ecs=client)
            self.expect(d, "at-iad", ["2001:db8::21"], "AAAA", ecs=client)
            self.expect(d, "at-ams", [], "AAAA", ecs=client)
            self.assertIn(self.site(d, "at-ams", client), "ams")
        self.assertEqual(d.query("at-iad.example.test").answer[0].ttl, 9)
        self.assertEqual(harness.ecs_scope(d.query("at-iad.example.test", ecs="20.1.0.0/24")), 0)
        answer = d.query("ams.more.test").answer[0]
        self.assertEqual((answer.ttl, len(answer)), (4, 2))
        explained = d.ctl_json("explain", "at-iad.example.test", "--ecs", "20.1.0.0/24")
        self.assertEqual((explained["site"], explained["class"], explained["rule"],
                          explained["ecs_scope"]),
                         ("iad", None, "site iad alone, as the name asks", 0))
        # Others of the pool's sites do not step in: on_all_down is about this one.
        effect = d.ctl("set", "www/iad", "down").stdout
        self.assertIn("at names of www/iad: nothing is up, answers come from pool sorry", effect)
        self.expect(d, "at-iad", ["192.0.2.31"], ecs="20.1.0.0/24")
        self.assertIn(self.site(d, "www", "20.2.0.0/24"), "ams")
        # A reload that keeps the zone, and one by which the site has another number.
        d.ctl("set", "www/iad", "auto")
        d.reload()
        self.expect(d, "at-iad", ["192.0.2.21"], ecs="20.1.0.0/24")
        d.write("pools.yaml", d.read("pools.yaml").replace(
            "{ams: [192.0.2.11, 192.0.2.12], iad: [192.0.2.21, \"2001:db8::21\"]}",
            "{sin: [192.0.2.32], iad: [192.0.2.22], ams: [192.0.2.13]}"))
        d.reload()
        self.expect(d, "at-iad", ["192.0.2.22"])
        self.expect(d, "at-ams", ["192.0.2.13"])
        d.write("pools.yaml", d.read("pools.yaml").replace("iad: [192.0.2.22], ", ""))
        reply = d.reload(check=False)
        self.assertEqual(reply.returncode, 1)
        self.assertIn("example.test.yaml:10:29: pool 'www' has no site 'iad', expected one of: "
                      "sin, ams", reply.stdout + reply.stderr)
        self.expect(d, "at-iad", ["192.0.2.22"])

    def test_fallback_has_the_longer_scope(self):
        d = self.steered("""
maps:
  one: {default: [iad], countries: {DE: [ams]}}
  two: {default: [iad], networks: {20.1.64.0/20: [sin]}}
pools:
  www:
    steer: {map: one}
    on_all_down: {fallback: two}
    sites: {ams: [192.0.2.11], iad: [192.0.2.21]}
  two:
    steer: {map: two}
    sites: {iad: [192.0.2.22], sin: [192.0.2.31]}
""", "www", "two")
        self.expect(d, "www", ["192.0.2.11"], ecs="20.1.64.0/24")
        one = harness.ecs_scope(d.query("www.example.test", ecs="20.1.64.0/24"))
        d.ctl("set", "www/*", "down")
        self.expect(d, "www", ["192.0.2.31"], ecs="20.1.64.0/24")
        both = harness.ecs_scope(d.query("www.example.test", ecs="20.1.64.0/24"))
        two = harness.ecs_scope(d.query("two.example.test", ecs="20.1.64.0/24"))
        self.assertEqual((two, both), (20, max(one, 20)))

    def test_a_family_never_depends_on_health_or_client(self):
        d = self.steered("""
maps:
  world: {default: [iad], continents: {EU: [ams]}}
pools:
  www:
    steer: {order: [ams, iad, sin]}
    answers: 9
    sites: {ams: [192.0.2.11, "2001:db8::11"], iad: [192.0.2.21], sin: ["2001:db8::31"]}
  map:
    steer: {map: world}
    sites: {ams: [192.0.2.11], iad: [192.0.2.21], sin: ["2001:db8::31"]}
  four: {sites: {ams: [192.0.2.11]}}
""", "www", "map", "four")
        self.expect(d, "www", ["192.0.2.11"])
        self.expect(d, "www", ["2001:db8::11"], "AAAA")
        d.ctl("set", "www/ams/2001:db8::11", "down")
        self.expect(d, "www", ["192.0.2.11"])
        self.expect(d, "www", ["2001:db8::31"], "AAAA")  # iad has none: the next that has
        d.ctl("set", "www/ams/192.0.2.11", "down")
        self.expect(d, "www", ["192.0.2.21"])
        # A map that names no site with the family borrows it from the pool's others.
        self.expect(d, "map", ["192.0.2.11"], ecs="20.1.0.0/24")
        self.expect(d, "map", ["2001:db8::31"], "AAAA", ecs="20.1.0.0/24")
        d.ctl("set", "map/ams", "down")
        d.ctl("set", "map/iad", "down")
        self.expect(d, "map", [], ecs="20.1.0.0/24")
        # No site of the pool has it: NODATA, and the same for everyone.
        response = d.query("four.example.test", "AAAA", ecs="20.1.0.0/24")
        self.assertEqual((response.rcode(), response.answer), (dns.rcode.NOERROR, []))
        self.assertEqual(harness.ecs_scope(response), 0)
        self.assertIn("by configuration",
                      d.ctl_json("explain", "four.example.test", "AAAA")["reason"])

    def test_pools_of_names(self):
        d = self.steered("""
maps:
  world: {default: [ams], continents: {EU: [ams], AS: [sin]}}
pools:
  cdn:
    steer: {map: world}
    sites:
      ams: [{cname: edge.eu.cdn.test}]
      sin: [{cname: ap.othercdn.test}, {cname: inside.example.test}]
""", "cdn", extra="  inside: {A: 192.0.2.77}\n")
        for rdtype in "A", "AAAA", "TXT", "CNAME":
            response = d.query("cdn.example.test", rdtype, ecs="20.1.0.0/24")
            self.assertEqual(harness.rdata(response, "CNAME"), ["edge.eu.cdn.test."], rdtype)
        seen = {harness.rdata(d.query("cdn.example.test", ecs="20.4.0.0/24"), "CNAME")[0]
                for _ in range(60)}
        self.assertEqual(seen, {"ap.othercdn.test.", "inside.example.test."})
        d.ctl("set", "cdn/sin", "drain")
        d.wait_for(lambda: harness.rdata(d.query("cdn.example.test", ecs="20.4.0.0/24"), "CNAME")
                   == ["edge.eu.cdn.test."], WAIT)
        self.assertEqual(d.ctl_json("explain", "cdn.example.test")["site"], "ams")

    def test_ttl(self):
        web = self.backend("127.0.0.1")
        d = self.steered(f"""
checks: {{web: {{type: http, port: {web.port}, interval: 4s, rise: 2, fall: 3}}}}
pools:
  fixed: {{ttl: 25s, sites: {{ams: [192.0.2.11]}}}}
  long: {{ttl: 10m, sites: {{ams: [192.0.2.11]}}}}
  none: {{ttl: {{min: 5s, max: 60s}}, sites: {{ams: [192.0.2.11]}}}}
  derived: {{ttl: {{min: 5s, max: 60s}}, checks: [web], sites: {{ams: [127.0.0.1]}}}}
  narrow: {{ttl: {{min: 50s, max: 60s}}, checks: [web], sites: {{ams: [127.0.0.1]}}}}
""", "fixed", "long", "none", "derived", "narrow", extra="  own: {POOL: {pool: fixed, ttl: 7s}}\n")

        def both(name):
            """The TTL of an answer and why, once it is what was explained before: a probe may end in between."""
            explained = d.ctl_json("explain", f"{name}.example.test")
            answered = d.query(f"{name}.example.test").answer[0].ttl
            return abs(answered - explained["ttl"]) <= slack and (answered, explained["ttl_reason"])

        def ttl(name):
            return d.wait_for(lambda: both(name), WAIT)
        slack = 0
        self.assertEqual(ttl("fixed"), (25, "25s fixed"))
        self.assertEqual(ttl("own"), (7, "7s fixed, set at the name"))
        self.assertEqual(ttl("none")[0], 60)
        value, reason = ttl("derived")
        self.assertTrue(5 <= value <= 12, (value, reason))
        self.assertIn("check web of derived/ams/127.0.0.1 could flip in", reason)
        value, reason = ttl("narrow")
        self.assertEqual(value, 50)
        self.assertIn("clamped to 50s..1m", reason)
        self.assertEqual(ttl("long"), (600, "10m fixed"))
        d.ctl("set", "long/ams/192.0.2.11", "up", "--for", "5m")
        slack = 1  # it runs down from one second to the next
        value, reason = ttl("long")
        self.assertTrue(120 <= value <= 300, value)
        self.assertIn("capped by the override of long/ams/192.0.2.11 that ends in", reason)


class Explains(Steering):
    POOLS = """
maps:
  world:
    default: [iad, ams]
    continents: {EU: [ams], AS: [sin, ams]}
    subdivisions: {US-CA: [sin]}
    networks: {20.1.128.0/24: [sin], 2a10:1:2::/48: [iad]}
pools:
  near:
    steer: nearest
    pick: ordered
    sites:""" + THREE + """
  map:
    steer: {map: world}
    pick: ordered
    answers: 2
    min_up: 60%
    sites:""" + THREE + """
  stuck:
    steer: {map: world}
    pick: sticky
    ttl: {min: 5s, max: 60s}
    sites:""" + THREE

    def client(self, rng):
        """A random subnet, mostly in and around what the database and the maps know."""
        if rng.random() < 0.3:
            base = rng.choice(["2a10:1::", "2a10:1:2::", "2a10:2::", "2a10:4::", "2b00::", "fd00::"])
            value = int(ipaddress.ip_address(base)) ^ rng.getrandbits(24) << 64
            length = rng.choice([32, 40, 48, 56, 64])
            return str(ipaddress.ip_network((value, length), strict=False))
        first = rng.choice([20, 20, 20, 10, 21, 192, 127, rng.randrange(1, 224)])
        value = first << 24 | rng.randrange(12) << 16 | rng.choice([7, 128, rng.randrange(256)]) << 8
        return str(ipaddress.ip_network((value, rng.choice([16, 20, 22, 24])), strict=False))

    def test_explanations_are_what_is_answered(self):
        d = self.steered(self.POOLS, "near", "map", "stuck")
        rng = random.Random(5)
        orders = [("near/ams", "down"), ("map/sin/192.0.2.31", "drain"), ("stuck/*/192.0.2.11",
                                                                         "down"), (None, None)]
        for target, state in orders:
            if target:
                d.ctl("set", target, state)
            for _ in range(60):
                name = rng.choice(["near", "map", "stuck"]) + ".example.test"
                rdtype, client = rng.choice(["A", "AAAA"]), self.client(rng)
                explained = d.ctl_json("explain", name, rdtype, "--ecs", client)
                response = d.query(name, rdtype, ecs=client)
                what = (name, rdtype, client, explained["rule"])
                self.assertEqual(explained["answers"], harness.rdata(response, rdtype), what)
                self.assertEqual(explained["ecs_scope"], harness.ecs_scope(response), what)
                self.assertEqual(explained["ttl"], response.answer[0].ttl, what)
                self.assertEqual(explained["site"], self.site(d, name.split(".")[0], client, rdtype))

    def test_the_document_has_what_was_promised(self):
        d = self.steered(self.POOLS, "near", "map", "stuck", extra="""
  legacy: {CNAME: near}
  "*.wild": {POOL: near}
  a.b: {TXT: hello}
  sub: {NS: ns.sub}
  ns.sub: {A: 192.0.2.99}
""")
        keys = set("name type client source location pool class sites site endpoints answers ttl "
                   "ttl_reason ecs_scope".split())
        place = set("continent country subdivision asn latitude longitude prefix".split())
        for name in "near", "legacy", "x.wild", "nothing", "b", "ns1", "x.sub":
            explained = d.ctl_json("explain", name + ".example.test", "--ecs", "20.2.0.0/24")
            self.assertLessEqual(keys, set(explained), name)
            self.assertLessEqual(place, set(explained["location"]), name)
            text = d.ctl("explain", name + ".example.test").stdout
            self.assertIn("because", text)
        explained = d.ctl_json("explain", "near.example.test", "--ecs", "20.2.0.0/24")
        self.assertEqual(explained["client"], "20.2.0.0/24")
        self.assertEqual(explained["source"], "ecs")
        self.assertEqual(explained["location"]["subdivision"], "US-CA")
        self.assertEqual(explained["location"]["prefix"], "20.2.0.0/16")
        self.assertEqual(explained["pool"], "near")
        self.assertEqual([s["site"] for s in explained["sites"]], ["iad", "ams", "sin"])
        self.assertLessEqual({"site", "rank", "up", "reason", "distance_km"},
                             set(explained["sites"][0]))
        self.assertAlmostEqual(explained["sites"][0]["distance_km"], 3890, delta=30)
        self.assertLessEqual({"address", "state", "weight", "reason"},
                             set(explained["endpoints"][0]))
        reasons = {"nothing": "does not exist", "b": "empty non-terminal", "ns1": "records of",
                   "x.sub": "delegated at sub.example.test."}
        for name, reason in reasons.items():
            self.assertIn(reason, d.ctl_json("explain", name + ".example.test")["reason"])
        wild = d.ctl_json("explain", "x.wild.example.test")
        self.assertEqual(wild["wildcard"], "*.wild.example.test.")
        refused = d.ctl_json("explain", "www.elsewhere.test")
        self.assertEqual(refused["rcode"], "REFUSED")
        given = d.ctl_json("explain", "near.example.test", "--client", "20.4.0.1")
        self.assertEqual((given["client"], given["source"], given["site"]),
                         ("20.4.0.1", "client", "sin"))
        wrong = d.ctl("explain", "a" * 64 + ".test", check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("at most 63 bytes", wrong.stderr)

    def test_geo_tells_place_and_class(self):
        d = self.steered(self.POOLS, "near", "map", "stuck")
        told = d.ctl_json("geo", "20.2.3.4")
        self.assertEqual((told["country"], told["subdivision"], told["prefix"]),
                         ("US", "US-CA", "20.2.0.0/16"))
        for steering in told["steerings"]:
            self.assertTrue(steering["placed"])
            for pool in steering["pools"]:
                explained = d.ctl_json("explain", pool + ".example.test", "--client", "20.2.3.4")
                self.assertEqual(explained["class"], steering["class"])
                self.assertEqual([s["site"] for s in explained["sites"] if s["rank"]],
                                 [s["site"] for s in steering["sites"]])
        self.assertFalse(d.ctl_json("geo", "192.168.1.1")["steerings"][0]["placed"])


if __name__ == "__main__":
    harness.main()
