/* SPDX-License-Identifier: Apache-2.0
 * The driver of HAProxy: what its files share. */
#pragma once

#include "drive/talk.h"
#include "tier/agent.h"
#include "tier/driver.h"
#include "tier/haproxy_commands.h"

#define HAPROXY_TOTAL_MS 5000 /* for one connection */
#define HAPROXY_IDLE_MS 2000
#define HAPROXY_REPLY_MAX (64u << 20)

/** What a plan comes to, over all its connections. */
struct haproxy_work {
    struct haproxy_commands commands;
    size_t at, n; /* the commands of the connection that is open */
    struct haproxy_answers answers;
    size_t *busy; /* commands that delete what still has connections, to be tried again */
    size_t n_busy;
    unsigned n_tries;
    bool denied;
    uint32_t n_bad;
    char bad[512]; /* the first thing that was not taken, and why; "": all was */
};

/** Answers to agent checks: of the current table, whatever becomes of the socket. */
struct haproxy_agent {
    struct agent_tier tier;
    int listener; /* -1: none */
    struct strmap members;
    int64_t *asked_ms; /* of each member, monotonic; 0: never */
    int64_t since_ms;
    bool released;   /* nothing that is not known is waited for any more */
    int64_t look_ms; /* when to see to that again */
};

struct driver {
    const struct driver_host *host;
    struct haproxy_agent agent;
    char refused[192]; /* why nothing can be done with it as it is configured; "" */
    struct talk *talk; /* NULL: none is under way */
    struct talk_spec talk_spec;
    bool pulses; /* `talk` is that of a pulse */
    struct haproxy_info pulse_info;
    struct haproxy_reading now, next; /* the last whole one, and the one that comes in */
    int64_t stat_ms;                  /* monotonic: when `now` has its statistics from */
    uint64_t pid, uptime_s;           /* of the HAProxy that was seen last; 0: none */
    struct haproxy_work work;
    uv_timer_t timer; /* to the next try of what is busy */
};

static inline const struct tier *haproxy_config(const struct driver *driver)
{
    return driver->host->spec->config;
}

static inline enum haproxy_scale haproxy_scale(const struct driver *driver)
{
    return haproxy_config(driver)->haproxy.agent.addr.family == IP_NONE ? HAPROXY_ABSOLUTE
                                                                        : HAPROXY_PERCENT;
}

/** Fails what is under way with what became of its connection. */
void haproxy_fail_talk(struct driver *driver, enum talk_end how, int error) ATTR_NONNULL;

/** Starts a connection; `request` is freed. */
void haproxy_talk(struct driver *driver, struct buf *request,
                  const struct talk_events *events) ATTR_NONNULL;

/** The row of a member, or NULL while the table does not have it. */
const struct tier_row *haproxy_row(const struct driver *driver, uint32_t member) ATTR_NONNULL;

/* haproxy_apply.c */
/** Begins to carry out a plan, and ends it: host->applied() or failed(). */
void haproxy_apply(struct driver *driver, const struct tier_table *table,
                   const struct tier_plan *plan) ATTR_NONNULL;
void haproxy_work_free(struct haproxy_work *work) ATTR_NONNULL;

/* haproxy_agent.c */
void haproxy_agent_open(struct driver *driver) ATTR_NONNULL;
void haproxy_agent_close(struct driver *driver) ATTR_NONNULL;
/** Adds to a note which members nobody asks for. */
void haproxy_agent_note(const struct driver *driver, struct buf *note) ATTR_NONNULL;

/* haproxy_seen.c */
/** Without a socket: the members as they are answered for. */
void haproxy_seen_by_agent(struct driver *driver, struct observation *seen) ATTR_NONNULL;
/** What was read, as an observation. Its parts are freed with haproxy_seen_free(). */
void haproxy_seen(struct driver *driver, struct observation *seen) ATTR_NONNULL;
void haproxy_seen_free(struct observation *seen) ATTR_NONNULL;
