# SPDX-License-Identifier: Apache-2.0
"""Programs on the hosts of anycast_lab.py, and what the rest of it is made of."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))

PATIENCE = 180  # s; for what a busy machine does at last
SBIN = os.environ["PATH"] + ":/usr/sbin:/usr/lib/frr"
UPSTREAM_AS, SITE_AS = 65000, 65001
HOLD = 60  # s; hold time of the sessions: no speaker of a busy machine is silent for so long


class Process:
    """A program on a host, with its output in a file. Ended by its id, never by a name."""

    def __init__(self, argv, log, host=None, env=None, cwd=None):
        self.argv, self.log_path, self.host, self.cwd = list(argv), log, host, cwd
        self.env = dict(os.environ, PATH=SBIN, **(env or {}))
        self.process = None

    def start(self):
        wrap = ["ip", "netns", "exec", self.host.name] if self.host else []
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(wrap + self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.env, cwd=self.cwd, start_new_session=True)
        return self

    @property
    def pid(self):
        return self.process.pid

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def send(self, number):
        if self.is_alive():
            self.process.send_signal(number)

    def pause(self):
        self.send(signal.SIGSTOP)

    def resume(self):
        self.send(signal.SIGCONT)

    def kill(self):
        """kill -9; returns when, by the wall clock."""
        at = time.time()
        self.send(signal.SIGKILL)
        if self.process:
            self.process.wait()
        return at

    def stop(self, timeout=20):
        self.resume()
        self.send(signal.SIGTERM)
        try:
            if self.process:
                self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def log(self):
        try:
            with open(self.log_path, errors="replace") as file:
                return file.read()
        except OSError:
            return ""


def find(program):
    path = shutil.which(program, path=SBIN)
    if not path:
        raise unittest.SkipTest(f"{program} is missing")
    return path


def arguments(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def children(pid):
    found = set()
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found.update(int(word) for word in file.read().split())
    except OSError:
        pass
    return sorted(found)


class Listener:
    """What checks connect to on a host, and what refuses them when told to."""

    def __init__(self, host, address, port):
        self.host, self.where, self.socket = host, (address, port), None
        self.ok()

    def ok(self):
        if self.socket is None:
            with self.host:
                self.socket = socket.create_server(self.where, backlog=1024)
            threading.Thread(target=self._take, args=(self.socket,), daemon=True).start()

    @staticmethod
    def _take(listener):
        try:
            while True:
                listener.accept()[0].close()
        except OSError:
            pass  # it refuses from now on

    def refuse(self):
        if self.socket is not None:
            self.socket.shutdown(socket.SHUT_RDWR)  # a close alone does not end accept()
            self.socket.close()
            self.socket = None
