/* SPDX-License-Identifier: Apache-2.0
 * What `show bgp ipv4|ipv6 unicast PREFIX json` says of a network of bgpd's own. Pure; of untrusted
 * bytes. */
#pragma once

#include "anycast/speaker.h"

struct frr_route {
    bool sourced;    /* bgpd has it of its own: by `network`, or redistributed */
    bool valid;      /* its next hop is there, or bgpd does not look (`import-check`) */
    bool best;       /* and it is what neighbours are told */
    bool pending;    /* bgpd has not decided yet */
    bool advertised; /* to a neighbour at least */
    bool differs;    /* from what was expected */
};

struct frr_expected {
    const struct route_attributes *attributes;
    const struct ip *next_hop; /* NULL: any */
};

/** Takes one document off `text`. Returns 0, or E_SYNTAX. */
int frr_route_read(struct frr_route *route, struct slice *text,
                   const struct frr_expected *expected) ATTR_NONNULL ATTR_MUST_USE;
