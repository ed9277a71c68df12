/* SPDX-License-Identifier: Apache-2.0
 * Descriptors that may outlive whoever uses them: listeners, ports of agents, in one table of
 * (name, descriptor). What listens is opened before anything is given up or put in force, so that a
 * reload can fail without harm; what both configurations name is taken over. On one thread. */
#pragma once

#include "base/attr.h"
#include "base/ip.h"

#include <stdbool.h>

struct descriptors;

struct descriptors *descriptors_new(void) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** Closes what is left in it. */
void descriptors_free(struct descriptors *table);

/** A TCP listener on ADDR:PORT under that name: the one that is there, or a new one. Nonblocking,
 *  SO_REUSEADDR, IPV6_V6ONLY, IP_FREEBIND. Returns the descriptor, which stays the table's, or -1
 *  (errno). */
int descriptors_listen(struct descriptors *table, const char *name, const struct ip *addr,
                       uint16_t port) ATTR_NONNULL ATTR_MUST_USE;
/** The descriptor of a name, or -1. */
int descriptors_find(const struct descriptors *table, const char *name) ATTR_NONNULL;

/** Begins to keep only what is asked for from now on, until the end: then closes the others
 *  (commit), or those that are new (!commit). */
void descriptors_begin(struct descriptors *table) ATTR_NONNULL;
void descriptors_end(struct descriptors *table, bool commit) ATTR_NONNULL;
