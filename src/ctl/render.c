/* SPDX-License-Identifier: Apache-2.0
 * The documents as text for people. */
#include "ctl/render.h"

#include "base/units.h"
#include "control/json.h"
#include "control/table.h"
#include "ctl/explain.h"
#include "health/state.h"

#include <inttypes.h>
#include <stdio.h>

static enum table_style state_style(const char *state)
{
    if (strcmp(state, "up") == 0)
        return STYLE_GOOD;
    if (strncmp(state, "down", 4) == 0)
        return STYLE_BAD;
    return strcmp(state, "unused") == 0 ? STYLE_FAINT : STYLE_CARE;
}

/** "3d 4h" of a number of seconds, or "-" when the member is absent. */
static const char *age(char out[UNITS_TEXT_MAX], const json_t *object, const char *key)
{
    if (!json_object_get(object, key))
        return "-";
    int64_t s = json_get_int(object, key, 0);
    return units_age_text(out, (s > 0 ? s : 0) * 1000);
}

/* What the panic guard holds, unless an operator's order stands above it. */
static bool is_frozen(const json_t *object)
{
    const json_t *frozen = json_object_get(object, "frozen");
    return (json_is_true(frozen) || json_integer_value(frozen) > 0) &&
           !json_object_get(object, "override");
}

static void cell_state(struct table *table, const json_t *object)
{
    const char *state = json_get_text(object, "state", "-");
    bool frozen = is_frozen(object);
    table_cell(table, frozen ? STYLE_CARE : state_style(state), "%s%s", state,
               frozen ? ", frozen" : "");
}

static void cell_age(struct table *table, const json_t *object, const char *key)
{
    char text[UNITS_TEXT_MAX];
    table_cell(table, STYLE_NONE, "%s", age(text, object, key));
}

static void cell_latency(struct table *table, const json_t *object)
{
    const json_t *latency = json_object_get(object, "latency_ms");
    if (latency)
        table_cell(table, STYLE_NONE, "%.1fms", json_number_value(latency));
    else
        table_cell(table, STYLE_FAINT, "-");
}

static void cell_text(struct table *table, const json_t *object, const char *key)
{
    table_cell(table, STYLE_NONE, "%s", json_get_text(object, key, "-"));
}

static void cell_int(struct table *table, const json_t *object, const char *key)
{
    table_cell(table, STYLE_NONE, "%" PRId64, json_get_int(object, key, 0));
}

static void cell_share(struct table *table, const json_t *object)
{
    table_cell(table, STYLE_NONE, "%" PRId64 "/%" PRId64, json_get_int(object, "up", 0),
               json_get_int(object, "total", 0));
}

static void none(struct buf *out, const json_t *list, const char *what)
{
    if (json_array_size(list) == 0)
        buf_printf(out, "no %s\n", what);
}

/* Tables */

void render_shares(char out[48], const json_t *endpoint, const char *before)
{
    int64_t ramp = json_get_int(endpoint, "ramp", SHARE_FULL);
    int64_t load = json_get_int(endpoint, "load", SHARE_FULL);
    int n = 0;
    *out = '\0';
    if (ramp >= 1 && ramp < SHARE_FULL)
        n = snprintf(out, 48, "%s ramp %d/%d", before, (int)ramp, SHARE_FULL);
    if (load >= 1 && load < SHARE_FULL)
        snprintf(out + n, 48 - (size_t)n, "%s load %d/%d", before, (int)load, SHARE_FULL);
}

static void cell_weight(struct table *table, const json_t *object)
{
    int64_t weight = json_get_int(object, "weight", 0);
    bool changed = weight != json_get_int(object, "configured_weight", weight);
    char parts[48];
    render_shares(parts, object, "");
    table_cell(table, changed || *parts ? STYLE_CARE : STYLE_NONE, "%" PRId64 "%s%s", weight,
               changed ? "!" : "", parts);
}

static void cell_why(struct table *table, const json_t *object)
{
    char left[UNITS_TEXT_MAX];
    const json_t *override = json_object_get(object, "override");
    const char *why = json_get_text(object, "why", "");
    const char *stale = json_is_true(json_object_get(object, "stale")) ? "stale: " : "";
    if (json_object_get(override, "left_s"))
        table_cell(table, STYLE_NONE, "%s%s (%s left)", stale, why, age(left, override, "left_s"));
    else
        table_cell(table, STYLE_NONE, "%s%s", stale, why);
}

static void cell_sessions(struct table *table, const json_t *object)
{
    const json_t *n = json_object_get(object, "sessions");
    bool at_most = json_is_true(json_object_get(object, "sessions_at_most"));
    if (n)
        table_cell(table, STYLE_NONE, "%s%" PRId64, at_most ? "<=" : "",
                   (int64_t)json_integer_value(n));
    else
        table_cell(table, STYLE_FAINT, "-");
}

/** Whether a member is there in any item. */
static bool any_has(const json_t *list, const char *key)
{
    const json_t *item;
    size_t i;
    json_array_foreach(list, i, item) if (json_object_get(item, key)) return true;
    return false;
}

static void render_endpoints(struct buf *out, const json_t *result, struct screen screen)
{
    bool sessions = any_has(json_object_get(result, "endpoints"), "sessions");
    struct table *table = table_new(sessions ? "ENDPOINT STATE SINCE WEIGHT> PROBE> SESSIONS> WHY"
                                             : "ENDPOINT STATE SINCE WEIGHT> PROBE> WHY");
    const json_t *list = json_object_get(result, "endpoints"), *e;
    size_t i;
    json_array_foreach(list, i, e)
    {
        cell_text(table, e, "target");
        cell_state(table, e);
        cell_age(table, e, "since_s");
        cell_weight(table, e);
        cell_latency(table, e);
        if (sessions)
            cell_sessions(table, e);
        cell_why(table, e);
    }
    table_finish(table, out, 0, screen);
    none(out, list, "endpoints");
}

static void cell_sites(struct table *table, const json_t *pool)
{
    struct buf text = {0};
    const json_t *site;
    size_t i;
    buf_puts(&text, "");
    json_array_foreach(json_object_get(pool, "sites"), i, site)
        buf_printf(&text, "%s%s %" PRId64 "/%" PRId64, i ? ", " : "",
                   json_get_text(site, "name", "?"), json_get_int(site, "endpoints_up", 0),
                   json_get_int(site, "endpoints", 0));
    table_cell(table, STYLE_NONE, "%s", text.p ? text.p : "");
    buf_free(&text);
}

static void render_pools(struct buf *out, const json_t *result, struct screen screen)
{
    struct table *table = table_new("POOL STATE UP> SINCE STEER PICK TTL> SITES WHY");
    const json_t *list = json_object_get(result, "pools"), *p;
    size_t i;
    json_array_foreach(list, i, p)
    {
        const json_t *ttl = json_object_get(p, "ttl");
        int64_t min = json_get_int(ttl, "min_s", 0), max = json_get_int(ttl, "max_s", 0);
        cell_text(table, p, "name");
        cell_state(table, p);
        cell_share(table, p);
        cell_age(table, p, "since_s");
        cell_text(table, p, "steer");
        cell_text(table, p, "pick");
        if (min == max)
            table_cell(table, STYLE_NONE, "%" PRId64 "s", min);
        else
            table_cell(table, STYLE_NONE, "%" PRId64 "-%" PRId64 "s", min, max);
        cell_sites(table, p);
        cell_text(table, p, "why");
    }
    table_finish(table, out, 0, screen);
    none(out, list, "pools");
}

static void render_sites(struct buf *out, const json_t *result, struct screen screen)
{
    struct table *table = table_new("SITE STATE UP> POOLS> SINCE LOCATION WHY");
    const json_t *list = json_object_get(result, "sites"), *s;
    size_t i;
    json_array_foreach(list, i, s)
    {
        const json_t *location = json_object_get(s, "location");
        cell_text(table, s, "name");
        cell_state(table, s);
        cell_share(table, s);
        table_cell(table, STYLE_NONE, "%zu", json_array_size(json_object_get(s, "pools")));
        cell_age(table, s, "since_s");
        if (location)
            table_cell(table, STYLE_NONE, "%.2f, %.2f",
                       json_number_value(json_array_get(location, 0)),
                       json_number_value(json_array_get(location, 1)));
        else
            table_cell(table, STYLE_FAINT, "-");
        cell_text(table, s, "why");
    }
    table_finish(table, out, 0, screen);
    none(out, list, "sites");
}

static void render_checks(struct buf *out, const json_t *result, struct screen screen)
{
    struct table *table = table_new("CHECK TYPE ADDRESS STATE SINCE PROBE> OK> FAILED> WHY");
    const json_t *list = json_object_get(result, "checks"), *c;
    size_t i;
    json_array_foreach(list, i, c)
    {
        const char *address = json_get_text(c, "address", "-");
        int64_t port = json_get_int(c, "port", 0);
        cell_text(table, c, "check");
        cell_text(table, c, "type");
        if (port)
            table_cell(table, STYLE_NONE, "%s%s%s:%d", strchr(address, ':') ? "[" : "", address,
                       strchr(address, ':') ? "]" : "", (int)port);
        else
            table_cell(table, STYLE_NONE, "%s", address);
        cell_state(table, c);
        cell_age(table, c, "since_s");
        cell_latency(table, c);
        cell_int(table, c, "ok");
        cell_int(table, c, "failed");
        cell_text(table, c, "why");
    }
    table_finish(table, out, 0, screen);
    none(out, list, "checks");
}

static void render_events(struct buf *out, const json_t *result, struct screen screen)
{
    struct table *table = table_new("ID> AT TARGET FROM TO REASON BY EFFECT");
    const json_t *list = json_object_get(result, "events"), *e;
    size_t i;
    json_array_foreach(list, i, e)
    {
        cell_int(table, e, "id");
        cell_text(table, e, "at");
        cell_text(table, e, "target");
        cell_text(table, e, "from");
        const char *to = json_get_text(e, "to", "-");
        table_cell(table, state_style(to), "%s", to);
        cell_text(table, e, "reason");
        table_cell(table, STYLE_NONE, "%s", json_get_text(e, "by", ""));
        cell_text(table, e, "effect");
    }
    table_finish(table, out, 0, screen);
    none(out, list, "events");
}

static void render_by_command(struct buf *out, enum ctl_command command, const json_t *result,
                              struct screen screen)
{
    switch (command) {
    case CTL_STATUS:
        render_status(out, result, screen);
        break;
    case CTL_POOLS:
        render_pools(out, result, screen);
        break;
    case CTL_ENDPOINTS:
        render_endpoints(out, result, screen);
        break;
    case CTL_SITES:
        render_sites(out, result, screen);
        break;
    case CTL_CHECKS:
        render_checks(out, result, screen);
        break;
    case CTL_EVENTS:
        render_events(out, result, screen);
        break;
    case CTL_EXPLAIN:
        explain_text(out, result, screen);
        break;
    case CTL_GEO:
        render_geo(out, result, screen);
        break;
    case CTL_ORDERS:
        render_orders(out, result, screen);
        break;
    case CTL_TIERS:
        render_tiers(out, result, screen);
        break;
    case CTL_ANYCAST:
        render_anycast(out, result, screen);
        break;
    case CTL_IPVS:
        render_ipvs(out, result);
        break;
    case CTL_HEALTHY:
        render_healthy(out, result, screen);
        break;
    case CTL_DRAIN:
        render_drain(out, result, screen);
        break;
    case CTL_SET:
    case CTL_WEIGHT:
        render_action(out, result, screen);
        break;
    case CTL_RELOAD:
        render_reload(out, result, screen);
        break;
    case CTL_STOP:
        if (json_object_get(result, "drain_s"))
            buf_printf(out, "loadstard drains what it announces, for up to %lld s, and stops\n",
                       (long long)json_get_int(result, "drain_s", 0));
        else
            buf_puts(out, "loadstard stops\n");
        break;
    case CTL_SERVICES:
    case CTL_MEMBERS:
    case CTL_FLOWS:
    case CTL_RTT:
    case CTL_REPLACE:
        render_l4(out, command, result, screen);
        break;
    }
}

void render_result(struct buf *out, enum ctl_command command, const json_t *result,
                   struct screen screen)
{
    if (strcmp(json_get_text(result, "program", ""), "loadstar-l4") == 0)
        render_l4(out, command, result, screen);
    else
        render_by_command(out, command, result, screen);
    if (json_object_get(result, "next"))
        buf_printf(out, "more follow: --after '%s'\n", json_get_text(result, "next", ""));
}
