# SPDX-License-Identifier: Apache-2.0
"""A real nginx in a directory of its own, clients that keep asking it, and tests with both."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import harness

STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"


class Nginx:
    """http at `port` to the upstream web, stream at `raw_port` to the upstream raw. Its files lie
    in `dir`: the upstreams are included from upstreams/, `more` may break the configuration."""

    def __init__(self, upstreams):
        self.binary = shutil.which("nginx") or "/usr/sbin/nginx"
        if not os.access(self.binary, os.X_OK):
            raise unittest.SkipTest("nginx is missing")
        if "raw" in upstreams and not os.path.exists(STREAM_MODULE):
            raise unittest.SkipTest("nginx has no stream module here")
        self.dir = tempfile.mkdtemp(prefix="ls-nginx-")
        self.port, self.raw_port = harness.free_port(), harness.free_port()
        self.conf = os.path.join(self.dir, "nginx.conf")
        self.log_path = os.path.join(self.dir, "error.log")
        self.upstreams = os.path.join(self.dir, "upstreams")
        os.mkdir(self.upstreams)
        os.chmod(self.dir, 0o755)
        self.names = upstreams
        self.process = None
        self.write()

    def file(self, name):
        return os.path.join(self.upstreams, name + ".conf")

    def write(self, more=""):
        stream = "raw" in self.names
        http_part = f"""
http {{
  access_log off;
  {self._temporary()}
  include {self.file('web')};
  server {{
    listen 127.0.0.1:{self.port};
    location / {{ proxy_pass http://web; proxy_next_upstream off; proxy_connect_timeout 20s; }}
  }}
}}"""
        stream_part = f"""
stream {{
  include {self.file('raw')};
  server {{ listen 127.0.0.1:{self.raw_port}; proxy_pass raw; }}
}}"""
        user = "user root;" if os.geteuid() == 0 else ""
        with open(self.conf, "w") as file:
            file.write(f"{f'load_module {STREAM_MODULE};' if stream else ''}\n{user}\n"
                       f"worker_processes 2; daemon off; pid {self.dir}/pid;\n"
                       f"error_log {self.log_path} notice;\n"
                       f"events {{ worker_connections 512; }}\n{more}\n"
                       + http_part + (stream_part if stream else "") + "\n")

    def _temporary(self):
        kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        return " ".join(f"{kind}_temp_path {self.dir}/{kind};" for kind in kinds)

    def start(self):
        self.process = subprocess.Popen([self.binary, "-c", self.conf, "-p", self.dir],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        harness.wait_for(self._listens, 60)
        return self

    def _listens(self):
        if self.process.poll() is not None:
            raise AssertionError("nginx ended: " + self.log())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def test_argv(self):
        return [self.binary, "-t", "-c", self.conf, "-p", self.dir]

    def reload_argv(self):
        return [self.binary, "-s", "reload", "-c", self.conf, "-p", self.dir]

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def reloads(self):
        """How often its master has taken its configuration anew."""
        return len(re.findall(r"signal 1 \(SIGHUP\) received.*reconfiguring", self.log()))

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)

    def close(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


class Clients:
    """Threads that ask again and again, each time on a new connection. What came of it is kept as
    (time it began, time it ended, body or None)."""

    def __init__(self, port, n=3):
        self.port = port
        self.outcomes, self.lock = [], threading.Lock()
        self.ends = threading.Event()
        self.threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(n)]
        for thread in self.threads:
            thread.start()

    def _ask(self):
        while not self.ends.is_set():
            began, body = time.monotonic(), None
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.request("GET", "/", headers={"Connection": "close"})
                response = connection.getresponse()
                text = response.read().decode()
                body = text if response.status == 200 else None
            except (OSError, http.client.HTTPException):
                pass
            connection.close()
            with self.lock:
                self.outcomes.append((began, time.monotonic(), body))
            time.sleep(0.004)

    def since(self, at):
        """Bodies, None for failures, of what began after that."""
        with self.lock:
            return [body for began, _, body in self.outcomes if began >= at]

    def failures(self, since=0.0):
        with self.lock:
            return [began for began, _, body in self.outcomes if body is None and began >= since]

    def wait_for_more(self, n=40, timeout=60):
        """Until so many have begun after now, and ended; their bodies."""
        at = time.monotonic()
        harness.wait_for(lambda: len(self.since(at)) >= n, timeout)
        return self.since(at)

    def close(self):
        self.ends.set()
        for thread in self.threads:
            thread.join()


ZONE = """
zone: example.test
ttl: 5m
soa: {mname: ns1, rname: hostmaster, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s, serial: 1}
records:
  "@": {NS: ns1}
  ns1: {A: 192.0.2.1}
"""

POOLS = """
sites: {{ams: {{}}}}
checks:
  web: {{type: tcp, interval: 1s, timeout: 1s, rise: 1, fall: 2}}
pools:
  web:
    checks: [web]
    sites: {{ams: [{endpoints}]}}
"""
# A busy machine may let all of our probes starve at once: that is no news here.
PATIENCE = 90


def upstream_lines(path):
    """{address:port: what is said of it} of a written file."""
    with open(path) as file:
        lines = [line.split("#")[0].split() for line in file if line.startswith("    server ")]
    return {words[1]: words[2].rstrip(";") for words in lines}


class Case(harness.TestCase):
    """A daemon that drives tiers of one nginx, by the back ends self.web."""

    def set_up(self, n=3, names=("web",), backends=None, test=None, **tier):
        self.web = backends or [self.backend(f"127.0.0.{2 + i}", body=f"b{i}") for i in range(n)]
        self.nginx = Nginx(names)
        self.addCleanup(self.nginx.close)
        self.test_argv = test or self.nginx.test_argv()
        self.tier = tier
        self.d = self.daemon(start=False, zones={"example.test.yaml": ZONE}, pools=self.pools(),
                             main="tiers: tiers.yaml\n", files={"tiers.yaml": self.tiers()})
        return self.d

    def pools(self, n=None):
        endpoints = ", ".join(f'{{address: {b.address}, port: {b.port}, name: b{i}}}'
                              for i, b in enumerate(self.web[:n]))
        return POOLS.format(endpoints=endpoints)

    def tiers(self):
        tiers = {}
        for name in self.nginx.names:
            tiers[name] = {"type": "nginx", "pool": "web", "upstream": name,
                           "file": self.nginx.file(name), "test": self.test_argv,
                           "reload": self.nginx.reload_argv(),
                           "mode": "stream" if name == "raw" else "http", "interval": "2s",
                           **self.tier}
        return json.dumps({"tiers": tiers})

    def state(self, name="web"):
        tiers = self.d.ctl_json("tiers")["tiers"]
        return next(t for t in tiers if t["name"] == name)

    def settled(self, want, name="web", timeout=PATIENCE):
        """Waits until the tier is as wanted, and nginx was told: {back end: "down" or a weight}."""
        want = {f"{self.web[i].address}:{self.web[i].port}": said for i, said in want.items()}

        def is_so():
            path = self.nginx.file(name)
            return (os.path.exists(path) and upstream_lines(path) == want
                    and self.state(name)["state"] == "ok"
                    and not os.path.exists(path + ".owed"))
        try:
            self.d.wait_for(is_so, timeout, step=0.05)
        except AssertionError as e:
            raise AssertionError(f"{e}: wanted {want}; {json.dumps(self.state(name))}; "
                                 f"{os.listdir(self.nginx.upstreams)}") from None

    def begin(self, **kw):
        """All back ends up, nginx up, clients."""
        self.set_up(**kw)
        # nginx cannot begin without the file that it includes, nor be told before it has begun.
        self.d.start()
        self.d.wait_for(lambda: all(os.path.exists(self.nginx.file(n)) for n in self.nginx.names),
                        PATIENCE)
        self.nginx.start()
        for name in self.nginx.names:
            self.settled({i: "weight=100" for i in range(len(self.web))}, name)
        self.clients = Clients(self.nginx.port)
        self.addCleanup(self.clients.close)
        self.clients.wait_for_more()
