#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How soon a router hears of a decision, and of a death, for each BGP speaker.

    anycast.py [options] BUILD

One site with a real speaker and a router, in network namespaces (wants root); one speaker at a time. Times end when
the route is added to, replaced in or removed from the router's table, by its log:

  withdraw  from the state `down`, by an order
  drain     from the state `draining`, by an order: a replacement
  announce  from the state `announced`, after `rise`
  kill -9   from the signal to loadstard
  SIGSTOP   from the signal to loadstard; the guard waits for 2 s, of which up to 0.2 s had passed
  200       prefixes in 20 sets: from the first of these states to the last route

Each is done --repeat times, for an IPv4 and an IPv6 prefix; the later of the two counts. A route that is still there
after --patience seconds, or a replacement with a withdrawal in it, fails. All else is figures only.
"""
import argparse
import datetime
import os
import signal
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import anycast_lab  # noqa: E402
import harness  # noqa: E402

PREFIXES = ["192.0.2.53/32", "2001:db8::53/128"]
ONE = f"anycast:\n  dns: {{prefixes: [{PREFIXES[0]}, \"{PREFIXES[1]}\"], speaker: local, rise: 100ms, drain_time: 1s}}\n"
N_SETS, EACH = 20, 10


def many():
    text = "anycast:\n"
    for n in range(1, N_SETS + 1):
        listed = [f"198.18.{n}.{i}/32" for i in range(1, EACH // 2 + 1)]
        listed += [f'"2001:db8:{n:x}::{i}/128"' for i in range(1, EACH // 2 + 1)]
        text += f"  s{n}: {{prefixes: [{', '.join(listed)}], speaker: local, rise: 1s, drain_time: 1s}}\n"
    return text


class Bench:

    def __init__(self, lab, kind, options, **kw):
        self.router, self.o = lab.router, options
        self.site = lab.site(kind if not kw else kind + "z", kind, **kw)
        self.figures = {}

    def note(self, what, seconds):
        self.figures.setdefault(what, []).append(seconds)

    def wait(self, mark, what):
        return max(self.router.wait_update(mark, what, p, self.site.name, timeout=self.o.patience).at
                   for p in PREFIXES)

    def since(self, *states):
        return self.site.wait_view("dns", state=states)["since"]

    def order(self, word, what, state, figure):
        mark = self.router.mark()
        self.site.d.ctl("set", "anycast:dns", word)
        at = self.wait(mark, what)
        self.note(figure, at - seconds_of(self.since(state)))

    def cycle(self):
        self.order("withdraw", "removed", "down", "withdraw")
        self.order("auto", "added", "announced", "announce")
        mark = self.router.mark()
        self.order("drain", "added", "draining", "drain")
        for p in PREFIXES:
            if [u.what for u in self.router.updates(mark, p)] == ["removed", "added"]:
                raise AssertionError("a replacement was a withdrawal")
        self.wait(mark, "removed")
        mark = self.router.mark()
        self.site.d.ctl("set", "anycast:dns", "auto")
        self.wait(mark, "added")

    def present(self):
        for p in PREFIXES:
            self.router.wait_route(p, self.site.name, timeout=self.o.patience)

    def death(self):
        mark, at = self.router.mark(), time.time()
        self.site.d.process.kill()
        self.note("kill -9", self.wait(mark, "removed") - at)
        self.site.d.kill()
        self.site.d.start()
        self.present()

    def hang(self):
        mark, at = self.router.mark(), time.time()
        self.site.d.process.send_signal(signal.SIGSTOP)
        self.note("SIGSTOP", self.wait(mark, "removed") - at)
        self.site.d.process.send_signal(signal.SIGCONT)
        self.present()

    def big(self):
        self.site.d.stop(timeout=self.o.patience)
        self.site.sets(many())
        mark = self.router.mark()
        self.site.d.start()

        def told():
            return {u.prefix: u.at for u in self.router.updates(mark) if u.what == "added"}
        harness.wait_for(lambda: len(told()) == N_SETS * EACH, self.o.patience * 2, step=0.2)
        first = min(seconds_of(s["since"]) for s in self.site.d.ctl_json("anycast")["sets"])
        self.note("200", max(told().values()) - first)

    def run(self):
        self.site.start_speaker()
        self.site.loadstar(ONE, listen=["0.0.0.0:53", "[::]:53"]).start()
        self.present()
        for _ in range(self.o.repeat):
            self.cycle()
            self.death()  # forgets the withdrawals, so that holds stay short
            self.hang()
        self.big()
        for what, seconds in self.figures.items():
            seconds.sort()
            print(f"{self.site.name:8} {what:9} {len(seconds):4} "
                  + " ".join(f"{x * 1000:8.1f}" for x in (statistics.median(seconds), seconds[-1])), flush=True)


def seconds_of(since):
    """Of a time in a document, as time.time() has it."""
    return datetime.datetime.fromisoformat(since.replace("Z", "+00:00")).timestamp()


def one(kind, options, **kw):
    cleanups = []
    try:
        lab = anycast_lab.Lab(lambda f, *args, **kwargs: cleanups.append((f, args, kwargs)))
        Bench(lab, kind, options, **kw).run()
        return True
    except AssertionError as error:
        print(f"{kind}: {error}", flush=True)
        return False
    finally:
        for f, args, kwargs in reversed(cleanups):
            f(*args, **kwargs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", metavar="BUILD", help="a build tree")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--patience", type=float, default=60)
    parser.add_argument("--speakers", default="bird,exabgp,frr,frrz,gobgp", help="frrz: with zebra")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    os.environ.update(LOADSTARD=build + "/loadstard", LOADSTARCTL=build + "/loadstarctl", BUILD=build)
    print("speaker  what        of  median ms     max")
    kinds = [(k, {}) if k != "frrz" else ("frr", {"zebra": True}) for k in options.speakers.split(",")]
    sys.exit(0 if all([one(kind, options, **kw) for kind, kw in kinds]) else 1)


if __name__ == "__main__":
    main()
