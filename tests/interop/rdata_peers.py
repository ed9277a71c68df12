# SPDX-License-Identifier: Apache-2.0
"""Rdata from text to wire format: by us, by BIND's named-compilezone, by Knot's zone scanner.

Each takes a list of `TYPE DATA` texts, one line each, and returns a list of the same length: the
rdata as bytes, or None where it is refused. Each reads all of them in one or two passes."""
import concurrent.futures
import os
import re
import struct
import subprocess
import tempfile

ORIGIN = "example.com."
HEAD = "$TTL 300\n@ SOA ns1 h 1 1 1 1 1\n@ NS ns.example.net.\n"
HERE = os.path.dirname(os.path.abspath(__file__))
LINES_BEFORE = HEAD.count("\n")


class Failed(Exception):
    pass


def ours(texts, binary):
    """Also the messages: a list of (rdata or None, what was printed)."""
    lines = "".join(f"r{i} {text}\n" for i, text in enumerate(texts))
    done = subprocess.run([binary, ORIGIN], input=lines.encode("latin-1"), stdout=subprocess.PIPE,
                          check=False)
    out = done.stdout.decode("latin-1").split("\n")[:-1]
    if done.returncode != 0 or len(out) != len(texts):
        raise Failed(f"rdata_wire ended with {done.returncode} at: {texts[len(out)][:300]!r}")
    return [(bytes.fromhex(line.split(" ")[2]) if line.startswith("ok ") else None, line)
            for line in out]


def knot(texts, directory):
    binary = os.path.join(directory, "zscanner_wire")
    if not os.path.exists(binary):
        subprocess.run(["cc", "-O2", "-o", binary, os.path.join(HERE, "zscanner_wire.c"),
                        "-lzscanner"], check=True)
    lines = "".join(f"r{i} {text}\n" for i, text in enumerate(texts)).encode("latin-1")
    out = subprocess.run([binary, ORIGIN], input=lines, stdout=subprocess.PIPE, check=True).stdout
    words = [line.split(" ") for line in out.decode("latin-1").split("\n")[:-1]]
    if len(words) != len(texts):
        raise Failed(f"zscanner_wire: {len(words)} lines for {len(texts)}")
    return [bytes.fromhex(word[2]) if word[0] == "ok" else None for word in words]


def read_raw(path):
    """Owner -> rdata, of a zone in BIND's raw format (one record an owner)."""
    with open(path, "rb") as f:
        data = f.read()
    found = {}
    at = 8  # format and version; then the header of version 1: dump time, flags, serial, ...
    fmt, version = struct.unpack(">II", data[:8])
    if fmt != 2:
        raise Failed(f"raw format {fmt}.{version}")
    at = 24 if version == 1 else 12
    while at < len(data):
        total, _, rtype, _, _, n, name_len = struct.unpack(">IHHHIIH", data[at:at + 20])
        name = data[at + 20:at + 20 + name_len]
        p = at + 20 + name_len
        for _ in range(n):
            (length,) = struct.unpack(">H", data[p:p + 2])
            found[name[1:1 + name[0]].decode("latin-1"), rtype] = data[p + 2:p + 2 + length]
            p += 2 + length
        at += total
    return found


CHUNK = 90  # named-compilezone reads a hundred lines or so beyond an error, and stops


def bind_chunk(job):
    """Two passes: the first tells which lines are refused, the second writes what the others are."""
    texts, directory, number = job
    results = [None] * len(texts)
    good = set(range(len(texts)))
    path, raw = os.path.join(directory, f"bind{number}.zone"), os.path.join(directory, f"bind{number}.raw")
    for _ in range(20):
        order = sorted(good)
        with open(path, "wb") as f:
            f.write((HEAD + "".join(f"r{i} {texts[i]}\n" for i in order)).encode("latin-1"))
        done = subprocess.run(["named-compilezone", "-i", "none", "-k", "ignore", "-n", "ignore", "-m",
                               "ignore", "-M", "ignore", "-S", "ignore", "-W", "ignore", "-r",
                               "ignore", "-T", "ignore", "-F", "raw", "-o", raw, ORIGIN, path],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode == 0:
            break
        wrong = {int(line) for line in re.findall(rb"\.zone:(\d+): (?!old style|signature has expired)", done.stdout)}
        wrong = {order[min(line - LINES_BEFORE - 1, len(order) - 1)] for line in wrong if line > LINES_BEFORE}
        if not wrong:
            raise Failed(f"named-compilezone: {done.returncode}: {done.stdout[-2000:]!r}")
        good -= wrong
    else:
        raise Failed("named-compilezone goes on finding errors")
    for (owner, _), rdata in read_raw(raw).items():
        if re.fullmatch(r"r\d+", owner):
            results[int(owner[1:])] = rdata
    os.unlink(path)
    os.unlink(raw)
    return results


def bind(texts, directory):
    jobs = [(texts[at:at + CHUNK], directory, at) for at in range(0, len(texts), CHUNK)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [rdata for results in pool.map(bind_chunk, jobs) for rdata in results]
