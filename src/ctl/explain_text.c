/* SPDX-License-Identifier: Apache-2.0
 * Explanations for people: the facts from the client to the answer, what was chosen marked. */
#include "ctl/explain.h"
#include "ctl/explain_set.h"
#include "health/state.h"

#include "control/json.h"
#include "control/table.h"
#include "ctl/render.h"

#include <inttypes.h>
#include <stdlib.h>

#define INDENT 13 /* of everything behind the labels */

static void put_label(struct buf *out, struct screen screen, const char *label)
{
    int pad = INDENT - (int)strlen(label) - 2;
    buf_puts(out, "  ");
    table_styled(out, STYLE_TITLE, screen, label);
    buf_printf(out, "%*s", pad > 0 ? pad : 1, "");
}

static void put_line(struct buf *out, struct screen screen, const char *label, const char *text)
{
    put_label(out, screen, label);
    table_styled(out, STYLE_NONE, screen, text);
    buf_puts(out, "\n");
}

static void add_word(struct buf *line, const json_t *object, const char *key, const char *before)
{
    const char *text = json_get_text(object, key, NULL);
    if (text != NULL)
        buf_printf(line, "%s%s%s", line->n > 0 ? ", " : "", before, text);
}

static void put_client(struct buf *out, const json_t *document, struct screen screen)
{
    const char *source = json_get_text(document, "source", "");
    const char *words = strcmp(source, "ecs") == 0      ? "client subnet of the query"
                        : strcmp(source, "client") == 0 ? "address of the resolver, as given"
                                                        : "address of the resolver";
    const char *why = json_get_text(document, "source_reason", NULL);
    struct buf line = {0};
    buf_printf(&line, "%s (%s)", json_get_text(document, "client", "?"), words);
    if (why != NULL)
        buf_printf(&line, "; %s", why);
    put_line(out, screen, "client", line.p);
    buf_free(&line);
}

static void put_location(struct buf *out, const json_t *document, struct screen screen)
{
    const json_t *at = json_object_get(document, "location");
    const json_t *latitude = json_object_get(at, "latitude");
    struct buf line = {0};
    add_word(&line, at, "continent", "");
    add_word(&line, at, "country", "");
    add_word(&line, at, "subdivision", "");
    if (json_is_integer(json_object_get(at, "asn")))
        buf_printf(&line, "%sAS%" PRId64, line.n > 0 ? ", " : "", json_get_int(at, "asn", 0));
    add_word(&line, at, "tag", "tag ");
    add_word(&line, at, "site", "site ");
    if (json_is_number(latitude))
        buf_printf(&line, "%s%.2f,%.2f", line.n > 0 ? ", " : "", json_number_value(latitude),
                   json_number_value(json_object_get(at, "longitude")));
    if (line.n > 0)
        buf_printf(&line, " (%s", json_get_text(at, "source", ""));
    else
        buf_puts(&line, "unknown (nothing is known");
    buf_printf(&line, " of %s)", json_get_text(at, "prefix", "?"));
    put_line(out, screen, "place", line.p);
    buf_free(&line);
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static void cell_distance(struct table *table, const json_t *site)
{
    const json_t *km = json_object_get(site, "distance_km");
    if (json_is_number(km))
        table_cell(table, STYLE_NONE, "%.0f km", json_number_value(km));
    else
        table_cell(table, STYLE_FAINT, "-");
}

static void put_sites(struct buf *out, const json_t *steered, const char *serves,
                      struct screen screen)
{
    struct table *table = table_new("# SITE STATE DISTANCE> WHY");
    const json_t *site;
    size_t i;
    json_array_foreach(json_object_get(steered, "sites"), i, site)
    {
        const char *name = json_get_text(site, "site", "?");
        bool up = is_true(site, "up");
        int64_t rank = json_get_int(site, "rank", 0);
        if (rank > 0)
            table_cell(table, STYLE_NONE, "%" PRId64, rank);
        else
            table_cell(table, STYLE_FAINT, "-");
        table_cell(table, STYLE_NONE, "%s%s", name, strcmp(name, serves) == 0 ? " <-" : "");
        table_cell(table, up ? STYLE_GOOD : STYLE_BAD, up ? "up" : "down");
        cell_distance(table, site);
        const json_t *split = json_object_get(site, "split");
        if (split)
            table_cell(table, STYLE_NONE, "%.3g%% by configuration; %s",
                       json_number_value(split) * 100, json_get_text(site, "reason", ""));
        else
            table_cell(table, STYLE_NONE, "%s", json_get_text(site, "reason", ""));
    }
    table_finish(table, out, INDENT, screen);
}

static void put_steering(struct buf *out, const json_t *steered, const char *serves,
                         struct screen screen)
{
    struct buf line = {0};
    buf_puts(&line, json_get_text(steered, "pool", "?"));
    if (json_is_integer(json_object_get(steered, "class")))
        buf_printf(&line, ", class %" PRId64, json_get_int(steered, "class", 0));
    buf_printf(&line, ": %s", json_get_text(steered, "rule", "?"));
    put_line(out, screen, "pool", line.p);
    buf_free(&line);
    put_sites(out, steered, serves, screen);
}

static enum table_style state_style(const char *state)
{
    return strncmp(state, "up", 2) == 0     ? STYLE_GOOD
           : strncmp(state, "down", 4) == 0 ? STYLE_BAD
                                            : STYLE_CARE;
}

static void add_endpoint(struct table *table, const json_t *endpoint)
{
    const char *state = json_get_text(endpoint, "state", "?");
    const json_t *share = json_object_get(endpoint, "share");
    table_cell(table, STYLE_NONE, "%s", json_get_text(endpoint, "site", "?"));
    table_cell(table, STYLE_NONE, "%s%s", json_get_text(endpoint, "address", "?"),
               is_true(endpoint, "picked") ? " <-" : "");
    bool frozen = is_true(endpoint, "frozen");
    table_cell(table, frozen ? STYLE_CARE : state_style(state), "%s%s", state,
               frozen ? ", frozen" : "");
    char parts[48];
    render_shares(parts, endpoint, ",");
    table_cell(table, *parts ? STYLE_CARE : STYLE_NONE, "%" PRId64 "%s",
               json_get_int(endpoint, "weight", 0), parts);
    if (share != NULL)
        table_cell(table, STYLE_NONE, "%.3g%%", json_number_value(share) * 100);
    else
        table_cell(table, STYLE_FAINT, "-");
    const char *probed = json_get_text(endpoint, "probed", "");
    table_cell(table, STYLE_NONE, "%s%s%s%s", json_get_text(endpoint, "reason", ""),
               *probed ? " (probed: " : "", probed, *probed ? ")" : "");
}

/* The candidates, and the others of their sites: those of other sites are summed up above. */
static void put_endpoints(struct buf *out, const json_t *document, struct screen screen)
{
    struct table *table = table_new("SITE ADDRESS STATE WEIGHT> SHARE> WHY");
    const char *serves = json_get_text(document, "site", "");
    const json_t *endpoint;
    struct buf line = {0};
    size_t i;
    json_array_foreach(json_object_get(document, "endpoints"), i, endpoint)
    {
        bool here = strcmp(json_get_text(endpoint, "site", ""), serves) == 0;
        if (here || serves[0] == '\0' || is_true(endpoint, "candidate"))
            add_endpoint(table, endpoint);
    }
    buf_printf(&line, "%s", json_get_text(document, "pick", "?"));
    put_line(out, screen, "pick", line.p);
    buf_free(&line);
    table_finish(table, out, INDENT, screen);
}

static void put_records(struct buf *out, const json_t *document, const char *key,
                        struct screen screen)
{
    const json_t *record;
    size_t i;
    json_array_foreach(json_object_get(document, key), i, record)
    {
        struct buf line = {0};
        buf_printf(&line, "%s %" PRId64 " %s %s", json_get_text(record, "name", "?"),
                   json_get_int(record, "ttl", 0), json_get_text(record, "type", "?"),
                   json_get_text(record, "rdata", ""));
        put_line(out, screen, i == 0 ? key : "", line.p);
        buf_free(&line);
    }
}

static void put_scope(struct buf *out, const json_t *document, struct screen screen)
{
    int64_t scope = json_get_int(document, "ecs_scope", 0);
    struct buf line = {0};
    if (scope == 0)
        buf_puts(&line, "/0: the same for every client");
    else
        buf_printf(&line, "/%" PRId64 " around the client", scope);
    put_line(out, screen, "scope", line.p);
    buf_free(&line);
}

static void put_limit(struct buf *out, const json_t *document, struct screen screen)
{
    const json_t *limit = json_object_get(document, "rate_limit");
    const char *policy = json_get_text(limit, "policy", NULL);
    double level = json_number_value(json_object_get(limit, "level"));
    struct buf line = {0};
    if (policy == NULL || strcmp(policy, "off") == 0)
        return;
    buf_printf(&line, "%s: ", json_get_text(limit, "network", "?"));
    if (strcmp(policy, "exempt") == 0)
        buf_puts(&line, "exempt, never limited");
    else if (level < 1)
        buf_printf(&line, "at %.0f%% of its allowance", level * 100);
    else if (is_true(limit, "limited"))
        buf_puts(&line, "over its allowance: answered by TCP, or with a valid cookie");
    else
        buf_puts(&line, "over its allowance, but only logged");
    put_line(out, screen, "limit", line.p);
    buf_free(&line);
}

void explain_text(struct buf *out, const json_t *document, struct screen screen)
{
    const json_t *step;
    size_t i;
    struct buf title = {0};
    if (json_object_get(document, "set")) {
        explain_set_text(out, document, screen);
        return;
    }
    buf_printf(&title, "%s %s: %s", json_get_text(document, "name", "?"),
               json_get_text(document, "type", "?"), json_get_text(document, "rcode", "?"));
    table_styled(out, STYLE_TITLE, screen, title.p);
    buf_puts(out, "\n");
    buf_free(&title);
    put_line(out, screen, "because", json_get_text(document, "reason", "?"));
    if (json_get_text(document, "wildcard", NULL) != NULL)
        put_line(out, screen, "wildcard", json_get_text(document, "wildcard", ""));
    if (json_get_text(document, "pool", NULL) != NULL) {
        put_client(out, document, screen);
        put_location(out, document, screen);
        json_array_foreach(json_object_get(document, "fallback_from"), i, step)
            put_steering(out, step, "", screen);
        put_steering(out, document, json_get_text(document, "site", ""), screen);
        put_endpoints(out, document, screen);
    } else if (json_get_text(document, "zone", NULL) != NULL) {
        put_line(out, screen, "zone", json_get_text(document, "zone", ""));
    }
    put_records(out, document, "records", screen);
    put_records(out, document, "authority", screen);
    if (json_get_text(document, "ttl_reason", NULL) != NULL)
        put_line(out, screen, "ttl", json_get_text(document, "ttl_reason", ""));
    put_scope(out, document, screen);
    put_limit(out, document, screen);
}
