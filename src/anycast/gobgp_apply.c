/* SPDX-License-Identifier: Apache-2.0
 * Telling gobgpd: withdrawals first, as they may be urgent, then what is new or other than it has
 * it. A route that is added again replaces the one before. */
#include "anycast/gobgp_driver.h"

#include <stdio.h>

static void push_step(struct speaker_driver *d, int kind, const struct ip_prefix *prefix,
                      uint32_t set)
{
    struct gobgp_step *step = vec_push(&d->steps);
    *step = (struct gobgp_step){.family = prefix->addr.family, .prefix = *prefix, .set = set};
    step->kind = kind;
}

/* What it is known not to have needs no word. */
static void plan_withdrawals(struct speaker_driver *d)
{
    uint32_t set, nth;
    for (size_t i = 0; i < d->told.n; i++) {
        const struct ip_prefix *prefix = &d->told.v[i];
        if (announcements_find(d->wanted, prefix, &set, &nth) && d->wanted->v[set].announced)
            continue;
        if (!d->is_known || gobgp_table_find(&d->table, prefix))
            push_step(d, GOBGP_DEL, prefix, MODEL_NONE);
    }
}

static void plan_announcements(struct speaker_driver *d)
{
    for (uint32_t set = 0; set < d->wanted->n; set++) {
        const struct announcement *a = &d->wanted->v[set];
        const struct prefix_set *config = a->spec->config;
        uint64_t attributes = gobgp_attributes(&a->attributes, d->as);
        for (uint32_t i = 0; a->announced && i < config->n_prefixes; i++) {
            const struct ip_prefix *prefix = &config->prefixes[i];
            const struct gobgp_route *has = gobgp_table_find(&d->table, prefix);
            const struct ip *hop = route_next_hop(config, d->host.config, prefix->addr.family);
            if (!d->is_known || !has || !gobgp_route_is(has, attributes, hop))
                push_step(d, GOBGP_ADD, prefix, set);
        }
    }
}

static void take_step(struct speaker_driver *d, const struct gobgp_step *step)
{
    gobgp_table_drop(&d->table, &step->prefix);
    if (step->kind == GOBGP_DEL)
        return;
    const struct announcement *a = &d->wanted->v[step->set];
    const struct ip *hop = route_next_hop(a->spec->config, d->host.config, step->family);
    struct gobgp_route *route = vec_push(&d->table.routes);
    route->prefix = step->prefix;
    route->best = true;
    route->attributes = gobgp_attributes(&a->attributes, d->as);
    if (hop)
        route->next_hop = *hop;
}

static void end(struct speaker_driver *d)
{
    uint32_t set, nth;
    d->had_routes = false;
    for (size_t i = 0; i < d->table.routes.n; i++)
        d->had_routes |= announcements_find(d->wanted, &d->table.routes.v[i].prefix, &set, &nth);
    if (d->error) {
        d->is_known = false;
        d->host.failed(d->host.ctx, d->error, d->error_text);
    } else {
        d->host.applied(d->host.ctx);
    }
}

static void next(struct speaker_driver *d);

/* One that is refused does not keep back the others; one that cannot be told does. */
static void on_told(struct speaker_driver *d, const struct command_result *result)
{
    const struct gobgp_step *step = &d->steps.v[d->n_done];
    char text[GOBGP_TEXT_MAX];
    enum speaker_error error = SPEAKER_ERROR_NONE;
    d->n_done++;
    if (command_ok(result)) {
        take_step(d, step);
    } else {
        error = gobgp_judge(text, d, result);
        if (!d->error) {
            d->error = error;
            memcpy(d->error_text, text, sizeof text);
        }
    }
    if (error && error != SPEAKER_ERROR_REJECTED)
        end(d);
    else
        next(d);
}

static void next(struct speaker_driver *d)
{
    struct gobgp_argv argv = {0};
    if (d->n_done == d->steps.n) {
        end(d);
        return;
    }
    const struct gobgp_step *step = &d->steps.v[d->n_done];
    if (step->kind == GOBGP_DEL) {
        gobgp_argv_del(&argv, d->host.config->command, &step->prefix);
    } else {
        const struct announcement *a = &d->wanted->v[step->set];
        gobgp_argv_add(&argv, d->host.config->command, &step->prefix, &a->attributes,
                       route_next_hop(a->spec->config, d->host.config, step->family), d->as);
    }
    gobgp_run(d, &argv, 0, on_told);
}

void gobgp_apply(struct speaker_driver *d, const struct announcements *wanted)
{
    d->wanted = wanted;
    d->error = SPEAKER_ERROR_NONE;
    d->steps.n = d->n_done = 0;
    if (d->host.config->as)
        d->as = d->host.config->as;
    gobgp_expect_wanted(d);
    plan_withdrawals(d);
    plan_announcements(d);
    gobgp_record(d, next);
}
