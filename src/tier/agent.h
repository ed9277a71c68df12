/* SPDX-License-Identifier: Apache-2.0
 * Agent checks of HAProxy: it connects, sends `TIER/NAME` and a newline (agent-send), and gets one
 * line with what that member is wanted to be. One listener may answer for several tiers.
 *
 * Whoever can connect may ask; what he gets is a few words, and what he can hold up is little: a
 * client that has not asked within AGENT_BUDGET_MS is closed, and when AGENT_WAITING_MAX wait, the
 * one that waits longest makes room. Who sends his line at once (as HAProxy does) never waits. */
#pragma once

#include "drive/drive.h"
#include "tier/agent_line.h"

#define AGENT_BUDGET_MS 1000
#define AGENT_WAITING_MAX 256

struct agents;

/** All listeners of one drive thread; made and used on it. */
struct agents *agents_new(struct drive *drive) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** When every tier has left. What is closed ends on the loop. */
void agents_free(struct agents *agents);

/** One tier that answers. */
struct agent_tier {
    const char *name; /* as long as it is joined */
    void *ctx;
    /** Writes the answer for a member, with its newline. Returns its length; 0: no answer, the
     *  connection is closed. */
    size_t (*answer)(void *ctx, char out[AGENT_LINE_MAX], struct slice member);
};

/** Has a tier answer at a listener (a descriptor of descriptors.h, which stays the table's), as the
 *  first that does so makes it be accepted from. Returns 0, or E_SYSTEM (errno). */
int agents_join(struct agents *agents, int listener,
                const struct agent_tier *tier) ATTR_NONNULL ATTR_MUST_USE;
void agents_leave(struct agents *agents, int listener, const struct agent_tier *tier) ATTR_NONNULL;
