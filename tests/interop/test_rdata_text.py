# SPDX-License-Identifier: Apache-2.0
"""100,000 records of every type, right and wrong, as text: what we make of them beside BIND and Knot.

Each record is read by our reader (rdata_wire), by BIND's named-compilezone and by Knot's zone scanner,
and what each accepts is compared byte by byte. Every difference that is meant is a row of DELIBERATE,
with its reason; a row that explains nothing any more fails as well. What we accept is also printed and
read again, and has to be the same. RDATA_RECORDS and RDATA_SEED make it longer or other.
"""
import os
import re
import shutil
import tempfile
import unittest

import rdata_peers
import rdata_texts

LONG = "a hundred thousand records"

RECORDS = int(os.environ.get("RDATA_RECORDS", "100000"))
SEED = int(os.environ.get("RDATA_SEED", "20260801"))
WIRE = os.path.join(os.environ.get("BUILD", "build-test/release"), "tests/interop/rdata_wire")

# Knot 3.2 has no text for the others; and of bytes above 127 it wants the escaped form, of any type.
KNOT_TYPES = set("""A NS CNAME SOA PTR HINFO MINFO MX TXT RP AFSDB RT KEY AAAA LOC SRV NAPTR KX CERT DNAME APL DS
    SSHFP IPSECKEY RRSIG NSEC DNSKEY DHCID NSEC3 NSEC3PARAM TLSA SMIMEA CDS CDNSKEY OPENPGPKEY CSYNC ZONEMD SVCB
    HTTPS SPF NID L32 L64 LP EUI48 EUI64 URI CAA""".split())
DIGESTS = "DS CDS DLV TA SSHFP TLSA SMIMEA ZONEMD"
KEYS = "DNSKEY CDNSKEY KEY RKEY CERT RRSIG SIG OPENPGPKEY DHCID IPSECKEY"
SVCB = "SVCB HTTPS"
NAMES = "NS CNAME PTR DNAME MINFO RP MX AFSDB RT KX LP SRV SOA NAPTR"


def labels_of(name):
    n = at = 0
    while name[at]:
        at += 1 + name[at]
        n += 1
    return n


def has(pattern):
    """The text matches."""
    return lambda text, data: re.search(pattern, text)


def outside_quotes(pattern):
    return lambda text, data: re.search(pattern, re.sub(r'"(\\.|[^"\\])*"', '""', text))


def any_text(text, data):
    return True


# (whose, what, types, when, why). `what`: "accepts" what we refuse, "refuses" what we accept, or
# "differs": makes other bytes of it. `when` gets the text and our rdata (or None).
DELIBERATE = [
    # BIND 9.18
    ("BIND", "refuses", "MD MF", any_text, "obsolete by RFC 973, harmless to serve"),
    ("BIND", "refuses", "RKEY", lambda text, data: data[:2] != b"\0\0",
     "wants flags of 0, which the draft of RKEY says and no RFC"),
    ("BIND", "refuses", "RRSIG SIG", lambda text, data: data[3] < labels_of(data[18:]),
     "wants at least as many labels as the signer's name has: for validators to judge"),
    ("BIND", "refuses", "NAPTR", any_text, "looks into the regular expression"),
    ("BIND", "refuses", "IPSECKEY", lambda text, data: data[2] == 0, "no key with algorithm 0 is RFC 4025 2.4"),
    ("BIND", "refuses", "URI", lambda text, data: not re.search(r' [( ]*"', text), "wants quotes around the URI; so does nobody else"),
    ("BIND", "refuses", "", has(r"\b0{9}"), "a number with many zeros before it is a number"),
    ("BIND", "refuses", "RRSIG SIG", has(r" \d{1,9} +(\d+ +)?\d+ +\S+ +\S+$"),
     "seconds since 1970 may have fewer than ten digits"),
    ("BIND", "accepts", "AMTRELAY", has(r"\\#"), "relay types above 3 are undefined, RFC 8777 4.2.3"),
    ("BIND", "accepts", "LOC", has(r"\\#"), "of LOC there is version 0 alone, RFC 1876 2"),
    ("BIND", "accepts", "LOC", has(r" \.\d| [-+]+[\d.]+m?\b|90000000\.95"),
     "a number begins with a digit; sizes are from 0 to 90000000.00 m"),
    ("BIND", "accepts", "EUI48 EUI64", any_text, "each byte has two digits, and none is left over: RFC 7043 3.2, 4.2"),
    ("BIND", "accepts", "RRSIG SIG", has(r" 19[0-6]\d{11}"), "times begin in 1970"),
    ("BIND", "accepts", "NXT NSEC NSEC3 CSYNC DSYNC RRSIG SIG", has(r" (0|TYPE0+|\d+)\b"),
     "a type has a name or is TYPEN, and 0 is none"),
    ("BIND", "accepts", "SINK", any_text, "a record without data says nothing"),
    ("BIND", "accepts", "SSHFP", any_text, "a fingerprint has digits"),
    ("BIND", "accepts", "TLSA SMIMEA", any_text, "a digest has the length of its algorithm, RFC 6698 2.1.3"),
    ("BIND", "accepts", "DS CDS DLV TA", lambda text, data: re.search(r" (3|GOST) |\\#", text),
     "a digest of GOST has 32 bytes, RFC 5933 4"),
    ("BIND", "accepts", "URI", has(r'""|\\#'), "the URI is not empty, RFC 7553 4.4"),
    ("BIND", "accepts", "DNSKEY CDNSKEY KEY RKEY", has(r" (0x|[A-Z]|\d+e)"), "flags and protocols are decimal numbers"),
    ("BIND", "accepts", SVCB, has(r"[A-Z0-9]=| [A-Z-]+( |$)"), "keys are in lower case, RFC 9460 2.1"),
    ("BIND", "accepts", SVCB, has(r'^\S+[ (]+\S+[ ()]+"'), "a name has no quotes"),
    ("BIND", "accepts", SVCB, has(r"\\"), "a backslash that escapes neither a comma nor a backslash: RFC 9460 A.1; BIND drops it, Knot keeps it"),
    ("BIND", "accepts", "TXT SPF NINFO AVC WALLET RESINFO HINFO", has(r"\\#"), "after \\# comes a length, RFC 3597 5"),
    # Knot 3.2
    ("Knot", "refuses", NAMES + " NSEC RRSIG IPSECKEY", outside_quotes(r"[^A-Za-z0-9_.\\*/ \"()+=;-]"),
     "its names have fewer characters"),
    ("Knot", "refuses", NAMES + " NSEC", outside_quotes("="), "its names have fewer characters"),
    ("Knot", "refuses", "", has(r"\( ?\S* ?\("), "it has no parentheses in parentheses"),
    ("Knot", "refuses", "", outside_quotes(r'""[^ ]|[^ =(]""'), "it wants blanks around quotes"),
    ("Knot", "refuses", "NID L64", has(r"\b[0-9a-fA-F]{1,3}(:|$| )"), "RFC 6742 lets leading zeros go"),
    ("Knot", "refuses", "KEY", lambda text, data: len(data) == 4, "RFC 2535 3.1.2: flags say that there is no key"),
    ("Knot", "refuses", "IPSECKEY", lambda text, data: data[2] == 0, "with algorithm 0 there may be a key"),
    ("Knot", "refuses", KEYS + " " + DIGESTS, has(r"\S +\S"), "its digits are in words of whole groups"),
    ("Knot", "refuses", "NSEC3", any_text, "its hashes are those of SHA-1, of any algorithm"),
    ("Knot", "refuses", "NSEC CSYNC NSEC3", has(r"ANY"), "it knows no meta types in bitmaps"),
    ("Knot", "refuses", "LOC", has(r" \+\d"), "it has no sign for altitudes above zero"),
    ("Knot", "refuses", "SOA", has(r"\d[a-zA-Z]\d+( |$)"), "1h1 is an hour and a second"),
    ("Knot", "refuses", SVCB, any_text, "its values are checked less, and refused more"),
    ("Knot", "accepts", "IPSECKEY", has(r"^\S+( +[()]*\S+){4}[ )]*$"), "a key is missing, and the algorithm is not 0"),
    ("Knot", "accepts", "KEY", has(r" (49|[56]\d)\d{3} "), "the flags say that there is no key"),
    ("Knot", "accepts", KEYS, has("="), "base64 has zero bits at its end, RFC 4648 3.5; and = nowhere else"),
    ("Knot", "accepts", "", has(r"\\[2-9]\d\d"), "an escape is at most \\255"),
    ("Knot", "accepts", "CAA", any_text, "a tag is letters and digits, RFC 8659 4.1"),
    ("Knot", "accepts", "NSEC", any_text, "there is at least one type, and none is 0: RFC 4034 4.1.2"),
    ("Knot", "accepts", "CSYNC NSEC3", has(r"TYPE0"), "type 0 is none"),
    ("Knot", "accepts", "NSEC3", any_text, "the hash has the length of SHA-1 if the algorithm is that"),
    ("Knot", "accepts", DIGESTS, any_text, "a digest has the length of its algorithm"),
    ("Knot", "accepts", "LOC", has(r"\b(90|180) "), "180 degrees and some minutes are more than 180 degrees"),
    ("Knot", "accepts", "URI", has(r'""'), "the URI is not empty, RFC 7553 4.4"),
    ("Knot", "accepts", "TXT SPF HINFO NAPTR URI CAA", has(r".{255}"), "it makes several strings of a long one"),
    ("Knot", "accepts", SVCB, has(r"\\|key0\d|no-default-alpn"), "RFC 9460 2.1, 7.1.1 and A.1"),
]


def explain(whose, what, text, data):
    """The index of the row that a difference is meant by, or None."""
    kind = text.split(" ", 1)[0]
    for i, (who, which, types, when, _) in enumerate(DELIBERATE):
        if who == whose and which == what and (not types or kind in types.split()) and when(text, data):
            return i
    return None


def difference(ours, theirs):
    if ours == theirs:
        return None
    return "accepts" if ours is None else "refuses" if theirs is None else "differs"


class RdataText(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for tool, package in (("named-compilezone", "bind9-utils"), ("cc", "gcc")):
            if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin"):
                raise unittest.SkipTest(f"no {tool} (package {package})")
        if not os.path.exists("/usr/include/libzscanner/scanner.h"):
            raise unittest.SkipTest("no libzscanner (package libknot-dev)")
        cls.texts = rdata_texts.Texts(SEED).make(RECORDS)
        cls.ours = rdata_peers.ours(cls.texts, WIRE)

    def test_what_we_print_is_what_we_read(self):
        self.assertEqual([line for _, line in self.ours if line.startswith("UNSTABLE")], [])
        accepted = sum(data is not None for data, _ in self.ours)
        self.assertGreater(accepted, RECORDS // 3)
        self.assertGreater(RECORDS - accepted, RECORDS // 5)

    def test_refusals_say_where_and_what(self):
        for data, line in self.ours:
            if data is None:
                self.assertRegex(line, r"^error [1-9]\d* .*\S")

    def compare(self, whose, indices, theirs):
        used, unexplained = set(), []
        for i, other in zip(indices, theirs):
            ours = self.ours[i][0]
            what = difference(ours, other)
            row = explain(whose, what, self.texts[i], ours) if what else None
            if row is not None:
                used.add(row)
            elif what:
                unexplained.append(f"{whose} {what}: {self.texts[i][:200]}  ours: {self.ours[i][1][:200]}"
                                   f"  theirs: {other.hex()[:200] if other is not None else None}")
        print(f"{whose}: {len(indices)} records, {len(unexplained)} unexplained differences", flush=True)
        self.assertEqual(unexplained[:20], [])
        dead = [row for i, row in enumerate(DELIBERATE) if row[0] == whose and i not in used]
        if RECORDS >= 100000:
            self.assertEqual(dead, [], "rows that explain nothing")

    def test_bind(self):
        # a SOA below the apex is no record of a zone for BIND
        indices = [i for i, text in enumerate(self.texts) if not text.startswith("SOA ")]
        # what we refuse, it is likely to refuse, too: chunks of one kind need one pass
        indices.sort(key=lambda i: self.ours[i][0] is not None)
        with tempfile.TemporaryDirectory() as directory:
            self.compare("BIND", indices, rdata_peers.bind([self.texts[i] for i in indices], directory))

    def test_knot(self):
        # its scanner leaves what stands behind \# to others
        indices = [i for i, text in enumerate(self.texts)
                   if text.split(" ")[0] in KNOT_TYPES and "\\#" not in text and text.isascii()]
        with tempfile.TemporaryDirectory() as directory:
            self.compare("Knot", indices, rdata_peers.knot([self.texts[i] for i in indices], directory))


if __name__ == "__main__":
    unittest.main()
