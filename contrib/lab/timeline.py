# SPDX-License-Identifier: Apache-2.0
"""One timeline of what all parts of the lab say: the nodes' event logs and tiers, the router's log, the clients.
Lines come from threads, late and out of order, so each is kept for a moment before it is printed."""
import datetime
import subprocess
import threading
import time

from world import PREFIX, shows

KEEP = 1.0      # s, that a line waits for earlier ones, and for another node that says the same
LOOK = 0.2      # s, between looks at each part
WIDTH = 100


def when(text):
    """Seconds since the epoch of a time in documents of loadstarctl."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Line:
    """What has happened to one thing or several, as one place or several see it."""

    def __init__(self, at, source, where, subject, text):
        self.at, self.source, self.text = at, source, text
        self.seen = [(subject, where)]

    def takes(self, at, source, where, subject, text):
        """Whether that is the same, of another thing or from another place."""
        return (source, text) == (self.source, self.text) and (subject, where) not in self.seen and \
            abs(at - self.at) < KEEP and (subject in self.subjects() or where in self.places())

    def subjects(self):
        return list(dict.fromkeys(subject for subject, _ in self.seen))

    def places(self):
        return sorted({where for _, where in self.seen})

    def shown(self, zero):
        subjects = ", ".join(filter(None, self.subjects()))
        line = (f"{self.at - zero:8.2f}  {self.source:6}  {' '.join(self.places()):7}  "
                f"{subjects}{': ' if subjects else ''}{self.text}")
        return line if len(line) <= WIDTH else line[:WIDTH - 3] + "..."


class Timeline:
    """add() from any thread; lines are printed in the order of their times."""

    def __init__(self):
        self.zero, self.lock, self.pending, self.printed = time.time(), threading.Lock(), [], {}

    def add(self, at, source, where, text, subject="", echo=False):
        """What two places say at about the same time is one line with both; what one of them says only some
        seconds later is left out when it is an `echo`: both nodes check everything."""
        with self.lock:
            for line in self.pending:
                if line.takes(at, source, where, subject, text):
                    line.seen.append((subject, where))
                    return
            last, places = self.printed.get((source, subject, text), (0, ()))
            if not (echo and where not in places and abs(at - last) < 5 * KEEP):
                self.pending.append(Line(at, source, where, subject, text))

    def flush(self, until=None):
        """Prints what is older than `until`, by default all."""
        with self.lock:
            self.pending.sort(key=lambda line: line.at)
            while self.pending and (until is None or self.pending[0].at < until):
                line = self.pending.pop(0)
                for subject in line.subjects():
                    self.printed[line.source, subject, line.text] = (line.at, line.places())
                print(line.shown(self.zero), flush=True)

    def settle(self):
        """Until all that has happened so far is printed."""
        time.sleep(KEEP)
        self.flush()

    def heading(self, text):
        """Behind all lines so far."""
        self.flush()
        print(f"\n-- {text} " + "-" * max(0, WIDTH - 4 - len(text)) + "\n", flush=True)


class Follower(threading.Thread):
    """Calls look() again and again until .end()."""

    def __init__(self, look):
        super().__init__(daemon=True)
        self.look, self.ended = look, threading.Event()

    def run(self):
        while not self.ended.wait(LOOK):
            try:
                self.look()
            except (OSError, subprocess.TimeoutExpired):
                pass  # what it looks at is dead for now

    def end(self):
        self.ended.set()
        if self.is_alive():
            self.join()


class Node:
    """The events of a node, and what becomes of the members of its tier."""

    # What comes later and says no more, and what others tell: the operator's lines, the router's log.
    LEFT_OUT = ("pool ", "site ", "speaker ", "tier ")

    def __init__(self, timeline, node):
        self.timeline, self.node, self.members = timeline, node, {}
        self.last = node.show("events")["last"]

    def look(self):
        for event in (self.node.show("events", "--after", str(self.last)) or {"events": ()})["events"]:
            self.last = max(self.last, event["id"])
            self._event(event)
        shown = self.node.show("tiers", "edge")
        if shown:
            self._tier(shown["tiers"][0])

    def _event(self, event):
        target, change = event["target"], f"{event['from']} -> {event['to']}"
        if target.startswith(self.LEFT_OUT) or event["to"] in ("order", "present", "absent") or \
                event["from"] == event["to"]:
            return
        text = f"{change}: {event['reason']}" if event["from"] else event["reason"]
        at, name = when(event["at"]), self.node.name
        self.timeline.add(at, "check" if "/" in target else "node", name, text, target, echo=True)
        if event.get("effect", "").startswith("www"):
            self.timeline.add(at, "DNS", name, event["effect"], echo=True)

    def _tier(self, tier):
        at = when(tier["last_change"]) if "last_change" in tier else time.time()
        for member in tier["members"]:
            name, seen = member["key"], shows(member)
            phase = member["drain"]["phase"] if member.get("drain") else None
            before = self.members.get(name)
            self.members[name] = (seen, phase)
            if before and before[0] != seen:
                self._member(at if time.time() - at < 2 else time.time(), name, f"{before[0]} -> {seen}")
            if before and phase and before[1] != phase:
                self._member(time.time(), name, f"drain, phase {phase}")

    def _member(self, at, name, text):
        self.timeline.add(at, "tier", self.node.name, f"{text} ({self.node.kind})", name)


class Router:
    """What the router is told of the anycast address, and where it sends queries."""

    def __init__(self, timeline, world):
        self.timeline, self.world, self.router = timeline, world, world.router
        self.mark, self.best, self.told = self.router.mark(), world.best(), {}

    def look(self):
        mark = self.router.mark()
        for update in self.router.updates(self.mark, PREFIX):
            if update.what == "removed":
                text = "withdrawn"
            else:
                text = self._describe(self.router.route(PREFIX, update.site))
            if self.told.get(update.site) != text:  # a few ms ago it may have been otherwise: unsaid
                self.timeline.add(update.at, "BGP", update.site, f"{PREFIX} {text}")
            self.told[update.site] = text
        self.mark = mark
        best = self.world.best()
        if best != self.best:
            self.best = best
            self.timeline.add(time.time(), "BGP", "router", f"queries to {PREFIX} now go to {best or 'nobody'}")

    @staticmethod
    def _describe(route):
        if route is None:
            return "announced, and gone since"
        if (65535, 0) in route.communities:
            return "announced with GRACEFUL_SHUTDOWN"
        return f"announced, path {' '.join(str(n) for n in route.path)}"


def followers(timeline, world, crowd):
    looks = [*(Node(timeline, node).look for node in world.nodes.values()), Router(timeline, world).look,
             crowd.look, lambda: timeline.flush(time.time() - KEEP)]
    return [Follower(look) for look in looks]
