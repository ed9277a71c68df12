/* SPDX-License-Identifier: Apache-2.0
 * Sessions -> share of a weight. */
#include "tier/feedback.h"

#include <math.h>

#define AVERAGE_MS 30000
#define STEP_MS 5000
#define BLIND_MS 60000

void feedback_init(struct feedback *feedback)
{
    *feedback = (struct feedback){.average = -1, .stepped_ms = INT64_MIN, .share = FEEDBACK_STEPS};
}

static uint8_t present(const struct feedback *feedback)
{
    return feedback->share ? feedback->share : FEEDBACK_STEPS;
}

static bool move_to(struct feedback *feedback, uint8_t share, int64_t mono_ms)
{
    bool changed = share != present(feedback);
    feedback->share = share;
    if (changed)
        feedback->stepped_ms = mono_ms;
    return changed;
}

/* What is known gets older by however long ago it was seen: the weight of a reading is the time
 * that it stands for, so that it does not matter how often somebody looks. */
static void add_reading(struct feedback *feedback, int64_t sessions, int64_t mono_ms)
{
    double age_ms = (double)(mono_ms - feedback->seen_ms);
    if (feedback->average < 0)
        feedback->average = (double)sessions;
    else if (age_ms > 0)
        feedback->average += ((double)sessions - feedback->average) * -expm1(-age_ms / AVERAGE_MS);
    feedback->seen_ms = mono_ms;
}

/* In sixteenths, to the nearest; never less than `min`, nor nothing. */
static uint8_t share_wanted(double average, const struct weight_from *from)
{
    double share = average > 0 ? from->target_sessions / average : 1;
    double least = ceil(from->min * FEEDBACK_STEPS);
    double steps = round((share < 1 ? share : 1) * FEEDBACK_STEPS);
    if (steps < least)
        steps = least;
    return steps < 1 ? 1 : (uint8_t)steps;
}

static bool is_between(double average, const struct weight_from *from)
{
    double ratio = average / from->target_sessions;
    return ratio >= from->low && ratio <= from->high;
}

bool feedback_step(struct feedback *feedback, const struct weight_from *from, int64_t sessions,
                   int64_t mono_ms)
{
    if (sessions < 0) {
        if (feedback->average < 0 || mono_ms - feedback->seen_ms < BLIND_MS)
            return false;
        feedback->average = -1;
        return move_to(feedback, FEEDBACK_STEPS, mono_ms);
    }
    add_reading(feedback, sessions, mono_ms);
    uint8_t now = present(feedback), wanted = share_wanted(feedback->average, from);
    bool waits = feedback->stepped_ms != INT64_MIN && mono_ms - feedback->stepped_ms < STEP_MS;
    if (waits || wanted == now || is_between(feedback->average, from))
        return false;
    return move_to(feedback, (uint8_t)(wanted > now ? now + 1 : now - 1), mono_ms);
}
