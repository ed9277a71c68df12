/* SPDX-License-Identifier: Apache-2.0
 * Whether the state directory can be written, by what became of the latest write. While it cannot,
 * health is written each few seconds all the same: so it is noticed when it can again. */
#include "health/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

enum { RETRY_MS = 5000 };

void disk_note(struct checker *c, int error)
{
    const char *dir = c->model->server.state_dir;
    c->disk.tried_mono_ms = clock_mono_ms();
    if (!error == !c->disk.error) {
        c->disk.error = error;
        return;
    }
    c->disk.error = error;
    c->disk.since_ms = clock_wall_ms();
    if (error)
        log_error("health: the state directory %s cannot be written: %s; orders are refused, but "
                  "for those with --volatile",
                  dir ? dir : "", strerror(error));
    else
        log_notice("health: the state directory %s can be written again", dir ? dir : "");
}

bool disk_may_retry(const struct checker *c)
{
    return !c->disk.error || clock_mono_ms() - c->disk.tried_mono_ms >= RETRY_MS;
}
