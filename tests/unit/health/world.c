/* SPDX-License-Identifier: Apache-2.0
 * What tests of the checker share. */
#include "world.h"

#include "settable_clock.h"

#include "config/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_MAX_MS 60000 /* real ones, that no working machine takes */

/* ---- the checker ---- */

static void write_file(const struct world *w, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

void world_open(struct world *w)
{
    char path[128];
    memset(w, 0, sizeof *w);
    signal(SIGPIPE, SIG_IGN);
    /* In memory where there is such a place: what is saved is synced each time. */
    strcpy(w->dir, access("/dev/shm", W_OK) ? "/tmp/health-XXXXXX" : "/dev/shm/health-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(path, sizeof path, "%s/zones", w->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(w, "zones/example.com.yaml",
               "zone: example.com\nsoa: {mname: ns1, rname: hostmaster, minimum: 60s}\n"
               "records: {\"@\": {NS: [ns1]}, ns1: {A: 192.0.2.53}}\n");
    assert_int_equal(uv_loop_init(&w->loop), 0);
    diags_init(&w->diags);
}

ATTR_PRINTF(3, 0)
static struct model *load(struct world *w, const char *server, const char *fmt, va_list args)
{
    static char text[1 << 17];
    char path[128];
    struct model *model = NULL;
    snprintf(text, sizeof text,
             "server:\n  listen: [\"127.0.0.1:5399\"]\n  state_dir: state\n%s\npools: pools.yaml\n"
             "zones: zones/\n",
             server ? server : "");
    write_file(w, "loadstar.yaml", text);
    vsnprintf(text, sizeof text, fmt, args);
    write_file(w, "pools.yaml", text);
    snprintf(path, sizeof path, "%s/loadstar.yaml", w->dir);
    if (config_load(&model, path, &w->diags)) {
        diags_print(&w->diags, stderr);
        fail_msg("the test's configuration is wrong");
    }
    return model;
}

/* As generation_load() does. */
static void load_credentials(struct world *w, const struct model *model)
{
    struct credentials *before = w->credentials;
    w->credentials = NULL;
    if (!w->without_credentials && credentials_load(&w->credentials, model, before, &w->diags)) {
        diags_print(&w->diags, stderr);
        fail_msg("the test's files are wrong");
    }
    credentials_free(before);
}

void world_configure(struct world *w, const char *server, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    w->model = load(w, server, fmt, args);
    va_end(args);
    load_credentials(w, w->model);
}

static void on_wake(void *ctx, struct subscription *subscription)
{
    struct world *w = ctx;
    assert_true(subscription_pending(subscription));
    struct changes changes = subscription_take(subscription);
    assert_true(changes.everything ? changes.n == w->model->n_endpoints : changes.n > 0);
    for (uint32_t i = 0; i < changes.n; i++)
        assert_true(changes.endpoints[i] < w->model->n_endpoints);
    w->n_changed_calls += !changes.everything;
}

static void on_event(void *ctx, const struct health_event *event)
{
    struct world *w = ctx;
    struct told *t = vec_push(&w->events);
    t->endpoint = event->endpoint;
    snprintf(t->from, sizeof t->from, "%s", event->from);
    snprintf(t->to, sizeof t->to, "%s", event->to);
    snprintf(t->reason, sizeof t->reason, "%s", event->reason);
}

void world_start(struct world *w)
{
    const struct checker_callbacks callbacks = {w, on_event};
    const struct subscriber subscriber = {.name = "world", .ctx = w, .wake = on_wake};
    assert_int_equal(
        checker_start(&w->checker, &w->loop, w->model, w->credentials, &callbacks, &w->diags), 0);
    (void)subscription_take(checker_subscribe(w->checker, &subscriber));
}

void world_move(struct world *w, struct model *next)
{
    struct model *before = w->model;
    struct succession *s =
        succession_new(next, w->credentials, before, checker_present(w->checker));
    while (!succession_step(w->checker, s, 0)) /* the smallest slices there are */
        ;
    w->model = next;
    succession_finish(w->checker, s);
    if (w->moved)
        w->moved(w->moved_ctx);
    model_free(before);
    assert_true(succession_clear(w->checker, s, INT64_MAX));
    succession_free(s);
}

struct model *world_load(struct world *w, const char *server, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct model *model = load(w, server, fmt, args);
    va_end(args);
    return model;
}

void world_reload(struct world *w, const char *server, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct model *next = load(w, server, fmt, args);
    va_end(args);
    load_credentials(w, next);
    world_move(w, next);
}

static void on_stopped(void *ctx)
{
    ((struct world *)ctx)->stopped = true;
}

static bool is_stopped(struct world *w, void *arg)
{
    (void)arg;
    return w->stopped;
}

void world_stop(struct world *w)
{
    w->stopped = false;
    checker_stop(w->checker, on_stopped, w);
    assert_true(world_wait(w, is_stopped, NULL));
    w->checker = NULL;
    credentials_free(w->credentials);
    model_free(w->model);
    w->model = NULL;
    w->credentials = NULL;
}

void world_close(struct world *w)
{
    char command[128];
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    vec_free(&w->events);
    diags_free(&w->diags);
    snprintf(command, sizeof command, "rm -rf %s", w->dir);
    assert_int_equal(system(command), 0);
}

/* Until the loop has nothing to do at this time of the clock. */
static void settle(struct world *w)
{
    struct pollfd ready = {.fd = uv_backend_fd(&w->loop), .events = POLLIN};
    do {
        w->n_turns++;
        uv_run(&w->loop, UV_RUN_NOWAIT);
    } while ((uv_loop_alive(&w->loop) && uv_backend_timeout(&w->loop) == 0) ||
             poll(&ready, 1, 0) > 0);
}

bool world_run(struct world *w, int ms, world_until *until, void *arg)
{
    for (int left_ms = ms;;) {
        settle(w);
        if (until && until(w, arg))
            return true;
        if (left_ms <= 0)
            return false;
        int next_ms = uv_backend_timeout(&w->loop);
        int step_ms = next_ms < 0 || next_ms > left_ms ? left_ms : next_ms;
        settable_clock_advance_ms(step_ms);
        left_ms -= step_ms;
    }
}

bool world_wait(struct world *w, world_until *until, void *arg)
{
    struct pollfd ready = {.fd = uv_backend_fd(&w->loop), .events = POLLIN};
    int64_t end_ms = settable_clock_real_ms() + WAIT_MAX_MS;
    for (;;) {
        settle(w);
        if (until(w, arg))
            return true;
        if (settable_clock_real_ms() > end_ms)
            return false;
        poll(&ready, 1, 10);
    }
}

bool world_is_ready(struct world *w, void *arg)
{
    (void)arg;
    return checker_ready(w->checker);
}

bool world_all_tried(struct world *w, void *arg)
{
    (void)arg;
    struct probe_info info[512];
    uint32_t n = checker_probes(w->checker, info, ARRAY_LEN(info));
    assert_true(checker_summary(w->checker).n_probes <= ARRAY_LEN(info));
    for (uint32_t i = 0; i < n; i++)
        if (w->model->checks[info[i].check].type != CHECK_POOL &&
            info[i].n_ok + info[i].n_failed + info[i].n_untried == 0)
            return false;
    return true;
}

const struct endpoint_state *world_state(struct world *w, uint32_t endpoint)
{
    return &checker_states(w->checker)[endpoint];
}

struct wanted {
    uint32_t endpoint;
    enum health health;
};

static bool has_health(struct world *w, void *arg)
{
    const struct wanted *wanted = arg;
    return world_state(w, wanted->endpoint)->health == wanted->health;
}

struct ordering {
    int code;
    bool done;
};

static void on_ordered(void *arg, const struct order_result *result)
{
    struct ordering *o = arg;
    *o = (struct ordering){result->code, true};
}

static bool is_ordered(struct world *w, void *arg)
{
    (void)w;
    return ((struct ordering *)arg)->done;
}

int world_order(struct world *w, const char *target, const struct order_words *words)
{
    struct ordering o = {0, false};
    checker_order(w->checker, target, words, on_ordered, &o);
    assert_true(o.done || world_wait(w, is_ordered, &o));
    return o.code;
}

int world_set(struct world *w, const char *target, enum override override, int64_t for_ms,
              const char *reason)
{
    const struct order_words words = {.override = override, .for_ms = for_ms, .reason = reason};
    return world_order(w, target, &words);
}

int world_weigh(struct world *w, const char *target, int64_t weight)
{
    const struct order_words words = {.kind = ORDER_WEIGHT, .weight = weight};
    return world_order(w, target, &words);
}

bool world_wait_health(struct world *w, uint32_t endpoint, enum health health, int ms)
{
    struct wanted wanted = {endpoint, health};
    return world_run(w, ms, has_health, &wanted);
}

unsigned world_count_events(struct world *w, uint32_t endpoint, const char *to)
{
    unsigned n = 0;
    for (size_t i = 0; i < w->events.n; i++)
        n += w->events.v[i].endpoint == endpoint && strcmp(w->events.v[i].to, to) == 0;
    return n;
}

/* ---- back ends ---- */

struct peer {
    int fd;
    SSL *ssl;
};

static ssize_t peer_read(struct peer *p, void *buf, size_t n)
{
    return p->ssl ? SSL_read(p->ssl, buf, (int)n) : read(p->fd, buf, n);
}

static ssize_t peer_write(struct peer *p, const void *buf, size_t n)
{
    return p->ssl ? SSL_write(p->ssl, buf, (int)n) : write(p->fd, buf, n);
}

static void read_request(struct backend *b, struct peer *p)
{
    size_t n = 0;
    while (n < sizeof b->request - 1) {
        ssize_t got = peer_read(p, b->request + n, sizeof b->request - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
        b->request[n] = '\0';
        if (strstr(b->request, "\r\n\r\n") || b->request[0] == 0x16) /* a TLS record */
            break;
    }
}

static void wait_for_peer(struct peer *p)
{
    char bytes[64];
    while (peer_read(p, bytes, sizeof bytes) > 0)
        ;
}

static void ask_for_keys(struct peer *p)
{
    while (SSL_key_update(p->ssl, SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(p->ssl) == 1)
        ;
}

static void pad(struct peer *p, const char *reply)
{
    SSL_set_block_padding(p->ssl, SSL3_RT_MAX_PLAIN_LENGTH);
    for (const char *c = reply; peer_write(p, c, 1) == 1;)
        c = c[1] ? c + 1 : reply;
}

static void answer(struct backend *b, struct peer *p)
{
    const char *reply = b->reply;
    switch ((enum backend_mode)b->mode) {
    case BACKEND_CLOSE:
        return;
    case BACKEND_REPLY:
        read_request(b, p);
        peer_write(p, reply, strlen(reply));
        return;
    case BACKEND_KEEP:
        read_request(b, p);
        peer_write(p, reply, strlen(reply));
        b->n_waiting++;
        wait_for_peer(p);
        return;
    case BACKEND_SLOW:
        read_request(b, p);
        for (; *reply && peer_write(p, reply, 1) == 1; reply++)
            usleep(5000);
        return;
    case BACKEND_HANG:
        b->n_waiting++;
        wait_for_peer(p);
        return;
    case BACKEND_KEYS:
        read_request(b, p);
        ask_for_keys(p);
        return;
    case BACKEND_PADS:
        read_request(b, p);
        pad(p, reply);
        return;
    case BACKEND_RESET:
        read_request(b, p);
        setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
        return;
    }
}

bool backend_is_waiting(struct world *w, void *backend)
{
    (void)w;
    return ((struct backend *)backend)->n_waiting > 0;
}

static void serve(struct backend *b, int fd)
{
    struct peer peer = {fd, NULL};
    struct timeval limit = {.tv_sec = 60};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (b->tls) {
        peer.ssl = SSL_new(b->tls);
        SSL_set_fd(peer.ssl, fd);
        if (SSL_accept(peer.ssl) == 1) {
            answer(b, &peer);
            SSL_shutdown(peer.ssl);
        }
        SSL_free(peer.ssl);
    } else {
        answer(b, &peer);
    }
    close(fd);
}

static void *run_backend(void *arg)
{
    struct backend *b = arg;
    for (int fd; (fd = accept(b->fd, NULL, NULL)) >= 0;) {
        b->n_accepted++;
        serve(b, fd);
    }
    return NULL;
}

static uint16_t listen_anywhere(int *fd)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof sin;
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&sin, n), 0);
    assert_int_equal(listen(*fd, 64), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&sin, &n), 0);
    return ntohs(sin.sin_port);
}

/* On 127.0.0.1 and, where there is IPv6, on ::1. */
static uint16_t listen_on_both(int *fd)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    socklen_t n = sizeof any;
    *fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0 || setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int)) ||
        bind(*fd, (struct sockaddr *)&any, n)) {
        close(*fd);
        return listen_anywhere(fd);
    }
    assert_int_equal(listen(*fd, 64), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&any, &n), 0);
    return ntohs(any.sin6_port);
}

void backend_open_tls(struct backend *b, const char *reply, SSL_CTX *tls)
{
    memset(b, 0, sizeof *b);
    b->mode = BACKEND_REPLY;
    b->reply = reply;
    b->tls = tls;
    b->port = listen_on_both(&b->fd);
    assert_int_equal(pthread_create(&b->thread, NULL, run_backend, b), 0);
}

void backend_open(struct backend *b, enum backend_mode mode, const char *reply)
{
    memset(b, 0, sizeof *b);
    b->mode = (int)mode;
    b->reply = reply;
    b->port = listen_on_both(&b->fd);
    assert_int_equal(pthread_create(&b->thread, NULL, run_backend, b), 0);
}

void backend_close(struct backend *b)
{
    shutdown(b->fd, SHUT_RDWR);
    pthread_join(b->thread, NULL);
    close(b->fd);
}

/* Stays bound, so that nobody else gets it, and does not listen. */
uint16_t unused_port(void)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof sin;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sin, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &n), 0);
    return ntohs(sin.sin_port);
}

void silent_open(struct silent *s)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    s->port = listen_anywhere(&s->fd);
    assert_int_equal(listen(s->fd, 0), 0);
    sin.sin_port = htons(s->port);
    for (int i = 0; i < 8; i++) {
        s->clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)!connect(s->clients[i], (struct sockaddr *)&sin, sizeof sin);
    }
}

void silent_close(struct silent *s)
{
    for (int i = 0; i < 8; i++)
        close(s->clients[i]);
    close(s->fd);
}
