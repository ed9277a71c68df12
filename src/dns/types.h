/* SPDX-License-Identifier: Apache-2.0
 * Numbers of the DNS (IANA "Domain Name System (DNS) Parameters"), those that the server acts on.
 * Everything else is carried by number; text forms come from dns/rr.h. */
#pragma once

enum rr_type {
    TYPE_A = 1,
    TYPE_NS = 2,
    TYPE_CNAME = 5,
    TYPE_SOA = 6,
    TYPE_PTR = 12,
    TYPE_HINFO = 13,
    TYPE_MX = 15,
    TYPE_TXT = 16,
    TYPE_AAAA = 28,
    TYPE_SRV = 33,
    TYPE_DNAME = 39,
    TYPE_OPT = 41,
    TYPE_DS = 43,
    TYPE_RRSIG = 46,
    TYPE_NSEC = 47,
    TYPE_DNSKEY = 48,
    TYPE_NSEC3PARAM = 51,
    TYPE_SPF = 99,
    TYPE_CAA = 257,
    TYPE_TSIG = 250,
    TYPE_WALLET = 262, /* the highest that has a name, but for two */
    TYPE_IXFR = 251,
    TYPE_AXFR = 252,
    TYPE_ANY = 255,
};

enum rr_class { CLASS_IN = 1, CLASS_CH = 3, CLASS_NONE = 254, CLASS_ANY = 255 };

enum opcode { OPCODE_QUERY = 0, OPCODE_NOTIFY = 4, OPCODE_UPDATE = 5 };

enum rcode {
    RCODE_NOERROR = 0,
    RCODE_FORMERR = 1,
    RCODE_SERVFAIL = 2,
    RCODE_NXDOMAIN = 3,
    RCODE_NOTIMP = 4,
    RCODE_REFUSED = 5,
    RCODE_YXDOMAIN = 6,
    RCODE_NOTAUTH = 9,
    RCODE_BADVERS = 16,
    RCODE_BADCOOKIE = 23,
};

enum edns_option {
    EDNS_NSID = 3,
    EDNS_CLIENT_SUBNET = 8,
    EDNS_COOKIE = 10,
    EDNS_TCP_KEEPALIVE = 11,
    EDNS_PADDING = 12,
    EDNS_ERROR = 15,
};

/* INFO-CODEs of extended errors (RFC 8914). */
enum ede {
    EDE_NOT_READY = 14,
    EDE_PROHIBITED = 18,
    EDE_NOT_AUTHORITATIVE = 20,
    EDE_NOT_SUPPORTED = 21,
};

enum tsig_error { TSIG_BADKEY = 17 };

/* Header flags as the 16-bit word at offset 2, host order. */
#define FLAG_QR 0x8000
#define FLAG_AA 0x0400
#define FLAG_TC 0x0200
#define FLAG_RD 0x0100
#define FLAG_RA 0x0080
#define FLAG_AD 0x0020
#define FLAG_CD 0x0010
#define FLAG_OPCODE_SHIFT 11

#define DNS_HEADER_LEN 12
#define DNS_COMPRESS 0xc000
