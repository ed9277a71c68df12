/* SPDX-License-Identifier: Apache-2.0
 * Views of prefix sets made by hand, over the sites of facts.h: "dns" of ams with an IPv4 and an
 * IPv6 prefix, and "www" of iad with one, by the speaker "local". */
#pragma once

#include "out/anycast_facts.h"
#include "tests/unit/out/facts.h"

enum { SETS_MADE = 2 };

struct made_anycast {
    struct scene *scene;
    struct prefix_set config[SETS_MADE];
    struct ip_prefix prefixes[3];
    struct anycast_spec spec[SETS_MADE];
    struct speaker speaker;
    struct anycast_set set;
    struct anycast_view view[SETS_MADE], *views[SETS_MADE];
    struct anycast_prefix_view seen[3];
    struct anycast_input inputs[SETS_MADE][3];
    struct speaker_view speaker_view, *speakers[1];
    struct orders orders;
};

static inline void made_set(struct made_anycast *a, unsigned i, uint32_t site)
{
    static const char *const names[] = {"dns", "www"};
    const struct model *m = &a->scene->world->model;
    a->config[i] = (struct prefix_set){.name = names[i],
                                       .prefixes = &a->prefixes[2 * i],
                                       .n_prefixes = i ? 1 : 2,
                                       .site = site,
                                       .next_hop_self = true,
                                       .drain_ms = 30000};
    a->spec[i] = (struct anycast_spec){
        .config = &a->config[i], .name = names[i], .site = m->sites[site].name};
    a->inputs[i][0] = (struct anycast_input){
        .name = "self", .ok = true, .known = true, .reason = "answered in 0.3 ms"};
    a->inputs[i][1] = (struct anycast_input){
        .name = "pool www/ams", .ok = true, .known = true, .reason = "100 % of the weight is up"};
    a->inputs[i][2] = (struct anycast_input){
        .name = "pool www", .ok = true, .known = true, .is_full = true, .reason = "100 % is up"};
    a->view[i] = (struct anycast_view){.n_holds = 1000,
                                       .version = 5 + i,
                                       .set = &a->set,
                                       .spec = &a->spec[i],
                                       .state = ANNOUNCER_ANNOUNCED,
                                       .since_ms = 1080000,
                                       .real = REAL_PRESENT,
                                       .inputs = a->inputs[i],
                                       .n_inputs = 3,
                                       .prefixes = &a->seen[2 * i],
                                       .problem = "",
                                       .n_transitions = 3};
    a->views[i] = &a->view[i];
}

/** All is well: both are announced, and the speaker has them. */
static inline struct made_anycast *anycast_made(struct scene *s)
{
    static const char *const prefixes[] = {"192.0.2.53/32", "2001:db8::53/128", "198.51.100.0/24"};
    struct made_anycast *a = arena_calloc(s->world->arena, 1, sizeof *a);
    a->scene = s;
    for (int i = 0; i < 3; i++) {
        if (ip_prefix_parse(&a->prefixes[i], prefixes[i]))
            return NULL;
        a->seen[i] = (struct anycast_prefix_view){.prefix = a->prefixes[i], .real = REAL_PRESENT};
    }
    a->speaker = (struct speaker){.name = "local", .type = SPEAKER_BIRD};
    a->set = (struct anycast_set){.n_holds = 1000,
                                  .sets = a->spec,
                                  .n_sets = SETS_MADE,
                                  .speakers = &a->speaker,
                                  .n_speakers = 1};
    made_set(a, 0, 0);
    made_set(a, 1, 1);
    a->speaker_view = (struct speaker_view){
        .n_holds = 1000,
        .version = 9,
        .set = &a->set,
        .config = &a->speaker,
        .status = {.up = true, .version = "BIRD 2.0.12", .looked_ms = 1089000, .n_applied = 4}};
    a->speakers[0] = &a->speaker_view;
    s->world->model.prefix_sets = a->config;
    s->world->model.n_prefix_sets = SETS_MADE;
    s->facts.anycast = (struct anycast_facts){a->views, SETS_MADE, a->speakers, 1};
    snprintf(a->orders.node, sizeof a->orders.node, "n");
    s->facts.orders = &a->orders;
    return a;
}

static inline void made_free(struct scene *s)
{
    struct orders *orders = (struct orders *)(uintptr_t)s->facts.orders;
    if (orders)
        orders_free(orders);
    scene_free(s);
}

static inline void made_timer(struct anycast_view *view, enum announcer_timer timer,
                              int64_t until_ms)
{
    view->timers[view->n_timers++] = (struct anycast_timer){timer, until_ms};
}

/** Gives an order at the moment of the facts. */
static inline int made_order(struct made_anycast *a, const char *target, struct order_words words)
{
    const struct order *laid;
    words.author = words.author ? words.author : "alice";
    return orders_give(&a->orders, &a->scene->world->model, target, &words, a->scene->facts.now_ms,
                       &laid);
}
