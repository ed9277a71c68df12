/* SPDX-License-Identifier: Apache-2.0
 * Programs of exec checks and of tiers. */
#include "health/program.h"

#include "base/buf.h"
#include "base/identity.h"
#include "base/strmap.h"
#include "drive/program.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 256 /* of a `#!` line, as the kernel reads it */

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
    int code = *interpreter ? program_judge(interpreter) : -ENOENT;
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

/** What the commands of a configuration run, and where each is named first. */
struct programs {
    const struct model *model;
    struct strmap seen;
    bool as_user;
    struct diags *diags;
};

static void check_program(struct programs *p, const char *name, struct span at)
{
    char path[PROGRAM_PATH_MAX];
    struct buf problem = {0};
    uint32_t n = p->seen.n;
    if (strmap_add(&p->seen, slice_str(name), n) != n)
        return;
    int code = program_find(path, name, program_search_path());
    if (code == 0)
        check_content(&problem, path);
    else
        add_why(&problem, code);
    if (problem.n > 0)
        diag_error(p->diags, at, "cannot run '%s'%s%s%s%s: %s", path,
                   strchr(path, '/') ? "" : " (looked for in PATH)", p->as_user ? " as user " : "",
                   p->as_user ? p->model->server.user : "", p->as_user ? " (server.user)" : "",
                   problem.p);
    buf_free(&problem);
}

static void check_tier(struct programs *p, const struct tier *t)
{
    if (t->exec.command)
        check_program(p, t->exec.command[0], t->exec.command_at);
    if (t->nginx.test)
        check_program(p, t->nginx.test[0], t->nginx.test_at);
    if (t->nginx.reload)
        check_program(p, t->nginx.reload[0], t->nginx.reload_at);
}

static void check_hook(struct programs *p, const struct anycast_hook *hook)
{
    if (hook->command)
        check_program(p, hook->command[0], hook->command_at);
}

static void check_anycast(struct programs *p, const struct model *m)
{
    for (uint32_t i = 0; i < m->n_speakers; i++)
        if (m->speakers[i].command)
            check_program(p, m->speakers[i].command[0], m->speakers[i].command_at);
    for (uint32_t i = 0; i < m->n_prefix_sets; i++) {
        check_hook(p, &m->prefix_sets[i].on_announce);
        check_hook(p, &m->prefix_sets[i].on_withdraw);
    }
}

int programs_check(const struct model *model, struct diags *diags)
{
    struct identity identity;
    unsigned errors = diags->n_errors;
    struct programs p = {.model = model, .diags = diags};
    /* A user that does not exist is reported by whoever becomes that user. */
    (void)!identity_assume(&identity, model->server.user);
    p.as_user = identity.assumed;
    for (uint32_t i = 0; i < model->n_checks; i++)
        if (model->checks[i].type == CHECK_EXEC)
            check_program(&p, model->checks[i].exec.v[0], model->checks[i].exec_span);
    for (uint32_t i = 0; i < model->n_tiers; i++)
        check_tier(&p, &model->tiers[i]);
    check_anycast(&p, model);
    identity_restore(&identity);
    strmap_free(&p.seen);
    return diags->n_errors == errors ? 0 : E_INVALID;
}
