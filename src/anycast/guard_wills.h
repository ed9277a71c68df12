/* SPDX-License-Identifier: Apache-2.0
 * What the guard does for speakers when loadstard cannot: a process for each will, all at once,
 * each with a limited time, as the guard's user without its capability. */
#pragma once

#include "anycast/guard.h"
#include "anycast/guard_words.h"

/* For each command of a will: those of GoBGP took 330 ms each beside a load of 22, on two
 * processors. */
#define GUARD_WILL_MORE_MS 1000

struct wills {
    struct {
        char *line; /* the request; NULL: there is none */
        size_t n;
        unsigned limit_ms;
        bool is_command;
        pid_t pid;        /* of its process; 0: it does not run */
        int64_t until_ms; /* when it is killed */
    } v[GUARD_WILLS_MAX];
};

/** Keeps the line of a GUARD_WILL request, as it came, or forgets the one that was there. */
void wills_set(struct wills *wills, const struct guard_request *request, const char *line,
               size_t n) ATTR_NONNULL;
/** Starts all; what still runs of them is killed before. Returns how many. */
unsigned wills_run(struct wills *wills, int64_t now_ms) ATTR_NONNULL;
/** Once more those that are commands, when they have ended: one that loadstard had begun before its
 *  own end may have come after them. What it had sent to a vty comes before what we send. */
void wills_run_again(struct wills *wills, int64_t now_ms) ATTR_NONNULL;
/** Takes the ends of those that run, and kills them when their time is over. Returns whether some
 *  still run. */
bool wills_reap(struct wills *wills, int64_t now_ms) ATTR_NONNULL;
