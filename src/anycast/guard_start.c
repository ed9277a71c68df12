/* SPDX-License-Identifier: Apache-2.0
 * Starting the guard. */
#include "anycast/guard.h"
#include "base/diag.h"
#include "base/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define GUARD_FD 3 /* the guard's only file beside its log */

extern char **environ;

/** In a session of its own: what the terminal sends to loadstard's group is not for it. */
static int spawn(const char *program, const char *user, int fd, int *pid)
{
    char number[16];
    snprintf(number, sizeof number, "%d", GUARD_FD);
    char *argv[] = {(char *)(uintptr_t) "loadstard", (char *)(uintptr_t) "--guard", number,
                    (char *)(uintptr_t)user, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    pid_t child = 0;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fd, GUARD_FD);
    posix_spawn_file_actions_addclosefrom_np(&actions, GUARD_FD + 1);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int error = posix_spawn(&child, program, &actions, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    errno = error;
    *pid = (int)child;
    return error == 0 ? 0 : E_SYSTEM;
}

int guard_start(const char *program, const char *user, int *pid)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return -1;
    /* What loadstard says must not be lost because the guard has not come to read it yet. */
    const int size = 4 * GUARD_LINE_MAX;
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    int code = geteuid() == 0 ? 0 : rights_lend(RIGHT(CAP_NET_ADMIN));
    if (code == 0)
        code = spawn(program, user, fds[1], pid);
    int error = errno;
    rights_disinherit();
    close(fds[1]);
    if (code != 0)
        close(fds[0]);
    errno = error;
    return code == 0 ? fds[0] : -1;
}
