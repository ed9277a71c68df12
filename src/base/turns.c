/* SPDX-License-Identifier: Apache-2.0
 * Counting the turns of a loop. */
#include "base/turns.h"

#include "base/clock.h"

#define SECONDS 60

const uint32_t turn_bound_ms[TURN_BOUNDS] = {1, 2, 5, 10, 20, 50, 100, 500, 1000};

/* The worst of each of the last 60 seconds: a slot counts only for the second that it says. */
struct second {
    int64_t at_s, worst_us;
};

static _Thread_local struct {
    struct turns sums;
    struct second seconds[SECONDS];
    const char *part;
    int64_t part_us;
} mine;

static unsigned bucket_of(int64_t us)
{
    unsigned i = 0;
    while (i < TURN_BOUNDS && us > (int64_t)turn_bound_ms[i] * 1000)
        i++;
    return i;
}

void turns_add(int64_t now_ms, int64_t us, int64_t cpu_us)
{
    struct turns *t = &mine.sums;
    int64_t now_s = now_ms / 1000;
    struct second *second = &mine.seconds[now_s % SECONDS];
    t->n[bucket_of(us)]++;
    t->n_cpu[bucket_of(cpu_us)]++;
    t->sum_us += (uint64_t)us;
    t->sum_cpu_us += (uint64_t)cpu_us;
    t->worst_us = us > t->worst_us ? us : t->worst_us;
    t->worst_cpu_us = cpu_us > t->worst_cpu_us ? cpu_us : t->worst_cpu_us;
    if (second->at_s != now_s)
        *second = (struct second){.at_s = now_s};
    second->worst_us = us > second->worst_us ? us : second->worst_us;
}

void turns_look(struct turns *out, int64_t now_ms)
{
    *out = mine.sums;
    for (unsigned i = 0; i < SECONDS; i++) {
        const struct second *second = &mine.seconds[i];
        if (now_ms / 1000 - second->at_s < SECONDS && second->worst_us > out->worst_minute_us)
            out->worst_minute_us = second->worst_us;
    }
}

void turns_part(const char *what, int64_t began_us)
{
    int64_t us = clock_mono_us() - began_us;
    if (mine.part && us <= mine.part_us)
        return;
    mine.part = what;
    mine.part_us = us;
}

const char *turns_longest_part(int64_t *us)
{
    const char *part = mine.part;
    *us = mine.part_us;
    mine.part = 0;
    return part;
}
