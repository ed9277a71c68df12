#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Envoy's endpoint discovery, by file and over HTTP, checked strictly against the definitions that Envoy publishes (npm's
@grpc/grpc-js-xds carries them): no unknown field, no unknown enum, and the bounds of their rules."""
import glob
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "../system")]
import harness

PACKAGE = "@grpc/grpc-js-xds@1.14.1"
EDS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"

POOLS = """
sites: {{ams: {{}}, iad: {{}}}}
checks: {{web: {{type: tcp, interval: 3s, timeout: 3s, rise: 1, fall: 1}}}}
pools:
  www:
    checks: [web]
    steer: all
    sites:
      ams: [{{address: 127.0.0.1, port: {0}, name: "a", weight: 4}}, {{address: 127.0.0.2, port: {0}, name: b, weight: 2}}]
      iad: [{{address: 127.0.0.3, port: {0}, name: c}}, {{address: "::1", port: {0}, name: d}}]
"""
TIERS = """
tiers:
  edge: {type: envoy, pool: www, cluster: web, eds: {file: eds/web.json, rest: true}, drain: {timeout: 1s}}
  ams: {type: envoy, pool: www, site: ams, cluster: ams, eds: {rest: true}}
"""


ZONES = {"example.test.zone": "$TTL 60\n@ SOA ns1 hostmaster 1 3600 900 604800 60\n@ NS ns1\nns1 A 127.0.0.1\nwww POOL www\n"}


class Definitions:
    """What Envoy says a DiscoveryResponse is."""

    def __init__(self):
        try:
            from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
        except ImportError:
            raise unittest.SkipTest("protobuf for Python is missing: install python3-protobuf")
        for tool in ("npm", "protoc"):
            if shutil.which(tool) is None:
                raise unittest.SkipTest(f"{tool} is missing: install npm and protobuf-compiler")
        self.json_format = json_format
        self.pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(self.compiled()).file:
            self.pool.Add(file)
        kind = self.pool.FindMessageTypeByName("envoy.service.discovery.v3.DiscoveryResponse")
        self.response = message_factory.MessageFactory(self.pool).GetPrototype(kind)
        kind = self.pool.FindMessageTypeByName("envoy.config.endpoint.v3.ClusterLoadAssignment")
        self.assignment = message_factory.MessageFactory(self.pool).GetPrototype(kind)

    @staticmethod
    def compiled():
        """A set of descriptors; the package is kept in the build directory."""
        keep = os.path.join(os.environ.get("BUILD") or tempfile.gettempdir(), "envoy-definitions")
        os.makedirs(keep, exist_ok=True)
        if not glob.glob(os.path.join(keep, "*.tgz")):
            got = subprocess.run(["npm", "pack", "--silent", "--ignore-scripts", PACKAGE], cwd=keep, capture_output=True, text=True,
                                 timeout=120)
            if got.returncode != 0:
                raise unittest.SkipTest(f"{PACKAGE} cannot be had: {(got.stderr or got.stdout).strip().splitlines()[-1:]}")
        with tempfile.TemporaryDirectory(prefix="ls-envoy-") as work:
            with tarfile.open(glob.glob(os.path.join(keep, "*.tgz"))[0]) as package:
                package.extractall(work, [m for m in package.getmembers() if m.isfile() and m.name.startswith("package/deps/")
                                          and ".." not in m.name])
            deps = os.path.join(work, "package/deps")
            out = os.path.join(work, "set")
            subprocess.run(["protoc", *(f"-I{deps}/{d}" for d in ("envoy-api", "googleapis", "protoc-gen-validate", "xds")),
                            "--include_imports", f"--descriptor_set_out={out}", "envoy/service/discovery/v3/discovery.proto",
                            "envoy/config/endpoint/v3/endpoint.proto"], check=True, timeout=60)
            with open(out, "rb") as file:
                return file.read()

    def parse(self, text):
        """The assignments of a response, by cluster; fails on anything that the definitions do not have."""
        response = self.json_format.Parse(text, self.response(), descriptor_pool=self.pool)
        found = {}
        for any_ in response.resources:
            assert any_.type_url == EDS, any_.type_url
            assignment = self.assignment.FromString(any_.value)
            found[assignment.cluster_name] = assignment
        return response, found


def check_rules(assignment):
    """The validate.rules of the definitions, and what Envoy itself refuses."""
    assert len(assignment.cluster_name) >= 1
    seen = set()
    for locality in assignment.endpoints:
        assert locality.priority <= 128
        assert locality.load_balancing_weight.value >= 1
        key = (locality.locality.SerializeToString(), locality.priority)
        assert key not in seen, "two entries of one locality and priority"
        seen.add(key)
        assert sum(m.load_balancing_weight.value for m in locality.lb_endpoints) < 1 << 32
        for member in locality.lb_endpoints:
            address = member.endpoint.address.socket_address
            assert member.load_balancing_weight.value >= 1
            assert len(address.address) >= 1 and 1 <= address.port_value <= 65535


class Reader(threading.Thread):
    """Follows the file by its name, as fast as it can: each content must be whole, and none older than the one before."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.stop, self.wrong, self.n = path, False, None, 0
        self.version = 0

    def run(self):
        while not self.stop and not self.wrong:
            try:
                with open(self.path) as file:
                    document = json.load(file)
            except FileNotFoundError:
                continue
            except ValueError as error:
                self.wrong = f"not whole: {error}"
                break
            version = int(document["version_info"])
            if version < self.version:
                self.wrong = f"{version} after {self.version}"
            self.version = version
            self.n += 1


class Envoy(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.definitions = Definitions()

    def start(self):
        backends = [self.backend("127.0.0.1")]
        port = backends[0].port
        for address in ("127.0.0.2", "127.0.0.3", "::1"):
            backends.append(self.backend(address, port=port))
        self.backends = dict(zip("abcd", backends))
        d = self.daemon(zones=ZONES, pools=POOLS.format(port), files={"tiers.yaml": TIERS, "eds/.keep": ""}, main="tiers: tiers.yaml\n",
                        http=True)
        self.path = os.path.join(d.dir, "eds/web.json")
        d.wait_for(lambda: os.path.exists(self.path), 60)
        return d

    def text(self):
        with open(self.path) as file:
            return file.read()

    def members(self, text=None):
        """{name: (status, weight, zone)} of the file, after all checks."""
        text = text or self.text()
        _, assignments = self.definitions.parse(text)
        (assignment,) = assignments.values()
        check_rules(assignment)
        status = self.definitions.pool.FindEnumTypeByName("envoy.config.core.v3.HealthStatus")
        return {m.metadata.filter_metadata["loadstar"]["name"]: (
            status.values_by_number[m.health_status].name, m.load_balancing_weight.value, l.locality.zone)
            for l in assignment.endpoints for m in l.lb_endpoints}

    ALL = {"ams-a": ("HEALTHY", 100, "ams"), "ams-b": ("HEALTHY", 50, "ams"),
           "iad-c": ("HEALTHY", 25, "iad"), "iad-d": ("HEALTHY", 25, "iad")}

    def ask(self, d, request):
        """REST as Envoy asks it: its own authority, and a node that is long."""
        request = {"node": {"id": "n", "extensions": [{"name": f"envoy.filters.http.ext{i}", "category": "envoy.filters.http",
                                                       "type_urls": ["x" * 40]} for i in range(800)]}, **request}
        body = json.dumps(request).encode()
        self.assertGreater(len(body), 65536)
        try:
            with urllib.request.urlopen(urllib.request.Request(
                    f"http://127.0.0.1:{d.http_port}/v3/discovery:endpoints", data=body,
                    headers={"Host": "xds_cluster", "Content-Type": "application/json"}), timeout=60) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def test_states(self):
        d = self.start()
        d.wait_for(lambda: self.members() == self.ALL, 60)
        for order, member, expected in (("drain", "www/ams/a", ("DRAINING", 1, "ams")), ("down", "www/ams/b", ("UNHEALTHY", 1, "ams"))):
            d.ctl("set", member, order)
            d.wait_for(lambda: self.members() == {**self.ALL, member[4:].replace("/", "-"): expected}, 60)
            d.ctl("set", member, "auto")
            d.wait_for(lambda: self.members() == self.ALL, 60)
        d.ctl("weight", "www/iad/c", "0")
        d.wait_for(lambda: self.members()["iad-c"] == ("DRAINING", 1, "iad"), 60)
        d.ctl("weight", "www/iad/c", "auto")
        self.backends["d"].close()
        d.wait_for(lambda: self.members() == {**self.ALL, "iad-d": ("UNHEALTHY", 1, "iad")}, 60)

    def test_rest(self):
        d = self.start()
        d.wait_for(lambda: self.members() == self.ALL, 60)
        d.wait_for(lambda: self.ask(d, {"resource_names": ["ams", "web"]})[0] == 200, 60)
        status, text = self.ask(d, {"resource_names": ["web"], "type_url": EDS})
        self.assertEqual((status, self.members(text)), (200, self.ALL))
        version = json.loads(text)["version_info"]
        self.assertEqual(self.ask(d, {"resource_names": ["web"], "version_info": version}), (304, ""))
        status, text = self.ask(d, {"resource_names": ["ams", "web"]})
        _, assignments = self.definitions.parse(text)
        self.assertEqual(set(assignments), {"ams", "web"})
        self.assertEqual(self.ask(d, {"resource_names": ["nobody"]})[0], 404)
        d.ctl("set", "www/ams/a", "drain")
        d.wait_for(lambda: self.ask(d, {"resource_names": ["web"], "version_info": version})[0] == 200, 60)
        status, text = self.ask(d, {"resource_names": ["ams"]})
        self.assertEqual(self.members(text), {"ams-a": ("DRAINING", 1, "ams"), "ams-b": ("HEALTHY", 50, "ams")})

    def test_followed_by_renames(self):
        """Whole and newest: while it changes as fast as it can, over a kill -9 and a restart that changes nothing."""
        d = self.start()
        d.wait_for(lambda: self.members() == self.ALL, 60)
        reader = Reader(self.path)
        reader.start()
        took = []
        for i in range(20):
            order = "drain" if i % 2 == 0 else "auto"
            began = time.monotonic()
            d.ctl("set", "www/ams/a", order)
            expected = "DRAINING" if order == "drain" else "HEALTHY"
            d.wait_for(lambda: self.members()["ams-a"][0] == expected, 60, step=0.002)
            took.append((time.monotonic() - began) * 1000)
        print(f"an order until the file has it: median {statistics.median(took):.0f} ms, most {max(took):.0f} ms", file=sys.stderr)
        before = self.text(), os.stat(self.path).st_mtime_ns
        d.kill()
        d.start()
        d.wait_for(lambda: d.ctl_json("tiers", "edge")["tiers"][0]["state"] == "ok", 60)
        self.assertEqual((self.text(), os.stat(self.path).st_mtime_ns), before)
        d.ctl("set", "www/ams/a", "drain")
        d.wait_for(lambda: self.members()["ams-a"][0] == "DRAINING", 60)
        reader.stop = True
        reader.join()
        self.assertIsNone(reader.wrong)
        self.assertGreater(reader.n, 20)

    def test_edits_and_others(self):
        """An edit is undone, a file of another node is left alone and told of."""
        d = self.start()
        d.wait_for(lambda: self.members() == self.ALL, 60)
        good = self.text()
        d.write("eds/web.json", good.replace('"HEALTHY"', '"UNHEALTHY"', 1))
        d.ctl("set", "www/iad/c", "drain")
        d.wait_for(lambda: self.members() == {**self.ALL, "iad-c": ("DRAINING", 1, "iad")}, 60)
        d.write("eds/web.json", good[:len(good) // 2]) # no mark is left, and it is ours all the same, by the records
        d.ctl("set", "www/iad/c", "auto")
        d.wait_for(lambda: self.text().endswith("}\n") and self.members() == self.ALL, 60)
        d.ctl("set", "www/iad/c", "drain")
        d.wait_for(lambda: self.members() == {**self.ALL, "iad-c": ("DRAINING", 1, "iad")}, 60)
        document = json.loads(self.text())
        document["control_plane"]["identifier"] = "loadstar elsewhere"
        theirs = json.dumps(document)
        d.write("eds/web.json", theirs)
        d.ctl("set", "www/iad/c", "auto")
        d.wait_for(lambda: d.ctl_json("tiers", "edge")["tiers"][0]["state"] == "refused", 60)
        self.assertIn("elsewhere", d.ctl_json("tiers", "edge")["tiers"][0]["last_error"])
        self.assertEqual(self.text(), theirs)

    def test_a_tier_that_goes(self):
        """A reload offers on what it offered. A tier's end: its members are drained in the file, which Envoy follows on."""
        d = self.start()
        d.wait_for(lambda: self.members() == self.ALL, 60)
        d.wait_for(lambda: self.ask(d, {"resource_names": ["ams", "web"]})[0] == 200, 60)
        for more in ("  more: {type: envoy, pool: www, site: iad, cluster: iad, eds: {rest: true}}\n", ""):
            d.write("tiers.yaml", TIERS + more)
            d.reload()
            for _ in range(20):
                self.assertEqual(self.ask(d, {"resource_names": ["ams", "web"]})[0], 200)
        d.write("tiers.yaml", "\n".join(line for line in TIERS.splitlines() if "edge" not in line) + "\n")
        d.reload()
        d.wait_for(lambda: all(m[0] == "DRAINING" for m in self.members().values()), 60)
        d.wait_for(lambda: "edge" not in d.read("state/tiers"), 60)
        self.assertEqual(len(self.members()), 4)
        self.assertNotIn("by somebody else", d.log())
        self.assertEqual(self.ask(d, {"resource_names": ["web"]})[0], 404)

    def test_definitions_are_strict(self):
        """The checker itself: what it must refuse."""
        d = self.start()
        d.wait_for(lambda: self.members() == self.ALL, 60)
        text = self.text()
        for old, new in (('"HEALTHY"', '"HEALTHIER"'), ('"port_value"', '"port"'), ('"health_status"', '"health"'),
                         ('"endpoints"', '"endpoint"'), ('ClusterLoadAssignment","resources"', 'Cluster","resource"')):
            self.assertIn(old, text)
            with self.assertRaises(self.definitions.json_format.ParseError):
                self.definitions.parse(text.replace(old, new, 1))
        with self.assertRaises(AssertionError):
            self.members(text.replace('"load_balancing_weight":100', '"load_balancing_weight":0'))


if __name__ == "__main__":
    unittest.main()
