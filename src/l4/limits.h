/* SPDX-License-Identifier: Apache-2.0
 * How many connections a service takes: at once and a second, in all and of each client address
 * (IPv4 /32, IPv6 /64). Shared by all workers, as a client's connections come to any of them:
 * bounded memory, no lock. Where more addresses are at work than there is room for, the limit of
 * an address may be shared with others of its bucket, never lost.
 *
 * A limit that is raised or lowered by a reload holds from then on; counts go on. */
#pragma once

#include "base/ip.h"
#include "model/l4.h"

enum limits_verdict { LIMITS_OK, LIMITS_SERVICE, LIMITS_SOURCE };

struct limits;

/** For a service; `sources` is how many addresses there is room for (rounded up), at 34 bytes each.
 *  Lets nobody in before limits_set(). */
struct limits *limits_new(uint32_t sources);
void limits_free(struct limits *limits);
/** From the main thread; at any time. */
void limits_set(struct limits *limits, const struct l4_service *service);
/** From any worker: whether one more may begin. LIMITS_OK counts it, until limits_leave(). */
enum limits_verdict limits_enter(struct limits *limits, const struct ip *client, int64_t now_ms);
void limits_leave(struct limits *limits, const struct ip *client);
/** Open now, for what is shown, and to be handed on through `replace`. */
uint32_t limits_open(const struct limits *limits);
/** So many more are open in another process, and count as well for the service's `connections`. */
void limits_elsewhere(struct limits *limits, uint32_t open);
/** Counts one that another process has let in, and that goes on here: within no limit, and takes no
 *  token. LIMITS_SOURCE when no more can be counted. */
enum limits_verdict limits_resume(struct limits *limits, const struct ip *client, int64_t now_ms);

/* ---- limits_handed.c: from process to process ---- */

/** What a client has of a service's limits. */
struct limits_source {
    uint64_t client; /* client_number() */
    uint64_t time;   /* of its tokens, as limits_internal.h has it: good in any process */
    uint32_t open;
};

/** Calls fn for each client that has connections open or has taken tokens that have not come again,
 *  also while workers go on. Those that found no room of their own are not among them. */
void limits_each(const struct limits *limits, int64_t now_ms,
                 void (*fn)(void *arg, const struct limits_source *source), void *arg);
/** Counts connections of a client in another process, until limits_release(), and takes the tokens
 *  that it took there; each client once. Before there are workers. Returns how many count. */
uint32_t limits_adopt(struct limits *limits, const struct limits_source *source, int64_t now_ms);
/** So many that limits_adopt() has counted are over. */
void limits_release(struct limits *limits, uint64_t client, uint32_t n);
/** When the service's tokens that were taken will have come again, monotonic. */
int64_t limits_time(const struct limits *limits);
void limits_set_time(struct limits *limits, int64_t time_ns, int64_t now_ms);
