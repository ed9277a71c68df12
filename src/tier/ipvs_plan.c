/* SPDX-License-Identifier: Apache-2.0
 * A plan: a message for each step, all sent without waiting for the answers, which come in order.
 */
#include "tier/ipvs_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *word_of(uint8_t op)
{
    static const char *const words[] = {
        [PLAN_CREATE] = "make", [PLAN_REPAIR] = "repair", [PLAN_ADD] = "add",
        [PLAN_SET] = "set",     [PLAN_REMOVE] = "remove", [PLAN_DELETE] = "delete"};
    return words[op];
}

static bool is_object(uint8_t op)
{
    return op == PLAN_CREATE || op == PLAN_REPAIR || op == PLAN_DELETE;
}

static void explain_step(struct driver *d, const struct plan_step *step, int error,
                         const char *said)
{
    if (error == -ENOENT && (step->op == PLAN_CREATE || step->op == PLAN_REPAIR)) {
        ipvs_explain_scheduler(&d->error, d->wanted.scheduler);
        return;
    }
    char what[96], at[IP_PORT_TEXT_MAX];
    const struct tier_row *row = is_object(step->op) ? NULL : &d->table->rows.v[step->row];
    snprintf(what, sizeof what, "cannot %s %s", word_of(step->op),
             row ? ip_port_text(at, &row->addr, row->port) : "the service");
    ipvs_explain(&d->error, error, said, what);
}

/* Whether somebody else was quicker: what is there is read back, and the next plan follows that. */
static bool is_overtaken(const struct plan_step *step, int error)
{
    switch (step->op) {
    case PLAN_ADD:
        return error == -EEXIST || error == -ESRCH;
    case PLAN_SET:
    case PLAN_REMOVE:
        return error == -ENOENT || error == -ESRCH;
    case PLAN_REPAIR:
    case PLAN_DELETE:
        return error == -ESRCH;
    default:
        return false;
    }
}

static void after_step(void *ctx, int error, const char *said)
{
    struct driver *d = ctx;
    const struct plan_step *step = &d->plan->steps.v[d->n_done++];
    if (error && !d->has_failed && !is_overtaken(step, error)) {
        d->has_failed = true;
        explain_step(d, step, error, said);
    }
    /* What one step is not allowed may not concern the others; what else fails, does. */
    bool is_over = d->n_done == d->plan->steps.n;
    if (d->has_failed && (is_over || d->error.reason != TIER_ERROR_REJECTED))
        ipvs_fail(d, &d->error);
    else if (is_over)
        d->host.applied(d->host.ctx);
}

/* All of a destination is told with each change: what is not configured any more stays as it is. */
static struct ipvs_dest dest_of(const struct driver *d, const struct tier_row *row)
{
    const struct ipvs_dest *dest = ipvs_find(d->members.v, d->members.n, &row->addr, row->port);
    if (!dest)
        dest = ipvs_find(d->dests.v, d->dests.n, &row->addr, row->port);
    return dest ? *dest : (struct ipvs_dest){.addr = row->addr, .port = row->port};
}

static struct nl_msg *message_of(const struct driver *d, const struct plan_step *step)
{
    struct ipvs_service service = d->wanted;
    if (is_object(step->op)) {
        memcpy(service.engine, d->seen.engine, sizeof service.engine);
        return ipvs_ask(d->family,
                        step->op == PLAN_CREATE   ? IPVS_CMD_NEW_SERVICE
                        : step->op == PLAN_REPAIR ? IPVS_CMD_SET_SERVICE
                                                  : IPVS_CMD_DEL_SERVICE,
                        false, &service, NULL);
    }
    const struct tier_row *row = &d->table->rows.v[step->row];
    struct ipvs_dest dest = dest_of(d, row);
    dest.weight = step->op == PLAN_SET ? ipvs_shown(row->target).weight : 0;
    return ipvs_ask(d->family,
                    step->op == PLAN_ADD   ? IPVS_CMD_NEW_DEST
                    : step->op == PLAN_SET ? IPVS_CMD_SET_DEST
                                           : IPVS_CMD_DEL_DEST,
                    false, &service, &dest);
}

void ipvs_apply(struct driver *d, const struct tier_table *table, const struct tier_plan *plan)
{
    d->table = table;
    d->plan = plan;
    d->n_done = 0;
    d->has_failed = false;
    if (!d->netlink) { /* it has failed since it was looked at */
        struct ipvs_error error;
        ipvs_explain(&error, -EPROTO, "", "cannot be changed");
        ipvs_fail(d, &error);
        return;
    }
    for (size_t i = 0; i < plan->steps.n; i++)
        ipvs_send(d, message_of(d, &plan->steps.v[i]), NULL, after_step);
}
