/* SPDX-License-Identifier: Apache-2.0
 * Names of users, looked up beside the loop. */
#include "control/names.h"

#include "base/clock.h"
#include "base/vec.h"

#include <errno.h>
#include <pthread.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>

#define NAME_MAX_B 256       /* of a name, with the NUL */
#define RETRY_MS 10000       /* a user without a name is asked for again after so long */
#define ENTRY_MAX (1u << 20) /* bytes of one line of passwd, whatever keeps it */

/** Of the loop and the thread, whichever ends last frees it. */
struct lookup {
    pthread_mutex_t lock;
    uv_async_t *wake; /* NULL: nobody waits any more. Under the lock, as is what follows. */
    bool ended;
    unsigned n_owners;
    uid_t uid;
    names_lookup_fn *find;
    char name[NAME_MAX_B];
};

struct entry {
    uid_t uid;
    int64_t looked_ms, asked_ms;
    char name[NAME_MAX_B]; /* "": none is known */
};

struct waiter {
    uid_t uid;
    int64_t until_ms;
    names_found_fn *found;
    void *arg;
};

struct names {
    uv_loop_t *loop;
    names_lookup_fn *find;
    uv_async_t wake;
    uv_timer_t timer;
    struct lookup *running;
    struct entry entries[NAMES_KEPT_MAX];
    unsigned n_entries;
    VEC(struct waiter) waiters; /* all wait equally long: the first is the first to give up */
    unsigned n_handles;
    void (*done)(void *arg);
    void *done_arg;
};

static void find_by_passwd(uid_t uid, char *name, size_t size)
{
    struct passwd pw, *found = NULL;
    char *buffer = NULL;
    int error = ERANGE;
    for (size_t n = 4096; error == ERANGE && n <= ENTRY_MAX; n *= 4) {
        buffer = xrealloc(buffer, n);
        error = getpwuid_r(uid, &pw, buffer, n, &found);
    }
    snprintf(name, size, "%s", found ? found->pw_name : "");
    free(buffer);
}

/* The thread */

/** With the lock held, which it gives up. */
static void disown(struct lookup *l)
{
    bool last = --l->n_owners == 0;
    pthread_mutex_unlock(&l->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static void *look_up(void *arg)
{
    struct lookup *l = arg;
    char name[NAME_MAX_B] = "";
    l->find(l->uid, name, sizeof name);
    pthread_mutex_lock(&l->lock);
    snprintf(l->name, sizeof l->name, "%s", name);
    l->ended = true;
    if (l->wake)
        uv_async_send(l->wake);
    disown(l);
    return NULL;
}

static bool start_thread(struct lookup *l)
{
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int rc = pthread_create(&thread, &attr, look_up, l);
    pthread_attr_destroy(&attr);
    return rc == 0;
}

/* What is known */

static struct entry *find_entry(struct names *names, uid_t uid)
{
    for (unsigned i = 0; i < names->n_entries; i++)
        if (names->entries[i].uid == uid)
            return &names->entries[i];
    return NULL;
}

static struct entry *add_entry(struct names *names, uid_t uid)
{
    struct entry *oldest = &names->entries[0];
    for (unsigned i = 1; i < names->n_entries; i++)
        if (names->entries[i].asked_ms < oldest->asked_ms)
            oldest = &names->entries[i];
    if (names->n_entries < NAMES_KEPT_MAX)
        oldest = &names->entries[names->n_entries++];
    *oldest = (struct entry){.uid = uid, .asked_ms = clock_mono_ms()};
    return oldest;
}

static bool is_fresh(const struct entry *e)
{
    return clock_mono_ms() - e->looked_ms < (e->name[0] ? NAMES_KEPT_MS : RETRY_MS);
}

/** Keeps what was found, and tells those who wait for it. */
static void learn(struct names *names, uid_t uid, const char *name)
{
    struct entry *e = find_entry(names, uid);
    if (!e)
        e = add_entry(names, uid);
    e->looked_ms = clock_mono_ms();
    if (name[0] || !e->name[0])
        snprintf(e->name, sizeof e->name, "%s", name);
    for (size_t i = 0; i < names->waiters.n;) {
        struct waiter w = names->waiters.v[i];
        if (w.uid != uid) {
            i++;
            continue;
        }
        names->waiters.n--;
        memmove(&names->waiters.v[i], &names->waiters.v[i + 1],
                (names->waiters.n - i) * sizeof *names->waiters.v);
        w.found(w.arg, e->name[0] ? e->name : NULL);
    }
}

/* Looking up */

static void begin(struct names *names, uid_t uid)
{
    struct lookup *l = xcalloc(1, sizeof *l);
    *l = (struct lookup){.wake = &names->wake, .n_owners = 2, .uid = uid, .find = names->find};
    pthread_mutex_init(&l->lock, NULL);
    if (start_thread(l)) {
        names->running = l;
        return;
    }
    pthread_mutex_destroy(&l->lock);
    free(l);
    learn(names, uid, "");
}

static void begin_next(struct names *names)
{
    while (!names->running && names->waiters.n)
        begin(names, names->waiters.v[0].uid);
}

static void on_wake(uv_async_t *async)
{
    struct names *names = async->data;
    struct lookup *l = names->running;
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    if (!l->ended) {
        pthread_mutex_unlock(&l->lock);
        return;
    }
    names->running = NULL;
    char name[NAME_MAX_B];
    memcpy(name, l->name, sizeof name);
    uid_t uid = l->uid;
    disown(l);
    learn(names, uid, name);
    begin_next(names);
}

static void on_timer(uv_timer_t *timer)
{
    struct names *names = timer->data;
    int64_t now_ms = clock_mono_ms();
    while (names->waiters.n && names->waiters.v[0].until_ms <= now_ms)
        learn(names, names->waiters.v[0].uid, "");
    if (names->waiters.n)
        uv_timer_start(timer, on_timer, (uint64_t)(names->waiters.v[0].until_ms - now_ms), 0);
}

struct names *names_new(uv_loop_t *loop, names_lookup_fn *lookup)
{
    struct names *names = xcalloc(1, sizeof *names);
    names->loop = loop;
    names->find = lookup ? lookup : find_by_passwd;
    names->n_handles = 2;
    uv_async_init(loop, &names->wake, on_wake);
    uv_timer_init(loop, &names->timer);
    names->wake.data = names->timer.data = names;
    return names;
}

void names_find(struct names *names, uid_t uid, names_found_fn *found, void *arg)
{
    struct entry *e = find_entry(names, uid);
    if (e) {
        bool fresh = is_fresh(e);
        e->asked_ms = clock_mono_ms();
        if (!fresh && !names->running)
            begin(names, uid);
        found(arg, e->name[0] ? e->name : NULL);
        return;
    }
    *vec_push(&names->waiters) = (struct waiter){uid, clock_mono_ms() + NAMES_WAIT_MS, found, arg};
    begin_next(names);
    if (names->waiters.n && !uv_is_active((uv_handle_t *)&names->timer))
        uv_timer_start(&names->timer, on_timer, NAMES_WAIT_MS, 0);
}

static void on_closed(uv_handle_t *handle)
{
    struct names *names = handle->data;
    if (--names->n_handles)
        return;
    void (*done)(void *arg) = names->done;
    void *arg = names->done_arg;
    vec_free(&names->waiters);
    free(names);
    done(arg);
}

void names_close(struct names *names, void (*done)(void *arg), void *arg)
{
    names->done = done;
    names->done_arg = arg;
    if (names->running) {
        pthread_mutex_lock(&names->running->lock);
        names->running->wake = NULL;
        disown(names->running);
        names->running = NULL;
    }
    for (size_t i = 0; i < names->waiters.n; i++)
        names->waiters.v[i].found(names->waiters.v[i].arg, NULL);
    names->waiters.n = 0;
    uv_close((uv_handle_t *)&names->wake, on_closed);
    uv_close((uv_handle_t *)&names->timer, on_closed);
}
