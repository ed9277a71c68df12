#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rewrites a flat {"country_code": "XX"} MMDB into MaxMind's schema, which gdnsd and PowerDNS want.

    mmdbremap.py IN.mmdb OUT.mmdb

The search tree is kept; each record becomes {"continent": {"code": CC}, "country": {"iso_code": XX}}.
So every server reads the same networks.
"""
import sys

CONTINENTS = {
    "AF": "DZ AO BJ BW BF BI CM CV CF TD KM CG CD CI DJ EG GQ ER SZ ET GA GM GH GN GW KE LS LR LY MG MW ML MR "
          "MU YT MA MZ NA NE NG RE RW SH ST SN SC SL SO ZA SS SD TZ TG TN UG EH ZM ZW",
    "AN": "AQ BV TF HM GS",
    "AS": "AF AM AZ BH BD BT IO BN KH CN CX CC CY GE HK IN ID IR IQ IL JP JO KZ KW KG LA LB MO MY MV MN MM NP "
          "KP OM PK PS PH QA SA SG KR LK SY TW TJ TH TL TR TM AE UZ VN YE AP",
    "EU": "AX AL AD AT BY BE BA BG HR CZ DK EE FO FI FR DE GI GR GG VA HU IS IE IM IT JE LV LI LT LU MT MD MC "
          "ME NL MK NO PL PT RO RU SM RS SK SI ES SJ SE CH UA GB XK EU",
    "NA": "AI AG AN AW BS BB BZ BM BQ CA KY CR CU CW DM DO SV GL GD GP GT HT HN JM MQ MX MS NI PA PR BL KN LC MF "
          "PM VC SX TT TC US VG VI",
    "OC": "AS AU CK FJ PF GU KI MH FM NR NC NZ NU NF MP PW PG PN WS SB TK TO TV UM VU WF",
    "SA": "AR BO BR CL CO EC FK GF GY PY PE SR UY VE",
}
CONTINENT = {}
for code, countries in CONTINENTS.items():
    for country in countries.split():
        CONTINENT.setdefault(country, code)
MARKER = b"\xab\xcd\xefMaxMind.com"
POINTER, STRING, DOUBLE, BYTES, UINT16, UINT32, MAP = range(1, 8)
UINT64, ARRAY = 9, 11


def decode(data, at):
    """The value at that offset, and the offset after it. Only what these files use."""
    kind, low = data[at] >> 5, data[at] & 31
    at += 1
    if kind == POINTER:
        size = (low >> 3) + 1
        value = int.from_bytes(data[at:at + size], "big") + (0 if size == 4 else (low & 7) << 8 * size)
        return decode(data, value + (0, 2048, 526336, 0)[size - 1])[0], at + size
    if kind == 0:
        kind, at = data[at] + 7, at + 1
    if low == 29:
        low, at = 29 + data[at], at + 1
    elif low > 29:
        raise ValueError("a value too long for a country's record")
    if kind == MAP:
        value = {}
        for _ in range(low):
            key, at = decode(data, at)
            value[key], at = decode(data, at)
        return value, at
    if kind == ARRAY:
        value = []
        for _ in range(low):
            item, at = decode(data, at)
            value.append(item)
        return value, at
    raw = data[at:at + low]
    return (raw.decode() if kind == STRING else int.from_bytes(raw, "big")), at + low


class Uint(int):
    """A number with the type that the format's metadata asks for."""
    def __new__(cls, value, kind):
        self = super().__new__(cls, value)
        self.kind = kind
        return self


def encode(value):
    if isinstance(value, str):
        return bytes([STRING << 5 | len(value)]) + value.encode()
    if isinstance(value, dict):
        return bytes([MAP << 5 | len(value)]) + b"".join(encode(k) + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return bytes([len(value), ARRAY - 7]) + b"".join(encode(v) for v in value)
    size = {UINT16: 2, UINT32: 4, UINT64: 8}[value.kind]
    head = [value.kind << 5 | size] if value.kind < 8 else [size, value.kind - 7]
    return bytes(head) + int(value).to_bytes(size, "big")


def main(source, target):
    data = open(source, "rb").read()
    start = data.rindex(MARKER)
    meta, _ = decode(data[start + len(MARKER):], 0)
    nodes = meta["node_count"]
    if meta["record_size"] != 24:
        sys.exit("mmdbremap: only records of 24 bits")
    records = data[nodes * 6 + 16:start]
    tree = bytearray(data[:nodes * 6 + 16])
    out, known = bytearray(), {}
    for at in range(0, nodes * 6, 3):
        value = tree[at] << 16 | tree[at + 1] << 8 | tree[at + 2]
        if value <= nodes:
            continue
        if value not in known:
            country = decode(records, value - nodes - 16)[0].get("country_code", "")
            known[value] = nodes
            if len(country) == 2:
                record = {"country": {"iso_code": country}}
                if country in CONTINENT:
                    record = {"continent": {"code": CONTINENT[country]}, **record}
                known[value] = nodes + 16 + len(out)
                out += encode(record)
        tree[at:at + 3] = known[value].to_bytes(3, "big")
    meta = {"binary_format_major_version": Uint(2, UINT16), "binary_format_minor_version": Uint(0, UINT16),
            "build_epoch": Uint(meta["build_epoch"], UINT64), "database_type": "Bench-Country",
            "description": {"en": "remapped"}, "ip_version": Uint(meta["ip_version"], UINT16), "languages": ["en"],
            "node_count": Uint(nodes, UINT32), "record_size": Uint(24, UINT16)}
    open(target, "wb").write(bytes(tree) + bytes(out) + MARKER + encode(meta))


if __name__ == "__main__":
    main(*sys.argv[1:])
