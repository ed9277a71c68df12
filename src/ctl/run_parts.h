/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: what the files that carry out requests share. */
#pragma once

#include "ctl/disk.h"
#include "ctl/drain_watch.h"
#include "ctl/gather.h"
#include "ctl/page_thread.h"
#include "ctl/poll.h"
#include "ctl/run.h"

struct run {
    uv_loop_t *loop;
    struct ctl_host host;
    struct gather *gather;
    struct disk *disk;
    struct pages *pages;
    struct polls *polls;
    struct polls *set_polls; /* of prefix sets */
    struct drain_watches *drains;
    unsigned n_waiting; /* requests that have not been answered yet */
    bool parts_stopped;
    void (*done)(void *arg);
    void *arg;
};

/** A request that is answered later, maybe after the asker has gone, but not after us. */
struct waiting {
    struct run *run;
    struct run_asker to;
};

struct waiting *run_wait_new(struct run *run, const struct run_asker *to)
    ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** When it has been answered. */
void run_wait_end(struct waiting *waiting) ATTR_NONNULL;

/** Takes over the result. */
void run_answer(const struct run_asker *to, json_t *result) ATTR_NONNULL;
void run_refuse(const struct run_asker *to, int code, const char *error) ATTR_NONNULL;

/** A page that has been asked for; `arg` is the struct waiting. */
void run_on_page(void *arg, struct page *page) __attribute__((nonnull(1)));

/** CTL_TIERS, CTL_ANYCAST. */
void run_tiers(struct run *run, const struct run_asker *to,
               const struct ctl_request *request) ATTR_NONNULL;
void run_anycast(struct run *run, const struct run_asker *to,
                 const struct ctl_request *request) ATTR_NONNULL;
/** For polls: `ctx` is the run. */
uint64_t run_tiers_version(void *ctx, const char *name) ATTR_NONNULL;
uint64_t run_anycast_version(void *ctx, const char *name) ATTR_NONNULL;

/** CTL_IPVS. */
void run_ipvs(struct run *run, const struct run_asker *to) ATTR_NONNULL;

/** CTL_SET, CTL_WEIGHT. */
void run_action(struct run *run, const struct run_asker *to,
                const struct ctl_request *request) ATTR_NONNULL;
