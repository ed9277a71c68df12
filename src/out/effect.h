/* SPDX-License-Identifier: Apache-2.0
 * What a change of health, weight or override did to the answers, in words.
 *
 * Views are freed after a grace period, so what was answered before is noted (copied) before the
 * change is published:
 *
 *     struct effects *effects = effects_note(generation, endpoints, n);
 *     generation_refresh_views(generation, states, endpoints, n);
 *     effects_text(text, effects, generation, states, pool);     // for each event's pool
 *     effects_free(effects);                                                                    */
#pragma once

#include "compile/compile.h"

#define EFFECT_MAX 256

struct effects;

/** Notes what the pools of these endpoints answer now. */
struct effects *effects_note(const struct generation *generation, const uint32_t *endpoints,
                             uint32_t n) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** As effects_note(), but what they will answer once these states are published. */
struct effects *effects_note_states(const struct generation *generation,
                                    const struct endpoint_state *states, const uint32_t *endpoints,
                                    uint32_t n) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Compares what `pool` answered at the note with what it answers now: "www: answers move from ams
 * to iad", or "" when they stay or the pool was not noted. `generation` is that of the note. */
void effects_text(char out[EFFECT_MAX], struct effects *effects,
                  const struct generation *generation, const struct endpoint_state *states,
                  uint32_t pool) ATTR_NONNULL;

/** As effects_text(), for states that are not published yet. */
void effects_text_of_states(char out[EFFECT_MAX], const struct effects *effects,
                            const struct generation *generation,
                            const struct endpoint_state *states, uint32_t pool) ATTR_NONNULL;

void effects_free(struct effects *effects);
