/* SPDX-License-Identifier: Apache-2.0
 * Netlink requests: of the kernel of this host, and of one that misbehaves. */
#include "base/clock.h"
#include "drive/netlink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a loop, and what came of requests ---- */

struct drive {
    uv_loop_t loop;
};

uv_loop_t *drive_loop(struct drive *drive)
{
    return &drive->loop;
}

#define SAW_MAX 4096
static struct {
    int error[SAW_MAX];
    unsigned of[SAW_MAX]; /* the number that the request had */
    char text[NETLINK_TEXT_MAX];
    unsigned n, n_messages;
    struct nlmsghdr last;
    struct netlink *close_at_done, *close_at_message;
    bool renew;
} saw;
static unsigned numbers[SAW_MAX];
static struct drive drive;
static struct netlink *netlink;

static void on_message(void *ctx, const struct nlmsghdr *message)
{
    (void)ctx;
    saw.n_messages++;
    saw.last = *message;
    if (saw.close_at_message) {
        netlink_close(saw.close_at_message);
        saw.close_at_message = NULL;
        netlink = NULL;
    }
}

static void on_done(void *ctx, int error, const char *text)
{
    assert_true(saw.n < SAW_MAX);
    saw.error[saw.n] = error;
    saw.of[saw.n++] = *(unsigned *)ctx;
    snprintf(saw.text, sizeof saw.text, "%s", text);
    if (saw.close_at_done) {
        netlink_close(saw.close_at_done);
        saw.close_at_done = NULL;
        netlink = NULL;
    }
}

static void ask(struct nl_msg *msg, uint32_t timeout_ms, unsigned number)
{
    numbers[number] = number;
    const struct netlink_events events = {&numbers[number], on_message, on_done};
    netlink_send(netlink, nlmsg_hdr(msg), timeout_ms, &events);
    nlmsg_free(msg);
}

static struct nl_msg *get_family(const char *name)
{
    struct nl_msg *msg = nlmsg_alloc();
    assert_non_null(
        genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, GENL_ID_CTRL, 0, 0, CTRL_CMD_GETFAMILY, 1));
    assert_int_equal(nla_put_string(msg, CTRL_ATTR_FAMILY_NAME, name), 0);
    return msg;
}

static struct nl_msg *dump_families(void)
{
    struct nl_msg *msg = nlmsg_alloc();
    assert_non_null(genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, GENL_ID_CTRL, 0, NLM_F_DUMP,
                                CTRL_CMD_GETFAMILY, 1));
    return msg;
}

static void run_until(unsigned n)
{
    int64_t deadline = clock_mono_ms() + 30000;
    while (saw.n < n) {
        assert_true(clock_mono_ms() < deadline);
        if (uv_run(&drive.loop, UV_RUN_NOWAIT) && saw.n < n)
            poll(NULL, 0, 1);
    }
}

/* ---- a kernel of ours: the other end of a pair of sockets ---- */

static struct {
    bool on;
    int fd; /* the kernel's end; -1: none */
    struct sockaddr_nl from;
    bool cuts;
    int fails; /* errno of recvmsg(), once */
    int send_fails;
    unsigned n_sockets;
} fake = {.fd = -1};

int __real_socket(int domain, int type, int protocol);
int __real_bind(int fd, const struct sockaddr *addr, socklen_t n);
ssize_t __real_sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to,
                      socklen_t n_to);
ssize_t __real_recvmsg(int fd, struct msghdr *header, int flags);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t n);
ssize_t __wrap_sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to,
                      socklen_t n_to);
ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags);

int __wrap_socket(int domain, int type, int protocol)
{
    if (!fake.on)
        return __real_socket(domain, type, protocol);
    if (fake.n_sockets == UINT32_MAX) {
        errno = EMFILE;
        return -1;
    }
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
    if (fake.fd >= 0)
        close(fake.fd);
    fake.fd = pair[1];
    fake.n_sockets++;
    return pair[0];
}

int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t n)
{
    return fake.on ? 0 : __real_bind(fd, addr, n);
}

ssize_t __wrap_sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to,
                      socklen_t n_to)
{
    if (fake.on && fake.send_fails) {
        errno = fake.send_fails;
        fake.send_fails = 0;
        return -1;
    }
    return fake.on ? send(fd, p, n, flags) : __real_sendto(fd, p, n, flags, to, n_to);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags)
{
    /* libuv reads its own sockets by this as well; ours are read with a name. */
    if (!fake.on || !header->msg_name)
        return __real_recvmsg(fd, header, flags);
    if (fake.fails) {
        errno = fake.fails;
        fake.fails = 0;
        return -1;
    }
    void *name = header->msg_name;
    ssize_t got = __real_recvmsg(fd, header, flags);
    if (got >= 0) {
        memcpy(name, &fake.from, sizeof fake.from);
        header->msg_name = name;
        header->msg_namelen = sizeof fake.from;
        if (fake.cuts)
            header->msg_flags |= MSG_TRUNC;
    }
    return got;
}

/* Takes what was sent to the kernel: its sequence number, 0 for nothing. */
static uint32_t kernel_got(uint16_t *flags)
{
    _Alignas(struct nlmsghdr) char bytes[4096];
    ssize_t got = recv(fake.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got <= 0)
        return 0;
    const struct nlmsghdr *message = (const struct nlmsghdr *)bytes;
    assert_int_equal(message->nlmsg_len, got);
    if (flags)
        *flags = message->nlmsg_flags;
    return message->nlmsg_seq;
}

static void kernel_says(uint16_t type, uint16_t flags, uint32_t sequence, const void *payload,
                        uint32_t n)
{
    struct nl_msg *msg = nlmsg_alloc();
    struct nlmsghdr *header = nlmsg_put(msg, 0, sequence, type, 0, flags);
    if (n)
        assert_int_equal(nlmsg_append(msg, (void *)(uintptr_t)payload, n, NLMSG_ALIGNTO), 0);
    assert_int_equal(send(fake.fd, header, header->nlmsg_len, 0), header->nlmsg_len);
    nlmsg_free(msg);
}

static void kernel_acks(uint32_t sequence, int error)
{
    const struct nlmsgerr said = {.error = error};
    kernel_says(NLMSG_ERROR, NLM_F_CAPPED, sequence, &said, sizeof said);
}

static void turn(void)
{
    uv_run(&drive.loop, UV_RUN_NOWAIT);
    uv_run(&drive.loop, UV_RUN_NOWAIT);
}

static int open_real(void **state)
{
    (void)state;
    memset(&saw, 0, sizeof saw);
    memset(&fake, 0, sizeof fake);
    fake.fd = -1;
    fake.from.nl_family = AF_NETLINK;
    uv_loop_init(&drive.loop);
    netlink = netlink_open(&drive, NETLINK_GENERIC);
    return netlink ? 0 : -1;
}

static int open_fake(void **state)
{
    (void)state;
    memset(&saw, 0, sizeof saw);
    memset(&fake, 0, sizeof fake);
    fake.fd = -1;
    fake.from.nl_family = AF_NETLINK;
    fake.on = true;
    uv_loop_init(&drive.loop);
    netlink = netlink_open(&drive, NETLINK_GENERIC);
    return netlink ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    if (netlink)
        netlink_close(netlink);
    netlink = NULL;
    uv_run(&drive.loop, UV_RUN_DEFAULT);
    if (fake.fd >= 0)
        close(fake.fd);
    return uv_loop_close(&drive.loop);
}

/* ---- the kernel of this host ---- */

static void family_that_is_there(void **state)
{
    (void)state;
    ask(get_family("nlctrl"), 5000, 7);
    assert_int_equal(saw.n, 0);
    run_until(1);
    assert_int_equal(saw.error[0], 0);
    assert_int_equal(saw.of[0], 7);
    assert_int_equal(saw.n_messages, 1);
    assert_int_equal(saw.last.nlmsg_type, GENL_ID_CTRL);
}

static void family_that_is_absent(void **state)
{
    (void)state;
    ask(get_family("no-such-family"), 5000, 0);
    run_until(1);
    assert_int_equal(saw.error[0], -ENOENT);
    assert_int_equal(saw.n_messages, 0);
}

static void dump_and_others_around_it(void **state)
{
    (void)state;
    ask(get_family("nlctrl"), 5000, 0);
    ask(dump_families(), 5000, 1);
    ask(dump_families(), 5000, 2);
    ask(get_family("no-such-family"), 5000, 3);
    run_until(4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(saw.of[i], i);
        assert_int_equal(saw.error[i], i == 3 ? -ENOENT : 0);
    }
    assert_true(saw.n_messages > 4);
}

static void thousands_keep_their_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4000; i++)
        ask(get_family(i % 3 ? "nlctrl" : "no-such-family"), 20000, i);
    run_until(4000);
    for (unsigned i = 0; i < 4000; i++) {
        assert_int_equal(saw.of[i], i);
        assert_int_equal(saw.error[i], i % 3 ? 0 : -ENOENT);
    }
}

static void kernel_explains(void **state)
{
    (void)state;
    ask(get_family("a name that is longer than families have"), 5000, 0);
    run_until(1);
    assert_true(saw.error[0] < 0);
    assert_true(saw.text[0] != '\0');
}

static void closed_with_requests(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        ask(get_family("nlctrl"), 5000, i);
    turn();
    unsigned before = saw.n;
    netlink_close(netlink);
    netlink = NULL;
    uv_run(&drive.loop, UV_RUN_DEFAULT);
    assert_int_equal(saw.n, before);
}

/* ---- one that misbehaves ---- */

static void sent_as_configured(void **state)
{
    (void)state;
    uint16_t flags = 0;
    ask(get_family("x"), 5000, 0);
    ask(get_family("x"), 5000, 1);
    ask(dump_families(), 5000, 2);
    ask(get_family("x"), 5000, 3);
    turn();
    uint32_t first = kernel_got(&flags);
    assert_true(first != 0);
    assert_int_equal(flags, NLM_F_REQUEST | NLM_F_ACK);
    assert_int_equal(kernel_got(NULL), first + 1);
    assert_int_equal(kernel_got(NULL), 0); /* the dump waits until it is alone */
    kernel_acks(first, 0);
    turn();
    assert_int_equal(kernel_got(NULL), 0);
    kernel_acks(first + 1, -EEXIST);
    turn();
    assert_int_equal(kernel_got(&flags), first + 2);
    assert_int_equal(flags, NLM_F_REQUEST | NLM_F_DUMP);
    assert_int_equal(kernel_got(NULL), 0); /* and so does what comes after it */
    const int no_error = 0;
    kernel_says(NLMSG_DONE, NLM_F_MULTI, first + 2, &no_error, sizeof no_error);
    turn();
    assert_int_equal(kernel_got(NULL), first + 3);
    kernel_acks(first + 3, 0);
    run_until(4);
    assert_int_equal(saw.error[1], -EEXIST);
    assert_int_equal(saw.error[2], 0);
}

static void window_is_kept(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3 * NETLINK_WINDOW; i++)
        ask(get_family("x"), 20000, i);
    for (unsigned round = 0; round < 3; round++) {
        turn();
        uint32_t sequence[NETLINK_WINDOW];
        for (unsigned i = 0; i < NETLINK_WINDOW; i++)
            assert_true((sequence[i] = kernel_got(NULL)) != 0);
        assert_int_equal(kernel_got(NULL), 0);
        for (unsigned i = 0; i < NETLINK_WINDOW; i++)
            kernel_acks(sequence[i], 0);
        run_until((round + 1) * NETLINK_WINDOW);
    }
}

static void silence_is_timed(void **state)
{
    (void)state;
    ask(get_family("x"), 30, 0);
    ask(get_family("x"), 20000, 1);
    int64_t start = clock_mono_ms();
    run_until(2);
    assert_true(clock_mono_ms() - start >= 29);
    assert_int_equal(saw.error[0], -ETIMEDOUT);
    assert_int_equal(saw.error[1], -ETIMEDOUT); /* of the same socket */
    assert_int_equal(fake.n_sockets, 1);
    ask(get_family("x"), 5000, 2);
    turn();
    assert_int_equal(fake.n_sockets, 2); /* a late answer is not read any more */
    kernel_acks(kernel_got(NULL), 0);
    run_until(3);
    assert_int_equal(saw.error[2], 0);
}

static void lost_answers(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        memset(&saw, 0, sizeof saw);
        ask(get_family("x"), 5000, 0);
        ask(get_family("x"), 5000, 1);
        turn();
        uint32_t sequence = kernel_got(NULL);
        if (way == 0)
            fake.fails = ENOBUFS;
        kernel_says(way == 0 ? NLMSG_ERROR : NLMSG_OVERRUN, 0, sequence, NULL, 0);
        run_until(2);
        assert_int_equal(saw.error[0], -ENOBUFS);
        assert_int_equal(saw.error[1], -ENOBUFS);
        ask(get_family("x"), 5000, 2);
        turn();
        kernel_acks(kernel_got(NULL), 0);
        run_until(3);
        assert_int_equal(saw.error[2], 0);
    }
}

static void interrupted_dump(void **state)
{
    (void)state;
    ask(dump_families(), 5000, 0);
    turn();
    uint32_t sequence = kernel_got(NULL);
    kernel_says(GENL_ID_CTRL, NLM_F_MULTI | NLM_F_DUMP_INTR, sequence, NULL, 0);
    kernel_says(GENL_ID_CTRL, NLM_F_MULTI, sequence, NULL, 0);
    const int no_error = 0;
    kernel_says(NLMSG_DONE, NLM_F_MULTI, sequence, &no_error, sizeof no_error);
    run_until(1);
    assert_int_equal(saw.n_messages, 2);
    assert_int_equal(saw.error[0], -EINTR);
    ask(dump_families(), 5000, 1);
    turn();
    sequence = kernel_got(NULL);
    const int denied = -EPERM;
    kernel_says(NLMSG_DONE, NLM_F_MULTI, sequence, &denied, sizeof denied);
    run_until(2);
    assert_int_equal(saw.error[1], -EPERM);
}

static void cut_message(void **state)
{
    (void)state;
    ask(get_family("x"), 5000, 0);
    turn();
    fake.cuts = true;
    kernel_acks(kernel_got(NULL), 0);
    run_until(1);
    assert_int_equal(saw.error[0], -EMSGSIZE);
}

static void foreign_messages(void **state)
{
    (void)state;
    ask(get_family("x"), 5000, 0);
    turn();
    uint32_t sequence = kernel_got(NULL);
    fake.from.nl_pid = 4711; /* another process says that it failed */
    kernel_acks(sequence, -ENOENT);
    turn();
    assert_int_equal(saw.n, 0);
    fake.from.nl_pid = 0;
    kernel_acks(sequence + 7, -ENOENT); /* an answer to nothing that was asked */
    kernel_says(NLMSG_NOOP, 0, sequence, NULL, 0);
    const char no_message[8] = {0};
    assert_int_equal(send(fake.fd, no_message, sizeof no_message, 0), sizeof no_message);
    turn();
    assert_int_equal(saw.n, 0);
    kernel_acks(sequence, 0);
    run_until(1);
    assert_int_equal(saw.error[0], 0);
}

static void left_out_and_odd_answers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        ask(get_family("x"), 5000, i);
    turn();
    uint32_t sequence = kernel_got(NULL);
    kernel_acks(sequence + 1, 0);                     /* the first had none */
    kernel_says(NLMSG_ERROR, 0, sequence + 2, "", 1); /* too short for an error */
    kernel_acks(sequence + 3, 17);                    /* which is no errno */
    run_until(4);
    assert_int_equal(saw.error[0], -EPROTO);
    assert_int_equal(saw.error[1], 0);
    assert_int_equal(saw.error[2], -EPROTO);
    assert_int_equal(saw.error[3], -EPROTO);
}

static void sending_fails(void **state)
{
    (void)state;
    fake.send_fails = EPERM;
    ask(get_family("x"), 5000, 0);
    ask(get_family("x"), 5000, 1);
    assert_int_equal(saw.n, 0);
    run_until(1);
    assert_int_equal(saw.error[0], -EPERM);
    turn();
    kernel_acks(kernel_got(NULL), 0);
    run_until(2);
    assert_int_equal(saw.error[1], 0);
    /* No socket is to be had when one is to be renewed. */
    fake.fails = ENOBUFS;
    ask(get_family("x"), 5000, 2);
    turn();
    kernel_acks(kernel_got(NULL), 0);
    run_until(3);
    fake.n_sockets = UINT32_MAX;
    ask(get_family("x"), 5000, 3);
    run_until(4);
    assert_int_equal(saw.error[3], -EMFILE);
    fake.n_sockets = 0;
    ask(get_family("x"), 5000, 4);
    turn();
    kernel_acks(kernel_got(NULL), 0);
    run_until(5);
    assert_int_equal(saw.error[4], 0);
}

static void closed_by_its_functions(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++)
        ask(get_family("x"), 5000, i);
    turn();
    uint32_t sequence = kernel_got(NULL);
    saw.close_at_done = netlink;
    kernel_acks(sequence + 4, 0); /* ends five, the first of which closes it */
    run_until(1);
    uv_run(&drive.loop, UV_RUN_DEFAULT);
    assert_int_equal(saw.n, 1);

    netlink = netlink_open(&drive, NETLINK_GENERIC);
    assert_int_equal(fake.n_sockets, 1);
    ask(get_family("x"), 5000, 0);
    turn();
    saw.close_at_message = netlink;
    kernel_says(GENL_ID_CTRL, 0, kernel_got(NULL), NULL, 0);
    uv_run(&drive.loop, UV_RUN_DEFAULT);
    assert_int_equal(saw.n, 1);
    assert_int_equal(saw.n_messages, 1);

    netlink = netlink_open(&drive, NETLINK_GENERIC);
    ask(get_family("x"), 1, 0);
    ask(get_family("x"), 1, 1);
    saw.close_at_done = netlink;
    uv_run(&drive.loop, UV_RUN_DEFAULT);
    assert_int_equal(saw.n, 2);
}

/* ---- what a message means ---- */

static void texts_of_acks(void **state)
{
    (void)state;
    struct netlink_end end;
    for (int capped = 0; capped < 2; capped++) {
        struct nl_msg *msg = nlmsg_alloc();
        struct nlmsgerr said = {.error = -EINVAL, .msg = {.nlmsg_len = sizeof said.msg + 12}};
        nlmsg_put(msg, 0, 1, NLMSG_ERROR, 0, NLM_F_ACK_TLVS | (capped ? NLM_F_CAPPED : 0));
        nlmsg_append(msg, &said, sizeof said, NLMSG_ALIGNTO);
        if (!capped)
            nlmsg_append(msg, (char[12]){0}, 12, NLMSG_ALIGNTO);
        nla_put_u32(msg, NLMSGERR_ATTR_OFFS, 4);
        nla_put_string(msg, NLMSGERR_ATTR_MSG, "Not\nnow");
        assert_int_equal(netlink_judge(nlmsg_hdr(msg), &end), NETLINK_KIND_END);
        assert_int_equal(end.error, -EINVAL);
        assert_string_equal(end.text, "Not?now");
        nlmsg_hdr(msg)->nlmsg_flags = NLM_F_CAPPED; /* as before Linux 4.12 */
        assert_int_equal(netlink_judge(nlmsg_hdr(msg), &end), NETLINK_KIND_END);
        assert_string_equal(end.text, "");
        nlmsg_free(msg);
    }
    struct nl_msg *msg = nlmsg_alloc();
    const int error = -ENOENT;
    nlmsg_put(msg, 0, 1, NLMSG_DONE, 0, NLM_F_MULTI | NLM_F_ACK_TLVS);
    nlmsg_append(msg, (void *)(uintptr_t)&error, sizeof error, NLMSG_ALIGNTO);
    char longer[200];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    nla_put_string(msg, NLMSGERR_ATTR_MSG, longer);
    assert_int_equal(netlink_judge(nlmsg_hdr(msg), &end), NETLINK_KIND_END);
    assert_int_equal(end.error, -ENOENT);
    assert_int_equal(strlen(end.text), NETLINK_TEXT_MAX - 1);
    nlmsg_free(msg);
}

int main(void)
{
#define REAL(f) cmocka_unit_test_setup_teardown(f, open_real, close_all)
#define FAKE(f) cmocka_unit_test_setup_teardown(f, open_fake, close_all)
    const struct CMUnitTest tests[] = {
        REAL(family_that_is_there),
        REAL(family_that_is_absent),
        REAL(dump_and_others_around_it),
        REAL(thousands_keep_their_order),
        REAL(kernel_explains),
        REAL(closed_with_requests),
        FAKE(sent_as_configured),
        FAKE(window_is_kept),
        FAKE(silence_is_timed),
        FAKE(lost_answers),
        FAKE(interrupted_dump),
        FAKE(cut_message),
        FAKE(foreign_messages),
        FAKE(left_out_and_odd_answers),
        FAKE(sending_fails),
        FAKE(closed_by_its_functions),
        cmocka_unit_test(texts_of_acks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
