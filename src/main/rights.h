/* SPDX-License-Identifier: Apache-2.0
 * What the daemon keeps of its rights, and which of its threads. */
#pragma once

#include "base/rights.h"
#include "model/model.h"

/** What a daemon with this configuration goes on to need once its sockets are bound: ports below
 *  1024 of later reloads, following AF_XDP, IPVS, and addresses of prefix sets. */
rights_set rights_needed(const struct model *model) ATTR_NONNULL;

/** Whether the thread of tiers, or of anycast, needs CAP_NET_ADMIN. */
bool rights_tiers_need(const struct model *model) ATTR_NONNULL ATTR_PURE;
bool rights_anycast_needs(const struct model *model) ATTR_NONNULL ATTR_PURE;

/** Of what is needed, what only these threads need: dropped by the one that has started them. */
rights_set rights_of_drives(const struct model *model) ATTR_NONNULL;

/** Tells of each tier that needs what the tiers' thread does not hold; nothing can give it a right
 *  but a restart. A reload that is the first to need it is refused: E_INVALID. At a start (`before`
 *  is NULL), or where it was lacking before, it is a warning, as all else works. */
int rights_check_tiers(const struct model *before, const struct model *model, rights_set held,
                       struct diags *diags) __attribute__((nonnull(2, 4))) ATTR_MUST_USE;

/** What there is for prefix sets. */
struct anycast_rights {
    rights_set guard;  /* loadstard's own, when it started the guard */
    rights_set thread; /* of the thread of anycast; at the start, what it will be given */
    bool has_guard;
};

/** Tells of each prefix set that lacks something; nothing can give it but a restart. Then no start,
 *  no reload goes into force: what would not be announced as configured, or stay announced when it
 *  must not, is never a warning. Returns 0 or E_INVALID. */
int rights_check_anycast(const struct model *model, const struct anycast_rights *have,
                         struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Whether TUNs can be had, when a set is held by one. At the start. Returns 0 or E_INVALID. */
int rights_check_tun(const struct model *model, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
