/* SPDX-License-Identifier: Apache-2.0
 * A prefix set, or a speaker, as others may look at it, on any thread: an immutable copy, held. */
#pragma once

#include "anycast/speaker_line.h"

struct anycast_input {
    const char *name; /* "self", "pool www/ams", "check uplink 198.51.100.1", "order @7" */
    bool ok, known;
    bool is_full;       /* it only decides between announced and degraded */
    const char *reason; /* "42 % of the weight is up, at least 30 % is needed" */
};

struct anycast_timer {
    enum announcer_timer timer;
    int64_t until_ms; /* wall clock */
};

struct anycast_prefix_view {
    struct ip_prefix prefix;
    enum announcer_real real;
    bool differs;
};

struct anycast_view {
    atomic_uint n_holds;
    struct arena *arena;     /* all of it, itself included */
    uint64_t version;        /* rises over all views */
    struct anycast_set *set; /* held */
    const struct anycast_spec *spec;
    enum announcer_state state;
    enum announce_order order;
    int64_t since_ms; /* wall clock, of the state */
    enum announcer_real real;
    struct anycast_input *inputs;
    uint32_t n_inputs;
    struct anycast_timer timers[ANNOUNCER_TIMERS];
    uint32_t n_timers;
    struct anycast_prefix_view *prefixes; /* config->n_prefixes */
    struct route_attributes attributes;   /* while announced */
    const char *problem;                  /* of the hook, the TUN, the speaker; "" */
    uint64_t n_transitions;
    bool frozen;
};

struct speaker_view {
    atomic_uint n_holds;
    struct arena *arena;
    uint64_t version;
    struct anycast_set *set;
    const struct speaker *config;
    struct speaker_status status;
};

struct anycast_view *anycast_view_hold(struct anycast_view *view) ATTR_NONNULL ATTR_RETURNS_NONNULL;
void anycast_view_release(struct anycast_view *view);
struct speaker_view *speaker_view_hold(struct speaker_view *view) ATTR_NONNULL ATTR_RETURNS_NONNULL;
void speaker_view_release(struct speaker_view *view);
