/* SPDX-License-Identifier: Apache-2.0
 * loadstarctl's command line. */
#include "main/ctl_arguments.h"

#include "base/buf.h"
#include "control/json.h"
#include "main/ctl_output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ATTR_PRINTF(2, 3)
static int wrong_usage(const struct arguments *args, const char *fmt, ...)
{
    struct buf text = {0};
    va_list list;
    va_start(list, fmt);
    buf_vprintf(&text, fmt, list);
    va_end(list);
    output_error(text.p);
    buf_free(&text);
    if (args->command)
        fprintf(stderr, "usage: loadstarctl [-s SOCKET] [--json] %s\n", args->command->usage);
    else
        fputs("loadstarctl --help lists the commands\n", stderr);
    return EXIT_USAGE;
}

/** A member of the request. Weights and counts are numbers there, unless they are no numbers. */
static void set_member(json_t *request, const char *key, const char *text)
{
    char *end;
    long long number = strtoll(text, &end, 10);
    bool numeric =
        strcmp(key, "weight") == 0 || strcmp(key, "after") == 0 || strcmp(key, "limit") == 0;
    if (numeric && *text && !*end)
        json_set_int(request, key, number);
    else
        json_set_text(request, key, text);
}

static int take_positional(struct arguments *args, const char *text)
{
    if (!args->command) {
        args->command = command_find(text);
        if (!args->command) {
            const char *meant = command_nearest(text);
            return wrong_usage(args, "there is no command \"%s\"%s%s%s", text,
                               meant ? ", did you mean " : "", meant ? meant : "",
                               meant ? "?" : "");
        }
        json_set_text(args->request, "command", text);
        return EXIT_DONE;
    }
    if (args->n_positional == 2 || !args->command->positional[args->n_positional])
        return wrong_usage(args, "\"%s\" is too much", text);
    set_member(args->request, args->command->positional[args->n_positional++], text);
    return EXIT_DONE;
}

static int no_such_option(const struct arguments *args, const char *name, int n)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", n, name);
    const char *meant = args->command ? option_nearest(args->command, text) : NULL;
    return wrong_usage(args, "there is no option --%.*s%s%s%s%s%s", n, name,
                       args->command ? " of " : "", args->command ? args->command->name : "",
                       meant ? ", did you mean --" : "", meant ? meant : "", meant ? "?" : "");
}

/** One of the command's options: `--name value` or `--name=value`. Returns an exit code. */
static int take_option(struct arguments *args, const char *name, const char *next, bool *used_next)
{
    size_t n = strcspn(name, "=");
    const char *value = name[n] ? name + n + 1 : next;
    const struct option none = {0}, *o = args->command ? args->command->options : &none;
    for (; o->name; o++)
        if (strlen(o->name) == n && memcmp(o->name, name, n) == 0)
            break;
    if (!o->name)
        return no_such_option(args, name, (int)n);
    bool flag = o->kind == OPTION_FLAG || o->kind == OPTION_OWN_FLAG;
    json_t *object =
        o->kind == OPTION_OWN || o->kind == OPTION_OWN_FLAG ? args->own : args->request;
    if (flag && name[n])
        return wrong_usage(args, "--%s takes no value", o->name);
    if (flag || (o->kind == OPTION_OPTIONAL && !name[n])) {
        json_set_bool(object, o->key, true);
        return EXIT_DONE;
    }
    if (!value)
        return wrong_usage(args, "--%s needs a value", o->name);
    *used_next = !name[n];
    set_member(object, o->key, value);
    return EXIT_DONE;
}

/** Options that every command has. Returns whether it was one. */
static bool take_common(struct arguments *args, const char *arg, const char *next, bool *used_next)
{
    if (strcmp(arg, "--json") == 0)
        args->json = true;
    else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
        args->help = true;
    else if (strcmp(arg, "--version") == 0)
        args->version = true;
    else if ((strcmp(arg, "-s") == 0 || strcmp(arg, "--socket") == 0) && next)
        args->socket = next, *used_next = true;
    else if (strncmp(arg, "--socket=", 9) == 0)
        args->socket = arg + 9;
    else
        return false;
    return true;
}

int arguments_read(struct arguments *args, int argc, char **argv)
{
    bool only_positional = false;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
        bool used_next = false;
        int code = EXIT_DONE;
        if (only_positional || arg[0] != '-')
            code = take_positional(args, arg);
        else if (strcmp(arg, "--") == 0)
            only_positional = true;
        else if (take_common(args, arg, next, &used_next))
            ;
        else if (strcmp(arg, "-s") == 0 || strcmp(arg, "--socket") == 0)
            code = wrong_usage(args, "%s needs the path of a socket", arg);
        else if (arg[1] == '-')
            code = take_option(args, arg + 2, next, &used_next);
        else
            code = wrong_usage(args, "there is no option %s", arg);
        if (code != EXIT_DONE)
            return code;
        i += used_next;
    }
    return EXIT_DONE;
}

int arguments_check(const struct arguments *args, struct ctl_request *request)
{
    char error[CTL_TEXT_MAX];
    const char *unknown = json_get_text(args->own, "unknown", "up");
    if (!args->command)
        return wrong_usage(args, "a command is missing");
    if (args->n_positional < args->command->required)
        return wrong_usage(args, "%s: an argument is missing", args->command->name);
    if (request_from_json(request, args->request, error) != 0)
        return wrong_usage(args, "%s", error);
    if (strcmp(unknown, "up") != 0 && strcmp(unknown, "down") != 0)
        return wrong_usage(args, "unknown: expected up or down");
    return EXIT_DONE;
}
