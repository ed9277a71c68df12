/* SPDX-License-Identifier: Apache-2.0
 * One line in, one line out, and closed. What was sent with the connection, as HAProxy does it, is
 * answered without the loop seeing the connection at all. */
#include "tier/agent.h"

#include "base/clock.h"
#include "base/vec.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 64 /* so that other work of the thread has its turn */
#define PAUSE_MS 200      /* when no descriptor is left */

/** Somebody who has not sent his line yet. */
struct client {
    uv_poll_t poll;
    struct listener *listener; /* NULL: it closes */
    struct client *next;       /* the next longest; or the next free one */
    int64_t until_ms;
    int fd;
    uint32_t n;
    uint8_t line[AGENT_LINE_MAX];
};

struct listener {
    uv_poll_t poll;
    struct agents *agents;
    struct listener *next;
    int fd;
    VEC(const struct agent_tier *) tiers;
};

struct agents {
    struct drive *drive;
    struct listener *listeners;
    struct client *waiting, **waiting_end; /* longest first; all wait alike long */
    struct client *free;
    uint32_t n_waiting;
    uv_timer_t timer;
    bool is_paused;
    unsigned n_handles; /* that are not closed */
    bool is_freed;
};

static void on_accept(uv_poll_t *poll, int status, int events);
static void on_timer(uv_timer_t *timer);

struct agents *agents_new(struct drive *drive)
{
    struct agents *agents = xcalloc(1, sizeof *agents);
    agents->drive = drive;
    agents->waiting_end = &agents->waiting;
    uv_timer_init(drive_loop(drive), &agents->timer);
    agents->timer.data = agents;
    agents->n_handles = 1;
    return agents;
}

/** One handle is closed: the last one takes all with it. */
static void handle_closed(struct agents *agents)
{
    if (--agents->n_handles > 0 || !agents->is_freed)
        return;
    for (struct client *client = agents->free, *next; client; client = next) {
        next = client->next;
        free(client);
    }
    free(agents);
}

static void timer_set(struct agents *agents)
{
    int64_t now = clock_mono_ms(), until = INT64_MAX;
    if (agents->waiting)
        until = agents->waiting->until_ms;
    if (agents->is_paused && until > now + PAUSE_MS)
        until = now + PAUSE_MS;
    if (until == INT64_MAX)
        uv_timer_stop(&agents->timer);
    else
        uv_timer_start(&agents->timer, on_timer, until > now ? (uint64_t)(until - now) : 0, 0);
}

static void on_client_closed(uv_handle_t *handle)
{
    struct client *client = (struct client *)handle;
    struct agents *agents = client->poll.data;
    client->next = agents->free;
    agents->free = client;
    handle_closed(agents);
}

static void client_close(struct agents *agents, struct client *client)
{
    struct client **at = &agents->waiting;
    while (*at != client)
        at = &(*at)->next;
    *at = client->next;
    if (!client->next)
        agents->waiting_end = at;
    agents->n_waiting--;
    client->listener = NULL;
    uv_poll_stop(&client->poll);
    close(client->fd);
    uv_close((uv_handle_t *)&client->poll, on_client_closed);
}

/** Answers a line; what does not get an answer learns nothing from it. */
static void answer(struct listener *listener, int fd, struct slice line)
{
    struct slice name, member;
    char out[AGENT_LINE_MAX];
    if (!agent_request_read(line, &name, &member))
        return;
    for (size_t i = 0; i < listener->tiers.n; i++) {
        const struct agent_tier *tier = listener->tiers.v[i];
        if (!slice_equal(slice_str(tier->name), name))
            continue;
        size_t n = tier->answer(tier->ctx, out, member);
        if (n > 0 && send(fd, out, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            return; /* gone, or does not read: neither is ours to mend */
        return;
    }
}

/** Reads what is there. Returns whether it is over with this client. */
static bool take(struct listener *listener, int fd, uint8_t line[AGENT_LINE_MAX], uint32_t *n)
{
    ssize_t got = recv(fd, line + *n, AGENT_LINE_MAX - *n, MSG_DONTWAIT);
    if (got < 0)
        return errno != EAGAIN && errno != EINTR;
    if (got == 0)
        return true;
    const uint8_t *end = memchr(line + *n, '\n', (size_t)got);
    *n += (uint32_t)got;
    if (end)
        answer(listener, fd, slice_of(line, (size_t)(end - line)));
    return end || *n == AGENT_LINE_MAX;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct client *client = (struct client *)poll;
    (void)events;
    if (status < 0 || take(client->listener, client->fd, client->line, &client->n))
        client_close(client->poll.data, client);
}

static void on_timer(uv_timer_t *timer)
{
    struct agents *agents = timer->data;
    int64_t now = clock_mono_ms();
    while (agents->waiting && agents->waiting->until_ms <= now)
        client_close(agents, agents->waiting);
    if (agents->is_paused) {
        agents->is_paused = false;
        for (struct listener *listener = agents->listeners; listener; listener = listener->next)
            uv_poll_start(&listener->poll, UV_READABLE, on_accept);
    }
    timer_set(agents);
}

static void client_wait(struct listener *listener, int fd, const uint8_t *line, uint32_t n)
{
    struct agents *agents = listener->agents;
    if (agents->n_waiting == AGENT_WAITING_MAX)
        client_close(agents, agents->waiting);
    struct client *client = agents->free;
    if (client)
        agents->free = client->next;
    else
        client = xcalloc(1, sizeof *client);
    if (uv_poll_init(drive_loop(agents->drive), &client->poll, fd) != 0) {
        client->next = agents->free;
        agents->free = client;
        close(fd);
        return;
    }
    agents->n_handles++;
    client->poll.data = agents;
    client->listener = listener;
    client->fd = fd;
    client->n = n;
    memcpy(client->line, line, n);
    client->until_ms = clock_mono_ms() + AGENT_BUDGET_MS;
    client->next = NULL;
    *agents->waiting_end = client;
    agents->waiting_end = &client->next;
    if (agents->n_waiting++ == 0)
        timer_set(agents);
    uv_poll_start(&client->poll, UV_READABLE, on_readable);
}

/** No descriptor is left: those who wait make room; without any, listening pauses rather than
 *  spins, and the kernel keeps who comes meanwhile. */
static void make_room(struct agents *agents)
{
    if (agents->waiting) {
        client_close(agents, agents->waiting);
        return;
    }
    agents->is_paused = true;
    for (struct listener *listener = agents->listeners; listener; listener = listener->next)
        uv_poll_stop(&listener->poll);
    timer_set(agents);
}

static void on_accept(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = poll->data;
    uint8_t line[AGENT_LINE_MAX];
    (void)events;
    if (status < 0)
        return;
    for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == ECONNABORTED || errno == EINTR)
                continue;
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                make_room(listener->agents);
            return;
        }
        uint32_t n = 0;
        if (take(listener, fd, line, &n))
            close(fd);
        else
            client_wait(listener, fd, line, n);
    }
}

static struct listener *find(struct agents *agents, int fd)
{
    struct listener *listener = agents->listeners;
    while (listener && listener->fd != fd)
        listener = listener->next;
    return listener;
}

int agents_join(struct agents *agents, int fd, const struct agent_tier *tier)
{
    struct listener *listener = find(agents, fd);
    if (!listener) {
        listener = xcalloc(1, sizeof *listener);
        int code = uv_poll_init(drive_loop(agents->drive), &listener->poll, fd);
        if (code != 0) {
            free(listener);
            errno = -code;
            return E_SYSTEM;
        }
        agents->n_handles++;
        listener->poll.data = listener;
        listener->agents = agents;
        listener->fd = fd;
        listener->next = agents->listeners;
        agents->listeners = listener;
        if (!agents->is_paused)
            uv_poll_start(&listener->poll, UV_READABLE, on_accept);
    }
    *vec_push(&listener->tiers) = tier;
    return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    struct agents *agents = listener->agents;
    vec_free(&listener->tiers);
    free(listener);
    handle_closed(agents);
}

void agents_leave(struct agents *agents, int fd, const struct agent_tier *tier)
{
    struct listener **at = &agents->listeners;
    while (*at && (*at)->fd != fd)
        at = &(*at)->next;
    struct listener *listener = *at;
    if (!listener)
        return;
    size_t n = 0;
    for (size_t i = 0; i < listener->tiers.n; i++) {
        if (listener->tiers.v[i] != tier)
            listener->tiers.v[n++] = listener->tiers.v[i];
    }
    listener->tiers.n = n;
    if (n > 0)
        return;
    for (struct client *client = agents->waiting, *next; client; client = next) {
        next = client->next;
        if (client->listener == listener)
            client_close(agents, client);
    }
    *at = listener->next;
    uv_poll_stop(&listener->poll);
    uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
}

static void on_timer_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

void agents_free(struct agents *agents)
{
    if (!agents)
        return;
    agents->is_freed = true;
    uv_close((uv_handle_t *)&agents->timer, on_timer_closed);
}
