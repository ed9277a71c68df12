/* SPDX-License-Identifier: Apache-2.0
 * Parts: places, use and release, and tables that follow changes of zones. */
#include "base/arena.h"
#include "base/rng.h"
#include "snapshot/part.h"
#include "tests/unit/answer/served.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD "@ 60 SOA a.a a.a 1 2 3 4 5\n@ 60 NS a.other.\n"

/* No place is given twice, whatever comes and goes; in the end all is free. */
static void test_places(void **state)
{
    enum { PARTS = 64 };
    struct part *parts[PARTS] = {0};
    struct rng rng = {.state = 5};
    uint64_t sum = 0;
    (void)state;
    assert_int_equal(part_bytes(), 0);
    for (unsigned round = 0; round < 5000; round++) {
        uint32_t i = rng_below(&rng, PARTS), kind = rng_below(&rng, 20);
        if (parts[i]) {
            const uint8_t *p = part_base() + (size_t)parts[i]->start * PART_UNIT;
            for (uint64_t k = 0; k < parts[i]->len; k += 61)
                assert_int_equal(p[k], i + 1);
            sum -= parts[i]->len;
            part_release(parts[i]);
            parts[i] = NULL;
            continue;
        }
        uint64_t units = kind == 0 ? 400000 : kind < 4 ? 20000 : 100;
        uint64_t len = PART_UNIT * (uint64_t)(1 + rng_below(&rng, (uint32_t)units));
        parts[i] = part_new();
        uint8_t *p = part_place(parts[i], len);
        assert_non_null(p);
        memset(p, (int)i + 1, len);
        part_seal(parts[i]);
        sum += len;
        assert_int_equal(part_bytes(), sum);
    }
    for (unsigned i = 0; i < PARTS; i++)
        part_release(parts[i]);
    assert_int_equal(part_bytes(), 0);
}

static unsigned mappings(void)
{
    unsigned n = 0;
    FILE *file = fopen("/proc/self/maps", "r");
    assert_non_null(file);
    for (int c; (c = getc(file)) != EOF;)
        n += c == '\n';
    fclose(file);
    return n;
}

/* Many large parts take no more mappings than a process may have, and their places can be written
 * again in whatever order they go. */
static void test_many_large_parts(void **state)
{
    enum { PARTS = 3 * PART_SEALED_MAX, LEN = (64 << 10) + PART_UNIT };
    struct part **parts = xcalloc(PARTS, sizeof *parts);
    struct rng rng = {.state = 9};
    unsigned before = mappings();
    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < PARTS; i++) {
            parts[i] = part_new();
            uint8_t *p = part_place(parts[i], LEN);
            assert_non_null(p);
            p[0] = p[LEN - 1] = 1;
            part_seal(parts[i]);
        }
        assert_true(parts[0]->sealed);
        assert_true(mappings() - before < 2 * PART_SEALED_MAX + 100);
        for (unsigned left = PARTS; left > 0; left--) {
            unsigned i = rng_below(&rng, left);
            part_release(parts[i]);
            parts[i] = parts[left - 1];
        }
        assert_int_equal(part_bytes(), 0);
        assert_true(mappings() - before < 100);
    }
    free(parts);
}

/* Sealed parts cannot be written; an attempt ends a child. */
static void test_sealed_is_sealed(void **state)
{
    struct part *part = part_new();
    uint8_t *p = part_place(part, 128 << 10);
    (void)state;
    memset(p, 1, 128 << 10);
    part_seal(part);
    assert_true(part->sealed);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        ((volatile uint8_t *)p)[100] = 2;
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_not_equal(status, 0);
    part_release(part);
}

static void test_users(void **state)
{
    struct part *part = part_new();
    (void)state;
    memset(part_place(part, 80), 1, 80);
    assert_ptr_equal(part_use(part), part);
    part_release(part);
    assert_int_equal(part_bytes(), 80);
    part_release(part);
    assert_int_equal(part_bytes(), 0);
}

static struct part *place(uint64_t len)
{
    struct part *part = part_new();
    memset(part_place(part, len), 1, len);
    part_seal(part);
    return part;
}

/* Neighbours that are free are one room, in whichever order they became so. */
static void test_free_neighbours_are_one_room(void **state)
{
    static const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const uint64_t lens[] = {8, 80, 64 << 10, 256 << 10};
    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(lens); l++)
        for (size_t o = 0; o < ARRAY_LEN(orders); o++) {
            struct part *parts[3];
            for (unsigned i = 0; i < 3; i++)
                parts[i] = place(lens[l]);
            struct part *above = place(lens[l]); /* so that they are no end */
            uint32_t start = parts[0]->start;
            for (unsigned i = 0; i < 3; i++)
                part_release(parts[orders[o][i]]);
            struct part *joint = place(3 * lens[l]);
            assert_int_equal(joint->start, start);
            part_release(joint);
            part_release(above);
        }
    assert_int_equal(part_bytes(), 0);
}

static size_t resident(const uint8_t *p, size_t len)
{
    uint8_t in_core[64];
    size_t n = 0;
    assert_true(len / 4096 <= sizeof in_core);
    assert_int_equal(mincore((void *)(uintptr_t)p, len, in_core), 0);
    for (size_t i = 0; i < len / 4096; i++)
        n += in_core[i] & 1;
    return n;
}

/* The memory of a large part goes back to the system with it. */
static void test_memory_goes_back(void **state)
{
    enum { LEN = 256 << 10 };
    (void)state;
    struct part *part = place(LEN);
    const uint8_t *p = part_base() + (size_t)part->start * PART_UNIT;
    assert_int_equal((uintptr_t)p % 4096, 0);
    assert_int_equal(resident(p, LEN), LEN / 4096);
    part_release(part);
    assert_int_equal(resident(p, LEN), 0);
}

/* A zone with names of a version, which other versions of it have not. */
static void add_zone(struct served *s, unsigned zone, unsigned version, unsigned names)
{
    char origin[32];
    struct buf text = {0};
    sprintf(origin, "z%u.", zone);
    buf_puts(&text, HEAD);
    for (unsigned i = 0; i < names; i++)
        buf_printf(&text, "n%u.v%u 60 TXT t%u\n", i, version, i);
    served_zone(s, origin, text.p);
    buf_free(&text);
}

static const struct node *find(const struct served *s, unsigned zone, unsigned version, unsigned i)
{
    char text[64];
    uint8_t wire[NAME_WIRE_MAX];
    sprintf(text, "n%u.v%u.z%u.", i, version, zone);
    int n = name_from_text(wire, text, strlen(text), slice_of("", 1));
    return index_find(&s->snapshot->index, slice_of(wire, (size_t)n));
}

/* Pairs that lead to nobody. */
static uint32_t count_nobodies(const struct index *ix)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < ix->n_buckets; i++)
        for (unsigned k = 0; k < BUCKET_SLOTS; k++)
            n += ix->buckets[i].offset[k] == PART_NOBODY;
    return n;
}

/* Generation after generation, one zone differs: every table is right, and what is kept stays
 * where it was. */
static void test_follows_changes(void **state)
{
    enum { ZONES = 5, SMALL = 20, LARGE = 3000 };
    unsigned version[ZONES] = {0};
    struct served *before = NULL;
    struct rng rng = {.state = 9};
    (void)state;
    for (unsigned round = 0; round < 120; round++) {
        struct served *s = served_new();
        uint32_t changed = rng_below(&rng, round % 10 ? ZONES - 1 : ZONES);
        version[changed]++;
        for (unsigned z = 0; z < ZONES; z++) {
            add_zone(s, z, version[z], z == ZONES - 1 ? LARGE : SMALL + version[z] % 3);
            if (before && z != changed)
                s->zones[z].kept = z + 1;
        }
        s->snapshot = snapshot_new();
        assert_int_equal(zones_compile(s->snapshot, &s->w->model, before ? before->snapshot : NULL,
                                       &s->diags),
                         0);
        assert_int_equal(s->snapshot->n_read, before ? 1 : ZONES);
        assert_null(index_validate(&s->snapshot->index));
        /* Who is gone takes room until the table is built anew, which must come. */
        assert_true(count_nobodies(&s->snapshot->index) <= s->snapshot->index.n_nobodies);
        for (unsigned z = 0; z < ZONES; z++) {
            assert_non_null(find(s, z, version[z], 7));
            assert_null(find(s, z, version[z] - 1, 7));
            if (before && z != changed)
                assert_ptr_equal(find(s, z, version[z], 7), find(before, z, version[z], 7));
        }
        if (before) /* what it was is still whole */
            assert_null(index_validate(&before->snapshot->index));
        if (before)
            served_free(before);
        before = s;
    }
    assert_true(before->snapshot->index.n_nobodies < before->snapshot->index.n_names);
    served_free(before);
    assert_int_equal(part_bytes(), 0);
}

/* Takes all room but a gap of `len` bytes. */
static struct part **fill_range(uint64_t len, size_t *n)
{
    struct part **all = xcalloc(1024, sizeof *all), *gap = part_new();
    assert_non_null(part_place(gap, len));
    *n = 0;
    for (uint64_t size = UINT64_C(1) << 36; size >= PART_UNIT; size /= 2)
        for (;;) {
            struct part *part = part_new();
            if (!part_place(part, size)) {
                part_release(part);
                break;
            }
            assert_true(*n < 1024);
            all[(*n)++] = part;
        }
    part_release(gap);
    return all;
}

/* When all places are taken a reload fails and says so, whichever part is the one without. */
static void test_no_room_is_an_error(void **state)
{
    static const struct {
        uint32_t less; /* units of the gap that the zone's part lacks */
        const char *why;
    } cases[] = {{0, "names above"}, {1, "the zone's names"}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct served *first = served_new();
        add_zone(first, 0, 1, 20);
        first->snapshot = snapshot_new();
        assert_int_equal(zones_compile(first->snapshot, &first->w->model, NULL, &first->diags), 0);
        uint64_t len = first->snapshot->parts[0]->len;
        served_free(first);
        size_t n;
        struct part **all = fill_range(len - cases[i].less * PART_UNIT, &n);
        struct served *s = served_new();
        add_zone(s, 0, 1, 20);
        s->snapshot = snapshot_new();
        assert_int_not_equal(zones_compile(s->snapshot, &s->w->model, NULL, &s->diags), 0);
        assert_int_equal(s->diags.n_errors, 1);
        assert_non_null(strstr(s->diags.v[0].text, cases[i].why));
        served_free(s);
        while (n > 0)
            part_release(all[--n]);
        free(all);
        assert_int_equal(part_bytes(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_many_large_parts),
        cmocka_unit_test(test_sealed_is_sealed),
        cmocka_unit_test(test_no_room_is_an_error),
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_free_neighbours_are_one_room),
        cmocka_unit_test(test_memory_goes_back),
        cmocka_unit_test(test_follows_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
