/* SPDX-License-Identifier: Apache-2.0
 * GoBGP, by its command line. Its table has routes of gobgpd's own, and does not say who gave them:
 * ours are those whose prefixes are configured, and those that the record in the state directory
 * has of sets that are not configured any more. */
#include "anycast/gobgp_driver.h"

#include <errno.h>
#include <stdio.h>

/* --- the record --- */

static bool is_recorded(const struct speaker_driver *d)
{
    if (d->recorded.n != d->told.n)
        return false;
    for (size_t i = 0; i < d->told.n; i++)
        if (!ip_prefixes_have(&d->recorded, &d->told.v[i]))
            return false;
    return true;
}

/* Without it a crash leaves behind what a configuration of later does not name: worth a word, not
 * worth to hold up what is to be announced. */
static void on_recorded(void *ctx, int error)
{
    struct speaker_driver *d = ctx;
    *d->record_note = '\0';
    if (error) {
        snprintf(d->record_note, sizeof d->record_note,
                 "what gobgpd is told cannot be recorded in the state directory: %s",
                 strerror(error));
    } else {
        d->recorded.n = 0;
        for (size_t i = 0; i < d->told.n; i++)
            *vec_push(&d->recorded) = d->told.v[i];
    }
    d->recorded_then(d);
}

void gobgp_record(struct speaker_driver *d, void (*then)(struct speaker_driver *d))
{
    struct buf text = {0};
    d->recorded_then = then;
    if (!d->file || !d->file_read || is_recorded(d)) {
        then(d);
        return;
    }
    gobgp_record_write(&text, &d->told);
    followed_write(d->file, "", slice_of(text.p, text.n), on_recorded, d);
    buf_free(&text);
}

void gobgp_expect_wanted(struct speaker_driver *d)
{
    for (uint32_t set = 0; set < d->wanted->n; set++) {
        const struct prefix_set *config = d->wanted->v[set].spec->config;
        for (uint32_t i = 0; i < config->n_prefixes; i++)
            ip_prefixes_add(&d->told, &config->prefixes[i]);
    }
}

void gobgp_forget_gone(struct speaker_driver *d)
{
    uint32_t set, nth;
    for (size_t i = d->told.n; i-- > 0;)
        if (!announcements_find(d->wanted, &d->told.v[i], &set, &nth) &&
            !gobgp_table_find(&d->table, &d->told.v[i]))
            d->told.v[i] = d->told.v[--d->told.n];
}

/* What is damaged is as if it were not there. What cannot be read now may be read later: until then
 * it is not written over. */
static void on_file(void *ctx, int error, struct slice text)
{
    struct speaker_driver *d = ctx;
    d->file_read = !error || error == ENOENT || error == EFBIG;
    *d->record_note = '\0';
    if (!d->file_read)
        snprintf(d->record_note, sizeof d->record_note,
                 "the record in the state directory of what gobgpd is told cannot be read: %s",
                 strerror(error));
    if (!error && gobgp_record_read(&d->recorded, text) == 0)
        for (size_t i = 0; i < d->recorded.n; i++)
            ip_prefixes_add(&d->told, &d->recorded.v[i]);
    gobgp_look(d);
}

static void gobgp_observe(struct speaker_driver *d, const struct announcements *wanted)
{
    d->wanted = wanted;
    if (d->file && !d->file_read)
        followed_read(d->file, "", on_file, d);
    else
        gobgp_look(d);
}

/* --- the driver --- */

static struct speaker_driver *gobgp_open(const struct speaker_host *host)
{
    struct speaker_driver *d = xcalloc(1, sizeof *d);
    struct arena *arena = arena_new();
    d->host = *host;
    if (host->state_dir)
        d->file = followed_open(host->drive, arena_printf(arena, "%s/speaker.%s.json",
                                                          host->state_dir, host->config->name));
    arena_free(arena);
    return d;
}

/* It may be another gobgpd. */
static void gobgp_respecified(struct speaker_driver *d, const struct speaker *config)
{
    d->host.config = config;
    d->is_known = false;
}

static void forget_will(struct speaker_driver *d)
{
    for (size_t i = 0; i < d->last.n; i++)
        gobgp_argv_free(&d->last.v[i]);
    vec_free(&d->last);
    vec_free(&d->last_then);
}

static void gobgp_will(struct speaker_driver *d, const struct announcements *now,
                       struct last_will *will)
{
    forget_will(d);
    for (uint32_t set = 0; set < now->n; set++) {
        const struct prefix_set *config = now->v[set].spec->config;
        for (uint32_t i = 0; now->v[set].announced && i < config->n_prefixes; i++)
            gobgp_argv_del(vec_push(&d->last), d->host.config->command, &config->prefixes[i]);
    }
    if (d->last.n == 0)
        return;
    for (size_t i = 1; i < d->last.n; i++)
        *vec_push(&d->last_then) = (const char *const *)d->last.v[i].v.v;
    *vec_push(&d->last_then) = NULL;
    will->argv = (const char *const *)d->last.v[0].v.v;
    will->then = d->last_then.v;
}

static void gobgp_close(struct speaker_driver *d)
{
    if (d->command)
        command_cancel(d->command);
    if (d->file)
        followed_close(d->file);
    forget_will(d);
    vec_free(&d->told);
    vec_free(&d->recorded);
    vec_free(&d->steps);
    vec_free(&d->table.routes);
    vec_free(&d->fresh.routes);
    vec_free(&d->seen.routes);
    free(d);
}

const struct speaker_type_ops gobgp_speaker = {
    .type = SPEAKER_GOBGP,
    .open = gobgp_open,
    .observe = gobgp_observe,
    .apply = gobgp_apply,
    .respecified = gobgp_respecified,
    .will = gobgp_will,
    .close = gobgp_close,
};
