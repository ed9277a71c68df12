# SPDX-License-Identifier: Apache-2.0
"""What `loadstard --check` says of the wrong configurations of misconfig/cases.py: every message, whole,
as misconfig/expected.txt has it.

    test_misconfig.py --update     writes expected.txt anew: read its diff, every line is a promise
    test_misconfig.py --show 1.6   prints what is said of one of them
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

import harness
import mmdb
from misconfig.cases import CASES, GOOD

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
EXPECTED = os.path.join(TOP, "tests", "system", "misconfig", "expected.txt")
# Small, so that all of them are checked in seconds.
DATABASE = mmdb.build({
    "81.0.0.0/8": {"country": {"iso_code": "GB"}, "continent": {"code": "EU"}},
    "82.0.0.0/8": {"country": {"iso_code": "NO"}, "continent": {"code": "EU"}},
    "2001:700::/32": {"country": {"iso_code": "NO"}, "continent": {"code": "EU"}},
}, database_type="GeoLite2-Country")
HEADER = """\
# SPDX-License-Identifier: Apache-2.0
# What `loadstard --check` writes to stderr of each of cases.py, after its number, its name and the
# exit code. Written by `test_misconfig.py --update`.
"""


def prepare(top, edit):
    """The good configuration in the directory `top`, with one slip."""
    for sub in ("zones", "state", "geoip"):
        os.makedirs(os.path.join(top, sub))
    with open(os.path.join(top, "geoip", "country.mmdb"), "wb") as file:
        file.write(DATABASE)
    files = dict(GOOD, **{"api.token": "secret-token-12345\n"})
    if isinstance(edit, dict):
        files.update(edit)
    for name, text in files.items():
        with open(os.path.join(top, name), "w", encoding="utf8", newline="") as file:
            file.write(text)
    os.chmod(os.path.join(top, "api.token"), 0o640)
    if isinstance(edit, str):
        subprocess.run(["sh", "-c", edit], cwd=top, env=dict(os.environ, TOP=TOP), check=True)


def check(case):
    """The exit code and the lines of stderr."""
    with tempfile.TemporaryDirectory(prefix="ls-misconfig-") as top:
        prepare(top, case.edit)
        done = subprocess.run([harness.program("LOADSTARD", "loadstard"), "--check", "-c",
                               "loadstar.yaml"], cwd=top, capture_output=True, timeout=120)
    said = done.stderr.decode().replace(top, "DIR")
    return done.returncode, re.sub(r"(no network interface \S+ on this machine).*", r"\1 ...", said)


def check_all():
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip((c.id for c in CASES), pool.map(check, CASES)))


def block(case, result):
    return f"## {case.id} {case.name} [{result[0]}]\n{result[1]}"


def blocks(text):
    """{id: its block} of expected.txt."""
    return {part.split(" ", 1)[0]: "## " + part for part in text.split("\n## ")[1:]}


class Misconfigurations(harness.TestCase):
    def test_every_message(self):
        with open(EXPECTED, encoding="utf8") as file:
            expected = blocks("\n" + file.read().removesuffix("\n"))
        results = check_all()
        self.assertEqual(set(expected), set(results))
        for case in CASES:
            with self.subTest(case.name):
                got = block(case, results[case.id]).rstrip("\n")
                self.assertEqual(expected[case.id].rstrip("\n"), got)

    def test_one_is_singular(self):
        with open(EXPECTED, encoding="utf8") as file:
            self.assertNotRegex(file.read(), r"(?<![\w.:/-])1 [a-z]+s\b")

    def test_good(self):
        with tempfile.TemporaryDirectory(prefix="ls-misconfig-") as top:
            prepare(top, {})
            done = subprocess.run([harness.program("LOADSTARD", "loadstard"), "--check", "-c",
                                   "loadstar.yaml"], cwd=top, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("ok", done.stdout)


def update():
    results = check_all()
    with open(EXPECTED, "w", encoding="utf8") as file:
        file.write(HEADER + "\n".join(block(c, results[c.id]).rstrip("\n") for c in CASES) + "\n")


if __name__ == "__main__":
    if "--update" in sys.argv:
        update()
    elif "--show" in sys.argv:
        for c in CASES:
            if c.id in sys.argv[2:]:
                print(block(c, check(c)))
    else:
        harness.main()
