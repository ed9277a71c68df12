/* SPDX-License-Identifier: Apache-2.0
 * Packets between two processes: objects of any size, descriptors, what is none, and ends. */
#include "l4/link.h"

#include "base/arena.h"
#include "base/diag.h"
#include "control/json.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void ends_of(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
                     0);
}

static json_t *object_of(const char *text)
{
    json_t *object = json_object();
    json_set_text(object, "text", text);
    return object;
}

static int least_free(void)
{
    int fd = dup(0);
    close(fd);
    return fd;
}

static void objects_and_descriptors(void **state)
{
    int ends[2], pipes[2], fds[LINK_FDS_MAX];
    struct link_packet packet;
    char *large = xmalloc(4 << 20), byte = 0;
    (void)state;
    memset(large, 'x', (4 << 20) - 1);
    large[(4 << 20) - 1] = '\0';
    ends_of(ends);
    assert_int_equal(pipe(pipes), 0);
    for (int i = 0; i < LINK_FDS_MAX; i++)
        fds[i] = pipes[1];
    json_t *object = object_of(large);
    assert_int_equal(link_send(ends[0], object, NULL, 0), 0);
    assert_int_equal(link_send(ends[0], object, fds, LINK_FDS_MAX), 0);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(link_receive(ends[1], &packet), 0);
        assert_true(json_equal(packet.object, object));
        assert_int_equal(packet.n, i * LINK_FDS_MAX);
        json_decref(packet.object);
    }
    assert_int_equal(write(packet.fds[LINK_FDS_MAX - 1], "y", 1), 1);
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    for (uint32_t i = 0; i < packet.n; i++) {
        assert_true(fcntl(packet.fds[i], F_GETFD) & FD_CLOEXEC);
        close(packet.fds[i]);
    }
    assert_int_equal(link_receive(ends[1], &packet), E_SYSTEM);
    assert_int_equal(errno, EAGAIN);
    close(ends[0]);
    assert_int_equal(link_receive(ends[1], &packet), E_NOTFOUND);
    assert_int_equal(link_send(ends[1], object, NULL, 0), E_SYSTEM);
    close(ends[1]);
    close(pipes[0]);
    close(pipes[1]);
    json_decref(object);
    free(large);
}

static void what_is_no_packet(void **state)
{
    int ends[2], before = least_free();
    struct link_packet packet;
    json_t *list = json_array();
    (void)state;
    ends_of(ends);
    assert_int_equal(send(ends[0], "text", 4, 0), 4);
    assert_int_equal(link_receive(ends[1], &packet), E_SYNTAX);
    assert_int_equal(link_send(ends[0], list, (int[]){0, 1}, 2), 0);
    assert_int_equal(link_receive(ends[1], &packet), E_SYNTAX);
    close(ends[0]);
    close(ends[1]);
    json_decref(list);
    assert_int_equal(least_free(), before);
}

/* One that reads nothing stops nobody. */
static void one_that_hangs(void **state)
{
    int ends[2], code = 0;
    json_t *object = object_of("x");
    (void)state;
    ends_of(ends);
    for (int i = 0; code == 0 && i < 100000; i++)
        code = link_send(ends[0], object, NULL, 0);
    assert_int_equal(code, E_SYSTEM);
    json_decref(object);
    close(ends[0]);
    close(ends[1]);
}

struct heard {
    unsigned n, n_ended;
    struct link *link;
};

static void on_got(void *arg, const json_t *object, int fd)
{
    struct heard *heard = arg;
    assert_int_equal(fd >= 0, heard->n < 2); /* the first one of two, and the one alone */
    if (fd >= 0)
        close(fd);
    assert_string_equal(json_get_text(object, "text", ""), "x");
    heard->n++;
}

static void on_ended(void *arg)
{
    struct heard *heard = arg;
    heard->n_ended++;
    link_close(heard->link);
}

static void on_a_loop(void **state)
{
    int ends[2], before = least_free();
    uv_loop_t loop;
    struct heard heard = {0};
    const struct link_events events = {on_got, on_ended, &heard};
    json_t *object = object_of("x");
    (void)state;
    uv_loop_init(&loop);
    ends_of(ends);
    heard.link = link_open(&loop, ends[1], &events);
    assert_int_equal(link_fd(heard.link), ends[1]);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(link_send(ends[0], object, (int[]){0, 0}, 2 - i), 0);
    close(ends[0]);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(heard.n, 3);
    assert_int_equal(heard.n_ended, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
    json_decref(object);
    assert_int_equal(least_free(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_and_descriptors),
        cmocka_unit_test(what_is_no_packet),
        cmocka_unit_test(one_that_hangs),
        cmocka_unit_test(on_a_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
