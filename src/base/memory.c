/* SPDX-License-Identifier: Apache-2.0
 * Room for more memory. */
#include "base/memory.h"

#include "base/arena.h"
#include "base/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NO_LIMIT UINT64_MAX
#define V1_UNLIMITED (UINT64_C(1) << 60) /* version 1 says a very large number */
#define PATH_LEN 1024

struct look {
    const char *root;
    struct memory_room *out;
};

static void lower(struct look *look, uint64_t bytes, const char *fmt, ...) ATTR_PRINTF(3, 4);

static void lower(struct look *look, uint64_t bytes, const char *fmt, ...)
{
    va_list args;
    if (bytes >= look->out->bytes)
        return;
    look->out->bytes = bytes;
    va_start(args, fmt);
    vsnprintf(look->out->limit, sizeof look->out->limit, fmt, args);
    va_end(args);
}

/* A small file of the kernel's, which has no size: up to `max` - 1 bytes. False when it is not
 * there. */
static bool read_text(const struct look *look, const char *path, char *text, size_t max)
{
    char full[PATH_LEN];
    snprintf(full, sizeof full, "%s%s", look->root, path);
    FILE *file = fopen(full, "re");
    if (!file)
        return false;
    size_t n = fread(text, 1, max - 1, file);
    text[n] = '\0';
    fclose(file);
    return n > 0;
}

/* The number behind `key` at the start of a line; 0 when it is not there. */
static uint64_t number_of(const char *text, const char *key)
{
    size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0 && strchr(": \t", line[n]))
            return strtoull(line + n + strspn(line + n, ": \t"), NULL, 10);
        if (*line == '\0')
            break;
    }
    return 0;
}

static bool read_number(const struct look *look, const char *path, uint64_t *out)
{
    char text[64], *end;
    if (!read_text(look, path, text, sizeof text))
        return false;
    *out = strtoull(text, &end, 10);
    return end != text; /* "max" */
}

/* --- the machine --- */

static void look_at_machine(struct look *look)
{
    char text[4096];
    uint64_t kb =
        read_text(look, "/proc/meminfo", text, sizeof text) ? number_of(text, "MemAvailable") : 0;
    if (kb > 0)
        lower(look, kb * 1024, "MemAvailable of this machine");
}

/* --- control groups --- */

struct hierarchy {
    const char *mount, *max, *current, *inactive, *active; /* the last two in memory.stat */
};

static const struct hierarchy version2 = {"/sys/fs/cgroup", "memory.max", "memory.current",
                                          "inactive_file", "active_file"};
static const struct hierarchy version1 = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                                          "memory.usage_in_bytes", "total_inactive_file",
                                          "total_active_file"};

static void look_at_group(struct look *look, const struct hierarchy *h, const char *group)
{
    char path[PATH_LEN], text[8192];
    uint64_t max, current;
    snprintf(path, sizeof path, "%s%s/%s", h->mount, group, h->max);
    if (!read_number(look, path, &max) || max >= V1_UNLIMITED)
        return;
    snprintf(path, sizeof path, "%s%s/%s", h->mount, group, h->current);
    if (!read_number(look, path, &current))
        return;
    snprintf(path, sizeof path, "%s%s/memory.stat", h->mount, group);
    uint64_t files = read_text(look, path, text, sizeof text)
                         ? number_of(text, h->inactive) + number_of(text, h->active)
                         : 0;
    uint64_t used = current > files ? current - files : 0;
    lower(look, max > used ? max - used : 0, "%s of the control group %s", h->max,
          *group ? group : "/");
}

/* From the group of this process up to the root; within a container the path may be one of the
 * outside, of which only the root is there. */
static void look_at_groups(struct look *look, const struct hierarchy *h, char *group)
{
    for (;;) {
        char *slash = strrchr(group, '/');
        if (slash && slash[1] == '\0')
            *slash = '\0';
        look_at_group(look, h, group);
        slash = strrchr(group, '/');
        if (!slash)
            return;
        *slash = '\0';
    }
}

/* "0::/x" is version 2; "4:memory:/x" and "4:cpu,memory:/x" are version 1. */
static const struct hierarchy *hierarchy_of(const char *line, const char **group)
{
    const char *controllers = strchr(line, ':');
    const char *colon = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!colon)
        return NULL;
    *group = colon + 1;
    if (colon == controllers + 1)
        return &version2;
    for (const char *p = controllers + 1; p < colon; p += strcspn(p, ",:") + 1)
        if (strcspn(p, ",:") == 6 && memcmp(p, "memory", 6) == 0)
            return &version1;
    return NULL;
}

static void look_at_all_groups(struct look *look)
{
    char text[8192], *rest = text, *line;
    if (!read_text(look, "/proc/self/cgroup", text, sizeof text))
        return;
    while ((line = strsep(&rest, "\n"))) {
        const char *group;
        const struct hierarchy *h = hierarchy_of(line, &group);
        if (h)
            look_at_groups(look, h, line + (group - line));
    }
}

/* --- limits of the process --- */

static void look_at_limits(struct look *look, uint64_t address_limit, uint64_t data_limit)
{
    char text[256];
    unsigned long long size = 0, data = 0;
    long page = sysconf(_SC_PAGESIZE);
    if (!read_text(look, "/proc/self/statm", text, sizeof text) ||
        sscanf(text, "%llu %*u %*u %*u %*u %llu", &size, &data) != 2)
        return;
    uint64_t used = size * (uint64_t)page, used_data = data * (uint64_t)page;
    if (address_limit != NO_LIMIT)
        lower(look, address_limit > used ? address_limit - used : 0,
              "RLIMIT_AS (ulimit -v) of %" PRIu64 " MB", address_limit >> 20);
    if (data_limit != NO_LIMIT)
        lower(look, data_limit > used_data ? data_limit - used_data : 0,
              "RLIMIT_DATA (ulimit -d) of %" PRIu64 " MB", data_limit >> 20);
}

void memory_look_at(struct memory_room *out, const char *root, uint64_t address_limit,
                    uint64_t data_limit)
{
    struct look look = {root, out};
    *out = (struct memory_room){.bytes = UINT64_MAX};
    look_at_machine(&look);
    look_at_all_groups(&look);
    look_at_limits(&look, address_limit, data_limit);
}

static uint64_t limit_of(int resource)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return NO_LIMIT;
    return limit.rlim_cur;
}

void memory_look(struct memory_room *out)
{
    memory_look_at(out, "", limit_of(RLIMIT_AS), limit_of(RLIMIT_DATA));
}
