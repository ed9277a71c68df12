/* SPDX-License-Identifier: Apache-2.0
 * Documents of loadstar-l4 as text for people. */
#include "base/units.h"
#include "control/json.h"
#include "ctl/render.h"

#include <inttypes.h>
#include <string.h>

static void cell_number(struct table *table, const json_t *object, const char *key)
{
    table_cell(table, STYLE_NONE, "%" PRId64, json_get_int(object, key, 0));
}

/** "1.2M", as sizes are written. */
static void cell_bytes(struct table *table, const json_t *object, const char *key)
{
    static const char units[] = "kMGTP";
    double n = (double)json_get_int(object, key, 0);
    size_t unit = 0;
    if (n < 1024) {
        table_cell(table, STYLE_NONE, "%.0f", n);
        return;
    }
    for (n /= 1024; n >= 1024 && unit + 2 < sizeof units; unit++)
        n /= 1024;
    table_cell(table, STYLE_NONE, "%.1f%c", n, units[unit]);
}

static void cell_text(struct table *table, const json_t *object, const char *key)
{
    table_cell(table, STYLE_NONE, "%s", json_get_text(object, key, "-"));
}

/* ---- services ---- */

static int64_t failures_of(const json_t *results)
{
    const char *name;
    const json_t *n;
    int64_t failed = 0;
    json_object_foreach((json_t *)(uintptr_t)results, name, n) failed +=
        strcmp(name, "ok") == 0 ? 0 : json_integer_value(n);
    return failed;
}

static void cell_sets(struct table *table, const json_t *service)
{
    size_t i;
    const json_t *set;
    int64_t up = 0, n = 0;
    json_array_foreach(json_object_get(service, "sets"), i, set)
    {
        up += json_get_int(set, "up", 0);
        n += json_get_int(set, "members", 0);
    }
    table_cell(table,
               n > 0 && up == n ? STYLE_GOOD
               : up == 0        ? STYLE_BAD
                                : STYLE_CARE,
               "%" PRId64 "/%" PRId64, up, n);
}

static void cell_listens(struct table *table, const json_t *service)
{
    struct buf text = {0};
    size_t i;
    const json_t *listen;
    buf_puts(&text, "");
    json_array_foreach(json_object_get(service, "listen"), i, listen)
        buf_printf(&text, "%s%s", i ? " " : "", json_text_of(listen, "?"));
    table_cell(table, STYLE_NONE, "%s", text.p);
    buf_free(&text);
}

static void render_services(struct buf *out, const json_t *result, struct screen screen)
{
    size_t i;
    const json_t *service;
    struct table *table = table_new(
        "SERVICE PROTOCOL LISTEN BALANCE MEMBERS> FROM ACTIVE> NEW/S> OK> FAILED> IN> OUT>");
    json_array_foreach(json_object_get(result, "services"), i, service)
    {
        const json_t *results = json_object_get(service, "results");
        const json_t *set = json_array_get(json_object_get(service, "sets"), 0);
        int64_t failed = failures_of(results);
        cell_text(table, service, "name");
        cell_text(table, service, "protocol");
        cell_listens(table, service);
        cell_text(table, service, "balance");
        cell_sets(table, service);
        cell_text(table, set, "from");
        cell_number(table, service, "active");
        table_cell(table, STYLE_NONE, "%.0f",
                   json_number_value(
                       json_object_get(json_object_get(service, "per_second"), "connections")));
        cell_number(table, results, "ok");
        table_cell(table, failed ? STYLE_CARE : STYLE_NONE, "%" PRId64, failed);
        cell_bytes(table, service, "bytes_in");
        cell_bytes(table, service, "bytes_out");
    }
    table_finish(table, out, 0, screen);
}

/* ---- members ---- */

static void cell_state(struct table *table, const json_t *member)
{
    const char *state = json_get_text(member, "state", "-");
    bool ejected = json_is_true(json_object_get(member, "ejected"));
    enum table_style style = strcmp(state, "up") == 0 && !ejected ? STYLE_GOOD
                             : strcmp(state, "down") == 0         ? STYLE_BAD
                                                                  : STYLE_CARE;
    table_cell(table, style, "%s%s", state, ejected ? ", left out" : "");
}

static void cell_latency(struct table *table, const json_t *member, const char *key)
{
    const json_t *q = json_object_get(member, key);
    const json_t *p50 = json_object_get(q, "p50"), *p99 = json_object_get(q, "p99");
    if (json_is_number(p50) && json_is_number(p99))
        table_cell(table, STYLE_NONE, "%.2f/%.2fms", json_number_value(p50),
                   json_number_value(p99));
    else
        table_cell(table, STYLE_FAINT, "-");
}

static void render_members(struct buf *out, const json_t *result, struct screen screen)
{
    size_t i;
    const json_t *member, *list = json_object_get(result, "members");
    struct table *table = table_new(
        "MEMBER SERVICE ADDRESS STATE WEIGHT> ACTIVE> TOTAL> REFUSED> TIMEOUT> CONNECT> RTT>");
    json_array_foreach(list, i, member)
    {
        const char *address = json_get_text(member, "address", "-");
        cell_text(table, member, "key");
        cell_text(table, member, "service");
        table_cell(table, STYLE_NONE, strchr(address, ':') ? "[%s]:%" PRId64 : "%s:%" PRId64,
                   address, json_get_int(member, "port", 0));
        cell_state(table, member);
        cell_number(table, member, "weight");
        cell_number(table, member, "active");
        cell_number(table, member, "total");
        cell_number(table, member, "refused");
        cell_number(table, member, "timeouts");
        cell_latency(table, member, "connect_ms");
        cell_latency(table, member, "rtt_ms");
    }
    table_finish(table, out, 0, screen);
    if (json_array_size(list) == 0)
        buf_puts(out, "no members\n");
}

/* ---- flows, round-trip times ---- */

static void render_flows(struct buf *out, const json_t *result, struct screen screen)
{
    size_t i;
    char age[UNITS_TEXT_MAX];
    const json_t *flow, *list = json_object_get(result, "flows");
    struct table *table = table_new("CLIENT SERVICE PROTOCOL LOCAL MEMBER AGE> IN> OUT>");
    json_array_foreach(list, i, flow)
    {
        cell_text(table, flow, "client");
        cell_text(table, flow, "service");
        cell_text(table, flow, "protocol");
        cell_text(table, flow, "local");
        cell_text(table, flow, "member");
        table_cell(table, STYLE_NONE, "%s", units_age_text(age, json_get_int(flow, "age_ms", 0)));
        cell_bytes(table, flow, "bytes_in");
        cell_bytes(table, flow, "bytes_out");
    }
    table_finish(table, out, 0, screen);
    if (json_array_size(list) == 0)
        buf_puts(out, "no flows\n");
}

static void render_rtt(struct buf *out, const json_t *result, struct screen screen)
{
    size_t i;
    char age[UNITS_TEXT_MAX];
    const json_t *network, *list = json_object_get(result, "networks");
    bool of_tiers = json_object_get(json_array_get(list, 0), "tier") != NULL;
    struct table *table = table_new(of_tiers ? "TIER SITE NETWORK RTT> LEAST> SAMPLES> SEEN>"
                                             : "NETWORK RTT> LEAST> SAMPLES> SEEN>");
    json_array_foreach(list, i, network)
    {
        if (of_tiers) {
            cell_text(table, network, "tier");
            cell_text(table, network, "site");
        }
        cell_text(table, network, "network");
        table_cell(table, STYLE_NONE, "%.1fms",
                   json_number_value(json_object_get(network, "rtt_ms")));
        table_cell(table, STYLE_NONE, "%.1fms",
                   json_number_value(json_object_get(network, "min_ms")));
        cell_number(table, network, "samples");
        table_cell(table, STYLE_NONE, "%s ago",
                   units_age_text(age, json_get_int(network, "age_s", 0) * 1000));
    }
    table_finish(table, out, 0, screen);
    if (json_array_size(list) == 0)
        buf_puts(out, "no networks: nothing was measured so far\n");
}

/* ---- what both programs have ---- */

static void render_elders(struct buf *out, const json_t *elders)
{
    size_t i;
    const json_t *elder;
    json_array_foreach(elders, i, elder)
    {
        int64_t n = json_get_int(elder, "flows", 0);
        buf_printf(out, "process %" PRId64 ", which was replaced, has %" PRId64 " flow%s open\n",
                   json_get_int(elder, "pid", 0), n, units_plural((uint64_t)n));
    }
}

static void put_count(struct buf *out, const json_t *status, const char *key, const char *noun,
                      const char *behind)
{
    int64_t n = json_get_int(status, key, 0);
    buf_printf(out, "%" PRId64 " %s%s%s", n, noun, units_plural((uint64_t)n), behind);
}

static void render_state(struct buf *out, const json_t *status, struct screen screen)
{
    char age[UNITS_TEXT_MAX];
    const json_t *problems = json_object_get(status, "problems");
    buf_printf(out, "loadstar-l4 %s, pid %" PRId64 ", %s, up %s\n",
               json_get_text(status, "version", "?"), json_get_int(status, "pid", 0),
               json_get_text(status, "state", "?"),
               units_age_text(age, json_get_int(status, "uptime_s", 0) * 1000));
    buf_printf(out, "generation %" PRId64 " of %s\n", json_get_int(status, "generation", 0),
               json_get_text(status, "file", "?"));
    put_count(out, status, "services", "service", ", ");
    buf_printf(out, "%" PRId64 " of ", json_get_int(status, "members_up", 0));
    put_count(out, status, "members", "member", " up, ");
    put_count(out, status, "flows", "flow", " open, ");
    put_count(out, status, "workers", "worker", "\n");
    render_elders(out, json_object_get(status, "replaced"));
    if (json_array_size(problems) == 0)
        buf_puts(out, "no problems\n");
    render_lines(out, problems, STYLE_BAD, screen, "! ");
}

static void render_ordered(struct buf *out, const json_t *result)
{
    const char *state = json_get_text(result, "state", NULL);
    int64_t n = json_get_int(result, "members", 0);
    buf_printf(out, "%s %s: %" PRId64 " member%s%s\n", json_get_text(result, "target", "?"),
               state ? state : json_get_text(result, "weight", "?"), n, units_plural((uint64_t)n),
               json_is_true(json_object_get(result, "volatile")) ? "; in memory only" : "");
}

static void render_stop(struct buf *out, const json_t *result)
{
    int64_t n = json_get_int(result, "flows", 0);
    if (json_object_get(result, "drain_s") && n > 0)
        buf_printf(out,
                   "loadstar-l4 takes nothing new, and stops when %" PRId64
                   " flow%s ended, in %" PRId64 " s at most\n",
                   n, n == 1 ? " has" : "s have", json_get_int(result, "drain_s", 0));
    else
        buf_puts(out, "loadstar-l4 stops\n");
}

static void render_replaced(struct buf *out, const json_t *result)
{
    int64_t n = json_get_int(result, "flows", 0);
    buf_printf(out, "process %" PRId64 " forwards now", json_get_int(result, "pid", 0));
    if (n > 0)
        buf_printf(out,
                   "; %" PRId64 " flow%s of process %" PRId64 " may go on for %" PRId64
                   " s at most",
                   n, units_plural((uint64_t)n), json_get_int(result, "old_pid", 0),
                   json_get_int(result, "drain_s", 0));
    buf_puts(out, "\n");
}

void render_l4(struct buf *out, enum ctl_command command, const json_t *result,
               struct screen screen)
{
    if (command == CTL_SERVICES)
        render_services(out, result, screen);
    else if (command == CTL_MEMBERS)
        render_members(out, result, screen);
    else if (command == CTL_FLOWS)
        render_flows(out, result, screen);
    else if (command == CTL_RTT)
        render_rtt(out, result, screen);
    else if (command == CTL_STATUS)
        render_state(out, result, screen);
    else if (command == CTL_STOP)
        render_stop(out, result);
    else if (command == CTL_REPLACE)
        render_replaced(out, result);
    else if (command == CTL_RELOAD)
        buf_printf(out, "generation %" PRId64 ": %s\n", json_get_int(result, "generation", 0),
                   json_get_text(result, "summary", "?"));
    else
        render_ordered(out, result);
    if (command == CTL_RELOAD)
        render_lines(out, json_object_get(result, "warnings"), STYLE_CARE, screen, "");
}
