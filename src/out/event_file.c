/* SPDX-License-Identifier: Apache-2.0
 * Keeping events on disk. The control thread collects; one job at a time writes. */
#include "out/event_file.h"

#include "base/diag.h"
#include "base/file.h"
#include "base/log.h"
#include "base/vec.h"
#include "out/event_line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_MS 1000 /* between two writes: a sync each is little, and a crash costs a second */
#define RETRY_MS 5000
#define BYTES_MAX \
    (16u << 20) /* of a file that is read: ten times what it has when all are longest */
#define FILE_MODE 0640

/* What a job writes, and what became of it. */
struct job {
    uv_work_t work;
    char *path;
    VEC(struct event) events;
    bool anew; /* replaces the file: else appends */
    int error; /* errno */
};

struct event_file {
    uv_loop_t *loop;
    uv_timer_t timer;
    char *path; /* NULL: kept in memory only */
    VEC(struct event) waiting;
    uint32_t n_lines; /* in the file */
    bool anew;        /* the next job writes all that are kept */
    bool writing, stopping;
    int error; /* of the last job, errno; 0: none */
    struct job job;
};

/* ---- on the pool ---- */

static int append(const struct job *job, const struct buf *text)
{
    int fd = open(job->path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                  FILE_MODE);
    struct stat st;
    if (fd < 0)
        return errno;
    int error = fstat(fd, &st) != 0 ? errno : !S_ISREG(st.st_mode) ? EINVAL : 0;
    ssize_t put = error == 0 ? write(fd, text->p, text->n) : 0;
    if (error == 0 && put != (ssize_t)text->n)
        error = put < 0 ? errno : ENOSPC;
    if (error == 0 && fdatasync(fd) != 0)
        error = errno;
    close(fd);
    return error;
}

static void write_events(struct job *job)
{
    struct buf text = {0};
    for (size_t i = 0; i < job->events.n; i++)
        event_line_add(&text, &job->events.v[i]);
    if (!job->anew)
        job->error = append(job, &text);
    else
        job->error = file_replace(job->path, text.n ? text.p : "", text.n, FILE_MODE) ? errno : 0;
    buf_free(&text);
}

static void on_pool(uv_work_t *work)
{
    write_events(work->data);
}

/* ---- on the control thread ---- */

static void start_timer(struct event_file *f, uint64_t ms);

static void note_result(struct event_file *f)
{
    struct job *job = &f->job;
    if (job->error && !f->error)
        log_warning("%s: events cannot be written: %s; they are kept in memory only", job->path,
                    strerror(job->error));
    else if (!job->error && f->error)
        log_notice("%s: events are written again", job->path);
    f->error = job->error;
    f->n_lines = (job->anew ? 0 : f->n_lines) + (uint32_t)job->events.n;
    f->anew |= job->error != 0; /* it may have been written in part */
    free(job->path);
    vec_free(&job->events);
}

/* All that are kept, in place of what waits. */
static void take_all(struct event_file *f, struct job *job)
{
    job->events.v = xcalloc(EVENTS_KEPT, sizeof *job->events.v);
    job->events.cap = EVENTS_KEPT;
    job->events.n = events_since(0, job->events.v, EVENTS_KEPT);
    f->waiting.n = 0;
}

static void prepare_job(struct event_file *f)
{
    struct job *job = &f->job;
    f->anew |= f->n_lines + f->waiting.n > EVENT_FILE_LINES_MAX;
    *job = (struct job){.path = xstrdup(f->path), .anew = f->anew};
    job->work.data = job;
    if (f->anew) {
        take_all(f, job);
    } else {
        job->events.v = f->waiting.v;
        job->events.n = f->waiting.n;
        job->events.cap = f->waiting.cap;
        memset(&f->waiting, 0, sizeof f->waiting);
    }
    f->anew = false;
}

static bool has_work(const struct event_file *f)
{
    return f->path && (f->waiting.n > 0 || f->anew);
}

static void after_job(uv_work_t *work, int status)
{
    struct event_file *f = (void *)((char *)work->data - offsetof(struct event_file, job));
    (void)status; /* never cancelled */
    note_result(f);
    f->writing = false;
    start_timer(f, f->error ? RETRY_MS : WRITE_MS);
}

static void begin(struct event_file *f)
{
    if (f->writing || f->stopping || !has_work(f))
        return;
    prepare_job(f);
    f->writing = true;
    if (uv_queue_work(f->loop, &f->job.work, on_pool, after_job) != 0) {
        f->job.error = EAGAIN;
        after_job(&f->job.work, 0);
    }
}

static void on_timer(uv_timer_t *timer)
{
    begin(timer->data);
}

/* While it runs nothing is written; an event that comes later begins at once. */
static void start_timer(struct event_file *f, uint64_t ms)
{
    if (!f->stopping)
        uv_timer_start(&f->timer, on_timer, ms, 0);
}

static void on_added(void *ctx, const struct event *event)
{
    struct event_file *f = ctx;
    if (!f->path)
        return;
    if (f->waiting.n == EVENTS_KEPT) { /* slower than they come: what is kept is all there is */
        f->waiting.n = 0;
        f->anew = true;
    }
    *vec_push(&f->waiting) = *event;
    if (!uv_is_active((uv_handle_t *)&f->timer))
        begin(f);
}

/* ---- opening ---- */

static char *path_in(const char *state_dir)
{
    size_t n = strlen(state_dir) + sizeof "/" EVENT_FILE;
    char *path = xmalloc(n);
    snprintf(path, n, "%s/" EVENT_FILE, state_dir);
    return path;
}

static bool is_stop(const struct event *e)
{
    return strcmp(e->target, "loadstar") == 0 && strcmp(e->to, EVENT_STOPPED) == 0;
}

static enum event_past restore(struct event_file *f, struct slice text)
{
    struct event_lines lines;
    event_lines_read(&lines, text);
    if (lines.n_damaged)
        log_warning("%s: %u damaged line%s left out", f->path, lines.n_damaged,
                    lines.n_damaged == 1 ? " is" : "s are");
    bool stopped = lines.n > 0 && !lines.torn && is_stop(&lines.v[lines.n - 1]);
    f->n_lines = lines.n_lines + lines.n_damaged;
    f->anew = lines.n_damaged > 0 || lines.torn; /* rather than to go on within a line */
    /* Some may have been told and not written: their ids are not given again. */
    events_restore(lines.v, lines.n, stopped ? 0 : EVENTS_KEPT);
    free(lines.v);
    return stopped ? EVENT_PAST_STOPPED : EVENT_PAST_UNCLEAN;
}

static enum event_past read_file(struct event_file *f)
{
    struct arena *arena = arena_new();
    struct slice text;
    enum event_past past = EVENT_PAST_NONE;
    int code = file_read_own(&text, arena, f->path, BYTES_MAX);
    if (code == 0) {
        past = restore(f, text);
    } else if (code != E_SYSTEM || errno != ENOENT) {
        past = EVENT_PAST_UNREADABLE;
        log_warning("%s: events before this start cannot be read: %s", f->path,
                    file_error(code, "16 MB"));
        f->anew = code == E_RANGE;
    }
    arena_free(arena);
    return past;
}

struct event_file *event_file_open(uv_loop_t *loop, const char *state_dir, enum event_past *past)
{
    struct event_file *f = xcalloc(1, sizeof *f);
    f->loop = loop;
    f->path = state_dir ? path_in(state_dir) : NULL;
    uv_timer_init(loop, &f->timer);
    f->timer.data = f;
    *past = f->path ? read_file(f) : EVENT_PAST_NONE;
    events_follow(on_added, f);
    return f;
}

void event_file_move(struct event_file *f, const char *state_dir)
{
    char *path = state_dir ? path_in(state_dir) : NULL, *aside;
    if ((path && f->path && strcmp(path, f->path) == 0) || (!path && !f->path)) {
        free(path);
        return;
    }
    if (path && access(path, F_OK) == 0 && file_put_aside(&aside, path, "before") == 0) {
        log_warning("%s: the events of another time are in %s", path, aside);
        free(aside);
    }
    free(f->path);
    f->path = path;
    f->waiting.n = 0;
    f->n_lines = 0;
    f->error = 0;
    f->anew = path != NULL;
    if (!uv_is_active((uv_handle_t *)&f->timer))
        begin(f);
}

const char *event_file_problem(const struct event_file *f)
{
    return f->error ? strerror(f->error) : NULL;
}

void event_file_stop(struct event_file *f)
{
    f->stopping = true;
    uv_close((uv_handle_t *)&f->timer, NULL);
}

void event_file_free(struct event_file *f)
{
    if (!f)
        return;
    events_follow(NULL, NULL);
    if (has_work(f)) {
        prepare_job(f);
        write_events(&f->job);
        note_result(f);
    }
    vec_free(&f->waiting);
    free(f->path);
    free(f);
}
