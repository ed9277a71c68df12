/* SPDX-License-Identifier: Apache-2.0
 * Mappings described by tables: one generic walker reads them all, and the reference manual is
 * printed from the same tables. */
#pragma once

#include "config/load.h"

enum schema_kind {
    SCHEMA_BOOL,    /* bool */
    SCHEMA_U16,     /* uint16_t, min..max */
    SCHEMA_U32,     /* uint32_t, min..max */
    SCHEMA_MS,      /* uint32_t: a duration in milliseconds, min..max */
    SCHEMA_SECONDS, /* uint32_t: a duration in whole seconds, min..max */
    SCHEMA_SIZE,    /* uint32_t: bytes, min..max */
    SCHEMA_SHARE,   /* double: 0.0..1.0 */
    SCHEMA_TEXT,    /* const char *: not empty */
    SCHEMA_PATH,    /* const char *: relative to the file it stands in; need not exist */
    SCHEMA_FILE,    /* const char *: as a path, and must exist */
    SCHEMA_WORD,    /* enum (stored as unsigned): one of `words` */
    SCHEMA_FILES,   /* struct str_list: one path or a list of them; all must exist */
    SCHEMA_STRINGS, /* struct str_list: a list of texts, at least one */
    SCHEMA_MAPPING, /* what `sub` describes, at `offset` */
    SCHEMA_CUSTOM,  /* `read` does it */
};

struct schema_word {
    const char *text;
    unsigned value;
    const char *doc; /* NULL: refused, "not in this release" */
};

/** One of a list of kinds (model/kinds.h). */
#define SCHEMA_WORD_OF(constant, word, doc) {word, constant, doc},

/** Reads a value into `field`, the member at `offset`; reports what is wrong. */
typedef void schema_read_fn(struct load *load, const struct yaml_node *node, void *field);

struct schema_key {
    const char *name;
    enum schema_kind kind;
    bool required;
    uint32_t offset;
    uint32_t at; /* offset of the struct span that gets the place of the value, or of the pointer
                  * that gets an array of them, one an item (SCHEMA_FILES); 0: none */
    uint32_t min, max;
    const char *fallback;     /* the default as it would stand in the file; NULL: the field stays */
    const char *fallback_doc; /* the default in words, where it is no constant */
    const struct schema_word *words;
    uint32_t n_words;
    const struct schema *sub; /* SCHEMA_MAPPING; else: what is inside the value, for the manual */
    const char *entry;        /* for the manual: what stands between the key and those of `sub` */
    schema_read_fn *read;
    const char *type; /* for the manual: the kind of value, where the kind does not say it */
    const char *doc;
    const char *example;
};

struct schema {
    const char *title; /* of what, for messages and the manual: "a check" */
    const char *doc;
    const struct schema_key *keys;
    uint32_t n_keys;
};

#define SCHEMA_KEYS(array) .keys = (array), .n_keys = ARRAY_LEN(array)
#define SCHEMA_WORDS(array) .words = (array), .n_words = ARRAY_LEN(array)

/** Fills *out, zeroed before, from a mapping. Reports everything that is wrong. */
void schema_read(struct load *load, const struct schema *schema, const struct yaml_node *node,
                 void *out) ATTR_NONNULL;

/** The same for a thing with a name: "pool 'www' is empty, expected ...". */
void schema_read_named(struct load *load, const struct schema *schema, const char *name,
                       const struct yaml_node *node, void *out) ATTR_NONNULL;

/** Reads one value as the key describes it; `field` is the member itself. For custom readers of
 *  values that have several forms. */
void schema_read_value(struct load *load, const struct schema_key *key,
                       const struct yaml_node *node, void *field) ATTR_NONNULL;

/** Text of a scalar that is neither empty nor a collection; NULL after reporting. */
const char *schema_scalar(struct load *load, const struct yaml_node *node, const char *what,
                          const char *expected) ATTR_NONNULL;

/** Reads the YAML file that a scalar names; NULL after reporting. */
const struct yaml_node *schema_file(struct load *load, const struct yaml_node *node,
                                    const char *what, const char *expected) ATTR_NONNULL;

/** "a whole number from 1 to 65535": what a key takes, in the words of the messages. */
const char *schema_expected(struct arena *arena, const struct schema_key *key) ATTR_NONNULL;
