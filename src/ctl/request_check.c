/* SPDX-License-Identifier: Apache-2.0
 * What the arguments of a request cannot tell one by one. */
#include "ctl/request_check.h"

#include <stdio.h>
#include <string.h>

#define NO_STATE ((enum override)(OVERRIDE_DRAIN + 1))
#define NO_ANNOUNCE ((enum announce_order)(ANNOUNCE_DRAIN + 1))

bool request_take_state(struct ctl_request *r, const char *text)
{
    r->state = NO_STATE;
    r->announce = NO_ANNOUNCE;
    for (int i = OVERRIDE_AUTO; i <= OVERRIDE_DRAIN; i++)
        if (strcmp(text, override_text((enum override)i)) == 0)
            r->state = (enum override)i;
    for (int i = ANNOUNCE_AUTO; i <= ANNOUNCE_DRAIN; i++)
        if (strcmp(text, announce_order_word((enum announce_order)i)) == 0)
            r->announce = (enum announce_order)i;
    return r->state != NO_STATE || r->announce != NO_ANNOUNCE;
}

const char *request_state_text(const struct ctl_request *request)
{
    return request->of_sets ? announce_order_word(request->announce)
                            : override_text(request->state);
}

static bool target_is_set(const char *target)
{
    return strncmp(target, "anycast:", 8) == 0 && !strchr(target, '/');
}

/** Whether the words of an order go with its target. */
static const char *check_order(struct ctl_request *r)
{
    r->of_sets = target_is_set(r->target);
    if (r->command == CTL_WEIGHT)
        return r->of_sets ? "weight: a prefix set has none" : NULL;
    if (r->of_sets && r->announce == NO_ANNOUNCE)
        return "state: of a prefix set expected announce, withdraw, drain or auto";
    if (!r->of_sets && r->state == NO_STATE)
        return "state: expected up, down, drain or auto; announce and withdraw are of prefix sets, "
               "anycast:NAME";
    if (r->force && !(r->of_sets && r->announce == ANNOUNCE_YES))
        return "force: only with announce, of a prefix set";
    return NULL;
}

/** What each argument cannot tell by itself. */
int request_check(struct ctl_request *r, bool is_double, char error[CTL_TEXT_MAX])
{
    const char *wrong = r->command == CTL_SET || r->command == CTL_WEIGHT ? check_order(r) : NULL;
    if (wrong)
        ;
    else if (is_double)
        wrong = "explain: give a client or an ecs prefix, not both";
    else if (r->command == CTL_SET && r->wait_ms && r->state != OVERRIDE_DRAIN)
        wrong = "wait: only a drain is waited for";
    else if (r->command == CTL_SET && r->wait_ms && r->dry_run)
        wrong = "wait: a dry run drains nothing";
    else if ((r->command == CTL_TIERS || r->command == CTL_ANYCAST) && r->wait_ms && r->from[0])
        wrong = "wait: after is a version then, not the \"next\" of a page";
    else if (r->command == CTL_TIERS && r->wait_ms && r->diff)
        wrong = "wait: a diff looks at once";
    else if (r->now && r->keep_announced)
        wrong = "stop: now withdraws, keep_announced does not; give one of them";
    if (!wrong)
        return 0;
    snprintf(error, CTL_TEXT_MAX, "%s", wrong);
    return E_INVALID;
}
