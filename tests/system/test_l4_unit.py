# SPDX-License-Identifier: Apache-2.0
"""The unit of loadstar-l4: as far as systemd's own tools tell without being booted, and whether what the program does in a
life is within its filter of system calls."""
import os
import re
import shutil
import socket
import subprocess
import tempfile

import harness
import l4_world
import test_unit
from l4_world import web
from test_l4_kinds import Echo

POOLS = """\
sites: {ams: {}}
checks: {alive: {type: tcp, interval: 5s, timeout: 5s, rise: 1, fall: 2}}
pools: {web: {checks: [alive], sites: {ams: [{address: 127.0.0.1, port: %d}]}}}
"""
AS_THE_UNIT = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=-all,+net_bind_service",
               "--ambient-caps=-all,+net_bind_service", "--bounding-set=-all,+net_bind_service"]


class Unit(l4_world.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)
        self.path = os.path.join(self.directory, "loadstar-l4.service")
        with open(os.path.join(test_unit.UNIT, "loadstar-l4.service.in")) as file, open(self.path, "w") as out:
            out.write(file.read().replace("@sbindir@/loadstar-l4", "/bin/true").replace("@sysconfdir@", "/etc"))

    def analyze(self, *args):
        return subprocess.run([test_unit.tool(self, "systemd-analyze"), *args], capture_output=True, text=True, timeout=120,
                              env=dict(os.environ, SYSTEMD_UNIT_PATH=self.directory + ":"))

    def test_verify(self):
        done = self.analyze("verify", "--man=no", self.path)
        ours = [line for line in (done.stdout + done.stderr).splitlines() if "loadstar-l4" in line]
        self.assertEqual((done.returncode, ours), (0, []), done.stderr)

    def test_drop_in(self):
        """It is taken, and adds what `relay: sockhash` needs, nothing else."""
        drop_in = os.path.join(test_unit.UNIT, "l4-sockhash.conf")
        os.mkdir(self.path + ".d")
        shutil.copy(drop_in, os.path.join(self.path + ".d", "sockhash.conf"))
        self.test_verify()
        rights = "CAP_BPF CAP_NET_ADMIN CAP_PERFMON"
        self.assertEqual(test_unit.settings(drop_in), {"AmbientCapabilities": [rights], "CapabilityBoundingSet": [rights],
                                                       "SystemCallFilter": ["bpf"]})

    def test_exposure(self):
        done = self.analyze("security", "--offline=true", "--threshold=20", "--no-pager", self.path)
        self.assertEqual(done.returncode, 0, done.stdout[-300:] + done.stderr)

    def test_what_it_promises(self):
        found = test_unit.settings(self.path)
        for key, value in (("Type", "notify"), ("Restart", "on-failure"), ("User", "loadstar"), ("Group", "loadstar"),
                           ("RuntimeDirectory", "loadstar-l4"), ("StateDirectory", "loadstar-l4"),
                           ("RuntimeDirectoryMode", "0750"), ("AmbientCapabilities", "CAP_NET_BIND_SERVICE"),
                           ("CapabilityBoundingSet", "CAP_NET_BIND_SERVICE"), ("NoNewPrivileges", "yes")):
            self.assertEqual(found.get(key), [value], key)
        self.assertIn("WatchdogSec", found)
        # What the default limits of two services take: each 100,000 connections of two files.
        self.assertGreater(int(found["LimitNOFILE"][0]), 2 * 2 * 100000)

    def live(self, trace):
        """A start as the unit does it, connections, bulk, datagrams, orders, a reload, a stop."""
        a, = self.members(1)
        echo = Echo("e")
        self.addCleanup(echo.close)
        datagrams = harness.free_port()
        services = dict(web(members={"pool": "web"}), dns={
            "listen": [f"127.0.0.1:{datagrams}"], "protocol": "udp", "members": [echo.place], "limits": {"connections": 50}})
        f = self.forwarder(services, main="pools: pools.yaml\nlog: {connections: true}\n",
                           files={"pools.yaml": POOLS % a.port}, start=False,
                           wrap=["strace", "-f", "-qq", "-e", "signal=none", "-o", trace, *AS_THE_UNIT])
        os.chmod(f.dir, 0o777)
        os.chmod(os.path.join(f.dir, "state"), 0o777)
        for name in ("l4.yaml", "pools.yaml"):
            os.chmod(os.path.join(f.dir, name), 0o644)
        open(f.log_path, "a").close()
        f.start(timeout=120)
        self.assertEqual(f.ask(), "a")
        with f.connect(timeout=120) as s, s.makefile("rb") as lines: # enough to go by pipes
            line = b"x" * 4000000 + b"\n"
            s.sendall(line)
            self.assertEqual(lines.readline(), b"a " + line)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(120)
            s.sendto(b"x", ("127.0.0.1", datagrams))
            self.assertEqual(s.recv(10), b"e x")
        f.ctl("set", "web/ams/*", "up")
        for command in ("status", "services", "members", "flows", "rtt"):
            f.ctl(command)
        f.metrics()
        f.reload()
        self.assertEqual(f.ask(), "a")
        f.ctl("stop", "--now")
        f.process.wait(60)

    def test_system_calls(self):
        if os.geteuid() != 0 or not shutil.which("strace") or not shutil.which("setpriv"):
            self.skipTest("needs root, strace and setpriv")
        allowed = test_unit.Unit.allowed_calls(self)
        self.assertIn("splice", allowed)
        self.assertIn("capset", allowed)  # what was given for the start is given up
        self.assertNotIn("mount", allowed)
        trace = os.path.join(self.directory, "trace")
        os.chmod(self.directory, 0o777)
        self.live(trace)
        used = set()
        with open(trace, errors="replace") as file:
            text = file.read()
        text = text[text.index("execve(", text.index("execve(") + 1):] # from loadstar-l4's own on
        for line in text.splitlines():
            match = re.match(r"(?:\d+\s+)?(\w+)\(", line)
            if match:
                used.add(match.group(1))
        self.assertIn("splice", used)
        self.assertEqual(sorted(used - allowed), [])


if __name__ == "__main__":
    harness.main()
