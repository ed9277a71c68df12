/* SPDX-License-Identifier: Apache-2.0
 * The range that all parts lie in: who has which place. */
#include "snapshot/part.h"

#include "base/vec.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#define RANGE_MAX ((uint64_t)UINT32_MAX * PART_UNIT)
#define RANGE_MIN (UINT64_C(1) << 28)
#define STEP (UINT64_C(2) << 20) /* made writable at once; the size of a huge page */
#define PAGE 4096u
#define LARGE (64u << 10) /* from here on a part has its own pages */
#define HEAD 64u          /* PART_NOWHERE, PART_NOBODY: zeroes */

/* In bytes from the base. */
struct gap {
    uint64_t start, end;
};

static struct {
    pthread_mutex_t mutex;
    uint8_t *base;
    uint64_t size, writable, top, used;
    uint32_t n_sealed;
    VEC(struct gap) gaps; /* below `top`, in order, never adjacent */
} range = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static bool make_writable(uint64_t upto)
{
    if (upto <= range.writable)
        return true;
    uint64_t end = (upto + STEP - 1) & ~(STEP - 1);
    if (end > range.size)
        end = range.size;
    if (mprotect(range.base + range.writable, end - range.writable, PROT_READ | PROT_WRITE) != 0)
        return false;
    range.writable = end;
    return true;
}

/* Addresses cost nothing; a limit on them is met by asking for less. */
static void reserve_range(void)
{
    uint64_t size = (RANGE_MAX + 1) & ~(STEP - 1);
    void *p = MAP_FAILED;
    for (; size >= RANGE_MIN; size /= 2) {
        p = mmap(NULL, size + STEP, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p != MAP_FAILED)
            break;
    }
    if (p == MAP_FAILED)
        return;
    range.base = (uint8_t *)p + (-(uintptr_t)p & (STEP - 1));
    range.size = size;
    range.top = HEAD;
    if (!make_writable(HEAD)) {
        (void)munmap(p, size + STEP);
        range.base = NULL;
    }
}

bool part_reserve(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, reserve_range);
    return range.base != NULL;
}

const uint8_t *part_base(void)
{
    (void)!part_reserve();
    return range.base;
}

static uint64_t alignment(uint64_t len)
{
    return len >= STEP ? STEP : len >= LARGE ? PAGE : PART_UNIT;
}

static void insert_gap(size_t at, struct gap gap)
{
    (void)vec_push(&range.gaps);
    memmove(range.gaps.v + at + 1, range.gaps.v + at,
            (range.gaps.n - 1 - at) * sizeof *range.gaps.v);
    range.gaps.v[at] = gap;
}

static void remove_gap(size_t at)
{
    range.gaps.n--;
    memmove(range.gaps.v + at, range.gaps.v + at + 1, (range.gaps.n - at) * sizeof *range.gaps.v);
}

/* Frees [start, end) of the places, which may be empty. */
static void give_back(uint64_t start, uint64_t end)
{
    size_t low = 0, high = range.gaps.n;
    if (start == end)
        return;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (range.gaps.v[middle].start < start)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < range.gaps.n && range.gaps.v[low].start == end) {
        end = range.gaps.v[low].end;
        remove_gap(low);
    }
    if (low > 0 && range.gaps.v[low - 1].end == start) {
        start = range.gaps.v[low - 1].start;
        remove_gap(--low);
    }
    if (end == range.top)
        range.top = start;
    else
        insert_gap(low, (struct gap){start, end});
}

/* The first gap that is large enough, or the end; 0 when there is no room. */
static uint64_t take(uint64_t len)
{
    uint64_t align = alignment(len);
    for (size_t i = 0; i < range.gaps.n; i++) {
        struct gap gap = range.gaps.v[i];
        uint64_t start = (gap.start + align - 1) & ~(align - 1);
        if (start > gap.end || gap.end - start < len)
            continue;
        remove_gap(i);
        give_back(start + len, gap.end);
        give_back(gap.start, start);
        return start;
    }
    uint64_t before = range.top, start = (before + align - 1) & ~(align - 1);
    if (start > range.size || range.size - start < len || !make_writable(start + len))
        return 0;
    range.top = start + len;
    give_back(before, start);
    return start;
}

struct part *part_new(void)
{
    struct part *part = xcalloc(1, sizeof *part);
    part->users = 1;
    diags_init(&part->notes);
    return part;
}

uint8_t *part_place(struct part *part, uint64_t len)
{
    uint8_t *base = (uint8_t *)(uintptr_t)part_base();
    pthread_mutex_lock(&range.mutex);
    uint64_t start = len ? take(len) : 0;
    if (start)
        range.used += len;
    pthread_mutex_unlock(&range.mutex);
    if (!start)
        return NULL;
    part->start = (uint32_t)(start / PART_UNIT);
    part->len = len;
    /* Random access to big tables misses the TLB on every probe otherwise; only a hint. */
    if (len >= STEP)
        (void)madvise(base + start, len, MADV_HUGEPAGE);
    return base + start;
}

/* The pages that are a large part's alone: it begins on one. */
static uint64_t own_pages(const struct part *part)
{
    return part->len >= LARGE ? part->len & ~(uint64_t)(PAGE - 1) : 0;
}

static uint8_t *bytes_of(const struct part *part)
{
    return range.base + (uint64_t)part->start * PART_UNIT;
}

void part_seal(struct part *part)
{
    if (!own_pages(part))
        return;
    pthread_mutex_lock(&range.mutex);
    part->sealed = range.n_sealed < PART_SEALED_MAX &&
                   mprotect(bytes_of(part), own_pages(part), PROT_READ) == 0;
    range.n_sealed += part->sealed;
    pthread_mutex_unlock(&range.mutex);
}

/* Whether its pages can be written again. */
static bool unseal(const struct part *part)
{
    if (!part->sealed)
        return true;
    if (mprotect(bytes_of(part), own_pages(part), PROT_READ | PROT_WRITE) != 0)
        return false;
    range.n_sealed--;
    return true;
}

struct part *part_use(struct part *part)
{
    pthread_mutex_lock(&range.mutex);
    part->users++;
    pthread_mutex_unlock(&range.mutex);
    return part;
}

static void vacate(const struct part *part)
{
    uint64_t start = (uint64_t)part->start * PART_UNIT, own = own_pages(part);
    if (part->len == 0)
        return;
    range.used -= part->len;
    if (!unseal(part)) /* then nobody gets the place again: writing there would be the end */
        return;
    if (own)
        (void)madvise(range.base + start, own, MADV_DONTNEED);
    give_back(start, start + part->len);
}

void part_release(struct part *part)
{
    if (!part)
        return;
    pthread_mutex_lock(&range.mutex);
    bool last = --part->users == 0;
    if (last)
        vacate(part);
    pthread_mutex_unlock(&range.mutex);
    if (!last)
        return;
    free(part->places);
    diags_free(&part->notes);
    free(part);
}

uint64_t part_bytes(void)
{
    pthread_mutex_lock(&range.mutex);
    uint64_t used = range.used;
    pthread_mutex_unlock(&range.mutex);
    return used;
}
