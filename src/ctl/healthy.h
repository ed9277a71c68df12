/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: whether a pool, or its part in one site, is healthy, for those that follow it by
 * a yes or no (keepalived's vrrp_script, scripts): whether it is up by min_up. Likewise a prefix
 * set, anycast:NAME: whether it is announced (degraded counts, draining does not), and its speaker
 * has it.
 *
 * What is not known of endpoints (no result yet, results that are old news, a state that the panic
 * guard holds) matters only where the answer hangs on it: then there is none. */
#pragma once

#include "ctl/request.h"
#include "out/facts.h"

/** The document {target healthy state up total unknown why}: `healthy` is true, false, or null when
 *  it cannot be told. NULL with E_NOTFOUND or E_SYNTAX in *code and the reason in `error`. */
json_t *healthy_document(const struct facts *facts, const char *target, int *code,
                         char error[CTL_TEXT_MAX]) ATTR_NONNULL ATTR_MUST_USE;

/** Of a target anycast:NAME; `up` and `total` are prefixes. */
json_t *healthy_set_document(const struct facts *facts, const char *target, int *code,
                             char error[CTL_TEXT_MAX]) ATTR_NONNULL ATTR_MUST_USE;
