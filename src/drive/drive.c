/* SPDX-License-Identifier: Apache-2.0
 * The thread, and what ends with it. */
#include "base/arena.h"
#include "base/diag.h"
#include "drive/files.h"
#include "drive/internal.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define SWEEP_MS 1000

static void stop_works(void *arg)
{
    struct drive *drive = arg;
    while (drive->works) {
        struct drive_work *work = drive->works;
        drive_remove(drive, work);
        work->stop(work);
    }
}

void drive_add(struct drive *drive, struct drive_work *work)
{
    work->prev = NULL;
    work->next = drive->works;
    if (work->next)
        work->next->prev = work;
    drive->works = work;
    work->listed = true;
    if (drive->stopping)
        drive_post(drive, stop_works, drive);
}

void drive_remove(struct drive *drive, struct drive_work *work)
{
    if (!work->listed)
        return;
    if (work->prev)
        work->prev->next = work->next;
    else
        drive->works = work->next;
    if (work->next)
        work->next->prev = work->prev;
    work->listed = false;
}

/* ---- commands' descendants ---- */

static void on_sweep(uv_timer_t *timer)
{
    struct drive *drive = timer->data;
    processes_sweep(&drive->processes);
    if (!drive->processes.running && !drive->processes.has_orphans &&
        processes_dying(&drive->processes) == 0)
        uv_timer_stop(timer);
}

void drive_watch_commands(struct drive *drive)
{
    if (!uv_is_active((uv_handle_t *)&drive->sweep))
        uv_timer_start(&drive->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    uv_unref((uv_handle_t *)&drive->sweep);
}

static void on_ended(struct processes *all)
{
    (void)all;
}

/* ---- the thread ---- */

static void on_stop(void *arg)
{
    struct drive *drive = arg;
    drive->stopping = true;
    mailbox_unref(drive->mailbox);
    stop_works(drive);
}

/* Until nothing is left of what others have opened, nor of what they have posted. */
static void run(void *arg)
{
    struct drive *drive = arg;
    pthread_setname_np(pthread_self(), drive->name);
    do
        uv_run(&drive->loop, UV_RUN_DEFAULT);
    while (mailbox_run(drive->mailbox) || uv_loop_alive(&drive->loop));
    processes_stop(&drive->processes);
    uv_close((uv_handle_t *)&drive->processes.child, NULL);
    uv_close((uv_handle_t *)&drive->sweep, NULL);
    mailbox_close(drive->mailbox);
    uv_run(&drive->loop, UV_RUN_DEFAULT);
}

/* Signals are the first thread's, and a reader that has gone is an error of the write. */
static int start_thread(struct drive *drive)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int rc = uv_thread_create(&drive->thread, run, drive);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static int failed(struct drive *drive, int rc)
{
    free(drive);
    errno = -rc;
    return E_SYSTEM;
}

int drive_start(struct drive **out, const char *name)
{
    struct drive *drive = xcalloc(1, sizeof *drive);
    snprintf(drive->name, sizeof drive->name, "%s", name);
    int rc = uv_loop_init(&drive->loop);
    if (rc != 0)
        return failed(drive, rc);
    drive->mailbox = mailbox_open(&drive->loop);
    processes_init(&drive->processes, &drive->loop);
    drive->processes.ended = on_ended;
    drive->file_budget_ms = FILE_BUDGET_MS;
    uv_timer_init(&drive->loop, &drive->sweep);
    drive->sweep.data = drive;
    rc = start_thread(drive);
    if (rc == 0) {
        *out = drive;
        return 0;
    }
    mailbox_close(drive->mailbox);
    uv_close((uv_handle_t *)&drive->processes.child, NULL);
    uv_close((uv_handle_t *)&drive->sweep, NULL);
    uv_run(&drive->loop, UV_RUN_DEFAULT);
    uv_loop_close(&drive->loop);
    return failed(drive, rc);
}

void drive_post(struct drive *drive, void (*fn)(void *arg), void *arg)
{
    mailbox_post(drive->mailbox, fn, arg);
}

uv_loop_t *drive_loop(struct drive *drive)
{
    return &drive->loop;
}

void drive_stop(struct drive *drive)
{
    drive_post(drive, on_stop, drive);
    uv_thread_join(&drive->thread);
    int rc = uv_loop_close(&drive->loop);
    assert(rc == 0); /* else somebody has not closed a handle */
    if (rc == 0)
        free(drive);
}
