/* SPDX-License-Identifier: Apache-2.0
 * gobgp as a command, and what its failures mean. */
#include "anycast/gobgp_driver.h"

#include "base/escape.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static void on_command(void *ctx, const struct command_result *result)
{
    struct speaker_driver *d = ctx;
    d->command = NULL;
    d->then(d, result);
}

void gobgp_run(struct speaker_driver *d, struct gobgp_argv *argv, size_t max_output,
               void (*then)(struct speaker_driver *d, const struct command_result *result))
{
    const struct command_spec spec = {.argv = (const char *const *)argv->v.v,
                                      .timeout_ms = d->host.config->timeout_ms,
                                      .max_output = max_output};
    d->then = then;
    d->command = command_run(d->host.drive, &spec, on_command, d);
    gobgp_argv_free(argv);
}

/* The client only says that its time is over when there is nobody at the socket, or no right to
 * it. */
static enum speaker_error judge_silence(char text[GOBGP_TEXT_MAX], const char *socket)
{
    char path[96];
    escape_text(path, sizeof path, slice_str(socket ? socket : ""));
    if (socket && access(socket, W_OK) != 0 && (errno == EACCES || errno == EPERM)) {
        snprintf(text, GOBGP_TEXT_MAX,
                 "gobgp: %s: permission denied; give loadstard's user the right to write to this "
                 "socket of gobgpd (its owner, or a group and mode 0660)",
                 path);
        return SPEAKER_ERROR_DENIED;
    }
    if (socket)
        snprintf(text, GOBGP_TEXT_MAX,
                 "gobgp: nobody answers at %s; does gobgpd run, with --api-hosts unix:// and this "
                 "path?",
                 path);
    else
        snprintf(text, GOBGP_TEXT_MAX,
                 "gobgp: nobody answers; does gobgpd run, where the command looks for it "
                 "(--host, --port or --target)?");
    return SPEAKER_ERROR_UNREACHABLE;
}

static bool is_silence(const char *line)
{
    return strstr(line, "deadline exceeded") || strstr(line, "connection refused") ||
           strstr(line, "code = Unavailable");
}

enum speaker_error gobgp_judge(char text[GOBGP_TEXT_MAX], const struct speaker_driver *d,
                               const struct command_result *result)
{
    char name[64], what[COMMAND_TEXT_MAX];
    if (!result->error && !result->timed_out && is_silence(result->line))
        return judge_silence(text, gobgp_socket(d->host.config->command));
    escape_text(name, sizeof name, slice_str(d->host.config->command[0]));
    snprintf(text, GOBGP_TEXT_MAX, "%s %.140s%s", name, command_text(what, result),
             result->error == ENOENT ? "; install gobgpd, or name gobgp by its path" : "");
    return speaker_command_error(result);
}
