/* SPDX-License-Identifier: Apache-2.0
 * `rtt`: what workers measured of clients, together, page by page. */
#include "base/clock.h"
#include "l4/commands.h"
#include "l4/rtt_list.h"

#include <stdio.h>
#include <string.h>

#define RTT_DEFAULT 1000

static void answer_rtt(struct control_call *call, const struct rtt_list *list, uint32_t limit,
                       const struct ip_prefix *after)
{
    json_t *result = json_object(), *networks = json_set_array(result, "networks");
    const struct rtt_source from = {.network = *after};
    int64_t now_ms = clock_mono_ms();
    char network[IP_PREFIX_TEXT_MAX] = "", next[IP_PREFIX_TEXT_MAX + 32];
    uint32_t n = 0;
    for (size_t i = 0; i < list->all.n; i++) {
        if (after->addr.family != IP_NONE && rtt_list_compare(&list->all.v[i], &from) <= 0)
            continue;
        if (n == limit) {
            snprintf(next, sizeof next, "%zu:%s", i, network);
            json_set_text(result, "next", next);
            break;
        }
        ip_prefix_text(network, &list->all.v[i].network);
        json_array_append_new(networks, rtt_source_document(&list->all.v[i], now_ms));
        n++;
    }
    json_set_int(result, "total", (int64_t)list->all.n);
    control_call_answer(call, result);
}

void command_rtt(struct forwarder *f, struct control_call *call, json_t *object)
{
    char error[COMMAND_ERROR_MAX], after[COMMAND_TEXT_MAX] = "";
    uint64_t limit = RTT_DEFAULT;
    struct ip_prefix from = {0};
    int code = command_page_read(object, &limit, after, error);
    const char *network = strchr(after, ':'); /* behind its number, which is of no account */
    if (code == 0 && *after && (!network || ip_prefix_parse(&from, network + 1) != 0)) {
        snprintf(error, sizeof error, "after: expected the \"next\" of the page before");
        code = E_SYNTAX;
    }
    if (code != 0) {
        control_call_fail(call, code, error);
        return;
    }
    struct rtt_list list;
    forwarder_client_rtts(f, &list);
    answer_rtt(call, &list, (uint32_t)limit, &from);
    rtt_list_free(&list);
}
