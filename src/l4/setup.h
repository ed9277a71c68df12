/* SPDX-License-Identifier: Apache-2.0
 * A configuration of the forwarder, read and judged: what a start, a reload and --check share. */
#pragma once

#include "health/credentials.h"
#include "model/l4.h"
#include "model/model.h"

enum setup_purpose {
    SETUP_START,
    SETUP_HEIR, /* a start that is handed what another process has: its control socket, too */
    SETUP_RELOAD,
    SETUP_CHECK
};

/** Immutable; plans that go by it hold it. */
struct setup {
    uint32_t n_holds; /* the main thread's */
    uint64_t number;  /* of those in force, from 1 */
    struct model *model;
    struct credentials *credentials;
    uint32_t n_ports; /* local ones that flows of datagrams may take, of all workers */
};

/** Reads, and judges what it wants of this host: the user, files of checks, the state directory,
 * the place of the control socket, local ports, and the limit of open files, which is raised where
 * that can be done. Files are looked at as `user` sees them, by a root that is not yet that user.
 * `before` is in force; NULL: nothing is. Returns 0 with one hold, or a negative code with all
 * errors in `diags`. SETUP_RELOAD on any thread, else on the only one. */
int setup_load(struct setup **out, const char *path, const struct setup *before,
               enum setup_purpose purpose, struct diags *diags)
    __attribute__((nonnull(1, 2, 5))) ATTR_MUST_USE;

/** Whether as many files as the configuration takes can be open. Raises the limit as far as this
 *  process may. Returns 0; E_RANGE after an error, which is a warning of SETUP_CHECK: that runs by
 *  the limit of whoever checks. */
int setup_judge_files(const struct l4_config *config, enum setup_purpose purpose,
                      struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Warns of limits.connections that are given and cannot be reached, `n_ports` being what there is
 *  towards each member. Says nothing of sets that loadstard tells. */
void setup_warn_of_ports(const struct l4_config *config, const struct model *model,
                         uint32_t n_ports, struct diags *diags) ATTR_NONNULL;

static inline struct setup *setup_hold(struct setup *setup)
{
    setup->n_holds++;
    return setup;
}
void setup_release(struct setup *setup);

/** "3 services, 4 sets, 2 workers". */
#define SETUP_SUMMARY_MAX 128
const char *setup_summary(char out[SETUP_SUMMARY_MAX], const struct setup *setup) ATTR_NONNULL;

/** How many threads: as configured, or one a core. */
uint32_t setup_workers(const struct l4_config *config) ATTR_NONNULL;
/** The service that each set belongs to; NULL: none. For free(). */
const struct l4_service **
setup_owners(const struct l4_config *config) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** Whether its members are told by loadstard. */
static inline bool setup_is_told(const struct l4_set *set)
{
    return set->pool == MODEL_NONE && set->n_listed == 0;
}
