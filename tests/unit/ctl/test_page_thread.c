/* SPDX-License-Identifier: Apache-2.0
 * Pages from the thread that writes them, and the look at the disk, over a real checker: who shares
 * what, what a change is seen in, what is not read twice, and stops in every state. */
#include "tests/unit/health/settable_clock.h"
#include "tests/unit/health/world.h"

#include "base/clock.h"
#include "ctl/page_thread.h"
#include "ctl/page_write.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GOT_MAX 64

struct scene {
    struct world w;
    struct levels *levels;
    struct generation generation;
    struct snapshot snapshot;
    struct gather *gather;
    struct disk *disk;
    struct pages *pages;
    struct page *got[GOT_MAX]; /* held; NULL: refused */
    unsigned n_got, n_reclaims;
    bool pages_stopped, disk_stopped, gather_stopped, looked;
};

/* What the daemon would lend */

static const struct generation *host_generation(void *ctx)
{
    return &((struct scene *)ctx)->generation;
}

static struct checker *host_checker(void *ctx)
{
    return ((struct scene *)ctx)->w.checker;
}

static const struct level_table *host_levels(void *ctx)
{
    return levels_now(((struct scene *)ctx)->levels);
}

static const char *host_events_problem(void *ctx)
{
    (void)ctx;
    return NULL;
}

static void host_io_stats(void *ctx, struct io_stats *out)
{
    (void)ctx;
    *out = (struct io_stats){0};
}

static const struct limiter *host_limiter(void *ctx)
{
    (void)ctx;
    return NULL;
}

static void host_io_shares(void *ctx, struct io_shares *out)
{
    (void)ctx;
    *out = (struct io_shares){0};
}

static bool host_xdp(void *ctx, uint32_t i, struct xdp_info *out)
{
    (void)ctx, (void)i, (void)out;
    return false;
}

static bool host_serving(void *ctx)
{
    (void)ctx;
    return false;
}

static void host_reloads(void *ctx, struct reload_info *out)
{
    (void)ctx;
    *out = (struct reload_info){.errors = "", .gone = ""};
}

static bool is_true(struct world *w, void *arg)
{
    (void)w;
    return *(bool *)arg;
}

/** Runs the loop until it is so, for two minutes of the real time that threads take at most. */
static bool run_until(struct world *w, bool (*holds)(struct world *w, void *arg), void *arg)
{
    time_t end = time(NULL) + 120;
    while (!holds(w, arg)) {
        if (time(NULL) > end)
            return false;
        uv_run(&w->loop, UV_RUN_NOWAIT);
        usleep(200);
    }
    return true;
}

static void on_flag(void *arg)
{
    *(bool *)arg = true;
}

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    world_open(&s->w);
    world_configure(&s->w, NULL,
                    SITES "pools: {www: {sites: {ams: [192.0.2.1, 192.0.2.2]}}, "
                          "spare: {sites: {iad: [192.0.2.3]}}}\n");
    world_start(&s->w);
    s->levels = levels_new(s->w.checker, NULL);
    s->generation = (struct generation){
        .number = 1, .model = s->w.model, .snapshot = &s->snapshot, .n_holds = 1000};
    const struct ctl_host host = {.ctx = s,
                                  .generation = host_generation,
                                  .checker = host_checker,
                                  .levels = host_levels,
                                  .events_problem = host_events_problem,
                                  .io_stats = host_io_stats,
                                  .io_shares = host_io_shares,
                                  .limiter = host_limiter,
                                  .xdp = host_xdp,
                                  .serving = host_serving,
                                  .reloads = host_reloads};
    s->gather = gather_new(&s->w.loop, &host);
    s->disk = disk_new(&s->w.loop, &host);
    s->pages = pages_new(&s->w.loop, s->gather, s->disk);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    if (!s->pages_stopped) {
        pages_stop(s->pages, on_flag, &s->pages_stopped);
        assert_true(run_until(&s->w, is_true, &s->pages_stopped));
    }
    disk_stop(s->disk, on_flag, &s->disk_stopped);
    assert_true(run_until(&s->w, is_true, &s->disk_stopped));
    gather_stop(s->gather, on_flag, &s->gather_stopped);
    assert_true(run_until(&s->w, is_true, &s->gather_stopped));
    for (unsigned i = 0; i < s->n_got; i++)
        page_release(s->got[i]);
    assert_int_equal(pages_budget(s->pages)->kept_b, 0);
    pages_free(s->pages);
    gather_free(s->gather);
    assert_int_equal(s->generation.n_holds, 1000); /* whoever held it has given it up */
    levels_free(s->levels);
    world_stop(&s->w);
    world_close(&s->w);
    free(s);
    return 0;
}

static void on_page(void *arg, struct page *page)
{
    struct scene *s = arg;
    assert_true(s->n_got < GOT_MAX);
    s->got[s->n_got++] = page ? page_hold(page) : NULL;
}

static void ask(struct scene *s, enum ctl_command command, const char *pool)
{
    struct ctl_request request = {.command = command, .after = UINT64_MAX, .limit = 10};
    snprintf(request.pool, sizeof request.pool, "%s", pool);
    pages_ask(s->pages, &request, on_page, s);
}

struct wanted {
    struct scene *s;
    unsigned n;
};

static bool has_got(struct world *w, void *arg)
{
    const struct wanted *wanted = arg;
    (void)w;
    return wanted->s->n_got >= wanted->n;
}

/** Waits until n answers have come, and drops those of before. */
static void wait_for(struct scene *s, unsigned n)
{
    assert_true(run_until(&s->w, has_got, &(struct wanted){s, n}));
}

static void forget(struct scene *s)
{
    for (unsigned i = 0; i < s->n_got; i++)
        page_release(s->got[i]);
    s->n_got = 0;
}

static bool page_has(const struct page *page, const char *words)
{
    return page && memmem(page->bytes, page->n, words, strlen(words));
}

static void test_every_document(void **state)
{
    static const struct {
        enum ctl_command command;
        const char *words;
    } documents[] = {{CTL_STATUS, "\"problems\""}, {CTL_POOLS, "\"spare\""},
                     {CTL_ENDPOINTS, "192.0.2.3"}, {CTL_SITES, "\"ams\""},
                     {CTL_CHECKS, "\"checks\""},   {CTL_EVENTS, "\"last\""}};
    struct scene *s = *state;
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        ask(s, documents[i].command, "");
        wait_for(s, 1);
        assert_int_equal(s->got[0]->code, 0);
        assert_int_equal(s->got[0]->bytes[s->got[0]->n - 1], '\n');
        assert_true(page_has(s->got[0], documents[i].words));
        assert_int_equal(strlen(s->got[0]->tag), 33);
        forget(s);
    }
    pages_ask(s->pages, NULL, on_page, s);
    wait_for(s, 1);
    assert_true(page_has(s->got[0], "loadstar_pool_up{pool=\"www\"} 1\n"));
    assert_string_equal(s->got[0]->tag, "");
}

static void test_errors(void **state)
{
    struct scene *s = *state;
    ask(s, CTL_ENDPOINTS, "nope");
    ask(s, CTL_EXPLAIN, "");
    ask(s, CTL_SET, "");
    wait_for(s, 3);
    assert_int_equal(s->got[0]->code, E_NOTFOUND);
    assert_true(page_has(s->got[0], "there is no pool \"nope\""));
    assert_int_equal(s->got[1]->code, E_INVALID);
    assert_true(page_has(s->got[1], "starting"));
    assert_int_equal(s->got[2]->code, E_INVALID);
    assert_string_equal(s->got[2]->tag, "");
}

/* Parts of one list are different pages, asked for at the same time. */
static void test_parts_of_a_list(void **state)
{
    static const struct {
        const char *from;
        uint32_t limit;
        const char *has, *has_not;
    } parts[] = {
        {"", 2, "\"next\":\"1:www/ams/192.0.2.2\"", "192.0.2.3"},
        {"", 3, "192.0.2.3", "next"},
        {"1:www/ams/192.0.2.2", 2, "192.0.2.3", "192.0.2.1\""},
        {"0:www/ams/192.0.2.1", 2, "192.0.2.2", "192.0.2.1\""},
    };
    struct scene *s = *state;
    struct ctl_request request = {.command = CTL_ENDPOINTS};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        request.limit = parts[i].limit;
        strcpy(request.from, parts[i].from);
        pages_ask(s->pages, &request, on_page, s);
    }
    wait_for(s, ARRAY_LEN(parts));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (!page_has(s->got[i], parts[i].has) || page_has(s->got[i], parts[i].has_not))
            fail_msg("%zu: %.*s", i, (int)s->got[i]->n, s->got[i]->bytes);
}

static void test_who_shares(void **state)
{
    struct scene *s = *state;
    for (int i = 0; i < 5; i++) {
        ask(s, CTL_POOLS, "");
        ask(s, CTL_ENDPOINTS, i % 2 ? "www" : "");
    }
    wait_for(s, 10);
    unsigned n_pools = 0, n_all = 0, n_www = 0;
    const struct page *pools = NULL, *all = NULL, *www = NULL;
    for (unsigned i = 0; i < 10; i++) {
        const struct page *page = s->got[i];
        if (page_has(page, "\"pools\":")) {
            assert_true(!pools || pools == page);
            pools = page, n_pools++;
        } else if (page_has(page, "192.0.2.3")) {
            assert_true(!all || all == page);
            all = page, n_all++;
        } else {
            assert_true(!www || www == page);
            www = page, n_www++;
        }
    }
    assert_int_equal(n_pools, 5);
    assert_int_equal(n_all, 3);
    assert_int_equal(n_www, 2);
    assert_int_equal(pages_budget(s->pages)->kept_b, pools->n + all->n + www->n);
}

/* Whoever asks after a change sees it, whatever is being written for others. */
static void test_changes_are_seen(void **state)
{
    struct scene *s = *state;
    char before[PAGE_TAG_MAX];
    for (int round = 0; round < 20; round++) {
        bool drains = round % 2 == 0;
        ask(s, CTL_POOLS, "");
        for (int turns = round; turns > 0; turns--) /* it is begun, or under way, or done */
            uv_run(&s->w.loop, UV_RUN_NOWAIT);
        assert_int_equal(
            world_set(&s->w, "www/ams", drains ? OVERRIDE_DRAIN : OVERRIDE_AUTO, 0, ""), 0);
        ask(s, CTL_POOLS, "");
        wait_for(s, 2);
        assert_int_equal(page_has(s->got[1], "\"down\""), drains);
        strcpy(before, s->got[1]->tag);
        forget(s);
        ask(s, CTL_SITES, "");
        wait_for(s, 1);
        assert_memory_equal(s->got[0]->tag, before, 17); /* the state's half is the same */
        assert_string_not_equal(s->got[0]->tag, before);
        forget(s);
    }
}

static void on_reclaim(void *arg)
{
    ((struct scene *)arg)->n_reclaims++;
}

static void test_budget(void **state)
{
    struct scene *s = *state;
    struct page_budget *budget = pages_budget(s->pages);
    pages_on_spent(s->pages, on_reclaim, s);
    ask(s, CTL_POOLS, "");
    wait_for(s, 1);
    assert_int_equal(s->n_reclaims, 0);
    budget->max_b = budget->kept_b + 1; /* one byte is left: one more page may be begun */
    ask(s, CTL_SITES, "");
    wait_for(s, 2);
    assert_non_null(s->got[1]);
    ask(s, CTL_POOLS, "");
    ask(s, CTL_POOLS, "");
    ask(s, CTL_CHECKS, "");
    wait_for(s, 5);
    assert_true(!s->got[2] && !s->got[3] && !s->got[4]);
    assert_int_equal(s->n_reclaims, 2); /* once for each page that could not be begun */
    pages_on_spent(s->pages, NULL, s);
    forget(s);
    ask(s, CTL_POOLS, "");
    wait_for(s, 1);
    assert_non_null(s->got[0]);
}

/* A stop answers all, at whatever point the first one is. */
static void test_stop_at_any_time(void **state)
{
    for (int turns = 0; turns < 12; turns++) {
        struct scene *s = *state;
        ask(s, turns % 2 ? CTL_STATUS : CTL_POOLS, "");
        ask(s, CTL_SITES, "");
        ask(s, CTL_EVENTS, "");
        for (int i = 0; i < turns; i++)
            uv_run(&s->w.loop, UV_RUN_NOWAIT);
        pages_stop(s->pages, on_flag, &s->pages_stopped);
        ask(s, CTL_POOLS, "");
        assert_true(run_until(&s->w, is_true, &s->pages_stopped));
        assert_int_equal(s->n_got, 4);
        tear_down(state);
        set_up(state);
    }
}

/* The disk */

static void look(struct scene *s, int64_t max_age_ms, struct facts *f)
{
    s->looked = false;
    disk_ask(s->disk, max_age_ms, on_flag, &s->looked);
    assert_true(run_until(&s->w, is_true, &s->looked));
    *f = (struct facts){.generation = &s->generation};
    disk_set(s->disk, f);
}

/** Looks until it is so: on a machine that is busy, an asker may be told what was known before. */
static void look_until(struct scene *s, enum disk_state wanted, struct facts *f)
{
    for (int i = 0; i < 20; i++) {
        look(s, 0, f);
        if (f->disk == wanted)
            return;
    }
    fail_msg("disk: %d, expected %d", f->disk, wanted);
}

static void write_file(const char *path, const char *text, size_t padding)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    for (; padding; padding--)
        fputc('\n', file);
    fclose(file);
}

static void test_disk(void **state)
{
    struct scene *s = *state;
    char path[128];
    struct facts f;
    snprintf(path, sizeof path, "%s/pools.yaml", s->w.dir);
    look_until(s, DISK_SAME, &f);
    assert_true(f.disk_hash == s->w.model->file_hash);
    write_file(path, "pools: {}\n", 4 << 20);
    look(s, 1000000, &f); /* the last look will do */
    assert_int_equal(f.disk, DISK_SAME);
    look_until(s, DISK_CHANGED, &f);
    uint64_t hash = f.disk_hash;
    settable_clock_advance_ms(60000); /* files that have just changed are not trusted */
    look(s, 0, &f);
    for (int i = 0; i < 5; i++) {
        look(s, 0, &f);
        assert_int_equal(f.disk, DISK_CHANGED);
        assert_true(f.disk_hash == hash);
    }
    write_file(path, "pools: {}\n", (4 << 20) + 1);
    for (int i = 0; i < 20 && f.disk_hash == hash; i++)
        look(s, 0, &f);
    assert_true(f.disk_hash != hash);
    /* Of another generation nothing is known, until its files have been looked at. */
    s->generation.number++;
    f = (struct facts){.generation = &s->generation};
    disk_set(s->disk, &f);
    assert_int_equal(f.disk, DISK_UNKNOWN);
    look_until(s, DISK_CHANGED, &f);
    snprintf(path, sizeof path, "%s", s->w.model->path);
    assert_int_equal(unlink(path), 0);
    look_until(s, DISK_UNREADABLE, &f);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_document),   TEST(test_errors),
        TEST(test_parts_of_a_list),  TEST(test_who_shares),
        TEST(test_changes_are_seen), TEST(test_budget),
        TEST(test_stop_at_any_time), TEST(test_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
