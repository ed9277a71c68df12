/* SPDX-License-Identifier: Apache-2.0
 * Dynamic names of zones: `POOL` in zone files, and what it and that of YAML zones refer to. */
#include "base/digits.h"
#include "base/strmap.h"
#include "config/parts.h"
#include "config/suggest.h"
#include "config/zone_reader.h"

#define ANSWERS_EXPECTED "answers=N, N from 1 to 1000"
#define TTL_EXPECTED "ttl=TTL or ttl=MIN-MAX, as ttl=5s-60s"

/* --- POOL or POOL/SITE --- */

struct site_names {
    const struct model *model;
    const struct pool *pool;
};

static const char *site_name(const void *words, uint32_t i)
{
    const struct site_names *names = words;
    return names->model->sites[names->pool->sites[i].site].name;
}

/* A pool without sites has been complained of. */
static bool find_site(struct load *load, struct span span, const char *text, struct pool_name *p)
{
    const struct pool *pool = &load->model->pools[p->pool];
    const struct site_names names = {load->model, pool};
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        if (strcmp(site_name(&names, i), text) != 0)
            continue;
        p->site = i + 1;
        return true;
    }
    if (pool->n_sites > 0)
        diag_error(load->diags, span, "pool '%s' has no site '%s'%s", pool->name, text,
                   suggest(load->scratch, text, site_name, &names, pool->n_sites));
    return false;
}

bool zone_find_pool(struct load *load, const struct yaml_node *node, const char *what,
                    struct pool_name *p)
{
    const char *slash =
        node->kind == YAML_SCALAR && !yaml_is_empty(node) ? memchr(node->text, '/', node->n) : NULL;
    struct yaml_node pool = *node;
    p->site = 0;
    if (slash) {
        pool.n = (uint32_t)(slash - node->text);
        pool.text = arena_strndup(load->scratch, node->text, pool.n);
        pool.quoted = true; /* an empty name is unknown, not missing */
    }
    p->pool = namespace_find(load, &load->pools, &pool, what);
    if (p->pool == MODEL_NONE || !slash)
        return p->pool != MODEL_NONE;
    struct span span = node->span;
    span.column += pool.n + 1;
    if (find_site(load, span, slash + 1, p))
        return true;
    p->pool = MODEL_NONE;
    return false;
}

/* --- a line of a zone file --- */

static bool has_prefix(const struct word *word, const char *prefix)
{
    size_t n = strlen(prefix);
    return !word->quoted && word->n > n && memcmp(word->p, prefix, n) == 0;
}

static bool read_answers(struct zone_reader *r, const struct word *word, struct pool_name *p)
{
    uint64_t n = 0;
    if (!decimal_parse(slice_of(word->p + 8, word->n - 8), 1000, &n) || n == 0)
        return reader_expected(r, word, ANSWERS_EXPECTED);
    if (p->answers)
        return reader_fail(r, word->p, "a second 'answers', expected one");
    p->answers = (uint32_t)n;
    return true;
}

static bool read_seconds(const uint8_t *p, const uint8_t *end, uint32_t *out)
{
    return p < end && zonefile_ttl(p, (uint32_t)(end - p), out) && *out <= TTL_MAX;
}

static bool read_ttl(struct zone_reader *r, const struct word *word, struct pool_name *p)
{
    const uint8_t *from = word->p + 4, *end = word->p + word->n;
    const uint8_t *dash = memchr(from, '-', (size_t)(end - from));
    struct ttl_range ttl;
    if (!read_seconds(from, dash ? dash : end, &ttl.min_s))
        return reader_expected(r, word, TTL_EXPECTED);
    ttl.max_s = ttl.min_s;
    if (dash && !read_seconds(dash + 1, end, &ttl.max_s))
        return reader_expected(r, word, TTL_EXPECTED);
    if (ttl.min_s > ttl.max_s)
        return reader_expected(r, word, "a minimum that is not above the maximum");
    if (p->has_ttl)
        return reader_fail(r, word->p, "a second TTL, expected one: at the record, or as 'ttl='");
    p->has_ttl = true;
    p->ttl = ttl;
    return true;
}

/* What follows the name, in any order. *answers_at is where `answers` stands. */
static bool read_arguments(struct zone_reader *r, struct pool_name *p, struct span *answers_at)
{
    struct word word;
    const char *why = NULL;
    for (;;) {
        enum scan_result result = scan_word(&r->scan, &word, &why);
        if (result == SCAN_END)
            return true;
        if (result == SCAN_ERROR)
            return reader_fail(r, r->scan.bad, "%s", why);
        if (has_prefix(&word, "ttl=")) {
            if (!read_ttl(r, &word, p))
                return false;
        } else if (has_prefix(&word, "answers=")) {
            *answers_at = scan_span(&r->scan, word.p);
            if (!read_answers(r, &word, p))
                return false;
        } else {
            return reader_expected(r, &word, "ttl=TTL, ttl=MIN-MAX or answers=N");
        }
    }
}

bool reader_pool(struct zone_reader *r, const uint32_t *ttl_s, const uint8_t *at)
{
    struct zone_build *build = r->build;
    struct word word;
    if (!reader_word(r, &word, "the name of a pool"))
        return false;
    struct pool_name p = {.owner = build->owner,
                          .owner_len = build->owner_len,
                          .span = scan_span(&r->scan, at),
                          .has_ttl = ttl_s != NULL};
    if (ttl_s)
        p.ttl = (struct ttl_range){*ttl_s, *ttl_s};
    const char *name = arena_strndup(build->load->scratch, (const char *)word.p, word.n);
    struct yaml_node node = {.span = scan_span(&r->scan, word.p),
                             .kind = YAML_SCALAR,
                             .quoted = true,
                             .n = word.n,
                             .text = name};
    struct span answers_at = node.span;
    bool found = zone_find_pool(build->load, &node, "POOL", &p);
    if (!read_arguments(r, &p, &answers_at))
        return false;
    if (!found) {
        r->n_errors++;
        return false;
    }
    zone_add_pool_name(build, &p, answers_at);
    return true;
}
