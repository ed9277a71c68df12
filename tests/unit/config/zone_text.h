/* SPDX-License-Identifier: Apache-2.0
 * Zones as lines of text that can be compared. */
#pragma once

#include "model/model.h"

/** Writes `text` as the zone file "zones/NAME.zone" of a small configuration and loads it. The
 *  caller frees the model. NULL after printing what was wrong. */
struct model *zone_text_load(const char *name, const char *text);

/** One line "OWNER TTL TYPE RDATA-IN-HEX\n" per record, sorted. The caller frees it. */
char *zone_text_dump(const struct zone *zone);

/** Sorts lines; the result replaces `text`, which is freed. */
char *zone_text_sort(char *text);
