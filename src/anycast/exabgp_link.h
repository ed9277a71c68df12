/* SPDX-License-Identifier: Apache-2.0
 * The way to ExaBGP and back, in lines: to `loadstarctl exabgp`, which is a process of it
 * (exabgp_link.c, and exabgp_relay.h for what is said on the way), or over its FIFOs
 * (exabgp_fifo.c). */
#pragma once

#include "anycast/speaker.h"

#define EXABGP_LINE_MAX 8192 /* a command or an answer; one over a FIFO has to be of PIPE_BUF */
#define EXABGP_TEXT_MAX 512

struct exabgp_link_host {
    struct drive *drive;
    const struct speaker *config;
    void *ctx;
    /** A line of ExaBGP's. May not close the link. */
    void (*line)(void *ctx, const char *line);
    /** Process: a prefix that the relay holds announced from before; told before `up`. */
    void (*held)(void *ctx, const struct ip_prefix *prefix);
    /** There is somebody to talk to, or no more. `renewed`: another one than before. */
    void (*up)(void *ctx, bool up, bool renewed);
};

struct exabgp_link;

struct exabgp_link_ops {
    struct exabgp_link *(*open)(const struct exabgp_link_host *host);
    /** Makes sure that there is somebody; else why not, and what to do about it. */
    enum speaker_error (*check)(struct exabgp_link *link, char text[EXABGP_TEXT_MAX]);
    /** Sends a line, without its end. False: it does not take it, which check() tells. */
    bool (*send)(struct exabgp_link *link, struct slice line);
    uint32_t window; /* so many commands may be unanswered */
    void (*close)(struct exabgp_link *link);
};

extern const struct exabgp_link_ops exabgp_process_link, exabgp_fifo_link;
