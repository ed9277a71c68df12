# SPDX-License-Identifier: Apache-2.0
"""The process under a service manager: what it tells it, which rights it keeps and hands on, and what
is left for operators when descriptors run short."""
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
import unittest

import dns.message

import harness

ZONES = {"example.test.yaml": """\
zone: example.test
ttl: 60
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s, serial: 1}
records:
  "@": {NS: ns1}
  ns1: {A: 192.0.2.53}
  www: {POOL: www}
"""}
POOLS = """\
sites: {ams: {}}
checks:
  tell: {type: exec, command: [%s], interval: 1s, timeout: 900ms, rise: 1}
pools:
  www: {checks: [tell], sites: {ams: [192.0.2.1]}}
"""
NET_BIND_SERVICE = 1 << 10
NET_ADMIN = 1 << 12
FIELDS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


def rights(text):
    """The sets of capabilities, and NoNewPrivs, of a /proc/.../status."""
    values = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return dict({f: int(values[f], 16) for f in FIELDS}, NoNewPrivs=int(values["NoNewPrivs"]))


class Manager:
    """A service manager's socket, on a path or in the abstract namespace."""

    def __init__(self, address):
        self.name = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address[0] == "@" else address)
        if address[0] != "@":
            os.chmod(address, 0o777)

    def hear(self, what, timeout=90):
        """Waits for a datagram that has this line; returns all that came, in order."""
        heard, end = [], time.monotonic() + timeout
        while time.monotonic() < end:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                lines = self.socket.recv(4096).decode().split("\n")
            except socket.timeout:
                break
            heard.append(lines)
            if what in lines:
                return heard
        raise AssertionError(f"no {what}, but {heard}")

    def forget(self):
        self.socket.setblocking(False)
        try:
            while self.socket.recv(4096):
                pass
        except BlockingIOError:
            pass


class Process(harness.TestCase):
    def start(self, manager=None, env=None, wrap=(), **kw):
        """With a manager of the test's own: harness's socket is for its own tests."""
        d = self.daemon(start=False, wrap=wrap, env=env, **kw)
        if not manager:
            return d.start()
        log = open(d.log_path, "a")
        self.addCleanup(log.close)
        d.process = subprocess.Popen(d.command("-c", d.path), stdin=subprocess.DEVNULL, stdout=log,
                                     stderr=log, env=dict(d.env, NOTIFY_SOCKET=manager.name))
        manager.hear("READY=1")
        return d

    def status(self, d):
        """Of every thread: they are all alike."""
        tasks = f"/proc/{d.process.pid}/task"
        found = []
        for task in os.listdir(tasks):
            try:
                with open(f"{tasks}/{task}/status") as file:
                    found.append(rights(file.read()))
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has just ended
        return found


class Rights(Process):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to give it up")
        if not shutil.which("setpriv"):
            self.skipTest("needs setpriv")
        self.told = None

    def exec_pool(self):
        """A pool whose check writes down what it may."""
        directory = os.path.join("/tmp", f"ls-rights-{os.getpid()}")
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, 0o777)
        self.addCleanup(shutil.rmtree, directory)
        self.told = os.path.join(directory, "told")
        command = f"cat /proc/self/status >{self.told}.new; env >>{self.told}.new; mv {self.told}.new {self.told}"
        return POOLS % f'/bin/sh, -c, "{command}"'

    def open_to_all(self, d):
        for path in (d.dir, os.path.join(d.dir, "state"), os.path.join(d.dir, "zones")):
            os.chmod(path, 0o777)

    def expect_child_has_nothing(self, d):
        text = d.wait_for(lambda: os.path.exists(self.told) and open(self.told).read(), 60, 0.05)
        child = rights(text)
        for field in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(child[field], 0, field)
        self.assertEqual(child["NoNewPrivs"], 1)
        for variable in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
            self.assertNotIn(variable + "=", text)
        os.unlink(self.told)

    def expect_only(self, d, bounding):
        for thread in self.status(d):
            self.assertEqual(thread, {"CapInh": 0, "CapPrm": NET_BIND_SERVICE,
                                      "CapEff": NET_BIND_SERVICE, "CapBnd": bounding, "CapAmb": 0,
                                      "NoNewPrivs": 1})

    def test_after_server_user(self):
        d = self.daemon(zones=ZONES, pools=self.exec_pool(), server="user: nobody", start=False,
                        env={"WATCHDOG_USEC": "10000000"})
        self.open_to_all(d)
        d.start()
        self.expect_only(d, 0)
        self.expect_child_has_nothing(d)
        for _ in range(3):
            d.reload()
            self.expect_only(d, 0)
        self.expect_child_has_nothing(d)

    def test_a_reload_binds_a_low_port(self):
        d = self.daemon(zones=ZONES, pools=self.exec_pool(), server="user: nobody", start=False,
                        listen=["127.0.0.1:5300"])
        d.port = harness.free_port()
        text = d.read("loadstar.yaml").replace("127.0.0.1:5300", f"127.0.0.1:{d.port}")
        d.write("loadstar.yaml", text)
        self.open_to_all(d)
        d.start()
        low = next(p for p in range(1023, 600, -1) if self.is_free(p))
        d.write("loadstar.yaml", text.replace(f'"127.0.0.1:{d.port}"',
                                              f'"127.0.0.1:{d.port}", "127.0.0.1:{low}"'))
        d.reload()
        self.assertEqual(d.addresses("www.example.test", port=low), ["192.0.2.1"])

    def is_free(self, port):
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as s:
                    s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False

    def test_as_the_unit_starts_it(self):
        """A user from the beginning, with an ambient capability."""
        d = self.daemon(zones=ZONES, pools=self.exec_pool(), start=False,
                        wrap=["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                              "--inh-caps=-all,+net_bind_service",
                              "--ambient-caps=-all,+net_bind_service",
                              "--bounding-set=-all,+net_bind_service"])
        self.open_to_all(d)
        for name in ("loadstar.yaml", "pools.yaml"):
            os.chmod(os.path.join(d.dir, name), 0o644)
        os.chown(os.path.join(d.dir, "state"), 65534, 65534)
        d.start()
        self.expect_only(d, NET_BIND_SERVICE)
        self.expect_child_has_nothing(d)
        d.reload()
        self.expect_only(d, NET_BIND_SERVICE)


class RightsOfTiers(Rights):
    """One thread alone may change IPVS, and nothing that anybody executes may anything."""

    IPVS = "  vip: {type: ipvs, pool: www, service: {address: 192.0.2.80, port: 80}, port: 80}\n"
    test_after_server_user = test_a_reload_binds_a_low_port = test_as_the_unit_starts_it = None

    def world(self, with_ipvs=True, **kw):
        """A daemon, not started, with a check and a tier that write down what they may, and a tier
        that writes a file."""
        pools = self.exec_pool()
        self.push_told = self.told.replace("told", "push")
        d = self.daemon(zones=ZONES, pools=pools, main="tiers: tiers.yaml\n", start=False, **kw)
        script = (f"cat /proc/self/status >{self.push_told}.new; env >>{self.push_told}.new; "
                  f"mv {self.push_told}.new {self.push_told}; cat >/dev/null")
        self.others = ("tiers:\n"
                       f"  push: {{type: exec, pool: www, port: 80, command: [/bin/sh, -c, \"{script}\"]}}\n"
                       f"  vrrp: {{type: keepalived, pool: www, track_file: {os.path.dirname(self.told)}/www.track}}\n")
        d.write("tiers.yaml", self.others + (self.IPVS if with_ipvs else ""))
        self.open_to_all(d)
        for name in ("loadstar.yaml", "pools.yaml", "tiers.yaml"):
            os.chmod(os.path.join(d.dir, name), 0o644)
        return d

    def threads(self, d):
        """[(name, rights)] of all threads."""
        tasks = f"/proc/{d.process.pid}/task"
        found = []
        for task in os.listdir(tasks):
            try:
                with open(f"{tasks}/{task}/comm") as comm, open(f"{tasks}/{task}/status") as status:
                    found.append((comm.read().strip(), rights(status.read())))
            except OSError:
                pass  # it has just ended
        return found

    def settled_threads(self, d):
        """A thread has the name and the rights of who starts it, until it has come so far itself; those
        of files are short."""
        found = []

        def settled():
            found[:] = self.threads(d)
            names = [name for name, _ in found]
            return names.count("tiers") == 1 and "file" not in names and found == self.threads(d)
        harness.wait_for(settled, 60)
        return found

    def expect_one_alone(self, d, expected=NET_BIND_SERVICE | NET_ADMIN):
        for name, have in self.settled_threads(d):
            with self.subTest(name):
                of_this = expected if name == "tiers" else NET_BIND_SERVICE
                self.assertEqual((have["CapPrm"], have["CapEff"]), (of_this, of_this))
                self.assertEqual((have["CapInh"], have["CapAmb"], have["NoNewPrivs"]), (0, 0, 1))

    def expect_commands_have_nothing(self, d):
        self.expect_child_has_nothing(d)
        self.told, check = self.push_told, self.told
        self.expect_child_has_nothing(d)
        self.told = check

    def unit(self, *capabilities):
        """As the unit starts it, with these."""
        words = ",".join("+" + c for c in ("net_bind_service", *capabilities))
        return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", f"--inh-caps=-all,{words}",
                f"--ambient-caps=-all,{words}", f"--bounding-set=-all,{words}"]

    def own(self, d):
        os.chown(os.path.join(d.dir, "state"), 65534, 65534)
        return d

    def test_after_server_user_one_thread_keeps_it(self):
        d = self.world(server="user: nobody").start()
        self.expect_one_alone(d)
        self.expect_commands_have_nothing(d)
        d.reload()
        self.expect_one_alone(d)
        # The threads of files are short: looked at while many are written.
        for i in range(30):
            d.ctl("set", "www/ams", "drain" if i % 2 else "auto")
            for name, have in self.threads(d):
                if name != "tiers":
                    self.assertFalse(have["CapEff"] & NET_ADMIN and name != "file", name)

    def test_as_the_drop_in_starts_it(self):
        d = self.own(self.world(wrap=self.unit("net_admin"))).start()
        self.expect_one_alone(d)
        self.expect_commands_have_nothing(d)

    def test_without_a_tier_of_ipvs_nobody_keeps_it(self):
        d = self.own(self.world(False, wrap=self.unit("net_admin"))).start()
        self.expect_one_alone(d, NET_BIND_SERVICE)
        self.expect_commands_have_nothing(d)

    def test_a_reload_that_first_needs_it_is_refused(self):
        d = self.own(self.world(False, wrap=self.unit("net_admin"))).start()
        d.write("tiers.yaml", self.others + self.IPVS)
        done = d.ctl("reload", check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        line = self.others.count("\n") + 1
        self.assertRegex(done.stdout + done.stderr, rf"tiers.yaml:{line}:3: tier 'vip' \(ipvs\) needs CAP_NET_ADMIN"
                                                    r".*tier-ipvs.conf.*systemctl restart loadstard")
        self.assertIn("tier-ipvs.conf", d.ctl("status").stdout)
        self.expect_one_alone(d, NET_BIND_SERVICE)
        d.addresses("www.example.test")
        self.assertNotIn("tier vip", d.log())  # nothing has tried it
        d.write("tiers.yaml", self.others)  # and what was is as it was
        d.reload()

    def test_a_start_without_it_warns_and_serves(self):
        d = self.own(self.world(wrap=self.unit())).start()
        self.assertRegex(d.log(), r"warning: \S+/tiers.yaml:\d+:3: tier 'vip' \(ipvs\) needs CAP_NET_ADMIN")
        self.expect_one_alone(d, NET_BIND_SERVICE)
        d.wait_for(lambda: d.addresses("www.example.test") == ["192.0.2.1"], 30)
        self.expect_commands_have_nothing(d)
        d.reload()  # of something else, which this must not keep from being served


class ServiceManager(Process):
    def tell_of_a_life(self, address, environment):
        manager = Manager(address)
        self.addCleanup(manager.socket.close)
        d = self.start(manager, zones=ZONES, pools=POOLS % "/bin/true", env=environment)
        d.process.send_signal(signal.SIGHUP)
        heard = manager.hear("READY=1")
        reloading = [lines for lines in heard if "RELOADING=1" in lines]
        self.assertEqual(len(reloading), 1)
        self.assertRegex(reloading[0][1], r"^MONOTONIC_USEC=\d+$")
        d.process.send_signal(signal.SIGTERM)
        manager.hear("STOPPING=1")
        self.assertEqual(d.process.wait(90), 0)

    def test_by_path(self):
        path = f"/tmp/ls-manager-{os.getpid()}"
        self.addCleanup(os.unlink, path)
        self.tell_of_a_life(path, {})

    def test_in_the_abstract_namespace(self):
        self.tell_of_a_life(f"@ls-manager-{os.getpid()}", {"WATCHDOG_USEC": "2000000"})

    def test_the_watchdog_hears_of_the_loop_itself(self):
        """WATCHDOG=1 comes while it works and reloads, and not while the loop hangs, though the
        workers go on answering."""
        manager = Manager(f"@ls-watchdog-{os.getpid()}")
        self.addCleanup(manager.socket.close)
        big = ZONES["example.test.yaml"] + "".join(f"  n{i}: {{A: 192.0.2.7}}\n"
                                                   for i in range(50000))
        d = self.start(manager, zones={"example.test.yaml": big}, pools=POOLS % "/bin/true",
                       env={"WATCHDOG_USEC": "400000"})
        for _ in range(3):
            manager.hear("WATCHDOG=1")
        d.write("zones/example.test.yaml", big + "  more: {A: 192.0.2.8}\n")
        d.process.send_signal(signal.SIGHUP)
        manager.hear("READY=1")
        manager.hear("WATCHDOG=1")
        with Held(d.process.pid):
            manager.forget()
            self.assertEqual(d.addresses("n7.example.test"), ["192.0.2.7"])
            with self.assertRaises(AssertionError):
                manager.hear("WATCHDOG=1", 1.5)
        manager.hear("WATCHDOG=1")

    def test_nobody_asks_for_a_watchdog(self):
        for environment in ({}, {"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"}):
            manager = Manager(f"@ls-quiet-{os.getpid()}-{len(environment)}")
            self.addCleanup(manager.socket.close)
            self.start(manager, zones=ZONES, pools=POOLS % "/bin/true", env=environment)
            with self.assertRaises(AssertionError):
                manager.hear("WATCHDOG=1", 0.6)


class Held:
    """The main thread of a process, and no other, is held while in this context (ptrace)."""

    SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000

    def __init__(self, pid):
        self.pid = pid
        self.libc = ctypes.CDLL(None, use_errno=True)

    def call(self, request):
        if self.libc.ptrace(request, self.pid, None, None) != 0:
            raise unittest.SkipTest("ptrace is not allowed: " + os.strerror(ctypes.get_errno()))

    def __enter__(self):
        self.call(self.SEIZE)
        self.call(self.INTERRUPT)
        os.waitpid(self.pid, self.WALL)

    def __exit__(self, *_):
        self.call(self.DETACH)


class Descriptors(Process):
    def test_a_flood_leaves_some_for_operators(self):
        """With fewer descriptors than `max_connections`, TCP gets what is left beside the others."""
        if os.geteuid() != 0 or not shutil.which("setpriv") or not shutil.which("prlimit"):
            self.skipTest("needs root, setpriv and prlimit, to have a limit that cannot be raised")
        manager = Manager(f"@ls-files-{os.getpid()}")
        self.addCleanup(manager.socket.close)
        d = self.start(manager, zones=ZONES, pools=POOLS % "/bin/true",
                       server="tcp: {max_per_client: 1000, idle_timeout: 60s}",
                       wrap=["prlimit", "--nofile=400:400", "setpriv", "--inh-caps=-sys_resource",
                             "--bounding-set=-sys_resource"])
        self.assertRegex(d.log(), r"warning: tcp.max_connections: 1000 connections need \d+ open "
                                  r"files, and this process may have 400: there will be \d+ conn")
        query = dns.message.make_query("ns1.example.test", "A").to_wire()
        conns = []
        for _ in range(600):
            s = socket.create_connection((d.address, d.port), timeout=60)
            self.addCleanup(s.close)
            try:
                s.sendall(len(query).to_bytes(2, "big") + query)
            except OSError:
                pass  # refused: those who are there have their grace
            conns.append(s)
        d.wait_for(lambda: len(os.listdir(f"/proc/{d.process.pid}/fd")) > 200, 60)
        d.ctl("set", "www/ams", "drain")
        d.reload()
        d.process.send_signal(signal.SIGHUP)
        manager.hear("READY=1")
        self.assertIn("drain", d.read("state/overrides.json"))
        self.assertNotIn("cannot tell the service manager", d.log())
        self.assertNotIn("Too many open files", d.log())


if __name__ == "__main__":
    harness.main()
