/* SPDX-License-Identifier: Apache-2.0
 * A prefix set at work, from inside:
 *
 *   set_engine.c        what comes in, and what is done
 *   set_engine_specs.c  how it begins, and what it is to be
 *   set_engine_view.c   what others see of it */
#pragma once

#include "anycast/hook.h"
#include "anycast/self_probe.h"
#include "anycast/set_engine.h"
#include "drive/backoff.h"

enum set_phase { SET_QUIET, SET_ANNOUNCING, SET_TOLD, SET_WITHDRAWING };

struct set_engine {
    struct set_engine_host host;
    struct anycast_set *set;         /* held */
    const struct anycast_spec *spec; /* of it, or `reduced` */
    struct arena *reduced;           /* of a specification of our own, with fewer prefixes */
    struct speaker_line *line;
    struct hold *hold;
    struct self_probe *self; /* NULL: it is off */
    uv_timer_t timer;        /* the next step that comes by time */

    struct announcer announcer;
    struct set_inputs given;
    struct condition_input *conditions; /* of the set's; NULL: none given yet */
    bool is_given, serving, stalled;
    bool stopping, cut, leaving, ended;

    enum set_phase phase;
    struct hook *hook; /* while it runs */
    bool hook_failed;
    int64_t retry_ms; /* monotonic; 0: no hook is to be tried again */
    struct backoff backoff;
    char hook_problem[COMMAND_TEXT_MAX + 32];

    bool told_announced;
    struct route_attributes told;
    bool is_untold;   /* the line does not know of it yet */
    int64_t quiet_ms; /* since when it is quiet and leaves; 0: it is not */
};

/** What `self` comes to, with its reason. */
struct self_input {
    bool known, ok;
    const char *reason;
};
struct self_input set_engine_self(const struct set_engine *engine) ATTR_NONNULL;

/** How it is announced. Of what is not: how it would begin to be; the speaker has that before, as
 *  what it announces by a carrier goes out at once. */
void set_engine_attributes(const struct set_engine *engine, bool announced,
                           struct route_attributes *out) ATTR_NONNULL;
/** The speaker is to have it from now on, as it is now, or not to have it any more. */
void set_engine_tell(struct set_engine *engine, bool announced) ATTR_NONNULL;
/** As it is now; given to the host. */
void set_engine_publish(struct set_engine *engine) ATTR_NONNULL;
