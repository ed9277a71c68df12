/* SPDX-License-Identifier: Apache-2.0
 * Metrics: every line parsed strictly by the rules of the text format, then values looked up. */
#include "out/metrics.h"
#include "tests/unit/out/facts.h"

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
    if (strncmp(suffix, "_bucket{le=\"", 12) == 0) {
        assert_true(value >= family->buckets);
        family->buckets = value;
    } else if (strncmp(suffix, "_count ", 7) == 0) {
        assert_true(value == family->buckets);
    } else {
        assert_memory_equal(suffix, "_sum ", 5);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_format)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
