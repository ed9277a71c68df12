/* SPDX-License-Identifier: Apache-2.0
 * Holds memory, and gives it back when SIGTERM comes, a half at once and the rest bit by bit: what
 * is allocated from then on has been touched lately.
 *
 *     warm MIB SECONDS
 *
 * A hypervisor that backs memory at its first touch, and takes back what has been free for a second
 * or two, stops the virtual processor meanwhile: for up to 5 ms per 2 MiB where this was written. A
 * latency measured beside a program that allocates tells of the hypervisor then. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define STEPS 50

int main(int argc, char **argv)
{
    size_t len = argc == 3 ? strtoul(argv[1], NULL, 10) << 20 : 0;
    double seconds = argc == 3 ? strtod(argv[2], NULL) : 0;
    if (len == 0 || seconds <= 0) {
        fputs("usage: warm MIB SECONDS\n", stderr);
        return 2;
    }
    sigset_t term;
    int signal;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        perror("warm: mmap");
        return 1;
    }
    (void)madvise(p, len, MADV_HUGEPAGE);
    memset(p, 1, len);
    puts("warm");
    fflush(stdout);
    sigwait(&term, &signal);
    size_t half = len / 2 & ~(HUGE_PAGE - 1), step = half / STEPS & ~(HUGE_PAGE - 1);
    munmap(p, half);
    step = step ? step : HUGE_PAGE;
    struct timespec pause = {(time_t)(seconds / STEPS), 0};
    pause.tv_nsec = (long)((seconds / STEPS - (double)pause.tv_sec) * 1e9);
    for (size_t at = half; at < len; at += step) {
        munmap(p + at, len - at < step ? len - at : step);
        nanosleep(&pause, NULL);
    }
    return 0;
}
