/* SPDX-License-Identifier: Apache-2.0
 * Copies of specifications. */
#include "anycast/spec_copy.h"

#include "model/copy.h"

static const struct prefix_set *copy_config(struct arena *arena, const struct prefix_set *from)
{
    struct prefix_set *to = arena_calloc(arena, 1, sizeof *to);
    *to = *from;
    to->name = copy_text(arena, from->name);
    to->interface = copy_text(arena, from->interface);
    to->prefixes = copy_array(arena, from->prefixes, from->n_prefixes, sizeof *from->prefixes);
    to->addresses = copy_array(arena, from->addresses, from->n_addresses, sizeof *from->addresses);
    to->communities =
        copy_array(arena, from->communities, from->n_communities, sizeof *from->communities);
    to->large_communities = copy_array(arena, from->large_communities, from->n_large_communities,
                                       sizeof *from->large_communities);
    to->degraded.communities =
        copy_array(arena, from->degraded.communities, from->degraded.n_communities,
                   sizeof *from->degraded.communities);
    to->self.name =
        (struct slice){arena_copy(arena, from->self.name.p, from->self.name.n), from->self.name.n};
    to->when = to->full = (struct anycast_needs){0};
    to->on_announce = to->on_withdraw = (struct anycast_hook){0};
    to->span = to->interface_at = (struct span){0};
    return to;
}

static void copy_spec(struct arena *arena, struct anycast_spec *to, const struct anycast_spec *from)
{
    *to = *from;
    to->config = copy_config(arena, from->config);
    to->name = to->config->name;
    to->site = copy_text(arena, from->site);
    to->ifname = copy_text(arena, from->ifname);
    to->conditions = NULL;
    to->n_conditions = 0;
}

struct anycast_set *spec_copy(struct announcement *wanted, uint32_t n,
                              const struct anycast_set *like)
{
    struct arena *arena = arena_new();
    struct anycast_set *set = arena_calloc(arena, 1, sizeof *set);
    struct anycast_spec *specs = arena_calloc(arena, n, sizeof *specs);
    for (uint32_t i = 0; i < n; i++) {
        copy_spec(arena, &specs[i], wanted[i].spec);
        wanted[i].spec = &specs[i];
        wanted[i].attributes.large = specs[i].config->large_communities;
    }
    *set = (struct anycast_set){.n_holds = 1,
                                .arena = arena,
                                .node = copy_text(arena, like->node),
                                .state_dir = copy_text(arena, like->state_dir),
                                .sets = specs,
                                .n_sets = n};
    return set;
}
