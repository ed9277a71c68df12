# SPDX-License-Identifier: Apache-2.0
"""HTTP byte by byte: what two readers could take for different requests is refused; for whom requests
are meant; preconditions; and slots that nobody can take from the others."""
import contextlib
import http.client
import json
import re
import select
import socket
import time

import harness
from test_ctl import POOLS, ZONE

CONFIG = {"zones": {"example.test.yaml": ZONE}, "pools": POOLS, "http": True}
HOST = b"Host: 127.0.0.1\r\n"
NEXT = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
CHUNKS = b"0\r\n\r\n"


def get(fields=b"", target=b"/healthz", method=b"GET", version=b"HTTP/1.1", host=HOST):
    return method + b" " + target + b" " + version + b"\r\n" + host + fields + b"\r\n"


def put(fields, body=b""):
    return get(fields, b"/api/v1/state", b"PUT") + body


# What is sent, and the status of the first answer, which is the only one: what follows is no request.
REFUSED = {
    "length and chunks": (put(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", CHUNKS), 400),
    "chunks and length": (put(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", CHUNKS), 400),
    "two lengths": (put(b"Content-Length: 5\r\nContent-Length: 0\r\n", b"hello"), 400),
    "the same length twice": (put(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello"), 400),
    "a list of lengths": (put(b"Content-Length: 5, 5\r\n", b"hello"), 400),
    "length with a sign": (put(b"Content-Length: +5\r\n", b"hello"), 400),
    "length with a minus": (put(b"Content-Length: -5\r\n", b"hello"), 400),
    "length in hexadecimal": (put(b"Content-Length: 0x5\r\n", b"hello"), 400),
    "length with a fraction": (put(b"Content-Length: 5.0\r\n", b"hello"), 400),
    "length without digits": (put(b"Content-Length:\r\n", b"hello"), 400),
    "length that overflows": (put(b"Content-Length: 18446744073709551621\r\n", b"hello"), 400),
    "length too large": (put(b"Content-Length: 16385\r\n", b"hello"), 413),
    "chunks": (put(b"Transfer-Encoding: chunked\r\n", CHUNKS), 411),
    "unknown encoding": (put(b"Transfer-Encoding: gzip, chunked\r\n", CHUNKS), 501),
    "no chunks": (put(b"Transfer-Encoding: xchunked\r\n", CHUNKS), 501),
    "identity": (put(b"Transfer-Encoding: identity\r\n"), 501),
    "two encodings": (put(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"), 400),
    "chunks of HTTP/1.0": (get(b"Transfer-Encoding: chunked\r\n", version=b"HTTP/1.0"), 400),
    "chunks by vertical tab": (put(b"Transfer-Encoding: \x0bchunked\r\n", CHUNKS), 400),
    "blank before the colon": (put(b"Content-Length : 5\r\n", b"hello"), 400),
    "tab before the colon": (put(b"Content-Length\t: 5\r\n", b"hello"), 400),
    "blank in a name": (put(b"Content Length: 5\r\n", b"hello"), 400),
    "folded": (put(b"Transfer-Encoding:\r\n chunked\r\n", CHUNKS), 400),
    "folded by tab": (get(b"A: b\r\n\tc\r\n"), 400),
    "first field begins with a blank": (get(host=b" " + HOST), 400),
    "field without a colon": (get(b"nothing\r\n"), 400),
    "field without a name": (get(b": x\r\n"), 400),
    "bare line feeds": (b"GET /healthz HTTP/1.1\nHost: 127.0.0.1\n\n", 400),
    "one bare line feed": (get(b"A: b\nTransfer-Encoding: chunked\r\n"), 400),
    "line feed ends the head": (b"GET /healthz HTTP/1.1\r\n" + HOST + b"\n", 400),
    "bare carriage return": (get(b"A: b\rContent-Length: 5\r\n"), 400),
    "carriage return at the end": (get(b"A: b\r\r\n"), 400),
    "NUL in a field": (get(b"A: b\0c\r\n"), 400),
    "NUL in a name": (get(b"A\0: b\r\n"), 400),
    "NUL in the path": (get(target=b"/healthz\0x"), 400),
    "NUL in the path, encoded": (get(target=b"/metrics%00x"), 400),
    "half an escape": (get(target=b"/healthz%0"), 400),
    "no escape": (get(target=b"/%zz"), 400),
    "no host": (get(host=b""), 400),
    "two hosts": (get(host=HOST + HOST), 400),
    "two different hosts": (get(host=HOST + b"Host: evil.example\r\n"), 400),
    "host with a blank": (get(host=b"Host: 127.0.0.1 evil\r\n"), 400),
    "host with a user": (get(host=b"Host: a@127.0.0.1\r\n"), 400),
    "host with a path": (get(host=b"Host: 127.0.0.1/x\r\n"), 400),
    "absolute target": (get(target=b"http://127.0.0.1/healthz"), 400),
    "absolute target of another": (get(target=b"http://evil.example/metrics"), 400),
    "authority": (get(target=b"127.0.0.1:80", method=b"CONNECT"), 400),
    "asterisk": (get(target=b"*", method=b"OPTIONS"), 400),
    "fragment": (get(target=b"/healthz#x"), 400),
    "raw bytes in the path": (get(target=b"/\xc3\xa4"), 400),
    "two blanks": (b"GET  /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "blank at the end": (b"GET /healthz HTTP/1.1 \r\n" + HOST + b"\r\n", 400),
    "tabs": (b"GET\t/healthz\tHTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "no version": (b"GET /healthz\r\n\r\n", 400),
    "lower case": (get(version=b"http/1.1"), 400),
    "version with more": (get(version=b"HTTP/1.1x"), 400),
    "another version": (get(version=b"HTTP/2.0"), 505),
    "two digits": (get(version=b"HTTP/1.10"), 400),
    "no method": (b" /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "method that is none": (get(method=b"G@T"), 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "unmet expectation": (get(b"Expect: the unexpected\r\n"), 417),
    "two tokens": (put(b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 400),
    "long head": (get(b"A: " + b"x" * 17000 + b"\r\n"), 431),
    "many fields": (get(b"A: b\r\n" * 200), 431),
}

# Odd, and right.
TAKEN = {
    "plain": get(),
    "empty line before": b"\r\n" + get(),
    "no blank behind the colon": get(host=b"Host:127.0.0.1\r\n"),
    "blanks around a value": get(b"Content-Length: \t 0 \t\r\n"),
    "lower case names": get(b"content-length: 0\r\n", host=b"hOST: 127.0.0.1\r\n"),
    "leading zeros": get(b"Content-Length: 0005\r\n") + b"hello",
    "body of a GET": get(b"Content-Length: 40\r\n") + b"GET /smuggled HTTP/1.1\r\nHost: smuggled\r\n\r\n"[:40],
    "bytes beyond ASCII in a value": get(b"A: \xc3\xa4\xff\r\n"),
    "escaped path": get(target=b"/health%7A"),
    "later minor version": get(version=b"HTTP/1.7"),
}


class Strict(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = harness.Daemon(**CONFIG)
        cls.d.start()

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def ask(self, data, one_by_one=False):
        """Sends bytes; returns the statuses of all answers until the server closes."""
        with socket.create_connection(("127.0.0.1", self.d.http_port), timeout=60) as s:
            for piece in ([bytes([b]) for b in data] if one_by_one else [data]):
                try:
                    s.sendall(piece)
                except OSError:
                    break
            with contextlib.suppress(OSError):  # it takes what comes behind a refusal for 2 s, then it resets
                s.shutdown(socket.SHUT_WR)
            answers = b""
            while True:
                try:
                    more = s.recv(65536)
                except ConnectionResetError:
                    break
                if not more:
                    break
                answers += more
        return [int(n) for n in re.findall(rb"(?m)^HTTP/1\.1 (\d+) ", answers)], answers

    def test_refused(self):
        for what, (data, status) in REFUSED.items():
            for pieces in (False, True):
                got, text = self.ask(data + NEXT, pieces and len(data) < 400)
                self.assertEqual(got, [status], (what, pieces))
                self.assertIn(b"Connection: close", text, what)
                self.assertIn("error", json.loads(text.split(b"\r\n\r\n", 1)[1]))

    def test_taken(self):
        for what, data in TAKEN.items():
            for pieces in (False, True):
                self.assertEqual(self.ask(data + NEXT, pieces)[0], [200, 200], what)

    def test_nul_in_the_query(self):
        for query in (b"name=www.example.test%00evil", b"%00name=a", b"name=a&type=A%00", b"name=%"):
            self.assertEqual(self.ask(get(target=b"/api/v1/explain?" + query))[0], [400], query)

    def test_one_after_the_other(self):
        self.assertEqual(self.ask(NEXT * 300)[0], [200] * 300)
        got = self.ask(NEXT + get(b"Connection: x, Close\r\n") + NEXT)[0]
        self.assertEqual(got, [200, 200])
        self.assertEqual(self.ask(b"GET /healthz HTTP/1.0\r\n\r\n" + NEXT)[0], [200])

    def test_the_body_may_wait(self):
        with socket.create_connection(("127.0.0.1", self.d.http_port), timeout=60) as s:
            s.sendall(put(b"Content-Length: 5\r\nExpect: 100-continue\r\n"))
            self.assertEqual(s.recv(65536), b"HTTP/1.1 100 Continue\r\n\r\n")
            s.sendall(b"hello")
            self.assertIn(b" 401 ", s.recv(65536))

    def test_body_of_exactly_the_limit(self):
        token = b"Authorization: Bearer " + self.d.token.encode() + b"\r\n"
        for n, status in ((16384, 400), (16385, 413), (100000, 413)):
            fields = token + b"Content-Length: %d\r\n" % n
            got, text = self.ask(put(fields, b"x" * n))
            self.assertEqual(got, [status])
            self.assertIn(b"body", text)

    def test_head_of_exactly_the_limit(self):
        for n, status in ((16384, 200), (16385, 431)):
            plain = len(get(b"A: \r\n"))
            self.assertEqual(self.ask(get(b"A: " + b"x" * (n - plain) + b"\r\n"))[0], [status])

    def host(self, host, path="/api/v1/status"):
        return self.ask(get(host=b"Host: " + host.encode() + b"\r\n", target=path.encode()))[0][0]

    def test_hosts(self):
        port = self.d.http_port
        for ours in ("127.0.0.1", f"127.0.0.1:{port}", "127.0.0.1:1", "localhost", "LOCALHOST.",
                     f"localhost:{port}", "[::1]", f"[::1]:{port}", "127.0.0.2"):
            for path in ("/", "/api/v1/status", "/api/v1/sites"):
                self.assertEqual(self.host(ours, path), 200, (ours, path))
        for other in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "192.0.2.1",
                      "127.0.0.1.evil.example", "xlocalhost", "[2001:db8::1]", "127.0.0.1:x", "",
                      "localhost:80:80", "[::1", "127.1", "0x7f000001", ":80", "localhost:80x"):
            for path in ("/", "/api/v1/status", "/api/v1/explain?name=a", "/api/v1/nothing"):
                self.assertEqual(self.host(other, path), 421, (other, path))
            for path in ("/healthz", "/metrics"):
                self.assertEqual(self.host(other, path), 200, (other, path))
        self.assertEqual(self.host("evil.example", "/nothing"), 404)


class Hosts(harness.TestCase):
    def test_names_of_the_configuration(self):
        d = self.d = self.daemon(**CONFIG, start=False)
        text = d.read("loadstar.yaml")
        d.write("loadstar.yaml", text.replace("api.token}", "api.token, hosts: [Ns.Example.net, 192.0.2.9]}"))
        d.start()
        for host, status in (("ns.example.net:80", 200), ("NS.EXAMPLE.NET.", 200), ("192.0.2.9", 200),
                             ("example.net", 421), ("localhost", 200)):
            self.assertEqual(Strict.host(self, host), status, host)
        d.write("loadstar.yaml", text.replace("api.token}", "api.token, hosts: other.example.net}"))
        d.reload()
        self.assertEqual(Strict.host(self, "ns.example.net"), 421)
        self.assertEqual(Strict.host(self, "other.example.net"), 200)
        for wrong in ("http://a.example", "a.example:80", '""', "a/b"):
            d.write("loadstar.yaml", text.replace("api.token}", f'api.token, hosts: [{json.dumps(wrong)}]}}'
                                                  if wrong != '""' else 'api.token, hosts: [""]}'))
            done = d.check()
            self.assertEqual(done.returncode, 1, wrong)
            self.assertIn("without a scheme or a port", done.stderr)

    ask = Strict.ask


class Preconditions(harness.TestCase):
    def setUp(self):
        self.d = self.daemon(**CONFIG)

    def request(self, method, path, body=None, **fields):
        c = http.client.HTTPConnection("127.0.0.1", self.d.http_port, timeout=60)
        self.addCleanup(c.close)
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        headers["Authorization"] = "Bearer " + self.d.token
        c.request(method, path, json.dumps(body) if body else None, headers)
        response = c.getresponse()
        response.text = response.read().decode()
        return response

    def put(self, state, **fields):
        return self.request("PUT", "/api/v1/state", {"target": "www/ams", "state": state}, **fields)

    def tag(self, path="/api/v1/status"):
        tag = self.request("GET", path).getheader("ETag")
        self.assertRegex(tag, r'^"[0-9a-f]{16}-[0-9a-f]{16}"$')
        return tag

    def test_if_match(self):
        paths = ("/api/v1/status", "/api/v1/pools", "/api/v1/endpoints?pool=www")
        tags = [self.tag(path) for path in paths]
        for tag in ('"x"', '""', tags[0][1:-1], "W/" + tags[0], "x", "", '"' + tags[0][2:],
                    '"0123456789abcdef-0123456789abcdef"', tags[0][:16] + '"'):
            response = self.put("drain", If_Match=tag)
            self.assertEqual(response.status, 412, tag)
        self.assertEqual(self.d.ctl_json("status")["overrides"], [])
        for path in paths:
            self.assertEqual(self.put("drain", If_Match=self.tag(path)).status, 200)
            self.assertEqual(self.put("auto", If_Match="*").status, 200)
        self.assertEqual(self.put("drain", If_Match='"x", ' + self.tag()).status, 200)
        for tag in tags:  # of the state before
            self.assertEqual(self.put("auto", If_Match=tag).status, 412)
        tag = self.tag()
        self.d.ctl("set", "www/iad", "drain")
        self.assertEqual(self.put("auto", If_Match=tag).status, 412)
        tag = self.tag()
        self.d.reload()
        self.assertEqual(self.put("auto", If_Match=tag).status, 412)
        self.assertEqual(self.put("auto", If_Match=self.tag()).status, 200)
        # Without the token, a precondition tells nothing.
        c = http.client.HTTPConnection("127.0.0.1", self.d.http_port, timeout=60)
        self.addCleanup(c.close)
        c.request("PUT", "/api/v1/state", "{}", {"If-Match": '"x"'})
        self.assertEqual(c.getresponse().status, 401)

    def test_if_none_match(self):
        tag = self.tag("/api/v1/sites")
        for value in (tag, "W/" + tag, '"x", ' + tag, "*"):
            response = self.request("GET", "/api/v1/sites", If_None_Match=value)
            self.assertEqual((response.status, response.text), (304, ""), value)
            self.assertEqual(response.getheader("ETag"), tag)
        for value in ('"x"', tag[1:-1], ""):
            self.assertEqual(self.request("GET", "/api/v1/sites", If_None_Match=value).status, 200)
        self.d.ctl("set", "www/ams", "drain")
        self.d.wait_for(lambda: self.request("GET", "/api/v1/sites", If_None_Match=tag).status == 200, 60)


class Disk(harness.TestCase):
    def bytes_read(self):
        with open(f"/proc/{self.d.process.pid}/io") as file:
            return int(re.search(r"rchar: (\d+)", file.read())[1])

    def reads_of(self, act):
        before = self.bytes_read()
        act()
        return self.bytes_read() - before

    def status(self):
        c = http.client.HTTPConnection("127.0.0.1", self.d.http_port, timeout=60)
        self.addCleanup(c.close)
        c.request("GET", "/api/v1/status")
        return json.loads(c.getresponse().read())["config"].get("disk")  # none: the look took long

    def metric(self):
        return self.d.wait_for(self.metric_now, 60)[1]

    def metric_now(self):
        c = http.client.HTTPConnection("127.0.0.1", self.d.http_port, timeout=60)
        self.addCleanup(c.close)
        c.request("GET", "/metrics")
        return re.search(rb"loadstar_config_differs_from_disk (\d)", c.getresponse().read())

    def test_a_changed_file_is_read_once(self):
        zone = ("$TTL 60\n@ SOA ns1.example.test. h.example.test. 1 2 3 4 5\n@ NS ns1.example.test.\n"
                + "; a comment\n" * 400000)
        self.d = d = self.daemon(**dict(CONFIG, zones={"example.test.yaml": ZONE, "big.test.zone": zone}))
        d.wait_for(lambda: self.status() == "same", 60)
        d.write("zones/big.test.zone", zone + "x A 192.0.2.1\n")
        d.wait_for(lambda: self.status() == "changed", 60)
        # One that had changed in the very moment of the look is read once more.
        d.wait_for(lambda: self.reads_of(lambda: [self.status() for _ in range(3)]) < len(zone), 60, step=0.1)
        states = []
        self.assertLess(self.reads_of(lambda: states.extend(self.status() for _ in range(20))), len(zone))
        self.assertEqual(set(states), {"changed"})

    def test_the_comparison_is_of_the_generation_that_serves(self):
        self.d = d = self.daemon(**CONFIG)
        self.assertEqual(self.metric(), b"0")
        d.write("pools.yaml", POOLS + "\n")
        d.wait_for(lambda: self.status() == "changed", 60)
        self.assertEqual(self.metric(), b"1")
        d.reload()
        self.assertEqual(self.metric(), b"0")  # however young the comparison of before is
        d.write("pools.yaml", POOLS)
        d.reload()
        self.assertEqual(self.metric(), b"0")


class Slots(harness.TestCase):
    """One address, and connections that hold what they took."""

    def setUp(self):
        self.d = self.daemon(**CONFIG)

    def hold(self, data, n):
        held = []
        for _ in range(n):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.settimeout(60)
            s.connect(("127.0.0.1", self.d.http_port))
            self.addCleanup(s.close)
            s.sendall(data)
            held.append(s)
        return held

    def get(self, path):
        c = http.client.HTTPConnection("127.0.0.1", self.d.http_port, timeout=60)
        self.addCleanup(c.close)
        c.request("GET", path)
        response = c.getresponse()
        response.read()
        return response.status

    def test_half_requests(self):
        for data in (b"", b"G", b"GET /healthz HTTP/1.1\r\nX: y\r\n",
                     b"PUT /api/v1/state HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nx"):
            self.hold(data, 200)
            for path in ("/healthz", "/metrics", "/api/v1/sites"):
                self.assertEqual(self.get(path), 200, data)

    def test_readers_that_do_not_read(self):
        # More than sockets of both sides hold: a hundred dashboards each.
        request = get(target=b"/") * 100
        self.hold(request, 100)
        self.assertEqual(self.get("/healthz"), 200)
        self.d.wait_for(lambda: self.get("/metrics") == 200, 60)

    def test_crowded_ones_end_soon(self):
        born, ages = {}, []
        for _ in range(60):
            s, = self.hold(b"GET / HTTP/1.1\r\n", 1)
            born[s] = time.monotonic()
        while len(ages) < 60 - 32:  # half of its places are no crowd
            ended, _, _ = select.select(list(born), [], [], 60)
            self.assertTrue(ended)
            for s in ended:
                self.assertEqual(s.recv(1), b"")
                ages.append(time.monotonic() - born.pop(s))
        self.assertLess(max(ages), 14.5)  # alone, each may take 15 s


if __name__ == "__main__":
    harness.main()
