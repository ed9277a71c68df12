# SPDX-License-Identifier: Apache-2.0
"""loadstarctl and the control socket: every command, its exit codes, its tables and its JSON."""
import contextlib
import fcntl
import json
import os
import pty
import re
import shutil
import socket
import stat
import struct
import subprocess
import termios

import harness

ZONE = """\
zone: example.test
ttl: 1h
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s}
records:
  "@": {NS: [ns1]}
  ns1: {A: 192.0.2.53}
  www: {POOL: www}
"""
POOLS = """\
sites:
  ams: {location: [52.31, 4.76]}
  iad: {location: [38.95, -77.45]}
pools:
  www:
    steer: {order: [ams, iad]}
    sites:
      ams: [{address: 192.0.2.11, name: web1}, {address: 192.0.2.12, weight: 3}]
      iad: [198.51.100.11]
  spare:
    steer: all
    on_all_down: nodata
    sites: {iad: [198.51.100.99]}
"""
CONFIG = {"zones": {"example.test.yaml": ZONE}, "pools": POOLS}


def disk_is(d, word):
    """Status does not wait long for the look at the files, which gives way to all else."""
    d.wait_for(lambda: d.ctl_json("status")["config"].get("disk") == word, 60)


def targets(endpoints):
    return [e["target"] for e in endpoints]


def on_terminal(d, *args, width=0, **env):
    """What loadstarctl shows on a terminal of so many columns."""
    program = harness.program("LOADSTARCTL", "loadstarctl")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    child = subprocess.Popen([program, "-s", d.socket, *args], stdin=subprocess.DEVNULL, stdout=theirs,
                             stderr=theirs, env=dict(os.environ, **env))
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # EIO is a terminal's end
        while piece := os.read(ours, 65536):
            shown += piece
    os.close(ours)
    if child.wait(60) != 0:
        raise AssertionError(f"loadstarctl {args}: exit {child.returncode}: {shown}")
    return shown.decode().replace("\r\n", "\n")


class Reading(harness.TestCase):
    """Commands that change nothing share one daemon."""

    @classmethod
    def setUpClass(cls):
        cls.d = harness.Daemon(**CONFIG)
        cls.d.start()

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def test_status(self):
        disk_is(self.d, "same")
        s = self.d.ctl_json("status")
        self.assertEqual(s["generation"], 1)
        self.assertRegex(s["config"]["hash"], "^[0-9a-f]{16}$")
        self.assertEqual(s["config"]["disk_hash"], s["config"]["hash"])
        self.assertEqual(s["counts"]["pools"], 2)
        self.assertEqual(s["counts"]["endpoints"], 4)
        self.assertEqual(s["counts"]["zones"], 1)
        self.assertEqual(s["pid"], self.d.process.pid)
        self.assertEqual(s["problems"], [])
        self.assertGreater(s["control_loop"]["turns"], 0)
        self.assertGreaterEqual(s["control_loop"]["worst_ms"], s["control_loop"]["worst_60s_ms"])
        self.assertGreater(s["control_loop"]["worst_60s_ms"], 0)
        text = self.d.ctl("status").stdout
        self.assertIn(s["config"]["hash"] + ", the same on disk", text)
        self.assertRegex(text, "problems +none")

    def test_status_counts_queries(self):
        before = self.d.ctl_json("status")["queries"]
        for tcp in (False, False, True):
            self.d.query("www.example.test", tcp=tcp)
        self.d.wait_for(lambda: self.d.ctl_json("status")["queries"]["udp"] >= before["udp"] + 2
                        and self.d.ctl_json("status")["queries"]["tcp"] >= before["tcp"] + 1, 60)

    def test_tables_are_aligned_and_match_the_json(self):
        for command, key, column in (("pools", "pools", "name"), ("sites", "sites", "name"),
                                     ("endpoints", "endpoints", "target")):
            rows = self.d.ctl_json(command)[key]
            lines = self.d.ctl(command).stdout.splitlines()
            self.assertEqual(len(lines), len(rows) + 1, command)
            self.assertNotIn("\033", "".join(lines))
            at = lines[0].index("STATE")
            for line, row in zip(lines[1:], rows):
                self.assertTrue(line.startswith(row[column] + " "), line)
                self.assertEqual(line[at:].split()[0], row["state"], line)

    def test_endpoints_of_one_pool(self):
        rows = self.d.ctl_json("endpoints", "www")["endpoints"]
        self.assertEqual([r["target"] for r in rows],
                         ["www/ams/web1", "www/ams/192.0.2.12", "www/iad/198.51.100.11"])
        self.assertEqual(rows[0]["address"], "192.0.2.11")
        self.assertEqual(rows[1]["weight"], 3)
        self.assertEqual(rows[0]["why"], "no checks")
        done = self.d.ctl("endpoints", "nope", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn('no pool "nope"', done.stderr)

    def test_checks_without_any(self):
        self.assertEqual(self.d.ctl_json("checks"), {"checks": []})
        self.assertEqual(self.d.ctl("checks").stdout, "no checks\n")

    def test_explain(self):
        x = self.d.ctl_json("explain", "www.example.test", "--client", "192.0.2.77")
        for key in ("name type client source location pool class sites site endpoints answers ttl "
                    "ttl_reason ecs_scope").split():
            self.assertIn(key, x)
        self.assertEqual((x["pool"], x["site"], x["client"]), ("www", "ams", "192.0.2.77"))
        self.assertEqual(self.d.ctl_json("explain", "www.example.test", "AAAA")["answers"], [])
        self.assertIn("ams", self.d.ctl("explain", "www.example.test", "--ecs",
                                        "192.0.2.0/24").stdout)

    def test_geo(self):
        g = self.d.ctl_json("geo", "192.0.2.1")
        self.assertEqual(g["address"], "192.0.2.1")
        self.assertEqual([s["site"] for s in g["steerings"][0]["sites"]], ["ams", "iad"])
        self.assertIn("192.0.2.1", self.d.ctl("geo", "192.0.2.1").stdout)

    def test_help(self):
        for args in (["--help"], ["set", "--help"], ["explain", "-h"]):
            done = self.d.ctl(*args)
            self.assertIn("usage: loadstarctl", done.stdout)
        self.assertRegex(self.d.ctl("--version").stdout, r"^loadstarctl \d")
        help = self.d.ctl("--help").stdout
        for command in ("status pools endpoints sites checks explain geo set weight reload "
                        "stop").split():
            self.assertRegex(help, rf"(?m)^  {command} ")
            self.assertIn("usage: ", self.d.ctl(command, "--help").stdout)

    def test_wrong_usage_is_2(self):
        for args in ([], ["nothing"], ["set"], ["set", "www"], ["set", "www", "sideways"],
                     ["set", "www", "up", "extra"], ["set", "www", "up", "--for"],
                     ["set", "www", "up", "--for", "soon"], ["set", "www", "up", "--until", "1h"],
                     ["weight", "www", "heavy"], ["weight", "www", "-1"], ["weight", "www"],
                     ["geo"], ["geo", "here"], ["status", "now"], ["-x"], ["--nothing", "status"],
                     ["explain"], ["explain", "a", "A", "--client", "x"], ["-s"],
                     ["explain", "a", "--client", "::1", "--ecs", "::/0"]):
            done = self.d.ctl(*args, check=False)
            self.assertEqual(done.returncode, 2, args)
            self.assertTrue(done.stderr.startswith("loadstarctl: "), (args, done.stderr))
            self.assertEqual(done.stdout, "", args)

    def test_what_was_meant(self):
        for args, words in ((["statsu"], 'there is no command "statsu", did you mean status?'),
                            (["set", "a", "up", "--reson", "x"], "there is no option --reson of set, did you mean --reason?"),
                            (["fly"], 'there is no command "fly"\n'),
                            (["sites", "--reason", "x"], "there is no option --reason of sites\n")):
            self.assertIn(words, self.d.ctl(*args, check=False).stderr)

    def test_environment_names_the_socket(self):
        program = harness.program("LOADSTARCTL", "loadstarctl")
        env = dict(os.environ, LOADSTAR_SOCKET=self.d.socket)
        done = subprocess.run([program, "--json", "status"], env=env, capture_output=True)
        self.assertEqual(json.loads(done.stdout)["generation"], 1)

    def test_color_on_terminals_only(self):
        program = harness.program("LOADSTARCTL", "loadstarctl")
        for no_color, colored in (("", True), ("1", False)):
            shown = on_terminal(self.d, "sites", NO_COLOR=no_color)
            self.assertIn("up", shown)
            self.assertEqual("\033[32mup" in shown, colored)

    def test_tables_fit_the_terminal(self):
        def shown(less):
            """Of a terminal that lacks so many columns: its width, its lines, and the whole text, if that stood
            meanwhile: SINCE goes on."""
            whole = self.d.ctl("pools").stdout
            width = max(map(len, whole.splitlines())) - less
            lines = on_terminal(self.d, "pools", width=width, NO_COLOR="1").splitlines()
            return self.d.ctl("pools").stdout == whole and (width, lines, whole)
        for less in (0, 1, 4):
            width, lines, whole = self.d.wait_for(lambda: shown(less), 120)
            self.assertNotIn("…", whole)
            self.assertLessEqual(max(map(len, lines)), width)
            self.assertEqual("\n".join(lines) + "\n" == whole, less == 0)
            self.assertEqual([line.split()[0] for line in lines], [line.split()[0] for line in whole.splitlines()])
        self.assertNotIn("…", on_terminal(self.d, "pools", width=0, NO_COLOR="1"))

    def test_lists_page_by_page(self):
        whole = self.d.ctl_json("endpoints")["endpoints"]
        page = self.d.ctl_json("endpoints", "--limit", "2")
        self.assertEqual(targets(page["endpoints"]), targets(whole[:2]))
        rest = self.d.ctl_json("endpoints", "--limit", "100", "--after", page["next"])
        self.assertEqual(targets(rest["endpoints"]), targets(whole[2:]))
        self.assertNotIn("next", rest)
        self.assertIn(f"\nmore follow: --after '{page['next']}'\n",
                      self.d.ctl("endpoints", "--limit", "2").stdout)
        self.assertNotIn("more follow", self.d.ctl("endpoints", "--limit", "4").stdout)
        done = self.d.ctl("endpoints", "--after", "web1", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn('after: expected the "next" of the page before', done.stderr)

    def test_nobody_there(self):
        program = harness.program("LOADSTARCTL", "loadstarctl")
        done = subprocess.run([program, "-s", "/nowhere/control.sock", "status"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot connect to /nowhere/control.sock: no such file; is loadstard running?",
                      done.stderr)


class Long(harness.TestCase):
    def test_lists_longer_than_a_page(self):
        each = 2502
        pools = "sites: {s: {}}\npools:\n" + "".join(
            f"  {pool}:\n    steer: all\n    sites:\n      s:\n" + "".join(
                f"        - 10.0.{i // 256}.{i % 256}\n" for i in range(each)) for pool in "pq")
        zone = ZONE.replace("POOL: www", "POOL: p")
        d = self.daemon(zones={"example.test.yaml": zone}, pools=pools)
        listed = d.ctl_json("endpoints")
        self.assertEqual(targets(listed["endpoints"]),
                         [f"{p}/s/10.0.{i // 256}.{i % 256}" for p in "pq" for i in range(each)])
        self.assertNotIn("next", listed)
        self.assertEqual(len(d.ctl("endpoints").stdout.splitlines()), 2 * each + 1)


class Completion(harness.TestCase):
    def complete(self, d, *words):
        """What bash offers for the last of the words."""
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                              "../../contrib/completion/loadstarctl")
        path = os.path.join(d.dir, "bin")
        os.makedirs(path, exist_ok=True)
        if not os.path.exists(os.path.join(path, "loadstarctl")):
            os.symlink(harness.program("LOADSTARCTL", "loadstarctl"),
                       os.path.join(path, "loadstarctl"))
        env = dict(os.environ, LOADSTAR_SOCKET=d.socket, PATH=path + ":" + os.environ["PATH"])
        done = subprocess.run(
            ["bash", "-c", '. "$0"; COMP_WORDS=(loadstarctl "$@"); COMP_CWORD=$#; COMP_LINE="loadstarctl $*"; _loadstarctl; '
             'printf "%s\\n" "${COMPREPLY[@]}"', script, *words],
            env=env, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash(self):
        if not shutil.which("bash"):
            self.skipTest("bash is missing")
        d = self.daemon(**CONFIG)
        self.assertEqual(self.complete(d, "exp"), ["explain"])
        self.assertEqual(self.complete(d, "set", "www/i"), ["www/iad", "www/iad/198.51.100.11"])
        self.assertEqual(self.complete(d, "set", "am"), ["ams"])
        self.assertEqual(self.complete(d, "weight", "w"), ["www/"])
        self.assertEqual(self.complete(d, "set", "--for", "1h", "ams", "dr"), ["drain"])
        self.assertEqual(self.complete(d, "-s", d.socket, "endpoints", ""), ["www", "spare"])
        self.assertEqual(self.complete(d, "set", "ams", "drain", "--r"), ["--reason"])
        self.assertEqual(self.complete(d, "set", "anycast:dns", "--for", "1h", "w"), ["withdraw"])
        self.assertEqual(self.complete(d, "set", "anycast:dns", "u"), [])
        self.assertEqual(self.complete(d, "set", "ams", "w"), [])
        self.assertEqual(self.complete(d, "set", "@7", ""), ["auto"])


class Changing(harness.TestCase):
    def test_drain_then_auto(self):
        d = self.daemon(**CONFIG)
        self.assertIn(d.addresses("www.example.test")[0], ("192.0.2.11", "192.0.2.12"))
        done = d.ctl_json("set", "www/ams", "drain", "--reason", "kernel update")
        self.assertEqual(done["matched"], ["www/ams/web1", "www/ams/192.0.2.12"])
        self.assertEqual(done["effects"], ["www: answers move from ams to iad"])
        self.assertEqual(done["warnings"], [])
        d.wait_for(lambda: d.addresses("www.example.test") == ["198.51.100.11"], 60)
        web1 = d.ctl_json("endpoints", "www")["endpoints"][0]
        self.assertEqual((web1["state"], web1["why"], web1["serves"]),
                         ("drain!", "kernel update", False))
        status = d.ctl_json("status")
        self.assertEqual(status["overrides"][0]["target"], "www/ams")
        self.assertEqual(status["overrides"][0]["endpoints"], 2)
        self.assertIn("www/ams", d.ctl("status").stdout)
        done = d.ctl("set", "www/ams", "auto")
        self.assertIn("www: answers move from iad to ams", done.stdout)
        d.wait_for(lambda: d.addresses("www.example.test") != ["198.51.100.11"], 60)
        self.assertEqual(d.ctl_json("status")["overrides"], [])
        events = d.ctl_json("events")["events"]
        drained = [e for e in events if e["to"] == "drain!"]
        self.assertEqual(len(drained), 2)
        self.assertEqual(drained[0]["effect"], "www: answers move from ams to iad")
        self.assertIn("kernel update", drained[0]["reason"])
        self.assertIn("answers move from ams to iad", d.log())

    def test_for_ends_by_itself(self):
        d = self.daemon(**CONFIG)
        done = d.ctl_json("set", "www/ams", "down", "--for", "10m")
        self.assertIn("until", done)
        d.wait_for(lambda: d.addresses("www.example.test") == ["198.51.100.11"], 60)
        left_s = d.ctl_json("status")["overrides"][0]["left_s"]
        self.assertTrue(300 < left_s <= 600, left_s)
        d.ctl("set", "www/ams", "down", "--for", "1s")
        d.wait_for(lambda: d.addresses("www.example.test") != ["198.51.100.11"], 60)
        self.assertEqual(d.ctl_json("status")["overrides"], [])

    def test_nothing_left_is_a_warning(self):
        d = self.daemon(**CONFIG)
        done = d.ctl("set", "spare/iad", "down")
        self.assertEqual(done.returncode, 0)
        self.assertIn("warning: pool spare answers NODATA\n", done.stdout)
        status = d.ctl_json("status")
        self.assertTrue([p for p in status["problems"]
                         if p["severity"] == "error" and "pool spare is down" in p["text"]])

    def test_site_and_globs(self):
        d = self.daemon(**CONFIG)
        self.assertEqual(d.ctl_json("set", "iad", "drain")["endpoints"], 2)
        self.assertEqual(d.ctl_json("set", "w*/*/web?", "up", check=False).get("endpoints"), None)
        self.assertEqual(d.ctl_json("set", "w*/*/web*", "up")["endpoints"], 1)
        self.assertEqual(d.ctl_json("set", "*", "auto")["endpoints"], 4)
        self.assertEqual(d.ctl_json("status")["overrides"], [])

    def test_weight(self):
        d = self.daemon(**CONFIG)
        done = d.ctl_json("weight", "www/ams/192.0.2.12", "0")
        self.assertEqual(done["weight"], 0)
        d.wait_for(lambda: {d.addresses("www.example.test")[0] for _ in range(20)}
                   == {"192.0.2.11"}, 60)
        row = d.ctl_json("endpoints", "www")["endpoints"][1]
        self.assertEqual((row["weight"], row["configured_weight"], row["serves"]), (0, 3, False))
        self.assertIn("0!", d.ctl("endpoints", "www").stdout)
        d.ctl("weight", "www/ams/192.0.2.12", "auto")
        self.assertEqual(d.ctl_json("endpoints", "www")["endpoints"][1]["weight"], 3)

    def test_no_match(self):
        d = self.daemon(**CONFIG)
        done = d.ctl("set", "www/sin", "drain", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn('no endpoint matches "www/sin"', done.stderr)
        self.assertIn("pool www has no site 'sin', expected one of: ams, iad", done.stderr)
        done = d.ctl("--json", "set", "www/sin", "drain", check=False)
        self.assertIn("no endpoint matches", json.loads(done.stdout)["error"])

    def test_broken_reload_prints_every_position(self):
        d = self.daemon(**CONFIG)
        d.write("pools.yaml", POOLS.replace("steer: all", "stear: all")
                .replace("address: 192.0.2.11", "address: 192.0.2.1111"))
        disk_is(d, "changed")
        done = d.reload(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(re.findall(r"(?m)^\S*pools\.yaml:\d+:\d+: ", done.stderr)), 2,
                         done.stderr)
        self.assertIn("steer", done.stderr)
        self.assertTrue(d.addresses("www.example.test"), "it serves no more")
        done = d.ctl("--json", "reload", check=False)
        self.assertEqual((done.returncode, len(json.loads(done.stdout)["errors"])), (1, 2))
        status = d.ctl_json("status")
        self.assertEqual((status["generation"], status["reload"]["failed_total"]), (1, 2))
        self.assertTrue([p for p in status["problems"] if "last reload failed" in p["text"]
                         and re.search(r"pools\.yaml:\d+:\d+", p["text"])])
        d.write("pools.yaml", POOLS)
        self.assertIn("generation 2 serves", d.reload().stdout)
        status = d.ctl_json("status")
        self.assertEqual(status["problems"], [])
        disk_is(d, "same")
        events = [e for e in d.ctl_json("events")["events"] if e["target"] == "loadstar"]
        self.assertEqual([(e["from"], e["to"]) for e in events],
                         [("unknown", "started"), ("gen 1", "gen 1"), ("gen 1", "gen 1"),
                          ("gen 1", "gen 2")])
        self.assertEqual(events[1]["reason"], "reload failed, 2 errors")

    def test_a_new_zone_file_is_seen_as_a_difference(self):
        d = self.daemon(**CONFIG)
        d.write("zones/other.test.yaml", ZONE.replace("example.test", "other.test"))
        disk_is(d, "changed")
        d.reload()
        disk_is(d, "same")
        os.remove(os.path.join(d.dir, "zones", "other.test.yaml"))
        disk_is(d, "changed")

    def test_durations_that_overflow(self):
        d = self.daemon(**CONFIG)
        for text in ("30500568905w", "213503982335d", "9223372036854775807s", "1w1", "367d"):
            done = d.ctl("set", "www/ams", "down", "--for", text, check=False)
            self.assertEqual(done.returncode, 2, text)
            self.assertIn("expected a duration", done.stderr)
        self.assertEqual(d.ctl_json("status")["overrides"], [])

    def test_stop(self):
        d = self.daemon(**CONFIG)
        self.assertEqual(d.ctl_json("stop"), {"stopping": True, "pid": d.process.pid})
        self.assertEqual(d.process.poll(), 0, "it has not ended yet")
        self.assertFalse(os.path.exists(d.socket))


class Socket(harness.TestCase):
    """The protocol itself, with clients that misbehave."""

    def connect(self, d):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        s.connect(d.socket)
        self.addCleanup(s.close)
        return s

    def ask(self, s, data):
        s.sendall(data if isinstance(data, bytes) else json.dumps(data).encode() + b"\n")
        return json.loads(s.makefile().readline())

    def test_mode_and_a_second_daemon(self):
        d = self.daemon(**CONFIG)
        self.assertEqual(stat.S_IMODE(os.stat(d.socket).st_mode), 0o660)
        second = self.daemon(**CONFIG, start=False)
        second.write("loadstar.yaml", second.read("loadstar.yaml")
                     .replace("control.sock", d.socket))
        done = subprocess.run(second.command("-c", second.path), capture_output=True, text=True,
                              timeout=120)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"another loadstard is running on {d.socket}", done.stderr)
        self.assertEqual(d.ctl_json("status")["pid"], d.process.pid)

    def test_a_socket_left_by_kill_9_is_replaced(self):
        d = self.daemon(**CONFIG)
        d.kill()
        self.assertTrue(os.path.exists(d.socket))
        done = d.ctl("status", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nobody listens", done.stderr)
        d.start()
        self.assertEqual(d.ctl_json("status")["pid"], d.process.pid)

    def test_errors_and_pipelining(self):
        d = self.daemon(**CONFIG)
        s = self.connect(d)
        for line, words in ((b"hello\n", "no JSON"), (b"[]\n", "JSON object"),
                            (b'{"command":"nothing"}\n', "expected one of status"),
                            (b'{"command":"status","x":1}\n', 'no argument "x"'),
                            (b'\xff\xfe\n', "no JSON"), (b'{"command":"set"}\n', "missing")):
            reply = self.ask(s, line)
            self.assertFalse(reply["ok"])
            self.assertIn(words, reply["error"])
        s.sendall(b'\n  \n{"command":"sites"}\n{"command":"pools"}\n{"command":"bad"}\n')
        lines = s.makefile()
        self.assertIn("sites", json.loads(lines.readline())["result"])
        self.assertIn("pools", json.loads(lines.readline())["result"])
        self.assertFalse(json.loads(lines.readline())["ok"])

    def test_identifiers(self):
        d = self.daemon(**CONFIG)
        s = self.connect(d)
        s.sendall(b'{"v":1,"id":"a","command":"sites"}\n{"id":7,"command":"nothing"}\n'
                  b'{"v":3,"id":8,"command":"sites"}\n')
        lines = s.makefile()
        first, second, third = (json.loads(lines.readline()) for _ in range(3))
        self.assertEqual((first["id"], first["ok"]), ("a", True))
        self.assertEqual((second["id"], second["ok"]), (7, False))
        self.assertEqual(third, {"id": 8, "ok": False, "error": "v: this program speaks version 1 of "
                                 "the control protocol, not 3",
                                 "code": "invalid"})

    def test_progress_of_a_reload(self):
        d = self.daemon(**CONFIG)
        s = self.connect(d)
        s.sendall(b'{"id":1,"command":"reload","progress":true}\n{"id":2,"command":"reload"}\n')
        lines = s.makefile()
        steps = []
        while "progress" in (line := json.loads(lines.readline())):
            self.assertEqual(line["id"], 1)
            steps.append(line["progress"]["step"])
        self.assertEqual((line["id"], line["ok"]), (1, True))
        self.assertEqual(steps[-1], "switching")
        self.assertLessEqual(set(steps), {"reading files", "compiling zones", "reading databases",
                                          "compiling steering", "switching"})
        self.assertEqual(json.loads(lines.readline())["id"], 2)  # which did not ask for it

    def test_a_reload_is_watched_on_terminals_only(self):
        d = self.daemon(**CONFIG)
        self.assertEqual(d.ctl("reload").stderr, "")
        shown = on_terminal(d, "reload")
        self.assertIn("switching", shown)
        self.assertRegex(shown, r"\rgeneration 3 serves.*\nzones: ")

    def test_half_close_still_answers(self):
        d = self.daemon(**CONFIG)
        s = self.connect(d)
        s.sendall(b'{"command":"sites"}')
        s.shutdown(socket.SHUT_WR)
        self.assertTrue(json.loads(s.makefile().read())["ok"])

    def test_a_line_without_end_is_refused(self):
        d = self.daemon(**CONFIG)
        s = self.connect(d)
        try:
            s.sendall(b"x" * 70000)
        except OSError:
            pass
        reply = json.loads(s.makefile().readline())
        self.assertIn("longer than 65536", reply["error"])
        self.assertEqual(d.ctl_json("status")["generation"], 1)

    def test_blank_lines_take_no_stack(self):
        d = self.daemon(**CONFIG, wrap=["sh", "-c", 'ulimit -s 1024; exec "$@"', "sh"])
        for blank in (b"\n", b"\r\n", b" \n", b"\t\r\n\n"):
            s = self.connect(d)
            s.sendall(blank * (3 * 65536 // len(blank)))
            s.sendall(b'{"command":"sites"}\n')
            self.assertTrue(json.loads(s.makefile().readline())["ok"], blank)
        self.assertEqual(d.ctl_json("status")["generation"], 1)

    def test_slow_and_many_clients_hold_up_nobody(self):
        d = self.daemon(**CONFIG)
        slow = self.connect(d)
        slow.sendall(b'{"command":"endpoints"}\n' * 2000)  # and reads nothing
        idle = [self.connect(d) for _ in range(40)]
        idle[0].sendall(b'{"comm')
        self.assertEqual(d.ctl_json("status")["generation"], 1)  # which waits for nobody: slow reads later
        lines = slow.makefile()
        for _ in range(2000):
            self.assertTrue(json.loads(lines.readline())["ok"])

    def test_too_many_clients_are_told(self):
        d = self.daemon(**CONFIG)
        clients = [self.connect(d) for _ in range(64)]
        self.assertTrue(self.ask(clients[-1], {"command": "sites"})["ok"])
        reply = json.loads(self.connect(d).makefile().readline())
        self.assertIn("too many", reply["error"])
        for c in clients:
            c.close()
        d.wait_for(lambda: d.ctl("status", check=False).returncode == 0, 60)

    def test_clients_that_vanish_during_a_reload(self):
        d = self.daemon(**CONFIG)
        for _ in range(20):
            s = self.connect(d)
            s.sendall(b'{"command":"reload"}\n')
            s.close()
        d.wait_for(lambda: d.ctl_json("status")["generation"] >= 2, 60)
        d.reload()
        self.assertEqual(d.stop(), 0)

    def test_reload_moves_the_socket(self):
        d = self.daemon(**CONFIG)
        d.write("loadstar.yaml", d.read("loadstar.yaml").replace("control.sock", "other.sock"))
        d.reload()
        self.assertFalse(os.path.exists(d.socket))
        d.socket = os.path.join(d.dir, "other.sock")
        self.assertEqual(d.ctl_json("status")["generation"], 2)


if __name__ == "__main__":
    harness.main()
