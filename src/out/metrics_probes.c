/* SPDX-License-Identifier: Apache-2.0
 * Metrics of probes. */
#include "base/metric.h"
#include "out/metrics_parts.h"

#include <stdio.h>

static void probe_sample(struct buf *out, const struct facts *f, const struct probe_info *probe,
                         const char *name, const char *result, double value)
{
    char ip[IP_TEXT_MAX] = "", port[8];
    if (probe->addr.family != IP_NONE)
        ip_text(ip, &probe->addr);
    snprintf(port, sizeof port, "%u", probe->port);
    buf_printf(out, METRIC_PREFIX "%s", name);
    metric_label(out, "{", "check", f->generation->model->checks[probe->check].name);
    metric_label(out, ",", "address", ip);
    metric_label(out, ",", "port", port);
    if (result)
        metric_label(out, ",", "result", result);
    buf_puts(out, "}");
    metric_value(out, value);
}

static void put_probes(struct buf *out, const struct facts *f)
{
    metric_head(out, "probe_up", "gauge", "What the probes of one check and address found.");
    for (uint32_t i = 0; i < f->n_probes; i++)
        if (f->probes[i].health != HEALTH_UNKNOWN)
            probe_sample(out, f, &f->probes[i], "probe_up", NULL, f->probes[i].health == HEALTH_UP);
    metric_head(out, "probe_duration_seconds", "gauge", "How long the last probe took.");
    for (uint32_t i = 0; i < f->n_probes; i++)
        if (f->probes[i].latency_us)
            probe_sample(out, f, &f->probes[i], "probe_duration_seconds", NULL,
                         f->probes[i].latency_us / 1e6);
    metric_head(out, "probe_last_timestamp_seconds", "gauge", "When the last result came.");
    for (uint32_t i = 0; i < f->n_probes; i++)
        if (f->probes[i].last_ms)
            probe_sample(out, f, &f->probes[i], "probe_last_timestamp_seconds", NULL,
                         (double)f->probes[i].last_ms / 1000);
    metric_head(out, "probe_results_total", "counter", "Probe results, by outcome.");
    for (uint32_t i = 0; i < f->n_probes; i++) {
        probe_sample(out, f, &f->probes[i], "probe_results_total", "ok", (double)f->probes[i].n_ok);
        probe_sample(out, f, &f->probes[i], "probe_results_total", "failed",
                     (double)f->probes[i].n_failed);
        probe_sample(out, f, &f->probes[i], "probe_results_total", "untried",
                     (double)f->probes[i].n_untried);
    }
    metric_gauge(out, "probes_in_flight", "Probes under way.", f->health.n_in_flight);
    metric_gauge(out, "probes_untried",
                 "Probes whose latest try failed for want of something of ours.",
                 f->health.n_untried);
    metric_gauge(out, "endpoints_frozen", "Endpoints whose state the panic guard has frozen.",
                 f->health.n_frozen);
    metric_gauge(out, "checker_panic", "Whether the panic guard has frozen all states.",
                 f->health.panic);
    metric_counter(out, "checker_panics_total", "Times that the panic guard froze all states.",
                   f->health.n_panics);
    metric_gauge(out, "checker_stale", "Whether the checker has stalled.", f->health.stale);
}

/** From a change to the answers: a histogram, whose buckets add up. */
static void put_delays(struct buf *out, const struct checker_delays *d)
{
    uint64_t n = 0;
    metric_head(out, "publish_delay_seconds", "histogram",
                "How long changes of endpoints took until they were in the answers.");
    for (int i = 0; i <= CHECKER_DELAYS; i++) {
        char le[16] = "+Inf";
        if (i < CHECKER_DELAYS)
            snprintf(le, sizeof le, "%g", checker_delay_ms[i] / 1e3);
        metric_labelled(out, "publish_delay_seconds_bucket", "le", le, n += d->n[i]);
    }
    buf_printf(out, METRIC_PREFIX "publish_delay_seconds_sum %.6f\n", (double)d->sum_us / 1e6);
    metric_count(out, "publish_delay_seconds_count", n);
}

void metrics_probes(struct buf *out, const struct facts *f)
{
    put_probes(out, f);
    put_delays(out, &f->health.delays);
}
