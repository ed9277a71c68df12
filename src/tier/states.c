/* SPDX-License-Identifier: Apache-2.0
 * What is known of the endpoints of one set of tiers. */
#include "tier/states.h"

#include <stdlib.h>

struct set_states *set_states_new(struct tier_set *set)
{
    struct set_states *s = xcalloc(1, sizeof *s);
    *s = (struct set_states){.n_holds = 1,
                             .set = tier_set_hold(set),
                             .v = xcalloc(set->n_endpoints, sizeof *s->v),
                             .known = xcalloc(set->n_endpoints, sizeof *s->known),
                             .n_missing = set->n_endpoints};
    return s;
}

struct set_states *set_states_hold(struct set_states *s)
{
    s->n_holds++;
    return s;
}

void set_states_release(struct set_states *s)
{
    if (!s || --s->n_holds > 0)
        return;
    tier_set_release(s->set);
    free(s->v);
    free(s->known);
    free(s);
}

void set_states_put(struct set_states *s, uint32_t slot, const struct member_state *state)
{
    s->v[slot] = *state;
    s->n_missing -= !s->known[slot];
    s->known[slot] = true;
}
