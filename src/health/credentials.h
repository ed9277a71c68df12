/* SPDX-License-Identifier: Apache-2.0
 * Whom the https checks of a configuration trust, and what they show: its certificate and key
 * files, read and judged as a whole when the configuration is loaded, on the thread that loads it.
 *
 * Checks that name the same files share one context, and contexts that trust the same file one
 * store: 200 checks with the system's authorities parse them once. What was loaded before is taken
 * over while its files have not changed, so that most reloads parse nothing. */
#pragma once

#include "model/model.h"

struct credentials;
struct tls_context;

/** Reads and parses every file that a check of type https needs, the system's authorities included.
 *  `before` is what is in force; NULL: nothing is. Each file that cannot be used is one error,
 * where it is first named; one that has expired is a warning. Root judges as `server.user` sees the
 *  files. Returns 0, with *out for credentials_free(), or E_INVALID. */
int credentials_load(struct credentials **out, const struct model *model,
                     const struct credentials *before, struct diags *diags)
    __attribute__((nonnull(1, 2, 4))) ATTR_MUST_USE;
void credentials_free(struct credentials *credentials);

/** The context of a check, borrowed; NULL for one that is not of type https. */
struct tls_context *credentials_of(const struct credentials *credentials, uint32_t check);

/** How many contexts and stores there are, and how many of each were parsed rather than shared or
 *  taken over. For tests and measurements. */
struct credentials_summary {
    uint32_t n_contexts, n_stores, n_stores_parsed, n_contexts_made;
};
struct credentials_summary
credentials_summary(const struct credentials *credentials) ATTR_NONNULL ATTR_PURE;
