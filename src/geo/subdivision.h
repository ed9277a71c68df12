/* SPDX-License-Identifier: Apache-2.0
 * ISO 3166-2 codes out of what databases call a subdivision. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>

#define SUBDIVISION_MAX 12

/** Writes "US-CA" for ("US", "CA"), ("US", "US-CA") and ("US", "California"). Names are known for
 * the states of the US and the provinces of Canada. Returns false, with out == "", for anything
 * else. */
bool subdivision_make(char out[SUBDIVISION_MAX], const char *country,
                      const char *text) ATTR_NONNULL;
