/* SPDX-License-Identifier: Apache-2.0
 * Reads one database: the search tree once, each distinct record once. */
#include "geo/database.h"

#include "base/buf.h"
#include "base/units.h"

#define SAMPLES 8 /* records whose keys a refusal shows */

struct reading {
    struct mmdb mmdb;
    struct interner *interner;
    struct trie *trie;
    struct memo memo; /* offset of a record -> index of its facts */
    uint32_t from;
    uint32_t n_records, n_useful;
    uint32_t sample[SAMPLES];
};

static int visit(void *ctx, const struct ip_prefix *prefix, uint32_t offset)
{
    struct reading *r = ctx;
    struct memo_slot *slot = memo_at(&r->memo, offset);
    if (!slot->used) {
        struct facts facts;
        slot->used = true;
        int code = facts_read(&facts, &r->mmdb, offset, r->from);
        if (code != 0)
            return code;
        slot->value = interner_add(r->interner, &facts);
        if (r->n_records < SAMPLES)
            r->sample[r->n_records] = offset;
        r->n_records++;
        r->n_useful += facts.from != 0;
    }
    if (slot->value != 0)
        trie_set(r->trie, prefix, slot->value);
    return 0;
}

/* The distinct keys of some records. */
struct key_list {
    struct slice v[24];
    unsigned n;
};

static void add_key(void *ctx, struct slice key)
{
    struct key_list *list = ctx;
    for (unsigned i = 0; i < list->n; i++)
        if (slice_equal(list->v[i], key))
            return;
    if (list->n < ARRAY_LEN(list->v))
        list->v[list->n++] = key;
}

static void print_key(struct buf *out, struct slice key)
{
    for (uint32_t i = 0; i < key.n && i < 40; i++)
        buf_printf(out, "%c", key.p[i] >= 32 && key.p[i] < 127 ? key.p[i] : '?');
}

static void refuse_useless(struct reading *r, const char *name, struct diags *diags)
{
    struct buf found = {0};
    struct key_list keys = {.n = 0};
    for (unsigned i = 0; i < SAMPLES && i < r->n_records; i++)
        mmdb_keys(&r->mmdb, r->sample[i], add_key, &keys);
    for (unsigned i = 0; i < keys.n; i++) {
        buf_puts(&found, i ? ", " : "");
        print_key(&found, keys.v[i]);
    }
    diag_error(diags, (struct span){.file = name},
               "useless geo database: none of its %u record%s has a value under any known key. "
               "Looked for: %s. Found: %s",
               r->n_records, units_plural(r->n_records), facts_known_keys,
               keys.n ? found.p : "nothing");
    buf_free(&found);
}

static struct trie *read_opened(struct reading *r, const char *name, struct diags *diags)
{
    r->trie = trie_new(0);
    int code = mmdb_walk(&r->mmdb, visit, r);
    if (code != 0)
        diag_error(diags, (struct span){.file = name}, "broken MaxMind DB: %s", r->mmdb.wrong);
    else if (r->n_useful == 0)
        refuse_useless(r, name, diags);
    memo_free(&r->memo);
    mmdb_close(&r->mmdb);
    if (code == 0 && r->n_useful > 0)
        return r->trie;
    trie_free(r->trie);
    return NULL;
}

struct trie *database_read_memory(struct slice file, const char *name, uint32_t from,
                                  struct interner *interner, struct diags *diags)
{
    struct reading r = {.interner = interner, .from = from};
    return mmdb_open_memory(&r.mmdb, file, name, diags) == 0 ? read_opened(&r, name, diags) : NULL;
}

struct trie *database_read(const char *path, uint32_t from, struct interner *interner,
                           struct diags *diags)
{
    struct reading r = {.interner = interner, .from = from};
    return mmdb_open(&r.mmdb, path, diags) == 0 ? read_opened(&r, path, diags) : NULL;
}
