/* SPDX-License-Identifier: Apache-2.0
 * Commands that change state: `set` and `weight`. */
#pragma once

#include "ctl/request.h"
#include "out/facts.h"

/** Carries out CTL_SET or CTL_WEIGHT. Returns 0 with {target, state|weight, matched[], endpoints,
 *  effects[], warnings[], until} in *result, which the caller owns; or E_NOTFOUND or E_SYSTEM with
 *  the reason in `error`, and nothing changed. */
int action_run(json_t **result, struct checker *checker, const struct facts *facts,
               const struct ctl_request *request,
               char error[CTL_TEXT_MAX]) ATTR_NONNULL ATTR_MUST_USE;
