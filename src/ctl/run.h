/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: carrying out a request, for whoever received it. */
#pragma once

#include "ctl/ctl.h"
#include "ctl/request.h"

#define CTL_NO_POOL "there is no pool \"%.100s\""

/** The outcome of a request. All members are borrowed by the callee of ctl_reply_fn. */
struct ctl_reply {
    int code;          /* 0, or E_* */
    json_t *result;    /* when 0 */
    const char *error; /* otherwise: one sentence */
    json_t *errors;    /* and all of them with positions, where there are more; or NULL */
};

typedef void ctl_reply_fn(void *arg, const struct ctl_reply *reply);

/** Carries out a request and calls `reply` once: before returning, or later on the loop for those
 * that wait (reload). `who` asked, for the log. */
void ctl_run(struct ctl *ctl, const struct ctl_request *request, const char *who,
             ctl_reply_fn *reply, void *arg) ATTR_NONNULL;

/** Gathers the facts. They hold until control returns to the loop. */
void ctl_facts(struct ctl *ctl, struct facts *facts) ATTR_NONNULL;

/** Whether queries are answered yet. */
bool ctl_serving(const struct ctl *ctl) ATTR_NONNULL;

/** Adds whether the configuration on disk is the one that runs. That means a stat() of each of its
 * files: an answer that is not older than `max_age_ms` will do. */
void ctl_facts_disk(struct ctl *ctl, struct facts *facts, int64_t max_age_ms) ATTR_NONNULL;

/** Hands what the facts lend of the control side over to them: they hold then until
 * facts_release(), but for the generation and the states. Texts of probes, rules and the last
 * reload are gone: "". */
void ctl_facts_give(struct ctl *ctl, struct facts *facts) ATTR_NONNULL;

/** Frees what was handed over, on any thread. */
void facts_release(struct facts *facts) ATTR_NONNULL;

/** Stopping waits for as many ctl_waited() as there were ctl_wait(). The last one of a control side
 * that stops frees it. */
void ctl_wait(struct ctl *ctl) ATTR_NONNULL;
void ctl_waited(struct ctl *ctl) ATTR_NONNULL;

bool ctl_is_stopping(const struct ctl *ctl) ATTR_NONNULL;
uv_loop_t *ctl_loop(const struct ctl *ctl) ATTR_NONNULL;

/** Where later.c keeps its queue. */
struct later;
struct later **ctl_pages(struct ctl *ctl) ATTR_NONNULL;

/** {"ok": ...} for the control socket; the caller owns it. */
json_t *ctl_reply_json(const struct ctl_reply *reply) ATTR_NONNULL ATTR_MUST_USE;
