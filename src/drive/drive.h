/* SPDX-License-Identifier: Apache-2.0
 * A thread with a loop of its own, for what may be slow, dead or hostile: whatever waits for a
 * balancer or a speaker waits here, and no probe, order or answer does. Who uses it gives it
 * functions to run (drive_post()), and gets what comes of them by the same way back.
 *
 * What runs on it must not block: commands (command.h), files (files.h), sockets (talk.h,
 * netlink.h) are all asynchronous. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct drive;

/** Starts the thread, named `name` (up to 15 characters). It has the capabilities of the caller.
 *  Returns 0, or E_SYSTEM (errno). */
int drive_start(struct drive **drive, const char *name) ATTR_NONNULL ATTR_MUST_USE;

/** Runs fn(arg) on the thread; from any thread, in the order in which one thread posts. What is
 *  posted before drive_stop() is run. */
void drive_post(struct drive *drive, void (*fn)(void *arg), void *arg)
    __attribute__((nonnull(1, 2)));

/** On the thread: its loop. */
uv_loop_t *drive_loop(struct drive *drive) ATTR_NONNULL ATTR_RETURNS_NONNULL;

/** Ends commands and file works (each at once: what they wait for is not waited for), runs the loop
 *  until nothing that others opened on it is left, and joins. Whoever opened handles has to have
 *  closed them, or to close them when what was posted runs. Not from the thread itself. */
void drive_stop(struct drive *drive) ATTR_NONNULL;

/** The way back: functions that another loop is to run. One belongs to that loop. */
struct mailbox;

/** On the loop's thread. */
struct mailbox *mailbox_open(uv_loop_t *loop) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** From any thread, not after mailbox_close(). */
void mailbox_post(struct mailbox *mailbox, void (*fn)(void *arg), void *arg)
    __attribute__((nonnull(1, 2)));
/** On the loop's thread, when nobody posts any more: runs what is left, then closes. */
void mailbox_close(struct mailbox *mailbox) ATTR_NONNULL;
/** On the loop's thread: the loop may end though it is open, while nothing is posted. */
void mailbox_unref(struct mailbox *mailbox) ATTR_NONNULL;
