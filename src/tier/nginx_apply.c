/* SPDX-License-Identifier: Apache-2.0
 * nginx: from targets to an nginx that has them.
 *
 *   read FILE -> nothing to do | wait for the time between tests, and for a turn (nginx_gate.h)
 *     -> read FILE, keep what is not ours -> write FILE -> test --no--> FILE as it was
 *                                                            '-ok--> FILE.owed, FILE.good
 *     -> reload, when it may be -> FILE.owed away
 *
 * An end anywhere in between leaves either an untested FILE, which is put back at the next start,
 * or a FILE.owed, by which nginx is told then. */
#include "base/clock.h"
#include "base/escape.h"
#include "tier/nginx_driver.h"
#include "tier/written.h"

#include <errno.h>
#include <stdio.h>

#define HOLD_MS 10000 /* the longest that a first file lies there although it was refused */
#define HOLD_STEP_MS 50

static void begin(struct driver *d);
static void test(struct driver *d);

void nginx_end_turn(struct driver *d)
{
    if (d->has_turn)
        nginx_gate_pass(&d->guest);
    d->has_turn = false;
}

static void applied(struct driver *d)
{
    nginx_end_turn(d);
    d->host.applied(d->host.ctx);
}

/* --- commands --- */

/* What systemctl, polkit, kill(2) and open(2) say for want of a right. */
static bool is_denied(const char *line)
{
    static const char *const words[] = {"ermission denied", "not permitted", "ccess denied",
                                        "uthentication required", "uthentication is required"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strstr(line, words[i]))
            return true;
    }
    return false;
}

static enum tier_error reason_of(const struct command_result *result)
{
    if (result->timed_out)
        return TIER_ERROR_TIMEOUT;
    if (result->error == EACCES || result->error == EPERM || is_denied(result->line))
        return TIER_ERROR_DENIED;
    return TIER_ERROR_REJECTED;
}

static const char *remedy_of(enum tier_error reason)
{
    return reason == TIER_ERROR_DENIED ? " (see \"Rights\" in tiers.md)" : "";
}

/* --- reload --- */

static void on_paid(void *ctx, int error)
{
    struct driver *d = ctx;
    if (error && error != ENOENT) {
        nginx_fail_file(d, "remove", NGINX_OWED, error);
        return;
    }
    d->owed = false;
    if (d->is_unsaved)
        nginx_fail(d, TIER_ERROR_DISK, "nginx has it, but %s" NGINX_GOOD " could not be written",
                   nginx_config(d)->file);
    else
        applied(d);
}

void nginx_reloaded(void *ctx, const struct command_result *result)
{
    struct driver *d = ctx;
    char text[COMMAND_TEXT_MAX];
    if (command_ok(result)) {
        followed_remove(d->file, NGINX_OWED, on_paid, d);
        return;
    }
    enum tier_error reason = reason_of(result);
    nginx_fail(d, reason, "reload %s%s; nginx goes on with what it had", command_text(text, result),
               remedy_of(reason));
}

/* --- test --- */

static void on_saved(void *ctx, int error)
{
    struct driver *d = ctx;
    d->is_unsaved = error != 0; /* and said once nginx has been told, which comes first */
    nginx_end_turn(d);
    nginx_gate_reload(&d->guest);
}

static void on_owed(void *ctx, int error)
{
    struct driver *d = ctx;
    (void)error; /* by the memory of this process, if not by the next one's */
    followed_write(d->file, NGINX_GOOD, nginx_text(&d->good), on_saved, d);
}

static void on_rolled_back(void *ctx, int error)
{
    struct driver *d = ctx;
    const char *path = nginx_config(d)->file;
    if (!error || (error == ENOENT && !d->had_old)) {
        nginx_fail(d, d->reason, "%s; %s is as it was", d->text, path);
        return;
    }
    d->started = false; /* it is looked at as after an end in between */
    nginx_fail(d, d->reason, "%s; and %s could not be put back: %s", d->text, path,
               strerror(error));
}

static void hold(struct driver *d)
{
    bool may_come =
        nginx_gate_lacks(&d->guest, d->held_ms) && clock_mono_ms() < d->held_ms + HOLD_MS;
    if (may_come)
        nginx_later(d, HOLD_STEP_MS, hold);
    else
        nginx_gate_enter(&d->guest); /* once more, with what came meanwhile */
}

/* A first file that is refused may be so for want of others that are as new. */
static bool may_hold(struct driver *d)
{
    return !d->has_good && !d->had_old && d->held_ms == 0 &&
           nginx_gate_lacks(&d->guest, d->guest.tested_ms);
}

static void on_tested(void *ctx, const struct command_result *result)
{
    struct driver *d = ctx;
    char text[COMMAND_TEXT_MAX];
    d->command = NULL;
    d->guest.tested_ms = clock_mono_ms();
    if (command_ok(result)) {
        struct buf before = d->good;
        d->good = d->next;
        d->next = before;
        d->has_good = d->owed = true;
        d->guest.is_new = false;
        followed_write(d->file, NGINX_OWED, (struct slice){0}, on_owed, d);
        return;
    }
    if (may_hold(d)) {
        d->held_ms = d->guest.tested_ms;
        nginx_end_turn(d);
        hold(d);
        return;
    }
    d->reason = reason_of(result);
    snprintf(d->text, sizeof d->text, "test %s%s", command_text(text, result),
             remedy_of(d->reason));
    if (d->has_good)
        followed_write(d->file, "", nginx_text(&d->good), on_rolled_back, d);
    else if (d->had_old)
        followed_write(d->file, "", nginx_text(&d->old), on_rolled_back, d);
    else
        followed_remove(d->file, "", on_rolled_back, d);
}

static void test(struct driver *d)
{
    struct command_spec spec = {.argv = nginx_config(d)->nginx.test,
                                .timeout_ms = NGINX_COMMAND_MS,
                                .rank = nginx_line_rank};
    d->command = command_run(d->host.drive, &spec, on_tested, d);
}

/* --- write --- */

static void on_written(void *ctx, int error)
{
    struct driver *d = ctx;
    if (error)
        nginx_fail_file(d, "write", "", error);
    else
        test(d);
}

static void write_file(struct driver *d)
{
    followed_write(d->file, "", nginx_text(&d->next), on_written, d);
}

static void on_kept_good(void *ctx, int error)
{
    struct driver *d = ctx;
    if (error) {
        nginx_fail_file(d, "write", NGINX_GOOD, error);
        return;
    }
    d->has_good = true;
    nginx_keep(&d->good, nginx_text(&d->old));
    write_file(d);
}

static void on_kept(void *ctx, int error)
{
    struct driver *d = ctx;
    if (error) {
        nginx_fail_file(d, "keep what was in", "", error);
        return;
    }
    if (d->has_good)
        write_file(d);
    else
        followed_write(d->file, NGINX_GOOD, nginx_text(&d->old), on_kept_good, d);
}

/* Nothing that somebody else has written is lost by us. */
static void replace(struct driver *d, enum mark_owner owner, bool empty)
{
    if (owner == MARK_OURS || empty)
        write_file(d);
    else
        followed_write(d->file, owner == MARK_NONE ? NGINX_BEFORE : NGINX_EDITED,
                       nginx_text(&d->old), on_kept, d);
}

static void on_saved_late(void *ctx, int error)
{
    struct driver *d = ctx;
    d->is_unsaved = error != 0;
    if (error)
        nginx_fail_file(d, "write", NGINX_GOOD, error);
    else
        applied(d);
}

static bool is_settled(struct driver *d, bool same)
{
    return same && d->has_good && !d->owed &&
           slice_equal(nginx_text(&d->good), nginx_text(&d->next));
}

static void on_read(void *ctx, int error, struct slice text)
{
    struct driver *d = ctx;
    struct nginx_file file;
    if (error && error != ENOENT) {
        nginx_fail_file(d, "read", "", error);
        return;
    }
    d->had_old = error == 0;
    if (error)
        text = (struct slice){0};
    nginx_keep(&d->old, text);
    nginx_file_read(&file, text, d->host.node);
    nginx_file_free(&file); /* of its servers */
    bool same = slice_equal(text, nginx_text(&d->next));
    int64_t now_ms = clock_mono_ms();
    char why[WRITTEN_TEXT_MAX];
    if (written_is_taken(why, nginx_config(d), file.owner, file.empty)) {
        nginx_fail(d, TIER_ERROR_FOREIGN, "%s", why);
    } else if (is_settled(d, same) && !d->is_unsaved) {
        applied(d);
    } else if (is_settled(d, same)) {
        followed_write(d->file, NGINX_GOOD, nginx_text(&d->good), on_saved_late, d);
    } else if (now_ms < d->ready_ms) {
        nginx_later(d, (uint32_t)(d->ready_ms - now_ms), begin);
    } else if (!d->has_turn) {
        nginx_gate_enter(&d->guest);
    } else {
        d->ready_ms = now_ms + nginx_config(d)->nginx.reload_interval_ms;
        if (same)
            test(d);
        else
            replace(d, file.owner, file.empty);
    }
}

static void begin(struct driver *d)
{
    followed_read(d->file, "", on_read, d);
}

void nginx_turn(void *ctx)
{
    struct driver *d = ctx;
    d->has_turn = true;
    if (d->held_ms > 0)
        test(d); /* it lies there */
    else
        begin(d);
}

/* --- the end of a tier --- */

static void on_owed_gone(void *ctx, int error)
{
    struct driver *d = ctx;
    if (error && error != ENOENT)
        nginx_fail_file(d, "remove", NGINX_OWED, error);
    else
        applied(d);
}

static void on_good_gone(void *ctx, int error)
{
    struct driver *d = ctx;
    if (error && error != ENOENT) {
        nginx_fail_file(d, "remove", NGINX_GOOD, error);
        return;
    }
    d->left = true;
    d->has_good = d->owed = d->is_unsaved = false;
    followed_remove(d->file, NGINX_OWED, on_owed_gone, d);
}

/* The file itself stays: nginx includes it, would not start without it, and knows the upstream by
 * it. */
static void leave(struct driver *d)
{
    followed_remove(d->file, NGINX_GOOD, on_good_gone, d);
}

static void refuse_name(struct driver *d)
{
    char name[64];
    escape_text(name, sizeof name, slice_str(nginx_config(d)->nginx.upstream));
    nginx_fail(d, TIER_ERROR_REJECTED,
               "an upstream's name is of letters, digits, '-', '_' and '.', and \"%s\" is not",
               name);
}

/* The whole file is written, whatever of it has changed. */
void nginx_apply(struct driver *d, const struct tier_table *table, const struct tier_plan *plan)
{
    d->next.n = 0;
    d->held_ms = 0;
    uint32_t n = nginx_file_write(&d->next, d->host.spec, d->host.node, table);
    d->left = n == 0 || plan_deletes(plan);
    if (!d->file)
        nginx_fail_file(d, "open the directory of", "", ENOENT);
    else if (!nginx_name_is_plain(nginx_config(d)->nginx.upstream))
        refuse_name(d);
    else if (d->left)
        leave(d);
    else
        begin(d);
}
