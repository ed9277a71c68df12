/* SPDX-License-Identifier: Apache-2.0
 * Parts of documents in JSON. */
#include "tier/json.h"

#include "base/escape.h"

json_t *tier_json_text(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    struct arena *arena = arena_new();
    value = json_string(escape_in(arena, text));
    arena_free(arena);
    return value;
}

static int add_to_buf(const char *p, size_t n, void *out)
{
    buf_add(out, p, n);
    return 0;
}

void tier_json_print(struct buf *out, json_t *document)
{
    json_dump_callback(document, add_to_buf, out, JSON_COMPACT);
    buf_puts(out, "\n");
    json_decref(document);
}

const char *tier_json_get(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

bool tier_json_address(struct observed *out, const char *address, const json_t *port)
{
    *out = (struct observed){.active = -1, .inactive = -1};
    if (ip_parse(&out->addr, address) != 0 || !json_is_integer(port) ||
        json_integer_value(port) < 1 || json_integer_value(port) > UINT16_MAX)
        return false;
    out->port = (uint16_t)json_integer_value(port);
    return true;
}

uint64_t tier_next_version(uint64_t last, int64_t wall_ms)
{
    uint64_t now = wall_ms > 0 ? (uint64_t)wall_ms : 0;
    return now > last ? now : last + 1;
}
