/* SPDX-License-Identifier: Apache-2.0
 * Asking oneself. One try at a time: it ends with a good or a bad reply, or when its time is over;
 * the socket is closed then, so that no late reply is taken for another try's. */
#include "anycast/self_probe.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/ip.h"
#include "base/rng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct try_socket {
    uv_udp_t udp;
    struct self_probe *probe; /* NULL: the try is over */
    uint8_t query[SELF_QUERY_MAX];
    uint32_t n_query;
};

struct self_probe {
    struct self_probe_host host;
    struct ip addr;
    uint16_t port, type;
    struct slice name;
    struct rng rng;
    uv_timer_t interval, patience;
    struct try_socket *now; /* NULL: none is under way */
    struct self_score score;
    int64_t good_ms; /* monotonic, of the last answer; 0: there was none */
    char reason[SELF_REASON_MAX];
    char reply[4096]; /* what is longer is cut, and told by its beginning all the same */
    unsigned n_open;
};

static void on_udp_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void close_try(struct self_probe *p)
{
    if (p->now) {
        p->now->probe = NULL;
        uv_close((uv_handle_t *)&p->now->udp, on_udp_closed);
        p->now = NULL;
    }
    uv_timer_stop(&p->patience);
}

static void end_try(struct self_probe *p, bool good)
{
    close_try(p);
    if (good) {
        p->reason[0] = '\0';
        p->good_ms = clock_mono_ms();
    }
    if (self_score_add(&p->score, good))
        p->host.changed(p->host.ctx);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    const struct try_socket *t = handle->data;
    (void)suggested;
    *buf = t->probe ? uv_buf_init(t->probe->reply, sizeof t->probe->reply) : uv_buf_init(NULL, 0);
}

static void on_recv(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
                    unsigned flags)
{
    struct try_socket *t = udp->data;
    struct self_probe *p = t->probe;
    uint16_t port = 0;
    (void)flags;
    if (!p || (n == 0 && !from))
        return;
    if (n < 0) {
        snprintf(p->reason, sizeof p->reason, "%s", uv_strerror((int)n));
        end_try(p, false);
        return;
    }
    const struct ip ip = ip_from_sockaddr(from, &port);
    const struct slice query = {t->query, t->n_query};
    if (!ip_equal(&ip, &p->addr) || port != p->port)
        return;
    const struct slice reply = {(const uint8_t *)buf->base, (uint32_t)n};
    enum self_verdict verdict = self_reply_judge(reply, query, p->reason);
    if (verdict != SELF_FOREIGN)
        end_try(p, verdict == SELF_GOOD);
}

/** Returns 0, or libuv's error. */
static int look_for_address(const struct self_probe *p)
{
    struct sockaddr_storage sa;
    socklen_t n = ip_to_sockaddr(&sa, &p->addr, 0);
    int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int error = fd < 0 || bind(fd, (const struct sockaddr *)&sa, n) != 0
                    ? uv_translate_sys_error(errno)
                    : 0;
    if (fd >= 0)
        close(fd);
    return error;
}

/** From where no rate limit counts: what is asked in the name of our neighbours must not have us
 *  withdraw. */
static struct ip loopback_like(const struct ip *addr)
{
    struct ip ip = {.family = addr->family};
    if (addr->family == IP_V4)
        memcpy(ip.b, (const uint8_t[4]){127, 0, 0, 1}, 4);
    else
        ip.b[15] = 1;
    return ip;
}

/** Returns 0, or libuv's error. */
static int send_query(struct self_probe *p)
{
    struct try_socket *t = p->now;
    struct sockaddr_storage to, from;
    const struct ip loopback = loopback_like(&p->addr);
    ip_to_sockaddr(&to, &p->addr, p->port);
    ip_to_sockaddr(&from, &loopback, 0);
    t->n_query = self_query_write(t->query, p->name, p->type, (uint16_t)rng_next(&p->rng));
    int error = uv_udp_bind(&t->udp, (const struct sockaddr *)&from, 0);
    if (error == 0)
        error = uv_udp_recv_start(&t->udp, on_alloc, on_recv);
    if (error != 0)
        return error;
    uv_buf_t buf = uv_buf_init((char *)t->query, t->n_query);
    int sent = uv_udp_try_send(&t->udp, &buf, 1, (const struct sockaddr *)&to);
    return sent < 0 ? sent : 0;
}

static void on_patience(uv_timer_t *timer)
{
    struct self_probe *p = timer->data;
    snprintf(p->reason, sizeof p->reason, "no answer within %d ms", SELF_TIMEOUT_MS);
    bool flooded = p->host.overflows && p->host.overflows(p->host.ctx);
    if (flooded && self_is_excused(p->good_ms, clock_mono_ms()))
        close_try(p);
    else
        end_try(p, false);
}

static void on_interval(uv_timer_t *timer)
{
    struct self_probe *p = timer->data;
    char text[IP_TEXT_MAX];
    p->now = xcalloc(1, sizeof *p->now);
    p->now->probe = p;
    p->now->udp.data = p->now;
    int error = uv_udp_init(timer->loop, &p->now->udp);
    if (error != 0) {
        free(p->now);
        p->now = NULL;
    } else {
        error = look_for_address(p);
        if (error == 0)
            error = send_query(p);
    }
    if (error == 0) {
        uv_timer_start(&p->patience, on_patience, SELF_TIMEOUT_MS, 0);
        return;
    }
    if (error == UV_EADDRNOTAVAIL)
        snprintf(p->reason, sizeof p->reason, "%s is not an address of this host",
                 ip_text(text, &p->addr));
    else
        snprintf(p->reason, sizeof p->reason, "%s", uv_strerror(error));
    end_try(p, false);
}

struct self_probe *self_probe_open(const struct self_probe_host *host,
                                   const struct prefix_set *config)
{
    struct self_probe *p = xcalloc(1, sizeof *p);
    uv_loop_t *loop = drive_loop(host->drive);
    *p = (struct self_probe){.host = *host,
                             .addr = config->self.addr,
                             .port = config->self.port,
                             .type = config->self.type};
    uint8_t *name = xmalloc(config->self.name.n);
    memcpy(name, config->self.name.p, config->self.name.n);
    p->name = (struct slice){name, config->self.name.n};
    snprintf(p->reason, sizeof p->reason, "not asked yet");
    rng_init(&p->rng);
    uv_timer_init(loop, &p->interval);
    uv_timer_init(loop, &p->patience);
    p->interval.data = p->patience.data = p;
    return p;
}

void self_probe_start(struct self_probe *p)
{
    if (!uv_is_active((uv_handle_t *)&p->interval))
        uv_timer_start(&p->interval, on_interval, 0, SELF_INTERVAL_MS);
}

struct self_score self_probe_state(const struct self_probe *p, const char **reason)
{
    *reason = p->reason;
    return p->score;
}

bool self_probe_same(const struct prefix_set *a, const struct prefix_set *b)
{
    return a->self.off == b->self.off && a->self.port == b->self.port &&
           a->self.type == b->self.type && ip_equal(&a->self.addr, &b->self.addr) &&
           slice_equal(a->self.name, b->self.name);
}

static void on_closed(uv_handle_t *handle)
{
    struct self_probe *p = handle->data;
    if (--p->n_open > 0)
        return;
    free((void *)(uintptr_t)p->name.p);
    free(p);
}

void self_probe_close(struct self_probe *p)
{
    if (p->now) {
        p->now->probe = NULL;
        uv_close((uv_handle_t *)&p->now->udp, on_udp_closed);
    }
    p->n_open = 2;
    uv_close((uv_handle_t *)&p->interval, on_closed);
    uv_close((uv_handle_t *)&p->patience, on_closed);
}
