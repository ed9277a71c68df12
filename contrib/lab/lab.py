# SPDX-License-Identifier: Apache-2.0
"""contrib/lab.sh: `lab.py up` builds the lab and shows what happens in it until it is interrupted, `lab.py story`
plays a story there. Exit status: 0, 1 when a client met an error or a step did not come about."""
import contextlib
import os
import signal
import sys
import tempfile
import time
import unittest

import janitor
from story import Story
from timeline import Timeline, followers
from crowd import Crowd
from world import COUNTRIES, HERE, SITES, World, harness

HOW_TO_LOOK = """
Loadstar's lab is up: its files are in {dir}. In a second terminal, as root:

  # What clients in Germany, the United States, Japan get from their resolvers
  ip netns exec {stem}-de dig +short @10.49.0.53 www.example.test
  ip netns exec {stem}-us dig +short @10.1.0.53 www.example.test
  ip netns exec {stem}-jp dig +short @10.81.0.53 www.example.test

  # Why, what the checker, the tiers and BGP have, and what the router has of it
  {ctl} -s {dir}/ams/control.sock explain www.example.test --client 10.49.0.53
  {ctl} -s {dir}/ams/control.sock endpoints
  {ctl} -s {dir}/ams/control.sock tiers edge
  {ctl} -s {dir}/ams/l4.sock members
  {ctl} -s {dir}/iad/control.sock tiers edge
  {ctl} -s {dir}/ams/control.sock anycast dns
  birdc -s {dir}/router.ctl show route all

  # Drain ams, at both nodes, and take it back
  {ctl} -s {dir}/iad/control.sock set ams drain
  {ctl} -s {dir}/ams/control.sock set ams drain --wait
  {ctl} -s {dir}/iad/control.sock set ams auto
  {ctl} -s {dir}/ams/control.sock set ams auto

  # Kill a back end, and start it again
  kill -9 {web1}
  ip netns exec {stem}-ams {python} {backend} 10.98.1.11 8080 ams/web1 >/dev/null 2>&1 &

{clients} clients fetch ten pages a second each. What happens is told here; Ctrl-C takes all away.
"""


TIERS = {"haproxy": "HAProxy", "l4": "loadstar-l4"}


@contextlib.contextmanager
def lab(stem, dir):
    """The world, a timeline of it, and clients in it."""
    with contextlib.ExitStack() as stack:
        world = World(stack.callback, stem, dir)
        stack.callback(janitor.end_all, stem)
        world.start()
        timeline = Timeline()
        stack.callback(timeline.flush)
        crowd = Crowd(world, timeline)
        for follower in followers(timeline, world, crowd):
            stack.callback(follower.end)
            follower.start()
        stack.callback(crowd.end)
        crowd.start()
        harness.wait_for(crowd.going_on(), 60, 0.1)
        yield world, timeline, crowd


def introduce():
    tiers = ", ".join(f"{site} with {TIERS[kind]}" for site, kind in SITES.items())
    print(f"Two sites behind one router: {tiers}; clients in {', '.join(COUNTRIES)}.", flush=True)
    print("IPVS is left out: tests/interop/test_ipvs_guest.py has it, with a kernel of its own.", flush=True)


def up(world, timeline, crowd):
    print(HOW_TO_LOOK.format(
        dir=world.dir, stem=world.stem, ctl=os.path.relpath(harness.program("LOADSTARCTL", "loadstarctl")),
        web1=world.nodes["ams"].backends["web1"].pid, python=sys.executable,
        backend=os.path.relpath(os.path.join(HERE, "backend.py")), clients=len(crowd.clients)), flush=True)
    while True:
        time.sleep(0.2)  # not signal.pause(): a signal that another thread was given does not wake this one


def story(world, timeline, crowd):
    Story(world, timeline, crowd).play()
    crowd.end()
    timeline.settle()
    lines, errors = crowd.summary()
    print("\n" + "\n".join(lines))
    print(f"\n{errors or 'No'} errors" + ("" if errors else ", but for what was in flight on the dead") + ".")
    return 1 if errors else 0


def interrupted(number, _):
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    sys.exit(128 + number)


def keep(dir, reason):
    """What is to be known of a failure stays."""
    open(os.path.join(dir, janitor.KEEP), "w").close()
    print(f"lab: {reason}\nlab: its files are left in {dir}", file=sys.stderr, flush=True)
    return 1


def main(play):
    stem, dir = f"lab{os.getpid()}", tempfile.mkdtemp(prefix=f"lab-{os.getpid()}-")
    os.chmod(dir, 0o755)
    pipe, pid = janitor.start(stem, dir)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        introduce()
        with lab(stem, dir) as parts:
            code = play(*parts)
        return keep(dir, "clients met errors") if code else 0
    except unittest.SkipTest as reason:  # something is not installed
        print(f"lab: {reason}", file=sys.stderr)
        return 1
    except AssertionError as reason:
        return keep(dir, reason)
    finally:
        os.close(pipe)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    sys.exit(main({"up": up, "story": story}[sys.argv[1]]))
