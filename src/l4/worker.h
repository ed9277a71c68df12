/* SPDX-License-Identifier: Apache-2.0
 * A worker: a thread with an epoll instance, its listeners, its connections and flows. Nothing of
 * it is shared but what member.h says; plans come to it and others go back.
 *
 *   worker.c      the loop: events, time, plans, orders of the main thread
 *   tcp*.c        connections
 *   udp*.c        flows of datagrams
 *
 * What waits for a descriptor embeds a worker_source, what waits for time a worker_timer. */
#pragma once

#include "base/wheel.h"
#include "l4/bequest.h"
#include "l4/plan.h"

#include <sys/epoll.h>

struct worker;

struct worker_source {
    void (*ready)(struct worker *worker, struct worker_source *source, uint32_t events);
};

struct worker_timer {
    struct wheel_entry entry; /* first */
    void (*fire)(struct worker *worker, struct worker_timer *timer);
};

/* Work that is put off until the events at hand have been seen to: memory that these may point to,
 * what they gathered, or, by worker_go_on(), much work that takes turns with that of others. */
struct worker_task {
    struct worker_task *next;
    void (*run)(struct worker *worker, struct worker_task *task);
    bool waits;
};

/** In the order in which they were put off. */
struct worker_tasks {
    struct worker_task *first, **end;
};

struct tcp; /* the connections of one worker */
struct udp; /* its flows */

struct worker {
    uint32_t nth;
    int epoll;
    int64_t now_ms; /* monotonic, as of this turn of the loop */
    uint64_t turn;  /* its number */
    struct wheel wheel;
    struct plan *plan; /* held; NULL before the first */
    struct balance_cursor *cursors;
    struct tcp *tcp;
    struct udp *udp;
    const struct worker_host *host;
    struct worker_tasks tasks, turns; /* worker_defer(), worker_go_on() */
};

struct flow_record;
struct sockhash;

/** What workers tell; on the worker's thread, must not block. */
struct worker_host {
    void *ctx;
    /** A connect failed, or a flow met silence or an ICMP error: for a passive report. */
    void (*failed)(void *ctx, struct member *member, bool timed_out);
    /** Client RTT of a flow that ended or was sampled, microseconds. */
    void (*client_rtt)(void *ctx, const struct ip *client, uint32_t rtt_us);
    /** A connection has ended; NULL: nobody logs. */
    void (*ended)(void *ctx, const struct flow_record *record);
    const struct sockhash *sockhash; /* outlives workers; NULL: the kernel relays nothing */
};

/** One flow for the log and for `flows`. */
struct flow_record {
    const char *service, *key;
    struct ip client, local, member;
    uint16_t client_port, local_port, member_port;
    int64_t begun_ms; /* wall clock */
    uint32_t duration_ms, connect_us, rtt_us;
    uint64_t bytes_in, bytes_out;
    enum service_result result;
    const char *relay; /* how it is relayed now: "copy", "splice", "sockhash"; NULL: of datagrams */
    const char *end;   /* "closed", "reset by client", "idle", ... */
    uint8_t tries;
    bool udp;
};

/** Starts a thread, pinned to core `cpu` (-1: not). Returns 0, or E_SYSTEM (errno). */
int worker_start(struct worker **worker, uint32_t nth, int cpu, const struct worker_host *host);
/** From the main thread: go by this plan. Takes over one hold. */
void worker_give(struct worker *worker, struct plan *plan);
/** From any thread: runs fn(worker, arg) on the worker; what one thread posts, in order. */
void worker_post(struct worker *worker, void (*fn)(struct worker *worker, void *arg), void *arg);
/** No new flows from now on; `close_at_ms` (monotonic) ends those that are left. `passed`: another
 *  process reads the listeners from now on, so that this one leaves to it what is in them;
 * otherwise connections that are queued are taken and others refused, for good; datagrams of flows
 * that are open go on, and others are dropped. */
void worker_drain(struct worker *worker, int64_t close_at_ms, bool passed);
/** Takes back a worker_drain() whose listeners were to be passed on. */
void worker_undrain(struct worker *worker);
/** Closes everything that is left, joins, frees. */
void worker_stop(struct worker *worker);
#define WORKER_FLOWS_END UINT64_MAX
#define WORKER_LOOK_MAX 1024 /* records that one call looks at, in use or not */
/** On the worker's thread (worker_post()): copies flows that are open now, from place *at on, at
 *  first 0, and at most `max`. Returns how many, which may be none; *at is moved on by what was
 *  looked at, to WORKER_FLOWS_END behind the last. A flow that is open all the while is come by
 *  once. Strings are the registry's, good while the flow's member and service are. */
uint32_t worker_flows(struct worker *worker, struct flow_record *out, uint32_t max, uint64_t *at);

/* ---- for tcp and udp, on the worker's thread ---- */

/** Returns 0, or -1 (errno). Closing the descriptor ends it, if it was never duplicated. Events of
 *  this turn may still come to the source then: it is kept until a task that is put off now. */
int worker_watch(struct worker *worker, int fd, uint32_t events, struct worker_source *source);
int worker_rewatch(struct worker *worker, int fd, uint32_t events, struct worker_source *source);
void worker_unwatch(struct worker *worker, int fd);
/** Runs the task at the end of this turn (from a task: of the next), once however often asked; one
 *  that waits to go on does that, and no more. */
void worker_defer(struct worker *worker, struct worker_task *task);
/** Runs it at the end of this turn or of a later one, behind those that wait already: few of these
 *  run in a turn, so that events, time and tasks wait for no more than them. */
void worker_go_on(struct worker *worker, struct worker_task *task);
/** A timer may be started and stopped by wheel_start(), wheel_stop() on worker->wheel. */
static inline void worker_after(struct worker *worker, struct worker_timer *timer, int64_t ms)
{
    wheel_start(&worker->wheel, &timer->entry, worker->now_ms + ms);
}

/** What worker_flows() has found so far. */
struct flow_look {
    struct flow_record *out;
    uint32_t n, max; /* copied; at most */
    uint32_t left;   /* records that may still be looked at */
};

/* tcp.h and udp.h: each has these for the loop. *_flows() goes on from record number *at, and
 * returns false behind the last. */
struct tcp *tcp_new(struct worker *worker);
void tcp_follow(struct tcp *tcp, struct plan *before); /* worker->plan is another one */
void tcp_drain(struct tcp *tcp, int64_t close_at_ms, bool passed);
void tcp_undrain(struct tcp *tcp);
bool tcp_flows(struct tcp *tcp, struct flow_look *look, uint32_t *at);
void tcp_free(struct tcp *tcp);
struct udp *udp_new(struct worker *worker);
void udp_follow(struct udp *udp, struct plan *before);
void udp_drain(struct udp *udp, int64_t close_at_ms, bool passed);
void udp_undrain(struct udp *udp);
bool udp_flows(struct udp *udp, struct flow_look *look, uint32_t *at);
uint32_t udp_n_flows(const struct udp *udp); /* that are open */

/* For the process that is to take over: what it gets of a flow. */
struct udp_handed {
    struct bound_key key;
    struct member *member;
    int64_t seen_ms;
};
/** Copies flows from entry number *at on, up to max, and returns how many; *at is moved on, to
 *  UINT32_MAX at the end. */
uint32_t udp_hand_on(const struct udp *udp, struct udp_handed *out, uint32_t max, uint32_t *at);
void udp_free(struct udp *udp);
