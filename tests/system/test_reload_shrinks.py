# SPDX-License-Identifier: Apache-2.0
"""Reloads that shrink and grow the list of endpoints while probes flip: an event of one configuration
never meets the other. What is wrong here shows under AddressSanitizer."""
import json
import threading

import harness

ZONE = """\
zone: s.test
soa: {mname: ns, rname: h}
records:
  "@": {NS: ns}
  ns: {A: 192.0.2.1}
  www: {POOL: p0}
"""


def pools(n, port):
    """n pools of ten endpoints each, all probed every 100 ms at one port."""
    text = "sites: {a: {}, b: {}}\nchecks:\n" \
           f"  c: {{type: tcp, port: {port}, interval: 100ms, timeout: 50ms, rise: 1, fall: 1}}\n" \
           "pools:\n"
    for i in range(n):
        addresses = json.dumps([f"127.{i + 1}.0.{k}" for k in range(1, 6)])
        text += f"  p{i}: {{steer: {{order: [a, b]}}, checks: [c], sites: {{a: {addresses}, " \
                f"b: {addresses.replace('.0.', '.1.')}}}}}\n"
    return text


class Shrinks(harness.TestCase):
    def test_while_probes_flip(self):
        backend = self.backend("0.0.0.0")
        d = self.daemon(zones={"s.test.yaml": ZONE}, pools=pools(20, backend.port),
                        server="panic: off" if self.panic_can_be_off() else "")
        stop = threading.Event()
        self.addCleanup(stop.set)

        def flip():
            while not stop.wait(0.12):
                backend.refuse()
                if not stop.wait(0.12):
                    backend.ok()

        thread = threading.Thread(target=flip, daemon=True)
        thread.start()
        sizes = [1, 20, 3, 12, 1, 30, 2]
        def flips():
            events = d.ctl_json("events", "--limit", "1000")["events"]
            return [e for e in events if e["target"].startswith("p")]
        for i in range(500):
            d.write("pools.yaml", pools(sizes[i % len(sizes)], backend.port))
            d.reload()
            if i >= 34 and (seen := flips()):
                break
        stop.set()
        thread.join()
        backend.ok()
        self.assertGreater(len(seen), 0, "nothing flipped: the test shows nothing")
        for event in flips():
            self.assertRegex(event["target"], r"^p\d+/[ab]/127\.")
        d.wait_for(lambda: d.addresses("www.s.test"), 60)
        self.assertEqual(d.stop(), 0)

    def panic_can_be_off(self):
        d = harness.Daemon(zones={"s.test.yaml": ZONE}, pools=pools(1, 9), server="panic: off")
        try:
            return d.check().returncode == 0
        finally:
            d.close()


if __name__ == "__main__":
    harness.main()
