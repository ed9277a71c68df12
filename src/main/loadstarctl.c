/* SPDX-License-Identifier: Apache-2.0
 * loadstarctl: the operator's hand. Turns arguments into a request, and the reply into text. */
#include "config.h"

#include "base/clock.h"
#include "control/client.h"
#include "control/json.h"
#include "main/ctl_arguments.h"
#include "main/ctl_output.h"

#include <loadstar/control.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TIMEOUT_S 30
#define STOP_TIMEOUT_MS 30000
#define RELOAD_TIMEOUT_S 3600 /* big zones take their time; ^C gives up waiting, not the reload */
#define PAGE_ITEMS 5000       /* of a list at once: 2 MB */

static void print_usage(FILE *out)
{
    fputs("usage: loadstarctl [-s SOCKET] [--json] COMMAND [ARGUMENT...]\n\ncommands:\n", out);
    commands_print(out);
    fputs("\noptions:\n"
          "  -s, --socket SOCKET  loadstard's control socket (default $LOADSTAR_SOCKET, else\n"
          "                       " LOADSTAR_CONTROL_SOCKET ")\n"
          "  --json               print one JSON document\n"
          "  --help               this, or of a command: loadstarctl COMMAND --help\n"
          "  --version\n\n"
          "exit: 0 done, 1 refused or failed, 2 wrong usage\n",
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
    int64_t until_ms = clock_mono_ms() + STOP_TIMEOUT_MS, left_ms = STOP_TIMEOUT_MS;
    int n;
    do { /* a signal that is handled, or a stop and continue, is not the end */
        n = poll(&end, 1, (int)left_ms);
        left_ms = until_ms - clock_mono_ms();
    } while (n < 0 && errno == EINTR && left_ms > 0);
    close(fd);
    if (n > 0)
        return EXIT_DONE;
    fprintf(stderr, "loadstarctl: loadstard has not ended after %d s\n", STOP_TIMEOUT_MS / 1000);
    return EXIT_REFUSED;
}

/* Asking */

static void on_progress(void *arg, const json_t *progress)
{
    (void)arg;
    output_step(json_get_text(progress, "step", ""));
}

static json_t *ask(struct client *client, json_t *request, char error[CLIENT_ERROR_MAX])
{
    bool watched = output_is_watched();
    if (watched && strcmp(json_get_text(request, "command", ""), "reload") == 0)
        json_set_bool(request, "progress", true);
    json_t *reply = client_ask(client, request, watched ? on_progress : NULL, NULL, error);
    if (json_object_get(request, "progress"))
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

static json_t *ask_all(const struct arguments *args, const struct ctl_request *request,
                       char error[CLIENT_ERROR_MAX])
{
    const char *from_env = getenv("LOADSTAR_SOCKET");
    const char *socket = args->socket            ? args->socket
                         : from_env && *from_env ? from_env
                                                 : LOADSTAR_CONTROL_SOCKET;
    struct client *client =
        client_open(socket, request->command == CTL_RELOAD ? RELOAD_TIMEOUT_S : TIMEOUT_S, error);
    if (!client)
        return NULL;
    json_t *reply = args->command->list && !request->limit
                        ? ask_pages(client, args->request, args->command->list, error)
                        : ask(client, args->request, error);
    client_close(client);
    return reply;
}

static int run(struct arguments *args)
{
    struct ctl_request request;
    char error[CLIENT_ERROR_MAX];
    int code = arguments_check(args, &request);
    if (code != EXIT_DONE)
        return code;
    json_t *reply = ask_all(args, &request, error);
    if (!reply) {
        output_error(error);
        return EXIT_REFUSED;
    }
    code = output_reply(request.command, reply, args->json);
    if (code == EXIT_DONE && request.command == CTL_STOP)
        code = wait_for_end(reply);
    json_decref(reply);
    return code;
}

int main(int argc, char **argv)
{
    struct arguments args = {.request = json_object()};
    int code = arguments_read(&args, argc, argv);
    if (code == EXIT_DONE && args.help)
        print_help(args.command);
    else if (code == EXIT_DONE && args.version)
        puts("loadstarctl " PACKAGE_VERSION);
    else if (code == EXIT_DONE)
        code = run(&args);
    json_decref(args.request);
    return code;
}
