/* SPDX-License-Identifier: Apache-2.0
 * What the thread of the tiers is asked by the control thread. */
#include "tier/thread_internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct request {
    struct tiers_thread *thread;
    struct given_set given;
    struct given_listener *listeners;
    char node[128];
    struct states_batch *batch;
    uint32_t tier;
    void *ticket;
};

static struct given_listener *find_listener(struct tiers_thread *t, const char *name)
{
    for (size_t i = 0; i < t->listeners.n; i++)
        if (strcmp(t->listeners.v[i].name, name) == 0)
            return &t->listeners.v[i];
    return NULL;
}

/** A listener that goes on keeps its descriptor, by which engines know it. */
static void take_listeners(struct tiers_thread *t, const struct given_listener *v, uint32_t n)
{
    for (size_t i = 0; i < t->listeners.n; i++)
        *vec_push(&t->retired) = t->listeners.v[i];
    t->listeners.n = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (find_listener(t, v[i].name)) {
            close(v[i].fd);
            continue;
        }
        *vec_push(&t->listeners) = v[i];
        for (size_t k = 0; k < t->retired.n; k++) {
            if (strcmp(t->retired.v[k].name, v[i].name) != 0)
                continue;
            close(v[i].fd);
            t->listeners.v[t->listeners.n - 1] = t->retired.v[k];
            t->retired.v[k] = t->retired.v[--t->retired.n];
            break;
        }
    }
}

static void do_switch(void *arg)
{
    struct request *r = arg;
    struct tiers_thread *t = r->thread;
    if (!t->stopping) {
        snprintf(t->node, sizeof t->node, "%s", r->node);
        take_listeners(t, r->listeners, r->given.n_listeners);
        thread_take_set(t, r->given.set);
    } else {
        for (uint32_t i = 0; i < r->given.n_listeners; i++)
            close(r->listeners[i].fd);
    }
    tier_set_release(r->given.set);
    free(r->listeners);
    free(r);
}

static void do_put(void *arg)
{
    struct request *r = arg;
    if (!r->thread->stopping)
        thread_take_batch(r->thread, r->batch);
    states_batch_free(r->batch);
    free(r);
}

static void do_look(void *arg)
{
    struct request *r = arg;
    struct tiers_thread *t = r->thread;
    struct look_ticket *ticket = xcalloc(1, sizeof *ticket);
    *ticket = (struct look_ticket){1, r->ticket};
    for (size_t i = 0; i < t->seats.n; i++) {
        struct seat *seat = t->seats.v[i];
        /* A set that is to come has other numbers. */
        bool asked = seat->tier != MODEL_NONE &&
                     (r->tier == MODEL_NONE || t->has_next || r->tier == seat->tier);
        if (!asked || seat->has_ended)
            continue;
        ticket->n_left++;
        engine_look(seat->engine, ticket);
    }
    thread_end_look(t, ticket);
    free(r);
}

void tiers_thread_switch(struct tiers_thread *t, const struct given_set *given)
{
    struct request *r = xcalloc(1, sizeof *r);
    r->thread = t;
    r->given = *given;
    r->listeners = xcalloc(given->n_listeners, sizeof *r->listeners);
    if (given->n_listeners > 0)
        memcpy(r->listeners, given->listeners, given->n_listeners * sizeof *r->listeners);
    snprintf(r->node, sizeof r->node, "%s", given->node);
    drive_post(t->drive, do_switch, r);
}

void tiers_thread_put(struct tiers_thread *t, struct states_batch *batch)
{
    struct request *r = xcalloc(1, sizeof *r);
    r->thread = t;
    r->batch = batch;
    drive_post(t->drive, do_put, r);
}

void states_batch_free(struct states_batch *batch)
{
    if (!batch)
        return;
    tier_set_release(batch->set);
    free(batch->slots);
    free(batch->states);
    free(batch);
}

void tiers_thread_look(struct tiers_thread *t, uint32_t tier, void *ticket)
{
    struct request *r = xcalloc(1, sizeof *r);
    r->thread = t;
    r->tier = tier;
    r->ticket = ticket;
    drive_post(t->drive, do_look, r);
}

static void do_stop(void *arg)
{
    thread_stop(arg);
}

void tiers_thread_stop(struct tiers_thread *t)
{
    drive_post(t->drive, do_stop, t);
}
