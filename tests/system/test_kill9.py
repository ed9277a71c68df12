# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments while overrides are being written.

What the operator was told is done, is done: the next start has the last acknowledged override of
every endpoint. The one whose answer never came may be there or not. Nothing else, and no complaint
about the saved state."""
import json
import os
import random
import socket
import threading
import time

import harness

KILLS = int(os.environ.get("KILLS", "50"))
N = 8
ENDPOINTS = [f"www/ams/192.0.2.{i}" for i in range(1, N + 1)]
POOLS = f"""\
sites:
  ams: {{location: [52.31, 4.76]}}
pools:
  www:
    steer: all
    pick: all
    on_all_down: nodata
    sites: {{ams: [{", ".join(e.rsplit("/", 1)[1] for e in ENDPOINTS)}]}}
"""
ZONE = """\
zone: example.test
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s}
records:
  "@": {NS: [ns1]}
  ns1: {A: 192.0.2.53}
  www: {POOL: www}
"""
STATES = ["up", "down", "drain", "auto"]


class Operator(threading.Thread):
    """Sets overrides without pause until the daemon dies, and notes what was acknowledged."""

    def __init__(self, path, random, acknowledged):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.random, self.acknowledged = random, acknowledged
        self.pending = None
        self.n = 0
        self.error = None

    def run(self):
        replies = self.socket.makefile()
        try:
            while True:
                target, state = self.random.choice(ENDPOINTS), self.random.choice(STATES)
                self.pending = (target, state)
                request = {"command": "set", "target": target, "state": state,
                           "reason": f"number {self.n}"}
                self.socket.sendall(json.dumps(request).encode() + b"\n")
                line = replies.readline()
                if not line.endswith("\n"):
                    return
                reply = json.loads(line)
                if not reply.get("ok"):
                    self.error = reply
                    return
                self.acknowledged[target] = state
                self.pending = None
                self.n += 1
        except OSError:
            pass
        finally:
            self.socket.close()


class Kill9(harness.TestCase):
    def states(self, d):
        """The override of every endpoint, by its target."""
        return {e["target"]: e.get("override", {}).get("state", "auto")
                for e in d.ctl_json("endpoints")["endpoints"]}

    def check(self, d, acknowledged, pending):
        states = self.states(d)
        for target in ENDPOINTS:
            allowed = {acknowledged[target]}
            if pending and pending[0] == target:
                allowed.add(pending[1])
            self.assertIn(states[target], allowed, target)
        serving = sorted(t.rsplit("/", 1)[1] for t, s in states.items() if s in ("up", "auto"))
        self.assertEqual(d.addresses("www.example.test"), serving)
        return states

    def test_overrides_survive(self):
        seed = random.SystemRandom().randrange(1 << 32)
        print(f"seed {seed}", end=" ", flush=True)
        rng = random.Random(seed)
        d = self.daemon(zones={"example.test.yaml": ZONE}, pools=POOLS)
        acknowledged = {target: "auto" for target in ENDPOINTS}
        total = hit = 0
        for _ in range(KILLS):
            operator = Operator(d.socket, rng, acknowledged)
            operator.start()
            time.sleep(rng.uniform(0, 0.04))
            d.kill()
            operator.join(120)
            self.assertIsNone(operator.error)
            self.assertFalse(operator.is_alive())
            total += operator.n
            hit += operator.pending is not None
            os.truncate(d.log_path, 0)
            d.start()
            acknowledged = self.check(d, acknowledged, operator.pending)
            # A machine that is busy is none of its errors.
            self.assertNotRegex(d.log(), "error: |warning: (?!the control thread was busy)")
        print(f"{total} overrides acknowledged, {hit} kills within one", end=" ", flush=True)
        self.assertGreater(total, 0)  # how many says how busy the machine is
        self.assertEqual(d.stop(), 0)
        d.start()
        self.check(d, acknowledged, None)

    def test_broken_state_is_told_and_put_aside(self):
        """Files that a broken disk left are no reason not to serve."""
        d = self.daemon(zones={"example.test.yaml": ZONE}, pools=POOLS)
        d.ctl("set", ENDPOINTS[0], "down")
        d.stop()
        for name in os.listdir(os.path.join(d.dir, "state")):
            d.write(f"state/{name}", '{"format": 1, "rules": [{"tar')
        d.start()
        self.assertRegex(d.log(), "(error|warning): .*overrides")
        self.assertEqual(len(d.addresses("www.example.test")), N)
        d.ctl("set", ENDPOINTS[1], "down")
        d.stop()
        d.start()
        self.assertEqual(self.states(d)[ENDPOINTS[1]], "down")


if __name__ == "__main__":
    harness.main()
