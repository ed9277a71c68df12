/* SPDX-License-Identifier: Apache-2.0
 * What is said about tiers. The tables are the specification of the messages. */
#include "files.h"

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAIN                                                                                       \
    "server: {listen: \"127.0.0.1:5399\", state_dir: state}\nhttp: {listen: \"127.0.0.1:8053\"}\n" \
    "pools: pools.yaml\ntiers: tiers.yaml\nzones: zones/\n"
#define SITES "sites: {ams: {location: [52, 5]}, iad: {location: [39, -77]}, sin: {}}\n"
static const char usual[] =
    SITES "pools:\n"
          "  web: {sites: {ams: [{address: 10.0.0.1, port: 80, name: a}, {address: 10.0.0.2, port: "
          "80}],\n"
          "    iad: [{address: \"2001:db8::1\", port: 80}]}}\n"
          "  bare: {sites: {ams: [10.0.1.1, 10.0.1.2]}}\n"
          "  cdn: {sites: {ams: [{cname: a.example}]}}\n"
          "  www: {slow_start: 1m, sites: {ams: [{address: 192.0.2.80, port: 443}, 192.0.2.81]}}\n";

struct tier_case {
    const char *tiers, *expected;
    const char *pools; /* NULL: `usual` */
    const char *main;  /* NULL: MAIN */
};

static char *load_and_print(void)
{
    struct diags diags;
    struct model *model = NULL;
    char *text = NULL;
    size_t n;
    diags_init(&diags);
    int code = config_load(&model, "loadstar.yaml", &diags);
    FILE *out = open_memstream(&text, &n);
    diags_print(&diags, out);
    fclose(out);
    assert_int_equal(code == 0, diags.n_errors == 0);
    model_free(model);
    diags_free(&diags);
    return text;
}

static void check_case(const struct tier_case *c)
{
    files_enter();
    files_write_text("loadstar.yaml", c->main ? c->main : MAIN);
    files_write_text("pools.yaml", c->pools ? c->pools : usual);
    files_write_text("tiers.yaml", c->tiers);
    files_write_text("zones/example.com.yaml",
                     "zone: example.com\nsoa: {mname: ns1, rname: hostmaster}\n"
                     "records: {\"@\": {NS: ns1}, ns1: {A: 192.0.2.53}}\n");
    files_write_text("out/there.conf", "\n");
    files_write_text("state/orders", "\n");
    assert_int_equal(mkdir("state/sub", 0755), 0);
    if (strstr(c->tiers, "zones/sub"))
        assert_int_equal(mkdir("zones/sub", 0755), 0);
    assert_int_equal(symlink("there.conf", "out/link.conf"), 0);
    assert_int_equal(symlink("out", "other"), 0);
    char *printed = load_and_print();
    if (strcmp(printed, c->expected) != 0)
        fail_msg("%s\nprinted:\n%s\nexpected:\n%s", c->tiers, printed, c->expected);
    free(printed);
    files_leave();
}

static void check_cases(const struct tier_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_case(&cases[i]);
}
#define CHECK(cases) check_cases(cases, sizeof(cases) / sizeof *(cases))

#define TIER(text) "tiers:\n  t: {" text "}\n"
#define TWO(a, b) "tiers:\n  t: {" a "}\n  u: {" b "}\n"
#define SIXTY_THREE "a123456789b123456789c123456789d123456789e123456789f123456789-_3"
#define L4_SERVICE                                                                               \
    "a mapping, or for type l4 SERVICE or SERVICE/POOL, names of letters, digits, '-', '_' and " \
    "'.'\n"
#define EXEC "type: exec, command: [/bin/true], "
#define IPVS(service, rest) "type: ipvs, service: {" service "}, " rest

static const struct tier_case keys[] = {
    {"tiers: {}\n", "", NULL, NULL},
    {TIER(EXEC "pool: web"), "", NULL, NULL},
    {"tier: {}\n", "tiers.yaml:1:1: unknown key 'tier', did you mean 'tiers'?\n", NULL, NULL},
    {"- a\n", "tiers.yaml:1:1: the file of tiers is a list, expected a mapping with keys (tiers)\n",
     NULL, NULL},
    {"tiers: {a/b: {}}\n",
     "tiers.yaml:1:9: tier name 'a/b', expected 1 to 63 letters, digits, '-', '_' or '.'\n", NULL,
     NULL},
    {TIER("pool: web"),
     "tiers.yaml:2:6: tier 't' has no 'type', expected one of: ipvs, haproxy, nginx, envoy, "
     "keepalived, exec, l4\n",
     NULL, NULL},
    {TIER("type: haprxy, pool: web"),
     "tiers.yaml:2:13: unknown type 'haprxy', did you mean 'haproxy'?\n", NULL, NULL},
    {TIER("type: l4, pool: web, port: 80, socket: /run/x.sock, service: web/api"), "", NULL, NULL},
    {TIER("type: l4, pool: web, port: 80"),
     "tiers.yaml:2:6: tier 't' of type l4 has no 'socket', expected the path of the 'control' "
     "socket of loadstar-l4\n"
     "tiers.yaml:2:6: tier 't' of type l4 has no 'service', expected the name of a service of "
     "loadstar-l4\n",
     NULL, NULL},
    {TIER("type: l4, pool: web, port: 80, socket: s, service: {port: 1}"),
     "tiers.yaml:2:58: 'service' is a mapping, expected the name of a service of loadstar-l4 with "
     "type l4\n",
     NULL, NULL},
    {TIER("type: l4, pool: web, port: 80, socket: s, service: a b"),
     "tiers.yaml:2:58: 'service' is 'a b', expected " L4_SERVICE, NULL, NULL},
    {TIER("type: l4, pool: web, port: 80, socket: s, service: web/"),
     "tiers.yaml:2:58: 'service' is 'web/', expected " L4_SERVICE, NULL, NULL},
    {TIER("type: l4, pool: web, port: 80, socket: s, service: /web"),
     "tiers.yaml:2:58: 'service' is '/web', expected " L4_SERVICE, NULL, NULL},
    {TIER("type: l4, pool: web, port: 80, socket: s, service: /"),
     "tiers.yaml:2:58: 'service' is '/', expected " L4_SERVICE, NULL, NULL},
    {TIER("type: l4, pool: web, port: 80, socket: s, service: a//b"),
     "tiers.yaml:2:58: 'service' is 'a//b', expected " L4_SERVICE, NULL, NULL},
    {TIER("type: l4, pool: web, port: 80, socket: s, service: a/b/c"),
     "tiers.yaml:2:58: 'service' is 'a/b/c', expected " L4_SERVICE, NULL, NULL},
    {TIER("type: l4, pool: web, port: 80, socket: s, service: web/a b"),
     "tiers.yaml:2:58: 'service' is 'web/a b', expected " L4_SERVICE, NULL, NULL},
    {TIER("type: l4, pool: web, port: 80, socket: s, service: " SIXTY_THREE "/" SIXTY_THREE), "",
     NULL, NULL},
    {TIER("type: l4, pool: web, port: 80, socket: s, service: " SIXTY_THREE "a"),
     "tiers.yaml:2:58: 'service' is "
     "'a123456789b123456789c123456789d123456789e123456789f123456...', expected " L4_SERVICE,
     NULL, NULL},
    {TIER("type: l4, pool: web, port: 80, socket: s, service: a/" SIXTY_THREE "a"),
     "tiers.yaml:2:58: 'service' is "
     "'a/a123456789b123456789c123456789d123456789e123456789f1234...', expected " L4_SERVICE,
     NULL, NULL},
    {TIER(EXEC "pool: web, service: web"),
     "tiers.yaml:2:61: 'service' is 'web', expected a mapping with type exec\n", NULL, NULL},
    {TIER("type: l4, pool: web, port: 80, socket: s, service: web, backend: b"),
     "tiers.yaml:2:63: 'backend' has no meaning for a tier of type l4, expected it with type "
     "haproxy\n",
     NULL, NULL},
    {"tiers:\n  t: {type: l4, pool: web, port: 80, socket: s, service: web}\n"
     "  u: {type: l4, pool: web, port: 80, socket: s, service: api}\n"
     "  v: {type: l4, pool: web, port: 80, socket: s, service: web}\n",
     "tiers.yaml:4:46: tiers 'v' and 't' (tiers.yaml:2:3) both drive service 'web' at 's', "
     "expected one tier for it\n",
     NULL, NULL},
    {TIER(EXEC "pool: wbe"), "tiers.yaml:2:47: unknown pool 'wbe', did you mean 'web'?\n", NULL,
     NULL},
    {TIER(EXEC "pool: web, site: am"), "tiers.yaml:2:58: unknown site 'am', did you mean 'ams'?\n",
     NULL, NULL},
    {TIER(EXEC "pol: web"), "tiers.yaml:2:41: unknown key 'pol', did you mean 'pool'?\n", NULL,
     NULL},
    {TIER(EXEC "pool: web, upstream: x, forward: nat, socket: s"),
     "tiers.yaml:2:52: 'upstream' has no meaning for a tier of type exec, expected it with type "
     "nginx\n"
     "tiers.yaml:2:65: 'forward' has no meaning for a tier of type exec, expected it with type "
     "ipvs\n"
     "tiers.yaml:2:79: 'socket' has no meaning for a tier of type exec, expected it with type "
     "haproxy\n",
     NULL, NULL},
    {TIER(EXEC "pool: web, service: {address: 192.0.2.9, port: 1, scheduler: rr, fwmark: 1}"),
     "tiers.yaml:2:91: 'scheduler' of 'service' has no meaning for a tier of type exec, expected "
     "it with type ipvs\n"
     "tiers.yaml:2:106: 'fwmark' of 'service' has no meaning for a tier of type exec, expected it "
     "with type ipvs\n",
     NULL, NULL},
    {"tiers:\n  i: {type: ipvs, pool: web}\n  h: {type: haproxy, pool: web}\n"
     "  n: {type: nginx, pool: web}\n  e: {type: envoy, pool: web, cluster: c, eds: {}}\n"
     "  k: {type: keepalived, pool: web}\n  x: {type: exec, pool: web}\n"
     "  s: {type: haproxy, pool: web, socket: a}\n",
     "tiers.yaml:2:6: tier 'i' of type ipvs has no 'service', expected {address: ADDRESS, port: "
     "PORT} or {fwmark: MARK}\n"
     "tiers.yaml:3:6: tier 'h' of type haproxy has no 'socket' and no 'agent', expected either or "
     "both\n"
     "tiers.yaml:4:6: tier 'n' of type nginx has no 'upstream', expected the name of an upstream\n"
     "tiers.yaml:4:6: tier 'n' of type nginx has no 'file', expected the path of a file that nginx "
     "includes\n"
     "tiers.yaml:5:48: 'eds' has no 'file' and no 'rest: true', expected either or both\n"
     "tiers.yaml:6:6: tier 'k' of type keepalived has no 'track_file', expected the path of a file "
     "that keepalived tracks\n"
     "tiers.yaml:7:6: tier 'x' of type exec has no 'command', expected a list: [PROGRAM, "
     "ARGUMENT...]\n"
     "tiers.yaml:8:6: tier 's' has a 'socket' but no 'backend', expected the name of a backend\n",
     NULL, NULL},
    {TIER("type: keepalived, pool: web, track_file: out/t, weight_when_down: 50"),
     "tiers.yaml:2:73: 'weight_when_down' is '50', expected a whole number from -254 to -1\n", NULL,
     NULL},
    {TIER("type: keepalived, pool: web, track_file: out/t, weight_when_down: -255"),
     "tiers.yaml:2:73: 'weight_when_down' is '-255', expected a whole number from -254 to -1\n",
     NULL, NULL},
    {TIER("type: envoy, pool: web, cluster: c, eds: {rest: true}"),
     "tiers.yaml:2:55: 'rest' takes the HTTP API, expected 'http' with 'listen' in "
     "'loadstar.yaml'\n",
     NULL,
     "server: {listen: \"127.0.0.1:5399\"}\npools: pools.yaml\ntiers: tiers.yaml\nzones: zones/\n"},
    {TIER("type: haproxy, pool: web, agent: {listen: \"8054\"}"),
     "tiers.yaml:2:49: 'listen' is '8054': a port without an address, expected one before it: "
     "0.0.0.0:8054 for every IPv4 address, or [::]:8054\n",
     NULL, NULL},
    {TIER("type: haproxy, pool: web, agent: {listen: 127.0.0.1}"),
     "tiers.yaml:2:49: 'listen' is '127.0.0.1', expected ADDRESS:PORT or [IPV6]:PORT\n", NULL,
     NULL},
};

static void test_keys(void **state)
{
    (void)state;
    CHECK(keys);
}

/* What would be more than a name in the formats that they are written into. */
static const struct tier_case names[] = {
    {TIER("type: haproxy, pool: web, backend: \"b; disable server\", socket: s"),
     "tiers.yaml:2:42: 'backend' is 'b; disable server', expected a name of letters, digits, '-', "
     "'_', '.' and ':'\n",
     NULL, NULL},
    {TIER("type: haproxy, pool: web, backend: \"b\\nshow info\", socket: s"),
     "tiers.yaml:2:42: 'backend' is 'b\\nshow info', expected a name of letters, digits, '-', "
     "'_', '.' and ':'\n",
     NULL, NULL},
    {TIER("type: haproxy, pool: web, backend: b/s, socket: s"),
     "tiers.yaml:2:42: 'backend' is 'b/s', expected a name of letters, digits, '-', '_', '.' and "
     "':'\n",
     NULL, NULL},
    {TIER("type: nginx, pool: web, file: out/x, upstream: \"a {} include /etc/passwd;\""),
     "tiers.yaml:2:54: 'upstream' is 'a {} include /etc/passwd;', expected a name of letters, "
     "digits, '-', '_' and '.'\n",
     NULL, NULL},
    {TIER("type: nginx, pool: web, file: out/x, upstream: \"$a\""),
     "tiers.yaml:2:54: 'upstream' is '$a', expected a name of letters, digits, '-', '_' and '.'\n",
     NULL, NULL},
    {TIER("type: envoy, pool: web, cluster: \"a\\nb\", eds: {file: out/x}"),
     "tiers.yaml:2:40: 'cluster' is 'a\\nb', expected a name without controls, of at most 255 "
     "bytes\n",
     NULL, NULL},
    /* JSON quotes these. */
    {TIER("type: envoy, pool: web, cluster: 'outbound|80||a\"b\\c', eds: {file: out/x}"), "", NULL,
     NULL},
    {TIER(IPVS("address: 192.0.2.9, port: 1, scheduler: \"a b\"", "pool: web, site: ams")),
     "tiers.yaml:2:69: 'scheduler' is 'a b', expected the name of a scheduler of IPVS, as wlc: at "
     "most 15 letters\n",
     NULL, NULL},
};

static void test_names(void **state)
{
    (void)state;
    CHECK(names);
}

static const struct tier_case members[] = {
    {TIER(EXEC "pool: bare"),
     "tiers.yaml:2:3: endpoint '10.0.1.1' (and 1 more) of pool 'bare' has no port and tier 't' "
     "names "
     "none, expected 'port' in one of them\n",
     NULL, NULL},
    {TIER(EXEC "pool: bare, port: 80"), "", NULL, NULL},
    {TIER(EXEC "pool: bare, service: {port: 80}"), "", NULL, NULL},
    {TIER(EXEC "pool: bare, members: {ams: {port: 80}}"), "", NULL, NULL},
    {TIER("type: keepalived, pool: bare, track_file: out/t"), "", NULL, NULL},
    {TIER(EXEC "pool: bare, port: 0"),
     "tiers.yaml:2:59: 'port' is 0, the one that the client asked for, which takes an IPVS "
     "service of all ports or by mark, expected 1 to 65535\n",
     NULL, NULL},
    {TIER(EXEC "pool: cdn"),
     "tiers.yaml:2:47: pool 'cdn' is of 'cname', expected one of addresses: a balancer connects "
     "to addresses\n",
     NULL, NULL},
    /* What is wrong with an endpoint is told where it stands, once. */
    {TIER(EXEC "pool: p"),
     "pools.yaml:2:35: 'cname' is '.', expected a domain name, as edge.cdn.example.net\n"
     "pools.yaml:2:39: endpoint has no 'address', expected an address, or 'cname' with a name\n",
     SITES "pools: {p: {sites: {ams: [{cname: .}, {}]}}}\n", NULL},
    {TIER(EXEC "pool: web, site: sin"),
     "tiers.yaml:2:58: pool 'web' of tier 't' has nothing in site 'sin', expected one of its "
     "sites, or \"*\" for all\n",
     NULL, NULL},
    {TIER(EXEC "pool: bare, port: 1"),
     "tiers.yaml:2:3: pool 'bare' of tier 't' has nothing in site 'iad', where the server stands, "
     "expected a 'site', or \"*\" for all\n",
     NULL,
     "server: {listen: \"127.0.0.1:5399\", site: iad}\npools: pools.yaml\ntiers: "
     "tiers.yaml\nzones: zones/\n"},
    {TIER(EXEC "pool: bare, port: 1, site: \"*\""), "", NULL,
     "server: {listen: \"127.0.0.1:5399\", site: iad}\npools: pools.yaml\ntiers: "
     "tiers.yaml\nzones: zones/\n"},
    {"tiers: {}\n", "loadstar.yaml:1:42: unknown site 'amss', did you mean 'ams'?\n", NULL,
     "server: {listen: \"127.0.0.1:5399\", site: amss}\npools: pools.yaml\ntiers: "
     "tiers.yaml\nzones: zones/\n"},
    {TIER(EXEC "pool: p"),
     "tiers.yaml:2:3: tier 't' has 10.0.0.1:80 twice: '10.0.0.1' at pools.yaml:2:27 and "
     "'10.0.0.1' at pools.yaml:2:65, expected each address and port once in a tier\n",
     SITES "pools: {p: {sites: {ams: [{address: 10.0.0.1, port: 80}], iad: [{address: 10.0.0.1, "
           "port: 80}]}}}\n",
     NULL},
    /* Two of one machine, made one by the tier. */
    {TIER(EXEC "pool: p, port: 80"),
     "tiers.yaml:2:3: tier 't' has 10.0.0.1:80 twice: 'a' at pools.yaml:2:27 and 'b' at "
     "pools.yaml:2:66, expected each address and port once in a tier\n",
     SITES "pools: {p: {sites: {ams: [{address: 10.0.0.1, name: a, port: 1}, {address: 10.0.0.1, "
           "name: b, port: 2}]}}}\n",
     NULL},
    {TIER(EXEC "pool: web, members: [a]"),
     "tiers.yaml:2:61: 'members' is a list, expected a mapping: \"SITE/LABEL\": {...}\n", NULL,
     NULL},
    {TIER(EXEC "pool: web, members: {ams/x: {port: 1}, ams/a: {forward: dr}, ams: {prt: 1}}"),
     "tiers.yaml:2:62: 'ams/x' matches no member, expected SITE/LABEL or SITE of the tier's pool "
     "'web'\n"
     "tiers.yaml:2:97: 'forward' has no meaning for a tier of type exec, expected it with type "
     "ipvs\n"
     "tiers.yaml:2:108: unknown key 'prt', did you mean 'port'?\n",
     NULL, NULL},
    /* A site that is not the tier's. */
    {TIER(EXEC "pool: web, site: ams, members: {iad: {port: 1}}"),
     "tiers.yaml:2:73: 'iad' matches no member, expected SITE/LABEL or SITE of the tier's pool "
     "'web'\n",
     NULL, NULL},
    {TIER(EXEC "pool: web, behind: [\"wwww/*\", www/ams/x, www//, ams]"),
     "tiers.yaml:2:61: 'wwww/*' matches no endpoint, expected one that leads clients to this "
     "tier\n"
     "tiers.yaml:2:71: 'www/ams/x' matches no endpoint, expected one that leads clients to this "
     "tier\n"
     "tiers.yaml:2:82: 'behind' is 'www//', expected a target: POOL/SITE/LABEL, POOL/SITE or "
     "SITE\n"
     "tiers.yaml:2:89: 'behind' names members of tier 't' itself, expected endpoints that lead "
     "clients to it\n",
     NULL, NULL},
};

static void test_members(void **state)
{
    (void)state;
    CHECK(members);
}

#define AT "address: 192.0.2.9, port: 80"
static const struct tier_case services[] = {
    {TIER(IPVS(AT, "pool: web, site: ams")), "", NULL, NULL},
    {TIER(IPVS("port: 80", "pool: web, site: ams")),
     "tiers.yaml:2:28: 'service' has no 'address', expected 'address' and 'port', or 'fwmark'\n",
     NULL, NULL},
    {TIER(IPVS(AT ", fwmark: 1", "pool: web, site: ams")),
     "tiers.yaml:2:28: 'service' has 'address' and 'fwmark', expected one of them\n", NULL, NULL},
    {TIER(IPVS("address: 192.0.2.9", "pool: web, site: ams")),
     "tiers.yaml:2:28: 'service' has no 'port', expected a whole number from 0 to 65535\n", NULL,
     NULL},
    {TIER(IPVS("address: 192.0.2.9, port: 0", "pool: web, site: ams")),
     "tiers.yaml:2:55: 'port' is 0, all ports, which takes 'persistence': without it the "
     "connections of one client go to different members\n",
     NULL, NULL},
    {TIER(IPVS("address: 0.0.0.0, port: 1", "pool: web, site: ams")),
     "tiers.yaml:2:38: 'address' of 'service' is '0.0.0.0': every address of this host, expected "
     "one of them\n",
     NULL, NULL},
    {TIER(IPVS("address: 224.0.0.9, port: 1", "pool: web, site: ams")),
     "tiers.yaml:2:38: 'address' of 'service' is '224.0.0.9': a multicast address, expected one "
     "of a host, or 0.0.0.0 for every IPv4 address\n",
     NULL, NULL},
    {TIER(IPVS(AT ", family: ipv4", "pool: web, site: ams")),
     "tiers.yaml:2:67: 'family' has no meaning with 'address'\n", NULL, NULL},
    {TIER(IPVS("fwmark: 1, protocol: tcp", "pool: web, site: ams")),
     "tiers.yaml:2:50: 'protocol' has no meaning with 'fwmark': the marked packets have theirs\n",
     NULL, NULL},
    {TIER(IPVS(AT ", scheduler: wcl", "pool: web, site: ams")),
     "tiers.yaml:2:70: warning: no scheduler 'wcl' is known of Linux, did you mean 'wlc'?\n", NULL,
     NULL},
    {TIER(IPVS(AT ", persistence: {timeout: 5m, prefix: 64}", "pool: web, site: ams")),
     "tiers.yaml:2:72: 'prefix' of 'persistence' is 64, expected at most 32 for IPv4\n", NULL,
     NULL},
    {TIER(IPVS(AT, "pool: web")),
     "tiers.yaml:2:3: member '2001:db8::1' of tier 't' is IPv6 and its service IPv4, expected one "
     "family, or 'forward: tunnel'\n",
     NULL, NULL},
    {TIER(IPVS(AT, "pool: web, members: {iad: {forward: tunnel}}")), "", NULL, NULL},
    {TIER(IPVS("fwmark: 3, family: ipv6", "pool: web, port: 0, site: ams")),
     "tiers.yaml:2:3: member 'a' of tier 't' is IPv4 and its service IPv6, expected one family, "
     "or 'forward: tunnel'\n",
     NULL, NULL},
    {TIER(IPVS("address: 192.0.2.9, port: 443", "pool: web, site: ams, forward: dr")),
     "tiers.yaml:2:3: member 'a' of tier 't' has port 80, but 'dr' leaves packets as they came, "
     "to port 443: expected 'port: 443' in the tier, or 'forward: nat'\n",
     NULL, NULL},
    {TIER(IPVS("address: 192.0.2.9, port: 443", "pool: web, site: ams, port: 443, forward: dr")),
     "", NULL, NULL},
    {TIER(IPVS("fwmark: 1", "pool: web, site: ams, forward: dr")), "", NULL, NULL},
    {TIER(IPVS("fwmark: 1", "pool: web, site: ams")),
     "tiers.yaml:2:3: warning: tier 't' takes packets for all ports, and member 'a' gets them at "
     "its "
     "port 80: expected 'port: 0' for the one that the client asked for, or 'port: 80' if that is "
     "meant\n",
     NULL, NULL},
    {TIER(IPVS("fwmark: 1", "pool: web, site: ams, port: 0")), "", NULL, NULL},
    {TIER(IPVS("fwmark: 1", "pool: web, site: ams, port: 80")), "", NULL, NULL},
    {TIER(IPVS(AT, "pool: web, site: ams, forward: {tunnel: gue}")),
     "tiers.yaml:2:91: 'forward' by gue has no 'port', expected the UDP port that members "
     "decapsulate at, as {tunnel: gue, port: 6080}\n",
     NULL, NULL},
    {TIER(IPVS(AT, "pool: web, site: ams, forward: {tunnel: gre, port: 1}")),
     "tiers.yaml:2:111: 'port' has no meaning for tunnel gre, expected it with gue\n", NULL, NULL},
    {TIER(IPVS(AT, "pool: web, site: ams, forward: gue")),
     "tiers.yaml:2:91: unknown forward 'gue', expected nat, dr, tunnel, or {tunnel: ipip}, "
     "{tunnel: gre} or {tunnel: gue, port: PORT}\n",
     NULL, NULL},
    {TIER(IPVS(AT, "pool: web, site: ams, thresholds: {upper: 5, lower: 5}")),
     "tiers.yaml:2:112: 'lower' is '5', expected less than 'upper', 5\n", NULL, NULL},
    {TIER(IPVS(AT, "pool: web, site: ams")),
     "tiers.yaml:2:3: warning: without 'state_dir' of the server nobody knows after a restart "
     "what Loadstar has made in tier 't': it is taken for others' and kept\n",
     NULL,
     "server: {listen: \"127.0.0.1:5399\"}\npools: pools.yaml\ntiers: tiers.yaml\nzones: zones/\n"},
};

static void test_services(void **state)
{
    (void)state;
    CHECK(services);
}

#define NGINX(file) "type: nginx, pool: web, upstream: w, file: " file
static const struct tier_case places[] = {
    {TIER(NGINX("out/new.conf")), "", NULL, NULL},
    {TIER(NGINX("out/there.conf")), "", NULL, NULL},
    {TIER(NGINX("other/new.conf")), "", NULL, NULL}, /* a linked directory is resolved */
    {TIER(NGINX("none/new.conf")),
     "tiers.yaml:2:50: cannot find the directory 'none' of 'none/new.conf': No such file or "
     "directory\n",
     NULL, NULL},
    {TIER(NGINX("out/link.conf")),
     "tiers.yaml:2:50: 'out/link.conf' is a link, expected a file that only Loadstar writes\n",
     NULL, NULL},
    {TIER(NGINX("out")),
     "tiers.yaml:2:50: 'out' is a directory, expected a file that only Loadstar writes\n", NULL,
     NULL},
    {TIER(NGINX("out/")), "tiers.yaml:2:50: 'out/' is a directory, expected a file\n", NULL, NULL},
    {TIER(NGINX("state/w.conf")),
     "tiers.yaml:2:50: 'state/w.conf' is in 'state_dir', expected a directory of its own\n", NULL,
     NULL},
    {TIER(NGINX("state/sub/w.conf")), "", NULL, NULL},
    {TIER(NGINX("zones/sub/w.conf")),
     "tiers.yaml:2:50: 'zones/sub/w.conf' is in a directory of 'zones', expected a directory of "
     "its own\n"
     "loadstar.yaml:5:8: warning: the directory 'zones/sub' is not read: expected zones beside "
     "each "
     "other, or its name in 'zones'\n",
     NULL, NULL},
    {TIER(NGINX("zones/w.conf")),
     "tiers.yaml:2:50: 'zones/w.conf' is in a directory of 'zones', expected a directory of its "
     "own\n",
     NULL, NULL},
    {TIER(NGINX("pools.yaml")),
     "tiers.yaml:2:50: 'pools.yaml' is read as configuration, expected a file that only Loadstar "
     "writes\n",
     NULL, NULL},
    {TIER(NGINX("zones/example.com.yaml")),
     "tiers.yaml:2:50: 'zones/example.com.yaml' is a zone of this configuration\n", NULL,
     "pools: pools.yaml\ntiers: tiers.yaml\nzones: [zones/example.com.yaml]\n"},
};

static void test_places(void **state)
{
    (void)state;
    CHECK(places);
}

static const struct tier_case pairs[] = {
    {TWO(NGINX("out/a.conf"), NGINX("other/a.conf")),
     "tiers.yaml:3:50: tiers 'u' and 't' (tiers.yaml:2:3) both drive the file 'other/a.conf', "
     "expected one tier for it\n",
     NULL, NULL},
    {TWO(IPVS(AT, "pool: web, site: ams"), IPVS(AT ", scheduler: rr", "pool: bare")),
     "tiers.yaml:3:3: tiers 'u' and 't' (tiers.yaml:2:3) both drive the service 192.0.2.9:80 of "
     "tcp, expected one tier for it\n",
     NULL, NULL},
    {TWO(IPVS(AT, "pool: web, site: ams"), IPVS(AT ", protocol: udp", "pool: bare")), "", NULL,
     NULL},
    {TWO(IPVS("fwmark: 7", "pool: web, port: 0, site: ams"), IPVS("fwmark: 7", "pool: bare")),
     "tiers.yaml:3:3: tiers 'u' and 't' (tiers.yaml:2:3) both drive the IPv4 service of mark 7, "
     "expected one tier for it\n",
     NULL, NULL},
    {TWO(IPVS("fwmark: 7", "pool: web, port: 0, site: ams"),
         IPVS("fwmark: 7", "pool: web, port: 0, site: iad")),
     "", NULL, NULL},
    {TWO("type: haproxy, pool: web, backend: b, socket: s",
         "type: haproxy, pool: bare, port: 1, backend: b, socket: s"),
     "tiers.yaml:3:63: tiers 'u' and 't' (tiers.yaml:2:3) both drive backend 'b' at 's', expected "
     "one tier for it\n",
     NULL, NULL},
    {TWO("type: haproxy, pool: web, backend: b, socket: s",
         "type: haproxy, pool: web, backend: c, socket: s"),
     "", NULL, NULL},
    {TWO("type: haproxy, pool: web, agent: {listen: \"127.0.0.1:1\"}",
         "type: haproxy, pool: web, agent: {listen: \"127.0.0.1:1\"}"),
     "", NULL, NULL},
    {TWO("type: envoy, pool: web, cluster: c, eds: {rest: true}",
         "type: envoy, pool: web, cluster: c, eds: {rest: true}"),
     "tiers.yaml:3:3: tiers 'u' and 't' (tiers.yaml:2:3) both drive cluster 'c' of the HTTP API, "
     "expected one tier for it\n",
     NULL, NULL},
    {TIER(EXEC "pool: web, slow_start: 30s"), "", NULL, NULL},
    {TIER(EXEC "pool: www, port: 1, slow_start: 1m"), "", NULL, NULL},
    {TIER(EXEC "pool: www, port: 1, slow_start: 30s"),
     "tiers.yaml:2:73: 'slow_start' is not that of pool 'www' at pools.yaml:7:21, expected the "
     "same: an endpoint begins slowly everywhere at once\n",
     NULL, NULL},
    {TWO(EXEC "pool: web, slow_start: 30s", EXEC "pool: web, slow_start: 40s"),
     "tiers.yaml:3:64: 'slow_start' is not that of pool 'web' at tiers.yaml:2:64, expected the "
     "same: an endpoint begins slowly everywhere at once\n",
     NULL, NULL},
};

static void test_pairs(void **state)
{
    (void)state;
    CHECK(pairs);
}

#define FED(pool, from)                                                                \
    SITES "pools:\n  web: {sites: {ams: [{address: 10.0.0.1, port: 80}]}}\n"           \
          "  www: {sites: {ams: [{address: 192.0.2.80, port: 443}]}}\n"                \
          "  " pool ": {sites: {ams: [{address: 192.0.2.9, port: 80}]}, weight_from: " \
          "{" from "}}\n"
#define VIP TIER(IPVS(AT, "pool: web"))
static const struct tier_case weights[] = {
    {VIP, "", FED("f", "tier: t, target_sessions: 5"), NULL},
    {VIP, "pools.yaml:5:75: unknown tier 'x', expected t\n",
     FED("f", "tier: x, target_sessions: 5"), NULL},
    {"tiers: {}\n", "pools.yaml:5:75: unknown tier 't', none is defined\n",
     FED("f", "tier: t, target_sessions: 5"), NULL},
    {VIP,
     "pools.yaml:5:68: 'weight_from' has no 'tier', expected the name of a tier\n"
     "pools.yaml:5:68: 'weight_from' has no 'target_sessions', expected a whole number from 1 to "
     "1000000000\n",
     FED("f", "min: 5%"), NULL},
    {VIP, "pools.yaml:5:103: 'low' of 'weight_from' is above 'high', expected low <= high\n",
     FED("f", "tier: t, target_sessions: 5, low: 90%, high: 80%"), NULL},
    {VIP,
     "pools.yaml:5:103: 'min' of 'weight_from' is 0, which would take an endpoint out for its "
     "load, expected a share above 0%\n",
     FED("f", "tier: t, target_sessions: 5, min: 0"), NULL},
    {TIER(IPVS("address: 192.0.2.10, port: 80", "pool: web")),
     "pools.yaml:5:75: no endpoint of pool 'f' is a member of tier 't' or leads clients to it, "
     "expected the tier's pool, 'web', or one with the address and port of its 'service', or "
     "'behind' in the tier\n",
     FED("f", "tier: t, target_sessions: 5"), NULL},
    {TIER(EXEC "pool: web, behind: f/ams"),
     "pools.yaml:5:75: the sessions of tier 't' cannot be read, expected one of type ipvs, "
     "nginx or l4, or haproxy with a 'socket'\n",
     FED("f", "tier: t, target_sessions: 5"), NULL},
    /* What is of one pool is no default of many. */
    {VIP,
     "pools.yaml:2:19: unknown key 'weight_from', expected one of: ttl, checks, steer, pick, "
     "answers, min_up, slow_start, on_all_down, seed\n",
     SITES "defaults: {pool: {weight_from: {tier: t, target_sessions: 1}}}\n"
           "pools: {web: {sites: {ams: [{address: 10.0.0.1, port: 80}]}}}\n",
     NULL},
};

static void test_weights(void **state)
{
    (void)state;
    CHECK(weights);
}

/* Files that could not be read are told of, and nothing that would follow from that. */
static const struct tier_case unread[] = {
    {VIP,
     "pools.yaml:1:1: the file of pools is 'pools', expected a mapping with keys (defaults, sites, "
     "checks, ...)\n",
     "pools\n", NULL},
    {TIER(IPVS(AT, "pool: web, site: ams")),
     "loadstar.yaml:2:9: cannot read 'none.yaml': No such file or directory\n", NULL,
     "server: {state_dir: state}\npools: [none.yaml, pools.yaml]\ntiers: tiers.yaml\n"
     "zones: zones/\n"},
    {TIER(IPVS(AT, "pool: gone")),
     "loadstar.yaml:2:9: cannot read 'none.yaml': No such file or directory\n",
     FED("f", "tier: t, target_sessions: 5"),
     "server: {state_dir: state}\npools: [none.yaml, pools.yaml]\ntiers: tiers.yaml\n"
     "zones: zones/\n"},
    {"- x\n", "tiers.yaml:1:1: the file of tiers is a list, expected a mapping with keys (tiers)\n",
     FED("f", "tier: t, target_sessions: 5"), NULL},
};

static void test_unread(void **state)
{
    (void)state;
    CHECK(unread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),    cmocka_unit_test(test_names),
        cmocka_unit_test(test_members), cmocka_unit_test(test_services),
        cmocka_unit_test(test_places),  cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_weights), cmocka_unit_test(test_unread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
