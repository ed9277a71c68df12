# SPDX-License-Identifier: Apache-2.0
"""loadstar-l4 with datagrams, on a host of its own (network namespaces): sources that are this host's own, few local
ports, links that are narrow, clients with link-local addresses."""
import os
import socket
import struct
import threading

import harness
import l4_world
import netns

PORT = 5353


class Host:
    """A forwarder on the server host of a pair, with members there."""

    def __init__(self, test, n=1, **more):
        self.pair = netns.Pair(test)
        self.echoes, self.stop = [], False
        with self.pair.server:
            for i in range(n):
                self.echoes.append(self.bound(socket.AF_INET, f"127.0.0.{i + 1}", 7000))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        test.addCleanup(self.close)
        members = [f"127.0.0.{i + 1}:7000" for i in range(n)]
        service = dict({"listen": [f"0.0.0.0:{PORT}", f"[::]:{PORT}"], "protocol": "udp", "members": members,
                        "limits": {"connections": 500}}, **more)
        self.f = test.forwarder({"dns": service}, wrap=["ip", "netns", "exec", self.pair.server.name],
                                workers=1)
        test.addCleanup(self.f.ctl, "stop", "--now")

    @staticmethod
    def bound(family, address, port=0):
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.bind((address, port))
        s.settimeout(30)
        return s

    def serve(self):
        for s in self.echoes:
            s.settimeout(0.05)
        while not self.stop:
            for s in self.echoes:
                try:
                    data, client = s.recvfrom(65536)
                    s.sendto(data, client)
                except TimeoutError:
                    pass

    def close(self):
        self.stop = True
        self.thread.join()
        for s in self.echoes:
            s.close()

    def results(self):
        service, = self.f.ctl_json("services")["services"]
        return service["results"]


class Hosts(l4_world.TestCase):
    def host(self, *args, **more):
        self.host_ = host = Host(self, *args, **more)
        self.f = host.f
        return host

    def ask(self, s, to):
        for _ in range(5):
            s.sendto(b"x", to)
            s.settimeout(6)
            try:
                return s.recvfrom(100)[1]
            except TimeoutError:
                pass
        raise AssertionError(f"no answer from {to}")

    @staticmethod
    def forge(source, destination, source_port=PORT):
        """A datagram from an address of this host to another of it, with a checksum of 0 (none)."""
        payload = b"ball"
        udp = struct.pack("!HHHH", source_port, PORT, 8 + len(payload), 0) + payload
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, socket.IPPROTO_UDP, 0,
                           socket.inet_aton(source), socket.inet_aton(destination))
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
            s.sendto(head + udp, (destination, 0))

    def dropped_after(self, before):
        """Waits until something was dropped; how many flows there are."""
        self.f.wait_for(lambda: self.dropped() > before, 60)
        return self.f.ctl_json("status")["flows"]

    def dropped(self):
        with self.host_.pair.server:
            return self.f.metrics()['loadstar_l4_datagrams_dropped_total{service="dns"}']

    def test_from_this_host(self):
        """Forged sources that are addresses of this host, the second of a network among them, with the port of the
        service; but not those of others with that port, nor after an address is gone."""
        host, n_flows = self.host(idle_timeout="1h"), 0
        host.pair.server.add("10.98.0.7/24")  # to its route the kernel gives the first as source
        host.pair.client.add("10.98.0.3/24")
        for nonlocal_bind, client in ("0", "10.98.0.3"), ("1", "10.98.0.2"):
            host.pair.server.run("sysctl", "-qw", f"net.ipv4.ip_nonlocal_bind={nonlocal_bind}")
            for source, to in (("10.98.0.7", "10.98.0.1"), ("10.98.0.1", "10.98.0.7"), ("127.0.0.1", "10.98.0.1"),
                               ("10.98.0.1", "10.98.0.1"), ("127.0.0.9", "127.0.0.1")):
                before = self.dropped()
                with host.pair.server:
                    self.forge(source, to)
                self.assertEqual(self.dropped_after(before), n_flows, (source, to))
            with host.pair.client, host.bound(socket.AF_INET, client, PORT) as s:
                self.assertEqual(self.ask(s, ("10.98.0.7", PORT)), ("10.98.0.7", PORT))
            n_flows += 1
        before = self.dropped()
        with host.pair.server:
            self.forge("10.98.0.7", "10.98.0.1", source_port=0)
        self.assertEqual(self.dropped_after(before), 2)
        with host.pair.client, host.bound(socket.AF_INET6, "fd98::2", PORT) as s6:
            self.assertEqual(self.ask(s6, ("fd98::1", PORT))[:2], ("fd98::1", PORT))
        self.assertEqual(self.f.ctl_json("status")["flows"], 3)
        host.pair.server.remove("10.98.0.7/24")
        host.pair.client.add("10.98.0.7/24")
        with host.pair.client, host.bound(socket.AF_INET, "10.98.0.7", PORT) as s:
            self.assertEqual(self.ask(s, ("10.98.0.1", PORT)), ("10.98.0.1", PORT))

    def test_what_waits_for_the_start(self):
        """Who asks the second address before members are known is answered from there, and has one flow."""
        host = self.host(members={"pool": "web"})
        host.pair.server.add("10.98.0.7/24")
        self.f.stop()
        self.f.start(ready=False)
        with host.pair.client, host.bound(socket.AF_INET, "10.98.0.2") as s:
            control = self.f.wait_for(self.try_control, 60)
            self.addCleanup(control.close)
            s.sendto(b"x", ("10.98.0.7", PORT))
            member = {"key": "web/ams/a", "address": "127.0.0.1", "port": 7000, "weight": 1, "state": "up"}
            reply = control.ask(command="members", service="dns", version=1, members=[member])
            self.assertTrue(reply["ok"], reply)
            for _ in range(2):
                self.assertEqual(self.ask(s, ("10.98.0.7", PORT)), ("10.98.0.7", PORT))
        self.assertEqual(self.f.ctl_json("status")["flows"], 1)

    def try_control(self):
        try:
            return self.f.control()
        except OSError:
            return None

    def test_few_ports(self):
        """16 ports of the host, of which flows may have 14: each member has that many flows, those beyond are refused,
        told and seen, and nobody is blamed for it."""
        pair = netns.Pair  # the range is set before the forwarder reads it
        host = None

        class Narrow(pair):
            def __init__(inner, test):
                super().__init__(test)
                inner.server.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 40015")
        netns.Pair = Narrow
        try:
            host = self.host(n=2, idle_timeout="1h")
        finally:
            netns.Pair = pair
        self.assertIn("limits.connections of service 'dns' is 500, and there are local ports for 28 flows, 14 to each",
                      self.f.log())
        with host.pair.client:
            clients = [host.bound(socket.AF_INET, "10.98.0.2") for _ in range(40)]
        for s in clients:
            self.addCleanup(s.close)
        for s in clients[:28]:
            self.ask(s, ("10.98.0.1", PORT))
        for s in clients[28:]:
            s.sendto(b"x", ("10.98.0.1", PORT))
        self.f.wait_for(lambda: host.results()["no_port"] >= 12, 60)
        self.assertEqual(host.results()["ok"], 28)
        self.f.wait_for(lambda: "no local port towards its members is left" in self.f.log(), 60)
        self.assertEqual(self.f.log().count("no local port towards its members is left"), 1)
        self.assertIn("dns: no local port towards its members is left: flows are refused",
                      self.f.ctl_json("status")["problems"])
        members = self.f.members_of("dns").values()
        self.assertEqual([(m["active"], m["refused"]) for m in members], [(14, 0)] * 2)
        for s in clients[:28]:
            self.ask(s, ("10.98.0.1", PORT))

    def test_link_local(self):
        """A client with a link-local address is answered over its link."""
        host = self.host()
        with host.pair.client:
            self.f.wait_for(lambda: "fe80" in host.pair.client.run("ip", "-6", "addr", "show", "scope", "link"), 60)
            self.f.wait_for(lambda: "tentative" not in host.pair.client.run("ip", "-6", "addr"), 60)
            self.f.wait_for(lambda: "tentative" not in host.pair.server.run("ip", "-6", "addr"), 60)
            index = socket.if_nametoindex("veth-c")
            words = host.pair.server.run("ip", "-6", "-o", "addr", "show", "dev", "veth-s", "scope", "link").split()
            theirs = words[words.index("inet6") + 1].split("/")[0]
            words = host.pair.client.run("ip", "-6", "-o", "addr", "show", "dev", "veth-c", "scope", "link").split()
            ours = words[words.index("inet6") + 1].split("/")[0]
            s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            s.bind((ours, 0, 0, index))
        with s:
            self.assertEqual(self.ask(s, (theirs, PORT, 0, index))[0].split("%")[0], theirs)
            self.ask(s, (theirs, PORT, 0, index))
        self.assertEqual(self.f.ctl_json("status")["flows"], 1)

    def test_fragments(self):
        """What is longer than the link comes and goes in fragments, also where the link has become narrow meanwhile."""
        host = self.host()
        data = os.urandom(65507)
        with host.pair.client, host.bound(socket.AF_INET, "10.98.0.2") as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            for mtu in "1500", "576":
                for h in host.pair.server, host.pair.client:
                    h.run("ip", "link", "set", h.device, "mtu", mtu)
                for n in 0, 1, 1472, 1473, 9000, 65507:
                    for left in reversed(range(5)):
                        s.sendto(data[:n], ("10.98.0.1", PORT))
                        s.settimeout(6)
                        try:
                            while len(got := s.recv(65536)) != n:
                                self.assertEqual(got, data[:len(got)]) # of what was sent once more before
                            break
                        except TimeoutError:
                            self.assertTrue(left, n)
                    self.assertEqual(got, data[:n])
        self.assertEqual(self.f.ctl_json("status")["flows"], 1)


if __name__ == "__main__":
    harness.main()
