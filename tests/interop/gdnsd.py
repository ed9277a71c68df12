# SPDX-License-Identifier: Apache-2.0
"""A gdnsd with the same worlds as Loadstar: each world is one of its geoip maps."""
import os
import shutil

import geo_world
import peers

OPTIONS = """options => {{ listen => 127.0.0.1, dns_port => {port}, udp_threads => 1,
  tcp_threads => 1, run_dir => {dir}/run, state_dir => {dir}/state }}
"""


def _list(sites):
    return "[ " + ", ".join(sites) + " ]"


def full_list(world, sites):
    """A list of a map as Loadstar reads it: followed by the default's sites that it lacks."""
    return list(sites) + [s for s in world.map["default"] if s not in sites]


def _country(world, continent, country):
    m = world.map
    return m["countries"].get(country, m["continents"].get(continent, m["default"]))


def _map(world):
    """Continent, country, subdivision as gdnsd's nested map."""
    m, lines = world.map, []
    lines.append(f"default => {_list(full_list(world, m['default']))}")
    for continent in sorted({c for c, _, _ in geo_world.PLACES}):
        lines.append(f"{continent} => {{")
        own = m["continents"].get(continent, m["default"])
        lines.append(f"  default => {_list(full_list(world, own))}")
        for country in sorted({c for n, c, _ in geo_world.PLACES if n == continent and c}):
            own = _list(full_list(world, _country(world, continent, country)))
            inner = "".join(f" {code[3:]} => {_list(full_list(world, sites))}"
                            for code, sites in m["subdivisions"].items() if code[:2] == country)
            lines.append(f"  {country} => {{ default => {own}{inner} }}" if inner else
                         f"  {country} => {own}")
        lines.append("}")
    return "\n".join(lines)


def _nets(world):
    """networks.yaml's tags and the map's networks. The latter win over the former even where they
    are the wider ones; in gdnsd the narrower wins, so that those inside are left out."""
    nets = {p: world.map["tags"][what["tag"]] for p, what in world.networks
            if not any(geo_world.covers(wide, p) for wide in world.map_networks)}
    nets.update(world.map_networks)
    return "\n".join(f'"{geo_world.text(p)}" => {_list(full_list(world, sites))}'
                     for p, sites in nets.items())


def _geography(world):
    """What a map of gdnsd has: codes, or distances."""
    if not world.located:
        return f"map => {{ {_map(world)} }}, nets => {{ {_nets(world)} }}"
    places = ", ".join(f"{s} => [ {c[0]}, {c[1]} ]" for s, c in geo_world.COORDINATES.items())
    nets = "\n".join(f'"{geo_world.text(p)}" => {_list(world.order("www", "nearest", p))}'
                     for p, _ in world.networks)
    return f"auto_dc_coords => {{ {places} }}, auto_dc_limit => 0, nets => {{ {nets} }}"


class Gdnsd(peers.Process):
    def __init__(self, worlds):
        super().__init__("gdnsd-")
        for name in ("zones", "geoip", "run", "state"):
            os.makedirs(os.path.join(self.dir, name))
        self._write_config(worlds)
        self.launch(["gdnsd", "-c", self.dir, "start"], "ns1.example.com", "A")

    def _write(self, name, content):
        with open(os.path.join(self.dir, name), "wb" if isinstance(content, bytes) else "w") as f:
            f.write(content)

    def _write_config(self, worlds):
        maps, resources, zone = [], [], ["@ SOA ns1 hostmaster 1 7200 1800 259200 900", "@ NS ns1",
                                         "ns1 A 192.0.2.53"]
        for i, world in enumerate(worlds):
            self._write(f"geoip/db{i}.mmdb", world.files()["db0.mmdb"])
            maps.append(f"m{i} => {{ geoip2_db => db{i}.mmdb, "
                        f"datacenters => {_list(geo_world.SITES)}, "
                        f"{_geography(world)} }}")
            dcmap = ", ".join(f"{s} => {a}" for s, a in geo_world.ADDRESSES.items())
            resources.append(f"r{i} => {{ map => m{i}, service_types => up, "
                             f"dcmap => {{ {dcmap} }} }}")
            zone.append(f"w{i} 30 DYNA geoip!r{i}")
        self._write("config", OPTIONS.format(port=self.port, dir=self.dir) +
                    "plugins => { geoip => {\nmaps => {\n" + "\n".join(maps) + "\n}\nresources => {\n" +
                    "\n".join(resources) + "\n}\n}}\n")
        self._write("zones/example.com", "\n".join(zone) + "\n")


def is_here():
    return bool(shutil.which("gdnsd") or os.access("/usr/sbin/gdnsd", os.X_OK))
