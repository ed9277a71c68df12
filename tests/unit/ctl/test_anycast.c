/* SPDX-License-Identifier: Apache-2.0
 * What operators see of prefix sets: their document, its rendering, explanations, problems, health,
 * how far drains have come. Of views made by hand. */
#include "control/json.h"
#include "ctl/documents.h"
#include "ctl/drain.h"
#include "ctl/explain_set.h"
#include "ctl/healthy.h"
#include "ctl/render.h"
#include "health/decide.h"
#include "tests/unit/out/anycast.h"

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

static void assert_texts(const json_t *object, const char *key, const char *expected)
{
    struct buf joined = {0};
    const json_t *item;
    size_t i;
    buf_puts(&joined, "");
    json_array_foreach(json_object_get(object, key), i, item)
        buf_printf(&joined, "%s%s", i ? " " : "", json_text_of(item, "?"));
    assert_string_equal(joined.p ? joined.p : "", expected);
    buf_free(&joined);
}

static char *rendered(enum ctl_command command, const json_t *document, unsigned width)
{
    struct buf out = {0};
    render_result(&out, command, document, (struct screen){.width = width});
    return out.p;
}

static void assert_rendered(enum ctl_command command, const json_t *document, const char *words)
{
    char *text = rendered(command, document, 0);
    if (!strstr(text, words))
        fail_msg("\"%s\" is not in:\n%s", words, text);
    free(text);
}

static void order(struct made_anycast *a, const char *target, enum announce_order announce)
{
    assert_int_equal(made_order(a, target,
                                (struct order_words){.kind = ORDER_ANNOUNCE,
                                                     .announce = announce,
                                                     .reason = "works"}),
                     0);
}

static void order_state(struct made_anycast *a, const char *target, enum override override)
{
    assert_int_equal(made_order(a, target, (struct order_words){.override = override}), 0);
}

/* ---- the document ---- */

static void test_document(void **state)
{
    struct scene *s = scene_new();
    struct made_anycast *a = anycast_made(s);
    static const struct large_community large[] = {{{64500, 1, 4000000000u}}};
    (void)state;
    a->spec[0].ifname = "ls-dns";
    a->view[0].attributes = (struct route_attributes){.prepend = 2,
                                                      .has_med = true,
                                                      .med = 200,
                                                      .communities = {{64500, 7}, {65535, 0}},
                                                      .n_communities = 2,
                                                      .large = large,
                                                      .n_large = 1};
    a->seen[1].real = REAL_ABSENT;
    a->seen[0].differs = true;
    a->inputs[0][1].ok = false;
    a->inputs[0][1].reason = "20 % of the weight is up, at least 30 % is needed";
    a->inputs[0][2].known = false;
    made_timer(&a->view[0], ANNOUNCER_TIMER_FALL, 1090000 + 1500);
    json_t *document = document_anycast(&s->facts, "", WINDOW_ALL);
    assert_int(document, "version", 9 + 7); /* the speaker's, and the generation's */

    const json_t *set = at(document, "sets", 0);
    assert_text(set, "name", "dns");
    assert_text(set, "state", "announced");
    assert_text(set, "since", "1970-01-01T00:18:00.000Z");
    assert_int(set, "since_s", 10);
    assert_text(set, "real", "present");
    assert_text(set, "speaker", "local");
    assert_text(set, "site", "ams");
    assert_text(set, "interface", "ls-dns");
    assert_text(set, "order", "auto");
    assert_null(json_object_get(set, "order_id"));
    assert_text(set, "why",
                "withdrawn in 2s: pool www/ams: 20 % of the weight is up, at least 30 % "
                "is needed");
    assert_texts(set, "prefixes", "192.0.2.53/32 2001:db8::53/128");
    assert_text(at(set, "routes", 1), "real", "absent");
    assert_true(json_is_true(json_object_get(at(set, "routes", 0), "differs")));
    assert_null(json_object_get(at(set, "routes", 1), "differs"));
    assert_int_equal(json_array_size(json_object_get(set, "inputs")), 3);
    assert_text(at(set, "inputs", 0), "name", "self");
    assert_true(json_is_true(json_object_get(at(set, "inputs", 0), "ok")));
    assert_text(at(set, "inputs", 0), "reason", "answered in 0.3 ms");
    assert_true(json_is_false(json_object_get(at(set, "inputs", 1), "ok")));
    assert_true(json_is_null(json_object_get(at(set, "inputs", 2), "ok"))); /* nobody knows */
    assert_true(json_is_true(json_object_get(at(set, "inputs", 2), "full")));
    assert_null(json_object_get(at(set, "inputs", 1), "full"));
    assert_text(at(set, "timers", 0), "name", "fall");
    assert_int(at(set, "timers", 0), "left_s", 2); /* of 1.5: never less than there is */
    const json_t *attributes = json_object_get(set, "attributes");
    assert_int(attributes, "prepend", 2);
    assert_int(attributes, "med", 200);
    assert_texts(attributes, "communities", "64500:7 65535:0");
    assert_texts(attributes, "large_communities", "64500:1:4000000000");
    assert_texts(attributes, "next_hop", "self");
    assert_int(set, "transitions", 3);
    assert_null(json_object_get(set, "frozen"));
    assert_null(json_object_get(set, "problem"));

    assert_int_equal(json_array_size(json_object_get(document, "sets")), 2);
    const json_t *speaker = at(document, "speakers", 0);
    assert_text(speaker, "name", "local");
    assert_text(speaker, "type", "bird");
    assert_true(json_is_true(json_object_get(speaker, "up")));
    assert_text(speaker, "error", "");
    assert_null(json_object_get(speaker, "error_kind"));
    assert_text(speaker, "version", "BIRD 2.0.12");
    assert_int(speaker, "changes", 4);
    json_decref(document);

    /* What is not announced has no attributes. */
    a->view[0].state = ANNOUNCER_HOLDING;
    document = document_anycast(&s->facts, "dns", WINDOW_ALL);
    assert_int_equal(json_object_size(json_object_get(at(document, "sets", 0), "attributes")), 0);
    assert_int_equal(json_array_size(json_object_get(document, "sets")), 1);
    assert_int_equal(json_array_size(json_object_get(document, "speakers")), 1);
    json_decref(document);
    made_free(s);
}

static void test_windows(void **state)
{
    struct scene *s = scene_new();
    (void)state;
    anycast_made(s);
    json_t *document = document_anycast(&s->facts, "", &(struct window){"", 1});
    assert_text(document, "next", "0:dns");
    json_decref(document);
    document = document_anycast(&s->facts, "", &(struct window){"0:dns", 1});
    assert_text(at(document, "sets", 0), "name", "www");
    assert_null(json_object_get(document, "next"));
    json_decref(document);
    made_free(s);
}

static void test_version(void **state)
{
    struct scene *s = scene_new();
    struct made_anycast *a = anycast_made(s);
    (void)state;
    a->speaker_view.version = 4;
    assert_int_equal(anycast_facts_version(&s->facts, ""), 6 + 7);
    assert_int_equal(anycast_facts_version(&s->facts, "dns"), 5 + 7);
    assert_int_equal(anycast_facts_version(&s->facts, "none"), 7);
    a->speaker_view.version = 8; /* its speaker is a part of what is told of it */
    assert_int_equal(anycast_facts_version(&s->facts, "dns"), 8 + 7);
    made_free(s);
}

/* ---- why ---- */

static void expect_why(struct scene *s, unsigned set, const char *expected)
{
    struct arena *arena = arena_new();
    assert_string_equal(anycast_view_why(arena, &s->facts, s->facts.anycast.views[set]), expected);
    arena_free(arena);
}

static void test_why(void **state)
{
    struct scene *s = scene_new();
    struct made_anycast *a = anycast_made(s);
    struct anycast_view *v = &a->view[0];
    (void)state;
    expect_why(s, 0, "all holds");
    v->state = ANNOUNCER_HOLDING;
    expect_why(s, 0, "all holds, to be announced");
    made_timer(v, ANNOUNCER_TIMER_HOLD, 1090000 + 6001);
    expect_why(s, 0, "all holds, announced in 7s");
    v->timers[0].until_ms = 1089000;
    expect_why(s, 0, "all holds, announced in 0s");
    a->inputs[0][1].known = false;
    a->inputs[0][1].reason = "";
    expect_why(s, 0, "not known yet: pool www/ams");
    v->n_timers = 0;
    v->state = ANNOUNCER_DOWN;
    a->inputs[0][0].ok = false;
    a->inputs[0][0].reason = "no answer in 1 s";
    expect_why(s, 0, "self: no answer in 1 s"); /* what is known comes before what is not */
    order(a, "anycast:dns", ANNOUNCE_YES);
    expect_why(s, 0, "self: no answer in 1 s"); /* which is why it is not */
    order(a, "anycast:dns", ANNOUNCE_WITHDRAW);
    expect_why(s, 0, "withdraw is ordered (@2 of alice: works)");
    v->state = ANNOUNCER_DRAINING;
    order(a, "anycast:dns", ANNOUNCE_DRAIN);
    made_timer(v, ANNOUNCER_TIMER_DRAIN, 1090000 + 23000);
    expect_why(s, 0, "withdrawn in 23s: drain is ordered (@3 of alice: works)");
    order(a, "anycast:dns", ANNOUNCE_AUTO);
    expect_why(s, 0, "withdrawn in 23s: loadstard stops");
    order_state(a, "ams", OVERRIDE_DRAIN);
    expect_why(s, 0, "withdrawn in 23s: drain is ordered (@4 for site ams of alice)");
    expect_why(s, 1, "all holds");
    made_free(s);
}

static void test_why_announced(void **state)
{
    struct scene *s = scene_new();
    struct made_anycast *a = anycast_made(s);
    struct anycast_view *v = &a->view[0];
    (void)state;
    a->inputs[0][2].ok = false;
    a->inputs[0][2].reason = "60 % is up, 70 % is needed";
    expect_why(s, 0, "all holds"); /* it falls, or is about to rise */
    v->state = ANNOUNCER_DEGRADED;
    expect_why(s, 0, "pool www: 60 % is up, 70 % is needed");
    a->inputs[0][0].ok = false;
    assert_ptr_equal(anycast_view_failing(v, true), &a->inputs[0][2]);
    assert_ptr_equal(anycast_view_failing(v, false), &a->inputs[0][0]);
    a->inputs[0][0].reason = "refused";
    assert_int_equal(made_order(a, "anycast:*",
                                (struct order_words){.kind = ORDER_ANNOUNCE,
                                                     .announce = ANNOUNCE_YES,
                                                     .forced = true}),
                     0);
    expect_why(s, 0, "announce is ordered by force (@1 of alice), although: self: refused");
    v->frozen = true;
    expect_why(s, 0,
               "frozen, pools and checks are not believed; announce is ordered by force (@1 of "
               "alice), although: self: refused");
    v->problem = "on_announce ended with 1";
    v->frozen = false;
    a->inputs[0][0].ok = true;
    expect_why(s, 0, "on_announce ended with 1; announce is ordered by force (@1 of alice)");
    made_free(s);
}

/* ---- text ---- */

static void test_tables(void **state)
{
    struct scene *s = scene_new();
    struct made_anycast *a = anycast_made(s);
    (void)state;
    a->view[1].state = ANNOUNCER_DOWN;
    a->inputs[1][1].ok = false;
    a->inputs[1][1].reason = "nothing of a weight of 400 is up, and this goes on and on and on";
    a->speaker_view.status.up = false;
    a->speaker_view.status.error = SPEAKER_ERROR_DENIED;
    snprintf(a->speaker_view.status.text, sizeof a->speaker_view.status.text,
             "\033[31mno right to open /run/bird/bird.ctl");
    json_t *document = document_anycast(&s->facts, "", WINDOW_ALL);
    assert_rendered(CTL_ANYCAST, document, "dns  announced  10s    present  local    all holds\n");
    assert_rendered(CTL_ANYCAST, document,
                    "www  down       10s    present  local    pool www/ams: nothing of a weight");
    assert_rendered(CTL_ANYCAST, document, "local    bird  denied  BIRD 2.0.12  ");
    char *text = rendered(CTL_ANYCAST, document, 80);
    assert_null(strchr(text, '\033'));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        unsigned columns = 0;
        for (const char *p = line; *p != '\n'; p++)
            columns += (*p & 0xc0) != 0x80; /* no byte that goes on in a character */
        if (columns > 80)
            fail_msg("wider than 80 columns:\n%s", text);
    }
    free(text);
    json_decref(document);

    document = document_anycast(&s->facts, "dns", WINDOW_ALL);
    assert_rendered(CTL_ANYCAST, document, "\nself          yes  announcing  answered in 0.3 ms\n");
    assert_rendered(CTL_ANYCAST, document, "\npool www      yes  full        100 % is up\n");
    assert_rendered(CTL_ANYCAST, document, "\n2001:db8::53/128  present\n");
    json_decref(document);
    a->seen[1].differs = true;
    document = document_anycast(&s->facts, "dns", WINDOW_ALL);
    assert_rendered(CTL_ANYCAST, document, "present, with other attributes than told\n");
    json_decref(document);
    made_free(s);
    s = scene_new();
    document = document_anycast(&s->facts, "", WINDOW_ALL);
    assert_rendered(CTL_ANYCAST, document, "no prefix sets\n");
    json_decref(document);
    made_free(s);
}

/* ---- explanations ---- */

static void test_explain(void **state)
{
    struct scene *s = scene_new();
    struct made_anycast *a = anycast_made(s);
    char error[CTL_TEXT_MAX];
    int code;
    (void)state;
    order(a, "anycast:*", ANNOUNCE_WITHDRAW);
    assert_int_equal(made_order(a, "anycast:dns",
                                (struct order_words){.kind = ORDER_ANNOUNCE,
                                                     .announce = ANNOUNCE_DRAIN,
                                                     .for_ms = 60000}),
                     0);
    order_state(a, "ams", OVERRIDE_DOWN);
    a->view[0].state = ANNOUNCER_DRAINING;
    made_timer(&a->view[0], ANNOUNCER_TIMER_DRAIN, 1090000 + 5000);
    json_t *document = explain_set_document(&s->facts, "anycast:dns", &code, error);
    assert_int_equal(code, 0);
    assert_text(json_object_get(document, "set"), "state", "draining");
    assert_text(json_object_get(document, "set"), "order_id", "@2");
    assert_text(json_object_get(document, "speaker"), "type", "bird");
    assert_int_equal(json_array_size(json_object_get(document, "orders")), 3);
    assert_text(at(document, "orders", 0), "target", "ams");
    assert_text(at(document, "orders", 0), "why", "an order on the set itself is above it");
    assert_text(at(document, "orders", 1), "state", "drain");
    assert_true(json_is_true(json_object_get(at(document, "orders", 1), "decides")));
    assert_int(at(document, "orders", 1), "left_s", 60);
    assert_text(at(document, "orders", 2), "why", "a newer one is above it");
    assert_rendered(CTL_EXPLAIN, document, "anycast:dns is draining, for 10s\n");
    assert_rendered(CTL_EXPLAIN, document,
                    "  because     withdrawn in 5s: drain is ordered (@2 of alice)\n");
    assert_rendered(CTL_EXPLAIN, document, "  timers      drain: 5s left\n");
    assert_rendered(
        CTL_EXPLAIN, document,
        "  orders      @3 ams down by alice: an order on the set itself is above it\n"
        "              @2 anycast:dns drain by alice, for 1m: decides\n"
        "              @1 anycast:* withdraw by alice, works: a newer one is above it\n");
    assert_rendered(CTL_EXPLAIN, document, "  attributes  prepend 0, next hop self\n");
    assert_rendered(CTL_EXPLAIN, document, "  speaker     local (bird), up; its routes: present\n");
    assert_rendered(CTL_EXPLAIN, document, "  192.0.2.53/32     present\n");
    json_decref(document);
    made_free(s);
}

static void test_explain_auto(void **state)
{
    struct scene *s = scene_new();
    struct made_anycast *a = anycast_made(s);
    char error[CTL_TEXT_MAX];
    int code;
    (void)state;
    order(a, "anycast:*", ANNOUNCE_WITHDRAW);
    order(a, "anycast:dns", ANNOUNCE_AUTO); /* excepts it */
    json_t *document = explain_set_document(&s->facts, "anycast:dns", &code, error);
    assert_true(json_is_true(json_object_get(at(document, "orders", 0), "decides")));
    assert_text(at(document, "orders", 1), "why", "a newer one is above it");
    json_decref(document);
    order_state(a, "ams", OVERRIDE_DRAIN);
    document = explain_set_document(&s->facts, "anycast:dns", &code, error);
    assert_true(json_is_true(json_object_get(at(document, "orders", 0), "decides")));
    assert_text(at(document, "orders", 1), "why", "lets the orders of the site decide");
    json_decref(document);
    made_free(s);
}

static void test_what_is_explained(void **state)
{
    static const struct {
        const char *name, *set; /* NULL: a domain name; "": no set */
    } cases[] = {
        {"anycast:www", "www"},  {"anycast:none", ""},        {"192.0.2.53/32", "dns"},
        {"192.0.2.53", "dns"},   {"192.0.2.54", NULL},        {"192.0.2.0/24", ""},
        {"2001:db8::53", "dns"}, {"2001:DB8::53/128", "dns"}, {"2001:db8::54", ""},
        {"198.51.100.9", "www"}, {"198.51.100.9/25", "www"},  {"198.51.100.0/23", ""},
        {"198.51.0.0/16", ""},   {"www.example.test.", NULL}, {"192.0.2.53.example", NULL},
    };
    struct scene *s = scene_new();
    char error[CTL_TEXT_MAX];
    int code;
    (void)state;
    anycast_made(s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (explain_is_of_set(&s->facts, cases[i].name) != (cases[i].set != NULL))
            fail_msg("%s", cases[i].name);
        if (!cases[i].set)
            continue;
        json_t *document = explain_set_document(&s->facts, cases[i].name, &code, error);
        const char *found = json_get_text(json_object_get(document, "set"), "name", "");
        if (strcmp(found, cases[i].set) != 0 || (code == 0) != (*cases[i].set != '\0'))
            fail_msg("%s: %s", cases[i].name, found);
        json_decref(document);
    }
    assert_null(explain_set_document(&s->facts, "anycast:dsn", &code, error));
    assert_int_equal(code, E_NOTFOUND);
    assert_non_null(strstr(error, "there is no prefix set 'dsn', did you mean 'dns'?"));
    assert_null(explain_set_document(&s->facts, "192.0.2.0/24", &code, error));
    assert_non_null(strstr(error, "no prefix set has 192.0.2.0/24"));
    made_free(s);
}

/* ---- problems ---- */

static void assert_problem(struct scene *s, const char *severity, const char *set,
                           const char *words)
{
    json_t *status = document_status(&s->facts);
    const json_t *p;
    size_t i;
    bool found = false;
    json_array_foreach(json_object_get(status, "problems"), i, p)
    {
        if (strcmp(json_get_text(p, "text", ""), words) != 0)
            continue;
        assert_text(p, "severity", severity);
        assert_string_equal(json_get_text(p, "set", "-"), set);
        found = true;
    }
    if (!found) {
        char *text = json_dumps(json_object_get(status, "problems"), JSON_INDENT(1));
        fail_msg("\"%s\" is not in %s", words, text);
    }
    json_decref(status);
}

static size_t count_problems(struct scene *s)
{
    json_t *status = document_status(&s->facts);
    size_t n = json_array_size(json_object_get(status, "problems"));
    json_decref(status);
    return n;
}

static void test_problems(void **state)
{
    struct scene *s = scene_new();
    struct made_anycast *a = anycast_made(s);
    struct anycast_view *v = &a->view[0];
    struct speaker_status *speaker = &a->speaker_view.status;
    (void)state;
    s->world->model.server.state_dir = "/var/lib/loadstar";
    assert_int_equal(count_problems(s), 0);

    v->state = ANNOUNCER_DOWN;
    v->real = REAL_ABSENT;
    a->inputs[0][0].ok = false;
    a->inputs[0][0].reason = "no answer in 1 s";
    assert_problem(s, "error", "dns",
                   "anycast dns is down, not announced, for 10s: self: no answer in 1 s");
    order(a, "anycast:dns", ANNOUNCE_WITHDRAW);
    assert_int_equal(count_problems(s), 0); /* it is meant */
    v->real = REAL_PRESENT;
    assert_problem(s, "error", "dns",
                   "anycast dns is down, and speaker local has its routes all the same");
    v->real = REAL_UNKNOWN;
    assert_int_equal(count_problems(s), 0);

    order(a, "anycast:dns", ANNOUNCE_AUTO);
    v->state = ANNOUNCER_DEGRADED;
    v->real = REAL_ABSENT;
    v->frozen = true;
    a->seen[1].differs = true;
    v->problem = "on_announce ended with 1";
    assert_problem(s, "error", "dns",
                   "anycast dns is degraded, and speaker local does not have all its routes");
    assert_problem(s, "error", "dns", "anycast dns: on_announce ended with 1");
    assert_problem(s, "warning", "dns",
                   "anycast dns: speaker local has 2001:db8::53/128 with other attributes than "
                   "told");
    assert_problem(s, "warning", "dns",
                   "anycast dns is frozen: its pools and checks failed all at once, which is not "
                   "believed");
    assert_int_equal(count_problems(s), 5);

    *speaker =
        (struct speaker_status){.error = SPEAKER_ERROR_UNREACHABLE, .error_since_ms = 1087000};
    assert_int_equal(snprintf(speaker->text, sizeof speaker->text, "no such file"), 12);
    assert_problem(s, "error", "-",
                   "speaker local does not do what it is told (unreachable), for 3s: no such file");
    speaker->error = SPEAKER_ERROR_NONE; /* it has not been looked at yet */
    assert_int_equal(count_problems(s), 5);
    speaker->up = true;
    snprintf(speaker->note, sizeof speaker->note, "session to 192.0.2.1 is not established");
    assert_problem(s, "warning", "-", "speaker local: session to 192.0.2.1 is not established");
    made_free(s);
}

static void test_problem_of_force(void **state)
{
    struct scene *s = scene_new();
    struct made_anycast *a = anycast_made(s);
    (void)state;
    s->world->model.server.state_dir = "/var/lib/loadstar";
    assert_int_equal(made_order(a, "anycast:dns",
                                (struct order_words){.kind = ORDER_ANNOUNCE,
                                                     .announce = ANNOUNCE_YES,
                                                     .forced = true}),
                     0);
    assert_int_equal(count_problems(s), 0);
    a->inputs[0][0].ok = false;
    a->inputs[0][0].reason = "refused";
    assert_problem(s, "error", "dns", "anycast dns is announced by force, although: self: refused");
    made_free(s);
}

static void test_status(void **state)
{
    struct scene *s = scene_new();
    struct made_anycast *a = anycast_made(s);
    (void)state;
    json_t *status = document_status(&s->facts);
    assert_int(json_object_get(status, "anycast"), "announced", 2);
    assert_rendered(CTL_STATUS, status,
                    "anycast    2 of 2 prefix sets announced; 1 of 1 speaker up\n");
    json_decref(status);
    a->view[0].state = ANNOUNCER_DRAINING;
    a->view[1].state = ANNOUNCER_DOWN;
    a->speaker_view.status.up = false;
    status = document_status(&s->facts);
    assert_rendered(
        CTL_STATUS, status,
        "anycast    0 of 2 prefix sets announced, 1 draining, 1 down; 0 of 1 speaker up\n");
    json_decref(status);
    made_free(s);
}

/* ---- orders ---- */

static void test_orders_document(void **state)
{
    struct scene *s = scene_new();
    struct made_anycast *a = anycast_made(s);
    (void)state;
    order(a, "anycast:*", ANNOUNCE_DRAIN);
    assert_int_equal(made_order(a, "anycast:dns",
                                (struct order_words){.kind = ORDER_ANNOUNCE,
                                                     .announce = ANNOUNCE_YES,
                                                     .forced = true}),
                     0);
    json_t *document = document_orders(&s->facts);
    assert_text(at(document, "orders", 0), "state", "announce");
    assert_true(json_is_true(json_object_get(at(document, "orders", 0), "forced")));
    assert_int(at(document, "orders", 0), "prefix_sets", 1);
    assert_int(at(document, "orders", 1), "prefix_sets", 1);
    assert_int(at(document, "orders", 1), "matches", 2);
    assert_text(at(document, "orders", 1), "why", "partly covered by @2");
    assert_rendered(CTL_ORDERS, document, "@2  anycast:dns  announce, forced  ");
    json_decref(document);
    s->world->model.n_prefix_sets = 0; /* they are gone */
    document = document_orders(&s->facts);
    assert_text(at(document, "orders", 0), "why", "matches no prefix set of this configuration");
    json_decref(document);
    assert_problem(s, "warning", "-",
                   "the override of anycast:dns (order @2) matches no prefix set of this "
                   "configuration");
    made_free(s);
}

/* ---- health ---- */

static void expect_health(struct scene *s, int expected, const char *state_text, int64_t up)
{
    char error[CTL_TEXT_MAX];
    int code;
    json_t *document = healthy_document(&s->facts, "anycast:dns", &code, error);
    const json_t *healthy = json_object_get(document, "healthy");
    assert_int_equal(json_is_null(healthy) ? -1 : json_is_true(healthy), expected);
    assert_text(document, "state", state_text);
    assert_int(document, "up", up);
    assert_int(document, "total", 2);
    json_decref(document);
}

static void test_healthy(void **state)
{
    struct scene *s = scene_new();
    struct made_anycast *a = anycast_made(s);
    char error[CTL_TEXT_MAX];
    int code;
    (void)state;
    expect_health(s, 1, "announced", 2);
    a->view[0].state = ANNOUNCER_DEGRADED;
    expect_health(s, 1, "degraded", 2);
    a->seen[1].real = REAL_ABSENT;
    a->view[0].real = REAL_ABSENT;
    expect_health(s, 0, "degraded", 1);
    a->view[0].real = REAL_UNKNOWN;
    expect_health(s, -1, "degraded", 1);
    a->view[0].state = ANNOUNCER_DOWN;
    expect_health(s, 0, "down", 1);
    a->view[0].real = REAL_PRESENT;
    a->view[0].state = ANNOUNCER_DRAINING;
    expect_health(s, 0, "draining", 1);
    assert_null(healthy_document(&s->facts, "anycast:dn", &code, error));
    assert_int_equal(code, E_NOTFOUND);
    json_t *document = healthy_document(&s->facts, "anycast:www", &code, error);
    assert_rendered(CTL_HEALTHY, document,
                    "anycast:www: healthy, announced, 1 of 1 prefixes are with the speaker");
    json_decref(document);
    made_free(s);
}

/* ---- drains ---- */

static void expect_stage(struct scene *s, const char *target, enum drain_stage stage,
                         uint32_t n_sets)
{
    char error[CTL_TEXT_MAX];
    struct drain d;
    assert_int_equal(drain_look(&d, s->world->arena, &s->facts, target, error), 0);
    assert_int_equal(d.stage, stage);
    assert_int_equal(d.n_sets, n_sets);
}

static void test_drain(void **state)
{
    struct scene *s = scene_new();
    struct made_anycast *a = anycast_made(s);
    struct anycast_view *v = &a->view[0];
    char error[CTL_TEXT_MAX];
    struct drain d;
    (void)state;
    expect_stage(s, "ams", DRAIN_STAGE_NONE, 0);
    expect_stage(s, "anycast:dns", DRAIN_STAGE_NONE, 0);
    order_state(a, "ams", OVERRIDE_DRAIN);
    orders_apply(&a->orders, &s->world->model, s->world->states);
    expect_stage(s, "ams", DRAIN_STAGE_ANYCAST, 1);
    expect_stage(s, "anycast:*", DRAIN_STAGE_ANYCAST, 1); /* www is not drained */
    expect_stage(s, "www/ams", DRAIN_STAGE_DONE, 0);      /* not the whole site */
    v->state = ANNOUNCER_DRAINING;
    made_timer(v, ANNOUNCER_TIMER_DRAIN, 1090000 + 22500);
    assert_int_equal(drain_look(&d, s->world->arena, &s->facts, "ams", error), 0);
    json_t *document = drain_document(&d, "ams");
    assert_text(document, "stage", "anycast");
    assert_int(document, "wait_s", 40); /* drain_time, and some for the looking */
    assert_int(document, "endpoints", 2);
    const json_t *set = at(document, "anycast", 0);
    assert_text(set, "name", "dns");
    assert_text(set, "state", "draining");
    assert_text(set, "real", "present");
    assert_true(json_is_true(json_object_get(set, "left")));
    assert_int(set, "left_s", 23);
    assert_rendered(CTL_DRAIN, document, "anycast: anycast dns: draining, 23s left\n");
    json_decref(document);

    v->state = ANNOUNCER_DOWN; /* told, and not seen yet */
    v->n_timers = 0;
    expect_stage(s, "ams", DRAIN_STAGE_ANYCAST, 1);
    assert_int_equal(drain_look(&d, s->world->arena, &s->facts, "ams", error), 0);
    document = drain_document(&d, "ams");
    assert_rendered(CTL_DRAIN, document, "anycast: anycast dns: down, routes present\n");
    json_decref(document);
    v->real = REAL_UNKNOWN;
    expect_stage(s, "ams", DRAIN_STAGE_ANYCAST, 1);
    v->real = REAL_ABSENT;
    expect_stage(s, "ams", DRAIN_STAGE_DONE, 1);
    assert_int_equal(drain_look(&d, s->world->arena, &s->facts, "ams", error), 0);
    document = drain_document(&d, "ams");
    assert_rendered(CTL_DRAIN, document, "done: anycast dns: withdrawn\n");
    json_decref(document);
    s->facts.anycast.n = 0; /* nobody has seen it yet */
    expect_stage(s, "ams", DRAIN_STAGE_ANYCAST, 1);
    assert_int_equal(drain_look(&d, s->world->arena, &s->facts, "anycast:x", error), E_NOTFOUND);
    assert_non_null(strstr(error, "there is no prefix set 'x'"));
    made_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_why),
        cmocka_unit_test(test_why_announced),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_explain),
        cmocka_unit_test(test_explain_auto),
        cmocka_unit_test(test_what_is_explained),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_problem_of_force),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_orders_document),
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
