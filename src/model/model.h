/* SPDX-License-Identifier: Apache-2.0
 * The configuration as plain, validated data: what src/config fills and everything else reads.
 *
 * Invariants once config_load() has returned 0: every index is in range, every name unique within
 * its kind, every reference resolved, every number within the bounds given here. A model is
 * immutable and lives in its own arena, strings and spans included. Indices (site, check, map,
 * pool, endpoint, zone) are dense, in the order of the files; they identify things within one model
 * only: across a reload things are matched by name (see endpoint_key()). */
#pragma once

#include "base/diag.h"
#include "base/ip.h"
#include "model/anycast.h"
#include "model/kinds.h"
#include "model/server.h"
#include "model/tier.h"

#define MODEL_NONE UINT32_MAX /* "no such index" */

struct l4_config;

struct u32_list {
    const uint32_t *v;
    uint32_t n;
};

struct str_list {
    const char *const *v;
    uint32_t n;
};

struct site {
    const char *name;
    struct span span;
    bool located;
    double latitude, longitude; /* degrees */
};

/** A file, and where the configuration names it. */
struct named_file {
    const char *path; /* NULL: none is named */
    struct span span;
};

struct number_range {
    uint16_t first, last;
};

struct check {
    const char *name;
    struct span span;
    enum check_type type;
    uint16_t
        port; /* 0: the endpoint's port (which then must be set), or the scheme's for http(s) */
    uint32_t interval_ms; /* >= 100; default 5000 */
    uint32_t timeout_ms;  /* >= 10, <= interval; default 2000 or the interval if shorter */
    uint16_t rise, fall;  /* >= 1; default 2 and 3 */
    struct {
        const char *path;                  /* default "/" */
        const char *host;                  /* Host header and SNI; default the endpoint's address */
        const char *method;                /* GET or HEAD; default GET */
        const struct number_range *status; /* accepted; default 200-299 */
        uint32_t n_status;
        const char *body;  /* must occur in the body; NULL: not looked at */
        uint32_t max_body; /* bytes read at most; default 64k */
    } http;
    struct {
        bool verify;                           /* default true */
        const char *sni;                       /* default http.host */
        struct named_file ca_file;             /* PEM; default the system's */
        struct named_file cert_file, key_file; /* client certificate, PEM; both or neither */
    } tls;
    struct str_list
        exec; /* argv; the endpoint comes in LOADSTAR_* variables and replaces {address} {port} */
    struct span exec_span; /* of the program */
    uint32_t pool;         /* CHECK_POOL: up while this pool has a site that is up */
};

/** A key of a map and the sites it prefers, in order. */
struct map_entry {
    struct span span;
    char code[12]; /* "EU", "IN", "US-CA", or a tag (then `tag` is set) */
    const char *tag;
    uint32_t asn;
    struct ip_prefix network;
    struct u32_list sites;
};

struct map_entries {
    const struct map_entry *v;
    uint32_t n;
};

struct map {
    const char *name;
    struct span span;
    struct u32_list default_sites;
    struct map_entries continents, countries, subdivisions, asns, networks, tags;
};

/** Seconds. min == max: fixed. The derived TTL is clamped into it. */
struct ttl_range {
    uint32_t min_s, max_s;
};

#define WEIGHT_MAX 1000000
#define WEIGHT_DEFAULT 1

struct endpoint {
    struct span span;
    uint32_t pool, site;
    struct ip addr;     /* family IP_NONE for a CNAME endpoint */
    struct slice cname; /* wire format, lower case, absolute; empty for an address */
    uint16_t port;      /* 0: the check's */
    const char *name;   /* operator's name; NULL: none */
    const char *label;  /* name, else the address or CNAME as text: unique within (pool, site) */
    const char *seed;   /* as configured; NULL: none */
    const char *key;    /* what PICK_STICKY hashes: the seed, else the address or CNAME as text */
    uint32_t key_nth;   /* how many before it in pool and family have the same key */
    uint32_t weight;    /* 0..WEIGHT_MAX; 0 never serves */
    struct {
        struct ip addr; /* family IP_NONE: what is answered */
        uint16_t port;  /* 0: `port`, else the check's */
    } probe;
    bool own_checks; /* `checks` hold instead of the pool's; none: not checked */
    struct u32_list checks;
};

/** What one pool has in one site; endpoints[first .. first + n) of the model. */
struct pool_site {
    uint32_t site;
    uint32_t first_endpoint, n_endpoints;
    uint32_t split_weight; /* STEER_SPLIT: 0..WEIGHT_MAX; else 0 */
    bool reserve;          /* STEER_SPLIT: listed with weight 0 */
    bool has_v4, has_v6;   /* as of the pool */
};

struct pool {
    const char *name;
    struct span span;
    struct ttl_range ttl; /* default 30s fixed */
    struct u32_list checks;
    enum steer_kind steer;
    uint32_t map;          /* STEER_MAP */
    struct u32_list order; /* STEER_ORDER: sites */
    enum pick_kind pick;
    const char *seed; /* what PICK_STICKY hashes of the pool; NULL: its name */
    uint32_t answers; /* >= 1; default 1, for PICK_ALL default ANSWERS_ALL */
    double min_up;    /* 0.0..1.0; 0: any */
    enum all_down_kind on_all_down;
    uint32_t fallback;              /* ALL_DOWN_FALLBACK: pool; never a cycle */
    struct span fallback_span;      /* where it is named */
    struct weight_from weight_from; /* its tier is MODEL_NONE: weights follow no sessions */
    uint32_t slow_start_ms;        /* over which an endpoint that begins to serve gets its weight */
    struct span slow_start_at;     /* where that is said */
    const struct pool_site *sites; /* at least one, in the order of the file */
    uint32_t n_sites;
    bool has_v4, has_v6, is_cname; /* which types exist, whatever the health */
    bool of_anycast; /* made for the checks of a prefix set, `anycast:NAME`: it steers nobody, and
                      * no zone, order or other pool can name it */
    bool *named;     /* n_sites: whether dynamic names ask for this site alone; NULL: for none */
};
#define ANSWERS_ALL UINT32_MAX

/** One RR. 10 million of them must fit: owners and rdata are packed in the arena. */
struct record {
    const uint8_t *owner; /* wire format, lower case, absolute; shared by neighbours */
    const uint8_t *rdata; /* uncompressed wire format, names in it in the case given */
    uint32_t ttl_s;
    uint32_t line;
    uint16_t type;
    uint16_t rdlen;
    uint16_t file; /* index into zone.files */
    uint8_t owner_len;
    uint8_t column; /* 255: that far or farther; 0: unknown */
};

/** A dynamic name: `www 30 IN POOL www`, or `www: {POOL: ...}`. */
struct pool_name {
    const uint8_t *owner;
    struct span span;
    uint32_t pool;
    uint32_t site;        /* 1 + that of pool.sites which alone answers; 0: as the pool steers */
    struct ttl_range ttl; /* overrides the pool's if has_ttl */
    uint32_t answers;     /* overrides the pool's unless 0 */
    uint8_t owner_len;
    bool has_ttl;
};

/** A site of a pool that dynamic names ask for. */
struct named_site {
    uint32_t pool, site; /* the latter of pool.sites */
};

/** How long answers for dynamic names of a zone may live, by the pool that they name. */
struct named_ttl {
    uint32_t pool;
    uint32_t max_s; /* the longest TTL that one has of its own; 0: none has */
    bool bare;      /* one has none: it has that of the pool that answers */
};

struct zone {
    struct slice origin; /* wire format, lower case */
    struct span span;
    struct str_list files; /* the zone's file and what it includes */
    const struct record *records;
    size_t n_records;
    const struct pool_name *pool_names;
    size_t n_pool_names;
    const struct named_site *named_sites; /* of the pool names, each once */
    uint32_t n_named_sites;
    const struct named_ttl *named_ttls; /* each pool once */
    uint32_t n_named_ttls;
    int64_t mtime_s;          /* newest of the files: the serial, where none is given */
    const char *path;         /* as listed, or found in a directory */
    const struct diag *notes; /* of its reading: warnings, told again while it is kept */
    uint32_t n_notes;
    uint32_t first_source, n_sources; /* what was read for it, in model.sources */
    bool broken;   /* it could not be read or compiled, and is answered with SERVFAIL; `notes` have
                    * the errors. Only in what a start has loaded */
    uint32_t kept; /* 1 + index in the model before, if the zone has not changed since and was not
                    * read again: of its records only the numbers are known. 0: it was read */
};

struct geo_network {
    struct span span;
    struct ip_prefix prefix;
    uint32_t site;                 /* MODEL_NONE: not given */
    char country[3], continent[3]; /* "" : not given */
    struct span continent_at;
    bool located;
    double latitude, longitude;
    const char *tag; /* NULL: not given */
};

/** A file, or a directory of zones, as it was when the configuration was read. */
struct source {
    const char *path;
    uint64_t digest; /* of the content; of a directory: of the names that count */
    uint64_t size, inode;
    int64_t mtime_ns, ctime_ns; /* with size and inode: whether it needs to be read again */
    bool directory;
};

struct model {
    struct arena *arena; /* owns all of it */
    const char *path;
    uint64_t file_hash; /* over the content of every configuration file read, in order */
    const struct source *sources;
    uint32_t n_sources;
    int64_t loaded_wall_ms;

    struct server_config server;
    const char *control; /* socket path; NULL: none */
    struct span control_at;
    struct {
        bool enabled;
        struct ip addr;
        uint16_t port;
        const char *token_file; /* NULL: state changes by API are refused */
        struct span listen_at, token_at;
        struct str_list hosts; /* names that requests may be meant for, beside the address */
    } http;
    struct {
        struct str_list databases;         /* resolved paths */
        const struct span *database_spans; /* where each is named; NULL: unknown */
        const struct geo_network *networks;
        uint32_t n_networks;
    } geo;
    bool ecs;

    const struct site *sites;
    uint32_t n_sites;
    const struct check *checks;
    uint32_t n_checks;
    const struct map *maps;
    uint32_t n_maps;
    const struct pool *pools;
    uint32_t n_pools;
    const struct tier *tiers;
    uint32_t n_tiers;
    const struct prefix_set *prefix_sets;
    uint32_t n_prefix_sets;
    const struct speaker *speakers;
    uint32_t n_speakers;
    const struct l4_config *l4; /* model/l4.h; NULL but for loadstar-l4 */
    const struct endpoint *endpoints;
    uint32_t n_endpoints;
    const struct zone *zones;
    uint32_t n_zones;
    const struct zone *unnamed; /* broken, and not even the names of their zones are known */
    uint32_t n_unnamed;
    uint64_t pools_digest;       /* of what zones know of pools */
    const uint32_t *answer_ttls; /* per pool: how long an answer with its endpoints may live,
                                  * whatever name was asked for, seconds; fallbacks included; at
                                  * least 1, or 0: no name uses it. NULL: there are no zones */
    struct arena *records; /* records and pool names of zones that were read; NULL once dropped */
};

/** How many pools and endpoints there are for answers: those made for checks of prefix sets
 *  (pool.of_anycast) come after them. */
uint32_t model_steering_pools(const struct model *m) ATTR_NONNULL ATTR_PURE;
uint32_t model_steering_endpoints(const struct model *m) ATTR_NONNULL ATTR_PURE;

/** Whether a prefix set brings the address to this host: by its TUN, or on its interface. */
bool model_brings_address(const struct model *m, const struct ip *addr) ATTR_NONNULL ATTR_PURE;

/** Index of a site or a pool by name, or MODEL_NONE. */
uint32_t model_find_site(const struct model *m, const char *name) ATTR_NONNULL ATTR_PURE;
uint32_t model_find_pool(const struct model *m, const char *name) ATTR_NONNULL ATTR_PURE;
/** NULL for MODEL_NONE. */
const char *model_site_name(const struct model *m, uint32_t site) ATTR_NONNULL ATTR_PURE;

/** The checks of an endpoint: its own, or its pool's. */
static inline const struct u32_list *endpoint_checks(const struct model *m,
                                                     const struct endpoint *endpoint)
{
    return endpoint->own_checks ? &endpoint->checks : &m->pools[endpoint->pool].checks;
}

/** The address that checks of an endpoint probe; family IP_NONE: none is known of a name. */
static inline const struct ip *endpoint_probed(const struct endpoint *endpoint)
{
    return endpoint->probe.addr.family ? &endpoint->probe.addr : &endpoint->addr;
}

/** The name of an endpoint across reloads: POOL/SITE/LABEL. Written into `arena`. */
const char *endpoint_key(struct arena *arena, const struct model *m,
                         uint32_t endpoint) ATTR_NONNULL;

/** Frees the records and pool names, when they are compiled. How many there were is still known. */
void model_drop_records(struct model *m) ATTR_NONNULL;

void model_free(struct model *m);
