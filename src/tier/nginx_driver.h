/* SPDX-License-Identifier: Apache-2.0
 * What the parts of nginx's driver share: nginx.c looks, nginx_apply.c writes.
 *
 * Beside FILE lie, each replaced by rename:
 *
 *  - FILE.good: what was tested last, and what FILE is put back to;
 *  - FILE.owed: empty; there while nginx has not been told of FILE.good;
 *  - FILE.before, FILE.edited: what somebody else had written, before the first time and last. */
#pragma once

#include "drive/command.h"
#include "drive/files.h"
#include "drive/sock_diag.h"
#include "tier/driver.h"
#include "tier/nginx_file.h"
#include "tier/nginx_gate.h"

#define NGINX_GOOD ".good"
#define NGINX_OWED ".owed"
#define NGINX_BEFORE ".before"
#define NGINX_EDITED ".edited"

struct driver {
    struct driver_host host;
    struct followed_file *file; /* NULL: its directory could not be opened */
    struct sock_diag *sessions; /* NULL: not opened yet, or it could not be */
    uv_timer_t *timer;
    void (*then)(struct driver *d); /* of the timer */
    struct command *command;        /* the test; NULL: none runs */
    struct nginx_guest guest;
    int64_t held_ms; /* monotonic: since when a first file that was refused waits for those of
                        others, which may be what is missing; 0: it does not */
    bool has_turn;   /* at the gate: to write and to test */
    bool started;    /* what an earlier end may have left has been seen to */
    bool put_back;   /* FILE has been, then; until that was told */
    bool left;       /* the tier is over: what is there is nobody's */
    bool has_good;   /* `good` is what nginx has, or will have when nothing is owed */
    bool is_unsaved; /* FILE.good is not `good` */
    bool owed;       /* nginx has not been told of `good` */
    struct buf good;
    struct buf next;         /* being applied */
    struct buf old;          /* what FILE was before that; */
    bool had_old;            /* false: there was none */
    int64_t ready_ms;        /* monotonic: when the next test may begin */
    struct observation seen; /* while it is made */
    VEC(struct observed) members;
    char text[512];
    enum tier_error reason; /* of `text`, while FILE is put back */
};

/** After so long, in the place of what was to be run before. */
void nginx_later(struct driver *d, uint32_t delay_ms, void (*then)(struct driver *d)) ATTR_NONNULL;

/** Why a file cannot be read or written, with what to do about it; tells the host. */
void nginx_fail_file(struct driver *d, const char *what, const char *suffix,
                     int error) ATTR_NONNULL;
void nginx_fail(struct driver *d, enum tier_error reason, const char *fmt, ...) ATTR_NONNULL
    ATTR_PRINTF(3, 4);

/** Others of the same nginx may write and test, if this one did. */
void nginx_end_turn(struct driver *d) ATTR_NONNULL;
/** For the guest. */
void nginx_turn(void *ctx);
void nginx_reloaded(void *ctx, const struct command_result *result);

void nginx_apply(struct driver *d, const struct tier_table *table,
                 const struct tier_plan *plan) ATTR_NONNULL;

static inline const struct tier *nginx_config(const struct driver *d)
{
    return d->host.spec->config;
}

static inline void nginx_keep(struct buf *out, struct slice text)
{
    out->n = 0;
    buf_add(out, text.n ? (const void *)text.p : "", text.n);
}

static inline struct slice nginx_text(const struct buf *text)
{
    return slice_of(text->n ? text->p : "", text->n);
}
