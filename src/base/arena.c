/* SPDX-License-Identifier: Apache-2.0
 * Region allocator: many small allocations, freed at once. */
#include "base/arena.h"

#include "base/give_way.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* A chunk is filled from both ends: objects that need alignment from the front, packed bytes
 * (names, rdata, text) from the back, so that neither pads the other.
 *
 *     | chunk header | objects ->  ...free...  <- bytes | */
struct chunk {
    struct chunk *next;
    size_t size; /* of the room after the header */
};

struct arena {
    struct chunk *chunks;  /* all; the one being filled is the first */
    uint8_t *front, *back; /* the free room of the first chunk */
    size_t next_size;      /* room of the next chunk: doubles up to CHUNK_MAX */
    size_t total;
};

#define ALIGNMENT 16u
static_assert(sizeof(struct chunk) % ALIGNMENT == 0, "the room after the header is aligned");

/* With AddressSanitizer every allocation gets a chunk of its own, so that one that runs over its
 * end is seen. */
#if defined(__SANITIZE_ADDRESS__)
#define CHUNK_MIN 0u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHUNK_MIN 0u
#endif
#endif
#ifndef CHUNK_MIN
#define CHUNK_MIN 2048u
#endif
#define CHUNK_MAX (1u << 20)

static void ATTR_COLD __attribute__((noreturn)) out_of_memory(size_t n)
{
    fprintf(stderr, "loadstar: out of memory (%zu bytes asked for)\n", n);
    abort();
}

static size_t product(size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n))
        out_of_memory(SIZE_MAX);
    return n;
}

void *xmalloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p)
        out_of_memory(n);
    return p;
}

void *xcalloc(size_t count, size_t size)
{
    size_t n = product(count, size);
    void *p = calloc(1, n ? n : 1);
    if (!p)
        out_of_memory(n);
    return p;
}

void *xrealloc(void *old, size_t n)
{
    void *p = realloc(old, n ? n : 1);
    if (!p)
        out_of_memory(n);
    return p;
}

char *xstrdup(const char *text)
{
    size_t n = strlen(text) + 1;
    return memcpy(xmalloc(n), text, n);
}

struct arena *arena_new(void)
{
    struct arena *arena = xcalloc(1, sizeof *arena);
    arena->next_size = CHUNK_MIN;
    return arena;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    for (struct chunk *c = arena->chunks, *next; c; c = next) {
        next = c->next;
        give_way_free(c, sizeof *c + c->size);
    }
    free(arena);
}

static struct chunk *chunk_new(struct arena *arena, size_t size)
{
    size_t n;
    if (__builtin_add_overflow(size, sizeof(struct chunk), &n))
        out_of_memory(size);
    struct chunk *c = xmalloc(n);
    c->size = size;
    arena->total += n;
    return c;
}

/* Room that the first chunk lacks. Large allocations get a chunk of their own behind the first,
 * whose rest stays in use. */
static uint8_t *alloc_slow(struct arena *arena, size_t n, bool at_front)
{
    if (n > arena->next_size / 4) {
        struct chunk *c = chunk_new(arena, n), **at = &arena->chunks;
        if (*at)
            at = &(*at)->next;
        c->next = *at;
        *at = c;
        return (uint8_t *)(c + 1);
    }
    struct chunk *c = chunk_new(arena, arena->next_size);
    c->next = arena->chunks;
    arena->chunks = c;
    arena->front = (uint8_t *)(c + 1);
    arena->back = arena->front + c->size;
    if (arena->next_size < CHUNK_MAX)
        arena->next_size *= 2;
    if (!at_front)
        return arena->back -= n;
    arena->front += n;
    return arena->front - n;
}

static size_t room(const struct arena *arena)
{
    return (size_t)(arena->back - arena->front);
}

void *arena_alloc(struct arena *arena, size_t n)
{
    if (n > SIZE_MAX - ALIGNMENT)
        out_of_memory(n);
    n = n ? (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
    if (n > room(arena))
        return alloc_slow(arena, n, true);
    uint8_t *p = arena->front;
    arena->front += n;
    return p;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
    size_t n = product(count, size);
    void *p = arena_alloc(arena, n);
    return n ? memset(p, 0, n) : p;
}

static uint8_t *alloc_bytes(struct arena *arena, size_t n)
{
    if (n > room(arena))
        return alloc_slow(arena, n, false);
    return arena->back -= n;
}

void *arena_copy(struct arena *arena, const void *p, size_t n)
{
    uint8_t *copy = alloc_bytes(arena, n ? n : 1);
    return n ? memcpy(copy, p, n) : copy;
}

char *arena_strndup(struct arena *arena, const char *text, size_t n)
{
    if (n == SIZE_MAX)
        out_of_memory(n);
    char *copy = (char *)alloc_bytes(arena, n + 1);
    memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

char *arena_vprintf(struct arena *arena, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n < 0)
        n = 0;
    char *text = (char *)alloc_bytes(arena, (size_t)n + 1);
    text[0] = '\0';
    vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = arena_vprintf(arena, fmt, args);
    va_end(args);
    return text;
}

void arena_adopt(struct arena *to, struct arena *from)
{
    /* Behind the chunk that `to` is filling; if there is none, its room stays empty. */
    struct chunk **at = &to->chunks;
    if (*at && to->front)
        at = &(*at)->next;
    struct chunk *rest = *at;
    *at = from->chunks;
    while (*at)
        at = &(*at)->next;
    *at = rest;
    to->total += from->total;
    free(from);
}

size_t arena_size(const struct arena *arena)
{
    return arena->total;
}
