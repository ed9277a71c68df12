/* SPDX-License-Identifier: Apache-2.0
 * Documents as they are sent. */
#include "control/page.h"

#include "base/arena.h"

#include <stdlib.h>

struct page *page_new(struct page_budget *budget, int code, char *bytes, size_t n)
{
    struct page *page = xcalloc(1, sizeof *page);
    *page = (struct page){.n_holds = 1, .budget = budget, .code = code, .bytes = bytes, .n = n};
    budget->kept_b += n;
    return page;
}

struct page *page_hold(struct page *page)
{
    page->n_holds++;
    return page;
}

void page_release(struct page *page)
{
    if (!page || --page->n_holds)
        return;
    page->budget->kept_b -= page->n;
    free(page->bytes);
    free(page);
}
