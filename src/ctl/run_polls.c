/* SPDX-License-Identifier: Apache-2.0
 * Documents of tiers and of prefix sets, for readers that may wait for news of them. */
#include "ctl/run_parts.h"

#include "out/anycast_facts.h"
#include "out/tier_facts.h"

#include <stdlib.h>

/* Tiers: readers that wait for news of them, or for a look at them */

struct asking {
    struct waiting *waiting;
    struct ctl_request request;
};

static struct asking *asking_new(struct run *run, const struct run_asker *to,
                                 const struct ctl_request *request)
{
    struct asking *a = xcalloc(1, sizeof *a);
    *a = (struct asking){run_wait_new(run, to), *request};
    return a;
}

static void ask_page(void *arg)
{
    struct asking *a = arg;
    pages_ask(a->waiting->run->pages, &a->request, run_on_page, a->waiting);
    free(a);
}

uint64_t run_tiers_version(void *ctx, const char *name)
{
    struct run *run = ctx;
    struct facts f;
    gather_facts(run->gather, GATHER_ORDERS, &f);
    return tier_facts_version(&f, name);
}

/** The number of a tier; MODEL_NONE: all, or there is none of that name. */
static uint32_t find_tier(const struct tier_set *set, const char *name)
{
    for (uint32_t i = 0; set && i < set->n_tiers; i++)
        if (strcmp(set->tiers[i].name, name) == 0)
            return i;
    return MODEL_NONE;
}

void run_tiers(struct run *run, const struct run_asker *to, const struct ctl_request *request)
{
    struct tiers *tiers = run->host.tiers ? run->host.tiers(run->host.ctx) : NULL;
    struct asking *a = asking_new(run, to, request);
    uint64_t now = run_tiers_version(run, request->name);
    uint32_t tier = find_tier(tiers ? tiers_set(tiers) : NULL, request->name);
    bool exists = !request->name[0] || tier != MODEL_NONE;
    if (request->diff && tiers && exists)
        tiers_look(tiers, tier, ask_page, a);
    else if (request->wait_ms > 0 && exists)
        polls_ask(run->polls, request->name, request->after == UINT64_MAX ? now : request->after,
                  request->wait_ms, ask_page, a);
    else
        ask_page(a);
}

void run_tiers_changed(struct run *run)
{
    polls_changed(run->polls);
    drain_watches_look(run->drains);
}

/* Prefix sets: readers that wait for news of them */

uint64_t run_anycast_version(void *ctx, const char *name)
{
    struct run *run = ctx;
    struct facts f;
    gather_facts(run->gather, GATHER_ORDERS, &f);
    return anycast_facts_version(&f, name);
}

void run_anycast(struct run *run, const struct run_asker *to, const struct ctl_request *request)
{
    struct facts f;
    struct asking *a = asking_new(run, to, request);
    gather_facts(run->gather, GATHER_ORDERS, &f);
    uint64_t now = anycast_facts_version(&f, request->name);
    bool exists = !request->name[0] || anycast_facts_find(&f.anycast, request->name);
    if (request->wait_ms > 0 && exists)
        polls_ask(run->set_polls, request->name,
                  request->after == UINT64_MAX ? now : request->after, request->wait_ms, ask_page,
                  a);
    else
        ask_page(a);
}

void run_anycast_changed(struct run *run)
{
    polls_changed(run->set_polls);
    drain_watches_look(run->drains);
}
