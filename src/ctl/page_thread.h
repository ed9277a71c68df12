/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: documents and metrics, one after the other, off the control thread. With 100,000
 * endpoints the metrics are 87 MB, and writing the list of endpoints takes 0.7 s, for which no
 * probe result would be taken in. So a thread that gives way writes them, out of a copy of the
 * facts; the control thread is held for slices of 2 ms by that, and for half of its time at most,
 * however many ask. All who ask for the same before its facts are gathered get the same page. */
#pragma once

#include "control/page.h"
#include "ctl/disk.h"
#include "ctl/gather.h"
#include "ctl/request.h"

struct pages;

struct pages *pages_new(uv_loop_t *loop, struct gather *gather, struct disk *disk)
    __attribute__((nonnull(1))) ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** `page` is borrowed; NULL: too much is kept for readers that do not read, or we stop. */
typedef void page_ready_fn(void *arg, struct page *page);

/** Asks for the document of a command that reads, or for the metrics (NULL). `ready` is called
 * once, later, on the loop; when we stop, at once. */
void pages_ask(struct pages *pages, const struct ctl_request *request, page_ready_fn *ready,
               void *arg) __attribute__((nonnull(1, 3)));
/** Likewise for the metrics with those of all members of tiers, however many there are. */
void pages_ask_members(struct pages *pages, page_ready_fn *ready, void *arg)
    __attribute__((nonnull(1, 2)));

/** Called when no page can be begun: makes readers that do not read give up theirs. NULL: `arg` is
 *  asked no more. */
void pages_on_spent(struct pages *pages, void (*reclaim)(void *arg), void *arg)
    __attribute__((nonnull(1)));

/** Asks those readers. */
void pages_reclaim(struct pages *pages) ATTR_NONNULL;

struct page_budget *pages_budget(struct pages *pages) ATTR_NONNULL ATTR_RETURNS_NONNULL;

/** Tells all who ask, waits for the page that is being written; `done` runs on the loop. */
void pages_stop(struct pages *pages, void (*done)(void *arg), void *arg);
/** When no page is left. */
void pages_free(struct pages *pages) ATTR_NONNULL;
