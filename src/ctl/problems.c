/* SPDX-License-Identifier: Apache-2.0
 * What is wrong now. */
#include "ctl/problems.h"

#include "base/units.h"
#include "control/json.h"
#include "ctl/documents.h"
#include "ctl/quoted.h"
#include "dns/name.h"
#include "model/broken.h"
#include "out/causes.h"
#include "out/event_file.h"
#include "out/standing.h"
#include "out/vanished.h"

#include <inttypes.h>

#define ZONES_NAMED 20
#define LIMITED_NAMED 3 /* networks that are limited */
#define POOLS_NAMED 20  /* lines on pools, of each severity; the rest are counted */

struct problems {
    json_t *list; /* errors first */
    size_t n_errors;
    struct arena *arena;
};

/** Returns what was added, for more members. */
ATTR_PRINTF(3, 4)
static json_t *complain(struct problems *problems, const char *severity, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    json_t *object = json_object();
    json_set_text(object, "severity", severity);
    json_set_text(object, "text", arena_vprintf(problems->arena, fmt, args));
    if (strcmp(severity, "error") == 0)
        json_array_insert_new(problems->list, problems->n_errors++, object);
    else
        json_array_append_new(problems->list, object);
    va_end(args);
    return object;
}

static void complain_of_broken(struct problems *p, const struct zone *zone)
{
    char name[NAME_TEXT_MAX];
    const char *fault = diag_text(p->arena, zone_fault(zone)),
               *why = quoted_line(p->arena, fault, strlen(fault));
    if (zone->origin.n > 0)
        complain(p, "error",
                 "zone %s is broken, and answered with SERVFAIL until its files are mended and "
                 "reloaded: %s",
                 name_to_text(name, zone->origin), why);
    else
        complain(p, "error", "%s is broken, and not served: %s", zone->path, why);
}

static void complain_of_zones(struct problems *p, const struct model *m)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < m->n_zones; i++)
        if (m->zones[i].broken && n++ < ZONES_NAMED)
            complain_of_broken(p, &m->zones[i]);
    for (uint32_t i = 0; i < m->n_unnamed; i++)
        if (n++ < ZONES_NAMED)
            complain_of_broken(p, &m->unnamed[i]);
    if (n > ZONES_NAMED)
        complain(p, "error", "%u more zone%s broken", n - ZONES_NAMED,
                 n - ZONES_NAMED == 1 ? " is" : "s are");
}

static void complain_of_config(struct problems *p, const struct facts *f)
{
    const struct reload_info *r = &f->reload;
    if (r->failed) {
        const char *errors = r->errors ? r->errors : "";
        complain(p, "error", "the last reload failed, generation %" PRIu64 " goes on serving: %s",
                 f->generation->number, quoted_line(p->arena, errors, strcspn(errors, "\n")));
    }
    for (const char *line = r->gone ? r->gone : ""; *line;) {
        int n = (int)strcspn(line, "\n");
        complain(p, "warning",
                 "zone %.*s is gone: a reload took it away, and it is not served any more", n,
                 line);
        line += n + (line[n] == '\n');
    }
    if (r->n_gone > VANISHED_NAMED)
        complain(p, "warning", "%u more zone%s gone", r->n_gone - VANISHED_NAMED,
                 r->n_gone - VANISHED_NAMED == 1 ? " is" : "s are");
    if (f->generation->model->n_zones == 0)
        complain(p, "warning", "no zones: no DNS is served, endpoints are checked only");
    else if (f->generation->model->server.n_listen == 0)
        complain(p, "warning", "'listen' is empty: no DNS is served, endpoints are checked only");
    complain_of_zones(p, f->generation->model);
    if (f->disk == DISK_CHANGED && !r->failed)
        complain(p, "warning", "the configuration on disk is not the one that runs: reload it");
    if (f->token == TOKEN_UNREADABLE)
        complain(p, "error",
                 "http.token_file cannot be read by this user, or not be used: the token that was "
                 "read before is still taken, and a reload will fail: %s",
                 f->generation->model->http.token_file);
    if (f->token == TOKEN_CHANGED)
        complain(p, "warning",
                 "http.token_file has another token than the one in force: reload, or the old one "
                 "is taken");
    if (f->disk == DISK_UNREADABLE)
        complain(p, "warning", "the configuration on disk cannot be read any more: %s",
                 f->generation->model->path);
}

static void complain_of_health(struct problems *p, const struct facts *f)
{
    if (f->health.panic)
        complain(
            p, "error",
            "panic guard: nearly all targets fell silent at once, the checker suspects itself: "
            "%u endpoint%s frozen until targets answer or an operator sets them",
            f->health.n_frozen, f->health.n_frozen == 1 ? " is" : "s are");
    if (f->health.problem)
        complain(p, "error", "%s", f->health.problem);
    if (f->health.stale)
        complain(p, "error", "the checker has stalled: states may be old");
    if (f->health.n_untried)
        complain(p, "error",
                 "%u probe%s could not be tried, which says nothing of the endpoint%s: %s",
                 f->health.n_untried, f->health.n_untried == 1 ? "" : "s",
                 f->health.n_untried == 1 ? "" : "s", f->health.untried ? f->health.untried : "");
    if (!f->ready)
        complain(p, "warning", "starting: not every probe has a first result yet");
}

/* Lines on pools, of either severity. */
struct pool_lines {
    struct problems *problems;
    const struct causes_of *of;
    unsigned n_lines[2], n_more[2]; /* degraded, down; pools of lines that are not written */
};

static bool has_line_left(struct pool_lines *l, bool down, unsigned n_pools)
{
    bool any = l->n_lines[down]++ < POOLS_NAMED;
    l->n_more[down] += any ? 0 : n_pools;
    return any;
}

static void complain_of_cause(struct pool_lines *l, const struct cause *c)
{
    bool down = c->n_down > 0;
    if (!has_line_left(l, down, c->n_pools))
        return;
    json_t *object = complain(l->problems, down ? "error" : "warning", "%s",
                              cause_text(l->problems->arena, l->of, c));
    json_set_text(object, "site", l->of->model->sites[c->site].name);
    json_set_int(object, "pools", c->n_pools);
    json_set_int(object, "pools_down", c->n_down);
}

static void complain_of_pool(struct pool_lines *l, const struct facts *f, uint32_t pool)
{
    struct pool_standing s;
    const struct model *m = l->of->model;
    bool down = l->of->levels->pools[pool].level == LEVEL_DOWN;
    if (!has_line_left(l, down, 1))
        return;
    pool_standing(&s, l->problems->arena, m, f->states, pool);
    json_t *object = complain(l->problems, down ? "error" : "warning", "pool %s is %s: %s",
                              m->pools[pool].name, down ? "down" : "degraded", s.why);
    json_set_text(object, "pool", m->pools[pool].name);
}

/* A line for each cause that several pools share, and one for each pool that has another. */
static void complain_of_pools(struct problems *p, const struct facts *f)
{
    const struct causes_of of = {f->generation->model, f->states, f->levels, f->orders};
    struct pool_lines lines = {.problems = p, .of = &of};
    uint32_t n_pools = model_steering_pools(of.model);
    uint32_t *all = arena_calloc(p->arena, n_pools, sizeof *all);
    bool *alone = arena_calloc(p->arena, n_pools, sizeof *alone);
    struct causes causes;
    for (uint32_t i = 0; i < n_pools; i++)
        all[i] = i;
    causes_find(&causes, p->arena, &of, all, n_pools, false);
    for (uint32_t i = 0; i < causes.n; i++)
        if (causes.v[i].n_pools > 1)
            complain_of_cause(&lines, &causes.v[i]);
        else
            alone[causes.v[i].pools[0]] = true;
    for (uint32_t i = 0; i < n_pools; i++)
        if (alone[i])
            complain_of_pool(&lines, f, i);
    if (lines.n_more[true])
        complain(p, "error", "%u more pools are down, or degraded with them", lines.n_more[true]);
    if (lines.n_more[false])
        complain(p, "warning", "%u more pools are degraded", lines.n_more[false]);
}

static void complain_of_state_dir(struct problems *p, const struct facts *f)
{
    char age[UNITS_TEXT_MAX];
    const char *dir = f->generation->model->server.state_dir;
    if (dir && f->health.disk_error)
        complain(p, "error",
                 "state directory %s cannot be written: %s, since %s; orders are refused, "
                 "--volatile works",
                 dir, strerror(f->health.disk_error),
                 units_age_text(age, f->now_ms - f->health.disk_since_ms));
    else if (!dir && f->orders && f->orders->n)
        complain(p, "warning", "no server.state_dir: overrides are lost at a restart");
    else if (!dir)
        complain(p, "warning", "no server.state_dir: overrides would not survive a restart");
}

static void complain_of_operation(struct problems *p, const struct facts *f)
{
    document_order_problems(p->list, f);
    if (f->events_problem)
        complain(p, "warning", "events are kept in memory only: %s/" EVENT_FILE ": %s",
                 f->generation->model->server.state_dir, f->events_problem);
    complain_of_state_dir(p, f);
    if (f->drops_60s)
        complain(p, "warning",
                 "the kernel dropped %" PRIu64 " queries in the last minute: sockets were full",
                 f->drops_60s);
}

static void complain_of_addresses(struct problems *p, const struct facts *f)
{
    char where[IP_PORT_TEXT_MAX];
    for (uint32_t i = 0; i < f->shares.n_listeners; i++)
        if (f->shares.listeners[i].absent)
            complain(p, "warning", "%s is on no interface of this machine: nobody reaches it",
                     ip_port_text(where, &f->shares.listeners[i].addr,
                                  f->shares.listeners[i].port));
}

static void complain_of_limits(struct problems *p, const struct facts *f)
{
    char text[IP_PREFIX_TEXT_MAX];
    const char *names = "";
    double per_second = 0;
    uint32_t n = f->n_limited, n_named = n < LIMITED_NAMED ? n : LIMITED_NAMED;
    if (n == 0)
        return;
    for (uint32_t i = 0; i < n; i++) {
        per_second += f->limited[i].per_second;
        if (i < n_named)
            names = arena_printf(p->arena, "%s%s%s", names, i ? ", " : "",
                                 ip_prefix_text(text, &f->limited[i].network));
    }
    if (n > n_named)
        names = arena_printf(p->arena, "%s and %u more networks", names, n - n_named);
    complain(
        p, "warning",
        "rate limit: %s %s over the allowance: about %.0f answers a second %s kept back; queries "
        "in %s name may be spoofed",
        names, n == 1 ? "is" : "are", per_second,
        f->generation->model->server.rate_limit.log_only ? "would be" : "are",
        n == 1 ? "its" : "their");
}

static void complain_of_tier(void *ctx, const char *severity, const char *tier, const char *text)
{
    json_t *object = complain(ctx, severity, "%s", text);
    if (tier)
        json_set_text(object, "tier", tier);
}

static void complain_of_set(void *ctx, const char *severity, const char *set, const char *text)
{
    json_t *object = complain(ctx, severity, "%s", text);
    if (set)
        json_set_text(object, "set", set);
}

const char *problem_age(struct arena *arena, const struct facts *f, int64_t since_ms)
{
    char age[UNITS_TEXT_MAX];
    return since_ms > 0 ? arena_printf(arena, ", for %s", units_age_text(age, f->now_ms - since_ms))
                        : "";
}

void problems_list(json_t *list, const struct facts *f)
{
    struct problems problems = {list, 0, arena_new()};
    complain_of_config(&problems, f);
    complain_of_health(&problems, f);
    complain_of_pools(&problems, f);
    problems_of_tiers(f, problems.arena, complain_of_tier, &problems);
    problems_of_anycast(f, problems.arena, complain_of_set, &problems);
    complain_of_operation(&problems, f);
    complain_of_limits(&problems, f);
    complain_of_addresses(&problems, f);
    arena_free(problems.arena);
}
