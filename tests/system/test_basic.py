# SPDX-License-Identifier: Apache-2.0
"""Start, answer, reload, stop: what an operator meets first."""
import contextlib
import os
import re
import signal
import socket
import subprocess

import dns.flags
import dns.rcode

import harness

ZONE = """\
zone: example.test
ttl: 1h
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s, serial: %d}
records:
  "@": {NS: [ns1], A: 192.0.2.1}
  ns1: {A: 192.0.2.53, AAAA: "2001:db8::53"}
  www: {A: [192.0.2.%d], TXT: "generation %d"}
"""
POOLS = """\
sites:
  ams: {location: [52.31, 4.76]}
pools:
  www:
    steer: all
    sites: {ams: [192.0.2.10, 192.0.2.11]}
"""


def zone(n):
    return ZONE % (n, n, n)


def checked_pools(backend):
    return f"""\
sites:
  ams: {{location: [52.31, 4.76]}}
checks:
  web: {{type: http, port: {backend.port}, interval: 2m, timeout: 2m}}
pools:
  www: {{steer: all, checks: [web], sites: {{ams: [{backend.address}]}}}}
"""

NICE_SH = """\
#!/bin/sh
cd %s || exit
read -r stat </proc/self/stat
set -- ${stat##*) }
echo "${17}" >nice.new && mv nice.new nice
"""
NICE_POOLS = """\
sites: {ams: {location: [52, 4]}}
checks: {c: {type: exec, interval: 1m, timeout: 1m, command: ["%s"]}}
pools: {www: {checks: [c], sites: {ams: [192.0.2.7]}}}
"""


class Answering(harness.TestCase):
    def test_udp_and_tcp(self):
        d = self.daemon(zones={"example.test.yaml": zone(1)})
        for tcp in (False, True):
            r = d.query("www.example.test", "A", tcp=tcp)
            self.assertEqual(r.rcode(), dns.rcode.NOERROR)
            self.assertTrue(r.flags & dns.flags.AA)
            self.assertEqual(harness.rdata(r, "A"), ["192.0.2.1"])
            r = d.query("nothing.example.test", "A", tcp=tcp)
            self.assertEqual(r.rcode(), dns.rcode.NXDOMAIN)
            r = d.query("example.org", "A", tcp=tcp)
            self.assertEqual(r.rcode(), dns.rcode.REFUSED)

    def test_dynamic_name(self):
        d = self.daemon(zones={"example.test.yaml": zone(1) + "  api: {POOL: www}\n"}, pools=POOLS)
        seen = {d.addresses("api.example.test")[0] for _ in range(60)}
        self.assertEqual(seen, {"192.0.2.10", "192.0.2.11"})

    def test_ipv6_and_several_addresses(self):
        port = harness.free_port()
        d = self.daemon(zones={"example.test.yaml": zone(1)},
                        listen=[f"127.0.0.1:{port}", f"127.0.0.2:{port}", f"[::1]:{port}"])
        for address in ("127.0.0.1", "127.0.0.2", "::1"):
            for tcp in (False, True):
                self.assertEqual(d.addresses("www.example.test", address=address, port=port,
                                             tcp=tcp), ["192.0.2.1"])

    def test_wildcard_answers_from_the_address_asked(self):
        port = harness.free_port()
        d = self.daemon(zones={"example.test.yaml": zone(1)},
                        listen=[f"0.0.0.0:{port}", f"[::]:{port}"])
        for address in ("127.0.0.1", "127.1.2.3", "::1"):  # dnspython checks who answers
            self.assertEqual(d.addresses("www.example.test", address=address, port=port),
                             ["192.0.2.1"])


class Lifecycle(harness.TestCase):
    def test_sigterm_and_sigint_stop_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            d = self.daemon(zones={"example.test.yaml": zone(1)})
            d.process.send_signal(number)
            self.assertEqual(d.process.wait(60), 0)
            self.assertIn("stopping", d.log())
            self.assertFalse(os.path.exists(d.socket), "the control socket is left behind")

    def test_the_control_thread_goes_first(self):
        """And none of the threads and processes that it starts."""
        if os.geteuid() != 0:
            self.skipTest("only root may raise a priority")
        d = self.daemon(zones={"example.test.yaml": zone(1)}, pools=POOLS, workers=2, start=False)
        path = d.write("nice.sh", NICE_SH % d.dir)
        os.chmod(path, 0o755)
        d.write("pools.yaml", NICE_POOLS % path)
        d.start()
        d.hup()  # the loader, too
        d.wait_for(lambda: os.path.exists(os.path.join(d.dir, "nice")), 60)
        self.assertEqual(d.read("nice").strip(), "0")
        self.assertEqual(self.nice_of_threads(d)[d.process.pid], -5)
        others = lambda: [nice for tid, nice in self.nice_of_threads(d).items() if tid != d.process.pid]
        self.assertGreaterEqual(len(others()), 4)
        d.wait_for(lambda: min(others()) >= 0, 60)  # one that only just begins may have its creator's

    def nice_of_threads(self, d):
        threads, nice = f"/proc/{d.process.pid}/task", {}
        for tid in os.listdir(threads):
            with contextlib.suppress(OSError):  # it has ended
                with open(f"{threads}/{tid}/stat") as file:
                    nice[int(tid)] = int(file.read().rpartition(") ")[2].split()[16])
        return nice

    def test_sighup_reloads(self):
        d = self.daemon(zones={"example.test.yaml": zone(1)})
        for n in range(2, 5):
            d.write("zones/example.test.yaml", zone(n))
            d.hup()
            self.assertEqual(d.addresses("www.example.test"), [f"192.0.2.{n}"])
        self.assertIn("reloaded: generation 4", d.log())

    def test_many_hups_at_once_end_with_the_last_file(self):
        d = self.daemon(zones={"example.test.yaml": zone(1)})
        for n in range(2, 40):
            d.write("zones/example.test.yaml", zone(n))
            d.process.send_signal(signal.SIGHUP)
        d.wait_for(lambda: d.addresses("www.example.test") == ["192.0.2.39"], 60)
        reloads = d.log().count("reloaded:")
        self.assertLessEqual(reloads, 38)

    def test_hup_while_starting_is_not_lost(self):
        web = self.backend()
        web.hang()  # so that the start waits its 3 s for the first result
        d = self.daemon(zones={"example.test.yaml": zone(1)}, pools=checked_pools(web), start=False)
        d.start(ready=False)
        d.wait_for(lambda: web.requests, 60)
        d.write("zones/example.test.yaml", zone(2))
        d.process.send_signal(signal.SIGHUP)
        d.wait_for(lambda: "reloaded: generation 2" in d.log(), 60)
        self.assertEqual(d.addresses("www.example.test"), ["192.0.2.2"])
        started = re.search(r"ready after (\d+) ms", d.log())
        self.assertGreater(int(started[1]), 2900)
        self.assertLess(int(started[1]), 60000)  # the probe alone would have had it wait for 2 min

    def test_stop_while_starting(self):
        web = self.backend()
        web.hang()
        d = self.daemon(zones={"example.test.yaml": zone(1)}, pools=checked_pools(web), start=False)
        d.start(ready=False)
        d.wait_for(lambda: web.requests, 60)
        self.assertEqual(d.stop(timeout=60), 0)  # not after the probe, which has 2 min

    def test_stop_while_reloading(self):
        big = zone(1) + "".join(f"  n{i}: {{A: 192.0.2.1}}\n" for i in range(50000))
        d = self.daemon(zones={"example.test.yaml": big})
        waiting = [subprocess.Popen([harness.program("LOADSTARCTL", "loadstarctl"), "-s", d.socket,
                                     "reload"], stderr=subprocess.PIPE, text=True)
                   for _ in range(3)]
        d.process.send_signal(signal.SIGHUP)
        d.wait_for(lambda: d.log().count("uid") >= 3, 60)
        self.assertEqual(d.stop(), 0)
        for p in waiting:  # done in time, or told why not: never left waiting
            _, err = p.communicate(timeout=60)
            self.assertTrue(p.returncode == 0 or err, err)

    def test_ctl_stop(self):
        d = self.daemon(zones={"example.test.yaml": zone(1)})
        d.ctl("stop")
        self.assertEqual(d.process.wait(60), 0)

    def test_answers_what_is_queued_at_the_stop(self):
        d = self.daemon(zones={"example.test.yaml": zone(1)})
        query = d.message("www.example.test").to_wire()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect((d.address, d.port))
            s.settimeout(60)
            for _ in range(200):
                s.send(query)
            d.process.send_signal(signal.SIGTERM)
            for _ in range(200):
                s.recv(4096)
        self.assertEqual(d.process.wait(60), 0)


class BrokenReload(harness.TestCase):
    def broken(self, d, name, text, line, column, word):
        """Writes a broken file; everything goes on, and what is wrong is told in all places."""
        before = d.read(name)
        d.write(name, text)
        done = d.reload(check=False)
        where = re.compile(rf"{re.escape(os.path.basename(name))}:{line}:{column}: .*{word}")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stderr, where)
        log = d.log()
        self.assertRegex(log, where)
        self.assertEqual(len(where.findall(log)), 1, "the error is logged once")
        self.assertIn("reload failed", log)
        self.assertEqual(d.addresses("www.example.test"), ["192.0.2.1"])
        self.assertRegex(d.ctl("status").stdout, where)
        check = d.check()
        self.assertEqual(check.returncode, 1)
        self.assertRegex(check.stderr, where)
        d.write(name, before)
        d.reload()
        self.assertNotRegex(d.ctl("status").stdout, where)
        self.assertEqual(d.addresses("www.example.test"), ["192.0.2.1"])

    def test_zone_with_a_bad_address(self):
        d = self.daemon(zones={"example.test.yaml": zone(1)})
        self.broken(d, "zones/example.test.yaml", zone(1).replace("192.0.2.53", "192.0.2.530"),
                    6, 12, "192.0.2.530")

    def test_unknown_key_names_the_nearest(self):
        d = self.daemon(zones={"example.test.yaml": zone(1)})
        self.broken(d, "loadstar.yaml", d.read("loadstar.yaml").replace("workers:", "wokers:"),
                    3, 3, "workers")

    def test_yaml_that_is_none(self):
        d = self.daemon(zones={"example.test.yaml": zone(1)})
        self.broken(d, "zones/example.test.yaml", zone(1) + "  bad: [1, 2\n", r"\d+", r"\d+", "")

    def test_a_late_failure_undoes_the_earlier_steps(self):
        """The control socket has moved already when an address turns out to be taken."""
        d = self.daemon(zones={"example.test.yaml": zone(1)})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            port = harness.free_port()
            taken.bind(("127.0.0.1", port))
            d.write("loadstar.yaml", d.read("loadstar.yaml")
                    .replace("control.sock", "moved.sock")
                    .replace("listen: [", f'listen: ["127.0.0.1:{port}", '))
            done = d.reload(check=False)
            self.assertEqual(done.returncode, 1)
            d.ctl("status")  # still there
        d.hup()
        d.socket = os.path.join(d.dir, "moved.sock")
        d.ctl("status")
        self.assertEqual(d.addresses("www.example.test", port=port), ["192.0.2.1"])

    def test_listen_address_that_cannot_be_had(self):
        d = self.daemon(zones={"example.test.yaml": zone(1)})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            port = harness.free_port()
            taken.bind(("127.0.0.1", port))
            text = d.read("loadstar.yaml").replace(
                "listen: [", f'listen: ["127.0.0.1:{port}", ')
            d.write("loadstar.yaml", text)
            d.write("zones/example.test.yaml", zone(2))
            done = d.reload(check=False)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, rf"loadstar.yaml:2:\d+: .*:{port}: address already in use")
            self.assertEqual(d.addresses("www.example.test"), ["192.0.2.1"], "nothing has changed")
        d.reload()
        self.assertEqual(d.addresses("www.example.test", port=port), ["192.0.2.2"])
        self.assertEqual(d.addresses("www.example.test"), ["192.0.2.2"])


class CommandLine(harness.TestCase):
    def run_it(self, *args):
        return subprocess.run([harness.program("LOADSTARD", "loadstard"), *args],
                              capture_output=True, text=True, timeout=60)

    def test_usage(self):
        for args in ([], ["--nonsense"], ["-c"], ["-c", "x", "operand"], ["-x"]):
            done = self.run_it(*args)
            self.assertEqual(done.returncode, 2, args)
            self.assertIn("usage: loadstard", done.stderr)
            self.assertEqual(done.stdout, "")

    def test_version_and_help(self):
        done = self.run_it("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^loadstard \d+\.\d+\.\d+\n$")
        done = self.run_it("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("usage: loadstard", done.stdout)

    def test_check(self):
        d = self.daemon(zones={"example.test.yaml": zone(1)}, pools=POOLS, start=False)
        done = d.check()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 zone", done.stdout)
        self.assertIn("1 pool", done.stdout)

    def test_check_lists_every_error(self):
        d = self.daemon(zones={"example.test.yaml": zone(1) + "  a: {A: nonsense}\n  b: {A: 1.2.3}\n"},
                        start=False)
        done = d.check()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"example.test.yaml:8:\d+: ")
        self.assertRegex(done.stderr, r"example.test.yaml:9:\d+: ")
        self.assertIn("2 errors", done.stderr)

    def test_start_with_a_broken_file(self):
        d = self.daemon(zones={"example.test.yaml": zone(1) + "  a: {A: nonsense}\n"}, start=False)
        d.start()
        self.assertRegex(d.log(), r"example.test.yaml:8:\d+: ")
        self.assertEqual(d.query("www.example.test").rcode(), dns.rcode.SERVFAIL)

    def test_start_without_a_file(self):
        done = self.run_it("-c", "/nonexistent/loadstar.yaml")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nonexistent/loadstar.yaml", done.stderr)

    def test_address_in_use(self):
        d = self.daemon(zones={"example.test.yaml": zone(1)})
        second = self.daemon(zones={"example.test.yaml": zone(1)}, listen=d.listen, start=False)
        second.start(ready=False)
        self.assertEqual(second.process.wait(60), 1)
        self.assertRegex(second.log(),
                         rf"loadstar.yaml:2:\d+: 127.0.0.1:{d.port}: address already in use")
        self.assertFalse(os.path.exists(second.socket), "the control socket is left behind")

    def test_the_same_configuration_twice(self):
        d = self.daemon(zones={"example.test.yaml": zone(1)})
        second = subprocess.run(d.command("-c", d.path), capture_output=True, text=True, timeout=60)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"another loadstard is running on {d.socket}", second.stderr)
        self.assertEqual(d.addresses("www.example.test"), ["192.0.2.1"])


class Counters(harness.TestCase):
    def test_every_query_is_counted(self):
        d = self.daemon(zones={"example.test.yaml": zone(1)})
        for i in range(30):
            d.query("www.example.test", tcp=i % 3 == 0)
        counts = lambda: tuple(d.ctl_json("status")["queries"][k] for k in ("udp", "tcp"))
        d.wait_for(lambda: sum(counts()) >= 30, 60)  # an answer may be there before it is counted
        self.assertEqual(counts(), (20, 10))
        d.reload()
        self.assertEqual(d.ctl_json("status")["queries"]["total"], 30, "a reload resets nothing")

    def test_what_the_kernel_drops_is_counted(self):
        d = self.daemon(zones={"example.test.yaml": zone(1)})
        query = d.message("www.example.test").to_wire()
        n = 60000  # one sender goes to one socket, whose 4 MB hold about 11,000
        before = self.lost()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect((d.address, d.port))
            d.process.send_signal(signal.SIGSTOP)
            try:
                for _ in range(n):
                    s.send(query)
            finally:
                d.process.send_signal(signal.SIGCONT)
            d.wait_for(lambda: self.total(d) >= n - (self.lost() - before), 60)
        self.assertGreater(d.ctl_json("status")["queries"]["kernel_drops"], 0)
        self.assertLessEqual(self.total(d), n)

    @staticmethod
    def lost():
        """What the kernel has dropped so far before it came to a socket, as nobody took it from a core's backlog."""
        with open("/proc/net/softnet_stat") as file:
            return sum(int(line.split()[1], 16) for line in file)

    def total(self, d):
        queries = d.ctl_json("status")["queries"]
        return queries["udp"] + queries["kernel_drops"]


class Privileges(harness.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("root is missing: dropping privileges needs it")

    def test_user(self):
        d = self.daemon(zones={"example.test.yaml": zone(1)}, server="user: nobody", start=False)
        for path in (d.dir, os.path.join(d.dir, "state")):
            os.chmod(path, 0o777)
        d.start()
        with open(f"/proc/{d.process.pid}/status") as file:
            status = file.read()
        uid = subprocess.run(["id", "-u", "nobody"], capture_output=True, text=True).stdout.strip()
        self.assertRegex(status, rf"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
        self.assertRegex(status, r"CapEff:\t0+400\n")  # ports below 1024, at a reload
        self.assertEqual(d.addresses("www.example.test"), ["192.0.2.1"])
        d.write("zones/example.test.yaml", zone(2))
        d.hup()
        self.assertEqual(d.addresses("www.example.test"), ["192.0.2.2"])

    def test_unknown_user(self):
        d = self.daemon(zones={"example.test.yaml": zone(1)}, server="user: no-such-user",
                        start=False)
        d.start(ready=False)
        self.assertEqual(d.process.wait(60), 1)
        self.assertRegex(d.log(), r"loadstar.yaml:\d+:9: there is no user 'no-such-user'")


if __name__ == "__main__":
    harness.main()
