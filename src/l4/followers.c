/* SPDX-License-Identifier: Apache-2.0
 * Telling those who tell us members. */
#include "l4/followers.h"

#include "base/hash.h"
#include "control/json.h"
#include "l4/plan.h"

#include <stdlib.h>
#include <string.h>

#define RTT_OVERLAP_MS 1000 /* a worker may be writing what it has seen just now */

struct follower {
    struct followers *all;
    struct control_stream *stream;
    struct follower *next;
    const void *connection;
    struct teller who;
    VEC(char *) held; /* sets, each owned */
};

static void on_ended(void *arg)
{
    struct follower *gone = arg;
    struct follower **at = &gone->all->first;
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    gone->all->n--;
    for (size_t i = 0; i < gone->held.n; i++)
        free(gone->held.v[i]);
    vec_free(&gone->held);
    free(gone);
}

/* ---- who holds what ---- */

static size_t place_of(const struct follower *follower, const char *set)
{
    size_t i = 0;
    while (i < follower->held.n && strcmp(follower->held.v[i], set) != 0)
        i++;
    return i;
}

static bool holds(const struct follower *follower, const char *set)
{
    return place_of(follower, set) < follower->held.n;
}

static void let_go(struct follower *follower, const char *set)
{
    size_t i = place_of(follower, set);
    if (i == follower->held.n)
        return;
    free(follower->held.v[i]);
    follower->held.v[i] = follower->held.v[--follower->held.n];
}

static const struct follower *holder_of(const struct followers *followers, const char *set)
{
    const struct follower *f = followers->first;
    while (f && !holds(f, set))
        f = f->next;
    return f;
}

const struct teller *followers_holder(const struct followers *followers, const char *set)
{
    const struct follower *f = holder_of(followers, set);
    return f ? &f->who : NULL;
}

bool followers_may_tell(const struct followers *followers, const struct control_call *call,
                        const struct teller *who, const char *set)
{
    const struct follower *f = holder_of(followers, set);
    return !f || f->connection == control_call_client(call).connection ||
           (f->who.pid == who->pid && strcmp(f->who.node, who->node) == 0);
}

/* ---- coming ---- */

/** That one which may best be missed. */
static struct follower *oldest_of(const struct followers *followers)
{
    struct follower *oldest = NULL, *idle = NULL;
    for (struct follower *f = followers->first; f; f = f->next) {
        oldest = f;
        idle = f->held.n == 0 ? f : idle;
    }
    return idle ? idle : oldest;
}

static struct follower *follower_of(const struct followers *followers,
                                    const struct control_call *call)
{
    struct follower *f = followers->first;
    while (f && f->connection != control_call_client(call).connection)
        f = f->next;
    return f;
}

static struct follower *follower_new(struct followers *followers, struct control_call *call)
{
    struct follower *follower = xcalloc(1, sizeof *follower);
    follower->all = followers;
    follower->connection = control_call_client(call).connection;
    follower->stream = control_call_stream(call, on_ended, follower);
    if (!follower->stream) { /* it has gone */
        free(follower);
        return NULL;
    }
    follower->next = followers->first;
    followers->first = follower;
    followers->n++;
    followers->sessions.n = 0;
    followers->rtt_since_ms = 0;
    return follower;
}

void followers_add(struct followers *followers, struct control_call *call, const struct teller *who,
                   const char *set)
{
    struct follower *follower = follower_of(followers, call);
    if (!follower)
        follower = follower_new(followers, call);
    for (struct follower *f = followers->first; f; f = f->next)
        let_go(f, set);
    if (!follower)
        return;
    follower->who = *who;
    if (who->node[0])
        *vec_push(&follower->held) = xstrdup(set);
    if (followers->n > FOLLOWERS_MAX)
        control_stream_close(oldest_of(followers)->stream);
}

void followers_free(struct followers *followers)
{
    vec_free(&followers->sessions);
}

static void tell(struct followers *followers, const json_t *event)
{
    struct page *line = control_event(&followers->lines, event);
    for (struct follower *f = followers->first, *next; f; f = next) {
        next = f->next; /* it may go now */
        control_stream_send(f->stream, line);
    }
    page_release(line);
}

void followers_tell_failed(struct followers *followers, const char *set, const char *key,
                           bool timed_out)
{
    if (!followers->first)
        return;
    json_t *event = json_object();
    json_set_text(event, "event", "failed");
    json_set_text(event, "service", set);
    json_set_text(event, "key", key);
    json_set_text(event, "what", timed_out ? "timeout" : "refused");
    tell(followers, event);
    json_decref(event);
}

/** Of whom flows are counted. */
struct count {
    followers_elsewhere_fn *elsewhere;
    void *ctx;
};

static uint32_t active_of(const struct plan_member *m, const struct count *count)
{
    return atomic_load_explicit(&m->member->active, memory_order_relaxed) +
           count->elsewhere(count->ctx, m->member->set, m->member->key);
}

static uint64_t digest_of(const struct plan_set *set, const struct count *count)
{
    uint64_t digest = HASH_K0 ^ set->n_members;
    for (uint32_t i = 0; i < set->n_members; i++)
        digest = hash_mix(digest ^ HASH_K1, (uintptr_t)set->members[i].member ^
                                                (uint64_t)active_of(&set->members[i], count) << 48);
    return digest;
}

static void tell_set(struct followers *followers, const struct plan_set *set,
                     const struct count *count)
{
    json_t *event = json_object();
    json_set_text(event, "event", "sessions");
    json_set_text(event, "service", set->config->name);
    json_t *list = json_set_array(event, "members");
    for (uint32_t i = 0; i < set->n_members; i++) {
        json_t *member = json_object();
        json_set_text(member, "key", set->members[i].member->key);
        json_set_int(member, "active", active_of(&set->members[i], count));
        json_array_append_new(list, member);
    }
    tell(followers, event);
    json_decref(event);
}

void followers_tell_sessions(struct followers *followers, const struct set_table *sets,
                             const struct plan *plan, followers_elsewhere_fn *elsewhere, void *ctx)
{
    const struct count count = {elsewhere, ctx};
    if (!followers->first || !plan || plan->config->n_sets != sets->n)
        return;
    while (followers->sessions.n < sets->n)
        *vec_push(&followers->sessions) = 0;
    for (uint32_t i = 0; i < sets->n; i++) {
        if (sets->v[i]->origin != SET_TOLD)
            continue;
        uint64_t digest = digest_of(&plan->sets[i], &count);
        if (digest != followers->sessions.v[i])
            tell_set(followers, &plan->sets[i], &count);
        followers->sessions.v[i] = digest;
    }
}

bool followers_wait_for_rtt(const struct followers *followers, int64_t now_ms)
{
    return followers->first &&
           (followers->rtt_told_ms == 0 || now_ms - followers->rtt_told_ms >= FOLLOWERS_RTT_MS);
}

static void tell_networks(struct followers *followers, const struct rtt_source *v, size_t n,
                          int64_t now_ms)
{
    json_t *event = json_object();
    json_set_text(event, "event", "rtt");
    json_t *networks = json_set_array(event, "networks");
    for (size_t i = 0; i < n; i++)
        json_array_append_new(networks, rtt_source_document(&v[i], now_ms));
    tell(followers, event);
    json_decref(event);
}

void followers_tell_rtt(struct followers *followers, struct rtt_list *list, int64_t now_ms)
{
    rtt_list_newest(list, followers->rtt_since_ms, FOLLOWERS_RTT_MAX);
    followers->rtt_told_ms = now_ms;
    followers->rtt_since_ms = now_ms - RTT_OVERLAP_MS;
    for (size_t at = 0; at < list->all.n; at += FOLLOWERS_RTT_LINE) {
        size_t left = list->all.n - at;
        tell_networks(followers, &list->all.v[at],
                      left < FOLLOWERS_RTT_LINE ? left : FOLLOWERS_RTT_LINE, now_ms);
    }
}
