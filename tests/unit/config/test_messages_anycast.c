/* SPDX-License-Identifier: Apache-2.0
 * What is said about prefix sets and speakers. The tables are the specification of the messages. */
#include "files.h"

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVER(listen) "server: {listen: " listen ", state_dir: state}\ncontrol: control.sock\n"
#define REST "pools: pools.yaml\nanycast: a.yaml\nzones: zones/\n"
#define MAIN SERVER("[192.0.2.53, \"[2001:db8::53]:53\"]") REST
static const char pools[] =
    "sites: {ams: {location: [52, 5]}, iad: {location: [39, -77]}, sin: {}}\n"
    "checks: {up: {type: tcp, port: 179}, bare: {type: tcp}, web: {type: http},\n"
    "  all: {type: pool, pool: www}}\n"
    "pools:\n"
    "  www: {checks: [web], sites: {ams: [192.0.2.11], iad: [192.0.2.12]}}\n"
    "  plain: {sites: {ams: [192.0.2.21], iad: [{address: 192.0.2.22, checks: [web, bare],\n"
    "    port: 1}]}}\n"
    "  last: {checks: [all], sites: {ams: [192.0.2.31]}}\n";

struct anycast_case {
    const char *anycast, *expected;
    const char *main; /* NULL: MAIN */
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

static void check_case(const struct anycast_case *c)
{
    files_enter();
    files_write_text("loadstar.yaml", c->main ? c->main : MAIN);
    files_write_text("pools.yaml", pools);
    files_write_text("a.yaml", c->anycast);
    files_write_text("tiers.yaml",
                     "tiers: {n: {type: nginx, pool: www, port: 80, upstream: w, file: "
                     "out/n.conf,\n  service: {address: 198.51.100.80, port: 80}}}\n");
    files_write_text("zones/example.com.yaml",
                     "zone: example.com\nsoa: {mname: ns1, rname: hostmaster}\n"
                     "records: {\"@\": {NS: ns1}, ns1: {A: 192.0.2.53}}\n");
    files_write_text("out/there.conf", "\n");
    files_write_text("state/orders", "\n");
    assert_int_equal(symlink("there.conf", "out/link.conf"), 0);
    assert_int_equal(symlink("out", "other"), 0);
    char *printed = load_and_print();
    if (strcmp(printed, c->expected) != 0)
        fail_msg("%s\nprinted:\n%s\nexpected:\n%s", c->anycast, printed, c->expected);
    free(printed);
    files_leave();
}

static void check_cases(const struct anycast_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_case(&cases[i]);
}
#define CHECK(cases) check_cases(cases, sizeof(cases) / sizeof *(cases))

/* A set `d` through an exec speaker; more of it, of the sets, of the speakers. */
#define X "speakers: {x: {type: exec, command: [/bin/true]}}\n"
#define SET(text) "anycast:\n  d: {speaker: x, " text "}\n" X
#define DNS "prefixes: 192.0.2.53/32"
#define OK(text) SET(DNS ", " text)
#define SETS(a, b) "anycast:\n  a: {speaker: x, " a "}\n  b: {speaker: x, " b "}\n" X
#define NAME_53 "abcdefghijklmnopqrstuvwxyz0123456789-abcdefghijklmnop"
#define SPEAKER(text) "anycast: {d: {" DNS ", speaker: x}}\nspeakers:\n  x: {" text "}\n"
#define SPEAKERS(a, b)                                                                       \
    "anycast: {d: {" DNS ", speaker: x}, e: {prefixes: \"2001:db8::53/128\", speaker: y}}\n" \
    "speakers:\n  x: {" a "}\n  y: {" b "}\n"

static const struct anycast_case keys[] = {
    {"{}\n", "", NULL},
    {OK("hold: tun"), "", NULL},
    {"- a\n",
     "a.yaml:1:1: the file of anycast is a list, expected a mapping with keys (anycast, "
     "speakers)\n",
     NULL},
    {"anycast: []\n", "a.yaml:1:10: 'anycast' is an empty list, expected a mapping: NAME: {...}\n",
     NULL},
    {"speakers: x\n", "a.yaml:1:11: 'speakers' is 'x', expected a mapping: NAME: {...}\n", NULL},
    {"speaker: {}\n", "a.yaml:1:1: unknown key 'speaker', did you mean 'speakers'?\n", NULL},
    {"anycast: {a/b: {}}\n",
     "a.yaml:1:11: prefix set name 'a/b', expected 1 to 63 letters, digits, '-', '_' or '.'\n",
     NULL},
    {SET("rise: 1s"),
     "a.yaml:2:6: prefix set 'd' has no 'prefixes', expected a prefix or a list of prefixes: "
     "ADDRESS/LENGTH\n",
     NULL},
    {"anycast:\n  d: {" DNS "}\n" X,
     "a.yaml:2:6: prefix set 'd' has no 'speaker', expected the name of a speaker\n", NULL},
    {OK("next_hopp: self"), "a.yaml:2:44: unknown key 'next_hopp', did you mean 'next_hop'?\n",
     NULL},
    {"anycast:\n  d: {speaker: y1, " DNS "}\nspeakers: {y: {type: exec, command: [a]}}\n",
     "a.yaml:2:16: unknown speaker 'y1', did you mean 'y'?\n", NULL},
    {OK("site: am"), "a.yaml:2:50: unknown site 'am', did you mean 'ams'?\n", NULL},
    {OK("rise: 99ms"),
     "a.yaml:2:50: 'rise' is '99ms', expected a duration (250ms, 5s, 10m, 1h) from 100ms to 10m\n",
     NULL},
    {OK("fall: 601s"),
     "a.yaml:2:50: 'fall' is '601s', expected a duration (250ms, 5s, 10m, 1h) from 0s to 10m\n",
     NULL},
    {OK("drain_time: 1h"),
     "a.yaml:2:56: 'drain_time' is '1h', expected a duration (250ms, 5s, 10m, 1h) from 100ms to "
     "10m\n",
     NULL},
    {OK("shutdown: gracefull"),
     "a.yaml:2:54: unknown shutdown 'gracefull', did you mean 'graceful'?\n", NULL},
    {OK("shutdown: immediate, drain_time: 5s"),
     "a.yaml:2:77: 'drain_time' has no meaning with 'shutdown: immediate', expected it with "
     "graceful\n",
     NULL},
    {OK("allow: narrow"), "a.yaml:2:51: unknown allow 'narrow', expected wide, or an empty list\n",
     NULL},
    {OK("allow: []"), "", NULL},
    {OK("on_announce: {timeout: 1s}"),
     "a.yaml:2:57: 'on_announce' has no 'command', expected a list of texts\n", NULL},
    {OK("on_announce: [up]"),
     "a.yaml:2:57: 'on_announce' is a list, expected a mapping with keys (command, timeout, "
     "required)\n",
     NULL},
    {OK("on_withdraw: {command: [a], required: true}"),
     "a.yaml:2:72: unknown key 'required', expected one of: command, timeout\n", NULL},
    {OK("on_withdraw: {command: a}"), "a.yaml:2:67: 'command' is 'a', expected a list of texts\n",
     NULL},
};

static void test_keys(void **state)
{
    (void)state;
    CHECK(keys);
}

static const struct anycast_case prefixes[] = {
    {SET("prefixes: []"), "a.yaml:2:29: 'prefixes' has 0 items, expected 1 to 256\n", NULL},
    {SET("prefixes: 192.0.2.53"),
     "a.yaml:2:29: the prefix is '192.0.2.53', expected ADDRESS/LENGTH: 192.0.2.53/32 for this "
     "address alone\n",
     NULL},
    {SET("prefixes: [192.0.2.53/24]"),
     "a.yaml:2:30: the prefix is '192.0.2.53/24', expected 192.0.2.0/24, as bits past its length "
     "are set\n",
     NULL},
    {SET("prefixes: [192.0.2.53/33]"),
     "a.yaml:2:30: the prefix is '192.0.2.53/33', expected ADDRESS/LENGTH, as 192.0.2.53/32\n",
     NULL},
    {SET("prefixes: [[]]"),
     "a.yaml:2:30: the prefix is an empty list, expected ADDRESS/LENGTH, as 192.0.2.53/32\n", NULL},
    {SET("prefixes: [0.0.0.0/0, \"::/0\"], allow: wide, self: false"),
     "a.yaml:2:30: '0.0.0.0/0' is the default route, expected a prefix that this node serves\n"
     "a.yaml:2:41: '::/0' is the default route, expected a prefix that this node serves\n",
     NULL},
    {SET("prefixes: [127.0.0.0/8, 10.0.0.0/8, \"ff02::/16\", \"fe80::1/128\", \"::1/128\", "
         "240.0.0.0/24, 239.1.1.1/32, \"::ffff:c000:235/128\"], allow: wide, self: false"),
     "a.yaml:2:30: prefix '127.0.0.0/8' is of the loopback: it cannot be announced\n"
     "a.yaml:2:55: prefix 'ff02::/16' is of multicast: it cannot be announced\n"
     "a.yaml:2:68: prefix 'fe80::1/128' is of a link alone: it cannot be announced\n"
     "a.yaml:2:83: prefix '::1/128' is of the loopback: it cannot be announced\n"
     "a.yaml:2:94: prefix '240.0.0.0/24' is in 240.0.0.0/4, which no host has: it cannot be "
     "announced\n"
     "a.yaml:2:108: prefix '239.1.1.1/32' is of multicast: it cannot be announced\n"
     "a.yaml:2:122: prefix '::ffff:c000:235/128' is of IPv4 within IPv6: it cannot be announced\n",
     NULL},
    {SET("prefixes: [0.0.0.0/1, 128.0.0.0/1, \"::/1\", \"fe00::/8\"], allow: wide, self: false"),
     "a.yaml:2:30: prefix '0.0.0.0/1' has addresses in 0.0.0.0/8, which no host has: it cannot be "
     "announced\n"
     "a.yaml:2:41: prefix '128.0.0.0/1' has addresses of multicast: it cannot be announced\n"
     "a.yaml:2:54: prefix '::/1' has addresses of the loopback: it cannot be announced\n"
     "a.yaml:2:62: prefix 'fe00::/8' has addresses of a link alone: it cannot be announced\n",
     NULL},
    {SET("prefixes: [192.0.2.0/23, \"2001:db8::/47\"]"),
     "a.yaml:2:30: prefix '192.0.2.0/23' is wider than /24, expected one that only this service "
     "is in, or 'allow: wide'\n"
     "a.yaml:2:44: prefix '2001:db8::/47' is wider than /48, expected one that only this service "
     "is in, or 'allow: wide'\n",
     NULL},
    {SET("prefixes: [192.0.2.0/24, \"2001:db8::/48\"]"), "", NULL},
    {SET("prefixes: [192.0.2.0/23, \"2001:db8::/32\"], allow: [wide]"), "", NULL},
    {SET("prefixes: [192.0.2.53/32, 192.0.2.53/32]"),
     "a.yaml:2:45: prefix '192.0.2.53/32' is listed twice\n", NULL},
    {SETS("prefixes: [192.0.2.53/32, \"2001:db8::53/128\"]", "prefixes: [\"2001:DB8::0:53/128\"]"),
     "a.yaml:3:30: prefix sets 'b' and 'a' (a.yaml:2:3) both have '2001:db8::53/128', expected it "
     "in one\n",
     NULL},
    {SETS("prefixes: [192.0.2.53/32]", "prefixes: [192.0.2.0/24]"), "", NULL},
};

static void test_prefixes(void **state)
{
    (void)state;
    CHECK(prefixes);
}

#define NOBODY                                                                                   \
    " covers no address of 'listen' and of no tier's 'service': nobody answers there, expected " \
    "one, or 'self: false'\n"
#define ANY_V4 SERVER("\"0.0.0.0:53\"") REST
#define TIERS SERVER("[192.0.2.53, \"2001:db8::53\"]") "tiers: tiers.yaml\n" REST
#define NO_ZONES SERVER("192.0.2.53") "pools: pools.yaml\nanycast: a.yaml\n"
#define NO_DNS \
    "loadstar.yaml:1:1: warning: no 'zones': no DNS is served, endpoints are checked only\n"

static const struct anycast_case selves[] = {
    {SET("prefixes: [198.51.100.53/32]"),
     "a.yaml:2:30: '198.51.100.53/32' of prefix set 'd'" NOBODY, NULL},
    {SET("prefixes: [192.0.2.53/32, \"2001:db8::54/128\"]"),
     "a.yaml:2:45: '2001:db8::54/128' of prefix set 'd'" NOBODY, NULL},
    {SET("prefixes: [198.51.100.53/32], self: off"), "", NULL},
    {SET("prefixes: [198.51.100.53/32]"), "", ANY_V4},
    {SET("prefixes: [\"2001:db8::53/128\"]"),
     "a.yaml:2:30: '2001:db8::53/128' of prefix set 'd'" NOBODY, ANY_V4},
    {SET("prefixes: [198.51.100.0/24]"),
     "a.yaml:2:30: '198.51.100.0/24' of prefix set 'd' has no address of its own in 'listen', "
     "expected one there, or 'self: {address: ADDRESS}' with one that is asked\n",
     ANY_V4},
    {SET("prefixes: [198.51.100.0/24], self: {address: 198.51.100.1}"), "", ANY_V4},
    {SET("prefixes: [192.0.2.0/24], self: {address: 192.0.2.54}"),
     "a.yaml:2:61: 'address' of 'self' of prefix set 'd' is 192.0.2.54, which 'listen' has not, "
     "expected one that this server answers on\n",
     NULL},
    {SET("prefixes: [192.0.2.53/32], self: {address: \"2001:db8::53\"}"),
     "a.yaml:2:62: 'address' of 'self' of prefix set 'd' is 2001:db8::53, which none of its "
     "prefixes covers, expected one within them\n",
     NULL},
    {SET("prefixes: 198.51.100.80/32"), "", TIERS},
    {SET("prefixes: 198.51.100.80/32, self: {name: example.com}"),
     "a.yaml:2:53: 'self' of prefix set 'd' has nobody to ask: its prefixes cover addresses of "
     "tiers, and none of 'listen', expected one there, or 'self: false'\n",
     TIERS},
    {SET("prefixes: [192.0.2.53/32, 198.51.100.80/32], self: true"), "", TIERS},
    {OK("self: maybe"), "a.yaml:2:50: 'self' is 'maybe', expected true or false\n", NULL},
    {OK("self: {address: here, name: a..b, type: NOPE}"),
     "a.yaml:2:60: 'address' of 'self' is 'here', expected an IPv4 or IPv6 address (IPv6 in "
     "quotes) within the prefixes\n"
     "a.yaml:2:72: 'name' of 'self' is 'a..b', expected a domain name, as example.com\n"
     "a.yaml:2:84: 'type' of 'self' is 'NOPE', expected a type of records, as SOA\n",
     NULL},
    {OK("self: {type: AXFR}"),
     "a.yaml:2:57: 'type' of 'self' is 'AXFR', expected a type of records, as SOA\n", NULL},
    {OK("self: true"),
     NO_DNS "a.yaml:2:3: prefix set 'd' has no 'name' to ask for, and there is no zone, expected "
            "'self: {name: NAME}', or 'self: false'\n",
     NO_ZONES},
    {OK("self: {name: example.net}"), NO_DNS, NO_ZONES},
};

static void test_self(void **state)
{
    (void)state;
    CHECK(selves);
}

#define CHECKS(text) OK("when: {checks: [" text "]}")

static const struct anycast_case needs[] = {
    {OK("when: {pools: {www: {min_up: 30%, site: ams}}}"), "", NULL},
    {OK("when: {}"), "a.yaml:2:50: 'when' says nothing, expected pools, checks or both\n", NULL},
    {OK("when: {pools: {}}"),
     "a.yaml:2:58: 'pools' is an empty mapping, expected a mapping: POOL: {min_up: 30%}\n", NULL},
    {OK("when: {pools: [www]}"),
     "a.yaml:2:58: 'pools' is a list, expected a mapping: POOL: {min_up: 30%}\n", NULL},
    {OK("when: {pools: {ww: {}}}"), "a.yaml:2:59: unknown pool 'ww', did you mean 'www'?\n", NULL},
    {OK("when: {pools: {www: 30%}}"),
     "a.yaml:2:64: pool 'www' is '30%', expected a mapping with keys (min_up, site)\n", NULL},
    {OK("when: {pools: {www: {min_up: 130%}}}"),
     "a.yaml:2:73: 'min_up' is '130%', expected a share from 0% to 100%, or 0 to 1\n", NULL},
    {OK("when: {pools: {www: {site: sin}}}"),
     "a.yaml:2:71: pool 'www' has nothing in site 'sin', expected one of its sites, or none for "
     "all\n",
     NULL},
    {OK("when: {pools: {plain: {site: ams}}}"),
     "a.yaml:2:59: warning: pool 'plain' has no checks there: it is up unless ordered down\n",
     NULL},
    {OK("when: {pools: {plain: {site: iad}, last: }}"), "", NULL},
    {OK("full: {pools: {www: {}}}"),
     "a.yaml:2:50: warning: 'full' changes nothing: 'degraded' has no prepend, med or "
     "communities\n",
     NULL},
    {OK("degraded: {med: 0}"),
     "a.yaml:2:54: warning: 'degraded' is never used: nothing is said in 'full'\n", NULL},
    {OK("degraded: {}"),
     "a.yaml:2:54: 'degraded' says nothing, expected prepend, med or communities\n", NULL},
    {CHECKS("{check: up, address: 198.51.100.1}, {check: web, address: \"2001:db8:1::1\"}"), "",
     NULL},
    {CHECKS("{check: upp, address: 198.51.100.1}"),
     "a.yaml:2:68: unknown check 'upp', did you mean 'up'?\n", NULL},
    {CHECKS("{check: up}"),
     "a.yaml:2:60: an item of 'checks' has no 'address', expected an IPv4 or IPv6 address\n", NULL},
    {CHECKS("up"),
     "a.yaml:2:60: an item of 'checks' is 'up', expected a mapping with keys (check, address)\n",
     NULL},
    {CHECKS("{check: up, address: router.example}"),
     "a.yaml:2:81: 'address' is 'router.example', expected an IPv4 or IPv6 address (IPv6 in "
     "quotes): names are not looked up\n",
     NULL},
    {CHECKS("{check: up, address: 224.0.0.1}"),
     "a.yaml:2:81: warning: checked address '224.0.0.1' is a multicast address: expected the "
     "address of a server\n",
     NULL},
    {CHECKS("{check: bare, address: 198.51.100.1}"),
     "a.yaml:2:68: check 'bare' names no port, expected 'port' in it: the address here has none\n",
     NULL},
    {CHECKS("{check: all, address: 198.51.100.1}"),
     "a.yaml:2:68: check 'all' is of type pool, expected its pool in 'pools'\n", NULL},
    {CHECKS("{check: up, address: 198.51.100.1}, {check: up, address: 198.51.100.1}"),
     "a.yaml:2:96: check 'up' of this address is listed twice\n", NULL},
};

static void test_needs(void **state)
{
    (void)state;
    CHECK(needs);
}

#define HOLD_NAME(name) "anycast:\n  " name ": {speaker: x, " DNS "}\n" X

static const struct anycast_case holds[] = {
    {HOLD_NAME("twelve-bytes"), "", NULL},
    {HOLD_NAME("thirteen-byte"),
     "a.yaml:2:3: prefix set 'thirteen-byte' is held by an interface 'ls-thirteen-byte', expected "
     "a name of 1 to 12 letters, digits, '-' or '_', or 'hold: none'\n",
     NULL},
    {HOLD_NAME("a.b"),
     "a.yaml:2:3: prefix set 'a.b' is held by an interface 'ls-a.b', expected a name of 1 to 12 "
     "letters, digits, '-' or '_', or 'hold: none'\n",
     NULL},
    {"anycast:\n  a.b.thirteen: {speaker: x, hold: none, " DNS "}\n" X, "", NULL},
    {OK("interface: lo"),
     "a.yaml:2:55: 'interface' has no meaning with 'hold: tun', whose interface is ls-d, expected "
     "it with 'hold: none'\n",
     NULL},
    {OK("hold: none, interface: lo"), "", NULL},
    {OK("hold: none, interface: a-name-of-16-byt"),
     "a.yaml:2:67: 'interface' is 'a-name-of-16-byt', expected the name of a network interface: at "
     "most 15 characters, no '/', ':' or space\n",
     NULL},
    {OK("hold: none, interface: \"l o\""),
     "a.yaml:2:67: 'interface' is 'l o', expected the name of a network interface: at most 15 "
     "characters, no '/', ':' or space\n",
     NULL},
    {OK("hold: tuns"), "a.yaml:2:50: unknown hold 'tuns', did you mean 'tun'?\n", NULL},
};

static void test_hold(void **state)
{
    (void)state;
    CHECK(holds);
}

#define COMMUNITY                                                                              \
    ", expected HIGH:LOW in quotes, two numbers from 0 to 65535, or the name of a well-known " \
    "community"

static const struct anycast_case attributes[] = {
    {OK("communities: [65535:1, \"0:0\", no-peer, \"1:0\", \"0:1\"], large_communities: \"0:0:0\""),
     "", NULL},
    {OK("communities: [\"65536:1\", \"1:65536\", \"1\", \":1\", \"1:\", \"1:-1\"]"),
     "a.yaml:2:58: a community is '65536:1'" COMMUNITY "\n"
     "a.yaml:2:69: a community is '1:65536'" COMMUNITY "\n"
     "a.yaml:2:80: a community is '1'" COMMUNITY "\n"
     "a.yaml:2:85: a community is ':1'" COMMUNITY "\n"
     "a.yaml:2:91: a community is '1:'" COMMUNITY "\n"
     "a.yaml:2:97: a community is '1:-1'" COMMUNITY "\n",
     NULL},
    {OK("communities: [\"1:2:3\"]"),
     "a.yaml:2:58: a community is '1:2:3'" COMMUNITY ": three numbers are a large community\n",
     NULL},
    {OK("communities: [no-exprt]"),
     "a.yaml:2:58: unknown community 'no-exprt', did you mean 'no-export'?\n", NULL},
    {OK("communities: [\"1:2; evil\"]"), "a.yaml:2:58: a community is '1:2; evil'" COMMUNITY "\n",
     NULL},
    {OK("communities: [\"65535:65281\", no-export]"),
     "a.yaml:2:73: community 'no-export' is listed twice\n", NULL},
    {OK("communities: [graceful-shutdown, blackhole]"),
     "a.yaml:2:58: warning: community 'graceful-shutdown' is added when the set is drained: always "
     "there, others never prefer this way, and draining changes nothing\n"
     "a.yaml:2:77: warning: community 'blackhole' asks others to drop what is sent here (RFC "
     "7999)\n",
     NULL},
    {OK("large_communities: [\"1:2\", \"4294967296:1:1\", \"1:2:3\", \"1:2:3\"]"),
     "a.yaml:2:64: a large community is '1:2', expected A:B:C in quotes, three numbers from 0 to "
     "4294967295\n"
     "a.yaml:2:71: a large community is '4294967296:1:1', expected A:B:C in quotes, three numbers "
     "from 0 to 4294967295\n"
     "a.yaml:2:98: large community '1:2:3' is listed twice\n",
     NULL},
    {OK("full: {pools: {www: }}, degraded: {prepend: 17}"),
     "a.yaml:2:88: 'prepend' is '17', expected a whole number from 0 to 16\n", NULL},
    {OK("full: {pools: {www: }}, degraded: {med: 4294967296}"),
     "a.yaml:2:84: 'med' is '4294967296', expected a whole number from 0 to 4294967295\n", NULL},
    {OK("full: {pools: {www: }}, degraded: {prepend: 2}"), "", NULL},
    {"anycast:\n  d: {" DNS ", speaker: x, full: {pools: {www: }}, degraded: {prepend: 2}}\n"
     "speakers:\n  x: {type: exabgp}\n",
     "a.yaml:2:88: 'prepend' takes the AS, which speaker 'x' at a.yaml:4:3 does not say, expected "
     "'as' there\n",
     NULL},
    {"anycast:\n  d: {" DNS ", speaker: x, full: {pools: {www: }}, degraded: {prepend: 2}}\n"
     "speakers:\n  x: {type: gobgp}\n",
     "", NULL},
    {OK("next_hop: selfs"),
     "a.yaml:2:54: 'next_hop' is 'selfs', expected self, an address, or a list of an IPv4 and an "
     "IPv6 address\n",
     NULL},
    {OK("next_hop: [198.51.100.1, 198.51.100.2]"),
     "a.yaml:2:69: 'next_hop' has two IPv4 addresses, expected one of each family\n", NULL},
    {OK("next_hop: 127.0.0.1"),
     "a.yaml:2:54: 'next_hop' '127.0.0.1' is of the loopback: routers cannot reach it\n", NULL},
    {OK("next_hop: \"2001:db8::1\""),
     "a.yaml:2:54: 'next_hop' has no IPv4 address, and prefix set 'd' has IPv4 prefixes, expected "
     "one of each family, or self\n"
     "a.yaml:2:54: 'next_hop' has an IPv6 address, but prefix set 'd' no IPv6 prefix\n",
     NULL},
    {"anycast:\n  d: {prefixes: \"2001:db8::53/128\", speaker: x}\n"
     "speakers:\n  x: {type: gobgp, next_hop: 198.51.100.1}\n",
     "a.yaml:2:3: prefix set 'd' has IPv6 prefixes, for which speaker 'x' of type gobgp needs an "
     "address, expected 'next_hop' in one of them\n",
     NULL},
    {"anycast:\n  d: {prefixes: \"2001:db8::53/128\", speaker: x, next_hop: \"2001:db8::1\"}\n"
     "speakers:\n  x: {type: gobgp}\n",
     "", NULL},
};

static void test_attributes(void **state)
{
    (void)state;
    CHECK(attributes);
}

#define BIRD "type: bird, socket: s, file: "

#define A53 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct anycast_case speakers[] = {
    {SPEAKER(BIRD "out/a.conf"), "", NULL},
    {SPEAKER("socket: s"),
     "a.yaml:3:6: speaker 'x' has no 'type', expected one of: bird, exabgp, frr, gobgp, exec\n",
     NULL},
    {SPEAKER("type: brd"), "a.yaml:3:13: unknown type 'brd', did you mean 'bird'?\n", NULL},
    {SPEAKER("type: bird"),
     "a.yaml:3:6: speaker 'x' of type bird has no 'socket', expected the path of BIRD's socket\n"
     "a.yaml:3:6: speaker 'x' of type bird has no 'file', expected the path of a file that BIRD "
     "includes\n",
     NULL},
    {SPEAKER("type: exec"),
     "a.yaml:3:6: speaker 'x' of type exec has no 'command', expected a list: [PROGRAM, "
     "ARGUMENT...]\n",
     NULL},
    {SPEAKER(BIRD "out/a.conf, vtysh: [vtysh], next_hop: 198.51.100.1"),
     "a.yaml:3:55: 'vtysh' has no meaning for a speaker of type bird, expected it with type frr\n",
     NULL},
    {"anycast:\n  " NAME_53 ": {" DNS ", hold: none, speaker: x}\nspeakers:\n"
     "  x: {type: bird, socket: s, file: f}\n",
     "", NULL},
    {"anycast:\n  a" NAME_53 ": {" DNS ", hold: none, speaker: x}\nspeakers:\n"
     "  x: {type: bird, socket: s, file: f}\n",
     "a.yaml:2:3: prefix set 'a" NAME_53 "' has a name of 54 characters, expected at most 53, as "
     "protocols of BIRD are named by it\n",
     NULL},
    {SPEAKER("type: exabgp, via: fifo, to: a, socket: s"),
     "a.yaml:3:6: speaker 'x' via fifo has no 'from', expected the path of a FIFO\n"
     "a.yaml:3:47: 'socket' has no meaning with 'via: fifo', expected it with 'via: process'\n",
     NULL},
    {SPEAKER("type: exabgp, via: fifo, to: a, from: b"), "", NULL},
    {SPEAKER("type: exabgp, via: fifo, to: a, from: a"),
     "a.yaml:3:45: 'from' is the FIFO of 'to', expected two\n", NULL},
    {SPEAKER("type: exabgp, via: fifo, to: a, from: ./a"),
     "a.yaml:3:45: 'from' is the FIFO of 'to', expected two\n", NULL},
    {SPEAKER("type: exabgp, to: a"),
     "a.yaml:3:25: 'to' has no meaning with 'via: process', expected it with 'via: fifo'\n", NULL},
    {SPEAKER("type: exabgp"),
     "a.yaml:3:3: speaker 'x' has no 'socket', and there is no 'control' in 'loadstar.yaml' beside "
     "which it would be, expected either\n",
     "server: {listen: 192.0.2.53}\n" REST},
    {SPEAKER("type: exabgp, as: 0"),
     "a.yaml:3:25: 'as' is '0', expected the number of an AS, from 1 to 4294967294\n", NULL},
    {SPEAKER("type: exabgp, as: 23456"),
     "a.yaml:3:25: 'as' is 23456, which is reserved, expected the number of an AS, from 1 to "
     "4294967294\n",
     NULL},
    {SPEAKER("type: exabgp, as: 4294967295"),
     "a.yaml:3:25: 'as' is '4294967295', expected the number of an AS, from 1 to 4294967294\n",
     NULL},
    {SPEAKER("type: frr, socket: /" A53 A53), "", NULL},
    {SPEAKER("type: frr, socket: /" A53 A53 "a"),
     "a.yaml:3:26: 'socket' is '/" A53 A53 "a', expected a path of at most 107 bytes\n", NULL},
    {SPEAKER("type: gobgp, interval: 2h"),
     "a.yaml:3:30: 'interval' is '2h', expected a duration (250ms, 5s, 10m, 1h) from 100ms to 1h\n",
     NULL},
    {SPEAKER(BIRD "none/a.conf"),
     "a.yaml:3:36: cannot find the directory 'none' of 'none/a.conf': No such file or directory\n",
     NULL},
    {SPEAKER(BIRD "out/link.conf"),
     "a.yaml:3:36: 'out/link.conf' is a link, expected a file that only Loadstar writes\n", NULL},
    {SPEAKER(BIRD "state/a.conf"),
     "a.yaml:3:36: 'state/a.conf' is in 'state_dir', expected a directory of its own\n", NULL},
    {SPEAKER(BIRD "pools.yaml"),
     "a.yaml:3:36: 'pools.yaml' is read as configuration, expected a file that only Loadstar "
     "writes\n",
     NULL},
    {SPEAKERS(BIRD "out/a.conf", "type: bird, socket: t, file: other/a.conf"),
     "a.yaml:4:36: speakers 'y' and 'x' (a.yaml:3:3) both have the file 'other/a.conf', expected "
     "one speaker for it\n",
     NULL},
    {SPEAKERS(BIRD "out/a.conf", "type: frr, socket: s"),
     "a.yaml:4:26: speakers 'y' and 'x' (a.yaml:3:3) both have the socket 's', expected one "
     "speaker for it\n",
     NULL},
    {SPEAKER("type: exabgp, socket: out/../control.sock"),
     "a.yaml:3:29: 'socket' 'out/../control.sock' of speaker 'x' is the one of 'control', expected "
     "one of its own\n",
     NULL},
    {SPEAKERS("type: frr, vtysh: [vtysh]", "type: frr, vtysh: [vtysh]"),
     "a.yaml:4:25: speakers 'y' and 'x' (a.yaml:3:3) both have the command 'vtysh', expected one "
     "speaker for it\n",
     NULL},
    {SPEAKERS("type: frr, vtysh: [vtysh]", "type: frr, vtysh: [vtysh, -N, a]"), "", NULL},
    {SPEAKERS("type: exec, command: [a]", "type: exec, command: [a]"), "", NULL},
    {SPEAKER(BIRD "out/../out/n.conf"),
     "a.yaml:3:36: speaker 'x' and tier 'n' (tiers.yaml:1:66) both have the file "
     "'out/../out/n.conf', expected one of its own\n",
     TIERS},
    {"anycast: {d: {" DNS ", speaker: x}}\nspeakers:\n  x: {type: frr}\n  y: {type: gobgp}\n",
     "a.yaml:4:3: warning: speaker 'y' is not used: no prefix set names it\n", NULL},
};

static void test_speakers(void **state)
{
    (void)state;
    CHECK(speakers);
}

/* Of what stands in a file that cannot be read nothing is said elsewhere. */
static const struct anycast_case broken[] = {
    {"anycast: {d: {" DNS ", speaker: x}}\nspeakers: [\n", "a.yaml:3:1: expected a value\n", NULL},
    {SET("prefixes: [192.0.2.53/32], when: {pools: {ww: {}}}"),
     "loadstar.yaml:3:8: cannot read 'nowhere.yaml': No such file or directory\n",
     SERVER("192.0.2.53") "pools: nowhere.yaml\nanycast: a.yaml\nzones: zones/\n"},
};

static void test_broken(void **state)
{
    (void)state;
    CHECK(broken);
}

/* A list of n prefixes ("/") or communities (":"). */
static char *list_of(unsigned n, const char *item)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    for (unsigned i = 0; i < n; i++) {
        fputs(i ? ", " : "[", out);
        if (*item == '/')
            fprintf(out, "198.18.%u.%u/32", i / 256, i % 256);
        else
            fprintf(out, "\"7:%u\"", i);
    }
    fputs("]", out);
    fclose(out);
    return text;
}

static void check_list(const char *format, unsigned n, const char *item, const char *expected)
{
    char *list = list_of(n, item), *text = NULL, *before = strstr(format, "LIST");
    assert_non_null(before);
    assert_true(asprintf(&text, "%.*s%s%s", (int)(before - format), format, list, before + 4) > 0);
    const struct anycast_case c = {text, expected, NULL};
    check_case(&c);
    free(text);
    free(list);
}

static void test_bounds(void **state)
{
    (void)state;
    check_list(SET("self: false, prefixes: LIST"), 256, "/", "");
    check_list(SET("self: false, prefixes: LIST"), 257, "/",
               "a.yaml:2:42: 'prefixes' has 257 items, expected 1 to 256\n");
    check_list(OK("communities: LIST"), 63, ":", "");
    check_list(OK("communities: LIST"), 64, ":",
               "a.yaml:2:57: 'communities' has 64 items, expected at most 63\n");
    check_list(OK("full: {pools: {www: }}, degraded: {communities: \"8:1\"}, communities: LIST"),
               62, ":", "");
    check_list(
        OK("full: {pools: {www: }}, degraded: {communities: \"8:1\"}, communities: LIST"), 63, ":",
        "a.yaml:2:3: prefix set 'd' has 64 communities with those of 'degraded', expected at "
        "most 63\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),     cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_self),     cmocka_unit_test(test_needs),
        cmocka_unit_test(test_hold),     cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_speakers), cmocka_unit_test(test_broken),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
