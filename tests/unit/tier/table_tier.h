/* SPDX-License-Identifier: Apache-2.0
 * A tier that is a table in memory, with faults on demand, and a driver for it. */
#pragma once

#include "tier/driver.h"

#include <pthread.h>

struct table_member {
    struct ip addr;
    uint16_t port;
    char name[64];
    struct serving serving;
    int64_t active;
};

/** What goes wrong with what is asked next, and goes on to until it is set otherwise. */
enum table_fault {
    TABLE_WELL,
    TABLE_FAILS,     /* says so, with `reason` */
    TABLE_IS_SILENT, /* never answers */
    TABLE_IS_DEAF,   /* apply(): says that it is done, and is not */
};

struct table_tier {
    pthread_mutex_t lock; /* of all of it, where the driver has a thread of its own */
    const char *name;     /* of the tier; NULL: of any */
    bool exists, is_foreign;
    struct table_member v[128];
    uint32_t n;
    bool answers_at_once; /* from within what it is asked, else in the next turn of the loop */
    uint32_t delay_ms;
    enum table_fault observe, apply;
    enum tier_error reason;
    uint32_t fails_after; /* apply(): so many steps are carried out before it fails */
    uint32_t n_failures;  /* after so many it is well again; 0: never */
    int64_t ready_ms;
    uint32_t meets;     /* the next look meets a failure of that member, from 1; 0: of none */
    uint32_t ration_ms; /* how long it is not ready after it was told something */

    uint32_t n_observed, n_applied, n_steps, n_opened, n_closed, n_respecified, n_changed, n_pulsed;
    uint32_t n_under_way;           /* asked and not answered: 1 at most */
    const struct driver_host *host; /* of the one that is open */
};

/** Tiers that the driver finds, by name. */
extern struct table_tier *table_tiers[8];
extern const struct driver_type table_driver;

static inline void table_lock(struct table_tier *table)
{
    pthread_mutex_lock(&table->lock);
}
static inline void table_unlock(struct table_tier *table)
{
    pthread_mutex_unlock(&table->lock);
}

struct table_member *table_find(struct table_tier *table, const char *name) ATTR_NONNULL;
