/* SPDX-License-Identifier: Apache-2.0
 * What carries the addresses of prefix sets: TUNs of the guard's, addresses of an interface, or
 * nothing. One claim a set. Sets that have the same TUN (one of that name that leaves, one that
 * comes) share it: it is there while one of them claims it, and its carrier is up while one of them
 * is announced. */
#pragma once

#include "anycast/guard.h"

struct holds;
struct hold;

struct holds_host {
    struct drive *drive;
    void *ctx;
    void (*changed)(void *ctx); /* hold_ready() may say another thing; from the loop */
    void (*late)(void *ctx);    /* the guard has carried out the wills: speakers have lost all */
};

/** `guard_fd` is taken; -1: there is none. `alive` is the guard's. */
struct holds *holds_new(const struct holds_host *host, int guard_fd,
                        bool (*alive)(void *ctx)) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** What the guard does of a speaker when loadstard is gone; nothing where there is none. False: it
 *  cannot keep it. */
bool holds_will(struct holds *holds, uint32_t number, const struct last_will *will)
    __attribute__((nonnull(1)));
/** Addresses that are being removed, or added, and then removed if nobody has them any more. */
uint32_t holds_busy(const struct holds *holds) ATTR_NONNULL;
/** Frees it, when all claims are closed; the guard ends, as guard_close(). */
void holds_free(struct holds *holds, bool withdrawn) ATTR_NONNULL;

/** Claims what the specification says, which lives as long. */
struct hold *hold_open(struct holds *holds, const struct anycast_spec *spec)
    ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** Another specification of the same set; what both have stays as it is. */
struct hold *hold_respecify(struct hold *hold, const struct anycast_spec *spec)
    ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** Whether it is announced. */
void hold_announce(struct hold *hold, bool announced) ATTR_NONNULL;
/** Whether all is there. `why` is what is wrong, "" for nothing, or while that is not known. */
bool hold_ready(const struct hold *hold, const char **why) ATTR_NONNULL;
/** Ends the claim. `keep`: addresses stay for a restart. */
void hold_close(struct hold *hold, bool keep) ATTR_NONNULL;
