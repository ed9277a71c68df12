/* SPDX-License-Identifier: Apache-2.0
 * Metrics: every line parsed strictly by the rules of the text format, then values looked up. */
#include "out/metrics.h"
#include "tests/unit/out/anycast.h"
#include "tests/unit/out/tiers.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define FAMILIES_MAX 128

struct family {
    char name[80];
    bool counter, histogram, closed;
    double buckets; /* of a histogram: the last one, which holds all */
};

struct parsed {
    struct family v[FAMILIES_MAX];
    unsigned n, n_samples;
};

static struct family *find(struct parsed *p, const char *name, size_t n)
{
    for (unsigned i = 0; i < p->n; i++)
        if (strlen(p->v[i].name) == n && memcmp(p->v[i].name, name, n) == 0)
            return &p->v[i];
    return NULL;
}

static size_t name_length(const char *line)
{
    size_t n = 0;
    while (isalnum((unsigned char)line[n]) || line[n] == '_')
        n++;
    return n;
}

/* {name="value",...}, escapes \\ \" \n only; returns what follows. */
static const char *skip_labels(const char *p)
{
    assert_int_equal(*p++, '{');
    do {
        size_t n = name_length(p);
        assert_true(n > 0);
        p += n;
        assert_int_equal(*p++, '=');
        assert_int_equal(*p++, '"');
        for (; *p != '"'; p++) {
            assert_true(*p && *p != '\n');
            if (*p == '\\') {
                p++;
                assert_true(*p == '\\' || *p == '"' || *p == 'n');
            }
        }
        p++;
    } while (*p++ == ',');
    assert_int_equal(p[-1], '}');
    return p;
}

/* What a sample's name has behind that of the histogram it is of; NULL: it is of none. */
static const char *suffix_of(struct parsed *p, const char *name)
{
    struct family *last = &p->v[p->n - 1];
    size_t n = strlen(last->name);
    return last->histogram && strncmp(name, last->name, n) == 0 ? name + n : NULL;
}

/* Buckets add up, and the last of them is the count. */
static void check_histogram(struct family *family, const char *suffix, double value)
{
    if (strncmp(suffix, "_bucket{", 8) == 0) {
        assert_non_null(strstr(suffix, "le=\""));
        assert_true(value >= family->buckets);
        family->buckets = value;
    } else if (strncmp(suffix, "_count", 6) == 0) {
        assert_true(value == family->buckets);
        family->buckets = 0; /* another one, with other labels, may follow */
    } else {
        assert_memory_equal(suffix, "_sum", 4);
    }
}

static void parse_sample(struct parsed *p, const char *line)
{
    size_t n = name_length(line);
    const char *suffix = suffix_of(p, line);
    struct family *family = suffix ? &p->v[p->n - 1] : find(p, line, n);
    if (!family || family->closed)
        fail_msg("sample outside of its family: %s", line);
    const char *at = line[n] == '{' ? skip_labels(line + n) : line + n;
    assert_int_equal(*at++, ' ');
    char *end;
    double value = strtod(at, &end);
    assert_true(end > at && *end == '\0');
    if (suffix)
        check_histogram(family, suffix, value);
    if (family->counter)
        assert_true(value >= 0 && strcmp(family->name + strlen(family->name) - 6, "_total") == 0);
    p->n_samples++;
}

static void parse_line(struct parsed *p, const char *line)
{
    if (strncmp(line, "# HELP ", 7) == 0) {
        size_t n = name_length(line + 7);
        assert_memory_equal(line + 7, "loadstar_", 9);
        if (find(p, line + 7, n))
            fail_msg("a family twice: %s", line);
        for (unsigned i = 0; i < p->n; i++)
            p->v[i].closed = true;
        assert_true(p->n < FAMILIES_MAX && n < sizeof p->v[0].name);
        memcpy(p->v[p->n++].name, line + 7, n);
    } else if (strncmp(line, "# TYPE ", 7) == 0) {
        struct family *family = &p->v[p->n - 1];
        const char *type = line + 7 + strlen(family->name) + 1;
        assert_memory_equal(line + 7, family->name, strlen(family->name));
        family->counter = strcmp(type, "counter") == 0;
        family->histogram = strcmp(type, "histogram") == 0;
        assert_true(family->counter || family->histogram || strcmp(type, "gauge") == 0);
    } else {
        parse_sample(p, line);
    }
}

static struct parsed parse(char *text)
{
    struct parsed p = {0};
    assert_int_equal(text[strlen(text) - 1], '\n');
    for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        parse_line(&p, line);
    return p;
}

static void test_format(void **state)
{
    struct scene *s = scene_new();
    struct buf out = {0};
    (void)state;
    scene_down(s, 2, "connect refused");
    s->world->endpoints[3].label = "we\"ird\\\nname";
    const struct check check = {.name = "web"};
    const struct probe_info probe = {.addr = {{192, 0, 2, 1}, IP_V4},
                                     .port = 80,
                                     .health = HEALTH_UP,
                                     .latency_us = 1500,
                                     .n_ok = 5};
    s->world->model.checks = &check;
    s->world->model.n_checks = 1;
    s->facts.probes = &probe;
    s->facts.n_probes = 1;
    s->facts.io.answer.queries[0] = 42;
    s->facts.io.answer.rcode[3] = 2;
    s->facts.health.delays =
        (struct checker_delays){.n = {3, 2, [CHECKER_DELAYS] = 1}, .sum_us = 2500000};
    s->facts.turns = (struct turns){.n = {9, 1, [TURN_BOUNDS] = 2},
                                    .sum_us = 2500000,
                                    .worst_us = 1250000,
                                    .n_cpu = {11, 1},
                                    .sum_cpu_us = 1500};
    metrics_text(&out, &s->facts);

    static const char *const lines[] = {
        "loadstar_dns_queries_total{transport=\"udp\"} 42\n",
        "loadstar_dns_responses_total{rcode=\"NXDOMAIN\"} 2\n",
        "loadstar_endpoint_serving{pool=\"www\",site=\"iad\",endpoint=\"e2\"} 0\n",
        "loadstar_endpoint_serving{pool=\"www\",site=\"sin\",endpoint=\"we\\\"ird\\\\\\\\nname\"} "
        "1\n",
        "loadstar_pool_site_up{pool=\"www\",site=\"iad\"} 0\n",
        "loadstar_pool_up{pool=\"www\"} 1\n",
        "loadstar_pool_level{pool=\"www\"} 1\n",
        "loadstar_site_level{site=\"iad\"} 0\n",
        "loadstar_site_level{site=\"ams\"} 2\n",
        "loadstar_pool_site_level{pool=\"www\",site=\"iad\"} 0\n",
        "loadstar_pool_site_endpoints_serving{pool=\"www\",site=\"ams\"} 2\n",
        "loadstar_probe_duration_seconds{check=\"web\",address=\"192.0.2.1\",port=\"80\"} 0.0015\n",
        "loadstar_probe_results_total{check=\"web\",address=\"192.0.2.1\",port=\"80\","
        "result=\"ok\"} 5\n",
        "loadstar_config_generation 7\n",
        "loadstar_config_age_seconds 90\n",
        "loadstar_config_info{hash=\"0000000000000abc\"} 1\n",
        "loadstar_config_differs_from_disk 0\n",
        "loadstar_endpoints{health=\"down\"} 1\n",
        "loadstar_publish_delay_seconds_bucket{le=\"0.001\"} 3\n",
        "loadstar_publish_delay_seconds_bucket{le=\"1\"} 5\n",
        "loadstar_publish_delay_seconds_bucket{le=\"+Inf\"} 6\n",
        "loadstar_publish_delay_seconds_sum 2.500000\n",
        "loadstar_publish_delay_seconds_count 6\n",
        "loadstar_control_loop_turn_seconds_bucket{le=\"0.001\"} 9\n",
        "loadstar_control_loop_turn_seconds_bucket{le=\"1\"} 10\n",
        "loadstar_control_loop_turn_seconds_bucket{le=\"+Inf\"} 12\n",
        "loadstar_control_loop_turn_seconds_sum 2.500000\n",
        "loadstar_control_loop_turn_seconds_count 12\n",
        "loadstar_control_loop_worst_turn_seconds 1.25\n",
        "loadstar_control_loop_turn_cpu_seconds_bucket{le=\"0.001\"} 11\n",
        "loadstar_control_loop_turn_cpu_seconds_sum 0.001500\n",
        "loadstar_control_loop_turn_cpu_seconds_count 12\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (!strstr(out.p, lines[i]))
            fail_msg("missing: %s", lines[i]);
    struct parsed p = parse(out.p);
    assert_true(p.n > 40 && p.n_samples > p.n);
    buf_free(&out);
    scene_free(s);
}

/* ---- tiers ---- */

/** All metrics, parsed; the caller frees the text. */
static char *metrics_of(struct scene *s)
{
    struct buf out = {0};
    metrics_text(&out, &s->facts);
    char *copy = xstrdup(out.p);
    parse(out.p);
    buf_free(&out);
    return copy;
}

static void expect(struct scene *s, const char *line, bool there)
{
    char *text = metrics_of(s);
    if (!strstr(text, line) == there)
        fail_msg("%s: %s", there ? "missing" : "there", line);
    free(text);
}

static void test_tiers(void **state)
{
    struct scene *s = scene_new();
    struct made_tiers *t = tiers_made(s);
    (void)state;
    t->view[0].n_apply[0] = 2;
    t->view[0].n_apply[TIER_APPLY_BOUNDS] = 1;
    t->view[0].sum_apply_s = 12.5;
    t->view[0].n_errors[TIER_ERROR_TIMEOUT] = 4;
    t->view[0].n_drift = 7;
    t->view[0].n_met = 9;
    t->view[1].state = TIER_STALE;
    snprintf(t->rows[0][0].name, sizeof t->rows[0][0].name, "m\"0\\\n");
    static const char *const lines[] = {
        "loadstar_tier_up{tier=\"edge\"} 1\n",
        "loadstar_tier_up{tier=\"spare\"} 0\n",
        "loadstar_tier_synced{tier=\"edge\"} 1\n",
        "loadstar_tier_synced{tier=\"spare\"} 0\n",
        "loadstar_tier_drift_total{tier=\"edge\"} 7\n",
        "loadstar_tier_failures_total{tier=\"edge\"} 9\n",
        "loadstar_tier_errors_total{tier=\"edge\",reason=\"timeout\"} 4\n",
        "loadstar_tier_errors_total{tier=\"spare\",reason=\"disk\"} 0\n",
        "loadstar_tier_last_sync_timestamp_seconds{tier=\"edge\"} 1085\n",
        "loadstar_tier_apply_seconds_bucket{tier=\"edge\",le=\"+Inf\"} 3\n",
        "loadstar_tier_apply_seconds_sum{tier=\"edge\"} 12.500000\n",
        "loadstar_tier_apply_seconds_count{tier=\"edge\"} 3\n",
        "loadstar_tier_apply_seconds_count{tier=\"spare\"} 0\n",
        "loadstar_tier_member_weight{tier=\"edge\",member=\"m\\\"0\\\\\\\\n\",address=\"10.0.0."
        "0:"
        "80\"} 100\n",
        "loadstar_tier_member_sessions{tier=\"edge\",member=\"m1\",address=\"10.0.0.1:80\"} 3\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        expect(s, lines[i], true);
    expect(s, "loadstar_tier_member_sessions{tier=\"spare\"", false); /* old news */
    t->rows[0][1].seen.active = -1;
    expect(s, "loadstar_tier_member_sessions{tier=\"edge\",member=\"m1\"", false);
    expect(s, "loadstar_tier_member_weight{tier=\"edge\",member=\"m1\"", true);
    t->view[0].state = TIER_APPLYING;
    expect(s, "loadstar_tier_up{tier=\"edge\"} 1\n", true);
    expect(s, "loadstar_tier_synced{tier=\"edge\"} 0\n", true);
    scene_free(s);
}

static void test_many_members(void **state)
{
    struct scene *s = scene_new();
    struct made_tiers *t = tiers_made(s);
    struct tier_row *rows = xcalloc(10000, sizeof *rows);
    (void)state;
    for (int i = 0; i < 10000; i++)
        rows[i] = t->rows[0][0];
    t->view[1].rows = rows;
    t->view[1].n_rows = 9998; /* and two of the other: as many as are shown */
    expect(s, "loadstar_tier_member_sessions{tier=\"spare\"", true);
    t->view[1].n_rows++;
    expect(s, "loadstar_tier_member_", false);
    s->facts.members_wanted = true;
    expect(s, "loadstar_tier_member_sessions{tier=\"spare\"", true);
    expect(s, "loadstar_tier_member_weight{tier=\"edge\"", true);
    free(rows);
    scene_free(s);
}

static struct order *add_drain(struct orders *orders, const char *target)
{
    struct order *o = order_new();
    assert_int_equal(target_parse(&o->target, target), 0);
    snprintf(o->node, sizeof o->node, "n");
    o->number = o->serial = (uint32_t)++orders->last_number;
    o->time_ms = 1080000 + (int64_t)o->number;
    o->override = OVERRIDE_DRAIN;
    o->until_ms = ORDER_FOREVER;
    order_set_words(o, "a", "");
    assert_true(orders_add(orders, o));
    return o;
}

static void test_drains(void **state)
{
    struct scene *s = scene_new();
    struct made_tiers *t = tiers_made(s);
    struct orders orders = {.node = "n"};
    const struct dns_left left[] = {{0, 1500}, {1, 4000}};
    (void)state;
    add_drain(&orders, "www/am\"s*");
    add_drain(&orders, "iad");
    add_drain(&orders, "sin");
    s->facts.orders = &orders;
    s->facts.dns_left = left;
    s->facts.n_dns_left = 2;
    expect(s, "loadstar_drain_left_seconds{", false); /* they decide nothing */
    made_drain(t, 0, 1);
    made_drain(t, 1, 1);
    expect(s, "loadstar_drain_left_seconds{target=\"www/am\\\"s*\"} 4\n", true);
    expect(s, "loadstar_drain_left_seconds{target=\"iad\"}", false);
    made_waits(&t->rows[0][1], DRAIN_WAIT, 1, 1090000 + 9000);
    expect(s, "loadstar_drain_left_seconds{target=\"www/am\\\"s*\"} 9\n", true);
    t->rows[0][1].drain.phase = DRAIN_DONE;
    s->facts.n_dns_left = 0;
    expect(s, "loadstar_drain_left_seconds{target=\"www/am\\\"s*\"} 0\n", true);

    /* By the front of the tier: members are not drained themselves. */
    s->world->states[0].override = s->world->states[1].override = OVERRIDE_AUTO;
    made_drain(t, 2, 2);
    made_waits(&t->rows[0][0], DRAIN_DNS, 1, 1090000 + 3000);
    expect(s, "loadstar_drain_left_seconds{target=\"iad\"} 63\n", true);
    expect(s, "loadstar_drain_left_seconds{target=\"www/am", false);
    orders_free(&orders);
    scene_free(s);
}

/* ---- prefix sets ---- */

static void test_anycast(void **state)
{
    struct scene *s = scene_new();
    struct made_anycast *a = anycast_made(s);
    (void)state;
    a->view[1].state = ANNOUNCER_DRAINING;
    a->view[1].real = REAL_ABSENT;
    a->view[1].frozen = true;
    a->view[1].problem = "no right";
    a->speaker_view.status.n_errors = 3;
    a->speaker_view.status.n_restarts = 2;
    static const char *const lines[] = {
        "# TYPE loadstar_anycast_state gauge\n",
        "loadstar_anycast_state{set=\"dns\",state=\"announced\"} 1\n",
        "loadstar_anycast_state{set=\"dns\",state=\"down\"} 0\n",
        "loadstar_anycast_state{set=\"dns\",state=\"holding\"} 0\n",
        "loadstar_anycast_state{set=\"dns\",state=\"degraded\"} 0\n",
        "loadstar_anycast_state{set=\"dns\",state=\"draining\"} 0\n",
        "loadstar_anycast_state{set=\"www\",state=\"draining\"} 1\n",
        "loadstar_anycast_state{set=\"www\",state=\"announced\"} 0\n",
        "loadstar_anycast_real{set=\"dns\"} 1\n",
        "loadstar_anycast_real{set=\"www\"} 0\n",
        "# TYPE loadstar_anycast_transitions_total counter\n",
        "loadstar_anycast_transitions_total{set=\"dns\"} 3\n",
        "loadstar_anycast_frozen{set=\"dns\"} 0\n",
        "loadstar_anycast_frozen{set=\"www\"} 1\n",
        "loadstar_anycast_problem{set=\"dns\"} 0\n",
        "loadstar_anycast_problem{set=\"www\"} 1\n",
        "loadstar_speaker_up{speaker=\"local\"} 1\n",
        "loadstar_speaker_errors_total{speaker=\"local\"} 3\n",
        "loadstar_speaker_changes_total{speaker=\"local\"} 4\n",
        "loadstar_speaker_restarts_total{speaker=\"local\"} 2\n",
        "loadstar_speaker_last_read_timestamp_seconds{speaker=\"local\"} 1089\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        expect(s, lines[i], true);
    a->view[0].real = REAL_UNKNOWN;
    a->speaker_view.status.up = false;
    expect(s, "loadstar_anycast_real{set=\"dns\"}", false);
    expect(s, "loadstar_speaker_up{speaker=\"local\"} 0\n", true);
    scene_free(s);
}

/* What is checked for a prefix set has a health, and no part in steering. */
static void test_checks_of_prefix_sets(void **state)
{
    struct scene *s = scene_new();
    (void)state;
    scene_checks(s);
    scene_down(s, 4, "connect refused");
    s->world->states[4].checked = true;
    static const char *const there[] = {
        "loadstar_endpoint_up{pool=\"anycast:dns\",site=\"ams\",endpoint=\"e4\"} 0\n",
        "loadstar_endpoint_last_change_timestamp_seconds{pool=\"anycast:dns\"",
        "loadstar_pool_up{pool=\"www\"} 1\n",
        "loadstar_site_level{site=\"ams\"} 2\n",
    };
    static const char *const absent[] = {
        "loadstar_endpoint_serving{pool=\"anycast:dns\"",
        "loadstar_endpoint_weight{pool=\"anycast:dns\"",
        "loadstar_endpoint_overridden{pool=\"anycast:dns\"",
        "loadstar_pool_up{pool=\"anycast:dns\"",
        "loadstar_pool_level{pool=\"anycast:dns\"",
        "loadstar_pool_site_up{pool=\"anycast:dns\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(there); i++)
        expect(s, there[i], true);
    for (size_t i = 0; i < ARRAY_LEN(absent); i++)
        expect(s, absent[i], false);
    scene_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),       cmocka_unit_test(test_tiers),
        cmocka_unit_test(test_many_members), cmocka_unit_test(test_drains),
        cmocka_unit_test(test_anycast),      cmocka_unit_test(test_checks_of_prefix_sets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
