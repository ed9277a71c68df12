/* SPDX-License-Identifier: Apache-2.0
 * Short forms for building JSON: each sets one member of `object`. */
#pragma once

#include "base/attr.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/** A JSON string of any bytes: with some that are no UTF-8 it is the escaped text (jansson takes
 *  UTF-8 only, and reasons may quote what a back end sent). */
json_t *json_text(const char *text) ATTR_NONNULL ATTR_MUST_USE;

void json_set_text(json_t *object, const char *key, const char *text) ATTR_NONNULL;
void json_set_int(json_t *object, const char *key, int64_t value) ATTR_NONNULL;
void json_set_bool(json_t *object, const char *key, bool value) ATTR_NONNULL;
/** Rounded to `decimals`, so that 0.1 + 0.2 reads as people expect. */
void json_set_real(json_t *object, const char *key, double value, int decimals) ATTR_NONNULL;
/** Wall-clock milliseconds as RFC 3339 text; nothing when 0 (unknown). */
void json_set_time(json_t *object, const char *key, int64_t wall_ms) ATTR_NONNULL;
/** Adds an array under `key` and returns it, borrowed. */
json_t *json_set_array(json_t *object, const char *key) ATTR_NONNULL;
json_t *json_set_object(json_t *object, const char *key) ATTR_NONNULL;

/** The document as text with jansson's `flags`, for programs and for eyes: what would drive a
 *  terminal stands as `\\u....` (base/escape.h). The caller frees it. */
char *json_print(const json_t *document, size_t flags, size_t *n) ATTR_NONNULL ATTR_MUST_USE;

/** The document with every string escaped (base/escape.h), to be rendered as text. */
json_t *json_escaped(json_t *document) ATTR_NONNULL ATTR_MUST_USE;

/* For readers: the value, or the member, or the default when it is absent or of another type. */
const char *json_text_of(const json_t *value, const char *otherwise);
const char *json_get_text(const json_t *object, const char *key, const char *otherwise);
int64_t json_get_int(const json_t *object, const char *key, int64_t otherwise);
