/* SPDX-License-Identifier: Apache-2.0
 * What survives a restart. */
#include "health/store.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FILE_MAX = 256 << 20, /* a million endpoints */
    FRESH_MS = 5 * 60 * 1000,
    FUTURE_MS = 60 * 1000,
    FORMAT = 1,
};

/* Reads PATH as one JSON object of our format. NULL with *code = 0: there is no such file. */
static json_t *load_object(const char *path, struct buf *problem, int *code)
{
    struct arena *arena = arena_new();
    struct slice text;
    json_error_t error;
    json_t *object = NULL;
    *code = file_read(&text, arena, path, FILE_MAX);
    if (*code == E_SYSTEM && errno == ENOENT) {
        *code = 0;
        goto out;
    }
    if (*code) {
        buf_printf(problem, "%s: cannot be read: %s", path,
                   *code == E_RANGE ? "larger than 256M" : strerror(errno));
        goto out;
    }
    *code = E_SYNTAX;
    object = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &error);
    if (!object) {
        buf_printf(problem, "%s:%d:%d: not JSON: %s", path, error.line, error.column, error.text);
    } else if (json_integer_value(json_object_get(object, "format")) != FORMAT) {
        buf_printf(problem, "%s: \"format\" is not %d, which this version writes", path, FORMAT);
        json_decref(object);
        object = NULL;
    } else {
        *code = 0;
    }
out:
    arena_free(arena);
    return object;
}

static int64_t get_time(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value ? json_integer_value(value) : INT64_MAX;
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
        return (json_is_null(weight) || json_is_integer(weight)) && rule->weight <= WEIGHT_MAX &&
               rule->weight >= RULE_AUTO_WEIGHT;
    }
    rule->kind = RULE_STATE;
    for (int o = OVERRIDE_AUTO; o <= OVERRIDE_DRAIN; o++)
        if (strcmp(state, override_text((enum override)o)) == 0) {
            rule->override = (enum override)o;
            return true;
        }
    return false;
}

static bool get_rule(struct rule *rule, const json_t *object)
{
    const char *target = json_string_value(json_object_get(object, "target"));
    const char *reason = json_string_value(json_object_get(object, "reason"));
    *rule = (struct rule){
        .set_ms = json_integer_value(json_object_get(object, "set_ms")),
        .until_ms = get_time(object, "until_ms"),
    };
    if (!target || !get_setting(rule, object) || target_parse(&rule->target, target))
        return false;
    rule->reason = xstrdup(reason ? reason : "");
    return true;
}

int store_load_rules(struct rules *rules, const char *path, struct buf *problem)
{
    int code;
    json_t *object = load_object(path, problem, &code);
    if (!object)
        return code;
    const json_t *list = json_object_get(object, "rules");
    if (!json_is_array(list)) {
        buf_printf(problem, "%s: \"rules\" is not a list", path);
        code = E_SYNTAX;
    }
    for (size_t i = 0; code == 0 && i < json_array_size(list); i++) {
        struct rule rule;
        if (get_rule(&rule, json_array_get(list, i))) {
            rules_set(rules, rule);
            continue;
        }
        buf_printf(problem, "%s: rule %zu has no valid target and state or weight", path, i + 1);
        rules_free(rules);
        code = E_SYNTAX;
    }
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

int store_save_rules(const struct rules *rules, const char *path)
{
    json_t *object = json_object(), *list = json_array();
    json_object_set_new(object, "format", json_integer(FORMAT));
    for (uint32_t i = 0; i < rules->n; i++)
        json_array_append_new(list, rule_object(&rules->v[i]));
    json_object_set_new(object, "rules", list);
    char *text = json_dumps(object, JSON_INDENT(2));
    json_decref(object);
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

static enum health health_of(const char *text)
{
    if (text && strcmp(text, "up") == 0)
        return HEALTH_UP;
    return text && strcmp(text, "down") == 0 ? HEALTH_DOWN : HEALTH_UNKNOWN;
}

int store_load_health(struct saved_file *out, struct arena *arena, const char *path,
                      struct buf *problem)
{
    int code;
    *out = (struct saved_file){0};
    json_t *object = load_object(path, problem, &code);
    if (!object)
        return code;
    json_t *endpoints = json_object_get(object, "endpoints");
    struct saved_health *v = arena_calloc(arena, json_object_size(endpoints), sizeof *v);
    const char *key;
    json_t *value;
    json_object_foreach(endpoints, key, value)
    {
        v[out->n++] = (struct saved_health){
            .key = arena_strdup(arena, key),
            .health = health_of(json_string_value(json_array_get(value, 0))),
            .since_ms = json_integer_value(json_array_get(value, 1)),
        };
    }
    out->v = v;
    out->saved_ms = json_integer_value(json_object_get(object, "saved_ms"));
    json_decref(object);
    return 0;
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

void store_render_health(struct buf *out, const struct model *model,
                         const struct endpoint_state *states, int64_t now_ms)
{
    const char *separator = "\n";
    struct arena *scratch = arena_new();
    buf_printf(out, "{\"format\": %d, \"saved_ms\": %lld, \"endpoints\": {", FORMAT,
               (long long)now_ms);
    for (uint32_t e = 0; e < model->n_endpoints; e++) {
        if (!states[e].checked || states[e].health == HEALTH_UNKNOWN)
            continue;
        buf_puts(out, separator);
        render_text(out, endpoint_key(scratch, model, e));
        buf_printf(out, ": [\"%s\", %lld]", health_text(states[e].health),
                   (long long)states[e].since_ms);
        separator = ",\n";
    }
    buf_puts(out, "}}\n");
    arena_free(scratch);
}

bool store_is_fresh(int64_t saved_ms, int64_t now_ms, uint32_t interval_ms)
{
    int64_t most_ms = 10 * (int64_t)interval_ms;
    int64_t age_ms = now_ms - saved_ms;
    return age_ms >= -FUTURE_MS && age_ms <= (most_ms > FRESH_MS ? most_ms : FRESH_MS);
}
