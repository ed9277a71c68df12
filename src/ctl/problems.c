/* SPDX-License-Identifier: Apache-2.0
 * What is wrong now. */
#include "ctl/problems.h"

#include "control/json.h"
#include "ctl/quoted.h"
#include "dns/name.h"
#include "model/broken.h"
#include "out/standing.h"
#include "out/vanished.h"

#include <inttypes.h>

#define ZONES_NAMED 20
#define LIMITED_NAMED 3 /* networks that are limited */
#define POOLS_NAMED 20  /* in problems, of each severity; the rest are counted */

struct problems {
    json_t *list; /* errors first */
    size_t n_errors;
    struct arena *arena;
};

ATTR_PRINTF(3, 4)
static void complain(struct problems *problems, const char *severity, const char *fmt, ...)
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
        complain(p, "error",
                 "panic guard: too many endpoints fell at once, states are frozen until they come "
                 "back or an operator sets them");
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

static void complain_of_pools(struct problems *p, const struct facts *f)
{
    const struct model *m = f->generation->model;
    unsigned n_down = 0, n_degraded = 0;
    for (uint32_t i = 0; i < m->n_pools; i++) {
        struct pool_standing s;
        pool_standing(&s, p->arena, m, f->states, i);
        if (s.n_up == 0 && n_down++ < POOLS_NAMED)
            complain(p, "error", "pool %s is down: %s", m->pools[i].name, s.why);
        else if (s.n_up > 0 && s.n_sites_up < m->pools[i].n_sites && n_degraded++ < POOLS_NAMED)
            complain(p, "warning", "pool %s is degraded: %s", m->pools[i].name, s.why);
    }
    if (n_down > POOLS_NAMED)
        complain(p, "error", "%u more pools are down", n_down - POOLS_NAMED);
    if (n_degraded > POOLS_NAMED)
        complain(p, "warning", "%u more pools are degraded", n_degraded - POOLS_NAMED);
}

/* What `auto` leaves behind: it orders nothing. */
static bool is_exception(const struct override_rule *rule)
{
    return rule->is_weight ? rule->weight < 0 : rule->override == OVERRIDE_AUTO;
}

static void complain_of_operation(struct problems *p, const struct facts *f)
{
    for (uint32_t i = 0; i < f->n_rules; i++)
        if (f->rules[i].n_matched == 0 && !is_exception(&f->rules[i]))
            complain(p, "warning", "the %s of %s matches no endpoint of this configuration",
                     f->rules[i].is_weight ? "weight" : "override", f->rules[i].target);
    if (!f->generation->model->server.state_dir && f->n_rules)
        complain(p, "warning", "no server.state_dir: overrides are lost at a restart");
    else if (!f->generation->model->server.state_dir)
        complain(p, "warning", "no server.state_dir: overrides would not survive a restart");
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

void problems_list(json_t *list, const struct facts *f)
{
    struct problems problems = {list, 0, arena_new()};
    complain_of_config(&problems, f);
    complain_of_health(&problems, f);
    complain_of_pools(&problems, f);
    complain_of_operation(&problems, f);
    complain_of_limits(&problems, f);
    complain_of_addresses(&problems, f);
    arena_free(problems.arena);
}
