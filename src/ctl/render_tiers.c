/* SPDX-License-Identifier: Apache-2.0
 * Tiers, drains and health as text for people. */
#include "base/escape.h"
#include "base/units.h"
#include "control/json.h"
#include "control/table.h"
#include "ctl/render.h"

#include <inttypes.h>

static enum table_style state_style(const char *state)
{
    if (strcmp(state, "ok") == 0 || strcmp(state, "ready") == 0)
        return STYLE_GOOD;
    if (strcmp(state, "stale") == 0 || strcmp(state, "unreachable") == 0 ||
        strcmp(state, "refused") == 0 || strcmp(state, "down") == 0)
        return STYLE_BAD;
    return STYLE_CARE;
}

/** Text from a document, made fit for a terminal. */
static void add(struct buf *out, const char *text)
{
    escape_add(out, slice_str(text));
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* ---- members ---- */

/** "ready 100", "drain", or "-" where there is nothing. */
static void cell_serving(struct table *table, const json_t *serving, const char *key)
{
    const char *serves = json_get_text(serving, key, "-");
    if (strcmp(serves, "ready") == 0)
        table_cell(table, STYLE_GOOD, "ready %" PRId64, json_get_int(serving, "weight", 0));
    else
        table_cell(table, strcmp(serves, "-") == 0 ? STYLE_FAINT : state_style(serves), "%s",
                   serves);
}

static void cell_active(struct table *table, const json_t *object)
{
    const json_t *active = json_object_get(object, "active");
    if (json_is_integer(active))
        table_cell(table, STYLE_NONE, "%s%" PRId64, is_true(object, "at_most") ? "<=" : "",
                   (int64_t)json_integer_value(active));
    else
        table_cell(table, STYLE_FAINT, "-");
}

/** "wait, 4m 10s left". */
static void cell_drain(struct table *table, const json_t *drain)
{
    char left[UNITS_TEXT_MAX];
    const char *phase = json_get_text(drain, "phase", "");
    if (is_true(drain, "timed_out"))
        table_cell(table, STYLE_CARE, "%s, its time is over", phase);
    else if (json_object_get(drain, "left_s"))
        table_cell(table, STYLE_CARE, "%s, %s left", phase,
                   units_age_text(left, json_get_int(drain, "left_s", 0) * 1000));
    else
        table_cell(table, STYLE_CARE, "%s", phase);
}

static void render_members(struct buf *out, const json_t *tier, struct screen screen)
{
    struct table *table = table_new("MEMBER ADDRESS WANTED APPLIED OBSERVED SESSIONS> DRAIN");
    const json_t *member;
    size_t i;
    json_array_foreach(json_object_get(tier, "members"), i, member)
    {
        const char *address = json_get_text(member, "address", "-");
        bool v6 = strchr(address, ':') != NULL;
        table_cell(table, STYLE_NONE, "%s",
                   json_get_text(member, "key", json_get_text(member, "name", "-")));
        table_cell(table, STYLE_NONE, "%s%s%s:%" PRId64, v6 ? "[" : "", address, v6 ? "]" : "",
                   json_get_int(member, "port", 0));
        cell_serving(table, json_object_get(member, "wanted"), "serves");
        cell_serving(table, json_object_get(member, "applied"), "serves");
        cell_serving(table, json_object_get(member, "observed"), "state");
        cell_active(table, json_object_get(member, "observed"));
        cell_drain(table, json_object_get(member, "drain"));
    }
    buf_puts(out, "\n");
    table_finish(table, out, 0, screen);
}

/* ---- tiers ---- */

/** The sessions of all members, as far as they are known. */
static void cell_sum(struct table *table, const json_t *tier)
{
    const json_t *member;
    bool known = false, at_most = false;
    int64_t n = 0;
    size_t i;
    json_array_foreach(json_object_get(tier, "members"), i, member)
    {
        const json_t *seen = json_object_get(member, "observed");
        known |= json_object_get(seen, "active") != NULL;
        at_most |= is_true(seen, "at_most");
        n += json_get_int(seen, "active", 0);
    }
    if (known)
        table_cell(table, STYLE_NONE, "%s%" PRId64, at_most ? "<=" : "", n);
    else
        table_cell(table, STYLE_FAINT, "-");
}

static size_t count_serving(const json_t *members)
{
    const json_t *member;
    size_t i, n = 0;
    json_array_foreach(members, i, member)
    {
        const json_t *seen = json_object_get(member, "observed");
        n += strcmp(json_get_text(seen, "state", ""), "ready") == 0 &&
             json_get_int(seen, "weight", 0) > 0;
    }
    return n;
}

/** What one should know of it, in one cell. */
static void cell_note(struct table *table, const json_t *tier)
{
    const char *error = json_get_text(tier, "last_error", ""),
               *note = json_get_text(tier, "note", "");
    if (*error)
        table_cell(table, STYLE_BAD, "%s", error);
    else if (is_true(tier, "held"))
        table_cell(table, STYLE_CARE, "waits for first results");
    else if (is_true(tier, "all_down"))
        table_cell(table, STYLE_BAD, "all members are down");
    else if (json_array_size(json_object_get(tier, "diff")))
        table_cell(table, STYLE_CARE, "%zu to change",
                   json_array_size(json_object_get(tier, "diff")));
    else
        table_cell(table, STYLE_CARE, "%s", note);
}

static void render_overview(struct buf *out, const json_t *list, struct screen screen)
{
    struct table *table = table_new("TIER TYPE POOL SITE STATE SERVING> SESSIONS> CHANGED NOTE");
    const json_t *tier;
    size_t i;
    json_array_foreach(list, i, tier)
    {
        const json_t *members = json_object_get(tier, "members");
        const char *state = json_get_text(tier, "state", "?");
        char age[UNITS_TEXT_MAX];
        table_cell(table, STYLE_NONE, "%s", json_get_text(tier, "name", "?"));
        table_cell(table, STYLE_NONE, "%s", json_get_text(tier, "type", "?"));
        table_cell(table, STYLE_NONE, "%s", json_get_text(tier, "pool", "?"));
        table_cell(table, STYLE_NONE, "%s", json_get_text(tier, "site", "all"));
        table_cell(table, state_style(state), "%s", state);
        table_cell(table, STYLE_NONE, "%zu/%zu", count_serving(members), json_array_size(members));
        cell_sum(table, tier);
        if (json_object_get(tier, "last_change_s"))
            table_cell(table, STYLE_NONE, "%s",
                       units_age_text(age, json_get_int(tier, "last_change_s", 0) * 1000));
        else
            table_cell(table, STYLE_FAINT, "-");
        cell_note(table, tier);
    }
    table_finish(table, out, 0, screen);
}

/** What would be done, for somebody who decides whether it shall be. */
static void render_plan(struct buf *out, const json_t *tier)
{
    const json_t *diff = json_object_get(tier, "diff"), *step;
    const char *state = json_get_text(tier, "state", "?");
    size_t i, n = json_array_size(diff);
    bool can_tell = strcmp(state, "ok") == 0 || strcmp(state, "applying") == 0;
    add(out, json_get_text(tier, "name", "?"));
    buf_puts(out, " (");
    add(out, json_get_text(tier, "type", "?"));
    buf_puts(out, "): ");
    if (!can_tell) {
        add(out, state);
        buf_puts(out, ": ");
        add(out, json_get_text(tier, "last_error", "no reason is known"));
        buf_puts(out, "\n");
    } else if (n == 0) {
        buf_printf(out, "nothing to do%s\n",
                   is_true(tier, "held") ? ", as it waits for first results" : "");
    } else {
        buf_printf(out, "%zu change%s%s\n", n, units_plural(n),
                   is_true(tier, "held") ? ", once first results are in" : "");
    }
    json_array_foreach(diff, i, step)
    {
        buf_puts(out, "  ");
        add(out, json_text_of(step, "?"));
        buf_puts(out, "\n");
    }
}

void render_tiers(struct buf *out, const json_t *result, struct screen screen)
{
    const json_t *list = json_object_get(result, "tiers"), *tier;
    size_t i;
    if (json_array_size(list) == 0)
        buf_puts(out, "no tiers\n");
    if (is_true(result, "looked")) {
        json_array_foreach(list, i, tier) render_plan(out, tier);
        return;
    }
    render_overview(out, list, screen);
    if (json_array_size(list) == 1)
        render_members(out, json_array_get(list, 0), screen);
}

/* ---- health ---- */

void render_healthy(struct buf *out, const json_t *result, struct screen screen)
{
    const json_t *healthy = json_object_get(result, "healthy");
    const char *why = json_get_text(result, "why", "");
    add(out, json_get_text(result, "target", "?"));
    buf_puts(out, ": ");
    if (json_is_null(healthy) || !healthy)
        table_styled(out, STYLE_CARE, screen, "cannot tell");
    else if (json_is_true(healthy))
        table_styled(out, STYLE_GOOD, screen, "healthy");
    else
        table_styled(out, STYLE_BAD, screen, "not healthy");
    buf_puts(out, ", ");
    add(out, json_get_text(result, "state", "?"));
    bool is_set = strncmp(json_get_text(result, "target", ""), "anycast:", 8) == 0;
    buf_printf(out, ", %" PRId64 " of %" PRId64 " %s", json_get_int(result, "up", 0),
               json_get_int(result, "total", 0),
               is_set ? "prefixes are with the speaker" : "endpoints serve");
    buf_puts(out, *why ? ": " : "");
    add(out, why);
    buf_puts(out, "\n");
}

/* ---- drains ---- */

static void put_sessions(struct buf *out, const json_t *tier)
{
    const json_t *active = json_object_get(tier, "active");
    int64_t n = json_integer_value(active);
    add(out, json_get_text(tier, "name", "?"));
    if (!json_is_integer(active)) {
        buf_puts(out, ": ");
        add(out, json_get_text(tier, "state", "?"));
    } else if (n == 0 && json_get_int(tier, "left", 0) == 0) {
        buf_puts(out, ": done");
    } else {
        buf_printf(out, ": %s%" PRId64 " session%s", is_true(tier, "at_most") ? "<=" : "", n,
                   units_plural((uint64_t)n));
    }
}

/** "anycast dns: draining, 23s left". */
static void put_set(struct buf *out, const json_t *set)
{
    char left[UNITS_TEXT_MAX];
    const char *state = json_get_text(set, "state", "not known yet");
    buf_puts(out, "anycast ");
    add(out, json_get_text(set, "name", "?"));
    if (!json_is_true(json_object_get(set, "left"))) {
        buf_puts(out, ": withdrawn");
        return;
    }
    buf_puts(out, ": ");
    add(out, state);
    if (json_object_get(set, "left_s"))
        buf_printf(out, ", %s left", units_age_text(left, json_get_int(set, "left_s", 0) * 1000));
    else if (strcmp(state, "down") == 0)
        buf_printf(out, ", routes %s", json_get_text(set, "real", "unknown"));
}

void render_drain_step(struct buf *out, const json_t *progress)
{
    const char *stage = json_get_text(progress, "stage", ""), *between = "";
    char left[UNITS_TEXT_MAX];
    int64_t dns_s = json_get_int(progress, "dns_left_s", 0);
    const json_t *tier;
    size_t i;
    add(out, stage);
    buf_puts(out, ": ");
    if (dns_s > 0) {
        buf_printf(out, "answers for %s more", units_age_text(left, dns_s * 1000));
        between = "; ";
    }
    json_array_foreach(json_object_get(progress, "tiers"), i, tier)
    {
        buf_puts(out, between);
        put_sessions(out, tier);
        between = ", ";
    }
    json_array_foreach(json_object_get(progress, "anycast"), i, tier)
    {
        buf_puts(out, between);
        put_set(out, tier);
        between = ", ";
    }
}

void render_drain(struct buf *out, const json_t *result, struct screen screen)
{
    const char *outcome = json_get_text(result, "outcome", ""),
               *why = json_get_text(result, "why", "");
    struct buf text = {0};
    if (strcmp(outcome, "done") == 0) {
        table_styled(out, STYLE_GOOD, screen, "drained: nothing is left");
    } else if (*outcome) {
        table_styled(out, STYLE_BAD, screen,
                     strcmp(outcome, "time_over") == 0 ? "time is over, the order stays in force"
                                                       : "not waited for any more");
        buf_puts(out, *why ? ": " : "");
        add(out, why);
    } else {
        render_drain_step(&text, result);
        table_styled(out, STYLE_NONE, screen, text.p ? text.p : "");
        buf_free(&text);
    }
    buf_puts(out, "\n");
}
