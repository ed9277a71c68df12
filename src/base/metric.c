/* SPDX-License-Identifier: Apache-2.0
 * Families, labels and values. */
#include "base/metric.h"

#include "base/escape.h"

#include <inttypes.h>
#include <string.h>

void metric_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP " METRIC_PREFIX "%s %s\n# TYPE " METRIC_PREFIX "%s %s\n", name, help,
               name, type);
}

void metric_label(struct buf *out, const char *before, const char *name, const char *value)
{
    struct buf shown = {0};
    escape_add(&shown, slice_str(value));
    buf_printf(out, "%s%s=\"", before, name);
    for (const char *p = shown.p; *p;) {
        size_t plain = strcspn(p, "\\\"");
        buf_add(out, p, plain);
        p += plain;
        if (*p)
            buf_puts(out, *p++ == '"' ? "\\\"" : "\\\\");
    }
    buf_puts(out, "\"");
    buf_free(&shown);
}

void metric_value(struct buf *out, double value)
{
    if (value > -1e15 && value < 1e15 && value == (double)(int64_t)value)
        buf_printf(out, " %" PRId64 "\n", (int64_t)value);
    else
        buf_printf(out, " %.15g\n", value);
}

void metric_count(struct buf *out, const char *name, uint64_t value)
{
    buf_printf(out, METRIC_PREFIX "%s %" PRIu64 "\n", name, value);
}

void metric_counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
    metric_head(out, name, "counter", help);
    metric_count(out, name, value);
}

void metric_gauge(struct buf *out, const char *name, const char *help, double value)
{
    metric_head(out, name, "gauge", help);
    buf_printf(out, METRIC_PREFIX "%s", name);
    metric_value(out, value);
}

void metric_labelled(struct buf *out, const char *name, const char *key, const char *value,
                     uint64_t n)
{
    buf_printf(out, METRIC_PREFIX "%s", name);
    metric_label(out, "{", key, value);
    buf_printf(out, "} %" PRIu64 "\n", n);
}
