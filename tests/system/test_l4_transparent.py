# SPDX-License-Identifier: Apache-2.0
"""loadstar-l4 with `transparent` between three hosts (network namespaces): members see clients of another network, and
their answers come back by the forwarder, set up with the commands of contrib/doc/l4.md as they stand there."""
import os
import re
import socket
import threading

import harness
import netns
import test_l4_replace

DOC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../contrib/doc/l4.md")
HERE = {"10.0.0.1": "10.99.0.1", "2001:db8:1::1": "fd99::1", "10.0.0.0/24": "10.99.0.0/24",
        "2001:db8:1::/64": "fd99::/64", "eth1": "veth-b"}


def commands(containing):
    """The lines of the block of the manual that has this, with addresses of the test."""
    with open(DOC) as file:
        block, = [b for b in re.findall(r"```\n(.*?)```", file.read(), re.S) if containing in b]
    for name, ours in HERE.items():
        block = block.replace(name, ours)
    return [line.split() for line in block.splitlines()]


class Transparent(test_l4_replace.TestCase):
    def setUp(self):
        super().setUp()
        self.pair = netns.Pair(self)
        self.need_mangle()
        self.member = netns.Host(self.pair.server.name + "m", "veth-m", ["10.99.0.2/24", "fd99::2/64"])
        self.back = netns.Host(self.pair.server.name, "veth-b", ["10.99.0.1/24", "fd99::1/64"])
        netns.run("ip", "netns", "add", self.member.name)
        self.addCleanup(netns.run, "ip", "netns", "del", self.member.name)
        netns.run("ip", "link", "add", "veth-b", "netns", self.back.name, "type", "veth",
                  "peer", "name", "veth-m", "netns", self.member.name)
        for host in (self.member, self.back):
            host.configure()
        # Until link-local addresses are there for good, nobody is looked for in the name of a foreign client.
        harness.wait_for(lambda: not any(" tentative" in h.run("ip", "-6", "addr") for h in (self.member, self.back)), 60)

    def need_mangle(self):
        for tool in ("iptables", "ip6tables"):
            try:
                self.pair.server.run(tool, "-t", "mangle", "-L", "-n")
            except (AssertionError, FileNotFoundError) as error:
                self.skipTest(f"{tool} (package iptables) cannot mark here: {error}")

    def set_up_ways(self):
        for command in commands("route replace default"):
            self.member.run(*command)
        for command in commands("fwmark"):
            self.back.run(*command)

    def forwarder_between(self):
        with self.member:
            self.listeners = [socket.create_server((a, 7000), family=f) for a, f in
                              (("10.99.0.2", socket.AF_INET), ("fd99::2", socket.AF_INET6))]
            self.datagrams = [socket.socket(f, socket.SOCK_DGRAM) for f in (socket.AF_INET, socket.AF_INET6)]
            for s, address in zip(self.datagrams, ("10.99.0.2", "fd99::2")):
                s.bind((address, 7000))
        for s in self.listeners + self.datagrams:
            s.settimeout(60)
            self.addCleanup(s.close)
        limits = {"connections": 100}
        services = {}
        for n, front, member in (("4", "10.98.0.1:", "10.99.0.2:7000"), ("6", "[fd98::1]:", "[fd99::2]:7000")):
            services["web" + n] = {"listen": [front + "80"], "members": [member], "transparent": True, "limits": limits}
            services["dns" + n] = {"listen": [front + "53"], "protocol": "udp", "members": [member], "transparent": True,
                                   "limits": limits}
        f = self.forwarder(services, wrap=["ip", "netns", "exec", self.pair.server.name], metrics=False)
        self.addCleanup(f.ctl, "stop", "--now", check=False)
        return f

    def answer(self, listener):
        """Tells each client which address it is seen by."""
        s, peer = listener.accept()
        with s:
            s.settimeout(30)
            s.recv(100)
            s.sendall(peer[0].encode())

    def ask(self, nth, front):
        thread = threading.Thread(target=self.answer, args=(self.listeners[nth],), daemon=True)
        thread.start()
        with self.pair.client, socket.create_connection((front, 80), 30) as s:
            s.sendall(b"x")
            seen = s.makefile().read()
        thread.join(30)
        return seen

    def ask_datagram(self, nth, front):
        member = self.datagrams[nth]
        with self.pair.client:
            client = socket.socket(member.family, socket.SOCK_DGRAM)
        with client:
            for s in (client, member):
                s.settimeout(30)
            client.sendto(b"x", (front, 53))
            _, peer = member.recvfrom(100)
            member.sendto(peer[0].encode(), peer)
            return client.recv(100).decode()

    def test_foreign_clients(self):
        self.set_up_ways()
        self.forwarder_between()
        for nth, front, client in ((0, "10.98.0.1", "10.98.0.2"), (1, "fd98::1", "fd98::2")):
            for _ in range(2):
                self.assertEqual(self.ask(nth, front), client)
                self.assertEqual(self.ask_datagram(nth, front), client)

    def test_replaced(self):
        """By root, who may hand the right on; flows of datagrams keep their member, and clients their address."""
        self.set_up_ways()
        f = self.forwarder_between()
        self.assertEqual(self.ask_datagram(0, "10.98.0.1"), "10.98.0.2")
        self.replace(f)
        self.assertEqual(self.ask(0, "10.98.0.1"), "10.98.0.2")
        self.assertEqual(self.ask_datagram(1, "fd98::1"), "fd98::2")


if __name__ == "__main__":
    harness.main()
