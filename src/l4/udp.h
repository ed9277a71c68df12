/* SPDX-License-Identifier: Apache-2.0
 * Flows of datagrams of one worker: what its udp*.c files share. worker.h has what the loop calls.
 *
 *   udp_table.c   flows and where to find them
 *   udp_flow.c    a flow's life: its member, its end
 *   udp_socket.c  its socket, and local ports
 *   udp_own.c     datagrams that cannot be answered
 *   udp_ask.c     datagrams of clients on their way to members
 *   udp_answer.c  those of members on their way back
 *   udp_send.c    what both ways need
 *   udp_follow.c  listeners and members as the plan has them
 *   udp_resume.c  flows that another process had, and those that another one is to have
 *   udp.c         begin, drain, end; what is shown
 *
 * A flow is what one client address and port sends to one address of ours (listener, and the local
 * address where that is a wildcard, as answers come from it). It has a socket of its own, connected
 * to its member: why, contrib/adr/0053. QUIC: a flow is its client's address and port; a client
 * that changes these in the middle of a connection is another flow, which maglev may send to
 * another member. Connection IDs are not looked into.
 *
 * Rules. A flow keeps its member when the set changes, also while the member drains, until its
 * close_at_ms. Its next datagram goes to another member when its own is down, past close_at_ms, or
 * has refused (ICMP unreachable, or no route, which also counts as a failure); when none but the
 * one that refused is left, to that. Silence counts as a timeout of the member, at most once a
 * second, when
 *   - the client has sent UDP_SILENT_DATAGRAMS over UDP_SILENT_MS, unanswered,
 *   - no flow of that member, of any worker, has been answered for UDP_SILENT_MS, and
 *   - the listener is one where members do answer: one did within UDP_ANSWERS_MS.
 * A flow that met silence moves only when that took its member out (member.h). All else is what
 * one worker sees.
 *
 * A worker has its share of local ports (udp_socket.c); flows that find none are refused, and what
 * is open goes on, and may move. Once those of the host are used up all the same (by others), the
 * kernel looks through all of them for each socket that wants one (1-2 ms); so after a failure of
 * that kind no new flow is tried for UDP_NO_ROOM_MS.
 *
 * A drain: flows that are open go on, datagrams of others are dropped; or, where another process
 * reads the listeners from now on, none is taken, and answers alone go on.
 *
 * What comes from where a listener of ours is (forged, or two forwarders that have each other as
 * members), or from port 0, is dropped: its answers would come back as questions, for ever. Where
 * one listens on all addresses, that is its port of any address that this host has.
 *
 * Memory: UDP_FLOW_BYTES a flow, and 16 of the table, for as many as were open at once (kept until
 * the end); two batches of UDP_BATCH buffers of 64 KiB, of which only what datagrams filled is
 * resident. The kernel has a socket and its epoll entry besides (0053 has the figure). How many may
 * be open: limits.connections, descriptors, and the local ports of ip_local_port_range. */
#pragma once

#include "l4/limits.h"
#include "l4/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#define UDP_BATCH 32 /* messages at once; one may be many datagrams (UDP_GRO) */
#define UDP_MESSAGE_MAX 65536
#define UDP_TURN_MAX 8 /* messages of one flow in a turn of the loop */
#define UDP_NONE UINT32_MAX
#define UDP_SILENT_DATAGRAMS 4
#define UDP_SILENT_MS 3000
#define UDP_ANSWERS_MS 60000
#define UDP_NO_ROOM_MS 100     /* no socket is tried once there was none */
#define UDP_NO_PORT EADDRINUSE /* of udp_socket_open() */
#define UDP_PUBLISH_MS 100     /* how late counters of bytes may be */
#define UDP_FLOW_BYTES 192
#define UDP_BLOCK 256 /* flows that are allocated at once */

/** Byte by byte: has no padding. */
struct udp_key {
    uint8_t client[16], local[16]; /* local: zero unless the listener is a wildcard */
    uint32_t scope;                /* of a link-local client (RFC 4007) */
    uint16_t port_be;
    uint16_t listener; /* index in udp.listeners */
};
_Static_assert(sizeof(struct udp_key) == 40, "compared and hashed as bytes");

union udp_name {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/** Room for a local address and a segment size. */
union udp_control {
    struct cmsghdr align;
    uint8_t b[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

/** Bytes since the counters were last published. */
struct udp_bytes {
    uint64_t in, out, dropped;
};

/** A member, as this worker knows it. Stays while the plan or a flow has it. */
struct udp_peer {
    struct member *member;
    uint32_t index; /* in its set, UDP_NONE: in none any more */
    uint32_t n_flows;
    bool down;
    bool dirty;
    struct udp_peer *next_dirty;
    int64_t answered_ms, silence_ms, reported_ms; /* when last; 0: never */
    int64_t no_port_until_ms;                     /* no port towards it is looked for */
    struct udp_bytes bytes;
    socklen_t name_len;
    union udp_name name;
};

struct udp_listener {
    struct worker_source source; /* first */
    int fd;                      /* the plan's; -1: the entry is free */
    uint16_t index;
    bool v6, wildcard, dirty, wanted;
    const struct plan_service *service; /* of worker->plan */
    const struct ip *addr;              /* of the same */
    uint16_t port;
    struct service_run *run;
    struct udp_listener *next_dirty;
    int64_t answered_ms;
    struct udp_bytes bytes;
};

struct udp_flow {
    struct worker_source source; /* first */
    struct udp_key key;
    uint32_t hash;
    int fd;
    struct udp_peer *peer; /* NULL: the entry is free */

    struct worker_timer timer; /* not restarted by datagrams: looks at seen_ms when it fires */
    int64_t seen_ms;           /* a datagram of either side */
    int64_t asked_ms;          /* the first of those that are not answered */
    uint32_t n_asked;          /* how many these are */
    uint32_t turn;             /* of the loop, when it last had an answer */
    uint8_t first, last;       /* in the batch that is being sent; UDP_BATCH: not in it */
    uint8_t n_turns;           /* one after the other that it had one */
    bool refused, silent;
    bool bulk; /* answers come in bursts: is read by UDP_GRO */

    uint32_t port;   /* index in udp.ports; UDP_NONE: it is the client's (transparent) */
    uint32_t beside; /* another flow that has the same port, UDP_NONE */
    uint32_t at;     /* index of this entry; next free one while it is free */
    uint32_t connect_us;
    int64_t begun_us; /* monotonic */
    uint64_t bytes_in, bytes_out;
};
_Static_assert(sizeof(struct udp_flow) <= UDP_FLOW_BYTES, "as said above");

/** Local ports that this worker has; those of flows that share one are a list. */
struct udp_ports {
    uint32_t *first; /* of each port: index of a flow */
    uint32_t n, max; /* more than max where a plan has lowered it */
    uint32_t room;   /* of `first` */
};

struct udp_slot {
    uint32_t hash, flow; /* flow: index + 1, 0: empty */
};

/** Messages on their way in one direction; message i uses entry i of each array. */
struct udp_lane {
    struct mmsghdr in[UDP_BATCH], out[UDP_BATCH];
    struct iovec in_iov[UDP_BATCH], out_iov[UDP_BATCH];
    union udp_name name[UDP_BATCH];
    union udp_control in_control[UDP_BATCH], out_control[UDP_BATCH];
    uint16_t segment[UDP_BATCH]; /* size of each datagram but the last; 0: the message is one */
    uint8_t next[UDP_BATCH];     /* message of the same flow */
    struct udp_listener *listener[UDP_BATCH];
    uint32_t n_stale; /* entries of `in` that are as the kernel left them */
    uint8_t *buffers;
};

/** For each set of the plan: peers[i] is its member i; NULL where no service of ours has the set.
 */
struct udp_set {
    struct udp_peer **peers;
};

struct udp {
    struct worker *worker;
    struct udp_slot *slots; /* open addressing; at most half full */
    uint32_t mask;
    struct udp_flow **blocks;
    uint32_t free; /* head of the list of free entries, UDP_NONE */
    uint32_t n_flows, n_made, max_flows;
    uint64_t seed;
    struct rng rng;
    struct udp_ports ports;
    bool bursts; /* the kernel has UDP_GRO and UDP_SEGMENT */
    bool draining;
    struct udp_listener **listeners;
    uint32_t n_listeners;
    struct udp_peer **peers; /* ascending by address of the member */
    uint32_t n_peers;
    struct udp_set *sets;
    uint32_t n_sets;
    struct udp_peer *dirty_peers;
    struct udp_listener *dirty_listeners;
    int64_t no_room_until_ms;             /* descriptors, or ports of the host, are used up */
    enum service_result no_room_result;   /* which of them */
    int64_t close_at_ms;                  /* of a drain; MEMBER_NEVER */
    struct worker_timer publish, closing; /* closing: at the first close_at_ms there is */
    uint32_t n_out;                       /* messages that wait in `answers` */
    struct worker_task flush;
    struct udp_lane asks, answers;
};

/* ---- udp_table.c ---- */

/** Room for `max` flows, of which it makes as many as are open at once. Never less than before. */
void udp_table_reserve(struct udp *udp, uint32_t max);
void udp_table_free(struct udp *udp);
uint32_t udp_key_hash(const struct udp *udp, const struct udp_key *key);
struct udp_flow *udp_table_find(const struct udp *udp, const struct udp_key *key, uint32_t hash);
/** An entry for the key, which is not there yet; zero but for key, hash and place. NULL: full. */
struct udp_flow *udp_table_add(struct udp *udp, const struct udp_key *key, uint32_t hash);
void udp_table_remove(struct udp *udp, struct udp_flow *flow);
static inline struct udp_flow *udp_flow_at(const struct udp *udp, uint32_t at)
{
    return &udp->blocks[at / UDP_BLOCK][at & (UDP_BLOCK - 1)];
}

/* ---- udp_flow.c ---- */

/** A flow for a client that has none. NULL: refused, which is counted
 *  but for what could not be answered, and in a drain. */
struct udp_flow *udp_flow_begin(struct udp *udp, struct udp_listener *listener,
                                const struct udp_key *key, uint32_t hash);
/** Before a datagram of the client is sent on. false: there is no member to send it to. */
bool udp_flow_asked(struct udp *udp, struct udp_flow *flow);
/** Its member has refused. */
void udp_flow_refused(struct udp *udp, struct udp_flow *flow);
/** To another member, if there is one. false: it has none that it may use. */
bool udp_flow_move(struct udp *udp, struct udp_flow *flow);
void udp_flow_end(struct udp *udp, struct udp_flow *flow, const char *why);
void udp_flow_record(const struct udp *udp, const struct udp_flow *flow, struct flow_record *out);
struct ip udp_flow_client(const struct udp *udp, const struct udp_flow *flow);

/* ---- udp_socket.c ---- */

/** How many ports there may be; those that are open stay. */
void udp_ports_reserve(struct udp *udp, uint32_t max);
void udp_ports_free(struct udp *udp);
/** A socket towards the member, in place of the one that the flow may have. Returns 0; UDP_NO_PORT
 *  when no local port is left for that member; or another errno. The flow is as before then. */
int udp_socket_open(struct udp *udp, struct udp_flow *flow, const struct udp_peer *peer);
void udp_socket_close(struct udp *udp, struct udp_flow *flow);

/* ---- udp_own.c ---- */

/** Whether answers reach the client: neither is its port 0, nor is it where a listener of ours is.
 */
bool udp_is_answerable(const struct udp *udp, const struct udp_listener *listener,
                       const struct udp_key *key);

/* ---- udp_resume.c ---- */

/** The member that the flow had in another process, if it may have it here. NULL: it may not, or
 *  there was no such flow. The plan has some. */
struct udp_peer *udp_resume(struct udp *udp, const struct udp_listener *listener,
                            const struct udp_key *key);

/* ---- udp_ask.c, udp_answer.c ---- */

void udp_listener_ready(struct worker *worker, struct worker_source *source, uint32_t events);
void udp_flow_ready(struct worker *worker, struct worker_source *source, uint32_t events);
/** Sends the answers that wait. */
void udp_flush(struct udp *udp);

/* ---- udp_send.c ---- */

void udp_lane_init(struct udp_lane *lane);
void udp_lane_free(struct udp_lane *lane);
/** What the kernel has. */
void udp_look(struct udp *udp);
/** Sets the segment size of lane->out[i]; what its control data had is gone. */
void udp_segment_put(struct udp_lane *lane, uint32_t i, uint16_t segment);
/** Of a message that was received: 0 unless it is a burst of several datagrams. */
uint16_t udp_segment_got(struct mmsghdr *in);
/** Whether an error of a connected socket says that its peer cannot be had: ICMP unreachable of the
 *  port, the protocol, the host or by a filter (RFC 1122 4.1.3.3, RFC 4443 3.1), or no route. */
bool udp_is_refusal(int error);
/** How many datagrams a message of n bytes is. */
uint32_t udp_datagrams(size_t n, uint16_t segment);
/** Of messages that go out. */
uint32_t udp_count_datagrams(const struct mmsghdr *out, uint32_t n);
/** Sends messages, without waiting. *dropped: datagrams that were not. Returns how many messages
 *  were dealt with: less than n only for a connected socket whose peer refuses. What has been sent
 *  of the next message, if it is a burst, is taken off its front. */
uint32_t udp_send(int fd, struct mmsghdr *out, uint32_t n, uint32_t *dropped);
void udp_count_listener(struct udp *udp, struct udp_listener *listener, uint64_t in, uint64_t out,
                        uint64_t dropped);
void udp_count_peer(struct udp *udp, struct udp_peer *peer, uint64_t in, uint64_t out);
/** Adds what was counted to what others see. */
void udp_publish(struct udp *udp);

/* ---- udp_follow.c ---- */

/** The peer of a member, which may be in no set; made where there is none. */
struct udp_peer *udp_peer_of(struct udp *udp, struct member *member);
/** Frees a peer that neither the plan nor a flow has any more. */
void udp_peer_drop(struct udp *udp, struct udp_peer *peer);
/** Starts the timer for the first close_at_ms. */
void udp_closing_start(struct udp *udp);
void udp_listener_remove(struct udp *udp, struct udp_listener *listener);
