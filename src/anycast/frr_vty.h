/* SPDX-License-Identifier: Apache-2.0
 * bgpd's vty: a Unix socket that takes lines as its console does. The connection stays open, so
 * that the end of bgpd is seen at once; lines are sent together, and each has its reply. Bounded in
 * time and bytes. */
#pragma once

#include "anycast/frr_words.h"
#include "drive/drive.h"

#define FRR_OUTPUT_MAX (8u << 20) /* of all replies together: a configuration of 100,000 lines */
#define FRR_TEXT_MAX 256

/** What came of some lines. */
struct frr_reply {
    enum speaker_error error; /* with `text`; of a line that was refused the first */
    char text[FRR_TEXT_MAX];
    struct slice output; /* of all lines; during the call */
};

struct frr_asker {
    void *ctx;
    /** Once for each time it is asked; may be called before that returns. */
    void (*answered)(void *ctx, const struct frr_reply *reply);
    /** From the loop, while nothing is asked: bgpd has closed the connection. */
    void (*lost)(void *ctx);
};

struct frr_vty;
/** Connects when it is asked. */
struct frr_vty *frr_vty_open(struct drive *drive, const char *path, const struct frr_asker *asker)
    ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** All lines are carried out, whatever becomes of those before. One at a time. */
void frr_vty_ask(struct frr_vty *vty, const struct frr_lines *lines,
                 uint32_t timeout_ms) ATTR_NONNULL;
/** Nothing is called any more. */
void frr_vty_close(struct frr_vty *vty) ATTR_NONNULL;
