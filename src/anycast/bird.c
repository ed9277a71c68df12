/* SPDX-License-Identifier: Apache-2.0
 * BIRD 2: opened, read back, and what the guard does when loadstard cannot. */
#include "anycast/bird_driver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- errors ---- */

void bird_fail(struct speaker_driver *d, enum speaker_error error, const char *text)
{
    d->wanted = NULL;
    d->host.failed(d->host.ctx, error, text);
}

static enum speaker_error file_reason(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
        return SPEAKER_ERROR_DENIED;
    case ETIMEDOUT:
    case EBUSY:
        return SPEAKER_ERROR_TIMEOUT;
    default:
        return SPEAKER_ERROR_DISK;
    }
}

void bird_fail_file(struct speaker_driver *d, const char *what, const char *suffix, int error)
{
    char text[WRITTEN_TEXT_MAX];
    bird_fail(d, file_reason(error), written_text(text, what, d->host.config->file, suffix, error));
}

/* ---- the file ---- */

bool bird_open_file(struct speaker_driver *d)
{
    if (!d->file)
        d->file = followed_open(d->host.drive, d->host.config->file);
    return d->file != NULL;
}

static bool is_foreign(struct speaker_driver *d, enum mark_owner owner, bool blank,
                       const char *node)
{
    char text[WRITTEN_TEXT_MAX];
    if (owner == MARK_FOREIGN)
        snprintf(text, sizeof text,
                 "%s is written by the node %s, and one file has one writer; remove it if that "
                 "node is no more",
                 d->host.config->file, node);
    else if (owner == MARK_NONE && !blank)
        snprintf(text, sizeof text,
                 "%s was not written by Loadstar, and is left alone; speaker.file has to be a file "
                 "of its own that BIRD includes",
                 d->host.config->file);
    else
        return false;
    bird_fail(d, SPEAKER_ERROR_FOREIGN, text);
    return true;
}

bool bird_take_file(struct speaker_driver *d, int error, struct slice text)
{
    char node[MARK_NODE_MAX];
    bool blank;
    if (error && error != ENOENT) {
        bird_fail_file(d, "read", "", error);
        return false;
    }
    if (error)
        text = slice_str("");
    enum mark_owner owner = bird_file_owner(text, d->host.node, node, &blank);
    if (is_foreign(d, owner, blank, node))
        return false;
    d->edited = owner == MARK_EDITED;
    bird_keep(&d->current, text);
    return true;
}

static void on_put_back(void *ctx, int error)
{
    struct speaker_driver *d = ctx;
    if (error) {
        bird_fail_file(d, "write", "", error);
        return;
    }
    bird_keep(&d->current, bird_text(&d->good));
    d->put_back = true;
    bird_look(d);
}

static void on_good(void *ctx, int error, struct slice text)
{
    struct speaker_driver *d = ctx;
    char node[MARK_NODE_MAX];
    bool blank;
    if (error && error != ENOENT) {
        bird_fail_file(d, "read", BIRD_GOOD, error);
        return;
    }
    d->good_is_read = true;
    if (!error && bird_file_owner(text, d->host.node, node, &blank) == MARK_OURS)
        bird_keep(&d->good, text);
    if (d->good.n > 0 && !slice_equal(bird_text(&d->good), bird_text(&d->current)))
        followed_write(d->file, "", bird_text(&d->good), on_put_back, d);
    else
        bird_look(d);
}

static void on_file(void *ctx, int error, struct slice text)
{
    struct speaker_driver *d = ctx;
    if (!bird_take_file(d, error, text))
        return;
    if (d->good_is_read)
        bird_look(d);
    else
        followed_read(d->file, BIRD_GOOD, on_good, d);
}

static void bird_observe(struct speaker_driver *d, const struct announcements *wanted)
{
    d->wanted = wanted;
    if (bird_open_file(d))
        followed_read(d->file, "", on_file, d);
    else
        bird_fail_file(d, "open the directory of", "", errno);
}

/* ---- the driver ---- */

static struct speaker_driver *bird_open(const struct speaker_host *host)
{
    struct speaker_driver *d = xcalloc(1, sizeof *d);
    d->host = *host;
    (void)bird_open_file(d);
    return d;
}

/* Of sets with a TUN the carrier is enough. */
static void bird_will(struct speaker_driver *d, const struct announcements *now,
                      struct last_will *will)
{
    for (uint32_t i = 0; i < now->n; i++)
        if (now->v[i].announced && now->v[i].spec->config->hold != ANYCAST_HOLD_TUN) {
            static const char *const words[] = {
                "birdc", "-s", NULL, "disable", "\"" BIRD_PREFIX "*\"", NULL};
            memcpy(d->will, words, sizeof words);
            d->will[2] = d->host.config->socket;
            will->argv = d->will;
        }
}

static void bird_respecified(struct speaker_driver *d, const struct speaker *config)
{
    d->host.config = config;
}

static void bird_close(struct speaker_driver *d)
{
    if (d->file)
        followed_close(d->file);
    if (d->talk)
        bird_talk_cancel(d->talk);
    bird_look_end(d);
    bird_change_end(d);
    buf_free(&d->current);
    buf_free(&d->good);
    free(d);
}

const struct speaker_type_ops bird_speaker = {
    .type = SPEAKER_BIRD,
    .open = bird_open,
    .observe = bird_observe,
    .apply = bird_apply,
    .respecified = bird_respecified,
    .will = bird_will,
    .close = bird_close,
};
