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
    uint32_t n_told; /* sets that it has told, and nobody else since */
    bool introduced, hears_rtt;
};

/** A set that was told. */
struct followed {
    char *set;           /* owned */
    struct follower *by; /* who told it last, and is told of it; NULL: has gone */
    bool held;           /* by that one before others */
    uint64_t sessions;   /* digest of what it was told last; 0: nothing */
};

static struct followed *followed_find(const struct followers *followers, const char *set)
{
    uint32_t i = strmap_get(&followers->places, slice_str(set));
    return i == STRMAP_NONE ? NULL : &followers->sets.v[i];
}

static struct followed *followed_of(struct followers *followers, const char *set)
{
    struct followed *followed = followed_find(followers, set);
    if (followed)
        return followed;
    uint32_t nth = (uint32_t)followers->sets.n;
    followed = vec_push(&followers->sets);
    followed->set = xstrdup(set);
    strmap_add(&followers->places, slice_str(followed->set), nth);
    return followed;
}

static void leave(struct followed *followed)
{
    if (followed->by)
        followed->by->n_told--;
    followed->by = NULL;
    followed->held = false;
}

static bool is_same(const struct teller *a, const struct teller *b)
{
    return a->pid == b->pid && strcmp(a->node, b->node) == 0;
}

/* Of the connections of one process, that says who it is, one hears of round trips. */

static void hear_rtt(struct follower *follower)
{
    for (struct follower *f = follower->all->first; f && follower->who.node[0]; f = f->next)
        if (f->hears_rtt && is_same(&f->who, &follower->who))
            return;
    follower->hears_rtt = true;
    follower->all->rtt_since_ms = 0;
}

/** That one does not any more: another one of the same process does. */
static void hand_on_rtt(struct followers *followers, const struct teller *who)
{
    struct follower *f = followers->first;
    while (f && (f->hears_rtt || !is_same(&f->who, who)))
        f = f->next;
    if (f)
        hear_rtt(f);
}

static void on_ended(void *arg)
{
    struct follower *gone = arg;
    struct followers *all = gone->all;
    struct follower **at = &all->first;
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    all->n--;
    for (size_t i = 0; i < all->sets.n && gone->n_told > 0; i++)
        if (all->sets.v[i].by == gone)
            leave(&all->sets.v[i]);
    if (gone->hears_rtt)
        hand_on_rtt(all, &gone->who);
    free(gone);
}

/* ---- who holds what ---- */

static const struct follower *holder_of(const struct followers *followers, const char *set)
{
    const struct followed *followed = followed_find(followers, set);
    return followed && followed->held ? followed->by : NULL;
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
    return !f || f->connection == control_call_client(call).connection || is_same(&f->who, who);
}

/* ---- coming ---- */

/** The oldest of those whose sets are told by others since, when there are too many of these. */
static struct follower *one_too_many(const struct followers *followers)
{
    struct follower *idle = NULL;
    uint32_t n = 0;
    for (struct follower *f = followers->first; f; f = f->next)
        if (f->n_told == 0) {
            idle = f;
            n++;
        }
    return n >= FOLLOWERS_MAX ? idle : NULL;
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
    return follower;
}

static void introduce(struct follower *follower, const struct teller *who)
{
    const struct teller before = follower->who;
    bool heard = follower->hears_rtt;
    if (follower->introduced && is_same(&before, who))
        return;
    follower->introduced = true;
    follower->who = *who;
    follower->hears_rtt = false;
    if (heard)
        hand_on_rtt(follower->all, &before);
    if (!follower->hears_rtt)
        hear_rtt(follower);
}

void followers_add(struct followers *followers, struct control_call *call, const struct teller *who,
                   const char *set)
{
    struct follower *follower = follower_of(followers, call);
    if (!follower)
        follower = follower_new(followers, call);
    struct followed *followed = followed_of(followers, set);
    leave(followed);
    if (!follower)
        return;
    introduce(follower, who);
    *followed = (struct followed){followed->set, follower, who->node[0] != '\0', 0};
    follower->n_told++;
    struct follower *idle = one_too_many(followers);
    if (idle)
        control_stream_close(idle->stream);
}

void followers_renew(struct followers *followers)
{
    for (size_t i = 0; i < followers->sets.n; i++)
        followers->sets.v[i].sessions = 0;
}

void followers_free(struct followers *followers)
{
    for (size_t i = 0; i < followers->sets.n; i++)
        free(followers->sets.v[i].set);
    vec_free(&followers->sets);
    strmap_free(&followers->places);
}

static void tell(struct followers *followers, struct follower *follower, const json_t *event)
{
    struct page *line = control_event(&followers->lines, event);
    control_stream_send(follower->stream, line); /* it may go now */
    page_release(line);
}

void followers_tell_failed(struct followers *followers, const char *set, const char *key,
                           bool timed_out)
{
    const struct followed *followed = followed_find(followers, set);
    if (!followed || !followed->by)
        return;
    json_t *event = json_object();
    json_set_text(event, "event", "failed");
    json_set_text(event, "service", set);
    json_set_text(event, "key", key);
    json_set_text(event, "what", timed_out ? "timeout" : "refused");
    tell(followers, followed->by, event);
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

static void tell_set(struct followers *followers, struct follower *to, const struct plan_set *set,
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
    tell(followers, to, event);
    json_decref(event);
}

void followers_tell_sessions(struct followers *followers, const struct set_table *sets,
                             const struct plan *plan, followers_elsewhere_fn *elsewhere, void *ctx)
{
    const struct count count = {elsewhere, ctx};
    if (!followers->first || !plan || plan->config->n_sets != sets->n)
        return;
    for (uint32_t i = 0; i < sets->n; i++) {
        struct followed *followed =
            sets->v[i]->origin == SET_TOLD ? followed_find(followers, sets->v[i]->name) : NULL;
        if (!followed || !followed->by)
            continue;
        uint64_t digest = digest_of(&plan->sets[i], &count), told = followed->sessions;
        followed->sessions = digest;
        if (digest != told)
            tell_set(followers, followed->by, &plan->sets[i], &count);
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
    struct page *line = control_event(&followers->lines, event);
    for (struct follower *f = followers->first, *next; f; f = next) {
        next = f->next; /* it may go now */
        if (f->hears_rtt)
            control_stream_send(f->stream, line);
    }
    page_release(line);
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
