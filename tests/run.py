#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs test files one after another, each in a process of its own, and adds up what they say.

    run.py [-t SECONDS] FILE...

A file that ends without its "Ran N tests" line (crash, timeout) counts as one failure. Skips are
listed at the end with their reasons."""
import argparse
import os
import re
import signal
import subprocess
import sys
import time

args = argparse.ArgumentParser()
args.add_argument("-t", "--timeout", type=int, default=900, help="seconds a file at most")
args.add_argument("files", nargs="+")
opt = args.parse_args()

passed = failed = skipped = 0
reasons = []
for path in opt.files:
    start = time.monotonic()
    child = subprocess.Popen([sys.executable, path, "-v"], stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.STDOUT, start_new_session=True)
    try:
        out, _ = child.communicate(timeout=opt.timeout)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        out = child.communicate()[0] + f"\nrun.py: not finished after {opt.timeout} s\n"
    ran = re.search(r"^Ran (\d+) tests?", out, re.M)
    bad = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", out))
    # With a docstring, its first line comes between the name and the result.
    skips = re.findall(r"^(\w+) \(.*\)(?:\n.*)? \.\.\. skipped (.*)$", out, re.M)
    skips += [(os.path.basename(path), why) for why in re.findall(r"^skipped (.*)$", out, re.M)]
    if not ran or (child.returncode != 0 and bad == 0):
        bad = max(bad, 1)
    count = int(ran[1]) if ran else 0
    passed += max(count - bad - len(skips), 0)
    failed += bad
    skipped += len(skips)
    reasons += [f"{os.path.basename(path)}: {name}: {why}" for name, why in skips]
    word = "FAIL" if bad else "ok"
    print(f"{word:4} {path}: {count} tests, {bad} failed, {len(skips)} skipped, "
          f"{time.monotonic() - start:.1f} s", flush=True)
    if bad:
        print(out, flush=True)

for line in reasons:
    print(f"skipped: {line}")
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(1 if failed or passed + skipped == 0 else 0)
