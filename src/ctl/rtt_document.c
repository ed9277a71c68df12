/* SPDX-License-Identifier: Apache-2.0
 * The document of round-trip times: what tiers measured of clients, by network. */
#include "control/json.h"
#include "ctl/documents.h"

struct measured {
    const struct tier_spec *tier;
    const struct client_rtt *rtt;
};

struct measured_list {
    struct measured *v; /* tier by tier, by network within each */
    uint32_t n;
    int64_t now_ms;
};

static void list_measured(struct measured_list *list, struct arena *arena, const struct facts *f)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->tiers.n; i++)
        n += f->tiers.views[i]->clients ? f->tiers.views[i]->clients->n : 0;
    *list =
        (struct measured_list){.v = arena_calloc(arena, n, sizeof *list->v), .now_ms = f->now_ms};
    for (uint32_t i = 0; i < f->tiers.n; i++) {
        const struct client_rtts *clients = f->tiers.views[i]->clients;
        for (uint32_t j = 0; clients && j < clients->n; j++)
            if (client_rtt_is_fresh(&clients->v[j], f->now_ms))
                list->v[list->n++] = (struct measured){f->tiers.views[i]->spec, &clients->v[j]};
    }
}

static const char *key_of_measured(const void *ctx, struct arena *arena, uint32_t index)
{
    const struct measured *m = &((const struct measured_list *)ctx)->v[index];
    char network[IP_PREFIX_TEXT_MAX];
    return arena_printf(arena, "%s/%s", m->tier->name, ip_prefix_text(network, &m->rtt->network));
}

static json_t *measured_json(const void *ctx, struct arena *arena, uint32_t index)
{
    const struct measured_list *list = ctx;
    const struct measured *m = &list->v[index];
    const int64_t age_ms = list->now_ms - m->rtt->seen_ms;
    char network[IP_PREFIX_TEXT_MAX];
    json_t *object = json_object();
    (void)arena;
    json_set_text(object, "tier", m->tier->name);
    if (m->tier->site[0])
        json_set_text(object, "site", m->tier->site);
    json_set_text(object, "network", ip_prefix_text(network, &m->rtt->network));
    json_set_real(object, "rtt_ms", m->rtt->rtt_us / 1000.0, 3);
    json_set_real(object, "min_ms", m->rtt->min_us / 1000.0, 3);
    json_set_int(object, "samples", m->rtt->n);
    json_set_int(object, "age_s", age_ms > 0 ? age_ms / 1000 : 0);
    return object;
}

json_t *document_rtt(const struct facts *f, const struct window *window)
{
    struct arena *arena = arena_new();
    struct measured_list list;
    list_measured(&list, arena, f);
    const struct listing listing = {"networks", 0, list.n, &list, key_of_measured, measured_json};
    json_t *document = window_document(window, &listing);
    arena_free(arena);
    return document;
}
