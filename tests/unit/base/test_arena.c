/* SPDX-License-Identifier: Apache-2.0
 * Arena, vector and text buffer. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/rng.h"
#include "base/vec.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void arena_alignment(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (size_t n = 0; n < 5000; n = n * 3 / 2 + 1) {
        char *text = arena_strndup(a, "odd", 3);
        void *p = arena_alloc(a, n);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, 0xff, n);
        assert_string_equal(text, "odd");
    }
    arena_free(a);
}

/* Every block keeps its content whatever is allocated after it, by either end of a chunk. */
static void arena_blocks_do_not_overlap(void **state)
{
    (void)state;
    enum { N = 4000 };
    static struct {
        uint8_t *p;
        size_t n;
    } blocks[N];
    uint8_t fill[10000];
    struct arena *a = arena_new();
    struct rng rng = {42};
    for (unsigned i = 0; i < N; i++) {
        size_t n = rng_below(&rng, 50) ? rng_below(&rng, 100) : rng_below(&rng, sizeof fill);
        memset(fill, (int)(i & 0xff), n);
        if (i % 2)
            blocks[i].p = arena_copy(a, fill, n);
        else
            blocks[i].p = memcpy(arena_alloc(a, n), fill, n);
        blocks[i].n = n;
    }
    size_t total = 0;
    for (unsigned i = 0; i < N; i++) {
        total += blocks[i].n;
        for (size_t j = 0; j < blocks[i].n; j++)
            assert_int_equal(blocks[i].p[j], i & 0xff);
    }
    assert_true(arena_size(a) >= total);
    arena_free(a);
}

static void arena_calloc_zeroes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    memset(arena_alloc(a, 1000), 0xff, 1000);
    for (unsigned round = 0; round < 20; round++) {
        uint8_t *p = arena_calloc(a, 33, 7);
        for (unsigned i = 0; i < 33 * 7; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, 33 * 7);
    }
    arena_free(a);
}

static void arena_text(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    assert_string_equal(arena_strdup(a, ""), "");
    assert_string_equal(arena_strndup(a, "abcdef", 3), "abc");
    assert_string_equal(arena_printf(a, "%s-%d", "x", 7), "x-7");
    char *wide = arena_printf(a, "%5000s|", "y");
    assert_int_equal(strlen(wide), 5001);
    arena_free(a);
    arena_free(NULL);
}

static void vec_grows_and_moves(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    VEC(uint32_t) v = {0};
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(*vec_push(&v), 0);
        v.v[i] = i;
    }
    size_t n = v.n;
    uint32_t *copy = vec_to_arena(&v, a);
    assert_null(v.v);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(copy[i], i);
    vec_free(&v);
    arena_free(a);
}

static void arena_adopts(void **state)
{
    (void)state;
    struct arena *to = arena_new(), *from = arena_new(), *empty = arena_new();
    const char *a = arena_strdup(from, "from"),
               *big = memset(arena_alloc(from, 1 << 20), 7, 1 << 20);
    size_t size = arena_size(from);
    arena_adopt(to, from);
    const char *b = arena_strdup(to, "to");
    assert_true(arena_size(to) >= size);
    from = arena_new();
    const char *c = arena_strdup(from, "again");
    arena_adopt(to, from);
    arena_adopt(to, empty);
    const char *d = arena_strdup(to, "after");
    assert_string_equal(a, "from");
    assert_int_equal(big[(1 << 20) - 1], 7);
    assert_string_equal(b, "to");
    assert_string_equal(c, "again");
    assert_string_equal(d, "after");
    arena_free(to);
}

/* Each of them has an address of its own, but none costs a chunk. */
static void arena_empty_blocks(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    for (int i = 0; i < 10000; i++)
        assert_true(arena_alloc(arena, 0) != arena_copy(arena, NULL, 0));
    assert_true(arena_size(arena) < 1u << 20);
    arena_free(arena);
}

static void vec_empty_to_arena(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    VEC(uint64_t) v = {0};
    uint64_t *copy = vec_to_arena(&v, a);
    assert_non_null(copy);
    arena_free(a);
}

static void buf_appends(void **state)
{
    (void)state;
    struct buf b = {0};
    for (int i = 0; i < 200; i++) {
        buf_puts(&b, "[");
        buf_printf(&b, "%d", i);
        buf_add(&b, "]junk", 1);
    }
    assert_int_equal(b.n, strlen(b.p));
    assert_memory_equal(b.p, "[0][1][2]", 9);
    assert_string_equal(b.p + b.n - 5, "[199]");
    buf_free(&b);
    assert_null(b.p);
    buf_puts(&b, "");
    assert_string_equal(b.p, "");
    buf_free(&b);
}

/* The compiler must not know. */
static volatile size_t most = SIZE_MAX;
static void *volatile got;

static void count_that_overflows(void)
{
    got = xcalloc(most / 2 + 2, 2);
}

static void size_that_is_not_to_be_had(void)
{
    got = xmalloc(most - 64);
}

static void arena_count_that_overflows(void)
{
    struct arena *arena = arena_new();
    got = arena_calloc(arena, most / 8 + 2, 8);
}

/* More than there is ends the process; it never comes back as less than was asked for. */
static void what_cannot_be_had_aborts(void **state)
{
    static void (*const asks[])(void) = {count_that_overflows, size_that_is_not_to_be_had,
                                         arena_count_that_overflows};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            const struct rlimit none = {0, 0};
            (void)!freopen("/dev/null", "w", stderr);
            setrlimit(RLIMIT_CORE, &none);
            signal(SIGABRT, SIG_DFL);
            asks[i]();
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_alignment),     cmocka_unit_test(arena_blocks_do_not_overlap),
        cmocka_unit_test(arena_calloc_zeroes), cmocka_unit_test(arena_text),
        cmocka_unit_test(vec_grows_and_moves), cmocka_unit_test(arena_adopts),
        cmocka_unit_test(arena_empty_blocks),  cmocka_unit_test(vec_empty_to_arena),
        cmocka_unit_test(buf_appends),         cmocka_unit_test(what_cannot_be_had_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
