/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: carrying out a request, for whoever received it. Knows of no listener. */
#pragma once

#include "control/page.h"
#include "control/token.h"
#include "ctl/ctl.h"
#include "ctl/request.h"

struct run;

/** The outcome of a request. All members are borrowed by the callee of run_reply_fn. */
struct run_reply {
    int code;          /* 0, or E_* */
    struct page *page; /* when 0: the document as one line, or */
    json_t *result;    /* as it is */
    const char *error; /* otherwise: one sentence */
    json_t *errors;    /* and all of them with positions, where there are more; or NULL */
    bool busy;         /* refused for now: ask again in a while */
};

typedef void run_reply_fn(void *arg, const struct run_reply *reply);

/** What listeners ask, so that they can be tried alone. */
struct run_service {
    void *ctx;
    /** Carries out a request, and calls `reply` once: before returning, or later on the loop. `who`
     *  asked, for the log. NULL: the metrics are asked for. */
    void (*request)(void *ctx, const struct ctl_request *request, const char *who,
                    run_reply_fn *reply, void *arg);
    bool (*serving)(void *ctx); /* whether queries are answered yet */
    /** Identifies the state that operators change: entity tags begin with it. */
    uint64_t (*state_tag)(void *ctx);
};

struct run *run_new(uv_loop_t *loop,
                    const struct ctl_host *host) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
struct run_service run_service(struct run *run) ATTR_NONNULL;

/** Where pages come from, to bound what readers keep. */
struct pages *run_pages(struct run *run) ATTR_NONNULL;

/** The token of changes over HTTP that is in force: `status` tells when its file has another one.
 */
void run_watch_token(struct run *run, const struct token *token) ATTR_NONNULL;

/** Ends when every request has been answered; `done` runs on the loop. */
void run_stop(struct run *run, void (*done)(void *arg), void *arg);
/** Afterwards, when no page is held any more. */
void run_free(struct run *run) ATTR_NONNULL;

/** {"ok": ...} for the control socket, of a reply without a page; the caller owns it. */
json_t *run_reply_json(const struct run_reply *reply) ATTR_NONNULL ATTR_MUST_USE;
