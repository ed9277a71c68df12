/* SPDX-License-Identifier: Apache-2.0
 * What loadstarctl prints. */
#include "main/ctl_output.h"

#include "base/escape.h"
#include "control/json.h"
#include "ctl/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define STEP_SHOWN 78

static void print_json(const json_t *document)
{
    size_t n;
    char *text = json_print(document, JSON_INDENT(2), &n);
    fwrite(text, 1, n, stdout);
    fputs("\n", stdout);
    free(text);
}

static int print_failure(json_t *reply, bool as_json)
{
    const json_t *line;
    size_t i;
    json_object_del(reply, "ok");
    json_object_del(reply, "code");
    if (as_json)
        print_json(reply);
    json_t *shown = json_escaped(reply);
    json_array_foreach(json_object_get(shown, "errors"), i, line)
        fprintf(stderr, "%s\n", json_text_of(line, "?"));
    fprintf(stderr, "loadstarctl: %s\n", json_get_text(shown, "error", "refused"));
    json_decref(shown);
    return EXIT_REFUSED;
}

/** Nothing that only terminals understand goes elsewhere. */
static struct screen find_screen(void)
{
    const char *no_color = getenv("NO_COLOR");
    struct winsize size = {0};
    if (!isatty(STDOUT_FILENO))
        return (struct screen){0};
    (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    return (struct screen){.color = !(no_color && *no_color), .width = size.ws_col};
}

static void print_text(enum ctl_command command, json_t *result)
{
    struct buf text = {0};
    json_t *shown = json_escaped(result);
    render_result(&text, command, shown, find_screen());
    json_decref(shown);
    fwrite(text.p, 1, text.n, stdout);
    buf_free(&text);
}

int output_reply(enum ctl_command command, json_t *reply, bool as_json)
{
    json_t *result = json_object_get(reply, "result");
    if (!json_is_true(json_object_get(reply, "ok")) || !result)
        return print_failure(reply, as_json);
    return output_result(command, result, as_json);
}

int output_result(enum ctl_command command, json_t *result, bool as_json)
{
    if (as_json)
        print_json(result);
    else
        print_text(command, result);
    if (fflush(stdout) == 0)
        return EXIT_DONE;
    perror("loadstarctl: standard output");
    return EXIT_REFUSED;
}

void output_error(const char *text)
{
    struct buf line = {0};
    escape_add(&line, slice_str(text));
    fprintf(stderr, "loadstarctl: %s\n", line.p);
    buf_free(&line);
}

void output_line(const char *text)
{
    struct buf line = {0};
    escape_add(&line, slice_str(text));
    fprintf(stderr, "%s\n", line.p);
    buf_free(&line);
}

bool output_is_watched(void)
{
    return isatty(STDERR_FILENO) == 1;
}

void output_step(const char *step)
{
    static int shown; /* columns, to be wiped by what follows */
    struct buf line = {0};
    buf_puts(&line, "");
    if (step)
        escape_add(&line, slice_str(step));
    fprintf(stderr, "\r%-*.*s\r", shown, STEP_SHOWN, line.p);
    if (step)
        shown = fprintf(stderr, "%.*s", STEP_SHOWN, line.p);
    fflush(stderr);
    buf_free(&line);
}
