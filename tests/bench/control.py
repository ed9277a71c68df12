#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long the control thread is busy at one go while operators, scrapers and reloads ask everything of it.

    control.py [options] BUILD [BUILD...]

Each build serves the same world on loopback, in a network namespace of its own (wants root): by default
100,000 endpoints in 2,000 pools, 200 https checks with the system's authorities, 1,000 zones, and one
zone file of 300 MB (of comments: what it costs is reading it). Every endpoint is probed once a minute.
For each operation:

  ping     the worst of the round trips, one every few milliseconds over the control socket, of a request
           that needs nothing but the loop: what anyone waits who asks something small
  turn     the longest turn of the loop, by the server's own account (not in builds that have none)
  cpu      the bound below which every turn ran, of 1, 2, 5, 10, 20, 50 .. ms: what others took from it is
           not in there
  took     how long the operation itself took

With --realtime the control thread, once it is ready, runs before everything else on its core (SCHED_FIFO),
and who pings next: what others do on this machine is then in no figure.

Figures only. On a machine that does something else meanwhile, ping and turn hold that as well; cpu does not.
"""
import argparse
import json
import multiprocessing
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
ZONE = """zone: {name}
ttl: 1h
soa: {{mname: ns1, rname: h, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s}}
records:
  "@": {{NS: [ns1]}}
  ns1: {{A: 192.0.2.53}}
"""


def address(n):
    return f"127.{1 + (n >> 16)}.{n >> 8 & 255}.{n & 255}"


class World:
    """The files of one configuration."""

    def __init__(self, directory, options):
        self.directory, self.options = directory, options
        self.write_main()
        self.write_pools()
        self.write_tiers()
        for zone in range(options.zones):
            self.write_zone(zone)
        self.write_big()

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)

    def write_main(self):
        zones = [f"z{i}.yaml" for i in range(self.options.zones)]
        if self.options.big_mb:
            zones.append("big.test.zone")
        self.write("loadstar.yaml", 'server: {listen: "127.0.0.1:5300", workers: 1, state_dir: state}\n'
                   'control: control.sock\nhttp: {listen: "127.0.0.1:8053"}\npools: pools.yaml\n'
                   f'{"tiers: tiers.yaml" if self.options.tiers else ""}\n'
                   f'zones: [{", ".join(zones)}]\n')

    def write_pools(self, shift=0):
        """`shift` > 0: that many endpoints, the first of each pool in turn, have other addresses."""
        o, lines = self.options, ["sites: {ams: {location: [52, 4]}, iad: {location: [38, -77]}}", "checks:"]
        lines.append("  web: {type: tcp, port: 8080, interval: 60s, timeout: 2s}")
        for i in range(o.https):
            lines.append(f"  s{i}: {{type: https, port: 8443, interval: 60s, timeout: 2s, "
                         f"tls: {{ca_file: {AUTHORITIES}}}}}")
        lines.append("pools:")
        for pool in range(o.pools):
            check = f"s{pool}" if pool < o.https else "web"
            of = [address(pool * o.each + i) for i in range(o.each)]
            if pool < shift:
                of[0] = address(o.pools * o.each + pool)
            half = o.each // 2
            lines.append(f"  p{pool:05}: {{ttl: 30s, checks: [{check}], steer: {{order: [ams, iad]}}, "
                         f"sites: {{ams: [{', '.join(of[:half])}], iad: [{', '.join(of[half:])}]}}}}")
        self.write("pools.yaml", "\n".join(lines) + "\n")

    def write_tiers(self):
        """Of the first pools, as files for Envoy: what they cost the control thread is the same for all types."""
        lines = ["tiers:"]
        for tier in range(self.options.tiers):
            lines.append(f"  t{tier:05}: {{type: envoy, pool: p{tier:05}, port: 80, cluster: c{tier}, "
                         f"eds: {{file: {self.path(f't{tier:05}.json')}}}}}")
        self.write("tiers.yaml", "\n".join(lines) + "\n")

    def write_zone(self, zone, serial=0):
        o = self.options
        pools = range(zone, o.pools, o.zones)
        self.write(f"z{zone}.yaml", ZONE.format(name=f"z{zone}.test") +
                   "".join(f"  p{p}: {{POOL: p{p:05}}}\n" for p in pools) +
                   f"  t: {{TXT: [\"{serial}\"]}}\n")

    def write_big(self):
        if not self.options.big_mb:
            return
        line = "; " + "a comment that is read and digested like everything else " * 17 + "\n"
        with open(self.path("big.test.zone"), "w") as file:
            file.write("$ORIGIN big.test.\n$TTL 3600\n@ SOA ns1 h 1 3600 900 1209600 60\n"
                       "@ NS ns1\nns1 A 192.0.2.53\n")
            for _ in range(self.options.big_mb * 1000000 // len(line)):
                file.write(line)

    def edit_big(self):
        with open(self.path("big.test.zone"), "a") as file:
            file.write("; edited\n")


def accept_all(port):
    """A back end at every loopback address."""
    listener = socket.create_server(("0.0.0.0", port), backlog=4096)
    while True:
        listener.accept()[0].close()


class Line:
    """A connection to the control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def ask(self, **request):
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(self.file.readline())


def ping_for_ever(path, times):
    line = Line(path)
    while True:
        began = time.monotonic()
        line.ask(command="nothing-but-the-loop")
        ended = time.monotonic()
        times.append((began, ended - began))
        time.sleep(0.002)


def pinger(path, pipe, realtime):
    """Answers each message with the worst round trip since the one before."""
    if realtime:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    times = []
    threading.Thread(target=ping_for_ever, args=(path, times), daemon=True).start()
    while True:
        pipe.recv()
        now = time.monotonic()
        took = [t for _, t in times]
        times.clear()
        pipe.send((max(took, default=0), len(took)))


class Server:
    def __init__(self, build, world):
        self.world = world
        self.log = open(world.path("log"), "w+")
        self.process = subprocess.Popen([os.path.join(build, "loadstard"), "-c", world.path("loadstar.yaml")],
                                        stderr=self.log, cwd=world.directory)
        began = time.monotonic()
        while "ready after" not in open(world.path("log")).read():
            if self.process.poll() is not None:
                sys.exit(open(world.path("log")).read())
            time.sleep(0.05)
        self.ready_s = time.monotonic() - began
        if world.options.realtime:
            os.sched_setscheduler(self.process.pid, os.SCHED_FIFO, os.sched_param(20)) # its first thread
        self.line = Line(world.path("control.sock"))
        ours, theirs = multiprocessing.Pipe()
        self.pipe = ours
        self.pinger = multiprocessing.Process(target=pinger, args=(world.path("control.sock"), theirs, world.options.realtime),
                                              daemon=True)
        self.pinger.start()

    def status(self):
        return self.line.ask(command="status")["result"]

    def settle(self):
        while self.status()["endpoints"]["unknown"] > 0:
            time.sleep(0.5)

    def http(self, path):
        return urllib.request.urlopen("http://127.0.0.1:8053" + path).read()

    def buckets(self, what="turn_cpu"):
        """How many turns ran for at most so many seconds; none in a build that does not say."""
        text = self.http("/metrics").decode()
        found = re.findall(rf'^loadstar_control_loop_{what}_seconds_bucket\{{le="([^"]*)"\}} (\d+)', text, re.M)
        return {le: int(n) for le, n in found}

    def worst(self):
        self.pipe.send(None)
        return self.pipe.recv()

    def stop(self):
        self.pinger.terminate()
        self.process.terminate()
        self.process.wait()


def operations(server, world):
    """(name, what is done, how often)."""
    def reload():
        reply = server.line.ask(command="reload")
        if not reply["ok"]:
            sys.exit(f"reload: {reply}")

    def reload_record():
        world.write_zone(0, time.monotonic_ns())
        reload()

    def reload_endpoints():
        world.write_pools(shift=world.options.pools // 2)
        reload()
        world.write_pools()
        reload()

    def dashboard():
        server.http("/")
        for path in ("status", "sites", "pools", "events", "endpoints"):
            server.http("/api/v1/" + path)

    def edited_disk():
        world.edit_big()
        for _ in range(5):
            server.status()

    def drain():
        server.line.ask(command="set", target="ams", state="drain")
        server.line.ask(command="set", target="ams", state="auto")

    def set_one():
        server.line.ask(command="set", target="p00300/ams", state="drain")
        server.line.ask(command="set", target="p00300/ams", state="auto")

    return [
        ("nothing, 6 s", lambda: time.sleep(6), 1),
        ("status", server.status, 10),
        ("checks", lambda: server.line.ask(command="checks"), 3),
        ("endpoints", lambda: server.line.ask(command="endpoints"), 3),
        ("sites", lambda: server.line.ask(command="sites"), 3),
        ("metrics", lambda: server.http("/metrics"), 3),
        ("dashboard", dashboard, 2),
        ("drain and undo 25 endpoints", set_one, 5),
        ("drain and undo a site", drain, 2),
        (f"status, {world.options.big_mb} MB edited", edited_disk, 1),
        ("reload, that read again", reload, 1),
        ("reload, nothing changed", reload, 3),
        ("reload, one record", reload_record, 3),
        ("reload, endpoints moved", reload_endpoints, 1),
    ]


def measure(server, world, only):
    rows = []
    server.worst()
    for name, run, times in operations(server, world):
        if only and not any(o in name for o in only):
            continue
        server.settle()
        time.sleep(1)
        before, cpu = server.status().get("control_loop"), server.buckets()
        time.sleep(0.5)
        server.worst()
        began = time.monotonic()
        for _ in range(times):
            run()
        took = (time.monotonic() - began) / times
        time.sleep(0.3) # what it leaves behind
        ping, n = server.worst()
        after = server.status().get("control_loop")
        cpu = bound_of(cpu, server.buckets())
        turn = after and worst_since(before, after)
        rows.append((name, ping * 1e3, n, turn, cpu, took))
        print(f"    {name:32} ping {ping * 1e3:8.1f}   turn {turn or '-':>8}   "
              f"cpu {cpu or '-':>8}   took {took:7.3f} s", flush=True)
    return rows


def bound_of(before, after):
    """The bound of the longest turn between two looks, as text; the looks' own documents are in there."""
    within = "0"
    for bound, n in after.items():
        if n - before[bound] > within_count(before, after, within):
            within = bound
    return after and ("> 1000" if within == "+Inf" else f"<= {float(within) * 1e3:g}")


def within_count(before, after, bound):
    return after[bound] - before[bound] if bound in after else 0


def worst_since(before, after):
    """The longest turn between two looks; at most that of the last minute, where that has not grown."""
    now, earlier = after["worst_60s_ms"], before["worst_60s_ms"]
    return f"{now:.1f}" if now > earlier else f"<= {now:.1f}"


def bench(build, options):
    directory = tempfile.mkdtemp(prefix="loadstar-control.")
    try:
        world = World(directory, options)
        os.mkdir(world.path("state"))
        print(f"{build}", flush=True)
        server = Server(build, world)
        print(f"    ready after {server.ready_s:.1f} s", flush=True)
        try:
            server.settle()
            rows = measure(server, world, options.only)
            rss = int(re.search(r"VmRSS:\s*(\d+)", open(f"/proc/{server.process.pid}/status").read()).group(1))
            print(f"    turns that took up to .. s: {server.buckets('turn')}\n"
                  f"    that ran for up to .. s: {server.buckets()}; RSS {rss // 1000} MB")
            for line in open(world.path("log")):
                if "busy for" in line or "error" in line:
                    print("   ", line.strip()[:200])
        finally:
            server.stop()
        return rows
    finally:
        shutil.rmtree(directory)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("builds", nargs="+", metavar="BUILD", help="a build tree; each in turn")
    parser.add_argument("--pools", type=int, default=2000)
    parser.add_argument("--each", type=int, default=50, help="endpoints of each pool")
    parser.add_argument("--zones", type=int, default=1000)
    parser.add_argument("--tiers", type=int, default=0, help="tiers, each of one pool")
    parser.add_argument("--https", type=int, default=200, help="https checks, each of one pool")
    parser.add_argument("--big-mb", type=int, default=300)
    parser.add_argument("--realtime", action="store_true", help="see above")
    parser.add_argument("--only", action="append", metavar="TEXT", help="operations whose name has it")
    options = parser.parse_args()
    if os.environ.get("CONTROL_INSIDE") != "1":
        os.environ["CONTROL_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "-n", sys.executable] + sys.argv)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with open("/proc/sys/net/core/somaxconn", "w") as file:
            file.write("4096")
    except OSError:
        pass
    multiprocessing.Process(target=accept_all, args=(8080,), daemon=True).start()
    results = [(build, bench(os.path.abspath(build), options)) for build in options.builds]
    if len(results) < 2:
        return
    print("\nworst round trip, ms" + "".join(f"{os.path.basename(os.path.dirname(os.path.dirname(os.path.abspath(b)))):>14}"
                                             for b, _ in results))
    for i, (name, *_rest) in enumerate(results[0][1]):
        print(f"{name:32}" + "".join(f"{rows[i][1]:14.1f}" for _, rows in results))


if __name__ == "__main__":
    main()
