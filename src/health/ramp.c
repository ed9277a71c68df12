/* SPDX-License-Identifier: Apache-2.0
 * Slow starts: who has begun to serve, and its next step. */
#include "health/ramp.h"

#include "base/clock.h"
#include "base/hash.h"
#include "health/internal.h"

#include <stdlib.h>

#define STEPS (SHARE_FULL - 1)

static uint32_t slow_start_ms(const struct checker *c, uint32_t endpoint)
{
    return c->model->pools[c->model->endpoints[endpoint].pool].slow_start_ms;
}

static void set_ramp(struct checker *c, uint32_t endpoint, uint8_t ramp)
{
    if (endpoint_ramp(&c->states[endpoint]) == ramp)
        return;
    c->states[endpoint].ramp = ramp;
    endpoints_mark_changed(c, endpoint);
}

/* ---- steps ---- */

/* Where it is by now, and when it goes on. */
static void follow(struct checker *c, uint32_t endpoint, int64_t now_ms)
{
    int64_t total_ms = slow_start_ms(c, endpoint);
    int64_t began_ms = c->standings[endpoint].ramp_began_ms;
    int64_t done = now_ms > began_ms ? (now_ms - began_ms) * STEPS / total_ms : 0;
    if (done >= STEPS) {
        set_ramp(c, endpoint, SHARE_FULL);
        return;
    }
    set_ramp(c, endpoint, (uint8_t)(1 + done));
    wheel_start(&c->ramp.wheel, &c->ramp.entries[endpoint],
                began_ms + ((done + 1) * total_ms + STEPS - 1) / STEPS);
}

static void on_step(void *ctx, struct wheel_entry *entry)
{
    struct checker *c = ctx;
    follow(c, (uint32_t)(entry - c->ramp.entries), clock_mono_ms());
}

void ramp_step(struct checker *c)
{
    if (c->ramp.entries)
        wheel_advance(&c->ramp.wheel, clock_mono_ms(), on_step, c);
}

/* ---- who begins ---- */

static void begin(struct checker *c, uint32_t endpoint, int64_t now_ms)
{
    uint32_t pool = c->model->endpoints[endpoint].pool;
    uint64_t step_ms = slow_start_ms(c, endpoint) / STEPS + 1u;
    c->standings[endpoint].ramp_began_ms =
        now_ms + (int64_t)(hash_mix(pool + HASH_K0, HASH_K1) % step_ms);
    follow(c, endpoint, now_ms);
}

static void end(struct checker *c, uint32_t endpoint)
{
    wheel_stop(&c->ramp.entries[endpoint]);
    set_ramp(c, endpoint, SHARE_FULL);
}

static void look_at(struct checker *c, uint32_t endpoint, bool resync, int64_t now_ms)
{
    const struct endpoint_state *s = &c->states[endpoint];
    struct standing *standing = &c->standings[endpoint];
    uint8_t seen = standing->ramp_seen;
    bool serves = endpoint_serves(s) && endpoint_weight(&c->model->endpoints[endpoint], s) > 0;
    standing->ramp_seen = serves ? RAMP_SERVES : RAMP_IDLE;
    if (!serves || slow_start_ms(c, endpoint) == 0)
        end(c, endpoint);
    else if (seen == RAMP_IDLE || seen == RAMP_NEW)
        begin(c, endpoint, now_ms);
    else if (resync && endpoint_ramp(s) < SHARE_FULL) /* in another model: its step is not set */
        follow(c, endpoint, now_ms);
}

/* What is known of endpoints stands with them (struct standing), so that it moves with them to
 * another model; only the wheel is made anew. */
static void resync(struct checker *c)
{
    bool any = false;
    for (uint32_t p = 0; p < c->model->n_pools; p++)
        any |= c->model->pools[p].slow_start_ms > 0;
    free(c->ramp.entries);
    c->ramp.entries = any ? xcalloc(c->model->n_endpoints, sizeof *c->ramp.entries) : NULL;
    wheel_init(&c->ramp.wheel, clock_mono_ms());
    for (uint32_t e = 0; !any && e < c->model->n_endpoints; e++) {
        c->standings[e].ramp_seen = RAMP_UNSEEN; /* nobody looks from now on */
        set_ramp(c, e, SHARE_FULL);
    }
}

static void on_wake(void *ctx, struct subscription *subscription)
{
    struct checker *c = ctx;
    const struct changes changes = subscription_take(subscription);
    int64_t now_ms = clock_mono_ms();
    if (changes.everything)
        resync(c);
    for (uint32_t i = 0; c->ramp.entries && i < changes.n; i++)
        look_at(c, changes.endpoints[i], changes.everything, now_ms);
}

void ramp_init(struct checker *c)
{
    const struct subscriber subscriber = {.name = "ramp", .ctx = c, .wake = on_wake};
    wheel_init(&c->ramp.wheel, clock_mono_ms());
    c->ramp.subscription = checker_subscribe(c, &subscriber);
}

void ramp_free(struct ramp *ramp)
{
    free(ramp->entries);
}
