/* SPDX-License-Identifier: Apache-2.0
 * Requests: a table says which arguments a command takes, another how each is read. */
#include "ctl/request_check.h"

#include "base/units.h"
#include "ctl/window.h"
#include "out/events.h"

#include <stdio.h>

#define EVENTS_DEFAULT 100
#define MAX_OVERRIDE_MS (INT64_C(366) * 24 * 3600 * 1000)

enum argument {
    ARG_NAME,
    ARG_TYPE,
    ARG_CLIENT,
    ARG_ECS,
    ARG_ADDRESS,
    ARG_POOL,
    ARG_TARGET,
    ARG_STATE,
    ARG_WEIGHT,
    ARG_FOR,
    ARG_REASON,
    ARG_AFTER,
    ARG_LIMIT,
    ARG_WINDOW_AFTER,
    ARG_WINDOW_LIMIT,
    ARG_FORCE,
    ARG_DRY_RUN,
    ARG_VOLATILE,
    ARG_VERBOSE,
    ARG_DIFF,
    ARG_TIERS_AFTER,
    ARG_TIERS_WAIT,
    ARG_DRAIN_WAIT,
    ARG_NOW,
    ARG_KEEP_ANNOUNCED,
    ARG_SERVICE,
};
#define BIT(argument) (1u << (argument))
#define ORDER_OPTIONS \
    (BIT(ARG_FOR) | BIT(ARG_REASON) | BIT(ARG_DRY_RUN) | BIT(ARG_VOLATILE) | BIT(ARG_VERBOSE))
#define WINDOW (BIT(ARG_WINDOW_AFTER) | BIT(ARG_WINDOW_LIMIT))

static const struct {
    const char *name;
    unsigned required, optional; /* bits of enum argument */
} commands[] = {
    [CTL_STATUS] = {"status", 0, 0},
    [CTL_POOLS] = {"pools", 0, WINDOW},
    [CTL_ENDPOINTS] = {"endpoints", 0, BIT(ARG_POOL) | WINDOW},
    [CTL_SITES] = {"sites", 0, WINDOW},
    [CTL_CHECKS] = {"checks", 0, WINDOW},
    [CTL_EVENTS] = {"events", 0, BIT(ARG_AFTER) | BIT(ARG_LIMIT)},
    [CTL_EXPLAIN] = {"explain", BIT(ARG_NAME), BIT(ARG_TYPE) | BIT(ARG_CLIENT) | BIT(ARG_ECS)},
    [CTL_GEO] = {"geo", BIT(ARG_ADDRESS), 0},
    [CTL_ORDERS] = {"orders", 0, 0},
    [CTL_TIERS] = {"tiers", 0,
                   BIT(ARG_NAME) | BIT(ARG_DIFF) | BIT(ARG_TIERS_AFTER) | BIT(ARG_TIERS_WAIT) |
                       BIT(ARG_WINDOW_LIMIT)},
    [CTL_ANYCAST] = {"anycast", 0,
                     BIT(ARG_NAME) | BIT(ARG_TIERS_AFTER) | BIT(ARG_TIERS_WAIT) |
                         BIT(ARG_WINDOW_LIMIT)},
    [CTL_IPVS] = {"ipvs", 0, 0},
    [CTL_RTT] = {"rtt", 0, WINDOW},
    [CTL_HEALTHY] = {"healthy", BIT(ARG_TARGET), 0},
    [CTL_DRAIN] = {"drain", BIT(ARG_TARGET), 0},
    [CTL_SET] = {"set", BIT(ARG_TARGET) | BIT(ARG_STATE),
                 ORDER_OPTIONS | BIT(ARG_DRAIN_WAIT) | BIT(ARG_FORCE)},
    [CTL_WEIGHT] = {"weight", BIT(ARG_TARGET) | BIT(ARG_WEIGHT), ORDER_OPTIONS},
    [CTL_RELOAD] = {"reload", 0, BIT(ARG_FORCE)},
    [CTL_STOP] = {"stop", 0, BIT(ARG_NOW) | BIT(ARG_KEEP_ANNOUNCED)},
    [CTL_SERVICES] = {"services", 0, 0},
    [CTL_MEMBERS] = {"members", 0, BIT(ARG_SERVICE)},
    [CTL_FLOWS] = {"flows", 0, WINDOW},
    [CTL_REPLACE] = {"replace", 0, 0},
};

const char *request_command_text(enum ctl_command command)
{
    return commands[command].name;
}

enum ctl_stop request_stop(const struct ctl_request *request)
{
    if (request->keep_announced)
        return CTL_STOP_KEEP;
    return request->now ? CTL_STOP_NOW : CTL_STOP_DRAIN;
}

/* Readers: each takes one value into the request, or says in `error` what it expected. */

struct reading {
    struct ctl_request *request;
    const char *key;
    char *error; /* CTL_TEXT_MAX */
};

ATTR_PRINTF(3, 4)
static int refuse(const struct reading *r, int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = snprintf(r->error, CTL_TEXT_MAX, "%s: ", r->key);
    vsnprintf(r->error + n, CTL_TEXT_MAX - (size_t)n, fmt, args);
    va_end(args);
    return code;
}

static int read_text(const struct reading *r, const json_t *value, char *out, size_t max)
{
    const char *text = json_string_value(value);
    if (!text || !*text)
        return refuse(r, E_SYNTAX, "expected a text that is not empty");
    size_t n = json_string_length(value);
    if (n >= max)
        return refuse(r, E_RANGE, "is too long, expected at most %zu bytes", max - 1);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return refuse(r, E_SYNTAX, "has a control character at byte %zu", i + 1);
    memcpy(out, text, n + 1);
    return 0;
}

static int read_address(const struct reading *r, const json_t *value)
{
    const char *text = json_string_value(value);
    if (!text || ip_parse(&r->request->address, text) != 0)
        return refuse(r, E_SYNTAX, "expected an IPv4 or IPv6 address, like 192.0.2.1");
    return 0;
}

static int read_ecs(const struct reading *r, const json_t *value)
{
    const char *text = json_string_value(value);
    int code = text ? ip_prefix_parse(&r->request->ecs, text) : E_SYNTAX;
    if (code == E_SYNTAX)
        return refuse(r, code, "expected ADDRESS/LENGTH, like 192.0.2.0/24");
    return 0; /* bits past the length were masked, as a resolver does */
}

static int read_state(const struct reading *r, const json_t *value)
{
    const char *text = json_string_value(value);
    if (text && request_take_state(r->request, text))
        return 0;
    return refuse(r, E_SYNTAX,
                  "expected up, down, drain or auto; of a prefix set announce, withdraw, drain or "
                  "auto");
}

static int read_weight(const struct reading *r, const json_t *value)
{
    const char *text = json_string_value(value);
    r->request->weight = -1;
    if (text && strcmp(text, "auto") == 0)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > WEIGHT_MAX)
        return refuse(r, E_RANGE, "expected a number from 0 to %d, or auto", WEIGHT_MAX);
    r->request->weight = json_integer_value(value);
    return 0;
}

static int read_ms(const struct reading *r, const json_t *value, int64_t *out)
{
    const char *text = json_string_value(value);
    char digits[24];
    if (json_is_integer(value)) {
        snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(value));
        text = digits;
    }
    int64_t ms = 0;
    int code = text ? units_duration_ms(&ms, text) : E_SYNTAX;
    if (code == E_SYNTAX)
        return refuse(r, code, "expected a duration, like 90s, 30m, 2h or 1d");
    if (code != 0 || ms < 1000 || ms > MAX_OVERRIDE_MS)
        return refuse(r, E_RANGE, "expected a duration from 1s to 366d");
    *out = ms;
    return 0;
}

static int read_duration(const struct reading *r, const json_t *value)
{
    return read_ms(r, value, &r->request->for_ms);
}

/** true: as long as it takes by default. */
static int read_drain_wait(const struct reading *r, const json_t *value)
{
    if (json_is_true(value)) {
        r->request->wait_ms = CTL_WAIT_DEFAULT;
        return 0;
    }
    return json_is_false(value) ? 0 : read_ms(r, value, &r->request->wait_ms);
}

/** A number, or digits in a text: query strings of HTTP have no other type. */
static int read_number(const struct reading *r, const json_t *value, uint64_t max, uint64_t *out)
{
    char *end = NULL;
    const char *text = json_string_value(value);
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        *out = (uint64_t)json_integer_value(value);
    else if (text && *text >= '0' && *text <= '9')
        *out = strtoull(text, &end, 10);
    else
        return refuse(r, E_SYNTAX, "expected a number");
    if ((end && *end) || *out > max)
        return refuse(r, E_RANGE, "expected a number from 0 to %llu", (unsigned long long)max);
    return 0;
}

static int read_limit(const struct reading *r, const json_t *value)
{
    uint64_t limit = 0;
    int code = read_number(r, value, EVENTS_KEPT, &limit);
    r->request->limit = (uint32_t)limit;
    return code;
}

static int read_window_limit(const struct reading *r, const json_t *value)
{
    uint64_t limit = 0;
    int code = read_number(r, value, WINDOW_MAX, &limit);
    if (code == 0 && limit == 0)
        return refuse(r, E_RANGE, "expected a number from 1 to %d", WINDOW_MAX);
    r->request->limit = (uint32_t)limit;
    return code;
}

static int read_window_after(const struct reading *r, const json_t *value)
{
    int code = read_text(r, value, r->request->from, sizeof r->request->from);
    if (code == 0 && !window_is_place(r->request->from))
        return refuse(r, E_SYNTAX, "expected the \"next\" of the page before");
    return code;
}

static int read_name(const struct reading *r, const json_t *value)
{
    return read_text(r, value, r->request->name, sizeof r->request->name);
}

static int read_type(const struct reading *r, const json_t *value)
{
    return read_text(r, value, r->request->type, sizeof r->request->type);
}

static int read_pool(const struct reading *r, const json_t *value)
{
    return read_text(r, value, r->request->pool, sizeof r->request->pool);
}

static int read_target(const struct reading *r, const json_t *value)
{
    return read_text(r, value, r->request->target, sizeof r->request->target);
}

static int read_reason(const struct reading *r, const json_t *value)
{
    return read_text(r, value, r->request->reason, sizeof r->request->reason);
}

static int read_after(const struct reading *r, const json_t *value)
{
    return read_number(r, value, INT64_MAX, &r->request->after);
}

/** Either where a list goes on, or the version that is known. */
static int read_tiers_after(const struct reading *r, const json_t *value)
{
    const char *text = json_string_value(value);
    return text && strchr(text, ':') ? read_window_after(r, value) : read_after(r, value);
}

static int read_tiers_wait(const struct reading *r, const json_t *value)
{
    uint64_t s = 0;
    int code = read_number(r, value, CTL_POLL_MAX_MS / 1000, &s);
    r->request->wait_ms = (int64_t)s * 1000;
    return code;
}

static int read_flag(const struct reading *r, const json_t *value, bool *out)
{
    if (!json_is_boolean(value))
        return refuse(r, E_SYNTAX, "expected true or false");
    *out = json_is_true(value);
    return 0;
}

#define FLAG(name, member)                                        \
    static int name(const struct reading *r, const json_t *value) \
    {                                                             \
        return read_flag(r, value, &r->request->member);          \
    }
FLAG(read_diff, diff)
FLAG(read_force, force)
FLAG(read_dry_run, dry_run)
FLAG(read_volatile, is_volatile)
FLAG(read_verbose, verbose)
FLAG(read_now, now)
FLAG(read_keep_announced, keep_announced)
#undef FLAG

static const struct {
    const char *key;
    int (*read)(const struct reading *r, const json_t *value);
} arguments[] = {
    [ARG_NAME] = {"name", read_name},
    [ARG_TYPE] = {"type", read_type},
    [ARG_CLIENT] = {"client", read_address},
    [ARG_ECS] = {"ecs", read_ecs},
    [ARG_ADDRESS] = {"address", read_address},
    [ARG_POOL] = {"pool", read_pool},
    [ARG_TARGET] = {"target", read_target},
    [ARG_STATE] = {"state", read_state},
    [ARG_WEIGHT] = {"weight", read_weight},
    [ARG_FOR] = {"for", read_duration},
    [ARG_REASON] = {"reason", read_reason},
    [ARG_AFTER] = {"after", read_after},
    [ARG_LIMIT] = {"limit", read_limit},
    [ARG_WINDOW_AFTER] = {"after", read_window_after},
    [ARG_WINDOW_LIMIT] = {"limit", read_window_limit},
    [ARG_FORCE] = {"force", read_force},
    [ARG_DRY_RUN] = {"dry_run", read_dry_run},
    [ARG_VOLATILE] = {"volatile", read_volatile},
    [ARG_VERBOSE] = {"verbose", read_verbose},
    [ARG_DIFF] = {"diff", read_diff},
    [ARG_TIERS_AFTER] = {"after", read_tiers_after},
    [ARG_TIERS_WAIT] = {"wait", read_tiers_wait},
    [ARG_DRAIN_WAIT] = {"wait", read_drain_wait},
    [ARG_NOW] = {"now", read_now},
    [ARG_KEEP_ANNOUNCED] = {"keep_announced", read_keep_announced},
    [ARG_SERVICE] = {"service", read_name},
};

static int find_command(struct ctl_request *request, const json_t *object, char *error)
{
    const char *text = json_string_value(json_object_get(object, "command"));
    for (size_t i = 0; text && i < ARRAY_LEN(commands); i++)
        if (strcmp(text, commands[i].name) == 0) {
            request->command = (enum ctl_command)i;
            return 0;
        }
    int n = snprintf(error, CTL_TEXT_MAX, "command: expected one of");
    for (size_t i = 0; i < ARRAY_LEN(commands) && !ctl_command_is_of_l4((enum ctl_command)i); i++)
        n += snprintf(error + n, CTL_TEXT_MAX - (size_t)n, "%s %s", i ? "," : "", commands[i].name);
    return E_INVALID;
}

static int read_member(struct ctl_request *request, const char *key, const json_t *value,
                       unsigned *given, char *error)
{
    const struct reading r = {request, key, error};
    unsigned allowed = commands[request->command].required | commands[request->command].optional;
    for (size_t i = 0; i < ARRAY_LEN(arguments); i++)
        if ((allowed & BIT(i)) && strcmp(key, arguments[i].key) == 0) {
            *given |= BIT(i);
            return arguments[i].read(&r, value);
        }
    snprintf(error, CTL_TEXT_MAX, "%s takes no argument \"%.64s\"", commands[request->command].name,
             key);
    return E_INVALID;
}

int request_from_json(struct ctl_request *request, json_t *object, char error[CTL_TEXT_MAX])
{
    *request = (struct ctl_request){.weight = -1, .after = UINT64_MAX};
    unsigned given = 0;
    const char *key;
    json_t *value;
    int code = find_command(request, object, error);
    if (code != 0)
        return code;
    request->limit = request->command == CTL_EVENTS ? EVENTS_DEFAULT : 0;
    json_object_foreach((json_t *)object, key, value)
    {
        if (strcmp(key, "command") == 0)
            continue;
        code = read_member(request, key, value, &given, error);
        if (code != 0)
            return code;
    }
    unsigned missing = commands[request->command].required & ~given;
    for (size_t i = 0; missing && i < ARRAY_LEN(arguments); i++)
        if (missing & BIT(i)) {
            snprintf(error, CTL_TEXT_MAX, "%s: \"%s\" is missing", commands[request->command].name,
                     arguments[i].key);
            return E_INVALID;
        }
    bool is_double = (given & BIT(ARG_CLIENT)) && (given & BIT(ARG_ECS));
    return request_check(request, is_double, error);
}
