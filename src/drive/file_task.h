/* SPDX-License-Identifier: Apache-2.0
 * One read, write or removal of a file on a thread of its own, which may never come back: whoever
 * waits for it can leave. */
#pragma once

#include "base/arena.h"
#include "drive/drive.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

/** An open directory; freed with the last of its owners, on whatever thread. */
struct directory {
    atomic_uint n_owners;
    int fd;
    char *path; /* of the directory itself, links resolved; NULL: not known */
    dev_t device;
    ino_t inode;
};

/** The directory named by the first `n` bytes of `path`; 0: the root. NULL with errno. */
struct directory *directory_open(const char *path, size_t n) ATTR_NONNULL ATTR_MUST_USE;
void directory_release(struct directory *directory) ATTR_NONNULL;

enum file_op { FILE_READ, FILE_WRITE, FILE_REMOVE };

struct file_task {
    atomic_uint n_owners; /* the thread, and the loop or what is posted to it */
    pthread_mutex_t lock;
    bool posted;                   /* in the lock */
    struct drive *drive;           /* NULL: nobody waits for it (any more). In the lock */
    void (*came_back)(void *task); /* is posted to `drive`, and releases the task */
    void *work;                    /* the loop's alone */
    atomic_bool unwanted;          /* what is not in force yet must not come to be */
    struct directory *directory;
    enum file_op op;
    char *name;
    size_t n_base; /* of the name, without the suffix */
    uint8_t *content;
    size_t n;
    struct arena *arena; /* of what was read */
    struct slice got;
    int error; /* errno */
};

/** Copies what it is given. */
struct file_task *file_task_new(struct directory *directory, enum file_op op, const char *base,
                                const char *suffix, struct slice content) ATTR_NONNULL;
/** Returns 0, or the errno of a thread that could not be started: then the task is gone. */
int file_task_start(struct file_task *task) ATTR_NONNULL ATTR_MUST_USE;
/** It is not waited for any more; `came_back` runs only if it was posted already. */
void file_task_leave(struct file_task *task) ATTR_NONNULL;
void file_task_release(struct file_task *task) ATTR_NONNULL;
