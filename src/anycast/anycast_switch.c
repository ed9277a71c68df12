/* SPDX-License-Identifier: Apache-2.0
 * Prefix sets that come into force. */
#include "anycast/anycast_internal.h"

#include "base/clock.h"
#include "base/turns.h"

static const char *node_name(const struct anycast *a, const struct anycast_set *set)
{
    return set && set->node[0] ? set->node : checker_orders(a->checker)->node;
}

void anycast_switch(struct anycast *a, struct anycast_set *set, const struct model *model)
{
    const int64_t began_us = clock_mono_us();
    struct anycast_set *before = a->set;
    anycast_follow_views(a, set);
    inputs_batch_free(a->sent);
    a->sent = NULL;
    a->set = set ? anycast_set_hold(set) : NULL;
    a->model = model;
    (void)subscription_take(a->subscription);
    anycast_thread_switch(a->thread, set ? anycast_set_hold(set) : NULL, node_name(a, set));
    anycast_set_release(before);
    anycast_send_inputs(a);
    turns_part("prefix sets put in force", began_us);
}
