/* SPDX-License-Identifier: Apache-2.0
 * Listeners. They are watched level-triggered: what one batch leaves is there in the next turn,
 * after everybody else's.
 *
 * A batch is one connection, and twice as much as the last one where there was a last one in the
 * turn before: so accept() is not called in vain (which costs as much as a small read) while they
 * come one by one, nor the whole loop for each when they come in crowds. */
#include "l4/tcp_internal.h"

#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>

#define BATCH_MAX 32
#define PAUSE_MS 50

static uint32_t listen_events(const struct tcp *tcp)
{
    return tcp->paused ? 0 : EPOLLIN;
}

void tcp_pause(struct tcp *tcp)
{
    if (tcp->paused)
        return;
    tcp->paused = true;
    tcp_spares_close(tcp);
    for (size_t i = 0; i < tcp->listeners.n; i++)
        worker_rewatch(tcp->worker, tcp->listeners.v[i]->fd, 0, &tcp->listeners.v[i]->source);
    worker_after(tcp->worker, &tcp->pause, PAUSE_MS);
}

void tcp_pause_ended(struct worker *worker, struct worker_timer *timer)
{
    (void)timer;
    struct tcp *tcp = worker->tcp;
    tcp->paused = false;
    for (size_t i = 0; i < tcp->listeners.n; i++)
        worker_rewatch(worker, tcp->listeners.v[i]->fd, EPOLLIN, &tcp->listeners.v[i]->source);
    if (!tcp->draining)
        tcp_listeners_follow(tcp); /* for one that could not be watched */
}

/* ---- accepting ---- */

static bool is_want_of_ours(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* One connection; false when there is none, or none can be had now. */
static bool accept_one(struct tcp *tcp, const struct tcp_listener *listener)
{
    struct sockaddr_storage from;
    socklen_t n = sizeof from;
    int fd = accept4(listener->fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        tcp_begin(tcp, listener->service, fd, &from);
        return true;
    }
    if (is_want_of_ours(errno)) {
        struct service_run *run = tcp->worker->plan->services[listener->service].run;
        atomic_fetch_add_explicit(&run->results[SERVICE_NO_ROOM], 1, memory_order_relaxed);
        tcp_pause(tcp);
        return false;
    }
    return errno != EAGAIN && errno != EINVAL; /* else it is one connection's error (accept(2)) */
}

static void on_listener(struct worker *worker, struct worker_source *source, uint32_t events)
{
    struct tcp_listener *listener = (struct tcp_listener *)source;
    struct tcp *tcp = worker->tcp;
    (void)events;
    if (listener->fd < 0 || tcp->paused)
        return;
    bool again = listener->turn + 1 == worker->turn;
    listener->batch = !again                            ? 1
                      : listener->batch < BATCH_MAX / 2 ? listener->batch * 2
                                                        : BATCH_MAX;
    listener->turn = worker->turn;
    for (uint32_t i = 0; i < listener->batch; i++)
        if (!accept_one(tcp, listener) || tcp->paused)
            break;
}

/* ---- which there are ---- */

static void free_listener(struct worker *worker, struct worker_task *task)
{
    (void)worker;
    free((char *)task - offsetof(struct tcp_listener, task));
}

/* Events of this turn may still point to it. */
static void unwatch(struct tcp *tcp, struct tcp_listener *listener)
{
    worker_unwatch(tcp->worker, listener->fd);
    listener->fd = -1;
    listener->task.run = free_listener;
    worker_defer(tcp->worker, &listener->task);
}

static int by_fd(const void *a, const void *b)
{
    const struct tcp_listener *x = *(struct tcp_listener *const *)a;
    const struct tcp_listener *y = *(struct tcp_listener *const *)b;
    return (x->fd > y->fd) - (x->fd < y->fd);
}

/* Among the first n, which are in order. */
static struct tcp_listener *find(const struct tcp *tcp, size_t n, int fd)
{
    const struct tcp_listener key = {.fd = fd}, *p = &key;
    struct tcp_listener **found =
        n ? bsearch(&p, tcp->listeners.v, n, sizeof(struct tcp_listener *), by_fd) : NULL;
    return found ? *found : NULL;
}

/* NULL: it cannot be watched now (epoll_ctl(2), ENOSPC, ENOMEM), and will be tried after a pause.
 */
static struct tcp_listener *listener_new(struct tcp *tcp, int fd)
{
    struct tcp_listener *listener = xcalloc(1, sizeof *listener);
    listener->source.ready = on_listener;
    listener->fd = fd;
    if (worker_watch(tcp->worker, fd, listen_events(tcp), &listener->source) != 0) {
        free(listener);
        tcp_pause(tcp);
        return NULL;
    }
    *vec_push(&tcp->listeners) = listener;
    return listener;
}

#define UNWANTED UINT32_MAX
#define REST_MAX 4096 /* as many as the kernel queues by default (listen(2), somaxconn) */

/* n_known: of those that there were before. */
static void follow_service(struct tcp *tcp, uint32_t nth, size_t n_known)
{
    const struct plan *plan = tcp->worker->plan;
    const struct plan_service *service = &plan->services[nth];
    if (service->config->udp || tcp->worker->nth >= plan->n_workers)
        return;
    for (uint32_t i = 0; i < service->config->n_listens; i++)
        for (uint32_t k = tcp->worker->nth; k < plan->n_sockets; k += plan->n_workers) {
            int fd = service->listeners[(size_t)i * plan->n_sockets + k];
            struct tcp_listener *listener = fd >= 0 ? find(tcp, n_known, fd) : NULL;
            if (fd >= 0 && !listener)
                listener = listener_new(tcp, fd);
            if (listener)
                listener->service = nth;
        }
}

/* The kernel would reset what it has accepted and we have not, when the listener is shut or closed:
 * it is taken before, also in a pause, as there is no later. Between the last one and shutdown()
 * nothing else is done: what comes in that moment only is lost. */
static void take_rest(struct tcp *tcp, const struct tcp_listener *listener)
{
    for (unsigned i = 0; listener->service != UNWANTED && i < REST_MAX; i++)
        if (!accept_one(tcp, listener))
            break;
    shutdown(listener->fd, SHUT_RD);
}

/* The service may go on elsewhere. */
static void find_service(const struct tcp *tcp, struct tcp_listener *listener)
{
    const struct plan *plan = tcp->worker->plan;
    for (uint32_t i = 0; i < plan->config->n_services; i++)
        if (plan->services[i].run == listener->run)
            listener->service = i;
}

static void drop_unwanted(struct tcp *tcp)
{
    size_t kept = 0;
    for (size_t i = 0; i < tcp->listeners.n; i++) {
        struct tcp_listener *listener = tcp->listeners.v[i];
        if (listener->service != UNWANTED) {
            listener->run = tcp->worker->plan->services[listener->service].run;
            tcp->listeners.v[kept++] = listener;
        } else {
            find_service(tcp, listener);
            take_rest(tcp, listener);
            unwatch(tcp, listener);
        }
    }
    tcp->listeners.n = kept;
}

void tcp_listeners_follow(struct tcp *tcp)
{
    for (size_t i = 0; i < tcp->listeners.n; i++)
        tcp->listeners.v[i]->service = UNWANTED;
    size_t n_known = tcp->listeners.n;
    for (uint32_t i = 0; i < tcp->worker->plan->config->n_services; i++)
        follow_service(tcp, i, n_known);
    drop_unwanted(tcp);
    if (tcp->listeners.n)
        qsort(tcp->listeners.v, tcp->listeners.n, sizeof(struct tcp_listener *), by_fd);
}

void tcp_listeners_refuse(struct tcp *tcp)
{
    for (size_t i = 0; i < tcp->listeners.n; i++)
        take_rest(tcp, tcp->listeners.v[i]);
}

void tcp_listeners_stop(struct tcp *tcp)
{
    for (size_t i = 0; i < tcp->listeners.n; i++)
        unwatch(tcp, tcp->listeners.v[i]);
    tcp->listeners.n = 0;
}
