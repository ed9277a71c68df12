#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Data flows one way: fails when a file includes a header of a module above its own.

    base < control < ctl
    base < drive < health < {tier, anycast, l4} < {out, ctl}
    base < dns < snapshot < answer < io
    base < dns < model < {geo, health} < compile < {out, ctl} < main
    base < dns < model < config < {load, ctl} < main;  compile < load
"""
import pathlib
import re
import sys

BELOW = {
    "base": set(),
    "control": {"base"},
    "drive": {"base"},
    "dns": {"base"},
    "model": {"base", "dns"},
    "snapshot": {"base", "dns"},
    "answer": {"base", "dns", "snapshot"},
    "io": {"base", "dns", "snapshot", "answer", "model"},
    "config": {"base", "dns", "model"},
    "geo": {"base", "dns", "model"},
    "health": {"base", "drive", "dns", "model"},
    "tier": {"base", "drive", "dns", "model", "health"},
    "anycast": {"base", "drive", "dns", "model", "health"},
    "l4": {"base", "control", "drive", "dns", "model", "config", "health"},
    "compile": {"base", "dns", "model", "geo", "health", "snapshot"},
    "load": {"base", "dns", "model", "config", "geo", "health", "snapshot", "compile"},
    "out": {"base", "drive", "dns", "model", "geo", "health", "tier", "anycast", "compile", "snapshot", "answer",
            "io"},
    "ctl": {"base", "control", "drive", "dns", "model", "config", "geo", "health", "tier", "anycast", "compile", "snapshot",
            "answer", "io", "out"},
}
BELOW["main"] = set(BELOW)


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    bad = 0
    checked = 0
    for path in sorted((root / "src").glob("*/*.[ch]")):
        module = path.parent.name
        checked += 1
        if module not in BELOW:
            print(f"{path.relative_to(root)}: module '{module}' has no place in the layers of includes.py")
            bad += 1
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'\s*#\s*include\s+"(?:src/)?([a-z0-9_]+)/', line)
            if found and found[1] != module and found[1] not in BELOW[module] | {"loadstar"}:
                print(f"{path.relative_to(root)}:{number}: {module} may not include {found[1]}")
                bad += 1
    print(f"includes: {checked} files, {bad} against the layers")
    return 1 if bad or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
