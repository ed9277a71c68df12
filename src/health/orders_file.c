/* SPDX-License-Identifier: Apache-2.0
 * The file of orders. */
#include "health/orders_file.h"

#include "base/file.h"
#include "health/store.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FORMAT = 4, /* has orders on prefix sets */
    FORMAT_OF_STATES = 3,
    FORMAT_OF_RULES = 2 /* and before; 1 had no checksum */
};

#define CHECKSUM "sha256"

static const char *const end_texts[] = {"live", "removed", "replaced", "expired"};

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

/* ---- reading one order: each returns what is wrong with it, or NULL ---- */

static bool get_node(char out[NODE_NAME_MAX], const json_t *value)
{
    const char *text = json_string_value(value);
    if (!text || !*text || strlen(text) >= NODE_NAME_MAX)
        return false;
    snprintf(out, NODE_NAME_MAX, "%s", text);
    return true;
}

static bool get_count(uint64_t *out, const json_t *value)
{
    *out = (uint64_t)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static const char *get_anchors(struct order *o, const json_t *list)
{
    size_t n = json_array_size(list);
    if (!list)
        return NULL;
    if (!json_is_array(list) || n > ANCHORS_MAX)
        return "has an \"at\" that is no list of endpoints";
    o->anchors = xcalloc(n + 1, sizeof *o->anchors);
    for (size_t i = 0; i < n; i++) {
        const char *part[3];
        for (size_t k = 0; k < 3; k++)
            part[k] = json_string_value(json_array_get(json_array_get(list, i), k));
        if (!part[0] || !part[1] || !part[2])
            return "has an \"at\" that is no list of endpoints";
        o->anchors[o->n_anchors++] =
            (struct anchor){xstrdup(part[0]), xstrdup(part[1]), xstrdup(part[2])};
    }
    return NULL;
}

static const char *get_place(struct order *o, const json_t *object, const char *node)
{
    const json_t *of = json_object_get(object, "node"),
                 *moved = json_object_get(object, "moved_ms");
    snprintf(o->node, sizeof o->node, "%s", node);
    if ((of && !get_node(o->node, of)) || !*o->node)
        return "has no valid node";
    if (!get_count(&o->number, json_object_get(object, "number")) || o->number == 0)
        return "has no valid number";
    if (!store_get_time(&o->time_ms, json_object_get(object, "time_ms")) ||
        (moved && !store_get_time(&o->moved_ms, moved)))
        return "has no valid time_ms or moved_ms";
    return get_anchors(o, json_object_get(object, "at"));
}

static const char *get_end(struct order *o, const json_t *object)
{
    const char *end = json_string_value(json_object_get(object, "end"));
    for (int i = ORDER_REMOVED; end && i <= ORDER_EXPIRED; i++)
        if (strcmp(end, end_texts[i]) == 0)
            o->end = (enum order_end)i;
    if (o->end == ORDER_LIVE || !store_get_time(&o->ended_ms, json_object_get(object, "ended_ms")))
        return "has no valid end or ended_ms";
    return NULL;
}

/* ---- reading the list ---- */

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
                      "its checksum (\"" CHECKSUM "\") is not that of its orders: it is damaged, "
                      "or was edited by hand");
    if (number <= FORMAT)
        return 0;
    buf_printf(problem, "%s: written by a later version, in format %" PRId64 "; this one knows %d",
               path, number, FORMAT);
    return E_INVALID;
}

/* A rule of an earlier format: its place in the list is its place in time. */
static const char *place_rule(struct order *o, struct orders *orders)
{
    snprintf(o->node, sizeof o->node, "%s", orders->node);
    o->number = ++orders->last_number;
    o->time_ms = o->set_ms > orders->seen_ms ? o->set_ms : orders->seen_ms + 1;
    return NULL;
}

enum list { LIST_RULES, LIST_ORDERS, LIST_ENDED };

static int get_list(struct orders *orders, const json_t *list, enum list kind, const char *path,
                    struct buf *problem)
{
    static const char *const names[] = {"rule", "order", "ended order"};
    if (!json_is_array(list))
        return refuse(problem, path,
                      kind == LIST_RULES    ? "\"rules\" is not a list"
                      : kind == LIST_ORDERS ? "\"orders\" is not a list"
                                            : "\"ended\" is not a list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *object = json_array_get(list, i);
        struct order *o = order_new();
        const char *wrong = order_read_words(o, object);
        if (!wrong)
            wrong = kind == LIST_RULES ? place_rule(o, orders) : get_place(o, object, orders->node);
        if (!wrong && kind == LIST_ENDED)
            wrong = get_end(o, object);
        if (wrong)
            order_release(o);
        else if (!orders_add(orders, o))
            wrong = "is there twice";
        if (wrong) {
            buf_printf(problem, "%s: %s %zu %s", path, names[kind], i + 1, wrong);
            return E_SYNTAX;
        }
    }
    return 0;
}

static int get_sites(struct orders *orders, const json_t *list, const char *path,
                     struct buf *problem)
{
    size_t n = json_array_size(list);
    orders->sites = xcalloc(n + 1, sizeof *orders->sites);
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name)
            return refuse(problem, path, "\"sites\" is not a list of names");
        orders->sites[orders->n_sites++] = xstrdup(name);
    }
    return json_is_array(list) ? 0 : refuse(problem, path, "\"sites\" is not a list of names");
}

static int get_orders(struct orders *orders, const json_t *object, const char *path,
                      struct buf *problem)
{
    char own[NODE_NAME_MAX];
    if (!get_node(own, json_object_get(object, "node")) ||
        !get_count(&orders->last_number, json_object_get(object, "last_number")) ||
        !store_get_time(&orders->seen_ms, json_object_get(object, "seen_ms")))
        return refuse(problem, path, "has no valid node, last_number or seen_ms");
    char wanted[NODE_NAME_MAX];
    memcpy(wanted, orders->node, sizeof wanted);
    memcpy(orders->node, own, sizeof own); /* of orders that name none */
    int code = get_sites(orders, json_object_get(object, "sites"), path, problem);
    if (!code)
        code = get_list(orders, json_object_get(object, "orders"), LIST_ORDERS, path, problem);
    if (!code)
        code = get_list(orders, json_object_get(object, "ended"), LIST_ENDED, path, problem);
    memcpy(orders->node, wanted, sizeof wanted);
    return code;
}

int orders_load(struct orders *orders, const char *path, struct buf *problem)
{
    int code;
    json_t *object = store_read_object(path, problem, &code);
    if (!object)
        return code;
    code = check_whole(object, path, problem);
    if (!code && json_integer_value(json_object_get(object, "format")) <= FORMAT_OF_RULES)
        code = get_list(orders, json_object_get(object, "rules"), LIST_RULES, path, problem);
    else if (!code)
        code = get_orders(orders, object, path, problem);
    json_decref(object);
    if (code) {
        char node[NODE_NAME_MAX];
        memcpy(node, orders->node, sizeof node);
        orders_free(orders);
        memcpy(orders->node, node, sizeof node);
    }
    return code;
}

/* ---- writing ---- */

static json_t *anchors_json(const struct order *o)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < o->n_anchors; i++) {
        const struct anchor *a = &o->anchors[i];
        json_array_append_new(list, json_pack("[s, s, s]", a->pool, a->site, a->address));
    }
    return list;
}

static json_t *order_json(const struct orders *orders, const struct order *o)
{
    json_t *object = json_object();
    if (strcmp(o->node, orders->node) != 0)
        json_object_set_new(object, "node", json_string(o->node));
    json_object_set_new(object, "number", json_integer((json_int_t)o->number));
    json_object_set_new(object, "time_ms", json_integer(o->time_ms));
    json_object_set_new(object, "target", json_string(o->target.text));
    if (o->kind == ORDER_STATE)
        json_object_set_new(object, "state", json_string(override_text(o->override)));
    else if (o->kind == ORDER_ANNOUNCE)
        json_object_set_new(object, "announce", json_string(announce_order_word(o->announce)));
    else
        json_object_set_new(object, "weight",
                            order_is_auto(o) ? json_null() : json_integer(o->weight));
    if (o->forced)
        json_object_set_new(object, "forced", json_true());
    json_object_set_new(object, "set_ms", json_integer(o->set_ms));
    if (o->until_ms != ORDER_FOREVER)
        json_object_set_new(object, "until_ms", json_integer(o->until_ms));
    if (*o->author)
        json_object_set_new(object, "by", json_string(o->author));
    if (*o->reason)
        json_object_set_new(object, "reason", json_string(o->reason));
    if (o->moved_ms)
        json_object_set_new(object, "moved_ms", json_integer(o->moved_ms));
    if (o->n_anchors)
        json_object_set_new(object, "at", anchors_json(o));
    if (o->end != ORDER_LIVE) {
        json_object_set_new(object, "end", json_string(end_texts[o->end]));
        json_object_set_new(object, "ended_ms", json_integer(o->ended_ms));
    }
    return object;
}

static json_t *list_json(const struct orders *orders, struct order *const *v, uint32_t n)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < n; i++)
        if (!v[i]->is_volatile)
            json_array_append_new(list, order_json(orders, v[i]));
    return list;
}

static bool has_announce(struct order *const *v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (v[i]->kind == ORDER_ANNOUNCE && !v[i]->is_volatile)
            return true;
    return false;
}

static int format_of(const struct orders *orders)
{
    return has_announce(orders->v, orders->n) || has_announce(orders->ended, orders->n_ended)
               ? FORMAT
               : FORMAT_OF_STATES;
}

static char *orders_text(const struct orders *orders)
{
    char checksum[2 * SHA256_DIGEST_LENGTH + 1];
    json_t *object = json_object(), *sites = json_array();
    for (uint32_t i = 0; i < orders->n_sites; i++)
        json_array_append_new(sites, json_string(orders->sites[i]));
    json_object_set_new(object, "format", json_integer(format_of(orders)));
    json_object_set_new(object, "node", json_string(orders->node));
    json_object_set_new(object, "last_number", json_integer((json_int_t)orders->last_number));
    json_object_set_new(object, "seen_ms", json_integer(orders->seen_ms));
    json_object_set_new(object, "sites", sites);
    json_object_set_new(object, "orders", list_json(orders, orders->v, orders->n));
    json_object_set_new(object, "ended", list_json(orders, orders->ended, orders->n_ended));
    get_checksum(checksum, object);
    json_object_set_new(object, CHECKSUM, json_string(checksum));
    char *text = json_dumps(object, JSON_INDENT(1));
    json_decref(object);
    return text;
}

int orders_save(const struct orders *orders, const char *path)
{
    char *text = orders_text(orders);
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
