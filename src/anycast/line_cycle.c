/* SPDX-License-Identifier: Apache-2.0
 * What the line to a speaker does when. */
#include "anycast/line_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <stdio.h>

#define SEEN_MAX 65536        /* routes; a driver that yields more has lost its way */
#define GAP_MS 200            /* between looks that nothing but nudges asks for */
#define AGAIN_MS 10           /* to a look by another wish */
#define SETTLE_FIRST_MS 20    /* doubled from look to look */
#define DRIFT_LOGGED_MS 60000 /* between lines of the log */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- what the driver says ---- */

void line_observed(void *ctx, struct speaker_seen *seen)
{
    struct speaker_line *l = ctx;
    assert(l->phase == LINE_LOOKS);
    l->seen.routes.n = 0;
    for (size_t i = 0; i < seen->routes.n && i < SEEN_MAX; i++)
        *vec_push(&l->seen.routes) = seen->routes.v[i];
    snprintf(l->seen.version, sizeof l->seen.version, "%s", seen->version);
    snprintf(l->seen.note, sizeof l->seen.note, "%s", seen->note);
    l->seen.restarted = seen->restarted;
    line_resolve(l);
    l->phase = LINE_LOOKED;
    line_arm(l);
}

void line_applied(void *ctx)
{
    struct speaker_line *l = ctx;
    assert(l->phase == LINE_APPLIES);
    l->phase = LINE_APPLIED;
    line_arm(l);
}

void line_failed(void *ctx, enum speaker_error error, const char *text)
{
    struct speaker_line *l = ctx;
    assert(l->phase == LINE_LOOKS || l->phase == LINE_APPLIES);
    l->failed_in = l->phase;
    l->failed_error = error;
    snprintf(l->failed_text, sizeof l->failed_text, "%s", text);
    l->phase = LINE_FAILED;
    line_arm(l);
}

/* ---- when ---- */

static int64_t patience_ms(const struct speaker_line *l)
{
    return LINE_PATIENCE_MS + 2 * (int64_t)l->config->timeout_ms;
}

static bool is_settling(const struct speaker_line *l)
{
    return l->settle_ms > 0;
}

static int64_t look_due_ms(const struct speaker_line *l)
{
    if (l->look_asked)
        return 0;
    if (l->not_before_ms)
        return l->not_before_ms;
    if (!l->is_current || l->is_unread)
        return 0;
    int64_t due_ms = l->looked_ms + most(l->config->interval_ms, GAP_MS);
    if (is_settling(l))
        due_ms = least(l->looked_ms + l->settle_ms, l->applied_ms + LINE_SETTLE_MS);
    else if (l->has_want && line_judge(l) == LINE_LOOK)
        due_ms = l->looked_ms + AGAIN_MS;
    if (l->nudged_ms)
        due_ms = least(due_ms, most(l->nudged_ms + LINE_NUDGE_MS, l->looked_ms + GAP_MS));
    return due_ms;
}

/** When it may be told something; LINE_NEVER: there is nothing to tell. */
static int64_t apply_due_ms(const struct speaker_line *l)
{
    if (!l->has_want || !l->has_looked)
        return LINE_NEVER;
    bool untold = line_is_untold(l);
    if (l->not_before_ms) /* looks and changes take turns */
        return untold && l->failed_in == LINE_LOOKS ? l->not_before_ms : LINE_NEVER;
    bool wrong = l->is_current && !l->is_unread ? line_judge(l) == LINE_WRONG : untold;
    if (!wrong || (!untold && is_settling(l)))
        return LINE_NEVER;
    int64_t due_ms = l->adopt_ms;
    if (!line_withdraws(l))
        due_ms = most(due_ms, l->told_ms + LINE_APART_MS);
    return due_ms;
}

static int64_t due_ms(const struct speaker_line *l)
{
    switch (l->phase) {
    case LINE_IDLE:
        return least(look_due_ms(l), apply_due_ms(l));
    case LINE_LOOKS:
    case LINE_APPLIES:
        return l->began_ms + patience_ms(l);
    case LINE_LOOKED:
    case LINE_APPLIED:
    case LINE_FAILED:
        break;
    }
    return 0;
}

static void on_timer(uv_timer_t *timer);

void line_arm(struct speaker_line *l)
{
    if (l->closed)
        return;
    int64_t now_ms = clock_mono_ms(), at_ms = due_ms(l);
    uv_update_time(drive_loop(l->host.drive));
    uv_timer_start(&l->timer, on_timer, at_ms > now_ms ? (uint64_t)(at_ms - now_ms) : 0, 0);
}

/* ---- ends ---- */

static void note_failure(struct speaker_line *l, enum speaker_error error, const char *text)
{
    struct speaker_status *status = &l->status;
    if (!l->failing || status->error != error)
        log_error("speaker %s: %s", line_name(l), text);
    if (!l->failing)
        status->error_since_ms = clock_wall_ms();
    l->failing = true;
    status->up = false;
    status->error = error;
    status->n_errors++;
    snprintf(status->text, sizeof status->text, "%s", text);
    l->failed_ms = clock_mono_ms();
    l->not_before_ms = l->failed_ms + backoff_failed(&l->backoff);
}

static void note_success(struct speaker_line *l)
{
    struct speaker_status *status = &l->status;
    if (l->failing)
        log_notice("speaker %s: in order again, after %lld s", line_name(l),
                   (long long)((clock_wall_ms() - status->error_since_ms) / 1000));
    l->failing = false;
    status->up = true;
    status->error = SPEAKER_ERROR_NONE;
    status->text[0] = '\0';
    status->error_since_ms = 0;
    backoff_succeeded(&l->backoff);
}

static void on_failed(struct speaker_line *l)
{
    l->is_current = false;
    if (l->failed_in == LINE_APPLIES)
        l->knows_told = false;
    note_failure(l, l->failed_error, l->failed_text);
}

static void lose_patience(struct speaker_line *l)
{
    l->failed_in = l->phase;
    l->failed_error = SPEAKER_ERROR_TIMEOUT;
    snprintf(l->failed_text, sizeof l->failed_text, "no end of a %s within %lld s: begun anew",
             l->phase == LINE_APPLIES ? "change" : "look", (long long)(patience_ms(l) / 1000));
    line_open_driver(l);
    on_failed(l);
}

/** It was seen not to have what it was told, long enough after. */
static void note_not_taken(struct speaker_line *l)
{
    uint32_t missing, differing, spare;
    char text[128];
    line_count(l, &missing, &differing, &spare);
    snprintf(text, sizeof text,
             "it was told, and has not all of it: %u missing, %u otherwise, %u too many", missing,
             differing, spare);
    l->failed_in = LINE_APPLIES;
    l->knows_told = false;
    note_failure(l, SPEAKER_ERROR_REJECTED, text);
}

static void note_drift(struct speaker_line *l)
{
    int64_t now_ms = clock_mono_ms();
    uint32_t missing, differing, spare;
    l->status.n_drifts++;
    if (l->drift_logged_ms && now_ms < l->drift_logged_ms + DRIFT_LOGGED_MS)
        return;
    line_count(l, &missing, &differing, &spare);
    log_warning("speaker %s: changed by somebody else (%u missing, %u otherwise, %u too many), "
                "told anew",
                line_name(l), missing, differing, spare);
    l->drift_logged_ms = now_ms;
}

/** What the look that has ended means for what was told. */
static void conclude(struct speaker_line *l)
{
    enum line_verdict verdict = l->has_want ? line_judge(l) : LINE_RIGHT;
    if (verdict != LINE_WRONG) {
        l->confirms &= verdict != LINE_RIGHT;
        l->settle_ms = 0;
        note_success(l);
    } else if (line_is_untold(l)) {
        l->settle_ms = 0;
    } else if (!l->confirms) {
        note_drift(l);
    } else if (l->looked_ms < l->applied_ms + LINE_SETTLE_MS) {
        l->settle_ms = is_settling(l) ? l->settle_ms * 2 : SETTLE_FIRST_MS;
    } else {
        note_not_taken(l);
    }
}

static void on_looked(struct speaker_line *l)
{
    int64_t now_ms = clock_mono_ms();
    struct wish before = l->looked;
    l->looked = l->given;
    l->given = before;
    if (!l->has_looked)
        l->adopt_ms = now_ms + LINE_ADOPT_MS;
    if (l->seen.restarted && l->has_looked) {
        l->status.n_restarts++;
        l->knows_told = false;
        log_notice("speaker %s: it was restarted", line_name(l));
    }
    l->has_looked = l->is_current = true;
    l->is_unread = false;
    l->looked_ms = now_ms;
    l->status.looked_ms = clock_wall_ms();
    snprintf(l->status.note, sizeof l->status.note, "%s", l->seen.note);
    snprintf(l->status.version, sizeof l->status.version, "%s", l->seen.version);
    conclude(l);
}

static void on_applied(struct speaker_line *l)
{
    struct wish before = l->told;
    l->told = l->given;
    l->given = before;
    l->knows_told = l->confirms = l->is_unread = true;
    l->applied_ms = clock_mono_ms();
    l->settle_ms = 0;
    l->status.n_applied++;
}

/* ---- the timer ---- */

static void begin(struct speaker_line *l)
{
    int64_t now_ms = clock_mono_ms();
    line_take_next(l);
    int64_t look_ms = look_due_ms(l), apply_ms = apply_due_ms(l);
    if (least(look_ms, apply_ms) > now_ms) {
        line_arm(l);
        return;
    }
    bool applies = apply_ms <= now_ms;
    const struct announcements wanted = wish_lend(&l->wanted);
    if (l->wanted.set)
        wish_put(&l->given, &wanted, l->wanted.set);
    l->began_ms = now_ms;
    l->not_before_ms = 0;
    l->status.busy = true;
    l->phase = applies ? LINE_APPLIES : LINE_LOOKS;
    if (applies) {
        l->told_ms = now_ms;
    } else {
        l->look_asked = false;
        l->nudged_ms = 0;
    }
    line_arm(l);
    l->lent = wish_lend(&l->given);
    (applies ? l->ops->apply : l->ops->observe)(l->driver, &l->lent);
}

static void on_timer(uv_timer_t *timer)
{
    struct speaker_line *l = timer->data;
    switch (l->phase) {
    case LINE_IDLE:
        begin(l);
        return;
    case LINE_LOOKS:
    case LINE_APPLIES:
        if (clock_mono_ms() < l->began_ms + patience_ms(l)) {
            line_arm(l);
            return;
        }
        lose_patience(l);
        break;
    case LINE_LOOKED:
        on_looked(l);
        break;
    case LINE_APPLIED:
        on_applied(l);
        break;
    case LINE_FAILED:
        on_failed(l);
        break;
    }
    l->phase = LINE_IDLE;
    l->status.busy = false;
    l->host.changed(l->host.ctx, l);
    line_arm(l);
}
