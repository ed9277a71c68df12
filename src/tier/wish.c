/* SPDX-License-Identifier: Apache-2.0
 * What a tier is wanted to be, as JSON, both ways. */
#include "tier/wish.h"

#include "base/diag.h"
#include "tier/json.h"

#include <stdio.h>

struct serving wish_shown(struct serving target)
{
    switch (target.serves) {
    case SERVES_READY:
        return target;
    case SERVES_DOWN:
    case SERVES_MAINT:
        return (struct serving){target.serves, 0};
    default:
        return (struct serving){SERVES_DRAIN, 0};
    }
}

/* ---- writing ---- */

static json_t *member_of(const struct tier_spec *spec, const struct tier_row *row)
{
    char addr[IP_TEXT_MAX];
    struct serving to = wish_shown(row->target);
    bool configured = row->member < spec->n_members;
    return json_pack("{s:o, s:o, s:s, s:i, s:s, s:i}", "name", tier_json_text(row->name), "key",
                     tier_json_text(configured ? spec->members[row->member].key : ""), "address",
                     ip_text(addr, &row->addr), "port", (int)row->port, "state",
                     serves_text(to.serves), "weight",
                     to.serves == SERVES_READY ? (int)to.weight : 0);
}

void wish_render(struct buf *out, const struct tier_spec *spec, const struct tier_table *table,
                 const char *node, uint64_t version)
{
    json_t *members = json_array();
    for (size_t i = 0; i < table->rows.n; i++)
        if (table->rows.v[i].target.serves != SERVES_GONE)
            json_array_append_new(members, member_of(spec, &table->rows.v[i]));
    json_t *document = json_pack("{s:I, s:o, s:o, s:o, s:o, s:o}", "version", (json_int_t)version,
                                 "node", tier_json_text(node), "tier", tier_json_text(spec->name),
                                 "pool", tier_json_text(spec->pool), "site",
                                 tier_json_text(spec->site), "members", members);
    tier_json_print(out, document);
}

/* ---- reading ---- */

static bool read_serving(struct serving *out, const char *state, const json_t *weight)
{
    static const uint8_t states[] = {SERVES_READY, SERVES_DRAIN, SERVES_DOWN, SERVES_MAINT};
    json_int_t w = json_is_integer(weight) ? json_integer_value(weight) : -1;
    if (w < 0 || w > TIER_WEIGHT_MAX)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (strcmp(state, serves_text(states[i])) == 0) {
            *out = (struct serving){states[i], (uint16_t)w};
            return states[i] == SERVES_READY || w == 0;
        }
    return false;
}

static bool read_member(struct wish_seen *seen, const json_t *member)
{
    struct observed *o = vec_push(&seen->members);
    if (!tier_json_address(o, tier_json_get(member, "address"), json_object_get(member, "port")))
        return false;
    return read_serving(&o->serving, tier_json_get(member, "state"),
                        json_object_get(member, "weight"));
}

static bool read_document(struct wish_seen *seen, const json_t *document)
{
    const json_t *members = json_object_get(document, "members");
    const json_t *version = json_object_get(document, "version");
    size_t i;
    json_t *member;
    if (!json_is_array(members) || !json_is_integer(version) || json_integer_value(version) < 1)
        return false;
    snprintf(seen->node, sizeof seen->node, "%s", tier_json_get(document, "node"));
    snprintf(seen->tier, sizeof seen->tier, "%s", tier_json_get(document, "tier"));
    seen->version = (uint64_t)json_integer_value(version);
    json_array_foreach(members, i, member) if (!read_member(seen, member)) return false;
    return true;
}

int wish_read(struct wish_seen *seen, struct slice text)
{
    *seen = (struct wish_seen){0};
    json_t *document = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    bool good = json_is_object(document) && read_document(seen, document);
    json_decref(document);
    if (good)
        return 0;
    wish_seen_free(seen);
    return E_SYNTAX;
}

void wish_seen_free(struct wish_seen *seen)
{
    vec_free(&seen->members);
    *seen = (struct wish_seen){0};
}
