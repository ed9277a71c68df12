/* SPDX-License-Identifier: Apache-2.0
 * Files on threads of their own: the loop's part. */
#include "drive/files.h"

#include "drive/file_task.h"
#include "drive/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct file_work {
    struct drive_work work;     /* first */
    struct followed_file *file; /* NULL: closed */
    struct file_work *next;     /* of the file's */
    struct drive *drive;
    struct file_task *task; /* NULL: it failed at once */
    uv_timer_t timer;
    int failure;
    followed_read_fn *read; /* one of the two; both NULL: nobody is told (any more) */
    followed_done_fn *done;
    void *ctx;
};

struct followed_file {
    struct drive *drive;
    char *path;
    const char *name;
    struct directory *directory;
    struct file_work *works;
};

static void on_closed(uv_handle_t *timer)
{
    free(timer->data);
}

static void forget(struct file_work *w)
{
    struct file_work **at = w->file ? &w->file->works : NULL;
    while (at && *at != w)
        at = &(*at)->next;
    if (at)
        *at = w->next;
    w->file = NULL;
}

static void end_work(struct file_work *w)
{
    forget(w);
    drive_remove(w->drive, &w->work);
    uv_close((uv_handle_t *)&w->timer, on_closed);
}

/* Once. */
static void tell(struct file_work *w, int error, struct slice content)
{
    followed_read_fn *read = w->read;
    followed_done_fn *done = w->done;
    w->read = NULL;
    w->done = NULL;
    if (read)
        read(w->ctx, error, content);
    else if (done)
        done(w->ctx, error);
}

static const struct slice nothing = {(const uint8_t *)"", 0};

/* Who is told may begin the next one: this one has to be over before. */
static void came_back(void *arg)
{
    struct file_task *t = arg;
    struct file_work *w = t->work;
    if (w) {
        end_work(w);
        tell(w, t->error, t->got.p && !t->error ? t->got : nothing);
    }
    file_task_release(t);
}

static void on_timer(uv_timer_t *timer)
{
    struct file_work *w = timer->data;
    if (w->task) {
        atomic_store(&w->task->unwanted, true);
        tell(w, ETIMEDOUT, nothing);
    } else {
        end_work(w);
        tell(w, w->failure, nothing);
    }
}

static void stop(struct drive_work *work)
{
    struct file_work *w = (struct file_work *)work;
    if (w->task)
        file_task_leave(w->task);
    end_work(w);
    tell(w, ECANCELED, nothing);
}

/* Whether something is under way for this file, of whoever has opened it. */
static bool is_busy(const struct followed_file *file)
{
    const struct directory *d = file->directory;
    for (const struct drive_work *work = file->drive->works; work; work = work->next) {
        const struct file_task *t =
            work->stop == stop ? ((const struct file_work *)work)->task : NULL;
        if (t && t->directory->inode == d->inode && t->directory->device == d->device &&
            t->n_base == strlen(file->name) && memcmp(t->name, file->name, t->n_base) == 0)
            return true;
    }
    return false;
}

static void begin(struct file_work *w, enum file_op op, const char *suffix, struct slice content)
{
    struct followed_file *file = w->file;
    w->failure = content.n > FILE_CONTENT_MAX ? EFBIG : is_busy(file) ? EBUSY : 0;
    if (!w->failure) {
        w->task = file_task_new(file->directory, op, file->name, suffix, content);
        w->task->drive = w->drive;
        w->task->came_back = came_back;
        w->task->work = w;
        w->failure = file_task_start(w->task);
    }
    if (w->failure)
        w->task = NULL;
    drive_add(w->drive, &w->work);
    uv_update_time(&w->drive->loop);
    uv_timer_start(&w->timer, on_timer, w->task ? w->drive->file_budget_ms : 0, 0);
}

static struct file_work *work_new(struct followed_file *file, void *ctx)
{
    struct file_work *w = xcalloc(1, sizeof *w);
    w->file = file;
    w->drive = file->drive;
    w->ctx = ctx;
    w->work.stop = stop;
    w->next = file->works;
    file->works = w;
    uv_timer_init(&w->drive->loop, &w->timer);
    w->timer.data = w;
    return w;
}

void followed_read(struct followed_file *file, const char *suffix, followed_read_fn *done,
                   void *ctx)
{
    struct file_work *w = work_new(file, ctx);
    w->read = done;
    begin(w, FILE_READ, suffix, nothing);
}

void followed_write(struct followed_file *file, const char *suffix, struct slice content,
                    followed_done_fn *done, void *ctx)
{
    struct file_work *w = work_new(file, ctx);
    w->done = done;
    begin(w, FILE_WRITE, suffix, content);
}

void followed_remove(struct followed_file *file, const char *suffix, followed_done_fn *done,
                     void *ctx)
{
    struct file_work *w = work_new(file, ctx);
    w->done = done;
    begin(w, FILE_REMOVE, suffix, nothing);
}

/* ---- open and close ---- */

struct followed_file *followed_open(struct drive *drive, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        errno = EISDIR;
        return NULL;
    }
    struct directory *d =
        slash ? directory_open(path, (size_t)(slash - path)) : directory_open(".", 1);
    if (!d)
        return NULL;
    struct followed_file *file = xcalloc(1, sizeof *file);
    file->drive = drive;
    file->path = xstrdup(path);
    file->name = file->path + (name - path);
    file->directory = d;
    return file;
}

const char *followed_path(const struct followed_file *file)
{
    return file->path;
}

void followed_close(struct followed_file *file)
{
    while (file->works) {
        struct file_work *w = file->works;
        w->read = NULL;
        w->done = NULL;
        if (w->task) {
            atomic_store(&w->task->unwanted, true);
            forget(w);
        } else {
            end_work(w);
        }
    }
    directory_release(file->directory);
    free(file->path);
    free(file);
}
