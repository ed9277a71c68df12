/* SPDX-License-Identifier: Apache-2.0
 * Carrying out orders, and waiting for drains where that is asked for. */
#include "base/log.h"
#include "control/json.h"
#include "ctl/action.h"
#include "ctl/run_parts.h"

#include <stdlib.h>

struct changing {
    struct waiting *waiting;
    struct ctl_request request;
    json_t *result; /* of the order, while its drain is waited for */
};

static void on_drained(void *arg, json_t *document)
{
    struct changing *c = arg;
    struct waiting *w = c->waiting;
    const char *outcome = json_get_text(document, "outcome", "");
    if (strcmp(outcome, "done") == 0)
        log_notice("%s: %s is drained", c->request.actor.text, c->request.target);
    else if (strcmp(outcome, "time_over") == 0)
        log_warning("%s: the drain of %s has not ended in time, %s", c->request.actor.text,
                    c->request.target, json_get_text(document, "why", ""));
    json_object_set_new(c->result, "drain", document);
    run_answer(&w->to, c->result);
    free(c);
    run_wait_end(w);
}

static void on_drain_progress(void *arg, const json_t *document)
{
    const struct waiting *w = ((struct changing *)arg)->waiting;
    w->to.progress(w->to.arg, document);
}

static bool drain_is_left(void *arg)
{
    const struct waiting *w = ((struct changing *)arg)->waiting;
    return w->to.is_gone && w->to.is_gone(w->to.arg);
}

static void wait_for_drain(struct changing *c, json_t *result)
{
    const struct drain_asker asker = {
        .arg = c,
        .progress = c->waiting->to.progress ? on_drain_progress : NULL,
        .is_gone = drain_is_left,
        .done = on_drained,
    };
    c->result = result;
    drain_watch(c->waiting->run->drains, c->request.target, c->request.wait_ms, &asker);
}

static void on_changed(void *arg, int code, json_t *result, const char *error)
{
    struct changing *c = arg;
    struct waiting *w = c->waiting;
    const struct ctl_request *r = &c->request;
    if (code == 0 && !r->dry_run)
        log_notice("%s: %s %s: %s%s%s", r->actor.text, request_command_text(r->command), r->target,
                   r->command == CTL_SET ? request_state_text(r) : "weight changed",
                   r->reason[0] ? ", " : "", r->reason);
    if (code == 0 && r->wait_ms) {
        wait_for_drain(c, result);
        return;
    }
    if (code == 0)
        run_answer(&w->to, result);
    else
        run_refuse(&w->to, code, error);
    free(c);
    run_wait_end(w);
}

void run_action(struct run *run, const struct run_asker *to, const struct ctl_request *request)
{
    struct facts f;
    struct changing *c = xcalloc(1, sizeof *c);
    *c = (struct changing){.waiting = run_wait_new(run, to), .request = *request};
    gather_facts(run->gather, GATHER_ORDERS, &f);
    action_run(run->loop, run->host.checker(run->host.ctx), &f, request, on_changed, c);
}
