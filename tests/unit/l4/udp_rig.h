/* SPDX-License-Identifier: Apache-2.0
 * A forwarder of datagrams on loopback: members that echo, clients, and a worker whose loop is
 * turned by the test, with a clock that the test can put forward. */
#pragma once

#include "l4/udp.h"

#include "base/clock.h"
#include "l4/listeners.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define RIG_MEMBERS 12
#define RIG_WAIT_MS 20000 /* for what has to come; busy machines are slow */

struct rig_member {
    bool present;
    int fd; /* -1: nobody is there */
    struct ip addr;
    uint16_t port;
    uint32_t weight;
    enum member_state state;
    struct member *member; /* as of the last plan */
    uint32_t n_got;
};

struct rig {
    struct worker worker;
    struct worker_host host;
    struct registry *registry;
    struct l4_service services[2];
    struct l4_set sets[2];
    struct l4_listen listens[2];
    int fds[2]; /* of the listens */
    uint32_t n_services;
    struct rig_member members[RIG_MEMBERS];
    struct service_run *run;
    int64_t skew_ms;
    int64_t still_ms; /* what the clock says, but for skew_ms; 0: it goes on by itself */
    uint64_t version;
    uint32_t n_failed, n_timed_out, n_ended;
    char end[16];     /* of the last flow */
    bool mute;        /* members do not answer */
    uint32_t n_run;   /* turns */
    uint32_t n_ports; /* that the worker may have */
};

/* ---- sockets ---- */

static inline struct ip rig_ip(const char *text)
{
    struct ip ip;
    assert_int_equal(ip_parse(&ip, text), 0);
    return ip;
}

/* As of listeners.c, for all addresses. */
static inline void rig_have_addresses_told(int fd, const struct ip *addr)
{
    int on = 1;
    if (!listeners_is_wildcard(addr))
        return;
    if (addr->family == IP_V6)
        assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on), 0);
    else
        assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on), 0);
}

/* Bound to the address and a port of the kernel's choice, *port. */
static inline int rig_socket(const struct ip *addr, uint16_t *port)
{
    struct sockaddr_storage name;
    socklen_t n = ip_to_sockaddr(&name, addr, *port);
    int on = 1, size = 4 << 20;
    int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    if (name.ss_family == AF_INET6)
        assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    rig_have_addresses_told(fd, addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, n), 0);
    n = sizeof name;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &n), 0);
    ip_from_sockaddr((struct sockaddr *)&name, port);
    return fd;
}

/* Sends from a local address, which the socket (on a wildcard address) need not be bound to; NULL:
 * the kernel's choice. */
static inline ssize_t rig_send(int fd, const char *from, const struct ip *to, uint16_t port,
                               const void *data, size_t n)
{
    struct sockaddr_storage name;
    union udp_control control = {.b = {0}};
    struct iovec iov = {(void *)(uintptr_t)data, n};
    struct msghdr h = {.msg_name = &name,
                       .msg_namelen = ip_to_sockaddr(&name, to, port),
                       .msg_iov = &iov,
                       .msg_iovlen = 1};
    if (from) {
        struct ip source = rig_ip(from);
        struct in_pktinfo info = {.ipi_ifindex = 0};
        memcpy(&info.ipi_spec_dst, source.b, 4);
        control.align = (struct cmsghdr){
            .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO, .cmsg_len = CMSG_LEN(sizeof info)};
        memcpy(CMSG_DATA(&control.align), &info, sizeof info);
        h.msg_control = &control;
        h.msg_controllen = CMSG_SPACE(sizeof info);
    }
    return sendmsg(fd, &h, 0);
}

/* ---- plans ---- */

static inline void rig_unheld(void *ctx, struct plan *plan)
{
    struct rig *rig = ctx;
    for (uint32_t i = 0; i < plan->config->n_sets; i++)
        for (uint32_t j = 0; j < plan->sets[i].n_members; j++)
            registry_drop_member(rig->registry, plan->sets[i].members[j].member);
    for (uint32_t i = 0; i < plan->config->n_services; i++)
        registry_drop_service(rig->registry, plan->services[i].run);
    arena_free(plan->arena);
    registry_collect(rig->registry);
}

static inline void rig_plan_members(struct rig *rig, struct plan *plan)
{
    struct plan_member *members = arena_calloc(plan->arena, RIG_MEMBERS, sizeof *members);
    struct balance_input inputs[RIG_MEMBERS];
    struct plan_set *set = &plan->sets[0];
    for (uint32_t i = 0; i < RIG_MEMBERS; i++) {
        struct rig_member *m = &rig->members[i];
        char key[32];
        if (!m->present)
            continue;
        snprintf(key, sizeof key, "pool/site/%u", i);
        m->member = registry_member(rig->registry, "echo", key, &m->addr, m->port);
        members[set->n_members] =
            (struct plan_member){m->member, m->weight, m->state, m->member->close_at_ms};
        inputs[set->n_members++] =
            (struct balance_input){m->member, m->state == MEMBER_UP ? m->weight : 0};
    }
    set->members = members;
    set->balance = balance_new(plan->arena, rig->services[0].balance, inputs, set->n_members);
}

/* A plan of what the rig is now, held once. */
static inline struct plan *rig_plan_new(struct rig *rig)
{
    struct arena *arena = arena_new();
    struct plan *plan = arena_calloc(arena, 1, sizeof *plan);
    struct l4_config *config = arena_calloc(arena, 1, sizeof *config);
    *config = (struct l4_config){.services = arena_copy(arena, rig->services, sizeof rig->services),
                                 .n_services = rig->n_services,
                                 .sets = rig->sets,
                                 .n_sets = 1};
    *plan = (struct plan){.arena = arena,
                          .n_holds = 1,
                          .version = ++rig->version,
                          .config = config,
                          .n_workers = 1,
                          .n_sockets = 1,
                          .n_cursors = 1,
                          .n_ports = rig->n_ports,
                          .unheld = rig_unheld,
                          .ctx = rig};
    plan->services = arena_calloc(arena, 2, sizeof *plan->services);
    plan->sets = arena_calloc(arena, 2, sizeof *plan->sets);
    plan->sets[0].config = &rig->sets[0];
    for (uint32_t i = 0; i < rig->n_services; i++)
        plan->services[i] = (struct plan_service){
            .config = &config->services[i],
            .run = registry_service(rig->registry, rig->services[i].name),
            .listeners = arena_copy(arena, rig->fds, sizeof rig->fds),
        };
    for (uint32_t i = 0; i < rig->n_services; i++)
        if (!plan->services[i].run->limits)
            plan->services[i].run->limits = limits_new(1024);
    for (uint32_t i = 0; i < rig->n_services; i++)
        limits_set(plan->services[i].run->limits, &config->services[i]);
    if (rig->n_services)
        rig->run = plan->services[0].run;
    rig_plan_members(rig, plan);
    return plan;
}

/* What the rig is now becomes the worker's plan. */
static inline void rig_follow(struct rig *rig)
{
    struct plan *before = rig->worker.plan;
    rig->worker.plan = rig_plan_new(rig);
    udp_follow(rig->worker.udp, before);
    if (before)
        plan_release(before);
}

/* ---- the loop ---- */

#ifndef RIG_WORKER /* the test has no thread of worker.c's */
int worker_watch(struct worker *worker, int fd, uint32_t events, struct worker_source *source)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event);
}

void worker_unwatch(struct worker *worker, int fd)
{
    epoll_ctl(worker->epoll, EPOLL_CTL_DEL, fd, NULL);
}

void worker_defer(struct worker *worker, struct worker_task *task)
{
    if (task->waits)
        return;
    *task = (struct worker_task){.run = task->run, .next = worker->tasks.first, .waits = true};
    worker->tasks.first = task;
}
#endif

static inline void rig_fire(void *ctx, struct wheel_entry *entry)
{
    ((struct worker_timer *)entry)->fire(ctx, (struct worker_timer *)entry);
}

static inline void rig_turn(struct rig *rig, int wait_ms)
{
    struct worker *worker = &rig->worker;
    struct epoll_event events[128];
    int n = epoll_wait(worker->epoll, events, 128, wait_ms);
    worker->now_ms = (rig->still_ms ? rig->still_ms : clock_mono_ms()) + rig->skew_ms;
    worker->turn++;
    for (int i = 0; i < n; i++) {
        struct worker_source *source = events[i].data.ptr;
        source->ready(worker, source, events[i].events);
    }
    wheel_advance(&worker->wheel, worker->now_ms, rig_fire, worker);
    for (struct worker_task *task = worker->tasks.first, *next; task; task = next) {
        next = task->next;
        worker->tasks.first = next;
        task->waits = false;
        task->run(worker, task);
    }
}

/* Each member answers what has come with the same. */
static inline void rig_echo(struct rig *rig)
{
    static uint8_t data[UDP_MESSAGE_MAX];
    for (uint32_t i = 0; i < RIG_MEMBERS; i++) {
        struct rig_member *m = &rig->members[i];
        struct sockaddr_storage from;
        socklen_t len = sizeof from;
        ssize_t n;
        while (m->fd >= 0 && (n = recvfrom(m->fd, data, sizeof data, MSG_DONTWAIT,
                                           (struct sockaddr *)&from, &len)) >= 0) {
            m->n_got++;
            if (!rig->mute)
                sendto(m->fd, data, (size_t)n, 0, (struct sockaddr *)&from, len);
            len = sizeof from;
        }
    }
}

static inline void rig_run(struct rig *rig, int turns)
{
    for (int i = 0; i < turns; i++) {
        rig_turn(rig, 1);
        rig_echo(rig);
    }
}

/* Turns until a datagram has come to fd. `from` and `to`: where it says it comes from, and the
 * address it came to (of a socket with IP_PKTINFO); may be NULL. */
static inline size_t rig_receive(struct rig *rig, int fd, uint8_t data[UDP_MESSAGE_MAX],
                                 struct ip *from, struct in_addr *to)
{
    int64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
    while (clock_mono_ms() < end_ms) {
        struct sockaddr_storage name;
        union udp_control control;
        struct iovec iov = {data, UDP_MESSAGE_MAX};
        struct msghdr h = {.msg_name = &name,
                           .msg_namelen = sizeof name,
                           .msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof control};
        ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT);
        uint16_t port;
        if (n < 0) {
            rig_turn(rig, 1);
            rig_echo(rig);
            continue;
        }
        if (from)
            *from = ip_from_sockaddr((struct sockaddr *)&name, &port);
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        if (to && c && c->cmsg_type == IP_PKTINFO)
            memcpy(to, CMSG_DATA(c) + offsetof(struct in_pktinfo, ipi_addr), sizeof *to);
        return (size_t)n;
    }
    fail_msg("nothing came");
    return 0;
}

/* A client sends `data` to listener `nth`, and gets it back. */
static inline void rig_ask(struct rig *rig, int fd, uint32_t nth, const char *text)
{
    static uint8_t data[UDP_MESSAGE_MAX];
    const struct l4_listen *l = &rig->listens[nth];
    size_t n = strlen(text);
    assert_int_equal(rig_send(fd, NULL, &l->addr, l->port, text, n), n);
    assert_int_equal(rig_receive(rig, fd, data, NULL, NULL), n);
    assert_memory_equal(data, text, n);
}

/* ---- begin and end ---- */

static inline void rig_failed(void *ctx, struct member *member, bool timed_out)
{
    struct rig *rig = ctx;
    (void)member;
    rig->n_failed++;
    rig->n_timed_out += timed_out;
}

static inline void rig_ended(void *ctx, const struct flow_record *record)
{
    struct rig *rig = ctx;
    rig->n_ended++;
    snprintf(rig->end, sizeof rig->end, "%s", record->end);
}

static inline void rig_member_open(struct rig *rig, uint32_t i, const char *addr)
{
    struct rig_member *m = &rig->members[i];
    *m = (struct rig_member){.present = true, .addr = rig_ip(addr), .weight = 1};
    m->fd = rig_socket(&m->addr, &m->port);
}

static inline void rig_member_close(struct rig *rig, uint32_t i)
{
    if (rig->members[i].fd >= 0)
        close(rig->members[i].fd);
    rig->members[i].fd = -1;
}

/* One service that listens on one address, with n members on 127.0.0.1. */
static inline struct rig *rig_new(const char *listen, uint32_t n)
{
    struct rig *rig = aligned_alloc(alignof(struct rig), sizeof *rig);
    assert_non_null(rig);
    *rig = (struct rig){
        .registry = registry_new(), .n_services = 1, .fds = {-1, -1}, .n_ports = 20000};
    rig->host = (struct worker_host){.ctx = rig, .failed = rig_failed, .ended = rig_ended};
    rig->sets[0] = (struct l4_set){.name = "echo", .pool = UINT32_MAX};
    rig->listens[0].addr = rig_ip(listen);
    rig->fds[0] = rig_socket(&rig->listens[0].addr, &rig->listens[0].port);
    rig->services[0] = (struct l4_service){.name = "echo",
                                           .listens = rig->listens,
                                           .n_listens = 1,
                                           .udp = true,
                                           .balance = L4_MAGLEV,
                                           .idle_timeout_ms = 10000,
                                           .limits.connections = 20000};
    for (uint32_t i = 0; i < RIG_MEMBERS; i++)
        rig->members[i].fd = -1;
    for (uint32_t i = 0; i < n; i++)
        rig_member_open(rig, i, "127.0.0.1");
    struct worker *worker = &rig->worker;
    worker->host = &rig->host;
    worker->now_ms = clock_mono_ms();
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    worker->cursors = xcalloc(1, sizeof *worker->cursors);
    wheel_init(&worker->wheel, worker->now_ms);
    worker->udp = udp_new(worker);
    return rig;
}

/* Ends all, and looks whether anything is left. */
static inline void rig_free(struct rig *rig)
{
    udp_free(rig->worker.udp);
    uint32_t n = 0;
    for (struct member *const *m = registry_members(rig->registry, &n); n > 0; n--, m++)
        assert_int_equal(atomic_load(&(*m)->active), 0);
    if (rig->run) {
        assert_int_equal(atomic_load(&rig->run->active), 0);
        assert_int_equal(limits_open(rig->run->limits), 0);
    }
    if (rig->worker.plan)
        plan_release(rig->worker.plan);
    registry_free(rig->registry);
    for (uint32_t i = 0; i < RIG_MEMBERS; i++)
        rig_member_close(rig, i);
    for (uint32_t i = 0; i < 2; i++)
        if (rig->fds[i] >= 0)
            close(rig->fds[i]);
    close(rig->worker.epoll);
    free(rig->worker.cursors);
    free(rig);
}

static inline uint64_t rig_result(const struct rig *rig, enum service_result result)
{
    return atomic_load(&rig->run->results[result]);
}

/* ---- many clients on one socket ---- */

static inline int clients_open(void)
{
    struct ip any = rig_ip("0.0.0.0");
    uint16_t port = 0;
    return rig_socket(&any, &port);
}

/* Client i is 127.1.X.Y. */
static inline void client_send(struct rig *rig, int fd, uint32_t i)
{
    char from[32];
    const struct l4_listen *l = &rig->listens[0];
    snprintf(from, sizeof from, "127.1.%u.%u", i >> 8 & 255, i & 255);
    assert_int_equal(rig_send(fd, from, &l->addr, l->port, &i, sizeof i), sizeof i);
}

/* Clients first..first+n-1 ask, and each gets its own answer; few at a time, as buffers are small.
 */
static inline void clients_ask(struct rig *rig, int fd, uint32_t first, uint32_t n)
{
    static uint8_t got[UDP_MESSAGE_MAX];
    for (uint32_t i = first; i < first + n; i += 50) {
        uint32_t end = i + 50 < first + n ? i + 50 : first + n;
        for (uint32_t j = i; j < end; j++)
            client_send(rig, fd, j);
        for (uint32_t j = i; j < end; j++) {
            struct in_addr to = {0};
            uint32_t answer;
            assert_int_equal(rig_receive(rig, fd, got, NULL, &to), sizeof answer);
            memcpy(&answer, got, sizeof answer);
            assert_int_equal(ntohl(to.s_addr) & 0xffff, answer);
        }
    }
}

static inline uint32_t count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    uint32_t n = 0;
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* From now on no time goes by but what the test puts the clock forward: what a busy machine takes
 * is none. */
static inline void rig_stand_still(struct rig *rig)
{
    rig->still_ms = rig->worker.now_ms;
}

/* Time goes by without anything to see. */
static inline void pass_ms(struct rig *rig, int64_t ms)
{
    rig_run(rig, 5);
    rig->skew_ms += ms;
    rig_run(rig, 5);
}

/* All flows that are open, up to `max`. */
static inline uint32_t rig_flows(struct rig *rig, struct flow_record *out, uint32_t max)
{
    struct flow_look look = {.out = out, .max = max, .left = UINT32_MAX};
    uint32_t at = 0;
    (void)udp_flows(rig->worker.udp, &look, &at);
    return look.n;
}
