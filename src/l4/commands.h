/* SPDX-License-Identifier: Apache-2.0
 * The commands of the control socket, by what they are about. Each answers its call once. */
#pragma once

#include "control/json.h"
#include "l4/command_args.h"
#include "l4/forwarder.h"

#define PROGRAM "loadstar-l4" /* in documents of commands that loadstard has, too */

typedef void command_fn(struct forwarder *f, struct control_call *call, json_t *object);

/* command_documents.c */
command_fn command_status, command_services;
/* command_members.c: reads the members of sets, or takes a whole set. */
command_fn command_members;
/* command_orders.c */
command_fn command_set, command_weight;
/* command_flows.c */
command_fn command_flows;
/* command_rtt.c */
command_fn command_rtt;

/** Of a set's members. */
struct set_tally {
    uint32_t up; /* may get new flows */
    uint32_t down, n;
};
struct set_tally plan_set_tally(const struct plan_set *set) ATTR_NONNULL ATTR_PURE;

/** What is wrong now, in texts; the caller's. */
json_t *command_problems(const struct forwarder *f) ATTR_NONNULL;
