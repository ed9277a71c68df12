/* SPDX-License-Identifier: Apache-2.0
 * Whatever a command of the operator's can tell: it gets all that is to be announced (exec_wish.h)
 * on its standard input whenever that has changed, and LOADSTAR_SPEAKER and LOADSTAR_NODE in its
 * environment. Exit status 0: it has taken it.
 *
 * What it took last is what there is, unless it prints which routes there are; then it is run again
 * at each look, with what it has taken before. What it took is kept in the state directory, and
 * counts until the machine is booted: by then whoever it was told to may have lost it.
 *
 * The guard runs it with LOADSTAR_WITHDRAW=1 and nothing on its standard input: all is to be
 * withdrawn. */
#include "anycast/exec_wish.h"
#include "base/boot.h"
#include "base/clock.h"
#include "base/escape.h"
#include "drive/command.h"
#include "drive/files.h"

#include <errno.h>
#include <stdio.h>

enum { OUTPUT_MAX = 1 << 20, VARIABLE_MAX = 192, TEXT_MAX = 256 };

struct speaker_driver {
    struct speaker_host host;
    struct followed_file *file; /* what it took last; NULL: there is no state directory */
    bool loaded, kept;          /* the file has been read; it is there, or may be */
    char boot[BOOT_ID_MAX];     /* "": nothing that was kept counts */
    const struct announcements *wanted;
    struct buf taken, next;  /* wishes; `taken.n` is 0: it is not known what it has */
    struct exec_routes had;  /* of `taken` */
    struct exec_routes says; /* what it printed last; */
    bool reports;            /* it does print that */
    uint64_t version, next_version;
    struct command *command; /* NULL: none runs */
    bool applies;            /* and it is told something */
    struct speaker_seen seen;
    char withdraw[VARIABLE_MAX], speaker[VARIABLE_MAX], node[VARIABLE_MAX];
    VEC(const char *) last; /* argv of the will */
    const char *path;       /* of the file, in `arena` */
    const char *forget[4];
    const char *const *then[2];
    struct arena *arena;
};

/* --- looking --- */

/* Whether it has the prefix, by what it took and what it says. */
static enum announcer_real real_of(const struct speaker_driver *d, const struct ip_prefix *prefix)
{
    const struct exec_route *said = d->reports ? exec_routes_find(&d->says, prefix) : NULL;
    if (said)
        return said->present ? REAL_PRESENT : REAL_ABSENT;
    if (d->taken.n == 0)
        return REAL_UNKNOWN;
    return exec_routes_find(&d->had, prefix) ? REAL_PRESENT : REAL_ABSENT;
}

static bool differs(const struct speaker_driver *d, const struct announcement *set,
                    const struct ip_prefix *prefix)
{
    const struct exec_route *had = exec_routes_find(&d->had, prefix);
    struct buf text = {0};
    exec_attributes_render(&text, set, d->host.config);
    bool same = had && had->attributes && strcmp(had->attributes, text.p) == 0;
    buf_free(&text);
    return !same;
}

static void see_set(struct speaker_driver *d, uint32_t set)
{
    const struct announcement *a = &d->wanted->v[set];
    for (uint32_t nth = 0; nth < a->spec->config->n_prefixes; nth++) {
        const struct ip_prefix *prefix = &a->spec->config->prefixes[nth];
        struct seen_route *seen = vec_push(&d->seen.routes);
        *seen = (struct seen_route){.prefix = *prefix, .set = set, .nth = nth};
        seen->real = real_of(d, prefix);
        seen->differs = seen->real == REAL_PRESENT && differs(d, a, prefix);
    }
}

static void tell_observed(struct speaker_driver *d)
{
    uint32_t set, nth;
    d->seen.routes.n = 0;
    for (uint32_t i = 0; i < d->wanted->n; i++)
        see_set(d, i);
    for (size_t i = 0; i < d->had.v.n; i++) {
        const struct ip_prefix *prefix = &d->had.v.v[i].prefix;
        if (!announcements_find(d->wanted, prefix, &set, &nth) &&
            real_of(d, prefix) == REAL_PRESENT)
            *vec_push(&d->seen.routes) = (struct seen_route){
                .prefix = *prefix, .set = MODEL_NONE, .nth = MODEL_NONE, .real = REAL_PRESENT};
    }
    d->host.observed(d->host.ctx, &d->seen);
}

/* --- the command --- */

static void fail(struct speaker_driver *d, const struct command_result *result)
{
    char what[COMMAND_TEXT_MAX], name[96], text[TEXT_MAX];
    escape_text(name, sizeof name, slice_str(d->host.config->command[0]));
    snprintf(text, sizeof text, "%s %.150s", name, command_text(what, result));
    d->host.failed(d->host.ctx, speaker_command_error(result), text);
}

/* That it could not be kept costs a run after the next start, no more. */
static void on_kept(void *ctx, int error)
{
    struct speaker_driver *d = ctx;
    (void)error;
    d->host.applied(d->host.ctx);
}

/* It may have done all, some or nothing of it. */
static void forget_taken(struct speaker_driver *d)
{
    d->taken.n = 0;
    exec_routes_free(&d->had);
    d->reports = false;
}

static bool take_reply(struct speaker_driver *d, const struct command_result *result)
{
    char name[96], text[TEXT_MAX];
    exec_routes_free(&d->says);
    int rc = exec_reply_read(&d->says, result->output);
    d->reports = rc == 0;
    if (rc == 0 || rc == E_NOTFOUND)
        return true;
    escape_text(name, sizeof name, slice_str(d->host.config->command[0]));
    snprintf(text, sizeof text,
             "%s printed \"routes\" that are not understood, expected "
             "[{\"prefix\": TEXT, \"present\": true or false}..]",
             name);
    d->host.failed(d->host.ctx, SPEAKER_ERROR_REJECTED, text);
    return false;
}

static void take_wish(struct speaker_driver *d, struct slice text)
{
    d->taken.n = 0;
    exec_routes_free(&d->had);
    if (exec_wish_read(&d->had, &d->version, text, d->host.node, d->host.config->name) == 0)
        buf_add(&d->taken, text.p, text.n);
    else
        exec_routes_free(&d->had);
}

static void keep(struct speaker_driver *d)
{
    struct buf text = {0};
    exec_kept_render(&text, d->boot, d->reports, slice_of(d->taken.p, d->taken.n));
    d->kept = true;
    followed_write(d->file, "", slice_of(text.p, text.n), on_kept, d);
    buf_free(&text);
}

static void on_command(void *ctx, const struct command_result *result)
{
    struct speaker_driver *d = ctx;
    d->command = NULL;
    if (d->applies)
        forget_taken(d);
    if (!command_ok(result)) {
        fail(d, result);
        return;
    }
    if (!take_reply(d, result))
        return;
    if (!d->applies) {
        tell_observed(d);
        return;
    }
    take_wish(d, slice_of(d->next.p, d->next.n));
    if (d->file)
        keep(d);
    else
        d->host.applied(d->host.ctx);
}

static void run(struct speaker_driver *d, const struct buf *wish)
{
    char speaker[VARIABLE_MAX], node[VARIABLE_MAX];
    const char *const env[] = {speaker, node, NULL};
    snprintf(speaker, sizeof speaker, "LOADSTAR_SPEAKER=%s", d->host.config->name);
    snprintf(node, sizeof node, "LOADSTAR_NODE=%s", d->host.node);
    const struct command_spec spec = {.argv = d->host.config->command,
                                      .env = env,
                                      .input = wish->p,
                                      .n_input = wish->n,
                                      .timeout_ms = d->host.config->timeout_ms,
                                      .max_output = OUTPUT_MAX};
    d->command = command_run(d->host.drive, &spec, on_command, d);
}

/* --- the driver --- */

static void look(struct speaker_driver *d)
{
    d->applies = false;
    if (d->reports && d->taken.n > 0)
        run(d, &d->taken);
    else
        tell_observed(d);
}

/* What is of another boot, node, speaker or form is nothing: the command is run. */
static void take_kept(struct speaker_driver *d, struct slice text)
{
    struct slice wish;
    bool reports, counts = exec_kept_read(&wish, &reports, text, d->boot);
    take_wish(d, wish);
    d->reports = reports;
    if (!counts)
        forget_taken(d);
}

static void on_read(void *ctx, int error, struct slice text)
{
    struct speaker_driver *d = ctx;
    d->loaded = true;
    d->kept = error != ENOENT;
    if (error == 0 && d->taken.n == 0)
        take_kept(d, text);
    look(d);
}

static void exec_observe(struct speaker_driver *d, const struct announcements *wanted)
{
    d->wanted = wanted;
    if (d->file && !d->loaded)
        followed_read(d->file, "", on_read, d);
    else
        look(d);
}

static void on_removed(void *ctx, int error)
{
    struct speaker_driver *d = ctx;
    d->kept = error && error != ENOENT;
    run(d, &d->next);
}

/* While it is told something it is not known what it has, also to who starts after a crash. */
static void exec_apply(struct speaker_driver *d, const struct announcements *wanted)
{
    uint64_t now = (uint64_t)clock_wall_ms();
    d->wanted = wanted;
    d->applies = true;
    d->next.n = 0;
    d->next_version = now > d->version ? now : d->version + 1;
    exec_wish_render(&d->next, wanted, d->host.config, d->host.node, d->next_version);
    if (d->file && d->kept)
        followed_remove(d->file, "", on_removed, d);
    else
        run(d, &d->next);
}

static struct speaker_driver *exec_open(const struct speaker_host *host)
{
    struct speaker_driver *d = xcalloc(1, sizeof *d);
    d->host = *host;
    d->arena = arena_new();
    if (host->state_dir)
        d->path = arena_printf(d->arena, "%s/speaker.%s.json", host->state_dir, host->config->name);
    if (d->path)
        d->file = followed_open(host->drive, d->path);
    d->kept = d->file != NULL;
    (void)!boot_id(d->boot);
    return d;
}

/* What it took holds. */
static void exec_respecified(struct speaker_driver *d, const struct speaker *config)
{
    d->host.config = config;
}

static void exec_will(struct speaker_driver *d, const struct announcements *now,
                      struct last_will *will)
{
    bool any = false;
    for (uint32_t i = 0; i < now->n; i++)
        any |= now->v[i].announced;
    if (!any)
        return;
    snprintf(d->withdraw, sizeof d->withdraw, "LOADSTAR_WITHDRAW=1");
    snprintf(d->speaker, sizeof d->speaker, "LOADSTAR_SPEAKER=%s", d->host.config->name);
    snprintf(d->node, sizeof d->node, "LOADSTAR_NODE=%s", d->host.node);
    d->last.n = 0;
    *vec_push(&d->last) = "/usr/bin/env";
    *vec_push(&d->last) = d->withdraw;
    *vec_push(&d->last) = d->speaker;
    *vec_push(&d->last) = d->node;
    for (const char *const *word = d->host.config->command; *word; word++)
        *vec_push(&d->last) = *word;
    *vec_push(&d->last) = NULL;
    will->argv = d->last.v;
    if (!d->path)
        return;
    /* What it took before does not hold for who starts next. */
    memcpy(d->forget, ((const char *[]){"/bin/rm", "-f", d->path, NULL}), sizeof d->forget);
    d->then[0] = d->forget;
    will->then = d->then;
}

static void exec_close(struct speaker_driver *d)
{
    if (d->command)
        command_cancel(d->command);
    if (d->file)
        followed_close(d->file);
    exec_routes_free(&d->had);
    exec_routes_free(&d->says);
    buf_free(&d->taken);
    buf_free(&d->next);
    vec_free(&d->seen.routes);
    vec_free(&d->last);
    arena_free(d->arena);
    free(d);
}

const struct speaker_type_ops exec_speaker = {
    .type = SPEAKER_EXEC,
    .open = exec_open,
    .observe = exec_observe,
    .apply = exec_apply,
    .respecified = exec_respecified,
    .will = exec_will,
    .close = exec_close,
};
