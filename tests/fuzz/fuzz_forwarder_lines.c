/* SPDX-License-Identifier: Apache-2.0
 * What loadstar-l4 may say: any bytes. Each line is a word or none; members that are read stay what
 * they are when it is told them and says so. */
#include "fuzz.h"
#include "tier/forwarder_words.h"

#include <string.h>

static void check_sessions(const struct forwarder_line *line)
{
    for (size_t i = 0; i < json_array_size(line->members); i++) {
        int64_t active;
        const char *key = forwarder_sessions_entry(json_array_get(line->members, i), &active);
        CHECK(!key || active >= 0);
    }
}

/** What is read of them are networks and times, and they can be kept. */
static void check_rtts(const struct forwarder_line *line)
{
    static struct client_rtt v[FORWARDER_RTTS_MAX];
    const int64_t now_ms = INT64_C(1000000000000);
    char error[FORWARDER_ERROR_MAX] = "";
    uint32_t n;
    int e = forwarder_rtts_take(v, &n, line->networks, now_ms, error);
    CHECK((e != 0) == (error[0] != '\0'));
    CHECK(n == (e ? 0 : json_array_size(line->networks)) && n <= FORWARDER_RTTS_MAX);
    struct client_rtts *all = client_rtts_with(NULL, v, n, now_ms);
    CHECK(all->n <= n);
    for (uint32_t i = 0; i < all->n; i++) {
        const struct client_rtt *r = &all->v[i];
        CHECK(r->network.len == (r->network.addr.family == IP_V4 ? 24 : 48));
        CHECK(r->n > 0 && r->seen_ms <= now_ms && client_rtt_is_fresh(r, now_ms));
        CHECK(i == 0 || client_rtt_order(r - 1, r) < 0);
    }
    client_rtts_release(all);
}

/** Told what it says it has, it would have the same members, in the words that we have. */
static void tell_again(const struct forwarder_reading *reading)
{
    struct buf text = {0};
    const struct tier_spec spec = {0};
    struct tier_row *rows = calloc(reading->n + 1, sizeof *rows);
    CHECK(rows);
    for (uint32_t i = 0; i < reading->n; i++)
        rows[i] = (struct tier_row){.addr = reading->v[i].seen.addr,
                                    .port = reading->v[i].seen.port,
                                    .member = MODEL_NONE,
                                    .target = reading->v[i].seen.serving};
    forwarder_tell(&text, "web", "n", 1, &spec, rows, reading->n, reading);
    json_t *told = json_loadb(text.p, text.n, 0, NULL);
    const json_t *members = json_object_get(told, "members");
    CHECK(json_array_size(members) == reading->n);
    for (uint32_t i = 0; i < reading->n; i++) {
        const json_t *member = json_array_get(members, i);
        const json_int_t weight = json_integer_value(json_object_get(member, "weight"));
        CHECK(weight == forwarder_shown(reading->v[i].seen.serving).weight);
        CHECK(*json_string_value(json_object_get(member, "key")));
        CHECK(json_integer_value(json_object_get(member, "port")) == reading->v[i].seen.port);
    }
    json_decref(told);
    buf_free(&text);
    free(rows);
}

static void check_result(const struct forwarder_line *line)
{
    struct forwarder_reading reading;
    char error[FORWARDER_ERROR_MAX] = "";
    CHECK(json_is_object(line->result));
    (void)forwarder_took(line->result, "web", 1);
    int e = forwarder_reading_take(&reading, line->result, "web", error);
    CHECK((e != 0) == (error[0] != '\0'));
    if (e != 0)
        return;
    CHECK(reading.version <= FORWARDER_VERSION_MAX);
    for (uint32_t i = 0; i < reading.n; i++)
        CHECK(reading.v[i].key[0] && reading.v[i].seen.port > 0 && reading.v[i].seen.active >= -1 &&
              reading.v[i].seen.serving.serves != SERVES_UNKNOWN);
    tell_again(&reading);
    forwarder_reading_free(&reading);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct forwarder_line line;
    forwarder_line_read(&line, (const char *)data, n);
    if (line.word == FORWARDER_RESULT)
        check_result(&line);
    else if (line.word == FORWARDER_SESSIONS)
        check_sessions(&line);
    else if (line.word == FORWARDER_RTT)
        check_rtts(&line);
    else if (line.word == FORWARDER_FAILED)
        CHECK(line.service && line.key);
    else if (line.word == FORWARDER_REFUSAL)
        CHECK(line.error);
    forwarder_line_free(&line);
    return 0;
}
