/* SPDX-License-Identifier: Apache-2.0
 * What a probe can lack of ours: each lack is untried, with its reason shown, and never down,
 * whatever the endpoint was before. And what comes back over the network is the endpoint's. */
#include "world.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Which call fails, from now on, and how. */
enum call { NONE, SOCKET, CONNECT, SO_ERROR_LATER, PIPE, SPAWN, SESSION };
static struct {
    enum call call;
    int error;
} fault;

static bool strikes(enum call call)
{
    if (fault.call != call)
        return false;
    errno = fault.error;
    return true;
}

/* In the place of the C library's, for libuv as well. */
#define EXPORTED __attribute__((visibility("default")))

EXPORTED int socket(int domain, int type, int protocol)
{
    return strikes(SOCKET) ? -1 : (int)syscall(SYS_socket, domain, type, protocol);
}

EXPORTED int connect(int fd, const struct sockaddr *to, socklen_t n)
{
    return strikes(CONNECT) ? -1 : (int)syscall(SYS_connect, fd, to, n);
}

EXPORTED int getsockopt(int fd, int level, int name, void *value, socklen_t *n)
{
    int rc = (int)syscall(SYS_getsockopt, fd, level, name, value, n);
    if (level == SOL_SOCKET && name == SO_ERROR && fault.call == SO_ERROR_LATER)
        *(int *)value = fault.error;
    return rc;
}

EXPORTED int pipe2(int fds[2], int flags)
{
    return strikes(PIPE) ? -1 : (int)syscall(SYS_pipe2, fds, flags);
}

SSL *__real_SSL_new(SSL_CTX *ctx);
SSL *__wrap_SSL_new(SSL_CTX *ctx);
SSL *__wrap_SSL_new(SSL_CTX *ctx)
{
    return strikes(SESSION) ? NULL : __real_SSL_new(ctx);
}

int __real_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *files,
                       const posix_spawnattr_t *attr, char *const *argv, char *const *env);
int __wrap_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *files,
                       const posix_spawnattr_t *attr, char *const *argv, char *const *env);
int __wrap_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *files,
                       const posix_spawnattr_t *attr, char *const *argv, char *const *env)
{
    return strikes(SPAWN) ? fault.error : __real_posix_spawn(pid, path, files, attr, argv, env);
}

/* ---- */

#define TCP "type: tcp"
#define EXEC "type: exec, command: [/bin/true]"
#define TLS "type: https, tls: {verify: false}"

static const struct {
    const char *check;
    enum call call;
    int error;
    const char *reason;
} lacks[] = {
    {TCP, SOCKET, EMFILE, "could not be probed connecting: too many open files"},
    {TCP, SOCKET, ENFILE, "could not be probed connecting: file table overflow"},
    {TCP, SOCKET, ENOBUFS, "could not be probed connecting: no buffer space available"},
    {TCP, SOCKET, ENOMEM, "could not be probed connecting: not enough memory"},
    {TCP, SOCKET, EAFNOSUPPORT,
     "could not be probed connecting: address family not supported (this host has no such "
     "protocol)"},
    {TCP, CONNECT, ENETUNREACH,
     "could not be probed connecting: network is unreachable (no route from here)"},
    {TCP, CONNECT, EHOSTUNREACH,
     "could not be probed connecting: host is unreachable (no route from here)"},
    {TCP, CONNECT, EADDRNOTAVAIL,
     "could not be probed connecting: address not available (no source address or port left here)"},
    {TCP, CONNECT, EAGAIN, "could not be probed connecting: resource temporarily unavailable"},
    {TCP, CONNECT, ENETDOWN, "could not be probed connecting: network is down"},
    {TCP, CONNECT, ENOBUFS, "could not be probed connecting: no buffer space available"},
    {TCP, CONNECT, EACCES, "could not be probed connecting: permission denied"},
    {TCP, CONNECT, EPERM, "could not be probed connecting: operation not permitted"},
    {TCP, CONNECT, EINVAL, "could not be probed connecting: invalid argument"},
    {TLS, CONNECT, ENETUNREACH,
     "could not be probed connecting: network is unreachable (no route from here)"},
    {"type: http", SOCKET, EMFILE, "could not be probed connecting: too many open files"},
    {TCP, SO_ERROR_LATER, ENOMEM, "could not be probed connecting: not enough memory"},
    {TCP, SO_ERROR_LATER, ENETDOWN, "could not be probed connecting: network is down"},
    {TLS, SESSION, 0, "TLS cannot be set up for 127.0.0.1"},
    {EXEC, PIPE, EMFILE, "exec cannot run /bin/true: too many open files"},
    {EXEC, SPAWN, EAGAIN, "exec cannot run /bin/true: resource temporarily unavailable"},
    {EXEC, SPAWN, ENOMEM, "exec cannot run /bin/true: not enough memory"},
    {EXEC, SPAWN, ENOENT, "exec cannot run /bin/true: no such file or directory"},
    {EXEC, SPAWN, EACCES, "exec cannot run /bin/true: permission denied"},
};

static void start(struct world *w, const char *check, uint16_t port)
{
    world_configure(w, NULL,
                    "sites: {ams: {location: [52, 4]}}\n"
                    "checks: {c: {%s, interval: 1s, timeout: 500ms, rise: 1, fall: 1}}\n"
                    "pools: {www: {checks: [c], sites: {ams: [{address: 127.0.0.1, port: %u}]}}}\n",
                    check, port);
    world_start(w);
}

static struct probe_info probe_of(struct world *w)
{
    struct probe_info info;
    assert_int_equal(checker_probes(w->checker, &info, 1), 1);
    return info;
}

static bool was_untried(struct world *w, void *n)
{
    return probe_of(w).n_untried >= *(unsigned *)n;
}

static bool is_idle(struct world *w, void *arg)
{
    (void)arg;
    return checker_summary(w->checker).n_in_flight == 0;
}

/* It runs, or has run already. */
static bool has_turn(struct world *w, void *n)
{
    return checker_summary(w->checker).n_in_flight > 0 || was_untried(w, n);
}

static void forget_saved(struct world *w)
{
    char path[128];
    snprintf(path, sizeof path, "%s/state/health.json", w->dir);
    unlink(path);
}

static void check_lack(size_t i, uint16_t port)
{
    struct world w;
    char before[2 * REASON_MAX];
    unsigned n = 1;
    world_open(&w);
    /* From the unknown. */
    fault.call = lacks[i].call;
    fault.error = lacks[i].error;
    start(&w, lacks[i].check, port);
    if (!world_wait(&w, was_untried, &n))
        fail_msg("%s: not untried", lacks[i].reason);
    const struct endpoint_state *s = world_state(&w, 0);
    assert_int_equal(s->health, HEALTH_UNKNOWN);
    assert_true(endpoint_serves(s));
    assert_string_equal(s->reason + strlen("c: "), lacks[i].reason);
    assert_string_equal(probe_of(&w).reason, lacks[i].reason);
    assert_string_equal(checker_summary(w.checker).untried, lacks[i].reason);
    assert_int_equal(checker_summary(w.checker).n_untried, 1);
    assert_true(checker_ready(w.checker));
    /* Should it last, the state is old news, and still none of the endpoint's. */
    world_run(&w, 20000, NULL, NULL);
    assert_int_equal(world_state(&w, 0)->health, HEALTH_UNKNOWN);
    assert_true(world_state(&w, 0)->stale);
    /* From a result: it stands, and is told beside. */
    fault.call = NONE;
    world_run(&w, 2000, NULL, NULL);
    assert_true(world_wait(&w, world_all_tried, NULL));
    assert_true(world_run(&w, 2000, is_idle, NULL));
    fault.call = lacks[i].call;
    enum health health = world_state(&w, 0)->health;
    n = (unsigned)probe_of(&w).n_untried + 1;
    assert_true(world_run(&w, 2000, has_turn, &n));
    assert_true(world_wait(&w, was_untried, &n));
    if (health != HEALTH_UNKNOWN) {
        assert_int_equal(world_state(&w, 0)->health, health);
        snprintf(before, sizeof before, "%s; before: ", lacks[i].reason);
        assert_non_null(strstr(world_state(&w, 0)->reason, before));
    }
    fault.call = NONE;
    world_stop(&w);
    forget_saved(&w);
    world_close(&w);
}

static void test_lacks(void **state)
{
    (void)state;
    struct backend b; /* takes connections, and never says a word */
    backend_open(&b, BACKEND_HANG, "");
    for (size_t i = 0; i < ARRAY_LEN(lacks); i++)
        check_lack(i, b.port);
    backend_close(&b);
}

/* What comes back from the network, by an ICMP message or the endpoint itself. */
static void test_errors_that_came(void **state)
{
    (void)state;
    static const struct {
        int error;
        const char *reason;
    } errors[] = {
        {ECONNREFUSED, "c: connect refused"},
        {EHOSTUNREACH, "c: no route to host"},
        {ENETUNREACH, "c: network is unreachable"},
        {ETIMEDOUT, "c: timeout of the network connecting"},
        {ECONNRESET, "c: connection reset connecting"},
        {EPROTO, "c: protocol error connecting"},
    };
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct world w;
        struct backend b;
        world_open(&w);
        backend_open(&b, BACKEND_CLOSE, "");
        fault.call = SO_ERROR_LATER;
        fault.error = errors[i].error;
        start(&w, TCP, b.port);
        assert_true(world_wait(&w, world_all_tried, NULL));
        fault.call = NONE;
        assert_int_equal(world_state(&w, 0)->health, HEALTH_DOWN);
        assert_string_equal(world_state(&w, 0)->reason, errors[i].reason);
        assert_int_equal(checker_summary(w.checker).n_untried, 0);
        world_stop(&w);
        backend_close(&b);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lacks),
        cmocka_unit_test(test_errors_that_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
