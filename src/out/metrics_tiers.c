/* SPDX-License-Identifier: Apache-2.0
 * Metrics of tiers, their members, and drains. */
#include "base/metric.h"
#include "out/metrics_parts.h"
#include "out/tier_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MEMBERS_SHOWN 10000 /* of all tiers together; beyond that only where they are asked for */

/* ---- tiers ---- */

static double is_up(const struct tier_view *view)
{
    return tier_view_is_current(view);
}

static double is_synced(const struct tier_view *view)
{
    return view->state == TIER_OK && view->n_diff == 0;
}

static double met(const struct tier_view *view)
{
    return (double)view->n_met;
}

static double drift(const struct tier_view *view)
{
    return (double)view->n_drift;
}

static double last_sync(const struct tier_view *view)
{
    return (double)view->last_sync_ms / 1000;
}

static const struct {
    const char *name, *type, *help;
    double (*measure)(const struct tier_view *view);
} tier_families[] = {
    {"tier_up", "gauge", "Whether the tier can be read and takes what it is told.", is_up},
    {"tier_synced", "gauge", "Whether all members of the tier are as wanted.", is_synced},
    {"tier_drift_total", "counter",
     "Members that somebody else had changed, and that were set right.", drift},
    {"tier_failures_total", "counter",
     "Failures of members that clients of the tier met, as far as it tells.", met},
    {"tier_last_sync_timestamp_seconds", "gauge",
     "When the tier was last found as wanted; 0: never.", last_sync},
};

static void put_tiers(struct buf *out, const struct tier_facts *tiers)
{
    for (size_t k = 0; k < ARRAY_LEN(tier_families); k++) {
        const char *name = tier_families[k].name;
        metric_head(out, name, tier_families[k].type, tier_families[k].help);
        for (uint32_t i = 0; i < tiers->n; i++) {
            buf_printf(out, METRIC_PREFIX "%s", name);
            metric_label(out, "{", "tier", tiers->views[i]->spec->name);
            buf_puts(out, "}");
            metric_value(out, tier_families[k].measure(tiers->views[i]));
        }
    }
}

static void put_errors(struct buf *out, const struct tier_facts *tiers)
{
    metric_head(out, "tier_errors_total", "counter",
                "Times that the tier could not be read or written, by reason.");
    for (uint32_t i = 0; i < tiers->n; i++)
        for (int reason = 0; reason < TIER_ERRORS; reason++) {
            buf_puts(out, METRIC_PREFIX "tier_errors_total");
            metric_label(out, "{", "tier", tiers->views[i]->spec->name);
            metric_label(out, ",", "reason", tier_error_text((enum tier_error)reason));
            buf_printf(out, "} %" PRIu64 "\n", tiers->views[i]->n_errors[reason]);
        }
}

static void put_durations(struct buf *out, const struct tier_view *view)
{
    struct buf tier = {0};
    uint64_t total = 0;
    metric_label(&tier, "{", "tier", view->spec->name);
    for (int i = 0; i <= TIER_APPLY_BOUNDS; i++) {
        char le[16] = "+Inf";
        if (i < TIER_APPLY_BOUNDS)
            snprintf(le, sizeof le, "%g", tier_apply_bound_s[i]);
        buf_printf(out, METRIC_PREFIX "tier_apply_seconds_bucket%s,le=\"%s\"} %" PRIu64 "\n",
                   tier.p, le, total += view->n_apply[i]);
    }
    buf_printf(out,
               METRIC_PREFIX "tier_apply_seconds_sum%s} %.6f\n" METRIC_PREFIX
                             "tier_apply_seconds_count%s} %" PRIu64 "\n",
               tier.p, view->sum_apply_s, tier.p, total);
    buf_free(&tier);
}

static void put_applies(struct buf *out, const struct tier_facts *tiers)
{
    metric_head(out, "tier_apply_seconds", "histogram",
                "From a change until it was read back from the tier.");
    for (uint32_t i = 0; i < tiers->n; i++)
        put_durations(out, tiers->views[i]);
}

/* ---- members ---- */

static bool measure_weight(const struct tier_row *row, double *value)
{
    *value = row->seen.serving.weight;
    return row->present && row->seen.serving.serves == SERVES_READY;
}

static bool measure_sessions(const struct tier_row *row, double *value)
{
    *value = (double)row->seen.active;
    return row->present && row->seen.active >= 0;
}

static void put_members(struct buf *out, const struct tier_facts *tiers, const char *name,
                        const char *help, bool (*measure)(const struct tier_row *, double *))
{
    metric_head(out, name, "gauge", help);
    for (uint32_t i = 0; i < tiers->n; i++) {
        const struct tier_view *view = tiers->views[i];
        for (uint32_t k = 0; tier_view_is_current(view) && k < view->n_rows; k++) {
            const struct tier_row *row = &view->rows[k];
            char where[IP_PORT_TEXT_MAX];
            double value;
            if (!measure(row, &value))
                continue;
            buf_printf(out, METRIC_PREFIX "%s", name);
            metric_label(out, "{", "tier", view->spec->name);
            metric_label(out, ",", "member", row->name);
            metric_label(out, ",", "address", ip_port_text(where, &row->addr, row->port));
            buf_puts(out, "}");
            metric_value(out, value);
        }
    }
}

static bool shows_members(const struct facts *f)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < f->tiers.n; i++)
        n += f->tiers.views[i]->n_rows;
    return f->members_wanted || n <= MEMBERS_SHOWN;
}

/* ---- drains ---- */

struct serial {
    uint32_t serial, order;
};

/** The orders that drain endpoints, and for how long each goes on at most. */
struct draining {
    const struct facts *f;
    struct serial *serials; /* of the orders, ascending */
    int64_t *left_ms;       /* by order; -1: it drains nothing */
};

static int compare_serials(const void *a, const void *b)
{
    uint32_t x = ((const struct serial *)a)->serial, y = ((const struct serial *)b)->serial;
    return (x > y) - (x < y);
}

/** The order that drains an endpoint; MODEL_NONE: none does. */
static uint32_t order_of(const struct draining *d, uint32_t endpoint)
{
    const struct endpoint_state *s = &d->f->states[endpoint];
    const struct serial key = {.serial = s->state_order};
    if (s->override != OVERRIDE_DRAIN)
        return MODEL_NONE;
    const struct serial *found =
        bsearch(&key, d->serials, d->f->orders->n, sizeof key, compare_serials);
    return found ? found->order : MODEL_NONE;
}

static void go_on_for(struct draining *d, uint32_t order, int64_t left_ms)
{
    if (order != MODEL_NONE && d->left_ms[order] < left_ms)
        d->left_ms[order] = left_ms;
}

/** Members wait for their own order, or for the one that has taken out the fronts of their tier. */
static void add_view(struct draining *d, const struct tier_view *view)
{
    uint32_t of_fronts = MODEL_NONE;
    if (view->set != d->f->tiers.set)
        return;
    for (uint32_t i = 0; i < view->spec->n_fronts; i++) {
        of_fronts = order_of(d, view->set->endpoints[view->spec->fronts[i]]);
        if (of_fronts == MODEL_NONE)
            break;
    }
    for (uint32_t k = 0; k < view->n_rows; k++) {
        const struct tier_row *row = &view->rows[k];
        uint32_t endpoint = tier_row_endpoint(&d->f->tiers, view, row);
        uint32_t own = endpoint == MODEL_NONE ? MODEL_NONE : order_of(d, endpoint);
        int64_t end_ms = tier_row_drain_end_ms(view, row);
        if (end_ms > d->f->now_ms)
            go_on_for(d, own == MODEL_NONE ? of_fronts : own, end_ms - d->f->now_ms);
    }
}

static void measure_drains(struct draining *d)
{
    const struct facts *f = d->f;
    for (uint32_t i = 0; i < f->orders->n; i++) {
        d->serials[i] = (struct serial){f->orders->v[i]->serial, i};
        d->left_ms[i] = -1;
    }
    qsort(d->serials, f->orders->n, sizeof *d->serials, compare_serials);
    for (uint32_t i = 0; i < f->generation->model->n_endpoints; i++)
        go_on_for(d, order_of(d, i), 0);
    for (uint32_t i = 0; i < f->n_dns_left; i++)
        go_on_for(d, order_of(d, f->dns_left[i].endpoint), f->dns_left[i].left_ms);
    for (uint32_t i = 0; i < f->tiers.n; i++)
        add_view(d, f->tiers.views[i]);
}

/** Orders with one target replace each other, or the newer covers the older: so each target is
 * there once. */
static void put_drains(struct buf *out, const struct facts *f)
{
    uint32_t n = f->orders ? f->orders->n : 0;
    struct draining d = {f, xcalloc(n + 1u, sizeof *d.serials), xcalloc(n + 1u, sizeof *d.left_ms)};
    metric_head(out, "drain_left_seconds", "gauge",
                "How long clients of what an order drains may be there at most; 0: no more.");
    if (n)
        measure_drains(&d);
    for (uint32_t i = 0; i < n; i++) {
        if (d.left_ms[i] < 0)
            continue;
        buf_puts(out, METRIC_PREFIX "drain_left_seconds");
        metric_label(out, "{", "target", f->orders->v[i]->target.text);
        buf_puts(out, "}");
        metric_value(out, (double)d.left_ms[i] / 1000);
    }
    free(d.serials);
    free(d.left_ms);
}

void metrics_tiers(struct buf *out, const struct facts *f)
{
    put_tiers(out, &f->tiers);
    put_errors(out, &f->tiers);
    put_applies(out, &f->tiers);
    if (shows_members(f)) {
        put_members(out, &f->tiers, "tier_member_weight",
                    "The weight that the member has in the tier, of 100; absent while it is not "
                    "ready.",
                    measure_weight);
        put_members(out, &f->tiers, "tier_member_sessions",
                    "Sessions of the member now; absent where the tier cannot tell.",
                    measure_sessions);
    }
    put_drains(out, f);
}
