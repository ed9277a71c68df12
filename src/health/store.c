/* SPDX-License-Identifier: Apache-2.0
 * What survives a restart. */
#include "health/store.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/give_way.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FILE_MAX = 256 << 20, /* a million endpoints */
    FRESH_MS = 5 * 60 * 1000,
    FUTURE_MS = 60 * 1000,
    HEALTH_FORMAT = 1,
    RULES_FORMAT = 2, /* 1 had no checksum */
};

#define CHECKSUM "sha256"

/* ---- what both files share ---- */

/* Reads PATH as one JSON object. NULL with *code = 0: there is no such file. */
static json_t *load_object(const char *path, struct buf *problem, int *code)
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

static bool get_time(int64_t *ms, const json_t *value)
{
    *ms = json_integer_value(value);
    return json_is_integer(value) && *ms >= 0 && *ms <= RULE_TIME_MAX_MS;
}

/* ---- overrides ---- */

/* SHA-256 over all other members as compact JSON with sorted keys, in hexadecimal digits. */
static void get_checksum(char out[2 * SHA256_DIGEST_LENGTH + 1], const json_t *object)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    json_t *rest = json_copy((json_t *)(uintptr_t)object);
    json_object_del(rest, CHECKSUM);
    char *text = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS);
    SHA256((const uint8_t *)(text ? text : ""), text ? strlen(text) : 0, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    free(text);
    json_decref(rest);
}

static bool get_setting(struct rule *rule, const json_t *object)
{
    const char *state = json_string_value(json_object_get(object, "state"));
    const json_t *weight = json_object_get(object, "weight");
    if (!state == !weight)
        return false;
    if (weight) {
        rule->kind = RULE_WEIGHT;
        rule->weight = json_is_null(weight) ? RULE_AUTO_WEIGHT : json_integer_value(weight);
        return json_is_null(weight) ||
               (json_is_integer(weight) && rule->weight >= 0 && rule->weight <= WEIGHT_MAX);
    }
    rule->kind = RULE_STATE;
    for (int o = OVERRIDE_AUTO; o <= OVERRIDE_DRAIN; o++)
        if (strcmp(state, override_text((enum override)o)) == 0) {
            rule->override = (enum override)o;
            return true;
        }
    return false;
}

/* NULL when the rule is valid, and then owns its target and reason; else what is wrong with it. */
static const char *get_rule(struct rule *rule, const json_t *object)
{
    const char *target = json_string_value(json_object_get(object, "target"));
    const json_t *reason = json_object_get(object, "reason");
    const json_t *until = json_object_get(object, "until_ms");
    *rule = (struct rule){.until_ms = INT64_MAX};
    if (!get_setting(rule, object))
        return "has no valid state or weight";
    if (!get_time(&rule->set_ms, json_object_get(object, "set_ms")))
        return "has no valid set_ms, the time in milliseconds";
    if (until && !get_time(&rule->until_ms, until))
        return "has an until_ms that is no time in milliseconds";
    if (reason && !json_is_string(reason))
        return "has a reason that is no text";
    if (!target || target_parse(&rule->target, target))
        return "has no valid target";
    rule->reason = xstrdup(reason ? json_string_value(reason) : "");
    return NULL;
}

static int refuse(struct buf *problem, const char *path, const char *why)
{
    buf_printf(problem, "%s: %s", path, why);
    return E_SYNTAX;
}

/* That the file is what was written: its format, its checksum. A later format with a right checksum
 * is no damage, but somebody else's. */
static int check_whole(const json_t *object, const char *path, struct buf *problem)
{
    const json_t *format = json_object_get(object, "format");
    const json_t *checksum = json_object_get(object, CHECKSUM);
    int64_t number = json_integer_value(format);
    char expected[2 * SHA256_DIGEST_LENGTH + 1];
    if (!json_is_integer(format) || number < 1)
        return refuse(problem, path, "\"format\" is not a number from 1 on");
    if (!checksum && number == 1)
        return 0;
    get_checksum(expected, object);
    if (!json_is_string(checksum) || strcmp(json_string_value(checksum), expected) != 0)
        return refuse(problem, path,
                      "its checksum (\"" CHECKSUM "\") is not that of its rules: it is damaged, or "
                      "was edited by hand");
    if (number <= RULES_FORMAT)
        return 0;
    buf_printf(problem, "%s: written by a later version, in format %" PRId64 "; this one knows %d",
               path, number, RULES_FORMAT);
    return E_INVALID;
}

static int get_rules(struct rules *rules, const json_t *list, const char *path, struct buf *problem)
{
    if (!json_is_array(list))
        return refuse(problem, path, "\"rules\" is not a list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct rule rule;
        const char *wrong = get_rule(&rule, json_array_get(list, i));
        if (wrong) {
            buf_printf(problem, "%s: rule %zu %s", path, i + 1, wrong);
            rules_free(rules);
            return E_SYNTAX;
        }
        rules_append(rules, rule);
    }
    return 0;
}

int store_load_rules(struct rules *rules, const char *path, struct buf *problem)
{
    int code;
    json_t *object = load_object(path, problem, &code);
    if (!object)
        return code;
    code = check_whole(object, path, problem);
    if (!code)
        code = get_rules(rules, json_object_get(object, "rules"), path, problem);
    json_decref(object);
    return code;
}

static json_t *rule_object(const struct rule *rule)
{
    json_t *object = json_object();
    json_object_set_new(object, "target", json_string(rule->target.text));
    if (rule->kind == RULE_STATE)
        json_object_set_new(object, "state", json_string(override_text(rule->override)));
    else
        json_object_set_new(object, "weight",
                            rule_is_auto(rule) ? json_null() : json_integer(rule->weight));
    json_object_set_new(object, "set_ms", json_integer(rule->set_ms));
    if (rule->until_ms != INT64_MAX)
        json_object_set_new(object, "until_ms", json_integer(rule->until_ms));
    if (*rule->reason)
        json_object_set_new(object, "reason", json_string(rule->reason));
    return object;
}

static char *rules_text(const struct rules *rules)
{
    char checksum[2 * SHA256_DIGEST_LENGTH + 1];
    json_t *object = json_object(), *list = json_array();
    json_object_set_new(object, "format", json_integer(RULES_FORMAT));
    for (uint32_t i = 0; i < rules->n; i++)
        json_array_append_new(list, rule_object(&rules->v[i]));
    json_object_set_new(object, "rules", list);
    get_checksum(checksum, object);
    json_object_set_new(object, CHECKSUM, json_string(checksum));
    char *text = json_dumps(object, JSON_INDENT(2));
    json_decref(object);
    return text;
}

int store_save_rules(const struct rules *rules, const char *path)
{
    char *text = rules_text(rules);
    if (!text) {
        errno = EILSEQ;
        return E_SYSTEM;
    }
    int code = file_replace(path, text, strlen(text), 0640);
    int saved = errno;
    free(text);
    errno = saved;
    return code;
}

/* ---- health ---- */

/* ["up", since]; false: nothing that we write. */
static bool get_health(struct saved_health *out, const json_t *value)
{
    const char *text = json_string_value(json_array_get(value, 0));
    if (!text || json_array_size(value) != 2 || !get_time(&out->since_ms, json_array_get(value, 1)))
        return false;
    out->health = strcmp(text, "up") == 0 ? HEALTH_UP : HEALTH_DOWN;
    return out->health == HEALTH_UP || strcmp(text, "down") == 0;
}

static const char *get_all_health(struct saved_file *out, struct arena *arena, json_t *object)
{
    json_t *endpoints = json_object_get(object, "endpoints");
    if (json_integer_value(json_object_get(object, "format")) != HEALTH_FORMAT)
        return "its format is not the one that this version writes";
    if (!get_time(&out->saved_ms, json_object_get(object, "saved_ms")))
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
    json_t *object = load_object(path, problem, &code);
    if (!object)
        return code;
    const char *wrong = get_all_health(out, arena, object);
    json_decref(object);
    if (!wrong)
        return 0;
    *out = (struct saved_file){0};
    return refuse(problem, path, wrong);
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
