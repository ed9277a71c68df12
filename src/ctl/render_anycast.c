/* SPDX-License-Identifier: Apache-2.0
 * Prefix sets and speakers as text for people. */
#include "base/units.h"
#include "control/json.h"
#include "ctl/explain_set.h"
#include "ctl/render.h"

#include <inttypes.h>
#include <stdio.h>

static enum table_style state_style(const char *state)
{
    if (strcmp(state, "announced") == 0 || strcmp(state, "present") == 0)
        return STYLE_GOOD;
    return strcmp(state, "down") == 0 ? STYLE_BAD : STYLE_CARE;
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static const char *age(char out[UNITS_TEXT_MAX], const json_t *object, const char *key)
{
    int64_t s = json_get_int(object, key, 0);
    return json_object_get(object, key) ? units_age_text(out, (s > 0 ? s : 0) * 1000) : "-";
}

/* ---- the tables ---- */

/* What the speaker has, marked where it is not what it should have. */
static void cell_real(struct table *table, const json_t *set)
{
    const char *real = json_get_text(set, "real", "?"), *state = json_get_text(set, "state", "");
    bool announces = strcmp(state, "down") != 0 && strcmp(state, "holding") != 0;
    enum table_style style = strcmp(real, "unknown") == 0                  ? STYLE_CARE
                             : (strcmp(real, "present") == 0) == announces ? STYLE_NONE
                                                                           : STYLE_BAD;
    table_cell(table, style, "%s", real);
}

static void render_overview(struct buf *out, const json_t *list, struct screen screen)
{
    struct table *table = table_new("SET STATE SINCE REAL SPEAKER WHY");
    const json_t *set;
    size_t i;
    json_array_foreach(list, i, set)
    {
        char text[UNITS_TEXT_MAX];
        const char *state = json_get_text(set, "state", "?");
        table_cell(table, STYLE_NONE, "%s", json_get_text(set, "name", "?"));
        table_cell(table, state_style(state), "%s%s", state, is_true(set, "frozen") ? "!" : "");
        table_cell(table, STYLE_NONE, "%s", age(text, set, "since_s"));
        cell_real(table, set);
        table_cell(table, STYLE_NONE, "%s", json_get_text(set, "speaker", "?"));
        table_cell(table, json_object_get(set, "problem") ? STYLE_BAD : STYLE_NONE, "%s",
                   json_get_text(set, "why", ""));
    }
    table_finish(table, out, 0, screen);
}

static void render_speakers(struct buf *out, const json_t *list, struct screen screen)
{
    struct table *table = table_new("SPEAKER TYPE STATE VERSION NOTE");
    const json_t *speaker;
    size_t i;
    json_array_foreach(list, i, speaker)
    {
        bool up = is_true(speaker, "up");
        const char *error = json_get_text(speaker, "error", "");
        table_cell(table, STYLE_NONE, "%s", json_get_text(speaker, "name", "?"));
        table_cell(table, STYLE_NONE, "%s", json_get_text(speaker, "type", "?"));
        table_cell(table, up ? STYLE_GOOD : STYLE_BAD, "%s",
                   up ? "up" : json_get_text(speaker, "error_kind", "down"));
        table_cell(table, STYLE_NONE, "%s", json_get_text(speaker, "version", "-"));
        table_cell(table, *error ? STYLE_BAD : STYLE_CARE, "%s",
                   *error ? error : json_get_text(speaker, "note", ""));
    }
    buf_puts(out, "\n");
    table_finish(table, out, 0, screen);
}

static void render_inputs(struct buf *out, const json_t *set, unsigned indent, struct screen screen)
{
    struct table *table = table_new("INPUT OK FOR REASON");
    const json_t *in;
    size_t i;
    json_array_foreach(json_object_get(set, "inputs"), i, in)
    {
        const json_t *ok = json_object_get(in, "ok");
        table_cell(table, STYLE_NONE, "%s", json_get_text(in, "name", "?"));
        if (json_is_boolean(ok))
            table_cell(table, json_is_true(ok) ? STYLE_GOOD : STYLE_BAD,
                       json_is_true(ok) ? "yes" : "no");
        else
            table_cell(table, STYLE_CARE, "?");
        table_cell(table, STYLE_NONE, is_true(in, "full") ? "full" : "announcing");
        table_cell(table, STYLE_NONE, "%s", json_get_text(in, "reason", ""));
    }
    table_finish(table, out, indent, screen);
}

static void render_routes(struct buf *out, const json_t *set, unsigned indent, struct screen screen)
{
    struct table *table = table_new("PREFIX REAL");
    const json_t *route;
    size_t i;
    json_array_foreach(json_object_get(set, "routes"), i, route)
    {
        bool differs = is_true(route, "differs");
        table_cell(table, STYLE_NONE, "%s", json_get_text(route, "prefix", "?"));
        table_cell(table, differs ? STYLE_BAD : STYLE_NONE, "%s%s",
                   json_get_text(route, "real", "?"),
                   differs ? ", with other attributes than told" : "");
    }
    table_finish(table, out, indent, screen);
}

void render_anycast(struct buf *out, const json_t *result, struct screen screen)
{
    const json_t *list = json_object_get(result, "sets");
    if (json_array_size(list) == 0)
        buf_puts(out, "no prefix sets\n");
    render_overview(out, list, screen);
    if (json_array_size(list) == 1) {
        buf_puts(out, "\n");
        render_inputs(out, json_array_get(list, 0), 0, screen);
        buf_puts(out, "\n");
        render_routes(out, json_array_get(list, 0), 0, screen);
    }
    render_speakers(out, json_object_get(result, "speakers"), screen);
}

/* ---- an explanation ---- */

ATTR_PRINTF(4, 5)
static void line(struct buf *out, struct screen screen, const char *label, const char *fmt, ...)
{
    struct buf text = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    buf_puts(out, "  ");
    table_styled(out, STYLE_TITLE, screen, label);
    buf_printf(out, "%*s", (int)(12 - strlen(label)), "");
    table_styled(out, STYLE_NONE, screen, text.n ? text.p : "");
    buf_puts(out, "\n");
    buf_free(&text);
}

static void add_texts(struct buf *out, const char *before, const json_t *list)
{
    const json_t *item;
    size_t i;
    json_array_foreach(list, i, item)
        buf_printf(out, "%s%s", i ? " " : before, json_text_of(item, "?"));
}

/* "prepend 2, med 200, communities 65535:0, next hop self". */
static void put_attributes(struct buf *out, const json_t *set, struct screen screen)
{
    struct buf text = {0};
    const json_t *a = json_object_get(set, "attributes");
    if (json_object_size(a) == 0)
        return;
    buf_printf(&text, "prepend %" PRId64, json_get_int(a, "prepend", 0));
    if (json_object_get(a, "med"))
        buf_printf(&text, ", med %" PRId64, json_get_int(a, "med", 0));
    add_texts(&text, ", communities ", json_object_get(a, "communities"));
    add_texts(&text, ", large communities ", json_object_get(a, "large_communities"));
    add_texts(&text, ", next hop ", json_object_get(a, "next_hop"));
    line(out, screen, "attributes", "%s", text.p);
    buf_free(&text);
}

static void put_timers(struct buf *out, const json_t *set, struct screen screen)
{
    char left[UNITS_TEXT_MAX];
    const json_t *timer;
    size_t i;
    json_array_foreach(json_object_get(set, "timers"), i, timer)
        line(out, screen, i ? "" : "timers", "%s: %s left", json_get_text(timer, "name", "?"),
             age(left, timer, "left_s"));
}

static void put_speaker(struct buf *out, const json_t *document, struct screen screen)
{
    const json_t *set = json_object_get(document, "set"),
                 *speaker = json_object_get(document, "speaker");
    const char *error = json_get_text(speaker, "error", ""),
               *note = json_get_text(speaker, "note", ""), *more = *error ? error : note;
    line(out, screen, "speaker", "%s (%s), %s%s%s; its routes: %s",
         json_get_text(set, "speaker", "?"), json_get_text(speaker, "type", "not known yet"),
         is_true(speaker, "up") ? "up" : "not up", *more ? ": " : "", more,
         json_get_text(set, "real", "?"));
}

static void put_orders(struct buf *out, const json_t *list, struct screen screen)
{
    const json_t *order;
    size_t i;
    if (json_array_size(list) == 0)
        line(out, screen, "orders", "none");
    json_array_foreach(list, i, order)
    {
        const char *reason = json_get_text(order, "reason", ""),
                   *by = json_get_text(order, "by", "");
        char left[UNITS_TEXT_MAX];
        bool ends = json_object_get(order, "left_s") != NULL;
        line(out, screen, i ? "" : "orders", "%s %s %s%s%s%s%s%s%s%s: %s",
             json_get_text(order, "id", "?"), json_get_text(order, "target", "?"),
             json_get_text(order, "state", "?"), is_true(order, "forced") ? ", forced" : "",
             *by ? " by " : "", by, *reason ? ", " : "", reason, ends ? ", for " : "",
             ends ? age(left, order, "left_s") : "",
             is_true(order, "decides") ? "decides" : json_get_text(order, "why", ""));
    }
}

void explain_set_text(struct buf *out, const json_t *document, struct screen screen)
{
    char text[UNITS_TEXT_MAX];
    const json_t *set = json_object_get(document, "set");
    struct buf title = {0};
    buf_printf(&title, "anycast:%s is %s, for %s", json_get_text(set, "name", "?"),
               json_get_text(set, "state", "?"), age(text, set, "since_s"));
    table_styled(out, STYLE_TITLE, screen, title.p);
    buf_puts(out, "\n");
    buf_free(&title);
    line(out, screen, "because", "%s", json_get_text(set, "why", ""));
    if (json_object_get(set, "problem"))
        line(out, screen, "problem", "%s", json_get_text(set, "problem", ""));
    if (json_object_get(set, "site"))
        line(out, screen, "site", "%s", json_get_text(set, "site", ""));
    put_timers(out, set, screen);
    put_orders(out, json_object_get(document, "orders"), screen);
    put_attributes(out, set, screen);
    put_speaker(out, document, screen);
    buf_puts(out, "\n");
    render_inputs(out, set, 2, screen);
    buf_puts(out, "\n");
    render_routes(out, set, 2, screen);
}
