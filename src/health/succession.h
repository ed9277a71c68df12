/* SPDX-License-Identifier: Apache-2.0
 * How the checker moves to another model while it goes on probing for the one it has.
 *
 *     succession_new()    on any thread: what follows from the two models alone
 *     succession_step()   on the control thread, slice by slice: what is known of each probe and
 *                         endpoint is carried over; what changes meanwhile is carried over again
 *     succession_pool()   likewise, once nothing waits in there: pools whose views are to be made
 *     succession_finish() the switch: as much work as there are probes in flight
 *     succession_clear()  slice by slice: what the old model alone had in flight is cancelled
 *     succession_free()   on any thread
 *
 * Until the switch the checker is as if nothing was going on, and it can be left out: then the next
 * is freed and was never there. Probes are the same in both models when they ask the same of the
 * same address and port; endpoints when their endpoint_key() is the same. Orders are applied anew.
 */
#pragma once

#include "health/checker.h"

struct succession;

/** From `before`, of which `present` is (checker_present(), given up here), to `model`. Both
 *  models must live until the switch, `before` no longer; `credentials`, the latter's, until this
 *  returns. At most one per checker is begun and not finished. */
struct succession *succession_new(const struct model *model, const struct credentials *credentials,
                                  const struct model *before, struct present *present)
    __attribute__((nonnull(1, 3, 4))) ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Carries over until `until_us` (clock_mono_us()) has come, a little at least; returns whether
 *  nothing is left. One that has been at it for SUCCESSION_PATIENCE_MS does all that is left: where
 *  there is always more, there is no other end. */
bool succession_step(struct checker *checker, struct succession *succession,
                     int64_t until_us) ATTR_NONNULL ATTR_MUST_USE;
#define SUCCESSION_PATIENCE_MS 10000

/** When nothing is left: the next pool of whose endpoints something has changed since it was last
 *  given here, all at first; MODEL_NONE: none. */
uint32_t succession_pool(struct succession *succession) ATTR_NONNULL;
/** The next model's states, to be what checker_states() is after the switch. */
const struct endpoint_state *succession_states(const struct succession *succession) ATTR_NONNULL;

/** Moves the checker, at once after the step that left nothing: trials in flight go on for the
 *  probes that ask the same. Subscribers are due everything. From then on `succession` is what was
 *  before. */
void succession_finish(struct checker *checker, struct succession *succession) ATTR_NONNULL;

/** After the switch: cancels trials that nobody wants any more, until `until_us`; returns whether
 *  none is left. */
bool succession_clear(struct checker *checker, struct succession *succession,
                      int64_t until_us) ATTR_NONNULL ATTR_MUST_USE;

/** Before the switch: the checker goes on with what it has. Then, or after succession_clear(), or
 *  when the checker has stopped: succession_free(). */
void succession_abandon(struct checker *checker, struct succession *succession) ATTR_NONNULL;
void succession_free(struct succession *succession);
