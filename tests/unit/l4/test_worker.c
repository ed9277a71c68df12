/* SPDX-License-Identifier: Apache-2.0
 * The loop of a worker: posts keep their order, plans are followed and let go of, time and tasks
 * have their turn. Connections and flows are stand-ins. */
#include "l4/worker.h"

#include "base/arena.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- stand-ins ---- */

struct tcp {
    struct plan *before, *now;
    unsigned n_followed;
    int64_t close_at_ms;
    uint32_t n_flows, n_looked;
};

static struct tcp tcp;
static struct tcp udp;
static unsigned n_freed;

struct tcp *tcp_new(struct worker *worker)
{
    (void)worker;
    tcp = (struct tcp){0};
    return &tcp;
}

void tcp_follow(struct tcp *t, struct plan *before)
{
    t->before = before;
    t->n_followed++;
}

static bool was_passed;

void tcp_drain(struct tcp *t, int64_t close_at_ms, bool passed)
{
    was_passed = passed;
    t->close_at_ms = close_at_ms;
}

void tcp_undrain(struct tcp *t)
{
    t->close_at_ms = 0;
}

/* Of each ten records one is in use. */
bool tcp_flows(struct tcp *t, struct flow_look *look, uint32_t *at)
{
    assert_in_range(look->left, 1, WORKER_LOOK_MAX);
    for (; look->n < look->max && look->left > 0; ++*at, look->left--) {
        if (*at >= t->n_flows * 10)
            return false;
        t->n_looked++;
        if (*at % 10 == 9)
            look->out[look->n++] = (struct flow_record){.connect_us = *at / 10, .udp = t == &udp};
    }
    return true;
}

void tcp_free(struct tcp *t)
{
    (void)t;
    n_freed++;
}

struct udp *udp_new(struct worker *worker)
{
    (void)worker;
    udp = (struct tcp){0};
    return (struct udp *)&udp;
}

void udp_follow(struct udp *u, struct plan *before)
{
    tcp_follow((struct tcp *)u, before);
}

void udp_drain(struct udp *u, int64_t close_at_ms, bool passed)
{
    tcp_drain((struct tcp *)u, close_at_ms, was_passed && passed);
}

void udp_undrain(struct udp *u)
{
    tcp_undrain((struct tcp *)u);
}

bool udp_flows(struct udp *u, struct flow_look *look, uint32_t *at)
{
    return tcp_flows((struct tcp *)u, look, at);
}

void udp_free(struct udp *u)
{
    (void)u;
    n_freed++;
}

/* ---- a worker, and waiting for it ---- */

static const struct worker_host host = {0};

static struct worker *started(void)
{
    struct worker *worker;
    n_freed = 0;
    assert_int_equal(worker_start(&worker, 3, 0, &host), 0);
    return worker;
}

static void post_sem(struct worker *worker, void *arg)
{
    (void)worker;
    sem_post(arg);
}

/* What was posted before has been done. */
static void settle(struct worker *worker)
{
    sem_t done;
    sem_init(&done, 0, 0);
    worker_post(worker, post_sem, &done);
    while (sem_wait(&done) != 0)
        ;
    sem_destroy(&done);
}

/* ---- posts ---- */

#define POSTERS 4
#define POSTS 2000

struct posted {
    unsigned poster, number;
};

static unsigned next_number[POSTERS], n_wrong;

static void note(struct worker *worker, void *arg)
{
    (void)worker;
    const struct posted *posted = arg;
    n_wrong += next_number[posted->poster]++ != posted->number;
}

struct poster {
    struct worker *worker;
    struct posted posts[POSTS];
};

static void *post_all(void *arg)
{
    struct poster *poster = arg;
    for (unsigned i = 0; i < POSTS; i++)
        worker_post(poster->worker, note, &poster->posts[i]);
    return NULL;
}

static void posts_of_a_thread_keep_their_order(void **state)
{
    (void)state;
    static struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    struct worker *worker = started();
    memset(next_number, 0, sizeof next_number);
    n_wrong = 0;
    for (unsigned p = 0; p < POSTERS; p++) {
        posters[p].worker = worker;
        for (unsigned i = 0; i < POSTS; i++)
            posters[p].posts[i] = (struct posted){p, i};
        assert_int_equal(pthread_create(&threads[p], NULL, post_all, &posters[p]), 0);
    }
    for (unsigned p = 0; p < POSTERS; p++)
        pthread_join(threads[p], NULL);
    settle(worker);
    for (unsigned p = 0; p < POSTERS; p++)
        assert_int_equal(next_number[p], POSTS);
    assert_int_equal(n_wrong, 0);
    worker_stop(worker);
}

static void what_was_posted_before_the_stop_is_done(void **state)
{
    (void)state;
    static struct posted posts[POSTS];
    struct worker *worker = started();
    memset(next_number, 0, sizeof next_number);
    for (unsigned i = 0; i < POSTS; i++) {
        posts[i] = (struct posted){0, i};
        worker_post(worker, note, &posts[i]);
    }
    worker_stop(worker);
    assert_int_equal(next_number[0], POSTS);
    assert_int_equal(n_freed, 2);
}

/* ---- plans ---- */

static _Atomic unsigned n_unheld;

static void unheld(void *ctx, struct plan *plan)
{
    (void)ctx, (void)plan;
    n_unheld++;
}

static void plans_are_followed_and_let_go_of(void **state)
{
    (void)state;
    struct plan a = {.n_holds = 1, .n_cursors = 1, .unheld = unheld};
    struct plan b = {.n_holds = 1, .n_cursors = 3, .unheld = unheld};
    struct worker *worker = started();
    n_unheld = 0;
    worker_give(worker, &a);
    settle(worker);
    assert_null(tcp.before);
    assert_ptr_equal(worker->plan, &a);
    assert_int_equal(n_unheld, 0);
    worker->cursors[0].at = 7;
    worker_give(worker, &b);
    settle(worker);
    assert_ptr_equal(tcp.before, &a);
    assert_ptr_equal(udp.before, &a);
    assert_int_equal(n_unheld, 1);
    /* what a set's cursor was at goes on; a new one begins, with numbers of its own */
    assert_int_equal(worker->cursors[0].at, 7);
    assert_int_equal(worker->cursors[2].at, 0);
    assert_true(worker->cursors[2].rng.state != worker->cursors[1].rng.state);
    worker_stop(worker);
    assert_int_equal(n_unheld, 2);
    assert_int_equal(udp.n_followed, 2);
}

static void a_drain_reaches_both(void **state)
{
    (void)state;
    struct worker *worker = started();
    worker_drain(worker, 1234, true);
    settle(worker);
    assert_int_equal(tcp.close_at_ms, 1234);
    assert_int_equal(udp.close_at_ms, 1234);
    assert_true(was_passed);
    worker_drain(worker, 1235, false);
    settle(worker);
    assert_int_equal(udp.close_at_ms, 1235);
    assert_false(was_passed);
    worker_undrain(worker);
    settle(worker);
    assert_int_equal(tcp.close_at_ms, 0);
    assert_int_equal(udp.close_at_ms, 0);
    worker_stop(worker);
}

static void flows_are_listed_across_both(void **state)
{
    (void)state;
    struct flow_record out[8];
    struct worker *worker = started();
    uint64_t at = 0;
    tcp.n_flows = 3;
    udp.n_flows = 3;
    assert_int_equal(worker_flows(worker, out, 8, &at), 6);
    assert_true(!out[2].udp && out[3].udp && out[3].connect_us == 0);
    assert_true(at == WORKER_FLOWS_END);
    at = 0;
    assert_int_equal(worker_flows(worker, out, 2, &at), 2);
    assert_true(out[0].connect_us == 0 && out[1].connect_us == 1 && !out[1].udp);
    assert_int_equal(worker_flows(worker, out, 2, &at), 2);
    assert_true(out[0].connect_us == 2 && !out[0].udp && out[1].udp && out[1].connect_us == 0);
    assert_int_equal(worker_flows(worker, out, 8, &at), 2);
    assert_true(out[0].udp && out[0].connect_us == 1 && at == WORKER_FLOWS_END);
    for (uint64_t beyond = 1; beyond != 0; beyond <<= 1) { /* what nobody was given */
        at = beyond | 30;
        assert_int_equal(worker_flows(worker, out, 8, &at), beyond < UINT64_C(1) << 32 ? 3 : 0);
        assert_true(at == WORKER_FLOWS_END);
    }
    worker_stop(worker);
}

/* However many there are, and wherever the page begins, a call costs a piece, and all pages
 * together look at each record once. */
static void pages_cost_what_they_are(void **state)
{
    (void)state;
    struct flow_record out[64];
    struct worker *worker = started();
    uint32_t n = 0, of_udp = 0;
    tcp.n_flows = 100000;
    udp.n_flows = 100;
    tcp.n_looked = udp.n_looked = 0;
    for (uint64_t at = 0; at != WORKER_FLOWS_END;) {
        uint32_t before = tcp.n_looked + udp.n_looked, got = worker_flows(worker, out, 64, &at);
        assert_in_range(tcp.n_looked + udp.n_looked - before, 0, WORKER_LOOK_MAX);
        for (uint32_t i = 0; i < got; i++) {
            assert_int_equal(out[i].connect_us, out[i].udp ? of_udp : n);
            *(out[i].udp ? &of_udp : &n) += 1;
        }
    }
    assert_int_equal(n, 100000);
    assert_int_equal(of_udp, 100);
    assert_int_equal(tcp.n_looked, 1000000);
    assert_int_equal(udp.n_looked, 1000);
    worker_stop(worker);
}

/* ---- descriptors, time, tasks ---- */

struct counted {
    struct worker_source source; /* first */
    struct worker_timer timer;
    struct worker_task task;
    unsigned n_ready, n_fired, n_run;
    uint64_t turns[3];
    int64_t fired_ms;
    sem_t done;
};

static void on_ready(struct worker *worker, struct worker_source *source, uint32_t events)
{
    struct counted *c = (struct counted *)source;
    (void)worker;
    if (events & EPOLLIN)
        c->n_ready++;
    sem_post(&c->done);
}

static void on_time(struct worker *worker, struct worker_timer *timer)
{
    struct counted *c = (struct counted *)((char *)timer - offsetof(struct counted, timer));
    c->n_fired++;
    c->fired_ms = worker->now_ms;
    sem_post(&c->done);
}

static void on_task(struct worker *worker, struct worker_task *task)
{
    struct counted *c = (struct counted *)((char *)task - offsetof(struct counted, task));
    c->turns[c->n_run++] = worker->turn;
    if (c->n_run < 3)
        worker_defer(worker, task);
    else
        sem_post(&c->done);
}

static void counted_init(struct counted *c)
{
    *c = (struct counted){.source.ready = on_ready, .timer.fire = on_time, .task.run = on_task};
    sem_init(&c->done, 0, 0);
}

static void counted_wait(struct counted *c)
{
    while (sem_wait(&c->done) != 0)
        ;
}

static void descriptors_are_watched_and_no_more(void **state)
{
    (void)state;
    struct counted c;
    int pair[2];
    struct worker *worker = started();
    counted_init(&c);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(worker_watch(worker, pair[0], EPOLLIN | EPOLLET, &c.source), 0);
    assert_int_equal(write(pair[1], "a", 1), 1);
    counted_wait(&c);
    assert_int_equal(worker_rewatch(worker, pair[0], EPOLLIN | EPOLLET, &c.source), 0);
    counted_wait(&c); /* it is still readable */
    worker_unwatch(worker, pair[0]);
    assert_int_equal(write(pair[1], "a", 1), 1);
    settle(worker);
    settle(worker);
    assert_int_equal(c.n_ready, 2);
    worker_stop(worker);
    close(pair[0]);
    close(pair[1]);
}

static void start_timer(struct worker *worker, void *arg)
{
    struct counted *c = arg;
    c->fired_ms = -worker->now_ms;
    worker_after(worker, &c->timer, 20);
}

static void timers_fire_once_and_not_before(void **state)
{
    (void)state;
    struct counted c;
    struct worker *worker = started();
    counted_init(&c);
    worker_post(worker, start_timer, &c);
    settle(worker);
    int64_t begun_ms = -c.fired_ms;
    counted_wait(&c);
    settle(worker);
    assert_int_equal(c.n_fired, 1);
    assert_true(c.fired_ms >= begun_ms + 20);
    worker_stop(worker);
}

static void defer_twice(struct worker *worker, void *arg)
{
    struct counted *c = arg;
    worker_defer(worker, &c->task);
    worker_defer(worker, &c->task);
    c->n_ready = (unsigned)worker->turn;
}

static void tasks_run_once_a_turn(void **state)
{
    (void)state;
    struct counted c;
    struct worker *worker = started();
    counted_init(&c);
    worker_post(worker, defer_twice, &c);
    counted_wait(&c);
    assert_int_equal(c.n_run, 3);
    assert_int_equal(c.turns[0], c.n_ready);
    assert_int_equal(c.turns[1], c.turns[0] + 1);
    assert_int_equal(c.turns[2], c.turns[1] + 1);
    worker_stop(worker);
}

/* ---- much work takes turns ---- */

#define MANY 100
#define ROUNDS 20
#define GO_ONS_MAX 16 /* of a turn */

struct long_task {
    struct worker_task task; /* first */
    unsigned n_run;
    uint64_t turn; /* the last */
};

static struct long_task long_tasks[MANY];
static struct counted each_turn;
static unsigned n_of_turn, most_of_turn, most_apart;
static uint64_t of_turn;

/* None is two runs ahead of another: those behind it come first. */
static void note_spread(unsigned n_run)
{
    for (unsigned i = 0; i < MANY; i++) {
        unsigned apart = n_run - long_tasks[i].n_run;
        most_apart = apart > most_apart ? apart : most_apart;
    }
}

static void on_long_task(struct worker *worker, struct worker_task *task)
{
    struct long_task *t = (struct long_task *)task;
    n_of_turn = of_turn == worker->turn ? n_of_turn + 1 : 1;
    of_turn = worker->turn;
    most_of_turn = n_of_turn > most_of_turn ? n_of_turn : most_of_turn;
    n_wrong += t->turn == worker->turn; /* again in the turn in which it asked for it */
    t->turn = worker->turn;
    if (++t->n_run <= ROUNDS)
        note_spread(t->n_run);
    worker_go_on(worker, task);
    if (t == &long_tasks[MANY - 1] && t->n_run == ROUNDS)
        sem_post(&each_turn.done);
}

/* A short one is run in each turn, whatever waits to go on. */
static void on_each_turn(struct worker *worker, struct worker_task *task)
{
    n_wrong += each_turn.n_run > 0 && worker->turn != each_turn.turns[0] + 1;
    each_turn.turns[0] = worker->turn;
    each_turn.n_run++;
    worker_defer(worker, task);
}

static void begin_long_tasks(struct worker *worker, void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < MANY; i++) {
        long_tasks[i] = (struct long_task){.task.run = on_long_task};
        worker_go_on(worker, &long_tasks[i].task);
        worker_go_on(worker, &long_tasks[i].task);
        worker_defer(worker, &long_tasks[i].task); /* it waits already */
    }
    each_turn.task.run = on_each_turn;
    worker_defer(worker, &each_turn.task);
}

static void much_work_takes_turns(void **state)
{
    (void)state;
    struct worker *worker = started();
    counted_init(&each_turn);
    most_of_turn = most_apart = n_wrong = 0;
    worker_post(worker, begin_long_tasks, NULL);
    settle(worker); /* an order finds its way between them */
    counted_wait(&each_turn);
    worker_stop(worker);
    assert_true(most_of_turn > 0 && most_of_turn <= GO_ONS_MAX);
    assert_int_equal(most_apart, 1);
    assert_int_equal(n_wrong, 0);
    assert_true(each_turn.n_run >= MANY * ROUNDS / GO_ONS_MAX);
    for (unsigned i = 0; i < MANY; i++)
        assert_true(long_tasks[i].n_run >= ROUNDS - 1);
}

/* What is put off by one event is done when the others of the turn have been seen to: it may free
 * what they point to. */
struct two {
    struct worker_source sources[2];
    struct worker_task tasks[2];
    int pairs[2][2];
    unsigned n_ready, n_early, n_run;
    uint64_t turn;
    sem_t done;
};

static struct two two;

static void on_one_of_two(struct worker *worker, struct worker_source *source, uint32_t events)
{
    (void)events, (void)source;
    if (two.n_ready++ == 0) {
        worker_go_on(worker, &two.tasks[0]);
        worker_defer(worker, &two.tasks[1]);
    }
}

static void on_two_task(struct worker *worker, struct worker_task *task)
{
    (void)worker, (void)task;
    two.n_early += two.n_ready < 2;
    if (++two.n_run == 2)
        sem_post(&two.done);
}

static void write_to_both(struct worker *worker, void *arg)
{
    (void)worker, (void)arg;
    for (unsigned i = 0; i < 2; i++)
        n_wrong += write(two.pairs[i][1], "a", 1) != 1;
}

static void tasks_are_behind_all_events_of_a_turn(void **state)
{
    (void)state;
    struct worker *worker = started();
    two = (struct two){.sources = {{on_one_of_two}, {on_one_of_two}},
                       .tasks = {{.run = on_two_task}, {.run = on_two_task}}};
    sem_init(&two.done, 0, 0);
    n_wrong = 0;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, two.pairs[i]), 0);
        assert_int_equal(worker_watch(worker, two.pairs[i][0], EPOLLIN | EPOLLET, &two.sources[i]),
                         0);
    }
    worker_post(worker, write_to_both, NULL);
    while (sem_wait(&two.done) != 0)
        ;
    worker_stop(worker);
    assert_int_equal(two.n_early + n_wrong, 0);
    for (unsigned i = 0; i < 4; i++)
        close(two.pairs[i / 2][i % 2]);
}

struct self {
    sigset_t blocked;
    char name[16];
};

static void look_at_self(struct worker *worker, void *arg)
{
    struct self *self = arg;
    (void)worker;
    pthread_sigmask(SIG_SETMASK, NULL, &self->blocked);
    pthread_getname_np(pthread_self(), self->name, sizeof self->name);
}

static void signals_are_the_main_threads(void **state)
{
    (void)state;
    struct self self;
    sigset_t mine;
    struct worker *worker = started();
    worker_post(worker, look_at_self, &self);
    settle(worker);
    assert_string_equal(self.name, "l4/3");
    assert_true(sigismember(&self.blocked, SIGTERM) && sigismember(&self.blocked, SIGPIPE));
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_false(sigismember(&mine, SIGTERM));
    worker_stop(worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_of_a_thread_keep_their_order),
        cmocka_unit_test(what_was_posted_before_the_stop_is_done),
        cmocka_unit_test(plans_are_followed_and_let_go_of),
        cmocka_unit_test(a_drain_reaches_both),
        cmocka_unit_test(flows_are_listed_across_both),
        cmocka_unit_test(pages_cost_what_they_are),
        cmocka_unit_test(descriptors_are_watched_and_no_more),
        cmocka_unit_test(timers_fire_once_and_not_before),
        cmocka_unit_test(tasks_run_once_a_turn),
        cmocka_unit_test(much_work_takes_turns),
        cmocka_unit_test(tasks_are_behind_all_events_of_a_turn),
        cmocka_unit_test(signals_are_the_main_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
