/* SPDX-License-Identifier: Apache-2.0
 * Sites, and places on the globe. */
#include "config/parts.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

/* A decimal number; "nan" and "inf" are none. */
static bool read_degrees(const struct yaml_node *node, double limit, double *out)
{
    char *end;
    if (node->kind != YAML_SCALAR || node->n == 0 || node->n > 32 ||
        strspn(node->text, "+-.0123456789") != node->n)
        return false;
    *out = strtod(node->text, &end);
    return *end == '\0' && fabs(*out) <= limit;
}

bool location_read(struct load *load, const struct yaml_node *node, double *latitude,
                   double *longitude)
{
    if (node->kind == YAML_LIST && node->n != 2) {
        diag_error(load->diags, node->span,
                   "'location' has %u number%s, expected [LATITUDE, LONGITUDE]%s", node->n,
                   node->n == 1 ? "" : "s",
                   node->n == 4 ? ": decimals have a point, not a comma" : "");
        return false;
    }
    if (node->kind != YAML_LIST) {
        load_expected(load, node, "'location'", "[LATITUDE, LONGITUDE] in degrees");
        return false;
    }
    bool ok = true;
    if (!read_degrees(node->items[0], 90, latitude)) {
        load_expected(load, node->items[0], "the latitude", "degrees from -90 to 90");
        ok = false;
    }
    if (!read_degrees(node->items[1], 180, longitude)) {
        load_expected(load, node->items[1], "the longitude", "degrees from -180 to 180");
        ok = false;
    }
    return ok;
}

static void read_site_location(struct load *load, const struct yaml_node *node, void *field)
{
    struct site *site = field;
    site->located = location_read(load, node, &site->latitude, &site->longitude);
}

static const struct schema_key site_keys[] = {
    {.name = "location",
     .kind = SCHEMA_CUSTOM,
     .read = read_site_location,
     .type = "[LATITUDE, LONGITUDE]",
     .fallback_doc = "none: the site cannot be steered to by `nearest`",
     .doc = "Where the site is, in decimal degrees; north and east are positive.",
     .example = "[52.31, 4.76]"},
};
const struct schema site_schema = {.title = "site",
                                   .doc =
                                       "A place that serves: a data centre, a point of presence.",
                                   SCHEMA_KEYS(site_keys)};

void sites_read(struct load *load)
{
    uint32_t n = (uint32_t)load->sites.n;
    struct site *v = arena_calloc(load->arena, n, sizeof *v);
    for (uint32_t i = 0; i < n; i++) {
        const struct definition *d = &load->sites.v[i];
        v[i].name = d->name;
        v[i].span = d->key->span;
        if (!yaml_is_empty(d->value))
            schema_read_named(load, &site_schema, d->name, d->value, &v[i]);
    }
    load->model->sites = v;
    load->model->n_sites = n;
}
