#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What many services and members cost loadstar-l4, and many tiers of type l4 a loadstard that tells it some of them.

    l4_many.py [options] BUILD

By default 3,000 services of four members, the first 300 of which are told by a loadstard with as many tiers. Prints, in
seconds (of CPU: user and system of the whole process):

  forwarder alone   until ready; a reload with nothing changed, and with one service's members changed; `status`,
                    `services`, the metrics page; a change of one service's members that a client tells
  with loadstard    until all tiers are applied; CPU of both in --rest seconds in which nothing happens; CPU of both
                    for each `failed` and `sessions` event; memory

Figures only. Ports of 127.0.83.0/24, from 10000 on, have to be free.
"""
import argparse
import json
import os
import re
import socket
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
ZONE = """zone: bench.test
soa: {mname: ns1, rname: h, refresh: 1h, retry: 15m, expire: 2w, minimum: 60s}
records: {"@": {NS: [ns1]}, ns1: {A: 192.0.2.53}}
"""


def services(o, weight=1):
    told = {"pool": "web"}
    return {f"s{i}": {"listen": [f"127.0.83.{1 + i // 1000}:{10000 + i % 1000}"], "protocol": "tcp", "balance": o.balance,
                      "limits": {"connections": 1},
                      "members": told if i < o.tiers else
                      [{"address": f"10.{i >> 8}.{i & 255}.{k + 1}", "port": 80, "weight": weight if i == o.tiers else 1}
                       for k in range(o.members)]}
            for i in range(o.services)}


def cpu(daemon):
    with open(f"/proc/{daemon.process.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(daemon):
    with open(f"/proc/{daemon.process.pid}/status") as f:
        return int(re.search(r"VmRSS:\s*(\d+)", f.read())[1]) / 1024


def timed(text, daemon, fn):
    began, used = time.monotonic(), cpu(daemon)
    result = fn()
    print(f"  {text:34} {time.monotonic() - began:7.2f} s {cpu(daemon) - used:7.2f} s of CPU", flush=True)
    return result


def tell(control, service, version, weight, node=None):
    members = [{"key": f"web/ams/m{k}", "address": f"127.0.84.{k + 1}", "port": 9, "weight": weight, "state": "up"}
               for k in range(4)]
    reply = control.ask(command="members", service=service, version=version, members=members,
                        **({"node": node} if node else {}))
    assert reply["ok"], reply
    return reply


def alone(o, f):
    f.start(timeout=300, ready=False)
    c = l4_world.harness.wait_for(lambda: try_control(f), 300)
    began = time.monotonic()
    for i in range(o.tiers):
        tell(c, f"s{i}", 1, 1)
    print(f"  {'told':34} {time.monotonic() - began:7.2f} s")
    f._wait_ready(300)
    log = re.search(r"ready after (\d+) ms", f.log())
    print(f"  {'ready':34} {int(log[1]) / 1000:7.2f} s {cpu(f):7.2f} s of CPU, {memory(f):.0f} MB", flush=True)
    reload_ = lambda: f.request(command="reload")["ok"] or sys.exit("not reloaded")
    timed("reload, nothing changed", f, reload_)
    f.configure(services(o, weight=2))
    timed("reload, one service changed", f, reload_)
    timed("status", f, lambda: f.request(command="status"))
    timed("services", f, lambda: f.request(command="services"))
    timed("members", f, lambda: f.request(command="members"))
    timed("metrics", f, f.metrics)
    one_by_one = lambda: [(tell(c, "s0", 2 + i, 1 + i % 2), c.ask(command="members", service="s0")) for i in range(50)]
    timed("50 changes of one, each read back", f, one_by_one)
    timed("rest, 10 s", f, lambda: time.sleep(10))
    print(f"  {'memory':34} {memory(f):7.0f} MB")
    c.close()


def try_control(f):
    assert f.process.poll() is None, f.log()
    try:
        return f.control()
    except OSError:
        return None


def tiers(o, f):
    pools = ("sites:\n  ams: {location: [52.31, 4.76]}\npools:\n  web:\n    ttl: 1s\n    sites:\n      ams: [" +
             ", ".join(f"{{name: m{k}, address: 127.0.84.{k + 1}, port: 9}}" for k in range(4)) + "]\n")
    more = f", interval: {o.interval}"
    text = "tiers:\n" + "".join(f"  t{i}: {{type: l4, pool: web, socket: {f.socket}, service: s{i}{more}}}\n"
                                for i in range(o.tiers))
    d = harness.Daemon(zones={"bench.test.yaml": ZONE}, pools=pools, main="tiers: tiers.yaml\n", http=False,
                       files={"tiers.yaml": text})
    try:
        f0, began = cpu(f), time.monotonic()
        d.start(timeout=300)
        states = lambda: [t["state"] for t in d.ctl_json("tiers")["tiers"]]
        try:
            harness.wait_for(lambda: states().count("ok") == o.tiers, o.patience, step=0.5)
        except AssertionError:
            pass
        s = states()
        print(f"  {'tiers ok':34} {time.monotonic() - began:7.2f} s {cpu(f) - f0:7.2f} s of CPU; loadstard {cpu(d):.2f} s; "
              f"{s.count('ok')} of {o.tiers} ok: { {x: s.count(x) for x in set(s)} }")
        if s.count("ok") < o.tiers and not o.go_on:
            return
        a, b, began = cpu(f), cpu(d), time.monotonic()
        time.sleep(o.rest)
        print(f"  {'rest, 10 s':34} forwarder {(cpu(f) - a) * 10 / o.rest:.3f} s, "
              f"loadstard {(cpu(d) - b) * 10 / o.rest:.3f} s of CPU")
        a, b = cpu(f), cpu(d)
        n = min(o.tiers, 100)
        for i in range(n): # of each the four members refuse
            try:
                with socket.create_connection((f"127.0.83.{1 + i // 1000}", 10000 + i % 1000), 30) as client:
                    client.recv(1)
            except OSError:
                pass
        time.sleep(3)
        print(f"  {'%d connections refused' % n:34} forwarder {cpu(f) - a:.2f} s, loadstard {cpu(d) - b:.2f} s of CPU")
        print(f"  {'memory':34} forwarder {memory(f):.0f} MB, loadstard {memory(d):.0f} MB")
    finally:
        d.close()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("build")
    p.add_argument("--services", type=int, default=3000)
    p.add_argument("--members", type=int, default=4)
    p.add_argument("--tiers", type=int, default=300)
    p.add_argument("--balance", default="round_robin")
    p.add_argument("--workers", type=int, default=1)
    p.add_argument("--interval", default="30s", help="of the tiers")
    p.add_argument("--rest", type=float, default=30)
    p.add_argument("--patience", type=float, default=60)
    p.add_argument("--go-on", action="store_true", help="also when not all tiers are ok")
    p.add_argument("--only", choices=["alone", "tiers"])
    o = p.parse_args()
    build = os.path.abspath(o.build)
    for variable, name in (("LOADSTARD", "loadstard"), ("LOADSTARCTL", "loadstarctl"), ("LOADSTAR_L4", "loadstar-l4")):
        os.environ[variable] = os.path.join(build, name)
    for part in [o.only] if o.only else ["alone", "tiers"]:
        f = l4_world.Forwarder(services(o), workers=o.workers)
        print(part)
        try:
            if part == "alone":
                alone(o, f)
            else:
                f.start(timeout=300)
                tiers(o, f)
        finally:
            f.close()


import harness # noqa: E402
import l4_world # noqa: E402
if __name__ == "__main__":
    main()
