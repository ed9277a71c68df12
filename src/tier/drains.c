/* SPDX-License-Identifier: Apache-2.0
 * The drain of one member: dns -> quiesce -> wait -> done. Each look decides anew by what is wanted
 * and seen, so that undoing an order, at any time, is nothing special. */
#include "tier/reconcile_parts.h"

#define IDLE_READINGS 2 /* in a row without a session: one may fall between two connections */
#define IDLE_APART_MS 1000

static const struct serving drained = {.serves = SERVES_DRAIN};

static void enter(struct tier_row *row, enum drain_phase phase, int64_t now_ms, int64_t until_ms)
{
    if (row->drain.phase == phase)
        return;
    row->drain.phase = (uint8_t)phase;
    row->drain.since_ms = now_ms;
    row->drain.until_ms = until_ms;
}

static void forget(struct tier_row *row)
{
    memset(&row->drain, 0, sizeof row->drain);
}

static void finish(struct tier_row *row, const struct reconcile_input *in, bool timed_out)
{
    row->drain.timed_out = timed_out;
    enter(row, DRAIN_DONE, in->now_ms, 0);
}

/* Another reading of its sessions. */
static void count_idle(struct tier_row *row, int64_t mono_ms)
{
    if (row->seen.active != 0) {
        row->drain.n_idle = 0;
        return;
    }
    if (row->drain.n_idle > 0 && mono_ms - row->drain.idle_ms < IDLE_APART_MS)
        return;
    row->drain.n_idle++;
    row->drain.idle_ms = mono_ms;
}

/* It gets no new sessions: until there is none any more, or time is over. The wall clock may be set
 * meanwhile, so it is not asked. */
static void wait_for_sessions(struct tier_row *row, const struct reconcile_input *in, bool fresh)
{
    if (row->drain.deadline_ms == 0) { /* whatever it was when it was not there */
        forget(row);
        row->drain.deadline_ms = in->mono_ms + in->spec->config->drain_timeout_ms;
    } else if (row->drain.phase == DRAIN_DONE) {
        if (!fresh || row->seen.active <= 0 || row->drain.timed_out)
            return;
        row->drain.n_idle = 0; /* clients that stick to it have come back */
    }
    enter(row, DRAIN_WAIT, in->now_ms, in->now_ms + row->drain.deadline_ms - in->mono_ms);
    if (fresh)
        count_idle(row, in->mono_ms);
    if (row->drain.n_idle >= IDLE_READINGS)
        finish(row, in, false);
    else if (in->mono_ms >= row->drain.deadline_ms)
        finish(row, in, true);
}

static bool may_remove(const struct tier_row *row, const struct reconcile_input *in)
{
    if (row->wanted.serves == SERVES_GONE)
        return in->leaving != LEAVING_EXIT && !(in->is_whole && in->leaving == LEAVING_REMOVED);
    return !in->keeps_members;
}

static void quiesce(struct tier_row *row, const struct reconcile_input *in)
{
    row->drain.deadline_ms = 0;
    row->drain.n_idle = 0;
    row->drain.timed_out = false;
    enter(row, DRAIN_QUIESCE, in->now_ms, 0);
}

void drain_step(struct tier_row *row, const struct reconcile_input *in, int64_t staged_ms,
                bool fresh)
{
    bool drains = row->wanted.serves == SERVES_DRAIN || row->wanted.serves == SERVES_GONE;
    if (staged_ms > 0) {
        if (row->drain.phase != DRAIN_DNS)
            forget(row);
        enter(row, DRAIN_DNS, in->now_ms, staged_ms);
        row->drain.until_ms = staged_ms;
    } else if (!drains || row->kept || row->foreign) {
        forget(row);
    } else if (!row->observed || (row->present && !shows(in, drained, &row->seen))) {
        quiesce(row, in);
    } else if (!row->present) {
        row->drain.deadline_ms = 0;
        finish(row, in, row->drain.timed_out);
    } else {
        wait_for_sessions(row, in, fresh);
    }
    if (row->drain.phase == DRAIN_DONE && may_remove(row, in))
        row->target = (struct serving){.serves = SERVES_GONE};
}
