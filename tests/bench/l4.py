#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""loadstar-l4 beside HAProxy (TCP mode) and nginx stream: what they cost, how fast they are, what they keep.

    l4.py [options] BUILD

In one run, on loopback in a network namespace of its own: each forwarder has one worker, on the first core; what is
behind them (nginx for HTTP, l4_serve for the rest) is on the last one, the same for all; the load (l4_load) runs where
there is room. `direct` goes to what is behind them itself. Each round visits all of them for each load, in an order
that rotates. A figure is the median of the rounds' ratios, with quartiles, against the better peer (by its median over
the run) and against direct. CPU is the whole machine's (/proc/stat): what else runs on it is in there, so leave it
alone. Beside it stands what the processes that take part have run for, by the scheduler's count: what they do in the
kernel is in there, and little of what others do.

  new      connections with one HTTP request, 32 at a time        paced    1,000 requests a second on 64 connections
  keep     HTTP requests on 32 connections that stay              fresh    1,000 new connections a second
  bulk1, bulk32   streams from the back end to the client         udp      64 bytes there and back, of 10,000 flows
  idle     connections that are open, each after a byte both ways: how many are reached, and resident memory of a pair
  stopped  memory in the kernel of pairs whose client has stopped to read (ss -m: what their two sockets hold, without
           what is in pipes), the largest

With --relays there is one more of us for each that is named (copy, splice, sockhash), compared with us as delivered.

The last two are once, each with a forwarder of its own that is started for it. Nothing is judged: what was asked for is
printed beside what was measured. Wants root (as a user: fewer open files), and in BUILD: make all tests/bench/l4_load
tests/bench/l4_serve.
"""
import argparse
import json
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HTTP, SOURCE, ECHO, DATAGRAMS = range(4)  # services; each target has a port for each
BEHIND = 1100  # the first port of what is behind forwarders
MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
MEMBERS = 8  # addresses behind ECHO, so that ports towards them suffice for 100,000 connections
STOPPED = 8  # pairs
FLOWS = 10000

# Load: (l4_load's mode, service, arguments after the seconds).
LOADS = {
    "new": ("new", HTTP, [32]),
    "keep": ("keep", HTTP, [32]),
    "bulk1": ("bulk", SOURCE, [1]),
    "bulk32": ("bulk", SOURCE, [32]),
    "paced": ("paced", HTTP, [64, 1000]),
    "fresh": ("fresh", HTTP, [64, 1000]),
    "udp": ("udp", DATAGRAMS, [FLOWS]),
}

# Row: (load, what, of a result, unit, asked of the ratio to the better peer, asked of that to direct). "<" is at most.
PARTS = lambda r: r["parts_s"] / r["n"] * 1e6
CPU, RATE = (lambda r: r["cpu_s"] / r["n"]), (lambda r: r["n"] / r["seconds"])
P50, P99 = (lambda r: r["p50_us"]), (lambda r: r["p99_us"])
ROWS = [
    ("new", "CPU of a new connection", lambda r: CPU(r) * 1e6, "us", "< 0.85", ""),
    ("new", "the same, of those that take part", PARTS, "us", "", ""),
    ("keep", "CPU of a keep-alive request", lambda r: CPU(r) * 1e6, "us", "< 0.85", ""),
    ("keep", "the same, of those that take part", PARTS, "us", "", ""),
    ("bulk1", "CPU of a GB, 1 stream", CPU, "s", "< 1.0", ""),
    ("bulk32", "CPU of a GB, 32 streams", CPU, "s", "< 1.0", ""),
    ("bulk1", "GB a second, 1 stream", RATE, "GB/s", "> 1.0", ""),
    ("bulk32", "GB a second, 32 streams", RATE, "GB/s", "> 1.0", ""),
    ("new", "new connections a second", RATE, "/s", "> 1.15", "> 0.82"),
    ("keep", "keep-alive requests a second", RATE, "/s", "> 1.3", "> 0.64"),
    ("paced", "latency at 1,000 requests/s, p50", P50, "us", "< 1.05", ""),
    ("paced", "latency at 1,000 requests/s, p99", P99, "us", "< 1.05", ""),
    ("fresh", "latency of new connections, p50", P50, "us", "< 1.05", ""),
    ("fresh", "latency of new connections, p99", P99, "us", "< 1.05", ""),
    ("udp", "UDP datagrams a second", RATE, "/s", "> 3", "> 0.45"),
    ("udp", "CPU of a UDP datagram", lambda r: CPU(r) * 1e6, "us", "", ""),
]
ONCE = ["idle", "stopped"]


def end(processes):
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def is_open(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def wait_for(port, process):
    for _ in range(200):
        if process.poll() is not None:
            sys.exit(f"{process.name} has ended: {open(process.log).read()}")
        if is_open(port):
            return
        time.sleep(0.05)
    sys.exit(f"{process.name}: nobody listens at port {port}")


def with_children(process):
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        return [process.pid] + [int(pid) for pid in file.read().split()]


def ran_s(pids):
    """What these and their threads have run for (sched-stats.rst in the kernel's documentation, schedstat)."""
    ns = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                ns += int(file.read().split()[0])
    return ns / 1e9


class Bench:
    def __init__(self, build, directory, options):
        self.build, self.dir, self.o = build, directory, options
        cores = sorted(os.sched_getaffinity(0))
        self.forwarder_core, self.behind_core = cores[0], cores[-1]
        self.files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.pairs = min(options.pairs, (self.files - 3000) // 2)

    def file(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def built(self, name):
        path = os.path.join(self.build, name)
        if not os.access(path, os.X_OK):
            sys.exit(f"{path} is missing: make it in the build tree")
        return path

    def on_core(self, core, name, *command):
        """A process that ends with this one, however that ends."""
        log = os.path.join(self.dir, f"log.{name.rsplit('/', 1)[-1]}")
        with open(log, "w") as file:
            process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(core), name, *command],
                                       stdout=file, stderr=file)
        process.name, process.log = name, log
        return process

    def behind(self):
        config = self.file("behind.conf", f"""worker_processes 1; daemon off; error_log /dev/null crit;
pid {self.dir}/behind.pid; worker_rlimit_nofile {self.files};
events {{ worker_connections 8192; }}
http {{ access_log off; keepalive_requests 100000000;
  server {{ listen 127.0.0.1:{BEHIND + HTTP} backlog=4096; location / {{ return 200 "ok"; }} }} }}
""")
        ports = [str(BEHIND + service) for service in (SOURCE, ECHO, DATAGRAMS)]
        processes = [self.on_core(self.behind_core, "nginx", "-c", config),
                     self.on_core(self.behind_core, self.built("tests/bench/l4_serve"), *ports)]
        wait_for(BEHIND + HTTP, processes[0])
        wait_for(BEHIND + ECHO, processes[1])
        self.processes_behind = processes
        return processes

    def load(self, *words):
        out = subprocess.run([self.built("tests/bench/l4_load"), *map(str, words)], stdout=subprocess.PIPE,
                             text=True, timeout=120 + self.o.seconds)
        return json.loads(out.stdout) if out.returncode == 0 else None

    def load_of(self, target, mode, service, words):
        """With `parts_s`: seconds of the load, of what it goes to, and of what is behind."""
        pids = target.pids() + [pid for process in self.processes_behind for pid in with_children(process)]
        before, load_before = ran_s(pids), resource.getrusage(resource.RUSAGE_CHILDREN)
        result = self.load(mode, target.port(service), self.o.seconds, *words)
        load = resource.getrusage(resource.RUSAGE_CHILDREN)
        if result:
            result["parts_s"] = (ran_s(pids) - before + load.ru_utime + load.ru_stime
                                 - load_before.ru_utime - load_before.ru_stime)
        return result


class Target:
    """What a load goes to. `direct` has no process."""

    name, udp = "direct", True

    def __init__(self, bench, port=BEHIND, rounds=True):
        self.bench, self.first, self.rounds, self.process = bench, port, rounds, None

    def port(self, service):
        return self.first + service

    def command(self):
        return None

    def start(self):
        command = self.command()
        if command:
            self.process = self.bench.on_core(self.bench.forwarder_core, *command)
            wait_for(self.port(HTTP), self.process)

    def stop(self):
        if self.process:
            end([self.process])

    def pids(self):
        return with_children(self.process) if self.process else []

    def rss(self):
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup") as file:  # status may lag by some hundred KiB
                total += int(re.search(r"Rss:\s*(\d+)", file.read()).group(1)) * 1024
        return total


class Loadstar(Target):
    name, relay = "loadstar-l4", "auto"

    def service(self, name, service, members, more=""):
        return f'  {name}: {{listen: ["127.0.0.1:{self.port(service)}"], members: [{members}], {more}}}\n'

    def command(self):
        relay = f"relay: {self.relay}, "
        some = relay + "limits: {connections: 200}"
        echo = ", ".join(f'"127.0.0.{2 + i}:{BEHIND + ECHO}"' for i in range(MEMBERS))
        config = self.bench.file(
            f"l4-{self.first}.yaml", f"control: l4-{self.first}.sock\nworkers: 1\nservices:\n"
            + self.service("http", HTTP, f'"127.0.0.1:{BEHIND + HTTP}"', some)
            + self.service("source", SOURCE, f'"127.0.0.1:{BEHIND + SOURCE}"', some)
            + self.service("echo", ECHO, echo, relay + f"limits: {{connections: {self.connections()}}}")
            + self.service("udp", DATAGRAMS, f'"127.0.0.1:{BEHIND + DATAGRAMS}"',
                           f"protocol: udp, limits: {{connections: {self.flows()}}}"))
        return [self.bench.built("loadstar-l4"), "-c", config]

    def flows(self):
        return FLOWS + 100 if self.rounds else 100

    def connections(self):
        """Its files have to suffice for all services together."""
        return 100 if self.rounds else self.bench.pairs + 100


class Haproxy(Target):
    name, udp = "haproxy", False

    def command(self):
        most = 2000 if self.rounds else self.bench.pairs + 100
        text = f"""global
  nbthread 1
  maxconn {most}
  maxpipes 100
defaults
  mode tcp
  maxconn {most}
  backlog 4096
  timeout connect 5s
  timeout client 300s
  timeout server 300s
listen http
  bind 127.0.0.1:{self.port(HTTP)}
  server b 127.0.0.1:{BEHIND + HTTP}
listen source
  option splice-auto
  bind 127.0.0.1:{self.port(SOURCE)}
  server b 127.0.0.1:{BEHIND + SOURCE}
listen echo
  bind 127.0.0.1:{self.port(ECHO)}
"""
        text += "".join(f"  server b{i} 127.0.0.{2 + i}:{BEHIND + ECHO}\n" for i in range(MEMBERS))
        return ["haproxy", "-db", "-f", self.bench.file(f"haproxy-{self.first}.cfg", text)]


class Nginx(Target):
    name = "nginx"

    def command(self):
        echo = " ".join(f"server 127.0.0.{2 + i}:{BEHIND + ECHO};" for i in range(MEMBERS))
        text = f"""load_module {MODULE};
worker_processes 1; daemon off; error_log /dev/null crit; pid {self.dir()}/nginx-{self.first}.pid;
worker_rlimit_nofile {self.bench.files};
events {{ worker_connections {2 * (FLOWS + self.bench.pairs) + 1000}; }}
stream {{
  proxy_timeout 300s;
  upstream echo {{ {echo} }}
  server {{ listen 127.0.0.1:{self.port(HTTP)} backlog=4096; proxy_pass 127.0.0.1:{BEHIND + HTTP}; }}
  server {{ listen 127.0.0.1:{self.port(SOURCE)} backlog=4096; proxy_pass 127.0.0.1:{BEHIND + SOURCE}; }}
  server {{ listen 127.0.0.1:{self.port(ECHO)} backlog=4096; proxy_pass echo; }}
  server {{ listen 127.0.0.1:{self.port(DATAGRAMS)} udp; proxy_timeout 10s;
    proxy_pass 127.0.0.1:{BEHIND + DATAGRAMS}; }}
}}
"""
        return ["nginx", "-c", self.bench.file(f"nginx-{self.first}.conf", text)]

    def dir(self):
        return self.bench.dir


KINDS = [Loadstar, Haproxy, Nginx]
RELAYS = []  # more of the first


def of_relay(relay):
    return type("Loadstar", (Loadstar,), {"name": f"loadstar-l4 {relay}", "relay": relay, "udp": False})


# ---- in rounds ----


def one_round(bench, targets, loads, nth, results):
    order = targets[nth % len(targets):] + targets[:nth % len(targets)]
    for load in loads:
        mode, service, words = LOADS[load]
        for target in order:
            if service == DATAGRAMS and not target.udp:
                continue
            result = bench.load_of(target, mode, service, words)
            if result and result["n"]:
                results.setdefault((load, target.name), {})[nth] = result
            if not result or result["failed"]:
                print(f"round {nth + 1}, {load}, {target.name}: {result or 'came to nothing'}", flush=True)


def in_rounds(bench, loads):
    targets = [Target(bench)] + [kind(bench, 1200 + 10 * i) for i, kind in enumerate(KINDS + RELAYS)]
    results = {}
    try:
        for target in targets:
            target.start()
        for nth in range(bench.o.rounds):
            one_round(bench, targets, loads, nth, results)
            print(f"round {nth + 1} of {bench.o.rounds}", file=sys.stderr, flush=True)
    finally:
        for target in targets:
            target.stop()
    return results


def spread(values):
    """Median and quartiles, as text."""
    if not values:
        return "-"
    low, _, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return f"{statistics.median(values):.2f} ({low:.2f}..{high:.2f})"


def ratios(results, load, of, ours, theirs):
    a, b = results.get((load, ours), {}), results.get((load, theirs), {})
    return [of(a[nth]) / of(b[nth]) for nth in sorted(a.keys() & b.keys()) if of(b[nth])]


def median(results, load, of, name):
    values = [of(result) for result in results.get((load, name), {}).values()]
    return statistics.median(values) if values else None


def better(results, load, of, asked):
    """The peer whose median is the better one; most is best unless at most is asked for."""
    known = {kind.name: median(results, load, of, kind.name) for kind in KINDS[1:]}
    known = {name: value for name, value in known.items() if value is not None}
    least = asked.startswith("<") or not asked
    return (min if least else max)(known, key=known.get) if known else None


def number(value):
    return "-" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def show_rows(results, loads):
    names = ["direct"] + [kind.name for kind in KINDS + RELAYS]
    for load, what, of, unit, asked, asked_direct in ROWS:
        if load not in loads:
            continue
        peer = better(results, load, of, asked)
        against = [(peer, asked), ("direct", asked_direct)] if peer else [("direct", asked_direct)]
        print(f"\n{what}")
        for other, wanted in against:
            print(f"  against {other + ':':12} {'asked ' + wanted + ', ' if wanted else '':14}"
                  f"measured {spread(ratios(results, load, of, 'loadstar-l4', other))}")
        for kind in RELAYS:
            print(f"  {kind.relay} against auto: {spread(ratios(results, load, of, kind.name, 'loadstar-l4'))}")
        figures = [f"{name} {number(median(results, load, of, name))}" for name in names]
        print(f"  {unit}: {', '.join(figures)}")


# ---- once ----


class Held:
    """Connections that l4_load keeps open until it is left."""

    def __init__(self, bench, mode, port, count):
        self.process = subprocess.Popen([bench.built("tests/bench/l4_load"), mode, str(port), str(count)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        self.n = json.loads(self.process.stdout.readline() or '{"n": 0}')["n"]
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(120)


def idle(bench, target):
    before = target.rss()
    with Held(bench, "idle", target.port(ECHO), bench.pairs) as held:
        time.sleep(1)
        return held.n, (target.rss() - before) / max(1, held.n)


def signed(text):
    """ss(8) shows what may be below zero for a moment as 32 bits without sign."""
    n = int(text)
    return n - (1 << 32) if n >= 1 << 31 else n


def socket_bytes(pids):
    """What the kernel holds for the sockets of these processes, all but those that listen: received, to be sent, and
    kept for more (skmem of ss(8): r, w, f)."""
    out = subprocess.run(["ss", "-tmnpHO"], stdout=subprocess.PIPE, text=True, check=True).stdout
    total = 0
    for line in out.splitlines():
        if any(f"pid={pid}," in line for pid in pids):
            held = re.search(r"skmem:\(r(\d+),.*?,f(\d+),w(\d+),", line)
            total += sum(map(signed, held.groups()))
    return total


def stopped(bench, target):
    with Held(bench, "stop", target.port(SOURCE), STOPPED) as held:
        time.sleep(3)
        return held.n, socket_bytes(target.pids()) / max(1, held.n)


def once(bench, what, measure, unit, scale, asked):
    print(f"\n{what}\n  asked {asked}")
    for i, kind in enumerate(KINDS + RELAYS):
        target = kind(bench, 1300 + 10 * i, rounds=False)
        try:
            target.start()
            n, each = measure(bench, target)
            print(f"  {target.name + ':':12} {each / scale:.2f} {unit} a pair, {n:,} pairs open", flush=True)
        finally:
            target.stop()


def bench_all(bench, only):
    loads = [load for load in LOADS if load in only]
    processes = bench.behind()
    try:
        if loads:
            print(f"{bench.o.rounds} rounds of {bench.o.seconds} s; ratios: median (quartiles)", flush=True)
            show_rows(in_rounds(bench, loads), loads)
        if "idle" in only:
            once(bench, "memory of an idle pair, in user space", idle, "KiB", 1024,
                 f"< 2 KiB; 100,000 open (tried: {bench.pairs:,})")
        if "stopped" in only:
            once(bench, "memory in the kernel of a pair whose client does not read", stopped, "MiB", 1 << 20, "< 4 MiB")
    finally:
        end(processes)


# ---- the namespace ----


def enter():
    """Again in a network namespace of its own, whose ports nobody else has."""
    if os.environ.get("L4_INSIDE") != "1":
        os.environ["L4_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "-n" if os.geteuid() == 0 else "-rn", sys.executable] + sys.argv)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
        file.write("2048 65000")


def raise_files(pairs):
    """For two of each pair, and the rest; as far as allowed."""
    want = 2 * pairs + 60000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(want, soft), max(want, hard)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", metavar="BUILD", help="a build tree")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=2, help="of each load")
    parser.add_argument("--pairs", type=int, default=100000, help="idle ones, as far as open files allow")
    parser.add_argument("--only", default=",".join([*LOADS, *ONCE]), metavar="WHAT", help="some, with commas between")
    parser.add_argument("--relays", default="", metavar="RELAY", help="more of us by other relays, with commas between")
    options = parser.parse_args()
    RELAYS.extend(of_relay(relay) for relay in filter(None, options.relays.split(",")))
    only = options.only.split(",")
    if set(only) - {*LOADS, *ONCE}:
        parser.error(f"--only: some of {' '.join([*LOADS, *ONCE])}")
    enter()
    raise_files(options.pairs)
    directory = tempfile.mkdtemp(prefix="loadstar-l4.")
    try:
        bench_all(Bench(os.path.abspath(options.build), directory, options), only)
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
