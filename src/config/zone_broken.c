/* SPDX-License-Identifier: Apache-2.0
 * Whose zone a broken file is, and which zones are served beside it. */
#include "config/zone_broken.h"

#include "base/strmap.h"
#include "dns/name.h"
#include "model/broken.h"

#include <fcntl.h>
#include <strings.h>
#include <unistd.h>

#define LOOKED_AT (64u << 10) /* bytes of a file, whose size may be what is wrong with it */
#define SPACE " \t\r\n"

/* A name that is likely to be a zone's: not the root, which would be everything. */
static struct slice name_of(struct arena *arena, const char *text, size_t n, bool dotted)
{
    static const char usual[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    uint8_t wire[NAME_WIRE_MAX];
    if (strspn(text, usual) < n || (dotted && !memchr(text, '.', n)))
        return (struct slice){0};
    int len = name_from_text(wire, text, n, slice_of("", 1));
    if (len < 2)
        return (struct slice){0};
    name_lower(wire, slice_of(wire, (size_t)len));
    return slice_of(arena_copy(arena, wire, (size_t)len), (size_t)len);
}

/* The first line that begins with `key`; its value without blanks and quotes. */
static struct slice from_text(struct arena *arena, const char *text, const char *key)
{
    size_t key_len = strlen(key);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncasecmp(line, key, key_len) != 0)
            continue;
        const char *value = line + key_len;
        value += strspn(value, " \t");
        value += *value == '"' || *value == '\'';
        struct slice name = name_of(arena, value, strcspn(value, SPACE "\"';#"), false);
        if (name.n > 0)
            return name;
    }
    return (struct slice){0};
}

/* example.com.zone, example.com.yaml: example.com. */
static struct slice from_path(struct arena *arena, const char *path, bool dotted)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return dot ? name_of(arena, name, (size_t)(dot - name), dotted) : (struct slice){0};
}

static const char *read_head(struct arena *arena, const char *path)
{
    char *text = arena_alloc(arena, LOOKED_AT + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, LOOKED_AT);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

struct slice zone_guess_origin(struct arena *arena, const char *path)
{
    struct arena *scratch = arena_new();
    const char *dot = strrchr(path, '.'), *text = read_head(scratch, path);
    bool yaml = !dot || strcmp(dot, ".zone") != 0;
    struct slice name = {0};
    if (yaml)
        name = from_text(arena, text, "zone:");
    if (name.n == 0)
        name = from_path(arena, path, true);
    if (name.n == 0 && !yaml)
        name = from_text(arena, text, "$ORIGIN");
    if (name.n == 0)
        name = from_path(arena, path, false);
    arena_free(scratch);
    return name;
}

/* Two files for one zone: a broken one gives way; of two that can be read nobody knows which one
 * is meant. */
static void refuse_repeated(struct load *load, struct zone *zones, uint32_t n)
{
    struct strmap seen = {0};
    char name[NAME_TEXT_MAX];
    for (uint32_t i = 0; i < n; i++) {
        uint32_t first = zones[i].origin.n ? strmap_add(&seen, zones[i].origin, i) : i;
        if (first == i)
            continue;
        /* The map's key is the first one's origin, which stays where it is. */
        if (zones[first].broken && !zones[i].broken) {
            struct zone other = zones[first];
            zones[first] = zones[i];
            zones[i] = other;
        } else if (!zones[first].broken && !zones[i].broken) {
            zone_break(load->arena, &zones[first], zones[first].span,
                       "zone %s is given twice, again at %s:%u:%u",
                       name_to_text(name, zones[i].origin), zones[i].span.file, zones[i].span.line,
                       zones[i].span.column);
        }
        zone_break(load->arena, &zones[i], zones[i].span,
                   "zone %s is given twice, first at %s:%u:%u", name_to_text(name, zones[i].origin),
                   zones[first].span.file, zones[first].span.line, zones[first].span.column);
        zones[i].origin = (struct slice){0};
    }
    strmap_free(&seen);
}

uint32_t zones_set_aside(struct load *load, struct zone *zones, uint32_t n)
{
    uint32_t kept = 0;
    struct zone *unnamed = arena_calloc(load->arena, n, sizeof *unnamed);
    refuse_repeated(load, zones, n);
    for (uint32_t i = 0; i < n; i++) {
        if (zones[i].origin.n)
            zones[kept++] = zones[i];
        else
            unnamed[load->model->n_unnamed++] = zones[i];
    }
    load->model->unnamed = unnamed;
    return kept;
}
