/* SPDX-License-Identifier: Apache-2.0
 * Taking over the path of a Unix socket, safely.
 *
 * Two daemons that start at once, or one that starts beside another, must not steal a socket that
 * is in use: looking whether a socket answers, removing it and binding anew happen under a lock, on
 * a file of ours that only its owner may open (a lock on the directory could be held by anybody who
 * may read it).
 *
 * Whoever may write to a directory can put something else in the place of what is in it at any
 * time. So root works with its own rights only in a directory that nobody else may change;
 * elsewhere it acts with the rights of the service's user, and the kernel sees to it that there is
 * nothing to win. */
#include "control/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES 20 /* of 50 ms: whoever holds it needs a moment only */

struct place {
    const char *path;
    char *directory, *name;
    struct sockaddr_un addr;
    struct diags *diags;
    const struct passwd *user; /* whom root gives the socket to; NULL: nobody */
    int dir;                   /* descriptor */
    bool is_exact;             /* `addr` leads through the descriptor */
    bool is_acting;            /* with the rights of `uid` and `gid` */
    uid_t uid;
    gid_t gid;
};

static int fail(const struct place *place, int code, const char *what)
{
    diag_error(place->diags, (struct span){0}, "control socket %s: %s: %s", place->path, what,
               strerror(errno));
    return code;
}

static int refuse(const struct place *place, const char *what)
{
    diag_error(place->diags, (struct span){0}, "control socket %s: %s", place->path, what);
    return E_INVALID;
}

/* Whose rights */

/** For files, from now on (setfsuid() gives up what root may do with them, too). */
static void act(const struct place *place)
{
    if (!place->is_acting)
        return;
    setfsgid(place->gid);
    setfsuid(place->uid);
}

static void act_no_more(const struct place *place)
{
    if (!place->is_acting)
        return;
    setfsuid(geteuid());
    setfsgid(getegid());
}

/** Whether others than root may replace what is in a directory. In one with the sticky bit they may
 *  not, as long as it is root's. */
static bool others_may_change(const struct stat *st)
{
    bool written = (st->st_mode & S_IWOTH) || ((st->st_mode & S_IWGRP) && st->st_gid != 0);
    return st->st_uid != 0 || (written && !(st->st_mode & S_ISVTX));
}

/** Whether others than root may change what `real`, an absolute path without links, leads to: it or
 *  anything above it. */
static bool is_open_to_others(const char *real)
{
    char *path = xstrdup(real);
    bool is_open = false;
    for (char *end = path + strlen(path); end && !is_open; end = strrchr(path, '/')) {
        struct stat st;
        *end = '\0';
        is_open = lstat(*path ? path : "/", &st) != 0 || others_may_change(&st);
        if (!*path)
            break;
    }
    free(path);
    return is_open;
}

static int open_without_links(const char *real)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS};
    return (int)syscall(SYS_openat2, AT_FDCWD, real, &how, sizeof how);
}

/** Opens a directory below one that others may change: they could have replaced it by a link. If it
 *  is root's alone, what happens in it is safe by way of its descriptor; else theirs are the
 * rights.
 */
static int open_below_others(struct place *place, const char *real)
{
    struct stat st;
    int fd = open_without_links(real);
    if (fd < 0 || fstat(fd, &st) != 0)
        return fd;
    place->uid = place->user ? place->user->pw_uid : st.st_uid;
    place->gid = place->user ? place->user->pw_gid : st.st_gid;
    /* Without a user, root's rights are the only ones there are: enough to make a socket with. */
    place->is_acting = others_may_change(&st) && place->uid != 0;
    place->is_exact = !place->is_acting;
    return fd;
}

/** Opens a directory, and decides how to work in it. Returns the descriptor, or -1. */
static int open_directory(struct place *place, const char *path)
{
    place->is_acting = place->is_exact = false;
    char *real = geteuid() == 0 ? realpath(path, NULL) : NULL;
    int fd = real && is_open_to_others(real) ? open_below_others(place, real)
                                             : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(real);
    return fd;
}

/* The directory */

/** Makes the directory when it is missing, as /run/loadstar is after a boot. */
static int make_directory(struct place *place)
{
    char *copy = xstrdup(place->directory), *other = xstrdup(place->directory);
    const char *name = basename(copy);
    int above = open_directory(place, dirname(other)), rc = -1;
    if (above >= 0) {
        act(place);
        rc = mkdirat(above, name, 0755);
        /* Where we are root, nobody else may write above it: it is the one that was made. */
        if (rc == 0 && !place->is_acting && place->user)
            rc = fchownat(above, name, place->user->pw_uid, place->user->pw_gid,
                          AT_SYMLINK_NOFOLLOW);
        act_no_more(place);
    }
    int code =
        rc == 0 || errno == EEXIST ? 0 : fail(place, E_SYSTEM, "its directory cannot be made");
    if (above >= 0)
        close(above);
    free(copy);
    free(other);
    return code;
}

static int find_directory(struct place *place)
{
    struct stat st;
    int code = access(place->directory, F_OK) == 0 ? 0 : make_directory(place);
    if (code != 0)
        return code;
    place->dir = open_directory(place, place->directory);
    if (place->dir < 0 || fstat(place->dir, &st) != 0)
        return fail(place, E_SYSTEM, "its directory cannot be opened");
    if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
        diag_warning(place->diags, (struct span){0},
                     "control socket %s: everybody may write to its directory, and can put another "
                     "socket in its place: chmod o-w %s",
                     place->path, place->directory);
    if (place->is_exact &&
        snprintf(place->addr.sun_path, sizeof place->addr.sun_path, "/proc/self/fd/%d/%s",
                 place->dir, place->name) >= (int)sizeof place->addr.sun_path)
        return refuse(place, "its name is too long below a directory that others may change");
    return 0;
}

/* The lock */

static const char *lock_name(char out[NAME_MAX + 1], const struct place *place)
{
    snprintf(out, NAME_MAX + 1, ".%.200s.lock", place->name);
    return out;
}

/** Opens the lock's file, and locks it unless somebody else has. Returns the descriptor, or -1. */
static int try_lock(const struct place *place, const char *name)
{
    struct stat ours, there;
    int fd = openat(place->dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    /* Who had it before may have removed it: then it locks nothing. */
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &ours) == 0 &&
        fstatat(place->dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
        ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
        return fd;
    close(fd);
    errno = EWOULDBLOCK;
    return -1;
}

static int lock_place(const struct place *place)
{
    char name[NAME_MAX + 1];
    lock_name(name, place);
    for (int i = 0; i < LOCK_TRIES; i++) {
        int fd = try_lock(place, name);
        if (fd >= 0)
            return fd;
        if (errno != EWOULDBLOCK)
            return fail(place, E_SYSTEM, "the file that locks its place cannot be made");
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    diag_error(place->diags, (struct span){0},
               "control socket %s: another program holds the lock on %s/%s", place->path,
               place->directory, name);
    return E_SYSTEM;
}

static void unlock_place(const struct place *place, int fd)
{
    char name[NAME_MAX + 1];
    unlinkat(place->dir, lock_name(name, place), 0);
    close(fd);
}

/* The socket */

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
    if (fstatat(place->dir, place->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : fail(place, E_SYSTEM, "cannot be looked at");
    if (!S_ISSOCK(st.st_mode))
        return refuse(place, "a file that is no socket is in its place; it is not removed");
    if (is_live(place)) {
        diag_error(place->diags, (struct span){0}, "another %s is running on %s",
                   program_invocation_short_name, place->path);
        return E_EXISTS;
    }
    return unlinkat(place->dir, place->name, 0) == 0
               ? 0
               : fail(place, E_SYSTEM, "the stale one cannot be removed");
}

/** Gives the file to the user, where only root may change the directory: by a descriptor of a
 * socket that is root's, whatever is there by now. */
static void give_to_user(const struct place *place, const struct listen_socket *socket)
{
    struct stat st;
    if (!place->user || place->is_acting || geteuid() != 0)
        return;
    if (fstat(socket->file, &st) != 0 || !S_ISSOCK(st.st_mode) || st.st_uid != 0 ||
        st.st_nlink != 1 ||
        fchownat(socket->file, "", place->user->pw_uid, place->user->pw_gid, AT_EMPTY_PATH) != 0)
        diag_warning(place->diags, (struct span){0},
                     "control socket %s: cannot be given to user %s: %s", place->path,
                     place->user->pw_name, strerror(errno));
}

static int bind_new(const struct place *place, struct listen_socket *out)
{
    out->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (out->fd < 0)
        return fail(place, E_SYSTEM, "cannot be made");
    mode_t before = umask(0117); /* its mode from the first moment on: 0660 */
    int rc = bind(out->fd, (const struct sockaddr *)&place->addr, sizeof place->addr);
    umask(before);
    if (rc == 0 && listen(out->fd, 64) == 0) {
        out->file = openat(place->dir, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (out->file >= 0)
            return 0;
    }
    fail(place, E_SYSTEM, "cannot be bound");
    close(out->fd);
    return E_SYSTEM;
}

/** What needs the lock: with the rights that were chosen. */
static int take_place(const struct place *place, struct listen_socket *out)
{
    int lock = lock_place(place);
    if (lock < 0)
        return lock;
    int code = remove_stale(place);
    if (code == 0)
        code = bind_new(place, out);
    unlock_place(place, lock);
    return code;
}

static void split_path(struct place *place)
{
    char *copy = xstrdup(place->path);
    place->directory = xstrdup(dirname(copy));
    strcpy(copy, place->path);
    place->name = xstrdup(basename(copy));
    free(copy);
}

int listen_unix(struct listen_socket *out, const char *path, const char *user, struct diags *diags)
{
    struct place place = {.path = path, .diags = diags, .addr.sun_family = AF_UNIX, .dir = -1};
    if (strlen(path) >= sizeof place.addr.sun_path) {
        diag_error(diags, (struct span){0},
                   "control socket %s: the path is too long, expected at most %zu bytes", path,
                   sizeof place.addr.sun_path - 1);
        return E_RANGE;
    }
    strcpy(place.addr.sun_path, path);
    split_path(&place);
    place.user = user && geteuid() == 0 ? getpwnam(user) : NULL;
    if (place.user && place.user->pw_uid == 0)
        place.user = NULL;
    int code = find_directory(&place);
    if (code == 0) {
        act(&place);
        code = take_place(&place, out);
        act_no_more(&place);
    }
    if (code == 0)
        give_to_user(&place, out);
    out->directory = place.dir;
    out->name = place.name;
    if (code != 0) {
        free(place.name);
        if (place.dir >= 0)
            close(place.dir);
    }
    free(place.directory);
    return code;
}

int listen_unix_adopt(struct listen_socket *out, const char *path, int fd)
{
    char *copy = xstrdup(path), *other = xstrdup(path);
    *out = (struct listen_socket){.fd = fd, .file = -1, .name = xstrdup(basename(other))};
    out->directory = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (out->directory >= 0)
        out->file = openat(out->directory, out->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    free(copy);
    free(other);
    if (out->file >= 0)
        return 0;
    int error = errno;
    if (out->directory >= 0)
        close(out->directory);
    free(out->name);
    errno = error;
    return E_SYSTEM;
}

void listen_unix_leave(struct listen_socket *s)
{
    close(s->file);
    close(s->directory);
    free(s->name);
}

bool listen_unix_remove(struct listen_socket *s)
{
    struct stat ours, there;
    bool is_ours = fstat(s->file, &ours) == 0 &&
                   fstatat(s->directory, s->name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
                   ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
    bool ok = !is_ours || unlinkat(s->directory, s->name, 0) == 0;
    listen_unix_leave(s);
    return ok;
}
