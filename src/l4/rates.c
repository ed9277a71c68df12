/* SPDX-License-Identifier: Apache-2.0
 * From counters to rates. */
#include "l4/rates.h"

#include <stdlib.h>

static uint64_t read_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static struct rate count(const struct service_run *run)
{
    struct rate now = {.run = run,
                       .bytes_in = read_counter(&run->bytes_in),
                       .bytes_out = read_counter(&run->bytes_out)};
    for (int r = 0; r < SERVICE_RESULTS; r++)
        now.results += read_counter(&run->results[r]);
    return now;
}

static int compare(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct rate *)a)->run;
    uintptr_t y = (uintptr_t)((const struct rate *)b)->run;
    return (x > y) - (x < y);
}

struct rate rates_of(const struct rates *rates, const struct service_run *run)
{
    const struct rate key = {.run = run};
    const struct rate *found =
        rates->v.n ? bsearch(&key, rates->v.v, rates->v.n, sizeof key, compare) : NULL;
    return found ? *found : (struct rate){0};
}

/** A counter that is less than before is of another service in the same place. */
static double per_second(uint64_t before, uint64_t now, int64_t ms)
{
    return now >= before ? (double)(now - before) * 1000 / (double)ms : 0;
}

void rates_look(struct rates *rates, const struct registry *registry, int64_t now_ms)
{
    struct rates next = {.at_ms = now_ms};
    uint32_t n;
    struct service_run *const *services = registry_services(registry, &n);
    int64_t ms = now_ms - rates->at_ms;
    if (rates->at_ms != 0 && ms <= 0)
        return;
    for (uint32_t i = 0; i < n; i++) {
        struct rate before = rates_of(rates, services[i]), now = count(services[i]);
        if (before.run) {
            now.results_per_s = per_second(before.results, now.results, ms);
            now.bytes_in_per_s = per_second(before.bytes_in, now.bytes_in, ms);
            now.bytes_out_per_s = per_second(before.bytes_out, now.bytes_out, ms);
        }
        *vec_push(&next.v) = now;
    }
    if (next.v.n)
        qsort(next.v.v, next.v.n, sizeof *next.v.v, compare);
    rates_free(rates);
    *rates = next;
}

void rates_free(struct rates *rates)
{
    vec_free(&rates->v);
}
