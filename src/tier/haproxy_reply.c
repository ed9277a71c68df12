/* SPDX-License-Identifier: Apache-2.0 */
#include "tier/haproxy_reply.h"

#include "base/digits.h"
#include "base/escape.h"

#include <stdarg.h>
#include <stdio.h>

bool haproxy_is_name(const char *text)
{
    const char *p = text;
    for (; *p; p++) {
        bool is_letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
        if (!is_letter && !is_digit((uint8_t)*p) && !strchr("-_.:", *p))
            return false;
    }
    return p > text && p - text <= HAPROXY_NAME_MAX;
}

static bool number_read(const char *text, uint64_t max, uint64_t *out)
{
    return decimal_parse(slice_str(text), max, out);
}

int haproxy_info_line(struct haproxy_info *info, const char *line)
{
    if (strncmp(line, "Pid: ", 5) == 0)
        return number_read(line + 5, INT32_MAX, &info->pid) && info->pid > 0 ? 0 : E_SYNTAX;
    if (strncmp(line, "Uptime_sec: ", 12) == 0)
        return number_read(line + 12, INT64_MAX, &info->uptime_s) ? 0 : E_SYNTAX;
    if (strncmp(line, "Version: ", 9) != 0)
        return 0;
    const char *version = line + 9, *dot = strchr(version, '.');
    uint64_t major, minor;
    size_t n_minor = dot ? strspn(dot + 1, "0123456789") : 0;
    if (!dot || !decimal_parse(slice_of(version, (size_t)(dot - version)), 1000, &major) ||
        !decimal_parse(slice_of(dot + 1, n_minor), 1000, &minor))
        return E_SYNTAX;
    info->major = (unsigned)major;
    info->minor = (unsigned)minor;
    escape_text(info->version, sizeof info->version, slice_str(version));
    return 0;
}

void haproxy_reading_init(struct haproxy_reading *reading, const char *backend, bool with_stat)
{
    *reading = (struct haproxy_reading){.backend = backend, .with_stat = with_stat};
}

void haproxy_reading_free(struct haproxy_reading *reading)
{
    vec_free(&reading->servers);
    buf_free(&reading->names);
    strmap_free(&reading->index);
}

struct haproxy_server *haproxy_reading_find(const struct haproxy_reading *reading, const char *name)
{
    uint32_t i = strmap_get(&reading->index, slice_str(name));
    return i == STRMAP_NONE ? NULL : &reading->servers.v[i];
}

#define SHOWN_MAX 80 /* of a line that is told of, NUL included */

/** What is wrong, and what HAProxy said, escaped. */
static int fail(struct haproxy_reading *reading, const char *what, const char *said)
{
    char text[SHOWN_MAX];
    escape_text(text, sizeof text, slice_str(said));
    snprintf(reading->error, sizeof reading->error, "%s: \"%s\"", what, text);
    return E_SYNTAX;
}

enum state_column {
    STATE_BACKEND,
    STATE_NAME,
    STATE_ADDR,
    STATE_OP,
    STATE_ADMIN,
    STATE_WEIGHT,
    STATE_INITIAL,
    STATE_PORT,
    STATE_NEEDED,
    STATE_TLS = STATE_NEEDED,
    STATE_COLUMNS
};
static const char *const state_columns[STATE_COLUMNS] = {
    "be_name",     "srv_name",    "srv_addr", "srv_op_state", "srv_admin_state",
    "srv_uweight", "srv_iweight", "srv_port", "srv_use_ssl"};

static int read_state_row(struct haproxy_reading *reading, char *row)
{
    const char *const *value = reading->columns.value;
    uint64_t op, admin, weight, initial, port, tls = 0;
    char shown[SHOWN_MAX];
    snprintf(shown, sizeof shown, "%.*s", SHOWN_MAX - 1, row);
    if (haproxy_columns_row(&reading->columns, row) != 0 ||
        strcmp(value[STATE_BACKEND], reading->backend) != 0 ||
        !haproxy_is_name(value[STATE_NAME]) || !number_read(value[STATE_OP], 255, &op) ||
        !number_read(value[STATE_ADMIN], 255, &admin) ||
        !number_read(value[STATE_WEIGHT], 256, &weight) ||
        !number_read(value[STATE_INITIAL], 256, &initial) ||
        !number_read(value[STATE_PORT], UINT16_MAX, &port) ||
        (value[STATE_TLS] && !number_read(value[STATE_TLS], 255, &tls)))
        return fail(reading, "its list of servers has a line that cannot be read", shown);
    if (reading->servers.n == HAPROXY_SERVERS_MAX)
        return fail(reading, "its backend has more servers than can be driven", reading->backend);
    struct haproxy_server server = {.name = (uint32_t)reading->names.n,
                                    .port = (uint16_t)port,
                                    .op_state = (uint8_t)op,
                                    .admin_state = (uint8_t)admin,
                                    .weight = (uint16_t)weight,
                                    .initial_weight = (uint16_t)initial,
                                    .has_tls = tls != 0,
                                    .active = -1};
    const char *addr = value[STATE_ADDR];
    if (strcmp(addr, "-") != 0 && ip_parse(&server.addr, addr) != 0)
        return fail(reading, "its list of servers has an address that is none", addr);
    buf_add(&reading->names, value[STATE_NAME], strlen(value[STATE_NAME]) + 1);
    *vec_push(&reading->servers) = server;
    return 0;
}

/** Names do not move any more: they can be looked up. */
static int index_servers(struct haproxy_reading *reading)
{
    for (uint32_t i = 0; i < reading->servers.n; i++) {
        const char *name = haproxy_server_name(reading, &reading->servers.v[i]);
        if (strmap_add(&reading->index, slice_str(name), i) != i)
            return fail(reading, "its list of servers has one twice", name);
    }
    return 0;
}

static int read_state_line(struct haproxy_reading *reading, char *line)
{
    if (reading->line == 0 && strncmp(line, "Can't find backend", 18) == 0) {
        reading->no_backend = reading->is_done = true;
        return 0;
    }
    if (reading->line == 0)
        return strcmp(line, "1") == 0 ? 0
                                      : fail(reading, "its list of servers is no version 1", line);
    if (*line == '\0' && reading->line > 1) {
        if (index_servers(reading) != 0)
            return E_SYNTAX;
        reading->is_listed = true;
        reading->is_done = !reading->with_stat;
        return 0;
    }
    if (reading->is_listed)
        return fail(reading, "its list of servers goes on behind its end", line);
    if (reading->line > 1)
        return read_state_row(reading, line);
    const char *missing = "";
    if (strncmp(line, "# ", 2) == 0)
        missing = haproxy_columns_read(&reading->columns, ' ', line + 2, state_columns,
                                       STATE_COLUMNS, STATE_NEEDED);
    return missing ? fail(reading, "its list of servers lacks a column", missing) : 0;
}

enum stat_column {
    STAT_BACKEND,
    STAT_NAME,
    STAT_ACTIVE,
    STAT_TOTAL,
    STAT_IN,
    STAT_OUT,
    STAT_TYPE,
    STAT_COLUMNS
};
static const char *const stat_columns[STAT_COLUMNS] = {"pxname", "svname", "scur", "stot",
                                                       "bin",    "bout",   "type"};
#define STAT_IS_SERVER 2 /* column `type`, management.txt 9.1 */

static int read_stat_row(struct haproxy_reading *reading, char *row)
{
    const char *const *value = reading->columns.value;
    uint64_t type, active, total, in, out;
    char shown[SHOWN_MAX];
    snprintf(shown, sizeof shown, "%.*s", SHOWN_MAX - 1, row);
    if (haproxy_columns_row(&reading->columns, row) != 0 ||
        strcmp(value[STAT_BACKEND], reading->backend) != 0 ||
        !number_read(value[STAT_TYPE], 255, &type) ||
        !number_read(value[STAT_ACTIVE], INT64_MAX, &active) ||
        !number_read(value[STAT_TOTAL], INT64_MAX, &total) ||
        !number_read(value[STAT_IN], INT64_MAX, &in) ||
        !number_read(value[STAT_OUT], INT64_MAX, &out))
        return fail(reading, "its statistics have a line that cannot be read", shown);
    struct haproxy_server *server = haproxy_reading_find(reading, value[STAT_NAME]);
    if (type != STAT_IS_SERVER || !server) /* added since the list was made */
        return 0;
    server->has_stat = true;
    server->active = (int64_t)active;
    server->n_total = total;
    server->bytes_in = in;
    server->bytes_out = out;
    return 0;
}

static int read_stat_line(struct haproxy_reading *reading, char *line)
{
    if (*line == '\0' && reading->line > 0) {
        reading->is_done = true;
        return 0;
    }
    if (reading->line > 0)
        return read_stat_row(reading, line);
    const char *missing = "";
    if (strncmp(line, "# ", 2) == 0)
        missing = haproxy_columns_read(&reading->columns, ',', line + 2, stat_columns, STAT_COLUMNS,
                                       STAT_COLUMNS);
    return missing ? fail(reading, "its statistics lack a column", missing) : 0;
}

int haproxy_reading_line(struct haproxy_reading *reading, char *line)
{
    if (line[0] == '>' && line[1] == ' ') {
        if (reading->answer == 1 && reading->info.pid == 0)
            return fail(reading, "`show info` did not tell the process", line);
        if (reading->answer == 2 && !reading->is_listed)
            return fail(reading, "its list of servers did not end", line);
        reading->answer++;
        reading->line = 0;
        line += 2;
    }
    int code = 0;
    if (strcmp(line, "Permission denied") == 0)
        code = fail(reading, "HAProxy refuses to tell", line);
    else if (reading->is_done || reading->answer > 3)
        code = fail(reading, "HAProxy said more than it was asked", line);
    else if (reading->answer == 0)
        code = *line ? fail(reading, "this is not HAProxy's command line", line) : 0;
    else if (reading->answer == 1)
        code = haproxy_info_line(&reading->info, line) == 0
                   ? 0
                   : fail(reading, "`show info` has a line that cannot be read", line);
    else if (reading->answer == 2)
        code = read_state_line(reading, line);
    else
        code = read_stat_line(reading, line);
    reading->line++;
    return code;
}
