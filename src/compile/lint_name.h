/* SPDX-License-Identifier: Apache-2.0
 * What the checks of one name share: for lint.c and lint_targets.c alone. */
#pragma once

#include "compile/tree.h"
#include "dns/name.h"
#include "dns/rr.h"

/* The name under scrutiny. */
struct lint {
    struct tree *tree;
    struct diags *diags;
    const struct zone *zone;
    const struct name_entry *entry;
    char *text;                   /* room for lint_owner() */
    const struct pool_name *pool; /* NULL: not steered */
};

/* The name as text; only when there is something to say of it. */
static inline const char *lint_owner(const struct lint *l)
{
    return name_to_text(l->text, name_of(l->entry));
}

static inline struct span lint_span(const struct lint *l, const struct rrset *set)
{
    return record_span(l->zone, set->v[0]);
}

/** Checks the names in the data of an RRset. */
void lint_targets(const struct lint *lint, const struct rrset *set) ATTR_NONNULL;
