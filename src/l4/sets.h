/* SPDX-License-Identifier: Apache-2.0
 * The members of each set as the main thread has them: from loadstard over the control socket, from
 * the file that was saved of that, from a list of the configuration, or from our own checker. One
 * form for all; whoever has news gives the whole set. */
#pragma once

#include "l4/plan.h"

#include <jansson.h>

#define SETS_MEMBERS_MAX 65536           /* of one set */
#define SETS_VERSION_MAX (INT64_MAX / 2) /* after it comes 1 */

/** Whether version `a` is later than `b` (0: there was none). They go round, as serial numbers do
 *  (RFC 1982): whatever somebody has told, there is a later one. */
static inline bool set_version_is_later(uint64_t a, uint64_t b)
{
    uint64_t ahead = a >= b ? a - b : a + SETS_VERSION_MAX - b;
    return ahead > 0 && (b == 0 || ahead <= SETS_VERSION_MAX / 2);
}

struct set_member {
    char key[MEMBER_KEY_MAX];
    struct ip addr;
    uint16_t port;
    uint32_t weight; /* 0..WEIGHT_MAX */
    enum member_state state;
};

struct member_set {
    char name[L4_NAME_MAX];
    uint64_t version;
    uint32_t n;
    struct set_member *v; /* keys are unique; owned */
};
void member_set_free(struct member_set *set);

/** Reads {"service", "version", "members": [{"key", "address", "port", "weight", "state"}]}, all of
 *  it or nothing. Returns 0; or E_SYNTAX with the place ("members[3].port: ..") in `error`. */
int member_set_read(struct member_set *set, const json_t *object, char *error, size_t error_size);
/** The same as an object. */
json_t *member_set_write(const struct member_set *set);
