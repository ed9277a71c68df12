/* SPDX-License-Identifier: Apache-2.0
 * Slips of those who write zones: what is taken, but hardly meant, or refused with more to say than
 * what was expected. */
#pragma once

#include "config/yaml.h"
#include "config/zone_reader.h"

/** What is said of a word that is a type in files of other products: what it is, and what does its
 *  work here. NULL: it is none, or one that DNS has. */
const char *slips_foreign_type(struct slice word) ATTR_MUST_USE;

/** Whether the items of a list are the fields of one record rather than records; reports it. */
bool slips_one_record(struct zone_build *build, uint16_t type,
                      const struct yaml_node *list) ATTR_NONNULL ATTR_MUST_USE;

/** Warns where an unquoted ';' ends text that seems to go on behind it. The data of the record
 *  begins at `from` and ends at the scanner's place. */
void slips_cut_text(struct zone_reader *r, const uint8_t *from) ATTR_NONNULL;

/** Whether any byte is no ASCII. */
bool slips_not_ascii(struct slice text) ATTR_MUST_USE;

/** Warns of a name, given as its text and in wire format, that is written in Unicode: resolvers ask
 *  for its A-labels (RFC 5891 4.4). Not of DNS-SD (RFC 6763 4.1.1), whose instances are UTF-8, nor
 *  of bytes that are written as escapes. */
void slips_unicode_name(struct load *load, struct span span, struct slice text,
                        struct slice wire) ATTR_NONNULL;

/** The same of the names in an entry from `from` to the scanner's place: its owner, if it has one,
 *  and those in data of `type`. */
void slips_unicode_entry(struct zone_reader *r, const uint8_t *from, bool has_owner,
                         uint16_t type) ATTR_NONNULL;
