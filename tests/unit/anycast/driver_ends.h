/* SPDX-License-Identifier: Apache-2.0
 * What a driver is given, and what comes of it: sets by their text, and the ends of its works. */
#pragma once

#include "anycast/speaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SETS = 24, PREFIXES = 16 };

static struct sets {
    struct prefix_set configs[SETS];
    struct anycast_spec specs[SETS];
    struct ip_prefix prefixes[SETS][PREFIXES];
    struct announcement v[SETS];
    struct announcements wanted;
    char names[SETS][PREFIX_SET_NAME_MAX + 1];
} sets;

/** One more set, with prefixes behind blanks, not announced. */
static inline struct announcement *sets_add(const char *name, const char *prefixes)
{
    uint32_t i = sets.wanted.n++;
    struct prefix_set *config = &sets.configs[i];
    assert_true(i < SETS);
    sets.wanted.v = sets.v;
    snprintf(sets.names[i], sizeof sets.names[i], "%s", name);
    *config = (struct prefix_set){
        .name = sets.names[i], .prefixes = sets.prefixes[i], .next_hop_self = true};
    while (*prefixes) {
        char text[IP_PREFIX_TEXT_MAX];
        size_t n = strcspn(prefixes, " ");
        snprintf(text, sizeof text, "%.*s", (int)n, prefixes);
        assert_int_equal(ip_prefix_parse(&sets.prefixes[i][config->n_prefixes++], text), 0);
        prefixes += n + (prefixes[n] == ' ');
    }
    sets.specs[i] = (struct anycast_spec){.config = config, .name = sets.names[i], .site = ""};
    sets.v[i] = (struct announcement){.spec = &sets.specs[i]};
    return &sets.v[i];
}

static inline void sets_clear(void)
{
    sets = (struct sets){0};
    sets.wanted.v = sets.v;
}

static inline void set_community(struct announcement *set, uint16_t high, uint16_t low)
{
    set->attributes.communities[set->attributes.n_communities++] = (struct community){high, low};
}

/* --- ends --- */

static struct ends {
    enum { NOTHING, OBSERVED, APPLIED, FAILED } kind;
    struct seen_route routes[SETS * PREFIXES];
    size_t n_routes;
    bool restarted;
    char note[256], version[64], text[512];
    enum speaker_error error;
    unsigned n_nudges;
} ends;

static void on_observed(void *ctx, struct speaker_seen *seen)
{
    (void)ctx;
    assert_int_equal(ends.kind, NOTHING);
    ends.kind = OBSERVED;
    assert_true(seen->routes.n <= SETS * PREFIXES);
    ends.n_routes = seen->routes.n;
    if (seen->routes.n)
        memcpy(ends.routes, seen->routes.v, seen->routes.n * sizeof *ends.routes);
    snprintf(ends.note, sizeof ends.note, "%s", seen->note);
    snprintf(ends.version, sizeof ends.version, "%s", seen->version);
    ends.restarted = seen->restarted;
}

static void on_applied(void *ctx)
{
    (void)ctx;
    assert_int_equal(ends.kind, NOTHING);
    ends.kind = APPLIED;
}

static void on_failed(void *ctx, enum speaker_error error, const char *text)
{
    (void)ctx;
    assert_int_equal(ends.kind, NOTHING);
    assert_int_not_equal(error, SPEAKER_ERROR_NONE);
    assert_true(*text && strlen(text) < 256 && !strchr(text, '\n'));
    ends.kind = FAILED;
    ends.error = error;
    snprintf(ends.text, sizeof ends.text, "%s", text);
}

static void on_nudge(void *ctx)
{
    (void)ctx;
    ends.n_nudges++;
}

static struct speaker speaker;
static struct speaker_host host __attribute__((unused)) = {.drive = (struct drive *)(void *)&sets,
                                                           .config = &speaker,
                                                           .node = "ams1",
                                                           .observed = on_observed,
                                                           .applied = on_applied,
                                                           .failed = on_failed,
                                                           .nudge = on_nudge};

/** What was seen of a prefix; NULL: nothing. */
static inline const struct seen_route *seen_of(const char *text)
{
    struct ip_prefix prefix;
    assert_int_equal(ip_prefix_parse(&prefix, text), 0);
    for (size_t i = 0; i < ends.n_routes; i++)
        if (ip_prefix_equal(&ends.routes[i].prefix, &prefix))
            return &ends.routes[i];
    return NULL;
}

static inline void expect_end(int kind)
{
    if ((int)ends.kind != kind)
        fail_msg("it ended by %d, expected %d: %s", ends.kind, kind, ends.text);
}

static inline void expect_failed(enum speaker_error error, const char *part)
{
    expect_end(FAILED);
    if (ends.error != error || !strstr(ends.text, part))
        fail_msg("failed by %s: %s; expected %s: %s", speaker_error_text(ends.error), ends.text,
                 speaker_error_text(error), part);
}
