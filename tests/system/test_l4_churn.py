# SPDX-License-Identifier: Apache-2.0
"""loadstar-l4 whose members come, drain and go ten times a second under load: nobody notices, new
connections least of all those that are open. A member that dies costs nothing but what it had been
sent."""
import random
import time

import harness
import l4_world
from l4_world import web
from test_l4_life import Load
from test_l4_told import TOLD, told

SECONDS, EACH = 12, 0.1


class Open:
    """A connection that stays, and the member that has it."""

    def __init__(self, f):
        self.socket = f.connect()
        self.file = self.socket.makefile("rb")
        self.member = self.ask()

    def ask(self):
        self.socket.sendall(b"again\n")
        return self.file.readline().split(b" ")[0].decode()

    def close(self):
        self.file.close()
        self.socket.close()


class Churn(l4_world.TestCase):
    def world(self, balance, n=8):
        self.all = self.members(n)
        self.f = self.forwarder(web(members=TOLD, balance=balance), start=False)
        self.f.start(ready=False)
        self.c = harness.wait_for(self.try_control, 60)
        self.addCleanup(self.c.close)
        self.version = 0
        self.tell(self.all, {})
        self.f._wait_ready(60)

    def try_control(self):
        try:
            return self.f.control()
        except OSError:
            return None

    def tell(self, members, changes):
        self.version += 1
        reply = self.c.ask(**told(members, self.version, **changes))
        self.assertTrue(reply["ok"], reply)

    def step(self, rng):
        """Another set: each member is there, drains, or is not, and one at least is up."""
        up = rng.choice(self.all)
        there = [m for m in self.all if m is up or rng.random() < 0.7]
        changes = {m.name: {"state": "drain"} for m in there if m is not up and rng.random() < 0.3}
        changes.update({m.name: {"weight": rng.randint(1, 5)} for m in there if m.name not in changes})
        self.tell(there, changes)

    def churn(self, balance):
        self.world(balance)
        opened = [Open(self.f) for _ in range(24)]
        for o in opened:
            self.addCleanup(o.close)
        load, rng = Load(self.f), random.Random(7)
        end = time.monotonic() + SECONDS
        n = 0
        while time.monotonic() < end or load.n_asked <= 100:
            self.step(rng)
            n += 1
            time.sleep(EACH)
        failed = load.stop()
        self.assertEqual(failed, [], f"of {load.n_asked} while the members changed {n} times")
        self.assertEqual([o.ask() for o in opened], [o.member for o in opened])
        self.tell(self.all, {})
        self.f.wait_for(lambda: len(self.f.members_of()) == len(self.all), 60)

    def test_least_conn(self):
        self.churn("least_conn")

    def test_maglev(self):
        self.churn("maglev")

    def test_a_member_that_dies(self):
        """What was open there ends; each new connection is tried on another one."""
        self.world("round_robin", n=3)
        opened = [Open(self.f) for _ in range(9)]
        for o in opened:
            self.addCleanup(o.close)
        self.assertEqual({o.member for o in opened}, {"a", "b", "c"})
        load = Load(self.f)
        self.f.wait_for(lambda: load.n_asked > 50, 60)
        self.all[0].refuse()
        at_death = load.n_asked
        self.f.wait_for(lambda: load.n_asked > at_death + 200, 60)
        failed = load.stop()
        self.assertLessEqual(len(failed), len(load.threads), failed) # a question under way each
        for o in opened:
            if o.member == "a":
                try:
                    self.assertEqual(o.socket.recv(1), b"")
                except ConnectionResetError:
                    pass
            else:
                self.assertEqual(o.ask(), o.member)
        self.assertGreaterEqual(self.f.members_of()["web/ams/a"]["refused"], 3)


if __name__ == "__main__":
    harness.main()
