/* SPDX-License-Identifier: Apache-2.0
 * Zones as YAML: the keys. */
#include "config/zoneyaml_keys.h"

#include "config/zone_build.h"

#include <stddef.h>

static void keep(struct load *load, const struct yaml_node *node, void *field)
{
    (void)load;
    *(const struct yaml_node **)field = node;
}

#define SOA(member) offsetof(struct soa, member)

static const struct schema_key soa_keys[] = {
    {.name = "mname",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .offset = SOA(mname),
     .read = keep,
     .type = "a domain name",
     .doc = "The primary name server; relative to the zone unless it ends in a dot.",
     .example = "ns1"},
    {.name = "rname",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .offset = SOA(rname),
     .read = keep,
     .type = "a domain name or a mail address",
     .doc = "Who is responsible: a mail address, or its form as a domain name.",
     .example = "hostmaster@example.com"},
    {.name = "serial",
     .kind = SCHEMA_CUSTOM,
     .offset = SOA(serial),
     .read = keep,
     .type = "a whole number from 0 to 4294967295",
     .fallback_doc = "the time of change of the file, in seconds since 1970",
     .doc = "The serial number of the zone.",
     .example = "2026013101"},
    {.name = "refresh",
     .kind = SCHEMA_SECONDS,
     .offset = SOA(refresh_s),
     .max = TTL_MAX,
     .fallback = "1h",
     .doc = "How often secondaries look for changes.",
     .example = "1h"},
    {.name = "retry",
     .kind = SCHEMA_SECONDS,
     .offset = SOA(retry_s),
     .max = TTL_MAX,
     .fallback = "15m",
     .doc = "How soon secondaries try again after a failure.",
     .example = "15m"},
    {.name = "expire",
     .kind = SCHEMA_SECONDS,
     .offset = SOA(expire_s),
     .max = TTL_MAX,
     .fallback = "2w",
     .doc = "How long secondaries serve without having reached the primary.",
     .example = "2w"},
    {.name = "minimum",
     .kind = SCHEMA_SECONDS,
     .offset = SOA(minimum_s),
     .max = TTL_MAX,
     .fallback = "60s",
     .doc = "How long resolvers remember that a name or a type does not exist (RFC 2308).",
     .example = "60s"},
};
const struct schema soa_schema = {
    .title = "'soa'", .doc = "The SOA record of the zone.", SCHEMA_KEYS(soa_keys)};

static const struct schema_key data_keys[] = {
    {.name = "ttl",
     .kind = SCHEMA_SECONDS,
     .required = true,
     .offset = offsetof(struct data_form, ttl_s),
     .max = TTL_MAX,
     .doc = "The TTL of these records.",
     .example = "5m"},
    {.name = "data",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .offset = offsetof(struct data_form, data),
     .read = keep,
     .type = "a text or a list of texts",
     .doc = "The data of one record, or of several.",
     .example = "[192.0.2.53]"},
};
const struct schema data_schema = {
    .title = "the record", .doc = "Records with a TTL of their own.", SCHEMA_KEYS(data_keys)};

static void read_pool_ref(struct load *load, const struct yaml_node *node, void *field)
{
    (void)zone_find_pool(load, node, "'pool'", field);
}

static void read_pool_ttl(struct load *load, const struct yaml_node *node, void *field)
{
    struct pool_name *p = field;
    p->has_ttl = true;
    ttl_range_read(load, node, &p->ttl);
}

static const struct schema_key pool_name_keys[] = {
    {.name = "pool",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .read = read_pool_ref,
     .type = "the name of a pool, or POOL/SITE",
     .doc = "The pool that answers at this name; with a site, that site alone does, whoever asks.",
     .example = "www"},
    {.name = "ttl",
     .kind = SCHEMA_CUSTOM,
     .read = read_pool_ttl,
     .type = "a duration in whole seconds, or {min, max}",
     .fallback_doc = "the pool's, or that of the pool it falls back to",
     .doc = "The TTL at this name.",
     .example = "10s"},
    {.name = "answers",
     .kind = SCHEMA_U32,
     .offset = offsetof(struct pool_name, answers),
     .min = 1,
     .max = 1000,
     .fallback_doc = "the pool's, or that of the pool it falls back to",
     .doc = "At most this many addresses of a family are in an answer at this name.",
     .example = "2"},
};
const struct schema pool_name_schema = {
    .title = "'POOL'", .doc = "A dynamic name.", SCHEMA_KEYS(pool_name_keys)};

/* For the manual alone: an owner has as many keys as there are types. */
static const struct schema_key owner_keys[] = {
    {.name = "TYPE",
     .kind = SCHEMA_CUSTOM,
     .sub = &data_schema,
     .type = "data as in a zone file, a list of data, or {ttl, data}",
     .doc = "Records of this type (A, AAAA, MX, ...), in the form of zone files: names in them are "
            "relative to the zone. TXT data without double quotes is one string, blanks and "
            "semicolons included. Types without a name are written TYPE65280, with data "
            "'\\# 2 abcd' (RFC 3597).",
     .example = "[\"10 mail\", \"20 mail.example.net.\"]"},
    {.name = "POOL",
     .kind = SCHEMA_CUSTOM,
     .sub = &pool_name_schema,
     .type = "the name of a pool, POOL/SITE, or {pool, ttl, answers}",
     .doc = "Makes the name dynamic: the pool answers its A and AAAA, or CNAME, queries.",
     .example = "www"},
};
const struct schema owner_schema = {
    .title = "the owner", .doc = "The records of one name.", SCHEMA_KEYS(owner_keys)};

static const struct schema_key zone_keys[] = {
    {.name = "zone",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .offset = offsetof(struct zone_form, zone),
     .read = keep,
     .type = "a domain name",
     .doc = "The name of the zone; absolute, with or without a final dot.",
     .example = "example.com"},
    {.name = "ttl",
     .kind = SCHEMA_SECONDS,
     .offset = offsetof(struct zone_form, ttl_s),
     .max = TTL_MAX,
     .fallback = "1h",
     .doc = "The TTL of records that have none of their own.",
     .example = "1h"},
    {.name = "soa",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .offset = offsetof(struct zone_form, soa),
     .read = keep,
     .sub = &soa_schema,
     .type = "a mapping: {mname: NAME, rname: NAME}",
     .doc = "The SOA record of the zone.",
     .example = "{mname: ns1, rname: hostmaster}"},
    {.name = "records",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .offset = offsetof(struct zone_form, records),
     .read = keep,
     .sub = &owner_schema,
     .entry = "OWNER",
     .type = "a mapping: OWNER: {TYPE: DATA}",
     .doc = "The records. Owners are relative to the zone unless they end in a dot; \"@\" is the "
            "zone itself, and \"*.NAME\" a wildcard.",
     .example = "{\"@\": {NS: [ns1, ns2], MX: [\"10 mail\"]}, www: {POOL: www}}"},
};
const struct schema zone_schema = {
    .title = "the zone",
    .doc = "A zone as YAML: a file called *.yaml among the `zones` of loadstar.yaml.",
    SCHEMA_KEYS(zone_keys)};
