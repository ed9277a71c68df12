/* SPDX-License-Identifier: Apache-2.0
 * Back ends without a network. */
#include "scripted.h"

#include "health/trial.h"

static uint8_t script[UINT16_MAX + 1] = {
    [OPEN_PORT] = SCRIPTED_OPEN,
    [SILENT_PORT] = SCRIPTED_SILENT,
    [LACKING_PORT] = SCRIPTED_LACKING,
};
static unsigned counts[UINT16_MAX + 1];

void scripted_set(uint16_t port, enum scripted what)
{
    script[port] = (uint8_t)what;
}

unsigned scripted_count(uint16_t port)
{
    return counts[port];
}

static void start(struct trial *trial, const struct trial_target *target)
{
    counts[target->port]++;
    trial->phase = "connecting";
    switch ((enum scripted)script[target->port]) {
    case SCRIPTED_OPEN:
        trial_finish(trial, TRIAL_UP, "connected");
        return;
    case SCRIPTED_REFUSED:
        trial_finish_uv(trial, UV_ECONNREFUSED, trial->phase);
        return;
    case SCRIPTED_LACKING:
        trial_finish_unsent(trial, UV_EMFILE, trial->phase);
        return;
    case SCRIPTED_SILENT:
        return;
    }
}

static void end(struct trial *trial)
{
    (void)trial;
}

const struct trial_kind trial_tcp = {.size = sizeof(struct trial), .start = start, .close = end};
