/* SPDX-License-Identifier: Apache-2.0
 * Words for states, and the rule by which a site is up. */
#include "health/state.h"

#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>

struct site_weight site_weigh(const struct model *model, const struct pool_site *site,
                              const struct endpoint_state *states)
{
    struct site_weight w = {.n = site->n_endpoints};
    for (uint32_t i = 0; i < site->n_endpoints; i++) {
        uint32_t e = site->first_endpoint + i;
        uint32_t weight = endpoint_weight(&model->endpoints[e], &states[e]);
        if (states[e].override == OVERRIDE_DRAIN) {
            w.n_drained++;
            continue;
        }
        w.total += weight;
        if (weight > 0 && endpoint_serves(&states[e])) {
            w.up += weight;
            w.n_up++;
        }
    }
    return w;
}

uint32_t site_n_frozen(const struct pool_site *site, const struct endpoint_state *states)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < site->n_endpoints; i++)
        n += states[site->first_endpoint + i].frozen;
    return n;
}

bool site_is_up(const struct site_weight *weight, double min_up)
{
    /* Shares are written in decimal: 7% of 100 must not become 7.000000000000001. */
    const double rounding = 1e-9;
    return weight->up > 0 && (double)weight->up >= (min_up - rounding) * (double)weight->total;
}

bool pool_is_up(const struct model *model, const struct pool *pool,
                const struct endpoint_state *states)
{
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        struct site_weight weight = site_weigh(model, &pool->sites[i], states);
        if (site_is_up(&weight, pool->min_up))
            return true;
    }
    return false;
}

const char *health_text(enum health health)
{
    static const char *const words[] = {"unknown", "up", "down"};
    return words[health];
}

const char *override_text(enum override o)
{
    static const char *const words[] = {"auto", "up", "down", "drain"};
    return words[o];
}

const char *endpoint_state_text(const struct endpoint_state *s)
{
    static const char *const forced[] = {"", "up!", "down!", "drain!"};
    return s->override == OVERRIDE_AUTO ? health_text(s->health) : forced[s->override];
}

/* A packed state is its members up to the texts, then both texts with their NULs. */
#define PACKED_HEAD offsetof(struct endpoint_state, reason)
static_assert(sizeof(struct endpoint_state) - PACKED_HEAD - 2 * REASON_MAX <
                  alignof(struct endpoint_state),
              "the texts come last");

static char *pack_text(char *to, const char *text)
{
    size_t n = strlen(text) + 1;
    return (char *)memcpy(to, text, n) + n;
}

static const char *unpack_text(char *to, const char *from)
{
    size_t n = strlen(from) + 1;
    memcpy(to, from, n);
    return from + n;
}

struct packed_states states_pack(const struct endpoint_state *states, uint32_t first, uint32_t n)
{
    /* Room for the longest texts: what they do not fill is never touched, and costs nothing. */
    struct packed_states packed = {first, n, xmalloc(n * sizeof *states)};
    char *p = packed.p;
    for (uint32_t e = first; e < first + n; e++) {
        memcpy(p, &states[e], PACKED_HEAD);
        p = pack_text(p + PACKED_HEAD, states[e].reason);
        p = pack_text(p, states[e].override_reason);
    }
    return packed;
}

void states_unpack(struct endpoint_state *states, const struct packed_states *packed)
{
    const char *p = packed->p;
    for (uint32_t e = packed->first; e < packed->first + packed->n; e++) {
        memcpy(&states[e], p, PACKED_HEAD);
        p = unpack_text(states[e].reason, p + PACKED_HEAD);
        p = unpack_text(states[e].override_reason, p);
    }
}

void packed_states_free(struct packed_states *packed)
{
    free(packed->p);
    *packed = (struct packed_states){0};
}
