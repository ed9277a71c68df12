/* SPDX-License-Identifier: Apache-2.0
 * Metrics in Prometheus' text format 0.0.4: one function of the facts. Names begin loadstar_, units
 * are base units, counters end in _total. */
#pragma once

#include "base/buf.h"
#include "out/facts.h"

void metrics_text(struct buf *out, const struct facts *facts) ATTR_NONNULL;
