/* SPDX-License-Identifier: Apache-2.0
 * What a speaker is wanted to announce as one JSON object, for commands of the operator's, and what
 * they say of it. Pure.
 *
 *   {"version": N, "node": TEXT, "speaker": TEXT, "as": N (0: not said),
 *    "sets": [{"name": TEXT, "announced": BOOL, "prefixes": ["ADDRESS/LEN"..],
 *              "attributes": {"prepend": N, "med": N or null, "communities": ["N:N"..],
 *                             "large_communities": ["N:N:N"..], "next_hop_v4": ADDRESS or "self",
 *                             "next_hop_v6": ADDRESS or "self"}}..]}
 *
 * All that is to be announced, each time: what is not in there, or has "announced": false, is to be
 * withdrawn. The version rises with every change, also across restarts. Attributes of a set that is
 * not announced are those with which it would be. */
#pragma once

#include "anycast/speaker.h"

void exec_wish_render(struct buf *out, const struct announcements *wanted,
                      const struct speaker *speaker, const char *node,
                      uint64_t version) ATTR_NONNULL;

/** One set's attributes, by themselves: the same text for the same. */
void exec_attributes_render(struct buf *out, const struct announcement *set,
                            const struct speaker *speaker) ATTR_NONNULL;

/** A prefix that was to be announced, or of which the command has said whether it is. */
struct exec_route {
    struct ip_prefix prefix;
    bool present;
    char *attributes; /* as rendered; NULL: of what the command says */
};

struct exec_routes {
    VEC(struct exec_route) v;
};
void exec_routes_free(struct exec_routes *routes) ATTR_NONNULL;
const struct exec_route *exec_routes_find(const struct exec_routes *routes,
                                          const struct ip_prefix *prefix) ATTR_NONNULL ATTR_PURE;

/** One that was rendered before, of this node and speaker: the prefixes that were to be announced.
 *  Of untrusted bytes: 0, or E_SYNTAX. Freed by exec_routes_free() either way. */
int exec_wish_read(struct exec_routes *routes, uint64_t *version, struct slice text,
                   const char *node, const char *speaker) ATTR_NONNULL ATTR_MUST_USE;

/** How what it took is kept: a line of the boot in which it was, {"boot": TEXT, "reports": BOOL}
 *  (it prints which routes there are), and the wish. */
void exec_kept_render(struct buf *out, const char *boot, bool reports,
                      struct slice wish) ATTR_NONNULL;
/** Of untrusted bytes: whether it was kept in this boot; "": no. `wish` is what follows the line,
 *  or, without one, all. */
bool exec_kept_read(struct slice *wish, bool *reports, struct slice text,
                    const char *boot) ATTR_NONNULL ATTR_MUST_USE;

/** What the command prints: {"routes": [{"prefix": TEXT, "present": BOOL}..]}, or anything else.
 *  Returns 0; E_NOTFOUND: it is no such object; E_SYNTAX: it is one, and wrong. Freed either way.
 */
int exec_reply_read(struct exec_routes *routes, struct slice text) ATTR_NONNULL ATTR_MUST_USE;
