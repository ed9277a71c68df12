# SPDX-License-Identifier: Apache-2.0
"""TLS files of checks: what is broken in them is refused by --check, start and reload alike, with
its place, and what served goes on."""
import os
import pwd
import shutil
import subprocess
import unittest

import harness

ZONE = """\
zone: example.test
ttl: 1h
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s, serial: 1}
records:
  "@": {NS: [ns1]}
  ns1: {A: 192.0.2.53}
  www: {POOL: www}
"""
POOLS = """\
sites: {{ams: {{location: [52.31, 4.76]}}}}
checks:
  web:
    type: https
    port: {port}
    interval: 1m
    timeout: 1m
    fall: 1
    tls:
      verify: false
      ca_file: ca.pem
      cert_file: own.pem
      key_file: own.key
pools:
  www: {{ttl: 5s, checks: [web], on_all_down: nodata, sites: {{ams: [127.0.2.1]}}}}
"""
LINES = {"ca.pem": 11, "own.pem": 12, "own.key": 13}
NAME = "www.example.test"


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True, timeout=60)


def make_pair(directory, name, cn):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", f"/CN={cn}", "-keyout", os.path.join(directory, f"{name}.key"),
            "-out", os.path.join(directory, f"{name}.pem"))


def as_nobody():
    return os.geteuid() == 0 and any(p.pw_name == "nobody" for p in pwd.getpwall())


class Case(harness.TestCase):
    def make(self, server="", start=True):
        d = self.daemon(zones={"example.test.yaml": ZONE}, pools="{}", server=server, start=False)
        for name in ("ca", "own", "other"):
            make_pair(d.dir, name, name)
            os.chmod(os.path.join(d.dir, f"{name}.key"), 0o644)
        backend = self.backend("127.0.2.1", cert=os.path.join(d.dir, "own.pem"),
                               key=os.path.join(d.dir, "own.key"))
        d.write("pools.yaml", POOLS.format(port=backend.port))
        return d.start() if start else d

    def break_file(self, d, name, how):
        """Puts something else in a file's place; returns a word of what is said of it."""
        path = os.path.join(d.dir, name)
        with open(path, "rb") as file:
            good = file.read()
        shutil.move(path, path + ".good")
        wrong = "own.key" if name.endswith(".pem") else "own.pem"
        if wrong == name or not os.path.exists(os.path.join(d.dir, wrong)):
            wrong = "other" + wrong[3:]
        content = {"truncated": good[:200], "garbage": b"garbage\n", "empty": b""}
        if how in content:
            with open(path, "wb") as file:
                file.write(content[how])
            os.chmod(path, 0o644)
            return {"truncated": "cut off", "garbage": "no PEM block", "empty": "is empty"}[how]
        if how == "wrong kind":
            shutil.copy(os.path.join(d.dir, wrong), path)
            return "expected"
        if how == "directory":
            os.mkdir(path)
            return "a directory"
        if how == "device":
            os.symlink("/dev/null", path)
            return "not a regular file"
        return "No such file"  # gone

    def mend_file(self, d, name):
        path = os.path.join(d.dir, name)
        if os.path.isdir(path):
            os.rmdir(path)
        shutil.move(path + ".good", path)


class BrokenFiles(Case):
    KINDS = ("truncated", "garbage", "empty", "wrong kind", "directory", "device", "gone")

    def assert_refused(self, done, d, name, word):
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"pools.yaml:{LINES[name]}:", done.stderr)
        self.assertIn(word, done.stderr)

    def test_check_and_reload(self):
        d = self.make()
        d.wait_for(lambda: d.ctl_json("endpoints")["endpoints"][0]["health"] == "up", 60)
        for name in LINES:
            for how in self.KINDS:
                with self.subTest(name=name, how=how):
                    word = self.break_file(d, name, how)
                    self.assert_refused(d.check(), d, name, word)
                    self.assert_refused(d.reload(check=False), d, name, word)
                    self.assertEqual(d.addresses(NAME), ["127.0.2.1"])
                    self.mend_file(d, name)
        d.reload()
        e = d.ctl_json("endpoints")["endpoints"][0]
        self.assertEqual((e["health"], e["why"]), ("up", "web: status 200"))

    def test_start(self):
        d = self.make(start=False)
        for name in LINES:
            with self.subTest(name=name):
                word = self.break_file(d, name, "truncated")
                d.start(ready=False)
                self.assertEqual(d.process.wait(60), 1)
                self.assertIn(word, d.log())
                self.mend_file(d, name)
        d.start()

    def test_another_key(self):
        d = self.make()
        shutil.copy(os.path.join(d.dir, "other.key"), os.path.join(d.dir, "own.key"))
        self.assert_refused(d.check(), d, "own.key", "not the key of the certificate in")
        self.assert_refused(d.reload(check=False), d, "own.key", "not the key of")

    def test_a_passphrase_is_not_asked_for(self):
        d = self.make()
        openssl("pkey", "-in", os.path.join(d.dir, "own.key"), "-aes256", "-passout", "pass:x",
                "-out", os.path.join(d.dir, "own.key.new"))
        os.replace(os.path.join(d.dir, "own.key.new"), os.path.join(d.dir, "own.key"))
        self.assert_refused(d.check(), d, "own.key", "encrypted with a passphrase")

    def test_changed_on_disk(self):
        """A certificate that was replaced is a reload that is due."""
        d = self.make()

        def is_due():
            return any("on disk" in p["text"] for p in d.ctl_json("status")["problems"])

        self.assertFalse(is_due())
        make_pair(d.dir, "ca", "another")
        d.wait_for(is_due, 60)
        d.reload()
        d.wait_for(lambda: not is_due(), 60)


@unittest.skipUnless(as_nobody(), "needs root, and a user nobody")
class AsUser(Case):
    def test_key_that_only_root_may_read(self):
        d = self.make(server="user: nobody", start=False)
        os.chmod(d.dir, 0o755)
        os.chown(os.path.join(d.dir, "state"), pwd.getpwnam("nobody").pw_uid, -1)
        key = os.path.join(d.dir, "own.key")
        os.chmod(key, 0o600)
        done = d.check()
        self.assertEqual(done.returncode, 1)
        self.assertIn("own.key'", done.stderr)
        self.assertIn("Permission denied", done.stderr)
        self.assertIn(f"pools.yaml:{LINES['own.key']}:", done.stderr)
        d.start(ready=False)
        self.assertEqual(d.process.wait(60), 1)
        os.chown(key, 0, pwd.getpwnam("nobody").pw_gid)
        os.chmod(key, 0o640)
        d.start()
        self.assertEqual(d.check().returncode, 0)
        os.chmod(key, 0o600)  # as a rotation may leave it
        self.assertEqual(d.reload(check=False).returncode, 1)
        self.assertEqual(d.addresses(NAME), ["127.0.2.1"])


if __name__ == "__main__":
    harness.main()
