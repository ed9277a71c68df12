/* SPDX-License-Identifier: Apache-2.0
 * What Loadstar has made in tiers, by (tier, address, port), and objects as a whole: kept in the
 * state directory, so that it is known as ours after a restart, whatever its label is by then.
 * Text, one record a line with a checksum: damage costs its line. What is not recorded and is there
 * was not made by us; so what is about to be made is written here before it is. Pure, but for who
 * writes the file. */
#pragma once

#include "base/buf.h"
#include "base/ip.h"
#include "base/slice.h"

#define RECORDS_FILE "tiers"

struct records;
struct records *records_new(void) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
void records_free(struct records *records);

/** Of untrusted bytes; returns how many lines were damaged and left out. */
uint32_t records_read(struct records *records, struct slice text) ATTR_NONNULL;
void records_write(struct buf *out, const struct records *records) ATTR_NONNULL;

/** addr NULL: the tier's object. */
bool records_has(const struct records *records, const char *tier, const struct ip *addr,
                 uint16_t port) __attribute__((nonnull(1, 2)));
/** Returns whether that changed anything. */
bool records_set(struct records *records, const char *tier, const struct ip *addr, uint16_t port,
                 bool created) __attribute__((nonnull(1, 2)));
/** Tiers whose objects are recorded and are not in `names`. */
uint32_t records_orphans(const struct records *records, const char *const *names, uint32_t n,
                         const char **out, uint32_t max) __attribute__((nonnull(1)));
