/* SPDX-License-Identifier: Apache-2.0
 * From rings of records to lines. */
#include "l4/flow_log.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "control/json.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RING_RECORDS 1024 /* a power of two; of a worker, 600 KiB */
#define LOOK_MS 100       /* a ring that is not full is looked at so often */

/** A record with its texts: those that it points to go with their member. */
struct logged {
    struct flow_record record;
    char service[L4_NAME_MAX], key[MEMBER_KEY_MAX];
};

struct flow_log_ring {
    alignas(64) _Atomic uint32_t put; /* records so far: the worker's */
    uint32_t until;                   /* connections until the next one is logged */
    uint32_t sample;
    _Atomic uint64_t n_dropped;
    alignas(64) _Atomic uint32_t taken; /* the thread's */
    struct logged *v;
};

struct flow_log {
    pthread_t thread;
    atomic_bool stopping;
    int fd;
    uint32_t n;
    uint64_t n_told; /* dropped lines that the log has told of */
    int64_t told_ms;
    struct flow_log_ring *rings;
};

struct flow_log_ring *flow_log_ring(struct flow_log *log, uint32_t worker)
{
    return &log->rings[worker];
}

void flow_log_put(struct flow_log_ring *ring, const struct flow_record *record)
{
    if (--ring->until > 0)
        return;
    ring->until = ring->sample;
    uint32_t put = atomic_load_explicit(&ring->put, memory_order_relaxed);
    if (put - atomic_load_explicit(&ring->taken, memory_order_acquire) == RING_RECORDS) {
        atomic_fetch_add_explicit(&ring->n_dropped, 1, memory_order_relaxed);
        return;
    }
    struct logged *to = &ring->v[put & (RING_RECORDS - 1)];
    to->record = *record;
    strncpy(to->service, record->service ? record->service : "", sizeof to->service - 1);
    strncpy(to->key, record->key ? record->key : "", sizeof to->key - 1);
    atomic_store_explicit(&ring->put, put + 1, memory_order_release);
}

static void set_place(json_t *line, const char *key, const struct ip *ip, uint16_t port)
{
    char text[IP_PORT_TEXT_MAX];
    if (ip->family != IP_NONE)
        json_set_text(line, key, ip_port_text(text, ip, port));
}

static json_t *line_of(const struct logged *l)
{
    const struct flow_record *r = &l->record;
    json_t *line = json_object();
    json_set_time(line, "time", clock_wall_ms());
    json_set_text(line, "service", l->service);
    json_set_text(line, "protocol", r->udp ? "udp" : "tcp");
    set_place(line, "client", &r->client, r->client_port);
    set_place(line, "local", &r->local, r->local_port);
    if (*l->key) {
        json_set_text(line, "member", l->key);
        set_place(line, "address", &r->member, r->member_port);
    }
    json_set_text(line, "result", service_result_text(r->result));
    json_set_text(line, "end", r->end ? r->end : "");
    json_set_time(line, "begun", r->begun_ms);
    json_set_int(line, "duration_ms", r->duration_ms);
    json_set_real(line, "connect_ms", r->connect_us / 1000.0, 3);
    json_set_real(line, "rtt_ms", r->rtt_us / 1000.0, 3);
    json_set_int(line, "bytes_in", (int64_t)r->bytes_in);
    json_set_int(line, "bytes_out", (int64_t)r->bytes_out);
    json_set_int(line, "tries", r->tries);
    return line;
}

static void write_line(const struct flow_log *log, const struct logged *l)
{
    json_t *line = line_of(l);
    size_t n;
    char *text = json_print(line, JSON_COMPACT, &n);
    text = xrealloc(text, n + 1);
    text[n] = '\n';
    for (size_t at = 0; at < n + 1;) {
        ssize_t written = write(log->fd, text + at, n + 1 - at);
        if (written < 0 && errno != EINTR)
            break; /* nobody can be told */
        at += written > 0 ? (size_t)written : 0;
    }
    free(text);
    json_decref(line);
}

/** Returns whether there was anything. */
static bool empty_ring(struct flow_log *log, struct flow_log_ring *ring)
{
    uint32_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    uint32_t put = atomic_load_explicit(&ring->put, memory_order_acquire);
    bool some = taken != put;
    for (; taken != put; taken++) {
        write_line(log, &ring->v[taken & (RING_RECORDS - 1)]);
        atomic_store_explicit(&ring->taken, taken + 1, memory_order_release);
    }
    return some;
}

uint64_t flow_log_dropped(const struct flow_log *log)
{
    uint64_t n = 0;
    for (uint32_t i = 0; log && i < log->n; i++)
        n += atomic_load_explicit(&log->rings[i].n_dropped, memory_order_relaxed);
    return n;
}

/** At most once a second. */
static void tell_dropped(struct flow_log *log)
{
    uint64_t n = flow_log_dropped(log);
    if (n == log->n_told || clock_mono_ms() - log->told_ms < 1000)
        return;
    log_warning("%llu lines about connections were left out: the log takes them too slowly; see "
                "log.sample",
                (unsigned long long)(n - log->n_told));
    log->n_told = n;
    log->told_ms = clock_mono_ms();
}

static void *run(void *arg)
{
    struct flow_log *log = arg;
    const struct timespec pause = {0, LOOK_MS * 1000000};
    for (;;) {
        bool last = atomic_load(&log->stopping), some = false;
        for (uint32_t i = 0; i < log->n; i++)
            some |= empty_ring(log, &log->rings[i]);
        tell_dropped(log);
        if (last)
            return NULL;
        if (!some)
            nanosleep(&pause, NULL);
    }
}

struct flow_log *flow_log_start(uint32_t n_workers, uint32_t sample)
{
    struct flow_log *log = xcalloc(1, sizeof *log);
    log->fd = STDERR_FILENO;
    log->n = n_workers;
    log->rings = aligned_alloc(64, n_workers * sizeof *log->rings);
    if (!log->rings)
        abort();
    memset(log->rings, 0, n_workers * sizeof *log->rings);
    for (uint32_t i = 0; i < n_workers; i++) {
        log->rings[i].sample = log->rings[i].until = sample > 0 ? sample : 1;
        log->rings[i].v = xcalloc(RING_RECORDS, sizeof(struct logged));
    }
    if (pthread_create(&log->thread, NULL, run, log) != 0)
        abort(); /* at a start, before anything is served */
    pthread_setname_np(log->thread, "flow-log");
    return log;
}

void flow_log_set_output(struct flow_log *log, int fd)
{
    log->fd = fd;
}

void flow_log_stop(struct flow_log *log)
{
    if (!log)
        return;
    atomic_store(&log->stopping, true);
    pthread_join(log->thread, NULL);
    for (uint32_t i = 0; i < log->n; i++)
        free(log->rings[i].v);
    free(log->rings);
    free(log);
}
