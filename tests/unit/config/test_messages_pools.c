/* SPDX-License-Identifier: Apache-2.0
 * What is said about sites, checks, maps and pools. */
#include "messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define SITES "sites: {ams: {location: [52.31, 4.76]}, iad: {location: [38.95, -77.45]}, sin: {}}\n"

static const struct message_case sites_and_checks[] = {
    {"pools.yaml", "site: {}\n", "pools.yaml:1:1: unknown key 'site', did you mean 'sites'?\n"},
    {"pools.yaml", "sites: [ams]\n",
     "pools.yaml:1:8: 'sites' is a list, expected a mapping: NAME: {...}\n"},
    {"pools.yaml", "sites: {a/b: {}, \"\": {}, \"x y\": {}, \"*\": {}}\n",
     "pools.yaml:1:9: site name 'a/b', expected 1 to 63 letters, digits, '-', '_' or '.'\n"
     "pools.yaml:1:18: site name '', expected 1 to 63 letters, digits, '-', '_' or '.'\n"
     "pools.yaml:1:26: site name 'x y', expected 1 to 63 letters, digits, '-', '_' or '.'\n"
     "pools.yaml:1:37: site name '*', expected 1 to 63 letters, digits, '-', '_' or '.'\n"},
    {"pools.yaml", "sites: {ams: {location: [1]}, iad: {loc: [1, 2]}, sin: 3}\n",
     "pools.yaml:1:25: 'location' has 1 number, expected [LATITUDE, LONGITUDE]\n"
     "pools.yaml:1:37: unknown key 'loc', did you mean 'location'?\n"
     "pools.yaml:1:56: site 'sin' is '3', expected a mapping with keys (location)\n"},
    {"pools.yaml", "checks: {web: {}}\n",
     "pools.yaml:1:15: check 'web' has no 'type', expected one of: tcp, http, https, exec, pool\n"},
    {"pools.yaml", "checks: {web: http}\n",
     "pools.yaml:1:15: check 'web' is 'http', expected a mapping with keys (type, port, interval, "
     "...)\n"},
    {"pools.yaml", "checks: {web: {type: htp}, dns: {type: dns}, x: {type: [tcp]}}\n",
     "pools.yaml:1:22: unknown type 'htp', did you mean 'http'?\n"
     "pools.yaml:1:40: type 'dns' is not in this release, expected one of: tcp, http, https,"
     " exec, pool\n"
     "pools.yaml:1:56: 'type' is a list, expected one of: tcp, http, https, exec, pool\n"},
    {"pools.yaml",
     "checks:\n"
     "  web:\n"
     "    type: http\n"
     "    intervall: 5s\n",
     "pools.yaml:4:5: unknown key 'intervall', did you mean 'interval'?\n"},
    {"pools.yaml",
     "checks: {web: {type: tcp, port: 0}, b: {type: tcp, port: eighty}, c: {type: tcp, port:"
     " 65536}}\n",
     "pools.yaml:1:33: 'port' is '0', expected a whole number from 1 to 65535\n"
     "pools.yaml:1:58: 'port' is 'eighty', expected a whole number from 1 to 65535\n"
     "pools.yaml:1:88: 'port' is '65536', expected a whole number from 1 to 65535\n"},
    {"pools.yaml", "checks: {web: {type: http, interval: 1s, timeout: 2s}}\n",
     "pools.yaml:1:51: 'timeout' is '2s', expected at most the interval, 1s\n"},
    {"pools.yaml", "checks: {web: {type: http, interval: 50ms}}\n",
     "pools.yaml:1:38: 'interval' is '50ms', expected a duration (250ms, 5s, 10m, 1h) from 1"
     "00ms to 1d\n"},
    {"pools.yaml", "checks: {web: {type: http, rise: 0, fall: x}}\n",
     "pools.yaml:1:34: 'rise' is '0', expected a whole number from 1 to 1000\n"
     "pools.yaml:1:43: 'fall' is 'x', expected a whole number from 1 to 1000\n"},
    {"pools.yaml",
     "checks: {web: {type: http, path: healthz}, b: {type: http, path: \"/a b\"}, c: {type: "
     "http, host: \"a/b\"}}\n",
     "pools.yaml:1:34: 'path' is 'healthz', expected a path that begins with '/', without sp"
     "aces\n"
     "pools.yaml:1:66: 'path' is '/a b', expected a path that begins with '/', without space"
     "s\n"
     "pools.yaml:1:97: 'host' is 'a/b', expected a host name, without spaces and '/'\n"},
    {"pools.yaml", "checks: {web: {type: http, method: POST}}\n",
     "pools.yaml:1:36: 'method' is 'POST', expected GET or HEAD\n"},
    {"pools.yaml",
     "checks: {web: {type: http, expect: {status: 2xx}}, b: {type: http, expect: {status: [2"
     "00-299, 99, 300-200, 600]}}}\n",
     "pools.yaml:1:45: 'status' is '2xx', expected HTTP statuses, as 200 or 200-299\n"
     "pools.yaml:1:95: 'status' is '99', expected HTTP statuses, as 200 or 200-299\n"
     "pools.yaml:1:99: 'status' is '300-200', expected HTTP statuses, as 200 or 200-299\n"
     "pools.yaml:1:108: 'status' is '600', expected HTTP statuses, as 200 or 200-299\n"},
    {"pools.yaml",
     "checks: {web: {type: http, expect: {status: []}}, b: {type: http, expect: 200}}\n",
     "pools.yaml:1:45: 'status' is an empty list, expected HTTP statuses, as [200-299, 301]"
     "\n"
     "pools.yaml:1:75: 'expect' is '200', expected a mapping with keys (status, body)\n"},
    {"pools.yaml", "checks: {web: {type: http, max_body: 64MB}, b: {type: http, max_body: 1G}}\n",
     "pools.yaml:1:38: 'max_body' is '64MB', expected a size in bytes (512, 64k, 8M) from 1 "
     "to 16777216\n"
     "pools.yaml:1:71: 'max_body' is '1G', expected a size in bytes (512, 64k, 8M) from 1 to"
     " 16777216\n"},
    {"pools.yaml",
     "checks: {web: {type: tcp, port: 1, path: /}, b: {type: http, tls: {verify: false}}, c:"
     " {type: exec, command: [a], expect: {body: x}}}\n",
     "pools.yaml:1:36: 'path' has no meaning for type tcp, expected it with type http or htt"
     "ps\n"
     "pools.yaml:1:62: 'tls' has no meaning for type http, expected it with type https\n"
     "pools.yaml:1:115: 'expect' has no meaning for type exec, expected it with type http or"
     " https\n"},
    {"pools.yaml",
     "checks: {a: {type: exec}, b: {type: exec, command: run}, c: {type: exec, command: []},"
     " d: {type: exec, command: [a, [b]]}}\n",
     "pools.yaml:1:13: check of type exec has no 'command', expected a list: [PROGRAM, ARGUM"
     "ENT...]\n"
     "pools.yaml:1:52: 'command' is 'run', expected a list of texts\n"
     "pools.yaml:1:83: 'command' is an empty list, expected a list of texts\n"
     "pools.yaml:1:117: an item of 'command' is a list, expected text\n"},
    {"pools.yaml", "checks: {a: {type: pool}, b: {type: pool, pool: ww}}\n",
     "pools.yaml:1:13: check of type pool has no 'pool', expected the name of a pool\n"
     "pools.yaml:1:49: unknown pool 'ww', none is defined\n"},
    {"pools.yaml",
     "checks: {a: {type: https, tls: {ca_file: gone.pem}}, b: {type: https, tls: {cert_file:"
     " pools.yaml}}}\n",
     "pools.yaml:1:42: cannot find 'gone.pem': No such file or directory\n"
     "pools.yaml:1:76: 'cert_file' and 'key_file' belong together, expected both or neither"
     "\n"},
    {"pools.yaml", "checks: {a: {type: https, tls: {verify: 2}}}\n",
     "pools.yaml:1:41: 'verify' is '2', expected true or false\n"},
};

static void test_sites_and_checks(void **state)
{
    (void)state;
    check_messages(sites_and_checks, sizeof sites_and_checks / sizeof *sites_and_checks);
}

static const struct message_case maps[] = {
    {"pools.yaml", SITES "maps: {world: {}}\n",
     "pools.yaml:2:15: map 'world' has no 'default', expected a list of sites\n"},
    {"pools.yaml", SITES "maps: {world: {default: []}}\n",
     "pools.yaml:2:25: 'default' is an empty list, expected names of sites\n"},
    {"pools.yaml", SITES "maps: {world: {default: [amss, ams, ams]}}\n",
     "pools.yaml:2:26: unknown site 'amss', did you mean 'ams'?\n"
     "pools.yaml:2:37: site 'ams' is listed twice\n"},
    {"pools.yaml", SITES "maps: {world: {default: paris}}\n",
     "pools.yaml:2:25: unknown site 'paris', expected one of: ams, iad, sin\n"},
    {"pools.yaml", SITES "maps: {world: {default: {ams: 1}}}\n",
     "pools.yaml:2:25: 'default' is a mapping, expected a list of names of sites\n"},
    {"pools.yaml",
     SITES "maps:\n"
           "  world:\n"
           "    default: [ams]\n"
           "    continents: {EU: ams, Europe: iad}\n"
           "    countries: {no: ams, NOR: ams, NO: iad}\n"
           "    subdivisions: {CA: ams, US-CA: iad, us-ca: iad, US-CALI: iad}\n"
           "    asns: {AS64500: ams, 64500: iad, x: ams, 0: ams, 4294967296: ams}\n",
     "pools.yaml:5:27: a key of 'continents' is 'Europe', expected one of: AF, AN, AS, EU, N"
     "A, OC, SA\n"
     "pools.yaml:6:17: a key of 'countries' is 'no', expected two capital letters (ISO 3166-"
     "1), as NO or DE\n"
     "pools.yaml:6:26: a key of 'countries' is 'NOR', expected two capital letters (ISO 3166"
     "-1), as NO or DE\n"
     "pools.yaml:7:20: a key of 'subdivisions' is 'CA', expected a subdivision (ISO 3166-2),"
     " as US-CA\n"
     "pools.yaml:7:41: a key of 'subdivisions' is 'us-ca', expected a subdivision (ISO 3166-"
     "2), as US-CA\n"
     "pools.yaml:7:53: a key of 'subdivisions' is 'US-CALI', expected a subdivision (ISO 316"
     "6-2), as US-CA\n"
     "pools.yaml:8:26: '64500' in 'asns' is the same as 'AS64500' at line 8, column 12\n"
     "pools.yaml:8:38: a key of 'asns' is 'x', expected a number of an autonomous system, as"
     " 64500\n"
     "pools.yaml:8:46: a key of 'asns' is '0', expected a number of an autonomous system, as"
     " 64500\n"
     "pools.yaml:8:54: a key of 'asns' is '4294967296', expected a number of an autonomous s"
     "ystem, as 64500\n"},
    {"pools.yaml",
     SITES "maps:\n"
           "  world:\n"
           "    default: [ams]\n"
           "    networks: {192.0.2.0/24: ams, 192.0.2.1/24: ams, x: ams}\n"
           "    tags: {\"a b\": ams}\n"
           "    country: {NO: ams}\n",
     "pools.yaml:5:35: the network is '192.0.2.1/24', expected 192.0.2.0/24, as bits past it"
     "s length are set\n"
     "pools.yaml:5:54: the network is 'x', expected ADDRESS/LENGTH, as 192.0.2.0/24\n"
     "pools.yaml:6:12: a key of 'tags' is 'a b', expected letters, digits, '-', '_' or '.'\n"
     "pools.yaml:7:5: unknown key 'country', did you mean 'countries'?\n"},
    {"pools.yaml",
     SITES "maps:\n"
           "  world:\n"
           "    default: [ams]\n"
           "    countries: [NO]\n"
           "    continents: {EU: }\n",
     "pools.yaml:5:16: 'countries' is a list, expected a mapping: KEY: [SITE...]\n"
     "pools.yaml:6:22: the entry is empty, expected a list of names of sites\n"},
};

static void test_maps(void **state)
{
    (void)state;
    check_messages(maps, sizeof maps / sizeof *maps);
}

static const struct message_case pools[] = {
    {"pools.yaml", SITES "pools: {www: {}}\n",
     "pools.yaml:2:14: pool 'www' has no 'sites', expected a mapping from sites to lists of "
     "endpoints\n"},
    {"pools.yaml", SITES "pools: {www: {sites: {}}}\n",
     "pools.yaml:2:22: 'sites' is an empty mapping, expected a mapping: SITE: [ENDPOINT...]"
     "\n"},
    {"pools.yaml", SITES "pools: {www: {sites: [192.0.2.1]}}\n",
     "pools.yaml:2:22: 'sites' is a list, expected a mapping: SITE: [ENDPOINT...]\n"},
    {"pools.yaml", SITES "pools: {www: {sites: {ams: []}}}\n",
     "pools.yaml:2:28: site 'ams' has no endpoints, expected a list of them\n"},
    {"pools.yaml", SITES "pools: {www: {sites: {ams: }}}\n",
     "pools.yaml:2:28: site 'ams' has no endpoints, expected a list of them\n"},
    {"pools.yaml", SITES "pools: {www: {sites: {amz: [192.0.2.1]}}}\n",
     "pools.yaml:2:23: unknown site 'amz', did you mean 'ams'?\n"},
    {"pools.yaml", "pools: {www: {sites: {ams: [192.0.2.1]}}}\n",
     "pools.yaml:1:23: unknown site 'ams', none is defined\n"},
    {"pools.yaml", SITES "pools: {www: {sites: {ams: [192.0.2.256]}}}\n",
     "pools.yaml:2:29: the endpoint is '192.0.2.256', expected an IPv4 or IPv6 address (IPv6"
     " in quotes), or {address: ..., weight: ...}\n"},
    {"pools.yaml", SITES "pools: {www: {sites: {ams: [www.example.com]}}}\n",
     "pools.yaml:2:29: the endpoint is 'www.example.com', expected an IPv4 or IPv6 address ("
     "IPv6 in quotes), or {address: ..., weight: ...}\n"},
    {"pools.yaml", SITES "pools: {www: {sites: {ams: [2001:db8::]}}}\n",
     "pools.yaml:2:29: an IPv6 address needs quotes: \"2001:db8::\"\n"},
    {"pools.yaml", SITES "pools: {www: {sites: {ams: [{weight: 1}]}}}\n",
     "pools.yaml:2:29: endpoint has no 'address', expected an address, or 'cname' with a nam"
     "e\n"},
    {"pools.yaml", SITES "pools: {www: {sites: {ams: [{adress: 192.0.2.1}]}}}\n",
     "pools.yaml:2:29: endpoint has no 'address', expected an address, or 'cname' with a nam"
     "e\n"
     "pools.yaml:2:30: unknown key 'adress', did you mean 'address'?\n"},
    {"pools.yaml", SITES "pools: {www: {sites: {ams: [{address: 192.0.2.1, cname: x.example}]}}}\n",
     "pools.yaml:2:29: endpoint has 'address' and 'cname', expected one of them\n"},
    {"pools.yaml",
     SITES "pools: {www: {sites: {ams: [{address: 192.0.2.1, weight: 1000001}, {address: 192.0.2.2"
           ", weight: heavy}, {address: 192.0.2.3, port: 0}, {address: 192.0.2.4, name: a/b}]}}}\n",
     "pools.yaml:2:58: 'weight' is '1000001', expected a whole number from 0 to 1000000\n"
     "pools.yaml:2:97: 'weight' is 'heavy', expected a whole number from 0 to 1000000\n"
     "pools.yaml:2:132: 'port' is '0', expected a whole number from 1 to 65535\n"
     "pools.yaml:2:163: 'name' is 'a/b', expected 1 to 63 letters, digits, '-', '_' or '.'\n"},
    {"pools.yaml",
     SITES "pools:\n"
           "  www:\n"
           "    sites:\n"
           "      ams:\n"
           "        - 192.0.2.1\n"
           "        - 2001:db8::1\n"
           "        - 192.0.2.1\n"
           "        - \"2001:0db8:0::1\"\n",
     "pools.yaml:8:11: endpoint '192.0.2.1' is in this site twice, first at line 6, column 1"
     "1\n"
     "pools.yaml:9:11: endpoint '2001:db8::1' is in this site twice, first at line 7, column"
     " 11\n"},
    {"pools.yaml",
     SITES "pools: {www: {sites: {ams: [192.0.2.1, {address: 192.0.2.1, port: 81}]}}}\n",
     "pools.yaml:2:40: two endpoints of this site are called '192.0.2.1', expected a 'name' "
     "that tells this one from that at line 2, column 29\n"},
    {"pools.yaml",
     SITES "pools: {www: {sites: {ams: [{address: 192.0.2.1, name: a}, {address: 192.0.2.2, name: "
           "a}]}}}\n",
     "pools.yaml:2:60: two endpoints of this site are called 'a', expected a 'name' that tel"
     "ls this one from that at line 2, column 29\n"},
    {"pools.yaml", SITES "pools: {www: {sites: {ams: [192.0.2.1, {cname: a.example}]}}}\n",
     "pools.yaml:2:40: pool 'www' mixes addresses and 'cname', expected one kind in the whol"
     "e pool\n"},
    {"pools.yaml", SITES "pools: {www: {sites: {ams: [192.0.2.1], iad: [{cname: a.example}]}}}\n",
     "pools.yaml:2:47: pool 'www' mixes addresses and 'cname', expected one kind in the whol"
     "e pool\n"},
    {"pools.yaml", SITES "pools: {www: {sites: {ams: [{cname: \"a..example\"}, {cname: .}]}}}\n",
     "pools.yaml:2:37: 'cname' is 'a..example', expected a domain name, as edge.cdn.example."
     "net\n"
     "pools.yaml:2:60: 'cname' is '.', expected a domain name, as edge.cdn.example.net\n"},
    {"pools.yaml",
     SITES "pools: {www: {answers: 2, pick: all, sites: {ams: [{cname: a.example}]}}}\n",
     "pools.yaml:2:24: 'answers' is 2 in a pool of 'cname', expected 1: a name has one CNAME"
     "\n"
     "pools.yaml:2:33: 'pick' is all in a pool of 'cname', expected weighted, ordered or sti"
     "cky: a name has one CNAME\n"},
    {"pools.yaml",
     SITES "pools: {www: {sites: {ams: [{cname: a.example}, {cname: A.EXAMPLE.}]}}}\n",
     "pools.yaml:2:49: endpoint 'a.example' is in this site twice, first at line 2, column 2"
     "9\n"},
    {"pools.yaml",
     SITES
     "pools: {www: {sites: {ams: [{address: 192.0.2.1, seed: x}, {address: 192.0.2.2, seed: x}]"
     "}}}\n",
     "pools.yaml:2:60: endpoint '192.0.2.2' has the seed 'x' of '192.0.2.1' at line 2, column 29, "
     "expected one that no other endpoint of the pool has as seed or address\n"},
    {"pools.yaml",
     SITES "pools: {www: {steer: all, sites: {ams: [192.0.2.1], iad: [{address: 192.0.2.2, seed: "
           "192.0.2.1}]}}}\n",
     "pools.yaml:2:59: endpoint '192.0.2.2' has the seed '192.0.2.1' of '192.0.2.1' at line 2, "
     "column 41, expected one that no other endpoint of the pool has as seed or address\n"},
    {"pools.yaml", SITES "pools: {www: {ttl: 5ms, sites: {ams: [192.0.2.1]}}}\n",
     "pools.yaml:2:20: 'ttl' is '5ms', expected a duration in whole seconds (30s, 10m, 1h) f"
     "rom 0s to 2147483647s\n"},
    {"pools.yaml", SITES "pools: {www: {ttl: 2147483648, sites: {ams: [192.0.2.1]}}}\n",
     "pools.yaml:2:20: 'ttl' is '2147483648', expected a duration in whole seconds (30s, 10m"
     ", 1h) from 0s to 2147483647s\n"},
    {"pools.yaml", SITES "pools: {www: {ttl: {min: 60s, max: 5s}, sites: {ams: [192.0.2.1]}}}\n",
     "pools.yaml:2:20: 'ttl' has min 60s above max 5s, expected min <= max\n"},
    {"pools.yaml", SITES "pools: {www: {ttl: {min: 60s}, sites: {ams: [192.0.2.1]}}}\n",
     "pools.yaml:2:20: 'ttl' has no 'max', expected a duration in whole seconds (30s, 10m, 1"
     "h) from 0s to 2147483647s\n"},
    {"pools.yaml", SITES "pools: {www: {ttl: [30], sites: {ams: [192.0.2.1]}}}\n",
     "pools.yaml:2:20: 'ttl' is a list, expected a duration in whole seconds (30s, 10m, 1h) "
     "from 0s to 2147483647s\n"},
    {"pools.yaml",
     SITES "pools: {www: {checks: [wbe], sites: {ams: [192.0.2.1]}}}\n"
           "checks: {web: {type: http}}\n",
     "pools.yaml:2:24: unknown check 'wbe', did you mean 'web'?\n"},
    {"pools.yaml", SITES "pools: {www: {checks: [web], sites: {ams: [192.0.2.1]}}}\n",
     "pools.yaml:2:24: unknown check 'web', none is defined\n"},
    {"pools.yaml", SITES "pools: {www: {steer: near, sites: {ams: [192.0.2.1]}}}\n",
     "pools.yaml:2:22: unknown steer 'near', did you mean 'nearest'?\n"},
    {"pools.yaml",
     SITES "pools: {www: {steer: {map: worlds}, sites: {ams: [192.0.2.1]}}}\n"
           "maps: {world: {default: ams}}\n",
     "pools.yaml:2:28: unknown map 'worlds', did you mean 'world'?\n"},
    {"pools.yaml",
     SITES "pools: {www: {steer: {mapp: world}, sites: {ams: [192.0.2.1]}}}\n"
           "maps: {world: {default: ams}}\n",
     "pools.yaml:2:23: unknown key 'mapp', did you mean 'map'?\n"},
    {"pools.yaml",
     SITES "pools: {www: {steer: {map: world, order: [ams]}, sites: {ams: [192.0.2.1]}}}\n"
           "maps: {world: {default: ams}}\n",
     "pools.yaml:2:22: 'steer' is a mapping, expected nearest, all, {map: NAME}, {order: [SI"
     "TE...]} or {split: {SITE: WEIGHT...}}\n"},
    {"pools.yaml",
     SITES "pools: {www: {steer: {order: [ams, iad, paris]}, sites: {ams: [192.0.2.1]}}}\n",
     "pools.yaml:2:36: pool 'www' has no endpoints in site 'iad', expected a site of its 'si"
     "tes'\n"
     "pools.yaml:2:41: unknown site 'paris', expected one of: ams, iad, sin\n"},
    {"pools.yaml",
     SITES "pools: {www: {steer: {order: [ams]}, sites: {ams: [192.0.2.1], iad: [192.0.2.2]}}}\n",
     "pools.yaml:2:30: warning: site 'iad' of pool 'www' never serves: 'order' does not list"
     " it\n"},
    {"pools.yaml",
     SITES "pools: {www: {steer: {split: {ams: 1, iad: x, sin: 1}}, sites: {ams: [192.0.2.1], iad:"
           " [192.0.2.2]}}}\n",
     "pools.yaml:2:44: 'weight' is 'x', expected a whole number from 0 to 1000000\n"
     "pools.yaml:2:47: pool 'www' has no endpoints in site 'sin', expected a site of its 'si"
     "tes'\n"},
    {"pools.yaml",
     SITES "pools: {www: {steer: {split: {ams: 0}}, sites: {ams: [192.0.2.1], iad: [192.0.2.2]}}}"
           "\n",
     "pools.yaml:2:30: 'split' gives no site a weight, expected one above 0 at least\n"
     "pools.yaml:2:30: warning: site 'iad' of pool 'www' never serves: 'split' does not list"
     " it\n"},
    {"pools.yaml", SITES "pools: {www: {steer: {split: [ams]}, sites: {ams: [192.0.2.1]}}}\n",
     "pools.yaml:2:30: 'split' is a list, expected a mapping: SITE: WEIGHT\n"},
    {"pools.yaml",
     SITES "pools: {www: {steer: nearest, sites: {ams: [192.0.2.1], sin: [192.0.2.2]}}}\n",
     "pools.yaml:2:22: pool 'www' steers by nearest, but site 'sin' has no location, expecte"
     "d one at pools.yaml:1:75\n"},
    {"pools.yaml", SITES "pools: {www: {sites: {ams: [192.0.2.1], sin: [192.0.2.2]}}}\n",
     "pools.yaml:2:9: pool 'www' steers by nearest, but site 'sin' has no location, expected"
     " one at pools.yaml:1:75\n"},
    {"pools.yaml",
     SITES "pools: {www: {pick: random, answers: 0, min_up: half, sites: {ams: [192.0.2.1]}}}\n",
     "pools.yaml:2:21: unknown pick 'random', expected one of: weighted, all, ordered, stick"
     "y\n"
     "pools.yaml:2:38: 'answers' is '0', expected a whole number from 1 to 1000\n"
     "pools.yaml:2:49: 'min_up' is 'half', expected a share from 0% to 100%, or 0 to 1\n"},
    {"pools.yaml",
     SITES "pools: {www: {on_all_down: fail, sites: {ams: [192.0.2.1]}}, b: {on_all_down: {fallbac"
           "k: ww}, sites: {ams: [192.0.2.1]}}, c: {on_all_down: {}, sites: {ams: [192.0.2.1]}}}\n",
     "pools.yaml:2:28: unknown on_all_down 'fail', expected serve_all, nodata, servfail or {"
     "fallback: POOL}\n"
     "pools.yaml:2:90: unknown pool 'ww', did you mean 'www'?\n"
     "pools.yaml:2:140: 'on_all_down' has no 'fallback', expected the name of a pool\n"},
    {"pools.yaml",
     SITES "pools:\n"
           "  www: {on_all_down: {fallback: b}, sites: {ams: [192.0.2.1]}}\n"
           "  b: {on_all_down: {fallback: c}, sites: {ams: [192.0.2.1]}}\n"
           "  c: {on_all_down: {fallback: b}, sites: {ams: [192.0.2.1]}}\n",
     "pools.yaml:5:31: fallbacks of pools go in a circle: b -> c -> b\n"},
    {"pools.yaml",
     SITES "pools:\n"
           "  www: {on_all_down: {fallback: www}, sites: {ams: [192.0.2.1]}}\n",
     "pools.yaml:3:33: fallbacks of pools go in a circle: www -> www\n"},
    {"pools.yaml",
     SITES "pools:\n"
           "  www: {on_all_down: {fallback: b}, sites: {ams: [192.0.2.1]}}\n"
           "  b: {sites: {ams: [{cname: x.example}]}}\n",
     "pools.yaml:3:33: pool 'www' is of addresses but falls back to 'b' of 'cname', expected the "
     "same kind\n"},
    {"pools.yaml",
     SITES "pools:\n"
           "  www: {on_all_down: {fallback: b}, sites: {ams: [192.0.2.1, \"2001:db8::1\"]}}\n"
           "  b: {sitez: {ams: [192.0.2.2]}}\n",
     "pools.yaml:3:33: warning: pool 'www' has IPv4 addresses but falls back to 'b', which has "
     "none\n"
     "pools.yaml:4:7: unknown key 'sitez', did you mean 'sites'?\n"},
    {"pools.yaml",
     SITES "checks: {a: {type: pool, pool: b}, b: {type: pool, pool: www}}\n"
           "pools:\n"
           "  www: {checks: [a], sites: {ams: [192.0.2.1]}}\n"
           "  b: {checks: [b], sites: {ams: [192.0.2.1]}}\n",
     "pools.yaml:5:3: checks of type pool go in a circle: www -> b -> www\n"},
    {"pools.yaml",
     SITES "checks: {t: {type: tcp}}\n"
           "pools:\n"
           "  www: {checks: [t], sites: {ams: [192.0.2.1, {address: 192.0.2.2, port: 25}, {address"
           ": 192.0.2.3, name: c}]}}\n",
     "pools.yaml:4:36: endpoint '192.0.2.1' of pool 'www' has no port and check 't' names no"
     "ne, expected 'port' in one of them\n"
     "pools.yaml:4:79: endpoint 'c' of pool 'www' has no port and check 't' names none, expe"
     "cted 'port' in one of them\n"},
    {"pools.yaml",
     SITES "checks: {t: {type: http}}\n"
           "pools:\n"
           "  www: {checks: [t], sites: {ams: [{cname: a.example}]}}\n",
     "pools.yaml:4:36: endpoint 'a.example' of pool 'www' is a name, which check 't' cannot "
     "probe, expected 'probe' with an 'address', or a check of type exec or pool\n"},
    {"pools.yaml",
     SITES "checks: {t: {type: tcp}, h: {type: http}}\n"
           "pools:\n"
           "  www: {checks: [h], sites: {ams: [{cname: a.example, probe: {address: 192.0.2.1}},\n"
           "    {cname: b.example, probe: {address: 192.0.2.1}, checks: [t]},\n"
           "    {cname: c.example, probe: {address: 192.0.2.1, port: 25}, checks: [t]},\n"
           "    {cname: d.example, checks: []}]}}\n",
     "pools.yaml:5:5: endpoint 'b.example' of pool 'www' has no port and check 't' names none, "
     "expected 'port' in one of them\n"},
    {"pools.yaml",
     SITES "checks: {h: {type: http}}\n"
           "pools:\n"
           "  www: {checks: [h], sites: {ams: [{address: 192.0.2.1, probe: {}},\n"
           "    {address: 192.0.2.2, probe: 10.0.0.1},\n"
           "    {address: 192.0.2.3, probe: {address: a.example}},\n"
           "    {address: 192.0.2.4, probe: {adress: 10.0.0.1}},\n"
           "    {address: 192.0.2.5, probe: {port: 0}},\n"
           "    {address: 192.0.2.6, checks: web}]}}\n",
     "pools.yaml:4:64: 'probe' says nothing, expected 'address', 'port' or both\n"
     "pools.yaml:5:33: 'probe' is '10.0.0.1', expected a mapping with keys (address, port)\n"
     "pools.yaml:6:43: 'address' of 'probe' is 'a.example', expected an IPv4 or IPv6 address "
     "(IPv6 in quotes): names are not looked up\n"
     "pools.yaml:7:34: unknown key 'adress', did you mean 'address'?\n"
     "pools.yaml:8:40: 'port' is '0', expected a whole number from 1 to 65535\n"
     "pools.yaml:9:34: unknown check 'web', expected h\n"},
    /* What is allowed, and hardly meant. */
    {"pools.yaml",
     SITES "checks: {h: {type: http}, p: {type: pool, pool: other}}\n"
           "pools:\n"
           "  www: {checks: [h], sites: {ams: [{address: 192.0.2.1, probe: {address: 192.0.2.1}},\n"
           "    {address: 192.0.2.2, probe: {address: \"2001:db8::1\"}},\n"
           "    {address: 192.0.2.3, probe: {address: 127.0.0.1}},\n"
           "    {address: 192.0.2.4, probe: {address: 224.0.0.1}},\n"
           "    {address: 192.0.2.5, probe: {address: 192.0.2.9}, checks: []},\n"
           "    {address: 192.0.2.6, probe: {port: 80}, checks: [p]},\n"
           "    {address: 127.0.0.1, probe: {address: 127.0.0.2}}]}}\n"
           "  other: {sites: {ams: [192.0.2.1]}}\n",
     "pools.yaml:4:74: warning: 'address' of 'probe' is the one that is answered, which is probed "
     "anyway: expected another, or none\n"
     "pools.yaml:5:43: warning: 'address' of 'probe' is IPv6, but the endpoint is IPv4: clients "
     "take a way that is not probed\n"
     "pools.yaml:6:43: warning: 'address' of 'probe' is of this host itself: expected one of the "
     "endpoint's machine\n"
     "pools.yaml:7:43: warning: probed address '224.0.0.1' is a multicast address: expected the "
     "address of a server\n"
     "pools.yaml:8:5: warning: 'probe' of endpoint '192.0.2.5' has no effect: no check of it "
     "probes an address\n"
     "pools.yaml:9:5: warning: 'probe' of endpoint '192.0.2.6' has no effect: no check of it "
     "probes an address\n"},
    /* Circles by checks of endpoints, which the pool's do not show. */
    {"pools.yaml",
     SITES
     "checks: {a: {type: pool, pool: b}, b: {type: pool, pool: www}}\n"
     "pools:\n"
     "  www: {sites: {ams: [192.0.2.1], iad: [192.0.2.2, {address: 192.0.2.3, checks: [a]}]}}\n"
     "  b: {checks: [b], sites: {ams: [192.0.2.1]}}\n",
     "pools.yaml:5:3: checks of type pool go in a circle: www -> b -> www\n"},
    {"pools.yaml", /* told once, however many endpoints close it */
     SITES "checks: {a: {type: pool, pool: www}, b: {type: pool, pool: www}}\n"
           "pools:\n"
           "  www: {checks: [b], sites: {ams: [192.0.2.1, 192.0.2.2, {address: 192.0.2.3, checks: "
           "[a]},\n"
           "    {address: 192.0.2.4, checks: [a]}], iad: [192.0.2.1]}}\n",
     "pools.yaml:4:3: checks of type pool go in a circle: www -> www\n"},
    {"pools.yaml", /* as for two at once */
     SITES "checks: {w: {type: pool, pool: www}, b: {type: pool, pool: b}}\n"
           "pools:\n"
           "  www: {checks: [b], sites: {ams: [192.0.2.1]}}\n"
           "  b: {checks: [w, b], sites: {ams: [192.0.2.1, 192.0.2.2], iad: [192.0.2.1]}}\n",
     "pools.yaml:5:3: checks of type pool go in a circle: www -> b -> www\n"
     "pools.yaml:5:3: checks of type pool go in a circle: b -> b\n"},
    {"pools.yaml", /* nor is it one where nobody waits */
     SITES "checks: {a: {type: pool, pool: b}, b: {type: pool, pool: www}}\n"
           "pools:\n"
           "  www: {checks: [a], sites: {ams: [{address: 192.0.2.1, checks: []}]}}\n"
           "  b: {checks: [b], sites: {ams: [192.0.2.1]}}\n",
     ""},
    /* Defaults: each slip is told once, where it stands. */
    {"pools.yaml", SITES "defaults: {pool: {seed: a}}\npools: {www: {sites: {ams: [192.0.2.1]}}}\n",
     "pools.yaml:2:25: 'seed' of 'defaults' would make all pools assign clients alike, expected it "
     "in those pools that are meant to\n"},
    {"pools.yaml",
     SITES "defaults: {pool: {ttl: 5x, sites: {ams: [192.0.2.9]}, steer: nearst, checks: [web],\n"
           "  on_all_down: {fallback: nowhere}}, check: {interval: 1ms, timeout: 2s, port: 80}, "
           "zone: {}}\n"
           "checks: {a: {type: tcp, port: 1}, b: {type: tcp, port: 2}}\n"
           "pools: {www: {sites: {ams: [192.0.2.1]}}, old: {sites: {ams: [192.0.2.1]}}}\n",
     "pools.yaml:2:24: 'ttl' is '5x', expected a duration in whole seconds (30s, 10m, 1h) from 0s "
     "to 2147483647s\n"
     "pools.yaml:2:28: unknown key 'sites', expected one of: ttl, checks, steer, pick, answers, "
     "min_up, slow_start, on_all_down, seed\n"
     "pools.yaml:2:62: unknown steer 'nearst', did you mean 'nearest'?\n"
     "pools.yaml:2:79: unknown check 'web', expected one of: a, b\n"
     "pools.yaml:3:27: unknown pool 'nowhere', expected one of: www, old\n"
     "pools.yaml:3:56: 'interval' is '1ms', expected a duration (250ms, 5s, 10m, 1h) from 100ms to "
     "1d\n"
     "pools.yaml:3:74: unknown key 'port', expected one of: interval, timeout, rise, fall\n"
     "pools.yaml:3:85: unknown key 'zone', expected one of: pool, check\n"},
    {"pools.yaml",
     SITES "defaults: {pool: [], check: 5s}\n"
           "pools: {www: {sites: {ams: [192.0.2.1]}}}\n",
     "pools.yaml:2:18: 'pool' of 'defaults' is an empty list, expected a mapping: KEY: VALUE\n"
     "pools.yaml:2:29: 'check' of 'defaults' is '5s', expected a mapping: KEY: VALUE\n"},
    {"pools.yaml",
     SITES "defaults: {check: {interval: 1s, timeout: 2s}}\n"
           "checks: {a: {type: tcp, port: 1}}\n",
     "pools.yaml:2:43: 'timeout' is '2s', expected at most the interval, 1s\n"},
    {"pools.yaml", /* of a default, the place and the pool that it does not suit */
     SITES
     "defaults: {pool: {steer: {order: [ams, iad]}}}\n"
     "pools: {www: {sites: {ams: [192.0.2.1]}}, old: {steer: all, sites: {ams: [192.0.2.1]}}}\n",
     "pools.yaml:2:40: pool 'www' has no endpoints in site 'iad', expected a site of its "
     "'sites'\n"},
    {"pools.yaml",
     SITES "pools: {www: {sites: {ams: [{address: 192.0.2.1, weight: x}]}}}\n"
           "sitez: 3\n",
     "pools.yaml:2:58: 'weight' is 'x', expected a whole number from 0 to 1000000\n"
     "pools.yaml:3:1: unknown key 'sitez', did you mean 'sites'?\n"},
};

static void test_pools(void **state)
{
    (void)state;
    check_messages(pools, sizeof pools / sizeof *pools);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sites_and_checks),
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_pools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
