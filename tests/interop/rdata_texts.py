# SPDX-License-Identifier: Apache-2.0
"""Texts of records of every type, right and wrong: `Texts(seed).make(n)`.

A type is a list of fields, each a function that writes one; a record is made of right fields, and
then, most of the time, one or two things are done to it: a number at or past its bounds, a digit
too many or too few, a word that is missing, doubled, quoted, split, escaped or in parentheses, or
all of it as `\\#` with a length that fits or does not."""
import base64
import random
import string

HEX = string.hexdigits
BASE32 = "0123456789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUV"
TYPES = ["A", "NS", "MX", "AAAA", "TXT", "RRSIG", "TYPE1", "TYPE256", "TYPE65280", "CAA", "SOA", "type64", "NSEC3"]
ALGORITHMS = ["RSASHA256", "ED25519", "ECDSAP256SHA256", "PRIVATEDNS"]


class Texts:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        r = self
        name, u8, u16, u32 = r.name, r.u8, r.u16, r.u32
        self.forms = {
            "A": [r.ipv4], "AAAA": [r.ipv6], "NS": [name], "MD": [name], "MF": [name],
            "CNAME": [name], "MB": [name], "MG": [name], "MR": [name], "PTR": [name],
            "DNAME": [name], "NSAP-PTR": [name], "MINFO": [name, name], "RP": [name, name],
            "TALINK": [name, name], "MX": [u16, name], "AFSDB": [u16, name], "RT": [u16, name],
            "KX": [u16, name], "LP": [u16, name], "PX": [u16, name, name],
            "SRV": [u16, u16, u16, name], "SOA": [name, name, u32, r.ttl, r.ttl, r.ttl, r.ttl],
            "HINFO": [r.string, r.string], "TXT": [r.strings], "SPF": [r.strings],
            "NINFO": [r.strings], "AVC": [r.strings], "WALLET": [r.strings], "RESINFO": [r.strings],
            "X25": [r.digits], "ISDN": [r.string, r.maybe(r.string)],
            "GPOS": [r.degrees, r.degrees, r.degrees], "NSAP": [r.nsap],
            "WKS": [r.ipv4, r.protocol, r.ports], "LOC": [r.location], "APL": [r.prefixes],
            "NAPTR": [u16, u16, r.string, r.string, r.regexp, name],
            "CERT": [r.cert_type, u16, r.algorithm, r.base64],
            "DS": [u16, r.algorithm, r.digest(2, {1: 20, 2: 32, 3: 32, 4: 48})],
            "CDS": [u16, r.algorithm, r.digest(2, {1: 20, 2: 32, 3: 32, 4: 48})],
            "DLV": [u16, r.algorithm, r.digest(2, {1: 20, 2: 32, 3: 32, 4: 48})],
            "TA": [u16, r.algorithm, r.digest(2, {1: 20, 2: 32, 3: 32, 4: 48})],
            "SSHFP": [u8, r.digest(1, {1: 20, 2: 32})],
            "TLSA": [u8, u8, r.digest(2, {1: 32, 2: 64})],
            "SMIMEA": [u8, u8, r.digest(2, {1: 32, 2: 64})],
            "ZONEMD": [u32, u8, r.digest(2, {1: 48, 2: 64})],
            "DNSKEY": [u16, r.protocol3, r.algorithm, r.base64],
            "CDNSKEY": [u16, r.protocol3, r.algorithm, r.base64],
            "RKEY": [u16, r.protocol3, r.algorithm, r.base64],
            "KEY": [u16, r.protocol3, r.algorithm, r.base64],
            "RRSIG": [r.rrtype, r.algorithm, u8, u32, r.time, r.time, u16, name, r.base64],
            "SIG": [r.rrtype, r.algorithm, u8, u32, r.time, r.time, u16, name, r.base64],
            "NSEC": [name, r.types], "NXT": [name, r.types],
            "NSEC3": [u8, u8, u16, r.salt, r.hash, r.types], "NSEC3PARAM": [u8, u8, u16, r.salt],
            "CSYNC": [u32, u16, r.types], "DHCID": [r.base64], "OPENPGPKEY": [r.base64],
            "IPSECKEY": [u8, r.gateway], "AMTRELAY": [u8, r.relay], "HIP": [u8, r.tag, r.base64_word, r.names],
            "NID": [u16, r.node], "L64": [u16, r.node], "L32": [u16, r.ipv4],
            "EUI48": [r.eui(6)], "EUI64": [r.eui(8)], "URI": [u16, u16, r.string],
            "CAA": [u8, r.tag_word, r.string], "EID": [r.hex], "NIMLOC": [r.hex],
            "SVCB": [r.priority, name, r.params], "HTTPS": [r.priority, name, r.params],
            "DOA": [u32, u32, u8, r.string, r.base64], "SINK": [u8, u8, u8, r.base64],
            "A6": [r.a6], "NULL": [r.hex], "DSYNC": [r.rrtype, u8, u16, name],
            "TYPE65280": [r.hex], "TYPE731": [r.hex],
        }

    # --- fields ---

    def pick(self, *choices):
        return self.rng.choice(choices)

    def one_in(self, n):
        return self.rng.randrange(n) == 0

    def number(self, most):
        if self.one_in(40):
            return self.pick(str(most + 1), str(most + 2), "-1", str(most * 256), str(2**32),
                             str(2**64), str(2**64 + 1), "+1", "0x1", "1.0", "1e3", "x", "1x", "0" * 30 + "1")
        return self.pick("0", "1", str(most), str(self.rng.randrange(most + 1)),
                         str(self.rng.randrange(min(most, 300))))

    def u8(self):
        return self.number(255)

    def u16(self):
        return self.number(65535)

    def u32(self):
        return self.number(2**32 - 1)

    def ttl(self):
        return self.pick(self.u32(), "1h", "1h30m", "2W", "1d2h3m4s", "5") if not self.one_in(40) else self.pick(
            "1y", "h", "1h1", "4294967296", "7102w")

    def label(self):
        if self.one_in(25):
            return self.pick("a" * 63, "a" * 64, "", "*", "a\\.b", "\\046", "\\300", "\\0", "\\09x", "a\\", "\\@", "@@", "a b",
                             "\\032", "\\255", "\xe9", "_x", "-", "a/b", "a" * 62 + "\\.", "\\\"", "a&b", "%", "a,b", "$x")
        return "".join(self.rng.choice("abcxyzABC019-_") for _ in range(self.rng.randrange(1, 9)))

    def name(self):
        if self.one_in(8):
            return self.pick("@", ".", "mail", "ns1.example.net.", "a..b", ".a", "x.", "..",
                             ".".join(["a" * 63] * 3 + ["b" * self.rng.randrange(40, 64)]) + ".",
                             ".".join(["a" * 63] * 3 + ["b" * self.rng.randrange(40, 64)]))
        return ".".join(self.label() for _ in range(self.rng.randrange(1, 4))) + self.pick("", ".")

    def names(self):
        return " ".join(self.name() for _ in range(self.rng.randrange(0, 4)))

    def string(self):
        text = "".join(self.pick("a", "b", " ", "x1", "=", ";" , ",", "\\\"", "\\\\", "\\065", "\\000", "\\255", "\xfc", "(", "/", "!",
                                 ".", "\\a", "'") for _ in range(self.rng.randrange(0, 12)))
        if self.one_in(40):
            text += self.pick("\\256", "\\999", "\\25", "a" * 255, "a" * 256, "\\", "a" * 300)
        quote = '"' if self.rng.randrange(4) or any(c in text for c in " ;(") or not text else ""
        return quote + text + quote

    def strings(self):
        return " ".join(self.string() for _ in range(self.pick(1, 1, 1, 2, 3)))

    def maybe(self, field):
        return lambda: field() if self.rng.randrange(2) else ""

    def digits(self):
        return self.pick('"', "").join(["", "".join(self.rng.choice("0123456789") for _ in range(
            self.rng.randrange(3, 9))) + ("x" if self.one_in(20) else ""), ""])

    def degrees(self):
        return f"{self.rng.randrange(-180, 181)}.{self.rng.randrange(1000)}"

    def ipv4(self):
        parts = [str(self.rng.randrange(256)) for _ in range(4)]
        if self.one_in(20):
            parts = self.pick(parts[:3], parts + ["1"], parts[:3] + ["256"], parts[:3] + ["01"], parts[:3] + [""],
                              parts[:3] + ["-1"], ["0"] * 4, ["255"] * 4, parts[:3] + ["1x"])
        return ".".join(parts)

    def ipv6(self):
        if self.one_in(12):
            return self.pick("::", "::1", "1::", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", ":::", "1::2::3",
                             "12345::", "::1.2.3", "g::", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:1.2.3.4", "::1%eth0", "[::1]", "::1/64")
        groups = [f"{self.rng.randrange(65536):x}" for _ in range(8)]
        if self.rng.randrange(2):
            at = self.rng.randrange(7)
            return ":".join(groups[:at]) + "::" + ":".join(groups[at + 2:])
        return ":".join(groups)

    def hex(self, n=None):
        n = self.rng.randrange(1, 20) if n is None else n
        return "".join(self.rng.choice(HEX) for _ in range(2 * n))

    def tag(self):
        return self.hex(16)

    def salt(self):
        return self.pick("-", self.hex(), self.hex(4), self.hex(255))

    def hash(self):
        return "".join(self.rng.choice(BASE32) for _ in range(self.pick(32, 32, 32, 8, 7, 5, 6, 2, 31)))

    def nsap(self):
        digits = self.hex()
        return "0x" + (digits if self.rng.randrange(2) else digits[:2] + "." + digits[2:])

    def base64(self):
        return base64.b64encode(self.rng.randbytes(self.rng.randrange(1, 40))).decode()

    def base64_word(self):
        return self.base64()

    def digest(self, words, lengths):
        """The type before it, and `words` - 1 fields before that."""
        def write():
            kind = self.pick(*lengths, 0, 9)
            length = lengths.get(kind, self.rng.randrange(1, 60))
            if self.one_in(15):
                length = self.pick(length + 1, length - 1, 20, 32, 48, 64, 1)
            text = self.hex(max(length, 1))
            if self.one_in(20):
                text = self.pick(text[:-1], text + "0", text[:8] + " " + text[8:], text[:7] + " " + text[7:], text + "g")
            return f"{kind if not self.one_in(40) else self.u8()} {text}"
        return write

    def algorithm(self):
        return self.pick(*ALGORITHMS, "8", "13", self.u8(), "ed25519") if not self.one_in(40) else self.pick("RSA", "ED")

    def protocol3(self):
        return "3" if self.rng.randrange(4) else self.u8()

    def cert_type(self):
        return self.pick("PKIX", "pgp", "1", "0", self.u16(), "URI")

    def rrtype(self):
        return self.pick(*TYPES) if not self.one_in(40) else self.pick("TYPE65536", "TYPE", "XX", "TYPE00", "TYPE01", "ANY", "TYPE-1")

    def types(self):
        return " ".join(self.rrtype() for _ in range(self.rng.randrange(0, 6)))

    def time(self):
        if self.one_in(20):
            return self.pick("20260231000000", "20261301000000", "19691231235959", "20260101240000", "20260101006000",
                             "2026010100000", "202601010000000", "20240229000000", "20230229000000", "21060207062816",
                             "20380119031408", "99991231235959", "4294967295", "4294967296", "0", "20260101000060", "20260100000000")
        return (f"{self.rng.randrange(1971, 2100)}{self.rng.randrange(1, 13):02}{self.rng.randrange(1, 29):02}"
                f"{self.rng.randrange(24):02}{self.rng.randrange(60):02}{self.rng.randrange(60):02}")

    def gateway(self):
        kind = self.rng.randrange(4)
        value = [".", self.ipv4(), self.ipv6(), self.name()][kind]
        if self.one_in(20):
            kind = self.pick(0, 1, 2, 3, 4, 255)
        algorithm = self.pick(0, 1, 2, 3)
        return f"{kind} {algorithm} {value} {self.base64() if algorithm or self.one_in(4) else ''}"

    def relay(self):
        kind = self.rng.randrange(4)
        value = [".", self.ipv4(), self.ipv6(), self.name()][kind]
        if self.one_in(20):
            kind = self.pick(0, 1, 2, 3, 4, 127, 128)
        return f"{self.pick(0, 1, 0, 1, 0, 1, 2)} {kind} {value}"

    def node(self):
        groups = [f"{self.rng.randrange(65536):x}" for _ in range(4)]
        if self.one_in(20):
            groups = self.pick(groups[:3], groups + ["1"], groups[:3] + [""], groups[:3] + ["12345"], groups[:3] + ["g"])
        return ":".join(groups)

    def eui(self, n):
        def write():
            groups = [f"{self.rng.randrange(256):02x}" for _ in range(n)]
            if self.one_in(15):
                groups = self.pick(groups[:-1], groups + ["00"], groups[:-1] + ["0"], groups[:-1] + ["0g"], groups[:-1] + ["000"])
            return self.pick("-", "-", "-", "-", "-", "-", "-", "-", ":", "").join(groups)
        return write

    def tag_word(self):
        return self.pick("issue", "issuewild", "iodef", "Issue", "x1") if not self.one_in(40) else self.pick("is-sue", "", "a.b", "a" * 255, "a" * 256)

    def regexp(self):
        return self.pick('""', '"!^.*$!sip:info@example.com!"', '"/a/b/i"')

    def protocol(self):
        return self.pick("tcp", "udp", "6", "17", self.u8(), "TCP")

    def ports(self):
        return " ".join(self.pick("smtp", "domain", "80", "http", self.u16()) for _ in range(self.rng.randrange(0, 4)))

    def angle(self, most, letters):
        degrees = self.rng.randrange(most + 1) if not self.one_in(40) else self.pick(most, most + 1, -1)
        minutes = self.rng.randrange(60) if not self.one_in(40) else self.pick(59, 60, -1)
        seconds = f"{self.rng.randrange(60)}{self.pick('', '.', '.5', '.123', '.12', '.1234') if self.one_in(3) else ''}" \
            if not self.one_in(40) else self.pick("59.999", "60", "60.000", "-1", ".5", "1.", "59.9999")
        if degrees == most and self.rng.randrange(2):
            minutes = seconds = "0"
        parts = [str(degrees), str(minutes), seconds][:self.pick(1, 2, 3, 3, 3)]
        return " ".join(parts + [self.pick(*letters)])

    def metres(self, low, high):
        if self.one_in(20):
            return self.pick(f"{high}", f"{high + 1}", f"{high}.95", f"{high}.96", f"{low}", f"{low - 1}", f"{low}.01", "m", "1.234", "1.",
                             "1mm", "1k", ".5", "+1", "-0", "-0.01", "1M")
        return f"{self.pick(0, 1, 10, 2000, self.rng.randrange(0, 10000), self.rng.randrange(0, 90000000))}" \
               f"{self.pick('', '.5', '.50', '.05', '.99', '.00')}{self.pick('m', 'm', '')}"

    def location(self):
        text = f"{self.angle(90, 'NS' * 9 + 's')} {self.angle(180, 'EW' * 9 + 'w')} {self.pick('', '', '-')}{self.metres(-100000, 42849672)}"
        for _ in range(self.pick(0, 0, 1, 2, 3, 3, 4 if self.one_in(5) else 3)):
            text += " " + self.metres(0, 90000000)
        return text

    def prefixes(self):
        out = []
        for _ in range(self.pick(0, 1, 1, 2, 3)):
            v4 = self.rng.randrange(2)
            most = 32 if v4 else 128
            bits = self.rng.randrange(most + 1) if not self.one_in(20) else self.pick(most, most + 1, 255, 256, -1, "", "x")
            address = self.pick(self.ipv4(), "0.0.0.0", "10.0.0.0") if v4 else self.pick(self.ipv6(), "::", "2001:db8::")
            family = (1 if v4 else 2) if not self.one_in(30) else self.pick(1, 2, 3, 0, "")
            out.append(f"{self.pick('', '', '!')}{family}:{address}/{bits}")
        return " ".join(out)

    def a6(self):
        bits = self.pick(0, 64, 128, 48, self.rng.randrange(129), 129 if self.one_in(10) else 0)
        return f"{bits} {self.ipv6() if bits < 128 else ''} {self.name() if bits else ''}"

    # --- SvcParams ---

    def priority(self):
        return self.pick("1", "1", "2", "16", "0" if self.one_in(6) else "3", self.u16())

    def alpn(self):
        return self.pick("h2", "h2,h3", "h3-29", "http/1.1", "h2,h3,dot", "a\\\\,b,c", "f\\\\\\\\oo\\\\,bar,h2",
                         "\\092\\044", "\\104\\050", "f\\\\\\092oo\\092,bar,h2", "part1\\,part2", "", ",h2", "h2,", "h2,,h3",
                         "\\\\x", "a" * 255, "a" * 256, "a\\\\", "\xe4,b")

    def value(self, key):
        pick = self.pick
        good = {"alpn": self.alpn, "port": lambda: pick("443", "0", "65535", self.u16()),
                "ipv4hint": lambda: ",".join(self.ipv4() for _ in range(self.rng.randrange(1, 4))),
                "ipv6hint": lambda: ",".join(self.ipv6() for _ in range(self.rng.randrange(1, 3))),
                "ech": self.base64, "mandatory": lambda: ",".join(self.rng.sample(
                    ["alpn", "port", "ipv4hint", "key667", "ech", "key1"], self.rng.randrange(1, 4))),
                "dohpath": lambda: pick("/dns-query{?dns}", "/{?dns}", "/q{?dns,x}", "/x", "dns-query{?dns}", "/q{&dns}", "/q{?dns*}",
                                        "/q{?dnsx}", "/a{b}{?dns}", "/{?dns", "", "/{?x,dns}", "https://a/{?dns}")}
        if key in good and not self.one_in(25):
            return good[key]()
        return self.string().strip('"') if not self.one_in(3) else pick("", "x", "1", "hello\\210qoo")

    def param(self):
        key = self.pick("alpn", "alpn", "port", "ipv4hint", "ipv6hint", "ech", "dohpath", "no-default-alpn", "mandatory", "key667",
                        "key65280", f"key{self.rng.randrange(0, 70000) if self.one_in(3) else self.rng.randrange(700, 70000)}"
                        if self.one_in(4) else "port", "key0667" if self.one_in(8) else "ipv4hint", "Alpn" if self.one_in(15) else "alpn",
                        "foo" if self.one_in(15) else "port")
        if key == "no-default-alpn" and self.rng.randrange(8):
            return ["alpn=h2", key]
        if key not in ("no-default-alpn",) and not key.startswith("key") and not self.one_in(30) or self.rng.randrange(2):
            value = self.value(key)
            quote = '"' if self.rng.randrange(2) or any(c in value for c in ' ;("') else ""
            if self.one_in(60):
                quote += " "
            return [f"{key}={quote}{value}{quote}"]
        return [key + self.pick("", "", "", "=")]

    def params(self):
        out = []
        for _ in range(self.pick(0, 1, 1, 2, 3, 4)):
            out += self.param()
        return " ".join(out)

    # --- whole records ---

    def generic(self, kind):
        """`\\#`: of the right length or not, of bytes that look like the type's or not."""
        n = self.pick(0, 0, 1, 2, 3, 4, 5, 6, 8, 16, 17, 20, 22, self.rng.randrange(64))
        data = self.pick(self.rng.randbytes(n), bytes(n), b"\x00" * n, bytes(self.rng.randrange(4) for _ in range(n)),
                         bytes([0, self.rng.randrange(4)]) + b"\x03abc\x00", b"\x03abc\x00" * 2, b"\xc0\x0c", b"\x01a\xc0\x00",
                         bytes([0, 1]) + b"\xc0\x00", b"\x00\x01\x00\x00\x01\x00\x03\x02h2", b"\x00\x01\x00\x00\x03\x00\x02\x00\x50",
                         bytes([0, 6, 64, 1, 0, 0, 0, 3]), b"\x01a\x00\x00\x01\x40", bytes([5]) + b"issuex")
        text = data.hex()
        length = len(data) if not self.one_in(12) else self.pick(len(data) + 1, max(len(data) - 1, 0), 65535, 65536, "", "x", -1)
        if self.one_in(15) and text:
            text = self.pick(text[:-1], text + "0", text + "0g", text[:3] + " " + text[3:], text[:2] + " " + text[2:])
        return f"{kind} \\# {length} {text}"

    def damage(self, text):
        words = text.split(" ")
        i = self.rng.randrange(len(words))
        what = self.rng.randrange(12)
        if what == 0:
            del words[i]
        elif what == 1:
            words.insert(i, words[i])
        elif what == 2:
            words.append(self.pick("x", "1", "a.b.", '""', "0"))
        elif what == 3 and '"' not in words[i]:
            words[i] = f'"{words[i]}"'
        elif what == 4 and words[i]:
            at = self.rng.randrange(len(words[i]))
            words[i] = words[i][:at] + words[i][at + 1:]
        elif what == 5 and words[i]:
            at = self.rng.randrange(len(words[i]) + 1)
            words[i] = words[i][:at] + self.pick("0", "9", "a", ".", "-", ",", "=", "\\", "x", "/", ":", "\\065", "\\999") + words[i][at:]
        elif what == 6 and words[i] and '"' not in text:
            at = self.rng.randrange(len(words[i]) + 1)
            words[i] = words[i][:at] + " " + words[i][at:]
        elif what == 7:
            words[i] = self.pick("65536", "256", "4294967296", "-1", "", "0", "\\# 0", "@", ".")
        elif what == 8:
            return " ".join(words[:i])
        elif what == 9 and len(words) > 1:
            k = self.rng.randrange(len(words))
            words[i], words[k] = words[k], words[i]
        elif what == 10 and '"' not in text and "\\" not in text:
            words[i] = f"( {words[i]} )"
        else:
            words[i] = words[i].swapcase()
        return " ".join(words)

    def record(self):
        kind = self.rng.choice(list(self.forms))
        if kind.startswith("TYPE") or kind == "NULL" or self.one_in(8):
            return self.generic(kind)
        text = " ".join(field() for field in self.forms[kind])
        for _ in range(self.pick(0, 0, 0, 1, 1, 2)):
            text = self.damage(text)
        return f"{kind} {text}"

    @staticmethod
    def is_whole(text):
        """Whether nothing of it can reach into the line after it: quotes and parentheses end."""
        quoted = False
        depth = 0
        i = 0
        while i < len(text):
            c = text[i]
            if c == "\\":
                i += 1
                if i >= len(text):
                    return False
            elif c == '"':
                quoted = not quoted
            elif not quoted and c == ";":
                break
            elif not quoted and c in "()":
                depth += 1 if c == "(" else -1
                if depth < 0:
                    return False
            i += 1
        return not quoted and depth == 0

    def make(self, n):
        texts = []
        while len(texts) < n:
            text = self.record()
            if self.is_whole(text) and "\n" not in text:
                texts.append(text)
        return texts
