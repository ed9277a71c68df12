/* SPDX-License-Identifier: Apache-2.0
 * Zones as YAML. */
#include "config/zoneyaml.h"

#include "base/cursor.h"
#include "config/zone_slips.h"
#include "config/zonefile.h"
#include "config/zoneyaml_keys.h"
#include "dns/name.h"
#include "dns/rr.h"
#include "dns/types.h"

struct zoneyaml {
    struct zone_build *build;
    struct load *load;
    uint32_t ttl_s;
    uint16_t file;
};

/* A name relative to the zone, in wire form; its length, or 0 after reporting. */
static unsigned read_name(struct zoneyaml *z, const struct yaml_node *node, const char *what,
                          uint8_t out[NAME_WIRE_MAX])
{
    /* a key is text whatever it looks like: a host may be called `null` */
    bool is_text = node->kind == YAML_SCALAR && node->n > 0;
    const char *text = is_text ? node->text : schema_scalar(z->load, node, what, "a domain name");
    int n = text ? name_from_text(out, text, node->n, z->build->origin) : 0;
    if (n < 0)
        load_expected(z->load, node, what, "a domain name: labels of 1 to 63 bytes, 255 in all");
    if (n > 0)
        slips_unicode_name(z->load, node->span, slice_of(text, node->n), slice_of(out, (size_t)n));
    return n > 0 ? (unsigned)n : 0;
}

/* `local.part@domain` is written as a name whose first label is the local part, dots and all. */
static unsigned read_mail(struct zoneyaml *z, const struct yaml_node *node,
                          uint8_t out[NAME_WIRE_MAX])
{
    const char *at = node->kind == YAML_SCALAR ? strchr(node->text, '@') : NULL;
    if (!at)
        return read_name(z, node, "'rname'", out);
    size_t local = (size_t)(at - node->text);
    uint8_t domain[NAME_WIRE_MAX];
    int n = name_from_text(domain, at + 1, node->n - local - 1, slice_of("", 1));
    if (local == 0 || local > LABEL_MAX || n < 2 || local + 1 + (size_t)n > NAME_WIRE_MAX) {
        load_expected(z->load, node, "'rname'", "a mail address or a domain name");
        return 0;
    }
    out[0] = (uint8_t)local;
    memcpy(out + 1, node->text, local);
    memcpy(out + 1 + local, domain, (size_t)n);
    return (unsigned)(1 + local) + (unsigned)n;
}

static void read_soa(struct zoneyaml *z, const struct yaml_node *node)
{
    static const struct schema_key number = {
        .name = "serial", .kind = SCHEMA_U32, .max = UINT32_MAX};
    struct soa soa = {0};
    uint8_t rdata[2 * NAME_WIRE_MAX + 20], name[NAME_WIRE_MAX];
    struct writer w = writer_of(rdata, sizeof rdata);
    uint32_t serial = (uint32_t)z->build->mtime_s;
    schema_read(z->load, &soa_schema, node, &soa);
    if (!soa.mname || !soa.rname)
        return;
    unsigned n = read_name(z, soa.mname, "'mname'", name);
    writer_bytes(&w, name, n);
    unsigned m = read_mail(z, soa.rname, name);
    writer_bytes(&w, name, m);
    if (soa.serial)
        schema_read_value(z->load, &number, soa.serial, &serial);
    writer_u32(&w, serial);
    writer_u32(&w, soa.refresh_s);
    writer_u32(&w, soa.retry_s);
    writer_u32(&w, soa.expire_s);
    writer_u32(&w, soa.minimum_s);
    if (!n || !m)
        return;
    zone_set_owner(z->build, z->build->origin.p, z->build->origin.n);
    zone_add_record(z->build, TYPE_SOA, z->ttl_s, slice_of(rdata, (size_t)(w.p - rdata)),
                    node->span, z->file);
}

static void read_pool(struct zoneyaml *z, const struct yaml_node *node, const struct yaml_node *key)
{
    struct pool_name p = {.owner = z->build->owner,
                          .owner_len = z->build->owner_len,
                          .span = key->span,
                          .pool = MODEL_NONE};
    if (node->kind == YAML_LIST) {
        diag_error(
            z->load->diags, node->span,
            "'%s' is a list, expected the name of one pool: it is the pool that chooses among "
            "endpoints and sites (its 'steer')",
            key->text);
        return;
    }
    if (node->kind == YAML_MAP)
        schema_read(z->load, &pool_name_schema, node, &p);
    else
        (void)zone_find_pool(z->load, node, arena_printf(z->load->scratch, "'%s'", key->text), &p);
    const struct yaml_node *answers = yaml_get(node, "answers");
    if (p.pool != MODEL_NONE)
        zone_add_pool_name(z->build, &p, answers ? answers->span : node->span);
}

/* All records of one owner and type. */
static void read_data(struct zoneyaml *z, const struct yaml_node *type_node, uint16_t type,
                      const struct yaml_node *node)
{
    struct data_form form = {.ttl_s = z->ttl_s, .data = node};
    if (node->kind == YAML_MAP) {
        form.data = NULL;
        schema_read(z->load, &data_schema, node, &form);
        if (!form.data)
            return;
        node = form.data;
    }
    struct yaml_items items = yaml_items(&node);
    if (node->kind == YAML_LIST && slips_one_record(z->build, type, node))
        return;
    if (items.n == 0)
        diag_error(z->load->diags, node->span, "'%s' is an empty list, expected data",
                   type_node->text);
    for (uint32_t i = 0; i < items.n; i++) {
        if (items.v[i]->kind == YAML_LIST && slips_one_record(z->build, type, items.v[i]))
            continue;
        if (items.v[i]->kind != YAML_SCALAR || (items.v[i]->n == 0 && !items.v[i]->quoted))
            load_expected(z->load, items.v[i],
                          arena_printf(z->load->scratch, "'%s'", type_node->text),
                          "data as in a zone file, {ttl: ..., data: ...}, or a list of data");
        else
            zonefile_add_text(z->build, type, form.ttl_s, slice_of(items.v[i]->text, items.v[i]->n),
                              items.v[i]->span, z->file);
    }
}

static void refuse_type(struct load *load, const struct yaml_node *key)
{
    const char *instead = slips_foreign_type(slice_of(key->text, key->n));
    if (instead)
        diag_error(load->diags, key->span, "%s", instead);
    else
        diag_error(load->diags, key->span,
                   "'%s' is no type of records, expected A, AAAA, CNAME, POOL, ...", key->text);
}

static void read_owner(struct zoneyaml *z, const struct yaml_pair *pair)
{
    uint8_t name[NAME_WIRE_MAX];
    unsigned n = read_name(z, pair->key, "the owner", name);
    if (n == 0)
        return;
    name_lower(name, slice_of(name, n));
    if (!name_is_within(slice_of(name, n), z->build->origin)) {
        load_expected(z->load, pair->key, "the owner", "a name within the zone");
        return;
    }
    zone_set_owner(z->build, name, n);
    if (pair->value->kind != YAML_MAP) {
        load_expected(z->load, pair->value, arena_printf(z->load->scratch, "'%s'", pair->key->text),
                      "a mapping: TYPE: DATA");
        return;
    }
    for (uint32_t i = 0; i < pair->value->n; i++) {
        const struct yaml_node *key = pair->value->pairs[i].key;
        const struct yaml_node *value = pair->value->pairs[i].value;
        int type = strcasecmp(key->text, "POOL") == 0 ? 0 : rr_type_from_text(key->text, key->n);
        if (type == 0 && (key->text[0] | 0x20) == 'p')
            read_pool(z, value, key);
        else if (type <= 0 || type == TYPE_OPT || (type >= 249 && type <= 255))
            refuse_type(z->load, key);
        else if (type == TYPE_SOA)
            diag_error(z->load->diags, key->span, "the SOA stands in 'soa', expected no other");
        else
            read_data(z, key, (uint16_t)type, value);
    }
}

static bool read_origin(struct zoneyaml *z, const struct yaml_node *node)
{
    uint8_t name[NAME_WIRE_MAX];
    z->build->origin = slice_of("", 1); /* what the name is relative to */
    unsigned n = node ? read_name(z, node, "'zone'", name) : 0;
    z->build->origin = (struct slice){0};
    if (n == 0)
        return false;
    name_lower(name, slice_of(name, n));
    z->build->origin = slice_of(arena_copy(z->load->arena, name, n), n);
    z->build->span = node->span;
    return true;
}

void zoneyaml_read(struct zone_build *build, const char *path, struct span named)
{
    struct zoneyaml z = {.build = build, .load = build->load};
    struct zone_form form = {0};
    const struct yaml_node *root = load_yaml(build->load, path, named);
    if (!root)
        return;
    z.file = zone_add_file(build, arena_strdup(build->load->arena, path));
    schema_read(build->load, &zone_schema, root, &form);
    z.ttl_s = form.ttl_s;
    if (!read_origin(&z, form.zone))
        return;
    if (form.soa)
        read_soa(&z, form.soa);
    if (!form.records)
        return;
    if (form.records->kind != YAML_MAP) {
        load_expected(build->load, form.records, "'records'", "a mapping: OWNER: {TYPE: DATA}");
        return;
    }
    for (uint32_t i = 0; i < form.records->n; i++)
        read_owner(&z, &form.records->pairs[i]);
}
