# SPDX-License-Identifier: Apache-2.0
"""The BGP speakers of a site (anycast_lab.py), each as its operator would have set it up: sessions to
the router for IPv4 and IPv6, and what Loadstar needs to drive it."""
import os
import shutil
import socket

from anycast_host import HOLD, PATIENCE, SITE_AS, UPSTREAM_AS, find
from anycast_router import Bird
import harness


class Speaker:
    """.start() .stop() .kill() .pause() .resume(), and what anycast.yaml says of it. `processes` is
    all that runs, the one that has the sessions last."""

    listens = False  # the router connects to it, and not the other way round

    def __init__(self, site, **_):
        self.site, self.processes = site, []

    def process(self, argv, log, env=None):
        process = self.site.lab.process(argv, self.site.path(log), self.site.host, env)
        self.processes.append(process)
        return process

    @property
    def main(self):
        return self.processes[-1]

    def start(self):
        for process in self.processes:
            process.start()
        return self

    def stop(self):
        for process in reversed(self.processes):
            process.stop()

    def restart(self):
        self.stop()
        self.start()

    def call_functions(self):
        """Has its filters call what Loadstar has written by now, where that is needed."""

    def kill(self):
        return self.main.kill()

    def pause(self):
        self.main.pause()

    def resume(self):
        self.main.resume()


BIRD_CONF = """
log "{dir}/bird.log" all;
timeformat log iso long us;
timeformat protocol iso long;
router id {v4};
protocol device {{ scan time 2; }}
include "{dir}/bird.d/loadstar.con[f]";
template bgp up {{
  local as {site_as};
  hold time {hold}; connect retry time 1; error wait time 1, 2; connect delay time 1;
}}
protocol bgp up4 from up {{
  neighbor 10.98.{n}.1 as {upstream_as};
  ipv4 {{ import none; export {export}; next hop self; }};
}}
protocol bgp up6 from up {{
  neighbor fd98:{n}::1 as {upstream_as};
  ipv6 {{ import none; export {export}; next hop self; }};
}}
"""


class BirdSpeaker(Speaker):
    """Its export filters can call the function of the include file once there is one."""

    EXPORT = "where source = RTS_STATIC"
    CALLS = "filter { loadstar_export(); if source = RTS_STATIC then accept; reject; }"

    def __init__(self, site, **kw):
        super().__init__(site)
        os.mkdir(site.path("bird.d"))
        self.file, self.socket = site.path("bird.d/loadstar.conf"), site.path("bird.ctl")
        self.write(self.EXPORT)
        self.bird = Bird(self.socket)
        self.process([find("bird"), "-f", "-c", site.path("bird.conf"), "-s", self.socket],
                     "bird.out")

    def write(self, export):
        site = self.site
        site.write("bird.conf", BIRD_CONF.format(
            dir=site.dir, v4=site.address, site_as=SITE_AS, upstream_as=UPSTREAM_AS, n=site.n,
            hold=HOLD, export=export))

    def call_functions(self):
        self.write(self.CALLS)
        self.bird.ask("configure")

    def start(self):
        super().start()
        harness.wait_for(self._answers, PATIENCE)
        return self

    def _answers(self):
        if not self.main.is_alive():
            raise AssertionError(f"bird has ended: {self.main.log()[-2000:]}")
        return self.bird.answers()

    def yaml(self):
        return f"{{type: bird, socket: {self.socket}, file: {self.file}, as: {SITE_AS}}}"


EXABGP_CONF = """
process loadstar {{ run {run}; encoder text; }}
template {{ neighbor up {{
  local-as {site_as}; peer-as {upstream_as}; hold-time {hold}; router-id {v4};
  api {{ processes [ loadstar ]; neighbor-changes; }}
}} }}
neighbor 10.98.{n}.1 {{ inherit up; local-address {v4}; family {{ ipv4 unicast; }} }}
neighbor fd98:{n}::1 {{ inherit up; local-address {v6}; family {{ ipv6 unicast; }} }}
"""


class ExabgpSpeaker(Speaker):
    """By a process of it, which connects to `socket`."""

    def __init__(self, site, **kw):
        super().__init__(site)
        self.socket = site.path("exabgp.sock")
        self.run = f"{harness.program('LOADSTARCTL', 'loadstarctl')} exabgp {self.socket}"
        self.conf = site.path("exabgp.conf")
        self.process([find("exabgp"), self.conf], "exabgp.log",
                     env={"exabgp.daemon.user": "root", "exabgp.log.destination": "stdout",
                          "exabgp.api.ack": "true", "exabgp.tcp.delay": "0",
                          "exabgp.api.cli": "false"})

    def write(self):
        site = self.site
        site.write("exabgp.conf", EXABGP_CONF.format(
            run=self.run, site_as=SITE_AS, upstream_as=UPSTREAM_AS, hold=HOLD, n=site.n,
            v4=site.address, v6=site.address6))

    def start(self):
        self.write()
        return super().start()

    def yaml(self):
        return (f"{{type: exabgp, via: process, socket: {self.socket}, as: {SITE_AS}, "
                f"next_hop: [{self.site.address}, \"{self.site.address6}\"]}}")


FRR_CONF = """
hostname {name}
log file {dir}/bgpd.log
router bgp {site_as}
 bgp router-id {v4}
 no bgp ebgp-requires-policy
 {import_check}bgp network import-check
 no bgp default ipv4-unicast
 timers bgp 3 {hold}
 neighbor 10.98.{n}.1 remote-as {upstream_as}
 neighbor 10.98.{n}.1 timers connect 1
 neighbor 10.98.{n}.1 advertisement-interval 0
 neighbor fd98:{n}::1 remote-as {upstream_as}
 neighbor fd98:{n}::1 timers connect 1
 neighbor fd98:{n}::1 advertisement-interval 0
 address-family ipv4 unicast
  neighbor 10.98.{n}.1 activate
 exit-address-family
 address-family ipv6 unicast
  neighbor fd98:{n}::1 activate
 exit-address-family
!
line vty
"""


class Vty:
    """Questions to a daemon of FRR over its vty socket."""

    def __init__(self, path):
        self.path = path

    def ask(self, *commands):
        """The answer to the last of them."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(self.path)
            for command in ("enable", *commands):
                s.sendall(command.encode() + b"\0")
                data = b""
                while not (len(data) >= 4 and data[-4:-1] == b"\0\0\0"):
                    more = s.recv(65536)
                    if not more:
                        raise ConnectionError("closed")
                    data += more
        return data[:-4].decode(errors="replace")

    def answers(self):
        try:
            self.ask("show version")
            return True
        except OSError:
            return False


class FrrSpeaker(Speaker):
    """bgpd; with zebra, and import-check, when asked for."""

    def __init__(self, site, zebra=False, **kw):
        super().__init__(site)
        self.zebra = zebra
        self.vty = Vty(site.path("bgpd.vty"))
        conf = site.write("bgpd.conf", FRR_CONF.format(
            name=site.name, dir=site.dir, site_as=SITE_AS, upstream_as=UPSTREAM_AS, hold=HOLD,
            n=site.n, v4=site.address, import_check="" if zebra else "no "))
        own = site.path("zebra")  # zebra has to be user frr, and makes files
        common = ["-A", "127.0.0.1", "-P", "0"]
        if zebra:
            os.mkdir(own)
            shutil.chown(own, "frr", "frr")
            conf_z = site.write("zebra.conf", f"hostname {site.name}\n")
            self.process([find("zebra"), "-f", conf_z, "-i", own + "/pid", "-z", own + "/zserv.api",
                          "--vty_socket", own, *common], "zebra.out")
        self.process([find("bgpd"), "-S", "-f", conf, "-n", "-i", site.path("bgpd.pid"), "-p", "179",
                      "--vty_socket", site.dir,
                      *(["-z", own + "/zserv.api"] if zebra else ["-Z"]), *common], "bgpd.out")

    def start(self):
        for process in self.processes:
            process.start()
            harness.wait_for(lambda: self._answers(process), PATIENCE)
        return self

    def _answers(self, process):
        if not process.is_alive():
            raise AssertionError(f"{process.argv[0]} has ended: {process.log()[-2000:]}")
        directory = process.argv[process.argv.index("--vty_socket") + 1]
        return Vty(f"{directory}/{os.path.basename(process.argv[0])}.vty").answers()

    def yaml(self):
        return (f"{{type: frr, socket: {self.vty.path}, as: {SITE_AS}}}")


GOBGP_CONF = """
[global.config]
  as = {site_as}
  router-id = "{v4}"
"""

GOBGP_NEIGHBOR = """
[[neighbors]]
  [neighbors.config]
    neighbor-address = "{peer}"
    peer-as = {upstream_as}
  [neighbors.timers.config]
    connect-retry = 1
    hold-time = {hold}
    keepalive-interval = 3
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "{family}"
"""


class GobgpSpeaker(Speaker):

    listens = True  # it takes 10 s to its own first try

    def __init__(self, site, **kw):
        super().__init__(site)
        self.api = "unix://" + site.path("gobgp.sock")
        text = GOBGP_CONF.format(site_as=SITE_AS, v4=site.address)
        for peer, family in ((f"10.98.{site.n}.1", "ipv4-unicast"),
                             (f"fd98:{site.n}::1", "ipv6-unicast")):
            text += GOBGP_NEIGHBOR.format(peer=peer, family=family, upstream_as=UPSTREAM_AS,
                                          hold=HOLD)
        self.process([find("gobgpd"), "-f", site.write("gobgpd.toml", text), "--api-hosts", self.api,
                      "--pprof-disable"], "gobgpd.out")
        self.client = [find("gobgp"), "--target", self.api]

    def start(self):
        try:
            os.unlink(self.site.path("gobgp.sock"))
        except FileNotFoundError:
            pass
        return super().start()

    def yaml(self):
        words = ", ".join(f'"{word}"' for word in self.client)
        return (f"{{type: gobgp, command: [{words}], as: {SITE_AS}, timeout: 60s, "
                f"next_hop: [{self.site.address}, \"{self.site.address6}\"]}}")


KINDS = {"bird": BirdSpeaker, "exabgp": ExabgpSpeaker, "frr": FrrSpeaker, "gobgp": GobgpSpeaker}
NAMES = sorted(KINDS)
