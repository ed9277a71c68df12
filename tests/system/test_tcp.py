# SPDX-License-Identifier: Apache-2.0
"""DNS over TCP (RFC 7766): pipelining, limits, time-outs, and peers that behave badly."""
import os
import random
import re
import resource
import socket
import struct
import threading
import time

import dns.edns
import dns.flags
import dns.message
import dns.rcode

import harness

LONG = "a minute of time-outs"

ZONE = """\
zone: example.test
ttl: 1h
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s}
records:
  "@": {NS: [ns1]}
  ns1: {A: 192.0.2.53}
  www: {A: 192.0.2.1}
  big: {TXT: [%s]}
  huge: {TXT: [%s]}
""" % tuple(", ".join('"%03d %s"' % (i, "x" * 240) for i in range(n)) for n in (60, 251))

# Under AddressSanitizer, memory that is freed counts no longer than elsewhere.
ENV = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}


def framed(message):
    wire = message if isinstance(message, bytes) else message.to_wire()
    return struct.pack("!H", len(wire)) + wire


class Tcp(harness.TestCase):
    def start(self, tcp="", workers=1):
        server = f"tcp: {{{tcp}}}" if tcp else ""
        self.d = self.daemon(zones={"example.test.yaml": ZONE}, server=server, workers=workers,
                             env=ENV)
        self.www = framed(self.d.message("www.example.test"))
        self.other_sockets = self.sockets()
        return self.d

    def connect(self, timeout=120, source=None, receive_buffer=None):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.addCleanup(s.close)
        if receive_buffer:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            s.bind((source, 0))
        s.settimeout(timeout)
        s.connect((self.d.address, self.d.port))
        return s

    def ask(self, s):
        s.sendall(self.www)
        self.assertEqual(harness.rdata(dns.message.from_wire(harness.read_framed(s)), "A"),
                         ["192.0.2.1"])

    def is_answered(self, s):
        try:
            self.ask(s)
            return True
        except ConnectionError:
            return False

    def is_closed(self, s, timeout=30):
        s.settimeout(timeout)
        try:
            return s.recv(1) == b""
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False

    def sockets(self):
        """By their numbers, of which the kernel gives out none again for long."""
        fds, found = f"/proc/{self.d.process.pid}/fd", set()
        for fd in os.listdir(fds):
            try:
                found.add(os.readlink(f"{fds}/{fd}"))
            except FileNotFoundError:
                pass  # closed since it was listed
        return {what for what in found if what.startswith("socket:")}

    def open_connections(self):
        """Those that the daemon has accepted and not closed; of others, there may be one that tells
        of something for a moment."""
        return len(self.sockets() - self.other_sockets)

    # Pipelining

    def test_many_queries_on_one_connection(self):
        self.start()
        s = self.connect()
        for _ in range(50):
            self.ask(s)

    def test_pipelined_queries_are_all_answered(self):
        self.start()
        s = self.connect()
        queries = [self.d.message("www.example.test" if i % 3 else "no.example.test")
                   for i in range(2000)]
        for i, q in enumerate(queries):
            q.id = i
        s.sendall(b"".join(framed(q) for q in queries))
        for i in range(2000):
            r = dns.message.from_wire(harness.read_framed(s))
            self.assertEqual(r.id, i)
            self.assertEqual(r.rcode(), dns.rcode.NOERROR if i % 3 else dns.rcode.NXDOMAIN)

    def exchange(self, wires, write):
        """Sends the messages by write(socket, bytes); returns the responses, raw."""
        s = self.connect()
        writer = threading.Thread(target=write, args=(s, b"".join(framed(w) for w in wires)))
        writer.start()
        responses = [harness.read_framed(s) for _ in wires]
        writer.join()
        return responses

    def check_mix(self, write):
        """Answers of every size, negative ones and errors, IDs that repeat: each as when it is
        asked for alone, and in order."""
        self.start()
        mix = [("www", "A"), ("big", "TXT"), ("no", "A"), ("huge", "TXT"), ("www", "AAAA")]
        wires, random_ = [], random.Random(7)
        for i in range(300):
            name, rdtype = mix[4 if i % 9 else 3] if i % 4 else random_.choice(mix)
            q = self.d.message(f"{name}.example.test", rdtype,
                               use_edns=random_.choice((False, 0)))
            q.id = i % 3
            wires.append(q.to_wire())
        wires[100] = wires[100][:12]  # a header without its question: FORMERR
        expected = {wire: self.d.raw(wire, tcp=True) for wire in set(wires)}
        self.assertGreater(max(map(len, expected.values())), 64000)
        for i, (wire, got) in enumerate(zip(wires, self.exchange(wires, write))):
            self.assertEqual(got, expected[wire], i)

    def test_a_mix_at_once(self):
        self.check_mix(lambda s, data: s.sendall(data))

    def test_a_mix_in_small_writes(self):
        def write(s, data):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            step = random.Random(8)
            while data:
                n = step.choice((1, 2, 3, 40, 700))
                s.sendall(data[:n])
                data = data[n:]
        self.check_mix(write)

    def test_a_mix_and_half_close(self):
        def write(s, data):
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
        self.check_mix(write)

    def test_batches_of_the_longest(self):
        """More of the longest answers at once than any buffer holds."""
        self.start()
        wires = [self.d.message("huge.example.test", "TXT").to_wire() for _ in range(200)]
        for wire, got in zip(wires, self.exchange(wires, lambda s, data: s.sendall(data))):
            self.assertEqual(got[:2], wire[:2])
            self.assertGreater(len(got), 64000)
            self.assertFalse(got[2] & 2, "truncated")

    def test_answers_of_one_read_come_in_one_segment(self):
        self.start()
        s = self.connect()
        s.sendall(self.www * 10)
        time.sleep(0.2)
        one = len(framed(self.d.raw(self.www[2:], tcp=True)))
        self.assertEqual(len(s.recv(65535)), 10 * one)

    def test_byte_by_byte(self):
        self.start()
        s = self.connect()
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(self.www)):
            s.sendall(self.www[i:i + 1])
            time.sleep(0.001)
        self.assertEqual(dns.message.from_wire(harness.read_framed(s)).rcode(), 0)
        self.ask(s)

    def test_cut_anywhere(self):
        self.start()
        s = self.connect()
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = self.www * 3
        for cut in range(1, len(stream)):
            s.sendall(stream[:cut])
            time.sleep(0.0005)
            s.sendall(stream[cut:])
            for _ in range(3):
                harness.read_framed(s)

    def test_a_message_of_64k(self):
        self.start()
        s = self.connect()
        s.sendall(framed(self.www[2:] + bytes(65535 - len(self.www) + 2)))
        r = harness.read_framed(s)  # FORMERR by trailing bytes, or an answer: but an end to it
        self.assertEqual(r[:2], self.www[2:4])
        self.ask(s)

    def test_answers_that_udp_truncates(self):
        self.start()
        r = self.d.query("big.example.test", "TXT", use_edns=0)
        self.assertTrue(r.flags & dns.flags.TC)
        self.assertEqual(len(r.answer), 0)
        r = self.d.query("big.example.test", "TXT", tcp=True)
        self.assertEqual(len(r.answer[0]), 60)

    # Peers

    def test_half_close(self):
        """A client that has sent all of its queries and says so gets all of its answers."""
        self.start()
        s = self.connect()
        s.sendall(self.www * 100)
        s.shutdown(socket.SHUT_WR)
        for _ in range(100):
            harness.read_framed(s)
        self.assertTrue(self.is_closed(s))

    def test_half_close_within_a_message(self):
        self.start()
        s = self.connect()
        s.sendall(self.www + self.www[:-1])
        s.shutdown(socket.SHUT_WR)
        harness.read_framed(s)
        self.assertTrue(self.is_closed(s))

    def test_junk_ends_the_connection(self):
        self.start()
        for junk in (b"\x00\x00", b"\x00\x05hello", framed(b"\x00" * 2 + b"\x80" + b"\x00" * 9)):
            s = self.connect()
            s.sendall(self.www + junk)
            harness.read_framed(s)  # what came before is answered
            self.assertTrue(self.is_closed(s), junk)
        self.ask(self.connect())

    def test_what_was_asked_before_junk_is_answered_to_a_slow_reader(self):
        self.start()
        s = self.connect(receive_buffer=4096)
        big = framed(self.d.message("huge.example.test", "TXT"))
        s.sendall(big * 90 + framed(b"\x00" * 2 + b"\x80" + b"\x00" * 9))  # 6 MB of answers
        time.sleep(0.5)
        for _ in range(90):
            self.assertGreater(len(harness.read_framed(s)), 64000)
        self.assertTrue(self.is_closed(s))

    def test_stalled_answers_cost_a_bounded_amount_in_all(self):
        """What is kept for peers that do not read has a limit; those who stalled first are closed."""
        self.start("idle_timeout: 60s, max_per_client: 1000")
        before = self.memory()
        big = framed(self.d.message("huge.example.test", "TXT")) * 120
        stalled = []
        for _ in range(150):  # could be 300 MB
            s = self.connect(receive_buffer=4096)
            s.sendall(big)
            stalled.append(s)
        peak, n = 0, 0
        while n < 40 or (peak <= 32 << 10 and n < 1200):
            time.sleep(0.05)
            peak, n = max(peak, self.memory() - before), n + 1
        self.assertGreater(peak, 32 << 10, "the load is too small to tell")
        self.assertLess(peak, 96 << 10)
        self.ask(self.connect())
        fresh = self.connect()
        fresh.sendall(framed(self.d.message("huge.example.test", "TXT")))
        self.assertGreater(len(harness.read_framed(fresh)), 64000)

    def test_many_begun_queries_cost_what_they_are(self):
        self.start("idle_timeout: 60s, max_per_client: 1000")
        conns = [self.connect() for _ in range(500)]
        self.d.wait_for(lambda: self.open_connections() == 500, 60)
        before = self.memory()
        for part in (self.www[:1], self.www[1:9], self.www[9:20]):
            for s in conns:
                s.sendall(part)
            time.sleep(0.2)
        self.assertLess(self.memory() - before, 1000)
        for s in conns:
            s.sendall(self.www[20:])
        for s in conns:
            harness.read_framed(s)

    def test_slow_reader(self):
        """A peer that does not read costs a bounded amount of memory, and then time is up."""
        self.start("idle_timeout: 2s")
        s = self.connect(receive_buffer=4096)
        big = framed(self.d.message("big.example.test", "TXT"))
        s.settimeout(1)
        sent = 0
        before = self.memory()
        try:
            while sent < 4 << 20:  # would be answered by 1 GB
                sent += s.send(big * 100)
        except (socket.timeout, ConnectionError):
            pass
        self.assertLess(sent, 4 << 20, "the server reads on while nobody takes its answers")
        self.assertLess(self.memory() - before, 4096)
        self.ask(self.connect())  # others are served meanwhile
        self.d.wait_for(lambda: self.open_connections() == 0, 60)
        s.settimeout(30)
        with self.assertRaises(ConnectionError):
            while True:  # what the kernel has buffered, and then the end
                harness.read_framed(s)

    def test_slow_reader_that_reads_in_the_end(self):
        self.start()
        s = self.connect(receive_buffer=4096)
        big = framed(self.d.message("big.example.test", "TXT"))
        for _ in range(200):  # 3 MB of answers
            s.sendall(big)
        time.sleep(0.5)
        for _ in range(200):
            self.assertGreater(len(harness.read_framed(s)), 14000)
        self.ask(s)

    def memory(self):
        """Resident kB."""
        with open(f"/proc/{self.d.process.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])

    def test_reset(self):
        self.start()
        for _ in range(50):
            s = self.connect()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.sendall(self.www * 5 + self.www[:7])
            s.close()
        self.d.wait_for(lambda: self.open_connections() == 0, 60)
        self.ask(self.connect())

    # Limits

    def test_idle_timeout(self):
        self.start("idle_timeout: 4s")
        s, busy = self.connect(), self.connect()
        start = time.monotonic()
        self.ask(busy)
        while not self.is_closed(s, 0.1):
            self.ask(busy)
            self.assertLess(time.monotonic() - start, 60)
        self.ask(busy)
        self.assertTrue(self.is_closed(busy, 60))

    def test_trickling_gains_no_time(self):
        """A long query, a byte each tenth of a second: it has no more time than one that says nothing."""
        self.start("idle_timeout: 1s")
        s = self.connect()
        start = time.monotonic()
        s.sendall(b"\xff\xff" + self.www[2:])
        with self.assertRaises(ConnectionError):
            while time.monotonic() - start < 60:
                s.sendall(b"\0")
                time.sleep(0.1)

    # Few connections are left in these, so that an eighth of the time-out is in force.

    def test_the_oldest_idle_makes_room(self):
        self.start("max_connections: 5, max_per_client: 100, idle_timeout: 1h")
        conns = [self.connect() for _ in range(5)]
        for s in conns:
            self.ask(s)
        self.ask(conns[0])  # now the second is the one idle for longest
        self.ask(self.connect())
        self.assertTrue(self.is_closed(conns[1]))
        for i in (0, 2, 3, 4):
            self.ask(conns[i])

    def test_one_that_has_begun_a_query_does_not_shield_the_idle(self):
        self.start("max_connections: 3, max_per_client: 100, idle_timeout: 1h")
        idle = [self.connect() for _ in range(2)]
        for s in idle:
            self.ask(s)
        begun = self.connect()
        begun.sendall(self.www[:7])
        self.ask(self.connect())
        self.assertTrue(self.is_closed(idle[0]))
        begun.sendall(self.www[7:])
        harness.read_framed(begun)

    def test_one_byte_is_worth_no_more_than_none(self):
        """Newcomers who ask a round trip later are answered, while others hold all places with one
        byte of a query each, and push in as fast as they may. Their pace is counted, not timed."""
        n = 200
        for first in (b"", b"\x00"):
            with self.subTest(first):
                self.start(f"max_connections: {n}, max_per_client: {2 * n}, idle_timeout: 1h")
                self.push_in(n, first)
                for _ in range(5):
                    self.d.wait_for(lambda: self.accept_queue() == 0, 60)
                    time.sleep(0.3)  # the grace of those who are there
                    honest = self.connect()
                    self.push_in(n // 2, first)
                    self.ask(honest)
                    honest.close()

    def push_in(self, n, first):
        for _ in range(n):
            s = self.connect()
            try:
                s.sendall(first)
            except OSError:
                pass  # refused

    def accept_queue(self):
        """Connections that the server has not taken yet."""
        with open("/proc/net/tcp") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        port = f"{self.d.port:04X}"
        return sum(int(row[4].split(":")[1], 16) for row in rows
                   if row[1].endswith(":" + port) and row[3] == "0A")

    def kernel_queues(self, column):
        """Bytes in the kernel of each connection of the server: 0 what peers have not taken, 1 what
        it has not read itself."""
        with open("/proc/net/tcp") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        port = f"{self.d.port:04X}"
        return [int(row[4].split(":")[column], 16) for row in rows
                if row[1].endswith(":" + port) and row[3] == "01"]

    def test_what_the_kernel_keeps_is_bounded(self):
        """Peers that read well, so that windows grow, and then no more; and go on asking."""
        self.start("idle_timeout: 1h, max_per_client: 1000")
        big = framed(self.d.message("huge.example.test", "TXT"))
        conns = [self.connect() for _ in range(4)]
        asked, taken = dict.fromkeys(conns, 0), 0  # bytes

        def ask(s, n):
            try:
                asked[s] += s.send((big * n)[asked[s] % len(big):])
            except BlockingIOError:
                pass

        for s in conns:
            s.setblocking(False)
        while taken < 200 << 20:  # at full speed
            for s in conns:
                ask(s, 20)
                try:
                    taken += len(s.recv(1 << 20))
                except BlockingIOError:
                    pass
        before = -1
        while sum(asked.values()) != before or min(self.kernel_queues(0)) == 0:
            before = sum(asked.values())
            for s in conns:
                ask(s, 1000)
            time.sleep(0.1)
        # One answer fits; a worker that waits for its turn has not sent it yet.
        self.d.wait_for(lambda: min(self.kernel_queues(0)) > 60000, 60)
        # The kernel's table may have a gap while other connections come and go.
        untaken, unread = [self.d.wait_for(lambda: len(q := self.kernel_queues(c)) == 4 and q, 60) for c in (0, 1)]
        self.assertLess(max(untaken), 600 << 10)  # 4 MB without a bound
        self.assertLess(max(unread), 600 << 10)

    def test_the_limit_is_over_all_workers(self):
        n = 200
        self.start(f"max_connections: {n}, max_per_client: 1000, idle_timeout: 1h", workers=4)
        conns = [self.connect() for _ in range(n)]
        for s in conns:  # none is closed, however the kernel spreads them
            self.ask(s)
        # Each worker closes its own: one that has more newcomers than connections from before
        # refuses some, as nobody makes room in his first moments.
        more = [self.connect() for _ in range(n)]
        self.assertGreater(sum(self.is_answered(s) for s in more), n // 4)
        self.d.wait_for(lambda: self.open_connections() == n, 30)

    def test_a_lower_limit_closes_the_oldest(self):
        self.start("max_connections: 20, idle_timeout: 1h")
        conns = [self.connect() for _ in range(20)]
        for s in conns:
            self.ask(s)
        text = self.d.read("loadstar.yaml")
        self.d.write("loadstar.yaml", text.replace("max_connections: 20", "max_connections: 8"))
        self.d.reload()
        self.d.wait_for(lambda: self.open_connections() <= 8, 60)
        for s in conns[12:]:
            self.ask(s)

    def keepalive(self, s):
        """The idle time-out that the server tells, in seconds."""
        option = dns.edns.GenericOption(11, b"")  # edns-tcp-keepalive
        s.sendall(framed(self.d.message("www.example.test", use_edns=0, options=[option])))
        options = dns.message.from_wire(harness.read_framed(s)).options
        return struct.unpack("!H", next(o for o in options if o.otype == 11).data)[0] / 10

    def test_the_time_out_shrinks_and_is_told(self):
        self.start("max_connections: 32, max_per_client: 100, idle_timeout: 120s")
        s = self.connect()
        self.assertEqual(self.keepalive(s), 120)
        conns = [self.connect() for _ in range(23)]
        self.ask(conns[-1])
        self.assertEqual(self.keepalive(s), 120)  # 8 are left, a quarter
        conns += [self.connect() for _ in range(4)]
        self.ask(conns[-1])
        self.assertEqual(self.keepalive(s), 60)  # 4 are left
        conns += [self.connect() for _ in range(3)]
        self.ask(conns[-1])
        self.assertEqual(self.keepalive(s), 0)  # 1 is left: please go
        self.assertTrue(self.is_closed(conns[0], 60))  # after 15 s: others went, and it is longer now

    def test_more_connections_than_files_are_warned_of(self):
        d = self.start("max_connections: 1000000")
        if resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE)[0] > 1000000:
            self.assertNotIn("open files", d.log())
        else:
            self.assertRegex(d.log(), r"loadstar.yaml:\d+:\d+: .*max_connections: 1000000.*open files")

    def test_limit_per_client(self):
        self.start("max_per_client: 3, idle_timeout: 1h", workers=2)
        conns = [self.connect() for _ in range(3)]
        for s in conns:
            self.ask(s)
        self.assertTrue(self.is_closed(self.connect()))
        other = self.connect(source="127.0.0.9")
        self.ask(other)
        conns[0].close()
        self.d.wait_for(self.can_ask, 60)

    def can_ask(self):
        s = self.connect()
        try:
            s.sendall(self.www)
            return harness.read_framed(s)
        except ConnectionError:
            return None
        finally:
            s.close()

    def test_many_more_than_the_limit(self):
        # A worker with none takes one, even if the other has them all: until the first have been idle for long.
        self.start("max_connections: 50, max_per_client: 1000, idle_timeout: 30s", workers=2)
        conns = [self.connect() for _ in range(400)]
        self.d.wait_for(lambda: self.open_connections() <= 50, 120)
        self.d.wait_for(self.can_ask, 60)  # once those that came before have had their grace
        # Those that the kernel still queues go as they are accepted.
        self.d.wait_for(lambda: sum(self.is_closed(s, 0.001) for s in conns) >= 350, 60)

    def test_limits_change_by_reload(self):
        self.start("idle_timeout: 10m")
        s = self.connect()
        self.ask(s)
        text = self.d.read("loadstar.yaml")
        self.d.write("loadstar.yaml", text.replace("idle_timeout: 10m", "idle_timeout: 1s"))
        self.d.reload()
        self.assertTrue(self.is_closed(s, 60))

    def test_descriptors_run_out(self):
        """With no descriptor left, connections wait or are closed; the ones there are go on."""
        d = self.start("max_connections: 1000, max_per_client: 1000")
        used = len(os.listdir(f"/proc/{d.process.pid}/fd"))
        resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, (used + 10, used + 10))
        before = self.processor_ticks()
        conns = [self.connect() for _ in range(40)]
        time.sleep(0.5)
        self.assertEqual(d.addresses("www.example.test"), ["192.0.2.1"])  # UDP needs none
        for s in conns:
            s.close()
        d.wait_for(self.can_ask, 60)
        self.assertLess(self.processor_ticks() - before, 100, "it spins")  # of 10 ms

    def processor_ticks(self):
        with open(f"/proc/{self.d.process.pid}/stat") as file:
            return sum(int(x) for x in file.read().rsplit(")", 1)[1].split()[11:13])

    def test_stop_finishes_what_is_under_way(self):
        self.start()
        s = self.connect()
        s.sendall(self.www * 50)
        self.assertEqual(self.d.stop(), 0)
        for _ in range(50):
            harness.read_framed(s)


if __name__ == "__main__":
    harness.main()
