/* SPDX-License-Identifier: Apache-2.0
 * What follows from the views of the tiers. */
#include "out/tier_facts.h"

#include <stdlib.h>

void tier_facts_free(struct tier_facts *tiers)
{
    for (uint32_t i = 0; i < tiers->n; i++)
        tier_view_release(tiers->views[i]);
    free(tiers->views);
    tier_set_release(tiers->set);
    *tiers = (struct tier_facts){0};
}

const struct tier_view *tier_facts_find(const struct tier_facts *tiers, const char *name)
{
    for (uint32_t i = 0; i < tiers->n; i++)
        if (strcmp(tiers->views[i]->spec->name, name) == 0)
            return tiers->views[i];
    return NULL;
}

uint64_t tier_facts_version(const struct facts *f, const char *name)
{
    const struct tier_facts *tiers = &f->tiers;
    uint64_t version = 0;
    for (uint32_t i = 0; i < tiers->n; i++)
        if ((!name[0] || strcmp(tiers->views[i]->spec->name, name) == 0) &&
            tiers->views[i]->version > version)
            version = tiers->views[i]->version;
    return version + f->generation->number; /* tiers that are gone have no views */
}

uint32_t tier_row_endpoint(const struct tier_facts *tiers, const struct tier_view *view,
                           const struct tier_row *row)
{
    if (row->member == MODEL_NONE || view->set != tiers->set)
        return MODEL_NONE;
    return tiers->set->endpoints[view->spec->members[row->member].slot];
}

int64_t tier_row_sessions(const struct tier_row *row)
{
    return row->present ? row->seen.active : 0;
}

/* ---- sessions ---- */

static void add(struct sessions *to, const struct sessions *more)
{
    to->n += more->n;
    to->known |= more->known;
    to->at_most |= more->at_most;
}

static struct sessions of_row(const struct tier_view *view, const struct tier_row *row)
{
    int64_t n = tier_view_is_current(view) ? tier_row_sessions(row) : -1;
    return (struct sessions){n > 0 ? n : 0, n >= 0, n >= 0 && row->present && row->seen.at_most};
}

void sessions_count(struct sessions *out, const struct facts *f)
{
    memset(out, 0, f->generation->model->n_endpoints * sizeof *out);
    for (uint32_t i = 0; i < f->tiers.n; i++) {
        const struct tier_view *view = f->tiers.views[i];
        struct sessions all = {0};
        if (view->set != f->tiers.set)
            continue;
        for (uint32_t k = 0; k < view->n_rows; k++) {
            struct sessions one = of_row(view, &view->rows[k]);
            uint32_t endpoint = tier_row_endpoint(&f->tiers, view, &view->rows[k]);
            add(&all, &one);
            if (endpoint != MODEL_NONE)
                add(&out[endpoint], &one);
        }
        for (uint32_t k = 0; k < view->spec->n_fronts; k++)
            add(&out[view->set->endpoints[view->spec->fronts[k]]], &all);
    }
}

/* ---- drains ---- */

/** A removed member has no sessions, one whose phase is over either has none or has had its time.
 */
bool tier_row_is_drained(const struct tier_view *view, const struct tier_row *row)
{
    if (!tier_view_is_current(view) || row->wanted.serves == SERVES_READY)
        return false;
    if (!row->present)
        return row->drain.phase != DRAIN_DNS;
    if (row->drain.phase != DRAIN_DONE)
        return false;
    return !tier_row_is_overdue(row);
}

bool tier_row_is_overdue(const struct tier_row *row)
{
    return row->present && row->drain.timed_out && row->seen.active > 0;
}

int64_t tier_row_drain_end_ms(const struct tier_view *view, const struct tier_row *row)
{
    int64_t timeout_ms = view->spec->config->drain_timeout_ms;
    switch (row->drain.phase) {
    case DRAIN_DNS: /* and its time begins then */
        return row->drain.until_ms ? row->drain.until_ms + timeout_ms : 0;
    case DRAIN_QUIESCE:
    case DRAIN_WAIT:
        return row->drain.until_ms ? row->drain.until_ms : row->drain.since_ms + timeout_ms;
    default:
        return 0;
    }
}
