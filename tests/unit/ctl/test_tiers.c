/* SPDX-License-Identifier: Apache-2.0
 * What operators see of tiers: their document, its rendering, what `status` and `endpoints` tell of
 * them, and how far drains have come. Of views made by hand. */
#include "control/json.h"
#include "ctl/documents.h"
#include "ctl/drain.h"
#include "ctl/render.h"
#include "tests/unit/out/tiers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const json_t *at(const json_t *document, const char *list, size_t i)
{
    const json_t *item = json_array_get(json_object_get(document, list), i);
    assert_non_null(item);
    return item;
}

static void assert_text(const json_t *object, const char *key, const char *expected)
{
    assert_string_equal(json_get_text(object, key, "(absent)"), expected);
}

static void assert_int(const json_t *object, const char *key, int64_t expected)
{
    assert_int_equal(json_get_int(object, key, -99), expected);
}

static void assert_rendered(enum ctl_command command, const json_t *document, const char *words)
{
    struct buf out = {0};
    render_result(&out, command, document, (struct screen){0});
    if (!strstr(out.p, words))
        fail_msg("\"%s\" is not in:\n%s", words, out.p);
    buf_free(&out);
}

/* ---- tiers ---- */

static void test_document(void **state)
{
    struct scene *s = scene_new();
    struct made_tiers *t = tiers_made(s);
    struct tier_row *row = &t->rows[0][1];
    (void)state;
    made_waits(row, DRAIN_WAIT, 12, 1090000 + 4500);
    row->seen.at_most = true;
    row->seen.n_total = 70;
    t->rows[0][0].seen.active = -1;
    snprintf(t->view[0].note, sizeof t->view[0].note, "note");
    json_t *document = document_tiers(&s->facts, "", false, WINDOW_ALL);
    assert_int(document, "version", 6 + 7); /* the view's, and the generation's */
    assert_null(json_object_get(document, "looked"));

    const json_t *tier = at(document, "tiers", 0);
    assert_text(tier, "name", "edge");
    assert_text(tier, "type", "haproxy");
    assert_text(tier, "pool", "www");
    assert_text(tier, "site", "ams");
    assert_text(tier, "state", "ok");
    assert_text(tier, "last_change", "1970-01-01T00:18:00.000Z");
    assert_text(tier, "note", "note");
    assert_null(json_object_get(tier, "last_error"));
    assert_null(json_object_get(tier, "error_since"));
    assert_null(json_object_get(at(document, "tiers", 1), "site")); /* all */

    const json_t *member = at(tier, "members", 0);
    assert_text(member, "key", "www/ams/e0");
    assert_text(member, "address", "10.0.0.0");
    assert_int(member, "port", 80);
    assert_text(json_object_get(member, "wanted"), "serves", "ready");
    assert_int(json_object_get(member, "wanted"), "weight", 100);
    assert_text(json_object_get(member, "applied"), "serves", "ready");
    assert_text(json_object_get(member, "observed"), "state", "ready");
    assert_null(json_object_get(json_object_get(member, "observed"), "active")); /* not known */
    assert_null(json_object_get(member, "drain"));
    assert_null(json_object_get(member, "target")); /* as wanted */

    member = at(tier, "members", 1);
    const json_t *drain = json_object_get(member, "drain"),
                 *seen = json_object_get(member, "observed");
    assert_text(seen, "state", "drain");
    assert_int(seen, "active", 12);
    assert_int(seen, "total", 70);
    assert_text(drain, "phase", "wait");
    assert_int(drain, "active", 12);
    assert_int(drain, "left_s", 5); /* of 4.5: never less than there is */
    assert_rendered(CTL_TIERS, document,
                    "edge   haproxy  www   ams   ok         1/2      <=12  10s      note\n");
    json_decref(document);

    /* One of them, with its members. */
    document = document_tiers(&s->facts, "edge", false, WINDOW_ALL);
    assert_int(document, "version", 5 + 7);
    assert_int_equal(json_array_size(json_object_get(document, "tiers")), 1);
    assert_rendered(CTL_TIERS, document,
                    "www/ams/e1  10.0.0.1:80  drain      drain      drain          <=12  wait, 5s "
                    "left");
    json_decref(document);

    /* Staged: what is wanted is not yet what is to be there. One that has left, and is gone. */
    row->wanted.serves = SERVES_DRAIN;
    row->target = (struct serving){SERVES_READY, 100};
    row->member = MODEL_NONE;
    row->present = false;
    row->applied.serves = SERVES_UNKNOWN;
    document = document_tiers(&s->facts, "edge", false, WINDOW_ALL);
    member = at(at(document, "tiers", 0), "members", 1);
    assert_text(json_object_get(member, "target"), "serves", "ready");
    assert_null(json_object_get(member, "key"));
    assert_text(member, "name", "m1");
    assert_null(json_object_get(member, "observed"));
    assert_null(json_object_get(member, "applied"));
    json_decref(document);
    scene_free(s);
}

static void test_windows(void **state)
{
    struct scene *s = scene_new();
    (void)state;
    tiers_made(s);
    json_t *document = document_tiers(&s->facts, "", false, &(struct window){"", 1});
    assert_text(document, "next", "0:edge");
    assert_text(at(document, "tiers", 0), "name", "edge");
    json_decref(document);
    document = document_tiers(&s->facts, "", false, &(struct window){"0:edge", 1});
    assert_text(at(document, "tiers", 0), "name", "spare");
    assert_null(json_object_get(document, "next"));
    json_decref(document);
    scene_free(s);
}

static void test_plan(void **state)
{
    struct scene *s = scene_new();
    struct made_tiers *t = tiers_made(s);
    (void)state;
    t->diff[0] = "+ m0 10.0.0.0:80 weight 0";
    t->diff[1] = "~ m1 10.0.0.1:80 ready 100 -> drain";
    t->view[0].diff = t->diff;
    t->view[0].n_diff = 2;
    json_t *document = document_tiers(&s->facts, "", true, WINDOW_ALL);
    assert_true(json_is_true(json_object_get(document, "looked")));
    assert_rendered(CTL_TIERS, document,
                    "edge (haproxy): 2 changes\n  + m0 10.0.0.0:80 weight 0\n"
                    "  ~ m1 10.0.0.1:80 ready 100 -> drain\nspare (nginx): nothing to do\n");
    json_decref(document);
    t->view[0].held = true;
    t->view[1].state = TIER_REFUSED;
    snprintf(t->view[1].error, sizeof t->view[1].error, "another node's: n2");
    document = document_tiers(&s->facts, "", true, WINDOW_ALL);
    assert_rendered(CTL_TIERS, document, "2 changes, once first results are in\n");
    assert_rendered(CTL_TIERS, document, "spare (nginx): refused: another node's: n2\n");
    json_decref(document);
    scene_free(s);
}

/* ---- round-trip times ---- */

static struct client_rtts *rtts_made(const char *const *networks, uint32_t n, int64_t seen_ms)
{
    struct client_rtt news[4] = {0};
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(ip_prefix_parse(&news[i].network, networks[i]), 0);
        news[i].rtt_us = 12345 + i;
        news[i].min_us = 9800;
        news[i].n = 7;
        news[i].seen_ms = seen_ms;
    }
    return client_rtts_with(NULL, news, n, seen_ms);
}

static void test_round_trips(void **state)
{
    static const char *const of_edge[] = {"192.0.2.0/24", "2001:db8::/48"}, *const of_spare[] = {
                                                                                "192.0.2.0/24"};
    struct scene *s = scene_new();
    struct made_tiers *t = tiers_made(s);
    (void)state;
    json_t *document = document_rtt(&s->facts, WINDOW_ALL);
    assert_int_equal(json_array_size(json_object_get(document, "networks")), 0);
    assert_rendered(CTL_RTT, document, "no networks: nothing was measured so far\n");
    json_decref(document);

    t->view[0].clients = rtts_made(of_edge, 2, 1090000 - 3999);
    t->view[1].clients = rtts_made(of_spare, 1, 1090000 - CLIENT_RTTS_FORGET_MS + 1);
    document = document_rtt(&s->facts, WINDOW_ALL);
    assert_int_equal(json_array_size(json_object_get(document, "networks")), 3);
    const json_t *first = at(document, "networks", 0), *last = at(document, "networks", 2);
    assert_text(first, "tier", "edge");
    assert_text(first, "site", "ams");
    assert_text(first, "network", "192.0.2.0/24");
    assert_true(json_number_value(json_object_get(first, "rtt_ms")) == 12.345);
    assert_true(json_number_value(json_object_get(first, "min_ms")) == 9.8);
    assert_int(first, "samples", 7);
    assert_int(first, "age_s", 3);
    assert_text(last, "tier", "spare");
    assert_null(json_object_get(last, "site"));
    assert_int(last, "age_s", 3599);
    assert_rendered(CTL_RTT, document, "TIER   SITE  NETWORK           RTT  LEAST  SAMPLES");
    assert_rendered(CTL_RTT, document, "edge   ams   192.0.2.0/24   12.3ms  9.8ms        7");
    json_decref(document);

    /* Page by page; and a moment later what is an hour old is forgotten. */
    document = document_rtt(&s->facts, &(struct window){"0:edge/192.0.2.0/24", 1});
    assert_text(at(document, "networks", 0), "network", "2001:db8::/48");
    assert_text(document, "next", "1:edge/2001:db8::/48");
    json_decref(document);
    s->facts.now_ms++;
    document = document_rtt(&s->facts, &(struct window){"1:edge/2001:db8::/48", 1});
    assert_int_equal(json_array_size(json_object_get(document, "networks")), 0);
    assert_null(json_object_get(document, "next"));
    json_decref(document);
    client_rtts_release(t->view[0].clients);
    client_rtts_release(t->view[1].clients);
    scene_free(s);
}

/* ---- problems ---- */

static void assert_problem(const json_t *status, const char *severity, const char *tier,
                           const char *words)
{
    const json_t *p;
    size_t i;
    json_array_foreach(json_object_get(status, "problems"), i, p)
    {
        if (strcmp(json_get_text(p, "text", ""), words) != 0)
            continue;
        assert_text(p, "severity", severity);
        assert_text(p, "tier", tier);
        return;
    }
    char *text = json_dumps(json_object_get(status, "problems"), JSON_INDENT(1));
    fail_msg("\"%s\" is not in %s", words, text);
}

static void test_problems(void **state)
{
    struct scene *s = scene_new();
    struct made_tiers *t = tiers_made(s);
    (void)state;
    s->world->model.server.state_dir = "/var/lib/loadstar";
    json_t *status = document_status(&s->facts);
    assert_int_equal(json_array_size(json_object_get(status, "problems")), 0);
    assert_int(json_object_get(status, "tiers"), "ok", 2);
    assert_rendered(CTL_STATUS, status, "tiers      2 of 2 ok; 3 members\n");
    json_decref(status);

    t->view[0].state = TIER_UNREACHABLE;
    t->view[0].error_since_ms = 1030000;
    snprintf(t->view[0].error, sizeof t->view[0].error, "connect: refused");
    t->view[1].state = TIER_REFUSED;
    snprintf(t->view[1].error, sizeof t->view[1].error, "adopt: true is missing");
    status = document_status(&s->facts);
    assert_problem(status, "error", "edge",
                   "tier edge cannot be reached, for 1m: connect: refused");
    assert_problem(status, "error", "spare", "tier spare is not touched: adopt: true is missing");
    assert_rendered(CTL_STATUS, status, "tiers      0 of 2 ok, 1 unreachable, 1 refused; 3 member");
    json_decref(status);

    t->view[0].state = TIER_STALE;
    t->view[1].state = TIER_APPLYING;
    t->view[1].held = t->view[1].all_down = true;
    t->rows[0][0].drain.timed_out = true;
    snprintf(t->view[1].note, sizeof t->view[1].note, "expire_quiescent_template is 0");
    status = document_status(&s->facts);
    assert_problem(status, "error", "edge",
                   "tier edge is not as it should be, for 1m, and stays as it was: connect: "
                   "refused");
    assert_problem(status, "warning", "edge",
                   "tier edge: 1 member is still with sessions after drain.timeout (1m)");
    assert_problem(status, "warning", "spare",
                   "tier spare waits for the first results of its members before it is changed");
    assert_problem(status, "error", "spare",
                   "tier spare: all members are down; as on_all_down says, it serves those that "
                   "are not ordered away");
    assert_problem(status, "warning", "spare", "tier spare: expire_quiescent_template is 0");
    json_decref(status);

    t->rows[0][0].seen.active = 0; /* nothing is there any more */
    status = document_status(&s->facts);
    assert_int_equal(json_array_size(json_object_get(status, "problems")), 4);
    json_decref(status);
    scene_free(s);
}

/* ---- sessions ---- */

static void test_sessions(void **state)
{
    struct scene *s = scene_new();
    struct made_tiers *t = tiers_made(s);
    (void)state;
    t->rows[0][1].seen.active = 40;
    t->rows[0][1].seen.at_most = true;
    t->rows[1][0].seen.active = -1;
    json_t *document = document_endpoints(&s->facts, MODEL_NONE, WINDOW_ALL);
    assert_int(at(document, "endpoints", 0), "sessions", 3);
    assert_null(json_object_get(at(document, "endpoints", 0), "sessions_at_most"));
    assert_int(at(document, "endpoints", 1), "sessions", 40);
    assert_true(json_is_true(json_object_get(at(document, "endpoints", 1), "sessions_at_most")));
    assert_int(at(document, "endpoints", 2), "sessions", 43); /* a front: of all members */
    assert_null(json_object_get(at(document, "endpoints", 3), "sessions"));
    assert_rendered(CTL_ENDPOINTS, document, "PROBE  SESSIONS  WHY");
    assert_rendered(CTL_ENDPOINTS, document, "  <=40  ");
    json_decref(document);

    t->view[0].state = TIER_STALE; /* what it was is not what it is */
    document = document_endpoints(&s->facts, MODEL_NONE, WINDOW_ALL);
    assert_null(json_object_get(at(document, "endpoints", 0), "sessions"));
    assert_rendered(CTL_ENDPOINTS, document, "PROBE  WHY");
    json_decref(document);

    t->view[0].state = TIER_OK;
    struct tier_set other = t->set; /* of a configuration that is not in force any more */
    t->view[0].set = &other;
    document = document_endpoints(&s->facts, MODEL_NONE, WINDOW_ALL);
    assert_null(json_object_get(at(document, "endpoints", 0), "sessions"));
    json_decref(document);
    scene_free(s);
}

static void test_dns_left(void **state)
{
    struct scene *s = scene_new();
    const struct dns_left left[] = {{1, 12001}, {3, 500}};
    (void)state;
    s->facts.dns_left = left;
    s->facts.n_dns_left = 2;
    json_t *document = document_endpoints(&s->facts, MODEL_NONE, WINDOW_ALL);
    assert_null(json_object_get(at(document, "endpoints", 0), "dns_left_s"));
    assert_int(at(document, "endpoints", 1), "dns_left_s", 13);
    assert_null(json_object_get(at(document, "endpoints", 2), "dns_left_s"));
    assert_int(at(document, "endpoints", 3), "dns_left_s", 1);
    json_decref(document);
    scene_free(s);
}

/* ---- drains ---- */

/** Looks at a target; the document, which the caller owns. */
static json_t *look(struct scene *s, const char *target, struct drain *d)
{
    char error[CTL_TEXT_MAX];
    assert_int_equal(drain_look(d, s->world->arena, &s->facts, target, error), 0);
    return drain_document(d, target);
}

static void expect_stage(struct scene *s, const char *target, enum drain_stage stage,
                         uint32_t n_tiers)
{
    struct drain d;
    json_decref(look(s, target, &d));
    assert_int_equal(d.stage, stage);
    assert_int_equal(d.n_tiers, n_tiers);
}

static void test_drain_of_members(void **state)
{
    struct scene *s = scene_new();
    struct made_tiers *t = tiers_made(s);
    struct tier_row *row = t->rows[0];
    struct drain d;
    (void)state;
    expect_stage(s, "www/ams", DRAIN_STAGE_NONE, 0);
    made_drain(t, 0, 1);
    made_drain(t, 1, 1);
    expect_stage(s, "www/ams", DRAIN_STAGE_TIERS, 1); /* it has not heard of it yet */
    made_waits(&row[0], DRAIN_QUIESCE, 0, 0);
    made_waits(&row[1], DRAIN_WAIT, 2, 1090000 + 9000);
    json_t *document = look(s, "www/ams", &d);
    assert_text(document, "stage", "tiers");
    assert_int(document, "endpoints", 2);
    assert_int(document, "drained", 2);
    assert_int(document, "dns_left_s", 0);
    assert_int(document, "wait_s", 70); /* drain.timeout, and some for the looking */
    const json_t *tier = at(document, "tiers", 0);
    assert_text(tier, "name", "edge");
    assert_text(tier, "state", "ok");
    assert_int(tier, "active", 2);
    assert_int(tier, "left", 2);
    assert_int(tier, "left_s", 50); /* of the one whose time has not begun */
    assert_rendered(CTL_DRAIN, document, "tiers: edge: 2 sessions\n");
    json_decref(document);

    row[0].drain.phase = row[1].drain.phase = DRAIN_DONE;
    row[1].seen.active = 0;
    expect_stage(s, "www/ams", DRAIN_STAGE_DONE, 1);
    t->view[0].state = TIER_STALE; /* it cannot be read: nobody knows */
    document = look(s, "www/ams", &d);
    assert_int_equal(d.stage, DRAIN_STAGE_TIERS);
    assert_int_equal(d.tiers[0].active, -1);
    assert_rendered(CTL_DRAIN, document, "edge: stale");
    json_decref(document);
    t->view[0].state = TIER_OK;
    row[1].seen.active = 1; /* time is over, and it is still there */
    row[1].drain.timed_out = true;
    expect_stage(s, "www/ams", DRAIN_STAGE_TIERS, 1);
    row[1].present = false; /* removed */
    expect_stage(s, "www/ams", DRAIN_STAGE_DONE, 1);
    expect_stage(s, "www/ams/e1", DRAIN_STAGE_DONE, 1);
    expect_stage(s, "sin", DRAIN_STAGE_NONE, 0);
    scene_free(s);
}

/* By its front: all members, once every front is drained. */
static void test_drain_of_a_front(void **state)
{
    struct scene *s = scene_new();
    struct made_tiers *t = tiers_made(s);
    struct drain d;
    (void)state;
    made_drain(t, 2, 1);
    for (int i = 0; i < 2; i++) { /* staged: members serve on */
        t->rows[0][i].drain.phase = DRAIN_DNS;
        t->rows[0][i].drain.until_ms = 1090000 + 7000;
    }
    json_t *document = look(s, "iad", &d);
    assert_int_equal(d.stage, DRAIN_STAGE_TIERS);
    assert_int_equal(d.tiers[0].n_members, 2);
    assert_int(at(document, "tiers", 0), "left_s", 67); /* then their time begins */
    json_decref(document);
    made_waits(&t->rows[0][0], DRAIN_DONE, 0, 0);
    made_waits(&t->rows[0][1], DRAIN_DONE, 0, 0);
    expect_stage(s, "iad", DRAIN_STAGE_DONE, 1);

    const uint32_t fronts[] = {2, 3}; /* the other one still leads clients there */
    t->spec[0].fronts = fronts;
    t->spec[0].n_fronts = 2;
    expect_stage(s, "iad", DRAIN_STAGE_DONE, 0);
    made_drain(t, 3, 1);
    expect_stage(s, "iad", DRAIN_STAGE_DONE, 1);
    scene_free(s);
}

/* A tier that came with a reload, and one of a configuration that has gone. */
static void test_drain_of_new_tiers(void **state)
{
    struct scene *s = scene_new();
    struct made_tiers *t = tiers_made(s);
    (void)state;
    made_drain(t, 3, 1);
    t->view[1].n_rows = 0;
    t->view[1].state = TIER_UNREACHABLE;
    expect_stage(s, "sin", DRAIN_STAGE_TIERS, 1);
    expect_stage(s, "www/*", DRAIN_STAGE_TIERS, 1);
    struct tier_set other = t->set;
    t->view[1].set = &other;
    expect_stage(s, "sin", DRAIN_STAGE_DONE, 0);
    scene_free(s);
}

static void test_drain_errors(void **state)
{
    struct scene *s = scene_new();
    struct orders orders = {.node = "n"};
    char error[CTL_TEXT_MAX];
    struct drain d;
    (void)state;
    s->facts.orders = &orders;
    assert_int_equal(drain_look(&d, s->world->arena, &s->facts, "amz", error), E_NOTFOUND);
    assert_non_null(strstr(error, "did you mean 'ams'"));
    assert_int_equal(drain_look(&d, s->world->arena, &s->facts, "@7", error), E_NOTFOUND);
    assert_non_null(strstr(error, "there is no order @7"));
    assert_int_equal(drain_look(&d, s->world->arena, &s->facts, "a//b", error), E_SYNTAX);
    scene_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_dns_left),
        cmocka_unit_test(test_drain_of_members),
        cmocka_unit_test(test_drain_of_a_front),
        cmocka_unit_test(test_drain_of_new_tiers),
        cmocka_unit_test(test_drain_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
