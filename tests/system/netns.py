# SPDX-License-Identifier: Apache-2.0
"""Two hosts on one machine: network namespaces joined by a veth pair, gone when the test ends.

    pair = netns.Pair(self)              # skips the test where that is not to be had
    d = pair.daemon(zones=..., server="xdp: {interfaces: veth-s}")
    with pair.client:                    # sockets made in here are the client's
        d.query("www.example.test")
"""
import ctypes
import os
import shutil
import subprocess
import threading
import unittest

import harness

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


class Host:
    """A network namespace; as a context, the thread that is in it has its sockets there."""

    def __init__(self, name, device, addresses):
        self.name, self.device, self.addresses = name, device, addresses
        self.path = f"/run/netns/{name}"
        self._of_thread = threading.local()

    def run(self, *command):
        return run("ip", "netns", "exec", self.name, *command)

    def configure(self):
        self.run("ip", "link", "set", "lo", "up")
        for address in self.addresses:
            self.add(address)
        self.run("ip", "link", "set", self.device, "up")

    def add(self, address):
        extra = ["nodad"] if ":" in address else []
        self.run("ip", "addr", "add", address, "dev", self.device, *extra)

    def remove(self, address):
        self.run("ip", "addr", "del", address, "dev", self.device)

    def __enter__(self):
        self._of_thread.before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self._switch(self.path)

    def __exit__(self, *_):
        if libc.setns(self._of_thread.before, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(self._of_thread.before)

    @staticmethod
    def _switch(path):
        fd = os.open(path, os.O_RDONLY)
        code = libc.setns(fd, CLONE_NEWNET)
        os.close(fd)
        if code != 0:
            raise OSError(ctypes.get_errno(), "setns")


def why_not():
    """Why there can be no namespaces here; None: there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("ip", "ethtool"):
        if not shutil.which(tool):
            return tool + " is missing"
    probe = f"lsp{os.getpid()}"
    done = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    if done.returncode != 0:
        return "no network namespace to be had: " + done.stderr.strip()
    # In a chroot, or without the right to mount, a namespace can be made and not be entered.
    done = subprocess.run(["ip", "netns", "exec", probe, "true"], capture_output=True, text=True)
    run("ip", "netns", "del", probe)
    if done.returncode != 0:
        return "no network namespace can be entered: " + done.stderr.strip()
    return None


class Pair:
    """A server host with veth-s (10.98.0.1, fd98::1) and a client with veth-c (.2, ::2)."""

    count = 0

    def __init__(self, test):
        self.test = test
        reason = why_not()
        if reason:
            raise unittest.SkipTest(reason)
        Pair.count += 1
        stem = f"ls{os.getpid()}-{Pair.count}"
        self.server = Host(stem + "s", "veth-s", ["10.98.0.1/24", "fd98::1/64"])
        self.client = Host(stem + "c", "veth-c", ["10.98.0.2/24", "fd98::2/64"])
        for host in (self.server, self.client):
            run("ip", "netns", "add", host.name)
            test.addCleanup(run, "ip", "netns", "del", host.name)
        queues = ["numrxqueues", "2", "numtxqueues", "2"]  # can be had; one each to begin with
        run("ip", "link", "add", "veth-s", *queues, "netns", self.server.name, "type", "veth",
            "peer", "name", "veth-c", *queues, "netns", self.client.name)
        for host in (self.server, self.client):
            host.run("ethtool", "-L", host.device, "rx", "1", "tx", "1")
        self.server.configure()
        self.client.configure()

    def daemon(self, start=True, **kw):
        """A daemon on the server host, at 10.98.0.1 port 53 unless told otherwise."""
        kw.setdefault("listen", ["10.98.0.1:53", "[fd98::1]:53"])
        d = self.test.daemon(start=False, wrap=["ip", "netns", "exec", self.server.name], **kw)
        d.address, d.port = "10.98.0.1", 53
        return d.start() if start else d

    def programs(self):
        """Whether an XDP program is attached to the server's interface."""
        return "xdp" in self.server.run("ip", "link", "show", "veth-s").replace(self.server.name, "")
