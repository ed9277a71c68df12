# SPDX-License-Identifier: Apache-2.0
"""The units of contrib/systemd and their drop-ins as systemd runs them, in a container that it has booted."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import threading
import time

import systemd_host
from systemd_host import PATIENCE
import harness

import dns.message
import dns.query

LONG = "it boots, and awaits what systemd awaits"
NET_BIND_SERVICE, NET_ADMIN, NET_RAW, SYS_RESOURCE = (1 << bit for bit in (10, 12, 13, 24))
EXAMPLE = os.path.join(systemd_host.CONTRIB, "example")
L4 = """\
services:
  web:
    listen: ["127.0.0.1:80"]
    members: ["127.0.0.1:8001"]
    limits: {connections: 1000}
    drain: {timeout: 10m}
  time:
    listen: ["127.0.0.1:123"]
    protocol: udp
    members: ["127.0.0.1:8001"]
    limits: {connections: 1000}
"""


class Echo:
    """On the machine, at 127.0.0.1:8001: says of TCP who has come, then gives back what it is told."""

    def __init__(self, machine):
        with machine:
            self.tcp = socket.create_server(("127.0.0.1", 8001), backlog=100)
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 8001))
        for work in (self.accept, self.datagrams):
            threading.Thread(target=work, daemon=True).start()

    def accept(self):
        while True:
            s, peer = self.tcp.accept()
            threading.Thread(target=self.serve, args=(s, peer[0]), daemon=True).start()

    @staticmethod
    def serve(s, peer):
        with s:
            try:
                s.sendall(peer.encode() + b"\n")
                while data := s.recv(1000):
                    s.sendall(data)
            except OSError:
                pass

    def datagrams(self):
        while True:
            data, peer = self.udp.recvfrom(1000)
            self.udp.sendto(data, peer)


class Client:
    """A connection through loadstar-l4 that is held."""

    def __init__(self, machine, source="127.0.0.1"):
        with machine:
            self.s = socket.create_connection(("127.0.0.1", 80), PATIENCE, source_address=(source, 0))
        self.s.settimeout(PATIENCE)
        self.lines = self.s.makefile("rb")
        self.seen_as = self.lines.readline().decode().strip()

    def goes_on(self):
        self.s.sendall(b"x\n")
        return self.lines.readline() == b"x\n"

    def close(self):
        self.lines.close()
        self.s.close()


class TestCase(harness.TestCase):
    """All tests share a machine; each begins with both units stopped, and without drop-ins."""

    machine = None

    @classmethod
    def setUpClass(cls):
        if TestCase.machine is None:
            TestCase.machine = systemd_host.Machine()
            unittest_end(TestCase.machine.close)
            cls.furnish(TestCase.machine)

    @staticmethod
    def furnish(machine):
        """As README.md says, but that the database is elsewhere."""
        machine.run("systemd-sysusers")
        shutil.copytree(os.path.join(EXAMPLE, "zones"), machine.path("/etc/loadstar/zones"))
        for name in ("loadstar.yaml", "pools.yaml"):
            with open(os.path.join(EXAMPLE, name)) as file:
                machine.write(f"/etc/loadstar/{name}", file.read().replace("/usr/share/loadstar/geoip", "/etc/loadstar"))
        shutil.copy(os.path.join(systemd_host.CONTRIB, "../geoip/country.mmdb"), machine.path("/etc/loadstar"))
        machine.write("/etc/loadstar/l4.yaml", L4)
        Echo(machine)

    def unit(self, unit, **drop_ins):
        m = self.machine
        m.install_unit(unit, {name + ".conf": text for name, text in drop_ins.items()})
        self.addCleanup(m.run, "systemctl", "reset-failed", check=False)
        self.addCleanup(m.run, "systemctl", "kill", "-s", "KILL", unit, check=False)
        self.addCleanup(m.run, "systemctl", "stop", "--no-block", unit, check=False)
        m.run("systemctl", "start", unit)
        self.assertEqual(m.show(unit, "ActiveState", "SubState", "NRestarts", "NeedDaemonReload"),
                         {"ActiveState": "active", "SubState": "running", "NRestarts": "0", "NeedDaemonReload": "no"})

    # ---- loadstard ----

    def asked(self, name, rdtype):
        try:
            with self.machine:
                reply = dns.query.udp(dns.message.make_query(name, rdtype), "127.0.0.1", timeout=1)
        except (OSError, dns.exception.Timeout):
            return None
        return sorted(str(item) for rrset in reply.answer for item in rrset)

    def answers(self, words, name="ns1.example.com", rdtype="A"):
        self.machine.wait_for(lambda: self.asked(name, rdtype) == words, "loadstard.service")

    def add_to_configuration(self, text):
        m = self.machine
        config = m.read("/etc/loadstar/loadstar.yaml")
        self.addCleanup(m.write, "/etc/loadstar/loadstar.yaml", config)
        m.write("/etc/loadstar/loadstar.yaml", config + text)

    # ---- both ----

    def ctl(self, unit, *words, check=True):
        return self.machine.run("loadstarctl", "-s", f"/run/{unit}/control.sock", *words, check=check)

    def status_as(self, unit, *groups):
        """Whether somebody who is in these groups gets at the control socket."""
        done = self.machine.run("setpriv", "--reuid=nobody", "--regid=nogroup",
                                *([f"--groups={','.join(groups)}"] if groups else ["--clear-groups"]),
                                "loadstarctl", "-s", f"/run/{unit}/control.sock", "status", check=False)
        return done.returncode == 0

    def has_rights(self, unit, effective, inheritable=0, kept_by=None):
        """Of all threads; with `kept_by`, threads whose names begin so have the effective ones, and others have none.
        Inheritable ones are nobody's gain without new privileges."""
        pid = self.machine.main_pid(unit)
        uid = self.machine.run("id", "-u", "loadstar").stdout.strip()
        for thread in os.listdir(f"/proc/{pid}/task"):
            status = systemd_host.status_of(f"{pid}/task/{thread}")
            if not status:
                continue  # it has ended
            text = json.dumps(status, indent=1)
            self.assertEqual((status["Uid"].split(), status["NoNewPrivs"], status["Seccomp"]), ([uid] * 4, "1", "2"), text)
            has = effective if not kept_by or status["Name"].startswith(kept_by) else 0
            found = {key: int(status[key], 16) for key in ("CapEff", "CapPrm", "CapInh", "CapAmb")}
            self.assertEqual(found, {"CapEff": has, "CapPrm": has, "CapInh": inheritable, "CapAmb": 0}, text)
        with open(f"/proc/{pid}/oom_score_adj") as file:
            self.assertIn(file.read().strip(), ("-900", "0"))  # 0: the container may not
        with open(f"/proc/{pid}/mountinfo") as file:
            root, = (words[5].split(",") for words in map(str.split, file) if words[4] == "/")
        self.assertIn("ro", root)  # ProtectSystem=strict

    def has_directories(self, name):
        """Its own, which others cannot look into."""
        for path in (f"/run/{name}", f"/var/lib/{name}"):
            self.assertEqual(self.machine.run("stat", "-c", "%U:%G %a", path).stdout, "loadstar:loadstar 750\n")
        self.assertTrue(self.status_as(name, "loadstar"))
        self.assertFalse(self.status_as(name))

    def runs_anew(self, unit, before):
        def is_another():
            found = self.machine.show(unit, "MainPID", "ActiveState", "NRestarts")
            return found["MainPID"] not in (before, "0") and found["ActiveState"] == "active" and found["NRestarts"] != "0"
        self.machine.wait_for(is_another, unit)

    def crashes(self, unit):
        before = self.machine.show(unit, "MainPID")
        self.machine.run("systemctl", "kill", "--kill-whom=main", "-s", "KILL", unit)
        self.runs_anew(unit, before)

    def stops(self, unit, directory):
        m = self.machine
        m.run("systemctl", "stop", unit)
        self.assertEqual(m.show(unit, "ActiveState", "Result", "ExecMainStatus"),
                         {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}, m.journal(unit))
        self.assertFalse(os.path.exists(m.mounted(f"/run/{directory}")))


def unittest_end(fn):
    harness.unittest.addModuleCleanup(fn)


class Loadstard(TestCase):
    def test_a_life(self):
        m, unit = self.machine, "loadstard"
        self.unit("loadstard.service")
        self.answers(["192.0.2.53"])
        self.has_rights(unit, NET_BIND_SERVICE, NET_BIND_SERVICE)
        self.has_directories("loadstar")
        zone = m.read("/etc/loadstar/zones/example.com.yaml")
        self.addCleanup(m.write, "/etc/loadstar/zones/example.com.yaml", zone)
        m.write("/etc/loadstar/zones/example.com.yaml", zone.replace("192.0.2.53", "192.0.2.54"))
        before = m.show(unit, "MainPID")
        m.run("systemctl", "reload", unit)
        self.answers(["192.0.2.54"])
        self.assertEqual(m.show(unit, "MainPID", "ActiveState"), {"MainPID": before, "ActiveState": "active"})
        self.crashes(unit)
        self.answers(["192.0.2.54"])
        self.stops(unit, "loadstar")

    def test_credentials(self):
        """A token that root alone may read on disk."""
        m = self.machine
        m.write("/etc/loadstar/api.token", "s3cret\n", 0o600)
        self.add_to_configuration("http: {listen: '127.0.0.1:8053', token_file: /run/credentials/loadstard.service/api.token}\n")
        self.unit("loadstard.service", credentials=m.drop_in("credentials.conf"))

        def order(token):
            with m:
                connection = http.client.HTTPConnection("127.0.0.1", 8053, timeout=PATIENCE)
                connection.request("POST", "/api/v1/reload", headers={"Authorization": f"Bearer {token}"})
                status = connection.getresponse().status
                connection.close()
            return status
        self.assertEqual((order("other"), order("s3cret")), (401, 200))

    def test_xdp(self):
        m = self.machine
        self.addCleanup(m.run, "ip", "link", "del", "xdp-a")
        m.run("ip", "link", "add", "xdp-a", "type", "veth", "peer", "name", "xdp-b")
        m.run("ip", "addr", "add", "10.97.0.1/24", "dev", "xdp-a")
        for name in ("xdp-a", "xdp-b"):
            m.run("ip", "link", "set", name, "up")
        config = m.read("/etc/loadstar/loadstar.yaml")
        self.addCleanup(m.write, "/etc/loadstar/loadstar.yaml", config)
        m.write("/etc/loadstar/loadstar.yaml", config.replace("server:\n", "server:\n  xdp: {interfaces: xdp-a}\n"))
        self.unit("loadstard.service", xdp=m.drop_in("xdp.conf"))
        said = m.journal("loadstard")
        if "RLIMIT_MEMLOCK" in said and not int(systemd_host.status_of(m.leader)["CapBnd"], 16) & SYS_RESOURCE:
            self.skipTest("memory that may be locked cannot be raised without CAP_SYS_RESOURCE, which the container has not")
        if "built without it" in said:
            self.skipTest("loadstard was built without AF_XDP")
        found = json.loads(self.ctl("loadstar", "--json", "status").stdout)["xdp"]
        self.assertEqual([item["interface"] for item in found], ["xdp-a"], said)
        self.assertIn("xdp", m.run("ip", "link", "show", "xdp-a").stdout.replace("xdp-a", "").replace("xdp-b", ""))
        self.stops("loadstard", "loadstar")
        self.assertNotIn("xdp", m.run("ip", "link", "show", "xdp-a").stdout.replace("xdp-a", "").replace("xdp-b", ""))


class Forwarder(TestCase):
    def start(self, **drop_ins):
        self.unit("loadstar-l4.service", **drop_ins)
        self.has_directories("loadstar-l4")

    def client(self, **kw):
        client = Client(self.machine, **kw)
        self.addCleanup(client.close)
        return client

    def datagram(self):
        with self.machine, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(PATIENCE)
            s.sendto(b"y", ("127.0.0.1", 123))
            return s.recv(10)

    def replace(self):
        m = self.machine
        before = m.show("loadstar-l4", "MainPID")
        self.ctl("loadstar-l4", "replace")
        after = m.show("loadstar-l4", "MainPID", "ActiveState", "NRestarts")
        self.assertNotIn(after["MainPID"], (before, "0"))
        self.assertEqual((after["ActiveState"], after["NRestarts"]), ("active", "0"))
        return before, after["MainPID"]

    def test_a_life(self):
        m, unit = self.machine, "loadstar-l4"
        self.start(stop="[Service]\nTimeoutStopSec=5s\n")
        self.has_rights(unit, 0)
        self.assertEqual(self.datagram(), b"y")
        self.addCleanup(m.write, "/etc/loadstar/l4.yaml", L4)
        m.write("/etc/loadstar/l4.yaml", L4.replace('"127.0.0.1:80"', '"127.0.0.1:80", "127.0.0.1:8080"'))
        m.run("systemctl", "reload", unit)

        def is_listening():
            with m, socket.socket() as s:
                return s.connect_ex(("127.0.0.1", 8080)) == 0
        m.wait_for(is_listening, unit)
        self.crashes(unit)
        client = self.client()
        m.run("systemctl", "stop", "--no-block", unit)
        m.wait_for(lambda: m.show(unit, "ActiveState") == "deactivating", unit)
        time.sleep(7)  # longer than systemd awaits what says nothing
        self.assertTrue(client.goes_on())
        client.close()
        self.stops(unit, unit)

    def test_replaced(self):
        m, unit = self.machine, "loadstar-l4"
        self.start()
        held = self.client()
        old, new = self.replace()
        self.assertTrue(held.goes_on())
        self.assertEqual(self.datagram(), b"y")
        self.client().close()
        self.has_rights(unit, 0)
        self.has_directories(unit)
        m.run("systemctl", "reload", unit)
        m.wait_for(lambda: "reloaded" in m.journal(unit), unit)
        self.assertEqual(m.show(unit, "MainPID"), new)
        # The new one crashes beside the old one, whose connection would go on for minutes.
        self.crashes(unit)
        self.client().close()
        self.assertEqual(self.datagram(), b"y")
        self.assertFalse(os.path.exists(m.mounted(f"/proc/{old}")))
        self.stops(unit, unit)

    def relayed(self):
        """A connection after many questions and answers: by what it is relayed."""
        client = self.client()
        for _ in range(20):
            self.assertTrue(client.goes_on())
        flows = json.loads(self.ctl("loadstar-l4", "--json", "flows").stdout)["flows"]
        return {flow["relay"] for flow in flows}

    def configure(self, **more):
        self.addCleanup(self.machine.write, "/etc/loadstar/l4.yaml", L4)
        text = "".join(f"    {key}: {value}\n" for key, value in more.items())
        self.machine.write("/etc/loadstar/l4.yaml", L4.replace("  time:\n", text + "  time:\n"))

    def test_sockhash(self):
        self.configure(relay="sockhash")
        self.start(sockhash=self.machine.drop_in("l4-sockhash.conf"))
        self.has_rights("loadstar-l4", 0)
        problems = json.loads(self.ctl("loadstar-l4", "--json", "status").stdout)["problems"]
        if problems:
            self.skipTest(f"{problems}")
        self.assertEqual(self.relayed(), {"sockhash"})
        self.replace()
        self.has_rights("loadstar-l4", 0)
        self.assertEqual(self.relayed(), {"sockhash"})

    def test_transparent(self):
        """As l4.md says it, with the right that replace cannot hand on."""
        m, unit = self.machine, "loadstar-l4"
        self.configure(transparent="true")
        self.start(transparent="[Service]\nAmbientCapabilities=CAP_NET_RAW\nCapabilityBoundingSet=CAP_NET_RAW\n")
        self.has_rights(unit, NET_RAW, kept_by="l4/")
        self.assertEqual(self.client(source="127.0.0.9").seen_as, "127.0.0.9")
        before = m.show(unit, "MainPID")
        done = self.ctl(unit, "replace", check=False)
        self.assertIn("cannot hand that on", done.stderr)
        self.assertEqual(m.show(unit, "MainPID", "ActiveState"), {"MainPID": before, "ActiveState": "active"})


class Both(TestCase):
    def test_the_watchdog(self):
        """Of one that has replaced another, too: systemd looks at the new one. Each has its own directories."""
        m, units = self.machine, ("loadstard", "loadstar-l4")
        for unit in units:
            self.unit(unit + ".service", watchdog="[Service]\nWatchdogSec=10s\n")
        self.ctl("loadstar-l4", "replace")
        before = {unit: m.show(unit, "MainPID") for unit in units}
        for unit in units:
            m.run("systemctl", "kill", "--kill-whom=main", "-s", "STOP", unit)
        for unit in units:
            self.runs_anew(unit, before[unit])
            m.wait_for(lambda: "Watchdog timeout" in m.journal(unit), unit)
        self.stops("loadstar-l4", "loadstar-l4")
        self.has_directories("loadstar")


class Anycast(TestCase):
    """`hold: tun` with BIRD as Debian's unit starts it, and no neighbours."""

    def bird(self):
        m = self.machine
        if not os.path.exists("/usr/lib/systemd/system/bird.service"):
            self.skipTest("no BIRD (Debian's package bird2)")
        m.write("/etc/sysusers.d/bird.conf", "u bird - BIRD /run/bird\n")
        m.run("systemd-sysusers")
        m.write("/etc/bird/envvars", "BIRD_RUN_USER=bird\nBIRD_RUN_GROUP=bird\n")
        m.write("/etc/bird/bird.conf", 'router id 198.51.100.2;\nprotocol device {}\n'
                                       'include "/etc/bird/loadstar/loadstar.conf";\n')
        with open(os.path.join(EXAMPLE, "anycast/bird-loadstar.conf")) as file:
            m.write("/etc/bird/loadstar/loadstar.conf", file.read())
        m.run("chown", "-R", "loadstar:loadstar", "/etc/bird/loadstar")
        m.run("chmod", "666", "/dev/net/tun") # as udev has it
        self.addCleanup(m.run, "systemctl", "stop", "bird")
        m.run("systemctl", "start", "bird")

    def furnish_set(self):
        m = self.machine
        self.add_to_configuration("anycast: anycast.yaml\n")
        m.write("/etc/loadstar/anycast.yaml", """\
anycast: {dns: {prefixes: [192.0.2.53/32], speaker: local, self: {name: example.com, type: SOA}, rise: 1s, drain_time: 1s}}
speakers: {local: {type: bird, socket: /run/bird/bird.ctl, file: /etc/bird/loadstar/loadstar.conf, as: 65001}}
""")
        text = m.drop_in("anycast.conf")
        for line, ours in (("SupplementaryGroups=bird frrvty", "SupplementaryGroups=bird"),
                           ("ReadWritePaths=/etc/bird/loadstar", None)):
            self.assertIn("# " + line, text)
            text = text.replace("# " + line, ours or line)
        return text

    def route(self):
        """When it came, as BIRD tells it; None: there is none."""
        shown = self.machine.run("birdc", "show", "route").stdout
        found = re.search(r"^192\.0\.2\.53/32 .*\[loadstar_dns_4 (\S+)\]", shown, re.M)
        return found and found[1]

    def has_tun(self):
        return self.machine.run("ip", "link", "show", "ls-dns", check=False).returncode == 0

    def has_guard(self, pid):
        """It alone has the right."""
        found = [systemd_host.status_of(child) for child in systemd_host.children(pid)]
        guard, = (status for status in found if status["Name"] == "ls-guard")
        self.assertEqual([int(guard[key], 16) for key in ("CapEff", "CapPrm", "CapInh", "CapAmb")], [NET_ADMIN, NET_ADMIN, 0, 0])

    def test_killed(self):
        m, unit = self.machine, "loadstard"
        drop_in = self.furnish_set()
        self.bird()
        self.unit("loadstard.service", anycast=drop_in)
        m.wait_for(self.route, unit)
        self.assertTrue(self.has_tun())
        self.has_rights(unit, NET_BIND_SERVICE)
        self.has_guard(m.main_pid(unit))
        before = self.route()
        self.crashes(unit)
        m.wait_for(lambda: self.route() not in (None, before), unit)
        self.has_guard(m.main_pid(unit))
        m.run("systemctl", "reload", unit)
        self.answers(["192.0.2.53"])
        self.stops(unit, "loadstar")
        self.assertFalse(self.has_tun())
        self.assertIsNone(self.route())


if __name__ == "__main__":
    harness.main()
