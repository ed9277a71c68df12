# SPDX-License-Identifier: Apache-2.0
"""The router of anycast_lab.py: a BIRD, its table, and its log."""
import collections
import datetime
import os
import re
import socket

from anycast_host import HOLD, PATIENCE, SITE_AS, UPSTREAM_AS, find
import harness

ROUTER_CONF = """
log "{dir}/router.log" all;
timeformat log iso long us;
router id 10.98.0.1;
protocol device {{ scan time 2; }}
protocol kernel k4 {{ ipv4 {{ import none; export where source = RTS_BGP; }}; }}
protocol kernel k6 {{ ipv6 {{ import none; export where source = RTS_BGP; }}; }}
filter from_site {{
  if (65535, 0) ~ bgp_community then bgp_local_pref = 0;   # RFC 8326
  accept;
}}
template bgp site4 {{
  local as {upstream};
  debug {{ routes, states }};
  hold time {hold}; connect retry time 1; error wait time 1, 2; connect delay time 1;
  graceful restart off;   # routes of a speaker that has died go at once
  {more}
  ipv4 {{ import filter from_site; export none; }};
}}
template bgp site6 {{
  local as {upstream};
  debug {{ routes, states }};
  hold time {hold}; connect retry time 1; error wait time 1, 2; connect delay time 1;
  graceful restart off;   # routes of a speaker that has died go at once
  {more}
  ipv6 {{ import filter from_site; export none; }};
}}
"""

ROUTER_SITE = """
protocol bgp {name}_4 from site4 {{ neighbor 10.98.{n}.2 as {site_as}; passive {passive}; }}
protocol bgp {name}_6 from site6 {{ neighbor fd98:{n}::2 as {site_as}; passive {passive}; }}
"""

Route = collections.namedtuple("Route", "site best local_pref path med communities large next_hop")
# what: "added" (or replaced), "removed", or what the router has not made use of: "ignored",
# "filtered out"
Update = collections.namedtuple("Update", "at site what prefix")


class Bird:
    """Questions to a BIRD over its control socket."""

    def __init__(self, path):
        self.path = path

    def ask(self, command, timeout=20):
        """The lines of the answer, without their codes."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(timeout)
            harness.wait_for(lambda: self._connects(s), timeout)
            file = s.makefile("r", errors="replace")
            self._answer(file)
            s.sendall(command.encode() + b"\n")
            return self._answer(file)

    def _connects(self, s):
        try:
            s.connect(self.path)
            return True
        except BlockingIOError:
            return False  # others are waiting, as many as may

    @staticmethod
    def _answer(file):
        lines = []
        for line in file:
            if re.match(r"\d{4}[ -]", line):
                lines.append(line[5:].rstrip("\n"))
                if line[4] == " ":
                    return lines
            else:
                lines.append(line[1:].rstrip("\n"))
        raise ConnectionError("BIRD has closed its control socket")

    def answers(self):
        try:
            return bool(self.ask("show status"))
        except OSError:
            return False


class Router:
    """The upstream: what it has heard from whom, and when."""

    LINE = re.compile(r"^(\S+ \S+) <TRACE> (\w+)_[46]\.ipv[46] > "
                      r"(added|updated|removed|filtered out|ignored)\b.*?(\S+/\d+)")

    def __init__(self, lab, hold=HOLD, more=""):
        self.lab, self.hold, self.more = lab, hold, more
        self.host = lab.host("router", None, [])
        for family in ("ipv4.ip_forward", "ipv6.conf.all.forwarding"):
            self.host.run("sysctl", "-qw", f"net.{family}=1")
        self.log_path = os.path.join(lab.dir, "router.log")
        self.conf = os.path.join(lab.dir, "router.conf")
        self.bird = Bird(os.path.join(lab.dir, "router.ctl"))
        self._write()
        open(self.log_path, "w").close()
        self.process = lab.process([find("bird"), "-f", "-c", self.conf, "-s", self.bird.path],
                                   "router.out", self.host).start()
        harness.wait_for(self.bird.answers, PATIENCE)

    def _write(self):
        with open(self.conf, "w") as file:
            file.write(ROUTER_CONF.format(dir=self.lab.dir, upstream=UPSTREAM_AS, hold=self.hold,
                                          more=self.more))
            for site in self.lab.sites.values():
                file.write(ROUTER_SITE.format(name=site.name, n=site.n, site_as=SITE_AS,
                                              passive="off" if site.speaker.listens else "on"))

    def reconfigure(self):
        self._write()
        self.bird.ask("configure")

    # Its table

    def routes(self, only=""):
        """{prefix: {site: Route}}"""
        table, prefix, route = {}, None, None
        for line in self.bird.ask(f"show route {only} all"):
            head = re.match(r"(\S+/\d+)?\s+\w+ \[(\w+)_[46] [^\]]*\](\s\*)?", line)
            if head:
                prefix = head[1] or prefix
                route = {"site": head[2], "best": bool(head[3]), "local_pref": 100, "path": [],
                         "med": None, "communities": set(), "large": set(), "next_hop": None}
                table.setdefault(prefix, {})[head[2]] = route
            elif route is not None:
                self._attribute(route, line.strip())
        return {prefix: {site: Route(**route) for site, route in routes.items()}
                for prefix, routes in table.items()}

    @staticmethod
    def _attribute(route, line):
        name, _, value = line.partition(": ")
        if name == "BGP.as_path":
            route["path"] = [int(word) for word in value.split()]
        elif name == "BGP.med":
            route["med"] = int(value)
        elif name == "BGP.local_pref":
            route["local_pref"] = int(value)
        elif name == "BGP.next_hop":
            route["next_hop"] = value.split()[0]
        elif name in ("BGP.community", "BGP.large_community"):
            key = "communities" if name == "BGP.community" else "large"
            route[key] = {tuple(int(n) for n in word.split(","))
                          for word in re.findall(r"\(([\d, ]+)\)", value)}

    def route(self, prefix, site=None):
        """The route of a site (by default: of any) to the prefix, or None."""
        routes = self.routes(prefix).get(prefix, {})
        return routes.get(site) if site else next(iter(routes.values()), None)

    def wait_route(self, prefix, site=None, timeout=PATIENCE, **attributes):
        """Waits for a route with these attributes (fields of Route); returns it."""
        last = [None]

        def has():
            last[0] = self.route(prefix, site)
            return last[0] and all(getattr(last[0], key) == value
                                   for key, value in attributes.items()) and last[0]
        try:
            return harness.wait_for(has, timeout, step=0.05)
        except AssertionError:
            raise AssertionError(f"upstream has no {prefix} from {site or 'anyone'} with "
                                 f"{attributes} after {timeout} s, but {last[0]}") from None

    def wait_gone(self, prefix, site=None, timeout=PATIENCE):
        try:
            harness.wait_for(lambda: self.route(prefix, site) is None, timeout, step=0.05)
        except AssertionError:
            raise AssertionError(f"upstream still has {prefix} of {site or 'someone'} after "
                                 f"{timeout} s: {self.route(prefix, site)}") from None

    def wait_sessions(self, site, timeout=PATIENCE):
        """Until both sessions of a site are up."""
        def up():
            lines = [line.split() for line in self.bird.ask("show protocols")]
            return sum(1 for words in lines
                       if words and words[0] in (site + "_4", site + "_6") and words[-1] == "Established") == 2
        harness.wait_for(up, timeout, step=0.05)

    # Its log

    def mark(self):
        return os.path.getsize(self.log_path)

    def updates(self, mark=0, prefix=None, site=None):
        """What it was told of routes since then."""
        with open(self.log_path, errors="replace") as file:
            file.seek(mark)
            lines = file.read().splitlines()
        found = []
        for line in lines:
            match = self.LINE.match(line)
            if match and (prefix in (None, match[4])) and (site in (None, match[2])):
                at = datetime.datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S.%f").timestamp()
                what = match[3].replace("updated", "added")  # by the version of BIRD
                found.append(Update(at, match[2], what, match[4]))
        return found

    def wait_update(self, mark, what, prefix, site=None, timeout=PATIENCE):
        """Waits for such an update in the log; returns it, with its time."""
        def there():
            return [u for u in self.updates(mark, prefix, site) if u.what == what]
        try:
            return harness.wait_for(there, timeout, step=0.05)[0]
        except AssertionError:
            raise AssertionError(f"no '{what} {prefix}' upstream after {timeout} s, but "
                                 f"{self.updates(mark)[:20]}") from None
