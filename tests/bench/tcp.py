#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What TCP costs, and what it does to UDP on the same core. Prints figures, judges nothing.

    tcp.py [-n CONNECTIONS] [-s SECONDS] [-r RATE] [PART...]

Parts: memory (of idle connections), udp (a paced UDP probe beside nothing, idle connections, and
floods of connections and queries on TCP), pipeline (CPU a pipelined query, out of 10,000 names and
out of 1,000,000). Wants root (limits of open files, a real-time probe) and two cores: the server
with one worker is on core 0, the load on core 1. Run it with LOADSTARD and BUILD set."""
import argparse
import json
import os
import random
import resource
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import harness  # noqa: E402

args = argparse.ArgumentParser()
args.add_argument("-n", type=int, default=50000, help="idle connections, over all servers")
args.add_argument("-m", type=int, default=1, help="servers that share them, when limits of open "
                                                  "files allow one no more")
args.add_argument("-s", type=int, default=3, help="seconds a measurement")
args.add_argument("-r", type=int, default=10000, help="queries a second of the probe")
args.add_argument("parts", nargs="*", default=["memory", "udp", "pipeline"])
opt = args.parse_args()

LOAD = harness.built("tests/bench/stream_load")
SPARE = 500  # for what else is open
each = -(-opt.n // opt.m)
SERVER = f"tcp: {{max_connections: {opt.n * 2}, max_per_client: {opt.n * 2}, idle_timeout: 1h}}"


def start(names):
    lines = ["@ 300 SOA ns1 h 1 3600 900 604800 300", "@ 300 NS ns1", "ns1 300 A 192.0.2.53"]
    lines += [f"h{i:07} 300 A 10.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(names)]
    d = harness.Daemon(zones={"big.test.zone": "\n".join(lines) + "\n"}, server=SERVER, workers=1,
                       wrap=["taskset", "-c", "0"])
    return d.start(timeout=120)


def thread(d, name):
    """The directory in /proc of the thread NAME/0."""
    tasks = f"/proc/{d.process.pid}/task"
    for tid in os.listdir(tasks):
        with open(f"{tasks}/{tid}/comm") as file:
            if file.read().strip() == f"{name}/0":
                return f"{tasks}/{tid}"
    raise RuntimeError(f"no thread {name}/0")


def cpu(task):
    """User and system seconds; seconds that it ran, and that it was ready and had to wait."""
    with open(f"{task}/stat") as file:
        user, system = file.read().rsplit(")", 1)[1].split()[11:13]
    with open(f"{task}/schedstat") as file:
        ran, waited = file.read().split()[:2]
    return [int(user) / 100, int(system) / 100, int(ran) / 1e9, int(waited) / 1e9]


def spent(task, before):
    return [b - a for a, b in zip(before, cpu(task))]


def load(*words, rt=False):
    command = ["taskset", "-c", "1"] + (["chrt", "-f", "50"] if rt else [])
    return subprocess.Popen(command + [LOAD, *map(str, words)], stdout=subprocess.PIPE, text=True)


def result(child):
    out, _ = child.communicate(timeout=600)
    return json.loads(out)


def kernel_kb():
    """What the kernel has for sockets and their like."""
    with open("/proc/meminfo") as file:
        lines = dict(line.split(":") for line in file)
    return int(lines["Slab"].split()[0])


def rss_kb(d):
    with open(f"/proc/{d.process.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def open_connections(d, n):
    """n connections from 250 addresses."""
    out = []
    for i in range(n):
        s = socket.socket()
        s.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        s.bind((f"127.1.1.{1 + i % 250}", 0))
        s.connect((d.address, d.port))
        out.append(s)
    return out


def ask(s, names):
    wire = harness.dns.message.make_query(f"h{random.randrange(names):07}.big.test", "A").to_wire()
    s.sendall(struct.pack("!H", len(wire)) + wire)
    return harness.dns.message.from_wire(harness.read_framed(s)).rcode() == 0


def memory():
    d = start(1000)
    ask(socket.create_connection((d.address, d.port)), 1000)
    before, slab = rss_kb(d), kernel_kb()
    conns = open_connections(d, each)
    harness.wait_for(lambda: ask(conns[-1], 1000), 5)
    print(f"{each} idle connections: {(rss_kb(d) - before) * 1024 / each:.0f} bytes each of the "
          f"server; {(kernel_kb() - slab) * 1024 / each:.0f} of the kernel's slabs, for both ends")
    sample = random.sample(conns, 500)
    good = sum(ask(s, 1000) for s in sample)
    print(f"of {len(sample)} of them {good} answer", flush=True)
    for s in conns:
        s.close()
    d.close()


def probe(d, what, *flood):
    task, tcp = thread(d, "udp"), thread(d, "tcp")
    other = load(flood[0], d.port, opt.s + 1, *flood[1:]) if flood else None
    time.sleep(0.5)
    before, before_tcp = cpu(task), cpu(tcp)
    r = result(load("probe", d.port, opt.s, opt.r, 10000, rt=True))
    _, _, ran, waited = spent(task, before)
    ran_tcp = spent(tcp, before_tcp)[2]
    n = r["sent"]
    more = ""
    if other:
        o = result(other)
        more = f"; TCP: {o['opened'] / o['seconds']:.0f} conn/s, {o['answered'] / o['seconds']:.0f} q/s"
    print(f"{what:24} lost {r['lost']:4} of {n}, p50 {r['p50_us']:6.1f} p99 {r['p99_us']:7.1f} "
          f"p99.9 {r['p999_us']:7.1f} max {r['max_us']:7.0f} us; UDP thread: ran "
          f"{ran * 1e6 / n:5.2f} us/q, waited {waited * 1e6 / n:6.2f} us/q; "
          f"TCP thread ran {100 * ran_tcp / opt.s:.0f} %{more}", flush=True)


def udp():
    d = start(10000)
    floods = [("beside nothing",), ("connect flood", "connect", 256),
              ("connect, query, close", "churn", 256), ("pipelined queries", "pipeline", 64, 64)]
    for what, *flood in floods:
        if flood and flood[0] == "pipeline":
            flood.append(10000)
        probe(d, what, *flood)
    idle(d)
    d.close()


def idle(d):
    servers = [d] + [start(1000) for _ in range(opt.m - 1)]
    holders = [subprocess.Popen(["taskset", "-c", "1", sys.executable, __file__, "-n", str(each),
                                 "hold", str(x.port)], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True) for x in servers]
    probe(d, "while they open")
    n = sum(int(h.stdout.readline()) for h in holders)
    probe(d, f"beside {n} idle, {opt.m} srv")
    for h in holders:
        h.communicate()
    for x in servers[1:]:
        x.close()


def hold(port):
    """Opens connections, says so, and holds them until stdin ends."""
    conns = open_connections(argparse.Namespace(address="127.0.0.1", port=port), each)
    print(len(conns), flush=True)
    sys.stdin.read()


def pipeline():
    for names in (10000, 1000000):
        d = start(names)
        task = thread(d, "tcp")
        result(load("pipeline", d.port, 1, 8, 64, names))
        before = cpu(task)
        r = result(load("pipeline", d.port, opt.s, 8, 64, names))
        user, system, *_ = spent(task, before)
        print(f"pipelined, {names} names: {user * 1e9 / r['answered']:.0f} ns user, "
              f"{system * 1e9 / r['answered']:.0f} ns system a query; {r['wrong']} wrong of "
              f"{r['answered']}", flush=True)
        d.close()


limit = max(resource.getrlimit(resource.RLIMIT_NOFILE)[1], each + SPARE)
try:
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
except (ValueError, PermissionError):
    sys.exit(f"the limit of open files is {resource.getrlimit(resource.RLIMIT_NOFILE)[1]}: less "
             f"than {each} and {SPARE}; take fewer connections (-n) or more servers (-m)")
if opt.parts[0] == "hold":
    hold(int(opt.parts[1]))
else:
    for part in opt.parts:
        {"memory": memory, "udp": udp, "pipeline": pipeline}[part]()
