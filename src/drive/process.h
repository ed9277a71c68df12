/* SPDX-License-Identifier: Apache-2.0
 * Commands as process groups that end as a whole.
 *
 * A command is the leader of a session and group of its own. When it ends, or is ended, everything
 * in its group is killed: at its exit while it is a zombie yet, so that the number of the group is
 * still its own. What has left the group (setsid) comes to us when its parent ends, as we are the
 * reaper of our descendants, and is known by LOADSTAR_PROBE in its environment; it is killed when
 * its command is over. What cannot be killed at once is not waited for.
 *
 * Several loops of a process may run commands, each on its own thread: numbers are the process's,
 * and no loop waits for what is another's, or kills it.
 *
 * Starting costs the same however much memory we use: the child shares it until it executes. */
#pragma once

#include "base/attr.h"
#include "base/vec.h"

#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct process;
typedef void process_exited_fn(struct process *process, int status, int signal);

/** One command; embedded in its owner, zeroed. */
struct process {
    struct process *prev, *next; /* of those that run */
    process_exited_fn *exited;   /* from the loop, once; not after process_end() */
    pid_t pid;                   /* 0: it does not run */
    uint64_t number;             /* of all commands of the process; 0: none yet */
};

/** All commands of one loop. */
struct processes {
    uv_signal_t child;
    struct process *running;
    VEC(pid_t) dying;                     /* killed, not reaped yet */
    void (*ended)(struct processes *all); /* from the loop: some are gone; may start others */
    bool reaping;                         /* descendants come to us */
    bool has_orphans;                     /* some had to be killed when they were last looked for */
};

/** The caller closes `child` at the end, after processes_stop(). */
void processes_init(struct processes *all, uv_loop_t *loop) ATTR_NONNULL;
/** Kills what is left, for a moment's time at most. */
void processes_stop(struct processes *all) ATTR_NONNULL;
/** To be called now and then: reaps, and kills what has outlived its command. */
void processes_sweep(struct processes *all) ATTR_NONNULL;
/** How many were killed and are not gone yet. */
uint32_t processes_dying(const struct processes *all) ATTR_NONNULL ATTR_PURE;

#define PROCESS_VARIABLE "LOADSTAR_PROBE"
#define PROCESS_VARIABLE_MAX 64
/** Gives the command its number: the variable that its environment must have. */
void process_variable(char out[PROCESS_VARIABLE_MAX], struct process *process) ATTR_NONNULL;

/** The files of a command. */
struct process_files {
    int in; /* -1: it reads /dev/null */
    int out, err;
};

/** Starts argv[0], looked for in `path` unless it has a slash, after process_variable(). It has no
 *  other file of ours. Returns 0 or a negative errno. */
int process_start(struct processes *all, struct process *process, char *const *argv,
                  char *const *env, const char *path,
                  const struct process_files *files) ATTR_NONNULL ATTR_MUST_USE;

/** Ends it with all its group, unless it has ended. */
void process_end(struct processes *all, struct process *process) ATTR_NONNULL;
