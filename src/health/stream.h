/* SPDX-License-Identifier: Apache-2.0
 * Trials over a TCP connection, with TLS inside or not: look the name up, connect, shake hands,
 * then hand bytes to and fro. The close is abortive (SO_LINGER 0): a probe leaves nothing in
 * TIME_WAIT, or 20,000 probes a second would run out of ports. */
#pragma once

#include "health/trial.h"

struct stream_trial;

/** What a protocol does with its stream. */
struct stream_user {
    void (*opened)(struct stream_trial *s);
    void (*data)(struct stream_trial *s, const char *p, size_t n);
    void (*ended)(struct stream_trial *s); /* the peer will send no more */
};

struct stream_trial {
    struct trial base;
    const struct stream_user *user;
    struct tls_session *tls; /* NULL: plain */
    uv_tcp_t tcp;
    uv_connect_t connect;
    struct ip addr;
    uint16_t port;
    bool has_tcp, opened;
    bool failed_at_once; /* when connect() returned: see refusal.h */
    bool had_turn;       /* of reading, in this turn of the loop */
    uint64_t n_tls;      /* bytes of TLS that came */
};

void stream_start(struct stream_trial *s, const struct stream_user *user,
                  const struct trial_target *target) ATTR_NONNULL;
/** Sends a copy of the bytes. */
void stream_send(struct stream_trial *s, const void *p, size_t n) ATTR_NONNULL;
/** The close and release of every kind over a stream. */
void stream_close(struct trial *trial) ATTR_NONNULL;
void stream_release(struct trial *trial) ATTR_NONNULL;
