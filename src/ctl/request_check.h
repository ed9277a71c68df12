/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: what the arguments of a request cannot tell one by one. */
#pragma once

#include "ctl/request.h"

/** The word of a `set`, of endpoints or of prefix sets: which of them shows when the target is
 * there as well. Returns whether there is such a word. */
bool request_take_state(struct ctl_request *request, const char *text) ATTR_NONNULL;

/** Whether all arguments go together. `is_double`: a client and a client subnet were given. Returns
 *  0, or E_INVALID with the reason in `error`. */
int request_check(struct ctl_request *request, bool is_double,
                  char error[CTL_TEXT_MAX]) ATTR_NONNULL ATTR_MUST_USE;
