/* SPDX-License-Identifier: Apache-2.0
 * What the operator orders: overrides and weights. A change is made to a copy of the rules, saved,
 * and only then put in force: what was acknowledged survives a crash, what failed changed nothing.
 */
#include "health/internal.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/units.h"
#include "health/state_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 100
}; /* per change; a change of more endpoints ends with one line for the rest */

struct parts {
    const char *pool, *site, *label;
};

static struct parts parts_of(const struct model *m, uint32_t endpoint)
{
    const struct endpoint *e = &m->endpoints[endpoint];
    return (struct parts){m->pools[e->pool].name, m->sites[e->site].name, e->label};
}

static bool matches(const struct target *target, const struct model *m, uint32_t endpoint)
{
    struct parts p = parts_of(m, endpoint);
    return target_matches(target, p.pool, p.site, p.label);
}

static const struct rule *find(const struct checker *c, enum rule_kind kind, uint32_t endpoint)
{
    struct parts p = parts_of(c->model, endpoint);
    return rules_find(&c->rules, kind, p.pool, p.site, p.label);
}

/* Rounded down: a TTL that it caps must not outlive it. */
static int64_t until_s(const struct rule *rule)
{
    return !rule || rule->until_ms == INT64_MAX ? INT64_MAX : rule->until_ms / 1000;
}

/* ---- putting rules in force ---- */

static void apply_state(struct checker *c, uint32_t endpoint)
{
    struct endpoint_state *state = &c->states[endpoint];
    const struct rule *rule = find(c, RULE_STATE, endpoint);
    state->override = (uint8_t)(rule ? rule->override : OVERRIDE_AUTO);
    state->override_since_ms = rule ? rule->set_ms : 0;
    state->override_until_s = until_s(rule);
    snprintf(state->override_reason, sizeof state->override_reason, "%s", rule ? rule->reason : "");
    reason_clean(state->override_reason);
}

static void apply_weight(struct checker *c, uint32_t endpoint)
{
    const struct rule *rule = find(c, RULE_WEIGHT, endpoint);
    c->states[endpoint].weight_override = rule ? rule->weight : -1;
    c->states[endpoint].weight_until_s = until_s(rule);
}

void operator_apply_to(struct checker *c, uint32_t endpoint)
{
    if (c->rules.n == 0)
        return;
    apply_state(c, endpoint);
    apply_weight(c, endpoint);
}

void operator_apply(struct checker *c)
{
    for (uint32_t e = 0; c->rules.n > 0 && e < c->model->n_endpoints; e++)
        operator_apply_to(c, e);
}

/* One line of the event log about an endpoint whose rules changed, if that shows. */
static bool report(struct checker *c, uint32_t endpoint, const struct endpoint_state *before,
                   const char *why)
{
    const struct endpoint_state *now = &c->states[endpoint];
    const struct endpoint *e = &c->model->endpoints[endpoint];
    char text[REASON_MAX + 64];
    uint32_t from = endpoint_weight(e, before), to = endpoint_weight(e, now);
    if (from != to)
        snprintf(text, sizeof text, "%s: weight %u, was %u", why, to, from);
    else if (*now->override_reason)
        snprintf(text, sizeof text, "%s: %s", why, now->override_reason);
    else
        snprintf(text, sizeof text, "%s", why);
    if (from == to && before->override == now->override)
        return false;
    endpoints_event(c, endpoint, endpoint_state_text(before), endpoint_state_text(now), text);
    return true;
}

static bool is_same(const struct endpoint_state *a, const struct endpoint_state *b)
{
    return a->override == b->override && a->override_until_s == b->override_until_s &&
           a->weight_override == b->weight_override && a->weight_until_s == b->weight_until_s &&
           strcmp(a->override_reason, b->override_reason) == 0;
}

/* Works out all endpoints that `target` matches (NULL: all) after a change of the rules. */
static void apply_change(struct checker *c, const struct target *target, const char *why)
{
    uint32_t n_reported = 0, n_silent = 0;
    succession_note_orders(c);
    for (uint32_t e = 0; e < c->model->n_endpoints; e++) {
        if (target && !matches(target, c->model, e))
            continue;
        struct endpoint_state before = c->states[e];
        apply_state(c, e);
        apply_weight(c, e);
        if (is_same(&before, &c->states[e]))
            continue;
        endpoints_mark_changed(c, e);
        if (n_reported >= EVENTS_MAX)
            n_silent++;
        else
            n_reported += report(c, e, &before, why);
        endpoints_touched(c, e);
    }
    if (n_silent > 0) {
        char text[REASON_MAX];
        snprintf(text, sizeof text, "%s: %u more endpoints", why, n_silent);
        endpoints_event(c, MODEL_NONE, "", "", text);
    }
    endpoints_flush(c);
}

/* ---- the file ---- */

static char *file_in(const char *dir, const char *name)
{
    size_t n = strlen(dir) + strlen(name) + 2;
    char *path = xmalloc(n);
    snprintf(path, n, "%s/%s", dir, name);
    return path;
}

void operator_set_paths(struct checker *c)
{
    const char *dir = c->model->server.state_dir;
    free(c->rules_path);
    free(c->health_path);
    c->rules_path = dir ? file_in(dir, STATE_RULES) : NULL;
    c->health_path = dir ? file_in(dir, STATE_HEALTH) : NULL;
}

static int save(struct checker *c, const struct rules *rules)
{
    if (!c->rules_path)
        return 0;
    int code = store_save_rules(rules, c->rules_path);
    if (code)
        log_error("health: %s cannot be written: %s", c->rules_path, strerror(errno));
    return code;
}

/* One that cannot be understood is kept, so that the next change does not replace it. */
static int put_aside(struct checker *c, struct buf *problem)
{
    char *aside;
    if (file_put_aside(&aside, c->rules_path, "corrupt")) {
        buf_printf(problem, "; it cannot be put aside either: %s", strerror(errno));
        return E_SYSTEM;
    }
    buf_printf(problem, "; it was renamed to %s, and no override is in force", aside);
    free(aside);
    return 0;
}

static int load(struct checker *c, struct diags *diags)
{
    struct buf problem = {0};
    int code = store_load_rules(&c->rules, c->rules_path, &problem);
    if (code == E_SYNTAX)
        code = put_aside(c, &problem);
    else if (code)
        buf_puts(&problem, "; what it holds is still in force, so there is no start without it: "
                           "make it readable, or move it away");
    if (problem.n > 0) {
        if (diags)
            diag_error(diags, c->model->server.state_dir_at, "'state_dir': %s", problem.p);
        endpoints_event(c, MODEL_NONE, "ok", "error", problem.p);
    }
    c->problem = problem.p;
    return code;
}

static int cannot_be_made(const struct server_config *server, struct diags *diags)
{
    if (diags)
        diag_error(diags, server->state_dir_at, "'state_dir' %s cannot be made: %s",
                   server->state_dir, strerror(errno));
    return E_SYSTEM;
}

int operator_load(struct checker *c, struct diags *diags)
{
    operator_set_paths(c);
    if (!c->rules_path)
        return 0;
    if (state_dir_make(c->model->server.state_dir))
        return cannot_be_made(&c->model->server, diags);
    int code = load(c, diags);
    uint32_t n = code ? 0 : rules_expire(&c->rules, clock_wall_ms());
    if (n > 0) {
        log_notice("health: %u override%s expired while the server was stopped", n,
                   units_plural(n));
        (void)!save(c, &c->rules);
    }
    return code;
}

/* What another state directory held is somebody's orders; those in force are newer. */
static int put_before_aside(struct checker *c, const char *path, struct span at,
                            struct diags *diags)
{
    struct rules there = {0};
    struct buf problem = {0};
    char *aside = NULL;
    int code = store_load_rules(&there, path, &problem);
    bool damaged = code == E_SYNTAX;
    rules_expire(&there, clock_wall_ms());
    if (code && !damaged) {
        diag_error(diags, at, "'state_dir': %s", problem.p);
    } else if (damaged || (there.n > 0 && !rules_equal(&there, &c->rules))) {
        code = file_put_aside(&aside, path, damaged ? "corrupt" : "before");
        if (code)
            diag_error(diags, at, "'state_dir': %s cannot be put aside: %s", path, strerror(errno));
        else
            diag_warning(diags, at,
                         "'state_dir': %s held other orders than those in force, which go on; it "
                         "was renamed to %s",
                         path, aside);
    }
    free(aside);
    buf_free(&problem);
    rules_free(&there);
    return code;
}

static int follow(struct checker *c, const char *path, struct span at, struct diags *diags)
{
    int code = put_before_aside(c, path, at, diags);
    if (code)
        return code;
    code = store_save_rules(&c->rules, path);
    if (code)
        diag_error(diags, at, "'state_dir': %s cannot be written: %s", path, strerror(errno));
    return code;
}

int checker_prepare(struct checker *c, const struct model *next, struct diags *diags)
{
    const struct server_config *server = &next->server;
    int code = 0;
    if (!server->state_dir)
        return 0;
    if (state_dir_make(server->state_dir))
        return cannot_be_made(server, diags);
    char *path = file_in(server->state_dir, STATE_RULES);
    bool moves = !c->rules_path || strcmp(path, c->rules_path) != 0;
    /* Somebody may have cleared the directory away. */
    if (moves || (c->rules.n > 0 && access(path, F_OK) != 0 && errno == ENOENT))
        code = follow(c, path, server->state_dir_at, diags);
    free(path);
    return code;
}

/* ---- commands ---- */

static uint32_t count_matches(const struct checker *c, const struct target *target)
{
    uint32_t n = 0;
    for (uint32_t e = 0; e < c->model->n_endpoints; e++)
        n += matches(target, c->model, e);
    return n;
}

/* Takes over a rule whose target and reason are not set yet. */
static int change(struct checker *c, const char *text, struct rule rule, const char *reason,
                  uint32_t *n)
{
    struct rules rules;
    *n = 0;
    if (target_parse(&rule.target, text))
        return E_NOTFOUND;
    *n = count_matches(c, &rule.target);
    rule.set_ms = clock_wall_ms();
    rule.reason = xstrdup(reason ? reason : "");
    rules_copy(&rules, &c->rules);
    /* `auto` may also be about a rule whose endpoints are gone. */
    bool is_auto = rule_is_auto(&rule);
    uint32_t n_removed = rules_set(&rules, rule);
    int code = *n > 0 || (is_auto && n_removed > 0) ? save(c, &rules) : E_NOTFOUND;
    if (code) {
        rules_free(&rules);
        return code;
    }
    rules_free(&c->rules);
    c->rules = rules;
    struct target target;
    (void)!target_parse(&target, text);
    apply_change(c, &target, "operator");
    target_free(&target);
    return 0;
}

static int64_t until_ms(int64_t for_ms)
{
    int64_t now_ms = clock_wall_ms();
    return for_ms <= 0 || for_ms > RULE_TIME_MAX_MS - now_ms ? INT64_MAX : now_ms + for_ms;
}

int checker_override(struct checker *c, const char *target, enum override override, int64_t for_ms,
                     const char *reason, uint32_t *n)
{
    struct rule rule = {
        .kind = RULE_STATE,
        .override = override,
        .until_ms = override == OVERRIDE_AUTO ? INT64_MAX : until_ms(for_ms),
    };
    return change(c, target, rule, reason, n);
}

int checker_weight(struct checker *c, const char *target, int64_t weight, uint32_t *n)
{
    struct rule rule = {
        .kind = RULE_WEIGHT,
        .weight = weight < 0 ? RULE_AUTO_WEIGHT : weight,
        .until_ms = INT64_MAX,
    };
    *n = 0;
    if (weight > WEIGHT_MAX)
        return E_RANGE;
    return change(c, target, rule, NULL, n);
}

void operator_expire(struct checker *c)
{
    int64_t now_ms = clock_wall_ms();
    if (rules_next_expiry_ms(&c->rules) > now_ms)
        return;
    rules_expire(&c->rules, now_ms);
    /* Should this fail, the next start finds them expired. */
    (void)!save(c, &c->rules);
    apply_change(c, NULL, "the override expired");
}

bool checker_target_matches(const struct model *model, const char *text, uint32_t endpoint)
{
    struct target target;
    if (target_parse(&target, text))
        return false;
    bool result = matches(&target, model, endpoint);
    target_free(&target);
    return result;
}

static uint32_t count_decided(const struct checker *c, const struct rule *rule)
{
    uint32_t n = 0;
    for (uint32_t e = 0; e < c->model->n_endpoints; e++)
        n += matches(&rule->target, c->model, e) &&
             (rule_is_auto(rule) || find(c, rule->kind, e) == rule);
    return n;
}

uint32_t checker_rules(const struct checker *c, struct override_rule *out, uint32_t max)
{
    for (uint32_t i = 0; i < c->rules.n && i < max; i++) {
        const struct rule *rule = &c->rules.v[i];
        out[i] = (struct override_rule){
            .target = rule->target.text,
            .is_weight = rule->kind == RULE_WEIGHT,
            .override = rule->override,
            .weight = rule->weight,
            .since_ms = rule->set_ms,
            .until_s = until_s(rule),
            .reason = rule->reason,
            .n_endpoints = count_decided(c, rule),
            .n_matched = count_matches(c, &rule->target),
        };
    }
    return c->rules.n;
}
