/* SPDX-License-Identifier: Apache-2.0
 * What the system refuses: memory for a read, a place among what is watched, pipes. */
#include "forward_world.h"

#include <sys/epoll.h>

static _Atomic unsigned fail_recv, fail_watch, n_pipes_tried;

ssize_t __real_recv(int fd, void *bytes, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t n, int flags);
int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
int __wrap_pipe2(int ends[2], int flags);

/* The program's: those of the tests are patient, its own are not. */
ssize_t __wrap_recv(int fd, void *bytes, size_t n, int flags)
{
    if (fail_recv > 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK)) {
        fail_recv--;
        errno = ENOMEM;
        return -1;
    }
    return __real_recv(fd, bytes, n, flags);
}

int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    if (op == EPOLL_CTL_ADD && fail_watch > 0) {
        fail_watch--;
        errno = ENOSPC;
        return -1;
    }
    return __real_epoll_ctl(epoll, op, fd, event);
}

int __wrap_pipe2(int ends[2], int flags)
{
    (void)ends, (void)flags;
    n_pipes_tried++;
    errno = EMFILE;
    return -1;
}

static void want_of_memory_is_nobodys_reset(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    int backend = listening(16);
    WORLD_MEMBERS_ARE(&w, up(port_of(backend)));
    int client = client_of(w.port), member = accepted(backend);
    SAY(client, "hello");
    HEAR(member, "hello");
    fail_recv = 1;
    SAY(client, "more");
    hear_reset(client);
    WAIT_UNTIL(w.n_ended == 1);
    assert_string_equal(w.last_end, "no memory");
    close(client), close(member), close(backend);
    world_close(&w);
}

static void a_listener_that_cannot_be_watched_is_tried_again(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    int backend = listening(16);
    fail_watch = 2; /* the second time it is tried again, too */
    WORLD_MEMBERS_ARE(&w, up(port_of(backend)));
    int client = client_of(w.port), member = accepted(backend);
    SAY(client, "hello");
    HEAR(member, "hello");
    assert_int_equal(fail_watch, 0);
    close(client), close(member), close(backend);
    WAIT_UNTIL(w.n_ended == 1);
    world_close(&w);
}

/* Bulk is copied then, and the system is not asked for a pipe at each turn. */
static void pipes_that_are_refused_are_not_asked_for_again_at_once(void **state)
{
    (void)state;
    static char block[1 << 16];
    struct world w;
    world_open(&w);
    int backend = listening(16);
    WORLD_MEMBERS_ARE(&w, up(port_of(backend)));
    int client = client_of(w.port), member = accepted(backend);
    int64_t began_ms = world_now_ms();
    n_pipes_tried = 0;
    for (unsigned i = 0; i < 400; i++) {
        say(client, block, sizeof block);
        assert_int_equal(__real_recv(member, block, sizeof block, MSG_WAITALL), sizeof block);
    }
    int64_t seconds = (world_now_ms() - began_ms) / 1000;
    assert_true(n_pipes_tried >= 1);
    assert_true(n_pipes_tried <= seconds + 1);
    close(client), close(member), close(backend);
    WAIT_UNTIL(w.n_ended == 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(want_of_memory_is_nobodys_reset),
        cmocka_unit_test(a_listener_that_cannot_be_watched_is_tried_again),
        cmocka_unit_test(pipes_that_are_refused_are_not_asked_for_again_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
