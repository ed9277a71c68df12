/* SPDX-License-Identifier: Apache-2.0
 * What is said about zones. */
#include "messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define ZONE              \
    "zone: example.com\n" \
    "soa: {mname: ns1, rname: hostmaster}\n"
#define SOA                                        \
    "$TTL 300\n"                                   \
    "@ SOA ns1 hostmaster 1 3600 900 604800 300\n" \
    "@ NS ns1\n"                                   \
    "ns1 A 192.0.2.53\n"

static const struct message_case zones_as_yaml[] = {
    {"zones/example.com.yaml", "zone: example.com\n",
     "zones/example.com.yaml:1:1: the zone has no 'soa', expected a mapping: {mname: NAME, r"
     "name: NAME}\n"
     "zones/example.com.yaml:1:1: the zone has no 'records', expected a mapping: OWNER: {TYP"
     "E: DATA}\n"},
    {"zones/example.com.yaml",
     "zone: \"a..b\"\n"
     "soa: {mname: ns1, rname: h}\n"
     "records: {}\n",
     "zones/example.com.yaml:1:7: 'zone' is 'a..b', expected a domain name: labels of 1 to 6"
     "3 bytes, 255 in all\n"},
    {"zones/example.com.yaml",
     "zone: [x]\n"
     "soa: {mname: ns1, rname: h}\n"
     "records: {}\n",
     "zones/example.com.yaml:1:7: 'zone' is a list, expected a domain name\n"},
    {"zones/example.com.yaml",
     "zone: example.com\n"
     "ttl: never\n"
     "soa: {mname: ns1}\n"
     "records: {}\n",
     "zones/example.com.yaml:2:6: 'ttl' is 'never', expected a duration in whole seconds (30"
     "s, 10m, 1h) from 0s to 2147483647s\n"
     "zones/example.com.yaml:3:6: 'soa' has no 'rname', expected a domain name or a mail add"
     "ress\n"},
    {"zones/example.com.yaml",
     "zone: example.com\n"
     "soa: {mname: ns1, rname: \"a@\", serial: today, refresh: 1.5h, minimun: 60s}\n"
     "records: {}\n",
     "zones/example.com.yaml:2:26: 'rname' is 'a@', expected a mail address or a domain name"
     "\n"
     "zones/example.com.yaml:2:40: 'serial' is 'today', expected a whole number from 0 to 42"
     "94967295\n"
     "zones/example.com.yaml:2:56: 'refresh' is '1.5h', expected a duration in whole seconds"
     " (30s, 10m, 1h) from 0s to 2147483647s\n"
     "zones/example.com.yaml:2:62: unknown key 'minimun', did you mean 'minimum'?\n"},
    {"zones/example.com.yaml", ZONE "records: [www]\n",
     "zones/example.com.yaml:3:10: 'records' is a list, expected a mapping: OWNER: {TYPE: DA"
     "TA}\n"},
    {"zones/example.com.yaml", ZONE "records: {www: 192.0.2.1}\n",
     "zones/example.com.yaml:3:16: 'www' is '192.0.2.1', expected a mapping: TYPE: DATA\n"},
    {"zones/example.com.yaml", ZONE "records: {www: {A: www}}\n",
     "zones/example.com.yaml:3:20: 'www', expected an IPv4 address\n"},
    {"zones/example.com.yaml", ZONE "records: {www: {A: [192.0.2.1, 192.0.2], AAAA: 192.0.2.1}}\n",
     "zones/example.com.yaml:3:32: '192.0.2', expected an IPv4 address\n"
     "zones/example.com.yaml:3:48: '192.0.2.1', expected an IPv6 address\n"},
    {"zones/example.com.yaml", ZONE "records: {www: {A: []}}\n",
     "zones/example.com.yaml:3:20: 'A' is an empty list, expected data\n"},
    {"zones/example.com.yaml", ZONE "records: {www: {A: [[192.0.2.1]]}}\n",
     "zones/example.com.yaml:3:21: 'A' is a list, expected data as in a zone file, {ttl: ..."
     ", data: ...}, or a list of data\n"},
    {"zones/example.com.yaml", ZONE "records: {www: {A: {ttl: 5m}}}\n",
     "zones/example.com.yaml:3:20: the record has no 'data', expected a text or a list of te"
     "xts\n"},
    {"zones/example.com.yaml", ZONE "records: {www: {A: {tll: 5m, data: 192.0.2.1}}}\n",
     "zones/example.com.yaml:3:21: unknown key 'tll', did you mean 'ttl'?\n"},
    {"zones/example.com.yaml", ZONE "records: {www: {AA: 192.0.2.1, ANY: x, SOA: x}}\n",
     "zones/example.com.yaml:3:17: 'AA' is no type of records, expected A, AAAA, CNAME, POOL"
     ", ...\n"
     "zones/example.com.yaml:3:32: 'ANY' is no type of records, expected A, AAAA, CNAME, POO"
     "L, ...\n"
     "zones/example.com.yaml:3:40: the SOA stands in 'soa', expected no other\n"},
    {"zones/example.com.yaml", ZONE "records: {www: {POOL: wwww}}\n",
     "zones/example.com.yaml:3:23: unknown pool 'wwww', did you mean 'www'?\n"},
    {"zones/example.com.yaml", ZONE "records: {www: {POOL: {pool: www, ttl: 0.5, answers: 0}}}\n",
     "zones/example.com.yaml:3:40: 'ttl' is '0.5', expected a duration in whole seconds (30s"
     ", 10m, 1h) from 0s to 2147483647s\n"
     "zones/example.com.yaml:3:54: 'answers' is '0', expected a whole number from 1 to 1000"
     "\n"},
    {"zones/example.com.yaml", ZONE "records: {www: {POOL: {ttl: 5}}}\n",
     "zones/example.com.yaml:3:23: 'POOL' has no 'pool', expected the name of a pool, or "
     "POOL/SITE\n"},
    {"zones/example.com.yaml", ZONE "records: {www: {POOL: www/asm}}\n",
     "zones/example.com.yaml:3:27: pool 'www' has no site 'asm', did you mean 'ams'?\n"},
    {"zones/example.com.yaml", ZONE "records: {www: {POOL: {pool: www/x/y}}}\n",
     "zones/example.com.yaml:3:34: pool 'www' has no site 'x/y', expected one of: ams, iad\n"},
    {"zones/example.com.yaml", ZONE "records: {www: {POOL: [www]}}\n",
     "zones/example.com.yaml:3:23: 'POOL' is a list, expected the name of one pool: it is the pool "
     "that chooses among endpoints and sites (its 'steer')\n"},
    {"zones/example.com.yaml",
     ZONE "records: {www.example.org.: {A: 192.0.2.1}, \"a..b\": {A: 192.0.2.1}, \"\": {A: 192.0."
          "2.1}}\n",
     "zones/example.com.yaml:3:11: the owner is 'www.example.org.', expected a name within t"
     "he zone\n"
     "zones/example.com.yaml:3:45: the owner is 'a..b', expected a domain name: labels of 1 "
     "to 63 bytes, 255 in all\n"
     "zones/example.com.yaml:3:69: the owner is '', expected a domain name\n"},
    {"zones/example.com.yaml",
     ZONE "records: {www: {MX: mail, CAA: \"0 issue\", SRV: \"1 2 x y\"}}\n",
     "zones/example.com.yaml:3:21: 'mail', expected a number from 0 to 65535\n"
     "zones/example.com.yaml:3:32: the line ends here, expected the value of the CAA propert"
     "y\n"
     "zones/example.com.yaml:3:48: 'x', expected a number from 0 to 65535\n"},
    {"zones/example.com.yaml",
     ZONE "records: {www: {A: \"192.0.2.1 ; web\", MX: \"10 mail\\n\"}}\n",
     "zones/example.com.yaml:3:20: a comment or a second line in the data, expected neither"
     "\n"
     "zones/example.com.yaml:3:43: a comment or a second line in the data, expected neither"
     "\n"},
    {"zones/example.com.yaml",
     ZONE "records: {www: {TYPE65280: \"\\\\# 2 abcd12\", TLSA: \"3 1 x\"}}\n",
     "zones/example.com.yaml:3:28: 3 bytes in hexadecimal digits, expected 2\n"
     "zones/example.com.yaml:3:50: 'x', expected a matching type: 0 to 255\n"},
    {"zones/example.com.yaml", ZONE "records: {www: {TXT: 'a\\300'}}\n",
     "zones/example.com.yaml:3:22: expected \\DDD (000 to 255) or \\X\n"},
    {"zones/example.com.yaml", ZONE "records: {x: {MX: '\\# 0', SRV: ['\\# 2 c000']}}\n",
     "zones/example.com.yaml:3:19: not the data of the type: the data ends after 0 bytes, expected "
     "a number from 0 to 65535\n"
     "zones/example.com.yaml:3:33: not the data of the type: the data ends after 2 bytes, expected "
     "a number from 0 to 65535\n"},
    {"zones/example.com.yaml", ZONE "records: {x: {HTTPS: '1 . alpn=\"h2,h3\" port=65536'}}\n",
     "zones/example.com.yaml:3:22: 'port' has a wrong value, expected a number from 0 to 65535\n"},
    {"zones/example.com.yaml", ZONE "records: {null: {A: 192.0.2}}\n",
     "zones/example.com.yaml:3:21: '192.0.2', expected an IPv4 address\n"},
    {"zones/example.com.yaml", ZONE "records: {www: {POOL: {pool: cdn, answers: 2}}}\n",
     "zones/example.com.yaml:3:44: answers is 2, but pool 'cdn' is of 'cname', expected 1: a"
     " name has one CNAME\n"},
};

static void test_zones_as_yaml(void **state)
{
    (void)state;
    check_messages(zones_as_yaml, sizeof zones_as_yaml / sizeof *zones_as_yaml);
}

static const struct message_case zone_files[] = {
    {"zones/example.org.zone", "",
     "zones/example.org.zone:1:1: the zone is empty, expected records\n"},
    {"zones/example.org.zone", "; nothing\n",
     "zones/example.org.zone:1:1: the zone is empty, expected records\n"},
    {"zones/example.org.zone", "www A 192.0.2.1\n",
     "zones/example.org.zone:1:5: no TTL, expected one here or $TTL before this record\n"},
    {"zones/example.org.zone",
     "$TTL 300\n"
     " www A 192.0.2.1\n",
     "zones/example.org.zone:2:2: 'www', expected a type (A, AAAA, CNAME, POOL, ...), a clas"
     "s or a TTL\n"},
    {"zones/example.org.zone", SOA "www A 192.0.2\n",
     "zones/example.org.zone:5:7: '192.0.2', expected an IPv4 address\n"},
    {"zones/example.org.zone", SOA "www A 192.0.2.1 192.0.2.2\n",
     "zones/example.org.zone:5:17: '192.0.2.2', expected the end of the line\n"},
    {"zones/example.org.zone", SOA "www A 192.0.02.1\n",
     "zones/example.org.zone:5:7: '192.0.02.1', expected an IPv4 address\n"},
    {"zones/example.org.zone", SOA "www A\n",
     "zones/example.org.zone:5:6: the line ends here, expected an IPv4 address\n"},
    {"zones/example.org.zone", SOA "www\n",
     "zones/example.org.zone:5:4: the line ends here, expected a type (A, AAAA, CNAME, POOL,"
     " ...)\n"},
    {"zones/example.org.zone", SOA "www 300\n",
     "zones/example.org.zone:5:8: the line ends here, expected a type (A, AAAA, CNAME, POOL,"
     " ...)\n"},
    {"zones/example.org.zone", SOA "www IN 300 IN A 192.0.2.1\n",
     "zones/example.org.zone:5:12: 'IN', expected a type (A, AAAA, CNAME, POOL, ...)\n"},
    {"zones/example.org.zone", SOA "www 300 300 A 192.0.2.1\n",
     "zones/example.org.zone:5:9: '300', expected a type (A, AAAA, CNAME, POOL, ...)\n"},
    {"zones/example.org.zone", SOA "www 3x A 192.0.2.1\n",
     "zones/example.org.zone:5:5: '3x', expected a TTL in seconds, or as 1h30m\n"},
    {"zones/example.org.zone", SOA "www 2147483648 A 192.0.2.1\n",
     "zones/example.org.zone:5:5: '2147483648', expected a TTL of at most 2147483647 seconds"
     "\n"},
    {"zones/example.org.zone", SOA "www CH A 192.0.2.1\n",
     "zones/example.org.zone:5:5: 'CH', expected class IN: no other is served\n"},
    {"zones/example.org.zone", SOA "www CLASS3 A 192.0.2.1\n",
     "zones/example.org.zone:5:5: 'CLASS3', expected class IN: no other is served\n"},
    {"zones/example.org.zone", SOA "www AA 192.0.2.1\n",
     "zones/example.org.zone:5:5: 'AA', expected a type (A, AAAA, CNAME, POOL, ...), a class"
     " or a TTL\n"},
    {"zones/example.org.zone", SOA "www ANY 192.0.2.1\n",
     "zones/example.org.zone:5:5: type ANY exists in messages only, expected one of records"
     "\n"},
    {"zones/example.org.zone", SOA "x MX \\# 0\ny SRV \\# 2 c000\n_s._tcp SRV \\# 4 0000c000\n",
     "zones/example.org.zone:5:6: not the data of the type: the data ends after 0 bytes, expected "
     "a number from 0 to 65535\n"
     "zones/example.org.zone:6:7: not the data of the type: the data ends after 2 bytes, expected "
     "a number from 0 to 65535\n"
     "zones/example.org.zone:7:13: not the data of the type: the data ends after 4 bytes, expected "
     "a number from 0 to 65535\n"},
    {"zones/example.org.zone", SOA "$GENERATE 1-2 h$ MX \\# 0\n",
     "zones/example.org.zone:5:15: not the data of the type: the data ends after 0 bytes, expected "
     "a number from 0 to 65535 (with $ = 1)\n"},
    {"zones/example.org.zone", "$TTL 1\n@ SOA \\# 0\n",
     "zones/example.org.zone:2:7: not the data of the type: the data ends after 0 bytes, expected "
     "a domain name\n"},
    {"zones/example.org.zone", SOA "x HTTPS 1 . alpn=\"h2,h3\" ipv4hint=\"192.0.2.1,x\"\n",
     "zones/example.org.zone:5:35: 'ipv4hint' has a wrong value, expected IPv4 addresses, "
     "separated by commas\n"},
    {"zones/example.org.zone",
     SOA "x DS 1 8 2 (\n  00112233445566778899AABBCCDDEEFF\n 0011223344556677889 )\n",
     "zones/example.org.zone:6:3: 51 hexadecimal digits, expected an even number\n"},
    {"zones/example.org.zone", SOA "x LOC 52 22 N 4 E\n",
     "zones/example.org.zone:5:18: the line ends here, expected an altitude in metres\n"},
    {"zones/example.org.zone", SOA "www AAAA 192.0.2.1\n",
     "zones/example.org.zone:5:10: '192.0.2.1', expected an IPv6 address\n"},
    {"zones/example.org.zone", SOA "www AAAA 2001:db8:::1\n",
     "zones/example.org.zone:5:10: '2001:db8:::1', expected an IPv6 address\n"},
    {"zones/example.org.zone", SOA "www MX mail\n",
     "zones/example.org.zone:5:8: 'mail', expected a number from 0 to 65535\n"},
    {"zones/example.org.zone", SOA "www MX 65536 mail\n",
     "zones/example.org.zone:5:8: '65536', expected a number from 0 to 65535\n"},
    {"zones/example.org.zone", SOA "www MX 10\n",
     "zones/example.org.zone:5:10: the line ends here, expected a domain name\n"},
    {"zones/example.org.zone", SOA "www SRV 1 2 3\n",
     "zones/example.org.zone:5:14: the line ends here, expected a domain name\n"},
    {"zones/example.org.zone", SOA "www CAA 0 is-sue x\n",
     "zones/example.org.zone:5:11: 'is-sue', expected a CAA property (issue, issuewild, iode"
     "f, ...)\n"},
    {"zones/example.org.zone", SOA "www CAA 256 issue x\n",
     "zones/example.org.zone:5:9: '256', expected a number from 0 to 255\n"},
    {"zones/example.org.zone", SOA "www CNAME a..b\n",
     "zones/example.org.zone:5:11: 'a..b' is not a domain name: an empty label\n"},
    {"zones/example.org.zone",
     SOA "www CNAME aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
     "zones/example.org.zone:5:11: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaa' is not a domain name: a label is longer than 63 bytes\n"},
    {"zones/example.org.zone",
     SOA "www CNAME aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.\n",
     "zones/example.org.zone:5:11: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaa.aaaaaaaaaaaaaaaaaaa' is not a domain name: it is longer than 255 bytes\n"},
    {"zones/example.org.zone", SOA "a\\999b A 192.0.2.1\n",
     "zones/example.org.zone:5:1: 'a\\999b' is not a domain name: expected \\DDD (000 to 255"
     ") or \\X\n"},
    {"zones/example.org.zone", SOA "www A 192.0.2.1\\\n",
     "zones/example.org.zone:5:16: '\\' at the end of the line, expected a character after i"
     "t\n"},
    {"zones/example.org.zone",
     SOA "www TXT \"never closed\n"
         "b A 192.0.2.1\n",
     "zones/example.org.zone:5:9: the quote is never closed, expected '\"' on the same line"
     "\n"},
    {"zones/example.org.zone",
     SOA "www TXT ( a\n"
         "  b\n",
     "zones/example.org.zone:5:9: '(' is never closed, expected ')'\n"},
    {"zones/example.org.zone", SOA "www TXT a )\n",
     "zones/example.org.zone:5:11: ')' without a '(' before it\n"},
    {"zones/example.org.zone",
     SOA "www TXT xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxx\n",
     "zones/example.org.zone:5:9: a string of 256 bytes, expected at most 255: write it as s"
     "everal\n"},
    {"zones/example.org.zone", SOA "www SOA ns1 h 1 2 3 4\n",
     "zones/example.org.zone:5:22: the line ends here, expected seconds, or a duration as 1h"
     "30m\n"},
    {"zones/example.org.zone", SOA "www SOA ns1 h 1 1y 3 4 5\n",
     "zones/example.org.zone:5:17: '1y', expected seconds, or a duration as 1h30m\n"},
    {"zones/example.org.zone", SOA "www TLSA 3 1 1\n",
     "zones/example.org.zone:5:15: the line ends here, expected a digest in hexadecimal digits\n"},
    {"zones/example.org.zone", SOA "www TYPE65280 \\# 2 abc\n",
     "zones/example.org.zone:5:20: 3 hexadecimal digits, expected an even number\n"},
    {"zones/example.org.zone", SOA "www A \\# 3 c00002\n",
     "zones/example.org.zone:5:7: not the data of the type: the data ends after 3 bytes, expected "
     "an IPv4 address\n"},
    {"zones/example.org.zone", SOA "www POOL\n",
     "zones/example.org.zone:5:9: the line ends here, expected the name of a pool\n"},
    {"zones/example.org.zone", SOA "www POOL nope\n",
     "zones/example.org.zone:5:10: unknown pool 'nope', expected one of: www, cdn\n"},
    {"zones/example.org.zone", SOA "www POOL wwww\n",
     "zones/example.org.zone:5:10: unknown pool 'wwww', did you mean 'www'?\n"},
    {"zones/example.org.zone", SOA "www 30 IN POOL www answers=0\n",
     "zones/example.org.zone:5:20: 'answers=0', expected answers=N, N from 1 to 1000\n"},
    {"zones/example.org.zone", SOA "www 30 IN POOL www answer=2\n",
     "zones/example.org.zone:5:20: 'answer=2', expected ttl=TTL, ttl=MIN-MAX or answers=N\n"},
    {"zones/example.org.zone", SOA "www IN POOL www ttl=\n",
     "zones/example.org.zone:5:17: 'ttl=', expected ttl=TTL, ttl=MIN-MAX or answers=N\n"},
    {"zones/example.org.zone", SOA "www IN POOL www ttl=5s-\n",
     "zones/example.org.zone:5:17: 'ttl=5s-', expected ttl=TTL or ttl=MIN-MAX, as ttl=5s-60s\n"},
    {"zones/example.org.zone", SOA "www IN POOL www ttl=-5s\n",
     "zones/example.org.zone:5:17: 'ttl=-5s', expected ttl=TTL or ttl=MIN-MAX, as ttl=5s-60s\n"},
    {"zones/example.org.zone", SOA "www IN POOL www ttl=1-2-3\n",
     "zones/example.org.zone:5:17: 'ttl=1-2-3', expected ttl=TTL or ttl=MIN-MAX, as ttl=5s-60s\n"},
    {"zones/example.org.zone", SOA "www IN POOL www ttl=2147483648\n",
     "zones/example.org.zone:5:17: 'ttl=2147483648', expected ttl=TTL or ttl=MIN-MAX, as "
     "ttl=5s-60s\n"},
    {"zones/example.org.zone", SOA "www IN POOL www ttl=1m-59s\n",
     "zones/example.org.zone:5:17: 'ttl=1m-59s', expected a minimum that is not above the "
     "maximum\n"},
    {"zones/example.org.zone", SOA "www 30 IN POOL www answers=2 ttl=5s-60s\n",
     "zones/example.org.zone:5:30: a second TTL, expected one: at the record, or as 'ttl='\n"},
    {"zones/example.org.zone", SOA "www IN POOL www answers=2 answers=3\n",
     "zones/example.org.zone:5:27: a second 'answers', expected one\n"},
    {"zones/example.org.zone", SOA "www IN POOL www/amss\n",
     "zones/example.org.zone:5:17: pool 'www' has no site 'amss', did you mean 'ams'?\n"},
    {"zones/example.org.zone", SOA "www IN POOL www/sin ttl=30\n",
     "zones/example.org.zone:5:17: pool 'www' has no site 'sin', expected one of: ams, iad\n"},
    {"zones/example.org.zone", SOA "www IN POOL www/\n",
     "zones/example.org.zone:5:17: pool 'www' has no site '', expected one of: ams, iad\n"},
    {"zones/example.org.zone", SOA "www IN POOL /ams\n",
     "zones/example.org.zone:5:13: unknown pool '', expected one of: www, cdn\n"},
    {"zones/example.org.zone", SOA "www IN POOL wwww/ams ttl=x\n",
     "zones/example.org.zone:5:13: unknown pool 'wwww', did you mean 'www'?\n"
     "zones/example.org.zone:5:22: 'ttl=x', expected ttl=TTL or ttl=MIN-MAX, as ttl=5s-60s\n"},
    {"zones/example.org.zone", SOA "www 30 IN POOL www answers=2 x\n",
     "zones/example.org.zone:5:30: 'x', expected ttl=TTL, ttl=MIN-MAX or answers=N\n"},
    {"zones/example.org.zone", SOA "www 30 IN POOL cdn answers=2\n",
     "zones/example.org.zone:5:20: answers is 2, but pool 'cdn' is of 'cname', expected 1: a"
     " name has one CNAME\n"},
    {"zones/example.org.zone", SOA "$FOO x\n",
     "zones/example.org.zone:5:1: '$FOO', expected $ORIGIN, $TTL, $INCLUDE or $GENERATE\n"},
    {"zones/example.org.zone", SOA "$ORIGIN\n",
     "zones/example.org.zone:5:8: the line ends here, expected a domain name\n"},
    {"zones/example.org.zone", SOA "$ORIGIN a..b\n",
     "zones/example.org.zone:5:9: 'a..b' is not a domain name: an empty label\n"},
    {"zones/example.org.zone", SOA "$ORIGIN a b\n",
     "zones/example.org.zone:5:11: 'b', expected the end of the line\n"},
    {"zones/example.org.zone",
     SOA "$TTL\n"
         "$TTL soon\n"
         "$TTL 9999999999\n",
     "zones/example.org.zone:5:5: the line ends here, expected a TTL in seconds, or as 1h30m"
     "\n"
     "zones/example.org.zone:6:6: 'soon', expected a TTL from 0 to 2147483647 seconds, or as"
     " 1h30m\n"
     "zones/example.org.zone:7:6: '9999999999', expected a TTL from 0 to 2147483647 seconds,"
     " or as 1h30m\n"},
    {"zones/example.org.zone", SOA "$INCLUDE gone.inc\n",
     "zones/example.org.zone:5:10: cannot read 'zones/gone.inc': No such file or directory\n"},
    {"zones/example.org.zone", SOA "$INCLUDE example.org.zone\n",
     "zones/example.org.zone:5:10: 'zones/example.org.zone' includes itself\n"},
    {"zones/example.org.zone", SOA "$INCLUDE ./example.org.zone\n",
     "zones/example.org.zone:5:10: 'zones/./example.org.zone' includes itself\n"},
    {"zones/example.org.zone", SOA "$INCLUDE ../zones/../zones//example.org.zone\n",
     "zones/example.org.zone:5:10: 'zones/../zones/../zones//example.org.zone' includes itself\n"},
    {"zones/example.org.zone", SOA "$INCLUDE /proc/self/status\n",
     "zones/example.org.zone:5:10: cannot read '/proc/self/status': it is no regular file\n"},
    {"zones/example.org.zone", SOA "$INCLUDE /dev/zero\n",
     "zones/example.org.zone:5:10: cannot read '/dev/zero': it is no regular file\n"},
    {"zones/example.org.zone", SOA "$INCLUDE ..\n",
     "zones/example.org.zone:5:10: cannot read 'zones/..': Is a directory\n"},
    {"zones/example.org.zone", SOA "$INCLUDE\n",
     "zones/example.org.zone:5:9: the line ends here, expected a path\n"},
    {"zones/example.org.zone",
     SOA "$GENERATE\n"
         "$GENERATE 1\n"
         "$GENERATE 5-1 a$ A 192.0.2.$\n"
         "$GENERATE 1-2/0 a$ A 192.0.2.$\n"
         "$GENERATE 1-5\n",
     "zones/example.org.zone:5:10: the line ends here, expected START-STOP or START-STOP/STE"
     "P, as 1-254\n"
     "zones/example.org.zone:6:11: '1', expected START-STOP or START-STOP/STEP, as 1-254\n"
     "zones/example.org.zone:7:11: '5-1', expected START-STOP or START-STOP/STEP, as 1-254\n"
     "zones/example.org.zone:8:11: '1-2/0', expected START-STOP or START-STOP/STEP, as 1-254"
     "\n"
     "zones/example.org.zone:9:14: the line ends here, expected a record with '$' in it\n"},
    {"zones/example.org.zone", SOA "$GENERATE 0-65536 a$ A 192.0.2.1\n",
     "zones/example.org.zone:5:11: more than 65536 entries from one $GENERATE\n"},
    {"zones/example.org.zone", SOA "$GENERATE 250-260 a$ A 192.0.2.$\n",
     "zones/example.org.zone:5:19: '192.0.2.256', expected an IPv4 address (with $ = 256)\n"},
    {"zones/example.org.zone",
     SOA "$GENERATE 1-2 a${0,3,q} A 192.0.2.$\n"
         "$GENERATE 1-2 a${ A 192.0.2.1\n"
         "$GENERATE 1-2 a${-5} A 192.0.2.1\n",
     "zones/example.org.zone:5:16: expected '$', or ${OFFSET,WIDTH,BASE} as ${0,3,d}\n"
     "zones/example.org.zone:6:16: expected '$', or ${OFFSET,WIDTH,BASE} as ${0,3,d}\n"
     "zones/example.org.zone:7:16: expected '$', or ${OFFSET,WIDTH,BASE} as ${0,3,d}\n"},
    {"zones/example.org.zone",
     SOA "www A 1\n"
         "www B 2\n"
         "www A 192.0.2.1\n"
         "www C 3\n",
     "zones/example.org.zone:5:7: '1', expected an IPv4 address\n"
     "zones/example.org.zone:6:5: 'B', expected a type (A, AAAA, CNAME, POOL, ...), a class "
     "or a TTL\n"
     "zones/example.org.zone:8:5: 'C', expected a type (A, AAAA, CNAME, POOL, ...), a class "
     "or a TTL\n"},
    {"zones/again.zone",
     "$ORIGIN example.com.\n"
     "$TTL 1\n"
     "@ SOA a b 1 2 3 4 5\n",
     "zones/example.com.yaml:1:7: zone example.com. is given twice, first at zones/again.zon"
     "e:1:1\n"},
};

static void test_zone_files(void **state)
{
    (void)state;
    check_messages(zone_files, sizeof zone_files / sizeof *zone_files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zones_as_yaml),
        cmocka_unit_test(test_zone_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
