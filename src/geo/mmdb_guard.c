/* SPDX-License-Identifier: Apache-2.0
 * Control bytes of the MaxMind DB File Format Specification 2.0, "Output Data Section" and "Data
 * Field Format"; see mmdb_guard.h.
 *
 *     control byte   type (3 bits) | size (5 bits); type 0, "extended": the next byte has type - 7
 *     size           0..28 as it is, or 29..31: 1..3 more bytes ("Payload Size")
 *     pointer        001 | bytes - 1 (2 bits) | 3 bits, then 1..4 bytes: where the value is, which
 *                    is not a pointer itself ("pointer")
 *     map            size pairs of a text and a value ("map"); array: size values ("array") */
#include "geo/mmdb_guard.h"

#include "base/cursor.h"

#include <maxminddb.h>

#define STRING(x) #x
#define TEXT_OF(x) STRING(x)

#define ANY_TYPE 0u

struct guard {
    struct slice section;
    uint32_t items_left;
    const char *wrong;
};

struct item {
    unsigned type;  /* MMDB_DATA_TYPE_* */
    uint32_t size;  /* bytes of a scalar, pairs of a map, elements of an array */
    uint32_t value; /* offset of a scalar's bytes, a container's first item, a pointer's target */
};

static bool fail(struct guard *g, const char *wrong)
{
    g->wrong = wrong;
    return false;
}

static uint32_t number_of(struct reader *r, unsigned n)
{
    uint32_t x = 0;
    while (n--)
        x = x << 8 | reader_u8(r);
    return x;
}

static uint32_t read_pointer(struct reader *r, uint8_t control)
{
    static const uint32_t base[] = {0, 2048, 526336};
    unsigned kind = control >> 3 & 3;
    uint32_t low = number_of(r, kind + 1);
    return kind == 3 ? low : ((control & 7u) << 8 * (kind + 1)) + low + base[kind];
}

static uint32_t read_size(struct reader *r, uint8_t control)
{
    static const uint32_t base[] = {29, 285, 65821};
    unsigned size = control & 31;
    return size < 29 ? size : base[size - 29] + number_of(r, size - 28);
}

static bool is_container(const struct item *item)
{
    return item->type == MMDB_DATA_TYPE_MAP || item->type == MMDB_DATA_TYPE_ARRAY;
}

static bool has_valid_size(const struct item *item)
{
    switch (item->type) {
    case MMDB_DATA_TYPE_UINT16:
        return item->size <= 2;
    case MMDB_DATA_TYPE_UINT32:
    case MMDB_DATA_TYPE_INT32:
        return item->size <= 4;
    case MMDB_DATA_TYPE_UINT64:
        return item->size <= 8;
    case MMDB_DATA_TYPE_UINT128:
        return item->size <= 16;
    case MMDB_DATA_TYPE_FLOAT:
        return item->size == 4;
    case MMDB_DATA_TYPE_DOUBLE:
        return item->size == 8;
    default:
        return true;
    }
}

static bool is_known(unsigned type)
{
    return type <= MMDB_DATA_TYPE_FLOAT && type != MMDB_DATA_TYPE_CONTAINER &&
           type != MMDB_DATA_TYPE_END_MARKER;
}

/* Reads what begins at *at and leaves *at behind it: behind the bytes of a scalar or of a pointer,
 * at the first item of a container. */
static bool read_control(struct guard *g, uint32_t *at, struct item *item)
{
    if (*at >= g->section.n)
        return fail(g, "it points, or goes on, past the end");
    struct reader r = reader_of(g->section.p + *at, g->section.n - *at);
    uint8_t control = reader_u8(&r);
    *item = (struct item){.type = control >> 5};
    if (item->type == MMDB_DATA_TYPE_POINTER) {
        item->value = read_pointer(&r, control);
    } else {
        if (item->type == MMDB_DATA_TYPE_EXTENDED)
            item->type = reader_u8(&r) + 7u;
        item->size = read_size(&r, control);
        item->value = (uint32_t)(r.p - g->section.p);
        if (item->type != MMDB_DATA_TYPE_BOOLEAN && !is_container(item))
            (void)reader_take(&r, item->size);
    }
    *at = (uint32_t)(r.p - g->section.p);
    if (r.bad)
        return fail(g, "it is cut off");
    if (!is_known(item->type))
        return fail(g, "it has a value of a type that the format does not have");
    return has_valid_size(item) || fail(g, "it has a number of a size that its type cannot have");
}

/* Walks one item and leaves *at behind it. Recursion is bounded by MMDB_DEPTH_MAX. */
static bool walk(struct guard *g, uint32_t *at, unsigned depth, unsigned expected)
{
    struct item item;
    if (depth > MMDB_DEPTH_MAX)
        return fail(g, "it is nested deeper than " TEXT_OF(MMDB_DEPTH_MAX) " levels");
    if (g->items_left == 0)
        return fail(g, "it, or all together, have too many items (" TEXT_OF(
                           MMDB_ITEMS_MAX) " in a record, 8 for each byte of the file)");
    g->items_left--;
    if (!read_control(g, at, &item))
        return false;
    bool by_pointer = item.type == MMDB_DATA_TYPE_POINTER;
    uint32_t inside = *at;
    if (by_pointer) {
        inside = item.value;
        if (!read_control(g, &inside, &item))
            return false;
        if (item.type == MMDB_DATA_TYPE_POINTER)
            return fail(g, "it has a pointer to a pointer");
    }
    if (expected != ANY_TYPE && item.type != expected)
        return fail(g, expected == MMDB_DATA_TYPE_MAP ? "it is not a map"
                                                      : "it has a key that is not a text");
    bool is_map = item.type == MMDB_DATA_TYPE_MAP;
    for (uint32_t n = is_container(&item) ? item.size : 0; n > 0; n--)
        if ((is_map && !walk(g, &inside, depth + 1, MMDB_DATA_TYPE_UTF8_STRING)) ||
            !walk(g, &inside, depth + 1, ANY_TYPE))
            return false;
    if (!by_pointer)
        *at = inside;
    return true;
}

const char *mmdb_guard(struct slice section, uint32_t offset, uint64_t *items_left)
{
    uint32_t most = *items_left < MMDB_ITEMS_MAX ? (uint32_t)*items_left : MMDB_ITEMS_MAX;
    struct guard g = {.section = section, .items_left = most};
    (void)walk(&g, &offset, 0, MMDB_DATA_TYPE_MAP);
    *items_left -= most - g.items_left;
    return g.wrong;
}
