/* SPDX-License-Identifier: Apache-2.0
 * Reading, answering and writing on one TCP connection. */
#include "io/tcp_conn.h"

#include "snapshot/publish.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

struct call {
    struct answer_ctx *ctx;
    const struct snapshot *snapshot;
    const struct ip *client;
};

static uint32_t answer_message(void *arg, struct slice query, uint8_t *response)
{
    const struct call *call = arg;
    struct answer_packet packet = {
        .query = query.p,
        .query_len = query.n,
        .response = response,
        .response_max = 65535,
        .source = *call->client,
        .tcp = true,
    };
    answer_batch(call->ctx, call->snapshot, &packet, 1);
    return packet.response_len;
}

/** Sends p[0..n); what the socket does not take now becomes `out`. False on an error. */
static bool send_or_keep(struct tcp_conn *c, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(c->source.fd, p, n, MSG_NOSIGNAL);
        if (sent >= 0) {
            p += sent;
            n -= (size_t)sent;
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            return false;
        }
    }
    if (n == 0)
        return true;
    c->out = malloc(n);
    if (!c->out)
        return false;
    memcpy(c->out, p, n);
    c->out_len = (uint32_t)n;
    c->out_sent = 0;
    return true;
}

/** Makes room for `need` bytes in `in`. */
static bool reserve_in(struct tcp_conn *c, size_t need)
{
    if (need <= c->in_size)
        return true;
    uint8_t *in = realloc(c->in, need);
    if (!in)
        return false;
    c->in = in;
    c->in_size = (uint32_t)need;
    return true;
}

/** Keeps p[0..n), which may lie inside `in`, as the input so far. */
static bool keep_input(struct tcp_conn *c, const uint8_t *p, size_t n)
{
    if (n == 0) {
        free(c->in);
        c->in = NULL;
        c->in_len = c->in_size = 0;
        return true;
    }
    if (!c->in && !reserve_in(c, n))
        return false;
    memmove(c->in, p, n);
    c->in_len = (uint32_t)n;
    return true;
}

/** Answers the whole messages in p[0..n) until the socket is full; keeps the rest. */
static bool serve(struct tcp_conn *c, struct tcp_scratch *s, const uint8_t *p, size_t n)
{
    struct call call = {&s->answer, publish_current(), &c->client};
    struct framing_result r;
    do {
        r = framing_answer(p, n, s->tx, sizeof s->tx, answer_message, &call);
        p += r.consumed;
        n -= r.consumed;
        c->progress |= r.messages > 0;
        if (!send_or_keep(c, s->tx, r.produced) || r.bad)
            return false;
    } while (r.full && !c->out);
    return keep_input(c, p, n);
}

bool tcp_conn_read(struct tcp_conn *c, struct tcp_scratch *s)
{
    uint8_t *to = s->rx;
    if (c->in) {
        if (!reserve_in(c, c->in_len + TCP_READ))
            return false;
        to = c->in + c->in_len;
    }
    ssize_t n = recv(c->source.fd, to, TCP_READ, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0) /* the peer sends no more, and has all its answers */
        return false;
    if (c->in)
        return serve(c, s, c->in, c->in_len + (size_t)n);
    return serve(c, s, s->rx, (size_t)n);
}

bool tcp_conn_write(struct tcp_conn *c, struct tcp_scratch *s)
{
    while (c->out_sent < c->out_len) {
        ssize_t n =
            send(c->source.fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
        if (n >= 0)
            c->out_sent += (uint32_t)n;
        else if (errno == EAGAIN)
            return true;
        else if (errno != EINTR)
            return false;
    }
    free(c->out);
    c->out = NULL;
    c->out_len = c->out_sent = 0;
    return !c->in || serve(c, s, c->in, c->in_len);
}
