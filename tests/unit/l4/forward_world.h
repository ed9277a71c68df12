/* SPDX-License-Identifier: Apache-2.0
 * A worker with one service on loopback, the plans that it gets, and sockets to play clients and
 * members with. What a test opens is closed by it; world_close() then finds nothing left over. */
#pragma once

#include "base/arena.h"
#include "l4/limits.h"
#include "l4/worker.h"
#include "model/model.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WORLD_SETS 3
#define WORLD_MEMBERS 16
#define WORLD_PLANS 2048
#define WORLD_WAIT_S 60 /* generous: the machine may be busy with something else */

struct world_member {
    uint16_t port;
    uint32_t weight;
    enum member_state state;
};

struct world {
    /* to be changed before world_give() */
    struct l4_service service;
    struct l4_set sets[WORLD_SETS];
    struct world_member members[WORLD_SETS][WORLD_MEMBERS];
    uint32_t n_members[WORLD_SETS], n_sets;
    int listeners[2]; /* -1: not in the plan */
    uint16_t port;    /* of the first */
    struct worker_host host;

    struct worker *worker;
    struct registry *registry;
    struct service_run *run;
    struct plan *plans[WORLD_PLANS];
    uint32_t n_plans;
    _Atomic uint32_t n_unheld, n_failed, n_timed_out, n_ended, n_rtts;
    struct flow_record last; /* that ended */
    char last_end[64];
    unsigned n_fds;
};

/* ---- sockets ---- */

static inline unsigned open_descriptors(void)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static inline void patient(int fd)
{
    struct timeval limit = {.tv_sec = WORLD_WAIT_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

static inline uint16_t port_of(int fd)
{
    struct sockaddr_in at;
    socklen_t n = sizeof at;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    return ntohs(at.sin_port);
}

static inline int bound(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/** Plays a member. */
static inline int listening(int backlog)
{
    int fd = bound();
    assert_int_equal(listen(fd, backlog), 0);
    patient(fd);
    return fd;
}

/** A port that refuses: bound, so that nobody else gets it, and not listening. */
static inline int refusing(void)
{
    return bound();
}

static inline int client_of(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    patient(fd);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static inline int accepted(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    patient(fd);
    return fd;
}

static inline void say(int fd, const void *bytes, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t k = send(fd, (const char *)bytes + at, n - at, MSG_NOSIGNAL);
        assert_true(k > 0);
        at += (size_t)k;
    }
}

/** Exactly these bytes come next. */
static inline void hear(int fd, const void *bytes, size_t n)
{
    char got[4096];
    assert_true(n <= sizeof got);
    for (size_t at = 0; at < n;) {
        ssize_t k = recv(fd, got + at, n - at, 0);
        assert_true(k > 0);
        at += (size_t)k;
    }
    assert_memory_equal(got, bytes, n);
}

#define SAY(fd, text) say(fd, text, sizeof(text) - 1)
#define HEAR(fd, text) hear(fd, text, sizeof(text) - 1)

static inline void hear_end(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

static inline void hear_reset(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
}

/** A client that is reset at once, which connect() itself may tell already. */
static inline void refused_client(int fd, uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    patient(fd);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        hear_reset(fd);
    else
        assert_int_equal(errno, ECONNRESET);
    close(fd);
}

static inline void refused_client_of(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    refused_client(fd, port);
}

static inline void reset(int fd)
{
    struct linger none = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(fd);
}

/* ---- the worker ---- */

static inline void world_posted(struct worker *worker, void *arg)
{
    (void)worker;
    sem_post(arg);
}

/** All that was posted before has been done. */
static inline void world_settle(struct world *w)
{
    sem_t done;
    sem_init(&done, 0, 0);
    worker_post(w->worker, world_posted, &done);
    while (sem_wait(&done) != 0)
        ;
    sem_destroy(&done);
}

static inline int64_t world_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#define WAIT_UNTIL(condition)                                                 \
    for (int64_t until_ = world_now_ms() + WORLD_WAIT_S * 1000; !(condition); \
         nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL))             \
    assert_true(world_now_ms() < until_)

static inline void world_failed(void *ctx, struct member *member, bool timed_out)
{
    struct world *w = ctx;
    (void)member;
    w->n_failed++;
    w->n_timed_out += timed_out;
}

static inline void world_rtt(void *ctx, const struct ip *client, uint32_t rtt_us)
{
    struct world *w = ctx;
    (void)client;
    w->n_rtts += rtt_us > 0;
}

static inline void world_ended(void *ctx, const struct flow_record *record)
{
    struct world *w = ctx;
    w->last = *record;
    snprintf(w->last_end, sizeof w->last_end, "%s", record->end);
    w->n_ended++;
}

static inline void world_unheld(void *ctx, struct plan *plan)
{
    struct world *w = ctx;
    (void)plan;
    w->n_unheld++;
}

static inline int world_listener(void)
{
    int fd = listening(4096);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

/** One service, one set without members; its worker runs and has no plan yet. */
static inline void world_open(struct world *w)
{
    *w = (struct world){.n_sets = 1, .n_fds = open_descriptors()};
    w->service = (struct l4_service){
        .name = "web",
        .n_listens = 1,
        .balance = L4_ROUND_ROBIN,
        .connect_timeout_ms = 30000,
        .connect_retries = 2,
        .idle_timeout_ms = 600000,
        .drain_timeout_ms = 600000,
        .limits.connections = 100000,
    };
    w->sets[0].name = "web";
    w->listeners[0] = world_listener();
    w->listeners[1] = -1;
    w->port = port_of(w->listeners[0]);
    w->registry = registry_new();
    w->run = registry_service(w->registry, "web");
    w->run->limits = limits_new(1024);
    w->host = (struct worker_host){
        .ctx = w, .failed = world_failed, .client_rtt = world_rtt, .ended = world_ended};
    assert_int_equal(worker_start(&w->worker, 0, -1, &w->host), 0);
}

static inline struct ip loopback(void)
{
    return (struct ip){.family = IP_V4, .b = {127, 0, 0, 1}};
}

static inline struct member *world_member(struct world *w, uint32_t set, uint16_t port)
{
    char key[32];
    struct ip addr = loopback();
    snprintf(key, sizeof key, "127.0.0.1:%u", port);
    struct member *m = registry_member(w->registry, w->sets[set].name, key, &addr, port);
    registry_drop_member(w->registry, m); /* the registry is freed as a whole */
    return m;
}

static inline void world_fill_set(struct world *w, struct plan *plan, uint32_t nth)
{
    uint32_t n = w->n_members[nth];
    struct plan_member *members = arena_calloc(plan->arena, n, sizeof *members);
    struct balance_input *inputs = arena_calloc(plan->arena, n, sizeof *inputs);
    for (uint32_t i = 0; i < n; i++) {
        const struct world_member *m = &w->members[nth][i];
        struct member *member = world_member(w, nth, m->port);
        members[i] = (struct plan_member){member, m->weight, m->state, member->close_at_ms};
        inputs[i].member = members[i].member;
        inputs[i].weight = m->state == MEMBER_UP ? m->weight : 0;
    }
    plan->sets[nth] = (struct plan_set){
        .config = &plan->config->sets[nth],
        .members = members,
        .n_members = n,
        .balance = balance_new(plan->arena, w->service.balance, inputs, n),
        .cursor = nth,
    };
}

/** Gives the worker a plan of what `w` says now. Returns at once. */
static inline void world_give(struct world *w)
{
    struct arena *arena = arena_new();
    struct plan *plan = arena_calloc(arena, 1, sizeof *plan);
    struct l4_config *config = arena_calloc(arena, 1, sizeof *config);
    struct l4_listen *listens = arena_calloc(arena, 2, sizeof *listens);
    struct l4_service *service = arena_calloc(arena, 1, sizeof *service);
    int *listeners = arena_calloc(arena, 2, sizeof *listeners);
    struct plan_service *services = arena_calloc(arena, 1, sizeof *services);
    *service = w->service;
    memcpy(listeners, w->listeners, sizeof w->listeners);
    service->listens = listens;
    service->n_listens = w->listeners[1] >= 0 ? 2 : 1;
    services[0] = (struct plan_service){service, w->run, listeners};
    *config = (struct l4_config){
        .services = service,
        .n_services = 1,
        .sets = memcpy(arena_calloc(arena, WORLD_SETS, sizeof w->sets[0]), w->sets, sizeof w->sets),
        .n_sets = w->n_sets,
    };
    *plan = (struct plan){
        .arena = arena,
        .n_holds = 1,
        .version = w->n_plans + 1,
        .config = config,
        .services = services,
        .sets = arena_calloc(arena, w->n_sets, sizeof *plan->sets),
        .n_workers = 1,
        .n_sockets = 1,
        .n_cursors = w->n_sets,
        .unheld = world_unheld,
        .ctx = w,
    };
    for (uint32_t i = 0; i < w->n_sets; i++)
        world_fill_set(w, plan, i);
    limits_set(w->run->limits, service);
    assert_true(w->n_plans < WORLD_PLANS);
    w->plans[w->n_plans++] = plan;
    worker_give(w->worker, plan);
}

static inline struct world_member up(uint16_t port)
{
    return (struct world_member){port, 1, MEMBER_UP};
}

/** The set has these members from now on. */
#define WORLD_MEMBERS_ARE(w, ...)                                             \
    do {                                                                      \
        const struct world_member members_[] = {__VA_ARGS__};                 \
        (w)->n_members[0] = (uint32_t)(sizeof members_ / sizeof members_[0]); \
        memcpy((w)->members[0], members_, sizeof members_);                   \
        world_give(w);                                                        \
        world_settle(w);                                                      \
    } while (0)

static inline uint64_t world_result(struct world *w, enum service_result result)
{
    return atomic_load(&w->run->results[result]);
}

/** Stops the worker; nothing is left that it had. */
static inline void world_close(struct world *w)
{
    uint32_t n;
    worker_stop(w->worker);
    assert_int_equal(w->n_unheld, w->n_plans);
    assert_int_equal(atomic_load(&w->run->active), 0);
    assert_int_equal(limits_open(w->run->limits), 0);
    struct member *const *members = registry_members(w->registry, &n);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(atomic_load(&members[i]->active), 0);
    registry_free(w->registry);
    for (uint32_t i = 0; i < w->n_plans; i++)
        arena_free(w->plans[i]->arena);
    for (unsigned i = 0; i < 2; i++)
        if (w->listeners[i] >= 0)
            close(w->listeners[i]);
    assert_int_equal(open_descriptors(), w->n_fds);
}
