/* SPDX-License-Identifier: Apache-2.0
 * What comes from a socket that is said to be HAProxy's. The first byte says what was asked: a
 * look, with statistics or without, or commands. What is taken is within its bounds, and what is
 * said of what is not is fit to be shown. */
#include "base/escape.h"
#include "fuzz.h"
#include "tier/haproxy_commands.h"

#include <stdlib.h>
#include <string.h>

static void check_shown(const char *text)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
    while (p < end) {
        uint32_t code;
        unsigned n = utf8_read(p, end, &code);
        CHECK(n > 0 && !escape_is_needed(code));
        p += n;
    }
}

/** Gives the lines of a text, none with a NUL inside, as talk.h does. */
static void each_line(char *text, bool (*line)(void *ctx, char *line), void *ctx)
{
    char *at = text;
    for (char *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        *end = '\0';
        if (!line(ctx, at))
            return;
    }
}

static bool look_line(void *ctx, char *line)
{
    struct haproxy_reading *reading = ctx;
    return haproxy_reading_line(reading, line) == 0 && !reading->is_done;
}

static void look(char *text, bool with_stat)
{
    struct haproxy_reading reading;
    haproxy_reading_init(&reading, "be_web", with_stat);
    each_line(text, look_line, &reading);
    check_shown(reading.error);
    check_shown(reading.info.version);
    for (size_t i = 0; i < reading.servers.n; i++) {
        const struct haproxy_server *server = &reading.servers.v[i];
        const char *name = haproxy_server_name(&reading, server);
        CHECK(haproxy_is_name(name) && server->weight <= 256 && server->initial_weight <= 256);
        CHECK(!reading.is_done || haproxy_reading_find(&reading, name) == server);
        CHECK(server->has_stat ? server->active >= 0 : server->active == -1);
        struct serving seen =
            haproxy_serving(server, HAPROXY_PERCENT, (struct serving){SERVES_READY, 50});
        CHECK(seen.weight <= TIER_WEIGHT_MAX);
    }
    haproxy_reading_free(&reading);
}

static bool answer_line(void *ctx, char *line)
{
    return haproxy_answers_line(ctx, line);
}

static void commands(char *text)
{
    static const struct ip addr = {.family = IP_V4};
    struct haproxy_commands commands = {.backend = "be_web"};
    haproxy_tell_add(&commands, "a", &addr, 80);
    haproxy_tell_remove(&commands, "b", true);
    struct haproxy_answers answers = {.commands = &commands, .n = commands.v.n};
    each_line(text, answer_line, &answers);
    check_shown(answers.said);
    check_shown(answers.error);
    uint32_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(answers.n_of); i++)
        n += answers.n_of[i];
    CHECK(n <= commands.v.n && (!answers.is_done || n == commands.v.n));
    CHECK(answers.first_bad < commands.v.n);
    haproxy_commands_free(&commands);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    char *text = calloc(1, n);
    CHECK(text);
    memcpy(text, data + 1, n - 1);
    if (data[0] % 3 == 0)
        commands(text);
    else
        look(text, data[0] % 3 == 1);
    free(text);
    return 0;
}
