/* SPDX-License-Identifier: Apache-2.0
 * What either side of the guard may send: it is taken as a whole or not at all, names and addresses
 * are of the kind that the guard makes, words end where they say. */
#include "anycast/guard.h"
#include "anycast/guard_words.h"
#include "fuzz.h"

static void check_words(const struct guard_request *r, const char *line, size_t n)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < r->n_commands; i++) {
        CHECK(r->words[at] && *r->words[at]);
        for (; r->words[at]; at++)
            CHECK(r->words[at] >= line && r->words[at] + strlen(r->words[at]) <= line + n);
        CHECK(++at <= GUARD_WORDS_MAX);
    }
}

static void check_request(char *line, size_t n)
{
    static struct guard_request r;
    if (guard_request_read(&r, line, n) != 0)
        return;
    if (r.verb <= GUARD_CARRIER)
        CHECK(guard_ifname_ok(r.ifname, strlen(r.ifname)));
    CHECK(r.n_addresses <= GUARD_ADDRESSES_MAX && r.number < GUARD_WILLS_MAX);
    CHECK(r.verb == GUARD_TUN || r.n_addresses == 0);
    CHECK((r.will == GUARD_WILL_ARGV) == (r.n_commands > 0));
    check_words(&r, line, n);
    if (r.will == GUARD_WILL_VTY)
        CHECK((const char *)r.text.p >= line && (const char *)r.text.p + r.text.n <= line + n);
}

static void check_answer(char *line, size_t n)
{
    struct guard_answer a;
    if (guard_answer_read(&a, line, n) != 0)
        return;
    if (a.kind == GUARD_ANSWER_ERROR || (a.kind == GUARD_ANSWER_OK && a.verb != GUARD_BEAT))
        CHECK(guard_ifname_ok(a.ifname, strlen(a.ifname)));
    CHECK(a.kind != GUARD_ANSWER_HELLO || a.pid > 1);
    CHECK(strlen(a.text) <= n);
}

/** What was written is read back. */
static void check_round_trip(const uint8_t *data, size_t n)
{
    static struct guard_request r;
    struct buf line = {0};
    buf_puts(&line, "will 0 vty /a");
    guard_word_add(&line, slice_of(data, n));
    buf_add(&line, "", 1);
    CHECK(guard_request_read(&r, line.p, line.n - 1) == 0);
    CHECK(slice_equal(r.text, slice_of(data, n)));
    buf_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n > GUARD_LINE_MAX)
        return 0;
    char *line = malloc(n + 1);
    CHECK(line);
    if (n > 0)
        memcpy(line, data, n);
    check_request(line, n);
    if (n > 0)
        memcpy(line, data, n);
    check_answer(line, n);
    free(line);
    check_round_trip(data, n);
    return 0;
}
