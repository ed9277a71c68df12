/* SPDX-License-Identifier: Apache-2.0
 * Reading back what gobgpd has. */
#include "anycast/gobgp_driver.h"

#include <stdio.h>

/* Up to so many prefixes of a family are asked for one by one, and the whole table only when it is
 * no larger than that: a full one of the Internet would be a gigabyte of JSON. One of long paths
 * can be more than GOBGP_OUTPUT_MAX all the same: then, too, each is asked for. */
enum { ASK_EACH_MAX = 3, ASK_WHOLE_MAX = 20000 };

static void fail(struct speaker_driver *d, enum speaker_error error, const char *text)
{
    d->is_known = false;
    d->host.failed(d->host.ctx, error, text);
}

static void fail_command(struct speaker_driver *d, const struct command_result *result)
{
    char text[GOBGP_TEXT_MAX];
    enum speaker_error error = gobgp_judge(text, d, result);
    fail(d, error, text);
}

static void note(struct speaker_driver *d, const char *text)
{
    if (!*d->seen.note)
        snprintf(d->seen.note, sizeof d->seen.note, "%s", text);
}

static void see(struct speaker_driver *d, const struct ip_prefix *prefix)
{
    char text[GOBGP_TEXT_MAX], p[IP_PREFIX_TEXT_MAX];
    uint32_t set, nth;
    const struct gobgp_route *route = gobgp_table_find(&d->table, prefix);
    bool configured = announcements_find(d->wanted, prefix, &set, &nth);
    struct seen_route *seen = vec_push(&d->seen.routes);
    *seen = (struct seen_route){.prefix = *prefix, .set = set, .nth = nth};
    seen->real = route && route->best ? REAL_PRESENT : REAL_ABSENT;
    if (configured && route) {
        const struct announcement *a = &d->wanted->v[set];
        const struct ip *hop = route_next_hop(a->spec->config, d->host.config, prefix->addr.family);
        seen->differs = route->best
                            ? !gobgp_route_is(route, gobgp_attributes(&a->attributes, d->as), hop)
                            : !a->announced;
    }
    if (route && !route->best) {
        snprintf(text, sizeof text, "%s is not announced: gobgpd prefers the route of a neighbour",
                 ip_prefix_text(p, prefix));
        note(d, text);
    }
}

static void tell_observed(struct speaker_driver *d)
{
    bool has_routes = false;
    d->seen.routes.n = 0;
    for (size_t i = 0; i < d->told.n; i++)
        see(d, &d->told.v[i]);
    for (size_t i = 0; i < d->seen.routes.n; i++)
        has_routes |= d->seen.routes.v[i].real == REAL_PRESENT;
    d->seen.restarted = d->had_routes && !has_routes;
    d->had_routes = has_routes;
    note(d, d->record_note);
    d->host.observed(d->host.ctx, &d->seen);
}

static void end_look(struct speaker_driver *d)
{
    vec_free(&d->table.routes);
    d->table = d->fresh;
    d->fresh = (struct gobgp_table){0};
    d->is_known = true;
    gobgp_forget_gone(d);
    gobgp_record(d, tell_observed);
}

static void push_ask(struct speaker_driver *d, int kind, uint8_t family,
                     const struct ip_prefix *prefix)
{
    struct gobgp_step *step = vec_push(&d->steps);
    step->kind = kind;
    step->family = family;
    if (prefix)
        step->prefix = *prefix;
}

static void ask_each(struct speaker_driver *d, uint8_t family)
{
    for (size_t i = 0; i < d->told.n; i++)
        if (d->told.v[i].addr.family == family)
            push_ask(d, GOBGP_ASK_PREFIX, family, &d->told.v[i]);
}

static void plan_look(struct speaker_driver *d, uint8_t family)
{
    size_t n = 0;
    for (size_t i = 0; i < d->told.n; i++)
        n += d->told.v[i].addr.family == family;
    if (n > ASK_EACH_MAX)
        push_ask(d, GOBGP_ASK_COUNT, family, NULL);
    else
        ask_each(d, family);
}

static bool take_answer(struct speaker_driver *d, const struct gobgp_step *step,
                        struct slice output)
{
    uint64_t count;
    if (step->kind != GOBGP_ASK_COUNT)
        return gobgp_table_read(&d->fresh, output) == 0;
    if (gobgp_count_read(&count, output) != 0)
        return false;
    if (count > ASK_WHOLE_MAX)
        ask_each(d, step->family);
    else
        push_ask(d, GOBGP_ASK_TABLE, step->family, NULL);
    return true;
}

static void ask_next(struct speaker_driver *d);

static void on_answer(struct speaker_driver *d, const struct command_result *result)
{
    const struct gobgp_step step = d->steps.v[d->n_done++];
    bool absent = step.kind == GOBGP_ASK_PREFIX && !result->error && !result->timed_out &&
                  strstr(result->line, "not in table");
    if (step.kind == GOBGP_ASK_TABLE && result->too_much) {
        ask_each(d, step.family);
        ask_next(d);
    } else if (!absent && !command_ok(result)) {
        fail_command(d, result);
    } else if (!absent && !take_answer(d, &step, result->output)) {
        fail(d, SPEAKER_ERROR_REJECTED,
             "gobgp prints its table in words that are not known; is it a version of GoBGP 3?");
    } else {
        ask_next(d);
    }
}

static void ask_next(struct speaker_driver *d)
{
    char words[96], prefix[IP_PREFIX_TEXT_MAX];
    struct gobgp_argv argv = {0};
    if (d->n_done == d->steps.n) {
        end_look(d);
        return;
    }
    const struct gobgp_step *step = &d->steps.v[d->n_done];
    const char *what = step->kind == GOBGP_ASK_COUNT    ? " summary"
                       : step->kind == GOBGP_ASK_PREFIX ? ip_prefix_text(prefix, &step->prefix)
                                                        : "";
    snprintf(words, sizeof words, "global rib%s%s -a %s", step->kind == GOBGP_ASK_PREFIX ? " " : "",
             what, step->family == IP_V4 ? "ipv4" : "ipv6");
    gobgp_argv_ask(&argv, d->host.config->command, words);
    gobgp_run(d, &argv, GOBGP_OUTPUT_MAX, on_answer);
}

static void on_sessions(struct speaker_driver *d, const struct command_result *result)
{
    uint32_t all, up;
    if (!command_ok(result)) {
        fail_command(d, result);
        return;
    }
    if (gobgp_sessions_read(&all, &up, result->output) != 0) {
        fail(d, SPEAKER_ERROR_REJECTED, "gobgp prints its neighbours in words that are not known");
        return;
    }
    if (up == 0)
        note(d, all ? "gobgpd has no session that is established" : "gobgpd has no neighbours");
    d->steps.n = d->n_done = 0;
    d->fresh.routes.n = 0;
    gobgp_expect_wanted(d);
    plan_look(d, IP_V4);
    plan_look(d, IP_V6);
    ask_next(d);
}

static void on_global(struct speaker_driver *d, const struct command_result *result)
{
    struct gobgp_argv argv = {0};
    char text[GOBGP_TEXT_MAX];
    uint32_t as, told = d->host.config->as;
    if (!command_ok(result)) {
        fail_command(d, result);
    } else if (gobgp_as_read(&as, result->output) != 0) {
        fail(d, SPEAKER_ERROR_REJECTED,
             "gobgp prints what is no JSON of it; is the command gobgp of GoBGP 3?");
    } else if (as == 0) {
        fail(d, SPEAKER_ERROR_REJECTED, "gobgpd is not set up: it has no AS (gobgpd -f FILE)");
    } else if (told != 0 && told != as) {
        snprintf(text, sizeof text, "gobgpd has the AS %u, and the speaker's as is %u", as, told);
        fail(d, SPEAKER_ERROR_REJECTED, text);
    } else {
        d->as = as;
        gobgp_argv_ask(&argv, d->host.config->command, "neighbor");
        gobgp_run(d, &argv, GOBGP_OUTPUT_MAX, on_sessions);
    }
}

void gobgp_look(struct speaker_driver *d)
{
    struct gobgp_argv argv = {0};
    *d->seen.note = '\0';
    gobgp_argv_ask(&argv, d->host.config->command, "global");
    gobgp_run(d, &argv, GOBGP_OUTPUT_MAX, on_global);
}
