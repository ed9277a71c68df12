/* SPDX-License-Identifier: Apache-2.0
 * The path of a control socket, judged. */
#include "control/place.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* In a process that has dropped its privileges the real user is the effective one. */
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

int place_judge(const char *path, struct span at, struct diags *diags)
{
    struct stat st;
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
