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
static struct {
    bool set;
    enum scripted what;
    unsigned count;
} groups[UINT8_MAX + 1];

void scripted_set(uint16_t port, enum scripted what)
{
    script[port] = (uint8_t)what;
}

unsigned scripted_count(uint16_t port)
{
    return counts[port];
}

uint8_t scripted_group_of(const struct ip *addr)
{
    if (addr->family == IP_V4)
        return addr->b[0] == 127 ? addr->b[1] : 0;
    return addr->b[0] == 0xfd ? addr->b[3] : 0;
}

void scripted_set_group(uint8_t group, enum scripted what)
{
    groups[group].set = true;
    groups[group].what = what;
}

unsigned scripted_count_group(uint8_t group)
{
    return groups[group].count;
}

static enum scripted script_of(const struct trial_target *target)
{
    uint8_t group = scripted_group_of(&target->addr);
    return group > 0 && groups[group].set ? groups[group].what
                                          : (enum scripted)script[target->port];
}

static void start(struct trial *trial, const struct trial_target *target)
{
    counts[target->port]++;
    groups[scripted_group_of(&target->addr)].count++;
    trial->phase = "connecting";
    switch (script_of(target)) {
    case SCRIPTED_OPEN:
        trial_finish(trial, TRIAL_UP, "connected");
        return;
    case SCRIPTED_REFUSED:
        trial_finish_uv(trial, UV_ECONNREFUSED, trial->phase);
        return;
    case SCRIPTED_LACKING:
        trial_finish_unsent(trial, UV_EMFILE, trial->phase);
        return;
    case SCRIPTED_UNREACHABLE:
        trial_finish_uv(trial, UV_EHOSTUNREACH, trial->phase);
        return;
    case SCRIPTED_WRONG:
        trial_finish(trial, TRIAL_DOWN, "status 503, expected 200");
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
