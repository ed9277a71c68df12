/* SPDX-License-Identifier: Apache-2.0
 * All metrics, and those of the process and its configuration. */
#include "config.h"

#include "out/metrics.h"

#include "base/metric.h"
#include "out/metrics_parts.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static void put_turn_lengths(struct buf *out, const char *name, const char *help, const uint64_t *n,
                             uint64_t sum_us)
{
    char bucket[64];
    uint64_t total = 0;
    metric_head(out, name, "histogram", help);
    snprintf(bucket, sizeof bucket, "%s_bucket", name);
    for (int i = 0; i <= TURN_BOUNDS; i++) {
        char le[16] = "+Inf";
        if (i < TURN_BOUNDS)
            snprintf(le, sizeof le, "%g", turn_bound_ms[i] / 1e3);
        metric_labelled(out, bucket, "le", le, total += n[i]);
    }
    buf_printf(out, METRIC_PREFIX "%s_sum %.6f\n" METRIC_PREFIX "%s_count %" PRIu64 "\n", name,
               (double)sum_us / 1e6, name, total);
}

static void put_turns(struct buf *out, const struct turns *t)
{
    put_turn_lengths(
        out, "control_loop_turn_seconds",
        "How long the control thread was busy at one go, between two waits for events.", t->n,
        t->sum_us);
    put_turn_lengths(out, "control_loop_turn_cpu_seconds",
                     "How much of that it ran: the rest is what others took from it.", t->n_cpu,
                     t->sum_cpu_us);
    metric_gauge(out, "control_loop_worst_turn_seconds", "The longest of them since the start.",
                 (double)t->worst_us / 1e6);
}

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
    metric_gauge(out, "config_generation", "Number of the configuration that serves.",
                 (double)f->generation->number);
    metric_head(out, "config_info", "gauge", "Hash of the files of the configuration that serves.");
    metric_labelled(out, "config_info", "hash", hash, 1);
    metric_gauge(out, "config_loaded_timestamp_seconds", "When it was loaded.",
                 (double)m->loaded_wall_ms / 1000);
    metric_gauge(out, "config_age_seconds", "How long ago it was loaded.",
                 (double)(f->now_ms - m->loaded_wall_ms) / 1000);
    if (f->disk != DISK_UNKNOWN)
        metric_gauge(out, "config_differs_from_disk",
                     "Whether the files on disk are not the ones that serve.",
                     f->disk != DISK_SAME);
    metric_gauge(out, "config_last_reload_successful", "Whether the last reload went well.",
                 !f->reload.failed);
    metric_gauge(out, "config_last_reload_timestamp_seconds",
                 "When the last reload ended; 0: never.", (double)f->reload.at_ms / 1000);
    metric_head(out, "config_reloads_total", "counter", "Reloads, by outcome.");
    metric_labelled(out, "config_reloads_total", "result", "ok", f->reload.n_ok);
    metric_labelled(out, "config_reloads_total", "result", "failed", f->reload.n_failed);
    metric_gauge(out, "config_zones", "Zones served.", m->n_zones);
    metric_gauge(out, "config_zones_broken", "Zones that could not be loaded and answer SERVFAIL.",
                 count_broken(m));
    metric_gauge(out, "config_zones_gone", "Zones that were served and that reloads took away.",
                 f->reload.n_gone);
    metric_counter(out, "events_total", "Events logged.", f->n_events);
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
    metric_head(out, "build_info", "gauge", "The program's version.");
    metric_labelled(out, "build_info", "version", PACKAGE_VERSION, 1);
    metric_gauge(out, "serving", "Whether queries are answered; 0 while starting.", f->ready);
    metric_gauge(out, "start_timestamp_seconds", "When the program started.",
                 (double)f->started_ms / 1000);
    metric_gauge(out, "memory_resident_bytes", "Resident memory.", resident_bytes());
    metric_gauge(out, "open_descriptors", "Open file descriptors.", open_descriptors());
    metric_head(out, "cpu_seconds_total", "counter", "CPU time of all threads.");
    buf_printf(out, METRIC_PREFIX "cpu_seconds_total %.6f\n",
               (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
}

void metrics_text(struct buf *out, const struct facts *f)
{
    put_process(out, f);
    put_config(out, f);
    metrics_traffic(out, f);
    metrics_pools(out, f);
    metrics_probes(out, f);
    metrics_orders(out, f);
    metrics_tiers(out, f);
    metrics_anycast(out, f);
    put_turns(out, &f->turns);
}
