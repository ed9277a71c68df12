/* SPDX-License-Identifier: Apache-2.0
 * A drive from the inside, for what is built on it: its works. */
#pragma once

#include "drive/drive.h"
#include "drive/output.h"
#include "drive/process.h"

/** Something that drive_stop() ends: a command, a talk, a file's work; embedded, zeroed. */
struct drive_work {
    struct drive_work *prev, *next;
    /** On the loop: ends it with ECANCELED, at once, and tells its owner. */
    void (*stop)(struct drive_work *work);
    bool listed;
};

struct drive {
    uv_loop_t loop;
    uv_thread_t thread;
    struct mailbox *mailbox;
    struct processes processes;
    uv_timer_t sweep; /* while commands run, or some that were killed are not gone */
    struct drive_work *works;
    char name[16]; /* what the kernel keeps of a thread's, with the NUL */
    uint32_t file_budget_ms;
    char read_buffer[OUTPUT_READ_MAX]; /* of commands, used within one callback */
    bool stopping;                     /* what is begun now ends at once */
};

/** On the loop. A work that is begun while the drive stops is stopped in its next turn. */
void drive_add(struct drive *drive, struct drive_work *work) ATTR_NONNULL;
/** Nothing when it is not listed. */
void drive_remove(struct drive *drive, struct drive_work *work) ATTR_NONNULL;

/** On the loop: from now on descendants of commands are looked after. */
void drive_watch_commands(struct drive *drive) ATTR_NONNULL;

/* Of mailbox.c. */

/** On the loop: runs what was posted; returns whether there was something. */
bool mailbox_run(struct mailbox *mailbox) ATTR_NONNULL;
