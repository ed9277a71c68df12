/* SPDX-License-Identifier: Apache-2.0
 * Seeds, from the kernel's entropy. */
#include "base/rng.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <sys/random.h>

static uint64_t entropy(void)
{
    uint64_t x;
    ssize_t n;
    do
        n = getrandom(&x, sizeof x, 0);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof x) /* a kernel without it, or a sandbox that forbids it */
        x = hash_mix((uint64_t)clock_wall_ms() ^ HASH_K0, (uint64_t)clock_mono_us() ^ HASH_K1);
    return x;
}

static uint64_t process_seed;

static void draw_process_seed(void)
{
    process_seed = entropy();
}

uint64_t hash_seed(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, draw_process_seed);
    return process_seed;
}

void rng_init(struct rng *rng)
{
    rng->state = entropy();
}
