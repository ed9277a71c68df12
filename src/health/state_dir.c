/* SPDX-License-Identifier: Apache-2.0
 * The state directory before anything relies on it. */
#include "health/state_dir.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIAL_BYTES = 4096 };

/* What is known of one directory while it is judged. */
struct judge {
    const char *dir;
    struct span at;
    struct diags *diags;
};

/* " for user 'loadstar'": with `server.user`, root's own look at the files would be another one. */
static const char *for_user(char *out, size_t n)
{
    uid_t uid = (uid_t)setfsuid((uid_t)-1); /* whose it is, see base/identity.h; changes nothing */
    char texts[4096];
    struct passwd entry, *pw = NULL;
    out[0] = '\0';
    /* Not getpwuid(): a load is not on the control thread. */
    if (uid != 0 && getpwuid_r(uid, &entry, texts, sizeof texts, &pw) == 0 && pw)
        snprintf(out, n, " by user '%s'", pw->pw_name);
    return out;
}

static int refuse(const struct judge *j, const char *what, const char *why, const char *fix)
{
    char user[64];
    diag_error(j->diags, j->at, "'state_dir' %s cannot be %s%s: %s; %s", j->dir, what,
               for_user(user, sizeof user), why, fix);
    return E_INVALID;
}

/* ---- a directory that is not there ---- */

static char *parent_of(const char *dir)
{
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    while (n > 0 && dir[n - 1] != '/')
        n--;
    while (n > 1 && dir[n - 1] == '/')
        n--;
    char *parent = xstrdup(n ? dir : ".");
    if (n)
        parent[n] = '\0';
    return parent;
}

/* Whether a directory of another name can be made there, and goes again. 0, or an errno. */
static int try_to_make_beside(const char *path)
{
    char name[64];
    char *parent = parent_of(path);
    int dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = dir < 0 ? errno : 0;
    snprintf(name, sizeof name, ".loadstar-trial-%ld", (long)getpid());
    if (!error && mkdirat(dir, name, 0700) != 0 && errno != EEXIST)
        error = errno;
    if (!error)
        unlinkat(dir, name, AT_REMOVEDIR);
    if (dir >= 0)
        close(dir);
    free(parent);
    return error;
}

static int check_missing(const struct judge *j)
{
    if (faccessat(AT_FDCWD, j->dir, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return refuse(j, "used", "it is a link to nowhere", "remove the link, or make its target");
    int error = try_to_make_beside(j->dir);
    if (error)
        return refuse(j, "made", strerror(error),
                      "make it, owned by whom the server runs as, with mode 0750");
    return 0;
}

/* ---- a directory that is there ---- */

/* A file without a name; where the file system has none such, one that is unlinked at once. */
static int open_trial(int dir)
{
    char name[64];
    int fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL))
        return fd;
    snprintf(name, sizeof name, ".loadstar-trial-%ld", (long)getpid());
    unlinkat(dir, name, 0);
    fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0)
        unlinkat(dir, name, 0);
    return fd;
}

/* 0, or an errno. */
static int try_to_write(int dir)
{
    static const uint8_t zeroes[TRIAL_BYTES];
    int fd = open_trial(dir);
    if (fd < 0)
        return errno;
    ssize_t n = write(fd, zeroes, sizeof zeroes);
    int error = n < 0 ? errno : n < (ssize_t)sizeof zeroes ? ENOSPC : 0;
    if (!error && fsync(fd) != 0)
        error = errno;
    close(fd);
    return error;
}

static int check_writable(const struct judge *j, int dir)
{
    int error = try_to_write(dir);
    if (error == ENOSPC || error == EDQUOT || error == EROFS) {
        diag_warning(
            j->diags, j->at,
            "'state_dir' %s cannot be written now: %s; until it can, orders are refused, but for "
            "those with --volatile, and states are not saved",
            j->dir, strerror(error));
        return 0;
    }
    if (!error)
        return 0;
    return refuse(j, "written", strerror(error), "it must belong to whom the server runs as");
}

/* The first byte tells of rights, kinds and most disks. */
static int check_readable(const struct judge *j, int dir, const char *name)
{
    char byte;
    struct stat st;
    int error = 0;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &st) != 0)
        error = errno;
    else if (!S_ISREG(st.st_mode))
        error = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    else if (read(fd, &byte, 1) < 0)
        error = errno;
    if (fd >= 0)
        close(fd);
    if (!error)
        return 0;
    char user[64];
    errno = error; /* which looking up the user changes */
    const char *why = file_error(E_SYSTEM, "");
    diag_error(j->diags, j->at,
               "'state_dir': %s/%s cannot be read%s: %s; what it holds is still in force: make it "
               "readable, or move it away",
               j->dir, name, for_user(user, sizeof user), why);
    return E_INVALID;
}

int state_dir_check(const struct model *model, struct diags *diags)
{
    const struct judge j = {model->server.state_dir, model->server.state_dir_at, diags};
    if (!j.dir)
        return 0;
    int dir = open(j.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 && errno == ENOENT)
        return check_missing(&j);
    if (dir < 0)
        return refuse(&j, "used", strerror(errno),
                      "expected a directory that the server may write");
    int code = check_writable(&j, dir);
    if (!code)
        code = check_readable(&j, dir, STATE_RULES);
    close(dir);
    return code;
}

int state_dir_make(const char *path)
{
    if (mkdir(path, 0750) != 0 && errno != EEXIST)
        return E_SYSTEM;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir >= 0 && close(dir) == 0 ? 0 : E_SYSTEM;
}

int state_dir_try(const char *path)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = dir < 0 ? errno : try_to_write(dir);
    if (dir >= 0)
        close(dir);
    return error;
}
