/* SPDX-License-Identifier: Apache-2.0
 * Orders, and what became of one, as text for people. */
#include "base/units.h"
#include "control/json.h"
#include "control/table.h"
#include "ctl/render.h"

#include <inttypes.h>
#include <stdio.h>

static const char *value_text(char out[32], const json_t *order)
{
    const json_t *weight = json_object_get(order, "weight");
    if (json_is_integer(weight))
        snprintf(out, 32, "weight %" PRId64, (int64_t)json_integer_value(weight));
    else if (weight)
        snprintf(out, 32, "weight %s", json_text_of(weight, "?"));
    else
        snprintf(out, 32, "%s%s", json_get_text(order, "state", "?"),
                 json_is_true(json_object_get(order, "forced")) ? ", forced" : "");
    return out;
}

static void cell_seconds(struct table *table, const json_t *order, const char *key,
                         const char *otherwise)
{
    char text[UNITS_TEXT_MAX];
    int64_t s = json_get_int(order, key, 0);
    if (json_object_get(order, key))
        units_age_text(text, (s > 0 ? s : 0) * 1000);
    table_cell(table, STYLE_NONE, "%s", json_object_get(order, key) ? text : otherwise);
}

static void render_row(struct table *table, const json_t *order, bool all)
{
    char value[32];
    table_cell(table, STYLE_NONE, "%s", json_get_text(order, "id", "-"));
    table_cell(table, STYLE_NONE, "%s", json_get_text(order, "target", "?"));
    table_cell(table, STYLE_CARE, "%s", value_text(value, order));
    cell_seconds(table, order, "since_s", "-");
    cell_seconds(table, order, "left_s", "until changed");
    table_cell(table, STYLE_NONE, "%" PRId64,
               json_get_int(order, "endpoints", json_get_int(order, "prefix_sets", 0)));
    if (all)
        table_cell(table, STYLE_NONE, "%" PRId64, json_get_int(order, "matches", 0));
    table_cell(table, STYLE_NONE, "%s", json_get_text(order, "by", "-"));
    if (all)
        table_cell(table, STYLE_CARE, "%s%s%s",
                   json_object_get(order, "volatile") ? "volatile" : "",
                   json_object_get(order, "volatile") && json_object_get(order, "why") ? ", " : "",
                   json_get_text(order, "why", ""));
    table_cell(table, STYLE_NONE, "%s", json_get_text(order, "reason", ""));
}

void render_order_table(struct buf *out, const json_t *list, bool all, unsigned indent,
                        struct screen screen)
{
    struct table *table =
        table_new(all ? "ID TARGET ORDER SINCE LEFT DECIDES> MATCHES> BY NOTE REASON"
                      : "ID TARGET STATE SINCE LEFT ENDPOINTS> BY REASON");
    const json_t *order;
    size_t i;
    json_array_foreach(list, i, order)
    {
        render_row(table, order, all);
    }
    table_finish(table, out, indent, screen);
}

void render_orders(struct buf *out, const json_t *result, struct screen screen)
{
    const json_t *list = json_object_get(result, "orders");
    if (json_array_size(list) == 0)
        buf_puts(out, "no orders\n");
    render_order_table(out, list, true, 0, screen);
}

/* ---- what an order did ---- */

void render_lines(struct buf *out, const json_t *list, enum table_style style, struct screen screen,
                  const char *before)
{
    const json_t *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        buf_puts(out, before);
        table_styled(out, style, screen, json_text_of(item, "?"));
        buf_puts(out, "\n");
    }
}

/* "removes @3 www/ams/w1 down: broken disk". */
static void render_others(struct buf *out, const json_t *result, const char *key, const char *total,
                          const char *before, const char *after, struct screen screen)
{
    const json_t *list = json_object_get(result, key), *order;
    int64_t more = json_get_int(result, total, 0) - (int64_t)json_array_size(list);
    size_t i;
    json_array_foreach(list, i, order)
    {
        char value[32], text[1400];
        const char *reason = json_get_text(order, "reason", "");
        snprintf(text, sizeof text, "%s%s %s %s%s%s%s", before, json_get_text(order, "id", "?"),
                 json_get_text(order, "target", "?"), value_text(value, order), *reason ? ": " : "",
                 reason, after);
        table_styled(out, STYLE_NONE, screen, text);
        buf_puts(out, "\n");
    }
    if (more > 0)
        buf_printf(out, "%s%" PRId64 " more\n", before, more);
}

static void render_head(struct buf *out, const json_t *result)
{
    char value[32];
    int64_t n = json_get_int(result, "endpoints", 0);
    if (json_object_get(result, "dry_run"))
        buf_puts(out, "dry run, nothing is changed: ");
    if (json_object_get(result, "id"))
        buf_printf(out, "%s ", json_get_text(result, "id", ""));
    buf_printf(out, "%s: %s", json_get_text(result, "target", ""), value_text(value, result));
    if (json_object_get(result, "until"))
        buf_printf(out, " until %s", json_get_text(result, "until", ""));
    int64_t n_sets = json_get_int(result, "prefix_sets_total", 0);
    if (n || !n_sets)
        buf_printf(out, ", %" PRId64 " endpoint%s", n, units_plural((uint64_t)n));
    if (n_sets)
        buf_printf(out, ", %" PRId64 " prefix set%s", n_sets, units_plural((uint64_t)n_sets));
    buf_puts(out, "\n");
}

void render_action(struct buf *out, const json_t *result, struct screen screen)
{
    char text[UNITS_TEXT_MAX];
    const json_t *matched = json_object_get(result, "matched");
    const json_t *effects = json_object_get(result, "effects");
    int64_t old_s = json_get_int(result, "old_answers_s", 0);
    size_t n = (size_t)json_get_int(result, "endpoints", 0);
    render_head(out, result);
    render_lines(out, matched, STYLE_FAINT, screen, "  ");
    if (n > json_array_size(matched))
        buf_printf(out, "  and %zu more\n", n - json_array_size(matched));
    render_others(out, result, "removed", "removed_total", "removes ", "", screen);
    render_others(out, result, "beneath", "beneath_total", "lies above ", ", which waits", screen);
    if (json_get_int(result, "pools_changed", 0) == 0 &&
        strncmp(json_get_text(result, "target", ""), "anycast:", 8) != 0)
        buf_puts(out, "no answer changes\n");
    render_lines(out, effects, STYLE_NONE, screen, "");
    if (old_s > 0)
        buf_printf(out, "clients may come for up to %s more (TTL)\n",
                   units_age_text(text, old_s * 1000));
    render_lines(out, json_object_get(result, "warnings"), STYLE_CARE, screen, "warning: ");
    if (json_object_get(result, "drain"))
        render_drain(out, json_object_get(result, "drain"), screen);
}
