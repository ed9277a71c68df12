/* SPDX-License-Identifier: Apache-2.0
 * Where programs are. */
#include "drive/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define USUAL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const char *program_search_path(void)
{
    const char *path = getenv("PATH");
    return path && *path ? path : USUAL_PATH;
}

int program_judge(const char *path)
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
        return program_judge(out);
    }
    for (const char *at = path; *name; at++) {
        size_t n = strcspn(at, ":");
        int len = snprintf(out, PROGRAM_PATH_MAX, "%.*s%s%s", (int)n, at, n ? "/" : "./", name);
        int code = len < PROGRAM_PATH_MAX ? program_judge(out) : -ENAMETOOLONG;
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
