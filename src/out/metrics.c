/* SPDX-License-Identifier: Apache-2.0
 * Metrics in Prometheus' text format. Each family is a head (HELP, TYPE) and its samples, all
 * together, as the format demands. */
#include "config.h"

#include "out/metrics.h"

#include "base/clock.h"
#include "base/escape.h"
#include "dns/rr.h"
#include "out/standing.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define PREFIX "loadstar_"

/* The format */

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

/** A label value: made fit for a terminal, then backslash and quote escaped as the format wants. */
static void label(struct buf *out, const char *before, const char *name, const char *value)
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

/** A sample's end: most values are whole numbers, which print ten times as fast as others. */
static void value_of(struct buf *out, double value)
{
    if (value > -1e15 && value < 1e15 && value == (double)(int64_t)value)
        buf_printf(out, " %" PRId64 "\n", (int64_t)value);
    else
        buf_printf(out, " %.15g\n", value);
}

static void count(struct buf *out, const char *name, uint64_t value)
{
    buf_printf(out, PREFIX "%s %" PRIu64 "\n", name, value);
}

/** A family of one sample. */
static void counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
    head(out, name, "counter", help);
    count(out, name, value);
}

static void gauge(struct buf *out, const char *name, const char *help, double value)
{
    head(out, name, "gauge", help);
    buf_printf(out, PREFIX "%s", name);
    value_of(out, value);
}

/** A sample with one label. */
static void labelled(struct buf *out, const char *name, const char *key, const char *value,
                     uint64_t n)
{
    buf_printf(out, PREFIX "%s", name);
    label(out, "{", key, value);
    buf_printf(out, "} %" PRIu64 "\n", n);
}

/* Queries */

static void put_queries(struct buf *out, const struct io_stats *io)
{
    const struct answer_stats *a = &io->answer;
    const unsigned other = ARRAY_LEN(a->rcode) - 1;
    head(out, "dns_queries_total", "counter", "Queries received, by transport.");
    labelled(out, "dns_queries_total", "transport", "udp", a->queries[0]);
    labelled(out, "dns_queries_total", "transport", "tcp", a->queries[1]);
    head(out, "dns_responses_total", "counter", "Responses, by response code.");
    for (unsigned i = 0; i < other; i++)
        if (a->rcode[i] || i <= 5)
            labelled(out, "dns_responses_total", "rcode", rcode_text(i), a->rcode[i]);
    labelled(out, "dns_responses_total", "rcode", "OTHER", a->rcode[other]);
    counter(out, "dns_dropped_total", "Packets that are no query, or too short to answer.",
            a->dropped);
    counter(out, "dns_truncated_total", "Responses with TC set.", a->truncated);
    counter(out, "dns_edns_queries_total", "Queries with EDNS.", a->edns);
    counter(out, "dns_ecs_queries_total", "Queries with EDNS client subnet.", a->ecs);
    counter(out, "dns_dynamic_answers_total", "Answers out of a pool.", a->dynamic);
    counter(out, "dns_nodata_total", "Responses without data of the asked type.", a->nodata);
    counter(out, "dns_referrals_total", "Referrals to delegated zones.", a->referrals);
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
    head(out, "rate_limited_total", "counter",
         "Answers kept back, or that would be, as their client's network was over its allowance.");
    for (unsigned i = 1; i < ARRAY_LEN(actions); i++)
        labelled(out, "rate_limited_total", "action", actions[i], a->limited[i]);
    for (unsigned i = 1; i < ARRAY_LEN(would); i++)
        labelled(out, "rate_limited_total", "action", would[i], a->would_limit[i]);
    head(out, "cookies_total", "counter", "Queries with a DNS cookie, by what became of it.");
    for (unsigned i = 1; i < ARRAY_LEN(cookies); i++)
        labelled(out, "cookies_total", "result", cookies[i], a->cookies[i]);
}

static void put_shares(struct buf *out, const struct io_shares *s)
{
    char text[IP_PORT_TEXT_MAX];
    head(out, "listen_udp_received_total", "counter", "UDP packets received, by listen address.");
    for (uint32_t i = 0; i < s->n_listeners; i++)
        labelled(out, "listen_udp_received_total", "listen",
                 ip_port_text(text, &s->listeners[i].addr, s->listeners[i].port),
                 s->listeners[i].udp_received);
    head(out, "listen_udp_kernel_drops_total", "counter",
         "UDP packets dropped by the kernel, socket full, by listen address.");
    for (uint32_t i = 0; i < s->n_listeners; i++)
        labelled(out, "listen_udp_kernel_drops_total", "listen",
                 ip_port_text(text, &s->listeners[i].addr, s->listeners[i].port),
                 s->listeners[i].udp_kernel_drops);
    head(out, "worker_udp_received_total", "counter", "UDP packets received, by worker.");
    for (uint32_t i = 0; i < s->n_workers; i++) {
        snprintf(text, sizeof text, "%u", i);
        labelled(out, "worker_udp_received_total", "worker", text, s->workers[i].udp_received);
    }
    head(out, "worker_udp_kernel_drops_total", "counter",
         "UDP packets dropped by the kernel, socket full, by worker.");
    for (uint32_t i = 0; i < s->n_workers; i++) {
        snprintf(text, sizeof text, "%u", i);
        labelled(out, "worker_udp_kernel_drops_total", "worker", text,
                 s->workers[i].udp_kernel_drops);
    }
}

static void put_sockets(struct buf *out, const struct io_stats *io)
{
    counter(out, "udp_received_total", "UDP packets received.", io->udp_received);
    counter(out, "udp_sent_total", "UDP packets sent.", io->udp_sent);
    counter(out, "udp_send_errors_total", "UDP packets that could not be sent.",
            io->udp_send_errors);
    counter(out, "udp_kernel_drops_total", "UDP packets dropped by the kernel: socket full.",
            io->udp_kernel_drops);
    counter(out, "xdp_received_total", "Frames received by AF_XDP.", io->xdp_received);
    counter(out, "xdp_sent_total", "Frames sent by AF_XDP.", io->xdp_sent);
    counter(out, "xdp_invalid_total", "Frames received by AF_XDP with a wrong checksum or length.",
            io->xdp_invalid);
    counter(out, "xdp_kernel_drops_total", "Frames for AF_XDP dropped by the kernel: ring full.",
            io->xdp_kernel_drops);
    gauge(out, "tcp_connections", "TCP connections open.", (double)io->tcp_open);
    counter(out, "tcp_connections_total", "TCP connections accepted.", io->tcp_accepted);
    counter(out, "tcp_idle_closed_total", "TCP connections closed for being idle.",
            io->tcp_idle_closed);
    counter(out, "tcp_limited_total", "TCP connections refused by a limit.", io->tcp_limited);
}

/* Endpoints, sites, pools */

/** {pool="...",site="...",endpoint="..."} of each endpoint, rendered once for all its samples. */
static const char **endpoint_labels(struct arena *arena, const struct model *m)
{
    const char **labels = arena_calloc(arena, m->n_endpoints, sizeof *labels);
    struct buf text = {0};
    for (uint32_t i = 0; i < m->n_endpoints; i++) {
        const struct endpoint *e = &m->endpoints[i];
        text.n = 0;
        label(&text, "{", "pool", m->pools[e->pool].name);
        label(&text, ",", "site", m->sites[e->site].name);
        label(&text, ",", "endpoint", e->label);
        buf_puts(&text, "}");
        labels[i] = arena_strndup(arena, text.p, text.n);
    }
    buf_free(&text);
    return labels;
}

static bool measure_serving(const struct endpoint *e, const struct endpoint_state *s, double *value)
{
    *value = endpoint_serves(s) && endpoint_weight(e, s) > 0;
    return true;
}

static bool measure_up(const struct endpoint *e, const struct endpoint_state *s, double *value)
{
    (void)e;
    *value = s->health == HEALTH_UP;
    return s->health != HEALTH_UNKNOWN;
}

static bool measure_weight(const struct endpoint *e, const struct endpoint_state *s, double *value)
{
    *value = endpoint_weight(e, s);
    return true;
}

static bool measure_overridden(const struct endpoint *e, const struct endpoint_state *s,
                               double *value)
{
    (void)e;
    *value = s->override != OVERRIDE_AUTO || s->weight_override >= 0;
    return true;
}

static bool measure_last_change(const struct endpoint *e, const struct endpoint_state *s,
                                double *value)
{
    (void)e;
    *value = (double)s->since_ms / 1000;
    return s->since_ms > 0;
}

static const struct {
    const char *name, *help;
    /* Returns whether there is a value. */
    bool (*measure)(const struct endpoint *e, const struct endpoint_state *s, double *value);
} endpoint_families[] = {
    {"endpoint_serving",
     "Whether new clients are sent to the endpoint: health, override and weight together.",
     measure_serving},
    {"endpoint_up", "What probes found: 1 up, 0 down; absent while unknown.", measure_up},
    {"endpoint_weight", "The weight in force.", measure_weight},
    {"endpoint_overridden", "Whether an operator has set state or weight.", measure_overridden},
    {"endpoint_last_change_timestamp_seconds",
     "When the health last changed; absent while it never has.", measure_last_change},
};

static void put_endpoints(struct buf *out, const struct facts *f)
{
    const struct model *m = f->generation->model;
    struct arena *arena = arena_new();
    const char **labels = endpoint_labels(arena, m);
    for (size_t k = 0; k < ARRAY_LEN(endpoint_families); k++) {
        const char *name = endpoint_families[k].name;
        head(out, name, "gauge", endpoint_families[k].help);
        for (uint32_t i = 0; i < m->n_endpoints; i++) {
            double value;
            if (!endpoint_families[k].measure(&m->endpoints[i], &f->states[i], &value))
                continue;
            buf_puts(out, PREFIX);
            buf_puts(out, name);
            buf_puts(out, labels[i]);
            value_of(out, value);
        }
    }
    arena_free(arena);
}

static void put_endpoint_counts(struct buf *out, const struct facts *f)
{
    const struct model *m = f->generation->model;
    uint64_t n[3] = {0}, stale = 0;
    for (uint32_t i = 0; i < m->n_endpoints; i++)
        n[f->states[i].health]++, stale += f->states[i].stale;
    head(out, "endpoints", "gauge", "Endpoints by probed health.");
    for (int i = 0; i < 3; i++)
        labelled(out, "endpoints", "health", health_text((enum health)i), n[i]);
    gauge(out, "endpoints_stale", "Endpoints whose state may be old news.", (double)stale);
}

static void put_pools(struct buf *out, const struct facts *f)
{
    const struct model *m = f->generation->model;
    struct arena *arena = arena_new();
    struct pool_standing *s = arena_calloc(arena, m->n_pools, sizeof *s);
    for (uint32_t p = 0; p < m->n_pools; p++)
        pool_standing(&s[p], arena, m, f->states, p);
    head(out, "pool_up", "gauge", "Whether any endpoint of the pool serves.");
    for (uint32_t p = 0; p < m->n_pools; p++)
        labelled(out, "pool_up", "pool", m->pools[p].name, s[p].n_up > 0);
    head(out, "pool_site_up", "gauge", "Whether the site is up for the pool (min_up).");
    for (uint32_t p = 0; p < m->n_pools; p++)
        for (uint32_t i = 0; i < m->pools[p].n_sites; i++) {
            buf_puts(out, PREFIX "pool_site_up");
            label(out, "{", "pool", m->pools[p].name);
            label(out, ",", "site", m->sites[s[p].sites[i].site].name);
            buf_printf(out, "} %d\n", s[p].sites[i].up);
        }
    head(out, "pool_site_endpoints_serving", "gauge", "Endpoints that serve, by pool and site.");
    for (uint32_t p = 0; p < m->n_pools; p++)
        for (uint32_t i = 0; i < m->pools[p].n_sites; i++) {
            buf_puts(out, PREFIX "pool_site_endpoints_serving");
            label(out, "{", "pool", m->pools[p].name);
            label(out, ",", "site", m->sites[s[p].sites[i].site].name);
            buf_printf(out, "} %u\n", s[p].sites[i].n_up);
        }
    arena_free(arena);
}

/* Probes */

static void probe_sample(struct buf *out, const struct facts *f, const struct probe_info *probe,
                         const char *name, const char *result, double value)
{
    char ip[IP_TEXT_MAX] = "", port[8];
    if (probe->addr.family != IP_NONE)
        ip_text(ip, &probe->addr);
    snprintf(port, sizeof port, "%u", probe->port);
    buf_printf(out, PREFIX "%s", name);
    label(out, "{", "check", f->generation->model->checks[probe->check].name);
    label(out, ",", "address", ip);
    label(out, ",", "port", port);
    if (result)
        label(out, ",", "result", result);
    buf_puts(out, "}");
    value_of(out, value);
}

static void put_probes(struct buf *out, const struct facts *f)
{
    head(out, "probe_up", "gauge", "What the probes of one check and address found.");
    for (uint32_t i = 0; i < f->n_probes; i++)
        if (f->probes[i].health != HEALTH_UNKNOWN)
            probe_sample(out, f, &f->probes[i], "probe_up", NULL, f->probes[i].health == HEALTH_UP);
    head(out, "probe_duration_seconds", "gauge", "How long the last probe took.");
    for (uint32_t i = 0; i < f->n_probes; i++)
        if (f->probes[i].latency_us)
            probe_sample(out, f, &f->probes[i], "probe_duration_seconds", NULL,
                         f->probes[i].latency_us / 1e6);
    head(out, "probe_last_timestamp_seconds", "gauge", "When the last result came.");
    for (uint32_t i = 0; i < f->n_probes; i++)
        if (f->probes[i].last_ms)
            probe_sample(out, f, &f->probes[i], "probe_last_timestamp_seconds", NULL,
                         (double)f->probes[i].last_ms / 1000);
    head(out, "probe_results_total", "counter", "Probe results, by outcome.");
    for (uint32_t i = 0; i < f->n_probes; i++) {
        probe_sample(out, f, &f->probes[i], "probe_results_total", "ok", (double)f->probes[i].n_ok);
        probe_sample(out, f, &f->probes[i], "probe_results_total", "failed",
                     (double)f->probes[i].n_failed);
        probe_sample(out, f, &f->probes[i], "probe_results_total", "untried",
                     (double)f->probes[i].n_untried);
    }
    gauge(out, "probes_in_flight", "Probes under way.", f->health.n_in_flight);
    gauge(out, "probes_untried", "Probes whose latest try failed for want of something of ours.",
          f->health.n_untried);
    gauge(out, "checker_panic", "Whether the panic guard has frozen all states.", f->health.panic);
    counter(out, "checker_panics_total", "Times that the panic guard froze all states.",
            f->health.n_panics);
    gauge(out, "checker_stale", "Whether the checker has stalled.", f->health.stale);
    gauge(out, "overrides", "Override rules in force.", f->n_rules);
}

/** From a change to the answers: a histogram, whose buckets add up. */
static void put_delays(struct buf *out, const struct checker_delays *d)
{
    uint64_t n = 0;
    head(out, "publish_delay_seconds", "histogram",
         "How long changes of endpoints took until they were in the answers.");
    for (int i = 0; i <= CHECKER_DELAYS; i++) {
        char le[16] = "+Inf";
        if (i < CHECKER_DELAYS)
            snprintf(le, sizeof le, "%g", checker_delay_ms[i] / 1e3);
        labelled(out, "publish_delay_seconds_bucket", "le", le, n += d->n[i]);
    }
    buf_printf(out, PREFIX "publish_delay_seconds_sum %.6f\n", (double)d->sum_us / 1e6);
    count(out, "publish_delay_seconds_count", n);
}

static void put_turns(struct buf *out, const struct turns *t)
{
    uint64_t n = 0;
    head(out, "control_loop_turn_seconds", "histogram",
         "How long the control thread was busy at one go, between two waits for events.");
    for (int i = 0; i <= TURN_BOUNDS; i++) {
        char le[16] = "+Inf";
        if (i < TURN_BOUNDS)
            snprintf(le, sizeof le, "%g", turn_bound_ms[i] / 1e3);
        labelled(out, "control_loop_turn_seconds_bucket", "le", le, n += t->n[i]);
    }
    buf_printf(out, PREFIX "control_loop_turn_seconds_sum %.6f\n", (double)t->sum_us / 1e6);
    count(out, "control_loop_turn_seconds_count", n);
    gauge(out, "control_loop_worst_turn_seconds", "The longest of them since the start.",
          (double)t->worst_us / 1e6);
}

/* Configuration and process */

static uint32_t count_broken(const struct model *m)
{
    uint32_t n = m->n_unnamed;
    for (uint32_t i = 0; i < m->n_zones; i++)
        n += m->zones[i].broken;
    return n;
}

static void put_config(struct buf *out, const struct facts *f)
{
    const struct model *m = f->generation->model;
    char hash[17];
    snprintf(hash, sizeof hash, "%016" PRIx64, m->file_hash);
    gauge(out, "config_generation", "Number of the configuration that serves.",
          (double)f->generation->number);
    head(out, "config_info", "gauge", "Hash of the files of the configuration that serves.");
    labelled(out, "config_info", "hash", hash, 1);
    gauge(out, "config_loaded_timestamp_seconds", "When it was loaded.",
          (double)m->loaded_wall_ms / 1000);
    gauge(out, "config_age_seconds", "How long ago it was loaded.",
          (double)(f->now_ms - m->loaded_wall_ms) / 1000);
    if (f->disk != DISK_UNKNOWN)
        gauge(out, "config_differs_from_disk",
              "Whether the files on disk are not the ones that serve.", f->disk != DISK_SAME);
    gauge(out, "config_last_reload_successful", "Whether the last reload went well.",
          !f->reload.failed);
    gauge(out, "config_last_reload_timestamp_seconds", "When the last reload ended; 0: never.",
          (double)f->reload.at_ms / 1000);
    head(out, "config_reloads_total", "counter", "Reloads, by outcome.");
    labelled(out, "config_reloads_total", "result", "ok", f->reload.n_ok);
    labelled(out, "config_reloads_total", "result", "failed", f->reload.n_failed);
    gauge(out, "config_zones", "Zones served.", m->n_zones);
    gauge(out, "config_zones_broken", "Zones that could not be loaded and answer SERVFAIL.",
          count_broken(m));
    gauge(out, "config_zones_gone", "Zones that were served and that reloads took away.",
          f->reload.n_gone);
    counter(out, "events_total", "Events logged.", f->n_events);
}

static double resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file) {
        if (fscanf(file, "%*u %llu", &pages) != 1)
            pages = 0;
        fclose(file);
    }
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static unsigned open_descriptors(void)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/fd");
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return n ? n - 1 : 0; /* the directory's own */
}

static void put_process(struct buf *out, const struct facts *f)
{
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    head(out, "build_info", "gauge", "The program's version.");
    labelled(out, "build_info", "version", PACKAGE_VERSION, 1);
    gauge(out, "serving", "Whether queries are answered; 0 while starting.", f->ready);
    gauge(out, "start_timestamp_seconds", "When the program started.",
          (double)f->started_ms / 1000);
    gauge(out, "memory_resident_bytes", "Resident memory.", resident_bytes());
    gauge(out, "open_descriptors", "Open file descriptors.", open_descriptors());
    head(out, "cpu_seconds_total", "counter", "CPU time of all threads.");
    buf_printf(out, PREFIX "cpu_seconds_total %.6f\n",
               (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
}

void metrics_text(struct buf *out, const struct facts *f)
{
    put_process(out, f);
    put_config(out, f);
    put_queries(out, &f->io);
    put_limits(out, &f->io.answer);
    put_sockets(out, &f->io);
    put_shares(out, &f->shares);
    put_endpoint_counts(out, f);
    put_pools(out, f);
    put_endpoints(out, f);
    put_probes(out, f);
    put_delays(out, &f->health.delays);
    put_turns(out, &f->turns);
}
