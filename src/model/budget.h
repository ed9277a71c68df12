/* SPDX-License-Identifier: Apache-2.0
 * What a load will take of memory, judged from the sizes of its files before they are read: running
 * out of it in the midst ends the process. */
#pragma once

#include "base/diag.h"
#include "base/memory.h"

/** Bytes of memory at the peak that a file needs, by what is in it: measured, see "Memory of a
 * load" in contrib/doc/performance.md. */
enum {
    BUDGET_YAML = 20,         /* a byte: the tree of nodes, and what is made of it */
    BUDGET_DATABASE = 5,      /* a byte: a copy, and the tables of clients */
    BUDGET_ZONE_BYTE = 3,     /* the text, the records, what is rendered */
    BUDGET_ZONE_LINE = 250,   /* a record, its name, its node, its place in the index */
    BUDGET_ZONE_FILE = 1024,  /* a zone, whatever its size */
    BUDGET_FREE = 16u << 20,  /* never refused up to here */
    BUDGET_SHARE_PERCENT = 70 /* of what is available, nor up to here */
};

struct budget {
    struct memory_room room;
    uint64_t needed;
    const char *path; /* of the main file, for messages */
    bool insist;      /* asked for with --force: a warning */
    bool lenient;     /* at a start, where nothing is lost by trying: a warning */
    bool told;
};

/** Looks at the machine. */
void budget_begin(struct budget *budget, const char *path, bool insist, bool lenient) ATTR_NONNULL;

/** Each adds what a file will take; a file that is not there takes nothing. */
void budget_add(struct budget *budget, const char *path, unsigned bytes_a_byte) ATTR_NONNULL;
void budget_add_zone(struct budget *budget, const char *path) ATTR_NONNULL;

/** Whether `n` tables of clients, `bytes` together, fit into what is available now; as
 *  budget_allows(), but told at the pool whose table is the first. */
bool budget_allows_tables(const struct budget *budget, struct span pool, uint64_t bytes, uint32_t n,
                          struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Whether what was added fits. Tells so once when it does not; false when the load has to end. */
bool budget_allows(struct budget *budget, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
