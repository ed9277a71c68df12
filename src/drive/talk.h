/* SPDX-License-Identifier: Apache-2.0
 * One request to a server of text lines, or one after the other, over a stream socket: connect,
 * send, read what comes until the server closes or the reader has enough. Everything is bounded:
 * time in all, time without a byte, bytes of the reply, and a line's length, as whoever answers may
 * be dead, slow or hostile.
 */
#pragma once

#include "base/ip.h"
#include "base/slice.h"
#include "drive/drive.h"

#define TALK_TEXT_MAX 256

struct talk_spec {
    const char *path; /* of a Unix socket; NULL: */
    struct ip addr;
    uint16_t port;
    struct slice request; /* copied */
    uint32_t total_ms;    /* for all of it */
    uint32_t idle_ms;     /* without a byte in either direction; 0: as total_ms */
    size_t max_bytes;     /* of the reply */
    size_t max_line;
};

enum talk_end {
    TALK_DONE,      /* the reader said so */
    TALK_CLOSED,    /* by the server, in order */
    TALK_NO_SOCKET, /* connect() failed: errno */
    TALK_BROKEN,    /* while talking: errno; ECANCELED: by drive_stop() */
    TALK_TOO_SLOW,  /* ETIMEDOUT: the whole time is over; ETIME: there was no byte for too long */
    TALK_TOO_MUCH   /* EFBIG: bytes; EMSGSIZE: a line is too long; EILSEQ: one has a NUL */
};

struct talk_events {
    void *ctx;
    /** A line, without its end (LF or CRLF); NUL-terminated, without NULs inside (such a line ends
     *  the talk: TALK_TOO_MUCH). Returns false when it has enough. May cancel the talk. */
    bool (*line)(void *ctx, char *line, size_t n);
    /** Once, at the end; on the loop, not before talk_start() returns. A last line without an end
     *  was not given to `line`: *left is how long it is. */
    void (*end)(void *ctx, enum talk_end how, int error, size_t left);
};

struct talk;
struct talk *talk_start(struct drive *drive, const struct talk_spec *spec,
                        const struct talk_events *events) ATTR_NONNULL ATTR_RETURNS_NONNULL;
/** Says more, for servers that are to be told one thing at a time: `total_ms` counts from the
 *  beginning all the same. From `line`; copied. */
void talk_say(struct talk *talk, struct slice text) ATTR_NONNULL;
/** `end` is not called. Not after `end`. */
void talk_cancel(struct talk *talk) ATTR_NONNULL;
/** "/run/haproxy/admin.sock: connection refused", "... the reply took longer than 2 s": what went
 *  wrong, in one line, with who it was asked. */
const char *talk_text(char out[TALK_TEXT_MAX], const struct talk_spec *spec, enum talk_end how,
                      int error) ATTR_NONNULL;
