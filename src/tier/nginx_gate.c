/* SPDX-License-Identifier: Apache-2.0
 * Turns and reloads of the tiers of one nginx. */
#include "tier/nginx_gate.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define GATHER_MS 1000 /* how long a reload waits for others that are about to test */

enum place { PLACE_NONE, PLACE_QUEUE, PLACE_TURN, PLACE_WAITS, PLACE_RIDES };

struct nginx_gate {
    struct nginx_gate *next;
    struct nginx_gates *gates;
    struct buf key; /* its arguments, each with its NUL */
    uint32_t n_guests;
    struct nginx_guest *all;
    struct nginx_guest *queue; /* for a turn, the first first */
    struct nginx_guest *turn;  /* who has it */
    struct nginx_guest *waits; /* for the next reload */
    struct nginx_guest *rides; /* with the one that runs */
    struct command *command;   /* NULL: none runs */
    uv_timer_t *timer;
    int64_t ready_ms, waits_since_ms; /* monotonic */
    uint32_t interval_ms;             /* the longest of who waits */
};

struct nginx_gates {
    struct drive *drive;
    struct nginx_gate *first;
};

unsigned nginx_line_rank(const char *line)
{
    static const struct {
        const char *level;
        unsigned rank;
    } of[] = {{"[notice]", 0}, {"[warn]", 0}, {"[alert]", 2},
              {"[error]", 3},  {"[crit]", 4}, {"[emerg]", 4}};
    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        if (strstr(line, of[i].level))
            return of[i].rank;
    }
    return 1;
}

static void append(struct nginx_guest **list, struct nginx_guest *guest, enum place place)
{
    while (*list)
        list = &(*list)->next;
    guest->next = NULL;
    guest->place = (uint8_t)place;
    *list = guest;
}

static void take_out(struct nginx_guest **list, struct nginx_guest *guest)
{
    while (*list && *list != guest)
        list = &(*list)->next;
    if (*list)
        *list = guest->next;
    guest->next = NULL;
    guest->place = PLACE_NONE;
}

static void step(uv_timer_t *timer);
static void release(struct nginx_gate *gate);

static void arm(struct nginx_gate *gate, int64_t delay_ms)
{
    uv_timer_start(gate->timer, step, delay_ms > 0 ? (uint64_t)delay_ms : 0, 0);
}

/* --- reloads --- */

static void on_reloaded(void *ctx, const struct command_result *result)
{
    struct nginx_gate *gate = ctx;
    struct nginx_guest *guest;
    gate->command = NULL;
    gate->n_guests++; /* who is told may leave, the last one too */
    while ((guest = gate->rides)) {
        take_out(&gate->rides, guest);
        guest->reloaded(guest->ctx, result);
    }
    arm(gate, 0);
    release(gate);
}

static void reload(struct nginx_gate *gate, int64_t now_ms)
{
    struct command_spec spec = {
        .argv = gate->waits->argv, .timeout_ms = NGINX_COMMAND_MS, .rank = nginx_line_rank};
    gate->ready_ms = now_ms + gate->interval_ms;
    gate->interval_ms = 0;
    gate->rides = gate->waits;
    gate->waits = NULL;
    for (struct nginx_guest *g = gate->rides; g; g = g->next)
        g->place = PLACE_RIDES;
    gate->command = command_run(gate->gates->drive, &spec, on_reloaded, gate);
}

/* Who is about to test comes along, unless that takes long. */
static int64_t reload_at_ms(const struct nginx_gate *gate, int64_t now_ms)
{
    int64_t at_ms = gate->ready_ms;
    if ((gate->turn || gate->queue) && gate->waits_since_ms + GATHER_MS > at_ms)
        at_ms = gate->waits_since_ms + GATHER_MS;
    return at_ms > now_ms ? at_ms : now_ms;
}

static void step(uv_timer_t *timer)
{
    struct nginx_gate *gate = timer->data;
    int64_t now_ms = clock_mono_ms();
    if (gate->waits && !gate->command) {
        int64_t at_ms = reload_at_ms(gate, now_ms);
        if (at_ms <= now_ms)
            reload(gate, now_ms);
        else
            arm(gate, at_ms - now_ms);
    }
    if (!gate->turn && gate->queue) {
        struct nginx_guest *guest = gate->queue;
        take_out(&gate->queue, guest);
        guest->place = PLACE_TURN;
        gate->turn = guest;
        guest->turn(guest->ctx);
    }
}

/* --- guests --- */

void nginx_gate_enter(struct nginx_guest *guest)
{
    append(&guest->gate->queue, guest, PLACE_QUEUE);
    arm(guest->gate, 0);
}

void nginx_gate_pass(struct nginx_guest *guest)
{
    guest->gate->turn = NULL;
    guest->place = PLACE_NONE;
    arm(guest->gate, 0);
}

void nginx_gate_reload(struct nginx_guest *guest)
{
    struct nginx_gate *gate = guest->gate;
    if (!gate->waits)
        gate->waits_since_ms = clock_mono_ms();
    if (gate->interval_ms < guest->interval_ms)
        gate->interval_ms = guest->interval_ms;
    append(&gate->waits, guest, PLACE_WAITS);
    arm(gate, 0);
}

bool nginx_gate_lacks(const struct nginx_guest *guest, int64_t since_ms)
{
    for (const struct nginx_guest *g = guest->gate->all; g; g = g->next_here) {
        if (g != guest && g->is_new && g->tested_ms < since_ms)
            return true;
    }
    return false;
}

int64_t nginx_gate_ready_ms(const struct nginx_guest *guest)
{
    return guest->gate->ready_ms;
}

/* --- gates --- */

static struct nginx_gate *gate_new(struct nginx_gates *gates, const struct buf *key)
{
    struct nginx_gate *gate = xcalloc(1, sizeof *gate);
    gate->gates = gates;
    gate->key = *key;
    gate->timer = xcalloc(1, sizeof *gate->timer);
    uv_timer_init(drive_loop(gates->drive), gate->timer);
    gate->timer->data = gate;
    gate->next = gates->first;
    gates->first = gate;
    return gate;
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

/* One guest less. */
static void release(struct nginx_gate *gate)
{
    if (--gate->n_guests > 0)
        return;
    struct nginx_gate **at = &gate->gates->first;
    while (*at != gate)
        at = &(*at)->next;
    *at = gate->next;
    if (gate->command)
        command_cancel(gate->command);
    uv_timer_stop(gate->timer);
    uv_close((uv_handle_t *)gate->timer, free_handle);
    buf_free(&gate->key);
    free(gate);
}

void nginx_gate_join(struct nginx_guest *guest, struct nginx_gates *gates, const char *const *argv,
                     uint32_t interval_ms)
{
    struct buf key = {0};
    for (size_t i = 0; argv[i]; i++)
        buf_add(&key, argv[i], strlen(argv[i]) + 1);
    struct nginx_gate *gate = gates->first;
    while (gate && !(gate->key.n == key.n && memcmp(gate->key.p, key.p, key.n) == 0))
        gate = gate->next;
    if (gate)
        buf_free(&key);
    else
        gate = gate_new(gates, &key);
    gate->n_guests++;
    guest->next_here = gate->all;
    gate->all = guest;
    guest->gate = gate;
    guest->argv = argv;
    guest->interval_ms = interval_ms;
}

void nginx_gate_leave(struct nginx_guest *guest)
{
    struct nginx_gate *gate = guest->gate;
    switch ((enum place)guest->place) {
    case PLACE_NONE:
        break;
    case PLACE_QUEUE:
        take_out(&gate->queue, guest);
        break;
    case PLACE_TURN:
        nginx_gate_pass(guest);
        break;
    case PLACE_WAITS:
        take_out(&gate->waits, guest);
        break;
    case PLACE_RIDES:
        take_out(&gate->rides, guest);
        break;
    }
    struct nginx_guest **at = &gate->all;
    while (*at != guest)
        at = &(*at)->next_here;
    *at = guest->next_here;
    guest->gate = NULL;
    release(gate);
}

struct nginx_gates *nginx_gates_new(struct drive *drive)
{
    struct nginx_gates *gates = xcalloc(1, sizeof *gates);
    gates->drive = drive;
    return gates;
}

void nginx_gates_free(struct nginx_gates *gates)
{
    free(gates);
}
