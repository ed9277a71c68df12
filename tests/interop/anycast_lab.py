# SPDX-License-Identifier: Apache-2.0
"""Sites that announce prefixes to a router, and a client behind it: each a host of its own (a
network namespace), with real BGP speakers.

    lab = anycast_lab.Lab(self.addCleanup)      # skips the test where that is not to be had
    ams = lab.site("ams", "bird")               # or exabgp, frr, gobgp: anycast_speakers.py
    ams.start_speaker()
    ams.loadstar(anycast=SETS).start()          # a harness.Daemon in there
    lab.router.wait_route("192.0.2.53/32")
    mark = lab.router.mark()
    lab.router.updates(mark)                    # what speakers have told it since, with times

The router is a BIRD (AS 65000) that honours GRACEFUL_SHUTDOWN and writes its routes into its kernel.
Its log tells each update of a route, so that a replacement can be told from a withdrawal with an
announcement behind it. Site N has 10.98.N.2 and fd98:N::2, the router there .1 and ::1.
"""
import os
import shutil
import signal
import tempfile
import threading
import traceback
import unittest

import dns.exception

from anycast_client import Client
from anycast_host import HOLD, PATIENCE, Listener, Process, arguments, children, find
from anycast_router import Router
import anycast_speakers
import harness
import netns

ZONE = """
zone: example.test
ttl: 5m
soa: {{mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s, serial: 1}}
records:
  "@": {{NS: ns1}}
  ns1: {{A: 192.0.2.1}}
  where: {{TXT: {site}}}
"""

ANYCAST, ANYCAST6 = "192.0.2.53", "2001:db8::53"
LISTEN = [f"{ANYCAST}:53", f"[{ANYCAST6}]:53"]


class Site:
    """A host with a speaker and a loadstard."""

    def __init__(self, lab, name, n, speaker, **kw):
        self.lab, self.name, self.n = lab, name, n
        self.host = lab.host(name, "wan", [f"10.98.{n}.2/24", f"fd98:{n}::2/64"])
        self.dir = os.path.join(lab.dir, name)
        os.mkdir(self.dir)
        lab.wire(self.host, f"s{n}", [f"10.98.{n}.1/24", f"fd98:{n}::1/64"], f"10.98.{n}.1",
                 f"fd98:{n}::1")
        self.address, self.address6 = f"10.98.{n}.2", f"fd98:{n}::2"
        self.speaker = anycast_speakers.KINDS[speaker](self, **kw)
        self.d = None

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def listener(self, address, port):
        """What a check finds up, until .refuse()."""
        listener = Listener(self.host, address, port)
        self.lab.cleanup(listener.refuse)
        return listener

    def start_speaker(self):
        self.speaker.start()
        self.lab.router.wait_sessions(self.name)
        return self

    def loadstar(self, anycast, listen=(), zones=None, pools=None, main="", server="", **kw):
        """The loadstard of this site, not started yet. `anycast` is the text of its sets, which
        may say {dir}; its speaker, `local`, is added."""
        self.d = harness.Daemon(
            zones={"example.test.yaml": ZONE.format(site=self.name), **(zones or {})}, pools=pools,
            listen=listen or [*LISTEN, f"{self.address}:53"], main="anycast: anycast.yaml\n" + main, workers=1,
            server=f"node: {self.name}\n" + (f"site: {self.name}\n" if pools else "") + server,
            wrap=["ip", "netns", "exec", self.host.name], **kw)
        self.lab.cleanup(self._close)
        self.sets(anycast)
        return self.d

    def sets(self, anycast):
        """Writes anycast.yaml anew."""
        self.d.write("anycast.yaml", anycast + "\nspeakers:\n  local: " + self.speaker.yaml() + "\n")

    def _close(self):
        """Without a drain: most sites have one that goes on for seconds."""
        if self.d.process:
            guards = self.guards()
            self.d.kill()
            for pid in guards:
                try:
                    os.kill(pid, signal.SIGCONT)
                except OSError:
                    pass  # it has ended by itself, as it should
        self.d.close()

    def report(self):
        """What is to be known of a failure."""
        said = ""
        if self.d.process and self.d.process.poll() is None:
            for words in (["anycast"], ["status"]):
                done = self.d.ctl(*words, check=False, timeout=10)
                said += f"$ loadstarctl {' '.join(words)}\n{done.stdout}{done.stderr}"
        code = self.d.process and self.d.process.poll()
        return f"{said}{self.d.log()}\nexit code {code}\n{self.speaker.main.log()[-2000:]}"

    # What loadstar says

    def view(self, name):
        """`loadstarctl anycast NAME --json`, of that set."""
        return next(s for s in self.d.ctl_json("anycast", name)["sets"] if s["name"] == name)

    def wait_view(self, name, timeout=PATIENCE, **fields):
        """Until fields of the view are so (a value, or some in a tuple); returns it."""
        last = [None]

        def so():
            last[0] = self.view(name)
            return all(last[0][key] in (value if isinstance(value, tuple) else (value,))
                       for key, value in fields.items()) and last[0]
        try:
            return harness.wait_for(so, timeout, step=0.1)
        except AssertionError:
            raise AssertionError(f"{self.name}: {name} is not {fields} after {timeout} s, "
                                 f"but {last[0]}") from None

    def answers(self, address=None, timeout=20.0):
        """Whether its loadstard answers on its own host, at the anycast address: one question, which a
        busy machine may be slow with."""
        try:
            with self.host:
                return bool(self.d.query("where.example.test", "TXT", address=address or ANYCAST,
                                         port=53, timeout=timeout).answer)
        except (OSError, dns.exception.DNSException):
            return False

    def guards(self):
        """The ids of its guard: children of loadstard that were started as such."""
        return [pid for pid in children(self.d.process.pid) if b"--guard" in arguments(pid)]


class Lab:
    """All of it. `cleanup` is addCleanup of a test, or of a class of tests. `stem`: what the names of
    its namespaces begin with; `dir`: where its files are, by default one that goes with it."""

    count = 0

    def __init__(self, cleanup, hold=HOLD, more="", stem=None, dir=None):
        reason = netns.why_not()
        if reason:
            raise unittest.SkipTest(reason)
        find("bird")
        Lab.count += 1
        self.cleanup = cleanup
        self.stem = stem or f"la{os.getpid()}-{Lab.count}"
        self.dir = dir or self._directory()
        self.sites, self._client = {}, None
        self.router = Router(self, hold, more)

    def _directory(self):
        path = tempfile.mkdtemp(prefix="ls-lab-")
        os.chmod(path, 0o755)
        self.cleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def host(self, name, device, addresses):
        host = netns.Host(f"{self.stem}-{name}", device, addresses)
        netns.run("ip", "netns", "add", host.name)
        self.cleanup(netns.run, "ip", "netns", "del", host.name)
        host.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0",
                 "net.ipv4.conf.default.rp_filter=0")
        host.run("ip", "link", "set", "lo", "up")
        return host

    def wire(self, host, device, addresses, gateway, gateway6):
        """Joins a host to the router, and leads it there."""
        netns.run("ip", "link", "add", host.device, "netns", host.name, "type", "veth", "peer",
                  "name", device, "netns", self.router.host.name)
        near = netns.Host(self.router.host.name, device, addresses)
        near.configure()
        host.configure()
        host.run("ip", "route", "add", "default", "via", gateway)
        if gateway6:
            host.run("ip", "-6", "route", "add", "default", "via", gateway6)

    def site(self, name, speaker="bird", **kw):
        site = Site(self, name, len(self.sites) + 1, speaker, **kw)
        self.sites[name] = site
        self.router.reconfigure()
        return site

    @property
    def client(self):
        if self._client is None:
            self._client = Client(self)
        return self._client

    def process(self, argv, log, host=None, env=None, cwd=None):
        """A process that ends with the lab; .start() it."""
        process = Process(argv, log if log.startswith("/") else os.path.join(self.dir, log), host, env, cwd)
        self.cleanup(process.stop)
        return process


def each(sites, function):
    """function(site) for all sites at the same time, each in a thread; all that failed is told."""
    failures = []

    def run(site):
        try:
            function(site)
        except BaseException:  # an assertion, or whatever else: the test fails by it
            failures.append(f"--- {site.name}\n{traceback.format_exc()}\n{site.report()}")
    threads = [threading.Thread(target=run, args=(site,)) for site in sites]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise AssertionError("\n".join(failures))


def ms(seconds):
    return f"{seconds * 1000:.0f} ms"
