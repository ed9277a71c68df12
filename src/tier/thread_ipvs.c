/* SPDX-License-Identifier: Apache-2.0
 * All that IPVS has, for whoever asks; also where no tier is of that type. */
#include "tier/ipvs_list.h"
#include "tier/thread_internal.h"

#include "base/diag.h"

#include <string.h>

struct question {
    struct drive *drive;
    struct mailbox *mailbox;
    void (*done)(void *arg, int code, char *text, size_t n);
    void *arg;
    int code;
    struct buf text;
};

static void deliver(void *arg)
{
    struct question *q = arg;
    q->done(q->arg, q->code, q->text.p, q->text.n);
    free(q);
}

static void on_list(void *ctx, const struct ipvs_list *list, const struct ipvs_error *error)
{
    struct question *q = ctx;
    if (list)
        ipvs_list_document(&q->text, list);
    else
        buf_puts(&q->text, error->text);
    q->code = list ? 0 : E_SYSTEM;
    mailbox_post(q->mailbox, deliver, q);
}

static void do_ask(void *arg)
{
    struct question *q = arg;
    ipvs_list_read(q->drive, on_list, q);
}

void tiers_thread_ipvs(struct tiers_thread *t,
                       void (*done)(void *arg, int code, char *text, size_t n), void *arg)
{
    struct question *q = xcalloc(1, sizeof *q);
    *q = (struct question){t->drive, t->host.mailbox, done, arg, 0, {0}};
    drive_post(t->drive, do_ask, q);
}
