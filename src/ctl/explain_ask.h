/* SPDX-License-Identifier: Apache-2.0
 * Asking the question of an explanation: a query packet as a resolver would send it, answered by
 * the code that answers, and what the response says. Internal to src/ctl. */
#pragma once

#include "answer/answer.h"
#include "base/ip.h"

#include <jansson.h>

struct explain_question {
    const char *name;     /* presentation format, absolute with or without the final dot */
    uint16_t type;        /* RR type */
    struct ip client;     /* the resolver's address; IP_NONE: 127.0.0.1 */
    struct ip_prefix ecs; /* family IP_NONE: the query has no client subnet */
};

#define EXPLAIN_ERROR_MAX 256

struct asked {
    uint8_t name[NAME_WIRE_MAX]; /* as given */
    uint8_t lower[NAME_WIRE_MAX];
    uint32_t name_len;
    uint16_t type;
    struct ip resolver;
    struct ip_prefix ecs; /* family IP_NONE: none was sent */
    struct answer_trace trace;
    uint8_t response[UINT16_MAX];
    uint32_t response_len;
    unsigned rcode;
    bool authoritative;
    int ecs_scope; /* of the response; -1: it has no client subnet */
};

/** Asks, over TCP so that nothing is truncated. Returns 0, or E_SYNTAX with the reason in `error`.
 */
int explain_ask(struct asked *asked, const struct snapshot *snapshot,
                const struct explain_question *question, int64_t now_s,
                char error[EXPLAIN_ERROR_MAX]) ATTR_NONNULL ATTR_MUST_USE;

/** Sets "answers" (rdata of the answer section, in order), "records" and "authority" (name, type,
 *  ttl, rdata each). Returns the TTL of the answer, or of the SOA if that is all there is; -1 when
 *  there is neither. */
int64_t explain_records(json_t *document, const struct asked *asked) ATTR_NONNULL;

/** Sets "zone", "wildcard", "delegation" where there are such, from the index of names. Returns why
 *  the name was answered as it was, apart from pools; in `arena`. */
const char *explain_name(json_t *document, struct arena *arena, const struct snapshot *snapshot,
                         const struct asked *asked) ATTR_NONNULL;
