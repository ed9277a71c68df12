/* SPDX-License-Identifier: Apache-2.0
 * The keys of SvcParams and their values. For rdata_svcb.c alone. */
#pragma once

#include "dns/rdata_kind.h"

/* Numbers of keys, by which svcb_keys[] is ordered; SVCB_KEYS of them are known. */
enum { SVCB_MANDATORY, SVCB_ALPN, SVCB_NO_DEFAULT_ALPN, SVCB_KEYS = 10, SVCB_INVALID = UINT16_MAX };

/* What is read: the value of one key, its escapes undone. */
struct svcb_value {
    struct rdata_in *in;
    const uint8_t *at; /* in the text */
    struct slice bytes;
};

struct svcb_key {
    char name[24];
    const char *expected;
    bool (*read)(const struct svcb_value *v); /* NULL: the key has no value */
    bool (*check)(struct slice value);
    void (*print)(struct buf *out, struct slice value);
};

extern const struct svcb_key svcb_keys[SVCB_KEYS];

/** The number of a key by its name, or of `keyNNNNN` without leading zeros; -1: neither. */
int svcb_key_of(struct slice text);
void svcb_print_key(struct buf *out, uint16_t key) ATTR_NONNULL;

/** A value of any bytes, as that of a key without a name. */
bool svcb_read_bytes(const struct svcb_value *value) ATTR_NONNULL;
