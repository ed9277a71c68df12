/* SPDX-License-Identifier: Apache-2.0
 * A queue of probes. */
#include "health/waiting.h"

#include "health/plan.h"

void waiting_add(struct waiting *w, struct probe *p)
{
    p->queued = true;
    p->queue_prev = w->last;
    p->queue_next = NULL;
    if (w->last)
        w->last->queue_next = p;
    else
        w->first = p;
    w->last = p;
}

void waiting_add_first(struct waiting *w, struct probe *p)
{
    p->queued = true;
    p->queue_prev = NULL;
    p->queue_next = w->first;
    if (w->first)
        w->first->queue_prev = p;
    else
        w->last = p;
    w->first = p;
}

void waiting_remove(struct waiting *w, struct probe *p)
{
    p->queued = false;
    if (p->queue_prev)
        p->queue_prev->queue_next = p->queue_next;
    else
        w->first = p->queue_next;
    if (p->queue_next)
        p->queue_next->queue_prev = p->queue_prev;
    else
        w->last = p->queue_prev;
}

struct probe *waiting_take(struct waiting *w)
{
    struct probe *p = w->first;
    if (p)
        waiting_remove(w, p);
    return p;
}
