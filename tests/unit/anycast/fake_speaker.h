/* SPDX-License-Identifier: Apache-2.0
 * A speaker in memory, and its driver: it answers, refuses, hangs, answers late, restarts, forgets,
 * as it is told to. The driver asserts that it is called as speaker.h says. */
#pragma once

#include "anycast/speaker_line.h"

#define FAKE_SETS 4
#define FAKE_ROUTES 32

enum fake_answer {
    FAKE_ANSWERS,
    FAKE_FAILS,
    FAKE_BREAKS, /* of an apply: the first route is changed, then it fails */
    FAKE_HANGS
};

struct fake_route {
    struct ip_prefix prefix;
    struct route_attributes attributes;
    char ifname[16];
    struct ip next_hop; /* IP_NONE: its own */
};

struct fake_speaker {
    struct fake_route routes[FAKE_ROUTES];
    uint32_t n_routes;
    enum fake_answer look, apply;
    enum speaker_error error;
    int64_t delay_ms; /* until an answer; 0: within the call */
    bool is_blind;    /* what it has cannot be read: unknown */
    bool is_deaf;     /* it takes all and does nothing */
    bool is_odd;      /* what is absent is not so as it has to be, until it is told */
    bool has_twin;    /* each route is there twice: in another table it is absent */
    uint32_t n_extra; /* routes that it yields besides, all the same */
    bool was_restarted;
    bool is_reopened; /* the driver cannot be respecified */
    /* What happened. */
    uint32_t n_looks, n_applies, n_opened, n_closed, n_respecified, n_wills;
    uint32_t n_withdrawn, n_changed; /* routes, by applies */
    uint32_t n_needless;             /* applies that changed nothing */
    uint32_t n_hasty;          /* that withdrew nothing, and came within LINE_APART_MS of another */
    int64_t look_ms, apply_ms; /* when the latest was begun; INT64_MIN: never */
    uint32_t n_looks_before_apply; /* that went well, when the first apply was begun */
    uint32_t n_looked_well;
    unsigned n_under_way;
    unsigned depth;    /* within what the driver calls */
    uint32_t n_willed; /* sets that were announced in the latest will */
    const struct speaker *config;
    struct speaker_driver *driver; /* that is open */
};

extern struct fake_speaker fake;
extern const struct speaker_type_ops fake_ops, fake_ops_reopened;

/** What the driver goes by, in its host. */
const struct speaker *fake_config(void);
/** The driver says that it may have been restarted. */
void fake_nudge(void);
void fake_restart(void);
void fake_lose(uint32_t route);
struct fake_route *fake_find(const struct ip_prefix *prefix);
