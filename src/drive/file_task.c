/* SPDX-License-Identifier: Apache-2.0
 * What a file's thread does. */
#include "drive/file_task.h"

#include "base/diag.h"
#include "base/file.h"
#include "base/rights.h"
#include "drive/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREAD_STACK = 256 << 10, FILE_MODE = 0644 };

/* ---- directories ---- */

struct directory *directory_open(const char *path, size_t n)
{
    char link[64], target[4096];
    struct stat st;
    struct directory *d = xcalloc(1, sizeof *d);
    char *name = n > 0 ? strndup(path, n) : xstrdup("/");
    d->fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = d->fd < 0 || fstat(d->fd, &st) != 0 ? errno : 0;
    free(name);
    if (error) {
        if (d->fd >= 0)
            close(d->fd);
        free(d);
        errno = error;
        return NULL;
    }
    d->device = st.st_dev;
    d->inode = st.st_ino;
    atomic_init(&d->n_owners, 1);
    snprintf(link, sizeof link, "/proc/self/fd/%d", d->fd);
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (length > 0) {
        target[length] = '\0';
        d->path = xstrdup(target);
    }
    return d;
}

void directory_release(struct directory *d)
{
    if (atomic_fetch_sub(&d->n_owners, 1) > 1)
        return;
    close(d->fd);
    free(d->path);
    free(d);
}

/* The directory, or the one that was made anew in its place after it was removed, as a service
 * manager does; not through links, which others may have put there. For close() if it is not
 * d->fd. */
static int directory_use(const struct directory *d)
{
    struct stat st;
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS};
    if (fstat(d->fd, &st) != 0 || st.st_nlink > 0 || !d->path)
        return d->fd;
    return (int)syscall(SYS_openat2, AT_FDCWD, d->path, &how, sizeof how);
}

/* ---- the thread ---- */

/* 0, or the errno that keeps the name from being written or removed. */
static int judge(int dir, const char *name)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : errno;
    return S_ISREG(st.st_mode)   ? 0
           : S_ISLNK(st.st_mode) ? ELOOP
           : S_ISDIR(st.st_mode) ? EISDIR
                                 : EINVAL;
}

static bool is_wanted(void *task)
{
    return !atomic_load(&((struct file_task *)task)->unwanted);
}

static int code_to_errno(int code)
{
    return code == E_RANGE ? EFBIG : code ? errno : 0;
}

static int read_in(struct file_task *t, int dir)
{
    t->arena = arena_new();
    return code_to_errno(file_read_at(&t->got, t->arena, dir, t->name, FILE_CONTENT_MAX));
}

static int write_in(struct file_task *t, int dir)
{
    int error = judge(dir, t->name);
    return error ? error
                 : code_to_errno(file_replace_at(dir, t->name, slice_of(t->content, t->n),
                                                 FILE_MODE, is_wanted, t));
}

static int remove_in(struct file_task *t, int dir)
{
    int error = judge(dir, t->name);
    if (error)
        return error;
    return unlinkat(dir, t->name, 0) == 0 && fsync(dir) == 0 ? 0 : errno;
}

static int do_task(struct file_task *t)
{
    int dir = directory_use(t->directory);
    if (dir < 0)
        return errno;
    int error = t->op == FILE_READ    ? read_in(t, dir)
                : t->op == FILE_WRITE ? write_in(t, dir)
                                      : remove_in(t, dir);
    if (dir != t->directory->fd)
        close(dir);
    return error;
}

struct file_task *file_task_new(struct directory *directory, enum file_op op, const char *base,
                                const char *suffix, struct slice content)
{
    struct file_task *t = xcalloc(1, sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
    atomic_init(&t->n_owners, 2);
    t->directory = directory;
    atomic_fetch_add(&directory->n_owners, 1);
    t->op = op;
    t->n_base = strlen(base);
    size_t size = t->n_base + strlen(suffix) + 1;
    t->name = xmalloc(size);
    snprintf(t->name, size, "%s%s", base, suffix);
    t->content = xmalloc(content.n + 1u);
    if (content.n > 0)
        memcpy(t->content, content.p, content.n);
    t->n = content.n;
    return t;
}

void file_task_release(struct file_task *t)
{
    if (atomic_fetch_sub(&t->n_owners, 1) > 1)
        return;
    directory_release(t->directory);
    if (t->arena)
        arena_free(t->arena);
    pthread_mutex_destroy(&t->lock);
    free(t->content);
    free(t->name);
    free(t);
}

static void *thread_run(void *arg)
{
    struct file_task *t = arg;
    pthread_setname_np(pthread_self(), "file");
    (void)!rights_drop(RIGHT(CAP_NET_ADMIN)); /* the drive's may be for other things */
    t->error = do_task(t);
    pthread_mutex_lock(&t->lock);
    t->posted = t->drive != NULL;
    if (t->posted) /* in the lock: after it the drive may be gone */
        drive_post(t->drive, t->came_back, t);
    pthread_mutex_unlock(&t->lock);
    file_task_release(t);
    return NULL;
}

int file_task_start(struct file_task *t)
{
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    int error = pthread_create(&thread, &attr, thread_run, t);
    pthread_attr_destroy(&attr);
    if (error) {
        file_task_release(t);
        file_task_release(t);
    }
    return error;
}

void file_task_leave(struct file_task *t)
{
    atomic_store(&t->unwanted, true);
    t->work = NULL;
    pthread_mutex_lock(&t->lock);
    bool posted = t->posted;
    t->drive = NULL;
    pthread_mutex_unlock(&t->lock);
    if (!posted)
        file_task_release(t);
}
