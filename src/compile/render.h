/* SPDX-License-Identifier: Apache-2.0
 * Writing nodes' blocks (snapshot/node.h): RRsets as they go on the wire. */
#pragma once

#include "base/give_way.h"
#include "compile/tree.h"
#include "snapshot/node.h"

/** The growing blob. */
struct blob {
    uint8_t *p;
    size_t n, cap;
};

static inline void blob_free(struct blob *blob)
{
    give_way_free(blob->p, blob->cap);
}

void blob_grow(struct blob *blob, size_t n) ATTR_NONNULL;

/** `n` bytes at the end, to be written. They move when the blob grows. */
static inline uint8_t *blob_add(struct blob *blob, size_t n)
{
    if (UNLIKELY(blob->cap - blob->n < n))
        blob_grow(blob, n);
    uint8_t *at = blob->p + blob->n;
    blob->n += n;
    return at;
}

/** As many zeroes as it takes to get to a multiple of `to`, at most 8. */
static inline void blob_align(struct blob *blob, size_t to)
{
    size_t n = -blob->n & (to - 1);
    if (n == 0)
        return;
    uint8_t *at = blob_add(blob, n);
    for (size_t i = 0; i < n; i++)
        at[i] = 0;
}

/** Each writes one block at the end of the blob and returns 0, or E_RANGE when the RRs exceed
 *  MESSAGE_SET_MAX (the blob is then as before). `apex` is the zone's origin. */
int render_set(struct blob *blob, struct slice apex, const struct rrset *set) ATTR_NONNULL;
int render_negative(struct blob *blob, struct slice apex, const struct rrset *soa) ATTR_NONNULL;

/** The NS RRset of `cut`, with the addresses that the zone has for its targets. */
int render_referral(struct blob *blob, const struct tree *tree,
                    const struct name_entry *cut) ATTR_NONNULL;
