# SPDX-License-Identifier: Apache-2.0
"""loadstar-l4 with datagrams: answers, members that are drained, killed and added, a reload, and what it shows of flows."""
import select
import signal
import socket
import threading

import harness
import l4_world


class Echo:
    """A member that answers each datagram with its name and the same."""

    def __init__(self, name, port=0):
        self.name, self.port = name, port or harness.free_port() # its own when it is closed, too
        self.open()

    @property
    def place(self):
        return f"127.0.0.1:{self.port}"

    def open(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", self.port))
        self.stop, self.thread = False, threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.stop:
            if select.select([self.socket], [], [], 0.1)[0]:
                data, client = self.socket.recvfrom(65536)
                self.socket.sendto(self.name.encode() + b" " + data, client)

    def close(self):
        if not self.stop:
            self.stop = True
            self.thread.join()
            self.socket.close()


class Client(socket.socket):
    """One flow."""

    def __init__(self, f):
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.connect((f.address, f.port))
        self.settimeout(30)

    def ask(self, data=b"x", tries=1):
        """The name of the member that answers; with tries, some datagrams may be lost."""
        for left in reversed(range(tries)):
            self.send(data)
            self.settimeout(1 if left else 30)
            try:
                name, got = self.recv(65536).split(b" ", 1)
            except TimeoutError:
                continue
            assert got == data
            return name.decode()
        return None


class Datagrams(l4_world.TestCase):
    def world(self, n=3, **more):
        self.echoes = getattr(self, "echoes", None) or [Echo("abcdefgh"[i]) for i in range(n)]
        for e in self.echoes:
            self.addCleanup(e.close)
        f = self.forwarder(self.services(self.echoes, **more), workers=2)
        self.addCleanup(f.ctl, "stop", "--now")  # flows would be waited for
        self.clients = [Client(f) for _ in range(40)]
        for c in self.clients:
            self.addCleanup(c.close)
        return f

    @staticmethod
    def services(echoes, **more):
        more.setdefault("idle_timeout", "10m")
        return l4_world.web(members=[e.place for e in echoes], protocol="udp", balance="maglev", **more)

    def ask_all(self, tries=1):
        return [c.ask(tries=tries) for c in self.clients]

    def test_answers_and_figures(self):
        f = self.world()
        first = self.ask_all()
        self.assertEqual(set(first), set("abc"))
        self.assertEqual(self.ask_all(), first)
        self.assertEqual(self.clients[0].ask(b""), first[0])
        self.assertEqual(self.clients[0].ask(bytes(60000)), first[0])
        members = f.members_of()
        for e in self.echoes:
            self.assertEqual(members[e.place]["active"], first.count(e.name))
        flows = f.ctl_json("flows")["flows"]
        self.assertEqual(len(flows), 40)
        self.assertEqual({flow["client"] for flow in flows}, {"%s:%d" % c.getsockname() for c in self.clients})
        f.wait_for(lambda: f.metrics()['loadstar_l4_bytes_total{service="web",direction="in"}'] == 80 + 60000, 60)
        self.assertEqual(f.metrics()['loadstar_l4_connections_total{service="web",result="ok"}'], 40)

    def test_a_drain_and_a_reload_move_no_flow(self):
        more = {"drain": {"timeout": "10m"}}
        f = self.world(**more)
        first = self.ask_all()
        f.ctl("set", f"web/{self.echoes[0].place}", "drain")
        f.wait_for(lambda: f.members_of()[self.echoes[0].place]["state"] == "drain", 60)
        self.assertEqual(self.ask_all(), first)
        new = [Client(f) for _ in range(20)]
        for c in new:
            self.addCleanup(c.close)
        self.assertLessEqual({c.ask() for c in new}, set("bc"))
        self.echoes.append(Echo("d"))
        self.addCleanup(self.echoes[3].close)
        f.configure(self.services(self.echoes[1:], **more))
        f.reload()
        f.wait_for(lambda: self.echoes[3].place in f.members_of(), 60)
        self.assertEqual(self.ask_all(), first)

    def test_a_drained_member_is_left_in_time(self):
        f = self.world(drain={"timeout": "1s"})
        self.assertIn("a", self.ask_all())
        f.ctl("set", f"web/{self.echoes[0].place}", "drain")
        f.wait_for(lambda: f.members_of()[self.echoes[0].place]["active"] == 0, 60)
        self.assertLessEqual(set(self.ask_all()), set("bc"))

    def test_an_order_moves_flows_once(self):
        """Off a member that is down, without a loss; when it is up again those that were moved stay where they are."""
        f = self.world()
        first = self.ask_all()
        place = self.echoes[0].place
        f.ctl("set", f"web/{place}", "down")
        f.wait_for(lambda: f.members_of()[place]["state"] == "down", 60)
        then = self.ask_all()
        self.assertEqual([a if b != "a" else "-" for a, b in zip(then, first)], [b if b != "a" else "-" for b in first])
        self.assertNotIn("a", then)
        self.assertEqual(f.members_of()[place]["active"], 0)
        f.ctl("set", f"web/{place}", "up")
        f.wait_for(lambda: f.members_of()[place]["state"] == "up", 60)
        self.assertEqual(self.ask_all(), then)
        self.assertEqual(f.metrics()['loadstar_l4_connections_total{service="web",result="ok"}'], 40)

    def test_a_drain_taken_back_in_time_ends_nothing(self):
        f = self.world(drain={"timeout": "1h"})
        first = self.ask_all()
        place = self.echoes[0].place
        for state in "drain", "up":
            f.ctl("set", f"web/{place}", state)
            f.wait_for(lambda: f.members_of()[place]["state"] == state, 60)
            self.assertEqual(self.ask_all(), first)

    def gone(self, before, after):
        """What is reloaded takes away where the other clients' flows are: these end, and nobody is there any more."""
        f = self.world()
        f.configure(before)
        f.reload()
        other = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(10)]
        for s in other:
            self.addCleanup(s.close)
            s.settimeout(30)
            s.connect(("127.0.0.2", f.port))
            s.send(b"x")
            s.recv(10)
        first = self.ask_all()
        self.assertEqual(f.ctl_json("status")["flows"], 50)
        f.configure(after)
        f.reload()
        f.wait_for(lambda: f.ctl_json("status")["flows"] == 40, 60)
        with self.assertRaises(ConnectionRefusedError):
            other[0].send(b"x")
            other[0].recv(10)
        self.assertEqual(self.ask_all(), first)

    def test_a_listen_address_goes(self):
        self.echoes = [Echo("a"), Echo("b")]
        both = ["127.0.0.1:{port}", "127.0.0.2:{port}"]
        self.gone(self.services(self.echoes, listen=both), self.services(self.echoes))

    def test_a_service_goes(self):
        self.echoes = [Echo("a"), Echo("b")]
        one = self.services(self.echoes)
        two = dict(one, second=self.services(self.echoes, listen=["127.0.0.2:{port}"])["web"])
        self.gone(two, one)

    def test_flows_go_on_while_it_stops(self):
        f = self.world(n=2, drain={"timeout": "10m"})
        first = self.ask_all()
        f.process.send_signal(signal.SIGTERM)
        f.wait_for(lambda: "draining 40 flows" in f.log(), 60)
        self.assertEqual(self.ask_all(), first)
        new = Client(f)
        self.addCleanup(new.close)
        new.send(b"x")
        f.wait_for(lambda: f.metrics()['loadstar_l4_datagrams_dropped_total{service="web"}'] == 1, 60)
        self.assertEqual(self.ask_all(), first)

    def test_a_dead_member_is_left(self):
        f = self.world()
        first = self.ask_all()
        self.echoes[1].close()
        then = self.ask_all(tries=5)
        self.assertLessEqual(set(then), set("ac"))
        for before, after in zip(first, then):
            self.assertIn(after, "ac" if before == "b" else before)
        self.assertGreaterEqual(f.members_of()[self.echoes[1].place]["refused"], min(3, first.count("b")))

    def test_flows_end_when_idle(self):
        f = self.world(idle_timeout="1s")
        self.ask_all()
        f.wait_for(lambda: f.ctl_json("status")["flows"] == 0, 60)
        self.assertEqual(set(self.ask_all()), set("abc"))


if __name__ == "__main__":
    harness.main()
