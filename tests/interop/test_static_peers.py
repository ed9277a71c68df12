# SPDX-License-Identifier: Apache-2.0
"""Static answers, field by field, beside NSD and Knot on one zone and a child of it.

Every name of the two zones (owners, empty non-terminals), its children, names below wildcards,
cuts and DNAMEs, and random names are asked for every type that the zone has and some that it has
not: over UDP without EDNS, with EDNS, and over TCP what did not fit. What the RFCs leave to the
server is normalised before comparing, each time for one reason, said where it is done.
"""
import os
import random
import socket
import struct
import unittest

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.zone

import peers
from peers import harness

HERE = os.path.dirname(os.path.abspath(__file__))
ORIGIN, CHILD = dns.name.from_text("static.test."), dns.name.from_text("child.static.test.")
FILES = {origin: os.path.join(HERE, origin.to_text() + "zone") for origin in (ORIGIN, CHILD)}
# Not NSEC: in a zone that is not signed, Knot looks for it in no way that an RFC describes.
ABSENT_TYPES = ["SPF", "TYPE1234", "DNSKEY"]


def load_zones():
    return {origin: dns.zone.from_file(path, origin=origin, relativize=False)
            for origin, path in FILES.items()}


def names_and_types(zones):
    """What to ask: names as text, types as text."""
    nodes = [item for zone in zones.values() for item in zone.nodes.items()]
    owners = {name for name, _ in nodes}
    names = set(owners)
    for owner in owners:
        while owner != ORIGIN:
            names.add(owner)
            owner = owner.parent()
    rng = random.Random(2026)
    asked = {name.to_text() for name in names}
    for name in names:
        for child in ("x", "*", "host", "y.x", f"r{rng.randrange(10**6)}.q"):
            try:
                asked.add(dns.name.from_text(child, name).to_text())
            except dns.name.NameTooLong:
                pass
        asked.add("".join(c.upper() if rng.random() < 0.5 else c for c in name.to_text()))
    for _ in range(40):
        labels = [rng.choice(["a", "b", "ent", "wild", "sub", "x", "*", "zz"])
                  for _ in range(rng.randrange(1, 5))]
        asked.add(".".join(labels) + ".static.test.")
    asked.add("h" * 40 + ".long.static.test.")  # the DNAME's target is still a name, and here
    asked.add(".".join(["h" * 60] * 2) + ".long.static.test.")  # it is too long (YXDOMAIN)
    asked.update(["other.test.", "test.", "."])
    types = {dns.rdatatype.to_text(rdataset.rdtype) for _, node in nodes
             for rdataset in node.rdatasets}
    return sorted(asked), sorted(types | set(ABSENT_TYPES))


class Asker:
    """Sends queries to one server over one socket."""

    def __init__(self, server):
        self.where = (server.address, server.port)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.settimeout(60)
        self.udp.connect(self.where)

    def __call__(self, wire, tcp=False):
        if not tcp:
            self.udp.send(wire)
            response = self.udp.recv(65535)
        else:
            with socket.create_connection(self.where, 60) as s:
                s.sendall(struct.pack("!H", len(wire)) + wire)
                response = harness.read_framed(s)
        if response[:2] != wire[:2]:
            raise AssertionError(f"response to another query: {response[:2]} for {wire[:2]}")
        return response

    def close(self):
        self.udp.close()


def rrset_fields(rrset):
    """An RRset as a comparable value. Order within an RRset means nothing (RFC 2181 5), nor does
    the case of names: a server may compress an owner onto the question or send the zone's."""
    return (rrset.name.to_text().lower(), rrset.rdtype, rrset.rdclass, rrset.ttl,
            tuple(sorted(r.to_text().lower() for r in rrset)))


def referral_of(message):
    """The NS RRset of a referral, or None."""
    for rrset in message.authority:
        if rrset.rdtype == dns.rdatatype.NS and not message.flags & dns.flags.AA:
            return rrset
    return None


def required_glue(message):
    """Addresses that a referral cannot do without: of name servers at or below the cut
    (RFC 9471)."""
    ns = referral_of(message)
    if ns is None:
        return frozenset()
    targets = {r.target for r in ns if r.target.is_subdomain(ns.name)}
    return frozenset(rrset_fields(s) for s in message.additional if s.name in targets)


def fields(m):
    """The parts of a response that servers must agree on."""
    out = {
        "rcode": dns.rcode.to_text(m.rcode()),
        "flags": dns.flags.to_text(m.flags),
        "question": [(q.name.to_text(), q.rdtype, q.rdclass) for q in m.question],
        "edns": m.edns,
    }
    if m.flags & dns.flags.TC:
        return out  # RFC 2181 9: what is left of the sections is not to be used
    out["answer"] = sorted(map(rrset_fields, m.answer))
    # An apex NS RRset beside an answer is the server's choice (RFC 1034 4.3.2 does not ask for it).
    out["authority"] = sorted(rrset_fields(s) for s in m.authority
                              if not (m.answer and s.rdtype == dns.rdatatype.NS
                                      and s.name in FILES))
    out["glue"] = required_glue(m)
    return out


def check_additional(test, zones, m):
    """What else is in the additional section is the server's choice, but must be the zones' data."""
    for rrset in m.additional:
        found = [zone.get_rdataset(rrset.name, rrset.rdtype) for zone in zones.values()
                 if rrset.name.is_subdomain(zone.origin)]
        known = next((rdataset for rdataset in found
                      if rdataset is not None and rdataset.ttl == rrset.ttl), None)
        test.assertIsNotNone(known, rrset)
        test.assertEqual(set(known), set(rrset))


def check_chain(test, m):
    """RFC 1034 4.3.2: the answer begins at the question, and each CNAME leads to what follows."""
    name = m.question[0].name
    for rrset in m.answer:
        if rrset.rdtype == dns.rdatatype.DNAME:
            test.assertTrue(name.is_subdomain(rrset.name) and name != rrset.name
                            or m.question[0].rdtype == dns.rdatatype.DNAME, m)
            continue
        test.assertEqual(rrset.name, name, m)
        if rrset.rdtype == dns.rdatatype.CNAME:
            test.assertEqual(len(rrset), 1, m)
            name = rrset[0].target


class StaticPeers(harness.TestCase):
    def setUp(self):
        self.zones = load_zones()
        texts = {}
        for path in FILES.values():
            with open(path) as file:
                texts[os.path.basename(path)] = file.read()
        loadstar = self.daemon(zones=texts, workers=1)
        zones = {origin.to_text(omit_final_dot=True): path for origin, path in FILES.items()}
        self.peers = {}
        for kind in (peers.Nsd, peers.Knot):
            peer = kind(zones)
            self.addCleanup(peer.close)
            self.peers[peer.binary] = Asker(peer)
            self.addCleanup(self.peers[peer.binary].close)
        self.ask = Asker(loadstar)
        self.addCleanup(self.ask.close)

    def compare(self, name, rdtype, ident, edns, tcp=False):
        """Returns (differences, whether any server truncated)."""
        query = dns.message.make_query(name, rdtype, use_edns=0 if edns else -1, payload=4096)
        query.id = ident
        wire = query.to_wire()
        ours = self.ask(wire, tcp)
        message = dns.message.from_wire(ours)
        check_additional(self, self.zones, message)
        check_chain(self, message)
        mine = fields(message)
        differences, truncated = [], "TC" in mine["flags"]
        for peer, ask in self.peers.items():
            response = ask(wire, tcp)
            if response == ours:
                continue
            theirs = fields(dns.message.from_wire(response))
            truncated |= "TC" in theirs["flags"]
            if theirs != mine and not allowed(peer, mine, theirs):
                differences += [f"{name} {rdtype} edns={edns} tcp={tcp}: {key}: "
                                f"{mine.get(key)!r}, {peer} has {theirs.get(key)!r}"
                                for key in mine.keys() | theirs.keys()
                                if mine.get(key) != theirs.get(key)]
        return differences, truncated

    def test_every_name_and_type(self):
        names, types = names_and_types(self.zones)
        differences, asked, over_tcp = [], 0, 0
        for i, (name, rdtype) in enumerate((n, t) for n in names for t in types):
            edns = i % 2 == 0
            found, truncated = self.compare(name, rdtype, i & 0xffff, edns)
            asked += 1
            if truncated and not found:
                found, truncated = self.compare(name, rdtype, i & 0xffff, edns, tcp=True)
                self.assertFalse(truncated, f"{name} {rdtype} truncated over TCP")
                over_tcp += 1
            differences += found
        self.assertGreater(asked, 5000)
        self.assertGreater(over_tcp, 5)
        self.assertEqual(differences[:40], [], f"{len(differences)} of {asked}")

    def test_truncation_is_whole(self):
        """Too big for the client's limit: TC, nothing half (RFC 2181 9), and all of it over TCP."""
        for name, edns, fits in (("medium", True, True), ("medium", False, False),
                                 ("large", True, False), ("large", False, False),
                                 ("small", False, True), ("many", True, False)):
            rdtype = "A" if name == "many" else "TXT"
            query = dns.message.make_query(f"{name}.static.test.", rdtype,
                                           use_edns=0 if edns else -1, payload=4096)
            udp = dns.message.from_wire(self.ask(query.to_wire()))
            self.assertEqual(bool(udp.flags & dns.flags.TC), not fits, name)
            self.assertEqual(len(udp.answer), 1 if fits else 0, name)
            self.assertEqual(udp.edns, 0 if edns else -1)
            tcp = dns.message.from_wire(self.ask(query.to_wire(), tcp=True))
            self.assertFalse(tcp.flags & dns.flags.TC)
            known = self.zones[ORIGIN].get_rdataset(dns.name.from_text(f"{name}.static.test."), rdtype)
            self.assertEqual(set(tcp.answer[0]), set(known))


def zone_of(name):
    """The closest zone that the servers have for a name."""
    held = [origin for origin in FILES if name.is_subdomain(origin)]
    return max(held, key=len, default=None)


def leaves_zone(answer):
    """Whether a CNAME chain ends with a name in another zone that the server has."""
    targets = {text: dns.name.from_text(owner) for owner, rdtype, _, _, (text, *_) in answer
               if rdtype == dns.rdatatype.CNAME}
    ends = targets.keys() - {owner for owner, *_ in answer}
    return any(zone_of(dns.name.from_text(end)) not in (None, zone_of(targets[end]))
               for end in ends)


def allowed(peer, mine, theirs):
    """Differences that the RFCs allow, each as narrow as it can be said."""
    if mine["rcode"] == "YXDOMAIN" and peer == "knotd":
        # RFC 6672 2.2 demands YXDOMAIN where the substituted name is too long; Knot 3.2 takes the
        # query name for one that does not exist.
        return theirs["rcode"] == "NXDOMAIN" and theirs["answer"] == mine["answer"]
    if peer == "nsd" and "answer" in mine and "answer" in theirs and leaves_zone(mine["answer"]):
        # RFC 1034 4.3.2 has a server start again with the target of a CNAME, RFC 2181 5.4.1 has a
        # resolver distrust what comes from another zone: NSD goes on there, Knot and we stop.
        return (set(theirs["answer"]) >= set(mine["answer"]) and theirs["flags"] == mine["flags"]
                and theirs["rcode"] in (mine["rcode"], "NXDOMAIN"))
    return False


if __name__ == "__main__":
    harness.main()
