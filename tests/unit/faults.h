/* SPDX-License-Identifier: Apache-2.0
 * System calls that fail on order: the n-th of those that are counted fails with an errno. A test
 * that includes this is linked with $(FAULT_LINK), and is one file. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    unsigned at;    /* which call fails, from 1 on; 0: none */
    unsigned n;     /* calls since fault_arm() */
    int error;      /* errno */
    bool counts;    /* armed */
    bool trickle;   /* reads and writes take one byte, and every other one is interrupted */
    bool old_fs;    /* renameat2() knows no flags */
    char order[64]; /* the calls, a letter each */
} fault;

static inline void fault_arm(unsigned at, int error)
{
    fault.at = at;
    fault.error = error;
    fault.n = 0;
    memset(fault.order, 0, sizeof fault.order);
    fault.counts = true;
}

/* Returns how many calls there were. */
static inline unsigned fault_disarm(void)
{
    fault.counts = false;
    return fault.n;
}

static inline bool fault_strikes(char call)
{
    if (fault.counts && fault.n + 1 < sizeof fault.order)
        fault.order[fault.n] = call;
    if (!fault.counts || ++fault.n != fault.at)
        return false;
    errno = fault.error;
    return true;
}

int __real_open(const char *path, int flags, ...);
int __real_openat(int dir, const char *path, int flags, ...);
ssize_t __real_read(int fd, void *p, size_t n);
ssize_t __real_write(int fd, const void *p, size_t n);
int __real_fsync(int fd);
int __real_fchmod(int fd, mode_t mode);
int __real_fstat(int fd, struct stat *st);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int __wrap_open(const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);
ssize_t __wrap_read(int fd, void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __wrap_fsync(int fd);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);

int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fault_strikes('o') ? -1 : __real_open(path, flags, mode);
}

int __wrap_openat(int dir, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fault_strikes('a') ? -1 : __real_openat(dir, path, flags, mode);
}

ssize_t __wrap_read(int fd, void *p, size_t n)
{
    static unsigned turn;
    if (fault_strikes('r'))
        return -1;
    if (fault.trickle && turn++ % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return __real_read(fd, p, fault.trickle && n ? 1 : n);
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    static unsigned turn;
    if (fault_strikes('w'))
        return -1;
    if (!fault.trickle)
        return __real_write(fd, p, n);
    if (turn++ % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return __real_write(fd, p, n ? 1 : 0);
}

int __wrap_fsync(int fd)
{
    return fault_strikes('f') ? -1 : __real_fsync(fd);
}

int __wrap_fchmod(int fd, mode_t mode)
{
    return fault_strikes('m') ? -1 : __real_fchmod(fd, mode);
}

int __wrap_fstat(int fd, struct stat *st)
{
    return fault_strikes('s') ? -1 : __real_fstat(fd, st);
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return fault_strikes('n') ? -1 : __real_renameat(from_dir, from, to_dir, to);
}

int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    if (fault.old_fs && flags) {
        errno = EINVAL;
        return -1;
    }
    return fault_strikes('N') ? -1 : __real_renameat2(from_dir, from, to_dir, to, flags);
}
