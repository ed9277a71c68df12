# SPDX-License-Identifier: Apache-2.0
"""What the kernel holds for a pair of loadstar-l4 whose reader has stopped: it is bounded, whatever was read before."""
import re
import shutil
import socket
import subprocess
import threading
import time

import harness
import l4_world
from l4_world import web

MOST = 4 << 20  # bytes of both sockets
LEAST = 256 << 10  # so that it is a pair whose reader has stopped


class Source:
    """Sends without end to whoever connects."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.place = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.threads = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.send, args=(s,), daemon=True).start()

    def send(self, s):
        with s:
            try:
                while True:
                    s.sendall(bytes(1 << 17))
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def signed(text):
    """ss(8) shows what may be below zero for a moment as 32 bits without sign."""
    n = int(text)
    return n - (1 << 32) if n >= 1 << 31 else n


def held(pid):
    """Bytes that the kernel holds for the connections of a process: received, to be sent, and kept for more."""
    out = subprocess.run(["ss", "-tmnpHO"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return sum(sum(map(signed, re.search(r"skmem:\(r(\d+),.*?,f(\d+),w(\d+),", line).groups()))
               for line in out.splitlines() if f"pid={pid}," in line)


class Stopped(l4_world.TestCase):
    def world(self, **kw):
        if not shutil.which("ss"):
            self.skipTest("needs ss, of iproute2")
        source = Source()
        self.addCleanup(source.close)
        f = self.forwarder(web(members=[source.place], **kw), metrics=False)
        s = f.connect()
        self.addCleanup(s.close)
        return f, s

    def settled(self, f):
        """When nothing moves any more."""
        before = [0, 1, 2]
        while len(set(before)) > 1 or before[0] < LEAST:
            time.sleep(0.5)
            before = before[1:] + [held(f.process.pid)]
        return before[0]

    def test_never_read(self):
        f, _ = self.world()
        self.assertLess(self.settled(f), MOST)

    def test_read_and_stopped(self):
        """As fast as it goes: so buffers have grown."""
        f, s = self.world()
        buffer, n = bytearray(1 << 20), 0
        while n < 256 << 20:
            n += s.recv_into(buffer)
        self.assertLess(self.settled(f), MOST)

    def test_copied(self):
        f, s = self.world(relay="copy")
        buffer, n = bytearray(1 << 20), 0
        while n < 64 << 20:
            n += s.recv_into(buffer)
        self.assertLess(self.settled(f), MOST)


if __name__ == "__main__":
    harness.main()
