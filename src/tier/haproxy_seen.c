/* SPDX-License-Identifier: Apache-2.0
 * What was read of HAProxy, as an observation and a note of what is odd in it. */
#include "tier/haproxy_internal.h"

#include <stdio.h>
#include <stdlib.h>

/** Which member a server is, by its address; MODEL_NONE: none, or not by that. */
struct by_address {
    struct strmap map; /* from keys to members */
    uint8_t (*keys)[sizeof(struct ip) + 2];
};

static void key_set(uint8_t key[sizeof(struct ip) + 2], const struct ip *addr, uint16_t port)
{
    memcpy(key, addr, sizeof *addr);
    key[sizeof *addr] = (uint8_t)(port >> 8);
    key[sizeof *addr + 1] = (uint8_t)port;
}

static void index_members(struct by_address *index, const struct tier_spec *spec)
{
    index->keys = xcalloc(spec->n_members, sizeof *index->keys);
    for (uint32_t i = 0; i < spec->n_members; i++) {
        key_set(index->keys[i], &spec->members[i].addr, spec->members[i].port);
        strmap_add(&index->map, slice_of(index->keys[i], sizeof index->keys[i]), i);
    }
}

static uint32_t member_at(const struct by_address *index, const struct haproxy_server *server)
{
    uint8_t key[sizeof(struct ip) + 2];
    key_set(key, &server->addr, server->port);
    uint32_t member = strmap_get(&index->map, slice_of(key, sizeof key));
    return member == STRMAP_NONE ? MODEL_NONE : member;
}

static void index_free(struct by_address *index)
{
    strmap_free(&index->map);
    free(index->keys);
}

/** What is odd: how many servers, and the first. */
struct oddities {
    struct {
        uint32_t n;
        const char *name;
    } stopped, coarse, twins, homeless;
};

static void note_odd(uint32_t *n, const char **name, const char *of)
{
    if ((*n)++ == 0)
        *name = of;
}

static void add_odd(struct buf *note, uint32_t n, const char *name, const char *what)
{
    if (n == 0)
        return;
    buf_printf(note, "%s%s: %s", note->n ? "; " : "", what, name);
    if (n > 1)
        buf_printf(note, " and %u more", n - 1);
}

static void make_note(const struct driver *driver, const struct oddities *odd,
                      struct observation *seen)
{
    struct buf note = {0};
    add_odd(&note, odd->coarse.n, odd->coarse.name,
            "percentages are rounded down, as without `weight 100` in HAProxy's configuration");
    add_odd(&note, odd->stopped.n, odd->stopped.name, "held down by HAProxy's own check");
    add_odd(&note, odd->twins.n, odd->twins.name,
            "not driven, as another server has that address and port");
    add_odd(&note, odd->homeless.n, odd->homeless.name,
            "without an address in HAProxy, so that none can be given");
    haproxy_agent_note(driver, &note);
    snprintf(seen->note, sizeof seen->note, "%s", note.p ? note.p : "");
    buf_free(&note);
}

static struct serving target_of(const struct driver *driver, uint32_t member)
{
    const struct tier_row *row = member == MODEL_NONE ? NULL : haproxy_row(driver, member);
    return row ? row->target : (struct serving){.serves = SERVES_UNKNOWN};
}

/** Of servers with the address of a member, the one of its name is it, else the first. */
static uint32_t *choose(const struct driver *driver, const struct by_address *index)
{
    const struct tier_spec *spec = driver->host->spec;
    const struct haproxy_reading *now = &driver->now;
    uint32_t *chosen = xcalloc(spec->n_members, sizeof *chosen);
    for (uint32_t i = 0; i < spec->n_members; i++)
        chosen[i] = UINT32_MAX;
    for (uint32_t i = 0; i < now->servers.n; i++) {
        uint32_t member = member_at(index, &now->servers.v[i]);
        if (member == MODEL_NONE)
            continue;
        const char *name = haproxy_server_name(now, &now->servers.v[i]);
        if (chosen[member] == UINT32_MAX || strcmp(name, spec->members[member].name) == 0)
            chosen[member] = i;
    }
    return chosen;
}

static void see_server(const struct driver *driver, const struct haproxy_server *server,
                       uint32_t member, struct observed *out)
{
    enum haproxy_scale scale = haproxy_scale(driver);
    *out = (struct observed){.addr = server->addr,
                             .port = server->port,
                             .name = haproxy_server_name(&driver->now, server),
                             .serving = haproxy_serving(server, scale, target_of(driver, member)),
                             .active = server->active,
                             .inactive = -1,
                             .n_total = server->n_total,
                             .bytes_in = server->bytes_in,
                             .bytes_out = server->bytes_out};
}

static void find_odd(const struct driver *driver, const struct haproxy_server *server,
                     uint32_t member, struct oddities *odd)
{
    const char *name = haproxy_server_name(&driver->now, server);
    struct serving target = target_of(driver, member);
    if (haproxy_scale(driver) == HAPROXY_PERCENT && server->initial_weight != TIER_WEIGHT_FULL)
        note_odd(&odd->coarse.n, &odd->coarse.name, name);
    if (target.serves == SERVES_READY && target.weight > 0 && server->admin_state == 0 &&
        server->op_state == HAPROXY_OP_STOPPED)
        note_odd(&odd->stopped.n, &odd->stopped.name, name);
}

static bool is_named(const struct tier_spec *spec, const char *name)
{
    for (uint32_t i = 0; i < spec->n_members; i++) {
        if (strcmp(spec->members[i].name, name) == 0)
            return true;
    }
    return false;
}

void haproxy_seen(struct driver *driver, struct observation *seen)
{
    const struct haproxy_reading *now = &driver->now;
    struct by_address index = {0};
    struct oddities odd = {0};
    index_members(&index, driver->host->spec);
    uint32_t *chosen = choose(driver, &index);
    *seen = (struct observation){.exists = !now->no_backend};
    seen->v = xcalloc(now->servers.n + 1, sizeof *seen->v);
    for (uint32_t i = 0; i < now->servers.n; i++) {
        const struct haproxy_server *server = &now->servers.v[i];
        uint32_t member = member_at(&index, server);
        if (server->addr.family == IP_NONE) {
            if (is_named(driver->host->spec, haproxy_server_name(now, server)))
                note_odd(&odd.homeless.n, &odd.homeless.name, haproxy_server_name(now, server));
            continue;
        }
        if (member != MODEL_NONE && chosen[member] != i) {
            note_odd(&odd.twins.n, &odd.twins.name, haproxy_server_name(now, server));
            continue;
        }
        see_server(driver, server, member, &seen->v[seen->n++]);
        if (member != MODEL_NONE)
            find_odd(driver, server, member, &odd);
    }
    make_note(driver, &odd, seen);
    free(chosen);
    index_free(&index);
}

/** What is answered when HAProxy asks, as nothing tells what it makes of it. */
void haproxy_seen_by_agent(struct driver *driver, struct observation *seen)
{
    const struct tier_spec *spec = driver->host->spec;
    const struct tier_table *table = driver->host->table(driver->host->ctx);
    struct buf note = {0};
    *seen = (struct observation){.exists = true, .is_ours = true};
    seen->v = xcalloc(spec->n_members + table->rows.n, sizeof *seen->v);
    for (uint32_t i = 0; i < spec->n_members; i++) {
        const struct tier_member *member = &spec->members[i];
        seen->v[seen->n++] = (struct observed){.addr = member->addr,
                                               .port = member->port,
                                               .name = member->name,
                                               .serving = haproxy_shown(target_of(driver, i)),
                                               .active = -1,
                                               .inactive = -1};
    }
    for (size_t i = 0; i < table->rows.n; i++) {
        const struct tier_row *row = &table->rows.v[i];
        if (row->member == MODEL_NONE && row->present && row->target.serves != SERVES_GONE)
            seen->v[seen->n++] = (struct observed){.addr = row->addr,
                                                   .port = row->port,
                                                   .name = row->name,
                                                   .serving = haproxy_shown(row->target),
                                                   .active = -1,
                                                   .inactive = -1};
    }
    haproxy_agent_note(driver, &note);
    snprintf(seen->note, sizeof seen->note, "%s", note.p ? note.p : "");
    buf_free(&note);
}

void haproxy_seen_free(struct observation *seen)
{
    free(seen->v);
}
