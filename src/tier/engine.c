/* SPDX-License-Identifier: Apache-2.0
 * The life of an engine, and what it is told. */
#include "tier/engine_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define LEAVE_GRACE_MS 60000 /* besides the time that a drain may take */

/* ---- what the driver is offered ---- */

static void host_nudge(void *ctx)
{
    struct engine *e = ctx;
    int64_t now_ms = clock_mono_ms();
    if (!e->nudged_ms)
        e->nudged_ms = now_ms;
    /* It may be back before it is its turn to be tried again. */
    if (e->failing && e->not_before_ms > now_ms + ENGINE_NUDGE_MS)
        e->not_before_ms = now_ms + ENGINE_NUDGE_MS;
    if (e->phase == ENGINE_IDLE)
        engine_arm(e);
}

static void host_met_failure(void *ctx, uint32_t member)
{
    struct engine *e = ctx;
    e->n_met++;
    e->host.met_failure(e->host.ctx, e, e->spec->members[member].slot);
}

static void host_measured(void *ctx, struct client_rtt *news, uint32_t n)
{
    struct engine *e = ctx;
    struct client_rtts *before = e->clients;
    e->clients = client_rtts_with(before, news, n, clock_wall_ms());
    client_rtts_release(before);
    if (e->phase == ENGINE_IDLE) /* else the end of what is under way shows it */
        engine_publish(e);
}

static int host_descriptor(void *ctx, const char *name)
{
    const struct engine *e = ctx;
    return e->host.descriptor(e->host.ctx, e, name);
}

static const struct tier_table *host_table(void *ctx)
{
    return &((const struct engine *)ctx)->table;
}

static const char *host_reason(void *ctx, uint32_t member)
{
    const struct engine *e = ctx;
    return e->states->v[e->spec->members[member].slot].reason;
}

static void host_publish(void *ctx, const char *text, size_t n, uint64_t version)
{
    struct engine *e = ctx;
    free(e->published);
    e->published = xmalloc(n + 1);
    memcpy(e->published, text, n);
    e->published[n] = '\0';
    e->n_published = n;
    e->published_version = version;
    engine_publish(e);
}

/* ---- life ---- */

static void on_pulse(uv_timer_t *timer)
{
    struct engine *e = timer->data;
    if (e->phase == ENGINE_IDLE)
        e->type->pulse(e->driver);
}

static void open_driver(struct engine *e)
{
    e->driver_host = (struct driver_host){
        .drive = e->host.drive,
        .spec = e->spec,
        .node = e->host.node,
        .state_dir = e->states->set->state_dir,
        .ctx = e,
        .observed = engine_observed,
        .applied = engine_applied,
        .failed = engine_failed,
        .nudge = host_nudge,
        .met_failure = host_met_failure,
        .measured = host_measured,
        .descriptor = host_descriptor,
        .table = host_table,
        .reason = host_reason,
        .agents = e->host.agents,
        .nginx_gates = e->host.nginx_gates,
        .publish = host_publish,
    };
    e->driver = e->type->open(&e->driver_host);
}

void engine_reopen(struct engine *e)
{
    e->type->close(e->driver);
    open_driver(e);
}

struct engine *engine_open(const struct engine_host *host, const struct driver_type *type,
                           struct set_states *states, const struct tier_spec *spec)
{
    struct engine *e = xcalloc(1, sizeof *e);
    uv_loop_t *loop = drive_loop(host->drive);
    *e = (struct engine){
        .host = *host,
        .type = type,
        .states = set_states_hold(states),
        .spec = spec,
        .held_since_ms = clock_mono_ms(),
        .looked_ms = INT64_MIN,
        .desired = {.next_ms = INT64_MAX},
        .backoff = {ENGINE_RETRY_FIRST_MS, ENGINE_RETRY_LAST_MS, 0, (uintptr_t)e},
    };
    uv_timer_init(loop, &e->timer);
    uv_timer_init(loop, &e->pulse);
    e->timer.data = e->pulse.data = e;
    open_driver(e);
    if (type->pulse && type->pulse_ms > 0)
        uv_timer_start(&e->pulse, on_pulse, type->pulse_ms, type->pulse_ms);
    engine_arm(e);
    return e;
}

static void on_closed(uv_handle_t *handle)
{
    struct engine *e = handle->data;
    if (--e->n_open > 0)
        return;
    tier_table_free(&e->table);
    tier_plan_free(&e->plan);
    free(e->wanted);
    free(e->staged_ms);
    free(e->published);
    client_rtts_release(e->clients);
    vec_free(&e->looks_wanted);
    vec_free(&e->looks_now);
    free(e);
}

static void end_looks(struct engine *e)
{
    for (size_t i = 0; i < e->looks_now.n; i++)
        e->host.look_ended(e->host.ctx, e->looks_now.v[i]);
    for (size_t i = 0; i < e->looks_wanted.n; i++)
        e->host.look_ended(e->host.ctx, e->looks_wanted.v[i]);
    e->looks_now.n = e->looks_wanted.n = 0;
}

void engine_close(struct engine *e)
{
    keeper_forget(e->host.keeper, e);
    e->type->close(e->driver);
    e->driver = NULL;
    e->ended = true;
    end_looks(e);
    set_states_release(e->states);
    set_states_release(e->next_states);
    e->n_open = 2;
    uv_close((uv_handle_t *)&e->timer, on_closed);
    uv_close((uv_handle_t *)&e->pulse, on_closed);
}

/* ---- specifications ---- */

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool engine_same_place(const struct tier_spec *a, const struct tier_spec *b)
{
    const struct tier *x = a->config, *y = b->config;
    if (strcmp(a->name, b->name) != 0 || x->type != y->type)
        return false;
    switch (x->type) {
    case TIER_IPVS:
        return ip_equal(&x->service.addr, &y->service.addr) && x->service.port == y->service.port &&
               x->service.fwmark == y->service.fwmark && x->service.family == y->service.family &&
               x->service.protocol == y->service.protocol;
    case TIER_HAPROXY:
        return same_text(x->haproxy.backend, y->haproxy.backend) && same_text(x->socket, y->socket);
    case TIER_NGINX:
        return same_text(x->file, y->file) && same_text(x->nginx.upstream, y->nginx.upstream) &&
               x->nginx.stream == y->nginx.stream;
    case TIER_ENVOY:
        return same_text(x->file, y->file) && same_text(x->envoy.cluster, y->envoy.cluster) &&
               x->envoy.rest == y->envoy.rest;
    case TIER_KEEPALIVED:
        return same_text(x->file, y->file);
    case TIER_L4:
        return same_text(x->socket, y->socket) && same_text(x->l4.service, y->l4.service);
    case TIER_EXEC:
        return true; /* whatever the command is, it is told all there is */
    }
    return false;
}

void engine_take_next(struct engine *e)
{
    if (!e->next_states)
        return;
    struct set_states *before = e->states;
    e->states = e->next_states;
    e->spec = e->next_spec;
    e->next_states = NULL;
    e->driver_host.spec = e->spec;
    e->driver_host.state_dir = e->states->set->state_dir;
    if (e->type->respecified)
        e->type->respecified(e->driver, e->spec);
    else
        engine_reopen(e);
    set_states_release(before);
    engine_plan(e, NULL);           /* rows are of members of the specification in force */
    e->nudged_ms = clock_mono_ms(); /* what is new in it was never looked for */
}

void engine_respecify(struct engine *e, struct set_states *states, const struct tier_spec *spec)
{
    set_states_release(e->next_states);
    e->next_states = set_states_hold(states);
    e->next_spec = spec;
    if (e->phase != ENGINE_IDLE)
        return;
    engine_take_next(e);
    engine_publish(e);
    engine_arm(e);
}

/* ---- what else it is told ---- */

void engine_changed(struct engine *e, int64_t arrived_us)
{
    if (e->changed_us)
        return;
    e->changed_us = arrived_us;
    if (e->phase == ENGINE_IDLE)
        engine_arm(e);
}

void engine_want_sessions(struct engine *e, bool wanted)
{
    e->wants_sessions = wanted;
    if (e->phase == ENGINE_IDLE)
        engine_arm(e);
}

void engine_look(struct engine *e, void *ticket)
{
    *vec_push(&e->looks_wanted) = ticket;
    if (e->phase == ENGINE_IDLE)
        engine_arm(e);
}

/** Whether anything in it may be ours. */
static bool has_made(const struct engine *e)
{
    const struct records *records = keeper_records(e->host.keeper);
    bool made = engine_made_object(e);
    for (uint32_t i = 0; !made && i < e->spec->n_members; i++)
        made = records_has(records, engine_name(e), &e->spec->members[i].addr,
                           e->spec->members[i].port);
    return made;
}

void engine_leave(struct engine *e, enum leaving why)
{
    e->leaving = why;
    if (why) {
        bool at_once = !e->has_read && !has_made(e);
        e->leave_by_ms = at_once
                             ? INT64_MIN
                             : clock_mono_ms() + e->spec->config->drain_timeout_ms + LEAVE_GRACE_MS;
    }
    engine_changed(e, clock_mono_us());
    if (e->phase == ENGINE_IDLE)
        engine_arm(e);
}

void engine_disown(struct engine *e)
{
    e->made_object = engine_made_object(e);
    e->is_disowned = true;
    keeper_set(e->host.keeper, engine_name(e), NULL, 0, false);
    for (size_t i = 0; i < e->table.rows.n; i++)
        keeper_set(e->host.keeper, engine_name(e), &e->table.rows.v[i].addr,
                   e->table.rows.v[i].port, false);
}

const struct tier_spec *engine_spec(const struct engine *e)
{
    return e->spec;
}

struct tier_set *engine_set(const struct engine *e)
{
    return e->states->set;
}

bool engine_is_leaving(const struct engine *e)
{
    return e->leaving;
}

bool engine_can_be_read(const struct engine *e)
{
    return e->has_read && !e->failing;
}

int64_t engine_sessions(const struct engine *e, uint32_t member)
{
    if (member >= e->table.rows.n || e->table.rows.v[member].member != member)
        return -1;
    const struct tier_row *row = &e->table.rows.v[member];
    return row->present && engine_can_be_read(e) ? row->seen.active : -1;
}
