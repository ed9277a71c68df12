# SPDX-License-Identifier: Apache-2.0
"""The guard: TUNs that carry what is announced, and what becomes of them when loadstard ends, hangs or is killed, or the
guard is; which rights who has; how loadstard stops."""
import ctypes
import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import harness
import netns
from harness import wait_for

LONG = "a minute of beats that are missed"

NET_ADMIN = 1 << 12
NOBODY = 65534
LONG = 60
# A device of its own for everybody, wherever the host's is for root alone.
DEVICE = ["sh", "-c", 'mount -t tmpfs tun /dev/net && mknod -m 666 /dev/net/tun c 10 200 && exec "$@"', "sh"]


def why_not():
    reason = netns.why_not()
    if not reason:
        try:
            os.close(os.open("/dev/net/tun", os.O_RDWR))
        except OSError as e:
            reason = f"no TUN to be had: {e}"
    return reason


def status(task, key):
    with open(f"/proc/{task}/status") as file:
        return re.search(rf"^{key}:\s+(.*)$", file.read(), re.M).group(1)


def capabilities(task, key="CapEff"):
    return int(status(task, key), 16)


class Links:
    """A host's interfaces as they are now."""

    def __init__(self, host):
        self.host = host

    def there(self, name):
        return subprocess.run(["ip", "-n", self.host.name, "link", "show", name], capture_output=True).returncode == 0

    def show(self, name):
        return json.loads(netns.run("ip", "-n", self.host.name, "-j", "addr", "show", "dev", name))[0]

    def carrier(self, name):
        return self.there(name) and "LOWER_UP" in self.show(name)["flags"]

    def addresses(self, name):
        return sorted(f'{a["local"]}/{a["prefixlen"]}' for a in self.show(name)["addr_info"])


class Vty:
    """Answers each command of a connection as FRR does, when it is told to."""

    def __init__(self, test, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(path)
        os.chmod(path, 0o777)
        self.socket.listen(1)
        self.got, self.go, self.left_early, self.rights = b"", threading.Event(), False, None
        test.addCleanup(self.socket.close)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        peer, _ = self.socket.accept()
        pid = struct.unpack("=iII", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        self.rights = [capabilities(pid, key) for key in ("CapEff", "CapPrm", "CapInh", "CapAmb")]
        while self.got.count(b"\0") < 3:
            self.got += peer.recv(4096)
        for _ in range(2):
            peer.send(b"words\n\0\0\0\1")
        self.go.wait(LONG)
        peer.settimeout(0.2)
        try:
            self.left_early = peer.recv(1) == b""
        except TimeoutError:
            pass
        peer.send(b"\0\0\0")
        peer.send(b"\0")
        peer.close()


@unittest.skipIf(why_not(), why_not())
class Guard(harness.TestCase):
    """The process by itself, over its protocol."""

    def start(self, *user):
        self.host = netns.Pair(self).server
        self.links = Links(self.host)
        self.dir = self.daemon(zones={}, start=False).dir
        os.chmod(self.dir, 0o777)
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.log = open(os.path.join(self.dir, "guard.log"), "w+")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.host.name, *DEVICE, harness.program("LOADSTARD", "loadstard"), "--guard",
             str(theirs.fileno()), *user], pass_fds=[theirs.fileno()], stderr=self.log)
        theirs.close()
        self.addCleanup(self.finish)
        self.ours.settimeout(LONG)
        hello = self.ours.recv(100).decode().split()
        self.assertEqual(hello, ["hello", str(self.process.pid)])

    def finish(self):
        self.ours.close()
        self.process.wait(LONG)
        self.log.close()

    def ask(self, line):
        self.ours.send(line.encode())
        return self.ours.recv(9999).decode().replace("\\x20", " ")

    def said(self):
        with open(self.log.name) as file:
            return file.read()

    def will(self, number, *commands):
        """Shell texts, one after the other."""
        words = " \\; ".join("/bin/sh -c " + "".join(f"\\x{b:02x}" for b in text.encode()) for text in commands)
        self.ours.send(f"will {number} argv {words}".encode())

    def path(self, name):
        return os.path.join(self.dir, name)

    def did(self, name):
        return os.path.exists(self.path(name))

    def test_an_interface(self):
        self.start()
        self.assertEqual(self.ask("tun ls-dns 192.0.2.53/32 2001:db8::53/128"), "ok tun ls-dns")
        link = self.links.show("ls-dns")
        self.assertIn("UP", link["flags"])
        self.assertNotIn("LOWER_UP", link["flags"])
        self.assertEqual(self.links.addresses("ls-dns"), ["192.0.2.53/32", "2001:db8::53/128"]) # and none of its own
        v6 = [a for a in link["addr_info"] if a["family"] == "inet6"][0]
        self.assertTrue(v6["deprecated"] and v6["nodad"] and not v6.get("tentative"), v6)
        self.assertEqual(link["txqlen"], 1)
        with self.host: # answered though there is no carrier
            for family, address in ((socket.AF_INET, "192.0.2.53"), (socket.AF_INET6, "2001:db8::53")):
                with socket.socket(family, socket.SOCK_DGRAM) as a, socket.socket(family, socket.SOCK_DGRAM) as b:
                    a.bind((address, 5353))
                    a.settimeout(LONG)
                    b.sendto(b"hello", (address, 5353))
                    self.assertEqual(a.recv(100), b"hello")
        self.assertEqual(self.ask("carrier ls-dns 1"), "ok carrier ls-dns 1")
        self.assertTrue(self.links.carrier("ls-dns"))
        self.assertEqual(self.ask("tun ls-dns 192.0.2.53/32 192.0.2.54/32"), "ok tun ls-dns")
        self.assertEqual(self.links.addresses("ls-dns"), ["192.0.2.53/32", "192.0.2.54/32"])
        self.assertTrue(self.links.carrier("ls-dns"))
        self.assertEqual(self.ask("carrier ls-dns 0"), "ok carrier ls-dns 0")
        self.assertFalse(self.links.carrier("ls-dns"))
        self.assertEqual(self.ask("gone ls-dns"), "ok gone ls-dns")
        self.assertFalse(self.links.there("ls-dns"))
        self.assertEqual(self.ask("gone ls-dns"), "ok gone ls-dns")
        self.assertIn("there is no interface", self.ask("carrier ls-dns 1"))

    def test_what_is_refused(self):
        self.start()
        self.host.run("ip", "link", "add", "ls-other", "type", "veth", "peer", "name", "other")
        self.host.run("ip", "tuntap", "add", "dev", "ls-tun", "mode", "tun")
        for name in ("ls-other", "ls-tun"):
            answer = self.ask(f"tun {name} 192.0.2.53/32")
            self.assertRegex(answer, f"error tun {name} there is an interface {name} already.*ip link delete {name}")
            self.assertTrue(self.links.there(name))
        # One that cannot be made whole is not there.
        self.host.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        self.assertIn("cannot add 2001:db8::53 to ls-six", self.ask("tun ls-six 192.0.2.53/32 2001:db8::53/128"))
        self.assertFalse(self.links.there("ls-six"))
        for line in ("tun lo 192.0.2.53/32", "carrier lo 0", "gone veth-s", "tun ls-x 192.0.2.0/24", "", "x" * 70000):
            if line:
                self.ours.send(line.encode())
            self.assertEqual(self.ask("beat"), "ok beat", line)
        self.assertEqual(self.links.addresses("lo"), ["127.0.0.1/8", "::1/128"])
        self.assertEqual(self.said().count("is not understood"), 5)

    def test_news_of_a_carrier_is_not_late(self):
        """The kernel by itself tells of one that goes up to a second late."""
        self.start()
        self.ask("tun ls-dns 192.0.2.53/32")
        with self.host:
            news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        news.bind((0, 1))
        news.settimeout(LONG)
        times = []
        for up in (1, 0) * 5:
            began = time.monotonic()
            self.ask(f"carrier ls-dns {up}")
            while True:
                message = news.recv(65536)
                kind, (flags,) = struct.unpack_from("=H", message, 4)[0], struct.unpack_from("=I", message, 24)
                if kind == 16 and bool(flags & 0x10000) == bool(up):
                    break
            times.append(time.monotonic() - began)
        news.close()
        for of_one_kind in times[::2], times[1::2]:  # late ones come a second after each other
            self.assertLess(sorted(of_one_kind)[1], 0.7, times)

    def test_the_end_of_file(self):
        self.start("nobody")
        vty = Vty(self, self.path("vty"))
        self.ask("tun ls-dns 192.0.2.53/32")
        self.ask("carrier ls-dns 1")
        self.will(0, f"grep Cap /proc/self/status >{self.path('caps')}; id -u >>{self.path('caps')}; "
                     f"ls -l /proc/self/fd >{self.path('files')}; exit 3", f"echo >{self.path('second')}")
        self.will(1, f"echo >{self.path('never')}")
        self.ours.send(b"will 1 none")
        self.ours.send(b"will 2 vty %s conf\\x20t\\x0ano\\x20network\\x0a" % self.path("vty").encode())
        self.ask("beat")
        began = time.monotonic()
        self.ours.close()
        wait_for(lambda: not self.links.there("ls-dns"), LONG, 0.001)
        print(f"gone after {(time.monotonic() - began) * 1000:.0f} ms", end=" ")
        wait_for(lambda: vty.got.count(b"\0") == 3, LONG)
        self.assertIsNone(self.process.poll()) # it waits for the last answer
        vty.go.set()
        self.assertEqual(self.process.wait(LONG), 0)
        self.assertEqual(vty.got, b"enable\0conf t\0no network\0")
        self.assertFalse(vty.left_early)
        self.assertEqual(vty.rights, [0] * 4) # it talks without a program in between that would lose them
        self.assertTrue(self.did("second"))
        self.assertFalse(self.did("never"))
        with open(self.path("caps")) as file:
            lines = file.read().split()
        self.assertEqual(lines[-1], str(NOBODY))
        self.assertEqual(set(lines[1:-1:2]), {"0" * 16}, lines)
        with open(self.path("files")) as file:
            self.assertNotRegex(file.read(), "net/tun|socket:")
        self.assertNotIn("speaker 2", self.said())
        self.assertIn("speaker 0 failed", self.said())

    def test_bye(self):
        self.start()
        self.ask("tun ls-dns 192.0.2.53/32")
        self.will(0, f"echo >{self.path('never')}")
        self.ask("beat")
        self.ours.send(b"bye")
        self.assertEqual(self.process.wait(LONG), 0)
        self.assertFalse(self.links.there("ls-dns"))
        self.assertFalse(self.did("never"))
        self.assertEqual(self.said(), "")

    def test_an_end_before_the_first_beat(self):
        """loadstard could not start: nothing was announced."""
        self.start()
        self.ask("tun ls-dns 192.0.2.53/32")
        self.will(0, f"echo >{self.path('never')}")
        self.ours.close()
        self.assertEqual(self.process.wait(LONG), 0)
        self.assertFalse(self.links.there("ls-dns"))
        self.assertFalse(self.did("never"))
        self.assertEqual(self.said(), "")

    def test_no_beat_for_too_long(self):
        self.start()
        self.ask("tun ls-dns 192.0.2.53/32")
        self.ask("carrier ls-dns 1")
        self.will(0, f"echo x >>{self.path('done')}; sleep 1; echo >{self.path('ended')}")
        time.sleep(2.5)
        self.assertTrue(self.links.carrier("ls-dns")) # before the first beat there is nothing to be missed
        for _ in range(12):
            self.assertEqual(self.ask("beat"), "ok beat")
            time.sleep(0.2)
        self.assertTrue(self.links.carrier("ls-dns"))
        self.assertFalse(self.did("done"))
        wait_for(lambda: not self.links.carrier("ls-dns"), LONG)
        self.assertEqual(self.links.addresses("ls-dns"), ["192.0.2.53/32"])
        wait_for(lambda: self.did("done"), LONG)
        self.assertIn("no sign of life", self.ask("carrier ls-dns 1"))
        self.assertEqual(self.ask("beat"), "ok beat")
        self.assertEqual(self.ours.recv(100), b"late")
        self.assertTrue(self.did("ended")) # the will: it would take back what is announced from now on
        self.assertIn("no sign of life", self.ask("carrier ls-dns 1"))
        self.assertEqual(self.ask("beat"), "ok beat") # the first one may have been long ago
        self.ours.send(b"back")
        self.assertEqual(self.ask("carrier ls-dns 1"), "ok carrier ls-dns 1")
        for _ in range(12):
            self.assertEqual(self.ask("beat"), "ok beat")
            time.sleep(0.2)
        self.assertTrue(self.links.carrier("ls-dns"))
        with open(self.path("done")) as file:
            self.assertEqual(file.read(), "x\n")

    def test_the_end_after_it_was_late(self):
        """It may have announced again by a speaker before it has heard that it was late; and what it had
        begun when it ended may come after the first will."""
        self.start()
        self.will(0, f"echo x >>{self.path('done')}")
        self.ask("beat")
        wait_for(lambda: self.did("done") and os.path.getsize(self.path("done")) == 2, LONG)
        self.ours.close()
        self.assertEqual(self.process.wait(LONG), 0)
        with open(self.path("done")) as file:
            self.assertEqual(file.read(), "x\n" * 3)

    def test_a_will_that_hangs(self):
        self.start()
        self.will(0, f"trap '' TERM ALRM; ps -o sid= $$ >{self.path('session')}; sleep 1000 & wait")
        self.will(1, f"echo >{self.path('done')}")
        self.ask("beat")
        self.ours.close()
        wait_for(lambda: self.did("done") and self.did("session"), LONG)
        self.assertEqual(self.process.wait(LONG), 0)
        with open(self.path("session")) as file:
            session = int(file.read())
        wait_for(lambda: not alive_in_session(session), LONG)
        self.assertIn("speaker 0 took longer", self.said())

    def test_what_it_is(self):
        self.start("nobody")
        pid = self.process.pid
        self.assertEqual(status(pid, "Uid").split(), [str(NOBODY)] * 4)
        for key, value in (("CapEff", NET_ADMIN), ("CapPrm", NET_ADMIN), ("CapInh", 0), ("CapAmb", 0), ("CapBnd", 0)):
            self.assertEqual(capabilities(pid, key), value, key)
        self.assertEqual(status(pid, "NoNewPrivs"), "1")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT, signal.SIGPIPE):
            os.kill(pid, number)
        self.assertEqual(self.ask("tun ls-dns 192.0.2.53/32"), "ok tun ls-dns")


def alive_in_session(session):
    done = subprocess.run(["ps", "-o", "pid=,stat=", "-s", str(session)], capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if "Z" not in line.split()[1]]


ZONES = {"example.test.zone": "$TTL 60\n@ SOA ns1 hostmaster 1 3600 900 604800 60\n@ NS ns1\nns1 A 127.0.0.1\n"}
SPEAKER = """\
#!/bin/sh
if [ "$LOADSTAR_WITHDRAW" ]; then wish='{"sets": [], "by": "guard"}'; else wish=$(cat); fi
printf '%s\n' "$wish" >>"$1/wishes" # at once: others may write, and somebody reads
"""
TUN = "{prefixes: [192.0.2.53/32], speaker: push, rise: 200ms, fall: 100ms, drain_time: 2s%s}"
ADDRESS = "{prefixes: [192.0.2.53/32], speaker: push, rise: 200ms, fall: 100ms, drain_time: 2s, hold: none, interface: lo%s}"
STEADY = ", self: false"  # a machine that is too busy for a query in time would end the set early


@unittest.skipIf(why_not(), why_not())
class Guarded(harness.TestCase):
    """loadstard with its guard."""

    def world(self, sets=TUN % "", start=True, wrap=(), server=""):
        self.host = netns.Pair(self).server
        self.links = Links(self.host)
        d = self.daemon(zones=ZONES, main="anycast: anycast.yaml\n", listen=["127.0.0.1:5300", "192.0.2.53:5300"],
                        wrap=["ip", "netns", "exec", self.host.name, *DEVICE, *wrap], server=server, start=False)
        self.d = d
        os.chmod(d.write("push", SPEAKER), 0o755)
        d.write("wishes", "")
        os.chmod(os.path.join(d.dir, "wishes"), 0o666)
        os.chmod(d.dir, 0o777)
        os.chmod(os.path.join(d.dir, "state"), 0o777)
        self.configure(sets)
        if start:
            d.start()
        return d

    def configure(self, sets):
        text = f"anycast:\n  dns: {sets}\n" if sets else "anycast: {}\n"
        self.d.write("anycast.yaml", text + f"speakers:\n  push: {{type: exec, command: [{self.d.dir}/push, {self.d.dir}]}}\n")

    def guard(self):
        found = subprocess.run(["pgrep", "-P", str(self.d.process.pid), "-x", "ls-guard"], capture_output=True, text=True)
        self.assertEqual(len(found.stdout.split()), 1)
        return int(found.stdout)

    def wishes(self):
        return [json.loads(line) for line in self.d.read("wishes").splitlines() if line.endswith("}")]

    def announced(self):
        last = (self.wishes() or [{"sets": []}])[-1]
        return any(s["announced"] for s in last["sets"])

    def up(self):
        wait_for(lambda: self.announced() and self.links.carrier("ls-dns"), LONG)

    def answers(self):
        with self.host:
            return self.d.query("example.test", "SOA", address="127.0.0.1", port=5300).answer != []

    def moved(self, change):
        wait_for(lambda: f"anycast dns: {change}" in self.d.log(), LONG)

    # Ends

    def test_loadstard_is_killed(self):
        d = self.world()
        self.up()
        time.sleep(0.3) # a beat
        began = time.monotonic()
        d.kill()
        wait_for(lambda: not self.links.there("ls-dns"), LONG, 0.001)
        print(f"gone after {(time.monotonic() - began) * 1000:.0f} ms", end=" ")
        wait_for(lambda: [w.get("by") for w in self.wishes()[-2:]] == ["guard"] * 2, LONG) # it tells commands twice
        d.start() # the name is free
        self.up()

    def test_loadstard_is_stopped(self):
        d = self.world()
        self.up()
        time.sleep(0.3)
        began = time.monotonic()
        d.process.send_signal(signal.SIGSTOP)
        wait_for(lambda: not self.links.carrier("ls-dns"), LONG)
        print(f"down after {time.monotonic() - began:.1f} s", end=" ")
        self.assertTrue(self.links.there("ls-dns"))
        wait_for(lambda: self.wishes()[-1].get("by") == "guard", LONG)
        d.process.send_signal(signal.SIGCONT)
        self.moved("announced -> down") # not raised again but by the announcer
        self.up()
        self.assertTrue(self.answers())
        wait_for(lambda: "loadstard is back" in d.log(), LONG)

    def test_the_guard_is_killed(self):
        d = self.world()
        self.up()
        guard = self.guard()
        os.kill(guard, signal.SIGKILL)
        wait_for(lambda: not self.links.there("ls-dns"), LONG, 0.001)
        self.moved("announced -> down")
        wait_for(lambda: "the guard of announcements has ended" in d.log(), LONG)
        self.assertTrue(self.answers())
        wait_for(lambda: not self.announced(), LONG)
        wait_for(lambda: not os.path.exists(f"/proc/{guard}"), LONG) # reaped
        self.assertEqual(d.stop(), 0)

    def test_the_guard_is_stopped(self):
        d = self.world()
        self.up()
        guard = self.guard()
        began = time.monotonic()
        os.kill(guard, signal.SIGSTOP)
        wait_for(lambda: not self.links.there("ls-dns"), LONG)
        print(f"gone after {time.monotonic() - began:.1f} s", end=" ")
        wait_for(lambda: "does not answer, and was killed" in d.log(), LONG)
        self.moved("announced -> down")
        self.assertTrue(self.answers())

    # Rights

    def threads(self):
        """(name, capabilities) of each."""
        found = []
        for task in os.listdir(f"/proc/{self.d.process.pid}/task"):
            try:
                path = f"{self.d.process.pid}/task/{task}"
                found.append((status(path, "Name"), capabilities(path)))
            except (FileNotFoundError, ProcessLookupError):
                pass # it has ended: there are more than two, that stay
        self.assertGreater(len(found), 2)
        return found

    def test_who_has_the_right(self):
        self.world(server="user: nobody")
        self.up()
        self.assertEqual({name for name, have in self.threads() if have & NET_ADMIN}, set())
        guard = self.guard()
        self.assertEqual((capabilities(guard), capabilities(guard, "CapPrm"), capabilities(guard, "CapBnd")),
                         (NET_ADMIN, NET_ADMIN, 0))
        self.assertEqual(status(guard, "Uid").split(), [str(NOBODY)] * 4)
        self.assertEqual(capabilities(guard, "CapAmb") | capabilities(guard, "CapInh"), 0)

    def test_addresses_are_one_threads(self):
        self.world(ADDRESS % "", server="user: nobody")
        wait_for(self.announced, LONG)
        self.assertIn("192.0.2.53/32", self.links.addresses("lo"))
        self.assertEqual({name for name, have in self.threads() if have & NET_ADMIN}, {"anycast"})

    def unprivileged(self, *more):
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *more]

    def test_given_by_a_service_manager(self):
        self.world(wrap=self.unprivileged("--inh-caps=+net_admin,+kill", "--ambient-caps=+net_admin,+kill"))
        self.up()
        self.assertEqual({name for name, have in self.threads() if have}, set())
        self.assertEqual(capabilities(self.guard()), NET_ADMIN)

    def test_without_the_right(self):
        d = self.world(start=False, wrap=self.unprivileged())
        d.start(ready=False)
        self.assertEqual(d.process.wait(LONG), 1)
        self.assertRegex(d.log(), r"anycast\.yaml:2:3: prefix set 'dns' \(hold: tun\) needs CAP_NET_ADMIN.*anycast\.conf")
        self.configure(ADDRESS % "")
        d.start(ready=False)
        self.assertEqual(d.process.wait(LONG), 1)
        self.assertIn("prefix set 'dns' (interface) needs CAP_NET_ADMIN", d.log())

    def test_without_the_device(self):
        d = self.world(start=False, wrap=["sh", "-c", 'rm /dev/net/tun; exec "$@"', "sh"])
        d.start(ready=False)
        self.assertEqual(d.process.wait(LONG), 1)
        self.assertRegex(d.log(), r"anycast\.yaml:2:3: prefix set 'dns' \(hold: tun\) needs /dev/net/tun: No such file")

    def test_the_first_set_takes_a_restart(self):
        d = self.world(None)
        self.assertEqual(subprocess.run(["pgrep", "-P", str(d.process.pid)], capture_output=True).stdout, b"")
        self.configure(TUN % "")
        done = d.reload(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout + done.stderr, r"anycast\.yaml:2:3: prefix set 'dns' needs a restart of loadstard")
        self.assertTrue(self.answers())

    def test_a_name_that_is_taken(self):
        d = self.world(start=False)
        self.host.run("ip", "tuntap", "add", "dev", "ls-dns", "mode", "tun")
        d.start()
        wait_for(lambda: "there is an interface ls-dns already" in d.log(), LONG)
        self.assertFalse(self.announced())
        self.host.run("ip", "link", "del", "ls-dns")
        self.up()

    # Stops

    def gshut(self):
        last = self.wishes()[-1]
        return any("65535:0" in s["attributes"]["communities"] for s in last["sets"] if s["announced"])

    def test_a_stop_drains(self):
        d = self.world(TUN.replace("drain_time: 2s", "drain_time: 15s") % STEADY)
        self.up()
        d._drain_notify()
        began = time.monotonic()
        d.process.send_signal(signal.SIGTERM)
        wait_for(self.gshut, LONG)
        self.assertTrue(self.answers())
        self.assertTrue(self.links.carrier("ls-dns"))
        d.ctl("set", "anycast:dns", "auto")
        self.assertEqual(d.ctl_json("anycast", "dns")["sets"][0]["state"], "draining")
        refused = d.reload(check=False)
        self.assertIn("stopping", refused.stdout + refused.stderr)
        self.assertEqual(d.process.wait(LONG), 0)
        self.assertGreaterEqual(time.monotonic() - began, 14.9)
        self.assertFalse(self.announced())
        self.assertNotIn("by", self.wishes()[-1]) # no will was needed
        self.assertFalse(self.links.there("ls-dns"))
        told = b""
        d.notify.setblocking(False)
        try:
            while True:
                told += d.notify.recv(4096) + b"\n"
        except BlockingIOError:
            pass
        self.assertEqual(told.count(b"STOPPING=1"), 1)
        self.assertRegex(told, b"EXTEND_TIMEOUT_USEC=[0-9]+\nSTATUS=draining")

    def ends_early(self, again):
        d = self.world(TUN.replace("drain_time: 2s", "drain_time: 10m") % STEADY)
        self.up()
        stop = subprocess.Popen([harness.program("LOADSTARCTL", "loadstarctl"), "-s", d.socket, "stop"],
                                stdout=subprocess.PIPE, text=True)
        wait_for(self.gshut, LONG)
        again(d)
        self.assertEqual(d.process.wait(LONG), 0)
        self.assertEqual(stop.communicate(timeout=LONG)[0],
                         "loadstard drains what it announces, for up to 600 s, and stops\n")
        self.assertEqual(stop.returncode, 0)
        self.assertFalse(self.announced())
        self.assertNotIn("by", self.wishes()[-1])

    def test_a_second_signal_ends_it(self):
        self.ends_early(lambda d: d.process.send_signal(signal.SIGTERM))

    def test_stop_now_ends_it(self):
        self.ends_early(lambda d: d.ctl("stop", "--now"))

    def test_stop_keep_announced(self):
        d = self.world(TUN % STEADY)
        self.up()
        done = d.ctl("stop", "--keep-announced", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("prefix set 'dns' has hold: tun", done.stderr)
        self.assertEqual(d.ctl("stop", "--now", "--keep-announced", check=False).returncode, 2)
        self.assertTrue(self.answers())
        self.assertTrue(self.links.carrier("ls-dns"))
        d.stop()
        self.configure(ADDRESS % STEADY)
        before = d.log().count("dns: absent -> present")
        d.start()
        wait_for(lambda: d.log().count("dns: absent -> present") > before, LONG)
        d.ctl("stop", "--keep-announced")
        self.assertTrue(self.announced())
        self.assertIn("192.0.2.53/32", self.links.addresses("lo"))
        n = len(self.wishes())
        d.process.wait(LONG)
        d.start()
        self.moved("unknown -> present")
        wait_for(lambda: d.ctl_json("anycast", "dns")["sets"][0]["state"] == "announced", LONG) # adopted
        self.assertTrue(all(any(s["announced"] for s in wish["sets"]) for wish in self.wishes()[n:]))


if __name__ == "__main__":
    harness.main()
