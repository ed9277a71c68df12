/* SPDX-License-Identifier: Apache-2.0
 * Workers on their way out: those of a process that is replaced. */
#include "l4/forwarder_pass.h"

#include "l4/heir.h"

#include <stdlib.h>

#define PIECE 4096 /* flows that a worker looks up in one turn of its loop: some 100 us */

/** Of a worker. */
struct passed {
    struct forwarder *f;
    struct udp_handed *flows;
    uint32_t n, at;
};

struct passing {
    uint32_t n, n_left; /* workers */
    bool taken_back;
    VEC(struct member *) members; /* held: flows may end before they are written down */
    struct passed v[];
};

void passing_free(struct passing *p)
{
    for (uint32_t i = 0; p && i < p->n; i++)
        free(p->v[i].flows);
    if (p)
        vec_free(&p->members);
    free(p);
}

static void hold_members(struct passing *p, const struct registry *registry)
{
    uint32_t n;
    struct member *const *members = registry_members(registry, &n);
    for (uint32_t i = 0; i < n; i++) {
        *vec_push(&p->members) = members[i];
        members[i]->n_plans++;
    }
}

static void on_passed(void *arg)
{
    struct forwarder *f = arg;
    struct passing *p = f->passing;
    if (--p->n_left > 0)
        return;
    if (!p->taken_back)
        heir_go(f);
    for (size_t i = 0; i < p->members.n; i++)
        registry_drop_member(f->registry, p->members.v[i]);
    f->passing = NULL;
    passing_free(p);
}

/** On the worker, behind worker_drain(): no flow begins any more, so entries keep their numbers. */
static void pass(struct worker *worker, void *arg)
{
    struct passed *passed = arg;
    passed->flows = xrealloc(passed->flows, (passed->n + PIECE) * sizeof *passed->flows);
    passed->n += udp_hand_on(worker->udp, passed->flows + passed->n, PIECE, &passed->at);
    if (passed->at == UINT32_MAX)
        mailbox_post(passed->f->mailbox, on_passed, passed->f);
    else
        worker_post(worker, pass, passed);
}

bool passing_begin(struct forwarder *f)
{
    if (f->passing)
        return false;
    struct passing *p = xcalloc(1, sizeof *p + f->n_workers * sizeof p->v[0]);
    p->n = p->n_left = f->n_workers;
    hold_members(p, f->registry);
    f->passing = p;
    for (uint32_t i = 0; i < f->n_workers; i++) {
        p->v[i].f = f;
        worker_drain(f->hands[i].worker, MEMBER_NEVER, true);
        worker_post(f->hands[i].worker, pass, &p->v[i]);
    }
    return true;
}

void passing_take_back(struct forwarder *f)
{
    f->passing->taken_back = true;
    for (uint32_t i = 0; i < f->n_workers; i++)
        worker_undrain(f->hands[i].worker);
}

const struct udp_handed *passing_flows(const struct passing *p, uint32_t nth, uint32_t *n)
{
    *n = p->v[nth].n;
    return p->v[nth].flows;
}
