/* SPDX-License-Identifier: Apache-2.0
 * The kinds of fields that rdata is made of. For the rdata_*.c alone. */
#pragma once

#include "base/digits.h"
#include "dns/rdata.h"

/* Each has a `rdata_kind_NAME`. */
#define RDATA_KINDS(X)                                                       \
    /* numbers (rdata_number.c) */                                           \
    X(U8)                                                                    \
    X(U16)                                                                   \
    X(U32)                                                                   \
    X(SECONDS)     /* 32 bits; text may have units */                        \
    X(TYPE)        /* an RR type */                                          \
    X(ALGORITHM)   /* of DNSSEC, a number or its mnemonic */                 \
    X(DIGEST_TYPE) /* of DS */                                               \
    X(CERT_TYPE)                                                             \
    X(TLSA_USAGE)                                                            \
    X(TLSA_SELECTOR)                                                         \
    X(TLSA_MATCHING)                                                         \
    X(SCHEME) /* of DSYNC */                                                 \
    X(TIME)   /* RFC 4034 3.2 */                                             \
    /* addresses (rdata_address.c) */                                        \
    X(IPV4)                                                                  \
    X(IPV6)                                                                  \
    X(EUI48)                                                                 \
    X(EUI64)                                                                 \
    X(NODE64)   /* RFC 6742: four groups of hexadecimal digits */            \
    X(PREFIXES) /* of APL */                                                 \
    X(A6)       /* all of it */                                              \
    /* names and strings (rdata_string.c) */                                 \
    X(NAME)                                                                  \
    X(STRING)      /* one length byte, at most 255 bytes */                  \
    X(STRINGS)     /* one or more */                                         \
    X(STRING_LAST) /* one or none */                                         \
    X(DIGITS)      /* a string of four digits or more: X25 */                \
    X(TAG)         /* of CAA: letters and digits */                          \
    X(VALUE)       /* of CAA: one word without a length byte, to the end */  \
    X(TARGET)      /* of URI: the same, but not empty */                     \
    /* bytes (rdata_bytes.c, rdata_digest.c) */                              \
    X(OPAQUE)      /* no text but that of RFC 3597 */                        \
    X(OPAQUE_ANY)  /* the same, and may be empty */                          \
    X(HEX)         /* to the end */                                          \
    X(BASE64)      /* to the end */                                          \
    X(BASE64_DASH) /* to the end; `-` when empty */                          \
    X(KEY_KEY)     /* of KEY: none when the flags say so */                  \
    X(SALT)        /* one length byte, hexadecimal; `-` when empty */        \
    X(HASH)        /* one length byte, base32hex */                          \
    X(NSAP)        /* to the end, 0x and hexadecimal digits */               \
    X(DS_DIGEST)   /* to the end; as long as the algorithm before it says */ \
    X(SSHFP_DIGEST)                                                          \
    X(TLSA_DIGEST)                                                           \
    X(ZONEMD_DIGEST)                                                         \
    /* lists of bits (rdata_bitmap.c) */                                     \
    X(TYPES)     /* RFC 4034 4.1.2, one or more */                           \
    X(TYPES_ANY) /* or none */                                               \
    X(TYPES_NXT) /* RFC 2535 5.2 */                                          \
    X(SERVICES)  /* of WKS, with the protocol before them */                 \
    /* keys of hosts (rdata_host.c) */                                       \
    X(GATEWAY)       /* of IPSECKEY; its type stands at offset 1 */          \
    X(IPSECKEY_KEY)  /* none when the algorithm, at offset 2, is 0 */        \
    X(RELAY)         /* of AMTRELAY, with its type */                        \
    X(HOST_IDENTITY) /* of HIP, all but the servers */                       \
    X(SERVERS)       /* names to the end, any number */                      \
    /* rdata_svcb.c, rdata_loc.c */                                          \
    X(SVCPARAMS)                                                             \
    X(LOCATION)

enum rdata_kind_id {
    FIELD_NONE,
#define X(name) FIELD_##name,
    RDATA_KINDS(X)
#undef X
        FIELD_COUNT,
};

/** Reading text: words come from `scan`, bytes go to `w`. */
struct rdata_in {
    struct scan *scan;
    struct slice origin;
    struct writer w;
    uint8_t *start; /* of the rdata */
    const char *expected;
    struct rdata_error *error;
};

/** Walking over wire format. */
struct rdata_walk {
    struct reader r;
    const uint8_t *start; /* of the rdata */
    struct rdata_error *error;
};

struct rdata_kind {
    const char *expected; /* for messages: "a domain name" */
    bool may_be_absent;   /* read() is called with an empty word when the entry ends */
    bool is_string;       /* its text is a character-string */
    bool is_name;         /* FIELD_NAME: compared without regard to case */
    /** Reads the field, whose first word is given. Returns false with `error` filled. */
    bool (*read)(struct rdata_in *in, struct word *word);
    /** Moves over the field; false with `error` filled, or with r.bad set when bytes are missing.
     */
    bool (*check)(struct rdata_walk *walk);
    /** Prints the field, which is valid; false when it has no text. */
    bool (*print)(struct buf *out, struct rdata_walk *walk);
};

#define X(name) extern const struct rdata_kind rdata_kind_##name;
RDATA_KINDS(X)
#undef X

/** Fills *error; always returns false. */
bool rdata_fail(struct rdata_error *error, const uint8_t *at, const char *fmt,
                ...) ATTR_NONNULL ATTR_COLD ATTR_PRINTF(3, 4);

/** "'WORD', expected EXPECTED"; an empty word that is not quoted is the end of the line. */
bool rdata_expected(struct rdata_error *error, const struct word *word,
                    const char *expected) ATTR_NONNULL ATTR_COLD;

/** What was written does not fit; always returns false. */
bool rdata_too_long(const struct rdata_in *in, const uint8_t *at) ATTR_NONNULL ATTR_COLD;

/** The next word, which there must be. */
bool rdata_word(struct rdata_in *in, struct word *word, const char *expected) ATTR_NONNULL;

/** The next word of a list: 1, 0 at the end of the entry, E_SYNTAX with the error filled. */
int rdata_next(struct rdata_in *in, struct word *word) ATTR_NONNULL;

/* --- shared by kinds --- */

/** Dotted quad without leading zeros, which some take for octal. */
bool rdata_ipv4(struct slice text, uint8_t out[4]) ATTR_NONNULL;
bool rdata_ipv6(struct slice text, uint8_t out[16]) ATTR_NONNULL;
void rdata_print_ipv4(struct buf *out, const uint8_t *p) ATTR_NONNULL;
void rdata_print_ipv6(struct buf *out, const uint8_t *p) ATTR_NONNULL;

bool rdata_read_name(struct rdata_in *in, struct word *word) ATTR_NONNULL;
bool rdata_check_name(struct rdata_walk *walk) ATTR_NONNULL;
bool rdata_print_name(struct buf *out, struct rdata_walk *walk) ATTR_NONNULL;

/** A word with its escapes undone, to malloc()ed memory that the caller frees; NULL with the error
 *  filled. */
uint8_t *rdata_unescaped(struct rdata_in *in, const struct word *word, uint32_t *n) ATTR_NONNULL;

/** Bytes between double quotes, with escapes. */
void rdata_print_quoted(struct buf *out, struct slice bytes) ATTR_NONNULL;

/** The rest of the entry, digits in any number of words. */
bool rdata_read_hex(struct rdata_in *in, struct word *word) ATTR_NONNULL;
bool rdata_read_base64(struct rdata_in *in, struct word *word) ATTR_NONNULL;
/** Adds what digits stand for; false with the error filled at `at`. */
bool rdata_put_hex(struct rdata_in *in, const uint8_t *at, const uint8_t *p, size_t n) ATTR_NONNULL;
/** Adds what a text stands for; false with the error filled at `at`. */
bool rdata_put_base64(struct rdata_in *in, const uint8_t *at, struct slice text) ATTR_NONNULL;
void rdata_print_hex(struct buf *out, struct slice bytes) ATTR_NONNULL;
void rdata_print_base64(struct buf *out, struct slice bytes) ATTR_NONNULL;
/** At least one byte, to the end; and that in hexadecimal. */
bool rdata_check_some(struct rdata_walk *walk) ATTR_NONNULL;
bool rdata_print_hex_field(struct buf *out, struct rdata_walk *walk) ATTR_NONNULL;
