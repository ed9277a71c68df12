/* SPDX-License-Identifier: Apache-2.0
 * Short forms for building JSON. */
#include "ctl/json.h"

#include "base/arena.h"
#include "base/clock.h"

#include <math.h>
#include <stdlib.h>

/* Keys are ASCII constants: the _nocheck variants spare their validation. */

json_t *json_text(const char *text)
{
    json_t *string = json_string(text);
    if (string)
        return string;
    char *ascii = xstrdup(text);
    for (char *p = ascii; *p; p++)
        if (*p & 0x80)
            *p = '?';
    string = json_string(ascii);
    free(ascii);
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

const char *json_get_text(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : otherwise;
}

int64_t json_get_int(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *member = json_object_get(object, key);
    if (json_is_real(member))
        return (int64_t)json_real_value(member);
    return json_is_integer(member) ? json_integer_value(member) : otherwise;
}
