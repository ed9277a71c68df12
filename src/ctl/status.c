/* SPDX-License-Identifier: Apache-2.0
 * The status document: what runs, and how much of it. */
#include "config.h"

#include "control/json.h"
#include "ctl/documents.h"
#include "ctl/problems.h"
#include "ctl/quoted.h"

#include <inttypes.h>
#include <unistd.h>

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
    json_set_int(counts, "pools", model_steering_pools(m));
    json_set_int(counts, "endpoints", model_steering_endpoints(m));
    json_set_int(counts, "checks", m->n_checks);
    json_set_int(counts, "probes", f->health.n_probes);
}

static void set_endpoints(json_t *document, const struct facts *f)
{
    const struct model *m = f->generation->model;
    int64_t n[3] = {0}, serving = 0, overridden = 0, stale = 0, frozen = 0;
    uint32_t n_endpoints = model_steering_endpoints(m);
    for (uint32_t i = 0; i < n_endpoints; i++) {
        const struct endpoint_state *s = &f->states[i];
        n[s->health]++;
        serving += endpoint_serves(s) && endpoint_weight(&m->endpoints[i], s) > 0;
        overridden += s->override != OVERRIDE_AUTO || s->weight_override >= 0;
        stale += s->stale;
        frozen += s->frozen;
    }
    json_t *endpoints = json_set_object(document, "endpoints");
    json_set_int(endpoints, "serving", serving);
    json_set_int(endpoints, "up", n[HEALTH_UP]);
    json_set_int(endpoints, "down", n[HEALTH_DOWN]);
    json_set_int(endpoints, "unknown", n[HEALTH_UNKNOWN]);
    json_set_int(endpoints, "overridden", overridden);
    json_set_int(endpoints, "stale", stale);
    json_set_int(endpoints, "frozen", frozen);
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

static void add_lines(json_t *list, const char *text)
{
    struct arena *arena = arena_new();
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (n)
            json_array_append_new(list, json_text(quoted_line(arena, text, n)));
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

static void set_overrides(json_t *document, const struct facts *f)
{
    const struct server_config *server = &f->generation->model->server;
    json_object_set_new(document, "overrides", document_order_list(f));
    if (!server->state_dir)
        return;
    json_t *dir = json_set_object(document, "state_dir");
    json_set_text(dir, "path", server->state_dir);
    json_set_bool(dir, "writable", f->health.disk_error == 0);
    if (f->health.disk_error) {
        json_set_text(dir, "error", strerror(f->health.disk_error));
        json_set_time(dir, "since", f->health.disk_since_ms);
    }
}

/** Tiers by their state, where there are any. */
static void set_tiers(json_t *document, const struct facts *f)
{
    int64_t n[TIER_REFUSED + 1] = {0}, members = 0;
    if (f->tiers.n == 0)
        return;
    for (uint32_t i = 0; i < f->tiers.n; i++) {
        n[f->tiers.views[i]->state]++;
        members += f->tiers.views[i]->n_rows;
    }
    json_t *tiers = json_set_object(document, "tiers");
    json_set_int(tiers, "total", f->tiers.n);
    json_set_int(tiers, "members", members);
    for (int i = 0; i <= TIER_REFUSED; i++)
        json_set_int(tiers, tier_state_text((enum tier_state)i), n[i]);
}

/** Prefix sets by their state, where there are any. */
static void set_anycast(json_t *document, const struct facts *f)
{
    int64_t n[ANNOUNCER_DRAINING + 1] = {0}, up = 0;
    if (f->anycast.n == 0)
        return;
    for (uint32_t i = 0; i < f->anycast.n; i++)
        n[f->anycast.views[i]->state]++;
    for (uint32_t i = 0; i < f->anycast.n_speakers; i++)
        up += f->anycast.speakers[i]->status.up;
    json_t *anycast = json_set_object(document, "anycast");
    json_set_int(anycast, "total", f->anycast.n);
    for (int i = 0; i <= ANNOUNCER_DRAINING; i++)
        json_set_int(anycast, announcer_state_text((enum announcer_state)i), n[i]);
    json_set_int(anycast, "speakers", f->anycast.n_speakers);
    json_set_int(anycast, "speakers_up", up);
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
    set_tiers(document, f);
    set_anycast(document, f);
    set_queries(document, f);
    set_limits(document, f);
    set_xdp(document, f);
    set_loop(document, f);
    set_reload(document, f);
    set_overrides(document, f);
    problems_list(json_set_array(document, "problems"), f);
    return document;
}
