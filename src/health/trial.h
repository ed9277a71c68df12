/* SPDX-License-Identifier: Apache-2.0
 * One execution of a check against one address: from a start to exactly one result, or to a cancel.
 *
 * A trial owns its uv handles and is freed when the last of them is closed; memory and descriptors
 * of a probe exist only while it is in flight. Trials share the wheel of their host for deadlines.
 * The result is always given from the loop, never from inside trial_start(). */
#pragma once

#include "base/wheel.h"
#include "health/check.h"
#include "health/state.h"

#include <uv.h>

/** What came of it, and who said so: see contrib/adr/0028. */
enum trial_outcome {
    TRIAL_UP,
    TRIAL_DOWN,    /* the target itself said so: a reset, a status, an alert, a wrong body */
    TRIAL_SILENT,  /* down as well, but the target said nothing: a timeout in whatever phase, an
                    * ICMP message, a refusal by our own host, a command that failed */
    TRIAL_UNTRIED, /* we lacked something (descriptor, memory, route, source address, file): says
                    * nothing of the endpoint */
};

struct trial_result {
    enum trial_outcome outcome;
    uint32_t latency_us;
    char reason[REASON_MAX];
};

/** What is probed. The strings are borrowed during trial_start() only. */
struct trial_target {
    struct ip addr; /* IP_NONE: exec only, for an endpoint that is a name */
    uint16_t port;
    const char *host; /* the name, as text; NULL for an address */
    const char *pool, *site, *label;
};

struct trial;

/** What trials need around them; one per checker. */
struct trial_host {
    uv_loop_t *loop;
    struct wheel *wheel;
    void *ctx;
    /** The result of a trial; it closes itself afterwards. */
    void (*finished)(struct trial_host *host, struct trial *trial,
                     const struct trial_result *result);
    /** A trial, finished or cancelled, has closed its last handle. */
    void (*freed)(struct trial_host *host, const struct prepared_check *check);
    /** A deadline was started: the uv timer may have to fire earlier. */
    void (*armed)(struct trial_host *host);
    struct processes *processes; /* of checks of type exec */
    char *read_buffer;           /* TRIAL_READ_MAX bytes, shared: used within one read callback */
};

#define TRIAL_READ_MAX 65536

/** What the kinds of trials implement. */
struct trial_kind {
    size_t size; /* of the struct that begins with struct trial */
    void (*start)(struct trial *trial, const struct trial_target *target);
    /** Closes all handles (each counted by trial_opened()); called once. */
    void (*close)(struct trial *trial);
    /** Frees what is not a handle; called once all are closed. May be NULL. */
    void (*release)(struct trial *trial);
};

extern const struct trial_kind trial_tcp, trial_http, trial_exec;

struct trial {
    struct wheel_entry deadline;
    struct trial *prev, *next; /* the host's, to list those in flight */
    struct trial_host *host;
    struct prepared_check *check;
    const struct trial_kind *kind;
    void *subject;     /* the host's: what the result is for */
    const char *phase; /* for "timeout after 2s PHASE" */
    int64_t started_us;
    unsigned n_handles;
    bool started, finished, closing;
    bool excused;               /* the host's: got more time, as the loop had been held up */
    struct trial_result *early; /* a result that trial_start() met; given at the deadline */
};

/** Starts a trial of `check` (not CHECK_POOL). It keeps a reference to the check. */
struct trial *trial_start(struct trial_host *host, struct prepared_check *check,
                          const struct trial_target *target, void *subject) ATTR_RETURNS_NONNULL;

/** Stops a trial without a result. */
void trial_cancel(struct trial *trial) ATTR_NONNULL;

/** To be called when the deadline of a trial fires. */
void trial_deadline(struct trial *trial) ATTR_NONNULL;

/* For the kinds. */

/** A handle was initialised, or a request started, that refers to the trial. */
void trial_opened(struct trial *trial) ATTR_NONNULL;
/** The uv_close callback for handles whose `data` is the trial. */
void trial_handle_closed(uv_handle_t *handle) ATTR_NONNULL;

/** Gives the result, once; later calls do nothing. Closes the trial. */
void trial_finish(struct trial *trial, enum trial_outcome outcome, const char *fmt,
                  ...) ATTR_NONNULL ATTR_PRINTF(3, 4);

/** Gives the result for an error that came over an open or opening connection: a refusal and a
 *  reset are the target's, what ICMP can have said is TRIAL_SILENT, what only we can have caused
 *  TRIAL_UNTRIED. `doing` names the phase for errors that need it. */
void trial_finish_uv(struct trial *trial, int uv_error, const char *doing) ATTR_NONNULL;

/** Gives TRIAL_UNTRIED for a call that failed before anything was sent: whatever the error is, the
 *  endpoint has no part in it. */
void trial_finish_unsent(struct trial *trial, int uv_error, const char *doing) ATTR_NONNULL;
