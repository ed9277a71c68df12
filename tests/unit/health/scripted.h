/* SPDX-License-Identifier: Apache-2.0
 * Back ends without a network: in a program that is linked with this, probes of type tcp find what
 * the test says of the port. Nothing happens beside the loop, and so all of it is exact. */
#pragma once

#include <stdint.h>

enum scripted {
    SCRIPTED_REFUSED,
    SCRIPTED_OPEN,
    SCRIPTED_SILENT,  /* until the timeout */
    SCRIPTED_LACKING, /* we have no descriptor left */
};

void scripted_set(uint16_t port, enum scripted what);
/* What these ports are unless a test says otherwise. */
enum { OPEN_PORT = 4001, REFUSED_PORT, SILENT_PORT, LACKING_PORT };

/** Probes that were started on a port. */
unsigned scripted_count(uint16_t port);
