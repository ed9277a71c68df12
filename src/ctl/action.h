/* SPDX-License-Identifier: Apache-2.0
 * Commands that change state: `set` and `weight`. */
#pragma once

#include "ctl/request.h"
#include "out/facts.h"

#include <uv.h>

/** `result`, which the callee owns, when code is 0; else the reason in `error`, and nothing has
 *  changed. */
typedef void action_done_fn(void *arg, int code, json_t *result, const char *error);

/** Carries out CTL_SET or CTL_WEIGHT, or with `dry_run` says what it would do. `done` is called
 *  once, before this returns or later on the loop, after the order is in force; what it does to the
 *  answers is worked out on another thread. The result is as contrib/doc/api.md has it. `facts` are
 *  borrowed until this returns. */
void action_run(uv_loop_t *loop, struct checker *checker, const struct facts *facts,
                const struct ctl_request *request, action_done_fn *done, void *arg)
    __attribute__((nonnull(1, 2, 3, 4, 5)));
