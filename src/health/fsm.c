/* SPDX-License-Identifier: Apache-2.0
 * From the results of one probe to its health. */
#include "health/fsm.h"

static bool become(struct fsm *fsm, enum health health)
{
    *fsm = (struct fsm){.health = (uint8_t)health};
    return true;
}

static bool first_result(struct fsm *fsm, bool ok, const struct fsm_limits *limits)
{
    become(fsm, ok ? HEALTH_UP : HEALTH_DOWN);
    if (!ok && limits->fall > 1) {
        fsm->provisional = true;
        fsm->run = 1;
    }
    return true;
}

static bool provisional_result(struct fsm *fsm, bool ok, const struct fsm_limits *limits)
{
    if (ok)
        return become(fsm, HEALTH_UP);
    if (++fsm->run >= limits->fall)
        become(fsm, HEALTH_DOWN);
    return false;
}

bool fsm_result(struct fsm *fsm, bool ok, const struct fsm_limits *limits)
{
    if (fsm->health == HEALTH_UNKNOWN)
        return first_result(fsm, ok, limits);
    if (fsm->provisional)
        return provisional_result(fsm, ok, limits);
    if (ok == (fsm->health == HEALTH_UP)) {
        fsm->run = 0;
        return false;
    }
    if (++fsm->run < (ok ? limits->rise : limits->fall))
        return false;
    return become(fsm, ok ? HEALTH_UP : HEALTH_DOWN);
}

bool fsm_failing(const struct fsm *fsm)
{
    return fsm->health == HEALTH_DOWN || (fsm->health == HEALTH_UP && fsm->run > 0);
}

uint32_t fsm_needed(const struct fsm *fsm, const struct fsm_limits *limits)
{
    if (fsm->health == HEALTH_UNKNOWN || fsm->provisional)
        return 1;
    uint32_t of = fsm->health == HEALTH_UP ? limits->fall : limits->rise;
    /* A reload may have lowered the limit below the run that was carried over. */
    return of > fsm->run ? of - fsm->run : 1;
}

uint32_t fsm_flip_s(const struct fsm *fsm, const struct fsm_limits *limits)
{
    uint64_t s = (uint64_t)fsm_needed(fsm, limits) * limits->interval_ms / 1000;
    if (s < 1)
        return 1;
    return s < FLIP_NEVER ? (uint32_t)s : FLIP_NEVER - 1;
}
