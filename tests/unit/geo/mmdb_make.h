/* SPDX-License-Identifier: Apache-2.0
 * A small writer of MaxMind DBs for tests: records are encoded by hand, networks set one after the
 * other, later ones over earlier ones. */
#pragma once

#include "base/buf.h"
#include "base/cursor.h"
#include "base/ip.h"
#include "base/vec.h"

#include <stdlib.h>

#define MAKE_EMPTY UINT32_MAX
#define MAKE_RECORD (1u << 31)

struct mmdb_make {
    unsigned record_bits, ip_version;
    struct buf data;
    VEC(struct make_node { uint32_t child[2]; })
    nodes; /* MAKE_EMPTY, MAKE_RECORD|offset or index */
};

static inline void make_init(struct mmdb_make *m, unsigned record_bits, unsigned ip_version)
{
    *m = (struct mmdb_make){.record_bits = record_bits, .ip_version = ip_version};
    *vec_push(&m->nodes) = (struct make_node){{MAKE_EMPTY, MAKE_EMPTY}};
}

static inline void make_free(struct mmdb_make *m)
{
    buf_free(&m->data);
    vec_free(&m->nodes);
}

/* --- encoding --- */

static inline void put_control(struct buf *out, unsigned type, unsigned size)
{
    uint8_t b[4] = {(uint8_t)(type < 8 ? type << 5 : 0)}, n = 1;
    if (type >= 8)
        b[n++] = (uint8_t)(type - 7);
    if (size < 29) {
        b[0] |= (uint8_t)size;
    } else if (size < 285) {
        b[0] |= 29;
        b[n++] = (uint8_t)(size - 29);
    } else {
        b[0] |= 30;
        b[n++] = (uint8_t)((size - 285) >> 8);
        b[n++] = (uint8_t)(size - 285);
    }
    buf_add(out, b, n);
}

static inline void put_map(struct buf *out, unsigned n)
{
    put_control(out, 7, n);
}

static inline void put_array(struct buf *out, unsigned n)
{
    put_control(out, 11, n);
}

static inline void put_text(struct buf *out, const char *text)
{
    put_control(out, 2, (unsigned)strlen(text));
    buf_puts(out, text);
}

static inline void put_uint(struct buf *out, unsigned type, uint64_t value)
{
    uint8_t b[8];
    unsigned n = 0;
    for (unsigned i = 8; i-- > 0;)
        if (n || value >> 8 * i)
            b[n++] = (uint8_t)(value >> 8 * i);
    put_control(out, type, n);
    buf_add(out, b, n);
}

static inline void put_u16(struct buf *out, unsigned value)
{
    put_uint(out, 5, value);
}

static inline void put_u32(struct buf *out, uint32_t value)
{
    put_uint(out, 6, value);
}

static inline void put_double(struct buf *out, double value)
{
    uint64_t bits;
    uint8_t b[8];
    memcpy(&bits, &value, 8);
    store_u32(b, (uint32_t)(bits >> 32));
    store_u32(b + 4, (uint32_t)bits);
    put_control(out, 3, 8);
    buf_add(out, b, 8);
}

static inline void put_float(struct buf *out, float value)
{
    uint32_t bits;
    uint8_t b[4];
    memcpy(&bits, &value, 4);
    store_u32(b, bits);
    put_control(out, 15, 4);
    buf_add(out, b, 4);
}

/* A pointer of four bytes, to anywhere. */
static inline void put_pointer(struct buf *out, uint32_t offset)
{
    uint8_t b[5] = {0x38};
    store_u32(b + 1, offset);
    buf_add(out, b, 5);
}

/* The offset at which the next record begins. */
static inline uint32_t make_here(const struct mmdb_make *m)
{
    return (uint32_t)m->data.n;
}

/* --- the tree --- */

static inline uint32_t make_split(struct mmdb_make *m, uint32_t link)
{
    if (link < MAKE_RECORD)
        return link;
    *vec_push(&m->nodes) = (struct make_node){{link, link}};
    return (uint32_t)m->nodes.n - 1;
}

/* Puts a record, or MAKE_EMPTY, at a prefix. An IPv4 prefix goes below ::/96 of an IPv6 tree. */
static inline void make_network(struct mmdb_make *m, const struct ip_prefix *prefix,
                                uint32_t record)
{
    struct ip_prefix p = *prefix;
    if (p.addr.family == IP_V4 && m->ip_version == 6) {
        p = (struct ip_prefix){.addr.family = IP_V6, .len = (uint8_t)(96 + prefix->len)};
        memcpy(p.addr.b + 12, prefix->addr.b, 4);
    }
    if (p.len == 0) {
        m->nodes.v[0] = (struct make_node){{record, record}};
        return;
    }
    uint32_t node = 0;
    for (unsigned i = 0;; i++) {
        unsigned side = p.addr.b[i / 8] >> (7 - i % 8) & 1;
        if (i + 1 == p.len) {
            m->nodes.v[node].child[side] = record;
            return;
        }
        uint32_t next = make_split(m, m->nodes.v[node].child[side]);
        m->nodes.v[node].child[side] = next;
        node = next;
    }
}

static inline void make_text_network(struct mmdb_make *m, const char *text, uint32_t record)
{
    struct ip_prefix p;
    if (ip_prefix_parse(&p, text) != 0)
        abort();
    make_network(m, &p, record);
}

/* --- the file --- */

static inline uint32_t make_number(const struct mmdb_make *m, uint32_t link)
{
    if (link == MAKE_EMPTY)
        return (uint32_t)m->nodes.n;
    return link & MAKE_RECORD ? (uint32_t)m->nodes.n + 16 + (link & ~MAKE_RECORD) : link;
}

static inline void make_tree(const struct mmdb_make *m, struct buf *out)
{
    for (size_t i = 0; i < m->nodes.n; i++) {
        uint32_t left = make_number(m, m->nodes.v[i].child[0]);
        uint32_t right = make_number(m, m->nodes.v[i].child[1]);
        uint8_t b[8];
        if (m->record_bits == 24) {
            store_u32(b, left << 8);
            store_u32(b + 3, right << 8);
        } else if (m->record_bits == 28) {
            store_u32(b, left << 8);
            store_u32(b + 3, right);
            b[3] = (uint8_t)(left >> 24 << 4 | right >> 24);
        } else {
            store_u32(b, left);
            store_u32(b + 4, right);
        }
        buf_add(out, b, m->record_bits / 4);
    }
}

static inline void make_metadata(const struct mmdb_make *m, struct buf *out)
{
    buf_add(out, "\xab\xcd\xefMaxMind.com", 14);
    put_map(out, 9);
    put_text(out, "binary_format_major_version");
    put_u16(out, 2);
    put_text(out, "binary_format_minor_version");
    put_u16(out, 0);
    put_text(out, "build_epoch");
    put_uint(out, 9, 1700000000);
    put_text(out, "database_type");
    put_text(out, "Test");
    put_text(out, "description");
    put_map(out, 0);
    put_text(out, "ip_version");
    put_u16(out, m->ip_version);
    put_text(out, "languages");
    put_array(out, 0);
    put_text(out, "node_count");
    put_u32(out, (uint32_t)m->nodes.n);
    put_text(out, "record_size");
    put_u16(out, m->record_bits);
}

/* The whole file; the caller frees `out`. */
static inline void make_file(const struct mmdb_make *m, struct buf *out)
{
    static const uint8_t zero[16];
    make_tree(m, out);
    buf_add(out, zero, sizeof zero);
    buf_add(out, m->data.p ? m->data.p : "", m->data.n);
    make_metadata(m, out);
}
