/* SPDX-License-Identifier: Apache-2.0
 * The one line of work to a speaker: what is to be announced goes in, at any time and as often as
 * it changes; changes that come while the speaker is busy are told together. Reads back after each
 * change and each `interval`, tries again after failures (backoff), and knows what is really there.
 * On the anycast thread.
 *
 *  - Nothing is told before the first look that went well, and LINE_ADOPT_MS after it: in that
 *    time, best within changed(), announcers adopt what is there.
 *  - What is right is not told again. Before anything was told it is looked at with each new wish,
 *    as `differs` of a look is by the attributes of its time.
 *  - A change is told at once if none was within LINE_APART_MS, one that withdraws always.
 *  - What was told and is not there is told anew: at once if somebody or a restart has undone it,
 *    after a backoff if it was never seen to be there within LINE_SETTLE_MS.
 *  - While looks fail, each change is told all the same, in turn with looks: a speaker that cannot
 *    be read may still withdraw. */
#pragma once

#include "anycast/speaker.h"

#define LINE_ADOPT_MS 50
#define LINE_APART_MS 100
#define LINE_SETTLE_MS 2000
#define LINE_NUDGE_MS 50 /* from a nudge to the look, as it rarely comes alone */
#define LINE_RETRY_FIRST_MS 500
#define LINE_RETRY_LAST_MS 30000
#define LINE_SOON_MS 200       /* from a failure to the next try, if something else is wanted */
#define LINE_PATIENCE_MS 30000 /* besides twice the speaker's timeout: a driver is opened anew */

struct speaker_line;

struct speaker_line_host {
    struct drive *drive;
    const char *node;
    void *ctx;
    /** It was looked at or told something, or that failed: speaker_line_status(). From the loop,
     *  before anything is done about it; what is wanted from within is what counts. */
    void (*changed)(void *ctx, struct speaker_line *line);
};

struct speaker_status {
    bool up;   /* the last look or change went well, and what was told is there */
    bool busy; /* something is under way */
    enum speaker_error error;
    char text[256]; /* why not; "" */
    char note[256], version[64];
    int64_t error_since_ms, looked_ms; /* wall clock; 0: never */
    uint64_t n_errors, n_applied, n_restarts;
    uint64_t n_drifts; /* looks that found what was told, and there, undone */
};

/** `ops` is speaker_ops(config->type), or a stand-in. Opens the driver, looks at once. `set` is
 * whose `config` is; held as long as it is needed. */
struct speaker_line *
speaker_line_open(const struct speaker_line_host *host, const struct speaker_type_ops *ops,
                  const struct speaker *config,
                  struct anycast_set *set) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** All that is to be announced by it; copied. `set` is whose the specs are; held as long as they
 * are needed. The same again is nothing. */
void speaker_line_want(struct speaker_line *line, const struct announcements *wanted,
                       struct anycast_set *set) ATTR_NONNULL;
/** What the speaker has of a set, by the latest look if that went well: present when it has any of
 *  its prefixes (speaker_line_seen() has each), absent when none. *differs: one that is there has
 *  other attributes than it was looked for with. */
enum announcer_real speaker_line_real(const struct speaker_line *line,
                                      const struct anycast_spec *spec, bool *differs) ATTR_NONNULL;
/** What it has of each prefix, by the latest look that went well. Indices are of what is wanted
 * now.
 */
const struct speaker_seen *speaker_line_seen(const struct speaker_line *line) ATTR_NONNULL;
/** Whether the speaker was seen to have just what is wanted now, after all that it was told. */
bool speaker_line_settled(const struct speaker_line *line) ATTR_NONNULL;
const struct speaker_status *speaker_line_status(const struct speaker_line *line) ATTR_NONNULL;
/** How the guard withdraws all that is, or may be, announced; false: there is nothing to be done.
 *  Lives until the next call. */
bool speaker_line_will(struct speaker_line *line, struct last_will *will) ATTR_NONNULL;
/** Another configuration of it, by the same name and type: from when nothing is under way. */
void speaker_line_respecify(struct speaker_line *line, const struct speaker *config,
                            struct anycast_set *set) ATTR_NONNULL;
/** Looks as soon as it can, whether or not a retry is due. */
void speaker_line_look(struct speaker_line *line) ATTR_NONNULL;
/** Ends it at once, in changed() as well, and frees it when the loop has run; what the speaker has
 *  stays there. */
void speaker_line_close(struct speaker_line *line) ATTR_NONNULL;
