/* SPDX-License-Identifier: Apache-2.0
 * What IPVS has: read on the thread of the tiers, which writes the document. */
#include "ctl/run_parts.h"

#include <stdlib.h>
#include <string.h>

static void on_ipvs(void *arg, int code, char *text, size_t n)
{
    struct waiting *w = arg;
    if (code == 0) {
        struct page *page = page_new(pages_budget(w->run->pages), 0, text, n);
        w->to.reply(w->to.arg, &(struct control_reply){.page = page});
        page_release(page);
    } else {
        char *error = strndup(text, n);
        run_refuse(&w->to, code, error);
        free(error);
        free(text);
    }
    run_wait_end(w);
}

void run_ipvs(struct run *run, const struct run_asker *to)
{
    struct tiers *tiers = run->host.tiers ? run->host.tiers(run->host.ctx) : NULL;
    if (tiers)
        tiers_ipvs(tiers, on_ipvs, run_wait_new(run, to));
    else
        run_refuse(to, E_SYSTEM, "no tiers run: loadstard starts or stops");
}
