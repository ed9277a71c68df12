#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How soon tiers follow, and what it costs: many tiers, many endpoints, and a share of them changing each second.

    tiers.py [options] BUILD

One real HAProxy with --servers servers in one backend, and stand-ins that answer as it does (fake_haproxy.py) for
the others, by default 200 tiers with 20,000 members. A member's health is that of one of --switches checks, which are
probed by TCP five times a second; each second some of their listeners are closed and others are opened, so that 5 %
of all members flip. For each interval of --report seconds:

  p50 p99   from the flush of a change until it was read back from its tier, of all tiers, by
            loadstar_tier_apply_seconds: the bounds between which it lies, interpolated
  applied   changes that were read back
  turn      the longest turn of the control thread's loop that ran for so long (what others took is not in there)
  rss       resident memory, MB

With --flat it fails when memory at the end is more than a tenth and 8 MB above what it was after a third of the time.
Everything else is figures only: stand-ins, HAProxy and loadstard share the cores of this machine. Runs in a network
namespace of its own (wants root).
"""
import argparse
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

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from fake_haproxy import Fakes, Server # noqa: E402

ZONE = """zone: bench.test
soa: {mname: ns1, rname: h, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s}
records: {"@": {NS: [ns1]}, ns1: {A: 192.0.2.53}}
"""


def address(n):
    return f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"


class Switch:
    """A listener that is there or not; a thread for all of them takes what connects."""

    def __init__(self, number):
        self.port, self.socket = 20000 + number, None
        self.turn()

    def turn(self):
        if self.socket:
            self.socket.close()
            self.socket = None
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self.port))
            listener.listen(64)
        except OSError: # the one before is still being closed by who accepts: at the next turn
            listener.close()
            return
        listener.setblocking(False)
        self.socket = listener


def take_all(switches, stop):
    while not stop.is_set():
        for switch in switches:
            try:
                while switch.socket:
                    switch.socket.accept()[0].close()
            except (OSError, AttributeError):
                pass
        time.sleep(0.02)


STAND_INS = 2 # processes that share them, as one interpreter is busy for too long at one go


def stand_in(all_of_them, ready):
    fakes = Fakes()
    for path, backend, servers in all_of_them:
        fakes.add(path, backend, [Server(name, at, 80) for name, at in servers])
    ready.set()
    threading.Event().wait()


class World:
    def __init__(self, directory, options):
        self.dir, self.o = directory, options
        self.processes = []
        self.sizes = self.share_out()
        self.write("zone.yaml", ZONE)
        self.write("loadstar.yaml", 'server: {listen: "127.0.0.1:5300", workers: 1, state_dir: state, panic: off}\n'
                   'control: control.sock\nhttp: {listen: "127.0.0.1:8053"}\npools: pools.yaml\n'
                   'tiers: tiers.yaml\nzones: [zone.yaml]\n')
        self.write_pools()
        self.write_tiers()

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)

    def share_out(self):
        """Members of each tier; the first is the real HAProxy's."""
        real = min(self.o.servers, self.o.members)
        others = self.o.tiers - (1 if real else 0)
        left = self.o.members - real
        return ([real] if real else []) + [left // others + (i < left % others) for i in range(others)]

    def write_pools(self):
        lines = ["sites: {ams: {location: [52, 4]}}", "checks:",
                 "  probe: {type: tcp, interval: 200ms, timeout: 100ms, rise: 1, fall: 1}"]
        lines += [f"  s{i}: {{type: pool, pool: switch{i}}}" for i in range(self.o.switches)]
        lines.append("pools:")
        lines += [f"  switch{i}: {{checks: [probe], sites: {{ams: [{{address: 127.0.0.1, port: {20000 + i}}}]}}}}"
                  for i in range(self.o.switches)]
        n = 0
        for tier, size in enumerate(self.sizes):
            of = [f"{{name: m{i}, address: {address(n + i)}, port: 80, checks: [s{(n + i) % self.o.switches}]}}"
                  for i in range(size)]
            lines.append(f"  p{tier}: {{sites: {{ams: [{', '.join(of)}]}}}}")
            n += size
        self.write("pools.yaml", "\n".join(lines) + "\n")

    def write_tiers(self):
        lines = ["tiers:" if self.sizes else "tiers: {}"]
        for tier in range(len(self.sizes)):
            lines.append(f"  t{tier}: {{type: haproxy, pool: p{tier}, backend: be{tier}, adopt: true, "
                         f"socket: {self.path(f't{tier}.sock')}}}")
        self.write("tiers.yaml", "\n".join(lines) + "\n")

    def open_tiers(self):
        n, fakes = 0, []
        for tier, size in enumerate(self.sizes):
            servers = [(f"ams-m{i}", address(n + i)) for i in range(size)]
            n += size
            if tier == 0 and self.o.servers:
                self.haproxy(servers)
            else:
                fakes.append((self.path(f"t{tier}.sock"), f"be{tier}", servers))
        for i in range(STAND_INS):
            ready = multiprocessing.Event()
            self.processes.append(multiprocessing.Process(target=stand_in, args=(fakes[i::STAND_INS], ready), daemon=True))
            self.processes[-1].start()
            ready.wait(60)

    def haproxy(self, servers):
        lines = ["global", f"  stats socket {self.path('t0.sock')} level admin", "  maxconn 100", "defaults",
                 "  mode tcp", "  timeout connect 1s", "  timeout client 1s", "  timeout server 1s", "backend be0"]
        lines += [f"  server {name} {at}:80 weight 100" for name, at in servers]
        self.write("haproxy.cfg", "\n".join(lines) + "\n")
        self.proxy = subprocess.Popen(["haproxy", "-f", self.path("haproxy.cfg")], stderr=subprocess.DEVNULL)
        while not os.path.exists(self.path("t0.sock")):
            time.sleep(0.05)

    def close(self):
        for process in self.processes:
            process.terminate()
        if self.o.servers:
            self.proxy.terminate()
            self.proxy.wait()


class Daemon:
    def __init__(self, build, world):
        self.world = world
        self.log = open(world.path("log"), "w")
        self.process = subprocess.Popen([os.path.join(build, "loadstard"), "-c", world.path("loadstar.yaml")],
                                        stderr=self.log, cwd=world.dir)
        while "ready after" not in open(world.path("log")).read():
            if self.process.poll() is not None:
                sys.exit(open(world.path("log")).read())
            time.sleep(0.05)

    def metrics(self):
        return urllib.request.urlopen("http://127.0.0.1:8053/metrics", timeout=120).read().decode()

    def rss_mb(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(r"VmRSS:\s*(\d+)", file.read()).group(1)) / 1000

    def stop(self):
        self.process.terminate()
        self.process.wait()


def buckets(text, name):
    """Counts by upper bound, over all label sets."""
    sums = {}
    for line in text.splitlines(): # one regular expression over all would hold up the stand-ins
        if not line.startswith(name + "_bucket"):
            continue
        le = line.split('le="', 1)[1].split('"', 1)[0]
        bound = float("inf") if le == "+Inf" else float(le)
        sums[bound] = sums.get(bound, 0) + int(line.rsplit(" ", 1)[1])
    return dict(sorted(sums.items()))


def quantile(counts, q):
    """By linear interpolation within the bucket."""
    total, below, last = max(counts.values(), default=0), 0, 0.0
    if not total:
        return None
    for bound, n in counts.items():
        if n >= q * total:
            return last if bound == float("inf") else last + (bound - last) * (q * total - below) / max(1, n - below)
        below, last = n, bound
    return last


def less(after, before):
    return {bound: n - before.get(bound, 0) for bound, n in after.items()}


def worst_turn(counts):
    """The bound of the longest turn."""
    total = max(counts.values(), default=0)
    return next((bound for bound, n in counts.items() if n == total), 0) if total else 0


def flip(world, switches, stop):
    each = max(1, round(len(switches) * world.o.flip / 100))
    at = 0
    while not stop.wait(1.0):
        for _ in range(each):
            switches[at % len(switches)].turn()
            at += 1


def ms(seconds):
    return "-" if seconds is None else f"{seconds * 1e3:.0f}"


def run(daemon, o):
    names = ("loadstar_tier_apply_seconds", "loadstar_control_loop_turn_cpu_seconds")
    before = [buckets(daemon.metrics(), name) for name in names]
    first, rss = before, []
    end = time.monotonic() + o.seconds
    print(f"{'s':>6} {'p50':>6} {'p99':>6} {'applied':>8} {'turn':>6} {'rss':>7}", flush=True)
    began = time.monotonic()
    while time.monotonic() < end:
        time.sleep(min(o.report, max(0.0, end - time.monotonic())))
        text = daemon.metrics()
        now = [buckets(text, name) for name in names]
        rss.append((time.monotonic() - began, daemon.rss_mb()))
        show(rss[-1][0], [less(a, b) for a, b in zip(now, before)], rss[-1][1])
        before = now
    print("in all:")
    show(rss[-1][0], [less(a, b) for a, b in zip(before, first)], rss[-1][1])
    return rss


def show(at, counts, rss):
    applied, turns = counts
    print(f"{at:6.0f} {ms(quantile(applied, 0.5)):>6} {ms(quantile(applied, 0.99)):>6} "
          f"{max(applied.values(), default=0):8} {ms(worst_turn(turns)):>6} {rss:7.1f}", flush=True)


def is_flat(rss):
    third = next(mb for at, mb in rss if at >= rss[-1][0] / 3)
    print(f"memory: {third:.1f} MB after a third, {rss[-1][1]:.1f} MB at the end")
    return rss[-1][1] <= third * 1.1 + 8


def bench(build, o):
    directory = tempfile.mkdtemp(prefix="loadstar-tiers.")
    stop = threading.Event()
    os.mkdir(os.path.join(directory, "state"))
    world = World(directory, o)
    switches = [Switch(i) for i in range(o.switches)]
    threading.Thread(target=take_all, args=(switches, stop), daemon=True).start()
    try:
        world.open_tiers()
        daemon = Daemon(build, world)
        try:
            time.sleep(o.settle)
            threading.Thread(target=flip, args=(world, switches, stop), daemon=True).start()
            rss = run(daemon, o)
            for line in open(world.path("log")):
                if ("error" in line and " event " not in line) or "busy for" in line:
                    print("   ", line.strip()[:200])
        finally:
            daemon.stop()
    finally:
        stop.set()
        world.close()
        shutil.rmtree(directory)
    return not o.flat or is_flat(rss)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", metavar="BUILD", help="a build tree")
    parser.add_argument("--tiers", type=int, default=200)
    parser.add_argument("--members", type=int, default=20000, help="of all tiers together")
    parser.add_argument("--servers", type=int, default=4000, help="of the real HAProxy; 0: there is none")
    parser.add_argument("--switches", type=int, default=100)
    parser.add_argument("--flip", type=float, default=5, help="percent of the members, each second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--report", type=float, default=10)
    parser.add_argument("--settle", type=float, default=5, help="before the first flip")
    parser.add_argument("--flat", action="store_true")
    options = parser.parse_args()
    if os.environ.get("TIERS_INSIDE") != "1":
        os.environ["TIERS_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "-n", sys.executable] + sys.argv)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.exit(0 if bench(os.path.abspath(options.build), options) else 1)


if __name__ == "__main__":
    main()
