/* SPDX-License-Identifier: Apache-2.0
 * Why a file could not be read or written. */
#include "drive/files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *remedy(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
        return ": its directory must be writable for server.user";
    case EROFS:
        return ": under systemd, ReadWritePaths= must name its directory";
    case ELOOP:
        return ": it is a link; name the file itself";
    case EBUSY:
        return ": what was begun before has not come back yet";
    default:
        return "";
    }
}

const char *written_text(char out[WRITTEN_TEXT_MAX], const char *what, const char *path,
                         const char *suffix, int error)
{
    snprintf(out, WRITTEN_TEXT_MAX, "cannot %s %s%s: %s%s", what, path, suffix, strerror(error),
             remedy(error));
    return out;
}
