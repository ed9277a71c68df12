/* SPDX-License-Identifier: Apache-2.0
 * Metrics of endpoints, pools and sites. */
#include "base/metric.h"
#include "out/metrics_parts.h"

/** {pool="...",site="...",endpoint="..."} of each endpoint, rendered once for all its samples. */
static const char **endpoint_labels(struct arena *arena, const struct model *m)
{
    const char **labels = arena_calloc(arena, m->n_endpoints, sizeof *labels);
    struct buf text = {0};
    for (uint32_t i = 0; i < m->n_endpoints; i++) {
        const struct endpoint *e = &m->endpoints[i];
        text.n = 0;
        metric_label(&text, "{", "pool", m->pools[e->pool].name);
        metric_label(&text, ",", "site", m->sites[e->site].name);
        metric_label(&text, ",", "endpoint", e->label);
        buf_puts(&text, "}");
        labels[i] = arena_strndup(arena, text.p, text.n);
    }
    buf_free(&text);
    return labels;
}

static bool measure_serving(const struct endpoint *e, const struct endpoint_state *s, double *value)
{
    *value = endpoint_serves(s) && endpoint_weight(e, s) > 0;
    return true;
}

static bool measure_up(const struct endpoint *e, const struct endpoint_state *s, double *value)
{
    (void)e;
    *value = s->health == HEALTH_UP;
    return s->health != HEALTH_UNKNOWN;
}

static bool measure_weight(const struct endpoint *e, const struct endpoint_state *s, double *value)
{
    *value = endpoint_weight(e, s);
    return true;
}

static bool measure_ramp(const struct endpoint *e, const struct endpoint_state *s, double *value)
{
    (void)e;
    *value = (double)endpoint_ramp(s) / SHARE_FULL;
    return endpoint_ramp(s) < SHARE_FULL;
}

static bool measure_load(const struct endpoint *e, const struct endpoint_state *s, double *value)
{
    (void)e;
    *value = (double)endpoint_load(s) / SHARE_FULL;
    return endpoint_load(s) < SHARE_FULL;
}

static bool measure_overridden(const struct endpoint *e, const struct endpoint_state *s,
                               double *value)
{
    (void)e;
    *value = s->override != OVERRIDE_AUTO || s->weight_override >= 0;
    return true;
}

static bool measure_last_change(const struct endpoint *e, const struct endpoint_state *s,
                                double *value)
{
    (void)e;
    *value = (double)s->since_ms / 1000;
    return s->since_ms > 0;
}

static const struct {
    const char *name, *help;
    /* Returns whether there is a value. */
    bool (*measure)(const struct endpoint *e, const struct endpoint_state *s, double *value);
    bool of_checks; /* also of what is checked for prefix sets */
} endpoint_families[] = {
    {"endpoint_serving",
     "Whether new clients are sent to the endpoint: health, override and weight together.",
     measure_serving, false},
    {"endpoint_up", "What probes found: 1 up, 0 down; absent while unknown.", measure_up, true},
    {"endpoint_weight", "The weight in force.", measure_weight, false},
    {"endpoint_ramp", "Of its weight, while it starts slowly; absent else.", measure_ramp, false},
    {"endpoint_load",
     "Of its weight, while that is lessened for what it has to do already; absent else.",
     measure_load, false},
    {"endpoint_overridden", "Whether an operator has set state or weight.", measure_overridden,
     false},
    {"endpoint_last_change_timestamp_seconds",
     "When the health last changed; absent while it never has.", measure_last_change, true},
};

static void put_endpoints(struct buf *out, const struct facts *f)
{
    const struct model *m = f->generation->model;
    struct arena *arena = arena_new();
    const char **labels = endpoint_labels(arena, m);
    for (size_t k = 0; k < ARRAY_LEN(endpoint_families); k++) {
        const char *name = endpoint_families[k].name;
        uint32_t n = endpoint_families[k].of_checks ? m->n_endpoints : model_steering_endpoints(m);
        metric_head(out, name, "gauge", endpoint_families[k].help);
        for (uint32_t i = 0; i < n; i++) {
            double value;
            if (!endpoint_families[k].measure(&m->endpoints[i], &f->states[i], &value))
                continue;
            buf_puts(out, METRIC_PREFIX);
            buf_puts(out, name);
            buf_puts(out, labels[i]);
            metric_value(out, value);
        }
    }
    arena_free(arena);
}

static void put_endpoint_counts(struct buf *out, const struct facts *f)
{
    const struct model *m = f->generation->model;
    uint64_t n[3] = {0}, stale = 0;
    for (uint32_t i = 0; i < m->n_endpoints; i++)
        n[f->states[i].health]++, stale += f->states[i].stale;
    metric_head(out, "endpoints", "gauge", "Endpoints by probed health.");
    for (int i = 0; i < 3; i++)
        metric_labelled(out, "endpoints", "health", health_text((enum health)i), n[i]);
    metric_gauge(out, "endpoints_stale", "Endpoints whose state may be old news.", (double)stale);
}

/* A sample of {pool, site}, from one place. */
static void place_sample(struct buf *out, const struct model *m, const char *name, uint32_t pool,
                         const struct place_level *place, uint32_t value)
{
    buf_printf(out, METRIC_PREFIX "%s", name);
    metric_label(out, "{", "pool", m->pools[pool].name);
    metric_label(out, ",", "site", m->sites[place->site].name);
    buf_printf(out, "} %u\n", value);
}

static uint32_t place_is_up(const struct place_level *place)
{
    return place->level != LEVEL_DOWN;
}

static uint32_t place_level(const struct place_level *place)
{
    return place->level - LEVEL_DOWN;
}

static uint32_t place_serving(const struct place_level *place)
{
    return place->n_up;
}

#define LEVELS ": 2 up, 1 degraded, 0 down."

static void put_places(struct buf *out, const struct facts *f)
{
    static const struct {
        const char *name, *help;
        uint32_t (*measure)(const struct place_level *place);
    } families[] = {
        {"pool_site_up", "Whether the site is up for the pool (min_up).", place_is_up},
        {"pool_site_level", "How the site stands for the pool" LEVELS, place_level},
        {"pool_site_endpoints_serving", "Endpoints that serve, by pool and site.", place_serving},
    };
    const struct level_table *t = f->levels;
    uint32_t n_pools = model_steering_pools(f->generation->model);
    for (size_t k = 0; k < ARRAY_LEN(families); k++) {
        metric_head(out, families[k].name, "gauge", families[k].help);
        for (uint32_t p = 0; p < n_pools; p++)
            for (uint32_t i = 0; i < t->pools[p].n_sites; i++) {
                const struct place_level *place = &t->places[t->pools[p].first_place + i];
                place_sample(out, f->generation->model, families[k].name, p, place,
                             families[k].measure(place));
            }
    }
}

static void put_pools(struct buf *out, const struct facts *f)
{
    const struct model *m = f->generation->model;
    const struct level_table *t = f->levels;
    uint32_t n_pools = model_steering_pools(m);
    metric_head(out, "pool_up", "gauge", "Whether any endpoint of the pool serves.");
    for (uint32_t p = 0; p < n_pools; p++)
        metric_labelled(out, "pool_up", "pool", m->pools[p].name, t->pools[p].n_up > 0);
    metric_head(out, "pool_level", "gauge", "How the pool stands" LEVELS);
    for (uint32_t p = 0; p < n_pools; p++)
        metric_labelled(out, "pool_level", "pool", m->pools[p].name,
                        (uint64_t)(t->pools[p].level - LEVEL_DOWN));
    metric_head(out, "site_level", "gauge",
                "How the site stands for all pools that have it" LEVELS);
    for (uint32_t s = 0; s < t->n_sites; s++)
        if (t->sites[s].level != LEVEL_UNUSED)
            metric_labelled(out, "site_level", "site", m->sites[s].name,
                            (uint64_t)(t->sites[s].level - LEVEL_DOWN));
    put_places(out, f);
}

void metrics_pools(struct buf *out, const struct facts *f)
{
    put_endpoint_counts(out, f);
    put_pools(out, f);
    put_endpoints(out, f);
}
