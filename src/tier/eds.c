/* SPDX-License-Identifier: Apache-2.0
 * Endpoint discovery responses, both ways. */
#include "tier/eds.h"

#include "base/diag.h"
#include "tier/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- writing ---- */

/** What of `target` goes into the file. */
static uint32_t weight_of(const struct tier_row *row)
{
    bool serves = row->target.serves == SERVES_READY && row->target.weight > 0;
    return serves ? row->target.weight : 1;
}

static const char *status_of(const struct tier_row *row)
{
    switch (row->target.serves) {
    case SERVES_READY:
        return row->target.weight > 0 ? "HEALTHY" : "DRAINING";
    case SERVES_DOWN:
    case SERVES_MAINT:
        return "UNHEALTHY";
    default:
        return "DRAINING";
    }
}

static json_t *member_of(const struct tier_row *row)
{
    char addr[IP_TEXT_MAX];
    return json_pack("{s:s, s:i, s:{s:{s:{s:s, s:i}}}, s:{s:{s:{s:o}}}}", "health_status",
                     status_of(row), "load_balancing_weight", (int)weight_of(row), "endpoint",
                     "address", "socket_address", "address", ip_text(addr, &row->addr),
                     "port_value", (int)row->port, "metadata", "filter_metadata", "loadstar",
                     "name", tier_json_text(row->name));
}

/** The site of a member that is configured; of one that has left it is not known any more. */
static const char *site_of(const struct tier_spec *spec, const struct tier_row *row)
{
    return row->member < spec->n_members ? spec->members[row->member].site : "";
}

struct locality {
    const char *site;
    json_t *members;
    uint64_t weight;
};
typedef VEC(struct locality) locality_list;

/** Members come site by site, so the last one is the right one nearly always. */
static struct locality *locality_find(locality_list *all, const char *site)
{
    for (size_t i = all->n; i-- > 0;)
        if (strcmp(all->v[i].site, site) == 0)
            return &all->v[i];
    struct locality *locality = vec_push(all);
    *locality = (struct locality){.site = site, .members = json_array()};
    return locality;
}

static json_t *localities_of(const struct tier_spec *spec, const struct tier_table *table)
{
    locality_list all = {0};
    for (size_t i = 0; i < table->rows.n; i++) {
        const struct tier_row *row = &table->rows.v[i];
        struct locality *locality = locality_find(&all, site_of(spec, row));
        json_array_append_new(locality->members, member_of(row));
        locality->weight += weight_of(row);
    }
    json_t *list = json_array();
    for (size_t i = 0; i < all.n; i++) {
        json_t *where = json_object();
        if (*all.v[i].site)
            json_object_set_new(where, "zone", tier_json_text(all.v[i].site));
        json_array_append_new(list, json_pack("{s:o, s:I, s:o}", "locality", where,
                                              "load_balancing_weight", (json_int_t)all.v[i].weight,
                                              "lb_endpoints", all.v[i].members));
    }
    vec_free(&all);
    return list;
}

void eds_render(struct buf *out, const struct tier_spec *spec, const struct tier_table *table,
                const char *node, uint64_t version)
{
    char number[24], mark[160];
    snprintf(number, sizeof number, "%" PRIu64, version);
    snprintf(mark, sizeof mark, EDS_MARK "%s", node);
    json_t *document = json_pack("{s:s, s:{s:o}, s:s, s:[{s:s, s:o, s:o}]}", "version_info", number,
                                 "control_plane", "identifier", tier_json_text(mark), "type_url",
                                 EDS_TYPE, "resources", "@type", EDS_TYPE, "cluster_name",
                                 tier_json_text(spec->config->envoy.cluster), "endpoints",
                                 localities_of(spec, table));
    tier_json_print(out, document);
}

/* ---- reading ---- */

static void read_mark(struct eds_seen *seen, const json_t *document)
{
    const char *mark = tier_json_get(json_object_get(document, "control_plane"), "identifier");
    const char *version = tier_json_get(document, "version_info");
    if (strncmp(mark, EDS_MARK, sizeof EDS_MARK - 1) != 0)
        return;
    snprintf(seen->node, sizeof seen->node, "%s", mark + sizeof EDS_MARK - 1);
    if (version[strspn(version, "0123456789")] == '\0' && strlen(version) < 20)
        seen->version = strtoull(version, NULL, 10);
}

static bool read_serving(struct serving *out, const char *status, const json_t *weight)
{
    json_int_t w = json_is_integer(weight) ? json_integer_value(weight) : 0;
    if (w < 1 || w > TIER_WEIGHT_MAX)
        return false;
    if (strcmp(status, "HEALTHY") == 0)
        *out = (struct serving){SERVES_READY, (uint16_t)w};
    else if (strcmp(status, "DRAINING") == 0)
        *out = (struct serving){SERVES_DRAIN, 0};
    else if (strcmp(status, "UNHEALTHY") == 0)
        *out = (struct serving){SERVES_DOWN, 0};
    else
        return false;
    return true;
}

static bool read_member(struct eds_seen *seen, const json_t *member)
{
    const json_t *address = json_object_get(
        json_object_get(json_object_get(member, "endpoint"), "address"), "socket_address");
    struct observed *o = vec_push(&seen->members);
    if (!tier_json_address(o, tier_json_get(address, "address"),
                           json_object_get(address, "port_value")))
        return false;
    return read_serving(&o->serving, tier_json_get(member, "health_status"),
                        json_object_get(member, "load_balancing_weight"));
}

static const char *read_members(struct eds_seen *seen, const json_t *document)
{
    const json_t *resources = json_object_get(document, "resources");
    const json_t *assignment = json_array_get(resources, 0);
    const char *type = tier_json_get(assignment, "@type");
    if (json_array_size(resources) != 1 || strcmp(type, EDS_TYPE) != 0)
        return "it has not one ClusterLoadAssignment";
    size_t i, k;
    json_t *locality, *member;
    json_array_foreach(json_object_get(assignment, "endpoints"), i, locality)
    {
        json_array_foreach(
            json_object_get(locality, "lb_endpoints"), k,
            member) if (!read_member(seen, member)) return "it has an endpoint without an address, "
                                                           "a port, a known health_status or a "
                                                           "weight";
    }
    return NULL;
}

int eds_read(struct eds_seen *seen, struct slice text, char error[128])
{
    json_error_t bad;
    *seen = (struct eds_seen){0};
    json_t *document = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &bad);
    const char *wrong = "it is no JSON object";
    if (json_is_object(document)) {
        read_mark(seen, document);
        wrong = read_members(seen, document);
    }
    json_decref(document);
    if (!wrong)
        return 0;
    eds_seen_free(seen);
    snprintf(error, 128, "%s", wrong);
    return E_SYNTAX;
}

void eds_seen_free(struct eds_seen *seen)
{
    vec_free(&seen->members);
    *seen = (struct eds_seen){0};
}
