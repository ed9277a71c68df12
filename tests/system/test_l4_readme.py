# SPDX-License-Identifier: Apache-2.0
"""The README's three commands for loadstar-l4 alone, pasted: in a network namespace, as their ports are fixed."""
import os
import shutil
import subprocess
import tempfile

import harness

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def commands(path):
    """The block of code that starts loadstar-l4."""
    with open(os.path.join(TOP, path)) as file:
        text = file.read()
    at = text.index("./loadstar-l4 -c l4.yaml")
    return text[text.rindex("```\n", 0, at) + 4:text.index("```", at)]


class Readme(harness.TestCase):
    def paste(self, text):
        if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("curl"):
            self.skipTest("needs root, ip and curl")
        top = tempfile.mkdtemp(prefix="ls-l4-readme-")
        self.addCleanup(shutil.rmtree, top)
        build = os.path.join(top, "build")
        os.mkdir(build)
        os.symlink(os.path.join(TOP, "contrib"), os.path.join(top, "contrib"))
        beside = os.path.dirname(os.environ.get("LOADSTARD", "")) or "."
        for variable, name in (("LOADSTAR_L4", "loadstar-l4"), ("LOADSTARCTL", "loadstarctl")):
            os.symlink(harness.program(variable, os.path.join(beside, name)), os.path.join(build, name))
        log = os.path.join(top, "log")
        script = "ip link set lo up\n" + text.strip().replace("./loadstar-l4 -c l4.yaml &", f"./loadstar-l4 -c l4.yaml 2>{log} &") + \
            "\n./loadstarctl -s control.sock stop --now >&2\nkill $(jobs -p) 2>/dev/null\nwait\nexit 0\n"
        done = subprocess.run(["timeout", "300", "unshare", "-n", "bash", "-c", script], cwd=build, text=True,
                              capture_output=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_three_commands(self):
        for path in ("README.md", "contrib/doc/l4.md"):
            with self.subTest(path):
                text = commands(path)
                self.assertEqual(len(text.strip().split("\n")), 3)
                out = self.paste(text)
                self.assertRegex(out, r"^HTTP/1\.\d 200 ")
                self.assertRegex(out, r"web/here/one +web +127.0.0.1:8001 +(up|down)")
                self.assertRegex(out, r"web/here/two +web +127.0.0.1:8002 +(up|down)")


if __name__ == "__main__":
    harness.main()
