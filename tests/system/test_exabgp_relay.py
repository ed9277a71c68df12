# SPDX-License-Identifier: Apache-2.0
"""`loadstarctl exabgp` between an ExaBGP and a loadstard that are played here: what it passes on."""
import os
import socket
import subprocess
import tempfile
import time
import unittest

import harness

PATIENCE = 60


class RelayTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        path = os.path.join(self.dir.name, "exabgp.sock")
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.settimeout(PATIENCE)
        listener.bind(path)
        listener.listen(1)
        self.relay = subprocess.Popen([harness.program("LOADSTARCTL", "loadstarctl"), "exabgp", path],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.addCleanup(self.end)
        self.loadstard = listener.accept()[0]
        self.addCleanup(self.loadstard.close)
        self.loadstard.settimeout(0.2)
        self.heard = b""
        self.hear(b"ready\n")

    def end(self):
        self.relay.stdin.close()
        self.relay.wait(PATIENCE)
        self.relay.stdout.close()

    def hear(self, end):
        """What has come up to the end; the connection is kept up."""
        until = time.monotonic() + PATIENCE
        while end not in self.heard:
            self.assertLess(time.monotonic(), until, f"heard {self.heard[:200]}, not {end}")
            self.loadstard.sendall(b"keep\n")
            try:
                piece = self.loadstard.recv(65536)
            except TimeoutError:
                continue
            self.assertTrue(piece, "the relay has left")
            self.heard += piece
        said, _, self.heard = self.heard.partition(end)
        return said

    def test_what_follows_a_line_that_is_none_is_passed_on(self):
        for bad in (b"x" * 9000, b"x" * 40000, b"one\0two", b"\0" * 9000):
            with self.subTest(bad=bad[:8], n=len(bad)):
                self.relay.stdin.write(b"before\n" + bad + b"\nafter\ndone\n")
                self.assertEqual(self.hear(b"said done\n"), b"said before\nsaid after\n")

    def test_lines_may_be_of_8192_bytes(self):
        line = b"y" * 8192
        self.relay.stdin.write(line + b"\n" + line + b"z\ndone\n")
        self.assertEqual(self.hear(b"said done\n"), b"said " + line + b"\n")


if __name__ == "__main__":
    unittest.main()
