/* SPDX-License-Identifier: Apache-2.0
 * Starting threads and placing them. */
#include "io/thread.h"

#include "base/diag.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

int thread_start(pthread_t *thread, void *(*run)(void *), void *arg, const char *name,
                 unsigned worker, int cpu)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error) {
        errno = error;
        return E_SYSTEM;
    }
    char text[16]; /* the kernel's limit */
    snprintf(text, sizeof text, "%s/%u", name, worker);
    pthread_setname_np(*thread, text);
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((unsigned)cpu, &set);
        /* A core that was taken away meanwhile: then it runs on any. */
        pthread_setaffinity_np(*thread, sizeof set, &set);
    }
    return 0;
}

int thread_cpu(unsigned worker, unsigned n_workers)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0 || (unsigned)CPU_COUNT(&set) != n_workers)
        return -1;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set) && worker-- == 0)
            return (int)cpu;
    return -1;
}
