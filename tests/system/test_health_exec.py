# SPDX-License-Identifier: Apache-2.0
"""Commands of exec checks: what is refused when it is loaded, what ends with them, and who waits."""
import os

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
sites: {{ams: {{location: [52, 4]}}}}
checks:
  c:
    type: exec
    interval: 2s
    timeout: 2s
    command: [{command}, "{{address}}"]
pools:
  www: {{checks: [c], sites: {{ams: [192.0.2.7]}}}}
"""
WAIT = 120


def marked(mark):
    """Processes that run with this mark among their arguments."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if mark.encode() in file.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


class Case(harness.TestCase):
    def make(self, script, mode=0o755, start=True, **kw):
        d = self.daemon(zones={"example.test.yaml": ZONE}, pools=POOLS.format(command="./check.sh"),
                        start=False, **kw)
        os.chmod(d.write("check.sh", script), mode)
        return d.start() if start else d

    def endpoint(self, d):
        return d.ctl_json("endpoints")["endpoints"][0]


class Load(Case):
    def refused(self, d, done, word):
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("pools.yaml:7:15: ", done.stderr)
        self.assertIn(word, done.stderr)

    def test_what_cannot_run(self):
        d = self.make("#!/bin/sh\nexit 0\n")
        path = os.path.join(d.dir, "check.sh")
        kinds = [("#!/bin/sh\n", 0o644, "may not be executed"), ("", 0o755, "it is empty"),
                 ("#!/usr/bin/pyhton3\n", 0o755, "its interpreter '/usr/bin/pyhton3'"),
                 ("#!/bin/sh\r\n", 0o755, "carriage return"), (None, 0, "No such file")]
        for text, mode, word in kinds:
            with self.subTest(word):
                if text is None:
                    os.unlink(path)
                else:
                    os.chmod(d.write("check.sh", text), mode)
                self.refused(d, d.check(), word)
                self.refused(d, d.reload(check=False), word)
        d.wait_for(lambda: "exec cannot run" in self.endpoint(d)["why"], WAIT)
        self.assertEqual(self.endpoint(d)["health"], "up")  # of ours, and so none of the endpoint's
        self.assertTrue(any("could not be tried" in p["text"]
                            for p in d.ctl_json("status")["problems"]))
        os.chmod(d.write("check.sh", "#!/bin/sh\nexit 0\n"), 0o755)
        d.reload()
        d.wait_for(lambda: self.endpoint(d)["why"] == "c: exec exited 0", WAIT)

    def test_relative_to_the_file(self):
        """Wherever the server was started."""
        d = self.make("#!/bin/sh\nexit 0\n", start=False)
        before = os.getcwd()
        os.chdir("/")
        try:
            d.start()
        finally:
            os.chdir(before)
        d.wait_for(lambda: self.endpoint(d)["why"] == "c: exec exited 0", WAIT)

    def test_too_few_slots(self):
        d = self.make("#!/bin/sh\nexit 0\n", server="exec_concurrency: 1", start=False)
        d.write("pools.yaml", POOLS.format(command="./check.sh").replace(
            "[192.0.2.7]", "[192.0.2.7, 192.0.2.8]"))
        done = d.check()
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"pools.yaml:3:3: warning: commands that hang need 2 slots .* "
                                      r"'server.exec_concurrency' is 1")


class Ends(Case):
    def test_nothing_is_left_after_a_stop(self):
        mark = f"9{os.getpid()}.5"
        d = self.make(f"#!/bin/sh\nsleep {mark} &\nsetsid sleep {mark} &\nsleep 0.1\nexit 0\n")
        d.wait_for(lambda: d.ctl_json("checks")["checks"][0]["ok"] >= 4, WAIT)
        d.wait_for(lambda: len(marked(mark)) < 6, WAIT)  # of this probe and the one before, at most
        d.stop()
        d.wait_for(lambda: not marked(mark), WAIT)

    def test_zombies(self):
        d = self.make("#!/bin/sh\n(sleep 0.05 &)\nsetsid true &\nexit 0\n")
        d.wait_for(lambda: d.ctl_json("checks")["checks"][0]["ok"] >= 4, WAIT)

        def children():
            with open(f"/proc/{d.process.pid}/task/{d.process.pid}/children") as file:
                return file.read().split()

        if not os.path.exists(f"/proc/{d.process.pid}/task/{d.process.pid}/children"):
            self.skipTest("this kernel does not list children")
        d.write("pools.yaml", POOLS.format(command="./check.sh").replace("checks: [c], ", ""))
        d.reload()
        d.wait_for(lambda: not children(), WAIT)

    def test_what_the_service_manager_said_is_not_told(self):
        d = self.make("#!/bin/sh\necho \"socket: $NOTIFY_SOCKET.\"\n")
        d.wait_for(lambda: self.endpoint(d)["why"] == "c: socket: .", WAIT)


class Slots(Case):
    def test_hung_scripts_hold_up_their_own(self):
        pools = """\
sites: {ams: {location: [52, 4]}}
checks:
  c: {type: exec, interval: 2s, timeout: 2s, fall: 1, rise: 1, command: [./check.sh]}
pools:
  bad: {checks: [c], sites: {ams: [%s]}}
  www: {checks: [c], sites: {ams: [192.0.3.1, 192.0.3.2]}}
""" % ", ".join(f"192.0.2.{i}" for i in range(1, 30))
        d = self.make("#!/bin/sh\n[ $LOADSTAR_POOL = www ] || sleep 60\n[ ! -e flag ]\n"
                      .replace("flag", "$(dirname $0)/flag"), start=False,
                      server="exec_concurrency: 6")
        d.write("pools.yaml", pools)
        d.start()

        def healths():
            return {e["health"] for e in d.ctl_json("endpoints", "www")["endpoints"]}

        d.wait_for(lambda: healths() == {"up"}, WAIT)
        d.wait_for(lambda: any(e["health"] == "down"
                               for e in d.ctl_json("endpoints", "bad")["endpoints"]), WAIT)

        def counts():
            return [c["ok"] for c in d.ctl_json("checks")["checks"]
                    if c["address"].startswith("192.0.3.")]

        before = max(counts())
        d.wait_for(lambda: min(counts()) >= before + 3, WAIT)
        d.write("flag", "")
        d.wait_for(lambda: healths() == {"down"}, WAIT)


if __name__ == "__main__":
    harness.main()
