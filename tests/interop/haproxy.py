# SPDX-License-Identifier: Apache-2.0
"""Debian's HAProxy, started for a test, with what one asks it."""
import csv
import os
import shutil
import signal
import socket
import subprocess
import time
import unittest

import harness

PROGRAM = shutil.which("haproxy") or "/usr/sbin/haproxy"

CONFIG = """global
  stats socket {socket} mode 600 level {level} expose-fd listeners
  maxconn 2000
defaults
  mode http
  timeout connect 30s
  timeout client 60s
  timeout server 60s
  retries 0
frontend front
  bind 127.0.0.1:{port}
  default_backend be_web
backend be_web
  balance {balance}
{servers}
"""


class Haproxy:
    """A master and its worker, so that it can be reloaded. `servers`: lines of backend be_web."""

    def __init__(self, dir, servers=(), balance="roundrobin", level="admin", more=""):
        if not os.access(PROGRAM, os.X_OK):
            raise unittest.SkipTest("haproxy is not installed")
        self.dir, self.port = dir, harness.free_port()
        self.socket = os.path.join(dir, "haproxy.sock")
        self.config = os.path.join(dir, "haproxy.cfg")
        self.balance, self.level, self.more = balance, level, more
        self.process = None
        self.write(servers)
        self.start()

    def write(self, servers):
        with open(self.config, "w") as file:
            file.write(CONFIG.format(socket=self.socket, port=self.port, balance=self.balance, level=self.level,
                                     servers="\n".join("  " + s for s in servers)) + self.more)

    def start(self):
        # Output of thousands of state changes is nobody's.
        self.process = subprocess.Popen([PROGRAM, "-W", "-db", "-f", self.config], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.wait_for(self.pid, 60)
        harness.wait_for(self.heeds_signals, 60)

    def heeds_signals(self):
        """Whether the master has come as far as to catch SIGUSR2, which would end it before."""
        with open(f"/proc/{self.process.pid}/status") as file:
            caught = next(line for line in file if line.startswith("SigCgt:")).split()[1]
        return int(caught, 16) >> (signal.SIGUSR2 - 1) & 1

    def reload(self):
        """Returns when another worker answers."""
        before, asked, end = self.pid(), 0.0, time.monotonic() + 60
        while self.pid() in (0, before):
            if time.monotonic() > end:
                raise AssertionError("HAProxy was not reloaded within 60 s")
            if time.monotonic() > asked + 10 and self.heeds_signals():
                self.process.send_signal(signal.SIGUSR2)
                asked = time.monotonic()
            time.sleep(0.02)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def ask(self, line):
        """What it says to a line of commands; "" when it cannot be asked."""
        text = b""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            try:
                s.connect(self.socket)
                s.sendall(line.encode() + b"\n")
                while more := s.recv(1 << 16):
                    text += more
            except OSError:
                return ""
        return text.decode()

    def pid(self):
        """Of the worker that answers; 0: none does."""
        for line in self.ask("show info").splitlines():
            if line.startswith("Pid: "):
                return int(line[5:])
        return 0

    def servers(self):
        """{name: {column: text}} of `show servers state`, {} when it cannot be read."""
        lines = self.ask("show servers state be_web").splitlines()[1:]
        return {row["srv_name"]: row for row in csv.DictReader((line.removeprefix("# ") for line in lines if line), delimiter=" ")}

    def shows(self):
        """{name: "ready W", "drain" or "maint"}"""
        def word(row):
            admin = int(row["srv_admin_state"])
            return "maint" if admin & 0x67 else "drain" if admin & 0x18 else f"ready {row['srv_uweight']}"
        return {name: word(row) for name, row in self.servers().items()}

    def statistics(self):
        text = self.ask("show stat be_web 4 -1").removeprefix("# ")
        return {row["svname"]: row for row in csv.DictReader(text.splitlines())}

    def wait_shows(self, expected, timeout=60):
        """Until the servers are these, in these states; returns the seconds that took."""
        begin, seen = time.monotonic(), None
        while seen != expected:
            if time.monotonic() - begin > timeout:
                raise AssertionError(f"{seen} instead of {expected} after {timeout} s")
            time.sleep(0.02)
            seen = self.shows()
        return time.monotonic() - begin
