/* SPDX-License-Identifier: Apache-2.0
 * Lines between us and loadstar-l4. */
#include "tier/forwarder_words.h"

#include "tier/json.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- lines ---- */

static enum forwarder_word word_of_event(struct forwarder_line *line, const char *event)
{
    const char *what = tier_json_get(line->document, "what");
    line->service = tier_json_get(line->document, "service");
    line->key = tier_json_get(line->document, "key");
    line->members = json_object_get(line->document, "members");
    line->networks = json_object_get(line->document, "networks");
    if (strcmp(event, "failed") == 0)
        return strcmp(what, "refused") == 0 || strcmp(what, "timeout") == 0 ? FORWARDER_FAILED
                                                                            : FORWARDER_OTHER;
    if (strcmp(event, "sessions") == 0 && json_is_array(line->members))
        return FORWARDER_SESSIONS;
    if (strcmp(event, "rtt") == 0 && json_is_array(line->networks))
        return FORWARDER_RTT;
    return FORWARDER_OTHER;
}

static enum forwarder_word word_of(struct forwarder_line *line)
{
    const json_t *event = json_object_get(line->document, "event");
    const json_t *ok = json_object_get(line->document, "ok");
    line->result = json_object_get(line->document, "result");
    line->error = tier_json_get(line->document, "error");
    line->unknown = strcmp(tier_json_get(line->document, "code"), "not_found") == 0;
    line->held = strcmp(tier_json_get(line->document, "code"), "held") == 0;
    if (json_is_string(event))
        return word_of_event(line, json_string_value(event));
    if (json_is_false(ok))
        return FORWARDER_REFUSAL;
    return json_is_true(ok) && json_is_object(line->result) ? FORWARDER_RESULT : FORWARDER_NONSENSE;
}

void forwarder_line_read(struct forwarder_line *line, const char *text, size_t n)
{
    *line = (struct forwarder_line){.document = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL)};
    if (json_is_object(line->document))
        line->word = word_of(line);
}

void forwarder_line_free(struct forwarder_line *line)
{
    json_decref(line->document);
    *line = (struct forwarder_line){0};
}

const char *forwarder_sessions_entry(const json_t *entry, int64_t *active)
{
    const json_t *n = json_object_get(entry, "active");
    *active = json_is_integer(n) ? json_integer_value(n) : -1;
    return *active >= 0 ? json_string_value(json_object_get(entry, "key")) : NULL;
}

/* ---- what it has ---- */

/** A whole number that is not negative, or -1. */
static json_int_t number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) && json_integer_value(value) >= 0 ? json_integer_value(value)
                                                                    : -1;
}

/** A weight that we never give is one that somebody else gave. */
static bool read_serving(struct serving *out, const json_t *member)
{
    const char *state = tier_json_get(member, "state");
    json_int_t weight = number_of(member, "weight");
    if (weight < 0)
        return false;
    *out = (struct serving){.weight = weight < UINT16_MAX ? (uint16_t)weight : UINT16_MAX};
    if (strcmp(state, "up") == 0)
        out->serves = SERVES_READY;
    else if (strcmp(state, "down") == 0)
        out->serves = SERVES_DOWN;
    else if (strcmp(state, "drain") == 0)
        out->serves = SERVES_DRAIN;
    return out->serves != SERVES_UNKNOWN;
}

/** A percentile in milliseconds, or -1. */
static double percentile(const json_t *member, const char *what, const char *which)
{
    const json_t *value = json_object_get(json_object_get(member, what), which);
    double ms = json_is_number(value) ? json_number_value(value) : -1;
    return ms >= 0 ? ms : -1;
}

static void read_measures(struct observed *seen, const json_t *member)
{
    const json_int_t refused = number_of(member, "refused"), late = number_of(member, "timeouts");
    seen->measures = refused >= 0 && late >= 0;
    seen->n_refused = seen->measures ? (uint64_t)refused : 0;
    seen->n_timeouts = seen->measures ? (uint64_t)late : 0;
    seen->connect_ms.p50 = percentile(member, "connect_ms", "p50");
    seen->connect_ms.p99 = percentile(member, "connect_ms", "p99");
    seen->rtt_ms.p50 = percentile(member, "rtt_ms", "p50");
    seen->rtt_ms.p99 = percentile(member, "rtt_ms", "p99");
}

static bool read_member(struct forwarder_member *out, const json_t *member)
{
    const json_int_t total = number_of(member, "total");
    out->key = tier_json_get(member, "key");
    if (!*out->key ||
        !tier_json_address(&out->seen, tier_json_get(member, "address"),
                           json_object_get(member, "port")) ||
        !read_serving(&out->seen.serving, member))
        return false;
    out->seen.is_ours = true; /* nobody else tells it of any */
    out->seen.active = number_of(member, "active");
    out->seen.n_total = total > 0 ? (uint64_t)total : 0;
    read_measures(&out->seen, member);
    return true;
}

static int take_members(struct forwarder_reading *r, const json_t *members, const char *service,
                        char *error)
{
    r->v = xcalloc(json_array_size(members) + 1, sizeof *r->v);
    for (size_t i = 0; i < json_array_size(members); i++) {
        const json_t *member = json_array_get(members, i);
        if (strcmp(tier_json_get(member, "service"), service) != 0) {
            r->n_others++;
            continue;
        }
        if (!read_member(&r->v[r->n], member)) {
            snprintf(error, FORWARDER_ERROR_MAX, "members[%zu] cannot be read", i);
            return E_SYNTAX;
        }
        r->n++;
    }
    return 0;
}

int forwarder_reading_take(struct forwarder_reading *r, const json_t *result, const char *service,
                           char error[FORWARDER_ERROR_MAX])
{
    const json_t *members = json_object_get(result, "members");
    const json_int_t version = number_of(result, "version");
    *r = (struct forwarder_reading){0};
    if (!json_is_array(members) || version < 0 || version > FORWARDER_VERSION_MAX) {
        snprintf(error, FORWARDER_ERROR_MAX, "no list of members with a version");
        return E_SYNTAX;
    }
    r->document = json_incref((json_t *)(uintptr_t)result);
    r->version = (uint64_t)version;
    int e = take_members(r, members, service, error);
    if (e)
        forwarder_reading_free(r);
    return e;
}

void forwarder_reading_free(struct forwarder_reading *r)
{
    free(r->v);
    json_decref(r->document);
    *r = (struct forwarder_reading){0};
}

/* ---- what it is told ---- */

struct serving forwarder_shown(struct serving target)
{
    switch (target.serves) {
    case SERVES_READY:
        return target;
    case SERVES_DOWN:
    case SERVES_MAINT:
        return (struct serving){SERVES_DOWN, 0};
    default:
        return (struct serving){SERVES_DRAIN, 0};
    }
}

void forwarder_ask(struct buf *out, const char *service)
{
    tier_json_print(out, json_pack("{s:s, s:o}", "command", "members", "service",
                                   tier_json_text(service)));
}

static const char *key_of(const struct tier_spec *spec, const struct tier_row *row,
                          const struct forwarder_reading *before)
{
    if (row->member < spec->n_members)
        return spec->members[row->member].key;
    for (uint32_t i = 0; i < before->n; i++)
        if (before->v[i].seen.port == row->port && ip_equal(&before->v[i].seen.addr, &row->addr))
            return before->v[i].key;
    return NULL;
}

static void add_member(json_t *members, const char *key, const struct tier_row *row)
{
    static const char *const words[] = {
        [SERVES_READY] = "up", [SERVES_DOWN] = "down", [SERVES_DRAIN] = "drain"};
    const struct serving shown = forwarder_shown(row->target);
    char addr[IP_TEXT_MAX];
    json_array_append_new(members,
                          json_pack("{s:o, s:s, s:i, s:i, s:s}", "key", tier_json_text(key),
                                    "address", ip_text(addr, &row->addr), "port", (int)row->port,
                                    "weight", (int)shown.weight, "state", words[shown.serves]));
}

uint64_t forwarder_next_version(uint64_t last, int64_t wall_ms)
{
    uint64_t next = tier_next_version(last, wall_ms);
    return next <= FORWARDER_VERSION_MAX ? next : 1;
}

void forwarder_tell(struct buf *out, const char *service, const char *node, uint64_t version,
                    const struct tier_spec *spec, const struct tier_row *rows, size_t n,
                    const struct forwarder_reading *before)
{
    json_t *members = json_array();
    for (size_t i = 0; i < n; i++) {
        const char *key = key_of(spec, &rows[i], before);
        if (rows[i].target.serves != SERVES_GONE && key)
            add_member(members, key, &rows[i]);
    }
    json_t *request =
        json_pack("{s:s, s:o, s:I, s:o}", "command", "members", "service", tier_json_text(service),
                  "version", (json_int_t)version, "members", members);
    if (*node)
        json_object_set_new(request, "node", tier_json_text(node));
    tier_json_print(out, request);
}

bool forwarder_took(const json_t *result, const char *service, uint64_t version)
{
    return strcmp(tier_json_get(result, "service"), service) == 0 &&
           number_of(result, "version") == (json_int_t)version;
}
