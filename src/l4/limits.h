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
