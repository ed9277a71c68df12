/* SPDX-License-Identifier: Apache-2.0
 * Taking over the path of a Unix socket, safely: two daemons that start at once, or one that starts
 * beside another, must not steal a socket that is in use. Looking whether a socket answers,
 * removing it and binding anew happen under a lock on the directory. */
#include "ctl/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES 20 /* of 50 ms: whoever holds it needs a moment only */

struct place {
    const char *path, *directory;
    struct sockaddr_un addr;
    struct diags *diags;
    bool made_directory;
};

static int fail(const struct place *place, int code, const char *what)
{
    diag_error(place->diags, (struct span){0}, "control socket %s: %s: %s", place->path, what,
               strerror(errno));
    return code;
}

/** Opens the directory (made when it is missing, as /run/loadstar is after a boot) and locks it. */
static int lock_directory(struct place *place)
{
    place->made_directory = mkdir(place->directory, 0755) == 0;
    if (!place->made_directory && errno != EEXIST)
        return fail(place, E_SYSTEM, "its directory cannot be made");
    int fd = open(place->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(place, E_SYSTEM, "its directory cannot be opened");
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    fail(place, E_SYSTEM, "its directory is locked by another program");
    close(fd);
    return E_SYSTEM;
}

/** Whether somebody listens on the socket file. A full backlog is somebody, too. */
static bool is_live(const struct place *place)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = connect(fd, (const struct sockaddr *)&place->addr, sizeof place->addr);
    bool live = rc == 0 || errno == EAGAIN || errno == EACCES;
    close(fd);
    return live;
}

static int remove_stale(const struct place *place)
{
    struct stat st;
    if (lstat(place->path, &st) != 0)
        return errno == ENOENT ? 0 : fail(place, E_SYSTEM, "cannot be looked at");
    if (!S_ISSOCK(st.st_mode)) {
        diag_error(place->diags, (struct span){0},
                   "control socket %s: a file that is no socket is in its place; it is not removed",
                   place->path);
        return E_INVALID;
    }
    if (is_live(place)) {
        diag_error(place->diags, (struct span){0}, "another loadstard is running on %s",
                   place->path);
        return E_EXISTS;
    }
    return unlink(place->path) == 0 ? 0 : fail(place, E_SYSTEM, "the stale one cannot be removed");
}

/** The socket and, if it is ours, its directory: or the daemon could not remove the socket later.
 */
static void give_to(const struct place *place, const char *user)
{
    const struct passwd *pw = user && geteuid() == 0 ? getpwnam(user) : NULL;
    if (!pw)
        return;
    if (chown(place->path, pw->pw_uid, pw->pw_gid) != 0 ||
        (place->made_directory && chown(place->directory, pw->pw_uid, pw->pw_gid) != 0))
        diag_warning(place->diags, (struct span){0},
                     "control socket %s: cannot be given to user %s: %s", place->path, user,
                     strerror(errno));
}

static int bind_new(const struct place *place)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail(place, E_SYSTEM, "cannot be made");
    /* Until chmod() the umask decides, and nobody can connect before listen(). */
    if (bind(fd, (const struct sockaddr *)&place->addr, sizeof place->addr) != 0 ||
        chmod(place->path, 0660) != 0 || listen(fd, 64) != 0) {
        fail(place, E_SYSTEM, "cannot be bound");
        close(fd);
        return E_SYSTEM;
    }
    return fd;
}

int listen_unix(const char *path, const char *user, struct diags *diags)
{
    struct place place = {.path = path, .diags = diags, .addr.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof place.addr.sun_path) {
        diag_error(diags, (struct span){0},
                   "control socket %s: the path is too long, expected at most %zu bytes", path,
                   sizeof place.addr.sun_path - 1);
        return E_RANGE;
    }
    strcpy(place.addr.sun_path, path);
    char *copy = xstrdup(path);
    place.directory = dirname(copy);
    int lock = lock_directory(&place), fd = lock;
    if (lock >= 0) {
        fd = remove_stale(&place);
        if (fd == 0)
            fd = bind_new(&place);
        if (fd >= 0)
            give_to(&place, user);
        close(lock);
    }
    free(copy);
    return fd;
}
