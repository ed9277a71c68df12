/* SPDX-License-Identifier: Apache-2.0
 * Sets of tiers that come into force. */
#include "tier/tiers_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/turns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* ---- what can fail ---- */

static bool has_agent(const struct tier *tier)
{
    return tier->type == TIER_HAPROXY && tier->haproxy.agent.addr.family;
}

static int listen_for(struct tiers *t, const struct tier *tier, struct diags *diags)
{
    char name[80], where[IP_PORT_TEXT_MAX];
    if (!has_agent(tier) ||
        descriptors_listen(t->descriptors, agent_listener_name(name, tier),
                           &tier->haproxy.agent.addr, tier->haproxy.agent.port) >= 0)
        return 0;
    diag_error(diags, tier->haproxy.agent.at, "tier %s: cannot listen for agent checks on %s: %s",
               tier->name, ip_port_text(where, &tier->haproxy.agent.addr, tier->haproxy.agent.port),
               strerror(errno));
    return E_SYSTEM;
}

int tiers_prepare(struct tiers *t, struct tier_set *set, struct diags *diags)
{
    int code = 0;
    descriptors_begin(t->descriptors);
    t->prepared = true;
    for (uint32_t i = 0; set && i < set->n_tiers; i++) {
        int bad = listen_for(t, set->tiers[i].config, diags);
        code = code ? code : bad;
    }
    if (code != 0)
        tiers_unprepare(t);
    return code;
}

void tiers_unprepare(struct tiers *t)
{
    if (t->prepared)
        descriptors_end(t->descriptors, false);
    t->prepared = false;
}

/* ---- the switch ---- */

/** Whose weight follows no load any more has all of it. */
static void forget_loads(struct tiers *t, const struct model *next)
{
    const struct endpoint_state *states = checker_states(t->checker);
    if (!t->set || t->set->n_followers == 0)
        return;
    for (uint32_t i = 0; i < next->n_endpoints; i++)
        if (states[i].load && states[i].load < SHARE_FULL &&
            next->pools[next->endpoints[i].pool].weight_from.tier == MODEL_NONE)
            checker_give_load(t->checker, i, SHARE_FULL);
}

static struct tier_view *first_view(struct tier_set *set, uint32_t tier)
{
    struct arena *arena = arena_new();
    struct tier_view *view = arena_calloc(arena, 1, sizeof *view);
    *view = (struct tier_view){.n_holds = 1,
                               .arena = arena,
                               .set = tier_set_hold(set),
                               .spec = &set->tiers[tier],
                               .state = TIER_APPLYING,
                               .held = true};
    return view;
}

static bool is_of(const struct tier_view *view, const struct tier_spec *spec)
{
    return view && view->spec->config->type == spec->config->type &&
           strcmp(view->spec->name, spec->name) == 0;
}

/** Until a tier that goes on is seen again, it is as it was seen last. */
static struct tier_view *take_view(struct tier_view **before, uint32_t n, struct tier_set *set,
                                   uint32_t tier)
{
    const struct tier_spec *spec = &set->tiers[tier];
    uint32_t at = tier < n && is_of(before[tier], spec) ? tier : 0;
    while (at < n && !is_of(before[at], spec))
        at++;
    return at < n ? tier_view_hold(before[at]) : first_view(set, tier);
}

static void follow_views(struct tiers *t, struct tier_set *set)
{
    struct tier_view **before = t->views;
    uint32_t n = t->set ? t->set->n_tiers : 0;
    t->views = xcalloc(set ? set->n_tiers : 0, sizeof(struct tier_view *));
    for (uint32_t i = 0; set && i < set->n_tiers; i++)
        t->views[i] = take_view(before, n, set, i);
    for (uint32_t i = 0; i < n; i++)
        tier_view_release(before[i]);
    free(before);
}

/** The thread has descriptors of its own, so that what is closed here is not under its feet. */
static struct given_listener *give_listeners(struct tiers *t, const struct tier_set *set,
                                             uint32_t *n)
{
    struct given_listener *v = xcalloc(set ? set->n_tiers : 0, sizeof *v);
    *n = 0;
    for (uint32_t i = 0; set && i < set->n_tiers; i++) {
        const struct tier *tier = set->tiers[i].config;
        if (!has_agent(tier))
            continue;
        int fd = descriptors_find(t->descriptors, agent_listener_name(v[*n].name, tier));
        v[*n].fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (v[*n].fd >= 0)
            ++*n;
        else
            log_error("tier %s: no descriptor for its agent: %s", tier->name, strerror(errno));
    }
    return v;
}

static const char *node_name(const struct tiers *t, const struct tier_set *set)
{
    return set && set->node[0] ? set->node : checker_orders(t->checker)->node;
}

void tiers_switch(struct tiers *t, struct tier_set *set, const struct model *model)
{
    int64_t began_us = clock_mono_us();
    uint32_t n = 0;
    if (t->prepared)
        descriptors_end(t->descriptors, true);
    t->prepared = false;
    dns_memory_switch(&t->dns, t->model, model, clock_wall_ms());
    forget_loads(t, model);
    follow_views(t, set);
    worklist_free(&t->waiting);
    worklist_init(&t->waiting, set ? set->n_endpoints : 0, true);
    t->waits_since_us = began_us;
    struct tier_set *before = t->set;
    t->set = set ? tier_set_hold(set) : NULL;
    t->model = model;
    (void)subscription_take(t->subscription); /* all of them are sent */
    struct given_listener *listeners = give_listeners(t, set, &n);
    tiers_thread_switch(t->thread, &(struct given_set){t->set ? tier_set_hold(t->set) : NULL,
                                                       node_name(t, set), listeners, n});
    free(listeners);
    tier_set_release(before);
    uv_timer_start(&t->slice, tiers_on_slice, 0, 0);
    turns_part("tiers put in force", began_us);
}
