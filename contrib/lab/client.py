# SPDX-License-Identifier: Apache-2.0
"""Clients of the lab: each asks its country's resolver for the name, goes by the answer for as long as its
TTL says, and fetches a page at a steady rhythm. A client has one request under way at most."""
import collections
import socket
import threading
import time

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from world import NAME

EVERY = 0.1     # s, between requests
TIMEOUT = 15    # s; more than any moment of a busy machine
ATTEMPTS = 3    # at the resolver, as a stub resolver does

# site: where it went; by: what answered, SITE/NAME; error: why nothing did, or None. Times of time.time().
Request = collections.namedtuple("Request", "client start end site by error")


class Unanswered(Exception):
    """There was an answer, and it was of no use."""


class Client(threading.Thread):
    """Runs until .end(). on_answer(client, address) is told of every answer of the resolver."""

    def __init__(self, name, country, source, site_of, on_answer):
        super().__init__(daemon=True)
        self.name, self.country, self.source = name, country, source
        self.site_of, self.on_answer = site_of, on_answer
        self.requests, self.ended = [], threading.Event()
        self._address, self._until = None, 0

    def end(self):
        self.ended.set()

    def run(self):
        with self.country.host:
            following = time.monotonic()
            while not self.ended.is_set():
                self.requests.append(self._request())
                following = max(following + EVERY, time.monotonic())
                self.ended.wait(following - time.monotonic())

    def _request(self):
        start, address, by, error = time.time(), None, None, None
        try:
            address = self._resolve()
            by = self._fetch(address)
        except (OSError, dns.exception.DNSException, Unanswered) as reason:
            error = str(reason) or type(reason).__name__
        return Request(self.name, start, time.time(), self.site_of(address), by, error)

    # The name

    def _resolve(self):
        """The address to go to: of an answer that has not run out."""
        if time.monotonic() < self._until:
            return self._address
        for attempt in range(ATTEMPTS):
            asked = time.monotonic()  # from here on, at the earliest, it lives
            try:
                rrset = self._ask()
            except (OSError, dns.exception.DNSException, Unanswered):
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(0.2)  # a resolver that has no route for a moment
                continue
            self._address, self._until = rrset[0].address, asked + rrset.ttl
            self.on_answer(self, self._address)
            return self._address

    def _ask(self):
        query = dns.message.make_query(NAME, "A")
        response = dns.query.udp(query, self.country.resolver, timeout=TIMEOUT / ATTEMPTS, source=self.source)
        for rrset in response.answer:
            if rrset.rdtype == dns.rdatatype.A:
                return rrset
        raise Unanswered(f"no answer from {self.country.resolver}: {response.rcode().name}")

    # The page

    def _fetch(self, address):
        """Who has answered."""
        with socket.create_connection((address, 80), TIMEOUT, (self.source, 0)) as s:
            s.sendall(f"GET / HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
            reply = b""
            while more := s.recv(65536):
                reply += more
        head, _, body = reply.partition(b"\r\n\r\n")
        status = head.split(b"\r\n")[0].decode(errors="replace").partition(" ")[2]
        if not status.startswith("200"):
            raise Unanswered(f"{address} says {status or 'nothing'}")
        return body.decode().strip()
