/* SPDX-License-Identifier: Apache-2.0
 * The state of reading one zone file, shared by the parts of the reader: entries (zonefile.c),
 * rdata by field kinds (zone_rdata.c), and the directives (zone_directives.c). */
#pragma once

#include "config/zone_build.h"
#include "config/zonefile.h"
#include "dns/name.h"
#include "dns/rdata.h"
#include "dns/scan.h"

struct zone_reader {
    struct scan scan;
    struct zone_build *build;
    struct slice origin; /* the current one: a part of origin_wire; empty: none is known */
    uint8_t origin_wire[NAME_WIRE_MAX], origin_lower[NAME_WIRE_MAX]; /* as written; folded */
    bool origin_from_path;                                           /* until a $ORIGIN */
    bool has_ttl_default, has_ttl_last;
    uint32_t ttl_default, ttl_last; /* $TTL; the record before */
    bool has_unicode;               /* bytes that are not ASCII, maybe only in comments */
    bool generated;                 /* from the template of a $GENERATE, with `$` as `instance` */
    bool repeated;                  /* and not its first: what can be said of it has been */
    uint32_t instance;
    uint16_t file;
    const uint8_t *entry;                          /* that is being read */
    unsigned depth;                                /* of $INCLUDE */
    const char *paths[ZONEFILE_INCLUDE_DEPTH + 1]; /* of the files that are open */
    unsigned n_errors;                             /* reported, of the zone */
    struct slice rdata;                            /* of the record at hand */
    uint8_t buffer[RDATA_MAX + RDATA_SLACK];
};

/** Reports at a byte of the text; always returns false. */
bool reader_fail(struct zone_reader *r, const uint8_t *at, const char *fmt,
                 ...) ATTR_NONNULL ATTR_COLD ATTR_PRINTF(3, 4);

/** "expected EXPECTED, found 'WORD'" or ", found the end of the line". Always returns false. */
bool reader_expected(struct zone_reader *r, const struct word *word,
                     const char *expected) ATTR_NONNULL ATTR_COLD;

/** The next word, which there must be. */
static inline bool reader_word(struct zone_reader *r, struct word *word, const char *expected)
{
    const char *why = NULL;
    enum scan_result result = scan_word(&r->scan, word, &why);
    if (LIKELY(result == SCAN_WORD))
        return true;
    if (result == SCAN_ERROR)
        return reader_fail(r, r->scan.bad, "%s", why);
    *word = (struct word){r->scan.p, 0, false};
    return reader_expected(r, word, expected);
}

/** Writes the wire form of a name, relative to the current origin, in lower case if `lower`. `out`
 *  has room for NAME_WORD_ROOM bytes. Returns the length, or 0 after reporting. */
unsigned reader_name(struct zone_reader *r, uint8_t *out, const struct word *word,
                     bool lower) ATTR_NONNULL;

/** Makes the name of `n` bytes (0: none) the current origin. */
void reader_set_origin(struct zone_reader *r, const uint8_t *name, unsigned n) ATTR_NONNULL;

/** Reads the data of one record into r->rdata, to the end of the entry. */
bool reader_rdata(struct zone_reader *r, uint16_t type) ATTR_NONNULL;

/** Makes the data of a TXT record of text that is one string, blanks included. Strings hold 255
 *  bytes: what is longer is cut. */
bool reader_plain_text(struct zone_reader *r, struct slice text) ATTR_NONNULL;

/** Whether no word is left in the entry; reports the one that is. */
bool reader_entry_ends(struct zone_reader *r) ATTR_NONNULL;

/** Reads entries to the end of the text. */
void reader_entries(struct zone_reader *r) ATTR_NONNULL;

/** Reads one line that begins with `$`; `word` is its first word. */
bool reader_directive(struct zone_reader *r, const struct word *word) ATTR_NONNULL;

/** Reads a file into the zone; returns false if it cannot be read. */
bool reader_file(struct zone_reader *r, const char *path, struct span named) ATTR_NONNULL;

/** Reads `POOL[/SITE] [ttl=TTL|MIN-MAX] [answers=N]` behind the type, which stands at `at`; `ttl_s`
 *  is the record's TTL, NULL if it has none. */
bool reader_pool(struct zone_reader *r, const uint32_t *ttl_s, const uint8_t *at);
