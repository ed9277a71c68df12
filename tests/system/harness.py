# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: a daemon in a directory of its own, queries to it, back ends for it.

    class Test(harness.TestCase):
        def test_answers(self):
            web = self.backend("127.0.0.2")
            d = self.daemon(zones={"example.test.yaml": ZONE}, pools=POOLS.format(port=web.port))
            self.assertEqual(d.addresses("www.example.test", ecs="192.0.2.0/24"), ["127.0.0.2"])
            web.fail(503)
            d.wait_for(lambda: d.addresses("www.example.test") == ["127.0.0.3"], 5)
            d.ctl("drain", ...), d.ctl_json("status"), d.write("pools.yaml", text), d.reload()

self.daemon() and self.backend() end what they started when the test ends. A test that fails prints
the daemon's log; a sanitizer's report in the log fails the test. The programs under test are named
by LOADSTARD and LOADSTARCTL in the environment; without them, those of the current directory (a
build tree) are taken. LOADSTAR_XDP is set by tests/over_xdp.py: the daemons then answer on another
host, by AF_XDP.
"""
import errno
import http.server
import json
import os
import random
import re
import shutil
import signal
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

SANITIZER = re.compile(r"ERROR: (?:Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:|"
                       r"SUMMARY: \w+Sanitizer")


def program(variable, name):
    """Path of a built program, from the environment or the current directory."""
    path = os.environ.get(variable) or os.path.abspath(name)
    if not os.access(path, os.X_OK):
        raise unittest.SkipTest(f"{name} is missing: set {variable} to the built program")
    return path


def built(path):
    """Path of a helper that the build makes, beside LOADSTARD (or in the current directory)."""
    root = os.environ.get("BUILD") or os.path.dirname(os.environ.get("LOADSTARD", "")) or "."
    whole = os.path.join(root, path)
    if not os.access(whole, os.X_OK):
        raise unittest.SkipTest(f"{path} is missing: make it in the build tree")
    return whole


# Where daemons are when it is by AF_XDP that they shall answer: address, interface, namespace.
OVER_XDP = os.environ.get("LOADSTAR_XDP", "").split()


class _Ports:
    """Ports below those that the kernel gives out by itself (ip_local_port_range), which any client
    beside us could get between our look and the daemon's bind. Each is ours until this process ends,
    among all that take theirs from here: a name in the abstract socket space says so."""

    FIRST = 10000

    def __init__(self):
        self.held = []
        with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
            self.end = min(int(file.read().split()[0]), 32768)
        if self.end - self.FIRST < 1000:
            self.end = self.FIRST + 20000

    def is_ours(self, port):
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            holder.bind(f"\0loadstar-test-port-{port}")
        except OSError:
            holder.close()
            return False
        self.held.append(holder)
        return True

    def take(self, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for _ in range(1000):
            port = random.randrange(self.FIRST, self.end)
            with socket.socket(family, socket.SOCK_STREAM) as tcp, \
                    socket.socket(family, socket.SOCK_DGRAM) as udp:
                try:
                    tcp.bind((address, port))
                    udp.bind((address, port))
                except OSError as error:
                    if error.errno == errno.EADDRNOTAVAIL:
                        raise
                    continue
                if self.is_ours(port):
                    return port
        raise RuntimeError("no port is free for both UDP and TCP")


_ports = _Ports()


def free_port(address="127.0.0.1"):
    """A port that is free for UDP and TCP, and that no other test gets."""
    return _ports.take(address)


def wait_for(predicate, timeout, step=0.01):
    """Calls predicate() until it is true; returns its value, or fails after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not so after {timeout} s")
        time.sleep(step)


class Daemon:
    """One loadstard with its configuration, sockets and state in a temporary directory.

    zones: {file name: text} in zones/. pools: text of pools.yaml. files: {path: text} of anything
    else. server: more lines of the `server:` mapping. main: more top-level lines of loadstar.yaml.
    http: also listen for HTTP, with self.token as its token. config: the whole loadstar.yaml
    instead, with {port} {dir} {http_port} replaced.
    """

    def __init__(self, zones=None, pools=None, files=None, server="", main="", http=False,
                 config=None, listen=None, workers=2, env=None, wrap=()):
        self.dir = tempfile.mkdtemp(prefix="ls-")
        self.address = "127.0.0.1"
        self.port = free_port()
        if OVER_XDP:
            self.address, interface, namespace = OVER_XDP
            server = f"{server}\nxdp: {{interfaces: {interface}}}"
            if "rate_limit" not in server: # as loopback is
                server += '\nrate_limit: {exempt: [10.98.0.0/24, "fd98::/64"]}'
            wrap = ["ip", "netns", "exec", namespace, *wrap]
        self.http_port = free_port()
        self.token = "s3cret-of-the-tests"
        self.env = dict(os.environ, **(env or {}))
        self.wrap = list(wrap)
        self.process = None
        self.log_text = ""
        self.exit_code = None
        self.listen = listen or [f"{self.address}:{self.port}"]
        self.path = os.path.join(self.dir, "loadstar.yaml")
        self.socket = os.path.join(self.dir, "control.sock")
        self.log_path = os.path.join(self.dir, "log")
        for name, text in (zones or {}).items():
            self.write(os.path.join("zones", name), text)
        if pools is not None:
            self.write("pools.yaml", pools)
        for name, text in (files or {}).items():
            self.write(name, text)
        os.chmod(self.write("api.token", self.token + "\n"), 0o600)
        os.makedirs(os.path.join(self.dir, "state"), exist_ok=True)
        os.makedirs(os.path.join(self.dir, "zones"), exist_ok=True)
        if config is None:
            config = self._main_file(server, main, http, pools is not None, workers)
        else:
            config = (config.replace("{port}", str(self.port)).replace("{dir}", self.dir)
                      .replace("{http_port}", str(self.http_port)))
        self.write("loadstar.yaml", config)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(os.path.join(self.dir, "notify"))
        os.chmod(os.path.join(self.dir, "notify"), 0o777)  # for a daemon with `server.user`

    def _main_file(self, server, main, http, pools, workers):
        lines = ["server:", f"  listen: {json.dumps(self.listen)}", f"  workers: {workers}",
                 "  state_dir: state"]
        lines += ["  " + line for line in server.splitlines()]
        lines += ["control: control.sock", "zones: zones/"]
        if pools:
            lines.append("pools: pools.yaml")
        if http:
            lines.append(f'http: {{listen: "127.0.0.1:{self.http_port}", token_file: api.token}}')
        return "\n".join(lines) + "\n" + main

    # Files

    def write(self, name, text):
        """Writes a file of the configuration, whole (a reader sees the old or the new one)."""
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w" if isinstance(text, str) else "wb") as file:
            file.write(text)
        os.replace(path + ".new", path)
        return path

    def read(self, name):
        with open(os.path.join(self.dir, name)) as file:
            return file.read()

    def log(self):
        """What the daemon has written to stderr so far."""
        try:
            with open(self.log_path, errors="replace") as file:
                return file.read()
        except OSError:
            return self.log_text

    # The process

    def command(self, *args):
        return self.wrap + [program("LOADSTARD", "loadstard"), *args]

    def check(self, *args):
        """Runs `loadstard -c FILE --check`."""
        return subprocess.run(self.command("-c", self.path, "--check", *args), env=self.env,
                              capture_output=True, text=True, timeout=600)

    def start(self, timeout=90, ready=True):
        """Starts it, and waits until it says that it is ready."""
        self._drain_notify()
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(
                self.command("-c", self.path), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(self.env, NOTIFY_SOCKET=os.path.join(self.dir, "notify")))
        self.exit_code = None
        if ready:
            self._wait_ready(timeout)
        if ready and OVER_XDP and "notice: AF_XDP on" not in self.log():
            raise AssertionError("loadstard does not answer by AF_XDP")
        return self

    def _drain_notify(self):
        self.notify.setblocking(False)
        try:
            while self.notify.recv(4096):
                pass
        except BlockingIOError:
            pass

    def _wait_ready(self, timeout):
        self._wait_told(b"READY=1", timeout)

    def _wait_told(self, line, timeout):
        end = time.monotonic() + timeout
        self.notify.settimeout(0.05)
        while True:
            try:
                if line in self.notify.recv(4096).split(b"\n"):
                    return
            except socket.timeout:
                pass
            if self.process.poll() is not None:
                raise AssertionError(f"loadstard ended with {self.process.returncode} "
                                     f"before it said {line.decode()}")
            if time.monotonic() > end:
                raise AssertionError(f"loadstard has not said {line.decode()} after {timeout} s")

    def hup(self, timeout=600):
        """Reloads by SIGHUP, and waits until that is over, well or not."""
        self._drain_notify()
        self.process.send_signal(signal.SIGHUP)
        self._wait_told(b"RELOADING=1", timeout) # or it is a load from before that is ready
        self._wait_ready(timeout)

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.exit_code = self.process.wait()

    def stop(self, timeout=90):
        """SIGTERM; returns the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.exit_code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"loadstard did not stop within {timeout} s of SIGTERM")
        return self.exit_code

    def close(self):
        """Ends it, keeps the log, removes the directory; fails on a sanitizer's report."""
        error = None
        try:
            if self.process is not None and self.process.poll() is None:
                self.stop()
        except AssertionError as e:
            error = e
        self.log_text = self.log()
        self.notify.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        if SANITIZER.search(self.log_text):
            error = AssertionError("a sanitizer reported in loadstard's log")
        if error:
            raise error

    # The operator's hand

    def ctl(self, *args, check=True, timeout=120):
        """Runs loadstarctl; returns the completed process (.returncode, .stdout, .stderr)."""
        done = subprocess.run([program("LOADSTARCTL", "loadstarctl"), "-s", self.socket, *args],
                              env=self.env, capture_output=True, text=True, timeout=timeout)
        if SANITIZER.search(done.stderr):
            raise AssertionError("a sanitizer reported in loadstarctl:\n" + done.stderr)
        if check and done.returncode != 0:
            raise AssertionError(f"loadstarctl {' '.join(args)}: exit {done.returncode}: "
                                 f"{done.stderr}")
        return done

    def ctl_json(self, *args, **kw):
        return json.loads(self.ctl("--json", *args, **kw).stdout)

    def reload(self, check=True):
        return self.ctl("reload", check=check, timeout=600)

    # Queries

    def message(self, name, rdtype="A", ecs=None, **kw):
        """A query; ecs is ADDRESS/LEN. Further arguments as of dns.message.make_query()."""
        if ecs is not None:
            address, _, length = ecs.partition("/")
            length = int(length) if length else (128 if ":" in address else 32)
            kw.setdefault("use_edns", 0)
            kw["options"] = list(kw.get("options") or []) + [dns.edns.ECSOption(address, length)]
        return dns.message.make_query(name, rdtype, **kw)

    def query(self, name, rdtype="A", ecs=None, tcp=False, timeout=60.0, address=None, port=None,
              source=None, **kw):
        """Asks, and returns the response as a dns.message.Message."""
        message, where = self.message(name, rdtype, ecs, **kw), address or self.address
        how = {"timeout": timeout, "port": port or self.port, "source": source}
        if tcp:
            return dns.query.tcp(message, where, **how)
        # Our port may have been somebody else's, whose answer comes only now.
        return dns.query.udp(message, where, ignore_unexpected=True, **how)

    def addresses(self, name, rdtype="A", **kw):
        """The rdata of the asked type in the answer section as text, sorted."""
        return sorted(rdata(self.query(name, rdtype, **kw), rdtype))

    def raw(self, packet, tcp=False, timeout=60.0, address=None, port=None):
        """Sends bytes; returns the response's bytes, or None when none came in time."""
        where = (address or self.address, port or self.port)
        family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        with socket.socket(family, kind) as s:
            s.settimeout(timeout)
            s.connect(where)
            try:
                if not tcp:
                    s.send(packet)
                    return s.recv(65535)
                s.sendall(struct.pack("!H", len(packet)) + packet)
                return read_framed(s)
            except (socket.timeout, ConnectionError):
                return None

    def wait_for(self, predicate, timeout, step=0.01):
        return wait_for(predicate, timeout, step)


def read_exact(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise ConnectionError("closed by the server")
        data += more
    return data


def read_framed(s):
    """One message of a DNS over TCP connection (RFC 1035 4.2.2)."""
    return read_exact(s, struct.unpack("!H", read_exact(s, 2))[0])


def rdata(response, rdtype):
    """Texts of the rdata of one type in the answer section, in order."""
    number = dns.rdatatype.from_text(rdtype)
    return [r.to_text() for rrset in response.answer if rrset.rdtype == number for r in rrset]


def ecs_scope(response):
    """The ECS scope of a response, or None when it has no such option."""
    for option in response.options:
        if isinstance(option, dns.edns.ECSOption):
            return option.scopelen
    return None


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        backend = self.server.backend
        backend.last_headers = dict(self.headers)
        with backend.lock:
            backend.requests += 1
            once = backend.once.pop(0) if backend.once else None
        while backend.hanging and not backend.closed.wait(0.02):
            pass
        body = backend.body.encode()
        try:
            self.send_response(once or backend.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:
            pass

    do_HEAD = do_GET


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self):
        """As HTTPServer does it, which asks the name service who we are, and may wait for it."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        pass  # a probe that gives up resets its connection: that is no news


class Backend:
    """A real HTTP(S) server on one loopback address, which fails when told to. Its port is its own
    also while it refuses; `once` are the statuses of the next answers, each for one."""

    def __init__(self, address="127.0.0.1", port=0, body="ready", cert=None, key=None):
        self.address, self.port = address, port or free_port(address)
        self.body, self.status, self.hanging = body, 200, False
        self.once, self.lock = [], threading.Lock()
        self.cert, self.key = cert, key
        self.requests, self.last_headers = 0, {}
        self.closed = threading.Event()
        self._open()

    def _open(self):
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        kind = type("Server", (_Server,), {"address_family": family})
        self.server = kind((self.address, self.port), _Handler)
        if self.cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.cert, self.key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.server.backend = self
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def ok(self):
        """Answers again."""
        self.status, self.hanging = 200, False
        if self.server is None:
            self._open()

    def fail(self, status=503):
        """Answers with this status."""
        self.status = status

    def hang(self):
        """Accepts, reads, and never answers."""
        self.hanging = True

    def refuse(self):
        """Closes its port: connections are refused."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.thread.join()
            self.server = None

    def close(self):
        self.closed.set()
        self.refuse()


class TestCase(unittest.TestCase):
    """Ends daemons and back ends with the test, and prints the logs of a test that failed."""

    maxDiff = None

    def daemon(self, *args, start=True, **kw):
        d = Daemon(*args, **kw)
        self._daemons().append(d)
        self.addCleanup(d.close)
        return d.start() if start else d

    def backend(self, *args, **kw):
        b = Backend(*args, **kw)
        self.addCleanup(b.close)
        return b

    def _daemons(self):
        return self.__dict__.setdefault("daemons_of_test", [])

    def run(self, result=None):
        result = result if result is not None else self.defaultTestResult()
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            for d in self._daemons():
                print(f"--- log of loadstard, {self.id()}\n{d.log()}---", file=sys.stderr)
        return result


def main():
    unittest.main(verbosity=2)
