/* SPDX-License-Identifier: Apache-2.0
 * Wills as processes. */
#include "anycast/guard_wills.h"

#include "base/log.h"
#include "base/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { EXIT_REFUSED = 1, EXIT_UNREACHABLE = 126, EXIT_NO_PROGRAM = 127 };

/** Each further command has its time as well. */
static unsigned will_ms(const struct guard_request *request)
{
    return GUARD_WILL_MS + GUARD_WILL_MORE_MS * request->n_commands;
}

void wills_set(struct wills *wills, const struct guard_request *request, const char *line, size_t n)
{
    char *copy = NULL;
    if (request->will != GUARD_WILL_NONE) {
        copy = xmalloc(n + 1);
        memcpy(copy, line, n);
        copy[n] = '\0';
    }
    free(wills->v[request->number].line);
    wills->v[request->number].line = copy;
    wills->v[request->number].n = n;
    wills->v[request->number].limit_ms = will_ms(request);
    wills->v[request->number].is_command = request->will != GUARD_WILL_VTY;
}

/* ---- in its process ---- */

static bool send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
        if (put <= 0)
            return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

/** Each reply of a vty ends with three NULs and a status. One who goes before the last may have
 *  taken back what was not carried out. */
static bool await_replies(int fd, unsigned left)
{
    char got[4096];
    unsigned zeros = 0;
    for (ssize_t n; left > 0 && (n = recv(fd, got, sizeof got, 0)) > 0;)
        for (ssize_t i = 0; i < n && left > 0; i++) {
            bool is_end = zeros == 3;
            zeros = is_end || got[i] ? 0 : zeros + 1;
            left -= is_end;
        }
    return left == 0;
}

/** `enable`, and the lines of the text, with a NUL in the place of each LF. */
static int talk(const char *path, struct slice text)
{
    static const char enable[] = "enable";
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    unsigned n_lines = 1;
    if (strlen(path) >= sizeof to.sun_path)
        return EXIT_UNREACHABLE;
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    char *lines = xmalloc(text.n + 1u);
    for (uint32_t i = 0; i < text.n; i++) {
        lines[i] = (char)(text.p[i] == '\n' ? '\0' : text.p[i]);
        n_lines += text.p[i] == '\n';
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
              send_all(fd, enable, sizeof enable) && send_all(fd, lines, text.n) &&
              await_replies(fd, n_lines);
    return ok ? 0 : EXIT_UNREACHABLE;
}

/** Nothing of the guard's is left to it: no TUN, no socket, no capability but root's, no signal
 *  that is ignored. */
static void become_nobody(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    int null = open("/dev/null", O_RDWR);
    for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    close_range(STDERR_FILENO + 1, ~0U, 0);
    if (geteuid() != 0) /* root by choice needs root's to reach sockets of others */
        (void)!rights_confine(0);
}

/** One after the other, whatever comes of them. */
static int run_commands(const struct guard_request *request)
{
    char *const *argv = request->words;
    int code = 0;
    for (uint32_t i = 0; i < request->n_commands; i++) {
        pid_t pid;
        int status = 0;
        int error = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
        if (error == 0 && (waitpid(pid, &status, 0) < 0 || status != 0))
            code = EXIT_REFUSED;
        if (error != 0)
            code = EXIT_NO_PROGRAM;
        while (*argv++)
            ;
    }
    return code;
}

static _Noreturn void carry_out(char *line, size_t n)
{
    static struct guard_request request;
    become_nobody();
    if (guard_request_read(&request, line, n) != 0)
        _exit(EXIT_REFUSED);
    alarm(1 + will_ms(&request) / 1000); /* if the guard is not there to kill it */
    _exit(request.will == GUARD_WILL_VTY ? talk(request.words[0], request.text)
                                         : run_commands(&request));
}

/* ---- in the guard ---- */

static void stop_one(struct wills *wills, unsigned i)
{
    kill(-wills->v[i].pid, SIGKILL);
    kill(wills->v[i].pid, SIGKILL); /* before its setsid() */
    waitpid(wills->v[i].pid, NULL, 0);
    wills->v[i].pid = 0;
}

static void run_one(struct wills *wills, unsigned i, int64_t now_ms)
{
    pid_t pid = fork();
    if (pid == 0)
        carry_out(wills->v[i].line, wills->v[i].n);
    if (pid < 0)
        log_error("guard: cannot withdraw by way of speaker %u: %s", i, strerror(errno));
    wills->v[i].pid = pid > 0 ? pid : 0;
    wills->v[i].until_ms = now_ms + wills->v[i].limit_ms;
}

unsigned wills_run(struct wills *wills, int64_t now_ms)
{
    unsigned n = 0;
    for (unsigned i = 0; i < GUARD_WILLS_MAX; i++) {
        if (wills->v[i].pid)
            stop_one(wills, i);
        if (!wills->v[i].line)
            continue;
        n++;
        run_one(wills, i, now_ms);
    }
    return n;
}

void wills_run_again(struct wills *wills, int64_t now_ms)
{
    for (unsigned i = 0; i < GUARD_WILLS_MAX; i++)
        if (wills->v[i].line && wills->v[i].is_command && !wills->v[i].pid)
            run_one(wills, i, now_ms);
}

static void tell_end(unsigned i, int status)
{
    if (WIFSIGNALED(status))
        log_error("guard: withdrawing by way of speaker %u was ended by signal %d", i,
                  WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        log_error("guard: withdrawing by way of speaker %u failed: %s (%d)", i,
                  WEXITSTATUS(status) == EXIT_UNREACHABLE  ? "no connection, or no answer"
                  : WEXITSTATUS(status) == EXIT_NO_PROGRAM ? "the command cannot be run"
                                                           : "it was refused",
                  WEXITSTATUS(status));
}

bool wills_reap(struct wills *wills, int64_t now_ms)
{
    bool some = false;
    for (unsigned i = 0; i < GUARD_WILLS_MAX; i++) {
        int status;
        if (!wills->v[i].pid)
            continue;
        if (waitpid(wills->v[i].pid, &status, WNOHANG) != 0) {
            tell_end(i, status);
            wills->v[i].pid = 0;
        } else if (now_ms >= wills->v[i].until_ms) {
            stop_one(wills, i);
            log_error("guard: withdrawing by way of speaker %u took longer than %u ms", i,
                      wills->v[i].limit_ms);
        } else {
            some = true;
        }
    }
    return some;
}
