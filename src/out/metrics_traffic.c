/* SPDX-License-Identifier: Apache-2.0
 * Metrics of queries, limits and sockets. */
#include "base/metric.h"
#include "dns/rr.h"
#include "out/metrics_parts.h"

#include <stdio.h>

static void put_queries(struct buf *out, const struct io_stats *io)
{
    const struct answer_stats *a = &io->answer;
    const unsigned other = ARRAY_LEN(a->rcode) - 1;
    metric_head(out, "dns_queries_total", "counter", "Queries received, by transport.");
    metric_labelled(out, "dns_queries_total", "transport", "udp", a->queries[0]);
    metric_labelled(out, "dns_queries_total", "transport", "tcp", a->queries[1]);
    metric_head(out, "dns_responses_total", "counter", "Responses, by response code.");
    for (unsigned i = 0; i < other; i++)
        if (a->rcode[i] || i <= 5)
            metric_labelled(out, "dns_responses_total", "rcode", rcode_text(i), a->rcode[i]);
    metric_labelled(out, "dns_responses_total", "rcode", "OTHER", a->rcode[other]);
    metric_counter(out, "dns_dropped_total", "Packets that are no query, or too short to answer.",
                   a->dropped);
    metric_counter(out, "dns_truncated_total", "Responses with TC set.", a->truncated);
    metric_counter(out, "dns_edns_queries_total", "Queries with EDNS.", a->edns);
    metric_counter(out, "dns_ecs_queries_total", "Queries with EDNS client subnet.", a->ecs);
    metric_counter(out, "dns_dynamic_answers_total", "Answers out of a pool.", a->dynamic);
    metric_counter(out, "dns_nodata_total", "Responses without data of the asked type.", a->nodata);
    metric_counter(out, "dns_referrals_total", "Referrals to delegated zones.", a->referrals);
}

static void put_limits(struct buf *out, const struct answer_stats *a)
{
    static const char *const actions[] = {NULL, "dropped", "truncated", "badcookie"};
    static const char *const would[] = {NULL, "would_drop", "would_truncate", "would_badcookie"};
    static const char *const cookies[] = {NULL, "new", "valid", "expired", "invalid"};
    static_assert(ARRAY_LEN(actions) == ARRAY_LEN(a->limited) &&
                      ARRAY_LEN(would) == ARRAY_LEN(a->would_limit) &&
                      ARRAY_LEN(cookies) == ARRAY_LEN(a->cookies),
                  "one each");
    metric_head(
        out, "rate_limited_total", "counter",
        "Answers kept back, or that would be, as their client's network was over its allowance.");
    for (unsigned i = 1; i < ARRAY_LEN(actions); i++)
        metric_labelled(out, "rate_limited_total", "action", actions[i], a->limited[i]);
    for (unsigned i = 1; i < ARRAY_LEN(would); i++)
        metric_labelled(out, "rate_limited_total", "action", would[i], a->would_limit[i]);
    metric_head(out, "cookies_total", "counter",
                "Queries with a DNS cookie, by what became of it.");
    for (unsigned i = 1; i < ARRAY_LEN(cookies); i++)
        metric_labelled(out, "cookies_total", "result", cookies[i], a->cookies[i]);
}

static void put_shares(struct buf *out, const struct io_shares *s)
{
    char text[IP_PORT_TEXT_MAX];
    metric_head(out, "listen_udp_received_total", "counter",
                "UDP packets received, by listen address.");
    for (uint32_t i = 0; i < s->n_listeners; i++)
        metric_labelled(out, "listen_udp_received_total", "listen",
                        ip_port_text(text, &s->listeners[i].addr, s->listeners[i].port),
                        s->listeners[i].udp_received);
    metric_head(out, "listen_udp_kernel_drops_total", "counter",
                "UDP packets dropped by the kernel, socket full, by listen address.");
    for (uint32_t i = 0; i < s->n_listeners; i++)
        metric_labelled(out, "listen_udp_kernel_drops_total", "listen",
                        ip_port_text(text, &s->listeners[i].addr, s->listeners[i].port),
                        s->listeners[i].udp_kernel_drops);
    metric_head(out, "worker_udp_received_total", "counter", "UDP packets received, by worker.");
    for (uint32_t i = 0; i < s->n_workers; i++) {
        snprintf(text, sizeof text, "%u", i);
        metric_labelled(out, "worker_udp_received_total", "worker", text,
                        s->workers[i].udp_received);
    }
    metric_head(out, "worker_udp_kernel_drops_total", "counter",
                "UDP packets dropped by the kernel, socket full, by worker.");
    for (uint32_t i = 0; i < s->n_workers; i++) {
        snprintf(text, sizeof text, "%u", i);
        metric_labelled(out, "worker_udp_kernel_drops_total", "worker", text,
                        s->workers[i].udp_kernel_drops);
    }
}

static void put_sockets(struct buf *out, const struct io_stats *io)
{
    metric_counter(out, "udp_received_total", "UDP packets received.", io->udp_received);
    metric_counter(out, "udp_sent_total", "UDP packets sent.", io->udp_sent);
    metric_counter(out, "udp_send_errors_total", "UDP packets that could not be sent.",
                   io->udp_send_errors);
    metric_counter(out, "udp_kernel_drops_total", "UDP packets dropped by the kernel: socket full.",
                   io->udp_kernel_drops);
    metric_counter(out, "xdp_received_total", "Frames received by AF_XDP.", io->xdp_received);
    metric_counter(out, "xdp_sent_total", "Frames sent by AF_XDP.", io->xdp_sent);
    metric_counter(out, "xdp_invalid_total",
                   "Frames received by AF_XDP with a wrong checksum or length.", io->xdp_invalid);
    metric_counter(out, "xdp_kernel_drops_total",
                   "Frames for AF_XDP dropped by the kernel: ring full.", io->xdp_kernel_drops);
    metric_gauge(out, "tcp_connections", "TCP connections open.", (double)io->tcp_open);
    metric_counter(out, "tcp_connections_total", "TCP connections accepted.", io->tcp_accepted);
    metric_counter(out, "tcp_idle_closed_total", "TCP connections closed for being idle.",
                   io->tcp_idle_closed);
    metric_counter(out, "tcp_limited_total", "TCP connections refused by a limit.",
                   io->tcp_limited);
}

void metrics_traffic(struct buf *out, const struct facts *f)
{
    put_queries(out, &f->io);
    put_limits(out, &f->io.answer);
    put_sockets(out, &f->io);
    put_shares(out, &f->shares);
}
