/* SPDX-License-Identifier: Apache-2.0
 * Reading and writing bytes in network order, with a sticky error: after the first failure every
 * operation does nothing, so that a caller reads a whole record straight down and tests `bad` once.
 */
#pragma once

#include "base/slice.h"

struct reader {
    const uint8_t *p, *end;
    bool bad;
};

static inline struct reader reader_of(const void *p, size_t n)
{
    return (struct reader){p, (const uint8_t *)p + n, false};
}

static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->p);
}

/** `n` bytes in place, or NULL once the reader is bad. */
static inline const uint8_t *reader_take(struct reader *r, size_t n)
{
    if (r->bad || reader_left(r) < n) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *at = r->p;
    r->p += n;
    return at;
}

static inline uint8_t reader_u8(struct reader *r)
{
    const uint8_t *p = reader_take(r, 1);
    return p ? p[0] : 0;
}

static inline uint16_t reader_u16(struct reader *r)
{
    const uint8_t *p = reader_take(r, 2);
    return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t reader_u32(struct reader *r)
{
    const uint8_t *p = reader_take(r, 4);
    return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

static inline void store_u16(uint8_t *p, uint16_t x)
{
    p[0] = (uint8_t)(x >> 8);
    p[1] = (uint8_t)x;
}

static inline void store_u32(uint8_t *p, uint32_t x)
{
    p[0] = (uint8_t)(x >> 24);
    p[1] = (uint8_t)(x >> 16);
    p[2] = (uint8_t)(x >> 8);
    p[3] = (uint8_t)x;
}

static inline uint16_t load_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

struct writer {
    uint8_t *p, *end;
    bool bad;
};

static inline struct writer writer_of(void *p, size_t n)
{
    return (struct writer){p, (uint8_t *)p + n, false};
}

/** Room for `n` bytes, or NULL once the writer is bad. */
static inline uint8_t *writer_take(struct writer *w, size_t n)
{
    if (w->bad || (size_t)(w->end - w->p) < n) {
        w->bad = true;
        return NULL;
    }
    uint8_t *at = w->p;
    w->p += n;
    return at;
}

static inline void writer_u8(struct writer *w, uint8_t x)
{
    uint8_t *p = writer_take(w, 1);
    if (p)
        *p = x;
}

static inline void writer_u16(struct writer *w, uint16_t x)
{
    uint8_t *p = writer_take(w, 2);
    if (p)
        store_u16(p, x);
}

static inline void writer_u32(struct writer *w, uint32_t x)
{
    uint8_t *p = writer_take(w, 4);
    if (p)
        store_u32(p, x);
}

static inline void writer_bytes(struct writer *w, const void *src, size_t n)
{
    uint8_t *p = writer_take(w, n);
    if (p && n)
        memcpy(p, src, n);
}
