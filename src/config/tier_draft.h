/* SPDX-License-Identifier: Apache-2.0
 * A tier while it is read: values whose meaning depends on others are kept as they stand. */
#pragma once

#include "config/parts.h"

#include <stddef.h>

struct tier_draft {
    struct tier tier;
    const struct yaml_node *node; /* its mapping */
    uint16_t port;
    struct tier_path path;
    uint32_t slow_start_ms;
    struct span slow_start_at;
    unsigned on_down; /* bool: reset */
    unsigned mode;    /* bool: stream */
    struct str_list test, reload, command;
    uint8_t persistence_len; /* 0: not said */
    unsigned family;         /* enum ip_family; the same */
};

#define TIER_DRAFT(member) offsetof(struct tier_draft, member)
#define FORWARD_FORMS \
    "nat, dr, tunnel, or {tunnel: ipip}, {tunnel: gre} or {tunnel: gue, port: PORT}"

extern const struct schema tier_service_schema, tier_forward_schema, tier_thresholds_schema,
    tier_member_schema, tier_agent_schema, tier_eds_schema;

/** A schema_read_fn into the draft: a mapping, or the name of a service of loadstar-l4. */
void tier_service_read(struct load *load, const struct yaml_node *node, void *field);
/** A schema_read_fn into a struct tier_path. */
void tier_forward_read(struct load *load, const struct yaml_node *node, void *field);
/** A schema_read_fn into the bounds of a struct tier_path. */
void tier_thresholds_read(struct load *load, const struct yaml_node *node, void *field);
/** A schema_read_fn: what another program calls a backend, an upstream, a cluster. */
void tier_backend_read(struct load *load, const struct yaml_node *node, void *field);
void tier_upstream_read(struct load *load, const struct yaml_node *node, void *field);
void tier_cluster_read(struct load *load, const struct yaml_node *node, void *field);

/** What only one tier by itself shows: keys of other types, keys that are missing. Returns false
 *  after reporting. */
bool tier_judge_keys(struct load *load, const struct tier_draft *d) ATTR_NONNULL;
/** Makes what follows from several keys: service, commands. */
void tier_settle(struct load *load, struct tier_draft *d) ATTR_NONNULL;

/** Endpoints by address, so that fronts are found without a walk over all of them. */
struct tier_places {
    const uint32_t *by_addr; /* endpoints with an address, ascending by it, then by index */
    uint32_t n;
};
void tier_places_make(struct load *load, struct tier_places *places) ATTR_NONNULL;

/** Finds the fronts, when the members are known. */
void tier_fronts_find(struct load *load, struct tier_draft *d,
                      const struct tier_places *places) ATTR_NONNULL;

/** Finds members, with ports and paths, and fronts. */
void tier_members_find(struct load *load, struct tier_draft *d,
                       const struct tier_places *places) ATTR_NONNULL;

/** Judges ways to the members of an IPVS service, once these are found. */
void tier_judge_paths(struct load *load, struct tier_draft *d) ATTR_NONNULL;

/** Gives the tier's slow start to its pool. */
void slow_start_give(struct load *load, const struct tier_draft *d) ATTR_NONNULL;

/** What only shows when all tiers are read: two on one thing. */
void tiers_judge(struct load *load, const struct tier *v, uint32_t n) ATTR_NONNULL;
