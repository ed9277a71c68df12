# SPDX-License-Identifier: Apache-2.0
"""A driver of a speaker without the daemon (speaker_tool.c), on a host of anycast_lab.py."""
import collections
import json
import signal
import subprocess
import threading

from anycast_host import PATIENCE
import harness


class Tool:
    """`arguments`: of speaker_tool. With `host`, in that network namespace; with `user`, as that."""

    def __init__(self, cleanup, *arguments, host=None, user=None):
        wrap = ["ip", "netns", "exec", host.name] if host else []
        if user:
            wrap += ["setpriv", "--reuid", user, "--regid", "nogroup", "--clear-groups"]
        program = harness.built("tests/interop/speaker_tool")
        self.process = subprocess.Popen([*wrap, program, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        cleanup(self.close)
        self.events = collections.deque()
        self.nudges, self.ended = 0, False
        self.came = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            with self.came:
                if event["event"] == "nudge":
                    self.nudges += 1
                else:
                    self.events.append(event)
                self.came.notify_all()
        with self.came:
            self.ended = True
            self.came.notify_all()

    def tell(self, line):
        """What has no answer: set, forget, stage."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line):
        """Returns what came of it."""
        self.tell(line)
        with self.came:
            self.came.wait_for(lambda: self.events or self.ended, PATIENCE)
            if not self.events:
                raise AssertionError(f"speaker_tool has not answered '{line}'")
            return self.events.popleft()

    def do(self, line):
        """Has to go well."""
        event = self.ask(line)
        if event["event"] not in ("applied", "observed"):
            raise AssertionError(f"{line}: {event}")
        return event

    def fails(self, line, error):
        """Has to fail so; returns the text."""
        event = self.ask(line)
        if event["event"] != "failed" or event["error"] != error:
            raise AssertionError(f"{line}: not '{error}', but {event}")
        return event["text"]

    def real(self):
        """{prefix: (real, differs)}"""
        return {route["prefix"]: (route["real"], route["differs"])
                for route in self.do("look")["routes"]}

    def wait_do(self, line):
        """The first time that it goes well: the speaker may need more time than it is given."""
        def did():
            event = self.ask(line)
            return event if event["event"] in ("applied", "observed") else None
        return harness.wait_for(did, PATIENCE, step=0.1)

    def wait_look(self):
        return self.wait_do("look")

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)

    def close(self):
        alive = self.process.poll() is None
        if alive:
            self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        if alive:
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
