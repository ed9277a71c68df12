/* SPDX-License-Identifier: Apache-2.0 */
#include "tier/haproxy_commands.h"

#include "base/escape.h"

#include <stdio.h>
#include <stdlib.h>

struct serving haproxy_shown(struct serving target)
{
    switch ((enum serves)target.serves) {
    case SERVES_READY:
        return target;
    case SERVES_DOWN:
        return (struct serving){.serves = SERVES_READY};
    case SERVES_DRAIN:
    case SERVES_GONE:
        return (struct serving){.serves = SERVES_DRAIN};
    case SERVES_MAINT:
        return (struct serving){.serves = SERVES_MAINT};
    case SERVES_UNKNOWN:
        break;
    }
    return (struct serving){.serves = SERVES_UNKNOWN};
}

/** What HAProxy makes of a percentage (server_parse_weight_change_request()): rounded down. */
static unsigned percent_of(unsigned initial, unsigned percent)
{
    unsigned weight = initial * percent / 100;
    return weight > TIER_WEIGHT_MAX ? TIER_WEIGHT_MAX : weight;
}

static uint16_t weight_seen(const struct haproxy_server *server, enum haproxy_scale scale,
                            struct serving target)
{
    if (scale == HAPROXY_ABSOLUTE || server->initial_weight == 0)
        return server->weight;
    struct serving shown = haproxy_shown(target);
    if (shown.serves == SERVES_READY &&
        percent_of(server->initial_weight, shown.weight) == server->weight)
        return shown.weight;
    unsigned percent =
        (server->weight * 100u + server->initial_weight - 1) / server->initial_weight;
    return (uint16_t)(percent > TIER_WEIGHT_MAX ? TIER_WEIGHT_MAX : percent);
}

struct serving haproxy_serving(const struct haproxy_server *server, enum haproxy_scale scale,
                               struct serving target)
{
    if (server->admin_state & HAPROXY_ADMIN_MAINT)
        return (struct serving){.serves = SERVES_MAINT};
    if (server->admin_state & HAPROXY_ADMIN_DRAIN)
        return (struct serving){.serves = SERVES_DRAIN};
    return (struct serving){.serves = SERVES_READY, .weight = weight_seen(server, scale, target)};
}

void haproxy_commands_free(struct haproxy_commands *commands)
{
    buf_free(&commands->text);
    vec_free(&commands->v);
}

static void add(struct haproxy_commands *commands, enum haproxy_command_kind kind, const char *fmt,
                ...) ATTR_PRINTF(3, 4);

static void add(struct haproxy_commands *commands, enum haproxy_command_kind kind, const char *fmt,
                ...)
{
    va_list args;
    size_t at = commands->text.n;
    va_start(args, fmt);
    buf_vprintf(&commands->text, fmt, args);
    va_end(args);
    *vec_push(&commands->v) = (struct haproxy_command){
        .at = (uint32_t)at, .n = (uint32_t)(commands->text.n - at), .kind = (uint8_t)kind};
    buf_puts(&commands->text, "\n");
}

static void tell_weight(struct haproxy_commands *commands, const char *name, unsigned weight)
{
    add(commands, HAPROXY_SET, "set weight %s/%s %u%s", commands->backend, name, weight,
        commands->scale == HAPROXY_PERCENT ? "%" : "");
}

static void tell_state(struct haproxy_commands *commands, const char *name, const char *state)
{
    add(commands, HAPROXY_SET, "set server %s/%s state %s", commands->backend, name, state);
}

static void tell_move(struct haproxy_commands *commands, const char *name, const struct ip *addr,
                      uint16_t port)
{
    char text[IP_TEXT_MAX];
    add(commands, HAPROXY_MOVE, "set server %s/%s addr %s port %u", commands->backend, name,
        ip_text(text, addr), port);
}

void haproxy_tell(struct haproxy_commands *commands, const char *name,
                  const struct haproxy_server *server, const struct ip *addr, uint16_t port,
                  struct serving target)
{
    struct serving shown = haproxy_shown(target);
    struct serving seen = {.serves = SERVES_UNKNOWN};
    if (server)
        seen = haproxy_serving(server, commands->scale, target);
    bool moves = server && (server->port != port || !ip_equal(&server->addr, addr));
    bool gets_clients = shown.serves == SERVES_READY && shown.weight > 0;
    if (moves && gets_clients)
        tell_move(commands, name, addr, port);
    /* What is in maintenance or drained shows no weight: it is told again. */
    if (shown.serves == SERVES_READY &&
        (seen.serves != SERVES_READY || seen.weight != shown.weight))
        tell_weight(commands, name, shown.weight);
    if (shown.serves != SERVES_UNKNOWN && shown.serves != seen.serves)
        tell_state(commands, name,
                   shown.serves == SERVES_READY   ? "ready"
                   : shown.serves == SERVES_DRAIN ? "drain"
                                                  : "maint");
    if (moves && !gets_clients)
        tell_move(commands, name, addr, port);
}

void haproxy_tell_add(struct haproxy_commands *commands, const char *name, const struct ip *addr,
                      uint16_t port)
{
    char text[IP_PORT_TEXT_MAX];
    add(commands, HAPROXY_ADD, "add server %s/%s %s weight %d", commands->backend, name,
        ip_port_text(text, addr, port), TIER_WEIGHT_FULL);
    tell_weight(commands, name, 0);
    tell_state(commands, name, "ready");
}

void haproxy_tell_remove(struct haproxy_commands *commands, const char *name, bool shuts)
{
    /* An agent that answers `ready` would take it out of maintenance before it is gone. */
    add(commands, HAPROXY_SET, "disable agent %s/%s", commands->backend, name);
    tell_state(commands, name, "maint");
    if (shuts)
        add(commands, HAPROXY_SET, "shutdown sessions server %s/%s", commands->backend, name);
    add(commands, HAPROXY_DELETE, "del server %s/%s", commands->backend, name);
}

void haproxy_tell_again(struct haproxy_commands *commands, const struct haproxy_commands *others,
                        const struct haproxy_command *command)
{
    add(commands, (enum haproxy_command_kind)command->kind, "%.*s", (int)command->n,
        others->text.p + command->at);
}

void haproxy_request(struct buf *out, const struct haproxy_commands *commands, size_t from,
                     size_t n)
{
    buf_puts(out, "prompt\n");
    if (n > 0) {
        const struct haproxy_command *first = &commands->v.v[from],
                                     *last = &commands->v.v[from + n - 1];
        buf_add(out, commands->text.p + first->at, last->at + last->n + 1 - first->at);
    }
    buf_puts(out, "show version\nquit\n");
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static enum haproxy_verdict judge(enum haproxy_command_kind kind, const char *said)
{
    if (begins(said, "Permission denied"))
        return HAPROXY_DENIED;
    if (begins(said, "No such server"))
        return kind == HAPROXY_DELETE ? HAPROXY_TAKEN : HAPROXY_VANISHED;
    switch (kind) {
    case HAPROXY_SET:
        return *said ? HAPROXY_REJECTED : HAPROXY_TAKEN;
    case HAPROXY_MOVE:
        return strstr(said, "changed") || begins(said, "no need to change the addr")
                   ? HAPROXY_TAKEN
                   : HAPROXY_REJECTED;
    case HAPROXY_ADD:
        return strstr(said, "New server registered") ? HAPROXY_TAKEN : HAPROXY_REJECTED;
    case HAPROXY_DELETE:
        if (begins(said, "Server still has connections"))
            return HAPROXY_BUSY;
        return begins(said, "Server deleted") ? HAPROXY_TAKEN : HAPROXY_REJECTED;
    }
    return HAPROXY_REJECTED;
}

static void end_answer(struct haproxy_answers *answers)
{
    size_t command = answers->from + answers->answer - 1;
    enum haproxy_verdict verdict =
        judge((enum haproxy_command_kind)answers->commands->v.v[command].kind, answers->said);
    answers->n_of[verdict]++;
    if (verdict == HAPROXY_BUSY && answers->busy)
        answers->busy(answers->ctx, command);
    if (verdict < HAPROXY_DENIED || answers->error[0])
        return;
    answers->first_bad = command;
    snprintf(answers->error, sizeof answers->error, "%s",
             answers->said[0] ? answers->said : "it said nothing");
}

bool haproxy_answers_line(struct haproxy_answers *answers, const char *line)
{
    if (line[0] == '>' && line[1] == ' ') {
        if (answers->answer > 0)
            end_answer(answers);
        answers->said[0] = '\0';
        if (answers->answer++ == answers->n) {
            answers->is_done = true;
            return false;
        }
        line += 2;
    } else if (answers->answer == 0 && *line) {
        answers->is_garbage = true;
        escape_text(answers->said, sizeof answers->said, slice_str(line));
        return false;
    }
    if (*line && !answers->said[0])
        escape_text(answers->said, sizeof answers->said, slice_str(line));
    return true;
}
