/* SPDX-License-Identifier: Apache-2.0
 * Speakers: what each is to have, and what the guard is to do there when loadstard cannot.
 *
 * What engines change in one turn of the loop is told together in the next. */
#include "anycast/anycast_thread_internal.h"

#include "anycast/spec_copy.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* ---- last wills ---- */

static void write_will(struct buf *out, const struct last_will *will)
{
    buf_printf(out, "%s\n", will->socket ? will->socket : "");
    buf_add(out, will->text.n ? (const char *)will->text.p : "", will->text.n);
    for (uint32_t i = 0; will->argv && will->argv[i]; i++)
        buf_printf(out, "\n%s", will->argv[i]);
    for (uint32_t k = 0; will->then && will->then[k]; k++)
        for (uint32_t i = 0; will->then[k][i]; i++)
            buf_printf(out, "%s%s", i ? "\n" : "\n\n", will->then[k][i]);
}

/** The guard is told what it does not know yet. */
static void tell_will(struct line_seat *line)
{
    struct last_will will = {0};
    struct buf text = {0};
    const bool some = speaker_line_will(line->line, &will);
    if (some)
        write_will(&text, &will);
    if (some ? !line->will || strcmp(line->will, text.p) != 0 : line->will != NULL) {
        if (!holds_will(line->thread->holds, line->number, some ? &will : NULL))
            log_warning(
                "speaker %s: the guard cannot keep what it takes to withdraw there: without "
                "loadstard its sessions have to end by themselves",
                line->config->name);
        free(line->will);
        line->will = some ? xstrdup(text.p) : NULL;
    }
    buf_free(&text);
}

/* ---- what is wanted ---- */

static void on_flush(uv_timer_t *timer)
{
    struct anycast_thread *t = timer->data;
    anycast_thread_flush(t);
    anycast_thread_close_ended(t);
    anycast_thread_look_for_the_end(t);
}

void anycast_thread_dirty(struct line_seat *line)
{
    struct anycast_thread *t = line->thread;
    line->is_dirty = true;
    if (!t->closing && !uv_is_active((uv_handle_t *)&t->flush))
        uv_timer_start(&t->flush, on_flush, 0, 0);
}

static uint64_t order_of(const struct set_seat *seat)
{
    return seat->nth; /* those that leave come last */
}

/** In the order of the configuration. */
static uint32_t seats_of(struct line_seat *line, struct set_seat **out)
{
    const struct anycast_thread *t = line->thread;
    uint32_t n = 0;
    for (size_t i = 0; i < t->seats.n; i++) {
        struct set_seat *seat = t->seats.v[i];
        if (seat->line != line || seat->has_ended || seat->waits ||
            set_engine_spec(seat->engine)->config->n_prefixes == 0)
            continue;
        uint32_t at = n++;
        for (; at > 0 && order_of(out[at - 1]) > order_of(seat); at--)
            out[at] = out[at - 1];
        out[at] = seat;
    }
    return n;
}

/** Of what is wanted: what it is of, held. That in force, unless some of it is not. */
static struct anycast_set *held_specs(struct line_seat *line, struct set_seat **seats,
                                      struct announcement *wanted, uint32_t n)
{
    bool all = true;
    for (uint32_t i = 0; i < n; i++)
        all &= set_engine_set(seats[i]->engine) == line->set && seats[i]->nth != MODEL_NONE;
    return all ? anycast_set_hold(line->set) : spec_copy(wanted, n, line->set);
}

/** Those that have no prefix any more are told by their absence. */
static void tell_empty(struct line_seat *line)
{
    const struct anycast_thread *t = line->thread;
    for (size_t i = 0; i < t->seats.n; i++)
        if (t->seats.v[i]->line == line && !t->seats.v[i]->has_ended &&
            set_engine_spec(t->seats.v[i]->engine)->config->n_prefixes == 0)
            set_engine_told(t->seats.v[i]->engine);
}

static void want(struct line_seat *line)
{
    struct set_seat **seats = xcalloc(line->thread->seats.n, sizeof(struct set_seat *));
    uint32_t n = seats_of(line, seats);
    struct announcement *wanted = xcalloc(n, sizeof *wanted);
    for (uint32_t i = 0; i < n; i++)
        set_engine_announcement(seats[i]->engine, &wanted[i]);
    struct anycast_set *held = held_specs(line, seats, wanted, n);
    speaker_line_want(line->line, &(struct announcements){wanted, n, 0}, held);
    anycast_set_release(held);
    line->is_dirty = false;
    tell_will(line);
    for (uint32_t i = 0; i < n; i++)
        set_engine_told(seats[i]->engine);
    tell_empty(line);
    free(wanted);
    free(seats);
}

void anycast_thread_flush(struct anycast_thread *t)
{
    for (size_t i = 0; i < t->lines.n; i++)
        if (t->lines.v[i]->is_dirty)
            want(t->lines.v[i]);
}

/* ---- what a speaker says ---- */

/** Engines adopt what it has before it is told what it is to have. */
static void on_changed(void *ctx, struct speaker_line *of)
{
    struct line_seat *line = ctx;
    struct anycast_thread *t = line->thread;
    (void)of;
    if (t->closing)
        return;
    for (size_t i = 0; i < t->seats.n; i++)
        if (t->seats.v[i]->line == line)
            set_engine_look(t->seats.v[i]->engine);
    anycast_thread_flush(t);
    tell_will(line);
    line->is_changed = true;
    anycast_thread_give_soon(t);
    anycast_thread_look_for_the_end(t);
}

struct speaker_view *anycast_thread_view_line(struct line_seat *line)
{
    struct arena *arena = arena_new();
    struct speaker_view *view = arena_calloc(arena, 1, sizeof *view);
    *view = (struct speaker_view){.n_holds = 1,
                                  .arena = arena,
                                  .version = ++line->thread->n_views,
                                  .set = anycast_set_hold(line->set),
                                  .config = line->config,
                                  .status = *speaker_line_status(line->line)};
    return view;
}

/* ---- which there are ---- */

struct line_seat *anycast_thread_find_line(struct anycast_thread *t, const struct speaker *config)
{
    for (size_t i = 0; i < t->lines.n; i++)
        if (t->lines.v[i]->config->type == config->type &&
            strcmp(t->lines.v[i]->config->name, config->name) == 0)
            return t->lines.v[i];
    return NULL;
}

static uint32_t free_number(const struct anycast_thread *t)
{
    uint32_t number = 0;
    for (size_t i = 0; i < t->lines.n; i++) {
        if (t->lines.v[i]->number != number)
            continue;
        number++;
        i = SIZE_MAX; /* from the beginning */
    }
    return number;
}

static void open_line(struct anycast_thread *t, struct anycast_set *set,
                      const struct speaker *config)
{
    struct line_seat *line = xcalloc(1, sizeof *line);
    *line = (struct line_seat){.thread = t,
                               .set = anycast_set_hold(set),
                               .config = config,
                               .number = free_number(t),
                               .is_dirty = true,
                               .is_changed = true};
    const struct speaker_line_host host = {
        .drive = t->drive, .node = t->node, .ctx = line, .changed = on_changed};
    *vec_push(&t->lines) = line;
    line->line = speaker_line_open(&host, speaker_ops(config->type), config, set);
}

void anycast_thread_take_speakers(struct anycast_thread *t, struct anycast_set *set)
{
    for (size_t i = 0; i < t->lines.n; i++)
        t->lines.v[i]->leaving = true;
    for (uint32_t i = 0; set && i < set->n_speakers; i++) {
        struct line_seat *line = anycast_thread_find_line(t, &set->speakers[i]);
        if (!line) {
            open_line(t, set, &set->speakers[i]);
            continue;
        }
        struct anycast_set *before = line->set;
        line->leaving = false;
        line->quiet_ms = 0;
        line->set = anycast_set_hold(set);
        line->config = &set->speakers[i];
        line->is_changed = line->is_dirty = true;
        speaker_line_respecify(line->line, line->config, set);
        anycast_set_release(before);
    }
    anycast_thread_give_soon(t);
}

static bool has_seats(const struct line_seat *line)
{
    const struct anycast_thread *t = line->thread;
    for (size_t i = 0; i < t->seats.n; i++)
        if (t->seats.v[i]->line == line)
            return true;
    return false;
}

void anycast_thread_close_lines(struct anycast_thread *t)
{
    const int64_t now_ms = clock_mono_ms();
    size_t n = 0;
    for (size_t i = 0; i < t->lines.n; i++) {
        struct line_seat *line = t->lines.v[i];
        const bool goes = line->leaving && !has_seats(line);
        if (goes && !line->quiet_ms)
            line->quiet_ms = now_ms;
        if (goes && !line->is_dirty &&
            (speaker_line_settled(line->line) || now_ms >= line->quiet_ms + SET_ENGINE_SETTLE_MS))
            anycast_thread_close_line(line);
        else
            t->lines.v[n++] = line;
    }
    t->lines.n = n;
}

void anycast_thread_close_line(struct line_seat *line)
{
    if (line->will && !line->thread->unseen)
        holds_will(line->thread->holds, line->number, NULL);
    speaker_line_close(line->line);
    anycast_set_release(line->set);
    free(line->will);
    free(line);
}
