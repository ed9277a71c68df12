/* SPDX-License-Identifier: Apache-2.0
 * The records of a name: sorted, without those there twice, set by set. */
#include "compile/tree.h"

#include "dns/name.h"
#include "dns/rdata.h"
#include "dns/rr.h"
#include "dns/types.h"

static unsigned rank(uint16_t type)
{
    return type == TYPE_CNAME ? 0 : type;
}

/* Records of a zone are in one array, in the order of its files. */
static int by_type(const void *a, const void *b)
{
    const struct record *x = *(const struct record *const *)a;
    const struct record *y = *(const struct record *const *)b;
    if (x->type != y->type)
        return rank(x->type) < rank(y->type) ? -1 : 1;
    return x < y ? -1 : x > y;
}

static int compare_data(const struct record *x, const struct record *y)
{
    return rdata_compare(x->type, (struct slice){x->rdata, x->rdlen},
                         (struct slice){y->rdata, y->rdlen});
}

static int by_rdata(const void *a, const void *b)
{
    const struct record *x = *(const struct record *const *)a;
    const struct record *y = *(const struct record *const *)b;
    if (x->type != y->type)
        return rank(x->type) < rank(y->type) ? -1 : 1;
    int order = compare_data(x, y);
    return order ? order : x < y ? -1 : x > y;
}

static bool same_data(const struct record *x, const struct record *y)
{
    return x->type == y->type && compare_data(x, y) == 0;
}

void tree_sort_records(struct tree *tree, struct name_entry *e, struct diags *diags)
{
    const struct record **v = tree->records + e->first;
    uint32_t kept = 1;
    qsort(v, e->n_records, sizeof(const struct record *), by_rdata);
    for (uint32_t i = 1; i < e->n_records; i++) {
        if (!same_data(v[i], v[kept - 1])) {
            v[kept++] = v[i];
            continue;
        }
        char owner[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX];
        diag_warning(diags, record_span(&tree->model->zones[e->zone], v[i]),
                     "%s %s is there twice, first in line %u; the second is not used",
                     name_to_text(owner, name_of(e)), rr_type_text(type, v[i]->type),
                     v[kept - 1]->line);
    }
    e->n_records = kept;
    qsort(v, kept, sizeof(const struct record *), by_type);
}

bool tree_next_set(const struct tree *tree, const struct name_entry *entry, uint32_t *at,
                   struct rrset *set)
{
    if (*at >= entry->n_records)
        return false;
    const struct record **v = tree->records + entry->first + *at;
    uint32_t left = entry->n_records - *at;
    *set = (struct rrset){.v = v, .n = 0, .ttl_s = v[0]->ttl_s, .type = v[0]->type};
    for (; set->n < left && v[set->n]->type == set->type; set->n++) {
        if (v[set->n]->ttl_s < set->ttl_s)
            set->ttl_s = v[set->n]->ttl_s;
    }
    *at += set->n;
    return true;
}

struct rrset tree_set(const struct tree *tree, const struct name_entry *entry, uint16_t type)
{
    struct rrset set;
    for (uint32_t at = 0; tree_next_set(tree, entry, &at, &set);) {
        if (set.type == type)
            return set;
    }
    return (struct rrset){.type = type};
}
