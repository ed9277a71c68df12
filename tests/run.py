#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs test files, each in a process of its own, and adds up what they say.

    run.py [-t SECONDS] [-j N] FILE...

With -j, N files run at a time, those with a line `LONG = "why"` first, so that none of them is what
the others have to wait for; a file with a line `ALONE = "why"` has the machine to itself, after the
others. A file that ends without its "Ran N tests" line (crash, timeout) counts as one failure.
Skips are listed at the end with their reasons, failures with the lines that say what went wrong: a
log that is cut in the middle still has them."""
import argparse
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import threading
import time

args = argparse.ArgumentParser()
args.add_argument("-t", "--timeout", type=int, default=900, help="seconds a file at most")
args.add_argument("-j", "--jobs", type=int, default=1, help="files at a time")
args.add_argument("files", nargs="+")
opt = args.parse_args()


def says(path, word):
    with open(path) as file:
        return re.search(rf'^{word} = "', file.read(), re.M) is not None


def run(path):
    """Returns the output, the exit code, the seconds, and those of the processors."""
    start, late = time.monotonic(), []
    child = subprocess.Popen([sys.executable, path, "-v"], stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.STDOUT, start_new_session=True)

    def end():
        late.append(f"\nrun.py: not finished after {opt.timeout} s\n")
        os.killpg(child.pid, signal.SIGKILL)
    timer = threading.Timer(opt.timeout, end)
    timer.start()
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    timer.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    return ("".join([out, *late]), child.returncode, time.monotonic() - start,
            usage.ru_utime + usage.ru_stime)


def causes(out):
    """Of each test that failed: its name, the innermost lines of code, and the errors."""
    lines = []
    for block in re.findall(r"^={70}\n((?:FAIL|ERROR): .*?)(?=^={70}$|^-{70}\nRan )", out, re.M | re.S):
        said = block.splitlines()
        lines.append(said[0])
        for i, line in enumerate(said):
            if re.match(r"[\w.]*(Error|Exception|Expired)\b", line):
                lines += [f"    {text[:300]}" for text in (*said[max(i - 2, 1):i], line)]
    return lines


class Sum:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.reasons, self.causes = [], []

    def add(self, path, out, code, seconds, busy):
        ran = re.search(r"^Ran (\d+) tests?", out, re.M)
        bad = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", out))
        # With a docstring, its first line comes between the name and the result.
        skips = re.findall(r"^(\w+) \(.*\)(?:\n.*)? \.\.\. skipped (.*)$", out, re.M)
        skips += [(os.path.basename(path), why) for why in re.findall(r"^skipped (.*)$", out, re.M)]
        if not ran or (code != 0 and bad == 0):
            bad = max(bad, 1)
        count = int(ran[1]) if ran else 0
        self.passed += max(count - bad - len(skips), 0)
        self.failed += bad
        self.skipped += len(skips)
        self.reasons += [f"{os.path.basename(path)}: {name}: {why}" for name, why in skips]
        word = "FAIL" if bad else "ok"
        print(f"{word:4} {path}: {count} tests, {bad} failed, {len(skips)} skipped, "
              f"{seconds:.1f} s, {busy:.1f} of a processor", flush=True)
        if bad:
            print(out, flush=True)
            self.causes += [f"failed: {path}", *causes(out)]


total = Sum()
alone = [path for path in opt.files if opt.jobs > 1 and says(path, "ALONE")]
first = sorted(opt.files, key=lambda path: not (opt.jobs > 1 and says(path, "LONG")))
with concurrent.futures.ThreadPoolExecutor(max(opt.jobs, 1)) as pool:
    runs = {pool.submit(run, path): path for path in first if path not in alone}
    for done in concurrent.futures.as_completed(runs):
        total.add(runs[done], *done.result())
for path in alone:
    total.add(path, *run(path))
for line in total.reasons:
    print(f"skipped: {line}")
for line in total.causes:
    print(line)
print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
sys.exit(1 if total.failed or total.passed + total.skipped == 0 else 0)
