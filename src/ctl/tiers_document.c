/* SPDX-License-Identifier: Apache-2.0
 * The document of tiers: what of each member was wanted, applied and seen. */
#include "control/json.h"
#include "ctl/documents.h"
#include "out/tier_facts.h"

static json_t *serving_json(const struct serving *s)
{
    json_t *object = json_object();
    json_set_text(object, "serves", serves_text((enum serves)s->serves));
    json_set_int(object, "weight", s->weight);
    return object;
}

/** A number that is left out where it is not known. */
static void set_known(json_t *object, const char *key, int64_t n)
{
    if (n >= 0)
        json_set_int(object, key, n);
}

static void set_counter(json_t *object, const char *key, uint64_t n)
{
    if (n > 0)
        json_set_int(object, key, (int64_t)n);
}

/** Left out where nothing was measured. */
static void set_percentiles(json_t *object, const char *key, double p50, double p99)
{
    if (p50 < 0 || p99 < 0)
        return;
    json_t *value = json_set_object(object, key);
    json_set_real(value, "p50", p50, 3);
    json_set_real(value, "p99", p99, 3);
}

static void set_measures(json_t *object, const struct observed *seen)
{
    if (!seen->measures)
        return;
    json_set_int(object, "refused", (int64_t)seen->n_refused);
    json_set_int(object, "timeouts", (int64_t)seen->n_timeouts);
    set_percentiles(object, "connect_ms", seen->connect_ms.p50, seen->connect_ms.p99);
    set_percentiles(object, "rtt_ms", seen->rtt_ms.p50, seen->rtt_ms.p99);
}

static json_t *observed_json(const struct observed *seen)
{
    json_t *object = json_object();
    json_set_text(object, "state", serves_text((enum serves)seen->serving.serves));
    json_set_int(object, "weight", seen->serving.weight);
    set_known(object, "active", seen->active);
    set_known(object, "inactive", seen->inactive);
    if (seen->at_most)
        json_set_bool(object, "at_most", true);
    set_counter(object, "total", seen->n_total);
    set_counter(object, "bytes_in", seen->bytes_in);
    set_counter(object, "bytes_out", seen->bytes_out);
    set_measures(object, seen);
    if (seen->differs)
        json_set_bool(object, "differs", true);
    return object;
}

static void set_left(json_t *object, int64_t left_ms)
{
    json_set_int(object, "left_s", left_ms > 0 ? (left_ms + 999) / 1000 : 0);
}

static json_t *drain_json(const struct tier_row *row, int64_t now_ms)
{
    json_t *object = json_object();
    json_set_text(object, "phase", drain_phase_text((enum drain_phase)row->drain.phase));
    json_set_time(object, "since", row->drain.since_ms);
    set_known(object, "active", tier_row_sessions(row));
    if (row->drain.until_ms)
        set_left(object, row->drain.until_ms - now_ms);
    if (row->drain.timed_out)
        json_set_bool(object, "timed_out", true);
    return object;
}

static json_t *member_json(const struct tier_view *view, const struct tier_row *row, int64_t now_ms)
{
    char ip[IP_TEXT_MAX];
    json_t *object = json_object();
    if (row->member != MODEL_NONE)
        json_set_text(object, "key", view->spec->members[row->member].key);
    json_set_text(object, "name", row->name);
    json_set_text(object, "address", ip_text(ip, &row->addr));
    json_set_int(object, "port", row->port);
    json_object_set_new(object, "wanted", serving_json(&row->wanted));
    if (row->target.serves != row->wanted.serves || row->target.weight != row->wanted.weight)
        json_object_set_new(object, "target", serving_json(&row->target));
    if (row->applied.serves != SERVES_UNKNOWN)
        json_object_set_new(object, "applied", serving_json(&row->applied));
    if (row->present)
        json_object_set_new(object, "observed", observed_json(&row->seen));
    if (row->drain.phase != DRAIN_NONE)
        json_object_set_new(object, "drain", drain_json(row, now_ms));
    json_set_bool(object, "created", row->created);
    if (row->foreign)
        json_set_bool(object, "foreign", true);
    if (row->kept)
        json_set_bool(object, "kept", true);
    return object;
}

static void set_texts(json_t *object, const struct tier_view *view)
{
    if (view->error[0])
        json_set_text(object, "last_error", view->error);
    json_set_time(object, "error_since", view->error_since_ms);
    if (view->note[0])
        json_set_text(object, "note", view->note);
    json_t *diff = json_set_array(object, "diff");
    for (uint32_t i = 0; i < view->n_diff; i++)
        json_array_append_new(diff, json_text(view->diff[i]));
}

static json_t *tier_json(const void *facts, struct arena *arena, uint32_t index)
{
    const struct facts *f = facts;
    const struct tier_view *view = f->tiers.views[index];
    const struct tier_spec *spec = view->spec;
    json_t *object = json_object();
    (void)arena;
    json_set_text(object, "name", spec->name);
    json_set_text(object, "type", tier_type_word(spec->config->type));
    json_set_text(object, "pool", spec->pool);
    if (spec->site[0])
        json_set_text(object, "site", spec->site);
    json_set_text(object, "state", tier_state_text(view->state));
    json_set_bool(object, "held", view->held);
    json_set_bool(object, "all_down", view->all_down);
    json_set_time(object, "last_change", view->last_change_ms);
    if (view->last_change_ms > 0)
        json_set_int(object, "last_change_s", (f->now_ms - view->last_change_ms) / 1000);
    json_set_time(object, "last_sync", view->last_sync_ms);
    if (view->dns_until_ms > f->now_ms)
        json_set_int(object, "dns_left_s", (view->dns_until_ms - f->now_ms + 999) / 1000);
    set_texts(object, view);
    json_t *members = json_set_array(object, "members");
    for (uint32_t i = 0; i < view->n_rows; i++)
        json_array_append_new(members, member_json(view, &view->rows[i], f->now_ms));
    return object;
}

static const char *key_of_tier(const void *facts, struct arena *arena, uint32_t index)
{
    (void)arena;
    return ((const struct facts *)facts)->tiers.views[index]->spec->name;
}

json_t *document_tiers(const struct facts *f, const char *name, bool looked,
                       const struct window *window)
{
    struct listing list = {"tiers", 0, f->tiers.n, f, key_of_tier, tier_json};
    for (uint32_t i = 0; name[0] && i < f->tiers.n; i++)
        if (strcmp(f->tiers.views[i]->spec->name, name) == 0)
            list.from = i, list.to = i + 1;
    json_t *document = window_document(window, &list);
    json_set_int(document, "version", (int64_t)tier_facts_version(f, name));
    if (looked)
        json_set_bool(document, "looked", true);
    return document;
}
