/* SPDX-License-Identifier: Apache-2.0
 * Back ends without a network: in a program that is linked with this, probes of type tcp find what
 * the test says of the port. Nothing happens beside the loop, and so all of it is exact. */
#pragma once

#include "base/ip.h"

enum scripted {
    SCRIPTED_REFUSED, /* by the target */
    SCRIPTED_OPEN,
    SCRIPTED_SILENT,      /* until the timeout */
    SCRIPTED_LACKING,     /* we have no descriptor left */
    SCRIPTED_UNREACHABLE, /* an ICMP message says so */
    SCRIPTED_WRONG,       /* the target answers something wrong: a status, an alert, a body */
};

void scripted_set(uint16_t port, enum scripted what);
/* What these ports are unless a test says otherwise. */
enum { OPEN_PORT = 4001, REFUSED_PORT, SILENT_PORT, LACKING_PORT };

/** Probes that were started on a port. */
unsigned scripted_count(uint16_t port);

/** By address rather than by port: the group of 127.G.x.y, fd00:G::x, from 1. */
void scripted_set_group(uint8_t group, enum scripted what);
unsigned scripted_count_group(uint8_t group);
uint8_t scripted_group_of(const struct ip *addr);
