/* SPDX-License-Identifier: Apache-2.0
 * What is said about l4.yaml. The tables are the specification of the messages. */
#include "files.h"

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char pools[] =
    "sites: {ams: {}, iad: {}, sin: {}}\n"
    "checks: {up: {type: tcp, port: 80}}\n"
    "pools:\n"
    "  api: {checks: [up], sites: {ams: [{address: 10.0.0.1, port: 8443}],\n"
    "                              iad: [{address: 10.0.1.1, port: 8443}]}}\n"
    "  web: {sites: {ams: [10.0.0.2, 10.0.0.3]}}\n"
    "  six: {sites: {ams: [10.0.0.2, \"2001:db8::2\"]}}\n"
    "  own: {sites: {ams: [10.0.0.2, 192.0.2.80], iad: [10.0.0.4]}}\n"
    "  names: {sites: {ams: [{cname: a.example}]}}\n";

struct l4_case {
    const char *text, *expected;
};

static char *load_and_print(void)
{
    struct diags diags;
    struct model *model = NULL;
    char *text = NULL;
    size_t n;
    diags_init(&diags);
    int code = config_l4_load(&model, "l4.yaml", &diags);
    FILE *out = open_memstream(&text, &n);
    diags_print(&diags, out);
    fclose(out);
    assert_int_equal(code == 0, diags.n_errors == 0);
    model_free(model);
    diags_free(&diags);
    return text;
}

static void check_case(const struct l4_case *c)
{
    files_enter();
    files_write_text("l4.yaml", c->text);
    files_write_text("pools.yaml", pools);
    files_write_text("bad.yaml", "pools: {p: {}}\n");
    char *printed = load_and_print();
    if (strcmp(printed, c->expected) != 0)
        fail_msg("%s\nprinted:\n%s\nexpected:\n%s", c->text, printed, c->expected);
    free(printed);
    files_leave();
}

static void check_cases(const struct l4_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_case(&cases[i]);
}
#define CHECK(cases) check_cases(cases, sizeof(cases) / sizeof *(cases))

#define MEMBERS "members: [\"10.0.0.1:80\"]"
#define SERVICE(keys) "services:\n  s: {listen: \"192.0.2.80:443\", " keys "}\n"
#define OK(keys) SERVICE(MEMBERS ", " keys)
#define TOP(keys) keys "\n" SERVICE(MEMBERS)
#define OURS(keys) "pools: pools.yaml\n" SERVICE(keys)
#define LISTEN(value) "services:\n  s: {listen: " value ", " MEMBERS "}\n"
#define TWO(a, b)                                    \
    "services:\n  a: {listen: " a ", " MEMBERS "}\n" \
    "  b: {listen: " b ", " MEMBERS "}\n"

static const struct l4_case top[] = {
    {OK("idle_timeout: 1m"), ""},
    {"[]\n", "l4.yaml:1:1: the configuration is an empty list, expected a mapping with keys "
             "(control, metrics, workers, ...)\n"},
    {"{}\n", "l4.yaml:1:1: the configuration has no 'services', expected a mapping from names to "
             "services\n"},
    {"service: {}\n", "l4.yaml:1:1: unknown key 'service', did you mean 'services'?\n"},
    {"services:\n", "l4.yaml:1:10: 'services' is empty, expected a mapping: NAME: {...}\n"},
    {"services: []\n",
     "l4.yaml:1:11: 'services' is an empty list, expected a mapping: NAME: {...}\n"},
    {"services: {}\n",
     "l4.yaml:1:11: 'services' is an empty mapping, expected at least one service, NAME: {...}\n"},
    {"services: {a/b: {}}\n",
     "l4.yaml:1:12: service name 'a/b', expected 1 to 63 letters, digits, '-', '_' or '.'\n"},
    {"services: {a: {}}\n", "l4.yaml:1:15: service 'a' has no 'listen', expected an address or a "
                            "list of addresses: ADDRESS:PORT or [IPV6]:PORT\n"},
    {"services: {a: b}\n", "l4.yaml:1:15: service 'a' is 'b', expected a mapping with keys "
                           "(listen, protocol, balance, ...)\n"},
    {TOP("control: []"), "l4.yaml:1:10: 'control' is an empty list, expected a path\n"},
    {TOP("metrics: localhost:1"),
     "l4.yaml:1:10: 'metrics' is 'localhost:1': 'localhost' is a name, expected an address\n"},
    {TOP("metrics: \"9254\""),
     "l4.yaml:1:10: 'metrics' is '9254': a port without an address, expected one before it: "
     "0.0.0.0:9254 for every IPv4 address, or [::]:9254\n"},
    {TOP("metrics: \"127.0.0.1:0\""),
     "l4.yaml:1:10: 'metrics' is '127.0.0.1:0': port 0, expected 1 to 65535\n"},
    {TOP("metrics: \"224.0.0.1:1\""),
     "l4.yaml:1:10: 'metrics' is '224.0.0.1:1': a multicast address, expected one of a host, or "
     "0.0.0.0 for every IPv4 address\n"},
    {TOP("metrics: \"fe80::1%eth0\""),
     "l4.yaml:1:10: 'metrics' is 'fe80::1%eth0', expected ADDRESS:PORT or [IPV6]:PORT without a "
     "zone (%): [::] takes queries to link-local addresses, too\n"},
    {TOP("metrics: []"),
     "l4.yaml:1:10: 'metrics' is an empty list, expected ADDRESS:PORT or [IPV6]:PORT\n"},
    {TOP("metrics: x y"),
     "l4.yaml:1:10: 'metrics' is 'x y', expected ADDRESS:PORT or [IPV6]:PORT\n"},
    {TOP("workers: 0"), "l4.yaml:1:10: 'workers' is '0', expected a whole number from 1 to 256\n"},
    {TOP("workers: 257"),
     "l4.yaml:1:10: 'workers' is '257', expected a whole number from 1 to 256\n"},
    {TOP("workers: all"),
     "l4.yaml:1:10: 'workers' is 'all', expected auto, or a whole number from 1 to 256\n"},
    {TOP("workers: [1]"),
     "l4.yaml:1:10: 'workers' is a list, expected auto, or a whole number from 1 to 256\n"},
    {TOP("user: \"\""), "l4.yaml:1:7: 'user' is '', expected text\n"},
    {TOP("state_dir: {}"), "l4.yaml:1:12: 'state_dir' is an empty mapping, expected a path\n"},
    {TOP("log: true"),
     "l4.yaml:1:6: 'log' is 'true', expected a mapping with keys (connections, sample)\n"},
    {TOP("log: {connections: 2, sample: 0}"),
     "l4.yaml:1:20: 'connections' is '2', expected true or false\n"
     "l4.yaml:1:31: 'sample' is '0', expected a whole number from 1 to 1000000000\n"},
    {TOP("log: {sample: 1000000001}"),
     "l4.yaml:1:15: 'sample' is '1000000001', expected a whole number from 1 to 1000000000\n"},
    {TOP("log: {conections: true}"),
     "l4.yaml:1:7: unknown key 'conections', did you mean 'connections'?\n"},
    {TOP("pools: none.yaml"), "l4.yaml:1:8: cannot read 'none.yaml': No such file or directory\n"},
    {TOP("pools: {}"),
     "l4.yaml:1:8: 'pools' is an empty mapping, expected a path or a list of paths\n"},
    {TOP("pools: bad.yaml"), "bad.yaml:1:12: pool 'p' has no 'sites', expected a mapping from "
                             "sites to lists of endpoints\n"},
    {TOP("zones: zones/"), "l4.yaml:1:1: unknown key 'zones', expected one of: control, metrics, "
                           "workers, user, state_dir, services, pools, log\n"},
};

static const struct l4_case service[] = {
    {"services: {s: {" MEMBERS "}}\n",
     "l4.yaml:1:15: service 's' has no 'listen', expected an address or a list of addresses: "
     "ADDRESS:PORT or [IPV6]:PORT\n"},
    {OK("listn: 1"), "l4.yaml:2:59: unknown key 'listn', did you mean 'listen'?\n"},
    {LISTEN("[]"), "l4.yaml:2:15: 'listen' is an empty list, expected at least one address: "
                   "ADDRESS:PORT or [IPV6]:PORT\n"},
    {LISTEN("192.0.2.80"),
     "l4.yaml:2:15: 'listen' is '192.0.2.80', expected ADDRESS:PORT or [IPV6]:PORT\n"},
    {LISTEN("[web:443, \"192.0.2.80:70000\", \":443\", \"224.0.0.1:443\"]"),
     "l4.yaml:2:16: 'listen' is 'web:443': 'web' is a name, expected an address\n"
     "l4.yaml:2:25: 'listen' is '192.0.2.80:70000': port 70000, expected 1 to 65535\n"
     "l4.yaml:2:45: 'listen' is ':443': a port without an address, expected one before it: "
     "0.0.0.0:443 for every IPv4 address, or [::]:443\n"
     "l4.yaml:2:53: 'listen' is '224.0.0.1:443': a multicast address, expected one of a host, or "
     "0.0.0.0 for every IPv4 address\n"},
    {LISTEN("{a: 1}"),
     "l4.yaml:2:15: an item of 'listen' is a mapping, expected ADDRESS:PORT or [IPV6]:PORT\n"},
    {OK("protocol: sctp"), "l4.yaml:2:69: unknown protocol 'sctp', did you mean 'tcp'?\n"},
    {OK("protocol: [tcp]"), "l4.yaml:2:69: 'protocol' is a list, expected one of: tcp, udp\n"},
    {OK("forward: dr"),
     "l4.yaml:2:68: forward 'dr' is not in this release, expected one of: proxy\n"},
    {OK("forward: tunnel"),
     "l4.yaml:2:68: forward 'tunnel' is not in this release, expected one of: proxy\n"},
    {OK("balance: leastconn"),
     "l4.yaml:2:68: unknown balance 'leastconn', did you mean 'least_conn'?\n"},
    {OK("balance: x"), "l4.yaml:2:68: unknown balance 'x', expected one of: round_robin, "
                       "least_conn, random2, maglev, source_hash\n"},
    {OK("relay: sockhash"), ""},
    {OK("relay: fast"),
     "l4.yaml:2:66: unknown relay 'fast', expected one of: auto, copy, splice, sockhash\n"},
    {OK("on_down: rst"), "l4.yaml:2:68: unknown on_down 'rst', expected one of: keep, reset\n"},
    {OK("connect: 2s"),
     "l4.yaml:2:68: 'connect' is '2s', expected a mapping with keys (timeout, retries)\n"},
    {OK("connect: {timeout: 10ms, retries: 10}"), ""},
    {OK("connect: {timeout: 9ms, retries: 11}"),
     "l4.yaml:2:78: 'timeout' is '9ms', expected a duration (250ms, 5s, 10m, 1h) from 10ms to 1m\n"
     "l4.yaml:2:92: 'retries' is '11', expected a whole number from 0 to 10\n"},
    {OK("connect: {timeout: 1m}"), ""},
    {OK("connect: {timeout: 61s}"), "l4.yaml:2:78: 'timeout' is '61s', expected a duration (250ms, "
                                    "5s, 10m, 1h) from 10ms to 1m\n"},
    {OK("connect: {retry: 1}"),
     "l4.yaml:2:69: unknown key 'retry', expected one of: timeout, retries\n"},
    {OK("idle_timeout: 1s"), ""},
    {OK("idle_timeout: 999ms"), "l4.yaml:2:73: 'idle_timeout' is '999ms', expected a duration "
                                "(250ms, 5s, 10m, 1h) from 1s to 1d\n"},
    {OK("idle_timeout: 1d"), ""},
    {OK("idle_timeout: 25h"), "l4.yaml:2:73: 'idle_timeout' is '25h', expected a duration (250ms, "
                              "5s, 10m, 1h) from 1s to 1d\n"},
    {OK("idle_timeout: [1h]"), "l4.yaml:2:73: 'idle_timeout' is a list, expected a duration "
                               "(250ms, 5s, 10m, 1h) from 1s to 1d\n"},
    {OK("limits: 5"), "l4.yaml:2:67: 'limits' is '5', expected a mapping with keys (connections, "
                      "per_source, new_per_second, ...)\n"},
    {OK("limits: {connections: 0}"),
     "l4.yaml:2:81: 'connections' is '0', expected a whole number from 1 to 10000000\n"},
    {OK("limits: {connections: 10000000, per_source: 10000000, new_per_second: 0, per_source_new: "
        "10000000}"),
     ""},
    {OK("limits: {connections: 10000001, per_source: -1, new_per_second: x, per_source_new: "
        "10000001}"),
     "l4.yaml:2:81: 'connections' is '10000001', expected a whole number from 1 to 10000000\n"
     "l4.yaml:2:103: 'per_source' is '-1', expected a whole number from 0 to 10000000\n"
     "l4.yaml:2:123: 'new_per_second' is 'x', expected a whole number from 0 to 10000000\n"
     "l4.yaml:2:142: 'per_source_new' is '10000001', expected a whole number from 0 to 10000000\n"},
    {OK("limits: {per_source: 10000001, new_per_second: 10000001}"),
     "l4.yaml:2:80: 'per_source' is '10000001', expected a whole number from 0 to 10000000\n"
     "l4.yaml:2:106: 'new_per_second' is '10000001', expected a whole number from 0 to 10000000\n"},
    {OK("limits: {per_src: 1}"),
     "l4.yaml:2:68: unknown key 'per_src', did you mean 'per_source'?\n"},
    {OK("drain: 5m"), "l4.yaml:2:66: 'drain' is '5m', expected a mapping with keys (timeout)\n"},
    {OK("drain: {timeout: 0}"),
     "l4.yaml:2:76: 'timeout' is '0', expected a duration (250ms, 5s, 10m, 1h) from 1s to 1w\n"},
    {OK("drain: {timeout: 1w}"), ""},
    {OK("drain: {timeout: 8d}"),
     "l4.yaml:2:76: 'timeout' is '8d', expected a duration (250ms, 5s, 10m, 1h) from 1s to 1w\n"},
    {OK("transparent: 1"), "l4.yaml:2:72: 'transparent' is '1', expected true or false\n"},
    {SERVICE("protocol: udp, " MEMBERS
             ", tls: {sni: {a: b}}, relay: auto, proxy_protocol: {}, connect: {}, on_down: keep"),
     "l4.yaml:2:74: 'tls' has no meaning for a service of protocol udp, expected it with protocol "
     "tcp\n"
     "l4.yaml:2:94: 'relay' has no meaning for a service of protocol udp, expected it with "
     "protocol tcp\n"
     "l4.yaml:2:107: 'proxy_protocol' has no meaning for a service of protocol udp, expected it "
     "with protocol tcp\n"
     "l4.yaml:2:127: 'connect' has no meaning for a service of protocol udp, expected it with "
     "protocol tcp\n"
     "l4.yaml:2:140: 'on_down' has no meaning for a service of protocol udp, expected it with "
     "protocol tcp\n"},
    {SERVICE("balance: maglev"), "l4.yaml:2:6: service 's' has no 'members', expected {pool: "
                                 "NAME}, a list of endpoints, or 'tls' with 'sni'\n"},
};

static const struct l4_case proxy[] = {
    {OK("proxy_protocol: v2"), "l4.yaml:2:75: 'proxy_protocol' is 'v2', expected a mapping with "
                               "keys (send, accept, trusted)\n"},
    {OK("proxy_protocol: {send: v3}"), "l4.yaml:2:82: unknown send 'v3', did you mean 'v1'?\n"},
    {OK("proxy_protocol: {accept: maybe}"),
     "l4.yaml:2:84: 'accept' is 'maybe', expected true or false\n"},
    {OK("proxy_protocol: {accept: true}"),
     "l4.yaml:2:84: 'accept' is true but there is no 'trusted', expected the networks that headers "
     "may come from\n"},
    {OK("proxy_protocol: {accept: true, trusted: []}"),
     "l4.yaml:2:99: 'trusted' is an empty list, expected at least one network: ADDRESS/LENGTH\n"},
    {OK("proxy_protocol: {trusted: 192.0.2.0/24}"),
     "l4.yaml:2:85: 'trusted' has no meaning without 'accept: true'\n"},
    {OK("proxy_protocol: {accept: false, trusted: 192.0.2.0/24}"),
     "l4.yaml:2:100: 'trusted' has no meaning without 'accept: true'\n"},
    {OK("proxy_protocol: {accept: true, trusted: 192.0.2.0/24}"), ""},
    {OK("proxy_protocol: {accept: true, trusted: [192.0.2.1, 192.0.2.1/24, x]}"),
     "l4.yaml:2:100: the network is '192.0.2.1', expected ADDRESS/LENGTH: 192.0.2.1/32 for this "
     "address alone, or 192.0.2.0/24\n"
     "l4.yaml:2:111: the network is '192.0.2.1/24', expected 192.0.2.0/24, as bits past its length "
     "are set\n"
     "l4.yaml:2:125: the network is 'x', expected ADDRESS/LENGTH, as 192.0.2.0/24\n"},
    {OK("proxy_protocol: {accept: true, trusted: [\"::/0\"]}"),
     "l4.yaml:2:100: warning: 'trusted' has '::/0': anyone may say which client a connection is "
     "of\n"},
};

static const struct l4_case members[] = {
    {SERVICE("members: []"),
     "l4.yaml:2:42: 'members' is an empty list, expected {pool: NAME}, or a list of endpoints\n"},
    {SERVICE("members: api"),
     "l4.yaml:2:42: 'members' is 'api', expected {pool: NAME}, or a list of endpoints\n"},
    {SERVICE("members: ~"),
     "l4.yaml:2:42: 'members' is empty, expected {pool: NAME}, or a list of endpoints\n"},
    {SERVICE("members: {}"),
     "l4.yaml:2:42: 'members' has no 'pool', expected the name of a pool\n"},
    {SERVICE("members: {pool: [a]}"),
     "l4.yaml:2:49: 'pool' is a list, expected the name of a pool\n"},
    {SERVICE("members: {pool: a/b}"),
     "l4.yaml:2:49: 'pool' is 'a/b', expected the name of a pool\n"},
    {SERVICE("members: {pool: ~}"), "l4.yaml:2:49: 'pool' is empty, expected the name of a pool\n"},
    {SERVICE("members: {pool: a, site: ams}"),
     "l4.yaml:2:58: 'site' has no meaning without 'pools': which endpoints are members is said by "
     "the tier of loadstard\n"},
    {SERVICE("members: {pool: a, port: 1}"),
     "l4.yaml:2:52: unknown key 'port', did you mean 'pool'?\n"},
    {OURS("members: {pool: apy}"), "l4.yaml:3:49: unknown pool 'apy', did you mean 'api'?\n"},
    {OURS("members: {pool: api, site: amd}"),
     "l4.yaml:3:60: unknown site 'amd', did you mean 'ams'?\n"},
    {OURS("members: {pool: names, site: amd}"),
     "l4.yaml:3:62: unknown site 'amd', did you mean 'ams'?\n"},
    {OURS("members: {pool: api, site: sin}"), "l4.yaml:3:42: pool 'api' of service 's' has nothing "
                                              "in site 'sin', expected one of its sites\n"},
    {OURS("members: {pool: api, site: iad}"), ""},
    {OURS("members: {pool: names}"), "l4.yaml:3:42: pool 'names' is of 'cname', expected one of "
                                     "addresses: a balancer connects to addresses\n"},
    {OURS("members: {pool: own}"),
     "l4.yaml:3:42: member 192.0.2.80:443 of service 's' is where the service listens itself, "
     "expected another address or port\n"},
    {OURS("members: {pool: own, site: iad}"), ""},
    {OURS("members: {pool: six}, transparent: true"),
     "l4.yaml:3:42: member [2001:db8::2]:443 of service 's' is IPv6 and the service listens on "
     "IPv4, expected one family with 'transparent: true'\n"},
    {OURS("members: {pool: six}"), ""},
    {OURS("members: {site: ams}"),
     "l4.yaml:3:42: 'members' has no 'pool', expected the name of a pool\n"},
    {OURS("members: [10.0.0.1]"), ""},
    {"pools: pools.yaml\nservices:\n  s: {listen: [\"192.0.2.80:443\", \"192.0.2.80:80\"], "
     "members: {pool: web}}\n",
     "l4.yaml:3:61: endpoint '10.0.0.2' of pool 'web' has no port and service 's' listens on "
     "several, expected 'port' in the endpoint\n"},
    {"pools: pools.yaml\nservices:\n  s: {listen: [\"192.0.2.80:443\", \"192.0.2.80:80\"], "
     "members: {pool: api}}\n",
     ""},
};

static const struct l4_case listed[] = {
    {SERVICE("members: [a]"), "l4.yaml:2:43: a member is 'a', expected ADDRESS:PORT, [IPV6]:PORT, "
                              "or {address: ADDRESS, port: PORT, weight: N}\n"},
    {SERVICE("members: [\"10.0.0.1:0\"]"),
     "l4.yaml:2:43: a member is '10.0.0.1:0', expected ADDRESS:PORT, [IPV6]:PORT, or {address: "
     "ADDRESS, port: PORT, weight: N}\n"},
    {SERVICE("members: [\"10.0.0.1:70000\"]"),
     "l4.yaml:2:43: a member is '10.0.0.1:70000', expected ADDRESS:PORT, [IPV6]:PORT, or {address: "
     "ADDRESS, port: PORT, weight: N}\n"},
    {SERVICE("members: [[]]"), "l4.yaml:2:43: a member is an empty list, expected ADDRESS:PORT, "
                               "[IPV6]:PORT, or {address: ADDRESS, port: PORT, weight: N}\n"},
    {SERVICE("members: [10.0.0.1, \"10.0.0.1:443\"]"),
     "l4.yaml:2:53: member 10.0.0.1:443 is listed twice\n"},
    {SERVICE("members: [10.0.0.1, \"10.0.0.1:444\"]"), ""},
    {SERVICE("members: [{port: 1}]"),
     "l4.yaml:2:43: a member has no 'address', expected an IPv4 or IPv6 address\n"},
    {SERVICE("members: [{address: \"10.0.0.1:80\"}]"),
     "l4.yaml:2:53: 'address' is '10.0.0.1:80', expected an IPv4 or IPv6 address (IPv6 in "
     "quotes)\n"},
    {SERVICE("members: [{address: 10.0.0.1, port: 0, weight: 1000001}]"),
     "l4.yaml:2:69: 'port' is '0', expected a whole number from 1 to 65535\n"
     "l4.yaml:2:80: 'weight' is '1000001', expected a whole number from 0 to 1000000\n"},
    {SERVICE("members: [{address: 10.0.0.1, wieght: 1}]"),
     "l4.yaml:2:63: unknown key 'wieght', did you mean 'weight'?\n"},
    {SERVICE("members: [192.0.2.80]"),
     "l4.yaml:2:43: member 192.0.2.80:443 of service 's' is where the service listens itself, "
     "expected another address or port\n"},
    {SERVICE("members: [\"192.0.2.80:444\"]"), ""},
    {SERVICE("members: [{address: 10.0.0.1, weight: 0}]"),
     "l4.yaml:2:42: warning: service 's' never serves: all its members have weight 0\n"},
    {SERVICE("members: [{address: 10.0.0.1, weight: 0}, 10.0.0.2]"), ""},
    {SERVICE("members: [224.0.0.1, {address: 0.0.0.0}]"),
     "l4.yaml:2:43: warning: member '224.0.0.1' is a multicast address: expected the address of a "
     "server\n"
     "l4.yaml:2:64: warning: member '0.0.0.0' is an address of 0.0.0.0/8, which no host has: "
     "expected the address of a server\n"},
    {SERVICE("members: [\"::ffff:10.0.0.1\"]"),
     "l4.yaml:2:43: warning: member '::ffff:10.0.0.1' is an IPv4 address written as IPv6, which no "
     "client can reach: expected 10.0.0.1\n"},
    {SERVICE("transparent: true, members: [\"[2001:db8::1]:443\", 10.0.0.1]"),
     "l4.yaml:2:62: member [2001:db8::1]:443 of service 's' is IPv6 and the service listens on "
     "IPv4, expected one family with 'transparent: true'\n"},
    {SERVICE("members: [\"[2001:db8::1]:443\"]"), ""},
    {"services:\n  s: {listen: \"0.0.0.0:443\", members: [127.0.0.1, \"127.0.0.1:444\", "
     "192.0.2.1]}\n",
     "l4.yaml:2:40: member 127.0.0.1:443 of service 's' is where the service listens itself, "
     "expected another address or port\n"},
    {"services:\n  s: {listen: \"[::]:443\", members: [\"::1\", 127.0.0.1]}\n",
     "l4.yaml:2:37: member [::1]:443 of service 's' is where the service listens itself, expected "
     "another address or port\n"},
    {"services:\n  s: {listen: [\"192.0.2.80:443\", \"192.0.2.80:80\"], members: [10.0.0.1, "
     "{address: 10.0.0.2}, \"10.0.0.3:1\"]}\n",
     "l4.yaml:2:62: a member has no port and service 's' listens on several, expected "
     "ADDRESS:PORT, [IPV6]:PORT, or {address: ADDRESS, port: PORT, weight: N}\n"
     "l4.yaml:2:72: a member has no port and service 's' listens on several, expected "
     "ADDRESS:PORT, [IPV6]:PORT, or {address: ADDRESS, port: PORT, weight: N}\n"},
    {"services:\n  s: {listen: [\"192.0.2.80:443\", \"192.0.2.81:443\"], members: [10.0.0.1]}\n",
     ""},
};

static const struct l4_case server_names[] = {
    {SERVICE("tls: {}"),
     "l4.yaml:2:38: 'tls' has no 'sni', expected a mapping from names of servers to pools\n"},
    {SERVICE("tls: true"), "l4.yaml:2:38: 'tls' is 'true', expected a mapping with keys (sni)\n"},
    {SERVICE("tls: {sny: {}}"), "l4.yaml:2:39: unknown key 'sny', did you mean 'sni'?\n"},
    {SERVICE("tls: {sni: []}"),
     "l4.yaml:2:44: 'sni' is an empty list, expected a mapping from names of servers to pools\n"},
    {SERVICE("tls: {sni: {}}"),
     "l4.yaml:2:44: 'sni' has no name of a server, expected one or more\n"},
    {SERVICE("tls: {sni: {default: a}}"),
     "l4.yaml:2:44: 'sni' has no name of a server, expected one or more\n"},
    {SERVICE("tls: {sni: {a: x, default: y}}, " MEMBERS),
     "l4.yaml:2:60: 'default' stands beside 'members' at l4.yaml:2:74, expected one of them\n"},
    {SERVICE("tls: {sni: {a: x, A.: y}}"), "l4.yaml:2:51: 'sni' has 'a' twice\n"},
    {SERVICE("tls: {sni: {a: x, a: y}}"),
     "l4.yaml:2:51: duplicate key 'a', first given at line 2, column 45\n"},
    {SERVICE("tls: {sni: {\"*\": x, \"*.*.a\": x, 192.0.2.1: x, a..b: x, \"\": x, bücher.example: "
             "x, \"*.\": x}}"),
     "l4.yaml:2:45: a key of 'sni' is '*', expected the name of a host, or \"*.NAME\"; 'default' "
     "is all that are not listed\n"
     "l4.yaml:2:53: a key of 'sni' is '*.*.a', expected the name of a host, or \"*.NAME\"\n"
     "l4.yaml:2:65: a key of 'sni' is '192.0.2.1', expected the name of a host, or \"*.NAME\"\n"
     "l4.yaml:2:79: a key of 'sni' is 'a..b', expected the name of a host, or \"*.NAME\"\n"
     "l4.yaml:2:88: a key of 'sni' is '', expected the name of a host, or \"*.NAME\"; 'default' is "
     "all that are not listed\n"
     "l4.yaml:2:95: a key of 'sni' is 'bücher.example', expected the name of a host, or \"*.NAME\" "
     "in ASCII: xn--...\n"
     "l4.yaml:2:114: a key of 'sni' is '*.', expected the name of a host, or \"*.NAME\"; 'default' "
     "is all that are not listed\n"},
    {SERVICE("tls: {sni: {a b: x, .a: x, "
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b: x, "
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: x}}"),
     "l4.yaml:2:45: a key of 'sni' is 'a b', expected the name of a host, or \"*.NAME\"\n"
     "l4.yaml:2:53: a key of 'sni' is '.a', expected the name of a host, or \"*.NAME\"\n"
     "l4.yaml:2:130: a key of 'sni' is "
     "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...', expected the name of a host, "
     "or \"*.NAME\"\n"},
    {SERVICE("tls: {sni: "
             "{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bcd: x, "
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bcde: x}}"),
     "l4.yaml:2:303: a key of 'sni' is "
     "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaa...', expected the name of a host, "
     "or \"*.NAME\"\n"},
    {SERVICE("tls: {sni: {\"_a.b-c\": x, \"*.a\": x}}"), ""},
    {SERVICE("tls: {sni: {a: [x], b: {pol: x}, c: {pool: x, site: ams}, d: ~}}"),
     "l4.yaml:2:48: 'pool' is a list, expected the name of a pool\n"
     "l4.yaml:2:57: unknown key 'pol', did you mean 'pool'?\n"
     "l4.yaml:2:85: 'site' has no meaning without 'pools': which endpoints are members is said by "
     "the tier of loadstard\n"
     "l4.yaml:2:94: 'pool' is empty, expected the name of a pool\n"},
    {SERVICE("tls: {sni: {a: x, default: x/y}}"),
     "l4.yaml:2:60: 'pool' is 'x/y', expected the name of a pool\n"},
    {OURS("tls: {sni: {a: api, b: {pool: api, site: iad}}}"),
     "l4.yaml:3:56: set 's/api' has another 'site' than at l4.yaml:3:48, expected the same: a "
     "service has one set of a pool\n"},
    {OURS("tls: {sni: {a: {pool: api, site: iad}, b: {pool: api, site: iad}}}"), ""},
    {OURS("tls: {sni: {a: apj, b: names}}"),
     "l4.yaml:3:48: unknown pool 'apj', did you mean 'api'?\n"
     "l4.yaml:3:56: pool 'names' is of 'cname', expected one of addresses: a balancer connects to "
     "addresses\n"},
    {OURS("tls: {sni: {a: api, default: web}}"), ""},
};

/* What is left out as a key is given twice is not missing. */
static const struct l4_case incomplete[] = {
    {"services: {s: {" MEMBERS ", " MEMBERS "}}\n",
     "l4.yaml:1:42: duplicate key 'members', first given at line 1, column 16\n"},
    {OK("drain: {timeout: 1s, timeout: 2s}"),
     "l4.yaml:2:80: duplicate key 'timeout', first given at line 2, column 67\n"},
    {SERVICE("members: {site: a, site: b}"),
     "l4.yaml:2:52: duplicate key 'site', first given at line 2, column 43\n"},
    {OURS("members: {site: ams, site: ams}"),
     "l4.yaml:3:54: duplicate key 'site', first given at line 3, column 43\n"},
    {SERVICE("members: [{port: 1, port: 2}], transparent: true"),
     "l4.yaml:2:53: duplicate key 'port', first given at line 2, column 44\n"},
    {SERVICE("tls: {a: x, a: x}"),
     "l4.yaml:2:39: unknown key 'a', expected sni\n"
     "l4.yaml:2:45: duplicate key 'a', first given at line 2, column 39\n"},
    {SERVICE("tls: {sni: {a: {site: x, site: y}}}"),
     "l4.yaml:2:58: duplicate key 'site', first given at line 2, column 49\n"},
    {OURS("tls: {sni: {a: {site: ams, site: ams}}}"),
     "l4.yaml:3:60: duplicate key 'site', first given at line 3, column 49\n"},
    {SERVICE("tls: {sni: {[a]: x}}"), "l4.yaml:2:45: a list as a key, expected a word\n"},
    {OK("proxy_protocol: {accept: true, accept: false}"),
     "l4.yaml:2:90: duplicate key 'accept', first given at line 2, column 76\n"},
};

static const struct l4_case listens[] = {
    {LISTEN("[\"192.0.2.80:443\", \"192.0.2.80:443\"]"),
     "l4.yaml:2:34: 'listen' has 192.0.2.80:443 twice\n"},
    {LISTEN("[\"0.0.0.0:443\", \"192.0.2.80:443\"]"),
     "l4.yaml:2:31: warning: 'listen' has 192.0.2.80:443 beside 0.0.0.0:443, which it is in\n"},
    {TWO("\"192.0.2.80:443\"", "\"192.0.2.80:443\""),
     "l4.yaml:3:15: services 'b' and 'a' (l4.yaml:2:15) both listen on tcp 192.0.2.80:443, "
     "expected one for it\n"},
    {TWO("\"192.0.2.80:443\"", "\"192.0.2.80:443\", protocol: udp"), ""},
    {TWO("\"192.0.2.80:443\"", "\"0.0.0.0:443\""),
     "l4.yaml:2:15: warning: service 'a' gets what comes to 192.0.2.80:443, and service 'b' on "
     "0.0.0.0:443 does not\n"},
    {TWO("\"192.0.2.80:443\"", "\"0.0.0.0:444\""), ""},
    {TWO("\"192.0.2.80:443\"", "\"[::]:443\""), ""},
    {TWO("\"192.0.2.80:443\"", "\"0.0.0.0:443\", protocol: udp"), ""},
    {TWO("\"[::]:53\", protocol: udp", "\"[2001:db8::1]:53\", protocol: udp"),
     "l4.yaml:3:15: warning: service 'b' gets what comes to [2001:db8::1]:53, and service 'a' on "
     "[::]:53 does not\n"},
    {TWO("\"0.0.0.0:443\"", "\"0.0.0.0:443\""),
     "l4.yaml:3:15: services 'b' and 'a' (l4.yaml:2:15) both listen on tcp 0.0.0.0:443, expected "
     "one for it\n"},
    {TOP("metrics: \"192.0.2.80:443\""),
     "l4.yaml:3:15: service 's' listens on 192.0.2.80:443, where 'metrics' are served "
     "(l4.yaml:1:10), expected another port\n"},
    {TOP("metrics: \"0.0.0.0:443\""),
     "l4.yaml:3:15: service 's' listens on 192.0.2.80:443, where 'metrics' are served "
     "(l4.yaml:1:10), expected another port\n"},
    {TOP("metrics: \"192.0.2.81:443\""), ""},
    {TOP("metrics: \"192.0.2.80:444\""), ""},
    {TOP("metrics: \"[::]:443\""), ""},
    {"metrics: \"127.0.0.1:443\"\nservices: {s: {listen: \"0.0.0.0:443\", " MEMBERS "}}\n",
     "l4.yaml:2:24: service 's' listens on 0.0.0.0:443, where 'metrics' are served (l4.yaml:1:10), "
     "expected another port\n"},
    {"metrics: \"192.0.2.80:443\"\nservices: {s: {protocol: udp, listen: "
     "\"192.0.2.80:443\", " MEMBERS "}}\n",
     ""},
};

static void test_top(void **state)
{
    (void)state;
    CHECK(top);
}

static void test_service(void **state)
{
    (void)state;
    CHECK(service);
}

static void test_proxy(void **state)
{
    (void)state;
    CHECK(proxy);
}

static void test_members(void **state)
{
    (void)state;
    CHECK(members);
}

static void test_listed(void **state)
{
    (void)state;
    CHECK(listed);
}

static void test_server_names(void **state)
{
    (void)state;
    CHECK(server_names);
}

static void test_incomplete(void **state)
{
    (void)state;
    CHECK(incomplete);
}

static void test_listens(void **state)
{
    (void)state;
    CHECK(listens);
}

/* More than a set can have. */
static void test_too_many(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    fputs("services: {s: {listen: \"192.0.2.80:443\", members: [", out);
    for (int i = 0; i <= 65536; i++)
        fprintf(out, "10.1.%d.%d,", i >> 8 & 255, i & 255);
    fputs("]}}\n", out);
    fclose(out);
    check_case(&(
        struct l4_case){text, "l4.yaml:1:51: 'members' has 65537 items, expected at most 65536\n"});
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_top),        cmocka_unit_test(test_service),
        cmocka_unit_test(test_proxy),      cmocka_unit_test(test_members),
        cmocka_unit_test(test_listed),     cmocka_unit_test(test_server_names),
        cmocka_unit_test(test_incomplete), cmocka_unit_test(test_listens),
        cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
