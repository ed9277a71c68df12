/* SPDX-License-Identifier: Apache-2.0
 * Addresses of interfaces of this host, added and removed by rtnetlink, for sets that are held by
 * no TUN. They are counted: what two sets have in common stays while one of them has it. By naming
 * the interface an operator gives these addresses there into our hands, so one that is there
 * already, left by a run before, is taken over. */
#pragma once

#include "base/ip.h"
#include "drive/drive.h"

struct host_addresses;

struct host_addresses_host {
    struct drive *drive;
    void *ctx;
    void (*changed)(void *ctx); /* host_address_there() may say another thing; from the loop */
};

struct host_addresses *host_addresses_new(const struct host_addresses_host *host)
    ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** Adds it, or counts. What fails is tried again each 5 s. */
void host_address_take(struct host_addresses *all, const char *interface,
                       const struct ip *address) ATTR_NONNULL;
/** The last one removes it, unless it is to be kept. */
void host_address_drop(struct host_addresses *all, const char *interface, const struct ip *address,
                       bool keep) ATTR_NONNULL;
/** Whether it is there; else why not ("" while that is not known). */
bool host_address_there(const struct host_addresses *all, const char *interface,
                        const struct ip *address, const char **why) ATTR_NONNULL;
/** Requests that are under way: removals, and additions, which a removal may have to follow. */
uint32_t host_addresses_busy(const struct host_addresses *all) ATTR_NONNULL;
/** Frees it, at once. */
void host_addresses_free(struct host_addresses *all) ATTR_NONNULL;
