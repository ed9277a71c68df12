# SPDX-License-Identifier: Apache-2.0
"""What tests of loadstar-l4 share: a forwarder in a directory of its own, and members for it.

    class Test(l4_world.TestCase):
        def test_forwards(self):
            a, b = self.members(2)
            f = self.forwarder(services=web(members=[a, b]))
            self.assertEqual(f.ask(), a.name)

The program is named by LOADSTAR_L4; without it, the one beside LOADSTARD is taken.
"""
import json
import os
import re
import select
import signal
import socket
import tempfile
import threading
import urllib.request

import harness


def web(port="{port}", members=(), **more):
    """A service `web` of l4.yaml as a mapping; members: Member objects, or what stands there."""
    if not isinstance(members, dict):
        members = [m.place if isinstance(m, Member) else m for m in members]
    return {"web": dict({"listen": [f"127.0.0.1:{port}"], "protocol": "tcp", "balance": "round_robin",
                         "members": members, "limits": {"connections": 500}}, **more)}


class Process:
    """One that is not our child, with what harness.Daemon wants of subprocess.Popen."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, None
        self.fd = os.pidfd_open(pid)

    def poll(self):
        if self.returncode is None and select.select([self.fd], [], [], 0)[0]:
            self.returncode = 0
        return self.returncode

    def send_signal(self, number):
        try:
            signal.pidfd_send_signal(self.fd, number)
        except ProcessLookupError:
            pass

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout=None):
        select.select([self.fd], [], [], timeout)
        if self.poll() is None:
            raise AssertionError(f"process {self.pid} has not ended after {timeout} s")
        return self.returncode


class Forwarder(harness.Daemon):
    """One loadstar-l4. services: mapping; main: further top-level keys as text; files: as of Daemon."""

    def __init__(self, services, main="", files=None, env=None, wrap=(), workers=2, metrics=True):
        self.dir = tempfile.mkdtemp(prefix="ls-l4-")
        self.address, self.port = "127.0.0.1", harness.free_port()
        self.metrics_port = harness.free_port()
        self.env, self.wrap = dict(os.environ, **(env or {})), list(wrap)
        self.process, self.log_text, self.exit_code = None, "", None
        self.path = os.path.join(self.dir, "l4.yaml")
        self.socket = os.path.join(self.dir, "control.sock")
        self.log_path = os.path.join(self.dir, "log")
        self.head = (f"control: control.sock\nworkers: {workers}\nstate_dir: state\n" +
                     (f"metrics: 127.0.0.1:{self.metrics_port}\n" if metrics else "") + main)
        os.makedirs(os.path.join(self.dir, "state"), exist_ok=True)
        for name, text in (files or {}).items():
            self.write(name, text)
        self.configure(services)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(os.path.join(self.dir, "notify"))
        os.chmod(os.path.join(self.dir, "notify"), 0o777)

    def configure(self, services):
        """Writes l4.yaml: JSON is YAML."""
        self.services = services
        text = json.dumps({"services": services}, indent=1).replace("{port}", str(self.port))
        self.write("l4.yaml", self.head + text[1:-1].strip().replace("\n ", "\n") + "\n")

    def command(self, *args):
        beside = os.path.join(os.path.dirname(os.environ.get("LOADSTARD", "")) or ".", "loadstar-l4")
        return self.wrap + [harness.program("LOADSTAR_L4", beside), *args]

    def connect(self, port=None, timeout=30, source=None):
        return socket.create_connection((self.address, port or self.port), timeout, source)

    def ask(self, text=b"hello\n", port=None):
        """The name of the member that answers one line, over a connection of its own."""
        with self.connect(port) as s:
            s.sendall(text)
            return s.makefile().readline().split(" ")[0].strip()

    def request(self, **request):
        """One request over the control socket; the reply."""
        with self.control() as c:
            return c.ask(**request)

    def control(self):
        return Control(self.socket)

    def members_of(self, service="web"):
        """{key: member}."""
        reply = self.request(command="members", service=service)
        assert reply["ok"], reply
        return {m["key"]: m for m in reply["result"]["members"]}

    def metrics(self):
        """{sample with its labels: value}."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=30) as r:
            self.metrics_text = r.read().decode()
        return {m[1]: float(m[2]) for m in
                re.finditer(r"^([^#\s].*?) (\S+)$", self.metrics_text, re.M)}


class Control:
    """A connection to the control socket, line by line."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise
        self.file = self.socket.makefile("rb")
        self.events = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def line(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("closed by loadstar-l4")
        return json.loads(line)

    def ask(self, raw=None, **request):
        self.socket.sendall((raw if raw is not None else json.dumps(request).encode()) + b"\n")
        while True:
            line = self.line()
            if "event" not in line:
                return line
            self.events.append(line)

    def event(self, what, key=None):
        """The next event of a kind, of a member if that is given."""
        while True:
            for i, e in enumerate(self.events):
                if e["event"] == what and (key is None or e.get("key") == key):
                    return self.events.pop(i)
            self.events.append(self.line())


class Member:
    """Answers each line with its name and the line, on connections that stay open. Its port stays its own while it is
    closed."""

    def __init__(self, name, address="127.0.0.1", port=0):
        self.name, self.address, self.port = name, address, port or harness.free_port(address)
        self.connections, self.n_accepted = set(), 0
        self.lock = threading.Lock()
        self.listener = None
        self.open()

    @property
    def place(self):
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    def open(self):
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self.listener = socket.create_server((self.address, self.port), family=family, backlog=1024)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections.add(s)
                self.n_accepted += 1
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, s):
        try:
            with s, s.makefile("rb") as lines:
                for line in lines:
                    s.sendall(f"{self.name} ".encode() + line)
        except OSError:
            pass
        with self.lock:
            self.connections.discard(s)

    def refuse(self):
        """Closes its port, and its connections."""
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        with self.lock:
            for s in self.connections:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    close = refuse


class TestCase(harness.TestCase):
    def forwarder(self, *args, start=True, **kw):
        f = Forwarder(*args, **kw)
        self._daemons().append(f)
        self.addCleanup(f.close)
        return f.start() if start else f

    def member(self, name="a", **kw):
        m = Member(name, **kw)
        self.addCleanup(m.close)
        return m

    def members(self, n):
        return [self.member("abcdefgh"[i]) for i in range(n)]
