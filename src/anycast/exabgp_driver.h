/* SPDX-License-Identifier: Apache-2.0
 * ExaBGP's driver from the inside. exabgp.c knows what is to be told, exabgp_told.c what was;
 * exabgp_queue.c tells it, and waits for the answers. */
#pragma once

#include "anycast/exabgp_link.h"
#include "anycast/exabgp_text.h"

enum exabgp_kind { EXABGP_SYNC, EXABGP_TABLE, EXABGP_SESSIONS, EXABGP_ANNOUNCE, EXABGP_WITHDRAW };

struct exabgp_item {
    enum exabgp_kind kind;
    struct ip_prefix prefix; /* of the last two */
    char *command;
};

/* A prefix of ours that ExaBGP has, as far as is known. */
struct exabgp_told {
    struct ip_prefix prefix;
    char *command; /* by which; NULL: not known, it is told anew */
    bool is_there; /* by this look, though it is of no set any more */
};

struct speaker_driver {
    struct speaker_host host;
    const struct exabgp_link_ops *ops;
    struct exabgp_link *link;
    bool had_link;                /* there was somebody to talk to once */
    bool restarted;               /* and since the last look another */
    bool has_looked;              /* since there is who is there now */
    VEC(struct exabgp_told) told; /* RELAY_ROUTES_MAX, and what a look finds of sets */

    const struct announcements *wanted; /* of what is under way; NULL: nothing is */
    bool is_look;
    struct speaker_seen seen; /* from the beginning of a look, a route of each prefix of a set */
    bool established;
    char idle[96]; /* a session that is not, and what it is */

    VEC(struct exabgp_item) queue;
    size_t n_sent, n_answered;
    bool synced;        /* answers are those to the queue */
    uint32_t versions;  /* answers to `version` that are to come */
    bool version_seen;  /* all of them have come: `done` ends the wait */
    bool version_heard; /* one of them has */
    char refused[256];  /* the first command that it did not take */
    char version[64];
    uv_timer_t *timer;
    struct buf will_text;
    const char *will[7];
};

/** Its place in what was told; told.n: it was not. */
size_t exabgp_find_told(const struct speaker_driver *d,
                        const struct ip_prefix *prefix) ATTR_NONNULL;
void exabgp_forget(struct speaker_driver *d, size_t place) ATTR_NONNULL;
void exabgp_forget_all(struct speaker_driver *d) ATTR_NONNULL;
/** `command` may be NULL: it has it, by whatever command. */
void exabgp_remember(struct speaker_driver *d, const struct ip_prefix *prefix, const char *command)
    __attribute__((nonnull(1, 2)));

void exabgp_enqueue(struct speaker_driver *d, enum exabgp_kind kind, const struct ip_prefix *prefix,
                    struct slice command) __attribute__((nonnull(1)));
/** Tells what is in the queue; ends in exabgp_ended() or exabgp_broken(), maybe at once. */
void exabgp_queue_start(struct speaker_driver *d) ATTR_NONNULL;
/** A line of ExaBGP's, at any time. */
void exabgp_queue_line(void *ctx, const char *line) ATTR_NONNULL;
/** Whoever answers now is another one. */
void exabgp_queue_renew(struct speaker_driver *d) ATTR_NONNULL;
/** Empties it. */
void exabgp_queue_clear(struct speaker_driver *d) ATTR_NONNULL;
void exabgp_queue_init(struct speaker_driver *d) ATTR_NONNULL;
void exabgp_queue_free(struct speaker_driver *d) ATTR_NONNULL;

/* Of exabgp.c: */

/** A command was answered well. */
void exabgp_done(struct speaker_driver *d, const struct exabgp_item *item) ATTR_NONNULL;
/** A line of the answer to a `show`. */
void exabgp_shown(struct speaker_driver *d, enum exabgp_kind kind, const char *line) ATTR_NONNULL;
void exabgp_ended(struct speaker_driver *d) ATTR_NONNULL;
void exabgp_broken(struct speaker_driver *d, enum speaker_error error,
                   const char *text) ATTR_NONNULL;
