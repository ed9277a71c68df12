/* SPDX-License-Identifier: Apache-2.0
 * The replies of a vty of FRR: text, then three NULs and a byte that says how it went (0: well).
 * Whatever the pieces they come in, they are the same. Pure. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frr_frames {
    unsigned n_nuls; /* of an end that has begun */
};

struct frr_frames_events {
    void *ctx;
    void (*text)(void *ctx, const char *p, size_t n);
    /** The end of a reply. Returns false when nothing more is expected. */
    bool (*status)(void *ctx, uint8_t status);
};

/** False: these are no such replies, or there is something behind the last; then nothing may be fed
 *  any more. */
bool frr_frames_feed(struct frr_frames *frames, const char *p, size_t n,
                     const struct frr_frames_events *events) ATTR_NONNULL ATTR_MUST_USE;
