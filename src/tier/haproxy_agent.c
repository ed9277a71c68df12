/* SPDX-License-Identifier: Apache-2.0
 * HAProxy's agent checks of one tier. */
#include "tier/haproxy_internal.h"

#include "base/clock.h"
#include "tier/tiers_thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK_MS 100 /* between looks for what is not known, of which there may be one a request */
#define QUIET_MS 30000 /* without a check: the default of agent-inter is 2 s */

static uint32_t find_member(const struct driver *driver, struct slice name)
{
    return strmap_get(&driver->agent.members, name);
}

/** One that has left the configuration, and is still to be seen in HAProxy, drains. */
static struct serving serving_of_left(const struct driver *driver, struct slice name)
{
    const struct tier_table *table = driver->host->table(driver->host->ctx);
    for (size_t i = 0; i < table->rows.n; i++) {
        const struct tier_row *row = &table->rows.v[i];
        if (row->member == MODEL_NONE && slice_equal(slice_str(row->name), name))
            return row->target;
    }
    return (struct serving){.serves = SERVES_UNKNOWN};
}

/** At a start nothing is told before all members have a result, for as long as the reconciler waits
 *  for that: half a table could be all that is down. */
static bool is_released(struct driver *driver)
{
    struct haproxy_agent *agent = &driver->agent;
    const struct tier_table *table = driver->host->table(driver->host->ctx);
    int64_t now_ms = clock_mono_ms();
    if (agent->released || now_ms < agent->look_ms)
        return agent->released;
    agent->look_ms = now_ms + LOOK_MS;
    agent->released = true;
    for (size_t i = 0; i < table->rows.n && agent->released; i++)
        agent->released = table->rows.v[i].wanted.serves != SERVES_UNKNOWN;
    agent->released |= table->released || now_ms - agent->since_ms >= RECONCILE_HOLD_MS;
    return agent->released;
}

static size_t on_ask(void *ctx, char out[AGENT_LINE_MAX], struct slice name)
{
    struct driver *driver = ctx;
    uint32_t member = find_member(driver, name);
    if (member == STRMAP_NONE)
        return agent_answer(out, serving_of_left(driver, name), "");
    driver->agent.asked_ms[member] = clock_mono_ms();
    const struct tier_row *row = haproxy_row(driver, member);
    if (!row || row->foreign || row->wanted.serves == SERVES_UNKNOWN || !is_released(driver))
        return 0;
    return agent_answer(out, row->target, driver->host->reason(driver->host->ctx, member));
}

void haproxy_agent_open(struct driver *driver)
{
    struct haproxy_agent *agent = &driver->agent;
    const struct tier_spec *spec = driver->host->spec;
    const struct tier *config = spec->config;
    char name[80];
    agent->listener = -1;
    if (config->haproxy.agent.addr.family == IP_NONE)
        return;
    for (uint32_t i = 0; i < spec->n_members; i++)
        strmap_add(&agent->members, slice_str(spec->members[i].name), i);
    agent->asked_ms = xcalloc(spec->n_members, sizeof *agent->asked_ms);
    agent->since_ms = clock_mono_ms();
    agent->tier = (struct agent_tier){.name = spec->name, .ctx = driver, .answer = on_ask};
    agent_listener_name(name, config);
    int listener = driver->host->descriptor(driver->host->ctx, name);
    if (listener < 0)
        snprintf(driver->refused, sizeof driver->refused, "there is no listener for its %s", name);
    else if (agents_join(driver->host->agents, listener, &agent->tier) != 0)
        snprintf(driver->refused, sizeof driver->refused, "its %s: %s", name, strerror(errno));
    else
        agent->listener = listener;
}

void haproxy_agent_close(struct driver *driver)
{
    struct haproxy_agent *agent = &driver->agent;
    if (agent->listener >= 0)
        agents_leave(driver->host->agents, agent->listener, &agent->tier);
    strmap_free(&agent->members);
    free(agent->asked_ms);
}

void haproxy_agent_note(const struct driver *driver, struct buf *note)
{
    const struct haproxy_agent *agent = &driver->agent;
    const struct tier_spec *spec = driver->host->spec;
    int64_t now_ms = clock_mono_ms();
    uint32_t n_quiet = 0, first = 0;
    if (agent->listener < 0 || now_ms - agent->since_ms < QUIET_MS)
        return;
    for (uint32_t i = 0; i < spec->n_members; i++) {
        if (agent->asked_ms[i] && now_ms - agent->asked_ms[i] < QUIET_MS)
            continue;
        if (n_quiet++ == 0)
            first = i;
    }
    if (n_quiet > 0)
        buf_printf(note, "%sno agent check asks for %u of its members (agent-send \"%s/%s\\n\")",
                   note->n ? "; " : "", n_quiet, spec->name, spec->members[first].name);
}
