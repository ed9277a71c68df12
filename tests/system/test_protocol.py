# SPDX-License-Identifier: Apache-2.0
"""The form of responses: RFC 8906's tests and their neighbours, as one table of raw packets.

Each row says what is sent and what must come back; each is asked over UDP and over TCP. Packets are
built and read here byte by byte, so that no library repairs either side.
"""
import socket
import struct
from typing import NamedTuple

import harness

QR, AA, TC, RD, RA, Z, AD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0040, 0x0020, 0x0010
NOERROR, FORMERR, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 3, 4, 5, 16
A, NS, SOA, TXT, AAAA, OPT, ANY, IXFR, AXFR = 1, 2, 6, 16, 28, 41, 255, 251, 252
IN, CH = 1, 3
NSID, ECS, COOKIE, KEEPALIVE, PADDING, EDE = 3, 8, 10, 11, 12, 15
DO = 0x8000

ZONE = """
zone: example.test
ttl: 1h
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s}
records:
  "@":   {NS: [ns1], A: 192.0.2.1, AAAA: "2001:db8::1", TXT: hello}
  ns1:   {A: 192.0.2.53}
  www:   {A: [192.0.2.80, 192.0.2.81]}
  big:   {TXT: [%s]}
""" % ", ".join(f'"{i:02d}{"x" * 200}"' for i in range(20))


def name(text):
    labels = [label.encode() for label in text.strip(".").split(".")] if text != "." else []
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question(qname="example.test", qtype=SOA, qclass=IN):
    return (name(qname) if isinstance(qname, str) else qname) + struct.pack("!HH", qtype, qclass)


def option(code, data=b""):
    return struct.pack("!HH", code, len(data)) + data


def opt(size=1232, flags=0, version=0, options=b"", owner=b"\0"):
    return owner + struct.pack("!HHBBHH", OPT, size, 0, version, flags, len(options)) + options


def record(owner=b"\xc0\x0c", rrtype=A, rdata=b"\xc0\0\2\1"):
    return owner + struct.pack("!HHIH", rrtype, IN, 60, len(rdata)) + rdata


def query(q=None, extra=b"", flags=0, opcode=0, qd=1, an=0, ns=0, ar=0, ident=0x1234):
    body = question() if q is None else q
    return struct.pack("!HHHHHH", ident, flags | opcode << 11, qd, an, ns, ar) + body + extra


def edns(q=None, **kw):
    flags = kw.pop("header", 0)
    return query(q, opt(**kw), flags=flags, ar=1)


def ecs(family, source, address=b"", scope=0):
    return option(ECS, struct.pack("!HBB", family, source, scope) + address)


class Response:
    """A response taken apart: header fields, the question as bytes, records as tuples."""

    def __init__(self, wire):
        self.wire = wire
        self.id, self.flags, qd, an, ns, ar = struct.unpack("!HHHHHH", wire[:12])
        self.opcode = self.flags >> 11 & 15
        self.rcode = self.flags & 15
        self.at = 12
        self.question = b"".join(self._question() for _ in range(qd))
        self.answer, self.authority, additional = (
            [self._record() for _ in range(n)] for n in (an, ns, ar))
        assert self.at == len(wire), f"{len(wire) - self.at} bytes after the last record"
        self.opts = [r for r in additional if r[0] == OPT]
        self.options = {}
        if self.opts:
            _, self.udp_size, ttl, rdata = self.opts[0]
            self.rcode |= ttl >> 24 << 4
            self.version, self.edns_flags = ttl >> 16 & 255, ttl & 0xffff
            self.options = dict(self._options(rdata))

    def _skip_name(self):
        while True:
            n = self.wire[self.at]
            if n >= 0xc0:
                self.at += 2
                return
            self.at += 1 + n
            if n == 0:
                return

    def _question(self):
        start = self.at
        self._skip_name()
        self.at += 4
        return self.wire[start:self.at]

    def _record(self):
        self._skip_name()
        rrtype, rrclass, ttl, n = struct.unpack("!HHIH", self.wire[self.at:self.at + 10])
        self.at += 10 + n
        assert self.at <= len(self.wire), "record cut short"
        return rrtype, rrclass, ttl, self.wire[self.at - n:self.at]

    @staticmethod
    def _options(rdata):
        while rdata:
            code, n = struct.unpack("!HH", rdata[:4])
            yield code, rdata[4:4 + n]
            rdata = rdata[4 + n:]


class Case(NamedTuple):
    what: str
    sent: bytes
    rcode: int = NOERROR
    flags: int = AA              # of AA RD RA Z AD CD: exactly these
    answers: int = 1             # records in the answer section
    opt: bool = False
    echo: bool = True            # the question comes back, byte for byte
    do: bool = False


def error(what, sent, rcode=FORMERR, **kw):
    return Case(what, sent, rcode, **{"flags": 0, "answers": 0, **kw})


MIXED = b"\7eXaMpLe\4TEsT\0"

CASES = [
    # RFC 8906 8.1: basic tests, without EDNS
    Case("SOA of the zone", query()),
    Case("unknown type", query(question(qtype=1000)), answers=0),
    Case("CD=1 is for resolvers", query(flags=CD)),
    Case("AD=1 is not given back", query(flags=AD)),
    Case("the reserved bit is ignored and not given back", query(flags=Z)),
    Case("RD=1 is given back, RA is not set", query(flags=RD), flags=AA | RD),
    Case("all flags of a query", query(flags=RD | Z | AD | TC | AA | RA), flags=AA | RD),
    Case("TC in a query means nothing", query(flags=TC)),
    Case("RCODE in a query means nothing", query(flags=5)),
    *[error(f"opcode {n}, header only", query(b"", opcode=n, qd=0), NOTIMP, echo=False)
      for n in (1, 2, 3, 4, 5, 6, 7, 15)],
    *[error(f"opcode {n}", query(opcode=n), NOTIMP, flags=0) for n in (1, 2, 4, 5, 15)],
    error("opcode 15 and EDNS", query(extra=opt(), opcode=15, ar=1), NOTIMP, opt=True),
    error("opcode 15 and RD", query(opcode=15, flags=RD), NOTIMP, flags=RD),

    # RFC 8906 8.2: EDNS
    Case("EDNS", edns(), opt=True),
    Case("EDNS, 0 bytes of UDP", edns(size=0), opt=True),
    Case("EDNS, 65535 bytes of UDP", edns(size=65535), opt=True),
    *[error(f"EDNS version {n}", edns(version=n), BADVERS, opt=True) for n in (1, 2, 255)],
    Case("unknown option", edns(options=option(100)), opt=True),
    Case("unknown option with data", edns(options=option(65001, b"data")), opt=True),
    Case("unknown EDNS flags", edns(flags=0x0040), opt=True),
    Case("all EDNS flags but DO", edns(flags=0x7fff), opt=True),
    error("version 1 and unknown flags", edns(version=1, flags=0x0040), BADVERS, opt=True),
    error("version 1 and an unknown option", edns(version=1, options=option(100)), BADVERS,
          opt=True),
    error("version 1 and a broken option", edns(version=1, options=b"\0"), BADVERS, opt=True),
    Case("DO=1", edns(flags=DO), opt=True, do=True),
    error("version 1 and DO=1", edns(version=1, flags=DO), BADVERS, opt=True, do=True),
    Case("several known options", edns(options=option(NSID) + option(COOKIE, b"12345678") +
                                       ecs(1, 24, b"\xc0\0\2") + option(9) + option(PADDING, bytes(9))),
         opt=True),
    Case("EDNS after another record", query(extra=record() + opt(), ar=2), opt=True),
    Case("EDNS before another record", query(extra=opt() + record(), ar=2), opt=True),
    Case("EDNS and RD", edns(header=RD), flags=AA | RD, opt=True),

    # RFC 6891 and the options, broken
    error("two OPT", query(extra=opt() + opt(), ar=2), opt=True),
    error("OPT not at the root", query(extra=opt(owner=b"\1a\0"), ar=1), opt=True),
    error("OPT at a compressed owner", query(extra=opt(owner=b"\xc0\x0c"), ar=1), opt=True),
    error("option longer than the OPT", edns(options=b"\0\3\0\5"), opt=True),
    error("half an option", edns(options=b"\0\3"), opt=True),
    error("OPT cut short", edns()[:-1]),
    error("OPT in the authority section", query(extra=opt(), ns=1), opt=True),
    error("cookie of 7 bytes", edns(options=option(COOKIE, bytes(7))), opt=True),
    error("cookie of 9 bytes", edns(options=option(COOKIE, bytes(9))), opt=True),
    error("cookie of 41 bytes", edns(options=option(COOKIE, bytes(41))), opt=True),
    Case("cookie of 40 bytes", edns(options=option(COOKIE, bytes(40))), opt=True),

    # RFC 7871: client subnet
    Case("ECS, IPv4", edns(options=ecs(1, 24, b"\xc0\0\2")), opt=True),
    Case("ECS, IPv6", edns(options=ecs(2, 56, b"\x20\1\x0d\xb8\1\2\3")), opt=True),
    Case("ECS, source 0", edns(options=ecs(1, 0)), opt=True),
    Case("ECS, family 0 and source 0", edns(options=ecs(0, 0)), opt=True),
    error("ECS, family 3", edns(options=ecs(3, 24, b"\xc0\0\2")), opt=True),
    error("ECS, source 33", edns(options=ecs(1, 33, b"\xc0\0\2\1\x80")), opt=True),
    error("ECS, scope set", edns(options=ecs(1, 24, b"\xc0\0\2", scope=24)), opt=True),
    error("ECS, bits past the source", edns(options=ecs(1, 23, b"\xc0\0\3")), opt=True),
    error("ECS, address too short", edns(options=ecs(1, 24, b"\xc0\0")), opt=True),
    error("ECS, address too long", edns(options=ecs(1, 24, b"\xc0\0\2\0")), opt=True),
    error("ECS of 3 bytes", edns(options=option(ECS, b"\0\1\x18")), opt=True),

    # the header's counts (RFC 9619), and the question
    error("header only", query(b"", qd=0), echo=False),
    error("QDCOUNT 0 with EDNS", query(b"", opt(), qd=0, ar=1), opt=True, echo=False),
    error("QDCOUNT 2", query(question() + question(qtype=A), qd=2), echo=False),
    error("QDCOUNT 2 and one question", query(qd=2), echo=False),
    error("QDCOUNT 65535", query(qd=65535), echo=False),
    error("an answer in the query", query(extra=record(), an=1)),
    error("authority in the query", query(extra=record(), ns=1)),
    error("records missing", query(ar=1)),
    error("bytes after the question", query(extra=b"\0")),
    error("bytes after the OPT", query(extra=opt() + b"\0", ar=1), opt=True),
    error("question cut short", query()[:-1], echo=False),
    error("qname without an end", query(b"\7example"), echo=False),
    error("qname a pointer to itself", query(question(b"\xc0\x0c")), echo=False),
    error("qname ends in a pointer", query(question(b"\1a\xc0\x04")), echo=False),
    error("label type 01", query(question(b"\x41a\0")), echo=False),
    error("qname of 256 bytes", query(question(b"\1a" * 127 + b"\1\0")), echo=False),

    # what is asked
    Case("case is preserved", query(question(MIXED))),
    Case("case is preserved with EDNS", edns(question(MIXED), flags=DO), opt=True, do=True),
    Case("two addresses", query(question("www.example.test", A)), answers=2),
    Case("no data", query(question("www.example.test", AAAA)), answers=0),
    Case("no such name", query(question("nothing.example.test", A)), NXDOMAIN, answers=0),
    error("not our zone", query(question("example.com", A)), REFUSED),
    error("the root", query(question(".", NS)), REFUSED),
    error("not our zone, EDNS", edns(question("example.com", A)), REFUSED, opt=True),
    error("class CH, no such name", query(question("example.test", TXT, CH)), REFUSED),
    error("class HS", query(question(qclass=4)), REFUSED),
    error("class NONE", query(question(qclass=254)), REFUSED),
    Case("id.server", query(question("id.server", TXT, CH))),
    Case("hostname.bind", query(question("HostName.Bind", TXT, CH))),
    Case("version.bind", query(question("version.bind", TXT, CH))),
    Case("version.server", query(question("version.server", TXT, CH))),
    Case("ANY is answered in small (RFC 8482)", query(question(qtype=ANY))),
]

# Packets that nothing is to be sent back for.
SILENT = [
    ("a response", query(flags=QR)),
    ("a response with another opcode", query(flags=QR, opcode=5)),
    ("11 bytes", query()[:11]),
    ("1 byte", b"\0"),
]


class Protocol(harness.TestCase):
    def setUp(self):
        self.server = self.daemon(zones={"example.test.yaml": ZONE},
                                  server="identity: ams1\nversion: loadstar test")

    def ask(self, packet, tcp=False):
        wire = self.server.raw(packet, tcp=tcp)
        self.assertIsNotNone(wire, "no response")
        return Response(wire)

    def check(self, case, tcp):
        r = self.ask(case.sent, tcp)
        self.assertEqual(r.id, 0x1234)
        self.assertTrue(r.flags & QR)
        self.assertEqual(r.rcode, case.rcode)
        self.assertEqual(r.opcode, case.sent[2] >> 3 & 15)
        self.assertEqual(r.flags & (AA | TC | RD | RA | Z | AD | CD), case.flags)
        self.assertEqual(len(r.answer), case.answers)
        self.assertEqual(r.question, self.sent_question(case.sent) if case.echo else b"")
        self.assertEqual(len(r.opts), int(case.opt))
        if case.opt:
            self.check_opt(case, r)
        if case.flags & AA and not case.answers:
            self.assertEqual([rr[0] for rr in r.authority], [SOA], "no SOA in a negative answer")
            self.assertEqual(r.authority[0][2], 60, "the negative TTL is the SOA's minimum")
        if not case.flags & AA:
            self.assertEqual(r.authority, [])

    def check_opt(self, case, r):
        self.assertEqual(r.version, 0)
        self.assertEqual(r.edns_flags, DO if case.do else 0)
        self.assertGreaterEqual(r.udp_size, 512)
        self.assertLessEqual(set(r.options), {NSID, ECS, COOKIE, KEEPALIVE, EDE})
        well_formed = (b"12345678", bytes(40))
        self.assertEqual(COOKIE in r.options, any(option(COOKIE, v) in case.sent
                                                  for v in well_formed))
        self.assertEqual(EDE in r.options, case.rcode in (REFUSED, NOTIMP), "RFC 8914")
        self.assertEqual(len(r.opts[0][3]), sum(4 + len(v) for v in r.options.values()),
                         "an option twice")

    @staticmethod
    def sent_question(packet):
        at = 12
        while packet[at]:
            at += 1 + packet[at]
        return packet[12:at + 5]

    def test_table(self):
        for case in CASES:
            for tcp in (False, True):
                with self.subTest(case.what, tcp=tcp):
                    self.check(case, tcp)

    def test_silence(self):
        for what, packet in SILENT:
            with self.subTest(what):
                self.assertIsNone(self.server.raw(packet, timeout=0.2))
                self.assertIsNone(self.server.raw(packet, tcp=True, timeout=0.2))
        self.assertEqual(self.ask(query()).rcode, NOERROR)

    def test_every_opcode_and_flag(self):
        """Flag words of all opcodes: the RCODE, and which flags come back."""
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(s.close)
        s.settimeout(60)
        s.connect((self.server.address, self.server.port))
        for flags in range(0, 0x8000, 7):  # a step that meets every bit in every state
            s.send(query(flags=flags))
            r = Response(s.recv(4096))
            opcode = flags >> 11 & 15
            self.assertEqual(r.opcode, opcode)
            self.assertEqual(r.rcode, NOTIMP if opcode else NOERROR)
            self.assertEqual(r.flags & (QR | AA | TC | RD | RA | Z | AD | CD),
                             QR | (0 if opcode else AA) | (flags & RD))

    def test_nsid(self):
        for tcp in (False, True):
            r = self.ask(edns(options=option(NSID)), tcp)
            self.assertEqual(r.options[NSID], b"ams1")
            self.assertNotIn(NSID, self.ask(edns(), tcp).options)
            r = self.ask(edns(question("example.com"), options=option(NSID)), tcp)
            self.assertEqual((r.rcode, r.options[NSID]), (REFUSED, b"ams1"))

    def test_client_subnet_is_echoed_with_scope_0(self):
        for sent in (ecs(1, 24, b"\xc0\0\2"), ecs(1, 1, b"\x80"), ecs(1, 0), ecs(0, 0),
                     ecs(2, 56, b"\x20\1\x0d\xb8\1\2\3"), ecs(2, 128, bytes(16))):
            r = self.ask(edns(options=sent))
            self.assertEqual(r.options[ECS], sent[4:])
            r = self.ask(edns(question("nothing.example.test"), options=sent))
            self.assertEqual((r.rcode, r.options[ECS]), (NXDOMAIN, sent[4:]))
        self.assertNotIn(ECS, self.ask(edns()).options)

    def test_tcp_keepalive(self):
        """RFC 7828: answered over TCP with a timeout, never over UDP, never unasked."""
        r = self.ask(edns(options=option(KEEPALIVE)), tcp=True)
        self.assertEqual(len(r.options[KEEPALIVE]), 2)
        self.assertNotIn(KEEPALIVE, self.ask(edns(), tcp=True).options)
        self.assertNotIn(KEEPALIVE, self.ask(edns(options=option(KEEPALIVE))).options)

    def test_chaos(self):
        for qname, text in (("id.server", b"ams1"), ("hostname.bind", b"ams1"),
                            ("version.bind", b"loadstar test"),
                            ("version.server", b"loadstar test")):
            rrtype, rrclass, ttl, rdata = self.ask(query(question(qname, TXT, CH))).answer[0]
            self.assertEqual((rrtype, rrclass, rdata), (TXT, CH, bytes([len(text)]) + text))

    def test_chaos_not_configured(self):
        plain = self.daemon(zones={"example.test.yaml": ZONE})
        for qname in ("id.server", "hostname.bind", "version.bind", "version.server"):
            r = Response(plain.raw(query(question(qname, TXT, CH))))
            self.assertEqual((r.rcode, r.answer), (REFUSED, []))
        r = Response(plain.raw(edns(options=option(NSID))))
        self.assertNotIn(NSID, r.options)

    def test_any_is_minimal(self):
        for tcp in (False, True):
            r = self.ask(query(question(qtype=ANY)), tcp)
            self.assertEqual(len({rr[0] for rr in r.answer}), 1)
            r = self.ask(query(question("nothing.example.test", ANY)), tcp)
            self.assertEqual((r.rcode, r.answer), (NXDOMAIN, []))

    def test_transfers_are_refused(self):
        for qtype in (AXFR, IXFR):
            for tcp in (False, True):
                r = self.ask(query(question(qtype=qtype)), tcp)
                self.assertIn(r.rcode, (REFUSED, NOTIMP, FORMERR))
                self.assertEqual(r.answer, [])

    def test_sizes(self):
        """TC and no answer beyond the client's limit or 1232; an OPT even then; all over TCP."""
        big = question("big.example.test", TXT)
        for sent, limit in ((query(big), 512), (edns(big, size=512), 512), (edns(big, size=0), 512),
                            (edns(big, size=1232), 1232), (edns(big, size=65535), 1232)):
            r = self.ask(sent)
            self.assertLessEqual(len(r.wire), limit)
            self.assertEqual((r.flags & TC, r.rcode, r.answer), (TC, NOERROR, []))
            self.assertEqual(len(r.opts), sent[11])
            r = self.ask(sent, tcp=True)
            self.assertEqual((r.flags & TC, len(r.answer)), (0, 20))

    def test_tcp_pipelining(self):
        """RFC 7766 6.2.1.1: queries sent at once, in pieces that cut anywhere, are all answered."""
        sent = {i: query(question(f"{'www' if i % 2 else 'none'}.example.test", A), ident=i)
                for i in range(200)}
        stream = b"".join(struct.pack("!H", len(p)) + p for p in sent.values())
        with socket.create_connection((self.server.address, self.server.port), 60) as s:
            for at in range(0, len(stream), 777):
                s.sendall(stream[at:at + 777])
            got = {}
            for _ in sent:
                r = Response(harness.read_framed(s))
                got[r.id] = r
        self.assertEqual(set(got), set(sent))
        for i, r in got.items():
            self.assertEqual(r.rcode, NOERROR if i % 2 else NXDOMAIN)

    def test_tcp_byte_by_byte(self):
        packet = query()
        with socket.create_connection((self.server.address, self.server.port), 60) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in struct.pack("!H", len(packet)) + packet:
                s.sendall(bytes([byte]))
            self.assertEqual(Response(harness.read_framed(s)).rcode, NOERROR)

    def test_tcp_half_closed(self):
        """A client that shuts down its side after asking still gets its answers."""
        packet = query()
        with socket.create_connection((self.server.address, self.server.port), 60) as s:
            s.sendall((struct.pack("!H", len(packet)) + packet) * 3)
            s.shutdown(socket.SHUT_WR)
            for _ in range(3):
                self.assertEqual(Response(harness.read_framed(s)).rcode, NOERROR)
            self.assertEqual(s.recv(1), b"")

    def test_tcp_goes_on_after_an_error(self):
        with socket.create_connection((self.server.address, self.server.port), 60) as s:
            for packet, rcode in ((query(qd=2), FORMERR), (query(opcode=9), NOTIMP),
                                  (query(), NOERROR)):
                s.sendall(struct.pack("!H", len(packet)) + packet)
                self.assertEqual(Response(harness.read_framed(s)).rcode, rcode)


if __name__ == "__main__":
    harness.main()
