/* SPDX-License-Identifier: Apache-2.0
 * What is said between us and loadstar-l4: lines of JSON in the control protocol, read form and
 * write form of `members`, and events that come by themselves. Untrusted bytes: fuzzed. Pure. */
#pragma once

#include "base/buf.h"
#include "tier/client_rtts.h"
#include "tier/row.h"

#include <jansson.h>

#define FORWARDER_ERROR_MAX 256
#define FORWARDER_RTTS_MAX 1024               /* networks of one line */
#define FORWARDER_VERSION_MAX (INT64_MAX / 2) /* after it comes 1 */

enum forwarder_word {
    FORWARDER_NONSENSE, /* no JSON object, or one that is neither of these */
    FORWARDER_RESULT,   /* {"ok": true, "result": {..}} */
    FORWARDER_REFUSAL,  /* {"ok": false, "error": "..", "code": ".."} */
    FORWARDER_FAILED,   /* {"event": "failed", "service", "key", "what": "refused" | "timeout"} */
    FORWARDER_SESSIONS, /* {"event": "sessions", "service", "members": [{"key", "active"}]} */
    FORWARDER_RTT,      /* {"event": "rtt", "networks": [..]} */
    FORWARDER_OTHER     /* another event, or one of these that lacks something */
};

/** One line. Texts are of `document`, which forwarder_line_free() frees. */
struct forwarder_line {
    enum forwarder_word word;
    json_t *document;
    const json_t *result;      /* an object; of a result */
    const char *error;         /* of a refusal: in words, "" when there are none */
    bool unknown;              /* the refusal says that there is no such service */
    bool held;                 /* it says that another one tells the members */
    const char *service, *key; /* of events; the latter of "failed" */
    const json_t *members;     /* a list; of "sessions" */
    const json_t *networks;    /* a list; of "rtt" */
};

void forwarder_line_read(struct forwarder_line *line, const char *text, size_t n) ATTR_NONNULL;
void forwarder_line_free(struct forwarder_line *line) ATTR_NONNULL;

/** One entry of "sessions": its key, or NULL when it is none; *active >= 0. */
const char *forwarder_sessions_entry(const json_t *entry, int64_t *active)
    __attribute__((nonnull(2)));

/** The networks of "rtt", seen by `now_ms` (wall clock). Returns 0; or E_SYNTAX or E_RANGE with the
 *  place in `error`, and *n is 0. */
int forwarder_rtts_take(struct client_rtt out[FORWARDER_RTTS_MAX], uint32_t *n,
                        const json_t *networks, int64_t now_ms,
                        char error[FORWARDER_ERROR_MAX]) ATTR_NONNULL ATTR_MUST_USE;

/** A member as the forwarder has it. */
struct forwarder_member {
    const char *key; /* of the reading's document */
    struct observed seen;
};

struct forwarder_reading {
    json_t *document; /* held */
    uint64_t version; /* of the set; 0: it has none yet */
    struct forwarder_member *v;
    uint32_t n, n_others; /* members; those of other services, which are left out */
};

/** Takes the result of the read form. Returns 0; or E_SYNTAX, with the place in `error`. */
int forwarder_reading_take(struct forwarder_reading *reading, const json_t *result,
                           const char *service, char error[FORWARDER_ERROR_MAX]) ATTR_NONNULL;
void forwarder_reading_free(struct forwarder_reading *reading) ATTR_NONNULL;

/** What a target looks like there: up, down, drain. */
struct serving forwarder_shown(struct serving target);

/** The read form. */
void forwarder_ask(struct buf *out, const char *service) ATTR_NONNULL;
/** The version to be told after `last` was, or was seen. */
uint64_t forwarder_next_version(uint64_t last, int64_t wall_ms);
/** The write form: the whole set by the targets of the table. What has left the configuration goes
 *  by the key that it has in `before`. `node`: our name, which holds the service; "": none. */
void forwarder_tell(struct buf *out, const char *service, const char *node, uint64_t version,
                    const struct tier_spec *spec, const struct tier_row *rows, size_t n,
                    const struct forwarder_reading *before) ATTR_NONNULL;
/** Whether a result is the answer to the write form. */
bool forwarder_took(const json_t *result, const char *service, uint64_t version) ATTR_NONNULL;
