/* SPDX-License-Identifier: Apache-2.0
 * Publishing under readers: what a reader holds stays whole until its quiescent state, and all that
 * was replaced is freed in the end. Run under AddressSanitizer and ThreadSanitizer, this is the
 * proof of the grace periods; a plain build sees what is freed too early by the barrier. */
#include "base/arena.h"
#include "snapshot/publish.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define N_READERS 3
#define N_SNAPSHOTS 300
#define N_VIEWS 5 /* a snapshot */
#define POISON 0xdeaddeaddeaddeadu

static atomic_bool stop;
static atomic_uint n_released;

static struct pool_view *make_view(uint32_t number)
{
    struct arena *arena = arena_new();
    struct pool_view *view = arena_calloc(arena, 1, sizeof *view);
    uint32_t *classes = arena_calloc(arena, 8, sizeof *classes);
    for (unsigned i = 0; i < 8; i++)
        classes[i] = number;
    *view = (struct pool_view){.arena = arena, .n_classes = number, .class_verdict = classes};
    return view;
}

static struct snapshot *make_snapshot(uint64_t generation)
{
    struct arena *arena = arena_new();
    struct snapshot *s = arena_calloc(arena, 1, sizeof *s);
    s->arena = arena;
    s->generation = generation;
    s->n_pools = 1;
    s->pools = arena_calloc(arena, 1, sizeof *s->pools);
    atomic_init(&s->pools[0].view, make_view(1));
    s->version = slice_of(arena_copy(arena, &generation, sizeof generation), sizeof generation);
    return s;
}

/** One look at everything, as a worker's batch takes it. Returns the generation seen. */
static uint64_t look(void)
{
    const struct snapshot *s = publish_current();
    uint64_t copy;
    memcpy(&copy, s->version.p, sizeof copy);
    if (copy != s->generation)
        abort();
    const struct pool_view *view = atomic_load_explicit(&s->pools[0].view, memory_order_acquire);
    for (unsigned i = 0; i < 8; i++)
        if (view->class_verdict[i] != view->n_classes)
            abort();
    return copy;
}

static void *reader(void *arg)
{
    unsigned id = (unsigned)(uintptr_t)arg, rounds = 0;
    uint64_t newest = 0;
    publish_thread_register();
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        uint64_t seen = look();
        if (seen < newest)
            abort(); /* time never goes back for a reader */
        newest = seen;
        publish_quiesce();
        if (++rounds % (16 + id) == 0) { /* as if it blocked */
            publish_offline();
            sched_yield();
            publish_online();
        }
    }
    publish_thread_unregister();
    return NULL;
}

static void count_release(void *p)
{
    *(uint64_t *)p = POISON;
    free(p);
    atomic_fetch_add(&n_released, 1);
}

static void readers_never_see_freed_memory(void **state)
{
    (void)state;
    pthread_t threads[N_READERS];
    atomic_store(&stop, false);
    atomic_store(&n_released, 0);
    publish_snapshot(make_snapshot(1));
    for (uintptr_t i = 0; i < N_READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, (void *)i), 0);
    for (uint64_t g = 2; g <= N_SNAPSHOTS; g++) {
        struct snapshot *s = make_snapshot(g);
        publish_snapshot(s);
        publish_retire(count_release, xmalloc(8));
        for (uint32_t v = 0; v < N_VIEWS; v++)
            publish_view(&s->pools[0], make_view(v + 2));
        if (g % 16 == 0)
            usleep(500);
    }
    publish_barrier();
    assert_int_equal(atomic_load(&n_released), N_SNAPSHOTS - 1);
    assert_int_equal(look(), N_SNAPSHOTS);
    atomic_store(&stop, true);
    for (unsigned i = 0; i < N_READERS; i++)
        pthread_join(threads[i], NULL);
    publish_shutdown();
    assert_null(publish_current());
}

static atomic_bool held, may_leave;

static void *holder(void *arg)
{
    (void)arg;
    publish_thread_register();
    look();
    atomic_store(&held, true);
    while (!atomic_load(&may_leave))
        look();
    publish_thread_unregister();
    return NULL;
}

/** The writer is not held up by a reader, and nothing is freed before that reader moves on. */
static void writer_does_not_wait(void **state)
{
    (void)state;
    pthread_t thread;
    atomic_store(&n_released, 0);
    publish_snapshot(make_snapshot(1));
    assert_int_equal(pthread_create(&thread, NULL, holder, NULL), 0);
    while (!atomic_load(&held))
        sched_yield();
    for (unsigned i = 0; i < 100; i++)
        publish_retire(count_release, xmalloc(8));
    usleep(20000);
    assert_int_equal(atomic_load(&n_released), 0);
    atomic_store(&may_leave, true);
    pthread_join(thread, NULL);
    publish_barrier();
    assert_int_equal(atomic_load(&n_released), 100);
    publish_shutdown();
}

static atomic_bool through;

static void *wait_for_all(void *arg)
{
    (void)arg;
    publish_barrier();
    atomic_store(&through, true);
    return NULL;
}

/** Whichever of the three is replaced: it is freed when the reader that may hold it has moved on,
 * and not before. */
static void every_replacement_waits_for_readers(void **state)
{
    (void)state;
    for (unsigned what = 0; what < 3; what++) {
        pthread_t reader_thread, waiter;
        struct snapshot *s = make_snapshot(1);
        atomic_store(&held, false);
        atomic_store(&may_leave, false);
        atomic_store(&through, false);
        atomic_store(&n_released, 0);
        publish_snapshot(s);
        publish_barrier();
        assert_int_equal(pthread_create(&reader_thread, NULL, holder, NULL), 0);
        while (!atomic_load(&held))
            sched_yield();
        if (what == 0)
            publish_retire(count_release, xmalloc(8));
        else if (what == 1)
            publish_view(&s->pools[0], make_view(2));
        else
            publish_snapshot(make_snapshot(2));
        assert_int_equal(pthread_create(&waiter, NULL, wait_for_all, NULL), 0);
        usleep(50000); /* more than a free that does not wait needs */
        assert_false(atomic_load(&through));
        atomic_store(&may_leave, true);
        pthread_join(reader_thread, NULL);
        pthread_join(waiter, NULL);
        publish_shutdown();
    }
}

static void shutdown_without_publishing(void **state)
{
    (void)state;
    publish_barrier();
    publish_shutdown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shutdown_without_publishing),
        cmocka_unit_test(readers_never_see_freed_memory),
        cmocka_unit_test(writer_does_not_wait),
        cmocka_unit_test(every_replacement_waits_for_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
