/* SPDX-License-Identifier: Apache-2.0
 * Replies of a vty: the same in whatever pieces they come, and nothing else is taken for one. */
#include "anycast/frr_frames.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct taken {
    struct frr_frames frames;
    struct buf text;
    unsigned n_left;
};

static void on_text(void *ctx, const char *p, size_t n)
{
    struct taken *t = ctx;
    assert_true(n > 0);
    buf_add(&t->text, p, n);
}

static bool on_status(void *ctx, uint8_t status)
{
    struct taken *t = ctx;
    buf_printf(&t->text, "[%u]", status);
    return --t->n_left > 0;
}

/* In pieces of so many bytes; returns whether all of it was taken. */
static bool feed(struct taken *t, const char *p, size_t n, size_t piece)
{
    const struct frr_frames_events events = {t, on_text, on_status};
    for (size_t at = 0; at < n; at += piece) {
        char *bytes = malloc(piece);
        size_t now = n - at < piece ? n - at : piece;
        memcpy(bytes, p + at, now);
        bool good = frr_frames_feed(&t->frames, bytes, now, &events);
        free(bytes);
        if (!good)
            return false;
    }
    return true;
}

#define BYTES(text) (text), sizeof(text) - 1

static void pieces_do_not_matter(void **state)
{
    static const char replies[] = "\0\0\0\0one\ntwo\n\0\0\0\2\0\0\0\r{}\0\0\0\0";
    (void)state;
    for (size_t piece = 1; piece < sizeof replies + 1; piece++) {
        struct taken t = {.n_left = 4};
        assert_true(feed(&t, replies, sizeof replies - 1, piece));
        assert_string_equal(t.text.p, "[0]one\ntwo\n[2][13]{}[0]");
        assert_int_equal(t.n_left, 0);
        buf_free(&t.text);
    }
}

static void expect_refused(const char *p, size_t n, unsigned n_left, const char *before)
{
    for (size_t piece = n; piece > 0; piece = piece == n ? 1 : 0) {
        struct taken t = {.n_left = n_left};
        assert_false(feed(&t, p, n, piece));
        assert_string_equal(t.text.p ? t.text.p : "", before);
        buf_free(&t.text);
    }
}

static void a_nul_within_a_text_is_refused(void **state)
{
    (void)state;
    expect_refused(BYTES("a\0b"), 1, "a");
    expect_refused(BYTES("a\0\0b"), 1, "a");
}

static void what_follows_the_last_is_refused(void **state)
{
    (void)state;
    struct taken t = {.n_left = 1};
    assert_false(feed(&t, BYTES("x\0\0\0\0y"), 6));
    assert_string_equal(t.text.p, "x[0]");
    buf_free(&t.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(a_nul_within_a_text_is_refused),
        cmocka_unit_test(what_follows_the_last_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
