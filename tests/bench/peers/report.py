#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tables and plots of what peers.sh measured: medians and ranges of bench-SECTION.tsv.

    report.py DIRECTORY

Writes bench-*.svg, and into performance.md what stands between `<!-- bench NAME -->` and `<!-- end -->`.
"""
import collections
import math
import pathlib
import re
import statistics
import sys

import plot

ORDER = ["echo", "loadstar", "gdnsd", "nsd", "knot", "pdns"]
NAMES = {"echo": "bare echo", "loadstar": "Loadstar", "gdnsd": "gdnsd", "nsd": "NSD", "knot": "Knot",
         "pdns": "PowerDNS"}
MIXES = {"static1k": "static, 1,000 names", "static": "static, 10,000 names", "nx": "NXDOMAIN",
         "geo": "geo, random ECS /24", "geow": "geo + weighted, ECS /24", "weighted": "weighted"}
PEERS = ["gdnsd", "nsd", "knot", "pdns"]


def name(server):
    base, _, variant = server.partition(":")
    return NAMES.get(base, base) + (f" ({variant})" if variant else "")


class Section:
    """Rows of one table: values[server, case][key] is a list over the repetitions."""

    def __init__(self, path):
        self.values = collections.defaultdict(lambda: collections.defaultdict(list))
        self.left_out = 0
        rows = [line.rstrip("\n").split("\t") for line in path.open()] if path.exists() else []
        kept = collections.defaultdict(list)
        for _, server, case, pairs in rows:
            kept[server, case].append(dict(pair.split("=", 1) for pair in pairs.split()))
        for at, runs in kept.items():
            quiet = [run for run in runs if run.get("disturbed", "0") == "0"]
            self.left_out += len(runs) - len(quiet) if quiet else 0
            for run in quiet or runs:
                for key, value in run.items():
                    self.values[at][key].append(float(value))
        found = {server for server, _ in self.values}
        self.servers = sorted(found, key=lambda s: (ORDER.index(s.split(":")[0]), s))
        self.repetitions = max((len(v) for k in kept for v in [kept[k]]), default=0)

    def get(self, server, case, key):
        return self.values.get((server, case), {}).get(key, [])

    def median(self, server, case, key):
        values = self.get(server, case, key)
        return statistics.median(values) if values else None


def cell(values, factor=1.0, digits=None, low=True):
    if not values:
        return "-"
    values = [v * factor for v in values]
    text = plot.number(statistics.median(values), digits)
    if low and len(values) > 1:
        text += f" ({plot.number(min(values), digits)}-{plot.number(max(values), digits)})"
    return text


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    for row in rows:
        bold = row[0] == NAMES["loadstar"] or row[0].startswith(NAMES["loadstar"] + ",")
        lines.append("| " + " | ".join(f"**{c}**" if bold and c != "-" else c for c in row) + " |")
    return "\n".join(lines)


def triple(values, factor=1.0):
    values = [v * factor for v in values]
    return statistics.median(values), min(values), max(values)


def grouped(section, cases, key, factor=1.0, servers=None):
    """Groups for plot.bars()."""
    groups = []
    for case, label in cases:
        bars = [(s, *triple(section.get(s, case, key), factor)) for s in servers or section.servers
                if section.get(s, case, key)]
        if bars:
            groups.append((label, bars))
    return groups


def note(section, what="runs"):
    left = f"; {section.left_out} disturbed {what} left out" if section.left_out else ""
    return f"Medians (ranges) of {section.repetitions} interleaved {what}{left}."


# --- the sections: each returns its Markdown and writes its plots ---


def hot(s, out):
    cases = [(m, MIXES[m]) for m in ("static1k", "static", "nx", "geo", "geow")]
    head = ["server"] + [label for _, label in cases]
    total = [[name(v)] + [cell(s.get(v, m, "cpu_ns")) for m, _ in cases] for v in s.servers]
    user = []
    for v in s.servers:
        row = [name(v)]
        for m, _ in cases:
            text = cell(s.get(v, m, "user_ns"), digits=0)
            samples = sum(n * u / c for n, u, c in zip(s.get(v, m, "samples"), s.get(v, m, "user_ns"),
                                                       s.get(v, m, "cpu_ns")) if c)
            row.append(text + (f" ±{100 / math.sqrt(samples):.0f} %" if samples else ""))
        user.append(row)
    shown = [c for c in cases if c[0] != "static1k"]
    plot.bars(out / "bench-hot-total.svg", "CPU per query, kernel included", "ns", grouped(s, shown, "cpu_ns"), name)
    plot.bars(out / "bench-hot-user.svg", "CPU per query in user space", "ns", grouped(s, shown, "user_ns"), name)
    return (f"{note(s)} Nanoseconds per query, kernel included:\n\n{table(head, total)}\n\n"
            f"![CPU per query, kernel included](bench-hot-total.svg)\n\n"
            f"In user space alone (± is what the number of samples leaves open):\n\n{table(head, user)}\n\n"
            f"![CPU per query in user space](bench-hot-user.svg)")


def insn(s, out):
    cases = [(m, MIXES[m]) for m in ("static", "nx", "geo", "weighted", "geow")]
    rows = [[name(v)] + [cell(s.get(v, m, "instructions"), digits=0) for m, _ in cases] for v in s.servers]
    plot.bars(out / "bench-insn.svg", "Instructions per query in user space", "instructions",
              grouped(s, cases, "instructions"), name)
    return f"{table(['server'] + [label for _, label in cases], rows)}\n\n![Instructions per query](bench-insn.svg)"


SIZES = [("1000", "1,000"), ("1000000", "1 million"), ("10000000", "10 million")]


def big(s, out):
    rows = []
    for size, label in SIZES:
        for v in s.servers:
            if s.get(v, size, "cpu_ns"):
                rows.append([f"{name(v)}, {label}"] + [cell(s.get(v, size, k), digits=0) for k in ("user_ns", "cpu_ns")] +
                            [cell(s.get(v, size, "qps"), 1e-3, digits=0)])
    plot.bars(out / "bench-big.svg", "CPU per query in user space, names drawn at random", "ns",
              grouped(s, [(c, f"{label} names") for c, label in SIZES], "user_ns"), name)
    return (f"{note(s)}\n\n{table(['server, names', 'user space, ns a query', 'all, ns a query', '1,000 queries/s'], rows)}"
            f"\n\n![CPU per query in user space, names drawn at random](bench-big.svg)")


def per_name(s, server, size):
    """Bytes a name: what a big zone takes more than one of 1,000 names."""
    small, large = s.median(server, "1000", "pss_kib"), s.median(server, size, "pss_kib")
    return (large - small) * 1024 / (int(size) - 1000) if small and large else None


def load(s, out):
    rows = []
    for size, label in SIZES:
        for v in s.servers:
            if s.get(v, size, "wall_ms"):
                each = per_name(s, v, size) if size != "1000" else None
                rows.append([f"{name(v)}, {label}"] + [cell(s.get(v, size, k), digits=0) for k in ("wall_ms", "cpu_ms")] +
                            [cell(s.get(v, size, "pss_kib"), 1 / 1024), plot.number(each, 0) if each else "-"])
    large = [(c, f"{label} names") for c, label in SIZES if c != "1000"]
    plot.bars(out / "bench-load.svg", "Start to the first answer", "ms", grouped(s, large, "wall_ms"), name)
    each = [(v, per_name(s, v, "1000000")) for v in s.servers]
    plot.bars(out / "bench-memory.svg", "Memory per name, a zone of one million A records", "bytes",
              [("", [(v, b, b, b) for v, b in each if b])], name)
    return (f"{note(s, 'starts')}\n\n"
            f"{table(['server, names', 'to the first answer, ms', 'CPU, ms', 'memory, MiB', 'bytes a name'], rows)}\n\n"
            f"![Start to the first answer](bench-load.svg)\n\n![Memory per name](bench-memory.svg)")


def overload(s, out):
    cases = [("x1", "1 x the peak offered"), ("x2", "2 x"), ("x3", "3 x")]
    share = {}
    for v in s.servers:
        for c, _ in cases:
            share[v, c] = [100 * a / p for a, p in zip(s.get(v, c, "answered"), s.get(v, c, "peak"))]
    rows = [[name(v), cell(s.get(v, "peak", "qps"), 1e-3, digits=0)] +
            [cell(share[v, c], digits=0) for c, _ in cases] +
            [cell([o / p for o, p in zip(s.get(v, "x3", "offered"), s.get(v, "x3", "peak"))], digits=2)] for v in s.servers]
    plot.bars(out / "bench-overload.svg", "Answered while three times the peak is offered", "% of peak",
              [("", [(v, *triple(share[v, "x3"])) for v in s.servers if share[v, "x3"]])], name)
    head = ["server", "peak, 1,000 queries/s"] + [f"{label}: % of peak answered" for _, label in cases] + ["offered in fact"]
    return f"{note(s)}\n\n{table(head, rows)}\n\n![Answered under overload](bench-overload.svg)"


def reload(s, out):
    blocks = []
    for kind, title in (("full", "Full load, 128 queries in flight"), ("paced", "50,000 queries a second")):
        rows = []
        for v in s.servers:
            for case, label in ((kind, "without"), (kind + "+reload", "reload")):
                if not s.get(v, case, "qps"):
                    continue
                took = [t for t in s.get(v, case, "changed_ms") if t > 0]
                rows.append([f"{name(v)}, {label}", cell(s.get(v, case, "qps"), 1e-3, digits=0, low=False),
                             cell(s.get(v, case, "lost"), digits=0)] +
                            [cell(s.get(v, case, f"watched_{k}_us"), digits=0) for k in ("p50", "p99", "p999", "max")] +
                            [cell(took, digits=0) if case != kind else "-"])
        head = ["server", "1,000 queries/s", "lost", "p50, µs", "p99, µs", "p99.9, µs", "longest, µs", "reload took, ms"]
        blocks.append(f"{title}:\n\n{table(head, rows)}")
    cases = [("full", "full load, without"), ("full+reload", "full load, while it reloads"),
             ("paced", "50,000 queries a second, without"), ("paced+reload", "50,000 queries a second, while it reloads")]
    plot.bars(out / "bench-reload.svg", "p99.9 latency, a zone of one million names", "µs",
              grouped(s, cases, "watched_p999_us"), name)
    return f"{note(s)}\n\n" + "\n\n".join(blocks) + "\n\n![p99.9 latency](bench-reload.svg)"


# --- what was to be reached, and what was ---


def ratio(a, b):
    return a / b if a is not None and b else None


def show(value, unit="", digits=2):
    return "-" if value is None else plot.number(value, digits) + unit


def summary(sections):
    h, b, l, o, r, i = (sections[k] for k in ("hot", "big", "load", "overload", "reload", "insn"))
    us = "loadstar"

    def less(case, other):
        a, c = h.median(us, case, "user_ns"), h.median(us, other, "user_ns")
        return a - c if a and c else None

    def over_echo(case):
        x = ratio(h.median(us, case, "cpu_ns"), h.median("echo", case, "cpu_ns"))
        return 100 * (x - 1) if x else None

    user = lambda server, case: h.median(server, case, "user_ns")
    cold = lambda server, case: b.median(server, case, "user_ns")
    fastest = min((l.median(v, "1000000", "wall_ms") for v in PEERS if l.get(v, "1000000", "wall_ms")), default=None)
    ten = l.median(us, "10000000", "wall_ms")
    share = [100 * a / p for a, p in zip(o.get(us, "x3", "answered"), o.get(us, "x3", "peak"))]
    slower = [ratio(r.median(us, k + "+reload", "watched_p999_us"), r.median(us, k, "watched_p999_us")) for k in ("full", "paced")]
    lost = [r.median(us, k + "+reload", "lost") for k in ("full", "paced")]
    counts = [i.median(us, m, "instructions") for m in ("static", "geo", "nx")]
    each = per_name(l, us, "1000000")
    rows = [
        ["hot zone, static, user space", "at or below gdnsd's", f"{show(ratio(user(us, 'static'), user('gdnsd', 'static')))} x gdnsd's"],
        ["geo, and geo + weighted, less static, user space", "20 ns", f"{show(less('geo', 'static'), ' ns', 0)}, {show(less('geow', 'static'), ' ns', 0)}"],
        ["hot zone, all CPU, over the bare echo: static, NXDOMAIN, geo", "5 %", ", ".join(show(over_echo(m), " %", 1) for m in ("static", "nx", "geo"))],
        ["1 million names, user space", "1/4 of gdnsd's, 1/8 of Knot's", f"{show(ratio(cold(us, '1000000'), cold('gdnsd', '1000000')))} and {show(ratio(cold(us, '1000000'), cold('knot', '1000000')), '', 3)}"],
        ["10 million names against 1 million", "1.5 x", show(ratio(cold(us, "10000000"), cold(us, "1000000")), " x")],
        ["instructions: static, geo, NXDOMAIN", "900, 1,200, 1,200", ", ".join(show(c, "", 0) for c in counts)],
        ["three times the capacity offered", "90 % of the peak", show(statistics.median(share) if share else None, " %", 0)],
        ["memory per simple name", "80 bytes", show(each, " bytes", 1)],
        ["1 million names to the first answer", "the fastest peer's", f"{show(ratio(l.median(us, '1000000', 'wall_ms'), fastest))} x the fastest's"],
        ["10 million names to the first answer", "12 s", show(ten / 1000 if ten else None, " s", 1)],
        ["lost by a reload: full load, paced", "0", ", ".join(show(n, "", 0) for n in lost)],
        ["p99.9 with a reload: full load, paced", "2 x that without", ", ".join(show(x, " x", 1) for x in slower)],
    ]
    return table(["what", "at most (of a share: at least)", "measured"], rows)


SECTIONS = {"hot": hot, "insn": insn, "big": big, "load": load, "overload": overload, "reload": reload}


def machine(path):
    rows = [line.rstrip("\n").split("\t") for line in path.open()] if path.exists() else []
    return table(["", ""], rows) if rows else ""


def main(directory):
    sections = {key: Section(directory / f"bench-{key}.tsv") for key in SECTIONS}
    texts = {key: make(sections[key], directory) for key, make in SECTIONS.items() if sections[key].servers}
    texts["summary"] = summary(sections)
    texts["machine"] = machine(directory / "bench-machine.tsv")
    page = directory / "performance.md"
    if not page.exists():
        for key, text in texts.items():
            print(f"## {key}\n\n{text}\n")
        return
    old = page.read_text(encoding="utf-8")

    def fill(found):
        key = found[1]
        return f"<!-- bench {key} -->\n{texts[key]}\n<!-- end -->" if texts.get(key) else found[0]

    page.write_text(re.sub(r"<!-- bench (\w+) -->\n.*?<!-- end -->", fill, old, flags=re.S), encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
