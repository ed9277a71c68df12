/* SPDX-License-Identifier: Apache-2.0
 * A tier as others may look at it. */
#include "tier/view.h"

const char *tier_state_text(enum tier_state state)
{
    static const char *const texts[] = {
        [TIER_OK] = "ok",           [TIER_APPLYING] = "applying",
        [TIER_STALE] = "stale",     [TIER_UNREACHABLE] = "unreachable",
        [TIER_REFUSED] = "refused",
    };
    return texts[state];
}

const char *tier_error_text(enum tier_error error)
{
    static const char *const texts[TIER_ERRORS] = {
        [TIER_ERROR_UNREACHABLE] = "unreachable",
        [TIER_ERROR_DENIED] = "denied",
        [TIER_ERROR_TIMEOUT] = "timeout",
        [TIER_ERROR_PROTOCOL] = "protocol",
        [TIER_ERROR_REJECTED] = "rejected",
        [TIER_ERROR_FOREIGN] = "foreign",
        [TIER_ERROR_DISK] = "disk",
    };
    return texts[error];
}

struct tier_view *tier_view_hold(struct tier_view *view)
{
    atomic_fetch_add_explicit(&view->n_holds, 1, memory_order_relaxed);
    return view;
}

void tier_view_release(struct tier_view *view)
{
    if (!view || atomic_fetch_sub_explicit(&view->n_holds, 1, memory_order_acq_rel) > 1)
        return;
    tier_set_release(view->set);
    client_rtts_release(view->clients);
    arena_free(view->arena);
}
