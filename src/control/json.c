/* SPDX-License-Identifier: Apache-2.0
 * Short forms for building JSON. */
#include "control/json.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/escape.h"

#include <math.h>
#include <stdlib.h>

/* Keys are ASCII constants: the _nocheck variants spare their validation. */

json_t *json_text(const char *text)
{
    json_t *string = json_string(text);
    if (string)
        return string;
    struct buf escaped = {0};
    escape_add(&escaped, slice_str(text));
    string = json_string(escaped.p);
    buf_free(&escaped);
    return string;
}

void json_set_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new_nocheck(object, key, json_text(text));
}

void json_set_int(json_t *object, const char *key, int64_t value)
{
    json_object_set_new_nocheck(object, key, json_integer(value));
}

void json_set_bool(json_t *object, const char *key, bool value)
{
    json_object_set_new_nocheck(object, key, json_boolean(value));
}

void json_set_real(json_t *object, const char *key, double value, int decimals)
{
    double unit = pow(10, decimals);
    json_object_set_new_nocheck(object, key, json_real(round(value * unit) / unit));
}

void json_set_time(json_t *object, const char *key, int64_t wall_ms)
{
    char text[CLOCK_TEXT_MAX];
    if (wall_ms > 0)
        json_set_text(object, key, clock_text(text, wall_ms));
}

json_t *json_set_array(json_t *object, const char *key)
{
    json_t *array = json_array();
    json_object_set_new_nocheck(object, key, array);
    return array;
}

json_t *json_set_object(json_t *object, const char *key)
{
    json_t *member = json_object();
    json_object_set_new_nocheck(object, key, member);
    return member;
}

const char *json_text_of(const json_t *value, const char *otherwise)
{
    const char *text = json_string_value(value);
    return text ? text : otherwise;
}

const char *json_get_text(const json_t *object, const char *key, const char *otherwise)
{
    return json_text_of(json_object_get(object, key), otherwise);
}

int64_t json_get_int(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *member = json_object_get(object, key);
    double real = json_is_real(member) ? json_real_value(member) : 0;
    if (json_is_real(member)) /* 2^63 is the first double that does not fit */
        return real >= -0x1p63 && real < 0x1p63 ? (int64_t)real : otherwise;
    return json_is_integer(member) ? json_integer_value(member) : otherwise;
}

char *json_print(const json_t *document, size_t flags, size_t *n)
{
    char *raw = json_dumps(document, flags | JSON_REAL_PRECISION(9));
    struct buf text = {0};
    escape_json(&text, slice_str(raw));
    free(raw);
    *n = text.n;
    return text.p;
}

static json_t *escaped_string(const json_t *string)
{
    struct buf text = {0};
    escape_add(&text, slice_of(json_string_value(string), json_string_length(string)));
    json_t *escaped = json_stringn_nocheck(text.p, text.n);
    buf_free(&text);
    return escaped;
}

json_t *json_escaped(json_t *document)
{
    json_t *copy, *item;
    const char *key;
    size_t i;
    switch (json_typeof(document)) {
    case JSON_STRING:
        return escaped_string(document);
    case JSON_ARRAY:
        copy = json_array();
        json_array_foreach(document, i, item) json_array_append_new(copy, json_escaped(item));
        return copy;
    case JSON_OBJECT:
        copy = json_object();
        json_object_foreach(document, key, item) json_object_set_new(copy, key, json_escaped(item));
        return copy;
    default:
        return json_incref(document);
    }
}
