/* SPDX-License-Identifier: Apache-2.0
 * Prefix sets and speakers as others may look at them. */
#include "anycast/view.h"

struct anycast_view *anycast_view_hold(struct anycast_view *view)
{
    atomic_fetch_add_explicit(&view->n_holds, 1, memory_order_relaxed);
    return view;
}

void anycast_view_release(struct anycast_view *view)
{
    if (!view || atomic_fetch_sub_explicit(&view->n_holds, 1, memory_order_acq_rel) > 1)
        return;
    anycast_set_release(view->set);
    arena_free(view->arena);
}

struct speaker_view *speaker_view_hold(struct speaker_view *view)
{
    atomic_fetch_add_explicit(&view->n_holds, 1, memory_order_relaxed);
    return view;
}

void speaker_view_release(struct speaker_view *view)
{
    if (!view || atomic_fetch_sub_explicit(&view->n_holds, 1, memory_order_acq_rel) > 1)
        return;
    anycast_set_release(view->set);
    arena_free(view->arena);
}
