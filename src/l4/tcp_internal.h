/* SPDX-License-Identifier: Apache-2.0
 * Connections: what tcp*.c share. All of it is one worker's own, nothing here is locked.
 *
 *   tcp_accept.c    listeners: bounded batches; pauses while descriptors are out
 *   tcp_front.c     what comes before a member: PROXY header, ClientHello, limits
 *   tcp_connect.c   to a member, and to another when that fails
 *   tcp_relay.c     bytes from one side to the other, both ways
 *   tcp_splice.c    the same through a pipe, for bulk
 *   tcp_room.c      how much the kernel may hold of bulk
 *   tcp_kernel.c    the same in the kernel, for what goes back and forth
 *   tcp_rest.c      what a side that was reset had sent before
 *   tcp_end.c       looks at what goes on, and what is told at the end
 *   tcp_keep.c      whether a member that says nothing is there
 *   tcp_spare.c     sockets of members that are connected anew
 *   tcp_pool.c      records, buffers, pipes
 *   tcp.c           plans, orders, members that are to be left
 *
 * A connection is in one state at a time, and one timer is its state's:
 *
 *   accept ─▶ HEADER ─▶ HELLO ─▶ CONNECTING ─▶ RELAYING (─▶ REST) ─▶ DEAD ─▶ back in the slab
 *            (if the service wants one)  ▲ │        │        ▲
 *               │         │              └─┤        │        │
 *               │         │     another    │        │ both ways have ended, idle, reset,
 *               │         │     member     │        │ its member is to be left
 *               └─────────┴────────────────┴────────┴────────┘
 *
 *   state       timer                            what its descriptors mean
 *   HEADER      TCP_FRONT_MS since accept        client: read, until the header is whole
 *   HELLO       the same                         client: read, until the hello is whole
 *   CONNECTING  connect.timeout of this member   member: connected or failed; client: only whether
 *                                                it was reset
 *   RELAYING    next look (keepalive, RTT, idle) either: may be read, may be written
 *   REST        next look at what was taken      the side that is left: may be written
 *   DEAD        none                             none: closed, stale events fall through
 *
 * Relaying is two ways, each of which is the same loop: write what is held; when nothing is, read;
 * when the source has ended and nothing is held, shut the other side's writing down. A way reads
 * only while it holds nothing: so what one side does not take, the other is not asked for, and at
 * most one buffer, or one pipe, of each way is in user space's hands. Neither is kept when empty.
 *
 * Descriptors are watched edge-triggered: `readable` and `writable` are what is known since the
 * last edge. Writing is watched from the first time that it did not work. */
#pragma once

#include "base/slice.h"
#include "base/vec.h"
#include "l4/sockhash.h"
#include "l4/worker.h"

#include <assert.h>
#include <stddef.h>

#define TCP_BUFFER 16384    /* bytes: room for a PROXY header, and for a hello */
#define TCP_TURN 262144     /* bytes of one way in one turn of the loop */
#define TCP_BULK_BEGINS 4   /* full reads, one after the other .. */
#define TCP_BULK_LASTS 12   /* .. and for so many small ones less four it is still taken for bulk */
#define TCP_FRONT_MS 10000  /* for a header and a hello together */
#define TCP_LOOK_MS 15000   /* between looks at a connection that goes on */
#define TCP_KERNEL_AFTER 16 /* small reads, one after the other: eight questions and answers */
#define TCP_TELL 1048576    /* bytes, after which counters are told without waiting for a look */

enum tcp_state {
    TCP_FREE,
    TCP_HEADER,
    TCP_HELLO,
    TCP_CONNECTING,
    TCP_RELAYING,
    TCP_REST,
    TCP_DEAD
};

enum tcp_end { TCP_END_CLOSE, TCP_END_RESET }; /* what the peers see: FIN, or RST */

/** One of the two sockets. */
struct tcp_side {
    struct worker_source source; /* first */
    int fd;                      /* -1: none */
    bool readable, writable;     /* as far as is known */
    bool fin_came, broken;       /* the kernel says: there is an end; it was reset */
    bool read_on;                /* a short read does not say that there is no more */
    bool urgent, all_read;       /* urgent data came; there is nothing but an end any more */
    bool wrote, no_delay;        /* something; TCP_NODELAY is set */
    bool watched, watched_out;
};

/** A socket that was connected with a member, is closed on both sides, and still watched. */
struct tcp_spare {
    int fd; /* -1: none */
    sa_family_t family;
    bool watched_out, no_delay;
    int64_t since_ms;
};

struct tcp_pipe {
    struct tcp_pipe *next; /* in the pool */
    int ends[2];           /* read, write */
};

/** What is on its way from one side to the other. */
struct tcp_way {
    uint8_t *buffer;       /* TCP_BUFFER bytes of the pool; NULL: none is held */
    struct tcp_pipe *pipe; /* instead; NULL */
    uint32_t begin, end;   /* of the bytes in the buffer; of the pipe: 0, how many it holds */
    uint8_t bulk;          /* rises with full reads, falls with small ones; see tcp_is_bulk() */
    bool ended;            /* the end was passed on */
    bool sent_bounded, received_bounded; /* in the kernel, or need not be */
    bool behind;                         /* the kernel may not have sent all of its part yet */
    uint64_t before;                     /* `bytes`, when the kernel began to relay */
    uint64_t reread;                     /* what it left to us and we have read */
    uint64_t bytes, told; /* written; and of these, in the counters of member and service */
};

#define TCP_CLIENT 0 /* index of sides; of ways: from there */
#define TCP_MEMBER 1

struct tcp_conn {
    struct worker_timer timer; /* first */
    struct worker_task task;   /* to go on, or back into the slab */
    uint8_t state;             /* enum tcp_state */
    uint8_t relay;             /* enum l4_relay */
    uint8_t tries;             /* members that were tried */
    uint8_t broken;            /* REST: the side that is */
    bool entered;              /* limits_leave() is due */
    bool proxied, local;       /* the client is a PROXY header's; which said that there is none */
    bool no_port;              /* the last try found no local port */
    bool kept_alive;           /* SO_KEEPALIVE is set */
    bool bound;                /* to the client's address, on the member's side */
    bool in_kernel;            /* the kernel relays */
    bool hashed;               /* it did once, or could not */
    bool waits;                /* RELAYING: the timer is tcp_kernel_retry()'s */
    uint8_t silent_looks;      /* in a row that found no byte moved, since the member was asked */
    uint8_t small;             /* reads in a row that filled no buffer; stays at 255 */
    uint32_t idle_ms;
    struct tcp_side sides[2];
    uint64_t opened_turn; /* the worker's, when the member's socket was connected */
    struct tcp_way ways[2];
    int64_t active_ms, begun_ms; /* bytes moved last; accepted: monotonic */
    int64_t connect_begun_us;
    uint64_t looked_bytes; /* both ways, at the last look; REST: that were taken */
    const char *why;       /* REST: how it ends */
    uint64_t keys[2];      /* of the sides, in the sockhash; 0: never there */
    uint64_t written[2];   /* by the sides, when the kernel began to relay */
    struct service_run *run;
    struct member *member;        /* counted in its `active`; NULL: none */
    struct tcp_conn *prev, *next; /* of those without a member; `next` in the slab as well */
    uint32_t service, set;        /* indices of the worker's plan, while there is no member */
    uint32_t connect_us, rtt_us;
    uint16_t client_port, server_port;
    struct ip client, server; /* server: what the client asked for; IP_NONE: not looked up yet */
    uint8_t n_tried;
    uint32_t tried[BALANCE_TRIES_MAX]; /* indices of the set */
    struct tcp_spare spare;            /* stays with the record; see tcp_spare.c */
};
static_assert(sizeof(struct tcp_conn) <= 1024, "what an idle pair takes in user space");

struct tcp_listener {
    struct worker_source source; /* first */
    struct worker_task task;     /* frees it */
    int fd;
    uint32_t service; /* of the plan */
    const struct service_run *run;
    uint32_t batch; /* accepted at once */
    uint64_t turn;  /* when it was last ready */
};

/** Bytes that the kernel may hold of one way of bulk, as it is told (SO_RCVBUF, SO_SNDBUF). */
struct tcp_room {
    uint32_t received, sent;
};

struct tcp {
    struct worker *worker;
    struct tcp_conn *free, *free_spares; /* without a spare, and with one */
    uint32_t n_spares;                   /* of all records */
    VEC(struct tcp_conn *) blocks;       /* of TCP_BLOCK records */
    void *free_buffers;                  /* each begins with the address of the next */
    struct tcp_pipe *free_pipes;
    uint32_t n_free_buffers, n_buffers; /* those, and all */
    uint32_t n_pipes, max_pipes;
    uint32_t pipes_allowed; /* of the whole program */
    struct tcp_room room;
    int64_t pipe_put_ms; /* the last one */
    int64_t no_pipe_ms;  /* none is to be had until then */
    uint32_t n_conns;
    struct tcp_conn opening; /* head of those without a member */
    VEC(struct tcp_listener *) listeners;
    /* of tcp_accept.c, tcp_pool.c, tcp.c, tcp_spare.c */
    struct worker_timer pause, trim, leave, trim_spares;
    bool paused, draining;
    int64_t leave_at_ms;             /* the next member's close_at_ms; MEMBER_NEVER */
    int64_t drain_at_ms;             /* all are reset then; MEMBER_NEVER */
    int64_t sampled_at_ms;           /* RTTs at an end */
    const struct sockhash *sockhash; /* NULL: it is not to be had */
    int quiet;                       /* epoll of what is in there; -1 */
    uint32_t n_in_kernel;
    struct worker_timer tick;
};

static inline const struct l4_service *tcp_service(const struct tcp *tcp, const struct tcp_conn *c)
{
    return tcp->worker->plan->services[c->service].config;
}

static inline bool tcp_way_holds(const struct tcp_way *way)
{
    return way->end > way->begin;
}

static inline bool tcp_is_bulk(const struct tcp_way *way)
{
    return way->bulk >= TCP_BULK_BEGINS;
}

/** A read gave as much as there was room for, or less. */
static inline void tcp_note_read(struct tcp_way *way, bool full)
{
    if (full)
        way->bulk = way->bulk + 1 < TCP_BULK_BEGINS ? way->bulk + 1 : TCP_BULK_LASTS;
    else
        way->bulk = tcp_is_bulk(way) ? way->bulk - 1 : 0;
}

/* ---- tcp_accept.c ---- */

/** Listeners of the worker's plan that are not watched yet, and none but these. */
void tcp_listeners_follow(struct tcp *tcp);
void tcp_listeners_stop(struct tcp *tcp);
/** What is queued is taken; then the sockets are shut, for all who have them. */
void tcp_listeners_refuse(struct tcp *tcp);
/** Descriptors or memory are out: nothing is accepted for a moment. */
void tcp_pause(struct tcp *tcp);
void tcp_pause_ended(struct worker *worker, struct worker_timer *timer);

/* ---- tcp_front.c ---- */

/** A client was accepted. Takes over `fd`. */
void tcp_begin(struct tcp *tcp, uint32_t service, int fd, const struct sockaddr_storage *from);
/** HEADER, HELLO: the client has sent something. */
void tcp_front_read(struct tcp *tcp, struct tcp_conn *c);
/** Puts in the address that the client asked for, where it is not known yet. */
void tcp_find_server(struct tcp_conn *c);

/* ---- tcp_connect.c ---- */

/** Goes to a member; or ends when there is none (any more). */
void tcp_connect(struct tcp *tcp, struct tcp_conn *c);
void tcp_connect_event(struct tcp *tcp, struct tcp_conn *c, uint32_t events);
/** Its time is up. */
void tcp_connect_late(struct tcp *tcp, struct tcp_conn *c);
/** The member is to be left: another one, without blame. */
void tcp_connect_leave(struct tcp *tcp, struct tcp_conn *c);
/** The service that it came by is another number now; the set too, and its members' indices. */
void tcp_connect_follow(struct tcp *tcp, struct tcp_conn *c, const struct plan *before);

/* ---- tcp_relay.c ---- */

/** What a try to move bytes came to. */
enum tcp_move {
    TCP_MOVED,  /* some; there may be more */
    TCP_WAITS,  /* for an edge of the side in question */
    TCP_ENDED,  /* end of what the source sends */
    TCP_FAILED, /* errno */
};

/** Both sides are there: RELAYING from now on. */
void tcp_relay_begin(struct tcp *tcp, struct tcp_conn *c);
/** Moves what there is from a side to the other one. May end the connection. */
void tcp_relay(struct tcp *tcp, struct tcp_conn *c, unsigned from);
/** Moves until a side has to be waited for, or (TCP_MOVED) it is the others' turn. */
enum tcp_move tcp_move_all(struct tcp *tcp, struct tcp_conn *c, unsigned from);
/** Reads once into a buffer, which the way does not have yet. */
enum tcp_move tcp_copy_fill(struct tcp *tcp, struct tcp_conn *c, unsigned from);
/** Reading is watched from now on. Returns false when that cannot be had (errno). */
bool tcp_side_watch(struct tcp *tcp, struct tcp_side *side, uint32_t more_events);
void tcp_client_ready(struct worker *worker, struct worker_source *source, uint32_t events);
void tcp_member_ready(struct worker *worker, struct worker_source *source, uint32_t events);
/** What a connection's timer and task do. */
void tcp_timer_fired(struct worker *worker, struct worker_timer *timer);
void tcp_go_on(struct worker *worker, struct worker_task *task);
/** Before each write. */
void tcp_side_writes(struct tcp_side *side);
/** What tcp_side_watch() began goes on, after something else was watched. */
void tcp_side_rewatch(struct tcp *tcp, struct tcp_side *side);

/* ---- tcp_splice.c ---- */

/** Whether what this way reads next is to go through a pipe, which it then has. */
bool tcp_splice_wanted(struct tcp *tcp, const struct tcp_conn *c, struct tcp_way *way);
enum tcp_move tcp_splice_fill(struct tcp *tcp, struct tcp_conn *c, unsigned from);
enum tcp_move tcp_splice_flush(struct tcp *tcp, struct tcp_conn *c, unsigned from);

/* ---- tcp_room.c ---- */

void tcp_room_init(struct tcp_room *room);
/** So many bytes more were moved from there. RELAYING. */
void tcp_room_look(const struct tcp *tcp, struct tcp_conn *c, unsigned from);

/* ---- tcp_kernel.c ---- */

/** The kernel relays from now on, if it may and can. Of connections with nothing to do. */
void tcp_kernel_try(struct tcp *tcp, struct tcp_conn *c);
/** It does not any more. What is left to do is done at the end of this turn. */
void tcp_kernel_leave(struct tcp *tcp, struct tcp_conn *c);
/** Brings `bytes` up to what it has relayed. */
void tcp_kernel_count(struct tcp *tcp, struct tcp_conn *c);
/** Whether all that it took from this side was given to the other one; else there is a retry. */
bool tcp_kernel_is_done(struct tcp *tcp, struct tcp_conn *c, unsigned from);
/** And whether all was read that it left to us: so the end that was read is one. */
bool tcp_kernel_has_ended(struct tcp *tcp, struct tcp_conn *c, unsigned from);
void tcp_kernel_retry(struct tcp *tcp, struct tcp_conn *c);
/** The connection ends. */
void tcp_kernel_end(struct tcp *tcp, struct tcp_conn *c);
/** `sockhash` may be NULL. */
void tcp_kernel_open(struct tcp *tcp, const struct sockhash *sockhash);
void tcp_kernel_close(struct tcp *tcp);

/* ---- tcp_rest.c ---- */

/** A side is broken: REST from now on. May end the connection. `why` is constant text. */
void tcp_rest_begin(struct tcp *tcp, struct tcp_conn *c, unsigned side, const char *why);
void tcp_rest_event(struct tcp *tcp, struct tcp_conn *c, unsigned nth, uint32_t events);
/** Its turn, and its time for a look. */
void tcp_rest_go(struct tcp *tcp, struct tcp_conn *c);
void tcp_rest_late(struct tcp *tcp, struct tcp_conn *c);

/* ---- tcp_end.c ---- */

/** `why` is constant text. Counts `result`, tells everybody, closes; `c` is gone after this turn.
 */
void tcp_end(struct tcp *tcp, struct tcp_conn *c, enum tcp_end end, enum service_result result,
             const char *why);
/** Brings the counters up to what was moved. */
void tcp_tell(struct tcp_conn *c);
/** RELAYING: keepalive, RTT, and whether it is idle; sets the timer for the next one. */
void tcp_look(struct tcp *tcp, struct tcp_conn *c);
void tcp_record(const struct tcp *tcp, const struct tcp_conn *c, struct flow_record *out);

/* ---- tcp_keep.c ---- */

/** At each look; is_silent: no byte has moved since the one before. */
void tcp_keep_alive(struct tcp_conn *c, bool is_silent);

/* ---- tcp_spare.c ---- */

/** The member's socket of a connection whose ways have both ended: kept, or left to be closed. */
void tcp_spare_keep(struct tcp *tcp, struct tcp_conn *c);
/** Opens a socket for the member's side: the spare one, or a new one. Returns 0 or an errno. */
int tcp_spare_open(struct tcp *tcp, struct tcp_conn *c, sa_family_t family);
/** Closes a record's, if it has one. */
void tcp_spare_close(struct tcp *tcp, struct tcp_conn *c);
/** Closes those that no connection has. */
void tcp_spares_close(struct tcp *tcp);
void tcp_spares_trim(struct worker *worker, struct worker_timer *timer);

/* ---- tcp_pool.c ---- */

#define TCP_BLOCK 128 /* records that are allocated at once */

/** A zeroed record without descriptors. */
struct tcp_conn *tcp_conn_new(struct tcp *tcp);
void tcp_conn_put(struct tcp *tcp, struct tcp_conn *c);
uint8_t *tcp_buffer_take(struct tcp *tcp);
void tcp_buffer_put(struct tcp *tcp, uint8_t *buffer);
/** NULL: none is to be had. */
struct tcp_pipe *tcp_pipe_take(struct tcp *tcp);
/** An empty one. */
void tcp_pipe_put(struct tcp *tcp, struct tcp_pipe *pipe);
/** One that may hold bytes: closed. */
void tcp_pipe_drop(struct tcp *tcp, struct tcp_pipe *pipe);
/** How many pipes the kernel lets a user have without charge (pipe(7), pipe-user-pages-soft). */
uint32_t tcp_pipes_allowed(void);
/** Goes by this worker's part of these. */
void tcp_pipes_share(struct tcp *tcp, uint32_t n_workers);
void tcp_pipes_trim(struct worker *worker, struct worker_timer *timer);
void tcp_pool_free(struct tcp *tcp);
/** Record number i of all, in use or not; NULL behind the last. */
struct tcp_conn *tcp_conn_at(const struct tcp *tcp, uint32_t i);
