/* SPDX-License-Identifier: Apache-2.0
 * Targets and what was seen -> steps; why there are none; steps as text. */
#include "tier/reconcile_parts.h"

#include <stdio.h>

#define OBJECT_TEXT_MAX 120

static const struct serving gone = {.serves = SERVES_GONE};

static void add_step(struct tier_plan *plan, enum plan_op op, uint32_t row, struct serving from,
                     struct serving to)
{
    *vec_push(&plan->steps) =
        (struct plan_step){.op = (uint8_t)op, .row = row, .from = from, .to = to};
}

/* ---- may it be written ---- */

static const char *object_text(char out[OBJECT_TEXT_MAX], const struct tier_spec *spec)
{
    const struct tier *config = spec->config;
    char at[IP_PORT_TEXT_MAX];
    if (config->file)
        snprintf(out, OBJECT_TEXT_MAX, "the file %s", config->file);
    else if (config->type == TIER_HAPROXY)
        snprintf(out, OBJECT_TEXT_MAX, "the backend %s", config->haproxy.backend);
    else if (config->type == TIER_L4)
        snprintf(out, OBJECT_TEXT_MAX, "the service %s", config->l4.service);
    else if (config->type == TIER_IPVS && config->service.fwmark)
        snprintf(out, OBJECT_TEXT_MAX, "the virtual service of fwmark %u", config->service.fwmark);
    else if (config->type == TIER_IPVS)
        snprintf(out, OBJECT_TEXT_MAX, "the virtual service %s",
                 ip_port_text(at, &config->service.addr, config->service.port));
    else
        snprintf(out, OBJECT_TEXT_MAX, "the object of tier %s", spec->name);
    return out;
}

static void refuse_object(struct tier_plan *plan, const struct tier_table *table,
                          const struct reconcile_input *in)
{
    char object[OBJECT_TEXT_MAX];
    object_text(object, in->spec);
    if (table->refused[0])
        snprintf(plan->refused, sizeof plan->refused, "%s", table->refused);
    else if (table->is_foreign)
        snprintf(plan->refused, sizeof plan->refused,
                 "%s is kept by another node: give it to one node only, or remove it to have it "
                 "made anew",
                 object);
    else if (in->is_given && !table->exists)
        snprintf(plan->refused, sizeof plan->refused,
                 "%s is not there: it has to be in the configuration of the tier itself", object);
    else if (!in->is_given && table->exists && !object_is_ours(table, in) &&
             !in->spec->config->adopt)
        snprintf(
            plan->refused, sizeof plan->refused,
            "%s was there before: `adopt: true` has Loadstar keep it from now on; or remove it "
            "to have it made anew",
            object);
}

/* Members that are somebody else's. */
static void refuse_members(struct tier_plan *plan, const struct tier_table *table)
{
    const struct tier_row *first = NULL;
    uint32_t n = 0, n_members = 0;
    for (size_t i = 0; i < table->rows.n; i++) {
        const struct tier_row *row = &table->rows.v[i];
        n_members += row->member != MODEL_NONE;
        n += row->foreign;
        if (row->foreign && !first)
            first = row;
    }
    if (!first)
        return;
    char at[IP_PORT_TEXT_MAX], more[32] = "";
    if (n > 1)
        snprintf(more, sizeof more, " and %u more", n - 1);
    bool all = n == n_members;
    snprintf(all ? plan->refused : plan->note, sizeof plan->note,
             "%s %s%s %s there before, and %s left alone: `adopt: true` has Loadstar keep %s from "
             "now on",
             first->name, ip_port_text(at, &first->seen.addr, first->seen.port), more,
             n > 1 ? "were" : "was", n > 1 ? "are" : "is", n > 1 ? "them" : "it");
}

/* ---- steps ---- */

static bool is_raise(struct serving to)
{
    return has_clients(to);
}

static bool is_right(const struct tier_row *row, const struct reconcile_input *in)
{
    return !row->seen.differs && row->port == row->seen.port &&
           ip_equal(&row->addr, &row->seen.addr) && shows(in, row->target, &row->seen);
}

/* What is added has no clients before it was seen to be there, unless all is written in one step.
 */
static void add_absent(struct tier_plan *plan, struct tier_table *table,
                       const struct reconcile_input *in)
{
    const struct serving none = {.serves = SERVES_READY};
    for (size_t i = 0; i < table->rows.n; i++) {
        struct tier_row *row = &table->rows.v[i];
        if (!row->observed || row->present || row->target.serves == SERVES_GONE)
            continue;
        row->created = true;
        add_step(plan, PLAN_ADD, (uint32_t)i, gone, in->is_whole ? row->target : none);
    }
}

static void set_present(struct tier_plan *plan, const struct tier_table *table,
                        const struct reconcile_input *in, bool raises)
{
    for (size_t i = 0; i < table->rows.n; i++) {
        const struct tier_row *row = &table->rows.v[i];
        if (row->present && row->target.serves != SERVES_GONE && !row->foreign &&
            !is_left(row, in) && is_raise(row->target) == raises && !is_right(row, in))
            add_step(plan, PLAN_SET, (uint32_t)i, row->seen.serving, row->target);
    }
}

static void remove_gone(struct tier_plan *plan, const struct tier_table *table,
                        const struct reconcile_input *in)
{
    for (size_t i = 0; i < table->rows.n; i++) {
        const struct tier_row *row = &table->rows.v[i];
        if (row->present && row->target.serves == SERVES_GONE && !row->foreign && !is_left(row, in))
            add_step(plan, PLAN_REMOVE, (uint32_t)i, row->seen.serving, gone);
    }
}

static void keep_object(struct tier_plan *plan, const struct tier_table *table,
                        const struct reconcile_input *in)
{
    bool says = !in->follows_level || table->level != TIER_LEVEL_UNKNOWN;
    bool differs = in->follows_level && says && table->level != table->seen_level;
    if (in->is_given || in->leaving != LEAVING_NOT)
        return;
    if (!table->exists && says)
        add_step(plan, PLAN_CREATE, MODEL_NONE, gone, gone);
    else if (table->exists && (table->differs || differs))
        add_step(plan, PLAN_REPAIR, MODEL_NONE, gone, gone);
}

/* Whether nothing of ours, nor anybody else's, would be lost with the object. */
static bool is_over(const struct tier_table *table, const struct reconcile_input *in)
{
    for (size_t i = 0; i < table->rows.n; i++) {
        const struct tier_row *row = &table->rows.v[i];
        if (row->present && (!in->is_whole || row->drain.phase != DRAIN_DONE))
            return false;
    }
    return table->n_strangers == 0;
}

static void delete_object(struct tier_plan *plan, const struct tier_table *table,
                          const struct reconcile_input *in)
{
    if (in->leaving == LEAVING_REMOVED && table->exists && object_is_made(in) &&
        in->spec->config->on_remove != TIER_LEAVE_LEAVE && is_over(table, in))
        add_step(plan, PLAN_DELETE, MODEL_NONE, gone, gone);
}

static bool is_held(struct tier_plan *plan, struct tier_table *table,
                    const struct reconcile_input *in)
{
    if (in->leaving != LEAVING_NOT)
        return false;
    uint32_t n_unknown = in->desired->n_unknown;
    bool known = in->follows_level ? table->level != TIER_LEVEL_UNKNOWN : n_unknown == 0;
    int64_t until_ms = in->held_since_ms + RECONCILE_HOLD_MS;
    table->released |= known || in->mono_ms >= until_ms;
    table->held_until_ms = table->released ? 0 : until_ms;
    if (table->released && !known && !plan->note[0])
        snprintf(plan->note, sizeof plan->note,
                 "%u of %u members have no result of their checks yet, or none that holds: they "
                 "stay as they are",
                 n_unknown, in->spec->n_members);
    return !table->released;
}

void plan_make(struct tier_plan *plan, struct tier_table *table, const struct reconcile_input *in)
{
    plan->steps.n = 0;
    plan->refused[0] = plan->note[0] = '\0';
    plan->held = false;
    if (!table->observed)
        return;
    refuse_object(plan, table, in);
    if (!plan->refused[0])
        refuse_members(plan, table);
    plan->held = is_held(plan, table, in);
    if (plan->refused[0] || plan->held)
        return;
    keep_object(plan, table, in);
    if (!in->follows_level) {
        add_absent(plan, table, in);
        set_present(plan, table, in, true);
        set_present(plan, table, in, false);
        remove_gone(plan, table, in);
    }
    delete_object(plan, table, in);
}

/* ---- texts ---- */

static const char *serving_text(char out[32], struct serving serving)
{
    if (serving.serves == SERVES_READY)
        snprintf(out, 32, "ready %u", serving.weight);
    else
        snprintf(out, 32, "%s", serves_text(serving.serves));
    return out;
}

bool plan_deletes(const struct tier_plan *plan)
{
    for (size_t i = 0; i < plan->steps.n; i++)
        if (plan->steps.v[i].op == PLAN_DELETE)
            return true;
    return false;
}

const char *plan_step_text(char out[256], const struct tier_table *table,
                           const struct plan_step *step)
{
    static const char *const object[] = {
        [PLAN_CREATE] = "+ made", [PLAN_REPAIR] = "~ as configured", [PLAN_DELETE] = "- removed"};
    if (step->row == MODEL_NONE) {
        snprintf(out, 256, "%s", object[step->op]);
        return out;
    }
    const struct tier_row *row = &table->rows.v[step->row];
    char at[IP_PORT_TEXT_MAX], before[IP_PORT_TEXT_MAX], from[32], to[32];
    ip_port_text(at, &row->addr, row->port);
    serving_text(from, step->from);
    serving_text(to, step->to);
    if (step->op == PLAN_ADD)
        snprintf(out, 256, "+ %s %s %s", row->name, at, to);
    else if (step->op == PLAN_REMOVE)
        snprintf(out, 256, "- %s %s", row->name, at);
    else if (row->seen.port != row->port || !ip_equal(&row->seen.addr, &row->addr))
        snprintf(out, 256, "~ %s %s -> %s %s", row->name,
                 ip_port_text(before, &row->seen.addr, row->seen.port), at, to);
    else
        snprintf(out, 256, "~ %s %s %s -> %s%s", row->name, at, from, to,
                 row->seen.differs ? ", as configured" : "");
    return out;
}
