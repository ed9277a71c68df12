/* SPDX-License-Identifier: Apache-2.0
 * What concerns Loadstar in the running configuration of bgpd: the AS of its default instance, its
 * networks, and the route-maps of ours, which are known by their names. Pure; of untrusted bytes.
 */
#pragma once

#include "base/ip.h"
#include "base/slice.h"
#include "base/vec.h"

#define FRR_MAP_PREFIX "LOADSTAR-"
#define FRR_MAP_NAME_MAX 64 /* with NUL */
#define FRR_AS_TEXT_MAX 16  /* with NUL: "4294967295", "65535.65535" */

struct frr_network {
    struct ip_prefix prefix;
    bool is_ours;
    char map[FRR_MAP_NAME_MAX]; /* when it is ours */
};

struct frr_map {
    char name[FRR_MAP_NAME_MAX];
};

struct frr_config {
    char version[32]; /* "8.4.4"; "": it does not say */
    bool has_router;
    char as_text[FRR_AS_TEXT_MAX]; /* as it is written */
    uint32_t as;
    VEC(struct frr_network) networks; /* of unicast, IPv4 and IPv6 */
    VEC(struct frr_map) maps;         /* ours, each once for each of its entries */
};

/** Reads what `show running-config` prints. Freed by frr_config_free(). Returns 0, or E_SYNTAX: it
 *  is no configuration of FRR. */
int frr_config_read(struct frr_config *config, struct slice text) ATTR_NONNULL ATTR_MUST_USE;
void frr_config_free(struct frr_config *config) ATTR_NONNULL;

/** NULL: it has none for the prefix. */
const struct frr_network *frr_config_network(const struct frr_config *config,
                                             const struct ip_prefix *prefix) ATTR_NONNULL ATTR_PURE;
bool frr_config_has_map(const struct frr_config *config, const char *name) ATTR_NONNULL ATTR_PURE;
