/* SPDX-License-Identifier: Apache-2.0
 * What the operator orders: the file of it, the name of this node, and what another configuration
 * makes of it. */
#include "health/internal.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/units.h"
#include "health/decide.h"
#include "health/follow.h"
#include "health/orders_file.h"
#include "health/state_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOLLOWED_TOLD = 20 }; /* orders, of a reload */

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

/* Waits for the disk: at a start, where nobody is served yet. */
static void save(struct checker *c)
{
    int error = orders_save(&c->orders, c->rules_path) ? errno : 0;
    c->orders_unsaved = error != 0;
    disk_note(c, error);
}

/* ---- the name of this node ---- */

static bool is_node_name(const char *text)
{
    static const char usable[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t n = strlen(text);
    return n > 0 && n < NODE_NAME_MAX && strspn(text, usable) == n;
}

static bool read_node(char out[NODE_NAME_MAX], const char *path)
{
    struct arena *arena = arena_new();
    struct slice text;
    bool read = file_read_own(&text, arena, path, NODE_NAME_MAX) == 0;
    if (read) {
        snprintf(out, NODE_NAME_MAX, "%.*s", (int)text.n, (const char *)text.p);
        out[strcspn(out, "\n")] = '\0';
        read = is_node_name(out);
    }
    arena_free(arena);
    return read;
}

/* The name given; else that of the state directory, where a random one is kept. */
static void set_node(struct checker *c)
{
    const struct server_config *server = &c->model->server;
    char *out = c->orders.node;
    char *path = server->state_dir ? file_in(server->state_dir, STATE_NODE) : NULL;
    if (server->node) {
        snprintf(out, NODE_NAME_MAX, "%s", server->node);
    } else if (!*out && !(path && read_node(out, path))) {
        snprintf(out, NODE_NAME_MAX, "%08x", (unsigned)(hash_seed() >> 32));
        if (path)
            disk_note(c, file_replace(path, out, strlen(out), 0640) ? errno : 0);
    }
    for (uint32_t i = 0; i < c->orders.n; i++) /* of files that knew no nodes */
        if (!*c->orders.v[i]->node)
            memcpy(c->orders.v[i]->node, out, NODE_NAME_MAX);
    free(path);
}

/* ---- the file ---- */

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
    int code = orders_load(&c->orders, c->rules_path, &problem);
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

/* ---- another configuration ---- */

struct told {
    const struct orders *orders;
    struct buf lines;
    uint32_t n;
};

static void tell_followed(void *ctx, enum follow_kind kind, const struct order *before,
                          const struct order *now)
{
    struct told *told = ctx;
    char id[ORDER_ID_MAX], value[32];
    const char *things = now->kind == ORDER_ANNOUNCE ? "prefix set" : "endpoint";
    if (++told->n > FOLLOWED_TOLD)
        return;
    buf_printf(&told->lines, "order %s (%s %s) ", order_id_text(id, told->orders, now),
               before->target.text, order_value_text(value, now));
    if (kind == FOLLOW_MOVED)
        buf_printf(&told->lines, "follows what it was about, which is called %s now\n",
                   now->target.text);
    else if (kind == FOLLOW_LOST)
        buf_printf(&told->lines,
                   "matches no %s any more: it decides again when one is back, `set` with its id "
                   "and `auto` removes it\n",
                   things);
    else
        buf_printf(&told->lines, "matches %ss again, and decides them\n", things);
}

/* At the start. Returns whether the list changed. */
static bool fit(struct checker *c)
{
    struct told told = {.orders = &c->orders};
    bool changed = orders_follow(&c->orders, c->model, clock_wall_ms(), tell_followed, &told);
    c->followed = told.lines;
    c->n_followed = told.n;
    return changed;
}

/* ---- the move to another model ---- */

struct order_move {
    const struct model *m;
    struct orders orders; /* as they are with it */
    bool changed;
    struct told told;
    struct decider *decider;
    struct decision *decisions; /* by endpoint */
    bool *decided;              /* by endpoint that is the first of its site in a pool */
    uint32_t *place;            /* by endpoint: which of its pool's sites it is in */
};

struct order_move *order_move_new(const struct orders *orders, const struct model *m)
{
    struct order_move *move = xcalloc(1, sizeof *move);
    move->m = m;
    orders_copy(&move->orders, orders);
    move->told.orders = &move->orders;
    move->changed = orders_follow(&move->orders, m, clock_wall_ms(), tell_followed, &move->told);
    if (move->orders.n == 0)
        return move;
    move->decider = decider_new(&move->orders, m);
    move->decisions = xcalloc(m->n_endpoints + 1u, sizeof *move->decisions);
    move->decided = xcalloc(m->n_endpoints + 1u, sizeof *move->decided);
    move->place = xcalloc(m->n_endpoints + 1u, sizeof *move->place);
    for (uint32_t p = 0; p < m->n_pools; p++)
        for (uint32_t i = 0; i < m->pools[p].n_sites; i++)
            for (uint32_t k = 0; k < m->pools[p].sites[i].n_endpoints; k++)
                move->place[m->pools[p].sites[i].first_endpoint + k] = i;
    return move;
}

void order_move_apply(struct order_move *move, uint32_t endpoint, struct endpoint_state *state)
{
    if (!move->decider)
        return;
    uint32_t pool = move->m->endpoints[endpoint].pool, place = move->place[endpoint];
    uint32_t first = move->m->pools[pool].sites[place].first_endpoint;
    if (!move->decided[first])
        decider_run(move->decider, pool, place, &move->decisions[first]);
    move->decided[first] = true;
    decision_apply(state, &move->orders, &move->decisions[endpoint]);
}

void order_move_free(struct order_move *move)
{
    if (!move)
        return;
    if (move->decider)
        decider_free(move->decider);
    free(move->decisions);
    free(move->decided);
    free(move->place);
    buf_free(&move->told.lines);
    orders_free(&move->orders);
    free(move);
}

void order_move_finish(struct checker *c, struct order_move *move)
{
    operator_set_paths(c);
    order_apply_drop(c);
    buf_free(&c->followed);
    c->followed = move->told.lines;
    c->n_followed = move->told.n;
    move->told.lines = (struct buf){0};
    EXCHANGE(c->orders, move->orders);
    set_node(c);
    if (move->changed) {
        c->orders_version++;
        order_queue_save(c);
    }
}

void checker_tell_orders(const struct checker *c, struct diags *diags)
{
    for (const char *line = c->followed.n ? c->followed.p : ""; *line;) {
        int n = (int)strcspn(line, "\n");
        diag_warning(diags, (struct span){0}, "%.*s", n, line);
        line += n + (line[n] == '\n');
    }
    if (c->n_followed > FOLLOWED_TOLD)
        diag_warning(diags, (struct span){0}, "%u more orders follow, or match nothing any more",
                     c->n_followed - FOLLOWED_TOLD);
}

/* ---- a start, another directory ---- */

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
    if (!c->rules_path) {
        set_node(c);
        return 0;
    }
    if (state_dir_make(c->model->server.state_dir))
        return cannot_be_made(&c->model->server, diags);
    int code = load(c, diags);
    if (code)
        return code;
    disk_note(c, state_dir_try(c->model->server.state_dir));
    set_node(c);
    uint32_t n = orders_expire(&c->orders, clock_wall_ms());
    if (n > 0)
        log_notice("health: %u override%s expired while the server was stopped", n,
                   units_plural(n));
    if (fit(c) || n > 0)
        save(c);
    if (diags)
        checker_tell_orders(c, diags);
    return 0;
}

/* What another state directory held is somebody's orders; those in force are newer. */
static int put_before_aside(struct checker *c, const char *path, struct span at,
                            struct diags *diags)
{
    struct orders there = {0};
    struct buf problem = {0};
    char *aside = NULL;
    int code = orders_load(&there, path, &problem);
    bool damaged = code == E_SYNTAX;
    (void)orders_expire(&there, clock_wall_ms());
    if (code && !damaged) {
        diag_error(diags, at, "'state_dir': %s", problem.p);
    } else if (damaged || (there.n > 0 && !orders_equal(&there, &c->orders))) {
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
    orders_free(&there);
    return code;
}

static int follow(struct checker *c, const char *path, struct span at, struct diags *diags)
{
    int code = put_before_aside(c, path, at, diags);
    if (code)
        return code;
    code = orders_save(&c->orders, path);
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
    if (moves || (c->orders.n > 0 && access(path, F_OK) != 0 && errno == ENOENT))
        code = follow(c, path, server->state_dir_at, diags);
    free(path);
    return code;
}
