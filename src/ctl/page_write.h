/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: facts into the bytes of a page. */
#pragma once

#include "ctl/explain_ask.h"
#include "ctl/request.h"
#include "out/facts.h"

struct page_text {
    int code;    /* 0; or E_*, and the bytes are the error in words, without NUL */
    char *bytes; /* malloc()ed */
    size_t n;
    uint64_t digest;
};

/** A document that is made, and not written yet. */
struct page_made {
    json_t *document; /* owned; NULL: refused */
    int code;
    char error[EXPLAIN_ERROR_MAX];
};

/** Whether the document is of what only the control thread may look at: the snapshot in force, the
 *  log of events, what is still to be expected of a drain. Small, or written rarely. */
bool page_needs_the_loop(const struct ctl_request *request) ATTR_NONNULL ATTR_PURE;

/** Whether the document is made of states or probes: then these are to be copied. */
bool page_needs_states(const struct ctl_request *request) ATTR_NONNULL ATTR_PURE;

/** Makes the document of a command that reads. */
void page_make(struct page_made *made, const struct facts *facts,
               const struct ctl_request *request) ATTR_NONNULL;
/** Writes it, on any thread, and frees it. */
void page_write_made(struct page_text *out, struct page_made *made) ATTR_NONNULL;

/** Writes the document of a command that reads, as one line of JSON with its end; or the metrics
 * when `request` is NULL. */
void page_write(struct page_text *out, const struct facts *facts, const struct ctl_request *request)
    __attribute__((nonnull(1, 2)));
