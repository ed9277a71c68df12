/* SPDX-License-Identifier: Apache-2.0
 * Reading a response: for explanations, which tell what our own say. Names are decompressed. Cold.
 */
#pragma once

#include "base/cursor.h"
#include "dns/name.h"

enum response_section { RESPONSE_ANSWER, RESPONSE_AUTHORITY, RESPONSE_ADDITIONAL, RESPONSE_END };

struct response {
    struct slice message;
    uint32_t at;      /* of the next record */
    uint16_t left[3]; /* records, by section */
    enum response_section section;
    unsigned rcode; /* with the bits of the OPT record */
    bool authoritative;
    int ecs_scope; /* -1: no client subnet */
};

struct response_record {
    enum response_section section;
    uint16_t type;
    uint32_t ttl_s;
    uint8_t owner[NAME_WIRE_MAX];
    unsigned owner_len;
    uint8_t rdata[UINT16_MAX + 2 * NAME_WIRE_MAX];
    uint32_t rdata_len;
};

/** Reads the header, the question and the OPT record. Returns 0, or E_SYNTAX when a record is cut
 *  short or a name does not end. `message` must stay as it is. */
int response_read(struct response *r, struct slice message) ATTR_NONNULL ATTR_MUST_USE;

/** The next record; false behind the last. */
bool response_next(struct response *r, struct response_record *out) ATTR_NONNULL;
