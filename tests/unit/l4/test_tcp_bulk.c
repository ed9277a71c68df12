/* SPDX-License-Identifier: Apache-2.0
 * Much at once: by copy and by splice, both ways, to readers that are slow or stop. */
#include "forward_world.h"

#include "base/rng.h"

#include <pthread.h>

#define BULK (100 << 20)
#define BLOCK 65536

/* What comes at a place of a stream is known: its block is drawn from the block's number. */
static void block_at(uint8_t *out, uint64_t seed, uint64_t nth)
{
    struct rng rng = {seed + nth * 77};
    for (size_t i = 0; i < BLOCK; i += 8) {
        uint64_t x = rng_next(&rng);
        memcpy(out + i, &x, 8);
    }
}

struct stream {
    int fd;
    uint64_t seed, bytes;
    uint64_t wrong; /* blocks; or bytes that did not come */
    bool goes_on;   /* the end is not said */
};

static void *stream_say(void *arg)
{
    struct stream *s = arg;
    uint8_t block[BLOCK];
    for (uint64_t i = 0; i < s->bytes / BLOCK; i++) {
        block_at(block, s->seed, i);
        for (size_t at = 0; at < BLOCK;) {
            ssize_t n = send(s->fd, block + at, BLOCK - at, MSG_NOSIGNAL);
            if (n <= 0) {
                s->wrong = s->bytes - i * BLOCK;
                return NULL;
            }
            at += (size_t)n;
        }
    }
    if (!s->goes_on)
        shutdown(s->fd, SHUT_WR);
    return NULL;
}

static void *stream_hear(void *arg)
{
    struct stream *s = arg;
    uint8_t block[BLOCK], got[BLOCK];
    for (uint64_t i = 0; i < s->bytes / BLOCK; i++) {
        if (recv(s->fd, got, BLOCK, MSG_WAITALL) != BLOCK) {
            s->wrong = s->bytes - i * BLOCK;
            return NULL;
        }
        block_at(block, s->seed, i);
        s->wrong += memcmp(block, got, BLOCK) != 0;
    }
    s->wrong += recv(s->fd, got, 1, 0) != 0; /* and nothing behind it */
    return NULL;
}

struct pair {
    struct world w;
    int backend, client, member;
};

static void pair_open(struct pair *p, enum l4_relay relay)
{
    world_open(&p->w);
    p->w.service.relay = relay;
    p->backend = listening(16);
    WORLD_MEMBERS_ARE(&p->w, up(port_of(p->backend)));
    p->client = client_of(p->w.port);
    p->member = accepted(p->backend);
}

static void pair_close(struct pair *p)
{
    close(p->client), close(p->member), close(p->backend);
    WAIT_UNTIL(p->w.n_ended == 1);
    world_close(&p->w);
}

static unsigned open_pipes(void)
{
    unsigned n = 0;
    struct dirent *entry;
    DIR *dir = opendir("/proc/self/fd");
    while ((entry = readdir(dir))) {
        char to[64];
        ssize_t k = readlinkat(dirfd(dir), entry->d_name, to, sizeof to);
        n += k > 5 && memcmp(to, "pipe:", 5) == 0;
    }
    closedir(dir);
    return n;
}

static void both_ways_of(enum l4_relay relay, bool pipes)
{
    struct pair p;
    pthread_t threads[4];
    unsigned pipes_before = open_pipes();
    pair_open(&p, relay);
    struct stream streams[4] = {{p.client, 1, BULK, 0, false},
                                {p.member, 1, BULK, 0, false},
                                {p.member, 2, BULK, 0, false},
                                {p.client, 2, BULK, 0, false}};
    for (unsigned i = 0; i < 4; i += 2)
        pthread_create(&threads[i], NULL, stream_say, &streams[i]);
    WAIT_UNTIL(!pipes || open_pipes() > pipes_before); /* and stay so while nobody reads */
    for (unsigned i = 1; i < 4; i += 2)
        pthread_create(&threads[i], NULL, stream_hear, &streams[i]);
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(streams[i].wrong, 0);
    }
    WAIT_UNTIL(p.w.n_ended == 1);
    assert_int_equal(p.w.last.bytes_in, BULK);
    assert_int_equal(p.w.last.bytes_out, BULK);
    assert_int_equal(atomic_load(&p.w.run->bytes_in), BULK);
    assert_int_equal(atomic_load(&p.w.run->bytes_out), BULK);
    assert_true(pipes || open_pipes() == pipes_before);
    WAIT_UNTIL(open_pipes() == pipes_before); /* they do not stay */
    pair_close(&p);
}

static void bulk_by_copy_is_what_was_sent(void **state)
{
    (void)state;
    both_ways_of(L4_RELAY_COPY, false);
}

static void bulk_by_splice_is_what_was_sent(void **state)
{
    (void)state;
    both_ways_of(L4_RELAY_SPLICE, true);
}

/* As much as goes in while nobody reads at the other end; the connection does not move then. */
static uint64_t stuff(int fd, uint64_t seed)
{
    static uint8_t block[BLOCK];
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    uint64_t sent = 0;
    while (poll(&room, 1, 700) == 1) {
        block_at(block, seed, sent / BLOCK);
        ssize_t n =
            send(fd, block + sent % BLOCK, BLOCK - sent % BLOCK, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            break; /* it is over */
        sent += n > 0 ? (uint64_t)n : 0;
    }
    return sent;
}

static void a_reader_that_stops_stops_the_writer(enum l4_relay relay, bool member_reads)
{
    struct pair p;
    pthread_t thread;
    pair_open(&p, relay);
    int writer = member_reads ? p.client : p.member, reader = member_reads ? p.member : p.client;
    uint64_t sent = stuff(writer, 5);
    assert_true(sent <
                64 << 20); /* what four kernel buffers hold at most, and much less than all */
    /* the other way is not hindered */
    SAY(reader, "enough");
    HEAR(writer, "enough");
    struct stream heard = {reader, 5, sent / BLOCK * BLOCK + 10 * BLOCK, 0, false};
    pthread_create(&thread, NULL, stream_hear, &heard);
    static uint8_t block[BLOCK];
    for (uint64_t end = heard.bytes; sent < end;) {
        block_at(block, 5, sent / BLOCK);
        say(writer, block + sent % BLOCK, BLOCK - sent % BLOCK);
        sent += BLOCK - sent % BLOCK;
    }
    shutdown(writer, SHUT_WR);
    pthread_join(thread, NULL);
    assert_int_equal(heard.wrong, 0);
    pair_close(&p);
}

static void a_slow_reader_by_copy(void **state)
{
    (void)state;
    a_reader_that_stops_stops_the_writer(L4_RELAY_COPY, true);
    a_reader_that_stops_stops_the_writer(L4_RELAY_COPY, false);
}

static void a_slow_reader_by_splice(void **state)
{
    (void)state;
    a_reader_that_stops_stops_the_writer(L4_RELAY_SPLICE, true);
    a_reader_that_stops_stops_the_writer(L4_RELAY_SPLICE, false);
}

/* What is held for one who does not read keeps no reset from being passed on. */
static void a_reset_passes_what_is_stuck(void **state)
{
    (void)state;
    static const enum l4_relay relays[] = {L4_RELAY_COPY, L4_RELAY_AUTO};
    for (unsigned i = 0; i < 2; i++) {
        struct pair p;
        pair_open(&p, relays[i]);
        stuff(p.client, 5);
        reset(p.client);
        struct pollfd broken = {.fd = p.member};
        assert_int_equal(poll(&broken, 1, WORLD_WAIT_S * 1000), 1);
        assert_true(broken.revents & POLLERR);
        p.client = open("/dev/null", O_RDONLY | O_CLOEXEC);
        WAIT_UNTIL(p.w.n_ended == 1);
        assert_string_equal(p.w.last_end, "reset by client");
        /* nor does what was held then come to anybody else */
        struct stream said = {client_of(p.w.port), 9, 32 * BLOCK, 0, false};
        struct stream heard = {accepted(p.backend), 9, 32 * BLOCK, 0, false};
        pthread_t writer;
        pthread_create(&writer, NULL, stream_say, &said);
        stream_hear(&heard);
        pthread_join(writer, NULL);
        assert_int_equal(said.wrong + heard.wrong, 0);
        close(said.fd), close(heard.fd);
        WAIT_UNTIL(p.w.n_ended == 2);
        p.w.n_ended = 1; /* pair_close() waits for the first */
        pair_close(&p);
    }
}

static void what_is_stuck_and_idle_is_reset(void **state)
{
    (void)state;
    struct pair p;
    world_open(&p.w);
    p.w.service.idle_timeout_ms = 2000;
    p.backend = listening(16);
    WORLD_MEMBERS_ARE(&p.w, up(port_of(p.backend)));
    p.client = client_of(p.w.port);
    p.member = accepted(p.backend);
    stuff(p.client, 5);
    WAIT_UNTIL(p.w.n_ended == 1);
    assert_string_equal(p.w.last_end, "idle");
    struct pollfd broken = {.fd = p.member};
    assert_int_equal(poll(&broken, 1, WORLD_WAIT_S * 1000), 1);
    assert_true(broken.revents & POLLERR);
    pair_close(&p);
}

/* Bulk, then single questions, then bulk: each is right after the other. */
static void a_way_may_change_its_kind(void **state)
{
    (void)state;
    struct pair p;
    pthread_t writer;
    pair_open(&p, L4_RELAY_AUTO);
    for (unsigned round = 0; round < 5; round++) {
        struct stream said = {p.client, round, 32 * BLOCK, 0, true};
        static uint8_t block[BLOCK], got[BLOCK];
        pthread_create(&writer, NULL, stream_say, &said);
        for (unsigned i = 0; i < 32; i++) {
            assert_int_equal(recv(p.member, got, BLOCK, MSG_WAITALL), BLOCK);
            block_at(block, round, i);
            assert_memory_equal(got, block, BLOCK);
        }
        pthread_join(writer, NULL);
        for (unsigned i = 0; i < 40; i++) {
            SAY(p.client, "ok?");
            HEAR(p.member, "ok?");
            SAY(p.member, "yes");
            HEAR(p.client, "yes");
        }
    }
    pair_close(&p);
}

/* ---- urgent data (RFC 9293 3.8.5): one byte that is not passed on, and all around it is ---- */

static void hold(struct worker *worker, void *arg)
{
    (void)worker;
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    sem_post(arg);
}

/* The worker finds all of it at once. */
static void what_is_behind_an_urgent_byte_is_read(void **state)
{
    (void)state;
    struct pair p;
    sem_t done;
    sem_init(&done, 0, 0);
    pair_open(&p, L4_RELAY_AUTO);
    for (unsigned i = 0; i < 3; i++) {
        worker_post(p.w.worker, hold, &done);
        SAY(p.client, "abc");
        assert_int_equal(send(p.client, "X", 1, MSG_OOB), 1);
        SAY(p.client, "def");
        HEAR(p.member, "abcdef");
        while (sem_wait(&done) != 0)
            ;
    }
    sem_destroy(&done);
    pair_close(&p);
}

/* An urgent byte is before the last of the blocks. */
static void *say_urgently(void *arg)
{
    struct stream *s = arg;
    struct stream part = {s->fd, s->seed, s->bytes - BLOCK, 0, true};
    uint8_t last[BLOCK];
    stream_say(&part);
    send(s->fd, "X", 1, MSG_OOB | MSG_NOSIGNAL);
    block_at(last, s->seed, s->bytes / BLOCK - 1);
    send(s->fd, last, BLOCK, MSG_NOSIGNAL);
    shutdown(s->fd, SHUT_WR);
    return NULL;
}

static void bulk_with_urgent_bytes_is_whole(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct pair p;
        pthread_t writer;
        pair_open(&p, i % 2 ? L4_RELAY_COPY : L4_RELAY_SPLICE);
        struct stream said = {p.client, i, 64 * BLOCK, 0, false};
        struct stream heard = {p.member, i, 64 * BLOCK, 0, false};
        pthread_create(&writer, NULL, say_urgently, &said);
        stream_hear(&heard);
        pthread_join(writer, NULL);
        assert_int_equal(heard.wrong, 0);
        pair_close(&p);
    }
}

/* ---- bulk of many ---- */

#define STREAMS 40
#define TURN_MAX (5 << 20) /* bytes between two looks for events: an eighth of what there is */

struct looks {
    sem_t held, go, done;
    uint64_t bytes[3]; /* that were written, at each look */
    unsigned n;
};

static uint64_t written(struct worker *worker)
{
    struct flow_record flows[STREAMS];
    uint64_t sum = 0, at = 0;
    uint32_t n = worker_flows(worker, flows, STREAMS, &at);
    for (uint32_t i = 0; i < n; i++)
        sum += flows[i].bytes_out;
    return sum;
}

/* Each look is an event of the turn after. */
static void look(struct worker *worker, void *arg)
{
    struct looks *l = arg;
    l->bytes[l->n++] = written(worker);
    if (l->n < 3)
        worker_post(worker, look, l);
    else
        sem_post(&l->done);
}

static void hold_until_go(struct worker *worker, void *arg)
{
    struct looks *l = arg;
    (void)worker;
    sem_post(&l->held);
    while (sem_wait(&l->go) != 0)
        ;
}

static void fill_while_held(struct looks *l, struct world *w, const int *members, unsigned blocks)
{
    static uint8_t block[BLOCK];
    l->n = 0;
    worker_post(w->worker, hold_until_go, l);
    while (sem_wait(&l->held) != 0)
        ;
    for (unsigned i = 0; i < STREAMS; i++)
        for (unsigned k = 0; k < blocks; k++)
            say(members[i], block, BLOCK);
    worker_post(w->worker, look, l);
    sem_post(&l->go);
    while (sem_wait(&l->done) != 0)
        ;
}

static void empty(const int *clients, unsigned blocks)
{
    static uint8_t block[BLOCK];
    for (unsigned i = 0; i < STREAMS; i++)
        for (unsigned k = 0; k < blocks; k++)
            assert_int_equal(recv(clients[i], block, BLOCK, MSG_WAITALL), BLOCK);
}

/* A turn of the loop moves a bounded part of what many have, and what else there is comes first. */
static void bulk_of_many_holds_up_nobody(void **state)
{
    (void)state;
    struct pair p;
    struct looks l = {.n = 0};
    int clients[STREAMS], members[STREAMS];
    sem_init(&l.held, 0, 0), sem_init(&l.go, 0, 0), sem_init(&l.done, 0, 0);
    pair_open(&p, L4_RELAY_AUTO);
    clients[0] = p.client, members[0] = p.member;
    for (unsigned i = 1; i < STREAMS; i++) {
        clients[i] = client_of(p.w.port);
        members[i] = accepted(p.backend);
    }
    fill_while_held(&l, &p.w, members, 3); /* they are known for bulk then */
    empty(clients, 3);
    fill_while_held(&l, &p.w, members, 16);
    assert_int_equal(l.bytes[0], (uint64_t)STREAMS * 3 * BLOCK); /* none is before the events */
    assert_true(l.bytes[1] > l.bytes[0] && l.bytes[1] - l.bytes[0] <= TURN_MAX);
    assert_true(l.bytes[2] > l.bytes[1] && l.bytes[2] - l.bytes[1] <= TURN_MAX);
    empty(clients, 16);
    for (unsigned i = 1; i < STREAMS; i++)
        close(clients[i]), close(members[i]);
    WAIT_UNTIL(p.w.n_ended == STREAMS - 1);
    p.w.n_ended = 0;
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bulk_by_copy_is_what_was_sent),
        cmocka_unit_test(bulk_by_splice_is_what_was_sent),
        cmocka_unit_test(a_slow_reader_by_copy),
        cmocka_unit_test(a_slow_reader_by_splice),
        cmocka_unit_test(a_reset_passes_what_is_stuck),
        cmocka_unit_test(what_is_stuck_and_idle_is_reset),
        cmocka_unit_test(a_way_may_change_its_kind),
        cmocka_unit_test(what_is_behind_an_urgent_byte_is_read),
        cmocka_unit_test(bulk_with_urgent_bytes_is_whole),
        cmocka_unit_test(bulk_of_many_holds_up_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
