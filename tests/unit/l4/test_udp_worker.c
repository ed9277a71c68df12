/* SPDX-License-Identifier: Apache-2.0
 * Flows on the threads that they run on: two workers on one address, clients and members on threads
 * of their own, and plans that change under them. Connections are stand-ins. */
#define RIG_WORKER
#include "udp_rig.h"

#include <pthread.h>

#define WORKERS 2
#define CLIENTS 2
#define FLOWS 60 /* of a client */

/* ---- stand-ins ---- */

struct tcp *tcp_new(struct worker *worker)
{
    return (struct tcp *)worker;
}

void tcp_follow(struct tcp *tcp, struct plan *before)
{
    (void)tcp, (void)before;
}

void tcp_drain(struct tcp *tcp, int64_t close_at_ms, bool passed)
{
    (void)tcp, (void)close_at_ms, (void)passed;
}

void tcp_undrain(struct tcp *tcp)
{
    (void)tcp;
}

bool tcp_flows(struct tcp *tcp, struct flow_look *look, uint32_t *at)
{
    (void)tcp, (void)look, (void)at;
    return false;
}

void tcp_free(struct tcp *tcp)
{
    (void)tcp;
}

/* ---- the world ---- */

struct world {
    struct rig *rig;
    struct worker *workers[WORKERS];
    int fds[WORKERS];
    struct worker_host host;
    atomic_bool stop, members_stop;
    pthread_mutex_t lock;
    struct plan *retired[4096];
    uint32_t n_retired;
    _Atomic uint32_t n_asked, n_lost;
};

static struct world world;

/** On a worker's thread: the main thread will see to it. */
static void retire(void *ctx, struct plan *plan)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->retired[w->n_retired++] = plan;
    pthread_mutex_unlock(&w->lock);
}

static void reap(struct world *w)
{
    pthread_mutex_lock(&w->lock);
    while (w->n_retired)
        rig_unheld(w->rig, w->retired[--w->n_retired]);
    pthread_mutex_unlock(&w->lock);
}

/** What the rig is now becomes the plan of all workers. */
static void give(struct world *w)
{
    struct plan *plan = rig_plan_new(w->rig);
    plan->n_workers = WORKERS;
    plan->n_sockets = WORKERS;
    plan->services[0].listeners = arena_copy(plan->arena, w->fds, sizeof w->fds);
    plan->unheld = retire;
    plan->ctx = w;
    for (unsigned i = 0; i < WORKERS; i++)
        worker_give(w->workers[i], plan_hold(plan));
    plan_release(plan);
    reap(w);
}

static void *run_members(void *arg)
{
    struct world *w = arg;
    struct pollfd fds[RIG_MEMBERS];
    uint8_t data[2048];
    for (unsigned i = 0; i < RIG_MEMBERS; i++)
        fds[i] = (struct pollfd){.fd = w->rig->members[i].fd, .events = POLLIN};
    while (!atomic_load(&w->members_stop)) {
        poll(fds, RIG_MEMBERS, 20);
        for (unsigned i = 0; i < RIG_MEMBERS; i++) {
            struct sockaddr_storage from;
            socklen_t len = sizeof from;
            ssize_t n = fds[i].revents ? recvfrom(fds[i].fd, data, sizeof data, MSG_DONTWAIT,
                                                  (struct sockaddr *)&from, &len)
                                       : -1;
            if (n >= 0)
                sendto(fds[i].fd, data, (size_t)n, 0, (struct sockaddr *)&from, len);
        }
    }
    return NULL;
}

/** Asks on one flow after the other, and waits for each answer. */
static void *run_client(void *arg)
{
    struct world *w = arg;
    const struct l4_listen *l = &w->rig->listens[0];
    int fds[FLOWS];
    struct ip addr = rig_ip("127.0.0.1");
    for (unsigned i = 0; i < FLOWS; i++) {
        uint16_t port = 0;
        fds[i] = rig_socket(&addr, &port);
    }
    for (uint32_t i = 0; !atomic_load(&w->stop); i++) {
        int fd = fds[i % FLOWS];
        uint32_t got = 0;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        rig_send(fd, NULL, &l->addr, l->port, &i, sizeof i);
        if (poll(&p, 1, RIG_WAIT_MS) != 1 || recv(fd, &got, sizeof got, 0) != sizeof got ||
            got != i)
            atomic_fetch_add(&w->n_lost, 1);
        atomic_fetch_add(&w->n_asked, 1);
    }
    for (unsigned i = 0; i < FLOWS; i++)
        close(fds[i]);
    return NULL;
}

static void world_init(struct world *w)
{
    int on = 1;
    *w = (struct world){.rig = rig_new("127.0.0.1", 6)};
    pthread_mutex_init(&w->lock, NULL);
    /* The members' threads read these, so all are open from the start. */
    close(w->rig->fds[0]);
    w->rig->fds[0] = -1;
    w->rig->listens[0].port = 0;
    for (unsigned i = 0; i < WORKERS; i++) {
        struct sockaddr_storage name;
        socklen_t len = ip_to_sockaddr(&name, &w->rig->listens[0].addr, w->rig->listens[0].port);
        w->fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_int_equal(setsockopt(w->fds[i], SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
        assert_int_equal(bind(w->fds[i], (struct sockaddr *)&name, len), 0);
        assert_int_equal(getsockname(w->fds[i], (struct sockaddr *)&name, &len), 0);
        ip_from_sockaddr((struct sockaddr *)&name, &w->rig->listens[0].port);
        assert_int_equal(worker_start(&w->workers[i], i, -1, &w->host), 0);
    }
    w->host.failed = rig_failed;
    w->host.ctx = w->rig;
}

static void world_free(struct world *w)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        worker_stop(w->workers[i]);
        close(w->fds[i]);
    }
    assert_int_equal(w->rig->n_failed, 0);
    assert_int_equal(limits_open(w->rig->run->limits), 0);
    w->rig->run = NULL; /* goes with the last plan */
    reap(w);
    rig_free(w->rig);
}

/** One member of six, the last two of which come and go, drain and are back. */
static void change(struct rig *rig, uint32_t step)
{
    struct rig_member *m = &rig->members[4 + step % 2];
    m->present = step % 6 > 1;
    m->state = step % 4 > 1 ? MEMBER_DRAIN : MEMBER_UP;
    m->weight = 1 + step % 3;
}

static void test_changes_under_load(void **state)
{
    (void)state;
    struct world *w = &world;
    pthread_t members, clients[CLIENTS];
    uint32_t before = count_fds();
    world_init(w);
    give(w);
    pthread_create(&members, NULL, run_members, w);
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_create(&clients[i], NULL, run_client, w);
    for (uint32_t step = 0; step < 300 || atomic_load(&w->n_asked) < 1000; step++) {
        change(w->rig, step);
        give(w);
        usleep(2000);
    }
    atomic_store(&w->stop, true);
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    atomic_store(&w->members_stop, true);
    pthread_join(members, NULL);
    assert_int_equal(atomic_load(&w->n_lost), 0);
    assert_int_equal(atomic_load(&w->rig->run->active), CLIENTS * FLOWS);
    assert_int_equal(atomic_load(&w->rig->run->results[SERVICE_OK]), CLIENTS * FLOWS);
    for (unsigned i = 0; i < WORKERS; i++)
        worker_drain(w->workers[i], 0, false);
    for (int i = 0; i < RIG_WAIT_MS && atomic_load(&w->rig->run->active); i++)
        usleep(1000);
    assert_int_equal(atomic_load(&w->rig->run->active), 0);
    world_free(w);
    assert_int_equal(count_fds(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_under_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
