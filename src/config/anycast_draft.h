/* SPDX-License-Identifier: Apache-2.0
 * Prefix sets and speakers while they are read: values whose meaning depends on others are kept as
 * they stand. */
#pragma once

#include "config/parts.h"

#include <stddef.h>

/** A check of a prefix set, before there is an endpoint for it. */
struct check_draft {
    uint32_t check;
    struct ip addr;
    struct span span;
};

struct needs_draft {
    struct anycast_needs needs;
    const struct check_draft *checks;
    uint32_t n_checks;
};

struct set_draft {
    struct prefix_set set;
    const struct yaml_node *node; /* its mapping */
    struct needs_draft when, full;
    struct str_list on_announce, on_withdraw;
};

struct speaker_draft {
    struct speaker speaker;
    const struct yaml_node *node;
    struct str_list command, vtysh;
};

#define NEEDS_DRAFT(member) offsetof(struct needs_draft, member)
#define SET_DRAFT(member) offsetof(struct set_draft, member)
#define SPEAKER_DRAFT(member) offsetof(struct speaker_draft, member)

/** Bounds of what one route carries (anycast/speaker.h: SPEAKER_COMMUNITIES_MAX), GRACEFUL_SHUTDOWN
 *  left out. */
#define COMMUNITIES_MAX 63
#define PREPEND_MAX 16
#define PREFIXES_MAX 256 /* in one set */

extern const struct schema prefix_set_schema, speaker_schema, anycast_needs_schema;

/* ---- values: schema_read_fn, of the member that each names ---- */

/** prefix_set.prefixes; into the whole set, as what follows. */
void anycast_prefixes_read(struct load *load, const struct yaml_node *node, void *set);
/** prefix_set.communities and anycast_attributes.communities, by the next two. */
void set_communities_read(struct load *load, const struct yaml_node *node, void *set);
void degraded_communities_read(struct load *load, const struct yaml_node *node, void *attributes);
void large_communities_read(struct load *load, const struct yaml_node *node, void *set);
void set_next_hop_read(struct load *load, const struct yaml_node *node, void *set);
/** speaker.next_hop_v4 and next_hop_v6; into the whole draft. */
void speaker_next_hop_read(struct load *load, const struct yaml_node *node, void *draft);
/** speaker.as */
void as_number_read(struct load *load, const struct yaml_node *node, void *as);
/** prefix_set.self */
void anycast_self_read(struct load *load, const struct yaml_node *node, void *set);
extern const struct schema anycast_self_schema;
void interface_read(struct load *load, const struct yaml_node *node, void *name);

/** argv that ends with NULL; NULL: of no words. As other paths in a file a relative program is
 *  relative to it; a name without a slash is looked for in PATH. */
const char *const *command_of(struct load *load, const struct yaml_node *node,
                              struct str_list words);

/* ---- in order ---- */

/** All speakers, from load->speakers into the model. */
void speakers_read(struct load *load) ATTR_NONNULL;
/** What only shows when all speakers are read: two on one thing. */
void speakers_judge(struct load *load) ATTR_NONNULL;

/** What one set by itself shows, and its speaker. */
void set_judge(struct load *load, struct set_draft *d) ATTR_NONNULL;
/** Two sets with one prefix. */
void sets_judge(struct load *load, const struct set_draft *v, uint32_t n) ATTR_NONNULL;

/** Makes a pool for the checks of each set that has some. */
void anycast_pools_make(struct load *load, struct set_draft *v, uint32_t n) ATTR_NONNULL;

/** When listeners, tiers and zones are known: what is served of each prefix, whom `self` asks and
 *  which addresses are held, into load->set_table. */
void anycast_cover(struct load *load) ATTR_NONNULL;

/** Where the i-th prefix of a set that was read without an error stands. */
struct span prefix_span(const struct set_draft *d, uint32_t i) ATTR_NONNULL;
