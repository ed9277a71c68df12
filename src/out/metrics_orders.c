/* SPDX-License-Identifier: Apache-2.0
 * Metrics of the operator's orders, and of the disk that keeps them. */
#include "base/metric.h"
#include "out/metrics_parts.h"

void metrics_orders(struct buf *out, const struct facts *f)
{
    const struct server_config *server = &f->generation->model->server;
    char id[ORDER_ID_MAX], value[32];
    uint32_t n = f->orders ? f->orders->n : 0, n_old = 0;
    metric_gauge(out, "overrides", "Orders in force.", n);
    metric_head(out, "override_start_timestamp_seconds", "gauge", "When each order was given.");
    for (uint32_t i = 0; i < n; i++) {
        const struct order *o = f->orders->v[i];
        n_old += order_is_old(o, f->now_ms, server->override_reminder_s);
        buf_puts(out, METRIC_PREFIX "override_start_timestamp_seconds");
        metric_label(out, "{", "id", order_id_text(id, f->orders, o));
        metric_label(out, ",", "target", o->target.text);
        metric_label(out, ",", "value", order_value_text(value, o));
        buf_puts(out, "}");
        metric_value(out, (double)o->set_ms / 1000);
    }
    metric_gauge(out, "overrides_old",
                 "Orders without an end that are older than override_reminder.", n_old);
    metric_gauge(out, "overrides_volatile", "Orders that are kept in memory only.",
                 f->health.n_volatile);
    if (server->state_dir)
        metric_gauge(out, "state_writable", "Whether the state directory could be written at last.",
                     f->health.disk_error == 0);
}
