/* SPDX-License-Identifier: Apache-2.0
 * The status document as text: what runs on top, what is wrong at the end, where the eye rests. */
#include "base/units.h"
#include "control/json.h"
#include "control/table.h"
#include "ctl/render.h"

#include <inttypes.h>
#include <stdio.h>

static int64_t count(const json_t *object, const char *key)
{
    return json_get_int(object, key, 0);
}

static const char *age(char out[UNITS_TEXT_MAX], const json_t *object, const char *key)
{
    int64_t s = json_get_int(object, key, 0);
    return units_age_text(out, (s > 0 ? s : 0) * 1000);
}

static void label(struct buf *out, struct screen screen, const char *text)
{
    char padded[16];
    snprintf(padded, sizeof padded, "%-11s", text);
    table_styled(out, STYLE_TITLE, screen, padded);
}

static void render_config(struct buf *out, const json_t *status, struct screen screen)
{
    char text[UNITS_TEXT_MAX];
    const json_t *config = json_object_get(status, "config");
    const char *disk = json_get_text(config, "disk", "unknown");
    bool same = strcmp(disk, "same") == 0;
    label(out, screen, "config");
    buf_printf(out, "generation %" PRId64 ", %s, loaded %s ago\n", count(status, "generation"),
               json_get_text(config, "path", "?"), age(text, config, "age_s"));
    label(out, screen, "hash");
    buf_printf(out, "%s, ", json_get_text(config, "hash", "?"));
    if (same)
        table_styled(out, STYLE_GOOD, screen, "the same on disk");
    else if (strcmp(disk, "changed") == 0)
        table_styled(out, STYLE_CARE, screen, "not what is on disk");
    else
        table_styled(out, STYLE_CARE, screen, disk);
    if (strcmp(disk, "changed") == 0)
        buf_printf(out, " (%s)", json_get_text(config, "disk_hash", "?"));
    buf_puts(out, "\n");
}

/** "1 zone", "2 zones", and what follows. */
static void put_count(struct buf *out, const json_t *object, const char *key, const char *one,
                      const char *after)
{
    int64_t n = count(object, key);
    buf_printf(out, "%" PRId64 " %s%s%s", n, one, n == 1 ? "" : "s", after);
}

static void render_counts(struct buf *out, const json_t *status, struct screen screen)
{
    const json_t *c = json_object_get(status, "counts");
    const json_t *e = json_object_get(status, "endpoints");
    label(out, screen, "serves");
    put_count(out, c, "zones", "zone", ", ");
    put_count(out, c, "records", "record", ", ");
    put_count(out, c, "dynamic_names", "dynamic name", ", ");
    put_count(out, c, "pools", "pool", ", ");
    put_count(out, c, "sites", "site", "\n");
    label(out, screen, "endpoints");
    buf_printf(out, "%" PRId64 " of %" PRId64 " serving: %" PRId64 " up, ", count(e, "serving"),
               count(c, "endpoints"), count(e, "up"));
    char down[40];
    snprintf(down, sizeof down, "%" PRId64 " down", count(e, "down"));
    table_styled(out, count(e, "down") ? STYLE_BAD : STYLE_NONE, screen, down);
    buf_printf(out, ", %" PRId64 " unknown; %" PRId64 " overridden; ", count(e, "unknown"),
               count(e, "overridden"));
    put_count(out, c, "probes", "probe", " of ");
    put_count(out, c, "checks", "check", "\n");
}

static void render_tier_counts(struct buf *out, const json_t *status, struct screen screen)
{
    static const char *const states[] = {"applying", "stale", "unreachable", "refused"};
    const json_t *t = json_object_get(status, "tiers");
    char text[64];
    if (!t)
        return;
    label(out, screen, "tiers");
    buf_printf(out, "%" PRId64 " of %" PRId64 " ok", count(t, "ok"), count(t, "total"));
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (count(t, states[i]) == 0)
            continue;
        snprintf(text, sizeof text, "%" PRId64 " %s", count(t, states[i]), states[i]);
        buf_puts(out, ", ");
        table_styled(out, i == 0 ? STYLE_CARE : STYLE_BAD, screen, text);
    }
    buf_puts(out, "; ");
    put_count(out, t, "members", "member", "\n");
}

static void render_set_counts(struct buf *out, const json_t *status, struct screen screen)
{
    static const char *const states[] = {"degraded", "draining", "holding", "down"};
    const json_t *a = json_object_get(status, "anycast");
    char text[64];
    if (!a)
        return;
    label(out, screen, "anycast");
    buf_printf(out, "%" PRId64 " of ", count(a, "announced"));
    put_count(out, a, "total", "prefix set", " announced");
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (count(a, states[i]) == 0)
            continue;
        snprintf(text, sizeof text, "%" PRId64 " %s", count(a, states[i]), states[i]);
        buf_puts(out, ", ");
        table_styled(out, i < 3 ? STYLE_CARE : STYLE_BAD, screen, text);
    }
    snprintf(text, sizeof text, "%" PRId64 " of %" PRId64, count(a, "speakers_up"),
             count(a, "speakers"));
    buf_puts(out, "; ");
    table_styled(out, count(a, "speakers_up") == count(a, "speakers") ? STYLE_NONE : STYLE_BAD,
                 screen, text);
    buf_printf(out, " speaker%s up\n", units_plural((uint64_t)count(a, "speakers")));
}

static void render_queries(struct buf *out, const json_t *status, struct screen screen)
{
    static const char *const windows[] = {"1s", "10s", "60s"};
    const json_t *q = json_object_get(status, "queries");
    const json_t *rates = json_object_get(q, "per_second");
    label(out, screen, "queries");
    buf_printf(out, "%" PRId64 " (%" PRId64 " UDP, %" PRId64 " TCP)", count(q, "total"),
               count(q, "udp"), count(q, "tcp"));
    for (size_t i = 0; i < ARRAY_LEN(windows); i++)
        if (json_object_get(rates, windows[i]))
            buf_printf(out, ", %.1f/s over %s",
                       json_number_value(json_object_get(rates, windows[i])), windows[i]);
    buf_puts(out, "\n");
}

static void render_limits(struct buf *out, const json_t *status, struct screen screen)
{
    const json_t *l = json_object_get(status, "rate_limit"),
                 *c = json_object_get(status, "cookies");
    const char *state = json_get_text(l, "state", "?");
    bool would = strcmp(state, "log_only") == 0;
    label(out, screen, "rate limit");
    buf_printf(out, "%s", state);
    if (strcmp(state, "off") != 0)
        buf_printf(out,
                   "; answers %skept back: %" PRId64 " dropped, %" PRId64 " truncated, %" PRId64
                   " BADCOOKIE",
                   would ? "that would be " : "", count(l, would ? "would_drop" : "dropped"),
                   count(l, would ? "would_truncate" : "truncated"),
                   count(l, would ? "would_badcookie" : "badcookie"));
    buf_printf(out, "; cookies: %" PRId64 " valid, %" PRId64 " new, %" PRId64 " no good\n",
               count(c, "valid"), count(c, "new"), count(c, "expired") + count(c, "invalid"));
}

static void render_xdp(struct buf *out, const json_t *status, struct screen screen)
{
    const json_t *list = json_object_get(status, "xdp"), *interface;
    size_t i;
    if (json_array_size(list) == 0)
        return;
    label(out, screen, "af_xdp");
    json_array_foreach(list, i, interface)
    {
        buf_printf(out, "%s%s %s, ", i ? "; " : "", json_get_text(interface, "interface", "?"),
                   json_get_text(interface, "mode", "?"));
        put_count(out, interface, "queues", "queue", "");
    }
    buf_puts(out, "\n");
}

static void render_reloads(struct buf *out, const json_t *status, struct screen screen)
{
    const json_t *r = json_object_get(status, "reload"), *line;
    const char *at = json_get_text(r, "at", NULL);
    bool failed = json_is_true(json_object_get(r, "failed"));
    size_t i;
    label(out, screen, "reload");
    if (!at) {
        buf_puts(out, "none since the start\n");
        return;
    }
    table_styled(out, failed ? STYLE_BAD : STYLE_NONE, screen, failed ? "failed" : "went well");
    buf_printf(out, " at %s; %" PRId64 " went well, %" PRId64 " failed\n", at,
               count(r, "succeeded_total"), count(r, "failed_total"));
    json_array_foreach(json_object_get(r, "errors"), i, line)
    {
        buf_puts(out, "           ");
        table_styled(out, STYLE_BAD, screen, json_text_of(line, "?"));
        buf_puts(out, "\n");
    }
}

static void render_overrides(struct buf *out, const json_t *status, struct screen screen)
{
    const json_t *list = json_object_get(status, "overrides");
    label(out, screen, "overrides");
    buf_puts(out, json_array_size(list) ? "\n" : "none\n");
    render_order_table(out, list, false, 2, screen);
}

static void render_problems(struct buf *out, const json_t *status, struct screen screen)
{
    const json_t *list = json_object_get(status, "problems"), *problem;
    size_t i;
    label(out, screen, "problems");
    if (json_array_size(list) == 0)
        table_styled(out, STYLE_GOOD, screen, "none");
    buf_puts(out, "\n");
    json_array_foreach(list, i, problem)
    {
        const char *severity = json_get_text(problem, "severity", "error");
        buf_puts(out, "  ");
        table_styled(out, strcmp(severity, "error") == 0 ? STYLE_BAD : STYLE_CARE, screen,
                     severity);
        buf_puts(out, ": ");
        table_styled(out, STYLE_NONE, screen, json_get_text(problem, "text", ""));
        buf_puts(out, "\n");
    }
}

void render_status(struct buf *out, const json_t *status, struct screen screen)
{
    char text[UNITS_TEXT_MAX];
    label(out, screen, "loadstard");
    buf_printf(out, "%s, pid %" PRId64 ", up %s\n", json_get_text(status, "version", "?"),
               count(status, "pid"), age(text, status, "uptime_s"));
    render_config(out, status, screen);
    render_counts(out, status, screen);
    render_tier_counts(out, status, screen);
    render_set_counts(out, status, screen);
    render_queries(out, status, screen);
    render_limits(out, status, screen);
    render_xdp(out, status, screen);
    render_reloads(out, status, screen);
    render_overrides(out, status, screen);
    render_problems(out, status, screen);
}

void render_reload(struct buf *out, const json_t *result, struct screen screen)
{
    buf_printf(out, "generation %" PRId64 " serves, hash %s\n",
               json_get_int(result, "generation", 0), json_get_text(result, "hash", "?"));
    buf_printf(out, "zones: %" PRId64 " read, %" PRId64 " kept\n",
               json_get_int(result, "zones_read", 0), json_get_int(result, "zones_kept", 0));
    render_lines(out, json_object_get(result, "warnings"), STYLE_CARE, screen, "");
}
