# SPDX-License-Identifier: Apache-2.0
"""The HTTP side: documents, metrics, health, dashboard, token, and clients that misbehave."""
import http.client
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse

import harness
from test_ctl import POOLS, ZONE

LONG = "a minute and a half, of pages and time-outs"
PATIENCE = 600  # seconds: the thread that writes pages gives way to all else on the machine

CONFIG = {"zones": {"example.test.yaml": ZONE}, "pools": POOLS, "http": True}


class HttpTest(harness.TestCase):
    def request(self, method, path, body=None, headers=None, d=None, port=None):
        d = d or self.d
        c = http.client.HTTPConnection("127.0.0.1", port or d.http_port, timeout=PATIENCE)
        try:
            c.request(method, path, body, headers or {})
            response = c.getresponse()
            response.text = response.read().decode()
            return response
        finally:
            c.close()

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def json(self, path, status=200, **kw):
        response = self.get(path, **kw)
        self.assertEqual(response.status, status, response.text)
        self.assertEqual(response.getheader("Content-Type"), "application/json")
        return json.loads(response.text)

    def put(self, body, token=None, method="PUT", path="/api/v1/state", **kw):
        headers = {"Authorization": "Bearer " + token} if token else {}
        if not isinstance(body, (str, bytes, type(None))):
            body = json.dumps(body)
        return self.request(method, path, body, headers, **kw)


class Reading(HttpTest):
    @classmethod
    def setUpClass(cls):
        cls.d = harness.Daemon(**CONFIG)
        cls.d.start()

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def test_documents_are_those_of_the_socket(self):
        for name in ("pools", "endpoints", "sites", "checks"):
            document, other = self.json("/api/v1/" + name), self.d.ctl_json(name)
            drop_ages(document), drop_ages(other)
            self.assertEqual(document, other)
        self.assertEqual(set(self.json("/api/v1/status")), set(self.d.ctl_json("status")))

    def test_arguments(self):
        rows = self.json("/api/v1/endpoints?pool=spare")["endpoints"]
        self.assertEqual([r["target"] for r in rows], ["spare/iad/198.51.100.99"])
        self.assertIn("no pool", self.json("/api/v1/endpoints?pool=nope", 404)["error"])
        self.assertIn("no argument", self.json("/api/v1/endpoints?poool=www", 400)["error"])
        self.assertIn("twice", self.json("/api/v1/endpoints?pool=www&pool=www", 400)["error"])
        self.assertIn("missing", self.json("/api/v1/explain", 400)["error"])
        x = self.json("/api/v1/explain?name=www.example.test&type=A&client=192.0.2.7")
        self.assertEqual((x["pool"], x["client"]), ("www", "192.0.2.7"))
        self.assertIn("type", self.json("/api/v1/explain?name=a&type=NOTYPE", 400)["error"])
        self.assertEqual(self.json("/api/v1/geo?address=192.0.2.7")["address"], "192.0.2.7")

    def test_lists_page_by_page(self):
        for path, limit in (("endpoints", 1), ("endpoints?pool=www", 2), ("pools", 1), ("sites", 1)):
            name = path.split("?")[0]
            whole = self.json("/api/v1/" + path)
            self.assertNotIn("next", whole)
            listed, after, pages = [], {}, 0
            while after is not None:
                query = urllib.parse.urlencode({"limit": limit, **after})
                page = self.json(f"/api/v1/{path}{'&' if '?' in path else '?'}{query}")
                self.assertLessEqual(len(page[name]), limit)
                listed += page[name]
                after = {"after": page["next"]} if "next" in page else None
                pages += 1
            drop_ages(listed), drop_ages(whole)
            self.assertEqual(listed, whole[name], path)
            self.assertEqual(pages, -(-len(listed) // limit))
        self.assertIn('"next" of the page before', self.json("/api/v1/pools?after=www", 400)["error"])

    def test_health(self):
        self.assertEqual(self.json("/healthz"), {"serving": True})
        self.assertEqual(self.request("HEAD", "/healthz").status, 200)

    def test_unknown_and_wrong_method(self):
        self.assertIn("no such page", self.json("/nothing", 404)["error"])
        self.assertIn("no such page", self.json("/api/v1/status/", 404)["error"])
        for method, path, allow in (("POST", "/", "GET, HEAD"), ("GET", "/api/v1/state", "PUT"),
                                    ("DELETE", "/api/v1/status", "GET, HEAD"),
                                    ("PUT", "/api/v1/reload", "POST")):
            response = self.request(method, path)
            self.assertEqual(response.status, 405, (method, path))
            self.assertEqual(response.getheader("Allow"), allow)
            self.assertIn("error", json.loads(response.text))

    def test_dashboard(self):
        response = self.get("/")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.getheader("Content-Type"), "text/html; charset=utf-8")
        policy = response.getheader("Content-Security-Policy")
        self.assertRegex(policy, r"default-src 'none'; script-src 'sha256-[A-Za-z0-9+/]{43}='")
        self.assertIn("frame-ancestors 'none'", policy)
        page = response.text
        self.assertNotRegex(page, r"(src|href)=\"(https?:)?//")
        self.assertNotIn(" style=", page)   # the policy would not let it work
        self.assertNotRegex(page, r"<\w+[^>]* on\w+=")
        self.assertNotIn("innerHTML", page)
        for name in ("status", "pools", "endpoints", "sites", "events", "explain"):
            self.assertIn(name, page)

    def test_dashboard_in_a_browser(self):
        names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
        browser = next(filter(None, map(shutil.which, names)), None)
        if not browser:
            self.skipTest("chromium is missing: Debian has it in chromium-headless-shell")
        url = f"http://127.0.0.1:{self.d.http_port}/#name=www.example.test&type=A"
        done = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000",
             "--user-data-dir=" + os.path.join(self.d.dir, "browser"), "--dump-dom", url],
            capture_output=True, text=True, timeout=300)
        page = re.sub(r"(?s)<script>.*?</script>", "", done.stdout)
        text = re.sub(r"<[^>]+>", " ", page)
        for words in ("all well", "live", "web1", "198.51.100.99", "steer order ams iad",
                      "www.example.test. A", "ams comes first"):
            self.assertIn(words, text)
        for words in ("undefined", "NaN", "[object", "no answer from loadstard"):
            self.assertNotIn(words, text)

    def test_no_cross_origin_access(self):
        response = self.request("GET", "/api/v1/status", headers={"Origin": "https://evil.test"})
        self.assertIsNone(response.getheader("Access-Control-Allow-Origin"))
        response = self.request("OPTIONS", "/api/v1/state", headers={
            "Origin": "https://evil.test", "Access-Control-Request-Method": "PUT"})
        self.assertEqual(response.status, 405)
        self.assertIsNone(response.getheader("Access-Control-Allow-Origin"))

    def test_metrics(self):
        self.d.query("www.example.test")
        self.d.query("nothing.example.test", tcp=True)
        metrics = {}

        def counted():
            response = self.get("/metrics")
            self.assertEqual(response.getheader("Content-Type"),
                             "text/plain; version=0.0.4; charset=utf-8")
            metrics.update(parse_metrics(self, response.text))
            return (metrics['loadstar_dns_queries_total{transport="udp"}'] >= 1
                    and metrics['loadstar_dns_responses_total{rcode="NXDOMAIN"}'] >= 1)
        harness.wait_for(counted, 60)
        self.assertEqual(metrics['loadstar_pool_up{pool="www"}'], 1)
        self.assertEqual(metrics['loadstar_pool_site_up{pool="www",site="ams"}'], 1)
        self.assertEqual(metrics["loadstar_config_generation"], 1)
        self.assertEqual(metrics["loadstar_config_last_reload_successful"], 1)
        self.assertEqual(metrics["loadstar_config_differs_from_disk"], 0)
        self.assertGreater(metrics["loadstar_memory_resident_bytes"], 1e6)

    def test_promtool(self):
        promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
        if not promtool:
            self.skipTest("promtool is missing: it is in Debian's package prometheus")
        done = subprocess.run([promtool, "check", "metrics"], input=self.get("/metrics").text,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_the_manual_names_every_metric_and_no_other(self):
        manual = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                              "../../contrib/doc/api.md")
        with open(manual) as file:
            named = set(re.findall(r"`(loadstar_\w+?)(?:\{[^`]*\})?`", file.read()))
        served = set(re.findall(r"(?m)^# TYPE (\S+)", self.get("/metrics").text))
        self.assertEqual(named, served)

    def test_keep_alive(self):
        c = http.client.HTTPConnection("127.0.0.1", self.d.http_port, timeout=PATIENCE)
        for path in ("/healthz", "/nothing", "/api/v1/sites"):
            c.request("GET", path)
            c.getresponse().read()
        c.close()

    def test_malformed_requests(self):
        for data in (b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                     b"GET / HTTP/9.9\r\n\r\n", b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
                     b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"x" * 70000 + b"\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", self.d.http_port), timeout=30) as s:
                s.settimeout(1)
                try:
                    s.sendall(data)
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(65536):
                        pass
                except OSError:
                    pass
        self.assertEqual(self.get("/healthz").status, 200)


class Starting(HttpTest):
    def test_while_starting_all_can_be_seen_but_nothing_is_served(self):
        back = self.backend("127.0.0.1")
        back.hang()  # first results stay out: up to 3 s until it serves without
        pools = POOLS + ("checks:\n  slow: {type: http, port: %d, interval: 2m, timeout: 100s}\n"
                         % back.port)
        pools = pools.replace("  spare:\n", "  spare:\n    checks: [slow]\n")
        pools = pools.replace("198.51.100.99", "127.0.0.1")
        self.d = d = self.daemon(**dict(CONFIG, pools=pools), start=False)
        for _ in range(20):  # a busy machine may take all of the 3 s to ask
            started = time.monotonic()
            d.start(ready=False)
            harness.wait_for(lambda: d.ctl("status", check=False).returncode == 0, 60)
            response = self.get("/healthz")
            problems = d.ctl_json("status")["problems"]
            done = d.ctl("explain", "www.example.test", check=False)
            n_set = d.ctl_json("set", "www/ams", "drain")["endpoints"]
            if time.monotonic() - started < 3:
                break
            d.stop()
        self.assertLess(time.monotonic() - started, 3)
        self.assertEqual(response.status, 503)
        health = json.loads(response.text)
        self.assertFalse(health["serving"])
        self.assertIn("starting", health["reason"])
        self.assertTrue([p for p in problems if "starting" in p["text"]])
        self.assertEqual(done.returncode, 1)
        self.assertIn("starting", done.stderr)
        self.assertEqual(n_set, 2)
        self.assertIn("generation 2", d.reload().stdout)  # waits until it serves
        self.assertLess(time.monotonic() - started, 60)  # and not for what takes 100 s
        self.assertEqual(self.json("/healthz"), {"serving": True})
        self.assertEqual(d.addresses("www.example.test"), ["198.51.100.11"])


class Changing(HttpTest):
    def test_token(self):
        self.d = self.daemon(**CONFIG)
        body = {"target": "www/ams", "state": "drain", "for": "1h", "reason": "by API"}
        response = self.put(body)
        self.assertEqual(response.status, 401)
        self.assertIn("Bearer", response.getheader("WWW-Authenticate"))
        self.assertIn("token is needed", response.text)
        response = self.put(body, "wrong")
        self.assertEqual((response.status, json.loads(response.text)["error"]),
                         (401, "the token is wrong"))
        self.assertEqual(self.put(None, None, "POST", "/api/v1/reload").status, 401)
        self.assertEqual(self.d.ctl_json("status")["overrides"], [])
        response = self.put(body, self.d.token)
        self.assertEqual(response.status, 200)
        self.assertEqual(json.loads(response.text)["effects"],
                         ["www: answers move from ams to iad"])
        self.d.wait_for(lambda: self.d.addresses("www.example.test") == ["198.51.100.11"], 60)
        self.assertIn("by API", self.d.ctl("status").stdout)

    def test_bodies(self):
        self.d = self.daemon(**CONFIG)
        for body, status, words in (
                ("", 400, "expected"), ("{", 400, "expected"), ("[]", 400, "expected"),
                ({"target": "www/ams"}, 400, '"state" is missing'),
                ({"target": "www/ams", "state": "off"}, 400, "expected up, down, drain"),
                ({"target": "nope", "state": "up"}, 404, "no endpoint matches"),
                ({"command": "stop"}, 400, "expected"),
                ({"target": "www/ams", "state": "up", "x": 1}, 400, "no argument"),
                ("x" * 20000, 413, "longer than 16384")):
            response = self.put(body, self.d.token)
            self.assertEqual(response.status, status, (body, response.text))
            self.assertIn(words, json.loads(response.text)["error"])
        response = self.put({"target": "www/ams/web1", "weight": 7}, self.d.token)
        self.assertEqual(json.loads(response.text)["weight"], 7)
        self.assertEqual(self.json("/api/v1/endpoints?pool=www")["endpoints"][0]["weight"], 7)

    def test_reload(self):
        self.d = self.daemon(**CONFIG)
        response = self.put(None, self.d.token, "POST", "/api/v1/reload")
        self.assertEqual((response.status, json.loads(response.text)["generation"]), (200, 2))
        self.d.write("pools.yaml", "pools: [")
        response = self.put(None, self.d.token, "POST", "/api/v1/reload")
        self.assertEqual(response.status, 422)
        self.assertRegex(json.loads(response.text)["errors"][0], r"pools\.yaml:\d+:\d+: ")
        metrics = parse_metrics(self, self.get("/metrics").text)
        self.assertEqual(metrics["loadstar_config_last_reload_successful"], 0)
        self.assertEqual(metrics['loadstar_config_reloads_total{result="failed"}'], 1)

    def test_events_page_by_page(self):
        self.d = self.daemon(**CONFIG)
        for state in ("drain", "up", "down", "auto"):
            self.d.ctl("set", "www/iad", state)

        def nothing_comes():
            last = self.json("/api/v1/events")["last"]
            time.sleep(0.5)
            return last >= 4 and self.json("/api/v1/events")["last"] == last
        harness.wait_for(nothing_comes, 60)
        document = self.json("/api/v1/events")
        ids = [e["id"] for e in document["events"]]
        self.assertEqual(ids, list(range(1, document["last"] + 1)))
        page = self.json(f"/api/v1/events?after={ids[1]}&limit=1")["events"]
        self.assertEqual([e["id"] for e in page], [ids[2]])
        newest = self.json("/api/v1/events?limit=2")["events"]
        self.assertEqual([e["id"] for e in newest], ids[-2:])
        self.assertEqual(self.json(f"/api/v1/events?after={ids[-1]}")["events"], [])
        self.assertEqual(set(newest[0]), {"id", "at", "severity", "target", "from", "to", "reason", "effect", "by"})

    def test_without_a_token_changes_are_off(self):
        self.d = d = self.daemon(**CONFIG, start=False)
        d.write("loadstar.yaml", d.read("loadstar.yaml").replace(", token_file: api.token", ""))
        d.start()
        response = self.put({"target": "www/ams", "state": "down"}, "anything")
        self.assertEqual(response.status, 403)
        self.assertIn("no http.token_file", json.loads(response.text)["error"])

    def test_token_file_that_others_can_read(self):
        self.d = d = self.daemon(**CONFIG, start=False)
        token = os.path.join(d.dir, "api.token")
        os.chmod(token, 0o644)
        done = subprocess.run(d.command("-c", d.path), capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 1)
        self.assertIn("api.token", done.stderr)
        self.assertIn("open to everybody", done.stderr)
        done = d.check()
        self.assertEqual(done.returncode, 1)
        self.assertIn("open to everybody", done.stderr)
        os.chmod(token, 0o600)
        self.assertEqual(d.check().returncode, 0)
        d.start()
        d.write("api.token", "\n")
        os.chmod(token, 0o600)
        done = d.reload(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is empty", done.stderr)
        self.assertEqual(self.put({"target": "www/ams", "state": "up"}, d.token).status, 200)
        d.write("api.token", "new")
        os.chmod(token, 0o600)
        d.reload()
        self.assertEqual(self.put({"target": "www/ams", "state": "auto"}, d.token).status, 401)
        self.assertEqual(self.put({"target": "www/ams", "state": "auto"}, "new").status, 200)

    def test_privileges_dropped(self):
        if os.geteuid() != 0:
            self.skipTest("root is missing: only it can drop privileges")
        self.d = d = self.daemon(**CONFIG, server="user: nobody", start=False)
        os.chmod(d.dir, 0o755)
        user = pwd.getpwnam("nobody")
        os.chown(os.path.join(d.dir, "state"), user.pw_uid, user.pw_gid)
        token = os.path.join(d.dir, "api.token")
        os.chown(token, user.pw_uid, user.pw_gid)
        d.write("loadstar.yaml", d.read("loadstar.yaml").replace("control.sock", "run/sock"))
        d.socket = os.path.join(d.dir, "run", "sock")  # the daemon makes run/, and gives it away
        d.start()
        self.assertEqual(os.stat(d.socket).st_uid, user.pw_uid)
        os.chown(token, 0, 0)  # a new one that nobody cannot read takes no effect in silence
        self.assertIn("token_file cannot be read", d.ctl("status").stdout)
        unreadable = (r"loadstar.yaml:\d+:\d+: the HTTP token file '.*api.token' cannot be read: "
                      "Permission denied")
        done = d.check()  # as root: the judgement of a reload
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, unreadable)
        done = d.reload(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, unreadable)
        self.assertEqual(self.put({"target": "www/ams", "state": "down"}, d.token).status, 200)
        self.assertEqual(self.put({"target": "www/ams", "state": "down"}, "wrong").status, 401)
        os.chown(os.path.join(d.dir, "api.token"), user.pw_uid, user.pw_gid)
        d.reload()
        self.assertNotIn("token_file", d.ctl("status").stdout)
        d.write("api.token", "rotated\n")  # as root again, who alone may read it
        os.chmod(os.path.join(d.dir, "api.token"), 0o600)
        self.assertIn("token_file cannot be read", d.ctl("status").stdout)
        self.assertEqual(d.reload(check=False).returncode, 1)
        os.chown(os.path.join(d.dir, "api.token"), user.pw_uid, user.pw_gid)
        self.assertIn("token_file has another token", d.ctl("status").stdout)
        d.reload()
        self.assertNotIn("token_file", d.ctl("status").stdout)
        self.assertEqual(self.put({"target": "www/ams", "state": "down"}, d.token).status, 401)
        self.assertEqual(self.put({"target": "www/ams", "state": "down"}, "rotated").status, 200)
        self.assertEqual(d.stop(), 0)
        self.assertFalse(os.path.exists(d.socket))

    def test_reload_moves_the_listener(self):
        self.d = d = self.daemon(**CONFIG)
        other = harness.free_port()
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        before = d.read("loadstar.yaml")
        d.write("loadstar.yaml", before.replace(str(d.http_port), str(taken.getsockname()[1])))
        done = d.reload(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"loadstar.yaml:\d+:\d+: 'http': cannot listen on 127.0.0.1:"
                                      r"\d+: Address already in use")
        self.assertEqual(self.get("/healthz").status, 200)
        d.write("loadstar.yaml", before.replace(str(d.http_port), str(other)))
        response = self.put(None, d.token, "POST", "/api/v1/reload")
        self.assertEqual((response.status, json.loads(response.text)["generation"]), (200, 2))
        self.assertEqual(self.get("/healthz", port=other).status, 200)
        with self.assertRaises(OSError):
            self.get("/healthz")
        d.write("loadstar.yaml", re.sub(r"(?m)^http:.*$", "", before))
        d.reload()
        with self.assertRaises(OSError):
            self.get("/healthz", port=other)

    def test_stop_with_open_connections(self):
        self.d = d = self.daemon(**CONFIG)
        open_ones = [socket.create_connection(("127.0.0.1", d.http_port)) for _ in range(10)]
        for i, s in enumerate(open_ones):
            self.addCleanup(s.close)
            s.sendall(b"GET / HTTP/1.1\r\n"[:3 + i])
        self.assertEqual(d.stop(), 0)


class Misbehaving(HttpTest):
    def test_slow_requests_end_and_hold_up_nobody(self):
        self.d = self.daemon(**CONFIG)
        started = time.monotonic()
        # Far less than the half of what one client may have, from which on it has less time.
        slow = [socket.create_connection(("127.0.0.1", self.d.http_port)) for _ in range(20)]
        for s in slow:
            self.addCleanup(s.close)
            s.sendall(b"GET /healthz HTTP/1.1\r\n")
        open_ones = set(range(len(slow)))
        while open_ones and time.monotonic() - started < 60:
            self.assertEqual(self.get("/healthz").status, 200)
            for i in list(open_ones):
                try:
                    slow[i].sendall(b"X: y\r\n")  # a byte now and then: never silent
                except OSError:
                    open_ones.discard(i)
            time.sleep(0.5)
        self.assertEqual(open_ones, set())
        self.assertGreater(time.monotonic() - started, 10)

    def test_readers_that_do_not_read_hold_up_nobody(self):
        self.d = self.daemon(**CONFIG)
        for _ in range(20):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", self.d.http_port))
            self.addCleanup(s.close)
            s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
        for _ in range(20):
            started = time.monotonic()
            self.assertEqual(self.get("/healthz").status, 200)
            self.assertLess(time.monotonic() - started, 20)  # a reader has a minute

    def test_parallel_requests_and_changes(self):
        self.d = self.daemon(**CONFIG)
        failures = []

        def work(n):
            try:
                for i in range(15):
                    if n % 3 == 0:
                        state = "drain" if i % 2 else "auto"
                        ok = self.put({"target": "www/ams", "state": state}, self.d.token)
                    elif n % 3 == 1:
                        ok = self.put(None, self.d.token, "POST", "/api/v1/reload")
                    else:
                        ok = self.get("/metrics")
                    if ok.status != 200:
                        failures.append(ok.text)
            except OSError as e:
                failures.append(e)
        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])
        self.assertEqual(self.d.stop(), 0)


def drop_ages(value):
    """Removes what differs between two looks at one state."""
    if isinstance(value, dict):
        for key in ("since_s", "age_s", "uptime_s"):
            value.pop(key, None)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            drop_ages(item)


SAMPLE = re.compile(r'(loadstar_[a-z0-9_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\S+)$')


def many_endpoints(n, pools=20):
    """pools.yaml with n endpoints that nothing checks."""
    lines = ["sites: {ams: {location: [52, 5]}}", "pools:"]
    each = n // pools
    for p in range(pools):
        addresses = ", ".join(f"10.{p}.{i // 256}.{i % 256}" for i in range(each))
        lines.append(f"  p{p}: {{sites: {{ams: [{addresses}]}}}}")
    return "\n".join(lines) + "\n"


class LargePages(HttpTest):
    """Pages that take long to write: others are served meanwhile, and nothing that comes between
    does harm."""

    N = 20000
    PAGES = ("/metrics", "/api/v1/endpoints")

    def setUp(self):
        zone = ZONE.split("records:")[0] + 'records:\n  "@": {NS: [ns1]}\n  ns1: {A: 192.0.2.1}\n'
        self.d = self.daemon(zones={"example.test.yaml": zone}, pools=many_endpoints(self.N),
                             http=True)

    def fetch(self, path, results):
        c = http.client.HTTPConnection("127.0.0.1", self.d.http_port, timeout=PATIENCE)
        start = time.monotonic()
        try:
            c.request("GET", path)
            response = c.getresponse()
            results.append((path, response.status, response.read(), time.monotonic() - start))
        except OSError as e:
            results.append((path, None, e, time.monotonic() - start))
        finally:
            c.close()

    def in_background(self, paths):
        results = []
        threads = [threading.Thread(target=self.fetch, args=(p, results)) for p in paths]
        for t in threads:
            t.start()
        return threads, results

    def begun(self, path):
        """A connection on which the page has been asked for."""
        s = socket.create_connection(("127.0.0.1", self.d.http_port), timeout=PATIENCE)
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return s

    def check(self, results):
        for path, status, body, _ in results:
            self.assertEqual(status, 200, (path, body))
            if path == "/metrics":
                self.assertEqual(body.count(b"\nloadstar_endpoint_serving{"), self.N)
            else:
                self.assertEqual(len(json.loads(body)["endpoints"]), self.N)

    def test_others_are_served_meanwhile(self):
        """Were they held up, the longest wait would be for all of the page, each time. A machine that
        is busy makes one wait now and then."""
        shares = []
        while not shares or (min(shares) >= 0.5 and len(shares) < 20):
            threads, results = self.in_background(["/api/v1/endpoints"])
            waits = []
            while threads[0].is_alive():
                start = time.monotonic()
                self.assertEqual(self.get("/healthz").status, 200)
                waits.append(time.monotonic() - start)
            self.check(results)
            shares.append(max(waits) / results[0][3] if len(waits) > 1 else 1)
        self.assertLess(min(shares), 0.5)

    def test_many_at_once(self):
        threads, results = self.in_background(self.PAGES * 4)
        for t in threads:
            t.join()
        self.assertEqual(len(results), 8)
        self.check(results)

    def test_clients_that_leave(self):
        for _ in range(5):
            for path in self.PAGES:
                self.begun(path).close()
        threads, results = self.in_background(self.PAGES)
        for t in threads:
            t.join()
        self.check(results)

    def test_events_meanwhile(self):
        """A page counts those before its turn; more may come while it is written."""
        before = parse_metrics(self, self.get("/metrics").text)["loadstar_events_total"]
        threads, results = self.in_background(["/metrics"] * 2)
        while any(t.is_alive() for t in threads):
            self.d.ctl("set", "p0/ams", "drain")
            self.d.ctl("set", "p0/ams", "auto")
        after = parse_metrics(self, self.get("/metrics").text)["loadstar_events_total"]
        self.check(results)
        for _, _, body, _ in results:
            n = parse_metrics(self, body.decode())["loadstar_events_total"]
            self.assertTrue(before <= n <= after, (before, n, after))
        self.assertGreater(after, before)

    def test_reload_meanwhile(self):
        """The page tells of the configuration that was in force when it was begun."""
        threads, results = self.in_background(self.PAGES)
        time.sleep(0.05)
        self.d.write("pools.yaml", many_endpoints(2000))
        self.d.reload()
        for t in threads:
            t.join()
        for path, status, body, _ in results:
            self.assertEqual(status, 200, (path, body))
        self.assertEqual(len(self.json("/api/v1/endpoints")["endpoints"]), 2000)

    def test_stop_meanwhile(self):
        waiting = [self.begun(path) for path in self.PAGES * 3]
        time.sleep(0.05)
        self.assertEqual(self.d.stop(), 0)
        for s in waiting:
            s.close()


def parse_metrics(test, text):
    """{sample: value}; each line must be of the text format, each sample in its own family."""
    values, family, seen, kind = {}, None, set(), None
    test.assertTrue(text.endswith("\n"))
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split()[2]
            test.assertNotIn(family, seen)
            test.assertTrue(family.startswith("loadstar_"))
            seen.add(family)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            test.assertEqual(name, family)
            test.assertIn(kind, ("counter", "gauge", "histogram"))
            test.assertEqual(kind == "counter", family.endswith("_total"), family)
        else:
            match = SAMPLE.match(line)
            test.assertTrue(match, line)
            suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            test.assertIn(match.group(1), [family + suffix for suffix in suffixes])
            key = line.rsplit(" ", 1)[0]
            test.assertNotIn(key, values)
            values[key] = float(match.group(3))
    return values


if __name__ == "__main__":
    harness.main()
