/* SPDX-License-Identifier: Apache-2.0
 * The file of sets. */
#include "l4/saved_sets.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strmap.h"
#include "control/json.h"
#include "l4/setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OTHERS_MAX                                                                 \
    256 /* sets that no service has any more, so that they do not grow without end \
         */

struct saved_sets {
    uv_loop_t *loop;
    char *path; /* NULL: nothing is kept */
    size_t max_b;
    VEC(struct member_set) others; /* as they were read, or have left: no set has asked for them */
    uv_work_t work;
    char *text;                   /* is being written */
    const struct set_table *next; /* is to be written then, as it is then; NULL: nothing */
    int error, failed;            /* of the last write; as it was logged */
    bool closing;
};

/* ---- reading ---- */

static void read_one(struct saved_sets *saved, const json_t *object)
{
    struct member_set set;
    char error[256];
    if (member_set_read(&set, object, error, sizeof error) == 0)
        *vec_push(&saved->others) = set;
    else
        log_warning("%s: a set of members is left out: %s", saved->path, error);
}

static void read_file(struct saved_sets *saved)
{
    struct arena *arena = arena_new();
    struct slice text;
    json_error_t bad;
    size_t i;
    const json_t *object;
    int code = file_read_own(&text, arena, saved->path, saved->max_b);
    json_t *root =
        code == 0 ? json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &bad) : NULL;
    if (code == 0 && !json_is_array(json_object_get(root, "sets")))
        log_warning("%s holds no sets of members: nothing is taken from it", saved->path);
    else if (code != 0 && !(code == E_SYSTEM && errno == ENOENT))
        log_warning("cannot read %s: %s", saved->path, file_error(code, "64M"));
    json_array_foreach(json_object_get(root, "sets"), i, object) read_one(saved, object);
    json_decref(root);
    arena_free(arena);
}

struct saved_sets *saved_sets_open(uv_loop_t *loop, const char *state_dir, size_t max_b)
{
    struct saved_sets *saved = xcalloc(1, sizeof *saved);
    saved->loop = loop;
    saved->max_b = max_b;
    saved->work.data = saved;
    if (state_dir) {
        size_t n = strlen(state_dir) + sizeof SAVED_FILE + 1;
        saved->path = xmalloc(n);
        snprintf(saved->path, n, "%s/%s", state_dir, SAVED_FILE);
        read_file(saved);
    }
    return saved;
}

/** Whether one of the table is told, and nothing is known of it. */
static bool is_wanted(const struct set_table *sets, const struct l4_config *config, uint32_t i)
{
    return i != MODEL_NONE && setup_is_told(&config->sets[i]) &&
           sets->v[i]->origin == SET_UNKNOWN && sets->v[i]->saved.version == 0;
}

void saved_sets_offer(struct saved_sets *saved, struct set_table *sets,
                      const struct l4_config *config)
{
    size_t kept = 0;
    for (size_t k = 0; k < saved->others.n; k++) {
        struct member_set *set = &saved->others.v[k];
        uint32_t i = set_table_find(sets, set->name);
        if (is_wanted(sets, config, i))
            sets->v[i]->saved = *set;
        else
            saved->others.v[kept++] = *set;
    }
    saved->others.n = kept;
}

void saved_sets_adopt(struct set_table *sets)
{
    for (uint32_t i = 0; i < sets->n; i++)
        if (work_set_adopt(sets->v[i]))
            log_notice("%s: %u members as loadstard told them last, until it does again",
                       sets->v[i]->name, sets->v[i]->now.n);
}

/* ---- what leaves the configuration ---- */

/** What loadstard told of a set last; NULL: nothing. */
static struct member_set *told_of(struct work_set *set)
{
    if (set->origin == SET_TOLD || set->origin == SET_SAVED)
        return &set->now;
    return set->saved.version > 0 ? &set->saved : NULL;
}

static void names_of_told(struct strmap *out, const struct l4_config *config)
{
    *out = (struct strmap){0};
    for (uint32_t i = 0; i < config->n_sets; i++)
        if (setup_is_told(&config->sets[i]))
            strmap_add(out, slice_str(config->sets[i].name), i);
}

static void forget(struct saved_sets *saved, size_t k)
{
    struct member_set *v = saved->others.v;
    member_set_free(&v[k]);
    memmove(v + k, v + k + 1, (--saved->others.n - k) * sizeof *v);
}

/** Takes over what `set` has: in place of what there is under its name, or of the oldest. */
static void keep(struct saved_sets *saved, struct member_set *set)
{
    for (size_t k = saved->others.n; k-- > 0;)
        if (strcmp(saved->others.v[k].name, set->name) == 0)
            forget(saved, k);
    if (saved->others.n == OTHERS_MAX)
        forget(saved, 0);
    *vec_push(&saved->others) = *set;
    *set = (struct member_set){0};
}

void saved_sets_keep(struct saved_sets *saved, struct set_table *sets, const struct l4_config *next)
{
    struct strmap told;
    names_of_told(&told, next);
    for (uint32_t i = 0; i < sets->n; i++) {
        struct member_set *set = told_of(sets->v[i]);
        if (!set || strmap_get(&told, slice_str(sets->v[i]->name)) != STRMAP_NONE)
            continue;
        snprintf(set->name, sizeof set->name, "%s", sets->v[i]->name);
        keep(saved, set);
    }
    strmap_free(&told);
}

/* ---- writing ---- */

static char *text_of(const struct saved_sets *saved, const struct set_table *sets, size_t *n)
{
    json_t *root = json_object(), *list = json_set_array(root, "sets");
    for (uint32_t i = 0; i < sets->n; i++)
        if (told_of(sets->v[i]))
            json_array_append_new(list, member_set_write(told_of(sets->v[i])));
    for (size_t k = 0; k < saved->others.n; k++)
        json_array_append_new(list, member_set_write(&saved->others.v[k]));
    char *text = json_print(root, JSON_COMPACT, n);
    json_decref(root);
    return text;
}

static void write_file(struct saved_sets *saved)
{
    saved->error =
        file_replace(saved->path, saved->text, strlen(saved->text), 0640) == 0 ? 0 : errno;
}

static void on_work(uv_work_t *work)
{
    write_file(work->data);
}

static void free_saved(struct saved_sets *saved)
{
    for (size_t k = 0; k < saved->others.n; k++)
        member_set_free(&saved->others.v[k]);
    vec_free(&saved->others);
    free(saved->path);
    free(saved);
}

static void note(struct saved_sets *saved, int error)
{
    if (error && error != saved->failed)
        log_warning("cannot save members to %s: %s", saved->path, strerror(error));
    saved->failed = error;
}

static void end_write(struct saved_sets *saved)
{
    free(saved->text);
    saved->text = NULL;
    note(saved, saved->error);
}

static void on_written(uv_work_t *work, int status)
{
    struct saved_sets *saved = work->data;
    const struct set_table *next = saved->next;
    (void)status;
    saved->next = NULL;
    end_write(saved);
    if (next)
        saved_sets_write(saved, next);
    if (saved->closing && !saved->text)
        free_saved(saved);
}

static void start(struct saved_sets *saved, char *text)
{
    saved->text = text;
    if (uv_queue_work(saved->loop, &saved->work, on_work, on_written) != 0) {
        write_file(saved); /* no thread is to be had */
        end_write(saved);
    }
}

/* Hundreds may be told in a moment: what comes while the file is written is one more text. */
void saved_sets_write(struct saved_sets *saved, const struct set_table *sets)
{
    size_t n;
    if (!saved->path)
        return;
    if (saved->text) {
        saved->next = sets;
        return;
    }
    char *text = text_of(saved, sets, &n);
    if (n > saved->max_b) { /* it could not be read back: what is there is better */
        free(text);
        note(saved, EFBIG);
    } else {
        start(saved, text);
    }
}

int saved_sets_error(const struct saved_sets *saved)
{
    return saved->failed;
}

void saved_sets_close(struct saved_sets *saved)
{
    if (!saved)
        return;
    saved->closing = true;
    if (!saved->text)
        free_saved(saved);
}
