# SPDX-License-Identifier: Apache-2.0
"""A stand-in for loadstar-l4's control socket: `members` in both forms, events over the connection that told a set,
and faults on demand. What the real one does with connections is tested with it; here are those that misbehave."""
import json
import os
import socket
import threading
import time


class Fake:
    """`fault`: None, "silent", "garbage", "endless" (lines without end), "long" (one line without end), "closes" (before
    an answer), "refuses" (any set), "another" (says that it took another version)."""

    def __init__(self, path, *services):
        self.path, self.fault = path, None
        self.sets = {name: {"version": 0, "members": []} for name in services}
        self.sessions = {}  # by key
        self.told = []  # sets, in their order
        self.connections, self.streams = 0, []
        self.lock = threading.Lock()
        self.listener = None
        self.open()

    def open(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def close(self):
        """As a process that ends: all connections are cut."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for stream in self.open_ones:
                try:
                    stream.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    @property
    def open_ones(self):
        return [c for c in self.streams if c.fileno() >= 0]

    def text(self, service="web"):
        return " ".join(f"{m['key'].split('/')[-1]}={m['state']}" + (f" {m['weight']}" if m["state"] == "up" else "")
                        for m in self.sets[service]["members"])

    def event(self, **event):
        with self.lock:
            for stream in self.open_ones:
                try:
                    stream.sendall(json.dumps(event).encode() + b"\n")
                except OSError:
                    pass

    def failed(self, key, service="web", what="refused"):
        self.event(event="failed", service=service, key=key, what=what)

    # ---- the protocol ----

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("r") as file:
            try:
                for line in file:
                    if not self.misbehaves(connection, json.loads(line)):
                        self.answer(connection, json.loads(line))
            except (OSError, ValueError):
                pass

    def misbehaves(self, connection, request):
        if self.fault == "silent":
            return True
        if self.fault == "garbage":
            connection.sendall(b"\xff\xfe{]\n")
        elif self.fault == "closes":
            raise OSError
        elif self.fault == "endless":
            while self.fault == "endless":
                connection.sendall(b'{"event":"failed","service":"web","key":"web/ams/nobody","what":"refused"}\n' * 500)
        elif self.fault == "long":
            while self.fault == "long":
                connection.sendall(b"a" * 65536)
        elif self.fault == "another" and "members" in request:
            self.say(connection, {"ok": True, "result": {"service": request["service"], "version": 1}})
        elif self.fault == "refuses" and "members" in request:
            self.say(connection, {"ok": False, "error": "members[0].key: \x1b[31mno", "code": "invalid"})
        else:
            return False
        return True

    def say(self, connection, document, follows=False):
        """With follows, all events from then on are told it, too."""
        with self.lock:
            connection.sendall(json.dumps(document).encode() + b"\n")
            if follows:
                self.streams.append(connection)

    def answer(self, connection, request):
        assert request["command"] == "members", request
        service = request["service"]
        if service not in self.sets:
            self.say(connection, {"ok": False, "error": f"unknown service '{service}'", "code": "not_found"})
        elif "members" in request:
            self.take(service, request)
            self.say(connection, {"ok": True, "result": {"service": service, "version": request["version"]}}, follows=True)
        else:
            self.say(connection, {"ok": True, "result": self.document(service)})

    def take(self, service, request):
        if request["version"] <= self.sets[service]["version"]:
            raise AssertionError(f"version {request['version']} after {self.sets[service]['version']}")
        self.sets[service] = {"version": request["version"], "members": request["members"]}
        self.told.append(request)

    def document(self, service):
        members = [dict(m, service=service, active=self.sessions.get(m["key"], 0), total=0, refused=0, timeouts=0,
                        connect_ms={"p50": 0.1, "p99": 0.3}, rtt_ms={"p50": 0.1, "p99": 0.3})
                   for m in self.sets[service]["members"]]
        return {"version": self.sets[service]["version"], "members": members}
