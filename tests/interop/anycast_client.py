# SPDX-License-Identifier: Apache-2.0
"""A client of anycast_lab.py that asks all the time, and what it lost."""
import collections
import selectors
import socket
import threading
import time

import dns.exception
import dns.message

from anycast_host import PATIENCE, find
import harness

Answer = collections.namedtuple("Answer", "sent where")  # where: the site, or None: lost


class Asker:
    """A client that asks `where.example.test TXT` again and again, as a loop of dig does, each time
    from another port; what has no answer after `timeout` is lost. A context: asks while in it."""

    def __init__(self, client, address="192.0.2.53", every=0.02, timeout=2.0):
        self.client, self.address, self.every, self.timeout = client, address, every, timeout
        self.answers, self._end, self._error = [], threading.Event(), None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()
        if self._error:
            raise self._error

    def _run(self):
        try:
            self._ask()
        except Exception as error:  # told by whoever waits for the thread
            self._error = error

    def _ask(self):
        selector = selectors.DefaultSelector()
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        pending, following = {}, time.monotonic()
        with self.client.host:
            while not self._end.is_set() or pending:
                now = time.monotonic()
                if now >= following and not self._end.is_set():
                    following = max(following + self.every, now)
                    self._send(family, pending, selector)
                for key, _ in selector.select(max(min(following - now, self.every), 0.001)):
                    self._receive(key.fileobj, pending, selector)
                for s in [s for s, (at, _) in pending.items() if at + self.timeout < now]:
                    self._done(s, pending, selector, None)
        selector.close()

    def _send(self, family, pending, selector):
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.setblocking(False)
        query = dns.message.make_query("where.example.test", "TXT")
        pending[s] = (time.monotonic(), (time.time(), query.id))
        selector.register(s, selectors.EVENT_READ)
        try:
            s.connect((self.address, 53))
            s.send(query.to_wire())
        except OSError:
            pass  # no route: it is lost, as time tells

    def _receive(self, s, pending, selector):
        try:
            response = dns.message.from_wire(s.recv(65535))
        except (OSError, dns.exception.DNSException):
            return  # an ICMP error; it stays lost
        if response.id == pending[s][1][1] and response.answer:
            self._done(s, pending, selector, response.answer[0][0].strings[0].decode())

    def _done(self, s, pending, selector, where):
        selector.unregister(s)
        self.answers.append(Answer(pending.pop(s)[1][0], where))
        s.close()

    # What came of it

    def lost(self):
        return [answer for answer in self.answers if answer.where is None]

    def outage(self):
        """The longest time, in s, from a lost query to the next one that was answered."""
        longest, since = 0, None
        for answer in sorted(self.answers):
            if answer.where is None:
                since = since or answer.sent
            elif since:
                longest, since = max(longest, answer.sent - since), None
        return max(longest, max(self.answers).sent - since if since else 0)

    def wait_where(self, site, timeout=PATIENCE):
        """Until queries that are sent from now on are answered by that site."""
        now = time.time()
        try:
            harness.wait_for(lambda: any(a.where == site and a.sent > now
                                         for a in self.answers[-50:]), timeout, step=0.02)
        except AssertionError:
            raise AssertionError(f"{site} does not answer after {timeout} s, but "
                                 f"{self.answers[-3:]}") from None


class Client:
    """A host behind the router."""

    def __init__(self, lab):
        self.host = lab.host("client", "wan", ["10.98.0.2/24", "fd98::2/64"])
        lab.wire(self.host, "s0", ["10.98.0.1/24", "fd98::1/64"], "10.98.0.1", "fd98::1")

    def asker(self, *args, **kw):
        return Asker(self, *args, **kw)

    def dig(self, *words):
        """What a real dig prints."""
        return self.host.run(find("dig"), "+short", "+tries=1", "+time=5", *words).strip()
