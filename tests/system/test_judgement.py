# SPDX-License-Identifier: Apache-2.0
"""--check, a start and a reload refuse the same configurations, in the same words. Only a start is
more lenient, and only about zone files."""
import os
import pwd
import re
import shutil
import subprocess

import harness

ZONE = """\
$TTL 300
@ IN SOA ns1 hostmaster 1 3600 900 1209600 60
@ IN NS ns1
ns1 IN A 192.0.2.53
"""
POOLS = """\
sites: {a: {}}
checks:
  c: {type: tcp, port: 9, interval: 1h}
pools:
  p: {steer: all, checks: [c], sites: {a: [192.0.2.1]}}
"""
USER = "nobody"
DATABASE = os.path.join(os.path.dirname(__file__), "..", "..", "geoip", "country.mmdb")


def edit(name, old, new):
    """A slip: replaces text in a file of the configuration."""
    def slip(d):
        text = d.read(name)
        assert old in text, (name, old)
        d.write(name, text.replace(old, new))
    return slip


def mode(name, bits, owner=None):
    def slip(d):
        path = os.path.join(d.dir, name)
        os.chmod(path, bits)
        if owner is not None:
            shutil.chown(path, owner, -1)
    return slip


def replace(name, make):
    """Puts something else in a path's place."""
    def slip(d):
        path = os.path.join(d.dir, name)
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.remove(path)
        make(path)
    return slip


def long_path(d):
    edit("loadstar.yaml", "control: control.sock", "control: " + "x" * 108 + ".sock")(d)


def move_control(where):
    return edit("loadstar.yaml", "control: control.sock", "control: " + where)


def text_at(where, text):
    return lambda d: d.write(where, text)


def database_of_root(d):
    shutil.copy(DATABASE, os.path.join(d.dir, "c.mmdb"))
    os.chmod(os.path.join(d.dir, "c.mmdb"), 0o600)
    edit("loadstar.yaml", "ecs:", "geo: {databases: c.mmdb}\necs:")(d)


# name -> (slip, what is said of it, whether only root can make it)
FAULTS = {
    "YAML": (edit("loadstar.yaml", "server:", "server: ["), r"loadstar.yaml:\d+:\d+: ", False),
    "key": (edit("loadstar.yaml", "workers", "wokers"), r"unknown key 'wokers'", False),
    "pools": (edit("pools.yaml", "steer: all", "steer: al"), r"pools.yaml:5:\d+: ", False),
    "pools gone": (edit("loadstar.yaml", "pools.yaml", "gone.yaml"),
                   r"loadstar.yaml:\d+:8: cannot read '.*gone.yaml': No such file", False),
    "pools directory": (replace("pools.yaml", os.mkdir), r"Is a directory", False),
    "no user": (edit("loadstar.yaml", "user: " + USER, "user: no-such-user"),
                r"loadstar.yaml:\d+:9: there is no user 'no-such-user'", True),
    "control too long": (long_path, r"loadstar.yaml:\d+:10: 'control' is a path of \d+ bytes, "
                                    r"expected at most 107", False),
    "control is a file": (move_control("pools.yaml"),
                          r"loadstar.yaml:\d+:10: 'control': '.*pools.yaml' is there and no socket",
                          False),
    "control below a file": (move_control("pools.yaml/x.sock"),
                             r"loadstar.yaml:\d+:10: 'control': its directory '.*pools.yaml' cannot "
                             r"be used: Not a directory", False),
    "control below nothing": (move_control("no/where/x.sock"),
                              r"loadstar.yaml:\d+:10: 'control': its directory '.*no/where' cannot "
                              r"be made: No such file", False),
    "token of root": (mode("api.token", 0o600, 0),
                      r"loadstar.yaml:\d+:\d+: the HTTP token file '.*api.token' cannot be read: "
                      r"Permission denied", True),
    "token for all": (mode("api.token", 0o644), r"the HTTP token file '.*' is open to everybody",
                      False),
    "token empty": (text_at("api.token", ""), r"the HTTP token file .*", False),
    "token directory": (replace("api.token", os.mkdir), r"the HTTP token file '.*' is no regular",
                        False),
    "main of root": (mode("loadstar.yaml", 0o600, 0), r"loadstar.yaml: cannot be read: Permission "
                                                      r"denied", True),
    "pools of root": (mode("pools.yaml", 0o600, 0), r"loadstar.yaml:\d+:8: cannot read "
                                                    r"'.*pools.yaml': Permission denied", True),
    "zones of root": (mode("zones", 0o700, 0), r"loadstar.yaml:\d+:8: cannot read the directory "
                                               r"'.*zones/': Permission denied", True),
    "zones gone": (replace("zones", lambda path: None), r"loadstar.yaml:\d+:8: cannot find "
                                                        r"'.*zones/': No such file", False),
    "zones empty": (replace("zones", os.mkdir), r"loadstar.yaml:\d+:8: 'zones' yields no zone",
                    False),
    "database": (edit("loadstar.yaml", "ecs:", "geo: {databases: pools.yaml}\necs:"),
                 r"pools.yaml", False),
    "database of root": (database_of_root, r"c.mmdb.*Permission denied", True),
    "state of root": (mode("state", 0o700, 0), r"loadstar.yaml:\d+:14: 'state_dir' .*", True),
    "state is a file": (replace("state", lambda path: open(path, "w").close()),
                        r"loadstar.yaml:\d+:14: 'state_dir' .*Not a directory", False),
    "interface": (edit("loadstar.yaml", "  workers", "  xdp: {interfaces: nope9}\n  workers"),
                  r"loadstar.yaml:\d+:\d+: there is no network interface 'nope9'", False),
    "TLS file": (edit("pools.yaml", "{type: tcp, port: 9, interval: 1h}",
                      "{type: https, tls: {ca_file: gone.pem}}"), r"pools.yaml:3:\d+: .*gone.pem",
                 False),
    # Zone files: a start serves the others.
    "zone": (edit("zones/b.test.zone", "192.0.2.53", "192.0.2"), r"b.test.zone:4:\d+: ", False),
    "zone of root": (mode("zones/b.test.zone", 0o600, 0),
                     r"loadstar.yaml:\d+:8: cannot read '.*b.test.zone': Permission denied", True),
    "zone is a pipe": (replace("zones/b.test.zone", os.mkfifo), r"cannot read '.*b.test.zone'",
                       False),
    "zone lint": (text_at("zones/b.test.zone", ZONE.replace("@ IN NS ns1\n", "")),
                  r"b.test.zone:1:1: the zone b.test. has no NS", False),
}
LENIENT = {"zone", "zone of root", "zone is a pipe", "zone lint"}


class Judgement(harness.TestCase):
    def world(self, root):
        """A configuration that `server.user` can read, if there is one."""
        server = f"user: {USER}" if root else ""
        d = self.daemon(zones={"a.test.zone": ZONE, "b.test.zone": ZONE}, pools=POOLS, http=True,
                        server=server, main="ecs: {enabled: true}\n", start=False)
        if root:
            for path, _, names in os.walk(d.dir):
                for name in ["", *names]:
                    shutil.chown(os.path.join(path, name), USER)
        return d

    def told(self, text, expected):
        """The line that says it, without what a log and a start add."""
        for line in text.splitlines():
            if re.search(expected, line) and "warning:" not in line:
                return re.sub(r"^\S+Z error: ", "", line)
        return None

    def started(self, d):
        """What a start says, and whether it starts."""
        d.start(ready=False)
        harness.wait_for(lambda: d.process.poll() is not None or "ready after" in d.log(), 120)
        started = d.process.poll() is None
        if started:
            d.stop()
        return started, d.log()

    def judge(self, fault):
        slip, expected, needs_root = FAULTS[fault]
        root = os.geteuid() == 0
        if needs_root and not root:
            self.skipTest("root is missing: only it can be another user than server.user")
        d = self.world(root)
        d.start()
        slip(d)
        checked, reloaded = d.check(), d.reload(check=False)
        self.assertEqual((checked.returncode, reloaded.returncode), (1, 1),
                         checked.stderr + reloaded.stderr)
        by_check = self.told(checked.stderr, expected)
        by_reload = self.told(reloaded.stderr, expected)
        self.assertIsNotNone(by_check, checked.stderr)
        self.assertEqual(by_reload, by_check, reloaded.stderr)
        d.stop()
        os.rename(d.log_path, d.log_path + ".1")
        started, text = self.started(d)
        self.assertEqual(started, fault in LENIENT, text)
        self.assertEqual(self.told(text, expected), by_check, text)

    def test_a_fine_one(self):
        d = self.world(os.geteuid() == 0)
        self.assertEqual(d.check().returncode, 0, d.check().stderr)
        d.start()
        d.reload()

    def test_check_of_another_user(self):
        """Who is neither root nor that user is told so, and the rest is judged."""
        if os.geteuid() != 0:
            self.skipTest("root is missing: it is needed to become another user")
        d = self.world(True)
        os.chmod(d.dir, 0o755)
        d.write("loadstar.yaml", d.read("loadstar.yaml").replace("user: " + USER, "user: daemon"))
        for path, _, names in os.walk(d.dir):
            for name in names:
                os.chmod(os.path.join(path, name), 0o644)
            os.chmod(path, 0o755)
        os.chmod(os.path.join(d.dir, "api.token"), 0o640)
        uid = pwd.getpwnam(USER).pw_uid
        done = subprocess.run(["setpriv", "--reuid", str(uid), "--clear-groups",
                               *d.command("-c", d.path, "--check")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("files are not looked at as 'daemon' will see them", done.stderr)


for each in FAULTS:
    setattr(Judgement, "test_" + re.sub(r"\W", "_", each).lower(),
            lambda self, fault=each: self.judge(fault))


if __name__ == "__main__":
    harness.main()
