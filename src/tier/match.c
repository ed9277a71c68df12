/* SPDX-License-Identifier: Apache-2.0
 * Which row is which member, and which of them is what was seen in the tier: by address and port,
 * then by name, as a server that has moved to another address goes on under its name. */
#include "tier/reconcile_parts.h"

#include "base/strmap.h"

#include <stdio.h>

/* ---- addresses ---- */

struct address_key {
    uint8_t b[sizeof(struct ip) + 2];
};

static struct address_key key_of(const struct ip *addr, uint16_t port)
{
    struct address_key key;
    memcpy(key.b, addr, sizeof *addr);
    key.b[sizeof *addr] = (uint8_t)(port >> 8);
    key.b[sizeof *addr + 1] = (uint8_t)port;
    return key;
}

/* Rows by address and port. */
struct address_index {
    struct address_key *keys;
    struct strmap map;
};

static struct address_index index_rows(const struct tier_row *rows, size_t n)
{
    struct address_index index = {.keys = xcalloc(n + 1, sizeof *index.keys)};
    for (size_t i = 0; i < n; i++) {
        index.keys[i] = key_of(&rows[i].addr, rows[i].port);
        strmap_add(&index.map, slice_of(index.keys[i].b, sizeof index.keys[i].b), (uint32_t)i);
    }
    return index;
}

static uint32_t index_find(const struct address_index *index, const struct ip *addr, uint16_t port)
{
    struct address_key key = key_of(addr, port);
    return strmap_get(&index->map, slice_of(key.b, sizeof key.b));
}

static void index_free(struct address_index *index)
{
    strmap_free(&index->map);
    free(index->keys);
}

/* ---- members ---- */

static bool is_member(const struct tier_row *row, const struct tier_member *member)
{
    return row->port == member->port && ip_equal(&row->addr, &member->addr);
}

static bool is_current(const struct tier_table *table, const struct tier_spec *spec)
{
    if (table->rows.n < spec->n_members)
        return false;
    for (uint32_t i = 0; i < table->rows.n; i++) {
        uint32_t expected = i < spec->n_members ? i : MODEL_NONE;
        if (table->rows.v[i].member != expected)
            return false;
        if (i < spec->n_members && !is_member(&table->rows.v[i], &spec->members[i]))
            return false;
    }
    return true;
}

static void set_name(struct tier_row *row, const char *name)
{
    snprintf(row->name, sizeof row->name, "%s", name);
}

/* What has left the configuration, is still there, or may be by now, and is not left there. */
static void keep_leaving(struct tier_table *next, const struct tier_row *old,
                         const struct reconcile_input *in)
{
    struct tier_row row = *old;
    row.member = MODEL_NONE;
    if ((row.present || row.created) && !row.foreign && !is_left(&row, in))
        *vec_push(&next->rows) = row;
}

void match_members(struct tier_table *table, const struct reconcile_input *in)
{
    const struct tier_spec *spec = in->spec;
    if (is_current(table, spec))
        return;
    struct address_index index = index_rows(table->rows.v, table->rows.n);
    bool *taken = xcalloc(table->rows.n + 1, sizeof *taken);
    struct tier_table next = {0};
    for (uint32_t i = 0; i < spec->n_members; i++) {
        const struct tier_member *member = &spec->members[i];
        uint32_t old = index_find(&index, &member->addr, member->port);
        struct tier_row *row = vec_push(&next.rows);
        if (old != STRMAP_NONE && !taken[old]) {
            *row = table->rows.v[old];
            taken[old] = true;
        } else {
            row->addr = member->addr;
            row->port = member->port;
        }
        row->member = i;
        if (!row->present)
            set_name(row, member->name);
    }
    for (uint32_t i = 0; i < table->rows.n; i++)
        if (!taken[i])
            keep_leaving(&next, &table->rows.v[i], in);
    free(taken);
    index_free(&index);
    vec_free(&table->rows);
    table->rows.v = next.rows.v;
    table->rows.n = next.rows.n;
    table->rows.cap = next.rows.cap;
}

/* ---- what was seen ---- */

/* Work on one observation. */
struct matching {
    struct tier_table *table;
    const struct reconcile_input *in;
    struct address_index index;
    uint32_t *row_of;     /* of each thing that was seen; STRMAP_NONE: none */
    bool *is_matched;     /* of each row */
    struct strmap *names; /* of all that was seen */
};

static void match(struct matching *m, uint32_t seen, uint32_t row)
{
    m->row_of[seen] = row;
    m->is_matched[row] = true;
}

static void match_addresses(struct matching *m, bool members)
{
    const struct observation *seen = m->in->seen;
    for (uint32_t i = 0; i < seen->n; i++) {
        uint32_t row = index_find(&m->index, &seen->v[i].addr, seen->v[i].port);
        if (row == STRMAP_NONE || m->is_matched[row] || m->row_of[i] != STRMAP_NONE)
            continue;
        if ((m->table->rows.v[row].member != MODEL_NONE) == members)
            match(m, i, row);
    }
}

/* Of what is left, members that have another address in the tier. */
static void match_names(struct matching *m)
{
    const struct observation *seen = m->in->seen;
    const struct tier_spec *spec = m->in->spec;
    for (uint32_t i = 0; i < spec->n_members; i++) {
        if (m->is_matched[i])
            continue;
        uint32_t at = strmap_get(m->names, slice_str(spec->members[i].name));
        if (at != STRMAP_NONE && m->row_of[at] == STRMAP_NONE && seen->v[at].name)
            match(m, at, i);
    }
}

/* What we have made and do not have as a member, nor at the address of one: it has left while
 * nobody looked. */
static void add_strays(struct matching *m)
{
    const struct observation *seen = m->in->seen;
    m->table->n_strangers = 0;
    for (uint32_t i = 0; i < seen->n; i++) {
        const struct observed *o = &seen->v[i];
        if (m->row_of[i] != STRMAP_NONE)
            continue;
        const struct tier_row stray = {
            .addr = o->addr, .port = o->port, .member = MODEL_NONE, .created = o->is_ours};
        if (!o->is_ours || is_left(&stray, m->in) ||
            index_find(&m->index, &o->addr, o->port) != STRMAP_NONE) {
            m->table->n_strangers++;
            continue;
        }
        struct tier_row *row = vec_push(&m->table->rows);
        *row = stray;
        ip_text(row->name, &row->addr);
        m->row_of[i] = (uint32_t)m->table->rows.n - 1;
    }
}

/* Whether somebody else has changed what we told of a row. */
static bool is_drift(const struct tier_row *row, const struct reconcile_input *in)
{
    if (row->applied.serves == SERVES_UNKNOWN || row->foreign)
        return false;
    if (row->applied.serves == SERVES_GONE || !row->present)
        return row->present == (row->applied.serves == SERVES_GONE);
    return !shows(in, row->applied, &row->seen);
}

static void note_drift(struct tier_table *table, struct tier_row *row,
                       const struct reconcile_input *in)
{
    bool drifts = is_drift(row, in);
    table->n_drift += drifts && !row->drifted;
    row->drifted = drifts;
}

static bool same_place(const struct ip *a, uint16_t a_port, const struct ip *b, uint16_t b_port)
{
    return a_port == b_port && ip_equal(a, b);
}

static void take_present(struct matching *m, struct tier_row *row, const struct observed *seen)
{
    /* Of a name alone it does not follow that it is what we made. */
    bool here =
        same_place(&seen->addr, seen->port, &row->addr, row->port) ||
        (row->present && same_place(&seen->addr, seen->port, &row->seen.addr, row->seen.port));
    bool was_ours = row->created && !row->foreign && here;
    row->observed = row->present = true;
    row->seen = *seen;
    row->seen.name = NULL;
    if (seen->name)
        set_name(row, seen->name);
    row->created = was_ours || seen->is_ours || object_is_made(m->in);
    row->foreign = !row->created && !object_is_ours(m->table, m->in) && !m->in->spec->config->adopt;
}

static bool is_named(const struct tier_spec *spec, const char *name)
{
    for (uint32_t i = 0; i < spec->n_members; i++)
        if (strcmp(spec->members[i].name, name) == 0)
            return true;
    return false;
}

/* What it is to be called when it is made: its name, unless something else in the tier has that. */
static void name_absent(struct matching *m, struct tier_row *row)
{
    const struct tier_spec *spec = m->in->spec;
    const char *name = spec->members[row->member].name;
    bool taken = strmap_get(m->names, slice_str(name)) != STRMAP_NONE;
    set_name(row, name);
    for (uint8_t i = 2; taken && i < UINT8_MAX; i++) {
        snprintf(row->name, sizeof row->name, "%.59s_%u", name, i);
        taken =
            strmap_get(m->names, slice_str(row->name)) != STRMAP_NONE || is_named(spec, row->name);
    }
}

static void take_absent(struct matching *m, struct tier_row *row)
{
    row->observed = true;
    row->present = row->created = row->foreign = false;
    row->seen = (struct observed){.active = -1, .inactive = -1};
    if (row->member != MODEL_NONE)
        name_absent(m, row);
}

/* Rows that have left are over once they are not there any more. */
static void drop_absent(struct tier_table *table)
{
    size_t n = 0;
    for (size_t i = 0; i < table->rows.n; i++)
        if (table->rows.v[i].member != MODEL_NONE || table->rows.v[i].present)
            table->rows.v[n++] = table->rows.v[i];
    table->rows.n = n;
}

static void take_object(struct tier_table *table, const struct observation *seen)
{
    table->observed = true;
    table->exists = seen->exists;
    table->is_ours = seen->is_ours;
    table->is_foreign = seen->is_foreign;
    table->differs = seen->differs;
    table->seen_level = seen->level;
    snprintf(table->refused, sizeof table->refused, "%s", seen->refused);
}

void match_observation(struct tier_table *table, const struct reconcile_input *in)
{
    const struct observation *seen = in->seen;
    struct strmap names = {0};
    struct matching m = {.table = table, .in = in, .names = &names};
    take_object(table, seen);
    m.index = index_rows(table->rows.v, table->rows.n);
    m.row_of = xcalloc(seen->n + 1, sizeof *m.row_of);
    m.is_matched = xcalloc(table->rows.n + 1, sizeof *m.is_matched);
    for (uint32_t i = 0; i < seen->n; i++) {
        m.row_of[i] = STRMAP_NONE;
        if (seen->v[i].name)
            strmap_add(&names, slice_str(seen->v[i].name), i);
    }
    size_t n_rows = table->rows.n;
    match_addresses(&m, true);
    match_names(&m);
    match_addresses(&m, false);
    add_strays(&m);
    for (size_t i = 0; i < n_rows; i++)
        if (!m.is_matched[i])
            take_absent(&m, &table->rows.v[i]);
    for (uint32_t i = 0; i < seen->n; i++)
        if (m.row_of[i] != STRMAP_NONE)
            take_present(&m, &table->rows.v[m.row_of[i]], &seen->v[i]);
    for (size_t i = 0; i < table->rows.n; i++)
        note_drift(table, &table->rows.v[i], in);
    drop_absent(table);
    strmap_free(&names);
    index_free(&m.index);
    free(m.row_of);
    free(m.is_matched);
}
