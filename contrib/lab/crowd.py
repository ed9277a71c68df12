# SPDX-License-Identifier: Apache-2.0
"""All clients of the lab, what they tell the timeline, and what came of their requests by phase."""
import collections
import threading
import time

from client import Client

CLIENTS = 2     # of each country

# What is over by which time: a part that was killed at a site. What was under way to that site then may fail.
Death = collections.namedtuple("Death", "site begin end")


class Crowd:
    def __init__(self, world, timeline):
        self.world, self.timeline = world, timeline
        self.sites = {f"{node.prefix}.80": name for name, node in world.nodes.items()}
        self.deaths, self.phases, self.answers, self.told = [], [], {}, {}
        self.over = float("inf")
        self.lock = threading.Lock()
        self.clients = [Client(f"{name}{i}", country, f"{country.net}.{9 + i}", self.sites.get, self._answer)
                        for name, country in world.countries.items() for i in range(1, CLIENTS + 1)]

    def start(self):
        self.phase("0 all is well")
        for client in self.clients:
            client.start()

    def end(self):
        for client in self.clients:
            client.end()
        for client in self.clients:
            if client.is_alive():
                client.join()
        self.over = min(self.over, time.time())

    def _answer(self, client, address):
        with self.lock:
            before = self.answers.get(client.country.name)
            self.answers[client.country.name] = address
        if before != address:
            self.timeline.add(time.time(), "DNS", client.country.name,
                              f"its resolver says {address}: {self.sites.get(address)}")

    def died(self, site, begin):
        self.deaths.append(Death(site, begin, time.time()))

    def in_flight(self, request):
        """Whether a request was under way to what was killed."""
        return any(request.site == death.site and request.start <= death.end and request.end >= death.begin
                   for death in self.deaths)

    def look(self):
        """Tells of failures since the last time."""
        for client in self.clients:
            done = list(client.requests)
            for request in done[self.told.get(client.name, 0):]:
                if request.error:
                    kind = "in flight on the dead" if self.in_flight(request) else "ERROR"
                    self.timeline.add(request.end, "client", client.country.name,
                                      f"{kind}: {request.error}", f"{client.name} at {request.site}")
            self.told[client.name] = len(done)

    # Phases

    def phase(self, name):
        self.phases.append((time.time(), name))

    def going_on(self, requests=5):
        """A predicate: whether every client has made so many more requests since now."""
        want = {client: len(client.requests) + requests for client in self.clients}
        return lambda: all(len(client.requests) >= n for client, n in want.items())

    def all_at(self, site, *countries):
        """Whether the last request of every client of these countries (of all) was served there."""
        return all(client.requests and client.requests[-1].site == site and not client.requests[-1].error
                   for client in self.clients if not countries or client.country.name in countries)

    def summary(self):
        """Lines of a table, and the number of errors; after the end()."""
        requests = [r for client in self.clients for r in client.requests]
        lines = [f"{'phase':56}{'seconds':>8}{'requests':>10}{'in flight':>11}{'errors':>8}"]
        ends = [begin for begin, _ in self.phases[1:]] + [float("inf")]
        total = collections.Counter()
        for (begin, name), end in zip(self.phases, ends):
            these = [r for r in requests if begin <= r.end < end]
            failed = [r for r in these if r.error]
            counts = collections.Counter(seconds=min(end, self.over) - begin, requests=len(these),
                                         flight=sum(map(self.in_flight, failed)))
            counts["errors"] = len(failed) - counts["flight"]
            total.update(counts)
            lines.append(self._row(name, counts))
        return lines + [self._row("all", total)], total["errors"]

    @staticmethod
    def _row(name, counts):
        return (f"{name:56}{counts['seconds']:8.1f}{counts['requests']:10}{counts['flight']:11}"
                f"{counts['errors']:8}")
