/* SPDX-License-Identifier: Apache-2.0
 * Preloaded under ThreadSanitizer: libuv closes descriptors by syscall(SYS_close), which the
 * sanitizer does not see, nor does it see openat(). Without this the number of a socket that libuv
 * has closed is still that socket to it when a file of another thread gets it: a race that is none.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef long syscall_fn(long number, ...);

long syscall(long number, ...)
{
    static syscall_fn *next;
    long a[6];
    va_list args;
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_close)
        return close((int)a[0]);
    if (!next)
        next = (syscall_fn *)dlsym(RTLD_NEXT, "syscall");
    return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
