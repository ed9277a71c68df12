/* SPDX-License-Identifier: Apache-2.0
 * What is known of an address, as text for people. */
#include "control/json.h"
#include "control/table.h"
#include "ctl/render.h"

#include <inttypes.h>

static void line(struct buf *out, const json_t *object, const char *label, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_string(value))
        buf_printf(out, "%-12s%s\n", label, json_string_value(value));
    else if (json_is_integer(value))
        buf_printf(out, "%-12s%" PRId64 "\n", label, (int64_t)json_integer_value(value));
}

static void render_steering(struct table *table, const json_t *steering)
{
    struct buf pools = {0}, sites = {0};
    const json_t *item;
    size_t i;
    json_array_foreach(json_object_get(steering, "pools"), i, item)
        buf_printf(&pools, "%s%s", i ? ", " : "", json_text_of(item, "?"));
    json_array_foreach(json_object_get(steering, "sites"), i, item)
    {
        const json_t *km = json_object_get(item, "distance_km");
        buf_printf(&sites, "%s%s", i ? ", " : "", json_get_text(item, "site", "?"));
        if (km)
            buf_printf(&sites, " (%.0f km)", json_number_value(km));
    }
    table_cell(table, STYLE_NONE, "%s", pools.p ? pools.p : "-");
    table_cell(table, STYLE_NONE, "%" PRId64, json_get_int(steering, "class", 0));
    table_cell(table, STYLE_NONE, "/%" PRId64, json_get_int(steering, "scope", 0));
    table_cell(table, STYLE_NONE, "%s", json_get_text(steering, "rule", "-"));
    table_cell(table, STYLE_NONE, "%s", sites.p ? sites.p : "-");
    buf_free(&pools);
    buf_free(&sites);
}

void render_geo(struct buf *out, const json_t *result, struct screen screen)
{
    static const char *const lines[][2] = {
        {"address", "address"}, {"prefix", "prefix"},
        {"source", "source"},   {"continent", "continent"},
        {"country", "country"}, {"subdivision", "subdivision"},
        {"ASN", "asn"},         {"site", "site"},
        {"tag", "tag"},
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        line(out, result, lines[i][0], lines[i][1]);
    if (json_object_get(result, "latitude"))
        buf_printf(out, "%-12s%.4f, %.4f (of the %s)\n", "location",
                   json_number_value(json_object_get(result, "latitude")),
                   json_number_value(json_object_get(result, "longitude")),
                   json_get_text(result, "precision", "location"));
    struct table *table = table_new("POOLS CLASS> SCOPE> RULE SITES");
    const json_t *steering;
    size_t i;
    json_array_foreach(json_object_get(result, "steerings"), i, steering)
        render_steering(table, steering);
    buf_puts(out, "\n");
    table_finish(table, out, 0, screen);
}
