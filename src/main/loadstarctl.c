/* SPDX-License-Identifier: Apache-2.0
 * loadstarctl: the operator's hand. Turns arguments into a request, and the reply into text. */
#include "config.h"

#include "base/clock.h"
#include "control/client.h"
#include "control/json.h"
#include "main/ctl_arguments.h"
#include "main/ctl_exabgp.h"
#include "main/ctl_output.h"
#include "main/ctl_verdict.h"
#include "main/ctl_wait.h"

#include <loadstar/control.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TIMEOUT_MS 30000
#define STOP_TIMEOUT_MS 30000
#define HEALTHY_TIMEOUT_MS 900 /* who asks each second wants an answer before it asks again */
#define RELOAD_TIMEOUT_MS \
    3600000             /* big zones take their time; ^C gives up waiting, not the reload */
#define PAGE_ITEMS 5000 /* of a list at once: 2 MB */

static void print_usage(FILE *out)
{
    fputs("usage: loadstarctl [-s SOCKET] [--json] COMMAND [ARGUMENT...]\n\ncommands:\n", out);
    commands_print(out);
    fputs("\noptions:\n"
          "  -s, --socket SOCKET  control socket of loadstard, or of loadstar-l4 (default\n"
          "                       $LOADSTAR_SOCKET, else " LOADSTAR_CONTROL_SOCKET ",\n"
          "                       for commands of loadstar-l4 alone " LOADSTAR_L4_CONTROL_SOCKET
          ")\n"
          "  --json               print one JSON document\n"
          "  --help               this, or of a command: loadstarctl COMMAND --help\n"
          "  --version\n\n"
          "exit: 0 done, 1 refused or failed, 2 wrong usage; more of tiers --diff and healthy in\n"
          "their help\n",
          out);
}

static void print_help(const struct command *command)
{
    if (command)
        command_print(stdout, command);
    else
        print_usage(stdout);
}

/** Waits until the daemon has ended, so that its ports are free for the next one. */
static int wait_for_end(const json_t *reply)
{
    const json_t *result = json_object_get(reply, "result");
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)json_get_int(result, "pid", 0), 0);
    struct pollfd end = {.fd = fd, .events = POLLIN};
    if (fd < 0)
        return EXIT_DONE; /* it has ended, or is in a place that we do not see */
    int64_t left_ms = STOP_TIMEOUT_MS + 1000 * json_get_int(result, "drain_s", 0);
    const int64_t timeout_s = left_ms / 1000, until_ms = clock_mono_ms() + left_ms;
    int n;
    do { /* a signal that is handled, or a stop and continue, is not the end */
        n = poll(&end, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
        left_ms = until_ms - clock_mono_ms();
    } while (n < 0 && errno == EINTR && left_ms > 0);
    close(fd);
    if (n > 0)
        return EXIT_DONE;
    fprintf(stderr, "loadstarctl: it has not ended after %lld s\n", (long long)timeout_s);
    return EXIT_REFUSED;
}

/* Asking */

static json_t *ask(struct client *client, json_t *request, char error[CLIENT_ERROR_MAX])
{
    bool watched = output_is_watched(), drains = json_object_get(request, "wait") != NULL;
    /* A drain may take hours: its lines also tell that loadstard is still there. */
    if (drains || (watched && strcmp(json_get_text(request, "command", ""), "reload") == 0))
        json_set_bool(request, "progress", true);
    if (drains)
        wait_begin_drain(json_get_text(request, "target", ""));
    json_t *reply = client_ask(client, request, wait_progress, NULL, error);
    if (watched && json_object_get(request, "progress"))
        output_step(NULL);
    return reply;
}

/** Adds a page's items to those of the first one. Returns whether more follow. */
static bool add_page(json_t *first, const json_t *page, const char *list)
{
    json_t *result = json_object_get(first, "result"), *next = json_object_get(page, "result");
    json_t *place = json_object_get(next, "next");
    json_array_extend(json_object_get(result, list), json_object_get(next, list));
    if (place)
        json_object_set(result, "next", place);
    else
        json_object_del(result, "next");
    return place != NULL;
}

/** A list as a whole, by as many requests as it has pages: none makes the daemon write all of it at
 *  once. Refusals of any page are the reply. */
static json_t *ask_pages(struct client *client, json_t *request, const char *list,
                         char error[CLIENT_ERROR_MAX])
{
    json_set_int(request, "limit", PAGE_ITEMS);
    json_t *first = ask(client, request, error);
    bool more = json_object_get(json_object_get(first, "result"), "next") != NULL;
    while (more) {
        json_object_set(request, "after",
                        json_object_get(json_object_get(first, "result"), "next"));
        json_t *page = ask(client, request, error);
        if (!page || !json_is_true(json_object_get(page, "ok"))) {
            json_decref(first);
            return page;
        }
        more = add_page(first, page, list);
        json_decref(page);
    }
    return first;
}

static unsigned timeout_of(enum ctl_command command)
{
    if (command == CTL_HEALTHY)
        return HEALTHY_TIMEOUT_MS;
    return command == CTL_RELOAD ? RELOAD_TIMEOUT_MS : TIMEOUT_MS;
}

static const char *control_socket(const struct arguments *args, enum ctl_command command)
{
    const char *from_env = getenv("LOADSTAR_SOCKET");
    if (args->socket)
        return args->socket;
    if (from_env && *from_env)
        return from_env;
    return ctl_command_is_of_l4(command) ? LOADSTAR_L4_CONTROL_SOCKET : LOADSTAR_CONTROL_SOCKET;
}

static json_t *ask_all(const struct arguments *args, const struct ctl_request *request,
                       char error[CLIENT_ERROR_MAX])
{
    struct client *client =
        client_open(control_socket(args, request->command), timeout_of(request->command), error);
    if (!client)
        return NULL;
    json_t *reply = args->command->list && !request->limit
                        ? ask_pages(client, args->request, args->command->list, error)
                        : ask(client, args->request, error);
    client_close(client);
    return reply;
}

/** Says nothing where nobody reads it: it is asked each second. */
static int run_healthy(const struct arguments *args, const struct ctl_request *request)
{
    char error[CLIENT_ERROR_MAX];
    bool wordy = args->json || isatty(STDOUT_FILENO) || json_object_get(args->own, "verbose");
    json_t *reply = ask_all(args, request, error);
    const json_t *why = json_object_get(reply, "error");
    json_t *result = json_object_get(reply, "result");
    int code = verdict_of_health(reply, json_get_text(args->own, "unknown", NULL));
    if (!reply && wordy)
        output_error(error);
    else if (why && (wordy || code == EXIT_USAGE))
        output_error(json_text_of(why, "refused"));
    else if (result && wordy && output_result(CTL_HEALTHY, result, args->json) != EXIT_DONE)
        code = EXIT_UNKNOWN;
    json_decref(reply);
    return code;
}

static int run(struct arguments *args)
{
    struct ctl_request request;
    char error[CLIENT_ERROR_MAX];
    int code = arguments_check(args, &request);
    if (code != EXIT_DONE)
        return code;
    if (request.command == CTL_HEALTHY)
        return run_healthy(args, &request);
    json_t *reply = ask_all(args, &request, error);
    if (!reply) {
        output_error(error);
        return EXIT_REFUSED;
    }
    /* Which of the tables is shown is the text's business: the document has both. */
    if (json_object_get(args->own, "weights") && !args->json)
        json_set_text(json_object_get(reply, "result"), "shows", "weights");
    code = output_reply(request.command, reply, args->json);
    if (code == EXIT_DONE && request.command == CTL_STOP)
        code = wait_for_end(reply);
    else if (code == EXIT_DONE)
        code = verdict_of(&request, json_object_get(reply, "result"));
    json_decref(reply);
    return code;
}

int main(int argc, char **argv)
{
    struct arguments args = {.request = json_object(), .own = json_object()};
    int code = arguments_read(&args, argc, argv);
    if (code == EXIT_DONE && args.help)
        print_help(args.command);
    else if (code == EXIT_DONE && args.version)
        puts("loadstarctl " PACKAGE_VERSION);
    else if (code == EXIT_DONE && args.command && strcmp(args.command->name, "exabgp") == 0 &&
             args.n_positional == 1)
        code = relay_run(json_get_text(args.request, "speaker", ""),
                         control_socket(&args, CTL_STATUS));
    else if (code == EXIT_DONE)
        code = run(&args);
    json_decref(args.request);
    json_decref(args.own);
    return code;
}
