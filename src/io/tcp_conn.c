/* SPDX-License-Identifier: Apache-2.0
 * Reading, answering and writing on one TCP connection. */
#include "io/tcp_conn.h"

#include "snapshot/publish.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

void tcp_scratch_init(struct tcp_scratch *s)
{
    for (unsigned i = 0; i < ANSWER_BATCH; i++)
        s->packet[i] = (struct answer_packet){
            .response = s->slots[i],
            .response_max = 65535,
            .tcp = true,
        };
}

/* What is kept. */

static void drop_in(struct tcp_conn *c, struct tcp_scratch *s)
{
    s->kept -= c->in_len;
    free(c->in);
    c->in = NULL;
    c->in_len = 0;
}

static void drop_out(struct tcp_conn *c, struct tcp_scratch *s)
{
    s->kept -= c->out_len;
    free(c->out);
    c->out = NULL;
    c->out_len = c->out_sent = 0;
}

void tcp_conn_forget(struct tcp_conn *c, struct tcp_scratch *s)
{
    drop_in(c, s);
    drop_out(c, s);
}

/** Keeps p[0..n), which may lie inside `in`, as the input so far. */
static bool keep_in(struct tcp_conn *c, struct tcp_scratch *s, const uint8_t *p, size_t n)
{
    uint8_t *in = NULL;
    if (n > 0) {
        in = malloc(n);
        if (!in)
            return false;
        memcpy(in, p, n);
    }
    drop_in(c, s);
    c->in = in;
    c->in_len = (uint32_t)n;
    s->kept += n;
    return true;
}

/** Appends p[0..n) to `out`. */
static bool keep_out(struct tcp_conn *c, struct tcp_scratch *s, const uint8_t *p, size_t n)
{
    uint8_t *out = realloc(c->out, c->out_len + n);
    if (!out)
        return false;
    memcpy(out + c->out_len, p, n);
    c->out = out;
    c->out_len += (uint32_t)n;
    s->kept += n;
    return true;
}

/* Sending. */

/** Sends what is in p[0..n). Returns how much of it; -1: the connection is broken. */
static ssize_t send_some(const struct tcp_conn *c, const uint8_t *p, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t sent = send(c->source.fd, p + done, n - done, MSG_NOSIGNAL);
        if (sent >= 0)
            done += (size_t)sent;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            return -1;
    }
    return (ssize_t)done;
}

/** Sends what is in tx; what the socket does not take now becomes `out`. False on an error. */
static bool flush(struct tcp_conn *c, struct tcp_scratch *s)
{
    size_t n = s->tx_len;
    s->tx_len = 0;
    ssize_t sent = c->out ? 0 : send_some(c, s->tx, n);
    if (sent < 0)
        return false;
    return (size_t)sent == n || keep_out(c, s, s->tx + sent, n - (size_t)sent);
}

/* Answering. */

/** Answers the first n of s->query into their slots. */
static void answer(struct tcp_scratch *s, const struct ip *client, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        s->packet[i].query = s->query[i].p;
        s->packet[i].query_len = s->query[i].n;
        s->packet[i].source = *client;
    }
    answer_batch(&s->answer, publish_current(), s->packet, n);
}

/** Appends the responses of n packets to tx, sending it when it is full. A message without an
 *  answer makes what is before it the last. False on an error. */
static bool collect(struct tcp_conn *c, struct tcp_scratch *s, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint32_t len = s->packet[i].response_len;
        if (UNLIKELY(len == 0)) { /* the peer does not speak DNS, or is lost in the stream */
            c->last = true;
            return true;
        }
        if (UNLIKELY(sizeof s->tx - s->tx_len < 2 + len) && !flush(c, s))
            return false;
        framing_put(s->tx + s->tx_len, s->packet[i].response, len);
        s->tx_len += 2 + len;
        c->progress = true;
    }
    return true;
}

/** Answers the whole messages in p[0..n) until the socket is full; keeps the rest. */
static bool serve(struct tcp_conn *c, struct tcp_scratch *s, const uint8_t *p, size_t n)
{
    unsigned k;
    while (!c->out && !c->last && (k = framing_split(p, n, s->query, ANSWER_BATCH)) > 0) {
        size_t consumed = framing_consumed(p, s->query, k);
        answer(s, &c->client, k);
        if (!collect(c, s, k))
            return false;
        p += consumed;
        n -= consumed;
    }
    if (!flush(c, s) || (c->last && !c->out))
        return false;
    if (c->last)
        n = 0;
    return LIKELY(n == 0 && !c->in) || keep_in(c, s, p, n);
}

bool tcp_conn_read(struct tcp_conn *c, struct tcp_scratch *s)
{
    size_t have = c->in_len;
    if (UNLIKELY(have))
        memcpy(s->rx, c->in, have);
    ssize_t n = recv(c->source.fd, s->rx + have, TCP_READ, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0) /* the peer sends no more, and has all its answers */
        return false;
    return serve(c, s, s->rx, have + (size_t)n);
}

bool tcp_conn_write(struct tcp_conn *c, struct tcp_scratch *s)
{
    ssize_t n = send_some(c, c->out + c->out_sent, c->out_len - c->out_sent);
    if (n < 0)
        return false;
    c->out_sent += (uint32_t)n;
    if (c->out_sent < c->out_len)
        return true;
    drop_out(c, s);
    return !c->last && (!c->in || serve(c, s, c->in, c->in_len));
}
