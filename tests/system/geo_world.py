# SPDX-License-Identifier: Apache-2.0
"""Random worlds: databases, networks and maps, and a slow reference that says for any client which
sites it is sent to, and what the exact ECS scope is.

A prefix is (bits, value, length): bits is 32 or 128, value an integer whose low bits are zero.
"""
import ipaddress
import math
import os
import re

import mmdb

SITES = ["ams", "iad", "sin", "gru"]
COORDINATES = {"ams": (52.31, 4.76), "iad": (38.95, -77.45), "sin": (1.35, 103.99),
               "gru": (-23.43, -46.47)}
PLACES = [("EU", "DE", None), ("EU", "FR", None), ("NA", "US", "CA"), ("NA", "US", "NY"),
          ("NA", "CA", None), ("AS", "SG", None), ("AS", "IN", None), ("SA", "BR", None),
          ("EU", None, None)]
TAGS = ["lab", "office"]


# Prefixes

def prefix(text):
    net = ipaddress.ip_network(text)
    return (net.max_prefixlen, int(net.network_address), net.prefixlen)


def text(p):
    kind = ipaddress.IPv4Address if p[0] == 32 else ipaddress.IPv6Address
    return f"{kind(p[1])}/{p[2]}"


def mask(bits, value, length):
    return (bits, value >> (bits - length) << (bits - length), length)


def covers(outer, inner):
    return (outer[0] == inner[0] and outer[2] <= inner[2] and
            mask(inner[0], inner[1], outer[2])[1] == outer[1])


def sibling(p):
    return (p[0], p[1] ^ (1 << (p[0] - p[2])), p[2])


def halves(p):
    return (p[0], p[1], p[2] + 1), (p[0], p[1] | 1 << (p[0] - p[2] - 1), p[2] + 1)


# IPv6 prefixes onto IPv4 clients: where the address begins, and whether it is inverted.
WINDOWS = [(prefix("::ffff:0:0/96"), 96, False), (prefix("64:ff9b::/96"), 96, False),
           (prefix("2002::/16"), 16, False), (prefix("2001::/32"), 96, True)]
V4_IN_TREES = prefix("::/96")  # where databases keep IPv4; no record covers all of it here
PRIVATE = [prefix(t) for t in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
                               "127.0.0.0/8", "169.254.0.0/16", "::1/128", "fc00::/7",
                               "fe80::/10")]


def window_of(p):
    return next((w for w in WINDOWS if covers(w[0], p)), None)


def fold(p):
    """The IPv4 prefix for one inside a window; None for one that says nothing of IPv4 clients."""
    w = window_of(p) if p[0] == 128 else None
    if w is None:
        return p
    _, before, inverted = w
    if p[2] <= before:
        return None
    value = p[1] >> (96 - before) & 0xffffffff
    if inverted:
        value ^= 0xffffffff
    return mask(32, value, min(p[2] - before, 32))


def record_of(facts, flat):
    """A record in MaxMind's or ip-location-db's schema."""
    out = {}
    if flat:
        for key, name in (("country", "country_code"), ("subdivision", "state1"),
                          ("asn", "autonomous_system_number")):
            if facts.get(key):
                out[name] = facts[key]
        if "location" in facts:
            out["latitude"], out["longitude"] = facts["location"]
        return out or {"city": "Nowhere"}
    if facts.get("continent"):
        out["continent"] = {"code": facts["continent"]}
    if facts.get("country"):
        out["country"] = {"iso_code": facts["country"]}
    if facts.get("subdivision"):
        out["subdivisions"] = [{"iso_code": facts["subdivision"]}]
    if "location" in facts:
        out["location"] = dict(zip(("latitude", "longitude"), facts["location"]))
    if facts.get("asn"):
        out["autonomous_system_number"] = facts["asn"]
    return out


def countries():
    """{code: (continent, (latitude, longitude))} of the built-in table, read from its source."""
    path = os.path.join(os.path.dirname(__file__), "../../src/geo/country.c")
    with open(path) as file:
        rows = re.findall(r'\{"(..)", "(..)", ([-\d.]+)f, ([-\d.]+)f\}', file.read())
    return {code: (continent, (float(lat), float(lon))) for code, continent, lat, lon in rows}


COUNTRIES = countries()


# Random parts

def random_prefix(rng, near, shortest=1):
    """Mostly near one that is there already, so that they nest, touch and cover one another."""
    if near and rng.random() < 0.6:
        bits, value, length = rng.choice(near)
        length = min(max(length + rng.randint(-6, 8), shortest), bits)
        if length > 0 and rng.random() < 0.3:
            value ^= 1 << (bits - rng.randint(1, length))
        value |= rng.getrandbits(bits - min(length, bits)) if length < bits else 0
    elif rng.random() < 0.5:
        bits, value, length = 32, rng.getrandbits(32), rng.randint(max(shortest, 4), 28)
    else:
        bits, length = 128, rng.randint(max(shortest, 4), 64)
        value = 1 << 125 | rng.getrandbits(125)
        if rng.random() < 0.3:  # next to 6to4 and Teredo
            value = rng.choice([0x2001 << 112, 0x2003 << 112, 0x2000 << 112]) | rng.getrandbits(112)
    return mask(bits, value, length)


def random_location(rng):
    return (round(rng.uniform(-60, 60), 3), round(rng.uniform(-170, 170), 3))


def random_facts(rng, rich, located):
    continent, country, subdivision = rng.choice(PLACES)
    facts = {"continent": continent}
    if country:
        facts["country"] = country
    if subdivision and rng.random() < 0.7:
        facts["subdivision"] = subdivision
    if rich and rng.random() < 0.3:
        facts["asn"] = rng.choice([64500, 64501])
    if located or (rich and rng.random() < 0.4):
        facts["location"] = random_location(rng)
    return facts


def random_list(rng):
    return rng.sample(SITES, rng.randint(1, len(SITES)))


class World:
    """rich: everything that Loadstar knows; else what gdnsd can express, too. gdnsd keeps IPv4 in
    ::/96 (RFC 4291 2.5.5.1, deprecated there), so that an IPv6 network around it would place IPv4
    clients: such networks are left out then. located: every record and network has coordinates,
    for the distance mode of gdnsd, which knows no others."""

    def __init__(self, rng, rich=True, located=False):
        self.rng, self.rich, self.located = rng, rich, located
        self.flat = rich and rng.random() < 0.4
        used = []
        self.databases = []
        for _ in range(rng.randint(1, 2) if rich else 1):
            entries = []
            for _ in range(rng.randint(1, 25)):
                p = random_prefix(rng, used)
                if fold(p) == p and not covers(p, V4_IN_TREES):
                    used.append(p)
                    entries.append((p, random_facts(rng, rich, located)))
            if self.flat:
                for _, facts in entries:
                    facts.pop("continent")
            entries.append((prefix("203.0.113.77/32"), 
                            {"country": "DE", "continent": "EU", "location": (50.5, 9.5)}))
            self.databases.append(entries)
        self.networks = self._networks(used)
        self.map_networks = {p: random_list(rng) for p in
                             (random_prefix(rng, used) for _ in range(rng.randint(0, 4)))
                             if fold(p) == p and (rich or not covers(p, V4_IN_TREES))}
        self.map = self._map()
        self.pools = {"www": list(SITES), "part": SITES[:2]}
        self.used = used + [p for p, _ in self.networks] + list(self.map_networks)
        self.reindex()

    def _networks(self, used):
        rng, out = self.rng, {}
        for _ in range(rng.randint(0, 8)):
            p = random_prefix(rng, used + list(out))
            if not self.rich:
                if fold(p) == p and not covers(p, V4_IN_TREES):
                    out[p] = {"tag": rng.choice(TAGS)}
                    if self.located:
                        out[p] = rng.choice([{"site": rng.choice(SITES)},
                                             {"location": random_location(rng)}])
                continue
            kind = rng.randrange(6)
            out[p] = [{"site": rng.choice(SITES)}, {"country": rng.choice(["DE", "US", "BR"])},
                      {"continent": rng.choice(["EU", "AS"])}, {"tag": rng.choice(TAGS)},
                      {"location": random_location(rng)},
                      {"site": rng.choice(SITES), "tag": rng.choice(TAGS)}][kind]
        return list(out.items())

    def _map(self):
        rng = self.rng
        m = {"default": random_list(rng),
             "continents": {c: random_list(rng) for c in rng.sample(["EU", "NA", "AS", "SA"], 2)},
             "countries": {c: random_list(rng) for c in rng.sample(["DE", "US", "IN", "BR"], 2)},
             "subdivisions": {"US-CA": random_list(rng)} if rng.random() < 0.5 else {},
             "tags": {t: random_list(rng) for t in TAGS}}
        if self.rich and rng.random() < 0.5:
            m["asns"] = {64500: random_list(rng)}
        return m

    # Files of Loadstar's

    def files(self):
        out = {}
        for i, entries in enumerate(self.databases):
            out[f"db{i}.mmdb"] = mmdb.build([(text(p), record_of(f, self.flat)) for p, f in entries],
                                            aliases=self.rng.random() < 0.5)
        lines = [f'"{text(p)}": {_yaml(what)}' for p, what in self.networks]
        out["networks.yaml"] = "\n".join(lines) + "\n" if lines else "{}\n"
        out["pools.yaml"] = self._pools_yaml()
        return out

    def _pools_yaml(self):
        lines = ["sites:"]
        lines += [f"  {s}: {{location: [{c[0]}, {c[1]}]}}" for s, c in COORDINATES.items()]
        lines += ["maps:", "  world:", f"    default: {_yaml(self.map['default'])}"]
        for key in ("continents", "countries", "subdivisions", "asns", "tags"):
            if self.map.get(key):
                lines.append(f"    {key}: {_yaml(self.map[key])}")
        if self.map_networks:
            lines.append("    networks: " +
                         _yaml({text(p): sites for p, sites in self.map_networks.items()}))
        if len(self.used) % 2:  # several maps share a partition without coordinates
            lines.append("  other: {default: [ams]}")
        lines.append("pools:")
        for name, sites in self.pools.items():
            for steer in ("map", "nearest"):
                lines += [f"  {name}-{steer}:",
                          "    steer: " + ("{map: world}" if steer == "map" else "nearest"),
                          "    sites:"]
                lines += [f"      {s}: [{ADDRESSES[s]}]" for s in sites]
        return "\n".join(lines) + "\n"

    # The reference

    def reindex(self):
        """To be called when the world was changed."""
        self.layers = sorted(((fold(p), i, what) for i, (p, what) in enumerate(self.networks)
                              if fold(p)), key=lambda layer: (layer[0][2], layer[1]))
        self.over = sorted(((fold(p), sites) for p, sites in self.map_networks.items() if fold(p)),
                           key=lambda layer: layer[0][2])
        self.edges = {32: set(), 128: set()}
        for p in (PRIVATE + [q for q, _, _ in self.layers] + [q for q, _ in self.over] +
                  [p for entries in self.databases for p, _ in entries]):
            self.edges[p[0]].add(p)
        self.memo = {}

    def place(self, address):
        """What is known of an address: {} when nothing is."""
        out = {}
        for entries in self.databases:
            found = next((f for p, f in reversed(entries) if covers(p, address)), None)
            if found:
                out = merge(out, database_facts(found, self.flat))
        for p, _, what in self.layers:
            if covers(p, address):
                out = overlay(out, what)
        return complete(out)

    def order(self, pool, steer, address):
        """The sites for an IPv4 address, or an IPv6 one outside the windows."""
        sites, place = self.pools[pool], self.place(address)
        if steer == "nearest":
            return self._by_distance(sites, place)
        out = [place["site"]] if "site" in place else []
        found = next((s for p, s in reversed(self.over) if covers(p, address)), None)
        if found is not None:
            out = list(found)
        else:
            out += self._by_key(place)
        out += self.map["default"]
        out = [s for i, s in enumerate(out) if s in sites and s not in out[:i]]
        return tuple(out or sites)

    def _by_key(self, place):
        for table, key in (("tags", "tag"), ("asns", "asn"), ("subdivisions", "subdivision"),
                           ("countries", "country"), ("continents", "continent")):
            if place.get(key) in self.map.get(table, {}):
                return self.map[table][place[key]]
        return []

    @staticmethod
    def _by_distance(sites, place):
        first = [place["site"]] if place.get("site") in sites else []
        here = COORDINATES[place["site"]] if "site" in place else place.get("location")
        rest = sites if here is None else sorted(sites, key=lambda s: distance(here, COORDINATES[s]))
        return tuple(first + [s for s in rest if s not in first])

    def value(self, pool, steer, address):
        """What tells clients apart: their sites, and whether nothing at all is known of them."""
        unplaced = (any(covers(p, address) for p in PRIVATE) and not self.place(address) and
                    (steer == "nearest" or not any(covers(p, address) for p, _ in self.over)))
        return (self.order(pool, steer, address), unplaced)

    def uniform(self, pool, steer, p, what=slice(2)):
        """The value of all addresses in a prefix, or None when they differ. what: [:1] leaves out
        whether they are placed."""
        w = window_of(p) if p[0] == 128 else None
        if w:
            p = fold(p) or (32, 0, 0)
        key = (pool, steer, p, what.stop)
        if key not in self.memo:
            if (any(e[2] > p[2] and covers(p, e) for e in self.edges[p[0]]) or
                    any(covers(p, x[0]) for x in WINDOWS)):
                left, right = halves(p)
                a = self.uniform(pool, steer, left, what)
                same = a is not None and a == self.uniform(pool, steer, right, what)
                self.memo[key] = a if same else None
            else:
                self.memo[key] = self.value(pool, steer, (p[0], p[1], p[0]))[what]
        return self.memo[key]

    def lookup(self, pool, steer, bits, address):
        """(sites, unplaced, scope): scope is the length of the shortest prefix around the address in
        which all clients have its value; 0 when all clients there are have the same sites."""
        everyone = {self.uniform(pool, steer, (b, 0, 0), slice(1)) for b in (32, 128)}
        if len(everyone) == 1 and None not in everyone:
            return everyone.pop()[0], False, 0
        p = (bits, address, bits)
        value = self.uniform(pool, steer, p)
        while p[2] > 0 and self.uniform(pool, steer, sibling(p)) == value:
            p = mask(bits, address, p[2] - 1)
        return value[0], value[1], p[2]

    def client(self, windows=False):
        """An address: in, beside or around something, or anywhere; windows: also as IPv6 addresses
        that embed an IPv4 one."""
        rng = self.rng
        if rng.random() < 0.85:
            bits, value, length = rng.choice(self.used)
            if length > 0 and rng.random() < 0.4:
                value ^= 1 << (bits - rng.randint(1, length))
            value |= rng.getrandbits(bits - length) if length < bits else 0
        else:
            bits, value, _ = random_prefix(rng, [])
        if (self.rich or windows) and bits == 32 and rng.random() < 0.15:
            w, before, inverted = rng.choice(WINDOWS)
            inner = value ^ (0xffffffff if inverted else 0)
            return 128, w[1] | inner << (96 - before)
        return bits, value


ADDRESSES = {s: f"192.0.2.{i + 1}" for i, s in enumerate(SITES)}


def database_facts(facts, flat):
    out = dict(facts)
    if flat and "subdivision" in out and "country" not in out:
        del out["subdivision"]
    if "subdivision" in out:
        out["subdivision"] = out["country"] + "-" + out["subdivision"]
    return out


def merge(first, later):
    out = dict(first)
    agree = "country" not in first or "country" not in later or first["country"] == later["country"]
    for key, value in later.items():
        if key not in out and (agree or key in ("asn", "country")):
            out[key] = value
    return out


def overlay(below, what):
    out = dict(below)
    if "country" in what:
        out.update(country=what["country"], continent=COUNTRIES[what["country"]][0],
                   location=COUNTRIES[what["country"]][1])
        out.pop("subdivision", None)
    if "continent" in what:
        if "country" in out and COUNTRIES[out["country"]][0] != what["continent"]:
            for key in ("country", "subdivision", "location"):
                out.pop(key, None)
        out["continent"] = what["continent"]
    if "site" in what:
        out["site"], out["location"] = what["site"], COORDINATES[what["site"]]
    if "location" in what:
        out["location"] = tuple(what["location"])
    if "tag" in what:
        out["tag"] = what["tag"]
    return out


def complete(place):
    out = dict(place)
    if out.get("country") in COUNTRIES:
        out.setdefault("continent", COUNTRIES[out["country"]][0])
        out.setdefault("location", COUNTRIES[out["country"]][1])
    return out


def distance(a, b):
    """Great circle, haversine, in units of the Earth's diameter."""
    (lat1, lon1), (lat2, lon2) = [[math.radians(x) for x in point] for point in (a, b)]
    h = (math.sin((lat2 - lat1) / 2) ** 2 +
         math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2)
    return math.asin(math.sqrt(min(1.0, h)))


def _yaml(x):
    if isinstance(x, dict):
        return "{" + ", ".join(f'"{k}": {_yaml(v)}' if not isinstance(k, int) else
                               f"{k}: {_yaml(v)}" for k, v in x.items()) + "}"
    if isinstance(x, (list, tuple)):
        return "[" + ", ".join(_yaml(v) for v in x) + "]"
    return str(x)
