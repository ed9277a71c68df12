/* SPDX-License-Identifier: Apache-2.0
 * Inside src/health: the slow start. An endpoint that begins to serve has 1/16 of its weight, and
 * 1/16 more in each of 15 equal steps over its pool's `slow_start`: endpoint_state.ramp.
 *
 * It begins when an endpoint was down, drained or of weight 0 and is not any more, and when a
 * reload adds one; not at a start, where nobody knows how long all have served, nor when a reload
 * adds `slow_start` to those that serve. A reload carries it over. Endpoints of one pool that begin
 * together stay together; pools take their steps at different times, as each compiles a view.
 *
 * The first subscriber of the checker: what begins to serve is told to the others with its ramp. */
#pragma once

#include "base/wheel.h"
#include "health/subscription.h"

struct checker;

struct ramp {
    struct subscription *subscription;
    struct wheel wheel;
    struct wheel_entry *entries; /* of each endpoint; NULL: no pool starts slowly */
};

enum ramp_seen { RAMP_UNSEEN, RAMP_NEW, RAMP_IDLE, RAMP_SERVES }; /* struct standing */

/** Before anybody else subscribes. */
void ramp_init(struct checker *checker) ATTR_NONNULL;
/** Takes the steps that are due. */
void ramp_step(struct checker *checker) ATTR_NONNULL;
void ramp_free(struct ramp *ramp) ATTR_NONNULL;
