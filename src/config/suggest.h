/* SPDX-License-Identifier: Apache-2.0
 * "Did you mean": the known word nearest to one that is not known. */
#pragma once

#include "base/arena.h"

#include <stdint.h>

/** Gives the i-th known word. */
typedef const char *suggest_word_fn(const void *words, uint32_t i);

/** The nearest of the n words, or NULL when none is near. */
const char *suggest_nearest(const char *word, suggest_word_fn *get, const void *words, uint32_t n);

/** Text to append to "unknown X 'word'": ", did you mean 'WORD'?" when one of the n words is near,
 *  else ", expected one of: ..." (or what there is to say when there are none). */
const char *suggest(struct arena *arena, const char *word, suggest_word_fn *get, const void *words,
                    uint32_t n);
