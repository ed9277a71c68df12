/* SPDX-License-Identifier: Apache-2.0
 * health.json. Whatever it holds, it is refused with a text that begins with the path, and is then
 * empty; or all that it says is a state and a time that sums can be made of. */
#include "base/file.h"
#include "fuzz.h"
#include "health/orders.h"
#include "health/store.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];

static void leave(void)
{
    unlink(path);
}

static void enter(void)
{
    snprintf(path, sizeof path, "%s/loadstar-fuzz-health-%ld",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    atexit(leave);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct saved_file saved;
    struct buf problem = {0};
    struct arena *arena = arena_new();
    if (!*path)
        enter();
    CHECK(file_replace(path, data, n, 0600) == 0);
    int code = store_load_health(&saved, arena, path, &problem);
    if (code != 0)
        CHECK(code == E_SYNTAX && saved.n == 0 && strncmp(problem.p, path, strlen(path)) == 0);
    else
        CHECK(problem.n == 0 && saved.saved_ms >= 0 && saved.saved_ms <= ORDER_TIME_MAX_MS);
    for (uint32_t i = 0; i < saved.n; i++) {
        CHECK(saved.v[i].key);
        CHECK(saved.v[i].health == HEALTH_UP || saved.v[i].health == HEALTH_DOWN);
        CHECK(saved.v[i].since_ms >= 0 && saved.v[i].since_ms <= ORDER_TIME_MAX_MS);
    }
    (void)store_is_fresh(saved.saved_ms, 1700000000000, 5000);
    arena_free(arena);
    buf_free(&problem);
    return 0;
}
