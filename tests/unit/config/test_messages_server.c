/* SPDX-License-Identifier: Apache-2.0
 * What is said about broken YAML, loadstar.yaml and networks.yaml. */
#include "messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const struct message_case yaml_itself[] = {
    {"loadstar.yaml", "",
     "loadstar.yaml:1:1: nothing in this file, expected a mapping (KEY: VALUE)\n"},
    {"loadstar.yaml", "# only a comment\n",
     "loadstar.yaml:1:1: nothing in this file, expected a mapping (KEY: VALUE)\n"},
    {"loadstar.yaml", "- zones\n",
     "loadstar.yaml:1:1: the configuration is a list, expected a mapping with keys (server, "
     "control, http, ...)\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "\tserver: {}\n",
     "loadstar.yaml:2:1: a tab, expected spaces: YAML does not indent with tabs\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {listen: [192.0.2.1}\n",
     "loadstar.yaml:2:28: expected ',' or ']' in the list (it begins at line 2, column 18)\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {identity: ams1\n",
     "loadstar.yaml:3:1: expected ',' or '}' in the mapping (it begins at line 2, column 9)"
     "\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server:\n"
     "  identity: ams1\n"
     "   user: x\n",
     "loadstar.yaml:4:4: this line is indented deeper than its neighbours (column 4, expected "
     "3)\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server:\n"
     "    identity: ams1\n"
     "  user: x\n",
     "loadstar.yaml:4:3: column 3 fits nothing above: what is in 'server' (line 2) begins in "
     "column 5; is a line missing above line 2?\n"},
    {"loadstar.yaml",
     "zones: \"zones/\n"
     "server: {}\n",
     "loadstar.yaml:1:8: the quote is never closed, expected another\n"},
    {"loadstar.yaml", "zones: @zones\n",
     "loadstar.yaml:1:8: a value cannot begin with '@' without quotes, expected quotes aroun"
     "d it\n"},
    {"loadstar.yaml", "zones: %zones\n",
     "loadstar.yaml:1:8: a value cannot begin with '%' without quotes, expected quotes aroun"
     "d it\n"},
    {"loadstar.yaml", "zones: `zones`\n",
     "loadstar.yaml:1:8: a value cannot begin with '`' without quotes, expected quotes aroun"
     "d it\n"},
    {"loadstar.yaml", "zones: !path zones/\n",
     "loadstar.yaml:1:8: tag '!path', expected a value without a tag: the key decides how it"
     " is read\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "zones: other/\n",
     "loadstar.yaml:2:1: duplicate key 'zones', first given at line 1, column 1\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {<<: *x}\n",
     "loadstar.yaml:2:14: unknown alias '*x', expected an anchor '&x' before it\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: &s {tcp: *s}\n",
     "loadstar.yaml:2:18: alias '*s' stands inside the value that it names\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "? [a, b]\n"
     ": c\n",
     "loadstar.yaml:2:3: a list as a key, expected a word\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "---\n"
     "zones: other/\n",
     "loadstar.yaml:3:1: a second document, expected the end of the file\n"},
    {"loadstar.yaml", "zones: \"zones/\\q\"\n",
     "loadstar.yaml:1:15: unknown escape in double quotes, expected \\\\ for a backslash, or"
     " single quotes\n"},
    {"loadstar.yaml", "zones: \"zo\\0nes/\"\n",
     "loadstar.yaml:1:8: a NUL byte in a value, expected text\n"
     "loadstar.yaml:1:8: cannot find 'zo': No such file or directory\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "# caf\351\n"
     "server: {identity: \351}\n",
     "loadstar.yaml:2:7: not UTF-8 text (invalid trailing UTF-8 octet)\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {identity: a\001b}\n",
     "loadstar.yaml:2:21: a control character, expected text\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server\n",
     "loadstar.yaml:2:1: a word alone, expected ': ' and a value after it\n"},
    {"loadstar.yaml", "zones: a: b\n",
     "loadstar.yaml:1:9: unexpected ': ', expected quotes around a value that has it, or oth"
     "er indentation\n"},
    {"loadstar.yaml",
     "zones: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
     "loadstar.yaml:1:39: nested more than 32 levels deep\n"},
    {"loadstar.yaml",
     "\357\273\277zonen: zones/\r\n"
     "zones: zones/\r\n",
     "loadstar.yaml:1:1: unknown key 'zonen', did you mean 'zones'?\n"},
    {"loadstar.yaml", "zones: |zones\n",
     "loadstar.yaml:1:9: expected the end of the line after '|' or '>'\n"},
    {"loadstar.yaml", "zones: &\n",
     "loadstar.yaml:1:9: expected a name after '&' or '*', or quotes around a value that beg"
     "ins with them\n"},
    {"loadstar.yaml",
     "zones:\n"
     "- a\n"
     " b\n",
     "loadstar.yaml:2:3: cannot find 'a b': No such file or directory\n"},
};

static void test_yaml_itself(void **state)
{
    (void)state;
    check_messages(yaml_itself, sizeof yaml_itself / sizeof *yaml_itself);
    check_messages_crlf(yaml_itself, sizeof yaml_itself / sizeof *yaml_itself);
}

static const struct message_case loadstar_yaml[] = {
    {"loadstar.yaml", "server: {}\n",
     "loadstar.yaml:1:1: warning: no 'zones': no DNS is served, endpoints are checked only\n"},
    {"loadstar.yaml", "zonse: zones/\n",
     "loadstar.yaml:1:1: unknown key 'zonse', did you mean 'zones'?\n"},
    {"loadstar.yaml", "zones: pools.yaml.d/\n",
     "loadstar.yaml:1:8: cannot find 'pools.yaml.d/': No such file or directory\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "servers: {}\n",
     "loadstar.yaml:2:1: unknown key 'servers', did you mean 'server'?\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "foo: 1\n",
     "loadstar.yaml:2:1: unknown key 'foo', expected one of: server, control, http, geo, ecs"
     ", pools, zones, tiers, anycast\n"},
    {"loadstar.yaml", "zones:\n",
     "loadstar.yaml:1:7: 'zones' is empty, expected a directory or a file\n"},
    {"loadstar.yaml", "zones: {a: b}\n",
     "loadstar.yaml:1:8: 'zones' is a mapping, expected a directory or a file\n"},
    {"loadstar.yaml", "zones: []\n",
     "loadstar.yaml:1:8: 'zones' is an empty list, expected a directory or a file\n"},
    {"loadstar.yaml", "zones: nowhere/\n",
     "loadstar.yaml:1:8: cannot find 'nowhere/': No such file or directory\n"},
    {"loadstar.yaml", "zones: [zones, gone.zone]\n",
     "loadstar.yaml:1:16: cannot read 'gone.zone': No such file or directory\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "pools: gone.yaml\n",
     "loadstar.yaml:2:8: cannot read 'gone.yaml': No such file or directory\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "pools: [pools.yaml, pools.yaml]\n",
     "pools.yaml:1:9: duplicate site 'ams', first given at pools.yaml:1:9\n"
     "pools.yaml:1:41: duplicate site 'iad', first given at pools.yaml:1:41\n"
     "pools.yaml:2:9: duplicate pool 'www', first given at pools.yaml:2:9\n"
     "pools.yaml:3:9: duplicate pool 'cdn', first given at pools.yaml:3:9\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "pools: {}\n",
     "loadstar.yaml:2:8: 'pools' is an empty mapping, expected a path or a list of paths\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: 53\n",
     "loadstar.yaml:2:9: 'server' is '53', expected a mapping with keys (listen, workers, "
     "dispatch, ...)\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {xdp: {interfaces: []}}\n",
     "loadstar.yaml:2:28: 'interfaces' has 0 items, expected 1 to 16\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {xdp: {interfaces: [eth0, a/b, eth0, abcdefghijklmnop, {}]}}\n",
     "loadstar.yaml:2:35: 'interfaces' is 'a/b', expected the name of a network interface: at most "
     "15 characters, no '/', ':' or space\n"
     "loadstar.yaml:2:40: 'interfaces' has eth0 twice\n"
     "loadstar.yaml:2:46: 'interfaces' is 'abcdefghijklmnop', expected the name of a network "
     "interface: at most 15 characters, no '/', ':' or space\n"
     "loadstar.yaml:2:64: an item of 'interfaces' is an empty mapping, expected the name of a "
     "network interface\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {xdp: {mode: fast}}\n",
     "loadstar.yaml:2:15: 'xdp' has no 'interfaces', expected the name of a network interface, or "
     "a "
     "list of names\n"
     "loadstar.yaml:2:22: unknown mode 'fast', expected one of: auto, zero-copy, copy, generic\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {listen: []}\n",
     "loadstar.yaml:1:1: warning: 'listen' is empty: no DNS is served, endpoints are checked "
     "only\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {zones_gone_max: 101%}\n",
     "loadstar.yaml:2:26: 'zones_gone_max' is '101%', expected a share from 0% to 100%, or 0 to "
     "1\n"},
    {"loadstar.yaml", "zones: zones/\nserver: {listen: [\"localhost\"]}\n",
     "loadstar.yaml:2:19: 'listen' is 'localhost': 'localhost' is a name, expected an address\n"},
    {"loadstar.yaml", "zones: zones/\nserver: {listen: [\"ns1.example.com:53\"]}\n",
     "loadstar.yaml:2:19: 'listen' is 'ns1.example.com:53': 'ns1.example.com' is a name, expected "
     "an address\n"},
    {"loadstar.yaml", "zones: zones/\nserver: {listen: [\"192.0.2.1:0\"]}\n",
     "loadstar.yaml:2:19: 'listen' is '192.0.2.1:0': port 0, expected 1 to 65535\n"},
    {"loadstar.yaml", "zones: zones/\nserver: {listen: [\"192.0.2.1:70000\"]}\n",
     "loadstar.yaml:2:19: 'listen' is '192.0.2.1:70000': port 70000, expected 1 to 65535\n"},
    {"loadstar.yaml", "zones: zones/\nserver: {listen: [\"[2001:db8::1]:99999999999\"]}\n",
     "loadstar.yaml:2:19: 'listen' is '[2001:db8::1]:99999999999': port 99999999999, expected 1 to "
     "65535\n"},
    {"loadstar.yaml", "zones: zones/\nserver: {listen: [\"192.0.2.1:dns\"]}\n",
     "loadstar.yaml:2:19: 'listen' is '192.0.2.1:dns': port 'dns', expected a number from 1 to "
     "65535\n"},
    {"loadstar.yaml", "zones: zones/\nserver: {listen: [\"192.0.2.1:\"]}\n",
     "loadstar.yaml:2:19: 'listen' is '192.0.2.1:': port '', expected a number from 1 to 65535\n"},
    {"loadstar.yaml", "zones: zones/\nserver: {listen: [\":53\"]}\n",
     "loadstar.yaml:2:19: 'listen' is ':53': a port without an address, expected one before it: "
     "0.0.0.0:53 for every IPv4 address, or [::]:53\n"},
    {"loadstar.yaml", "zones: zones/\nserver: {listen: [\"*:53\"]}\n",
     "loadstar.yaml:2:19: 'listen' is '*:53': a port without an address, expected one before it: "
     "0.0.0.0:53 for every IPv4 address, or [::]:53\n"},
    {"loadstar.yaml", "zones: zones/\nserver: {listen: [\"53\"]}\n",
     "loadstar.yaml:2:19: 'listen' is '53': a port without an address, expected one before it: "
     "0.0.0.0:53 for every IPv4 address, or [::]:53\n"},
    {"loadstar.yaml", "zones: zones/\nserver: {listen: [\"192.0.2.256:53\"]}\n",
     "loadstar.yaml:2:19: 'listen' is '192.0.2.256:53', expected ADDRESS, ADDRESS:PORT or "
     "[IPV6]:PORT\n"},
    {"loadstar.yaml", "zones: zones/\nserver: {listen: [\"192.0.2.256\"]}\n",
     "loadstar.yaml:2:19: 'listen' is '192.0.2.256', expected ADDRESS, ADDRESS:PORT or "
     "[IPV6]:PORT\n"},
    {"loadstar.yaml", "zones: zones/\nserver: {listen: [\"[2001:db8::1]x:53\"]}\n",
     "loadstar.yaml:2:19: 'listen' is '[2001:db8::1]x:53', expected ADDRESS, ADDRESS:PORT or "
     "[IPV6]:PORT\n"},
    {"loadstar.yaml", "zones: zones/\nserver: {listen: [\"2001:db8:::1\"]}\n",
     "loadstar.yaml:2:19: 'listen' is '2001:db8:::1', expected ADDRESS, ADDRESS:PORT or "
     "[IPV6]:PORT\n"},
    {"loadstar.yaml", "zones: zones/\nserver: {listen: [“192.0.2.1:53”]}\n",
     "loadstar.yaml:2:19: 'listen' is '“192.0.2.1:53”', expected ADDRESS, ADDRESS:PORT or "
     "[IPV6]:PORT; its quotes are curly ones, those of YAML are \" and '\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {listen: [\"[2001:db8::1]:53\", \"2001:db8::1\"]}\n",
     "loadstar.yaml:2:39: 'listen' has [2001:db8::1]:53 twice\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {listen: [\"[::ffff:127.0.0.1]:5300\", 224.0.0.251, 255.255.255.255, 0.0.0.7]}\n",
     "loadstar.yaml:2:19: 'listen' is '[::ffff:127.0.0.1]:5300': an IPv4 address within an IPv6 "
     "one, expected 127.0.0.1\n"
     "loadstar.yaml:2:46: 'listen' is '224.0.0.251': a multicast address, expected one of a host, "
     "or 0.0.0.0 for every IPv4 address\n"
     "loadstar.yaml:2:59: 'listen' is '255.255.255.255': the broadcast address, expected one of a "
     "host, or 0.0.0.0 for every IPv4 address\n"
     "loadstar.yaml:2:76: 'listen' is '0.0.0.7': no host has an address in 0.0.0.0/8; 0.0.0.0 "
     "itself is every IPv4 address\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {listen: [\"fe80::1\", \"fe80::1%eth0\", \"[ff02::fb]:5353\"]}\n",
     "loadstar.yaml:2:19: 'listen' is 'fe80::1': a link-local address, which means nothing without "
     "its interface: [::] takes queries to it, too\n"
     "loadstar.yaml:2:30: 'listen' is 'fe80::1%eth0', expected ADDRESS, ADDRESS:PORT or "
     "[IPV6]:PORT without a zone (%): [::] takes queries to link-local addresses, too\n"
     "loadstar.yaml:2:46: 'listen' is '[ff02::fb]:5353': a multicast address, expected one of a "
     "host, or [::] for every IPv6 address\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "http: {listen: \"[::ffff:127.0.0.1]:8053\"}\n",
     "loadstar.yaml:2:16: 'listen' is '[::ffff:127.0.0.1]:8053': an IPv4 address within an IPv6 "
     "one, expected 127.0.0.1\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {listen: {a: b}}\n",
     "loadstar.yaml:2:18: an item of 'listen' is a mapping, expected ADDRESS, ADDRESS:PORT o"
     "r [IPV6]:PORT\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {workers: many}\n",
     "loadstar.yaml:2:19: 'workers' is 'many', expected auto, or a whole number from 1 to 10"
     "24\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {workers: 0}\n",
     "loadstar.yaml:2:19: 'workers' is '0', expected a whole number from 1 to 1024\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {workers: 1.5}\n",
     "loadstar.yaml:2:19: 'workers' is '1.5', expected a whole number from 1 to 1024\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {identity: [a]}\n",
     "loadstar.yaml:2:20: 'identity' is a list, expected text\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {identity: }\n",
     "loadstar.yaml:2:20: 'identity' is empty, expected text\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {tcp: {idle_timeout: 10}}\n"
     "ecs: {enabled: maybe}\n",
     "loadstar.yaml:3:16: 'enabled' is 'maybe', expected true or false\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {tcp: {idle_timeout: 10ms}}\n",
     "loadstar.yaml:2:30: 'idle_timeout' is '10ms', expected a duration (250ms, 5s, 10m, 1h)"
     " from 100ms to 1h\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {tcp: {idle_timeout: soon}}\n",
     "loadstar.yaml:2:30: 'idle_timeout' is 'soon', expected a duration (250ms, 5s, 10m, 1h)"
     " from 100ms to 1h\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {tcp: {max_connections: -1}}\n",
     "loadstar.yaml:2:33: 'max_connections' is '-1', expected a whole number from 1 to 10000"
     "00\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {panic: {share: 120%, probes: 0, sitess: 2}}\n",
     "loadstar.yaml:2:25: 'share' is '120%', expected a share from 0% to 100%, or 0 to 1\n"
     "loadstar.yaml:2:39: 'probes' is '0', expected a whole number from 1 to 1000000\n"
     "loadstar.yaml:2:42: unknown key 'sitess', did you mean 'sites'?\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {panic: {share: 0%, endpoints: 12}}\n",
     "loadstar.yaml:2:25: 'share' is '0%', expected a share from 10% to 100%; `panic: off` ends "
     "the "
     "guard\n"
     "loadstar.yaml:2:40: warning: 'endpoints' is called 'probes' now: the guard counts an address "
     "and port that many endpoints share once\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "server: {panic: never}\n",
     "loadstar.yaml:2:17: 'panic' is 'never', expected off, or a mapping: {share: 80%, probes: "
     "8}\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "http: {token_file: x}\n",
     "loadstar.yaml:2:7: 'http' has no 'listen', expected ADDRESS:PORT or [IPV6]:PORT\n"
     "loadstar.yaml:2:20: cannot find 'x': No such file or directory\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "http: {listen: 8053}\n",
     "loadstar.yaml:2:16: 'listen' is '8053': a port without an address, expected one before it: "
     "0.0.0.0:8053 for every IPv4 address, or [::]:8053\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "http: {listen: 127.0.0.1, token_file: gone.token}\n",
     "loadstar.yaml:2:39: cannot find 'gone.token': No such file or directory\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "geo: {databases: []}\n",
     "loadstar.yaml:2:18: 'databases' is an empty list, expected a path or a list of paths\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "geo: {databases: gone.mmdb}\n",
     "loadstar.yaml:2:18: cannot find 'gone.mmdb': No such file or directory\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "geo: {networks: gone.yaml}\n",
     "loadstar.yaml:2:17: cannot read 'gone.yaml': No such file or directory\n"},
    {"loadstar.yaml",
     "zones: zones/\n"
     "ecs: true\n",
     "loadstar.yaml:2:6: 'ecs' is 'true', expected a mapping with keys (enabled)\n"},
};

static void test_loadstar_yaml(void **state)
{
    (void)state;
    check_messages(loadstar_yaml, sizeof loadstar_yaml / sizeof *loadstar_yaml);
}

static const struct message_case networks_yaml[] = {
    {"networks.yaml", "- 192.0.2.0/24\n",
     "networks.yaml:1:1: the list of networks is a list, expected a mapping: NETWORK: {site:"
     " ...}\n"},
    {"networks.yaml",
     "192.0.2.0: {site: ams}\n"
     "192.0.2.1/24: {site: ams}\n"
     "192.0.2.0/33: {site: ams}\n"
     "ams: {site: ams}\n",
     "networks.yaml:1:1: the network is '192.0.2.0', expected ADDRESS/LENGTH: 192.0.2.0/32 for "
     "this address alone, or 192.0.2.0/24\n"
     "networks.yaml:2:1: the network is '192.0.2.1/24', expected 192.0.2.0/24, as bits past its "
     "length are set\n"
     "networks.yaml:3:1: the network is '192.0.2.0/33', expected ADDRESS/LENGTH, as 192.0.2.0/24\n"
     "networks.yaml:4:1: the network is 'ams', expected ADDRESS/LENGTH, as 192.0.2.0/24\n"},
    {"networks.yaml",
     "192.0.2.0/24: {}\n"
     "198.51.100.0/24: ams\n",
     "networks.yaml:1:15: network '192.0.2.0/24' says nothing, expected site, country, continent, "
     "location or tag\n"
     "networks.yaml:2:18: network '198.51.100.0/24' is 'ams', expected a mapping with keys (site, "
     "country, continent, ...)\n"},
    {"networks.yaml", "192.0.2.0/24: {site: amz, country: no, continent: XX, tag: \"a b\"}\n",
     "networks.yaml:1:22: unknown site 'amz', did you mean 'ams'?\n"
     "networks.yaml:1:36: 'country' is 'no', expected two capital letters (ISO 3166-1), as N"
     "O or DE\n"
     "networks.yaml:1:51: 'continent' is 'XX', expected one of: AF, AN, AS, EU, NA, OC, SA\n"
     "networks.yaml:1:60: 'tag' is 'a b', expected letters, digits, '-', '_' or '.'\n"},
    {"networks.yaml",
     "192.0.2.0/24: {location: [91, 200]}\n"
     "198.51.100.0/24: {location: north}\n"
     "203.0.113.0/24: {location: [nan, 1e1]}\n",
     "networks.yaml:1:27: the latitude is '91', expected degrees from -90 to 90\n"
     "networks.yaml:1:31: the longitude is '200', expected degrees from -180 to 180\n"
     "networks.yaml:2:29: 'location' is 'north', expected [LATITUDE, LONGITUDE] in degrees\n"
     "networks.yaml:3:29: the latitude is 'nan', expected degrees from -90 to 90\n"
     "networks.yaml:3:34: the longitude is '1e1', expected degrees from -180 to 180\n"},
    {"networks.yaml",
     "2001:DB8::/32: {site: ams}\n"
     "\"2001:db8:0::/32\": {site: iad}\n",
     "networks.yaml:2:1: network '2001:db8:0::/32' is the same as '2001:DB8::/32' at line 1,"
     " column 1\n"},
    {"networks.yaml", "192.0.2.0/24: {sight: ams}\n",
     "networks.yaml:1:16: unknown key 'sight', expected one of: site, country, continent, lo"
     "cation, tag\n"},
};

static void test_networks_yaml(void **state)
{
    (void)state;
    check_messages(networks_yaml, sizeof networks_yaml / sizeof *networks_yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml_itself),
        cmocka_unit_test(test_loadstar_yaml),
        cmocka_unit_test(test_networks_yaml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
