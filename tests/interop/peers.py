# SPDX-License-Identifier: Apache-2.0
"""Other name servers on free loopback ports, serving the same zone files: NSD and Knot of Debian.

Each is started in a directory of its own with its defaults, but for what would make answers differ
by policy and not by protocol: UDP responses up to 1232 bytes, no rate limiting, and no more in a
response than was asked for.
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile

import dns.exception
import dns.query

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import harness

NSD_CONF = """server:
  ip-address: {address}@{port}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "{dir}"
  database: ""
  pidfile: "{dir}/nsd.pid"
  xfrdfile: "{dir}/xfrd.state"
  zonelistfile: "{dir}/zone.list"
  ipv4-edns-size: 1232
  minimal-responses: yes
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
"""

KNOT_CONF = """server:
    rundir: "{dir}"
    listen: {address}@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    udp-max-payload: 1232
log:
  - target: stderr
    any: warning
database:
    storage: "{dir}"
template:
  - id: default
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
zone:
"""


SBIN = os.environ["PATH"] + ":/usr/sbin"


class Process:
    """A name server in a directory of its own, .dir, asked at .address and .port. Runs until close(),
    or the end of a `with` block."""

    def __init__(self, prefix, address="127.0.0.1", port=None):
        self.dir = tempfile.mkdtemp(prefix=prefix)
        self.address, self.port = address, port or harness.free_port(address)
        self.log = self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def launch(self, argv, name, rdtype):
        """Starts it, and waits until the question is answered."""
        self.log = open(os.path.join(self.dir, "log"), "w+")
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        env=dict(os.environ, PATH=SBIN))
        try:
            harness.wait_for(lambda: self._answers(argv[0], name, rdtype), 60, 0.02)
        except BaseException:
            self.close()
            raise

    def _answers(self, binary, name, rdtype):
        if self.process.poll() is not None:
            self.log.seek(0)
            raise AssertionError(f"{binary} ended:\n{self.log.read()[-4000:]}")
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.setblocking(False)
            try:
                s.connect((self.address, self.port))  # that nobody listens there yet is told at once
                message = harness.Daemon.message(None, name, rdtype, None)
                return dns.query.udp(message, self.address, port=self.port, timeout=2, sock=s).answer
            except (dns.exception.Timeout, OSError):
                return None

    def query(self, name, rdtype="A", ecs=None, timeout=30.0):
        message = harness.Daemon.message(None, name, rdtype, ecs)
        return dns.query.udp(message, self.address, port=self.port, timeout=timeout)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.log:
            self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Peer(Process):
    """A server of zone files."""

    def __init__(self, zones, address="127.0.0.1", port=None):
        """zones: {name: path of its zone file}."""
        if shutil.which(self.binary, path=SBIN) is None:
            raise harness.unittest.SkipTest(f"{self.binary} is missing: install {self.package}")
        super().__init__("ls-peer-", address, port)
        config = os.path.join(self.dir, "conf")
        with open(config, "w") as file:
            file.write(self.template.format(dir=self.dir, address=self.address, port=self.port))
            for name, path in zones.items():
                file.write(self.zone.format(name=name, path=path))
        self.launch([arg.format(config=config) for arg in self.command], next(iter(zones)), "SOA")


class Nsd(Peer):
    binary, package = "nsd", "nsd"
    template = NSD_CONF
    zone = 'zone:\n  name: {name}\n  zonefile: "{path}"\n'
    command = ["nsd", "-d", "-c", "{config}"]


class Knot(Peer):
    binary, package = "knotd", "knot"
    template = KNOT_CONF
    zone = '  - domain: {name}\n    file: "{path}"\n'
    command = ["knotd", "-c", "{config}"]
