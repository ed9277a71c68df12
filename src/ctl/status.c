/* SPDX-License-Identifier: Apache-2.0
 * The status document: what runs, how much of it, and what is wrong now. */
#include "config.h"

#include "control/json.h"
#include "ctl/documents.h"
#include "dns/name.h"
#include "model/broken.h"
#include "out/standing.h"
#include "out/vanished.h"

#include <inttypes.h>
#include <unistd.h>

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

static const char *disk_text(enum disk_state state)
{
    static const char *const texts[] = {"unknown", "same", "changed", "unreadable"};
    return texts[state];
}

static void set_hash(json_t *object, const char *key, uint64_t hash)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    json_set_text(object, key, text);
}

static void set_config(json_t *document, const struct facts *f)
{
    const struct model *m = f->generation->model;
    json_t *config = json_set_object(document, "config");
    json_set_text(config, "path", m->path);
    set_hash(config, "hash", m->file_hash);
    json_set_time(config, "loaded", m->loaded_wall_ms);
    json_set_int(config, "age_s", (f->now_ms - m->loaded_wall_ms) / 1000);
    json_set_text(config, "disk", disk_text(f->disk));
    if (f->disk == DISK_SAME || f->disk == DISK_CHANGED)
        set_hash(config, "disk_hash", f->disk_hash);
}

static void set_counts(json_t *document, const struct facts *f)
{
    const struct model *m = f->generation->model;
    size_t records = 0, names = 0;
    for (uint32_t i = 0; i < m->n_zones; i++)
        records += m->zones[i].n_records, names += m->zones[i].n_pool_names;
    json_t *counts = json_set_object(document, "counts");
    json_set_int(counts, "zones", m->n_zones);
    json_set_int(counts, "zones_read", f->zones_read);
    json_set_int(counts, "zones_kept", f->zones_kept);
    json_set_int(counts, "records", (int64_t)records);
    json_set_int(counts, "dynamic_names", (int64_t)names);
    json_set_int(counts, "sites", m->n_sites);
    json_set_int(counts, "pools", m->n_pools);
    json_set_int(counts, "endpoints", m->n_endpoints);
    json_set_int(counts, "checks", m->n_checks);
    json_set_int(counts, "probes", f->health.n_probes);
}

static void set_endpoints(json_t *document, const struct facts *f)
{
    const struct model *m = f->generation->model;
    int64_t n[3] = {0}, serving = 0, overridden = 0, stale = 0;
    for (uint32_t i = 0; i < m->n_endpoints; i++) {
        const struct endpoint_state *s = &f->states[i];
        n[s->health]++;
        serving += endpoint_serves(s) && endpoint_weight(&m->endpoints[i], s) > 0;
        overridden += s->override != OVERRIDE_AUTO || s->weight_override >= 0;
        stale += s->stale;
    }
    json_t *endpoints = json_set_object(document, "endpoints");
    json_set_int(endpoints, "serving", serving);
    json_set_int(endpoints, "up", n[HEALTH_UP]);
    json_set_int(endpoints, "down", n[HEALTH_DOWN]);
    json_set_int(endpoints, "unknown", n[HEALTH_UNKNOWN]);
    json_set_int(endpoints, "overridden", overridden);
    json_set_int(endpoints, "stale", stale);
}

static void set_queries(json_t *document, const struct facts *f)
{
    static const char *const windows[RATE_WINDOWS] = {"1s", "10s", "60s"};
    const struct answer_stats *a = &f->io.answer;
    json_t *queries = json_set_object(document, "queries");
    json_set_int(queries, "total", (int64_t)(a->queries[0] + a->queries[1]));
    json_set_int(queries, "udp", (int64_t)a->queries[0]);
    json_set_int(queries, "tcp", (int64_t)a->queries[1]);
    json_set_int(queries, "dynamic", (int64_t)a->dynamic);
    json_set_int(queries, "ecs", (int64_t)a->ecs);
    json_set_int(queries, "truncated", (int64_t)a->truncated);
    json_set_int(queries, "kernel_drops",
                 (int64_t)(f->io.udp_kernel_drops + f->io.xdp_kernel_drops));
    json_t *rates = json_set_object(queries, "per_second");
    for (int i = 0; i < RATE_WINDOWS; i++)
        if (f->rates[i] >= 0)
            json_set_real(rates, windows[i], f->rates[i], 1);
}

static void set_limits(json_t *document, const struct facts *f)
{
    char text[IP_PREFIX_TEXT_MAX];
    const struct answer_stats *a = &f->io.answer;
    const struct server_config *server = &f->generation->model->server;
    json_t *limits = json_set_object(document, "rate_limit");
    json_set_text(limits, "state",
                  server->rate_limit.off        ? "off"
                  : server->rate_limit.log_only ? "log_only"
                                                : "on");
    json_set_int(limits, "dropped", (int64_t)a->limited[1]);
    json_set_int(limits, "truncated", (int64_t)a->limited[2]);
    json_set_int(limits, "badcookie", (int64_t)a->limited[3]);
    json_set_int(limits, "would_drop", (int64_t)a->would_limit[1]);
    json_set_int(limits, "would_truncate", (int64_t)a->would_limit[2]);
    json_set_int(limits, "would_badcookie", (int64_t)a->would_limit[3]);
    json_t *networks = json_set_array(limits, "networks");
    for (uint32_t i = 0; i < f->n_limited; i++) {
        json_t *network = json_object();
        json_set_text(network, "network", ip_prefix_text(text, &f->limited[i].network));
        json_set_real(network, "per_second", f->limited[i].per_second, 1);
        json_array_append_new(networks, network);
    }
    json_t *cookies = json_set_object(document, "cookies");
    json_set_text(cookies, "secrets",
                  server->cookies.off         ? "off"
                  : server->cookies.n_secrets ? "file"
                                              : "own");
    json_set_int(cookies, "new", (int64_t)a->cookies[COOKIE_NEW]);
    json_set_int(cookies, "valid", (int64_t)a->cookies[COOKIE_VALID]);
    json_set_int(cookies, "expired", (int64_t)a->cookies[COOKIE_EXPIRED]);
    json_set_int(cookies, "invalid", (int64_t)a->cookies[COOKIE_INVALID]);
}

static void set_xdp(json_t *document, const struct facts *f)
{
    json_t *list = json_set_array(document, "xdp");
    for (uint32_t i = 0; i < f->n_xdp; i++) {
        json_t *object = json_object();
        json_set_text(object, "interface", f->xdp[i].name);
        json_set_text(object, "mode", f->xdp[i].mode);
        json_set_int(object, "queues", f->xdp[i].queues);
        json_array_append_new(list, object);
    }
}

/** The length of FILE in "FILE:LINE:COLUMN: ...", and of the whole position. */
static size_t position_length(const char *line, size_t n, size_t *file)
{
    for (size_t at = 0; at < n; at++) {
        size_t to = at + 1, digits = strspn(line + to, "0123456789");
        if (line[at] != ':' || digits == 0 || line[to + digits] != ':')
            continue;
        *file = at;
        to += digits + 1;
        digits = strspn(line + to, "0123456789");
        return digits && line[to + digits] == ':' ? to + digits : to - 1;
    }
    return 0;
}

/** One line of the errors of a reload, in `arena`. Messages quote what stands in a file, this
 *  document is read without a token, and a zone can $INCLUDE any file, that of the token as well:
 * so only files that are zones or configuration by their name are quoted here. */
static const char *error_line(struct arena *arena, const char *line, size_t n)
{
    static const char *const quoted[] = {".yaml", ".yml", ".zone"};
    size_t file = 0, position = position_length(line, n, &file);
    for (size_t i = 0; i < ARRAY_LEN(quoted); i++) {
        size_t length = strlen(quoted[i]);
        if (!position || (file >= length && memcmp(line + file - length, quoted[i], length) == 0))
            return arena_printf(arena, "%.*s", (int)n, line);
    }
    return arena_printf(arena, "%.*s: what is wrong there is in the log", (int)position, line);
}

static void add_lines(json_t *list, const char *text)
{
    struct arena *arena = arena_new();
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (n)
            json_array_append_new(list, json_text(error_line(arena, text, n)));
        text += n + (text[n] == '\n');
    }
    arena_free(arena);
}

static void set_reload(json_t *document, const struct facts *f)
{
    const struct reload_info *r = &f->reload;
    json_t *reload = json_set_object(document, "reload");
    json_set_time(reload, "at", r->at_ms);
    json_set_bool(reload, "failed", r->failed);
    json_set_int(reload, "succeeded_total", (int64_t)r->n_ok);
    json_set_int(reload, "failed_total", (int64_t)r->n_failed);
    add_lines(json_set_array(reload, "errors"), r->failed && r->errors ? r->errors : "");
}

/** A turn holds up all that becomes due in it: results of probes, orders, these documents. */
static void set_loop(json_t *document, const struct facts *f)
{
    json_t *loop = json_set_object(document, "control_loop");
    uint64_t n = 0;
    for (int i = 0; i <= TURN_BOUNDS; i++)
        n += f->turns.n[i];
    json_set_int(loop, "turns", (int64_t)n);
    json_set_real(loop, "worst_ms", (double)f->turns.worst_us / 1e3, 3);
    json_set_real(loop, "worst_60s_ms", (double)f->turns.worst_minute_us / 1e3, 3);
    json_set_real(loop, "worst_cpu_ms", (double)f->turns.worst_cpu_us / 1e3, 3);
}

static json_t *rule_json(const struct facts *f, const struct override_rule *rule)
{
    json_t *object = json_object();
    json_set_text(object, "target", rule->target);
    if (rule->is_weight && rule->weight < 0)
        json_set_text(object, "weight", "auto");
    else if (rule->is_weight)
        json_set_int(object, "weight", rule->weight);
    else
        json_set_text(object, "state", override_text(rule->override));
    json_set_text(object, "reason", rule->reason ? rule->reason : "");
    json_set_time(object, "since", rule->since_ms);
    if (rule->until_s != INT64_MAX) {
        json_set_time(object, "until", rule->until_s * 1000);
        json_set_int(object, "left_s", (rule->until_s * 1000 - f->now_ms) / 1000);
    }
    json_set_int(object, "endpoints", rule->n_endpoints);
    return object;
}

static void set_overrides(json_t *document, const struct facts *f)
{
    json_t *list = json_set_array(document, "overrides");
    for (uint32_t i = 0; i < f->n_rules; i++)
        json_array_append_new(list, rule_json(f, &f->rules[i]));
}

/* What is wrong now */

static void complain_of_broken(struct problems *p, const struct zone *zone)
{
    char name[NAME_TEXT_MAX];
    const char *fault = diag_text(p->arena, zone_fault(zone)),
               *why = error_line(p->arena, fault, strlen(fault));
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
                 f->generation->number, error_line(p->arena, errors, strcspn(errors, "\n")));
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

static void set_problems(json_t *document, const struct facts *f)
{
    struct problems problems = {json_set_array(document, "problems"), 0, arena_new()};
    complain_of_config(&problems, f);
    complain_of_health(&problems, f);
    complain_of_pools(&problems, f);
    complain_of_operation(&problems, f);
    complain_of_limits(&problems, f);
    complain_of_addresses(&problems, f);
    arena_free(problems.arena);
}

json_t *document_status(const struct facts *f)
{
    json_t *document = json_object();
    json_set_text(document, "version", PACKAGE_VERSION);
    json_set_int(document, "pid", getpid());
    json_set_int(document, "generation", (int64_t)f->generation->number);
    json_set_time(document, "started", f->started_ms);
    json_set_int(document, "uptime_s", (f->now_ms - f->started_ms) / 1000);
    set_config(document, f);
    set_counts(document, f);
    set_endpoints(document, f);
    set_queries(document, f);
    set_limits(document, f);
    set_xdp(document, f);
    set_loop(document, f);
    set_reload(document, f);
    set_overrides(document, f);
    set_problems(document, f);
    return document;
}
