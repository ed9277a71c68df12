/* SPDX-License-Identifier: Apache-2.0
 * What comes from a socket that is said to be bgpd's vty. The first byte says what it is: replies,
 * cut anywhere; a configuration; a route. What is told back of it are words of ours alone. */
#include "anycast/frr_config.h"
#include "anycast/frr_frames.h"
#include "anycast/frr_route.h"
#include "anycast/frr_words.h"
#include "fuzz.h"

#include <string.h>

struct taken {
    struct buf text;
    unsigned n_left;
};

static void on_text(void *ctx, const char *p, size_t n)
{
    struct taken *t = ctx;
    CHECK(n > 0 && !memchr(p, '\0', n));
    buf_add(&t->text, p, n);
}

static bool on_status(void *ctx, uint8_t status)
{
    struct taken *t = ctx;
    CHECK(t->n_left > 0);
    buf_printf(&t->text, "[%u]", status);
    return --t->n_left > 0;
}

static bool feed(struct taken *t, const char *p, size_t n, size_t piece)
{
    const struct frr_frames_events events = {t, on_text, on_status};
    struct frr_frames frames = {0};
    for (size_t at = 0; at < n; at += piece)
        if (!frr_frames_feed(&frames, p + at, n - at < piece ? n - at : piece, &events))
            return false;
    return true;
}

/* In pieces of one the end behind the last reply is not reached. */
static void frames(const char *p, size_t n)
{
    struct taken whole = {.n_left = 1000000}, parts = {.n_left = 1000000};
    bool good = feed(&whole, p, n, n);
    CHECK(feed(&parts, p, n, 1) == good);
    CHECK(whole.text.n == parts.text.n &&
          (whole.text.n == 0 || memcmp(whole.text.p, parts.text.p, whole.text.n) == 0));
    buf_free(&whole.text);
    buf_free(&parts.text);
}

static void check_line(const char *line)
{
    for (; *line; line++)
        CHECK(strchr(" -._:/0123456789", *line) || (unsigned char)((*line | 0x20) - 'a') < 26);
}

/* Whatever it has, what is told of it is plain. */
static void config(const uint8_t *p, size_t n)
{
    static struct ip_prefix prefix = {{{192, 0, 2, 53}, IP_V4}, 32};
    static const struct prefix_set set = {
        .name = "dns", .prefixes = &prefix, .n_prefixes = 1, .next_hop_self = true};
    static const struct anycast_spec spec = {.config = &set, .name = "dns", .site = ""};
    static const struct speaker speaker = {.name = "local"};
    struct announcement v = {.spec = &spec, .announced = true, .attributes.prepend = 1};
    const struct announcements wanted = {&v, 1, 1};
    struct frr_plan plan = {.speaker = &speaker};
    struct frr_config has;
    if (frr_config_read(&has, slice_of(p, n)) == 0 && has.has_router) {
        frr_plan_make(&plan, &has, &wanted);
        for (size_t i = 0; i < plan.lines.v.n; i++)
            check_line(plan.lines.v.v[i]);
        frr_lines_free(&plan.lines);
        frr_will_lines(&plan.lines, &has, &wanted);
        for (size_t i = 0; i < plan.lines.v.n; i++)
            check_line(plan.lines.v.v[i]);
        frr_lines_free(&plan.lines);
    }
    frr_config_free(&has);
}

static void routes(const uint8_t *p, size_t n)
{
    static const struct large_community large[] = {{{65001, 1, 2}}};
    struct route_attributes a = {.has_med = true,
                                 .med = 200,
                                 .prepend = 2,
                                 .communities = {{65001, 53}, {65535, 0}},
                                 .n_communities = 2,
                                 .large = large,
                                 .n_large = 1};
    const struct ip hop = {{10, 9, 0, 7}, IP_V4};
    const struct frr_expected expected = {&a, &hop};
    struct slice text = slice_of(p, n);
    struct frr_route route;
    while (text.n > 0) {
        uint32_t before = text.n;
        if (frr_route_read(&route, &text, &expected) != 0)
            break;
        CHECK(text.n < before && text.p + text.n == p + n);
        CHECK(!route.best || route.valid);
        CHECK(!route.valid || route.sourced);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    switch (*data) {
    case 'c':
        config(data + 1, n - 1);
        break;
    case 'r':
        routes(data + 1, n - 1);
        break;
    default:
        if (n > 1)
            frames((const char *)data + 1, n - 1);
    }
    return 0;
}
