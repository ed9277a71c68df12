/* SPDX-License-Identifier: Apache-2.0
 * What tests of the checker share: a loop, a configuration in a temporary directory, the checker
 * on it, what it told, and back ends on loopback that misbehave as told.
 *
 * Time stands still but for world_run(), which moves it from timer to timer and takes no real time
 * (tests/unit/settable_clock.h). What happens outside the loop, in back ends and commands, is
 * waited for by world_wait() while time stands still: a busy machine makes no timeout. */
#pragma once

#include "base/vec.h"
#include "health/checker.h"
#include "health/credentials.h"
#include "health/succession.h"

#include <openssl/ssl.h>
#include <pthread.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct told {
    uint32_t endpoint;
    char from[16], to[16], reason[REASON_MAX];
};

struct world {
    char dir[64];
    uv_loop_t loop;
    struct model *model;
    struct credentials *credentials; /* of it */
    bool without_credentials;        /* probes of type https lack what is ours */
    struct checker *checker;
    struct diags diags;
    VEC(struct told) events;
    unsigned n_changed_calls;
    uint64_t n_turns; /* of the loop */
    bool stopped;
    /** The checker has moved to `model`, and the one before is still there; NULL: of no interest.
     */
    void (*moved)(void *ctx);
    void *moved_ctx;
};

/* Pieces of pools.yaml; ONE is a pool with one endpoint on 127.0.0.1 and the port given. */
#define SITES "sites: {ams: {location: [52, 4]}, iad: {location: [38, -77]}}\n"
#define FAST "interval: 100ms, timeout: 50ms, rise: 2, fall: 2"
#define ONE                                      \
    SITES "checks: {c: {type: tcp, " FAST "}}\n" \
          "pools: {www: {checks: [c], sites: {ams: [{address: 127.0.0.1, port: %u}]}}}\n"

/** Makes the directory and the loop. */
void world_open(struct world *w);
/** Writes pools.yaml and loads the configuration; `server` is more lines of the mapping of that
 *  name, or NULL. */
void world_configure(struct world *w, const char *server, const char *pools_fmt, ...)
    ATTR_PRINTF(3, 4);
void world_start(struct world *w);
/** As world_configure(), then moves the checker to it. */
void world_reload(struct world *w, const char *server, const char *pools_fmt, ...)
    ATTR_PRINTF(3, 4);
/** The parts of that: a configuration; the move, with slices as small as can be, to a model that is
 *  the world's from then on. */
struct model *world_load(struct world *w, const char *server, const char *pools_fmt, ...)
    ATTR_PRINTF(3, 4);
void world_move(struct world *w, struct model *next);
/** Stops the checker, which then must have left nothing open. */
void world_stop(struct world *w);
/** Removes all; fails when the loop still has handles. */
void world_close(struct world *w);

/** Runs the loop for `ms` of the settable clock, or until `until` holds; returns whether it did. */
typedef bool world_until(struct world *w, void *arg);
bool world_run(struct world *w, int ms, world_until *until, void *arg);
/** Runs the loop, while the clock stands still, until `until` holds; returns whether it ever did.
 */
bool world_wait(struct world *w, world_until *until, void *arg);
bool world_is_ready(struct world *w, void *arg);
/** Every probe that has a schedule has been tried once. */
bool world_all_tried(struct world *w, void *arg);

const struct endpoint_state *world_state(struct world *w, uint32_t endpoint);
/** Gives an order, and runs the loop until it is in force or was refused; returns its code. */
int world_order(struct world *w, const char *target, const struct order_words *words);
int world_set(struct world *w, const char *target, enum override override, int64_t for_ms,
              const char *reason);
int world_weigh(struct world *w, const char *target, int64_t weight);
/** Runs until the endpoint's health is as given, `ms` of the settable clock at most. */
bool world_wait_health(struct world *w, uint32_t endpoint, enum health health, int ms);
/** How many events had this endpoint and `to`. */
unsigned world_count_events(struct world *w, uint32_t endpoint, const char *to);

enum backend_mode {
    BACKEND_REPLY, /* reads the request, sends `reply`, closes */
    BACKEND_HANG,  /* accepts, reads, never answers */
    BACKEND_KEEP,  /* sends `reply`, keeps the connection open */
    BACKEND_SLOW,  /* sends `reply` a byte each 5 ms */
    BACKEND_CLOSE, /* closes at once */
    BACKEND_RESET, /* reads the request, resets */
    BACKEND_KEYS,  /* TLS 1.3: reads the request, asks for new keys for ever */
    BACKEND_PADS,  /* TLS 1.3: sends `reply` a byte at a time, padded to whole records, for ever */
};

/** A thread that serves one connection at a time on 127.0.0.1, and on ::1 where there is IPv6. */
struct backend {
    int fd;
    uint16_t port;
    pthread_t thread;
    _Atomic int mode;
    const char *_Atomic reply;
    _Atomic unsigned n_accepted;
    _Atomic unsigned n_waiting; /* has done what it does, and waits for the peer to go */
    char request[2048];         /* the last one */
    SSL_CTX *tls;               /* NULL: plain */
};

void backend_open(struct backend *b, enum backend_mode mode, const char *reply);
void backend_open_tls(struct backend *b, const char *reply, SSL_CTX *tls);
void backend_close(struct backend *b);
world_until backend_is_waiting; /* of a struct backend */
/** A port on 127.0.0.1 that nobody listens on. */
uint16_t unused_port(void);

/** A port on 127.0.0.1 that does not answer: the queue of its listener is full. */
struct silent {
    int fd, clients[8];
    uint16_t port;
};
void silent_open(struct silent *s);
void silent_close(struct silent *s);

#define OK_REPLY "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nready"
