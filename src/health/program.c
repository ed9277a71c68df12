/* SPDX-License-Identifier: Apache-2.0
 * Programs of exec checks. */
#include "health/program.h"

#include "base/buf.h"
#include "base/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define USUAL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define LINE_MAX_BYTES 256 /* of a `#!` line, as the kernel reads it */

const char *program_search_path(void)
{
    const char *path = getenv("PATH");
    return path && *path ? path : USUAL_PATH;
}

/* 0 or a negative errno. */
static int judge(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (!S_ISREG(st.st_mode))
        return -EACCES;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : -errno;
}

int program_find(char out[PROGRAM_PATH_MAX], const char *name, const char *path)
{
    int worst = -ENOENT;
    if (strchr(name, '/')) {
        if (snprintf(out, PROGRAM_PATH_MAX, "%s", name) >= PROGRAM_PATH_MAX)
            return -ENAMETOOLONG;
        return judge(out);
    }
    for (const char *at = path; *name; at++) {
        size_t n = strcspn(at, ":");
        int len = snprintf(out, PROGRAM_PATH_MAX, "%.*s%s%s", (int)n, at, n ? "/" : "./", name);
        int code = len < PROGRAM_PATH_MAX ? judge(out) : -ENAMETOOLONG;
        if (code == 0)
            return 0;
        if (code == -EACCES) /* told, should there be no better one */
            worst = code;
        at += n;
        if (!*at)
            break;
    }
    snprintf(out, PROGRAM_PATH_MAX, "%.*s", PROGRAM_PATH_MAX - 1, name);
    return worst;
}

/* ---- at load ---- */

static void add_why(struct buf *problem, int code)
{
    const char *why = code == -EISDIR   ? "it is a directory, expected a program"
                      : code == -EACCES ? "it may not be executed"
                                        : strerror(-code);
    buf_puts(problem, why);
}

/* The word that begins at *at, up to a blank or the end of the line; moves on to the next one. */
static char *take_word(char **at)
{
    char *word = *at + strspn(*at, " \t");
    size_t n = strcspn(word, " \t");
    *at = word + n + (word[n] != '\0');
    word[n] = '\0';
    return word;
}

static void check_interpreter(struct buf *problem, char *line)
{
    char found[PROGRAM_PATH_MAX];
    size_t n = strlen(line);
    if (n > 0 && line[n - 1] == '\r') {
        buf_puts(problem, "its first line ends in a carriage return, expected Unix line ends");
        return;
    }
    char *interpreter = take_word(&line), *argument = take_word(&line);
    int code = *interpreter ? judge(interpreter) : -ENOENT;
    if (code != 0) {
        buf_printf(problem, "its interpreter '%s' (the #! line): ", interpreter);
        add_why(problem, code);
        return;
    }
    const char *base = strrchr(interpreter, '/');
    if (strcmp(base ? base + 1 : interpreter, "env") != 0 || !*argument || *argument == '-' ||
        strchr(argument, '='))
        return;
    code = program_find(found, argument, program_search_path());
    if (code != 0) {
        buf_printf(problem, "its interpreter '%s', which env looks for in PATH: ", argument);
        add_why(problem, code);
    }
}

/* What the kernel would say of the content of an executable file. */
static void check_content(struct buf *problem, const char *path)
{
    char line[LINE_MAX_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return; /* a binary need not be readable */
    ssize_t n = read(fd, line, sizeof line - 1);
    close(fd);
    line[n > 0 ? n : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (n == 0)
        buf_puts(problem, "it is empty");
    else if (strncmp(line, "#!", 2) == 0)
        check_interpreter(problem, line + 2);
}

static void check_program(const struct model *model, const struct check *check, bool as_user,
                          struct diags *diags)
{
    char path[PROGRAM_PATH_MAX];
    struct buf problem = {0};
    int code = program_find(path, check->exec.v[0], program_search_path());
    if (code == 0)
        check_content(&problem, path);
    else
        add_why(&problem, code);
    if (problem.n > 0)
        diag_error(diags, check->exec_span, "cannot run '%s'%s%s%s%s: %s", path,
                   strchr(path, '/') ? "" : " (looked for in PATH)", as_user ? " as user " : "",
                   as_user ? model->server.user : "", as_user ? " (server.user)" : "", problem.p);
    buf_free(&problem);
}

static bool is_first(const struct model *model, uint32_t check)
{
    for (uint32_t i = 0; i < check; i++)
        if (model->checks[i].type == CHECK_EXEC &&
            strcmp(model->checks[i].exec.v[0], model->checks[check].exec.v[0]) == 0)
            return false;
    return true;
}

int programs_check(const struct model *model, struct diags *diags)
{
    struct identity identity;
    unsigned errors = diags->n_errors;
    /* A user that does not exist is reported by whoever becomes that user. */
    (void)!identity_assume(&identity, model->server.user);
    for (uint32_t i = 0; i < model->n_checks; i++)
        if (model->checks[i].type == CHECK_EXEC && is_first(model, i))
            check_program(model, &model->checks[i], identity.assumed, diags);
    identity_restore(&identity);
    return diags->n_errors == errors ? 0 : E_INVALID;
}
