# SPDX-License-Identifier: Apache-2.0
"""The systemd unit, its user, its drop-ins and what is installed: as far as systemd's own tools tell
without being booted."""
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

import harness

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
UNIT = os.path.join(TOP, "contrib", "systemd")
TIERS = ("envoy", "exec", "haproxy", "ipvs", "keepalived", "nginx")
NET_BIND_SERVICE = 1 << 10

ZONES = {"example.test.yaml": """\
zone: example.test
ttl: 60
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s, serial: 1}
records:
  "@": {NS: ns1}
  ns1: {A: 192.0.2.53}
"""}


def tool(test, name):
    if not shutil.which(name):
        test.skipTest(f"{name} is missing (Debian's package systemd)")
    return name


def seconds(text):
    units = {"min": 60, "m": 60, "s": 1}
    return sum(int(n) * units[unit] for n, unit in re.findall(r"(\d+)(min|m|s)", text))


def settings(path):
    """KEY -> its values in order, of the [Service] and [Unit] sections."""
    found = {}
    with open(path) as file:
        for line in file:
            match = re.match(r"(\w+)=(.*)", line)
            if match:
                found.setdefault(match.group(1), []).append(match.group(2))
    return found


class Unit(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)
        with open(os.path.join(UNIT, "loadstard.service.in")) as file:
            text = file.read()
        self.path = self.write("loadstard.service", text.replace("@sbindir@/loadstard", "/bin/true")
                               .replace("@sysconfdir@", "/etc"))

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def add_drop_in(self, name):
        with open(os.path.join(UNIT, name)) as file:
            self.write(f"loadstard.service.d/{name}", file.read())

    def verify(self):
        done = subprocess.run([tool(self, "systemd-analyze"), "verify", "--man=no", self.path],
                              capture_output=True, text=True, timeout=120,
                              env=dict(os.environ, SYSTEMD_UNIT_PATH=self.directory + ":"))
        ours = [line for line in (done.stdout + done.stderr).splitlines() if "loadstard" in line]
        self.assertEqual((done.returncode, ours), (0, []), done.stderr)

    def test_verify(self):
        self.verify()

    def test_verify_notices(self):
        with open(self.path, "a") as file:
            file.write("\n[Service]\nWatchdogSek=1\n")
        with self.assertRaises(AssertionError):
            self.verify()

    def test_drop_ins(self):
        for name in ("xdp.conf", "credentials.conf", "anycast.conf"):
            self.add_drop_in(name)
        self.verify()

    def test_drop_ins_of_tiers(self):
        """One for each type, each by itself and all of them together."""
        found = sorted(os.path.basename(path)[len("tier-"):-len(".conf")]
                       for path in glob.glob(os.path.join(UNIT, "tier-*.conf")))
        self.assertEqual(found, sorted(TIERS))
        for name in TIERS:
            with self.subTest(name):
                self.add_drop_in(f"tier-{name}.conf")
                self.verify()
                os.unlink(os.path.join(self.directory, "loadstard.service.d", f"tier-{name}.conf"))
        for name in ("xdp.conf", "anycast.conf", *(f"tier-{name}.conf" for name in TIERS)):
            self.add_drop_in(name)
        self.verify()

    def test_what_the_drop_ins_promise(self):
        of = {name: settings(os.path.join(UNIT, f"tier-{name}.conf")) for name in TIERS}
        for key in ("AmbientCapabilities", "CapabilityBoundingSet"):
            self.assertEqual([name for name in TIERS if key in of[name]], ["ipvs"], key)
            self.assertEqual(of["ipvs"][key], ["CAP_NET_ADMIN"])
        self.assertEqual([name for name in TIERS if "AF_NETLINK" in
                          of[name].get("RestrictAddressFamilies", [])], ["envoy", "ipvs", "nginx"])
        self.assertEqual(of["ipvs"]["ProcSubset"], ["all"])
        self.assertNotIn("ProtectKernelTunables", of["ipvs"])
        # Without it no thread could give the capability up.
        self.assertNotIn("capset", self.allowed_calls())
        self.add_drop_in("tier-ipvs.conf")
        self.assertIn("capset", self.allowed_calls("loadstard.service.d/tier-ipvs.conf"))

    def test_what_anycast_is_given(self):
        found = settings(os.path.join(UNIT, "anycast.conf"))
        for key in ("AmbientCapabilities", "CapabilityBoundingSet"):
            self.assertEqual(found[key], ["CAP_NET_ADMIN"])
        self.assertEqual(found["DeviceAllow"], ["/dev/net/tun rw"])
        self.assertEqual(found["PrivateDevices"], ["no"]) # else there is no such device
        self.assertEqual(settings(self.path)["DevicePolicy"], ["closed"])
        self.assertNotIn("DevicePolicy", found)
        self.assertNotIn("KillMode", found) # the guard ignores what is sent to all
        with open(os.path.join(TOP, "contrib", "doc", "reference.md")) as file:
            longest = re.search(r"NAME\.drain_time`.*?from \w+ to (\w+)", file.read(), re.S)
        self.assertGreater(seconds(found["TimeoutStopSec"][0]), seconds(longest.group(1)))

    def test_the_guards_system_calls(self):
        """Those of a guard's life, with a will by a command and one by a socket, are within the filter."""
        if os.geteuid() != 0 or not shutil.which("strace"):
            self.skipTest("needs root and strace")
        self.add_drop_in("anycast.conf")
        allowed = self.allowed_calls("loadstard.service.d/anycast.conf")
        trace = os.path.join(self.directory, "trace")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            guard = subprocess.Popen(["unshare", "-n", "strace", "-f", "-o", trace, harness.program("LOADSTARD", "loadstard"),
                                      "--guard", str(theirs.fileno())], pass_fds=[theirs.fileno()],
                                     env={"ASAN_OPTIONS": "detect_leaks=0"}, stderr=subprocess.DEVNULL)
            theirs.close()
            for line in ("tun ls-a 192.0.2.1/32 2001:db8::1/128", "carrier ls-a 1", "will 0 argv /bin/true \\; /bin/true",
                         "will 1 vty /none a\\x0a", "gone ls-b", "beat"):
                ours.send(line.encode())
            while ours.recv(1000) != b"ok beat":
                pass
            ours.close()
            self.assertEqual(guard.wait(60), 0)
        with open(trace, errors="replace") as file:
            used = set(re.findall(r"^\d+\s+(\w+)\(", file.read(), re.M))
        self.assertIn("ioctl", used)
        self.assertEqual(sorted(used - allowed), [])

    def test_the_test_of_nginx(self):
        with open(os.path.join(UNIT, "loadstar-nginx-test.service")) as file:
            text = file.read()
        self.path = self.write("loadstar-nginx-test.service",
                               text.replace("/usr/sbin/nginx", "/bin/true"))
        self.assertNotEqual(text, open(self.path).read())
        done = subprocess.run([tool(self, "systemd-analyze"), "verify", "--man=no", self.path],
                              capture_output=True, text=True, timeout=120)
        ours = [line for line in (done.stdout + done.stderr).splitlines() if "loadstar" in line]
        self.assertEqual((done.returncode, ours), (0, []), done.stderr)
        found = settings(self.path)
        # What stays active would not run again, and more than five a second would be refused.
        self.assertEqual(found["Type"], ["oneshot"])
        self.assertNotIn("RemainAfterExit", found)
        self.assertEqual(found["StartLimitIntervalSec"], ["0"])

    def test_exposure(self):
        done = subprocess.run([tool(self, "systemd-analyze"), "security", "--offline=true",
                               "--threshold=15", "--no-pager", self.path], capture_output=True,
                              text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout[-300:] + done.stderr)
        self.assertRegex(done.stdout, r"Overall exposure level for loadstard.service: [01]\.")

    def test_what_it_promises(self):
        found = settings(self.path)
        for key, value in (("Type", "notify"), ("StartLimitIntervalSec", "0"),
                           ("Restart", "on-failure"), ("RuntimeDirectoryMode", "0750"),
                           ("User", "loadstar"), ("Group", "loadstar"), ("OOMPolicy", "continue"),
                           ("Environment", "LOADSTAR_BOOT_ID=%b"),
                           ("SystemCallErrorNumber", "EPERM")):
            self.assertEqual(found.get(key), [value], key)
        self.assertIn("WatchdogSec", found)
        self.assertLess(int(found["OOMScoreAdjust"][0]), 0)
        xdp = settings(os.path.join(UNIT, "xdp.conf"))
        for key in ("AmbientCapabilities", "CapabilityBoundingSet"):
            self.assertEqual(xdp[key], ["CAP_NET_ADMIN CAP_NET_RAW CAP_BPF"])

    def allowed_calls(self, *drop_ins):
        """The system calls that the unit's filter lets pass, by systemd's own lists."""
        def members(group):
            done = subprocess.run([tool(self, "systemd-analyze"), "syscall-filter", group],
                                  capture_output=True, text=True, timeout=60)
            names = [line.strip() for line in done.stdout.splitlines()[1:]]
            found = set()
            for name in names:
                found |= members(name) if name.startswith("@") else {name}
            return {n for n in found if not n.startswith("#")}

        allowed = set()
        values = settings(self.path)["SystemCallFilter"]
        for path in drop_ins:
            values += settings(os.path.join(self.directory, path))["SystemCallFilter"]
        for value in values:
            deny, words = value.startswith("~"), value.lstrip("~").split()
            for word in words:
                calls = members(word) if word.startswith("@") else {word}
                allowed = allowed - calls if deny else allowed | calls
        return allowed


class Calls(Unit):
    """What it does in a life is within the filter. The tests of the class above run once only."""

    test_verify = test_verify_notices = test_drop_ins = test_exposure = test_what_it_promises = None
    test_drop_ins_of_tiers = test_what_the_drop_ins_promise = test_the_test_of_nginx = None
    test_what_anycast_is_given = test_the_guards_system_calls = None

    def test_system_calls(self):
        if os.geteuid() != 0 or not shutil.which("strace") or not shutil.which("setpriv"):
            self.skipTest("needs root, strace and setpriv")
        allowed = self.allowed_calls()
        self.assertIn("openat", allowed)
        self.assertNotIn("mount", allowed)
        trace = os.path.join(self.directory, "trace")
        os.chmod(self.directory, 0o777)
        case = Life("live")
        case.trace = trace
        result = unittest.TestResult()
        case.run(result)
        for _, text in result.failures + result.errors:
            self.fail(text)
        if result.skipped:
            self.skipTest(result.skipped[0][1])
        used, refused = set(), set()
        with open(trace, errors="replace") as file:
            for line in file:
                match = re.match(r"\d+\s+(\w+)\(", line)
                if match:
                    (used if " = -1 EPERM" not in line else refused).add(match.group(1))
        self.assertIn("recvmmsg", used)
        # What only takes rights away may be refused, see main/rights.c.
        self.assertEqual(sorted(used - allowed - {"capset"}), [])


class Life(harness.TestCase):
    """As the unit starts it, with a reload, queries, an order and a stop, under strace."""

    trace = None

    def live(self):
        d = self.daemon(zones=ZONES, start=False, http=True,
                        env={"ASAN_OPTIONS": "detect_leaks=0"},  # which would trace it, too
                        wrap=["strace", "-f", "-qq", "-o", self.trace, "setpriv", "--reuid=nobody",
                              "--regid=nogroup", "--clear-groups",
                              "--inh-caps=-all,+net_bind_service",
                              "--ambient-caps=-all,+net_bind_service"])
        probe = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True)
        if probe.returncode != 0:
            self.skipTest("strace may not trace here")
        for path in glob.glob(d.dir + "/**", recursive=True):
            shutil.chown(path, "nobody", "nogroup")
        d.start(timeout=180)
        # What setpriv did before it executed loadstard is not its own.
        with open(self.trace) as file:
            lines = file.readlines()
        first = max(i for i, line in enumerate(lines) if "execve(" in line and " = 0" in line)
        d.addresses("ns1.example.test")
        d.addresses("ns1.example.test", tcp=True)
        d.reload()
        d.ctl("status")
        d.ctl("stop")
        self.assertEqual(d.process.wait(60), 0)
        with open(self.trace) as file:
            lines = file.readlines()
        with open(self.trace, "w") as file:
            file.writelines(lines[first + 1:])


class Polkit(unittest.TestCase):
    """The rule, in a JavaScript engine, with what polkitd would ask it."""

    RULES = os.path.join(TOP, "contrib", "polkit", "50-loadstar-nginx.rules")
    WORLD = """
var rule, polkit = {Result: {YES: "yes", NO: "no", NOT_HANDLED: "not handled"},
                    addRule: function (f) { rule = f; }};
%s
var cases = %s, answers = [];
for (var i = 0; i < cases.length; i++) {
    var details = {unit: cases[i][2], verb: cases[i][3]};
    answers.push(rule({id: cases[i][0], lookup: function (key) { return details[key]; }},
                      {user: cases[i][1], local: true, active: true}));
}
(typeof console !== "undefined" ? console.log : print)(JSON.stringify(answers));
"""
    MANAGE = "org.freedesktop.systemd1.manage-units"
    CASES = (
        (MANAGE, "loadstar", "nginx.service", "reload", "yes"),
        (MANAGE, "loadstar", "loadstar-nginx-test.service", "start", "yes"),
        (MANAGE, "loadstar", "nginx.service", "restart", "not handled"),
        (MANAGE, "loadstar", "nginx.service", "stop", "not handled"),
        (MANAGE, "loadstar", "nginx.service", "reload-or-restart", "not handled"),
        (MANAGE, "loadstar", "loadstar-nginx-test.service", "stop", "not handled"),
        (MANAGE, "loadstar", "nginx.service.evil.service", "reload", "not handled"),
        (MANAGE, "loadstar", "sshd.service", "reload", "not handled"),
        (MANAGE, "loadstar", None, None, "not handled"),
        (MANAGE, "www-data", "nginx.service", "reload", "not handled"),
        ("org.freedesktop.systemd1.manage-unit-files", "loadstar", "nginx.service", "reload",
         "not handled"),
        ("org.freedesktop.login1.reboot", "loadstar", None, None, "not handled"),
    )

    def test_it_lets_do_two_things_alone(self):
        engine = next((e for e in ("duk", "mujs", "qjs", "node") if shutil.which(e)), None)
        if not engine:
            self.skipTest("no JavaScript engine (duktape, which polkitd uses, mujs, quickjs, nodejs)")
        with open(self.RULES) as file:
            text = self.WORLD % (file.read(), json.dumps([case[:4] for case in self.CASES]))
        with tempfile.NamedTemporaryFile("w", suffix=".js") as file:
            file.write(text)
            file.flush()
            done = subprocess.run([engine, file.name], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for case, answer in zip(self.CASES, json.loads(done.stdout)):
            self.assertEqual(answer, case[4], case)


class Users(harness.TestCase):
    """The user that sysusers.d makes can read the token that is its group's, and operators in the
    group reach the control socket; others do neither."""

    def test_sysusers(self):
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("needs root and setpriv")
        root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, root)
        for directory in ("etc", "usr/lib/sysusers.d"):
            os.makedirs(os.path.join(root, directory))
        shutil.copy(os.path.join(UNIT, "loadstar.sysusers.conf"),
                    os.path.join(root, "usr/lib/sysusers.d/loadstar.conf"))
        done = subprocess.run([tool(self, "systemd-sysusers"), f"--root={root}"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(root, "etc", "passwd")) as file:
            user = next(line.split(":") for line in file if line.startswith("loadstar:"))
        self.assertEqual(user[5:], ["/var/lib/loadstar", "/usr/sbin/nologin\n"])
        self.live_as(int(user[2]), int(user[3]))

    def live_as(self, uid, gid):
        d = self.daemon(zones=ZONES, start=False, http=True,
                        wrap=["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups",
                              "--inh-caps=-all", "--bounding-set=-all"])
        for path in (d.dir, os.path.join(d.dir, "state"), os.path.join(d.dir, "zones")):
            os.chmod(path, 0o755)
        os.chmod(os.path.join(d.dir, "loadstar.yaml"), 0o644)
        run = os.path.join(d.dir, "run")  # as RuntimeDirectory= makes it
        os.mkdir(run, 0o750)
        for path in (run, os.path.join(d.dir, "state")):
            os.chown(path, uid, gid)
        d.write("loadstar.yaml", d.read("loadstar.yaml").replace("control.sock", "run/control.sock"))
        os.chmod(os.path.join(d.dir, "loadstar.yaml"), 0o644)
        d.socket = os.path.join(run, "control.sock")
        token = os.path.join(d.dir, "api.token")
        os.chown(token, 0, 0)
        d.start(ready=False)
        self.assertEqual(d.process.wait(60), 1)
        self.assertIn("api.token", d.log())
        os.chown(token, 0, gid)
        os.chmod(token, 0o640)
        d.start()
        ask = [harness.program("LOADSTARCTL", "loadstarctl"), "-s", d.socket, "status"]
        for group, code in ((gid, 0), (65534, 1)):
            done = subprocess.run(["setpriv", "--reuid=65534", f"--regid={group}", "--clear-groups",
                                   *ask], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, code, done.stderr)


class Installed(harness.TestCase):
    def test_the_example_starts(self):
        """What `make install` leaves loads as it is, wherever the database is."""
        d = self.daemon(config="zones: zones/\n", start=False)
        source = os.path.join(TOP, "contrib", "example")
        with open(os.path.join(source, "loadstar.yaml")) as file:
            text = file.read().replace("/usr/share/loadstar/geoip", os.path.join(TOP, "geoip"))
        with open(os.path.join(source, "pools.yaml")) as file:
            d.write("pools.yaml", file.read())
        with open(os.path.join(source, "zones", "example.com.yaml")) as file:
            d.write("zones/example.com.yaml", file.read())
        # Directories that the unit makes.
        text = text.replace("/var/lib/loadstar", "state").replace("/run/loadstar/", "")
        d.write("loadstar.yaml", text)
        done = d.check()
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    harness.main()
