/* SPDX-License-Identifier: Apache-2.0
 * Errors with their positions. */
#include "base/diag.h"

#include "base/escape.h"
#include "base/excerpt.h"
#include "base/log.h"
#include "base/strmap.h"
#include "base/vec.h"

void diags_init(struct diags *diags)
{
    *diags = (struct diags){.arena = arena_new()};
}

void diags_free(struct diags *diags)
{
    arena_free(diags->arena);
    free(diags->v);
    *diags = (struct diags){0};
}

static struct span copy_span(const struct diags *diags, struct span span)
{
    span.file = span.file ? arena_strdup(diags->arena, span.file) : NULL;
    return span;
}

static void ATTR_PRINTF(4, 0) add(struct diags *diags, enum diag_severity severity,
                                  struct span span, const char *fmt, va_list args)
{
    struct diag *d = vec_push(diags);
    d->severity = severity;
    d->span = copy_span(diags, span);
    d->text = escape_in(diags->arena, arena_vprintf(diags->arena, fmt, args));
}

void diag_error(struct diags *diags, struct span span, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(diags, DIAG_ERROR, span, fmt, args);
    va_end(args);
    diags->n_errors++;
}

void diag_warning(struct diags *diags, struct span span, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(diags, DIAG_WARNING, span, fmt, args);
    va_end(args);
    diags->n_warnings++;
}

void diag_also(struct diags *diags, struct span span, const char *text)
{
    struct diag *d = &diags->v[diags->n - 1];
    d->also = copy_span(diags, span);
    d->also_text = arena_strdup(diags->arena, text);
}

void diags_append(struct diags *to, const struct diags *from)
{
    for (size_t i = 0; i < from->n; i++) {
        const struct diag *d = &from->v[i];
        if (d->severity == DIAG_ERROR)
            diag_error(to, d->span, "%s", d->text);
        else
            diag_warning(to, d->span, "%s", d->text);
        if (d->also.line)
            diag_also(to, d->also, d->also_text);
    }
}

const char *diag_text(struct arena *arena, const struct diag *diag)
{
    const struct span *s = &diag->span;
    const char *severity = diag->severity == DIAG_WARNING ? "warning: " : "";
    if (!s->file)
        return arena_printf(arena, "%s%s", severity, diag->text);
    const char *file = escape_in(arena, s->file);
    if (!s->line)
        return arena_printf(arena, "%s: %s%s", file, severity, diag->text);
    if (!s->column)
        return arena_printf(arena, "%s:%u: %s%s", file, s->line, severity, diag->text);
    return arena_printf(arena, "%s:%u:%u: %s%s", file, s->line, s->column, severity, diag->text);
}

struct sort_key {
    uint32_t file, line, column; /* file: the index of the first diagnostic about it */
    uint32_t index;
};

static int compare_u32(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int compare_keys(const void *pa, const void *pb)
{
    const struct sort_key *a = pa, *b = pb;
    int c = compare_u32(a->file, b->file);
    if (!c)
        c = compare_u32(a->line, b->line);
    if (!c)
        c = compare_u32(a->column, b->column);
    return c ? c : compare_u32(a->index, b->index);
}

static struct sort_key *sorted(const struct diags *diags)
{
    struct sort_key *keys = xcalloc(diags->n, sizeof *keys);
    struct strmap files = {0};
    for (uint32_t i = 0; i < diags->n; i++) {
        const struct span *s = &diags->v[i].span;
        uint32_t file = strmap_add(&files, slice_str(s->file ? s->file : ""), i);
        keys[i] = (struct sort_key){file, s->line, s->column, i};
    }
    strmap_free(&files);
    qsort(keys, diags->n, sizeof *keys, compare_keys);
    return keys;
}

static void print_all(const struct diags *diags, FILE *out, bool lines)
{
    struct arena *scratch = arena_new();
    struct sort_key *keys = sorted(diags);
    for (size_t i = 0; i < diags->n; i++) {
        const struct diag *d = &diags->v[keys[i].index];
        fprintf(out, "%s\n", diag_text(scratch, d));
        if (lines)
            excerpt_print(out, d->span, "");
        if (lines && d->also.line)
            excerpt_print(out, d->also, d->also_text);
    }
    free(keys);
    arena_free(scratch);
}

void diags_print(const struct diags *diags, FILE *out)
{
    print_all(diags, out, false);
}

void diags_show(const struct diags *diags, FILE *out)
{
    print_all(diags, out, true);
}

void diags_log(const struct diags *diags)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < diags->n; i++) {
        struct diag d = diags->v[i];
        enum log_level level = d.severity == DIAG_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING;
        d.severity = DIAG_ERROR; /* the line's level says it, once */
        log_line(level, "%s", diag_text(arena, &d));
    }
    arena_free(arena);
}
