/* SPDX-License-Identifier: Apache-2.0
 * The range of local ports, without those that are reserved. */
#include "l4/local_ports.h"

#include <stdbool.h>
#include <stdio.h>

#define FIRST_DELIVERED 32768
#define LAST_DELIVERED 60999

struct range {
    uint32_t first, last;
};

static bool is_sound(struct range r)
{
    return r.first >= 1 && r.first <= r.last && r.last <= UINT16_MAX;
}

static struct range range_of(const char *path)
{
    struct range r = {0};
    FILE *file = fopen(path, "re");
    if (file) {
        if (fscanf(file, "%5u %5u", &r.first, &r.last) != 2)
            r = (struct range){0};
        fclose(file);
    }
    return is_sound(r) ? r : (struct range){FIRST_DELIVERED, LAST_DELIVERED};
}

static uint32_t common(struct range a, struct range b)
{
    uint32_t first = a.first > b.first ? a.first : b.first;
    uint32_t last = a.last < b.last ? a.last : b.last;
    return first <= last ? last - first + 1 : 0;
}

/** The kernel writes them ascending, none twice: "80,1024-1030", or an empty line. */
static uint32_t reserved_of(const char *path, struct range range)
{
    uint32_t n = 0;
    struct range r = {0};
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    do {
        uint32_t before = r.last;
        if (fscanf(file, "%5u", &r.first) != 1)
            break;
        r.last = r.first;
        int c = getc(file);
        if (c == '-' && fscanf(file, "%5u", &r.last) == 1)
            c = getc(file);
        if (!is_sound(r) || r.first <= before)
            break;
        n += common(range, r);
        if (c != ',')
            break;
    } while (true);
    fclose(file);
    return n;
}

uint32_t local_ports_allowed(const char *range_path, const char *reserved_path)
{
    struct range range = range_of(range_path);
    uint32_t n = range.last - range.first + 1 - reserved_of(reserved_path, range);
    return n - n / 8;
}
