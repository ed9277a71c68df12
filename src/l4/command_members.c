/* SPDX-License-Identifier: Apache-2.0
 * Members: read, and told. */
#include "base/clock.h"
#include "base/log.h"
#include "l4/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *state_text(enum member_state state)
{
    static const char *const texts[] = {
        [MEMBER_UP] = "up", [MEMBER_DOWN] = "down", [MEMBER_DRAIN] = "drain"};
    return texts[state];
}

/** null while nothing was measured. */
static void set_quantiles(json_t *object, const char *key, const struct quantiles *q)
{
    static const struct {
        const char *key;
        double share;
    } shares[] = {{"p50", 0.5}, {"p99", 0.99}};
    json_t *value = json_set_object(object, key);
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        uint32_t us = quantiles_at(q, shares[i].share);
        if (us)
            json_set_real(value, shares[i].key, us / 1000.0, 3);
        else
            json_object_set_new(value, shares[i].key, json_null());
    }
}

static int64_t count_of(const _Atomic uint64_t *counter)
{
    return (int64_t)atomic_load_explicit(counter, memory_order_relaxed);
}

static json_t *told_document(const char *set, const struct set_member *m)
{
    char address[IP_TEXT_MAX];
    json_t *d = json_object();
    json_set_text(d, "service", set);
    json_set_text(d, "key", m->key);
    json_set_text(d, "address", ip_text(address, &m->addr));
    json_set_int(d, "port", m->port);
    json_set_int(d, "weight", m->weight);
    json_set_text(d, "state", state_text(m->state));
    return d;
}

static json_t *document_of(const char *set, const struct plan_member *m, int64_t now_ms)
{
    const struct member *member = m->member;
    struct set_member told = {
        .addr = member->addr, .port = member->port, .weight = m->weight, .state = m->state};
    snprintf(told.key, sizeof told.key, "%s", member->key);
    json_t *d = told_document(set, &told);
    if (atomic_load_explicit(&member->ejected_until_ms, memory_order_relaxed) > now_ms)
        json_set_bool(d, "ejected", true);
    json_set_int(d, "active", atomic_load_explicit(&member->active, memory_order_relaxed));
    json_set_int(d, "total", count_of(&member->total));
    json_set_int(d, "refused", count_of(&member->refused));
    json_set_int(d, "timeouts", count_of(&member->timeouts));
    set_quantiles(d, "connect_ms", &member->connect_us);
    set_quantiles(d, "rtt_ms", &member->rtt_us);
    return d;
}

/** Before there is a plan, as not all services have been told theirs, nothing is counted. */
static void add_members(const struct forwarder *f, uint32_t i, json_t *list, int64_t now_ms)
{
    const struct work_set *set = f->sets.v[i];
    const struct plan_set *now = f->plan ? &f->plan->sets[i] : NULL;
    for (uint32_t m = 0; now && m < now->n_members; m++)
        json_array_append_new(list, document_of(set->name, &now->members[m], now_ms));
    for (uint32_t m = 0; !now && m < set->now.n; m++)
        json_array_append_new(list, told_document(set->name, &set->now.v[m]));
}

/** Whether a set is the one asked for, or one of the service asked for. "": all. */
static bool is_asked(const char *set, const char *asked)
{
    size_t n = strlen(asked);
    return n == 0 || (strncmp(set, asked, n) == 0 && (set[n] == '\0' || set[n] == '/'));
}

static void read_members(struct forwarder *f, struct control_call *call, const char *service)
{
    json_t *result = json_object(), *list = json_set_array(result, "members");
    int64_t now_ms = clock_mono_ms();
    uint64_t version = 0;
    bool found = !*service;
    if (uv_is_active((uv_handle_t *)&f->plan_timer))
        forwarder_plan_now(f); /* who has told a set reads it back */
    for (uint32_t i = 0; i < f->sets.n; i++) {
        const struct work_set *set = f->sets.v[i];
        if (!is_asked(set->name, service))
            continue;
        found = true;
        version = work_set_version(set) > version ? work_set_version(set) : version;
        add_members(f, i, list, now_ms);
    }
    if (!found) {
        char error[COMMAND_ERROR_MAX];
        json_decref(result);
        snprintf(error, sizeof error, "there is no service %.100s", service);
        control_call_fail(call, E_NOTFOUND, error);
        return;
    }
    json_set_int(result, "version", (int64_t)version);
    control_call_answer(call, result);
}

/* ---- told ---- */

static int refuse_set(const struct forwarder *f, uint32_t i, const struct member_set *set,
                      char error[COMMAND_ERROR_MAX])
{
    if (i == MODEL_NONE) {
        snprintf(error, COMMAND_ERROR_MAX, "there is no service %.100s", set->name);
        return E_NOTFOUND;
    }
    if (!setup_is_told(&f->setup->model->l4->sets[i])) {
        snprintf(error, COMMAND_ERROR_MAX,
                 "%.100s has members of its own, by l4.yaml: it takes none from here", set->name);
        return E_INVALID;
    }
    return 0;
}

static void answer_told(struct control_call *call, const struct work_set *set, bool changed)
{
    json_t *result = json_object();
    json_set_text(result, "service", set->name);
    json_set_int(result, "version", (int64_t)set->now.version);
    json_set_int(result, "members", set->now.n);
    json_set_bool(result, "changed", changed);
    control_call_answer(call, result);
}

/** "loadstard of NODE (process PID)"; `out` has room for it, cut where it is too long. */
static const char *teller_text(char out[96], const struct teller *who)
{
    char process[32] = "";
    if (who->pid > 0)
        snprintf(process, sizeof process, " (process %" PRId64 ")", who->pid);
    if (who->node[0])
        snprintf(out, 96, "loadstard of %.48s%s", who->node, process);
    else
        snprintf(out, 96, "somebody%s", process);
    return out;
}

static int read_teller(struct teller *who, const struct control_call *call, json_t *object,
                       char error[COMMAND_ERROR_MAX])
{
    char node[COMMAND_TEXT_MAX] = "";
    json_t *given = json_object_get(object, "node"), *alone = json_object();
    const struct command_arg args[] = {{.key = "node", .kind = ARG_TEXT, .to = node}, {0}};
    *who = (struct teller){.pid = control_call_client(call).pid};
    if (given)
        json_object_set(alone, "node", given);
    int code = command_args_read(alone, args, error);
    json_decref(alone);
    if (code == 0 && strlen(node) >= sizeof who->node) {
        snprintf(error, COMMAND_ERROR_MAX, "node: is too long, expected at most %zu bytes",
                 sizeof who->node - 1);
        code = E_RANGE;
    }
    if (code == 0)
        memcpy(who->node, node, strlen(node) + 1);
    return code;
}

/** Returns 0, or E_EXISTS as another one holds it; which is noted for `status`. */
static int judge_teller(struct forwarder *f, const struct control_call *call,
                        const struct teller *who, uint32_t i, char error[COMMAND_ERROR_MAX])
{
    char holder[96];
    struct work_set *set = f->sets.v[i];
    if (followers_may_tell(&f->followers, call, who, set->name))
        return 0;
    teller_text(set->rival, who);
    set->rival_ms = clock_mono_ms();
    snprintf(error, COMMAND_ERROR_MAX,
             "%.100s is told its members by %s: one alone may, until its connection ends",
             set->name, teller_text(holder, followers_holder(&f->followers, set->name)));
    return E_EXISTS;
}

static void tell_members(struct forwarder *f, struct control_call *call, json_t *object)
{
    struct member_set set;
    struct teller who;
    char error[COMMAND_ERROR_MAX];
    json_object_del(object, "command");
    if (read_teller(&who, call, object, error) != 0) {
        control_call_fail(call, E_SYNTAX, error);
        return;
    }
    int code = member_set_read(&set, object, error, sizeof error);
    if (code != 0) {
        control_call_fail(call, code, error);
        return;
    }
    uint32_t i = set_table_find(&f->sets, set.name);
    uint64_t version = set.version;
    code = refuse_set(f, i, &set, error);
    if (code == 0)
        code = judge_teller(f, call, &who, i, error);
    if (code != 0) {
        member_set_free(&set);
        control_call_fail(call, code, error);
        return;
    }
    enum set_verdict verdict = set_table_tell(&f->sets, i, &set, SET_TOLD);
    if (verdict == SET_OLD) {
        snprintf(error, sizeof error,
                 "version %" PRIu64 " is not later than %" PRIu64 ", the last one", version,
                 work_set_version(f->sets.v[i]));
        control_call_fail(call, E_INVALID, error);
        return;
    }
    if (verdict == SET_TAKEN)
        forwarder_replan(f);
    saved_sets_write(f->saved, &f->sets);
    followers_add(&f->followers, call, &who, f->sets.v[i]->name);
    answer_told(call, f->sets.v[i], verdict == SET_TAKEN);
}

void command_members(struct forwarder *f, struct control_call *call, json_t *object)
{
    char error[COMMAND_ERROR_MAX], service[COMMAND_TEXT_MAX] = "";
    const struct command_arg args[] = {{.key = "service", .kind = ARG_TEXT, .to = service}, {0}};
    if (json_object_get(object, "members")) {
        tell_members(f, call, object);
        return;
    }
    int code = command_args_read(object, args, error);
    if (code == 0)
        read_members(f, call, service);
    else
        control_call_fail(call, code, error);
}
