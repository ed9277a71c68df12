/* SPDX-License-Identifier: Apache-2.0
 * What survives a restart. */
#include "health/store.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/give_way.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FILE_MAX = 256 << 20, /* a million endpoints */
    FRESH_MS = 5 * 60 * 1000,
    FUTURE_MS = 60 * 1000,
    HEALTH_FORMAT = 1,
};

/* ---- what both files share ---- */

json_t *store_read_object(const char *path, struct buf *problem, int *code)
{
    struct arena *arena = arena_new();
    struct slice text;
    json_error_t error;
    json_t *object = NULL;
    *code = file_read_own(&text, arena, path, FILE_MAX);
    if (*code == E_SYSTEM && errno == ENOENT) {
        *code = 0;
    } else if (*code) {
        buf_printf(problem, "%s: cannot be read: %s", path, file_error(*code, "256M"));
        *code = E_SYSTEM;
    } else {
        object = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &error);
        if (!object) {
            buf_printf(problem, "%s:%d:%d: not JSON: %s", path, error.line, error.column,
                       error.text);
            *code = E_SYNTAX;
        }
    }
    arena_free(arena);
    return object;
}

bool store_get_time(int64_t *ms, const json_t *value)
{
    *ms = json_integer_value(value);
    return json_is_integer(value) && *ms >= 0 && *ms <= ORDER_TIME_MAX_MS;
}

/* ---- health ---- */

/* ["up", since]; false: nothing that we write. */
static bool get_health(struct saved_health *out, const json_t *value)
{
    const char *text = json_string_value(json_array_get(value, 0));
    if (!text || json_array_size(value) != 2 ||
        !store_get_time(&out->since_ms, json_array_get(value, 1)))
        return false;
    out->health = strcmp(text, "up") == 0 ? HEALTH_UP : HEALTH_DOWN;
    return out->health == HEALTH_UP || strcmp(text, "down") == 0;
}

static const char *get_all_health(struct saved_file *out, struct arena *arena, json_t *object)
{
    json_t *endpoints = json_object_get(object, "endpoints");
    if (json_integer_value(json_object_get(object, "format")) != HEALTH_FORMAT)
        return "its format is not the one that this version writes";
    if (!store_get_time(&out->saved_ms, json_object_get(object, "saved_ms")))
        return "\"saved_ms\" is no time in milliseconds";
    if (!json_is_object(endpoints))
        return "\"endpoints\" is no object";
    struct saved_health *v = arena_calloc(arena, json_object_size(endpoints), sizeof *v);
    const char *key;
    json_t *value;
    json_object_foreach(endpoints, key, value)
    {
        if (!get_health(&v[out->n], value))
            return "an endpoint's value is not its state and time";
        v[out->n++].key = arena_strdup(arena, key);
    }
    out->v = v;
    return NULL;
}

int store_load_health(struct saved_file *out, struct arena *arena, const char *path,
                      struct buf *problem)
{
    int code;
    *out = (struct saved_file){0};
    json_t *object = store_read_object(path, problem, &code);
    if (!object)
        return code;
    const char *wrong = get_all_health(out, arena, object);
    json_decref(object);
    if (!wrong)
        return 0;
    *out = (struct saved_file){0};
    buf_printf(problem, "%s: %s", path, wrong);
    return E_SYNTAX;
}

/* By hand rather than through a tree of values: with 100,000 endpoints that is 20 ms of the loop
 * instead of 200. */
static void render_text(struct buf *out, const char *text)
{
    buf_add(out, "\"", 1);
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_add(out, "\\", 1);
        if ((unsigned char)*p < 0x20)
            buf_printf(out, "\\u%04x", *p);
        else
            buf_add(out, p, 1);
    }
    buf_add(out, "\"", 1);
}

void store_render_health(struct buf *out, const struct saved_health *v, uint32_t n, int64_t now_ms)
{
    buf_printf(out, "{\"format\": %d, \"saved_ms\": %lld, \"endpoints\": {", HEALTH_FORMAT,
               (long long)now_ms);
    for (uint32_t i = 0; i < n; i++) {
        give_way_often();
        buf_puts(out, i ? ",\n" : "\n");
        render_text(out, v[i].key);
        buf_printf(out, ": [\"%s\", %lld]", health_text(v[i].health), (long long)v[i].since_ms);
    }
    buf_puts(out, "}}\n");
}

bool store_is_fresh(int64_t saved_ms, int64_t now_ms, uint32_t interval_ms)
{
    int64_t most_ms = 10 * (int64_t)interval_ms;
    int64_t age_ms;
    return !__builtin_sub_overflow(now_ms, saved_ms, &age_ms) && age_ms >= -FUTURE_MS &&
           age_ms <= (most_ms > FRESH_MS ? most_ms : FRESH_MS);
}
