/* SPDX-License-Identifier: Apache-2.0
 * l4.yaml while it is read: values whose meaning depends on others are kept as they stand. */
#pragma once

#include "config/parts.h"
#include "model/l4.h"

#include <stddef.h>

/** The file itself, before its services. */
struct l4_draft {
    struct l4_config config;
    const char *control, *user, *state_dir;
    struct span control_at, user_at, state_dir_at;
};

struct l4_service_draft {
    struct l4_service service;
    const struct yaml_node *node; /* its mapping */
    const struct yaml_node *members, *sni;
    unsigned protocol, on_down; /* bool: UDP; bool: reset */
    unsigned forward;           /* 0: there is one way in this release */
};

extern const struct schema l4_service_schema, l4_members_schema, l4_sni_schema;

/** What only one service by itself shows: keys of another protocol, keys that need others. */
void l4_service_judge(struct load *load, const struct l4_service_draft *d) ATTR_NONNULL;
/** Makes what follows from several keys. */
void l4_service_settle(struct l4_service_draft *d) ATTR_NONNULL;

/** Sets of all services while they are read. */
struct l4_sets {
    VEC(struct l4_set) v;
    struct strmap index; /* by name */
};

/** Finds the sets of a service, and what leads to which: `members`, names of `tls.sni`. */
void l4_members_read(struct load *load, struct l4_service_draft *d,
                     struct l4_sets *sets) ATTR_NONNULL;
/** Reads the endpoints of a list into the set. */
void l4_listed_read(struct load *load, const struct l4_service *service,
                    const struct yaml_node *node, struct l4_set *set) ATTR_NONNULL;
/** Judges endpoints of a pool as members of the service: addresses, with a port. */
void l4_pool_judge(struct load *load, const struct l4_service *service,
                   const struct l4_set *set) ATTR_NONNULL;
/** The port that a service listens on, wherever it does; 0: there are several. */
uint16_t l4_service_port(const struct l4_service *service) ATTR_NONNULL ATTR_PURE;

/** What only all services show: two on one address. */
void l4_listens_judge(struct load *load, const struct l4_config *config) ATTR_NONNULL;
