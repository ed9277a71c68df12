# SPDX-License-Identifier: Apache-2.0
"""loadstar-l4 by kinds of services, through the real program: datagrams, server names, PROXY headers, clients' own
addresses, limits."""
import os
import shutil
import socket
import ssl
import tempfile
import threading

import harness
import l4_world
from l4_world import web
from test_process import rights

NET_RAW = 1 << 13
POOLS = """\
sites: {ams: {}}
pools:
  one: {sites: {ams: [{address: 127.0.0.1, port: %d, name: a}]}}
  two: {sites: {ams: [{address: 127.0.0.1, port: %d, name: b}]}}
"""


class Echo:
    """Answers datagrams with its name and what came."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.place = "127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                data, client = self.socket.recvfrom(65535)
                self.socket.sendto(self.name.encode() + b" " + data, client)
            except OSError:
                return

    def close(self):
        self.socket.close()


def hello(name):
    """A ClientHello for a server name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


class Kinds(l4_world.TestCase):
    def ask_udp(self, f, text=b"x"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(30)
            s.connect((f.address, f.port))
            s.send(text)
            return s.recv(65535).decode().split(" ")[0]

    def test_datagrams(self):
        echoes = [Echo("a"), Echo("b")]
        for e in echoes:
            self.addCleanup(e.close)
        f = self.forwarder(web(members=[e.place for e in echoes], protocol="udp", balance="maglev", idle_timeout="10m"))
        self.addCleanup(f.ctl, "stop", "--now", check=False) # flows are not waited for
        self.assertEqual({self.ask_udp(f) for _ in range(40)}, {"a", "b"})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s: # a flow keeps its member
            s.settimeout(30)
            s.connect((f.address, f.port))
            names = set()
            for i in range(10):
                s.send(b"%d" % i)
                names.add(s.recv(100).decode().split(" ")[0])
                if i == 5:
                    f.reload()
            self.assertEqual(len(names), 1)
            flows = f.ctl_json("flows")["flows"]
            self.assertIn("127.0.0.1:%d" % s.getsockname()[1], [flow["client"] for flow in flows])
            self.assertEqual({flow["protocol"] for flow in flows}, {"udp"})
        self.assertEqual(f.metrics()['loadstar_l4_members{service="web",state="up"}'], 2)

    def test_server_names(self):
        a, b = self.members(2)
        services = web()
        del services["web"]["members"]
        services["web"]["tls"] = {"sni": {"one.example.test": "one", "*.two.example.test": "two"}}
        f = self.forwarder(services, main="pools: pools.yaml\n",
                           files={"pools.yaml": POOLS % (a.port, b.port)})
        for name, expected in (("one.example.test", b"a"), ("ONE.example.test", b"a"),
                               ("x.two.example.test", b"b"), ("three.example.test", None)):
            with self.subTest(name), f.connect() as s:
                s.sendall(hello(name) + b"\n")
                try:
                    answer = s.recv(1)
                except ConnectionResetError:
                    answer = b""
                if expected:
                    self.assertEqual(answer, expected)
                else: # an alert of TLS, or nothing
                    self.assertIn(answer, (b"", b"\x15"))
        self.assertEqual(set(f.members_of()), {"one/ams/a", "two/ams/b"})
        f.wait_for(lambda: f.ctl_json("services")["services"][0]["results"]["bad_header"] == 1, 60)

    def test_proxy_header(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a], proxy_protocol={"send": "v1"}))
        with f.connect() as s:
            s.sendall(b"x\n")
            lines = s.makefile()
            self.assertEqual(lines.readline().split(), ["a", "PROXY", "TCP4", "127.0.0.1", "127.0.0.1",
                                                        str(s.getsockname()[1]), str(f.port)])
            lines.close()

    def test_members_of_both_families_take_turns(self):
        try:
            b = self.member("b", address="::1")
        except OSError as error:
            self.skipTest(f"no IPv6 here: {error}")
        f = self.forwarder(web(members=[self.member("a"), b]), workers=1)
        names = []
        for _ in range(10):
            names.append(f.ask())
            f.wait_for(lambda: f.ctl_json("status")["flows"] == 0, 60)
        self.assertEqual(sorted(names), ["a"] * 5 + ["b"] * 5)
        self.assertEqual({m["refused"] for m in f.members_of().values()}, {0})

    def test_limits(self):
        a, = self.members(1)
        f = self.forwarder(web(members=[a], limits={"connections": 500, "per_source": 3}))
        clients = [f.connect() for _ in range(3)]
        for s in clients:
            self.addCleanup(s.close)
        f.wait_for(lambda: f.ctl_json("status")["flows"] == 3, 60)
        with self.assertRaises((OSError, AssertionError)):
            self.assertEqual(f.ask(), "a")
        f.wait_for(lambda: f.ctl_json("services")["services"][0]["results"]["source_limited"] == 1, 60)
        clients[0].close()
        f.wait_for(lambda: f.ctl_json("status")["flows"] == 2, 60)
        self.assertEqual(f.ask(), "a")


class Transparent(l4_world.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")

    def world(self, main="", transparent=True, workers=2):
        self.a, = self.members(1)
        f = self.forwarder(web(members=[self.a], transparent=transparent), main=main, workers=workers, start=False)
        os.chmod(f.dir, 0o777)
        os.chmod(os.path.join(f.dir, "state"), 0o777)
        os.chmod(f.path, 0o644)
        open(f.log_path, "a").close()
        return f.start()

    def test_members_see_the_client(self):
        f = self.world(main="user: nobody\n")
        with socket.create_connection((f.address, f.port), 30, source_address=("127.0.0.9", 0)) as s:
            s.sendall(b"x\n")
            self.assertEqual(s.recv(2), b"a ")
            self.assertEqual([c.getpeername()[0] for c in self.a.connections], ["127.0.0.9"])

    def test_no_address_stays_with_a_socket(self):
        f = self.world(workers=1)
        seen = []
        for transparent, address in ((True, "127.0.0.9"), (True, "127.0.0.10"), (False, "127.0.0.9")):
            f.configure(web(members=[self.a], transparent=transparent))
            f.reload()
            with socket.create_connection((f.address, f.port), 30, source_address=(address, 0)) as s:
                s.sendall(b"x\n")
                self.assertEqual(s.recv(4, socket.MSG_WAITALL), b"a x\n")
                seen += [c.getpeername()[0] for c in self.a.connections]
            f.wait_for(lambda: f.ctl_json("status")["flows"] == 0, 60)
            f.wait_for(lambda: not self.a.connections, 60)
        self.assertEqual(seen, ["127.0.0.9", "127.0.0.10", "127.0.0.1"])

    def test_workers_alone_keep_the_right(self):
        f = self.world(main="user: nobody\n")
        f.ctl("status")
        found = {}
        for task in os.listdir(f"/proc/{f.process.pid}/task"):
            try:
                with open(f"/proc/{f.process.pid}/task/{task}/status") as file:
                    text = file.read()
            except (FileNotFoundError, ProcessLookupError):
                continue # it has ended
            have = rights(text)
            found.setdefault(have["CapEff"], []).append(text.split("\n")[0])
            self.assertEqual((have["CapInh"], have["CapAmb"], have["NoNewPrivs"]), (0, 0, 1))
            self.assertIn(have["CapPrm"], (0, NET_RAW))
        self.assertEqual(len(found[NET_RAW]), 2, found)
        with open(f"/proc/{f.process.pid}/status") as file:
            self.assertEqual(rights(file.read())["CapPrm"], 0)

    def test_an_exec_check_has_none(self):
        """Nothing that is executed has any, though the service manager had filled every set."""
        seen = os.path.join(self.scratch(), "seen")
        pools = ("sites: {ams: {}}\nchecks: {look: {type: exec, command: [/bin/sh, -c, \"cat /proc/self/status >%s.new && "
                 "mv %s.new %s\"], interval: 5s, timeout: 4900ms, rise: 1, fall: 10}}\n"
                 "pools: {web: {checks: [look], sites: {ams: [{address: 127.0.0.1, port: %d}]}}}\n")
        a, = self.members(1)
        words = "+net_raw"
        f = self.forwarder(web(members={"pool": "web"}, transparent=True), main="pools: pools.yaml\n",
                           files={"pools.yaml": pools % (seen, seen, seen, a.port)}, start=False,
                           wrap=["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                                 f"--inh-caps=-all,{words}", f"--ambient-caps=-all,{words}", f"--bounding-set=-all,{words}"])
        for path, mode in ((f.dir, 0o777), (os.path.join(f.dir, "state"), 0o777), (f.path, 0o644),
                           (os.path.join(f.dir, "pools.yaml"), 0o644)):
            os.chmod(path, mode)
        open(f.log_path, "a").close()
        f.start()
        f.wait_for(lambda: os.path.exists(seen), 60)
        with open(seen) as file:
            have = rights(file.read())
        self.assertEqual({k: have[k] for k in ("CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs")},
                         {"CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapAmb": 0, "NoNewPrivs": 1})
        self.assertEqual(f.ask(), "a") # by a socket that takes the right

    def scratch(self):
        path = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, path)
        os.chmod(path, 0o777)
        return path

    def test_a_reload_cannot_add_it(self):
        f = self.world(main="user: nobody\n", transparent=False)
        f.configure(web(members=[self.a], transparent=True))
        os.chmod(f.path, 0o644)
        done = f.reload(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is transparent, which takes CAP_NET_RAW", done.stderr)
        self.assertEqual(f.ask(), "a")


if __name__ == "__main__":
    harness.main()
