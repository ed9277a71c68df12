/* SPDX-License-Identifier: Apache-2.0
 * Telling those who tell us members. */
#include "l4/followers.h"

#include "base/hash.h"
#include "control/json.h"
#include "l4/plan.h"

struct follower {
    struct followers *all;
    struct control_stream *stream;
    struct follower *next;
};

static void on_ended(void *arg)
{
    struct follower *gone = arg;
    struct follower **at = &gone->all->first;
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    gone->all->n--;
    free(gone);
}

static struct follower *oldest_of(const struct followers *followers)
{
    struct follower *f = followers->first;
    while (f->next)
        f = f->next;
    return f;
}

void followers_add(struct followers *followers, struct control_call *call)
{
    struct follower *follower = xcalloc(1, sizeof *follower);
    follower->all = followers;
    follower->stream = control_call_stream(call, on_ended, follower);
    if (!follower->stream) { /* it is told already */
        free(follower);
        return;
    }
    follower->next = followers->first;
    followers->first = follower;
    followers->n++;
    followers->sessions.n = 0;
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
