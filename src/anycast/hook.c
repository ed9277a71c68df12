/* SPDX-License-Identifier: Apache-2.0
 * Hooks as commands. */
#include "anycast/hook.h"

#include "base/arena.h"
#include "base/buf.h"

#include <stdlib.h>

struct hook {
    struct command *command;
    void (*done)(void *ctx, const char *error);
    void *ctx;
};

static void on_done(void *ctx, const struct command_result *result)
{
    struct hook *hook = ctx;
    char text[COMMAND_TEXT_MAX];
    void (*done)(void *, const char *) = hook->done;
    void *of = hook->ctx;
    free(hook);
    done(of, command_ok(result) ? "" : command_text(text, result));
}

static const char *prefixes_of(struct arena *arena, const struct prefix_set *config)
{
    struct buf text = {0};
    char prefix[IP_PREFIX_TEXT_MAX];
    buf_puts(&text, "LOADSTAR_PREFIXES=");
    for (uint32_t i = 0; i < config->n_prefixes; i++)
        buf_printf(&text, "%s%s", i ? " " : "", ip_prefix_text(prefix, &config->prefixes[i]));
    const char *made = arena_strdup(arena, text.p);
    buf_free(&text);
    return made;
}

struct hook *hook_run(struct drive *drive, const struct anycast_spec *spec, bool announce,
                      void (*done)(void *ctx, const char *error), void *ctx)
{
    const struct anycast_hook *config =
        announce ? &spec->config->on_announce : &spec->config->on_withdraw;
    struct hook *hook = xcalloc(1, sizeof *hook);
    struct arena *arena = arena_new();
    const char *const env[] = {
        arena_printf(arena, "LOADSTAR_SET=%s", spec->name),
        announce ? "LOADSTAR_CHANGE=announce" : "LOADSTAR_CHANGE=withdraw",
        prefixes_of(arena, spec->config),
        arena_printf(arena, "LOADSTAR_SITE=%s", spec->site),
        NULL,
    };
    const struct command_spec command = {
        .argv = config->command, .env = env, .timeout_ms = config->timeout_ms};
    *hook = (struct hook){.done = done, .ctx = ctx};
    hook->command = command_run(drive, &command, on_done, hook);
    arena_free(arena);
    return hook;
}

void hook_cancel(struct hook *hook)
{
    command_cancel(hook->command);
    free(hook);
}
