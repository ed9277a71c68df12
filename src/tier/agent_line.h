/* SPDX-License-Identifier: Apache-2.0
 * The lines of agent checks (HAProxy, configuration.txt "agent-check"). Pure.
 *
 *   READY w        ready up P%         P: w, as the largest configured weight is 100
 *   DRAIN, GONE    drain
 *   DOWN           ready down #reason
 *   MAINT          maint
 *   UNKNOWN        no answer: what HAProxy knows stays */
#pragma once

#include "base/slice.h"
#include "tier/row.h"

#define AGENT_LINE_MAX 512 /* a request or an answer, with its newline and NUL */

/** Splits `TIER/NAME` (without its end of line) at the first slash. Returns whether it is that. */
bool agent_request_read(struct slice line, struct slice *tier,
                        struct slice *member) ATTR_NONNULL ATTR_MUST_USE;

/** Writes the answer with its newline, NUL-terminated; returns its length, 0 for none. `reason` may
 *  be anything: what could end the line or begin another word of it is replaced. */
size_t agent_answer(char out[AGENT_LINE_MAX], struct serving serving,
                    const char *reason) ATTR_NONNULL;
