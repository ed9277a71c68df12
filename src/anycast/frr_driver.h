/* SPDX-License-Identifier: Apache-2.0
 * What the parts of FRR's driver share: frr_look.c reads back, frr.c does the rest. */
#pragma once

#include "anycast/frr_config.h"
#include "anycast/frr_link.h"
#include "anycast/frr_route.h"
#include "anycast/frr_words.h"

struct speaker_driver {
    struct speaker_host host;
    struct frr_link *link;
    uv_timer_t *timer; /* its own: it outlives the driver by a turn of the loop */
    const struct announcements *wanted;
    void (*then)(struct speaker_driver *d, const struct frr_reply *reply);
    struct frr_config has;
    struct speaker_seen seen;
    struct frr_plan plan;
    uint32_t salt;
    unsigned n_looks; /* for what it decides */
    bool tampered;    /* a route-map of ours is not what we made it */
    bool had_ours, lost;
    struct frr_lines last; /* of the will */
    struct buf will_text;
    const char **will_argv;
};

/** Has bgpd told these lines; one thing at a time. */
void frr_ask(struct speaker_driver *d, const struct frr_lines *lines,
             void (*then)(struct speaker_driver *d, const struct frr_reply *reply)) ATTR_NONNULL;
void frr_fail(struct speaker_driver *d, enum speaker_error error, const char *fmt, ...) ATTR_NONNULL
    ATTR_PRINTF(3, 4);

/** Reads bgpd's table, for the configuration that it was found to have, and tells what it has. */
void frr_look(struct speaker_driver *d) ATTR_NONNULL;
/** For the driver's timer. */
void frr_look_again(uv_timer_t *timer) ATTR_NONNULL;
