/* SPDX-License-Identifier: Apache-2.0
 * One BGP speaker: what its driver is given, and what it has to do. Level-triggered: the driver is
 * told all that is to be announced, and makes the speaker have just that of ours; it reads back
 * what the speaker has. One thing at a time: speaker_line.c waits for each to end. */
#pragma once

#include "anycast/spec.h"
#include "base/buf.h"
#include "base/vec.h"
#include "drive/drive.h"

#define SPEAKER_PREPEND_MAX 16
#define SPEAKER_COMMUNITIES_MAX 64
#define GRACEFUL_SHUTDOWN_HIGH 65535 /* RFC 8326 section 5: 65535:0 */
#define GRACEFUL_SHUTDOWN_LOW 0

/** How one set is announced. Communities are all of them, GRACEFUL_SHUTDOWN among them, ascending;
 *  of these and of large ones each is there once. */
struct route_attributes {
    uint8_t prepend;
    bool has_med;
    uint32_t med;
    struct community communities[SPEAKER_COMMUNITIES_MAX];
    uint32_t n_communities;
    const struct large_community *large;
    uint32_t n_large;
};

/** One set, as it is to be. */
struct announcement {
    const struct anycast_spec *spec;
    bool announced;
    struct route_attributes attributes; /* if not: with which it would be, for `differs` */
};

/** All sets of the speaker, in the order of the configuration. Whatever else of ours the speaker
 *  has (of a set that is not configured any more) is to go. */
struct announcements {
    const struct announcement *v;
    uint32_t n;
    uint64_t version; /* rises with each change */
};

/** What the speaker has of one prefix. */
struct seen_route {
    struct ip_prefix prefix;
    uint32_t set, nth; /* index into announcements, and of its prefixes; MODEL_NONE: of no set, and
                          ours all the same */
    enum announcer_real real;
    bool differs; /* it is there, with other attributes than told; or not as it has to be for some
                     other reason, so that apply() would change something */
};

/** A prefix that is not among the routes is absent. */
struct speaker_seen {
    VEC(struct seen_route) routes;
    char version[64]; /* "BIRD 2.0.12"; "" */
    char note[256];   /* what the operator should know: "session to 192.0.2.1 is not established" */
    bool restarted;   /* since it was looked at before: what it was told may be gone */
};

enum speaker_error {
    SPEAKER_ERROR_NONE,
    SPEAKER_ERROR_UNREACHABLE, /* no socket, no answer, no binary */
    SPEAKER_ERROR_DENIED,      /* for want of a right: the text says which and how to give it */
    SPEAKER_ERROR_REJECTED,    /* it answered, and refused, or in words that are not known */
    SPEAKER_ERROR_DISK,        /* its file could not be written */
    SPEAKER_ERROR_FOREIGN,     /* the file is another node's, or nobody's */
    SPEAKER_ERROR_TIMEOUT
};
const char *speaker_error_text(enum speaker_error error); /* "unreachable" ... */
/** Of a command that did not go well, by how it ended alone. */
struct command_result;
enum speaker_error
speaker_command_error(const struct command_result *result) ATTR_NONNULL ATTR_PURE;

struct speaker_host {
    struct drive *drive;
    const struct speaker *config; /* until respecified() */
    const char *node;
    const char *state_dir; /* NULL: none */
    void *ctx;
    /** One of these ends each observe() and apply(), before it returns or later from the loop; the
     *  driver is called again from the loop only. */
    void (*observed)(void *ctx, struct speaker_seen *seen); /* borrowed */
    void (*applied)(void *ctx);
    void (*failed)(void *ctx, enum speaker_error error, const char *text);
    /** The speaker should be looked at soon: it may have been restarted. */
    void (*nudge)(void *ctx);
};

/** What has to be done that nothing of ours is announced any more when loadstard cannot: for the
 *  guard (guard.h). Either may be empty. */
struct last_will {
    const char *socket; /* a vty of FRR: `enable` and each line of `text` are sent, ended by NUL in
                           the place of LF, and the answers awaited, whatever they are */
    struct slice text;  /* lines, each with its LF */
    const char *const *argv;        /* of a command; ends with NULL */
    const char *const *const *then; /* further ones, each run after the one before, whatever came of
                                       it; ends with NULL. NULL: none */
};

struct speaker_driver;

struct speaker_type_ops {
    enum speaker_type type;
    /** Never NULL. What cannot be opened fails at the first observe(). */
    struct speaker_driver *(*open)(const struct speaker_host *host);
    /** Reads back which of the announcements the speaker has. They are borrowed until it ends. */
    void (*observe)(struct speaker_driver *driver, const struct announcements *wanted);
    /** Makes it have these, and withdraws what else of ours it has. Attributes are changed by
     *  replacing, never by a withdrawal. Borrowed until it ends. */
    void (*apply)(struct speaker_driver *driver, const struct announcements *wanted);
    /** The same speaker, by another configuration that only differs in what does not matter to
     *  what is open. NULL: it is closed and opened. */
    void (*respecified)(struct speaker_driver *driver, const struct speaker *config);
    /** How the guard is to withdraw what is announced now; texts live until the next call. NULL:
     *  the carrier of the TUNs is all it takes. */
    void (*will)(struct speaker_driver *driver, const struct announcements *now,
                 struct last_will *will);
    /** Frees it; nothing is called any more. */
    void (*close)(struct speaker_driver *driver);
};

extern const struct speaker_type_ops bird_speaker, exabgp_speaker, frr_speaker, gobgp_speaker,
    exec_speaker;
const struct speaker_type_ops *speaker_ops(enum speaker_type type) ATTR_RETURNS_NONNULL;

/** How a set is announced in a state: its communities, those of `degraded` and GRACEFUL_SHUTDOWN as
 *  the state asks for; `degraded` says it of a set that drains (announcer.degraded), and goes
 *  without saying of one that is degraded. Large communities are the configuration's. What is
 *  beyond SPEAKER_COMMUNITIES_MAX is left out, GRACEFUL_SHUTDOWN last. */
void route_attributes_of(struct route_attributes *out, const struct prefix_set *config,
                         enum announcer_state state, bool degraded) ATTR_NONNULL;
/** Large communities in whichever order. */
bool route_attributes_equal(const struct route_attributes *a,
                            const struct route_attributes *b) ATTR_NONNULL ATTR_PURE;

/* ---- what drivers share ---- */

#define COMMUNITY_TEXT_MAX 12       /* 65535:65535, with NUL */
#define LARGE_COMMUNITY_TEXT_MAX 33 /* 4294967295:4294967295:4294967295, with NUL */
const char *community_text(char out[COMMUNITY_TEXT_MAX], struct community community) ATTR_NONNULL;
const char *large_community_text(char out[LARGE_COMMUNITY_TEXT_MAX],
                                 const struct large_community *community) ATTR_NONNULL;
/** Whether the first comes before the second, for sorting. */
bool community_less(struct community a, struct community b) ATTR_PURE;

/** Which of the prefixes that one is: returns false when it is none of them. `set` and `nth` are
 *  then MODEL_NONE. */
bool announcements_find(const struct announcements *wanted, const struct ip_prefix *prefix,
                        uint32_t *set, uint32_t *nth) ATTR_NONNULL;

/** The next hop of a set's routes of a family, by the set or else by the speaker; NULL: the
 *  speaker's own address (`self`). */
const struct ip *route_next_hop(const struct prefix_set *set, const struct speaker *speaker,
                                uint8_t family) ATTR_NONNULL ATTR_PURE;
