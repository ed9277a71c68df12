/* SPDX-License-Identifier: Apache-2.0
 * A check made ready to run: a copy of its definition that outlives the model, and what its probes
 * share (search table, TLS context). Counted references: a probe in flight keeps its check while a
 * reload drops the model underneath. */
#pragma once

#include "base/buf.h"
#include "model/model.h"

#include <stdatomic.h>

struct prepared_check {
    struct check def; /* strings in `arena`; span and pool are not kept */
    struct arena *arena;
    struct slice key; /* what is asked of a back end, canonical; see write_key() in check.c */
    const uint32_t *fallback; /* of def.http.body, for the reply parser; NULL: no body wanted */
    struct tls_context *tls;  /* CHECK_HTTPS: a reference; else NULL */
    atomic_uint refs;         /* plans are freed on other threads */
};

/** Prepares a check; the caller holds the first reference. `tls` is its context of
 *  credentials_of(), NULL for a check that needs none. */
struct prepared_check *check_prepare(const struct check *check, struct tls_context *tls)
    __attribute__((nonnull(1))) ATTR_RETURNS_NONNULL;
struct prepared_check *check_ref(struct prepared_check *check) ATTR_NONNULL ATTR_RETURNS_NONNULL;
void check_unref(struct prepared_check *check);

/** Whether the check's command names more of the endpoint than its address and port, so that its
 *  probes cannot be shared between endpoints. */
bool check_is_personal(const struct check *check) ATTR_NONNULL ATTR_PURE;

/** The port that a check asks an endpoint on; 0: none is known. */
uint16_t check_port(const struct check *check,
                    const struct endpoint *endpoint) ATTR_NONNULL ATTR_PURE;
