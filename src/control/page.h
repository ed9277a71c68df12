/* SPDX-License-Identifier: Apache-2.0
 * Documents as they are sent. Immutable, shared by all who asked for the same at the same time, and
 * counted: readers that do not read keep bytes, not copies, and all kept pages together have a
 * budget. Used on one thread, that of the loop that sends them. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

#define PAGES_KEPT_MAX \
    (64u << 20) /* beyond it no page is begun; one may be larger than all of it */
#define PAGE_TAG_MAX 40

struct page_budget {
    size_t kept_b, max_b;
};

struct page {
    unsigned n_holds;
    struct page_budget *budget;
    int code; /* 0; or E_*, and the bytes are the error in words */
    char *bytes;
    size_t n;
    char tag[PAGE_TAG_MAX]; /* entity tag: STATE-CONTENT in hexadecimal digits; "": none */
};

/** Takes over `bytes`, which malloc() gave. The caller holds it once. */
struct page *page_new(struct page_budget *budget, int code, char *bytes,
                      size_t n) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
struct page *page_hold(struct page *page) ATTR_NONNULL ATTR_RETURNS_NONNULL;
/** Gives up one hold; the last frees it. NULL is allowed. */
void page_release(struct page *page);

/** Whether no page may be begun until some are read. */
static inline bool page_budget_is_spent(const struct page_budget *budget)
{
    return budget->kept_b >= budget->max_b;
}
