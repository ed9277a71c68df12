/* SPDX-License-Identifier: Apache-2.0
 * Starts and stops in the event log. */
#include "config.h"

#include "base/clock.h"
#include "main/daemon.h"

#include <stdio.h>

static void add(const char *from, const char *to, const char *reason, const char *by)
{
    struct event event = {.at_ms = clock_wall_ms(), .target = "loadstar"};
    snprintf(event.from, sizeof event.from, "%s", from);
    snprintf(event.to, sizeof event.to, "%s", to);
    snprintf(event.reason, sizeof event.reason, "version " PACKAGE_VERSION "%s", reason);
    snprintf(event.by, sizeof event.by, "%s", by);
    events_add(&event);
}

void daemon_tell_start(struct daemon *d)
{
    static const char *const how[] = {
        [EVENT_PAST_NONE] = "",
        [EVENT_PAST_STOPPED] = ", after a clean stop",
        [EVENT_PAST_UNCLEAN] = ", after an unclean end",
        [EVENT_PAST_UNREADABLE] = ", events before this start cannot be read",
    };
    enum event_past past;
    d->event_file = event_file_open(&d->loop, d->generation->model->server.state_dir, &past);
    add(past == EVENT_PAST_STOPPED ? EVENT_STOPPED : "unknown", EVENT_STARTED, how[past], "");
}

void daemon_tell_stop(struct daemon *d)
{
    if (!d->event_file)
        return;
    if (d->serving || d->stopping)
        add(EVENT_STARTED, EVENT_STOPPED, "", d->stop_by.text);
    event_file_free(d->event_file);
    d->event_file = NULL;
}
