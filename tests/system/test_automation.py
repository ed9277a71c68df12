#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The commands and the playbook in contrib/automation: what they make of a tier's members."""
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse

here = os.path.dirname(os.path.abspath(__file__))
AUTOMATION = os.path.join(here, "../../contrib/automation")

try:
    import jinja2
except ImportError:
    jinja2 = None

WISH = {"version": 7, "node": "n1", "tier": "edge", "pool": "www", "site": "", "members": [
    {"name": "ams-a", "key": "www/ams/a", "address": "192.0.2.1", "port": 80, "state": "ready", "weight": 100},
    {"name": "ams-b", "key": "www/ams/b", "address": "192.0.2.2", "port": 80, "state": "ready", "weight": 0},
    {"name": "ams-c", "key": "www/ams/c", "address": "2001:db8::3", "port": 80, "state": "down", "weight": 0},
    {"name": "ams-d", "key": "www/ams/d", "address": "192.0.2.4", "port": 80, "state": "drain", "weight": 0},
    {"name": "ams-e", "key": "www/ams/e", "address": "192.0.2.5", "port": 80, "state": "maint", "weight": 0},
]}


def run(name, *args, wish=WISH):
    return subprocess.run([sys.executable, os.path.join(AUTOMATION, name), *args], input=json.dumps(wish), text=True,
                          capture_output=True, timeout=300)


class Api(http.server.BaseHTTPRequestHandler):
    """The two calls of the Data Plane API that are used."""

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refused(self):
        if self.headers["Authorization"] != "Basic YWRtaW46czNjcmV0":
            self.answer(401, {})
        return self.headers["Authorization"] != "Basic YWRtaW46czNjcmV0"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if not self.refused():
            assert url.path == "/v2/services/haproxy/runtime/servers", url.path
            assert urllib.parse.parse_qs(url.query) == {"backend": ["be_web"]}
            self.answer(200, self.server.servers)

    def do_PUT(self):
        if self.refused():
            return
        name = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path.rsplit("/", 1)[1])
        state = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.told.append((name, state))
        next(s for s in self.server.servers if s["name"] == name).update(state)
        self.answer(200, state)

    def log_message(self, *_):
        pass


class DataPlaneApi(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
        self.server.told = []
        self.server.servers = [{"name": m["name"] + "/x", "address": m["address"], "port": m["port"], "admin_state": "ready"}
                               for m in WISH["members"]]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.secret = tempfile.NamedTemporaryFile("w", suffix=".secret")
        self.addCleanup(self.secret.close)
        self.secret.write("admin:s3cret\n")
        self.secret.flush()

    def push(self):
        return run("loadstar-dataplaneapi", self.url, "be_web", self.secret.name)

    def test_tells_what_differs(self):
        done = self.push()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual([(name, told["admin_state"]) for name, told in self.server.told],
                         [("ams-b/x", "drain"), ("ams-c/x", "maint"), ("ams-d/x", "drain"), ("ams-e/x", "maint")])
        self.assertEqual(self.push().returncode, 0)
        self.assertEqual(len(self.server.told), 4)

    def test_says_what_is_missing(self):
        del self.server.servers[0]
        done = self.push()
        self.assertEqual(done.returncode, 1)
        self.assertIn("no server for 192.0.2.1:80", done.stderr)
        self.assertEqual(len(self.server.told), 4)

    def test_fails_in_one_line(self):
        self.secret.truncate(0)
        self.secret.seek(0)
        self.secret.write("admin:wrong\n")
        self.secret.flush()
        done = self.push()
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1))
        self.assertIn("401", done.stderr)


@unittest.skipIf(jinja2 is None, "Jinja2 is missing: install python3-jinja2")
class Template(unittest.TestCase):
    TEMPLATE = ("# {{ tier }} of {{ node }}\n{% for m in members if m.state == 'ready' and m.weight %}"
                "backend {{ m.name }} {{ m.address }} {{ m.port }} {{ m.weight }}\n{% endfor %}")

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="ls-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.path, self.template = os.path.join(self.dir, "out"), os.path.join(self.dir, "in")
        with open(self.template, "w") as file:
            file.write(self.TEMPLATE)

    def render(self, *command, wish=WISH):
        return run("loadstar-template", self.template, self.path, *command, wish=wish)

    def content(self):
        with open(self.path) as file:
            return file.read()

    def test_writes_what_differs(self):
        ran = os.path.join(self.dir, "ran")
        self.assertEqual(self.render("--", "touch", ran).returncode, 0)
        self.assertEqual(self.content(), "# edge of n1\nbackend ams-a 192.0.2.1 80 100\n")
        self.assertTrue(os.path.exists(ran))
        os.unlink(ran)
        self.assertEqual(self.render("--", "touch", ran).returncode, 0)
        self.assertFalse(os.path.exists(ran))

    def test_puts_back_what_is_not_taken(self):
        self.assertEqual(self.render().returncode, 0)
        before = self.content()
        done = self.render("--", "false", wish={**WISH, "node": "n2"})
        self.assertEqual((done.returncode, self.content()), (1, before))
        self.assertIn("false failed", done.stderr)

    def test_a_word_that_is_not_there(self):
        with open(self.template, "w") as file:
            file.write("{{ memberz }}")
        self.assertEqual(self.render().returncode, 1)
        self.assertFalse(os.path.exists(self.path))


class Ansible(unittest.TestCase):
    @unittest.skipIf(shutil.which("ansible-playbook") is None, "ansible-playbook is missing: install ansible-core")
    def test_playbook(self):
        """The real thing on this host, with an API that has the document."""
        class Tiers(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                members = [{"address": m["address"], "port": m["port"],
                            "wanted": {"serves": m["state"], "weight": m["weight"]}} for m in WISH["members"]]
                text = json.dumps({"tiers": [{"name": "edge", "members": members}]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tiers)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        directory = tempfile.mkdtemp(prefix="ls-")
        self.addCleanup(shutil.rmtree, directory)
        path, ran = os.path.join(directory, "web.conf"), os.path.join(directory, "ran")
        done = subprocess.run(
            ["ansible-playbook", "-i", "localhost,", "-c", "local", os.path.join(AUTOMATION, "tiers.yml"),
             "-e", json.dumps({"loadstar": f"http://127.0.0.1:{server.server_address[1]}", "tier": "edge", "path": path,
                               "command": f"touch {ran}", "ansible_python_interpreter": sys.executable})],
            capture_output=True, text=True, timeout=600, env=dict(os.environ, HOME=directory, LC_ALL="C.UTF-8"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with open(path) as file:
            self.assertEqual(file.read().split("\n"), [
                "upstream web {", "    server 192.0.2.1:80 weight=100;", "    server 192.0.2.2:80 down;",
                "    server [2001:db8::3]:80 down;", "    server 192.0.2.4:80 down;", "    server 192.0.2.5:80 down;", "}", ""])
        self.assertTrue(os.path.exists(ran))


if __name__ == "__main__":
    unittest.main()
