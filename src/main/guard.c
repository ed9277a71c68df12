/* SPDX-License-Identifier: Apache-2.0
 * The guard of announcements from the daemon's side: its start, and whether all is well here. */
#include "anycast/guard.h"

#include "base/clock.h"
#include "main/daemon.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 200           /* at workers */
#define DROPPED_MS 1000       /* after the last drop it is still a flood */
#define LOOP_PATIENCE_MS 1000 /* for a turn of the control loop, in which they are looked at */

int daemon_start_guard(struct daemon *d, struct diags *diags)
{
    const struct model *m = d->generation->model;
    rights_set held = rights_held();
    int pid;
    d->guard.fd = -1;
    d->anycast_rights =
        (struct anycast_rights){.guard = held, .thread = held, .has_guard = m->n_prefix_sets > 0};
    if (m->n_prefix_sets == 0)
        return 0;
    int code = rights_check_anycast(m, &d->anycast_rights, diags);
    if (code == 0)
        code = rights_check_tun(m, diags);
    if (code != 0)
        return code;
    d->guard.fd = guard_start("/proc/self/exe", m->server.user, &pid);
    if (d->guard.fd >= 0)
        return 0;
    diag_error(diags, (struct span){0}, "cannot start the guard of announcements: %s",
               strerror(errno));
    return E_SYSTEM;
}

int daemon_take_guard(struct daemon *d)
{
    int fd = d->guard.fd;
    d->guard.fd = -1;
    return fd;
}

static void look_for_drops(struct daemon *d, int64_t now_ms)
{
    struct io_stats stats;
    workers_stats(d->workers, &stats);
    if (stats.udp_kernel_drops > d->guard.n_drops)
        atomic_store(&d->guard.dropped_ms, now_ms);
    d->guard.n_drops = stats.udp_kernel_drops;
}

static void on_look(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    int64_t now_ms = clock_mono_ms();
    atomic_store(&d->guard.workers_stalled, d->workers && workers_stalled(d->workers, now_ms));
    atomic_store(&d->guard.looked_ms, now_ms);
    if (d->workers)
        look_for_drops(d, now_ms);
}

void daemon_init_guard(struct daemon *d)
{
    d->guard.fd = -1;
    uv_timer_init(&d->loop, &d->guard.timer);
    d->guard.timer.data = d;
}

void daemon_watch_workers(struct daemon *d)
{
    if (d->anycast_rights.has_guard)
        uv_timer_start(&d->guard.timer, on_look, 0, LOOK_MS);
}

void daemon_close_guard(struct daemon *d)
{
    if (d->guard.fd >= 0)
        close(d->guard.fd);
    d->guard.fd = -1;
    uv_close((uv_handle_t *)&d->guard.timer, NULL);
}

/** On the thread of anycast. */
bool daemon_is_stalled(struct daemon *d)
{
    int64_t looked_ms = atomic_load(&d->guard.looked_ms);
    return looked_ms && (atomic_load(&d->guard.workers_stalled) ||
                         clock_mono_ms() - looked_ms > LOOP_PATIENCE_MS);
}

/** Likewise. */
bool daemon_overflows(struct daemon *d)
{
    int64_t dropped_ms = atomic_load(&d->guard.dropped_ms);
    return dropped_ms && clock_mono_ms() - dropped_ms < DROPPED_MS;
}
