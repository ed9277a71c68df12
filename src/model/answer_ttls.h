/* SPDX-License-Identifier: Apache-2.0
 * How long answers with the endpoints of a pool may live. */
#pragma once

#include "model/model.h"

/** Per pool the longest TTL, in seconds, that any name of the model's zones could answer with for
 *  its endpoints, in `arena`: what model.answer_ttls is. */
const uint32_t *answer_ttls(struct arena *arena, const struct model *m) ATTR_NONNULL;
