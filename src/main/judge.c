/* SPDX-License-Identifier: Apache-2.0
 * What is checked of the host, and as whom. */
#include "main/judge.h"

#include "base/identity.h"
#include "config/config.h"
#include "ctl/ctl.h"
#include "io/host.h"

#include <errno.h>
#include <libgen.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

typedef int judge_fn(const struct model *model, const struct load_options *options,
                     struct diags *diags);

/* --- server.user --- */

static int check_user(const struct model *model, const struct load_options *options,
                      struct diags *diags)
{
    const char *user = model->server.user;
    struct span at = model->server.user_at;
    struct passwd pw;
    char *buffer;
    if (!user)
        return 0;
    int code = identity_find(&pw, &buffer, user);
    int error = errno;
    free(buffer); /* of the texts in pw none is looked at */
    if (code == E_NOTFOUND)
        diag_error(diags, at, "there is no user '%s' on this machine, expected one to run as",
                   user);
    else if (code != 0)
        diag_error(diags, at, "the user '%s' cannot be looked up: %s", user, strerror(error));
    if (code != 0)
        return code;
    if (getuid() == 0 || getuid() == pw.pw_uid)
        return 0;
    if (options->purpose == LOAD_START) {
        diag_error(diags, at, "only root can become '%s': start as root, or without 'user'", user);
        return E_INVALID;
    }
    if (options->purpose == LOAD_CHECK)
        diag_warning(diags, at,
                     "files are not looked at as '%s' will see them: only root can do that", user);
    return 0;
}

/* --- control --- */

/* By the real user, who makes the socket at a start; in a process that has dropped its privileges
 * both are the same. */
static bool may_make_in(const char *directory)
{
    return access(directory, W_OK | X_OK) == 0;
}

static int judge_directory(const char *directory, struct span at, struct diags *diags)
{
    struct stat st;
    char *copy = xstrdup(directory);
    const char *wrong = NULL;
    if (stat(directory, &st) == 0) {
        errno = ENOTDIR;
        if (!S_ISDIR(st.st_mode) || !may_make_in(directory))
            wrong = "used";
    } else if (errno != ENOENT || !may_make_in(dirname(copy))) {
        wrong = "made";
    }
    if (wrong)
        diag_error(diags, at, "'control': its directory '%s' cannot be %s: %s", directory, wrong,
                   strerror(errno));
    free(copy);
    return wrong ? E_INVALID : 0;
}

static int check_control(const struct model *model, const struct load_options *options,
                         struct diags *diags)
{
    const struct model *before = options->before ? options->before->model : NULL;
    const char *path = model->control;
    struct span at = model->control_at;
    struct stat st;
    if (!path || (before && before->control && strcmp(before->control, path) == 0))
        return 0; /* ours already */
    size_t max = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    if (strlen(path) > max) {
        diag_error(diags, at, "'control' is a path of %zu bytes, expected at most %zu: %s",
                   strlen(path), max, path);
        return E_RANGE;
    }
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
        diag_error(diags, at, "'control': '%s' is there and no socket, expected none or a socket",
                   path);
        return E_INVALID;
    }
    char *copy = xstrdup(path);
    int code = judge_directory(dirname(copy), at, diags);
    free(copy);
    return code;
}

/* --- http --- */

static int check_listen(const struct model *model, const struct load_options *options,
                        struct diags *diags)
{
    (void)options;
    return host_check(model, diags);
}

static int check_http(const struct model *model, const struct load_options *options,
                      struct diags *diags)
{
    (void)options;
    return ctl_check(model, diags);
}

/* --- all of it --- */

static judge_fn *const judges[] = {check_user, check_control, check_listen, check_http};

static int check_host(const struct model *model, const struct load_options *options,
                      struct diags *diags)
{
    int code = 0;
    for (size_t i = 0; i < ARRAY_LEN(judges); i++) {
        int one = judges[i](model, options, diags);
        code = code ? code : one;
    }
    return code;
}

int judge_load(struct generation **out, const char *path, const struct load_options *given,
               struct diags *diags)
{
    struct load_options options = *given;
    options.check_host = check_host;
    struct arena *arena = arena_new();
    struct identity identity = {0};
    struct span at = {0};
    const char *user = options.purpose == LOAD_RELOAD ? NULL : config_peek_user(arena, path, &at);
    int code = identity_assume(&identity, user);
    if (code == E_SYSTEM)
        diag_error(diags, at, "cannot look at files as '%s': %s", user, strerror(errno));
    if (code != E_SYSTEM) /* of a user who is not there check_user() tells */
        code = generation_load(out, path, &options, diags);
    identity_restore(&identity);
    arena_free(arena);
    return code;
}
