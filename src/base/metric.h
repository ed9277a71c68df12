/* SPDX-License-Identifier: Apache-2.0
 * Prometheus' text format. Each family is a head (HELP, TYPE) and its samples, all
 * together, as the format demands. Names are without METRIC_PREFIX. */
#pragma once

#include "base/buf.h"

#include <stdint.h>

#define METRIC_PREFIX "loadstar_"

void metric_head(struct buf *out, const char *name, const char *type,
                 const char *help) ATTR_NONNULL;

/** A label, `before` it "{" or ",": made fit for a terminal, then backslash and quote escaped as
 * the format wants. */
void metric_label(struct buf *out, const char *before, const char *name,
                  const char *value) ATTR_NONNULL;

/** A sample's end: most values are whole numbers, which print ten times as fast as others. */
void metric_value(struct buf *out, double value) ATTR_NONNULL;

/** A sample without labels. */
void metric_count(struct buf *out, const char *name, uint64_t value) ATTR_NONNULL;

/** A sample with one label. */
void metric_labelled(struct buf *out, const char *name, const char *key, const char *value,
                     uint64_t n) ATTR_NONNULL;

/** Families of one sample. */
void metric_counter(struct buf *out, const char *name, const char *help,
                    uint64_t value) ATTR_NONNULL;
void metric_gauge(struct buf *out, const char *name, const char *help, double value) ATTR_NONNULL;
