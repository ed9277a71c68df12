/* SPDX-License-Identifier: Apache-2.0
 * Whole files: read at once, replaced atomically. */
#include "base/file.h"

#include "base/diag.h"
#include "base/give_way.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_PIECE (256u << 10) /* some 50 us in the kernel, which it does not interrupt */
#define ASIDE_MAX 1000          /* files put aside that nobody has cleared away */

/* close() that keeps the errno of what failed before it. */
static void close_quietly(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
}

/* Reads up to `n` bytes; returns how many, less only at the end of the file, or -1. */
static ssize_t read_full(int fd, uint8_t *p, size_t n)
{
    size_t done = 0;
    while (done < n) {
        size_t piece = n - done < READ_PIECE ? n - done : READ_PIECE;
        give_way_pause();
        ssize_t got = read(fd, p + done, piece);
        if (got == 0)
            break;
        if (got > 0)
            done += (size_t)got;
        else if (errno != EINTR)
            return -1;
    }
    return (ssize_t)done;
}

static int write_full(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, p, n);
        if (put > 0) {
            p += put;
            n -= (size_t)put;
        } else if (put == 0 || errno != EINTR) {
            return E_SYSTEM;
        }
    }
    return 0;
}

static int read_open(struct slice *out, struct arena *arena, int fd, size_t max)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return E_SYSTEM;
    if (!S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        return E_SYSTEM;
    }
    if ((uint64_t)st.st_size > max || (uint64_t)st.st_size >= UINT32_MAX)
        return E_RANGE;
    uint8_t *p = arena_alloc(arena, (size_t)st.st_size + 1);
    ssize_t n = read_full(fd, p, (size_t)st.st_size);
    if (n < 0)
        return E_SYSTEM;
    /* What the kernel makes up as it is read (/proc, /sys) has no size: it is no file to read
     * whole, and certainly not an empty one. */
    uint8_t more;
    ssize_t beyond = st.st_size == 0 ? read(fd, &more, 1) : 0;
    if (beyond != 0) {
        errno = beyond > 0 ? EINVAL : errno;
        return E_SYSTEM;
    }
    p[n] = '\0';
    *out = slice_of(p, (size_t)n);
    return 0;
}

#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) /* a FIFO would wait */

static int read_and_close(struct slice *out, struct arena *arena, int fd, size_t max)
{
    if (fd < 0)
        return E_SYSTEM;
    int e = read_open(out, arena, fd, max);
    close_quietly(fd);
    return e;
}

int file_read(struct slice *out, struct arena *arena, const char *path, size_t max)
{
    return read_and_close(out, arena, open(path, READ_FLAGS), max);
}

int file_read_own(struct slice *out, struct arena *arena, const char *path, size_t max)
{
    return read_and_close(out, arena, open(path, READ_FLAGS | O_NOFOLLOW), max);
}

int file_read_at(struct slice *out, struct arena *arena, int dir, const char *name, size_t max)
{
    return read_and_close(out, arena, openat(dir, name, READ_FLAGS | O_NOFOLLOW), max);
}

/* The directory of `path`; *name is what `path` calls the file in it. */
static int open_directory_of(const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    char *dir = xstrdup(slash ? path : ".");
    if (slash)
        dir[slash == path ? 1 : slash - path] = '\0';
    *name = slash ? slash + 1 : path;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int saved = errno;
    free(dir);
    errno = saved;
    return fd;
}

/* A new regular file of that name, ours alone. What a crash, or somebody else, has left there is
 * unlinked, never opened: not a FIFO, which would keep us waiting, nor what a link points to. */
static int create_at(int dir, const char *name, unsigned mode)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = openat(dir, name, flags, mode);
    if (fd >= 0 || errno != EEXIST)
        return fd;
    if (unlinkat(dir, name, 0) != 0 && errno != ENOENT)
        return -1;
    return openat(dir, name, flags, mode);
}

static int write_synced(int fd, const void *data, size_t n, unsigned mode)
{
    if (fchmod(fd, mode) != 0 || write_full(fd, data, n) != 0)
        return E_SYSTEM;
    return fsync(fd) == 0 ? 0 : E_SYSTEM;
}

static int create_synced(int dir, const char *tmp, struct slice data, unsigned mode)
{
    int fd = create_at(dir, tmp, mode);
    if (fd < 0)
        return E_SYSTEM;
    int e = write_synced(fd, data.p, data.n, mode);
    close_quietly(fd);
    return e;
}

static int give_up(void)
{
    errno = ECANCELED;
    return E_SYSTEM;
}

/* The last step makes the rename itself durable. */
static int replace_by(int dir, const char *name, const char *tmp, struct slice data, unsigned mode,
                      bool (*go_on)(void *ctx), void *ctx)
{
    int e = create_synced(dir, tmp, data, mode);
    if (!e && go_on && !go_on(ctx))
        e = give_up();
    if (!e && renameat(dir, tmp, dir, name) != 0)
        e = E_SYSTEM;
    if (!e)
        return fsync(dir) == 0 ? 0 : E_SYSTEM;
    int saved = errno;
    unlinkat(dir, tmp, 0);
    errno = saved;
    return e;
}

int file_replace_at(int dir, const char *name, struct slice data, unsigned mode,
                    bool (*go_on)(void *ctx), void *ctx)
{
    size_t len = strlen(name);
    char *tmp = xmalloc(len + sizeof ".tmp");
    memcpy(tmp, name, len);
    memcpy(tmp + len, ".tmp", sizeof ".tmp");
    int e = replace_by(dir, name, tmp, data, mode, go_on, ctx);
    int saved = errno;
    free(tmp);
    errno = saved;
    return e;
}

int file_replace(const char *path, const void *data, size_t n, unsigned mode)
{
    const char *name;
    int dir = open_directory_of(path, &name);
    if (dir < 0)
        return E_SYSTEM;
    int e = file_replace_at(dir, name, slice_of(data, n), mode, NULL, NULL);
    close_quietly(dir);
    return e;
}

/* Not every file system knows RENAME_NOREPLACE (NFS); then a look goes before. */
static int rename_to_free(int dir, const char *from, const char *to)
{
    if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return E_SYSTEM;
    if (faccessat(dir, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return E_SYSTEM;
    }
    return errno == ENOENT && renameat(dir, from, dir, to) == 0 ? 0 : E_SYSTEM;
}

int file_put_aside(char **aside, const char *path, const char *suffix)
{
    const char *name;
    int dir = open_directory_of(path, &name), e = E_SYSTEM;
    size_t size = strlen(path) + strlen(suffix) + 16;
    *aside = NULL;
    if (dir < 0)
        return E_SYSTEM;
    char *to = xmalloc(size);
    for (unsigned i = 1; i <= ASIDE_MAX; i++) {
        if (i == 1)
            snprintf(to, size, "%s.%s", path, suffix);
        else
            snprintf(to, size, "%s.%s.%u", path, suffix, i);
        e = rename_to_free(dir, name, to + (name - path));
        if (!e || errno != EEXIST)
            break;
    }
    int saved = errno;
    close(dir);
    if (e)
        free(to);
    else
        *aside = to;
    errno = saved;
    return e;
}

const char *file_error(int code, const char *max)
{
    static _Thread_local char text[64];
    if (code == E_RANGE) {
        snprintf(text, sizeof text, "it is larger than %s", max);
        return text;
    }
    return errno == EINVAL  ? "it is not a regular file"
           : errno == ELOOP ? "it is a symbolic link, which is not followed here"
                            : strerror(errno);
}

const char *file_resolve(struct arena *arena, const char *base, const char *path)
{
    const char *slash = strrchr(base, '/');
    if (path[0] == '/' || !slash)
        return arena_strdup(arena, path);
    return arena_printf(arena, "%.*s%s", (int)(slash + 1 - base), base, path);
}
