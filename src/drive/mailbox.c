/* SPDX-License-Identifier: Apache-2.0
 * Functions that a loop is to run, posted from any thread. */
#include "base/arena.h"
#include "drive/internal.h"

#include <pthread.h>
#include <stdlib.h>

#define RUN_MAX 256 /* in one turn of the loop, so that its timers have theirs */

struct letter {
    struct letter *next;
    void (*fn)(void *arg);
    void *arg;
};

struct mailbox {
    uv_async_t wake;
    pthread_mutex_t lock; /* of the list, never held while something runs */
    struct letter *first, **last;
};

static struct letter *take(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    struct letter *letter = mailbox->first;
    if (letter)
        mailbox->first = letter->next;
    if (!mailbox->first)
        mailbox->last = &mailbox->first;
    pthread_mutex_unlock(&mailbox->lock);
    return letter;
}

static bool run_one(struct mailbox *mailbox)
{
    struct letter *letter = take(mailbox);
    if (!letter)
        return false;
    void (*fn)(void *arg) = letter->fn;
    void *arg = letter->arg;
    free(letter);
    fn(arg);
    return true;
}

static void on_wake(uv_async_t *wake)
{
    struct mailbox *mailbox = wake->data;
    for (unsigned i = 0; i < RUN_MAX; i++)
        if (!run_one(mailbox))
            return;
    uv_async_send(wake);
}

struct mailbox *mailbox_open(uv_loop_t *loop)
{
    struct mailbox *mailbox = xcalloc(1, sizeof *mailbox);
    pthread_mutex_init(&mailbox->lock, NULL);
    mailbox->last = &mailbox->first;
    mailbox->wake.data = mailbox;
    if (uv_async_init(loop, &mailbox->wake, on_wake) != 0)
        abort(); /* its descriptors are the loop's, and there since the loop is */
    return mailbox;
}

void mailbox_post(struct mailbox *mailbox, void (*fn)(void *arg), void *arg)
{
    struct letter *letter = xmalloc(sizeof *letter);
    *letter = (struct letter){.fn = fn, .arg = arg};
    pthread_mutex_lock(&mailbox->lock);
    *mailbox->last = letter;
    mailbox->last = &letter->next;
    uv_async_send(&mailbox->wake); /* in the lock: its loop may close it once the letter has run */
    pthread_mutex_unlock(&mailbox->lock);
}

static void on_closed(uv_handle_t *wake)
{
    struct mailbox *mailbox = wake->data;
    pthread_mutex_destroy(&mailbox->lock);
    free(mailbox);
}

bool mailbox_run(struct mailbox *mailbox)
{
    bool some = false;
    while (run_one(mailbox))
        some = true;
    return some;
}

void mailbox_close(struct mailbox *mailbox)
{
    mailbox_run(mailbox);
    uv_close((uv_handle_t *)&mailbox->wake, on_closed);
}

void mailbox_unref(struct mailbox *mailbox)
{
    uv_unref((uv_handle_t *)&mailbox->wake);
}
