/* SPDX-License-Identifier: Apache-2.0
 * The text API of ExaBGP 4: commands, and the lines that it answers (4.2.21). Pure; answers are
 * untrusted bytes.
 *
 *   announce route 192.0.2.53/32 next-hop self med 20 community [ 65001:1 65535:0 ] -> done | error
 *   show adj-rib out extensive -> neighbor A local-ip .. ipv4 unicast P next-hop self .., .. done
 *   show neighbor summary      -> 10.0.0.1   65000   0:00:06 established   2   1, .. done
 *   version                    -> exabgp 4.2.21, done
 *   (unasked)                  -> neighbor A up | connected | down - .. */
#pragma once

#include "anycast/route_read.h"
#include "base/buf.h"

/** `announce ..` of a prefix of the set, without the end of the line. A path that is given is taken
 *  as it is, so it has the own AS once more than it is prepended. */
void exabgp_announce(struct buf *out, const struct ip_prefix *prefix, const struct announcement *a,
                     const struct speaker *config) ATTR_NONNULL;
/** `withdraw ..`; of whatever next hop. */
void exabgp_withdraw(struct buf *out, const struct ip_prefix *prefix) ATTR_NONNULL;

enum exabgp_word {
    EXABGP_DONE,
    EXABGP_ERROR,
    EXABGP_VERSION,
    EXABGP_EVENT, /* of a session */
    EXABGP_ROUTE, /* of the table */
    EXABGP_NOTHING /* an empty line */,
    EXABGP_OTHER
};
enum exabgp_word exabgp_word(const char *line) ATTR_NONNULL;

struct exabgp_route {
    struct ip_prefix prefix;
    struct route_read read;
};
/** An EXABGP_ROUTE; false: one of another family, or that cannot be read. */
bool exabgp_route_read(struct exabgp_route *out, const char *line) ATTR_NONNULL;
/** Whether it is not as it is to be; its prefix is one of the set's. */
bool exabgp_route_differs(const struct exabgp_route *route, const struct announcement *a,
                          const struct speaker *config) ATTR_NONNULL;

/** A row of `show neighbor summary`: whose, and its state. */
bool exabgp_neighbor_read(const char *line, struct ip *peer, char state[32]) ATTR_NONNULL;
