/* SPDX-License-Identifier: Apache-2.0
 * bgpd by its vty, or by vtysh. */
#include "anycast/frr_link.h"

#include "base/escape.h"
#include "drive/command.h"

#include <errno.h>
#include <stdio.h>

struct frr_link {
    struct drive *drive;
    struct frr_asker asker;
    bool falls_back;         /* to vtysh, where the vty cannot be reached */
    bool by_vtysh;           /* what was asked last */
    struct frr_lines lines;  /* that the vty was asked */
    struct frr_vty *vty;     /* NULL: by vtysh */
    char **argv;             /* of vtysh */
    struct command *command; /* NULL: none runs */
    uint32_t timeout_ms;
};

const char **frr_vtysh_argv(const char *const *command, const struct frr_lines *lines)
{
    VEC(const char *) argv = {0};
    for (; *command; command++)
        *vec_push(&argv) = *command;
    *vec_push(&argv) = "-d";
    *vec_push(&argv) = "bgpd";
    for (size_t i = 0; i < lines->v.n; i++) {
        *vec_push(&argv) = "-c";
        *vec_push(&argv) = lines->v.v[i];
    }
    *vec_push(&argv) = NULL;
    return argv.v;
}

/* --- what vtysh says --- */

static enum speaker_error reason_of(const struct command_result *result)
{
    if (strstr(result->line, "Permission denied"))
        return SPEAKER_ERROR_DENIED;
    if (strstr(result->line, "failed to connect"))
        return SPEAKER_ERROR_UNREACHABLE;
    return speaker_command_error(result);
}

static const char *advice_of(const struct command_result *result, enum speaker_error reason)
{
    if (result->error == ENOENT)
        return "; install frr, or name vtysh by its path";
    if (reason == SPEAKER_ERROR_DENIED)
        return "; loadstard's user has to be in the group frrvty";
    return reason == SPEAKER_ERROR_UNREACHABLE ? "; does bgpd run?" : "";
}

static void on_command(void *ctx, const struct command_result *result)
{
    struct frr_link *link = ctx;
    struct frr_reply reply = {.output = result->output};
    char name[64], text[COMMAND_TEXT_MAX];
    link->command = NULL;
    if (!command_ok(result)) {
        reply.error = reason_of(result);
        escape_text(name, sizeof name, slice_str(link->argv[0]));
        snprintf(reply.text, sizeof reply.text, "%s %.120s%s", name, command_text(text, result),
                 advice_of(result, reply.error));
    }
    link->asker.answered(link->asker.ctx, &reply);
}

static void ask_vtysh(struct frr_link *link, const struct frr_lines *lines)
{
    const char **argv = frr_vtysh_argv((const char *const *)link->argv, lines);
    const struct command_spec spec = {
        .argv = argv, .timeout_ms = link->timeout_ms, .max_output = FRR_OUTPUT_MAX};
    link->by_vtysh = true;
    link->command = command_run(link->drive, &spec, on_command, link);
    free(argv);
}

/* What was told before the connection broke may be told again: it is what is to be there. */
static void on_vty(void *ctx, const struct frr_reply *reply)
{
    struct frr_link *link = ctx;
    bool unreached =
        reply->error == SPEAKER_ERROR_UNREACHABLE || reply->error == SPEAKER_ERROR_DENIED;
    if (link->falls_back && unreached)
        ask_vtysh(link, &link->lines);
    else
        link->asker.answered(link->asker.ctx, reply);
}

static void on_lost(void *ctx)
{
    struct frr_link *link = ctx;
    link->asker.lost(link->asker.ctx);
}

void frr_link_ask(struct frr_link *link, const struct frr_lines *lines)
{
    if (!link->vty) {
        ask_vtysh(link, lines);
        return;
    }
    frr_lines_free(&link->lines);
    for (size_t i = 0; link->falls_back && i < lines->v.n; i++)
        frr_lines_add(&link->lines, "%s", lines->v.v[i]);
    link->by_vtysh = false;
    frr_vty_ask(link->vty, lines, link->timeout_ms);
}

bool frr_link_is_vtysh(const struct frr_link *link)
{
    return link->by_vtysh;
}

/* --- life --- */

static char **copy_argv(const char *const *argv)
{
    VEC(char *) copy = {0};
    for (; argv && *argv; argv++)
        *vec_push(&copy) = xstrdup(*argv);
    *vec_push(&copy) = NULL;
    return copy.v;
}

struct frr_link *frr_link_open(struct drive *drive, const struct speaker *config,
                               const struct frr_asker *asker)
{
    struct frr_link *link = xcalloc(1, sizeof *link);
    link->drive = drive;
    link->asker = *asker;
    link->timeout_ms = config->timeout_ms;
    const struct frr_asker own = {link, on_vty, on_lost};
    if (config->socket)
        link->vty = frr_vty_open(drive, config->socket, &own);
    link->falls_back = link->vty && config->command;
    link->by_vtysh = !link->vty;
    link->argv = copy_argv(config->command);
    return link;
}

void frr_link_close(struct frr_link *link)
{
    if (link->vty)
        frr_vty_close(link->vty);
    if (link->command)
        command_cancel(link->command);
    frr_lines_free(&link->lines);
    for (char **arg = link->argv; *arg; arg++)
        free(*arg);
    free(link->argv);
    free(link);
}
