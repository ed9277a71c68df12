# SPDX-License-Identifier: Apache-2.0
"""DNS over TCP (RFC 7766): pipelining, limits, time-outs, and peers that behave badly."""
import os
import re
import resource
import socket
import struct
import time

import dns.message
import dns.rcode

import harness

ZONE = """\
zone: example.test
ttl: 1h
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s}
records:
  "@": {NS: [ns1]}
  ns1: {A: 192.0.2.53}
  www: {A: 192.0.2.1}
  big: {TXT: [%s]}
""" % ", ".join('"%03d %s"' % (i, "x" * 240) for i in range(60))


def framed(message):
    wire = message if isinstance(message, bytes) else message.to_wire()
    return struct.pack("!H", len(wire)) + wire


class Tcp(harness.TestCase):
    def start(self, tcp="", workers=1):
        server = f"tcp: {{{tcp}}}" if tcp else ""
        self.d = self.daemon(zones={"example.test.yaml": ZONE}, server=server, workers=workers)
        self.www = framed(self.d.message("www.example.test"))
        return self.d

    def connect(self, timeout=5, source=None, receive_buffer=None):
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

    def is_closed(self, s, timeout=2):
        s.settimeout(timeout)
        try:
            return s.recv(1) == b""
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False

    def open_connections(self):
        fds, n = f"/proc/{self.d.process.pid}/fd", 0
        for fd in os.listdir(fds):
            try:
                n += os.readlink(f"{fds}/{fd}").startswith("socket:")
            except FileNotFoundError:
                pass  # closed since it was listed
        return n

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
        except socket.timeout:
            pass
        self.assertLess(sent, 4 << 20, "the server reads on while nobody takes its answers")
        self.assertLess(self.memory() - before, 4096)
        self.ask(self.connect())  # others are served meanwhile
        time.sleep(2.5)
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
        before = self.open_connections()
        for _ in range(50):
            s = self.connect()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.sendall(self.www * 5 + self.www[:7])
            s.close()
        self.d.wait_for(lambda: self.open_connections() <= before, 5)
        self.ask(self.connect())

    # Limits

    def test_idle_timeout(self):
        self.start("idle_timeout: 1s")
        s, busy = self.connect(), self.connect()
        start = time.monotonic()
        for _ in range(8):
            self.ask(busy)
            time.sleep(0.2)
        self.assertTrue(self.is_closed(s, 0.01))
        self.ask(busy)
        self.assertTrue(self.is_closed(busy, 3))
        self.assertLess(time.monotonic() - start, 1.6 + 1.5)

    def test_trickling_gains_no_time(self):
        self.start("idle_timeout: 1s")
        s = self.connect()
        start = time.monotonic()
        closed = False
        for i in range(30):
            try:
                s.sendall(self.www[i:i + 1])
            except (BrokenPipeError, ConnectionResetError):
                closed = True
                break
            time.sleep(0.1)
        self.assertTrue(closed)
        self.assertLess(time.monotonic() - start, 2)

    def test_the_oldest_idle_makes_room(self):
        self.start("max_connections: 5, max_per_client: 100, idle_timeout: 30s")
        conns = [self.connect() for _ in range(5)]
        for s in conns:
            self.ask(s)
        self.ask(conns[0])  # now the second is the one idle for longest
        self.ask(self.connect())
        self.assertTrue(self.is_closed(conns[1]))
        for i in (0, 2, 3, 4):
            self.ask(conns[i])

    def test_limit_per_client(self):
        self.start("max_per_client: 3, idle_timeout: 30s", workers=2)
        conns = [self.connect() for _ in range(3)]
        for s in conns:
            self.ask(s)
        self.assertTrue(self.is_closed(self.connect()))
        other = self.connect(source="127.0.0.9")
        self.ask(other)
        conns[0].close()
        self.d.wait_for(self.can_ask, 3)

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
        self.start("max_connections: 50, max_per_client: 1000, idle_timeout: 30s", workers=2)
        base = self.open_connections()
        conns = [self.connect() for _ in range(400)]
        self.d.wait_for(lambda: self.open_connections() <= base + 50, 5)
        self.ask(self.connect())
        # Those that the kernel still queues go as they are accepted.
        self.d.wait_for(lambda: sum(self.is_closed(s, 0.001) for s in conns) >= 350, 10)

    def test_limits_change_by_reload(self):
        self.start("idle_timeout: 30s")
        s = self.connect()
        self.ask(s)
        text = self.d.read("loadstar.yaml")
        self.d.write("loadstar.yaml", text.replace("idle_timeout: 30s", "idle_timeout: 1s"))
        self.d.reload()
        self.assertTrue(self.is_closed(s, 3))

    def test_descriptors_run_out(self):
        """With no descriptor left, connections wait or are closed; the ones there are go on."""
        d = self.start("max_connections: 1000, max_per_client: 1000")
        used = len(os.listdir(f"/proc/{d.process.pid}/fd"))
        resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, (used + 10, used + 10))
        conns = [self.connect() for _ in range(40)]
        time.sleep(0.5)
        self.assertEqual(d.addresses("www.example.test"), ["192.0.2.1"])  # UDP needs none
        for s in conns:
            s.close()
        d.wait_for(self.can_ask, 5)
        with open(f"/proc/{d.process.pid}/stat") as file:
            ticks = sum(int(x) for x in file.read().rsplit(")", 1)[1].split()[11:13])
        self.assertLess(ticks, 100, "it spins")  # of 10 ms

    def test_stop_finishes_what_is_under_way(self):
        self.start()
        s = self.connect()
        s.sendall(self.www * 50)
        self.assertEqual(self.d.stop(), 0)
        for _ in range(50):
            harness.read_framed(s)


if __name__ == "__main__":
    harness.main()
