/* SPDX-License-Identifier: Apache-2.0
 * BIRD's driver from the inside. bird.c opens it, bird_look.c reads back, bird_apply.c
 * tells.
 *
 * FILE.good is what BIRD has accepted last. A FILE that differs from it when Loadstar starts was
 * never tested, or not to the end: FILE.good is put back before anything else, as BIRD might not
 * start with the other one. */
#pragma once

#include "anycast/bird_file.h"
#include "anycast/bird_talk.h"
#include "drive/files.h"

#define BIRD_GOOD ".good"

/* What a look has come to. */
struct bird_look {
    enum { LOOK_STATUS, LOOK_PROTOCOLS, LOOK_ROUTES, LOOK_LEFT, LOOK_OVER } step;
    uint32_t set, nth;       /* the prefix that is asked for */
    struct bird_route route; /* of it */
    VEC(uint8_t) there;      /* for each set, families whose protocol is there: 1 IPv4, 2 IPv6 */
    VEC(char *) left;        /* protocols of ours that are of no set */
    size_t at;               /* of those */
    bool asked, has_bgp, established;
    char error[128]; /* what it did not answer, in its words */
    char idle[128];  /* a session that is not established, and what it says */
};

struct speaker_driver {
    struct speaker_host host;
    const struct announcements *wanted; /* of what is under way */
    struct followed_file *file;         /* NULL: its directory could not be opened */
    struct bird_talk *talk;             /* under way */
    struct buf current, good;           /* FILE and FILE.good; n 0: not there, or not ours */
    bool good_is_read;
    bool edited;   /* FILE was changed by somebody else */
    bool put_back; /* FILE.good was, and BIRD has not been told */
    bool taken;    /* BIRD has `current`, as far as can be known */
    struct bird_socket {
        dev_t device;
        ino_t inode; /* 0: not seen yet */
        struct timespec made;
    } socket;
    struct speaker_seen seen;
    struct bird_look look;
    struct bird_change *change; /* of bird_apply.c */
    const char *will[6];        /* argv of birdc */
};

static inline struct slice bird_text(const struct buf *buf)
{
    return slice_of(buf->p, buf->n);
}
static inline void bird_keep(struct buf *buf, struct slice text)
{
    buf->n = 0;
    buf_add(buf, text.p, text.n);
}

void bird_fail(struct speaker_driver *d, enum speaker_error error, const char *text) ATTR_NONNULL;
void bird_fail_file(struct speaker_driver *d, const char *what, const char *suffix,
                    int error) ATTR_NONNULL;
/** Takes what FILE was read to hold; false: it could not be, or is another's, and that is told. */
bool bird_take_file(struct speaker_driver *d, int error, struct slice text) ATTR_NONNULL;

bool bird_open_file(struct speaker_driver *d) ATTR_NONNULL;

/** Reads back from BIRD; the file has been read. */
void bird_look(struct speaker_driver *d) ATTR_NONNULL;
/** Frees what a look came to. */
void bird_look_end(struct speaker_driver *d) ATTR_NONNULL;

void bird_apply(struct speaker_driver *d, const struct announcements *wanted) ATTR_NONNULL;
/** Frees what it has under way. */
void bird_change_end(struct speaker_driver *d) ATTR_NONNULL;
