/* SPDX-License-Identifier: Apache-2.0
 * What a process gives to the one that takes over: sockets, links to those before, members and
 * counts when that one starts (inherited.c takes them), and at its "go" what changes with every
 * datagram and connection (bequest.h). */
#pragma once

#include "l4/forwarder.h"
#include "l4/remains.h"

#include <jansson.h>

/** Sends all that there is at its start. Returns 0, or E_SYSTEM (errno). */
int estate_send(const struct forwarder *f, int link) ATTR_NONNULL ATTR_MUST_USE;
/** What is open by now; with "what". */
json_t *estate_update(const struct forwarder *f, const char *what) ATTR_NONNULL ATTR_MUST_USE;
/** Once workers take nothing new: a file of their flows, and of what clients have, which *remains
 *  has, too. Returns its descriptor, or -1 (errno). */
int estate_bequeath(const struct forwarder *f, struct remains *remains) ATTR_NONNULL ATTR_MUST_USE;
