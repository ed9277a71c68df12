/* SPDX-License-Identifier: Apache-2.0
 * Member sets as JSON, both ways. */
#include "l4/sets.h"

#include "base/memory.h"
#include "base/strmap.h"
#include "control/json.h"
#include "model/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const state_words[] = {
    [MEMBER_UP] = "up", [MEMBER_DOWN] = "down", [MEMBER_DRAIN] = "drain"};

void member_set_free(struct member_set *set)
{
    free(set->v);
    *set = (struct member_set){0};
}

/* ---- reading ---- */

/** Where an error is told, and of which member. */
struct reading {
    char *error;
    size_t size;
    size_t nth; /* SIZE_MAX: of the set itself */
};

ATTR_PRINTF(3, 4)
static int refuse(const struct reading *r, const char *key, const char *fmt, ...)
{
    char what[128];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    if (r->nth == SIZE_MAX)
        snprintf(r->error, r->size, "%s: %s", key, what);
    else
        snprintf(r->error, r->size, "members[%zu]%s%s: %s", r->nth, *key ? "." : "", key, what);
    return E_SYNTAX;
}

static bool has_controls(const char *text)
{
    for (; *text; text++)
        if ((uint8_t)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static int read_text(const struct reading *r, char *out, size_t size, const json_t *object,
                     const char *key)
{
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);
    if (!text || !*text || json_string_length(value) >= size || has_controls(text))
        return refuse(r, key, "expected a text of 1 to %zu bytes", size - 1);
    memcpy(out, text, json_string_length(value) + 1);
    return 0;
}

static int read_number(const struct reading *r, json_int_t *out, const json_t *object,
                       const char *key, json_int_t min, json_int_t max)
{
    const json_t *value = json_object_get(object, key);
    *out = json_integer_value(value);
    if (!json_is_integer(value) || *out < min || *out > max)
        return refuse(r, key,
                      "expected a number from %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT,
                      min, max);
    return 0;
}

static int read_state(const struct reading *r, enum member_state *out, const json_t *object)
{
    const char *word = json_string_value(json_object_get(object, "state"));
    for (unsigned i = 0; word && i < ARRAY_LEN(state_words); i++)
        if (strcmp(word, state_words[i]) == 0) {
            *out = (enum member_state)i;
            return 0;
        }
    return refuse(r, "state", "expected up, down or drain");
}

static int read_member(const struct reading *r, struct set_member *member, const json_t *object)
{
    char address[IP_TEXT_MAX];
    json_int_t port, weight;
    if (!json_is_object(object))
        return refuse(r, "", "expected an object");
    if (read_text(r, member->key, sizeof member->key, object, "key"))
        return E_SYNTAX;
    if (read_text(r, address, sizeof address, object, "address"))
        return E_SYNTAX;
    if (ip_parse(&member->addr, address) != 0)
        return refuse(r, "address", "expected an IP address");
    if (read_number(r, &port, object, "port", 1, UINT16_MAX) ||
        read_number(r, &weight, object, "weight", 0, WEIGHT_MAX))
        return E_SYNTAX;
    member->port = (uint16_t)port;
    member->weight = (uint32_t)weight;
    return read_state(r, &member->state, object);
}

static int read_members(struct reading *r, struct member_set *set, const json_t *members)
{
    struct strmap keys = {0};
    int e = 0;
    set->v = xcalloc(json_array_size(members) + 1, sizeof *set->v);
    for (r->nth = 0; !e && r->nth < json_array_size(members); r->nth++) {
        struct set_member *member = &set->v[r->nth];
        e = read_member(r, member, json_array_get(members, r->nth));
        uint32_t nth = (uint32_t)r->nth;
        uint32_t first = e ? nth : strmap_add(&keys, slice_str(member->key), nth);
        if (first != nth)
            e = refuse(r, "key", "the same as of members[%u]", first);
    }
    set->n = (uint32_t)json_array_size(members);
    strmap_free(&keys);
    return e;
}

static int read_set(struct reading *r, struct member_set *set, const json_t *object)
{
    const json_t *members = json_object_get(object, "members");
    json_int_t version;
    if (read_text(r, set->name, sizeof set->name, object, "service") ||
        read_number(r, &version, object, "version", 1, SETS_VERSION_MAX))
        return E_SYNTAX;
    set->version = (uint64_t)version;
    if (!json_is_array(members) || json_array_size(members) > SETS_MEMBERS_MAX)
        return refuse(r, "members", "expected a list of at most %d", SETS_MEMBERS_MAX);
    return read_members(r, set, members);
}

int member_set_read(struct member_set *set, const json_t *object, char *error, size_t error_size)
{
    struct reading r = {error, error_size, SIZE_MAX};
    *set = (struct member_set){0};
    int e = read_set(&r, set, object);
    if (e)
        member_set_free(set);
    return e;
}

/* ---- writing ---- */

json_t *member_set_write(const struct member_set *set)
{
    json_t *object = json_object();
    json_set_text(object, "service", set->name);
    json_set_int(object, "version", (int64_t)set->version);
    json_t *members = json_set_array(object, "members");
    for (uint32_t i = 0; i < set->n; i++) {
        const struct set_member *m = &set->v[i];
        char address[IP_TEXT_MAX];
        json_t *member = json_object();
        json_set_text(member, "key", m->key);
        json_set_text(member, "address", ip_text(address, &m->addr));
        json_set_int(member, "port", m->port);
        json_set_int(member, "weight", m->weight);
        json_set_text(member, "state", state_words[m->state]);
        json_array_append_new(members, member);
    }
    return object;
}
