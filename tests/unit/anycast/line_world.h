/* SPDX-License-Identifier: Apache-2.0
 * A line to a speaker in memory, on a loop of the test's own and a clock that it sets.
 *
 * There are four sets of two prefixes each, a b c d, in three configurations:
 *
 *   0  a b c
 *   1  c a d      one is gone, one is new, and the order is another
 *   2  x b c      x is a by another name: the same prefixes, another interface
 *   3  a b c      a has another next hop
 *   4  a b c      a has a next hop of its own, which is not said
 *
 * How sets are announced is text, a letter for each: `-` not, P(lain), D(egraded), G(raceful
 * shutdown), g: that of one that is degraded. */
#pragma once

#include "fake_speaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WORLD_VERSIONS 5

struct line_world {
    uv_loop_t loop;
    struct anycast_set sets[WORLD_VERSIONS];
    struct anycast_spec specs[WORLD_VERSIONS][FAKE_SETS];
    struct speaker config, other_config;
    const struct speaker_type_ops *ops;
    struct speaker_line *line;
    uint32_t version; /* of the configuration */
    char wants[8];    /* what was wanted last */
    uint32_t n_changed;
    /** Called within changed(); NULL: nothing. */
    void (*on_changed)(struct line_world *w);
};

void world_open(struct line_world *w);
/** Opens the line. */
void world_begin(struct line_world *w);
void world_close(struct line_world *w);
/** Runs the loop for `ms` of the clock. */
void world_run(struct line_world *w, int64_t ms);
/** Wants sets of the configuration in force so. */
void world_want(struct line_world *w, const char *letters);
/** The speaker has sets a b c d so, as if it had been told before. */
void world_has(struct line_world *w, const char *letters);
/** How it has a b c d; `?` for a set of which it has not all, or in no way that is known. */
const char *world_routes(struct line_world *w);
/** What is wanted, as world_routes() would have it. */
const char *world_wanted(struct line_world *w);
/** What the line knows of a b c of configuration 0: `+` present, `~` otherwise, `-` absent, `?`. */
const char *world_real(struct line_world *w);

unsigned log_count(const char *text);
void log_forget(void);
