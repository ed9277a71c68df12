/* SPDX-License-Identifier: Apache-2.0
 * Whole files: read at once, replaced atomically. */
#include "base/file.h"

#include "base/diag.h"
#include "base/give_way.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_PIECE (256u << 10) /* some 50 us in the kernel, which it does not interrupt */

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
    p[n] = '\0';
    *out = slice_of(p, (size_t)n);
    return 0;
}

int file_read(struct slice *out, struct arena *arena, const char *path, size_t max)
{
    /* Opening a FIFO would wait for a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return E_SYSTEM;
    int e = read_open(out, arena, fd, max);
    close_quietly(fd);
    return e;
}

static int write_synced(const char *path, const void *data, size_t n, unsigned mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return E_SYSTEM;
    int e = fchmod(fd, mode) == 0 ? write_full(fd, data, n) : E_SYSTEM;
    if (!e && fsync(fd) != 0)
        e = E_SYSTEM;
    close_quietly(fd);
    return e;
}

/* Makes the rename itself durable. */
static int sync_directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = xstrdup(slash ? path : ".");
    if (slash)
        dir[slash == path ? 1 : slash - path] = '\0';
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(dir);
    if (fd < 0)
        return E_SYSTEM;
    int e = fsync(fd) == 0 ? 0 : E_SYSTEM;
    close_quietly(fd);
    return e;
}

int file_replace(const char *path, const void *data, size_t n, unsigned mode)
{
    size_t len = strlen(path);
    char *tmp = xmalloc(len + sizeof ".tmp");
    memcpy(tmp, path, len);
    memcpy(tmp + len, ".tmp", sizeof ".tmp");

    int e = write_synced(tmp, data, n, mode);
    if (!e && rename(tmp, path) != 0)
        e = E_SYSTEM;
    if (e) {
        int saved = errno;
        unlink(tmp);
        errno = saved;
    } else {
        e = sync_directory_of(path);
    }
    free(tmp);
    return e;
}

const char *file_resolve(struct arena *arena, const char *base, const char *path)
{
    const char *slash = strrchr(base, '/');
    if (path[0] == '/' || !slash)
        return arena_strdup(arena, path);
    return arena_printf(arena, "%.*s%s", (int)(slash + 1 - base), base, path);
}
