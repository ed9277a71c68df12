/* SPDX-License-Identifier: Apache-2.0
 * The lists of TCP connections. */
#include "io/tcp_lists.h"

static void append(struct tcp_lists *l, struct tcp_conn *c, enum tcp_place place, int64_t now_ms)
{
    struct tcp_list *list = &l->list[place];
    c->place = (uint8_t)place;
    c->since_ms = now_ms;
    c->prev = list->tail;
    c->next = NULL;
    *(list->tail ? &list->tail->next : &list->head) = c;
    list->tail = c;
}

void tcp_lists_add(struct tcp_lists *l, struct tcp_conn *c, int64_t now_ms)
{
    append(l, c, TCP_NEW, now_ms);
}

void tcp_lists_remove(struct tcp_lists *l, struct tcp_conn *c)
{
    struct tcp_list *list = &l->list[c->place];
    *(c->prev ? &c->prev->next : &list->head) = c->next;
    *(c->next ? &c->next->prev : &list->tail) = c->prev;
}

static enum tcp_place place_of(const struct tcp_lists *l, const struct tcp_conn *c)
{
    if (c->place == TCP_NEW && !c->progress && !(l->stopping && c->in))
        return TCP_NEW;
    return tcp_conn_is_idle(c) ? TCP_IDLE : TCP_BUSY;
}

void tcp_lists_follow(struct tcp_lists *l, struct tcp_conn *c, int64_t now_ms)
{
    bool taken = c->progress && !c->out;
    enum tcp_place place = place_of(l, c);
    if (place == c->place && !taken)
        return;
    tcp_lists_remove(l, c);
    c->progress &= !taken;
    append(l, c, place, now_ms);
}

/** The older one; either may be NULL. */
static struct tcp_conn *older(struct tcp_conn *a, struct tcp_conn *b)
{
    return !a || (b && b->since_ms < a->since_ms) ? b : a;
}

struct tcp_conn *tcp_lists_least_missed(const struct tcp_lists *l, int64_t now_ms)
{
    struct tcp_conn *idle = l->list[TCP_IDLE].head;
    struct tcp_conn *waiting = older(l->list[TCP_NEW].head, l->list[TCP_BUSY].head);
    if (waiting && now_ms - waiting->since_ms < TCP_GRACE_MS)
        return idle;
    return older(idle, waiting);
}

struct tcp_conn *tcp_lists_oldest(const struct tcp_lists *l)
{
    return older(l->list[TCP_IDLE].head, older(l->list[TCP_NEW].head, l->list[TCP_BUSY].head));
}

struct tcp_conn *tcp_lists_first_keeper(const struct tcp_lists *l)
{
    struct tcp_conn *newcomer = l->list[TCP_NEW].head;
    while (newcomer && tcp_conn_is_idle(newcomer)) /* closing it would gain nothing */
        newcomer = newcomer->next;
    return older(newcomer, l->list[TCP_BUSY].head);
}

void tcp_lists_stop(struct tcp_lists *l, int64_t now_ms)
{
    l->stopping = true;
    for (struct tcp_conn *c = l->list[TCP_NEW].head, *next; c; c = next) {
        next = c->next;
        tcp_lists_follow(l, c, now_ms);
    }
}

struct tcp_conn *tcp_lists_unbegun(const struct tcp_lists *l)
{
    return l->list[TCP_IDLE].head ? l->list[TCP_IDLE].head : l->list[TCP_NEW].head;
}
