# SPDX-License-Identifier: Apache-2.0
"""Writes databases in MaxMind's format (version 2.0), for tests that need known contents.

    write(path, {"198.51.100.0/24": {"country": {"iso_code": "DE"}}, "2001:db8::/32": {...}})

Later networks are laid over earlier ones. Values: dict, list, str, int (>= 0), float, bool.
"""
import ipaddress
import struct

SEPARATOR = 16  # bytes of zeros between tree and data
METADATA = b"\xab\xcd\xefMaxMind.com"
ALIASES = ["::ffff:0:0/96", "64:ff9b::/96", "2002::/16"]  # where IPv4 shows again


class U16(int):
    """An integer that the format wants as one of 16 bits."""


class U64(int):
    """The same with 64 bits."""


def _control(kind, size):
    """The control byte(s) of a field: type in the first three bits, size in the others."""
    low, extra = size, b""
    if size >= 29:
        low, extra = 29, bytes([size - 29])
        if size >= 285:
            low, extra = 30, struct.pack("!H", size - 285)
    if kind <= 7:
        return bytes([kind << 5 | low]) + extra
    return bytes([low, kind - 7]) + extra


def encode(value):
    if isinstance(value, dict):
        return _control(7, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(encode, value))
    if isinstance(value, bool):
        return _control(14, int(value))
    if isinstance(value, str):
        data = value.encode()
        return _control(2, len(data)) + data
    if isinstance(value, float):
        return _control(3, 8) + struct.pack("!d", value)
    data = int(value).to_bytes((value.bit_length() + 7) // 8, "big")
    kind = 5 if isinstance(value, U16) else 9 if isinstance(value, U64) or len(data) > 4 else 6
    return _control(kind, len(data)) + data


class _Tree:
    """Links are None, ("record", offset) or the index of a node."""

    def __init__(self):
        self.nodes = [[None, None]]

    def put(self, value, length, link):
        node = 0
        for depth in range(length):
            side = value >> (127 - depth) & 1
            if depth == length - 1:
                self.nodes[node][side] = link
                return
            below = self.nodes[node][side]
            if not isinstance(below, int):  # a leaf, or nothing: split it
                self.nodes.append([below, below])
                below = self.nodes[node][side] = len(self.nodes) - 1
            node = below

    def get(self, value, length):
        link = 0
        for depth in range(length):
            if not isinstance(link, int):
                break
            link = self.nodes[link][value >> (127 - depth) & 1]
        return link

    def data(self):
        count = len(self.nodes)

        def number(link):
            if link is None:
                return count
            return link if isinstance(link, int) else count + SEPARATOR + link[1]
        return b"".join(struct.pack("!II", number(left), number(right))
                        for left, right in self.nodes)


def build(networks, database_type="GeoIP2-City", aliases=False):
    """The file as bytes. networks: {network: record} or pairs of them; a network is text or what
    ipaddress makes of it. aliases: IPv4 shows again at its IPv6 forms, as in MaxMind's own files."""
    tree, data, places = _Tree(), b"", {}
    for network, value in networks.items() if isinstance(networks, dict) else networks:
        net = ipaddress.ip_network(network)
        encoded = encode(value)
        if encoded not in places:
            places[encoded] = len(data)
            data += encoded
        tree.put(int(net.network_address), net.prefixlen + (96 if net.version == 4 else 0),
                 ("record", places[encoded]))
    for alias in map(ipaddress.ip_network, ALIASES if aliases else []):
        tree.put(int(alias.network_address), alias.prefixlen, tree.get(0, 96))
    metadata = encode({"binary_format_major_version": U16(2),
                       "binary_format_minor_version": U16(0), "build_epoch": U64(1700000000),
                       "database_type": database_type, "description": {"en": "made by a test"},
                       "ip_version": U16(6), "languages": ["en"], "node_count": len(tree.nodes),
                       "record_size": U16(32)})
    return tree.data() + bytes(SEPARATOR) + data + METADATA + metadata


def write(path, networks, database_type="GeoIP2-City"):
    with open(path, "wb") as file:
        file.write(build(networks, database_type))
