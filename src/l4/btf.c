/* SPDX-License-Identifier: Apache-2.0
 * BTF (Documentation/bpf/btf.rst of Linux): a header, types one after the other, names.
 *
 *     header │ type: name, info, size │ what its kind has behind that │ type .. │ names
 *
 * Numbers are the machine's, of 32 bits. */
#include "l4/btf.h"

#include <assert.h>
#include <linux/btf.h>
#include <string.h>

#define KIND_DECL_TAG 17 /* not in the headers of older systems */
#define KIND_ENUM64 19

struct types {
    struct slice all; /* from the first type to the last */
    struct slice names;
    uint32_t at; /* of what is read next */
};

/** Whether there is another n bytes; they are copied and passed over. */
static bool take(struct types *t, void *to, uint32_t n)
{
    if (t->all.n - t->at < n)
        return false;
    memcpy(to, t->all.p + t->at, n);
    t->at += n;
    return true;
}

static bool pass(struct types *t, uint64_t n)
{
    if (t->all.n - t->at < n)
        return false;
    t->at += (uint32_t)n;
    return true;
}

static bool is_named(const struct types *t, uint32_t at, const char *name)
{
    size_t n = strlen(name) + 1; /* with its NUL */
    return at < t->names.n && t->names.n - at >= n && memcmp(t->names.p + at, name, n) == 0;
}

/** Bytes behind a type, other than those of a struct or union. */
static uint64_t rest_of(const struct btf_type *type)
{
    uint64_t n = BTF_INFO_VLEN(type->info);
    switch (BTF_INFO_KIND(type->info)) {
    case BTF_KIND_INT:
    case BTF_KIND_VAR:
    case KIND_DECL_TAG:
        return 4;
    case BTF_KIND_ARRAY:
        return sizeof(struct btf_array);
    case BTF_KIND_ENUM:
        return n * sizeof(struct btf_enum);
    case BTF_KIND_FUNC_PROTO:
        return n * sizeof(struct btf_param);
    case BTF_KIND_DATASEC:
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
    case KIND_ENUM64:
        return n * 12;
    default:
        return 0;
    }
}
static_assert(sizeof(struct btf_member) == 12 && sizeof(struct btf_var_secinfo) == 12,
              "as the rest");

static int64_t find_member(struct types *t, const struct btf_type *type, const char *name)
{
    bool has_bits = BTF_INFO_KFLAG(type->info);
    struct btf_member m;
    for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info) && take(t, &m, sizeof m); i++) {
        if (!is_named(t, m.name_off, name))
            continue;
        uint32_t bits = has_bits ? BTF_MEMBER_BIT_OFFSET(m.offset) : m.offset;
        bool is_bits = (has_bits && BTF_MEMBER_BITFIELD_SIZE(m.offset) != 0) || bits % 8 != 0;
        return is_bits ? -1 : (int64_t)(bits / 8);
    }
    return -1;
}

static struct slice part(struct slice all, const struct btf_header *header, uint32_t at, uint32_t n)
{
    uint64_t from = (uint64_t)header->hdr_len + at;
    bool fits = from + n <= all.n;
    return slice_of(fits ? all.p + from : all.p, fits ? n : 0);
}

int64_t btf_member_offset(struct slice btf, const char *name, const char *member)
{
    struct btf_header header;
    struct btf_type type;
    if (btf.n < sizeof header)
        return -1;
    memcpy(&header, btf.p, sizeof header);
    if (header.magic != BTF_MAGIC || header.version != BTF_VERSION)
        return -1;
    struct types t = {.all = part(btf, &header, header.type_off, header.type_len),
                      .names = part(btf, &header, header.str_off, header.str_len)};
    while (take(&t, &type, sizeof type)) {
        if (BTF_INFO_KIND(type.info) == BTF_KIND_STRUCT && is_named(&t, type.name_off, name))
            return find_member(&t, &type, member);
        if (!pass(&t, rest_of(&type)))
            return -1;
    }
    return -1;
}
