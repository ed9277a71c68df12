# SPDX-License-Identifier: Apache-2.0
"""Wrong configurations, each one slip away from a good one: what `loadstard --check` says of them is
in expected.txt. m(name, file, text, other) replaces the first `text` of a file, sh(name, command)
runs a shell command in the directory. The numbers follow from the order: new ones go to the end."""
import collections

Case = collections.namedtuple("Case", "id name edit")
GOOD = {}
GOOD["loadstar.yaml"] = """\
# main
server:
  listen: ["127.0.0.1:5399"]
  identity: ams1
  state_dir: state
  panic: {share: 80%, probes: 8}
control: control.sock
http:
  listen: "127.0.0.1:8099"
  token_file: api.token
geo:
  databases: [geoip/country.mmdb]
  networks: networks.yaml
ecs: {enabled: true}
pools: pools.yaml
zones: zones/
"""
GOOD["networks.yaml"] = """\
10.0.0.0/8: {site: ams}
192.0.2.0/24: {country: NO}
"""
GOOD["pools.yaml"] = """\
sites:
  ams: {location: [52.31, 4.76]}
  iad: {location: [38.95, -77.45]}
checks:
  web:
    type: http
    port: 8080
    path: /healthz
    expect: {status: 200-299, body: ready}
    interval: 5s
    timeout: 2s
    rise: 2
    fall: 3
maps:
  world:
    default: [iad, ams]
    continents: {EU: [ams, iad]}
    networks: {203.0.113.0/24: [ams]}
pools:
  www:
    ttl: {min: 5s, max: 60s}
    checks: [web]
    steer: {map: world}
    pick: weighted
    min_up: 50%
    on_all_down: serve_all
    sites:
      ams: [192.0.2.11, {address: 192.0.2.12, weight: 10}]
      iad: [198.51.100.11]
  old:
    sites: {ams: [192.0.2.99]}
"""
GOOD["zones/example.com.yaml"] = """\
zone: example.com
ttl: 1h
soa: {mname: ns1, rname: hostmaster}
records:
  "@": {NS: [ns1], MX: ["10 mail"]}
  ns1: {A: 192.0.2.53}
  mail: {A: 192.0.2.25}
  www: {POOL: www}
  legacy: {CNAME: www}
"""
GOOD["zones/example.org.zone"] = """\
$TTL 1h
@        IN SOA  ns1 hostmaster 2026010100 1h 15m 2w 60
         IN NS   ns1
ns1      IN A    127.0.0.1
mail     IN A    192.0.2.25
www   30 IN POOL www
txt      IN TXT  "hello world"
"""

CASES = []


def part(number):
    global prefix, count
    prefix, count = number, 0


def add(name, edit):
    global count
    count += 1
    CASES.append(Case(f"{prefix}.{count}", name, edit))


def m(name, file, text, other):
    """A copy of the good configuration with the first `text` of `file` replaced."""
    assert text in GOOD[file], (name, text)
    add(name, {file: GOOD[file].replace(text, other, 1) if text else other})


def sh(name, command):
    add(name, command)


L, P, Y, Z, N = ("loadstar.yaml", "pools.yaml", "zones/example.com.yaml", "zones/example.org.zone",
                 "networks.yaml")

part(1)
m("typo in top key: sever", L, "server:", "sever:")
m("typo in key: identiy", L, "identity", "identiy")
m("typo in nested key: lisen", L, 'listen: ["', 'lisen: ["')
m("hyphen for underscore: state-dir", L, "state_dir", "state-dir")
m("tab for indentation", L, "  identity", "\tidentity")
m("one space too many", L, "  identity", "   identity")
m("wrong indentation: http.listen at column 1",
  L, '  listen: "127.0.0.1:8099"', 'listen: "127.0.0.1:8099"')
m("missing colon", L, "identity: ams1", "identity ams1")
m("missing space after colon", L, "identity: ams1", "identity:ams1")
m("unclosed bracket", L, '["127.0.0.1:5399"]', '["127.0.0.1:5399"')
m("unclosed quote", L, '"127.0.0.1:8099"', '"127.0.0.1:8099')
m("unquoted IPv6 with port", L, '["127.0.0.1:5399"]', "[[::1]:5399]")
m("unquoted [::]:53 in block", L, 'listen: ["127.0.0.1:5399"]', "listen: [::]:53")
m("bad port 70000", L, "5399", "70000")
m("host name in listen", L, "127.0.0.1:5399", "localhost:5399")
m("listen on an address this host does not have", L, "127.0.0.1:5399", "203.0.113.9:5399")
m("listen twice the same", L, '["127.0.0.1:5399"]', '["127.0.0.1:5399","127.0.0.1:5399"]')
m("duration 5x", P, "interval: 5s", "interval: 5x")
m('duration "5 s"', P, "interval: 5s", "interval: 5 s")
m("duration 1.5s", P, "interval: 5s", "interval: 1.5s")
m("timeout longer than interval", P, "timeout: 2s", "timeout: 20s")
m("negative duration", P, "interval: 5s", "interval: -5s")
m("type mismatch: list for scalar", P, "port: 8080", "port: [8080]")
m("type mismatch: mapping for list", P, "checks: [web]", "checks: {web}")
m("unknown check type", P, "type: http", "type: htp")
m("designed but not built type: icmp", P, "type: http", "type: icmp")
m("unknown check in pool", P, "checks: [web]", "checks: [wbe]")
m("unknown site in pool", P, "      iad: [198", "      idd: [198")
m("unknown site in map", P, "EU: [ams, iad]", "EU: [ams, ida]")
m("unknown map", P, "map: world", "map: wrld")
m("unknown pool in zone", Y, "POOL: www", "POOL: wwww")
m("unknown pool in zone file", Z, "POOL www", "POOL wwww")
m("duplicate key: two pools www", P, "  old:", "  www:")
m("duplicate site", P, "  iad: {loc", "  ams: {loc")
m("bad address 192.0.2.256", P, "192.0.2.11", "192.0.2.256")
m("prefix for an address", P, "192.0.2.11,", "192.0.2.11/32,")
m("address with port", P, "192.0.2.11,", '"192.0.2.11:80",')
m("same address twice in a site", P, "address: 192.0.2.12", "address: 192.0.2.11")
m("name for an address", P, "192.0.2.11,", "web1.example.com,")
m("cname and address mixed", P, "[198.51.100.11]", "[{cname: a.example.net}]")
m("bad continent XX", P, "EU:", "XX:")
m("country in continents", P, "continents: {EU", "continents: {DE")
m("lower case country", P, "continents: {EU: [ams, iad]}", "countries: {de: [ams]}")
m("country UK (not ISO)", P, "continents: {EU: [ams, iad]}", "countries: {UK: [ams]}")
m("network with host bits", P, "203.0.113.0/24", "203.0.113.7/24")
m("network without length", P, "203.0.113.0/24: [", "203.0.113.0: [")
m("latitude 152", P, "[52.31, 4.76]", "[152.31, 4.76]")
m("one coordinate", P, "[52.31, 4.76]", "[52.31]")
m("decimal commas", P, "[52.31, 4.76]", "[52,31, 4,76]")
m("min_up 150%", P, "50%", "150%")
m("weight -1", P, "weight: 10", "weight: -1")
m("weight 1.5", P, "weight: 10", "weight: 1.5")
m("ttl min > max", P, "{min: 5s, max: 60s}", "{min: 90s, max: 60s}")
m("ttl: bare 60 min only", P, "{min: 5s, max: 60s}", "{min: 5s}")
m("steer as a word of a map", P, "steer: {map: world}", "steer: world")
m("pick: round_robin", P, "pick: weighted", "pick: round_robin")
m("on_all_down: serv_all", P, "serve_all", "serv_all")
m("fallback to itself", P, "serve_all", "{fallback: www}")
m("fallback unknown", P, "serve_all", "{fallback: sorry}")
m("status range 299-200", P, "200-299", "299-200")
m("path without slash", P, "/healthz", "healthz")
m("empty pools file", P, GOOD[P], "")
m("merge conflict marker", P, "pools:\n", "<<<<<<< HEAD\npools:\n")
m("YAML boolean for text", L, "identity: ams1", "identity: true")
m("ecs enabled: yes", L, "enabled: true", "enabled: yes")
m("missing required: no zones", L, "zones: zones/\n", "")
m("http without listen", L, '  listen: "127.0.0.1:8099"\n', "")
sh("missing pools file", "mv pools.yaml pool.yaml")
sh("missing zones directory", "rm -r zones")
sh("empty zones directory", "rm zones/*")
sh("zones directory with .zon file only",
   "mv zones/example.com.yaml zones/example.com.yml; mv zones/example.org.zone zones/example.org.zon")
sh("missing mmdb", "rm geoip/country.mmdb")
sh("truncated mmdb", "truncate -s 400 geoip/country.mmdb")
sh("mmdb is an HTML page", 'rm geoip/country.mmdb; echo "<html>403</html>" > geoip/country.mmdb')
sh("mmdb empty", "rm geoip/country.mmdb; : > geoip/country.mmdb")
sh("token world-readable", "chmod 644 api.token")
sh("token missing", "rm api.token")
sh("token empty", "echo > api.token")
sh("state_dir missing", "rmdir state")
sh("state_dir is a file", "rmdir state; touch state")
sh("pools.yaml is a directory", "rm pools.yaml; mkdir pools.yaml")
sh("same zone twice (yaml and zone)", "cp zones/example.org.zone zones/example.com.zone")
sh("binary garbage as zone",
   "printf '\\001\\377\\200\\033[31m\\t(\\n\\200\\000;\\n\\042' > zones/example.net.zone")
sh("UTF-16 config", "iconv -f utf8 -t utf16 pools.yaml > p; mv p pools.yaml")
sh("CRLF files", 'sed -i "s/$/\\r/" loadstar.yaml pools.yaml zones/*')
sh("BOM",
   'for f in loadstar.yaml pools.yaml zones/*; do printf "\\xef\\xbb\\xbf" | cat - $f > t; mv t $f; done')
sh("Latin-1 bytes in a comment", 'printf "# caf\\xe9\\n" >> pools.yaml')
sh("Latin-1 bytes in a zone comment", 'printf "; caf\\xe9\\n" >> zones/example.org.zone')
m("nonbreaking space", L, "identity: ams1", "identity:\xa0ams1")
m("curly quotes", L, '"127.0.0.1:8099"', "“127.0.0.1:8099”")
m("zone: missing SOA", Y, "soa: {mname: ns1, rname: hostmaster}\n", "")
m("zone: no NS at apex", Y, "NS: [ns1], ", "")
m("zone: NS name has no address", Y, "  ns1: {A: 192.0.2.53}\n", "")
m("zone: CNAME and other data", Y, "legacy: {CNAME: www}", "legacy: {CNAME: www, A: 192.0.2.1}")
m("zone: bad A", Y, "ns1: {A: 192.0.2.53}", "ns1: {A: 192.0.2}")
m("zone: AAAA with v4", Y, "ns1: {A: 192.0.2.53}", "ns1: {A: 192.0.2.53, AAAA: 192.0.2.53}")
m("zone: unknown type", Y, "mail: {A: 192.0.2.25}", "mail: {AX: 192.0.2.25}")
m("zone: lower-case type", Y, "mail: {A: 192.0.2.25}", "mail: {a: 192.0.2.25}")
m("zone: MX without preference", Y, 'MX: ["10 mail"]', "MX: [mail]")
m("zone: MX as number", Y, 'MX: ["10 mail"]', "MX: [10, mail]")
m("zone: name outside of zone", Y, "mail: {A", '"mail.example.net.": {A')
m("zone: forgot the final dot (ns1.example.com)", Y, "NS: [ns1]", "NS: [ns1.example.com]")
m("zone: label too long", Y, "mail: {A", '"%s": {A' % ('a' * 64))
m("zone: CNAME loop",
  Y, "legacy: {CNAME: www}", "legacy: {CNAME: legacy2}\n  legacy2: {CNAME: legacy}")
m("zone: TTL -1", Y, "ttl: 1h", "ttl: -1")
m("zone: POOL and A at one name", Y, "www: {POOL: www}", "www: {POOL: www, A: 192.0.2.1}")
m("zone: POOL twice", Y, "www: {POOL: www}", "www: {POOL: [www, old]}")
m("zone: data below a CNAME/ DNAME",
  Y, "legacy: {CNAME: www}", "legacy: {DNAME: example.net.}\n  a.legacy: {A: 192.0.2.3}")
m("zone: SRV missing field", Y, "legacy: {CNAME: www}", '_x._tcp: {SRV: "0 0 www"}')
m("zone: CAA bad", Y, "legacy: {CNAME: www}", '"@2": {CAA: "0 issue letsencrypt.org"}')
m("zone file: unclosed quote", Z, '"hello world"', '"hello world')
m("zone file: unclosed parenthesis", Z, "ns1 hostmaster 2026010100", "ns1 hostmaster ( 2026010100")
m("zone file: bad TTL", Z, "$TTL 1h", "$TTL 1x")
m("zone file: bad IP", Z, "192.0.2.25", "192.0.2.300")
m("zone file: unknown type", Z, "mail     IN A", "mail     IN AA")
m("zone file: two SOA", Z, "ns1      IN A", "@ IN SOA ns1 h 1 2 3 4 5\nns1      IN A")
m("zone file: SOA with @ in rname", Z, "hostmaster 20", "host@example.org 20")
m("zone file: SOA missing number", Z, " 1h 15m 2w 60", " 1h 15m 2w")
m("zone file: class CH", Z, "mail     IN A", "mail     CH A")
m("zone file: $INCLUDE missing", Z, "mail  ", "$INCLUDE nothere.zone\nmail  ")
m("zone file: $INCLUDE itself", Z, "mail  ", "$INCLUDE example.org.zone\nmail  ")
m("zone file: $GENERATE bad", Z, "mail  ", "$GENERATE 1-x host$ A 192.0.2.$\nmail  ")
m("zone file: $GENERATE out of range", Z, "mail  ", "$GENERATE 1-300 host$ A 192.0.2.$\nmail  ")
m("zone file: POOL with option typo", Z, "POOL www", "POOL www answer=2")
m("zone file: out of zone", Z, "mail     IN", "mail.example.net. IN")
m("zone file: serial too big", Z, "2026010100", "20260101001")
m("zone file: TXT unquoted with ;", Z, '"hello world"', "v=DMARC1; p=none")
m("zone file: TXT > 255", Z, '"hello world"', '"' + 'a' * 300 + '"')
m("zone file: ALIAS of other vendors",
  Z, "mail     IN A    192.0.2.25", "mail     IN ALIAS www.example.net.")
m("zone file: LUA of PowerDNS",
  Z, "mail     IN A    192.0.2.25", 'mail IN LUA A "ifportup(443, {\'192.0.2.1\'})"')
m("zone file: DYNA of gdnsd", Z, "www   30 IN POOL www", "www 30 DYNA geoip!www")
m("networks: unknown site", N, "site: ams", "site: asm")
m("networks: duplicate", N, "192.0.2.0/24", "10.0.0.0/8")
m("networks: typo key", N, "country: NO", "contry: NO")
m("networks: country and wrong continent", N, "country: NO", "country: NO, continent: AS")
m("networks: location as text", N, "country: NO", 'location: "59.9,10.7"')
m("exec: command is a string", P, "type: http", "type: exec\n    command: /bin/check -x")
m("exec: command missing on disk", P,
  "    type: http\n    port: 8080\n    path: /healthz\n    expect: {status: 200-299, body: ready}\n",
  "    type: exec\n    command: [/usr/local/nothere]\n")
m("key of another type: path with tcp", P, "type: http", "type: tcp")
m("check pool loop", P,
  "    type: http\n    port: 8080\n    path: /healthz\n    expect: {status: 200-299, body: ready}\n",
  "    type: pool\n    pool: www\n")
m("tls on http", P, "path: /healthz", "path: /healthz\n    tls: {verify: false}")
m("site without a location and nearest", P, "  iad: {location: [38.95, -77.45]}", "  iad: {}")
m("site without location, steer nearest", P, "steer: {map: world}", "steer: nearest")
m("split weights all 0", P, "steer: {map: world}", "steer: {split: {ams: 0, iad: 0}}")
m("split with a site the pool does not have",
  P, "steer: {map: world}", "steer: {split: {ams: 1, lon: 1}}")
m("unused pool/map/check", P, "checks: [web]", "checks: []")
m("name with a blank", P, "  old:", '  "old pool":')
m("name with a slash", P, "  old:", "  old/2:")
m("alias to unknown anchor", P, "checks: [web]", "checks: *nochecks")
m("merge key", P, "  old:\n", "  old:\n    <<: {ttl: 5s}\n")
m("user unknown", L, "  identity: ams1", "  user: nosuchuser")
m("workers 0", L, "  identity: ams1", "  workers: 0")
m("xdp on unknown interface", L, "  identity: ams1", "  xdp: {interfaces: eth9}")
m("http on public address", L, "127.0.0.1:8099", "0.0.0.0:8099")
m("control path too long", L, "control.sock", '/tmp/' + 'a' * 120)
m("control in missing directory", L, "control.sock", "nodir/control.sock")

part(2)
sh("BOM",
   'for f in loadstar.yaml pools.yaml zones/*; do printf "\\357\\273\\277" | cat - $f > t; mv t $f; done')
sh("Latin-1 in a YAML comment", 'printf "# caf\\351\\n" >> pools.yaml')
sh("Latin-1 in a zone comment", 'printf "; caf\\351\\n" >> zones/example.org.zone')
sh("example.net.yml beside good zones",
   "cp zones/example.com.yaml zones/example.net.yml; sed -i s/example.com/example.net/ zones/example.net.yml")
sh("editor backup and dotfile",
   "cp zones/example.com.yaml zones/example.com.yaml~; cp zones/example.com.yaml zones/.#x.yaml; cp zones/example.com.yaml zones/.y.yaml")
sh("subdirectory in zones", "mkdir zones/sub; cp zones/example.org.zone zones/sub/example.net.zone")
sh("dangling symlink in zones", "ln -s /nowhere zones/example.net.zone")
m("CNAME target without final dot", Y, "legacy: {CNAME: www}", "legacy: {CNAME: www.example.com}")
m("CNAME target not there", Y, "legacy: {CNAME: www}", "legacy: {CNAME: wwww}")
m("MX target is a CNAME",
  Y, "legacy: {CNAME: www}", 'legacy: {CNAME: www}\n  m2: {MX: ["10 legacy"]}')
m("NS is a CNAME", Y, "NS: [ns1]", "NS: [ns1, legacy]")
m("escape sequences in zone",
  Z, "mail     IN A    192.0.2.25", 'mail     IN A    "\x1b[31mred\x1b[0m"')
m("escape sequences unquoted",
  Z, "mail     IN A    192.0.2.25", "mail     IN A    \x1b[31mred\x1b[0m")
m("escape in YAML key", L, "identity: ams1", '"ident\\e[31mity": ams1')
m("newline in YAML string",
  L, "identity: ams1", '"x\\n2026-01-01T00:00:00Z notice: all well": ams1')
m("syntax error in pools: cascade?", P, "pools:\n", "pools\n")
m("error in a pool: cascade in zone?", P, "pick: weighted", "pick: w")
m("many errors", P,
  GOOD[P],
  GOOD[P].replace('rise: 2', 'rise: x').replace('fall: 3', 'fal: 3').replace('type: http', 'typ: http').replace('52.31', 'abc'))
m("tiers key given", L, "zones: zones/", "zones: zones/\ntiers: t.yaml")
m("glob for zones", L, "zones: zones/", "zones: zones/*.yaml")
m("zone list with names", L, "zones: zones/", "zones: [example.com, example.org]")
m("pools inline", L, "pools: pools.yaml", "pools: {www: {sites: {ams: [192.0.2.1]}}}")
m("sites in loadstar.yaml", L, "zones: zones/", "zones: zones/\nsites: {ams: {}}")
m("pools file with only pools list", P, "pools:\n  www:", "www:")
m("check per pool inline", P, "checks: [web]", "checks: [{type: tcp, port: 80}]")
m("endpoint with checks", P, "weight: 10", "weight: 10, checks: [web]")
m('port in check as string "http"', P, "port: 8080", "port: http")
m("env var", L, "identity: ams1", "identity: ${HOSTNAME}")
m("wildcard in middle", Y, "mail: {A", '"a.*.b": {A')
m("wildcard NS", Y, "mail: {A: 192.0.2.25}", 'mail: {A: 192.0.2.25}\n  "*.sub": {NS: [ns1]}')
m("underscore etc in owner w/ space", Y, "mail: {A", '"ma il": {A')
m("IDN owner", Y, "mail: {A", '"müller": {A')
m("POOL at delegated name", Y, "legacy: {CNAME: www}", "sub: {NS: [ns1], POOL: www}")
m("POOL below a delegation", Y, "legacy: {CNAME: www}", "sub: {NS: [ns1]}\n  x.sub: {POOL: www}")
m("cname pool at apex", Y, '"@": {NS: [ns1], MX: ["10 mail"]}', '"@": {NS: [ns1], POOL: cc}')
m("TTL of a POOL > max", Y, "www: {POOL: www}", "www: {POOL: {pool: www, ttl: 99999999999}}")
m("duplicate records", Y, "mail: {A: 192.0.2.25}", "mail: {A: [192.0.2.25, 192.0.2.25]}")
m("duplicate owner different case",
  Y, "mail: {A: 192.0.2.25}", "mail: {A: 192.0.2.25}\n  MAIL: {A: 192.0.2.26}")
m("numeric TXT", Y, "mail: {A: 192.0.2.25}", "mail: {TXT: 123}")
m("null value", Y, "mail: {A: 192.0.2.25}", "mail:")
m("null value 2", P, "checks: [web]", "checks:")
m("empty sites", P, "sites: {ams: [192.0.2.99]}", "sites: {}")
m("empty site list", P, "sites: {ams: [192.0.2.99]}", "sites: {ams: []}")
m("fall: 0", P, "fall: 3", "fall: 0")
m("v4-mapped", P, "192.0.2.99", '"::ffff:192.0.2.99"')
m("address 0.0.0.0", P, "192.0.2.99", "0.0.0.0")
m("address multicast", P, "192.0.2.99", "224.0.0.1")
m("scoped link-local", P, "192.0.2.99", '"fe80::1%eth0"')
m("check unused: typo key pool-level", P, "checks: [web]", "check: [web]")
m("ttl: 0", P, "ttl: {min: 5s, max: 60s}", "ttl: 0")
m("ttl too long against checks", P, "ttl: {min: 5s, max: 60s}", "ttl: 1d")
m("answers 0", P, "pick: weighted", "pick: weighted\n    answers: 0")
m("server.listen empty", L, '["127.0.0.1:5399"]', "[]")
m("listen without quotes, port only", L, '["127.0.0.1:5399"]', ":53")
sh("zone unreadable (as nobody)", "true")
sh("mmdb is a directory", "rm geoip/country.mmdb; mkdir geoip/country.mmdb")
sh("mmdb is gzipped", "gzip -c geoip/country.mmdb > a; mv a geoip/country.mmdb")
sh("mmdb is a tar.gz", "tar -C geoip -czf a country.mmdb; mv a geoip/country.mmdb")
sh("mmdb is a tar", "tar -C geoip -cf a country.mmdb; mv a geoip/country.mmdb")
sh("mmdb is CSV", "echo 1.0.0.0,1.0.0.255,AU > geoip/country.mmdb")
sh("mmdb is zeros", "truncate -s 0 geoip/country.mmdb; truncate -s 4096 geoip/country.mmdb")
sh("mmdb is cut in its metadata", "truncate -s -20 geoip/country.mmdb")
sh("mmdb lost its beginning", "tail -c +300 geoip/country.mmdb > a; mv a geoip/country.mmdb")
sh("mmdb has controls in its first line",
   "printf '<a\\033[31m\\342\\200\\256>' > geoip/country.mmdb")
sh("two mmdbs, both wrong",
   "echo '<html>' > geoip/b.mmdb; : > geoip/country.mmdb; sed -i"
   " 's,databases: .*,databases:\\n    - geoip/country.mmdb\\n    - geoip/b.mmdb,' loadstar.yaml")
sh("mmdb alone, not in a list", "sed -i 's,databases: .*,databases: geoip/country.mmdb,' "
   "loadstar.yaml; : > geoip/country.mmdb")
m("PTR without final dot", Z, "mail     IN A", "p IN PTR ns1.example.org\nmail     IN A")
m("DNAME without final dot", Y, "legacy: {CNAME: www}", "legacy: {DNAME: www.example.com}")
m("SOA without final dots", Y, "mname: ns1, rname: hostmaster",
  "mname: ns1.example.com, rname: hostmaster.example.com")
m("CAA as a list", Y, "mail: {A: 192.0.2.25}",
  "mail: {A: 192.0.2.25, CAA: [0, issue, ca.example]}")
m("MX as lists", Y, 'MX: ["10 mail"]', "MX: [[10, mail], [20, mail]]")
m("ANAME at the apex", Y, 'MX: ["10 mail"]', "ANAME: www.example.net.")
m("IDN in a zone file", Z, "mail     IN A    192.0.2.25", "post IN MX 10 müller\nmüller IN A 192.0.2.25")
m("DKIM cut by a semicolon", Z, '"hello world"', "v=DKIM1 ; k=rsa ; p=MIIB")
m("CAA cut by a semicolon", Z, 'TXT  "hello world"', "CAA 0 issue ca.example; accounturi=x")
m("owner null", Y, "mail: {A: 192.0.2.25}", "mail: {A: 192.0.2.25}\n  null: {A: 192.0.2.26}")
m("parenthesis closed too late", Z, "hostmaster 2026010100 1h 15m 2w 60",
  "hostmaster ( 2026010100 1h 15m 2w 60\n ; )")
m("http on a name", L, '"127.0.0.1:8099"', "localhost:8099")
m("http on a port alone", L, '"127.0.0.1:8099"', "8099")
m("listen on a service name", L, "5399", "domain")
m("CNAME to itself by a wildcard", Y, "legacy: {CNAME: www}", '"*": {CNAME: www.example.com}')

part(3)
m("defaults: a pool key with a typo", P, "maps:\n", "defaults: {pool: {chekcs: [web]}}\nmaps:\n")
m("defaults: sites", P, "maps:\n", "defaults: {pool: {sites: {ams: [192.0.2.1]}}}\nmaps:\n")
m("defaults: keys of a pool at the top", P, "maps:\n", "defaults: {ttl: 60s}\nmaps:\n")
m("defaults: a list", P, "maps:\n", "defaults:\n  - pool\nmaps:\n")
m("defaults: unknown check", P, "maps:\n", "defaults: {pool: {checks: [wbe]}}\nmaps:\n")
m("defaults: unknown map", P, "maps:\n", "defaults: {pool: {steer: {map: wrold}}}\nmaps:\n")
m("defaults: order of sites that a pool lacks",
  P, "maps:\n", "defaults: {pool: {steer: {order: [iad, ams]}}}\nmaps:\n")
m("defaults: type of a check", P, "maps:\n", "defaults: {check: {type: http}}\nmaps:\n")
m("defaults: timeout above interval", P, "maps:\n",
  "defaults: {check: {interval: 1s, timeout: 2s}}\nmaps:\n")
m("probe: an address alone", P, "weight: 10", "probe: 10.0.0.1")
m("probe: a name", P, "weight: 10", "probe: {address: web1.internal}")
m("probe: nothing", P, "weight: 10", "probe: {}")
m("probe: a port out of range", P, "weight: 10", "probe: {port: 80800}")
m("probe: IPv6 without quotes", P, "weight: 10", "probe: {address: ::1}")
m("probe: of the other family", P, "weight: 10", 'probe: {address: "2001:db8::1"}')
m("probe: of this host", P, "weight: 10", "probe: {address: 127.0.0.1}")
m("probe: the answered address", P, "weight: 10", "probe: {address: 192.0.2.12}")
m("probe: without a check", P, "weight: 10", "probe: {address: 10.0.0.1}, checks: []")
m("endpoint: unknown check", P, "weight: 10", "checks: [wbe]")
m("endpoint: checks twice", P, "weight: 10", "checks: [web, web]")
sh("endpoint: check without a port", "sed -i 's/^maps:/  ssh: {type: tcp}\\nmaps:/; "
   "s/weight: 10/checks: [ssh]/' pools.yaml")
sh("nearest, two sites in one country and a database of countries",
   "sed -i 's/\\[52.31, 4.76\\]/[37.36, -121.93]/; s/steer: .*/steer: nearest/' pools.yaml")
sh("nearest over a dozen sites and a database of countries",
   "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do n=\"$n${n+, }s$i: [192.0.2.$i]\"; "
   "sed -i \"s/^checks:/  s$i: {location: [0, $i]}\\n&/\" pools.yaml; done; "
   "echo \"  dozen: {sites: {$n}}\" >> pools.yaml")

part(4)
TIERS = {
    L: GOOD[L].replace("zones: zones/", "zones: zones/\ntiers: tiers.yaml").replace(
        "state_dir: state", "state_dir: state\n  site: ams"),
}


def t(name, tier, **files):
    """One tier in tiers.yaml; endpoints of the pool have no ports of their own."""
    add(name, dict(TIERS, **{"tiers.yaml": f"tiers:\n  t: {{{tier}}}\n"}, **files))


VIP = "type: ipvs, pool: www, service: {address: 192.0.2.80, port: 443"
PUSH = "type: exec, pool: www, port: 80, command: "
NGINX = "type: nginx, pool: www, port: 80, upstream: web, test: [true], reload: [true], file: "
t("tiers: all well", VIP + "}")
t("tiers: l4 without a socket", "type: l4, pool: www, port: 80, service: {address: 192.0.2.80}")
t("tiers: unknown type", "type: lvs, pool: www")
t("tiers: unknown pool", VIP.replace("www", "ww") + "}")
t("tiers: a key of another type", VIP + "}, upstream: web, socket: s")
t("tiers: no port anywhere", "type: haproxy, pool: www, agent: {listen: \"127.0.0.1:8054\"}")
t("tiers: a site without members", VIP.replace("www", "old") + "}, site: iad")
t("tiers: all ports without persistence", VIP.replace("443", "0") + "}")
t("tiers: scheduler with a slip", VIP + ", scheduler: wwl}")
t("tiers: IPv6 service of IPv4 members", VIP.replace("192.0.2.80", '"2001:db8::80"') + "}")
t("tiers: direct routing to another port", VIP + "}, port: 8443, forward: dr")
t("tiers: GUE without a port", VIP + "}, forward: {tunnel: gue}")
t("tiers: exception for nobody", VIP + "}, members: {ams/web7: {port: 80}}")
t("tiers: behind a slip", VIP + '}, behind: ["wwww/*"]')
t("tiers: directory that is missing", NGINX + "none/web.conf")
t("tiers: file in the state directory", NGINX + "state/web.conf")
t("tiers: file among the zones", NGINX + "zones/web.conf")
t("tiers: file is the configuration", NGINX + "pools.yaml")
t("tiers: injection by an upstream", NGINX.replace("web", '"web { server evil; } #"') + "web.conf")
t("tiers: injection by a backend",
  'type: haproxy, pool: www, port: 80, socket: s, backend: "b/s; shutdown sessions"')
t("tiers: command that is missing", PUSH + "[./push]")
t("tiers: command not in PATH", PUSH + "[loadstar-no-such-program]")
t("tiers: EDS over HTTP that is not served", "type: envoy, pool: www, port: 80, cluster: c, "
  "eds: {rest: true}", **{L: TIERS[L].replace("http:\n  listen", "#\n#").replace("  token", "#")})
t("tiers: slow starts that contradict", VIP + "}, slow_start: 30s",
  **{P: GOOD[P].replace("    min_up", "    slow_start: 2m\n    min_up")})
t("tiers: weights from a tier of others", VIP + "}",
  **{P: GOOD[P] + "    weight_from: {tier: t, target_sessions: 100}\n"})
t("tiers: weights from an unknown tier", VIP + "}",
  **{P: GOOD[P] + "    weight_from: {tier: vip, target_sessions: 100}\n"})
add("tiers: two on one service", dict(TIERS, **{
    "tiers.yaml": f"tiers:\n  t: {{{VIP}}}}}\n  u: {{{VIP}, scheduler: rr}}}}\n"}))
add("tiers: two on one file", dict(TIERS, **{
    "tiers.yaml": f"tiers:\n  t: {{{NGINX}web.conf}}\n  u: {{{NGINX}./web.conf}}\n"}))
m("site of the server: unknown", L, "identity: ams1", "site: ams1")
m("defaults: one seed for all pools", P, "maps:\n", "defaults: {pool: {seed: a}}\nmaps:\n")

part(5)
ANYCAST = {
    L: GOOD[L].replace("zones: zones/", "zones: zones/\nanycast: anycast.yaml").replace(
        '["127.0.0.1:5399"]', '["127.0.0.1:5399", 192.0.2.53]'),
}


def a(name, members, speaker="type: exec, command: [true]", **files):
    """One prefix set in anycast.yaml, and its speaker."""
    text = f"anycast:\n  dns: {{speaker: x, {members}}}\nspeakers:\n  x: {{{speaker}}}\n"
    add("anycast: " + name, dict(ANYCAST, **{"anycast.yaml": text}, **files))


OWN = "hold: none, prefixes: [192.0.2.53/32]"
UPLINK = OWN + ", when: {checks: [{check: web, address: 198.51.100.1}]}"
BIRD = "type: bird, socket: bird.ctl, file: "
a("all well", UPLINK + ", site: ams")
a("a check that only it uses", UPLINK, **{
    P: GOOD[P].replace("    checks: [web]\n", "") + "  idle: {sites: {ams: [192.0.2.9]}}\n"})
a("no file", OWN, **{L: ANYCAST[L].replace("anycast.yaml", "any.yaml")})
add("anycast: a speaker with a slip", dict(ANYCAST, **{
    "anycast.yaml": f"anycast:\n  dns: {{speaker: lokal, {OWN}}}\n"
                    "speakers: {local: {type: exec, command: [true]}}\n"}))
a("an unknown type of speaker", OWN, "type: quagga, socket: s")
a("a key of another speaker", OWN, "type: gobgp, socket: s, command: [true]")
a("host bits", "prefixes: [192.0.2.53/24]")
a("no length", "prefixes: [192.0.2.53]")
a("IPv6 without quotes", "hold: none, self: false, prefixes: [2001:db8::53/128]")
a("default route", "prefixes: [0.0.0.0/0], allow: wide")
a("wide", "hold: none, prefixes: [192.0.2.0/23]")
a("wide and allowed", "hold: none, prefixes: [192.0.2.0/23], allow: wide")
a("wide IPv6", 'hold: none, prefixes: ["2001:db8::/32"]')
a("nobody answers there", "hold: none, prefixes: [198.51.100.53/32]")
a("nobody answers there, on purpose", "hold: none, prefixes: [198.51.100.53/32], self: false")
a("twice", "hold: none, prefixes: [192.0.2.53/32, 192.0.2.53/32]")
a("self outside", OWN + ", self: {address: 127.0.0.1}")
a("self that is no listener", "hold: none, prefixes: [192.0.2.0/24], self: {address: 192.0.2.7}")
a("self of a type that is none", OWN + ", self: {type: SOAP}")
a("a number of a pool as a share", OWN + ", when: {pools: {www: 30%}}")
a("unknown pool", OWN + ", when: {pools: {wwww: {min_up: 30%}}}")
a("a pool in a site that it has not", OWN + ", when: {pools: {old: {site: iad}}}")
a("a pool without checks", OWN + ", when: {pools: {old: {}}}")
a("unknown check", UPLINK.replace("web", "uplink"))
a("check of a name", UPLINK.replace("198.51.100.1", "gw.example.net"))
a("check without a port", UPLINK, **{P: GOOD[P].replace("type: http", "type: tcp").replace(
    "    port: 8080\n    path: /healthz\n    expect: {status: 200-299, body: ready}\n", "").replace(
    "192.0.2.11,", "{address: 192.0.2.11, port: 1},").replace("weight: 10", "port: 1").replace(
    "[198.51.100.11]", "[{address: 198.51.100.11, port: 1}]")})
a("full without degraded", OWN + ", full: {pools: {www: {min_up: 70%}}}")
a("degraded without full", OWN + ", degraded: {med: 200}")
a("prepend without an AS", OWN + ", full: {pools: {www: {}}}, degraded: {prepend: 2}", "type: exabgp")
a("community out of range", OWN + ', communities: ["70000:1"]')
a("large community among communities", OWN + ', communities: ["65001:1:2"]')
a("community by a name with a slip", OWN + ", communities: [no_export]")
a("a community that injects", OWN + ', communities: ["1:2] next-hop 9.9.9.9"]')
a("blackhole", OWN + ", communities: [blackhole]")
a("next hop of the other family", OWN + ', next_hop: "2001:db8::1"')
a("rise of nothing", OWN + ", rise: 0")
a("drain time of hours", OWN + ", drain_time: 2h")
a("drain time that is never used", OWN + ", shutdown: immediate, drain_time: 1m")
a("interface beside a TUN", "hold: tun, interface: lo, prefixes: [192.0.2.53/32]")
add("anycast: a name too long for an interface", dict(ANYCAST, **{
    "anycast.yaml": "anycast:\n  dns-of-amsterdam: {speaker: x, prefixes: 192.0.2.53/32}\n"
                    "speakers:\n  x: {type: exec, command: [true]}\n"}))
a("a hook that is missing", OWN + ", on_announce: {command: [./up]}")
a("a hook as text", OWN + ", on_announce: {command: /usr/bin/logger up}")
a("required of what has no say", OWN + ", on_withdraw: {command: [true], required: true}")
a("a speaker's command that is missing", OWN, "type: gobgp, command: [loadstar-no-such-program]")
a("a file in a directory that is missing", OWN, BIRD + "bird/loadstar.conf")
a("a file in the state directory", OWN, BIRD + "state/loadstar.conf")
a("a file that is the configuration", OWN, BIRD + "anycast.yaml")
a("a FIFO alone", OWN, "type: exabgp, via: fifo, to: exabgp.in")
a("a reserved AS", OWN, "type: exabgp, as: 65535")
a("GoBGP and IPv6", 'hold: none, prefixes: ["2001:db8::53/128"]', "type: gobgp, command: [true]")
add("anycast: two on one socket", dict(ANYCAST, **{
    "anycast.yaml": f"anycast:\n  a: {{speaker: x, {OWN}}}\n"
                    '  b: {speaker: y, hold: none, prefixes: ["2001:db8::53/128"]}\nspeakers:\n'
                    "  x: {type: frr, socket: bgpd.vty}\n  y: {type: frr, socket: ./bgpd.vty}\n"
                    "  z: {type: frr, socket: bgpd.vty}\n"}))
add("anycast: two with one prefix", dict(ANYCAST, **{
    "anycast.yaml": f"anycast:\n  a: {{speaker: x, {OWN}}}\n  b: {{speaker: x, {OWN}}}\n"
                    "speakers:\n  x: {type: exec, command: [true]}\n"}))
add("anycast: a link in place of the file", f"""
    printf 'anycast:\\n  a: {{speaker: x, {OWN}}}\\nspeakers:\\n  x: {{{BIRD}out.conf}}\\n' >anycast.yaml
    ln -s zones/x out.conf
    sed -i 's,^zones: .*,&\\nanycast: anycast.yaml,; s/"127.0.0.1:5399"/&, 192.0.2.53/' loadstar.yaml""")
add("anycast: a zone that names a pool of checks", dict(ANYCAST, **{
    "anycast.yaml": f"anycast:\n  dns: {{speaker: x, {UPLINK}}}\n"
                    "speakers:\n  x: {type: exec, command: [true]}\n",
    Y: GOOD[Y].replace("www: {POOL: www}", 'www: {POOL: "anycast:dns"}')}))
