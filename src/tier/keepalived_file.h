/* SPDX-License-Identifier: Apache-2.0
 * A file that keepalived tracks: a number, and a mark on the next line. keepalived takes the number
 * that the file begins with, and nothing of what follows (2.2.7: strtol() of the first 127 bytes).
 * It adds it, times the configured weight, to the priority; -254 and less is FAULT. A file that
 * lacks or is empty counts as 0. Pure. */
#pragma once

#include "drive/mark.h"

struct track_file {
    enum mark_owner owner;
    bool empty; /* nothing but blanks */
    char node[MARK_NODE_MAX];
    int32_t value; /* MARK_OURS */
};

/** Of untrusted bytes. */
void track_file_read(struct track_file *file, struct slice text, const char *node) ATTR_NONNULL;
void track_file_write(struct buf *out, int32_t value, const char *node,
                      const char *tier) ATTR_NONNULL;
