# SPDX-License-Identifier: Apache-2.0
"""Listen addresses that are not there yet, or cannot be; hosts without IPv6; several ways out."""
import os
import shutil
import subprocess
import tempfile
import unittest

import dns.exception

import harness
import netns

V4, V6 = "10.98.0.77", "fd98::77"  # of the pair's networks, and on no interface

ZONES = {"example.test.yaml": """\
zone: example.test
ttl: 60
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s, serial: 1}
records:
  "@": {NS: ns1}
  ns1: {A: 192.0.2.53}
  www: {A: 192.0.2.1}
"""}

# socket() as a kernel without a family answers it: AF_INET6 with `ipv6.disable=1`, AF_NETLINK as the
# supplied unit has it.
NO_FAMILY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
int socket(int domain, int type, int protocol)
{
    int (*next)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
    if (domain == MISSING) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    return next(domain, type, protocol);
}
"""


def without(test, family):
    """The environment in which there is no such family of sockets."""
    if not shutil.which("cc"):
        test.skipTest("needs cc, to stand in for a kernel without " + family)
    directory = tempfile.mkdtemp()
    test.addCleanup(shutil.rmtree, directory)
    source, library = (os.path.join(directory, "no_family" + end) for end in (".c", ".so"))
    with open(source, "w") as file:
        file.write(NO_FAMILY)
    subprocess.run(["cc", "-shared", "-fPIC", "-DMISSING=" + family, "-o", library, source, "-ldl"],
                   check=True)
    return {"LD_PRELOAD": library,
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}


class WithoutIPv6(harness.TestCase):
    def setUp(self):
        self.env = without(self, "AF_INET6")

    def make(self, listen, wrap=()):
        listen = f"listen: {listen}, " if listen else ""
        return self.daemon(
            zones=ZONES, start=False,
            wrap=[*wrap, "env"] + [f"{name}={value}" for name, value in self.env.items()],
            config=f"server: {{{listen}workers: 1}}\ncontrol: control.sock\nzones: zones/\n")

    def test_the_default_serves_ipv4(self):
        pair = netns.Pair(self)  # as the default port is 53
        d = self.make("", wrap=["ip", "netns", "exec", pair.server.name])
        self.assertEqual(d.check().returncode, 0)
        d.start()
        self.assertIn("notice: the kernel of this machine has no IPv6", d.log())
        self.assertIn("worker on 0.0.0.0:53\n", d.log())
        with pair.client:
            for tcp in (False, True):
                self.assertEqual(d.addresses("www.example.test", tcp=tcp, port=53,
                                             address="10.98.0.1"), ["192.0.2.1"])
        d.reload()
        self.assertEqual(d.stop(), 0)

    def test_every_address_by_name_is_passed_over(self):
        d = self.make('["127.0.0.1:{port}", "[::]:{port}"]')
        done = d.check()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"loadstar.yaml:1:\d+: warning: \[::\]:\d+ is passed over")
        d.start()
        self.assertEqual(d.addresses("www.example.test"), ["192.0.2.1"])

    def test_one_by_name_is_refused(self):
        for listen in ('["127.0.0.1:{port}", "[::1]:{port}"]', '"[::]:{port}"'):
            d = self.make(listen)
            what = r"loadstar.yaml:1:\d+: (error: )?\[::1?\]:\d+: the kernel of this machine has no IPv6"
            done = d.check()
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, what)
            d.start(ready=False)
            self.assertEqual(d.process.wait(90), 1)
            self.assertRegex(d.log(), what)


class Later(harness.TestCase):
    """Addresses that come, go and come back while it serves."""

    def setUp(self):
        self.pair = netns.Pair(self)

    def problems(self, d):
        return " ".join(p["text"] for p in d.ctl_json("status")["problems"])

    def ask(self, d, address, tcp=False):
        with self.pair.client:
            try:
                return d.addresses("www.example.test", address=address, tcp=tcp, timeout=0.5)
            except (dns.exception.Timeout, OSError):
                return None

    def expect_answers(self, d, address):
        for tcp in (False, True):
            d.wait_for(lambda: self.ask(d, address, tcp) == ["192.0.2.1"], 60, 0.1)

    def come_and_go(self, address, prefix, *flags, env=None):
        server = self.pair.server
        where = f"[{address}]" if ":" in address else address
        d = self.pair.daemon(zones=ZONES, start=False)
        d.wrap += ["env"] + [f"{name}={value}" for name, value in (env or {}).items()]
        self.listen(d, address)
        done = d.check()
        self.assertEqual(done.returncode, 0, done.stderr)
        said = rf"loadstar.yaml:\d+:\d+: (warning: )?{where}:\d+: no interface.*yet".replace("[", r"\[")
        self.assertRegex(done.stderr, said)
        d.start()
        self.assertRegex(d.log(), said)
        on_none = f"{where}:{d.port} is on no interface"
        self.assertIn(on_none, self.problems(d))
        for _ in range(2):
            server.run("ip", "addr", "add", f"{address}/{prefix}", "dev", server.device, *flags)
            self.expect_answers(d, address)
            d.wait_for(lambda: on_none not in self.problems(d), 60, 0.1)
            d.wait_for(lambda: f"{where}:{d.port}: this machine has the address now" in d.log(), 60)
            server.run("ip", "addr", "del", f"{address}/{prefix}", "dev", server.device)
            d.wait_for(lambda: on_none in self.problems(d), 60, 0.1)
        d.wait_for(lambda: "has this address any more" in d.log(), 60)

    def listen(self, d, address):
        where = f"[{address}]" if ":" in address else address
        text = d.read("loadstar.yaml")
        d.write("loadstar.yaml",
                text.replace("listen: [", f'listen: ["{where}:{d.port}", ', 1))

    def test_ipv4_comes_and_goes(self):
        self.come_and_go(V4, 24)

    def test_without_the_kernels_news(self):
        self.come_and_go(V4, 24, env=without(self, "AF_NETLINK"))

    def test_ipv6_is_tentative_first(self):
        self.come_and_go(V6, 64)  # with duplicate address detection

    def test_a_reload_takes_one_that_is_not_there(self):
        d = self.pair.daemon(zones=ZONES)
        address = V4
        self.listen(d, address)
        self.assertIn("no interface of this machine has this address yet", d.reload().stdout)
        self.pair.server.run("ip", "addr", "add", f"{address}/24", "dev", self.pair.server.device)
        self.expect_answers(d, address)

    def test_anything_may_be_bound(self):
        """With ip_nonlocal_bind, as keepalived's users set it, it is told all the same."""
        self.pair.server.run("sysctl", "-qw", "net.ipv4.ip_nonlocal_bind=1")
        self.come_and_go(V4, 24)

    def test_the_broadcast_address_is_refused(self):
        d = self.pair.daemon(zones=ZONES, start=False)
        self.listen(d, "10.98.0.255")
        done = d.check()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"loadstar.yaml:\d+:\d+: (error: )?.* is the broadcast address of")
        d.start(ready=False)
        self.assertEqual(d.process.wait(90), 1)


class TwoWays(harness.TestCase):
    def test_replies_leave_by_route(self):
        """Queries come in by one interface, and the way back is another: on a wildcard address the
        reply has the address that was asked, and goes where routing says."""
        pair = netns.Pair(self)
        server, client = pair.server, pair.client
        netns.run("ip", "link", "add", "veth-s2", "netns", server.name, "type", "veth",
                  "peer", "name", "veth-c2", "netns", client.name)
        for host, device, n in ((server, "veth-s2", 1), (client, "veth-c2", 2)):
            for name in ("all", "veth-s", "veth-c", "veth-s2", "veth-c2"):
                if name == "all" or name in (host.device, device):
                    host.run("sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=0")
            host.run("ip", "addr", "add", f"10.96.0.{n}/24", "dev", device)
            host.run("ip", "addr", "add", f"fd96::{n}/64", "dev", device, "nodad")
            host.run("ip", "link", "set", device, "up")
        client.run("ip", "addr", "add", "10.97.0.2/32", "dev", "lo")
        client.run("ip", "addr", "add", "fd97::2/128", "dev", "lo")
        server.run("ip", "route", "add", "10.97.0.2/32", "via", "10.96.0.2")
        server.run("ip", "-6", "route", "add", "fd97::2/128", "via", "fd96::2")
        for host in (server, client):  # neighbours are asked from a link-local address
            harness.wait_for(lambda: not host.run("ip", "-6", "addr", "show", "tentative"), 60)
        d = pair.daemon(zones=ZONES, listen=["0.0.0.0:53", "[::]:53"])
        with client:
            for address, source in (("10.98.0.1", "10.97.0.2"), ("fd98::1", "fd97::2")):
                for tcp in (False, True):
                    self.assertEqual(d.addresses("www.example.test", address=address, tcp=tcp,
                                                 source=source), ["192.0.2.1"])


class Interfaces(harness.TestCase):
    def test_one_that_is_not_there_is_refused_by_all(self):
        d = self.daemon(zones=ZONES)
        text = d.read("loadstar.yaml")
        d.write("loadstar.yaml", text.replace("  workers:", "  xdp: {interfaces: nosuch0}\n  workers:"))
        what = r"loadstar.yaml:\d+:\d+: (error: )?there is no network interface 'nosuch0'.*lo"
        done = d.check()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, what)
        done = d.reload(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, what)
        self.assertEqual(d.addresses("www.example.test"), ["192.0.2.1"])
        d.stop()
        d.start(ready=False)
        self.assertEqual(d.process.wait(90), 1)
        self.assertRegex(d.log(), what)


if __name__ == "__main__":
    harness.main()
