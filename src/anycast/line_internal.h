/* SPDX-License-Identifier: Apache-2.0
 * The line to a speaker from inside:
 *
 *   speaker_line.c  life, and what it is told and asked
 *   line_cycle.c    what it does when
 *   line_judge.c    whether what the speaker has is what is wanted
 *
 *      ┌──────┐  due   ┌───────┐ observed() ┌────────┐
 *      │ idle │ ─────▶ │ looks │ ─────────▶ │ looked │ ──▶ changed(), idle
 *      └──────┘        └───────┘            └────────┘
 *          │    due    ┌─────────┐ applied() ┌─────────┐
 *          └─────────▶ │ applies │ ────────▶ │ applied │ ──▶ changed(), idle; a look is due
 *                      └─────────┘           └─────────┘
 *      either: failed(), or patience is lost ──▶ changed(), idle until the backoff is over
 *
 * A driver is called from the line's timer alone, never from within what it calls: what it says is
 * noted, and acted upon in the next turn of the loop. */
#pragma once

#include "anycast/speaker_line.h"
#include "drive/backoff.h"

#define LINE_NEVER INT64_MAX

/** Announcements of one moment, with the set whose specs they are. */
struct wish {
    VEC(struct announcement) list;
    uint64_t version;
    struct anycast_set *set; /* held; NULL: none, and the list is empty */
};

enum line_phase { LINE_IDLE, LINE_LOOKS, LINE_LOOKED, LINE_APPLIES, LINE_APPLIED, LINE_FAILED };

enum line_verdict {
    LINE_RIGHT,
    LINE_LOOK, /* the latest look does not tell */
    LINE_WRONG
};

struct speaker_line {
    struct speaker_line_host host;
    const struct speaker_type_ops *ops;
    struct speaker_driver *driver;
    struct speaker_host driver_host;
    const struct speaker *config, *next_config; /* the latter: to go on with when it is idle */
    struct anycast_set *set, *next_set;         /* held: theirs */
    uv_timer_t timer;
    bool closed;

    struct wish wanted; /* the latest */
    struct wish given;  /* what the driver works with: */
    struct announcements lent;
    struct wish looked; /* with which it was looked at */
    struct wish told;   /* if `knows_told`: what the speaker was told last, successfully */
    struct wish willed; /* of the latest speaker_line_will() */
    struct speaker_seen seen;
    bool has_want, knows_told;
    bool has_looked; /* ever, and well */
    bool is_current; /* the latest look went well, and nothing has failed since */
    bool is_unread;  /* told something since then */
    bool confirms;   /* what was told was not seen to be there yet */

    /* The cycle. Times are monotonic. */
    enum line_phase phase, failed_in;
    enum speaker_error failed_error;
    char failed_text[256];
    bool look_asked;
    int64_t began_ms; /* of the phase */
    int64_t looked_ms, applied_ms;
    int64_t told_ms;       /* when an apply was last begun; INT64_MIN: never */
    int64_t adopt_ms;      /* nothing is told before */
    int64_t nudged_ms;     /* 0: not */
    int64_t not_before_ms; /* while it waits to try again; 0: it does not */
    int64_t failed_ms;
    uint32_t settle_ms; /* from one look that waits for what was told to the next */

    struct backoff backoff;
    bool failing;
    int64_t drift_logged_ms; /* 0: never */
    struct speaker_status status;
};

static inline const char *line_name(const struct speaker_line *line)
{
    return line->config->name;
}

/* line_judge.c */
void wish_put(struct wish *wish, const struct announcements *from,
              struct anycast_set *set) ATTR_NONNULL;
void wish_free(struct wish *wish) ATTR_NONNULL;
static inline struct announcements wish_lend(const struct wish *wish)
{
    return (struct announcements){wish->list.v, (uint32_t)wish->list.n, wish->version};
}
/** Whether both announce the same routes, whichever sets they are of. */
bool wish_same_routes(const struct wish *a, const struct wish *b) ATTR_NONNULL ATTR_PURE;
/** Whether what is wanted was not told yet. */
bool line_is_untold(const struct speaker_line *line) ATTR_NONNULL ATTR_PURE;
/** Whether something is, or may be, announced that is not wanted. */
bool line_withdraws(const struct speaker_line *line) ATTR_NONNULL ATTR_PURE;
enum line_verdict line_judge(const struct speaker_line *line) ATTR_NONNULL ATTR_PURE;
/** What was seen of one prefix, which may be seen more than once (in several tables). */
struct line_had {
    enum announcer_real real;
    bool differs;
};
struct line_had line_had_of(const struct speaker_line *line,
                            const struct ip_prefix *prefix) ATTR_NONNULL ATTR_PURE;
/** Gives each route that was seen its index among what is wanted. */
void line_resolve(struct speaker_line *line) ATTR_NONNULL;
/** How many routes that are wanted were not seen, or were seen to differ; how many too many. */
void line_count(const struct speaker_line *line, uint32_t *missing, uint32_t *differing,
                uint32_t *spare) ATTR_NONNULL;

/* line_cycle.c */
/** The driver's: */
void line_observed(void *line, struct speaker_seen *seen) ATTR_NONNULL;
void line_applied(void *line) ATTR_NONNULL;
void line_failed(void *line, enum speaker_error error, const char *text) ATTR_NONNULL;
/** Sets the timer to what is due next. */
void line_arm(struct speaker_line *line) ATTR_NONNULL;

/* speaker_line.c */
/** Opens the driver; another one is closed before. */
void line_open_driver(struct speaker_line *line) ATTR_NONNULL;
/** Takes up the next configuration, if there is one. */
void line_take_next(struct speaker_line *line) ATTR_NONNULL;
