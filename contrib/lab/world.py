# SPDX-License-Identifier: Apache-2.0
"""The hosts of the lab and what runs on them: the router and the sites of tests/interop/anycast_lab.py,
with the configuration beside this file, and three countries with a resolver each.

      de  10.49.0.0/24 --\\              /-- ams  10.98.1.0/24   BIRD, loadstard, tier, web1, web2
      us  10.1.0.0/24  ---- router (BIRD)
      jp  10.81.0.0/24 --/              \\-- iad  10.98.2.0/24   BIRD, loadstard, tier, web1, web2

In a country .53 is the resolver and .10 and on are clients; at a site .2 is the host, .80 where the tier
listens, .11 and .12 are back ends. The name server is 192.0.2.53 at both sites.
"""
import json
import os
import shutil
import subprocess
import sys
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../tests", part) for part in ("interop", "system")]

import dns.exception
import dns.message
import dns.query

import anycast_lab
from anycast_host import PATIENCE, find
import harness

ANYCAST, NAME = "192.0.2.53", "www.example.test"
PREFIX = ANYCAST + "/32"
SITES = {"ams": "l4", "iad": "haproxy"}  # what the tier of each is
COUNTRIES = {"de": ("10.49.0", "unbound"), "us": ("10.1.0", "unbound"), "jp": ("10.81.0", "named")}


def shows(member):
    """What a member of a tier was seen to be there, as loadstarctl has it."""
    seen = member.get("observed")
    if not seen:
        return "not there"
    return f"ready {seen['weight']}" if seen["state"] == "ready" else seen["state"]


class Node:
    """A site: its speaker, its back ends, its tier, its loadstard."""

    def __init__(self, lab, name, kind):
        self.lab, self.name, self.kind = lab, name, kind
        self.site = lab.site(name)
        self.dir, self.host, self.prefix = self.site.dir, self.site.host, f"10.98.{self.site.n}"
        shutil.copytree(os.path.join(HERE, "config", name), self.dir, dirs_exist_ok=True)
        os.mkdir(self.path("state"))
        for last in (80, 11, 12):
            self.host.add(f"{self.prefix}.{last}/24")
        self.backends = {f"web{i}": self._run(
            [sys.executable, os.path.join(HERE, "backend.py"), f"{self.prefix}.1{i}", "8080", f"{name}/web{i}"],
            f"web{i}.log") for i in (1, 2)}
        self.tier = self._run(self._tier_argv(), "tier.log")
        self.loadstard = self._run([harness.program("LOADSTARD", "loadstard"), "-c", "loadstar.yaml"],
                                   "loadstard.log")

    def _tier_argv(self):
        if self.kind == "haproxy":
            return [find("haproxy"), "-db", "-f", "haproxy.cfg"]
        os.mkdir(self.path("l4-state"))
        beside = os.path.join(os.path.dirname(harness.program("LOADSTARD", "loadstard")), "loadstar-l4")
        return [harness.program("LOADSTAR_L4", beside), "-c", "l4.yaml"]

    def _run(self, argv, log):
        return self.lab.process(argv, self.path(log), self.host, cwd=self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    @property
    def socket(self):
        return self.path("control.sock")

    def start_parts(self):
        """All but loadstard."""
        self.site.speaker.start()
        for process in (*self.backends.values(), self.tier):
            process.start()

    def has_parts(self):
        """Whether these are there: loadstard would find them down otherwise."""
        return all(self._fetches(f"{self.prefix}.1{i}") for i in (1, 2)) and \
            os.path.exists(self.path("l4.sock" if self.kind == "l4" else "haproxy.sock"))

    def _fetches(self, address):
        try:
            with self.host, urllib.request.urlopen(f"http://{address}:8080/healthz", timeout=5) as reply:
                return reply.status == 200
        except OSError:
            return False

    def ctl(self, *words, timeout=60):
        """loadstarctl, whatever it says: exit status, output and errors."""
        return subprocess.run([harness.program("LOADSTARCTL", "loadstarctl"), "-s", self.socket, *words],
                              capture_output=True, text=True, timeout=timeout)

    def show(self, *words):
        """What it says with --json; None: nothing."""
        done = self.ctl("--json", *words)
        return json.loads(done.stdout) if done.returncode == 0 else None

    # What one waits for

    def tier_members(self):
        """{name: member} of its tier; {} while that is not as wanted."""
        shown = self.show("tiers", "edge")
        tier = shown and shown["tiers"][0]
        return {m["name"]: m for m in tier["members"]} if tier and tier["state"] == "ok" else {}

    def announces(self):
        """The state of its prefix set, or None."""
        shown = self.show("anycast", "dns")
        return shown and shown["sets"][0]["state"]

    def endpoint(self, pool, site, name):
        """The state of an endpoint, as this node sees it."""
        shown = self.show("endpoints", pool)
        return shown and next(e["state"] for e in shown["endpoints"] if (e["site"], e["name"]) == (site, name))


class Country:
    """A network with a resolver and clients."""

    def __init__(self, lab, name, net, resolver):
        self.name, self.net, self.resolver = name, net, net + ".53"
        self.dir = os.path.join(lab.dir, name)
        self.host = lab.host(name, "wan", [f"{net}.53/24", f"{net}.10/24", f"{net}.11/24"])
        lab.wire(self.host, f"c-{name}", [f"{net}.1/24"], f"{net}.1", None)
        shutil.copytree(os.path.join(HERE, "config", name), self.dir)
        # By a path of its own: Debian's AppArmor profiles keep those of /usr/sbin to their own directories.
        program = shutil.copy(find(resolver), os.path.join(self.dir, resolver))
        argv = [program, "-d", "-p", "-c", "unbound.conf"] if resolver == "unbound" else [program, "-f", "-c", "named.conf"]
        self.process = lab.process(argv, os.path.join(self.dir, "resolver.log"), self.host, cwd=self.dir)

    def answers(self):
        if not self.process.is_alive():
            raise AssertionError(f"the resolver of {self.name} has ended: {self.process.log()[-2000:]}")
        try:
            with self.host:
                return bool(dns.query.udp(dns.message.make_query(NAME, "A"), self.resolver, timeout=2).answer)
        except (OSError, dns.exception.DNSException):
            return False


class World(anycast_lab.Lab):
    """All of it, of namespaces called STEM-NAME."""

    def __init__(self, cleanup, stem, dir):
        super().__init__(cleanup, stem=stem, dir=dir)
        for name in ("pools.yaml", "networks.yaml"):
            shutil.copy(os.path.join(HERE, "config", name), dir)
        shutil.copytree(os.path.join(HERE, "config/zones"), os.path.join(dir, "zones"))
        self.nodes = {name: Node(self, name, kind) for name, kind in SITES.items()}
        self.countries = {name: Country(self, name, *of) for name, of in COUNTRIES.items()}

    def start(self):
        for country in self.countries.values():
            country.process.start()
        for node in self.nodes.values():
            node.start_parts()
        for node in self.nodes.values():
            harness.wait_for(node.has_parts, PATIENCE, 0.1)
            node.loadstard.start()
        harness.wait_for(self.is_whole, PATIENCE * 2, 0.1)
        for country in self.countries.values():
            harness.wait_for(country.answers, PATIENCE, 0.1)

    def is_whole(self):
        """Whether all serve: tiers have their members, and the router has both routes."""
        for node in self.nodes.values():
            if not node.loadstard.is_alive():
                raise AssertionError(f"loadstard at {node.name} has ended:\n{node.loadstard.log()[-2000:]}")
        return len(self.router.routes(PREFIX).get(PREFIX, {})) == len(self.nodes) and \
            all(self.serves(node) for node in self.nodes.values())

    def serves(self, node):
        """Whether a node has all that it should have."""
        members = node.tier_members()
        return len(members) == 2 and all(shows(m) == "ready 100" for m in members.values()) and \
            node.announces() == "announced" and \
            all(n.endpoint("www", node.name, "vip") == "up" for n in self.nodes.values())

    def best(self):
        """The site that the router sends queries to, or None."""
        routes = self.router.routes(PREFIX).get(PREFIX, {})
        return next((name for name, route in routes.items() if route.best), None)
