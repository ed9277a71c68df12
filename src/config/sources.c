/* SPDX-License-Identifier: Apache-2.0
 * Which files a configuration was read from, and whether they are still the same. */
#include "config/sources.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/give_way.h"
#include "base/hash.h"
#include "config/config.h"
#include "config/zone_files.h"

#include <stdlib.h>
#include <sys/stat.h>

#define DIGEST_PIECE (256u << 10) /* some 30 us */
#define REREAD_MAX (1u << 30)

static bool look_at(struct source *source)
{
    struct stat st;
    if (stat(source->path, &st) != 0)
        return false;
    source->size = (uint64_t)st.st_size;
    source->inode = st.st_ino;
    source->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    source->ctime_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
    return true;
}

struct source *sources_add(struct load *load, const char *path)
{
    struct source *source = vec_push(&load->sources);
    source->path = arena_strdup(load->arena, path);
    (void)look_at(source); /* one that is not there fails when it is read */
    return source;
}

static uint64_t add_digest(uint64_t hash, uint64_t digest)
{
    return hash_mix(hash ^ HASH_K0, digest ^ HASH_K1);
}

uint64_t source_digest(struct slice content)
{
    uint64_t digest = 0;
    for (size_t at = 0; at < content.n; at += DIGEST_PIECE) {
        size_t left = content.n - at;
        uint32_t n = left < DIGEST_PIECE ? (uint32_t)left : DIGEST_PIECE;
        digest = add_digest(digest, hash_bytes(0, content.p + at, n));
        give_way_pause();
    }
    return digest;
}

void sources_finish(struct load *load)
{
    struct model *m = load->model;
    m->n_sources = (uint32_t)load->sources.n;
    for (uint32_t i = 0; i < m->n_sources; i++)
        m->file_hash = add_digest(m->file_hash, load->sources.v[i].digest);
    m->sources = vec_to_arena(&load->sources, load->arena);
}

/* The kernel's clock for files ticks every few milliseconds: one that changed just before it was
 * read may have changed once more in the same tick. */
#define TICK_MS 20

static bool is_same(const struct source *then, const struct source *now, int64_t loaded_wall_ms)
{
    return now->size == then->size && now->inode == then->inode &&
           now->mtime_ns == then->mtime_ns && now->ctime_ns == then->ctime_ns &&
           then->ctime_ns / 1000000 < loaded_wall_ms - TICK_MS;
}

bool source_unchanged(const struct source *then, int64_t loaded_wall_ms)
{
    struct source now = *then;
    return look_at(&now) && is_same(then, &now, loaded_wall_ms);
}

/* Looking at the disk again */

/** A source as it was read at a look. */
struct seen {
    struct source source;
    int64_t read_wall_ms; /* 0: never */
};

struct disk_memory {
    struct seen *seen; /* one for each source of the model */
};

void disk_memory_free(struct disk_memory *memory)
{
    if (memory)
        free(memory->seen);
    free(memory);
}

/** Reads what differs from the load, and remembers it. */
static uint64_t read_again(struct seen *seen, const struct source *now)
{
    if (seen->read_wall_ms && is_same(&seen->source, now, seen->read_wall_ms))
        return seen->source.digest;
    struct arena *arena = arena_new();
    struct slice text;
    *seen = (struct seen){*now, clock_wall_ms()};
    if (file_read(&text, arena, now->path, REREAD_MAX) == 0)
        seen->source.digest = source_digest(text);
    else
        *seen = (struct seen){0};
    arena_free(arena);
    return seen->source.digest;
}

/** The digest of a source as it is now; 0 when it is gone, which no content gives but by chance. */
static uint64_t digest_now(const struct source *then, int64_t loaded_wall_ms, struct seen *seen)
{
    struct source now = *then;
    if (!look_at(&now))
        return 0;
    if (now.directory)
        return zone_files_digest(&now.digest, now.path) ? now.digest : 0;
    return is_same(then, &now, loaded_wall_ms) ? then->digest : read_again(seen, &now);
}

int config_disk_hash(uint64_t *hash, const struct model *model, struct disk_memory **memory)
{
    struct source main_file = {.path = model->path};
    *hash = 0;
    if (!look_at(&main_file))
        return E_SYSTEM;
    if (!*memory) {
        *memory = xcalloc(1, sizeof **memory);
        (*memory)->seen = xcalloc(model->n_sources + 1, sizeof(struct seen));
    }
    for (uint32_t i = 0; i < model->n_sources; i++)
        *hash = add_digest(*hash, digest_now(&model->sources[i], model->loaded_wall_ms,
                                             &(*memory)->seen[i]));
    return 0;
}
