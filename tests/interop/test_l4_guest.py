#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many open connections through loadstar-l4, on Debian's kernel in a guest under qemu: open files may be raised there
as far as they are needed. $L4_GUEST_PAIRS says how many, for which the guest gets memory (contrib/test.sh soak: 100,000)."""
import os
import re
import sys
import unittest

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "guest"), os.path.join(here, "../system")]
import guest
import harness

PAIRS = int(os.environ.get("L4_GUEST_PAIRS", "0"))
ECHO, PORT = 1102, 1202
MEMBERS = ", ".join(f'"127.0.0.{2 + i}:{ECHO}"' for i in range(8))  # so that ports towards them suffice
CONFIG = f"""\
control: /run/l4.sock
workers: 1
services:
  echo:
    listen: ["127.0.0.1:{PORT}"]
    members: [{MEMBERS}]
    limits: {{connections: {PAIRS + 100}}}
    idle_timeout: 24h
"""
SCRIPT = f"""
ulimit -n {2 * PAIRS + 2000}
echo "2048 65000" >/proc/sys/net/ipv4/ip_local_port_range
look() {{
	echo "@@ $1"
	grep -E "^(Slab|MemFree):" /proc/meminfo
	grep -E "^VmRSS:" /proc/$l4/status
	awk '$1 == "sockets:" {{ print "sockets", $3 }} $1 == "TCP:" {{ print "tcp", $3 }}' /proc/net/sockstat
}}
l4_serve 1101 {ECHO} 1103 &
loadstar-l4 -c /etc/l4.yaml 2>/tmp/log &
l4=$!
mkfifo /tmp/hold
for i in $(seq 600); do l4_load idle {PORT} 1 </dev/null 2>/dev/null | grep -q '"n": 1' && break; sleep 0.1; done
look before
sleep 100000 >/tmp/hold &
l4_load idle {PORT} {PAIRS} </tmp/hold >/tmp/n &
while ! grep -q n /tmp/n; do sleep 0.2; done
look open
cat /tmp/n
echo "@@ services"
loadstarctl -s /run/l4.sock services
loadstarctl -s /run/l4.sock members
echo "@@ counters"
for file in snmp netstat; do
	awk '!($1 in names) {{ names[$1] = $0; next }}
		{{ n = split(names[$1], name); for (i = 2; i <= n; i++) if ($i + 0 > 0) print name[i], $i }}' /proc/net/$file
done
echo "@@ log"
cat /tmp/log
"""


class Many(unittest.TestCase):
    def test_open_connections(self):
        if not PAIRS:
            self.skipTest("takes minutes: set L4_GUEST_PAIRS, as the stage soak of contrib/test.sh does")
        machine = guest.Guest()
        programs = [(harness.built("tests/bench/l4_serve"), "usr/bin/l4_serve"),
                    (harness.built("tests/bench/l4_load"), "usr/bin/l4_load"),
                    (harness.program("LOADSTAR_L4", "loadstar-l4"), "usr/bin/loadstar-l4"),
                    (harness.program("LOADSTARCTL", "loadstarctl"), "usr/bin/loadstarctl")]
        text = machine.run(SCRIPT, programs, files={"etc/l4.yaml": CONFIG}, timeout_s=600 + PAIRS // 20,
                           memory_mib=768 + PAIRS * 24 // 1000)
        said = guest.sections(text)
        self.assertIn("open", said, text)
        before, after = (dict((m[1], int(m[2])) for m in re.finditer(r"^(\w+):?\s+(\d+)", said[name], re.M))
                         for name in ("before", "open"))
        self.assertIn(f'{{"n": {PAIRS}}}', said["open"], text)  # each with a byte there and back
        self.assertGreaterEqual(after["tcp"], 4 * PAIRS, text)
        each = (after["VmRSS"] - before["VmRSS"]) * 1024 / PAIRS
        slab = (after["Slab"] - before["Slab"]) * 1024 / PAIRS
        print(f"{machine.seconds:.0f} s; of a pair: {each:.0f} bytes of the process, {slab / 2:.0f} of the kernel "
              f"(half of what four sockets take)")
        self.assertLess(each, 2048)


if __name__ == "__main__":
    unittest.main()
