/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: what there is much of, states and probes, copied for a document that is written
 * on another thread. With 100,000 endpoints that takes 10 to 20 ms, so it is done in slices; a
 * document may then hold states that are a few milliseconds apart, but always of one generation:
 * when another comes into force in between, copying begins anew. */
#pragma once

#include "base/vec.h"
#include "ctl/host.h"

struct copies {
    struct generation *generation;  /* held; NULL: not begun */
    struct packed_states *states;   /* in order */
    uint32_t n_states, n_endpoints; /* pieces; endpoints copied so far */
    struct probe_info *probes;
    uint32_t n_probes, max_probes;
    struct arena *texts;           /* of the probes */
    VEC(struct dns_left) dns_left; /* of those that are drained */
};

/** Copies until `until_us` (clock_mono_us()), a little at least; returns whether all is copied. On
 *  the control thread; `copies` is zeroed at first. */
bool copies_step(struct copies *copies, const struct ctl_host *host,
                 int64_t until_us) ATTR_NONNULL ATTR_MUST_USE;

/** Takes hold of the generation alone, for a document that tells of no endpoint's state. */
void copies_none(struct copies *copies, const struct ctl_host *host) ATTR_NONNULL;

/** Puts all states in their places among n_endpoints. On any thread. */
void copies_unpack(const struct copies *copies, struct endpoint_state *states) ATTR_NONNULL;

/** On any thread. */
void copies_free(struct copies *copies) ATTR_NONNULL;
