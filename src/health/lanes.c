/* SPDX-License-Identifier: Apache-2.0
 * How commands share slots. */
#include "health/lanes.h"

#include "base/strmap.h"
#include "base/units.h"

#include <stdlib.h>

/** Commands that a lane has in flight at a time when all run into their timeout, >= 1. */
static uint32_t need_of(const struct lane *lane, const struct check *check)
{
    uint64_t ms = (uint64_t)lane->n_probes * check->timeout_ms;
    uint64_t n = (ms + check->interval_ms - 1) / check->interval_ms;
    return n < 1 ? 1 : n > lane->n_probes ? lane->n_probes : (uint32_t)n;
}

/* Numbers the lanes; returns how many there are. */
static uint32_t number_lanes(struct plan *plan, const struct model *model)
{
    struct strmap by_key = {0};
    struct arena *scratch = arena_new();
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->n_probes; i++) {
        struct probe *p = &plan->probes[i];
        const uint32_t key[] = {p->check_index, model->endpoints[p->subject].pool};
        p->lane = MODEL_NONE;
        if (p->check->def.type != CHECK_EXEC)
            continue;
        struct slice bytes = slice_of((const uint8_t *)key, sizeof key);
        p->lane = strmap_get(&by_key, bytes);
        if (p->lane != STRMAP_NONE)
            continue;
        p->lane = n++;
        strmap_add(&by_key, slice_of(arena_copy(scratch, key, sizeof key), sizeof key), p->lane);
    }
    strmap_free(&by_key);
    arena_free(scratch);
    return n;
}

/* One to each lane that needs more, round by round. With more lanes than slots each has one, which
 * it then has to wait for. */
static void deal(struct plan *plan, uint32_t n_slots)
{
    uint32_t left = n_slots < plan->n_lanes ? plan->n_lanes : n_slots;
    for (bool any = true; any && left > 0;) {
        any = false;
        for (uint32_t i = 0; i < plan->n_lanes && left > 0; i++) {
            struct lane *lane = &plan->lanes[i];
            if (lane->n_slots >= lane->need)
                continue;
            lane->n_slots++;
            left--;
            any = true;
        }
    }
}

void lanes_make(struct plan *plan, const struct model *model, uint32_t n_slots)
{
    plan->n_lanes = number_lanes(plan, model);
    plan->lanes = arena_calloc(plan->arena, plan->n_lanes + 1u, sizeof *plan->lanes);
    for (uint32_t i = 0; i < plan->n_probes; i++) {
        const struct probe *p = &plan->probes[i];
        if (p->lane == MODEL_NONE)
            continue;
        struct lane *lane = &plan->lanes[p->lane];
        lane->n_probes++;
        lane->need = need_of(lane, &p->check->def);
    }
    deal(plan, n_slots);
}

uint32_t lanes_reserved(const struct plan *plan, uint32_t n_slots)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->n_lanes; i++) {
        const struct lane *lane = &plan->lanes[i];
        n += lane->n_slots > lane->n_in_flight ? lane->n_slots - lane->n_in_flight : 0;
    }
    /* With more lanes than slots, half of the slots are for whoever comes. */
    return plan->n_lanes > n_slots && n > n_slots / 2 ? n_slots / 2 : n;
}

bool lane_may_start(const struct lane *lane, uint32_t n_free, uint32_t n_reserved)
{
    return n_free > 0 && (lane->n_in_flight < lane->n_slots || n_free > n_reserved);
}

void lanes_warn(const struct model *model, struct diags *diags)
{
    uint32_t n_checks = 0, n_slots = model->server.exec_concurrency;
    for (uint32_t i = 0; i < model->n_checks; i++)
        n_checks += model->checks[i].type == CHECK_EXEC;
    if (n_checks == 0)
        return;
    struct plan *plan = plan_new(model, NULL);
    const struct probe *worst = NULL;
    uint64_t need = 0;
    for (uint32_t i = 0; i < plan->n_lanes; i++)
        need += plan->lanes[i].need;
    for (uint32_t i = 0; i < plan->n_probes; i++) {
        const struct probe *p = &plan->probes[i];
        if (p->lane != MODEL_NONE &&
            (!worst || plan->lanes[p->lane].need > plan->lanes[worst->lane].need))
            worst = p;
    }
    if (worst && need > n_slots) {
        char timeout[UNITS_TEXT_MAX], interval[UNITS_TEXT_MAX];
        const struct check *check = &model->checks[worst->check_index];
        diag_warning(
            diags, check->span,
            "commands that hang need %llu slots (this check, in pool %s: %u probe%s, %s of "
            "every %s) and 'server.exec_concurrency' is %u: probes will come late; raise "
            "it, or lower 'timeout'",
            (unsigned long long)need, model->pools[model->endpoints[worst->subject].pool].name,
            plan->lanes[worst->lane].n_probes, units_plural(plan->lanes[worst->lane].n_probes),
            units_duration_text(timeout, check->timeout_ms),
            units_duration_text(interval, check->interval_ms), n_slots);
    }
    plan_free(plan);
}
